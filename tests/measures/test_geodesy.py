"""Lengths and areas on the ellipsoid, against GeographicLib in Python, published figures and the projection of GDAL."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rasterio.warp
import shapely
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane, area_m2, bearing_deg, distance_m, moved, perimeter_m

EARTH = Geodesic.WGS84
LON = st.floats(-179.9, 179.9)
LAT = st.floats(-80, 80)


def by_geographiclib(ring: list[tuple[float, float]]) -> tuple[float, float]:
    polygon = EARTH.Polygon()
    for lon, lat in ring:
        polygon.AddPoint(lat, lon)
    _, perimeter, area = polygon.Compute()
    return perimeter, abs(area)


@given(LON, LAT, st.floats(1e-4, 2), st.integers(3, 9), st.booleans())
def test_area_and_perimeter_are_those_of_another_library(lon: float, lat: float, size: float, n: int, clockwise: bool) -> None:
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)[:: -1 if clockwise else 1]
    ring = [(lon + size * math.cos(a), lat + size * math.sin(a)) for a in angles]
    perimeter, area = by_geographiclib(ring)
    assert area_m2(shapely.Polygon(ring)) == pytest.approx(area, rel=1e-9, abs=1e-3)
    assert perimeter_m(shapely.Polygon(ring)) == pytest.approx(perimeter, rel=1e-9)


def test_a_hole_counts_as_missing() -> None:
    outer, inner = [(0, 40), (1, 40), (1, 41), (0, 41)], [(0.2, 40.2), (0.2, 40.4), (0.5, 40.4), (0.5, 40.2)]
    expected = by_geographiclib(outer)[1] - by_geographiclib(inner)[1]
    assert area_m2(shapely.Polygon(outer, [inner])) == pytest.approx(expected, rel=1e-9)
    assert perimeter_m(shapely.Polygon(outer, [inner])) == pytest.approx(by_geographiclib(outer)[0] + by_geographiclib(inner)[0])
    assert area_m2(shapely.Polygon()) == 0
    assert perimeter_m(shapely.Polygon()) == 0


def test_a_hemisphere_and_a_degree_have_their_published_size() -> None:
    # Half of the surface of WGS 84, 510 065 621.7 km², and a degree of latitude at the equator, 110.574 km (NGA.STND.0036, table 3.5).
    half = shapely.Polygon([(0, 0), (90, 0), (180, 0), (-90, 0)])
    assert area_m2(half) / 1e6 == pytest.approx(510_065_621.7 / 2, rel=1e-8)
    assert float(distance_m(0, 0, 0, 1)) == pytest.approx(110_574.4, abs=0.1)


@given(LON, LAT, st.floats(0, 359.9), st.floats(1, 2e6))
def test_what_moved_is_as_far_and_in_that_direction(lon: float, lat: float, bearing: float, metres: float) -> None:
    expected = EARTH.Direct(lat, lon, bearing, metres)
    reached = moved(lon, lat, bearing, metres)
    assert float(distance_m(*reached, expected["lon2"], expected["lat2"])) < 1e-3
    assert float(distance_m(lon, lat, *reached)) == pytest.approx(metres, rel=1e-9, abs=1e-6)
    turned = (float(bearing_deg(lon, lat, *reached)) - bearing + 180) % 360 - 180
    assert abs(turned) * metres < 1e-3


@given(LON, LAT, st.floats(-50_000, 50_000), st.floats(-50_000, 50_000))
def test_a_plane_keeps_distances_from_its_middle_and_gives_places_back(lon: float, lat: float, east: float, north: float) -> None:
    plane = LocalPlane(lon, lat)
    there = plane.lonlat(east, north)
    assert float(distance_m(lon, lat, *there)) == pytest.approx(math.hypot(east, north), abs=1e-3)
    again = plane.metres(*there)
    assert (float(again[0]), float(again[1])) == pytest.approx((east, north), abs=1e-3)


def test_a_plane_is_what_its_prj_says_to_gdal() -> None:
    plane = LocalPlane(2.5, 39.8)
    lon, lat = np.array([2.4, 2.61]), np.array([39.75, 39.9])
    expected = rasterio.warp.transform("EPSG:4326", plane.crs, lon, lat)
    np.testing.assert_allclose(plane.metres(lon, lat), expected, atol=1e-3)


def test_the_middle_of_places_lies_between_them_even_across_the_date_line() -> None:
    plane = LocalPlane.around([179.9, -179.9, np.nan], [-17.0, -18.0, 0.0])
    assert abs(plane.lon) == pytest.approx(180)
    assert plane.lat == pytest.approx(-17.5)
    square = plane.round(shapely.box(-500, -500, 500, 500))
    assert plane.flat(square).area == pytest.approx(1e6, rel=1e-9)


def test_what_is_not_known_stays_so() -> None:
    east, north = LocalPlane(0, 0).metres([0.1, np.nan], [0.1, 0.1])
    assert np.isfinite(east[0])
    assert np.isnan(east[1])
    assert np.isnan(north[1])
    with pytest.raises(DataError, match="No position is known"):
        LocalPlane.around([np.nan], [1.0])
    with pytest.raises(DataError, match="no place with the longitude 0 and the latitude 95"):
        LocalPlane(0, 95)
