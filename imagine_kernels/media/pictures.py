"""A picture of any size, in tiles.

A small one is decoded whole. Of a large one a small copy is made at once, which serves the coarse levels; the others come from the file
itself where a part of it can be had quickly, and from its pyramid, which is made in the background meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from imagine_kernels.errors import Cancelled, ImagineError
from imagine_kernels.media.pyramids import Pyramids
from imagine_kernels.media.rasters import Raster, Values, halved, shrunk
from imagine_kernels.media.tiles import TILE, Box, Grid, Shown, percentiles, shown

#: Pictures that take less than this, decoded, are decoded whole (bytes).
WHOLE_BYTES = 64 * 1024**2
#: How long a tile waits for the pyramid that it must come from, s, and how many may wait at a time: others get a blurred one.
_WAIT_S, _WAITING = 30.0, 3
_log = logging.getLogger(__name__)


class Picture:
    """A picture that is looked at.

    Parameters
    ----------
    path : Path
    pyramids : Pyramids
    ready : callable, optional
        Called when all tiles can be had sharp, if some were given blurred before.

    Raises
    ------
    DataNotFound, ImageError
        See `Raster`.
    """

    def __init__(self, path: Path, pyramids: Pyramids, ready: Callable[[], None] = lambda: None) -> None:
        self.path, self._pyramids, self._ready = path, pyramids, ready
        self.raster = Raster(path)
        self.grid = Grid(self.raster.width, self.raster.height)
        values = self.raster.width * self.raster.height * (3 if self.raster.colour else 1)
        self._small = values * self.raster.dtype.itemsize <= WHOLE_BYTES
        self._whole: list[Values] = []
        self._overview: Values | None = None
        self._levels: dict[int, Raster] = {}
        self._full = self.raster.full
        self._looking, self._decoding = threading.Lock(), threading.Lock()
        self._stop, self._made = threading.Event(), threading.Event()
        self._maker: threading.Thread | None = None
        self._failed: ImagineError | None = None
        self._places = threading.Semaphore(_WAITING)
        self._gave_blurred = False

    @property
    def bits(self) -> int:
        """8, or 16 for all that has more."""
        return 8 if self.raster.dtype == np.uint8 else 16

    @property
    def full(self) -> tuple[float, float]:
        """The values that are black and white."""
        if self._full is None:
            finite = self.overview()[np.isfinite(self.overview())]
            self._full = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        return self._full

    def tile(self, level: int, x: int, y: int, window: tuple[float, float] = (0.0, 1.0)) -> tuple[Shown, bool]:
        """A tile as it is shown, and whether it is sharp; `window` says what becomes black and white, in parts of the full range.

        Raises
        ------
        DataError
            There is no such tile.
        ImageError
            The file is damaged there.
        """
        box = self.grid.box(level, x, y)
        values, sharp = self._values(level, box)
        low, high = self.full
        span = high - low
        return shown(values, low + window[0] * span, low + window[1] * span), sharp

    def percentiles(self, low: float, high: float, box: tuple[float, float, float, float] | None = None) -> tuple[float, float]:
        """Two percentiles of the values in a box (x0, y0, x1, y1 in px) or of all, in parts of the full range."""
        if box is None:
            values = self.overview()
        else:
            x0, y0 = (max(0, int(each)) for each in box[:2])
            x1, y1 = min(self.grid.width, int(box[2]) + 1), min(self.grid.height, int(box[3]) + 1)
            part = Box(min(x0, self.grid.width - 1), min(y0, self.grid.height - 1), max(1, x1 - x0), max(1, y1 - y0))
            values = self._part(part)
        begin, end = self.full
        span = (end - begin) or 1.0
        first, second = percentiles(values, low, high)
        return (first - begin) / span, (second - begin) / span

    def overview(self) -> Values:
        """All of it, small."""
        with self._looking:
            if self._overview is None:
                if self._small:
                    self._decode()
                    self._overview = next(each for each in self._whole if max(each.shape[:2]) <= 4 * TILE)
                else:
                    self._overview = self._read_overview()
                    if not self.raster.reduced:
                        self._begin()
            return self._overview

    def close(self) -> None:
        """Let go of the files; what is made in the background is given up."""
        self._stop.set()
        if self._maker is not None and self._maker is not threading.current_thread():
            self._maker.join(timeout=30)
        for raster in (self.raster, *self._levels.values()):
            raster.close()

    # Where the values come from.

    def _values(self, level: int, box: Box) -> tuple[Values, bool]:
        if self._small:
            self._decode()
            whole = self._whole[self.grid.levels - 1 - level]
            return whole[box.y : box.y + box.height, box.x : box.x + box.width], True
        if not self._levels and not self._made.is_set():
            self._open_levels(self._pyramids.find(self.path))
        if level in self._levels:
            return self._levels[level].read(box, box.width, box.height), True
        overview, (width, height) = self.overview(), self.grid.size(level)
        if overview.shape[0] >= height and overview.shape[1] >= width:
            return self._from_overview(box, width, height), True
        if not self.raster.in_order:
            return self._from_file(level, box), True
        return self._when_made(level, box)

    def _decode(self) -> None:
        with self._decoding:
            if not self._whole:
                grid = self.grid
                levels = [self.raster.read(Box(0, 0, grid.width, grid.height), grid.width, grid.height)]
                while len(levels) < grid.levels:
                    levels.append(halved(levels[-1]))
                self._whole = levels

    def _read_overview(self) -> Values:
        """An eighth of a JPEG, which is quick; of other files 1000 to 2000 px."""
        grid = self.grid
        factor = 1 << max(0, (max(grid.width, grid.height) // (2 * TILE)).bit_length() - 1)
        if self.raster.in_order:
            factor = min(factor, 8)
        width, height = -(-grid.width // factor), -(-grid.height // factor)
        return self.raster.read(Box(0, 0, grid.width, grid.height), width, height)

    def _from_overview(self, box: Box, width: int, height: int) -> Values:
        overview = self.overview()
        down, across = overview.shape[0] / height, overview.shape[1] / width
        top, left = int(box.y * down), int(box.x * across)
        end, right = int(np.ceil((box.y + box.height) * down)), int(np.ceil((box.x + box.width) * across))
        return shrunk(overview[top : max(end, top + 1), left : max(right, left + 1)], box.width, box.height)

    def _from_file(self, level: int, box: Box) -> Values:
        factor, grid = self.grid.factor(level), self.grid
        left, top = box.x * factor, box.y * factor
        whole = Box(left, top, min(box.width * factor, grid.width - left), min(box.height * factor, grid.height - top))
        return self.raster.read(whole, box.width, box.height)

    def _part(self, part: Box) -> Values:
        """A part of the picture in about 1000 px, from the level that has them."""
        wanted = max(1, max(part.width, part.height) // (2 * TILE))
        level = self.grid.levels - 1 - min(self.grid.levels - 1, wanted.bit_length() - 1)
        factor, (width, height) = self.grid.factor(level), self.grid.size(level)
        left, top = part.x // factor, part.y // factor
        box = Box(left, top, min(width - left, -(-part.width // factor)), min(height - top, -(-part.height // factor)))
        return self._values(level, box)[0]

    def _when_made(self, level: int, box: Box) -> tuple[Values, bool]:
        if not self._made.is_set() and self._places.acquire(blocking=False):
            try:
                self._made.wait(_WAIT_S)
            finally:
                self._places.release()
        if self._failed is not None:
            raise self._failed
        if level in self._levels:
            return self._levels[level].read(box, box.width, box.height), True
        if self._made.is_set():  # there was no room for it
            return self._from_file(level, box), True
        self._gave_blurred = True
        return self._from_overview(box, *self.grid.size(level)), False

    # In the background.

    def _begin(self) -> None:
        with self._pyramids.starting:
            if self._maker is None and not self._levels:
                self._maker = threading.Thread(target=self._make, name="imagine-pyramid", daemon=True)
                self._maker.start()

    def _make(self) -> None:
        try:
            self._open_levels(self._pyramids.make(self.path, full=self.raster.in_order, stop=self._stop))
        except Cancelled:
            pass
        except ImagineError as error:
            _log.warning("The pyramid of %s was not made: %s", self.path.name, error)
            self._failed = error
        finally:
            self._made.set()
        if self._gave_blurred and not self._stop.is_set():
            self._ready()

    def _open_levels(self, place: Path | None) -> None:
        if place is not None:
            self._levels = {int(each.stem): Raster(each) for each in sorted(place.glob("*.tif"))}
