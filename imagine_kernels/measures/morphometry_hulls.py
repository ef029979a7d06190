"""Convex hulls of objects, the pixels that they cover, and their greatest diameter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import ZERO, Words, highest, inner, kernel, lowest

#: Fractions of a pixel at which OpenCV follows an edge, and the half of a pixel.
_PLACES, _HALF = 16, 1 << 15


@inner
def _ends(bits: Words, place: NDArray[np.int64], box: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """The first and the last pixel of each row of an object, x and y in its box: (k, 2), from top to bottom."""
    first, words = place[0], place[2]
    number = 0
    for y in range(box[1], box[3]):
        low = high = -1
        for k in range(words):
            word = bits[first + y * words + k]
            if word != ZERO:
                low = 64 * k + lowest(word) if low < 0 else low
                high = 64 * k + highest(word)
        if low >= 0:
            ends[number, 0], ends[number, 1] = low - box[0], y - box[1]
            ends[number + 1, 0], ends[number + 1, 1] = high - box[0], y - box[1]
            number += 2
    return number


@inner
def _hull(ends: NDArray[np.int64], number: int, hull: NDArray[np.int64]) -> int:
    """The convex hull of the ends of rows (Andrew 1979, Information Processing Letters 9, 216-219): down on the left, up on the right."""
    size = 0
    for side in (0, 1):
        least = max(size, 1)
        for k in range(0, number, 2):
            at = k if side == 0 else number - 1 - k
            x, y = ends[at, 0], ends[at, 1]
            while size > least and (
                (hull[size - 1, 0] - hull[size - 2, 0]) * (y - hull[size - 2, 1])
                >= (hull[size - 1, 1] - hull[size - 2, 1]) * (x - hull[size - 2, 0])
            ):
                size -= 1
            if size == 0 or hull[size - 1, 0] != x or hull[size - 1, 1] != y:
                hull[size, 0], hull[size, 1] = x, y
                size += 1
    if size > 1 and hull[0, 0] == hull[size - 1, 0] and hull[0, 1] == hull[size - 1, 1]:
        size -= 1
    return size


@inner
def _reach(low: NDArray[np.int64], high: NDArray[np.int64], x: int, y: int) -> None:
    low[y], high[y] = min(low[y], x), max(high[y], x)


@inner
def _along(x: int, y: int, to_x: int, to_y: int, low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
    """What an edge of a hull adds to each of its rows, as `cv2.fillConvexPoly` draws it: the line (Bresenham), and where the inside ends."""
    if x > to_x:
        x, y, to_x, to_y = to_x, to_y, x, y
    wide, deep, down = to_x - x, abs(to_y - y), 1 if to_y >= y else -1
    if deep > 0:
        upper, lower = (x, to_x) if down > 0 else (to_x, x)
        twice = 2 * ((lower - upper) << _PLACES) + deep
        slope = twice // (2 * deep) if twice >= 0 else -(-twice // (2 * deep))
        for k in range(deep):
            _reach(low, high, ((upper << _PLACES) + k * slope + _HALF) >> _PLACES, min(y, to_y) + k)
    steep = deep > wide
    long, short = (deep, wide) if steep else (wide, deep)
    error = long - 2 * short
    for _ in range(long + 1):
        _reach(low, high, x, y)
        aside = error < 0
        error += 2 * long - 2 * short if aside else -2 * short
        if aside or not steep:
            x += 1
        if aside or steep:
            y += down


def hulls(
    bits: Words, places: NDArray[np.int64], boxes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The convex hulls of n objects.

    Parameters
    ----------
    bits, places, boxes
        See `objects`.

    Returns
    -------
    points : (p, 2) int64 ndarray
        The pixel centres at the corners of the hulls one after the other, x and y in the box of each.
    numbers : (n,) int64 ndarray
        How many corners each has.
    found : (n, 3) float64 ndarray
        The pixels that `cv2.fillConvexPoly` covers, those of them that border on others, and the largest distance between two corners of
        pixels (ImageJ "Feret's diameter").
    """
    heights = boxes[:, 3] - boxes[:, 1]
    points, ends = (np.empty((2 * int(rows), 2), dtype=np.int64) for rows in (heights.sum(), heights.max()))
    low, high = np.empty(heights.max(), dtype=np.int64), np.empty(heights.max(), dtype=np.int64)
    numbers, found = np.empty(len(boxes), dtype=np.int64), np.empty((len(boxes), 3))
    _hulls(bits, places, boxes, ends, low, high, points, numbers, found)
    return points[: numbers.sum()], numbers, found


@kernel
def _hulls(
    bits: Words, places: NDArray[np.int64], boxes: NDArray[np.int64], ends: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64],
    points: NDArray[np.int64], numbers: NDArray[np.int64], found: NDArray[np.float64],
) -> None:  # fmt: skip
    begin = 0
    for i in range(places.shape[0]):
        height = boxes[i, 3] - boxes[i, 1]
        hull = points[begin:]
        size = _hull(ends, _ends(bits, places[i], boxes[i], ends), hull)
        numbers[i] = size
        begin += size
        for y in range(height):
            low[y], high[y] = boxes[i, 2], -1
        diameter = 0
        for k in range(size):
            x, y = hull[k, 0], hull[k, 1]
            _along(x, y, hull[(k + 1) % size, 0], hull[(k + 1) % size, 1], low, high)
            for j in range(k + 1):
                # The pixels reach half a pixel further than their centres.
                diameter = max(diameter, (abs(x - hull[j, 0]) + 1) ** 2 + (abs(y - hull[j, 1]) + 1) ** 2)
        area = inner = 0
        for y in range(height):
            area += high[y] - low[y] + 1
            if 0 < y < height - 1:
                inside = min(high[y - 1], high[y], high[y + 1]) - max(low[y - 1], low[y], low[y + 1]) - 1
                inner += max(inside, 0)
        found[i, 0], found[i, 1], found[i, 2] = area, area - inner, np.sqrt(diameter)
