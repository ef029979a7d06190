"""Oil spills as a use case: what is read, that areas and drift are those of the truth, what settings change, what is written and shown."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from geographiclib.geodesic import Geodesic
from PIL import Image

import imagine_kernels as ik
from imagine_kernels.errors import DataNotFound, LabelError, SettingError
from imagine_kernels.media.overviews import overviews
from imagine_kernels.records import Predictions, Sample
from imagine_kernels.reports import open_report
from imagine_kernels.result import Result, open_result
from imagine_kernels.samples.oil_spill import LATER_H, drift_m
from imagine_kernels.samples.safe_product import Geometry, place_of, table_lines, table_pixels, write_product
from imagine_kernels.use_cases.oil_spill import USE_CASE

OIL = ik.use_case("oil_spill")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three scenes in which slicks drift or a coast is near; opening all eight would take as long again."""
    source = OIL.bundled_sample()
    place = tmp_path_factory.mktemp("oil") / "three"
    for part in ("scenes", "masks"):
        (place / part).mkdir(parents=True)
    for file in (*source.glob("scenes/*alboran*"), *source.glob("masks/*alboran*"), *source.glob("*/*aegean*")):
        shutil.copy(file, place / file.relative_to(source))
    for name in ("scenes.csv", "coast.geojson", "truth.json", "fields.nc"):
        shutil.copy(source / name, place / name)
    return place


@pytest.fixture(scope="module")
def sample(folder: Path) -> Sample:
    return OIL.open(folder, outline_error_px=0.3)


@pytest.fixture(scope="module")
def result(sample: Sample) -> Result:
    return OIL.labelled_result(sample)


@pytest.fixture(scope="module")
def films(folder: Path) -> list[dict]:
    return [film for film in json.loads((folder / "truth.json").read_text())["films"] if (folder / film["scene"]).is_file()]


def with_films(table: pd.DataFrame, polygons: list, films: list[dict]) -> list[tuple[dict, pd.Series]]:
    """Each film with the row whose outline shares most of it."""
    found = []
    for film in films:
        outline = shapely.make_valid(shapely.Polygon(film["outline"]))
        shared = [shapely.intersection(shapely.make_valid(each), outline).area for each in polygons]
        found.append((film, table.iloc[int(np.argmax(shared))]))
    return found


def karney_km2(ring: list) -> float:
    polygon = Geodesic.WGS84.Polygon()
    for lon, lat in ring[:-1]:
        polygon.AddPoint(lat, lon)
    return abs(polygon.Compute()[2]) / 1e6


def test_every_film_is_a_slick_with_its_scene(sample: Sample, films: list[dict]):
    assert (sample.problems, len(sample.media), len(sample)) == ((), 3, len(films))
    assert sample.media["labelled"].all()
    assert set(sample.media["levels"]) == {"sigma0"}
    assert (
        sample.objects["label"].value_counts().to_dict() == pd.Series([film["label"] for film in films]).value_counts().to_dict()
    )
    np.testing.assert_allclose(sample.media["spacing_m"], 40, rtol=0.002)
    assert sorted(sample.media["wind_m_s"]) == [5.6, 6.4, 7.1]


def test_areas_places_and_damping_are_those_that_were_drawn(result: Result, films: list[dict]):
    table = result.measure().tables["slicks"]
    polygons = shapely.from_wkt(result.sample.objects["object_polygon"].tolist())
    pairs = with_films(table, polygons, films)
    assert len({row["slick_id"] for _, row in pairs}) == len(films)
    ratio = np.array([row["area_km2"] / film["area_km2"] for film, row in pairs])
    assert abs(ratio.mean() - 1) < 0.01
    assert np.abs(ratio - 1).max() < 0.08
    assert np.mean([row["area_low_km2"] <= film["area_km2"] <= row["area_high_km2"] for film, row in pairs]) >= 0.95
    metres = [
        Geodesic.WGS84.Inverse(film["lat_deg"], film["lon_deg"], row["lat_deg"], row["lon_deg"])["s12"] for film, row in pairs
    ]
    assert max(metres) < 40
    off = np.array([row["damping_db"] - film["mean_damping_db"] for film, row in pairs])
    assert np.abs(np.median(off)) < 0.3
    assert np.mean([row["damping_low_db"] <= film["mean_damping_db"] <= row["damping_high_db"] for film, row in pairs]) > 0.8


