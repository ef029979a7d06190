"""Positions on a level of the earth: pyproj and cv2 agree, known targets land within the stated error in 95 % of cases."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from geographiclib.geodesic import Geodesic
from pyproj import Transformer

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import (
    PlaneGeoreference,
    areal_scale,
    level_derivative,
    pose_derivative,
    resolution_map,
    to_lonlat,
)
from imagine_kernels.measures.camera_solving import solve_camera
from imagine_kernels.records import Georeference
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints, GroundGrid
from imagine_kernels.records.lens import Intrinsics

LENS = Intrinsics(1280, 960, 641.0, 478.0, 1150.0, 1148.0, d1=-0.15, d2=0.04, t1=0.0003, t2=-0.0002)
POSE = Extrinsics(532_712.4, 4_382_516.8, 30.0, math.radians(40), math.radians(72), math.radians(0.7))
CAMERA = Camera(LENS, POSE, "clm_01", "EPSG:32631", covariance=np.diag([0.1, 0.1, 0.05, 1e-3, 1e-3, 1e-3]) ** 2, rmse_px=0.8)
X, Y = np.array([100.0, 640.0, 1200.0, 700.0]), np.array([900.0, 500.0, 700.0, 420.0])


def test_it_is_a_georeference_with_the_sky_nowhere() -> None:
    place: Georeference = PlaneGeoreference(CAMERA, 0.2)
    lon, lat = place.lonlat(X, Y)
    back = place.pixels(lon, lat)
    np.testing.assert_allclose(np.array(back), [X, Y], atol=1e-4)
    wanted = Transformer.from_crs(32631, 4326, always_xy=True).transform(*CAMERA.on_plane(X, Y, 0.2))
    np.testing.assert_allclose(np.array([lon, lat]), wanted, atol=1e-12)
    sky = place.lonlat([640.0], [5.0]), place.error_m([640.0], [5.0])
    assert np.isnan(np.ravel(sky[0])).all()
    assert np.isnan(sky[1]).all()


def test_without_distortion_it_is_the_homography_of_opencv() -> None:
    camera = replace(CAMERA, intrinsics=Intrinsics.simple(1280, 960, 1150.0))
    corners = np.array([[100, 600], [1200, 600], [1200, 950], [100, 950]], dtype=np.float32)
    origin = np.array(POSE.numbers[:2])
    ground = np.column_stack(camera.on_plane(corners[:, 0], corners[:, 1], 0.0)) - origin
    H = cv2.getPerspectiveTransform(corners, ground.astype(np.float32))
    inner = np.array([[[300.0, 700.0]], [[900.0, 650.0]], [[640.0, 940.0]]])
    wanted = cv2.perspectiveTransform(inner, H).reshape(-1, 2)
    found = np.column_stack(camera.on_plane(inner[:, 0, 0], inner[:, 0, 1], 0.0)) - origin
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_the_derivatives_are_those_of_differences() -> None:
    by_pose = pose_derivative(CAMERA, X, Y, 0.5)
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-5
        ahead, back = (
            np.column_stack(CAMERA.at(POSE.turned(sign * step[3:]).moved(sign * step[:3])).on_plane(X, Y, 0.5))
            for sign in (1, -1)
        )
        np.testing.assert_allclose(by_pose[:, :, k], (ahead - back) / 2e-5, rtol=1e-3, atol=1e-3)
    ahead, back = (np.column_stack(CAMERA.on_plane(X, Y, 0.5 + sign * 1e-4)) for sign in (1, -1))
    np.testing.assert_allclose(level_derivative(CAMERA, X, Y), (ahead - back) / 2e-4, rtol=1e-4, atol=1e-5)


def test_known_targets_land_within_the_stated_error_in_95_percent() -> None:
    rng = np.random.default_rng(11)
    inside, total = 0, 0
    along, directions = 0, 0
    for _ in range(70):
        pixels = np.column_stack([rng.uniform(60, 1220, 9), rng.uniform(430, 920, 9)])
        heights = rng.uniform(0, 4, 9)
        east, north = CAMERA.on_plane(pixels[:, 0], pixels[:, 1], heights)
        marked = ControlPoints(
            tuple("abcdefghi"), pixels + rng.normal(0, 0.8, (9, 2)), np.column_stack([east, north, heights]), "EPSG:32631"
        )
        solved = solve_camera(marked, LENS, initial=POSE, leave_one_out=False).camera
        place = PlaneGeoreference(solved, 0.3, z_error_m=0.05, pixel_error_px=0.8)
        x, y = rng.uniform(60, 1220, 8), rng.uniform(500, 920, 8)
        true_level = 0.3 + rng.normal(0, 0.05)
        true = np.column_stack(CAMERA.on_plane(x, y, true_level))
        found = np.column_stack(place.metres(*(each + rng.normal(0, 0.8, 8) for each in (x, y))))
        off, S = found - true, place.covariance(x, y)
        # Along the direction in which the error is largest, and east.
        worst = np.linalg.eigh(S)[1][:, :, 1]
        inside += int((np.abs((off * worst).sum(axis=1)) < 1.96 * place.error_m(x, y)).sum())
        along += int((np.abs(off[:, 0]) < 1.96 * np.sqrt(S[:, 0, 0])).sum())
        total += 8
        directions += 8
        assert (place.error_m(x, y) + 1e-12 >= np.sqrt(S[:, 1, 1])).all()
    # 70 independent poses: the share is known to about two percent.
    assert 0.91 < inside / total < 0.99
    assert 0.91 < along / directions < 0.99


def test_resolution_grows_with_the_square_of_the_distance_and_is_masked() -> None:
    grid = GroundGrid.over((532_700, 4_382_500, 533_000, 4_382_800), 5.0, crs="EPSG:32631")
    metres, good = resolution_map(CAMERA, grid, 0.0)
    east, north = grid.centres()
    x, y = CAMERA.pixels(east, north, 0.0)
    outside = ~np.isfinite(x) | (x < 0) | (x > 1280) | (y < 0) | (y > 960)
    assert np.isnan(metres[outside]).all()
    assert np.isfinite(metres[~outside]).all()
    np.testing.assert_array_equal(good, metres <= 1.0)
    assert 0 < good.sum() < (~outside).sum()
    # Along the line of sight a px covers (h² + d²) / (h f) on the ground, near the axis of the lens.
    far = np.hypot(east - POSE.x_m, north - POSE.y_m)
    middle = ~outside & (np.abs(x - 641) < 60) & (np.abs(y - 478) < 100)
    np.testing.assert_allclose(metres[middle], (30**2 + far[middle] ** 2) / (30 * 1149), rtol=0.05)


def test_areas_of_the_projection_are_true_on_the_ellipsoid() -> None:
    scale = areal_scale("EPSG:32631", 532_712.4, 4_382_516.8)
    lon, lat = to_lonlat("EPSG:32631", [532_712.4, 532_812.4, 532_812.4, 532_712.4], [4_382_516.8] * 2 + [4_382_616.8] * 2)
    polygon = Geodesic.WGS84.Polygon()
    for one, two in zip(lat, lon, strict=True):
        polygon.AddPoint(float(one), float(two))
    assert abs(polygon.Compute()[2]) * scale == pytest.approx(10_000, rel=1e-6)
    assert PlaneGeoreference(CAMERA, 0).areal_scale == pytest.approx(scale)
    assert areal_scale("", 0, 0) == 1


def test_an_unknown_error_is_not_a_small_one() -> None:
    unknown = PlaneGeoreference(replace(CAMERA, covariance=None), 0.0)
    assert np.isnan(unknown.error_m(X, Y)).all()
    few = PlaneGeoreference(replace(CAMERA, degrees_of_freedom=2), 0.0)
    assert (few.error_m(X, Y) > PlaneGeoreference(CAMERA, 0.0).error_m(X, Y)).all()


def test_wrong_levels_and_systems_are_refused() -> None:
    with pytest.raises(DataError, match="stands -20 m above the level"):
        PlaneGeoreference(CAMERA, 50.0)
    with pytest.raises(DataError, match="cannot be negative"):
        PlaneGeoreference(CAMERA, 0.0, z_error_m=-1)
    for crs, says in (
        ("", "is not known"),
        ("EPSG:4326", "in degree"),
        ("EPSG:2264", "survey foot"),
        ("nonsense", "There is no"),
    ):
        with pytest.raises(DataError, match=says):
            PlaneGeoreference(replace(CAMERA, crs=crs), 0.0).lonlat(X, Y)
