"""Grey structure of objects, as ZooProcess measures it on a vignette: the grey values that divide them into parts, and the contrast in them.

Both are defined by the macros of ZooProcess (``Zooprocess_generic_PID_Vignettes`` 7.40, repository picheral/Zooprocess), which have no other
publication; here they are written anew from what the macros do. `imagine_kernels.measures.morphometry_zooprocess` names them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import ONE, ZERO, Words, kernel, lowest

#: Shares of the dark pixels up to whose grey values parts are counted.
_SHARES = np.array([0.25, 0.5, 0.75])


def grey_levels(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """The greatest grey values below which there are less than 25, 50 and 75 % of the pixels, (n, 3)."""
    before = np.cumsum(counts, axis=1)
    shares = _SHARES * before[:, -1:]
    return np.asarray(np.maximum((before[:, None, :] < shares[:, :, None]).sum(axis=2) - 1, 0), dtype=np.int64)


def chosen_values(counts: NDArray[np.float64], levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each level the greatest grey value up to 254 whose count is not 0 and does not exceed the level, else 0; -1 for one named before.

    Parameters
    ----------
    counts : (n, 256) ndarray
    levels : (n, m) ndarray

    Returns
    -------
    (n, m) int64 ndarray
    """
    some = counts[:, None, :255]
    fits = (some > 0) & (some <= levels[:, :, None])
    chosen = np.where(fits.any(axis=2), 254 - fits[:, :, ::-1].argmax(axis=2), 0)
    for k in range(1, chosen.shape[1]):
        chosen[(chosen[:, :k] == chosen[:, k, None]).any(axis=1), k] = -1
    return chosen


def contrast(
    dark: NDArray[np.uint8],
    places: NDArray[np.int64],
    boxes: NDArray[np.int64],
    chosen: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The sums ZooProcess calls "fcons", (n,): how much pixels of some grey values differ from the mean of their eight neighbours.

    The pixels of a value inside the edge of the box are visited column by column; each adds the differences of all of its value up to
    itself, times the number of pixels of that value over 256. The sum is divided by the number of pixels visited plus one.

    Parameters
    ----------
    dark, places, boxes
        Objects, white outside of them and in their holes, see `histograms`.
    chosen : (n, m) int64 ndarray
        As `chosen_values` gives it.
    counts : (n, 256) float64 ndarray
        How many pixels of each have each grey value.
    """
    found, to_come = np.zeros(len(places)), np.empty(int(boxes[:, 2].max()) + 1, dtype=np.int64)
    _contrast(dark, places, boxes, chosen, counts, np.empty(len(dark) // 64, dtype=np.uint64), to_come, found)
    return found


@kernel
def _contrast(
    dark: NDArray[np.uint8], places: NDArray[np.int64], boxes: NDArray[np.int64], chosen: NDArray[np.int64], counts: NDArray[np.float64],
    matches: Words, to_come: NDArray[np.int64], found: NDArray[np.float64],
) -> None:  # fmt: skip
    """`matches` are the pixels of a value, `to_come` how many of them come in each column and to the right of it."""
    for i in range(places.shape[0]):
        first, words = places[i, 0], places[i, 2]
        left, top, right, bottom = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        visited = 0
        for k in range(chosen.shape[1]):
            value = chosen[i, k]
            for x in range(right + 1):
                to_come[x] = 0
            for y in range(top + 1, bottom - 1):
                for column in range(words):
                    at = first + y * words + column
                    word, pixels = ZERO, dark[64 * at : 64 * at + 64]
                    for place in range(64):
                        word |= np.uint64(pixels[place] == value) << np.uint64(place)
                    matches[at] = word
                    while word != ZERO:
                        x = 64 * column + lowest(word)
                        word &= word - ONE
                        if left < x < right - 1:
                            to_come[x] += 1
            for x in range(right - 1, left, -1):
                to_come[x] += to_come[x + 1]
            visited += to_come[left + 1]
            total = 0.0
            for y in range(top + 1, bottom - 1):
                for column in range(words):
                    word = matches[first + y * words + column]
                    while word != ZERO:
                        x = 64 * column + lowest(word)
                        word &= word - ONE
                        if left < x < right - 1:
                            at = 64 * (first + y * words) + x
                            around = -np.int64(dark[at])
                            for row in (at - 64 * words, at, at + 64 * words):
                                around += np.int64(dark[row - 1]) + np.int64(dark[row]) + np.int64(dark[row + 1])
                            # The first to be visited is in all of the sums, the last in one.
                            total += abs(dark[at] - around / 8) * to_come[x]
                            to_come[x] -= 1
            found[i] += total * counts[i, value] / 256 if value >= 0 else 0
        found[i] /= visited + 1
