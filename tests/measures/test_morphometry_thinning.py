"""Thinning against scikit-image, whose table of neighbourhoods it follows."""

import cv2
import numpy as np
import pytest
from skimage.morphology import skeletonize

from imagine_kernels.measures.morphometry_stacks import Stack
from imagine_kernels.measures.morphometry_thinning import skeletons


def thinned(masks):
    """How many pixels of each mask are left, and which, (H, W) bool."""
    stack = Stack.of([np.where(mask, 0, 255).astype(np.uint8) for mask in masks])
    boxes = np.array([(1, 1, mask.shape[1] + 1, mask.shape[0] + 1) for mask in masks])
    words = np.packbits(stack.grey == 0, bitorder="little").view(np.uint64)
    areas, lines = skeletons(words, stack.places, boxes, 10**9)
    bits = np.unpackbits(lines.view(np.uint8), bitorder="little")
    left = []
    for (first, rows, across), mask in zip(stack.places.tolist(), masks, strict=True):
        here = bits[64 * first : 64 * (first + rows * across)].reshape(rows, -1)
        left.append(here[1 : mask.shape[0] + 1, 1 : mask.shape[1] + 1] > 0)
    return areas, left


def agree(*masks):
    areas, left = thinned(masks)
    for area, lines, mask in zip(areas, left, masks, strict=True):
        wanted = skeletonize(mask)
        np.testing.assert_array_equal(lines, wanted)
        assert area == wanted.sum()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("shape", [(70, 64), (61, 190)])
def test_noise_of_every_neighbourhood(share, shape):
    agree(np.random.default_rng(round(100 * share)).random(shape) < share)


def test_every_pattern_of_neighbours_alone():
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    patterns = np.insert(bits, 4, 1, axis=1).reshape(16, 16, 3, 3)
    agree(np.pad(patterns, ((0, 0), (0, 0), (1, 1), (1, 1))).transpose(0, 2, 1, 3).reshape(80, 80) > 0)


def test_thick_objects_that_fill_the_picture():
    field = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((300, 333)), (0, 0), 9)
    agree(field > 0, np.ones((40, 128), dtype=bool), np.ones((1, 1), dtype=bool), np.zeros((3, 65), dtype=bool))


@pytest.mark.parametrize("count", [1, 7, 30])
def test_few_and_many(count):
    rng = np.random.default_rng(count)
    agree(*(rng.random(rng.integers(1, 70, 2)) < 0.9 for _ in range(count)))
