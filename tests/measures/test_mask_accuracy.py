"""Figures of masks, against scikit-learn and in cases that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, precision_score, recall_score

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.mask_accuracy import IGNORED, evaluate_masks, pixel_confusion

CLASSES = ("sea", "oil", "look-alike")


def pictures(n: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.choice(3, size=(n, 30, 20), p=[0.7, 0.2, 0.1])
    return true, np.where(rng.random(true.shape) < 0.75, true, rng.integers(0, 3, true.shape))


def test_the_figures_are_those_of_scikit_learn_over_all_pixels() -> None:
    true, found = pictures()
    evaluation = evaluate_masks(np.stack([pixel_confusion(t, p, 3) for t, p in zip(true, found, strict=True)]), CLASSES)
    t, p = true.ravel(), found.ravel()
    np.testing.assert_array_equal(evaluation.confusion.counts, confusion_matrix(t, p))
    assert evaluation["accuracy"].value == pytest.approx(accuracy_score(t, p))
    assert evaluation["mean_iou"].value == pytest.approx(jaccard_score(t, p, average="macro"))
    for name, score in (("iou", jaccard_score), ("precision", precision_score), ("recall", recall_score)):
        expected = score(t, p, average=None)
        assert [evaluation.per_class[label][name].value for label in CLASSES] == pytest.approx(expected)
    for figure in [*evaluation.metrics.values(), *(f for row in evaluation.per_class.values() for f in row.values())]:
        assert figure.low <= figure.value <= figure.high
    assert evaluation.table().query("label == 'oil'")["metric"].tolist() == ["iou", "precision", "recall"]
    assert evaluation.to_dict()["per_class"]["oil"]["n_px"] == int((t == 1).sum())


def test_pictures_of_one_scene_are_drawn_together() -> None:
    # Each scene ten times: alone the pictures look like ten times as much evidence as they are.
    true, found = pictures(6)
    true[:3, :, :10] = 1
    confusions = np.stack([pixel_confusion(t, p, 3) for t, p in zip(true, found, strict=True)]).repeat(10, axis=0)
    scenes = np.repeat(np.arange(6), 10)
    alone, together = evaluate_masks(confusions, CLASSES), evaluate_masks(confusions, CLASSES, groups=scenes)
    first, second = (each.per_class["oil"]["iou"] for each in (alone, together))
    assert first.value == second.value
    assert second.high - second.low > 2 * (first.high - first.low)


def test_what_was_not_labelled_counts_nowhere() -> None:
    true, found = np.array([[0, 1, IGNORED]]), np.array([[0, 0, 1]])
    assert pixel_confusion(true, found, 2).tolist() == [[1, 0], [1, 0]]


def test_a_class_that_never_occurs_has_no_figure_and_harms_none() -> None:
    evaluation = evaluate_masks(np.array([[[5, 0, 0], [1, 4, 0], [0, 0, 0]]]), CLASSES)
    assert np.isnan(evaluation.per_class["look-alike"]["iou"].value)
    assert evaluation["mean_iou"].value == pytest.approx((5 / 6 + 4 / 5) / 2)
    assert evaluation.to_dict()["per_class"]["look-alike"]["iou"] == {"value": None, "low": None, "high": None}


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(LabelError, match="they must be of one picture"):
        pixel_confusion(np.zeros((2, 3)), np.zeros((3, 2)), 2)
    with pytest.raises(LabelError, match=r"other numbers than those of its 2 classes \(0 to 1\)"):
        pixel_confusion(np.array([[2]]), np.array([[0]]), 2)
    with pytest.raises(LabelError, match="no labelled pictures"):
        evaluate_masks(np.empty((0, 2, 2)), ("a", "b"))
