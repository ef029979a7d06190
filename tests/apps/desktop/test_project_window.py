"""A project in a real napari window on a virtual display: drawn, moved, named and deleted with mouse and keys, and read back from the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imagine_kernels.annotation import Person, Project, Projects
from imagine_kernels.records import Annotation, Label, LabelGiven, Medium, Shape
from tests.apps.desktop.test_desktop import run, values

SPONGES, CORALS = ("Biota", "Sponges"), ("Biota", "Corals")
NAN = float("nan")
#: One of each kind, with numbers that a 32-bit float cannot hold.
KINDS: dict[str, tuple[float, ...]] = {
    "rectangle": (100.123456789, 100.1, 200.3, 180.7),
    "rotated_rectangle": (400.3, 150.1, 120.7, 60.2, 30.0),
    "polygon": (300.1, 300.2, 400.3, 310.4, 350.5, 400.6),
    "circle": (150.1, 400.2, 40.3),
    "ellipse": (600.1, 150.2, 80.3, 30.4, 20.5),
    "line": (20.1, 20.2, 90.3, 60.4, 120.5, 20.6),
    "point": (250.123456789, 250.6),
    "keypoints": (720.1, 500.2, 2, 740.3, 520.4, 1),
    "mask": (300, 450, 40, 30, 0, 1200),
    "whole": (),
}
HOLE = (500, 300, 700, 300, 700, 450, 500, 450, NAN, NAN, 550, 350, 600, 350, 600, 400)


def picture(path: Path, *, seed: int = 0, dtype: Any = np.uint8) -> Path:
    random = np.random.default_rng(seed)
    values = random.integers(0, np.iinfo(dtype).max, (600, 800, 3)[: 3 if dtype == np.uint8 else 2], dtype=dtype)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two pictures, and in the first of them one annotation of each kind."""
    for i, name in enumerate(("a.png", "b.png")):
        picture(tmp_path / "pictures" / name, seed=i)
    store = Projects(tmp_path / "reef.db")
    labels = [
        Label(name="Biota"),
        Label(name="Sponges", parent=("Biota",), color="#d55e00"),
        Label(name="Corals", parent=("Biota",)),
    ]
    tree = store.trees.save("reef", labels, author="anna")
    found = store.create("Reef", by=Person("ben"), tree=tree)
    found.give_role("user:anna", "annotate")
    found.add_media([Medium(name=name, width=800, height=600, pixel_size_m=1e-3) for name in ("a.png", "b.png")])
    given = (LabelGiven(path=SPONGES),)
    for kind, numbers in KINDS.items():
        found.add(Annotation(id=kind, medium="a.png", shape=Shape.of(kind, numbers), labels=given))  # type: ignore[arg-type]
    found.add(Annotation(id="hole", medium="a.png", shape=Shape.of("polygon", HOLE), labels=given))
    return found


START = """
import json, os
from pathlib import Path
import numpy as np
from imagine_kernels.annotation import Conflict, Edit, Filter, Person, Projects
from imagine_kernels.records import Annotation, LabelGiven, Shape
from imagine_kernels.apps.desktop.opening import open_project
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest

NONE, CTRL, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
store = Projects(HERE / "reef.db")
mine, hers = (store.open("Reef", by=Person(name)) for name in ("ben", "anna"))

def settle(ms=70):
    # Not QTest.qWait: vispy's own version of it spins.
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()

def begin(medium=None):
    global viewer, dock, desk, canvas, shapes, points
    viewer = open_project("Reef", medium, store=store, files=HERE / "pictures")
    viewer.window.resize(1000, 800)
    dock = viewer.window.dock_widgets["Annotation project"].property("dock")
    desk = dock.desk
    settle(250)
    canvas = viewer.window._qt_viewer.canvas
    shapes, points = viewer.layers["shapes"], viewer.layers["points"]

def key(code, modifier=NONE):
    QTest.keyClick(canvas.native, code, modifier)
    settle()

def at(x, y):
    layer = viewer.layers["shapes"]
    world = layer.data_to_world([y - 0.5, x - 0.5])
    sx, sy = canvas.view.scene.transform.map([world[1], world[0]])[:2]
    return QPoint(int(round(sx)), int(round(sy)))

def drag(x0, y0, x1, y1, release=True):
    begin, end = at(x0, y0), at(x1, y1)
    QTest.mouseMove(canvas.native, begin); settle(15)
    QTest.mousePress(canvas.native, LEFT, NONE, begin); settle(15)
    for part in (0.3, 0.6, 1.0):
        QTest.mouseMove(canvas.native, begin + (end - begin) * part); settle(15)
    if release:
        QTest.mouseRelease(canvas.native, LEFT, NONE, end); settle()

def click(x, y, modifier=NONE):
    QTest.mouseMove(canvas.native, at(x, y)); settle(15)
    QTest.mouseClick(canvas.native, LEFT, modifier, at(x, y)); settle()

def held(id_):
    return mine.get(id_)

def numbers(id_):
    return list(held(id_).annotation.shape.numbers)

def kinds(id_):
    return [event.kind for event in mine.history(id_)]

def all_ids():
    return {each.annotation.id for each in mine.page(Filter(medium="a.png")).items}
"""


