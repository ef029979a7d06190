"""Shapes: where in a picture, a video or a recording something is.

Coordinates are pixels with the origin at the top left corner of the picture, x to the right and y down; the centre of the first pixel is
at (0.5, 0.5). In a recording x is the time [s] and y the frequency [Hz].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from imagine_kernels.errors import DataError

ShapeKind = Literal[
    "point", "line", "rectangle", "rotated_rectangle", "polygon", "circle", "ellipse", "mask", "keypoints", "whole"
]
SHAPE_KINDS: tuple[ShapeKind, ...] = (
    "point",
    "line",
    "rectangle",
    "rotated_rectangle",
    "polygon",
    "circle",
    "ellipse",
    "mask",
    "keypoints",
    "whole",
)

#: How many numbers a keyframe has, where that is fixed.
_FIXED: dict[ShapeKind, int] = {"point": 2, "rectangle": 4, "rotated_rectangle": 5, "circle": 3, "ellipse": 5, "whole": 0}

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape, in a video possibly at several times.

    Attributes
    ----------
    kind : ShapeKind
        ``point`` (x, y); ``line`` (x, y of two points or more); ``rectangle`` (x_min, y_min, x_max, y_max);
        ``rotated_rectangle`` (x and y of the centre, width, height, angle); ``polygon`` (x, y of three points or more of a ring, which is
        closed by itself; further rings, after a pair of NaN each, are parts or holes by the even-odd rule); ``circle`` (x, y, radius);
        ``ellipse`` (x and y of the centre, the two half axes, angle); ``mask`` (x_min, y_min, width, height of a box in whole pixels,
        then the lengths of the runs in it, by column from the top left, of pixels outside and inside in turn, outside first, as in COCO);
        ``keypoints`` (x, y, visibility of each, the visibility as in COCO: 0 not labelled, 1 hidden, 2 seen); ``whole`` (nothing: the
        whole picture, recording or, with frames, span of time). Angles are degrees, clockwise as seen on the screen, from the x axis.
    keyframes : tuple of tuple of float
        The numbers, one tuple for each of `frames`, or a single one where there are none. An empty tuple at a frame other than of
        ``whole`` is a gap: from there to the next keyframe the thing is not to be seen.
    frames : tuple of float
        Times in a video [s], ascending; empty for pictures and recordings. Between two keyframes a shape is interpolated. Two frames of
        a ``whole`` are the begin and the end of a span.

    Raises
    ------
    DataError
        The numbers do not fit the kind.
    """

    kind: ShapeKind
    keyframes: tuple[Numbers, ...] = ((),)
    frames: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in SHAPE_KINDS:
            raise DataError(f"There is no shape {self.kind!r}: use one of {', '.join(SHAPE_KINDS)}.")
        if len(self.keyframes) != max(1, len(self.frames)):
            raise DataError(f"A {self.kind} has {len(self.keyframes)} keyframes for {len(self.frames)} times: give one for each.")
        if self.frames and (
            not all(map(math.isfinite, self.frames)) or any(a > b for a, b in zip(self.frames, self.frames[1:], strict=False))
        ):
            raise DataError(f"The times of a {self.kind} must be finite and ascending, not {_shown(self.frames)}.")
        for numbers in self.keyframes:
            if numbers or not self.frames:
                _check(self.kind, numbers)

    @classmethod
    def of(cls, kind: ShapeKind, numbers: Iterable[float] = ()) -> Shape:
        """A shape in a picture or a recording."""
        return cls(kind, (tuple(float(number) for number in numbers),))

    @property
    def numbers(self) -> Numbers:
        """Those of the first keyframe."""
        return self.keyframes[0]

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """x_min, y_min, x_max, y_max of the first keyframe; None for a ``whole``."""
        return bounding_box(self.kind, self.numbers)


