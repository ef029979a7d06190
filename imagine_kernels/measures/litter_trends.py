"""Trends of beach litter over the years: Mann-Kendall, by season where there are seasons, Theil-Sen, and a step between two periods.

The methods are those of the assessments of OSPAR (Schulz, M. et al. 2017: A multi-criteria evaluation system for marine litter pollution based on
statistical analyses of OSPAR beach litter monitoring time series. Marine Environmental Research 92, 61-70; and the Litter Analyst).

References
----------
Mann, H. B. (1945): Nonparametric tests against trend. Econometrica 13, 245-259. Kendall, M. G. (1975): Rank Correlation Methods, 4th ed.
Hirsch, R. M., Slack, J. R. and Smith, R. A. (1982): Techniques of trend analysis for monthly water quality data. Water Resources Research 18,
107-121. Sen, P. K. (1968): Estimates of the regression coefficient based on Kendall's tau. J. Am. Stat. Assoc. 63, 1379-1389.
Wilcoxon, F. (1945): Individual comparisons by ranking methods. Biometrics Bulletin 1, 80-83.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.intervals import Figure

#: Up to so many values without ties p is exact: beyond, the normal distribution is as good.
_EXACT_UP_TO = 40
_Z975 = 1.959963984540054

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TrendTest:
    """Whether values rise or fall with time.

    Attributes
    ----------
    n : int
        Values that were compared.
    s : float
        Kendall's score: pairs that rise less pairs that fall.
    variance : float
        Of the score without a trend, ties taken into account.
    tau : float
        Kendall's tau-b, from -1 to 1; over seasons the score over the number of pairs.
    p : float
        Two-sided.
    method : {"exact", "normal"}
    """

    n: int
    s: float
    variance: float
    tau: float
    p: float
    method: Literal["exact", "normal"]


@dataclass(frozen=True, kw_only=True)
class StepTest:
    """Whether values of one period are larger than those of another: Wilcoxon's rank sum test.

    Attributes
    ----------
    u : float
        Pairs in which the later value is larger; ties count half.
    p : float
        Two-sided.
    change : float
        Median of all differences, later less earlier (Hodges and Lehmann 1963).
    """

    u: float
    p: float
    change: float


def mann_kendall(values: ArrayLike, times: ArrayLike | None = None, *, seasons: Sequence[object] | None = None) -> TrendTest:
    """Test for a monotonic trend.

    Without ties and with few values p is exact; else the score is normal with the variance of Kendall (1975, chapter 4), corrected for
    ties in both series and for continuity. With seasons only values of one season are compared, and scores and variances are added up
    (Hirsch et al. 1982), so that a summer is not held against a winter.

    Parameters
    ----------
    values : (n,) array
        NaN is left out.
    times : (n,) array, optional
        By itself their order; equal times are ties.
    seasons : sequence, length n, optional

    Raises
    ------
    DataError
        There are fewer than three values, or the arguments are not of one length.
    """
    y, t = _series(values, times)
    groups = np.zeros(len(y), dtype=np.int64)
    if seasons is not None:
        if len(seasons) != len(y):
            raise DataError(f"There are {len(y)} values and {len(seasons)} seasons: give one for each.")
        groups = np.unique(np.asarray([str(each) for each in seasons]), return_inverse=True)[1].astype(np.int64)
    known = np.isfinite(y) & np.isfinite(t)
    y, t, groups = y[known], t[known], groups[known]
    if len(y) < 3:
        raise DataError(f"A trend cannot be told from {len(y)} values: give three at least.")
    score, variance, pairs_y, pairs_t, tied = 0.0, 0.0, 0.0, 0.0, False
    for group in np.unique(groups):
        part = _score(y[groups == group], t[groups == group])
        score, variance = score + part[0], variance + part[1]
        pairs_y, pairs_t, tied = pairs_y + part[2], pairs_t + part[3], tied or part[4]
    tau = score / math.sqrt(pairs_y * pairs_t) if pairs_y and pairs_t else math.nan
    if seasons is None and not tied and len(y) <= _EXACT_UP_TO:
        p, method = _exact_p(round(score), len(y)), "exact"
    else:
        z = (abs(score) - 1) / math.sqrt(variance) if variance > 0 and score else 0.0
        p, method = min(1.0, math.erfc(z / math.sqrt(2))), "normal"
    return TrendTest(n=len(y), s=score, variance=variance, tau=tau, p=p, method=method)  # type: ignore[arg-type]


def theil_sen(values: ArrayLike, times: ArrayLike) -> tuple[Figure, float]:
    """Median of the slopes between all pairs, with its 95 % interval, and the intercept.

    The limits are slopes of the ranks (M - z √V) / 2 and (M + z √V) / 2 of M slopes, with the variance V of Kendall's score (Sen 1968).

    Parameters
    ----------
    values : (n,) array
        NaN is left out.
    times : (n,) array
        In years, for slopes per year.

    Returns
    -------
    slope : Figure
        The limits are NaN where there are too few pairs for them.
    intercept : float
        Median of the values less the slope times the median of the times.

    Raises
    ------
    DataError
        There are fewer than two different times.
    """
    y, t = _series(values, times)
    known = np.isfinite(y) & np.isfinite(t)
    y, t = y[known], t[known]
    first, second = np.triu_indices(len(y), 1)
    apart = t[second] != t[first]
    if not apart.any():
        raise DataError("A slope needs values of two different times at least: give the dates of the surveys.")
    slopes = np.sort((y[second] - y[first])[apart] / (t[second] - t[first])[apart])
    m = len(slopes)
    half = _Z975 * math.sqrt(_score(y, t)[1])
    # Counted from 1, the limits are the slopes of these numbers (Sen 1968).
    low, high = round((m - half) / 2), round((m + half) / 2) + 1
    limits = (float(slopes[low - 1]), float(slopes[high - 1])) if low >= 1 and high <= m else (math.nan, math.nan)
    slope = float(np.median(slopes))
    return Figure(slope, *limits), float(np.median(y) - slope * np.median(t))


def step_test(before: ArrayLike, after: ArrayLike) -> StepTest:
    """Compare two periods: exact with few values without ties, else normal, corrected for ties and continuity.

    Raises
    ------
    DataError
        A period has no value.
    """
    from scipy.stats import mannwhitneyu

    x, y = (np.asarray(each, dtype=np.float64) for each in (before, after))
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not len(x) or not len(y):
        raise DataError("A step needs values before it and after it: give surveys of both periods.")
    tied = len(np.unique(np.concatenate([x, y]))) < len(x) + len(y)
    method = "exact" if not tied and len(x) + len(y) <= 50 else "asymptotic"
    u, p = mannwhitneyu(y, x, alternative="two-sided", method=method)
    return StepTest(u=float(u), p=float(p), change=float(np.median(y[:, None] - x[None, :])))


def decimal_years(dates: Sequence[str]) -> _Numbers:
    """ISO 8601 dates or times (n,) as years with a fraction, each year from 0 up to 1 whatever its length; NaN for what is no date."""
    from datetime import date

    found = []
    for text in dates:
        try:
            day = date.fromisoformat(str(text)[:10])
        except ValueError:
            found.append(math.nan)
            continue
        start = date(day.year, 1, 1)
        found.append(day.year + (day - start).days / (date(day.year + 1, 1, 1) - start).days if day.year < 9999 else math.nan)
    return np.array(found, dtype=np.float64)


def _series(values: ArrayLike, times: ArrayLike | None) -> tuple[_Numbers, _Numbers]:
    y = np.asarray(values, dtype=np.float64)
    t = np.arange(len(y), dtype=np.float64) if times is None else np.asarray(times, dtype=np.float64)
    if y.shape != t.shape or y.ndim != 1:
        raise DataError(f"There are {y.size} values and {t.size} times: give one for each.")
    return y, t


def _score(y: _Numbers, t: _Numbers) -> tuple[float, float, float, float, bool]:
    """Score, variance, pairs that differ in value and in time, and whether there are ties."""
    n = len(y)
    score = float(np.triu(np.sign(y[None, :] - y[:, None]) * np.sign(t[None, :] - t[:, None]), 1).sum())
    a, b = (np.unique(each, return_counts=True)[1].astype(np.float64) for each in (y, t))

    def sums(power: int, counts: _Numbers) -> float:
        return float({2: counts * (counts - 1), 3: counts * (counts - 1) * (counts - 2)}[power].sum())

    def spread(counts: _Numbers) -> float:
        return float((counts * (counts - 1) * (2 * counts + 5)).sum())

    variance = (n * (n - 1) * (2 * n + 5) - spread(a) - spread(b)) / 18
    if n > 2:
        variance += sums(3, a) * sums(3, b) / (9 * n * (n - 1) * (n - 2))
    if n > 1:
        variance += sums(2, a) * sums(2, b) / (2 * n * (n - 1))
    pairs = n * (n - 1) / 2
    return score, variance, pairs - sums(2, a) / 2, pairs - sums(2, b) / 2, bool((a > 1).any() or (b > 1).any())


def _exact_p(score: int, n: int) -> float:
    """Two-sided probability of a score as far from 0, from the numbers of permutations with each number of inversions."""
    counts, pairs = _inversions(n), n * (n - 1) // 2
    # A score S has (pairs - S) / 2 inversions.
    least = (pairs - abs(score)) // 2
    return min(1.0, float(2 * counts[: least + 1].sum()))


@lru_cache(maxsize=64)
def _inversions(n: int) -> _Numbers:
    """Share of the permutations of n with 0, 1, 2 … inversions: each further element adds from 0 to n - 1 of them."""
    shares = np.ones(1)
    for k in range(2, n + 1):
        shares = np.convolve(shares, np.full(k, 1 / k))
    return shares
