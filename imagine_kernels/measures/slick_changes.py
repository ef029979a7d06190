"""Slicks of two dates beside each other: what stayed, grew, shrank, moved, split, merged, came or went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane, bearing_deg, distance_m

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "first_slicks", "second_slicks", "change", "label", "hours", "overlap", "first_area_km2", "second_area_km2", "area_change_km2",
    "area_change_low_km2", "area_change_high_km2", "moved_km", "moved_towards_deg", "speed_m_s",
)  # fmt: skip
_Z = 1.959963984540054


def compare_dates(first: pd.DataFrame, second: pd.DataFrame, *, fastest_m_s: float = 0.5) -> pd.DataFrame:
    """What became of the slicks of one date at another.

    Slicks of one label belong together where they overlap, or where one could have drifted to the other in the time between. All
    that belong together are one row, so that a slick that split keeps its area.

    Parameters
    ----------
    first, second : DataFrame
        See `slick_table`, each of one date, with polygons.
    fastest_m_s : float
        Slicks that do not overlap belong together where the gap between them is at most this times the time between; 3 % of a
        wind of 10 m/s and a current of 0.2 m/s make 0.5 m/s.

    Returns
    -------
    DataFrame
        `COLUMNS`. ``change`` is one of appeared, vanished, grew, shrank and unchanged (whether the 95 % interval of the change of area holds 0),
        with ``, split``, ``, merged`` where there are several. ``overlap`` is intersection over union, ``moved_`` that of the centres of area.

    Raises
    ------
    DataError
        A table has no polygons on the earth, or the second date lies before the first.
    """
    import pandas as pd

    hours = _hours(first, second)
    both = [{str(name): value for name, value in row.items()} for table in (first, second) for row in table.to_dict("records")]
    if any(row["polygon"] is None for row in both):
        raise DataError("Slicks without a place on the earth cannot be compared: give scenes with a georeference.")
    if fastest_m_s < 0:
        raise DataError(f"Slicks cannot drift with {fastest_m_s:g} m/s: give 0 or more.")
    if not both:
        return pd.DataFrame(columns=list(COLUMNS))
    lon = np.array([row["lon_deg"] for row in both])
    plane = LocalPlane.around(lon, np.array([row["lat_deg"] for row in both]))
    flat = np.array([plane.flat(row["polygon"]).buffer(0) for row in both], dtype=object)
    rows = [
        _group([both[k] for k in old], [both[k] for k in new], flat[old], flat[new], hours)
        for old, new in _groups(both, flat, len(first), fastest_m_s * (0.0 if math.isnan(hours) else hours) * 3600)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _hours(first: pd.DataFrame, second: pd.DataFrame) -> float:
    times = [table["time_utc"].dropna() for table in (first, second)]
    if not len(times[0]) or not len(times[1]):
        return math.nan
    hours = float((times[1].iloc[0] - times[0].iloc[0]).total_seconds() / 3600)
    if hours < 0:
        raise DataError("The second date lies before the first: change their order.")
    return hours


def _groups(both: list[dict[str, Any]], flat: NDArray[Any], n_first: int, reach_m: float) -> list[tuple[list[int], list[int]]]:
    """Numbers of the slicks of the first and of the second date that belong together."""
    import shapely
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(both)
    old, new = np.arange(n_first), np.arange(n_first, n)
    tree = shapely.STRtree(flat[new])
    pairs = tree.query(flat[old], predicate="dwithin", distance=reach_m)
    a, b = old[pairs[0]], new[pairs[1]]
    label = np.array([row["label"] for row in both], dtype=object)
    overlaps = shapely.intersects(flat[a], flat[b])
    same = label[a] == label[b]
    overlapping = np.zeros(n, dtype=bool)
    overlapping[a[overlaps & same]] = overlapping[b[overlaps & same]] = True
    # Those that overlap something stay with that; the others go to the nearest that they can have drifted to or come from.
    links = [(int(i), int(j)) for i, j in zip(a[overlaps & same], b[overlaps & same], strict=True)]
    free = same & ~overlaps & ~overlapping[a] & ~overlapping[b]
    taken: set[int] = set()
    gaps = shapely.distance(flat[a[free]], flat[b[free]])
    for k in np.argsort(gaps, kind="stable"):
        i, j = int(a[free][k]), int(b[free][k])
        if i not in taken and j not in taken:
            taken |= {i, j}
            links.append((i, j))
    ends = np.array(links, dtype=np.intp).reshape(-1, 2).T
    numbers = connected_components(coo_array((np.ones(ends.shape[1], dtype=bool), tuple(ends)), shape=(n, n)), directed=False)[1]
    members = [np.flatnonzero(numbers == k) for k in range(numbers.max() + 1)]
    return [([int(k) for k in each if k < n_first], [int(k) for k in each if k >= n_first]) for each in members]


def _group(
    old: list[dict[str, Any]], new: list[dict[str, Any]], old_flat: NDArray[Any], new_flat: NDArray[Any], hours: float
) -> dict[str, Any]:
    import shapely

    areas = [sum(row["area_km2"] for row in rows) for rows in (old, new)]
    errors = [sum(row["area_high_km2"] - row["area_low_km2"] for row in rows) / (2 * _Z) for rows in (old, new)]
    change, error = areas[1] - areas[0], math.hypot(*errors)
    low, high = change - _Z * error, change + _Z * error
    if not old or not new:
        word = "vanished" if old else "appeared"
    else:
        word = "grew" if low > 0 else "shrank" if high < 0 else "unchanged"
        word += ", split" if len(new) > len(old) else ", merged" if len(old) > len(new) else ""
    found: dict[str, Any] = {
        "first_slicks": " ".join(str(row["slick_id"]) for row in old),
        "second_slicks": " ".join(str(row["slick_id"]) for row in new),
        "change": word,
        "label": (old or new)[0]["label"],
        "hours": hours,
        "overlap": 0.0,
        "first_area_km2": areas[0],
        "second_area_km2": areas[1],
        "area_change_km2": change,
        "area_change_low_km2": low,
        "area_change_high_km2": high,
        "moved_km": math.nan,
        "moved_towards_deg": math.nan,
        "speed_m_s": math.nan,
    }
    if old and new:
        one, other = shapely.union_all(old_flat), shapely.union_all(new_flat)
        union = shapely.union(one, other).area
        found["overlap"] = shapely.intersection(one, other).area / union if union else 0.0
        start, end = (_centre(rows) for rows in (old, new))
        metres = float(distance_m(*start, *end))
        found["moved_km"], found["moved_towards_deg"] = metres / 1e3, float(bearing_deg(*start, *end))
        found["speed_m_s"] = metres / (hours * 3600) if hours > 0 else math.nan
    return found


def _centre(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Longitude and latitude of the centre of area."""
    weights = np.array([row["area_km2"] for row in rows])
    lon, lat = np.array([row["lon_deg"] for row in rows]), np.array([row["lat_deg"] for row in rows])
    plane = LocalPlane.around(lon, lat)
    x, y = plane.metres(lon, lat)
    place = plane.lonlat(np.average(x, weights=weights), np.average(y, weights=weights))
    return float(place[0]), float(place[1])
