"""Small pictures for the grid: made once, kept in one file, handed out by number."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.settings import placed

#: Longest side of a small picture, px; on a fine screen a cell of 160 px is still sharp.
SIDE = 320
TYPE = "image/webp"
_QUALITY = 86
#: So long after the last look at some of them the making of the others rests, seconds: what somebody waits for comes first.
REST_S = 0.5


def encode(picture: NDArray[np.uint8], *, side: int | None = SIDE) -> bytes:
    """A grey picture as WebP, shrunk where its longest side exceeds `side` px; None keeps its size.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
    """
    import cv2

    height, width = picture.shape
    longest = max(height, width)
    # WebP ends at 16383 px a side.
    most = min(side or 16383, 16383)
    if longest > most:
        scale = most / longest
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY if side else 101])
    if not done:
        raise ValueError(f"The picture of {width} × {height} px cannot be encoded.")
    return bytes(data)


class Thumbnails:
    """The small pictures of n objects, in two files: all bytes in a row, and where each begins.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    n : int
        Number of objects.
    """

    def __init__(self, folder: Path, n: int) -> None:
        self._data = folder / "thumbnails.bin"
        self._index = folder / "thumbnails.npy"
        self._lock = threading.Lock()
        #: (n, 2) uint16, width and height of the picture in px; 0 where unknown or broken.
        self.sizes: NDArray[np.uint16] = np.zeros((n, 2), dtype=np.uint16)
        self._offsets: NDArray[np.int64] | None = None
        self._made: dict[int, bytes | None] = {}
        self._looked = -REST_S
        if self._index.is_file() and self._data.is_file():
            try:
                table = np.load(self._index, allow_pickle=False)
            except (ValueError, EOFError):  # damaged: they are made anew
                table = np.empty(0)
            if table.shape == (n, 4) and self._data.stat().st_size == int(table[:, 1].sum()):
                self.sizes = table[:, 2:].astype(np.uint16)
                self._offsets = table[:, :2]

    @property
    def complete(self) -> bool:
        """Whether all are made and kept."""
        return self._offsets is not None

    def add(self, row: int, picture: NDArray[np.uint8] | None) -> None:
        """Make the small picture of one object; None where it cannot be read."""
        data = None if picture is None else encode(picture)
        with self._lock:
            self._made[row] = data
            if picture is not None:
                self.sizes[row] = np.minimum([picture.shape[1], picture.shape[0]], 65535)

    def has(self, row: int) -> bool:
        """Whether that one is made; somebody waits for it."""
        self._looked = time.monotonic()
        return self.complete or row in self._made

    def get(self, rows: Sequence[int]) -> list[bytes | None]:
        """The small pictures of some objects; None where there is none."""
        offsets = self._offsets
        if offsets is None:
            with self._lock:
                return [self._made.get(row) for row in rows]
        with self._data.open("rb") as stream:
            found: list[bytes | None] = []
            for row in rows:
                begin, length = int(offsets[row, 0]), int(offsets[row, 1])
                stream.seek(begin)
                found.append(stream.read(length) if length else None)
        return found

    def make(self, pictures: Iterable[Any], *, stop: threading.Event) -> bool:
        """Make all from pictures in order (an exception in place of one that cannot be read) and keep them; False where stopped.

        It rests while somebody looks at some of them.
        """
        for row, picture in enumerate(pictures):
            if stop.is_set():
                return False
            while time.monotonic() - self._looked < REST_S:
                if stop.wait(REST_S / 10):
                    return False
            if row not in self._made:
                self.add(row, None if isinstance(picture, Exception) else picture)
        self.keep()
        return True

    def keep(self) -> None:
        """Write all to the two files and let go of the memory."""
        n = len(self.sizes)
        table = np.zeros((n, 4), dtype=np.int64)
        with placed(self._data) as passing, passing.open("wb") as stream:
            at = 0
            for row in range(n):
                data = self._made.get(row) or b""
                stream.write(data)
                table[row] = (at, len(data), *self.sizes[row])
                at += len(data)
        with placed(self._index) as passing, passing.open("wb") as stream:
            np.save(stream, table, allow_pickle=False)
        with self._lock:
            self._offsets = table[:, :2]
            self._made.clear()
