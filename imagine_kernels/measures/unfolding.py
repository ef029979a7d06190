"""From what a classifier counted to what was there: counts are unfolded through the confusion of held-out objects.

A classifier with the confusion ``P[i, j]`` = P(predicted j | true i) turns true numbers ``t`` into predicted ones with the expectation
``t P``. The maximum-likelihood ``t`` that is nowhere negative is the fixed point of ::

    t_i  <-  t_i  Σ_j P[i, j] n_j / (t P)_j

(D'Agostini, G. 1995, A multidimensional unfolding method based on Bayes' theorem, Nucl. Instrum. Meth. A 362, 487-498; the same iteration as
Saerens, M., Latinne, P. and Decaestecker, C. 2002, Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 14,
21-41). It conserves the total.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.records import Confusion

# Weight of what is known of all classes together when a row is estimated, in held-out objects.
_PRIOR_WEIGHT = 3.0
ITERATIONS = 60


def dirichlet_parameters(confusion: Confusion, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """(k, k) parameters of the Dirichlet distribution of each row of the confusion, for `classes` in their order.

    The held-out counts, plus three pseudo-objects per row, spread as errors are spread over all classes: right with the overall
    accuracy, else a class as often as that is predicted in error. A class with few held-out objects borrows from the others in this way,
    and one without any is taken to be recognised like the average, with great uncertainty. A class that the model does not know is never
    predicted and stays as it is.

    Raises
    ------
    LabelError
        The counts do not fit the classes of the confusion.
    """
    counts = np.asarray(confusion.counts, dtype=np.float64)
    k = len(confusion.classes)
    if counts.shape != (k, k) or (counts < 0).any():
        raise LabelError(
            f"The confusion of {k} classes has the shape {counts.shape}, not ({k}, {k}) with counts from 0: train again."
        )
    right = np.trace(counts)
    wrong = counts.sum(axis=0) - np.diag(counts)
    accuracy = (right + 1) / (counts.sum() + 2)
    share = (wrong + 1 / k) / (wrong.sum() + 1)
    prior = (1 - accuracy) * np.tile(share, (k, 1))
    np.fill_diagonal(prior, 0)
    prior *= (1 - accuracy) / np.maximum(prior.sum(axis=1, keepdims=True), 1e-12)
    np.fill_diagonal(prior, accuracy)
    known = counts + _PRIOR_WEIGHT * prior
    position = {name: i for i, name in enumerate(confusion.classes)}
    result = np.eye(len(classes)) * 1e6
    places = np.array([position.get(name, -1) for name in classes])
    here = np.flatnonzero(places >= 0)
    result[np.ix_(here, here)] = known[np.ix_(places[here], places[here])]
    return result


def draw_rows(parameters: NDArray[np.float64], n_draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n_draws, k, k) draws of P(predicted | true), rows sum to 1."""
    gammas = rng.standard_gamma(np.broadcast_to(parameters, (n_draws, *parameters.shape)))
    gammas = np.maximum(gammas, 1e-300)
    return np.asarray(gammas / gammas.sum(axis=2, keepdims=True))


def unfold(counts: NDArray[Any], rows: NDArray[np.float64], *, iterations: int = ITERATIONS) -> tuple[NDArray[Any], NDArray[Any]]:
    """Most likely true numbers behind predicted ones.

    Parameters
    ----------
    counts : (..., s, k) ndarray
        Predicted numbers of k classes in s samples; need not be whole.
    rows : (..., k, k) ndarray
        P(predicted | true).
    iterations : int

    Returns
    -------
    true : (..., s, k) ndarray
        Not negative; each sample keeps its total.
    expected : (..., s, k) ndarray
        ``true @ rows`` of the last step: what would be predicted.
    """
    n = np.asarray(counts, dtype=np.float64)
    k = n.shape[-1]
    # A class that was never predicted may be there all the same: nothing starts at 0.
    true = 0.9 * n + 0.1 * n.sum(axis=-1, keepdims=True) / k
    back = np.swapaxes(rows, -1, -2)
    expected = np.maximum(true @ rows, 1e-12)
    for _ in range(iterations):
        true = true * ((n / expected) @ back)
        expected = np.maximum(true @ rows, 1e-12)
    return true, expected
