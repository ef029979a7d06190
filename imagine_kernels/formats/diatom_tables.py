"""Tables that the user of diatom indices brings: taxa with codes, the values of indices, and the boundaries of status classes.

Each is a CSV with a header, separated by commas or semicolons (then with decimal commas, if need be):

============  ==========================================================================================================
table         columns
============  ==========================================================================================================
taxa          ``name``, and where known ``code`` (four letters in OMNIDIA), ``rank``, ``genus``
index table   ``index``, ``taxon`` (name or code), ``s``, and where it has them ``v`` (else 1), ``slope``, ``intercept``
boundaries    ``index``, ``status_class``, ``from_value``: the class from this value of the index on
============  ==========================================================================================================

The examples that come with the package are invented, only to show the form: they assess nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import read_header, read_table

#: What a setting says to get the invented example.
EXAMPLE = "example"
EXAMPLES = Path(__file__).parent / "diatom_examples"

Row = dict[str, str]


def read_taxa(path: str) -> list[tuple[str, str, str, str]]:
    """Name, code, rank and genus of each taxon of a table; `EXAMPLE` gives that of the bundled sample.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It has no column ``name``, or no row.
    """
    return [
        (row["name"], row.get("code", ""), row.get("rank", ""), row.get("genus", "") or _genus(row["name"]))
        for _, row in _rows(path, "taxa.csv", ("name",))
        if row["name"]
    ]


def _genus(name: str) -> str:
    return name.split(maxsplit=1)[0] if name[:1].isupper() else ""


def read_index_values(path: str) -> dict[str, tuple[dict[str, tuple[float, float]], tuple[float, float] | None]]:
    """Values of indices: index → (taxon or code → (s, v), slope and intercept where the table has them).

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        A column is missing, a value is no number, or a taxon has two values in one index.
    """
    found: dict[str, tuple[dict[str, tuple[float, float]], tuple[float, float] | None]] = {}
    for where, row in _rows(path, "index_table.csv", ("index", "taxon", "s")):
        values, scale = found.get(row["index"], ({}, None))
        pair = (_number(row, "s", where), _number(row, "v", where, default=1.0))
        if values.setdefault(row["taxon"], pair) != pair:
            raise FormatError(f"{where} gives {row['taxon']} another value in {row['index']} than before: leave one of them.")
        if pair[1] < 0:
            raise FormatError(f"{where} has the indicator value {pair[1]:g} below 0: correct it.")
        if row.get("slope"):
            scale = (_number(row, "slope", where), _number(row, "intercept", where, default=0.0))
        found[row["index"]] = (values, scale)
    return found


def read_boundaries(path: str) -> list[tuple[str, str, float]]:
    """Index, status class and the value from which on it holds.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        A column is missing, or a value is no number.
    """
    rows = _rows(path, "class_boundaries.csv", ("index", "status_class", "from_value"))
    return [(row["index"], row["status_class"], _number(row, "from_value", where)) for where, row in rows]


def _rows(path: str, example: str, needed: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """Where each row stands, for messages, and its cells by column."""
    place = EXAMPLES / example if path == EXAMPLE else Path(path).expanduser()
    if not place.is_file():
        raise DataNotFound(f"There is no table at {place}: give a CSV with the columns {', '.join(needed)}.")
    with Files(place) as files:
        header = read_header(files, place.name, delimiter=",")
        delimiter = ";" if any(";" in name for name in header) else ","
        table = read_table(files, place.name, delimiter=delimiter)
    names = [name.strip().lower() for name in table.header]
    missing = [name for name in needed if name not in names]
    if missing:
        raise FormatError(f"{place.name} has no column {missing[0]}: name the columns {', '.join(needed)}.")
    if not table.rows:
        raise FormatError(f"{place.name} has no rows: fill it.")
    for line, cells in table.rows:
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        if all(name in row for name in needed):
            yield f"{place.name}, line {line}", row


def _number(row: Row, name: str, where: str, *, default: float | None = None) -> float:
    text = row.get(name, "").replace(",", ".")
    if not text and default is not None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FormatError(f"{where} has {name} = {row.get(name, '')!r:.40}, which is no number: correct it.")
    return number
