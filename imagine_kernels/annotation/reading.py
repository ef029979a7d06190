"""Looking at a project: pages of annotations and media, counts, what others have done, and how it was at any time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from imagine_kernels.annotation import projection, roles
from imagine_kernels.annotation.blind import Veil, seen
from imagine_kernels.annotation.database import Database, among
from imagine_kernels.annotation.edits import Stored
from imagine_kernels.annotation.encoding import annotation_of, medium_of
from imagine_kernels.annotation.events import OF_ANNOTATIONS, Event, State, event_of, folded
from imagine_kernels.annotation.filters import Filter, Selection, counted, sequence_at
from imagine_kernels.annotation.projection import DELETED, Row
from imagine_kernels.annotation.roles import Person
from imagine_kernels.annotation.schema import (
    annotation_rows,
    assignments,
    events,
    media_counts,
    project_media,
    projects,
    reviews,
    words,
)
from imagine_kernels.annotation.schema import roles as roles_table
from imagine_kernels.errors import UnknownName
from imagine_kernels.records import STATUSES, Medium, Status

#: Where a page ended, to go on from there.
Cursor = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Some annotations, and where the next page begins; None after the last."""

    items: tuple[Stored, ...]
    next: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many annotations there are.

    Attributes
    ----------
    labels : mapping of path to mapping of Status to int
        By label in force; what has none is under ``()``.
    statuses : mapping of Status to int
    media, reviewed : int
        How many media there are, and how many of them somebody has looked at.
    """

    labels: Mapping[tuple[str, ...], Mapping[Status, int]]
    statuses: Mapping[Status, int]
    media: int
    reviewed: int


@dataclass(frozen=True, slots=True)
class MediumShown:
    """A medium of a project.

    Attributes
    ----------
    medium : Medium
    counts : mapping of Status to int
        Its annotations.
    reviewed_by : mapping of str to str
        Who has looked at it, and when.
    assigned_to : tuple of str
        Who is to look at it, by name.
    """

    medium: Medium
    counts: Mapping[Status, int] = field(default_factory=dict)
    reviewed_by: Mapping[str, str] = field(default_factory=dict)
    assigned_to: tuple[str, ...] = ()


class ProjectView:
    """A project, to look at.

    Parameters
    ----------
    database : Database
    uid : str
        The uid or the name of the project.
    person : Person
        Who looks.

    Attributes
    ----------
    uid, name, use_case, description : str
    tree, tree_version : str, int
        The uid and version of its label tree; empty and 0 where it has none.
    person : Person
    number : int
        What stands for it in the tables of this database.

    Raises
    ------
    UnknownName
        There is no such project.
    NotAllowed
        The person has no role in it.
    """

    def __init__(self, database: Database, uid: str, person: Person) -> None:
        self.database, self.person = database, person
        with database.reading() as connection:
            row = connection.execute(
                sa.select(projects, roles.held(person)).where((projects.c.uid == uid) | (projects.c.name == uid))
            ).first()
            if row is None:
                raise UnknownName.among("project", uid, connection.execute(sa.select(projects.c.name)).scalars())
            roles.check(row.held, row.name, person, "view")
        self.number: int = row.id
        self.uid, self.name, self.use_case, self.description = row.uid, row.name, row.use_case, row.description
        self.tree, self.tree_version = row.tree, row.tree_version

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """One view of the database, for the modules beside this one."""
        return self.database.reading()

    def veil(self, connection: sa.Connection) -> Veil:
        """What the person may not see now, for the modules beside this one."""
        return Veil(connection, self.number, self.person.name)

    @property
    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last event: note them elsewhere, and nobody can shorten the history unseen."""
        with self.reading() as connection:
            row = connection.execute(sa.select(projects.c.head, projects.c.hash).where(projects.c.id == self.number)).one()
        return row.head, row.hash

    def get(self, annotation_id: str) -> Stored:
        """One annotation, also a deleted one.

        Raises
        ------
        UnknownName
            There is none of that id.
        """
        with self.reading() as connection:
            found = projection.fetch(connection, self.number, [annotation_id])
            if not found or self.veil(connection).hides(found[annotation_id]):
                raise UnknownName(f"There is no annotation {annotation_id!r} in the project {self.name}: read the project again.")
            return stored(connection, self.number, found[annotation_id])

    def several(self, ids: Iterable[str]) -> list[Stored]:
        """The annotations of those ids that are there and may be seen, also deleted ones."""
        with self.reading() as connection:
            found, veil = projection.fetch(connection, self.number, list(ids)), self.veil(connection)
            return list(_all_stored(connection, self.number, [row for row in found.values() if not veil.hides(row)]))

    def page(self, chosen: Filter | None = None, *, limit: int = 100, after: Cursor | None = None) -> Page:
        """The annotations that fit, in the order in which they were made; by confidence where that is filtered."""
        with self.reading() as connection:
            selection = Selection(connection, self.number, chosen or Filter())

            def page(begin: Cursor | None) -> list[Row]:
                return [projection.read(row) for row in selection.page(limit=limit, after=begin)]

            rows = seen(self.veil(connection), page, limit=limit, after=after)
            last = (rows[-1].confidence, rows[-1].number) if len(rows) == limit else None
            return Page(tuple(_all_stored(connection, self.number, rows)), last)

    def count(self, chosen: Filter | None = None) -> int | None:
        """How many fit; None for filters by medium, time or confidence, where it would take a look at each of them.

        In a blind session it is None too.
        """
        with self.reading() as connection:
            return None if self.veil(connection) else Selection(connection, self.number, chosen or Filter()).count()

    def counts(self) -> Counts:
        """How many annotations there are, by label and status, and how many media."""
        with self.reading() as connection:
            labels, statuses = counted(connection, self.number)
            _take_off(connection, self.number, self.veil(connection).hidden(), labels, statuses)
            n = sa.select(sa.func.count()).select_from(project_media).where(project_media.c.project == self.number)
            seen = sa.select(sa.func.count(sa.distinct(reviews.c.medium))).where(reviews.c.project == self.number)
            return Counts(labels, statuses, connection.execute(n).scalar_one(), connection.execute(seen).scalar_one())

    def media(
        self, *, limit: int = 100, after: str = "", reviewed: bool | None = None, assigned_to: str | None = None
    ) -> list[MediumShown]:
        """Media by name, after the one of that name, with their annotations counted and who has looked at them.

        With `assigned_to` those that this person is to look at; where it is empty, those that nobody is to look at.
        """
        query = project_media.select().where(project_media.c.project == self.number, project_media.c.name > after)
        if reviewed is not None:
            looked_at = sa.exists().where(reviews.c.project == self.number, reviews.c.medium == project_media.c.number)
            query = query.where(looked_at if reviewed else ~looked_at)
        if assigned_to is not None:
            given = sa.exists().where(assignments.c.project == self.number, assignments.c.medium == project_media.c.number)
            query = query.where(given.where(assignments.c.person == assigned_to) if assigned_to else ~given)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(project_media.c.name).limit(limit)).all()
            return shown(connection, self.number, rows, self.veil(connection))

    def medium(self, name: str) -> MediumShown:
        """One medium by its name.

        Raises
        ------
        UnknownName
            There is none of that name.
        """
        query = project_media.select().where(project_media.c.project == self.number, project_media.c.name == name)
        with self.reading() as connection:
            found = shown(connection, self.number, connection.execute(query).all(), self.veil(connection))
        if not found:
            raise UnknownName(f"There is no medium {name!r} in the project {self.name}: check the spelling.")
        return found[0]

    def changes_since(self, sequence: int, *, limit: int = 1000) -> list[Event]:
        """The events after a sequence, in order: what others have done since a page looked last.

        In a blind session those of annotations that are not to be seen are left out; there are `limit` of the others, or all.
        """
        found: list[Event] = []
        with self.reading() as connection:
            veil = self.veil(connection)
            while len(found) < limit:
                query = events.select().where(events.c.project == self.number, events.c.sequence > sequence)
                part = connection.execute(query.order_by(events.c.sequence).limit(limit)).mappings().all()
                found += _unveiled(connection, self.number, [event_of(row) for row in part], veil)
                if len(part) < limit:
                    break
                sequence = part[-1]["sequence"]
        return found[:limit]

    def history(self, annotation_id: str) -> list[Event]:
        """All that was done to one annotation, in order."""
        query = events.select().where(events.c.project == self.number, events.c.subject == annotation_id)
        with self.reading() as connection:
            found = [event_of(row) for row in connection.execute(query.order_by(events.c.sequence)).mappings()]
            return _unveiled(connection, self.number, found, self.veil(connection))

    def sequence_before(self, time: str) -> int:
        """The last sequence before a time (ISO 8601 in UTC), 0 where there is none."""
        with self.reading() as connection:
            return sequence_at(connection, self.number, time)

    def state_at(self, sequence: int) -> Iterator[Stored]:
        """Every annotation as it was after the event of that sequence; `sequence_before` gives one for a time."""
        with self.reading() as connection:
            columns = sa.select(project_media.c.key, project_media.c.number, project_media.c.name)
            media = {
                row.key: (row.number, row.name)
                for row in connection.execute(columns.where(project_media.c.project == self.number))
            }
            veil = self.veil(connection)
            for annotation_id, history in projection.histories(connection, self.number, until=sequence):
                state = folded(history)
                if state is None or state["deleted"]:
                    continue
                number, name = media[state["medium"]]
                if not veil.hides_made(history[0].sequence, number, state["by"]):
                    found = annotation_of(state, annotation_id=annotation_id, medium=name)
                    yield Stored(found, history[-1].sequence)

    def roles(self) -> dict[str, str]:
        """Who has which role, by ``user:NAME`` and ``group:NAME``."""
        query = sa.select(roles_table.c.who, roles_table.c.role).where(roles_table.c.project == self.number)
        with self.reading() as connection:
            return {row.who: row.role for row in connection.execute(query.order_by(roles_table.c.who))}


