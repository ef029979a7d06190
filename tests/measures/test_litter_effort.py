"""The observed area and length of beach, against counted cells of a raster and known shapes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from geographiclib.geodesic import Geodesic
from rasterio.features import rasterize
from rasterio.transform import from_origin

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane
from imagine_kernels.measures.litter_effort import observed_area, observed_area_m2, shoreline_length_m

PLANE = LocalPlane(2.75, 39.36)


def rectangle(x: float, y: float, w: float, h: float, turn: float = 0.0) -> shapely.Polygon:
    box = shapely.affinity.rotate(shapely.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2), turn)
    return PLANE.round(box)


@pytest.mark.parametrize("seed", range(4))
def test_the_union_is_what_a_raster_counts(seed):
    rng = np.random.default_rng(seed)
    prints = [rectangle(*rng.uniform(-20, 20, 2), *rng.uniform(4, 12, 2), rng.uniform(0, 180)) for _ in range(25)]
    cells = rasterize([PLANE.flat(each) for each in prints], out_shape=(1600, 1600), transform=from_origin(-32, 32, 0.04, 0.04))
    union = observed_area_m2(prints)
    assert union == pytest.approx(float(cells.sum()) * 0.04**2, rel=0.003)
    assert union < sum(PLANE.flat(each).area for each in prints)


def test_the_area_is_the_geodesic_one():
    one = rectangle(0, 0, 100, 50, 30)
    polygon = Geodesic.WGS84.Polygon()
    for lon, lat in list(one.exterior.coords)[:-1]:
        polygon.AddPoint(lat, lon)
    assert observed_area_m2([one, one]) == pytest.approx(abs(polygon.Compute()[2]), rel=1e-5)


def test_only_what_lies_within_counts_and_empty_footprints_do_not():
    found = observed_area_m2([rectangle(0, 0, 10, 10), shapely.Polygon()], within=rectangle(0, 5, 10, 10))
    assert found == pytest.approx(50, rel=1e-4)
    assert observed_area([]).is_empty
    assert observed_area_m2([rectangle(0, 0, 2, 2)], within=rectangle(50, 50, 2, 2)) == 0


def test_the_length_along_a_baseline():
    seen = observed_area([rectangle(10, 3, 20, 8), rectangle(25, 3, 20, 8), rectangle(70, 3, 10, 8)])
    straight = PLANE.round(shapely.LineString([(-100, 0), (100, 0)]))
    # From 0 to 35 and from 65 to 75: what was not seen between does not count.
    assert shoreline_length_m(seen, straight) == (pytest.approx(45, abs=0.1), "")
    short = PLANE.round(shapely.LineString([(5, 0), (30, 0)]))
    assert shoreline_length_m(seen, short)[0] == pytest.approx(25, abs=0.1)


def test_a_curved_beach_is_as_long_as_its_curve():
    turn = np.linspace(0, np.pi / 2, 200)
    arc = shapely.LineString(np.column_stack([100 * np.cos(turn), 100 * np.sin(turn)]))
    seen = PLANE.round(arc.buffer(6, cap_style="flat"))
    assert shoreline_length_m(seen, PLANE.round(arc))[0] == pytest.approx(50 * np.pi, rel=0.003)


def test_without_a_baseline_the_longest_extent_counts_and_is_told():
    length, note = shoreline_length_m(observed_area([rectangle(0, 0, 60, 12, 35)]))
    assert length == pytest.approx(60, rel=1e-3)
    assert "give length_m or a baseline" in note


def test_what_has_no_length():
    with pytest.raises(DataError, match="No ground was observed"):
        shoreline_length_m(shapely.Polygon())
    with pytest.raises(DataError, match="The baseline is a Point, not a line"):
        shoreline_length_m(rectangle(0, 0, 9, 9), shapely.Point(2.75, 39.36))
