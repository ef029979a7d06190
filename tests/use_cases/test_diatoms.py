"""Opening micrographs and crops of diatoms, and taking them out again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from imagine_kernels.catalog import get
from imagine_kernels.errors import DataNotFound
from imagine_kernels.media.objects import Pictures
from imagine_kernels.records import Confusion, Predictions
from imagine_kernels.samples.diatoms import make_sample

USE_CASE = get("diatoms")
from imagine_kernels.use_cases.diatoms import slide_of  # noqa: E402


def opened(path: Path, **given: object):
    return USE_CASE.read(path, USE_CASE.read_settings(given))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("diatoms") / "sample", 0)


@pytest.fixture
def three(drawn: Path, tmp_path: Path) -> Path:
    """Three plain micrographs."""
    for name in ("brook_01", "brook_02", "moor_01"):
        shutil.copy(drawn / "micrographs" / f"{name}.tif", tmp_path)
    return tmp_path


def ellipse(path: Path, *, um_per_px: float | None = None, background: int = 180) -> None:
    picture = np.full((600, 800), background, dtype=np.uint8)
    cv2.ellipse(picture, (400, 300), (120, 30), -30, 0, 360, 90, -1)
    options = {"dpi": (25_400 / um_per_px, 25_400 / um_per_px)} if um_per_px else {}
    Image.fromarray(picture).save(path, **options)


def test_valves_have_the_label_of_the_box_that_they_agree_with(drawn: Path):
    sample = opened(drawn)
    truth = json.loads((drawn / "truth.json").read_text(encoding="utf-8"))["valves"]
    objects = sample.objects
    assert sample.problems == ()
    assert (sample.cut_from, sample.layout) == ("micrograph", "micrographs with boxes")
    # Every box is there once, found or not; what was found besides has no label.
    assert sorted(objects["label"][objects["label"] != ""]) == sorted(each["label"] for each in truth)
    assert (objects["status"] == np.where(objects["label"] != "", "validated", "")).all()
    assert (objects["object_found_by"] == "person").mean() < 0.06
    assert set(objects["sample_id"]) == {each["sample_id"] for each in truth}
    for each in truth[:40]:
        mine = objects[objects["file"] == each["file"]]
        near = mine.iloc[np.hypot(mine["object_x"] - each["x"], mine["object_y"] - each["y"]).to_numpy().argmin()]
        assert near["label"] == each["label"]
        assert near["object_length_um"] == pytest.approx(each["length_px"] * 0.15, abs=3)
    inside = (objects["object_bx"] <= objects["object_x"]) & (
        objects["object_x"] <= objects["object_bx"] + objects["object_width"]
    )
    assert inside.all()
    assert objects["object_id"].is_unique


def test_annotations_of_pictures_that_are_not_there_are_told_of(drawn: Path, tmp_path: Path):
    for name in ("data.yaml", "images.csv"):
        shutil.copy(drawn / name, tmp_path)
    shutil.copytree(drawn / "labels", tmp_path / "labels")
    (tmp_path / "micrographs").mkdir()
    shutil.copy(drawn / "micrographs" / "moor_01.tif", tmp_path / "micrographs")
    sample = opened(tmp_path)
    assert len(sample.problems) == 19 + 1
    assert all("are of a picture that is not there" in problem.what for problem in sample.problems[:19])
    assert "of one sample" in sample.problems[19].what
    assert set(sample.objects["file"]) == {"micrographs/moor_01.tif"}
    assert (sample.objects["label"] != "").mean() > 0.8


def test_plain_micrographs_are_searched_and_cut(three: Path):
    sample = opened(three)
    assert sample.problems == ()
    assert sample.labels == ()
    assert set(sample.objects["sample_id"]) == {"brook", "moor"}
    assert set(sample.objects["acq_id"]) == {"brook_01", "brook_02", "moor_01"}
    with Pictures(sample) as pictures:
        squares = [picture for _, picture in pictures.many()]
    assert len(squares) == len(sample) >= 20
    assert all(each.shape[0] == each.shape[1] for each in squares)
    assert USE_CASE.check(sample, None) == []


def test_a_zip_is_the_same(three: Path, tmp_path_factory: pytest.TempPathFactory):
    packed = Path(shutil.make_archive(str(tmp_path_factory.mktemp("zip") / "slides"), "zip", three))
    columns = ["object_id", "object_x", "object_angle"]
    assert opened(packed).objects[columns].equals(opened(three).objects[columns])


def test_a_broken_micrograph_is_a_problem_and_the_others_are_searched(three: Path):
    (three / "gone_01.tif").write_bytes((three / "moor_01.tif").read_bytes()[:20_000])
    (three / "empty.png").write_bytes(b"")
    sample = opened(three, pictures="micrographs")
    assert {problem.item for problem in sample.problems} == {"gone_01.tif", "empty.png"}
    assert all(problem.remedy for problem in sample.problems)
    assert len(sample) >= 20


def test_a_micrograph_without_scale_is_told_of(tmp_path: Path):
    ellipse(tmp_path / "a.png")
    sample = opened(tmp_path)
    assert [(problem.severity, "do not say how large a pixel is" in problem.what) for problem in sample.problems] == [
        ("warning", True)
    ]
    assert sample.objects["object_length_um"].isna().all()
    told = opened(tmp_path, um_per_px=0.1)
    assert told.problems == ()
    assert told.objects["object_length_um"].tolist() == pytest.approx([24], abs=0.8)
    assert told.objects["process_particle_pixel_size_mm"].tolist() == pytest.approx([1e-4])


def test_a_scale_that_the_setting_contradicts(tmp_path: Path):
    ellipse(tmp_path / "a.png", um_per_px=0.1)
    sample = opened(tmp_path, um_per_px=0.2)
    assert "a pixel is 0.1 µm by the resolution of the file, not 0.2 µm" in sample.problems[0].what
    assert sample.objects["object_length_um"].tolist() == pytest.approx([24], abs=0.8)


def test_small_pictures_are_crops_unless_the_setting_says_otherwise(tmp_path: Path):
    picture = np.full((160, 400), 180, dtype=np.uint8)
    cv2.ellipse(picture, (200, 80), (120, 30), 0, 0, 360, 90, -1)
    Image.fromarray(picture).save(tmp_path / "a.png")
    crops = opened(tmp_path)
    assert (crops.cut_from, crops.layout, len(crops)) == ("", "pictures", 1)
    searched = opened(tmp_path, pictures="micrographs", um_per_px=0.1)
    assert searched.cut_from == "micrograph"
    assert searched.objects["object_length_px"].tolist() == pytest.approx([240], abs=8)


def test_crops_in_folders_of_genera_are_grouped_by_species(tmp_path: Path):
    names = {
        "train/Navicula": ["Navicula cari-1.png", "Navicula  cari-2.png", "Navicula cincta-1.png"],
        "train/Nitzschia": ["Nitzschia palea-1.png", "unknown.png"],
    }
    for folder, files in names.items():
        (tmp_path / folder).mkdir(parents=True)
        for file in files:
            Image.fromarray(np.full((60, 30), 180, dtype=np.uint8)).save(tmp_path / folder / file)
    sample = opened(tmp_path)
    by_file = dict(zip(sample.objects["file"], sample.objects["object_species"], strict=True))
    assert by_file["train/Navicula/Navicula  cari-2.png"] == by_file["train/Navicula/Navicula cari-1.png"] == "Navicula cari"
    assert by_file["train/Nitzschia/unknown.png"] == "unknown"
    assert sample.labels == ("Navicula", "Nitzschia")
    assert [problem.severity for problem in sample.problems] == ["warning"]
    assert "all 5 labelled valves are of one sample" in sample.problems[0].what


def test_what_was_identified_goes_out_as_crops_and_comes_back(three: Path, tmp_path_factory: pytest.TempPathFactory):
    sample = opened(three)
    n = len(sample)
    probabilities = np.tile([[0.7, 0.3]], (n, 1))
    predictions = Predictions.of(sample.objects["object_id"].tolist(), ("Navicula cari", "Nitzschia palea"), probabilities)
    written, lost = USE_CASE.exports["ecotaxa"](sample, predictions, tmp_path_factory.mktemp("out") / "out.zip")
    assert lost == []
    again = opened(written)
    assert again.problems == ()
    assert again.cut_from == ""
    assert again.objects["label"].tolist() == ["Navicula cari"] * n
    assert again.objects["object_length_um"].tolist() == pytest.approx(sample.objects["object_length_um"].tolist())
    with Pictures(sample) as before, Pictures(again) as after:
        for row in range(n):
            np.testing.assert_array_equal(before.load(row), after.load(row))


def test_the_user_brings_tables(three: Path, tmp_path_factory: pytest.TempPathFactory):
    tables = tmp_path_factory.mktemp("tables")
    (tables / "taxa.csv").write_text("code,name,rank\nNCAR,Navicula cari,species\n", encoding="utf-8")
    (tables / "ips.csv").write_text("index,taxon,s,v\nIPS,NCAR,4,2\n", encoding="utf-8")
    (tables / "classes.csv").write_text("index,status_class,from_value\nIPS,good,13\nIPS,bad,1\n", encoding="utf-8")
    sample = opened(three)
    predictions = Predictions.of(sample.objects["object_id"].tolist(), ("NCAR", "b"), np.tile([[0.9, 0.1]], (len(sample), 1)))
    confusion = Confusion(classes=("NCAR", "b"), counts=np.array([[50, 0], [0, 50]]))
    given = {"taxa": tables / "taxa.csv", "index_table": tables / "ips.csv", "class_boundaries": tables / "classes.csv"}
    measured = USE_CASE.measure(sample, predictions, confusion, USE_CASE.read_settings(given))
    assert measured.tables["taxa"]["taxon"].unique().tolist() == ["Navicula cari"]
    assert measured.tables["indices"]["value"].tolist() == pytest.approx([4.75 * 4 - 3.75] * 2)
    good = measured.tables["status"][measured.tables["status"]["status_class"] == "good"]
    assert good["probability"].tolist() == [1, 1]
    assert not any("EXAMPLE" in note for note in measured.notes)
    example = USE_CASE.measure(sample, predictions, confusion, USE_CASE.read_settings())
    assert "invented" in example.notes[0]
    bare = USE_CASE.read_settings({"index_table": "", "class_boundaries": "", "taxa": ""})
    none = USE_CASE.measure(sample, predictions, confusion, bare)
    assert "indices" not in none.tables
    with pytest.raises(DataNotFound, match="There is no table at"):
        USE_CASE.measure(sample, predictions, confusion, USE_CASE.read_settings({"index_table": tables / "gone.csv"}))


@pytest.mark.parametrize(
    ("name", "slide"),
    [
        ("micrographs/brook_01.tif", "brook"),
        ("S12/field 3.tif", "S12"),
        ("images/loire-2024-003.png", "loire-2024"),
        ("7.tif", "7"),
        ("train/a.tif", "a"),
    ],
)
def test_the_slide_of_a_field(name: str, slide: str):
    assert slide_of(name) == slide


def test_real_crops_are_read_with_their_species(shared_data):
    sample = opened(shared_data("diatoms") / "njtech_genera12")
    assert len(sample) == 480
    assert len(sample.labels) == 12
    assert sample.objects["object_species"].nunique() > 250
    assert [problem.severity for problem in sample.problems] == ["warning"]
