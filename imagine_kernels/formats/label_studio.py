"""Label Studio's JSON: a list of tasks, each a picture or a recording with annotations of people and predictions of models.

Coordinates are per cent of the size of the picture. A rectangle turns about its own top left corner. A brush is a mask as runs of the bytes of
an RGBA picture. Regions of a recording are spans of time. Further values of a region are in its ``meta``, those of a task in its ``data``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats import rle
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note
from imagine_kernels.formats.json_stream import entries
from imagine_kernels.formats.reading import Labels, as_float, as_size, numbers_of, only_file, plain_all, set_of
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import encoding_of, placed_text
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape, ShapeKind
from imagine_kernels.records.shapes import Numbers

LAYOUT = "Label Studio"
_COMMON: dict[str, Any] = {
    "given": frozenset({"annotator", "confidence"}),
    "statuses": ("validated", "predicted"),
    "ids": "text",
    "attributes": "typed",
    "unused_labels": False,
}
HOLDS_PICTURES = Holds(
    shapes=("point", "rectangle", "rotated_rectangle", "polygon", "ellipse", "mask", "whole"),
    medium=frozenset({"width", "height", "attributes"}),
    medium_attributes=r"(?!(image|audio|width|height)$).+",
    sized=True,
    **_COMMON,
)
HOLDS_AUDIO = Holds(
    media=("sound",),
    shapes=("whole",),
    spans=True,
    whole_files=True,
    medium=frozenset({"duration_s", "attributes"}),
    medium_attributes=r"(?!(image|audio|duration_s)$).+",
    **_COMMON,
)
#: Type of a result and key of its labels, by the kind of shape.
_TYPES: dict[ShapeKind, str] = {
    "point": "keypointlabels",
    "rectangle": "rectanglelabels",
    "rotated_rectangle": "rectanglelabels",
    "polygon": "polygonlabels",
    "ellipse": "ellipselabels",
    "mask": "brushlabels",
}
_AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff", ".m4a")


def find_label_studio(files: Files, name: str) -> bool:
    """Whether a JSON is Label Studio's: its first task has data."""
    try:
        first = next(entries(files, name, encoding_of(files, name)[0]), None)
    except FormatError:
        return False
    return isinstance(first, dict) and isinstance(first.get("data"), dict)


