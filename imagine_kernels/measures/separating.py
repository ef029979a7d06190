"""Where several bodies that were found as one object part: the watershed of the distance to the background, and its lines.

A body is a maximum of the distance *d* of each pixel to the background. Two are told apart where the way from one to the other leads over a neck
that is narrower than the smaller body by a given share, that is, where the smaller maximum rises above the neck by that share of itself: on
log *d* these are the h-maxima with h = -log(1 - share), whatever the size of the bodies. From them the watershed grows, and basins that
are too small for an organism (antennae, setae) go to the neighbour with which they share the longest border.

Sources: Soille (2003), Morphological Image Analysis, 2nd ed., 6.3.4 (h-maxima) and 9.2 (watershed); ZooProcess' separator draws the same lines
between bodies that a network has found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records.cuts import Line, Lines

#: How much narrower than the smaller body a neck is, and the share of the object that a part has at least.
MARKER_DEPTH, LEAST_PART = 0.3, 0.15
#: What is likely to be several is looked at again with these shares of both where nothing was found.
SHARES = (1.0, 2 / 3, 1 / 3)
#: Added to all distances, px: at the rim, where they are a pixel or two, they would else jump.
_RIM = 1.5
#: A line may be so far off the border between two basins, px, and goes on for so long beyond the object.
_TOLERANCE, _BEYOND = 1.0, 2.0
#: A border of fewer px has no direction of its own; the bodies beside it are looked at so far around, px.
_SHORT, _NEAR = 5, 6
_AROUND = np.ones((3, 3), dtype=np.uint8)

Labels = NDArray[np.int32]


def filled(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 in the object (H, W) and in its holes, else 0."""
    import cv2

    outlines = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return np.asarray(cv2.drawContours(np.zeros(mask.shape, dtype=np.uint8), outlines, -1, 1, cv2.FILLED), dtype=np.uint8)


