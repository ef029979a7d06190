"""The first figures of a report: what there is of the first quantity in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_kernels.records import TOTALS
from imagine_kernels.reports import html
from imagine_kernels.units import UNITS, limits, quantities, split_unit

if TYPE_CHECKING:
    import pandas as pd

#: Labels whose quantity has a tile of its own, the largest first.
_MOST = 3


def totals(table: pd.DataFrame | None, *, samples_noun: str = "samples") -> list[tuple[str, str, str]]:
    """Value, name and note of each tile: the total of one sample, or its range over several, of the first quantity that has values.

    Where the table has no rows of a total (oil and what looks like it have none), each of its labels has a tile.

    Parameters
    ----------
    table : DataFrame or None
        The main table of the measurements.
    samples_noun : str
        What the samples are called.
    """
    column = next((name for name in quantities(table.columns) if table[name].notna().any()), None) if table is not None else None
    if table is None or column is None:
        return []
    whole = table[table["taxon"].isin(TOTALS)].dropna(subset=[column])
    if len(whole):
        return [_tile(whole, column, f"total {_words(column)[0]}", len(whole), samples_noun)]
    if table["taxon"].isin(TOTALS).any():
        return []
    seen = table[table["n_counted"] > 0]
    n = table["sample_id"].nunique()
    largest = seen.groupby("taxon")[column].sum().sort_values(ascending=False).index[:_MOST]
    name = _words(column)[0]
    return [
        _tile(seen[seen["taxon"] == label].dropna(subset=[column]), column, f"{name} of {label}", n, samples_noun)
        for label in largest
    ]


def _tile(rows: pd.DataFrame, column: str, name: str, n: int, samples_noun: str) -> tuple[str, str, str]:
    """The tile of some rows of one quantity, one row per sample; of the `n` samples those without a row hold none."""
    unit = _words(column)[1]
    if n == 1 and len(rows) == 1:
        row, (low, high) = rows.iloc[0], limits(rows.columns, column) or (column, column)
        said = f"95 % interval {html.number(row[low])}–{html.number(row[high])}"
        return f"{html.number(row[column])} {unit}", f"{name}, as counted", said
    values = [*rows[column].tolist(), *[0.0] * (n - len(rows))]
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2 if ordered else float("nan")
    ends = f"{html.number(ordered[0])}–{html.number(ordered[-1])} {unit}" if ordered else "–"
    return ends, f"{name} in {n} {samples_noun}, as counted", f"median {html.number(middle)} {unit}"


def _words(column: str) -> tuple[str, str]:
    name, end = split_unit(column)
    return name.replace("_", " "), UNITS.get(end, "")
