"""Counts from a model and a few labels: how wide the interval is, and how often it holds the truth.

A head learns from some labelled objects of one part; the other part is the sample whose classes are to be counted. Its objects are drawn by
`imagine_kernels.measures.choosing.draw`, and compared with as many labels of random objects, with the same model and without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.choosing import draw, estimate, expected
from imagine_kernels.measures.intervals import wilson

Floats = NDArray[np.float64]
NUMBERS = (25, 50, 100, 200)
HOW = ("drawn for the count", "random, same model", "random, no model")


@dataclass(frozen=True, slots=True)
class Count:
    """One count: draws, labels that they took, the class, and for each of `HOW` half of the interval over the truth, and whether it held it."""

    draws: int
    labels: int
    name: int
    half: tuple[float, ...]
    held: tuple[bool, ...]


def counts(probabilities: Floats, target: NDArray[np.int64], *, times: int, seed: int) -> Iterator[Count]:
    """Count each class of a sample again and again; a class that does not occur is left out."""
    rng = np.random.default_rng(seed)
    for k in np.unique(target):
        truth = target == k
        model = expected(probabilities, np.arange(probabilities.shape[1]) == k)
        for n in NUMBERS:
            for _ in range(times):
                drawn = draw(model, n, seed=int(rng.integers(1 << 31)))
                found = estimate([(drawn, truth[drawn.objects].astype(float))]).total
                labels = len(np.unique(drawn.objects))
                chosen = rng.choice(len(target), labels, replace=False)
                limits = [(found.low, found.high), _with_model(model.added, truth, chosen), _without(truth, chosen)]
                yield Count(
                    draws=n,
                    labels=labels,
                    name=int(k),
                    half=tuple((high - low) / 2 / truth.sum() for low, high in limits),
                    held=tuple(low <= truth.sum() <= high for low, high in limits),
                )


def _with_model(added: Floats, truth: NDArray[np.bool_], chosen: NDArray[np.int64]) -> tuple[float, float]:
    """The difference estimator of simple random sampling without replacement (Särndal et al. 1992, section 6.3)."""
    from scipy.stats import t

    n, labels = len(truth), len(chosen)
    apart = truth[chosen] - added[chosen]
    error = n * np.sqrt((1 - labels / n) * apart.var(ddof=1) / labels)
    total, half = added.sum() + n * apart.mean(), t.ppf(0.975, labels - 1) * error
    return float(total - half), float(total + half)


def _without(truth: NDArray[np.bool_], chosen: NDArray[np.int64]) -> tuple[float, float]:
    """Wilson's interval, with as many labels as count for more because the sample is finite."""
    n, labels = len(truth), len(chosen)
    worth = labels * (n - 1) / max(n - labels, 1)
    low, high = wilson(worth * truth[chosen].mean(), worth)
    return float(n * low), float(n * high)
