"""Tables of quantities as the page draws them: which columns belong together is read from their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagine_kernels.records import Measurements

if TYPE_CHECKING:
    import pandas as pd

#: Unit at the end of a column name → unit for people.
UNITS = {"ind_m3": "ind/m³", "mm3_m3": "mm³/m³"}
_NAMES = {
    "abundance": "Abundance",
    "biovolume_spherical": "Biovolume, spherical",
    "biovolume_ellipsoidal": "Biovolume, ellipsoidal",
    "relative_abundance": "Share of the sample",
}
#: The taxon of the rows that hold a whole sample.
TOTAL = "all objects"
_X, _Y, _Y_LOW, _Y_HIGH = "biovolume_mid_mm3", "nbss_m3", "nbss_low_m3", "nbss_high_m3"
_KEYS = ("sample_id", "taxon", "n_counted", "n_validated")


def quantities(measured: Measurements, *, sequence: int) -> dict[str, Any]:
    """What the panel shows.

    Parameters
    ----------
    measured : Measurements
        With a table ``abundance``, and ``size_spectrum`` and ``size_spectrum_fit`` where there are such.
    sequence : int
        The last correction that is in it.
    """
    rows: list[dict[str, Any]] = []
    found: dict[str, dict[str, Any]] = {}
    table = measured.tables.get("abundance")
    if table is not None:
        found = _series(table)
        rows = _rows(table, found)
    return {
        "sequence": sequence,
        "quantities": [
            {"key": key, "name": entry["name"], "unit": entry["unit"], "corrected": entry["corrected"]}
            for key, entry in found.items()
            if not key.endswith("_corrected")
        ],
        "rows": rows,
        "spectrum": _spectrum(measured),
        "notes": list(measured.notes),
    }


def _series(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Quantity → its three columns; a quantity without any value is left out."""
    found: dict[str, dict[str, Any]] = {}
    for column in table.columns:
        base, unit = _split(str(column))
        if column in _KEYS or base.endswith(("_low", "_high")) or table[column].dtype.kind != "f":
            continue
        low, high = _join(base + "_low", unit), _join(base + "_high", unit)
        found[base] = {
            "name": _NAMES.get(base, base.replace("_", " ").capitalize()),
            "unit": UNITS.get(unit, unit) or "share",
            "columns": (str(column), low if low in table else None, high if high in table else None),
            "corrected": None,
            "empty": bool(table[column].isna().all()),
        }
    for base, entry in found.items():
        other = found.get(f"{base}_corrected")
        entry["corrected"] = f"{base}_corrected" if other and not other["empty"] else None
    held = {base: entry for base, entry in found.items() if not entry["empty"]}
    # The quantities with units first; the bare share says least.
    return dict(sorted(held.items(), key=lambda item: (item[0].startswith("relative"), list(found).index(item[0]))))


def _split(column: str) -> tuple[str, str]:
    for unit in sorted(UNITS, key=len, reverse=True):
        if column.endswith(f"_{unit}"):
            return column.removesuffix(f"_{unit}"), unit
    return column, ""


def _join(base: str, unit: str) -> str:
    return f"{base}_{unit}" if unit else base


def _rows(table: pd.DataFrame, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    records = table.to_dict("records")
    return [
        {
            "sample": str(record["sample_id"]),
            "taxon": str(record["taxon"]),
            "counted": int(record["n_counted"]),
            "validated": int(record["n_validated"]),
            "total": record["taxon"] == TOTAL,
            "values": {key: [_value(record, column) for column in entry["columns"]] for key, entry in found.items()},
        }
        for record in records
    ]


def _value(record: dict[Any, Any], column: str | None) -> float | None:
    if column is None or record.get(column) is None:
        return None
    value = float(record[column])
    # JSON has no NaN and no infinity.
    return value if value - value == 0 else None


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
