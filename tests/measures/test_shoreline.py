"""The shoreline: sub-pixel outlines, positions on transects that are known, tides, widths, and Narrabeen's series."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely

from imagine_kernels.errors import DataError
from imagine_kernels.formats.coastsat import read_tides
from imagine_kernels.measures.camera_place import PlaneGeoreference
from imagine_kernels.measures.shoreline import beach_width, shoreline_pixels, tide_at, tide_corrected, transect_positions
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import Transect
from imagine_kernels.records.lens import Intrinsics

POSE = Extrinsics(0.0, 0.0, 29.0, math.radians(50), math.radians(70), 0.01)
CAMERA = Camera(
    Intrinsics(640, 480, 318.0, 242.0, 612.0, 610.0, d1=-0.2, d2=0.05),
    POSE,
    covariance=np.diag([0.1] * 3 + [1e-3] * 3) ** 2,
    rmse_px=0.5,
)
PLACE = PlaneGeoreference(CAMERA, 0.2, z_error_m=0.05)
TRANSECTS = [Transect(f"T{k}", 9.0, 20.0 + 12 * k, 139.0, 20.0 + 12 * k) for k in range(5)]


def sea(shore: float, camera: Camera = CAMERA, z: float = 0.2) -> np.ndarray:
    """Pixels whose centre shows what lies east of a shoreline that runs north."""
    x, _ = camera.on_plane(np.arange(640)[None, :] + 0.5, np.arange(480)[:, None] + 0.5, z)
    return np.nan_to_num(x, nan=1e9) > shore


def test_the_outline_lies_between_the_pixels() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[:, 12:] = True
    outline = shoreline_pixels(mask)
    # The first twelve columns are land: the border is at 12 px from the left.
    np.testing.assert_allclose(outline[:, 0], 12.0)
    assert (outline[:, 1].min(), outline[:, 1].max()) == (0.5, 19.5)
    probability = np.tile(np.clip((np.arange(30) - 11.3) / 4 + 0.5, 0, 1), (20, 1))
    np.testing.assert_allclose(shoreline_pixels(probability)[:, 0], 11.8)


def test_boats_puddles_and_the_sky_are_no_shoreline() -> None:
    mask = np.zeros((60, 80), dtype=bool)
    mask[:, 40:] = True
    mask[5:8, 60:63] = False
    mask[30:33, 10:14] = True
    valid = np.ones_like(mask)
    valid[:10] = False
    mask[:10] = True
    outline = shoreline_pixels(mask, valid=valid)
    np.testing.assert_allclose(outline[:, 0], 40.0)
    assert outline[:, 1].min() > 9.5
    assert len(shoreline_pixels(np.zeros((9, 9), dtype=bool))) == 0
    with pytest.raises(DataError, match="give one channel"):
        shoreline_pixels(np.zeros((9, 9, 3)))


@pytest.mark.parametrize("shore", [52.3, 61.0, 74.8])
def test_transects_are_crossed_where_the_shoreline_is(shore: float) -> None:
    table = transect_positions(shoreline_pixels(sea(shore)), PLACE, TRANSECTS)
    assert table["transect"].tolist() == ["T0", "T1", "T2", "T3", "T4"]
    off = table["position_m"] - (shore - 9)
    # Less than half a px of the picture.
    assert (off.abs() < 0.5 * table["resolution_m_px"]).all()
    assert ((table["position_low_m"] < shore - 9) & (shore - 9 < table["position_high_m"])).all()
    np.testing.assert_allclose(table["x_m"], 9 + table["position_m"])
    assert (table["crossings"] == 1).all()


def test_the_error_is_that_of_drawn_poses() -> None:
    outline = shoreline_pixels(sea(61.0))
    stated = transect_positions(outline, replace(PLACE, pixel_error_px=0.0), TRANSECTS[2:3])["position_standard_error_m"].iloc[0]
    rng = np.random.default_rng(2)
    assert CAMERA.covariance is not None
    found = []
    for step in rng.multivariate_normal(np.zeros(6), CAMERA.covariance, 250):
        moved = CAMERA.at(POSE.turned(step[3:]).moved(step[:3]))
        place = PlaneGeoreference(moved, 0.2 + rng.normal(0, 0.05))
        found.append(transect_positions(outline, place, TRANSECTS[2:3])["position_m"].iloc[0])
    assert np.std(found) == pytest.approx(stated, rel=0.15)


def test_far_and_missing_crossings_are_said() -> None:
    far = [Transect("far", 9, 130, 139, 130), Transect("behind", 9, -60, 139, -60), TRANSECTS[0]]
    table = transect_positions(shoreline_pixels(sea(60.0)), PLACE, far)
    assert table["note"].tolist() == ["too coarse", "not crossed", ""]
    assert table["position_m"].isna().tolist() == [True, True, False]
    empty = transect_positions(np.empty((0, 2)), PLACE, TRANSECTS)
    assert empty["position_m"].isna().all()


def test_of_several_crossings_one_is_picked_and_the_doubt_told() -> None:
    x, y = CAMERA.pixels([50, 70, 70, 60, 60, 80], [43, 43, 44.5, 44.5, 43.5, 43.5], 0.2)
    folded = np.column_stack([x, y])
    transect = [Transect("T", 9, 43.75, 139, 43.75)]
    found = {pick: transect_positions(folded, PLACE, transect, pick=pick) for pick in ("landward", "median", "seaward")}  # type: ignore[arg-type]
    assert {pick: round(float(table["position_m"].iloc[0])) for pick, table in found.items()} == {
        "landward": 51,
        "median": 51,
        "seaward": 61,
    }
    assert "2 crossings up to 10.0 m apart" in found["median"]["note"].iloc[0]


def test_a_tide_moves_the_shoreline_by_its_height_over_the_slope() -> None:
    # At high water the shoreline lies landward: 0.4 m on a slope of 0.08 are 5 m.
    position, error = tide_corrected(
        [50.0, 45.0], [0.0, 0.4], slope=0.08, standard_error_m=0.3, tide_error_m=0.02, slope_error=0.01
    )
    np.testing.assert_allclose(position, [50, 50])
    np.testing.assert_allclose(error, [math.hypot(0.3, 0.25), math.sqrt(0.3**2 + 0.25**2 + (0.4 * 0.01 / 0.08**2) ** 2)])
    np.testing.assert_allclose(tide_corrected(45.0, 0.7, reference_m=0.3, slope=0.08)[0], 50.0)
    for slope in (0.0, -0.1, 5.0, math.nan):
        with pytest.raises(DataError, match="tan β above 0"):
            tide_corrected(1.0, 1.0, slope=slope)


def test_tides_are_read_between_hours_and_not_in_gaps() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    tides = pd.DataFrame({"time_utc": [start + timedelta(hours=h) for h in (0, 1, 2, 8)], "tide_m": [0.0, 0.4, 0.2, 0.0]})
    asked = [start + timedelta(hours=h) for h in (-1, 0, 0.5, 1, 1.25, 5, 8, 9)]
    np.testing.assert_allclose(tide_at(tides, asked), [np.nan, 0, 0.2, 0.4, 0.35, np.nan, 0, np.nan])
    assert np.isnan(tide_at(tides.iloc[:0], asked)).all()


def test_tides_of_narrabeen_are_the_published_ones(shared_data) -> None:
    tides, _ = read_tides(shared_data("beach/coastsat-narrabeen") / "examples" / "NARRA_tides.csv")
    some = tides.iloc[[0, 500, 20_000]]
    np.testing.assert_allclose(tide_at(tides, some["time_utc"].tolist()), some["tide_m"])
    between = some["time_utc"].iloc[1] + pd.Timedelta(minutes=7.5)
    assert tide_at(tides, [between])[0] == pytest.approx(tides["tide_m"].iloc[500:502].mean())


def test_a_beach_is_as_wide_as_from_its_line_to_the_water() -> None:
    positions = transect_positions(shoreline_pixels(sea(61.0)), PLACE, TRANSECTS)
    foot = shapely.LineString([(11.0, 0.0), (13.0, 100.0)])
    table = beach_width(positions, foot, TRANSECTS, landward_error_m=0.5)
    wanted = 61.0 - (11.0 + 0.02 * (20 + 12 * np.arange(5)))
    assert (np.abs(table["width_m"] - wanted) < 0.3).all()
    assert (table["width_high_m"] - table["width_m"] > 1.96 * 0.5).all()
    nothing = beach_width(positions, shapely.LineString([(500, 0), (500, 1)]), TRANSECTS)
    assert nothing["width_m"].isna().all()
