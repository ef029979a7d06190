"""The annotate app: choose or make a project, mark and name what is in its media, see what others do meanwhile.

Nothing heavy is imported before the page has asked for it.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels import settings
from imagine_kernels.apps.annotate import places
from imagine_kernels.apps.annotate.arriving import Arriving
from imagine_kernels.apps.annotate.checking import Checking
from imagine_kernels.apps.annotate.helping import Helping
from imagine_kernels.apps.surroundings import desktop_url, folder_roots, home_url
from imagine_kernels.errors import DataError, ImagineError, UnknownName
from imagine_kernels.files import plain_name
from imagine_kernels.widgets.browse import FolderBrowser
from imagine_kernels.widgets.meter import Meter
from imagine_kernels.widgets.part import Answer, Part, unexpected
from imagine_kernels.widgets.transfer import Downloads
from imagine_kernels.workflow import Workflow, use_case

if TYPE_CHECKING:
    from imagine_kernels.annotation import LabelTree, Person, Projects
    from imagine_kernels.apps.annotate.adding import Added, Source
    from imagine_kernels.apps.annotate.desk import Desk

Json = dict[str, Any]
Buffers = Sequence[memoryview]
#: A new project is shown after so long, s, though not all of its media are read.
_PATIENCE_S = 5.0
_READS = (
    "pictures (PNG, JPEG, TIFF, WebP, BMP)",
    "videos (MP4, MOV, AVI, MKV, WebM, MPEG)",
    "recordings (WAV, FLAC, OGG, MP3, AIFF)",
)
_MOST_KEYS = 500
#: What the files end with that are listed besides folders: where annotations are chosen, and where media are.
_READ_FROM = {
    "annotations": (".zip", ".json", ".csv", ".tsv", ".txt", ".xml", ".yaml", ".yml"),
    "media": (".zip",),
}
_log = logging.getLogger(__name__)


def annotate(name: str) -> Part:
    """The annotate app of a use case, as a widget to show.

    Raises
    ------
    UnknownName
        No use case has that name.
    DataNotFound
        The browser part is not built.
    """
    return AnnotateApp(use_case(name)).part


class AnnotateApp:
    """Puts the parts together.

    Parameters
    ----------
    workflow : Workflow
    """

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.browser = FolderBrowser(folder_roots())
        self.uploads = Arriving(settings.home() / "uploads")
        self.downloads = Downloads()
        self.desk: Desk | None = None
        self._store: Projects | None = None
        self._opening_store, self._changing_desk = threading.Lock(), threading.Lock()
        self._jobs: list[threading.Thread] = []
        self.helping = Helping(workflow, self.current, lambda event, value: self.part.tell(event, value))  # noqa: PLW0108 (not made yet)
        answers: dict[str, Answer] = {
            "hello": self.hello,
            "browse": lambda given, _: self.browser.listing(given.get("path"), ends=_READ_FROM.get(str(given.get("files")))),
            "upload-begin": self.uploads.begin,
            "upload-part": self.uploads.part,
            "upload-end": self.uploads.end,
            "upload-drop": self.uploads.drop,
            "download-part": self.downloads.part,
            "download-end": self.downloads.end,
            "create": self.create,
            "open": self.open,
            "close": self.close_project,
            "media": lambda given, _: self.current().media(given),
            "medium": lambda given, _: self.current().medium(given),
            "add-media": self.add_media,
            "find-media": self.find_media,
            "assign": lambda given, _: self.current().assign(given),
            "tile": lambda given, _: self.current().tile(given),
            "levels": lambda given, _: self.current().levels(given),
            "frames": lambda given, _: self.current().frames(given),
            "sound": lambda given, _: self.current().sound(given),
            "write": lambda given, _: self.helping.noted(self.current().write(given)),
            "review": lambda given, _: self.current().review(given),
            "history": lambda given, _: self.current().history(given),
            "revert": lambda given, _: self.current().revert(given),
            "annotations": lambda given, _: self.current().annotations(given),
            "statistics": lambda _given, _: self.current().statistics(),
            "add-label": self.add_label,
            "read-labels": self.read_labels,
            "export": self.export,
            "import": self.bring_in,
            "keys": self.keys,
            **self.helping.answers(),
            **Checking(self.current, lambda event, value: self.part.tell(event, value)).answers(),  # noqa: PLW0108 (not made yet)
        }
        self.part = Part("annotator", answers)
        # A thread that computes while the interpreter goes away would end in a crash instead of an exit.
        atexit.register(self.close)

    def close(self) -> None:
        """Stop what runs."""
        self.helping.leave()
        with self._changing_desk:
            desk, self.desk = self.desk, None
        if desk is not None:
            desk.close()
        for job in self._jobs:
            job.join(timeout=10)
        if self._store is not None:
            self._store.close()
            self._store = None

    def current(self) -> Desk:
        """The project that is open; raises `ImagineError` where none is."""
        if self.desk is None:
            raise ImagineError("No project is open: choose one first.")
        return self.desk

    def store(self) -> Projects:
        """The projects, opened when first used."""
        from imagine_kernels.annotation import Projects

        with self._opening_store:
            if self._store is None:
                self._store = Projects()
            return self._store

    def person(self) -> Person:
        """Who works here."""
        from imagine_kernels.annotation import Person

        return Person.here()

    # Projects.

    def hello(self, _given: Mapping[str, Any], _: Buffers) -> Json:
        """The first question of the page: who works here, and which projects there are."""
        from imagine_kernels.apps.annotate.exchanging import formats

        declared, person, store = self.workflow.declaration, self.person(), self.store()
        threading.Thread(target=_warm_up, name="imagine-warm-up", daemon=True).start()
        return {
            "person": person.name,
            "title": declared.title,
            "sentence": declared.sentence,
            "projects": [
                {name: getattr(each, name) for name in ("uid", "name", "description", "role", "annotations")}
                for each in store.of(person)
                if each.use_case in ("", self.workflow.name)
            ],
            "trees": list(store.trees.names()),
            "label_sets": list(declared.label_sets),
            "formats": formats(),
            "reads": list(_READS),
            "keys": places.keys(person.name),
            "home_url": home_url(),
            "desktop_url": desktop_url(),
        }

    def create(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Make a project of the media in a folder or in what was uploaded."""
        from imagine_kernels.apps.annotate.adding import media_in

        store, person, name = self.store(), self.person(), str(given.get("name") or "").strip()
        labels = self._labels(given)
        if name in {each.name for each in store.of(person)}:
            raise DataError(f"There is a project {name!r} already: open that one, or choose another name.")
        source = self._source(given, name)
        if source is not None and not source.names:
            media_in(source.folder)
        tree = store.trees.get(str(given["tree"])) if given.get("tree") else None
        if labels is not None:
            tree = self._new_tree(name, labels[0])
        project = store.create(
            name, by=person, use_case=self.workflow.name, description=str(given.get("description") or ""), tree=tree
        )
        desk = self._open(project.uid)
        problems: list[str] = [] if labels is None else labels[1]
        if source is not None:
            problems += self._add_for_a_while(desk, source)
        summary = desk.summary()
        desk.follow()
        return {**summary, "problems": problems, "models": self.helping.models()}

    def open(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Open a project."""
        desk = self._open(str(given["project"]))
        summary = desk.summary()
        desk.follow()
        return {**summary, "models": self.helping.models()}

    def close_project(self, _given: Mapping[str, Any], _: Buffers) -> Json:
        """Put the project away."""
        self.helping.leave()
        with self._changing_desk:
            desk, self.desk = self.desk, None
        if desk is not None:
            desk.close()
        return {}

    def _open(self, uid: str) -> Desk:
        from imagine_kernels.apps.annotate.desk import Desk

        held = self.desk
        if held is not None and held.project.uid == uid:
            # Asked again after the connection was away: its files stay open.
            return held
        opened = Desk(self.store(), uid, person=self.person(), browser=self.browser, tell=self.part.tell)
        self.helping.leave()
        with self._changing_desk:
            before, self.desk = self.desk, opened
        if before is not None:
            before.close()
        return opened

    # Files.

    def add_media(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Add the media of a folder or of what was uploaded."""
        desk = self.current()
        source = self._source(given, desk.project.name)
        if source is None:
            raise DataError("Choose a folder, or drop a zip or files with the media.")
        added = self._add(desk, source)
        return {"added": added.added, "problems": added.problems}

    def find_media(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Look for missing files in another folder."""
        from imagine_kernels.apps.annotate.adding import find_again

        desk = self.current()
        folder = self._allowed_folder(given["folder"])
        return {"found": find_again(desk.project, desk.places, folder, self._meter())}

    def _source(self, given: Mapping[str, Any], name: str) -> Source | None:
        """Where the media lie; what was uploaded is unpacked. None where nothing is given."""
        from imagine_kernels.apps.annotate.adding import Source, unpacked

        target = places.folder() / "media" / plain_name(name)
        if given.get("upload"):
            path = self.uploads.arrived(given["upload"])
            source = unpacked(path, target, self._meter())
            path.unlink(missing_ok=True)
            with suppress(OSError):  # the folder of a single file goes with it, that of all uploads stays
                if path.parent != self.uploads.folder:
                    path.parent.rmdir()
            return source
        if not given.get("folder"):
            return None
        path = self.browser.allowed(given["folder"])
        return unpacked(path, target, self._meter()) if path.is_file() else Source(self._allowed_folder(path))

    def _allowed_folder(self, given: Any) -> Path:
        folder = self.browser.allowed(given)
        if not folder.is_dir():
            raise DataError(f"{given} is no folder: choose the one in which the media lie.")
        return folder

    def _add(self, desk: Desk, source: Source) -> Added:
        from imagine_kernels.apps.annotate.adding import add_source

        return add_source(desk.project, desk.places, source, self._meter())

    def _add_for_a_while(self, desk: Desk, source: Source) -> list[str]:
        """Add media; what takes long goes on in the background, and is told when it is done. What was wrong so far is given back."""
        found: list[str] = []
        shown = threading.Event()
        failed: list[ImagineError] = []

        def work() -> None:
            value: Json
            try:
                added = self._add(desk, source)
                found.extend(added.problems)
                value = {"added": added.added, "problems": added.problems}
            except ImagineError as error:
                failed.append(error)
                value = {"added": 0, "problems": [str(error)]}
            except Exception as error:  # nothing may end without an answer on the page
                _log.exception("Adding media failed")
                value = {"added": 0, "problems": [unexpected(error)]}
            if shown.is_set():
                self.part.tell("added", value)

        job = threading.Thread(target=work, name="imagine-add", daemon=True)
        self._jobs.append(job)
        job.start()
        job.join(timeout=_PATIENCE_S)
        shown.set()
        if failed:
            raise failed[0]
        return found

    # Labels and exchange.

    def add_label(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Add a label to the tree of the project."""
        from imagine_kernels.apps.annotate import exchanging
        from imagine_kernels.apps.annotate.marks import tree_to_page

        return tree_to_page(exchanging.add_label(self.store(), self.current().project, given))

    def read_labels(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Add the labels in a file to the tree of the project."""
        from imagine_kernels.apps.annotate import exchanging
        from imagine_kernels.apps.annotate.marks import tree_to_page

        path = self.uploads.arrived(given["upload"])
        tree, problems = exchanging.read_labels(self.store(), self.current().project, path)
        return {"tree": tree_to_page(tree), "problems": problems}

    def export(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Write the project in a format, to be fetched."""
        from imagine_kernels.apps.annotate import exchanging

        path, lost = exchanging.export(self.current().project, str(given["format"]))
        return {**self.downloads.offer(path, "application/octet-stream"), "lost": lost}

    def bring_in(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Add the annotations of a file or folder."""
        from imagine_kernels.apps.annotate import exchanging

        desk = self.current()
        path = self.uploads.arrived(given["upload"]) if given.get("upload") else self.browser.allowed(given["path"])
        pictures = next((each for each in desk.places.folders if each.is_dir()), None)
        self._meter()(0, 0, f"Reading {path.name}")
        added, problems = exchanging.bring_in(desk.project, path, pictures)
        return {"added": added, "problems": problems}

    def keys(self, given: Mapping[str, Any], _: Buffers) -> Json:
        """Remember the person's keys."""
        held = given.get("keys")
        if not isinstance(held, Mapping) or len(held) > _MOST_KEYS:
            raise DataError("The page has sent keys that cannot be kept: reload it.")
        places.keep_keys(self.person().name, {str(action)[:100]: str(key)[:100] for action, key in held.items()})
        return {}

    def _labels(self, given: Mapping[str, Any]) -> tuple[Any, list[str]] | None:
        """The labels of a set that comes along or in an uploaded file, read before anything is made of them."""
        sets = self.workflow.declaration.label_sets
        if given.get("label_set") and given["label_set"] not in sets:
            raise UnknownName.among("label set", str(given["label_set"]), sets)
        if not given.get("labels") and not given.get("label_set"):
            return None
        from imagine_kernels.annotation import label_files
        from imagine_kernels.apps.annotate.exchanging import told

        source = sets[given["label_set"]] if given.get("label_set") else self.uploads.arrived(given["labels"])
        labels, problems = label_files.read_labels(source)
        return labels, told(problems)

    def _new_tree(self, name: str, labels: Any) -> LabelTree:
        from imagine_kernels.apps.annotate.exchanging import free_name

        store = self.store()
        return store.trees.save(free_name(store, name), labels, author=self.person().name)

    def _meter(self) -> Meter:
        return Meter(lambda value: self.part.tell("progress", value))


def _warm_up() -> None:
    """Load what the first medium will need while the person still chooses."""
    with suppress(ImportError):
        import cv2  # noqa: F401
        import rasterio  # noqa: F401
        import soundfile  # noqa: F401
