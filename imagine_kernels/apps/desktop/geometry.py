"""Shapes of the store as napari draws them, and back.

The store has x to the right and y down, with the centre of the first pixel at (0.5, 0.5); in a recording x is in s and y in Hz, upwards.
napari has (row, column), with the centre of the first pixel at (0, 0). Of a recording the first row is the lowest frequency.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records import Shape, ShapeKind
from imagine_kernels.records.shapes import Numbers, rings

#: What napari lets a person draw and change, and of what type it is there.
TYPES: dict[ShapeKind, str] = {
    "rectangle": "rectangle",
    "rotated_rectangle": "polygon",
    "polygon": "polygon",
    "circle": "ellipse",
    "ellipse": "ellipse",
    "line": "path",
}
#: How far a corner may lie from where an upright or right-angled one would have it, in parts of the longest side and in px.
#: napari keeps shapes as 32-bit floats.
_PART, _FAR = 1e-4, 2e-3
_HERTZ = ((1.0, "hertz"), (10.0, "decahertz"), (100.0, "hectohertz"), (1e3, "kilohertz"), (1e6, "megahertz"))

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axes:
    """From x and y of the store to the columns and rows of napari.

    Attributes
    ----------
    x, y : float
        How much of x and of y is 1 of napari: 1 px, or s and Hz.
    left, top : float
        Where the 0 of the store lies before the 0 of napari, in units of napari: half a pixel.
    """

    x: float = 1.0
    y: float = 1.0
    left: float = 0.5
    top: float = 0.5

    def to_rows(self, points: ArrayLike) -> Points:
        """(n, 2) of x, y in the store → (n, 2) of row, column in napari."""
        xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        return np.stack([xy[:, 1] / self.y - self.top, xy[:, 0] / self.x - self.left], axis=1)

    def to_store(self, data: ArrayLike) -> Points:
        """(n, 2) of row, column in napari → (n, 2) of x, y in the store."""
        rows = np.asarray(data, dtype=np.float64).reshape(-1, 2)
        return np.stack([(rows[:, 1] + self.left) * self.x, (rows[:, 0] + self.top) * self.y], axis=1)

    @property
    def square(self) -> bool:
        """Whether both are the same, so that what is turned keeps its form."""
        return self.x == self.y


def frequency_unit(seconds: float, hertz: float) -> tuple[float, str]:
    """A unit of frequency in which a spectrogram is neither a thread nor a line beside its time in s: how many Hz it is, and its name."""
    return min(_HERTZ, key=lambda each: abs(math.log(2 * hertz / each[0] / max(seconds, 1e-9))))


def is_editable(kind: ShapeKind, numbers: Sequence[float]) -> bool:
    """Whether napari's tools can change it: neither keypoints nor a polygon of several rings."""
    return bool(numbers) and (kind in TYPES or kind == "point") and not (kind == "polygon" and len(rings(numbers)) > 1)


def outline(kind: ShapeKind, numbers: Sequence[float], axes: Axes) -> tuple[str, Points]:
    """A shape that napari can change: its type there, and (n, 2) of row, column.

    Raises
    ------
    KeyError
        It is of no such kind.
    """
    if kind == "rectangle":
        x0, y0, x1, y1 = numbers
        points = [x0, y0, x1, y0, x1, y1, x0, y1]
    elif kind in ("circle", "ellipse", "rotated_rectangle"):
        points = _corners(kind, numbers)
    else:
        points = list(numbers)
    name = "line" if kind == "line" and len(numbers) == 4 else TYPES[kind]
    return name, axes.to_rows(points)


def outlines(kind: ShapeKind, numbers: Sequence[float], axes: Axes) -> list[Points]:
    """A shape that is only looked at: closed runs of (row, column), one for each ring; none for what has no outline."""
    if not numbers or kind not in TYPES:
        return []
    if kind == "polygon":
        return [axes.to_rows(ring) for ring in rings(numbers)]
    if kind not in ("circle", "ellipse"):
        return [outline(kind, numbers, axes)[1]]
    x, y, first, second, degrees = numbers if kind == "ellipse" else (*numbers, numbers[2], 0.0)
    turn, angles = math.radians(degrees), np.linspace(0, 2 * np.pi, 64, endpoint=False)
    across, down = first * np.cos(angles), second * np.sin(angles)
    xs, ys = x + across * math.cos(turn) - down * math.sin(turn), y + across * math.sin(turn) + down * math.cos(turn)
    return [axes.to_rows(np.stack([xs, ys], axis=1))]


