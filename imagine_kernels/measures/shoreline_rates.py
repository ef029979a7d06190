"""How fast a shoreline moves, as the Digital Shoreline Analysis System (DSAS) defines it; positive is seaward (accretion).

======  ===================================  =================================================================================
NSM     net shoreline movement, m            youngest minus oldest position
EPR     end point rate, m/year               NSM divided by the time between them; error sqrt(u1² + u2²) / time
SCE     shoreline change envelope, m         largest minus smallest position, whatever their order
LRR     linear regression rate, m/year       slope of a straight line through all positions; interval of Student's distribution
WLR     weighted linear regression, m/year   the same with weights 1 / u²
======  ===================================  =================================================================================

u is the standard error of a position. A year has 365.25 days.

References
----------
Himmelstoss, E. A., Henderson, R. E., Kratzmann, M. G. and Farris, A. S. (2018): Digital Shoreline Analysis System (DSAS) version 5.0 user guide.
USGS Open-File Report 2018-1179. doi:10.3133/ofr20181179
Genz, A. S., Fletcher, C. H., Dunn, R. A., Frazer, L. N. and Rooney, J. J. (2007): The predictive accuracy of shoreline change rate methods and
alongshore beach variation on Maui, Hawaii. Journal of Coastal Research 23, 87-105. doi:10.2112/05-0521.1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import Z95, student
from imagine_kernels.measures.intervals import Figure

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
#: Days of a year.
YEAR_DAYS = 365.25
#: A rate of fewer positions has no interval.
_LEAST = 3


@dataclass(frozen=True)
class ShorelineRates:
    """Rates of one transect.

    Attributes
    ----------
    n : int
        Positions.
    years : float
        From the oldest to the youngest.
    net_movement_m, end_point_rate_m_year, regression_rate_m_year, weighted_rate_m_year : Figure
        With 95 % intervals; those of NSM and EPR are NaN where the error of the positions is not known.
    envelope_m : float
    r_squared : float
        Of the regression.
    """

    n: int
    years: float
    net_movement_m: Figure
    end_point_rate_m_year: Figure
    regression_rate_m_year: Figure
    weighted_rate_m_year: Figure
    envelope_m: float
    r_squared: float


def shoreline_rates(time_utc: Any, position_m: ArrayLike, standard_error_m: ArrayLike | None = None) -> ShorelineRates:
    """Rates of one transect.

    Parameters
    ----------
    time_utc : (n,) of times
    position_m : (n,) array
        Gaps (NaN) are passed over.
    standard_error_m : (n,) array or float, optional
        Of the positions.

    Raises
    ------
    DataError
        The columns differ in length.
    """
    import pandas as pd

    times = pd.to_datetime(pd.Series(np.asarray(time_utc)), utc=True)
    position = np.asarray(position_m, dtype=np.float64)
    if len(times) != len(position):
        raise DataError(f"There are {len(times)} times and {len(position)} positions: give one of each.")
    error = np.broadcast_to(
        np.asarray(np.nan if standard_error_m is None else standard_error_m, dtype=np.float64), position.shape
    )
    known = np.flatnonzero(np.isfinite(position) & times.notna().to_numpy())
    order = known[np.argsort(times.to_numpy()[known], kind="stable")]
    y, u = position[order], error[order]
    start = times[order[0]] if len(order) else None
    t = np.array([(times[k] - start).total_seconds() for k in order]) / 86400 / YEAR_DAYS
    nothing = Figure(np.nan, np.nan, np.nan)
    if len(y) < 2 or t[-1] <= 0:
        return ShorelineRates(len(y), 0.0, nothing, nothing, nothing, nothing, np.nan, np.nan)
    years, moved, half = float(t[-1]), float(y[-1] - y[0]), Z95 * float(np.hypot(u[0], u[-1]))
    regression, r_squared = _slope(t, y, np.ones(len(y)))
    weighted = _slope(t, y, 1 / u**2)[0] if np.isfinite(u).all() and (u > 0).all() else nothing
    return ShorelineRates(
        len(y),
        years,
        Figure(moved, moved - half, moved + half),
        Figure(moved / years, (moved - half) / years, (moved + half) / years),
        regression,
        weighted,
        float(np.ptp(y)),
        r_squared,
    )


def _slope(t: Numbers, y: Numbers, weights: Numbers) -> tuple[Figure, float]:
    """Slope of a weighted straight line with its interval, and the share of the variance that it explains."""
    w = weights / weights.sum()
    tm, ym = float(w @ t), float(w @ y)
    spread = float(w @ (t - tm) ** 2)
    slope = float(w @ ((t - tm) * (y - ym))) / spread
    left = y - ym - slope * (t - tm)
    total = float(w @ (y - ym) ** 2)
    explained = 1 - float(w @ left**2) / total if total > 0 else np.nan
    if len(y) < _LEAST:
        return Figure(slope, np.nan, np.nan), explained
    freedom = len(y) - 2
    half = student(freedom) * float(np.sqrt(float(w @ left**2) / freedom / spread))
    return Figure(slope, slope - half, slope + half), explained


def rates_table(series: pd.DataFrame, *, standard_error_m: float | None = None) -> pd.DataFrame:
    """Rates of all transects of a series.

    Parameters
    ----------
    series : DataFrame
        ``time_utc`` and one column of positions (m) per transect.
    standard_error_m : float, optional
        Of every position.

    Returns
    -------
    DataFrame
        ``transect, n, years``, ``nsm_m, epr_m_year, lrr_m_year, wlr_m_year`` each with ``_low`` and ``_high`` before the unit, ``sce_m`` and
        ``lrr_r_squared``.

    Raises
    ------
    DataError
        The series has no ``time_utc``.
    """
    import pandas as pd

    if "time_utc" not in series:
        raise DataError("The series of positions has no column time_utc: give times in UTC.")
    rows = []
    for name in series.columns.drop("time_utc"):
        found = shoreline_rates(series["time_utc"], series[name], standard_error_m)
        row: dict[str, Any] = {"transect": name, "n": found.n, "years": found.years}
        for short, unit, figure in (
            ("nsm", "m", found.net_movement_m),
            ("epr", "m_year", found.end_point_rate_m_year),
            ("lrr", "m_year", found.regression_rate_m_year),
            ("wlr", "m_year", found.weighted_rate_m_year),
        ):
            row |= {f"{short}_{unit}": figure.value, f"{short}_low_{unit}": figure.low, f"{short}_high_{unit}": figure.high}
        rows.append(row | {"sce_m": found.envelope_m, "lrr_r_squared": found.r_squared})
    return pd.DataFrame(rows)
