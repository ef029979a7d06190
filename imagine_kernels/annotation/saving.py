"""Edits of several people, saved one after the other: what is new, what is sent again, and what meets somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from imagine_kernels.annotation.edits import Conflict, Edit, Outcome, Saved, Stored
from imagine_kernels.annotation.encoding import annotation_of
from imagine_kernels.annotation.events import Event, State, folded
from imagine_kernels.annotation.projection import Row
from imagine_kernels.annotation.reading import stored
from imagine_kernels.annotation.taking_back import histories_of
from imagine_kernels.annotation.writing import Writing
from imagine_kernels.errors import DataError, LabelError, UnknownName
from imagine_kernels.records import Problem

Paths = frozenset[tuple[str, ...]]


def save(
    writing: Writing, edits: Sequence[Edit], allowed: Callable[[Writing], Paths | None], *, problems: list[Problem] | None = None
) -> Outcome:
    """Save what can be saved; `allowed` gives the labels that may be given.

    With `problems` the edits come from a file: what cannot be kept is noted there and left out, and labels of which nobody is said to have
    given them stay so.

    Raises
    ------
    DataError, LabelError
        An edit cannot be kept; then none of them is.
    UnknownName
        An edit is of an annotation that was never there.
    """
    media = {name: (number, key) for name, (number, key, _) in writing.media([e.medium for e in edits if e.medium]).items()}
    keys = {name: key for name, (_, key) in media.items()}
    rows = writing.rows(list({edit.id for edit in edits}))
    done = writing.with_keys(list({key for edit in edits for key in (edit.key, edit.after) if key}))
    versions = {key: event.sequence for key, event in done.items()}
    paths = allowed(writing) if any(edit.labels for edit in edits) else None
    saved: list[Saved] = []
    conflicts: list[Conflict] = []
    for edit in edits:
        if edit.key in versions:
            saved.append(_again(edit, done.get(edit.key), versions[edit.key]))
            continue
        try:
            parts = _parts(edit, keys, paths, writing, imported=problems is not None)
        except (DataError, LabelError) as error:
            if problems is None:
                raise
            problems.append(Problem(item=edit.id, what=str(error).rstrip(".")))
            continue
        row = rows.get(edit.id)
        number = media[edit.medium][0] if edit.medium is not None else None
        if row is None:
            if edit.base or edit.after:
                raise UnknownName(f"There is no annotation {edit.id!r} in the project: read the project again.")
            assert number is not None  # a new one has a medium: `Edit.parts` has looked
            row = rows[edit.id] = writing.create(edit.id, {"by": writing.person.name, **parts}, number, key=edit.key or None)
        elif not edit.base and not edit.after:
            if not _was_made_so(writing, row, parts):
                conflicts.append(_conflict(writing, edit, row, parts))
                continue
        else:
            base = versions.get(edit.after, 0) if edit.after else edit.base
            held = row.state
            changed = {name: value for name, value in parts.items() if not _same(held[name], value, name)}
            if changed and base != row.version:
                conflicts.append(_conflict(writing, edit, row, parts, base))
                continue
            if changed:
                row = rows[edit.id] = writing.change(row, changed, key=edit.key or None, medium=number)
        if edit.key:
            versions[edit.key] = row.version
        saved.append(Saved(edit.id, row.version))
    return Outcome(tuple(saved), tuple(conflicts))


def _parts(edit: Edit, media: Mapping[str, str], paths: Paths | None, writing: Writing, *, imported: bool) -> State:
    for label in edit.labels or ():
        if paths is not None and label.path not in paths:
            raise LabelError(f"The label {' > '.join(label.path)} is not in the label tree of the project: choose another.")
    return edit.parts(media, annotator="" if imported else writing.person.name, time="" if imported else writing.time)


def _again(edit: Edit, event: Event | None, version: int) -> Saved:
    if event is not None and event.subject != edit.id:
        raise DataError(f"The key {edit.key} was used for the annotation {event.subject}: give each edit a key of its own.")
    return Saved(edit.id, version)


def _same(held: object, given: object, part: str) -> bool:
    """Whether a part is as it is to be; a label given by the same person again is the same, whenever that was."""
    if part == "labels" and isinstance(held, list) and isinstance(given, list):
        return [{**each, "given_at": ""} for each in held] == [{**each, "given_at": ""} for each in given]
    return held == given


def _was_made_so(writing: Writing, row: Row, parts: State) -> bool:
    """Whether the annotation was made with just these parts: then it is sent again, and there already."""
    made = row.state
    if row.version != row.number:
        ((_, history),) = histories_of(writing.connection, writing.project, [row.id])
        made = folded(history, until=row.number) or {}
    return all(_same(made[name], value, name) for name, value in parts.items())


def _conflict(writing: Writing, edit: Edit, row: Row, parts: State, base: int = 0) -> Conflict:
    theirs = stored(writing.connection, writing.project, row)
    history = next((found for _, found in histories_of(writing.connection, writing.project, [row.id])), [])
    before = folded(history, until=base) if base else None
    if before is None:
        name = edit.medium or theirs.annotation.medium
        ours = annotation_of({**row.state, **parts}, annotation_id=row.id, medium=name)
        return Conflict(row.id, base=None, theirs=theirs, ours=Stored(ours, 0))
    based = stored(writing.connection, writing.project, row, before)
    wanted = stored(writing.connection, writing.project, row, {**before, **parts})
    return Conflict(
        row.id,
        base=Stored(based.annotation, base, based.deleted),
        theirs=theirs,
        ours=Stored(wanted.annotation, base, wanted.deleted),
    )
