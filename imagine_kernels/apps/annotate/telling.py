"""The history of an annotation in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate.marks import Json, mark

if TYPE_CHECKING:
    from imagine_kernels.annotation import Project
    from imagine_kernels.annotation.events import Event


def history(project: Project, annotation_id: str) -> list[Json]:
    """All that was done to an annotation, with what it was after each event."""
    from imagine_kernels.annotation.encoding import annotation_of
    from imagine_kernels.annotation.queue import names_of

    events = project.history(annotation_id)
    states: list[dict[str, Any]] = []
    for event in events:
        states.append({**(states[-1] if states else {}), **event.changes})
    keys = list({state["medium"] for state in states if "medium" in state})
    names = names_of(project, keys=keys)
    told = []
    for i, (event, state) in enumerate(zip(events, states, strict=True)):
        shown = None
        if "shape" in state:
            found = annotation_of(state, annotation_id=annotation_id, medium=names.get(state["medium"], state["medium"]))
            shown = mark(found, version=event.sequence, deleted=bool(state["deleted"]))
        told.append(
            {
                "sequence": event.sequence,
                "author": event.author,
                "time": event.time,
                "kind": event.kind,
                "words": words(event, states[i - 1] if i else {}),
                "mark": shown,
            }
        )
    return told


def words(event: Event, before: dict[str, Any]) -> str:
    """What an event has done: "label Sponges", "moved", "deleted"."""
    changed = event.changes
    if event.kind == "create":
        label = _label(changed.get("labels") or ())
        return f"marked as {label}" if label else "marked"
    if event.kind in ("undo", "redo", "revert", "merge"):
        what = {"undo": "undone", "redo": "done again", "revert": "set back", "merge": "brought back from a copy"}[event.kind]
        return f"{what}: {_parts(changed, before)}" if changed else what
    return _parts(changed, before) or "nothing changed"


def _parts(changed: dict[str, Any], before: dict[str, Any]) -> str:
    said = []
    if "deleted" in changed:
        said.append("deleted" if changed["deleted"] else "restored")
    if "labels" in changed:
        label = _label(changed["labels"])
        said.append(f"label {label}" if label else "label taken away")
    if "status" in changed:
        said.append(str(changed["status"]))
    if "shape" in changed:
        said.append(_moved(before.get("shape"), changed["shape"]))
    if "track" in changed:
        said.append(f"track {changed['track']}" if changed["track"] else "track taken away")
    if "attributes" in changed:
        said.append(_attributes(before.get("attributes") or {}, changed["attributes"]))
    if "medium" in changed and "medium" in before:
        said.append("moved to another medium")
    return ", ".join(said)


def _label(labels: Sequence[dict[str, Any]]) -> str:
    return str(labels[0]["path"][-1]) if labels else ""


def _moved(before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    if before is None or before["kind"] != after["kind"]:
        return f"now a {after['kind'].replace('_', ' ')}"
    frames = len(after.get("frames", ())) - len(before.get("frames", ()))
    if frames:
        return f"{abs(frames)} keyframe{'s' if abs(frames) > 1 else ''} {'added' if frames > 0 else 'taken away'}"
    first, second = before["keyframes"], after["keyframes"]
    if len(first) == 1 and after["kind"] in ("point", "line", "polygon", "rectangle") and len(first[0]) == len(second[0]):
        shifts = [
            {round(b - a, 6) for a, b in zip(first[0][i::2], second[0][i::2], strict=True) if a is not None and b is not None}
            for i in (0, 1)
        ]
        return "moved" if all(len(each) == 1 for each in shifts) else "re-shaped"
    return "re-shaped"


def _attributes(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = [f"{name} = {value}" for name, value in after.items() if before.get(name) != value]
    gone = [f"{name} taken away" for name in before if name not in after]
    return ", ".join([*changed, *gone]) or "attributes"
