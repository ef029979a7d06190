"""A conflict in words."""

from __future__ import annotations

from imagine_kernels.annotation import Conflict, Stored


def told(conflict: Conflict) -> str:
    """A conflict in words: what the store has now, and what was wanted."""
    theirs, ours = (_words(each) for each in (conflict.theirs, conflict.ours))
    return f"Somebody else has changed the same. Now: {theirs}. Yours: {ours}. Yours is drawn in red: decide."


def _words(stored: Stored | None) -> str:
    if stored is None or stored.deleted:
        return "deleted"
    annotation = stored.annotation
    label = annotation.labels[0] if annotation.labels else None
    by = f" by {label.annotator}" if label and label.annotator else ""
    box = annotation.shape.box
    at = f", at {box[0]:.0f}, {box[1]:.0f} to {box[2]:.0f}, {box[3]:.0f}" if box else ""
    return f"{label.name if label else 'no label'}{by}, {annotation.status}{at}"
