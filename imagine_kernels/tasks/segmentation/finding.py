"""What a segmenter finds on the pictures of a sample, and how well it does on labelled ones."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, LabelError
from imagine_kernels.inference.segmenter import FoundRegion, Segmenter
from imagine_kernels.measures.mask_accuracy import MaskEvaluation, evaluate_masks, pixel_confusion
from imagine_kernels.media.objects import problem_of
from imagine_kernels.media.regions import filled
from imagine_kernels.media.sources import sources
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import OUTLINE, Found, Predictions, Problem, Progress, Sample
from imagine_kernels.records.outlines import outline_text
from imagine_kernels.tasks.segmentation.tiles import marked_on


def find_things(
    sample: Sample,
    segmenter: Segmenter,
    *,
    min_area_px: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Found:
    """Segment every picture of a sample; those that cannot be read become problems, and the others are done.

    Returns
    -------
    Found
        Its sample has a row per region: ``object_id`` (the picture, then a number), ``file``, the box and the outline, ``object_area`` in px;
        its `media` are the pictures that were looked at.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    import pandas as pd

    media = sample.media
    assert media is not None
    classes, total = segmenter.classes, len(media)
    rows: list[dict[str, Any]] = []
    probabilities: list[NDArray[np.float32]] = []
    looked = np.zeros(total, dtype=bool)
    problems: list[Problem] = []
    with sources(sample) as opened:
        for k, file in enumerate(media["file"].tolist()):
            try:
                with opened(file) as source:
                    found = segmenter.find(source, min_area_px=min_area_px, told=_within(progress, k, total), cancel=cancel)
                looked[k] = True
            except DataError as error:
                problems.append(problem_of(file, error))
                continue
            rows += [_row(file, number, each) for number, each in enumerate(found, start=1)]
            probabilities += [each.probabilities for each in found]
            if progress is not None:
                progress(k + 1, total, "pictures looked at")
    columns = [
        "object_id",
        "file",
        "label",
        "status",
        "object_bx",
        "object_by",
        "object_width",
        "object_height",
        "object_area",
        OUTLINE,
    ]
    objects = pd.DataFrame(rows, columns=columns)
    for name in ("object_id", "file", "label", "status", OUTLINE):
        objects[name] = objects[name].astype(object)
    predictions = Predictions.of(
        objects["object_id"].to_numpy(dtype=object), classes, np.array(probabilities).reshape(len(rows), len(classes))
    )
    # The region is of the class that its pixels have; the mean of their probabilities can favour another one, of a ragged region the background.
    label = np.array([classes[row["class_index"]] for row in rows], dtype=object)
    done = replace(sample, objects=objects, media=media[looked].reset_index(drop=True))
    return Found(sample=done, predictions=replace(predictions, label=label), problems=tuple(problems))


def evaluate_things(
    sample: Sample,
    segmenter: Segmenter,
    *,
    groups: Sequence[str] = (),
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    seed: int = 0,
) -> MaskEvaluation:
    """Compare masks pixel by pixel on the labelled pictures of a sample.

    Parameters
    ----------
    groups : sequence of str
        Columns of ``sample.media`` whose values are drawn together in the bootstrap; the first that is there.

    Raises
    ------
    LabelError
        No picture is labelled, or none of them can be read.
    Cancelled
        `cancel` was set.

    Warns
    -----
    UserWarning
        A picture cannot be read and is left out.
    """
    media = sample.media
    if media is None or not media["labelled"].any():
        raise LabelError(f"No picture of {sample.name} is labelled: give pictures with masks or outlines to compare with.")
    labelled, classes = media[media["labelled"]].reset_index(drop=True), segmenter.classes
    unknown = sorted(set(sample.objects["label"]) - {"", *classes})
    if unknown:
        raise LabelError(
            f"{sample.name} has the label {unknown[0]!r}, which the model does not know (it knows {', '.join(classes)}): rename the label, or"
            " train on this sample."
        )
    marked = marked_on(sample, classes)
    confusions: list[NDArray[np.int64]] = []
    done: list[int] = []
    with sources(sample) as opened:
        for k, file in enumerate(labelled["file"].tolist()):
            try:
                with (
                    opened(file) as source,
                    closing(segmenter.probabilities(source, told=_within(progress, k, len(labelled)), cancel=cancel)) as found,
                ):
                    total = np.zeros((len(classes), len(classes)), dtype=np.int64)
                    for top, band in found.classes():
                        true = filled(marked.get(file, []), Box(0, top, source.width, len(band)))
                        total += pixel_confusion(true, band, len(classes))
            except DataError as error:
                warnings.warn(f"{file} is left out of the evaluation: {error}", stacklevel=2)
                continue
            confusions.append(total)
            done.append(k)
            if progress is not None:
                progress(k + 1, len(labelled), "pictures looked at")
    if not done:
        raise LabelError(f"Not one labelled picture of {sample.name} can be read: check the files.")
    column = next((name for name in groups if name in labelled), None)
    return evaluate_masks(
        np.array(confusions), classes, groups=None if column is None else labelled[column].to_numpy()[done], seed=seed
    )


def _row(file: str, number: int, found: FoundRegion) -> dict[str, Any]:
    left, top, right, bottom = found.region.outline.bounds
    return {
        "object_id": f"{file}_{number}", "file": file, "label": "", "status": "", "class_index": found.region.class_index,
        "object_bx": float(left), "object_by": float(top), "object_width": float(right - left), "object_height": float(bottom - top),
        "object_area": float(found.region.area_px), OUTLINE: outline_text(found.region.outline),
    }  # fmt: skip


def _within(progress: Progress | None, k: int, n: int) -> Any:
    """Progress within picture `k` of `n`: in tiles where there is one picture only."""
    if progress is None or n > 1:
        return None
    return lambda done, total: progress(done, total, "tiles looked at")
