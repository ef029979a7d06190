"""Annotations, media and labels as the page has them, and back; see ``protocol.ts``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.records import STATUSES, Annotation, Label, LabelGiven, Shape

if TYPE_CHECKING:
    from imagine_kernels.annotation import Conflict, Edit, LabelTree, Stored
    from imagine_kernels.annotation.reading import MediumShown

Json = dict[str, Any]
#: Most edits that the page may send at a time.
MOST_EDITS = 10_000


def shape_to_page(shape: Shape) -> Json:
    """A shape; the NaN between two rings becomes None."""
    keyframes = [[None if math.isnan(each) else each for each in numbers] for numbers in shape.keyframes]
    return {"kind": shape.kind, "keyframes": keyframes, "frames": list(shape.frames)}


def shape_from_page(given: Any) -> Shape:
    """The shape that the page has drawn.

    Raises
    ------
    DataError
        It is none.
    """
    try:
        keyframes = tuple(
            tuple(math.nan if number is None else float(number) for number in numbers) for numbers in given["keyframes"]
        )
        return Shape(given["kind"], keyframes, tuple(float(time) for time in given.get("frames") or ()))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError("The page has sent a shape that cannot be read: draw it again.") from None


def mark(annotation: Annotation, *, version: int, deleted: bool) -> Json:
    """An annotation at a version."""
    return {
        "id": annotation.id,
        "medium": annotation.medium,
        "shape": shape_to_page(annotation.shape),
        "labels": [
            {
                "path": list(label.path),
                "annotator": label.annotator,
                "given_at": label.given_at,
                "confidence": label.confidence,
            }
            for label in annotation.labels
        ],
        "status": annotation.status,
        "track": annotation.track,
        "attributes": dict(annotation.attributes),
        "version": version,
        "deleted": deleted,
    }


def mark_of(stored: Stored) -> Json:
    """An annotation of the store."""
    return mark(stored.annotation, version=stored.version, deleted=stored.deleted)


def edit_from_page(given: Any) -> Edit:
    """One change that the page has sent.

    Raises
    ------
    DataError
        It is none.
    """
    from imagine_kernels.annotation import Edit

    try:
        status = given.get("status")
        if status is not None and status not in STATUSES:
            raise DataError(f"Unknown status {status!r}: use one of {', '.join(STATUSES)}.")
        return Edit(
            id=_text(given, "id"),
            base=int(given.get("base") or 0),
            after=_text(given, "after"),
            key=_text(given, "key"),
            medium=_text(given, "medium") if given.get("medium") is not None else None,
            shape=shape_from_page(given["shape"]) if given.get("shape") is not None else None,
            labels=_labels(given["labels"]) if given.get("labels") is not None else None,
            status=status,
            track=_text(given, "track") if given.get("track") is not None else None,
            attributes=dict(given["attributes"]) if given.get("attributes") is not None else None,
            deleted=bool(given["deleted"]) if given.get("deleted") is not None else None,
        )
    except (TypeError, ValueError, AttributeError, KeyError):
        raise DataError("The page has sent a change that cannot be read: reload the page.") from None


def conflict_to_page(conflict: Conflict, key: str) -> Json:
    """A change that met somebody else's."""
    base, theirs, ours = (None if each is None else mark_of(each) for each in (conflict.base, conflict.theirs, conflict.ours))
    return {
        "id": conflict.id,
        "key": key,
        "parts": list(conflict.parts),
        "base": base,
        "theirs": theirs,
        "ours": ours,
        "sentence": str(conflict),
    }


def label_to_page(label: Label) -> Json:
    """A label of a tree."""
    return {
        "path": list(label.path),
        "aphia_id": label.aphia_id,
        "rank": label.rank,
        "color": label.color,
        "key": label.key,
        "synonyms": list(label.synonyms),
    }


def tree_to_page(tree: LabelTree) -> Json:
    """A label tree."""
    labels = [label_to_page(label) for label in tree.labels]
    return {"uid": tree.uid, "name": tree.name, "version": tree.version, "frozen": tree.frozen, "labels": labels}


def path_from_page(given: Any) -> tuple[str, ...]:
    """The path of a label; empty where there is none.

    Raises
    ------
    DataError
        It is none.
    """
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(part, str) for part in given):
        raise DataError("The path of a label is a list of names: reload the page.")
    return tuple(given)


def medium_to_page(shown: MediumShown, *, here: bool, note: str) -> Json:
    """A medium in the queue."""
    medium = shown.medium
    return {
        "name": medium.name,
        "kind": medium.kind,
        "width": medium.width,
        "height": medium.height,
        "duration_s": medium.duration_s,
        "frame_rate_hz": medium.frame_rate_hz,
        "sample_rate_hz": medium.sample_rate_hz,
        "pixel_size_m": medium.pixel_size_m,
        "taken_at": medium.taken_at,
        "counts": dict(shown.counts),
        "reviewed_by": dict(shown.reviewed_by),
        "assigned_to": list(shown.assigned_to),
        "here": here,
        "note": note,
    }


def refused(given: Any, error: ImagineError) -> Json:
    """A change that cannot be kept, and why."""
    of = given if isinstance(given, Mapping) else {}
    return {"id": str(of.get("id", "")), "key": str(of.get("key", "")), "why": str(error)}


def _labels(given: Any) -> tuple[LabelGiven, ...]:
    return tuple(
        LabelGiven(
            path=path_from_page(each["path"]),
            annotator=str(each.get("annotator") or ""),
            given_at=str(each.get("given_at") or ""),
            confidence=None if each.get("confidence") is None else float(each["confidence"]),
        )
        for each in given
    )


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(name)
    return value
