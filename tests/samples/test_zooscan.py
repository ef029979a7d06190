"""The drawn sample: deterministic, plausible, and true to its truth."""

import csv
import json
from collections import Counter
from hashlib import sha256

import cv2
import numpy as np
import pytest

from imagine_kernels.measures.morphometry import morphometry
from imagine_kernels.samples.zooscan import MIN_AREA_PX, PIXEL_SIZE_MM, SCALE_BAR_PX, SCALE_BAR_ROWS, TAXA, make_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return make_sample(tmp_path_factory.mktemp("zooscan"), 0)


@pytest.fixture(scope="module")
def truth(sample):
    return json.loads((sample / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def table(sample):
    """The line of types, then the objects."""
    with (sample / "ecotaxa_zooscan_sample.tsv").open(encoding="utf-8", newline="") as file:
        types, *rows = csv.DictReader(file, delimiter="\t")
    return types, rows


def digest(folder):
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(sample, tmp_path):
    again, other = make_sample(tmp_path / "again", 0), make_sample(tmp_path / "other", 1)
    assert digest(sample) == digest(again)
    assert digest(sample)["truth.json"] != digest(other)["truth.json"]


def test_it_is_small_and_has_enough_of_each_taxon(sample, truth):
    assert 300 <= len(truth["objects"]) <= 420
    assert sum(path.stat().st_size for path in sample.iterdir()) < 3_000_000
    counts = Counter(entry["label"] for entry in truth["objects"])
    assert set(counts) == set(TAXA)
    assert min(counts.values()) >= 25
    assert len(truth["samples"]) == 8
    stations = {label: {e["sample_id"] for e in truth["objects"] if e["label"] == label} for label in TAXA}
    assert min(len(found) for found in stations.values()) >= 5


def test_the_table_is_an_ecotaxa_import(sample, table, truth):
    types, rows = table
    assert (types["object_lat"], types["object_id"]) == ("[f]", "[t]")
    assert set(types.values()) == {"[t]", "[f]"}
    assert len(rows) == len(truth["objects"])
    assert len({row["object_id"] for row in rows}) == len(rows)
    by_id = {entry["object_id"]: entry for entry in truth["objects"]}
    for row in rows:
        entry = by_id[row["object_id"]]
        assert (sample / row["img_file_name"]).is_file()
        assert row["object_annotation_category"] == entry["label"]
        assert row["object_annotation_status"] == "validated"
        assert float(row["process_particle_pixel_size_mm"]) == PIXEL_SIZE_MM
        assert float(row["acq_sub_part"]) / float(row["sample_tot_vol"]) == pytest.approx(entry["ind_m3"])
        assert len(row["object_time"]) == 6


def test_every_vignette_looks_like_one_of_zooprocess(sample, truth):
    for entry in truth["objects"]:
        picture = cv2.imread(str(sample / entry["file"]), cv2.IMREAD_UNCHANGED)
        assert picture.dtype == np.uint8
        assert picture.ndim == 2
        assert picture.shape[1] >= 114
        strip, vignette = picture[-SCALE_BAR_ROWS:], picture[:-SCALE_BAR_ROWS]
        bar = strip[25] == 0
        assert bar.sum() == SCALE_BAR_PX
        # Nothing lies between the last grey value of an object and the white around it.
        assert not ((vignette > 243) & (vignette < 255)).any()
        assert (vignette[0] == 255).all()
        assert (vignette[-1] == 255).all()


def test_the_measures_in_the_table_are_those_of_the_pixels(sample, table):
    for row in table[1]:
        picture = cv2.imread(str(sample / row["img_file_name"]), cv2.IMREAD_GRAYSCALE)[:-SCALE_BAR_ROWS]
        found = morphometry(picture)
        assert found["area"] >= MIN_AREA_PX * 0.99
        for name in ("area", "area_exc", "width", "height", "min", "max"):
            assert found[name] == float(row[f"object_{name}"]), name
        for name in ("major", "minor", "mean", "esd"):
            assert found[name] == pytest.approx(float(row[f"object_{name}"]), rel=1e-6), name


def test_the_truth_adds_up(truth):
    z = []
    for station in truth["samples"]:
        mine = [entry for entry in truth["objects"] if entry["sample_id"] == station["sample_id"]]
        for taxon, values in station["taxa"].items():
            found = [entry["ind_m3"] for entry in mine if entry["label"] == taxon]
            assert values["n"] == len(found)
            assert values["counted_ind_m3"] == pytest.approx(sum(found))
        counted = sum(values["n"] for values in station["taxa"].values())
        z.append((counted - 47) / np.sqrt(47))
    # Counts are Poisson draws from the true concentrations: about 47 objects a station.
    assert abs(np.mean(z)) < 2
