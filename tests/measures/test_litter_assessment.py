"""The threshold of 20 items per 100 m: published rules, and the coverage of the interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, bootstrap

from imagine_kernels.errors import DataError
from imagine_kernels.measures.litter_assessment import NOT_ASSESSED, THRESHOLD_PER_100_M, assess, assessed_items


def test_the_median_is_compared():
    assert THRESHOLD_PER_100_M == 20
    found = assess([5, 19, 300] * 20)
    assert (found.n_surveys, found.median.value, found.meets_threshold, found.notes) == (60, 19, True, ())
    assert not assess([20.0] * 40).meets_threshold
    assert assess([20.0] * 40).probability_above > 0.999
    assert assess([19.9] * 40).probability_above < 0.001


def test_the_probability_is_that_of_jeffreys():
    values = [10] * 14 + [30] * 9
    assert assess(values).probability_above == pytest.approx(beta.sf(0.5, 9.5, 14.5))


@pytest.mark.parametrize(("n", "ranks"), [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (40, (14, 27))])
def test_the_limits_are_the_published_ranks(n, ranks):
    # Conover (1999), Practical Nonparametric Statistics, table A3: ranks of 95 % limits of the median.
    found = assess(np.arange(1, n + 1))
    assert (found.median.low, found.median.high) == ranks


def test_the_interval_holds_the_median_in_95_of_100_and_is_about_that_of_a_bootstrap():
    rng = np.random.default_rng(5)
    inside = sum(
        found.median.low <= 20 <= found.median.high for found in (assess(20 * rng.lognormal(0, 1, 25)) for _ in range(1000))
    )
    assert 940 <= inside <= 985
    values = 20 * rng.lognormal(0, 1, 80)
    drawn = bootstrap((values,), np.median, method="percentile", n_resamples=2000, rng=1).confidence_interval
    found = assess(values).median
    assert found.low == pytest.approx(drawn.low, rel=0.2)
    assert found.high == pytest.approx(drawn.high, rel=0.2)


def test_few_surveys_are_told():
    found = assess([12.0, 30.0])
    assert (found.median.low, found.median.high) == (12, 30)
    assert "2 surveys are too few for a 95 % interval" in found.notes[0]
    assert "asks for 40 in six years" in found.notes[1]


def test_chemicals_are_not_assessed():
    items = pd.DataFrame({"j_code": ["J7", "J216", "J217", "J218", "J27", ""]})
    assert assessed_items(items)["j_code"].tolist() == ["J7", "J27", ""]
    assert len(NOT_ASSESSED) == 3
    assert len(assessed_items(pd.DataFrame({"label": ["a"]}))) == 1


@pytest.mark.parametrize(
    ("values", "message"), [([], "There is no survey"), ([1, np.nan], "missing or below 0"), ([-1.0], "missing or below 0")]
)
def test_what_cannot_be_assessed(values, message):
    with pytest.raises(DataError, match=message):
        assess(values)
