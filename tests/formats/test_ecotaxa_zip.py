"""The EcoTaxa zip: read by an independent reader, and equal to what was written."""

from __future__ import annotations

import csv
import errno
import io
import os
import tempfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imagine_kernels.errors import DataNotFound, NotEnoughSpace
from imagine_kernels.formats.ecotaxa import write_zip, write_zip_noting
from imagine_kernels.formats.vignettes import read_vignettes
from imagine_kernels.records import STATUSES, Predictions, Sample

GOLDEN = (
    "img_file_name\timg_rank\tobject_id\tobject_annotation_category\tobject_annotation_status\tobject_area\tobject_time\tsample_id\t"
    "sample_tot_vol\n"
    "[t]\t[f]\t[t]\t[t]\t[t]\t[f]\t[t]\t[t]\t[f]\n"
    "a_1.png\t0\ta 1\tCopepoda\tvalidated\t516.0\t420\tst1\t12.5\n"
    "b.png\t0\tb\tother<Copepoda\tpredicted\t\t0420\tst1\t12.5\n"
)


def independent_reader(path: Path) -> tuple[pd.DataFrame, dict[str, bytes], list[str]]:
    """The table as EcoTaxa reads it, the images by name, and the type line."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        members = {name: archive.read(name) for name in archive.namelist()}
    tables = [name for name in members if name.startswith("ecotaxa_") and name.endswith(".tsv")]
    assert len(tables) == 1
    text = members.pop(tables[0]).decode("utf-8")
    types = text.splitlines()[1].split("\t")
    table = pd.read_csv(io.StringIO(text), sep="\t", dtype=str, keep_default_na=False, skiprows=[1], quotechar='"')
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t", quotechar='"'))
    assert [row["object_id"] for row in rows[1:]] == table["object_id"].tolist()
    return table, members, types


@pytest.fixture
def sample(lay: Callable[..., Path]) -> Sample:
    folder = lay({"p1.png": None, "sub/p2.png": None})
    objects = pd.DataFrame(
        {
            "object_id": ["a 1", "b"],
            "file": ["p1.png", "sub/p2.png"],
            "label": ["Copepoda", "other<Copepoda"],
            "status": ["validated", "predicted"],
            "object_area": [516.0, np.nan],
            "object_time": ["420", "0420"],
            "sample_id": ["st1", "st1"],
            "sample_tot_vol": [12.5, 12.5],
        }
    ).astype(dict.fromkeys(("object_id", "file", "label", "status", "object_time", "sample_id"), object))
    return Sample(name="cruise 12/a", source=folder, layout="EcoTaxa import TSV", objects=objects)


def test_golden_table(sample: Sample, tmp_path: Path) -> None:
    path = write_zip(sample, None, tmp_path / "out.zip")
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["a_1.png", "b.png", "ecotaxa_cruise_12_a.tsv"]
        assert archive.read("ecotaxa_cruise_12_a.tsv").decode() == GOLDEN
        assert archive.read("a_1.png") == (sample.source / "p1.png").read_bytes()
        assert archive.read("b.png") == (sample.source / "sub/p2.png").read_bytes()


def test_reads_back_equal(sample: Sample, tmp_path: Path) -> None:
    path, problems = write_zip_noting(sample, None, tmp_path / "out.zip")
    back = read_vignettes(path, {})
    assert problems == []
    assert back.problems == ()
    pd.testing.assert_frame_equal(back.objects.drop(columns="file"), sample.objects.drop(columns="file"))


def test_the_same_sample_gives_the_same_bytes(sample: Sample, tmp_path: Path) -> None:
    first = write_zip(sample, None, tmp_path / "1.zip").read_bytes()
    assert write_zip(sample, None, tmp_path / "deep/er/2.zip").read_bytes() == first


def test_predictions_take_the_place_of_the_labels(sample: Sample, tmp_path: Path) -> None:
    objects = sample.objects.assign(
        object_annotation_category_id=["25828", "85012"],
        object_annotation_hierarchy=["living>Copepoda", "living>Copepoda>other"],
        object_annotation_person_name=["Ada", "Bob"],
        object_annotation_date=["20240101", "20240102"],
    )
    predictions = Predictions.of(["b", "a 1", "gone"], ["Copepoda", "fiber"], np.array([[0, 1], [1, 0], [1, 0]]))
    predictions = predictions.corrected(["b"], label="Ostracoda").corrected(["a 1"])
    path, problems = write_zip_noting(replace(sample, objects=objects), predictions, tmp_path / "out.zip", person="Cleo")
    table, _, types = independent_reader(path)
    assert table["object_annotation_category"].tolist() == ["Copepoda", "Ostracoda"]
    assert table["object_annotation_status"].tolist() == ["validated", "validated"]
    # What was said of another label is gone; what still holds is kept.
    assert table["object_annotation_category_id"].tolist() == ["25828", ""]
    assert table["object_annotation_hierarchy"].tolist() == ["living>Copepoda", ""]
    assert table["object_annotation_person_name"].tolist() == ["Ada", "Cleo"]
    assert table["object_annotation_date"].tolist() == ["20240101", ""]
    assert types[table.columns.get_loc("object_area")] == "[f]"
    assert [str(problem) for problem in problems] == [
        "cruise 12/a: 1 predictions are of objects that the sample does not hold; use the sample that was identified."
    ]


def test_no_person_is_named_unless_given(sample: Sample, tmp_path: Path) -> None:
    predictions = Predictions.of(["a 1", "b"], ["Copepoda"], np.ones((2, 1)))
    table, _, _ = independent_reader(write_zip(sample, predictions, tmp_path / "out.zip"))
    assert "object_annotation_person_name" not in table
    assert table["object_annotation_status"].tolist() == ["predicted", "predicted"]


def test_objects_whose_picture_cannot_be_read_are_left_out(sample: Sample, tmp_path: Path) -> None:
    (sample.source / "p1.png").write_bytes(b"")
    more = pd.concat([sample.objects] * 3, ignore_index=True)
    more["object_id"] = ["a", "b", "c", "d", "e", "f"]
    more["file"] = ["p1.png", "sub/p2.png", "gone.png", "", "", "text.png"]
    (sample.source / "text.png").write_bytes(b"hello")
    path, problems = write_zip_noting(replace(sample, objects=more, name="s"), None, tmp_path / "out.zip")
    table, images, _ = independent_reader(path)
    assert table["object_id"].tolist() == ["b"]
    assert list(images) == ["b.png"]
    assert [str(problem) for problem in problems] == [
        "p1.png: the object a was left out of the zip, p1.png is empty (0 bytes); copy it again.",
        f"gone.png: the object c was left out of the zip, {sample.source} holds no gone.png; put the file there.",
        "text.png: the object f was left out of the zip, text.png is not a picture that can be read; check the file.",
        "s: 2 objects without a picture were left out, EcoTaxa takes none without; put the vignettes beside the table.",
    ]
    assert len(read_vignettes(path, {})) == 1


def test_no_picture_at_all(sample: Sample, tmp_path: Path) -> None:
    empty = replace(sample, objects=sample.objects.assign(file=""))
    with pytest.raises(DataNotFound, match="has no picture that EcoTaxa could take: put the vignettes beside the table"):
        write_zip(empty, None, tmp_path / "out.zip")
    assert list(tmp_path.glob("*.zip")) == list(tmp_path.glob(".*")) == []


def test_other_pictures_become_png_without_loss(sample: Sample, tmp_path: Path) -> None:
    from PIL import Image

    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(deep).save(sample.source / "p1.tif")
    tiff = replace(sample, objects=sample.objects.assign(file=["p1.tif", "sub/p2.png"]))
    _, images, _ = independent_reader(write_zip(tiff, None, tmp_path / "out.zip"))
    with Image.open(io.BytesIO(images["a_1.png"])) as picture:
        np.testing.assert_array_equal(np.asarray(picture), deep)


def test_names_in_the_zip_are_safe_and_unique(sample: Sample, tmp_path: Path) -> None:
    ids = ["../../etc/passwd", "a/b", "A/B", "a b", "a_b", "…", "CON", ".hidden", "x" * 300, "é", "C:\\evil", "a\tb"]
    objects = pd.DataFrame({"object_id": ids, "file": "p1.png", "label": "", "status": ""}).astype(object)
    path = write_zip(replace(sample, objects=objects), None, tmp_path / "out.zip")
    table, images, _ = independent_reader(path)
    assert table["object_id"].tolist() == ids
    names = table["img_file_name"].tolist()
    assert len({name.lower() for name in names}) == len(ids) == len(images)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") for name in names)
    assert not any(name.startswith(".") or name.split(".")[0].upper() == "CON" or len(name) > 120 for name in names)
    assert read_vignettes(path, {}).objects["object_id"].tolist() == ids


def test_tabs_line_ends_quotes_and_formulas_survive_and_run_nowhere(sample: Sample, tmp_path: Path) -> None:
    texts = ['a\tb\nc\r\n"d"', "=HYPERLINK(1)", "@SUM(1)", "+cmd|' /C calc'!A0", "'=quoted", "-44.7", "- unsure", "+1"]
    n = len(texts)
    objects = pd.DataFrame(
        {
            "object_id": [f"o{i}" for i in range(n)],
            "file": "p1.png",
            "label": "",
            "status": "",
            "object_note": texts,
            "sample_id": "s",
        }
    ).astype(object)
    path, problems = write_zip_noting(replace(sample, objects=objects), None, tmp_path / "out.zip")
    written, _, _ = independent_reader(path)
    assert written["object_note"].tolist()[1:5] == ["'=HYPERLINK(1)", "'@SUM(1)", "'+cmd|' /C calc'!A0", "''=quoted"]
    assert written["object_note"].tolist()[5:] == texts[5:]
    assert read_vignettes(path, {}).objects["object_note"].tolist() == texts
    assert [problem.what for problem in problems] == [
        "4 texts of object_note look like formulas of a spreadsheet and begin with an apostrophe in the zip"
    ]


def test_what_cannot_be_held_is_reported(sample: Sample, tmp_path: Path) -> None:
    objects = sample.objects.assign(object_x=[np.inf, 1.0], object_note=["a\0b", "\ud800"], mine=[1, 2])
    path, problems = write_zip_noting(replace(sample, objects=objects), None, tmp_path / "out.zip")
    table, _, _ = independent_reader(path)
    assert table["object_x"].tolist() == ["", "1.0"]
    assert table["object_note"].tolist() == ["ab", "?"]
    assert [problem.what for problem in problems] == [
        "1 infinite values of object_x were written as missing",
        "2 texts of object_note held characters that cannot be stored and were cleaned",
        "EcoTaxa has no place for the column mine",
    ]


def test_full_disk_leaves_nothing_behind(sample: Sample, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    target.write_bytes(b"yesterday's")
    # The passing file is a real full device.
    (tmp_path / f".out.zip.{os.getpid()}.{threading.get_ident()}.part").symlink_to("/dev/full")
    with pytest.raises(
        NotEnoughSpace, match=r"There is no room left to write .*out\.zip: free some space, or choose another folder"
    ):
        write_zip(sample, None, target)
    assert target.read_bytes() == b"yesterday's"
    assert list(tmp_path.glob(".*")) == []


def test_place_that_may_not_be_written(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)  # root may write everywhere, so the refusal of the system is played
    with pytest.raises(NotEnoughSpace, match=r"out\.zip cannot be written \(Permission denied\): choose another folder"):
        write_zip(sample, None, tmp_path / "out.zip")
    assert list(tmp_path.glob(".*")) == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = st.from_regex(r"[a-z%.0-9]{1,8}", fullmatch=True).map(lambda name: f"object_free_{name}")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            st.lists(TEXTS.map(str.strip).filter(bool), min_size=n, max_size=n, unique=True),
            st.lists(TEXTS.map(str.strip), min_size=n, max_size=n),
            st.lists(st.sampled_from(["", *STATUSES]), min_size=n, max_size=n),
            st.dictionaries(NAMES, arrays.arrays(np.float64, n, elements=st.floats(allow_infinity=False)), max_size=3),
            st.dictionaries(NAMES.map("{}_t".format), st.lists(TEXTS, min_size=n, max_size=n), max_size=3),
        )
    ),
)
def test_what_is_written_is_read(
    png: Callable[[int], bytes],
    columns: tuple[list[str], list[str], list[str], dict[str, np.ndarray[Any, Any]], dict[str, list[str]]],
) -> None:
    ids, labels, statuses, numbers, texts = columns
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(len(ids)):
            (folder / f"{i}.png").write_bytes(png(i))
        objects = pd.DataFrame({"object_id": ids, "label": labels, "status": statuses, **texts, "sample_id": ids}, dtype=object)
        objects = objects.assign(file=[f"{i}.png" for i in range(len(ids))], **numbers)
        sample = Sample(name="s", source=folder, layout="x", objects=objects)
        path = write_zip(sample, None, folder / "out.zip")
        back = read_vignettes(path, {})
        assert back.problems == ()
        for column in objects.columns.drop("file"):
            if objects[column].dtype == object:
                assert back.objects[column].tolist() == objects[column].tolist(), column
            else:
                np.testing.assert_array_equal(back.objects[column], objects[column])
        with zipfile.ZipFile(path) as archive:
            assert [archive.read(file) for file in back.objects["file"]] == [png(i) for i in range(len(ids))]


@pytest.mark.parametrize("part", ["import_test", "import_test_weird", "ref_exports/bak_all_images", "ref_exports/tsv_by_taxon"])
def test_real_samples_come_back(shared_data: Callable[[str], Path], tmp_path: Path, part: str) -> None:
    sample = read_vignettes(shared_data("zooscan") / "ecotaxa_back_qa" / part, {})
    path, problems = write_zip_noting(sample, None, tmp_path / "out.zip")
    assert [problem.item for problem in problems if problem.item != "objid"] == []
    back = read_vignettes(path, {}).objects
    pd.testing.assert_frame_equal(back.drop(columns="file"), sample.objects.drop(columns=["file", "objid"], errors="ignore"))
