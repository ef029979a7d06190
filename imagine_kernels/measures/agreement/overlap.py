"""How far two shapes cover one another, and which of many do: intersection over union, and for points the distance.

Areas (rectangles, also of time and frequency, rotated ones, polygons, circles, ellipses, masks) have the area of what both cover over the
area of what either does (Jaccard 1901). A line counts as the area within `Nearness.px` of it. Points, and the points of keypoints, are the
same where they are nearer than that; a point and an area are where the point is in the area, or that near to it. A ``whole`` with a begin and
an end is a span of time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records import Shape
from imagine_kernels.records.shapes import Numbers, ShapeKind, bounding_box, rings

AREAS: frozenset[ShapeKind] = frozenset({"rectangle", "rotated_rectangle", "polygon", "circle", "ellipse", "mask"})
#: Corners of the polygon that stands for a circle: its area is less by 0.04 %.
_CORNERS = 128


@dataclass(frozen=True, slots=True)
class Nearness:
    """When two shapes are of the same thing.

    Attributes
    ----------
    iou : float
        The least intersection over union, of areas, lines, spans and tracks.
    px : float or (float, float)
        How far points may lie apart: in px, or along x and y in their own units (for recordings s and Hz).
    s : float
        How far apart two times of a video still count as the same moment [s].
    """

    iou: float = 0.5
    px: float | tuple[float, float] = 10.0
    s: float = 0.02


DEFAULT = Nearness()


def overlap(one: Shape, other: Shape, near: Nearness = DEFAULT) -> float:
    """How far two shapes are the same, from 0 to 1: intersection over union, or for points 1 − distance / the distance allowed.

    Of two tracks in a video it is the mean over the times at which both are there: the keyframes of either.
    """
    if not one.frames and not other.frames:
        return _of_numbers(one.kind, one.numbers, other.kind, other.numbers, near)
    if not one.frames or not other.frames:
        return 0.0
    if one.kind == other.kind == "whole":
        return _spans(one, other, near.s)
    begin, end = max(one.frames[0], other.frames[0]), min(one.frames[-1], other.frames[-1])
    if begin - end > near.s:
        return 0.0
    times = sorted({time for time in (*one.frames, *other.frames) if begin <= time <= end} or {begin})
    both = [(a, b) for time in times if (a := at(one, time)) is not None and (b := at(other, time)) is not None]
    if not both:
        return 0.0
    return float(np.mean([_of_numbers(one.kind, a, other.kind, b, near) for a, b in both]))


def is_iou(one: Shape, other: Shape) -> bool:
    """Whether their overlap is an intersection over union, and not a distance."""
    kinds = {one.kind, other.kind}
    return kinds <= AREAS or kinds <= {"whole"}


def same_thing(one: Shape, other: Shape, value: float, near: Nearness) -> bool:
    """Whether that overlap of two shapes says that they are of the same thing."""
    by_distance = {one.kind, other.kind} & {"point", "keypoints"}
    return value > 0 if by_distance else value >= near.iou


def candidates(
    one: Sequence[Shape], other: Sequence[Shape], near: Nearness = DEFAULT
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The pairs that could be of the same thing.

    Returns
    -------
    i, j : (n,) int64 ndarrays
        Indices into `one` and `other`.
    values : (n,) float64 ndarray
        Their overlap.
    """
    import shapely

    across, down = _scales(near)
    reach = np.array([-across, -down, across, down])
    boxes = [np.array([_reach(shape) for shape in shapes]).reshape(-1, 4) for shapes in (one, other)]
    tree = shapely.STRtree(shapely.box(*boxes[1].T))
    i, j = tree.query(shapely.box(*(boxes[0] + reach).T))
    found = [(a, b, value) for a, b in zip(i.tolist(), j.tolist(), strict=True) if (value := overlap(one[a], other[b], near)) > 0]
    kept = [(a, b, value) for a, b, value in found if same_thing(one[a], other[b], value, near)]
    return (
        np.array([a for a, _, _ in kept], dtype=np.int64),
        np.array([b for _, b, _ in kept], dtype=np.int64),
        np.array([value for _, _, value in kept], dtype=np.float64),
    )


