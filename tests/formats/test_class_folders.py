"""Folders per class, plain pictures and labels tables."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.vignettes import read_vignettes


def labels_of(lay: Callable[..., Path], *names: str) -> dict[str, str]:
    objects = read_vignettes(lay(dict.fromkeys(names)), {}).objects
    return dict(zip(objects["file"], objects["label"], strict=True))


def test_one_folder_per_class(lay: Callable[..., Path]) -> None:
    folder = lay({"Copepoda__6666/a.png": None, "Copepoda__6666/b.png": None, "Daphnia, a. sp/a.png": None, "notes.md": "x"})
    sample = read_vignettes(folder, {})
    assert (sample.layout, sample.problems) == ("class folders", ())
    assert sample.objects["label"].tolist() == ["Copepoda", "Copepoda", "Daphnia, a. sp"]
    assert sample.objects["status"].tolist() == ["validated"] * 3
    assert sample.objects["object_id"].tolist() == ["Copepoda__6666/a.png", "b", "Daphnia, a. sp/a.png"]
    assert sample.objects["sample_id"].tolist() == ["cruise"] * 3


@pytest.mark.parametrize("root", ["", "cruise/", "any name/", "images/", "a/b/"])
def test_folders_around_the_class_folders_are_no_classes(lay: Callable[..., Path], root: str) -> None:
    assert set(labels_of(lay, f"{root}Copepoda/a.png", f"{root}detritus/b.png").values()) == {"Copepoda", "detritus"}


def test_image_folders_inside_class_folders(lay: Callable[..., Path]) -> None:
    assert set(labels_of(lay, "Copepoda/images/a.png", "detritus/images/b.png").values()) == {"Copepoda", "detritus"}


def test_the_same_classes_in_train_and_test(lay: Callable[..., Path]) -> None:
    assert set(labels_of(lay, "train/Copepoda/a.png", "test/Copepoda/b.png").values()) == {"Copepoda"}


def test_wrapped_zip(lay: Callable[..., Path], tmp_path: Path) -> None:
    folder = lay({"Copepoda/a.png": None, "detritus/b.png": None})
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, Path("wrapped", path.relative_to(folder)))
    sample = read_vignettes(tmp_path / "other.zip", {})
    assert (sample.name, sample.labels) == ("other", ("Copepoda", "detritus"))


@pytest.mark.parametrize("name", ["a.png", "images/a.png", "cruise/a.png", "IMG/a.png"])
def test_plain_pictures_have_no_label(lay: Callable[..., Path], name: str) -> None:
    sample = read_vignettes(lay({name: None, name.replace("a.", "b."): None}), {})
    assert (sample.layout, sample.labels, sample.problems) == ("pictures", (), ())
    assert sample.objects["status"].tolist() == ["", ""]


def test_one_class_only(lay: Callable[..., Path]) -> None:
    assert set(labels_of(lay, "Copepoda/a.png", "Copepoda/b.png").values()) == {"Copepoda"}


def test_single_picture(lay: Callable[..., Path]) -> None:
    folder = lay({"a.png": None, "b.png": None})
    sample = read_vignettes(folder / "a.png", {})
    assert (sample.objects["file"].tolist(), sample.source, sample.name) == (["a.png"], folder / "a.png", "a")


def test_pictures_beside_class_folders_are_kept_without_label(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(lay({"Copepoda/a.png": None, "detritus/b.png": None, "c.png": None}), {})
    assert sample.objects["label"].tolist() == ["Copepoda", "", "detritus"]
    assert [str(problem) for problem in sample.problems] == [
        "cruise: 1 pictures lie in no class folder and have no label; move them into the folder of their class."
    ]


def test_two_numbers_for_one_class_are_noted(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(lay({"part__1/a.png": None, "part__2/b.png": None}), {})
    assert sample.labels == ("part",)
    assert [str(problem) for problem in sample.problems] == [
        "part__2: the folder part__2 and another one both mean the class part; rename one if they differ."
    ]


def test_ids_of_pictures_that_differ_by_suffix_only(lay: Callable[..., Path]) -> None:
    sample = read_vignettes(lay({"a.png": None, "a.jpg": None, "a.png.jpg": None}), {})
    assert sorted(sample.objects["object_id"]) == ["a.jpg", "a.png", "a.png.jpg"]


@pytest.mark.parametrize("files", [{}, {"notes.md": "x"}, {"table.csv": "a,b\n"}, {"readme.txt": "hello"}])
def test_nothing_to_work_on(lay: Callable[..., Path], files: dict[str, str]) -> None:
    wanted = r"cruise holds nothing to work on: put an EcoTaxa table .* or a folder of pictures per class there, or give another path\.$"
    with pytest.raises(DataNotFound, match=wanted):
        read_vignettes(lay(files), {})


def test_only_zips(lay: Callable[..., Path]) -> None:
    with pytest.raises(DataNotFound, match=r"cruise holds no pictures but 2 zip files: open one of them, e\.g\. a\.zip\."):
        read_vignettes(lay({"a.zip": b"", "b.zip": b""}), {})


@pytest.mark.parametrize("path", ["nowhere", "nowhere.zip", "nowhere.tsv"])
def test_no_such_path(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataNotFound, match=r"There is nothing at .*nowhere.*: check the spelling"):
        read_vignettes(tmp_path / path, {})


LABELS = "id,img_path,label\n1,io/images/1.png,Copepoda\n2,io/images/2.png, detritus \n3,io/images/3.png,\n"


def test_labels_table_with_features(lay: Callable[..., Path]) -> None:
    features = gzip.compress(b"id,area,perim.,name\n2,99999,1.5,x\n1,10,nan,y\n9,1,1,z\n")
    folder = lay(
        {
            "a_labels.csv": LABELS,
            "a_features.csv.gz": features,
            **{f"images/{i}.png": None for i in (1, 2, 3)},
        }
    )
    sample = read_vignettes(folder, {"tot_vol": 2.0})
    objects = sample.objects
    assert sample.layout == "labels CSV"
    assert objects["object_id"].tolist() == ["1", "2", "3"]
    assert objects["file"].tolist() == ["images/1.png", "images/2.png", "images/3.png"]
    assert objects["label"].tolist() == ["Copepoda", "detritus", ""]
    assert objects["status"].tolist() == ["validated", "validated", ""]
    np.testing.assert_array_equal(objects["object_area"], [10, 99999, np.nan])
    np.testing.assert_array_equal(objects["object_perim."], [np.nan, 1.5, np.nan])
    assert "object_name" not in objects
    assert objects["sample_tot_vol"].tolist() == [2, 2, 2]
    assert [str(problem) for problem in sample.problems] == [
        "a_features.csv.gz: 1 objects have no row of features; they are measured on the pictures."
    ]


def test_labels_table_with_bad_rows(lay: Callable[..., Path]) -> None:
    folder = lay({"labels.csv": LABELS + "1,1.png,a\n4,none.png,a\n,2.png,a\n5\n", **{f"{i}.png": None for i in (1, 2, 3)}})
    sample = read_vignettes(folder / "labels.csv", {})
    assert len(sample) == 3
    assert [str(problem) for problem in sample.problems] == [
        "labels.csv, line 5: the id 1 occurs a second time, first in line 2; give each object an id of its own.",
        "labels.csv, line 6: the image none.png is missing; put it beside the table.",
        "labels.csv, line 7: no id; give each object an id of its own.",
        "labels.csv, line 8: only 1 values; look for a cut-off line.",
    ]


@pytest.mark.parametrize(("header", "missing"), [("id,img_path", "label"), ("id,label", "img_path")])
def test_labels_table_without_a_column(lay: Callable[..., Path], header: str, missing: str) -> None:
    folder = lay({"my_labels.csv": f"{header}\n1,a.png\n", "a.png": None})
    with pytest.raises(
        FormatError, match=rf"^my_labels\.csv has no column {missing}: name the columns id, img_path and label\.$"
    ):
        read_vignettes(folder / "my_labels.csv", {})


def test_real_labels_table(shared_data: Callable[[str], Path]) -> None:
    sample = read_vignettes(shared_data("zooscan") / "ecotaxa_ml_template_400", {})
    assert (len(sample), len(sample.labelled), sample.problems) == (320, 320, ())
    assert sample.objects["label"].value_counts().to_dict() == dict.fromkeys(
        ("Cladocera", "Copepoda", "Siphonophorae", "detritus"), 80
    )
    first = sample.objects.iloc[0]
    assert (first["object_id"], first["object_area"], first["object_perim."]) == ("1", 1983.0, 205.965512114594)


@pytest.mark.parametrize(
    ("part", "n", "classes"), [("uvpec_uvp6_vignettes", 700, 10), ("freshwater_zooplankton_cvat_sample", 55, 13)]
)
def test_real_class_folders(shared_data: Callable[[str], Path], part: str, n: int, classes: int) -> None:
    sample = read_vignettes(shared_data("zooscan") / part, {})
    assert (len(sample), len(sample.labels), sample.problems) == (n, classes, ())
    assert not any("__" in label for label in sample.labels)
    assert sample.objects["object_id"].is_unique
