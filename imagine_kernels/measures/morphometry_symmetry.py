"""Symmetry, thickness and grey structure of one object, as ZooProcess measures them on a vignette.

They are defined by the macros of ZooProcess (``Zooprocess_generic_PID_Vignettes`` 7.40, repository picheral/Zooprocess), which have no other
publication; here they are written anew from what the macros do. `imagine_kernels.measures.morphometry_zooprocess` names them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

#: Lines across an object, along which its thickness is measured, are this far apart, mm.
STEP_MM = 0.1
#: Side of the square that an object is turned in, times the diagonal of its bounding box.
_ROOM = 1.2
#: Two neighbours that differ by more than this are the edge of an object (black is 0, white 255).
_EDGE = 100
#: The least parts that are counted, px².
_LEAST_PART = 5
_NEIGHBOURS = np.ones((3, 3), dtype=np.uint8)


def symmetry(
    mask: Mask, outline: NDArray[Any], *, area: float, x: float, y: float, angle: float, step: int
) -> tuple[float, float, float]:
    """Symmetry about the two axes of an object, and how unevenly thick it is.

    The object is put into a square with its centroid in the middle and turned until its major axis lies level. Counted are the pixels of
    the square, white ones too, that are the same after it is mirrored.

    Parameters
    ----------
    mask : (H, W) uint8 ndarray
        255 in the object, 0 outside and in its holes; as large as the bounding box.
    outline : (k, 2) int ndarray
        Pixels of the object that its convex hull touches: what lies beyond them is white, and is not looked at.
    area : float
        Of the filled object, px².
    x, y : float
        Its centroid in `mask`, px; the middle of the first pixel is 0.5.
    angle : float
        Of the major axis, degrees counter-clockwise from the x axis.
    step : int
        Distance of the lines along which the thickness is measured, px; 0 does not measure it.

    Returns
    -------
    across, along : float
        Half the number of equal pixels over `area`, mirrored left to right and top to bottom.
    thickness : float
        The greatest thickness over the mean one, on lines across the major axis; the last line does not count, and a line ends where it leaves
        the object for the first time. 1 where there are too few lines.
    """
    import cv2

    height, width = mask.shape
    side = _ROOM * math.hypot(width, height)
    n = int(side)
    # Where the centroid of the object comes to lie in the square; ImageJ pastes at whole pixels.
    left, top, middle = int(side / 2 - x), int(side / 2 - y), (n - 1) / 2
    turn = math.radians(180 - angle)
    cosine, sine = math.cos(turn), math.sin(turn)
    # Of the square only the part in its middle that the object reaches is made, the same on both sides.
    dx, dy = outline[:, 0] + (left - middle), outline[:, 1] + (top - middle)
    reach = np.abs(cosine * dx + sine * dy).max(), np.abs(cosine * dy - sine * dx).max()
    skip_x, skip_y = (max(0, int(middle - far) - 2) for far in reach)
    place = np.array(
        [
            [cosine, sine, cosine * (left - middle) + sine * (top - middle) + middle - skip_x],
            [-sine, cosine, cosine * (top - middle) - sine * (left - middle) + middle - skip_y],
        ]
    )
    turned = cv2.warpAffine(mask, place, (n - 2 * skip_x, n - 2 * skip_y), flags=cv2.INTER_LINEAR)
    beyond = n * n - turned.size
    across = beyond + cv2.countNonZero(cv2.compare(turned, cv2.flip(turned, 1), cv2.CMP_EQ))
    black = cv2.threshold(turned, 127, 255, cv2.THRESH_BINARY)[1]
    along = beyond + cv2.countNonZero(cv2.compare(turned, cv2.flip(black, 0), cv2.CMP_EQ))
    thickness = _thickness(np.ascontiguousarray(turned[:, -skip_x % step :: step])) if step else 1.0
    return across / 2 / area, along / 2 / area, thickness


def _thickness(lines: Mask) -> float:
    """Greatest over mean thickness along the columns of `lines`."""
    import cv2

    if len(lines) < 2:
        return 1.0
    edges = cv2.threshold(cv2.absdiff(lines[:-1], lines[1:]), _EDGE, 1, cv2.THRESH_BINARY)[1]
    first = edges.argmax(axis=0)
    edges[first, np.arange(edges.shape[1])] = 0
    second = edges.argmax(axis=0)
    thick = (second - first)[second > 0]
    total = float(thick[:-1].sum())
    return float(thick[:-1].max()) * len(thick) / total if total else 1.0


def up_to(grey: NDArray[np.uint8], level: int) -> Mask:
    """255 where a grey value is `level` at most, else 0."""
    import cv2

    return np.asarray(cv2.threshold(grey, level, 255, cv2.THRESH_BINARY_INV)[1], dtype=np.uint8)


def parts(dark: NDArray[np.uint8], level: int) -> int:
    """How many parts with a grey value up to `level` are left when a pixel is taken off all edges, holes filled and 5 px² at least.

    Parameters
    ----------
    dark : (H, W) uint8 ndarray
        Grey values, 255 outside of the object and in its holes.
    """
    import cv2

    core = cv2.erode(up_to(dark, level), _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    contours = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    # An outline of so many steps encloses enough, whatever its form.
    return sum(len(contour) >= 2 * _LEAST_PART - 2 or filled_area(contour) >= _LEAST_PART for contour in contours)


def filled_area(contour: NDArray[Any]) -> float:
    """Pixels within an outline through pixel centres, those on it included: Pick's theorem."""
    import cv2

    # The outline of a single pixel has a corner, and no step.
    return float(cv2.contourArea(contour)) + len(contour) / 2 + 1 if len(contour) > 1 else 1.0


def largest(contours: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The outline that encloses most; not each of many small ones is measured."""
    best, most = contours[0], 0.0
    for contour in sorted(contours, key=len, reverse=True):
        # A step is √2 px long at most, and no outline of that length encloses more than a circle.
        if len(contour) ** 2 / (2 * math.pi) + len(contour) / 2 + 1 < most:
            break
        if (area := filled_area(contour)) > most:
            best, most = contour, area
    return best


def contrast(dark: NDArray[np.uint8], counts: NDArray[Any], levels: tuple[int, ...]) -> float:
    """The sum ZooProcess calls "fcons": how much pixels of some grey values differ from the mean of their eight neighbours.

    The pixels of a level are visited column by column; each adds the differences of all of its level up to itself, times the number of
    pixels of that level over 256. The sum is divided by the number of pixels visited plus one.

    Parameters
    ----------
    dark : (H, W) uint8 ndarray
        As in `parts`.
    counts : (256,) ndarray
        How many pixels have each grey value.
    levels : tuple of int
        For each level the greatest grey value is taken whose count is not 0 and does not exceed the level.
    """
    height, width = dark.shape
    if height < 3 or width < 3:
        return 0.0
    filled = np.flatnonzero(counts[:255])
    some = counts[filled]
    chosen = {int(fits[-1]) if (fits := filled[some <= level]).size else 0 for level in levels}
    flat, inside = dark.ravel(), dark[1:-1, 1:-1]
    steps = np.array([down * width + across for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across])
    total, visited = 0.0, 1
    for value in chosen:
        rows, columns = np.nonzero(inside == value)
        if len(rows):
            at = ((rows + 1) * width + columns + 1)[np.lexsort((rows, columns))]
            difference = np.abs(value - flat[at[:, None] + steps].mean(axis=1))
            total += float(np.cumsum(difference).sum()) * float(counts[value]) / 256
            visited += len(at)
    return total / visited
