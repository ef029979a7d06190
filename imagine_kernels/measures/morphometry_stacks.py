"""Pictures one after the other in memory, so that one call measures all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WHITE = 255
#: White around each picture, px: nothing has a neighbour in another picture or row.
RIM = 1


@dataclass(frozen=True, slots=True)
class Stack:
    """Pictures with a white rim, their rows filled up to words of 64 px.

    Attributes
    ----------
    grey : (64 · w,) uint8 ndarray
    places : (n, 3) int64 ndarray
        The first word of each picture, its rows, and the words of a row.
    """

    grey: NDArray[np.uint8]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, pictures: Sequence[NDArray[np.uint8]]) -> Stack:
        """Lay out n pictures, one at least."""
        shapes = np.array([picture.shape for picture in pictures], dtype=np.int64)
        rows, words = shapes[:, 0] + 2 * RIM, (shapes[:, 1] + 2 * RIM + 63) // 64
        ends = np.cumsum(rows * words)
        places = np.stack([ends - rows * words, rows, words], axis=1)
        grey = np.full(64 * int(ends[-1]), WHITE, dtype=np.uint8)
        for picture, (first, height, across) in zip(pictures, places.tolist(), strict=True):
            room = grey[64 * first : 64 * (first + height * across)].reshape(height, 64 * across)
            room[RIM : RIM + picture.shape[0], RIM : RIM + picture.shape[1]] = picture
        return cls(grey, places)


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
