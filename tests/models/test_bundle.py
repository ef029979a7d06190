"""Bundles: what is written is what is read, nothing changed goes unnoticed, and none needs torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.errors import BundleError, DataNotFound, UnknownName
from imagine_kernels.models.bundle import CARD, DESCRIPTION, GRAPH, WEIGHTS, ModelBundle, description_hash
from imagine_kernels.models.store import find_model, list_models, model_summary
from imagine_kernels.models.writing import write_bundle

FIGURE = {"value": 0.9, "low": 0.8, "high": 0.95}


def description(**changes: object) -> dict[str, object]:
    names = ("precision", "recall", "f1")
    return {
        "use_case": "zooscan", "name": "m", "version": "1", "created": "2026-01-02T00:00:00+00:00", "intended_use": "To test.",
        "recipe": "frozen", "recipe_sentence": "By hand.", "reason": "Only one.",
        "candidates": [{"recipe": "frozen", "balanced_accuracy": FIGURE}],
        "classes": ["a", "b"], "orientations": 8, "orientations_reason": "so.", "temperature": 1.5,
        "data": {"name": "s", "layout": "l", "n": 4, "counts": {"a": 2, "b": 2}, "sha256": "0", "left_out": []},
        "split": {"by": "", "sentence": "By hand.", "n_folds": 2, "n_validation": 2, "n_held_out": 4, "held_out_sentence": "All."},
        "input": {"size": 224, "morphometry": []},
        "metrics": {
            **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), FIGURE),
            "ece": {"value": 0.05, "low": float("nan"), "high": float("nan")},
            "per_class": {label: dict.fromkeys(names, FIGURE) for label in "ab"},
        },
        "confusion": [[2, 0], [1, 1]], "precision": {}, "limits": ["Only a test."], "training": {"seed": 0}, "versions": {"numpy": "2"},
        **changes,
    }  # fmt: skip


def write(folder: Path, **changes: object) -> ModelBundle:
    return write_bundle(folder, description=description(**changes), graph=b"graph", weights={"w": np.arange(3, dtype=np.float32)})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    bundle = write(tmp_path / "m")
    assert sorted(file.name for file in bundle.path.iterdir()) == sorted([DESCRIPTION, GRAPH, WEIGHTS, CARD])
    assert (bundle.use_case, bundle.classes, bundle.temperature, bundle.orientations) == ("zooscan", ("a", "b"), 1.5, 8)
    assert bundle.confusion.counts.tolist() == [[2, 0], [1, 1]]
    assert bundle.graph() == b"graph"
    np.testing.assert_array_equal(bundle.weights()["w"], [0, 1, 2])
    assert bundle.metrics["ece"]["low"] is None
    assert ModelBundle.load(bundle.path).model_hash == bundle.model_hash


def test_the_card_says_what_a_person_must_know(tmp_path: Path) -> None:
    card = write(tmp_path / "m").card
    for wanted in ("## Intended use", "## Data", "## Metrics", "## Limits", "0.900 [0.800, 0.950]", "| a | 2 |", "Only a test."):
        assert wanted in card


@pytest.mark.parametrize("file", [GRAPH, WEIGHTS, CARD])
def test_a_changed_file_is_named(tmp_path: Path, file: str) -> None:
    bundle = write(tmp_path / "m")
    with (bundle.path / file).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match=rf"{file} in .*m is not the file that was written there"):
        ModelBundle.load(bundle.path)


def test_a_changed_description_is_named(tmp_path: Path) -> None:
    bundle = write(tmp_path / "m")
    held = json.loads((bundle.path / DESCRIPTION).read_text())
    held["metrics"]["accuracy"]["value"] = 1.0
    (bundle.path / DESCRIPTION).write_text(json.dumps(held))
    with pytest.raises(BundleError, match=r"bundle.json in .*m is not the file that was written there"):
        ModelBundle.load(bundle.path)


def test_a_graph_changed_after_opening_is_noticed(tmp_path: Path) -> None:
    bundle = write(tmp_path / "m")
    (bundle.path / GRAPH).write_bytes(b"other")
    with pytest.raises(BundleError, match=r"model.onnx in .* is not the file"):
        bundle.graph()


@pytest.mark.parametrize("file", [GRAPH, WEIGHTS, CARD])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    bundle = write(tmp_path / "m")
    (bundle.path / file).unlink()
    with pytest.raises(BundleError, match=rf"lacks {file}"):
        ModelBundle.load(bundle.path)


def test_no_bundle_and_no_json_and_another_format(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is no model bundle, it holds no bundle\.json"):
        ModelBundle.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text("{")
    with pytest.raises(BundleError, match="cannot be read"):
        ModelBundle.load(tmp_path)
    held = {"format": 99}
    (tmp_path / DESCRIPTION).write_text(json.dumps({**held, "sha256": description_hash(held)}))
    with pytest.raises(BundleError, match="of another layout than 1"):
        ModelBundle.load(tmp_path)


def test_an_earlier_bundle_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    first = write(tmp_path / "m")
    second = write(tmp_path / "m", temperature=2.0)
    assert first.model_hash != second.model_hash
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(DataNotFound, match="holds something that is no model bundle"):
        write(tmp_path / "mine")


def test_nothing_in_a_bundle_is_a_pickle(tmp_path: Path) -> None:
    for file in write(tmp_path / "m").path.iterdir():
        assert not file.read_bytes().startswith((b"\x80", b"PK"))


def test_loading_imports_neither_torch_nor_a_runtime(tmp_path: Path) -> None:
    bundle = write(tmp_path / "m")
    code = (
        "import sys; from imagine_kernels.models.bundle import ModelBundle; ModelBundle.load(sys.argv[1]).weights();"
        "print([m for m in ('torch', 'fastai', 'timm', 'onnxruntime', 'openvino', 'pickle5') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bundle.path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelBundle]:
    """``shelf(name, **changes)`` puts a bundle into the model folder of a home of its own."""
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMAGINE_MODELS", os.pathsep.join([str(tmp_path / "institute"), str(tmp_path / "absent")]))
    monkeypatch.chdir(tmp_path)

    def put(name: str, *, institute: bool = False, **changes: object) -> ModelBundle:
        base = tmp_path / "institute" if institute else tmp_path / "home" / "models"
        return write(base / name, name=name, **changes)

    return put


def test_models_are_found_by_name_by_path_and_by_default(shelf: Callable[..., ModelBundle]) -> None:
    starter, mine = shelf("zooscan-starter"), shelf("mine", institute=True)
    assert find_model("zooscan").path == starter.path
    assert find_model("zooscan", "mine").path == mine.path
    assert find_model("zooscan", mine.path).path == mine.path


def test_models_are_listed_newest_first_and_damaged_ones_left_out(shelf: Callable[..., ModelBundle]) -> None:
    shelf("zooscan-starter", created="2026-12-01T00:00:00+00:00")
    shelf("old", created="2026-01-01T00:00:00+00:00")
    shelf("new", created="2026-02-01T00:00:00+00:00", institute=True)
    shelf("elsewhere", use_case="flowcam")
    (shelf("damaged").path / GRAPH).unlink()
    assert [bundle.name for bundle in list_models("zooscan")] == ["new", "old", "zooscan-starter"]


def test_no_starter_and_unknown_names(shelf: Callable[..., ModelBundle]) -> None:
    assert find_model("zooscan", missing_ok=True) is None
    with pytest.raises(UnknownName, match="There is no starter model for zooscan"):
        find_model("zooscan")
    shelf("north-sea")
    with pytest.raises(UnknownName, match=r"Unknown model for zooscan 'north-see'; known: north-sea\. Did you mean 'north-sea'"):
        find_model("zooscan", "north-see")


def test_a_model_of_another_use_case(shelf: Callable[..., ModelBundle]) -> None:
    shelf("elsewhere", use_case="flowcam")
    with pytest.raises(BundleError, match="is for flowcam, not for zooscan"):
        find_model("zooscan", "elsewhere")


def test_a_damaged_starter_is_not_silently_passed_over(shelf: Callable[..., ModelBundle]) -> None:
    bundle = shelf("zooscan-starter")
    (bundle.path / GRAPH).write_bytes(b"")
    assert find_model("zooscan", missing_ok=True) is None
    with pytest.raises(BundleError, match=r"model\.onnx"):
        find_model("zooscan")
    shutil.rmtree(bundle.path)


def test_summary_is_json(shelf: Callable[..., ModelBundle]) -> None:
    summary = model_summary(shelf("mine"))
    assert json.loads(json.dumps(summary)) == summary
    assert summary["n_held_out"] == 4
    assert summary["metrics"]["balanced_accuracy"] == FIGURE
