"""The list of corrections and the state that follows from it. Pure: nothing here touches a disk.

Rows are only ever added. An undo is a row that names the row it takes back; a redo is a row that takes back an undo. The state of the
objects is a fold over the rows that are in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagine_kernels.records import Status
from imagine_kernels.records.cuts import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How an object was divided.

    Attributes
    ----------
    lines : Lines
        In px of the picture that it lies on; none where it was joined again.
    parts : tuple of str
        The ids of its parts.
    """

    lines: Lines = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One row of the history of a session.

    Attributes
    ----------
    sequence : int
        Its number in the session, counted from 1.
    object_ids : tuple of str
        What was corrected; empty for an undo or a redo.
    label : str or None
        The label given; None keeps the one in force.
    status : Status or None
        The status given; None for an undo or a redo.
    author : str
        Who did it.
    time : str
        When, ISO 8601 in UTC.
    undoes : int or None
        The sequence of the row that this one takes back.
    cut : Cut or None
        How the object was divided, where that is what was done.
    """

    sequence: int
    object_ids: tuple[str, ...] = ()
    label: str | None = None
    status: Status | None = None
    author: str = ""
    time: str = ""
    undoes: int | None = None
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What people have made of one object: None means as the model left it."""

    label: str | None = None
    status: Status | None = None


def in_force(rows: Sequence[Correction]) -> list[Correction]:
    """The corrections that hold, in order: those that no row in force takes back."""
    undone: set[int] = set()
    kept: list[Correction] = []
    for row in reversed(rows):
        if row.sequence in undone:
            continue
        if row.undoes is not None:
            undone.add(row.undoes)
        else:
            kept.append(row)
    return kept[::-1]


def fold(rows: Sequence[Correction]) -> dict[str, State]:
    """The state of every object that was touched, by its id."""
    states: dict[str, State] = {}
    for row in in_force(rows):
        for object_id in row.object_ids:
            before = states.get(object_id, State())
            states[object_id] = State(
                label=row.label if row.label is not None else before.label,
                status=row.status if row.status is not None else before.status,
            )
    return states


def absent(rows: Sequence[Correction]) -> set[str]:
    """The ids of objects that are not there: those that are divided, and the parts that no cut in force has made."""
    gone = {part for row in rows if row.cut is not None for part in row.cut.parts}
    # What is divided anew, or joined again, is as the last row on it says.
    last = {row.object_ids[0]: row.cut for row in in_force(rows) if row.cut is not None}
    for object_id, cut in last.items():
        if cut.parts and object_id not in gone:
            gone.add(object_id)
            gone.difference_update(cut.parts)
    return gone


def next_undo(rows: Sequence[Correction]) -> Correction | None:
    """The row that the next undo takes back: the last correction in force."""
    held = in_force(rows)
    return held[-1] if held else None


def next_redo(rows: Sequence[Correction]) -> Correction | None:
    """The undo that the next redo takes back; a new correction ends what can be done again."""
    undone: set[int] = set()
    by_sequence = {row.sequence: row for row in rows}
    for row in reversed(rows):
        if row.undoes is None:
            return None
        if row.sequence in undone:
            continue
        target = by_sequence.get(row.undoes)
        if target is not None and target.undoes is None:
            return row
        undone.add(row.undoes)
    return None
