"""Counts of diatom valves: taxa with their shares, the state of the count, and how many taxa more counting would show.

EN 14407:2014 guides the identification and enumeration of benthic diatoms; national methods ask for 400 and more objects (PHYLIB, Germany: at
least 400, single valves and whole frustules alike count as one). What is counted here:

- a valve under the taxon of its label, whole or broken; a broken one is to be labelled with its taxon where more than half of it and its middle
  are there, so that no valve is counted twice;
- a girdle view, ``Navicula (girdle view)``, as one object of its taxon, unless ``count_girdle_views`` is off;
- a smaller piece, ``Navicula (fragment)``, not at all, unless ``count_fragments`` is on; they are listed.

The rule for pieces is ours: set it as the method wants that the sample is counted for. Shares are of all that is counted, also of what could not
be named.

Rarefaction: the number of taxa expected among n of N valves is (Hurlbert 1971, Ecology 52, 577-586, doi 10.2307/1934145)
``E = Σ_i (1 - q_i)`` with ``q_i = C(N - N_i, n) / C(N, n)``; its variance over all such subsamples (Heck, van Belle and Simberloff 1975, Ecology 56,
1459-1461, doi 10.2307/1934716) is ``Σ_i q_i (1 - q_i) + 2 Σ_{i<j} (q_ij - q_i q_j)`` with ``q_ij = C(N - N_i - N_j, n) / C(N, n)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.diatom_taxa import FRAGMENT, GIRDLE_VIEW, UNIDENTIFIED
from imagine_kernels.measures.diversity import shannon, shannon_interval
from imagine_kernels.measures.intervals import LEVEL, wilson
from imagine_kernels.measures.unfolding import dirichlet_parameters, draw_rows, unfold
from imagine_kernels.records import Confusion, CountedCurve, CountedPart, CountState

if TYPE_CHECKING:
    import pandas as pd

#: Points of an accumulation curve.
POINTS = 20


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What of n objects is counted, and as what.

    Attributes
    ----------
    sample_id, taxon, mark, status : (n,) ndarrays of str
        The mark is that of the label: ``"girdle view"``, ``"fragment"`` or empty.
    counts : (n,) bool ndarray
        Whether the object is one of those counted.
    """

    sample_id: NDArray[Any]
    taxon: NDArray[Any]
    mark: NDArray[Any]
    status: NDArray[Any]
    counts: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        sample_id: NDArray[Any],
        taxon: NDArray[Any],
        mark: NDArray[Any],
        status: NDArray[Any],
        *,
        fragments: bool,
        girdle_views: bool,
    ) -> Counted:
        """Objects counted by the rule of this module; discarded ones are not."""
        counts = (status != "discarded") & (fragments | (mark != FRAGMENT)) & (girdle_views | (mark != GIRDLE_VIEW))
        return cls(sample_id=sample_id, taxon=taxon, mark=mark, status=status, counts=np.asarray(counts, dtype=bool))

    @property
    def samples(self) -> list[str]:
        """The samples, sorted."""
        return sorted(set(self.sample_id.tolist()))

    @property
    def taxa(self) -> list[str]:
        """The taxa that are counted anywhere, sorted, what could not be named last."""
        return sorted(set(self.taxon[self.counts].tolist()), key=lambda name: (name == UNIDENTIFIED, name))

    def numbers(self, taxa: list[str], *, status: str | None = None) -> NDArray[np.int64]:
        """(samples, taxa) counts; with `status` only of objects that have it."""
        result = np.zeros((len(self.samples), len(taxa)), dtype=np.int64)
        row = {name: at for at, name in enumerate(self.samples)}
        column = {name: at for at, name in enumerate(taxa)}
        for at in np.flatnonzero(self.counts & (status is None or self.status == status)).tolist():
            if self.taxon[at] in column:
                result[row[self.sample_id[at]], column[self.taxon[at]]] += 1
        return result


