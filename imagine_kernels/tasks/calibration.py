"""Temperature scaling: one number that makes probabilities honest.

Source: Guo et al. 2017, On calibration of modern neural networks, ICML.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Bounds of the temperature; beyond them the validation split is too small or too easy to tell.
LOWEST, HIGHEST = 0.2, 10.0


def fit_temperature(logits: NDArray[np.float32], target: NDArray[np.int64]) -> float:
    """The temperature with the least log loss of ``softmax(logits / temperature)``.

    Parameters
    ----------
    logits : (n, k) ndarray of float32
        Of held-out objects.
    target : (n,) ndarray of int
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    values = logits.astype(np.float64)
    right = values[np.arange(len(target)), target]

    def loss(log_temperature: float) -> float:
        t = np.exp(log_temperature)
        return float((logsumexp(values / t, axis=1) - right / t).mean())

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))
