"""How good a classifier is on labelled objects, each figure with a 95 % interval.

Definitions are those of scikit-learn: balanced accuracy is the mean recall of the classes that occur; macro F1 is the mean F1 of the classes
that occur among the true or the predicted labels; a precision without predictions counts as 0. The expected calibration error has 15 bins of
equal width (Guo et al. 2017, On calibration of modern neural networks, ICML).

Intervals are percentiles of a bootstrap over objects. Where a proportion is exactly 0 or 1 every resample says the same; there the limits are
those of Wilson's interval, so that five right out of five do not look like certainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.intervals import Figure, wilson
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd

N_BINS = 15
_OVERALL = ("accuracy", "balanced_accuracy", "macro_f1", "ece")
_PER_CLASS = ("precision", "recall", "f1")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics of a classifier on n labelled objects.

    Attributes
    ----------
    n : int
        Objects that were compared.
    n_draws : int
        Bootstrap draws behind the intervals.
    metrics : mapping of str to Figure
        ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``ece``.
    per_class : mapping of str to mapping of str to Figure
        Class → ``precision``, ``recall``, ``f1``; NaN where the class does not occur.
    confusion : Confusion
        Rows are the true class, columns the predicted one.
    """

    n: int
    n_draws: int
    metrics: Mapping[str, Figure]
    per_class: Mapping[str, Mapping[str, Figure]]
    confusion: Confusion

    def __getitem__(self, metric: str) -> Figure:
        return self.metrics[metric]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the confusion matrix."""
        return self.confusion.classes

    def table(self) -> pd.DataFrame:
        """One row per figure: ``metric``, ``label`` (empty for the whole), ``value``, ``low``, ``high``, ``n`` true objects."""
        import pandas as pd

        rows = [(name, "", figure.value, figure.low, figure.high, self.n) for name, figure in self.metrics.items()]
        support = self.confusion.counts.sum(axis=1)
        for label, n in zip(self.classes, support, strict=True):
            rows += [(name, label, f.value, f.low, f.high, int(n)) for name, f in self.per_class[label].items()]
        return pd.DataFrame(rows, columns=["metric", "label", "value", "low", "high", "n"])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON: each metric as ``{"value", "low", "high"}``, ``per_class`` and ``confusion``."""
        support = self.confusion.counts.sum(axis=1).tolist()
        return {
            "n": self.n,
            "n_draws": self.n_draws,
            **{name: figure.to_dict() for name, figure in self.metrics.items()},
            "per_class": {
                label: {"n": n, **{name: figure.to_dict() for name, figure in self.per_class[label].items()}}
                for label, n in zip(self.classes, support, strict=True)
            },
            "confusion": {"classes": list(self.classes), "counts": self.confusion.counts.tolist()},
        }


