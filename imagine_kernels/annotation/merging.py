"""Copies to work with where there is no network, and how what was done in them comes back.

A copy is a database of its own, in one file, with the whole history of the project. What both have in common is found by the hashes; what was
done in the copy after that is done again in the project, unless somebody has changed the same annotation there meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from imagine_kernels.annotation.bulk import Rows, put
from imagine_kernels.annotation.database import Database
from imagine_kernels.annotation.edits import Conflict, Stored
from imagine_kernels.annotation.encoding import PARTS, annotation_of
from imagine_kernels.annotation.events import OF_ANNOTATIONS, Event, State, event_of, folded
from imagine_kernels.annotation.project import Project
from imagine_kernels.annotation.projection import Row
from imagine_kernels.annotation.reading import ProjectView, stored
from imagine_kernels.annotation.schema import events, label_tree_versions, label_trees, media, metadata, project_media, projects
from imagine_kernels.annotation.taking_back import histories_of
from imagine_kernels.annotation.writing import Writing
from imagine_kernels.errors import DataError, DataNotFound

#: What to keep of a conflict, and the version of theirs that was looked at.
Choice = tuple[Literal["ours", "theirs"], int]
_NEVER_MERGED = {
    "assign": "who is to look at media",
    "blind": "blind sessions",
    "project": "name or description",
    "role": "roles",
    "tree": "label tree",
}


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a copy.

    Attributes
    ----------
    applied : int
        Events that were done again in the project; those of earlier merges are not counted.
    conflicts : tuple of Conflict
        Annotations that were changed in both; *ours* is the copy.
    left_out : tuple of str
        What a merge never brings back, in a few words each.
    """

    applied: int
    conflicts: tuple[Conflict, ...] = ()
    left_out: tuple[str, ...] = ()


def export_copy(project: ProjectView, target: Path | str) -> Path:
    """Write the whole project to a new file, to be opened with `Projects` anywhere.

    Raises
    ------
    DataError
        Something is there already.
    """
    path = Path(target)
    if path.exists():
        raise DataError(f"{path} is there already: choose a file that is not, or remove it first.")
    copy = Database(path)
    try:
        with project.reading() as source, copy.writing() as connection:
            row = source.execute(projects.select().where(projects.c.id == project.number)).mappings().one()
            connection.execute(projects.insert().values(**{**row, "id": 1}))
            of_project = sa.select(project_media.c.sha256).where(project_media.c.project == project.number)
            for table, query in (
                (media, media.select().where(media.c.sha256.in_(of_project))),
                (label_trees, label_trees.select()),
                (label_tree_versions, label_tree_versions.select()),
            ):
                _copy(connection, table, source.execute(query.execution_options(yield_per=2000)))
            for table in metadata.sorted_tables:
                if "project" in table.c:
                    query = table.select().where(table.c.project == project.number)
                    _copy(connection, table, source.execute(query.execution_options(yield_per=2000)))
    finally:
        copy.close()
    return path


def merge(project: Project, copy: Path | str, *, choices: Mapping[str, Choice] | None = None) -> Merged:
    """Bring back what was done in a copy; to merge it again later brings back what was done since.

    Parameters
    ----------
    choices : mapping of str to (str, int), optional
        For the ids of conflicts of an earlier call: ``"ours"`` takes the annotation of the copy, ``"theirs"`` leaves that of the
        project; the number is the version of theirs. If that has changed again, it is still a conflict.

    Raises
    ------
    DataNotFound
        There is no such file.
    DataError
        It is no copy of the project, or its history is broken.
    """
    if not Path(copy).is_file():
        raise DataNotFound.no_such_path(copy)
    database = Database(copy)
    try:
        with database.reading() as connection, project.writing("review") as writing:
            number = connection.execute(sa.select(projects.c.id).where(projects.c.uid == writing.uid)).scalar()
            if number is None:
                raise DataError(f"{copy} holds no copy of the project {project.name}: give a file that was exported from it.")
            allowed = project.allowed_labels(writing)
            return _Merge(writing, connection, number, allowed).run(dict(choices or {}))
    finally:
        database.close()


