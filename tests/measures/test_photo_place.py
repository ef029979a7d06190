"""Drone photos on the ground, against cv2, UTM, hand-computed distances and drawn errors."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rasterio.warp import transform
from scipy.spatial.transform import Rotation

from imagine_kernels.measures.photo_place import PhotoGeoreference, gsd_cm, radius95_m, resolution_problem
from imagine_kernels.records.photo_geometry import PhotoGeometry

LENS = (-0.268652, 0.114663, 0.0000152688, -0.0000460707, -0.0350261)


def geometry(**more) -> PhotoGeometry:
    plain = {
        "name": "a.jpg", "width": 5472, "height": 3648, "lon": 2.75, "lat": 39.36, "height_m": 30.0, "yaw_deg": 0.0, "pitch_deg": -90.0,
        "focal_px": 8.8 / 13.2 * 5472, "centre_x_px": 2736.0, "centre_y_px": 1824.0, "horizontal_error_m": 0.5, "height_error_m": 1.0,
        "tilt_error_deg": 1.0, "yaw_error_deg": 3.0, "focal_error": 0.01,
    }  # fmt: skip
    return PhotoGeometry(**{**plain, **more})


def test_the_ground_sampling_distance_of_a_known_camera():
    # Phantom 4 Pro at 100 m: 100 m x 13.2 mm / (8.8 mm x 5472) = 2.741 cm (its makers and Pix4D state 2.74 cm).
    assert gsd_cm(100, 13.2, 8.8, 5472) == pytest.approx(2.7412, abs=1e-4)
    assert gsd_cm(100, 8.8, 8.8, 3648) == pytest.approx(2.7412, abs=1e-4)
    place = PhotoGeoreference(geometry(height_m=100.0))
    across, along = place.gsd_cm(np.array([0.5, 2736, 5471]), np.array([0.5, 1824, 3647]))
    np.testing.assert_allclose(across, 2.7412, atol=1e-4)
    np.testing.assert_allclose(along, 2.7412, atol=1e-4)
    assert place.middle_gsd_cm == pytest.approx(2.7412, abs=1e-4)


def test_a_level_photo_is_a_map():
    east, north = PhotoGeoreference(geometry(height_m=100.0, yaw_deg=90.0)).metres([2736, 2736, 3736], [1824, 824, 1824])
    # With the top to the east, up is east and right is south.
    np.testing.assert_allclose(east, [0, 27.412, 0], atol=1e-3)
    np.testing.assert_allclose(north, [0, 0, -27.412], atol=1e-3)


@settings(deadline=None, max_examples=60)
@given(st.floats(-180, 180), st.floats(-90, -20), st.floats(-15, 15), st.booleans(), st.integers(0, 2**31))
def test_pixels_are_those_of_opencv(yaw, pitch, roll, bent, seed):
    g = geometry(
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        distortion=LENS if bent else (),
        focal_px=3700.0,
        centre_x_px=2750.0,
        centre_y_px=1800.0,
    )
    place = PhotoGeoreference(g)
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 5472, 20), rng.uniform(0, 3648, 20)
    east, north = place.metres(x, y)
    known = np.isfinite(east) & (np.hypot(east, north) < 3000)
    assume(known.sum() >= 3)
    ground = np.column_stack([north, east, np.full(20, g.height_m)])[known]
    # The camera of OpenCV: x right, y down, z ahead, of the axes ahead, right, down.
    world = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True).as_matrix().T
    turn = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) @ world
    lens = np.array([[g.focal_px, 0, g.centre_x_px], [0, g.focal_px, g.centre_y_px], [0, 0, 1]])
    seen, _ = cv2.projectPoints(ground, cv2.Rodrigues(turn)[0], np.zeros(3), lens, np.array(g.distortion or (0, 0, 0, 0, 0)))
    np.testing.assert_allclose(seen[:, 0, :], np.column_stack([x, y])[known], atol=2e-3)
    back = place.pixels(*place.plane.lonlat(east[known], north[known]))
    np.testing.assert_allclose(np.column_stack(back), np.column_stack([x, y])[known], atol=2e-3)


def test_places_are_those_of_utm():
    place = PhotoGeoreference(geometry(yaw_deg=37.0, pitch_deg=-70.0))
    x, y = np.array([100.0, 2736, 5000, 4000]), np.array([200.0, 1824, 3500, 100])
    lon, lat = place.lonlat(x, y)
    # The same by geodesics of GeographicLib, all compared on the grid of UTM by GDAL.
    east, north = place.metres(x, y)
    earth = Geodesic.WGS84
    reached = [
        earth.Direct(39.36, 2.75, math.degrees(math.atan2(e, n)), math.hypot(e, n)) for e, n in zip(east, north, strict=True)
    ]
    expected = transform("EPSG:4326", "EPSG:25831", [each["lon2"] for each in reached], [each["lat2"] for each in reached])
    found = transform("EPSG:4326", "EPSG:25831", lon.tolist(), lat.tolist())
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_sky_is_nowhere_and_what_is_behind_is_not_seen():
    place = PhotoGeoreference(geometry(pitch_deg=-5.0))
    lon, _ = place.lonlat([2736, 2736], [0, 3600])
    assert np.isnan(lon).tolist() == [True, False]
    x, _ = place.pixels([2.75, 2.75], [39.40, 39.30])
    assert np.isnan(x).tolist() == [False, True]


def test_the_footprint_straight_down_is_the_rectangle():
    place = PhotoGeoreference(geometry(height_m=100.0, yaw_deg=20.0))
    flat = place.plane.flat(place.footprint())
    assert flat.area == pytest.approx(150 * 100, rel=1e-6)
    assert flat.minimum_rotated_rectangle.area == pytest.approx(flat.area, rel=1e-6)


def test_the_footprint_ends_before_the_horizon():
    shallow = PhotoGeoreference(geometry(pitch_deg=-10.0))
    reach = np.hypot(*np.array(shallow.plane.flat(shallow.footprint()).exterior.coords).T)
    # 30 m over the tangent of 5°, along a line of the photo that is straight, so that its ends lie a little lower.
    assert 200 < reach.max() <= 30 / math.tan(math.radians(5)) * 1.001
    assert PhotoGeoreference(geometry(pitch_deg=40.0)).footprint().is_empty


def perturbed(g: PhotoGeometry, rng: np.random.Generator) -> tuple[PhotoGeometry, np.ndarray]:
    """A camera as it truly was, of one that is believed: each error is a turn or a shift, put together here by scipy."""
    believed = Rotation.from_euler("ZYX", [g.yaw_deg, g.pitch_deg, g.roll_deg], degrees=True)
    tilt = np.radians(g.tilt_error_deg) * rng.normal(size=2)
    about = believed.as_matrix() @ np.array([0, tilt[0], tilt[1]])
    turn = Rotation.from_rotvec([0, 0, np.radians(g.yaw_error_deg) * rng.normal()]) * Rotation.from_rotvec(about) * believed
    yaw, pitch, roll = turn.as_euler("ZYX", degrees=True)
    true = replace(
        g, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, height_m=g.height_m + g.height_error_m * rng.normal(),
        focal_px=g.focal_px * (1 + g.focal_error * rng.normal()),
    )  # fmt: skip
    return true, g.horizontal_error_m * rng.normal(size=2)


@pytest.mark.filterwarnings("ignore:Gimbal lock")
@pytest.mark.parametrize("pitch", [-90.0, -75.0, -50.0])
def test_known_targets_lie_within_the_stated_error_in_95_of_100_cases(pitch):
    g = geometry(pitch_deg=pitch, yaw_deg=37.0)
    place = PhotoGeoreference(g)
    rng = np.random.default_rng(12)
    hits, gaps, targets = [], [], 1500
    for _ in range(targets):
        x, y = rng.uniform(0, g.width), rng.uniform(0, g.height)
        true, shift = perturbed(g, rng)
        truly = np.array([float(each) for each in PhotoGeoreference(true).metres(x, y)]) + shift
        gap = truly - [float(each) for each in place.metres(x, y)]
        hits.append(np.hypot(*gap) <= float(place.radius95_m(x, y)))
        gaps.append(float((gap**2).sum()) / 2 / float(place.error_m(x, y)) ** 2)
    # 95 % within two standard errors of 1500 trials (0.6 %), and the root mean square as stated.
    assert 0.936 <= np.mean(hits) <= 0.964
    assert np.mean(gaps) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.1, 0.0])
def test_the_radius_holds_95_of_100(ratio):
    rng = np.random.default_rng(3)
    turn = np.array([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]])
    drawn = rng.normal(size=(200_000, 2)) * [1, ratio] @ turn.T
    covariance = turn @ np.diag([1, ratio**2]) @ turn.T
    assert (np.hypot(*drawn.T) <= radius95_m(covariance[None])[0]).mean() == pytest.approx(0.95, abs=0.004)
    assert radius95_m(np.zeros((1, 2, 2)))[0] == 0


def test_small_items_under_five_px_are_warned_of():
    assert resolution_problem("a.jpg", 0.5) is None
    problem = resolution_problem("a.jpg", 1.25)
    assert problem.severity == "warning"
    assert "items of 2.5 cm are 2.0 px wide, under 5" in problem.what
    assert "from 6.2 cm on" in problem.remedy
