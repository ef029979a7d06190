"""Diatom indices as weighted means of what each taxon indicates, and the status class that follows.

With the share ``a`` of a taxon, its sensitivity ``s`` and its indicator value ``v`` (Zelinka and Marvan 1961, Arch. Hydrobiol. 57, 389-407)::

    I = Σ a s v / Σ a v

over the taxa that the index has values for. The published indices differ in their tables and in the scale that I is brought to::

    IPS      4.75 I - 3.75     1 … 20    Coste 1982, Cemagref
    IDAP     4.75 I - 3.75     1 … 20    Prygiel and Coste 1993, doi 10.1007/BF00028033
    EPI-D    20 - 4.75 I       1 … 20    Dell'Uomo 1996
    TDI      25 I - 25         0 … 100   Kelly and Whitton 1995, doi 10.1007/BF00003802; scale of Kelly 1998, doi 10.1016/S0043-1354(97)00157-7
    TDI20    24.75 - 4.75 I    1 … 20    the same on the scale of the others
    ID-CH    22.714 - 2.714 I  1 … 20    Hürlimann and Niederhauser 2007

The scales are those that the program DiaThor uses (Nicolosi Gelis et al.). Any other index keeps I, or has a slope and an intercept in its table. The
tables are the user's: most are licensed, none is here but an invented example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.diatom_taxa import Taxon, taxon_of
from imagine_kernels.measures.intervals import LEVEL
from imagine_kernels.measures.valve_counts import Compositions

if TYPE_CHECKING:
    import pandas as pd

#: Index → slope and intercept of its scale.
SCALES: dict[str, tuple[float, float]] = {
    "IPS": (4.75, -3.75),
    "IDAP": (4.75, -3.75),
    "EPI-D": (-4.75, 20.0),
    "TDI": (25.0, -25.0),
    "TDI20": (-4.75, 24.75),
    "ID-CH": (-2.714, 22.714),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index: what its taxa indicate, and its scale.

    Attributes
    ----------
    name : str
    values : mapping of str to (float, float)
        Sensitivity s and indicator value v of a taxon, by name or code.
    slope, intercept : float
        The index is ``slope · I + intercept``.
    """

    name: str
    values: Mapping[str, tuple[float, float]]
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A status class of an index: from this value on, up to that of the next class."""

    index: str
    status_class: str
    from_value: float


def zelinka_marvan(numbers: NDArray[Any], sensitivity: NDArray[Any], indicator: NDArray[Any]) -> NDArray[np.float64]:
    """Weighted mean sensitivity.

    Parameters
    ----------
    numbers : (..., k) ndarray
        Counts or shares of k taxa.
    sensitivity, indicator : (k,) ndarrays
        NaN for a taxon without values, which is left out.

    Returns
    -------
    (...) float64 ndarray
        NaN where no taxon with values occurs.
    """
    s, v = np.asarray(sensitivity, dtype=np.float64), np.asarray(indicator, dtype=np.float64)
    valued = ~np.isnan(s) & ~np.isnan(v)
    weight = np.asarray(numbers, dtype=np.float64)[..., valued] * v[valued]
    total = weight.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 0, (weight @ s[valued]) / total, np.nan))


def values_of(index: Index, names: Sequence[str], taxa: Mapping[str, Taxon]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sensitivity and indicator value (k,) of taxa, by name, else by code; NaN where the index has none."""
    found = np.full((2, len(names)), np.nan)
    for at, name in enumerate(names):
        taxon = taxon_of(name, taxa)
        value = next((index.values[key] for key in (name, taxon.name, taxon.code) if key and key in index.values), None)
        if value is not None:
            found[:, at] = value
    return found[0], found[1]


def index_table(
    counts: Compositions, corrected: Compositions | None, indices: Sequence[Index], taxa: Mapping[str, Taxon]
) -> pd.DataFrame:
    """Each index of each sample, with what share of the valves had a value.

    Parameters
    ----------
    counts : Compositions
        The counts as they stand.
    corrected : Compositions or None
        With the errors of the classifier unfolded.
    indices : sequence of Index
    taxa : mapping of str to Taxon

    Returns
    -------
    DataFrame
        ``sample_id``, ``index``, ``n_counted``, ``n_with_value``, ``share_with_value`` (0 to 1), ``value`` and ``value_corrected``, each with
        ``_low`` and ``_high``: percentiles of the draws.
    """
    import pandas as pd

    rows = []
    for index in indices:
        s = values_of(index, counts.taxa, taxa)[0]
        with_value = counts.best[:, ~np.isnan(s)].sum(axis=1)
        plain = _scaled(index, counts, taxa)
        better = None if corrected is None else _scaled(index, corrected, taxa)
        for at, sample in enumerate(counts.samples):
            n = float(counts.best[at].sum())
            row = {
                "sample_id": sample,
                "index": index.name,
                "n_counted": round(n),
                "n_with_value": round(float(with_value[at])),
                "share_with_value": with_value[at] / n if n else np.nan,
            }
            for kind, found in (("", plain), ("_corrected", better)):
                best, drawn = (np.nan, np.array([])) if found is None else (float(found[0][at]), found[1][:, at])
                row |= dict(zip((f"value{kind}", f"value{kind}_low", f"value{kind}_high"), (best, *_limits(drawn)), strict=True))
            rows.append(row)
    return pd.DataFrame(rows)


def _scaled(index: Index, numbers: Compositions, taxa: Mapping[str, Taxon]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The index of the most likely numbers (samples,), and of each draw (draws, samples)."""
    s, v = values_of(index, numbers.taxa, taxa)
    best, drawn = (zelinka_marvan(each, s, v) for each in (numbers.best, numbers.drawn))
    return index.slope * best + index.intercept, index.slope * drawn + index.intercept


def _limits(drawn: NDArray[np.float64]) -> tuple[float, float]:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return np.nan, np.nan
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)


def status_table(
    numbers: Compositions, indices: Sequence[Index], boundaries: Sequence[Boundary], taxa: Mapping[str, Taxon]
) -> pd.DataFrame:
    """How probable each status class is: the share of the draws whose index falls into it.

    Parameters
    ----------
    numbers : Compositions
    indices : sequence of Index
    boundaries : sequence of Boundary
        An index without any has no rows.
    taxa : mapping of str to Taxon

    Returns
    -------
    DataFrame
        ``sample_id``, ``index``, ``status_class``, ``from_value``, ``probability`` (0 to 1; NaN where the index
        has no value), and ``most_likely`` (yes or no).
    """
    import pandas as pd

    rows = []
    for index in indices:
        classes = sorted((each for each in boundaries if each.index == index.name), key=lambda each: each.from_value)
        if not classes:
            continue
        edges = np.array([each.from_value for each in classes])
        drawn = _scaled(index, numbers, taxa)[1]
        for at, sample in enumerate(numbers.samples):
            known = drawn[:, at][~np.isnan(drawn[:, at])]
            # Below the lowest boundary the lowest class goes on.
            place = np.maximum(np.searchsorted(edges, known, side="right") - 1, 0)
            chance = np.bincount(place, minlength=len(classes)) / len(known) if len(known) else np.full(len(classes), np.nan)
            for k, each in enumerate(classes):
                rows.append(
                    {
                        "sample_id": sample,
                        "index": index.name,
                        "status_class": each.status_class,
                        "from_value": each.from_value,
                        "probability": chance[k],
                        "most_likely": "yes" if len(known) and k == int(chance.argmax()) else "no",
                    }
                )
    return pd.DataFrame(rows, columns=["sample_id", "index", "status_class", "from_value", "probability", "most_likely"])