def stored(connection: sa.Connection, project: int, row: Row, state: State | None = None) -> Stored:
    """The annotation of a row, in the state that it has or had."""
    state = row.state if state is None else state
    names = projection.find_media(connection, project, "key", [state["medium"]])
    found = annotation_of(state, annotation_id=row.id, medium=names[state["medium"]][2])
    return Stored(found, row.version, bool(state["deleted"]))


def _all_stored(connection: sa.Connection, project: int, rows: Iterable[Row]) -> Iterator[Stored]:
    rows = list(rows)
    names = projection.find_media(connection, project, "number", sorted({row.medium for row in rows}))
    for row in rows:
        found = annotation_of(row.state, annotation_id=row.id, medium=names[row.medium][2])
        yield Stored(found, row.version, row.status == DELETED)


def _unveiled(connection: sa.Connection, project: int, found: list[Event], veil: Veil) -> list[Event]:
    """The events without those of annotations that are not to be seen."""
    if not veil:
        return found
    subjects = list({event.subject for event in found if event.kind in OF_ANNOTATIONS})
    hidden = {row.id for row in projection.fetch(connection, project, subjects).values() if veil.hides(row)}
    return [event for event in found if event.subject not in hidden]


def _take_off(
    connection: sa.Connection,
    project: int,
    rows: list[Row],
    labels: dict[tuple[str, ...], dict[Status, int]],
    statuses: dict[Status, int],
) -> None:
    """Take annotations that are not to be seen off the counts."""
    if not rows:
        return
    query = sa.select(words.c.id, words.c.text).where(words.c.project == project, words.c.kind == "label")
    paths = {row.id: tuple(json.loads(row.text)) for row in connection.execute(query)}
    for row in rows:
        path, status = paths.get(row.label, ()), STATUSES[row.status]
        statuses[status] -= 1
        labels[path][status] -= 1
        if not labels[path][status]:
            del labels[path][status]
        if not labels[path]:
            del labels[path]


