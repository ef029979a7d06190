"""Lengths of the outlines of many objects at once, as ImageJ measures them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry import _DIRECTION, _SIDES

_CORNER = 2 - np.sqrt(2)


def feret_diameters(hulls: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """The largest distance between two corners of the pixels of each of n objects (ImageJ "Feret's diameter"), (n,) px.

    Parameters
    ----------
    hulls : sequence of n (k, 2) arrays
        The convex hull of the pixel centres of each.
    """
    longest = max(len(hull) for hull in hulls)
    same = np.stack([hull[np.minimum(np.arange(longest), len(hull) - 1)] for hull in hulls]).astype(np.float64)
    # The pixels reach half a pixel further than their centres.
    across, down = (np.abs(same[:, :, None, k] - same[:, None, :, k]) + 1 for k in (0, 1))
    return np.asarray(np.sqrt((across**2 + down**2).max(axis=(1, 2))), dtype=np.float64)


def traced_perimeters(contours: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """`imagine_kernels.measures.morphometry.traced_perimeter` of k outlines at once, (k,) px."""
    lengths = np.array([len(contour) for contour in contours])
    first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    points = np.concatenate(contours)
    following = np.arange(1, len(points) + 1)
    following[first + lengths - 1] = first
    step = points[following] - points
    goes = _DIRECTION[step[:, 1] + 1, step[:, 0] + 1]
    came = np.empty_like(goes)
    came[following] = goes
    sides = _SIDES[came, goes]
    # A single pixel goes nowhere: all of its sides count.
    sides[goes < 0] = (0, 2, 4, 6)
    owner = np.repeat(np.repeat(np.arange(len(lengths)), lengths), 4)
    sides = sides.ravel()
    owner, sides = owner[sides >= 0], sides[sides >= 0]
    total = np.bincount(owner, minlength=len(lengths))
    begin = np.concatenate(([0], np.cumsum(total)[:-1]))
    previous = np.arange(-1, len(sides) - 1)
    previous[begin] = begin + total - 1
    turns = np.flatnonzero(sides != sides[previous])
    of = owner[turns]
    number = np.bincount(of, minlength=len(lengths))
    head = np.concatenate(([0], np.cumsum(number)[:-1]))
    earlier = np.concatenate((turns[:1], turns[:-1]))
    earlier[head] = turns[head + number - 1] - total[of[head]]
    position = np.arange(len(turns))
    # ImageJ's rule: a corner counts if the side before it is longer than 1, or if the corner before it did not count.
    since = position - np.maximum.accumulate(np.where(turns - earlier > 1, position, head[of]))
    return np.asarray(total - np.bincount(of, weights=since % 2 == 0, minlength=len(lengths)) * _CORNER, dtype=np.float64)
