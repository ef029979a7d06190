"""Intervals against published figures and exact ones."""

import numpy as np
import pytest
from scipy import stats

from imagine_kernels.measures.intervals import Figure, weighted_poisson, wilson


def test_the_published_example_of_fay_and_feuer():
    # Down's syndrome, Michigan, birth order 5 and more, by age of the mother (Stark and Mantel 1966). Fay and Feuer (1997), table I: a rate
    # of 75.5 per 100 000 with the interval 67.7 to 188.3; the R package dsrTest prints the further digits.
    cases = np.array([0, 8, 63, 112, 262, 295])
    births = np.array([327, 30666, 123419, 149919, 104088, 34392])
    standard = np.array([319933, 931318, 786511, 488235, 237863, 61313])
    weight = 1e5 * standard / (births * standard.sum())
    low, high = weighted_poisson((weight * cases).sum(), (weight**2 * cases).sum(), weight.max())
    assert (weight * cases).sum() == pytest.approx(75.52901, abs=1e-5)
    assert (float(low), float(high)) == pytest.approx((67.70212, 188.30017), abs=1e-5)


def test_equal_weights_give_the_exact_poisson_interval():
    n = np.array([0, 1, 2, 5, 20, 400])
    weight = 32 / 45.0
    low, high = weighted_poisson(weight * n, weight**2 * n, weight)
    assert low[1:] == pytest.approx(weight * stats.chi2.ppf(0.025, 2 * n[1:]) / 2)
    assert high == pytest.approx(weight * stats.chi2.ppf(0.975, 2 * n + 2) / 2)
    assert low[0] == 0
    assert high[0] == pytest.approx(3.689 * weight, rel=1e-3)


def test_it_covers_sums_with_unequal_weights():
    rng = np.random.default_rng(1)
    expected, weight = np.array([2.0, 30.0]), np.array([64.0, 2.0]) / 50
    counts = rng.poisson(expected, size=(20_000, 2))
    low, high = weighted_poisson(counts @ weight, counts @ weight**2, weight.max())
    truth = expected @ weight
    assert ((low <= truth) & (truth <= high)).mean() >= 0.95


def test_what_is_not_known_stays_not_known():
    low, high = weighted_poisson(np.array([np.nan, 0.0]), np.array([np.nan, 0.0]), np.array([1.0, np.nan]))
    assert np.isnan(low[0])
    assert np.isnan(high).all()


def test_wilson_as_statsmodels_and_textbooks_have_it():
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3.
    for k, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
        assert tuple(float(x) for x in wilson(k, n)) == pytest.approx((low, high), abs=1e-4)
    assert np.isnan(wilson(0, 0)).all()


def test_a_figure_for_json():
    assert Figure(0.5, 0.25, float("nan")).to_dict() == {"value": 0.5, "low": 0.25, "high": None}
