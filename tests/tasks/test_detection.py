"""Detection from labelled pictures to a bundle and back, on pictures whose truth is exact."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import shapely
import torch

from imagine_kernels.errors import BundleError, Cancelled, LabelError, SettingError
from imagine_kernels.inference.detector import Detector
from imagine_kernels.measures.slicing import overlaps
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.models.detector import decoded, points
from imagine_kernels.records import OUTLINE, Sample
from imagine_kernels.records.figures_of_merit import headline, held_out
from imagine_kernels.records.outlines import outline_of, outline_text
from imagine_kernels.tasks.detection import BoxAugmentation, Detection, learning
from imagine_kernels.tasks.detection.learning import varied
from imagine_kernels.tasks.detection.loss import assigned, box_loss, overlap_of
from imagine_kernels.tasks.detection.tiles import IGNORED_BOX, NO_BOX, boxes_on, read_box_tiles
from imagine_kernels.tasks.detection.training import fit_calibration

TASK = Detection(tile=64, overlap=24, augmentation=BoxAugmentation(zoom=1.3, shift=0.15))
Thing = tuple[int, int, int, int]


def scene(seed: int, height: int = 64, width: int = 88) -> tuple[np.ndarray, list[Thing]]:
    """Rough ground with red balls (0) and blue crates (1): middle, half a side, kind."""
    rng = np.random.default_rng(seed)
    pixels = cv2.GaussianBlur(rng.normal(110, 30, (height, width, 3)).astype(np.float32), (0, 0), 2)
    pixels += rng.normal(0, 8, pixels.shape)
    things: list[Thing] = []
    for _ in range(int(rng.integers(2, 2 + height * width // 1500))):
        r = int(rng.integers(7, 13))
        x, y = int(rng.integers(r, width - r)), int(rng.integers(r, height - r))
        if any(abs(x - a) <= r + b and abs(y - c) <= r + b for a, c, b, _ in things):
            continue
        kind = int(rng.integers(0, 2))
        if kind == 0:
            cv2.circle(pixels, (x, y), r, (235, 60, 50), -1)
        else:
            cv2.rectangle(pixels, (x - r, y - r), (x + r, y + r), (60, 120, 235), -1)
        things.append((x, y, r, kind))
    return pixels.clip(0, 255).astype(np.uint8), things


def sample_of(folder: Path, n: int, *, first: int = 0, size: tuple[int, int] = (64, 88), labelled: bool = True) -> Sample:
    objects, media = [], []
    for k in range(n):
        pixels, things = scene(first + k, *size)
        cv2.imwrite(str(folder / f"{k}.png"), pixels[..., ::-1])
        media.append({"file": f"{k}.png", "width": size[1], "height": size[0], "labelled": labelled, "day": f"day {k // 2}"})
        for number, (x, y, r, kind) in enumerate(things if labelled else []):
            row = {"object_id": f"{k}_{number}", "file": f"{k}.png", "label": ("ball", "crate")[kind], "status": "validated"}
            # A ball is outlined as it is: the box around its outline is learnt.
            shape = (
                shapely.Point(x + 0.5, y + 0.5).buffer(r + 0.5) if kind == 0 else shapely.box(x - r, y - r, x + r + 1, y + r + 1)
            )
            objects.append({**row, OUTLINE: outline_text(shape)})
    columns = ["object_id", "file", "label", "status", OUTLINE]
    return Sample(
        name="scenes", source=folder, layout="test", objects=pd.DataFrame(objects, columns=columns), media=pd.DataFrame(media),
        cut_from="photograph",
    )  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    folder = tmp_path_factory.mktemp("train")
    with pytest.MonkeyPatch.context() as patched:
        # A short epoch: the pictures are easy.
        patched.setattr(learning, "LEAST_TILES", 320)
        return TASK.train(sample_of(folder, 30), use_case="test", out=folder / "model", splits_by=("day",), epochs=1)


def test_the_network_learns_where_things_are_and_what(bundle: ModelBundle) -> None:
    assert bundle.classes == ("nothing", "ball", "crate")
    assert bundle.task == "detection"
    recipes = {each["recipe"]: each["map50"]["value"] for each in bundle.details["candidates"]}
    assert set(recipes) == {"frozen", "fine-tuned"}
    assert recipes["frozen"] > 0.3
    assert bundle.metrics["map50"]["value"] == max(recipes.values()) > 0.8
    assert bundle.details["split"]["by"] == "day"
    # Every marked thing of the held-out pictures is in the confusion once: hits and misses can be told from it.
    counts = bundle.confusion.counts
    assert counts.sum(axis=1)[1:].tolist() == [bundle.metrics["per_class"][name]["n_things"] for name in ("ball", "crate")]
    assert np.diagonal(counts)[1:].sum() > 0.7 * counts[1:].sum()


def test_the_card_and_the_summary_speak_of_pictures_and_boxes(bundle: ModelBundle) -> None:
    assert "A detector, which puts a box around each thing" in bundle.card
    assert "AP50, precision, recall of things on held-out pictures" in bundle.card
    assert "mAP50 on the validation split" in bundle.card
    assert "mAP50" in bundle._repr_html_()
    summary = {"task": "detection", "metrics": bundle.metrics, "n_held_out": bundle.n_held_out}
    title, figure = headline(summary) or ("", {})
    assert title == "mAP50"
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert held_out(summary) == f"{bundle.n_held_out} held-out pictures"


def test_what_is_found_on_new_pictures_is_there(bundle: ModelBundle, tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 4, first=100, size=(130, 180))
    found = TASK.identify(sample, bundle)
    evaluation = TASK.evaluate(sample, bundle, splits_by=("day",))
    assert evaluation["map50"].value > 0.7
    assert evaluation.n == 4
    objects, predictions = found.sample.objects, found.predictions
    assert predictions.object_id.tolist() == objects["object_id"].tolist()
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)
    assert set(predictions.label) <= {"ball", "crate"}
    assert (predictions.probability >= bundle.details["min_score"] - 1e-6).all()
    table = pd.DataFrame(TASK.columns(found.sample, predictions))
    assert tuple(table.columns) == Detection.COLUMNS
    # Things are counted once, though tiles overlap, and their boxes are where they were drawn.
    right = 0
    for k in range(4):
        true = np.array([(x - r, y - r, x + r + 1, y + r + 1) for x, y, r, _ in scene(100 + k, 130, 180)[1]], dtype=float)
        mine = table[table["file"] == f"{k}.png"]
        shared = overlaps(mine[["x_min", "y_min", "x_max", "y_max"]].to_numpy(), true)
        assert ((shared > 0.5).sum(axis=0) <= 1).all()
        right += int((shared > 0.5).any(axis=0).sum())
    assert right >= 0.7 * sum(len(scene(100 + k, 130, 180)[1]) for k in range(4))
    for row in objects.itertuples():
        outline = outline_of(row.object_outline)
        assert outline.area == pytest.approx(row.object_area, abs=0.1)
        assert outline.bounds[0] == pytest.approx(row.object_bx, abs=1e-3)
        assert 0 <= outline.bounds[0] < outline.bounds[2] <= 180
    assert TASK.write_beside(found.sample, predictions, tmp_path) == []


def test_frames_and_tracks_that_are_known_are_told(bundle: ModelBundle, tmp_path: Path) -> None:
    found = TASK.identify(sample_of(tmp_path, 1, first=100, size=(130, 180)), bundle)
    n = len(found.sample.objects)
    plain = TASK.columns(found.sample, found.predictions)
    assert set(plain["track"]) <= {""}
    tracked = replace(found.sample, objects=found.sample.objects.assign(object_frame=range(n), object_track="t1"))
    columns = TASK.columns(tracked, found.predictions)
    assert columns["frame"].tolist() == list(range(n))
    assert columns["track"].tolist() == ["t1"] * n


def test_another_limit_finds_more_or_less(bundle: ModelBundle, tmp_path: Path) -> None:
    from imagine_kernels.media.sources import Held

    source = Held(scene(100, 130, 180)[0])
    few, some, many = (len(Detector.of(bundle, min_score=each).find(source)) for each in (0.999, None, 0.0))
    assert few <= some <= many
    assert few < many
    wrong = replace(bundle, details={**bundle.details, "task": "segmentation"})
    with pytest.raises(BundleError, match="does not look for things"):
        Detector.of(wrong)


def test_a_broken_picture_is_said_and_the_others_are_done(bundle: ModelBundle, tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 3, first=50)
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = TASK.identify(sample, bundle)
    assert [problem.item for problem in found.problems] == ["1.png"]
    assert found.sample.media["file"].tolist() == ["0.png", "2.png"]
    with pytest.warns(UserWarning, match=r"1\.png is left out of the evaluation"):
        assert TASK.evaluate(sample, bundle).n == 2
    data = read_box_tiles(sample, TASK, seed=0)
    assert [problem.item for problem in data.problems] == ["1.png"]
    assert len(data.boxes) == len(data.looks) == 2


def test_a_broken_outline_is_said_and_the_others_are_read(tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 2)
    objects = sample.objects.copy()
    objects.loc[0, OUTLINE] = "POLYGON (("
    marked, problems = boxes_on(replace(sample, objects=objects), ("nothing", "ball", "crate"))
    assert [problem.item for problem in problems] == [objects.loc[0, "object_id"]]
    assert sum(len(each.classes) for each in marked.values()) == len(objects) - 1


def test_what_is_marked_as_nothing_is_no_thing(tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 2)
    objects = sample.objects.copy()
    objects.loc[0, "label"] = "nothing"
    data = read_box_tiles(replace(sample, objects=objects), TASK, seed=0)
    assert "nothing" not in data.classes[1:]
    assert sum(len(each.classes) for each in data.boxes) == len(objects) - 1
    assert all((each.classes >= 1).all() for each in data.boxes)


def test_a_picture_without_things_is_identified_as_empty(bundle: ModelBundle, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((50, 70, 3), 127, dtype=np.uint8))
    media = pd.DataFrame([{"file": "empty.png", "width": 70, "height": 50, "labelled": False}])
    columns = ["object_id", "file", "label", "status", OUTLINE]
    sample = Sample(
        name="s", source=tmp_path, layout="", objects=pd.DataFrame(columns=columns), media=media, cut_from="photograph"
    )
    found = TASK.identify(sample, bundle)
    assert len(found.predictions) == len(found.sample.objects) == 0
    assert len(found.sample.media) == 1
    assert list(TASK.columns(found.sample, found.predictions)) == list(Detection.COLUMNS)


def test_tiles_hold_the_boxes_that_are_on_them(tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 3, size=(64, 150))
    data = read_box_tiles(sample, TASK, seed=0)
    assert data.classes == ("nothing", "ball", "crate")
    assert len(data.tiles) == 3 * 4
    for pixels, target in zip(data.tiles.pixels, data.tiles.target, strict=True):
        for kind, left, top, right, bottom in target[target[:, 0] >= 0]:
            x, y = min(63, int((left + right) / 2)), min(63, int((top + bottom) / 2))
            red, _, blue = pixels[:, y, x].astype(int)
            assert (red > 200 > blue) if kind == 0 else (blue > 200 > red)
    whole = sum(len(each.classes) for each in data.boxes)
    assert whole == len(sample.objects) <= (data.tiles.target[:, :, 0] >= 0).sum()
    fewer = read_box_tiles(sample, replace(TASK, most_tiles=5), seed=0)
    assert len(fewer.tiles) == 5
    assert fewer.sha256 != data.sha256
    small = read_box_tiles(sample, replace(TASK, longest=64), seed=0)
    assert len(small.tiles) == 3
    assert small.tiles.target[:, :, 3].max() <= 64


@pytest.mark.parametrize("seed", range(3))
def test_boxes_move_with_their_pixels(seed: int) -> None:
    """One coloured rectangle in each tile: after the augmentation its box is where its colour is."""
    rng = np.random.default_rng(seed)
    pixels, target = np.full((12, 3, 64, 64), 127, dtype=np.uint8), np.zeros((12, 2, 5), dtype=np.float32)
    target[:, 1, 0] = NO_BOX
    for tile, boxes in zip(pixels, target, strict=True):
        left, top = rng.integers(4, 40, 2)
        right, bottom = left + rng.integers(8, 24), top + rng.integers(8, 20)
        tile[:, top:bottom, left:right] = np.array([255, 0, 0])[:, None, None]
        boxes[0] = (0, left, top, right, bottom)
    augmentation = BoxAugmentation(gain=0.1, gamma=0.1, shift=0.2)
    generator = torch.Generator().manual_seed(seed)
    (moved,), boxes = varied(torch.from_numpy(pixels), torch.from_numpy(target), augmentation, generator)
    assert (boxes[:, 1, 0] == NO_BOX).all()
    kinds = set()
    for tile, (kind, *sides) in zip(moved.numpy(), boxes[:, 0].tolist(), strict=True):
        kinds.add(kind)
        rows, columns = np.nonzero(tile[0] - tile[1] > 110)
        if kind == NO_BOX or not len(rows):
            assert kind != 0
            continue
        np.testing.assert_allclose([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], sides, atol=1.6)
        seen = (sides[2] - sides[0]) * (sides[3] - sides[1])
        assert kind == 0 or seen < 0.6 * 24 * 20 * 1.6**2
    assert 0 in kinds


def test_boxes_that_leave_the_tile_are_ignored() -> None:
    target = torch.tensor([[[0, 0, 0, 10, 10], [1, 24, 24, 40, 40]]]).float()
    pixels = torch.zeros((1, 3, 64, 64), dtype=torch.uint8)
    kinds = set()
    for seed in range(40):
        augmentation = BoxAugmentation(turns=True, zoom=1.01, shift=0.25)
        boxes = varied(pixels, target, augmentation, torch.Generator().manual_seed(seed))[1][0]
        kinds.add(float(boxes[0, 0]))
        # The one in the middle cannot leave.
        assert float(boxes[1, 0]) == 1
    assert kinds == {0.0, float(NO_BOX), float(IGNORED_BOX)}


def test_every_box_has_its_points_and_the_smaller_one_wins() -> None:
    where, steps = (torch.from_numpy(each) for each in points(128, 8))
    rng = np.random.default_rng(0)
    for side in (3, 6, 12, 30, 60, 120):
        corner = rng.uniform(0, 128 - side, 2)
        target = torch.tensor([[0, *corner, *(corner + side)], [NO_BOX, 0, 0, 0, 0]], dtype=torch.float32)
        box, ignored = assigned(target, where, steps, finest=8)
        assert (box == 0).any(), side
        assert not (box == 1).any()
        assert not ignored.any()
        chosen = steps[box == 0]
        assert side >= 2 * chosen.max() or chosen.max() == 8
        assert side <= 8 * chosen.min() or chosen.min() == 32
    nested = torch.tensor([[0, 40, 40, 88, 88], [1, 54, 54, 74, 74], [IGNORED_BOX, 0, 0, 30, 30]], dtype=torch.float32)
    box, ignored = assigned(nested, where, steps, finest=8)
    middle = ((where - 64).abs() < 8).all(1) & (steps == 8)
    assert (box[middle] == 1).all()
    assert ignored[((where < 30).all(1))].all()


def test_a_long_thin_box_has_points_too() -> None:
    where, steps = (torch.from_numpy(each) for each in points(128, 8))
    for box in ([10, 60, 120, 63], [60.5, 5, 63, 100], [1, 1, 2, 126]):
        found, _ = assigned(torch.tensor([[0, *box]], dtype=torch.float32), where, steps, finest=8)
        assert (found == 0).any(), box


def test_overlaps_are_those_of_numpy_and_the_generalised_one_is_known() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 20, (2, 30, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 20, (2, 30, 2))], axis=2)
    iou, generalised = overlap_of(*torch.from_numpy(boxes))
    np.testing.assert_allclose(iou.numpy(), np.diagonal(overlaps(boxes[0], boxes[1])), atol=1e-9)
    from torchvision.ops import generalized_box_iou

    np.testing.assert_allclose(generalised.numpy(), np.diagonal(generalized_box_iou(*torch.from_numpy(boxes)).numpy()), atol=1e-6)


def test_the_loss_is_least_for_the_truth_and_ignored_boxes_count_nowhere() -> None:
    where, steps = points(64, 8)
    truth = np.array([10.0, 12.0, 34.0, 40.0])
    target = torch.tensor([[[1, *truth], [IGNORED_BOX, 44, 44, 64, 64]]], dtype=torch.float32)
    box, ignored = assigned(target[0], torch.from_numpy(where), torch.from_numpy(steps), finest=8)
    right = np.full((1, len(where), 6), -8.0, dtype=np.float32)
    for p in np.flatnonzero((box == 0).numpy()):
        x, y = where[p]
        right[0, p, 1] = 8
        right[0, p, 2:] = np.log(np.maximum([x - truth[0], y - truth[1], truth[2] - x, truth[3] - y], 0.1) / (2 * steps[p]))
    right[..., 2:] = np.clip(right[..., 2:], -6, 6)
    loss = box_loss(64, 8)
    least = float(loss(torch.from_numpy(right), target))
    np.testing.assert_allclose(
        decoded(right[0, :, 2:], where, steps)[(box == 0).numpy()], np.tile(truth, (int((box == 0).sum()), 1)), atol=1e-3
    )
    assert least < 0.01
    wrong = right.copy()
    wrong[..., :2] = wrong[..., 1::-1]
    assert float(loss(torch.from_numpy(wrong), target)) > 1
    moved = right.copy()
    moved[..., 2:] += 0.5
    assert float(loss(torch.from_numpy(moved), target)) > least + 0.2
    there = right.copy()
    assert ignored.any()
    there[0, ignored.numpy(), 0] = 8
    assert float(loss(torch.from_numpy(there), target)) == pytest.approx(least, abs=1e-6)


def test_the_calibration_finds_the_chances_that_scores_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.6 * odds - 0.8)))
    slope, offset = fit_calibration(1 / (1 + np.exp(-odds)), right)
    assert slope == pytest.approx(0.6, abs=0.03)
    assert offset == pytest.approx(-0.8, abs=0.05)
    assert fit_calibration(np.array([0.5, 0.6]), np.array([True, False])) == (1.0, 0.0)
    # Scores that mean the contrary do not turn the order of boxes around.
    assert fit_calibration(1 / (1 + np.exp(odds)), right)[0] == 0.2


def test_what_cannot_be_trained_on_is_refused(bundle: ModelBundle, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="No picture of scenes is labelled"):
        TASK.train(sample_of(tmp_path, 2, labelled=False), use_case="test", out=tmp_path / "model")
    sample = sample_of(tmp_path, 2)
    with pytest.raises(LabelError, match="Nothing is marked"):
        TASK.train(replace(sample, objects=sample.objects[:0]), use_case="test", out=tmp_path / "model")
    first = sample.objects[sample.objects["file"] == "0.png"]
    with pytest.raises(LabelError, match="on one picture of scenes only"):
        TASK.train(replace(sample, objects=first), use_case="test", out=tmp_path / "model")
    with pytest.raises(LabelError, match="the label 'ship', which the model does not know"):
        TASK.evaluate(replace(sample, objects=sample.objects.assign(label="ship")), bundle)
    with pytest.raises(LabelError, match="No picture of scenes is labelled"):
        TASK.evaluate(sample_of(tmp_path, 2, labelled=False), bundle)
    with pytest.raises(SettingError, match="multiple of 32"):
        Detection(tile=100)
    with pytest.raises(SettingError, match="overlap by 0 to 32 px"):
        Detection(tile=64, overlap=40)


def test_training_and_finding_can_be_stopped(bundle: ModelBundle, tmp_path: Path) -> None:
    cancel, sample = threading.Event(), sample_of(tmp_path, 6)
    cancel.set()
    with pytest.raises(Cancelled):
        TASK.train(sample, use_case="test", out=tmp_path / "model", cancel=cancel)
    with pytest.raises(Cancelled):
        TASK.identify(sample, bundle, cancel=cancel)
    assert not (tmp_path / "model").exists()