def shown(connection: sa.Connection, project: int, rows: Iterable[sa.Row[Any]], veil: Veil) -> list[MediumShown]:
    """Media from their rows, with what may be seen of them, for the modules beside this one."""
    rows = list(rows)
    numbers = [row.number for row in rows]
    n: dict[int, dict[Status, int]] = {number: {} for number in numbers}
    seen: dict[int, dict[str, str]] = {number: {} for number in numbers}
    counted = media_counts.select().where(media_counts.c.project == project, among(connection, media_counts.c.medium, numbers))
    hidden = veil.counts(numbers)
    for row in connection.execute(counted):
        if row.n > hidden[row.medium, row.status]:
            n[row.medium][STATUSES[row.status]] = int(row.n) - hidden[row.medium, row.status]
    for row in connection.execute(
        reviews.select().where(reviews.c.project == project, among(connection, reviews.c.medium, numbers))
    ):
        seen[row.medium][row.author] = row.time
    given: dict[int, list[str]] = {number: [] for number in numbers}
    for row in connection.execute(
        assignments.select().where(assignments.c.project == project, among(connection, assignments.c.medium, numbers))
    ):
        given[row.medium].append(row.person)
    return [
        MediumShown(
            medium_of(json.loads(row.state), reviewed=bool(seen[row.number])),
            n[row.number],
            seen[row.number],
            tuple(sorted(given[row.number])),
        )
        for row in rows
    ]


def all_annotations(connection: sa.Connection, project: int, veil: Veil) -> Iterator[Row]:
    """Every annotation that is not deleted and may be seen, in the order in which they were made."""
    query = annotation_rows.select().where(annotation_rows.c.project == project, annotation_rows.c.status != DELETED)
    for row in connection.execute(query.order_by(annotation_rows.c.number).execution_options(yield_per=2000)):
        found = projection.read(row)
        if not veil.hides(found):
            yield found


def media_names(connection: sa.Connection, project: int) -> dict[int, str]:
    """Name of each medium, by its number."""
    query = sa.select(project_media.c.number, project_media.c.name).where(project_media.c.project == project)
    return {row.number: row.name for row in connection.execute(query)}
