"""The plugin of napari: its manifest, and its readers, writers and dock in a real window that was started otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagine_kernels.annotation import Person, Projects
from imagine_kernels.formats.interchange import open_annotations, write_annotations
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Shape
from tests.apps.desktop.test_desktop import ROOT, run, values
from tests.apps.desktop.test_project_window import CORALS, HOLE, KINDS, SPONGES, picture

MANIFEST = ROOT / "imagine_kernels" / "napari.yaml"


def test_the_manifest_is_valid_and_all_it_names_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", str(MANIFEST), "--imports"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid" in done.stdout


def test_nothing_heavy_is_imported_beforehand() -> None:
    names = ["plugin", "opening", "project", "dock", "layers", "arrays", "exchange", "showing"]
    code = (
        f"import sys, importlib\nfor name in {names}: importlib.import_module('imagine_kernels.apps.desktop.' + name)\n"
        "heavy = ('napari', 'magicgui', 'qtpy', 'PySide6', 'vispy', 'torch', 'pandas', 'dask', 'rasterio', 'av', 'scipy', 'cv2')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert run(code, display=False).stdout.strip() == "[]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture with its annotations as COCO and as a CSV, and a project in which it is."""
    pictures = tmp_path / "pictures"
    picture(pictures / "a.png")
    given = (LabelGiven(path=SPONGES),)
    kinds = {kind: numbers for kind, numbers in KINDS.items() if kind != "whole"}
    found = [Annotation(id=kind, medium="a.png", shape=Shape.of(kind, numbers), labels=given) for kind, numbers in kinds.items()]  # type: ignore[arg-type]
    found.append(Annotation(id="hole", medium="a.png", shape=Shape.of("polygon", HOLE), labels=(LabelGiven(path=CORALS),)))
    media = [Medium(name="a.png", width=800, height=600)]
    labels = [Label(name="Biota"), Label(name="Sponges", parent=("Biota",)), Label(name="Corals", parent=("Biota",))]
    held = AnnotationSet.of(found, media=media, labels=labels)
    write_annotations(held, pictures / "reef.csv", to="annotations-csv")
    write_annotations(held, pictures / "reef.json", to="coco")
    store = Projects(tmp_path / "reef.db")
    project = store.create("Reef", by=Person("ben"))
    project.add_media(media)
    return tmp_path


