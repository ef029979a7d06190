"""Transects, series and tides of CoastSat, real ones where they are at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.coastsat import read_shoreline_series, read_tides, read_transects, write_transects
from imagine_kernels.records.ground import Transect

METRES = st.floats(1e3, 1e7)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(METRES, METRES, st.floats(1, 500), st.floats(1, 500)), min_size=1, max_size=5),
    st.sampled_from(["", "EPSG:28356"]),
)
def test_transects_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]], crs: str
) -> None:
    given_ones = [Transect(f"T{k}", x, y, x + dx, y + dy, crs) for k, (x, y, dx, dy) in enumerate(rows)]
    path = write_transects(given_ones, tmp_path_factory.mktemp("transects") / "t.geojson")
    assert read_transects(path) == (given_ones, [])


def test_real_files_of_narrabeen(shared_data) -> None:
    folder = shared_data("beach/coastsat-narrabeen") / "examples"
    transects, problems = read_transects(folder / "NARRA_transects.geojson")
    assert ([each.name for each in transects], problems) == (["NA1", "NA2", "NA3", "NA4", "NA5"], [])
    assert transects[0].crs == "EPSG:28356"
    # The beach faces east: transects run that way.
    assert all(each.direction[0] > 0.8 for each in transects)
    series, problems = read_shoreline_series(folder / "NARRA_time_series_tidally_corrected.csv")
    assert problems == []
    assert list(series.columns) == ["time_utc", "NA1", "NA2", "NA3", "NA4", "NA5"]
    assert len(series) == 622
    assert series["NA1"].iloc[0] == 89.07892413909407
    assert str(series["time_utc"].iloc[0]) == "1987-05-22 23:07:44+00:00"
    tides, problems = read_tides(folder / "NARRA_tides.csv")
    assert problems == []
    assert tides["time_utc"].is_monotonic_increasing
    assert 0.3 < tides["tide_m"].std() < 0.6


def test_gaps_and_broken_cells_are_told(lay: Callable[..., Path]) -> None:
    folder = lay(
        {
            "s.csv": ",dates,A,B\n0,2020-01-01 00:00:00+00:00,1.5,\n1,2020-01-02,x,2\n2,never,3,4\n",
            "t.csv": "time_utc;tide_m\n".replace(";", ",") + "2020-01-02T00:00,0.2\n2020-01-01T00:00,0.1\n2020-01-03T00:00,\n",
        }
    )
    series, problems = read_shoreline_series(folder / "s.csv")
    np.testing.assert_array_equal(series[["A", "B"]].to_numpy(), [[1.5, np.nan], [np.nan, 2]])
    assert [each.what for each in problems] == ["the time is none", "1 positions of A are no numbers"]
    tides, problems = read_tides(folder / "t.csv")
    assert tides["tide_m"].tolist() == [0.1, 0.2]
    assert [each.what for each in problems] == ["1 levels are missing"]


def feature(coordinates: object, kind: str = "LineString") -> dict[str, object]:
    return {"type": "Feature", "properties": None, "geometry": {"type": kind, "coordinates": coordinates}}


def test_what_is_none_is_refused(lay: Callable[..., Path]) -> None:
    good = feature([[500_000, 4_000_000], [500_100, 4_000_000]])
    collection = {"type": "FeatureCollection", "features": [good, feature([[1, 2]]), feature("x"), 5]}
    folder = lay(
        {
            "mixed.geojson": json.dumps(collection),
            "degrees.geojson": json.dumps({**collection, "features": [feature([[3.38, 39.5], [3.381, 39.5]])]}),
            "crs84.geojson": json.dumps({**collection, "crs": {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}}),
            "none.geojson": json.dumps({"type": "FeatureCollection", "features": []}),
            "list.geojson": "[]",
            "cut.geojson": '{"features": [',
            "a.csv": "x,y\n1,2\n",
            "b.csv": "dates\n2020-01-01\n",
            "c.csv": "dates,tide\n2020-01-01,9999\n",
            "d.csv": "dates,tide\n2020-01-01,\n",
        }
    )
    found, problems = read_transects(folder / "mixed.geojson")
    assert ([each.name for each in found], len(problems)) == (["T1"], 3)
    for name, says in {
        "degrees": "in longitude and latitude",
        "crs84": "in longitude and latitude",
        "none": "holds no transect",
        "list": "no GeoJSON with features",
        "cut": "no GeoJSON that can be read",
    }.items():
        with pytest.raises(FormatError, match=says):
            read_transects(folder / f"{name}.geojson")
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_transects(folder / "missing.geojson")
    with pytest.raises(FormatError, match="no column of times"):
        read_shoreline_series(folder / "a.csv")
    with pytest.raises(FormatError, match="no column of a transect"):
        read_shoreline_series(folder / "b.csv")
    with pytest.raises(FormatError, match="no column of levels"):
        read_tides(folder / "b.csv")
    with pytest.raises(FormatError, match="beyond any tide"):
        read_tides(folder / "c.csv")
    with pytest.raises(FormatError, match="holds no level"):
        read_tides(folder / "d.csv")
    with pytest.raises(FormatError, match="in several systems"):
        write_transects([Transect("A", 0, 0, 1, 1, "EPSG:28356"), Transect("B", 0, 0, 1, 1)], folder / "w.geojson")