def evaluate(
    true: Sequence[str] | NDArray[Any], probabilities: NDArray[Any], classes: Sequence[str], *, n_draws: int = 1000, seed: int = 0
) -> Evaluation:
    """Compare predicted probabilities with true labels.

    Parameters
    ----------
    true : (n,) sequence of str
    probabilities : (n, k) ndarray
        Rows sum to 1.
    classes : sequence of str, length k
    n_draws : int
        Bootstrap draws.
    seed : int

    Raises
    ------
    LabelError
        There is nothing to compare, the shapes do not fit, or a true label is not among `classes`.
    """
    names = tuple(str(name) for name in classes)
    values = np.asarray(probabilities, dtype=np.float64)
    labels = [str(label) for label in true]
    if not labels:
        raise LabelError("There are no labelled objects to compare with: give data that carry labels.")
    if values.shape != (len(labels), len(names)):
        raise LabelError(f"Probabilities have the shape {values.shape}, not (objects, classes) = ({len(labels)}, {len(names)}).")
    column = {name: i for i, name in enumerate(names)}
    unknown = sorted(set(labels) - set(column))
    if unknown:
        raise LabelError(f"The label {unknown[0]!r} is not among the classes {', '.join(names)}: leave these objects out.")
    if not np.isfinite(values).all():
        raise LabelError("Some probabilities are not finite numbers: identify the objects again.")
    truth = np.array([column[label] for label in labels], dtype=np.int64)
    predicted = values.argmax(axis=1)
    confidence = values.max(axis=1)
    k, n = len(names), len(labels)
    cell = truth * k + predicted
    # Bins are open below, as in the definition: (0, 1/15], (1/15, 2/15] …
    bins = np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    gap = (truth == predicted) - confidence

    counts = np.bincount(cell, minlength=k * k).reshape(1, k, k)
    gaps = np.bincount(bins, weights=gap, minlength=N_BINS)[None].astype(np.float64)
    point = _metrics(counts.astype(np.float64), gaps)
    drawn = _bootstrap(cell, bins, gap, k, n_draws, np.random.default_rng(seed))

    figures = {name: _figures(point[name][0], drawn[name]) for name in (*_OVERALL, *_PER_CLASS)}
    support, found = counts[0].sum(axis=1), counts[0].sum(axis=0)
    hits = counts[0].diagonal()
    _widen(figures["accuracy"], hits.sum(keepdims=True), np.array([n]))
    _widen(figures["recall"], hits, support)
    _widen(figures["precision"], hits, found)
    return Evaluation(
        n=n,
        n_draws=n_draws,
        metrics={name: Figure(*(float(x) for x in figures[name][:, 0])) for name in _OVERALL},
        per_class={
            label: {name: Figure(*(float(x) for x in figures[name][:, i])) for name in _PER_CLASS}
            for i, label in enumerate(names)
        },
        confusion=Confusion(classes=names, counts=counts[0].astype(np.int64)),
    )


def _metrics(counts: NDArray[np.float64], gaps: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """All metrics of b confusion matrices (b, k, k) and calibration gaps (b, bins): (b,) each, (b, k) for those per class."""
    n = counts.sum(axis=(1, 2))
    hits = np.diagonal(counts, axis1=1, axis2=2)
    true, found = counts.sum(axis=2), counts.sum(axis=1)
    occurs = true + found > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(true > 0, hits / true, np.nan)
        precision = np.where(found > 0, hits / found, np.where(occurs, 0.0, np.nan))
        f1 = np.where(occurs, 2 * hits / (true + found), np.nan)
    return {
        "accuracy": hits.sum(axis=1) / n,
        "balanced_accuracy": np.nansum(recall, axis=1) / (true > 0).sum(axis=1),
        "macro_f1": np.nansum(f1, axis=1) / occurs.sum(axis=1),
        "ece": np.abs(gaps).sum(axis=1) / n,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def _bootstrap(
    cell: NDArray[np.int64], bins: NDArray[np.int64], gap: NDArray[np.float64], k: int, n_draws: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    n = len(cell)
    # Blocks of draws keep the memory bounded for many objects or many classes.
    block = max(1, min(n_draws, 4_000_000 // max(n, k * k)))
    parts = []
    for start in range(0, n_draws, block):
        size = min(block, n_draws - start)
        chosen = rng.integers(0, n, size=(size, n))
        row = np.arange(size)[:, None]
        counts = np.bincount((row * (k * k) + cell[chosen]).ravel(), minlength=size * k * k).reshape(size, k, k)
        where = (row * N_BINS + bins[chosen]).ravel()
        gaps = np.bincount(where, weights=gap[chosen].ravel(), minlength=size * N_BINS).reshape(size, N_BINS)
        parts.append(_metrics(counts.astype(np.float64), gaps.astype(np.float64)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _figures(value: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, m): value, low, high."""
    value, drawn = np.atleast_1d(value), drawn.reshape(len(drawn), -1)
    limits = np.full((2, drawn.shape[1]), np.nan)
    # A class can be missing from every draw.
    some = ~np.isnan(drawn).all(axis=0)
    limits[:, some] = np.nanpercentile(drawn[:, some], [2.5, 97.5], axis=0)
    return np.vstack([value, limits])


def _widen(figures: NDArray[np.float64], successes: NDArray[Any], n: NDArray[Any]) -> None:
    """Wilson's limits in place of the bootstrap's, where the proportion is exactly 0 or 1."""
    certain = (n > 0) & ((successes == 0) | (successes == n))
    low, high = wilson(successes, n)
    figures[1] = np.where(certain, low, figures[1])
    figures[2] = np.where(certain, high, figures[2])
