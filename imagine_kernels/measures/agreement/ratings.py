"""Which classes several people have given to the same items, and how to draw the items anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, LabelError
from imagine_kernels.measures.intervals import LEVEL, Figure, wilson
from imagine_kernels.records import Annotation

#: What an item is called by somebody who looked and saw nothing there.
NOTHING = "(nothing)"
_MISSING = -1


@dataclass(frozen=True, eq=False)
class Ratings:
    """Classes that raters have given to items.

    Attributes
    ----------
    codes : (n, r) int64 ndarray
        Index into `classes` of what each of r raters called each of n items; -1 where the rater has not looked.
    classes : tuple of str
        All that may be given, in their order where they have one.
    raters : tuple of str
    clusters : (n,) int64 ndarray
        What belongs together, e.g. items of the same medium: it is drawn together in a bootstrap.
    values : (q,) float64 ndarray
        What each class stands for on a scale, for alpha of the levels ``interval`` and ``ratio``; by default 0, 1, 2, …
    """

    codes: NDArray[np.int64]
    classes: tuple[str, ...]
    raters: tuple[str, ...]
    clusters: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        table: Sequence[Sequence[Any]] | NDArray[Any],
        *,
        classes: Sequence[str] | None = None,
        raters: Sequence[str] | None = None,
        clusters: Sequence[Any] | NDArray[Any] | None = None,
        values: Sequence[float] | None = None,
    ) -> Ratings:
        """From a table with a row for each item and a column for each rater.

        Parameters
        ----------
        table : (n, r) of str or None
            None or an empty text where a rater has not looked; other values are taken as their text.
        classes : sequence of str, optional
            In their order; by default those that occur, by number where all are numbers, else by name.
        raters : sequence of str, optional
        clusters : (n,) of anything, optional
            By default each item is one of its own.
        values : (q,) of float, optional
            By default the classes themselves where all are numbers, else 0, 1, 2, …

        Raises
        ------
        LabelError
            A class is not among `classes`.
        DataError
            The table is not one, or the other lists do not fit it.
        """
        rows = [[_text(each) for each in row] for row in table]
        if not rows or not rows[0] or len({len(row) for row in rows}) != 1:
            raise DataError("Ratings need one row for each item, with one column for each rater: give a table of that shape.")
        names = tuple(raters) if raters is not None else tuple(str(i + 1) for i in range(len(rows[0])))
        known = tuple(classes) if classes is not None else _in_order({each for row in rows for each in row if each})
        index = {name: i for i, name in enumerate(known)} | {"": _MISSING}
        strange = next((each for row in rows for each in row if each not in index), None)
        if strange is not None:
            raise LabelError(f"The class {strange!r} is not among those that may be given: {', '.join(known[:10])}.")
        codes = np.array([[index[each] for each in row] for row in rows], dtype=np.int64)
        of = np.arange(len(rows)) if clusters is None else np.unique(np.asarray(clusters, dtype=str), return_inverse=True)[1]
        scale = _numbers(known) if values is None else np.asarray(values, dtype=np.float64)
        if len(names) != codes.shape[1] or len(of) != len(codes) or len(scale) != len(known):
            raise DataError("The raters, clusters and values of ratings must fit the table: one for each column, row and class.")
        return cls(codes, known, names, of.astype(np.int64), scale)

    @classmethod
    def of_labels(cls, annotations: Iterable[Annotation], *, raters: Sequence[str] | None = None) -> Ratings:
        """From labels that several people or models have given to the same annotations; of each the latest counts.

        Parameters
        ----------
        annotations : iterable of Annotation
            Those with one label or none say nothing on agreement and count all the same.
        raters : sequence of str, optional
            By default all that have given a label.
        """
        given: list[dict[str, str]] = []
        media: list[str] = []
        for annotation in annotations:
            by_rater: dict[str, tuple[str, str]] = {}
            for label in annotation.labels:
                said = (label.given_at, " > ".join(label.path))
                by_rater[label.annotator] = max(by_rater.get(label.annotator, ("", "")), said, key=lambda each: each[0])
            given.append({rater: path for rater, (_, path) in by_rater.items()})
            media.append(annotation.medium)
        names = list(raters) if raters is not None else sorted({rater for row in given for rater in row})
        return cls.of([[row.get(name) for name in names] for row in given], raters=names, clusters=media)

    @property
    def counts(self) -> NDArray[np.float64]:
        """(n, q) how many raters gave each class to each item."""
        given: NDArray[np.float64] = (self.codes[:, :, None] == np.arange(len(self.classes))).sum(axis=1, dtype=np.float64)
        return given

    def pair(self, first: str, second: str) -> Ratings:
        """The ratings of two raters, of the items that both have looked at.

        Raises
        ------
        DataError
            One of them is not a rater.
        """
        for name in (first, second):
            if name not in self.raters:
                raise DataError(f"{name} has rated nothing here: choose among {', '.join(self.raters)}.")
        codes = self.codes[:, [self.raters.index(first), self.raters.index(second)]]
        both = (codes >= 0).all(axis=1)
        return Ratings(codes[both], self.classes, (first, second), self.clusters[both], self.values)


@dataclass(frozen=True, slots=True)
class Draws:
    """How a bootstrap draws.

    Whole clusters are drawn with replacement, each as often as there are clusters; limits are percentiles of the draws (Field and Welsh
    2007, Bootstrapping clustered data, J. R. Stat. Soc. B 69, 369-390).

    Attributes
    ----------
    n : int
        How often.
    seed : int
        The same seed gives the same limits.
    """

    n: int = 1000
    seed: int = 0


DRAWS = Draws()


def by_cluster(parts: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m, p) sums of what each item has in p totals, for each of m clusters; `parts` are (n, p)."""
    _, of = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(of.max()) + 1 if len(of) else 0, parts.shape[1]))
    np.add.at(sums, of, parts)
    return sums


