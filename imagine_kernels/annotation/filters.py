"""What of a project to show: filters that stay quick with a million annotations.

The counters say which combinations of label, author and status there are, and how many annotations each has. A page is then put together
from the first rows of each, which lie beside one another in an index; so its time hangs on the size of the page, not of the project.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from imagine_kernels.annotation.database import among
from imagine_kernels.annotation.events import canonical
from imagine_kernels.annotation.projection import DELETED
from imagine_kernels.annotation.schema import annotation_rows, counts, events, project_media, words
from imagine_kernels.errors import DataError
from imagine_kernels.records import STATUSES, Status

#: Where a filter leaves so few, they are all looked at and sorted.
_FEW = 20_000
#: How many runs of an index one statement may join.
_RUNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which annotations; what is None does not matter.

    Attributes
    ----------
    label : tuple of str or None
        The path of a label: it and all below it. It is the label in force that counts, the first one.
    statuses : tuple of Status or None
    authors : tuple of str or None
        Who gave the label in force: people or ``model:NAME@VERSION``.
    medium : str or None
        Name of the medium.
    since, until : str or None
        When the annotation was made, ISO 8601 in UTC; `until` itself is not in.
    confidence : (float, float) or None
        From and to; then the surest come first, and not in the order in which they were made.
    """

    label: tuple[str, ...] | None = None
    statuses: tuple[Status, ...] | None = None
    authors: tuple[str, ...] | None = None
    medium: str | None = None
    since: str | None = None
    until: str | None = None
    confidence: tuple[float, float] | None = None


