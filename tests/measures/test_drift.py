"""Drift against closed forms: rhumb lines, vortices, diffusion, Runge-Kutta's order; land, fields, clouds and skill."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely
from geographiclib.geodesic import Geodesic
from pyproj import Geod
from scipy.interpolate import RegularGridInterpolator

from imagine_kernels.errors import DataError, SettingError
from imagine_kernels.measures.drift import DriftSettings, drift, seeds_in
from imagine_kernels.measures.drift_fields import Constant, Gridded, speed_at
from imagine_kernels.measures.drift_results import density_table, drift_table, regions_of, regions_table, source_candidates
from imagine_kernels.measures.drift_skill import fractions_skill_score, separation_skill
from imagine_kernels.measures.geodesy import LocalPlane, area_m2, moved
from imagine_kernels.records.flow import Flow

NOON = datetime(2024, 4, 12, 12, tzinfo=UTC)
GEOD = Geod(ellps="WGS84")
SURE = {"wind_factor_sd": 0.0, "deflection_sd_deg": 0.0, "current_sd_m_s": 0.0, "diffusivity_m2_s": 0.0}


def sure(**options) -> DriftSettings:
    return DriftSettings(**{**SURE, **options})


class Vortex:
    """Solid rotation on a plane around a place."""

    def __init__(self, lon: float, lat: float, period_s: float) -> None:
        self.plane, self.rate = LocalPlane(lon, lat), 2 * math.pi / period_s

    def at(self, when, lon, lat):
        x, y = self.plane.metres(lon, lat)
        # Speeds on the plane, carried to the earth by a small step.
        east, north = self.plane.lonlat(x - self.rate * y, y + self.rate * x)
        azimuth, _, metres = GEOD.inv(lon, lat, east, north)
        return metres * np.sin(np.radians(azimuth)), metres * np.cos(np.radians(azimuth))

    def check_covers(self, first, last) -> None:
        pass


def test_a_current_to_the_north_follows_the_meridian():
    found = drift([10.0, -170.0], [35.0, -60.0], NOON, 72, speeds=[Constant(0, 0.6)], settings=sure())
    for k in (0, 1):
        expected = Geodesic.WGS84.Direct(found.lat[0, k], found.lon[0, k], 0, 0.6 * 72 * 3600)
        assert found.lat[-1, k] == pytest.approx(expected["lat2"], abs=1e-9)
        assert found.lon[-1, k] == pytest.approx(found.lon[0, k], abs=1e-12)


def test_a_constant_current_follows_the_rhumb_line():
    # Along a rhumb line longitude goes with the isometric latitude, tan(course) = Δλ / Δψ (Snyder 1987, p. 46).
    found = drift([179.0], [40.0], NOON, 72, speeds=[Constant(0.8, 0.5)], settings=sure())
    e = math.sqrt(0.0066943799901413165)

    def isometric(lat: float) -> float:
        s = math.sin(math.radians(lat))
        return math.atanh(s) - e * math.atanh(e * s)

    north = Geodesic.WGS84.Direct(40, 0, 0, 0.5 * 72 * 3600)["lat2"]
    east = math.degrees(0.8 / 0.5 * (isometric(north) - isometric(40)))
    assert found.lat[-1, 0] == pytest.approx(north, abs=1e-9)
    assert found.lon[-1, 0] == pytest.approx((179 + east + 180) % 360 - 180, abs=1e-8)


def test_in_a_vortex_everything_comes_back():
    lon, lat = moved(np.full(8, 15.0), np.full(8, 38.0), np.arange(8) * 45.0, 5000.0)
    found = drift(lon, lat, NOON, 24, speeds=[Vortex(15.0, 38.0, 86400)], settings=sure(step_s=600))
    away = GEOD.inv(lon, lat, found.lon[-1], found.lat[-1])[2]
    assert np.max(away) < 0.1
    half = GEOD.inv(lon, lat, found.lon[12], found.lat[12])[2]
    assert np.allclose(half, 10_000, rtol=1e-4)


def test_the_error_goes_with_the_fourth_power_of_the_step():
    errors = []
    for step in (7200.0, 3600.0):
        found = drift([15.05], [38.0], NOON, 24, speeds=[Vortex(15.0, 38.0, 86400)], settings=sure(step_s=step, output_s=7200.0))
        errors.append(GEOD.inv(15.05, 38.0, found.lon[-1, 0], found.lat[-1, 0])[2])
    assert 3.6 < math.log2(errors[0] / errors[1]) < 4.6


def test_backwards_leads_to_where_it_came_from():
    speeds = [Vortex(15.0, 38.0, 200_000), Constant(0.1, -0.2)]
    forth = drift([15.1], [38.05], NOON, 36, speeds=speeds, wind=Constant.wind(9, 240), settings=sure())
    back = drift(
        forth.lon[-1], forth.lat[-1], NOON + timedelta(hours=36), -36, speeds=speeds, wind=Constant.wind(9, 240), settings=sure()
    )
    assert GEOD.inv(15.1, 38.05, back.lon[-1, 0], back.lat[-1, 0])[2] < 0.01
    assert back.seconds[-1] == -36 * 3600


def test_diffusion_spreads_by_two_k_t():
    n, k = 4000, 10.0
    found = drift(np.full(n, 5.0), np.full(n, 60.0), NOON, 24, settings=sure(diffusivity_m2_s=k))
    x, y = LocalPlane(5, 60).metres(found.lon[-1], found.lat[-1])
    # The variance of n normal draws has a relative error of √(2/n).
    for values in (x, y):
        assert values.var() == pytest.approx(2 * k * 86400, rel=4 * math.sqrt(2 / n))
        assert abs(values.mean()) < 4 * math.sqrt(2 * k * 86400 / n)


@pytest.mark.parametrize(("lat", "turn"), [(45.0, 15.0), (-45.0, -15.0)])
def test_wind_carries_by_its_share_and_angle(lat: float, turn: float):
    # A wind from the west blows to the east; it deflects to the right in the north, to the left in the south.
    found = drift([0.0], [lat], NOON, 1, wind=Constant.wind(10, 270), settings=sure(wind_factor=0.03, deflection_deg=15))
    azimuth, _, metres = GEOD.inv(0.0, lat, found.lon[-1, 0], found.lat[-1, 0])
    assert metres == pytest.approx(0.3 * 3600, rel=1e-6)
    assert azimuth == pytest.approx(90 + turn, abs=0.02)


def test_what_is_not_known_spreads_the_cloud():
    n = 4000
    options = DriftSettings(wind_factor=0.03, wind_factor_sd=0.005, deflection_sd_deg=0, current_sd_m_s=0.0, diffusivity_m2_s=0)
    found = drift(np.zeros(n), np.zeros(n), NOON, 10, wind=Constant.wind(10, 270), settings=options)
    metres = GEOD.inv(np.zeros(n), np.zeros(n), found.lon[-1], found.lat[-1])[2]
    assert metres.mean() == pytest.approx(0.3 * 36000, rel=0.01)
    assert metres.std() == pytest.approx(0.05 * 36000, rel=0.05)


def test_particles_strand_where_they_meet_land_however_narrow():
    land = shapely.union_all([shapely.box(10.2, 30, 10.2002, 50), shapely.box(9.0, 39, 9.5, 41)])
    found = drift([10.0, 10.0, 9.2], [40.0, 60.0, 40.0], NOON, 24, speeds=[Constant(1.0, 0)], land=land, settings=sure())
    assert found.state[-1].tolist() == [1, 0, 1]
    assert found.lon[-1, 0] == pytest.approx(10.2, abs=2e-4)
    assert found.lon[-1, 2] == 9.2
    table = drift_table(found)
    assert table["stranded"].iloc[-1] == pytest.approx(2 / 3)


def test_particles_wait_until_they_are_released():
    found = drift([0.0, 0.0], [0.0, 0.0], NOON, 4, speeds=[Constant(1, 0)], release_s=[0, 7200], settings=sure())
    assert found.state[:, 1].tolist() == [3, 3, 0, 0, 0]
    assert found.lon[-1, 1] == pytest.approx(found.lon[-1, 0] / 2, rel=1e-6)


def grid_flow(**options) -> Flow:
    rng = np.random.default_rng(0)
    lat, lon = np.linspace(30, 40, 21), np.linspace(-10, 20, 31)
    east, north = rng.normal(0, 1, (2, 5, 21, 31)).astype(np.float32)
    return Flow(
        **{
            "kind": "current",
            "start": NOON,
            "seconds": np.arange(5) * 3600.0,
            "lat": lat,
            "lon": lon,
            "east": east,
            "north": north,
            **options,
        }
    )


def test_fields_are_interpolated_as_scipy_does():
    flow = grid_flow()
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-10, 20, 200), rng.uniform(30, 40, 200)
    theirs = RegularGridInterpolator((flow.seconds, flow.lat, flow.lon), flow.east.astype(float))
    for seconds in (0.0, 5000.0, 14400.0):
        found = Gridded(flow).at(NOON + timedelta(seconds=seconds), lon, lat)[0]
        assert np.allclose(found, theirs(np.column_stack([np.full(200, seconds), lat, lon])), atol=1e-6)
    assert np.isnan(Gridded(flow).at(NOON, np.array([-11.0, 21.0, 5.0]), np.array([35.0, 35.0, 41.0]))[0]).all()
    assert np.isfinite(Gridded(flow).at(NOON, np.array([350.0, 365.0]), np.array([35.0, 35.0]))[0]).all()


def test_fields_reach_to_the_coast_and_round_the_earth():
    east = np.ones((1, 3, 4), dtype=np.float32)
    east[:, :, 2:] = np.nan
    flow = Flow("current", NOON, np.zeros(1), np.arange(3.0), np.arange(4.0), east, np.zeros_like(east))
    found = Gridded(flow).at(NOON, np.array([1.4, 2.6]), np.array([1.0, 1.0]))[0]
    assert found[0] == 1
    assert np.isnan(found[1])
    lon = np.arange(0, 360, 10.0)
    round_flow = Flow(
        "wind",
        NOON,
        np.zeros(1),
        np.array([-1.0, 1.0]),
        lon,
        np.tile(np.cos(np.radians(lon)), (1, 2, 1)).astype(np.float32),
        np.zeros((1, 2, 36), np.float32),
    )
    assert Gridded(round_flow).at(NOON, np.array([-5.0, 355.0, 0.0]), np.zeros(3))[0].tolist() == pytest.approx(
        [0.9924, 0.9924, 1], abs=1e-4
    )


def test_particles_that_leave_the_fields_stop_there():
    flow = grid_flow(east=np.full((5, 21, 31), 2.0, np.float32), north=np.zeros((5, 21, 31), np.float32))
    found = drift([19.9], [35.0], NOON, 4, speeds=[Gridded(flow)], settings=sure())
    assert found.state[-1, 0] == 2
    assert found.lon[-1, 0] <= 20


def test_the_speed_of_a_wind_at_a_place():
    assert speed_at(Constant.wind(7, 123), NOON)(10, 40) == pytest.approx(7)
    flow = grid_flow(kind="wind")
    wind = speed_at(Gridded(flow), NOON)
    assert wind(flow.lon[3], flow.lat[4]) == pytest.approx(math.hypot(flow.east[0, 4, 3], flow.north[0, 4, 3]), rel=1e-6)
    assert math.isnan(wind(100, 0))
    with pytest.raises(DataError, match="The wind is known from"):
        speed_at(Gridded(flow), NOON - timedelta(days=1))


def test_fields_that_end_too_early():
    with pytest.raises(DataError, match="known from 2024-04-12 12:00 to 2024-04-12 16:00 UTC"):
        drift([0.0], [35.0], NOON, 24, speeds=[Gridded(grid_flow())])


def test_what_cannot_drift():
    with pytest.raises(DataError, match="longitude first"):
        drift([0.0], [95.0], NOON, 1)
    with pytest.raises(DataError, match="needs a time zone"):
        drift([0.0], [0.0], datetime(2024, 1, 1), 1)
    with pytest.raises(SettingError, match="give 720 at most"):
        drift([0.0], [0.0], NOON, 1e6)
    with pytest.raises(SettingError, match="give a share such as"):
        DriftSettings(wind_factor=3)
    with pytest.raises(DataError, match="speed at 10 m in m/s"):
        Constant.wind(-1, 0)
    with pytest.raises(DataError, match="must ascend"):
        grid_flow(lat=np.linspace(40, 30, 21))


def test_seeds_lie_evenly_in_the_slick():
    slick = shapely.MultiPolygon([shapely.box(10, 40, 10.3, 40.01), shapely.box(10.5, 40, 10.6, 40.03)])
    lon, lat = seeds_in(slick, 5000, seed=1)
    inside = shapely.contains_xy(slick.buffer(1e-6), lon, lat)
    assert inside.all()
    assert np.mean(lon > 10.4) == pytest.approx(0.5, abs=0.03)
    point = seeds_in(shapely.Point(3, 4), 5)
    assert np.allclose(point, [[3.0] * 5, [4.0] * 5], atol=1e-9)
    with pytest.raises(DataError, match="give one particle at least"):
        seeds_in(slick, 0)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_areas_hold_their_share_of_a_normal_cloud(share: float):
    # Of a normal cloud the densest area with a share p is π σ₁ σ₂ (−2 ln(1 − p)); the kernel widens both spreads a little.
    n = 20_000
    x, y = np.random.default_rng(2).normal(0, [[4000.0], [1500.0]], (2, n))
    lon, lat = LocalPlane(20, 55).lonlat(x, y)
    region = regions_of(lon, lat, (share,))[share]
    wider = 1 + n ** (-1 / 3)
    assert area_m2(region) == pytest.approx(math.pi * 4000 * 1500 * -2 * math.log(1 - share) * wider, rel=0.08)
    assert shapely.contains_xy(region, lon, lat).mean() == pytest.approx(share, abs=0.02)


def test_the_table_of_a_cloud():
    n = 500
    found = drift(np.full(n, 5.0), np.full(n, 60.0), NOON, 24, speeds=[Constant(0.5, 0)], settings=sure(diffusivity_m2_s=10))
    table = drift_table(found)
    assert table["hours"].tolist() == list(range(25))
    assert table["moved_km"].iloc[-1] == pytest.approx(43.2, rel=0.01)
    assert table["moved_towards_deg"].iloc[-1] == pytest.approx(90, abs=1)
    assert table["spread_km"].iloc[-1] == pytest.approx(math.sqrt(4 * 10 * 86400) / 1e3, rel=0.1)
    cells = density_table(found, cell_km=2.0)
    assert cells["share"].sum() == pytest.approx(1)
    assert cells["share"].is_monotonic_decreasing
    with pytest.raises(DataError, match="give more than 0"):
        density_table(found, cell_km=0)


def test_areas_at_several_times_for_a_map():
    n = 400
    found = drift(np.full(n, 5.0), np.full(n, 60.0), NOON, 20, settings=sure(diffusivity_m2_s=10))
    table = regions_table(found, every_h=6)
    assert sorted(set(table["hours"])) == [6, 12, 18, 20]
    assert table["share"].tolist() == [0.95, 0.9, 0.5] * 4
    assert (table["area_km2"].diff()[1:3] < 0).all()
    # The area of a diffusing cloud goes with the time.
    areas = table[table["share"] == 0.9].set_index("hours")["area_km2"]
    assert areas[12] / areas[6] == pytest.approx(2, rel=0.25)
    with pytest.raises(DataError, match="give more than 0"):
        regions_table(found, every_h=0)


def test_the_ship_that_was_there_comes_first():
    # Oil drifts to the north; the ship crossed its way six hours ago, another one passed 20 km beside it, a third one was there too late.
    n = 300
    found = drift(np.full(n, 179.9), np.full(n, 40.0), NOON, -12, speeds=[Constant(0.3, 0.5)], settings=sure(diffusivity_m2_s=5))
    lon, lat = float(found.lon[6].mean()), float(found.lat[6].mean())
    rows = []
    for ship, when, east in (("A", -6, 0.0), ("B", -6, 0.25), ("C", -1, 0.0)):
        for step in (-1, 1):
            time = NOON + timedelta(hours=when + step)
            rows.append({"ship": ship, "time_utc": time, "lon_deg": lon + east + 0.2 * step, "lat_deg": lat})
    rows.append({"ship": "D", "time_utc": NOON - timedelta(days=3), "lon_deg": lon, "lat_deg": lat})
    table = source_candidates(found, pd.DataFrame(rows))
    assert table["ship"].iloc[0] == "A"
    assert table["hours"].iloc[0] == -6
    assert table["share_near"].iloc[0] > 0.9
    assert set(table["ship"]) == {"A", "B", "C"}
    assert table.set_index("ship")["share_near"][["B", "C"]].max() < 0.05
    with pytest.raises(DataError, match="has no column ship"):
        source_candidates(found, pd.DataFrame({"lon_deg": [1.0]}))


def test_fractions_skill_score_is_its_formula():
    rng = np.random.default_rng(4)
    f, o = rng.random((2, 20, 24)) < 0.2
    for size in (1, 5, 9):
        half = size // 2
        rows, columns = range(-half, 20 + half), range(-half, 24 + half)
        fractions = [
            np.array(
                [
                    [
                        each[max(r - half, 0) : max(r + half + 1, 0), max(c - half, 0) : max(c + half + 1, 0)].sum() / size**2
                        for c in columns
                    ]
                    for r in rows
                ]
            )
            for each in (f, o)
        ]
        expected = 1 - ((fractions[0] - fractions[1]) ** 2).sum() / ((fractions[0] ** 2).sum() + (fractions[1] ** 2).sum())
        assert fractions_skill_score(f, o, size) == pytest.approx(expected, abs=1e-12)


def test_fractions_skill_score_at_its_ends():
    a = np.zeros((30, 30))
    a[10:14, 10:14] = 1
    assert fractions_skill_score(a, a, 3) == 1
    b = np.roll(a, 6, axis=1)
    scores = [fractions_skill_score(a, b, size) for size in (1, 5, 11, 21)]
    assert scores[0] == 0
    assert scores == sorted(scores)
    assert math.isnan(fractions_skill_score(a * 0, a * 0))
    with pytest.raises(DataError, match="put them on one grid"):
        fractions_skill_score(a, a[1:])
    with pytest.raises(DataError, match="give an odd number"):
        fractions_skill_score(a, a, 4)
    with pytest.raises(DataError, match="probability from 0 to 1"):
        fractions_skill_score(a * 3, a)


def test_separation_skill_is_that_of_liu_and_weisberg():
    # Steps of 10 km to the east, a forecast that falls behind by 1 km at each: s = (1+2+3) / (10+20+30).
    lon = [float(GEOD.fwd(0, 0, 90, 10_000 * k)[0]) for k in range(4)]
    late = [float(GEOD.fwd(0, 0, 90, 9_000 * k)[0]) for k in range(4)]
    skill, s = separation_skill(late, [0] * 4, lon, [0] * 4)
    assert (skill, s) == (pytest.approx(0.9), pytest.approx(0.1))
    assert separation_skill(late, [0] * 4, lon, [0] * 4, tolerance=0.05)[0] == 0
    assert separation_skill(lon, [0] * 4, lon, [0] * 4)[0] == 1
    assert math.isnan(separation_skill(lon, [0] * 4, [0] * 4, [0] * 4)[0])
    with pytest.raises(DataError, match="interpolate one of them"):
        separation_skill([0], [0], [0], [0])
