"""What each annotator tends to: what they confuse, overlook or add, and whether that changes with time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.agreement.matching import Marks
from imagine_kernels.measures.agreement.ratings import DRAWS, Draws, Ratings, resampled
from imagine_kernels.measures.intervals import Figure, wilson
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """What the items probably are, and how well each rater tells it.

    Attributes
    ----------
    raters : tuple of str
    probabilities : (n, q) float64 ndarray
        Of each class for each item.
    confusion : (r, q, q) float64 ndarray
        For each rater the probability of saying a class (columns) where another is true (rows).
    prevalence : (q,) float64 ndarray
    n_iterations : int
    """

    raters: tuple[str, ...]
    probabilities: Floats
    confusion: Floats
    prevalence: Floats
    n_iterations: int

    @property
    def skill(self) -> Floats:
        """(r,) of each rater the probability of saying the true class, averaged over the classes as often as they occur."""
        return np.asarray(np.diagonal(self.confusion, axis1=1, axis2=2) @ self.prevalence, dtype=np.float64)


def dawid_skene(
    ratings: Ratings, *, right: float = 1.0, wrong: float = 0.1, n_iterations: int = 200, tolerance: float = 1e-7
) -> DawidSkene:
    """Estimate the true classes and each rater's confusion from their ratings alone, by expectation maximisation.

    Starts from the shares of the ratings. Dirichlet priors keep raters with few ratings near to the honest: in each row of a confusion `right`
    observations on the diagonal, and `wrong` ones shared by all other classes; one observation in all for the prevalence. Columns of the same
    rater, who has looked more than once, share one confusion.

    References
    ----------
    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm, Appl. Stat. 28, 20-28; as
    maximum a posteriori with priors: Paun et al. (2018), Comparing Bayesian models of annotation, Trans. ACL 6, 571-585.

    Raises
    ------
    DataError
        There are no ratings.
    """
    n, q = len(ratings.codes), len(ratings.classes)
    if not n or not q:
        raise DataError("There are no ratings to estimate a consensus from: let somebody label first.")
    counts = ratings.counts
    totals = counts.sum(axis=1, keepdims=True)
    probabilities = np.where(totals > 0, counts / np.maximum(totals, 1), 1 / q)
    prior = np.full((q, q), wrong / max(q - 1, 1))
    np.fill_diagonal(prior, right)
    raters = tuple(dict.fromkeys(ratings.raters))
    columns = [ratings.codes[:, [name == rater for name in ratings.raters]].T for rater in raters]
    # Of each rater the items that were looked at, once for each look, and what was said.
    looks = [np.argwhere(codes >= 0)[:, 1] for codes in columns]
    said = [codes[codes >= 0] for codes in columns]
    done = 0
    while done < n_iterations:
        done += 1
        prevalence = probabilities.sum(axis=0) + 1 / q
        prevalence /= prevalence.sum()
        logs = np.tile(np.log(prevalence), (n, 1))
        confusion = np.empty((len(raters), q, q))
        for j in range(len(raters)):
            by_said = np.zeros((q, q))
            np.add.at(by_said, said[j], probabilities[looks[j]])
            confusion[j] = (by_said.T + prior) / (by_said.T + prior).sum(axis=1, keepdims=True)
            np.add.at(logs, looks[j], np.log(np.maximum(confusion[j], 1e-300))[:, said[j]].T)
        after = np.exp(logs - logs.max(axis=1, keepdims=True))
        after /= after.sum(axis=1, keepdims=True)
        change, probabilities = float(np.abs(after - probabilities).max()), after
        if change < tolerance:
            break
    return DawidSkene(raters, probabilities, confusion, prevalence, done)


def majority(ratings: Ratings, *, without: str | None = None) -> NDArray[np.int64]:
    """(n,) index of the class that most raters gave to each item; -1 where two have as many, or none has any.

    With `without` that rater does not count, so that nobody is compared with a majority that is partly their own.
    """
    codes = ratings.codes
    if without is not None:
        codes = codes[:, [i for i, name in enumerate(ratings.raters) if name != without]]
    counts = np.stack([(codes == k).sum(axis=1) for k in range(len(ratings.classes))], axis=1)
    best = counts.max(axis=1)
    clear = (best > 0) & ((counts == best[:, None]).sum(axis=1) == 1)
    return np.where(clear, counts.argmax(axis=1), -1).astype(np.int64)


def confusion_of(ratings: Ratings, rater: str, *, true: NDArray[np.int64] | None = None) -> Confusion:
    """How often a rater said which class (columns) where which was true (rows).

    Parameters
    ----------
    ratings : Ratings
    rater : str
    true : (n,) int64 ndarray, optional
        Indices of classes, -1 where it is not known; by default the majority of the others.
    """
    known = majority(ratings, without=rater) if true is None else np.asarray(true)
    said = ratings.codes[:, ratings.raters.index(rater)]
    both, q = (said >= 0) & (known >= 0), len(ratings.classes)
    counts = np.bincount(known[both] * q + said[both], minlength=q * q).reshape(q, q)
    return Confusion(classes=ratings.classes, counts=counts.astype(np.int64))


def rates(confusion: Confusion) -> dict[str, tuple[Figure, Figure]]:
    """Sensitivity and specificity of each class, with Wilson's intervals (Wilson 1927).

    Sensitivity: the share called so of those that are; specificity: the share not called so of those that are not.
    """
    counts = confusion.counts.astype(np.float64)
    found = {}
    for k, name in enumerate(confusion.classes):
        right, is_k, called = counts[k, k], counts[k].sum(), counts[:, k].sum()
        others = counts.sum() - is_k
        found[name] = (_share(right, is_k), _share(others - (called - right), others))
    return found


@dataclass(frozen=True, slots=True)
class Drift:
    """How the agreement of one annotator goes with time.

    Attributes
    ----------
    days : tuple of str
    agreed, n : tuple of int
        Items in agreement, and items, of each day.
    rate : tuple of Figure
        The share of each day, with Wilson's interval.
    p : float
        Of a trend: the probability of one as strong or stronger where there is none.
    """

    days: tuple[str, ...]
    agreed: tuple[int, ...]
    n: tuple[int, ...]
    rate: tuple[Figure, ...]
    p: float

    def table(self) -> pd.DataFrame:
        """One row for each day: ``day``, ``agreed``, ``n``, ``rate``, ``low``, ``high``."""
        import pandas as pd

        rows = [(d, k, n, f.value, f.low, f.high) for d, k, n, f in zip(self.days, self.agreed, self.n, self.rate, strict=True)]
        return pd.DataFrame(rows, columns=["day", "agreed", "n", "rate", "low", "high"])


def drift(agrees: Iterable[bool], times: Iterable[str]) -> Drift:
    """The rate of agreement by day, and a test for a trend.

    The test is that of Cochran (1954, Biometrics 10, 417-451) and Armitage (1955, Biometrics 11, 375-386), with the days since the first.

    Parameters
    ----------
    agrees : iterable of bool
        Whether an annotation agrees with the consensus or with a known answer.
    times : iterable of str
        When each was made, ISO 8601: the first ten letters are the day.
    """
    from datetime import date

    from scipy.stats import norm

    by_day: dict[str, list[bool]] = defaultdict(list)
    for agreed, time in zip(agrees, times, strict=True):
        by_day[time[:10]].append(agreed)
    days = tuple(sorted(by_day))
    k = np.array([sum(by_day[day]) for day in days], dtype=np.float64)
    n = np.array([len(by_day[day]) for day in days], dtype=np.float64)
    p_value = np.nan
    if len(days) > 1 and 0 < k.sum() < n.sum():
        t = np.array([(date.fromisoformat(day) - date.fromisoformat(days[0])).days for day in days], dtype=np.float64)
        p, mean = k.sum() / n.sum(), (n * t).sum() / n.sum()
        z = (t * (k - n * p)).sum() / np.sqrt(p * (1 - p) * (n * (t - mean) ** 2).sum())
        p_value = float(2 * norm.sf(abs(z)))
    return Drift(days, tuple(map(int, k)), tuple(map(int, n)), tuple(map(_share, k, n)), p_value)


def counting(
    marks: Marks, consensus: Mapping[str, int], *, looked: Mapping[str, Collection[str]], draws: Draws = DRAWS
) -> dict[str, Figure]:
    """How many things each person marks for each one of the consensus: above 1 is over-counting, below under-counting.

    Parameters
    ----------
    marks : mapping of str to sequence of Annotation
    consensus : mapping of str to int
        How many things there are in each medium; media that are not in it do not count.
    looked : mapping of str to collection of str
        The media that each person has looked at.
    draws : Draws
        The interval is a bootstrap over media.
    """

    def ratio(totals: Floats) -> float:
        return float(totals[0] / totals[1]) if totals[1] > 0 else np.nan

    found = {}
    for person in sorted(marks):
        media = sorted(set(looked.get(person, ())) & consensus.keys())
        own: dict[str, int] = defaultdict(int)
        for each in marks[person]:
            own[each.medium] += 1
        sums = np.array([(own[name], consensus[name]) for name in media], dtype=np.float64).reshape(-1, 2)
        found[person] = Figure(ratio(sums.sum(axis=0)), *resampled(ratio, sums, draws))
    return found


def _share(k: float, n: float) -> Figure:
    low, high = wilson(k, n)
    return Figure(float(k / n) if n else np.nan, float(low), float(high))
