"""ZooProcess project folders: what belongs to which scan, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.files import Files
from imagine_kernels.formats.zooprocess_project import columns_of, is_project, read_configuration, read_project
from imagine_kernels.formats.zooprocess_project_quality import project_problems

SAMPLES = "sampleid;stationid;date;latitude;longitude;vol;zmin;zmax;nettype"
SCANS = "scanid;sampleid;fracid;fracmin;fracsup;fracnb;submethod"


def project(
    folder: Path,
    samples: tuple[str, ...] = ("a_st46;46;20230626-0828;47.5076;15.2622;476;793;1024;bioness",),
    scans: tuple[str, ...] = ("a_st46_d1_1;a_st46;d1;1000;999999;2;motoda", "a_st46_d2_1;a_st46;d2;200;1000;16;motoda"),
    *,
    raw: tuple[str, ...] = ("a_st46_d1_raw_1", "a_st46_d2_raw_1"),
    blanks: tuple[str, ...] = ("20230601_0800_back_large_raw_1", "20230601_0800_back_large_raw_2"),
    texts: dict[str, str] | None = None,
) -> Path:
    files = {
        "Zooscan_meta/zooscan_sample_header_table.csv": "\n".join((SAMPLES, *samples)) + "\n",
        "Zooscan_meta/zooscan_scan_header_table.csv": "\r\n".join((SCANS, *scans)) + "\r\n",
        **{f"Zooscan_scan/_raw/{name}.tif": "" for name in raw},
        **{f"Zooscan_back/{name}.tif": "" for name in blanks},
        **(texts or {}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="latin-1", newline="")
    return folder


def said(folder: Path) -> list[str]:
    with Files(folder) as files:
        records, problems = read_project(files)
        return [str(problem) for problem in [*problems, *project_problems(files, records)]]


def test_a_project_as_it_should_be(tmp_path: Path) -> None:
    folder = project(tmp_path)
    with Files(folder) as files:
        assert is_project(files)
        records, problems = read_project(files)
        assert problems == []
        assert project_problems(files, records) == []
    first = records[0]
    assert first.file == "Zooscan_scan/_raw/a_st46_d1_raw_1.tif"
    assert first.blanks == tuple(f"Zooscan_back/20230601_0800_back_large_raw_{k}.tif" for k in (1, 2))
    columns = columns_of(records, [2, 3])
    assert columns["sample_id"].tolist() == ["a_st46"] * 5
    assert columns["acq_id"].tolist() == ["d1_a_st46"] * 2 + ["d2_a_st46"] * 3
    np.testing.assert_array_equal(columns["acq_sub_part"], [2, 2, 16, 16, 16])
    np.testing.assert_array_equal(columns["sample_tot_vol"], [476] * 5)
    assert (columns["object_date"][0], columns["object_time"][0]) == ("20230626", "0828")
    # The same sample in EcoTaxa: 47.846 and -15.437.
    assert (columns["object_lat"][0], columns["object_lon"][0]) == pytest.approx((47.846, -15.437))
    assert (columns["object_depth_min"][0], columns["object_depth_max"][0]) == (793, 1024)


def test_degrees_with_decimals_stay(tmp_path: Path) -> None:
    folder = project(tmp_path, samples=("a_st46;46;20230626-0828;39.1968;-68.9043;476;0;10;wp2",))
    with Files(folder) as files:
        records, problems = read_project(files)
    assert "60 minutes or more" in str(problems[0])
    columns = columns_of(records, [1, 1])
    assert (columns["object_lat"][0], columns["object_lon"][0]) == (39.1968, -68.9043)


def test_several_projects_in_one_folder(tmp_path: Path) -> None:
    project(tmp_path / "one")
    project(tmp_path / "two", raw=("a_st46_d1_raw_1",))
    with Files(tmp_path) as files:
        records, _ = read_project(files)
    assert [(record.root, record.file != "") for record in records] == [
        ("one/", True),
        ("one/", True),
        ("two/", True),
        ("two/", False),
    ]


def test_blanks_of_the_same_area_before_the_scan(tmp_path: Path) -> None:
    later = tuple(f"20230901_0800_back_large_raw_{k}" for k in (1, 2))
    narrow = tuple(f"20230610_0800_back_narrow_raw_{k}" for k in (1, 2))
    single = ("20230611_0800_back_large_raw_1",)
    first = tuple(f"20230601_0800_back_large_raw_{k}" for k in (1, 2))
    log = {"Zooscan_scan/_raw/a_st46_d1_1_log.txt": "Scanning_date= 20230701_1000\nScanning_area= large\n"}
    folder = project(tmp_path, blanks=(*first, *later, *narrow, *single), texts=log)
    with Files(folder) as files:
        records, _ = read_project(files)
    assert records[0].blanks == tuple(f"Zooscan_back/{name}.tif" for name in first)
    # Without a log the last ones of any area are taken.
    assert "20230901" in records[1].blanks[0]


def test_a_converted_scan_with_the_background_that_was_combined(tmp_path: Path) -> None:
    texts = {"Zooscan_scan/a_st46_d1_1.tif": "", "Zooscan_back/20230601_0800_background_large_manual.tif": ""}
    folder = project(tmp_path, raw=(), blanks=(), texts=texts)
    with Files(folder) as files:
        records, _ = read_project(files)
    assert records[0].file == "Zooscan_scan/a_st46_d1_1.tif"
    assert records[0].blanks == ("Zooscan_back/20230601_0800_background_large_manual.tif",)


GOOD = "a_st46;46;20230626-0828;47.5076;15.2622;476;793;1024;bioness"
D1 = "a_st46_d1_1;a_st46;d1;1000;999999;2;motoda"
D2 = "a_st46_d2_1;a_st46;d2;200;1000;16;motoda"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"raw": ("a_st46_d1_raw_1",)}, "a_st46_d2_1: there is no scan of it"),
        ({"raw": ("a_st46_d1_raw_1", "a_st46_d2_raw_1", "b_tot_raw_1")}, "b_tot_1: its scan has no line in zooscan_scan_header_table.csv"),
        ({"blanks": ("20230601_0800_back_large_raw_1",)}, "there is no pair of blank scans"),
        ({"samples": (GOOD.replace(";476;", ";99999;"),)}, "its filtered volume is missing or not above 0"),
        ({"samples": (GOOD.replace("a_st46", "b_st46"),)}, "its sample a_st46 has no line in zooscan_sample_header_table.csv"),
        ({"samples": (GOOD, GOOD)}, "a_st46 stands in 2 lines"),
        ({"samples": (GOOD + ";x",)}, "zooscan_sample_header_table.csv, line 2: 10 values where the header has 9"),
        ({"scans": (D1, D2.replace(";16;", ";nan;"))}, "its splitting is missing or not above 0"),
        ({"scans": (D1, D2.replace(";16;", ";12;"))}, "its splitting 12 is no power of two"),
        ({"scans": (D1.replace(";2;", ";32;"), D2)}, "its rare large animals (d1) are split more often than the small ones (d2)"),
        ({"scans": (D1, D2.replace("200;1000", "2000;1000"))}, "its smallest mesh 2000 µm is not below its largest 1000 µm"),
        ({"scans": (D1, D2.replace("200;1000", "200;500"))}, "the smallest mesh of d1 is 1000 µm, the largest of d2 500 µm"),
        ({"scans": (D1, D2.replace("a_st46;d2", "a_st46;tot"))}, "its name is not made of its sample a_st46 and its fraction tot"),
        (
            {"scans": (D1, D2, "b_d1_1;b;d1;1000;9999;4;motoda"), "samples": (GOOD, GOOD.replace("a_st46", "b"))},
            "b: its fraction d2 is missing",
        ),
        (
            {"scans": ("a_st46_d1_1_sur_3_1;a_st46;d1_1_sur_3;1000;9999;4;motoda", "a_st46_d1_3_sur_3_1;a_st46;d1_3_sur_3;1000;9999;4;motoda")},
            "of the 3 parts of its fraction d1 part 2 is missing",
        ),
        (
            {"scans": tuple(f"a_st46_tot_{k};a_st46;tot;200;1000;4;motoda" for k in (1, 2, 3))},
            "all 3 scans have the same splitting 4",
        ),
        (
            {"texts": {"Zooscan_scan/_raw/a_st46_d1_1_meta.txt": "SampleId= a_st46\nVol= 350\nFracnb= 2.0\n"}},
            "its note says Vol 350, the table 476",
        ),
        (
            {"texts": {"Zooscan_scan/_work/a_st46_d1_1/a_st46_d1_1_dat1.pid": "PID\n[Data]\n!Item;Label;Area\n1;a_st46_d1_1;9\n2;a_st46_d1_1;9\n",
                       "Zooscan_scan/_work/a_st46_d1_1/a_st46_d1_1_1.jpg": "",
                       "Zooscan_scan/_work/a_st46_d1_1/ecotaxa_a_st46_d1_1.tsv": "object_id\n[t]\na_1\n"}},
            "the numbers do not agree: 1 vignettes, 2 objects in the pid file, 1 lines of the EcoTaxa table",
        ),
        (
            {"texts": {"Zooscan_scan/_work/a_st46_d1_1/a_st46_d1_1_dat1.pid": "PID\r[Data]\r!Item;Label;Area\r1;other_d1_1;9\r",
                       "Zooscan_scan/_work/a_st46_d1_1/a_st46_d1_1_1.jpg": ""}},
            "it holds objects of other_d1_1",
        ),
        (
            {"texts": {"Zooscan_scan/_work/a_st46_d1_1/a_st46_d1_1_dat1.pid": "PID\n[Data]\n!Item;Label\n"}},
            "a_st46_d2_1: it has no table of objects, which other scans of the project have",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_named(tmp_path: Path, given: dict[str, tuple[str, ...]], wanted: str) -> None:
    found = said(project(tmp_path, **given))  # type: ignore[arg-type]
    assert any(wanted in each for each in found), found


def test_tables_that_are_missing_or_nonsense(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "Zooscan_meta/zooscan_scan_header_table.csv").write_bytes(bytes(range(256)) * 3)
    (folder / "Zooscan_meta/zooscan_sample_header_table.csv").unlink()
    with Files(folder) as files:
        records, problems = read_project(files)
    assert {record.scan_id for record in records} >= {"a_st46_d1_1", "a_st46_d2_1"}
    assert records[-1].columns["sample_id"] == "a_st46_d2"
    assert any("cannot be read" in str(problem) for problem in problems)


def test_how_a_project_was_processed(tmp_path: Path) -> None:
    texts = {
        "Zooscan_config/process_install_both_config.txt": "background_process= last\nminsizeesd_mm= 0.5\nmaxsizeesd_mm= 100\nupper= 230.0\n",
        "Zooscan_config/lut.txt": "0\n65536\n1\nbefore\nyes\n1.8\n1.2\n",
    }
    with Files(project(tmp_path, texts=texts)) as files:
        wanted = {"threshold": 230, "min_esd_mm": 0.5, "max_esd_mm": 100, "optical_density": 1.8, "ratio": 1.2}
        assert read_configuration(files, "") == wanted
        assert read_configuration(files, "other/") == {}


def test_other_folders_are_no_projects(tmp_path: Path) -> None:
    (tmp_path / "scan.tif").write_bytes(b"")
    with Files(tmp_path) as files:
        assert not is_project(files)
        assert read_project(files) == ([], [])
