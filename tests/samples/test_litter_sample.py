"""The drawn beaches: deterministic, plausible, and true to their truth, all the way from photos to items per 100 m."""

from __future__ import annotations

import csv
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image

from imagine_kernels.files import Files
from imagine_kernels.formats.coco import read_coco
from imagine_kernels.formats.litter_lists import read_class_codes
from imagine_kernels.formats.litter_surveys import read_surveys
from imagine_kernels.measures.geodesy import LocalPlane, area_m2
from imagine_kernels.measures.litter import TOTAL, measure_litter
from imagine_kernels.measures.litter_density import density_grid
from imagine_kernels.measures.litter_effort import observed_area, shoreline_length_m
from imagine_kernels.measures.litter_items import items_of, place_finds
from imagine_kernels.measures.photo_place import PhotoGeoreference, resolution_problem
from imagine_kernels.media.drone_photos import read_drone_photos
from imagine_kernels.samples.litter import FLIGHTS, LABELS, make_sample
from imagine_kernels.samples.litter_camera import FOCAL_PX, HEIGHT, WIDTH


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_sample(tmp_path_factory.mktemp("litter") / "sample", 0)


@pytest.fixture(scope="module")
def truth(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth" / "items.csv")


@pytest.fixture(scope="module")
def photos(folder: Path):
    with Files(folder) as files:
        found, problems = read_drone_photos(files, {})
    assert problems == []
    return {photo.name: photo for photo in found}


@pytest.fixture(scope="module")
def finds(folder: Path, photos) -> pd.DataFrame:
    """What a perfect detector finds: the annotations, with the item that each is of."""
    marked = read_coco(folder / "annotations.json").annotations()
    table = place_finds(
        [each.medium for each in marked], [each.shape for each in marked], [each.labels[0].name for each in marked],
        {name: PhotoGeoreference(photo.geometry) for name, photo in photos.items()}, survey_of={name: name.split("/")[1] for name in photos},
        sizes_px=dict.fromkeys(photos, (WIDTH, HEIGHT)),
    )  # fmt: skip
    return table.assign(true_item=[each.track for each in marked])


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path):
    def digest(root: Path) -> dict[str, str]:
        return {
            path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    assert digest(folder) == digest(make_sample(tmp_path / "again", 0))


def test_it_is_small_and_has_enough_of_each_class(folder: Path, truth: pd.DataFrame):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 15_000_000
    marked = read_coco(folder / "annotations.json")
    counts = Counter(each.labels[0].name for each in marked.annotations())
    assert set(counts) == set(LABELS) <= set(read_class_codes(source="sample"))
    assert sum(counts.values()) >= 200
    assert min(counts.values()) >= 15
    assert len(marked.media) == 40
    surveys, problems = read_surveys(folder / "surveys.csv")
    assert problems == []
    assert [row.survey_id for row in surveys] == [flight.survey_id for flight in FLIGHTS]
    # Many items are in two photos, as they are in a flight.
    assert (truth["n_photos"] >= 2).sum() > 60


def test_photos_say_what_the_drone_believes(folder: Path, photos):
    with (folder / "truth" / "photos.csv").open(encoding="utf-8", newline="") as stream:
        true = {row["photo"]: row for row in csv.DictReader(stream)}
    assert set(true) == set(photos)
    for name, photo in photos.items():
        g, row = photo.geometry, true[name]
        assert (g.focal_px, g.centre_x_px, g.centre_y_px) == (FOCAL_PX, WIDTH / 2, HEIGHT / 2)
        assert abs(g.height_m - float(row["height"])) < 0.5
        assert abs((g.yaw_deg - float(row["yaw"]) + 180) % 360 - 180) < 4
        assert g.taken_at.endswith("+02:00")
        assert resolution_problem(name, PhotoGeoreference(g).middle_gsd_cm) is None
        east, north = LocalPlane(g.lon, g.lat).metres(float(row["lon"]), float(row["lat"]))
        assert np.hypot(east, north) < 4.5 * g.horizontal_error_m


def test_outlines_lie_on_what_is_painted(folder: Path):
    marked = read_coco(folder / "annotations.json").annotations()
    inside, around = [], []
    for each in [one for one in marked if one.labels[0].name in ("foam", "bag", "can")][:60]:
        picture = np.asarray(Image.open(folder / each.medium), dtype=float)
        polygon = shapely.Polygon(np.array(each.shape.numbers).reshape(-1, 2)).buffer(0)
        yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
        x0, y0, x1, y1 = (int(v) for v in polygon.bounds)
        part = np.s_[max(0, y0 - 12) : y1 + 12, max(0, x0 - 12) : x1 + 12]
        core = shapely.contains_xy(polygon.buffer(-1.5), xx[part], yy[part])
        ring = ~shapely.contains_xy(polygon.buffer(8), xx[part], yy[part])
        if core.sum() > 10:
            sand = np.median(picture[part][ring], axis=0)
            inside.append(np.abs(picture[part][core] - sand).mean())
            around.append(np.abs(picture[part][ring] - sand).mean())
    assert np.mean(inside) > 3 * np.mean(around)


def test_places_of_known_items_lie_within_the_stated_radius(finds: pd.DataFrame, truth: pd.DataFrame):
    # By the pinhole of the reader, against the homography of the generator (scipy) and geodesics (pyproj).
    known = truth.set_index("item_id").loc[finds["true_item"]]
    whole = ~finds["at_rim"].to_numpy()
    plane = LocalPlane(2.7555, 39.3565)
    gap = np.hypot(*np.subtract(plane.metres(finds["lon_deg"], finds["lat_deg"]), plane.metres(known["lon"], known["lat"])))
    assert (gap[whole] <= finds["radius95_m"][whole]).mean() >= 0.95
    assert np.median(gap) < 0.3


def test_sizes_of_known_items(finds: pd.DataFrame, truth: pd.DataFrame):
    known = truth.set_index("item_id").loc[finds["true_item"], "size_cm"].to_numpy()
    whole = ~finds["at_rim"].to_numpy()
    ratio = finds["size_cm"].to_numpy()[whole] / known[whole]
    # The height is believed to within 0.1 m of 9 m.
    assert np.abs(ratio - 1).max() < 0.06
    assert np.median(ratio) == pytest.approx(1, abs=0.01)


def test_items_in_several_photos_are_counted_once(finds: pd.DataFrame, photos, truth: pd.DataFrame):
    items = items_of(finds, {name: PhotoGeoreference(photo.geometry) for name, photo in photos.items()})
    seen = truth[truth["n_photos"] > 0]
    assert len(finds) > 1.25 * len(seen)
    for survey_id, mine in items.groupby("survey_id"):
        expected = int((seen["survey_id"] == survey_id).sum())
        assert len(mine) == pytest.approx(expected, abs=1), survey_id
    assert items["n_photos"].sum() == len(finds)
    assert items["item_id"].is_unique


def test_from_photos_to_items_per_100_m(folder: Path, finds: pd.DataFrame, photos, truth: pd.DataFrame):
    lengths = {row.survey_id: row.length_m for row in read_surveys(folder / "surveys.csv")[0]}
    known = {
        each["survey_id"]: each for each in json.loads((folder / "truth" / "surveys.json").read_text(encoding="utf-8"))["surveys"]
    }
    areas = {}
    for survey_id, length in lengths.items():
        prints = [PhotoGeoreference(photo.geometry).footprint() for name, photo in photos.items() if survey_id in name]
        seen = observed_area(prints)
        areas[survey_id] = area_m2(seen)
        assert areas[survey_id] < 0.9 * sum(map(area_m2, prints))
        flight = next(each for each in FLIGHTS if each.survey_id == survey_id)
        shore = LocalPlane(flight.lon, flight.lat).round(shapely.LineString([(-50, 0), (50, 0)]))
        assert shoreline_length_m(seen, shore)[0] == pytest.approx(length, rel=0.06)
    surveys = pd.DataFrame(
        {"survey_id": list(lengths), "length_m": list(lengths.values()), "observed_m2": [areas[each] for each in lengths]}
    )
    items = items_of(finds, {name: PhotoGeoreference(photo.geometry) for name, photo in photos.items()})
    table = measure_litter(items, surveys)[0].set_index(["sample_id", "taxon"])
    for survey_id, one in known.items():
        row = table.loc[survey_id, TOTAL]
        assert row["n_counted"] == pytest.approx(one["n_items"], abs=2)
        assert row["items_per_100_m_low"] <= 100 * one["n_items"] / one["length_m"] <= row["items_per_100_m_high"]
    mine = items[items["survey_id"] == FLIGHTS[0].survey_id]
    whole = observed_area(
        [PhotoGeoreference(photo.geometry).footprint() for name, photo in photos.items() if FLIGHTS[0].survey_id in name]
    )
    grid = density_grid(mine["lon_deg"], mine["lat_deg"], whole, cell_m=1.0)
    assert grid.count.sum() + (0 if grid.outside == 0 else grid.outside - grid.count[np.isnan(grid.items_per_m2)].sum()) == len(
        mine
    )
    assert grid.outside <= 3
