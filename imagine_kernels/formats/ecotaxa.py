"""EcoTaxa TSV: the import dialect with its ``[t]``/``[f]`` line and the quoted export dialect, in folders and zips.

In a `Sample` the columns ``object_annotation_category``, ``object_annotation_status`` and ``img_file_name`` are ``label``, ``status`` and
``file``; all others keep EcoTaxa's names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import NUMERIC, TEXT, is_metadata, looks_numeric, read_numbers, sample_of
from imagine_kernels.formats.ecotaxa_zip import ESCAPED, write_zip, write_zip_noting
from imagine_kernels.formats.pictures import Locator
from imagine_kernels.formats.tables import Table, read_header, read_table, shown
from imagine_kernels.records import STATUSES, Problem, Sample, Status

__all__ = ["find_tables", "read_tsv", "write_zip", "write_zip_noting"]

IMPORT, EXPORT = "EcoTaxa import TSV", "EcoTaxa export TSV"
CATEGORY, STATUS, IMAGE, RANK = "object_annotation_category", "object_annotation_status", "img_file_name", "img_rank"

_SUFFIXES = (".tsv", ".txt", ".tsv.gz", ".txt.gz")
_TYPES = {"[t]", "[f]"}
_WORDS: dict[str, Status] = {word: word for word in STATUSES} | {
    "p": "predicted",
    "v": "validated",
    "d": "dubious",
    "x": "discarded",
}
_OWN = frozenset({CATEGORY, STATUS, IMAGE, RANK, "label", "status", "file"})


def find_tables(files: Files) -> list[str]:
    """The EcoTaxa tables inside: ``ecotaxa_*.tsv``, or, where there are none, any table with an ``object_id`` or ``img_file_name``."""
    tables = files.names(*_SUFFIXES)
    named = [name for name in tables if PurePosixPath(name).name.lower().startswith("ecotaxa")]
    return named or [name for name in tables if _has_objects(files, name)]


def _has_objects(files: Files, name: str) -> bool:
    try:
        header = read_header(files, name)
    except DataError:
        return False
    return "object_id" in header or IMAGE in header


def read_tsv(
    files: Files, *, settings: Mapping[str, Any], tables: Sequence[str] | None = None, name: str | None = None
) -> Sample:
    """Read all EcoTaxa tables of a folder or zip as one sample.

    Parameters
    ----------
    files : Files
    settings : mapping
        ``tot_vol``, ``sub_part``, ``pixel_size_mm`` and ``dpi`` fill what the tables do not say.
    tables : sequence of str, optional
        The tables to read; default is all that are found.
    name : str, optional
        Name of the sample; default is the name of the folder or zip.

    Returns
    -------
    Sample
        Rows that cannot be used are not in it; `Sample.problems` says which and why, with the line.

    Raises
    ------
    FormatError
        No table can be read, e.g. because the column ``img_file_name`` is missing.
    DataNotFound
        No row can be used.
    """
    reader = _Reader(files)
    refusals: list[DataError] = []
    wanted = list(tables) if tables is not None else find_tables(files)
    for table in wanted:
        try:
            reader.read(table)
        except DataError as error:
            refusals.append(error)
            what, _, remedy = str(error).rstrip(".").removeprefix(f"{table} ").partition(": ")
            reader.problems.append(Problem(item=table, what=what, remedy=remedy))
    if refusals and len(refusals) == len(wanted):
        raise refusals[0]
    columns = reader.columns()
    return sample_of(
        name=name or files.path.stem,
        source=files.path,
        layout=reader.layout,
        columns=columns,
        problems=reader.problems,
        settings=settings,
        remedy="put the images beside the table, and see that each row has an object_id of its own",
    )


@dataclass(frozen=True, kw_only=True)
class _Block:
    """The cells of one column in one table, from the position `first` of the sample on."""

    table: str
    first: int
    texts: Sequence[str]
    declared: str


class _Reader:
    """Collects the usable rows of several tables."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.locator = Locator(files.names())
        self.problems: list[Problem] = []
        self.layout = EXPORT
        self._ids: list[str] = []
        self._files: list[str] = []
        self._labels: list[str] = []
        self._statuses: list[str] = []
        self._place: dict[str, tuple[str, int]] = {}
        self._lines: list[int] = []
        self._columns: dict[str, list[_Block]] = {}

    def read(self, name: str) -> None:
        table = read_table(self.files, name)
        self.problems += table.problems
        header, rows, types = _typed(table)
        if types is not None:
            self.layout = IMPORT
        for column in ("object_id", IMAGE):
            if column not in header:
                remedy = "export it again with the images" if column == IMAGE else "EcoTaxa tables need it"
                raise FormatError(f"{name} has no column {column}: {remedy}.")
        cells = _Cells(header)
        usable: list[list[str]] = []
        for line, row in self._main_pictures(name, rows, cells):
            if self._take(name, line, row, cells):
                usable.append(row[: len(header)] + [""] * (len(header) - len(row)))
        self._note_columns(name, header, types, usable)

    def _main_pictures(self, name: str, rows: list[tuple[int, list[str]]], cells: _Cells) -> list[tuple[int, list[str]]]:
        """The rows, with only the picture of the lowest rank of each object that has several."""
        if cells.rank is None:
            return rows
        ranked: dict[str, list[tuple[float, int]]] = {}
        for at, (_, row) in enumerate(rows):
            numbers, _ = read_numbers([cells.get(row, cells.rank)], metadata=True)
            if not np.isnan(numbers[0]):
                ranked.setdefault(cells.get(row, cells.object_id), []).append((float(numbers[0]), at))
        further: set[int] = set()
        for object_id, pictures in ranked.items():
            if len(pictures) > 1 and len({rank for rank, _ in pictures}) == len(pictures):
                _, main = min(pictures)
                others = [at for _, at in sorted(pictures) if at != main]
                further.update(others)
                self._warn(
                    name,
                    rows[others[0]][0],
                    f"the object {shown(object_id)} has {len(pictures)} pictures, of which the first by img_rank is used",
                    "the others are left out, also of an export",
                )
        return [row for at, row in enumerate(rows) if at not in further]

    def _take(self, name: str, line: int, row: list[str], cells: _Cells) -> bool:
        """Note one row's id, file, label and status; False where it cannot be used."""
        width = len(cells.header)
        if len(row) > width and any(row[width:]):
            return self._refuse(name, line, f"{len(row)} values where the header has {width}", "look for a stray tab")
        if len(row) < width:
            self._warn(
                name, line, f"only {len(row)} of {width} values, the others were taken as missing", "look for a cut-off line"
            )
        object_id, image = cells.get(row, cells.object_id), cells.get(row, cells.image)
        if not object_id:
            return self._refuse(name, line, "no object_id", "give the object an id of its own")
        if object_id in self._place:
            table, at = self._place[object_id]
            where = f"line {at}" if table == name else f"{table}, line {at}"
            return self._refuse(
                name,
                line,
                f"the object_id {shown(object_id)} occurs a second time, first in {where}",
                "give each object an id of its own",
            )
        found = self.locator.find(image, beside=name)
        if found is None:
            what = f"the image {shown(image)} is missing" if image else "no image is named"
            return self._refuse(name, line, what, "put it beside the table")
        word = cells.get(row, cells.status).lower()
        status = _WORDS.get(word, "")
        if word and not status:
            self._warn(name, line, f"the status {shown(word)!r} is unknown", "use predicted, validated, dubious or discarded")
        self._place[object_id] = (name, line)
        self._lines.append(line)
        self._ids.append(object_id)
        self._files.append(found)
        self._labels.append(_unescaped(cells.get(row, cells.category)))
        self._statuses.append(status)
        return True

    def _note_columns(self, name: str, header: list[str], types: list[str] | None, rows: list[list[str]]) -> None:
        """Note the cells of all further columns of one table; what is a number is decided when all tables are read."""
        first = len(self._ids) - len(rows)
        by_column = list(zip(*rows, strict=True)) or [()] * len(header)
        for at, column in enumerate(header):
            if not column or column in _OWN or column == "object_id":
                continue
            blocks = self._columns.setdefault(column, [])
            if blocks and blocks[-1].first == first and blocks[-1].table == name:
                self._warn(
                    name, 1, f"the column {shown(column)} occurs twice, the second one was left out", "give it a name of its own"
                )
                continue
            blocks.append(_Block(table=name, first=first, texts=by_column[at], declared=types[at] if types else ""))
        if CATEGORY not in header and "object_annotation_hierarchy" in header:
            for i, text in enumerate(self._columns["object_annotation_hierarchy"][-1].texts):
                self._labels[first + i] = text.rsplit(">", 1)[-1].strip()
        elif CATEGORY not in header and "object_annotation_category_id" in header:
            self._warn(name, 1, "classes are given by object_annotation_category_id only", f"export it with {CATEGORY}")

    def columns(self) -> dict[str, NDArray[Any]]:
        """All columns over all tables; where a table lacks one, its rows are missing there."""
        n = len(self._ids)
        own = {"object_id": self._ids, "file": self._files, "label": self._labels, "status": self._statuses}
        result: dict[str, NDArray[Any]] = {column: np.array(values, dtype=object) for column, values in own.items()}
        for column, blocks in self._columns.items():
            number = _is_number(column, blocks)
            whole = np.full(n, np.nan) if number else np.full(n, "", dtype=object)
            for block in blocks:
                rows = slice(block.first, block.first + len(block.texts))
                whole[rows] = self._numbers(column, block) if number else _unescaped_all(block.texts)
            result[column] = whole
        return result

    def _numbers(self, column: str, block: _Block) -> NDArray[np.float64]:
        numbers, bad = read_numbers(block.texts, metadata=is_metadata(column))
        if bad:
            more = f" and {len(bad) - 1} others" if len(bad) > 1 else ""
            self._warn(
                block.table,
                self._lines[block.first + bad[0]],
                f"{column} is not a number: {shown(block.texts[bad[0]])!r}{more}, taken as missing",
                "write numbers with a decimal point",
            )
        return numbers

    def _refuse(self, name: str, line: int, what: str, remedy: str) -> bool:
        self.problems.append(Problem(item=name, line=line, what=what, remedy=remedy))
        return False

    def _warn(self, name: str, line: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(item=name, line=line, what=what, remedy=remedy, severity="warning"))


