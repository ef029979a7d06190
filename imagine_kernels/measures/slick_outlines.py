"""Outlines of slicks from a mask of labels that comes in parts: what crosses from one part into the next comes out as one.

A slick is what hangs together over sides or corners of px (8-connected) under one label. Its outline runs along the sides of its px, so that the
area of the outline is that of the px.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from shapely import Geometry

#: Column and row of the first px of a part, and its labels (h, w).
Part = tuple[int, int, NDArray[np.uint8]]


@dataclass(frozen=True)
class Outline:
    """One slick in the picture.

    Attributes
    ----------
    label : str
    polygon : Polygon or MultiPolygon
        In px, along the sides of px; several polygons where it hangs together over corners only.
    n_px : int
    """

    label: str
    polygon: Geometry
    n_px: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height in whole px."""
        left, top, right, bottom = (round(each) for each in self.polygon.bounds)
        return left, top, right - left, bottom - top


def find_outlines(parts: Iterable[Part], labels: Mapping[int, str], *, smallest_px: int = 50) -> list[Outline]:
    """The slicks of a scene, from the upper left to the lower right.

    Parameters
    ----------
    parts : iterable of (x, y, mask)
        Parts of the mask that lie beside each other without overlap; they are looked at one by one, in any order.
    labels : mapping of int to str
        The values of the mask that are slicks, and their labels.
    smallest_px : int
        What has fewer px is left out: single px are speckle.

    Raises
    ------
    DataError
        A part has no two dimensions.
    """
    import shapely

    whole: dict[int, list[Geometry]] = {value: [] for value in labels}
    cut: dict[int, list[Geometry]] = {value: [] for value in labels}
    for x, y, mask in parts:
        if mask.ndim != 2:
            raise DataError(f"A mask has rows and columns, not {mask.ndim} dimensions.")
        for value in labels:
            here = mask == value
            if here.any():
                for inside, polygon in _pieces(here, smallest_px):
                    moved = shapely.transform(polygon, lambda points, x=x, y=y: points + np.array([x, y]))
                    (whole if inside else cut)[value].append(moved)
    found = []
    for value, label in labels.items():
        found += [Outline(label, each, round(each.area)) for each in whole[value]]
        joined = (Outline(label, each, round(each.area)) for each in _joined(cut[value]))
        found += [each for each in joined if each.n_px >= smallest_px]
    return sorted(found, key=lambda each: (each.polygon.bounds[1], each.polygon.bounds[0], each.label))


def _pieces(here: NDArray[np.bool_], smallest_px: int) -> Iterator[tuple[bool, Geometry]]:
    """Connected pieces of one part: whether each lies wholly inside and is large enough, and its polygon; small ones inside are left out."""
    import cv2
    import shapely
    from rasterio.features import shapes

    height, width = here.shape
    n, numbers, stats, _ = cv2.connectedComponentsWithStats(here.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    inside = (stats[:, 0] > 0) & (stats[:, 1] > 0)
    inside &= (stats[:, 0] + stats[:, 2] < width) & (stats[:, 1] + stats[:, 3] < height)
    dropped = inside & (stats[:, 4] < smallest_px)
    dropped[0] = True
    kept = ~dropped[numbers]
    if not kept.any():
        return
    polygons: dict[int, list[Geometry]] = {}
    # Along sides only, so that every polygon is valid; what hangs together over corners becomes a multipolygon.
    for given, value in shapes(numbers.astype(np.int32), mask=kept, connectivity=4):
        rings = [np.asarray(ring) for ring in given["coordinates"]]
        polygons.setdefault(int(value), []).append(shapely.Polygon(rings[0], rings[1:]))
    for number in range(1, n):
        if number in polygons:
            several = polygons[number]
            yield bool(inside[number]), several[0] if len(several) == 1 else shapely.MultiPolygon(several)


def _joined(pieces: list[Geometry]) -> list[Geometry]:
    """Pieces that touch each other, over sides or corners, joined."""
    import shapely
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(pieces) < 2:
        return pieces
    first, second = shapely.STRtree(pieces).query(pieces, predicate="intersects")
    links = coo_array((np.ones(first.size, dtype=bool), (first, second)), shape=(len(pieces), len(pieces)))
    groups = connected_components(links, directed=False)[1]
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order])) + 1
    found = []
    for members in np.split(order, bounds):
        together = [pieces[k] for k in members]
        # Coordinates are whole numbers: the union is exact, and points in the middle of straight sides go.
        union = shapely.union_all(together) if len(together) > 1 else together[0]
        found.append(_straight(union))
    return found


def _straight(geometry: Geometry) -> Geometry:
    """The same without points in the middle of straight sides."""
    import shapely

    return shapely.simplify(geometry, 0.0, preserve_topology=True)


def outline_parts(
    width: int, height: int, label_at: Callable[[int, int, int, int], NDArray[np.uint8]], *, side: int = 1024
) -> Iterator[Part]:
    """The parts of a mask that can be read by (x, y, width, height), for `find_outlines`."""
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield x, y, label_at(x, y, min(side, width - x), min(side, height - y))
