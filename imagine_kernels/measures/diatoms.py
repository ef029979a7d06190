"""From identified valves to what a diatomist reports: counts, shares, sizes, indices and the status class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.diatom_indices import Boundary, Index, index_table, status_table
from imagine_kernels.measures.diatom_taxa import FRAGMENT, GIRDLE_VIEW, UNIDENTIFIED, Taxon, split_label, taxon_of, with_fallback
from imagine_kernels.measures.valve_counts import (
    Compositions,
    Counted,
    accumulation_table,
    corrected,
    count_states,
    count_table,
    resampled,
    shares,
)
from imagine_kernels.measures.valve_sizes import biovolume_um3, size_table
from imagine_kernels.records import Confusion, Measurements, Predictions, Sample

if TYPE_CHECKING:
    import pandas as pd

PIXEL_SIZE = "process_particle_pixel_size_mm"


def measure_diatoms(
    sample: Sample,
    predictions: Predictions,
    confusion: Confusion | None,
    settings: Mapping[str, Any],
    *,
    taxa: Mapping[str, Taxon],
    indices: Sequence[Index] = (),
    boundaries: Sequence[Boundary] = (),
) -> Measurements:
    """Everything that follows from the names of the valves, per sample.

    Parameters
    ----------
    sample : Sample
        n objects with ``sample_id`` and, for sizes, ``object_length_px``, ``object_breadth_px`` [px] and ``process_particle_pixel_size_mm`` [mm].
    predictions : Predictions
        ``discarded`` objects are left out, ``dubious`` ones are counted under their label.
    confusion : Confusion or None
        Of held-out objects; None gives no corrected figures.
    settings : mapping
        ``min_probability``, ``target_count``, ``count_fragments``, ``count_girdle_views``, ``height_ratio``, ``um_per_px`` [µm], ``n_draws``,
        ``seed``.
    taxa : mapping of str to Taxon
        By name and code; may be empty.
    indices, boundaries : sequences of Index and Boundary

    Returns
    -------
    Measurements
        Tables ``taxa``, ``counts``, ``accumulation`` and, where they can be had, ``sizes``, ``indices`` and ``status``; how far the count is.

    Raises
    ------
    LabelError
        An object was predicted that the sample does not hold.
    """
    objects = sample.in_order_of(predictions)
    if "sample_id" not in objects:
        objects = objects.assign(sample_id=sample.name)
    labels = with_fallback(predictions, taxa, least=float(settings.get("min_probability") or 0))
    names, mark = _named(labels, taxa)
    samples = objects["sample_id"].astype(str).to_numpy(dtype=object)
    rule = {"fragments": bool(settings.get("count_fragments")), "girdle_views": settings.get("count_girdle_views") is not False}
    counted = Counted.of(samples, names, mark, predictions.status, **rule)
    draws = {"n_draws": int(settings.get("n_draws") or 1000), "seed": int(settings.get("seed") or 0)}
    plain = resampled(counted, **draws)
    better = _corrected(counted, predictions, taxa, confusion, rule, draws)
    table = _taxa_table(counted, plain, better, taxa)
    tables = {"taxa": table, "counts": count_table(counted, target=int(settings.get("target_count") or 400))}
    tables["accumulation"] = accumulation_table(counted)
    sizes = _sizes(objects, counted, taxa, settings)
    tables["sizes"] = sizes
    if indices:
        tables["indices"] = index_table(plain, better, indices, taxa)
        tables["status"] = status_table(better or plain, indices, boundaries, taxa)
    notes = _notes(counted, predictions, labels, confusion, tables, settings)
    counting = count_states(tables["counts"], tables["accumulation"], **rule)
    return Measurements(tables={name: each for name, each in tables.items() if len(each)}, notes=tuple(notes), counting=counting)


def _named(labels: NDArray[Any], taxa: Mapping[str, Taxon]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Taxon and mark (n,) of labels."""
    known = {label: (taxon_of(label, taxa).name or UNIDENTIFIED, split_label(label)[1]) for label in set(labels.tolist())}
    pairs = [known[label] for label in labels.tolist()]
    return np.array([pair[0] for pair in pairs], dtype=object), np.array([pair[1] for pair in pairs], dtype=object)


def _corrected(
    counted: Counted,
    predictions: Predictions,
    taxa: Mapping[str, Taxon],
    confusion: Confusion | None,
    rule: Mapping[str, bool],
    draws: Mapping[str, int],
) -> Compositions | None:
    if confusion is None or not len(predictions):
        return None
    names, marks = _named(np.array(confusion.classes, dtype=object), taxa)
    left_out = ((marks == FRAGMENT) & (not rule["fragments"])) | ((marks == GIRDLE_VIEW) & (not rule["girdle_views"]))
    of_class = dict(zip(confusion.classes, np.where(left_out, "", names).tolist(), strict=True))
    machine = (predictions.status == "predicted") & np.isin(predictions.label, np.array(confusion.classes, dtype=object))
    said = np.where(machine, predictions.label, "")
    return corrected(counted, said, of_class, confusion, n_draws=draws["n_draws"], seed=draws["seed"])


