"""A project of real vignettes, the real starter model, and a scan in which vignettes lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from imagine_kernels.annotation import LabelTree, Person, Project, Projects
from imagine_kernels.assistance import Crops, Looker, Model
from imagine_kernels.records import Label, Medium
from imagine_kernels.workflow import use_case

TAXA = ("Copepoda", "Chaetognatha", "Appendicularia", "Ostracoda")
PEOPLE = Person("anna")


@dataclass
class Vignettes:
    """Files of the bundled sample, and what they show."""

    folder: Path
    label: dict[str, str]

    def of(self, taxon: str, n: int) -> list[str]:
        return [name for name, label in self.label.items() if label == taxon][:n]


@dataclass
class Bench:
    """A project with its media in a folder, and the model of the use case at work in it."""

    store: Projects
    project: Project
    tree: LabelTree
    folder: Path
    crops: Crops
    looker: Looker
    model: Model

    def path(self, name: str) -> tuple[str, ...]:
        return next(path for path in self.tree.paths if path[-1] == name)


@pytest.fixture(scope="session")
def vignettes(imagine_home: Path) -> Vignettes:
    sample = use_case("zooscan").open()
    files = sample.objects.sort_values("object_id")
    return Vignettes(sample.source, dict(zip(files["file"], files["label"], strict=True)))


def media_of(folder: Path, names: list[str]) -> list[Medium]:
    media = []
    for name in names:
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        media.append(Medium(name=name, width=picture.shape[1], height=picture.shape[0], sha256=digest))
    return media


@pytest.fixture
def bench(tmp_path: Path, starter_model: Callable[[str], Any], vignettes: Vignettes) -> Iterator[Bench]:
    """Its tree calls copepods by a synonym, and knows no detritus."""
    bundle = starter_model("zooscan")
    store = Projects(tmp_path / "annotations.db")
    above = Label(name="Animals")
    names = [Label(name=name, parent=("Animals",)) for name in (*TAXA[1:], "Cladocera", "Siphonophorae")]
    copepods = Label(name="Oar-footed", parent=("Animals",), synonyms=("Copepoda",))
    tree = store.trees.save("Plankton", [above, copepods, *names], author="anna")
    project = store.create("Net hauls", by=PEOPLE, use_case="zooscan", tree=tree)
    workflow = use_case("zooscan")

    def place(name: str) -> Path:
        from imagine_kernels.errors import DataNotFound

        path = vignettes.folder / name if (vignettes.folder / name).is_file() else tmp_path / name
        if not path.is_file():
            raise DataNotFound(f"{name} is not here: find the files.")
        return path

    crops = Crops(place, tmp_path / "crops")
    looker = Looker(workflow, crops, tmp_path / "seen.db")
    yield Bench(store, project, tree, tmp_path, crops, looker, Model.of(bundle, project, tree))
    crops.close()
    store.close()


def scan(folder: Path, vignettes: Vignettes, names: list[str]) -> tuple[Medium, dict[str, tuple[int, int, int, int]]]:
    """A picture in which the vignettes lie on white, and where."""
    from imagine_kernels.files import Files
    from imagine_kernels.media.vignettes import load

    canvas = np.full((1500, 2600), 255, dtype=np.uint8)
    boxes = {}
    x = y = 60
    down = 0
    with Files(vignettes.folder) as files:
        for name in names:
            picture = load(files, name)
            height, width = picture.shape
            if x + width + 60 > canvas.shape[1]:
                x, y, down = 60, y + down + 60, 0
            canvas[y : y + height, x : x + width] = picture
            boxes[name] = (x, y, x + width, y + height)
            x, down = x + width + 60, max(down, height)
    assert y + down < canvas.shape[0]
    cv2.imwrite(str(folder / "scan.png"), canvas)
    return media_of(folder, ["scan.png"])[0], boxes
