"""Tables of litter surveys: what a survey was, and how many items of each category it had.

The names of columns are those of the beach litter format of EMODnet Chemistry (sheets of surveys and of litter), in one table, and our own with
units. ``SurveyLength`` is in m, ``NoItems`` a number of items; ``LitterReferenceList`` is ``JLIST``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import read_header, read_table
from imagine_kernels.records import Problem
from imagine_kernels.settings import placed

#: What is written, and other names that are read for it; the first with its unit goes before.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "SurveyCode": ("surveycode", "survey_id", "survey", "sample_id"),
    "BeachCode": ("beachcode", "beach_id", "beach"),
    "SurveyDate": ("surveydate", "date"),
    "SurveyLength": ("surveylength", "length_m", "survey_length_m"),
    "LitterReferenceList": ("litterreferencelist",),
    "ItemCode": ("itemcode", "j_code"),
    "ItemName": ("itemname", "item_name", "name"),
    "ParameterOriginalName": ("parameteroriginalname", "label", "taxon"),
    "NoItems": ("noitems", "n_items", "count", "n_counted"),
    "items_per_100_m": ("items_per_100_m",),
    "items_per_100_m_low": ("items_per_100_m_low",),
    "items_per_100_m_high": ("items_per_100_m_high",),
    "observed_m2": ("observed_m2",),
}
REFERENCE_LIST = "JLIST"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRow:
    """One category of one survey; of a survey without items a row without a category.

    Attributes
    ----------
    survey_id, beach : str
    date : str
        ISO 8601, a day; empty where it is not known.
    length_m : float
        Along the shore; NaN where it is not known.
    j_code, name, label : str
        Category, its name, and the class it was told by; empty in a row that is of the survey as a whole.
    n_items : float
        NaN in a row that only describes the survey.
    items_per_100_m, low, high : float
        With its 95 % interval; NaN where they are not known.
    observed_m2 : float
        Area that was looked at; NaN where it is not known.
    """

    survey_id: str
    beach: str = ""
    date: str = ""
    length_m: float = math.nan
    j_code: str = ""
    name: str = ""
    label: str = ""
    n_items: float = math.nan
    items_per_100_m: float = math.nan
    low: float = math.nan
    high: float = math.nan
    observed_m2: float = math.nan


def write_surveys(rows: Iterable[SurveyRow], path: Path) -> Path:
    """Write a table of surveys as CSV in UTF-8."""
    with placed(path) as passing, passing.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        for row in rows:
            texts = (row.survey_id, row.beach, row.date)
            item = (REFERENCE_LIST if row.j_code else "", row.j_code, row.name, row.label)
            numbers = (row.n_items, row.items_per_100_m, row.low, row.high, row.observed_m2)
            writer.writerow([*texts, _number(row.length_m), *item, *(_number(each) for each in numbers)])
    return path


def read_surveys(path: Path) -> tuple[list[SurveyRow], list[Problem]]:
    """Read a table of surveys; cells that cannot be used are problems, and count as not known.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It has no column for the survey.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise DataNotFound.no_such_path(path)
    with Files(place) as files:
        delimiter = next(
            (each for each in (";", "\t") if any(each in name for name in read_header(files, place.name, delimiter=","))), ","
        )
        table = read_table(files, place.name, delimiter=delimiter)
    lower = [name.strip().lower() for name in table.header]
    at = {field: next((lower.index(name) for name in names if name in lower), -1) for field, names in _COLUMNS.items()}
    if at["SurveyCode"] < 0:
        raise FormatError(f"{place.name} has no column SurveyCode (or survey_id): name the surveys in one.")
    problems = list(table.problems)
    rows = []
    for line, cells in table.rows:
        text = {field: cells[k].strip() if 0 <= k < len(cells) else "" for field, k in at.items()}
        if not text["SurveyCode"]:
            problems.append(
                Problem(item=place.name, line=line, what="the survey has no name", remedy="it was left out; fill SurveyCode")
            )
            continue
        note = _Note(place.name, line, problems)
        rows.append(
            SurveyRow(
                survey_id=text["SurveyCode"], beach=text["BeachCode"], date=_day(text["SurveyDate"], note),
                length_m=_read(text["SurveyLength"], "SurveyLength", note, least=1e-3), j_code=text["ItemCode"], name=text["ItemName"],
                label=text["ParameterOriginalName"], n_items=_read(text["NoItems"], "NoItems", note),
                items_per_100_m=_read(text["items_per_100_m"], "items_per_100_m", note),
                low=_read(text["items_per_100_m_low"], "items_per_100_m_low", note),
                high=_read(text["items_per_100_m_high"], "items_per_100_m_high", note),
                observed_m2=_read(text["observed_m2"], "observed_m2", note),
            )
        )  # fmt: skip
    return rows, problems


class _Note:
    def __init__(self, name: str, line: int, problems: list[Problem]) -> None:
        self._name, self._line, self._problems = name, line, problems

    def __call__(self, what: str, remedy: str) -> None:
        self._problems.append(Problem(item=self._name, line=self._line, what=what, remedy=remedy, severity="warning"))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"


def _read(text: str, name: str, note: _Note, *, least: float = 0.0) -> float:
    if not text:
        return math.nan
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= least):
        note(f"{name} is {text[:40]!r}", "it counts as not known; give a number" + (" above 0" if least else " from 0 on"))
        return math.nan
    return value


def _day(text: str, note: _Note) -> str:
    if not text:
        return ""
    for read in (date.fromisoformat, lambda each: date(int(each[6:10]), int(each[3:5]), int(each[:2]))):
        try:
            return read(text[:10]).isoformat()
        except ValueError:
            continue
    note(f"SurveyDate is {text[:40]!r}", "it counts as not known; write days as 2025-05-31")
    return ""
