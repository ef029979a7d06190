"""What somebody may not see while a blind session runs.

Several people mark the same media without seeing one another's work, so that their agreement says something. `begin_session` in
`imagine_kernels.annotation.blind_sessions` starts one; this module is how every look at a project keeps to it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from imagine_kernels.annotation.database import among
from imagine_kernels.annotation.events import now
from imagine_kernels.annotation.filters import sequence_at
from imagine_kernels.annotation.projection import DELETED, Row, read
from imagine_kernels.annotation.schema import annotation_rows, blind_media, blind_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSession:
    """A span of time in which some people do not see what others have marked.

    Attributes
    ----------
    number : int
        The sequence of the event that made it.
    name : str
    people : tuple of str
        Who takes part.
    begins, ends : str
        ISO 8601 in UTC.
    media : frozenset of int or None
        The numbers of its media; None: all of the project.
    hides_others : bool
        Nobody of `people` sees what somebody else has made.
    hides_earlier : bool
        Nobody of `people` sees what was made before it began, not even by themselves.
    """

    number: int
    name: str
    people: tuple[str, ...]
    begins: str
    ends: str
    media: frozenset[int] | None
    hides_others: bool
    hides_earlier: bool

    def is_running(self, time: str = "") -> bool:
        """Whether it has begun and not ended, now or at a time."""
        return self.begins <= (time or now()) < self.ends


class Veil:
    """What a person may not see now, in the sessions that run.

    Parameters
    ----------
    connection : Connection
    project : int
    person : str
    """

    def __init__(self, connection: sa.Connection, project: int, person: str) -> None:
        self._connection, self._project, self._person = connection, project, person
        running = [each for each in sessions_of(connection, project, at=now()) if person in each.people]
        # With the last sequence of what is hidden as it was made before.
        self._sessions = [
            (each, max(each.number, sequence_at(connection, project, each.begins)) if each.hides_earlier else 0)
            for each in running
        ]

    def __bool__(self) -> bool:
        return bool(self._sessions)

    def hides(self, row: Row) -> bool:
        """Whether an annotation is not to be seen."""
        return bool(self._sessions) and self.hides_made(row.number, row.medium, row.state["by"])

    def hides_made(self, number: int, medium: int, by: str) -> bool:
        """Whether one is not to be seen that was made by the event of that number, in the medium of that number, by that person."""
        return any(
            (each.media is None or medium in each.media) and ((each.hides_others and by != self._person) or number <= earlier)
            for each, earlier in self._sessions
        )

    def hidden(self, media: Sequence[int] | None = None) -> list[Row]:
        """All annotations that are not to be seen, in the media of those numbers or in all; no deleted ones."""
        if not self._sessions:
            return []
        query = annotation_rows.select().where(annotation_rows.c.project == self._project, annotation_rows.c.status != DELETED)
        veiled = self._media()
        if media is not None:
            veiled = set(media) if veiled is None else veiled & set(media)
        if veiled is not None:
            query = query.where(among(self._connection, annotation_rows.c.medium, sorted(veiled)))
        return [row for row in map(read, self._connection.execute(query)) if self.hides(row)]

    def counts(self, media: Sequence[int]) -> Counter[tuple[int, int]]:
        """How many of them there are, by number of the medium and number of the status."""
        return Counter((row.medium, row.status) for row in self.hidden(media))

    def _media(self) -> set[int] | None:
        found: set[int] = set()
        for each, _ in self._sessions:
            if each.media is None:
                return None
            found |= each.media
        return found


def seen(
    veil: Veil, page: Callable[[tuple[float, int] | None], list[Row]], *, limit: int, after: tuple[float, int] | None
) -> list[Row]:
    """The first rows that may be seen, of pages of `limit` rows each that are asked for one after the other."""
    found: list[Row] = []
    while len(found) < limit:
        rows = page(after)
        found += [row for row in rows if not veil.hides(row)]
        if len(rows) < limit:
            break
        after = (rows[-1].confidence, rows[-1].number)
    return found[:limit]


def sessions_of(connection: sa.Connection, project: int, *, at: str | None = None) -> list[BlindSession]:
    """The blind sessions of a project, in the order in which they were made; with `at` only those that run then."""
    query = blind_sessions.select().where(blind_sessions.c.project == project).order_by(blind_sessions.c.number)
    if at is not None:
        query = query.where(blind_sessions.c.begins <= at, blind_sessions.c.ends > at)
    found = []
    for row in connection.execute(query).all():
        numbers = sa.select(blind_media.c.medium).where(blind_media.c.project == project, blind_media.c.session == row.number)
        found.append(
            BlindSession(
                number=row.number,
                name=row.name,
                people=tuple(json.loads(row.people)),
                begins=row.begins,
                ends=row.ends,
                media=None if row.all_media else frozenset(connection.execute(numbers).scalars()),
                hides_others=row.hides_others,
                hides_earlier=row.hides_earlier,
            )
        )
    return found