def read_label_studio(path: Path, *, name: str | None = None) -> AnnotationSet:
    """Read an export of Label Studio.

    Parameters
    ----------
    path : Path
        The JSON, or a folder or zip that holds it.
    name : str, optional
        The JSON inside.

    Raises
    ------
    FormatError
        It is no list of tasks.
    """
    with Files(path) as files:
        name = name or only_file(files, ".json")
        encoding, problems = encoding_of(files, name)
        media: dict[str, Medium] = {}
        labels = Labels()
        for at, task in enumerate(entries(files, name, encoding), start=1):
            medium = _medium(task)
            if medium is None:
                note(problems, name, f"task {at} names no picture or recording and was left out", "give its data an image")
                continue
            media.setdefault(medium.name, medium)
            for _, result, _, _ in _results(task):
                for label in _labels(result):
                    labels.path((label,))
        if not media:
            raise FormatError(f"{name} holds no tasks with pictures or recordings: export it as JSON from Label Studio.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for at, task in enumerate(entries(files, str(name), encoding), start=1):
            medium = _medium(task)
            if medium is None:
                continue
            for number, result, who, predicted in _results(task):
                try:
                    found = _annotation(result, media[medium.name], who, predicted=predicted)
                except (DataError, TypeError, AttributeError, KeyError) as error:
                    why = str(error).rstrip(".") if isinstance(error, DataError) else "it is not as Label Studio writes it"
                    note(noted, str(name), f"result {number} of task {at} was left out, {why}", "correct it")
                    continue
                yield found

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


def _medium(task: Any) -> Medium | None:
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        return None
    texts = [key for key, value in data.items() if isinstance(value, str) and value]
    key = next((key for key in ("image", "img", "audio", "url", "sound") if key in texts), texts[0] if texts else "")
    if not key:
        return None
    file = data[key]
    # Uploads are called /data/upload/3/0a1b2c3d-name.jpg, local files /data/local-files/?d=folder/name.jpg.
    file = file.rsplit("?d=", 1)[-1] if "?d=" in file else file.removeprefix("/data/upload/")
    size: tuple[Any, Any] = (data.get("width"), data.get("height"))
    for _, result, _, _ in _results(task):
        if result.get("original_width"):
            size = (result["original_width"], result.get("original_height"))
            break
    sound = key in ("audio", "sound") or file.lower().endswith(_AUDIO)
    own = frozenset({key, *(("duration_s",) if sound else ("width", "height"))})
    return Medium(
        name=file,
        kind="sound" if sound else "picture",
        width=None if sound else as_size(size[0]),
        height=None if sound else as_size(size[1]),
        duration_s=as_float(data.get("duration_s")) if sound else None,
        attributes=plain_all(data, but=own),
    )


def _results(task: Any) -> Iterator[tuple[int, dict[str, Any], str, bool]]:
    """Number, result, who gave it, and whether that was a model."""
    number = 0
    for key, predicted in (("annotations", False), ("completions", False), ("predictions", True)):
        for given in task.get(key) or ():
            if not isinstance(given, dict):
                continue
            who = _who(given.get("model_version") if predicted else given.get("completed_by"))
            for result in given.get("result") or ():
                number += 1
                if isinstance(result, dict):
                    if predicted and "score" not in result and given.get("score") is not None:
                        result = {**result, "score": given["score"]}
                    yield number, result, who, predicted


def _who(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    return "" if value is None else str(value)


def _labels(result: dict[str, Any]) -> list[str]:
    value = result.get("value")
    if not isinstance(value, dict):
        return []
    found = value.get(str(result.get("type"))) or value.get("labels") or value.get("choices") or ()
    return [str(label) for label in found] if isinstance(found, list) else [str(found)] if isinstance(found, str) else []


def _annotation(result: dict[str, Any], medium: Medium, who: str, *, predicted: bool) -> Annotation:
    labels, confidence = _labels(result), as_float(result.get("score"))
    return Annotation(
        medium=medium.name,
        shape=_shape(result, medium),
        labels=tuple(LabelGiven(path=(label,), annotator=who, confidence=confidence) for label in labels),
        status="predicted" if predicted else "validated",
        id=str(result.get("id") or ""),
        attributes=plain_all(result.get("meta")),
    )


def _shape(result: dict[str, Any], medium: Medium) -> Shape:
    value, kind = result["value"], str(result.get("type"))
    if medium.kind == "sound":
        if "start" not in value:
            return Shape("whole")
        return Shape("whole", ((), ()), numbers_of([value["start"], value["end"]]))
    if kind == "choices":
        return Shape("whole")
    width = as_size(result.get("original_width")) or medium.width
    height = as_size(result.get("original_height")) or medium.height
    if not width or not height:
        raise DataError("the size of the picture is not known")
    if kind in ("brushlabels", "brush"):
        if value.get("format") != "rle" or not isinstance(value.get("rle"), list):
            raise DataError("its brush is no list of runs")
        return Shape("mask", (rle.from_bits(value["rle"], width, height),))
    if kind in ("polygonlabels", "polygon"):
        points = [numbers_of(point) for point in value["points"]]
        return Shape("polygon", (tuple(n for x, y in points for n in (x * width / 100, y * height / 100)),))
    x, y = numbers_of([value["x"], value["y"]])
    x, y = x * width / 100, y * height / 100
    turn = numbers_of([value.get("rotation") or 0])[0]
    if kind in ("keypointlabels", "keypoint"):
        return Shape("point", ((x, y),))
    if kind in ("ellipselabels", "ellipse"):
        first, second = numbers_of([value["radiusX"], value["radiusY"]])
        return Shape("ellipse", ((x, y, first * width / 100, second * height / 100, turn),))
    if kind not in ("rectanglelabels", "rectangle", "labels"):
        raise DataError(f"there is no place for {kind!r:.40}")
    across, down = numbers_of([value["width"], value["height"]])
    across, down = across * width / 100, down * height / 100
    if not turn:
        return Shape("rectangle", ((x, y, x + across, y + down),))
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    centre = (x + (across * cos - down * sin) / 2, y + (across * sin + down * cos) / 2)
    return Shape("rotated_rectangle", ((*centre, across, down, turn),))


def write_label_studio(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write tasks of pictures; gives what they cannot hold, one entry for each kind of loss."""
    return _write(source, target, HOLDS_PICTURES)


def write_label_studio_audio(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write tasks of recordings; see `write_label_studio`."""
    return _write(source, target, HOLDS_AUDIO)


def _write(source: AnnotationSet, target: Path, holds: Holds) -> list[Problem]:
    fitting, problems = Fitting(source, holds), list[Problem]()
    with Spool() as spool, placed_text(target) as file:
        spool.fill(fitting.annotations(problems))
        for place, held in spool.by_group(len(fitting.media)):
            medium = fitting.media[place]
            task: dict[str, Any] = {"id": place + 1, "data": _data(medium)}
            task["annotations"] = _groups(held, medium, predicted=False)
            predictions = _groups(held, medium, predicted=True)
            if predictions:
                task["predictions"] = predictions
            file.write(("," if place else "[") + "\n" + json.dumps(task, ensure_ascii=False, separators=(",", ":")))
        file.write("\n]\n" if fitting.media else "[]\n")
    return [*problems, *fitting.finish()]


def _data(medium: Medium) -> dict[str, Any]:
    if medium.kind == "sound":
        known: dict[str, Any] = {"audio": medium.name, "duration_s": medium.duration_s}
    else:
        known = {"image": medium.name, "width": medium.width, "height": medium.height}
    return {key: value for key, value in known.items() if value is not None} | dict(medium.attributes)


def _groups(held: Iterable[Annotation], medium: Medium, *, predicted: bool) -> list[dict[str, Any]]:
    """One entry for each person or model."""
    by: dict[str, list[dict[str, Any]]] = {}
    for annotation in held:
        if (annotation.status == "predicted") == predicted:
            by.setdefault(annotation.labels[0].annotator, []).append(_result(annotation, medium))
    key = "model_version" if predicted else "completed_by"
    return [{**({key: who if predicted else {"email": who}} if who else {}), "result": results} for who, results in by.items()]


def _result(annotation: Annotation, medium: Medium) -> dict[str, Any]:
    shape, label = annotation.shape, [annotation.label]
    result: dict[str, Any] = {"id": annotation.id} if annotation.id else {}
    if medium.kind == "sound":
        if shape.frames:
            value: dict[str, Any] = {"start": shape.frames[0], "end": shape.frames[1], "channel": 0, "labels": label}
            result |= {"type": "labels", "from_name": "label", "to_name": "audio", "value": value}
        else:
            result |= {"type": "choices", "from_name": "choice", "to_name": "audio", "value": {"choices": label}}
    elif shape.kind == "whole":
        result |= {"type": "choices", "from_name": "choice", "to_name": "image", "value": {"choices": label}}
    else:
        kind = _TYPES[shape.kind]
        width, height = medium.width or 1, medium.height or 1
        result |= {"type": kind, "from_name": "label", "to_name": "image", "original_width": width, "original_height": height}
        result |= {"image_rotation": 0, "value": {**_value(shape.kind, shape.numbers, width, height), kind: label}}
    if annotation.labels[0].confidence is not None:
        result["score"] = annotation.labels[0].confidence
    if annotation.attributes:
        result["meta"] = dict(annotation.attributes)
    return result


def _value(kind: ShapeKind, numbers: Numbers, width: int, height: int) -> dict[str, Any]:
    if kind == "mask":
        return {"format": "rle", "rle": rle.to_bits(numbers, width, height)}
    if kind == "polygon":
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return {"points": [[x * 100 / width, y * 100 / height] for x, y in pairs], "closed": True}
    if kind == "point":
        return {"x": numbers[0] * 100 / width, "y": numbers[1] * 100 / height, "width": 0.5}
    if kind == "ellipse":
        x, y, first, second, turn = numbers
        sizes = {"radiusX": first * 100 / width, "radiusY": second * 100 / height}
        return {"x": x * 100 / width, "y": y * 100 / height, **sizes, "rotation": turn}
    if kind == "rectangle":
        x, y, across, down, turn = numbers[0], numbers[1], numbers[2] - numbers[0], numbers[3] - numbers[1], 0.0
    else:
        x, y, across, down, turn = numbers
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        x, y = x - (across * cos - down * sin) / 2, y - (across * sin + down * cos) / 2
    sizes = {"width": across * 100 / width, "height": down * 100 / height}
    return {"x": x * 100 / width, "y": y * 100 / height, **sizes, "rotation": turn}
