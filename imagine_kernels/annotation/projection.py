"""What follows from the history of a project: its annotations as they are now, and the counters that make a page quick.

An annotation depends on its own events alone, so everything here can be made anew from the history, one annotation at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import sqlalchemy as sa

from imagine_kernels.annotation.bulk import Rows, put
from imagine_kernels.annotation.database import MANY, among
from imagine_kernels.annotation.events import OF_ANNOTATIONS, OF_TABLES, Event, State, canonical, event_of, folded
from imagine_kernels.annotation.schema import (
    annotation_rows,
    assignments,
    blind_media,
    blind_sessions,
    counts,
    events,
    media,
    media_counts,
    project_media,
    reviews,
    roles,
    words,
)
from imagine_kernels.records import STATUSES

#: Of an annotation that was deleted; its row stays, so that it can come back.
DELETED = len(STATUSES)
#: The label of what has none.
UNLABELLED = 0

_COLUMNS = ("project", "number", "id", "version", "medium", "label", "author", "status", "confidence", "state")


@dataclass(frozen=True, slots=True)
class Row:
    """An annotation as it is now, with the numbers that stand for its medium, label and author."""

    number: int
    id: str
    version: int
    medium: int
    label: int
    author: int
    status: int
    confidence: float
    text: str

    @property
    def state(self) -> State:
        """All that is known of it, as values."""
        return dict(json.loads(self.text))


class Words:
    """The numbers of labels and people in a project; new ones are made in the writer's transaction.

    Parameters
    ----------
    connection : callable
        Gives the connection, when it is needed.
    project : int
    known : dict
        What earlier transactions have found: (kind, text) -> number. Words never change, so it never grows old.
    """

    def __init__(self, connection: Callable[[], sa.Connection], project: int, known: dict[tuple[str, str], int]) -> None:
        self._connection, self._project, self._known = connection, project, known
        self._found: dict[tuple[str, str], int] = {}
        self._new: list[tuple[int, str, int, str]] = []
        self._next: dict[str, int] = {}

    def number(self, kind: str, text: str) -> int:
        """The number of a word."""
        word = (kind, text)
        number = self._known.get(word) or self._found.get(word)
        if number is None:
            query = sa.select(words.c.id).where(words.c.project == self._project, words.c.kind == kind, words.c.text == text)
            number = self._connection().execute(query).scalar() or self._make(kind, text)
            self._found[word] = number
        return number

    def _make(self, kind: str, text: str) -> int:
        if kind not in self._next:
            query = sa.select(sa.func.max(words.c.id)).where(words.c.project == self._project, words.c.kind == kind)
            self._next[kind] = (self._connection().execute(query).scalar() or 0) + 1
        number = self._next[kind]
        self._next[kind] += 1
        self._new.append((self._project, kind, number, text))
        return number

    def flush(self) -> None:
        """Write the new ones."""
        put(self._connection(), Rows(table=words, columns=("project", "kind", "id", "text"), rows=self._new))
        self._new = []

    def remember(self) -> None:
        """After the transaction is on the disk: others may use what was found."""
        self._known.update(self._found)


def row_of(
    state: State, *, number: int, annotation_id: str, version: int, medium: int, words: Words, text: str | None = None
) -> Row:
    """The row that follows from a state; `text` is its canonical JSON, where that is known."""
    first = state["labels"][0] if state["labels"] else {}
    return Row(
        number=number,
        id=annotation_id,
        version=version,
        medium=medium,
        label=words.number("label", _path_text(tuple(first["path"]))) if first else UNLABELLED,
        author=words.number("person", first.get("annotator", "") if first else state["by"]),
        status=DELETED if state.get("deleted") else STATUSES.index(state["status"]),
        confidence=first.get("confidence", -1.0),
        text=canonical(state) if text is None else text,
    )


@lru_cache(maxsize=20_000)
def _path_text(path: tuple[str, ...]) -> str:
    return canonical(path)


def fetch(connection: sa.Connection, project: int, ids: Sequence[str]) -> dict[str, Row]:
    """The annotations of those ids that are there, deleted ones too."""
    found = {}
    for begin in range(0, len(ids), MANY):
        query = annotation_rows.select().where(
            annotation_rows.c.project == project, among(connection, annotation_rows.c.id, ids[begin : begin + MANY])
        )
        for row in connection.execute(query):
            found[row.id] = read(row)
    return found


def read(row: sa.Row[tuple[object, ...]]) -> Row:
    """A row as the database gives it."""
    return Row(row.number, row.id, row.version, row.medium, row.label, row.author, row.status, row.confidence, row.state)


class Changes:
    """Rows that were made or changed in one transaction, and what this does to the counters."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._new: set[str] = set()
        self._counts: Counter[tuple[int, int, int]] = Counter()
        self._media: Counter[tuple[int, int]] = Counter()

    def add(self, before: Row | None, after: Row) -> None:
        """One row and what it was before."""
        self.rows[after.id] = after
        if before is None:
            self._new.add(after.id)
        for row, n in ((before, -1), (after, 1)):
            if row is not None and row.status != DELETED:
                self._counts[row.label, row.author, row.status] += n
                self._media[row.medium, row.status] += n

    def take_new(self, project: int) -> Rows:
        """The new rows that are to be written; what was changed and the counters stay."""
        taken = Rows(table=annotation_rows, columns=_COLUMNS, rows=self._values(project, new=True))
        self.rows = {name: row for name, row in self.rows.items() if name not in self._new}
        self._new = set()
        return taken

    def take(self, project: int) -> list[Rows]:
        """What is to be written; after that nothing is left."""
        found = [
            self.take_new(project),
            Rows(table=annotation_rows, columns=_COLUMNS, rows=self._values(project, new=False), key=("project", "number")),
            Rows(
                table=counts,
                columns=("project", "label", "author", "status", "n"),
                rows=[(project, *of, n) for of, n in sorted(self._counts.items()) if n],
                key=("project", "label", "author", "status"),
                adding=("n",),
            ),
            Rows(
                table=media_counts,
                columns=("project", "medium", "status", "n"),
                rows=[(project, *of, n) for of, n in sorted(self._media.items()) if n],
                key=("project", "medium", "status"),
                adding=("n",),
            ),
        ]
        self.rows, self._counts, self._media = {}, Counter(), Counter()
        return found

    def _values(self, project: int, *, new: bool) -> list[tuple[object, ...]]:
        return [
            (project, r.number, r.id, r.version, r.medium, r.label, r.author, r.status, r.confidence, r.text)
            for r in self.rows.values()
            if (r.id in self._new) is new
        ]