WINDOW = """
import json, os
from pathlib import Path
os.environ["IMAGINE_ANNOTATIONS"] = str(HERE / "reef.db")
from npe2 import PluginManager, PluginManifest
manager = PluginManager.instance()
manager.register(PluginManifest.from_file(MANIFEST))
import napari, numpy as np
viewer = napari.Viewer()
pictures = HERE / "pictures"

def read(name):
    viewer.layers.clear()
    viewer.open(str(pictures / name), plugin="imagine-kernels")
    return {layer.name: [type(layer).__name__, len(layer.data)] for layer in viewer.layers}

table = read("reef.csv")
features = viewer.layers["a.png shapes"].features
labels = sorted(set(features["label"]))
image = viewer.layers["a.png"]
covered = int((viewer.layers["a.png masks"].data > 0).sum())
for name, writer in (("again.csv", "write_table"), ("again.json", "write_coco"), ("again.xml", "write_cvat")):
    layers = [layer for layer in viewer.layers if layer is not image]
    target = HERE / name
    contribution = next(each for each in manager.iter_compatible_writers(["shapes", "points", "labels"]) if each.command.endswith(writer))
    napari.plugins.io.save_layers(str(target), layers, plugin="imagine-kernels", _writer=contribution)
coco = read("reef.json")

# What somebody has drawn in a window of their own, with a layer for each label.
viewer.layers.clear()
viewer.add_image(np.zeros((50, 80), np.uint8), name="mine.png")
viewer.add_shapes([np.array([[9.5, 19.5], [9.5, 39.5], [29.5, 39.5], [29.5, 19.5]])], shape_type="rectangle", name="copepods")
viewer.add_points([[4.5, 6.5]], name="eggs")
contribution = next(each for each in manager.iter_compatible_writers(["shapes", "points"]) if each.command.endswith("write_table"))
napari.plugins.io.save_layers(str(HERE / "own.csv"), [viewer.layers["copepods"], viewer.layers["eggs"]], plugin="imagine-kernels",
    _writer=contribution)

# The dock, from the menu.
menu = [action.text() for action in viewer.window.plugins_menu.actions()]
dock, widget = viewer.window.add_plugin_dock_widget("imagine-kernels", "Annotation project")
from qtpy.QtWidgets import QComboBox, QPushButton
choice = widget.findChild(QComboBox).itemText(0)
from imagine_kernels.apps.annotate.places import Places
from imagine_kernels.annotation import Person, Projects
from imagine_kernels.widgets.browse import FolderBrowser
Places(Projects().open("Reef", by=Person("ben")).uid, FolderBrowser([])).add("", pictures)
viewer.layers.clear()
next(each for each in widget.findChildren(QPushButton) if each.text() == "Open").click()
opened = [layer.name for layer in viewer.layers]
from imagine_kernels.apps.desktop.plugin import annotation_project, annotation_reader, medium_reader, picture_reader
(HERE / "notes.json").write_text('{"a": 1}')
declined = [picture_reader(str(pictures / "a.png")), medium_reader(str(pictures / "a.png")), annotation_reader(str(HERE / "notes.json"))]
os.environ["IMAGINE_ANNOTATIONS"] = str(HERE / "none.db")
without = annotation_project()
from qtpy.QtWidgets import QLabel
nothing = without.findChild(QLabel).text()
print(json.dumps(dict(table=table, labels=labels, covered=covered, coco=coco, menu=menu, choice=choice, opened=opened,
    declined=declined, nothing=nothing, rgb=image.rgb)))
"""


def test_a_window_that_was_started_otherwise_reads_writes_and_opens_projects(folder: Path) -> None:
    code = f"from pathlib import Path\nHERE, MANIFEST = Path({str(folder)!r}), {str(MANIFEST)!r}\n{WINDOW}"
    found = values(run(code, IMAGINE_HOME=str(folder / "home"), JUPYTERHUB_USER="ben", PYTHONFAULTHANDLER="1"))
    assert found["table"]["a.png"][0] == "Image"
    assert found["rgb"]
    assert found["table"]["a.png shapes"] == ["Shapes", 8]
    assert found["table"]["a.png points"] == ["Points", 3]
    assert found["covered"] == 1200
    assert found["labels"] == ["Biota > Corals", "Biota > Sponges"]
    assert found["coco"]["a.png"][0] == "Image"
    assert found["choice"] == "Reef"
    assert found["opened"][0] == "a.png"
    assert "shapes" in found["opened"]
    assert found["declined"] == [None, None, None]
    assert found["nothing"].startswith("You have no role in any project")
    assert any("Annotation project" in text for text in found["menu"]), found["menu"]

    before = {each.id: each for each in open_annotations(folder / "pictures" / "reef.csv").annotations()}
    after = {each.id: each for each in open_annotations(folder / "again.csv").annotations()}
    assert before.keys() == after.keys()
    for id_, annotation in before.items():
        assert after[id_].shape.kind == annotation.shape.kind
        assert after[id_].labels[0].path == annotation.labels[0].path
        if id_ != "keypoints":  # napari has no visibility
            assert after[id_].shape.numbers == pytest.approx(annotation.shape.numbers, abs=1e-3, nan_ok=True)
    assert len(open_annotations(folder / "again.json").annotations()) >= 9
    assert open_annotations(folder / "again.xml").annotations()
    own = open_annotations(folder / "own.csv").annotations()
    assert sorted((each.label, each.medium, each.shape.kind) for each in own) == [
        ("copepods", "mine.png", "rectangle"), ("eggs", "mine.png", "point"),
    ]  # fmt: skip
    assert own[0].shape.numbers == (20, 10, 40, 30)
