"""The camera: OpenCV draws the same, derivatives are those of differences, and what a lens cannot draw is nowhere."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataError
from imagine_kernels.records.camera import Camera, Extrinsics, rotation
from imagine_kernels.records.lens import Intrinsics

LENS = Intrinsics(640, 480, 318.4, 241.7, 612.0, 610.5, d1=-0.21, d2=0.06, d3=-0.01, t1=0.0006, t2=-0.0004)
ANGLES = st.tuples(st.floats(-3.1, 3.1), st.floats(0.05, 3.0), st.floats(-1.5, 1.5))


def tower(azimuth: float = 0.7, tilt: float = 1.2, swing: float = 0.02, lens: Intrinsics = LENS) -> Camera:
    return Camera(lens, Extrinsics(532_712.4, 4_382_516.8, 29.3, azimuth, tilt, swing), "tower")


def places(camera: Camera, n: int = 60) -> np.ndarray:
    """Places that the camera sees, at all distances and levels."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, camera.intrinsics.width, n), rng.uniform(0, camera.intrinsics.height, n)
    return camera.extrinsics.place + camera.rays(x, y) * rng.uniform(20, 300, n)[:, None]


@settings(max_examples=40, deadline=None)
@given(ANGLES)
def test_opencv_draws_the_same(angles: tuple[float, float, float]) -> None:
    camera = tower(*angles)
    seen = places(camera)
    R = camera.extrinsics.axes
    # OpenCV has the centre of the first px at (0, 0), and k1 k2 p1 p2 k3.
    K = np.array([[LENS.fx, 0, LENS.cx - 0.5], [0, LENS.fy, LENS.cy - 0.5], [0, 0, 1]])
    k = np.array([LENS.d1, LENS.d2, LENS.t1, LENS.t2, LENS.d3])
    centred = seen - camera.extrinsics.place
    wanted = cv2.projectPoints(centred, cv2.Rodrigues(R)[0], np.zeros(3), K, k)[0].reshape(-1, 2) + 0.5
    np.testing.assert_allclose(np.column_stack(camera.pixels(*seen.T)), wanted, atol=1e-6)
    assert Intrinsics.from_opencv(K, k, (640, 480)) == LENS


def test_the_angles_are_those_of_surveying() -> None:
    # Straight down with north up: what lies east is to the right, what lies north is up.
    down = Camera(Intrinsics.simple(100, 100, 50.0), Extrinsics(0, 0, 10, 0, 0, 0))
    np.testing.assert_allclose(np.column_stack(down.pixels([0, 2, 0], [0, 0, 2], [0, 0, 0])), [[50, 50], [60, 50], [50, 40]])
    # To the horizon in the east: what lies east is in the middle, what lies south of it to the right, what is lower below.
    east = Camera(Intrinsics.simple(100, 100, 50.0), Extrinsics(0, 0, 10, math.pi / 2, math.pi / 2, 0))
    np.testing.assert_allclose(
        np.column_stack(east.pixels([10, 10, 10], [0, -2, 0], [10, 10, 8])), [[50, 50], [60, 50], [50, 60]], atol=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(ANGLES)
def test_angles_go_to_axes_and_back(angles: tuple[float, float, float]) -> None:
    pose = Extrinsics(1, 2, 3, *angles)
    assert np.linalg.det(pose.axes) == pytest.approx(1)
    again = Extrinsics.from_axes(pose.axes, pose.place)
    np.testing.assert_allclose(again.numbers, pose.numbers, atol=1e-9)
    np.testing.assert_allclose(
        Extrinsics.from_axes(Extrinsics(0, 0, 0, 0.4, 0, 0).axes, [0, 0, 0]).numbers[3:], [0.4, 0, 0], atol=1e-9
    )


def test_a_gimbal_is_a_pose() -> None:
    # A drone that looks north-east and 30° below the horizon, level.
    pose = Extrinsics.from_yaw_pitch_roll(0, 0, 50, yaw_deg=45, pitch_deg=-30)
    np.testing.assert_allclose(pose.axes[2], [math.cos(math.pi / 6) * math.sqrt(0.5)] * 2 + [-0.5], atol=1e-12)
    assert pose.axes[0][2] == pytest.approx(0)
    # Its right side down: the axis to the right points below the horizon.
    assert Extrinsics.from_yaw_pitch_roll(0, 0, 50, yaw_deg=45, pitch_deg=-30, roll_deg=10).axes[0][2] < 0
    assert Extrinsics.from_yaw_pitch_roll(0, 0, 50, yaw_deg=0, pitch_deg=-90).axes[2][2] == pytest.approx(-1)


def test_a_turn_is_a_rotation_of_scipy() -> None:
    from scipy.spatial.transform import Rotation

    for vector in ([0.1, -0.2, 0.3], [0, 0, 0], [1e-13, 0, 0], [2.0, 0.1, -1.0]):
        np.testing.assert_allclose(rotation(vector), Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)


def test_behind_the_camera_and_in_the_sky_is_nowhere() -> None:
    camera = tower(swing=0)
    ahead = camera.extrinsics.place + 50 * camera.extrinsics.axes[2]
    behind = camera.extrinsics.place - 50 * camera.extrinsics.axes[2]
    assert np.isfinite(camera.pixels(*ahead)[0])
    assert np.isnan(camera.pixels(*behind)).all()
    x, y = camera.on_plane([320.0, 320.0], [5.0, 470.0], 0.0)
    assert np.isnan(x[0])
    assert np.isnan(y[0])
    assert np.isfinite(x[1])


@settings(max_examples=25, deadline=None)
@given(ANGLES)
def test_pixels_go_to_the_ground_and_back(angles: tuple[float, float, float]) -> None:
    camera = tower(*angles)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 640, 50), rng.uniform(0, 480, 50)
    east, north = camera.on_plane(x, y, 0.4)
    hit = np.isfinite(east) & (np.hypot(east - camera.extrinsics.x_m, north - camera.extrinsics.y_m) < 2e3)
    again = camera.pixels(east[hit], north[hit], 0.4)
    np.testing.assert_allclose(np.array(again), [x[hit], y[hit]], atol=1e-5)


