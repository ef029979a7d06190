"""Cameras, points and grids of CIRN and Argus, real ones where they are at hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.formats.argus import pose_of_dlt, read_argus
from imagine_kernels.formats.cirn import (
    CirnCamera,
    read_cirn_camera,
    read_cirn_grid,
    read_cirn_points,
    read_cirn_survey,
    write_cirn_camera,
)
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.lens import Intrinsics

UAS = "X_UASDemoData/extrinsicsIntrinsics"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-3, 3)] * 6), min_size=1, max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, poses: list[tuple[float, ...]]) -> None:
    path = tmp_path_factory.mktemp("cirn") / "camera.mat"
    lens = Intrinsics(640, 480, 320.5, 239.5, 600, 601, -0.1, 0.01, 0.002, 0.0003, -0.0004)
    times = tuple(datetime(2015, 10, 1, 23, 29, second, tzinfo=UTC) for second in range(len(poses)))
    given_camera = CirnCamera(lens, tuple(Extrinsics(*pose) for pose in poses), times)
    write_cirn_camera(path, given_camera)
    again = read_cirn_camera(path)
    assert again.intrinsics == lens
    assert again.extrinsics == given_camera.extrinsics
    assert max(abs((a - b).total_seconds()) for a, b in zip(again.times_utc, times, strict=True)) < 1e-4
    # An independent reader sees CIRN's pixels, which count from one.
    assert loadmat(path)["intrinsics"][0, 2] == 321.0


def test_one_pose_is_written_too(tmp_path: Path) -> None:
    camera = Camera(Intrinsics.simple(10, 10, 5), Extrinsics(1, 2, 3, 0.1, 0.2, 0.3))
    again = read_cirn_camera(write_cirn_camera(tmp_path / "a.mat", camera)).camera(name="x")
    assert (again.intrinsics, again.extrinsics, again.name) == (camera.intrinsics, camera.extrinsics, "x")
    with pytest.raises(DataError, match="none of the number 3"):
        read_cirn_camera(tmp_path / "a.mat").camera(3)


def test_the_real_files_of_a_drone(shared_data) -> None:
    folder = shared_data("beach/cirn-geometry") / UAS
    moving = read_cirn_camera(folder / "uasDemo_IOEOVariable.mat")
    assert len(moving.extrinsics) == len(moving.times_utc) == 40
    # The pictures are called by their milliseconds since 1970.
    assert abs(moving.times_utc[0].timestamp() - 1443742140.0) < 1e-3
    first = read_cirn_camera(folder / "InitialValues" / "uasDemo_IOEOInitial.mat")
    assert first.extrinsics == moving.extrinsics[:1]
    assert "North Carolina State Plane" in first.coordinate_system
    points = read_cirn_points(folder / "InitialValues" / "uasDemo_gcpUVdInitial.mat", folder / "uasDemoFlight_NCSP_GCPS.txt")
    assert first.points is not None
    np.testing.assert_array_equal(points.pixels, first.points.pixels)
    np.testing.assert_array_equal(points.places, first.points.places)
    # Marked at MATLAB's 2521.9588508, so half a px less here; and the pose draws each point within 2 px of its mark.
    assert points.pixels[0, 0] == pytest.approx(2521.9588508 - 0.5)
    x, y = first.camera().pixels(*points.places.T)
    assert np.abs(np.column_stack([x, y]) - points.pixels).max() < 2
    assert read_cirn_camera(folder / "IntrinsicCalculations" / "uasDemo_Calib_Results.mat").intrinsics == first.intrinsics
    assert read_cirn_camera(folder / "IntrinsicCalculations" / "uasDemo_IO.mat").extrinsics == ()


def test_a_real_grid_lies_where_its_file_says(shared_data) -> None:
    path = shared_data("beach/cirn-geometry") / "X_UASDemoData" / "rectificationGrids" / "GRID_demo_NCSP_2mResolution.mat"
    grid, held = read_cirn_grid(path), loadmat(path)
    assert (grid.columns, grid.rows, grid.spacing_m) == (351, 501, 2.0)
    assert grid.turned_deg == pytest.approx(20.0253)
    east, north = grid.centres()
    # The origin of the local system is the centre of the first cell of the last row.
    np.testing.assert_allclose([east[-1, 0], north[-1, 0]], held["localOrigin"][0], atol=1e-6)
    # The grid in world coordinates of the same file covers the local one, to within a cell.
    np.testing.assert_allclose([east.min(), east.max()], [held["X"].min(), held["X"].max()], atol=2)
    np.testing.assert_allclose([north.min(), north.max()], [held["Y"].min(), held["Y"].max()], atol=2)


def test_the_real_tower_of_argus_has_its_published_angles(shared_data) -> None:
    import yaml

    path = shared_data("beach/argus-duck-timex") / "cameraData.yml"
    cameras, problems = read_argus(path)
    assert (set(cameras), problems) == ({"c1", "c2", "c3", "c4", "c5", "c6"}, [])
    published = yaml.safe_load(path.read_text())
    # The numbers of c2 were corrected by hand in the file and agree less well.
    for name, (metres, radians) in {
        "c1": (1e-6, 1e-6),
        "c2": (0.06, 1e-3),
        "c3": (1e-6, 1e-6),
        "c5": (1e-6, 1e-6),
        "c6": (1e-6, 1e-6),
    }.items():
        said, pose = published[name], cameras[name].extrinsics
        np.testing.assert_allclose(pose.place, [said["x"], said["y"], said["z"]], atol=metres)
        np.testing.assert_allclose(pose.numbers[3:], [said["azimuth"], said["tilt"], said["roll"]], atol=radians)
        assert cameras[name].intrinsics.fx == pytest.approx(1224 / np.tan(said["fov"] / 2), rel=1e-4)


def test_eleven_numbers_are_a_camera_and_back() -> None:
    lens, pose = Intrinsics(2448, 2048, 1223.5, 1023.5, 3700, 3710), Extrinsics(34.0, 583.0, 43.0, 2.6, 1.3, -0.02)
    K = np.array([[lens.fx, 0, lens.cx + 0.5], [0, lens.fy, lens.cy + 0.5], [0, 0, 1]])
    P = K @ pose.axes @ np.column_stack([np.eye(3), -pose.place])
    P /= P[2, 3]
    found, again = pose_of_dlt([*P[0], *P[2, :3], *P[1]], width=2448, height=2048)
    np.testing.assert_allclose(again.numbers, pose.numbers, atol=1e-7)
    np.testing.assert_allclose(found.to_cirn(), lens.to_cirn(), rtol=1e-8, atol=1e-8)
    with pytest.raises(FormatError, match="eleven finite numbers"):
        pose_of_dlt([1, 2, 3], width=10, height=10)


def test_damaged_and_other_files_end_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_cirn_camera(tmp_path / "none.mat")
    (tmp_path / "empty.mat").write_bytes(b"")
    (tmp_path / "junk.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(range(256)) * 3)
    (tmp_path / "hdf.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    savemat(tmp_path / "other.mat", {"a": 1})
    savemat(tmp_path / "short.mat", {"intrinsics": [1, 2, 3]})
    savemat(tmp_path / "nan.mat", {"intrinsics": np.full(11, np.nan)})
    savemat(tmp_path / "odd.mat", {"intrinsics": Intrinsics.simple(9, 9, 9).to_cirn(), "extrinsics": np.zeros(7)})
    savemat(tmp_path / "text.mat", {"intrinsics": "hello", "gcp": "hello", "X": "a", "Y": "b"})
    for name in ("empty", "junk", "hdf", "other", "short", "nan", "odd", "text"):
        with pytest.raises(FormatError, match=rf"{name}\.mat"):
            read_cirn_camera(tmp_path / f"{name}.mat")
        with pytest.raises(FormatError, match=rf"{name}\.mat"):
            read_cirn_grid(tmp_path / f"{name}.mat")
    (tmp_path / "points.txt").write_text("1,2,3\n")
    with pytest.raises(FormatError, match="line 1 is not number, east, north, height"):
        read_cirn_survey(tmp_path / "points.txt")
    (tmp_path / "points.txt").write_text("7,1,2,3\n\n")
    savemat(tmp_path / "gcp.mat", {"gcp": [{"UVd": [1.0, 2.0], "num": 8}]})
    with pytest.raises(FormatError, match="no place for the control points 8"):
        read_cirn_points(tmp_path / "gcp.mat", tmp_path / "points.txt")
    (tmp_path / "cameraData.yml").write_text("c1: {m: [1, 2]}\nc2: 5\n")
    with pytest.raises(FormatError, match="no camera with eleven"):
        read_argus(tmp_path / "cameraData.yml")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_camera_or_one_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "a.mat"
    for start in (b"", b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"):
        path.write_bytes(start + data)
        with pytest.raises(FormatError, match=r"a\.mat"):
            read_cirn_camera(path)
