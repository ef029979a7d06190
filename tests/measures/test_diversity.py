"""Diversity against published worked examples, an independent library, and exact truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from imagine_kernels.measures.diversity import diversity_table, shannon, shannon_interval, simpson, simpson_interval
from imagine_kernels.records import Confusion

#: Food of blue jays in two regions, the worked example of Hutcheson's test in Zar, Biostatistical Analysis; indices there to the base 10.
MICHIGAN, LOUISIANA = np.array([47, 35, 7, 5, 3, 2]), np.array([48, 23, 11, 13, 8, 2])


def test_shannon_and_its_variance_are_those_of_the_worked_example():
    base = np.log(10)
    assert shannon(MICHIGAN) / base == pytest.approx(0.5403, abs=1e-4)
    assert shannon(LOUISIANA) / base == pytest.approx(0.6328, abs=1e-4)
    low, high = shannon_interval(MICHIGAN)
    assert ((high - low) / 2 / 1.959964 / base) ** 2 == pytest.approx(0.00137602, rel=1e-3)


def test_indices_agree_with_scipy_and_with_limits():
    counts = np.random.default_rng(0).integers(0, 50, (20, 9))
    np.testing.assert_allclose(shannon(counts), entropy(counts, axis=1))
    assert shannon([7, 7, 7, 7]) == pytest.approx(np.log(4))
    assert simpson([5, 5]) == pytest.approx(0.5)
    assert (shannon([9, 0]), simpson([9, 0])) == (0, 0)
    assert np.isnan(shannon([0, 0]))
    assert np.isnan(simpson([0, 0]))


def test_intervals_hold_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(1)
    p = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
    counts = rng.multinomial(400, p, size=2000)
    for index, interval in ((shannon, shannon_interval), (simpson, simpson_interval)):
        low, high = interval(counts)
        held = ((low <= index(p)) & (index(p) <= high)).mean()
        assert 0.92 < held < 0.98, (index, held)


def objects(counts: dict[str, int], status: str = "predicted", sample: str = "s"):
    label = np.repeat(np.array(list(counts), dtype=object), list(counts.values()))
    return np.full(len(label), sample, dtype=object), label, np.full(len(label), status, dtype=object)


def test_the_table_leaves_out_what_is_no_taxon_and_what_was_discarded():
    sample, label, status = objects({"a": 30, "b": 10, "Detritus": 500, "c": 10})
    status[label == "c"] = "discarded"
    row = diversity_table(sample, label=label, status=status, counted=frozenset("abc")).iloc[0]
    assert (row["n_counted"], row["richness"]) == (40, 2)
    assert row["shannon_nats"] == pytest.approx(entropy([30, 10]))
    assert row["simpson"] == pytest.approx(1 - 0.75**2 - 0.25**2)
    assert (row["hill_1"], row["hill_2"]) == (pytest.approx(np.exp(entropy([30, 10]))), pytest.approx(1 / (0.75**2 + 0.25**2)))
    assert np.isnan(row["shannon_corrected_nats"])


def test_correction_undoes_a_known_confusion_and_a_perfect_classifier_changes_nothing():
    true = {"a": 600, "b": 300, "c": 100}
    seen = objects({"a": 540 + 30, "b": 270 + 30 + 10, "c": 90 + 30})
    counts = np.array([[900, 50, 50], [50, 900, 50], [0, 100, 900]])
    confused = diversity_table(
        seen[0], label=seen[1], status=seen[2], counted=frozenset("abc"), confusion=Confusion(classes=tuple("abc"), counts=counts)
    )
    row = confused.iloc[0]
    truth = entropy(list(true.values()))
    assert abs(row["shannon_corrected_nats"] - truth) < abs(row["shannon_nats"] - truth)
    assert row["shannon_corrected_low_nats"] < truth < row["shannon_corrected_high_nats"]
    perfect = Confusion(classes=tuple("abc"), counts=np.eye(3, dtype=int) * 100_000)
    same = diversity_table(seen[0], label=seen[1], status=seen[2], counted=frozenset("abc"), confusion=perfect).iloc[0]
    assert same["shannon_corrected_nats"] == pytest.approx(same["shannon_nats"], abs=1e-3)
    assert same["shannon_corrected_low_nats"] == pytest.approx(same["shannon_low_nats"], abs=0.02)
    assert same["simpson_corrected_high"] == pytest.approx(same["simpson_high"], abs=0.02)


def test_samples_without_taxa_are_told_apart():
    first, second = objects({"a": 5}, sample="x"), objects({"Detritus": 5}, sample="y")
    sample, label, status = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    table = diversity_table(sample, label=label, status=status, counted=frozenset("a"))
    assert table["n_counted"].tolist() == [5, 0]
    assert np.isnan(table["shannon_nats"].iloc[1])
    assert len(diversity_table(sample, label=label, status=status, counted=frozenset())) == 2
