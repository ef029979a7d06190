"""Levels and damping of slicks in speckle of known statistics; the nearest coast; wind and evidence."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from geographiclib.geodesic import Geodesic
from scipy.ndimage import distance_transform_edt
from slick_masks import outlines_of

from imagine_kernels.errors import DataError
from imagine_kernels.measures.nearest import Nearest
from imagine_kernels.measures.slick_evidence import WindLimits, look_alike_evidence, look_alike_score, reasons
from imagine_kernels.measures.slick_levels import measure_levels

LOOKS, SEA = 4.4, 0.03


def scene(damping_db: float, seed: int = 0, shape=(400, 500), soft: float = 0.0):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    mask = ((rows - shape[0] / 2) / 40) ** 2 + ((columns - shape[1] / 2) / 120) ** 2 < 1
    depth = np.clip(distance_transform_edt(mask) / soft, 0, 1) if soft else mask
    level = SEA * 10 ** (-damping_db * depth / 10)
    return mask, (level * np.random.default_rng(seed).gamma(LOOKS, 1 / LOOKS, shape)).astype(np.float32)


def reader(values: np.ndarray, fill=np.nan):
    def read(x: int, y: int, width: int, height: int) -> np.ndarray:
        found = np.full((height, width), fill, dtype=values.dtype)
        top, left = max(y, 0), max(x, 0)
        bottom, right = min(y + height, values.shape[0]), min(x + width, values.shape[1])
        if top < bottom and left < right:
            found[top - y : bottom - y, left - x : right - x] = values[top:bottom, left:right]
        return found

    return read


def outline(mask: np.ndarray):
    return outlines_of(mask.astype(np.uint8), {1: "oil"})[0].polygon


@pytest.mark.parametrize("damping", [1.0, 4.0, 9.0])
def test_damping_is_found(damping: float):
    mask, power = scene(damping)
    found = measure_levels(outline(mask), reader(power))
    assert found.damping_db == pytest.approx(damping, abs=0.1)
    assert found.damping_low_db < damping < found.damping_high_db
    assert found.sea_db == pytest.approx(10 * math.log10(SEA), abs=0.05)
    assert found.n_px == mask.sum()
    distance = distance_transform_edt(~mask)
    assert found.n_ring_px == ((distance > 5) & (distance <= 45)).sum()
    ratio = 10 ** (-damping / 10)
    assert found.contrast_to_noise == pytest.approx((1 - ratio) * math.sqrt(LOOKS) / math.hypot(1, ratio), rel=0.05)


def test_the_interval_of_damping_holds_the_truth():
    inside = 0
    for seed in range(60):
        mask, power = scene(5.0, seed, (140, 300))
        found = measure_levels(outline(mask), reader(power))
        inside += found.damping_low_db <= 5 <= found.damping_high_db
    assert inside >= 52


def test_ships_land_and_other_slicks_do_not_count():
    mask, power = scene(6.0)
    power[140:144, 240:250] = 30.0  # ships in the ring
    power[255, 100:110] = 8.0
    land = np.zeros(mask.shape, dtype=bool)
    land[:, :110] = True
    power[land] = 0.2
    other = np.zeros(mask.shape, dtype=bool)
    other[255:275, 230:300] = True
    power[other] = 0.002
    found = measure_levels(outline(mask), reader(power), left_out=reader(land | other, False))
    assert found.damping_db == pytest.approx(6, abs=0.25)
    without = measure_levels(outline(mask), reader(power))
    assert abs(without.damping_db - 6) > 1


def test_a_ship_in_a_slick_does_not_hide_it():
    mask, power = scene(8.0)
    power[198:202, 180:183] = 20.0
    assert measure_levels(outline(mask), reader(power)).damping_db == pytest.approx(8, abs=0.1)


def test_a_slick_larger_than_one_part_reads_as_one():
    mask, power = scene(5.0, shape=(300, 2600))
    mask[150:156, 40:2560] = True
    power[150:156, 40:2560] *= 0.3
    distance = distance_transform_edt(~mask)
    found = measure_levels(outline(mask), reader(power))
    ring = (distance > 5) & (distance <= 45)
    assert (found.n_px, found.n_ring_px) == (mask.sum(), ring.sum())
    expected = 10 * np.log10(power[ring].mean(dtype=float) / power[mask].mean(dtype=float))
    assert found.damping_db == pytest.approx(expected, abs=1e-4)


def test_soft_borders_are_told_from_sharp_ones():
    sharp, soft = (measure_levels(outline(mask), reader(power)) for mask, power in (scene(6.0), scene(6.0, soft=20.0)))
    assert sharp.edge_sharpness > 0.9
    assert soft.edge_sharpness < 0.4


def test_the_floor_of_noise():
    mask, power = scene(9.0)
    noise = np.full(mask.shape, 10**-2.4, dtype=np.float32)
    found = measure_levels(outline(mask), reader(power), noise=reader(noise))
    assert found.above_noise_db == pytest.approx(found.slick_db + 24, abs=1e-3)
    assert math.isnan(measure_levels(outline(mask), reader(power)).above_noise_db)


def test_a_slick_at_the_floor_of_noise_keeps_its_mean():
    # Half of its px are below zero once the noise is taken away: their mean is its level all the same.
    mask, _ = scene(0.0)
    rng = np.random.default_rng(8)
    noise = 10**-2.4
    level = np.where(mask, 0.0004, SEA)
    power = ((level + noise) * rng.gamma(LOOKS, 1 / LOOKS, mask.shape) - noise).astype(np.float32)
    assert (power[mask] < 0).mean() > 0.4
    assert measure_levels(outline(mask), reader(power)).slick_db == pytest.approx(10 * math.log10(0.0004), abs=1.0)


def test_levels_of_nothing():
    mask, power = scene(3.0)
    empty = measure_levels(outline(mask), reader(np.full(mask.shape, np.nan, np.float32)))
    assert (empty.n_px, empty.n_ring_px) == (0, 0)
    assert math.isnan(empty.damping_db)
    whole = measure_levels(shapely.box(0, 0, 500, 400), reader(power))
    assert whole.n_ring_px == 0
    assert math.isnan(whole.damping_db)
    with pytest.raises(DataError, match="leave it out"):
        measure_levels(shapely.Polygon(), reader(power))
    with pytest.raises(DataError, match="cannot lie around a slick"):
        measure_levels(outline(mask), reader(power), ring_px=0)


@pytest.mark.parametrize("lat", [0.0, 47.0, -71.0])
def test_the_nearest_coast_is_that_of_geographiclib(lat: float):
    rng = np.random.default_rng(3)
    lon = 179.0
    slick = shapely.Point(lon, lat).buffer(0.05)
    coast = shapely.LineString(np.column_stack([lon + 2.5 + 0.3 * rng.random(40), lat + np.linspace(-2, 2, 40)]))
    far = shapely.box(-60, -10, -50, 10)
    wrapped = shapely.transform(coast, lambda points: np.column_stack([(points[:, 0] + 180) % 360 - 180, points[:, 1]]))
    found = Nearest([far, wrapped]).distance_m(slick)
    dense = shapely.get_coordinates(shapely.segmentize(coast, 0.02))
    ring = shapely.get_coordinates(slick)[:-1]
    expected = min(Geodesic.WGS84.Inverse(a[1], a[0], b[1], b[0])["s12"] for a in ring[::2] for b in dense)
    assert found == pytest.approx(expected, rel=2e-3)
    assert Nearest([slick]).distance_m(slick) == 0
    assert math.isnan(Nearest([]).distance_m(slick))
    assert Nearest([shapely.Point(lon, lat + 0.06)]).distance_m(slick) == pytest.approx(0.01 * 111_200, rel=0.01)


@pytest.mark.parametrize(
    ("wind", "flag"),
    [
        (math.nan, "unknown"),
        (0.5, "too calm"),
        (2.5, "marginal"),
        (3.0, "eligible"),
        (10.0, "eligible"),
        (13.0, "marginal"),
        (14.5, "too rough"),
    ],
)
def test_flags_of_wind(wind: float, flag: str):
    assert WindLimits().flag(wind) == flag


def test_winds_that_cannot_be():
    with pytest.raises(DataError, match="in m/s"):
        WindLimits().flag(-3)
    with pytest.raises(DataError, match="in m/s"):
        WindLimits().flag(200)
    with pytest.raises(DataError, match="must ascend"):
        WindLimits(5, 3, 10, 14)
    assert WindLimits(1.5, 2.0, 8, 9).flag(8.5) == "marginal"


def test_evidence_speaks_with_its_reasons():
    oil = look_alike_evidence(
        wind="eligible",
        damping_db=8.0,
        damping_low_db=7.0,
        edge_sharpness=0.9,
        area_km2=3.0,
        length_km=12.0,
        mean_width_km=0.25,
        ship_km=1.2,
    )
    calm = look_alike_evidence(
        wind="too calm", damping_db=4.0, damping_low_db=3.0, edge_sharpness=0.2, area_km2=80.0, length_km=12.0, mean_width_km=7.0
    )
    assert look_alike_score(oil) < 0.1
    assert look_alike_score(calm) > 0.9
    assert look_alike_score([]) == 0.5
    assert look_alike_evidence() == []
    assert reasons(calm).startswith("+ too little wind")
    assert "a ship 1.2 km away" in reasons(oil)
    # At the noise floor a low damping says nothing of the film.
    assert look_alike_evidence(damping_db=2.0, above_noise_db=1.0) == []
