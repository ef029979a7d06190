"""Folders and zips are read alike, and nothing in them can do harm."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagine_kernels import files as files_module
from imagine_kernels.errors import DataNotFound, FormatError, UnsafeArchive
from imagine_kernels.files import Files


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_folder_and_zip_show_the_same_files(tmp_path: Path) -> None:
    content = {"a.txt": b"1", "sub/b.TXT": b"2", "sub/deep/c.png": b"3"}
    for name, data in content.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    archive = zipped(tmp_path / "folder.zip", content)
    with Files(tmp_path / "folder") as folder, Files(archive) as packed:
        assert folder.names() == packed.names() == sorted(content)
        assert folder.names(".txt") == packed.names(".txt") == ["a.txt", "sub/b.TXT"]
        assert not folder.is_zip
        assert packed.is_zip
        for name, data in content.items():
            assert folder.read(name) == packed.read(name) == data


def test_hidden_files_and_what_macos_adds_are_left_out(tmp_path: Path) -> None:
    content = {".hidden": b"", "__MACOSX/._a.png": b"", "a.png": b"", "sub/.~lock.b.tsv#": b""}
    archive = zipped(tmp_path / "mac.zip", content)
    for name, data in content.items():
        (tmp_path / "mac" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mac" / name).write_bytes(data)
    assert Files(archive).names() == Files(tmp_path / "mac").names() == ["a.png"]


def test_single_file_is_its_own_only_entry(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"x")
    files = Files(tmp_path / "one.png")
    assert files.names() == ["one.png"]
    assert files.read("one.png") == b"x"
    with pytest.raises(DataNotFound, match=r"one\.png is one file and holds no two\.png: open the folder that it lies in"):
        files.read("two.png")


def test_backslashes_in_a_zip_are_folders(tmp_path: Path) -> None:
    path = zipped(tmp_path / "windows.zip", {"placeholder__a.png": b"x"})
    path.write_bytes(path.read_bytes().replace(b"placeholder__a", b"placeholder\\\\a"))
    with Files(path) as files:
        assert files.names() == ["placeholder//a.png"]
        assert files.read("placeholder//a.png") == b"x"


@pytest.mark.parametrize("missing", ["nowhere", "nowhere/deeper.zip", "x" * 5000])
def test_no_such_path(tmp_path: Path, missing: str) -> None:
    with pytest.raises(DataNotFound, match=r"There is nothing at .*: check the spelling, or give another file, folder or zip"):
        Files(tmp_path / missing)


def test_missing_member(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.png": b"x"})
    with Files(archive) as files, pytest.raises(DataNotFound, match=r"a\.zip holds no b\.png: put the file into the archive"):
        files.read("b.png")
    with Files(tmp_path) as files, pytest.raises(DataNotFound, match=r"holds no b\.png: put the file there"):
        files.read("b.png")


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd"])
def test_reading_outside_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with Files(tmp_path) as files, pytest.raises(UnsafeArchive, match=r"leads outside .*: use paths inside the folder"):
        files.read(name)


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png", "C:/evil.png", "\\evil.png"])
def test_zip_that_leads_outside_itself(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "evil.zip", {"good.png": b"x", name: b"x"})
    with pytest.raises(
        UnsafeArchive, match=r"evil\.zip holds .*, which leads outside the archive: make the zip again from inside"
    ):
        Files(archive)


def test_zip_with_a_link(tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchive, match=r"link\.zip holds the link 'link\.png': replace it by the file itself"):
        Files(path)


def test_zip_bomb_in_one_member(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "bomb.zip", {"zeros.png": bytes(files_module.MIN_BOMB_BYTES + 1)})
    with pytest.raises(
        UnsafeArchive, match=r"bomb\.zip unpacks to an absurd size \('zeros\.png': 67 MB from 0\.07 MB\): make a zip"
    ):
        Files(archive)


def test_zip_bomb_in_many_members(tmp_path: Path) -> None:
    zeros = bytes(1_000_000)
    archive = zipped(tmp_path / "many.zip", {f"{i}.png": zeros for i in range(80)})
    with pytest.raises(UnsafeArchive, match=r"many\.zip unpacks to an absurd size"):
        Files(archive)


def test_text_that_packs_well_is_no_bomb(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "text.zip", {"table.tsv": b"0\t" * 5_000_000})
    assert len(Files(archive).read("table.tsv")) == 10_000_000


def test_what_calls_itself_a_zip_but_is_none(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"hello")
    with pytest.raises(FormatError, match=r"no\.zip is not a readable zip \(.*\): make it again"):
        Files(tmp_path / "no.zip")


def test_damaged_member_does_not_spoil_the_others(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "torn.zip", {"a.bin": os.urandom(2000), "b.bin": b"good"}, zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[500] ^= 0xFF
    archive.write_bytes(bytes(data))
    with Files(archive) as files:
        with pytest.raises(FormatError, match=r"a\.bin in torn\.zip cannot be unpacked \(.*\): make the zip again"):
            files.read("a.bin")
        assert files.read("b.bin") == b"good"


def test_links_between_folders_do_not_go_round_for_ever(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(b"x")
    (tmp_path / "sample" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "sample")
    (tmp_path / "sample" / "b.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    assert Files(tmp_path / "sample").names() == ["b.png", "linked/a.png"]


def test_pipes_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert Files(tmp_path).names() == []


def test_folder_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.png").write_bytes(b"x")
    scan = os.scandir

    # Root may read everything, and tests run as root in containers: so the refusal of the system is played.
    def refuse(path: Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files = Files(tmp_path)
    assert (files.names(), files.unreadable) == (["a.png"], ["closed"])
    with pytest.raises(FormatError, match=r"closed cannot be read \(Permission denied\): check its permissions"):
        Files(tmp_path / "closed")
