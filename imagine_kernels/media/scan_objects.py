"""Objects on a whole scan: found strip by strip, joined across the strips, and sorted out as ZooProcess does."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.media.scan_preparing import PreparedScan, ScanSettings
from imagine_kernels.records import Problem, Progress

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the table of objects, in px of the scan: its bounding box, its first pixel row by row, its area with holes filled.
COLUMNS = ("object_bx", "object_by", "object_width", "object_height", "object_xstart", "object_ystart", "object_area")
#: Rows that are looked at in one go.
_ROWS = 512
#: More than this share of dark pixels is no scan of single organisms (ZooProcess).
_TOO_DARK = 0.25

Outline = NDArray[Any]


@dataclass(slots=True)
class _Piece:
    """An outline in one strip, in px of the part of the scan inside its frame."""

    outline: Outline
    x: int
    y: int
    width: int
    height: int
    holed: bool

    @property
    def area(self) -> int:
        """Pixels, holes filled: Pick's theorem on an outline through pixel centres."""
        import cv2

        return int(cv2.contourArea(self.outline) + len(self.outline) / 2 + 1)

    @property
    def start(self) -> tuple[int, int]:
        """The first pixel, row by row."""
        x, y = self.outline[0]
        return int(x), int(y)


@dataclass(slots=True)
class _Strip:
    """What one strip holds: whole objects, and pieces that go on above or below it."""

    whole: list[_Piece] = field(default_factory=list)
    cut: list[_Piece] = field(default_factory=list)
    dark: int = 0
    small: int = 0
    on_edge: int = 0


def find_objects(
    scan: PreparedScan, settings: ScanSettings, progress: Progress | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """The objects on a scan.

    An object is a set of 8-connected pixels up to the threshold with all that its outline encloses. Left out are objects smaller or larger
    than the limits, those on the edge of the glass, lines of the scanner, and what lies in a hole of another object.

    Parameters
    ----------
    scan : PreparedScan
    settings : ScanSettings
    progress : callable, optional

    Returns
    -------
    objects : DataFrame, n rows
        The columns `COLUMNS`, float64 with whole numbers, from top to bottom.
    problems : list of Problem
        Where nothing was found, or so much that the background must be wrong.
    """
    import pandas as pd

    left, top, right, bottom = scan.frame
    part = scan.pixels[top:bottom, left:right]
    low, high = settings.area_limits(scan.pixel_size_mm)
    strips = _strips(part, settings.threshold, low, progress)
    joined, on_edge = _joined(part, strips, settings.threshold, low)
    found = [piece for strip in strips for piece in strip.whole] + joined
    kept = [piece for piece in found if low <= piece.area <= high and piece.width <= settings.max_side_ratio * piece.height]
    lines = sum(piece.width > settings.max_side_ratio * piece.height and piece.area >= low for piece in found)
    kept = sorted(_not_enclosed(kept), key=lambda piece: piece.start[::-1])
    numbers = [(piece.x + left, piece.y + top, piece.width, piece.height) for piece in kept]
    starts = [(piece.start[0] + left, piece.start[1] + top, piece.area) for piece in kept]
    table = np.concatenate(
        [np.array(numbers, dtype=np.float64).reshape(-1, 4), np.array(starts, dtype=np.float64).reshape(-1, 3)], axis=1
    )
    problems = _problems(scan, strips, len(kept), part.size)
    dropped = {"on the edge of the glass": on_edge + sum(strip.on_edge for strip in strips), "lines of the scanner": lines}
    objects = pd.DataFrame(table, columns=list(COLUMNS))
    objects.attrs["dropped"] = dropped
    return objects, problems


def _strips(part: NDArray[np.uint8], threshold: int, least: int, progress: Progress | None) -> list[_Strip]:
    tops = range(0, len(part), _ROWS)
    strips: list[_Strip] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="scan") as pool:
        for strip in pool.map(lambda top: _strip(part, top, threshold, least), tops):
            strips.append(strip)
            if progress is not None:
                progress(min(len(strips) * _ROWS, len(part)), len(part), "rows looked through")
    return strips


