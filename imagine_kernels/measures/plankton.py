"""From identified vignettes to what a plankton scientist reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.abundance import PIXEL_SIZE, SUB_PART, VOLUME, abundance_table, weights_and_volumes
from imagine_kernels.measures.size_spectrum import nbss
from imagine_kernels.records import Confusion, Measurements, Predictions, Sample

if TYPE_CHECKING:
    import pandas as pd


def measure_plankton(
    sample: Sample, predictions: Predictions, confusion: Confusion | None, settings: Mapping[str, Any]
) -> Measurements:
    """Abundance, biovolume and size spectrum per sample and taxon, with 95 % intervals.

    Parameters
    ----------
    sample : Sample
        n objects with EcoTaxa's columns; it may hold more than were predicted.
    predictions : Predictions
        ``discarded`` objects are left out, ``dubious`` ones are counted under their label.
    confusion : Confusion or None
        Of held-out objects; None gives raw figures only.
    settings : mapping
        ``tot_vol`` [m³], ``sub_part``, ``pixel_size_mm`` or ``dpi`` fill what the data do not say; ``n_draws`` and ``seed`` steer the
        intervals.

    Returns
    -------
    Measurements
        Tables ``abundance``, ``size_spectrum`` and ``size_spectrum_fit``.

    Raises
    ------
    LabelError
        An object was predicted that the sample does not hold.
    """
    objects = sample.in_order_of(predictions)
    columns = _filled(objects, settings)
    abundance, notes = abundance_table(
        columns,
        label=predictions.label,
        status=predictions.status,
        confusion=confusion,
        n_draws=int(settings.get("n_draws") or 1000),
        seed=int(settings.get("seed") or 0),
    )
    weights, volumes = weights_and_volumes(columns, [])
    keep = predictions.status != "discarded"
    bins, fits = nbss(
        columns["sample_id"][keep], predictions.label[keep], volumes[keep, 0], weights[keep], columns[PIXEL_SIZE][keep]
    )
    said = [*notes, *_remarks(predictions, confusion)]
    if len(fits) and fits["slope"].isna().all():
        said.append("No size spectrum has three bins with more than 25 objects: no slope is given.")
    return Measurements(tables={"abundance": abundance, "size_spectrum": bins, "size_spectrum_fit": fits}, notes=tuple(said))


def _filled(objects: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The columns that are measured as arrays, with gaps filled from the settings; what the data say stays."""
    columns: dict[str, NDArray[Any]] = {}
    for name in (VOLUME, SUB_PART, PIXEL_SIZE, "object_area", "object_major", "object_minor"):
        if name in objects:
            columns[name] = objects[name].to_numpy(dtype=np.float64, na_value=np.nan)
    pixel_size = settings.get("pixel_size_mm") or (25.4 / settings["dpi"] if settings.get("dpi") else None)
    for name, given in ((VOLUME, settings.get("tot_vol")), (SUB_PART, settings.get("sub_part")), (PIXEL_SIZE, pixel_size)):
        known = columns.get(name, np.full(len(objects), np.nan))
        columns[name] = known if given is None else np.where(known > 0, known, float(given))
    columns["sample_id"] = (
        objects["sample_id"].to_numpy(dtype=object) if "sample_id" in objects else np.full(len(objects), "sample")
    )
    return columns


def _remarks(predictions: Predictions, confusion: Confusion | None) -> list[str]:
    said = []
    discarded, dubious = (int((predictions.status == status).sum()) for status in ("discarded", "dubious"))
    if discarded:
        said.append(f"Discarded and left out: {discarded} of {len(predictions)} objects.")
    if dubious:
        said.append(f"Dubious and counted under their label: {dubious} of {len(predictions)} objects.")
    if confusion is not None and {"predicted", "validated"} <= set(predictions.status.tolist()):
        said.append(
            "Corrected figures take objects that are still predicted to err like held-out ones;"
            " where mainly doubtful objects were validated, they correct too much."
        )
    if confusion is None:
        said.append("The model carries no confusion of held-out objects: corrected figures are not given.")
    elif (np.asarray(confusion.counts).sum(axis=1) == 0).any():
        bare = [name for name, n in zip(confusion.classes, np.asarray(confusion.counts).sum(axis=1), strict=True) if n == 0]
        said.append(f"The model was not tested on {', '.join(bare)}: corrected figures take the average error for them.")
    return said