class _Cells:
    """Where the columns are that every row is asked for."""

    def __init__(self, header: list[str]) -> None:
        at = {column: i for i, column in reversed(list(enumerate(header)))}
        self.header = header
        self.object_id, self.image, self.rank = at.get("object_id"), at.get(IMAGE), at.get(RANK)
        self.category, self.status = at.get(CATEGORY), at.get(STATUS)

    def get(self, row: list[str], at: int | None) -> str:
        return row[at].strip() if at is not None and at < len(row) else ""


def _typed(table: Table) -> tuple[list[str], list[tuple[int, list[str]]], list[str] | None]:
    """Header, rows without the type line, and the types if there is such a line."""
    header = [column.lower() if column.lower().startswith(("object_", "img_")) else column for column in table.header]
    if table.rows:
        types = [cell.strip().lower() for cell in table.rows[0][1]]
        if set(types) <= _TYPES | {""} and _TYPES & set(types):
            return header, table.rows[1:], [*types, *[""] * (len(header) - len(types))]
    return header, table.rows, None


def _is_number(column: str, blocks: Sequence[_Block]) -> bool:
    if column in NUMERIC:
        return True
    if column in TEXT:
        return False
    declared = {block.declared for block in blocks} - {""}
    if declared:
        return declared == {"[f]"}
    # Without a type line EcoTaxa's rule holds: what belongs to a sample, an acquisition or a process is text.
    return column.startswith("object_") and all(looks_numeric(block.texts) for block in blocks)


def _unescaped_all(texts: Sequence[str]) -> Sequence[str]:
    return [_unescaped(text) for text in texts] if "'" in "".join(texts) else texts


def _unescaped(text: str) -> str:
    """Without the apostrophe that the writer puts before what a spreadsheet would run."""
    return text[1:] if ESCAPED.match(text) else text
