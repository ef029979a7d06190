"""ZooProcess pid files, with and without vignettes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.vignettes import read_vignettes

PID = (
    "PID\r\n[Image]\r\nScanning_date= 20200304_1134\r\n \r\n[Sample]\r\nSampleId= st1_1000\r\nShip= Thalassa\r\nStationId= é\r\n"
    "Date= 20190801-1049\r\nLatitude= 47.5076\r\nLongitude= 15.2622\r\nDepth= 99999\r\nNetmesh= 333\r\nZmax= 200.1\r\nZmin= 100\r\n"
    "Vol= 792.6\r\nSample_comment= nan\r\n \r\n[Fraction]\r\nFracId= tot\r\nMin= 1000\r\n \r\n[Subsample]\r\nSubPart= 8\r\n \r\n"
    "[Particules_Process]\r\nDate= 20200331_1451\r\nPixSize=   0.0106\r\n \r\n[Data]\r\n"
    "!Item;Label;Area;Mean;Perim.;%Area;Tag\r\n1;st1_tot_1;2307;229.86;12.1;NaN;1\r\n2;st1_tot_1;99999;nan;11;0.5;1\r\n"
)


def pid(text: str = PID) -> bytes:
    return text.encode("latin-1")


def test_pid_with_vignettes_in_a_work_folder(lay: Callable[..., Path]) -> None:
    folder = lay({"st1_dat1.pid": pid(), "_work/st1_tot_1/st1_tot_1_1.jpg": None, "_work/st1_tot_1/st1_tot_1_2.jpg": None})
    sample = read_vignettes(folder, {})
    objects = sample.objects
    assert (sample.layout, sample.problems) == ("ZooProcess PID", ())
    assert objects["object_id"].tolist() == ["st1_tot_1_1", "st1_tot_1_2"]
    assert objects["file"].tolist() == ["_work/st1_tot_1/st1_tot_1_1.jpg", "_work/st1_tot_1/st1_tot_1_2.jpg"]
    assert objects["label"].tolist() == objects["status"].tolist() == ["", ""]
    np.testing.assert_array_equal(objects["object_area"], [2307, 99999])
    np.testing.assert_array_equal(objects["object_mean"], [229.86, np.nan])
    np.testing.assert_array_equal(objects["object_%area"], [np.nan, 0.5])
    first = objects.iloc[0].to_dict()
    wanted = {
        "sample_id": "st1_1000",
        "acq_id": "tot_st1_1000",
        "sample_ship": "Thalassa",
        "sample_stationid": "é",
        "sample_comment": "",
        "sample_net_mesh": "333",
        "acq_min_mesh": "1000",
        "sample_tot_vol": 792.6,
        "acq_sub_part": 8.0,
        "process_particle_pixel_size_mm": 0.0106,
        "object_depth_min": 100.0,
        "object_depth_max": 200.1,
        # 47° 50.76' north and 15° 26.22' west.
        "object_lat": 47.846,
        "object_lon": -15.437,
        "object_date": "20190801",
        "object_time": "1049",
    }
    assert {column: first[column] for column in wanted} == wanted


def test_missing_values_are_missing_and_settings_fill_them(lay: Callable[..., Path]) -> None:
    text = PID.replace("SubPart= 8", "SubPart= 999999").replace("Vol= 792.6", "Vol= NaN")
    folder = lay({"st1_dat1.pid": pid(text), "st1_tot_1_1.jpg": None, "st1_tot_1_2.jpg": None})
    objects = read_vignettes(folder, {}).objects
    assert objects[["acq_sub_part", "sample_tot_vol"]].isna().all(axis=None)
    filled = read_vignettes(folder, {"sub_part": 2.0, "tot_vol": 3.0})
    assert filled.objects[["acq_sub_part", "sample_tot_vol"]].to_numpy().tolist() == [[2, 3], [2, 3]]
    assert filled.problems == ()


def test_places_with_decimals_stay_in_all_files_of_a_folder(lay: Callable[..., Path]) -> None:
    other = PID.replace("st1", "st2").replace("Latitude= 47.5076", "Latitude= 47.8460").replace("15.2622", "-15.437")
    sample = read_vignettes(lay({"a_dat1.pid": pid(PID.replace("15.2622", "-15.2622")), "b_dat1.pid": pid(other)}), {})
    assert sample.objects["object_lat"].tolist() == [47.5076] * 2 + [47.846] * 2
    assert sample.objects["object_lon"].tolist() == [-15.2622] * 2 + [-15.437] * 2
    assert sum("taken for degrees with decimals, as they stand" in problem.what for problem in sample.problems) == 1


def test_the_other_hemispheres_and_places_in_words(lay: Callable[..., Path]) -> None:
    text = PID.replace("Latitude= 47.5076", "Latitude= -33.1530").replace("Longitude= 15.2622", "Longitude= -151.0600")
    text = text.replace("Depth= 99999", "latitude_end= 33°30 0\r\nlongitude_end= NaN")
    first = read_vignettes(lay({"a_dat1.pid": pid(text)}), {}).objects.iloc[0]
    assert (first["object_lat"], first["object_lon"]) == pytest.approx((-33.255, 151.1))
    assert first["object_lat_end"] == pytest.approx(33.5)
    assert np.isnan(first["object_lon_end"])


def test_pid_without_vignettes_can_be_measured(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(lay({"st1_dat1 (1).pid": pid()}), {})
    assert sample.objects["file"].tolist() == ["", ""]
    assert [f"{problem.severity}: {problem}" for problem in sample.problems] == [
        "warning: st1_dat1 (1).pid: it has no vignettes, so that its objects can be measured but not identified; put the vignettes beside it."
    ]


def test_some_vignettes_missing(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(lay({"st1_dat1.pid": pid(), "st1_tot_1_2.png": None}), {})
    assert sample.objects["file"].tolist() == ["", "st1_tot_1_2.png"]
    assert sample.problems[0].what == "1 of 2 objects have no vignette and cannot be identified"


def test_single_pid_of_a_folder(lay: Callable[..., Path]) -> None:
    folder = lay({"a_dat1.pid": pid(), "b_dat1.pid": pid(PID.replace("st1", "st2"))})
    assert len(read_vignettes(folder, {})) == 4
    sample = read_vignettes(folder / "b_dat1.pid", {})
    assert (sample.objects["sample_id"].tolist(), sample.name, sample.source) == (["st2_1000"] * 2, "b_dat1", folder)


def test_the_same_pid_twice(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(
        lay({"a_dat1 (1).pid": pid(), "a_dat1.pid": pid(), "st1_tot_1_1.jpg": None, "st1_tot_1_2.jpg": None}), {}
    )
    assert len(sample) == 2
    assert [str(problem) for problem in sample.problems] == [
        "a_dat1.pid: it repeats the objects of a_dat1 (1).pid and was left out; remove one of the two."
    ]


def test_bad_rows(lay: Callable[..., Path]) -> None:
    text = PID + "1;st1_tot_1;5;5;5;5;1\r\n3;st1_tot_1;5\r\n"
    sample = read_vignettes(lay({"a.pid": pid(text), "st1_tot_1_1.jpg": None, "st1_tot_1_2.jpg": None}), {})
    assert len(sample) == 2
    assert [str(problem) for problem in sample.problems] == [
        "a.pid, line 35: 3 values where the header has 7; look for a cut-off line.",
        "a.pid, line 34: the object st1_tot_1_1 occurs a second time, first in a.pid; remove one of the two.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello", r"a\.pid does not begin with the line PID: give a _dat1\.pid file of ZooProcess"),
        (PID.partition("[Data]")[0], r"a\.pid has no table under \[Data\]: run the particle analysis of ZooProcess again"),
        (PID.partition("!Item")[0], r"a\.pid has no table under \[Data\]"),
        (PID.replace("!Item;Label", "!No;Name"), r"a\.pid has no column Item or Label under \[Data\]"),
    ],
)
def test_what_is_no_pid(lay: Callable[..., Path], text: str, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        read_vignettes(lay({"a.pid": pid(text)}), {})


def test_one_bad_file_does_not_stop_the_others(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(lay({"a.pid": b"hello", "b.pid": pid(), "st1_tot_1_1.jpg": None, "st1_tot_1_2.jpg": None}), {})
    assert len(sample) == 2
    assert [str(problem) for problem in sample.problems] == [
        "a.pid: does not begin with the line PID; give a _dat1.pid file of ZooProcess."
    ]


def test_pid_without_objects(lay: Callable[..., Path]) -> None:
    text = PID.partition("1;st1")[0]
    with pytest.raises(DataNotFound, match=r"\(ZooProcess PID\) holds no usable object: give a pid file with a table of objects"):
        read_vignettes(lay({"a.pid": pid(text)}), {})


def test_real_pids(shared_data: Callable[[str], Path]) -> None:
    sample = read_vignettes(shared_data("zooscan") / "pid_hb1907", {})
    assert len(sample) == 7299
    assert {problem.severity for problem in sample.problems} == {"warning"}
    objects = sample.objects
    assert objects["object_id"].is_unique
    assert set(objects["process_particle_pixel_size_mm"]) == {0.0106}
    net5 = objects[objects["sample_id"] == "hb1907_moc8_net5_333_1"]
    assert (len(net5), set(net5["sample_tot_vol"]), set(net5["acq_sub_part"])) == (962, {792.6}, {8.0})
    assert objects["object_area"].min() >= 631
    # The cruise sampled the slope south of New England, beyond the edge of the shelf: its nets went down to 1000 m.
    assert objects["object_lat"].between(39.0, 39.5).all()
    assert objects["object_lon"].between(-69.1, -68.8).all()
    assert sum("degrees with decimals" in problem.what for problem in sample.problems) == 1