def rings(numbers: Sequence[float]) -> list[list[tuple[float, float]]]:
    """The rings of a polygon (or the one run of points of a line), each as its points."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(numbers[::2], numbers[1::2], strict=True):
        if math.isnan(x):
            found.append([])
        else:
            found[-1].append((x, y))
    return found


def bounding_box(kind: ShapeKind, numbers: Sequence[float]) -> tuple[float, float, float, float] | None:
    """x_min, y_min, x_max, y_max of one keyframe; None for a ``whole`` and for a gap.

    The box of an ellipse turned by t with half axes a and b reaches sqrt(a² cos² t + b² sin² t) to each side of its centre, and
    sqrt(a² sin² t + b² cos² t) up and down: the extrema of its parametric form.
    """
    if not numbers:
        return None
    if kind == "rectangle":
        return (numbers[0], numbers[1], numbers[2], numbers[3])
    if kind == "mask":
        x, y, width, height = numbers[:4]
        return (x, y, x + width, y + height)
    if kind == "circle":
        x, y, radius = numbers
        return (x - radius, y - radius, x + radius, y + radius)
    if kind in ("ellipse", "rotated_rectangle"):
        x, y, first, second, degrees = numbers
        cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
        if kind == "ellipse":
            across, down = math.hypot(first * cos, second * sin), math.hypot(first * sin, second * cos)
        else:
            across, down = (first * cos + second * sin) / 2, (first * sin + second * cos) / 2
        return (x - across, y - down, x + across, y + down)
    step = 3 if kind == "keypoints" else 2
    xs = [x for x in numbers[::step] if not math.isnan(x)]
    ys = [y for y in numbers[1::step] if not math.isnan(y)]
    return (min(xs), min(ys), max(xs), max(ys))


def _check(kind: ShapeKind, numbers: Numbers) -> None:
    count = len(numbers)
    fixed = _FIXED.get(kind)
    if fixed is not None and count != fixed:
        raise DataError(f"A {kind} has {fixed} numbers, not {count}.")
    if kind == "polygon":
        if count % 2:
            raise DataError(f"A polygon has two numbers for each point, not {count} in all.")
        if count >= 6 and all(map(math.isfinite, numbers)):  # one ring, as nearly always
            return
        for x, y in zip(numbers[::2], numbers[1::2], strict=True):
            if math.isnan(x) != math.isnan(y) or math.isinf(x) or math.isinf(y):
                raise DataError(f"A polygon has a point that is nowhere: ({x}, {y}).")
        if any(len(ring) < 3 for ring in rings(numbers)):
            raise DataError("A polygon needs three points or more in each ring.")
        return
    if not all(map(math.isfinite, numbers)):
        raise DataError(f"A {kind} needs finite numbers, not {_shown(numbers)}.")
    if kind == "line" and (count < 4 or count % 2):
        raise DataError(f"A line has two points or more with two numbers each, not {count} numbers.")
    if kind == "keypoints" and (not count or count % 3):
        raise DataError(f"Keypoints have three numbers each, not {count} in all.")
    if kind == "rectangle" and (numbers[0] > numbers[2] or numbers[1] > numbers[3]):
        raise DataError(f"A rectangle goes from the lower to the higher numbers, not {_shown(numbers)}.")
    if kind == "mask":
        _check_mask(numbers)
    sizes = {"rotated_rectangle": numbers[2:4], "ellipse": numbers[2:4], "circle": numbers[2:3]}.get(kind, ())
    if any(size < 0 for size in sizes):
        raise DataError(f"A {kind} cannot be smaller than nothing: {_shown(numbers)}.")


def _check_mask(numbers: Numbers) -> None:
    if len(numbers) < 5 or any(number != int(number) for number in numbers) or min(numbers[2:]) < 0:
        raise DataError("A mask has a box in whole pixels and the lengths of its runs.")
    if sum(numbers[4:]) != numbers[2] * numbers[3]:
        raise DataError(f"The runs of a mask cover {sum(numbers[4:]):.0f} pixels, its box {numbers[2] * numbers[3]:.0f}.")


def _shown(numbers: Sequence[float]) -> str:
    few = ", ".join(f"{number:g}" for number in numbers[:6])
    return f"({few}{', …' if len(numbers) > 6 else ''})"
