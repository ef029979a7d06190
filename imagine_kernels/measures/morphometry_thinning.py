"""Objects thinned to lines of single pixels, 64 pixels at a time.

Zhang and Suen 1984, A fast parallel algorithm for thinning digital patterns, Communications of the ACM 27, 236-239, doi 10.1145/357994.358023, with
the table of neighbourhoods of scikit-image (`skimage.morphology.skeletonize`), an early one of ImageJ. The table says of the 256 patterns of
neighbours which are taken away in the first and which in the second half of a step. Here it is written as logic on bits, so that one operation
decides for all pixels of a word; `tests/measures/test_morphometry_thinning.py` holds it against scikit-image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import LAST, ONE, ZERO, Word, Words, count, inner, kernel


# The neighbours of each pixel from the top left one on, clockwise: a capital where one belongs to an object, a small letter where it does not.
# The table stands here as a product of sums, shortened.
@inner
def _first(
    NW: Word, N: Word, NE: Word, E: Word, SE: Word, S: Word, SW: Word, W: Word,
    nw: Word, n: Word, ne: Word, e: Word, se: Word, s: Word, sw: Word, w: Word,
) -> Word:  # fmt: skip
    """What the first half of a step takes away, should it belong to an object."""
    west, east, level = NW & SW, E & NE, E | W
    return (
        (s | ((west | n) & (nw | (e & W & (se | ne))) & (SE | (level & (NW | (sw & ne))))))
        & (N | (east & nw) | (ne & (west | S)))
        & (S | ((sw | (W & se)) & (NW | NE | level)))
        & (SW | se | east)
        & (e | w | (NW & NE))
    )


@inner
def _second(
    NW: Word, N: Word, NE: Word, E: Word, SE: Word, S: Word, SW: Word, W: Word,
    nw: Word, n: Word, ne: Word, e: Word, se: Word, s: Word, sw: Word, w: Word,
) -> Word:  # fmt: skip
    """What the second half takes away."""
    return (
        (S | ((N | SW | SE) & ((se & (NE | W)) | (sw & E)) & (NW | ((n | sw) & (SE | ne)))))
        & (s | ((E | (ne & (SW | W))) & ((NE & SE & w) | (n & (SW | ne)))))
        & (nw | ((N | ne) & ((SW & W) | (sw & NE))))
        & (e | w | (SE & SW))
    )


@inner
def _neighbours(
    bits: Words, at: int, across: int
) -> tuple[Word, Word, Word, Word, Word, Word, Word, Word, Word, Word, Word, Word, Word, Word, Word, Word]:
    """The neighbours of all pixels of a word, from the top left one on, clockwise; then where each does not belong to an object."""
    north, here, south = bits[at - across], bits[at], bits[at + across]
    a, b, c = north << ONE | bits[at - across - 1] >> LAST, north, north >> ONE | bits[at - across + 1] << LAST
    d, e = here >> ONE | bits[at + 1] << LAST, south >> ONE | bits[at + across + 1] << LAST
    f, g, h = south, south << ONE | bits[at + across - 1] >> LAST, here << ONE | bits[at - 1] >> LAST
    return a, b, c, d, e, f, g, h, ~a, ~b, ~c, ~d, ~e, ~f, ~g, ~h


@inner
def _thinned(bits: Words, size: int, across: int, gone: Words) -> None:
    """Take all that is no line off a mask of `size` words on rows of `across`, nothing on its edge, before and behind it."""
    begin, end = 1 + across, 1 + size - across
    low, high = begin, end
    while low < high:
        first, last = high, low
        for half in (0, 1):
            if half == 0:
                for at in range(low, high):
                    gone[at] = bits[at] & _first(*_neighbours(bits, at, across))
            else:
                for at in range(low, high):
                    gone[at] = bits[at] & _second(*_neighbours(bits, at, across))
            for at in range(low, high):
                bits[at] ^= gone[at]
            at = low
            while at < first and gone[at] == ZERO:
                at += 1
            first = min(first, at)
            at = high - 1
            while at > last and gone[at] == ZERO:
                at -= 1
            last = max(last, at)
        if first == high:
            break
        # Only what lies beside something that went can go next.
        low, high = max(first - across - 1, begin), min(last + across + 2, end)


def skeletons(
    mask: Words, places: NDArray[np.int64], boxes: NDArray[np.int64], most_steps: int
) -> tuple[NDArray[np.float64], Words]:
    """What is left of each of n objects when it is thinned to lines.

    Parameters
    ----------
    mask, places, boxes
        See `objects`.
    most_steps : int
        An object takes as many steps as its box has pixels, times the shorter side; those that take more are left out.

    Returns
    -------
    areas : (n,) float64 ndarray
        Pixels of the lines; NaN for what is left out.
    lines : (w,) uint64 ndarray
        As `mask`.
    """
    areas, lines, most = np.full(len(places), np.nan), np.zeros_like(mask), int((places[:, 1] * places[:, 2]).max(initial=0)) + 2
    _thin(mask, places, boxes, most_steps, np.empty(most, dtype=np.uint64), np.empty(most, dtype=np.uint64), areas, lines)
    return areas, lines


@kernel
def _thin(
    mask: Words, places: NDArray[np.int64], boxes: NDArray[np.int64], most_steps: int, bits: Words, gone: Words,
    areas: NDArray[np.float64], lines: Words,
) -> None:  # fmt: skip
    for i in range(places.shape[0]):
        first, across = places[i, 0], places[i, 2]
        width, height = boxes[i, 2] - boxes[i, 0], boxes[i, 3] - boxes[i, 1]
        if width * height * min(width, height) > most_steps:
            continue
        begin, size = first + (boxes[i, 1] - 1) * across, (height + 2) * across
        bits[0], bits[size + 1] = ZERO, ZERO
        for k in range(size):
            bits[k + 1] = mask[begin + k]
        _thinned(bits, size, across, gone)
        total = ZERO
        for k in range(size):
            total += count(bits[k + 1])
            lines[begin + k] = bits[k + 1]
        areas[i] = total