def at(shape: Shape, time: float) -> Numbers | None:
    """The numbers of a shape at a time in a video; None where it is not there.

    Between two keyframes they go in a straight line (angles along the shorter way round), as long as both have as many numbers; masks, and
    polygons of other numbers of corners, stay as they were.
    """
    frames, keyframes = shape.frames, shape.keyframes
    # A little outside of the span it is where it was at its begin or end: `overlap` allows for that.
    time = min(max(time, frames[0]), frames[-1])
    last = max(i for i, each in enumerate(frames) if each <= time)
    before = keyframes[last]
    if (not before and shape.kind != "whole") or last == len(frames) - 1 or frames[last] == time:
        return before or (None if shape.kind != "whole" else before)
    after = keyframes[last + 1]
    if len(after) != len(before) or shape.kind == "mask":
        return before
    part = (time - frames[last]) / (frames[last + 1] - frames[last])
    moved = [a + part * (b - a) for a, b in zip(before, after, strict=True)]
    if shape.kind in ("rotated_rectangle", "ellipse"):
        moved[4] = before[4] + part * ((after[4] - before[4] + 90) % 180 - 90)
    return tuple(moved)


def _of_numbers(kind: ShapeKind, a: Numbers, other: ShapeKind, b: Numbers, near: Nearness) -> float:
    import shapely

    kinds = {kind, other}
    if "whole" in kinds:
        return float(kinds == {"whole"})
    if kind == other == "rectangle":
        return _of_boxes(a, b)
    if kind == other == "mask":
        return _of_masks(a, b)
    if kind == other == "keypoints":
        return _of_keypoints(a, b, near)
    if kinds & {"point", "keypoints"}:
        return _of_points(kind, a, other, b, near)
    one, two = _area_of(kind, a, near), _area_of(other, b, near)
    together = float(shapely.intersection(one, two).area)
    either = float(one.area) + float(two.area) - together
    return together / either if either > 0 else float(bool(one.equals(two)))


def _of_boxes(a: Numbers, b: Numbers) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width < 0 or height < 0:
        return 0.0
    together = width * height
    either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - together
    return together / either if either > 0 else float(a == b)


def _of_masks(a: Numbers, b: Numbers) -> float:
    x0, y0 = int(max(a[0], b[0])), int(max(a[1], b[1]))
    x1, y1 = int(min(a[0] + a[2], b[0] + b[2])), int(min(a[1] + a[3], b[1] + b[3]))
    one, two = _pixels(a), _pixels(b)
    if x1 <= x0 or y1 <= y0:
        return 0.0
    part = [pixels[y0 - int(n[1]) : y1 - int(n[1]), x0 - int(n[0]) : x1 - int(n[0])] for pixels, n in ((one, a), (two, b))]
    together = int((part[0] & part[1]).sum())
    either = int(one.sum()) + int(two.sum()) - together
    return together / either if either else 0.0


def _of_keypoints(a: Numbers, b: Numbers, near: Nearness) -> float:
    """The mean over the points that both have labelled; 0 where there is none, or another number of them."""
    if len(a) != len(b):
        return 0.0
    apart = [_distance((a[i], a[i + 1]), (b[i], b[i + 1]), near) for i in range(0, len(a), 3) if a[i + 2] > 0 and b[i + 2] > 0]
    return max(0.0, 1 - float(np.mean(apart))) if apart else 0.0


def _of_points(kind: ShapeKind, a: Numbers, other: ShapeKind, b: Numbers, near: Nearness) -> float:
    import shapely

    if kind == other == "point":
        return max(0.0, 1 - _distance((a[0], a[1]), (b[0], b[1]), near))
    x, y = _scales(near)
    shapes = [
        shapely.affinity.scale(_geometry(each, numbers), 1 / x, 1 / y, origin=(0, 0)) for each, numbers in ((kind, a), (other, b))
    ]
    return max(0.0, 1 - float(shapely.distance(*shapes)))


