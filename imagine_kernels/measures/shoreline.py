"""The shoreline: from a mask of the sea to positions along transects in m, taken to one level of the tide, and the width of the beach.

The outline between landward and seaward is found between the pixels, laid on the level of the tide, and cut with each transect. At a crossing
with the normal n of the shoreline, the direction d of the transect and the covariance S of a position on the ground, the standard error along
the transect is ``sqrt(nᵀ S n) / |n · d|``: moving a line along itself moves no crossing. The shoreline at the tide z lies landward of that at the
reference level z0 by ``(z − z0) / tan β`` on a beach of slope tan β, so

    position at z0 = position + (z − z0) / tan β.

References
----------
Boak, E. H. and Turner, I. L. (2005): Shoreline definition and detection: a review. Journal of Coastal Research 21, 688-703.
doi:10.2112/03-0071.1
Vos, K., Harley, M. D., Splinter, K. D., Simmons, J. A. and Turner, I. L. (2019): Sub-annual to multi-decadal shoreline variability from publicly
available satellite imagery. Coastal Engineering 150, 160-174. doi:10.1016/j.coastaleng.2019.04.004 (tidal correction with a constant slope)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import WORST_M_PX, Z95, PlaneGeoreference
from imagine_kernels.measures.shore_baseline import in_system
from imagine_kernels.records.ground import Transect

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
#: How many crossings further apart than this, m, are told as a doubt.
_DOUBT_M = 5.0
#: So many points of the outline to either side tell its course.
_COURSE_PX = 12
#: Parts of land in the sea and sea on the land smaller than this share of the picture are swash, boats and puddles.
_SMALL = 0.01


def shoreline_pixels(sea: NDArray[Any], *, valid: NDArray[np.bool_] | None = None) -> Numbers:
    """The outline between land and sea in a picture: the longest one, without islands and puddles.

    Parameters
    ----------
    sea : (H, W) bool or float ndarray
        Seaward, or its probability, whose half is the outline.
    valid : (H, W) bool ndarray, optional
        Where something is known: not the sky, nor outside of a plan view. An outline against the rest is none.

    Returns
    -------
    (n, 2) float64 ndarray
        x and y, px with the centre of the first at (0.5, 0.5); empty where there is none.

    Raises
    ------
    DataError
        The mask is not two-dimensional, or `valid` has another size.
    """
    import skimage.measure

    if sea.ndim != 2 or (valid is not None and valid.shape != sea.shape):
        raise DataError(f"A mask of the sea has two dimensions and the size of the picture, not {sea.shape}: give one channel.")
    values = sea.astype(np.float64)
    cleaned = _without_small(values >= 0.5, valid)
    # Where a part was small, its values go to the other side; the rest keeps its fractions.
    values = np.where(cleaned == (values >= 0.5), values, cleaned.astype(np.float64))
    if values.min() >= 0.5 or values.max() < 0.5:
        return np.empty((0, 2))
    known = np.ones(sea.shape, dtype=bool) if valid is None else valid
    best = np.empty((0, 2))
    longest = 0.0
    contours: Any = skimage.measure
    for contour in contours.find_contours(values, 0.5, mask=_shrunk(known) if valid is not None else None):
        length = float(np.hypot(*np.diff(contour, axis=0).T).sum())
        if length > longest:
            best, longest = contour[:, ::-1] + 0.5, length
    return np.asarray(best, dtype=np.float64)


def _shrunk(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(known, border_value=1), dtype=bool)


def _without_small(sea: NDArray[np.bool_], valid: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The sea with small parts of either side given to the other."""
    from scipy.ndimage import label

    result = sea.copy()
    for side in (True, False):
        part = result == side
        if valid is not None:
            part &= valid
        parts, n = label(part, structure=np.ones((3, 3), dtype=int))
        if n < 2:
            continue
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        small = sizes < max(_SMALL * sea.size, 1)
        small[[0, int(sizes.argmax())]] = False
        result[small[parts]] = not side
    return result


