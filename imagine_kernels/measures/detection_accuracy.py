"""How good boxes are, each figure with a 95 % interval.

The average precision (AP) is that of COCO: the mean of the precision at the 101 recalls 0, 0.01, …, 1, where the precision at a recall is the
highest one at that recall or beyond. The boxes of all pictures are pooled. ``map50`` is its mean over the classes where a box counts as right
from an intersection over union of 0.5, ``map`` the mean over the ten thresholds 0.50, 0.55, …, 0.95 as well. Classes that are marked nowhere
have no AP. Intervals are percentiles of a bootstrap over pictures, or over the groups that they come in.

References
----------
Lin, T.-Y. et al. (2014): Microsoft COCO: common objects in context. ECCV. doi:10.1007/978-3-319-10602-1_48. The definition in force is that of
``cocoapi/PythonAPI/pycocotools/cocoeval.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.box_matching import RIGHT_IOU, PictureBoxes, Ranked, box_confusion, ranked
from imagine_kernels.measures.intervals import Figure
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd

#: Intersections over union from which a box counts as right.
THRESHOLDS = tuple(float(each) for each in np.linspace(0.5, 0.95, 10))
_RECALLS = np.linspace(0, 1, 101)
_OVERALL = ("map50", "map")
_PER_CLASS = ("ap50", "precision", "recall")


@dataclass(frozen=True, kw_only=True)
class DetectionEvaluation:
    """Metrics of boxes on n pictures.

    Attributes
    ----------
    n : int
        Pictures that were compared.
    n_draws : int
        Bootstrap draws behind the intervals.
    min_score : float
        What is found from this score on counts in the precision, the recall and the confusion.
    metrics : mapping of str to Figure
        ``map50`` and ``map``.
    per_class : mapping of str to mapping of str to Figure
        Class → ``ap50``, ``precision``, ``recall``; NaN where they are not defined. The background has none.
    confusion : Confusion
        In things: rows are the true class, columns the found one. The first class is the background: its column holds what was missed, its row
        what was found where nothing is marked.
    """

    n: int
    n_draws: int
    min_score: float
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
        marked = self.confusion.counts.sum(axis=1).tolist()
        return {
            "n": self.n,
            "n_draws": self.n_draws,
            "min_score": self.min_score,
            **{name: figure.to_dict() for name, figure in self.metrics.items()},
            "per_class": {
                label: {"n_things": n, **{name: figure.to_dict() for name, figure in self.per_class[label].items()}}
                for label, n in zip(self.classes, marked, strict=True)
                if self.per_class[label]
            }
            | {self.classes[0]: {}},
            "confusion": {"classes": list(self.classes), "counts": self.confusion.counts.tolist()},
        }


def evaluate_boxes(
    pictures: Sequence[PictureBoxes],
    classes: Sequence[str],
    *,
    min_score: float,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> DetectionEvaluation:
    """Metrics of what was found on n pictures.

    Parameters
    ----------
    pictures : sequence of PictureBoxes, length n
        With everything that was found, also with low scores: the average precision needs it.
    classes : sequence of str, length k
        The background first.
    min_score : float
        From which on a box counts in the precision, the recall and the confusion; see `best_threshold`.
    groups : (n,) sequence, optional
        Pictures of one group (a scene, a day) are drawn together.
    n_draws : int
        Bootstrap draws.
    seed : int

    Raises
    ------
    LabelError
        There is not one picture, or nothing is marked on any of them.
    """
    names = tuple(str(name) for name in classes)
    k = len(names)
    if not any(len(each.true_boxes) for each in pictures):
        raise LabelError("There are no marked things to compare with: give pictures with boxes.")
    times = _times(_groups(len(pictures), groups), n_draws, seed)
    points, drawn = _precisions(pictures, k, THRESHOLDS, times)
    counts = np.array([box_confusion(each, k, min_score=min_score) for each in pictures])
    total = counts.sum(axis=0)
    some = (times @ counts.reshape(len(counts), -1)).reshape(n_draws, k, k)
    metrics = {
        "map50": _figure(_mean(points[:, 0]), _mean(drawn[:, 0], axis=0)),
        "map": _figure(_mean(points.reshape(-1)), _mean(_mean(drawn, axis=1), axis=0)),
    }
    shares, drawn_shares = _shares(total[None].astype(np.float64)), _shares(some)
    per_class: dict[str, dict[str, Figure]] = {names[0]: {}}
    for i, label in enumerate(names[1:], start=1):
        per_class[label] = {
            "ap50": _figure(points[i - 1, 0], drawn[i - 1, 0]),
            "precision": _figure(shares[0][0, i], drawn_shares[0][:, i]),
            "recall": _figure(shares[1][0, i], drawn_shares[1][:, i]),
        }
    return DetectionEvaluation(
        n=len(pictures),
        n_draws=n_draws,
        min_score=min_score,
        metrics=metrics,
        per_class=per_class,
        confusion=Confusion(classes=names, counts=total.astype(np.int64)),
    )


def best_threshold(pictures: Sequence[PictureBoxes], k: int) -> float:
    """The score from which on the F1 of all classes together, 2 TP / (2 TP + FP + FN), is highest; 1 where nothing right was found."""
    all_ranked = [ranked(pictures, number, (RIGHT_IOU,)) for number in range(1, k)]
    scores = np.concatenate([each.scores for each in all_ranked])
    right = np.concatenate([each.right[0] for each in all_ranked])
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    marked = sum(int(each.marked.sum()) for each in all_ranked)
    if not right.any():
        return 1.0
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(right) + 1) + marked)
    # Of boxes with one score all or none are kept.
    f1[:-1][scores[:-1] == scores[1:]] = 0
    return float(scores[int(np.argmax(f1))])


def paired_precision_gain(
    first: Sequence[PictureBoxes],
    second: Sequence[PictureBoxes],
    k: int,
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """How much larger the ``map50`` of the second of two detectors is on the same pictures, and its standard error.

    The error is the standard deviation of the difference over a bootstrap in which both are drawn alike, by groups of pictures.
    """
    times = _times(_groups(len(first), groups), n_draws, seed)
    points, drawn = zip(*(_precisions(each, k, (RIGHT_IOU,), times) for each in (first, second)), strict=True)
    values = [_mean(each[:, 0]) for each in points]
    differences = _mean(drawn[1][:, 0], axis=0) - _mean(drawn[0][:, 0], axis=0)
    return float(values[1] - values[0]), float(np.nanstd(differences))


def average_precision(of: Ranked, threshold: int, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The average precision of a class at one of its thresholds, where each picture counts so many times.

    Parameters
    ----------
    of : Ranked
        Of p pictures.
    threshold : int
        Which row of ``of.right``.
    times : (b, p) ndarray of float64
        All ones for the data as they are; more for a bootstrap.

    Returns
    -------
    (b,) ndarray of float64
        NaN where the class is marked on no picture that counts.
    """
    marked = times @ of.marked
    found = np.full(len(times), np.nan)
    found[marked > 0] = 0.0
    if not len(of.scores):
        return found
    right = of.right[threshold].astype(np.float64)
    for draw in np.flatnonzero(marked > 0):
        weight = times[draw, of.picture]
        hits, all_found = np.cumsum(weight * right), np.cumsum(weight)
        precision = hits / np.maximum(all_found, 1e-12)
        envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        found[draw] = envelope[np.searchsorted(hits / marked[draw], _RECALLS, side="left")].mean()
    return found


