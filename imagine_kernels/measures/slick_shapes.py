"""The size and form of one slick: area with its interval, length, width, direction, perimeter and complexity.

The area is geodesic (Karney 2013) and belongs to the px of the slick. What is not known is where its outline lies: a segmentation places it
with some error, and so does the georeference. Both are taken as one standard error of the outline, across it and shared by all of it, and the
interval reaches from the slick that is smaller all around by 1.96 of them to the one that is larger by as much. That is the widest case: an error
that changes along the outline cancels itself in part, and one that shifts the whole slick leaves its area.

The perimeter is not that of the sides of px, which is too long by up to 4/π whatever their size: the outline is smoothed over
seven sides of px before it is measured.

References
----------
Karney, C. F. F. (2013): Algorithms for geodesics. Journal of Geodesy 87, 43-55. doi:10.1007/s00190-012-0578-z
Solberg, A. H. S., Storvik, G., Solberg, R. and Volden, E. (1999): Automatic detection of oil spills in ERS SAR images. IEEE Trans. GRS 37,
1916-1924 (complexity as perimeter over the square root of the area; with 2√π below it is 1 for a disc).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane, area_m2
from imagine_kernels.records import Georeference

if TYPE_CHECKING:
    from shapely import Geometry

_Z = 1.959963984540054
#: Straight sides are divided so that they stay straight in the picture when they are laid on the earth, px.
_PIECE_PX = 32.0
#: Sides of px over which an outline is smoothed to each side of a point.
_REACH = 3


@dataclass(frozen=True)
class Shape:
    """Size and form of a slick; without a georeference or spacing lengths are NaN.

    Attributes
    ----------
    polygon : shapely geometry or None
        In longitude and latitude, degrees; None without a georeference.
    area_m2, area_low_m2, area_high_m2 : float
        With a 95 % interval.
    length_m, width_m : float
        Sides of the smallest rectangle around it, of any direction, on the earth.
    mean_width_m : float
        Area over length: that of a slick that is bent or torn is much smaller than its `width_m`.
    orientation_deg : float
        Of the length, clockwise from north (from the upward side of the picture without a georeference), 0 up to 180.
    perimeter_m : float
    complexity : float
        ``P / (2 √(π A))``: 1 for a disc.
    lon, lat : float
        Of the centre of the area; NaN without a georeference.
    position_error_m : float
        Standard error of the centre along one direction, from the georeference.
    """

    polygon: Geometry | None
    area_m2: float
    area_low_m2: float
    area_high_m2: float
    length_m: float
    width_m: float
    mean_width_m: float
    orientation_deg: float
    perimeter_m: float
    complexity: float
    lon: float = math.nan
    lat: float = math.nan
    position_error_m: float = math.nan


def measure_shape(
    outline: Geometry,
    *,
    georeference: Georeference | None = None,
    spacing_m: tuple[float, float] | None = None,
    outline_error_px: float = 1.0,
) -> Shape:
    """Measure one slick.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
        In px, along the sides of px.
    georeference : Georeference, optional
        Of the picture.
    spacing_m : (float, float), optional
        Sides of a px, where there is no georeference.
    outline_error_px : float
        Standard error of the place of the outline across it: 1 px where nothing better is known; what a model misses on labelled scenes
        is better.

    Raises
    ------
    DataError
        The outline is empty, reaches to where the picture is not on the earth, or the error or the spacing cannot be.
    """
    if outline.is_empty or outline.area <= 0:
        raise DataError("A slick without px has no shape: leave it out.")
    if not (outline_error_px >= 0 and math.isfinite(outline_error_px)):
        raise DataError(f"The outline of a slick cannot have a standard error of {outline_error_px:g} px: give 0 or more.")
    if georeference is not None:
        return _on_earth(outline, georeference, outline_error_px)
    if spacing_m is None:
        return _without_scale()
    if not min(spacing_m) > 0 or not all(map(math.isfinite, spacing_m)):
        raise DataError(f"Pixels cannot have sides of {spacing_m[0]:g} × {spacing_m[1]:g} m: give metres.")
    scale = np.array([spacing_m[0], -spacing_m[1]])
    return _on_plane(
        outline, lambda points: points * scale, None, outline_error_px * math.sqrt(spacing_m[0] * spacing_m[1]), None
    )


def _on_earth(outline: Geometry, georeference: Georeference, outline_error_px: float) -> Shape:
    import shapely

    dense = shapely.segmentize(outline, _PIECE_PX)
    x, y = shapely.get_coordinates(dense).T
    lon, lat = georeference.lonlat(x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise DataError(
            "A slick reaches to where the picture does not lie on the earth: cut the scene, or mask what is outside of the swath."
        )
    # Across the date line longitudes are counted on: a polygon that jumps by 360° would go round the earth.
    lon = lon[0] + (lon - lon[0] + 180) % 360 - 180
    polygon = shapely.set_coordinates(shapely.from_wkb(shapely.to_wkb(dense)), np.column_stack([lon, lat]))
    plane = LocalPlane.around(lon, lat)
    area = area_m2(polygon)
    error_px = outline_error_px * math.sqrt(area / outline.area)
    place = float(np.nan_to_num(np.median(georeference.error_m(x, y)), nan=0.0))

    def metres(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(plane.metres(*georeference.lonlat(points[:, 0], points[:, 1])))

    found = _on_plane(outline, metres, area, math.hypot(error_px, place), polygon)
    middle = plane.flat(polygon).centroid
    centre_lon, centre_lat = plane.lonlat(middle.x, middle.y)
    at = outline.centroid
    error = float(georeference.error_m(np.array([at.x]), np.array([at.y]))[0])
    fields = {**found.__dict__, "lon": (float(centre_lon) + 180) % 360 - 180, "lat": float(centre_lat), "position_error_m": error}
    return Shape(**fields)


def _on_plane(outline: Geometry, metres: object, area: float | None, error_m: float, polygon: Geometry | None) -> Shape:
    import shapely

    flat = shapely.transform(shapely.segmentize(outline, _PIECE_PX), metres)
    area = flat.area if area is None else area
    # The plane stretches areas a little; the smaller and the larger slick are taken in parts of the one on the plane.
    smaller, larger = (shapely.buffer(flat, sign * _Z * error_m).area / flat.area for sign in (-1, 1))
    length, width, orientation = rectangle(flat)
    perimeter = sum(
        _ring_length(ring, metres) for part in shapely.get_parts(outline) for ring in (part.exterior, *part.interiors)
    )
    return Shape(
        polygon=polygon,
        area_m2=area,
        area_low_m2=area * smaller,
        area_high_m2=area * larger,
        length_m=length,
        width_m=width,
        mean_width_m=area / length,
        orientation_deg=orientation,
        perimeter_m=perimeter,
        complexity=perimeter / (2 * math.sqrt(math.pi * area)),
    )


def rectangle(flat: Geometry) -> tuple[float, float, float]:
    """Length, width and direction (degrees clockwise from the second axis, 0 up to 180) of the smallest rectangle around a geometry."""
    import shapely

    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(flat))[:3]
    sides = np.diff(corners, axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    long = sides[int(np.argmax(lengths))]
    return float(lengths.max()), float(lengths.min()), math.degrees(math.atan2(long[0], long[1])) % 180.0


def _ring_length(ring: Geometry, metres: object) -> float:
    """Length of a ring along sides of px, smoothed, on the plane."""
    import shapely

    points = shapely.get_coordinates(ring)
    steps = np.abs(np.diff(points, axis=0)).sum(axis=1)
    # The middles of all sides of px, whatever points the ring has.
    along = np.concatenate([[0.0], np.cumsum(steps)])
    middles = np.arange(round(along[-1])) + 0.5
    x, y = (np.interp(middles, along, points[:, k]) for k in (0, 1))
    # A small ring must not be smoothed away.
    reach = min(_REACH, max(0, (len(middles) - 4) // 8))
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    smooth = [
        np.convolve(np.concatenate([each[-reach:] if reach else each[:0], each, each[:reach]]), kernel, mode="valid")
        for each in (x, y)
    ]
    placed = metres(np.column_stack(smooth))  # type: ignore[operator]
    ends = np.roll(placed, -1, axis=0) - placed
    return float(np.hypot(ends[:, 0], ends[:, 1]).sum())


def _without_scale() -> Shape:
    return Shape(None, *([math.nan] * 9))
