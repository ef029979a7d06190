"""Another shape in place of one that a format does not know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records import Medium, ShapeKind
from imagine_kernels.records.shapes import Numbers, bounding_box, rings

#: What stands in for a shape, the best first.
INSTEAD: dict[ShapeKind, tuple[ShapeKind, ...]] = {
    "point": ("keypoints", "rectangle", "polygon", "rotated_rectangle"),
    "line": ("rectangle", "polygon", "rotated_rectangle"),
    "rectangle": ("rotated_rectangle", "polygon"),
    "rotated_rectangle": ("polygon", "rectangle"),
    "polygon": ("rectangle", "rotated_rectangle"),
    "circle": ("ellipse", "polygon", "rectangle", "rotated_rectangle"),
    "ellipse": ("polygon", "rectangle", "rotated_rectangle"),
    "mask": ("rectangle", "polygon", "rotated_rectangle"),
    "keypoints": ("rectangle", "polygon", "rotated_rectangle"),
    "whole": ("rectangle", "rotated_rectangle", "polygon"),
}
#: Points of the polygon that stands in for a circle or an ellipse; it is 0.2 % smaller.
ROUND_POINTS = 64
#: A mask of more pixels is not made.
MAX_MASK = 50_000_000


def corners(numbers: Sequence[float]) -> list[float]:
    """X and y of the four corners of a rotated rectangle, beginning at its own top left, clockwise."""
    x, y, width, height, degrees = numbers
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found: list[float] = []
    for across, down in ((-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)):
        found += (x + across * cos - down * sin, y + across * sin + down * cos)
    return found


def from_corners(points: Sequence[float]) -> tuple[ShapeKind, Numbers]:
    """The rectangle with these four corners: an upright one where it is one, else a rotated one.

    The first side gives the width and the angle, the second one the height.
    """
    xs, ys = points[::2], points[1::2]
    if len({*xs}) <= 2 and len({*ys}) <= 2:
        return "rectangle", (min(xs), min(ys), max(xs), max(ys))
    width = math.hypot(xs[1] - xs[0], ys[1] - ys[0])
    height = math.hypot(xs[2] - xs[1], ys[2] - ys[1])
    # Where there is no width the second side tells the angle.
    side = (xs[1] - xs[0], ys[1] - ys[0]) if width else (ys[2] - ys[1], xs[1] - xs[2])
    degrees = math.degrees(math.atan2(side[1], side[0]))
    return "rotated_rectangle", (sum(xs) / 4, sum(ys) / 4, width, height, degrees)


def turned(numbers: Numbers) -> Numbers:
    """An upright rectangle as a rotated one; other numbers as they are."""
    if len(numbers) != 4:
        return numbers
    x_min, y_min, x_max, y_max = numbers
    return ((x_min + x_max) / 2, (y_min + y_max) / 2, x_max - x_min, y_max - y_min, 0.0)


def axis_ends(numbers: Sequence[float]) -> list[float]:
    """X and y of the ends of the first and of the second axis of an ellipse."""
    x, y, first, second, degrees = numbers
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        *(x - first * cos, y - first * sin, x + first * cos, y + first * sin),
        *(x + second * sin, y - second * cos, x - second * sin, y + second * cos),
    ]


def from_axis_ends(points: Sequence[float]) -> Numbers:
    """The ellipse whose axes end there."""
    ax, ay, bx, by, cx, cy, dx, dy = points
    degrees = math.degrees(math.atan2(by - ay, bx - ax))
    return ((ax + bx) / 2, (ay + by) / 2, math.hypot(bx - ax, by - ay) / 2, math.hypot(dx - cx, dy - cy) / 2, degrees)


def from_outline(kind: ShapeKind, numbers: Numbers) -> tuple[ShapeKind, Numbers]:
    """Kind and numbers of a shape as BIIGLE and iFDO draw it: rectangles by their corners, ellipses by the ends of their axes.

    Raises
    ------
    DataError
        There are not eight numbers.
    """
    if kind in ("rotated_rectangle", "ellipse") and len(numbers) != 8:
        raise DataError(f"it has {len(numbers)} numbers, not 8")
    if kind == "rotated_rectangle":
        return from_corners(numbers)
    if kind == "ellipse":
        return kind, from_axis_ends(numbers)
    return kind, opened(numbers) if kind == "polygon" else numbers


def outline(kind: ShapeKind, numbers: Numbers) -> Sequence[float]:
    """See `from_outline`."""
    if kind == "rectangle":
        return rectangle_ring(numbers)
    if kind == "rotated_rectangle":
        return corners(numbers)
    return axis_ends(numbers) if kind == "ellipse" else numbers


def rectangle_ring(numbers: Sequence[float]) -> list[float]:
    """The corners of an upright rectangle from its top left, clockwise."""
    x_min, y_min, x_max, y_max = numbers
    return [x_min, y_min, x_max, y_min, x_max, y_max, x_min, y_max]


def substitute(kind: ShapeKind, numbers: Numbers, to: ShapeKind, medium: Medium) -> Numbers | None:
    """The numbers of the shape that stands in, or None where there is none."""
    if kind == "whole":
        box = _all_of(medium)
        return None if box is None else box if to == "rectangle" else substitute("rectangle", box, to, medium)
    if to == "keypoints":
        return (numbers[0], numbers[1], 2.0)
    if to == "ellipse":
        return (numbers[0], numbers[1], numbers[2], numbers[2], 0.0)
    if to == "polygon" and kind in _RINGS:
        return tuple(_RINGS[kind](numbers))
    seen = [at for at in range(2, len(numbers), 3) if numbers[at]] if kind == "keypoints" else []
    if kind == "keypoints" and seen:
        numbers = tuple(number for at in seen for number in numbers[at - 2 : at + 1])
    box = bounding_box(kind, numbers)
    if box is None or to == "rectangle":
        return box
    if to == "rotated_rectangle":
        return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1], 0.0)
    return tuple(rectangle_ring(box))


def _all_of(medium: Medium) -> Numbers | None:
    """The box around all that there is."""
    if medium.kind == "sound":
        known = medium.duration_s and medium.sample_rate_hz
        return (0.0, 0.0, float(medium.duration_s or 0), float(medium.sample_rate_hz or 0) / 2) if known else None
    return (0.0, 0.0, float(medium.width), float(medium.height)) if medium.width and medium.height else None


def _ellipse_ring(numbers: Sequence[float]) -> list[float]:
    x, y, first, second, degrees = numbers
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found: list[float] = []
    for at in range(ROUND_POINTS):
        across, down = first * math.cos(math.tau * at / ROUND_POINTS), second * math.sin(math.tau * at / ROUND_POINTS)
        found += (x + across * cos - down * sin, y + across * sin + down * cos)
    return found


_RINGS: dict[ShapeKind, Callable[[Sequence[float]], list[float]]] = {
    "rectangle": rectangle_ring,
    "rotated_rectangle": corners,
    "ellipse": _ellipse_ring,
    "circle": lambda numbers: _ellipse_ring((*numbers[:3], numbers[2], 0.0)),
}


def opened(numbers: Numbers) -> Numbers:
    """The same polygon without the last point of a ring where that repeats the first."""
    if not any(map(math.isnan, numbers)):  # one ring, as nearly always
        return numbers[:-2] if len(numbers) > 6 and numbers[:2] == numbers[-2:] else numbers
    return joined([ring[:-1] if len(ring) > 3 and ring[0] == ring[-1] else ring for ring in rings(numbers)])


def joined(parts: Sequence[Sequence[tuple[float, float]]]) -> Numbers:
    """The numbers of a polygon with these rings."""
    found: list[float] = []
    for part in parts:
        if found:
            found += (math.nan, math.nan)
        for x, y in part:
            found += (x, y)
    return tuple(found)


def area(ring: Sequence[tuple[float, float]]) -> float:
    """Of a ring, by the shoelace formula, px²."""
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2


def inside(x: float, y: float, ring: Sequence[tuple[float, float]]) -> bool:
    """Whether a point lies in a ring, by the number of sides that a ray to the right crosses."""
    crossed = False
    x0, y0 = ring[-1]
    for x1, y1 in ring:
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossed = not crossed
        x0, y0 = x1, y1
    return crossed


def overlap(parts: Sequence[Sequence[tuple[float, float]]]) -> bool:
    """Whether a point of one ring lies in another one, so that there is a hole by the even-odd rule."""
    return any(inside(x, y, other) for part in parts for other in parts if other is not part for x, y in part)


def mask_of(numbers: Numbers) -> Numbers | None:
    """The pixels whose centre lies in a polygon, as the numbers of a mask; None where there are too many or none."""
    box = bounding_box("polygon", numbers)
    if box is None or not all(map(math.isfinite, box)):
        return None
    left, top = math.floor(box[0]), math.floor(box[1])
    width, height = math.ceil(box[2]) - left, math.ceil(box[3]) - top
    if width * height > MAX_MASK or not width * height:
        return None
    crossings: list[list[float]] = [[] for _ in range(width)]
    for ring in rings(numbers):
        x0, y0 = ring[-1]
        for x1, y1 in ring:
            first, last = sorted((x0, x1))
            for column in range(max(0, math.ceil(first - left - 0.5)), min(width, math.ceil(last - left - 0.5))):
                crossings[column].append(y0 + (left + column + 0.5 - x0) * (y1 - y0) / (x1 - x0))
            x0, y0 = x1, y1
    filled = np.zeros((width, height), dtype=bool)
    for column, ys in enumerate(crossings):
        ys.sort()
        for begin, end in zip(ys[::2], ys[1::2], strict=True):
            filled[column, max(0, math.ceil(begin - top - 0.5)) : max(0, math.ceil(end - top - 0.5))] = True
    return mask_numbers(left, top, filled)


def runs_of(flat: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of False and True in turn, False first."""
    changes = np.flatnonzero(np.diff(flat.view(np.int8))) + 1
    lengths = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths or [0]


