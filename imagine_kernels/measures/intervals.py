"""Intervals for counts, weighted counts and proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Every interval of this library is a 95 % one.
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}`` for JSON; not-a-number becomes None."""
        values = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if np.isnan(value) else float(value) for name, value in values.items()}


def weighted_poisson(
    total: NDArray[Any] | float, squares: NDArray[Any] | float, largest: NDArray[Any] | float, *, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gamma interval of Fay and Feuer for a weighted sum of Poisson counts.

    With equal weights it is the exact interval of Garwood (1936). Where nothing was counted, it goes from 0 to 3.69 times `largest`.

    Parameters
    ----------
    total : (...) array
        ``y = Σ w_i x_i``: with one term per counted object, the sum of its weights. Same unit as the weights.
    squares : (...) array
        ``v = Σ w_i² x_i``.
    largest : (...) array
        The largest weight that an object could have had; at 0 the upper limit of an empty count is 0, so give the weight all the same.
    level : float

    Returns
    -------
    low, high : (...) float64 ndarrays
        Limits for the expectation of `total`.

    References
    ----------
    Fay, M. P. and Feuer, E. J. (1997), Confidence intervals for directly standardized rates: a method based on the gamma distribution,
    Statistics in Medicine 16, 791-801.
    """
    from scipy.special import gammaincinv

    y, v, w = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (total, squares, largest)))
    tail = (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(y > 0, v / y * gammaincinv(y**2 / v, tail), np.where(y == 0, 0.0, np.nan))
        scale = (v + w**2) / (y + w)
        high = scale * gammaincinv((y + w) / scale, 1 - tail)
    return low, np.where(y + w > 0, high, np.where(y == 0, np.where(w == 0, 0.0, np.nan), np.nan))


def wilson(successes: NDArray[Any] | float, n: NDArray[Any] | float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % score interval of a proportion.

    Parameters
    ----------
    successes, n : (...) arrays
        Both may be effective numbers that are not whole.

    Returns
    -------
    low, high : (...) float64 ndarrays
        In 0 … 1; NaN where `n` is 0.

    References
    ----------
    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22, 209-212.
    """
    z2 = 1.959963984540054**2
    k, m = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(m > 0, k / m, np.nan)
        middle = (p + z2 / (2 * m)) / (1 + z2 / m)
        half = np.sqrt(z2 * (p * (1 - p) / m + z2 / (4 * m**2))) / (1 + z2 / m)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