def _taxa_table(counted: Counted, plain: Compositions, better: Compositions | None, taxa: Mapping[str, Taxon]) -> pd.DataFrame:
    """One row per sample and taxon: code, rank, counts and shares."""
    import pandas as pd

    names = plain.taxa if better is None else better.taxa
    numbers, validated = counted.numbers(names), counted.numbers(names, status="validated")
    figures = {"relative_abundance": shares(plain)}
    if better is not None:
        figures["relative_abundance_corrected"] = shares(better)
    rows = []
    for i, sample in enumerate(counted.samples):
        for j, name in enumerate(names):
            # A class that the model knows but that is nowhere likely is no taxon of these samples.
            if not numbers[:, j].any() and (better is None or better.best[:, j].max() < 0.5):
                continue
            taxon = taxon_of(name, taxa)
            row = {
                "sample_id": sample, "taxon": name, "code": taxon.code, "rank": taxon.rank, "genus": taxon.genus,
                "n_counted": int(numbers[i, j]), "n_validated": int(validated[i, j]),
            }  # fmt: skip
            for kind, parts in figures.items():
                of = plain if kind == "relative_abundance" else better
                at = of.taxa.index(name) if of is not None and name in of.taxa else -1
                values = [0.0, 0.0, np.nan] if at < 0 else [float(part[i, at]) for part in parts]
                row |= dict(zip((kind, f"{kind}_low", f"{kind}_high"), values, strict=True))
            rows.append(row)
    return pd.DataFrame(rows)


def _sizes(objects: pd.DataFrame, counted: Counted, taxa: Mapping[str, Taxon], settings: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    if not {"object_length_px", "object_breadth_px"} <= set(objects.columns):
        return pd.DataFrame()
    given = settings.get("um_per_px")
    told = (
        objects[PIXEL_SIZE].to_numpy(dtype=np.float64, na_value=np.nan) * 1000
        if PIXEL_SIZE in objects
        else np.full(len(objects), np.nan)
    )
    um_per_px = np.where(np.isnan(told), np.nan if given is None else float(given), told)
    long, short = (
        objects[name].to_numpy(dtype=np.float64, na_value=np.nan) * um_per_px
        for name in ("object_length_px", "object_breadth_px")
    )
    keep = counted.counts & (counted.mark != FRAGMENT)
    genus = np.array([taxon_of(name, taxa).genus for name in counted.taxon.tolist()], dtype=object)
    area = objects["object_area"].to_numpy(dtype=np.float64, na_value=np.nan) * um_per_px**2 if "object_area" in objects else None
    ratio = float(settings.get("height_ratio") or 0.5)
    volume = biovolume_um3(genus, counted.mark, long, short, height_ratio=ratio, area_um2=area)
    width = np.where(counted.mark == GIRDLE_VIEW, np.nan, short)
    return size_table(*(each[keep] for each in (counted.sample_id, counted.taxon, long, width, volume)))


def _notes(
    counted: Counted,
    predictions: Predictions,
    labels: NDArray[Any],
    confusion: Confusion | None,
    tables: Mapping[str, pd.DataFrame],
    settings: Mapping[str, Any],
) -> list[str]:
    counts, said = tables["counts"], []
    short = counts[counts["enough"] == "no"]
    if len(short):
        target = int(counts["n_wanted"].iloc[0])
        said.append(
            f"Fewer than {target} valves are counted in {len(short)} of {len(counts)} samples, the fewest {int(short['n_counted'].min())}."
        )
    fallen = int((labels != predictions.label).sum())
    if fallen:
        nameless = int(((labels != predictions.label) & (labels == UNIDENTIFIED)).sum())
        least = float(settings.get("min_probability") or 0)
        said.append(
            f"{fallen} of {len(labels)} objects were less certain than {least:g}: {fallen - nameless} are counted under their genus,"
            f" {nameless} as {UNIDENTIFIED}."
        )
    pieces = int(counts["n_fragments"].sum())
    if pieces:
        done = "counted" if settings.get("count_fragments") else "not counted"
        said.append(f"{pieces} fragments are {done}.")
    for status, done in (("discarded", "left out"), ("dubious", "counted under their label")):
        n = int((predictions.status == status).sum())
        if n:
            said.append(f"{status.capitalize()} and {done}: {n} of {len(predictions)} objects.")
    if not len(tables["sizes"]):
        said.append(
            "No sizes are given: neither the pictures nor the setting um_per_px say how large a pixel is, or the valves have no oriented boxes."
        )
    else:
        said.append(
            f"Biovolumes take the height of a cell as {float(settings.get('height_ratio') or 0.5):g} times its width, which no valve view shows."
        )
    if confusion is None:
        said.append("The model carries no confusion of held-out objects: corrected figures are not given.")
    else:
        said.append(
            "Corrected shares take the most probable class of each valve that no person has seen, and unfold it; genera that stand for"
            " uncertain species fade in them."
        )
    low = tables["indices"]["share_with_value"].min() if "indices" in tables else np.nan
    if low < 0.8:
        said.append(f"In one sample or more only {100 * low:.0f} % of the counted valves have a value in the table of an index.")
    return said
