"""From a whole scan to an EcoTaxa file: all objects of the truth, with scale bars, and nothing lost on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import imagine_kernels as ik
from imagine_kernels.files import Files
from imagine_kernels.media.objects import Pictures
from imagine_kernels.media.vignettes import find_scale_bar, load
from imagine_kernels.records import Predictions
from imagine_kernels.result import Result, open_result
from imagine_kernels.samples.zooscan_scan import make_scan


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scan(tmp_path_factory.mktemp("scan") / "project", 5, width=1600, height=1500, n=14)


def result_of(folder: Path, **settings: object) -> Result:
    """What a model would leave, all of one taxon."""
    workflow = ik.use_case("zooscan")
    sample = workflow.open(folder, **settings)
    predictions = Predictions.of(sample.objects["object_id"].tolist(), ("Copepoda",), np.ones((len(sample), 1)))
    return Result(declaration=workflow.declaration, sample=sample, predictions=predictions)


def test_a_project_becomes_vignettes_with_scale_bars_in_an_ecotaxa_zip(project: Path, tmp_path: Path) -> None:
    result = result_of(project)
    truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))
    isolated = {(each["bx"], each["by"]) for each in truth["objects"] if each["kind"] == "isolated"}
    found = set(zip(result.sample.objects["object_bx"].astype(int), result.sample.objects["object_by"].astype(int), strict=True))
    assert isolated <= found
    written, lost = result.export("ecotaxa", tmp_path / "scan.zip")
    assert lost == []
    again = ik.use_case("zooscan").open(written)
    assert again.problems == ()
    assert len(again) == len(result) >= 14
    assert set(again.objects["label"]) == {"Copepoda"}
    size = float(again.objects["process_particle_pixel_size_mm"].iloc[0])
    with Files(written) as files, Pictures(result.sample) as pictures:
        for row, name in enumerate(again.objects.set_index("object_id").loc[result.predictions.object_id.tolist(), "file"]):
            bar = find_scale_bar(load(files, name, scale_bar_px=0))
            assert bar is not None
            assert bar.mm_per_px == pytest.approx(size, rel=0.02)
            vignette, cut = load(files, name), pictures.load(row)
            margin = (vignette.shape[1] - cut.shape[1]) // 2
            np.testing.assert_array_equal(vignette[:, margin : margin + cut.shape[1]], cut)


def test_a_result_of_a_scan_is_found_again(project: Path, tmp_path: Path) -> None:
    result = result_of(project)
    again = open_result(result.save(tmp_path / "out"))
    assert again.sample.cut_from == "scan"
    header = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"file", "object_bx", "object_by", "object_width", "object_height"} <= set(header)
    with Pictures(again.sample) as after, Pictures(result.sample) as before:
        np.testing.assert_array_equal(after.load(3), before.load(3))
    table = again.measure().tables["abundance"]
    assert (table["abundance_ind_m3"] > 0).all()


def test_one_scan_alone_and_one_that_is_broken(project: Path, tmp_path: Path) -> None:
    raw = next((project / "Zooscan_scan" / "_raw").glob("*.tif"))
    for name in ("a.tif", "b.tif"):
        shutil.copy(raw, tmp_path / name)
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:20_000])
    sample = ik.use_case("zooscan").open(tmp_path, dpi=2400)
    assert set(sample.objects["file"]) == {"a.tif"}
    assert set(sample.objects["sample_id"]) == {"a"}
    assert [problem.item for problem in sample.problems if problem.item.startswith("b.tif")]
