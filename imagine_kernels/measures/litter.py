"""Litter items to items per 100 m of beach and per km² of water, corrected for what the detector misses and invents, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.intervals import LEVEL, weighted_poisson
from imagine_kernels.measures.litter_sizes import LIMITS_CM

if TYPE_CHECKING:
    import pandas as pd

#: The row of all items of a survey.
TOTAL = "all objects"
#: A class with fewer true positives among the held-out items is corrected by the figures of all classes together.
LEAST_TRUE_POSITIVES = 5
#: What an item stands for is given per so much: 100 m of beach (Commission Decision (EU) 2017/848, D10C1), 1 km² of water.
PER_M, PER_M2 = 100.0, 1e6

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How a detector did on items of one class that it had not been trained on.

    Attributes
    ----------
    true_positives, false_positives, false_negatives : int
        Items that were found; things that were found and are none, or none of this class; items that were missed.
    """

    true_positives: int
    false_positives: int
    false_negatives: int

    def __post_init__(self) -> None:
        if min(self.true_positives, self.false_positives, self.false_negatives) < 0:
            raise DataError(f"The counts of a detector cannot be below 0: {self}.")

    def __add__(self, other: HeldOut) -> HeldOut:
        return HeldOut(
            true_positives=self.true_positives + other.true_positives,
            false_positives=self.false_positives + other.false_positives,
            false_negatives=self.false_negatives + other.false_negatives,
        )

    @property
    def factor(self) -> float:
        """Precision over recall: what a count is to be multiplied by; NaN without any find."""
        found = self.true_positives + self.false_positives
        return (self.true_positives + self.false_negatives) / found if found and self.true_positives else float("nan")


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What a count may stand for, as equally likely draws (n_draws,).

    Attributes
    ----------
    value : float
        The best estimate of the number of items.
    items : (n_draws,) ndarray
        Numbers of items that may lie on the stretch.
    low, high : (n_draws,) ndarrays
        Means of the Poisson process that may have left them there, from below and from above.
    """

    value: float
    items: _Numbers
    low: _Numbers
    high: _Numbers

    def __add__(self, other: Draws) -> Draws:
        return Draws(
            value=self.value + other.value, items=self.items + other.items, low=self.low + other.low, high=self.high + other.high
        )


def corrected_count(n_found: int, held_out: HeldOut | None, *, n_draws: int, rng: np.random.Generator) -> Draws:
    """What a number of finds stands for: N = n P / R with the precision P and the recall R of the detector, and draws of it.

    Among held-out items, those found, invented and missed are taken for three independent Poisson counts; their means, of which P and R are
    made, are drawn from gamma distributions (Jeffreys' prior), so that P and R vary together as they must. Then the true items among the
    finds are binomial with P, and those missed negative binomial with R. The mean of the process that leaves items has, given their number
    N, the gamma distributions of the exact Poisson limits (Garwood 1936), N for the lower and N + 1 for the upper.

    Precision is taken to be the same here as on the held-out items. That holds where litter is about as dense: false finds per m² of beach
    do not become fewer where litter does.

    Parameters
    ----------
    n_found : int
    held_out : HeldOut or None
        None where the finds were checked by people: then they are the items.
    n_draws : int
    rng : Generator
    """
    if n_found < 0:
        raise DataError(f"A count is {n_found}: it cannot be below 0.")
    if held_out is None:
        items = np.full(n_draws, float(n_found))
        value = float(n_found)
    else:
        found, invented, missed = (
            rng.standard_gamma(each + 0.5, n_draws)
            for each in (held_out.true_positives, held_out.false_positives, held_out.false_negatives)
        )
        true = rng.binomial(n_found, found / (found + invented))
        recall = np.clip(found / (found + missed), 1e-6, 1 - 1e-12)
        items = true + rng.negative_binomial(true + 0.5, recall).astype(np.float64)
        value = n_found * held_out.factor if n_found else 0.0
    low = rng.standard_gamma(items)
    return Draws(value=value, items=items, low=low, high=low + rng.standard_exponential(n_draws))


def quality_of(label: str, quality: Mapping[str, HeldOut]) -> tuple[HeldOut, bool]:
    """The held-out counts that a class is corrected by, and whether they are those of all classes together, for lack of its own."""
    own = quality.get(label)
    if own is not None and own.true_positives >= LEAST_TRUE_POSITIVES:
        return own, False
    pooled = sum(quality.values(), HeldOut(true_positives=0, false_positives=0, false_negatives=0))
    return pooled, True


def measure_litter(
    items: pd.DataFrame,
    surveys: pd.DataFrame,
    *,
    quality: Mapping[str, HeldOut] | None = None,
    n_draws: int = 2000,
    seed: int = 0,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Items per survey and class, with what they stand for per 100 m of beach and per km².

    Parameters
    ----------
    items : DataFrame
        One row per item (each once, however many photos show it): ``survey_id``, ``label``, and where known ``size_cm``. Items below 2.5 cm
        are told apart and counted nowhere else; those without a size count.
    surveys : DataFrame
        One row per survey, those without items, too: ``survey_id``, and as they are known ``length_m`` along the shore and ``observed_m2``.
        Where one is missing or not above 0, what follows from it is NaN.
    quality : mapping of str to HeldOut, optional
        By class, of the detector; without it the items are taken as they are.
    n_draws : int
    seed : int

    Returns
    -------
    table : DataFrame
        By survey and class, with a row `TOTAL` for each survey: ``sample_id``, ``taxon``, ``n_counted``, ``n_under_2_5_cm``; ``n_items``, the
        corrected number, with limits for the number that lay there; ``items_per_100_m`` and ``items_per_km2``, with limits for the density
        that such a stretch has on average. All limits are those of 95 % intervals.
    notes : tuple of str

    Raises
    ------
    DataError
        A survey is named that is not there, or named twice.
    """
    import pandas as pd

    ids = surveys["survey_id"].astype(str).tolist()
    unknown = sorted(set(items["survey_id"].astype(str)) - set(ids))
    if unknown or len(set(ids)) < len(ids):
        what = f"The survey {unknown[0]!r} has items but is not in the table of surveys" if unknown else "A survey is named twice"
        raise DataError(f"{what}: give one row for each survey.")
    labels = sorted(set(items["label"].astype(str)))
    sizes = items["size_cm"].to_numpy(dtype=np.float64) if "size_cm" in items else np.full(len(items), np.nan)
    small = sizes < LIMITS_CM[0]
    notes = _notes(labels, quality, surveys, int(small.sum()))
    survey_of, label_of = items["survey_id"].astype(str).to_numpy(), items["label"].astype(str).to_numpy()
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for survey_id, length, area in zip(ids, _column(surveys, "length_m"), _column(surveys, "observed_m2"), strict=True):
        here = survey_of == survey_id
        total: Draws | None = None
        for label in labels:
            mine = here & (label_of == label)
            counted = int((mine & ~small).sum())
            draws = corrected_count(counted, quality_of(label, quality)[0] if quality else None, n_draws=n_draws, rng=rng)
            total = draws if total is None else total + draws
            rows.append(_row(survey_id, label, counted, int((mine & small).sum()), draws, length, area, exact=quality is None))
        counted = int((here & ~small).sum())
        whole = total or corrected_count(0, None, n_draws=n_draws, rng=rng)
        rows.append(_row(survey_id, TOTAL, counted, int((here & small).sum()), whole, length, area, exact=quality is None))
    return pd.DataFrame(rows), notes


def _column(surveys: pd.DataFrame, name: str) -> list[float]:
    values = surveys[name].to_numpy(dtype=np.float64) if name in surveys else np.full(len(surveys), np.nan)
    return [float(value) if value > 0 else np.nan for value in values]


def _row(
    survey_id: str, label: str, counted: int, small: int, draws: Draws, length: float, area: float, *, exact: bool
) -> dict[str, Any]:
    tails = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    items = (float(counted),) * 2 if exact else tuple(np.percentile(draws.items, tails).tolist())
    if exact:
        mean = tuple(float(limit) for limit in weighted_poisson(float(counted), float(counted), 1.0))
    else:
        mean = (float(np.percentile(draws.low, tails[0])), float(np.percentile(draws.high, tails[1])))
    row: dict[str, Any] = {"sample_id": survey_id, "taxon": label, "n_counted": counted, "n_under_2_5_cm": small}
    row |= {"n_items": draws.value, "n_items_low": items[0], "n_items_high": items[1]}
    for name, per in (("items_per_100_m", PER_M / length), ("items_per_km2", PER_M2 / area)):
        row |= {name: draws.value * per, f"{name}_low": mean[0] * per, f"{name}_high": mean[1] * per}
    return row


def _notes(labels: list[str], quality: Mapping[str, HeldOut] | None, surveys: pd.DataFrame, small: int) -> tuple[str, ...]:
    notes = []
    if quality is None:
        notes.append("The items are taken as they are: nothing is known of what the detector misses and invents.")
    else:
        pooled = [label for label in labels if quality_of(label, quality)[1]]
        if pooled:
            what = f"Of {', '.join(pooled)} fewer than {LEAST_TRUE_POSITIVES} were found among the held-out items"
            notes.append(f"{what}: they are corrected by precision and recall of all classes together.")
    if small:
        notes.append(f"{small} items are smaller than 2.5 cm: they are counted apart, and in no density.")
    for name, values, lost in (
        ("length_m", _column(surveys, "length_m"), "items per 100 m"),
        ("observed_m2", _column(surveys, "observed_m2"), "items per km²"),
    ):
        missing = int(np.isnan(values).sum())
        if missing:
            notes.append(f"{name} is missing for {missing} of {len(values)} surveys: no {lost} for these (give it to have them).")
    return tuple(notes)
