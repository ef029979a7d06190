"""A camera that has turned: the turn of a redrawn scene is found, also in other light, and too little in common is refused."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imagine_kernels.errors import DataError
from imagine_kernels.media.camera_drift import Drift, find_drift
from imagine_kernels.records.camera import Camera
from imagine_kernels.samples.beach_drawing import DrawnScene, draw
from imagine_kernels.samples.beach_scene import Scene, scenes

ALL = scenes(0)


def drawn(scene: Scene, camera: Camera | None = None, seed: int = 0) -> DrawnScene:
    return draw(scene, np.random.default_rng(seed), camera=camera)


def turned(scene: Scene, degrees: tuple[float, float, float]) -> Camera:
    camera = scene.site.camera
    return camera.at(camera.extrinsics.turned(np.radians(degrees)))


def found(scene: Scene, other: Scene, degrees: tuple[float, float, float]) -> Drift:
    reference = drawn(scene)
    picture = drawn(other, turned(scene, degrees), seed=5)
    return find_drift(reference.picture, picture.picture, scene.site.camera, stable=reference.sea == 0)


@pytest.mark.parametrize("degrees", [(0.0, 0.25, 0.0), (-0.4, 0.1, 0.3), (0.02, -1.5, 0.1), (2.0, 2.5, -1.0)])
def test_a_turn_is_found_and_corrected(degrees: tuple[float, float, float]) -> None:
    scene = ALL[4]
    drift = found(scene, scene, degrees)
    true = np.radians(degrees)
    # In px of the middle of the picture, with a focal length of 612 px.
    assert np.abs(drift.turn_rad - true).max() * 612 < 0.15
    assert drift.moved
    assert drift.matches > 40
    assert drift.rmse_px < 0.6
    # What was off by many px on the ground is where it was.
    place = scene.site.world(np.array([[40.0, 50.0]]))[0]
    before = np.array(turned(scene, degrees).pixels(place[0], place[1], 1.2))
    after = np.array(drift.camera.pixels(place[0], place[1], 1.2))
    assert np.hypot(*(after - before)) < 0.4


def test_another_day_with_other_light_and_wrack_is_no_move() -> None:
    first, later = ALL[4], replace(ALL[7], wrack=ALL[4].wrack[:2], light=0.75, warmth=0.08)
    drift = found(first, later, (0.0, 0.0, 0.0))
    assert drift.shift_px < 0.3
    assert not drift.moved
    moved = found(first, later, (0.3, -0.5, 0.1))
    assert moved.moved
    assert np.abs(moved.turn_rad - np.radians([0.3, -0.5, 0.1])).max() * 612 < 0.4


def test_the_error_of_the_turn_is_added_to_that_of_the_pose() -> None:
    scene = ALL[4]
    known = replace(scene.site.camera, covariance=np.eye(6) * 1e-8)
    reference = drawn(scene)
    drift = find_drift(reference.picture, drawn(scene, seed=3).picture, known, stable=reference.sea == 0)
    assert drift.camera.covariance is not None
    assert (np.diag(drift.camera.covariance)[3:] > 1e-8).all()
    np.testing.assert_array_equal(drift.camera.covariance[:3], known.covariance[:3] if known.covariance is not None else 0)


def test_grey_pictures_will_do() -> None:
    scene = ALL[22]
    reference, picture = (
        cv2.cvtColor(drawn(scene, camera).picture, cv2.COLOR_RGB2GRAY) for camera in (None, turned(scene, (0.2, 0.2, 0)))
    )
    drift = find_drift(reference, picture, scene.site.camera)
    assert np.abs(drift.turn_rad - np.radians([0.2, 0.2, 0])).max() * 548 < 0.3


def test_too_little_in_common_is_refused() -> None:
    scene = ALL[0]
    camera, picture = scene.site.camera, drawn(scene).picture
    noise = np.random.default_rng(0).integers(0, 255, picture.shape).astype(np.uint8)
    with pytest.raises(DataError, match="corners of the two pictures agree on a turn"):
        find_drift(picture, noise, camera)
    with pytest.raises(DataError, match="Only 0 of 0 corners"):
        find_drift(np.full_like(picture, 90), picture, camera)
    with pytest.raises(DataError, match="was calibrated with 640 × 480 px"):
        find_drift(picture[:100], picture, camera)
    with pytest.raises(DataError, match="8 bits, not of float32"):
        find_drift(picture.astype(np.float32), picture, camera)
    with pytest.raises(DataError, match="draw it on the reference"):
        find_drift(picture, picture, camera, stable=np.ones((3, 3), dtype=bool))
