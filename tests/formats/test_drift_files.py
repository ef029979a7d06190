"""Flows and paths in NetCDF: names of the CF conventions, units, parts of them, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.drift_netcdf import read_trajectories, write_trajectories
from imagine_kernels.formats.ocean_fields import read_flows, write_flows
from imagine_kernels.records.flow import Flow
from imagine_kernels.records.trajectories import Trajectories

NOON = datetime(2024, 4, 12, 12, tzinfo=UTC)
LAT, LON = np.linspace(45, 30, 16), np.linspace(0, 20, 21)  # latitudes descend, as in ERA5


def dataset(
    names=("uo", "vo"), units="m s-1", depth: bool = False, standard=(None, None), lon=LON, scale=1.0, **options
) -> xr.Dataset:
    times = np.datetime64("2024-04-12T12:00", "ns") + np.arange(4) * np.timedelta64(6, "h")
    shape = (4, 2, 16, lon.size) if depth else (4, 16, lon.size)
    dims = ("time", "depth", "latitude", "longitude") if depth else ("time", "latitude", "longitude")
    values = np.random.default_rng(0).normal(0, 0.3, (2, *shape)).astype(np.float32) * scale
    data = xr.Dataset(coords={"time": times, "latitude": LAT, "longitude": lon})
    for name, each, by in zip(names, values, standard, strict=True):
        data[name] = (dims, each, {"units": units, **({"standard_name": by} if by else {})})
    return data.assign_attrs(**options)


def saved(data: xr.Dataset, tmp_path: Path, name: str = "a.nc", **encoding) -> Path:
    data.to_netcdf(tmp_path / name, encoding=encoding or None)
    return tmp_path / name


@pytest.mark.parametrize(
    ("names", "standard", "kind"),
    [
        (("uo", "vo"), (None, None), "current"),
        (("a", "b"), ("eastward_sea_water_velocity", "northward_sea_water_velocity"), "current"),
        (("u10", "v10"), (None, None), "wind"),
        (("eastward_wind", "northward_wind"), ("eastward_wind", "northward_wind"), "wind"),
        (("VSDX", "VSDY"), ("sea_surface_wave_stokes_drift_x_velocity", "sea_surface_wave_stokes_drift_y_velocity"), "stokes"),
    ],
)
def test_pairs_are_found_by_their_names(tmp_path: Path, names, standard, kind: str):
    data = dataset(names, standard=standard)
    flows, problems = read_flows(saved(data, tmp_path))
    assert ([flow.kind for flow in flows], problems) == ([kind], [])
    flow = flows[0]
    assert flow.start == NOON
    assert flow.seconds.tolist() == [0, 21600, 43200, 64800]
    assert np.array_equal(flow.lat, LAT[::-1])
    assert np.array_equal(flow.east, data[names[0]].values[:, ::-1])
    assert np.array_equal(flow.north, data[names[1]].values[:, ::-1])


def test_the_uppermost_of_several_depths_and_packed_values(tmp_path: Path):
    data = dataset(depth=True)
    packing = {"dtype": "int16", "scale_factor": 0.001, "_FillValue": -32767}
    data["uo"][:, 0, 3, 4] = np.nan
    flow = read_flows(saved(data, tmp_path, uo=packing, vo=packing))[0][0]
    expected = data["uo"].values[:, 0, ::-1]
    assert np.array_equal(np.isnan(flow.east), np.isnan(expected))
    assert np.allclose(flow.east, expected, atol=6e-4, equal_nan=True)


@pytest.mark.parametrize(("unit", "factor"), [("cm/s", 0.01), ("knots", 1852 / 3600), ("m s**-1", 1.0), ("km/h", 1 / 3.6)])
def test_units_become_metres_per_second(tmp_path: Path, unit: str, factor: float):
    data = dataset(units=unit)
    assert np.allclose(read_flows(saved(data, tmp_path))[0][0].east, data["uo"].values[:, ::-1] * factor, rtol=1e-5)


def test_a_part_of_a_file(tmp_path: Path):
    path = saved(dataset(), tmp_path)
    flow = read_flows(path, box=(5.2, 33.5, 7.8, 36.5), between=(NOON + timedelta(hours=7), NOON + timedelta(hours=11)))[0][0]
    assert flow.lat.tolist() == [33, 34, 35, 36, 37]
    assert (flow.lon.min(), flow.lon.max()) == (5, 8)
    assert flow.seconds.tolist() == [21600, 43200]


def test_longitudes_from_0_to_360(tmp_path: Path):
    data = dataset(lon=np.arange(0, 360, 5.0))
    flow = read_flows(saved(data, tmp_path), box=(-12, 31, 8, 40))[0][0]
    assert flow.lon.tolist() == [-15, -10, -5, 0, 5, 10]
    west = data["uo"].sel(longitude=345).values[:, ::-1]
    lat = np.isin(LAT[::-1], flow.lat)
    assert np.array_equal(flow.east[:, :, 0], west[:, lat])


def test_several_kinds_and_one_that_cannot_be_used(tmp_path: Path):
    data = xr.merge([dataset(), dataset(("u10", "v10"), units="furlongs")])
    flows, problems = read_flows(saved(data, tmp_path))
    assert [flow.kind for flow in flows] == ["current"]
    assert [problem.what for problem in problems] == ["u10 is in furlongs, not in that of a speed: give m s-1"]
    _, problems = read_flows(saved(dataset(scale=1e6), tmp_path, "b.nc"))
    assert "more than any current" in problems[0].what


def test_files_that_are_none(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"CDF\x01 not really")
    with pytest.raises(FormatError, match="no NetCDF file"):
        read_flows(tmp_path / "a.nc")
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_flows(tmp_path / "b.nc")
    with pytest.raises(DataNotFound, match="such as uo and vo"):
        read_flows(saved(dataset(("temperature", "salinity")), tmp_path, "c.nc"))
    curved = xr.Dataset({name: (("y", "x"), np.zeros((3, 3)), {"units": "m s-1"}) for name in ("uo", "vo")})
    assert "no latitude of one dimension" in read_flows(saved(curved, tmp_path, "d.nc"))[1][0].what


speeds = arrays(np.float32, (2, 3, 4), elements=st.floats(-5, 5, width=32) | st.just(float("nan")))


@given(east=speeds, north=speeds, kind=st.sampled_from(["current", "wind", "stokes"]))
@settings(max_examples=15, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, east, north, kind):
    flow = Flow(
        kind, NOON, np.array([0.0, 1800.0]), np.array([-3.0, 0.0, 2.5]), np.array([170.0, 175.0, 180.0, 185.0]), east, north
    )
    found = read_flows(write_flows([flow], tmp_path_factory.mktemp("flows") / "a.nc"))[0][0]
    for name in ("seconds", "lat", "lon", "east", "north"):
        assert np.array_equal(getattr(found, name), getattr(flow, name), equal_nan=True)
    assert (found.kind, found.start) == (kind, NOON)


@given(
    lon=arrays(np.float64, (4, 3), elements=st.floats(-180, 180)),
    lat=arrays(np.float64, (4, 3), elements=st.floats(-89, 89)),
    state=arrays(np.uint8, (4, 3), elements=st.integers(0, 3)),
    backwards=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_paths_that_are_written_are_read(tmp_path_factory, lon, lat, state, backwards):
    seconds = np.array([0.0, 900.0, 1800.0, 2000.0]) * (-1 if backwards else 1)
    path = write_trajectories(Trajectories(NOON, seconds, lon, lat, state), tmp_path_factory.mktemp("paths") / "a.nc")
    found = read_trajectories(path)
    for name, expected in (("seconds", seconds), ("lon", lon), ("lat", lat), ("state", state)):
        assert np.array_equal(getattr(found, name), expected)
    assert found.start == NOON


def test_paths_for_other_programs(tmp_path: Path):
    lon = np.arange(6.0).reshape(3, 2)
    paths = Trajectories(NOON, np.array([0.0, -3600.0, -7200.0]), lon, lon, np.zeros((3, 2), np.uint8))
    path = write_trajectories(paths, tmp_path / "a.nc", about={"wind_factor": 0.03})
    with netCDF4.Dataset(path) as data:
        assert (data.featureType, data.Conventions, data.wind_factor) == ("trajectory", "CF-1.8", 0.03)
        times = netCDF4.num2date(data["time"][:], data["time"].units)
        assert [each.isoformat() for each in times] == ["2024-04-12T10:00:00", "2024-04-12T11:00:00", "2024-04-12T12:00:00"]
        assert (data["lon"].units, data["lat"].standard_name, data["lon"].shape) == ("degrees_east", "latitude", (2, 3))
        assert data["state"].flag_meanings == "drifting stranded left_the_fields not_yet_released"
    (tmp_path / "b.nc").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="no NetCDF file with paths"):
        read_trajectories(tmp_path / "b.nc")