def resampled(statistic: Callable[[NDArray[np.float64]], float], sums: NDArray[np.float64], draws: Draws) -> tuple[float, float]:
    """Limits of a statistic of totals over clusters.

    Parameters
    ----------
    statistic : callable
        Of the (p,) totals of one draw.
    sums : (m, p) float64 ndarray
        What each cluster has in them.
    draws : Draws

    Returns
    -------
    low, high : float
        NaN where there is one cluster, or hardly a draw has a value.
    """
    m = len(sums)
    if m < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(draws.seed)
    values = np.empty(draws.n)
    for i in range(draws.n):
        times = np.bincount(rng.integers(0, m, m), minlength=m)
        drawn = np.flatnonzero(times)
        values[i] = statistic(times[drawn] @ sums[drawn])
    known = values[np.isfinite(values)]
    if len(known) < draws.n / 2:
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def with_limits(value: float, low: float, high: float, *, lowest: float = -1.0) -> Figure:
    """A figure whose limits lie in what it can be, and around the value."""
    if not np.isfinite(value):
        return Figure(np.nan, np.nan, np.nan)
    limits = (float(np.clip(low, lowest, 1.0)), float(np.clip(high, lowest, 1.0)))
    # `min` and `max` would drop a NaN.
    return Figure(
        float(value),
        limits[0] if np.isnan(limits[0]) else min(limits[0], value),
        limits[1] if np.isnan(limits[1]) else max(limits[1], value),
    )


def lowest_of_all_alike(n: int) -> float:
    """The least share of agreement that is in keeping with n of n alike: Wilson's lower limit."""
    return float(wilson(float(n), float(n))[0])


def rated(things: Iterable[Mapping[str, str | None]], raters: Sequence[str], clusters: Sequence[Any]) -> Ratings:
    """Ratings from one mapping (rater to class) for each item; who is not in it has not looked."""
    rows = [[thing.get(rater) for rater in raters] for thing in things]
    if not rows:
        nothing = np.empty(0, dtype=np.int64)
        return Ratings(np.empty((0, len(raters)), dtype=np.int64), (), tuple(raters), nothing, np.empty(0))
    return Ratings.of(rows, raters=raters, clusters=clusters)


def _text(given: Any) -> str:
    return "" if given is None or (isinstance(given, float) and np.isnan(given)) else str(given)


def _in_order(classes: set[str]) -> tuple[str, ...]:
    numbers = _as_numbers(classes)
    return tuple(sorted(classes)) if numbers is None else tuple(sorted(classes, key=lambda name: numbers[name]))


def _numbers(classes: Sequence[str]) -> NDArray[np.float64]:
    numbers = _as_numbers(classes)
    return np.array([i if numbers is None else numbers[name] for i, name in enumerate(classes)], dtype=np.float64)


def _as_numbers(classes: Iterable[str]) -> dict[str, float] | None:
    try:
        return {name: float(name) for name in classes}
    except ValueError:
        return None
