"""Areas of wrack: exact on exact truth, inside the stated interval in 95 % of cases, and events that are larger than the error."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.affinity

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import PlaneGeoreference, widened
from imagine_kernels.measures.camera_solving import solve_camera
from imagine_kernels.measures.wrack import WrackFrame, in_lonlat, mask_area, on_the_ground, polygon_area, wrack_table
from imagine_kernels.measures.wrack_events import with_forcing, wrack_events
from imagine_kernels.measures.wrack_outlines import ground_outlines
from imagine_kernels.records import Shape
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints
from imagine_kernels.records.lens import Intrinsics

LENS = Intrinsics(640, 480, 318.4, 241.7, 612.0, 610.5, d1=-0.21, d2=0.06, t1=0.0006, t2=-0.0004)
POSE = Extrinsics(532_712.4, 4_382_516.8, 29.3, math.radians(40), math.radians(70), math.radians(0.8))
CAMERA = Camera(LENS, POSE, "clm_01", "", covariance=np.diag([0.15, 0.15, 0.1, 2e-3, 2e-3, 2e-3]) ** 2, rmse_px=0.5)
PLACE = PlaneGeoreference(CAMERA, 1.2)


def berm(length: float = 30.0, width: float = 6.0) -> shapely.Polygon:
    """An ellipse on the ground, 45 m ahead of the camera."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    x = POSE.x_m + 40 + width / 2 * np.cos(angle) + 0.1 * length / 2 * np.sin(angle)
    y = POSE.y_m + 40 + length / 2 * np.sin(angle)
    return shapely.Polygon(np.column_stack([x, y]))


def seen(ground: shapely.Polygon, camera: Camera = CAMERA, z: float = 1.2) -> np.ndarray:
    xy = shapely.get_coordinates(ground.exterior)
    return np.column_stack(camera.pixels(xy[:, 0], xy[:, 1], z))


def mask_of(ground: shapely.Polygon, camera: Camera = CAMERA) -> np.ndarray:
    """Pixels whose centre shows the berm."""
    outline = shapely.Polygon(seen(ground, camera))
    x, y = np.meshgrid(np.arange(640) + 0.5, np.arange(480) + 0.5)
    return np.asarray(shapely.contains_xy(outline, x, y))


def test_the_area_of_a_mask_is_that_of_the_ground() -> None:
    for length, width in ((30.0, 6.0), (12.0, 4.0), (50.0, 10.0)):
        ground = berm(length, width)
        found = mask_area(mask_of(ground), PLACE)
        assert found.area_m2 == pytest.approx(ground.area, rel=0.01)
        assert found.low_m2 < ground.area < found.high_m2
        assert found.masked_share == 0


def test_the_area_of_a_polygon_is_exact() -> None:
    ground = berm()
    shape = Shape.of("polygon", seen(ground).ravel())
    assert polygon_area(shape, PLACE) == pytest.approx(ground.area, rel=1e-3)
    assert on_the_ground(shape, PLACE).symmetric_difference(ground).area < 0.01 * ground.area
    # A hole, and a part of its own.
    hole = ground.buffer(-1.0)
    both = [*seen(ground).ravel(), np.nan, np.nan, *seen(hole).ravel()]
    assert polygon_area(Shape.of("polygon", both), PLACE) == pytest.approx(ground.area - hole.area, rel=3e-3)
    with pytest.raises(DataError, match="shows the sky"):
        polygon_area(Shape.of("polygon", [1, 1, 600, 1, 300, 400]), PLACE)
    with pytest.raises(DataError, match="has no area"):
        polygon_area(Shape.of("point", [1, 1]), PLACE)


def test_without_distortion_the_area_is_that_of_opencvs_homography() -> None:
    camera = replace(CAMERA, intrinsics=Intrinsics.simple(640, 480, 612.0))
    place = PlaneGeoreference(camera, 1.2)
    quad = np.array([[100, 250], [500, 230], [600, 460], [50, 470]], dtype=np.float32)
    origin = np.array(POSE.numbers[:2])
    ground = np.column_stack(camera.on_plane(quad[:, 0], quad[:, 1], 1.2)) - origin
    H = cv2.getPerspectiveTransform(quad, ground.astype(np.float32))
    marked = np.array([[[200.0, 300.0]], [[420.0, 290.0]], [[450.0, 400.0]], [[180.0, 420.0]]], dtype=np.float32)
    wanted = shapely.Polygon(cv2.perspectiveTransform(marked, H).reshape(-1, 2)).area
    assert polygon_area(Shape.of("polygon", marked.ravel().astype(float)), place) == pytest.approx(wanted, rel=1e-4)


