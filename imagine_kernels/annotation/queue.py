"""The queue of media of a project: what is still to be looked at, whose it is, and who has done how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from imagine_kernels.annotation.database import MANY, among
from imagine_kernels.annotation.filters import sequence_at, words_below
from imagine_kernels.annotation.projection import DELETED, find_media
from imagine_kernels.annotation.reading import MediumShown, ProjectView, shown
from imagine_kernels.annotation.schema import annotation_rows, assignments, counts, events, project_media, reviews, words
from imagine_kernels.errors import DataError

Which = Literal["all", "todo", "reviewed", "mine"]


@dataclass(frozen=True, slots=True)
class MediaPage:
    """Some media in the order in which they were added, how many there are in all, and where the next page begins."""

    items: tuple[MediumShown, ...]
    total: int
    next: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a person, or a model, has done: annotations whose label in force is theirs, and media that they have looked at."""

    name: str
    annotations: int
    reviewed: int


def media_page(
    project: ProjectView,
    *,
    which: Which = "all",
    text: str = "",
    label: tuple[str, ...] = (),
    limit: int = 100,
    after: int = 0,
) -> MediaPage:
    """A page of the queue.

    Parameters
    ----------
    which : {"all", "todo", "reviewed", "mine"}
        ``todo``: nobody has looked at them; ``mine``: assigned to the person.
    text : str
        Part of the name, whatever the case.
    label : tuple of str
        With an annotation of that label or one below it; empty: does not matter.
    after : int
        Where the page before ended.

    Raises
    ------
    DataError
        There is no such part of the queue.
    """
    number = project.number
    fit = [project_media.c.project == number]
    looked_at = sa.exists().where(reviews.c.project == number, reviews.c.medium == project_media.c.number)
    if which == "mine":
        mine = sa.select(assignments.c.medium).where(assignments.c.project == number, assignments.c.person == project.person.name)
        fit.append(project_media.c.number.in_(mine))
    elif which in ("todo", "reviewed"):
        fit.append(looked_at if which == "reviewed" else ~looked_at)
    elif which != "all":
        raise DataError(f"There is no part {which!r} of the queue: use all, todo, reviewed or mine.")
    if text:
        fit.append(sa.func.lower(project_media.c.name).contains(text.lower(), autoescape=True))
    with project.reading() as connection:
        veil = project.veil(connection)
        if label:
            marked = sa.select(annotation_rows.c.medium).where(
                annotation_rows.c.project == number,
                annotation_rows.c.label.in_(words_below(number, label)),
                annotation_rows.c.status < DELETED,
            )
            hidden = [row.number for row in veil.hidden()]
            for begin in range(0, len(hidden), MANY):
                marked = marked.where(~among(connection, annotation_rows.c.number, hidden[begin : begin + MANY]))
            fit.append(project_media.c.number.in_(marked))
        page = project_media.select().where(*fit, project_media.c.number > after).order_by(project_media.c.number)
        total = connection.execute(sa.select(sa.func.count()).select_from(project_media).where(*fit)).scalar_one()
        rows = connection.execute(page.limit(limit + 1)).all()
        found = shown(connection, number, rows[:limit], veil)
    return MediaPage(tuple(found), int(total), rows[limit - 1].number if len(rows) > limit else None)


def names_of(project: ProjectView, *, keys: Sequence[str] = (), names: Sequence[str] = ()) -> dict[str, str]:
    """Names of the media that are there, by their key (the hash of the file) or by their name."""
    with project.reading() as connection:
        by_key = find_media(connection, project.number, "key", keys)
        by_name = find_media(connection, project.number, "name", names)
    return {str(value): name for value, (_, _, name) in (by_key | by_name).items()}


def people(project: ProjectView) -> list[Done]:
    """Who has done how much, the busiest first."""
    marked = (
        sa.select(words.c.text, words.c.id, sa.func.sum(counts.c.n))
        .join_from(counts, words, (words.c.project == counts.c.project) & (words.c.id == counts.c.author))
        .where(counts.c.project == project.number, counts.c.status < DELETED, words.c.kind == "person")
        .group_by(words.c.text, words.c.id)
    )
    seen = sa.select(reviews.c.author, sa.func.count()).where(reviews.c.project == project.number).group_by(reviews.c.author)
    with project.reading() as connection:
        hidden = Counter(row.author for row in project.veil(connection).hidden())
        made = {row[0]: n for row in connection.execute(marked) if (n := int(row[2]) - hidden[row[1]])}
        looked = {row[0]: int(row[1]) for row in connection.execute(seen)}
    done = [Done(name or "unknown", made.get(name, 0), looked.get(name, 0)) for name in made.keys() | looked.keys()]
    return sorted(done, key=lambda each: (-each.annotations, -each.reviewed, each.name))


def days(project: ProjectView, *, since: str) -> list[tuple[str, int]]:
    """How many annotations were made on each day (ISO 8601, UTC) since a time, in order; in a blind session only the person's own."""
    # The numbers stand in the text: as parameters PostgreSQL would take the two expressions for different ones.
    day = sa.func.substr(events.c.time, sa.literal_column("1"), sa.literal_column("10"))
    with project.reading() as connection:
        first = sequence_at(connection, project.number, since)
        query = (
            sa.select(day, sa.func.count())
            .where(events.c.project == project.number, events.c.sequence > first, events.c.kind == "create")
            .group_by(day)
            .order_by(day)
        )
        if project.veil(connection):
            query = query.where(events.c.author == project.person.name)
        return [(row[0], int(row[1])) for row in connection.execute(query)]
