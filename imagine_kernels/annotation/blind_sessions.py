"""Blind sessions: begin one, end it, and look at what came of it.

::

    session = begin_session(project, "Week 3", people=["anna", "ben"], media=names, ends="2026-03-21T18:00:00+01:00")
    ...                                             # anna and ben mark the same media, and see only what is their own
    end_session(project, session.number)            # or at its time
    marked_in(project, session.number)              # by person: what they marked, and which media they looked at
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from imagine_kernels.annotation.blind import BlindSession, sessions_of
from imagine_kernels.annotation.encoding import annotation_of
from imagine_kernels.annotation.events import folded, now, plain
from imagine_kernels.annotation.filters import sequence_at
from imagine_kernels.annotation.project import Project
from imagine_kernels.annotation.reading import ProjectView
from imagine_kernels.annotation.schema import events, project_media, reviews
from imagine_kernels.annotation.taking_back import histories_of
from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.records import Annotation


@dataclass(frozen=True, slots=True)
class Marked:
    """What one person did in a blind session.

    Attributes
    ----------
    annotations : tuple of Annotation
        Made in it, as they were at its end, in the order in which they were made.
    media : frozenset of str
        Names of the media that the person has said to have looked at, or has marked something in.
    """

    annotations: tuple[Annotation, ...]
    media: frozenset[str]


def begin_session(
    project: Project,
    name: str,
    *,
    people: Iterable[str],
    ends: str,
    media: Iterable[str] | None = None,
    begins: str = "",
    hides_others: bool = True,
    hides_earlier: bool = False,
) -> BlindSession:
    """Let people mark media without seeing one another's work; it needs the role ``review``.

    Parameters
    ----------
    project : Project
    name : str
        For people.
    people : iterable of str
        Who takes part; all others see everything.
    ends, begins : str
        ISO 8601 with a time zone; it begins now where nothing else is said.
    media : iterable of str, optional
        Their names; all of the project where they are left out.
    hides_others, hides_earlier : bool
        Whether they see what others have made, and what was made before it began, by whomever.

    Raises
    ------
    DataError
        It names nobody, or a medium that is not there; it would be over before it begins, or hide nothing.
    """
    who = sorted({plain(person, "The name") for person in people})
    if not who:
        raise DataError("A blind session needs people: name at least one.")
    if not (hides_others or hides_earlier):
        raise DataError("A blind session hides what others make, what was made before, or both: choose one.")
    with project.writing("review") as writing:
        begin, end = max(_time(begins) if begins else "", writing.time), _time(ends)
        if end <= begin:
            raise DataError(f"The blind session {name} would be over at {end}, before it begins: choose a later end.")
        given = {
            "name": plain(name, "The name", longest=200),
            "people": who,
            "begins": begin,
            "ends": end,
            "hides_others": hides_others,
            "hides_earlier": hides_earlier,
            "media": None if media is None else sorted(key for _, key, _ in project.found_media(writing, list(media)).values()),
        }
        event = writing.plainly("blind", "", given)
        return next(each for each in sessions_of(writing.connection, project.number) if each.number == event.sequence)


def end_session(project: Project, number: int) -> None:
    """End a blind session before its time; it needs the role ``review``.

    Raises
    ------
    UnknownName
        There is no blind session of that number.
    DataError
        It is over.
    """
    with project.writing("review") as writing:
        session = _session(writing.connection, project, number)
        if session.ends <= writing.time:
            raise DataError(f"The blind session {session.name} was over at {session.ends}: there is nothing to end.")
        writing.plainly("blind", "", {"of": number, "ends": writing.time})


def blind_sessions(project: ProjectView) -> list[BlindSession]:
    """All of a project, those that are over too, in the order in which they were made."""
    with project.reading() as connection:
        return sessions_of(connection, project.number)


def marked_in(project: ProjectView, number: int) -> dict[str, Marked]:
    """What each of its people did in a blind session.

    Raises
    ------
    UnknownName
        There is no blind session of that number.
    DataError
        It runs, and whoever asks takes part in it.
    """
    with project.reading() as connection:
        session = _session(connection, project, number)
        if project.person.name in session.people and now() < session.ends:
            raise DataError(f"You take part in the blind session {session.name}: wait until it is over at {session.ends}.")
        query = sa.select(project_media.c.number, project_media.c.key, project_media.c.name)
        rows = connection.execute(query.where(project_media.c.project == project.number)).all()
        names = {row.key: row.name for row in rows if session.media is None or row.number in session.media}
        numbers = {row.number: row.name for row in rows if row.key in names}
        # What was written in the very millisecond of the end is in.
        last = sequence_at(connection, project.number, f"{session.ends}~")
        first = max(session.number, sequence_at(connection, project.number, session.begins)) + 1
        made: dict[str, list[tuple[int, Annotation]]] = {person: [] for person in session.people}
        for subject, history in histories_of(connection, project.number, _made(connection, project.number, first, last)):
            state = folded(history, until=last)
            if state is not None and not state["deleted"] and state["by"] in made and state["medium"] in names:
                found = annotation_of(state, annotation_id=subject, medium=names[state["medium"]])
                made[state["by"]].append((history[0].sequence, found))
        looked: dict[str, set[str]] = {person: {each.medium for _, each in made[person]} for person in made}
        for row in connection.execute(reviews.select().where(reviews.c.project == project.number)):
            if row.author in looked and row.medium in numbers and session.begins <= row.time <= session.ends:
                looked[row.author].add(numbers[row.medium])
    return {
        person: Marked(tuple(each for _, each in sorted(found, key=lambda pair: pair[0])), frozenset(looked[person]))
        for person, found in made.items()
    }


def _made(connection: sa.Connection, project: int, first: int, last: int) -> Sequence[str]:
    """The ids of annotations that were made by the events from the sequence `first` to `last`."""
    query = sa.select(events.c.subject).where(
        events.c.project == project, events.c.sequence.between(first, last), events.c.kind == "create"
    )
    return connection.execute(query).scalars().all()


def _session(connection: sa.Connection, project: ProjectView, number: int) -> BlindSession:
    found = {each.number: each for each in sessions_of(connection, project.number)}
    if number not in found:
        raise UnknownName(f"There is no blind session {number} in the project {project.name}: list them with blind_sessions.")
    return found[number]


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise DataError(f"{text!r} is no time: give it like 2026-03-21T18:00:00+01:00, with its time zone.")
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