class Selection:
    """A filter, looked up in a project.

    Parameters
    ----------
    connection : Connection
    project : int
    chosen : Filter
    """

    def __init__(self, connection: sa.Connection, project: int, chosen: Filter) -> None:
        self._connection, self._project, self._chosen = connection, project, chosen
        self._below = self._words_below()
        self._labels: set[int] = set()
        self._authors = self._numbers_of_authors()
        for status in chosen.statuses or ():
            if status not in STATUSES:
                raise DataError(f"Unknown status {status!r}: use one of {', '.join(STATUSES)}.")
        self._statuses = tuple(map(STATUSES.index, chosen.statuses or STATUSES))
        self._first, self._last = self._numbers_of_times()

    def count(self) -> int | None:
        """How many there are; None where that would take a look at each of them."""
        chosen = self._chosen
        if any(each is not None for each in (chosen.medium, chosen.confidence, self._first, self._last)):
            return None
        return sum(n for *_, n in self._runs())

    def page(self, *, limit: int, after: tuple[float, int] | None) -> list[sa.Row[Any]]:
        """The first rows that fit, after the one with that confidence and number."""
        runs = [] if self._is_short() else self._runs()
        if self._is_short() or (len(runs) > _RUNS and sum(n for *_, n in runs) <= _FEW):
            query = sa.select(annotation_rows.c.number).where(*self._all_fit(), *self._beyond(after)).order_by(*self._order)
            return self._rows(self._connection.execute(query.limit(limit)).scalars())
        residue = ""
        if len(runs) > _RUNS and self._below is not None:
            # So many labels hold a good part of the project: a walk over all of them meets enough soon.
            residue = f" AND label IN ({','.join(str(label) for label in sorted(self._labels))})"
            runs = sorted({(-1, author, status, 0) for _, author, status, _ in runs})
        found: list[tuple[float, int]] = []
        for begin in range(0, len(runs), _RUNS):
            parts = [self._run(run, residue, limit, after) for run in runs[begin : begin + _RUNS]]
            # All that is put into the text are numbers of our own.
            found += [(row[0], row[1]) for row in self._connection.exec_driver_sql(" UNION ALL ".join(parts))]
        reverse = self._chosen.confidence is not None
        found.sort(key=None if reverse else lambda each: each[1], reverse=reverse)
        return self._rows(number for _, number in found[:limit])

    def _runs(self) -> list[tuple[int, int, int, int]]:
        """Label, author, status and number of annotations of all combinations that fit; without a filter by label it is -1."""
        column = counts.c.label if self._below is not None else sa.literal_column("-1")
        query = (
            sa.select(column.label("run"), counts.c.author, counts.c.status, sa.func.sum(counts.c.n))
            .where(counts.c.project == self._project, counts.c.n > 0, counts.c.status.in_(self._statuses))
            .group_by(sa.text("1"), counts.c.author, counts.c.status)
        )
        if self._below is not None:
            query = query.where(counts.c.label.in_(self._below))
        if self._authors is not None:
            query = query.where(counts.c.author.in_(self._authors))
        runs = [(int(label), int(author), int(status), int(n)) for label, author, status, n in self._connection.execute(query)]
        self._labels = {label for label, *_ in runs}
        return runs

    def _run(self, run: tuple[int, int, int, int], residue: str, limit: int, after: tuple[float, int] | None) -> str:
        """The statement that reads the first of one run of an index."""
        label, author, status, _ = run
        words = [f"project = {self._project}", f"author = {author}", f"status = {status}"]
        if label >= 0:
            words.append(f"label = {label}")
        if self._first is not None:
            words.append(f"number >= {self._first}")
        if self._last is not None:
            words.append(f"number <= {self._last}")
        order = "number"
        if self._chosen.confidence is not None:
            low, high = map(float, self._chosen.confidence)
            words += [f"confidence >= {low!r}", f"confidence <= {high!r}"]
            order = "confidence DESC, number DESC"
        if after is not None:
            words.append(
                f"number > {after[1]}" if order == "number" else f"(confidence, number) < ({float(after[0])!r}, {after[1]})"
            )
        where = " AND ".join(words) + residue
        return (
            f"SELECT * FROM (SELECT {'confidence' if order != 'number' else '0'} AS c, number FROM annotations"  # noqa: S608
            f" WHERE {where} ORDER BY {order} LIMIT {limit}) AS run"
        )

    def _rows(self, numbers: Iterable[int]) -> list[sa.Row[Any]]:
        """The rows with those numbers, in that order."""
        wanted = list(numbers)
        query = annotation_rows.select().where(
            annotation_rows.c.project == self._project, among(self._connection, annotation_rows.c.number, wanted)
        )
        rows = {row.number: row for row in self._connection.execute(query)}
        return [rows[number] for number in wanted]

    def _is_short(self) -> bool:
        """Whether it is one medium, or a time in which so little happened that all of it can be looked at."""
        if self._chosen.medium is not None:
            return True
        return self._first is not None and self._last is not None and self._last - self._first < _FEW

    @property
    def _order(self) -> tuple[sa.ColumnElement[Any], ...]:
        if self._chosen.confidence is not None:
            return annotation_rows.c.confidence.desc(), annotation_rows.c.number.desc()
        return (annotation_rows.c.number.asc(),)

    def _beyond(self, after: tuple[float, int] | None) -> tuple[sa.ColumnElement[bool], ...]:
        if after is None:
            return ()
        if self._chosen.confidence is None:
            return (annotation_rows.c.number > after[1],)
        return (sa.tuple_(annotation_rows.c.confidence, annotation_rows.c.number) < sa.tuple_(*map(sa.literal, after)),)

    def _all_fit(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = [
            annotation_rows.c.project == self._project,
            annotation_rows.c.status.in_(self._statuses),
        ]
        if self._first is not None:
            found.append(annotation_rows.c.number >= self._first)
        if self._last is not None:
            found.append(annotation_rows.c.number <= self._last)
        if self._chosen.confidence is not None:
            found.append(annotation_rows.c.confidence.between(*self._chosen.confidence))
        if self._authors is not None:
            found.append(annotation_rows.c.author.in_(self._authors))
        if self._below is not None:
            found.append(annotation_rows.c.label.in_(self._below))
        if self._chosen.medium is not None:
            query = sa.select(project_media.c.number).where(
                project_media.c.project == self._project, project_media.c.name == self._chosen.medium
            )
            found.append(annotation_rows.c.medium == (self._connection.execute(query).scalar() or 0))
        return found

    def _words_below(self) -> sa.Select[tuple[int]] | None:
        return None if self._chosen.label is None else words_below(self._project, self._chosen.label)

    def _numbers_of_authors(self) -> set[int] | None:
        if self._chosen.authors is None:
            return None
        query = sa.select(words.c.id).where(
            words.c.project == self._project, words.c.kind == "person", words.c.text.in_(self._chosen.authors)
        )
        return set(self._connection.execute(query).scalars())

    def _numbers_of_times(self) -> tuple[int | None, int | None]:
        """First and last sequence in the time; times never go back along the history."""
        first = last = None
        if self._chosen.since is not None:
            first = sequence_at(self._connection, self._project, self._chosen.since) + 1
        if self._chosen.until is not None:
            last = sequence_at(self._connection, self._project, self._chosen.until)
            first = first or 1
        return first, last


def words_below(project: int, label: tuple[str, ...]) -> sa.Select[tuple[int]]:
    """The numbers of a label and all below it, to be looked up in a statement: a subtree may have thousands."""
    query = sa.select(words.c.id).where(words.c.project == project, words.c.kind == "label")
    if not label:
        return query
    text = canonical(list(label))
    # What is below begins as the label does, with a comma in the place of the bracket; a hyphen comes after the comma.
    begin = text[:-1]
    return query.where((words.c.text == text) | ((words.c.text >= f"{begin},") & (words.c.text < f"{begin}-")))


def sequence_at(connection: sa.Connection, project: int, time: str) -> int:
    """The last sequence before a time, found by halving: the history is in the order of time."""
    low, high = 0, connection.execute(sa.select(sa.func.max(events.c.sequence)).where(events.c.project == project)).scalar() or 0
    while low < high:
        middle = (low + high + 1) // 2
        query = sa.select(events.c.time).where(events.c.project == project, events.c.sequence == middle)
        if connection.execute(query).scalar_one() < time:
            low = middle
        else:
            high = middle - 1
    return int(low)


def counted(connection: sa.Connection, project: int) -> tuple[dict[tuple[str, ...], dict[Status, int]], dict[Status, int]]:
    """How many annotations each label has, by status, and all together; what has no label is under ``()``."""
    query = (
        sa.select(counts.c.label, words.c.text, counts.c.status, sa.func.sum(counts.c.n))
        .select_from(
            counts.outerjoin(
                words, (words.c.project == counts.c.project) & (words.c.kind == "label") & (words.c.id == counts.c.label)
            )
        )
        .where(counts.c.project == project, counts.c.n > 0, counts.c.status < DELETED)
        .group_by(counts.c.label, words.c.text, counts.c.status)
    )
    labels: dict[tuple[str, ...], dict[Status, int]] = {}
    together: dict[Status, int] = dict.fromkeys(STATUSES, 0)
    for _, text, status, n in connection.execute(query):
        labels.setdefault(tuple(json.loads(text)) if text else (), {})[STATUSES[status]] = int(n)
        together[STATUSES[status]] += int(n)
    return labels, together
