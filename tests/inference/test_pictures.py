"""From a vignette to the square that the model sees."""

from __future__ import annotations

import numpy as np
import pytest

from imagine_kernels.inference.pictures import ORIENTATIONS, object_box, oriented, square, squares


def vignette(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    picture = np.full((height, width), 255, dtype=np.uint8)
    top, bottom, left, right = box
    picture[top:bottom, left:right] = 100
    return picture


def test_the_object_fills_the_square_whatever_the_margin() -> None:
    narrow, wide = vignette(60, 100, (10, 50, 10, 90)), vignette(200, 300, (60, 100, 110, 190))
    np.testing.assert_array_equal(square(narrow, size=224), square(wide, size=224))
    seen = np.flatnonzero((square(wide, size=224) < 200).any(axis=0))
    assert seen[0] < 20
    assert seen[-1] > 204


def test_the_shape_is_kept() -> None:
    ink = square(vignette(200, 200, (50, 150, 90, 110)), size=224) < 200
    height, width = ink.any(axis=1).sum(), ink.any(axis=0).sum()
    assert height / width == pytest.approx(5, rel=0.05)


def test_specks_do_not_change_the_cut() -> None:
    clean = vignette(200, 200, (50, 150, 90, 110))
    speckled = clean.copy()
    speckled[2, 3] = speckled[197, 190] = 200
    assert object_box(clean, background=243, margin=0.05) == object_box(speckled, background=243, margin=0.05)


def test_an_empty_picture_is_kept_whole() -> None:
    blank = np.full((30, 50), 255, dtype=np.uint8)
    assert object_box(blank, background=243, margin=0.05) == (slice(0, 30), slice(0, 50))
    assert (square(blank, size=64) == 255).all()


@pytest.mark.parametrize("shape", [(3, 3), (1, 400), (2000, 7)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    assert square(np.zeros(shape, dtype=np.uint8), size=64).shape == (64, 64)


def test_settings_take_effect() -> None:
    picture = vignette(100, 100, (40, 60, 40, 60))
    assert (square(picture, size=64, margin=0.0) < 200).sum() > (square(picture, size=64, margin=0.5) < 200).sum()
    assert (square(picture, size=64, background=50) < 200).sum() < (square(picture, size=64, background=243) < 200).sum()


def test_eight_orientations_are_all_there_are() -> None:
    pixels = squares([np.arange(9, dtype=np.uint8).reshape(3, 3) * 20], size=8)
    views = [oriented(pixels, i) for i in range(ORIENTATIONS)]
    assert len({view.tobytes() for view in views}) == ORIENTATIONS
    np.testing.assert_array_equal(views[0], pixels)
    turned = {oriented(oriented(pixels, 1), i).tobytes() for i in range(ORIENTATIONS)}
    assert turned == {view.tobytes() for view in views}
    assert all(view.flags.c_contiguous and view.shape == (1, 1, 8, 8) for view in views)
