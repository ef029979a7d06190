"""The measure of FlowCam runs: concentrations by hand, intervals, removal, volumes, notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from imagine_kernels.errors import LabelError, SettingError
from imagine_kernels.formats.flowcam import read_flowcam
from imagine_kernels.formats.taxa import read_taxa, read_watch_list
from imagine_kernels.measures.phytoplankton import CELLS, measure_phytoplankton
from imagine_kernels.records import Confusion, Predictions, Sample

CLASSES = ("Bubbles", "Noctiluca scintillans", "Skeletonema")
TAXA, WATCH = read_taxa(), read_watch_list()


def sample_of(labels: list[str], **columns) -> tuple[Sample, Predictions]:
    n = len(labels)
    objects = {
        "object_id": [f"o{k}" for k in range(n)], "file": "c.tif", "label": labels, "status": "validated", "sample_id": "s", "acq_id": "s",
        "object_abd_um": 20.0, "object_esd_um": 22.0, "object_length_um": 30.0, "object_width_um": 10.0, "acq_volume_imaged_ml": 0.5,
        "acq_particles_listed": float(n), "acq_particles_lost": 0.0, **columns,
    }  # fmt: skip
    table = pd.DataFrame(objects)
    sample = Sample(name="run", source=Path("run"), layout="run", objects=table, cut_from="collage")
    chosen = np.eye(3)[[CLASSES.index(label) for label in labels]] * 0.9 + 0.1 / 3
    return sample, Predictions.of(table["object_id"].to_numpy(dtype=object), CLASSES, chosen)


def measured(sample: Sample, predictions: Predictions, confusion: Confusion | None = None, **settings):
    return measure_phytoplankton(sample, predictions, confusion, {"n_draws": 200, **settings}, taxa=TAXA, watch_list=WATCH)


def row(measurements, taxon: str, table: str = "concentration") -> pd.Series:
    found = measurements.tables[table]
    return found[found["taxon"] == taxon].iloc[0]


def test_concentrations_volumes_and_carbon_by_hand():
    found = measured(*sample_of(["Skeletonema"] * 6 + ["Noctiluca scintillans"] * 2 + ["Bubbles"] * 4))
    diatom, dinoflagellate, bubbles, cells = (
        row(found, name) for name in ("Skeletonema", "Noctiluca scintillans", "Bubbles", CELLS)
    )
    assert (diatom["aphia_id"], bubbles["aphia_id"]) == ("149073", "")
    assert (diatom["concentration_particles_ml"], diatom["concentration_cells_l"]) == (12, 12_000)
    # The exact Poisson interval of Garwood for 6 particles in 0.5 mL.
    assert diatom["concentration_low_particles_ml"] == pytest.approx(chi2.ppf(0.025, 12) / 2 / 0.5)
    assert diatom["concentration_high_particles_ml"] == pytest.approx(chi2.ppf(0.975, 14) / 2 / 0.5)
    cylinder, sphere = np.pi / 4 * 30 * 10**2, np.pi / 6 * 20**3
    assert diatom["biovolume_mm3_l"] == pytest.approx(12_000 * cylinder * 1e-9)
    assert dinoflagellate["biovolume_mm3_l"] == pytest.approx(4_000 * sphere * 1e-9)
    assert diatom["carbon_ug_l"] == pytest.approx(12_000 * 0.288 * cylinder**0.811 * 1e-6, rel=2e-3)
    assert dinoflagellate["carbon_ug_l"] == pytest.approx(4_000 * 0.760 * sphere**0.819 * 1e-6, rel=2e-3)
    assert bubbles["concentration_particles_ml"] == 8
    assert bubbles[["biovolume_mm3_l", "carbon_ug_l"]].isna().all()
    assert (cells["n_counted"], cells["concentration_particles_ml"]) == (8, 16)
    assert cells["biovolume_mm3_l"] == pytest.approx(diatom["biovolume_mm3_l"] + dinoflagellate["biovolume_mm3_l"])
    assert found.tables["community"].iloc[0].to_dict() == {
        "sample_id": "s", "Bubbles_cells_l": 8_000, "Noctiluca scintillans_cells_l": 4_000, "Skeletonema_cells_l": 12_000
    }  # fmt: skip
    assert found.tables["diversity"].iloc[0]["richness"] == 2
    assert row(found, "Skeletonema", "sizes")["length_median_um"] == 30
    assert found.notes[-1].startswith("The model carries no confusion")


@pytest.mark.parametrize(
    ("columns", "settings", "per_ml"),
    [
        ({}, {}, 12),
        ({"sample_dilution": 4.0}, {}, 48),
        ({"sample_dilution": 4.0}, {"dilution_factor": 9.0}, 48),
        ({}, {"dilution_factor": 3.0}, 36),
        ({}, {"concentration_factor": 10.0}, 1.2),
        ({"acq_volume_imaged_ml": np.nan}, {"volume_imaged_ml": 2.0}, 3),
        ({"acq_volume_imaged_ml": np.nan, "acq_volume_processed_ml": 4.0, "acq_efficiency": 0.25}, {}, 6),
        ({"acq_volume_imaged_ml": np.nan, "acq_volume_processed_ml": 4.0}, {"efficiency": 0.5}, 3),
        ({"acq_particles_listed": 8.0, "acq_particles_lost": 2.0}, {}, 16),
        ({"acq_volume_imaged_ml": np.nan}, {}, np.nan),
    ],
)
def test_the_volume_behind_a_particle(columns, settings, per_ml: float):
    found = measured(*sample_of(["Skeletonema"] * 6, **columns), **settings)
    assert row(found, "Skeletonema")["concentration_particles_ml"] == pytest.approx(per_ml, nan_ok=True)
    assert any("imaged volume is not known" in note for note in found.notes) == np.isnan(per_ml)
    assert any("Collages are missing" in note for note in found.notes) == ("acq_particles_lost" in columns)


def test_real_runs_have_the_concentration_of_their_summaries(shared_data):
    sample = read_flowcam(shared_data("flowcam/vickot_flowcam8000") / "Training" / "data" / "raw", {})
    n = len(sample)
    predictions = Predictions.of(sample.objects["object_id"].to_numpy(dtype=object), CLASSES, np.tile([0.1, 0.1, 0.8], (n, 1)))
    table = measured(sample, predictions).tables["concentration"]
    cells = table[table["taxon"] == CELLS]["concentration_particles_ml"]
    # "Particles / ml" of the two summaries.
    assert cells.tolist() == pytest.approx([34448, 57555], rel=5e-4)


def test_proposals_are_followed_where_accepted_and_a_person_overrules_them():
    sample, predictions = sample_of(["Skeletonema"] * 6, object_proposed_removal=["focus", "focus", "duplicate", "", "", ""])
    assert row(measured(sample, predictions), "Skeletonema")["n_counted"] == 6
    assert any("The rule focus proposes to remove 2 of 6" in note for note in measured(sample, predictions).notes)
    found = measured(sample, predictions, remove="focus")
    assert row(found, "Skeletonema")["n_counted"] == 4
    assert "Removed by the rule focus: 2 of 6 particles." in found.notes
    assert row(measured(sample, predictions, remove="all"), "Skeletonema")["n_counted"] == 3
    kept = predictions.corrected(["o0"], status="validated")
    assert row(measured(sample, kept, remove="all"), "Skeletonema")["n_counted"] == 4
    assert predictions.status.tolist() == ["predicted"] * 6
    runs = measured(sample, kept, remove="all").tables["runs"].iloc[0]
    assert runs[["n_identified", "n_counted", "n_proposed_focus", "n_proposed_duplicate", "n_proposed_bubble"]].tolist() == [
        6,
        4,
        2,
        1,
        0,
    ]
    with pytest.raises(SettingError, match="does not know the rule 'junk'"):
        measured(sample, predictions, remove="junk")


def test_corrected_figures_undo_a_known_confusion_and_cells_are_their_sum():
    labels = ["Skeletonema"] * (90 + 4) + ["Noctiluca scintillans"] * 40 + ["Bubbles"] * (36 + 10)
    counts = np.array([[90, 0, 10], [0, 100, 0], [10, 0, 90]])
    found = measured(*sample_of(labels), Confusion(classes=CLASSES, counts=counts))
    bubbles, diatom, cells = (row(found, name) for name in ("Bubbles", "Skeletonema", CELLS))
    # 94 = 0.9 t + 0.1 u and 46 = 0.1 t + 0.9 u for t diatoms and u bubbles.
    assert diatom["concentration_corrected_particles_ml"] == pytest.approx(100 / 0.5, rel=0.02)
    assert bubbles["concentration_corrected_particles_ml"] == pytest.approx(40 / 0.5, rel=0.03)
    for name in ("concentration", "biovolume", "carbon"):
        unit = {"concentration": "cells_l", "biovolume": "mm3_l", "carbon": "ug_l"}[name]
        parts = sum(row(found, taxon)[f"{name}_corrected_{unit}"] for taxon in CLASSES[1:])
        assert cells[f"{name}_corrected_{unit}"] == pytest.approx(parts)
        assert cells[f"{name}_corrected_low_{unit}"] <= parts <= cells[f"{name}_corrected_high_{unit}"]


def test_an_alert_says_why():
    sample, predictions = sample_of(["Noctiluca scintillans"] * 40 + ["Bubbles"])
    found = measured(sample, predictions)
    alert = found.tables["harmful_algae"].iloc[0]
    assert (alert["taxon"], alert["alert"], alert["n_counted"]) == ("Noctiluca scintillans", "exceeded", 40)
    assert found.alerts == (f"s: {alert['reason']} {alert['advice'][0].upper()}{alert['advice'][1:]}.",)
    assert "80\u00a0000 cells/L (95 % interval" in alert["reason"]
    none = measured(*sample_of(["Skeletonema"] * 3))
    assert none.tables["harmful_algae"]["alert"].tolist() == [] if "harmful_algae" in none.tables else True


def test_sizes_may_come_from_pixels_and_gaps_are_said():
    columns = {f"object_{name}_um": np.nan for name in ("abd", "length", "width")}
    pixels = {"object_area": np.pi * 100, "object_major": 30.0, "object_minor": 10.0}
    sample, predictions = sample_of(["Skeletonema"] * 2, **columns, **pixels, process_particle_pixel_size_mm=0.001)
    assert row(measured(sample, predictions), "Skeletonema")["biovolume_mm3_l"] == pytest.approx(4000 * np.pi / 4 * 3000 * 1e-9)
    assert row(measured(sample, predictions), "Skeletonema", "sizes")["abd_median_um"] == pytest.approx(20)
    bare = replace(sample, objects=sample.objects.drop(columns=list(pixels)))
    found = measured(bare, predictions)
    assert np.isnan(row(found, "Skeletonema")["biovolume_mm3_l"])
    assert any("The size is not known for 2 of 2 particles" in note for note in found.notes)


def test_labels_that_no_table_names_are_said_and_junk_is_no_cell():
    sample, predictions = sample_of(["Skeletonema"] * 4)
    given = predictions.corrected(["o0"], label="Thingummy").corrected(["o1"], label="Junk")
    found = measured(sample, given)
    assert any("does not name Thingummy: taken as protists" in note for note in found.notes)
    assert row(found, CELLS)["n_counted"] == 3
    assert np.isnan(row(found, "Junk")["biovolume_mm3_l"])


def test_predictions_of_another_sample_are_refused():
    sample, predictions = sample_of(["Skeletonema"] * 2)
    with pytest.raises(LabelError, match="'o1' was predicted but is not in run"):
        measured(sample.where([0]), predictions)
    again = measured(sample.where([1, 0]), predictions)
    assert row(again, "Skeletonema")["n_counted"] == 2
