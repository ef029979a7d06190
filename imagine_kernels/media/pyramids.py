"""Large pictures in all their sizes, made once in the background and kept in a folder.

A pyramid is a folder with one tiled TIFF for each level. It is made from the top of the picture to its end in bands of rows, so that the
memory hangs on the width of the picture alone: each band is written, halved, and handed on to the level below.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from imagine_kernels.errors import Cancelled, NotEnoughSpace
from imagine_kernels.media.rasters import Raster, Values, gdal, halved
from imagine_kernels.media.tiles import TILE, Box, Grid
from imagine_kernels.settings import writing

#: What all pyramids together may take on the disk, bytes.
MOST_BYTES = 20 * 1024**3
#: What always stays free on the disk, bytes.
_FREE_BYTES = 500 * 1024**2


class Pyramids:
    """The pyramids in a folder; those that were not looked at for longest make room for new ones.

    Parameters
    ----------
    folder : Path
    most_bytes : int
        What they may take together.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        #: Held while somebody looks whether one is being made already.
        self.starting = threading.Lock()
        self._lock = threading.Lock()

    def place(self, path: Path) -> Path:
        """Where that of a file lies, or will lie; another one when the file has changed."""
        facts = path.stat()
        text = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}"
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:24]

    def find(self, path: Path) -> Path | None:
        """The folder of the pyramid of a file, if it was made."""
        place = self.place(path)
        if not place.is_dir():
            return None
        with suppress(OSError):
            os.utime(place)
        return place

    def room(self, n_bytes: int) -> bool:
        """Make room, if that can be: then there is enough for so many bytes more."""
        with self._lock, writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if n_bytes > self.most_bytes:
                return False
            held = sorted((each.stat().st_mtime, _size(each), each) for each in self.folder.iterdir() if each.is_dir())
            total = sum(size for _, size, _ in held)
            for _, size, each in held:
                if total + n_bytes <= self.most_bytes and shutil.disk_usage(self.folder).free > n_bytes + _FREE_BYTES:
                    return True
                shutil.rmtree(each, ignore_errors=True)
                total -= size
            return shutil.disk_usage(self.folder).free > n_bytes + _FREE_BYTES

    def make(self, path: Path, *, full: bool, stop: threading.Event) -> Path | None:
        """Make the pyramid of a picture; None where there is no room for it.

        Parameters
        ----------
        full : bool
            With a copy in full size, for files of which a part cannot be had quickly.

        Raises
        ------
        ImageError
            The picture is damaged.
        Cancelled
            `stop` was set.
        """
        raster = Raster(path)
        try:
            channels = 3 if raster.colour else 1
            n_bytes = raster.width * raster.height * channels * raster.dtype.itemsize
            if not self.room(n_bytes * 4 // 3 if full else n_bytes // 3):
                return None
            target = self.place(path)
            passing = self.folder / f".{target.name}-{secrets.token_hex(4)}"
            try:
                with writing(passing):
                    passing.mkdir()
                    _write(raster, passing, full=full, stop=stop)
                    # Another process may have been quicker.
                    with suppress(OSError):
                        passing.replace(target)
            finally:
                shutil.rmtree(passing, ignore_errors=True)
            return target
        finally:
            raster.close()


def _write(raster: Raster, folder: Path, *, full: bool, stop: threading.Event) -> None:
    from rasterio.errors import RasterioError

    grid = Grid(raster.width, raster.height)
    with gdal(), ExitStack() as stack:
        files = []
        for level in range(grid.levels - (0 if full else 1)):
            files.append(stack.enter_context(_new(folder / f"{level}.tif", *grid.size(level), raster)))
        last = _Rows(list(reversed(files)), skip=not full)
        try:
            for top in range(0, raster.height, TILE):
                if stop.is_set():
                    raise Cancelled("The picture was closed.")
                rows = min(TILE, raster.height - top)
                last.add(raster.read(Box(0, top, raster.width, rows), raster.width, rows))
            last.end()
        except RasterioError as error:
            raise NotEnoughSpace(f"{folder} cannot be written ({error}): free some space.") from None


def _new(path: Path, width: int, height: int, raster: Raster) -> Any:
    import rasterio

    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=3 if raster.colour else 1,
        dtype=raster.dtype.name,
        tiled=True,
        blockxsize=TILE,
        blockysize=TILE,
        interleave="pixel",
        compress="ZSTD",
        zstd_level=1,
        BIGTIFF="IF_SAFER",
    )


class _Rows:
    """Rows of one level that come in from the top; written by the height of a tile, and halved for the level below."""

    def __init__(self, files: Sequence[Any], *, skip: bool = False) -> None:
        self._file = None if skip else files[0]
        rest = files if skip else files[1:]
        self._below = _Rows(rest) if rest else None
        self._waiting: list[Values] = []
        self._n = self._top = 0

    def add(self, rows: Values) -> None:
        """The next rows."""
        self._waiting.append(rows)
        self._n += len(rows)
        if self._n >= TILE:
            held = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
            self._pass_on(held[:TILE])
            self._waiting, self._n = ([held[TILE:]], len(held) - TILE) if len(held) > TILE else ([], 0)

    def end(self) -> None:
        """There are no more."""
        if self._n:
            self._pass_on(np.concatenate(self._waiting))
        if self._below is not None:
            self._below.end()

    def _pass_on(self, rows: Values) -> None:
        from rasterio.windows import Window

        if self._file is not None:
            window = Window(0, self._top, rows.shape[1], len(rows))
            self._file.write(np.moveaxis(rows, 2, 0) if rows.ndim == 3 else rows[None], window=window)
        self._top += len(rows)
        if self._below is not None:
            self._below.add(halved(rows))


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir() if each.is_file())
