"""Whole scans as files: strips of grey values, and the resolution that the file names."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.rasters import Raster
from imagine_kernels.media.tiles import Box

#: Endings of the files that scans are kept in.
SCANS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
#: What is decoded at a time, bytes.
_STRIP_BYTES = 16 * 1024**2
#: Grey from red, green, blue as eyes see it (Rec. 601).
LUMINANCE = (0.299, 0.587, 0.114)
_MM_PER_INCH = 25.4
#: A picture with fewer px, or with a shorter side, is no whole scan.
_LEAST_PIXELS, _LEAST_SIDE = 2_000_000, 800


class ScanFile:
    """A scan on disk, read strip by strip.

    Parameters
    ----------
    path : Path
    weights : (float, float, float)
        How much red, green and blue count for the grey value of a scan in colour.

    Attributes
    ----------
    width, height : int
        px.
    dtype : dtype
        uint8 or uint16.
    dpi : float or None
        What the file says.

    Raises
    ------
    DataNotFound
        There is no such file.
    ImageError
        It is no picture, or neither 8 nor 16 bits deep.
    """

    def __init__(self, path: Path, *, weights: tuple[float, float, float] = LUMINANCE) -> None:
        self.raster = Raster(path)
        self.width, self.height = self.raster.width, self.raster.height
        self.dtype = np.dtype(self.raster.dtype)
        if self.dtype not in (np.uint8, np.uint16):
            self.raster.close()
            raise ImageError(f"{path.name} holds decimal numbers, no grey values of 8 or 16 bits: save it as a grey TIFF.")
        self.dpi = resolution(path)
        self._weights = np.array(weights, dtype=np.float32) / sum(weights)

    def strips(self, *, multiple: int = 1) -> Iterator[tuple[int, NDArray[Any]]]:
        """All of it from top to bottom, each strip with its first row, (H, W) uint8 or uint16; their heights are multiples of `multiple`."""
        bands = 3 if self.raster.colour else 1
        rows = max(1, _STRIP_BYTES // (self.width * self.dtype.itemsize * bands) // multiple) * multiple
        for top in range(0, self.height, rows):
            count = min(rows, self.height - top)
            yield top, self._grey(self.raster.read(Box(0, top, self.width, count), self.width, count))

    def small(self, width: int, height: int) -> NDArray[Any]:
        """All of it in another size, at most its own, (height, width) uint8 or uint16."""
        return self._grey(self.raster.read(Box(0, 0, self.width, self.height), width, height))

    def close(self) -> None:
        """Let go of the file."""
        self.raster.close()

    def _grey(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.ndim == 2:
            return values
        import cv2

        return np.asarray(cv2.transform(values, self._weights[None]), dtype=self.dtype)


def looks_like_scan(files: Files, name: str) -> bool:
    """Whether a picture has the size of a whole scan rather than of a vignette; only its beginning is read, damaged ones do not."""
    import io
    import warnings

    from PIL import Image

    if not name.lower().endswith(SCANS):
        return False
    try:
        with files.open(name) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Of a TIFF the size may stand at the end; a zip is read without going back.
            whole = io.BytesIO(stream.read()) if files.is_zip else stream
            with Image.open(whole) as picture:
                return min(picture.size) >= _LEAST_SIDE and picture.width * picture.height >= _LEAST_PIXELS
    except Image.DecompressionBombError:
        return True
    except (DataError, OSError, ValueError, SyntaxError):
        return False


def resolution(path: Path) -> float | None:
    """Dots per inch that a TIFF, PNG or JPEG names, None where it names none.

    Sources: TIFF 6.0 (XResolution, ResolutionUnit), PNG 1.2 (pHYs), JFIF 1.02 (density).
    """
    with path.open("rb") as stream:
        start = stream.read(64 * 1024)
    found = (
        _of_tiff(path, start) if start[:2] in (b"II", b"MM") else _of_png(start) if start[:4] == b"\x89PNG" else _of_jpeg(start)
    )
    return found if found is not None and 20 <= found <= 100_000 else None


def _of_png(start: bytes) -> float | None:
    at = start.find(b"pHYs")
    if at < 0 or len(start) < at + 13:
        return None
    across, _, unit = struct.unpack(">IIB", start[at + 4 : at + 13])
    return float(across * _MM_PER_INCH / 1000) if unit == 1 else None


def _of_jpeg(start: bytes) -> float | None:
    at = start.find(b"JFIF\0")
    if at < 0 or len(start) < at + 12:
        return None
    unit, across = struct.unpack(">BH", start[at + 7 : at + 10])
    return float(across * {1: 1.0, 2: _MM_PER_INCH / 10}[unit]) if unit in (1, 2) else None


def _of_tiff(path: Path, start: bytes) -> float | None:
    order = "<" if start[:2] == b"II" else ">"
    if struct.unpack(order + "H", start[2:4])[0] != 42:
        return None
    directory = struct.unpack(order + "I", start[4:8])[0]
    with path.open("rb") as stream:

        def read(at: int, form: str) -> tuple[Any, ...]:
            stream.seek(at)
            return struct.unpack(order + form, stream.read(struct.calcsize(order + form)))

        try:
            (n,) = read(directory, "H")
            entries = {tag: (kind, value) for tag, kind, _, value in (read(directory + 2 + 12 * k, "HHII") for k in range(n))}
            above, below = read(entries[282][1], "II") if 282 in entries else (0, 0)
        except struct.error:
            return None
    # A short value stands in the first half of its four bytes.
    unit = entries.get(296, (3, 2 if order == "<" else 2 << 16))[1]
    unit = unit & 0xFFFF if order == "<" else unit >> 16
    return above / below * {2: 1.0, 3: _MM_PER_INCH / 10}[unit] if below and unit in (2, 3) else None
