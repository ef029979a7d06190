"""When wrack came and went: changes of its area that are larger than their error, one row each.

From a first picture on, the area is compared with that of the picture at which the last event ended; a change counts where it is larger than
its 95 % error, and changes in the same direction that follow each other soon are one event. The errors of two pictures are taken as independent;
as pictures of one camera share most of the error of its pose, this calls too few changes rather than too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import Z95

if TYPE_CHECKING:
    import pandas as pd

FORMATION, DISMANTLING = "formation", "dismantling"


def wrack_events(
    time_utc: pd.Series[Any] | NDArray[Any],
    area_m2: NDArray[Any],
    standard_error_m2: NDArray[Any],
    *,
    least_m2: float = 0.0,
    join_h: float = 72.0,
) -> pd.DataFrame:
    """Find when wrack came and went.

    Parameters
    ----------
    time_utc : (n,) of times
    area_m2, standard_error_m2 : (n,) ndarrays
        Of one class at one station; gaps (NaN) are passed over.
    least_m2 : float
        Smaller changes are no event.
    join_h : float
        Changes in the same direction with no longer a quiet time between them are one event, h.

    Returns
    -------
    DataFrame
        ``event`` (formation or dismantling), ``begin_utc`` (the last picture before), ``end_utc`` (when the area stopped to change),
        ``duration_h, area_before_m2, area_after_m2, change_m2, change_low_m2, change_high_m2, rate_m2_day``.

    Raises
    ------
    DataError
        The columns differ in length.
    """
    import pandas as pd

    times = pd.to_datetime(pd.Series(np.asarray(time_utc)), utc=True)
    area, error = np.asarray(area_m2, dtype=np.float64), np.asarray(standard_error_m2, dtype=np.float64)
    if not len(times) == len(area) == len(error):
        raise DataError(f"There are {len(times)} times, {len(area)} areas and {len(error)} errors: give one of each per picture.")
    known = np.flatnonzero(np.isfinite(area) & np.isfinite(error) & times.notna().to_numpy())
    order = known[np.argsort(times.to_numpy()[known], kind="stable")]

    def differs(one: int, other: int) -> bool:
        return bool(abs(area[one] - area[other]) > max(Z95 * float(np.hypot(error[one], error[other])), least_m2))

    spans: list[tuple[int, int]] = []
    last = before = int(order[0]) if len(order) else 0
    for at in order[1:].tolist():
        if differs(at, last):
            # After a quiet time the change began at the picture before, unless it crept.
            begin = before if differs(at, before) else last
            ended = spans[-1] if spans else None
            if (
                ended is not None
                and (times[begin] - times[ended[1]]).total_seconds() <= join_h * 3600
                and (area[ended[1]] > area[ended[0]]) == (area[at] > area[last])
            ):
                spans[-1] = (ended[0], at)
            else:
                spans.append((begin, at))
            last = at
        before = at
    rows = []
    for begin, end in spans:
        change, half = area[end] - area[begin], Z95 * float(np.hypot(error[end], error[begin]))
        hours = (times[end] - times[begin]).total_seconds() / 3600
        rows.append(
            {
                "event": FORMATION if change > 0 else DISMANTLING,
                "begin_utc": times[begin],
                "end_utc": times[end],
                "duration_h": hours,
                "area_before_m2": area[begin],
                "area_after_m2": area[end],
                "change_m2": change,
                "change_low_m2": change - half,
                "change_high_m2": change + half,
                "rate_m2_day": change / hours * 24 if hours > 0 else np.nan,
            }
        )
    columns = ["event", "begin_utc", "end_utc", "duration_h", "area_before_m2", "area_after_m2", "change_m2"]
    return pd.DataFrame(rows, columns=[*columns, "change_low_m2", "change_high_m2", "rate_m2_day"])


def with_forcing(events: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """The same events with the mean and the maximum of each column of a series, such as ``wave_height_m`` or ``wind_m_s``, from begin to end.

    Parameters
    ----------
    events : DataFrame
        Of `wrack_events`.
    series : DataFrame
        ``time_utc`` and columns of numbers.

    Raises
    ------
    DataError
        The series has no ``time_utc``.
    """
    import pandas as pd

    if "time_utc" not in series:
        raise DataError("The series of waves or wind has no column time_utc: give times in UTC.")
    times = pd.to_datetime(series["time_utc"], utc=True)
    result = events.copy()
    for name in series.columns.drop("time_utc"):
        values = pd.to_numeric(series[name], errors="coerce")
        within = [values[times.between(begin, end)] for begin, end in zip(events["begin_utc"], events["end_utc"], strict=True)]
        result[f"mean_{name}"] = [part.mean() for part in within]
        result[f"max_{name}"] = [part.max() for part in within]
    return result
