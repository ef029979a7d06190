"""How good masks are, pixel by pixel, each figure with a 95 % interval.

The intersection over union of a class is TP / (TP + FP + FN), with the pixels of all pictures pooled; a mean over pictures would let a
picture with ten pixels of oil count as much as one that is full of it. Intervals are percentiles of a bootstrap over pictures, or over the
groups that they come in (scenes, days): pixels of one picture are no independent trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.intervals import Figure
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd

_OVERALL = ("mean_iou", "accuracy")
_PER_CLASS = ("iou", "precision", "recall")
#: A pixel of this class was not labelled, and counts nowhere.
IGNORED = 255


def pixel_confusion(true: NDArray[Any], predicted: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Pixels by true and predicted class, (k, k) int64; those whose true class is `IGNORED` are left out.

    Parameters
    ----------
    true, predicted : (H, W) ndarrays of int
        Class indices below `k`.
    k : int

    Raises
    ------
    LabelError
        The shapes differ, or a class index is out of range.
    """
    if true.shape != predicted.shape:
        raise LabelError(f"The mask measures {true.shape} and what was found {predicted.shape}: they must be of one picture.")
    known = true != IGNORED
    first, second = true[known].astype(np.int64), predicted[known].astype(np.int64)
    if first.size and not (min(first.min(), second.min()) >= 0 and max(first.max(), second.max()) < k):
        raise LabelError(f"A mask holds other numbers than those of its {k} classes (0 to {k - 1}).")
    return np.bincount(first * k + second, minlength=k * k).reshape(k, k)


@dataclass(frozen=True, kw_only=True)
class MaskEvaluation:
    """Metrics of masks of n pictures.

    Attributes
    ----------
    n : int
        Pictures that were compared.
    n_draws : int
        Bootstrap draws behind the intervals.
    metrics : mapping of str to Figure
        ``mean_iou`` (over the classes that occur, background included), ``accuracy`` of pixels.
    per_class : mapping of str to mapping of str to Figure
        Class → ``iou``, ``precision``, ``recall``; NaN where the class does not occur.
    confusion : Confusion
        In pixels: rows are the true class, columns the predicted one.
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
        """One row per figure: ``metric``, ``label`` (empty for the whole), ``value``, ``low``, ``high``, ``n`` pictures."""
        import pandas as pd

        rows = [(name, "", figure.value, figure.low, figure.high, self.n) for name, figure in self.metrics.items()]
        for label in self.classes:
            rows += [(name, label, f.value, f.low, f.high, self.n) for name, f in self.per_class[label].items()]
        return pd.DataFrame(rows, columns=["metric", "label", "value", "low", "high", "n"])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON: each metric as ``{"value", "low", "high"}``, ``per_class`` and ``confusion``."""
        support = self.confusion.counts.sum(axis=1).tolist()
        return {
            "n": self.n,
            "n_draws": self.n_draws,
            **{name: figure.to_dict() for name, figure in self.metrics.items()},
            "per_class": {
                label: {"n_px": n, **{name: figure.to_dict() for name, figure in self.per_class[label].items()}}
                for label, n in zip(self.classes, support, strict=True)
            },
            "confusion": {"classes": list(self.classes), "counts": self.confusion.counts.tolist()},
        }


def evaluate_masks(
    confusions: NDArray[Any],
    classes: Sequence[str],
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> MaskEvaluation:
    """Metrics of the confusions of n pictures.

    Parameters
    ----------
    confusions : (n, k, k) ndarray of int
        As from `pixel_confusion`, one of each picture.
    classes : sequence of str, length k
    groups : (n,) sequence, optional
        Pictures of one group (a scene, a day) are drawn together.
    n_draws : int
        Bootstrap draws.
    seed : int

    Raises
    ------
    LabelError
        There is not one picture.
    """
    counts = np.asarray(confusions, dtype=np.float64)
    if not len(counts):
        raise LabelError("There are no labelled pictures to compare with: give data with masks.")
    k = len(classes)
    by_group = _by_group(counts, groups)
    times = _times(len(by_group), n_draws, seed)
    drawn = _metrics((times @ by_group.reshape(len(by_group), -1)).reshape(n_draws, k, k))
    point = _metrics(counts.sum(axis=0)[None])
    figures = {name: _figures(point[name][0], drawn[name]) for name in (*_OVERALL, *_PER_CLASS)}
    names = tuple(str(name) for name in classes)
    return MaskEvaluation(
        n=len(counts),
        n_draws=n_draws,
        metrics={name: Figure(*(float(x) for x in figures[name][:, 0])) for name in _OVERALL},
        per_class={
            label: {name: Figure(*(float(x) for x in figures[name][:, i])) for name in _PER_CLASS}
            for i, label in enumerate(names)
        },
        confusion=Confusion(classes=names, counts=counts.sum(axis=0).astype(np.int64)),
    )


def paired_iou_gain(
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """How much larger the mean IoU of the marked classes is in the second of two sets of confusions (n, k, k), and its standard error.

    The error is the standard deviation of the difference over a bootstrap in which both are drawn alike, by groups of pictures.
    """
    both = [_by_group(np.asarray(each, dtype=np.float64), groups) for each in (first, second)]
    times = _times(len(both[0]), n_draws, seed)
    points, drawn = [], []
    for each in both:
        points.append(_marked_iou(each.sum(axis=0)[None])[0])
        drawn.append(_marked_iou((times @ each.reshape(len(each), -1)).reshape(n_draws, *each.shape[1:])))
    return float(points[1] - points[0]), float(np.nanstd(drawn[1] - drawn[0]))


def _marked_iou(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean IoU (b,) of the classes after the first, the background."""
    iou = _metrics(counts)["iou"][:, 1:]
    occurs = np.isfinite(iou)
    return np.asarray(np.where(occurs, iou, 0).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1))


def _by_group(counts: NDArray[np.float64], groups: Sequence[Any] | NDArray[Any] | None) -> NDArray[np.float64]:
    """Sums (g, k, k) of confusions (n, k, k) over groups."""
    _, member = np.unique(np.arange(len(counts)) if groups is None else np.asarray(groups).astype(str), return_inverse=True)
    total = np.zeros((int(member.max()) + 1, *counts.shape[1:]))
    np.add.at(total, member, counts)
    return total


def _times(n: int, n_draws: int, seed: int) -> NDArray[np.float64]:
    """How often each of n groups is drawn, (draws, n): the sum over them is then one product of matrices."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_draws).astype(np.float64)


def _metrics(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """All metrics of b confusion matrices (b, k, k): (b,) each, (b, k) for those per class."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    true, found = counts.sum(axis=2), counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = hits / (true + found - hits)
        accuracy = hits.sum(axis=1) / counts.sum(axis=(1, 2))
        precision, recall = hits / found, hits / true
    occurs = np.isfinite(iou)
    mean = np.where(occurs, iou, 0).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1)
    return {
        "mean_iou": np.where(occurs.any(axis=1), mean, np.nan), "accuracy": accuracy,
        "iou": iou, "precision": precision, "recall": recall,
    }  # fmt: skip


def _figures(value: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, m): value, low, high."""
    value, drawn = np.atleast_1d(value), drawn.reshape(len(drawn), -1)
    limits = np.full((2, drawn.shape[1]), np.nan)
    # A class can be missing from every draw.
    some = ~np.isnan(drawn).all(axis=0)
    limits[:, some] = np.nanpercentile(drawn[:, some], [2.5, 97.5], axis=0)
    return np.vstack([value, limits])
