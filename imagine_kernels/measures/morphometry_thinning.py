"""Objects thinned to lines of single pixels, many pixels at a time.

Zhang and Suen 1984, A fast parallel algorithm for thinning digital patterns, Communications of the ACM 27, 236-239, doi 10.1145/357994.358023, with
the table of neighbourhoods of scikit-image (`skimage.morphology.skeletonize`), an early one of ImageJ. The table says of the 256 patterns of
neighbours which are taken away in the first and which in the second half of a step. Here it is written as logic on bits, so that one operation
decides for all pixels of eight masks; `tests/measures/test_morphometry_thinning.py` holds it against scikit-image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_layers import LAYERS, Layers

Bits = NDArray[np.uint8]


def skeleton_areas(masks: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Pixels that are left of each of n masks, 0 and 255, when it is thinned to lines, (n,)."""
    # One layer costs as much as all of them.
    if len(masks) < LAYERS:
        from skimage.morphology import skeletonize

        return np.array([np.count_nonzero(skeletonize(mask > 0)) for mask in masks], dtype=np.float64)  # type: ignore[no-untyped-call]
    layers = Layers.of(masks, 1)
    return np.array(layers.counted(thinned(layers.bits)), dtype=np.float64)


def thinned(bits: Bits) -> Bits:
    """What is left of masks when all that is no line is taken off, (H, W) uint8.

    Parameters
    ----------
    bits : (H, W) uint8 ndarray
        Each of the eight bits is a mask of its own; whatever lies outside of it is 0.
    """
    height, width = bits.shape
    # Flat with nothing above, below and beside it, so that each neighbour is some places before or after.
    across = width + 1
    wide = np.zeros((height + 3, across), dtype=np.uint8)
    wide[1 : height + 1, 1:] = bits
    flat, first, size = wide.ravel(), across + 1, height * across
    steps = (-across - 1, -across, 1 - across, 1, across + 1, across, across - 1, -1)
    removed = True
    while removed:
        removed = False
        for chosen in (_first, _second):
            background = ~flat
            gone = chosen(*(some[first + step : first + step + size] for some in (flat, background) for step in steps))
            gone &= flat[first : first + size]
            if gone.any():
                flat[first : first + size] ^= gone
                removed = True
    return wide[1 : height + 1, 1:]


# The neighbours of each pixel from the top left one on, clockwise: a capital where one belongs to an object, a small letter where it does not.
# The table stands here as a product of sums, shortened.
def _first(
    NW: Bits, N: Bits, NE: Bits, E: Bits, SE: Bits, S: Bits, SW: Bits, W: Bits,
    nw: Bits, n: Bits, ne: Bits, e: Bits, se: Bits, s: Bits, sw: Bits, w: Bits,
) -> Bits:  # fmt: skip
    """What the first half of a step takes away, should it belong to an object."""
    west, east, level = NW & SW, E & NE, E | W
    removed = (
        (s | ((west | n) & (nw | (e & W & (se | ne))) & (SE | (level & (NW | (sw & ne))))))
        & (N | (east & nw) | (ne & (west | S)))
        & (S | ((sw | (W & se)) & (NW | NE | level)))
        & (SW | se | east)
        & (e | w | (NW & NE))
    )
    return np.asarray(removed, dtype=np.uint8)


def _second(
    NW: Bits, N: Bits, NE: Bits, E: Bits, SE: Bits, S: Bits, SW: Bits, W: Bits,
    nw: Bits, n: Bits, ne: Bits, e: Bits, se: Bits, s: Bits, sw: Bits, w: Bits,
) -> Bits:  # fmt: skip
    """What the second half takes away."""
    removed = (
        (S | ((N | SW | SE) & ((se & (NE | W)) | (sw & E)) & (NW | ((n | sw) & (SE | ne)))))
        & (s | ((E | (ne & (SW | W))) & ((NE & SE & w) | (n & (SW | ne)))))
        & (nw | ((N | ne) & ((SW & W) | (sw & NE))))
        & (e | w | (SE & SW))
    )
    return np.asarray(removed, dtype=np.uint8)
