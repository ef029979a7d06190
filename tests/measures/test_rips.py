"""Rips: boxes of known length, width, direction and place; alerts; thresholds against scikit-learn."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod
from sklearn.metrics import fbeta_score

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import PlaneGeoreference, to_lonlat
from imagine_kernels.measures.oriented_boxes import corners_of
from imagine_kernels.measures.rip_alerts import rip_alerts, tune_threshold
from imagine_kernels.measures.rips import RipFrame, as_boxes, box_measures, places_of_box, rip_table
from imagine_kernels.measures.shore_baseline import ShoreBaseline, in_system
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import Transect
from imagine_kernels.records.lens import Intrinsics

CRS = "EPSG:32631"
POSE = Extrinsics(532_700.0, 4_382_500.0, 60.0, math.radians(90), math.radians(0.0), 0.0)
NADIR = Camera(
    Intrinsics.simple(1000, 1000, 600.0),
    replace(POSE, azimuth_rad=0.0),
    "plan",
    CRS,
    covariance=np.diag([0.1] * 3 + [1e-3] * 3) ** 2,
)
PLACE = PlaneGeoreference(NADIR, 0.0, z_error_m=0.1)
#: The shore runs north, the sea lies east of it.
BASELINE = ShoreBaseline(np.array([[532_680.0, 4_382_450.0], [532_680.0, 4_382_550.0]]), "right", CRS)
TIME = datetime(2024, 10, 5, 8, tzinfo=UTC)


def box_at(east: float, north: float, length: float, width: float, bearing_deg: float) -> np.ndarray:
    """A box of the picture straight below the camera, where 10 px are a metre."""
    return np.array([500 + 10 * east, 500 - 10 * north, 10 * length, 10 * width, 90 - bearing_deg])


def test_a_box_has_its_length_width_direction_and_place() -> None:
    boxes = np.array([box_at(12, 5, 30, 8, 80), box_at(-5, -20, 24, 10, 110), box_at(20, 0, 20, 6, 270)])
    table = rip_table(
        [RipFrame(file="a.png", time_utc=TIME, boxes=boxes, confidence=np.array([0.9, 0.8, 0.7]), place=PLACE)], baseline=BASELINE
    )
    np.testing.assert_allclose(table["length_m"], [30, 24, 20], rtol=1e-9)
    np.testing.assert_allclose(table["width_m"], [8, 10, 6], rtol=1e-9)
    # Always towards the sea.
    np.testing.assert_allclose(table["bearing_deg"], [80, 110, 90], atol=1e-6)
    np.testing.assert_allclose(table["alongshore_m"], [55, 30, 50], atol=1e-6)
    np.testing.assert_allclose(table["offshore_m"], [32, 15, 40], atol=1e-6)
    assert (table["length_low_m"] < table["length_m"]).all()
    assert table["crs"].tolist() == [CRS] * 3
    lon, lat = to_lonlat(CRS, [532_712.0], [4_382_505.0])
    assert (table["lon_deg"].iloc[0], table["lat_deg"].iloc[0]) == pytest.approx((float(lon[0]), float(lat[0])))


def test_lengths_on_the_map_are_those_of_geodesics() -> None:
    quad = places_of_box(corners_of(box_at(0, 0, 40, 10, 60)[None])[0], PLACE)
    lon, lat = to_lonlat(CRS, quad[:, 0], quad[:, 1])
    ends = [(lon[[0, 3]].mean(), lat[[0, 3]].mean()), (lon[[1, 2]].mean(), lat[[1, 2]].mean())]
    azimuth, _, metres = Geod(ellps="WGS84").inv(*ends[0], *ends[1])
    length, _, bearing, *_ = box_measures(quad)
    # UTM makes lengths 0.04 % too short here and turns north by a quarter of a degree.
    assert metres == pytest.approx(length, rel=1e-3)
    assert azimuth % 180 == pytest.approx(bearing, abs=0.5)


def test_the_errors_are_those_of_drawn_poses() -> None:
    camera = replace(NADIR, extrinsics=Extrinsics(532_650.0, 4_382_500.0, 30.0, math.radians(80), math.radians(65), 0.01))
    place = PlaneGeoreference(camera, 0.0, z_error_m=0.1)
    ground = np.array([[532_710.0, 4_382_490.0], [532_740.0, 4_382_495.0], [532_739.0, 4_382_505.0], [532_709.0, 4_382_500.0]])
    corners = np.column_stack(camera.pixels(ground[:, 0], ground[:, 1], 0.0))
    boxes = as_boxes(corners[None])
    frame = RipFrame(file="a", time_utc=TIME, boxes=boxes, confidence=np.ones(1), place=place)
    table = rip_table([frame], baseline=BASELINE, corner_px=1.5)
    rng = np.random.default_rng(0)
    assert camera.covariance is not None
    drawn = []
    for step in rng.multivariate_normal(np.zeros(6), camera.covariance, 800):
        moved = replace(place, camera=camera.at(camera.extrinsics.turned(step[3:]).moved(step[:3])), z_m=rng.normal(0, 0.1))
        drawn.append(box_measures(places_of_box(corners_of(boxes)[0] + rng.normal(0, 1.5, (4, 2)), moved), BASELINE))
    for k, (name, unit) in enumerate(
        [("length", "m"), ("width", "m"), ("bearing", "deg"), ("alongshore", "m"), ("offshore", "m")]
    ):
        half = float(table[f"{name}_high_{unit}"].iloc[0] - table[f"{name}_{unit}"].iloc[0])
        assert half == pytest.approx(1.96 * np.std(np.array(drawn)[:, k]), rel=0.12)


def test_a_box_in_the_sky_has_no_measure() -> None:
    camera = replace(NADIR, extrinsics=Extrinsics(0, 0, 30.0, 0, math.radians(85), 0))
    boxes = np.array([[500.0, 100.0, 80.0, 30.0, 0.0]])
    frame = RipFrame(file="a", time_utc=TIME, boxes=boxes, confidence=np.ones(1), place=PlaneGeoreference(camera, 0.0))
    table = rip_table([frame])
    assert table[["length_m", "width_m", "bearing_deg", "lon_deg"]].isna().all(axis=None)
    with pytest.raises(DataError, match="give both in the same coordinate system"):
        rip_table([frame], baseline=ShoreBaseline(BASELINE.points, "right", ""))


def test_corners_are_boxes_and_back() -> None:
    boxes = np.array([[100.0, 80.0, 50.0, 20.0, 33.0], [10.0, 8.0, 5.0, 2.0, -71.0]])
    np.testing.assert_allclose(as_boxes(corners_of(boxes)), boxes, atol=1e-9)


def test_a_baseline_counts_along_and_out_to_sea() -> None:
    bent = ShoreBaseline(np.array([[0.0, 0.0], [0.0, 100.0], [100.0, 100.0]]), "left")
    along, across = bent.positions([-5, 3, 50, 60], [40, 50, 110, 95])
    np.testing.assert_allclose(along, [40, 50, 150, 160])
    np.testing.assert_allclose(across, [5, -3, 10, -5])
    wanted = [bent.line.project(shapely.Point(x, y)) for x, y in ((-5, 40), (3, 50), (50, 110), (60, 95))]
    np.testing.assert_allclose(along, wanted)
    transects = bent.transects(every_m=50, length_m=80)
    assert [each.name for each in transects] == ["T1", "T2", "T3", "T4", "T5"]
    assert transects[1].direction == pytest.approx((-1, 0))
    assert transects[3].direction == pytest.approx((0, 1))
    with pytest.raises(DataError, match="two points or more"):
        ShoreBaseline(np.array([[0.0, 0.0]]), "left")
    with pytest.raises(DataError, match="left or right"):
        ShoreBaseline(np.array([[0.0, 0.0], [1, 1]]), "up")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="a length above 0"):
        bent.transects(every_m=0, length_m=5)


def test_transects_go_over_to_another_system() -> None:
    from pyproj import Transformer

    given = Transect("A", 532_700, 4_382_500, 532_800, 4_382_500, CRS)
    moved = in_system(given, "EPSG:25831")
    wanted = Transformer.from_crs(CRS, "EPSG:25831", always_xy=True).transform(532_700, 4_382_500)
    assert (moved.x0_m, moved.y0_m) == pytest.approx(wanted, abs=1e-3)
    assert in_system(given, CRS) is given
    with pytest.raises(DataError, match="give both in the same coordinate system"):
        in_system(given, "")


def frames(n: int) -> list[datetime]:
    return [TIME + timedelta(minutes=10 * k) for k in range(n)]


def rips(seen: dict[int, list[tuple[float, float]]]) -> pd.DataFrame:
    rows = [(frames(99)[k], along, confidence) for k, boxes in seen.items() for along, confidence in boxes]
    return pd.DataFrame(rows, columns=["time_utc", "alongshore_m", "confidence"])


def test_a_rip_that_stays_is_an_alert_from_the_kth_frame_on() -> None:
    seen = rips({1: [(100, 0.6)], 2: [(104, 0.7), (300, 0.9)], 4: [(98, 0.8)], 5: [(101, 0.9)]})
    alerts = rip_alerts(seen, frames(12), k=3, n=5)
    assert len(alerts) == 1
    row = alerts.iloc[0]
    # The third box is of frame 4; of the five frames up to frame 7 only two hold one.
    assert (row["begin_utc"], row["end_utc"], row["first_seen_utc"]) == (frames(12)[4], frames(12)[6], frames(12)[1])
    assert row["alongshore_m"] == pytest.approx(100.5)
    assert (row["frames_seen"], row["frames_looked_at"], row["confidence_max"]) == (4, 6, 0.9)


def test_the_alert_waits_and_ends() -> None:
    seen = rips({k: [(50, 0.9)] for k in range(6)})
    alerts = rip_alerts(seen, frames(20), k=4, n=5)
    assert alerts[["begin_utc", "end_utc"]].to_numpy().tolist() == [[frames(9)[3], frames(9)[6]]]
    assert rip_alerts(seen, frames(20), k=4, n=5, least_confidence=0.95).empty
    # Every second frame is never four of five.
    assert rip_alerts(rips({k: [(50, 0.9)] for k in range(0, 20, 2)}), frames(20), k=4, n=5).empty


def test_two_rips_beside_each_other_stay_two() -> None:
    seen = rips({k: [(50 + k, 0.9), (90 - k, 0.8)] for k in range(4)})
    alerts = rip_alerts(seen, frames(4), k=3, n=3, within_m=15)
    assert sorted(alerts["alongshore_m"].round()) == [52, 88]
    assert len(rip_alerts(seen, frames(4), k=3, n=3, within_m=0.5)) == 0
    with pytest.raises(DataError, match="1 ≤ k ≤ n"):
        rip_alerts(seen, frames(4), k=4, n=3)
    with pytest.raises(DataError, match="not among those that were looked at"):
        rip_alerts(seen, frames(2), k=1, n=3)


def test_the_threshold_is_the_best_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    labelled, found, truth, score = {}, {}, [], []
    for k in range(40):
        name = f"{k}.png"
        has = bool(rng.random() < 0.6)
        labelled[name] = np.array([[300.0, 200.0, 120.0, 40.0, 30.0]]) if has else np.empty((0, 5))
        confidence = float(np.clip(rng.normal(0.65 if has else 0.4, 0.15), 0.01, 0.99))
        # One box a frame, so that frames are what scikit-learn can judge.
        found[name] = (np.array([[303.0, 202.0, 118.0, 42.0, 28.0]]), np.array([confidence]))
        truth.append(has)
        score.append(confidence)
    tuned = tune_threshold(found, labelled)
    values = {cut: fbeta_score(truth, np.array(score) >= cut, beta=2) for cut in score}
    assert tuned.f_beta == pytest.approx(max(values.values()))
    assert values[tuned.threshold] == pytest.approx(tuned.f_beta)
    assert tuned.low < tuned.f_beta <= tuned.high + 1e-9
    np.testing.assert_allclose(tuned.table["f_beta"], [values[cut] for cut in tuned.table["threshold"]])
    assert (tuned.table["right"] + tuned.table["missed"] == sum(truth)).all()


def test_a_second_box_on_the_same_rip_is_wrong() -> None:
    label = np.array([[300.0, 200.0, 120.0, 40.0, 30.0]])
    boxes = np.array([[300.0, 200.0, 120.0, 40.0, 30.0], [302.0, 200.0, 120.0, 40.0, 31.0], [600.0, 100.0, 50.0, 20.0, 0.0]])
    tuned = tune_threshold({"a": (boxes, np.array([0.5, 0.9, 0.2]))}, {"a": label})
    assert tuned.table[["right", "wrong", "missed"]].to_numpy().tolist() == [[1, 0, 0], [1, 1, 0], [1, 2, 0]]
    assert (tuned.threshold, tuned.f_beta) == (0.9, 1.0)
    with pytest.raises(DataError, match="which was not labelled"):
        tune_threshold({"b": (boxes, np.ones(3))}, {"a": label})
    with pytest.raises(DataError, match="Not one rip is labelled"):
        tune_threshold({}, {"a": np.empty((0, 5))})
    with pytest.raises(DataError, match="Not one box was found"):
        tune_threshold({}, {"a": label})
