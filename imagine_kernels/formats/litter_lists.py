"""The Joint List of Litter Categories, and tables of what the classes of a detector stand for in it.

Each is a CSV with a header, separated by commas or semicolons:

============  ==========================================================================
table         columns
============  ==========================================================================
categories    ``j_code``, ``name``, and where known ``type_code``, ``g_code``
class codes   ``class``, ``j_code``, and where the list divides there ``j_code_over_50_cm``
============  ==========================================================================

The list that comes with the package is that of Fleet, D., Vlachogianni, T. and Hanke, G. (2021): A Joint List of Litter Categories for Marine
Macrolitter Monitoring, JRC121708, EUR 30348 EN, doi:10.2760/127473; all 183 categories with a J-code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import read_header, read_table

#: What a setting says to get the tables of the package.
JOINT_LIST, EXAMPLES = "joint list", "examples"
_LISTS = Path(__file__).parent / "litter_lists"
_J_CODE = re.compile(r"J\d{1,3}")

Row = dict[str, str]


def read_categories(path: str = JOINT_LIST) -> list[tuple[str, str, str, str]]:
    """J-code, type code, G-code and name of each category.

    Parameters
    ----------
    path : str
        A table, or `JOINT_LIST`.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It lacks a column, is empty, or names a code twice.
    """
    found: dict[str, tuple[str, str, str, str]] = {}
    for where, row in _rows(path, _LISTS / "joint_list.csv" if path == JOINT_LIST else Path(path), ("j_code", "name")):
        code = _code(row["j_code"], where)
        if code in found:
            raise FormatError(f"{where} names {code} again: leave one of them.")
        found[code] = (code, row.get("type_code", ""), row.get("g_code", ""), row["name"])
    return list(found.values())


def read_class_codes(path: str = EXAMPLES, *, source: str = "") -> dict[str, tuple[str, str]]:
    """Class → its J-code, and that of its items larger than 50 cm (empty where it is the same).

    Parameters
    ----------
    path : str
        A table, or `EXAMPLES` for the classes of the bundled sample, AquaTrash, TACO and the litter module of AI4OS.
    source : str
        Only rows of this ``source``, where the table has that column.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It lacks a column, is empty, holds what is no J-code, or gives a class two codes.
    """
    found: dict[str, tuple[str, str]] = {}
    for where, row in _rows(path, _LISTS / "class_codes.csv" if path == EXAMPLES else Path(path), ("class", "j_code")):
        if source and row.get("source", source) != source:
            continue
        larger = row.get("j_code_over_50_cm", "")
        pair = (_code(row["j_code"], where), _code(larger, where) if larger else "")
        if found.setdefault(row["class"], pair) != pair:
            raise FormatError(f"{where} gives the class {row['class']!r} another code than before: leave one of them.")
    return found


def _code(text: str, where: str) -> str:
    code = text.strip().upper()
    if not _J_CODE.fullmatch(code):
        raise FormatError(f"{where} has the J-code {text!r:.40}: write J and a number, such as J7.")
    return code


def _rows(said: str, path: Path, needed: Sequence[str]) -> Iterator[tuple[str, Row]]:
    place = path.expanduser()
    if not place.is_file():
        raise DataNotFound(f"There is no table at {said}: give a CSV with the columns {', '.join(needed)}.")
    with Files(place) as files:
        delimiter = ";" if any(";" in name for name in read_header(files, place.name, delimiter=",")) else ","
        table = read_table(files, place.name, delimiter=delimiter)
    names = [name.strip().lower() for name in table.header]
    missing = [name for name in needed if name not in names]
    if missing:
        raise FormatError(f"{place.name} has no column {missing[0]}: name the columns {', '.join(needed)}.")
    if not table.rows:
        raise FormatError(f"{place.name} has no rows: fill it.")
    for line, cells in table.rows:
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        if all(row.get(name) for name in needed):
            yield f"{place.name}, line {line}", row
