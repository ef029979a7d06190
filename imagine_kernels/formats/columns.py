"""Columns that every layout of vignettes shares: their names, numbers, missing values and settings.

Names and units are those of EcoTaxa, whatever the file says: ``sample_tot_vol`` in m³, ``process_particle_pixel_size_mm`` in mm,
``object_area`` in px.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataNotFound
from imagine_kernels.records import Problem, Sample

VOLUME = "sample_tot_vol"
SUB_PART = "acq_sub_part"
PIXEL_SIZE = "process_particle_pixel_size_mm"

#: Always numbers, whatever the type line says: the measures need them.
NUMERIC = frozenset(
    {VOLUME, SUB_PART, PIXEL_SIZE, "object_lat", "object_lon", "object_lat_end", "object_lon_end"}
    | {"object_depth_min", "object_depth_max"}
)
#: Always texts, even where all values look like numbers: dates and times lose their leading zeros as numbers.
TEXT = frozenset(
    {"object_id", "sample_id", "acq_id", "process_id", "object_date", "object_time", "object_date_end", "object_time_end"}
    | {"object_link", "object_annotation_hierarchy", "object_annotation_category_id", "object_annotation_date"}
    | {"object_annotation_time", "object_annotation_person_name", "object_annotation_person_email", "complement_info"}
)
#: What instruments write where they know nothing; real zeros stay zeros.
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "99999", "999999", "99999.0", "999999.0"})

_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*|\d*\.\d+|[1-9]\d*\.|0\.)(?:[eE][+-]?\d+)?|nan", re.IGNORECASE)
_DEGREES = re.compile(r"\s*(-?)(\d+)\s*[°d]\s*(\d+(?:\.\d*)?)?['\s]*(\d+(?:\.\d*)?)?[\"\s]*([NSEW]?)\s*", re.IGNORECASE)


def is_metadata(column: str) -> bool:
    """Whether ``99999`` means "not known" in this column; an area of 99999 px is an area."""
    return column in NUMERIC or not column.startswith("object_")


def looks_numeric(values: Sequence[str]) -> bool:
    """Whether a column without a declared type holds numbers, or nothing at all; ``007`` is a name."""
    return all(_NUMBER.fullmatch(value.strip()) for value in values if value.strip())


def read_numbers(values: Sequence[str], *, metadata: bool) -> tuple[NDArray[np.float64], list[int]]:
    """Texts as float64, missing ones as NaN, and the positions of those that are no numbers.

    Parameters
    ----------
    values : sequence of str, length n
    metadata : bool
        Whether ``99999`` and ``999999`` mean "not known".

    Returns
    -------
    numbers : (n,) float64 ndarray
    bad : list of int
        Positions that hold something else than a finite number or a mark for "missing".
    """
    numbers = _fast_numbers(values)
    if numbers is not None:
        if metadata:
            numbers[np.isin(numbers, (99999.0, 999999.0))] = np.nan
        return numbers, []
    result = np.full(len(values), np.nan)
    bad: list[int] = []
    for i, value in enumerate(values):
        number = _number(value, metadata)
        if number is None:
            bad.append(i)
        else:
            result[i] = number
    return result, bad


def _fast_numbers(values: Sequence[str]) -> NDArray[np.float64] | None:
    """The numbers if all are plain ones or empty, else None; a table has a million cells."""
    try:
        numbers = np.array([float(value) if value else np.nan for value in values], dtype=np.float64)
    except ValueError:
        return None
    # Python reads 1_000 as a number, EcoTaxa and the scientist do not.
    return None if np.isinf(numbers).any() or "_" in "".join(values) else numbers


def _number(text: str, metadata: bool) -> float | None:
    short = text.strip().lower()
    if short in MISSING and (metadata or short[:1] != "9"):
        return float("nan")
    try:
        number = float(short) if "_" not in short else None
    except ValueError:
        return _degrees(short)
    return number if number is not None and abs(number) != float("inf") else None


def _degrees(text: str) -> float | None:
    """Degrees, minutes and seconds as UVP6 writes them: ``43°0 0``."""
    match = _DEGREES.fullmatch(text)
    if match is None:
        return None
    sign, degrees, minutes, seconds, side = match.groups()
    value = float(degrees) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    return -value if sign or side.lower() in ("s", "w") else value


def read_time(text: str) -> time | None:
    """The time of day in an EcoTaxa column, where leading zeros may be lost.

    Up to four digits are hours and minutes, five or six have seconds: ``420`` and ``0420`` and ``042000`` are 04:20:00, as EcoTaxa's own
    exports of such imports show. ``08:28:00.000`` is read as it stands. None where it is no time.
    """
    plain = text.strip()
    if ":" in plain:
        plain = "".join(part.zfill(2) for part in plain.split(".")[0].split(":"))
    if not plain.isdecimal() or len(plain) > 6:
        return None
    digits = plain.zfill(4).ljust(6, "0") if len(plain) <= 4 else plain.zfill(6)
    hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def fill_from_settings(columns: dict[str, Any], settings: Mapping[str, Any], item: str) -> list[Problem]:
    """Fill what the data do not say from the user's settings, in place; what they say is never overwritten.

    Parameters
    ----------
    columns : dict of str to (n,) ndarray
        With at least ``object_id``.
    settings : mapping
        ``tot_vol`` in m³, ``sub_part``, ``pixel_size_mm`` in mm, or ``dpi``; None where not given.
    item : str
        What the problems are about.
    """
    pixel_size, tolerance = settings.get("pixel_size_mm"), 1e-6
    if pixel_size is None and settings.get("dpi"):
        pixel_size, tolerance = 25.4 / float(settings["dpi"]), 0.01  # files round 25.4/2400 to 0.0106
    problems = []
    for column, value, close, unit in (
        (VOLUME, settings.get("tot_vol"), 1e-6, " m³"),
        (SUB_PART, settings.get("sub_part"), 1e-6, ""),
        (PIXEL_SIZE, pixel_size, tolerance, " mm"),
    ):
        if value is None:
            continue
        given = float(value)
        if column not in columns:
            columns[column] = np.full(len(columns["object_id"]), given)
            continue
        known = np.asarray(columns[column], dtype=np.float64)
        different = ~np.isnan(known) & (np.abs(known - given) > close * abs(given))
        if different.any():
            said = float(known[different][0])
            problems.append(
                Problem(
                    item=item,
                    what=f"{column} is {said:g}{unit} in the data for {int(different.sum())} objects, not {given:g}{unit} as the setting says",
                    remedy="the data were believed; correct them if the setting is right",
                    severity="warning",
                )
            )
        columns[column] = np.where(np.isnan(known), given, known)
    return problems


def sample_of(
    *,
    name: str,
    source: Path,
    layout: str,
    columns: Mapping[str, Any],
    problems: Sequence[Problem],
    settings: Mapping[str, Any],
    remedy: str,
) -> Sample:
    """A `Sample` from columns of equal length; the settings fill what is missing.

    Raises
    ------
    DataNotFound
        There is no object at all; the message names the first problem, or says `remedy`.
    """
    import pandas as pd

    values = dict(columns)
    n = len(values["object_id"])
    if not n:
        errors = [problem for problem in problems if problem.severity == "error"]
        more = f", and {len(errors) - 1} more such problems" if len(errors) > 1 else ""
        why = f" ({str(errors[0]).rstrip('.')}{more})" if errors else ""
        raise DataNotFound(f"{source} ({layout}) holds no usable object{why}: {remedy}.")
    if "sample_id" not in values:
        values["sample_id"] = np.full(n, name, dtype=object)
    more_problems = fill_from_settings(values, settings, source.name)
    # Texts stay Python objects: what is compared with them is, and nothing is guessed about their kind.
    series = {column: pd.Series(array, dtype=array.dtype, copy=False) for column, array in values.items()}
    return Sample(
        name=name,
        source=source,
        layout=layout,
        objects=pd.DataFrame(series, copy=False),
        problems=(*problems, *more_problems),
        settings=dict(settings),
    )
