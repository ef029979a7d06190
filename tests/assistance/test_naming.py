"""Classes of a model are found in the labels of a project: by path, then by last name, then by synonym."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.annotation import Person, Projects
from imagine_kernels.assistance.naming import Naming, class_names
from imagine_kernels.records import Annotation, Label, LabelGiven, Medium, Shape


def test_classes_are_matched(tmp_path: Path) -> None:
    with_parts = [
        Label(name="Biota"),
        Label(name="Détritus", parent=("Biota",)),
        Label(name="fibre", parent=("Biota", "Détritus"), synonyms=("fiber",)),
        Label(name="egg", parent=("Biota",)),
        Label(name="egg", parent=("Biota", "Détritus")),
    ]
    store = Projects(tmp_path / "a.db")
    tree = store.trees.save("T", with_parts, author="anna")
    project = store.create("P", by=Person("anna"), tree=tree)
    naming = Naming.of(["detritus", "fiber", "Biota > egg", "egg<detritus<Biota", "Biota/Detritus", "egg", "ship"], project, tree)
    assert naming.paths == (
        ("Biota", "Détritus"),
        ("Biota", "Détritus", "fibre"),
        ("Biota", "egg"),
        ("Biota", "Détritus", "egg"),
    )
    assert naming.column.tolist() == [0, 1, 2, 3, 0, -1, -1]
    assert "may be 2 labels of the tree: add it as a synonym of the one that is meant" in naming.why_not["egg"]
    assert "'ship' is not in the label tree of the project: add it" in naming.why_not["ship"]
    # Classes that are the same label are added up; what is no label is lost.
    p = naming.by_path(np.array([[0.1, 0.2, 0.1, 0.1, 0.25, 0.05, 0.2]], dtype=np.float32))
    np.testing.assert_allclose(p, [[0.35, 0.2, 0.1, 0.1]], rtol=1e-6)
    assert naming.top(p[0], 2) == [
        (("Biota", "Détritus"), pytest.approx(0.35)),
        (("Biota", "Détritus", "fibre"), pytest.approx(0.2)),
    ]
    store.close()


def test_without_a_tree_labels_in_use_are_taken(tmp_path: Path) -> None:
    store = Projects(tmp_path / "a.db")
    project = store.create("P", by=Person("anna"))
    project.add_media([Medium(name="a.png")])
    given = LabelGiven(path=("Biota", "Sponge"))
    project.add(Annotation(id="1", medium="a.png", shape=Shape("whole"), labels=(given,)))
    assert Naming.of(["sponge", "Coral"], project, None).paths == (("Biota", "Sponge"), ("Coral",))
    store.close()


def test_classes_go_there_and_back() -> None:
    paths = [("A", "egg"), ("B", "egg"), ("B", "crab")]
    assert class_names(paths) == {("A", "egg"): "A > egg", ("B", "egg"): "B > egg", ("B", "crab"): "crab"}
