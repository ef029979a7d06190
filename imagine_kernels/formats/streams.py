"""Files read piece by piece, whatever their encoding, and files and folders that are put in place when they are whole."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, TextIO, cast

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.records import Problem
from imagine_kernels.settings import placed, writing

#: Characters of one cell; the points of a polygon can be many.
MAX_CELL = 64 * 1024**2
#: Bytes read at once.
PIECE = 1024 * 1024

UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError)


def open_bytes(files: Files, name: str) -> BinaryIO:
    """A file to be read piece by piece, unpacked where its name ends in ``.gz``."""
    file = files.open(name)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if name.lower().endswith(".gz") else file


def encoding_of(files: Files, name: str) -> tuple[str, list[Problem]]:
    """The encoding of a text, found by reading all of it, and a warning where it had to be Latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(files, name) as file:
        try:
            piece = file.read(PIECE)
            if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16", []
            while piece:
                decoder.decode(piece)
                piece = file.read(PIECE)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            what, remedy = "the text is not UTF-8 and was read as Latin-1", "check the accents, and save it as UTF-8"
            return "latin-1", [Problem(item=name, what=what, remedy=remedy, severity="warning")]
        except UNREADABLE as error:
            raise FormatError(f"{name} cannot be read ({error}): copy it again.") from None
    return "utf-8-sig", []


@contextmanager
def open_text(files: Files, name: str, encoding: str) -> Iterator[TextIO]:
    """A text to be read piece by piece."""
    try:
        with open_bytes(files, name) as file, io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
            yield text
    except UNREADABLE as error:
        raise FormatError(f"{name} cannot be read ({error}): copy it again.") from None


def start_of(files: Files, name: str, size: int = 4096) -> str:
    """The first characters of a file, for telling what it is."""
    try:
        with open_bytes(files, name) as file:
            data = file.read(size)
    except (DataError, *UNREADABLE):
        return ""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace").removeprefix("\ufeff")
    return data.decode("utf-8", errors="replace").removeprefix("\ufeff")


def rows(files: Files, name: str, encoding: str, *, delimiter: str = ",", quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The rows of a delimited text with the line that each begins on, one by one; empty ones are left out.

    Raises
    ------
    FormatError
        A cell is absurdly long, as after a quotation mark that is never closed.
    """
    csv.field_size_limit(MAX_CELL)
    with open_text(files, name, encoding) as text:
        reader = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        line = 1
        try:
            for row in reader:
                if row and (len(row) > 1 or row[0]):
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise FormatError(f"{name} cannot be read as a table (line {line}: {error}): export it again.") from None


def header_of(files: Files, name: str, *, delimiter: str = ",") -> list[str]:
    """The names in the first line."""
    first = start_of(files, name, 65536).replace("\r", "\n").lstrip("\n").split("\n", 1)[0]
    try:
        cells = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


@contextmanager
def placed_text(path: Path) -> Iterator[TextIO]:
    """As `placed`, opened as UTF-8."""
    with placed(path) as passing, passing.open("w", encoding="utf-8", newline="", buffering=PIECE) as file:
        yield file


class Tree:
    """A new folder or zip that files are written into; names never lead outside it."""

    def __init__(self, folder: Path, archive: zipfile.ZipFile | None) -> None:
        self._folder, self._archive = folder, archive
        self._taken: set[str] = set()

    def name(self, wanted: str, suffix: str) -> str:
        """A name that no other file has, and that stays inside: of `wanted` without its own suffix, with this one."""
        parts = [_part(part) for part in wanted.replace("\\", "/").split("/")]
        parts = [part for part in parts if part] or ["file"]
        path = PurePosixPath(*parts)
        stem = str(path.with_suffix("")) if path.suffix else str(path)
        name, n = stem + suffix, 1
        while name.lower() in self._taken:
            n += 1
            name = f"{stem}_{n}{suffix}"
        self._taken.add(name.lower())
        return name

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        """Write a text of this name; see `name`."""
        if self._archive is not None:
            file: IO[bytes] = self._archive.open(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True)
        else:
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("wb")
        with file, io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False) as text:
            yield text


def _part(part: str) -> str:
    """One part of a path without what a file system cannot hold; nothing where it leads upwards."""
    kept = "".join(letter if letter.isprintable() and letter not in ':*?"<>|' else "_" for letter in part).strip().rstrip(".")
    while len(kept.encode()) > 150:
        kept = kept[1:]
    return kept.lstrip(".") if kept else ""


@contextmanager
def placed_tree(target: Path) -> Iterator[Tree]:
    """A folder that is new or empty, or a zip, put in place at the end.

    Raises
    ------
    DataError
        The folder is not empty.
    NotEnoughSpace
        The disk is full, or `target` may not be written; nothing is left behind.
    """
    target = Path(target)
    if target.suffix.lower() == ".zip":
        with placed(target) as passing, zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED) as archive:
            yield Tree(target, archive)
        return
    with writing(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DataError(f"{target} is not empty: give a new folder.")
        passing = target.with_name(f".{target.name}.{os.getpid()}.part")
        passing.mkdir(parents=True)
        try:
            yield Tree(passing, None)
            os.replace(passing, target)
        finally:
            shutil.rmtree(passing, ignore_errors=True)
