"""The desktop view: a real napari window on a virtual display, each in a process of its own, so that Qt meets no other event loop."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagine_kernels.apps.desktop.mosaic import DISCARDED
from imagine_kernels.figures.drawing import SERIES
from imagine_kernels.result import open_result
from imagine_kernels.workflow import use_case

ROOT = Path(__file__).resolve().parents[3]
#: napari keeps its own settings in memory; nothing of a person's is read or written.
OWN = {"NAPARI_CONFIG": "", "LIBGL_ALWAYS_SOFTWARE": "1", "PYTHONWARNINGS": "default"}
DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def run(code: str, *, display: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    if display and not shutil.which("xvfb-run"):
        pytest.skip("there is no xvfb-run: `python install.py --browser` installs it")
    kept = {name: value for name, value in os.environ.items() if name not in DISPLAY_VARIABLES}
    server = ["xvfb-run", "-a", "-s", "-screen 0 1500x1000x24"] if display else []
    command = [*server, sys.executable, "-X", "faulthandler", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, env={**kept, **OWN, **environment}, check=False)


# The window.

START = """
import json, sys
from pathlib import Path
import numpy as np
import imagine_kernels as ik
from imagine_kernels.apps.desktop import open_viewer
from imagine_kernels.result import open_result
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtTest import QTest

def settle(ms=150):
    # Not QTest.qWait: vispy's own version of it spins.
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()

def key(code, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, code, modifier)
    settle()

def begin(data=None, **options):
    global viewer, labels, box
    viewer = open_viewer(ik.use_case("zooscan"), data, **options)
    viewer.window.resize(1400, 900)
    labels, box = viewer.layers["labels"], viewer.window.dock_widgets["Corrections"]
    settle(500)

def choose(*rows):
    labels.selected_data = set(rows)

def ids(*rows):
    return labels.features["object_id"].iloc[list(rows)].tolist()

def saved(folder, chosen):
    held = open_result(folder).predictions
    rows = [held.object_id.tolist().index(each) for each in chosen]
    return [held.label[row] for row in rows], [held.status[row] for row in rows]
"""


@pytest.fixture(scope="module")
def identified(starter_model: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `imagine identify` writes for part of the bundled sample: 40 objects."""
    starter_model("zooscan")
    workflow = use_case("zooscan")
    sample = workflow.open()
    few = sample.where(np.linspace(0, len(sample) - 1, 40).astype(int))
    return workflow.identify(few).save(tmp_path_factory.mktemp("identified") / "result")


@pytest.fixture
def folder(identified: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(identified, tmp_path / "result"))


CORRECT = """
begin(FOLDER)
canvas = viewer.screenshot(canvas_only=True, flash=False)
viewer.screenshot(SHOT, canvas_only=False, flash=False)
names = sorted(set(labels.features["label"]))
first = ids(0, 1, 2)
before = saved(FOLDER, first)

box["label"].native.setCurrentText("Something new")
choose(0, 1, 2)
key(Qt.Key.Key_M)
moved = saved(FOLDER, first)
shown = labels.features["label"].iloc[:3].tolist()
texts = [text for text in viewer.layers["text"].features["text"] if "Something" in text]
chosen_after = sorted(labels.selected_data)

key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
undone = saved(FOLDER, first)
key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
redone = saved(FOLDER, first)

choose(3); key(Qt.Key.Key_K)
choose(4); key(Qt.Key.Key_U)
choose(5); key(Qt.Key.Key_N)
choose(6); key(Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
rest = saved(FOLDER, ids(3, 4, 5, 6))
grey, blue = labels.edge_color[5].tolist(), labels.edge_color[6].tolist()

box["validate"].native.click()
said_nothing = box["said"].value
choose(7); box["dubious"].native.click(); box["undo"].native.click()
button = saved(FOLDER, ids(7))
box["export"].native.click()
print(json.dumps(dict(
    n=len(labels.data), names=names, before=before, moved=moved, shown=shown, texts=texts, grey=grey, blue=blue,
    chosen_after=chosen_after, undone=undone, redone=redone, rest=rest, said_nothing=said_nothing, button=button,
    choices=list(box["label"].choices), said=box["said"].value, levels=len(np.unique(canvas)), title=viewer.title,
    units=[str(unit) for unit in viewer.layers["vignettes"].units], scale=float(labels.scale[0]),
    probabilities=labels.features["probability"].tolist(), first_labels=labels.features["label"].tolist(),
    files=sorted(file.name for file in Path(FOLDER).iterdir()), torch="torch" in sys.modules,
)))
"""


