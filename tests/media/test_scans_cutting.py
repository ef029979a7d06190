"""Vignettes cut out of scans, alone on white, and whole scans as the use case opens them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import imagine_kernels as ik
from imagine_kernels.errors import DataNotFound, ImageError
from imagine_kernels.files import Files
from imagine_kernels.measures.morphometry import FEATURES, morphometry
from imagine_kernels.media.objects import Pictures
from imagine_kernels.media.scans import PreparedScan, ScanCutter, ScanObjects, ScanSettings, find_objects, with_scale_bar
from imagine_kernels.media.vignettes import find_scale_bar
from imagine_kernels.samples.zooscan_scan import make_scan


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scan(tmp_path_factory.mktemp("scan") / "project", 5, width=1900, height=1200, n=12)


def two_shapes() -> PreparedScan:
    pixels = np.full((1000, 2100), 254, dtype=np.uint8)
    cv2.circle(pixels, (300, 300), 100, 120, 12)
    pixels[290:310, 290:310] = 200
    # Within the box of the circle, and no part of it.
    pixels[205:215, 205:215] = 60
    pixels[600:640, 900:1000] = np.linspace(30, 240, 100)
    return PreparedScan(name="scan", pixels=pixels, dpi=2400, frame=(0, 0, 2100, 1000))


def test_an_object_is_alone_on_white() -> None:
    scan = two_shapes()
    objects, _ = find_objects(scan, ScanSettings())
    assert len(objects) == 2
    rows = objects.to_dict("records")
    cut = ScanObjects(scan, 243)
    vignette = cut.vignette(rows[0])
    side = int(rows[0]["object_width"])
    rim = round(0.2 * side)
    assert vignette.shape == (side + 2 * rim, side + 2 * rim)
    # The square in the corner is gone, the hole is white, what lies in the hole is part of the object.
    assert (np.unique(vignette) == [120, 200, 255]).all()
    assert (vignette[:rim] == 255).all()
    measured, origin = cut.measured(rows[0])
    assert origin == (rows[0]["object_bx"], rows[0]["object_by"])
    # For measuring, the hole keeps its grey value.
    assert (np.unique(measured) == [120, 200, 254, 255]).all()
    np.testing.assert_array_equal(cut.measured(rows[1])[0], scan.pixels[600:640, 900:1000])


def test_without_its_first_pixel_an_object_is_the_one_that_fills_the_box() -> None:
    scan = two_shapes()
    row = find_objects(scan, ScanSettings())[0].to_dict("records")[0]
    cut = ScanObjects(scan, 243)
    bare = {name: value for name, value in row.items() if "start" not in name}
    np.testing.assert_array_equal(cut.vignette(bare), cut.vignette(row))
    np.testing.assert_array_equal(cut.vignette({**row, "object_xstart": row["object_bx"]}), cut.vignette(row))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"object_bx": 2050.0}, r"holds no object there \(221 × 221 px at 2050"),
        ({"object_by": -1.0}, "holds no object there"),
        ({"object_width": 0.0}, "holds no object there"),
        ({"object_width": float("nan")}, "says no box of an object"),
        ({"object_bx": 1500.0, "object_by": 100.0}, "is white at 1500, 100, where an object should be"),
    ],
)
def test_where_there_is_no_object(change: dict[str, float], said: str) -> None:
    scan = two_shapes()
    row = find_objects(scan, ScanSettings())[0].to_dict("records")[0]
    said = said.replace("221", f"{row['object_width']:.0f}")
    with pytest.raises(ImageError, match=said):
        ScanObjects(scan, 243).vignette({**row, **change})


def test_the_scale_bar_is_one_that_is_recognised() -> None:
    vignette = np.full((60, 40), 255, dtype=np.uint8)
    vignette[20:40, 10:30] = 90
    picture = with_scale_bar(vignette, 25.4 / 2400)
    bar = find_scale_bar(picture)
    assert bar is not None
    assert bar.top_row == 60
    assert bar.mm_per_px == pytest.approx(25.4 / 2400, rel=1 / 94)
    assert picture.shape[1] >= 96


def test_a_project_opens_as_objects_with_their_pictures(project: Path) -> None:
    sample = ik.use_case("zooscan").open(project)
    truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))
    objects = sample.objects
    assert (sample.layout, sample.cut_from, sample.problems) == ("ZooProcess project with whole scans", "scan", ())
    assert len(sample) == sum(each["kind"] in ("isolated", "touching") for each in truth["objects"])
    assert objects["object_id"][0] == f"{truth['scan_id']}_1"
    assert objects["object_id"].is_unique
    first = objects.iloc[0]
    assert (first["sample_id"], first["sample_tot_vol"], first["acq_sub_part"]) == (truth["sample_id"], 42.5, 4.0)
    assert first["process_particle_pixel_size_mm"] == pytest.approx(25.4 / 2400)
    # 43° 30.6' N, 7° 21.3' E: the table writes the east negative.
    assert (first["object_lat"], first["object_lon"]) == pytest.approx((43.51, 7.355))
    with Pictures(sample) as pictures, ThreadPoolExecutor(4) as pool:
        vignettes = list(pool.map(pictures.load, range(len(sample))))
    for row, vignette in zip(objects.to_dict("records"), vignettes, strict=True):
        # What was measured on the scan and what the vignette shows are the same object; only its holes were made white.
        again = morphometry(vignette)
        for name in ("area", "area_exc", "perim.", "major", "angle", "feret", "width", "height", "min"):
            assert again[name] == pytest.approx(row[f"object_{name}"]), name
    assert {f"object_{name}" for name in FEATURES} <= set(objects)


def test_scans_beside_each_other_where_one_is_broken(project: Path, tmp_path: Path) -> None:
    truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))
    (tmp_path / "good.tif").write_bytes((project / truth["scan"]).read_bytes())
    for k in (1, 2):
        (tmp_path / f"blank{k}.tif").write_bytes((project / f"Zooscan_back/20250601_0900_back_large_raw_{k}.tif").read_bytes())
    dark = np.full((1000, 2100), 20, dtype=np.uint8)
    Image.fromarray(dark).save(tmp_path / "dark.png")
    workflow = ik.use_case("zooscan")
    with pytest.raises(DataNotFound, match="holds no usable object"):
        workflow.open(tmp_path / "dark.png")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "good.tif").write_bytes((tmp_path / "good.tif").read_bytes())
    left_out = workflow.open(tmp_path).problems
    assert {problem.item for problem in left_out if "too small" in str(problem)} == {"blank1.tif", "blank2.tif"}
    sample = workflow.open(tmp_path, blank="blank1.tif;blank2.tif")
    assert set(sample.objects["file"]) == {"good.tif", "again/good.tif"}
    assert set(sample.objects["sample_id"]) == {"good.tif", "again_good.tif"}
    assert sample.objects["object_id"].is_unique
    assert [problem.item for problem in sample.problems if "invert it" in str(problem)] == ["dark.png"]
    assert not any("estimated" in str(problem) for problem in sample.problems if problem.item == "good.tif")
    with Pictures(sample) as pictures:
        assert pictures.load(0).min() < 243


def test_a_project_that_was_set_up_otherwise_is_said(project: Path) -> None:
    sample = ik.use_case("zooscan").open(project, ratio=1.1)
    assert [str(problem) for problem in sample.problems] == [
        "Zooscan_config: the project was processed with ratio 1.15, here 1.1 was used; set ratio=1.15 for the same objects."
    ]


def test_one_scan_with_settings(project: Path) -> None:
    truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))
    sample = ik.use_case("zooscan").open(project / truth["scan"], dpi=1200, min_esd_mm=1.2, tot_vol=10)
    assert sample.layout.startswith("whole scans")
    assert (sample.objects["object_esd"] * 25.4 / 1200 >= 1.19).all()
    assert (sample.objects["sample_tot_vol"] == 10).all()
    assert len(sample.problems) == 1


def test_the_blanks_of_one_scan_lie_beside_it_and_nowhere_else(project: Path, tmp_path: Path) -> None:
    truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))
    (tmp_path / "scan.tif").write_bytes((project / truth["scan"]).read_bytes())
    back = project / "Zooscan_back" / "20250601_0900_back_large_raw_1.tif"
    (tmp_path / "blank.tif").write_bytes(back.read_bytes())
    workflow = ik.use_case("zooscan")
    sample = workflow.open(tmp_path / "scan.tif", blank="blank.tif")
    assert (sample.name, sample.problems) == ("scan", ())
    assert len(sample) == sum(each["kind"] in ("isolated", "touching") for each in truth["objects"])
    with Pictures(sample) as pictures:
        assert pictures.load(0).min() < 243
    with pytest.raises(DataNotFound, match="is not there any more"):
        workflow.open(tmp_path / "scan.tif", blank=str(back))


def test_check_tells_of_the_project(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    table = folder / "Zooscan_meta" / "zooscan_scan_header_table.csv"
    table.write_text(table.read_text(encoding="latin-1").replace(";4;no;", ";3;no;"), encoding="latin-1")
    checked = ik.use_case("zooscan").check(folder)
    said = [str(problem) for problem in checked.problems]
    assert any("its splitting 3 is no power of two" in each for each in said)
    assert any("its note says Fracnb 4, the table 3" in each for each in said)


def test_a_project_that_was_processed_opens_its_vignettes_and_is_checked_all_the_same(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    scan_id = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["scan_id"]
    work = folder / "Zooscan_scan" / "_work" / scan_id
    work.mkdir(parents=True)
    lines = "".join(f"{k};{scan_id};700\n" for k in (1, 2, 3))
    (work / f"{scan_id}_dat1.pid").write_text(
        f"PID\n[Sample]\nSampleId= s\n[Data]\n!Item;Label;Area\n{lines}", encoding="latin-1"
    )
    for k in (1, 2):
        Image.new("L", (50, 60), 200).save(work / f"{scan_id}_{k}.jpg")
    checked = ik.use_case("zooscan").check(folder)
    assert (checked.layout, checked.cut_from, len(checked)) == ("ZooProcess PID", "", 3)
    assert any("2 vignettes, 3 objects in the pid file" in str(problem) for problem in checked.problems)


def test_a_cutter_without_its_scan(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("x")
    with Files(tmp_path) as files, pytest.raises(ImageError, match=r"scan\.tif is not there any more"):
        ScanCutter(files, "scan.tif", {}).cut({"object_bx": 1.0})


def test_a_real_scan_opens_from_its_zip(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("zooscan") / "zooimage_scans" / "ScanCol24-example-p72.zip"
    sample = ik.use_case("zooscan").open(path, dpi=600, weights="0.1 0.8 0.9", threshold=208, min_esd_mm=0.7, max_esd_mm=10)
    assert 66 <= len(sample) <= 68
    with Pictures(sample) as pictures:
        vignette: Any = pictures.load(0)
    assert (vignette[0] == 255).all()
    assert vignette.min() < 100
