"""Objects cut out of a prepared scan: alone on white, as ZooProcess cuts vignettes."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.scan_objects import dark_of, let_go, traced
from imagine_kernels.media.scan_preparing import PreparedScan, ScanSettings, prepare
from imagine_kernels.media.vignettes import SCALE_BAR_PX

#: What is left free on each side of an object, in parts of its width and height (ZooProcess).
RIM = 0.2
#: EcoTaxa's columns that say how a scan was prepared.
BLANKS, THRESHOLD, PIXEL_SIZE = "process_img_background_img", "process_particle_threshold", "process_particle_pixel_size_mm"
_BAR_LEFT, _BAR_UP = 9, 6
#: Objects that a thread cuts out at one go.
_PART = 64


class ScanObjects:
    """The pixels of the objects on a prepared scan.

    Parameters
    ----------
    scan : PreparedScan
    threshold : int
        The lightest grey value of an object.
    """

    def __init__(self, scan: PreparedScan, threshold: int) -> None:
        self.scan, self.threshold = scan, threshold

    def measured(self, row: Mapping[str, Any]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """An object with its holes as they are, 255 around it, and the place of its top left corner, px.

        Raises
        ------
        ImageError
            The box of the object lies outside of the scan, or there is no object in it.
        """
        x, y, width, height = self._box(row)
        grey = np.ascontiguousarray(self.scan.pixels[y : y + height, x : x + width])
        import cv2

        filled = np.zeros(grey.shape, dtype=np.uint8)
        cv2.drawContours(filled, [self._outline(grey, row, (x, y))], -1, 255, cv2.FILLED)
        return np.asarray(cv2.bitwise_or(grey, cv2.bitwise_not(filled)), dtype=np.uint8), (x, y)

    def vignette(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """An object on white with a rim, its holes white too; raises as `measured`."""
        alone, _ = self.measured(row)
        alone[alone > self.threshold] = 255
        down, across = (round(RIM * side) for side in alone.shape)
        return np.pad(alone, ((down, down), (across, across)), constant_values=255)

    def many(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[NDArray[np.uint8], tuple[int, int]]]:
        """`measured` for many rows, on one thread per processor."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="cut") as pool:
            parts = pool.map(lambda at: self._part(rows[at : at + _PART]), range(0, len(rows), _PART))
            return [each for part in parts for each in part]

    def _part(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[NDArray[np.uint8], tuple[int, int]]]:
        found = [self.measured(row) for row in rows]
        top, bottom = min(y for _, (_, y) in found), max(y + len(alone) for alone, (_, y) in found)
        let_go(self.scan.pixels[top:bottom])
        return found

    def _box(self, row: Mapping[str, Any]) -> tuple[int, int, int, int]:
        numbers = [row.get(f"object_{name}") for name in ("bx", "by", "width", "height")]
        if any(value is None or not math.isfinite(float(value)) for value in numbers):
            raise ImageError(f"{self.scan.name} says no box of an object: find the objects again.")
        x, y, width, height = (int(value) for value in numbers if value is not None)
        down, across = self.scan.pixels.shape
        if x < 0 or y < 0 or width < 1 or height < 1 or x + width > across or y + height > down:
            what = f"{width} × {height} px at {x}, {y} of {across} × {down} px"
            raise ImageError(f"{self.scan.name} holds no object there ({what}): find the objects again.")
        return x, y, width, height

    def _outline(self, grey: NDArray[np.uint8], row: Mapping[str, Any], corner: tuple[int, int]) -> NDArray[Any]:
        """The outline of the object: the one that starts where the row says, else the one that fills the box, else the longest."""
        import cv2

        start = row.get("object_xstart"), row.get("object_ystart")
        if all(value is not None and math.isfinite(float(value)) for value in start):
            try:
                return traced(grey, (int(start[0]) - corner[0], int(start[1]) - corner[1]), self.threshold)[0]  # type: ignore[arg-type]
            except ValueError:
                pass
        shade = dark_of(grey, self.threshold)
        outlines = cv2.findContours(shade, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        if not outlines:
            raise ImageError(
                f"{self.scan.name} is white at {corner[0]}, {corner[1]}, where an object should be: find the objects again."
            )
        full = (0, 0, grey.shape[1], grey.shape[0])
        found: NDArray[Any] = max(outlines, key=lambda outline: (cv2.boundingRect(outline) == full, cv2.contourArea(outline)))
        return found


class ScanCutter:
    """Cuts vignettes out of one scan; the scan is prepared when the first one is asked for.

    Parameters
    ----------
    files : Files
    name : str
        Of the scan.
    settings : mapping
        Of the use case; see `ScanSettings`. Threshold, resolution and blank scans that the row of an object names are believed first.
    """

    def __init__(self, files: Files, name: str, settings: Mapping[str, Any]) -> None:
        self._files, self._name, self._settings = files, name, settings
        self._objects: ScanObjects | None = None
        self._lock = threading.Lock()

    def cut(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The object of a row, (H, W) uint8, alone on white with a rim; raises `ImageError`."""
        return self._opened(row).vignette(row)

    def close(self) -> None:
        """Let go of the scan."""
        self._objects = None

    def _opened(self, row: Mapping[str, Any]) -> ScanObjects:
        with self._lock:
            if self._objects is None:
                blanks = [part for part in str(row.get(BLANKS) or "").split(";") if part]
                size = row.get(PIXEL_SIZE)
                dpi = 25.4 / float(size) if size is not None and float(size) > 0 else None
                scan = prepare(self._files, self._name, self._settings, blanks=blanks, dpi=dpi)
                threshold = row.get(THRESHOLD)
                known = threshold is not None and math.isfinite(float(threshold))
                chosen = int(threshold) if known else ScanSettings.of(self._settings).threshold  # type: ignore[arg-type]
                self._objects = ScanObjects(scan, chosen)
            return self._objects


def with_scale_bar(vignette: NDArray[np.uint8], pixel_size_mm: float) -> NDArray[np.uint8]:
    """A vignette with a bar of 1 mm under it, for people: a white strip of 31 px as ZooProcess puts it.

    Parameters
    ----------
    vignette : (H, W) uint8 ndarray
    pixel_size_mm : float

    Returns
    -------
    (H + 31, W') uint8 ndarray
        Wide enough for the bar.
    """
    import cv2

    # The pen of 2 px sticks out by its half at either end.
    length = round(1 / pixel_size_mm) + 2
    height, width = vignette.shape
    wide = max(width, length + 2 * _BAR_LEFT)
    picture = np.full((height + SCALE_BAR_PX, wide), 255, dtype=np.uint8)
    left = (wide - width) // 2
    picture[:height, left : left + width] = vignette
    strip = picture[height:]
    strip[SCALE_BAR_PX - _BAR_UP : SCALE_BAR_PX - _BAR_UP + 2, _BAR_LEFT : _BAR_LEFT + length] = 0
    cv2.putText(strip, "1 mm", (_BAR_LEFT + 2, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.32, 0, 1, cv2.LINE_AA)
    return picture
