"""Many masks as the bits of one picture, eight on top of each other, so that one operation on bits counts for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: How many masks lie on top of each other.
LAYERS = 8
#: About so many shelves are filled: two in each layer.
_SHELVES = 16


@dataclass(frozen=True, slots=True)
class Layers:
    """Masks on shelves, each shelf in one of eight layers.

    Attributes
    ----------
    bits : (H, W) uint8 ndarray
        Bit k belongs to layer k.
    places : list of n (layer, top, left, height, width)
        Where each mask lies, px.
    """

    bits: NDArray[np.uint8]
    places: list[tuple[int, int, int, int, int]]

    @classmethod
    def of(cls, masks: Sequence[NDArray[np.uint8]], margin: int) -> Layers:
        """Lay out n masks of 0 and 255, one at least, with `margin` px free around each."""
        shapes = [mask.shape for mask in masks]
        widths = [width + 2 * margin for _, width in shapes]
        room = max(*widths, sum(widths) // _SHELVES)
        places = [(0, 0, 0, 0, 0)] * len(masks)
        ends, layer, top, x = [0] * LAYERS, 0, 0, room
        for at in sorted(range(len(masks)), key=lambda at: -shapes[at][0]):
            height, width = shapes[at]
            if x + widths[at] > room:
                layer = ends.index(min(ends))
                top, x = ends[layer], 0
                ends[layer] += height + 2 * margin
            places[at] = (layer, top + margin, x + margin, height, width)
            x += widths[at]
        bits = np.zeros((max(ends), room), dtype=np.uint8)
        for mask, (layer, top, left, height, width) in zip(masks, places, strict=True):
            bits[top : top + height, left : left + width] |= mask & (1 << layer)
        return cls(bits, places)

    def counted(self, bits: NDArray[np.uint8], margin: int = 0) -> list[int]:
        """How many pixels of each mask are set in other bits that lie as these do, those up to `margin` px around it included."""
        import cv2

        layers = [bits & (1 << layer) for layer in range(LAYERS)]
        return [
            cv2.countNonZero(layers[layer][top - margin : top + height + margin, left - margin : left + width + margin])
            for layer, top, left, height, width in self.places
        ]
