"""Segmentation from labelled pictures to a bundle and back, on pictures whose truth is exact."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
import torch

from imagine_kernels.errors import Cancelled, LabelError
from imagine_kernels.inference.pictures import oriented
from imagine_kernels.inference.segmenter import Segmenter, places, turned_back, window
from imagine_kernels.media.regions import filled, regions
from imagine_kernels.media.sources import Held
from imagine_kernels.media.tiles import Box
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.records import OUTLINE, Sample
from imagine_kernels.records.outlines import outline_of, outline_text
from imagine_kernels.tasks.segmentation import Segmentation
from imagine_kernels.tasks.segmentation.likeness import scene_groups

TASK = Segmentation(background="sea", tile=96, overlap=32, orientations=2, min_area_px=20)


def scene(seed: int, height: int = 96, width: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Speckle with dark smooth slicks (1) and bright rough patches (2)."""
    rng = np.random.default_rng(seed)
    smooth = scipy.ndimage.gaussian_filter(rng.normal(size=(2, height, width)), (0, 9, 9))
    slick, rough = smooth > 1.3 * smooth.std()
    truth = np.where(slick, 1, np.where(rough, 2, 0)).astype(np.uint8)
    level = np.select([truth == 1, truth == 2], [45.0, 190.0], 110.0)
    return np.clip(level * rng.gamma(6, 1 / 6, (height, width)), 0, 255).astype(np.uint8), truth


def sample_of(folder: Path, n: int, *, first: int = 0, size: tuple[int, int] = (96, 96), labelled: bool = True) -> Sample:
    objects, media = [], []
    for k in range(n):
        pixels, truth = scene(first + k, *size)
        cv2.imwrite(str(folder / f"{k}.png"), pixels)
        media.append({"file": f"{k}.png", "width": size[1], "height": size[0], "labelled": labelled, "day": f"day {k // 2}"})
        for number, region in enumerate(regions([(0, truth)]) if labelled else []):
            label = ("sea", "slick", "rough")[region.class_index]
            row = {"object_id": f"{k}_{number}", "file": f"{k}.png", "label": label, "status": "validated"}
            objects.append({**row, OUTLINE: outline_text(region.outline)})
    columns = ["object_id", "file", "label", "status", OUTLINE]
    return Sample(
        name="scenes", source=folder, layout="test", objects=pd.DataFrame(objects, columns=columns), media=pd.DataFrame(media),
        cut_from="photograph",
    )  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    folder = tmp_path_factory.mktemp("train")
    return TASK.train(sample_of(folder, 20), use_case="test", out=folder / "model", splits_by=("day",), epochs=0)


def test_the_regression_on_frozen_features_learns_both_classes(bundle: ModelBundle) -> None:
    assert bundle.classes == ("sea", "rough", "slick")
    assert bundle.task == "segmentation"
    assert bundle.metrics["mean_iou"]["low"] > 0.6
    assert bundle.details["split"]["by"] == "day"
    assert set(bundle.metrics["per_class"]) == set(bundle.classes)
    assert "U-Net" not in bundle.card
    assert "IoU, precision, recall of held-out pixels" in bundle.card
    assert "mean IoU" in bundle._repr_html_()


def test_what_is_found_on_new_pictures_is_there(bundle: ModelBundle, tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 4, first=100, size=(150, 220))
    found = TASK.identify(sample, bundle)
    evaluation = TASK.evaluate(sample, bundle)
    assert evaluation.per_class["slick"]["iou"].low > 0.6
    assert found.predictions.object_id.tolist() == found.sample.objects["object_id"].tolist()
    np.testing.assert_allclose(found.predictions.probabilities.sum(axis=1), 1, atol=1e-4)
    assert set(found.predictions.label) <= {"slick", "rough"}
    assert (found.sample.objects["object_area"] >= 20).all()
    # The outlines are the mask: filled again they agree with the truth as well as the evaluation says.
    rows = found.sample.objects[found.sample.objects["file"] == "0.png"]
    slicks = [(region, 1) for region in map(outline_of, rows[OUTLINE][(found.predictions.label == "slick")[rows.index]])]
    mask, truth = filled(slicks, Box(0, 0, 220, 150)) == 1, scene(100, 150, 220)[1] == 1
    assert (mask & truth).sum() / (mask | truth).sum() > 0.6


def test_a_network_that_is_trained_beats_the_regression(tmp_path: Path) -> None:
    """Two epochs of 600 tiles; small tiles keep it short."""
    task = Segmentation(background="sea", tile=64, overlap=16, orientations=1)
    made = task.train(sample_of(tmp_path, 16), use_case="test", out=tmp_path / "model", splits_by=("day",), epochs=2, seed=1)
    recipes = {each["recipe"]: each["mean_iou"]["value"] for each in made.details["candidates"]}
    assert recipes["fine-tuned"] > 0.85
    assert made.recipe == ("fine-tuned" if recipes["fine-tuned"] > recipes["frozen"] else "frozen")