def scene(project: Project, code: str, tmp_path: Path, **more: str) -> dict[str, Any]:
    here = f"from pathlib import Path\nHERE = Path({str(tmp_path)!r})\n"
    home = {"IMAGINE_HOME": str(tmp_path / "home"), "JUPYTERHUB_USER": "ben", "PYTHONFAULTHANDLER": "1"}
    return values(run(here + START + code, **home, **more))


UNTOUCHED = """
before = mine.head
begin()
opened = desk.medium.name
layers = {layer.name: len(layer.data) for layer in viewer.layers if layer.name in ("shapes", "points", "shown only", "keypoints")}
features = shapes.features.set_index("id").loc["rectangle"].to_dict()
locked = [viewer.layers["shown only"].editable, viewer.layers["keypoints"].editable]
mask = int((viewer.layers["masks"].data != 0).sum())
unit, scale = str(viewer.layers["a.png"].units[0]), float(viewer.layers["a.png"].scale[0])
viewer.screenshot(SHOT, canvas_only=False, flash=False)
# Tools, a selection, another medium and back, and closing change nothing.
viewer.layers.selection.active = shapes
key(Qt.Key.Key_S); shapes.selected_data = {0, 1}; settle()
viewer.scene.camera.zoom *= 5; settle(400)
key(Qt.Key.Key_PageDown)
second = desk.medium.name
key(Qt.Key.Key_PageUp)
back = desk.medium.name
edges = {tuple(row) for row in viewer.layers["shapes"].edge_color.round(3).tolist()}
said = desk.said
dock.close(); viewer.close(); settle(1200)
print(json.dumps(dict(opened=opened, layers=layers, features=features, locked=locked, mask=mask, unit=unit, scale=scale, second=second,
    back=back, same=mine.head == before, edges=len(edges), said=said)))
"""


def test_a_project_that_is_only_looked_at_stays_untouched(project: Project, tmp_path: Path) -> None:
    shot = Path(os.environ.get("IMAGINE_SHOT") or tmp_path / "window.png")
    found = scene(project, f"SHOT = {str(shot)!r}\n{UNTOUCHED}", tmp_path)
    assert (found["opened"], found["second"], found["back"]) == ("a.png", "b.png", "a.png")
    assert found["layers"] == {"shapes": 6, "points": 1, "shown only": 2, "keypoints": 2}
    assert found["features"]["label"] == "Biota > Sponges"
    assert (found["features"]["status"], found["features"]["author"]) == ("validated", "ben")
    assert found["locked"] == [False, False]
    assert found["mask"] == 1200
    assert found["unit"] == "millimeter"
    assert found["scale"] == pytest.approx(1.0)
    assert found["edges"] == 1, "all have the colour of the same label"
    assert found["said"] == "11 annotations. 1 of them have no place in a layer."
    assert found["same"], "the head of the history has moved"
    assert shot.stat().st_size > 10_000


