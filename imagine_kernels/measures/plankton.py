"""From identified vignettes to what a plankton scientist reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.abundance import PIXEL_SIZE, SUB_PART, VOLUME, abundance_table, weights_and_volumes
from imagine_kernels.measures.fractions import ACQUISITION, FRACTION, fraction_table
from imagine_kernels.measures.size_spectrum import ALL_SAMPLES, nbss
from imagine_kernels.measures.stations import DEPTHS, MESHES, TEXTS, integrated_over_depth, stations_of
from imagine_kernels.records import Confusion, Measurements, Predictions, Sample

if TYPE_CHECKING:
    import pandas as pd


def measure_plankton(
    sample: Sample, predictions: Predictions, confusion: Confusion | None, settings: Mapping[str, Any]
) -> Measurements:
    """Abundance, biovolume and size spectrum per sample, station and taxon, with 95 % intervals.

    Figures of a sample are integrated over its fractions and subsamples, see `imagine_kernels.measures.fractions`; how they are integrated over
    the depth and over the samples of a station is in `imagine_kernels.measures.stations`.

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
        Tables ``abundance``, ``size_spectrum`` and ``size_spectrum_fit``; ``fractions`` where acquisitions are named; and, where a station has
        several samples of one day, ``abundance_by_station``, ``size_spectrum_by_station`` and ``size_spectrum_fit_by_station``.

    Raises
    ------
    LabelError
        An object was predicted that the sample does not hold.
    """
    objects = sample.in_order_of(predictions)
    columns = _filled(objects, settings)
    given: dict[str, Any] = {
        "label": predictions.label,
        "status": predictions.status,
        "confusion": confusion,
        "n_draws": int(settings.get("n_draws") or 1000),
        "seed": int(settings.get("seed") or 0),
    }
    table, noted = abundance_table(columns, **given)
    notes = list(noted)
    tables = {"abundance": integrated_over_depth(table, columns, notes)}
    if ACQUISITION in columns:
        tables["fractions"], noted = fraction_table(columns, status=predictions.status)
        notes += noted
    weights, volumes = weights_and_volumes(columns, [])
    keep = predictions.status != "discarded"
    sphere, pixel_size = volumes[:, 0], columns[PIXEL_SIZE]
    bins, fits = nbss(columns["sample_id"][keep], predictions.label[keep], sphere[keep], weights[keep], pixel_size[keep])
    tables |= {"size_spectrum": bins, "size_spectrum_fit": fits}
    stations = stations_of(columns)
    if stations is not None:
        rows = stations.key != ""
        mine = {name: values[rows] for name, values in columns.items()} | {"sample_id": stations.key[rows]}
        chosen = given | {"label": predictions.label[rows], "status": predictions.status[rows]}
        per_volume, per_area = (
            abundance_table({**mine, VOLUME: water[rows]}, **chosen)[0] for water in (stations.volume, stations.area)
        )
        tables["abundance_by_station"] = stations.table(per_volume, per_area)
        rows &= keep
        weights, _ = weights_and_volumes({**columns, VOLUME: stations.volume}, [])
        found = nbss(stations.key[rows], predictions.label[rows], sphere[rows], weights[rows], pixel_size[rows])
        for name, spectrum in zip(("size_spectrum_by_station", "size_spectrum_fit_by_station"), found, strict=True):
            tables[name] = stations.named(spectrum[spectrum["sample_id"] != ALL_SAMPLES])
        notes += stations.notes
    notes += _remarks(predictions, confusion)
    if len(fits) and fits["slope"].isna().all():
        notes.append("No size spectrum has three bins with more than 25 objects: no slope is given.")
    return Measurements(tables=tables, notes=tuple(notes))


def _filled(objects: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The columns that are measured as arrays, with gaps filled from the settings; what the data say stays."""
    import pandas as pd

    columns: dict[str, NDArray[Any]] = {}
    for name in (VOLUME, SUB_PART, PIXEL_SIZE, "object_area", "object_major", "object_minor"):
        if name in objects:
            columns[name] = objects[name].to_numpy(dtype=np.float64, na_value=np.nan)
    # Metadata that a table may hold as texts.
    columns |= {
        name: pd.to_numeric(objects[name], errors="coerce").to_numpy(dtype=np.float64)
        for name in (*DEPTHS, *MESHES)
        if name in objects
    }
    columns |= {name: objects[name].to_numpy(dtype=object) for name in (ACQUISITION, FRACTION, *TEXTS) if name in objects}
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
