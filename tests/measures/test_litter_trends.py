"""Trends, against scipy, statsmodels and permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, theilslopes

from imagine_kernels.errors import DataError
from imagine_kernels.measures.litter_trends import decimal_years, mann_kendall, step_test, theil_sen


@pytest.mark.parametrize("n", [3, 6, 11, 30, 40])
@pytest.mark.parametrize("seed", range(3))
def test_without_ties_p_is_exact(n, seed):
    values = np.random.default_rng(seed).normal(size=n) + 0.05 * np.arange(n)
    found, expected = mann_kendall(values), kendalltau(np.arange(n), values, method="exact")
    assert found.method == "exact"
    assert found.tau == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.variance == n * (n - 1) * (2 * n + 5) / 18


def test_the_exact_p_is_that_of_all_permutations():
    values = [3, 1, 4, 6, 5, 9]
    s = mann_kendall(values).s
    every = [mann_kendall(order).s for order in permutations(values)]
    assert mann_kendall(values).p == pytest.approx(np.mean(np.abs(every) >= abs(s)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=30), st.data())
def test_with_ties_score_tau_and_variance_are_those_of_scipy(values, data):
    times = data.draw(st.lists(st.integers(0, 9), min_size=len(values), max_size=len(values)))
    found = mann_kendall(values, times)
    expected = kendalltau(times, values, method="asymptotic")
    if np.isnan(expected.statistic):
        assert np.isnan(found.tau)
        assert found.p == 1
        return
    assert found.tau == pytest.approx(expected.statistic, abs=1e-12)
    if found.method == "exact":
        return
    # scipy does without the correction for continuity: put it back by the variance.
    z = abs(found.s) / np.sqrt(found.variance)
    from scipy.stats import norm

    assert 2 * norm.sf(z) == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.p >= expected.pvalue - 1e-9


def test_the_variance_with_ties_is_that_of_all_permutations():
    values = [1, 1, 2, 3, 3, 3]
    every = [mann_kendall(order).s for order in permutations(values)]
    assert mann_kendall(values).variance == pytest.approx(np.var(every))


def test_seasons_are_compared_with_themselves():
    # Every summer has ten times the litter of every winter, and each falls: held against each other they hide it.
    years = np.repeat(np.arange(8), 2) + np.tile([0.0, 0.5], 8)
    values = np.tile([10.0, 100.0], 8) - 0.5 * years
    found = mann_kendall(values, years, seasons=["winter", "summer"] * 8)
    apart = [kendalltau(years[k::2], values[k::2]).statistic * 28 for k in (0, 1)]
    assert found.s == pytest.approx(sum(apart)) == -56
    assert found.variance == pytest.approx(2 * 8 * 7 * 21 / 18)
    assert found.p < 0.001
    assert mann_kendall(values, years).p > 100 * found.p


def test_the_test_errs_as_often_as_it_says():
    rng = np.random.default_rng(1)
    assert np.mean([mann_kendall(rng.poisson(30, 12)).p < 0.05 for _ in range(1500)]) == pytest.approx(0.045, abs=0.015)


@pytest.mark.parametrize("n", [8, 20, 45])
def test_slopes_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    times = np.sort(rng.uniform(2015, 2025, n))
    values = 300 - 21 * (times - 2015) + rng.normal(0, 40, n)
    slope, intercept = theil_sen(values, times)
    expected = theilslopes(values, times, alpha=0.95)
    assert (slope.value, intercept) == (pytest.approx(expected.slope), pytest.approx(expected.intercept))
    assert (slope.low, slope.high) == (pytest.approx(expected.low_slope), pytest.approx(expected.high_slope))


def test_the_interval_of_the_slope_holds_it_in_95_of_100():
    rng = np.random.default_rng(2)
    times = np.arange(16) / 4 + 2020
    inside = [
        slope.low <= -5 <= slope.high for slope in (theil_sen(-5 * times + rng.normal(0, 4, 16), times)[0] for _ in range(800))
    ]
    assert np.mean(inside) >= 0.93


def test_too_few_pairs_have_no_interval():
    slope, _ = theil_sen([1.0, 3.0], [2020, 2021])
    assert slope.value == 2
    assert np.isnan(slope.low)


def test_the_step_test_counts_all_divisions():
    before, after = [12.0, 15, 21, 30], [3.0, 9, 11, 13, 2]
    found = step_test(before, after)
    every = np.concatenate([before, after])

    def u(chosen) -> float:
        rest = np.delete(every, list(chosen))
        return float((rest[:, None] > every[list(chosen)][None, :]).sum())

    from itertools import combinations

    drawn = np.array([u(chosen) for chosen in combinations(range(9), 4)])
    assert found.u == u(range(4)) == 1
    assert found.p == pytest.approx(min(1, 2 * min((drawn <= found.u).mean(), (drawn >= found.u).mean())))
    assert found.change == np.median([b - a for a in before for b in after])


def test_a_step_with_ties():
    assert step_test([5, 5, 5, 5], [5, 5, 5, 5]).p == 1
    assert step_test([1, 1, 2, 2] * 5, [8, 9, 9, 8] * 5).p < 1e-6


def test_years():
    found = decimal_years(["2025-01-01", "2024-07-02T10:00:00+02:00", "2023-12-31", "soon", ""])
    np.testing.assert_allclose(found[:3], [2025, 2024 + 183 / 366, 2023 + 364 / 365])
    assert np.isnan(found[3:]).all()


def test_what_has_no_trend():
    with pytest.raises(DataError, match="cannot be told from 2 values"):
        mann_kendall([1.0, 2.0, np.nan])
    with pytest.raises(DataError, match="3 values and 2 times"):
        mann_kendall([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="3 values and 1 seasons"):
        mann_kendall([1, 2, 3], seasons=["a"])
    with pytest.raises(DataError, match="two different times"):
        theil_sen([1, 2, 3], [1, 1, 1])
    with pytest.raises(DataError, match="before it and after it"):
        step_test([], [1.0])
