"""Our files of cameras, stations and control points, and plan views as rasterio reads them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.camera_files import read_camera, read_control_points, write_camera, write_control_points
from imagine_kernels.formats.camera_stations import find_stations, read_station
from imagine_kernels.formats.plan_views import read_plan_view, write_plan_view
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints, GroundGrid
from imagine_kernels.records.lens import Intrinsics

NUMBERS = st.floats(-1e6, 1e6)
LENS = "intrinsics: {width_px: 640, height_px: 480, fx_px: 600, fy_px: 600}\n"
POSE = "extrinsics: {x_m: 1, y_m: 2, z_m: 3, azimuth_deg: 90, tilt_deg: 70, swing_deg: 0}\n"


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[NUMBERS] * 3), st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(-0.5, 0.5)] * 5), st.booleans())
def test_a_camera_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    place: tuple[float, ...],
    angles: tuple[float, ...],
    bent: tuple[float, ...],
    known: bool,
) -> None:
    lens = Intrinsics(640, 480, 319.25, 240.75, 600.5, 601.5, *bent)
    covariance = np.diag(np.arange(1.0, 7.0)) if known else None
    camera = Camera(
        lens, Extrinsics(*place, *angles), "clm_01", "EPSG:32631", covariance, 5 if known else None, 0.7 if known else math.nan
    )
    again = read_camera(write_camera(camera, tmp_path_factory.mktemp("camera") / "a.yaml"))
    assert (again.intrinsics, again.name, again.crs, again.degrees_of_freedom) == (
        lens,
        "clm_01",
        "EPSG:32631",
        camera.degrees_of_freedom,
    )
    np.testing.assert_allclose(again.extrinsics.numbers, camera.extrinsics.numbers, rtol=1e-14, atol=1e-14)
    if known:
        np.testing.assert_array_equal(again.covariance, covariance)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 5e6)] * 5), min_size=1, max_size=6))
def test_control_points_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]]
) -> None:
    table = np.array(rows)
    table[:, 2] += 1000
    points = ControlPoints(tuple(f"P {k}" for k in range(len(table))), table[:, :2], table[:, 2:], "EPSG:32631")
    path = write_control_points(points, tmp_path_factory.mktemp("points") / "p.csv")
    with Files(path) as files:
        again, problems = read_control_points(files, "p.csv")
    assert (again.names, again.crs, problems) == (points.names, "EPSG:32631", [])
    np.testing.assert_array_equal(again.pixels, points.pixels)
    np.testing.assert_array_equal(again.places, points.places)


def test_other_names_of_columns_and_other_pixels_are_understood(lay: Callable[..., Path]) -> None:
    text = "# crs: EPSG:32631\n# pixel_origin: 1\nname;u;v;easting;northing;z\nA;10;20;500000;4000000;1,5\nB;11;21;500001;4000001;2\n\nC;;;1;2;3\n"
    with Files(lay({"p.csv": text})) as files:
        points, problems = read_control_points(files, "p.csv")
    assert points.names == ("B",)
    # MATLAB's 11 is half a px less here.
    np.testing.assert_allclose(points.pixels, [[10.5, 20.5]])
    assert [each.line for each in problems] == [4, 7]
    assert {each.what for each in problems} == {"a control point has a gap or no number"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "has no column x_px, y_px"),
        ("x,y,e,n,z\n1,2,a,3,4\n", "no control point that can be used"),
        ("x,y,e,n,z\n1,2,3.38,39.59,4\n5,6,3.381,39.591,4\n", "look like longitude and latitude"),
        ("# pixel_origin: 7\nx,y,e,n,z\n1,2,3,4,5\n", "pixel_origin '7'"),
    ],
)
def test_tables_that_are_none_are_refused(lay: Callable[..., Path], text: str, says: str) -> None:
    with Files(lay({"p.csv": text})) as files, pytest.raises(FormatError, match=says):
        read_control_points(files, "p.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- 1\n", "no camera with intrinsics and extrinsics"),
        (LENS, "no camera with intrinsics and extrinsics"),
        (POSE, "holds no intrinsics"),
        (LENS.replace("600", "-600") + POSE, "focal lengths in px above 0"),
        (LENS.replace("640", "640.5") + POSE, "whole numbers above 0"),
        (LENS + POSE.replace("70", "high"), "says 'high' for tilt_deg"),
        (LENS + POSE.replace("70", ".nan"), "says nan for tilt_deg"),
        (LENS + POSE.replace("90", "4000"), "beyond 360°"),
        (LENS + POSE + "covariance: [[1, 2], [3, 4]]\n", "a covariance that is none"),
        (LENS + POSE + "degrees_of_freedom: -1\n", "-1 degrees of freedom"),
        ("a: [1, 2", "cannot be read as YAML"),
    ],
)
def test_cameras_that_are_none_are_refused(lay: Callable[..., Path], text: str, says: str) -> None:
    folder = lay({"a.yaml": text})
    with pytest.raises(FormatError, match=says) as caught:
        read_camera(folder / "a.yaml")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_camera(folder / "b.yaml")


def test_a_station_names_its_points_and_levels(lay: Callable[..., Path]) -> None:
    text = LENS + "name: clm_01\ncrs: EPSG:32631\ncontrol_points: p.csv\nbeach_level_m: 1.2\nbeach_slope: 0.08\n"
    text += "baseline: {sea: right, points: [[0, 0], [0, 10]]}\n"
    with Files(lay({"stations/a.yaml": text, "stations/p.csv": "x", "data.yaml": "names: [a]"})) as files:
        assert find_stations(files) == ["stations/a.yaml"]
        station = read_station(files, "stations/a.yaml")
    assert (station.name, station.camera, station.control_points, station.sea) == ("clm_01", None, "stations/p.csv", "right")
    assert (station.intrinsics.cx, station.beach_level_m, station.beach_slope) == (320, 1.2, 0.08)
    for more, says in (
        ("beach_slope: -1\n", "it is tan β"),
        ("tide_error_m: -1\n", "not negative"),
        ("baseline: {sea: up, points: 3}\n", "a baseline that is none"),
        ("transects: t.geojson\n", "which is not there"),
    ):
        with Files(lay({"b.yaml": LENS + POSE + more}, "other")) as files, pytest.raises(FormatError, match=says):
            read_station(files, "b.yaml")
    with Files(lay({"c.yaml": LENS}, "third")) as files, pytest.raises(FormatError, match="neither the pose"):
        read_station(files, "c.yaml")


@pytest.mark.parametrize(
    ("turned", "shape", "kind"), [(0.0, (30, 40, 3), "uint8"), (20.0253, (300, 280), "float32"), (-75.0, (7, 9), "uint16")]
)
def test_a_plan_view_lies_where_rasterio_has_it(tmp_path: Path, turned: float, shape: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 200, shape).astype(kind)
    seen = rng.random(shape[:2]) > 0.3
    grid = GroundGrid(532_700.25, 4_382_800.5, 0.5, shape[1], shape[0], turned, "EPSG:32631")
    path = write_plan_view(picture, grid, tmp_path / "plan.tif", seen=seen, tags={"level_m": "0.2"})
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 32631
        np.testing.assert_allclose(file.xy(3, 4), np.array(grid.places(4.5, 3.5)), atol=1e-6)
        np.testing.assert_array_equal(np.moveaxis(file.read(), 0, -1).squeeze(), picture.squeeze())
        np.testing.assert_array_equal(file.dataset_mask() > 0, seen)
    again, same, mask, tags = read_plan_view(path)
    np.testing.assert_array_equal(again, picture)
    np.testing.assert_array_equal(mask, seen)
    assert tags["level_m"] == "0.2"
    np.testing.assert_allclose(same.affine, grid.affine, atol=1e-9)
    assert (same.columns, same.rows, same.crs) == (grid.columns, grid.rows, grid.crs)


def test_plan_views_that_are_none_are_refused(tmp_path: Path) -> None:
    grid = GroundGrid(0, 0, 1, 4, 3)
    with pytest.raises(DataError, match="cannot hold a picture of 3 × 4"):
        write_plan_view(np.zeros((4, 3)), grid, tmp_path / "a.tif")
    with pytest.raises(DataError, match="There is no coordinate system 'nonsense'"):
        write_plan_view(np.zeros((3, 4)), GroundGrid(5, 9, 1, 4, 3, 0, "nonsense"), tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())
    (tmp_path / "b.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(FormatError, match="is no GeoTIFF"):
        read_plan_view(tmp_path / "b.tif")
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_plan_view(tmp_path / "none.tif")
