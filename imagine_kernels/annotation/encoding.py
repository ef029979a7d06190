"""Annotations and media as the JSON that the history holds, and back.

A medium is named by its key: the hash of the file, or where that is not known ``name:`` and the name that it came with. NaN, which
divides the rings of a polygon, becomes ``null``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

from imagine_kernels.annotation.events import State, plain
from imagine_kernels.errors import DataError, LabelError
from imagine_kernels.records import STATUSES, Annotation, LabelGiven, Medium, Shape

#: The parts of an annotation that can be changed, each as a whole.
PARTS = ("medium", "shape", "labels", "status", "track", "attributes", "deleted")

_MEDIUM_DEFAULTS = {each.name: each.default for each in fields(Medium) if each.name not in ("name", "attributes", "reviewed")}


def shape_json(shape: Shape) -> State:
    """``{"kind", "keyframes"}``, with ``frames`` where there are any."""
    # NaN is the one number that is not itself.
    keyframes = [[None if each != each else float(each) for each in numbers] for numbers in shape.keyframes]  # noqa: PLR0124
    encoded: State = {"kind": shape.kind, "keyframes": keyframes}
    if shape.frames:
        encoded["frames"] = [float(time) for time in shape.frames]
    return encoded


def shape_of(encoded: Mapping[str, Any]) -> Shape:
    """The shape that `shape_json` was given."""
    keyframes = tuple(
        tuple(math.nan if number is None else float(number) for number in numbers) for numbers in encoded["keyframes"]
    )
    return Shape(encoded["kind"], keyframes, tuple(float(time) for time in encoded.get("frames", ())))


def labels_json(labels: tuple[LabelGiven, ...], *, annotator: str = "", time: str = "") -> list[State]:
    """Labels; `annotator` and `time` fill what is empty.

    Raises
    ------
    LabelError
        A label has no name, or its confidence is not between 0 and 1.
    """
    encoded = []
    for label in labels:
        if not label.path:
            raise LabelError("A label needs a name: give at least one letter.")
        entry: State = {"path": list(_path(label.path))}
        if label.annotator or annotator:
            entry["annotator"] = plain(label.annotator or annotator, "The name")
        if label.given_at or time:
            entry["given_at"] = label.given_at or time
        if label.confidence is not None:
            if not 0 <= label.confidence <= 1:
                raise LabelError(f"The confidence of {label.name} is {label.confidence:g}: give one between 0 and 1.")
            entry["confidence"] = float(label.confidence)
        encoded.append(entry)
    return encoded


@lru_cache(maxsize=20_000)
def _path(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path, if its names can be kept; remembered, as the same labels are given again and again."""
    for part in path:
        plain(part, "The label")
    return path


def parts_json(
    *,
    shape: Shape | None = None,
    labels: tuple[LabelGiven, ...] | None = None,
    status: str | None = None,
    track: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    annotator: str = "",
    time: str = "",
) -> State:
    """The given parts of an annotation.

    Raises
    ------
    DataError
        The status is unknown, or an attribute is not text, a number, true or false.
    LabelError
        See `labels_json`.
    """
    encoded: State = {}
    if shape is not None:
        encoded["shape"] = shape_json(shape)
    if labels is not None:
        encoded["labels"] = labels_json(labels, annotator=annotator, time=time)
    if status is not None:
        if status not in STATUSES:
            raise DataError(f"Unknown status {status!r}: use one of {', '.join(STATUSES)}.")
        encoded["status"] = status
    if track is not None:
        encoded["track"] = plain(track, "The track") if track else ""
    if attributes is not None:
        for name, value in attributes.items():
            if (
                not isinstance(value, str | int | float)
                or (isinstance(value, float) and not math.isfinite(value))
                or _broken(value)
            ):
                raise DataError(f"The attribute {name} cannot be {value!r}: use text, a finite number, true or false.")
        encoded["attributes"] = dict(attributes)
    return encoded


def annotation_json(annotation: Annotation, medium: str, *, by: str, annotator: str = "", time: str = "") -> State:
    """All parts of an annotation in the medium of that key, made by that person."""
    return {
        "by": by,
        "medium": medium,
        "deleted": False,
        **parts_json(
            shape=annotation.shape,
            labels=annotation.labels,
            status=annotation.status,
            track=annotation.track,
            attributes=annotation.attributes,
            annotator=annotator,
            time=time,
        ),
    }


def labels_of(encoded: list[State]) -> tuple[LabelGiven, ...]:
    """The labels that `labels_json` was given."""
    return tuple(
        LabelGiven(
            path=tuple(entry["path"]),
            annotator=entry.get("annotator", ""),
            given_at=entry.get("given_at", ""),
            confidence=entry.get("confidence"),
        )
        for entry in encoded
    )


def annotation_of(state: Mapping[str, Any], *, annotation_id: str, medium: str) -> Annotation:
    """The annotation in a state, in the medium of that name."""
    return Annotation(
        id=annotation_id,
        medium=medium,
        shape=shape_of(state["shape"]),
        labels=labels_of(state["labels"]),
        status=state["status"],
        track=state["track"],
        attributes=state["attributes"],
    )


def medium_key(medium: Medium) -> str:
    """What stands for a medium in the history."""
    return medium.sha256.lower() or f"name:{medium.name}"


def medium_json(medium: Medium) -> State:
    """A medium without what is not known of it, and without who has looked at it.

    Raises
    ------
    DataError
        Its name or its hash cannot be one.
    """
    plain(medium.name, "The medium", longest=2000)
    if medium.sha256 and (len(medium.sha256) != 64 or set(medium.sha256.lower()) - set("0123456789abcdef")):
        raise DataError(f"The SHA-256 of {medium.name} is {medium.sha256[:70]!r}: give 64 hexadecimal digits, or none.")
    encoded: State = {name: value for name, d in _MEDIUM_DEFAULTS.items() if (value := getattr(medium, name)) != d}
    if medium.sha256:
        encoded["sha256"] = medium.sha256.lower()
    if medium.attributes:
        encoded["attributes"] = parts_json(attributes=medium.attributes)["attributes"]
    return {"name": medium.name, **encoded}


def medium_of(encoded: Mapping[str, Any], *, reviewed: bool = False) -> Medium:
    """The medium that `medium_json` was given."""
    return Medium(**{**encoded, "reviewed": reviewed})


def _broken(value: object) -> bool:
    """Whether a text holds half a character, which UTF-8 cannot write."""
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)
