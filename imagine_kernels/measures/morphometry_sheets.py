"""Many pictures on one sheet, so that what looks at every pixel is done for all of them in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A sheet is as wide as this, px, unless one picture is wider.
_WIDTH = 512
#: White between the pictures and around them, px: nothing on a sheet has a neighbour in another picture.
_GAP = 1
WHITE = 255


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures beside each other on shelves, white between them.

    Attributes
    ----------
    grey : (H, W) uint8 ndarray
    corners : (n, 2) int64 ndarray
        x and y of the top left corner of each picture, px.
    """

    grey: NDArray[np.uint8]
    corners: NDArray[np.int64]
    #: The pictures as they stand from shelf to shelf, x and shelf of each in one number, and the top of each shelf.
    _order: NDArray[np.int64]
    _standing: NDArray[np.int64]
    _tops: NDArray[np.int64]

    @classmethod
    def of(cls, pictures: Sequence[NDArray[np.uint8]]) -> Sheet:
        """Lay out n pictures, one at least; the highest stand on the first shelf."""
        heights, widths = np.array([picture.shape for picture in pictures], dtype=np.int64).T
        across = max(_WIDTH, int(widths.max()) + 2 * _GAP)
        order = np.argsort(-heights, kind="stable")
        corners, standing = np.empty((len(pictures), 2), dtype=np.int64), []
        tops: list[int] = []
        x, below = across, _GAP
        for at, height, width in zip(order.tolist(), heights[order].tolist(), widths[order].tolist(), strict=True):
            if x + width + _GAP > across:
                x = _GAP
                tops.append(below)
                below += height + _GAP
            corners[at] = x, tops[-1]
            standing.append((len(tops) - 1) * across + x)
            x += width + _GAP
        grey = np.full((below, across), WHITE, dtype=np.uint8)
        for (x, y), picture in zip(corners.tolist(), pictures, strict=True):
            grey[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        return cls(grey, corners, order, np.array(standing), np.array(tops))

    def owner(self, points: NDArray[Any]) -> NDArray[np.int64]:
        """Which picture each of k points lies on, (k,); `points` is (k, 2), x and y of pixels within pictures."""
        shelf = np.searchsorted(self._tops, points[:, 1], side="right") - 1
        place = shelf * self.grey.shape[1] + points[:, 0]
        return np.asarray(self._order[np.searchsorted(self._standing, place, side="right") - 1], dtype=np.int64)


def batches(pixels: Sequence[int], most: int) -> Iterator[slice]:
    """One run of pictures after the other, each of `most` pixels together or of one picture that has more."""
    start, total = 0, 0
    for at, count in enumerate(pixels):
        if at > start and total + count > most:
            yield slice(start, at)
            start, total = at, 0
        total += count
    if start < len(pixels):
        yield slice(start, len(pixels))
