"""Large pictures in overlapping slices, and the things found in them put together again, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError, SettingError

if TYPE_CHECKING:
    from shapely import Geometry

Measure = Literal["iou", "ios"]
_Boxes = NDArray[np.float64]

#: How far from an inner side of its slice a thing may end and still be taken for cut by it, px.
_CUT_PX = 2.0


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a picture, in whole px."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Merged:
    """One thing, put together of what was found of it.

    Attributes
    ----------
    members : tuple of int
        Rows of the input, that with the highest score first.
    label : str
        That of the first.
    score : float
        The highest one.
    box : (4,) tuple of float
        x_min, y_min, x_max, y_max around all of them.
    polygon : shapely geometry or None
        The union of their polygons, where there are any.
    """

    members: tuple[int, ...]
    label: str
    score: float
    box: tuple[float, float, float, float]
    polygon: Geometry | None = None


def slices(width: int, height: int, size: int, overlap: int) -> list[Slice]:
    """Slices that cover a picture, row by row; the last ones are moved back inside so that all have the same size.

    Parameters
    ----------
    width, height : int
        Of the picture, px.
    size : int
        Side of a slice, px; a picture that is smaller gives a smaller one.
    overlap : int
        The least that neighbours have in common, px: as large as the largest thing that is to lie whole in one slice.

    Raises
    ------
    SettingError
        The overlap is not below the size, or a number is not above 0.
    """
    if min(width, height, size) <= 0 or not 0 <= overlap < size:
        raise SettingError(
            f"A picture of {width} × {height} px cannot be cut into slices of {size} px that overlap by {overlap} px:"
            " give a size above 0 and an overlap below it."
        )
    return [
        Slice(x, y, min(size, width), min(size, height))
        for y in _starts(height, size, overlap)
        for x in _starts(width, size, overlap)
    ]


def _starts(length: int, size: int, overlap: int) -> list[int]:
    if length <= size:
        return [0]
    count = -(-(length - overlap) // (size - overlap))
    # Spread evenly: the overlaps are then all the same to a pixel, and none below what was asked for.
    return [round(k * (length - size) / (count - 1)) for k in range(count)]


def overlaps(boxes: ArrayLike, others: ArrayLike, *, measure: Measure = "iou") -> NDArray[np.float64]:
    """What boxes (n, 4) share with others (m, 4): (n, m) intersection over union, or over the smaller of the two."""
    a, b = _as_boxes(boxes), _as_boxes(others)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    first, second = np.prod(a[:, 2:] - a[:, :2], axis=1)[:, None], np.prod(b[:, 2:] - b[:, :2], axis=1)[None, :]
    whole = np.minimum(first, second) if measure == "ios" else first + second - common
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, common / whole, 0.0)


def non_maximum_suppression(
    boxes: ArrayLike, scores: ArrayLike, labels: Sequence[str] | None = None, *, threshold: float = 0.5, measure: Measure = "iou"
) -> NDArray[np.int64]:
    """Rows of boxes (n, 4) that stay: the best of each heap, by descending score.

    Parameters
    ----------
    labels : sequence of str, optional
        Boxes of different labels do not displace each other; without labels all do.
    threshold : float
        A box that shares more than this with a better one goes.
    """
    each, value = _as_boxes(boxes), np.asarray(scores, dtype=np.float64)
    order = np.argsort(-value, kind="stable")
    kinds = (
        np.zeros(len(each), dtype=np.int64)
        if labels is None
        else np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
    )
    gone, kept = np.zeros(len(each), dtype=bool), []
    for row in order:
        if gone[row]:
            continue
        kept.append(int(row))
        rest = np.flatnonzero(~gone & (kinds == kinds[row]))
        gone[rest[overlaps(each[[row]], each[rest], measure=measure)[0] > threshold]] = True
        gone[row] = True
    return np.array(kept, dtype=np.int64)


def merge_slices(
    boxes: ArrayLike,
    scores: ArrayLike,
    labels: Sequence[str],
    slice_of: ArrayLike,
    cut_into: Sequence[Slice],
    *,
    polygons: Sequence[Geometry] | None = None,
    threshold: float = 0.5,
    by_label: bool = True,
) -> list[Merged]:
    """Put together what overlapping slices show of the same things, so that each comes out once and whole.

    Two finds of different slices are one thing when

    - neither is cut by an inner side of its slice, and their intersection over union reaches the threshold, or
    - one is cut, and that much of it lies in the other one (which saw more of the thing), or
    - each is cut by the side that lies towards the other (a thing larger than the overlap), and they agree along that side:
      the intersection over union of their extents along it reaches the threshold.

    A small thing that lies on a large one stays, as it is not cut. Finds of one slice are taken for different things: a detector has its own
    suppression, or `non_maximum_suppression` goes before.

    Parameters
    ----------
    boxes : (n, 4) array
        x_min, y_min, x_max, y_max in px of the whole picture.
    scores : (n,) array
    labels : sequence of str, length n
    slice_of : (n,) array of int
        The slice that each was found in, as an index into `cut_into`.
    cut_into : sequence of Slice
    polygons : sequence of shapely geometries, optional
        In px of the whole picture; what they share is then measured on them.
    threshold : float
    by_label : bool
        Only finds of the same label are put together.

    Returns
    -------
    list of Merged
        By descending score.

    Raises
    ------
    DataError
        The arguments are not of one length, or name a slice that is not there.
    """
    import shapely

    each, value = _as_boxes(boxes), np.asarray(scores, dtype=np.float64)
    where = np.asarray(slice_of, dtype=np.int64)
    n = len(each)
    if not (len(value) == len(labels) == len(where) == n) or (polygons is not None and len(polygons) != n):
        raise DataError(f"There are {n} boxes, but another number of scores, labels or slices: give one of each.")
    if n and not (where.min() >= 0 and where.max() < len(cut_into)):
        raise DataError(f"A box names a slice that is not among the {len(cut_into)}: give the slices that were used.")
    shapes = shapely.box(*each.T) if polygons is None else np.array(list(polygons), dtype=object)
    cut = _cut_sides(each, where, cut_into)
    roots = list(range(n))

    def root(k: int) -> int:
        while roots[k] != k:
            roots[k] = roots[roots[k]]
            k = roots[k]
        return k

    first, second = shapely.STRtree(shapely.box(*each.T)).query(shapely.box(*each.T), predicate="intersects") if n else ([], [])
    for a, b in zip(np.asarray(first).tolist(), np.asarray(second).tolist(), strict=True):
        if a >= b or where[a] == where[b] or (by_label and labels[a] != labels[b]):
            continue
        if _same(each[[a, b]], shapes[[a, b]], cut[[a, b]], threshold):
            roots[root(b)] = root(a)
    heaps: dict[int, list[int]] = {}
    for k in range(n):
        heaps.setdefault(root(k), []).append(k)
    found = []
    for heap in heaps.values():
        members = sorted(heap, key=lambda k: (-value[k], k))
        box = (*each[heap, :2].min(axis=0).tolist(), *each[heap, 2:].max(axis=0).tolist())
        union = shapely.union_all(shapes[heap]) if polygons is not None else None
        found.append(
            Merged(members=tuple(members), label=str(labels[members[0]]), score=float(value[members[0]]), box=box, polygon=union)
        )
    return sorted(found, key=lambda one: (-one.score, one.members[0]))


def _cut_sides(boxes: _Boxes, where: NDArray[np.int64], cut_into: Sequence[Slice]) -> NDArray[np.bool_]:
    """Whether each box (n, 4) ends at a side of its slice (left, top, right, bottom) that is not one of the picture."""
    if not len(boxes):
        return np.zeros((0, 4), dtype=bool)
    sides = np.array([[s.x, s.y, s.x + s.width, s.y + s.height] for s in cut_into], dtype=np.float64)
    picture = np.array([*sides[:, :2].min(axis=0), *sides[:, 2:].max(axis=0)])
    mine = sides[where]
    inner = mine != picture
    gap = np.where(np.arange(4) < 2, boxes - mine, mine - boxes)
    return np.asarray(inner & (gap <= _CUT_PX))


def _same(boxes: _Boxes, shapes: NDArray[Any], cut: NDArray[np.bool_], threshold: float) -> bool:
    import shapely

    common = float(shapely.area(shapely.intersection(shapes[0], shapes[1])))
    areas = shapely.area(shapes)
    union = float(areas.sum()) - common
    if union > 0 and common / union >= threshold:
        return True
    for one in (0, 1):
        # The one that is cut lies in the other.
        if cut[one].any() and areas[one] > 0 and areas[one] <= areas[1 - one] and common / areas[one] >= threshold:
            return True
    for axis in (0, 1):
        along = 1 - axis
        for one, other in ((0, 1), (1, 0)):
            # The first goes on beyond its right or lower side, the second beyond its left or upper one.
            if cut[one, axis + 2] and cut[other, axis] and boxes[one, axis] <= boxes[other, axis]:
                low, high = boxes[:, along].max(), boxes[:, along + 2].min()
                extent = boxes[:, along + 2].max() - boxes[:, along].min()
                near = [_extent_near(shapes[k], boxes[[0, 1]], axis) for k in (one, other)]
                if all(span is not None for span in near):
                    low, high = max(span[0] for span in near if span), min(span[1] for span in near if span)
                    extent = max(span[1] for span in near if span) - min(span[0] for span in near if span)
                if extent > 0 and (high - low) / extent >= threshold:
                    return True
    return False


def _extent_near(shape: Geometry, boxes: _Boxes, axis: int) -> tuple[float, float] | None:
    """From where to where a shape reaches, along the side, within the strip that both boxes share."""
    import shapely

    strip = boxes[:, axis].max(), boxes[:, axis + 2].min()
    if strip[1] <= strip[0]:
        return None
    huge = 1e9
    window = shapely.box(strip[0], -huge, strip[1], huge) if axis == 0 else shapely.box(-huge, strip[0], huge, strip[1])
    part = shapely.intersection(shape, window)
    if part.is_empty:
        return None
    bounds = part.bounds
    return (bounds[1], bounds[3]) if axis == 0 else (bounds[0], bounds[2])


def _as_boxes(boxes: ArrayLike) -> _Boxes:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
