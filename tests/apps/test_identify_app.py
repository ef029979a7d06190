"""The identify app without a browser: its questions answered on the real sample, and what it must not import."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from imagine_kernels.apps.identify import IdentifyApp, identify
from imagine_kernels.apps.session import fingerprint
from imagine_kernels.errors import ImagineError, SettingError, UnknownName, UnsafeArchive
from imagine_kernels.workflow import use_case

ROOT = Path(__file__).resolve().parents[2]


class Listener:
    """Stands where the page is: keeps what it is told."""

    def __init__(self, app: IdentifyApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, Any, list[bytes]]] = []
        self._news = threading.Condition()
        monkeypatch.setattr(app.part, "tell", self.tell)

    def tell(self, event: str, value: Any = None, buffers: Any = ()) -> None:
        with self._news:
            self.events.append((event, json.loads(json.dumps(value)), list(buffers)))
            self._news.notify_all()

    def wait(
        self, *names: str, holding: Callable[[Any], bool] = lambda _: True, timeout_s: float = 240
    ) -> tuple[str, Any, list[bytes]]:
        until = time.monotonic() + timeout_s
        with self._news:
            while True:
                for event in reversed(self.events):
                    if event[0] in names and holding(event[1]):
                        return event
                assert self._news.wait(until - time.monotonic()), [event[0] for event in self.events]


@pytest.fixture
def app(starter_model: Callable[[str], Any]) -> IdentifyApp:
    starter_model("zooscan")
    return IdentifyApp(use_case("zooscan"))


def test_the_sample_is_identified_corrected_and_opened_again(app: IdentifyApp, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Listener(app, monkeypatch)
    hello = app.hello({"session": None}, [])
    assert hello["words"]["units"] == "vignettes"
    app.open({"path": None, "settings": {"n_draws": "300"}}, [])
    event, ready, buffers = page.wait("ready", "failed")
    assert event == "ready", ready
    n, k = len(ready["ids"]), len(ready["classes"])
    probabilities = np.frombuffer(buffers[0], dtype="<f4").reshape(n, k)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    assert ready["model"]["metrics"][1]["name"] == "Balanced accuracy" or ready["model"]["metrics"][0]["name"]
    first = page.wait("quantities")[1]
    assert first["sequence"] == 0
    assert {each["unit"] for each in first["quantities"]} >= {"ind/m³", "mm³/m³"}
    assert first["spectrum"]["points"]

    moved, target = ready["ids"][:3], ready["classes"][0]
    before = sum(row["validated"] for row in first["rows"] if row["total"])
    rows = app.current().correct({"object_ids": moved, "label": target, "status": "validated", "after": 0}, [])
    assert [(row["sequence"], row["label"]) for row in rows] == [(1, target)]
    after = page.wait("quantities", holding=lambda value: value["sequence"] == 1)[1]
    assert sum(row["validated"] for row in after["rows"] if row["total"]) == before + 3
    result = app.current().result()
    assert set(result.predictions.label[:3]) == {target}
    assert app.current().undo({"after": 1}, [])[0]["undoes"] == 1
    assert app.current().redo({"after": 2}, [])[0]["undoes"] == 2

    session = ready["session"]
    again = IdentifyApp(use_case("zooscan"))
    other = Listener(again, monkeypatch)
    again.hello({"session": session}, [])
    event, reopened, _ = other.wait("ready", "failed")
    assert event == "ready", reopened
    assert reopened["ids"] == ready["ids"]
    assert [row["sequence"] for row in reopened["corrections"]] == [1, 2, 3]
    assert set(again.current().result().predictions.label[:3]) == {target}
    assert again.recent()[0]["session"] == session
    thumbs = again.thumbs({"rows": [0, 1, 2]}, [])
    assert thumbs.value["rows"] == [0, 1, 2]
    assert all(bytes(data[:4]) == b"RIFF" for data in thumbs.buffers)
    again.close()
    app.close()


def test_saved_tables_follow_the_corrections_when_it_is_quiet(app: IdentifyApp, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Listener(app, monkeypatch)
    app.open({"path": None, "settings": {}}, [])
    ready = page.wait("ready", "failed")[1]
    known = max((row["sequence"] for row in ready["corrections"]), default=0)
    app.current().correct({"object_ids": ready["ids"][:1], "label": "something new", "status": "validated", "after": known}, [])
    table = app.current().folder / "predictions.csv"
    until = time.monotonic() + 60
    while "something new" not in table.read_text(encoding="utf-8"):
        assert time.monotonic() < until
        time.sleep(0.2)
    app.close()


def test_nothing_outside_is_opened_and_settings_are_checked(app: IdentifyApp) -> None:
    with pytest.raises(UnsafeArchive, match="/etc is not in a folder that may be opened here"):
        app.open({"path": "/etc", "settings": {}}, [])
    with pytest.raises(SettingError, match="The setting tot_vol takes a number, not 'much'"):
        app.open({"path": None, "settings": {"tot_vol": "much"}}, [])
    with pytest.raises(ImagineError, match="No sample is open: choose one first"):
        app.current()
    with pytest.raises(UnknownName, match=r"Unknown use case 'zooscam'.*Did you mean 'zooscan'"):
        identify("zooscam")


def test_a_setting_names_only_files_that_the_person_may_open() -> None:
    app = IdentifyApp(use_case("flowcam"))
    with pytest.raises(UnsafeArchive, match="/etc/hostname is not in a folder that may be opened here"):
        app.open({"path": None, "settings": {"watch_list": "/etc/hostname"}}, [])
    assert app._job is None


def test_an_empty_folder_is_one_sentence_on_the_page(
    app: IdentifyApp, imagine_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Listener(app, monkeypatch)
    (imagine_home / "nothing").mkdir(exist_ok=True)
    app.open({"path": str(imagine_home / "nothing"), "settings": {}}, [])
    assert "put" in page.wait("failed")[1]


def test_another_model_can_be_chosen(
    app: IdentifyApp, starter_model: Callable[[str], Any], imagine_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = imagine_home / "models" / "my-cruise"
    shutil.copytree(starter_model("zooscan").path, own)
    (imagine_home / "few").mkdir()
    for picture in sorted(app.workflow.bundled_sample().rglob("*.png"))[:6]:
        shutil.copy(picture, imagine_home / "few")
    page = Listener(app, monkeypatch)
    try:
        app.hello({"session": None}, [])
        choices = page.wait("models")[1]
        # Other tests may have published models here.
        assert choices[0]["name"] is None
        assert "my-cruise" in [choice["name"] for choice in choices]
        assert all("balanced accuracy" in choice["words"] for choice in choices)
        app.open({"path": str(imagine_home / "few"), "settings": {}, "model": "no-such-model"}, [])
        assert "Unknown model for zooscan 'no-such-model'" in page.wait("failed")[1]
        # A folder is no name: what lies elsewhere is not for the page to choose.
        with pytest.raises(ImagineError, match=r"There is no model '/.*choose one from the list\."):
            app.open({"path": str(imagine_home / "few"), "settings": {}, "model": str(own)}, [])
        app.open({"path": str(imagine_home / "few"), "settings": {}, "model": "my-cruise"}, [])
        assert len(page.wait("ready")[1]["ids"]) == 6
    finally:
        app.close()
        shutil.rmtree(own)


def test_the_fingerprint_follows_files_and_settings(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    first = fingerprint(tmp_path, {})
    assert first == fingerprint(tmp_path, {})
    assert first != fingerprint(tmp_path, {"tot_vol": 3.0})
    (tmp_path / "b.png").write_bytes(b"2")
    assert first != fingerprint(tmp_path, {})


IMPORTS = """
import sys, time
begun = time.perf_counter()
from imagine_kernels.apps.identify import identify
identify("zooscan")
heavy = [name for name in ("torch", "fastai", "pandas", "cv2", "openvino", "onnxruntime", "sqlalchemy", "scipy", "PIL") if name in sys.modules]
print(heavy)
"""


def test_the_page_is_there_before_anything_heavy_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


WITHOUT_TORCH = """
import sys, threading
from imagine_kernels.apps.identify import IdentifyApp
from imagine_kernels.workflow import use_case
app = IdentifyApp(use_case("zooscan"))
done = threading.Event()
told = []
def tell(event, value=None, buffers=()):
    told.append((event, value))
    if event in ("quantities", "failed"):
        done.set()
app.part.tell = tell
app.open({"path": None, "settings": {"n_draws": 250}}, [])
assert done.wait(240)
assert told[-1][0] != "failed", told[-1]
print([name for name in ("torch", "fastai", "timm") if name in sys.modules])
"""


def test_identifying_needs_no_torch(starter_model: Callable[[str], Any]) -> None:
    starter_model("zooscan")
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_notebook_is_short_and_holds_no_outputs() -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "zooscan" / "identify.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(len(cell.source.splitlines()) for cell in code) <= 12
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("name", ["index.html.j2", "static/host.js"])
def test_the_template_names_no_address_elsewhere(name: str) -> None:
    text = (ROOT / "imagine_kernels" / "apps" / "voila" / "templates" / "imagine" / name).read_text(encoding="utf-8")
    assert "https://" not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
