"""The objects on a sheet, and what is counted pixel by pixel in each: grey values, moments, hulls, the surroundings of its edge, its skeleton."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_nearness import counts_within
from imagine_kernels.measures.morphometry_outlines import Outlines
from imagine_kernels.measures.morphometry_sheets import Sheet
from imagine_kernels.measures.morphometry_symmetry import Mask, up_to
from imagine_kernels.measures.morphometry_thinning import skeleton_areas

#: Rows and columns of an object on its sheet.
Box = tuple[slice, slice]

# Parts smaller than this share of the largest one are specks, as for `morphometry`.
_SPECK = 0.01
_NEIGHBOURS = np.ones((3, 3), dtype=np.uint8)
#: An object takes as many steps to be thinned as its box has pixels, times the shorter side; larger ones would take minutes.
_MOST_STEPS = 3_000_000_000
_MOMENTS = ("m00", "m10", "m01", "mu20", "mu02", "mu11")


@dataclass(frozen=True, slots=True)
class SheetObjects:
    """The objects on a sheet, one in each of n pictures.

    Attributes
    ----------
    sheet : Sheet
    outlines : Outlines
        The outer ones, those of the first object first.
    numbers, begins : (n,) int64 ndarray
        How many outlines each object has, and where its points begin.
    low, high : (n, 2) int64 ndarray
        x and y of the first pixel of the box of each on the sheet, and those behind its last.
    filled, mask : (H, W) uint8 ndarray
        255 in the objects, with and without their holes; else 0.
    """

    sheet: Sheet
    outlines: Outlines
    numbers: NDArray[np.int64]
    begins: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    filled: Mask
    mask: Mask

    @classmethod
    def on(cls, sheet: Sheet, threshold: int) -> SheetObjects:
        """What is dark in each picture, something at least, without specks."""
        shade = up_to(sheet.grey, threshold)
        found = Outlines.around(shade)
        owner, areas = sheet.owner(found.starts), found.filled_areas()
        largest = np.zeros(len(sheet.corners))
        np.maximum.at(largest, owner, areas)
        kept = np.flatnonzero(areas >= _SPECK * largest[owner])
        kept = kept[np.argsort(owner[kept], kind="stable")]
        return cls._of(sheet, shade, found.chosen(kept), np.bincount(owner[kept]))

    @classmethod
    def largest(cls, sheet: Sheet, shade: Mask) -> SheetObjects:
        """The part of a mask that encloses most in each picture."""
        found = Outlines.around(shade)
        owner, areas = sheet.owner(found.starts), found.filled_areas()
        order = np.lexsort((-np.arange(len(owner)), found.lengths, areas, owner))
        last = np.flatnonzero(np.diff(owner[order], append=-1))
        return cls._of(sheet, shade, found.chosen(order[last]), np.ones(len(last), dtype=np.int64))

    @classmethod
    def _of(cls, sheet: Sheet, shade: Mask, outlines: Outlines, numbers: NDArray[np.int64]) -> SheetObjects:
        import cv2

        begins = outlines.first[np.cumsum(numbers) - numbers]
        low = np.minimum.reduceat(outlines.points, begins).astype(np.int64)
        high = np.maximum.reduceat(outlines.points, begins).astype(np.int64) + 1
        filled = np.zeros_like(shade)
        for outline in outlines.each:
            cv2.drawContours(filled, [outline], -1, 255, cv2.FILLED)
        return cls(sheet, outlines, numbers, begins, low, high, filled, shade & filled)

    @property
    def dark(self) -> Mask:
        """Grey values of the objects, 255 outside of them and in their holes, (H, W)."""
        return self.sheet.grey | ~self.mask

    @property
    def boxes(self) -> list[Box]:
        """Where each lies on the sheet."""
        corners = np.concatenate([self.low, self.high], axis=1).tolist()
        return [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in corners]

    @property
    def starts(self) -> NDArray[np.int64]:
        """The x on the sheet of the first pixel of each, row by row, (n,)."""
        points = self.outlines.points
        first = points[:, 1] == np.repeat(self.low[:, 1], np.diff(self.begins, append=len(points)))
        return np.minimum.reduceat(np.where(first, points[:, 0], self.sheet.grey.shape[1]), self.begins)

    def points(self) -> list[NDArray[Any]]:
        """The border pixels of each, (k, 2)."""
        return np.split(self.outlines.points, self.begins[1:])

    def histograms(self) -> NDArray[np.float64]:
        """How many pixels of each filled object have each grey value, (n, 256)."""
        import cv2

        grey, filled = self.sheet.grey, self.filled
        counts = [cv2.calcHist([grey[box]], [0], filled[box], [256], [0, 256]) for box in self.boxes]
        return np.array(counts, dtype=np.float64).reshape(len(counts), 256)

    def moments(self) -> NDArray[np.float64]:
        """Area, the two sums of coordinates in the box, and the three second central moments of each filled object, (n, 6)."""
        return _moments(np.bitwise_and(self.filled, 1, dtype=np.uint8), self.boxes)

    def weighted_moments(self) -> NDArray[np.float64]:
        """The same where each pixel of the filled object counts as much as its grey value, (n, 6)."""
        return _moments(self.sheet.grey & self.filled, self.boxes)

    def hulls(self) -> tuple[list[NDArray[Any]], NDArray[np.float64], NDArray[np.float64]]:
        """The convex hull of the border pixels of each on the sheet, (k, 2); how many pixels it covers, and how many of them border on others."""
        import cv2

        hulls = [cv2.convexHull(points)[:, 0, :] for points in self.points()]
        convex = np.zeros_like(self.mask)
        for box, hull, low in zip(self.boxes, hulls, self.low.astype(np.int32), strict=True):
            cv2.fillConvexPoly(convex[box], hull - low, 1)
        return hulls, _counted(convex, self.boxes), _counted(_edge(convex), self.boxes)

    def near_the_edge(self, radii: Sequence[int]) -> NDArray[np.float64]:
        """Pixels within each of m radii around the edge of each, holes included, (n, m)."""
        edge = _edge(self.mask)
        return counts_within([edge[box] for box in self.boxes], radii)

    def skeleton_areas(self) -> NDArray[np.float64]:
        """Pixels that are left of each when it is thinned to lines, (n,); NaN for one that would take minutes."""
        sides = self.high - self.low
        small = sides.prod(axis=1) * sides.min(axis=1) <= _MOST_STEPS
        areas = np.full(len(small), np.nan)
        boxes = self.boxes
        areas[small] = skeleton_areas([self.mask[boxes[at]] for at in np.flatnonzero(small).tolist()])
        return areas


def _moments(weights: Mask, boxes: list[Box]) -> NDArray[np.float64]:
    import cv2

    found = [cv2.moments(weights[box]) for box in boxes]
    return np.array([[each[name] for name in _MOMENTS] for each in found])


def _counted(mask: NDArray[np.uint8], boxes: list[Box]) -> NDArray[np.float64]:
    """How many pixels of each box are not 0, (n,)."""
    import cv2

    return np.array([cv2.countNonZero(mask[box]) for box in boxes], dtype=np.float64)


def _edge(mask: Mask) -> Mask:
    """The pixels of a mask that have a neighbour outside of it."""
    import cv2

    return np.asarray(mask - cv2.erode(mask, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0), dtype=np.uint8)
