"""Thinning against scikit-image, whose table of neighbourhoods it follows."""

import cv2
import numpy as np
import pytest
from skimage.morphology import skeletonize

from imagine_kernels.measures.morphometry_thinning import skeleton_areas, thinned


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("shape", [(70, 64), (61, 190)])
def test_noise_of_every_neighbourhood(share, shape):
    mask = np.random.default_rng(round(100 * share)).random(shape) < share
    np.testing.assert_array_equal(thinned(mask.astype(np.uint8)), skeletonize(mask))


def test_every_pattern_of_neighbours_alone():
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    patterns = np.insert(bits, 4, 1, axis=1).reshape(16, 16, 3, 3)
    mask = np.pad(patterns, ((0, 0), (0, 0), (1, 1), (1, 1))).transpose(0, 2, 1, 3).reshape(80, 80)
    np.testing.assert_array_equal(thinned(mask.astype(np.uint8)), skeletonize(mask > 0))


def test_thick_objects_that_fill_the_picture():
    field = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((300, 333)), (0, 0), 9)
    for mask in (field > 0, np.ones((40, 128), dtype=bool), np.ones((1, 1), dtype=bool), np.zeros((3, 65), dtype=bool)):
        np.testing.assert_array_equal(thinned(mask.astype(np.uint8)), skeletonize(mask))


@pytest.mark.parametrize("count", [0, 1, 7, 30])
def test_areas_of_few_and_of_many(count):
    rng = np.random.default_rng(count)
    masks = [np.where(rng.random(rng.integers(1, 70, 2)) < 0.9, 255, 0).astype(np.uint8) for _ in range(count)]
    assert skeleton_areas(masks).tolist() == [skeletonize(mask > 0).sum() for mask in masks]
