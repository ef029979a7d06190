"""Counts, shares and rarefaction against enumeration, simulation and other formulae."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from imagine_kernels.measures.valve_counts import (
    Compositions,
    Counted,
    accumulation_table,
    corrected,
    count_states,
    count_table,
    rarefaction,
    resampled,
    shares,
)
from imagine_kernels.records import Confusion


def counted(taxa, samples=None, marks=None, status="predicted", **rule):
    n = len(taxa)
    return Counted.of(
        np.array(samples or ["s"] * n, dtype=object),
        np.array(taxa, dtype=object),
        np.array(marks or [""] * n, dtype=object),
        np.full(n, status, dtype=object) if isinstance(status, str) else np.array(status, dtype=object),
        **{"fragments": False, "girdle_views": True, **rule},
    )


def wilson_of(k, n):
    interval = binomtest(k, n).proportion_ci(method="wilson")
    return interval.low, interval.high


def test_rarefaction_is_the_mean_over_all_subsamples():
    counts = [4, 3, 1, 1]
    valves = [taxon for taxon, n in enumerate(counts) for _ in range(n)]
    sizes = np.arange(len(valves) + 1)
    expected, variance = rarefaction(np.array(counts), sizes)
    for n in sizes:
        richness = [len(set(each)) for each in combinations(valves, int(n))]
        assert expected[n] == pytest.approx(np.mean(richness), abs=1e-9)
        assert variance[n] == pytest.approx(np.var(richness), abs=1e-8)


def test_rarefaction_of_a_long_count_is_stable():
    counts = np.array([180, 90, 60, 30, 20, 10, 5, 3, 1, 1])
    expected, variance = rarefaction(counts, np.array([1, 100, 400]))
    assert expected[0] == pytest.approx(1)
    assert variance[0] == 0
    assert expected[2] == pytest.approx(10)
    assert variance[2] == 0
    rng = np.random.default_rng(0)
    valves = np.repeat(np.arange(10), counts)
    drawn = [len(set(rng.choice(valves, 100, replace=False).tolist())) for _ in range(4000)]
    assert expected[1] == pytest.approx(np.mean(drawn), abs=0.06)
    assert variance[1] == pytest.approx(np.var(drawn), rel=0.1)


def test_the_accumulation_curve_ends_at_all_taxa():
    table = accumulation_table(counted(["a", "b", "a", "c", "unidentified", "a"], samples=["s"] * 5 + ["t"]))
    mine = table[table["sample_id"] == "s"]
    assert mine["n_valves"].tolist() == [1, 2, 3, 4]
    assert mine["n_taxa_met"].tolist() == [1, 2, 2, 3]
    assert mine["n_taxa_expected"].iloc[-1] == pytest.approx(3)
    assert (mine["n_taxa_expected_low"] <= mine["n_taxa_expected"]).all()
    assert len(accumulation_table(counted(["unidentified"]))) == 0


def test_what_is_counted():
    taxa = ["a", "a", "a", "unidentified", "b"]
    marks = ["", "girdle view", "fragment", "fragment", ""]
    status = ["predicted", "validated", "predicted", "predicted", "discarded"]
    for rule, numbers in (
        ({}, {"a": 2}),
        ({"fragments": True}, {"a": 3, "unidentified": 1}),
        ({"girdle_views": False}, {"a": 1}),
    ):
        these = counted(taxa, marks=marks, status=status, **rule)
        assert dict(zip(these.taxa, these.numbers(these.taxa)[0].tolist(), strict=True)) == numbers
    row = count_table(counted(taxa, marks=marks, status=status, fragments=True), target=4).iloc[0]
    assert row[["n_counted", "enough", "n_taxa", "n_unidentified", "n_girdle_views", "n_fragments", "n_validated"]].tolist() == [
        4, "yes", 1, 1, 1, 2, 1,
    ]  # fmt: skip
    low, high = wilson_of(1, 4)
    assert row["unidentified_share"] == 0.25
    assert (row["unidentified_share_low"], row["unidentified_share_high"]) == pytest.approx((low, high))


def test_evenness_and_coverage():
    row = count_table(counted(["a"] * 5 + ["b"] * 5 + ["c"] * 5), target=400).iloc[0]
    assert row["enough"] == "no"
    assert row["evenness"] == pytest.approx(1)
    assert row["shannon_nats"] == pytest.approx(np.log(3))
    assert row["coverage"] == 1
    assert count_table(counted(["a", "a", "b", "c"]), target=400).iloc[0]["coverage"] == pytest.approx(0.5)
    empty = count_table(counted(["a"], status="discarded"), target=400).iloc[0]
    assert empty["n_counted"] == 0
    assert np.isnan(empty["unidentified_share"])


def test_shares_have_at_least_wilsons_interval():
    these = counted(["a"] * 30 + ["b"] * 10, samples=["s"] * 40)
    share, low, high = shares(resampled(these, n_draws=4000, seed=0))
    assert share[0].tolist() == [0.75, 0.25]
    expected = wilson_of(10, 40)
    assert low[0, 1] <= expected[0] + 1e-9
    assert high[0, 1] >= expected[1] - 1e-9
    assert (low[0, 1], high[0, 1]) == pytest.approx(expected, abs=0.03)
    never = shares(
        Compositions(samples=["s"], taxa=["a", "b"], best=np.array([[20.0, 0.0]]), drawn=np.tile([[[20.0, 0.0]]], (200, 1, 1)))
    )
    assert (never[1][0, 1], never[2][0, 1]) == pytest.approx(wilson_of(0, 20), abs=1e-9)


def test_the_errors_of_the_classifier_are_unfolded():
    # Of a, a tenth is called b; of b, a fifth is called a.
    confusion = Confusion(classes=("a", "b"), counts=np.array([[900, 100], [200, 800]]))
    true = np.array([300.0, 100.0])
    said = np.rint(true @ (confusion.counts / 1000)).astype(int)
    taxa = ["a"] * said[0] + ["b"] * said[1]
    these = counted(taxa)
    found = corrected(these, np.array(taxa, dtype=object), {"a": "a", "b": "b"}, confusion, n_draws=500, seed=0)
    np.testing.assert_allclose(found.best[0], true, atol=3)
    share, low, high = shares(found)
    assert low[0, 0] < 0.75 < high[0, 0]
    plain = shares(resampled(these, n_draws=500, seed=0))
    assert high[0, 0] - low[0, 0] > plain[2][0, 0] - plain[1][0, 0]
    assert share.sum() == pytest.approx(1)


def test_what_a_person_has_seen_is_not_unfolded():
    confusion = Confusion(classes=("a", "b"), counts=np.array([[50, 50], [50, 50]]))
    taxa = ["a"] * 20 + ["new"] * 5
    found = corrected(counted(taxa), np.full(25, "", dtype=object), {"a": "a", "b": "b"}, confusion, n_draws=50, seed=0)
    assert dict(zip(found.taxa, found.best[0].tolist(), strict=True)) == {"a": 20, "b": 0, "new": 5}
    assert (found.drawn.sum(axis=2) == 25).all()


def test_species_that_fell_back_get_their_own_again():
    confusion = Confusion(classes=("Navicula cari", "Navicula cincta"), counts=np.array([[100, 0], [0, 100]]))
    said = np.array(["Navicula cari"] * 8 + ["Navicula cincta"] * 2, dtype=object)
    found = corrected(counted(["Navicula"] * 10), said, {name: name for name in confusion.classes}, confusion, n_draws=50, seed=0)
    numbers = dict(zip(found.taxa, found.best[0].tolist(), strict=True))
    assert numbers["Navicula"] == 0
    assert numbers["Navicula cari"] == pytest.approx(8, abs=0.5)


def test_the_state_of_a_count_says_how_many_more_and_what_it_holds():
    taxa = ["Navicula"] * 5 + ["Nitzschia"] * 2 + ["Cymbella", "unidentified", "Navicula"]
    marks = [""] * 7 + ["girdle view", "", "fragment"]
    status = ["validated"] * 3 + ["predicted"] * 7
    count = counted(taxa, marks=marks, status=status)
    curve = accumulation_table(count)
    (state,) = count_states(count_table(count, target=400), curve, fragments=False, girdle_views=True)
    assert (state.counted, state.wanted) == (9, 400)
    assert state.sentence == "391 more: 9 of the 400 valves that are wanted are counted."
    # One of the eight named valves is the only one of its taxon (Good 1953).
    assert state.remark == "The next valve is of a taxon that was met already with a chance of 88 % (Good's coverage)."
    parts = {part.name: (part.n, part.of, part.remark) for part in state.parts}
    assert parts == {
        "checked by a person": (3, 9, ""),
        "unidentified": (1, 9, ""),
        "girdle views": (1, 9, ""),
        "fragments": (1, 9, "not counted"),
    }
    assert (state.parts[1].low, state.parts[1].high) == pytest.approx(wilson_of(1, 9))
    assert state.curve is not None
    assert (state.curve.x[-1], state.curve.met[-1], state.curve.expected[-1]) == (8, 3, pytest.approx(3))
    (enough,) = count_states(count_table(count, target=9), curve, fragments=True, girdle_views=False)
    assert enough.sentence == "Enough: 9 valves are counted, 9 are wanted."
    assert [part.remark for part in enough.parts] == ["", "", "not counted", ""]


def test_the_state_of_a_count_of_nothing_is_said():
    count = counted(["Navicula"], status="discarded")
    (state,) = count_states(count_table(count, target=400), accumulation_table(count), fragments=False, girdle_views=True)
    assert (state.counted, state.curve, state.remark) == (0, None, "")
    assert state.sentence == "400 more: 0 of the 400 valves that are wanted are counted."
