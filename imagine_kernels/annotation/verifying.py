"""Is the history whole, and does the project hold what follows from it?

`verify` looks at a project in its database; `verify_file` at an exported history and needs nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imagine_kernels.annotation import projection
from imagine_kernels.annotation.blind import sessions_of
from imagine_kernels.annotation.database import MANY
from imagine_kernels.annotation.events import EVENT_COLUMNS, GENESIS, OF_TABLES, Event, State, canonical, event_of
from imagine_kernels.annotation.projection import DELETED, Words
from imagine_kernels.annotation.reading import ProjectView
from imagine_kernels.annotation.schema import (
    annotation_rows,
    assignments,
    counts,
    events,
    media_counts,
    project_media,
    projects,
    reviews,
    roles,
)
from imagine_kernels.errors import DataNotFound
from imagine_kernels.settings import placed

#: The first line of an exported history.
FORMAT = "imagine-history/1"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check has found.

    Attributes
    ----------
    project : str
        The uid.
    events : int
        How many were looked at.
    hash : str
        Of the last event.
    problem : str
        The first thing that is wrong, in a sentence; empty where all is well.
    """

    project: str
    events: int
    hash: str
    problem: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {**asdict(self), "whole": self.whole}


def verify(project: ProjectView, *, noted: Mapping[int, str] | None = None) -> Verification:
    """Walk the chain from its begin, then compare the project with what follows from it.

    Parameters
    ----------
    project : ProjectView
    noted : mapping of int to str, optional
        Sequences with the hashes that were noted outside of the database at the time.
    """
    with project.reading() as connection:
        row = connection.execute(projects.select().where(projects.c.id == project.number)).one()
        query = events.select().where(events.c.project == project.number).order_by(events.c.sequence)
        found = connection.execute(query.execution_options(yield_per=2000)).mappings()
        walked = _walk((event_of(each) for each in found), row.uid, dict(noted or {}))
        if walked.whole and (walked.events, walked.hash) != (row.head, row.hash):
            walked = _said(walked, f"the project says that its last event is {row.head}, but it is {walked.events}")
        return walked if not walked.whole else _said(walked, _difference(connection, project.number))


def export_history(project: ProjectView, target: Path | str) -> int:
    """Write the history as JSON lines that `verify_file` can check anywhere; the number of events is given back."""
    target = Path(target)
    query = events.select().where(events.c.project == project.number).order_by(events.c.sequence)
    n = 0
    with placed(target) as passing, passing.open("w", encoding="utf-8") as file, project.reading() as connection:
        file.write(canonical({"format": FORMAT, "project": project.uid, "name": project.name}) + "\n")
        for row in connection.execute(query.execution_options(yield_per=2000)).mappings():
            file.write(canonical(event_of(row).to_dict(project.uid)) + "\n")
            n += 1
    return n


def verify_file(source: Path | str, *, noted: Mapping[int, str] | None = None) -> Verification:
    """Walk the chain of an exported history.

    Raises
    ------
    DataNotFound
        There is no such file.
    """
    path = Path(source)
    if not path.is_file():
        raise DataNotFound.no_such_path(source)
    with path.open(encoding="utf-8", errors="replace") as lines:
        try:
            head = json.loads(next(lines, "null"))
        except ValueError:
            head = None
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            return Verification("", 0, GENESIS, f"{path.name} is not an exported history: its first line does not say {FORMAT}.")
        uid = str(head.get("project"))
        return _walk(_events_in(lines), uid, dict(noted or {}))


def _events_in(lines: Iterable[str]) -> Iterator[Event | None]:
    for line in lines:
        try:
            values = json.loads(line)
            yield Event(
                **{name: values[name] for name in EVENT_COLUMNS if name != "payload"}, payload=canonical(values["payload"])
            )
        except (ValueError, KeyError, TypeError):
            yield None


def _walk(found: Iterable[Event | None], uid: str, noted: dict[int, str]) -> Verification:
    n, last = 0, GENESIS
    for event in found:
        n += 1
        problem = ""
        if event is None:
            problem = f"event {n} cannot be read"
        elif event.sequence != n:
            problem = f"event {n} is missing: {event.sequence} comes after {n - 1}"
        elif event.previous != last:
            problem = f"event {n} does not follow from the one before it"
        elif event.digest(uid) != event.hash:
            problem = f"event {n} was changed: its hash is not what follows from its content"
        elif noted.get(n, event.hash) != event.hash:
            problem = f"event {n} is not the one that was noted: the history was written anew"
        if problem or event is None:
            return _said(Verification(uid, n, last), problem)
        last = event.hash
    beyond = [sequence for sequence in noted if sequence > n]
    return _said(Verification(uid, n, last), f"the history ends at event {n}, but {min(beyond)} was noted" if beyond else "")