class _Merge:
    def __init__(
        self, writing: Writing, connection: sa.Connection, number: int, allowed: frozenset[tuple[str, ...]] | None
    ) -> None:
        self._writing, self._copy, self._number, self._allowed = writing, connection, number, allowed
        self._numbers: dict[str, int] = {}
        self._applied = 0
        self._conflicts: list[Conflict] = []

    def run(self, choices: dict[str, Choice]) -> Merged:
        tail = self._tail()
        done = self._writing.with_keys([_key(event) for event in tail])
        self._media([event for event in tail if event.kind == "medium" and _key(event) not in done])
        by_subject: dict[str, list[Event]] = {}
        for event in tail:
            if event.kind in OF_ANNOTATIONS:
                waiting = by_subject.setdefault(event.subject, [])
                if _key(event) in done:
                    waiting.clear()
                else:
                    waiting.append(event)
            elif event.kind == "review" and _key(event) not in done:
                self._applied += 1
                given = {**event.content, "from": _origin(event)}
                self._writing.plainly("review", event.subject, given, key=_key(event))
        waiting_of = {subject: found for subject, found in by_subject.items() if found}
        rows = self._writing.rows(list(waiting_of))
        for subject, history in histories_of(self._copy, self._number, list(waiting_of)):
            self._annotation(waiting_of[subject], history, rows.get(subject), choices.get(subject))
        left_out = {_NEVER_MERGED[event.kind] for event in tail if event.kind in _NEVER_MERGED}
        return Merged(self._applied, tuple(self._conflicts), tuple(sorted(left_out)))

    def _annotation(self, waiting: list[Event], history: list[Event], row: Row | None, choice: Choice | None) -> None:
        base, ours = folded(history, until=waiting[0].sequence - 1), folded(history)
        assert ours is not None  # something waits, so there are events
        theirs = row.state if row is not None else None
        last = waiting[-1]
        if _same(theirs, ours) or (choice == ("theirs", row.version if row else 0)):
            self._writing.append("keep", last.subject, {"from": _origin(last)}, key=_key(last))
        elif _same(theirs, base) and self._fits(ours):
            for event in waiting:
                row = self._again(event, event.changes, row)
        elif choice == ("ours", row.version if row else 0) and self._fits(ours):
            parts = ours if theirs is None else {name: ours[name] for name in PARTS if ours[name] != theirs[name]}
            self._again(last, parts, row)
        else:
            self._conflicts.append(self._conflict(last.subject, row, base, ours))
            return
        self._applied += len(waiting)

    def _again(self, event: Event, parts: State, row: Row | None) -> Row:
        """Do in the project what was done in the copy."""
        key = _key(event)
        origin: dict[str, Any] = {"from": _origin(event)}
        if row is None:
            return self._writing.create(event.subject, parts, self._medium(parts["medium"]), key=key, **origin)
        medium = self._medium(parts["medium"]) if "medium" in parts else None
        kind = event.kind if event.kind not in ("create", "undo", "redo") else "merge"
        return self._writing.change(row, parts, kind=kind, key=key, medium=medium, **origin)

    def _medium(self, key: str) -> int:
        if key not in self._numbers:
            self._numbers[key] = self._writing.media([key], by="key")[key][0]
        return self._numbers[key]

    def _fits(self, state: State) -> bool:
        return self._allowed is None or all(tuple(label["path"]) in self._allowed for label in state["labels"])

    def _media(self, waiting: list[Event]) -> None:
        """Add the media of the copy; where a name is taken by another file, the hash is put behind it."""
        for event in waiting:
            given = event.content
            if given["key"] not in self._writing.media([given["key"]], by="key"):
                state = given["medium"]
                if self._writing.media([state["name"]]):
                    state = {**state, "name": f"{state['name']} [{given['key'][:12]}]"}
                origin = {"from": _origin(event)}
                self._writing.medium(given["key"], state, event_key=_key(event), **origin)
                self._applied += 1

    def _conflict(self, subject: str, row: Row | None, base: State | None, ours: State) -> Conflict:
        names = self._writing.media([ours["medium"]], by="key")

        def held(state: State | None, version: int) -> Stored | None:
            if state is None:
                return None
            found = annotation_of(state, annotation_id=subject, medium=names[ours["medium"]][2])
            return Stored(found, version, state["deleted"])

        theirs = None if row is None else stored(self._writing.connection, self._writing.project, row)
        return Conflict(subject, base=held(base, 0), theirs=theirs, ours=held(ours, 0))

    def _tail(self) -> list[Event]:
        """What was done in the copy after what both have in common."""
        common = self._common()
        query = events.select().where(events.c.project == self._number, events.c.sequence > common)
        found = [event_of(row) for row in self._copy.execute(query.order_by(events.c.sequence)).mappings()]
        previous = self._hash(self._copy, self._number, common)
        for event in found:
            if event.previous != previous or event.digest(self._writing.uid) != event.hash:
                raise DataError(f"The history of the copy is broken at event {event.sequence}: nothing was merged.")
            previous = event.hash
        return found

    def _common(self) -> int:
        """The last event of both, by halving: where two hashes agree, all before them does."""
        last = sa.select(sa.func.max(events.c.sequence)).where(events.c.project == self._number)
        low, high = 0, min(self._writing.head, self._copy.execute(last).scalar() or 0)
        while low < high:
            middle = (low + high + 1) // 2
            here = self._hash(self._writing.connection, self._writing.project, middle)
            low, high = (middle, high) if here == self._hash(self._copy, self._number, middle) else (low, middle - 1)
        if not low:
            raise DataError("The copy and the project have no history in common: give a file that was exported from it.")
        return low

    @staticmethod
    def _hash(connection: sa.Connection, project: int, sequence: int) -> str:
        query = sa.select(events.c.hash).where(events.c.project == project, events.c.sequence == sequence)
        return str(connection.execute(query).scalar_one())


def _copy(connection: sa.Connection, table: sa.Table, found: sa.Result[tuple[object, ...]]) -> None:
    for part in found.partitions(2000):
        rows = [tuple(1 if name == "project" else row[i] for i, name in enumerate(table.c.keys())) for row in part]
        put(connection, Rows(table=table, columns=list(table.c.keys()), rows=rows))


def _same(one: State | None, other: State | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(one.get(name) == other.get(name) for name in PARTS)


def _key(event: Event) -> str:
    """What the event of a copy is called in the project."""
    return f"merge:{event.hash}"


def _origin(event: Event) -> State:
    """Who did it in the copy, and when: the author of the event in the project is who has merged."""
    return {"author": event.author, "time": event.time, "sequence": event.sequence, "hash": event.hash}
