"""A project to work with: every write is an event in its history, checked for the role of who writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from imagine_kernels.annotation import projection
from imagine_kernels.annotation.database import Database
from imagine_kernels.annotation.edits import Edit, Outcome, Saved
from imagine_kernels.annotation.encoding import medium_json, medium_key
from imagine_kernels.annotation.events import folded, plain
from imagine_kernels.annotation.label_trees import LabelTree, read_tree
from imagine_kernels.annotation.moving import move
from imagine_kernels.annotation.reading import ProjectView
from imagine_kernels.annotation.roles import Person, Role, check_names
from imagine_kernels.annotation.saving import save
from imagine_kernels.annotation.schema import assignments, projects, reviews, roles
from imagine_kernels.annotation.taking_back import histories_of, last_of_step, last_step, take_back
from imagine_kernels.annotation.writing import Writing
from imagine_kernels.errors import DataError
from imagine_kernels.records import Annotation, Medium, Problem

#: How many new annotations are written in one transaction: others wait that long at most.
AT_ONCE = 10_000


class Project(ProjectView):
    """A project to work with; what is given back is on the disk.

    See `ProjectView` for how to look at it. Every write checks the role of the person, and raises `NotAllowed` where it is too low.
    """

    def __init__(self, database: Database, uid: str, person: Person) -> None:
        super().__init__(database, uid, person)
        self._known: dict[tuple[str, str], int] = {}
        self._new = 0
        self._paths: dict[tuple[str, int], frozenset[tuple[str, ...]]] = {}

    @contextlib.contextmanager
    def writing(self, role: Role, **values: Any) -> Iterator[Writing]:
        """One transaction, for the modules beside this one."""
        with (
            self.database.writing() as connection,
            Writing(connection, self.number, self.person, role, self._known) as writing,
        ):
            yield writing
            writing.flush(**values)
        writing.words.remember()

    def add_media(self, media: Iterable[Medium]) -> int:
        """Add media; those whose content is there already stay as they are. The number of new ones is given back.

        Raises
        ------
        DataError
            Another medium has that name.
        """
        given = {medium_key(medium): medium_json(medium) for medium in media}
        with self.writing("annotate") as writing:
            known = writing.media(list(given), by="key")
            taken = writing.media([state["name"] for key, state in given.items() if key not in known])
            if taken:
                name = next(iter(taken))
                raise DataError(f"The project has another medium of the name {name!r}: give the new one another name.")
            for key, state in given.items():
                if key not in known:
                    writing.medium(key, state)
        return len(given) - len(known)

    def add(self, annotation: Annotation, *, key: str = "") -> Saved:
        """Save a new annotation; its id is a UUID that the page has made.

        Raises
        ------
        Conflict
            There is another annotation of that id.
        DataError, LabelError
            It cannot be kept.
        """
        return self._one(self.write([Edit.new(annotation, key=key)]))

    def change(self, annotation_id: str, *, base: int, key: str = "", **parts: Any) -> Saved:
        """Change parts of an annotation: ``shape``, ``labels``, ``status``, ``track``, ``attributes``, ``medium``, ``deleted``.

        Raises
        ------
        Conflict
            It is not at the version `base` any more.
        """
        return self._one(self.write([Edit(id=annotation_id, base=base, key=key, **parts)]))

    def delete(self, annotation_id: str, *, base: int, key: str = "") -> Saved:
        """Delete an annotation; ``change(…, deleted=False)`` brings it back. Raises `Conflict` as `change` does."""
        return self.change(annotation_id, base=base, key=key, deleted=True)

    def write(self, edits: Sequence[Edit]) -> Outcome:
        """Save several edits at one go, to be undone at one go; those that meet somebody else's are in the conflicts."""
        with self.writing("annotate") as writing:
            return save(writing, edits, self.allowed_labels)

    def add_many(self, annotations: Iterable[Annotation], *, problems: list[Problem] | None = None) -> int:
        """Save new annotations by the thousand; those that are there already, with the same id and content, are not counted.

        Parameters
        ----------
        annotations : iterable of Annotation
        problems : list of Problem, optional
            They come from a file: what cannot be kept is noted here and left out.

        Raises
        ------
        Conflict
            There is another annotation of that id; those before it are saved.
        DataError, LabelError
            One cannot be kept, and `problems` is not given.
        """
        n, rest = 0, iter(annotations)
        while part := list(islice(rest, AT_ONCE)):
            with self.writing("annotate") as writing:
                head = writing.head
                outcome = save(writing, [Edit.new(each) for each in part], self.allowed_labels, problems=problems)
                if outcome.conflicts:
                    raise outcome.conflicts[0]
            added = sum(each.version > head for each in outcome.saved)
            self.grown(added, writing.head)
            n += added
        return n

    def grown(self, added: int, head: int) -> None:
        """After many new annotations: the database looks over its tables whenever they have become twice as large."""
        self._new += added
        if self._new >= AT_ONCE // 2 and 2 * self._new >= head:
            self.database.look_over()
            self._new = 0

    def review(self, *media: str, reviewed: bool = True) -> None:
        """Note that the person has looked at all of a medium, so that "nothing there" differs from "nobody looked"."""
        with self.writing("annotate") as writing:
            found = self.found_media(writing, media)
            noted = sa.select(reviews.c.medium).where(reviews.c.project == self.number, reviews.c.author == self.person.name)
            before = set(writing.connection.execute(noted).scalars())
            for number, of, _ in found.values():
                # Sent again, it is noted once.
                if (number in before) is not reviewed:
                    given = {"medium": of, "person": self.person.name, "time": writing.time, "reviewed": reviewed}
                    writing.plainly("review", f"medium:{of}", given)

    def assign(self, *media: str, to: str | None, assigned: bool = True) -> None:
        """Note who is to look at media: one person more, or with `assigned` False one less; with None for `to` nobody any more.

        Everybody may take media for themselves and give them back; for others it needs the role ``review``.
        """
        if to is not None:
            plain(to, "The name")
        with self.writing("annotate" if to == self.person.name else "review") as writing:
            found = self.found_media(writing, media)
            of_project = sa.select(assignments.c.medium).where(assignments.c.project == self.number)
            held = of_project if to is None else of_project.where(assignments.c.person == to)
            before = set(writing.connection.execute(held).scalars())
            wanted = assigned and to is not None
            for number, of, _ in found.values():
                # Said again, it is noted once.
                if (number in before) is not wanted:
                    by = {"author": self.person.name, "time": writing.time}
                    writing.plainly("assign", f"medium:{of}", {"medium": of, "person": to, "assigned": wanted, **by})

    def give_role(self, who: str, role: Role | None) -> None:
        """Give ``user:NAME`` or ``group:NAME`` a role, or with None take it away.

        Raises
        ------
        DataError
            Nobody would own the project any more, or it is no role.
        """
        check_names(who, role)
        with self.writing("own") as writing:
            writing.plainly("role", "", {"who": who, "role": role})
            owners = sa.select(roles.c.who).where(roles.c.project == self.number, roles.c.role == "own")
            if not writing.connection.execute(owners).first():
                raise DataError(f"{who} is the last owner of the project {self.name}: make somebody else an owner first.")

    def describe(self, *, name: str | None = None, description: str | None = None) -> None:
        """Change the name or the description."""
        values = {key: value for key, value in {"name": name, "description": description}.items() if value is not None}
        if name is not None:
            plain(name, "The name of a project", longest=200)
        with self.writing("own", **values) as writing:
            taken = sa.select(projects.c.id).where(projects.c.name == name, projects.c.id != self.number)
            if name is not None and writing.connection.execute(taken).first():
                raise DataError(f"There is a project {name!r} already: choose another name.")
            writing.append("project", "", values)
        self.name, self.description = name or self.name, self.description if description is None else description

    def move_to_tree(self, tree: LabelTree, *, renamed: Mapping[tuple[str, ...], tuple[str, ...]] | None = None) -> int:
        """Take another label tree or version; annotations get the new path of each renamed label. Their number is given back.

        Raises
        ------
        LabelError
            Annotations have labels that are neither in the new tree nor renamed.
        """
        with self.writing("own", tree=tree.uid, tree_version=tree.version) as writing:
            n = move(writing, tree, dict(renamed or {}))
        self.tree, self.tree_version = tree.uid, tree.version
        return n

    def undo(self, *, leave_conflicts: bool = False) -> Outcome | None:
        """Take back the person's last step; None where there is none.

        Raises
        ------
        Conflict
            Somebody else has changed all of it since; with `leave_conflicts` theirs stays, and the step counts as taken back.
        """
        return self._take_back(redo=False, leave=leave_conflicts)

    def redo(self, *, leave_conflicts: bool = False) -> Outcome | None:
        """Take back the person's last undo; None where there is none since their last step. Raises as `undo` does."""
        return self._take_back(redo=True, leave=leave_conflicts)

    def revert(self, annotation_id: str, *, to: int) -> Saved:
        """Set an annotation back to what it was after the event of a sequence; before it was made it is deleted."""
        with self.writing("annotate") as writing:
            row = writing.row(annotation_id)
            ((_, history),) = histories_of(writing.connection, self.number, [annotation_id])
            wanted = folded(history, until=to) or {"deleted": True}
            parts = {name: value for name, value in wanted.items() if row.state.get(name) != value}
            if parts:
                row = writing.change(row, parts, kind="revert", to=to)
            return Saved(row.id, row.version)

    def revert_span(self, first: int, last: int) -> Outcome:
        """Set back what the events from `first` to `last` did to annotations; what was changed again since is in the conflicts."""
        with self.writing("review") as writing:
            return take_back(writing, first, last, kind="revert")

    def rebuild(self) -> int:
        """Make the current state anew from the history; the number of annotations is given back."""
        with self.writing("own") as writing:
            return projection.rebuild(writing.connection, self.number)

    def _take_back(self, *, redo: bool, leave: bool) -> Outcome | None:
        with self.writing("annotate") as writing:
            step = last_step(writing.connection, self.number, self.person.name, redo=redo)
            if step is None:
                return None
            last, head = last_of_step(writing.connection, self.number, step), writing.head
            outcome = take_back(writing, step, last, kind="redo" if redo else "undo", undoes=step)
            if outcome.conflicts and not outcome.saved and not leave:
                raise outcome.conflicts[0]
            if writing.head == head:
                # Nothing was left to do: noted, so that the next undo goes on to what was before.
                some = outcome.saved[0].id if outcome.saved else outcome.conflicts[0].id
                writing.change(writing.row(some), {}, kind="redo" if redo else "undo", undoes=step)
            return outcome

    def allowed_labels(self, writing: Writing) -> frozenset[tuple[str, ...]] | None:
        """The labels that may be given; None where the project has no label tree. From now on that version is frozen."""
        if not writing.tree:
            return None
        version = (writing.tree, writing.tree_version)
        if version not in self._paths:
            writing.freeze_tree()
            self._paths = {version: read_tree(writing.connection, *version).paths}
        return self._paths[version]

    @staticmethod
    def found_media(writing: Writing, names: Sequence[str]) -> dict[str, tuple[int, str, str]]:
        """Number, key and name of media, for the modules beside this one; `DataError` where one is missing."""
        found = writing.media(names)
        missing = [name for name in names if name not in found]
        if missing:
            raise DataError(f"There is no medium {missing[0]!r} in the project: add it first.")
        return found

    def _one(self, outcome: Outcome) -> Saved:
        if outcome.conflicts:
            raise outcome.conflicts[0]
        return outcome.saved[0]
