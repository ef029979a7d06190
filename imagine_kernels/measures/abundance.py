"""Abundance and biovolume per sample and taxon, raw and corrected, each with a 95 % interval.

With `sub_part` the inverse of the analysed share of a haul, `tot_vol` its volume in m³ and `px` the side of a pixel in mm, each object stands
for ``w = sub_part / tot_vol`` individuals per m³ (EcoTaxa's default formulae)::

    abundance               Σ w                                        ind/m³
    biovolume, spherical    Σ w · 4/3 π (√(area / π) · px)³            mm³/m³
    biovolume, ellipsoidal  Σ w · 4/3 π (major/2 · px) (minor/2 · px)² mm³/m³

*Raw* figures take each label as it is; their interval is the gamma interval of Fay and Feuer (1997) for weighted Poisson counts, so it holds
counting error only. *Corrected* figures unfold what the classifier predicted through its confusion on held-out objects; what a person
validated (or called dubious) stays as it is. Their interval is a parametric bootstrap: in each draw every row of the confusion comes from a
Dirichlet distribution and every count from its gamma distribution, and the unfolding is done anew. For the upper limit one more individual,
which was missed by chance, is added as an exponential draw; so the interval becomes the exact Poisson interval (Garwood 1936) where the
classifier makes no errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.intervals import LEVEL, weighted_poisson, wilson
from imagine_kernels.measures.unfolding import dirichlet_parameters, draw_rows, unfold
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd

#: The taxon of the rows that hold a whole sample.
TOTAL = "all objects"
VOLUME, SUB_PART, PIXEL_SIZE = "sample_tot_vol", "acq_sub_part", "process_particle_pixel_size_mm"
AREA, MAJOR, MINOR = "object_area", "object_major", "object_minor"
#: quantity → unit at the end of its column names.
QUANTITIES = {"abundance": "ind_m3", "biovolume_spherical": "mm3_m3", "biovolume_ellipsoidal": "mm3_m3"}


def abundance_table(
    objects: Mapping[str, NDArray[Any]] | pd.DataFrame,
    *,
    label: NDArray[Any],
    status: NDArray[Any],
    confusion: Confusion | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Abundance and biovolume, one row per sample and taxon and one (`TOTAL`) per sample.

    Taxa are those that occur anywhere in the set, so that a taxon that is missing from a sample has a row with 0 and an upper limit.

    Parameters
    ----------
    objects : mapping or DataFrame, n rows
        EcoTaxa columns: ``sample_id``, ``sample_tot_vol`` [m³], ``acq_sub_part``, ``process_particle_pixel_size_mm`` [mm], ``object_area``
        [px²], ``object_major`` and ``object_minor`` [px]. What is missing makes the columns that need it NaN, and a note says so.
    label, status : (n,) ndarrays of str
        The label in force and its status. ``discarded`` objects are left out.
    confusion : Confusion, optional
        Of held-out objects; without it the corrected columns are NaN.
    n_draws : int
        Bootstrap draws behind the corrected intervals.
    seed : int

    Returns
    -------
    table : DataFrame
        ``sample_id``, ``taxon``, ``n_counted``, ``n_validated``, ``relative_abundance`` with ``_low`` and ``_high`` (share of the sample,
        0 to 1), and for each quantity in `QUANTITIES` ``<quantity>[_corrected][_low|_high]_<unit>``.
    notes : tuple of str

    Raises
    ------
    LabelError
        Labels, statuses and objects differ in number.
    """
    names, state = np.asarray(label, dtype=object), np.asarray(status, dtype=object)
    n = len(objects["sample_id"])
    if not len(names) == len(state) == n:
        raise LabelError(f"There are {n} objects, {len(names)} labels and {len(state)} statuses: give one of each per object.")
    notes: list[str] = []
    keep = state != "discarded"
    weights, volumes = weights_and_volumes(objects, notes)
    sample = np.asarray(objects["sample_id"]).astype(str)[keep]
    counted = _Counted.of(sample, names[keep], state[keep], confusion, weights[keep], without_gaps(sample, volumes[keep]))
    return _table(counted, confusion, n_draws, seed), tuple(notes)


