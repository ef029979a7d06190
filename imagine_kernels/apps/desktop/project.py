"""A project that is annotated in napari: every change is in the store before the next one, and what others do appears."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagine_kernels.annotation import Conflict, Edit, Filter, Stored
from imagine_kernels.annotation.events import OF_ANNOTATIONS
from imagine_kernels.annotation.queue import media_page
from imagine_kernels.apps.desktop.arrays import Opened, open_medium
from imagine_kernels.apps.desktop.layers import MASKS, MarkLayers
from imagine_kernels.apps.desktop.mosaic import DISCARDED, colours_of
from imagine_kernels.apps.desktop.showing import add_medium, place_of, place_of_marks, without_warnings
from imagine_kernels.apps.desktop.words import told
from imagine_kernels.errors import DataError, ImagineError, LabelError, UnknownName
from imagine_kernels.records import Annotation, LabelGiven, Medium, Shape, Status

if TYPE_CHECKING:
    from imagine_kernels.annotation import LabelTree, Project, Projects
    from imagine_kernels.annotation.reading import MediumShown
    from imagine_kernels.apps.annotate.places import Places

#: Annotations of one medium that are shown; napari draws about a thousand in a second.
MOST_MARKS = 20_000
#: Media in the list.
MOST_MEDIA = 20_000
_PAGE = 2000
_STATUS: dict[str, Status] = {"validate": "validated", "dubious": "dubious", "discard": "discarded"}


class ProjectDesk:
    """A project in a window.

    Parameters
    ----------
    viewer : napari.Viewer
    store : Projects
    project : Project
    places : Places
        Where the files lie.
    """

    def __init__(self, viewer: Any, store: Projects, project: Project, places: Places) -> None:
        self.viewer, self.store, self.project, self.places = viewer, store, project, places
        self.tree: LabelTree | None = store.trees.get(project.tree, project.tree_version) if project.tree else None
        self._colours = colours_of(" > ".join(label.path) for label in self.tree.labels) if self.tree else {}
        self._colours |= {" > ".join(each.path): each.color for each in (self.tree.labels if self.tree else ()) if each.color}
        #: The label that is drawn next.
        self.label: tuple[str, ...] | None = None
        self.marks: dict[str, Stored] = {}
        self.medium: Medium | None = None
        self.opened: Opened | None = None
        self.layers: MarkLayers | None = None
        #: Changes that met somebody else's, and what both are.
        self.conflicts: dict[str, tuple[Edit, Conflict]] = {}
        self._head = project.head[0]
        self._arrived: set[str] = set()
        self.said = ""
        #: What is called with each sentence, and when something of what the dock shows is different.
        self.tell: Callable[[str], None] = lambda _: None
        self.shown: Callable[[], None] = lambda: None
        #: Called soon after a person has changed something.
        self.soon: Callable[[], None] = self.save

    # Media.

    def media(self) -> list[MediumShown]:
        """All media in the order in which they were added, up to `MOST_MEDIA`."""
        found: list[MediumShown] = []
        after = 0
        while len(found) < MOST_MEDIA:
            page = media_page(self.project, limit=_PAGE, after=after)
            found += page.items
            if page.next is None:
                break
            after = page.next
        return found

    def first(self) -> str | None:
        """The first medium that nobody has looked at and whose file is here; else the first of all."""
        todo = [each.medium.name for each in media_page(self.project, which="todo", limit=_PAGE).items]
        every = [each.medium.name for each in media_page(self.project, limit=_PAGE).items]
        here = (name for name in (*todo, *every) if self.places.find(name) is not None)
        return next(here, next(iter([*todo, *every]), None))

    def open(self, name: str) -> None:
        """Show a medium and what is marked in it; where it cannot be shown the one before stays.

        Raises
        ------
        DataError
            Its file is not here, or damaged.
        UnknownName
            The project has no such medium.
        """
        self.save()
        medium = self.project.medium(name).medium
        opened = open_medium(self.places.open(name), medium)
        with without_warnings(opened), without_warnings(self.opened):
            self._show(name, medium, opened)
        more = f" {self.layers.unshown} of them have no place in a layer." if self.layers and self.layers.unshown else ""
        self.say(f"{len(self.marks)} annotations.{more}")
        self.shown()

    def _show(self, name: str, medium: Medium, opened: Opened) -> None:
        self.close()
        # Read before the marks: what happens in between is told then, and never missed.
        self._head = self.project.head[0]
        self.medium, self.opened = medium, opened
        self.marks.update(self._read(name))
        place = place_of(opened, medium.pixel_size_m)
        add_medium(self.viewer, opened, name, place)
        place = place_of_marks(opened, place)
        self.layers = MarkLayers(
            self.viewer, opened, place, marks=self.marks, colour=self.colour, draft=self._draft, touched=self._soon
        )
        self.viewer.title = f"{name} – {self.project.name}"
        self.viewer.reset_view()
        self.layers.fit_lines()

    def close(self) -> None:
        """Take the medium out of the window."""
        if self.layers is not None:
            self.layers.close()
        if self.medium is not None and self.medium.name in self.viewer.layers:
            self.viewer.layers.remove(self.medium.name)
        if self.opened is not None:
            self.opened.close()
        self.layers = self.medium = self.opened = None
        self.marks.clear()
        self.conflicts.clear()
        self._arrived.clear()

    def step(self, by: int) -> None:
        """Open the medium that comes `by` later."""
        names = [each.medium.name for each in self.media()]
        at = names.index(self.medium.name) if self.medium is not None and self.medium.name in names else -1
        if not 0 <= at + by < len(names):
            self.say("This is the last medium." if by > 0 else "This is the first medium.")
            return
        self.open(names[at + by])

    def review(self) -> None:
        """Note that the person has looked at all of it, and go on to the next one."""
        if self.medium is None:
            return
        self.save()
        name = self.medium.name
        self.project.review(name)
        self.step(1)
        self.say(f"You have looked at all of {name}. {self.said}")
        self.shown()

    # What the person asks.

    def act(self, name: str) -> None:
        """Do what a button or key of that name stands for; an error becomes a sentence in the dock."""
        try:
            if name in ("next", "previous"):
                self.step(1 if name == "next" else -1)
            elif name == "review":
                self.review()
            elif name in _STATUS:
                self.give(status=_STATUS[name])
            elif name in ("undo", "redo"):
                self._take_back(redo=name == "redo")
            elif name == "paint":
                self._paint()
            elif name in ("theirs", "mine"):
                self.decide(mine=name == "mine")
        except ImagineError as error:
            self.say(str(error))

    def give(self, *, label: tuple[str, ...] | None = None, status: Status | None = None) -> None:
        """Give the selected annotations a label, which validates them, or a status; without any the label is drawn next."""
        self.save()
        if label is not None:
            self.label = label
        chosen = self.layers.selected if self.layers is not None else []
        if not chosen:
            self.say(f"{label[-1]} is drawn next." if label else "Select annotations first.")
            return
        edits = []
        for id_ in chosen:
            stored = self.marks[id_]
            labels = None
            if label is not None:
                others = [each for each in stored.annotation.labels if each.annotator != self.project.person.name]
                labels = (LabelGiven(path=label), *others)
            edits.append(Edit(id=id_, base=stored.version, labels=labels, status=status or "validated"))
        self.write(edits)

    def decide(self, *, mine: bool) -> None:
        """Settle the first conflict: theirs stays, or the person's own is written over it."""
        if not self.conflicts:
            return
        id_, (edit, conflict) = next(iter(self.conflicts.items()))
        del self.conflicts[id_]
        if mine and conflict.theirs is not None:
            now = self.project.get(id_)
            back = False if now.deleted and edit.deleted is None else edit.deleted
            self.write([replace(edit, base=now.version, deleted=back)])
        else:
            self.say("Theirs stays.")
        self._show_conflicts()

    def save(self) -> None:
        """Write what the person has changed in the layers since the last time."""
        if self.layers is None or self.layers.busy:
            return
        found = self.layers.changes()
        if found.edits:
            self.write(found.edits)
        if found.refused:
            self.layers.redraw(found.refused)
            self.say(next(iter(found.refused.values())))

    def write(self, edits: Sequence[Edit]) -> None:
        """Save edits; what cannot be kept is told, and drawn again as the store has it."""
        saved: list[str] = []
        refused: list[str] = []
        try:
            self._save(edits, saved, refused)
        except ImagineError as error:
            refused = [edit.id for edit in edits]
            self.say(str(error))
        self._take(saved)
        if self.layers is not None:
            as_drawn = {edit.id for edit in edits if edit.id in saved and not edit.deleted and edit.id in self.marks}
            self.layers.settle(as_drawn)
            self.layers.redraw([id_ for id_ in (*refused, *saved) if id_ not in as_drawn])
        if saved and not refused and not self.conflicts:
            self.say("Saved." if len(saved) == 1 else f"{len(saved)} saved.")
        self.shown()

    def _save(self, edits: Sequence[Edit], saved: list[str], refused: list[str]) -> None:
        try:
            outcome = self.project.write(edits)
        except (DataError, LabelError, UnknownName) as error:
            if len(edits) == 1:
                refused.append(edits[0].id)
                self.say(str(error))
                return
            # None of them was saved: each by itself shows which one cannot be.
            for edit in edits:
                self._save([edit], saved, refused)
            return
        saved += [each.id for each in outcome.saved]
        self._meet(outcome.conflicts, {edit.id: edit for edit in edits})

    # What others do.

    def follow(self) -> None:
        """Look what others have done; called every second. A drawing that has begun is waited for."""
        try:
            head = self.project.head[0]
            if head != self._head:
                events = self.project.changes_since(self._head)
                self._head = events[-1].sequence if events else head
                self._arrived |= {event.subject for event in events if event.kind in OF_ANNOTATIONS}
                if any(event.kind not in OF_ANNOTATIONS for event in events):
                    self.shown()
        except ImagineError as error:
            # A database that is away for a while comes back.
            self.say(str(error))
            return
        if self.layers is None or self.opened is None or self.layers.busy:
            return
        if self._arrived:
            self.save()
            self._take_others()
        if self.opened.news.is_set():
            self.opened.news.clear()
            self.viewer.layers[self.medium.name].refresh()  # type: ignore[union-attr]

    def _take_others(self) -> None:
        before = {id_: self.marks[id_].version for id_ in self._arrived if id_ in self.marks}
        names = self._take(list(self._arrived))
        fresh = [id_ for id_ in self._arrived if before.get(id_) != (self.marks[id_].version if id_ in self.marks else None)]
        self._arrived.clear()
        if fresh and self.layers is not None:
            self.layers.redraw(fresh)
            self.say(f"{' and '.join(sorted(names)) or 'Somebody'} changed {len(fresh)} of the annotations.")
            self.shown()

    def _take(self, ids: Sequence[str]) -> set[str]:
        """Read these again into `marks`; who gave their labels is given back."""
        people = set()
        for stored in self.project.several(ids):
            if stored.deleted or self.medium is None or stored.annotation.medium != self.medium.name:
                self.marks.pop(stored.annotation.id, None)
            else:
                self.marks[stored.annotation.id] = stored
                people |= {each.annotator for each in stored.annotation.labels[:1] if each.annotator}
        return people

    def _meet(self, conflicts: Sequence[Conflict], edits: Mapping[str, Edit]) -> None:
        """Keep what met somebody else's; where both have changed different parts, both hold."""
        for conflict in conflicts:
            edit = edits[conflict.id]
            if not conflict.parts and conflict.theirs is not None and not conflict.theirs.deleted:
                again = self.project.write([replace(edit, base=conflict.theirs.version)])
                if again.saved:
                    self._arrived.add(conflict.id)
                    continue
                conflict = again.conflicts[0]
            self.conflicts[conflict.id] = (edit, conflict)
            self._take([conflict.id])
            if self.layers is not None:
                self.layers.redraw([conflict.id])
        if conflicts:
            self._show_conflicts()

    def _show_conflicts(self) -> None:
        if self.layers is not None:
            ours = [(id_, each.ours.annotation) for id_, (_, each) in self.conflicts.items() if each.ours is not None]
            self.layers.show_ours(ours)
        for _, conflict in list(self.conflicts.values())[:1]:
            self.say(told(conflict))
        self.shown()

    # What follows.

    def say(self, sentence: str) -> None:
        """Tell the person."""
        self.said = sentence
        self.viewer.status = sentence
        self.tell(sentence)

    def colour(self, annotation: Annotation) -> str:
        """Of the label in force; grey where it is discarded."""
        if annotation.status == "discarded":
            return DISCARDED
        if not annotation.labels:
            return "#ffffff"
        return self.colour_of(annotation.labels[0].path)

    def colour_of(self, path: tuple[str, ...]) -> str:
        """Of a label: its own, or the next of eight."""
        name = " > ".join(path)
        if name not in self._colours:
            self._colours[name] = colours_of([*self._colours, name])[name]
        return self._colours[name]

    def _soon(self) -> None:
        self.soon()

    def _draft(self, id_: str, shape: Shape) -> Annotation:
        assert self.medium is not None  # there are layers
        labels = (LabelGiven(path=self.label),) if self.label else ()
        return Annotation(id=id_, medium=self.medium.name, shape=shape, labels=labels)

    def _read(self, name: str) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        after = None
        while len(found) < MOST_MARKS:
            page = self.project.page(Filter(medium=name), limit=_PAGE, after=after)
            found |= {each.annotation.id: each for each in page.items}
            after = page.next
            if after is None:
                break
        return found

    def _take_back(self, *, redo: bool) -> None:
        self.save()
        outcome = self.project.redo() if redo else self.project.undo()
        if outcome is None:
            self.say(f"There is nothing to {'redo' if redo else 'undo'}.")
            return
        ids = [each.id for each in outcome.saved]
        self._take(ids)
        if self.layers is not None:
            self.layers.redraw(ids)
        left = f" {len(outcome.conflicts)} stay, because somebody else has changed them since." if outcome.conflicts else ""
        self.say(("Done again." if redo else "Taken back.") + left)
        self.shown()

    def _paint(self) -> None:
        if self.layers is None or self.opened is None or self.opened.times is not None or self.opened.upwards:
            self.say("Masks are painted in pictures only.")
            return
        self.save()
        scale, (_, row, column) = self.layers.place["scale"], self.viewer.scene.camera.center
        self.layers.paint(column / scale[1] + 0.5, row / scale[0] + 0.5)
        self.viewer.layers.selection.active = self.viewer.layers[MASKS]
        self.viewer.layers[MASKS].mode = "paint"
        self.say("Paint with the brush; M begins another mask.")
