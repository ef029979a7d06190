"""Which boxes that were found are which marked ones, picture by picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.slicing import overlaps

#: Boxes of a picture and class that are looked at, those with the highest scores first (COCO: ``maxDets``).
MOST_BOXES = 100
#: A box is right where it shares so much with a marked one.
RIGHT_IOU = 0.5


@dataclass(frozen=True)
class PictureBoxes:
    """What is marked on one picture, and what was found on it.

    Attributes
    ----------
    true_boxes : (m, 4) ndarray of float64
        x_min, y_min, x_max, y_max in px.
    true_classes : (m,) ndarray of int
        Indices into the classes, of which 0 is the background.
    boxes : (n, 4) ndarray of float64
        What was found, in px.
    scores : (n,) ndarray of float64
    classes : (n,) ndarray of int
    """

    true_boxes: NDArray[np.float64]
    true_classes: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]

    @classmethod
    def of(
        cls, true_boxes: ArrayLike, true_classes: ArrayLike, boxes: ArrayLike, scores: ArrayLike, classes: ArrayLike
    ) -> PictureBoxes:
        """Of anything that numpy can read.

        Raises
        ------
        DataError
            The lengths do not fit, or a number is not finite.
        """
        made = cls(
            np.asarray(true_boxes, dtype=np.float64).reshape(-1, 4),
            np.asarray(true_classes, dtype=np.int64).reshape(-1),
            np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
            np.asarray(scores, dtype=np.float64).reshape(-1),
            np.asarray(classes, dtype=np.int64).reshape(-1),
        )
        if len(made.true_boxes) != len(made.true_classes) or not len(made.boxes) == len(made.scores) == len(made.classes):
            raise DataError(
                "The boxes of a picture and their classes or scores differ in number: give one of each for every box."
            )
        if not all(np.isfinite(each).all() for each in (made.true_boxes, made.boxes, made.scores)):
            raise DataError("A box or a score of a picture is not a finite number: leave that box out.")
        return made


@dataclass(frozen=True)
class Ranked:
    """All boxes of one class that were found, by descending score.

    Attributes
    ----------
    scores : (n,) ndarray of float64
    picture : (n,) ndarray of int
        The picture that each is on.
    right : (t, n) ndarray of bool
        Whether each is a marked thing, at each of t thresholds.
    marked : (p,) ndarray of int
        How many of the class are marked on each picture.
    """

    scores: NDArray[np.float64]
    picture: NDArray[np.int64]
    right: NDArray[np.bool_]
    marked: NDArray[np.int64]


def ranked(pictures: Sequence[PictureBoxes], number: int, thresholds: Sequence[float]) -> Ranked:
    """The boxes of the class with that number, matched after the rule of COCO.

    On each picture, from the highest score down, a box takes the marked one of its class that it shares most with, if that reaches the
    threshold of intersection over union and no better box has taken it.
    """
    scores, picture, right = [], [], []
    marked = np.zeros(len(pictures), dtype=np.int64)
    for k, each in enumerate(pictures):
        true = each.true_boxes[each.true_classes == number]
        rows = np.flatnonzero(each.classes == number)
        rows = rows[np.argsort(-each.scores[rows], kind="stable")[:MOST_BOXES]]
        marked[k] = len(true)
        scores.append(each.scores[rows])
        picture.append(np.full(len(rows), k, dtype=np.int64))
        right.append(_matched(overlaps(each.boxes[rows], true), thresholds))
    value = np.concatenate(scores) if scores else np.zeros(0)
    order = np.argsort(-value, kind="stable")
    return Ranked(
        scores=value[order],
        picture=np.concatenate(picture)[order] if picture else np.zeros(0, dtype=np.int64),
        right=np.concatenate(right, axis=1)[:, order] if right else np.zeros((len(thresholds), 0), dtype=bool),
        marked=marked,
    )


def _matched(shared: NDArray[np.float64], thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """Whether each of n boxes, the best first, is one of m marked ones, of their intersections over union (n, m): (t, n)."""
    n, m = shared.shape
    right = np.zeros((len(thresholds), n), dtype=bool)
    if not m:
        return right
    for t, threshold in enumerate(thresholds):
        free, least = np.ones(m, dtype=bool), min(threshold, 1 - 1e-10)
        for row in np.flatnonzero(shared.max(axis=1) >= least):
            # Of equal ones COCO takes the last.
            best = m - 1 - int(np.argmax(np.where(free, shared[row], -1.0)[::-1]))
            if free[best] and shared[row, best] >= least:
                right[t, row], free[best] = True, False
    return right


def paired(boxes: NDArray[np.float64], true: NDArray[np.float64], *, threshold: float = RIGHT_IOU) -> NDArray[np.int64]:
    """The marked box that each of n boxes is, whatever their classes, (n,); -1 where it is none.

    The pairs that share most are made first, and each marked box is taken once.
    """
    shared = overlaps(boxes, true)
    found = np.full(len(boxes), -1, dtype=np.int64)
    free = np.ones(len(true), dtype=bool)
    rows, columns = np.nonzero(shared >= threshold)
    for k in np.argsort(-shared[rows, columns], kind="stable"):
        row, column = rows[k], columns[k]
        if found[row] < 0 and free[column]:
            found[row], free[column] = column, False
    return found


def box_confusion(picture: PictureBoxes, k: int, *, min_score: float) -> NDArray[np.int64]:
    """Things of one picture by true and found class, (k, k) int64; the first class is the background.

    A marked thing that nothing was found of is in the first column, and what was found where nothing is marked in the first row.
    """
    kept = picture.scores >= min_score
    boxes, classes = picture.boxes[kept], picture.classes[kept]
    counts = np.zeros((k, k), dtype=np.int64)
    partner = paired(boxes, picture.true_boxes)
    true = np.where(partner >= 0, picture.true_classes[partner] if len(picture.true_classes) else 0, 0)
    np.add.at(counts, (true, classes), 1)
    missed = np.setdiff1d(np.arange(len(picture.true_boxes)), partner)
    np.add.at(counts, (picture.true_classes[missed], np.zeros(len(missed), dtype=np.int64)), 1)
    return counts
