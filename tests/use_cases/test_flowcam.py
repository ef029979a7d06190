"""FlowCam as a use case: proposals at opening, checking, crops in an EcoTaxa zip, tables of a person's own, the terminal's settings."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flowcam_runs import particles, write_run
from PIL import Image

import imagine_kernels as ik
from imagine_kernels.errors import DataNotFound, SettingError
from imagine_kernels.measures.particle_checks import PROPOSED
from imagine_kernels.records import Predictions
from imagine_kernels.result import Result
from imagine_kernels.use_cases.flowcam import USE_CASE


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = particles(6, esd_diameter=[4.5, 4.5, 2.0, 4.5, 4.5, 4.5], src_image=[1, 2, 20, 30, 40, 50])
    return write_run(tmp_path / "run", rows)


def result_of(folder: Path, label: str = "Noctiluca scintillans", **given) -> Result:
    sample = ik.use_case("flowcam").open(folder, **given)
    ids = sample.objects["object_id"].to_numpy(dtype=object)
    predictions = Predictions.of(ids, (label, "Detritus"), np.tile([0.9, 0.1], (len(ids), 1)))
    return Result(declaration=USE_CASE, sample=sample, predictions=predictions)


def test_opening_proposes_and_changes_no_status(run: Path):
    sample = ik.use_case("flowcam").open(run)
    assert sample.objects[PROPOSED].tolist() == ["", "duplicate", "size", "", "", ""]
    assert sample.objects["object_duplicate_of"].tolist() == ["", "r_1", "", "", "", ""]
    assert set(sample.objects["status"]) == {""}
    assert ik.use_case("flowcam").open(run, min_esd_um=1.0).objects[PROPOSED].tolist() == ["", "duplicate", "", "", "", ""]


def test_check_names_a_collage_once(run: Path):
    assert ik.use_case("flowcam").check(run).problems == ()
    (run / "r_000001.tif").write_bytes(b"broken")
    (run / "cal_image_000001.tif").unlink()
    problems = ik.use_case("flowcam").check(run).problems
    assert [problem.item for problem in problems] == ["cal_image_000001.tif", "r_000001.tif"]


def test_accepted_rules_remove_at_measuring(run: Path):
    result = result_of(run)
    counts = [result.measure(remove=rules).tables["runs"]["n_counted"].iloc[0] for rules in ("", "size", "size,duplicate", "all")]
    assert counts == [6, 5, 4, 4]
    with pytest.raises(SettingError, match="does not know the rule 'everything'"):
        result.measure(remove="everything")


def test_an_ecotaxa_zip_holds_the_crops_and_reads_back(run: Path, tmp_path: Path):
    result = result_of(run)
    written, lost = result.export("ecotaxa", tmp_path / "out.zip")
    again = ik.use_case("flowcam").open(written)
    assert (lost, again.problems, again.cut_from) == ([], (), "")
    pictures = ik.use_case("flowcam").pictures
    for cut, file in zip(pictures(result.sample), pictures(again), strict=True):
        np.testing.assert_array_equal(cut, file)
    assert again.objects[PROPOSED].tolist() == result.sample.objects[PROPOSED].tolist()
    column = "acq_volume_imaged_ml"
    np.testing.assert_allclose(again.objects[column].to_numpy(dtype=float), result.sample.objects[column].to_numpy(dtype=float))


def test_tables_of_taxa_and_watch_lists_are_files_of_the_settings(run: Path, tmp_path: Path):
    (tmp_path / "taxa.csv").write_text("name,aphia_id,group,shape\nThing,7,diatom,cylinder\n")
    (tmp_path / "watch.csv").write_text("taxon,aphia_id,threshold_cells_l,advice\nany name,7,1,ring the bell\n")
    result = result_of(run, label="Thing")
    found = result.measure(taxa=str(tmp_path / "taxa.csv"), watch_list=str(tmp_path / "watch.csv")).tables
    assert found["concentration"].set_index("taxon").loc["Thing", "aphia_id"] == "7"
    alert = found["harmful_algae"].iloc[0]
    assert (alert["taxon"], alert["labels"], alert["alert"], alert["advice"]) == (
        "any name",
        "Thing",
        "exceeded",
        "ring the bell",
    )
    with pytest.raises(DataNotFound, match="There is nothing at"):
        result.measure(watch_list=str(tmp_path / "none.csv"))


def test_settings_fill_what_a_run_does_not_say(run: Path):
    (run / "r.ctx").unlink()
    (run / "r_summary.csv").unlink()
    result = result_of(run)
    assert np.isnan(result.measure().tables["concentration"]["concentration_cells_l"]).all()
    found = result.measure(volume_imaged_ml=0.5, dilution_factor=2.0, concentration_factor=4.0).tables["concentration"]
    assert found["concentration_cells_l"].iloc[0] == pytest.approx(6 / 0.5 * 2 / 4 * 1000)


def test_a_run_without_collages_is_measured_by_its_table(tmp_path: Path):
    rows = particles(6, src_image=[1, 2, 20, 30, 40, 50], collage_file=["r_000001.tif"] * 4 + ["gone.tif"] * 2)
    workflow = ik.use_case("flowcam")
    whole, part = write_run(tmp_path / "whole", rows, collages=()), write_run(tmp_path / "part", rows)
    concentration = workflow.labelled_result(workflow.open(whole)).measure().tables["concentration"].iloc[0]
    # 6 particles in 0.02903 mL of a sample that was diluted 4 times.
    assert (concentration["taxon"], concentration["n_counted"]) == ("unidentified", 6)
    assert concentration["concentration_cells_l"] == pytest.approx(6 / 0.02903 * 4 * 1000)
    # The volume of what has pictures is reduced where only that was looked at, and not where all is counted.
    half = workflow.labelled_result(workflow.open(part))
    assert half.measure().tables["runs"].iloc[0][["n_counted", "particles_lost"]].tolist() == [6, 0]
    seen = replace(half, sample=half.sample.pictured, predictions=half.predictions[:4])
    assert seen.measure().tables["runs"].iloc[0][["n_counted", "particles_lost"]].tolist() == [4, 2]
    for result in (half, seen):
        found = result.measure().tables["concentration"].iloc[0]["concentration_cells_l"]
        assert found == pytest.approx(concentration["concentration_cells_l"])


def test_identifying_a_run_without_collages_says_that_pictures_are_needed(tmp_path: Path, starter_model):
    folder = write_run(tmp_path / "run", particles(3), collages=())
    workflow = ik.use_case("flowcam")
    with pytest.raises(
        DataNotFound, match=r"None of the 3 particles in .*run has a picture to identify it by: put the pictures there"
    ):
        workflow.identify(workflow.open(folder), starter_model("flowcam"))


def test_colour_collages_arrive_in_ecotaxa_in_colour(run: Path, tmp_path: Path):
    collage = np.random.default_rng(0).integers(0, 256, (60, 260, 3), dtype=np.uint8)
    Image.fromarray(collage).save(run / "r_000001.tif")
    result = result_of(run)
    written, _ = result.export("ecotaxa", tmp_path / "out.zip")
    with zipfile.ZipFile(written) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        for name, row in zip(names, result.sample.objects.to_dict("records"), strict=True):
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                x = int(row["object_bx"])
                np.testing.assert_array_equal(np.array(picture), collage[0:27, x : x + 20])
