"""Who has marked what in a project, by person: what the calculations of `imagine_kernels.measures.agreement` begin with.

::

    marked = marked_by(project)
    marks  = {person: each.annotations for person, each in marked.items()}
    looked = {person: each.media for person, each in marked.items()}
    agreement(marks, looked=looked)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import sqlalchemy as sa

from imagine_kernels.annotation.blind_sessions import Marked
from imagine_kernels.annotation.database import MANY, among
from imagine_kernels.annotation.encoding import annotation_of
from imagine_kernels.annotation.projection import DELETED, Row, find_media, read
from imagine_kernels.annotation.reading import ProjectView, all_annotations, media_names
from imagine_kernels.annotation.schema import annotation_rows, reviews
from imagine_kernels.errors import UnknownName
from imagine_kernels.records import Annotation, Status

#: What counts as marked: all but what somebody has discarded.
KEPT: tuple[Status, ...] = ("predicted", "validated", "dubious")


def marked_by(
    project: ProjectView,
    *,
    media: Iterable[str] | None = None,
    who: Literal["made", "named"] = "made",
    statuses: tuple[Status, ...] = KEPT,
) -> dict[str, Marked]:
    """What each person has marked, as it is now, and which media they have looked at.

    Parameters
    ----------
    project : ProjectView
        In a blind session only what may be seen; see `marked_in` for what came of one.
    media : iterable of str, optional
        Their names; all where they are left out.
    who : {"made", "named"}
        A mark is of whoever made it, or of whoever gave the label in force: a model, or for marks from a file whom the file names.
    statuses : tuple of Status

    Returns
    -------
    dict of str to Marked
        By name; of everybody who has marked or looked at something.

    Raises
    ------
    UnknownName
        A medium is not in the project.
    """
    made: dict[str, list[Annotation]] = {}
    looked: dict[str, set[str]] = {}
    with project.reading() as connection:
        names = media_names(connection, project.number)
        if media is not None:
            wanted = list(dict.fromkeys(media))
            here = find_media(connection, project.number, "name", wanted)
            missing = [name for name in wanted if name not in here]
            if missing:
                raise UnknownName(f"There is no medium {missing[0]!r} in the project {project.name}: check the spelling.")
            names = {here[name][0]: name for name in wanted}
        for row in _rows(project, connection, None if media is None else sorted(names)):
            state = row.state
            if state["status"] in statuses:
                found = annotation_of(state, annotation_id=row.id, medium=names[row.medium])
                first = found.labels[0].annotator if found.labels else ""
                person = (first if who == "named" else "") or state["by"]
                made.setdefault(person, []).append(found)
                looked.setdefault(person, set()).add(found.medium)
        for review in connection.execute(reviews.select().where(reviews.c.project == project.number)):
            if review.medium in names:
                looked.setdefault(review.author, set()).add(names[review.medium])
    return {person: Marked(tuple(made.get(person, ())), frozenset(looked[person])) for person in sorted(looked)}


def _rows(project: ProjectView, connection: sa.Connection, media: list[int] | None) -> Iterator[Row]:
    """The annotations that may be seen, of the media of those numbers or of all, in the order in which they were made."""
    veil = project.veil(connection)
    if media is None:
        yield from all_annotations(connection, project.number, veil)
        return
    rows: list[Row] = []
    for begin in range(0, len(media), MANY):
        query = annotation_rows.select().where(
            annotation_rows.c.project == project.number,
            annotation_rows.c.status != DELETED,
            among(connection, annotation_rows.c.medium, media[begin : begin + MANY]),
        )
        rows += [row for row in map(read, connection.execute(query)) if not veil.hides(row)]
    yield from sorted(rows, key=lambda row: row.number)
