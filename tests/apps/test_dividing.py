"""Dividing objects in the identify app, without a browser: parts come, count, are corrected, and go again; nothing is lost on the way."""

from __future__ import annotations

import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagine_kernels.apps.identify import IdentifyApp
from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.records.cuts import MULTIPLE, PROPOSED_CUT
from imagine_kernels.samples.zooscan_scan import make_scan
from imagine_kernels.workflow import use_case


class Page:
    """Stands where the page is: keeps what it is told."""

    def __init__(self, app: IdentifyApp) -> None:
        self.events: list[tuple[str, Any, list[bytes]]] = []
        self._news = threading.Condition()
        app.part.tell = self.tell  # type: ignore[method-assign]

    def tell(self, event: str, value: Any = None, buffers: Any = ()) -> None:
        with self._news:
            self.events.append((event, json.loads(json.dumps(value)), list(buffers)))
            self._news.notify_all()

    def wait(self, *names: str, holding: Callable[[Any], bool] = lambda _: True) -> tuple[str, Any, list[bytes]]:
        until = time.monotonic() + 120
        with self._news:
            while True:
                found = next((event for event in reversed(self.events) if event[0] in names and holding(event[1])), None)
                if found is not None:
                    return found
                assert self._news.wait(until - time.monotonic()), [event[0] for event in self.events]


@pytest.fixture(scope="module")
def project(imagine_home: Path) -> Path:
    return make_scan(imagine_home / "divided", 41, width=2000, height=1500, n=8, touching=5)


@pytest.fixture
def opened(
    project: Path, starter_model: Callable[[str], Any]
) -> Iterator[Callable[..., tuple[IdentifyApp, Page, Any, list[bytes]]]]:
    starter_model("zooscan")
    apps = []

    def open_it(session: str | None = None) -> tuple[IdentifyApp, Page, Any, list[bytes]]:
        app = IdentifyApp(use_case("zooscan"))
        apps.append(app)
        page = Page(app)
        if session is None:
            app.open({"path": str(project), "settings": {"n_draws": "100"}}, [])
        else:
            app.hello({"session": session}, [])
        event, ready, buffers = page.wait("ready", "failed")
        assert event == "ready", ready
        return app, page, ready, buffers

    yield open_it
    for app in apps:
        app.close()


def total(value: Any) -> int:
    return sum(row["counted"] for row in value["rows"] if row["total"])


