"""Symmetry and thickness of objects, as ZooProcess measures them on a vignette.

They are defined by the macros of ZooProcess (``Zooprocess_generic_PID_Vignettes`` 7.40, repository picheral/Zooprocess), which have no other
publication; here they are written anew from what the macros do. `imagine_kernels.measures.morphometry_zooprocess` names them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import ONE, Words, inner, kernel

Values = NDArray[np.float64]

#: Side of the square that an object is turned in, times the diagonal of its bounding box.
_ROOM = 1.2
#: Two neighbours that differ by more than this are the edge of an object (black is 0, white 255).
_EDGE = 100
_BLACK, _HALF = np.float32(255), np.float32(0.5)


def symmetry(
    mask: Words,
    places: NDArray[np.int64],
    boxes: NDArray[np.int64],
    hulls: tuple[NDArray[np.int64], NDArray[np.int64]],
    values: Mapping[str, Values],
    *,
    step: int,
) -> tuple[Values, Values, Values]:
    """Symmetry about the two axes of each of n objects, and how unevenly thick it is.

    An object is put into a square with its centroid in the middle and turned until its major axis lies level. Counted are the pixels of
    the square, white ones too, that are the same after it is mirrored.

    Parameters
    ----------
    mask, places, boxes
        The objects without their holes, see `morphometry_tracing.objects`.
    hulls : (p, 2) and (n,) int64 ndarray
        The corners of their convex hulls one after the other, x and y in the boxes, and how many each has: what lies beyond them is white, and
        is not looked at.
    values : mapping of (n,) float64 ndarray
        ``area`` of the filled object, px²; ``x`` and ``y``, its centroid in its box, px, where the middle of the first pixel is 0.5; ``angle`` of
        its major axis, degrees counter-clockwise from the x axis.
    step : int
        Distance of the lines along which the thickness is measured, px; 0 does not measure it.

    Returns
    -------
    across, along : (n,) float64 ndarray
        Half the number of equal pixels over `area`, mirrored left to right and top to bottom.
    thickness : (n,) float64 ndarray
        The greatest thickness over the mean one, on lines across the major axis; the last line does not count, and a line ends where it leaves
        the object for the first time. 1 where there are too few lines.
    """
    points, lengths = hulls
    room = _ROOM * np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    side = room.astype(np.int64)
    middle = (side - 1) / 2
    # Where the centroid of the object comes to lie in the square, from its middle; ImageJ pastes at whole pixels.
    left, top = (np.trunc(room / 2 - centre) - middle for centre in (values["x"], values["y"]))
    turn = np.radians(180 - values["angle"])
    cosine, sine = np.cos(turn), np.sin(turn)
    # Of the square only the part in its middle that the object reaches is made, the same on both sides.
    dx, dy = (points + np.repeat(np.stack([left, top], axis=1), lengths, axis=0)).T
    c, s = np.repeat(cosine, lengths), np.repeat(sine, lengths)
    first = np.cumsum(lengths) - lengths
    reach = (np.maximum.reduceat(np.abs(far), first) for far in (c * dx + s * dy, c * dy - s * dx))
    skip_x, skip_y = (np.maximum(0, (middle - far).astype(np.int64) - 2) for far in reach)
    sizes = np.stack([side - 2 * skip_x, side - 2 * skip_y], axis=1)
    # Where each pixel of that part comes from: the turn backwards, less what is left out and the place of the centroid.
    from_x, from_y = skip_x - middle, skip_y - middle
    turns = np.stack(
        [cosine, -sine, cosine * from_x - sine * from_y - left, sine, cosine, sine * from_x + cosine * from_y - top], axis=1
    )
    same, thickness = np.zeros((len(places), 2)), np.ones(len(places))
    most = (
        64 * (places[:, 1] * places[:, 2]).max(),
        (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1).max(),
        sizes.prod(axis=1).max(),
    )
    ones, fours, turned = (np.empty(int(size), dtype=np.uint8) for size in most)
    begins = -skip_x % max(step, 1)
    _count_same(mask, places, boxes, sizes, turns.astype(np.float32), begins, step, ones, fours, turned, same, thickness)
    across, along = (same + (side**2 - sizes.prod(axis=1))[:, None]).T / 2 / values["area"]
    return across, along, thickness


@inner
def _turn(
    mask: Words, place: NDArray[np.int64], box: NDArray[np.int64], turn: NDArray[np.float32], size: NDArray[np.int64],
    ones: NDArray[np.uint8], fours: NDArray[np.uint8], turned: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Turn an object and interpolate between four pixels, as `cv2.warpAffine` does it; 255 is black."""
    first, words, left, top, right, bottom = place[0], place[2], box[0], box[1], box[2], box[3]
    wide, high = right - left, bottom - top
    # The four pixels from the one above and to the left of each on, as bits.
    row = wide + 1
    for k in range((high + 2) * words):
        word, pixels = mask[first + (top - 1) * words + k], ones[64 * k : 64 * k + 64]
        for bit in range(64):
            pixels[bit] = (word >> np.uint64(bit)) & ONE
    for y in range(high + 1):
        begin, here = 64 * y * words + left - 1, fours[y * row : y * row + row]
        upper, lower = ones[begin : begin + row + 1], ones[begin + 64 * words : begin + 64 * words + row + 1]
        for x in range(row):
            here[x] = upper[x] | (upper[x + 1] << 1) | (lower[x] << 2) | (lower[x + 1] << 3)
    for y in range(size[1]):
        line = turned[y * size[0] : (y + 1) * size[0]]
        from_x, from_y = turn[1] * np.float32(y) + turn[2], turn[4] * np.float32(y) + turn[5]
        for x in range(size[0]):
            at_x, at_y = turn[0] * np.float32(x) + from_x, turn[3] * np.float32(x) + from_y
            low_x, low_y = np.floor(at_x), np.floor(at_y)
            column, above = np.int64(low_x) + 1, np.int64(low_y) + 1
            value = np.uint8(0)
            if 0 <= column <= wide and 0 <= above <= high:
                four = fours[above * row + column]
                if four == 15:
                    value = np.uint8(255)
                elif four != 0:
                    beside, below = at_x - low_x, at_y - low_y
                    a, b = _BLACK * np.float32(four & 1), _BLACK * np.float32((four >> 1) & 1)
                    c, d = _BLACK * np.float32((four >> 2) & 1), _BLACK * np.float32(four >> 3)
                    upper, lower = a + beside * (b - a), c + beside * (d - c)
                    value = np.uint8(np.rint(upper + below * (lower - upper)))
            line[x] = value