def individual_volumes(
    area: NDArray[Any], major: NDArray[Any], minor: NDArray[Any], pixel_size: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spherical and ellipsoidal volume of each object in mm³ (EcoTaxa's default formulae).

    Parameters
    ----------
    area, major, minor : (n,) ndarrays
        px², px, px.
    pixel_size : (n,) ndarray
        mm per px.
    """
    px = np.asarray(pixel_size, dtype=np.float64)
    radius = np.sqrt(np.asarray(area, dtype=np.float64) / np.pi) * px
    a, b = np.asarray(major, dtype=np.float64) / 2 * px, np.asarray(minor, dtype=np.float64) / 2 * px
    return 4 / 3 * np.pi * radius**3, 4 / 3 * np.pi * a * b**2


def weights_and_volumes(
    objects: Mapping[str, NDArray[Any]] | pd.DataFrame, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Individuals per m³ that each object stands for (n,), and its two volumes (n, 2) in mm³; NaN where a value is missing.

    What is missing is added to `notes`, with what can be computed all the same.
    """
    n = len(objects["sample_id"])
    value = {}
    for name in (VOLUME, SUB_PART, PIXEL_SIZE, AREA, MAJOR, MINOR):
        given = np.asarray(objects[name], dtype=np.float64) if name in objects else np.full(n, np.nan)
        value[name] = np.where(given > 0, given, np.nan)
        lost = int(np.isnan(value[name]).sum())
        if lost:
            where = "is missing" if lost == n else f"is missing for {_objects(lost)} of {n}"
            notes.append(f"{name} {where}: {_CONSEQUENCE[name]}.")
    if n and (value[SUB_PART] < 1).any():
        notes.append(
            f"{SUB_PART} is below 1 somewhere: it must be the inverse of the analysed share (4 for a quarter); it was used as it is."
        )
    sphere, ellipsoid = individual_volumes(value[AREA], value[MAJOR], value[MINOR], value[PIXEL_SIZE])
    return value[SUB_PART] / value[VOLUME], np.stack([sphere, ellipsoid], axis=1)


# A sample in which more than this share of the objects has no volume gets no biovolume; else those objects are left out of it.
_GAPS = 0.05


def without_gaps(sample: NDArray[Any], volumes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volumes (n, 2) with 0 for the few objects of a sample that have none, and NaN for all of a sample where too many have none."""
    lost = np.isnan(volumes)
    _, at = np.unique(sample, return_inverse=True)
    share = np.stack([np.bincount(at, weights=column) for column in lost.T.astype(np.float64)]) / np.maximum(np.bincount(at), 1)
    return np.where(share.T[at] > _GAPS, np.nan, np.where(lost, 0.0, volumes))


_CONSEQUENCE = {
    VOLUME: "no abundance or biovolume per m³ for these samples; counts and relative abundance hold (set tot_vol to give it)",
    SUB_PART: "no abundance or biovolume per m³ for these samples; counts and relative abundance hold (set sub_part to give it)",
    PIXEL_SIZE: "these objects have no biovolume and are not in the size spectrum; abundance holds (set pixel_size_mm or dpi to give it)",
    AREA: "these objects have no spherical biovolume and are not in the size spectrum; abundance holds",
    MAJOR: "these objects have no ellipsoidal biovolume; abundance holds",
    MINOR: "these objects have no ellipsoidal biovolume; abundance holds",
}


def _objects(n: int) -> str:
    return "1 object" if n == 1 else f"{n} objects"


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """Objects summed by stratum (objects of one sample with one weight) and class.

    The arrays with a first axis of 2 hold validated objects, then predicted ones; those with a first axis of 3 the quantities
    individuals, spherical and ellipsoidal volume.
    """

    samples: list[str]
    taxa: list[str]
    #: (s,) sample of each stratum; (s,) its weight in ind/m³, NaN where not known.
    sample: NDArray[np.int64]
    weight: NDArray[np.float64]
    #: (2, s, k) numbers of objects.
    n: NDArray[np.float64]
    #: (3, 2, s, k) sums of the quantity and of its square.
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    #: (3, k) the largest value of an object of the taxon anywhere.
    largest: NDArray[np.float64]
    #: (samples, k) objects with status validated.
    validated: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        sample: NDArray[Any],
        label: NDArray[Any],
        status: NDArray[Any],
        confusion: Confusion | None,
        weight: NDArray[np.float64],
        volume: NDArray[np.float64],
    ) -> _Counted:
        samples, sample_at = np.unique(sample, return_inverse=True)
        known = confusion.classes if confusion else ()
        taxa = sorted(set(label.tolist()) | set(known))
        position = {name: i for i, name in enumerate(taxa)}
        k = len(taxa)
        taxon_at = np.array([position[name] for name in label.tolist()], dtype=np.int64)
        pairs, stratum = np.unique(np.stack([sample_at, np.nan_to_num(weight, nan=-1.0)]), axis=1, return_inverse=True)
        s = pairs.shape[1]
        # A label that the model does not know was given by somebody, whatever the status says.
        predicted = (status == "predicted") & np.isin(label, np.array(known, dtype=object))
        cell = (predicted * s + stratum.reshape(-1)) * k + taxon_at
        values = np.concatenate([np.ones((len(label), 1)), volume], axis=1)
        largest = np.full((3, k), np.nan)
        for i in range(3):
            for t in range(k):
                mine = values[taxon_at == t, i]
                if len(mine) and not np.isnan(mine).all():
                    largest[i, t] = np.nanmax(mine)
        largest[0] = 1.0

        def total(what: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.bincount(cell, weights=what, minlength=2 * s * k).reshape(2, s, k).astype(np.float64)

        return cls(
            samples=samples.tolist(),
            taxa=taxa,
            sample=pairs[0].astype(np.int64),
            weight=np.where(pairs[1] > 0, pairs[1], np.nan),
            n=total(np.ones(len(label))),
            sums=np.stack([total(column) for column in values.T]),
            squares=np.stack([total(column**2) for column in values.T]),
            largest=largest,
            validated=np.bincount(
                sample_at * k + taxon_at, weights=(status == "validated").astype(float), minlength=len(samples) * k
            )
            .reshape(len(samples), k)
            .astype(np.int64),
        )

    def by_sample(self, strata: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strata (..., s, k) summed within each sample: (..., samples, k)."""
        member = (self.sample[None, :] == np.arange(len(self.samples))[:, None]).astype(np.float64)
        # A NaN in one stratum makes the sample NaN, and no other one.
        gone = member @ np.isnan(strata).astype(np.float64) > 0
        return np.where(gone, np.nan, member @ np.nan_to_num(strata))


def _table(counted: _Counted, confusion: Confusion | None, n_draws: int, seed: int) -> pd.DataFrame:
    import pandas as pd

    shape = (len(counted.samples), len(counted.taxa))
    number = counted.by_sample(counted.n.sum(axis=0))
    figures, shown = {}, number.sum(axis=0) > 0
    corrected = _Corrected(counted, confusion, n_draws, seed) if confusion is not None and number.size else None
    for i, quantity in enumerate(QUANTITIES):
        value, low, high = _raw(counted, i)
        parts = {"": (value, low, high), "_corrected": tuple(np.full((shape[0], shape[1] + 1), np.nan) for _ in range(3))}
        if corrected is not None:
            parts["_corrected"] = corrected.figures(i)
        figures[quantity] = parts
    if corrected is not None:
        # A taxon that was never predicted is shown all the same where half an individual of it is likely.
        shown = shown | (corrected.numbers.max(axis=0, initial=0) >= 0.5)
    columns = np.append(np.flatnonzero(shown), shape[1]) if number.size else np.array([], dtype=np.int64)
    taxa = np.array([*counted.taxa, TOTAL], dtype=object)[columns]

    def flat(table: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(table[:, columns]).ravel()

    n = np.column_stack([number, number.sum(axis=1)])
    validated = np.column_stack([counted.validated, counted.validated.sum(axis=1)])
    share, share_low, share_high = _shares(counted)
    data: dict[str, Any] = {
        "sample_id": np.repeat(np.array(counted.samples, dtype=object), len(columns)),
        "taxon": np.tile(taxa, len(counted.samples)),
        "n_counted": flat(n).astype(np.int64),
        "n_validated": flat(validated).astype(np.int64),
        "relative_abundance": flat(share),
        "relative_abundance_low": flat(share_low),
        "relative_abundance_high": flat(share_high),
    }
    for quantity, unit in QUANTITIES.items():
        for kind, values in figures[quantity].items():
            for limit, table in zip(("", "_low", "_high"), values, strict=True):
                data[f"{quantity}{kind}{limit}_{unit}"] = flat(table)
    return pd.DataFrame(data)


def _with_total(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([table, table.sum(axis=-1, keepdims=True)], axis=-1)


def _raw(counted: _Counted, i: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Value, low, high (samples, k + 1) of one quantity, the last column for the whole sample."""
    w = counted.weight[:, None]
    value = _with_total(counted.by_sample(w * counted.sums[i].sum(axis=0)))
    squares = _with_total(counted.by_sample(w**2 * counted.squares[i].sum(axis=0)))
    low, high = weighted_poisson(value, squares, _largest(counted, i))
    return value, low, high


def _largest(counted: _Counted, i: int) -> NDArray[np.float64]:
    """(samples, k + 1) the largest contribution that one object of the taxon could have made to a sample."""
    heaviest = np.array([counted.weight[counted.sample == s].max() for s in range(len(counted.samples))])
    whole = np.nanmax(counted.largest[i], initial=-np.inf)
    whole = whole if np.isfinite(whole) else np.nan
    per_object = np.append(np.where(np.isnan(counted.largest[i]), whole, counted.largest[i]), whole)
    return np.asarray(heaviest[:, None] * per_object)


def _shares(counted: _Counted) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Relative abundance (samples, k + 1): weighted where all weights of the sample are known, else the share of the objects."""
    numbers = counted.n.sum(axis=0)
    usable = np.array([not np.isnan(counted.weight[counted.sample == s]).any() for s in counted.sample])
    w = np.where(usable, counted.weight, 1.0)[:, None]
    part = _with_total(counted.by_sample(w * numbers))
    whole, squares = part[:, -1:], _with_total(counted.by_sample(w**2 * numbers))[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = part / whole
        # Kish's effective number of objects: unequal weights carry less information.
        effective = whole**2 / squares
    low, high = wilson(share * effective, np.broadcast_to(effective, share.shape))
    low[:, -1] = high[:, -1] = share[:, -1]
    return share, low, high


class _Corrected:
    """The unfolding of all strata, once with the best confusion and once per draw."""

    def __init__(self, counted: _Counted, confusion: Confusion, n_draws: int, seed: int) -> None:
        self._counted = counted
        rng = np.random.default_rng(seed)
        parameters = dirichlet_parameters(confusion, tuple(counted.taxa))
        rows = parameters / parameters.sum(axis=1, keepdims=True)
        self._point = self._all(counted.sums, counted.n[1], rows)
        #: (samples, k) most likely numbers of objects.
        self.numbers = counted.by_sample(counted.n[0] + unfold(counted.n[1], rows)[0])
        s, k = counted.n.shape[1:]
        block = max(1, min(n_draws, 4_000_000 // max(s * k, k * k)))
        parts = [self._draw(parameters, min(block, n_draws - start), rng) for start in range(0, n_draws, block)]
        self._low, self._high = (np.concatenate([part[j] for part in parts]) for j in (0, 1))

    def _all(self, sums: NDArray[np.float64], counts: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3, ..., samples, k) quantities per m³: what was predicted j is shared out by P(true | predicted j) in its stratum."""
        true, expected = unfold(counts, rows)
        shared = true * ((sums[:, 1] / expected) @ np.swapaxes(rows, -1, -2))
        return self._counted.by_sample(self._counted.weight[:, None] * (sums[:, 0] + shared))

    def _draw(
        self, parameters: NDArray[np.float64], size: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counted = self._counted
        rows = draw_rows(parameters, size, rng)
        # A sum with the mean y and the variance v is drawn as a gamma of that mean and variance, as Fay and Feuer do.
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.where(counted.sums > 0, counted.squares / counted.sums, 0.0)
            form = np.where(counted.sums > 0, counted.sums / scale, 0.0)
        sums = np.empty((3, 2, size, *counted.n.shape[1:]))
        for i in range(3):
            for j in range(2):
                sums[i, j] = scale[i, j] * rng.standard_gamma(np.broadcast_to(np.nan_to_num(form[i, j]), sums.shape[2:]))
        values = self._all(sums, sums[0, 1], rows)
        missed = rng.standard_exponential((size, len(counted.samples), len(counted.taxa)))
        found = np.diagonal(rows, axis1=1, axis2=2)[:, None, :]
        predicted = counted.by_sample(counted.n[1]).sum(axis=1)[None, :, None] > 0
        missed = missed / np.where(predicted, np.maximum(found, 0.1), 1.0)
        more = np.stack([missed * _largest(counted, i)[:, :-1] for i in range(3)])
        return np.moveaxis(values, 1, 0), np.moveaxis(values + more, 1, 0)

    def figures(self, i: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Value, low, high (samples, k + 1); the whole sample does not depend on the labels, so its figures are the raw ones."""
        tail = 50 * (1 - LEVEL)
        low = np.percentile(self._low[:, i], tail, axis=0)
        high = np.percentile(self._high[:, i], 100 - tail, axis=0)
        raw = _raw(self._counted, i)
        return tuple(
            np.concatenate([mine, whole[:, -1:]], axis=1) for mine, whole in zip((self._point[i], low, high), raw, strict=True)
        )  # type: ignore[return-value]
