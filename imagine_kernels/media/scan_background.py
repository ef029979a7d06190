"""From the values of the scanner to a light, even background: the conversion to 8 bits and the subtraction of blank scans.

Written anew from the macros ``Zooscan_convert``, ``Zooscan_background_5`` and ``Zooscan_1asep`` of ZooProcess (repository picheral/Zooprocess)
and from ImageJ's conversion of 16-bit pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.media.scan_reading import ScanFile

#: The longer side of a blank scan as it is kept, px: light changes slowly over the glass, and blanks are scanned at 300 dpi.
_BLANK_PX = 6000
#: The longer side of the picture that a background is estimated on, px, and the widest object on it that does not count, in parts of that.
_ESTIMATE_PX, _WIDEST = 1200, 0.12
_SLICES = 20
#: OpenCV spreads a picture over 32 767 px at most.
_COLUMNS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How 16 bits become 8: the values that are black and white.

    Attributes
    ----------
    optical_density : float
        Range between black and white where they follow from the scan (ZooProcess ``lut.txt``, line 6).
    ratio : float
        White is the median of the scan times this, black the median over this and over ten to the power of `optical_density` (line 7).
    """

    optical_density: float = 1.8
    ratio: float = 1.15

    def table(self, median: float) -> NDArray[np.uint8]:
        """(65536,) uint8: the grey value of each value of a scan with that median."""
        white = min(65535, math.floor(median * self.ratio))
        black = math.floor(max(0.0, median / (10**self.optical_density * self.ratio)))
        values = np.maximum(np.arange(65536, dtype=np.float64) - black, 0) * (256 / (white - black + 1)) + 0.5
        return np.minimum(values, 255).astype(np.uint8)


def level(scan: ScanFile) -> float:
    """The mean of the medians of twenty slices of a scan without its margins, as ZooProcess takes it; here of every eighth pixel."""
    width, height = max(1, -(-scan.width // 8)), max(1, -(-scan.height // 8))
    small = scan.small(width, height)
    left, top = int(width * 0.03), int(height * 0.05)
    part = small[top : max(top + int(height * 0.93), top + 1), left : max(left + int(width * 0.94), left + 1)]
    return float(np.mean([np.median(each) for each in np.array_split(part, min(_SLICES, len(part)))]))


def eight_bit(scan: ScanFile, conversion: Conversion) -> NDArray[np.uint8] | None:
    """The conversion of a scan with 16 bits as a table, None for one with 8 bits."""
    return conversion.table(level(scan)) if scan.dtype == np.uint16 else None


def blank_of(scans: Sequence[ScanFile], conversion: Conversion) -> NDArray[np.uint8]:
    """The background from one or more blank scans, reduced: each converted by its own level, their mean, smoothed over a disc of radius 3 px."""
    import cv2

    scale = min(1.0, _BLANK_PX / max(max(scan.width, scan.height) for scan in scans))
    width, height = (max(1, round(scale * side)) for side in (scans[0].width, scans[0].height))
    total = np.zeros((height, width), dtype=np.float32)
    for scan in scans:
        small = scan.small(min(width, scan.width), min(height, scan.height))
        table = eight_bit(scan, conversion)
        grey = small if table is None else table[small]
        total += cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-3:4, -3:4]
    disc = ((x**2 + y**2) <= 10).astype(np.float32)
    smooth = cv2.filter2D(total / len(scans), -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.rint(smooth), dtype=np.uint8)


def estimated_background(scan: ScanFile, table: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The background of a scan without a blank, reduced: what is left when everything dark and narrower than an eighth of it is filled in."""
    import cv2

    scale = min(1.0, _ESTIMATE_PX / max(scan.width, scan.height))
    width, height = max(1, round(scale * scan.width)), max(1, round(scale * scan.height))
    small = scan.small(width, height)
    grey = cv2.medianBlur(np.ascontiguousarray(small if table is None else table[small]), 3)
    side = max(3, int(_WIDEST * max(width, height))) | 1
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, element)
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), side / 6), dtype=np.uint8)


class Background:
    """A background of any size, spread over a scan.

    Parameters
    ----------
    blank : (h, w) uint8 ndarray
        As `blank_of` gives it.
    width, height : int
        Of the scan, px.
    """

    def __init__(self, blank: NDArray[np.uint8], width: int, height: int) -> None:
        self._blank, self._width = blank, width
        self._across, self._down = blank.shape[1] / width, blank.shape[0] / height

    def subtracted(self, strip: NDArray[np.uint8], top: int) -> NDArray[np.uint8]:
        """Rows of a scan from `top` on, 255 less what they differ from the background by (ZooProcess, method "neutral")."""
        import cv2

        result = np.empty_like(strip)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for left in range(0, self._width, _COLUMNS):
            part = strip[:, left : left + _COLUMNS]
            # Pixel centres lie half a pixel from the edges in both.
            x, y = (left + 0.5) * self._across - 0.5, (top + 0.5) * self._down - 0.5
            place = np.array([[self._across, 0, x], [0, self._down, y]])
            size = (part.shape[1], part.shape[0])
            here = cv2.warpAffine(self._blank, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            result[:, left : left + _COLUMNS] = cv2.bitwise_not(cv2.absdiff(here, np.ascontiguousarray(part)))
        return result


def frame_of(small: NDArray[Any], step: int) -> tuple[int, int, int, int]:
    """Where the frame around the glass begins: left, top, right, bottom, px of the scan.

    From near each edge outwards, the first line that is darker than 0.9 times the grey value there begins the frame (ZooProcess, "greytaux").

    Parameters
    ----------
    small : (h, w) uint8 ndarray
        The scan before its background is subtracted, each pixel the mean of `step` times `step`.
    step : int
        px; ZooProcess takes a 240th of an inch.
    """
    height, width = small.shape
    across = small[int(height * 0.375) : int(height * 0.625) + 1].mean(axis=0)
    down = small[:, int(width / 4) : int(width * 0.45) + 1].mean(axis=1)
    left, right = (_first_dark(line) for line in (across, across[::-1]))
    top, bottom = (_first_dark(line) for line in (down, down[::-1]))
    return left * step, top * step, (width - right) * step, (height - bottom) * step


def _first_dark(line: NDArray[np.float64]) -> int:
    """How many values at the start of a line belong to the frame."""
    inner = max(1, int(len(line) * 0.05))
    limit = 0.9 * float(line[inner : inner + 10].mean())
    dark = np.flatnonzero(line[:inner] < limit)
    return int(dark[-1]) + 1 if dark.size else 0