def test_an_object_is_divided_its_parts_count_and_come_again_after_a_reload(
    opened: Callable[..., tuple[IdentifyApp, Page, Any, list[bytes]]], tmp_path: Path
) -> None:
    app, page, ready, buffers = opened()
    n = len(ready["ids"])
    assert ready["multiples_above"] == 0.5
    probability = np.frombuffer(buffers[-1], dtype="<f4")
    first = app.current().result()
    np.testing.assert_allclose(probability, first.sample.objects[MULTIPLE], rtol=1e-6)
    proposed = np.flatnonzero(first.sample.objects[PROPOSED_CUT].to_numpy() != "")
    row = int(proposed[0])
    whole = ready["ids"][row]
    before = total(page.wait("quantities")[1])

    # What the page draws on is the vignette, at its place in the scan.
    cut = app.current().cut({"row": row})
    facts = first.sample.objects.iloc[row]
    assert cut.value["x"] < facts["object_bx"] < facts["object_bx"] + facts["object_width"] < cut.value["x"] + cut.value["width"]
    assert bytes(cut.buffers[0])[:4] == b"RIFF"
    assert cut.value["lines"]

    # Lines that do not divide it change nothing.
    with pytest.raises(DataError, match=rf"{whole}: The lines do not divide the object"):
        app.current().divide({"object_id": whole, "lines": [[[0, 0], [5, 5]]], "after": 0})
    with pytest.raises(ImagineError, match="There is no line to divide along: draw one right through the object"):
        app.current().divide({"object_id": whole, "lines": [], "after": 0})
    assert app.current().sequence == 0

    rows = app.current().divide({"object_id": whole, "lines": cut.value["lines"], "after": 0})
    parts = rows[-1]["parts"]
    assert len(parts) >= 2
    told = page.wait("parts")[1]
    assert (told["ids"], told["first"], told["whole"]) == (parts, n, row)
    now = app.current().result()
    assert len(now) == n - 1 + len(parts)
    assert whole not in now.predictions.object_id
    np.testing.assert_allclose(now.predictions.probabilities[-len(parts) :].sum(axis=1), 1, atol=1e-4)
    assert now.sample.objects["object_area"].iloc[-len(parts) :].sum() < facts["object_area"]
    measured = page.wait("quantities", holding=lambda value: value["sequence"] == 1)[1]
    assert total(measured) == before - 1 + len(parts)
    assert any(table["title"] == "Separation" for table in measured["tables"])
    assert all(data[:4] == b"RIFF" for data in map(bytes, app.thumbs({"rows": [n, n + 1, row]}, []).buffers))
    with pytest.raises(ImagineError, match=f"{whole} is divided already: undo that first"):
        app.current().divide({"object_id": whole, "lines": cut.value["lines"], "after": 1})

    # A part is corrected as any other object, and only it leaves.
    app.current().correct({"object_ids": parts[:1], "label": "a new name", "status": "validated", "after": 1}, [])
    with zipfile.ZipFile(app.current().export("ecotaxa")) as archive:
        text = archive.read(next(name for name in archive.namelist() if name.endswith(".tsv"))).decode()
        ids = [line.split("\t")[text.splitlines()[0].split("\t").index("object_id")] for line in text.splitlines()[2:]]
    assert sorted(ids) == sorted(now.predictions.object_id)
    app.close()

    again, other, reopened, _ = opened(ready["session"])
    assert reopened["ids"] == [*ready["ids"], *parts]
    assert [each["parts"] for each in reopened["corrections"]] == [parts, None]
    result = again.current().result()
    assert dict(zip(result.predictions.object_id, result.predictions.label, strict=True))[parts[0]] == "a new name"
    np.testing.assert_allclose(result.predictions.probabilities, now.predictions.probabilities, atol=1e-5)
    again.current().undo({"after": 2}, [])
    again.current().undo({"after": 3}, [])
    assert again.current().result().predictions.object_id.tolist() == ready["ids"]
    back = other.wait("quantities", holding=lambda value: value["sequence"] == 4)[1]
    assert total(back) == before
    # Divided in another way the parts have other names, so that nothing said of the first ones is said of them.
    facts = result.sample.objects.set_index("object_id")
    box = first.sample.objects.iloc[row]
    middle = int(box["object_bx"] + box["object_width"] // 2)
    line = [[middle, int(box["object_by"]) - 3], [middle, int(box["object_by"] + box["object_height"]) + 3]]
    fresh = again.current().divide({"object_id": whole, "lines": [line], "after": 4})[-1]["parts"]
    assert not set(fresh) & set(parts)
    joined = again.current().join({"object_id": fresh[0], "after": 5})
    assert joined[-1]["parts"] == []
    assert again.current().result().predictions.object_id.tolist() == ready["ids"]


def test_another_page_on_the_session_is_told_of_the_parts(
    opened: Callable[..., tuple[IdentifyApp, Page, Any, list[bytes]]],
) -> None:
    app, _, ready, _ = opened()
    known = max((each["sequence"] for each in ready["corrections"]), default=0)
    other, news, _, _ = opened(ready["session"])
    objects = app.current().result().sample.objects
    there = objects[(objects[PROPOSED_CUT] != "") & (objects["object_cut"] == "")].iloc[-1]
    row = ready["ids"].index(there["object_id"])
    lines = app.current().cut({"row": row}).value["lines"]
    parts = app.current().divide({"object_id": there["object_id"], "lines": lines, "after": known})[-1]["parts"]
    rows = other.current().sync({"after": known}, [])
    assert rows[-1]["parts"] == parts
    assert news.wait("parts")[1]["ids"] == parts
    assert set(parts) <= set(other.current().result().predictions.object_id)
