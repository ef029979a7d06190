"""From identified particles of a FlowCam to cells per litre, biovolume and carbon per taxon, diversity and alerts.

The camera sees a part of the sample: with ``V`` the imaged volume (frames × field of view × depth of the flow cell × the instrument's own
volume factor), ``d`` the dilution and ``c`` the factor by which the sample was concentrated, each particle stands for ``d / (V c)``
particles per mL. Where only the processed volume is known, ``V`` is that times the efficiency. Particles whose collage is lost take their
share of the imaged volume with them.

Sums and intervals are those of `imagine_kernels.measures.abundance`, with volumes in mL: raw figures with the interval of Fay and Feuer for
weighted counts, corrected ones unfolded through the confusion of held-out objects. A chain counts as one particle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.abundance import AREA, MAJOR, MINOR, PIXEL_SIZE, SUB_PART, TOTAL, VOLUME, abundance_table
from imagine_kernels.measures.biovolume import abd_um, carbon_pg, volume_um3
from imagine_kernels.measures.diversity import diversity_table
from imagine_kernels.measures.harmful_algae import alert_sentences, alerts, watched_labels
from imagine_kernels.measures.particle_checks import PROPOSED, RULES, accepted
from imagine_kernels.records import Confusion, Measurements, Predictions, Sample

if TYPE_CHECKING:
    import pandas as pd

#: The row that holds all cells of a sample: every living taxon to which a relationship of carbon to volume applies.
CELLS = "all cells"
#: Classes that are no organisms, where the table of taxa does not say so.
NO_ORGANISMS = frozenset(
    {
        "unidentified",
        "junk",
        "missed",
        "detritus",
        "bubble",
        "bubbles",
        "artefact",
        "artefacts",
        "fiber",
        "fibers",
        "fibre",
        "fibres",
        "debris",
        "bead",
        "beads",
    }
)
_OTHER = "\0other"


def measure_phytoplankton(
    sample: Sample,
    predictions: Predictions,
    confusion: Confusion | None,
    settings: Mapping[str, Any],
    *,
    taxa: pd.DataFrame,
    watch_list: pd.DataFrame,
) -> Measurements:
    """Concentration, biovolume, carbon, sizes, diversity and alerts per sample and taxon, with 95 % intervals.

    Parameters
    ----------
    sample : Sample
        n particles; sizes in µm (``object_abd_um``, ``object_length_um``, ``object_width_um``), else px with
        ``process_particle_pixel_size_mm``.
    predictions : Predictions
        ``discarded`` particles are left out. So are those that an accepted rule proposes to remove, unless a person has validated them.
    confusion : Confusion or None
        Of held-out objects; None gives raw figures only.
    settings : mapping
        ``volume_imaged_ml``, ``efficiency``, ``dilution_factor`` and ``um_per_px`` fill what the data do not say; ``concentration_factor``;
        ``remove`` (rules, see `imagine_kernels.measures.particle_checks`); ``n_draws`` and ``seed`` steer the intervals.
    taxa : DataFrame
        ``name``, ``aphia_id``, ``group``, ``shape``, ``living``.
    watch_list : DataFrame
        ``taxon``, ``aphia_id``, ``threshold_cells_l``, ``advice``, ``source``.

    Returns
    -------
    Measurements
        Tables ``concentration``, ``sizes``, ``community`` (samples × taxa), ``diversity``, ``runs``, and ``harmful_algae`` where a watched
        taxon is among the labels.

    Raises
    ------
    LabelError
        An object was predicted that the sample does not hold.
    SettingError
        ``remove`` names an unknown rule.
    """
    objects = sample.in_order_of(predictions)
    notes: list[str] = []
    status = _status(objects, predictions, accepted(str(settings.get("remove") or "")), notes)
    names = sorted(set(predictions.label.tolist()) | set(confusion.classes if confusion is not None else ()))
    known = _known(names, taxa, notes)
    columns = _sized(objects, predictions.label, known, settings, notes)
    steer: dict[str, Any] = {"n_draws": int(settings.get("n_draws") or 1000), "seed": int(settings.get("seed") or 0)}
    common: dict[str, Any] = {"status": status, **steer}
    each = _per_litre(abundance_table(columns, label=predictions.label, confusion=confusion, **common)[0])
    cells = {name: CELLS if known[name]["group"] and known[name]["living"] else _OTHER for name in names}
    concentration = _with_cells(each, _merged(each, columns, predictions.label, confusion, cells, common), known)
    living = frozenset(name for name in names if known[name]["living"])
    tables = {
        "concentration": concentration,
        "sizes": _sizes(columns, predictions.label, status),
        "community": _community(concentration),
        "diversity": diversity_table(
            columns["sample_id"], label=predictions.label, status=status, counted=living, confusion=confusion, **steer
        ),
        "runs": _runs(objects, columns, predictions, status),
    }
    said: list[str] = []
    watched = watched_labels(names, taxa, watch_list)
    if watched:
        merged = _merged(each, columns, predictions.label, confusion, {name: watched.get(name, _OTHER) for name in names}, common)
        found = alerts(merged, watched=watched, watch_list=watch_list)
        if len(found):
            tables["harmful_algae"] = found
            said = alert_sentences(found)
    if confusion is None:
        notes.append("The model carries no confusion of held-out objects: corrected figures are not given.")
    return Measurements(tables=tables, notes=tuple(notes), alerts=tuple(said))


def _status(objects: pd.DataFrame, predictions: Predictions, rules: frozenset[str], notes: list[str]) -> NDArray[Any]:
    """The statuses, with what an accepted rule proposes to remove as discarded; what a person has validated stays."""
    status = predictions.status.copy()
    proposed = objects[PROPOSED].to_numpy(dtype=object) if PROPOSED in objects else np.full(len(objects), "", dtype=object)
    for rule in RULES:
        here = (proposed == rule) & (predictions.status != "discarded")
        removed = here & (predictions.status == "predicted") & (rule in rules)
        status[removed] = "discarded"
        if removed.any():
            notes.append(f"Removed by the rule {rule}: {int(removed.sum())} of {len(objects)} particles.")
        elif here.any() and rule not in rules:
            notes.append(
                f"The rule {rule} proposes to remove {int(here.sum())} of {len(objects)} particles; they were counted (set remove={rule})."
            )
    discarded = int((predictions.status == "discarded").sum())
    if discarded:
        notes.append(f"Discarded and left out: {discarded} of {len(objects)} particles.")
    return status


def _known(names: list[str], taxa: pd.DataFrame, notes: list[str]) -> dict[str, dict[str, Any]]:
    """What the table of taxa says of each label, and what is assumed where it says nothing."""
    listed = {str(row["name"]): row for row in taxa.to_dict("records")}
    known: dict[str, dict[str, Any]] = {}
    assumed = []
    for name in names:
        row = listed.get(name)
        if row is not None:
            known[name] = {key: row[key] for key in ("aphia_id", "group", "shape", "living")}
            continue
        living = name.lower() not in NO_ORGANISMS
        group, shape = ("protist", "prolate spheroid") if living else ("", "")
        known[name] = {"aphia_id": np.nan, "group": group, "shape": shape, "living": living}
        assumed += [name] if living else []
    if assumed:
        notes.append(
            f"The table of taxa does not name {', '.join(assumed)}: taken as protists in the shape of prolate spheroids"
            " (set taxa to a table that does)."
        )
    return known


def _sized(
    objects: pd.DataFrame,
    label: NDArray[Any],
    known: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    notes: list[str],
) -> dict[str, NDArray[Any]]:
    """The columns that `abundance_table` sums up: the volume of water in mL, and bodies that have the volume and the carbon of each particle.

    Its spherical volume becomes biovolume in µm³, by the area of the sphere of that volume; its ellipsoidal one carbon in pg, by the axis
    of a spheroid.
    """
    n = len(objects)

    def column(name: str) -> NDArray[np.float64]:
        if name not in objects:
            return np.full(n, np.nan)
        return np.asarray(objects[name].to_numpy(dtype=np.float64, na_value=np.nan))

    def filled(values: NDArray[np.float64], given: Any) -> NDArray[np.float64]:
        return values if given is None else np.where(values > 0, values, float(given))

    processed = column("acq_volume_processed_ml") * filled(column("acq_efficiency"), settings.get("efficiency"))
    imaged = filled(column("acq_volume_imaged_ml"), settings.get("volume_imaged_ml"))
    imaged = np.where(imaged > 0, imaged, processed)
    listed, lost = column("acq_particles_listed"), np.nan_to_num(column("acq_particles_lost"))
    # What has no picture and is here all the same, since nobody had to look at it, is not lost.
    lost = np.maximum(lost - _without_picture(objects), 0)
    there = np.where(listed > 0, 1 - lost / np.where(listed > 0, listed, 1), 1.0)
    if lost.any():
        notes.append("Collages are missing: their particles were left out, and the imaged volume was reduced in proportion.")
    dilution = np.nan_to_num(filled(column("sample_dilution"), settings.get("dilution_factor")), nan=1.0)
    unknown = int((~(imaged > 0)).sum())
    if unknown:
        notes.append(
            f"The imaged volume is not known for {unknown} of {n} particles: no concentrations for their samples (set volume_imaged_ml)."
        )
    scale = filled(column(PIXEL_SIZE) * 1000, settings.get("um_per_px"))
    size = {
        "abd": _first(column("object_abd_um"), abd_um(column(AREA), um_per_px=scale)),
        "length": _first(column("object_length_um"), column(MAJOR) * scale),
        "width": _first(column("object_width_um"), column(MINOR) * scale),
    }
    gaps = int(np.isnan(size["abd"]).sum())
    if gaps:
        notes.append(f"The size is not known for {gaps} of {n} particles: they have no biovolume and no carbon (set um_per_px).")
    # What is no organism may still be a cell that was taken for it: it has a body of its own, which only corrected figures use.
    shape = np.array([known[name]["shape"] or "prolate spheroid" for name in label.tolist()], dtype=object)
    group = np.array([known[name]["group"] or "protist" for name in label.tolist()], dtype=object)
    volume = volume_um3(shape, **size)
    carbon = carbon_pg(volume, group)
    return {
        "sample_id": objects["sample_id"].to_numpy(dtype=object).astype(str) if "sample_id" in objects else np.full(n, "sample"),
        VOLUME: imaged * there * float(settings.get("concentration_factor") or 1.0) / dilution,
        SUB_PART: np.ones(n),
        PIXEL_SIZE: np.ones(n),
        AREA: np.pi * (3 * volume / (4 * np.pi)) ** (2 / 3),
        MAJOR: 6 * carbon / np.pi,
        MINOR: np.ones(n),
        **{f"object_{name}_um": values for name, values in size.items()},
        "object_esd_um": column("object_esd_um"),
        "volume_um3": volume,
    }


def _without_picture(objects: pd.DataFrame) -> NDArray[np.float64]:
    """(n,) how many particles without a picture there are in the run of each."""
    if "sample_id" not in objects:
        return np.zeros(len(objects))
    return (objects["file"] == "").groupby(objects["sample_id"]).transform("sum").to_numpy(dtype=np.float64)


def _first(values: NDArray[np.float64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(values > 0, values, np.where(otherwise > 0, otherwise, np.nan)))


_FACTORS = {
    ("abundance", "ind_m3"): (("concentration", "particles_ml", 1.0), ("concentration", "cells_l", 1e3)),
    ("biovolume_spherical", "mm3_m3"): (("biovolume", "mm3_l", 1e-6),),
    ("biovolume_ellipsoidal", "mm3_m3"): (("carbon", "ug_l", 1e-3),),
}


def _per_litre(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `abundance_table` with the names and units of a water sample."""
    import pandas as pd

    first = ["sample_id", "taxon", "n_counted", "n_validated"]
    shares = [name for name in table.columns if name.startswith("relative_abundance")]
    data: dict[str, Any] = {name: table[name] for name in (*first, *shares)}
    for (quantity, unit), targets in _FACTORS.items():
        for name, new_unit, factor in targets:
            for kind in ("", "_corrected"):
                for limit in ("", "_low", "_high"):
                    data[f"{name}{kind}{limit}_{new_unit}"] = table[f"{quantity}{kind}{limit}_{unit}"] * factor
    return pd.DataFrame(data)


