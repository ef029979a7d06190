"""The table of slicks, totals of scenes, and two dates beside each other."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from pyproj import Geod
from rasterio.features import rasterize
from shapely.affinity import rotate, scale, translate
from slick_masks import outlines_of

from imagine_kernels.errors import DataError
from imagine_kernels.measures.nearest import Nearest
from imagine_kernels.measures.slick_changes import compare_dates
from imagine_kernels.measures.slicks import COLUMNS, Surroundings, scene_totals, slick_table
from imagine_kernels.media.sar_georeference import AffineGeoreference

UTM = AffineGeoreference((20.0, 0.0, 500_000.0, 0.0, -20.0, 4_500_000.0), "EPSG:32633", 3.0)
NOON = datetime(2024, 4, 12, 12, tzinfo=UTC)
SLICK = rotate(scale(shapely.Point(200, 200).buffer(1, 64), 90, 12), 30)
SIZE = 600


def table(*figures, time=NOON, scene="a", label=1, **around):
    mask = (
        rasterize([(each, label) for each in figures], out_shape=(SIZE, SIZE), dtype="uint8")
        if figures
        else np.zeros((SIZE, SIZE), np.uint8)
    )
    level = np.where(mask, 0.004, 0.03) * np.random.default_rng(0).gamma(4.4, 1 / 4.4, mask.shape)

    def power(x: int, y: int, width: int, height: int) -> np.ndarray:
        found = np.full((height, width), np.nan, dtype=np.float32)
        top, left = max(y, 0), max(x, 0)
        part = level[top : max(y + height, 0), left : max(x + width, 0)]
        found[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
        return found

    outlines = outlines_of(mask, {1: "oil", 2: "look-alike"})
    given = {"georeference": UTM, "power": power, "wind_m_s": 6.0, **around}
    return slick_table(outlines, Surroundings(**given), scene=scene, time=time)[0]


def test_a_row_of_the_table():
    coast = shapely.box(16.0, 40.0, 17.0, 41.0)
    found = table(SLICK, coast=Nearest([coast]))
    assert tuple(found.columns) == COLUMNS
    row = found.iloc[0]
    assert (row["slick_id"], row["label"], row["wind"], row["calibrated"]) == ("a_1", "oil", "eligible", True)
    assert row["area_km2"] == pytest.approx(SLICK.area * 400 / 1e6, rel=0.005)
    assert row["area_low_km2"] < row["area_km2"] < row["area_high_km2"]
    assert row["length_km"] == pytest.approx(3.6, rel=0.02)
    assert row["damping_db"] == pytest.approx(10 * math.log10(7.5), abs=0.2)
    assert row["look_alike_score"] < 0.5
    assert "high damping" in row["look_alike_reasons"]
    edge = Geod(ellps="WGS84").inv(row["lon_deg"], row["lat_deg"], 16.0, row["lat_deg"])[2] / 1e3
    assert row["distance_to_coast_km"] == pytest.approx(edge, rel=0.05)
    assert found["time_utc"].iloc[0] == NOON


def test_without_georeference_and_levels_the_rest_is_there():
    row = table(SLICK, georeference=None, spacing_m=(10.0, 10.0), power=None, wind_m_s=math.nan).iloc[0]
    assert row["area_km2"] == pytest.approx(SLICK.area * 100 / 1e6, rel=0.005)
    assert row["polygon"] is None
    assert math.isnan(row["damping_db"])
    assert (row["wind"], row["calibrated"]) == ("unknown", False)
    relative = table(SLICK, calibrated=False).iloc[0]
    assert math.isnan(relative["sea_level_db"])
    assert relative["damping_db"] == pytest.approx(8.75, abs=0.2)


def test_wind_by_place():
    assert table(SLICK, wind_m_s=lambda lon, lat: 1.0 if lon > 14 else 20.0).iloc[0]["wind"] == "too calm"


def test_a_slick_that_cannot_be_measured_is_a_problem_and_the_rest_is_done():
    class Torn(AffineGeoreference):
        def lonlat(self, x, y):
            lon, lat = super().lonlat(x, y)
            return np.where(np.asarray(x) < 100, np.nan, lon), lat

    mask = rasterize([SLICK, shapely.box(20, 20, 60, 60)], out_shape=(SIZE, SIZE), dtype="uint8")
    outlines = outlines_of(mask, {1: "oil"})
    found, problems = slick_table(outlines, Surroundings(georeference=Torn(UTM.transform, UTM.crs)))
    assert len(found) == 1
    assert ["does not lie on the earth" in each.what for each in problems] == [True]
    empty, problems = slick_table([], Surroundings())
    assert (len(empty), problems, tuple(empty.columns)) == (0, [], COLUMNS)


def test_totals_of_scenes():
    found = scene_totals(table(SLICK, shapely.box(400, 400, 450, 450)))
    assert found["n_slicks"].tolist() == [2]
    assert found["area_km2"].iloc[0] == pytest.approx((SLICK.area + 2500) * 4e-4, rel=0.01)
    assert found["n_wind_eligible"].tolist() == [2]


def test_a_slick_that_moved():
    later = table(translate(SLICK, 60, -30), time=NOON + timedelta(hours=2), scene="b")
    row = compare_dates(table(SLICK), later).iloc[0]
    assert (row["change"], row["first_slicks"], row["second_slicks"], row["hours"]) == ("unchanged", "a_1", "b_1", 2.0)
    assert row["moved_km"] == pytest.approx(math.hypot(60, 30) * 0.02, rel=0.01)
    assert row["moved_towards_deg"] == pytest.approx(math.degrees(math.atan2(60, 30)), abs=1)
    assert row["speed_m_s"] == pytest.approx(math.hypot(60, 30) * 20 / 7200, rel=0.01)


def test_overlap_is_intersection_over_union():
    a, b = shapely.box(100, 100, 200, 200), shapely.box(150, 100, 250, 200)
    row = compare_dates(table(a), table(b, time=NOON + timedelta(hours=12))).iloc[0]
    assert row["overlap"] == pytest.approx(1 / 3, abs=1e-3)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([SLICK], [SLICK.buffer(15)], "grew"),
        ([SLICK.buffer(15)], [SLICK], "shrank"),
        ([SLICK], [], "vanished"),
        ([], [SLICK], "appeared"),
        (
            [shapely.box(100, 100, 300, 120)],
            [shapely.box(100, 100, 190, 120), shapely.box(210, 100, 300, 120)],
            "unchanged, split",
        ),
        (
            [shapely.box(100, 100, 190, 120), shapely.box(210, 100, 300, 120)],
            [shapely.box(100, 100, 300, 120)],
            "unchanged, merged",
        ),
    ],
)
def test_what_becomes_of_slicks(before, after, change: str):
    found = compare_dates(table(*before), table(*after, time=NOON + timedelta(hours=6)))
    assert found["change"].tolist() == [change]


def test_far_slicks_and_other_labels_do_not_belong_together():
    far = translate(SLICK, 300, 300)
    found = compare_dates(table(SLICK), table(far, time=NOON + timedelta(hours=1)), fastest_m_s=0.5)
    assert sorted(found["change"]) == ["appeared", "vanished"]
    other = compare_dates(table(SLICK), table(SLICK, label=2, time=NOON + timedelta(hours=1)))
    assert sorted(other["change"]) == ["appeared", "vanished"]


def test_dates_that_cannot_be_compared():
    with pytest.raises(DataError, match="change their order"):
        compare_dates(table(SLICK), table(SLICK, time=NOON - timedelta(hours=1)))
    with pytest.raises(DataError, match="give scenes with a georeference"):
        compare_dates(table(SLICK, georeference=None), table(SLICK))
    assert compare_dates(table(), table()).empty


def test_masks_of_a_public_set(shared_data):
    """Plain pictures: no lengths, but px, damping and evidence; empty masks have no slicks."""
    import cv2
    from PIL import Image

    from imagine_kernels.files import Files
    from imagine_kernels.media.sar import open_scene

    folder = shared_data("oil_spill") / "deep-sar-sos" / "sentinel"
    files = Files(folder)
    darker, n = 0, 0
    for path in sorted(folder.glob("*_mask.png"))[:25]:
        mask = (np.asarray(Image.open(path).convert("L")) >= 128).astype(np.uint8)
        scene = open_scene(files, path.name.replace("_mask.png", "_sat.jpg"))
        found, problems = slick_table(
            outlines_of(mask, {1: "oil"}, smallest_px=30), Surroundings(power=scene.power, calibrated=False)
        )
        assert problems == []
        stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:, 4]
        assert sorted(found["n_px"]) == sorted(stats[stats >= 30].tolist())
        assert found["area_km2"].isna().all()
        known = found["damping_db"].dropna()
        darker, n = darker + int((known > 0).sum()), n + len(known)
    assert n > 20
    assert darker / n > 0.9
