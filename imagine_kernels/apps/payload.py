"""A result as the page takes it: names as JSON, everything with one value per object as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records import PROPOSED_REMOVAL
from imagine_kernels.records.cuts import MULTIPLE, MULTIPLES_ABOVE
from imagine_kernels.records.figures_of_merit import TITLES, headline, held_out

if TYPE_CHECKING:
    import pandas as pd

    from imagine_kernels.annotation import Correction
    from imagine_kernels.result import Result
    from imagine_kernels.use_case import UseCase

PIXEL_SIZE = "process_particle_pixel_size_mm"
SAMPLE = "sample_id"


def columns(result: Result, sizes: NDArray[np.uint16]) -> tuple[dict[str, Any], list[bytes]]:
    """Names and columns of a result before any correction.

    Parameters
    ----------
    result : Result
        n objects, k classes.
    sizes : (n, 2) uint16 ndarray
        Width and height of each picture in px, 0 where not known yet.

    Returns
    -------
    names : dict
        ``ids``, ``classes``, ``samples``, ``sorts``, ``proposals``; ``multiples_above``: the probability from which on an object is likely
        several, None where that is not known.
    buffers : list of bytes
        Probabilities (n, k) float32; sample number uint16; sizes (n, 2) uint16; mm per px float32; label number uint16; status number uint8;
        then one float32 column per entry of ``sorts``; then the rule that proposes to remove each object, by its number in ``proposals`` from
        1, 0 for most, uint8; then the probability that each is several, float32, where that is known. Little-endian.
    """
    predictions, objects = result.predictions, result.sample.objects
    n = len(predictions)
    numbers, samples = _numbered(objects[SAMPLE].tolist() if SAMPLE in objects else [result.name] * n)
    mm = objects[PIXEL_SIZE].to_numpy(dtype=np.float32) if PIXEL_SIZE in objects else np.full(n, np.nan, dtype=np.float32)
    sorts = {name: objects[column] for name, column in result.declaration.sorts.items() if _numeric(objects, column)}
    # The first label is the most probable one; what people made of it comes from the history, so that undo leads back to it.
    label = predictions.probabilities.argmax(axis=1) if len(predictions.classes) else np.zeros(n)
    status = np.zeros(n, dtype=np.uint8)
    proposals, rule = _proposals(result)
    names = {
        "ids": predictions.object_id.tolist(),
        "classes": list(predictions.classes),
        "samples": samples,
        "sorts": list(sorts),
        "proposals": proposals,
        "multiples_above": _multiples_above(result),
    }
    buffers = [
        _bytes(predictions.probabilities, "<f4"),
        _bytes(numbers, "<u2"),
        _bytes(sizes, "<u2"),
        _bytes(mm, "<f4"),
        _bytes(label, "<u2"),
        _bytes(status, "u1"),
        *(_bytes(column.to_numpy(dtype=np.float32), "<f4") for column in sorts.values()),
        _bytes(rule, "u1"),
        *([_bytes(objects[MULTIPLE].to_numpy(dtype=np.float32), "<f4")] if names["multiples_above"] is not None else []),
    ]
    return names, buffers


def _bytes(values: NDArray[Any], dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype=np.dtype(dtype)).tobytes()


def _numeric(objects: pd.DataFrame, column: str) -> bool:
    return column in objects and objects[column].dtype.kind in "fiu"


def _multiples_above(result: Result) -> float | None:
    if result.declaration.divide is None or not result.sample.cut_from or not _numeric(result.sample.objects, MULTIPLE):
        return None
    given = result.sample.settings.get(MULTIPLES_ABOVE)
    return 0.5 if given is None else float(given)


def _proposals(result: Result) -> tuple[list[dict[str, str]], NDArray[np.uint8]]:
    """The rules that propose objects for removal, and the number of its rule for each of n objects, from 1."""
    objects = result.sample.objects
    number = np.zeros(len(objects), dtype=np.uint8)
    if PROPOSED_REMOVAL not in objects:
        return [], number
    column = objects[PROPOSED_REMOVAL].fillna("").astype(str).to_numpy()
    declared = result.declaration.removal_rules
    # A saved result may hold a rule that this version no longer declares.
    rules = [rule for rule in dict.fromkeys([*declared, *sorted(set(column.tolist()))]) if rule]
    for i, rule in enumerate(rules[:255]):
        number[column == rule] = i + 1
    return [{"rule": rule, "name": rule.capitalize(), "sentence": declared.get(rule, "")} for rule in rules[:255]], number


def _numbered(values: Sequence[Any]) -> tuple[NDArray[np.uint16], list[str]]:
    names = sorted({str(value) for value in values})
    number = {name: i for i, name in enumerate(names)}
    return np.array([min(number[str(value)], 65535) for value in values], dtype=np.uint16), names


def correction_row(correction: Correction) -> dict[str, Any]:
    """A row of the history as the page takes it."""
    return {
        "sequence": correction.sequence,
        "object_ids": list(correction.object_ids),
        "label": correction.label,
        "status": correction.status,
        "undoes": correction.undoes,
        # None where nothing was divided; none where an object was joined again.
        "parts": None if correction.cut is None else list(correction.cut.parts),
    }


#: What the native formats are called before people, and what they are good for.
_EXPORTS = {
    "ecotaxa": ("EcoTaxa zip", "TSV and pictures, to import"),
    "coco": ("COCO zip", "pictures and outlines, to train or annotate"),
    "geojson": ("Map (GeoJSON)", "outlines with their quantities, for a GIS"),
}


def export_choices(declared: UseCase) -> list[dict[str, str]]:
    """The native formats of a use case as the page offers them."""
    kinds = (*declared.exports, *declared.products)
    named = {kind: _EXPORTS.get(kind, (kind, "a native format")) for kind in kinds}
    return [{"kind": kind, "name": name, "note": note} for kind, (name, note) in named.items()]


def model_choices(summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The models that can be chosen, the starter model first and under the name None, as the page takes them."""

    def words(summary: Mapping[str, Any]) -> str:
        found = headline(summary)
        return (
            f"{summary['name']}: not evaluated"
            if found is None
            else (f"{summary['name']}: {found[0]} {100 * found[1]['value']:.0f} % on {held_out(summary)}")
        )

    ordered = sorted(summaries, key=lambda summary: not summary["starter"])
    return [{"name": None if summary["starter"] else summary["folder"], "words": words(summary)} for summary in ordered]


def model_facts(summary: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any] | None:
    """The model in use and its figures on held-out data, as the page takes them."""
    if not summary:
        return None
    metrics = summary.get("metrics") or {}
    return {
        "name": str(summary.get("name", "")),
        "version": str(summary.get("version", "")),
        "hash": str(summary.get("hash") or summary.get("model_hash") or ""),
        "recipe": str(summary.get("recipe", "")).capitalize(),
        "n_held_out": summary.get("n_held_out"),
        "metrics": [
            {
                "name": name[0].upper() + name[1:],
                "value": float(metrics[key]["value"]),
                "low": metrics[key].get("low"),
                "high": metrics[key].get("high"),
            }
            for key, name in TITLES.items()
            if isinstance(metrics.get(key), Mapping) and metrics[key].get("value") is not None
        ],
        "classes": list(classes),
    }
