"""Lengths, directions and areas on the earth's ellipsoid (WGS 84), from longitudes and latitudes in degrees.

Nothing here is measured in degrees or in the Mercator projection of web maps, whose metres are wrong everywhere but at the equator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from shapely import Geometry

_Numbers = NDArray[np.float64]


@lru_cache(maxsize=1)
def _ellipsoid() -> Any:
    from pyproj import Geod

    return Geod(ellps="WGS84")


def area_m2(geometry: Geometry) -> float:
    """Area of a polygon or of several, in longitude and latitude, with geodesics for sides; holes count as missing.

    Parameters
    ----------
    geometry : Polygon or MultiPolygon
        Other geometries have no area.

    Returns
    -------
    float
        m², never negative, whatever the direction of its rings.

    References
    ----------
    Karney, C. F. F. (2013): Algorithms for geodesics. Journal of Geodesy 87, 43-55, section 6. doi:10.1007/s00190-012-0578-z
    """
    import shapely

    if geometry.is_empty:
        return 0.0
    turned = shapely.orient_polygons(geometry)
    return abs(float(_ellipsoid().geometry_area_perimeter(turned)[0]))


def perimeter_m(geometry: Geometry) -> float:
    """Length of all rings of polygons, or of lines, along geodesics, m."""
    import shapely

    if geometry.is_empty:
        return 0.0
    lines = shapely.boundary(geometry) if geometry.geom_type.endswith("Polygon") else geometry
    return float(_ellipsoid().geometry_length(lines))


def distance_m(lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike) -> _Numbers:
    """Length of the geodesic between positions (n,) and others (n,), m."""
    first = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (lon, lat, other_lon, other_lat)))
    return np.asarray(_ellipsoid().inv(*first)[2], dtype=np.float64)


def bearing_deg(lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike) -> _Numbers:
    """Direction (n,) in which the geodesic to the others leaves, degrees clockwise from north, 0 up to 360."""
    first = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (lon, lat, other_lon, other_lat)))
    return np.asarray(_ellipsoid().inv(*first)[0], dtype=np.float64) % 360.0


def moved(lon: ArrayLike, lat: ArrayLike, bearing: ArrayLike, metres: ArrayLike) -> tuple[_Numbers, _Numbers]:
    """Longitude and latitude (n,) after so many metres along the geodesic that begins in a direction (degrees clockwise from north)."""
    first = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (lon, lat, bearing, metres)))
    reached = _ellipsoid().fwd(*first)
    return np.asarray(reached[0], dtype=np.float64), np.asarray(reached[1], dtype=np.float64)


@dataclass(frozen=True)
class LocalPlane:
    """A plane in metres around one place: azimuthal equidistant, so that distances and directions from the middle are exact.

    Within 100 km of the middle lengths across are true to 1 in 24 000 (Snyder 1987, page 195: the scale is c / sin c at an angle c from
    the middle), within 10 km to 1 in 2 400 000.

    Attributes
    ----------
    lon, lat : float
        Its middle, degrees.

    Raises
    ------
    DataError
        That is no place on the earth.

    References
    ----------
    Snyder, J. P. (1987): Map projections, a working manual. USGS Professional Paper 1395, section 25.
    """

    lon: float
    lat: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lon) and abs(self.lat) <= 90):
            raise DataError(f"There is no place with the longitude {self.lon:g} and the latitude {self.lat:g}: give degrees.")

    @classmethod
    def around(cls, lon: ArrayLike, lat: ArrayLike) -> LocalPlane:
        """The plane whose middle is that of the known ones among positions (n,).

        Raises
        ------
        DataError
            Not one position is known.
        """
        east, north = np.asarray(lon, dtype=np.float64).ravel(), np.asarray(lat, dtype=np.float64).ravel()
        known = np.isfinite(east) & np.isfinite(north)
        if not known.any():
            raise DataError("No position is known: a plane in metres needs one at least.")
        # Longitudes as directions, so that a picture across 180° has its middle there.
        angle = np.radians(east[known])
        middle = math.degrees(math.atan2(np.sin(angle).mean(), np.cos(angle).mean()))
        return cls(middle, float((north[known].min() + north[known].max()) / 2))

    @cached_property
    def _projection(self) -> Any:
        from pyproj import Proj

        return Proj(proj="aeqd", lon_0=self.lon, lat_0=self.lat, ellps="WGS84")

    @property
    def crs(self) -> str:
        """The same as a PROJ string, for the header of a file."""
        return f"+proj=aeqd +lat_0={self.lat:.9f} +lon_0={self.lon:.9f} +datum=WGS84 +units=m +no_defs"

    def metres(self, lon: ArrayLike, lat: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """East and north of the middle (n,), m; NaN stays NaN."""
        return self._through(lon, lat, inverse=False)

    def lonlat(self, east: ArrayLike, north: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """Longitude and latitude (n,), degrees, of positions in metres."""
        return self._through(east, north, inverse=True)

    def _through(self, a: ArrayLike, b: ArrayLike, *, inverse: bool) -> tuple[_Numbers, _Numbers]:
        first, second = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
        done = self._projection(first, second, inverse=inverse)
        known = np.isfinite(first) & np.isfinite(second)
        return tuple(np.where(known & np.isfinite(each), each, np.nan) for each in map(np.asarray, done))  # type: ignore[return-value]

    def flat(self, geometry: Geometry) -> Geometry:
        """A geometry in longitude and latitude, in metres on this plane."""
        return _transformed(geometry, self.metres)

    def round(self, geometry: Geometry) -> Geometry:
        """A geometry in metres on this plane, in longitude and latitude."""
        return _transformed(geometry, self.lonlat)


def _transformed(geometry: Geometry, through: Callable[[_Numbers, _Numbers], tuple[_Numbers, _Numbers]]) -> Geometry:
    import shapely

    return shapely.transform(geometry, lambda xy: np.column_stack(through(xy[:, 0], xy[:, 1])))
