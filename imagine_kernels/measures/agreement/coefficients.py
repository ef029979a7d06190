"""How far people agree beyond what chance would give: percent agreement, Cohen, Fleiss, Krippendorff, Gwet.

Every coefficient comes with a 95 % interval. Where items are clustered (several of the same medium), and for Krippendorff's alpha, it is a
bootstrap over clusters (see `Draws`); otherwise that of the published large-sample variance, with normal quantiles. Where all agree on
everything both would be of no width: there the lower limit is what the coefficient would be at Wilson's lower limit of the observed
agreement, with as many trials as there are clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.agreement.ratings import (
    DRAWS,
    Draws,
    Ratings,
    by_cluster,
    lowest_of_all_alike,
    resampled,
    with_limits,
)
from imagine_kernels.measures.intervals import Figure

Weights = Literal["linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval", "ratio"]

_Z = 1.959963984540054
Floats = NDArray[np.float64]


def percent_agreement(ratings: Ratings, *, draws: Draws = DRAWS) -> Figure:
    """Share of pairs of raters that agree, averaged over the items that two or more have looked at.

    It takes no account of chance.
    """
    n_ik, clusters = _pairable(ratings)
    agree = _pairs_alike(n_ik)
    if not len(agree):
        return Figure(np.nan, np.nan, np.nan)
    value = float(agree.mean())
    if np.isclose(value, 1.0):
        return Figure(1.0, lowest_of_all_alike(len(np.unique(clusters))), 1.0)
    sums = by_cluster(np.column_stack([agree, np.ones(len(agree))]), clusters)
    low, high = resampled(lambda totals: float(totals[0] / totals[1]), sums, draws)
    return with_limits(value, low, high, lowest=0.0)


def cohen_kappa(ratings: Ratings, *, weights: Weights | None = None, draws: Draws = DRAWS) -> Figure:
    """Cohen's kappa of two raters, with weights for classes that have an order.

    ``κ = (p_o − p_e) / (1 − p_e)`` with ``p_o = Σ w_ij p_ij`` and ``p_e = Σ w_ij p_i· p_·j``; ``w_ij = 1 − |i − j| / (q − 1)`` for linear
    weights, the square of the distance for quadratic ones, and 1 on the diagonal alone for none (Cohen 1960, Educ. Psychol. Meas. 20,
    37-46; Cohen 1968, Psychol. Bull. 70, 213-220). The interval follows from the large-sample variance of Fleiss, Cohen and Everitt (1969), Psychol.
    Bull. 72, 323-327, equation 13 for weights.

    Raises
    ------
    DataError
        There are not two raters.
    """
    if ratings.codes.shape[1] != 2:
        raise DataError(f"Cohen's kappa is of two raters, not {ratings.codes.shape[1]}: choose two with Ratings.pair.")
    both = (ratings.codes >= 0).all(axis=1)
    i, j, clusters, q = ratings.codes[both, 0], ratings.codes[both, 1], ratings.clusters[both], len(ratings.classes)
    w_ij = _weights(q, weights)
    table = np.bincount(i * q + j, minlength=q * q).reshape(q, q).astype(np.float64)
    value, observed, expected = _cohen(table, w_ij)
    if np.isclose(observed, 1.0) or not np.isfinite(value):
        return _all_alike(value, expected, clusters)
    if _is_clustered(clusters):
        _, of = np.unique(clusters, return_inverse=True)
        sums = np.zeros((of.max() + 1, q * q))
        np.add.at(sums, (of, i * q + j), 1.0)
        low, high = resampled(lambda totals: _cohen(totals.reshape(q, q), w_ij)[0], sums, draws)
        return with_limits(value, low, high)
    se = np.sqrt(_cohen_variance(table, w_ij))
    return with_limits(value, value - _Z * se, value + _Z * se)


def fleiss_kappa(ratings: Ratings, *, draws: Draws = DRAWS) -> Figure:
    """Fleiss' kappa of any number of raters, who need not be the same for each item.

    κ = (P̄ − P̄_e) / (1 − P̄_e): P̄ is the mean share of pairs that agree, P̄_e = Σ π_k² of the classes over all (Fleiss 1971, Psychol. Bull. 76,
    378-382); with missing ratings π_k is the mean of the shares of each item, as in Gwet (2014, Handbook of inter-rater reliability, 4th
    ed.). The variance of Fleiss, Nee and Landis (1979) holds only where there is no agreement beyond chance, see `fleiss_null_error`; the
    interval is that of Gwet (2021), Educ. Psychol. Meas. 81, 781-790, which holds for any.
    """
    return _chance_corrected(ratings, lambda pi: float((pi**2).sum()), lambda pi, share: share @ pi, draws)


def gwet_ac1(ratings: Ratings, *, draws: Draws = DRAWS) -> Figure:
    """Gwet's AC1, which stays stable where one class is much more common than the others.

    AC1 = (P̄ − P_e) / (1 − P_e) with P_e = Σ π_k (1 − π_k) / (q − 1), and its variance from Gwet (2008), Br. J. Math. Stat. Psychol. 61, 29-48.
    """
    q = max(len(ratings.classes), 2)
    return _chance_corrected(
        ratings, lambda pi: float((pi * (1 - pi)).sum()) / (q - 1), lambda pi, share: (1 - share) @ pi / (q - 1), draws
    )


def fleiss_null_error(ratings: Ratings) -> float:
    """Standard error of Fleiss' kappa if nobody agreed beyond chance, to test for that.

    Fleiss, Nee and Landis (1979), Psychol. Bull. 86, 974-977: SE₀² = 2 [(Σ p q)² − Σ p q (q − p)] / [(Σ p q)² N n (n − 1)] with p the share of
    each class, q = 1 − p, N items and n raters of each.

    Raises
    ------
    DataError
        The items were not all rated by the same number of raters.
    """
    n_ik, _ = _pairable(ratings)
    raters = n_ik.sum(axis=1)
    if not len(n_ik) or not (raters == raters[0]).all():
        raise DataError("This error of Fleiss' kappa needs the same number of ratings of each item: leave out incomplete ones.")
    p = n_ik.sum(axis=0) / n_ik.sum()
    pq = (p * (1 - p)).sum()
    among = len(n_ik) * raters[0] * (raters[0] - 1)
    return float(np.sqrt(2 * (pq**2 - (p * (1 - p) * (1 - 2 * p)).sum()) / (pq**2 * among)))


def krippendorff_alpha(ratings: Ratings, *, level: Level = "nominal", draws: Draws = DRAWS) -> Figure:
    """Krippendorff's alpha: any number of raters, missing ratings, and classes of any level of measurement.

    α = 1 − D_o / D_e from the coincidences o_ck = Σ_u n_uc (n_uk − δ_ck) / (m_u − 1) and their margins n_c: D_o = Σ o_ck δ²_ck, D_e =
    Σ n_c (n_k − δ_ck) δ²_ck / (n − 1). The squared difference δ² is 1 for classes that differ (nominal), (Σ_{g=c..k} n_g − (n_c + n_k)/2)²
    (ordinal), (c − k)² (interval) or ((c − k) / (c + k))² (ratio). Krippendorff (2011), Computing Krippendorff's alpha-reliability,
    University of Pennsylvania. The interval is a bootstrap over items or clusters.
    """
    n_uk, clusters = _pairable(ratings)
    if not len(n_uk):
        return Figure(np.nan, np.nan, np.nan)
    q, m_u = n_uk.shape[1], n_uk.sum(axis=1)
    pairs = n_uk / (m_u - 1)[:, None]
    if level == "ordinal":
        # The differences of ranks hang on the totals of all classes, so each draw needs all coincidences.
        within = np.hstack([by_cluster(pairs * n_uk[:, [c]], clusters) for c in range(q)])
    else:
        within = by_cluster((pairs @ _squared(m_u, ratings.values, level) * n_uk).sum(axis=1)[:, None], clusters)
    sums = np.hstack([by_cluster(n_uk, clusters), within])

    def alpha(totals: Floats) -> float:
        n_c = totals[:q]
        squared = _squared(n_c, ratings.values, level)
        unlike = float((totals[q:] * squared.ravel()).sum()) if level == "ordinal" else float(totals[q])
        by_chance = float(n_c @ squared @ n_c) / (n_c.sum() - 1)
        return 1 - unlike / by_chance if by_chance > 0 else np.nan

    value = alpha(sums.sum(axis=0))
    if np.isclose(value, 1.0):
        n_c = n_uk.sum(axis=0)
        return _all_alike(1.0, float((n_c * (n_c - 1)).sum() / (n_c.sum() * (n_c.sum() - 1))), clusters)
    return with_limits(value, *resampled(alpha, sums, draws))


def _chance_corrected(
    ratings: Ratings, chance: Callable[[Floats], float], chance_of_item: Callable[[Floats, Floats], Floats], draws: Draws
) -> Figure:
    """(P̄ − P_e) / (1 − P_e) with the variance of Gwet (2008, 2021), by the part that each item has in it."""
    n_ik, clusters = _pairable(ratings)
    if not len(n_ik):
        return Figure(np.nan, np.nan, np.nan)
    agree, share = _pairs_alike(n_ik), n_ik / n_ik.sum(axis=1, keepdims=True)

    sums = by_cluster(np.column_stack([np.ones(len(agree)), agree, share]), clusters)

    def coefficient(totals: Floats) -> tuple[float, float]:
        expected = chance(totals[2:] / totals[0])
        observed = float(totals[1] / totals[0])
        return ((observed - expected) / (1 - expected) if expected < 1 - 1e-12 else np.nan), expected

    value, expected = coefficient(sums.sum(axis=0))
    if np.isclose(agree.mean(), 1.0) or not np.isfinite(value):
        return _all_alike(value, expected, clusters)
    if _is_clustered(clusters):
        return with_limits(value, *resampled(lambda totals: coefficient(totals)[0], sums, draws))
    n, pi = len(n_ik), share.mean(axis=0)
    part = (agree - expected) / (1 - expected) - 2 * (1 - value) * (chance_of_item(pi, share) - expected) / (1 - expected)
    se = np.sqrt(((part - value) ** 2).sum() / (n * max(n - 1, 1))) if n > 1 else np.nan
    return with_limits(value, value - _Z * se, value + _Z * se)


def _pairable(ratings: Ratings) -> tuple[Floats, NDArray[np.int64]]:
    """(n, q) counts of the items with two ratings or more, and their clusters."""
    n_ik = ratings.counts
    paired = n_ik.sum(axis=1) >= 2
    return n_ik[paired], ratings.clusters[paired]


def _pairs_alike(n_ik: Floats) -> Floats:
    """(n,) share of the pairs of raters of each item that agree."""
    m = n_ik.sum(axis=1)
    return np.asarray((n_ik * (n_ik - 1)).sum(axis=1) / (m * (m - 1)), dtype=np.float64)


def _is_clustered(clusters: NDArray[np.int64]) -> bool:
    return len(np.unique(clusters)) < len(clusters)


def _all_alike(value: float, expected: float, clusters: NDArray[np.int64]) -> Figure:
    if not np.isfinite(value):
        return Figure(np.nan, np.nan, np.nan)
    low = lowest_of_all_alike(len(np.unique(clusters)))
    return with_limits(value, (low - expected) / (1 - expected), 1.0)


def _weights(q: int, weights: Weights | None) -> Floats:
    away = np.abs(np.subtract.outer(np.arange(q), np.arange(q))) / max(q - 1, 1)
    if weights is None:
        return np.eye(q)
    if weights not in ("linear", "quadratic"):
        raise DataError(f"Unknown weights {weights!r}: use linear or quadratic.")
    return 1 - (away if weights == "linear" else away**2)


def _cohen(table: Floats, w_ij: Floats) -> tuple[float, float, float]:
    """Kappa, and the observed and expected agreement."""
    n = table.sum()
    if not n:
        return np.nan, np.nan, np.nan
    p = table / n
    observed, expected = float((w_ij * p).sum()), float(p.sum(axis=1) @ w_ij @ p.sum(axis=0))
    return ((observed - expected) / (1 - expected) if expected < 1 - 1e-12 else np.nan), observed, expected


def _cohen_variance(table: Floats, w_ij: Floats) -> float:
    n = table.sum()
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    _, observed, expected = _cohen(table, w_ij)
    means = (w_ij @ columns)[:, None] + (w_ij.T @ rows)[None, :]
    inner = (p * (w_ij * (1 - expected) - means * (1 - observed)) ** 2).sum()
    return float(max(inner - (observed * expected - 2 * expected + observed) ** 2, 0.0) / (n * (1 - expected) ** 4))


def _squared(n_c: Floats, values: Floats, level: Level) -> Floats:
    """(q, q) squared differences of the classes."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "ordinal":
        total = np.concatenate([[0.0], np.cumsum(n_c)])
        i, j = np.indices((len(n_c), len(n_c)))
        first, last = np.minimum(i, j), np.maximum(i, j)
        between = total[last + 1] - total[first] - (n_c[first] + n_c[last]) / 2
        return np.where(i == j, 0.0, between**2)
    apart = np.subtract.outer(values, values)
    if level == "interval":
        return apart**2
    if level == "ratio":
        together = np.add.outer(values, values)
        return np.divide(apart, together, out=np.zeros_like(apart), where=together != 0) ** 2
    raise DataError(f"Unknown level {level!r}: use nominal, ordinal, interval or ratio.")
