"""Outlines followed along the sides of pixels: objects, their parts, and what both enclose.

An outline runs counter-clockwise around 8-connected pixels, from the first of them, row by row. What it encloses lies, in each row, between a
pixel whose left side and one whose right side is on it, so that these are all that is kept of it. Pixels are counted through all pictures: the
one below is a row further on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import (
    ALL,
    LAST,
    ONE,
    ZERO,
    Words,
    between,
    highest,
    inner,
    inner_part,
    kernel,
    lowest,
    up_to,
)

#: The least parts that are counted, px².
_LEAST_PART = 5
#: Columns of an outline: its first pixel, the pixels that it encloses, its steps from pixel to pixel, the sides of pixels on it and its corners that
#: count (ImageJ).
_START, _AREA, _STEPS, _SIDES, _CORNERS = range(5)


@inner
def _on(bits: Words, pixel: int) -> bool:
    return bool((bits[pixel >> 6] >> np.uint64(pixel & 63)) & ONE != ZERO)


@inner
def _follow(bits: Words, start: int, row: int, lefts: Words, rights: Words, found: NDArray[np.int64]) -> None:
    """Follow the outline with the first pixel `start` on rows of `row` pixels: mark it in `lefts` and `rights`, and put its columns into `found`."""
    # The first side is the one that OpenCV's outline passes first, for ImageJ's rule for corners begins there: 0 right, 1 upper, 2 left, 3 lower.
    right, below = _on(bits, start + 1), _on(bits, start + row)
    slanting, back = _on(bits, start + row + 1), _on(bits, start + row - 1)
    first = 1 if right else 0 if slanting or below else 3 if back else 0
    turned = not right and (slanting or not below)
    area = steps = sides = corners = run = 0
    counted = False
    pixel, side = start, first
    while True:
        # ImageJ's rule: a corner counts if the side before it is longer than 1, or if the corner before it did not count.
        if turned:
            counted = run != 1 or not counted
            corners += counted
            run = 0
        run += 1
        sides += 1
        # What lies beyond the side, and ahead on it.
        if side == 0:
            rights[pixel >> 6] |= ONE << np.uint64(pixel & 63)
            area += pixel + 1
            beyond, ahead = 1, -row
        elif side == 1:
            beyond, ahead = -row, -1
        elif side == 2:
            lefts[pixel >> 6] |= ONE << np.uint64(pixel & 63)
            area -= pixel
            beyond, ahead = -1, row
        else:
            beyond, ahead = row, 1
        turned = True
        if _on(bits, pixel + ahead + beyond):
            pixel, side = pixel + ahead + beyond, (side + 3) & 3
            steps += 1
        elif _on(bits, pixel + ahead):
            pixel, turned = pixel + ahead, False
            steps += 1
        else:
            side = (side + 1) & 3
        if pixel == start and side == first:
            break
    found[_START], found[_AREA], found[_STEPS], found[_SIDES], found[_CORNERS] = start, area, steps, sides, corners


@inner
def _longer(found: NDArray[np.int64]) -> NDArray[np.int64]:
    more = np.empty((4 * found.shape[0], 5), dtype=np.int64)
    for k in range(found.shape[0]):
        for column in range(5):
            more[k, column] = found[k, column]
    return more


@inner
def _outlines(
    bits: Words, begin: int, end: int, row: int, lefts: Words, rights: Words, found: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """The outlines of all that is set from one word to another, but of what another one encloses; and how many they are.

    `lefts` and `rights`, cleared before, are where they are; `found` is room for some.
    """
    number, carried = 0, ZERO
    for at in range(begin, end):
        lefts[at], rights[at] = ZERO, ZERO
    for at in range(begin, end):
        inside = between(lefts[at], rights[at]) ^ carried
        new = bits[at] & ~inside
        while new != ZERO:
            if number == found.shape[0]:
                found = _longer(found)
            _follow(bits, 64 * at + lowest(new), row, lefts, rights, found[number])
            number += 1
            inside = between(lefts[at], rights[at]) ^ carried
            new = bits[at] & ~inside
        carried = ALL if (inside & ~rights[at]) >> LAST != ZERO else ZERO
    return found, number


@inner
def _enclosed(place: NDArray[np.int64], lefts: Words, rights: Words, filled: Words, bits: Words, box: NDArray[np.int64]) -> None:
    """Fill the outlines of a picture, leave only what lies in them of the bits, and put what they reach into `box`."""
    first, rows, words = place[0], place[1], place[2]
    left, top, right, bottom = 64 * words, rows, 0, 0
    carried = ZERO
    for y in range(rows):
        for k in range(words):
            at = first + y * words + k
            inside = between(lefts[at], rights[at]) ^ carried
            carried = ALL if (inside & ~rights[at]) >> LAST != ZERO else ZERO
            filled[at] = inside
            bits[at] &= inside
            if inside != ZERO:
                left, right = min(left, 64 * k + lowest(inside)), max(right, 64 * k + highest(inside) + 1)
                top, bottom = min(top, y), y + 1
    box[0], box[1], box[2], box[3] = left, top, right, bottom


def objects(
    grey: NDArray[np.uint8], places: NDArray[np.int64], levels: NDArray[np.int64], share: float, filled: Words, mask: Words
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """What is dark in each of n pictures.

    Parameters
    ----------
    grey, places
        As in `Stack`.
    levels : (n,) int64 ndarray
        The lightest grey value of each object.
    share : float
        Parts that enclose less than this share of what the largest one does are left out. 1 leaves a single one: of equal ones that with the
        longest outline, then the last.
    filled, mask : (w,) uint64 ndarray
        Is set to the pixels of the objects, with and without their holes.

    Returns
    -------
    boxes : (n, 4) int64 ndarray
        x and y in the picture of the first pixel of the box of each, and those behind its last; 0 where there is none.
    starts : (n,) int64 ndarray
        x of the first pixel of each, row by row.
    perimeters : (n,) float64 ndarray
        As `morphometry.traced_perimeter`, of all parts together, px.
    """
    n, room = len(places), np.empty((64, 5), dtype=np.int64)
    boxes, starts, perimeters = np.zeros((n, 4), dtype=np.int64), np.zeros(n, dtype=np.int64), np.zeros(n)
    _objects(grey, places, levels, share, filled, mask, np.empty_like(mask), np.empty_like(mask), room, boxes, starts, perimeters)
    return boxes, starts, perimeters


@kernel
def _objects(
    grey: NDArray[np.uint8], places: NDArray[np.int64], levels: NDArray[np.int64], share: float, filled: Words, mask: Words,
    lefts: Words, rights: Words, room: NDArray[np.int64],
    boxes: NDArray[np.int64], starts: NDArray[np.int64], perimeters: NDArray[np.float64],
) -> None:  # fmt: skip
    for i in range(places.shape[0]):
        begin, row = places[i, 0], 64 * places[i, 2]
        end = begin + places[i, 1] * places[i, 2]
        up_to(grey, levels[i], begin, end, mask)
        room, number = _outlines(mask, begin, end, row, lefts, rights, room)
        if number == 0:
            continue
        best = 0
        for k in range(1, number):
            more, longer = room[k, _AREA] - room[best, _AREA], room[k, _STEPS] - room[best, _STEPS]
            if more > 0 or (more == 0 and longer >= 0):
                best = k
        least = share * room[best, _AREA]
        for at in range(begin, end):
            lefts[at], rights[at] = ZERO, ZERO
        for k in range(number - 1, -1, -1):
            if k == best or (share < 1 and room[k, _AREA] >= least):
                _follow(mask, room[k, _START], row, lefts, rights, room[k])
                starts[i] = (room[k, _START] - 64 * begin) % row
                perimeters[i] += room[k, _SIDES] - room[k, _CORNERS] * (2 - np.sqrt(2.0))
        _enclosed(places[i], lefts, rights, filled, mask, boxes[i])


def parts(dark: NDArray[np.uint8], places: NDArray[np.int64], levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many parts are left when a pixel is taken off all edges, holes filled and 5 px² at least, (n, m).

    Parameters
    ----------
    dark, places
        Pictures as in `Stack`, white but for the objects.
    levels : (n, m) int64 ndarray
        The greatest grey values of the parts of each.
    """
    counts, room = np.zeros(levels.shape), np.empty((64, 5), dtype=np.int64)
    shade, core, lefts, rights = (np.zeros(len(dark) // 64, dtype=np.uint64) for _ in range(4))
    _parts(dark, places, levels, shade, core, lefts, rights, room, counts)
    return counts


@kernel
def _parts(
    dark: NDArray[np.uint8], places: NDArray[np.int64], levels: NDArray[np.int64],
    shade: Words, core: Words, lefts: Words, rights: Words, room: NDArray[np.int64], counts: NDArray[np.float64],
) -> None:  # fmt: skip
    for i in range(places.shape[0]):
        begin, words = places[i, 0], places[i, 2]
        end = begin + places[i, 1] * words
        for k in range(levels.shape[1]):
            up_to(dark, levels[i, k], begin, end, shade)
            for at in range(begin + words, end - words):
                core[at] = inner_part(shade, at, words)
            room, number = _outlines(core, begin, end, 64 * words, lefts, rights, room)
            for part in range(number):
                counts[i, k] += room[part, _AREA] >= _LEAST_PART
