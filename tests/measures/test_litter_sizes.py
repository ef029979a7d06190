"""Sizes on the ground, against skimage and known extents."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label, regionprops

from imagine_kernels.errors import DataError
from imagine_kernels.measures.litter_sizes import SIZE_CLASSES, longest_m, size_class, size_cm
from imagine_kernels.measures.photo_place import PhotoGeoreference
from imagine_kernels.records.photo_geometry import PhotoGeometry
from imagine_kernels.records.shapes import Shape


def place(pitch: float = -90.0, yaw: float = 20.0) -> PhotoGeoreference:
    return PhotoGeoreference(
        PhotoGeometry(
            name="a.jpg", width=1000, height=750, lon=2.75, lat=39.36, height_m=10.0, yaw_deg=yaw, pitch_deg=pitch, focal_px=2000.0,
            centre_x_px=500.0, centre_y_px=375.0, horizontal_error_m=0, height_error_m=0, tilt_error_deg=0, yaw_error_deg=0,
        )
    )  # fmt: skip


def test_size_classes_at_their_limits():
    sizes = [0, 2.49, 2.5, 5, 9.9, 10, 20, 30, 49.9, 50, 300, np.nan]
    assert size_class(sizes).tolist() == [
        "< 2.5 cm", "< 2.5 cm", "2.5-5 cm", "5-10 cm", "5-10 cm", "10-20 cm", "20-30 cm", "30-50 cm", "30-50 cm", "> 50 cm", "> 50 cm", "unknown",
    ]  # fmt: skip
    assert len(SIZE_CLASSES) == 7


def test_an_outline_has_its_longest_extent_and_a_box_its_diagonal():
    # 0.5 cm for a pixel: 60 px by 80 px are 30 cm by 40 cm, 50 cm across.
    assert size_cm(Shape.of("polygon", [100, 100, 160, 100, 160, 180, 100, 180]), place()) == (pytest.approx(50, rel=1e-6), False)
    assert size_cm(Shape.of("rectangle", [100, 100, 160, 180]), place()) == (pytest.approx(50, rel=1e-6), True)
    assert size_cm(Shape.of("rotated_rectangle", [500, 300, 60, 80, 33]), place()) == (pytest.approx(50, rel=1e-6), True)


def test_a_tilted_photo_does_not_stretch():
    tilted = place(pitch=-50)
    east, north = tilted.metres(500, 200)
    # A stick of 60 cm on the ground, turned each way, is 60 cm wherever it is seen.
    for turn in np.radians([0, 30, 60, 90, 120, 150]):
        ends = np.array([[east, north], [east + 0.6 * np.sin(turn), north + 0.6 * np.cos(turn)]], dtype=float)
        x, y = tilted.pixels_of_metres(ends[:, 0], ends[:, 1])
        thin = [x[0], y[0], x[1], y[1], (x[0] + x[1]) / 2, (y[0] + y[1]) / 2 + 1e-6]
        assert size_cm(Shape.of("polygon", thin), tilted)[0] == pytest.approx(60, abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_a_mask_has_the_extent_that_skimage_measures(seed):
    rng = np.random.default_rng(seed)
    picture = np.zeros((60, 50), dtype=np.uint8)
    for _ in range(4):
        y, x = rng.integers(10, 40, 2)
        picture[y : y + rng.integers(2, 18), x : x + rng.integers(2, 9)] = 1
    runs, inside = [0], 0
    for value in picture.T.ravel():
        if value != inside:
            runs.append(0)
            inside = value
        runs[-1] += 1
    shape = Shape.of("mask", [100, 200, 50, 60, *runs])
    points = np.argwhere(picture)
    corners = np.concatenate([points + each for each in ([0, 0], [0, 1], [1, 0], [1, 1])])
    expected = max(np.hypot(*(corners - corner).T).max() for corner in corners)
    assert size_cm(shape, place())[0] == pytest.approx(0.5 * expected, rel=1e-6)
    if label(picture).max() == 1:
        assert regionprops(picture)[0].feret_diameter_max == pytest.approx(expected, abs=1.1)


def test_many_points_go_the_same_way():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1000, 2))
    gaps = points[:, None] - points[None, :]
    assert longest_m(*points.T) == pytest.approx(np.sqrt((gaps**2).sum(axis=2)).max())
    assert longest_m([1.0], [2.0]) == 0


def test_what_has_no_size():
    assert np.isnan(size_cm(Shape.of("rectangle", [0, 0, 10, 10]), place(pitch=0))[0])
    with pytest.raises(DataError, match="A point has no size"):
        size_cm(Shape.of("point", [1, 2]), place())
    with pytest.raises(DataError, match="A mask has no px"):
        size_cm(Shape.of("mask", [0, 0, 2, 2, 4]), place())
