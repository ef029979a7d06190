"""Masks of the store as a picture of labels that napari can paint in, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.formats.substitutes import mask_numbers, pixels
from imagine_kernels.records.shapes import Numbers

#: Pictures with more px than this are painted in one part at a time.
MAX_PIXELS = 24_000_000
#: Longest side of such a part, px.
PART = 4096

Window = NDArray[np.int32]


@dataclass
class MaskWindow:
    """Part of a picture in which masks are painted; what lies outside of it stays as it is.

    Attributes
    ----------
    left, top, width, height : int
        In px of the picture.
    values : (height, width) int32 ndarray
        0 where there is no mask, else a number for each. Where masks overlap the later one is seen.
    numbers : dict of int to Numbers
        The masks behind the values, as the store has them.
    """

    left: int
    top: int
    width: int
    height: int
    numbers: dict[int, Numbers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values: Window = np.zeros((self.height, self.width), dtype=np.int32)
        self._drawn: Window = self.values.copy()

    @classmethod
    def around(cls, x: float, y: float, width: int, height: int) -> MaskWindow:
        """All of a picture where it is small, else the part around a point."""
        if width * height <= MAX_PIXELS:
            return cls(0, 0, width, height)
        across, down = min(width, PART), min(height, PART)
        left = min(max(0, int(x) - across // 2), width - across)
        top = min(max(0, int(y) - down // 2), height - down)
        return cls(left, top, across, down)

    def draw(self, masks: Mapping[int, Numbers]) -> None:
        """Show these masks, by their values."""
        self.numbers = dict(masks)
        self.values[:] = 0
        for value, numbers in self.numbers.items():
            self._put(value, numbers)
        self._drawn = self.values.copy()

    def changes(self) -> dict[int, Numbers | None]:
        """What was painted since: the new numbers of each mask, None where nothing is left of it.

        Raises
        ------
        DataError
            A mask cannot be kept.
        """
        touched = self.values != self._drawn
        if not touched.any():
            return {}
        found: dict[int, Numbers | None] = {}
        involved = {*np.unique(self.values[touched]).tolist(), *np.unique(self._drawn[touched]).tolist()} - {0}
        for value in sorted(involved):
            added = touched & (self.values == value)
            removed = touched & (self._drawn == value)
            found[value] = self._painted(self.numbers.get(value), added, removed)
        self._drawn = self.values.copy()
        for value, numbers in found.items():
            if numbers is None:
                self.numbers.pop(value, None)
            else:
                self.numbers[value] = numbers
        return found

    def free(self) -> int:
        """A value that no mask has."""
        return max([0, int(self.values.max(initial=0)), *self.numbers]) + 1

    def _painted(self, numbers: Numbers | None, added: NDArray[np.bool_], removed: NDArray[np.bool_]) -> Numbers | None:
        rows, columns = np.nonzero(added)
        boxes = []
        if rows.size:
            x, y = self.left + columns, self.top + rows
            boxes.append((int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1))
        if numbers is not None:
            x0, y0, width, height = (int(each) for each in numbers[:4])
            boxes.append((x0, y0, x0 + width, y0 + height))
        if not boxes:
            return None
        left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
        right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
        inside = np.zeros((right - left, bottom - top), dtype=bool)
        if numbers is not None:
            inside[x0 - left : x0 - left + width, y0 - top : y0 - top + height] = pixels(numbers)
        gone_rows, gone_columns = np.nonzero(removed)
        inside[gone_columns + self.left - left, gone_rows + self.top - top] = False
        inside[columns + self.left - left, rows + self.top - top] = True
        return mask_numbers(left, top, inside)

    def _put(self, value: int, numbers: Numbers) -> None:
        x, y, width, height = (int(each) for each in numbers[:4])
        x0, y0 = max(x, self.left), max(y, self.top)
        x1, y1 = min(x + width, self.left + self.width), min(y + height, self.top + self.height)
        if x1 <= x0 or y1 <= y0:
            return
        inside = pixels(numbers)[x0 - x : x1 - x, y0 - y : y1 - y].T
        part = self.values[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left]
        part[inside] = value
