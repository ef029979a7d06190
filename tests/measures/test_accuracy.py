"""Metrics against scikit-learn, intervals against what they promise."""

import json

import numpy as np
import pytest
from sklearn import metrics

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.accuracy import evaluate

CLASSES = ("Copepoda", "Cladocera", "Ostracoda", "detritus")


def simulated(n, seed, skill=2.0, classes=CLASSES):
    """Labels and calibrated-looking probabilities."""
    rng = np.random.default_rng(seed)
    true = rng.choice(len(classes), size=n, p=np.arange(1, len(classes) + 1) / np.arange(1, len(classes) + 1).sum())
    logits = rng.normal(size=(n, len(classes)))
    logits[np.arange(n), true] += skill
    values = np.exp(logits)
    return np.array(classes, dtype=object)[true], values / values.sum(axis=1, keepdims=True)


def test_the_figures_are_those_of_scikit_learn():
    true, probabilities = simulated(500, 1)
    predicted = np.array(CLASSES, dtype=object)[probabilities.argmax(axis=1)]
    found = evaluate(true, probabilities, CLASSES, n_draws=50)
    assert found["accuracy"].value == pytest.approx(metrics.accuracy_score(true, predicted))
    assert found["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(true, predicted))
    assert found["macro_f1"].value == pytest.approx(metrics.f1_score(true, predicted, average="macro"))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(true, predicted, labels=CLASSES)
    for i, label in enumerate(CLASSES):
        assert [found.per_class[label][name].value for name in ("precision", "recall", "f1")] == pytest.approx(
            [precision[i], recall[i], f1[i]]
        )
    assert np.array_equal(found.confusion.counts, metrics.confusion_matrix(true, predicted, labels=CLASSES))
    assert np.array_equal(found.confusion.counts.sum(axis=1), support)


def test_a_class_that_does_not_occur_does_not_count():
    true, probabilities = simulated(200, 2)
    probabilities = np.column_stack([probabilities, np.zeros(200)])
    found = evaluate(true, probabilities, (*CLASSES, "Chaetognatha"), n_draws=50)
    alone = evaluate(true, probabilities[:, :4], CLASSES, n_draws=50)
    assert found["balanced_accuracy"] == alone["balanced_accuracy"]
    assert found["macro_f1"].value == alone["macro_f1"].value
    assert np.isnan(found.per_class["Chaetognatha"]["recall"].value)
    assert found.to_dict()["per_class"]["Chaetognatha"]["recall"] == {"value": None, "low": None, "high": None}


def test_calibration_error_by_the_definition():
    true, probabilities = simulated(400, 3)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = np.array(CLASSES, dtype=object)[predicted] == true
    expected = 0.0
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert evaluate(true, probabilities, CLASSES, n_draws=10)["ece"].value == pytest.approx(expected)


def test_intervals_hold_the_truth_as_often_as_they_say():
    many, probabilities = simulated(200_000, 4)
    predicted = np.array(CLASSES, dtype=object)[probabilities.argmax(axis=1)]
    truth = {
        "accuracy": metrics.accuracy_score(many, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(many, predicted),
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        found = evaluate(*simulated(300, 1000 + seed), CLASSES, n_draws=300, seed=seed)
        for name, value in truth.items():
            held[name] += found[name].low <= value <= found[name].high
    assert min(held.values()) >= 0.90 * 200, held


def test_five_right_out_of_five_is_not_certainty():
    found = evaluate(["Copepoda"] * 5, np.tile([1.0, 0, 0, 0], (5, 1)), CLASSES, n_draws=50)
    assert found["accuracy"].value == 1
    assert found["accuracy"].low == pytest.approx(0.5655, abs=1e-4)
    assert found.per_class["Copepoda"]["recall"].low < 0.6


def test_the_same_seed_gives_the_same_intervals_and_json_takes_them():
    true, probabilities = simulated(120, 5)
    first, second = (evaluate(true, probabilities, CLASSES, n_draws=100, seed=7) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    back = json.loads(json.dumps(first.to_dict()))
    assert set(back["balanced_accuracy"]) == {"value", "low", "high"}
    table = first.table()
    assert list(table.columns) == ["metric", "label", "value", "low", "high", "n"]
    assert len(table) == 4 + 3 * len(CLASSES)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_what_cannot_be_compared_is_said():
    with pytest.raises(LabelError, match="no labelled objects"):
        evaluate([], np.empty((0, 4)), CLASSES)
    with pytest.raises(LabelError, match=r"shape \(2, 3\), not \(objects, classes\) = \(2, 4\)"):
        evaluate(["detritus"] * 2, np.ones((2, 3)) / 3, CLASSES)
    with pytest.raises(LabelError, match="'Salpida' is not among the classes"):
        evaluate(["Salpida"], np.ones((1, 4)) / 4, CLASSES)
    with pytest.raises(LabelError, match="not finite"):
        evaluate(["detritus"], np.full((1, 4), np.nan), CLASSES)
