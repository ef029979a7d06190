"""How many orientations are averaged, and that their averages are what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from imagine_kernels.inference.pictures import oriented
from imagine_kernels.tasks.candidates import NUMBERS, averaged_logits, fewest_orientations
from imagine_kernels.tasks.finetune import Pictures


def logits_with(correct: int) -> NDArray[np.float32]:
    """Of 1000 objects of two classes, so many of each are told right."""
    found = np.zeros((1000, 2), dtype=np.float32)
    found[:500, 0], found[500:, 1] = 1, 1
    for start in (0, 500):
        found[start + correct : start + 500] = found[start + correct : start + 500, ::-1]
    return found


@pytest.mark.parametrize(
    ("correct", "kept"),
    [
        ((400, 420, 440, 460), 8),
        ((400, 420, 459, 460), 4),
        ((400, 458, 459, 460), 2),
        ((460, 450, 440, 400), 1),
        ((440, 460, 440, 400), 2),
        ((500, 500, 500, 500), 1),
    ],
)
def test_no_more_orientations_than_gain_something(correct: tuple[int, ...], kept: int) -> None:
    target = np.repeat([0, 1], 500)
    logits = {number: logits_with(each) for number, each in zip(NUMBERS, correct, strict=True)}
    found, reason = fewest_orientations(logits, target)
    assert found == kept
    assert (
        reason
        == "on held-out objects the balanced accuracy is "
        + ", ".join(f"{each / 500:.3f} with {number}" for number, each in zip(NUMBERS, correct, strict=True))
        + "."
    )


class Backwards:
    """A session whose requests end in the opposite order."""

    def run(self, chunks: object, done: object) -> None:
        for key, given in reversed(list(chunks)):  # type: ignore[call-overload]
            done(key, {"logits": weighted(given["pixels"])})  # type: ignore[operator]


def weighted(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Two numbers (n, 2) that depend on how a picture lies."""
    weights = np.random.default_rng(1).uniform(size=(2, *pixels[0].shape))
    return np.stack([(pixels * weight).sum(axis=(1, 2, 3)) for weight in weights], axis=1).astype(np.float32)


@pytest.mark.parametrize(("most", "numbers"), [(8, [1, 2, 4, 8]), (4, [1, 2, 4]), (3, [1, 2, 3]), (1, [1])])
def test_averages_are_those_of_the_first_orientations(most: int, numbers: list[int]) -> None:
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 255, (70, 1, 6, 6), dtype=np.uint8)
    pictures = Pictures(pixels=pixels, morphometry=np.zeros((70, 0), dtype=np.float32), target=np.zeros(70, dtype=np.int64))
    found = averaged_logits(Backwards(), pictures, most, 2)  # type: ignore[arg-type]
    assert list(found) == numbers
    each = [weighted(oriented(pixels, orientation)).astype(np.float64) for orientation in range(most)]
    for number in numbers:
        np.testing.assert_allclose(found[number], np.mean(each[:number], axis=0), rtol=1e-6)
    # With one orientation nothing is averaged: they differ.
    assert all(np.abs(found[a] - found[b]).max() > 1 for a, b in itertools.pairwise(numbers))
