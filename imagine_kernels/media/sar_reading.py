"""Bands of a raster read in windows by GDAL, out of a folder or a zip, by one thread at a time."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.rasters import MAX_PIXELS, gdal
from imagine_kernels.media.tiles import Box

#: A strip or tile of the file takes this at most when it is decoded (bytes): a whole PNG or JPEG is one.
MAX_PIECE_BYTES = 512 * 1024**2
#: How the files begin, and who reads them: nothing else is tried.
_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
}


class Bands:
    """A raster file, open.

    Parameters
    ----------
    files : Files
        The folder, the zip or the one file that it is in; it has been looked through for members that lead outside.
    name : str
        Of the raster inside.

    Attributes
    ----------
    width, height, count : int
    dtype : str
        Of the stored values.
    descriptions, units : tuples of str
        Of each band, ``""`` where there is none.
    tags : dict
        Of the file and of its first band, names in lower case.
    transform : six floats or None
    crs : str or None
        WKT.
    control_points : list of (x, y, first, second)
        In px and in `control_crs`.

    Raises
    ------
    DataNotFound
        There is no such file.
    ImageError
        It cannot be read, or is absurdly large.
    """

    def __init__(self, files: Files, name: str) -> None:
        self.name, self._lock = name, threading.Lock()
        if name not in files.names():
            raise DataNotFound(f"{files.path.name} holds no {name}: put the file there.")
        self._file = file = _open(files, name)
        self.width, self.height, self.count = int(file.width), int(file.height), int(file.count)
        self.dtype = str(file.dtypes[0])
        self._check_size()
        self.descriptions = tuple(str(each or "") for each in file.descriptions)
        self.units = tuple(str(each or "") for each in file.units)
        self.tags = {str(key).lower(): str(value) for key, value in {**file.tags(), **file.tags(1)}.items()}
        self.transform = None if file.transform.is_identity else tuple(float(each) for each in file.transform[:6])
        self.crs = file.crs.to_wkt() if file.crs else None
        points, crs = file.gcps
        self.control_points = [(float(each.col), float(each.row), float(each.x), float(each.y)) for each in points]
        self.control_crs = crs.to_wkt() if crs else "EPSG:4326"

    def read(self, band: int, box: Box, shape: tuple[int, int] | None = None) -> NDArray[Any]:
        """The stored values of a part of one band, (height, width); with a `shape` so many of them, spread evenly.

        Raises
        ------
        DataError
            The part reaches out of the picture.
        ImageError
            That part is damaged.
        """
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        if (
            min(box.x, box.y) < 0
            or min(box.width, box.height) < 1
            or box.x + box.width > self.width
            or box.y + box.height > self.height
        ):
            raise DataError(f"{box} reaches out of {self.name}, which measures {self.width} × {self.height} px.")
        window = Window(box.x, box.y, box.width, box.height)
        try:
            with self._lock, gdal():
                found: NDArray[Any] = self._file.read(band, window=window, out_shape=shape or (box.height, box.width))
        except (RasterioError, MemoryError, ValueError, OSError):
            raise ImageError(f"{self.name} is damaged and cannot be decoded at {box.x}, {box.y}: copy it again.") from None
        return found

    def scaled(self, band: int, box: Box, shape: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """The same as float32, with the scale and offset that the file gives; what it calls missing is NaN."""
        stored = self.read(band, box, shape)
        values = np.abs(stored).astype(np.float32) if stored.dtype.kind == "c" else stored.astype(np.float32)
        missing = self._file.nodatavals[band - 1]
        if missing is not None and not np.isnan(missing):
            values[stored == missing] = np.nan
        scale, offset = self._file.scales[band - 1], self._file.offsets[band - 1]
        if (scale, offset) != (1.0, 0.0):
            values = values * np.float32(scale) + np.float32(offset)
        return values

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    def _check_size(self) -> None:
        rows, columns = self._file.block_shapes[0]
        piece = rows * columns * np.dtype(self.dtype).itemsize
        if self.width * self.height > MAX_PIXELS or piece > MAX_PIECE_BYTES:
            self._file.close()
            raise ImageError(
                f"{self.name} measures {self.width} × {self.height} px in pieces of {piece / 1e6:.0f} MB, too large to be read:"
                " save it as a GeoTIFF in tiles."
            )


def _open(files: Files, name: str) -> Any:
    import rasterio
    from rasterio.errors import RasterioError

    outside = files.path / name if files.path.is_dir() else files.path
    path = f"/vsizip/{{{files.path.resolve()}}}/{name}" if files.is_zip else str(outside)
    try:
        with files.open(name) as stream:
            start = stream.read(4)
        driver = next(driver for sign, driver in _DRIVERS.items() if start.startswith(sign))
        with gdal():
            return rasterio.open(path, driver=driver)
    except (RasterioError, OSError, ValueError, StopIteration):
        raise ImageError(
            f"{name} is not a picture that can be read (GeoTIFF, PNG, JPEG), or its beginning is damaged: copy it again."
        ) from None