def _precisions(
    pictures: Sequence[PictureBoxes], k: int, thresholds: Sequence[float], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average precisions of the classes after the background: (k - 1, t), and of the draws (k - 1, t, b)."""
    once = np.ones((1, len(pictures)))
    points, drawn = [], []
    for number in range(1, k):
        of = ranked(pictures, number, thresholds)
        points.append([average_precision(of, t, once)[0] for t in range(len(thresholds))])
        drawn.append([average_precision(of, t, times) for t in range(len(thresholds))])
    return np.array(points), np.array(drawn)


def _groups(n: int, groups: Sequence[Any] | NDArray[Any] | None) -> NDArray[np.int64]:
    """The number of the group of each of n pictures."""
    given = np.arange(n) if groups is None else np.asarray(groups).astype(str)
    return np.asarray(np.unique(given, return_inverse=True)[1], dtype=np.int64)


def _times(group: NDArray[np.int64], n_draws: int, seed: int) -> NDArray[np.float64]:
    """How often each picture is drawn with its group, (draws, n)."""
    g = int(group.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(g, np.full(g, 1 / g), size=n_draws)
    return drawn[:, group].astype(np.float64)


def _shares(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall (b, k) of confusions (b, k, k)."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / counts.sum(axis=1), hits / counts.sum(axis=2)


def _mean(values: NDArray[np.float64], axis: int = 0) -> Any:
    """The mean over what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    n = known.sum(axis=axis)
    return np.where(n > 0, np.where(known, values, 0).sum(axis=axis) / np.maximum(n, 1), np.nan)


def _figure(value: Any, drawn: NDArray[np.float64]) -> Figure:
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return Figure(float(value), float(low), float(high))
