"""Which of two candidates to keep: the simpler one, unless the other is better by more than chance would make it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How much better the second candidate is than the first.

    Attributes
    ----------
    value : float
        Difference of the balanced accuracies.
    error : float
        Its standard error.
    """

    value: float
    error: float

    @property
    def counts(self) -> bool:
        """Whether the difference is larger than its standard error."""
        return self.value > self.error


def paired_gain(target: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> Gain:
    """Gain in balanced accuracy of the second candidate over the first on the same objects.

    Parameters
    ----------
    target, first, second : (n,) ndarray of int
        The true class, and those that the two candidates predict.

    Notes
    -----
    The balanced accuracy is the mean over the k classes of the share that is right, so the difference is the mean over classes of the mean of
    d = right in the second − right in the first, and its variance is Σ var(d in class) / n_class / k². A difference below one standard error
    decides nothing, and the simpler candidate stays: the one-standard-error rule of Breiman et al. [1]_, on paired differences.

    References
    ----------
    .. [1] Breiman, L., Friedman, J., Olshen, R., Stone, C. (1984). Classification and Regression Trees, section 3.4.3.
    """
    difference = (second == target).astype(float) - (first == target).astype(float)
    by_class = [difference[target == label] for label in np.unique(target)]
    k = len(by_class)
    variance = sum(float(part.var(ddof=1)) / len(part) for part in by_class if len(part) > 1) / k**2
    return Gain(value=float(np.mean([part.mean() for part in by_class])), error=float(np.sqrt(variance)))