def _merged(
    each: pd.DataFrame,
    columns: dict[str, NDArray[Any]],
    label: NDArray[Any],
    confusion: Confusion | None,
    names: Mapping[str, str],
    common: dict[str, Any],
) -> pd.DataFrame:
    """The table with labels put together under new names.

    Corrected figures are the sums of those of the labels; their limits are those of the labels as one class, which are narrower than sums of limits.
    """
    together = np.array([names[name] for name in label.tolist()], dtype=object)
    merged = None
    if confusion is not None:
        classes = tuple(sorted({names[name] for name in confusion.classes}))
        at = np.array([classes.index(names[name]) for name in confusion.classes])
        counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(counts, (at[:, None], at[None, :]), np.asarray(confusion.counts))
        merged = Confusion(classes=classes, counts=counts)
    table = _per_litre(abundance_table(columns, label=together, confusion=merged, **common)[0])
    parts = each[each["taxon"] != TOTAL]
    sums = parts.groupby(["sample_id", parts["taxon"].map(names)], sort=False)
    keys = list(zip(table["sample_id"], table["taxon"], strict=True))
    for name in [name for name in table.columns if "_corrected_" in name and "_low_" not in name and "_high_" not in name]:
        total = sums[name].sum(min_count=1).to_dict()
        value = np.array([total.get(key, np.nan) for key in keys])
        low, high = (name.replace("_corrected_", f"_corrected_{limit}_") for limit in ("low", "high"))
        table[name] = value
        table[low], table[high] = np.minimum(table[low], value), np.maximum(table[high], value)
    return table