def _said(found: Verification, problem: str) -> Verification:
    sentence = f"{problem[0].upper()}{problem[1:]}." if problem else ""
    return Verification(found.project, found.events, found.hash, sentence)


def _difference(connection: sa.Connection, project: int) -> str:
    """The first way in which the tables are not what follows from the history; empty where they are."""
    by_status: Counter[tuple[int, int, int]] = Counter()
    by_medium: Counter[tuple[int, int]] = Counter()
    words, n = Words(lambda: connection, project, {}), 0
    wanted = projection.rows_of(projection.histories(connection, project), projection.media_numbers(connection, project), words)
    for part in _in_parts(wanted):
        held = projection.fetch(connection, project, [row.id for row in part])
        for row in part:
            if held.get(row.id) != row:
                return f"the annotation {row.id} is not what follows from the history: rebuild the project"
            if row.status != DELETED:
                by_status[row.label, row.author, row.status] += 1
                by_medium[row.medium, row.status] += 1
        n += len(part)
    total = sa.select(sa.func.count()).select_from(annotation_rows).where(annotation_rows.c.project == project)
    if connection.execute(total).scalar_one() != n:
        return "there are annotations that the history does not know: rebuild the project"
    for table, expected in ((counts, by_status), (media_counts, by_medium)):
        found = connection.execute(table.select().where(table.c.project == project, table.c.n != 0)).all()
        if {tuple(row[1:-1]): row.n for row in found} != dict(expected):
            return f"the counters in {table.name} are not what follows from the history: rebuild the project"
    return _other_difference(connection, project)


def _other_difference(connection: sa.Connection, project: int) -> str:
    """The same for media, for who has looked at them and is to, for blind sessions, and for roles."""
    media: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    given_to: dict[str, dict[str, tuple[str, str]]] = {}
    blind: dict[int, State] = {}
    held: dict[str, str] = {}
    query = events.select().where(events.c.project == project, events.c.kind.in_(OF_TABLES))
    for row in connection.execute(query.order_by(events.c.sequence)).mappings():
        event = event_of(row)
        given = event.content
        if event.kind == "medium":
            media[given["key"]] = canonical(given["medium"])
        elif event.kind == "review":
            seen.pop((given["medium"], given["person"]), None)
            if given["reviewed"]:
                seen[given["medium"], given["person"]] = given["time"]
        elif event.kind == "assign":
            people = given_to.setdefault(given["medium"], {})
            if given["person"] is None:
                people.clear()
            people.pop(given["person"], None)
            if given["assigned"]:
                people[given["person"]] = (given["author"], given["time"])
        elif event.kind == "blind":
            if "of" in given:
                blind[given["of"]]["ends"] = given["ends"]
            else:
                blind[event.sequence] = given
        else:
            held.pop(given["who"], None)
            if given["role"] is not None:
                held[given["who"]] = given["role"]
    to_whom = {(medium, person): by for medium, people in given_to.items() for person, by in people.items()}
    query = sa.select(project_media.c.key, project_media.c.number, project_media.c.state)
    media_held = connection.execute(query.where(project_media.c.project == project)).all()
    keys = {row.number: row.key for row in media_held}
    looked = connection.execute(reviews.select().where(reviews.c.project == project))
    assigned = connection.execute(assignments.select().where(assignments.c.project == project))
    given_roles = connection.execute(sa.select(roles.c.who, roles.c.role).where(roles.c.project == project))
    for name, same in (
        ("media", {row.key: row.state for row in media_held} == media),
        ("reviews", {(keys.get(row.medium), row.author): row.time for row in looked} == seen),
        ("assignments", {(keys.get(row.medium), row.person): (row.author, row.time) for row in assigned} == to_whom),
        ("blind sessions", _blind_sessions(connection, project, keys) == blind),
        ("roles", {row.who: row.role for row in given_roles} == held),
    ):
        if not same:
            return f"the {name} are not what follows from the history: rebuild the project"
    return ""


def _blind_sessions(connection: sa.Connection, project: int, keys: Mapping[int, str]) -> dict[int, State]:
    """The blind sessions as the tables hold them, in the words of the events that made them."""
    return {
        each.number: {
            "name": each.name,
            "people": list(each.people),
            "begins": each.begins,
            "ends": each.ends,
            "hides_others": each.hides_others,
            "hides_earlier": each.hides_earlier,
            "media": None if each.media is None else sorted(keys.get(number, "") for number in each.media),
        }
        for each in sessions_of(connection, project)
    }


def _in_parts(rows: Iterable[projection.Row]) -> Iterator[list[projection.Row]]:
    part: list[projection.Row] = []
    for row in rows:
        part.append(row)
        if len(part) == MANY:
            yield part
            part = []
    if part:
        yield part