def rgba(colour: str) -> list[float]:
    return [*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0]


def values(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_corrections_are_written_at_once_and_read_back(folder: Path, identified: Path, tmp_path: Path) -> None:
    shot = Path(os.environ.get("IMAGINE_SHOT") or tmp_path / "window.png")
    done = run(f"{START}\nFOLDER, SHOT = {str(folder)!r}, {str(shot)!r}\n{CORRECT}", PYTHONFAULTHANDLER="1")
    found = values(done)
    assert found["n"] == 40
    assert found["levels"] > 20, "the canvas shows pictures"
    assert shot.stat().st_size > 10_000
    assert found["units"] == ["millimeter", "millimeter"]
    assert found["scale"] == pytest.approx(0.0106, abs=1e-6)
    assert str(folder) in found["title"]

    assert found["moved"] == [["Something new"] * 3, ["validated"] * 3]
    assert found["shown"] == ["Something new"] * 3
    assert found["texts"] == ["Something new: validated"] * 3
    assert found["grey"] == pytest.approx(rgba(DISCARDED), abs=1e-6)
    assert found["blue"] == pytest.approx(rgba(SERIES[0]), abs=1e-6)
    assert found["chosen_after"] == []
    assert "Something new" in found["choices"]
    assert found["undone"] == found["before"]
    assert found["redone"] == found["moved"]
    assert found["rest"][1] == ["validated", "dubious", "discarded", "validated"]
    assert found["rest"][0][3] == sorted(found["choices"])[0]
    assert found["said_nothing"].startswith("Choose vignettes first.")
    assert found["button"][1] == ["predicted"]
    assert found["files"] == ["embedding.npy", "predictions.csv", "problems.csv", "result.json", "zooscan-sample-ecotaxa.zip"]
    assert str(folder) in found["said"]
    assert not found["torch"]
    # Nothing but what was corrected has changed.
    was, now = open_result(identified).predictions, open_result(folder).predictions
    np.testing.assert_array_equal(was.probabilities, now.probabilities)
    assert (was.status != now.status).sum() == 7


GUARD = """
from types import SimpleNamespace
begin(FOLDER)
sheet = np.stack(labels.data).copy()
colours = labels.edge_color.copy()
features = labels.features.copy()
outcome = {"mode": labels.mode, "callbacks": len(labels.mouse_drag_callbacks)}
choose(2, 3)
key(Qt.Key.Key_Delete); settle(500)
outcome["deleted"] = [len(labels.data), bool(np.array_equal(np.stack(labels.data), sheet))]
outcome["features"] = features.equals(labels.features)
outcome["colours"] = bool(np.allclose(colours, labels.edge_color))
labels.data = sheet + 5; settle(500)
outcome["moved"] = bool(np.array_equal(np.stack(labels.data), sheet))

canvas = viewer.window._qt_viewer.canvas
def at(row):
    world = labels.data_to_world(labels.data[row].mean(axis=0))
    x, y = canvas.view.scene.transform.map([world[1], world[0]])[:2]
    from qtpy.QtCore import QPoint
    return QPoint(int(x), int(y))
none = Qt.KeyboardModifier.NoModifier
shift = Qt.KeyboardModifier.ShiftModifier
left = Qt.MouseButton.LeftButton
QTest.mouseClick(canvas.native, left, none, at(1)); settle()
outcome["clicked"] = sorted(labels.selected_data)
QTest.mouseClick(canvas.native, left, shift, at(9)); settle()
outcome["shift"] = sorted(labels.selected_data)
QTest.mousePress(canvas.native, left, none, at(0)); settle()
QTest.mouseMove(canvas.native, (at(0) + at(4)) / 2); settle()
QTest.mouseMove(canvas.native, at(4)); settle()
QTest.mouseRelease(canvas.native, left, none, at(4)); settle()
outcome["frame"] = sorted(labels.selected_data)
outcome["still"] = bool(np.array_equal(np.stack(labels.data), sheet))
labels.mode = "pan_zoom"; labels.mode = "select"
outcome["again"] = len(labels.mouse_drag_callbacks)
print(json.dumps(outcome))
"""


def test_rectangles_are_chosen_with_the_mouse_and_never_moved(folder: Path) -> None:
    found = values(run(f"{START}\nFOLDER = {str(folder)!r}\n{GUARD}"))
    assert found["mode"] == "select"
    assert found["callbacks"] == found["again"] == 1
    assert found["deleted"] == [40, True]
    assert found["features"]
    assert found["colours"]
    assert found["moved"]
    assert found["clicked"] == [1]
    assert found["shift"] == [1, 9]
    assert {0, 4} <= set(found["frame"])
    assert found["still"]


SAMPLE = """
import sys
begin(SAMPLE)
folder = Path(viewer.title.partition(" – ")[2])
held = open_result(folder)
features = labels.features
order = all(
    (np.diff(group["probability"]) >= 0).all() for _, group in features.groupby("label", sort=False)
)
print(json.dumps(dict(folder=str(folder), n=len(held), shown=len(features), order=bool(order))))
"""


def few_pictures(target: Path, n: int = 8) -> Path:
    target.mkdir()
    for picture in sorted(use_case("zooscan").bundled_sample().rglob("*.png"))[:: 359 // n][:n]:
        shutil.copy(picture, target)
    return target


def test_a_sample_is_identified_into_a_new_folder(
    starter_model: Callable[[str], Any], imagine_home: Path, tmp_path: Path
) -> None:
    starter_model("zooscan")
    sample = few_pictures(tmp_path / "my cruise")
    found = values(run(f"{START}\nSAMPLE = {str(sample)!r}\n{SAMPLE}"))
    assert found["n"] == found["shown"] == len(list(sample.iterdir()))
    assert Path(found["folder"]).parent == imagine_home / "results"
    assert Path(found["folder"]).name.startswith("my-cruise-2")
    assert found["order"]


WITHOUT_MODEL = """
begin(SAMPLE)
before = labels.features.copy()
choose(0)
print(json.dumps(dict(said=box["said"].value, labels=sorted(set(before["label"])), n=len(before), widgets=len(box))))
"""


def test_labels_are_shown_where_there_is_no_model(tmp_path: Path) -> None:
    sample = tmp_path / "classes"
    few_pictures(tmp_path / "all")
    for n, picture in enumerate(sorted((tmp_path / "all").iterdir())):
        (sample / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, sample / "ab"[n % 2])
    found = values(run(f"{START}\nSAMPLE = {str(sample)!r}\n{WITHOUT_MODEL}", IMAGINE_HOME=str(tmp_path / "home")))
    assert found["labels"] == ["a", "b"]
    assert found["said"].startswith("These are the labels of the data, to look at only. There is no starter model for zooscan")
    assert found["widgets"] == 1


# What is missing.

REFUSED = """
import imagine_kernels as ik
from imagine_kernels.apps.desktop import open_viewer
from imagine_kernels.errors import ImagineError
try:
    open_viewer(ik.use_case("zooscan"), DATA, **OPTIONS)
except ImagineError as error:
    print(error)
"""


def refused(data: Path | str | None = None, options: str = "{}", **how: Any) -> str:
    done = run(f"DATA, OPTIONS = {str(data) if data else None!r}, {options}\n{REFUSED}", **how)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "\n" not in done.stdout.strip()
    return done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are checked on Linux only")
def test_no_display_is_one_sentence_and_not_the_end_of_the_process() -> None:
    assert "There is no display to open a window on (DISPLAY is not set)" in refused(display=False)
    assert "The display ':4711' does not answer" in refused(display=False, DISPLAY=":4711")
    assert "There is no OpenGL on this display" in refused(display=False, QT_QPA_PLATFORM="offscreen")


def test_missing_napari_is_one_sentence(tmp_path: Path) -> None:
    """A real environment without it: every installed package but those."""
    there = Path(np.__file__).resolve().parents[1]
    for entry in there.iterdir():
        if not entry.name.lower().startswith(("napari", "pyside6", "shiboken", "_napari")) and entry.suffix != ".pth":
            (tmp_path / entry.name).symlink_to(entry)
    places = [str(ROOT), str(tmp_path)]
    code = f"import sys\nsys.path[:0] = {places!r}\nDATA, OPTIONS = None, {{}}\n{REFUSED}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'napari and PySide6 is not installed: run `pip install "imagine-kernels[desktop]"`' in done.stdout


def test_what_cannot_be_opened_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    assert "is identified already: leave model and settings out" in refused(folder, '{"settings": {"dpi": "600"}}')
    assert "There is nothing at" in refused(tmp_path / "nowhere")


def test_nothing_heavy_is_imported_beforehand() -> None:
    code = (
        "import sys, imagine_kernels.apps.desktop, imagine_kernels.apps.desktop.desk\n"
        "print([name for name in ('napari', 'magicgui', 'qtpy', 'PySide6', 'vispy', 'torch', 'pandas') if name in sys.modules])"
    )
    assert run(code, display=False).stdout.strip() == "[]"
