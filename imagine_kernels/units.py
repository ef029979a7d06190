"""Units: what the end of a column name stands for, and which columns are an interval of another.

A column is called ``<quantity>_<unit>``, the ends of its interval ``<quantity>_low_<unit>`` and ``<quantity>_high_<unit>``, and the same
quantity corrected for the errors of a model ``<quantity>_corrected_<unit>``. What has no unit ends in none.
"""

from __future__ import annotations

from collections.abc import Collection

#: The end of a column name → the unit as people write it.
UNITS = {
    "ind_m3": "ind/m³",
    "ind_m2": "ind/m²",
    "mm3_m3": "mm³/m³",
    "mm3_m2": "mm³/m²",
    "m3_mm": "1/(m³·mm)",
    "mm3": "mm³",
    "m3": "m³",
    "mm2": "mm²",
    "m2": "m²",
    "mm": "mm",
    "um3": "µm³",
    "um2": "µm²",
    "um": "µm",
    "px": "px",
    "cells_l": "cells/L",
    "cells_ml": "cells/mL",
    "particles_ml": "particles/mL",
    "mm3_l": "mm³/L",
    "um3_ml": "µm³/mL",
    "ug_l": "µg/L",
    "pg": "pg",
    "ml": "mL",
    "per_10um": "1/(10 µm)",
    "km2": "km²",
    "km": "km",
    "m_s": "m/s",
    "m": "m",
    "deg": "°",
    "db": "dB",
    "h": "h",
    "percent": "%",
    "nats": "nats",
}
_LONGEST_FIRST = sorted(UNITS, key=len, reverse=True)


def split_unit(column: str) -> tuple[str, str]:
    """The name of the quantity, and the end that stands for its unit, ``""`` where there is none.

    >>> split_unit("abundance_low_ind_m3")
    ('abundance_low', 'ind_m3')
    """
    for end in _LONGEST_FIRST:
        if column.endswith(f"_{end}"):
            return column.removesuffix(f"_{end}"), end
    return column, ""


def joined(name: str, end: str) -> str:
    """The column of a quantity and the end that stands for its unit."""
    return f"{name}_{end}" if end else name


def quantities(columns: Collection[str]) -> list[str]:
    """The columns that are quantities with an interval, as counted: neither its ends nor what was corrected."""
    return [name for name in columns if limits(columns, name) and not split_unit(name)[0].endswith("_corrected")]


def corrected(column: str) -> str:
    """The column with the same quantity corrected for the errors of a model."""
    name, end = split_unit(column)
    return joined(f"{name}_corrected", end)


def in_words(column: str) -> str:
    """A column for people: ``"abundance_ind_m3"`` becomes ``"abundance, ind/m³"``."""
    name, end = split_unit(column)
    return name.replace("_", " ") + (f", {UNITS[end]}" if end else "")


def limits(columns: Collection[str], column: str) -> tuple[str, str] | None:
    """The columns with the ends of the interval of a column, or None."""
    name, end = split_unit(column)
    low, high = joined(f"{name}_low", end), joined(f"{name}_high", end)
    return (low, high) if low in columns and high in columns else None
