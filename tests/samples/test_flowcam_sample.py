"""The drawn FlowCam runs: deterministic, plausible, and true to their truth."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagine_kernels.files import Files
from imagine_kernels.formats.flowcam import read_flowcam
from imagine_kernels.formats.flowcam_checks import check_runs
from imagine_kernels.formats.particle_list import read_list
from imagine_kernels.formats.taxa import read_taxa, read_watch_list
from imagine_kernels.measures.biovolume import abd_um, calibrated, feret_diameters
from imagine_kernels.measures.particle_checks import proposed_removals
from imagine_kernels.measures.phytoplankton import measure_phytoplankton
from imagine_kernels.media.collages import check_collages
from imagine_kernels.records import Predictions
from imagine_kernels.samples.flowcam import FRINGE_PX, TAXA, UM_PER_PX, make_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_sample(tmp_path_factory.mktemp("flowcam") / "sample", 0)


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict:
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sample(folder: Path):
    return read_flowcam(folder, {})


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path):
    assert digest(folder) == digest(make_sample(tmp_path / "again", 0))


def test_it_is_small_whole_and_has_enough_of_each_taxon(folder: Path, sample, truth: dict):
    assert 250 <= len(sample) <= 450
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 4_000_000
    assert (sample.problems, check_runs(sample), check_collages(sample)) == ((), [], [])
    assert set(sample.labels) == set(TAXA)
    assert Counter(sample.objects["label"]).most_common()[-1][1] >= 20
    assert set(TAXA) <= set(read_taxa()["name"])
    per_taxon = sample.objects.groupby("label")["sample_id"].nunique()
    assert per_taxon.min() >= 5


def test_the_list_says_what_the_truth_says(sample, truth: dict):
    known = {entry["object_id"]: entry for run in truth["runs"] for entry in run["particles"]}
    assert set(known) == set(sample.objects["object_id"])
    for row in sample.objects.to_dict("records"):
        entry = known[row["object_id"]]
        assert row["label"] == entry["label"]
        for column, name in (
            ("object_abd_um", "abd_diameter"),
            ("object_esd_um", "esd_diameter"),
            ("object_length_um", "length"),
            ("object_width_um", "width"),
        ):
            assert row[column] == pytest.approx(entry[name], abs=1e-4)
    # What was drawn as a sphere of a size is measured as one of about that size.
    spheres = [entry for entry in known.values() if entry["label"] == "Noctiluca scintillans" and entry["in_focus"]]
    ratio = [entry["abd_diameter"] / entry["true_length_um"] for entry in spheres]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.06)


def test_sizes_follow_from_the_masks_by_the_formulas_of_the_library(folder: Path):
    run = sorted(path for path in folder.iterdir() if path.is_dir())[0]
    with Files(run) as files:
        found = read_list(files, f"{run.name}.lst").columns
    for k in range(len(found["id"])):
        with Image.open(run / str(found["collage_file"][k]).replace(".tif", "_bin.tif")) as picture:
            whole = np.asarray(picture) > 127
        x, y, width, height = (int(found[field][k]) for field in ("image_x", "image_y", "image_w", "image_h"))
        mask = whole[y : y + height, x : x + width]
        ferets = feret_diameters(mask)
        assert mask.sum() == found["raw_area"][k]
        assert abd_um(mask.sum(), um_per_px=UM_PER_PX, fringe_px=FRINGE_PX) == pytest.approx(found["abd_diameter"][k], abs=1e-4)
        for value, field in ((ferets.mean(), "esd_diameter"), (ferets.max(), "length"), (ferets.min(), "width")):
            assert calibrated(value, um_per_px=UM_PER_PX, fringe_px=FRINGE_PX) == pytest.approx(found[field][k], abs=1e-4)


def test_duplicates_bubbles_and_blurred_particles_are_found(sample, truth: dict):
    rule, duplicate_of = proposed_removals(sample.objects)
    known = {entry["object_id"]: entry for run in truth["runs"] for entry in run["particles"]}
    entries = [known[object_id] for object_id in sample.objects["object_id"]]
    twins = np.array([bool(entry["duplicate_of"]) for entry in entries])
    bubbles = np.array([entry["label"] == "Bubbles" for entry in entries])
    blurred = np.array([not entry["in_focus"] for entry in entries])
    assert twins.sum() >= 15
    assert bubbles.sum() >= 20
    # Each is found by its rule or by one before it.
    for mine, rules in ((twins, ("duplicate", "bubble", "focus")), (bubbles, ("bubble", "focus")), (blurred, ("focus",))):
        assert np.isin(rule[mine], rules).mean() >= 0.9
    others = ~(twins | bubbles | blurred)
    assert (rule[others] != "").mean() <= 0.03
    right = [(entry["duplicate_of"], found) for entry, found in zip(entries, duplicate_of, strict=True) if found]
    assert all(said == found for said, found in right)


def test_concentrations_are_the_true_ones_once_duplicates_are_removed(sample, truth: dict):
    labels = sample.objects["label"].to_numpy(dtype=object)
    chosen = np.eye(len(TAXA))[[TAXA.index(label) for label in labels]]
    predictions = Predictions.of(sample.objects["object_id"].to_numpy(dtype=object), TAXA, chosen)
    rule, _ = proposed_removals(sample.objects)
    # Only what the rule for duplicates says, as an out-of-focus cell is a cell.
    objects = sample.objects.assign(object_proposed_removal=np.where(rule == "duplicate", rule, ""))
    from dataclasses import replace

    found = measure_phytoplankton(
        replace(sample, objects=objects),
        predictions,
        None,
        {"remove": "duplicate"},
        taxa=read_taxa(),
        watch_list=read_watch_list(),
    )
    table = found.tables["concentration"].set_index(["sample_id", "taxon"])
    held = []
    for run in truth["runs"]:
        for taxon in TAXA:
            if (run["run"], taxon) not in table.index:
                continue
            row = table.loc[(run["run"], taxon)]
            known = run["taxa"][taxon]
            assert row["concentration_particles_ml"] == pytest.approx(known["counted_per_ml"], abs=1.5 / truth["volume_ml"])
            held.append(row["concentration_low_particles_ml"] <= known["true_per_ml"] <= row["concentration_high_particles_ml"])
    assert len(held) >= 40
    assert np.mean(held) >= 0.9
    assert table.loc[(truth["runs"][0]["run"], "Chaetoceros"), "concentration_particles_ml"] > 0