def shape_of(name: str, data: ArrayLike, axes: Axes, before: ShapeKind | None = None) -> tuple[ShapeKind, Numbers]:
    """What a person has made of a shape in napari.

    Parameters
    ----------
    name : str
        napari's type, or ``point``.
    data : (n, 2) array
        Row and column.
    before : ShapeKind, optional
        What it was: a rotated rectangle and a circle stay what they are as long as they have that form.
    """
    points = axes.to_store(data)
    if name == "ellipse":
        x, y, width, height, degrees = _turned(points)
        if axes.square and before in (None, "circle") and math.isclose(width, height, rel_tol=1e-3, abs_tol=_FAR):
            return "circle", (x, y, (width + height) / 4)
        return "ellipse", (x, y, width / 2, height / 2, degrees)
    if name == "point":
        return "point", tuple(points[0].tolist())
    if name in ("line", "path"):
        return "line", tuple(points.ravel().tolist())
    boxy = name == "rectangle" or before in ("rectangle", "rotated_rectangle")
    if boxy and len(points) == 4:
        far = max(_FAR, _PART * float(np.ptp(data, axis=0).max()))
        if before != "rotated_rectangle" and _is_upright(np.asarray(data, dtype=np.float64), far):
            (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
            return "rectangle", (x0, y0, x1, y1)
        if axes.square and _is_right_angled(points, far):
            return "rotated_rectangle", _turned(points)
    return "polygon", tuple(points.ravel().tolist())


def changed(shape: Shape, keyframe: int, drawn: tuple[str, Points], now: tuple[str, Points], axes: Axes) -> Shape:
    """A shape of which one keyframe was changed in napari; numbers that a person did not touch stay as they are, to the last digit.

    Parameters
    ----------
    shape : Shape
        As the store has it.
    keyframe : int
    drawn, now : (str, (n, 2) ndarray)
        napari's type and data as they were drawn, and as they are.

    Raises
    ------
    DataError
        It is no shape any more, or would have several kinds in a video.
    """
    was = shape_of(*drawn, axes, shape.kind)
    kind, numbers = shape_of(*now, axes, shape.kind)
    if kind != shape.kind and sum(map(bool, shape.keyframes)) > 1:
        raise DataError(
            f"A {shape.kind.replace('_', ' ')} with several keyframes cannot become a {kind.replace('_', ' ')}: undo it."
        )
    before = shape.keyframes[keyframe]
    if was[0] == kind == shape.kind and len(was[1]) == len(numbers) == len(before):
        numbers = tuple(kept if old == new else new for kept, old, new in zip(before, was[1], numbers, strict=True))
    frames = list(shape.keyframes)
    frames[keyframe] = numbers
    return Shape(kind, tuple(frames), shape.frames)


def _corners(kind: ShapeKind, numbers: Sequence[float]) -> list[float]:
    from imagine_kernels.formats.substitutes import corners

    if kind == "circle":
        x, y, radius = numbers
        return corners((x, y, 2 * radius, 2 * radius, 0.0))
    if kind == "ellipse":
        x, y, first, second, degrees = numbers
        return corners((x, y, 2 * first, 2 * second, degrees))
    return corners(numbers)


def _turned(points: Points) -> tuple[float, float, float, float, float]:
    """Centre, width, height and angle (degrees) of four corners of a box."""
    x, y = points.mean(axis=0).tolist()
    across, down = points[1] - points[0], points[3] - points[0]
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    side = across if width else np.array([down[1], -down[0]])
    return x, y, width, height, math.degrees(math.atan2(side[1], side[0]))


def _is_upright(corners: Points, far: float) -> bool:
    ends = np.stack([corners.min(axis=0), corners.max(axis=0)])
    near = np.abs(corners[:, None, :] - ends[None, :, :]) <= far
    # Each corner lies on both borders of its own, and all four are different.
    if not near.any(axis=1).all():
        return False
    sides = (corners > ends.mean(axis=0)).tolist()
    return len({tuple(side) for side in sides}) == 4 or float(np.ptp(corners, axis=0).min()) <= far


def _is_right_angled(corners: Points, far: float) -> bool:
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    longest = max(float(np.hypot(*across)), float(np.hypot(*down)), 1e-9)
    closed = np.abs(corners[0] + corners[2] - corners[1] - corners[3]).max() <= far
    return bool(closed and abs(float(across @ down)) <= far * longest)
