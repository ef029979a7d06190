"""How much beach or water the photos of a survey show: each spot counts once, however often it was photographed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane, area_m2

if TYPE_CHECKING:
    from shapely import Geometry, LineString


def observed_area(footprints: Iterable[Geometry], *, within: Geometry | None = None) -> Geometry:
    """The union of the footprints of photos, in longitude and latitude.

    Areas of single photos must not be added up: neighbours overlap by half and more.

    Parameters
    ----------
    footprints : iterable of polygons
        Longitude and latitude, degrees, WGS 84; empty ones are left out.
    within : polygon, optional
        Only what lies in here: the beach, or the water.

    Returns
    -------
    Polygon or MultiPolygon
        Empty where nothing was seen.
    """
    import shapely

    parts = [each if each.is_valid else each.buffer(0) for each in footprints if not each.is_empty]
    if not parts:
        return shapely.Polygon()
    # In metres, as slivers are then as thin one way as the other.
    plane = LocalPlane.around(*np.concatenate([shapely.get_coordinates(each) for each in parts]).T)
    union = shapely.union_all([plane.flat(each) for each in parts], grid_size=1e-4)
    if within is not None:
        union = shapely.intersection(union, plane.flat(within), grid_size=1e-4)
    polygons = [each for each in shapely.get_parts(union) if each.geom_type == "Polygon"]
    return plane.round(shapely.union_all(polygons)) if polygons else shapely.Polygon()


def observed_area_m2(footprints: Iterable[Geometry], *, within: Geometry | None = None) -> float:
    """The area of `observed_area` on the ellipsoid, m²."""
    return area_m2(observed_area(footprints, within=within))


def shoreline_length_m(observed: Geometry, baseline: LineString | None = None) -> tuple[float, str]:
    """Length of the beach that was observed, along the shore, m, and a sentence on how it was told where no baseline says it.

    Each spot of the observed area is laid on the nearest point of the baseline; the parts of it that something was laid on are added up.
    Without a baseline the longest direction of the observed area stands for the shore.

    Parameters
    ----------
    observed : Polygon or MultiPolygon
        As `observed_area` gives it.
    baseline : LineString, optional
        The shoreline or the middle of the beach, in longitude and latitude; the length along it counts (Galgani et al. 2023, JRC133594,
        chapter 3: at half the width of the beach, as a curved line on a curved beach).

    Raises
    ------
    DataError
        Nothing was observed, or the baseline is no line.
    """
    import shapely

    if observed.is_empty:
        raise DataError("No ground was observed, so that a beach has no length: check the positions of the photos.")
    plane = LocalPlane.around(*shapely.get_coordinates(observed).T)
    flat = plane.flat(observed)
    if baseline is None:
        corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(flat))
        sides = np.hypot(*np.diff(corners, axis=0).T)
        note = "The length of the beach was taken for the longest extent of what was photographed: give length_m or a baseline along the shore."
        return float(sides.max()), note
    if baseline.geom_type != "LineString" or baseline.is_empty:
        raise DataError(f"The baseline is a {baseline.geom_type}, not a line: give one LineString along the shore.")
    line = plane.flat(baseline)
    # Points every few cm of the outlines and of a net inside; what is laid beyond the ends of the line falls on them, and is not counted.
    step = max(line.length / 20_000, 0.05)
    outline = shapely.segmentize(flat, step)
    covered = []
    for part in shapely.get_parts(outline):
        at = shapely.line_locate_point(line, shapely.points(shapely.get_coordinates(part)))
        inside = at[(at > 0) & (at < line.length)]
        if len(inside):
            low = 0.0 if (at <= 0).any() else float(inside.min())
            high = float(line.length) if (at >= line.length).any() else float(inside.max())
            covered.append((low, high))
    return _union_length(covered), ""


def _union_length(spans: list[tuple[float, float]]) -> float:
    total, reached = 0.0, -math.inf
    for low, high in sorted(spans):
        total += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    return total