def test_totals_of_a_scene_are_the_sums_of_its_slicks(result: Result):
    tables = result.measure().tables
    totals, slicks = tables["scenes"], tables["slicks"]
    assert result.measure().main == "scenes"
    for _, row in totals.iterrows():
        part = slicks[(slicks["scene"] == row["sample_id"]) & (slicks["label"] == row["taxon"])]
        assert row["n_counted"] == len(part) > 0
        for column in ("area_km2", "area_low_km2", "area_high_km2"):
            assert row[column] == pytest.approx(part[column].sum())


def test_slicks_drift_as_they_were_made_to(result: Result, films: list[dict]):
    changes = result.measure().tables["changes"]
    assert set(changes["hours"]) == {LATER_H}
    single = changes[~changes["first_slicks"].str.contains(" ") & ~changes["second_slicks"].str.contains(" ")]
    moved = single.dropna(subset=["moved_km"])
    east, north = drift_m((5.6, 80))
    # Scene and film in the grid of UTM; its north is 0.9° off true north there.
    apart = np.hypot(
        moved["moved_km"] * np.sin(np.radians(moved["moved_towards_deg"])) - east / 1e3,
        moved["moved_km"] * np.cos(np.radians(moved["moved_towards_deg"])) - north / 1e3,
    )
    assert len(moved) >= 8
    assert np.median(apart) < 0.08
    np.testing.assert_allclose(np.median(moved["speed_m_s"]), math.hypot(east, north) / (LATER_H * 3600), rtol=0.02)
    gone = [film for film in films if film["kind"] == "low wind area" and "alboran.tif" in film["scene"]]
    assert changes["change"].str.startswith("vanished").sum() >= len(gone) > 0


def test_oil_drifts_with_the_fields_and_with_constants(result: Result, folder: Path, tmp_path: Path):
    east, north = drift_m((5.6, 80))
    wanted_deg = math.degrees(math.atan2(east, north)) % 360
    constants = {"wind_m_s": 5.6, "wind_from_deg": 80, "current_m_s": math.hypot(0.11, 0.05)}
    constants["current_towards_deg"] = math.degrees(math.atan2(0.11, 0.05))
    for given in ({"fields": str(folder / "fields.nc")}, constants):
        measured = result.measure(forecast_h=LATER_H, **given)
        end = measured.tables["drift"].query("hours == @LATER_H").set_index("scene").filter(like="_alboran", axis=0).iloc[0]
        # The mean of two thousand particles, each with its own error of current and wind.
        assert end["moved_km"] == pytest.approx(math.hypot(east, north) / 1e3, abs=0.25)
        assert abs((end["moved_towards_deg"] - wanted_deg + 180) % 360 - 180) < 6
        assert end["area_50_km2"] < end["area_90_km2"] < end["area_95_km2"]
    back = result.measure(forecast_h=-LATER_H, **constants).tables["drift"]
    assert abs((back.query("hours == -@LATER_H")["moved_towards_deg"].iloc[0] - wanted_deg) % 360 - 180) < 6
    with pytest.raises(SettingError, match="Nothing says what carries the oil"):
        result.measure(forecast_h=6)
    forecast = replace(result, sample=replace(result.sample, settings={**result.sample.settings, "forecast_h": 6, **constants}))
    features = json.loads(forecast.export("geojson", tmp_path / "map.zip")[0].read_text())["features"]
    kinds = pd.Series([each["properties"].get("feature") for each in features]).value_counts()
    assert kinds["drift area"] >= 3 * 3


