"""Where the pixels of a radar scene lie: a map projection, or a grid of positions that is interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError

Numbers = NDArray[np.float64]

#: Standard error of a Sentinel-1 position along one direction, m: a cautious 7 m of distance at 95 %, which is 2.448 standard errors of two equal
#: normal components. Schubert et al. (2017), doi:10.3390/rs9060607, found the products of both satellites within their specification.
SENTINEL1_ERROR_M = 7.0 / 2.448
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class AffineGeoreference:
    """A picture in a map projection, as a GeoTIFF has it.

    Attributes
    ----------
    transform : six floats
        a, b, c, d, e, f: x' = a x + b y + c and y' = d x + e y + f, from px to the units of the projection.
    crs : str
        As EPSG code, WKT or PROJ string.
    standard_error_m : float
        Of a position along one direction; NaN where nobody said it.

    Raises
    ------
    DataError
        The projection is unknown, or the pixels have no size.
    """

    transform: tuple[float, float, float, float, float, float]
    crs: str
    standard_error_m: float = math.nan

    def __post_init__(self) -> None:
        a, b, _, d, e, _ = self.transform
        if not all(map(math.isfinite, self.transform)) or a * e == b * d:
            raise DataError(f"The pixels of a picture cannot have no size: its transform is {self.transform}.")
        _ = self._to_lonlat

    @cached_property
    def _to_lonlat(self) -> Any:
        from pyproj import CRS, Transformer
        from pyproj.exceptions import ProjError

        try:
            return Transformer.from_crs(CRS.from_user_input(self.crs), CRS.from_epsg(4326), always_xy=True)
        except ProjError:
            raise DataError(f"The coordinate system {self.crs[:80]!r} is not known: give an EPSG code.") from None

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[Numbers, Numbers]:
        """Longitude and latitude of positions (n,) in px."""
        a, b, c, d, e, f = self.transform
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        return _known(*self._to_lonlat.transform(a * x + b * y + c, d * x + e * y + f))

    def pixels(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Numbers, Numbers]:
        """Positions in px of longitudes and latitudes (n,)."""
        a, b, c, d, e, f = self.transform
        east, north = self._to_lonlat.transform(
            np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64), direction="INVERSE"
        )
        u, v, whole = np.asarray(east) - c, np.asarray(north) - f, a * e - b * d
        return _known((e * u - b * v) / whole, (a * v - d * u) / whole)

    def error_m(self, x: ArrayLike, y: ArrayLike) -> Numbers:
        """Standard error along one direction (n,), m."""
        return np.full(np.broadcast(x, y).shape, self.standard_error_m)


@dataclass(frozen=True)
class GridGeoreference:
    """A picture whose positions are known at the crossings of some lines and pixels, as in products of Sentinel-1.

    Between them the earth-centred coordinates are interpolated by cubic splines, so that neither the date line nor a pole disturbs; outside
    they are continued straight on. The error of the interpolation is estimated from what the same splines through every second
    crossing miss at those between, divided by 16, as the error of cubic splines goes with the fourth power of the spacing.

    Attributes
    ----------
    x, y : (m,) and (n,) float64 ndarrays
        Positions of the crossings in px, ascending, with the centre of the first pixel at 0.5.
    lon, lat : (n, m) float64 ndarrays
        Degrees.
    standard_error_m : float
        Of the crossings, along one direction.

    References
    ----------
    De Boor, C. (1978): A practical guide to splines. Springer, chapter V (the error is O(h⁴)).
    """

    x: Numbers
    y: Numbers
    lon: Numbers
    lat: Numbers
    standard_error_m: float = SENTINEL1_ERROR_M

    @cached_property
    def _splines(self) -> tuple[Any, Any, Any]:
        return _splines_through(self.x, self.y, self._nodes)

    @cached_property
    def _nodes(self) -> Numbers:
        """(n, m, 3) earth-centred coordinates of the crossings, m."""
        return np.stack(_to_earth(self.lon, self.lat), axis=-1)

    @cached_property
    def interpolation_error_m(self) -> float:
        """Root mean square of the error that interpolation adds, m; 0 where there are too few crossings to tell."""
        if self.x.size < 5 or self.y.size < 5:
            return 0.0
        coarse = _splines_through(self.x[::2], self.y[::2], self._nodes[::2, ::2])
        ends = slice(0, len(self.y[::2]) * 2 - 1), slice(0, len(self.x[::2]) * 2 - 1)
        guess = np.stack([each(self.y[ends[0]], self.x[ends[1]]) for each in coarse], axis=-1)
        misses = np.linalg.norm(guess - self._nodes[ends], axis=-1)
        return float(np.sqrt(np.mean(misses**2)) / 16)

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[Numbers, Numbers]:
        """Longitude and latitude of positions (n,) in px."""
        from pyproj import Transformer

        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        back = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
        earth = self._earth(x, y)[0]
        lon, lat, _ = back.transform(earth[..., 0], earth[..., 1], earth[..., 2])
        return _known(lon, lat)

    def pixels(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Numbers, Numbers]:
        """Positions in px of longitudes and latitudes (n,), by Newton's method from the nearest crossing; NaN where it goes astray."""
        from scipy.spatial import cKDTree

        lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        shape = lon.shape
        goal = np.stack(_to_earth(lon.ravel(), lat.ravel()), axis=-1)
        known: NDArray[np.bool_] = np.asarray(np.isfinite(goal).all(axis=-1))
        tree = cKDTree(self._nodes.reshape(-1, 3))
        row, column = np.unravel_index(tree.query(np.where(known[:, None], goal, 0.0))[1], self.lon.shape)
        x, y = self.x[column], self.y[row]
        left: Numbers = np.full(x.shape, np.inf)
        for _ in range(_NEWTON_STEPS):
            place, along_x, along_y = self._earth(x, y)
            off = goal - place
            # Least squares with the two columns of the Jacobian: the third direction is up, where nothing can be done.
            xx, yy, xy = (along_x**2).sum(-1), (along_y**2).sum(-1), (along_x * along_y).sum(-1)
            to_x, to_y = (along_x * off).sum(-1), (along_y * off).sum(-1)
            whole = xx * yy - xy**2
            dx, dy = (yy * to_x - xy * to_y) / whole, (xx * to_y - xy * to_x) / whole
            x, y = x + dx, y + dy
            left = np.asarray(np.hypot(dx, dy))
            if np.max(left, where=known, initial=0.0) <= 1e-6:
                break
        astray = np.logical_not(known & (left < 1e-2))
        return tuple(np.where(astray, np.nan, each).reshape(shape) for each in (x, y))  # type: ignore[return-value]

    def error_m(self, x: ArrayLike, y: ArrayLike) -> Numbers:
        """Standard error along one direction (n,), m: that of the crossings and that of the interpolation together."""
        return np.full(np.broadcast(x, y).shape, math.hypot(self.standard_error_m, self.interpolation_error_m))

    def _earth(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Earth-centred coordinates (..., 3) in m, and how they change per px along x and y."""
        inside_x, inside_y = np.clip(x, self.x[0], self.x[-1]), np.clip(y, self.y[0], self.y[-1])
        place, along_x, along_y = (
            np.stack([each(inside_y, inside_x, dx=order[0], dy=order[1], grid=False) for each in self._splines], axis=-1)
            for order in ((0, 0), (0, 1), (1, 0))
        )
        place = place + along_x * (x - inside_x)[..., None] + along_y * (y - inside_y)[..., None]
        return place, along_x, along_y


def from_control_points(
    points: list[tuple[float, float, float, float]], *, crs: str, standard_error_m: float = math.nan
) -> AffineGeoreference | GridGeoreference:
    """A georeference from control points (x, y in px, and the two coordinates in `crs`).

    Where they form a whole grid it is interpolated; else an affine transform is fitted, and what it misses is its standard error.

    Raises
    ------
    DataError
        There are fewer than three, or they lie on one line.
    """
    table = np.asarray(points, dtype=np.float64).reshape(-1, 4)
    x, y = np.unique(table[:, 0]), np.unique(table[:, 1])
    if x.size >= 2 and y.size >= 2 and x.size * y.size == len(table) and len(np.unique(table[:, :2], axis=0)) == len(table):
        ordered = table[np.lexsort((table[:, 0], table[:, 1]))].reshape(y.size, x.size, 4)
        lon, lat = AffineGeoreference((1, 0, 0, 0, 1, 0), crs).lonlat(ordered[..., 2], ordered[..., 3])
        if np.isfinite(lon).all() and np.isfinite(lat).all():
            given = 0.0 if math.isnan(standard_error_m) else standard_error_m
            return GridGeoreference(x, y, lon, lat, given)
    matrix = np.column_stack([table[:, :2], np.ones(len(table))])
    if len(table) < 3 or np.linalg.matrix_rank(matrix) < 3:
        raise DataError(
            f"{len(table)} control points do not say where a picture lies: three that are not on one line are needed."
        )
    solved = np.linalg.lstsq(matrix, table[:, 2:], rcond=None)[0]
    a, b, c, d, e, f = (float(each) for each in solved.T.ravel())
    found = AffineGeoreference((a, b, c, d, e, f), crs)
    px, py = found.pixels(*AffineGeoreference((1, 0, 0, 0, 1, 0), crs).lonlat(table[:, 2], table[:, 3]))
    spacing = pixel_spacing_m(found, float(table[:, 0].mean()), float(table[:, 1].mean()))
    freedom = max(len(table) - 3, 1)
    misses = np.sqrt((((px - table[:, 0]) * spacing[0]) ** 2 + ((py - table[:, 1]) * spacing[1]) ** 2).sum() / (2 * freedom))
    error = float(misses) if math.isnan(standard_error_m) else math.hypot(standard_error_m, float(misses))
    return AffineGeoreference(found.transform, crs, error)


def pixel_spacing_m(georeference: Any, x: float, y: float) -> tuple[float, float]:
    """Distance on the earth from the middle of one px to the next, along x and along y, at a place in the picture, m."""
    from pyproj import Geod

    lon, lat = georeference.lonlat(np.array([x - 0.5, x + 0.5, x, x]), np.array([y, y, y - 0.5, y + 0.5]))
    metres = Geod(ellps="WGS84").inv(lon[::2], lat[::2], lon[1::2], lat[1::2])[2]
    return float(metres[0]), float(metres[1])


def _splines_through(x: Numbers, y: Numbers, nodes: Numbers) -> tuple[Any, Any, Any]:
    from scipy.interpolate import RectBivariateSpline

    orders = min(3, y.size - 1), min(3, x.size - 1)
    first, second, third = (RectBivariateSpline(y, x, nodes[..., k], kx=orders[0], ky=orders[1], s=0) for k in range(3))
    return first, second, third


def _to_earth(lon: Numbers, lat: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    from pyproj import Transformer

    forth = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    first, second, third = forth.transform(lon, lat, np.zeros_like(lon))
    return tuple(np.where(np.isfinite(each), each, np.nan) for each in (first, second, third))  # type: ignore[return-value]


def _known(first: Any, second: Any) -> tuple[Numbers, Numbers]:
    u, v = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    known = np.isfinite(u) & np.isfinite(v)
    return np.where(known, u, np.nan), np.where(known, v, np.nan)