@dataclass(frozen=True, kw_only=True)
class Compositions:
    """True numbers of the taxa, as likely as the counts and the errors of the classifier allow.

    Attributes
    ----------
    samples, taxa : list of str
    best : (samples, taxa) float64 ndarray
        The most likely numbers.
    drawn : (draws, samples, taxa) float64 ndarray
        Each draw resamples the counts (multinomial) and, with a confusion, the errors (Dirichlet), and unfolds anew.
    """

    samples: list[str]
    taxa: list[str]
    best: NDArray[np.float64]
    drawn: NDArray[np.float64]


def resampled(counted: Counted, *, n_draws: int, seed: int) -> Compositions:
    """Multinomial draws of the counts as they stand: no errors of naming."""
    taxa = counted.taxa
    numbers = counted.numbers(taxa)
    drawn = _multinomial(numbers, n_draws, np.random.default_rng(seed))
    return Compositions(samples=counted.samples, taxa=taxa, best=numbers.astype(np.float64), drawn=drawn)


def corrected(
    counted: Counted, predicted: NDArray[Any], classes_taxa: dict[str, str], confusion: Confusion, *, n_draws: int, seed: int
) -> Compositions:
    """The same, with what the classifier said unfolded through its confusion on held-out objects.

    Parameters
    ----------
    counted : Counted
    predicted : (n,) ndarray of str
        The class that the model said of objects that no person has seen, empty for the others. It is taken as it was said, also where the count
        holds the genus in its place: so the species get back what is theirs.
    classes_taxa : dict of str to str
        The taxon of each class of the confusion; empty for classes that are not counted.
    confusion : Confusion
    n_draws, seed : int
    """
    samples, classes = counted.samples, tuple(confusion.classes)
    taxa = sorted({*counted.taxa, *classes_taxa.values()} - {""}, key=lambda name: (name == UNIDENTIFIED, name))
    alive = counted.status != "discarded"
    said = np.zeros((len(samples), len(classes)), dtype=np.int64)
    for at, name in enumerate(samples):
        labels = predicted[alive & (counted.sample_id == name)]
        said[at] = [int((labels == label).sum()) for label in classes]
    seen = Counted(
        sample_id=counted.sample_id,
        taxon=counted.taxon,
        mark=counted.mark,
        status=counted.status,
        counts=counted.counts & (predicted == ""),
    ).numbers(taxa)
    into = np.array([[classes_taxa.get(label, "") == taxon for taxon in taxa] for label in classes], dtype=np.float64).reshape(
        len(classes), len(taxa)
    )
    parameters = dirichlet_parameters(confusion, classes)
    rows = parameters / parameters.sum(axis=1, keepdims=True)
    best = seen + unfold(said, rows)[0] @ into
    rng = np.random.default_rng(seed)
    both = _multinomial(np.concatenate([seen, said], axis=1), n_draws, rng)
    drawn = both[..., : len(taxa)]
    # Blocks keep the memory flat where a model knows hundreds of classes.
    block = max(1, min(n_draws, 4_000_000 // max(len(classes) ** 2, 1)))
    for start in range(0, n_draws, block):
        part = slice(start, min(start + block, n_draws))
        true = unfold(both[part, :, len(taxa) :], draw_rows(parameters, part.stop - part.start, rng))[0]
        drawn[part] += true @ into
    return Compositions(samples=samples, taxa=taxa, best=np.asarray(best), drawn=drawn)


def _multinomial(numbers: NDArray[np.int64], n_draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n_draws, samples, k) resampled counts, each sample with its total."""
    drawn = np.zeros((n_draws, *numbers.shape))
    for at, row in enumerate(numbers):
        if row.sum():
            drawn[:, at] = rng.multinomial(int(row.sum()), row / row.sum(), size=n_draws)
    return drawn


def shares(compositions: Compositions) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Share of each taxon (samples, taxa) with its 95 % interval, which is never narrower than Wilson's of that share of the counts."""
    whole = compositions.best.sum(axis=1, keepdims=True)
    totals = compositions.drawn.sum(axis=2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = compositions.best / whole
        drawn = compositions.drawn / totals
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(np.nan_to_num(drawn), [tail, 100 - tail], axis=0)
    low = np.where(low < 1e-12, 0, low)
    narrow, wide = wilson(np.nan_to_num(share) * whole, np.broadcast_to(whole, share.shape))
    return share, np.where(whole > 0, np.minimum(low, narrow), np.nan), np.where(whole > 0, np.maximum(high, wide), np.nan)


def count_table(counted: Counted, *, target: int) -> pd.DataFrame:
    """One row per sample: how far the count is, and what of it could not be named.

    Returns
    -------
    DataFrame
        ``sample_id``, ``n_counted``, ``n_wanted``, ``enough`` (yes or no), ``n_taxa``, ``n_unidentified`` and ``unidentified_share`` with interval,
        ``n_girdle_views``, ``n_fragments`` (whether counted or not), ``n_validated``, ``coverage`` (Good 1953, doi 10.1093/biomet/40.3-4.237: 1 less
        the share of the valves whose taxon was met once: the chance that the next valve is of a taxon met already), ``shannon_nats`` with its
        interval, and ``evenness`` (Pielou 1966, doi 10.1016/0022-5193(66)90013-0: H / ln S) of what could be named.
    """
    import pandas as pd

    taxa = counted.taxa
    numbers = counted.numbers(taxa)
    named = [at for at, taxon in enumerate(taxa) if taxon != UNIDENTIFIED]
    rows = []
    for at, name in enumerate(counted.samples):
        mine = (counted.sample_id == name) & (counted.status != "discarded")
        n, known = int(numbers[at].sum()), numbers[at][named]
        unnamed = n - int(known.sum())
        low, high = (float(limit) for limit in wilson(unnamed, n))
        rows.append(
            {
                "sample_id": name,
                "n_counted": n,
                "n_wanted": target,
                "enough": "yes" if n >= target else "no",
                "n_taxa": int((known > 0).sum()),
                "n_unidentified": unnamed,
                "unidentified_share": unnamed / n if n else np.nan,
                "unidentified_share_low": low,
                "unidentified_share_high": high,
                "n_girdle_views": int((mine & (counted.mark == GIRDLE_VIEW)).sum()),
                "n_fragments": int((mine & (counted.mark == FRAGMENT)).sum()),
                "n_validated": int((mine & counted.counts & (counted.status == "validated")).sum()),
                "coverage": 1 - (known == 1).sum() / known.sum() if known.sum() else np.nan,
                **_diversity(known),
            }
        )
    return pd.DataFrame(rows)


def _diversity(numbers: NDArray[np.int64]) -> dict[str, float]:
    met = numbers[numbers > 0]
    if not len(met):
        return dict.fromkeys(("shannon_nats", "shannon_low_nats", "shannon_high_nats", "evenness"), np.nan)
    value, (low, high) = float(shannon(met)), (float(limit) for limit in shannon_interval(met))
    evenness = value / np.log(len(met)) if len(met) > 1 else np.nan
    return {"shannon_nats": value, "shannon_low_nats": low, "shannon_high_nats": high, "evenness": evenness}


def rarefaction(counts: NDArray[Any], sizes: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of taxa expected in subsamples, and its variance; see the head of this module.

    Parameters
    ----------
    counts : (k,) ndarray of int
        Valves of each taxon.
    sizes : (m,) ndarray of int
        Valves in each subsample, 0 to the sum of `counts`.

    Returns
    -------
    expected, variance : (m,) float64 ndarrays
    """
    n_i = np.asarray(counts, dtype=np.float64)
    n_i = n_i[n_i > 0]
    total = n_i.sum()
    expected, variance = np.zeros(len(sizes)), np.zeros(len(sizes))
    pair = n_i[:, None] + n_i[None, :]
    upper = np.triu_indices(len(n_i), 1)
    for at, n in enumerate(np.asarray(sizes, dtype=np.float64)):
        q = _missed(total, n_i, n)
        q_pair = _missed(total, pair[upper], n)
        expected[at] = (1 - q).sum()
        variance[at] = (q * (1 - q)).sum() + 2 * (q_pair - q[upper[0]] * q[upper[1]]).sum()
    # What cancels leaves a little noise.
    return expected, np.where(variance > 1e-9, variance, 0)


def _missed(total: float, rare: NDArray[np.float64], n: float) -> NDArray[np.float64]:
    """C(total - rare, n) / C(total, n): the chance that none of `rare` valves is among n."""
    from scipy.special import gammaln

    left = total - rare
    possible = left >= n
    left = np.where(possible, left, n)
    log = gammaln(left + 1) - gammaln(left - n + 1) - gammaln(total + 1) + gammaln(total - n + 1)
    return np.asarray(np.where(possible, np.exp(log), 0.0))


def accumulation_table(counted: Counted) -> pd.DataFrame:
    """How the number of named taxa grows with the number of named valves, per sample.

    Returns
    -------
    DataFrame
        ``sample_id``, ``n_valves``, ``n_taxa_met`` (in the order of the objects), ``n_taxa_expected`` (rarefaction) with ``_low`` and ``_high``: 1.96
        standard deviations, within 0 and all taxa.
    """
    import pandas as pd

    parts = []
    for name in counted.samples:
        mine = counted.taxon[(counted.sample_id == name) & counted.counts & (counted.taxon != UNIDENTIFIED)]
        if not len(mine):
            continue
        taxa, first, numbers = np.unique(mine.astype(str), return_index=True, return_counts=True)
        sizes = np.unique(np.linspace(1, len(mine), min(POINTS, len(mine))).round().astype(np.int64))
        expected, variance = rarefaction(numbers, sizes)
        half = 1.959963984540054 * np.sqrt(variance)
        parts.append(
            pd.DataFrame(
                {
                    "sample_id": name,
                    "n_valves": sizes,
                    "n_taxa_met": [int((first < size).sum()) for size in sizes],
                    "n_taxa_expected": expected,
                    "n_taxa_expected_low": np.maximum(expected - half, 0),
                    "n_taxa_expected_high": np.minimum(expected + half, len(taxa)),
                }
            )
        )
    columns = ["sample_id", "n_valves", "n_taxa_met", "n_taxa_expected", "n_taxa_expected_low", "n_taxa_expected_high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def count_states(
    counts: pd.DataFrame, accumulation: pd.DataFrame, *, fragments: bool, girdle_views: bool
) -> tuple[CountState, ...]:
    """How far the count of each sample is, for people to see while they count.

    Parameters
    ----------
    counts, accumulation : DataFrame
        As `count_table` and `accumulation_table` give them.
    fragments, girdle_views : bool
        Whether those are counted.
    """
    states = []
    for row in counts.to_dict("records"):
        n, wanted = int(row["n_counted"]), int(row["n_wanted"])
        mine = accumulation[accumulation["sample_id"] == row["sample_id"]]
        curve = CountedCurve(
            x_name="valves named",
            y_name="taxa",
            x=mine["n_valves"].to_numpy(),
            met=mine["n_taxa_met"].to_numpy(),
            expected=mine["n_taxa_expected"].to_numpy(),
            low=mine["n_taxa_expected_low"].to_numpy(),
            high=mine["n_taxa_expected_high"].to_numpy(),
        )
        parts = (
            CountedPart(name="checked by a person", n=int(row["n_validated"]), of=n),
            CountedPart(
                name=UNIDENTIFIED, n=int(row["n_unidentified"]), of=n,
                low=float(row["unidentified_share_low"]), high=float(row["unidentified_share_high"]),
            ),
            CountedPart(name="girdle views", n=int(row["n_girdle_views"]), of=n, remark="" if girdle_views else "not counted"),
            CountedPart(name="fragments", n=int(row["n_fragments"]), of=n, remark="" if fragments else "not counted"),
        )  # fmt: skip
        states.append(
            CountState(
                sample_id=str(row["sample_id"]),
                counted=n,
                wanted=wanted,
                noun="valves",
                sentence=_sentence(n, wanted),
                remark=_outlook(row["coverage"]),
                parts=parts,
                curve=curve if len(mine) else None,
            )
        )
    return tuple(states)


def _sentence(n: int, wanted: int) -> str:
    if n >= wanted:
        return f"Enough: {n} valves are counted, {wanted} are wanted."
    return f"{wanted - n} more: {n} of the {wanted} valves that are wanted are counted."


def _outlook(coverage: float) -> str:
    if np.isnan(coverage):
        return ""
    return f"The next valve is of a taxon that was met already with a chance of {100 * coverage:.0f} % (Good's coverage)."
