"""Objects on a scan that were divided: lines of background through them, and the parts that are left, each an object of its own.

A line is one pixel wide and 4-connected, so that nothing 8-connected goes through it, as in the separation masks of ZooProcess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.media.scan_cutting import ScanCutter, ScanObjects
from imagine_kernels.media.scan_objects import COLUMNS, dark_of
from imagine_kernels.records.cuts import CUT, Lines, from_wkt


def drawn(grey: NDArray[np.uint8], lines: Lines, *, corner: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """Part of a scan (H, W) whose top left pixel is `corner` (x, y), with lines of background drawn into a copy of it."""
    import cv2

    copy = np.array(grey, dtype=np.uint8, order="C")
    for line in lines:
        points = np.array(line, dtype=np.int32) - np.array(corner, dtype=np.int32)
        cv2.polylines(copy, [points.reshape(-1, 1, 2)], False, 255, 1, cv2.LINE_4)
    return copy


def divided(
    alone: NDArray[np.uint8], lines: Lines, *, corner: tuple[int, int], threshold: int, least_area: int
) -> NDArray[np.float64]:
    """The parts that lines leave of one object.

    Parameters
    ----------
    alone : (H, W) uint8 ndarray
        The object with 255 around it, see `ScanObjects.measured`.
    lines : Lines
        In px of the scan.
    corner : (int, int)
        Where the top left pixel of `alone` lies in the scan, x and y.
    threshold : int
        The lightest grey value of an object.
    least_area : int
        px²; smaller pieces are no objects, as on the whole scan.

    Returns
    -------
    (n, 7) float64 ndarray
        The columns `imagine_kernels.media.scan_objects.COLUMNS` of each part, from top to bottom.

    Raises
    ------
    DataError
        The lines do not divide the object into two or more.
    """
    import cv2

    shade = dark_of(drawn(alone, lines, corner=corner), threshold)
    outlines = cv2.findContours(shade, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    rows = []
    for outline in outlines:
        # Pick's theorem, as everywhere where objects are found.
        area = int(cv2.contourArea(outline) + len(outline) / 2 + 1)
        if area >= least_area:
            x, y, width, height = cv2.boundingRect(outline)
            first = outline[np.lexsort((outline[:, 0, 0], outline[:, 0, 1]))[0], 0]
            place = [x + corner[0], y + corner[1], width, height, int(first[0]) + corner[0], int(first[1]) + corner[1], area]
            rows.append(place)
    if len(rows) < 2:
        small = sum(1 for _ in outlines) > 1
        what = "leave a single part that is large enough for an object" if small else "do not divide the object"
        raise DataError(f"The lines {what}: draw them from background to background, right through it.")
    rows.sort(key=lambda place: (place[5], place[4]))
    return np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))


class PartObjects(ScanObjects):
    """The pixels of the objects on a prepared scan, of those too that others were divided into."""

    def measured(self, row: Mapping[str, Any]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """See `ScanObjects.measured`."""
        try:
            lines = from_wkt(row.get(CUT))
        except DataError as error:
            raise ImageError(f"{self.scan.name}, {row.get('object_id')}: {error}") from None
        if not lines:
            return super().measured(row)
        x, y, width, height = self._box(row)
        grey = drawn(self.scan.pixels[y : y + height, x : x + width], lines, corner=(x, y))
        here = {**row, "object_bx": 0, "object_by": 0}
        here |= {f"object_{axis}start": float(row[f"object_{axis}start"]) - start for axis, start in (("x", x), ("y", y))}
        alone, _ = ScanObjects(replace(self.scan, pixels=grey), self.threshold).measured(here)
        return alone, (x, y)


class PartCutter(ScanCutter):
    """Cuts vignettes out of one scan, of parts of divided objects too."""

    def objects(self, row: Mapping[str, Any]) -> PartObjects:
        """What cuts out of the scan, made ready as the row of an object on it says."""
        whole = super()._opened(row)
        return PartObjects(whole.scan, whole.threshold)

    def _opened(self, row: Mapping[str, Any]) -> ScanObjects:
        return self.objects(row)
