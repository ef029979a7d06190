"""Pictures of objects: of files of their own, and cut out of what holds many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.formats.ecotaxa import read_tsv
from imagine_kernels.formats.ecotaxa_zip import write_zip_noting
from imagine_kernels.media import objects
from imagine_kernels.media.decoding import decode
from imagine_kernels.media.objects import Pictures, as_files, check_pictures
from imagine_kernels.media.vignettes import load
from imagine_kernels.records import Sample


def save(folder: Path, name: str, picture: NDArray[np.uint8]) -> None:
    Image.fromarray(picture).save(folder / name)


def sample_of(folder: Path, names: list[str], cut_from: str = "", **columns: Any) -> Sample:
    table = {"object_id": [f"o{i}" for i in range(len(names))], "file": names, "label": "", "status": "", **columns}
    return Sample(name="s", source=folder, layout="pictures", objects=pd.DataFrame(table), cut_from=cut_from)


class BoxCutter:
    """Cuts the box of an object out of a picture, as the cutters of scans and collages do."""

    opened: list[str]

    def __init__(self, files: Files, name: str, settings: Mapping[str, Any]) -> None:
        self.opened.append(name)
        self.whole = decode(files.read(name), name=name)

    def cut(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        x, y, width, height = (int(row[f"object_{name}"]) for name in ("bx", "by", "width", "height"))
        if x + width > self.whole.shape[1]:
            raise ImageError(f"{row['file']}, {row['object_id']} lies outside of the picture: correct its box.")
        return self.whole[y : y + height, x : x + width]


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> type[BoxCutter]:
    BoxCutter.opened = []
    monkeypatch.setitem(objects.CUTTERS, "box", (__name__, "BoxCutter"))
    return BoxCutter


@pytest.fixture
def collages(tmp_path: Path) -> Sample:
    """Twelve boxes in two pictures; the last but one lies outside, and the picture of the last is not there."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        save(tmp_path, name, rng.integers(0, 256, (40, 100), dtype=np.uint8))
    names = ["a.png"] * 5 + ["b.png"] * 6 + ["c.png"]
    x = [0.0, 10, 20, 30, 40, 0, 10, 20, 30, 40, 95, 0]
    return sample_of(tmp_path, names, "box", object_bx=x, object_by=3.0, object_width=10.0, object_height=20.0)


def test_objects_are_cut_out_in_order_and_each_picture_is_opened_once(collages: Sample, boxes: type[BoxCutter]) -> None:
    whole = {name: np.asarray(Image.open(collages.source / name)) for name in ("a.png", "b.png")}
    with Pictures(collages) as pictures:
        seen = dict(pictures.many(workers=3))
        assert list(seen) == list(range(12))
        for row in range(10):
            x = int(collages.objects["object_bx"].iloc[row])
            np.testing.assert_array_equal(seen[row], whole[collages.objects["file"].iloc[row]][3:23, x : x + 10])
        assert [row for row, _ in pictures.many([7, 2])] == [7, 2]
        with pytest.raises(ImageError, match=r"b\.png, o10 lies outside of the picture: correct its box"):
            pictures.load(10)
    assert sorted(boxes.opened) == ["a.png", "b.png", "c.png"]


def test_a_picture_that_is_missing_or_damaged_costs_its_own_objects(collages: Sample, boxes: type[BoxCutter]) -> None:
    (collages.source / "a.png").write_bytes(b"no picture")
    with Pictures(collages) as pictures:
        lost = {row: str(found) for row, found in pictures.many() if isinstance(found, ImageError)}
    assert sorted(lost) == [0, 1, 2, 3, 4, 10, 11]
    assert lost[0].startswith("a.png is not a picture")
    assert lost[11].endswith("holds no c.png: put the file there.")
    assert boxes.opened.count("a.png") == 1


def test_each_object_that_cannot_be_cut_is_a_problem_of_its_own(tmp_path: Path, collages: Sample, boxes: type[BoxCutter]) -> None:
    (collages.source / "c.png").write_bytes(b"")
    problems = check_pictures(collages)
    assert [str(problem) for problem in problems] == [
        "b.png, o10: lies outside of the picture; correct its box.",
        "c.png, o11: c.png is empty (0 bytes); copy it again.",
    ]


def test_an_ecotaxa_zip_holds_what_was_cut_out(tmp_path: Path, collages: Sample, boxes: type[BoxCutter]) -> None:
    good = collages.where(np.arange(10))
    path, lost = write_zip_noting(good, None, tmp_path / "out" / "cut.zip", pictures=as_files)
    assert lost == []
    with Files(path) as files, Pictures(good) as pictures:
        again = read_tsv(files, settings={})
        assert again.objects["object_id"].tolist() == good.objects["object_id"].tolist()
        for row, name in enumerate(again.objects["file"]):
            found = cv2.imdecode(np.frombuffer(files.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(found, pictures.load(row))


def test_load_and_many_agree_and_keep_the_order(tmp_path: Path) -> None:
    names = [f"{i:03}.png" for i in range(100)]
    for i, name in enumerate(names):
        save(tmp_path, name, np.full((40 + i, 10), i, dtype=np.uint8))
    (tmp_path / "017.png").write_bytes(b"")
    with Pictures(sample_of(tmp_path, names)) as pictures, Files(tmp_path) as files:
        seen = list(pictures.many(workers=4))
        assert [row for row, _ in seen] == list(range(100))
        for row, picture in seen:
            if row == 17:
                assert isinstance(picture, ImageError)
                assert str(picture) == "017.png is empty (0 bytes): copy it again."
            else:
                assert not isinstance(picture, ImageError)
                np.testing.assert_array_equal(picture, load(files, names[row]))


def test_many_looks_only_a_little_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "a.png", np.full((90, 90), 255, dtype=np.uint8))
    read: list[str] = []
    original = Files.read

    def counted(self: Files, name: str) -> bytes:
        read.append(name)
        return original(self, name)

    monkeypatch.setattr(Files, "read", counted)
    with Pictures(sample_of(tmp_path, ["a.png"] * 10_000)) as pictures:
        many = pictures.many(workers=2)
        assert next(many)[0] == 0
        many.close()
    assert len(read) < 50


def test_many_of_nothing(tmp_path: Path) -> None:
    with Pictures(sample_of(tmp_path, [])) as pictures:
        assert list(pictures.many()) == []


def test_check_names_each_bad_picture_and_reports_progress(tmp_path: Path) -> None:
    save(tmp_path, "good.png", np.full((90, 90), 255, dtype=np.uint8))
    save(tmp_path, "dot.png", np.zeros((1, 1), dtype=np.uint8))
    (tmp_path / "empty.png").write_bytes(b"")
    seen: list[tuple[int, int]] = []
    problems = check_pictures(
        sample_of(tmp_path, ["good.png", "dot.png", "empty.png", ""]), lambda done, total, what: seen.append((done, total))
    )
    assert [str(problem) for problem in problems] == [
        "dot.png: measures only 1 × 1 px; leave it out, a vignette has at least 3 × 3 px.",
        "empty.png: is empty (0 bytes); copy it again.",
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]
