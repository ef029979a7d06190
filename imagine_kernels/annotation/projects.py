"""Projects: media that several people annotate together, with the whole history of who did what.

::

    store = Projects()                                          # annotations.db, or the PostgreSQL of IMAGINE_ANNOTATIONS
    project = store.create("Reef 2026", by=Person("anna"))
    project.add_media([Medium(name="dive-1/0001.jpg", width=4000, height=3000)])
    saved = project.add(Annotation(id=str(uuid4()), medium="dive-1/0001.jpg", shape=Shape.of("point", (10, 20))))
    project.change(saved.id, base=saved.version, labels=(LabelGiven(path=("Biota", "Sponges")),))
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from imagine_kernels.annotation.database import Database
from imagine_kernels.annotation.events import GENESIS, now, plain
from imagine_kernels.annotation.label_trees import LabelTree, LabelTrees
from imagine_kernels.annotation.project import Project
from imagine_kernels.annotation.roles import Person, held, highest
from imagine_kernels.annotation.schema import counts, project_media, projects, roles
from imagine_kernels.annotation.writing import Writing
from imagine_kernels.errors import DataError


@dataclass(frozen=True, slots=True)
class Summary:
    """A project in a list."""

    name: str
    uid: str
    use_case: str
    description: str
    role: str
    annotations: int


class Projects:
    """The projects in a database.

    Parameters
    ----------
    where : path, str or Database, optional
        See `Database`.

    Attributes
    ----------
    trees : LabelTrees
    """

    def __init__(self, where: Path | str | Database | None = None) -> None:
        self.database = where if isinstance(where, Database) else Database(where)
        self.trees = LabelTrees(self.database)

    def create(
        self,
        name: str,
        *,
        by: Person,
        use_case: str = "",
        description: str = "",
        tree: LabelTree | None = None,
    ) -> Project:
        """A new project, owned by whoever makes it.

        Raises
        ------
        DataError
            There is a project of that name already, or the name cannot be kept.
        """
        plain(name, "The name of a project", longest=200)
        uid, time = secrets.token_hex(8), now()
        values = {"uid": uid, "name": name, "use_case": use_case, "description": description, "author": by.name, "created": time}
        with self.database.writing() as connection:
            if connection.execute(sa.select(projects.c.id).where(projects.c.name == name)).first():
                raise DataError(f"There is a project {name!r} already: open that one, or choose another name.")
            added = {"tree": "", "tree_version": 0, "head": 0, "time": time, "hash": GENESIS}
            number = connection.execute(projects.insert().values(**values, **added)).inserted_primary_key[0]  # type: ignore[index]
            connection.execute(roles.insert().values(project=number, who=f"user:{by.name}", role="own"))
            writing = Writing(connection, number, by, "own", {})
            writing.append("project", "", {"format": 1, **values})
            writing.plainly("role", "", {"who": f"user:{by.name}", "role": "own"})
            if tree is not None:
                writing.append(
                    "tree", "", {"tree": tree.uid, "version": tree.version, "sha256": tree.sha256 if tree.frozen else ""}
                )
            writing.flush(**({} if tree is None else {"tree": tree.uid, "tree_version": tree.version}))
        return Project(self.database, uid, by)

    def open(self, name: str, *, by: Person) -> Project:
        """A project by its name or uid; see `ProjectView` for what can be wrong."""
        return Project(self.database, name, by)

    def of(self, by: Person) -> list[Summary]:
        """The projects in which somebody has a role, by name."""
        n = sa.select(sa.func.coalesce(sa.func.sum(counts.c.n), 0)).where(counts.c.project == projects.c.id).scalar_subquery()
        found = []
        with self.database.reading() as connection:
            for row in connection.execute(sa.select(projects, n.label("n"), held(by)).order_by(projects.c.name)).all():
                role = highest(row.held)
                if role is not None:
                    found.append(Summary(row.name, row.uid, row.use_case, row.description, role, int(row.n)))
        return found

    def with_medium(self, sha256: str, *, by: Person) -> list[tuple[str, str]]:
        """Name of project and of medium wherever the file with that hash is used, in projects that the person may see."""
        query = (
            sa.select(projects.c.name, project_media.c.name)
            .join_from(projects, project_media)
            .where(project_media.c.sha256 == sha256.lower())
            .order_by(projects.c.name)
        )
        seen = {summary.name for summary in self.of(by)}
        with self.database.reading() as connection:
            return [(row[0], row[1]) for row in connection.execute(query) if row[0] in seen]

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