def test_the_wind_that_is_given_changes_flags_and_evidence(result: Result):
    flags = {wind: set(result.measure(wind_m_s=wind).tables["slicks"]["wind"]) for wind in (1.0, 2.5, 6.0, 12.0, 20.0)}
    assert flags == {1.0: {"too calm"}, 2.5: {"marginal"}, 6.0: {"eligible"}, 12.0: {"marginal"}, 20.0: {"too rough"}}
    assert set(result.measure(wind_m_s=2.5, calm_m_s=2.6).tables["slicks"]["wind"]) == {"too calm"}
    scores = [result.measure(wind_m_s=wind).tables["slicks"]["look_alike_score"].mean() for wind in (6.0, 1.0)]
    assert scores[0] < scores[1]
    assert result.measure(wind_m_s=1.0).tables["scenes"]["n_wind_eligible"].sum() == 0
    with pytest.raises(SettingError, match=r"wind_m_s takes values from 0 up to 90 m/s, not 200"):
        result.measure(wind_m_s=200)


def test_the_coast_gives_distances(sample: Sample, folder: Path, tmp_path: Path):
    near = sample.objects["sample_id"].str.contains("aegean")
    distance = sample.objects["object_distance_to_coast_km"]
    assert distance[near].max() < 60
    assert distance[near].min() > 0
    # A small island beside a slick that is named by the setting comes before the coast of the folder.
    row = sample.objects[near].iloc[0]
    lon, lat = row["object_lon_deg"], row["object_lat_deg"]
    ring = [[lon - 0.001, lat + 0.3], [lon + 0.001, lat + 0.3], [lon, lat + 0.301], [lon - 0.001, lat + 0.3]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (tmp_path / "island.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    only = OIL.open(folder / "scenes" / Path(row["file"]).name, coast=str(tmp_path / "island.geojson"))
    assert len(only) == 0
    marked = tmp_path / "one"
    for part in ("scenes", "masks"):
        (marked / part).mkdir(parents=True)
        shutil.copy(next((folder / part).glob("*aegean*")), marked / part)
    again = OIL.open(marked, coast=str(tmp_path / "island.geojson"))
    found = again.objects.set_index("object_id").loc[row["object_id"]]
    outline = shapely.from_wkt(found["object_polygon"])
    wanted = min(
        Geodesic.WGS84.Inverse(y, x, lat + 0.3, lon)["s12"]
        for x, y in shapely.get_coordinates(shapely.segmentize(outline, 0.0005))
    )
    assert found["object_distance_to_coast_km"] == pytest.approx(wanted / 1e3, rel=0.003)
    with pytest.raises(DataNotFound, match=r"nowhere\.geojson"):
        OIL.open(marked, coast=str(tmp_path / "nowhere.geojson"))


def test_a_calm_scene_with_nothing_is_a_row(tmp_path: Path):
    rng = np.random.default_rng(0)
    write_sigma0(tmp_path / "calm.tif", 0.01 * rng.gamma(4, 0.25, (300, 260)))
    opened = OIL.open(tmp_path)
    assert (len(opened), opened.n_media) == (0, 1)
    measured = Result(declaration=USE_CASE, sample=opened, predictions=Predictions.empty(("sea", "oil"))).measure()
    scenes = measured.tables["scenes"]
    assert scenes[["sample_id", "taxon", "n_counted", "area_km2"]].to_numpy().tolist() == [["calm", "no slick", 0, 0.0]]
    assert len(measured.tables["slicks"]) == 0
    assert "changes" not in measured.tables


def write_sigma0(path: Path, values: np.ndarray) -> None:
    transform = rasterio.Affine(40, 0, 431_000, 0, -40, 3_960_000)
    shape = {"width": values.shape[1], "height": values.shape[0], "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", transform=transform, **shape) as file:
        file.write(values.astype(np.float32), 1)


def test_scenes_of_one_name_stay_two(tmp_path: Path):
    dark = np.full((64, 64), 0.01)
    dark[20:40, 20:50] = 0.001
    for part in ("may", "june"):
        (tmp_path / part).mkdir()
        write_sigma0(tmp_path / part / "scene.tif", dark)
        Image.fromarray((dark < 0.005).astype(np.uint8)).save(tmp_path / part / "scene_mask.png")
    write_sigma0(tmp_path / "other.tif", dark)
    totals = OIL.labelled_result(OIL.open(tmp_path)).measure().tables["scenes"]
    assert totals[["sample_id", "n_counted"]].to_numpy().tolist() == [["june/scene.tif", 1], ["may/scene.tif", 1], ["other", 0]]
    np.testing.assert_allclose(totals["area_km2"], [20 * 30 * 0.04**2, 20 * 30 * 0.04**2, 0], rtol=2e-3)


def test_a_mask_of_another_size_and_a_broken_scene_are_problems(folder: Path, tmp_path: Path):
    place = tmp_path / "bad"
    for part in ("scenes", "masks"):
        (place / part).mkdir(parents=True)
        for file in (folder / part).glob("*alboran*"):
            shutil.copy(file, place / part)
    later, first = sorted((place / "scenes").iterdir(), key=lambda file: "later" not in file.name)
    Image.new("L", (100, 100)).save(place / "masks" / f"{first.stem}.png")
    (place / "scenes" / "broken.tif").write_bytes(later.read_bytes()[:5000])
    (place / "scenes" / "no-picture.tif").write_bytes(b"oil")
    opened = OIL.check(place)
    said = {problem.item: str(problem) for problem in opened.problems}
    assert {f"masks/{first.stem}.png", "scenes/no-picture.tif"} <= set(said)
    assert "100 × 100" in said[f"masks/{first.stem}.png"]
    assert "1024 × 1024" in said[f"masks/{first.stem}.png"]
    assert any("broken" in item for item in said)
    labelled = dict(zip(opened.media["file"], opened.media["labelled"], strict=True))
    assert (labelled[f"scenes/{first.name}"], labelled[f"scenes/{later.name}"]) == (False, True)
    assert set(opened.objects["file"]) == {f"scenes/{later.name}"}
    only = tmp_path / "only"
    only.mkdir()
    (only / "no-picture.tif").write_bytes(b"oil")
    with pytest.raises(DataNotFound, match=r"None of the 1 scenes in .*only can be opened"):
        OIL.open(only)
    (only / "no-picture.tif").unlink()
    with pytest.raises(DataNotFound, match="holds nothing to work on"):
        OIL.open(only)


def test_a_sentinel_1_product_is_a_scene(tmp_path: Path):
    rng = np.random.default_rng(5)
    height, width = 260, 320
    number = rng.integers(300, 400, (height, width)).astype(np.uint16)
    number[100:160, 120:200] = 90
    tables = np.full((4, table_pixels(width, 40).size), 500.0)
    assert table_lines(height, 4).size == 4
    root = write_product(tmp_path / "products", number, calibration=tables, noise_range=tables * 0)
    opened = OIL.open(tmp_path / "products", wind_m_s=5)
    row = opened.media.iloc[0]
    assert (row["file"], row["levels"], row["polarisation"]) == (root.name, "sigma0", "VV")
    assert row["time_utc"].startswith("2024-04-12T17:15")
    lon, lat = place_of(Geometry(), [-0.5, width - 0.5, width - 0.5, -0.5], [-0.5, -0.5, height - 0.5, height - 0.5])
    wanted = [lon.min(), lat.min(), lon.max(), lat.max()]
    np.testing.assert_allclose(row[["west_deg", "south_deg", "east_deg", "north_deg"]].astype(float), wanted, atol=2e-5)
    # Its dark part, marked: 60 × 80 px of 10 m are 0.48 km², and (350 / 90)² are 11.8 dB.
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[100:160, 120:200] = 1
    (tmp_path / "products" / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "products" / "masks" / f"{root.stem}.png")
    marked = OIL.labelled_result(OIL.open(tmp_path / "products", wind_m_s=5)).measure().tables["slicks"]
    assert len(marked) == 1
    assert marked["area_km2"].iloc[0] == pytest.approx(0.48, rel=2e-3)
    sea = np.mean(rng.integers(300, 400, 100_000).astype(float) ** 2)
    assert marked["damping_db"].iloc[0] == pytest.approx(10 * math.log10(sea / 90**2), abs=0.1)
    assert marked["wind"].iloc[0] == "eligible"


def test_the_outlines_are_on_the_map(result: Result, tmp_path: Path):
    written, problems = result.export("geojson", tmp_path / "map.zip")
    assert (written.suffix, problems) == (".geojson", [])
    features = json.loads(written.read_text())["features"]
    assert len(features) == len(result)
    for feature in features:
        shape = shapely.geometry.shape(feature["geometry"])
        parts = shapely.get_parts(shape)
        area = sum(
            karney_km2(list(part.exterior.coords)) - sum(karney_km2(list(hole.coords)) for hole in part.interiors)
            for part in parts
        )
        assert feature["properties"]["area_km2"] == pytest.approx(area, rel=1e-3)
    # What was discarded is not there.
    less = result.corrected([str(result.predictions.object_id[0])], status="discarded")
    written, _ = less.export("geojson", tmp_path / "less.zip")
    assert len(json.loads(written.read_text())["features"]) == len(result) - 1


def test_coco_and_back(result: Result, tmp_path: Path):
    ids = [str(each) for each in result.predictions.object_id[:2]]
    corrected = result.corrected(ids[:1], label="look-alike", status="dubious")
    written, lost = corrected.export("coco", tmp_path / "back.zip")
    again = OIL.open(written, outline_error_px=0.3)
    assert (lost, again.problems) == ([], ())
    objects = again.objects.set_index("object_id").loc[corrected.predictions.object_id.tolist()]
    assert objects["label"].tolist() == corrected.predictions.label.tolist()
    assert objects["status"].tolist() == corrected.predictions.status.tolist()
    np.testing.assert_allclose(objects["object_area"], corrected.sample.objects["object_area"])
    np.testing.assert_allclose(objects["object_area_km2"], corrected.sample.objects["object_area_km2"], rtol=1e-6)


def test_masks_beside_the_result_hold_what_was_marked(result: Result, folder: Path, tmp_path: Path):
    place = result.save(tmp_path / "saved")
    with (place / "masks" / "labels.csv").open() as stream:
        numbers = {row["label"]: int(row["index"]) for row in csv.DictReader(stream)}
    table = pd.read_csv(place / "predictions.csv")
    for file, name in set(zip(table["file"], table["mask"], strict=True)):
        written = np.asarray(Image.open(place / name))
        given = np.asarray(Image.open(folder / "masks" / f"{Path(file).stem}.png"))
        for number, label in ((1, "oil"), (2, "look-alike")):
            np.testing.assert_array_equal(written == numbers[label], given == number)
    again = open_result(place, use_case="oil_spill")
    pd.testing.assert_frame_equal(again.measure().tables["scenes"], result.measure().tables["scenes"], rtol=1e-9)


def test_the_report_has_a_map_and_areas(result: Result, tmp_path: Path):
    report = open_report("oil_spill", result.save(tmp_path / "saved"), settings={"wind_m_s": 6})
    drawn = report.map().markup
    assert f"Map of {len(result)} slicks on 3 scenes" in drawn
    assert "latitude, °N" in drawn
    assert ">land<" in drawn
    areas = report.abundance().markup
    assert "area (km²)" in areas
    assert "kinds in 3 scenes" in areas
    said = report.summary().markup
    assert "area of oil in 3 scenes" in said
    assert "m/s" in said
    assert "slicks (" in report.other_tables().markup
    assert report.vignettes(per_taxon=2).markup.count("<img ") == 4
    assert "carries no figures" in report.trust().markup


def test_the_report_of_what_lies_nowhere_says_so(tmp_path: Path):
    picture = np.full((128, 128), 120, dtype=np.uint8)
    picture[40:60, 30:90] = 30
    Image.fromarray(picture).save(tmp_path / "a_sat.png")
    Image.fromarray(((picture < 60) * 255).astype(np.uint8)).save(tmp_path / "a_mask.png")
    found = OIL.labelled_result(OIL.open(tmp_path))
    measured = found.measure()
    assert measured.tables["slicks"]["area_km2"].isna().all()
    assert any("pixel_spacing_m" in note for note in measured.notes)
    assert any("not calibrated" in note for note in measured.notes)
    report = open_report("oil_spill", found.save(tmp_path / "saved"))
    assert "there is no map" in report.map().markup
    assert "count of 1 kinds" in report.abundance().markup
    written, problems = found.export("geojson", tmp_path / "map.zip")
    assert json.loads(written.read_text())["features"] == []
    assert [problem.item for problem in problems] == [str(found.predictions.object_id[0])]
    # With the side of a pixel it has an area: 20 × 60 px of 50 m.
    with_scale = OIL.labelled_result(OIL.open(tmp_path, pixel_spacing_m=50)).measure().tables["slicks"]
    assert with_scale["area_km2"].tolist() == pytest.approx([20 * 60 * 50**2 / 1e6])


def test_unknown_words_are_refused(folder: Path, sample: Sample):
    with pytest.raises(SettingError, match="'nonsense'"):
        OIL.open(folder, stored="nonsense")
    with pytest.raises(SettingError, match="speckle takes none, lee"):
        next(overviews(replace(sample, settings={"speckle": "nonsense"})))
    unlabelled = replace(sample, media=sample.media.assign(labelled=False))
    with pytest.raises(LabelError, match="labelled"):
        OIL.train(unlabelled, epochs=0)


def test_sos_patches_with_their_masks(shared_data):
    place = shared_data("oil_spill/deep-sar-sos") / "sentinel"
    opened = OIL.open(place)
    pictures, masks = sorted(place.glob("*_sat.jpg")), sorted(place.glob("*_mask.png"))
    assert opened.layout == "radar scenes with masks beside them"
    # That they are not calibrated, and lie nowhere.
    assert {problem.severity for problem in opened.problems} == {"warning"}
    assert len(opened.media) == len(pictures) == len(masks) == 90
    assert set(opened.objects["label"]) == {"oil"}
    from scipy import ndimage

    n, area = 0, 0
    for mask in masks:
        marked = np.asarray(Image.open(mask).convert("L")) >= 128
        pieces, count = ndimage.label(marked, structure=np.ones((3, 3)))
        sizes = ndimage.sum_labels(marked, pieces, np.arange(1, count + 1))
        n, area = n + int((sizes >= 16).sum()), area + int(sizes[sizes >= 16].sum())
    assert (len(opened), int(opened.objects["object_area"].sum())) == (n, area)
    assert set(opened.media["levels"]) == {"amplitude"}


def test_what_is_assumed_of_many_scenes_is_said_once(tmp_path: Path) -> None:
    import cv2

    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64), 90 + number, np.uint8))
    problems = ik.use_case("oil_spill").open(tmp_path).problems
    assert [problem.item for problem in problems] == ["5 scenes, such as 0.png"] * 2
    assert any("is not calibrated" in problem.what for problem in problems)


def test_masks_of_pictures_with_like_names_lie_apart() -> None:
    from imagine_kernels.tasks.segmentation.masks import mask_name

    names = ["a/x.tif", "a_x.png", "x.tif", "x.png"]
    assert len({mask_name(name) for name in names}) == len(names)
