"""The measure of the use case: tables, units, notes and settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.diatom_indices import Boundary, Index
from imagine_kernels.measures.diatom_taxa import Taxon, by_name_and_code
from imagine_kernels.measures.diatoms import measure_diatoms
from imagine_kernels.records import Confusion, Predictions, Sample

CLASSES = ("Navicula (girdle view)", "Navicula cari", "Navicula cincta", "Nitzschia palea", "unidentified (fragment)")
CONFUSION = Confusion(classes=CLASSES, counts=np.diag([40, 40, 40, 40, 40]) + 1)
TAXA = by_name_and_code([Taxon(name="Navicula cari", code="NCAR", rank="species", genus="Navicula")])
INDEX = Index(name="IPS", values={"NCAR": (4, 2), "Nitzschia palea": (1, 3)}, slope=4.75, intercept=-3.75)
BOUNDARIES = (Boundary(index="IPS", status_class="bad", from_value=1), Boundary(index="IPS", status_class="good", from_value=10))


def sample_of(n=120):
    objects = {
        "object_id": [f"o{i}" for i in range(n)], "file": "a.tif", "label": "", "status": "",
        "sample_id": [f"slide {i % 2}" for i in range(n)], "object_length_px": 200.0, "object_breadth_px": 50.0,
        "object_area": np.pi / 4 * 200 * 50, "process_particle_pixel_size_mm": 0.0001,
    }  # fmt: skip
    return Sample(name="river", source=Path("river"), layout="micrographs", objects=pd.DataFrame(objects), cut_from="micrograph")


def predictions_of(sample, shares=(0.1, 0.4, 0.2, 0.2, 0.1), certain=0.9):
    rng = np.random.default_rng(0)
    at = rng.choice(len(CLASSES), len(sample), p=shares)
    probabilities = np.full((len(sample), len(CLASSES)), (1 - certain) / (len(CLASSES) - 1))
    probabilities[np.arange(len(at)), at] = certain
    return Predictions.of(sample.objects["object_id"].tolist(), CLASSES, probabilities)


def measured(sample, predictions, confusion=CONFUSION, **settings):
    given = {"n_draws": 200, "min_probability": 0.5, "index_table": "", **settings}
    return measure_diatoms(sample, predictions, confusion, given, taxa=TAXA, indices=[INDEX], boundaries=BOUNDARIES)


def test_the_tables_and_their_units():
    sample = sample_of()
    predictions = predictions_of(sample)
    found = measured(sample, predictions)
    assert list(found.tables) == ["taxa", "counts", "accumulation", "sizes", "indices", "status"]
    taxa = found.tables["taxa"]
    assert set(taxa["taxon"]) == {"Navicula", "Navicula cari", "Navicula cincta", "Nitzschia palea"}
    assert taxa[taxa["taxon"] == "Navicula cari"]["code"].tolist() == ["NCAR", "NCAR"]
    for _, mine in taxa.groupby("sample_id"):
        assert mine["relative_abundance"].sum() == pytest.approx(1)
        assert mine["relative_abundance_corrected"].sum() == pytest.approx(1)
    for kind in ("relative_abundance", "relative_abundance_corrected"):
        assert (taxa[f"{kind}_low"] <= taxa[kind]).all()
        assert (taxa[kind] <= taxa[f"{kind}_high"]).all()
    counts = found.tables["counts"]
    pieces = int((predictions.label == "unidentified (fragment)").sum())
    assert counts["n_fragments"].sum() == pieces
    assert counts["n_counted"].sum() == len(sample) - pieces == taxa["n_counted"].sum()
    sizes = found.tables["sizes"].set_index("taxon")
    # 200 px of 0.1 µm, an ellipse of 20 µm by 5 µm and 2.5 µm high.
    assert sizes.loc["Navicula cari", "length_mean_um"].tolist() == pytest.approx([20, 20])
    assert sizes.loc["Navicula cari", "biovolume_mean_um3"].tolist() == pytest.approx([np.pi / 4 * 20 * 5 * 2.5] * 2)
    assert sizes.loc["Navicula", "width_mean_um"].isna().all()
    assert sizes.loc["Navicula", "biovolume_mean_um3"].tolist() == pytest.approx([np.pi / 4 * 20 * 10 * 5] * 2)
    indices = found.tables["indices"]
    assert (indices["value_low"] <= indices["value"]).all()
    assert (indices["value"] <= indices["value_high"]).all()
    valued = taxa[taxa["taxon"].isin(["Navicula cari", "Nitzschia palea"])].groupby("sample_id")["n_counted"].sum()
    assert indices["n_with_value"].tolist() == valued.tolist()
    assert found.tables["status"].groupby("sample_id")["probability"].sum().tolist() == pytest.approx([1, 1])


def test_the_notes_say_what_is_missing():
    sample = sample_of()
    notes = " ".join(measured(sample, predictions_of(sample)).notes)
    assert "Fewer than 400 valves are counted in 2 of 2 samples" in notes
    assert "fragments are not counted" in notes
    assert "take the height of a cell as 0.5 times its width" in notes
    assert "of the counted valves have a value" in notes
    without = " ".join(measured(sample, predictions_of(sample), None, target_count=10, count_fragments=True).notes)
    assert "carries no confusion" in without
    assert "Fewer than" not in without
    assert "fragments are counted" in without


def test_doubtful_names_fall_back_and_people_are_believed():
    sample = sample_of(40)
    doubtful = predictions_of(sample, shares=(0, 0.5, 0.5, 0, 0), certain=0.4)
    found = measured(sample, doubtful, None)
    assert set(found.tables["taxa"]["taxon"]) == {"Navicula"}
    assert "40 of 40 objects were less certain than 0.5: 40 are counted under their genus, 0 as unidentified." in found.notes
    seen = doubtful.corrected(["o0", "o2"], label="Navicula cari")
    taxa = measured(sample, seen, None).tables["taxa"].set_index(["sample_id", "taxon"])
    assert taxa.loc[("slide 0", "Navicula cari"), ["n_counted", "n_validated"]].tolist() == [2, 2]
    assert set(measured(sample, doubtful, None, min_probability=0).tables["taxa"]["taxon"]) == {
        "Navicula cari",
        "Navicula cincta",
    }


def test_the_uncertain_are_unidentified_and_have_no_value():
    sample = sample_of(40)
    found = measured(sample, predictions_of(sample, certain=0.4), None, min_probability=0.95)
    assert found.tables["taxa"]["taxon"].unique().tolist() == ["unidentified"]
    assert found.tables["counts"]["unidentified_share"].tolist() == [1, 1]
    assert found.tables["indices"]["value"].isna().all()
    assert found.tables["status"]["probability"].isna().all()


def test_without_scale_there_are_no_sizes_but_by_the_setting():
    sample = sample_of()
    bare = replace(sample, objects=sample.objects.drop(columns=["process_particle_pixel_size_mm"]))
    found = measured(bare, predictions_of(sample))
    assert "sizes" not in found.tables
    assert "No sizes are given" in " ".join(found.notes)
    told = measured(bare, predictions_of(sample), um_per_px=0.2).tables["sizes"]
    assert told["length_mean_um"].tolist() == pytest.approx([40] * len(told))
    crops = replace(bare, objects=bare.objects.drop(columns=["object_length_px", "object_area"]))
    assert "sizes" not in measured(crops, predictions_of(sample), um_per_px=0.2).tables


def test_discarded_valves_count_nowhere():
    sample = sample_of()
    predictions = predictions_of(sample)
    left_out = [str(each) for each in predictions.object_id[:50]]
    found = measured(sample, predictions.corrected(left_out, status="discarded"))
    again = measured(sample.where(np.arange(50, 120)), predictions[50:])
    pd.testing.assert_frame_equal(found.tables["taxa"], again.tables["taxa"])
    assert "Discarded and left out: 50 of 120 objects." in found.notes


def test_a_sample_of_which_nothing_counts():
    sample = sample_of(4)
    found = measured(sample, predictions_of(sample).corrected([f"o{i}" for i in range(4)], status="discarded"), None)
    assert found.tables["counts"]["n_counted"].tolist() == [0, 0]
    assert "taxa" not in found.tables


def test_an_object_that_is_not_there():
    sample = sample_of()
    with pytest.raises(LabelError, match="'o5' was predicted but is not in river"):
        measured(sample.where([0, 1]), predictions_of(sample)[5:6])
