"""What each fraction of a sample brought: a scientist often scans a haul as several acquisitions, each split on its own.

The figures of a sample are the sums over its acquisitions, each object weighted with its own ``w = sub_part / tot_vol``: a fraction ``d1`` of
large animals that was scanned whole and a fraction ``d2`` that was split 16 times add up to the haul (EcoTaxa's default formulae). Parts of one
fraction (``d2_1_sur_4``) add up in the same way.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.abundance import SUB_PART, VOLUME, weights_and_volumes, without_gaps
from imagine_kernels.measures.intervals import weighted_poisson, wilson

if TYPE_CHECKING:
    import pandas as pd

ACQUISITION, FRACTION = "acq_id", "acq_fraction"
_NAME = re.compile(r"(?:^|_)(d(\d+)|tot|plankton)(?:_(\d+)_sur_(\d+))?(?:_|$)", re.IGNORECASE)


def fraction_table(
    objects: Mapping[str, NDArray[Any]] | pd.DataFrame, *, status: NDArray[Any]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row per sample and acquisition: what was counted there, how it was split, and its part of the sample.

    Parameters
    ----------
    objects : mapping or DataFrame, n rows
        As for `imagine_kernels.measures.abundance.abundance_table`, with ``acq_id``; ``acq_fraction`` says the name of the fraction, which is
        looked for in ``acq_id`` without it.
    status : (n,) ndarray of str
        ``discarded`` objects are not counted; their acquisition keeps its row.

    Returns
    -------
    table : DataFrame
        ``sample_id``, ``acq_id``, ``n_counted``, ``sub_part``, its shares of the abundance and of the spherical biovolume of the sample (0 to
        1), ``tot_vol_m3``, ``analysed_m3`` (the volume that was looked at, ``tot_vol / sub_part``), its abundance and spherical biovolume; each
        share and quantity with its 95 % interval. ``sub_part`` and volume are NaN where they are missing, or differ within the acquisition.
    notes : tuple of str
        Fractions that are missing, and volumes or splittings that do not agree.
    """
    import pandas as pd

    sample, acquisition = (np.asarray(objects[name]).astype(str) for name in ("sample_id", ACQUISITION))
    weights, volumes = weights_and_volumes(objects, [])
    sphere = without_gaps(sample, volumes)[:, 0]
    kept = np.asarray(status, dtype=object) != "discarded"
    pairs, at = np.unique(np.stack([sample, acquisition], axis=1), axis=0, return_inverse=True)
    at = at.reshape(-1)
    samples, sample_at = np.unique(pairs[:, 0], return_inverse=True)

    def total(what: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(at, weights=np.where(kept, what, 0.0), minlength=len(pairs)).astype(np.float64)

    data: dict[str, Any] = {"sample_id": pairs[:, 0].astype(object), "acq_id": pairs[:, 1].astype(object)}
    data["n_counted"] = total(np.ones(len(at))).astype(np.int64)
    data["sub_part"], mixed = _one_value(objects, SUB_PART, at, len(pairs))
    volume, _ = _one_value(objects, VOLUME, at, len(pairs))
    shares: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for name, unit, share, each in (
        ("abundance", "ind_m3", "relative_abundance", weights),
        ("biovolume_spherical", "mm3_m3", "relative_biovolume", weights * sphere),
    ):
        value, squares = total(each), total(each**2)
        largest = np.zeros(len(pairs))
        np.fmax.at(largest, at, each)
        limits = (value, *weighted_poisson(value, squares, largest))
        figures |= {f"{name}{end}_{unit}": column for end, column in zip(("", "_low", "_high"), limits, strict=True)}
        whole, whole_squares = (np.bincount(sample_at, weights=sums)[sample_at] for sums in (value, squares))
        with np.errstate(invalid="ignore", divide="ignore"):
            part, effective = value / whole, whole**2 / whole_squares
        # Kish's effective number of objects: unequal weights carry less information.
        limits = (part, *wilson(part * effective, effective))
        shares |= {f"{share}{end}": column for end, column in zip(("", "_low", "_high"), limits, strict=True)}
    data |= {**shares, "tot_vol_m3": volume, "analysed_m3": volume / data["sub_part"], **figures}
    first = np.unique(at, return_index=True)[1]
    names = [str(text) for text in np.asarray(objects[FRACTION])[first].tolist()] if FRACTION in objects else []
    notes = [*_missing(pairs, names), *_different(samples, sample_at, volume), *_mixed(pairs[:, 1][mixed])]
    return pd.DataFrame(data), tuple(notes)


def _one_value(
    objects: Mapping[str, NDArray[Any]] | pd.DataFrame, name: str, at: NDArray[Any], n: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The value of each acquisition, NaN where its objects have none or several; and where they have several."""
    given = np.asarray(objects[name], dtype=np.float64) if name in objects else np.full(len(at), np.nan)
    given = np.where(given > 0, given, np.nan)
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    np.fmin.at(low, at, given)
    np.fmax.at(high, at, given)
    several = high > low
    return np.where(several, np.nan, low), several


def fraction_of(sample: str, acquisition: str, fraction: str = "") -> tuple[str, int | None, int | None]:
    """The name of a fraction in small letters without its part, its part, and the number of parts.

    >>> fraction_of("st1", "d2_3_sur_4_st1")
    ('d2', 3, 4)
    >>> fraction_of("st1_d1", "tot_st1_d1")
    ('tot', None, None)
    """
    # The name of the sample may look like a fraction itself.
    match = _NAME.search(fraction or acquisition.replace(sample, "", 1))
    if match is None:
        return "", None, None
    return match[1].lower(), *((int(match[3]), int(match[4])) if match[3] else (None, None))


def _missing(pairs: NDArray[Any], names: list[str]) -> Iterator[str]:
    """Fractions that other samples have, and parts of a fraction that are not there."""
    numbers: dict[str, set[int]] = defaultdict(set)
    parts: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for (sample, acquisition), fraction in zip(pairs.tolist(), names or [""] * len(pairs), strict=True):
        name, part, count = fraction_of(sample, acquisition, fraction)
        if name.startswith("d"):
            numbers[sample].add(int(name[1:]))
        if part is not None and count is not None and count <= 100:
            parts[sample, name, count].add(part)
    usual = min(max((max(found) for found in numbers.values()), default=0), 100)
    lost: dict[str, list[str]] = defaultdict(list)
    for sample, found in numbers.items():
        if gone := sorted(set(range(1, usual + 1)) - found):
            lost["fraction " + ", ".join(f"d{number}" for number in gone)].append(sample)
    for (sample, name, count), there in parts.items():
        if gone := sorted(set(range(1, count + 1)) - there):
            lost[f"part {', '.join(map(str, gone))} of {count} of the fraction {name}"].append(sample)
    for what, samples in lost.items():
        named = ", ".join(samples[:5]) + (f" and {len(samples) - 5} others" if len(samples) > 5 else "")
        yield f"No object of {what} in {named}: if it was scanned it is missing here, and the figures of the sample are too low."


def _different(samples: NDArray[Any], sample_at: NDArray[Any], volume: NDArray[np.float64]) -> Iterator[str]:
    for s, sample in enumerate(samples.tolist()):
        found = np.unique(volume[(sample_at == s) & ~np.isnan(volume)])
        if len(found) > 1:
            said = " and ".join(f"{value:g}" for value in found)
            yield f"The fractions of {sample} have different volumes ({said} m³): each was taken as it is; a haul has one tot_vol."


def _mixed(acquisitions: NDArray[Any]) -> Iterator[str]:
    for name in acquisitions.tolist():
        yield f"The objects of {name} have different values of acq_sub_part: each was taken as it is; an acquisition has one."
