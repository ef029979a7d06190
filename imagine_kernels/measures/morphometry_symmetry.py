"""Symmetry and thickness of objects, as ZooProcess measures them on a vignette.

They are defined by the macros of ZooProcess (``Zooprocess_generic_PID_Vignettes`` 7.40, repository picheral/Zooprocess), which have no other
publication; here they are written anew from what the macros do. `imagine_kernels.measures.morphometry_zooprocess` names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Values = NDArray[np.float64]

#: Lines across an object, along which its thickness is measured, are this far apart, mm.
STEP_MM = 0.1
#: Side of the square that an object is turned in, times the diagonal of its bounding box.
_ROOM = 1.2
#: Two neighbours that differ by more than this are the edge of an object (black is 0, white 255).
_EDGE = 100


def symmetry(
    masks: Sequence[Mask], outlines: Sequence[NDArray[Any]], *, area: Values, x: Values, y: Values, angle: Values, step: int
) -> tuple[Values, Values, Values]:
    """Symmetry about the two axes of each of n objects, and how unevenly thick it is.

    An object is put into a square with its centroid in the middle and turned until its major axis lies level. Counted are the pixels of
    the square, white ones too, that are the same after it is mirrored.

    Parameters
    ----------
    masks : sequence of n (H, W) uint8 arrays
        255 in the object, 0 outside and in its holes; as large as its bounding box.
    outlines : sequence of n (k, 2) int arrays
        Pixels of the object that its convex hull touches, x and y in its mask: what lies beyond them is white, and is not looked at.
    area : (n,) float64 ndarray
        Of the filled object, px².
    x, y : (n,) float64 ndarray
        Its centroid in its mask, px; the middle of the first pixel is 0.5.
    angle : (n,) float64 ndarray
        Of the major axis, degrees counter-clockwise from the x axis.
    step : int
        Distance of the lines along which the thickness is measured, px; 0 does not measure it.

    Returns
    -------
    across, along : (n,) float64 ndarray
        Half the number of equal pixels over `area`, mirrored left to right and top to bottom.
    thickness : (n,) float64 ndarray
        The greatest thickness over the mean one, on lines across the major axis; the last line does not count, and a line ends where it leaves
        the object for the first time. 1 where there are too few lines.
    """
    import cv2

    room = _ROOM * np.hypot(*np.array([mask.shape for mask in masks]).T)
    side = room.astype(np.int64)
    middle = (side - 1) / 2
    # Where the centroid of the object comes to lie in the square, from its middle; ImageJ pastes at whole pixels.
    left, top = (np.trunc(room / 2 - centre) - middle for centre in (x, y))
    turn = np.radians(180 - angle)
    cosine, sine = np.cos(turn), np.sin(turn)
    # Of the square only the part in its middle that the object reaches is made, the same on both sides.
    lengths = np.array([len(outline) for outline in outlines])
    dx, dy = (np.concatenate(outlines) + np.repeat(np.stack([left, top], axis=1), lengths, axis=0)).T
    c, s = np.repeat(cosine, lengths), np.repeat(sine, lengths)
    first = np.cumsum(lengths) - lengths
    reach = (np.maximum.reduceat(np.abs(far), first) for far in (c * dx + s * dy, c * dy - s * dx))
    skip_x, skip_y = (np.maximum(0, (middle - far).astype(np.int64) - 2) for far in reach)
    shift_x, shift_y = cosine * left + sine * top + middle - skip_x, cosine * top - sine * left + middle - skip_y
    places = np.stack([cosine, sine, shift_x, -sine, cosine, shift_y], axis=1).reshape(-1, 2, 3)
    sizes = np.stack([side - 2 * skip_x, side - 2 * skip_y], axis=1)
    same, thickness = np.empty((len(masks), 2)), np.ones(len(masks))
    for at, (mask, size, begin) in enumerate(zip(masks, sizes.tolist(), (-skip_x % max(step, 1)).tolist(), strict=True)):
        turned = cv2.warpAffine(mask, places[at], size, flags=cv2.INTER_LINEAR)
        black = cv2.threshold(turned, 127, 255, cv2.THRESH_BINARY)[1]
        same[at, 0] = cv2.countNonZero(cv2.compare(turned, cv2.flip(turned, 1), cv2.CMP_EQ))
        same[at, 1] = cv2.countNonZero(cv2.compare(turned, cv2.flip(black, 0), cv2.CMP_EQ))
        if step:
            thickness[at] = _thickness(np.ascontiguousarray(turned[:, begin::step]))
    across, along = (same + (side**2 - sizes.prod(axis=1))[:, None]).T / 2 / area
    return across, along, thickness


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
