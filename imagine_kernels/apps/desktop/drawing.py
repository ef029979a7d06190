"""How each annotation is drawn: in which layer, with which points, in which colour, and what the features table says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels.annotation import Stored
from imagine_kernels.apps.desktop.arrays import Opened
from imagine_kernels.apps.desktop.geometry import Points, is_editable, outline, outlines

if TYPE_CHECKING:
    import pandas as pd

#: The columns of the features tables: the first two say which row it is.
FIELDS = ("id", "label", "status", "author", "confidence")
COLUMNS = ("id", "keyframe", *FIELDS[1:])

#: Id of the annotation and number of the keyframe.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One row of a layer."""

    layer: str
    key: Key
    type: str
    data: Points


def drawn(stored: Stored, opened: Opened, *, lines_only: bool = False) -> list[Drawn]:
    """How an annotation is drawn, once for each keyframe; masks and whole media have no rows.

    Parameters
    ----------
    lines_only : bool
        Nothing of it is to be changed: all of it as closed lines, and points as small squares.
    """
    shape, found = stored.annotation.shape, []
    for keyframe, numbers in enumerate(shape.keyframes):
        key, at = (stored.annotation.id, keyframe), _frame(shape.frames, keyframe, opened)
        kind = shape.kind
        if not numbers or kind in ("mask", "whole"):
            continue
        if lines_only and kind in ("point", "keypoints"):
            x, y = numbers[:2]
            far = 6 * opened.pixel[0], 6 * opened.pixel[1]
            square = (x - far[0], y - far[1], x + far[0], y + far[1])
            rows = [("shown only", "polygon", outline("rectangle", square, opened.axes)[1])]
        elif kind == "keypoints":
            points = [numbers[i : i + 2] for i in range(0, len(numbers), 3) if numbers[i + 2]]
            rows = [("keypoints", "point", opened.axes.to_rows(each)) for each in points]
        elif kind == "line" and lines_only:
            rows = [("shown only", "path", outline(kind, numbers, opened.axes)[1])]
        elif lines_only or not is_editable(kind, numbers):
            rows = [("shown only", "polygon", ring) for ring in outlines(kind, numbers, opened.axes)]
        elif kind == "point":
            rows = [("points", "point", opened.axes.to_rows(numbers))]
        else:
            rows = [("shapes", *outline(kind, numbers, opened.axes))]
        found += [Drawn(layer=layer, key=key, type=type_, data=_at(data, at)) for layer, type_, data in rows]
    return found


def features_of(stored: Stored) -> dict[str, Any]:
    """What the table says of an annotation."""
    annotation = stored.annotation
    first = annotation.labels[0] if annotation.labels else None
    confidence = None if first is None else first.confidence
    return {
        "id": annotation.id,
        "label": " > ".join(first.path) if first else "",
        "status": annotation.status,
        "author": first.annotator if first else "",
        "confidence": float("nan") if confidence is None else confidence,
    }


def table_of(keys: Sequence[Key], marks: Mapping[str, Stored]) -> pd.DataFrame:
    """The features of rows; of an id that is not in the store only the id."""
    import pandas as pd

    empty = {"label": "", "status": "", "author": "", "confidence": float("nan")}
    rows = [
        {"keyframe": keyframe, **(features_of(marks[id_]) if id_ in marks else {**empty, "id": id_})} for id_, keyframe in keys
    ]
    types = {"id": object, "keyframe": int, "label": object, "status": object, "author": object, "confidence": float}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)


def table_of_masks(values: Mapping[str, int], marks: Mapping[str, Stored]) -> pd.DataFrame:
    """The features of the labels in a layer of masks; `values` gives the label for an id."""
    import pandas as pd

    return pd.DataFrame(
        [{"index": value, **features_of(marks[id_])} for id_, value in values.items()], columns=["index", *FIELDS]
    )


def frame_of(at: float, n: int) -> int:
    """The number of a frame from where the slider stands."""
    return int(np.clip(round(at), 0, n - 1))


def _frame(frames: Sequence[float], keyframe: int, opened: Opened) -> int | None:
    """The number of the frame that is shown at a keyframe; of what has no time the first one."""
    if opened.times is None:
        return None
    return int(np.abs(opened.times - frames[keyframe]).argmin()) if frames else 0


def _at(data: Points, frame: int | None) -> Points:
    return data if frame is None else np.insert(data, 0, frame, axis=1)