def test_the_error_is_that_of_drawn_poses() -> None:
    mask = mask_of(berm())
    place = PlaneGeoreference(CAMERA, 1.2, z_error_m=0.2)
    stated = mask_area(mask, place, boundary_px=0.0).standard_error_m2
    rng = np.random.default_rng(0)
    areas = []
    for step in rng.multivariate_normal(np.zeros(6), widened(CAMERA), 300):
        moved = CAMERA.at(POSE.turned(step[3:]).moved(step[:3]))
        areas.append(mask_area(mask, PlaneGeoreference(moved, 1.2 + rng.normal(0, 0.2)), boundary_px=0.0).area_m2)
    assert np.std(areas) == pytest.approx(stated, rel=0.15)


def test_the_rim_is_how_the_area_grows() -> None:
    ground = berm()
    known = PlaneGeoreference(replace(CAMERA, covariance=np.zeros((6, 6))), 1.2)
    outline = shapely.Polygon(seen(ground))
    grown, shrunk = (
        polygon_area(Shape.of("polygon", shapely.get_coordinates(outline.buffer(by).exterior).ravel()), known)
        for by in (0.5, -0.5)
    )
    found = mask_area(mask_of(ground), known, boundary_px=1.0)
    # By one px in all directions; the rim of a mask counts slanted sides by up to a third less or more.
    assert found.standard_error_m2 == pytest.approx(grown - shrunk, rel=0.25)
    assert mask_area(mask_of(ground), known, boundary_px=0.0, error_share=0.1).standard_error_m2 == pytest.approx(
        0.1 * found.area_m2
    )


def test_the_area_lies_inside_its_interval_in_95_percent() -> None:
    rng = np.random.default_rng(4)
    ground = berm()
    mask = mask_of(ground)
    inside, relative = 0, []
    for _ in range(50):
        pixels = np.column_stack([rng.uniform(20, 620, 9), rng.uniform(200, 470, 9)])
        heights = rng.uniform(0, 5, 9)
        east, north = CAMERA.on_plane(pixels[:, 0], pixels[:, 1], heights)
        places = np.column_stack([east, north, heights])
        points = ControlPoints(tuple("abcdefghi"), pixels + rng.normal(0, 0.7, (9, 2)), places)
        solved = solve_camera(points, LENS, initial=POSE, leave_one_out=False).camera
        found = mask_area(mask, PlaneGeoreference(solved, 1.2), boundary_px=0.1)
        inside += found.low_m2 <= ground.area <= found.high_m2
        relative.append(found.area_m2 / ground.area - 1)
    # Of 50 draws at 95 % fewer than 44 are one in 70, and the interval holds the rim besides.
    assert 44 <= inside <= 50
    assert np.abs(relative).max() < 0.05


def test_what_is_seen_too_coarsely_is_left_out_and_told() -> None:
    mask = np.zeros((480, 640), dtype=bool)
    mask[10:400, 300:310] = True
    found = mask_area(mask, PLACE)
    x, y = np.meshgrid(np.arange(300, 310) + 0.5, np.arange(10, 400) + 0.5)
    coarse = np.nan_to_num(CAMERA.resolution(x, y, 1.2)[1], nan=np.inf) > 1
    assert found.masked_share == pytest.approx(coarse.mean())
    assert found.pixels == int((~coarse).sum())
    sky = np.zeros((480, 640), dtype=bool)
    sky[:5] = True
    nothing = mask_area(sky, PLACE)
    assert (nothing.area_m2, nothing.masked_share) == (0.0, 1.0)
    assert math.isnan(nothing.standard_error_m2)
    assert mask_area(np.zeros((480, 640), dtype=bool), PLACE).high_m2 == 0
    assert math.isnan(mask_area(mask_of(berm()), PlaneGeoreference(replace(CAMERA, covariance=None), 1.2)).standard_error_m2)
    with pytest.raises(DataError, match="give the mask of this picture"):
        mask_area(mask[:100], PLACE)


def test_a_table_has_a_row_for_every_class_also_for_none() -> None:
    ground = berm()
    classes = np.where(mask_of(ground), 1, 0).astype(np.uint8)
    beach = np.zeros((480, 640), dtype=bool)
    beach[240:, :] = True
    frame = WrackFrame(file="a.png", time_utc=datetime(2024, 10, 3, 8, tzinfo=UTC), classes=classes, place=PLACE, dry_beach=beach)
    table = wrack_table([frame, replace(frame, file="b.png", classes=np.zeros_like(classes), dry_beach=None)])
    assert table["label"].tolist() == ["dense wrack", "intermediate wrack", "all wrack"] * 2
    assert table["area_m2"].iloc[0] == table["area_m2"].iloc[2] == pytest.approx(ground.area, rel=0.01)
    assert (table["area_m2"].iloc[[1, 3, 4, 5]] == 0).all()
    whole = mask_area(beach, PLACE).area_m2
    assert table["cover_percent"].iloc[0] == pytest.approx(100 * ground.area / whole, rel=0.01)
    assert table["cover_percent"].iloc[3:].isna().all()
    assert list(wrack_table([]).columns) == list(table.columns)


