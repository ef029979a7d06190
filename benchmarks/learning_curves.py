"""Curves of accuracy against labels from repeated runs, with intervals over repeats and over test objects at once.

The same objects are tested in several repeats, so neither repeats nor objects are independent of each other. Both are drawn anew together: an object
weighs the product of how often it, or the species that it is of, and the repeat were drawn (Owen 2007, The pigeonhole bootstrap, Ann. Appl. Stat. 1,
386-411). That gives intervals which are rather too wide than too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.intervals import LEVEL, Figure

Floats = NDArray[np.float64]
DRAWS = 2000
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, eq=False)
class Runs:
    """What was predicted.

    Attributes
    ----------
    labels : (t,) ndarray of int
        Labels that were there at each point of the curve; the last is all of them.
    predicted : mapping of str to (r, t, n) ndarray of int
        By way of choosing: the class of each object in each repeat, -1 where it was not tested.
    target : (n,) ndarray of int
    units : (n,) ndarray of int
        What is drawn anew as one: the species, or the object.
    """

    labels: NDArray[np.int64]
    predicted: dict[str, NDArray[np.int8]]
    target: NDArray[np.int64]
    units: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curves:
    """Accuracies of each way: as measured (t,), and of each draw (draws, t)."""

    labels: NDArray[np.int64]
    measured: dict[str, Floats]
    drawn: dict[str, Floats]

    def interval(self, way: str) -> tuple[Floats, Floats]:
        """Limits (t,) of the accuracy, at each point on its own."""
        low, high = np.quantile(self.drawn[way], TAILS, axis=0)
        return low, high

    def gain(self, way: str, over: str = "random") -> Figure:
        """Mean of the difference to another way over all points but the last, in percentage points."""
        d = 100 * (self.measured[way] - self.measured[over])[:-1].mean()
        return _figure(d, 100 * (self.drawn[way] - self.drawn[over])[:, :-1].mean(axis=1))

    def worst(self, way: str, over: str = "random") -> Worst:
        """Where it falls behind the other way."""
        d, drawn = (self.measured[way] - self.measured[over])[1:-1], (self.drawn[way] - self.drawn[over])[:, 1:-1]
        error = np.maximum(drawn.std(axis=0), 1e-9)
        # All points at once: the quantile of the largest deviation of any point, not of one.
        most = np.quantile(((drawn - d) / error).max(axis=1), LEVEL)
        one = np.quantile(drawn, LEVEL, axis=0)
        at = int(d.argmin())
        return Worst(
            points=len(d),
            below=int((d < 0).sum()),
            alone=int((one < 0).sum()),
            together=int((d + most * error < 0).sum()),
            at=int(self.labels[1 + at]),
            difference=100 * float(d[at]),
        )

    def needed(self, way: str) -> dict[str, NDArray[np.float64]]:
        """Labels from which on the accuracy stays within a standard error, and within one percentage point, of that with all labels.

        The first entry of each is as measured, the others are of the draws.
        """
        curve = np.vstack([self.measured[way], self.drawn[way]])
        error = self.drawn[way][:, -1].std()
        within = {"1 SE": error, "1 point": 0.01}
        return {name: self.labels[_stays(curve >= curve[:, -1:] - less)].astype(np.float64) for name, less in within.items()}

    def saved(self, way: str, within: str, over: str = "random") -> Figure:
        """Labels needed over those that the other way needs."""
        ratio = self.needed(way)[within] / self.needed(over)[within]
        return _figure(ratio[0], ratio[1:])


@dataclass(frozen=True, slots=True)
class Worst:
    """How often the difference is below zero: at all, with each point tested at 5 % on its own, and with all points tested together."""

    points: int
    below: int
    alone: int
    together: int
    at: int
    difference: float


def curves(runs: Runs, *, balanced: bool, seed: int = 0) -> Curves:
    """Accuracies, or with `balanced` the means of the recalls of the classes."""
    first = next(iter(runs.predicted.values()))
    classes = runs.target[:, None] == np.arange(runs.target.max() + 1) if balanced else np.ones((len(runs.target), 1), dtype=bool)
    rng = np.random.default_rng(seed)
    # The first column is what was measured: every unit and every repeat once.
    units = np.hstack([np.ones((runs.units.max() + 1, 1)), _drawn(rng, int(runs.units.max()) + 1)])
    repeats = np.hstack([np.ones((len(first), 1)), _drawn(rng, len(first))])
    weights = units[runs.units].astype(np.float32)
    found = {way: _weighted(predicted, runs.target, classes, weights, repeats) for way, predicted in runs.predicted.items()}
    return Curves(runs.labels, {way: each[0] for way, each in found.items()}, {way: each[1:] for way, each in found.items()})


def macro_f1(runs: Runs, way: str) -> Floats:
    """(r, t) macro-F1 of each repeat, over the classes that were tested or predicted."""
    from sklearn.metrics import f1_score

    predicted = runs.predicted[way]
    tested = predicted[:, 0] >= 0
    return np.array(
        [
            [f1_score(runs.target[mask], row[mask], average="macro", zero_division=0) for row in rows]
            for rows, mask in zip(predicted, tested, strict=True)
        ]
    )


def mean_interval(values: Sequence[float] | Floats) -> Figure:
    """Mean of repeats with the interval of Student's t."""
    from scipy.stats import t

    each = np.asarray(values, dtype=np.float64)
    half = t.ppf(TAILS[1], len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each))
    return Figure(float(each.mean()), float(each.mean() - half), float(each.mean() + half))


def _weighted(
    predicted: NDArray[np.int8], target: NDArray[np.int64], classes: NDArray[np.bool_], weights: NDArray[Any], repeats: Floats
) -> Floats:
    """(1 + draws, t) accuracies."""
    r, t, n = predicted.shape
    right = (predicted == target).astype(np.float32).reshape(r * t, n)
    tested = (predicted[:, 0] >= 0).astype(np.float32)
    recalls = np.full((classes.shape[1], r, t, weights.shape[1]), np.nan, dtype=np.float32)
    for k, of in enumerate(classes.T):
        hits = (right[:, of] @ weights[of]).reshape(r, t, -1)
        there = (tested[:, of] @ weights[of])[:, None, :]
        np.divide(hits, there, out=recalls[k], where=there > 0)
    by_repeat = np.nanmean(recalls, axis=0)
    share = repeats / repeats.sum(axis=0)
    return np.asarray(np.einsum("rtb,rb->bt", by_repeat, share), dtype=np.float64)


def _drawn(rng: np.random.Generator, n: int) -> Floats:
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS).T.astype(np.float64)


def _stays(good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index of the first point from which on all are good; the last point always is."""
    bad = ~good
    return np.where(bad.any(axis=1), bad.shape[1] - bad[:, ::-1].argmax(axis=1), 0).clip(max=bad.shape[1] - 1)


def _figure(value: float, drawn: Floats) -> Figure:
    low, high = np.quantile(drawn, TAILS)
    return Figure(float(value), float(low), float(high))
