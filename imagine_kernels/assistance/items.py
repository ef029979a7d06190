"""The things of a project that have one label each: marks, and media in which nothing is marked."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from imagine_kernels.annotation import Project, Stored
from imagine_kernels.annotation.database import among
from imagine_kernels.annotation.encoding import annotation_of, medium_key, medium_of
from imagine_kernels.annotation.projection import DELETED, read
from imagine_kernels.annotation.schema import annotation_rows, project_media, reviews
from imagine_kernels.records import LabelGiven, Medium, Shape, Status

#: Media that are read from the database at a time.
_AT_ONCE = 400
WHOLE = Shape("whole")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A mark, or a medium as a whole.

    Attributes
    ----------
    medium : Medium
    shape : Shape
    id : str or None
        Of the mark; None where nothing is marked in the medium yet.
    version : int
        Of the mark, also of one that was taken back; 0 where there never was one.
    labels : tuple of LabelGiven
    status : Status or ""
    made : int
        The sequence at which the mark was made; as `version` where nobody has changed it since.
    since : int
        The sequence at which it came into the project: for a medium as a whole that of the medium.
    """

    medium: Medium
    shape: Shape = WHOLE
    id: str | None = None
    version: int = 0
    labels: tuple[LabelGiven, ...] = ()
    status: Status | str = ""
    made: int = 0
    since: int = 0

    @property
    def path(self) -> Path:
        """The path of the label in force; empty where there is none."""
        return self.labels[0].path if self.labels else ()

    @property
    def key(self) -> str:
        """What stands for it, also after a medium as a whole has got its mark."""
        return f"whole:{self.medium.name}" if self.shape == WHOLE or self.id is None else self.id

    @property
    def by_people(self) -> bool:
        """Whether a person stands behind its label."""
        return bool(self.labels) and self.status == "validated"


@dataclass(frozen=True, slots=True)
class Marked:
    """A medium with its marks.

    Attributes
    ----------
    medium : Medium
        `Medium.reviewed` says whether somebody has looked at all of it.
    items : tuple of Item
        The marks that are there.
    since : int
        The sequence at which the medium came into the project.
    touched : bool
        Something is or was marked in it, also what was deleted or may not be seen now, or somebody has found that nothing is there.
    undone : int
        The version of a mark for the medium as a whole that a person gave and took back, which counts as nothing; 0 where there is none.
    """

    medium: Medium
    items: tuple[Item, ...]
    since: int
    touched: bool
    undone: int = 0

    @property
    def whole(self) -> Item:
        """The medium as a whole, in which nothing is marked."""
        return Item(medium=self.medium, version=self.undone, since=self.since)


def item_of(stored: Stored, medium: Medium, *, made: int = 0, since: int = 0) -> Item:
    """The item of a mark."""
    found = stored.annotation
    return Item(
        medium=medium,
        shape=found.shape,
        id=found.id,
        version=stored.version,
        labels=found.labels,
        status=found.status,
        made=made,
        since=since,
    )


def marked_media(project: Project, *, only: str | None = None) -> Iterator[Marked]:
    """The media of a project with their marks, in the order in which they were added; or the one of that name."""
    after = 0
    while True:
        query = project_media.select().where(project_media.c.project == project.number, project_media.c.number > after)
        if only is not None:
            query = query.where(project_media.c.name == only)
        with project.reading() as connection:
            rows = connection.execute(query.order_by(project_media.c.number).limit(_AT_ONCE)).all()
            numbers = [row.number for row in rows]
            looked = sa.select(reviews.c.medium).where(
                reviews.c.project == project.number, among(connection, reviews.c.medium, numbers)
            )
            reviewed = set(connection.execute(looked).scalars())
            marks = annotation_rows.select().where(
                annotation_rows.c.project == project.number, among(connection, annotation_rows.c.medium, numbers)
            )
            veil, touched = project.veil(connection), set(reviewed)
            found: dict[int, list[Item]] = {number: [] for number in numbers}
            media = {row.number: medium_of(json.loads(row.state), reviewed=row.number in reviewed) for row in rows}
            undone: dict[int, int] = {}
            for each in connection.execute(marks.order_by(annotation_rows.c.number)):
                row = read(each)
                if (
                    row.status == DELETED
                    and row.state["status"] == "validated"
                    and row.id == whole_id(project, media[row.medium])
                ):
                    undone[row.medium] = row.version
                    continue
                touched.add(row.medium)
                if row.status != DELETED and not veil.hides(row):
                    medium = media[row.medium]
                    held = Stored(annotation_of(row.state, annotation_id=row.id, medium=medium.name), row.version)
                    since = row.medium if held.annotation.shape == WHOLE else row.number
                    found[row.medium].append(item_of(held, medium, made=row.number, since=since))
        for number, medium in media.items():
            yield Marked(medium, tuple(found[number]), number, number in touched, undone.get(number, 0))
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].number


def items_of(project: Project) -> Iterator[Item]:
    """Every mark, and every medium as a whole in which nothing was marked and nobody has found that nothing is there."""
    for marked in marked_media(project):
        yield from marked.items
        if not marked.touched:
            yield marked.whole


def find(project: Project, keys: Sequence[tuple[str, str | None]]) -> list[Item | None]:
    """Items as they are now, by medium and id (None: the medium as a whole); None where one is gone."""
    stored = {each.annotation.id: each for each in project.several([id_ for _, id_ in keys if id_]) if not each.deleted}
    media: dict[str, Medium] = {}
    for name in dict.fromkeys(name for name, _ in keys):
        media[name] = project.medium(name).medium
    return [
        Item(medium=media[name]) if id_ is None else item_of(stored[id_], media[name]) if id_ in stored else None
        for name, id_ in keys
    ]


def content_of(medium: Medium) -> str:
    """What stands for the content of a medium: its hash, or where that is not known its name."""
    return medium_key(medium)


def whole_id(project: Project, medium: Medium) -> str:
    """The id of the mark for a medium as a whole: the same each time, so that it is made once."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"imagine:{project.uid}:whole:{content_of(medium)}"))


def is_held_out(medium: Medium) -> bool:
    """Whether a medium is among the fifth that no training on this machine or any other ever sees; its content decides."""
    digest = hashlib.sha256(f"held out:{content_of(medium)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 5 == 0
