"""The drawn radar scenes: their truth, their statistics, and that what is measured on them is what was drawn."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from geographiclib.geodesic import Geodesic
from PIL import Image
from slick_masks import outlines_of

from imagine_kernels.files import Files
from imagine_kernels.formats.ocean_fields import read_flows
from imagine_kernels.formats.polygon_file import read_polygons
from imagine_kernels.measures.drift import DriftSettings, drift
from imagine_kernels.measures.drift_fields import Gridded
from imagine_kernels.measures.nearest import Nearest
from imagine_kernels.measures.ships import find_ships
from imagine_kernels.measures.slick_changes import compare_dates
from imagine_kernels.measures.slicks import Surroundings, slick_table
from imagine_kernels.media.land_mask import LandMask
from imagine_kernels.media.sar import find_scenes, open_scene
from imagine_kernels.media.sar_normalising import scene_slope_db_per_deg
from imagine_kernels.media.sar_values import to_db
from imagine_kernels.media.speckle import equivalent_looks
from imagine_kernels.media.tiles import Box
from imagine_kernels.samples.oil_spill import LABELS, drift_m, make_sample

WHOLE = Box(0, 0, 1024, 1024)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("oil") / "sample")


@pytest.fixture(scope="module")
def truth(sample: Path) -> dict:
    return json.loads((sample / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def names(sample: Path) -> list[str]:
    return find_scenes(Files(sample))


@pytest.fixture(scope="module")
def measured(sample: Path, names: list[str]) -> dict:
    """The table of every scene, from its true mask."""
    with (sample / "scenes.csv").open(encoding="utf-8") as stream:
        rows = {row["scene"]: row for row in csv.DictReader(stream)}
    coast = read_polygons(sample / "coast.geojson")[0]
    tables = {}
    for name in names:
        scene = open_scene(Files(sample), name)
        mask = mask_of(sample, name)
        left_out = np.pad(mask > 0, 64)

        def is_left_out(x, y, width, height, left_out=left_out):
            return left_out[y + 64 : y + 64 + height, x + 64 : x + 64 + width]

        given = Surroundings(
            georeference=scene.georeference, power=scene.power, left_out=is_left_out, coast=Nearest(coast),
            wind_m_s=float(rows[name]["wind_m_s"]), outline_error_px=0.3,
        )  # fmt: skip
        tables[name], problems = slick_table(outlines_of(mask, {1: "oil", 2: "look-alike"}), given, scene=name, time=scene.time)
        assert problems == []
    return tables


def mask_of(sample: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(sample / "masks" / f"{Path(name).stem}.png"))


def matched(table, films: list[dict]) -> list[tuple]:
    """Each film with its row: that whose polygon holds most of it."""
    outlines = [shapely.make_valid(shapely.Polygon(film["outline"])) for film in films]
    return [
        (film, max(table.to_dict("records"), key=lambda row: row["polygon"].buffer(0).intersection(outline).area))
        for film, outline in zip(films, outlines, strict=True)
    ]


def test_what_is_in_the_folder(sample: Path, truth: dict, names: list[str]):
    assert len(names) == 8
    assert sum(file.stat().st_size for file in sample.rglob("*") if file.is_file()) < 15e6
    labels = [film["label"] for film in truth["films"]]
    assert len(labels) >= 100
    assert {label: labels.count(label) >= 40 for label in set(labels)} == {"oil": True, "look-alike": True}
    assert set(LABELS) == {1, 2, 3}
    assert len(truth["ships"]) == 40
    assert not any(path.suffix == ".xml" for path in sample.rglob("*"))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, sample: Path):
    def digests(folder: Path) -> dict[str, str]:
        return {
            p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
        }

    assert digests(make_sample(tmp_path / "again")) == digests(sample)


def test_every_film_is_one_piece_of_the_mask(sample: Path, truth: dict, names: list[str], measured: dict):
    for name in names:
        films = [film for film in truth["films"] if film["scene"] == name]
        assert sorted(film["label"] for film in films) == sorted(measured[name]["label"])


def test_areas_are_those_of_geographiclib_and_lie_in_their_intervals(truth: dict, names: list[str], measured: dict):
    inside, ratio = [], []
    for name in names:
        for film, row in matched(measured[name], [film for film in truth["films"] if film["scene"] == name]):
            polygon = Geodesic.WGS84.Polygon()
            for lon, lat in film["outline"][:-1]:
                polygon.AddPoint(lat, lon)
            assert film["area_km2"] == pytest.approx(abs(polygon.Compute()[2]) / 1e6, rel=1e-4)
            ratio.append(row["area_km2"] / film["area_km2"])
            inside.append(row["area_low_km2"] < film["area_km2"] < row["area_high_km2"])
    assert np.mean(ratio) == pytest.approx(1, abs=0.005)
    assert np.max(np.abs(np.array(ratio) - 1)) < 0.06
    assert np.mean(inside) >= 0.95


def test_damping_is_that_of_the_truth(truth: dict, names: list[str], measured: dict):
    misses, oil, other = [], [], []
    for name in names:
        for film, row in matched(measured[name], [film for film in truth["films"] if film["scene"] == name]):
            misses.append(row["damping_db"] - film["mean_damping_db"])
            (oil if film["label"] == "oil" else other).append(row["look_alike_score"])
    # The sea around differs from the sea beneath by its gusts, and the noise that was cut off at -35 dB is missing.
    assert abs(np.median(misses)) < 0.15
    assert np.mean(np.abs(misses) < 1.0) > 0.95
    # The score orders oil before look-alikes, though it was fitted to neither: the area under its curve.
    wins = np.mean(np.subtract.outer(other, oil) > 0) + 0.5 * np.mean(np.subtract.outer(other, oil) == 0)
    assert wins > 0.9


def test_the_sea_is_plausible(sample: Path, names: list[str]):
    for name in names:
        scene = open_scene(Files(sample), name)
        assert scene.problems == ()
        power, mask = scene.read(WHOLE), mask_of(sample, name)
        sea = to_db(power[mask == 0])
        assert -20 < np.median(sea) < -8
        # The noise has speckle too, and only its mean was taken away: fewer looks where the sea is near it.
        level = 10 ** (np.median(sea) / 10)
        looks = 16 * (level / (level + 10**-2.4)) ** 2
        assert equivalent_looks(np.where(mask == 0, power, np.nan)) == pytest.approx(looks, rel=0.25)
        assert scene_slope_db_per_deg(scene) == pytest.approx(-0.4, abs=0.6)
        assert np.median(to_db(power[mask == 1])) < np.median(to_db(power[mask == 2])) < np.median(sea)


def test_known_targets_lie_within_the_declared_error(sample: Path, truth: dict, names: list[str]):
    # Ships were placed in UTM; the brightest px near each is found in the picture, where its middle may lie half a px off.
    misses = []
    for name in names:
        scene = open_scene(Files(sample), name)
        power = scene.read(WHOLE)
        for ship in (each for each in truth["ships"] if each["scene"] == name):
            x, y = scene.georeference.pixels(np.array([ship["lon_deg"]]), np.array([ship["lat_deg"]]))
            left, top = int(x[0]) - 3, int(y[0]) - 3
            near = power[top : top + 7, left : left + 7]
            row, column = np.unravel_index(np.argmax(near), near.shape)
            misses += [left + column + 0.5 - x[0], top + row + 0.5 - y[0]]
    error_px = math.hypot(scene.georeference.error_m([0], [0])[0] / 40, 1 / math.sqrt(12))
    assert np.mean(np.abs(misses) < 1.96 * error_px) >= 0.95


def test_ships_are_found(sample: Path, truth: dict, names: list[str]):
    found, wrong = 0, 0
    for name in names:
        scene = open_scene(Files(sample), name)
        land = LandMask(
            shapely.union_all(read_polygons(sample / "coast.geojson")[0]), scene.georeference, 1024, 1024, buffer_m=400
        )
        left_out = np.pad(land.over(WHOLE), 1200)

        def on_land(x, y, width, height, left_out=left_out):
            return left_out[y + 1200 : y + 1200 + height, x + 1200 : x + 1200 + width]

        # Near the noise floor the sea has about half the looks.
        ships = find_ships(scene.power, 1024, 1024, looks=scene.looks / 2, left_out=on_land, georeference=scene.georeference)
        true = [scene.georeference.pixels(each["lon_deg"], each["lat_deg"]) for each in truth["ships"] if each["scene"] == name]
        near = [np.hypot(ships["x_px"] - x, ships["y_px"] - y) for x, y in true]
        found += sum(each.min() < 2 for each in near)
        wrong += int((np.min(near, axis=0) > 2).sum())
    assert found >= 0.95 * len(truth["ships"])
    assert wrong <= 2


def test_land_of_the_mask_is_that_of_the_coast(sample: Path, names: list[str]):
    polygons = read_polygons(sample / "coast.geojson")[0]
    with_land = 0
    for name in names:
        scene = open_scene(Files(sample), name)
        found = LandMask(shapely.union_all(polygons), scene.georeference, 1024, 1024).over(WHOLE)
        expected = mask_of(sample, name) == 3
        assert (found != expected).sum() <= 20
        with_land += expected.any()
    assert with_land == 3


def test_the_last_scene_is_the_one_before_it_drifted(sample: Path, names: list[str], measured: dict):
    before, later = (measured[name] for name in names[-2:])
    found = compare_dates(before, later)
    both = found[(found["first_slicks"] != "") & (found["second_slicks"] != "")]
    assert len(both) == len(later)
    with (sample / "scenes.csv").open(encoding="utf-8") as stream:
        row = list(csv.DictReader(stream))[-2]
    east, north = drift_m((float(row["wind_m_s"]), float(row["wind_from_deg"])))
    right = [
        pair for pair in both.to_dict("records")
        if abs(pair["moved_km"] - math.hypot(east, north) / 1e3) < 0.1
    ]  # fmt: skip
    assert len(right) >= 0.6 * len(both)
    assert both["hours"].unique().tolist() == [12.0]


def test_the_fields_carry_the_slicks_there(sample: Path, names: list[str], measured: dict):
    flows = {flow.kind: Gridded(flow) for flow in read_flows(sample / "fields.nc")[0]}
    before, later = (measured[name] for name in names[-2:])
    oil = before[before["label"] == "oil"]
    start = datetime.fromisoformat(str(oil["time_utc"].iloc[0]))
    sure = DriftSettings(wind_factor_sd=0, deflection_sd_deg=0, current_sd_m_s=0, diffusivity_m2_s=0)
    found = drift(oil["lon_deg"], oil["lat_deg"], start, 12, speeds=[flows["current"]], wind=flows["wind"], settings=sure)
    goals = later[later["label"] == "oil"]
    away = [
        min(Geodesic.WGS84.Inverse(lat, lon, row["lat_deg"], row["lon_deg"])["s12"] for row in goals.to_dict("records"))
        for lon, lat in zip(found.lon[-1], found.lat[-1], strict=True)
    ]
    # Grid north of the zone is not true north: 1.2° of 4 km are 90 m.
    assert np.max(away) < 150
