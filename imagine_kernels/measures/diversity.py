"""Diversity of a community from counts, with 95 % intervals.

With ``n_i`` individuals of taxon ``i``, ``n`` in all and ``p_i = n_i / n``:

===================  ============================  =====================================================================
index                definition                    variance
===================  ============================  =====================================================================
Shannon              ``H = -Σ p ln p``             ``(Σ p ln² p - H²) / n`` (Hutcheson 1970, doi 10.1016/0022-5193(70)90124-4)
Simpson              ``1 - D = 1 - Σ p²``          ``4 (Σ p³ - (Σ p²)²) / n`` (Simpson 1949, doi 10.1038/163688a0)
Hill of order 1      ``exp H``                     effective number of common taxa (Hill 1973, doi 10.2307/1934352)
Hill of order 2      ``1 / D``                     effective number of dominant taxa
===================  ============================  =====================================================================

Raw indices take labels as they are; their interval is the normal one of the variance, so it holds counting error only. Corrected ones are
those of counts unfolded through the confusion of held-out objects; their interval is the parametric bootstrap of
`imagine_kernels.measures.abundance`: the confusion is drawn from Dirichlet distributions and counts from gamma distributions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.intervals import LEVEL
from imagine_kernels.measures.unfolding import dirichlet_parameters, draw_rows, unfold
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd

_Z = 1.959963984540054


def shannon(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Shannon index in nats of counts (..., k), which need not be whole; NaN where nothing was counted."""
    p = _shares(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.where(p > 0, p * np.log(p), np.where(np.isnan(p), np.nan, 0.0)).sum(axis=-1) + 0.0)


def simpson(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Gini-Simpson index ``1 - Σ p²`` of counts (..., k): chance that two individuals are of different taxa; NaN where nothing was counted."""
    return np.asarray(1 - (_shares(counts) ** 2).sum(axis=-1))


def shannon_interval(counts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of `shannon` for counts (..., k), at most from 0 to the logarithm of the number of taxa."""
    p, h = _shares(counts), shannon(counts)
    n = np.asarray(counts, dtype=np.float64).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(p > 0, p * np.log(p) ** 2, 0.0).sum(axis=-1)
        half = _Z * np.sqrt(np.maximum(squares - h**2, 0) / n)
    return np.clip(h - half, 0, None), np.clip(h + half, None, np.log(p.shape[-1]))


def simpson_interval(counts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of `simpson` for counts (..., k), within 0 to 1."""
    p, s = _shares(counts), simpson(counts)
    n = np.asarray(counts, dtype=np.float64).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = _Z * 2 * np.sqrt(np.maximum((p**3).sum(axis=-1) - (p**2).sum(axis=-1) ** 2, 0) / n)
    return np.clip(s - half, 0, 1), np.clip(s + half, 0, 1)


def _shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    n = np.asarray(counts, dtype=np.float64)
    total = n.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, n / total, np.nan))


def diversity_table(
    sample_id: NDArray[Any],
    *,
    label: NDArray[Any],
    status: NDArray[Any],
    counted: frozenset[str],
    confusion: Confusion | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Richness, Shannon, Simpson and Hill numbers of each sample.

    Parameters
    ----------
    sample_id, label, status : (n,) ndarrays of str
        ``discarded`` objects are left out.
    counted : frozenset of str
        The labels that are taxa of the community; detritus and bubbles are none.
    confusion : Confusion, optional
        Of held-out objects; without it the corrected columns are NaN.
    n_draws : int
        Bootstrap draws behind the corrected intervals.
    seed : int

    Returns
    -------
    DataFrame
        ``sample_id``, ``n_counted``, ``richness`` (taxa that were found), ``shannon_nats``, ``simpson``, ``hill_1``, ``hill_2`` and for the
        first two ``_low``, ``_high`` and ``_corrected`` before the unit.
    """
    import pandas as pd

    keep = status != "discarded"
    samples, at = np.unique(np.asarray(sample_id)[keep].astype(str), return_inverse=True)
    names = label[keep]
    known = confusion.classes if confusion is not None else ()
    taxa = tuple(sorted(set(names.tolist()) | set(known)))
    position = {name: i for i, name in enumerate(taxa)}
    column = np.array([position[name] for name in names.tolist()], dtype=np.int64)
    predicted = (status[keep] == "predicted") & np.isin(names, np.array(known, dtype=object))
    numbers = np.zeros((2, len(samples), len(taxa)))
    np.add.at(numbers, (predicted.astype(np.int64), at, column), 1)
    mine = np.array([name in counted for name in taxa], dtype=bool)
    counts = numbers.sum(axis=0)[:, mine]
    if not mine.any():
        counts = np.zeros((len(samples), 1))
    h, s = shannon(counts), simpson(counts)
    data: dict[str, Any] = {
        "sample_id": samples.astype(object),
        "n_counted": counts.sum(axis=1).astype(np.int64),
        "richness": (counts > 0).sum(axis=1),
    }
    corrected = _corrected(numbers, taxa, mine, confusion, n_draws, seed) if confusion is not None and mine.any() else None
    for index, (name, unit, value, limits) in enumerate(
        (("shannon", "_nats", h, shannon_interval(counts)), ("simpson", "", s, simpson_interval(counts)))
    ):
        figures = {"": (value, *limits), "_corrected": (np.full(len(samples), np.nan),) * 3}
        if corrected is not None:
            figures["_corrected"] = corrected[index]
        for kind, parts in figures.items():
            for limit, values in zip(("", "_low", "_high"), parts, strict=True):
                data[f"{name}{kind}{limit}{unit}"] = values
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame({**data, "hill_1": np.exp(h), "hill_2": 1 / (1 - s)})


def _corrected(
    numbers: NDArray[np.float64], taxa: tuple[str, ...], mine: NDArray[np.bool_], confusion: Confusion, n_draws: int, seed: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Value, low and high (samples,) of both indices, of unfolded numbers."""
    rng = np.random.default_rng(seed)
    parameters = dirichlet_parameters(confusion, taxa)
    best = numbers[0] + unfold(numbers[1], parameters / parameters.sum(axis=1, keepdims=True))[0]
    block = max(1, min(n_draws, 4_000_000 // max(best.size, parameters.size)))
    drawn: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for start in range(0, n_draws, block):
        size = min(block, n_draws - start)
        counts = rng.standard_gamma(np.broadcast_to(numbers, (size, *numbers.shape)))
        true = counts[:, 0] + unfold(counts[:, 1], draw_rows(parameters, size, rng))[0]
        drawn.append((shannon(true[..., mine]), simpson(true[..., mine])))
    tail = 50 * (1 - LEVEL)
    result = []
    for i, index in enumerate((shannon, simpson)):
        draws = np.concatenate([part[i] for part in drawn])
        value = index(best[:, mine])
        # The bootstrap of a mean of many draws lies beside the best value where counts are few; the interval holds it all the same.
        low, high = np.percentile(draws, tail, axis=0), np.percentile(draws, 100 - tail, axis=0)
        result.append((value, np.fmin(low, value), np.fmax(high, value)))
    return result
