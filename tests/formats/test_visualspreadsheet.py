"""Runs of VisualSpreadsheet: lists of old and new dialects, what belongs to a run, labels, and whatever can be wrong with them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from flowcam_runs import FIELDS, ROW, list_text, particles, save, write_run
from PIL import Image

from imagine_kernels.errors import DataError, FormatError, UnsafeArchive
from imagine_kernels.files import Files
from imagine_kernels.formats.flowcam import read_flowcam
from imagine_kernels.formats.flowcam_checks import check_runs
from imagine_kernels.formats.flowcam_run import read_classes, run_of
from imagine_kernels.formats.particle_list import column_of, read_list
from imagine_kernels.formats.visualspreadsheet import LAYOUT, run_files
from imagine_kernels.media.collages import check_collages


def whats(sample) -> list[str]:
    return [problem.what for problem in sample.problems]


def test_a_run_opens_with_its_facts_under_names_with_units(tmp_path: Path):
    sample = read_flowcam(write_run(tmp_path / "run", particles(3)), {})
    assert (sample.layout, sample.cut_from, sample.problems) == (LAYOUT, "collage", ())
    row = sample.objects.iloc[0]
    assert sample.objects["object_id"].tolist() == ["r_1", "r_2", "r_3"]
    assert (row["file"], row["sample_id"], row["acq_id"], row["label"], row["status"]) == ("r_000001.tif", "r", "r", "", "")
    assert [row[f"object_{name}"] for name in ("bx", "by", "width", "height")] == [0, 0, 20, 27]
    # abd_area is µm² already: it is not calibrated a second time.
    assert row["object_area_abd_um2"] == pytest.approx(1.6136)
    assert row["object_abd_um"] == pytest.approx(2 * np.sqrt(1.6136 / np.pi), abs=1e-4)
    assert (row["object_area"], row["process_particle_pixel_size_mm"]) == (21, pytest.approx(0.0005544))
    assert (row["object_date"], row["object_time"]) == ("20240408", "103255")
    assert (row["acq_volume_imaged_ml"], row["acq_efficiency"], row["sample_dilution"]) == (0.02903, pytest.approx(0.222), 4)
    assert (row["acq_frames"], row["acq_cell_depth_um"], row["acq_min_esd_um"]) == (889, 100, 3)
    assert row["acq_software"] == "VisualSpreadsheet 4.19.3"
    assert "object_lat" not in sample.objects


def test_the_imaged_volume_follows_from_frames_field_and_depth():
    # The real run of which ROW is a part: its summary says 0.02903 mL.
    context = {
        "capturestats.rawimagetotal": "889", "captureregion.acceptableleft": "1", "captureregion.acceptableright": "1278",
        "captureregion.acceptabletop": "1", "captureregion.acceptablebottom": "958", "fluid.flowcelldepth": "100",
        "fluid.calibrationconstant": "0.5544", "capturestats.volumecf": "0.8677",
    }  # fmt: skip
    assert run_of(context, {}).volume_ml == pytest.approx(0.02903, rel=5e-4)
    assert run_of({}, {"sample volume processed": "0.1310 ml", "efficiency": "22.2%"}).volume_ml == pytest.approx(
        0.02908, rel=1e-3
    )
    assert run_of({}, {}).volume_ml is None


def test_an_old_context_and_classification(shared_data):
    folder = shared_data("flowcam/flowcamr_ctx_cla")
    with Files(folder) as files:
        run, problems = run_files(files, "201-045311.lst")
        classes = read_classes(files, "201-045311.cla")
    assert problems == []
    assert (run.software, run.depth_um, run.frames, run.magnification) == ("VisualSpreadsheet 3.4.5", 300, 473, 4)
    assert (run.date, run.time) == ("20140720", "045325")
    assert len(classes) == 21
    assert classes[1].particles[:3] == (1, 12, 14)
    assert len(classes[1].particles) == 17
    assert sum(each.n_filters for each in classes) == 0


@pytest.mark.parametrize("name", ["r.lst", "r.flb"])
def test_one_list_may_be_given(tmp_path: Path, name: str):
    folder = write_run(tmp_path / "run", particles(2))
    (folder / "r.lst").rename(folder / name)
    assert len(read_flowcam(folder / name, {})) == 2


def test_an_old_list_without_ids_times_and_fringe_opens(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(2))
    old = [
        field for field in FIELDS if field.split("|")[0] not in ("image_id", "timestamp", "fringe_size", "raw_area", "cal_image")
    ]
    (folder / "r.lst").write_text(list_text(particles(2), fields=old).replace("017", "012", 1))
    sample = read_flowcam(folder, {})
    assert sample.problems == ()
    assert sample.objects["object_id"].tolist() == ["r_1", "r_2"]
    assert "object_area" not in sample.objects
    assert check_runs(sample) == []


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Area (ABD)", "abd_area"), ("Area (ABD) (µm²)", "abd_area"), ("Capture X (px)", "src_x"), ("Image Height (px)", "image_h"),
        ("Diameter (ESD) (um)", "esd_diameter"), ("Original Reference ID", "image_id"), ("UUID", "image_id"), ("Width", "width"),
        ("Elapsed Time (s)", "elapsed_time"), ("Ch2/Ch1 Ratio", "ch2_ch1_ratio"), ("\ufeffParticle ID", "id"), ("Circularity (Hu)", "circularity_hu"),
    ],
)  # fmt: skip
def test_headings_of_old_and_new_tables_are_the_same_columns(heading: str, column: str):
    assert column_of(heading) == column


@pytest.mark.parametrize("quoted", [False, True])
def test_an_exported_table_opens_without_its_list(tmp_path: Path, quoted: bool):
    folder = write_run(tmp_path / "run", particles(2))
    (folder / "r.lst").unlink()
    mark = '"' if quoted else ""
    head = "Particle ID,Area (ABD) (µm²),Diameter (ABD) (µm),Calibration Factor,Image File,Image X,Image Y,Image Width,Image Height,UUID,Note"
    rows = [f"{k},1.6136,1.4334,0.5544,{mark}r_000001.tif{mark},{24 * k},0,20,27,G{k},fine" for k in (1, 2)]
    (folder / "r.csv").write_text("\r\n".join([head, *rows, ""]), encoding="utf-8")
    sample = read_flowcam(folder, {})
    assert sample.problems == ()
    assert sample.objects["object_bx"].tolist() == [24, 48]
    assert sample.objects["object_note"].tolist() == ["fine", "fine"]
    assert sample.objects["object_abd_um"].tolist() == [1.4334, 1.4334]
    assert read_flowcam(folder / "r.csv", {}).objects["object_id"].tolist() == ["r_1", "r_2"]


def test_a_missing_collage_costs_its_own_pictures_only(tmp_path: Path):
    rows = particles(4, collage_file=["r_000001.tif", "r_000002.tif", "r_000003.tif", "r_000003.tif"])
    sample = read_flowcam(write_run(tmp_path / "run", rows), {})
    assert sample.objects["object_id"].tolist() == ["r_1", "r_2", "r_3", "r_4"]
    assert sample.objects["file"].tolist() == ["r_000001.tif", "", "", ""]
    assert sample.pictured.objects["object_id"].tolist() == ["r_1"]
    assert [(problem.item, problem.severity) for problem in sample.problems] == [
        ("r_000002.tif", "warning"), ("r_000003.tif", "warning"),
    ]  # fmt: skip
    assert whats(sample)[1] == (
        "the collage is missing: 2 particles of r.lst have no picture and can be measured but not identified"
    )
    assert sample.objects.iloc[0][["acq_particles_listed", "acq_particles_lost"]].tolist() == [4, 3]
    assert check_collages(sample) == []
    assert check_runs(sample) == []


def test_a_run_without_any_collage_opens_as_its_table(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(5, collage_file=["a.tif"] * 3 + ["b.tif"] * 2), collages=())
    sample = read_flowcam(folder, {})
    assert set(sample.objects["file"]) == {""}
    assert sample.objects["object_esd_um"].tolist() == [4.4814] * 5
    assert [problem.item for problem in sample.problems] == ["a.tif", "b.tif"]


def test_a_table_that_was_exported_without_places_opens_too(tmp_path: Path):
    text = "Particle ID,Diameter (ABD) (µm),Diameter (ESD) (µm),Area (ABD) (µm²),Calibration Factor\n1,1.4,4.5,1.6,0.55\n2,2.8,9.0,6.2,0.55\n"
    (tmp_path / "run 7.csv").write_text(text, encoding="utf-8")
    sample = read_flowcam(tmp_path, {})
    assert (sample.layout, sample.objects["object_id"].tolist()) == (LAYOUT, ["run 7_1", "run 7_2"])
    assert sample.objects["object_abd_um"].tolist() == [1.4, 2.8]
    assert whats(sample) == [
        "it names no collage: 2 particles of run 7.csv have no picture and can be measured but not identified"
    ]
    # Beside a list it may be of the same run.
    beside = write_run(tmp_path / "beside", particles(3))
    shutil.copy(tmp_path / "run 7.csv", beside)
    assert len(read_flowcam(beside, {})) == 3
    shutil.rmtree(beside)
    # A part of the place is a mistake, and other tables are none of particles.
    (tmp_path / "run 7.csv").write_text(text.replace("Calibration Factor", "Image X"), encoding="utf-8")
    with pytest.raises(DataError):
        read_flowcam(tmp_path, {})


def test_several_runs_are_one_sample_and_a_list_that_repeats_another_is_left_out(tmp_path: Path):
    write_run(tmp_path / "runs" / "a", particles(2, image_id=["x1", "x2"]), name="a")
    write_run(tmp_path / "runs" / "b", particles(3, image_id=["y1", "y2", "y3"]), name="b")
    write_run(tmp_path / "runs" / "c", particles(2, image_id=["y1", "z"]), name="c")
    sample = read_flowcam(tmp_path / "runs", {})
    assert sample.objects["sample_id"].tolist() == ["a", "a", "b", "b", "b", "c"]
    assert set(sample.objects["file"]) == {"a/r_000001.tif", "b/r_000001.tif", "c/r_000001.tif"}
    assert whats(sample) == ["1 of 2 particles were left out, as b/b.lst lists them already"]


def test_a_zip_opens_as_a_folder_does(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(2))
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    again, sample = read_flowcam(Path(packed), {}), read_flowcam(folder, {})
    assert again.objects.equals(sample.objects)


def test_labels_are_folders_of_pictures_named_by_image_or_number_and_classes_made_by_hand(tmp_path: Path):
    folder = write_run(tmp_path / "set" / "run", particles(5))
    ids = [row["image_id"] for row in particles(5)]
    for name in (f"Protist/r_{ids[0]}.png", f"Junk/{ids[1]}.PNG", "Tripos/r_0003.png"):
        (tmp_path / "set" / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / "set" / "classes" / name, np.zeros((4, 4), np.uint8))
    by_hand, by_filter = ("Noctiluca", "OR", "0", "2", "1", "4"), ("auto", "OR", "1", "C:\\value.flt", "1", "5")
    (folder / "r.cla").write_text("\n".join(["v3", "1", "mine", "2", *by_hand, *by_filter, ""]))
    sample = read_flowcam(tmp_path / "set", {})
    assert sample.objects["label"].tolist() == ["Protist", "Junk", "Tripos", "Noctiluca", ""]
    assert sample.objects["status"].tolist() == ["validated"] * 4 + [""]
    assert sample.problems == ()


def test_a_particle_in_two_class_folders_is_said(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(1))
    for label in ("Junk", "Protist"):
        (folder / label).mkdir()
        save(folder / label / f"r_{ROW['image_id']}.png", np.zeros((4, 4), np.uint8))
        save(folder / label / f"another-{label}_7.png", np.zeros((4, 4), np.uint8))
    sample = read_flowcam(folder, {})
    assert whats(sample) == ["the particle lies in the folder Junk too, which was believed"]


def test_what_the_list_lacks_is_taken_from_the_context_or_a_setting(tmp_path: Path):
    rows = particles(2, cal_const=[0, 0.5544])
    folder = write_run(tmp_path / "run", rows)
    pixel = "process_particle_pixel_size_mm"
    assert read_flowcam(folder, {}).objects[pixel].tolist() == pytest.approx([0.0005544] * 2)
    (folder / "r.ctx").unlink()
    sample = read_flowcam(folder, {})
    assert np.isnan(sample.objects["object_abd_um"].iloc[0])
    assert whats(sample) == ["1 particles have no calibration factor, their sizes in µm are not known"]
    assert read_flowcam(folder, {"um_per_px": 2.0}).objects[pixel].iloc[0] == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("|20|27|", "|20|", 1), "23 values where there are 24 fields"),
        (lambda text: text.replace("|1.6136|", "|much|", 1), "abd_area is not a number: 'much', taken as missing"),
        (lambda text: text.replace("1|0|0|20|27", "1|0|0|-3|27", 1), "1 particles have no box in a collage and were left out"),
        (lambda text: text.replace("1|0|0|20|27", "1||0|20|27", 1), "1 particles have no box in a collage and were left out"),
        (lambda text: text.replace("0.5544|4.5|", "inf|4.5|", 1), None),
        (lambda text: text + "\n\n", None),
        (lambda text: text.replace("\n", "\r\n"), None),
    ],
)  # fmt: skip
def test_a_bad_row_is_a_problem_and_the_others_are_read(tmp_path: Path, change, said: str | None):
    folder = write_run(tmp_path / "run", particles(3))
    changed = change((folder / "r.lst").read_text())
    (folder / "r.lst").write_bytes(changed.encode())
    sample = read_flowcam(folder, {})
    assert len(sample) >= 2
    assert whats(sample) == ([] if said is None else [said])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "is no particle list of VisualSpreadsheet"),
        ("017\nnum-fields|x\n", "is no particle list of VisualSpreadsheet"),
        ("\0\1\2", "is no particle list of VisualSpreadsheet"),
        ("017\nnum-fields|999999\nid|int32\n", "names 1 fields where it announces 999999"),
        (
            "017\nnum-fields|3\nid|int32\n1|2|3\n4|5|6\n",
            "names 3 fields where it announces 3|does not say where the particles lie",
        ),
        (list_text([ROW], fields=[field for field in FIELDS if "image_x" not in field]), "image_x missing"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str, match: str):
    (tmp_path / "r.lst").write_text(text)
    with pytest.raises(FormatError, match=match):
        read_flowcam(tmp_path, {})


def test_a_broken_classification_or_context_does_not_cost_the_run(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(2))
    (folder / "r.cla").write_text("v3\n1\nmine\n2\nNoctiluca\nOR\n0\n99\n1\n")
    (folder / "r.ctx").write_bytes(b"\xff\xfe\x00[Fluid]\nFlowCellDepth=deep\n=\n")
    sample = read_flowcam(folder, {})
    assert len(sample) == 2
    assert [problem.item for problem in sample.problems] == ["r.cla"]
    assert sample.problems[0].what.startswith("breaks off in line")


def test_whatever_happens_to_a_file_it_is_read_or_refused(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(4))
    (folder / "r.cla").write_text("v3\n1\nmine\n1\nNoctiluca\nOR\n0\n2\n1\n2\n")
    whole = {path: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in (".lst", ".ctx", ".csv", ".cla")}
    pieces = (b"|", b"\n", b"\0", b"nan", b"1e999", b",", b'"', b"\r", b"99999999999999999999", b"-5", b"\xff")
    rng, opened = np.random.default_rng(0), 0
    for _ in range(120):
        for path, content in whole.items():
            path.write_bytes(content)
        path = list(whole)[rng.integers(len(whole))]
        data = bytearray(whole[path])
        for _ in range(rng.integers(1, 12)):
            at = int(rng.integers(len(data)))
            data[at : at + int(rng.integers(0, 30))] = pieces[rng.integers(len(pieces))]
        path.write_bytes(bytes(data))
        try:
            sample = read_flowcam(folder, {})
        except DataError:
            continue
        check_runs(sample)
        assert sample.objects["object_id"].is_unique
        opened += 1
    assert opened > 60


def test_numbers_that_repeat_do_not_make_ids_that_do(tmp_path: Path):
    sample = read_flowcam(write_run(tmp_path / "run", particles(3, id=[1, 1, 2])), {})
    assert sample.objects["object_id"].tolist() == ["r_1", "r_2", "r_3"]


def test_many_particles_are_read_by_columns_and_no_collage_is_opened(tmp_path: Path):
    n = 20_000
    rows = particles(1) * n
    text = list_text(rows[:1])
    head, row = text.rsplit("\n", 2)[0], text.rsplit("\n", 2)[1]
    ending = row.removeprefix("1|").removesuffix("000000000001")
    (tmp_path / "r.lst").write_text("\n".join([head, *(f"{k}|{ending}{k:012d}" for k in range(1, n + 1)), ""]))
    # A collage that nobody could decode.
    (tmp_path / "r_000001.tif").write_bytes(b"")
    sample = read_flowcam(tmp_path, {})
    assert len(sample) == n
    assert sample.objects["object_id"].is_unique
    assert sample.objects["object_bx"].dtype == np.float64


def test_check_says_what_a_run_lacks(tmp_path: Path):
    folder = write_run(tmp_path / "run", particles(2))
    assert check_runs(read_flowcam(folder, {})) == []
    (folder / "r_summary.csv").write_text("Count,7\nSample Volume Imaged ml,0.0500\n")
    (folder / "cal_image_000001.tif").unlink()
    (folder / "r_000001_bin.tif").unlink()
    assert [problem.what for problem in check_runs(read_flowcam(folder, {}))] == [
        "the summary counts 7 particles, the list holds 2",
        "the summary says 0.05 mL were imaged; frames, field, depth and volume factor make 0.02903 mL",
        "the calibration picture is missing, in whose light particles of r were found",
        "1 collages of r have no mask (_bin.tif) beside them",
    ]
    (folder / "r.ctx").unlink()
    (folder / "r_summary.csv").unlink()
    assert "neither a summary nor a context" in check_runs(read_flowcam(folder, {}))[0].what


def test_real_runs_open_with_their_labels(shared_data):
    sample = read_flowcam(shared_data("flowcam/vickot_flowcam8000") / "Training" / "data" / "raw", {})
    assert (len(sample), sample.problems) == (2000, ())
    assert check_runs(sample) == []
    assert sample.objects["acq_volume_imaged_ml"].unique().tolist() == [0.02903, 0.01737]
    labelled = read_flowcam(shared_data("flowcam/vickot_flowcam8000") / "Training" / "data", {})
    assert labelled.objects["label"].value_counts().to_dict() == {"Junk": 1562, "Missed": 231, "Protist": 207}
    assert [problem.item for problem in labelled.problems] == ["initial_data_preparation.csv"]


def test_the_exported_table_of_a_real_run_says_the_same_as_its_list(shared_data):
    folder = next((shared_data("flowcam/vickot_flowcam8000") / "Training" / "data" / "raw").iterdir())
    with Files(folder) as files:
        lst, table = (
            read_list(files, next(name for name in files.names(end) if "summary" not in name)) for end in (".lst", ".csv")
        )
    assert len(lst) == len(table) == 1000
    for name in ("id", "image_x", "image_h", "abd_area", "esd_diameter", "width", "edge_gradient", "circularity_hu", "src_image"):
        np.testing.assert_allclose(table.columns[name], lst.columns[name], atol=5e-5, err_msg=name)
    assert table.columns["image_id"].tolist() == lst.columns["image_id"].tolist()


def test_planktonclas_data_open_with_the_parts_they_were_split_into(shared_data):
    sample = read_flowcam(shared_data("flowcam/planktonclas_demo"), {})
    assert sample.layout == "planktonclas data set"
    assert (len(sample), sample.problems) == (97, ())
    assert sample.objects["label"].value_counts()["Noctilucales"] == 21
    assert sample.objects["sample_part"].value_counts().to_dict() == {"train": 82, "val": 15}


def test_planktonclas_lists_name_what_is_not_there(tmp_path: Path):
    (tmp_path / "images" / "A").mkdir(parents=True)
    (tmp_path / "dataset_files").mkdir()
    save(tmp_path / "images" / "A" / "one.png", np.zeros((5, 5), np.uint8))
    (tmp_path / "dataset_files" / "classes.txt").write_text("first\nsecond\n")
    (tmp_path / "dataset_files" / "train.txt").write_text("A/one.png 1\nA/two.png 0\n\n")
    (tmp_path / "dataset_files" / "test.txt").write_text("A/one.png 0\n")
    sample = read_flowcam(tmp_path, {})
    assert sample.objects["label"].tolist() == ["second"]
    assert whats(sample) == [
        "the picture A/two.png is missing",
        "the picture A/one.png is named twice, first in dataset_files/train.txt",
    ]


def test_vignettes_by_class_open_too(tmp_path: Path):
    for label in ("Tripos", "Noctiluca"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / label / f"{label}.png")
    sample = read_flowcam(tmp_path, {})
    assert (sample.layout, sample.labels, sample.cut_from) == ("class folders", ("Noctiluca", "Tripos"), "")


def test_hostile_zips_are_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../r.lst", list_text([ROW]))
    with pytest.raises(UnsafeArchive, match="leads outside"):
        read_flowcam(tmp_path / "evil.zip", {})