def transect_positions(
    shoreline_px: Numbers,
    place: PlaneGeoreference,
    transects: Sequence[Transect],
    *,
    pick: Literal["median", "landward", "seaward"] = "median",
    worst_m_px: float = WORST_M_PX,
) -> pd.DataFrame:
    """Where a shoreline crosses transects.

    Parameters
    ----------
    shoreline_px : (n, 2) float64 ndarray
        Of `shoreline_pixels`.
    place : PlaneGeoreference
        The camera and the level of the tide.
    transects : sequence of Transect
        In the system of the camera or another that is known.
    pick : {"median", "landward", "seaward"}
        Which of several crossings is taken.
    worst_m_px : float
        Crossings that are seen coarser than this are left out.

    Returns
    -------
    DataFrame
        One row per transect: ``transect, position_m`` (from its begin; NaN where it is not crossed), ``position_low_m, position_high_m,
        position_standard_error_m, crossings, spread_m`` (between the outermost crossings), ``resolution_m_px, x_m, y_m, crs, note``.

    Raises
    ------
    DataError
        A transect is in a system that cannot be converted.
    """
    import pandas as pd

    east, north = place.metres(shoreline_px[:, 0], shoreline_px[:, 1])
    fine = np.nan_to_num(place.resolution_m(shoreline_px[:, 0], shoreline_px[:, 1]), nan=np.inf) <= worst_m_px
    rows = []
    for given in transects:
        transect = in_system(given, place.camera.crs)
        along, left = transect.positions(east, north)
        crossings = _crossings(along, left, transect.length_m)
        seen = [each for each in crossings if fine[each[1]] and fine[each[1] + 1]]
        row: dict[str, Any] = {"transect": given.name, "crs": place.camera.crs, "crossings": len(seen), "note": ""}
        if not seen:
            row["note"] = "too coarse" if crossings else "not crossed"
            rows.append(row)
            continue
        ordered = sorted(seen)
        chosen = {"landward": ordered[0], "seaward": ordered[-1], "median": ordered[(len(ordered) - 1) // 2]}[pick]
        position, at, share = chosen
        spread = ordered[-1][0] - ordered[0][0]
        spot = shoreline_px[at] + share * (shoreline_px[at + 1] - shoreline_px[at])
        error = _error_along(place, spot, _course(east, north, at), transect)
        direction = transect.direction
        row |= {
            "position_m": position,
            "position_low_m": position - Z95 * error,
            "position_high_m": position + Z95 * error,
            "position_standard_error_m": error,
            "spread_m": spread,
            "resolution_m_px": float(place.resolution_m(spot[:1], spot[1:])[0]),
            "x_m": transect.x0_m + position * direction[0],
            "y_m": transect.y0_m + position * direction[1],
            "note": f"{len(seen)} crossings up to {spread:.1f} m apart" if spread > _DOUBT_M else "",
        }
        rows.append(row)
    columns = [
        "transect",
        "position_m",
        "position_low_m",
        "position_high_m",
        "position_standard_error_m",
        "crossings",
        "spread_m",
    ]
    return pd.DataFrame(rows, columns=[*columns, "resolution_m_px", "x_m", "y_m", "crs", "note"])


def _crossings(along: Numbers, left: Numbers, length: float) -> list[tuple[float, int, float]]:
    """Position on the transect, index of the piece of the shoreline and share of it, for each crossing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        crosses = (left[:-1] < 0) != (left[1:] < 0)
        crosses &= np.isfinite(left[:-1]) & np.isfinite(left[1:])
        share = left[:-1] / (left[:-1] - left[1:])
        position = along[:-1] + share * (along[1:] - along[:-1])
    good = crosses & (position >= 0) & (position <= length)
    return [(float(position[k]), int(k), float(share[k])) for k in np.flatnonzero(good)]


def _course(east: Numbers, north: Numbers, at: int) -> Numbers:
    """(2,) where the shoreline runs at a piece of it: over some pixels, since from one to the next it goes in steps."""
    first, last = max(0, at - _COURSE_PX), min(len(east) - 1, at + 1 + _COURSE_PX)
    part = np.column_stack([east, north])[first : last + 1]
    part = part[np.isfinite(part).all(axis=1)]
    return np.asarray(part[-1] - part[0])


def _error_along(place: PlaneGeoreference, spot: Numbers, step: Numbers, transect: Transect) -> float:
    S = place.covariance(spot[:1], spot[1:])[0]
    normal = np.array([-step[1], step[0]]) / max(float(np.hypot(*step)), 1e-12)
    across = abs(float(normal @ np.array(transect.direction)))
    return float(np.sqrt(normal @ S @ normal) / max(across, 1e-3))


def tide_corrected(
    position_m: ArrayLike,
    tide_m: ArrayLike,
    *,
    reference_m: float = 0.0,
    slope: float,
    standard_error_m: ArrayLike = 0.0,
    tide_error_m: float = 0.0,
    slope_error: float = 0.0,
) -> tuple[Numbers, Numbers]:
    """Positions at one level of the tide.

    Parameters
    ----------
    position_m : (n,) array
        Along a transect towards the sea, m.
    tide_m : (n,) array
        Level (with run-up, where it is known) when the picture was taken, m.
    reference_m : float
        Level to which it is taken, e.g. mean sea level, m.
    slope : float
        tan β of the beach face.
    standard_error_m : (n,) array
        Of the positions, m.
    tide_error_m, slope_error : float
        Standard errors of the level (m) and of tan β.

    Returns
    -------
    position_m, standard_error_m : (n,) float64 ndarrays

    Raises
    ------
    DataError
        The slope is not above 0.
    """
    if not 0 < slope < 2:
        raise DataError(f"A beach face has a slope tan β above 0, such as 0.1, not {slope}: give tan β, not degrees.")
    lift = np.asarray(tide_m, dtype=np.float64) - reference_m
    corrected = np.asarray(position_m, dtype=np.float64) + lift / slope
    error = np.sqrt(
        np.asarray(standard_error_m, dtype=np.float64) ** 2 + (tide_error_m / slope) ** 2 + (lift * slope_error / slope**2) ** 2
    )
    return corrected, error


def tide_at(tides: pd.DataFrame, times_utc: Any, *, longest_gap_h: float = 1.5) -> Numbers:
    """Levels (n,) of the tide at times, m: linear between the rows of a table; NaN outside of it and in gaps longer than so many hours.

    Parameters
    ----------
    tides : DataFrame
        ``time_utc`` (ascending) and ``tide_m``.
    times_utc : (n,) of times
    """
    import pandas as pd

    given = pd.to_datetime(tides["time_utc"], utc=True).to_numpy(dtype="datetime64[ns]").astype(np.int64)
    wanted = (
        pd.to_datetime(pd.Series(np.atleast_1d(np.asarray(times_utc))), utc=True)
        .to_numpy(dtype="datetime64[ns]")
        .astype(np.int64)
    )
    levels = tides["tide_m"].to_numpy(dtype=np.float64)
    if not len(given):
        return np.full(len(wanted), np.nan)
    after = np.clip(np.searchsorted(given, wanted), 0, len(given) - 1)
    before = np.where(given[after] == wanted, after, np.clip(after - 1, 0, None))
    gap = (given[after] - given[before]) / 3.6e12
    level = np.interp(wanted, given, levels)
    outside = (wanted < given[0]) | (wanted > given[-1])
    return np.where(outside | (gap > longest_gap_h), np.nan, level)


def beach_width(
    positions: pd.DataFrame, landward: Any, transects: Sequence[Transect], *, crs: str = "", landward_error_m: float = 0.0
) -> pd.DataFrame:
    """The dry beach between a fixed line on land (foot of the dune, promenade) and the shoreline, along each transect.

    Parameters
    ----------
    positions : DataFrame
        Of `transect_positions`; taken to one tide or not.
    landward : shapely geometry
        The line, in the system `crs`, m.
    transects : sequence of Transect
    crs : str
        Of the line.
    landward_error_m : float
        Standard error of where the line lies, m.

    Returns
    -------
    DataFrame
        ``transect, width_m, width_low_m, width_high_m, landward_m`` (where the line crosses); NaN where one of the two is missing.
    """
    import pandas as pd
    import shapely

    by_name = {each.name: each for each in transects}
    rows = []
    for name, position, error in zip(
        positions["transect"], positions["position_m"], positions["position_standard_error_m"], strict=True
    ):
        transect = in_system(by_name[name], crs) if name in by_name else None
        feet = (
            shapely.get_coordinates(shapely.intersection(transect.line(), landward)) if transect is not None else np.empty((0, 2))
        )
        foot = float(transect.positions(feet[:, 0], feet[:, 1])[0].min()) if transect is not None and len(feet) else np.nan
        half = Z95 * float(np.hypot(error, landward_error_m))
        width = position - foot
        rows.append((name, width, width - half, width + half, foot))
    return pd.DataFrame(rows, columns=["transect", "width_m", "width_low_m", "width_high_m", "landward_m"])