def histories(connection: sa.Connection, project: int, *, until: int | None = None) -> Iterator[tuple[str, list[Event]]]:
    """Every annotation's id with its events, up to a sequence, one annotation at a time."""
    query = (
        events.select()
        .where(events.c.project == project, events.c.kind.in_(OF_ANNOTATIONS))
        .order_by(events.c.subject, events.c.sequence)
        .execution_options(yield_per=2000)
    )
    if until is not None:
        query = query.where(events.c.sequence <= until)
    rows = (event_of(row) for row in connection.execute(query).mappings())
    for subject, group in groupby(rows, key=lambda event: event.subject):
        yield subject, list(group)


def rows_of(histories: Iterable[tuple[str, list[Event]]], numbers: dict[str, int], words: Words) -> Iterator[Row]:
    """The rows that follow from histories; `numbers` are those of the media, by key."""
    for annotation_id, history in histories:
        state = folded(history)
        if state is not None:
            yield row_of(
                state,
                number=history[0].sequence,
                annotation_id=annotation_id,
                version=history[-1].sequence,
                medium=numbers[state["medium"]],
                words=words,
            )


def find_media(
    connection: sa.Connection, project: int, by: str, values: Sequence[str | int]
) -> dict[str | int, tuple[int, str, str]]:
    """Number, key and name of the media with those values in the column `by`."""
    column, found = project_media.c[by], {}
    for begin in range(0, len(values), MANY):
        query = sa.select(column, project_media.c.number, project_media.c.key, project_media.c.name).where(
            project_media.c.project == project, among(connection, column, values[begin : begin + MANY])
        )
        found.update({row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)})
    return found


def media_numbers(connection: sa.Connection, project: int) -> dict[str, int]:
    """Number of each medium, by its key."""
    query = sa.select(project_media.c.key, project_media.c.number).where(project_media.c.project == project)
    return {row.key: row.number for row in connection.execute(query)}


