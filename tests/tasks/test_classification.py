"""Training a head on frozen features, from pictures on disk to a bundle, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.errors import Cancelled, DataNotFound, LabelError
from imagine_kernels.models.bundle import GRAPH, WEIGHTS
from imagine_kernels.records import Sample
from imagine_kernels.tasks import Classification

SMALL = Classification(size=96, orientations=2)
Draw = Callable[..., Sample]


def relabelled(sample: Sample, labels: list[str]) -> Sample:
    return replace(sample, objects=sample.objects.assign(label=labels))


def test_declaring_a_task_imports_nothing_heavy() -> None:
    code = "import sys, imagine_kernels.tasks; print([m for m in ('torch', 'fastai', 'timm', 'sklearn', 'cv2', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_train_then_identify(draw: Draw, tmp_path: Path) -> None:
    sample, seen = draw(), []
    bundle = SMALL.train(
        sample, use_case="zooscan", out=tmp_path / "model", splits_by=("sample_id",), epochs=0, progress=lambda *a: seen.append(a)
    )
    assert bundle.classes == ("Chaetognatha", "Copepoda", "detritus")
    assert bundle.recipe == "frozen"
    assert bundle.n_held_out == len(sample)
    assert bundle.confusion.counts.sum() == len(sample)
    assert bundle.details["split"]["by"] == "sample_id"
    assert bundle.details["data"]["counts"] == {"Chaetognatha": 8, "Copepoda": 8, "detritus": 8}
    assert bundle.details["onnx_difference"] <= 1e-4
    assert bundle.metrics["balanced_accuracy"]["low"] <= bundle.metrics["balanced_accuracy"]["value"]
    # A chance level of 1/3, and bodies that differ as much as an arrow worm and a copepod.
    assert bundle.metrics["balanced_accuracy"]["value"] >= 0.6
    assert {what for _, _, what in seen} >= {"reading pictures", "computing features", "writing the model"}
    assert all(0 <= done <= total for done, total, _ in seen)

    found = SMALL.identify(sample, bundle)
    predictions, problems, columns, places = found.predictions, found.problems, found.sample.objects, found.places
    assert problems == ()
    assert predictions.object_id.tolist() == sample.objects["object_id"].tolist()
    # The head has seen these very pictures.
    assert (predictions.label == sample.objects["label"].to_numpy()).mean() >= 0.9
    assert columns["object_area"].shape == (len(sample),)
    assert (columns["object_area"] > 0).all()
    # The places are those of what the backbone sees, which is given as it is too.
    again, features, _ = SMALL.features(sample, bundle)
    assert again.object_id.tolist() == predictions.object_id.tolist()
    assert len(places) == len(features) == len(sample)
    apart = features - features.mean(axis=0)
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    cosines = places.astype(np.float64) @ places.astype(np.float64).T
    assert np.corrcoef(cosines.ravel(), (apart @ apart.T).ravel())[0, 1] > 0.9


def test_labels_of_one_sample_are_warned_of(draw: Draw, tmp_path: Path) -> None:
    sample = draw()
    one = replace(sample, objects=sample.objects.assign(sample_id="st1"))
    with pytest.warns(UserWarning, match=r"come from one sample \(st1\)"):
        bundle = SMALL.train(one, use_case="zooscan", out=tmp_path / "model", splits_by=("sample_id",), epochs=0)
    assert "All labelled objects come from one sample (st1)" in bundle.card


def test_same_seed_same_model(draw: Draw, tmp_path: Path) -> None:
    sample = draw(n=5)
    one, two = (SMALL.train(sample, use_case="zooscan", out=tmp_path / name, epochs=0, seed=3) for name in ("one", "two"))
    assert one.details["files"][WEIGHTS] == two.details["files"][WEIGHTS]
    assert one.details["files"][GRAPH] == two.details["files"][GRAPH]
    assert one.temperature == two.temperature


def test_without_morphometry(draw: Draw, tmp_path: Path) -> None:
    sample = draw(("Copepoda", "Chaetognatha"), n=4)
    bundle = replace(SMALL, morphometry=False).train(sample, use_case="zooscan", out=tmp_path / "model", epochs=0)
    found = SMALL.identify(sample, bundle)
    predictions, columns = found.predictions, found.sample.objects
    assert len(predictions) == 8
    assert "object_area" in columns


def test_a_broken_picture_is_left_out_and_named(draw: Draw, tmp_path: Path) -> None:
    sample = draw(("Copepoda", "Chaetognatha"), n=4)
    (sample.source / "Copepoda_1.png").write_bytes(b"")
    bundle = SMALL.train(sample, use_case="zooscan", out=tmp_path / "model", epochs=0)
    assert bundle.details["data"]["n"] == 7
    assert len(bundle.details["data"]["left_out"]) == 1
    assert "Copepoda_1.png" in bundle.details["data"]["left_out"][0]


def test_one_class_only(draw: Draw, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="at least two classes, but all 3 objects are 'Copepoda'"):
        SMALL.train(draw(("Copepoda",), n=3), use_case="zooscan", out=tmp_path / "model", epochs=0)
    assert not (tmp_path / "model").exists()


def test_a_label_with_one_object(draw: Draw, tmp_path: Path) -> None:
    sample = relabelled(draw(("Copepoda", "Chaetognatha"), n=3), ["Copepoda"] * 3 + ["Chaetognatha"] * 2 + ["rare"])
    with pytest.raises(LabelError, match="The label 'rare' has only one object"):
        SMALL.train(sample, use_case="zooscan", out=tmp_path / "model", epochs=0)


def test_a_folder_that_holds_something_else_is_not_overwritten(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataNotFound, match="holds something that is no model bundle"):
        SMALL.train(draw(n=2), use_case="zooscan", out=tmp_path, epochs=0)
    assert (tmp_path / "thesis.txt").is_file()


def test_cancelled(draw: Draw, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled, match="Stopped on request"):
        SMALL.train(draw(n=2), use_case="zooscan", out=tmp_path / "model", epochs=0, cancel=stop)
    assert not (tmp_path / "model").exists()
