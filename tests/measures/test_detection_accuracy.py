"""The accuracy of boxes against pycocotools, and on cases that are worked out by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from imagine_kernels.errors import DataError, LabelError
from imagine_kernels.measures.box_matching import PictureBoxes, box_confusion, paired
from imagine_kernels.measures.detection_accuracy import best_threshold, evaluate_boxes, paired_precision_gain

CLASSES = ("nothing", "bottle", "can", "bag")


def made(seed: int, n: int = 12, *, crowded: bool = False) -> list[PictureBoxes]:
    """Marked boxes, and found ones that are moved, doubled, confused, missed or invented."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(n):
        m = int(rng.integers(0, 6)) if not crowded else 40
        corner, side = rng.uniform(0, 300, (m, 2)), rng.uniform(8, 90, (m, 2))
        true = np.hstack([corner, corner + side])
        labels = rng.integers(1, 4, m)
        again = rng.integers(0, 4 if crowded else 3, m)
        found = np.repeat(true, again, axis=0) + rng.normal(0, 4, (again.sum(), 4))
        classes = np.where(rng.random(len(found)) < 0.8, np.repeat(labels, again), rng.integers(1, 4, len(found)))
        extra = rng.uniform(0, 300, (int(rng.integers(0, 3)), 2))
        found = np.vstack([found, np.hstack([extra, extra + 30])])
        classes = np.append(classes, rng.integers(1, 4, len(extra)))
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        # Coarse scores, so that some are equal.
        pictures.append(PictureBoxes.of(true, labels, found, rng.integers(1, 40, len(found)) / 40, classes))
    return pictures


def by_coco(pictures: list[PictureBoxes]) -> tuple[float, float, list[float]]:
    """mAP50, mAP and the AP50 of each class, by pycocotools."""

    def wide(box: np.ndarray) -> list[float]:
        return [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]

    true, found = [], []
    for k, each in enumerate(pictures, start=1):
        for box, label in zip(each.true_boxes, each.true_classes.tolist(), strict=True):
            area = float(np.prod(box[2:] - box[:2]))
            true.append({"id": len(true) + 1, "image_id": k, "category_id": label, "bbox": wide(box), "area": area, "iscrowd": 0})
        for box, label, score in zip(each.boxes, each.classes.tolist(), each.scores.tolist(), strict=True):
            found.append({"image_id": k, "category_id": label, "bbox": wide(box), "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": k} for k in range(1, len(pictures) + 1)],
            "annotations": true,
            "categories": [{"id": i} for i in (1, 2, 3)],
        }
        coco.createIndex()
        made_by = COCOeval(coco, coco.loadRes(found), "bbox")
        made_by.evaluate()
        made_by.accumulate()
        made_by.summarize()
    precision = made_by.eval["precision"][0, :, :, 0, 2]
    each_class = [float(column.mean()) if (column > -1).all() else float("nan") for column in precision.T]
    return float(made_by.stats[1]), float(made_by.stats[0]), each_class


@pytest.mark.parametrize(("seed", "crowded"), [(0, False), (1, False), (2, False), (3, True)])
def test_average_precisions_are_those_of_coco(seed: int, crowded: bool) -> None:
    pictures = made(seed, 3 if crowded else 12, crowded=crowded)
    ours = evaluate_boxes(pictures, CLASSES, min_score=0.5, n_draws=2)
    map50, whole, each_class = by_coco(pictures)
    assert ours["map50"].value == pytest.approx(map50, abs=1e-9)
    assert ours["map"].value == pytest.approx(whole, abs=1e-9)
    np.testing.assert_allclose([ours.per_class[name]["ap50"].value for name in CLASSES[1:]], each_class, atol=1e-9)