def rebuild(connection: sa.Connection, project: int) -> int:
    """Make everything anew from the history; the number of annotations, deleted ones too."""
    of_media = (reviews, assignments, blind_media, blind_sessions, project_media)
    for table in (annotation_rows, counts, media_counts, roles, *of_media):
        connection.execute(table.delete().where(table.c.project == project))
    query = events.select().where(events.c.project == project, events.c.kind.in_(OF_TABLES)).order_by(events.c.sequence)
    for found in connection.execute(query).mappings().all():
        project_event(connection, project, event_of(found))
    vocabulary, changes, n = Words(lambda: connection, project, {}), Changes(), 0
    for row in rows_of(histories(connection, project), media_numbers(connection, project), vocabulary):
        changes.add(None, row)
        n += 1
        if len(changes.rows) >= 5000:
            put(connection, *changes.take(project))
    put(connection, *changes.take(project))
    vocabulary.flush()
    return n


def project_event(connection: sa.Connection, project: int, event: Event) -> None:
    """What follows from an event of `OF_TABLES`."""
    given = event.content
    if event.kind == "medium":
        put_media(connection, project, [(event.sequence, given["key"], given["medium"])])
    elif event.kind == "review":
        medium = _medium(connection, project, given["medium"])
        here = (reviews.c.project == project, reviews.c.medium == medium, reviews.c.author == given["person"])
        connection.execute(reviews.delete().where(*here))
        if given["reviewed"]:
            connection.execute(
                reviews.insert().values(project=project, medium=medium, author=given["person"], time=given["time"])
            )
    elif event.kind == "assign":
        medium, person = _medium(connection, project, given["medium"]), given["person"]
        of_medium = assignments.delete().where(assignments.c.project == project, assignments.c.medium == medium)
        connection.execute(of_medium if person is None else of_medium.where(assignments.c.person == person))
        if given["assigned"]:
            row = {"project": project, "medium": medium, "person": person, "author": given["author"], "time": given["time"]}
            connection.execute(assignments.insert().values(**row))
    elif event.kind == "blind":
        _project_blind(connection, project, event)
    elif event.kind == "role":
        connection.execute(roles.delete().where(roles.c.project == project, roles.c.who == given["who"]))
        if given["role"] is not None:
            connection.execute(roles.insert().values(project=project, who=given["who"], role=given["role"]))


def _project_blind(connection: sa.Connection, project: int, event: Event) -> None:
    """A new blind session, or another end of one."""
    given = event.content
    if "of" in given:
        here = (blind_sessions.c.project == project, blind_sessions.c.number == given["of"])
        connection.execute(blind_sessions.update().where(*here).values(ends=given["ends"]))
        return
    values = {name: given[name] for name in ("name", "begins", "ends", "hides_others", "hides_earlier")}
    people, keys = canonical(given["people"]), given["media"]
    row = {"project": project, "number": event.sequence, "all_media": keys is None, "people": people, **values}
    connection.execute(blind_sessions.insert().values(**row))
    numbers = sorted(number for number, _, _ in find_media(connection, project, "key", keys or []).values())
    rows = [(project, event.sequence, number) for number in numbers]
    put(connection, Rows(table=blind_media, columns=("project", "session", "medium"), rows=rows))


def _medium(connection: sa.Connection, project: int, key: str) -> int:
    return find_media(connection, project, "key", [key])[key][0]


def put_media(connection: sa.Connection, project: int, given: Sequence[tuple[int, str, State]]) -> None:
    """Media (sequence of the event, key, state) as they are now: new ones, and those that are known by their key."""
    # One row for each, though it may have been described more than once.
    last = {key: (n, state) for n, key, state in given}
    first = {key: n for n, key, _ in reversed(given)}
    given = [(first[key], key, state) for key, (_, state) in last.items()]
    hashed = {state["sha256"]: state.get("kind", "picture") for _, _, state in given if "sha256" in state}
    put(connection, Rows(table=media, columns=("sha256", "kind"), rows=sorted(hashed.items()), key=("sha256",), keep=True))
    known = find_media(connection, project, "key", [key for _, key, _ in given])
    rows = [
        (project, known[key][0] if key in known else n, key, state["name"], state.get("sha256"), canonical(state))
        for n, key, state in given
    ]
    columns = ("project", "number", "key", "name", "sha256", "state")
    put(connection, Rows(table=project_media, columns=columns, rows=rows, key=("project", "number")))
