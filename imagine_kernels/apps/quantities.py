"""Tables of quantities as the page draws them: which columns belong together is read from their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagine_kernels.records import TOTALS, CountState, Measurements
from imagine_kernels.units import UNITS, corrected, limits, split_unit

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {
    "abundance": "Abundance",
    "biovolume_spherical": "Biovolume, spherical",
    "biovolume_ellipsoidal": "Biovolume, ellipsoidal",
    "relative_abundance": "Share of the sample",
}
_ABBREVIATIONS = ("abd", "esd", "nbss")
#: Rows of a further table that the page shows; the download holds all.
MAX_ROWS = 300
_X, _Y, _Y_LOW, _Y_HIGH = "biovolume_mid_mm3", "nbss_m3", "nbss_low_m3", "nbss_high_m3"
_KEYS = ("sample_id", "taxon", "n_counted", "n_validated")
_SPECTRUM = ("size_spectrum", "size_spectrum_fit", "size_spectrum_by_station")


def quantities(measured: Measurements, *, sequence: int) -> dict[str, Any]:
    """What the panel shows.

    Parameters
    ----------
    measured : Measurements
        Its main table is drawn by taxon, ``size_spectrum`` and ``size_spectrum_fit`` as such; the others are shown as they are.
    sequence : int
        The last correction that is in it.
    """
    rows: list[dict[str, Any]] = []
    found: dict[str, dict[str, Any]] = {}
    main = measured.main
    if main is not None:
        found = _series(measured.tables[main])
        rows = _rows(measured.tables[main], found)
    return {
        "sequence": sequence,
        "quantities": [
            {"key": key, "name": entry["name"], "unit": entry["unit"], "corrected": entry["corrected"]}
            for key, entry in found.items()
            if not split_unit(key)[0].endswith("_corrected")
        ],
        "rows": rows,
        "spectrum": _spectrum(measured),
        "counting": [_counting(state) for state in measured.counting],
        "tables": [_table(name, table) for name, table in measured.tables.items() if name not in (main, *_SPECTRUM)],
        "notes": list(measured.notes),
        "alerts": list(measured.alerts),
    }


def _series(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Column of a quantity → its three columns; a quantity without any value is left out."""
    found: dict[str, dict[str, Any]] = {}
    for column in map(str, table.columns):
        base, unit = split_unit(column)
        if column in _KEYS or base.endswith(("_low", "_high")) or table[column].dtype.kind != "f" or table[column].isna().all():
            continue
        found[column] = {
            "name": _NAMES.get(base, _words(base)),
            "unit": UNITS.get(unit) or "share",
            "columns": (column, *(limits(table.columns, column) or (None, None))),
        }
    for column, entry in found.items():
        entry["corrected"] = better if (better := corrected(column)) in found else None
    # The quantities with units first; the bare share says least.
    return dict(sorted(found.items(), key=lambda item: (item[0].startswith("relative"), list(found).index(item[0]))))


def _words(name: str) -> str:
    """A name for people: ``n_counted`` becomes ``Counted``, ``abd_median`` becomes ``ABD median``."""
    words = " ".join(each.upper() if each in _ABBREVIATIONS else each for each in name.removeprefix("n_").split("_"))
    return words[:1].upper() + words[1:]


def _table(name: str, table: pd.DataFrame) -> dict[str, Any]:
    """A table as it is, each value with its interval."""
    ends = {column: limits(table.columns, column) for column in map(str, table.columns)}
    swallowed = {end for pair in ends.values() if pair for end in pair}
    columns = [column for column in ends if column not in swallowed and column != "sample_id"]
    records = table.head(MAX_ROWS).to_dict("records")

    def cell(record: dict[Any, Any], column: str) -> Any:
        if table[column].dtype.kind not in "fiu":
            value = record[column]
            # What is missing in a column of text is None or NaN, which is not itself.
            missing = value is None or value != value  # noqa: PLR0124
            return ("yes" if value else "no") if table[column].dtype.kind == "b" else "" if missing else str(value)
        return [_value(record, each) for each in (column, *(ends[column] or (None, None)))]

    return {
        "title": _words(name),
        "columns": [{"name": _words(base), "unit": UNITS.get(unit, "")} for base, unit in map(split_unit, columns)],
        "rows": [
            {"sample": str(record.get("sample_id", "")), "cells": [cell(record, column) for column in columns]}
            for record in records
        ],
        "left": max(len(table) - MAX_ROWS, 0),
    }


def _rows(table: pd.DataFrame, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    records = table.to_dict("records")
    return [
        {
            "sample": str(record["sample_id"]),
            "taxon": str(record["taxon"]),
            "counted": int(record["n_counted"]),
            "validated": int(record.get("n_validated", 0)),
            "total": record["taxon"] in TOTALS,
            "values": {key: [_value(record, column) for column in entry["columns"]] for key, entry in found.items()},
        }
        for record in records
    ]


def _value(record: dict[Any, Any], column: str | None) -> float | None:
    return None if column is None or record.get(column) is None else _finite(float(record[column]))


def _finite(value: float | None) -> float | None:
    """The value; None for NaN and infinity, which JSON does not have."""
    return value if value is not None and value - value == 0 else None


def _counting(state: CountState) -> dict[str, Any]:
    """How far a count is; its curve as points of x, met, expected, low and high."""
    curve = state.curve
    points = [] if curve is None else zip(curve.x, curve.met, curve.expected, curve.low, curve.high, strict=True)
    return {
        "sample": state.sample_id,
        "counted": state.counted,
        "wanted": state.wanted,
        "noun": state.noun,
        "sentence": state.sentence,
        "remark": state.remark,
        "parts": [
            {
                "name": part.name,
                "n": part.n,
                "of": part.of,
                "low": _finite(part.low),
                "high": _finite(part.high),
                "remark": part.remark,
            }
            for part in state.parts
        ],
        "curve": curve
        and {
            "x": curve.x_name,
            "y": curve.y_name,
            "points": [[float(value) for value in point] for point in points],
        },
    }


def _spectrum(measured: Measurements) -> dict[str, Any] | None:
    table, fit = measured.tables.get("size_spectrum"), measured.tables.get("size_spectrum_fit")
    if table is None or not len(table) or not {_X, _Y} <= set(table.columns):
        return None
    points = [
        {
            "sample": str(record["sample_id"]),
            "taxon": str(record["taxon"]),
            "x": _value(record, _X),
            "y": _value(record, _Y),
            "low": _value(record, _Y_LOW),
            "high": _value(record, _Y_HIGH),
            "n": int(record["n_counted"]),
            "used": bool(record["in_fit"]),
            "why": str(record.get("left_out_because") or ""),
        }
        for record in table.to_dict("records")
        # An empty bin has no place on a logarithmic axis; it stays in the table that is downloaded.
        if record["n_counted"] > 0
    ]
    fits = [
        {
            "sample": str(record["sample_id"]),
            "taxon": str(record["taxon"]),
            "slope": _value(record, "slope"),
            "intercept": _value(record, "intercept_log10_m3"),
            "low": _value(record, "slope_low"),
            "high": _value(record, "slope_high"),
            "r2": _value(record, "r2"),
        }
        for record in (fit.to_dict("records") if fit is not None else ())
    ]
    return {"x": "Biovolume [mm³]", "y": "NBSS [mm³/m³/mm³]", "points": points, "fits": fits}
