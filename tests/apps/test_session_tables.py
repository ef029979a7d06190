"""When a session writes its tables: with what was corrected, and not without need."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from flowcam_runs import particles, write_run

import imagine_kernels as ik
from imagine_kernels.annotation import AnnotationStore
from imagine_kernels.apps.session import WorkSession
from imagine_kernels.records import Predictions
from imagine_kernels.result import Result


def worked_on(folder: Path, store: AnnotationStore, session_id: str | None, *corrections: str) -> tuple[str, Path]:
    """Open a session on six particles, discard those, and close it; the session and its tables."""
    workflow = ik.use_case("flowcam")
    sample = workflow.open(folder)
    ids = sample.objects["object_id"].to_numpy(dtype=object)
    predictions = Predictions.of(ids, ("Tripos", "Detritus"), np.tile([0.9, 0.1], (len(ids), 1)))
    result = Result(declaration=workflow.declaration, sample=sample, predictions=predictions)
    row = (
        store.session(session_id)
        if session_id
        else store.new_session(use_case="flowcam", name="r", source=str(folder), fingerprint=str(folder), model_hash="")
    )
    measured = threading.Event()

    def tell(event: str, _value: Any = None, _buffers: Any = ()) -> None:
        if event in ("quantities", "unmeasured"):
            measured.set()

    session = WorkSession(workflow, store, row, result, tell)
    session.folder.mkdir(parents=True, exist_ok=True)
    session.begin()
    assert measured.wait(60)
    for object_id in corrections:
        session.correct({"object_ids": [object_id], "status": "discarded", "after": 0}, [])
    session.close()
    return row.id, session.folder / "predictions.csv"


def test_tables_are_written_for_what_was_corrected(tmp_path: Path, imagine_home: Path) -> None:
    folder = write_run(tmp_path / "run", particles(6))
    store = AnnotationStore(tmp_path / "annotations.db")
    session, table = worked_on(folder, store, None)
    # Whoever identified the sample has written them; nothing is new.
    assert not table.exists()
    worked_on(folder, store, session, "r_2", "r_3")
    assert table.read_text(encoding="utf-8").count(",discarded,") == 2
    store.close()
