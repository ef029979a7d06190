"""Sizes and forms of slicks: against Karney's own GeographicLib, rasterised figures of known size, and repeated drawing with errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from geographiclib.geodesic import Geodesic
from rasterio.features import rasterize
from shapely.affinity import rotate, scale, translate
from slick_masks import outlines_of

from imagine_kernels.errors import DataError
from imagine_kernels.measures.slick_shapes import measure_shape
from imagine_kernels.media.sar_georeference import AffineGeoreference, GridGeoreference
from imagine_kernels.samples.safe_product import Geometry, place_of

UTM = AffineGeoreference((20.0, 0.0, 500_000.0, 0.0, -20.0, 4_500_000.0), "EPSG:32633", 3.0)


def outlined(figure, size: int = 800):
    mask = rasterize([figure], out_shape=(size, size), dtype="uint8")
    return max(outlines_of(mask, {1: "oil"}, smallest_px=1), key=lambda each: each.n_px).polygon


def grid_at(lon: float, lat: float) -> GridGeoreference:
    x, y = np.linspace(0.5, 800.5, 21), np.linspace(0.5, 800.5, 11)
    return GridGeoreference(x, y, *place_of(Geometry(lon, lat, 349.0, (40.0, 40.0)), *np.meshgrid(x - 0.5, y - 0.5)))


@pytest.mark.parametrize("georeference", [UTM, grid_at(14, 37), grid_at(179.9, -62), grid_at(20, 78)])
def test_the_area_is_that_of_geographiclib(georeference):
    outline = outlined(
        rotate(scale(shapely.Point(400, 400).buffer(1, 64), 260, 90), 33).difference(shapely.Point(380, 400).buffer(30))
    )
    expected = 0.0
    for ring, sign in [(outline.exterior, 1), *((each, -1) for each in outline.interiors)]:
        # The straight sides of the picture are no geodesics: points lie close.
        x, y = shapely.get_coordinates(shapely.segmentize(ring, 8))[:-1].T
        polygon = Geodesic.WGS84.Polygon()
        for lon, lat in zip(*georeference.lonlat(x, y), strict=True):
            polygon.AddPoint(lat, lon)
        expected += sign * abs(polygon.Compute()[2])
    found = measure_shape(outline, georeference=georeference)
    assert found.area_m2 == pytest.approx(expected, rel=1e-7)
    assert found.area_low_m2 < found.area_m2 < found.area_high_m2
    assert -180 <= found.lon <= 180


@pytest.mark.parametrize("angle", [0, 17, 45, 90, 128])
def test_length_width_and_direction_of_a_rectangle(angle: float):
    # Up in the picture is grid north, 0.0° off true north in the middle of the zone.
    outline = outlined(rotate(shapely.box(150, 370, 650, 430), -angle))
    found = measure_shape(outline, georeference=UTM)
    assert found.length_m == pytest.approx(500 * 20 / 0.9996, rel=0.01)
    assert found.width_m == pytest.approx(60 * 20, rel=0.06)
    assert (found.orientation_deg - (90 - angle) + 90) % 180 - 90 == pytest.approx(0, abs=0.6)
    assert found.mean_width_m == pytest.approx(60 * 20, rel=0.03)


@pytest.mark.parametrize(("radius", "within"), [(8, 0.06), (20, 0.03), (60, 0.015), (300, 0.01)])
def test_a_disc_has_its_perimeter_and_complexity_one(radius: float, within: float):
    found = measure_shape(outlined(shapely.Point(400.3, 399.6).buffer(radius, 64)), spacing_m=(10.0, 10.0))
    assert found.perimeter_m == pytest.approx(2 * math.pi * radius * 10, rel=within)
    assert found.complexity == pytest.approx(1, abs=within)


@pytest.mark.parametrize("angle", [0, 10, 30, 45, 77])
def test_the_perimeter_of_a_rectangle_in_any_direction(angle: float):
    found = measure_shape(outlined(rotate(shapely.box(200, 350, 600, 450), angle)), spacing_m=(10.0, 10.0))
    assert found.perimeter_m == pytest.approx(10_000, rel=0.02)


def test_pixels_that_are_no_squares():
    ellipse = scale(shapely.Point(400, 400).buffer(100, 64), 1, 0.5)
    found = measure_shape(outlined(ellipse), spacing_m=(10.0, 20.0))
    assert found.area_m2 == pytest.approx(math.pi * 1000**2, rel=0.005)
    assert found.perimeter_m == pytest.approx(2 * math.pi * 1000, rel=0.02)
    assert found.complexity == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("error_px", [0.5, 1.5])
def test_the_interval_of_the_area_holds_the_truth_in_ninety_five_percent(error_px: float):
    # The model of the error: all of the outline lies too far out or in by one draw.
    truth = rotate(scale(shapely.Point(250, 250).buffer(1, 64), 150, 25), 20)
    rng = np.random.default_rng(1)
    inside = 0
    trials = 120
    exact = AffineGeoreference(UTM.transform, "EPSG:32633", 0.0)
    for _ in range(trials):
        moved = translate(truth.buffer(rng.normal(0, error_px)), *rng.uniform(-0.5, 0.5, 2))
        found = measure_shape(outlined(moved, 500), georeference=exact, outline_error_px=error_px)
        inside += found.area_low_m2 < truth.area * 400 / 0.9996**2 < found.area_high_m2
    assert 0.9 <= inside / trials <= 0.99


def test_the_error_of_positions_widens_the_interval():
    outline = outlined(shapely.box(300, 390, 500, 410))
    widths = [
        (found := measure_shape(outline, georeference=AffineGeoreference(UTM.transform, "EPSG:32633", error))).area_high_m2
        - found.area_low_m2
        for error in (math.nan, 0.0, 40.0)
    ]
    assert widths[0] == widths[1]
    # 1 px of 20 m and 40 m together: √5 times as wide, but the slick of 20 px is gone within 1.96 of them nowhere.
    assert widths[2] / widths[1] == pytest.approx(math.sqrt(5), rel=0.02)
    thin = measure_shape(outlined(shapely.box(300, 399, 500, 402)), georeference=UTM, outline_error_px=1.0)
    assert thin.area_low_m2 == 0


def test_what_has_no_shape():
    with pytest.raises(DataError, match="leave it out"):
        measure_shape(shapely.Polygon())
    with pytest.raises(DataError, match="give 0 or more"):
        measure_shape(shapely.box(0, 0, 5, 5), outline_error_px=-1)
    with pytest.raises(DataError, match="give metres"):
        measure_shape(shapely.box(0, 0, 5, 5), spacing_m=(0, 1))
    assert math.isnan(measure_shape(shapely.box(0, 0, 5, 5)).area_m2)
    off = AffineGeoreference((1e6, 0, 0, 0, -1e6, 0), "EPSG:32633")
    with pytest.raises(DataError, match="does not lie on the earth"):
        measure_shape(shapely.box(0, 0, 500, 500), georeference=off)