def test_tiles_leave_no_seams(bundle: ModelBundle) -> None:
    """A picture of one tile that is repeated: where tiles are cut must not be seen."""
    pixels = scene(5, 200, 310)[0]
    segmenter = Segmenter(bundle)
    found = segmenter.probabilities(Held(pixels)).read(Box(0, 0, 310, 200))
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=3 / 255)
    jumps = np.abs(np.diff(found, axis=2)).mean(axis=(0, 1))
    at_edges = [x for start in places(310, 96, 32)[1:] for x in (start, start + 32)]
    assert jumps[at_edges].max() < 3 * np.median(jumps)


def test_large_pictures_go_through_a_file_and_give_the_same(bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    import imagine_kernels.inference.segmenter as module

    pixels = scene(6, 130, 170)[0]
    held = Segmenter(bundle).find(Held(pixels), min_area_px=20)
    monkeypatch.setattr(module, "_IN_MEMORY", 0)
    filed = Segmenter(bundle).find(Held(pixels), min_area_px=20)
    assert [each.region for each in filed] == [each.region for each in held]
    for one, other in zip(filed, held, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize("length", [1, 95, 96, 97, 160, 161, 1000])
def test_tiles_cover_a_side_and_overlap(length: int) -> None:
    starts = places(length, 96, 32)
    covered = np.zeros(max(length, 96), dtype=int)
    for start in starts:
        covered[start : start + 96] += 1
    assert covered.min() >= 1
    assert starts[-1] + 96 == max(length, 96)
    assert all(b - a <= 64 for a, b in itertools.pairwise(starts))
    assert window(96, 32).min() > 0


def test_what_is_turned_is_turned_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 5, 5), dtype=np.uint8)
    for orientation in range(8):
        np.testing.assert_array_equal(turned_back(oriented(pixels, orientation), orientation), pixels)


def test_small_pictures_are_looked_at_whole(bundle: ModelBundle) -> None:
    found = Segmenter(bundle).probabilities(Held(scene(7, 40, 20)[0])).read(Box(0, 0, 20, 40))
    assert found.shape == (3, 40, 20)
    assert np.isfinite(found).all()


def test_copies_of_a_scene_stay_together() -> None:
    rng = np.random.default_rng(0)
    scenes = [scene(seed, 64, 64)[0] for seed in range(6)]
    pictures, truth = [], []
    for number, pixels in enumerate(scenes):
        # Levels of their own, as of other days; copies are turned, mirrored and brightened.
        levels = (pixels * (0.4 + 0.25 * number)).clip(0, 255)
        for turn in range(4):
            copy = np.rot90(levels if turn % 2 else levels[:, ::-1], turn) * rng.uniform(0.97, 1.03)
            pictures.append(copy.clip(0, 255).astype(np.uint8)[None])
            truth.append(number)
    groups = scene_groups(np.stack(pictures), backbone="tf_efficientnet_lite0")
    assert len(set(zip(groups.tolist(), truth, strict=True))) == len(set(groups.tolist())) == 6


def test_a_broken_picture_is_said_and_the_others_are_done(bundle: ModelBundle, tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 3, first=50)
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = TASK.identify(sample, bundle)
    assert [problem.item for problem in found.problems] == ["1.png"]
    assert found.sample.media["file"].tolist() == ["0.png", "2.png"]
    with pytest.warns(UserWarning, match=r"1\.png is left out of the evaluation"):
        assert TASK.evaluate(sample, bundle).n == 2


def test_what_cannot_be_trained_on_is_refused(bundle: ModelBundle, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="No picture of scenes is labelled"):
        TASK.train(sample_of(tmp_path, 2, labelled=False), use_case="test", out=tmp_path / "model")
    sample = sample_of(tmp_path, 2)
    nothing = Sample(
        **{
            **{name: getattr(sample, name) for name in ("name", "source", "layout", "media", "cut_from")},
            "objects": sample.objects[:0],
        }
    )
    with pytest.raises(LabelError, match="Nothing is marked"):
        TASK.train(nothing, use_case="test", out=tmp_path / "model")
    other = sample.objects.assign(label="ship")
    with pytest.raises(LabelError, match="the label 'ship', which the model does not know"):
        TASK.evaluate(
            Sample(name="s", source=tmp_path, layout="", objects=other, media=sample.media, cut_from="photograph"), bundle
        )


def test_training_and_finding_can_be_stopped(bundle: ModelBundle, tmp_path: Path) -> None:
    cancel, sample = threading.Event(), sample_of(tmp_path, 6)
    cancel.set()
    with pytest.raises(Cancelled):
        TASK.train(sample, use_case="test", out=tmp_path / "model", cancel=cancel)
    with pytest.raises(Cancelled):
        TASK.identify(sample, bundle, cancel=cancel)
    assert not (tmp_path / "model").exists()


def test_the_loss_is_least_for_the_truth_and_ignores_what_is_not_labelled() -> None:
    from imagine_kernels.tasks.segmentation.learning import overlap_loss

    target = torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8)
    right = torch.nn.functional.one_hot(torch.tensor([[[0, 1], [1, 0]]]), 2).movedim(3, 1).float() * 20
    wrong = right.flip(1)
    assert float(overlap_loss(right, target)) < 0.01
    assert float(overlap_loss(wrong, target)) > 1
    changed = right.clone()
    changed[:, :, 1, 1] = changed[:, :, 1, 1].flip(1)
    assert float(overlap_loss(changed, target)) == pytest.approx(float(overlap_loss(right, target)), abs=1e-6)
