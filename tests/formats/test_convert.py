"""From one format to another, and what is lost on the way."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.formats.convert import convert_sample
from imagine_kernels.formats.vignettes import read_vignettes
from imagine_kernels.records import Sample

LABELS = ["Copepoda", "other<Copepoda", "part__6", "data", "a/b", ".dot", ""]


@pytest.fixture
def sample(lay: Callable[..., Path]) -> Sample:
    rows = "".join(f"{i}.png\tid_{i}\t{label}\t{i}.5\n" for i, label in enumerate(LABELS))
    table = f"img_file_name\tobject_id\tobject_annotation_category\tobject_area\n[t]\t[t]\t[t]\t[f]\n{rows}"
    return read_vignettes(lay({"ecotaxa_t.tsv": table, **{f"{i}.png": None for i in range(len(LABELS))}}), {})


def test_class_folders_read_back(sample: Sample, tmp_path: Path) -> None:
    problems = convert_sample(sample, tmp_path / "folders", to="class-folders")
    back = read_vignettes(tmp_path / "folders", {})
    labels = dict(zip(back.objects["object_id"], back.objects["label"], strict=True))
    assert [labels[f"id_{i}"] for i in range(len(LABELS))] == ["Copepoda", "other<Copepoda", "part__6", "data", "a_b", "_dot", ""]
    for i, file in enumerate(back.objects.set_index("object_id").loc[[f"id_{i}" for i in range(len(LABELS))], "file"]):
        assert (tmp_path / "folders" / file).read_bytes() == (sample.source / f"{i}.png").read_bytes()
    assert [problem.what for problem in problems] == [
        "the class 'a/b' cannot be the name of a folder and became 'a_b'",
        "the class '.dot' cannot be the name of a folder and became '_dot'",
        "class folders hold no columns; status, object_area are not in it",
    ]


def test_one_class_in_a_folder_of_its_name(sample: Sample, tmp_path: Path) -> None:
    convert_sample(sample.where([0]), tmp_path / "Copepoda", to="class-folders")
    assert read_vignettes(tmp_path / "Copepoda", {}).labels == ("Copepoda",)


def test_pictures_that_are_gone_are_reported(sample: Sample, tmp_path: Path) -> None:
    (sample.source / "0.png").unlink()
    problems = convert_sample(sample, tmp_path / "folders", to="class-folders")
    assert problems[0].what.startswith("the object id_0 was left out")
    assert len(read_vignettes(tmp_path / "folders", {})) == len(LABELS) - 1


def test_folder_with_something_in_it_is_not_touched(sample: Sample) -> None:
    with pytest.raises(DataError, match=r"cruise is not empty: give a new folder\."):
        convert_sample(sample, sample.source, to="class-folders")


def test_ecotaxa(sample: Sample, tmp_path: Path) -> None:
    assert convert_sample(sample, tmp_path / "out.zip", to="ecotaxa") == []
    assert read_vignettes(tmp_path / "out.zip", {}).objects["label"].tolist() == LABELS


def test_csv(sample: Sample, tmp_path: Path) -> None:
    problems = convert_sample(sample, tmp_path / "deep" / "out.csv", to="csv")
    with (tmp_path / "deep" / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == LABELS
    assert [float(row["object_area"]) for row in rows] == [i + 0.5 for i in range(len(LABELS))]
    assert "a CSV holds no pictures" in problems[0].what


def test_unknown_format(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(
        UnknownName, match=r"Unknown format 'ecotax'; known: class-folders, csv, ecotaxa\. Did you mean 'ecotaxa'\?"
    ):
        convert_sample(sample, tmp_path / "x", to="ecotax")