def _with_cells(each: pd.DataFrame, whole: pd.DataFrame, known: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Taxa and, at the end of each sample, all cells; what has no biovolume or no carbon shows none."""
    import pandas as pd

    table = pd.concat([each[each["taxon"] != TOTAL], whole[whole["taxon"] == CELLS]], ignore_index=True)
    table = table.sort_values("sample_id", kind="stable", ignore_index=True)
    taxon = table["taxon"]
    bodiless = ~taxon.map(lambda name: name == CELLS or bool(known[name]["living"] and known[name]["shape"])).to_numpy(dtype=bool)
    bare = ~taxon.map(lambda name: name == CELLS or bool(known[name]["living"] and known[name]["group"])).to_numpy(dtype=bool)
    for name in table.columns:
        if name.startswith("biovolume"):
            table[name] = table[name].mask(bodiless)
        elif name.startswith("carbon"):
            table[name] = table[name].mask(bare)
    numbers = [known[name]["aphia_id"] if name != CELLS else np.nan for name in taxon]
    # As text: a whole number that may be missing is no float, and programs that read the table differ in what they make of it.
    table.insert(2, "aphia_id", ["" if pd.isna(number) else str(int(number)) for number in numbers])
    return table


def _sizes(columns: Mapping[str, NDArray[Any]], label: NDArray[Any], status: NDArray[Any]) -> pd.DataFrame:
    """Median and quartiles of the sizes of each taxon in each sample."""
    import pandas as pd

    keep = status != "discarded"
    sizes = ("abd", "esd", "length", "width")
    frame = pd.DataFrame({"sample_id": columns["sample_id"][keep], "taxon": label[keep]})
    for size in sizes:
        frame[size] = columns[f"object_{size}_um"][keep]
    grouped = frame.groupby(["sample_id", "taxon"], sort=True)
    data: dict[str, Any] = {"n_counted": grouped.size()}
    for size in sizes:
        for part, share in (("median", 0.5), ("quartile1", 0.25), ("quartile3", 0.75)):
            data[f"{size}_{part}_um"] = grouped[size].quantile(share)
    return pd.DataFrame(data).reset_index()


def _community(concentration: pd.DataFrame) -> pd.DataFrame:
    """Samples × taxa: cells per litre, corrected where that can be, as programs for community data read it."""
    best = concentration["concentration_corrected_cells_l"].fillna(concentration["concentration_cells_l"])
    cells = concentration.assign(best=best)[concentration["taxon"] != CELLS]
    wide = cells.pivot_table(index="sample_id", columns="taxon", values="best", aggfunc="first", sort=True, dropna=False)
    wide.columns = [f"{name}_cells_l" for name in wide.columns]
    return wide.reset_index()


def _runs(
    objects: pd.DataFrame, columns: Mapping[str, NDArray[Any]], predictions: Predictions, status: NDArray[Any]
) -> pd.DataFrame:
    """Effort of each sample, and how many particles were counted, lost, and proposed for removal by each rule."""
    import pandas as pd

    proposed = objects[PROPOSED].to_numpy(dtype=object) if PROPOSED in objects else np.full(len(objects), "", dtype=object)
    rows = []
    for sample_id in np.unique(columns["sample_id"]):
        mine = columns["sample_id"] == sample_id
        row: dict[str, Any] = {"sample_id": str(sample_id), "n_identified": int(mine.sum())}
        row["n_counted"] = int((status[mine] != "discarded").sum())
        row["n_discarded"] = int((predictions.status[mine] == "discarded").sum())
        row |= {f"n_proposed_{rule}": int((proposed[mine] == rule).sum()) for rule in RULES}
        for name in ("acq_particles_lost", "acq_frames", "acq_volume_imaged_ml", "acq_efficiency"):
            row[name.removeprefix("acq_")] = float(objects[name].to_numpy(dtype=float)[mine][0]) if name in objects else np.nan
        row["particles_lost"] -= float((objects["file"] == "").to_numpy()[mine].sum())
        row["effective_volume_ml"] = float(columns[VOLUME][mine][0])
        rows.append(row)
    return pd.DataFrame(rows)