def test_the_lens_is_undone_as_opencv_does() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 640, 300), rng.uniform(0, 480, 300)
    K = np.array([[LENS.fx, 0, LENS.cx], [0, LENS.fy, LENS.cy], [0, 0, 1]])
    k = np.array([LENS.d1, LENS.d2, LENS.t1, LENS.t2, LENS.d3])
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
    wanted = cv2.undistortPoints(np.column_stack([x, y])[:, None], K, k, None, None, None, criteria).reshape(-1, 2)
    np.testing.assert_allclose(np.column_stack(LENS.seen(x, y)), wanted, atol=1e-8)


def test_beyond_the_fold_of_the_lens_nothing_is_drawn() -> None:
    # r (1 − 0.5 r²) grows up to r = √(2/3), where it is 0.544: with f = 100 px that is 54 px from the middle.
    lens = Intrinsics(400, 400, 200, 200, 100, 100, d1=-0.5)
    assert lens.fold == pytest.approx(math.sqrt(2 / 3))
    x, _ = lens.drawn(np.array([0.5, 0.81, 0.82, 2.0]), np.zeros(4))
    assert np.isfinite(x[:2]).all()
    assert np.isnan(x[2:]).all()
    rim = 100 * lens.fold * (1 - 0.5 * lens.fold**2)
    seen, _ = lens.seen(np.array([200 + rim - 0.5, 200 + rim + 0.5, 390.0, np.nan]), np.full(4, 200.0))
    assert 0 < seen[0] < lens.fold
    assert np.isnan(seen[1:]).all()
    assert Intrinsics(10, 10, 5, 5, 5, 5, d1=0.3).fold == math.inf


def test_ground_per_pixel_is_what_differences_give() -> None:
    camera = tower()
    x, y = np.array([100.0, 320.0, 600.0]), np.array([300.0, 260.0, 470.0])
    J = camera.ground_per_pixel(x, y, 0.5)
    for k, (dx, dy) in enumerate([(1e-4, 0), (0, 1e-4)]):
        ahead, back = camera.on_plane(x + dx, y + dy, 0.5), camera.on_plane(x - dx, y - dy, 0.5)
        np.testing.assert_allclose(J[:, :, k], (np.array(ahead) - np.array(back)).T / 2e-4, rtol=2e-4)
    right, down = LENS.seen(x, y)
    np.testing.assert_allclose(LENS.magnification(right, down), np.linalg.det(LENS.stretch(right, down)))
    fine, coarse = camera.resolution(x, y, 0.5)
    values = np.linalg.svd(J, compute_uv=False)
    np.testing.assert_allclose(np.column_stack([coarse, fine]), values, rtol=1e-9)


def test_nadir_resolution_is_height_over_focal_length() -> None:
    camera = Camera(Intrinsics.simple(4000, 3000, 3000.0), Extrinsics(0, 0, 60.0, 0.3, 0.0, 0.0))
    fine, coarse = camera.resolution(np.array([2000.0, 10.0]), np.array([1500.0, 20.0]), 0.0)
    np.testing.assert_allclose(fine, 0.02)
    np.testing.assert_allclose(coarse, 0.02)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="focal lengths in px above 0"):
        Intrinsics(640, 480, 320, 240, 0, 600)
    with pytest.raises(DataError, match="11 finite numbers"):
        Intrinsics.from_cirn([1, 2, 3])
    with pytest.raises(DataError, match="needs a place"):
        Extrinsics(0, 0, math.nan, 0, 0, 0)
    with pytest.raises(DataError, match="must be a rotation"):
        Extrinsics.from_axes(np.diag([1, 1, -1]), [0, 0, 0])
    with pytest.raises(DataError, match="without skew"):
        Intrinsics.from_opencv([[600, 2, 320], [0, 600, 240], [0, 0, 1]], [0] * 5, (640, 480))
    np.testing.assert_allclose(Intrinsics.from_cirn(LENS.to_cirn()).to_cirn(), LENS.to_cirn())
