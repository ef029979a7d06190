"""The nearest coast or ship: geodesic distances from a geometry to the nearest of many."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from imagine_kernels.measures.geodesy import LocalPlane, distance_m

if TYPE_CHECKING:
    from shapely import Geometry

#: Radii in which it is looked for, degrees of latitude; the last one reaches round half the earth.
_RADII_DEG = (0.1, 0.5, 2.0, 10.0, 45.0)
_DEG_M = 111_000.0
#: Coasts are cut into squares of this size, so that a continent is not laid on the plane for one slick.
_CELL_DEG = 1.0


class Nearest:
    """Things on the map to which distances are asked for.

    Parameters
    ----------
    geometries : iterable of shapely geometry
        In longitude and latitude, degrees: polygons of land, lines of coast, points of ships.
    """

    def __init__(self, geometries: Iterable[Geometry]) -> None:
        import shapely

        pieces: list[Geometry] = []
        for each in geometries:
            for part in shapely.get_parts(shapely.make_valid(each)):
                pieces += _cut(part)
        self._pieces = np.array(pieces, dtype=object)
        self._tree = shapely.STRtree(pieces)

    def distance_m(self, geometry: Geometry) -> float:
        """From the nearest point of a geometry to the nearest of the things, along the geodesic, m; 0 where they meet, NaN without any.

        The pair of nearest points is found on a plane around the geometry, where distances from its middle are exact, and measured on the
        ellipsoid: for things 100 km away the pair itself may be wrong by some metres, for 1000 km by some hundred.
        """
        import shapely

        if not len(self._pieces) or geometry.is_empty:
            return math.nan
        points = shapely.get_coordinates(geometry)
        lon = points[0, 0] + (points[:, 0] - points[0, 0] + 180) % 360 - 180
        plane = LocalPlane.around(lon, points[:, 1])
        flat = plane.flat(geometry)
        west, south, east, north = lon.min(), points[:, 1].min(), lon.max(), points[:, 1].max()
        best = math.nan
        for radius in _RADII_DEG:
            slant = radius / max(math.cos(math.radians(min(max(abs(south), abs(north)) + radius, 89.5))), 0.02)
            near = self._around(west - slant, south - radius, east + slant, north + radius)
            if not len(near):
                continue
            lines = shapely.shortest_line(flat, [plane.flat(each) for each in near])
            nearest = lines[int(np.nanargmin(shapely.length(lines)))]
            ends = plane.lonlat(*shapely.get_coordinates(nearest).T)
            best = float(distance_m(ends[0][0], ends[1][0], ends[0][1], ends[1][1]))
            if best <= radius * _DEG_M * 0.99:
                return best
        return best

    def _around(self, west: float, south: float, east: float, north: float) -> list[Geometry]:
        import shapely

        found: set[int] = set()
        for turn in (-360.0, 0.0, 360.0):
            found.update(self._tree.query(shapely.box(west + turn, south, east + turn, north), predicate="intersects").tolist())
        return list(self._pieces[sorted(found)])


def _cut(part: Geometry) -> list[Geometry]:
    """A geometry in squares of a degree, longitudes from -180 to 180."""
    import shapely
    import shapely.affinity

    west, south, east, north = part.bounds
    if max(east - west, north - south) <= 2 * _CELL_DEG:
        return [part]
    found: list[Geometry] = []
    for x in np.arange(math.floor(west), east, _CELL_DEG):
        strip = shapely.clip_by_rect(part, x, south - 1, x + _CELL_DEG, north + 1)
        if strip.is_empty:
            continue
        low, high = strip.bounds[1], strip.bounds[3]
        for y in np.arange(math.floor(low), high + 1e-9, _CELL_DEG):
            cell = shapely.clip_by_rect(strip, x, y, x + _CELL_DEG, y + _CELL_DEG)
            found += [each for each in shapely.get_parts(cell) if not each.is_empty]
    return found or [part]
