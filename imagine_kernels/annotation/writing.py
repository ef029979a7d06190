"""One write to a project: a transaction that adds events to the chain and brings what follows from them up to date.

Writers of one project come one after the other (SQLite lets in one writer at a time, PostgreSQL locks the row of the project), so the
chain never forks; writers of different projects do not wait for each other in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter
from typing import Any, Self

import sqlalchemy as sa

from imagine_kernels.annotation import projection, roles
from imagine_kernels.annotation.bulk import Rows, put
from imagine_kernels.annotation.database import MANY, among
from imagine_kernels.annotation.events import EVENT_COLUMNS, Event, State, canonical, event_of, now, plain
from imagine_kernels.annotation.projection import Changes, Row, Words
from imagine_kernels.annotation.roles import Person, Role
from imagine_kernels.annotation.schema import events, label_tree_versions, projects
from imagine_kernels.errors import UnknownName

#: So many new annotations are sent to PostgreSQL at once while the next ones are prepared.
_SENT_AT_ONCE = 1000

_values = attrgetter(*EVENT_COLUMNS)


class Writing:
    """A write in progress, to be used as a context; `flush` it before the transaction ends.

    Parameters
    ----------
    connection : Connection
        In a transaction that writes.
    project : int
    person : Person
        Who writes: the author of the events.
    role : Role
        What the person must be allowed.
    known : dict
        Words that earlier writes have found.

    Attributes
    ----------
    head : int
        The last sequence.
    time : str
        Of all events of this write.
    tree, tree_version
        The label tree of the project.

    Raises
    ------
    NotAllowed
        The person may not.
    """

    def __init__(
        self, connection: sa.Connection, project: int, person: Person, role: Role, known: dict[tuple[str, str], int]
    ) -> None:
        self._connection, self.project, self.person = connection, project, person
        self._sender: ThreadPoolExecutor | None = None
        self._sent: Future[None] | None = None
        query = sa.select(projects, roles.held(person)).where(projects.c.id == project).with_for_update(of=projects)
        row = connection.execute(query).one()
        roles.check(row.held, row.name, person, role)
        self.uid, self.head, self.tree, self.tree_version = row.uid, row.head, row.tree, row.tree_version
        self.time = now(after=row.time)
        self.words = Words(lambda: self.connection, project, known)
        self._hash = row.hash
        self._changes = Changes()
        self._events: list[Event] = []
        self._media: list[tuple[int, str, State]] = []
        self._step = self.head + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sender is not None:
            # The transaction ends next, and nobody else may be at its connection then.
            self._sender.shutdown(wait=True)

    @property
    def connection(self) -> sa.Connection:
        """The connection, once all that was sent ahead is written."""
        if self._sent is not None:
            sent, self._sent = self._sent, None
            sent.result()
        return self._connection

    def append(
        self,
        kind: str,
        subject: str,
        payload: State,
        *,
        key: str | None = None,
        undoes: int | None = None,
        text: str | None = None,
    ) -> Event:
        """Add an event to the chain; `text` is its payload as canonical JSON, where that is known."""
        self.head += 1
        event = Event(
            sequence=self.head,
            step=self._step,
            author=self.person.name,
            time=self.time,
            kind=kind,
            subject=subject,
            key=plain(key, "The key", longest=200) if key else None,
            undoes=undoes,
            payload=canonical(payload) if text is None else text,
            previous=self._hash,
        )
        # Not `replace`, which takes ten times as long: no one else holds the event yet.
        object.__setattr__(event, "hash", event.digest(self.uid))
        self._hash = event.hash
        self._events.append(event)
        return event

    def create(self, annotation_id: str, state: State, medium: int, *, key: str | None = None, **more: Any) -> Row:
        """A new annotation in the medium of that number."""
        text = canonical(state)
        payload = {"base": 0, "set": state, **more}
        event = self.append("create", annotation_id, payload, key=key, text=None if more else f'{{"base":0,"set":{text}}}')
        n = event.sequence
        row = projection.row_of(
            state, number=n, annotation_id=annotation_id, version=n, medium=medium, words=self.words, text=text
        )
        self._changes.add(None, row)
        if len(self._events) >= _SENT_AT_ONCE and self._connection.dialect.name != "sqlite":
            self._send_ahead()
        return row

    def change(
        self,
        row: Row,
        parts: State,
        *,
        kind: str = "",
        key: str | None = None,
        undoes: int | None = None,
        medium: int | None = None,
        **more: Any,
    ) -> Row:
        """Set parts of an annotation; `medium` is the number of its medium, where that is among them."""
        payload = {"base": row.version, "set": parts, **more}
        event = self.append(kind or _kind(parts), row.id, payload, key=key, undoes=undoes)
        if medium is None and "medium" in parts:
            medium = projection.find_media(self.connection, self.project, "key", [parts["medium"]])[parts["medium"]][0]
        after = projection.row_of(
            {**row.state, **parts},
            number=row.number,
            annotation_id=row.id,
            version=event.sequence,
            medium=row.medium if medium is None else medium,
            words=self.words,
        )
        self._changes.add(row, after)
        return after

    def medium(self, key: str, state: State, *, event_key: str | None = None, **more: Any) -> None:
        """A new medium, or what is known of one now."""
        event = self.append("medium", f"medium:{key}", {"key": key, "medium": state, **more}, key=event_key)
        self._media.append((event.sequence, key, state))

    def plainly(self, kind: str, subject: str, payload: State, *, key: str | None = None) -> Event:
        """An event on who has looked at what, or on a role, with what follows from it."""
        self.flush_media()
        event = self.append(kind, subject, payload, key=key)
        projection.project_event(self.connection, self.project, event)
        return event

    def rows(self, ids: Sequence[str]) -> dict[str, Row]:
        """The annotations of those ids, as they are at this point of the write."""
        missing = [each for each in ids if each not in self._changes.rows]
        found = projection.fetch(self.connection, self.project, missing)
        return found | {each: self._changes.rows[each] for each in ids if each in self._changes.rows}

    def row(self, annotation_id: str) -> Row:
        """One annotation.

        Raises
        ------
        UnknownName
            There is none of that id.
        """
        found = self.rows([annotation_id])
        if annotation_id not in found:
            raise UnknownName(f"There is no annotation {annotation_id!r} in the project: read the project again.")
        return found[annotation_id]

    def with_keys(self, keys: Sequence[str]) -> dict[str, Event]:
        """The events that were written under those keys."""
        return with_keys(self.connection, self.project, keys)

    def media(self, names: Sequence[str], *, by: str = "name") -> dict[Any, tuple[int, str, str]]:
        """Number, key and name of media."""
        self.flush_media()
        return projection.find_media(self.connection, self.project, by, list(dict.fromkeys(names)))

    def freeze_tree(self) -> None:
        """From now on the version of the label tree never changes: the history holds its hash."""
        version = (label_tree_versions.c.tree == self.tree, label_tree_versions.c.version == self.tree_version)
        query = sa.select(label_tree_versions.c.frozen, label_tree_versions.c.sha256).where(*version)
        found = self.connection.execute(query).first()
        if found is None or found.frozen:
            return
        self.connection.execute(label_tree_versions.update().where(*version).values(frozen=True))
        self.append("tree", "", {"tree": self.tree, "version": self.tree_version, "sha256": found.sha256})

    def flush_media(self) -> None:
        """Write the media, so that they can be found."""
        projection.put_media(self.connection, self.project, self._media)
        self._media = []

    def flush(self, **values: Any) -> None:
        """Write all of it; `values` are further columns of the project that change."""
        self.flush_media()
        self.words.flush()
        put(self.connection, self._take_events(), *self._changes.take(self.project))
        if self.head >= self._step or values:
            last = {"head": self.head, "hash": self._hash, "time": self.time}
            self.connection.execute(projects.update().where(projects.c.id == self.project).values(**last, **values))

    def _send_ahead(self) -> None:
        """Write events and new annotations while the next ones are prepared: a server on its own works meanwhile."""
        given = (self._take_events(), self._changes.take_new(self.project))
        connection = self.connection
        if self._sender is None:
            self._sender = ThreadPoolExecutor(1, thread_name_prefix="imagine-send")
        self._sent = self._sender.submit(put, connection, *given)

    def _take_events(self) -> Rows:
        rows = [(*_values(event), self.project) for event in self._events]
        self._events = []
        return Rows(table=events, columns=(*EVENT_COLUMNS, "project"), rows=rows)


def with_keys(connection: sa.Connection, project: int, keys: Sequence[str]) -> dict[str, Event]:
    """The events that were written under those keys."""
    found = {}
    for begin in range(0, len(keys), MANY):
        query = events.select().where(events.c.project == project, among(connection, events.c.key, keys[begin : begin + MANY]))
        found.update({row["key"]: event_of(row) for row in connection.execute(query).mappings()})
    return found


def _kind(parts: State) -> str:
    if "deleted" in parts:
        return "delete" if parts["deleted"] else "restore"
    if "labels" in parts and parts.keys() <= {"labels", "status"}:
        return "relabel"
    return {"shape": "reshape", "status": "status"}.get(next(iter(parts), ""), "change") if len(parts) == 1 else "change"