EDIT = """
begin("a.png")
before = all_ids()
viewer.layers.selection.active = shapes

# The label is searched with the keyboard, and drawn next.
key(Qt.Key.Key_G)
QTest.keyClicks(dock.search, "coral"); QTest.keyClick(dock.search, Qt.Key.Key_Return); settle()
next_label = desk.label

# A rectangle is drawn.
key(Qt.Key.Key_R)
drag(520, 480, 600, 560)
(new,) = all_ids() - before
drawn = dict(kind=held(new).annotation.shape.kind, numbers=numbers(new), label=held(new).annotation.labels[0].path,
    by=held(new).annotation.labels[0].annotator, features=shapes.features["id"].tolist().count(new), kinds=kinds(new))

# It is moved.
key(Qt.Key.Key_S)
click(560, 520)
selected = desk.layers.selected
drag(560, 520, 590, 500)
moved = dict(numbers=numbers(new), kinds=kinds(new))

# It gets another label, and a status.
key(Qt.Key.Key_G)
QTest.keyClicks(dock.search, "spon"); QTest.keyClick(dock.search, Qt.Key.Key_Return); settle()
relabelled = dict(label=held(new).annotation.labels[0].path, kinds=kinds(new))
key(Qt.Key.Key_U)
dubious = held(new).annotation.status
edge = shapes.edge_color[shapes.features["id"].tolist().index(new)].round(3).tolist()

# It is deleted with napari's own key, brought back, deleted again.
key(Qt.Key.Key_Delete)
deleted = [held(new).deleted, kinds(new)[-1], new in shapes.features["id"].tolist()]
key(Qt.Key.Key_Z, CTRL)
undone = [held(new).deleted, kinds(new)[-1], new in shapes.features["id"].tolist(), numbers(new) == moved["numbers"]]
key(Qt.Key.Key_Z, CTRL | SHIFT)
redone = [held(new).deleted, kinds(new)[-1], new in shapes.features["id"].tolist()]

# A vertex of the polygon is moved; the others stay to the last digit.
polygon = numbers("polygon")
shapes.selected_data = {shapes.features["id"].tolist().index("polygon")}
key(Qt.Key.Key_D)
drag(350.5, 400.6, 330, 420)
vertex = numbers("polygon")
key(Qt.Key.Key_S)

# A rotated rectangle that is moved stays one.
rotated = numbers("rotated_rectangle")
drag(400, 150, 420, 170)
turned = [held("rotated_rectangle").annotation.shape.kind, numbers("rotated_rectangle")]

# Several at one go are one step.
head = mine.head[0]
shapes.selected_data = {shapes.features["id"].tolist().index(each) for each in ("circle", "ellipse")}
key(Qt.Key.Key_Delete)
two = [held(each).deleted for each in ("circle", "ellipse")]
key(Qt.Key.Key_Z, CTRL)
both = [held(each).deleted for each in ("circle", "ellipse")]
back = [numbers("circle"), numbers("ellipse")]

# A point is moved and one is set.
viewer.layers.selection.active = points
key(Qt.Key.Key_S)
drag(250.1, 250.6, 270, 270)
point = numbers("point")
before = all_ids()
key(Qt.Key.Key_P)
click(60, 500)
(second,) = all_ids() - before
set_ = [held(second).annotation.shape.kind, numbers(second)]

# A mask is painted with the brush.
dock.buttons["paint"].click(); settle()
masks = viewer.layers["masks"]
masks.brush_size = 12
before = all_ids()
drag(60, 300, 120, 300)
(painted,) = all_ids() - before
sum_ = int((masks.data == masks.selected_label).sum())
runs = held(painted).annotation.shape.numbers
inside = [held(painted).annotation.shape.kind, sum(runs[5::2]), sum_, list(runs[:4])]
old_mask = numbers("mask")
key(Qt.Key.Key_Z, CTRL)
mask_undone = [held(painted).deleted, int((masks.data != 0).sum())]

# All of it was looked at.
key(Qt.Key.Key_Y)
looked = [dict(mine.medium("a.png").reviewed_by), desk.medium.name, dock.media.item(0).text()]
untouched = [numbers("rectangle"), numbers("line")]
verified = mine.head[0]
print(json.dumps(dict(next_label=next_label, drawn=drawn, selected=selected == [new], moved=moved, relabelled=relabelled, dubious=dubious,
    edge=edge, deleted=deleted, undone=undone, redone=redone, polygon=polygon, vertex=vertex, rotated=rotated, turned=turned, two=two,
    both=both, back=back, point=point, set=set_, inside=inside, old_mask=old_mask, mask_undone=mask_undone, looked=looked,
    untouched=untouched)))
"""


