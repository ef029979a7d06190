"""From pixels that were told apart to regions with an outline, and back; of pictures that are larger than memory, too.

Outlines run along the edges of pixels, so that a region and its outline hold the same pixels: nothing is smoothed, and a mask that was made
of outlines is the one that the outlines were made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.media.tiles import Box

if TYPE_CHECKING:
    from shapely import Polygon

#: So many rows at a time are looked at, or filled.
BAND_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Region:
    """Connected pixels of one class; pixels that touch at a corner only are not connected.

    Attributes
    ----------
    class_index : int
    outline : Polygon
        In px of the picture, with holes.
    """

    class_index: int
    outline: Polygon

    @property
    def area_px(self) -> int:
        """Number of its pixels."""
        area: float = self.outline.area
        return round(area)


def regions(bands: Iterable[tuple[int, NDArray[np.uint8]]], *, min_area_px: int = 1, background: int = 0) -> list[Region]:
    """The regions of a mask that comes in bands from top to bottom; what a border of two bands cuts is put together again.

    Parameters
    ----------
    bands : iterable of (int, (H, W) ndarray of uint8)
        The first row of each band in the picture, and its class indices.
    min_area_px : int
        Smaller regions are left out.
    background : int
        The class that is no region.

    Returns
    -------
    list of Region
        From top to bottom and left to right by the corner of their boxes.
    """
    import shapely
    from rasterio.features import shapes
    from rasterio.transform import Affine

    whole: list[Region] = []
    cut: dict[int, list[Any]] = {}
    for top, band in bands:
        edges = (top, top + len(band))
        found = shapes(np.ascontiguousarray(band), mask=band != background, transform=Affine.translation(0, top))
        for geometry, value in found:
            rings = geometry["coordinates"]
            outline = shapely.Polygon(rings[0], rings[1:])
            _, low, _, high = outline.bounds
            if low == edges[0] or high == edges[1]:
                cut.setdefault(int(value), []).append(outline)
            elif outline.area >= min_area_px:
                whole.append(Region(int(value), outline))
    for value, pieces in cut.items():
        joined = [part for each in shapely.get_parts([shapely.union_all(pieces)]) for part in _without_corners(each)]
        whole += [Region(value, part) for part in joined if part.area >= min_area_px]
    return sorted(whole, key=lambda region: (region.outline.bounds[1], region.outline.bounds[0], region.class_index))


def _without_corners(outline: Polygon) -> list[Polygon]:
    """The same as polygons whose points are the corners of the outline only: where bands were joined points lie on straight edges."""
    import shapely

    return [part for part in shapely.get_parts([shapely.normalize(outline.simplify(0))]).tolist() if not part.is_empty]


def filled(outlines: Sequence[tuple[Any, int]], box: Box, *, background: int = 0) -> NDArray[np.uint8]:
    """The class indices (H, W) uint8 of a part of a picture, from outlines with their class; the later ones lie on top.

    A pixel is filled where its centre lies within the outline.

    Parameters
    ----------
    outlines : sequence of (Polygon or MultiPolygon, int)
        In px of the picture.
    box : Box
        The part.
    background : int
        What is within no outline.
    """
    import shapely
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    shape = (box.height, box.width)
    frame = shapely.box(box.x, box.y, box.x + box.width, box.y + box.height)
    inside = [(outline, value) for outline, value in outlines if not outline.is_empty and outline.intersects(frame)]
    if not inside:
        return np.full(shape, background, dtype=np.uint8)
    burnt = rasterize(inside, out_shape=shape, fill=background, transform=Affine.translation(box.x, box.y), dtype="uint8")
    return np.asarray(burnt, dtype=np.uint8)


def mean_within(outline: Polygon, read: Callable[[Box], NDArray[Any]]) -> NDArray[np.float64]:
    """The mean (c,) over the pixels of a region, of values that are read a band at a time.

    Parameters
    ----------
    outline : Polygon
        In px of the picture, holding one centre of a pixel at least.
    read : callable ``(box) -> (c, H, W) ndarray``
    """
    x, y, right, bottom = (int(f(v)) for f, v in zip((np.floor, np.floor, np.ceil, np.ceil), outline.bounds, strict=True))
    total: Any = 0.0
    n = 0
    for top in range(y, bottom, BAND_ROWS):
        box = Box(x, top, right - x, min(BAND_ROWS, bottom - top))
        inside = filled([(outline, 1)], box).astype(bool)
        total = total + read(box)[:, inside].sum(axis=1, dtype=np.float64)
        n += int(inside.sum())
    return np.asarray(total / n if n else np.full(np.shape(total), np.nan), dtype=np.float64)
