"""What a cloud of particles says: where they are on average, how far spread, how many are ashore, and in which area most of them lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane, area_m2, bearing_deg, distance_m
from imagine_kernels.records.trajectories import STATES, Trajectories

if TYPE_CHECKING:
    import pandas as pd
    from shapely import Geometry

#: Shares of the particles for which areas are given.
SHARES = (0.5, 0.9, 0.95)
_CELLS, _MARGIN = 160, 4.0


def drift_table(found: Trajectories) -> pd.DataFrame:
    """The cloud at each time.

    Returns
    -------
    DataFrame
        ``time_utc``, ``hours``, ``lon_deg`` and ``lat_deg`` (centre of all that are released), ``spread_km`` (root mean square of their distance
        from it), ``moved_km`` and ``moved_towards_deg`` (of the centre since the first time), ``area_50_km2``, ``area_90_km2``,
        ``area_95_km2``, and the shares (0 to 1) ``drifting``, ``stranded``, ``left_the_fields``.
    """
    import pandas as pd

    rows = []
    first: tuple[float, float] | None = None
    for k, seconds in enumerate(found.seconds):
        released = found.state[k] != STATES.index("not yet released")
        lon, lat = found.lon[k, released], found.lat[k, released]
        row = {"time_utc": pd.Timestamp(found.start) + pd.Timedelta(seconds=float(seconds)), "hours": seconds / 3600}
        if lon.size:
            plane = LocalPlane.around(lon, lat)
            x, y = plane.metres(lon, lat)
            at = plane.lonlat(x.mean(), y.mean())
            centre = float(at[0]), float(at[1])
            first = first or centre
            row |= {
                "lon_deg": centre[0],
                "lat_deg": centre[1],
                "spread_km": math.sqrt(float(x.var() + y.var())) / 1e3,
                "moved_km": float(distance_m(*first, *centre)) / 1e3,
                "moved_towards_deg": float(bearing_deg(*first, *centre)) if centre != first else math.nan,
            }
            regions = regions_of(lon, lat)
            row |= {f"area_{round(100 * share)}_km2": area_m2(each) / 1e6 for share, each in regions.items()}
            state = found.state[k, released]
            for name in ("drifting", "stranded", "left the fields"):
                row[name.replace(" ", "_")] = float(np.mean(state == STATES.index(name)))
        rows.append(row)
    return pd.DataFrame(rows)


def regions_of(lon: NDArray[np.float64], lat: NDArray[np.float64], shares: tuple[float, ...] = SHARES) -> dict[float, Geometry]:
    """The smallest areas that hold these shares of the particles, in longitude and latitude.

    The density of the particles is estimated by a Gaussian kernel (Silverman's width along each direction) on a net of cells; the densest cells
    that together hold the share are the area (Hyndman 1996). Of one particle, or of many in one place, it is empty.

    Raises
    ------
    DataError
        A share does not lie between 0 and 1.

    References
    ----------
    Hyndman, R. J. (1996): Computing and graphing highest density regions. The American Statistician 50, 120-126.
    Silverman, B. W. (1986): Density estimation for statistics and data analysis. Chapman and Hall.
    """
    import shapely
    from rasterio.features import shapes
    from rasterio.transform import Affine

    if not all(0 < share < 1 for share in shares):
        raise DataError(f"Areas hold shares between 0 and 1 of the particles, not {shares}.")
    plane = LocalPlane.around(lon, lat)
    x, y = plane.metres(lon, lat)
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return dict.fromkeys(shares, shapely.Polygon())
    density, left, top, cell_x, cell_y = _density(x, y)
    order = np.sort(density.ravel())[::-1]
    held = np.cumsum(order) / order.sum()
    found = {}
    for share in shares:
        level = order[min(int(np.searchsorted(held, share)), order.size - 1)]
        inside = (density >= level).astype(np.uint8)
        transform = Affine(cell_x, 0, left, 0, cell_y, top)
        parts = [shapely.geometry.shape(each) for each, _ in shapes(inside, mask=inside > 0, transform=transform)]
        found[share] = plane.round(shapely.union_all(parts))
    return found


def regions_table(found: Trajectories, *, every_h: float = 6.0, shares: tuple[float, ...] = SHARES) -> pd.DataFrame:
    """The areas of `regions_of` at several times, to be drawn on a map.

    Returns
    -------
    DataFrame
        ``time_utc``, ``hours``, ``share`` (0 to 1), ``area_km2``, ``polygon`` (longitude and latitude), the largest share first, so that smaller
        ones are drawn over it.

    Raises
    ------
    DataError
        The times are no distance apart.
    """
    import pandas as pd

    if not every_h > 0:
        raise DataError(f"Areas every {every_h:g} hours cannot be: give more than 0.")
    rows = []
    for k, hours in enumerate(found.hours):
        released = found.state[k] != STATES.index("not yet released")
        last = k == len(found.seconds) - 1
        if not released.any() or (not last and abs(hours / every_h - round(hours / every_h)) > 1e-6):
            continue
        regions = regions_of(found.lon[k, released], found.lat[k, released], shares)
        time = pd.Timestamp(found.start) + pd.Timedelta(seconds=float(found.seconds[k]))
        rows += [
            {
                "time_utc": time,
                "hours": float(hours),
                "share": share,
                "area_km2": area_m2(regions[share]) / 1e6,
                "polygon": regions[share],
            }
            for share in sorted(shares, reverse=True)
            if not regions[share].is_empty
        ]
    return pd.DataFrame(rows, columns=["time_utc", "hours", "share", "area_km2", "polygon"])


def source_candidates(found: Trajectories, tracks: pd.DataFrame, *, within_km: float = 2.0) -> pd.DataFrame:
    """Ships that were where the oil was, from a hindcast: how much of the cloud lay near each ship when most did.

    This orders ships for a person to look at. It is no proof: the share depends on the uncertainty that the drift was given.

    Parameters
    ----------
    found : Trajectories
        A hindcast.
    tracks : DataFrame
        Positions of ships, as from AIS: ``ship``, ``time_utc``, ``lon_deg``, ``lat_deg``; between two of them a ship goes straight on.
    within_km : float
        What is near.

    Returns
    -------
    DataFrame
        ``ship``, ``time_utc`` and ``hours`` (when most of the cloud was near), ``share_near`` (0 to 1), ``nearest_km`` (of any particle at any
        time), ``lon_deg``, ``lat_deg`` (of the ship then), the largest share first. Ships that were seen at none of the times are left out.

    Raises
    ------
    DataError
        A column is missing, or the distance is not positive.
    """
    import pandas as pd

    missing = [name for name in ("ship", "time_utc", "lon_deg", "lat_deg") if name not in tracks.columns]
    if missing:
        raise DataError(f"The table of ships has no column {missing[0]}: give ship, time_utc, lon_deg and lat_deg.")
    if not within_km > 0:
        raise DataError(f"Ships cannot be within {within_km:g} km: give more than 0.")
    rows = []
    for ship, track in tracks.groupby("ship", sort=True):
        seen = track.assign(time_utc=pd.to_datetime(track["time_utc"], utc=True)).sort_values("time_utc")
        at = (seen["time_utc"] - pd.Timestamp(found.start)).dt.total_seconds().to_numpy()
        inside = np.flatnonzero((found.seconds >= at.min()) & (found.seconds <= at.max()))
        lon = np.interp(found.seconds, at, np.unwrap(seen["lon_deg"].to_numpy(dtype=np.float64), period=360))
        lat = np.interp(found.seconds, at, seen["lat_deg"].to_numpy(dtype=np.float64))
        best: dict[str, Any] = {}
        nearest = math.inf
        for k in inside:
            metres = distance_m(found.lon[k], found.lat[k], lon[k], lat[k])
            nearest = min(nearest, float(metres.min()) / 1e3)
            share = float(np.mean(metres <= 1e3 * within_km))
            if not best or share > best["share_near"]:
                time = pd.Timestamp(found.start) + pd.Timedelta(seconds=float(found.seconds[k]))
                best = {
                    "ship": ship,
                    "time_utc": time,
                    "hours": float(found.hours[k]),
                    "share_near": share,
                    "lon_deg": lon[k],
                    "lat_deg": lat[k],
                }
        if best:
            rows.append({**best, "nearest_km": nearest})
    table = pd.DataFrame(rows, columns=["ship", "time_utc", "hours", "share_near", "nearest_km", "lon_deg", "lat_deg"])
    return table.sort_values(["share_near", "nearest_km"], ascending=[False, True], kind="stable", ignore_index=True)


def density_table(found: Trajectories, moment: int = -1, *, cell_km: float = 1.0) -> pd.DataFrame:
    """Particles per cell at one time: where oil is to be looked for first.

    Returns
    -------
    DataFrame
        ``lon_deg``, ``lat_deg`` (middle of the cell), ``share`` (of all particles, 0 to 1), ``stranded_share``, densest first; cells without
        particles are left out.

    Raises
    ------
    DataError
        The cells have no size, or no particle has been released.
    """
    import pandas as pd

    if not cell_km > 0:
        raise DataError(f"Cells cannot have a side of {cell_km:g} km: give more than 0.")
    released = found.state[moment] != STATES.index("not yet released")
    if not released.any():
        raise DataError("No particle has been released by then: choose a later time.")
    lon, lat, state = found.lon[moment, released], found.lat[moment, released], found.state[moment, released]
    plane = LocalPlane.around(lon, lat)
    cells = np.floor(np.column_stack(plane.metres(lon, lat)) / (1e3 * cell_km)).astype(np.int64)
    places, numbers, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    ashore = np.bincount(numbers.ravel(), state == STATES.index("stranded"), minlength=len(places))
    at = plane.lonlat(*((places.T + 0.5) * 1e3 * cell_km))
    table = pd.DataFrame({"lon_deg": at[0], "lat_deg": at[1], "share": counts / lon.size, "stranded_share": ashore / lon.size})
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _density(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float, float, float]:
    """Density on a net of cells, its left and upper border, and the sides of a cell."""
    from scipy.ndimage import gaussian_filter

    width = x.size ** (-1 / 6)
    edges, sigmas = [], []
    for values in (x, y):
        # Silverman's robust spread: some particles that went astray must not blur the others.
        quarters = np.subtract(*np.percentile(values, [75, 25])) / 1.349
        spread = min(values.std(), quarters) if quarters > 0 else values.std()
        kernel = max(spread * width, np.ptp(values) / _CELLS)
        edges.append(np.linspace(values.min() - _MARGIN * kernel, values.max() + _MARGIN * kernel, _CELLS + 1))
        sigmas.append(kernel / (edges[-1][1] - edges[-1][0]))
    counts, _, _ = np.histogram2d(y, x, bins=(edges[1], edges[0]))
    smooth = gaussian_filter(counts, (sigmas[1], sigmas[0]), mode="constant")
    return smooth, edges[0][0], edges[1][0], edges[0][1] - edges[0][0], edges[1][1] - edges[1][0]