@inner
def _thickness(turned: NDArray[np.uint8], rows: int, columns: int, begin: int, step: int) -> float:
    """Greatest over mean thickness along columns."""
    most = total = lines = last = 0
    for x in range(begin, columns, step):
        first = -1
        for y in range(rows - 1):
            at = y * columns + x
            if abs(np.int64(turned[at]) - np.int64(turned[at + columns])) > _EDGE:
                if first >= 0:
                    # The one before is no longer the last.
                    most, total, lines, last = max(most, last), total + last, lines + 1, y - first
                    break
                first = y
    return most * lines / total if total > 0 else 1.0


@kernel
def _count_same(
    mask: Words, places: NDArray[np.int64], boxes: NDArray[np.int64], sizes: NDArray[np.int64], turns: NDArray[np.float32],
    begins: NDArray[np.int64], step: int, ones: NDArray[np.uint8], fours: NDArray[np.uint8], turned: NDArray[np.uint8],
    same: NDArray[np.float64], thickness: NDArray[np.float64],
) -> None:  # fmt: skip
    """Pixels of each turned object that are the same when it is mirrored left to right and top to bottom, (n, 2), and its thickness, (n,)."""
    for i in range(places.shape[0]):
        _turn(mask, places[i], boxes[i], turns[i], sizes[i], ones, fours, turned)
        columns, rows = sizes[i, 0], sizes[i, 1]
        for y in range(rows):
            here, there = turned[y * columns : (y + 1) * columns], turned[(rows - 1 - y) * columns : (rows - y) * columns]
            across = along = 0
            for x in range(columns):
                across += here[x] == here[columns - 1 - x]
                along += here[x] == (255 if there[x] > 127 else 0)
            same[i, 0] += across
            same[i, 1] += along
        if step > 0:
            thickness[i] = _thickness(turned, rows, columns, begins[i], step)
