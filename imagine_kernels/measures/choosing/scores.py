"""How much there is to learn from the label of an object: scores from 0, each object on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError

Floats = NDArray[np.float64]
#: Distances between so many objects and all others are held at a time.
_AT_ONCE = 1024


def entropy(probabilities: NDArray[Any]) -> Floats:
    """Shannon's entropy over its largest value, log q: 0 where the model is sure, 1 where all q classes are as likely.

    Parameters
    ----------
    probabilities : (n, q) array

    References
    ----------
    Settles (2009), Active learning literature survey, University of Wisconsin-Madison, section 3.1; also for `margin`, `least_confidence`.
    """
    p = checked(probabilities)
    logs = np.log(np.where(p > 0, p, 1.0))
    return np.asarray(-(p * logs).sum(axis=1) / np.log(max(p.shape[1], 2)), dtype=np.float64)


def margin(probabilities: NDArray[Any]) -> Floats:
    """1 − the most likely class's probability + that of the second: near 1 where two classes are as likely."""
    p = checked(probabilities)
    if p.shape[1] < 2:
        return np.zeros(len(p))
    top = np.partition(p, -2, axis=1)[:, -2:]
    return np.asarray(1 - (top[:, 1] - top[:, 0]), dtype=np.float64)


def least_confidence(probabilities: NDArray[Any]) -> Floats:
    """1 − the most likely class's probability, over its largest value, 1 − 1/q."""
    p = checked(probabilities)
    q = max(p.shape[1], 2)
    return np.asarray((1 - p.max(axis=1)) * q / (q - 1), dtype=np.float64)


def novelty(embeddings: NDArray[Any], labelled: NDArray[np.bool_], *, k: int = 5) -> Floats:
    """How far each object lies from what is labelled: 1 is what is usual among the labelled ones themselves.

    The mean distance to the k nearest labelled objects (not counting itself), over the median of that for the labelled ones.

    Parameters
    ----------
    embeddings : (n, d) array
    labelled : (n,) bool array
    k : int

    References
    ----------
    Ramaswamy, Rastogi and Shim (2000), Efficient algorithms for mining outliers from large data sets, SIGMOD; the mean of the k as in
    Angiulli and Pizzuti (2002), PKDD.

    Raises
    ------
    DataError
        Fewer than two objects are labelled.
    """
    known = np.flatnonzero(labelled)
    if len(known) < 2:
        raise DataError(
            f"Novelty needs two labelled objects or more, not {len(known)}: label some first, or choose by diversity."
        )
    z = np.asarray(embeddings, dtype=np.float64)
    near = min(k, len(known) - 1)
    found = np.empty(len(z))
    for begin in range(0, len(z), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        squared = ((z[part] ** 2).sum(axis=1)[:, None] + (z[known] ** 2).sum(axis=1)[None, :] - 2 * z[part] @ z[known].T).clip(0)
        # An object is no neighbour of itself.
        own = np.arange(begin, begin + len(squared))[:, None] == known[None, :]
        squared[own] = np.inf
        found[part] = np.sqrt(np.partition(squared, near - 1, axis=1)[:, :near]).mean(axis=1)
    usual = float(np.median(found[known]))
    return found / usual if usual > 0 else found


def checked(probabilities: NDArray[Any]) -> Floats:
    """(n, q) probabilities as numbers.

    Raises
    ------
    DataError
        They are no table, not between 0 and 1, or do not add up to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not p.shape[1]:
        raise DataError(f"Probabilities need one row for each object and one column for each class, not the shape {p.shape}.")
    if not np.isfinite(p).all() or (p < -1e-9).any() or (np.abs(p.sum(axis=1) - 1) > 1e-3).any():
        raise DataError("The probabilities of an object must lie between 0 and 1 and add up to 1: give those of a classifier.")
    return np.clip(p, 0, 1)
