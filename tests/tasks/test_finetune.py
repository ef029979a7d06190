"""Fine-tuning: it learns, it repeats, it survives a saved picture, and it is kept only where it is better."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from imagine_kernels.errors import Cancelled
from imagine_kernels.files import Files
from imagine_kernels.inference.classifier import Classifier
from imagine_kernels.media.vignettes import load
from imagine_kernels.models.network import build_network, weights_of
from imagine_kernels.records import Sample
from imagine_kernels.tasks import Augmentation, Classification
from imagine_kernels.tasks.finetune import Pictures, Schedule, balanced_accuracy, fine_tune, vary
from imagine_kernels.tasks.reading import read_labelled

SMALL = Classification(size=96, orientations=2)
Draw = Callable[..., Sample]


def tuned(
    pictures: Pictures, *, epochs: int, seed: int = 0, cancel: threading.Event | None = None
) -> tuple[torch.nn.Module, list[float]]:
    k = int(pictures.target.max()) + 1
    network = build_network(backbone=SMALL.backbone, classes=k, morphometry=pictures.morphometry.shape[1])
    # Log-scaled areas and perimeters are far from 0; a fitted head brings them there.
    network.shift[-pictures.morphometry.shape[1] :] = torch.from_numpy(pictures.morphometry.mean(axis=0))
    history = fine_tune(
        network, pictures, pictures,
        schedule=Schedule(epochs=epochs, rate=1e-3, batch=6, patience=100), augmentation=Augmentation(),
        class_weights=np.ones(k), seed=seed, cancel=cancel,
    )  # fmt: skip
    return network, history


def test_overfits_a_handful(draw: Draw) -> None:
    pictures = read_labelled(draw(n=4), SMALL).pictures
    _, history = tuned(pictures, epochs=12)
    assert max(history) == 1.0


def test_same_seed_same_weights(draw: Draw) -> None:
    pictures = read_labelled(draw(n=4), SMALL).pictures
    one, two, other = (weights_of(tuned(pictures, epochs=1, seed=seed)[0]) for seed in (5, 5, 6))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_statistics_of_batch_norm_stay_and_its_scale_is_trained(draw: Draw) -> None:
    pictures = read_labelled(draw(n=4), SMALL).pictures
    before = weights_of(build_network(backbone=SMALL.backbone, classes=3, morphometry=pictures.morphometry.shape[1]))
    after = weights_of(tuned(pictures, epochs=2)[0])
    statistics = [name for name in before if "running_" in name]
    assert len(statistics) == 98
    assert all(np.array_equal(before[name], after[name]) for name in statistics)
    assert not np.array_equal(before["backbone.bn1.weight"], after["backbone.bn1.weight"])


def test_cancelled(draw: Draw) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled, match="Stopped on request"):
        tuned(read_labelled(draw(n=2), SMALL).pictures, epochs=1, cancel=stop)


def test_variation_keeps_the_object_and_the_white_around_it() -> None:
    pixels = torch.full((16, 1, 64, 64), 255, dtype=torch.uint8)
    pixels[:, :, 24:40, 28:36] = 40
    varied = vary(pixels, Augmentation(), torch.Generator().manual_seed(0))
    assert varied.shape == pixels.shape
    assert 0 <= float(varied.min()) <= float(varied.max()) <= 255
    assert float(varied[:, :, 0].min()) == 255
    ink = (255 - varied).sum((1, 2, 3)) / float((255 - pixels[0].float()).sum())
    assert 0.6 < float(ink.min()) <= float(ink.max()) < 1.6
    upright = vary(pixels, Augmentation(rotation_deg=0, flips=False, zoom=0, lighting=0), torch.Generator())
    torch.testing.assert_close(upright, pixels.float(), atol=1e-3, rtol=0)


def test_variation_mirrors_as_often_as_not() -> None:
    pixels = torch.full((200, 1, 16, 16), 255, dtype=torch.uint8)
    pixels[:, :, :, :6] = 0
    varied = vary(pixels, Augmentation(rotation_deg=0, zoom=0, lighting=0), torch.Generator().manual_seed(0))
    mirrored = (varied[:, 0, 8, 0] > 128).float().mean()
    assert 0.35 < float(mirrored) < 0.65


def test_balanced_accuracy_is_the_mean_recall() -> None:
    assert balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx(0.75)


def resaved(picture: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], cv2.IMREAD_GRAYSCALE)


@pytest.mark.slow
def test_saving_the_pictures_again_changes_few_predictions(draw: Draw, tmp_path: Path) -> None:
    """With batch-norm statistics of a short training it was 21 %."""
    sample = draw(n=50)
    bundle = Classification(size=128).train(sample, use_case="zooscan", out=tmp_path / "model", epochs=2)
    recipes = [candidate["recipe"] for candidate in bundle.details["candidates"]]
    assert recipes == ["frozen", "fine-tuned"]
    with Files(sample.source) as files:
        pictures = [load(files, name) for name in sample.objects["file"]]
    classifier = Classifier(bundle)
    before, after = (
        classifier.probabilities(given).argmax(axis=1) for given in (pictures, [resaved(picture) for picture in pictures])
    )
    assert (before != after).mean() <= 0.02


def test_a_fine_tuned_network_survives_a_saved_picture(draw: Draw) -> None:
    sample = draw(n=17)
    pictures = read_labelled(sample, SMALL).pictures
    network, _ = tuned(pictures, epochs=3)
    with Files(sample.source) as files:
        again = [resaved(load(files, name)) for name in sample.objects["file"]]
    from imagine_kernels.inference.pictures import squares

    with torch.inference_mode():
        before, after = (
            network(torch.from_numpy(pixels), torch.from_numpy(pictures.morphometry))[0].argmax(1).numpy()
            for pixels in (pictures.pixels, squares(again, size=SMALL.size))
        )
    assert (before != after).sum() <= 0.02 * len(pictures)


@pytest.mark.slow
def test_the_better_recipe_is_kept_and_the_bundle_says_why(draw: Draw, tmp_path: Path) -> None:
    bundle = SMALL.train(draw(n=12), use_case="zooscan", out=tmp_path / "model", epochs=2)
    by_recipe = {c["recipe"]: c["balanced_accuracy"]["value"] for c in bundle.details["candidates"]}
    gain = by_recipe["fine-tuned"] - by_recipe["frozen"]
    assert f"gains {gain:+.3f}" in bundle.details["reason"]
    assert bundle.recipe == "frozen" or gain > 0
    assert f"The {bundle.recipe} recipe was kept" in bundle.details["reason"]
    assert bundle.details["reason"] in bundle.card
    for value in by_recipe.values():
        assert f"{value:.3f}" in bundle.card