def _strip(part: NDArray[np.uint8], top: int, threshold: int, least: int) -> _Strip:
    import cv2

    shade = dark_of(part[top : top + _ROWS], threshold)
    let_go(part[top : top + _ROWS])
    strip = _Strip(dark=cv2.countNonZero(shade))
    if not strip.dark:
        return strip
    outlines, nesting = cv2.findContours(shade, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    height, width = shade.shape
    above, below = top > 0, top + height < len(part)
    outer = np.flatnonzero(nesting[0, :, 3] < 0).tolist()
    holes = nesting[0, :, 2] >= 0
    for at in outer:
        outline = outlines[at]
        x, y, w, h = cv2.boundingRect(outline)
        goes_on = (above and y == 0) or (below and y + h == height)
        if not goes_on and w * h < least:
            strip.small += 1
            continue
        if not goes_on and (x == 0 or x + w == width or y + top == 0 or y + h + top == len(part)):
            strip.on_edge += 1
            continue
        piece = _Piece(outline[:, 0, :] + np.array((0, top), dtype=np.int32), x, y + top, w, h, bool(holes[at]))
        (strip.cut if goes_on else strip.whole).append(piece)
    return strip


def let_go(rows: NDArray[np.uint8]) -> None:
    """Say that some rows of a scan are done with: those of a file count as memory of this process, against its limit, as long as it has them."""
    base: Any = rows
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and len(rows):
        begin = rows.ctypes.data - np.frombuffer(base, dtype=np.uint8).ctypes.data
        start = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
        length = begin + (len(rows) - 1) * rows.strides[0] - start
        if length > 0:
            base.madvise(mmap.MADV_DONTNEED, start, length)


def dark_of(grey: NDArray[np.uint8], threshold: int) -> NDArray[np.uint8]:
    """255 where a grey value belongs to an object, else 0."""
    import cv2

    return np.asarray(cv2.threshold(np.ascontiguousarray(grey), threshold, 255, cv2.THRESH_BINARY_INV)[1], dtype=np.uint8)


def _joined(part: NDArray[np.uint8], strips: Sequence[_Strip], threshold: int, least: int) -> tuple[list[_Piece], int]:
    """The objects that lie on several strips, and how many of those that are on the edge."""
    pieces = [piece for strip in strips for piece in strip.cut]
    parent = np.arange(len(pieces))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = int(parent[at])
        return at

    width = part.shape[1]
    number = 0
    last: NDArray[np.int64] | None = None
    for k, strip in enumerate(strips):
        first, after = np.full(width + 2, -1), np.full(width + 2, -1)
        top, bottom = k * _ROWS, min((k + 1) * _ROWS, len(part)) - 1
        for piece in strip.cut:
            for row, owners in ((top, first), (bottom, after)):
                owners[piece.outline[piece.outline[:, 1] == row, 0] + 1] = number
            number += 1
        if last is not None:
            for shift in (-1, 0, 1):
                there = np.roll(first, shift)
                touching = (last >= 0) & (there >= 0)
                for pair in np.unique(last[touching] * len(pieces) + there[touching]).tolist():
                    parent[root(pair // len(pieces))] = root(pair % len(pieces))
        last = after
    groups: dict[int, list[_Piece]] = {}
    for at, piece in enumerate(pieces):
        groups.setdefault(root(at), []).append(piece)
    joined, on_edge = [], 0
    for group in groups.values():
        x0, y0 = min(each.x for each in group), min(each.y for each in group)
        x1, y1 = max(each.x + each.width for each in group), max(each.y + each.height for each in group)
        if (x1 - x0) * (y1 - y0) < least:
            continue
        if x0 == 0 or y0 == 0 or x1 == width or y1 == len(part):
            on_edge += 1
            continue
        joined.append(group[0] if len(group) == 1 else _whole(part, (x0, y0, x1, y1), group, threshold))
    return joined, on_edge


def _whole(part: NDArray[np.uint8], box: tuple[int, int, int, int], group: Sequence[_Piece], threshold: int) -> _Piece:
    """An object in several strips, traced anew in its box."""
    import cv2

    x0, y0, x1, y1 = box
    start = min((piece.start for piece in group), key=lambda at: at[::-1])
    outline, holed = traced(part[y0:y1, x0:x1], (start[0] - x0, start[1] - y0), threshold)
    let_go(part[y0:y1])
    x, y, width, height = cv2.boundingRect(outline)
    return _Piece(outline[:, 0, :] + np.array((x0, y0), dtype=np.int32), x + x0, y + y0, width, height, holed)


def traced(grey: NDArray[np.uint8], start: tuple[int, int], threshold: int) -> tuple[Outline, bool]:
    """The outline (k, 1, 2) of the object whose first pixel, row by row, is `start`, and whether it has holes.

    Raises
    ------
    ValueError
        No object starts there.
    """
    import cv2

    shade = dark_of(grey, threshold)
    outlines, nesting = cv2.findContours(shade, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for at, outline in enumerate(outlines):
        if nesting[0, at, 3] < 0 and (int(outline[0, 0, 0]), int(outline[0, 0, 1])) == start:
            return outline, bool(nesting[0, at, 2] >= 0)
    raise ValueError("no object starts there")


def _not_enclosed(pieces: list[_Piece]) -> list[_Piece]:
    """Those that do not lie in a hole of another one."""
    import cv2

    boxes = np.array([(each.x, each.y, each.x + each.width, each.y + each.height) for each in pieces]).reshape(-1, 4)
    free = np.ones(len(pieces), dtype=bool)
    for at, piece in enumerate(pieces):
        if piece.holed:
            x0, y0, x1, y1 = boxes[at]
            within = (boxes[:, 0] > x0) & (boxes[:, 1] > y0) & (boxes[:, 2] < x1) & (boxes[:, 3] < y1)
            for other in np.flatnonzero(within & free).tolist():
                x, y = pieces[other].start
                free[other] = cv2.pointPolygonTest(piece.outline, (float(x), float(y)), False) < 0
    return [piece for piece, is_free in zip(pieces, free, strict=True) if is_free]


def _problems(scan: PreparedScan, strips: Sequence[_Strip], kept: int, size: int) -> list[Problem]:
    dark = sum(strip.dark for strip in strips) / max(size, 1)
    if dark > _TOO_DARK:
        what = f"{100 * dark:.0f} % of it is darker than the threshold, so that objects run into one another"
        return [
            Problem(item=scan.name, what=what, remedy="check the blank scans, or set threshold or background", severity="warning")
        ]
    if not kept:
        remedy = "check threshold, dpi and the limits of size"
        return [Problem(item=scan.name, what="no object was found on it", remedy=remedy, severity="warning")]
    return []
