"""Undo, redo and revert: what was done is taken back by new events, so that the history stays whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from imagine_kernels.annotation.database import MANY, among
from imagine_kernels.annotation.edits import Conflict, Outcome, Saved
from imagine_kernels.annotation.encoding import PARTS
from imagine_kernels.annotation.events import OF_ANNOTATIONS, Event, State, event_of, folded
from imagine_kernels.annotation.projection import Row
from imagine_kernels.annotation.reading import stored
from imagine_kernels.annotation.schema import events
from imagine_kernels.annotation.writing import Writing


def last_step(connection: sa.Connection, project: int, author: str, *, redo: bool) -> int | None:
    """The step that the author's next undo or redo takes back; None where there is none.

    An undo takes back the last step in force. A redo takes back the last undo, unless something else was done since.
    """
    taken_back: set[int] = set()
    before: int | None = None
    while True:
        row = _last(connection, project, author, before)
        if row is None:
            return None
        before = row.step
        if row.step in taken_back:
            continue
        if row.undoes is None:
            return None if redo else row.step
        if redo and _undoes(connection, project, row.undoes) is None:
            return int(row.step)
        taken_back.add(row.undoes)


def take_back(writing: Writing, first: int, last: int, *, kind: str, undoes: int | None = None) -> Outcome:
    """Set back what the events from the sequence `first` to `last` have changed.

    What was changed again since then stays, and is in the conflicts.
    """
    saved, conflicts = [], []
    for subjects in _in_parts(_subjects(writing, first, last)):
        rows = writing.rows(subjects)
        for subject, history in histories_of(writing.connection, writing.project, subjects):
            row = rows[subject]
            before = folded(history, until=first - 1)
            after = folded(history, until=last)
            assert after is not None  # an event of it lies in the span
            parts = _set_back(before, after, row.state)
            if parts is None:
                conflicts.append(_conflict(writing, row, before, after))
            elif parts:
                changed = writing.change(row, parts, kind=kind, undoes=undoes, span=[first, last])
                saved.append(Saved(subject, changed.version))
            else:
                saved.append(Saved(subject, row.version))
    return Outcome(tuple(saved), tuple(conflicts))


def histories_of(connection: sa.Connection, project: int, subjects: Sequence[str]) -> Iterable[tuple[str, list[Event]]]:
    """The events of those annotations, one annotation at a time."""
    for part in _in_parts(subjects):
        query = (
            events.select()
            .where(events.c.project == project, among(connection, events.c.subject, part))
            .order_by(events.c.subject, events.c.sequence)
        )
        found = [event_of(row) for row in connection.execute(query).mappings()]
        for subject, group in groupby(found, key=lambda event: event.subject):
            yield subject, list(group)


def last_of_step(connection: sa.Connection, project: int, step: int) -> int:
    """The last sequence of a step."""
    after = sa.select(sa.func.min(events.c.sequence)).where(
        events.c.project == project, events.c.sequence >= step, events.c.step != step
    )
    last = sa.select(sa.func.max(events.c.sequence)).where(events.c.project == project)
    following = connection.execute(after).scalar()
    return int(following) - 1 if following is not None else int(connection.execute(last).scalar_one())


def _set_back(before: State | None, after: State, current: State) -> State | None:
    """The parts to set; None where somebody has changed them since."""
    if before is None:
        # What was made goes away as a whole, unless it has been worked on since.
        if current.get("deleted"):
            return {}
        return {"deleted": True} if all(current.get(name) == after.get(name) for name in PARTS) else None
    parts = {}
    for name in PARTS:
        if before.get(name) != after.get(name) and current.get(name) != before.get(name):
            if current.get(name) != after.get(name):
                return None
            parts[name] = before[name]
    return parts


def _conflict(writing: Writing, row: Row, before: State | None, after: State) -> Conflict:
    return Conflict(
        row.id,
        base=stored(writing.connection, writing.project, row, after),
        theirs=stored(writing.connection, writing.project, row, row.state),
        ours=None if before is None else stored(writing.connection, writing.project, row, before),
    )


def _subjects(writing: Writing, first: int, last: int) -> list[str]:
    query = (
        sa.select(events.c.subject)
        .where(events.c.project == writing.project, events.c.sequence.between(first, last), events.c.kind.in_(OF_ANNOTATIONS))
        .distinct()
    )
    # Backwards and forwards make no difference: each annotation is set back as a whole.
    return sorted(writing.connection.execute(query).scalars())


def _last(connection: sa.Connection, project: int, author: str, before: int | None) -> Any:
    query = sa.select(events.c.step, events.c.undoes).where(
        events.c.project == project, events.c.author == author, events.c.kind.in_(OF_ANNOTATIONS)
    )
    if before is not None:
        query = query.where(events.c.sequence < before)
    return connection.execute(query.order_by(events.c.sequence.desc()).limit(1)).first()


def _undoes(connection: sa.Connection, project: int, step: int) -> int | None:
    query = sa.select(events.c.undoes).where(events.c.project == project, events.c.step == step, events.c.sequence >= step)
    return connection.execute(query.order_by(events.c.sequence).limit(1)).scalar()


def _in_parts(subjects: Sequence[str]) -> Iterable[Sequence[str]]:
    return (subjects[begin : begin + MANY] for begin in range(0, len(subjects), MANY))
