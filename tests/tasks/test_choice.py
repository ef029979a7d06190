"""The rule that decides between two candidates."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from imagine_kernels.tasks.choice import paired_gain


def draw(seed: int, n: int, accuracy: float, rng_target: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < accuracy, rng_target, (rng_target + 1) % 4)


def test_the_gain_is_the_difference_of_the_balanced_accuracies() -> None:
    target = np.repeat(np.arange(4), (50, 10, 30, 5))
    first, second = draw(1, 95, 0.7, target), draw(2, 95, 0.9, target)
    wanted = balanced_accuracy_score(target, second) - balanced_accuracy_score(target, first)
    assert paired_gain(target, first, second).value == pytest.approx(wanted)


def test_the_error_is_that_of_repeated_draws() -> None:
    target = np.repeat(np.arange(4), 40)
    gains = [paired_gain(target, draw(2 * i, 160, 0.8, target), draw(2 * i + 1, 160, 0.85, target)) for i in range(400)]
    assert np.mean([gain.error for gain in gains]) == pytest.approx(np.std([gain.value for gain in gains]), rel=0.1)


def test_one_lucky_object_decides_nothing_and_a_clear_gain_counts() -> None:
    target = np.repeat(np.arange(4), 13)
    first = target.copy()
    first[[0, 13, 26, 39]] = (target[[0, 13, 26, 39]] + 1) % 4
    lucky, unlucky = first.copy(), first.copy()
    lucky[0], unlucky[1] = target[0], (target[1] + 1) % 4
    assert not paired_gain(target, first, first).counts
    assert not paired_gain(target, first, unlucky).counts
    assert paired_gain(target, first, lucky).value == pytest.approx(1 / 52)
    assert not paired_gain(target, first, lucky).counts
    bad = (target + 1) % 4
    assert paired_gain(target, bad, target).counts