def pixels(numbers: Numbers) -> NDArray[np.bool_]:
    """(width, height) ndarray of bool, the pixels of a mask, by column."""
    width, height = int(numbers[2]), int(numbers[3])
    lengths = np.asarray(numbers[4:], dtype=np.int64)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(width, height)


def mask_numbers(left: int, top: int, inside: NDArray[np.bool_]) -> Numbers | None:
    """The mask of these pixels, (width, height), with the smallest box; None where none is inside."""
    columns, lines = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not columns.size:
        return None
    cut = inside[columns[0] : columns[-1] + 1, lines[0] : lines[-1] + 1]
    box = (left + int(columns[0]), top + int(lines[0]), *cut.shape)
    return (*map(float, box), *map(float, runs_of(np.ascontiguousarray(cut).ravel())))


def cut_mask(numbers: Numbers, width: int | None, height: int | None) -> tuple[Numbers, bool] | None:
    """A mask with the smallest box inside a picture, and whether some of it was outside; None where nothing is left."""
    if numbers[2] * numbers[3] > MAX_MASK:
        return None
    left, top, inside = int(numbers[0]), int(numbers[1]), pixels(numbers)
    x0, y0 = max(0, -left), max(0, -top)
    x1 = inside.shape[0] if not width else max(x0, min(inside.shape[0], width - left))
    y1 = inside.shape[1] if not height else max(y0, min(inside.shape[1], height - top))
    cut = inside[x0:x1, y0:y1]
    kept = mask_numbers(left + x0, top + y0, cut)
    return None if kept is None else (kept, int(cut.sum()) < int(inside.sum()))
