"""Alerts for harmful algae: concentrations against the thresholds of a watch list, with the reason.

A figure from a millilitre of imaged water is uncertain, so an alert has four levels: ``exceeded`` where even the lower limit of the 95 %
interval reaches the threshold, ``probably exceeded`` where the estimate does, ``cannot be excluded`` where only the upper limit does, and
``not exceeded``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

EXCEEDED, PROBABLY, POSSIBLE, BELOW, UNKNOWN = (
    "exceeded",
    "probably exceeded",
    "cannot be excluded",
    "not exceeded",
    "not known",
)


def watched_labels(labels: Sequence[str], taxa: pd.DataFrame, watch_list: pd.DataFrame) -> dict[str, str]:
    """Which taxon of the watch list each label is, for those that are one.

    A label is a watched taxon where it has its name, or its AphiaID in the table of taxa, or is a species of a watched genus; a species
    that is listed itself counts for itself only.

    Parameters
    ----------
    labels : sequence of str
    taxa : DataFrame
        ``name``, ``aphia_id``.
    watch_list : DataFrame
        ``taxon``, ``aphia_id``.
    """
    numbers = _numbers(taxa, "name")
    by_number = {number: taxon for taxon, number in _numbers(watch_list, "taxon").items()}
    by_name = {str(taxon).lower(): str(taxon) for taxon in watch_list["taxon"]}
    found: dict[str, str] = {}
    for label in labels:
        plain = label.lower().strip()
        genus = plain.split(" ")[0]
        taxon = by_name.get(plain) or by_number.get(numbers.get(label, -1)) or by_name.get(genus)
        if taxon is not None:
            found[label] = taxon
    return found


def _numbers(table: pd.DataFrame, name: str) -> dict[str, int]:
    """The AphiaIDs of a table that has them, by name."""
    known = table[table["aphia_id"].notna()]
    return {str(taxon): int(number) for taxon, number in zip(known[name], known["aphia_id"], strict=True)}


def alerts(concentrations: pd.DataFrame, *, watched: dict[str, str], watch_list: pd.DataFrame) -> pd.DataFrame:
    """One row for each sample and watched taxon.

    Parameters
    ----------
    concentrations : DataFrame
        ``sample_id``, ``taxon`` (of the watch list), ``n_counted``, ``concentration_cells_l`` with ``_low`` and ``_high``, and the same
        ``_corrected``, which are believed where they are there.
    watched : dict of str to str
        As `watched_labels` gives it.
    watch_list : DataFrame
        ``taxon``, ``threshold_cells_l``, ``advice``, ``source``.

    Returns
    -------
    DataFrame
        ``sample_id``, ``taxon``, ``labels``, ``n_counted``, ``concentration_cells_l``, ``concentration_low_cells_l``,
        ``concentration_high_cells_l``, ``threshold_cells_l``, ``alert`` (see the module), ``reason``, ``advice``, ``source``.
    """
    import pandas as pd

    rows = []
    listed = {str(row["taxon"]): row for row in watch_list.drop_duplicates("taxon").to_dict("records")}
    for row in concentrations[concentrations["taxon"].isin(set(watched.values()))].to_dict("records"):
        taxon = str(row["taxon"])
        kind = "_corrected" if not np.isnan(row["concentration_corrected_cells_l"]) else ""
        value, low, high = (float(row[f"concentration{kind}{limit}_cells_l"]) for limit in ("", "_low", "_high"))
        threshold = float(listed[taxon]["threshold_cells_l"])
        level = _level(value, low, high, threshold)
        rows.append(
            {
                "sample_id": row["sample_id"],
                "taxon": taxon,
                "labels": ", ".join(sorted(label for label, name in watched.items() if name == taxon)),
                "n_counted": row["n_counted"],
                "concentration_cells_l": value,
                "concentration_low_cells_l": low,
                "concentration_high_cells_l": high,
                "threshold_cells_l": threshold,
                "alert": level,
                "reason": _reason(taxon, level, value, low, high, threshold),
                "advice": listed[taxon]["advice"] if level in (EXCEEDED, PROBABLY) else "",
                "source": listed[taxon]["source"],
            }
        )
    return pd.DataFrame(rows)


def alert_sentences(found: pd.DataFrame) -> list[str]:
    """What somebody must act on: sample, figures and advice of what is exceeded, and then of what probably is."""
    said = []
    for level in (EXCEEDED, PROBABLY):
        for row in found[found["alert"] == level].to_dict("records"):
            advice = str(row["advice"]).strip().rstrip(".")
            # A list of a user's own may have been written without capital letters.
            said.append(f"{row['sample_id']}: {row['reason']}" + (f" {advice[:1].upper()}{advice[1:]}." if advice else ""))
    return said


def _level(value: float, low: float, high: float, threshold: float) -> str:
    if np.isnan(value):
        return UNKNOWN
    if low >= threshold and value > 0:
        return EXCEEDED
    if value >= threshold and value > 0:
        return PROBABLY
    return POSSIBLE if high >= threshold else BELOW


def _reason(taxon: str, level: str, value: float, low: float, high: float, threshold: float) -> str:
    if level == UNKNOWN:
        return f"{taxon}: the imaged volume is not known, so that there is no number per litre."
    told = [_whole(float(f"{figure:.3g}")) for figure in (value, low, high)]
    figures = f"{taxon}: {told[0]} cells/L (95 % interval {told[1]} to {told[2]})"
    ends = {
        EXCEEDED: f"the whole interval lies above the threshold of {_whole(threshold)}",
        PROBABLY: f"the estimate lies above the threshold of {_whole(threshold)}, the lower limit does not",
        POSSIBLE: f"the upper limit lies above the threshold of {_whole(threshold)}: image more water to know",
        BELOW: f"the whole interval lies below the threshold of {_whole(threshold)}",
    }
    return f"{figures}, {ends[level]}."


def _whole(value: float) -> str:
    """A number in groups of three digits where it has five or more, with spaces that do not break."""
    return f"{value:.0f}" if abs(value) < 9999.5 else f"{value:,.0f}".replace(",", "\u00a0")
