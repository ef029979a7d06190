"""GeoJSON: what was written is read again, by another reader too, and what cannot be used is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.geojson import Feature, read_geojson, write_geojson

ROOT = Path(__file__).resolve().parents[2]
SPILLS = ROOT.parent / "shared" / "data" / "oil_spill" / "wakashio-case"

PLACES = st.tuples(st.floats(-179, 179), st.floats(-89, 89))
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | NAMES


@given(st.lists(st.tuples(PLACES, st.dictionaries(NAMES, VALUES, max_size=3)), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_points_and_what_is_said_of_them_come_back(tmp_path: Path, given_rows: list) -> None:
    features = [Feature(shapely.Point(place), properties) for place, properties in given_rows]
    again, problems = read_geojson(write_geojson(features, tmp_path / "points.geojson"))
    assert problems == []
    assert [feature.properties for feature in again] == [feature.properties for feature in features]
    for one, other in zip(again, features, strict=True):
        assert one.geometry.distance(other.geometry) < 1e-6


def test_rings_turn_as_the_standard_wants_and_another_reader_agrees(tmp_path: Path) -> None:
    # Clockwise outside, anticlockwise inside: both the wrong way round (RFC 7946, 3.1.6).
    given_one = shapely.Polygon([(0, 0), (0, 2), (2, 2), (2, 0)], [[(0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)]])
    said = {"area_km2": np.float64(3.5), "n": np.int64(2), "at": datetime(2020, 8, 10, tzinfo=UTC), "gap": float("nan")}
    path = write_geojson([Feature(given_one, said)], tmp_path / "ring.geojson", about={"name": "slicks"})
    raw = json.loads(path.read_text())
    assert raw["name"] == "slicks"
    assert raw["features"][0]["properties"] == {"area_km2": 3.5, "n": 2, "at": "2020-08-10T00:00:00+00:00", "gap": None}
    polygon = shapely.geometry.shape(raw["features"][0]["geometry"])
    assert polygon.equals(given_one)
    assert polygon.exterior.is_ccw
    assert not polygon.interiors[0].is_ccw


def test_features_that_cannot_be_used_are_said_and_the_others_are_there(tmp_path: Path) -> None:
    good = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [5, 6]}, "properties": None}
    bad = [
        {"type": "Feature", "geometry": None, "properties": {}},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [500_000, 4_400_000]}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0]]]}},
        {"type": "Feature", "geometry": {"type": "Star", "coordinates": []}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}},
        7,
    ]
    path = tmp_path / "mixed.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [*bad, good]}))
    features, problems = read_geojson(path)
    assert [shapely.to_wkt(feature.geometry, rounding_precision=0) for feature in features] == ["POINT (5 6)"]
    assert [problem.what.split(" ", 2)[1] for problem in problems] == ["1", "2", "3", "4", "5", "6"]
    assert "longitude first" in problems[1].what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read as JSON"),
        ("[1]", "no object with a type"),
        ('{"type": "Topology"}', "its type is 'Topology'"),
        ('{"type": "FeatureCollection"}', "its type is 'FeatureCollection'"),
        ("[" * 100_000, "cannot be read as JSON"),
        (
            '{"type": "FeatureCollection", "features": [], "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}}',
            "not in longitude and latitude",
        ),
    ],
)
def test_what_is_no_geojson_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "other.geojson"
    path.write_text(text)
    with pytest.raises(FormatError, match=said):
        read_geojson(path)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"absent\.geojson"):
        read_geojson(tmp_path / "absent.geojson")
    (tmp_path / "binary.geojson").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(FormatError, match="not text in UTF-8"):
        read_geojson(tmp_path / "binary.geojson")


@pytest.mark.skipif(not SPILLS.is_dir(), reason="shared/data/oil_spill/wakashio-case is absent")
def test_the_polygons_of_a_real_spill_arrive() -> None:
    path = next(SPILLS.rglob("*.geojson"))
    features, problems = read_geojson(path)
    assert len(features) == 28
    assert problems == []
    assert all(feature.properties["area_km2"] > 0 for feature in features)
