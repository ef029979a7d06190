"""How many pixels lie near the edges of objects.

Distances are those of `cv2.distanceTransform` with a mask of 5 px: 1, 1.4 and 2.1969 for a step to the side, along the diagonal, and of a knight
(Borgefors 1986, Distance transformations in digital images, Computer Vision, Graphics, and Image Processing 34, 344-371). All pixels up to a distance
from a point form a disc of rows of some widths; a picture that is widened by a row of the disc and moved up and down to where that row is covers
what lies near.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import LAST, ONE, ZERO, Words, count, inner_part, kernel


def counts_within(mask: Words, places: NDArray[np.int64], boxes: NDArray[np.int64], radii: Sequence[int]) -> NDArray[np.float64]:
    """Pixels up to each of m distances from the edge of each of n objects, around it too, (n, m).

    Parameters
    ----------
    mask, places, boxes
        See `objects`. The edge are pixels with a neighbour outside of the object.
    radii : sequence of m int
        px, 63 at most.
    """
    rows = [(half, at, away) for at, radius in enumerate(radii) for away, half in enumerate(_rows(radius))]
    reach, counts = max(radii), np.zeros((len(places), len(radii)))
    most = int(((boxes[:, 3] - boxes[:, 1] + 2 * reach) * (places[:, 2] + 1)).max(initial=0)) + 2
    wide, wider, covered = (np.empty(size, dtype=np.uint64) for size in (most, most, (len(radii), most)))
    _count_within(mask, places, boxes, np.array(sorted(rows), dtype=np.int64), reach, wide, wider, covered, counts)
    return counts


def _rows(radius: int) -> list[int]:
    """How far the disc of a radius reaches to the side, in its middle row and in each one below it."""
    import cv2

    side = 2 * radius + 1
    around = np.full((side, side), 255, dtype=np.uint8)
    around[radius, radius] = 0
    disc = cv2.distanceTransform(around, cv2.DIST_L2, 5) <= radius
    return [int(row) // 2 for row in disc[radius:].sum(axis=1)]


@kernel
def _count_within(
    mask: Words, places: NDArray[np.int64], boxes: NDArray[np.int64], rows: NDArray[np.int64], reach: int,
    wide: Words, wider: Words, covered: NDArray[np.uint64], counts: NDArray[np.float64],
) -> None:  # fmt: skip
    """`rows` (k, 3) of the discs, the narrowest first: how far each reaches to the side, of which radius it is, how far down it lies."""
    for i in range(places.shape[0]):
        begin, words, top, bottom = places[i, 0], places[i, 2], boxes[i, 1], boxes[i, 3]
        # A word beside each row has room for what reaches out of it on the right, and out of the next row on the left.
        across = words + 1
        size = (bottom - top) * across + 2
        for at in range(size):
            wide[at], wider[at] = ZERO, ZERO
        for k in range(counts.shape[1]):
            for at in range(size + 2 * reach * across):
                covered[k, at] = ZERO
        for y in range(top, bottom):
            for k in range(words):
                at = begin + y * words + k
                wide[1 + (y - top) * across + k] = mask[at] & ~inner_part(mask, at, words)
        half = 0
        for k in range(rows.shape[0]):
            while half < rows[k, 0]:
                # The first word has room for what reaches out of the first row on the left, and nothing reaches out of it.
                wider[0] = wide[0] | (wide[0] >> ONE) | (wide[1] << LAST)
                for at in range(1, size - 1):
                    wider[at] = wide[at] | (wide[at] << ONE) | (wide[at] >> ONE) | (wide[at - 1] >> LAST) | (wide[at + 1] << LAST)
                wide, wider = wider, wide
                half += 1
            up, down = covered[rows[k, 1], (reach - rows[k, 2]) * across :], covered[rows[k, 1], (reach + rows[k, 2]) * across :]
            for at in range(size):
                up[at] |= wide[at]
            for at in range(size):
                down[at] |= wide[at]
        for k in range(counts.shape[1]):
            total = ZERO
            for at in range(size + 2 * reach * across):
                total += count(covered[k, at])
            counts[i, k] = total
