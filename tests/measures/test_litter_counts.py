"""Items per 100 m and per km²: known limits, and intervals that hold what they say on seeded surveys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from imagine_kernels.errors import DataError
from imagine_kernels.measures.litter import TOTAL, HeldOut, corrected_count, measure_litter, quality_of


def table(items, surveys, **more) -> pd.DataFrame:
    return measure_litter(pd.DataFrame(items), pd.DataFrame(surveys), **more)[0].set_index(["sample_id", "taxon"])


def test_counts_and_exact_limits():
    items = {"survey_id": ["a"] * 12 + ["b"], "label": ["can"] * 9 + ["cap"] * 4, "size_cm": [12.0] * 9 + [3.0, 2.4, np.nan, 2.5]}
    surveys = {"survey_id": ["a", "b", "c"], "length_m": [50.0, 100.0, np.nan], "observed_m2": [400.0, 800.0, 100.0]}
    found = table(items, surveys)
    cans = found.loc["a", "can"]
    assert (cans["n_counted"], cans["n_items"], cans["items_per_100_m"], cans["items_per_km2"]) == (9, 9, 18, 1e6 * 9 / 400)
    # Garwood (1936) by the chi-squared distribution.
    assert cans["items_per_100_m_low"] == pytest.approx(2 * chi2.ppf(0.025, 18) / 2)
    assert cans["items_per_100_m_high"] == pytest.approx(2 * chi2.ppf(0.975, 20) / 2)
    assert (cans["n_items_low"], cans["n_items_high"]) == (9, 9)
    caps = found.loc["a", "cap"]
    assert (caps["n_counted"], caps["n_under_2_5_cm"]) == (2, 1)
    assert found.loc["a", TOTAL]["n_counted"] == 11
    nothing = found.loc["c", TOTAL]
    assert (nothing["n_counted"], nothing["items_per_km2"]) == (0, 0)
    assert nothing["items_per_km2_high"] == pytest.approx(3.6889 * 1e4, rel=1e-3)
    assert np.isnan(nothing["items_per_100_m"])


def test_notes_say_what_is_missing():
    items = {"survey_id": ["a", "a"], "label": ["can", "cap"], "size_cm": [12.0, 1.0]}
    _, notes = measure_litter(pd.DataFrame(items), pd.DataFrame({"survey_id": ["a"], "length_m": [0.0]}))
    text = " ".join(notes)
    assert "nothing is known of what the detector misses" in text
    assert "1 items are smaller than 2.5 cm" in text
    assert "length_m is missing for 1 of 1 surveys: no items per 100 m" in text
    assert "observed_m2 is missing" in text
    few = {
        "can": HeldOut(true_positives=50, false_positives=5, false_negatives=5),
        "cap": HeldOut(true_positives=1, false_positives=0, false_negatives=3),
    }
    _, notes = measure_litter(pd.DataFrame(items), pd.DataFrame({"survey_id": ["a"], "length_m": [10.0]}), quality=few)
    assert "Of cap fewer than 5 were found" in notes[0]
    assert quality_of("cap", few)[0] == HeldOut(true_positives=51, false_positives=5, false_negatives=8)


def test_the_correction_is_precision_over_recall():
    held_out = HeldOut(true_positives=80, false_positives=20, false_negatives=120)
    draws = corrected_count(50, held_out, n_draws=40_000, rng=np.random.default_rng(0))
    assert held_out.factor == pytest.approx((80 / 100) / (80 / 200))
    assert draws.value == 100
    assert np.median(draws.items) == pytest.approx(100, rel=0.05)
    certain = corrected_count(
        50, HeldOut(true_positives=10**9, false_positives=0, false_negatives=0), n_draws=40_000, rng=np.random.default_rng(0)
    )
    assert (certain.items == 50).mean() > 0.999
    # With a perfect detector the limits are the exact ones.
    assert np.percentile(certain.low, 2.5) == pytest.approx(chi2.ppf(0.025, 100) / 2, rel=0.01)
    assert np.percentile(certain.high, 97.5) == pytest.approx(chi2.ppf(0.975, 102) / 2, rel=0.01)


@pytest.mark.parametrize(("per_100_m", "length_m"), [(300.0, 100.0), (60.0, 50.0), (15.0, 40.0)])
@pytest.mark.parametrize(("precision", "recall", "n_held_out"), [(0.9, 0.8, 150), (0.6, 0.5, 40)])
def test_at_least_90_of_100_seeded_surveys_lie_within_their_own_interval(per_100_m, length_m, precision, recall, n_held_out):
    within, numbers = 0, 0
    for seed in range(100):
        rng = np.random.default_rng([seed, round(per_100_m)])

        def detect(n: int, rng=rng) -> tuple[int, int]:
            """True and false finds among n items: the false ones are Poisson, so that the precision holds on average."""
            return int(rng.binomial(n, recall)), int(rng.poisson(n * recall * (1 - precision) / precision))

        known = rng.poisson(n_held_out)
        found, invented = detect(known)
        quality = {"litter": HeldOut(true_positives=found, false_positives=invented, false_negatives=known - found)}
        items = rng.poisson(per_100_m * length_m / 100)
        seen = sum(detect(items))
        finds, surveys = {"survey_id": ["a"] * seen, "label": ["litter"] * seen}, {"survey_id": ["a"], "length_m": [length_m]}
        row = table(finds, surveys, quality=quality, n_draws=800, seed=seed).loc["a", TOTAL]
        within += row["items_per_100_m_low"] <= per_100_m <= row["items_per_100_m_high"]
        numbers += row["n_items_low"] <= items <= row["n_items_high"]
    assert within >= 90
    assert numbers >= 90


def test_intervals_are_not_idly_wide():
    quality = {"litter": HeldOut(true_positives=400, false_positives=40, false_negatives=100)}
    row = table(
        {"survey_id": ["a"] * 200, "label": ["litter"] * 200}, {"survey_id": ["a"], "length_m": [100.0]}, quality=quality
    ).loc["a", TOTAL]
    assert row["items_per_100_m"] == pytest.approx(200 * 500 / 440)
    # Poisson alone gives a half width of 14 %, the detector some 5 % more.
    assert 0.26 < (row["items_per_100_m_high"] - row["items_per_100_m_low"]) / row["items_per_100_m"] < 0.45


def test_the_same_seed_gives_the_same_table():
    quality = {"can": HeldOut(true_positives=30, false_positives=4, false_negatives=9)}
    items, surveys = {"survey_id": ["a"] * 5, "label": ["can"] * 5}, {"survey_id": ["a"], "length_m": [20.0]}
    pd.testing.assert_frame_equal(table(items, surveys, quality=quality, seed=4), table(items, surveys, quality=quality, seed=4))


def test_what_does_not_fit():
    with pytest.raises(DataError, match="The survey 'b' has items but is not in the table"):
        table({"survey_id": ["b"], "label": ["can"]}, {"survey_id": ["a"]})
    with pytest.raises(DataError, match="A survey is named twice"):
        table({"survey_id": [], "label": []}, {"survey_id": ["a", "a"]})
    with pytest.raises(DataError, match="cannot be below 0"):
        HeldOut(true_positives=-1, false_positives=0, false_negatives=0)
    with pytest.raises(DataError, match="it cannot be below 0"):
        corrected_count(-1, None, n_draws=10, rng=np.random.default_rng(0))
