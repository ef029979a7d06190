"""From pixels that were told apart to regions with an outline, and back; of pictures that are larger than memory, too.

Outlines run along the edges of pixels, so that a region and its outline hold the same pixels: nothing is smoothed, and a mask that was made
of outlines is the one that the outlines were made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.media.tiles import Box

if TYPE_CHECKING:
    from shapely import Geometry

#: So many rows at a time are looked at, or filled.
BAND_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Region:
    """Connected pixels of one class, over sides or corners.

    Attributes
    ----------
    class_index : int
    outline : Polygon or MultiPolygon
        In px of the picture, with holes; several polygons where the region hangs together over corners only.
    """

    class_index: int
    outline: Geometry

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
    found: list[Region] = []
    cut: dict[int, list[Geometry]] = {}
    for top, band in bands:
        for value in np.unique(band).tolist():
            if value != background:
                for inside, outline in _pieces(band == value, top, min_area_px):
                    if inside:
                        found.append(Region(value, outline))
                    else:
                        cut.setdefault(value, []).append(outline)
    for value, pieces in cut.items():
        found += [region for each in _joined(pieces) if (region := Region(value, each)).area_px >= min_area_px]
    return sorted(found, key=lambda region: (region.outline.bounds[1], region.outline.bounds[0], region.class_index))


def _pieces(here: NDArray[np.bool_], top: int, min_area_px: int) -> Iterator[tuple[bool, Geometry]]:
    """Connected pieces of one band: whether a border of the band does not touch it, and its outline; small ones inside are left out."""
    import cv2
    import shapely
    from rasterio.features import shapes
    from rasterio.transform import Affine

    n, numbers, stats, _ = cv2.connectedComponentsWithStats(here.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    inside = (stats[:, 1] > 0) & (stats[:, 1] + stats[:, 3] < len(here))
    # Before they have outlines: of speckle there are many.
    dropped = inside & (stats[:, 4] < min_area_px)
    dropped[0] = True
    kept = ~dropped[numbers]
    if not kept.any():
        return
    polygons: dict[int, list[Geometry]] = {}
    # Along sides only, so that every polygon is valid; what hangs together over corners becomes several.
    for given, number in shapes(numbers, mask=kept, connectivity=4, transform=Affine.translation(0, top)):
        rings = given["coordinates"]
        polygons.setdefault(int(number), []).append(shapely.Polygon(rings[0], rings[1:]))
    for number in range(1, n):
        if several := polygons.get(number):
            yield bool(inside[number]), several[0] if len(several) == 1 else shapely.MultiPolygon(several)


def _joined(pieces: list[Geometry]) -> list[Geometry]:
    """Pieces that touch each other, over sides or corners, joined."""
    import shapely
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = shapely.STRtree(pieces).query(pieces, predicate="intersects")
    links = coo_array((np.ones(first.size, dtype=bool), (first, second)), shape=(len(pieces), len(pieces)))
    groups = connected_components(links, directed=False)[1]
    order = np.argsort(groups, kind="stable")
    together = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    # Coordinates are whole numbers: the union is exact, and points in the middle of straight sides go.
    return [shapely.simplify(shapely.union_all([pieces[k] for k in members]), 0.0) for members in together]


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


def mean_within(outline: Geometry, read: Callable[[Box], NDArray[Any]]) -> NDArray[np.float64]:
    """The mean (c,) over the pixels of a region, of values that are read a band at a time.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
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
