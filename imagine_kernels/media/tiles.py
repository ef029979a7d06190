"""What pictures and spectrograms are shown in: squares of several sizes of the whole, each encoded once and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError

#: Side of a tile, px.
TILE = 512
#: JPEG: made forty times quicker than WebP, and the page waits for it.
TYPE = "image/jpeg"
_QUALITY = 92
#: Bytes of tiles that are kept.
MOST_BYTES = 64 * 1024**2

#: 8 bits, grey (H, W) or red, green, blue (H, W, 3).
Shown = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Box:
    """Part of a picture, in whole px."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the tiles lie. Level 0 fits into one, each level has twice the size of the one before, the last one is full size.

    Attributes
    ----------
    width, height : int
        Full size, px.
    flat : bool
        Only the width is halved, as of spectrograms with all their frequencies.
    """

    width: int
    height: int
    flat: bool = False

    @property
    def levels(self) -> int:
        """How many there are."""
        longest = self.width if self.flat else max(self.width, self.height)
        return 1 + max(0, -(-longest // TILE) - 1).bit_length()

    def factor(self, level: int) -> int:
        """How many px of the full size one of that level stands for, along a side.

        Raises
        ------
        DataError
            There is no such level.
        """
        if not 0 <= level < self.levels:
            raise DataError(f"There is no level {level} of this picture: it has {self.levels}, counted from 0.")
        return 1 << (self.levels - 1 - level)

    def size(self, level: int) -> tuple[int, int]:
        """Width and height of a level, px."""
        factor = self.factor(level)
        return -(-self.width // factor), self.height if self.flat else -(-self.height // factor)

    def box(self, level: int, x: int, y: int) -> Box:
        """The tile in column `x` and row `y`, in px of its level; those at the right and the lower end are smaller.

        Raises
        ------
        DataError
            There is no such tile.
        """
        width, height = self.size(level)
        left, top = x * TILE, y * TILE
        if not (0 <= left < width and 0 <= top < height):
            raise DataError(f"There is no tile {x}, {y} in level {level} of this picture: it measures {width} × {height} px.")
        return Box(left, top, min(TILE, width - left), min(TILE, height - top))


def encode(picture: Shown, *, quality: int = _QUALITY, fine: bool = True) -> bytes:
    """A tile or a frame as JPEG; `fine` keeps the colours in full resolution, which a video does not have anyway."""
    import cv2

    given = picture if picture.ndim == 2 else picture[:, :, ::-1]
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if fine else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(given), options)
    if not done:
        raise DataError("The picture cannot be encoded: report it.")
    return bytes(data)


def shown(values: NDArray[Any], low: float, high: float) -> Shown:
    """Values as 8 bits: `low` and below become 0, `high` and above 255; what is not a number becomes 0."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values.view(np.uint8)
    scale = 255 / (high - low) if high > low else 0.0
    if values.dtype.kind == "u":
        steps = np.arange(256**values.dtype.itemsize, dtype=np.float32)
        table = np.clip((steps - low) * scale + 0.5, 0, 255).astype(np.uint8)
        return np.take(table, values)
    numbers = np.nan_to_num((values.astype(np.float32) - low) * scale + 0.5, nan=0.0, posinf=255.0, neginf=0.0)
    return np.asarray(np.clip(numbers, 0, 255), dtype=np.uint8)


def percentiles(values: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """Two percentiles (0 to 100) of the finite values.

    Raises
    ------
    DataError
        They are no percentiles.
    """
    if not 0 <= low < high <= 100:
        raise DataError(f"Percentiles go from 0 to 100, the lower one first, not from {low:g} to {high:g}.")
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    if not numbers.size:
        return 0.0, 1.0
    found = np.percentile(numbers, [low, high])
    return float(found[0]), float(found[1])


class TileCache:
    """The tiles that were asked for last.

    Parameters
    ----------
    most_bytes : int
        What they may take together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes, self.held_bytes = most_bytes, 0
        self._tiles: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...], make: Callable[[], tuple[bytes, bool]]) -> bytes:
        """The tile of that key; `make` gives it, and whether it will stay so: else it is not kept."""
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        data, final = make()
        if final and len(data) <= self.most_bytes:
            with self._lock:
                self.held_bytes += len(data) - len(self._tiles.pop(key, b""))
                self._tiles[key] = data
                while self.held_bytes > self.most_bytes:
                    self.held_bytes -= len(self._tiles.popitem(last=False)[1])
        return data
