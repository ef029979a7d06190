"""Objects on whole scans with all that is measured of them, and those that are several: what is proposed, and how they are divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.files import Files
from imagine_kernels.measures.morphometry_zooprocess import ZOOPROCESS_FEATURES, zooprocess_table
from imagine_kernels.measures.multiples import multiple_probability, separation_table
from imagine_kernels.measures.plankton import measure_plankton
from imagine_kernels.measures.separating import LEAST_PART, MARKER_DEPTH, proposed_cut
from imagine_kernels.media.scan_objects import COLUMNS
from imagine_kernels.media.scan_parts import PartCutter, PartObjects, divided
from imagine_kernels.media.scans import ScanSettings
from imagine_kernels.records import Confusion, Measurements, Predictions, Sample
from imagine_kernels.records.cuts import (
    CUT,
    CUT_FROM,
    MULTIPLE,
    MULTIPLES_ABOVE,
    PROPOSED_CUT,
    SEPARATE,
    Lines,
    as_wkt,
    from_wkt,
    part_ids,
)
from imagine_kernels.use_case import Setting

#: How an object may be divided that is likely to be several.
SETTINGS = (
    Setting(
        name=SEPARATE, default=False, kind=bool,
        help="Divide objects on a scan that are likely several organisms along the proposed cuts; else the cuts are only proposed.",
    ),
    Setting(
        name=MULTIPLES_ABOVE, default=0.5, kind=float, minimum=0, maximum=1,
        help="From this probability on an object on a scan is likely several organisms, and a cut is proposed.",
    ),
    Setting(
        name="marker_depth", default=MARKER_DEPTH, kind=float, minimum=0.02, maximum=0.95,
        help="Two bodies are told apart where the neck between them is narrower than the smaller one by this share; less makes more cuts.",
    ),
    Setting(
        name="least_part", default=LEAST_PART, kind=float, minimum=0, maximum=0.5,
        help="No cut is proposed that leaves a part with less than this share of the area.",
    ),
)  # fmt: skip


def described(
    objects: PartObjects,
    places: NDArray[np.float64],
    limits: ScanSettings,
    settings: Mapping[str, Any],
    *,
    cuts: Sequence[str] = (),
) -> dict[str, NDArray[Any]]:
    """Columns of n objects on a scan: all features, the probability that each is several, and the cut that is proposed.

    Parameters
    ----------
    objects : PartObjects
    places : (n, 7) float64 ndarray
        The columns `COLUMNS`.
    limits : ScanSettings
    settings : mapping
        Of the use case.
    cuts : sequence of n str, optional
        The lines that have divided each from its neighbours, where they are parts.
    """
    n = len(places)
    rows = [dict(zip(COLUMNS, place, strict=True)) for place in places.tolist()]
    lines = list(cuts) or [""] * n
    alone = objects.many([{**row, CUT: cut} for row, cut in zip(rows, lines, strict=True)])
    pictures, corners = [picture for picture, _ in alone], [corner for _, corner in alone]
    features = zooprocess_table(pictures, threshold=objects.threshold, pixel_size_mm=objects.scan.pixel_size_mm, origins=corners)
    several = multiple_probability(pictures, threshold=objects.threshold)
    least = limits.area_limits(objects.scan.pixel_size_mm)[0]
    above = _above(settings)
    proposed = [
        as_wkt(_proposed(picture, corner, objects.threshold, least, settings)) if probability >= above else ""
        for picture, corner, probability in zip(pictures, corners, several.tolist(), strict=True)
    ]
    return {
        **dict(zip((f"object_{name}" for name in ZOOPROCESS_FEATURES), features.T, strict=True)),
        MULTIPLE: several,
        PROPOSED_CUT: np.array(proposed, dtype=object),
        CUT: np.array(lines, dtype=object),
        CUT_FROM: np.full(n, "", dtype=object),
    }


def _proposed(
    picture: NDArray[np.uint8], corner: tuple[int, int], threshold: int, least: int, settings: Mapping[str, Any]
) -> Lines:
    """The cut that is proposed, in px of the scan; none where it would not leave two objects."""
    given = {name: float(settings[name]) for name in ("marker_depth", "least_part") if settings.get(name) is not None}
    found = proposed_cut(picture <= threshold, **given)
    lines = tuple(tuple((x + corner[0], y + corner[1]) for x, y in line) for line in found)
    try:
        divided(picture, lines, corner=corner, threshold=threshold, least_area=least)
    except DataError:
        return ()
    return lines


def divide_objects(sample: Sample, cuts: Mapping[str, Lines]) -> Sample:
    """The parts of objects on whole scans.

    Parameters
    ----------
    sample : Sample
        Cut from scans.
    cuts : mapping of str to Lines
        For each object its lines, in px of the scan.

    Returns
    -------
    Sample
        Only the parts, each with all features, in the order of `cuts`; what else is known of an object is known of its parts.

    Raises
    ------
    UnknownName
        There is no such object.
    DataError
        The lines do not divide an object into two or more, or it does not lie on a scan.
    """
    import pandas as pd

    if sample.cut_from != "scan":
        raise DataError(f"{sample.name} holds vignettes, which are not divided any more: open the whole scans.")
    limits = ScanSettings.of(sample.settings)
    row_of = {object_id: row for row, object_id in enumerate(sample.objects["object_id"].tolist())}
    taken = set(row_of)
    cutters: dict[str, PartCutter] = {}
    tables = []
    with Files(sample.source) as files:
        for object_id, lines in cuts.items():
            if object_id not in row_of:
                raise UnknownName(f"There is no object {object_id!r} in {sample.name}: name one of those found.")
            whole = {str(name): value for name, value in sample.objects.iloc[row_of[object_id]].items()}
            cutter = cutters.setdefault(whole["file"], PartCutter(files, whole["file"], sample.settings))
            objects = cutter.objects(whole)
            alone, corner = objects.measured(whole)
            least = limits.area_limits(objects.scan.pixel_size_mm)[0]
            try:
                places = divided(alone, lines, corner=corner, threshold=objects.threshold, least_area=least)
            except DataError as error:
                raise DataError(f"{object_id}: {error}") from None
            n = len(places)
            cut = as_wkt((*from_wkt(whole.get(CUT)), *lines))
            columns = described(objects, places, limits, sample.settings, cuts=[cut] * n)
            ids = part_ids(object_id, n, taken)
            taken |= set(ids)
            known = {"object_id": ids, "label": "", "status": "", CUT_FROM: whole.get(CUT_FROM) or object_id}
            tables.append(pd.DataFrame([whole] * n).assign(**columns).assign(**known))
    parts = pd.concat(tables, ignore_index=True) if tables else sample.objects.iloc[:0]
    return replace(sample, objects=parts.astype(sample.objects.dtypes.to_dict()))


def separated(sample: Sample) -> Sample:
    """The sample with what is likely several divided along the proposed cuts, where the settings say so."""
    if not sample.settings.get(SEPARATE):
        return sample
    objects = sample.objects
    chosen = objects[PROPOSED_CUT].to_numpy() != ""
    cuts = {
        object_id: from_wkt(text)
        for object_id, text in zip(objects["object_id"][chosen].tolist(), objects[PROPOSED_CUT][chosen].tolist(), strict=True)
    }
    return sample.with_parts(divide_objects(sample, cuts), of=list(cuts))


def measure_zooscan(
    sample: Sample, predictions: Predictions, confusion: Confusion | None, settings: Mapping[str, Any]
) -> Measurements:
    """What `measure_plankton` measures; and on whole scans how many objects there were before and after some were divided."""
    measured = measure_plankton(sample, predictions, confusion, settings)
    objects = sample.in_order_of(predictions)
    if sample.cut_from != "scan" or CUT_FROM not in objects:
        return measured
    table = separation_table(objects)
    n_divided, n_parts, n_found, n_now = (int(table[name].sum()) for name in ("n_divided", "n_parts", "n_found", "n_objects"))
    notes = list(measured.notes)
    if n_divided:
        notes.append(
            f"{n_divided} of the {n_found} objects found were divided into {n_parts} parts: {n_now} objects are counted."
        )
    # What a person has validated is one.
    open_ = np.isin(predictions.status, ["predicted", "dubious"])
    likely = int((open_ & (objects[MULTIPLE].to_numpy() >= _above(settings))).sum()) if MULTIPLE in objects else 0
    if likely:
        how = "divide them in the app" + ("" if settings.get(SEPARATE) else f", or open the scan with {SEPARATE}=yes")
        notes.append(f"{likely} objects are likely several organisms and count as one each: {how}.")
    return replace(measured, tables={**measured.tables, "separation": table}, notes=tuple(notes))


def _above(settings: Mapping[str, Any]) -> float:
    given = settings.get(MULTIPLES_ABOVE)
    return 0.5 if given is None else float(given)