def _spans(one: Shape, other: Shape, s: float) -> float:
    begin, end = max(one.frames[0], other.frames[0]), min(one.frames[-1], other.frames[-1])
    either = max(one.frames[-1], other.frames[-1]) - min(one.frames[0], other.frames[0])
    if either <= s:
        return 1.0
    return max(0.0, end - begin) / either


def _distance(a: tuple[float, float], b: tuple[float, float], near: Nearness) -> float:
    """As a part of what is allowed."""
    x, y = _scales(near)
    return math.hypot((a[0] - b[0]) / x, (a[1] - b[1]) / y)


def _scales(near: Nearness) -> tuple[float, float]:
    x, y = near.px if isinstance(near.px, tuple) else (near.px, near.px)
    return max(x, 1e-12), max(y, 1e-12)


def _reach(shape: Shape) -> tuple[float, float, float, float]:
    """The box around all keyframes; a ``whole`` is everywhere."""
    found = [box for numbers in shape.keyframes if (box := bounding_box(shape.kind, numbers)) is not None]
    if not found:
        return (-1e15, -1e15, 1e15, 1e15)
    low, high = np.min([box[:2] for box in found], axis=0), np.max([box[2:] for box in found], axis=0)
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _area_of(kind: ShapeKind, numbers: Numbers, near: Nearness) -> Any:
    geometry = _geometry(kind, numbers)
    return geometry if kind in AREAS else geometry.buffer(min(_scales(near)))


@lru_cache(maxsize=4096)
def _geometry(kind: ShapeKind, numbers: Numbers) -> Any:
    import shapely

    if kind == "rectangle":
        return shapely.box(*numbers)
    if kind == "polygon":
        return _even_odd(numbers)
    if kind == "mask":
        return _outline(numbers)
    if kind in ("circle", "ellipse", "rotated_rectangle"):
        return shapely.Polygon(_corners(kind, numbers))
    if kind == "line":
        return shapely.LineString(np.reshape(numbers, (-1, 2)))
    if kind == "keypoints":
        return shapely.MultiPoint([point[:2] for point in np.reshape(numbers, (-1, 3)) if point[2] > 0])
    return shapely.Point(numbers)


def _even_odd(numbers: Numbers) -> Any:
    """Rings by the even-odd rule; a ring that crosses itself is mended."""
    import shapely

    found = shapely.Polygon()
    for ring in rings(numbers):
        found = shapely.symmetric_difference(found, shapely.make_valid(shapely.Polygon(ring)))
    return found


def _corners(kind: ShapeKind, numbers: Numbers) -> NDArray[np.float64]:
    x, y, *sizes = numbers
    if kind == "rotated_rectangle":
        width, height, degrees = sizes
        local = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    else:
        first, second, degrees = (sizes[0], sizes[0], 0.0) if kind == "circle" else sizes
        angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
        local = np.column_stack([np.cos(angles) * first, np.sin(angles) * second])
    t = math.radians(degrees)
    return np.asarray(local @ np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]]) + (x, y), dtype=np.float64)


@lru_cache(maxsize=256)
def _pixels(numbers: Numbers) -> NDArray[np.bool_]:
    """(height, width) of the box of a mask."""
    width, height = int(numbers[2]), int(numbers[3])
    runs = np.asarray(numbers[4:], dtype=np.int64)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _outline(numbers: Numbers) -> Any:
    """The pixels of a mask as one area: a box for each run in each column, put together."""
    import shapely

    x, y, _, height = (int(each) for each in numbers[:4])
    padded = np.pad(_pixels(numbers).T.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    columns, begins = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    return shapely.union_all(shapely.box(x + columns, y + begins, x + columns + 1, y + ends)) if height else shapely.Polygon()