def bodies(mask: NDArray[np.bool_], *, marker_depth: float = MARKER_DEPTH, least_part: float = LEAST_PART) -> Labels:
    """The bodies of one object, numbered.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        The object; its holes are taken as filled.
    marker_depth : float
        In (0, 1): a neck between two bodies is narrower than the smaller one by this share at least.
    least_part : float
        Share of the area that a body has at least; smaller ones are joined to their neighbour.

    Returns
    -------
    (H, W) int32 ndarray
        0 outside, from 1 the bodies.
    """
    import cv2
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    inside = np.pad(filled(mask), 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    height = np.where(inside > 0, np.log((distance + _RIM) / _RIM), 0).astype(np.float32)
    below = height + np.float32(math.log(1 - marker_depth))
    lowered = reconstruction(below, height, method="dilation")  # type: ignore[no-untyped-call]
    peaks = local_maxima(lowered, connectivity=2) & (inside > 0)  # type: ignore[no-untyped-call]
    markers = cv2.connectedComponents(peaks.astype(np.uint8), connectivity=8)[1]
    labels = watershed(-height, markers, mask=inside > 0, connectivity=2)  # type: ignore[no-untyped-call]
    return _joined(labels.astype(np.int32), least_part)[1:-1, 1:-1]


def _joined(labels: Labels, least_part: float) -> Labels:
    """The basins with the small ones joined to a neighbour, smallest first, numbered anew."""
    import cv2

    n = int(labels.max())
    area = np.bincount(labels.ravel(), minlength=n + 1)
    least = least_part * area[1:].sum()
    left: set[int] = set((np.flatnonzero(area[1:]) + 1).tolist())
    while len(left) > 1:
        small = min(left, key=lambda at: (area[at], at))
        if area[small] >= least:
            break
        ring = cv2.dilate((labels == small).astype(np.uint8), _AROUND) > 0
        shared = np.bincount(labels[ring], minlength=n + 1)
        shared[[0, small]] = 0
        left.discard(small)
        if shared.any():
            neighbour = int(shared.argmax())
            labels[labels == small] = neighbour
            area[neighbour] += area[small]
        else:
            labels[labels == small] = 0
    numbers = np.zeros(n + 1, dtype=np.int32)
    numbers[sorted(left)] = np.arange(1, len(left) + 1)
    return np.asarray(numbers[labels], dtype=np.int32)


def proposed_cut(mask: NDArray[np.bool_], *, marker_depth: float = MARKER_DEPTH, least_part: float = LEAST_PART) -> Lines:
    """The lines that part the bodies of an object that is likely to be several.

    Parameters
    ----------
    mask, marker_depth, least_part
        See `bodies`; where they find a single one, less deep necks and smaller parts count.

    Returns
    -------
    Lines
        Points (x, y) in px of `mask`; they go a little beyond the object. None where it is one body all the same.
    """
    for share in SHARES:
        labels = bodies(mask, marker_depth=marker_depth * share, least_part=least_part * share)
        if labels.max() > 1:
            return tuple(_borders(labels))
    return ()


def _borders(labels: Labels) -> Iterator[Line]:
    """A line along each border between two bodies."""
    import cv2

    for one in range(1, int(labels.max()) + 1):
        near = cv2.dilate((labels == one).astype(np.uint8), _AROUND) > 0
        for other in np.unique(labels[near & (labels > one)]).tolist():
            border = (near & (labels == other)).astype(np.uint8)
            n, pieces = cv2.connectedComponents(border, connectivity=8)
            for piece in range(1, n):
                pixels = np.argwhere(pieces == piece)
                line = _across(pixels, labels, one, other) if len(pixels) < _SHORT else _along(pixels)
                yield tuple((round(x), round(y)) for x, y in line.tolist())


def _along(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """A line (k, 2) of x, y from end to end of a border (n, 2) of rows and columns, both ends drawn out of the object."""
    import cv2

    path = np.array(_way(pixels), dtype=np.float32)[:, ::-1]
    line = cv2.approxPolyDP(np.ascontiguousarray(path).reshape(-1, 1, 2), _TOLERANCE, closed=False)[:, 0, :].astype(np.float64)
    for end, inner in ((0, 1), (-1, -2)):
        along = line[end] - line[inner]
        line[end] += along / max(float(np.hypot(*along)), 1e-9) * _BEYOND
    return line


def _across(pixels: NDArray[np.int64], labels: Labels, one: int, other: int) -> NDArray[np.float64]:
    """A line (2, 2) of x, y through a border of a few pixels, which has no direction of its own: across the way between the two bodies."""
    middle = pixels.mean(axis=0)
    top, left = (max(int(at) - _NEAR, 0) for at in middle)
    window = labels[top : int(middle[0]) + _NEAR + 1, left : int(middle[1]) + _NEAR + 1]
    way = np.argwhere(window == other).mean(axis=0) - np.argwhere(window == one).mean(axis=0)
    way /= max(float(np.hypot(*way)), 1e-9)
    half = np.array([-way[1], way[0]]) * (len(pixels) / 2 + _BEYOND)
    return np.array([middle - half, middle + half])[:, ::-1]


def _way(pixels: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The pixels of a border in order: the shortest way between those that are farthest from each other."""
    there = {(int(row), int(column)) for row, column in pixels}

    def reached(start: tuple[int, int]) -> dict[tuple[int, int], tuple[int, int]]:
        before, front = {start: start}, [start]
        for at in front:
            for down in (-1, 0, 1):
                for across in (-1, 0, 1):
                    step = at[0] + down, at[1] + across
                    if step in there and step not in before:
                        before[step] = at
                        front.append(step)
        return before

    # What is reached last from anywhere is an end, and what is reached last from there the other one.
    end = list(reached(min(there)))[-1]
    before = reached(end)
    at = list(before)[-1]
    way = [at]
    while at != end:
        at = before[at]
        way.append(at)
    return way
