"""Plan views: CIRN's own output of the real tower is reproduced, OpenCV's perspective warp agrees, seams are soft."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from scipy.io import loadmat

from imagine_kernels.errors import DataError
from imagine_kernels.formats.argus import read_argus
from imagine_kernels.formats.cirn import read_cirn_camera
from imagine_kernels.media.rectifying import cell_pixels, merge, rectify
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import GroundGrid
from imagine_kernels.records.lens import Intrinsics

POSE = Extrinsics(1000.0, 2000.0, 30.0, math.radians(40), math.radians(70), math.radians(1))
CAMERA = Camera(Intrinsics(640, 480, 318.0, 242.0, 600.0, 598.0, d1=-0.15, d2=0.03, t1=0.0004, t2=-0.0003), POSE)
GRID = GroundGrid.over((1010, 2010, 1090, 2100), 0.5)


def on_the_ground(camera: Camera, colour: bool = False) -> np.ndarray:
    """A picture whose value is a smooth function of the place on the level 0."""
    x, y = camera.on_plane(
        np.arange(camera.intrinsics.width)[None, :] + 0.5, np.arange(camera.intrinsics.height)[:, None] + 0.5, 0.0
    )
    value = np.nan_to_num(pattern(x, y), nan=0.0)
    return np.stack([value, 255 - value, value / 2], axis=-1).astype(np.float32) if colour else value.astype(np.float32)


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(127 + 60 * np.sin(x / 11) + 60 * np.cos(y / 13))


def test_cirns_own_plan_view_of_the_tower_is_reproduced(shared_data) -> None:
    folder = shared_data("beach/cirn-geometry") / "X_FixedMultCamDemoData"
    pictures = shared_data("beach/argus-duck-timex")
    held = loadmat(
        folder / "output" / "fixedMultCamDemoRectified" / "fixedMultCamDemo_rect2mResolution_pixInst.mat", squeeze_me=True,
        struct_as_record=False,
    )["pixInst"][0]  # fmt: skip
    # Its points, 5 m apart, in the local system of the demo: row 0 is the nearest to the origin.
    angle, origin = math.radians(20.0253), np.array([901951.6805, 274093.1562])
    corner = np.array([float(held.X[0, 0]) - 2.5, float(held.Y[-1, 0]) + 2.5])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    east, north = origin + turn @ corner
    grid = GroundGrid(float(east), float(north), 5.0, held.X.shape[1], held.X.shape[0], 20.0253)
    cameras = {k: read_cirn_camera(folder / "extrinsicsIntrinsics" / f"C{k}_FixedMultiCamDemo.mat").camera() for k in range(1, 7)}
    published = held.Irgb[::-1, :, :, 0].astype(float)
    for k, (least, within) in {2: (1500, 0.4), 3: (2000, 0.2), 4: (850, 0.9)}.items():
        picture = cv2.imread(str(next((pictures / f"c{k}").glob("1444314601*.jpg"))))[:, :, ::-1]
        view = rectify(np.ascontiguousarray(picture), cameras[k], grid, 0.0, worst_m_px=1e9)
        others = np.zeros(view.seen.shape, dtype=bool)
        for other in set(cameras) - {k}:
            others |= cell_pixels(cameras[other], grid, 0.0, 1e9).inside_px > 0
        # Where no other camera looks CIRN has not blended.
        alone = view.seen & ~others & (cell_pixels(cameras[k], grid, 0.0, 1e9).inside_px > 20)
        assert alone.sum() > least
        off = np.abs(view.picture[alone].astype(float) - published[alone])
        assert off.mean() < within
        assert np.corrcoef(view.picture[alone].ravel(), published[alone].ravel())[0, 1] > 0.998


def test_neighbours_of_the_tower_show_the_same_ground_with_the_geometry_of_argus(shared_data) -> None:
    folder = shared_data("beach/argus-duck-timex")
    cameras, _ = read_argus(folder / "cameraData.yml")
    said = yaml.safe_load((folder / "cameraData.yml").read_text())
    grid = GroundGrid.over((60, 300, 400, 1100), 0.5)
    agreement = {}
    for bent in (False, True):
        views = []
        for name in ("c3", "c4"):
            lens = cameras[name].intrinsics
            # What the distortion in the file would do if the pictures still had it.
            given = replace(lens, d1=said[name]["D1"] * lens.fx**2, fx=lens.fx * (1 + said[name]["D2"])) if bent else lens
            picture = cv2.imread(str(next((folder / name).glob("1444314601*.jpg"))), cv2.IMREAD_GRAYSCALE).astype(np.float32)
            even = cv2.GaussianBlur(picture, (0, 0), 2) - cv2.GaussianBlur(picture, (0, 0), 25)
            views.append(rectify(even, replace(cameras[name], intrinsics=given), grid, -0.25, worst_m_px=1e9))
        both = cv2.erode((views[0].seen & views[1].seen).astype(np.uint8), np.ones((61, 61), dtype=np.uint8)) > 0
        agreement[bent] = float(np.corrcoef(views[0].picture[both], views[1].picture[both])[0, 1])
    assert agreement[False] > 0.6
    assert agreement[True] < 0.5


def test_cells_take_the_value_of_their_place() -> None:
    view = rectify(on_the_ground(CAMERA), CAMERA, GRID, 0.0)
    wanted = pattern(*GRID.centres())
    assert 0.3 < view.seen.mean() < 1
    assert np.abs(view.picture - wanted)[view.seen].max() < 2.0
    assert np.abs(view.picture - wanted)[view.seen].mean() < 0.1
    assert (view.picture[~view.seen] == 0).all()
    assert (view.resolution_m_px[view.seen] <= 1.0).all()


def test_opencvs_perspective_warp_agrees() -> None:
    camera = replace(CAMERA, intrinsics=Intrinsics.simple(640, 480, 600.0))
    picture = on_the_ground(camera)
    # Homography from cells to pixels through four cells in front of the camera, as OpenCV counts both.
    cells = np.array([[60, 10], [150, 10], [150, 120], [60, 120]], dtype=np.float64)
    x, y = camera.pixels(*GRID.places(cells[:, 0], cells[:, 1]), 0.0)
    H = cv2.getPerspectiveTransform((cells - 0.5).astype(np.float32), np.column_stack([x - 0.5, y - 0.5]).astype(np.float32))
    wanted = cv2.warpPerspective(picture, H, (GRID.columns, GRID.rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    view = rectify(picture, camera, GRID, 0.0)
    assert np.abs(view.picture - wanted)[view.seen].mean() < 0.05


def test_a_terrain_is_followed() -> None:
    east, north = GRID.centres()
    terrain = 0.02 * (east - 1010)
    flat, hilly = rectify(on_the_ground(CAMERA), CAMERA, GRID, 0.0), rectify(on_the_ground(CAMERA), CAMERA, GRID, terrain)
    x, y = CAMERA.pixels(east, north, terrain)
    wanted = pattern(*CAMERA.on_plane(x, y, 0.0))
    both = hilly.seen & (np.hypot(east - 1000, north - 2000) < 90)
    assert np.abs(hilly.picture - wanted)[both].mean() < 0.2
    assert np.abs(flat.picture - hilly.picture)[both].mean() > 3
    same = rectify(on_the_ground(CAMERA), CAMERA, GRID, np.zeros(east.shape))
    np.testing.assert_array_equal(same.picture, flat.picture)


def test_several_cameras_are_merged_with_soft_seams() -> None:
    second = replace(CAMERA, extrinsics=replace(POSE, azimuth_rad=math.radians(75)))
    one, two = on_the_ground(CAMERA, colour=True), on_the_ground(second, colour=True)
    merged = merge([one, two + 8], [CAMERA, second], GRID, 0.0, feather_px=60)
    first, other = rectify(one, CAMERA, GRID, 0.0), rectify(two + 8, second, GRID, 0.0)
    np.testing.assert_array_equal(merged.seen, first.seen | other.seen)
    alone = first.seen & ~other.seen
    np.testing.assert_allclose(merged.picture[alone], first.picture[alone], atol=1e-3)
    # Where both look the difference of 8 fades from one to the other without a step.
    both = first.seen & other.seen
    rise = (merged.picture - first.picture)[..., 0]
    assert -3 < rise[both].min() < rise[both].max() < 11
    steps = np.abs(np.diff(rise, axis=1))[(both & np.roll(both, -1, axis=1))[:, :-1]]
    assert np.quantile(steps, 0.99) < 1.5
    eight = merge([one.astype(np.uint8)], [CAMERA], GRID, 0.0)
    np.testing.assert_allclose(eight.picture.astype(float), rectify(one.astype(np.uint8), CAMERA, GRID, 0.0).picture, atol=1)


def test_where_a_camera_sees_the_cells_is_kept() -> None:
    assert cell_pixels(CAMERA, GRID, 0.0) is cell_pixels(replace(CAMERA), GRID, 0.0)
    assert cell_pixels(CAMERA, GRID, 0.0) is not cell_pixels(CAMERA, GRID, 0.1)


def test_what_does_not_belong_together_is_refused() -> None:
    picture = np.zeros((480, 640), dtype=np.uint8)
    with pytest.raises(DataError, match="was calibrated with 640 × 480 px"):
        rectify(picture[:100], CAMERA, GRID, 0.0)
    with pytest.raises(DataError, match="cannot be drawn"):
        rectify(picture.astype(np.int64), CAMERA, GRID, 0.0)
    with pytest.raises(DataError, match="The terrain has"):
        rectify(picture, CAMERA, GRID, np.zeros((2, 2)))
    with pytest.raises(DataError, match="1 pictures of 2 cameras"):
        merge([picture], [CAMERA, CAMERA], GRID, 0.0)
    with pytest.raises(DataError, match="differ in kind"):
        merge([picture, picture.astype(np.float32)], [CAMERA, CAMERA], GRID, 0.0)
