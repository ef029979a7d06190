"""Rates of DSAS against statsmodels and by hand, on made-up and on real series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from imagine_kernels.errors import DataError
from imagine_kernels.formats.coastsat import read_shoreline_series
from imagine_kernels.measures.shoreline_rates import rates_table, shoreline_rates

START = datetime(2000, 1, 1, tzinfo=UTC)


def times(years: np.ndarray) -> list[datetime]:
    return [START + timedelta(days=float(each) * 365.25) for each in years]


def test_a_straight_line_has_its_slope() -> None:
    years = np.array([0.0, 1.0, 2.5, 10.0])
    rates = shoreline_rates(times(years), 40 - 0.8 * years, 1.0)
    assert rates.years == pytest.approx(10)
    assert rates.net_movement_m.value == pytest.approx(-8)
    assert rates.end_point_rate_m_year.value == pytest.approx(-0.8)
    assert rates.regression_rate_m_year.value == pytest.approx(-0.8)
    # Errors of 1 m at both ends over ten years.
    assert rates.end_point_rate_m_year.high - rates.end_point_rate_m_year.value == pytest.approx(1.96 * np.sqrt(2) / 10, rel=1e-4)
    assert rates.envelope_m == pytest.approx(8)
    assert rates.r_squared == pytest.approx(1)


def test_regression_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    years = np.sort(rng.uniform(0, 30, 25))
    position = 60 + 0.5 * years + rng.normal(0, 4, 25)
    error = rng.uniform(1, 6, 25)
    shuffled = rng.permutation(25)
    rates = shoreline_rates([times(years)[k] for k in shuffled], position[shuffled], error[shuffled])
    design = sm.add_constant(years)
    for figure, model in (
        (rates.regression_rate_m_year, sm.OLS(position, design)),
        (rates.weighted_rate_m_year, sm.WLS(position, design, weights=1 / error**2)),
    ):
        fit = model.fit()
        assert figure.value == pytest.approx(fit.params[1], rel=1e-9)
        np.testing.assert_allclose([figure.low, figure.high], fit.conf_int()[1], rtol=1e-9)
    assert rates.r_squared == pytest.approx(sm.OLS(position, design).fit().rsquared)


def test_narrabeen_has_the_rates_of_statsmodels(shared_data) -> None:
    series, _ = read_shoreline_series(
        shared_data("beach/coastsat-narrabeen") / "examples" / "NARRA_time_series_tidally_corrected.csv"
    )
    table = rates_table(series, standard_error_m=10.0).set_index("transect")
    assert list(table.index) == ["NA1", "NA2", "NA3", "NA4", "NA5"]
    for name, row in table.iterrows():
        known = series.dropna(subset=[name])
        years = (known["time_utc"] - known["time_utc"].iloc[0]).dt.total_seconds() / 86400 / 365.25
        fit = sm.OLS(known[name].to_numpy(), sm.add_constant(years.to_numpy())).fit()
        np.testing.assert_allclose(
            [row["lrr_m_year"], row["lrr_low_m_year"], row["lrr_high_m_year"]], [fit.params[1], *fit.conf_int()[1]]
        )
        assert row["n"] == len(known)
        assert row["nsm_m"] == pytest.approx(known[name].iloc[-1] - known[name].iloc[0])
        assert row["epr_m_year"] == pytest.approx(row["nsm_m"] / years.iloc[-1])
        assert row["sce_m"] == pytest.approx(np.ptp(known[name]))
        # Equal errors weigh as no errors do.
        assert row["wlr_m_year"] == pytest.approx(row["lrr_m_year"])


def test_few_positions_have_no_interval_and_one_no_rate() -> None:
    two = shoreline_rates(times(np.array([0.0, 2.0])), [10.0, 14.0])
    assert two.regression_rate_m_year.value == pytest.approx(2)
    assert np.isnan(two.regression_rate_m_year.low)
    assert np.isnan(two.end_point_rate_m_year.low)
    one = shoreline_rates(times(np.array([0.0, 2.0])), [10.0, np.nan])
    assert (one.n, one.years) == (1, 0.0)
    assert np.isnan(one.net_movement_m.value)
    assert np.isnan(shoreline_rates([], []).envelope_m)
    assert shoreline_rates([START, START], [1.0, 2.0]).years == 0


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(DataError, match="2 times and 1 positions"):
        shoreline_rates(times(np.array([0.0, 1.0])), [1.0])
    with pytest.raises(DataError, match="no column time_utc"):
        rates_table(pd.DataFrame({"A": [1.0]}))
