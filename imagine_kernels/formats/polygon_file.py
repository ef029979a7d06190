"""Polygons of coasts and land from GeoJSON or an ESRI shapefile, in longitude and latitude.

References
----------
ESRI (1998): Shapefile technical description, white paper J-7855 (polygons: page 8; lines: page 7; points: page 6).
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.geojson import read_geojson
from imagine_kernels.records import Problem

if TYPE_CHECKING:
    from shapely import Geometry

#: The largest shapefile that is read (bytes): coasts of the whole earth at full resolution take less.
MAX_BYTES = 1024**3
_POINTS, _LINES, _POLYGONS = (1, 11, 21), (3, 13, 23), (5, 15, 25)


def read_polygons(path: Path) -> tuple[list[Geometry], list[Problem]]:
    """The polygons of a file, whatever else it holds.

    Returns
    -------
    polygons : list of shapely geometries
    problems : list of Problem
        What could not be read.

    Raises
    ------
    DataNotFound
        There is no such file, or no polygon in it.
    FormatError
        It is neither GeoJSON nor a shapefile, or its coordinate system is not known.
    """
    path = Path(path)
    if path.suffix.lower() == ".shp":
        geometries, problems = read_shapefile(path)
    else:
        features, problems = read_geojson(path)
        geometries = [feature.geometry for feature in features]
    polygons = [each for each in geometries if each.geom_type.endswith("Polygon")]
    if not polygons:
        raise DataNotFound(f"{path.name} holds no polygons: give the land as polygons, not as lines.")
    return polygons, problems


def read_shapefile(path: Path) -> tuple[list[Geometry], list[Problem]]:
    """Points, lines and polygons of a shapefile, turned into longitude and latitude by the projection in the ``.prj`` beside it.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no shapefile, or its coordinate system is not known.
    """
    import shapely

    if not path.is_file():
        raise DataNotFound.no_such_path(path)
    if path.stat().st_size > MAX_BYTES:
        raise FormatError(f"{path.name} takes more than {MAX_BYTES / 1e6:.0f} MB: cut out the region that is needed.")
    data = path.read_bytes()
    if len(data) < 100 or struct.unpack(">i", data[:4])[0] != 9994:
        raise FormatError(f"{path.name} is no shapefile: export it again.")
    geometries, problems, at, number = [], [], 100, 0
    while at + 8 <= len(data):
        number += 1
        words = struct.unpack(">i", data[at + 4 : at + 8])[0]
        record = data[at + 8 : at + 8 + 2 * words]
        at += 8 + 2 * max(words, 0)
        if words < 2 or len(record) < 2 * words:
            problems.append(_problem(path, number, "is cut off", "export the file again"))
            break
        try:
            geometry = _geometry(record)
        except (struct.error, ValueError, IndexError, shapely.errors.GEOSException):
            problems.append(_problem(path, number, "is damaged", "it was left out"))
            continue
        if geometry is not None and not geometry.is_empty:
            geometries.append(geometry)
    return _in_degrees(geometries, path), problems


def _geometry(record: bytes) -> Geometry | None:
    import shapely

    kind = struct.unpack("<i", record[:4])[0]
    if kind == 0:
        return None
    if kind in _POINTS:
        return shapely.Point(struct.unpack("<2d", record[4:20]))
    if kind not in (*_LINES, *_POLYGONS):
        raise ValueError(kind)
    n_parts, n_points = struct.unpack("<2i", record[36:44])
    if n_parts < 1 or n_points < 1 or 44 + 4 * n_parts + 16 * n_points > len(record):
        raise ValueError(n_points)
    starts = [*np.frombuffer(record, "<i4", n_parts, 44).tolist(), n_points]
    points = np.frombuffer(record, "<f8", 2 * n_points, 44 + 4 * n_parts).reshape(-1, 2)
    parts = [points[first:last] for first, last in pairwise(starts)]
    if not np.isfinite(points).all() or any(len(part) < 2 for part in parts):
        raise ValueError(n_parts)
    if kind in _LINES:
        return shapely.MultiLineString(parts)
    return _polygon(parts)


def _polygon(rings: list[NDArray[np.float64]]) -> Geometry:
    """Outer rings go clockwise, holes the other way; a hole belongs to the outer ring around it."""
    import shapely

    closed = [shapely.LinearRing(ring) for ring in rings if len(ring) >= 4]
    outer = [ring for ring in closed if not ring.is_ccw] or closed
    holes = [ring for ring in closed if ring.is_ccw] if len(outer) < len(closed) else []
    polygons = shapely.make_valid(shapely.polygons(outer)) if outer else []
    land = shapely.union_all(polygons)
    return shapely.difference(land, shapely.union_all(shapely.make_valid(shapely.polygons(holes)))) if holes else land


def _in_degrees(geometries: list[Geometry], path: Path) -> list[Geometry]:
    import shapely
    from pyproj import CRS, Transformer
    from pyproj.exceptions import ProjError

    beside = next((each for each in (path.with_suffix(end) for end in (".prj", ".PRJ")) if each.is_file()), None)
    if beside is None:
        bounds = shapely.total_bounds(geometries) if geometries else np.zeros(4)
        if np.abs(bounds[[0, 2]]).max() > 360 or np.abs(bounds[[1, 3]]).max() > 90:
            raise FormatError(f"{path.name} has no .prj beside it and is not in degrees: put the .prj there.")
        return geometries
    try:
        crs = CRS.from_user_input(beside.read_text(encoding="utf-8", errors="replace"))
        turn = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True)
    except ProjError:
        raise FormatError(f"{beside.name} names a coordinate system that is not known: export the file in WGS 84.") from None
    return [shapely.transform(each, lambda xy: np.column_stack(turn.transform(xy[:, 0], xy[:, 1]))) for each in geometries]


def _problem(path: Path, number: int, what: str, remedy: str) -> Problem:
    return Problem(item=path.name, what=f"record {number} {what}", remedy=remedy)
