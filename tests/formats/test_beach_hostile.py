"""Whatever files of cameras, points, transects and tides hold, the answer is a value or one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataError
from imagine_kernels.files import Files
from imagine_kernels.formats.argus import read_argus
from imagine_kernels.formats.camera_files import read_camera, read_control_points
from imagine_kernels.formats.camera_stations import read_station
from imagine_kernels.formats.cirn import read_cirn_survey
from imagine_kernels.formats.coastsat import read_shoreline_series, read_tides, read_transects

Read = Callable[[Path], Any]


def points(path: Path) -> Any:
    with Files(path) as files:
        return read_control_points(files, path.name)


def station(path: Path) -> Any:
    with Files(path) as files:
        return read_station(files, path.name)


TABLES: dict[str, tuple[Read, str]] = {
    "points.csv": (points, "point,x_px,y_px,easting_m,northing_m,height_m\n"),
    "tides.csv": (read_tides, "time_utc,tide_m\n"),
    "series.csv": (read_shoreline_series, ",dates,A\n"),
    "survey.txt": (read_cirn_survey, "1,2,3,4\n"),
}
CELLS = st.sampled_from(["", "1", "-2.5", "nan", "inf", "1e999", '"', "\0", "é", "2024-01-01", "x", "532700", "4382500", "#"])
YAMLS: dict[str, Read] = {"camera.yaml": read_camera, "station.yaml": station, "cameraData.yml": read_argus}
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5)
KEYS = st.sampled_from(
    [
        "intrinsics",
        "extrinsics",
        "width_px",
        "height_px",
        "fx_px",
        "fy_px",
        "x_m",
        "tilt_deg",
        "covariance",
        "m",
        "c1",
        "baseline",
        "points",
        "sea",
    ]
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12)


def survives(read: Read, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        read(path)
    except DataError as error:
        said = str(error)
    else:
        said = ""
    assert said.count("\n") == 0


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, max_size=7), max_size=5),
    headed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]),
)
def test_any_table(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[list[str]], headed: bool, encoding: str
) -> None:
    read, head = TABLES[name]
    text = (head if headed else "") + "\n".join(",".join(row) for row in rows)
    survives(read, tmp_path_factory.mktemp("any") / name, text.encode(encoding))


@pytest.mark.parametrize("name", TABLES)
def test_a_cell_without_end(tmp_path: Path, name: str) -> None:
    read, head = TABLES[name]
    survives(read, tmp_path / name, (head + "a" * 200_000).encode())


@pytest.mark.parametrize("name", YAMLS)
@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_any_yaml(tmp_path_factory: pytest.TempPathFactory, name: str, tree: Any) -> None:
    survives(YAMLS[name], tmp_path_factory.mktemp("any") / name, json.dumps(tree).encode())


@settings(max_examples=60, deadline=None)
@given(tree=st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8), crs=LEAVES)
def test_any_geojson(tmp_path_factory: pytest.TempPathFactory, tree: Any, crs: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "t.geojson"
    line = {"type": "Feature", "geometry": {"type": "LineString", "coordinates": tree}, "properties": tree}
    survives(read_transects, path, json.dumps({"features": [line, tree], "crs": crs}).encode())
    survives(read_transects, path, json.dumps(tree).encode())


@pytest.mark.parametrize("read", [*(each[0] for each in TABLES.values()), *YAMLS.values(), read_transects])
def test_bytes_that_are_no_text(tmp_path: Path, read: Read) -> None:
    rng = np.random.default_rng(0)
    for k in range(30):
        survives(read, tmp_path / "a.csv", rng.integers(0, 256, k * 20).astype(np.uint8).tobytes())