def test_a_map_is_in_longitude_and_latitude() -> None:
    place = PlaneGeoreference(replace(CAMERA, crs="EPSG:32631"), 1.2)
    lon, lat = in_lonlat(on_the_ground(Shape.of("polygon", seen(berm()).ravel()), place), place).centroid.coords[0]
    assert (lon, lat) == pytest.approx((3.3814, 39.5921), abs=2e-3)


def test_the_parts_of_a_mask_are_outlines_on_the_ground() -> None:
    large, small = berm(), berm(8.0, 3.0)
    away = shapely.affinity.translate(small, 2.0, 30.0)
    mask = mask_of(large) | mask_of(away)
    mask[:3] = True  # the sky
    found = ground_outlines(mask, PLACE)
    assert [each.area_m2 for each in found] == pytest.approx([large.area, away.area], rel=0.03)
    for each, true in zip(found, (large, away), strict=True):
        assert each.ground.symmetric_difference(true).area < 0.12 * true.area
    # The same pixels have the same area, whichever way it is summed.
    assert sum(each.area_m2 for each in found) == pytest.approx(mask_area(mask, PLACE).area_m2, rel=1e-4)
    assert sum(each.pixels for each in found) == mask_area(mask, PLACE).pixels
    assert len(ground_outlines(mask, PLACE, least_m2=30.0)) == 1
    hollow = mask_of(large) & ~mask_of(large.buffer(-1.5))
    ring = ground_outlines(hollow, PLACE)[0]
    assert ring.ground.interiors
    assert ring.area_m2 == pytest.approx(large.area - large.buffer(-1.5).area, rel=0.05)
    assert ground_outlines(np.zeros((480, 640), dtype=bool), PLACE) == []
    with pytest.raises(DataError, match="give its own"):
        ground_outlines(mask[:9], PLACE)


def days(*numbers: float) -> pd.Series:
    return pd.Series(pd.to_datetime([datetime(2024, 10, 1, tzinfo=UTC) + pd.Timedelta(days=number) for number in numbers]))


def test_events_are_changes_larger_than_their_error() -> None:
    times = days(0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21)
    area = np.array([100, 104, 98, 150, 200, 201, 199, 60, 62, 61, 120.0])
    events = wrack_events(times, area, np.full(11, 5.0))
    assert events["event"].tolist() == ["formation", "dismantling", "formation"]
    assert events["begin_utc"].tolist() == [times[2], times[6], times[9]]
    assert events["end_utc"].tolist() == [times[4], times[7], times[10]]
    np.testing.assert_allclose(events["change_m2"], [102, -139, 59])
    np.testing.assert_allclose(events["change_high_m2"] - events["change_low_m2"], 2 * 1.96 * 5 * math.sqrt(2), rtol=1e-4)
    assert events["rate_m2_day"].iloc[1] == pytest.approx(-139)
    assert len(wrack_events(times, area, np.full(11, 5.0), least_m2=70)) == 2
    assert wrack_events(times, area, np.full(11, 500.0)).empty
    assert wrack_events(times[:0], area[:0], area[:0]).empty


def test_a_slow_creep_is_one_event() -> None:
    times = days(*range(10))
    area = np.linspace(100, 145, 10)
    events = wrack_events(times, area, np.full(10, 5.0))
    assert events["event"].tolist() == ["formation"]
    assert events["change_m2"].iloc[0] > 30


def test_noise_alone_makes_hardly_any_event() -> None:
    rng = np.random.default_rng(0)
    n = [len(wrack_events(days(*range(10)), 100 + rng.normal(0, 5, 10), np.full(10, 5.0))) for _ in range(100)]
    # Nine comparisons of five percent each with the same first value.
    assert np.mean(np.array(n) > 0) < 0.5


def test_gaps_are_passed_over_and_waves_are_added() -> None:
    times = days(0, 1, 2)
    events = wrack_events(times, np.array([10.0, np.nan, 90.0]), np.array([2.0, 2.0, 2.0]))
    waves = pd.DataFrame({"time_utc": days(0, 0.5, 1, 3), "wave_height_m": [1.0, 2.0, 3.0, 9.0]})
    joined = with_forcing(events, waves)
    assert joined["max_wave_height_m"].tolist() == [3.0]
    assert joined["mean_wave_height_m"].tolist() == [2.0]
    with pytest.raises(DataError, match="no column time_utc"):
        with_forcing(events, waves.drop(columns="time_utc"))
    with pytest.raises(DataError, match="3 times, 2 areas"):
        wrack_events(times, np.zeros(2), np.zeros(3))
