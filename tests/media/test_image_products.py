"""Products of frames against numpy, exactly, and timestacks against scipy."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import map_coordinates

from imagine_kernels.errors import DataError
from imagine_kernels.media.image_products import image_products, timestack, transect_pixels
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.lens import Intrinsics


@settings(max_examples=40, deadline=None)
@given(arrays(st.sampled_from([np.uint8, np.uint16]), st.tuples(st.integers(1, 7), st.just(3), st.just(4), st.just(2))))
def test_products_are_those_of_numpy(stack: np.ndarray) -> None:
    products = image_products(iter(stack))
    wide = stack.astype(np.float64)
    assert products.n_frames == len(stack)
    np.testing.assert_array_equal(products.snapshot, stack[0])
    np.testing.assert_allclose(products.mean, wide.mean(axis=0), rtol=1e-15, atol=1e-12)
    np.testing.assert_allclose(products.variance, wide.var(axis=0), rtol=1e-12, atol=1e-7)
    np.testing.assert_array_equal(products.brightest, stack.max(axis=0))
    np.testing.assert_array_equal(products.darkest, stack.min(axis=0))
    assert products.timex.dtype == stack.dtype
    assert np.abs(products.timex - wide.mean(axis=0)).max() <= 0.5


def test_fractions_are_taken_too() -> None:
    stack = np.random.default_rng(0).normal(1e6, 1.0, (50, 5, 6))
    products = image_products(stack)
    np.testing.assert_allclose(products.mean, stack.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(products.variance, stack.var(axis=0), rtol=1e-7)


def test_the_frames_are_gone_through_once_and_not_kept() -> None:
    alive = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal alive
        for k in range(3000):
            alive += 1
            # One array, written anew for every frame, as a decoder does.
            frame[:] = k % 200
            yield frame

    frame = np.zeros((4, 5), dtype=np.uint8)
    products = image_products(frames())
    values = np.arange(3000) % 200
    assert alive == products.n_frames == 3000
    np.testing.assert_allclose(products.mean, values.mean())
    np.testing.assert_allclose(products.variance, values.var())
    assert (products.snapshot == 0).all()
    pictures = products.pictures()
    assert set(pictures) == {"snapshot", "timex", "variance", "brightest", "darkest"}
    assert all(picture.dtype == np.uint8 for picture in pictures.values())
    assert pictures["variance"].max() == 255


def test_a_timestack_is_the_values_between_the_pixels() -> None:
    stack = np.random.default_rng(1).integers(0, 255, (6, 30, 40)).astype(np.float32)
    x, y = np.linspace(2.5, 37.2, 25), np.linspace(27.1, 3.3, 25)
    found = timestack(stack, x, y)
    wanted = np.stack([map_coordinates(frame, [y - 0.5, x - 0.5], order=1) for frame in stack])
    assert found.shape == (6, 25)
    # OpenCV knows positions to 1/32 px.
    assert np.abs(found - wanted).max() < 12
    assert np.abs(found - wanted).mean() < 2
    assert (timestack(stack, np.array([-3.0, 5.5]), np.array([5.0, 5.5]))[:, 0] == 0).all()
    np.testing.assert_array_equal(timestack(stack, np.array([5.5]), np.array([7.5]))[:, 0], stack[:, 7, 5])


def test_a_line_on_the_ground_is_found_in_the_picture() -> None:
    camera = Camera(Intrinsics.simple(640, 480, 600.0), Extrinsics(0, 0, 30, math.radians(90), math.radians(70), 0))
    along, x, y = transect_pixels(camera, (20.0, 0.0), (220.0, 0.0), 0.0, spacing_m=10.0)
    assert len(along) == 21
    seen = np.isfinite(x)
    assert np.isnan(x[0])
    np.testing.assert_allclose(x[seen], 320.0)
    wanted = 240 + 600 * np.tan(np.arctan2(30, 20 + along[seen]) - math.radians(20))
    np.testing.assert_allclose(y[seen], wanted)
    with pytest.raises(DataError, match="does not see this line"):
        transect_pixels(camera, (-20.0, 0.0), (-220.0, 0.0), 0.0, spacing_m=10.0)
    with pytest.raises(DataError, match="a line with a length"):
        transect_pixels(camera, (1.0, 1.0), (1.0, 1.0), 0.0, spacing_m=10.0)


def test_frames_that_differ_are_refused() -> None:
    one, other = np.zeros((3, 4), dtype=np.uint8), np.zeros((3, 5), dtype=np.uint8)
    with pytest.raises(DataError, match=r"Frame 2 is \(3, 5\)"):
        image_products([one, other])
    with pytest.raises(DataError, match="Frame 2 is"):
        timestack([one, other], np.array([1.0]), np.array([1.0]))
    with pytest.raises(DataError, match="There are no frames"):
        image_products([])
    with pytest.raises(DataError, match="There are no frames"):
        timestack([], np.array([1.0]), np.array([1.0]))
