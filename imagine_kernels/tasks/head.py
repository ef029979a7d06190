"""A linear head on features: regularised logistic regression, its strength chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Inverse strengths of the regularisation that are tried.
STRENGTHS = (1.0, 3.0, 10.0, 30.0)
#: More objects than these do not change the choice of the strength; they would only slow it down.
_MAX_TO_CHOOSE = 3000
_INNER_FOLDS = 4
#: Features are scaled as if they varied at least this share of what is usual in their block.
MIN_SPREAD = 0.25


@dataclass(frozen=True, kw_only=True)
class Head:
    """A fitted head: logits = ((x - shift) · scale) @ weight.T + bias.

    Attributes
    ----------
    shift, scale : (d,) ndarray of float32
    weight : (k, d) ndarray of float32
    bias : (k,) ndarray of float32
    strength : float
        The inverse strength of the regularisation that was chosen.
    """

    shift: NDArray[np.float32]
    scale: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, k) float32 for features (n, d)."""
        return np.asarray(((features - self.shift) * self.scale) @ self.weight.T + self.bias, dtype=np.float32)


def class_weights(target: NDArray[np.int64], n_classes: int, exponent: float) -> NDArray[np.float64]:
    """(k,) weights ``(largest count / count) ** exponent``; 1 for a class without objects.

    Source: Panaïotis et al. 2026, Benchmark of plankton images classification, ESSD 18, 945.
    """
    counts = np.bincount(target, minlength=n_classes).astype(np.float64)
    return np.asarray(np.where(counts > 0, (counts.max() / np.maximum(counts, 1)) ** exponent, 1.0))


def fit_head(
    features: NDArray[np.float32],
    target: NDArray[np.int64],
    *,
    blocks: Sequence[int],
    n_classes: int,
    exponent: float,
    seed: int,
    strength: float | None = None,
    weights: Sequence[float] | None = None,
) -> Head:
    """Fit a head.

    Parameters
    ----------
    features : (n, d) ndarray of float32
    target : (n,) ndarray of int
        Class indices; every class occurs.
    blocks : sequence of int
        Lengths of the blocks of features, sum d. Each block as a whole has the same weight, however long it is.
    n_classes : int
        k.
    exponent : float
        See `class_weights`.
    seed : int
    strength : float, optional
        The inverse strength of the regularisation; where it is left out it is chosen among `STRENGTHS`, which takes many times longer.
    weights : sequence of float, optional
        How much each block counts; 0 leaves it out. Without it all count alike.
    """
    from threadpoolctl import threadpool_limits

    shift = features.mean(axis=0)
    scale = _scale(features.std(axis=0), blocks) * np.repeat(np.asarray(weights or [1] * len(blocks), dtype=np.float32), blocks)
    # The matrices are small: threads would spend their time waiting for each other, ten times longer than one needs alone.
    with threadpool_limits(1):
        coefficients, intercept, strength, back = _fit(
            (features - shift) * scale, target, n_classes=n_classes, exponent=exponent, seed=seed, strength=strength
        )
    return Head(
        shift=shift.astype(np.float32),
        scale=scale,
        weight=(coefficients @ back).astype(np.float32),
        bias=intercept.astype(np.float32),
        strength=strength,
    )


def _scale(spread: NDArray[np.float32], blocks: Sequence[int]) -> NDArray[np.float32]:
    """What each feature is multiplied with, so that blocks weigh the same.

    A feature that hardly varies in the training data says little, and must not explode on the first picture where it does.
    """
    parts = []
    for part in np.split(spread, np.cumsum(blocks)[:-1]):
        least = max(MIN_SPREAD * float(np.median(part)), 1e-6)
        parts.append(1 / (np.maximum(part, least) * np.sqrt(len(part))))
    return np.concatenate(parts).astype(np.float32)


def _fit(
    x: NDArray[np.float32], target: NDArray[np.int64], *, n_classes: int, exponent: float, seed: int, strength: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64]]:
    """Weights (k, r) and bias (k,) in the rotated space, the strength, and the matrix (r, d) that leads back."""
    rotated, back = _rotated(x)
    weights = class_weights(target, n_classes, exponent)
    if strength is None:
        strength = _choose_strength(rotated, target, weights, seed)
    model = _logistic(strength).fit(rotated, target, sample_weight=weights[target])
    coefficients, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)
    if n_classes == 2:
        # scikit-learn keeps one row for two classes; ours are symmetric.
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.concatenate([-intercept, intercept]) / 2
    return coefficients, intercept, strength, back


def _rotated(x: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same points in as many dimensions as they span, and the matrix that leads back.

    A ridge penalty does not see rotations: where there are fewer objects than features the fit is the same and many times faster.
    """
    wide = x.astype(np.float64)
    n, d = wide.shape
    if n >= d:
        return wide, np.eye(d)
    # By the n × n products of the objects: many times faster than the singular values of a wide matrix.
    values, vectors = np.linalg.eigh(wide @ wide.T)
    spanned = values > values[-1] * 1e-10
    rotated = vectors[:, spanned] * np.sqrt(values[spanned])
    return rotated, (rotated / values[spanned]).T @ wide


def _choose_strength(x: NDArray[np.float64], target: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> float:
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, train_test_split

    if len(target) > _MAX_TO_CHOOSE:
        x, _, target, _ = train_test_split(x, target, train_size=_MAX_TO_CHOOSE, stratify=target, random_state=seed)
    folds = int(min(_INNER_FOLDS, np.bincount(target)[np.unique(target)].min()))
    if folds < 2:
        return STRENGTHS[len(STRENGTHS) // 2]
    losses = np.zeros(len(STRENGTHS))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, target):
        for i, strength in enumerate(STRENGTHS):
            model = _logistic(strength).fit(x[train], target[train], sample_weight=weights[target[train]])
            # The logarithmic loss is smoother than the accuracy on few objects, and rewards calibration.
            losses[i] += log_loss(
                target[test], model.predict_proba(x[test]), labels=model.classes_, sample_weight=weights[target[test]]
            )
    return STRENGTHS[int(losses.argmin())]


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000)
