"""Land in a picture, from polygons on the map, drawn for each part of it that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.media.tiles import Box
from imagine_kernels.records import Georeference

if TYPE_CHECKING:
    from shapely import Geometry

#: Sides of coasts are divided into pieces of this length before they are drawn, degrees: a straight side on the map is none in the picture.
_PIECE_DEG = 0.02
#: Around the picture so much is kept of the coast, px.
_MARGIN_PX = 64


class LandMask:
    """Where there is land.

    Parameters
    ----------
    land : shapely geometry
        Polygons in longitude and latitude (degrees, WGS 84).
    georeference : Georeference
        Of the picture.
    width, height : int
        Of the picture, px.
    buffer_m : float
        Land is that much larger than its polygons: the surf at a coast looks like anything.
    """

    def __init__(self, land: Geometry, georeference: Georeference, width: int, height: int, *, buffer_m: float = 0.0) -> None:
        import shapely

        self._pieces: list[Geometry] = []
        near = _near(land, georeference, width, height)
        if near.is_empty:
            self._tree = shapely.STRtree([])
            return
        drawn = shapely.transform(
            shapely.segmentize(near, _PIECE_DEG), lambda points: np.column_stack(georeference.pixels(points[:, 0], points[:, 1]))
        )
        drawn = shapely.make_valid(shapely.get_parts(drawn))
        if buffer_m > 0:
            lon, lat = georeference.lonlat(
                [width / 2, width / 2 + 1, width / 2, width / 2], [height / 2, height / 2, height / 2, height / 2 + 1]
            )
            drawn = shapely.buffer(drawn, buffer_m / _mean_step_m(lon, lat))
        frame = shapely.box(-_MARGIN_PX, -_MARGIN_PX, width + _MARGIN_PX, height + _MARGIN_PX)
        kept = shapely.intersection(drawn, frame)
        self._pieces = [part for part in shapely.get_parts(kept) if part.geom_type.endswith("Polygon") and not part.is_empty]
        self._tree = shapely.STRtree(self._pieces)

    def over(self, box: Box) -> NDArray[np.bool_]:
        """True where the middle of a px lies on land, (height, width)."""
        import shapely
        from rasterio.features import rasterize
        from rasterio.transform import Affine

        frame = shapely.box(box.x, box.y, box.x + box.width, box.y + box.height)
        found = [self._pieces[k] for k in self._tree.query(frame, predicate="intersects")] if self._pieces else []
        shapes = [
            part for each in found for part in shapely.get_parts(shapely.intersection(each, frame)) if part.geom_type == "Polygon"
        ]
        if not shapes:
            return np.zeros((box.height, box.width), dtype=bool)
        drawn = rasterize(
            [(each, 1) for each in shapes],
            out_shape=(box.height, box.width),
            transform=Affine.translation(box.x, box.y),
            dtype="uint8",
        )
        return np.asarray(drawn > 0)


def _near(land: Geometry, georeference: Georeference, width: int, height: int) -> Geometry:
    """The part of the land around the picture, so that what lies on the other side of the earth is not bent into it."""
    import shapely
    import shapely.affinity

    x, y = np.meshgrid(np.linspace(0, width, 9), np.linspace(0, height, 9))
    lon, lat = georeference.lonlat(x.ravel(), y.ravel())
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        return shapely.Point()
    lon, lat = lon[known], lat[known]
    # Across the date line longitudes are counted on, and the land is looked for at both counts.
    lon = lon[0] + (lon - lon[0] + 180) % 360 - 180
    wide = 0.25 * max(np.ptp(lon), np.ptp(lat), 0.01)
    frame = shapely.box(lon.min() - wide, max(lat.min() - wide, -90), lon.max() + wide, min(lat.max() + wide, 90))
    valid, found = shapely.make_valid(land), []
    for turn in (-360.0, 0.0, 360.0):
        part = shapely.intersection(valid, shapely.affinity.translate(frame, -turn))
        if not part.is_empty:
            found.append(shapely.affinity.translate(part, turn))
    parts = [part for each in found for part in shapely.get_parts(each) if part.geom_type.endswith("Polygon")]
    return shapely.union_all(parts) if parts else shapely.Point()


def _mean_step_m(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> float:
    from pyproj import Geod

    steps = Geod(ellps="WGS84").inv(lon[::2], lat[::2], lon[1::2], lat[1::2])[2]
    return float(np.mean(steps))
