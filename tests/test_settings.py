"""Files that are always whole, whoever reads or writes them meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from imagine_kernels.errors import DataError, NotEnoughSpace
from imagine_kernels.settings import placed


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "table.csv"
    whole = {letter * 500_000 for letter in "ab"}
    failed: list[BaseException] = []

    def write(text: str) -> None:
        try:
            for _ in range(30):
                with placed(file) as passing, passing.open("w") as stream:
                    stream.write(text[:1000])
                    stream.flush()
                    stream.write(text[1000:])
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(text,)) for text in whole]
    for each in writers:
        each.start()
    seen = set()
    while any(each.is_alive() for each in writers):
        if file.exists():
            seen.add(file.read_text())
    for each in writers:
        each.join()
    assert failed == []
    assert seen <= whole
    assert file.read_text() in whole
    assert [each.name for each in file.parent.iterdir()] == ["table.csv"]


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text("before")

    def write(passing: Path) -> None:
        passing.write_text("hal")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"), placed(file) as passing:
        write(passing)
    assert file.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


def test_a_folder_in_its_place_and_a_place_that_cannot_be_are_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="is a folder: name a file"), placed(tmp_path / "folder"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(NotEnoughSpace, match="cannot be written"), placed(tmp_path / "file" / "below"):
        pass
