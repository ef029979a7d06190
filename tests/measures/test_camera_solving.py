"""Poses from control points: exact points give the exact pose without a first guess, errors are as stated, OpenCV and CIRN agree."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from imagine_kernels.errors import DataError
from imagine_kernels.formats.cirn import read_cirn_camera, read_cirn_points
from imagine_kernels.measures.camera_resection import poses_of_three
from imagine_kernels.measures.camera_solving import CameraSolution, pose_jacobian, solve_camera
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints
from imagine_kernels.records.lens import Intrinsics

LENS = Intrinsics(2448, 2048, 1224.0, 1024.0, 2330.0, 2325.0, d1=-0.12, d2=0.05, t1=0.0004, t2=-0.0003)
UAS = "beach/cirn-geometry/X_UASDemoData/extrinsicsIntrinsics"


def camera(azimuth_deg: float = 60.0, tilt_deg: float = 70.0, swing_deg: float = 1.0, height: float = 40.0) -> Camera:
    angles = (math.radians(each) for each in (azimuth_deg, tilt_deg, swing_deg))
    return Camera(LENS, Extrinsics(901_784.3, 274_653.0, height, *angles), "c3")


def seen_points(
    true: Camera, n: int, seed: int = 0, *, error_px: float = 0.0, relief: float = 3.0, reach: float = 300.0
) -> ControlPoints:
    """Points on the ground that the camera sees, marked with an error."""
    rng = np.random.default_rng(seed)
    pixels, places = [], []
    while len(pixels) < n:
        x, y, z = rng.uniform(100, 2348), rng.uniform(100, 1948), rng.uniform(0, relief) if relief else 0.0
        east, north = true.on_plane(x, y, z)
        far = math.hypot(float(east) - true.extrinsics.x_m, float(north) - true.extrinsics.y_m)
        if far < reach and all(math.hypot(x - a, y - b) > 150 for a, b in pixels):
            pixels.append((x, y))
            places.append((float(east), float(north), z))
    marked = np.array(pixels) + rng.normal(0, error_px, (n, 2))
    return ControlPoints(tuple(f"P{k}" for k in range(n)), marked, np.array(places))


def off(solution: CameraSolution, true: Camera) -> np.ndarray:
    change = np.array(solution.camera.extrinsics.numbers) - np.array(true.extrinsics.numbers)
    change[3:] = (change[3:] + np.pi) % (2 * np.pi) - np.pi
    return change


@pytest.mark.parametrize(
    ("azimuth", "tilt", "n", "relief"),
    [(60, 70, 4, 3.0), (-170, 82, 5, 0.0), (10, 40, 4, 0.0), (200, 65, 8, 8.0), (95, 15, 6, 2.0), (300, 75, 20, 1.0)],
)
def test_exact_points_give_the_exact_pose_without_a_guess(azimuth: float, tilt: float, n: int, relief: float) -> None:
    true = camera(azimuth, tilt)
    solution = solve_camera(seen_points(true, n, relief=relief), LENS)
    change = off(solution, true)
    assert np.abs(change[:3]).max() < 1e-4
    assert np.abs(change[3:]).max() < 1e-6
    assert solution.rmse_px < 1e-4


def test_three_directions_give_what_opencv_gives() -> None:
    true = camera()
    points = seen_points(true, 3, 5)
    x, y = LENS.seen(points.pixels[:, 0], points.pixels[:, 1])
    near = points.places - points.places.mean(axis=0)
    found = poses_of_three(np.column_stack([x, y, np.ones(3)]), near)
    n, rotations, moves = cv2.solveP3P(near, np.column_stack([x, y])[:, None], np.eye(3), None, flags=cv2.SOLVEPNP_P3P)
    wanted = [-cv2.Rodrigues(r)[0].T @ t.ravel() for r, t in zip(rotations, moves, strict=True)]
    assert n == len(wanted) >= 1
    for place in wanted:
        assert min(float(np.linalg.norm(pose.place - place)) for pose in found) < 1e-3


def test_the_jacobian_is_that_of_differences() -> None:
    true = camera()
    places = seen_points(true, 5).places
    J = pose_jacobian(true, places).reshape(5, 2, 6)
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-5
        ahead, back = (
            np.column_stack(true.at(true.extrinsics.turned(sign * step[3:]).moved(sign * step[:3])).pixels(*places.T))
            for sign in (1, -1)
        )
        np.testing.assert_allclose(J[:, :, k], (ahead - back) / 2e-5, rtol=1e-4, atol=1e-3)


def test_the_drone_of_cirn_is_solved_to_its_published_pose(shared_data) -> None:
    folder = shared_data("beach/cirn-geometry").parent.parent / UAS
    published = read_cirn_camera(folder / "InitialValues" / "uasDemo_IOEOInitial.mat")
    points = read_cirn_points(folder / "InitialValues" / "uasDemo_gcpUVdInitial.mat", folder / "uasDemoFlight_NCSP_GCPS.txt")
    solution = solve_camera(points, published.intrinsics)
    change = np.abs(off(solution, published.camera()))
    assert published.standard_errors is not None
    # Within a twentieth of the published standard errors, and with the same standard errors.
    assert (change < published.standard_errors / 20).all()
    np.testing.assert_allclose(solution.standard_errors, published.standard_errors, rtol=0.1)
    # Published root mean squares on the ground: 0.084 m and 0.115 m.
    np.testing.assert_allclose(solution.rmse_m, [0.08358853, 0.11479156], rtol=0.05)
    assert solution.table()["residual_x_px"].abs().max() < 2


def test_the_tower_of_duck_is_solved_from_points_to_its_published_poses(shared_data) -> None:
    folder = shared_data("beach/cirn-geometry") / "X_FixedMultCamDemoData" / "extrinsicsIntrinsics"
    for number in range(1, 7):
        true = read_cirn_camera(folder / f"C{number}_FixedMultiCamDemo.mat").camera()
        rng = np.random.default_rng(number)
        pixels, places = [], []
        while len(pixels) < 10:
            x, y, z = rng.uniform(50, 2398), rng.uniform(50, 1998), rng.uniform(0, 6)
            east, north = (float(each) for each in true.on_plane(x, y, z))
            if math.hypot(east - true.extrinsics.x_m, north - true.extrinsics.y_m) < 900:
                pixels.append((x, y))
                places.append((east, north, z))
        marked = np.array(pixels) + rng.normal(0, 0.5, (10, 2))
        points = ControlPoints(tuple(map(str, range(10))), marked, np.array(places))
        solution = solve_camera(points, true.intrinsics)
        assert (np.abs(off(solution, true)) < 3.5 * solution.standard_errors).all()
        assert 0.3 < solution.rmse_px < 1.2


def test_the_stated_errors_are_those_of_repeated_marking() -> None:
    true = camera()
    exact = seen_points(true, 12, 1)
    rng = np.random.default_rng(7)
    changes, stated = [], []
    for _ in range(60):
        marked = ControlPoints(exact.names, exact.pixels + rng.normal(0, 0.7, (12, 2)), exact.places)
        solution = solve_camera(marked, LENS, initial=true.extrinsics, leave_one_out=False)
        changes.append(off(solution, true))
        stated.append(solution.standard_errors)
    spread = np.sqrt((np.array(changes) ** 2).mean(axis=0))
    # The spread of 60 values is known to about 9 %.
    np.testing.assert_allclose(spread, np.mean(stated, axis=0), rtol=0.3)


def test_a_wrong_point_counts_little_with_a_robust_loss() -> None:
    true = camera()
    points = seen_points(true, 10, 2, error_px=0.4)
    wrong = points.pixels.copy()
    wrong[3] += [60, -45]
    mixed = ControlPoints(points.names, wrong, points.places)
    plain, robust = solve_camera(mixed, LENS), solve_camera(mixed, LENS, loss="cauchy")
    assert np.linalg.norm(off(robust, true)[:3]) < 0.2 * np.linalg.norm(off(plain, true)[:3])
    assert int(np.hypot(*robust.residuals_px.T).argmax()) == 3
    assert solve_camera(points, LENS).left_out_m[3] < 0.5 < plain.left_out_m[3]


def test_three_points_need_a_guess_and_have_an_assumed_error() -> None:
    true = camera()
    points = seen_points(true, 3, 4)
    with pytest.raises(DataError, match="3 control points do not fix a camera"):
        solve_camera(points, LENS)
    solution = solve_camera(points, LENS, initial=true.extrinsics.moved([3, -2, 1]))
    assert np.abs(off(solution, true)[:3]).max() < 1e-3
    assert solution.camera.degrees_of_freedom is None
    assert solution.camera.rmse_px == 1.0
    assert (solution.standard_errors > 0).all()


def test_what_fixes_no_camera_is_refused_in_one_sentence() -> None:
    true = camera()
    points = seen_points(true, 6, 1)
    line = points.places[:1] + np.linspace(0, 1, 6)[:, None] * (points.places[1:2] - points.places[:1])
    x, y = true.pixels(*line.T)
    cases = {
        "lie on one line": ControlPoints(points.names, np.column_stack([x, y]), line),
        "have gaps": ControlPoints(points.names, np.full((6, 2), np.nan), points.places),
        "2 control points do not fix": points.where([0, 1]),
        "not in degrees": ControlPoints(points.names, points.pixels, points.places * 1e-6),
        "fewer than three places": ControlPoints(points.names, np.tile(points.pixels[:1], (6, 1)), points.places),
        "outside of the picture of 2448": ControlPoints(points.names, points.pixels + 3000, points.places),
        "No pose of the camera fits": ControlPoints(points.names, points.pixels[::-1], points.places * [1, 1, 50]),
    }
    for says, given in cases.items():
        with pytest.raises(DataError, match=says) as caught:
            solve_camera(given, LENS)
        assert "\n" not in str(caught.value)
    far = Intrinsics(2448, 2048, 1224, 1024, 700, 700, d1=-0.6)
    with pytest.raises(DataError, match="The lens draws nothing where"):
        solve_camera(points, far)
