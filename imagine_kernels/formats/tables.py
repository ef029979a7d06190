"""Delimited text as instruments and servers write it: any encoding, quoted or not, packed or not, with the line of every row."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import Literal

from imagine_kernels.errors import FormatError, UnsafeArchive
from imagine_kernels.files import MAX_MEMBER_BYTES, Files
from imagine_kernels.records import Problem

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The cells of a delimited text.

    Attributes
    ----------
    header : list of str
        The first row, without byte-order mark.
    rows : list of (line, list of str)
        The others, with the line that each begins on, counted from 1; empty ones are left out.
    problems : list of Problem
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    problems: list[Problem]


def read_bytes(files: Files, name: str) -> bytes:
    """The bytes of a file, unpacked where its name ends in ``.gz``.

    Raises
    ------
    FormatError
        It is not gzip, or is cut off.
    UnsafeArchive
        It unpacks to an absurd size.
    """
    data = files.read(name)
    if not name.lower().endswith(".gz"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(MAX_MEMBER_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{name} cannot be unpacked ({error}): copy it again.") from None
    if len(unpacked) > MAX_MEMBER_BYTES:
        raise UnsafeArchive(f"{name} unpacks to more than {MAX_MEMBER_BYTES / 1e9:.0f} GB: give a smaller table.")
    return unpacked


def decode_text(data: bytes, name: str) -> tuple[str, list[Problem]]:
    """The text, and a warning where it had to be read as Latin-1, with the first line that forced it."""
    if data.startswith(_UTF16):
        return data.decode("utf-16", errors="replace").removeprefix("\ufeff"), []
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        warning = Problem(
            item=name,
            line=data.count(b"\n", 0, error.start) + 1,
            what="the text is not UTF-8 and was read as Latin-1",
            remedy="check the accents, and save the table as UTF-8",
            severity="warning",
        )
        return data.decode("latin-1"), [warning]


def read_table(files: Files, name: str, *, delimiter: str = "\t") -> Table:
    """Read a delimited text.

    Raises
    ------
    FormatError
        It has no header, or is not text.
    """
    text, problems = decode_text(read_bytes(files, name), name)
    if "\0" in text[:4096]:
        raise FormatError(f"{name} is not a text table: export it again as tab-separated text.")
    rows, broken = _rows(text, delimiter)
    if broken is not None:
        # Else one stray quotation mark would swallow all rows that follow it.
        problems.append(
            Problem(
                item=name,
                line=broken,
                what="a quotation mark opens here and is never closed",
                remedy="delete it; the rows from here on were read as they stand",
                severity="warning",
            )
        )
        rest, still_broken = _rows("\n".join(text.split("\n")[broken - 1 :]), delimiter, csv.QUOTE_NONE)
        if still_broken is not None:
            raise FormatError(f"{name} cannot be read as a table (line {broken}): export it again as tab-separated text.")
        rows += [(broken - 1 + at, [_unquoted(cell) for cell in row]) for at, row in rest]
    if not rows:
        raise FormatError(f"{name} is empty: export it again.")
    return Table(header=[cell.strip() for cell in rows[0][1]], rows=rows[1:], problems=problems)


def read_header(files: Files, name: str, *, delimiter: str = "\t") -> list[str]:
    """The names in the first line of a delimited text."""
    text, _ = decode_text(read_bytes(files, name)[:100_000].split(b"\n", 1)[0], name)
    rows, _ = _rows(text, delimiter)
    return [cell.strip() for cell in rows[0][1]] if rows else []


def _rows(
    text: str, delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> tuple[list[tuple[int, list[str]]], int | None]:
    """The rows with their first lines, and the line from where quotation marks cannot be trusted."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for row in reader:
            if any(row):
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error:
        return rows, line
    if quoting != csv.QUOTE_NONE and len(rows) > 1 and len(rows[-1][1]) < len(rows[0][1]) and "\n" in rows[-1][1][-1]:
        return rows[:-1], rows[-1][0]
    return rows, None


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def shown(text: str) -> str:
    """A cell as a message may quote it: on one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
