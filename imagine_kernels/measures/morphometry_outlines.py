"""Outlines of many objects at once: what they enclose, how far they reach, and their lengths as ImageJ measures them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry import _DIRECTION, _SIDES

_CORNER = 2 - np.sqrt(2)
#: The sides of a pixel, and how many an outline passes by its step into and out of a pixel, see `_SIDES`.
_ALL = np.array([0, 2, 4, 6], dtype=np.int8)
_PASSED = (_SIDES >= 0).sum(axis=2).ravel()


@dataclass(frozen=True, slots=True)
class Outlines:
    """k outlines one after the other, each the 8-connected border pixels in order.

    Attributes
    ----------
    each : list of k (m, 1, 2) int32 arrays
        As `cv2.findContours` gives them without approximation.
    points : (p, 2) int32 ndarray
        All of them, x and y.
    first, lengths : (k,) int64 ndarray
        Where each begins in `points`, and how many it has.
    """

    each: list[NDArray[Any]]
    points: NDArray[Any]
    first: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def around(cls, mask: NDArray[np.uint8]) -> Outlines:
        """The outer outlines of everything in a mask."""
        import cv2

        return cls.of(list(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]))

    @classmethod
    def of(cls, each: list[NDArray[Any]]) -> Outlines:
        """Outlines (m, 1, 2) or (m, 2)."""
        lengths = np.fromiter(map(len, each), dtype=np.int64, count=len(each))
        points = np.concatenate(each).reshape(-1, 2) if each else np.empty((0, 2), dtype=np.int32)
        return cls(each, points, np.cumsum(lengths) - lengths, lengths)

    def chosen(self, which: NDArray[np.int64]) -> Outlines:
        """Some of them, in that order."""
        return self.of([self.each[at] for at in which.tolist()])

    @property
    def starts(self) -> NDArray[Any]:
        """(k, 2): the first pixel of each."""
        return self.points[self.first]

    def filled_areas(self) -> NDArray[np.float64]:
        """Pixels within each, those on it included, (k,): Pick's theorem."""
        if not self.each:
            return np.empty(0)
        x, y = self.points.astype(np.int64).T
        on = self._following()
        twice = np.abs(np.add.reduceat(x * y[on] - x[on] * y, self.first))
        # The outline of a single pixel has a corner, and no step.
        return np.where(self.lengths > 1, (twice + self.lengths) / 2 + 1, 1.0)

    def traced_perimeters(self) -> NDArray[np.float64]:
        """`imagine_kernels.measures.morphometry.traced_perimeter` of each, (k,) px."""
        following = self._following()
        step = np.take(self.points, following, axis=0) - self.points
        goes = _DIRECTION[step[:, 1] + 1, step[:, 0] + 1]
        came = np.empty_like(goes)
        came[following] = goes
        # A single pixel goes nowhere: all of its sides count.
        corner = np.where(goes < 0, len(_PASSED), came * 8 + goes)
        sides = np.take(np.append(_SIDES.reshape(-1, 4), [_ALL], axis=0), corner, axis=0)
        total = np.add.reduceat(np.append(_PASSED, len(_ALL))[corner], self.first)
        sides = sides[sides >= 0]
        begin = np.cumsum(total) - total
        turned = np.empty(len(sides), dtype=bool)
        turned[1:] = sides[1:] != sides[:-1]
        turned[begin] = sides[begin] != sides[begin + total - 1]
        turns = np.flatnonzero(turned)
        of = np.searchsorted(begin, turns, side="right") - 1
        number = np.bincount(of, minlength=len(total))
        head = np.cumsum(number) - number
        earlier = np.concatenate((turns[:1], turns[:-1]))
        earlier[head] = turns[head + number - 1] - total[of[head]]
        position = np.arange(len(turns))
        # ImageJ's rule: a corner counts if the side before it is longer than 1, or if the corner before it did not count.
        since = position - np.maximum.accumulate(np.where(turns - earlier > 1, position, head[of]))
        return np.asarray(total - np.bincount(of, weights=since % 2 == 0, minlength=len(total)) * _CORNER, dtype=np.float64)

    def _following(self) -> NDArray[np.int64]:
        """The place in `points` of the one that follows each, the first following the last."""
        following = np.arange(1, len(self.points) + 1)
        following[self.first + self.lengths - 1] = self.first
        return following


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
