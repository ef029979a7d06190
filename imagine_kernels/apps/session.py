"""One sample that is being worked on: its result, its history, its pictures and its quantities."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels import settings
from imagine_kernels.apps.dividing import Pool, lines_of, whole_of
from imagine_kernels.apps.payload import columns, correction_row, model_facts
from imagine_kernels.apps.quantities import quantities
from imagine_kernels.errors import ImagineError
from imagine_kernels.files import plain_name
from imagine_kernels.records import Predictions
from imagine_kernels.widgets.part import Reply, unexpected
from imagine_kernels.widgets.thumbnails import encode

if TYPE_CHECKING:
    from imagine_kernels.annotation import AnnotationStore, Correction, Session
    from imagine_kernels.result import Result
    from imagine_kernels.workflow import Workflow

#: Draws behind the intervals while a person corrects: figures follow at once; downloads take the full number.
QUICK_DRAWS = 200
#: After so many seconds without a correction the saved tables are brought up to date.
QUIET_S = 3.0
#: Where they are long: after so many times as long as writing them takes.
QUIET_TIMES = 10
#: So long a thread in the background is waited for at the end, seconds.
CLOSING_S = 5.0

Tell = Callable[..., None]
_log = logging.getLogger(__name__)


def fingerprint(path: Path, given: Mapping[str, Any]) -> str:
    """A short hash of what lies at `path` (names, sizes, times) and of the settings it is opened with."""
    made = hashlib.sha256(json.dumps(dict(given), sort_keys=True, default=str).encode())
    place = path.expanduser().resolve()
    made.update(str(place).encode())
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    for file in files:
        if file.is_file():
            facts = file.stat()
            made.update(f"{file.name}:{facts.st_size}:{facts.st_mtime_ns}\n".encode())
    return made.hexdigest()[:24]


class WorkSession:
    """A result that a person corrects.

    Parameters
    ----------
    workflow : Workflow
    store : AnnotationStore
    session : Session
    result : Result
        As the model left it, or as it was saved with corrections.
    tell : callable ``(event, value, buffers)``
        Tells the page.
    """

    def __init__(self, workflow: Workflow, store: AnnotationStore, session: Session, result: Result, tell: Tell) -> None:
        self.workflow, self.store, self.session = workflow, store, session
        self._tell = tell
        self._rows: list[Correction] = store.corrections(session.id)
        first = replace(result, predictions=_as_predicted(result.predictions))
        self._pool = Pool(workflow, first, self._rows, model_hash=session.model_hash, folder=self.folder)
        self.thumbnails = self._pool.thumbnails
        self._changing = threading.Lock()
        self._wake = threading.Event()
        self._measured = threading.Event()
        self._stop = threading.Event()
        # Without corrections the tables are as they were saved.
        self._saved = -1 if self._rows else 0
        self._quiet_s = QUIET_S
        self._threads: list[threading.Thread] = []

    @property
    def _first(self) -> Result:
        """All that was ever there, as the model left it."""
        return self._pool.result

    @property
    def folder(self) -> Path:
        """Where its tables and small pictures are kept."""
        return settings.results_folder() / self.session.id

    @property
    def sequence(self) -> int:
        """The last row of the history that is known here."""
        return self._rows[-1].sequence if self._rows else 0

    def begin(self) -> None:
        """Show it on the page, then make pictures and quantities in the background."""
        self._pool.take_over(self._rows)
        names, buffers = columns(self._first, self._pool.sizes)
        self._tell(
            "ready",
            {
                **names,
                "session": self.session.id,
                "name": self.session.name,
                "source": self.session.source,
                "layout": self._first.sample.layout,
                "corrections": [correction_row(row) for row in self._rows],
                "problems": [problem.to_dict() for problem in self._first.problems],
                "model": model_facts(self._first.model, self._first.predictions.classes),
                "seconds": None,
            },
            buffers,
        )
        self._wake.set()
        for work in (self._follow, self._make_thumbnails, self._place):
            thread = threading.Thread(target=work, name=f"imagine-{work.__name__.strip('_')}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop what runs in the background; what is not written yet is written."""
        self._stop.set()
        self._wake.set()
        self._measured.set()
        for thread in self._threads:
            thread.join(timeout=CLOSING_S)

    # What the page asks.

    def correct(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> list[dict[str, Any]]:
        """Write a correction; gives the rows that the page does not know yet."""
        return self._write(
            given,
            lambda after: self.store.append(
                self.session.id, object_ids=given["object_ids"], label=given.get("label"), status=given["status"], after=after
            ),
        )

    def undo(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> list[dict[str, Any]]:
        """Take back the last correction."""
        return self._write(given, lambda after: self.store.undo(self.session.id, after=after))

    def redo(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> list[dict[str, Any]]:
        """Take back the last undo."""
        return self._write(given, lambda after: self.store.redo(self.session.id, after=after))

    def sync(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> list[dict[str, Any]]:
        """Rows that another page has written."""
        with self._changing:
            self._read_on()
        return self._after(given)

    def similar(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> Reply:
        """All rows by falling likeness with one of them, as uint32.

        Raises
        ------
        ImagineError
            The result was made before the places of pictures were kept.
        """
        from imagine_kernels.measures.embedding import similar

        if self._first.places is None:
            raise ImagineError("It is not known which of these are alike: identify the sample once more.")
        order = similar(self._first.places, int(given["row"]))
        return Reply(None, [np.ascontiguousarray(order, dtype="<u4").tobytes()])

    # What is several.

    def cut(self, given: Mapping[str, Any]) -> Reply:
        """What the page needs to draw a cut through one object."""
        return self._pool.cut(int(given["row"]))

    def divide(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Divide an object along lines; gives the rows that the page does not know yet, after it was told of the parts.

        Raises
        ------
        ImagineError
            See `Pool.parts_of`; nothing was changed.
        """
        from imagine_kernels.annotation import Cut, StaleSequence, absent

        object_id, lines = str(given["object_id"]), lines_of(given.get("lines"))
        with self._changing:
            while True:
                self._read_on()
                if object_id in absent(self._rows):
                    raise ImagineError(f"{object_id} is divided already: undo that first.")
                parts = self._pool.parts_of(object_id, lines)
                try:
                    cut = Cut(lines=lines, parts=tuple(parts.predictions.object_id.tolist()))
                    self.store.divide(self.session.id, object_id, cut, after=self.sequence)
                    break
                except StaleSequence:
                    # Another page may have divided the same object, or taken the ids.
                    continue
            self._pool.grow(parts, object_id)
            self._tell("parts", *self._pool.told(parts, object_id))
            self._read_on()
        return self._after(given)

    def join(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Put the parts of an object together again; gives the rows that the page does not know yet."""
        from imagine_kernels.annotation import Cut

        return self._write(
            given,
            lambda after: self.store.divide(self.session.id, whole_of(self._rows, str(given["object_id"])), Cut(), after=after),
        )

    def _write(self, given: Mapping[str, Any], write: Callable[[int], Any]) -> list[dict[str, Any]]:
        from imagine_kernels.annotation import StaleSequence

        with self._changing:
            while True:
                try:
                    write(self.sequence)
                    break
                except StaleSequence:
                    # Another page was faster: take its rows over first, so that both come to the same state.
                    self._read_on()
            self._read_on()
        return self._after(given)

    def _read_on(self) -> None:
        fresh = self.store.corrections(self.session.id, after=self.sequence)
        for parts, whole in self._pool.take_over(fresh):
            self._tell("parts", *self._pool.told(parts, whole))
        if fresh:
            self._rows = [*self._rows, *fresh]
            self._wake.set()

    def _after(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        known = int(given.get("after", 0))
        return [correction_row(row) for row in self._rows if row.sequence > known]

    # The state that follows.

    def result(self) -> Result:
        """The result with all corrections in force."""
        from imagine_kernels.annotation import absent, fold

        first = self._first.predictions
        label, status = first.label.copy(), first.status.copy()
        place = {object_id: i for i, object_id in enumerate(first.object_id.tolist())}
        for object_id, state in fold(self._rows).items():
            row = place.get(object_id)
            if row is not None:
                label[row] = state.label if state.label is not None else label[row]
                status[row] = state.status if state.status is not None else status[row]
        whole = replace(self._first, predictions=replace(first, label=label, status=status))
        gone = absent(self._rows)
        return whole.where(np.array([each not in gone for each in first.object_id.tolist()], dtype=bool)) if gone else whole

    def _follow(self) -> None:
        """Measure again whenever something was corrected; write the tables when it has become quiet."""
        quick = {"n_draws": QUICK_DRAWS} if any(each.name == "n_draws" for each in self.workflow.declaration.settings) else {}
        while not self._stop.is_set():
            woken = self._wake.wait(timeout=self._quiet_s)
            if woken:
                self._wake.clear()
                sequence, result = self.sequence, self.result()
                try:
                    self._tell("quantities", quantities(result.measure(**quick), sequence=sequence))
                except ImagineError as error:
                    self._tell("unmeasured", str(error))
                except Exception as error:  # the thread must live on, and the person be told
                    _log.exception("The quantities failed")
                    self._tell("unmeasured", unexpected(error))
                finally:
                    self._measured.set()
            if (not woken or self._stop.is_set()) and self._saved != self.sequence:
                self._save()

    def _save(self) -> None:
        sequence, begun = self.sequence, time.monotonic()
        try:
            # The pool first: the tables of the session lack what was divided.
            self._pool.save()
            self.result().save(self.folder)
            self._saved = sequence
            self._quiet_s = max(QUIET_S, QUIET_TIMES * (time.monotonic() - begun))
        except (ImagineError, OSError):
            # The corrections themselves are in the database; the tables are only a copy of them.
            _log.exception("The tables in %s could not be written", self.folder)

    def _place(self) -> None:
        """Tell the page how unusual each picture is, and which ones form groups."""
        from imagine_kernels.measures.embedding import clusters, unusual

        places = self._first.places
        if places is None or not len(places):
            return
        # The quantities come first; and two threads that load parts of SciPy at once may each find the other's half loaded.
        self._measured.wait()
        if self._stop.is_set():
            return
        try:
            found = (unusual(places).astype("<f4"), clusters(places).astype("<u2"))
        except Exception:  # the page does without
            _log.exception("The pictures of %s could not be put into groups", self.session.name)
            return
        if not self._stop.is_set():
            self._tell("places", None, [np.ascontiguousarray(each).tobytes() for each in found])

    # Pictures.

    def _make_thumbnails(self) -> None:
        try:
            if self._pool.make(self._stop):
                self._tell("sizes", None, [np.ascontiguousarray(self._pool.sizes, dtype="<u2").tobytes()])
        except RuntimeError:
            # The interpreter is ending and starts no more threads; the pictures are made when the session is opened again.
            _log.debug("The small pictures of %s were not finished", self.session.name)
        except (ImagineError, OSError) as error:
            _log.warning("The small pictures of %s could not all be made: %s", self.session.name, error)

    def thumbs(self, rows: Sequence[int]) -> list[bytes | None]:
        """Small pictures; what is not made yet is made now."""
        return self._pool.thumbs(rows)

    def picture(self, row: int) -> bytes:
        """One picture in full; raises its `ImageError` where it cannot be decoded."""
        return encode(self._pool.picture(row), side=None)

    def facts(self, row: int) -> list[dict[str, str]]:
        """What the data say of one object, for people."""
        objects = self._first.sample.objects
        shown = {
            name: column
            for name, column in self.workflow.declaration.sorts.items()
            if column in objects and column != "sample_id"
        }
        values = {name: objects[column].iloc[row] for name, column in shown.items()}
        values["file"] = objects["file"].iloc[row]
        return [
            {"name": name.capitalize(), "value": f"{value:g}" if isinstance(value, float) else str(value)}
            for name, value in values.items()
        ]

    # What leaves.

    def export(self, kind: str) -> Path:
        """A native format of the use case in a temporary place."""
        with _making(f"{plain_name(self.session.name)}-{kind}.zip") as target:
            return self.result().export(kind, target)[0]

    def tables(self) -> Path:
        """A zip of all tables as CSV."""
        from imagine_kernels.result import write_measurements

        with _making(f"{plain_name(self.session.name)}-tables.zip") as target:
            result = self.result()
            with tempfile.TemporaryDirectory(prefix="imagine-tables-") as place:
                folder = result.save(Path(place))
                write_measurements(result.measure(), folder)
                shutil.make_archive(str(target.with_suffix("")), "zip", folder)
            return target

    def report(self, progress: Callable[[int, int, str], None]) -> Path:
        """The executed report as HTML."""
        from imagine_kernels.reports import make_report

        self._save()
        with _making(f"{plain_name(self.session.name)}-report.html") as target:
            make_report(self.workflow.name, self.folder, out=target, progress=progress)
            return target


@contextmanager
def _making(name: str) -> Iterator[Path]:
    """A temporary path of that name; its folder goes where the making fails."""
    folder = Path(tempfile.mkdtemp(prefix="imagine-download-"))
    try:
        with settings.writing(folder / name):
            yield folder / name
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _as_predicted(predictions: Predictions) -> Predictions:
    """The predictions as the model left them: saved tables hold corrections, which come from the history instead."""
    return Predictions.of(predictions.object_id, predictions.classes, predictions.probabilities)
