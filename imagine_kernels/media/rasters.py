"""Picture files that are read in parts, by GDAL: PNG, JPEG, TIFF of any kind, WebP and BMP.

A rotation in EXIF is ignored, as everywhere on this platform. Only these kinds are tried, and files beside the picture are not looked at.
"""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataNotFound, ImageError
from imagine_kernels.media.tiles import Box

#: How the files begin, and who reads them.
_KINDS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"RIFF": "WEBP",
    b"BM": "BMP",
}
#: A picture with more px than this is refused.
MAX_PIXELS = 20_000_000_000
#: What can only be decoded at one go (bytes): a strip or tile of a TIFF, a WebP.
MAX_PIECE_BYTES = 512 * 1024**2
#: Of GDAL, for the parts of all pictures that it has decoded last.
_CACHE_BYTES = 48 * 1024**2
#: How many px each way are looked at for one of a smaller picture.
_FINER = 4

Values = NDArray[Any]


def gdal(**options: Any) -> Any:
    """The surroundings in which GDAL works here."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    return rasterio.Env(
        GDAL_CACHEMAX=_CACHE_BYTES,
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
        GDAL_PAM_ENABLED="NO",
        GDAL_MAX_DATASET_POOL_SIZE=16,
        **options,
    )


class Raster:
    """One picture file, open.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    width, height : int
        In px.
    colour : bool
        Three channels are shown: red, green and blue, or what the palette says; else one, of several bands the first.
    dtype : dtype
        Of the values that are given: uint8, uint16 or float32.
    full : (float, float) or None
        What is black and what white, where the kind of numbers says it.
    in_order : bool
        A part can only be had by decoding all that comes before it.
    reduced : bool
        The file holds smaller copies of itself.

    Raises
    ------
    DataNotFound
        There is no such file.
    ImageError
        It is no picture of a known kind, is damaged, or larger than what may be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        if not path.is_file():
            raise DataNotFound(f"There is no file {path}: find the media of the project again.")
        self._options = _strict(path)
        self._file: Any = self._open()
        file = self._file
        self.width, self.height = int(file.width), int(file.height)
        self._check_size()
        hues = [each.name for each in file.colorinterp]
        self._palette = _palette(file.colormap(1)) if hues[0] == "palette" else None
        self._alpha = hues.index("alpha") + 1 if "alpha" in hues else 0
        rgb = {"red", "green", "blue"} <= set(hues)
        self._bands = [hues.index(name) + 1 for name in ("red", "green", "blue")] if rgb else [1]
        self.colour = rgb or (self._palette is not None and self._palette.shape[1] == 3)
        stored = np.dtype(file.dtypes[self._bands[0] - 1])
        self.dtype = stored if stored in (np.uint8, np.uint16) else np.dtype(np.float32)
        tags = file.tags(self._bands[0], ns="IMAGE_STRUCTURE")
        bits = int(tags.get("NBITS", 8 * stored.itemsize))
        self.full = (0.0, float(2**bits - 1)) if self.dtype.kind == "u" and self._palette is None else None
        if self._palette is not None:
            self.dtype, self.full = np.dtype(np.uint8), (0.0, 255.0)
        self._white_is_zero = file.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
        self._nodata = file.nodata
        rows = int(file.block_shapes[0][0])
        self.in_order = file.driver not in ("GTiff", "BMP") or rows > 1024
        smaller = bool(file.overviews(1))
        self.reduced = smaller and file.driver == "GTiff"
        # Of a JPEG, which is decoded at an eighth of its size, and of copies in the file the mean is taken already.
        self._finer = 1 if smaller else _FINER

    def read(self, box: Box, width: int, height: int) -> Values:
        """A part of the picture, shrunk to a size.

        Returns
        -------
        (height, width) or (height, width, 3) ndarray
            Where it is shrunk, each value is the mean of some px spread over its square.

        Raises
        ------
        ImageError
            That part is damaged.
        """
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        # The nearest px of a finer net are read, since a strip that is not needed is then not decoded; then their mean is taken.
        fine = [min(whole, side * self._finer) for whole, side in ((box.width, width), (box.height, height))]
        if self._palette is not None:
            fine = [width, height]
        bands = [*self._bands, *([self._alpha] if self._alpha else [])]
        window = Window(box.x, box.y, box.width, box.height)
        try:
            with self._lock, gdal(**self._options):
                values = self._file.read(bands, window=window, out_shape=(len(bands), fine[1], fine[0]))
        except (RasterioError, MemoryError, ValueError, OSError):
            raise ImageError(f"{self.path.name} is damaged and cannot be decoded from there on: copy it again.") from None
        return shrunk(self._plain(values), width, height)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    def _open(self) -> Any:
        import rasterio
        from rasterio.errors import RasterioError

        try:
            with self.path.open("rb") as stream:
                start = stream.read(8)
            kind = next(kind for sign, kind in _KINDS.items() if start.startswith(sign))
            with gdal(**self._options):
                return rasterio.open(self.path, driver=kind)
        except (RasterioError, OSError, ValueError, StopIteration):
            raise ImageError(
                f"{self.path.name} is not a picture that can be read (PNG, JPEG, TIFF, WebP, BMP), or its beginning is damaged:"
                " check the file."
            ) from None

    def _check_size(self) -> None:
        file = self._file
        if self.width * self.height > MAX_PIXELS:
            raise ImageError(f"{self.path.name} measures {self.width} × {self.height} px, more than can be shown: cut it.")
        rows, columns = (self.height, self.width) if file.driver == "WEBP" else file.block_shapes[0]
        piece = rows * columns * np.dtype(file.dtypes[0]).itemsize * (file.count if file.driver != "GTiff" else 1)
        if piece > MAX_PIECE_BYTES:
            raise ImageError(
                f"{self.path.name} is stored in pieces of {piece / 1e6:.0f} MB, too large to be decoded: save it as a TIFF in tiles."
            )

    def _plain(self, values: Values) -> Values:
        """Channels last, palette and transparency resolved, values as `dtype` says."""
        if self._palette is not None:
            found: Values = self._palette[values[0]]
            return found if self.colour else np.ascontiguousarray(found[:, :, 0])
        alpha = values[-1] if self._alpha else None
        colours = values[:-1] if self._alpha else values
        if colours.dtype.kind == "c":
            colours = np.abs(colours)
        if self.dtype.kind == "f":
            missing = colours == self._nodata if self._nodata is not None else None
            colours = colours.astype(self.dtype)
            if missing is not None:
                colours[missing] = np.nan
        if self._white_is_zero and self.full is not None:
            colours = self.dtype.type(self.full[1]) - colours
        if alpha is not None and self.full is not None:
            white = self.full[1]
            part = alpha.astype(np.float32) / white
            colours = np.rint(colours * part + white * (1 - part)).astype(self.dtype)
        return np.ascontiguousarray(np.moveaxis(colours, 0, 2)) if len(colours) == 3 else np.ascontiguousarray(colours[0])