def test_a_picture_that_is_drawn_twice_counts_as_two() -> None:
    """The bootstrap weighs pictures; COCO, given a drawn set with its repetitions, says the same."""
    from imagine_kernels.measures.box_matching import ranked
    from imagine_kernels.measures.detection_accuracy import average_precision

    pictures = made(5)
    times = np.random.default_rng(0).integers(0, 3, len(pictures))
    repeated = [picture for picture, n in zip(pictures, times, strict=True) for _ in range(n)]
    expected = by_coco(repeated)[2]
    found = [average_precision(ranked(pictures, i, (0.5,)), 0, times[None].astype(float))[0] for i in (1, 2, 3)]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_intervals_hold_the_value_and_groups_widen_them() -> None:
    pictures = made(6, 30)
    alone = evaluate_boxes(pictures, CLASSES, min_score=0.3, n_draws=200)
    in_five = evaluate_boxes(pictures, CLASSES, min_score=0.3, n_draws=200, groups=np.arange(30) // 6)
    copies = evaluate_boxes([each for each in pictures for _ in range(4)], CLASSES, min_score=0.3, n_draws=200)
    same = evaluate_boxes(
        [each for each in pictures for _ in range(4)], CLASSES, min_score=0.3, n_draws=200, groups=np.repeat(np.arange(30), 4)
    )
    assert alone["map50"].low < alone["map50"].value < alone["map50"].high
    assert in_five["map50"].value == alone["map50"].value
    width = {id(each): each["map50"].high - each["map50"].low for each in (alone, copies, same)}
    assert width[id(copies)] < 0.7 * width[id(alone)] < 0.9 * width[id(same)] / 0.8


def test_the_confusion_counts_every_thing_once() -> None:
    true = [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]
    found = [[0, 0, 10, 10], [20, 1, 30, 10], [60, 0, 70, 10], [0, 1, 10, 10], [40, 0, 50, 10]]
    picture = PictureBoxes.of(true, [1, 2, 3], found, [0.9, 0.8, 0.7, 0.6, 0.1], [1, 1, 2, 1, 3])
    counts = box_confusion(picture, 4, min_score=0.5)
    # A bottle found twice, a can taken for a bottle, a can invented, a bag missed as its score is low.
    np.testing.assert_array_equal(counts, [[0, 1, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
    evaluation = evaluate_boxes([picture], CLASSES, min_score=0.5, n_draws=2)
    assert evaluation.per_class["bottle"]["precision"].value == pytest.approx(1 / 3)
    assert evaluation.per_class["bag"]["recall"].value == 0
    assert np.isnan(evaluation.per_class["bag"]["precision"].value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_the_margins_of_the_confusion_are_what_is_marked_and_found(seed: int, least: float) -> None:
    for picture in made(seed, 3):
        counts = box_confusion(picture, 4, min_score=least)
        np.testing.assert_array_equal(counts[1:].sum(axis=1), np.bincount(picture.true_classes, minlength=4)[1:])
        kept = picture.classes[picture.scores >= least]
        np.testing.assert_array_equal(counts[:, 1:].sum(axis=0), np.bincount(kept, minlength=4)[1:])


def test_pairs_share_most() -> None:
    true = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10]])
    np.testing.assert_array_equal(paired(np.array([[3.0, 0, 13, 10], [0, 0, 10, 10], [50, 0, 60, 10]]), true), [1, 0, -1])
    assert paired(np.zeros((0, 4)), true).tolist() == []
    assert paired(true, np.zeros((0, 4))).tolist() == [-1, -1]


def test_the_threshold_is_that_of_the_best_f1() -> None:
    pictures = made(8, 20)

    def f1(threshold: float) -> float:
        from imagine_kernels.measures.box_matching import ranked

        hits = found = marked = 0
        for number in (1, 2, 3):
            of = ranked(pictures, number, (0.5,))
            kept = of.scores >= threshold
            hits, found, marked = hits + of.right[0][kept].sum(), found + kept.sum(), marked + of.marked.sum()
        return 2 * hits / (found + marked)

    chosen = best_threshold(pictures, 4)
    assert f1(chosen) == pytest.approx(max(f1(t) for t in np.arange(0, 1.01, 1 / 80)), abs=1e-12)
    nothing = PictureBoxes.of([[0, 0, 9, 9]], [1], [], [], [])
    assert best_threshold([nothing], 4) == 1.0


def test_a_better_detector_gains() -> None:
    pictures = made(9, 25)
    perfect = [
        PictureBoxes.of(each.true_boxes, each.true_classes, each.true_boxes, np.ones(len(each.true_boxes)), each.true_classes)
        for each in pictures
    ]
    gain, error = paired_precision_gain(pictures, perfect, 4, n_draws=200)
    assert gain == pytest.approx(1 - evaluate_boxes(pictures, CLASSES, min_score=0.5, n_draws=2)["map50"].value)
    assert 0 < error < gain
    assert paired_precision_gain(perfect, perfect, 4, n_draws=20) == (0.0, 0.0)


def test_figures_go_into_a_table_and_into_json() -> None:
    import json

    evaluation = evaluate_boxes(made(1), CLASSES, min_score=0.4, n_draws=5)
    table = evaluation.table()
    assert set(table["metric"]) == {"map50", "map", "ap50", "precision", "recall"}
    assert len(table) == 2 + 3 * 3
    held = json.loads(json.dumps(evaluation.to_dict()))
    assert set(held["per_class"]) == set(CLASSES)
    assert held["per_class"]["bottle"]["n_things"] == sum(int((each.true_classes == 1).sum()) for each in made(1))
    assert held["min_score"] == 0.4


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="differ in number"):
        PictureBoxes.of([[0, 0, 1, 1]], [1, 2], [], [], [])
    with pytest.raises(DataError, match="not a finite number"):
        PictureBoxes.of([[0, 0, np.nan, 1]], [1], [], [], [])
    with pytest.raises(LabelError, match="no marked things"):
        evaluate_boxes([PictureBoxes.of([], [], [], [], [])], CLASSES, min_score=0.5)
    with pytest.raises(LabelError, match="no marked things"):
        evaluate_boxes([], CLASSES, min_score=0.5)
