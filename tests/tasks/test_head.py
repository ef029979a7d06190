"""The head against scikit-learn fitted without any of its short cuts, and calibration against known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from imagine_kernels.inference.classifier import softmax as ours
from imagine_kernels.tasks.calibration import fit_temperature
from imagine_kernels.tasks.head import class_weights, fit_head


def points(k: int, n: int = 60, d: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    target = np.arange(n) % k
    centres = rng.normal(size=(k, d))
    return (centres[target] + rng.normal(size=(n, d)) * 2).astype(np.float32), target


@pytest.mark.parametrize("k", [2, 3])
def test_same_probabilities_as_plain_scikit_learn(k: int) -> None:
    """Fewer objects than features, so that the rotated fit is taken; two classes are a case of their own in scikit-learn."""
    x, target = points(k)
    head = fit_head(x, target, blocks=(60, 30), n_classes=k, exponent=0.0, seed=0)
    plain = LogisticRegression(C=head.strength, max_iter=5000, tol=1e-8).fit((x - head.shift) * head.scale, target)
    expected = plain.predict_proba((x - head.shift) * head.scale)
    np.testing.assert_allclose(softmax(head.logits(x), axis=1), expected, atol=2e-3)


def test_blocks_weigh_the_same_however_long() -> None:
    x, target = points(3)
    head = fit_head(x, target, blocks=(60, 30), n_classes=3, exponent=0.0, seed=0)
    scaled = (x - head.shift) * head.scale
    assert (scaled[:, :60] ** 2).sum() / len(x) == pytest.approx(1, rel=0.05)
    assert (scaled[:, 60:] ** 2).sum() / len(x) == pytest.approx(1, rel=0.05)


def test_a_block_can_be_left_out() -> None:
    x, target = points(3)
    without = fit_head(x, target, blocks=(60, 30), n_classes=3, exponent=0.0, seed=0, weights=(1, 0), strength=3.0)
    alone = fit_head(x[:, :60], target, blocks=(60,), n_classes=3, exponent=0.0, seed=0, strength=3.0)
    np.testing.assert_allclose(softmax(without.logits(x), axis=1), softmax(alone.logits(x[:, :60]), axis=1), atol=1e-4)
    changed = x.copy()
    changed[:, 60:] = 1e6
    np.testing.assert_array_equal(without.logits(changed), without.logits(x))


def test_a_feature_that_did_not_vary_does_not_explode() -> None:
    x, target = points(3)
    x[:, 5] = 1.0
    x[:, 6] = 1.0 + 1e-6 * np.arange(len(x))
    head = fit_head(x, target, blocks=(60, 30), n_classes=3, exponent=0.0, seed=0)
    before = head.logits(x[:1])
    moved = x[:1].copy()
    moved[:, 5:7] = 2.0
    assert np.abs(head.logits(moved) - before).max() < 1


def test_class_weights_are_the_cited_formula() -> None:
    np.testing.assert_allclose(class_weights(np.array([0] * 16 + [1]), 3, 0.25), [1, 2, 1])


def test_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 4)) * 2
    target = np.array([rng.choice(4, p=p) for p in softmax(honest, axis=1)])
    assert fit_temperature((honest * 3).astype(np.float32), target) == pytest.approx(3, rel=0.1)


def test_softmax_like_scipy_also_for_huge_logits_and_none() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [1e4, 0.0, -1e4]])
    np.testing.assert_allclose(ours(logits), softmax(logits, axis=1), atol=1e-6)
    assert ours(np.empty((0, 3))).shape == (0, 3)
