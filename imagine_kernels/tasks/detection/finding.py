"""What a detector finds on the pictures of a sample, and how well it does on labelled ones."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, LabelError
from imagine_kernels.inference.detector import Detector, FoundBox
from imagine_kernels.measures.box_matching import PictureBoxes
from imagine_kernels.measures.detection_accuracy import DetectionEvaluation, evaluate_boxes
from imagine_kernels.media.objects import problem_of
from imagine_kernels.media.sources import sources
from imagine_kernels.records import OUTLINE, Found, Predictions, Problem, Progress, Sample
from imagine_kernels.records.outlines import outline_text
from imagine_kernels.tasks.detection.tiles import NOTHING, Boxes, boxes_on


def find_boxes(
    sample: Sample,
    detector: Detector,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Found:
    """Look for things on every picture of a sample; those that cannot be read become problems, and the others are done.

    Returns
    -------
    Found
        Its sample has a row per thing: ``object_id`` (the picture, then a number, the surest first), ``file``, the box, ``object_area`` of the
        box in px, and the box as outline; its `media` are the pictures that were looked at.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    import pandas as pd

    media = sample.media
    assert media is not None
    classes, total = detector.classes, len(media)
    rows: list[dict[str, Any]] = []
    all_found: list[FoundBox] = []
    looked = np.zeros(total, dtype=bool)
    problems: list[Problem] = []
    with sources(sample) as opened:
        for k, file in enumerate(media["file"].tolist()):
            try:
                with opened(file) as source:
                    found = detector.find(source, told=_within(progress, total), cancel=cancel)
                looked[k] = True
            except DataError as error:
                problems.append(problem_of(file, error))
                continue
            rows += [_row(file, number, each) for number, each in enumerate(found, start=1)]
            all_found += found
            if progress is not None:
                progress(k + 1, total, "pictures looked at")
    text = ["object_id", "file", "label", "status", OUTLINE]
    columns = [*text[:4], "object_bx", "object_by", "object_width", "object_height", "object_area", OUTLINE]
    objects = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(text, object))
    predictions = Predictions.of(
        objects["object_id"].to_numpy(dtype=object),
        classes,
        np.array([each.probabilities for each in all_found]).reshape(len(rows), len(classes)),
    )
    # Of a thing that is there with less than even odds the background is the most probable class; it was found all the same.
    label = np.array([classes[each.class_index] for each in all_found], dtype=object)
    done = replace(sample, objects=objects, media=media[looked].reset_index(drop=True))
    return Found(sample=done, predictions=replace(predictions, label=label), problems=tuple(problems))


def evaluate_on(
    sample: Sample,
    detector: Detector,
    *,
    groups: Sequence[str] = (),
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    seed: int = 0,
) -> DetectionEvaluation:
    """Compare boxes on the labelled pictures of a sample.

    Parameters
    ----------
    groups : sequence of str
        Columns of ``sample.media`` whose values are drawn together in the bootstrap; the first that is there.

    Raises
    ------
    LabelError
        No picture is labelled, none of them can be read, nothing is marked on them, or a label is unknown to the model.
    Cancelled
        `cancel` was set.
    """
    media = sample.media
    if media is None or not media["labelled"].any():
        raise LabelError(f"No picture of {sample.name} is labelled: give pictures with boxes or outlines to compare with.")
    labelled, classes = media[media["labelled"]].reset_index(drop=True), detector.classes
    unknown = sorted(set(sample.objects["label"]) - {"", *classes})
    if unknown:
        raise LabelError(
            f"{sample.name} has the label {unknown[0]!r}, which the model does not know (it knows {', '.join(classes)}): rename the label, or"
            " train on this sample."
        )
    marked, _ = boxes_on(sample, classes)
    given = [marked.get(file, NOTHING) for file in labelled["file"]]
    pictures, done = compared(sample, labelled["file"].tolist(), given, detector, progress=progress, cancel=cancel)
    if not done:
        raise LabelError(f"Not one labelled picture of {sample.name} can be read: check the files.")
    column = next((name for name in groups if name in labelled), None)
    return evaluate_boxes(
        pictures,
        classes,
        min_score=detector.min_score,
        groups=None if column is None else labelled[column].to_numpy()[done],
        seed=seed,
    )


def compared(
    sample: Sample,
    files: Sequence[str],
    marked: Sequence[Boxes],
    detector: Detector,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> tuple[list[PictureBoxes], list[int]]:
    """What is marked and what is found on each of n pictures, whatever its score, and which of the pictures could be read; of the others
    it is warned.
    """
    pictures: list[PictureBoxes] = []
    done: list[int] = []
    with sources(sample) as opened:
        for k, (file, true) in enumerate(zip(files, marked, strict=True)):
            try:
                with opened(file) as source:
                    found = detector.find(source, min_score=0.0, told=_within(progress, len(files)), cancel=cancel)
            except DataError as error:
                warnings.warn(f"{file} is left out of the evaluation: {error}", stacklevel=2)
                continue
            pictures.append(picture_boxes(true, found))
            done.append(k)
            if progress is not None:
                progress(k + 1, len(files), "pictures looked at")
    return pictures, done


def picture_boxes(true: Boxes, found: Sequence[FoundBox]) -> PictureBoxes:
    """What is marked and what is found on one picture, to be compared."""
    scores: list[float] = [each.score for each in found]
    return PictureBoxes.of(true.sides, true.classes, [each.box for each in found], scores, [each.class_index for each in found])


def _row(file: str, number: int, found: FoundBox) -> dict[str, Any]:
    import shapely

    left, top, right, bottom = found.box
    return {
        "object_id": f"{file}_{number}", "file": file, "label": "", "status": "",
        "object_bx": left, "object_by": top, "object_width": right - left, "object_height": bottom - top,
        "object_area": (right - left) * (bottom - top), OUTLINE: outline_text(shapely.box(left, top, right, bottom)),
    }  # fmt: skip


def _within(progress: Progress | None, n: int) -> Any:
    """Progress within a picture: in tiles, where it is the only one of `n`."""
    if progress is None or n > 1:
        return None
    return lambda done, total: progress(done, total, "tiles looked at")


def calibration_of(pictures: Sequence[PictureBoxes]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores (n,) of all that was found, and whether box and class are right (n,)."""
    from imagine_kernels.measures.box_matching import RIGHT_IOU, ranked

    numbers = sorted({int(i) for each in pictures for i in np.unique(each.classes)})
    found = [ranked(pictures, number, (RIGHT_IOU,)) for number in numbers]
    if not found:
        return np.zeros(0), np.zeros(0, dtype=bool)
    return np.concatenate([each.scores for each in found]), np.concatenate([each.right[0] for each in found])