def test_what_is_done_with_mouse_and_keys_is_in_the_store(project: Project, tmp_path: Path) -> None:
    found = scene(project, EDIT, tmp_path)
    assert found["next_label"] == list(CORALS)
    drawn = found["drawn"]
    assert drawn["kind"] == "rectangle"
    assert drawn["numbers"] == pytest.approx([520, 480, 600, 560], abs=2)
    assert (drawn["label"], drawn["by"], drawn["features"]) == (list(CORALS), "ben", 1)
    assert drawn["kinds"] == ["create"]
    assert found["selected"]
    shift = np.subtract(found["moved"]["numbers"], drawn["numbers"])
    assert shift == pytest.approx([30, -20, 30, -20], abs=2)
    assert found["moved"]["kinds"] == ["create", "reshape"]
    assert found["relabelled"] == {"label": list(SPONGES), "kinds": ["create", "reshape", "relabel"]}
    assert found["dubious"] == "dubious"
    assert found["edge"][:3] == pytest.approx([0xD5 / 255, 0x5E / 255, 0], abs=2e-3)
    assert found["deleted"] == [True, "delete", False]
    assert found["undone"] == [False, "undo", True, True]
    assert found["redone"] == [True, "redo", False]
    assert found["vertex"][:4] == found["polygon"][:4] == list(KINDS["polygon"][:4])
    assert found["vertex"][4:] == pytest.approx([330, 420], abs=3)
    kind, numbers = found["turned"]
    assert kind == "rotated_rectangle"
    assert np.subtract(numbers, found["rotated"]) == pytest.approx([20, 20, 0, 0, 0], abs=2)
    assert numbers[2:] == pytest.approx(found["rotated"][2:], abs=1e-3)
    assert found["two"] == [True, True]
    assert found["both"] == [False, False]
    assert found["back"] == [list(KINDS["circle"]), list(KINDS["ellipse"])]
    assert found["point"] == pytest.approx([270, 270], abs=2)
    assert found["set"][0] == "point"
    assert found["set"][1] == pytest.approx([60, 500], abs=2)
    kind, n, shown, box = found["inside"]
    assert kind == "mask"
    assert n == shown > 500
    assert box == pytest.approx([54, 294, 72, 12], abs=5)
    assert found["old_mask"] == list(KINDS["mask"])
    assert found["mask_undone"] == [True, 1200]
    assert list(found["looked"][0]) == ["ben"]
    assert found["looked"][1] == "b.png"
    assert found["looked"][2].startswith("✓ a.png")
    assert found["untouched"] == [list(KINDS["rectangle"]), list(KINDS["line"])]
    with_faults = [event.kind for event in project.changes_since(0) if event.author == "ben" and event.subject == "rectangle"]
    assert with_faults == ["create"]


OTHERS = """
begin("a.png")
viewer.layers.selection.active = shapes
def place(id_):
    return shapes.data[shapes.features["id"].tolist().index(id_)].mean(axis=0).round(2).tolist()

# She moves one and adds one, while he draws a polygon: his drawing goes on, hers appear after it.
key(Qt.Key.Key_P)
for x, y in ((60, 480), (110, 480), (110, 540)):
    click(x, y)
hers.change("rectangle", base=hers.get("rectangle").version, shape=Shape.of("rectangle", (110, 110, 210, 190)))
hers.add(Annotation(id="hers", medium="a.png", shape=Shape.of("circle", (700, 80, 30)), labels=(LabelGiven(path=("Biota", "Corals")),)))
settle(1200)
waiting = ["hers" in shapes.features["id"].tolist(), bool(shapes._is_creating)]
before = all_ids()
key(Qt.Key.Key_Escape)
settle(1200)
(polygon,) = all_ids() - before
both = [held(polygon).annotation.shape.kind, len(numbers(polygon)), "hers" in shapes.features["id"].tolist(), place("rectangle")]
said = desk.said

# Both change the same: nothing is written over, both are shown, he decides.
dock._timer.stop()  # he has not seen it yet
key(Qt.Key.Key_S)
hers.change("circle", base=hers.get("circle").version, shape=Shape.of("circle", (160, 410, 50)))
click(150, 441)
drag(150, 400, 180, 400)
conflict = [desk.said, len(desk.conflicts), numbers("circle"), len(viewer.layers["yours, in conflict"].data), dock.decide.isVisible(),
    shapes.features["id"].tolist().count("circle")]
head = mine.head[0]
dock.buttons["theirs"].click(); settle()
theirs = [numbers("circle"), len(desk.conflicts), mine.head[0] == head, dock.decide.isVisible(), len(viewer.layers["yours, in conflict"].data)]
hers.change("circle", base=hers.get("circle").version, shape=Shape.of("circle", (150, 400, 50)))
click(160, 441)
drag(160, 410, 190, 410)
dock.buttons["mine"].click(); settle()
mine_ = [numbers("circle"), len(desk.conflicts), kinds("circle")]

dock._timer.start()
# She gives a label, he moves: both hold.
hers.change("line", base=hers.get("line").version, labels=(LabelGiven(path=("Biota", "Corals")),))
shapes.selected_data = {shapes.features["id"].tolist().index("line")}; settle(15)
drag(55, 40, 75, 60)
line = [numbers("line"), held("line").annotation.label, len(desk.conflicts)]
settle(1200)
line_shown = shapes.features.set_index("id").loc["line"]["label"]

# She deletes one: it goes.
hers.delete("ellipse", base=hers.get("ellipse").version)
settle(1200)
gone = "ellipse" in shapes.features["id"].tolist()

# Somebody who may only look is told so, and nothing stays of what he drew.
mine.give_role("user:anna", "own")
hers.give_role("user:ben", "view")
n, head = len(shapes.data), mine.head[0]
key(Qt.Key.Key_R)
drag(520, 480, 600, 560)
refused = [desk.said, len(shapes.data) == n, mine.head[0] == head]
print(json.dumps(dict(waiting=waiting, both=both, said=said, conflict=conflict, theirs=theirs, mine=mine_, line=line, line_shown=line_shown,
    gone=gone, refused=refused)))
"""