def shrunk(values: Values, width: int, height: int) -> Values:
    """The same in another size, each value the mean of its square."""
    import cv2

    if values.shape[:2] == (height, width):
        return values
    found: Values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
    return found


def halved(values: Values) -> Values:
    """Half the size, rounded up: each value the mean of two times two; the last row and column are doubled where they are odd."""
    import cv2

    height, width = values.shape[:2]
    if height % 2 or width % 2:
        pad = ((0, height % 2), (0, width % 2), (0, 0))[: values.ndim]
        values = np.pad(values, pad, mode="edge")
    found: Values = cv2.resize(values, (values.shape[1] // 2, values.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return found


def _palette(colours: dict[int, tuple[int, int, int, int]]) -> NDArray[np.uint8]:
    """(256, 1 or 3) uint8; what is transparent becomes white."""
    table = np.zeros((256, 3), dtype=np.uint8)
    for number, (*rgb, alpha) in colours.items():
        if number < 256:
            table[number] = [round(each * alpha / 255 + 255 - alpha) for each in rgb]
    grey = (table == table[:, :1]).all()
    return table[:, :1] if grey else table


def _strict(path: Path) -> dict[str, str]:
    """What GDAL is told where the end of a JPEG or PNG is not where it should be: then nothing that is missing is filled in."""
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(0, path.stat().st_size - 64))
        end = stream.read()
    if start.startswith(b"\xff\xd8\xff") and b"\xff\xd9" not in end:
        return {"GDAL_ERROR_ON_LIBJPEG_WARNING": "YES"}
    if start == b"\x89PNG" and b"IEND" not in end:
        return {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO"}
    return {}
