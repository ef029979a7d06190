"""Masks as bits, 64 pixels in a word, the first pixel in its lowest bit; and how all that works on them is compiled.

What is compiled is kept on disk until its file changes: call kernels of other files only where they will stay as they are, as those here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Rows of pictures one after the other, (w,).
Words = NDArray[np.uint64]
Word = np.uint64
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

#: Numbers of pictures are whole 64-bit words: with others numba would go over to floats.
ZERO, ONE = np.uint64(0), np.uint64(1)
ALL = ~ZERO
#: The place of the last pixel of a word.
LAST = np.uint64(63)
_PAIRS, _FOURS, _EIGHTS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x0101010101010101)


def kernel(function: Kernel) -> Kernel:
    """Compile a function when it is first called, let other threads run beside it, and keep what is compiled on disk.

    That is in ``NUMBA_CACHE_DIR``, beside the file, or in the cache of the user, whichever comes first and can be written; else in memory.
    """
    try:
        return cast(Kernel, njit(nogil=True, cache=True, error_model="numpy")(function))
    except RuntimeError:
        return inner(function)


def inner(function: Kernel) -> Kernel:
    """Compile a function as a part of each kernel that calls it."""
    return cast(Kernel, njit(nogil=True, error_model="numpy")(function))


@inner
def count(word: Word) -> Word:
    """How many bits of a word are set."""
    word = word - ((word >> np.uint64(1)) & _PAIRS)
    word = (word & _FOURS) + ((word >> np.uint64(2)) & _FOURS)
    word = (word + (word >> np.uint64(4))) & _EIGHTS
    return (word * _BYTES) >> np.uint64(56)


@inner
def lowest(word: Word) -> int:
    """The place of the lowest bit that is set; some bit is."""
    # A plain int of a word would be unsigned.
    return np.int64(count((word & (~word + ONE)) - ONE))  # type: ignore[return-value]


@inner
def highest(word: Word) -> int:
    """The place of the highest bit that is set; some bit is."""
    for step in (1, 2, 4, 8, 16, 32):
        word |= word >> np.uint64(step)
    return np.int64(count(word)) - 1  # type: ignore[return-value]


@inner
def between(starts: Word, ends: Word) -> Word:
    """The pixels from each start to the next end, both with it; to the end of the word where none is left."""
    inside = starts ^ (ends << ONE)
    for step in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(step)
    return inside


@inner
def up_to(grey: NDArray[np.uint8], level: int, begin: int, end: int, found: Words) -> None:
    """Set the words from `begin` to `end` to the pixels whose grey value is `level` at most."""
    for at in range(begin, end):
        # A view begins at 0: no place in it can be taken for one from the end, which would be looked at one by one.
        word, pixels = ZERO, grey[64 * at : 64 * at + 64]
        for place in range(64):
            word |= np.uint64(pixels[place] <= level) << np.uint64(place)
        found[at] = word


@inner
def inner_part(bits: Words, at: int, words: int) -> Word:
    """The pixels of a word that are set as their eight neighbours are, on rows of so many words with nothing at their ends."""
    column: Word = bits[at - words] & bits[at] & bits[at + words]
    before: Word = bits[at - words - 1] & bits[at - 1] & bits[at + words - 1]
    after: Word = bits[at - words + 1] & bits[at + 1] & bits[at + words + 1]
    return column & ((column << ONE) | (before >> LAST)) & ((column >> ONE) | (after << LAST))