def test_others_appear_and_conflicts_are_decided_by_the_person(project: Project, tmp_path: Path) -> None:
    found = scene(project, OTHERS, tmp_path)
    assert found["waiting"] == [False, True]
    kind, n, appeared, centre = found["both"]
    assert (kind, appeared, centre) == ("polygon", True, [149.5, 159.5])
    assert n == 6
    assert "anna" in found["said"]
    sentence, n, now, ours, asked, rows = found["conflict"]
    assert sentence.startswith("Somebody else has changed the same. Now: Sponges")
    assert (n, now, ours, asked, rows) == (1, [160, 410, 50], 1, True, 1)
    assert found["theirs"] == [[160, 410, 50], 0, True, False, 0]
    numbers, left, kinds = found["mine"]
    assert numbers == pytest.approx([190, 410, 50], abs=2)
    assert left == 0
    assert kinds == ["create", "reshape", "reshape", "reshape"]
    numbers, label, left = found["line"]
    assert numbers[:2] == pytest.approx([40.1, 40.2], abs=2)
    assert (label, left, found["line_shown"]) == ("Corals", 0, "Biota > Corals")
    assert not found["gone"]
    assert found["refused"][0].startswith("ben may not annotate the project Reef")
    assert found["refused"][1:] == [True, True]


COMMAND = """
import sys
from napari.qt import get_qapp
import napari
application = get_qapp()

def close():
    viewer = napari.current_viewer()
    if viewer is None or not any(layer.name == "b.png" for layer in viewer.layers):
        QTimer.singleShot(200, close)
        return
    viewer.window.close()

QTimer.singleShot(200, close)
from imagine_kernels.cli import main
try:
    sys.argv = ["imagine", "napari", "Reef", "b.png", "--files", str(HERE / "pictures"), "--json"]
    main()
except SystemExit as stop:
    print(json.dumps({"stop": stop.code}) if stop.code else "")
"""


def test_the_command_opens_the_medium_of_a_project(project: Project, tmp_path: Path) -> None:
    code = f"from pathlib import Path\nHERE = Path({str(tmp_path)!r})\n{START}{COMMAND}"
    home = {"IMAGINE_HOME": str(tmp_path / "home"), "JUPYTERHUB_USER": "ben", "IMAGINE_ANNOTATIONS": str(tmp_path / "reef.db")}
    done = run(code, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {"closed": "b.png – Reef"}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imagine_kernels.cli", "napari", *arguments], capture_output=True, text=True, check=False
    )


def test_a_name_that_is_nothing_is_told_clearly(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", str(tmp_path / "reef.db"))
    monkeypatch.setenv("JUPYTERHUB_USER", "ben")
    found = command("Reeef")
    assert found.returncode == 1
    assert "'Reeef' is neither a use case (" in found.stderr
    assert "nor a project of yours (Reef): check the name." in found.stderr
    assert "There is no medium 'c.png' in the project Reef" in command("Reef", "c.png").stderr
    assert "--model and --set belong to use cases" in command("Reef", "--model", "mine").stderr
    assert "--files belongs to projects" in command("zooscan", "--files", str(tmp_path)).stderr
    # A use case of the same name wins, and the sentence says how to get to the project.
    project.describe(name="zooscan")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert "zooscan is a use case, and also a project of yours: `imagine napari zooscan --project`" in command("zooscan").stderr
