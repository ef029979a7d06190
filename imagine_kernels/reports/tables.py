"""Tables of quantities for a reader: one cell per value with its interval, units in the header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagine_kernels import figures
from imagine_kernels.records import TOTALS
from imagine_kernels.reports import html
from imagine_kernels.reports.html import Html
from imagine_kernels.units import UNITS, limits, split_unit

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {
    "n_counted": "counted",
    "n_validated": "validated",
    "sample_id": "sample",
    "biovolume_spherical_mm3_m3": "spherical, as counted (mm³/m³)",
    "biovolume_ellipsoidal_mm3_m3": "ellipsoidal, as counted (mm³/m³)",
    "abundance_ind_m3": "abundance as counted (ind/m³)",
    "abundance_corrected_ind_m3": "abundance corrected (ind/m³)",
    "biovolume_spherical_corrected_mm3_m3": "spherical, corrected (mm³/m³)",
    "biovolume_ellipsoidal_corrected_mm3_m3": "ellipsoidal, corrected (mm³/m³)",
    "biovolume_mid_mm3": "biovolume, middle of the class (mm³)",
    "esd_low_mm": "diameter from (mm)",
    "esd_high_mm": "to (mm)",
    "nbss_m3": "normalised biovolume (1/m³)",
    "psd_m3_mm": "individuals per m³ and mm",
    "in_fit": "in the regression",
    "intercept_log10_m3": "intercept (log₁₀, 1/m³)",
    "rmse_log10": "RMSE (log₁₀)",
    "n_bins": "classes",
    "relative_abundance": "share of the sample (%)",
    "relative_biovolume": "share of the biovolume of the sample (%)",
    "r2": "R²",
    "time_utc": "time (UTC)",
    "lon_deg": "longitude (°)",
    "lat_deg": "latitude (°)",
    "n_px": "pixels",
    "n_ring_px": "pixels of sea around it",
    "n_wind_eligible": "where the wind lets slicks show",
    "look_alike_score": "look-alike score",
    "look_alike_reasons": "for (+) and against (−) a look-alike",
}
#: Rows of a further table that are printed, and more of which are folded away.
MAX_ROWS, _FOLDED_ROWS = 200, 30
#: Columns from 0 to 1 that are read as percent.
_SHARES = ("relative_abundance", "relative_biovolume")
#: Quantities that follow from the sizes of objects have a table of their own below that of the numbers.
_BY_SIZE = ("biovolume", "carbon")


def title(column: str) -> str:
    """The name of a column for people, with its unit: ``"pixel_size_mm"`` becomes ``"pixel size (mm)"``."""
    if column in _WORDS:
        return _WORDS[column]
    name, end = split_unit(column)
    return name.replace("_", " ") + (f" ({UNITS[end]})" if end else "")


def cell(row: pd.Series[Any], column: str, ends: tuple[str, str] | None) -> str:
    """A value, with its interval where there is one."""
    value = row[column]
    if column in _SHARES:
        share, *limits_of = (100 * row[name] for name in (column, *(ends or ())))
        return html.interval(share, *limits_of) if ends else html.number(share)
    return html.interval(value, row[ends[0]], row[ends[1]]) if ends else html.number(value)


def abundance_tables(table: pd.DataFrame) -> list[Html]:
    """Numbers, and below them what follows from sizes; one table for a single sample, one to unfold for each of several."""
    samples = list(dict.fromkeys(table["sample_id"])) if "sample_id" in table else [""]
    ends = {end for name in table.columns for end in limits(table.columns, name) or ()}
    shown = [name for name in map(str, table.columns) if name not in ends and table[name].dtype.kind in "fiu"]
    sized = [name for name in shown if name.startswith(_BY_SIZE)]
    counted = [name for name in shown if name not in sized]
    parts = []
    for i, name in enumerate(samples):
        rows = table[table["sample_id"] == name] if "sample_id" in table else table
        pieces = _taxa(rows, counted, "Numbers with 95 % intervals.")
        if sized and rows[sized].notna().any(axis=None):
            pieces += _taxa(rows, sized, "What follows from the sizes, with 95 % intervals.")
        parts.append(pieces if len(samples) == 1 else html.fold(str(name), pieces, is_open=i == 0))
    return parts


def _taxa(rows: pd.DataFrame, columns: list[str], caption: str) -> Html:
    ends = {name: limits(rows.columns, name) for name in columns}
    # Totals last, taxa by how many there are.
    is_total = rows["taxon"].isin(TOTALS)
    order = rows.assign(_total=is_total).sort_values(["_total", "n_counted"], ascending=[True, False], kind="stable")
    body = []
    for _, row in order.iterrows():
        name: Any = html.element("strong", row["taxon"]) if row["_total"] else row["taxon"]
        body.append((name, *(cell(row, column, ends[column]) for column in columns)))
    return html.table(("taxon", *(title(name) for name in columns)), body, caption=caption)


def spectrum_tables(spectrum: pd.DataFrame, fit: pd.DataFrame | None) -> list[Html]:
    """The regression, and the bins to unfold."""
    parts = []
    if fit is not None and len(fit):
        # Samples with too few objects for a line are named by the notes.
        lines = fit[(fit["taxon"] == figures.ALL_OBJECTS) & fit["slope"].notna()].drop(columns="taxon")
        if len(lines):
            parts.append(
                any_table("Regression of log₁₀ normalised biovolume on log₁₀ biovolume, all objects, with 95 % intervals.", lines)
            )
    whole = spectrum[spectrum["taxon"] == figures.ALL_OBJECTS].drop(columns="taxon")
    mean = whole[whole["sample_id"] == figures.ALL_SAMPLES]
    return [*parts, html.fold("The classes of the spectrum", any_table("", mean if len(mean) else whole))]


def any_table(caption: str, table: pd.DataFrame) -> Html:
    """A table as it is; columns with an interval swallow the columns of its ends."""
    ends = {name: limits(table.columns, name) for name in table.columns}
    swallowed = {end for pair in ends.values() if pair for end in pair}
    columns = [name for name in table.columns if name not in swallowed]
    # Text first, whatever the order in the file.
    text = [name for name in columns if table[name].dtype.kind not in "fiub"]
    columns = [*text, *(name for name in columns if name not in text)]
    body = [tuple(cell(row, name, ends[name]) for name in columns) for _, row in table.iterrows()]
    return html.table([title(name) for name in columns], body, text_columns=len(text), caption=caption)


def further_table(name: str, table: pd.DataFrame) -> Html:
    """A table that has no section of its own; a long one is folded, and what is too long for a page is cut."""
    said = name.replace("_", " ")
    # Columns of which nothing is known would only widen the page.
    known = table.loc[:, [column for column in table.columns if table[column].notna().any()]] if len(table) else table
    if len(known) <= _FOLDED_ROWS:
        return any_table(said, known)
    left = f"The first {MAX_ROWS} of {len(known)} rows; {name}.csv holds all." if len(known) > MAX_ROWS else ""
    return html.fold(f"{said} ({len(known)} rows)", any_table(left, known.head(MAX_ROWS)))
