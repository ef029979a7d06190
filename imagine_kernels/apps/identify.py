"""The identify app: choose a sample, have it identified, correct it, take the quantities home.

Nothing heavy is imported before the page has asked for it; torch never is.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels import settings
from imagine_kernels.apps.surroundings import folder_roots, home_url
from imagine_kernels.errors import Cancelled, ImagineError
from imagine_kernels.formats.taxa import read_label_names
from imagine_kernels.widgets.browse import FolderBrowser
from imagine_kernels.widgets.meter import Meter
from imagine_kernels.widgets.part import Part, Reply, unexpected
from imagine_kernels.widgets.transfer import Downloads, Uploads
from imagine_kernels.workflow import Workflow, list_use_cases, use_case

if TYPE_CHECKING:
    from imagine_kernels.annotation import AnnotationStore
    from imagine_kernels.apps.session import WorkSession

#: Further folders that people may browse, separated as in ``PATH``.

_log = logging.getLogger(__name__)


def identify(name: str) -> Part:
    """The identify app of a use case, as a widget to show.

    Raises
    ------
    UnknownName
        No use case has that name.
    DataNotFound
        The browser part is not built.
    """
    return IdentifyApp(use_case(name)).part


class IdentifyApp:
    """Puts the parts together.

    Parameters
    ----------
    workflow : Workflow
    """

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.browser = FolderBrowser(folder_roots())
        self.uploads = Uploads(settings.home() / "uploads")
        self.downloads = Downloads()
        self.session: WorkSession | None = None
        self._store: AnnotationStore | None = None
        self._starting = threading.Lock()
        # Not the same lock: a job that is waited for may be just opening the store.
        self._opening_store = threading.Lock()
        self._cancel = threading.Event()
        self._job: threading.Thread | None = None
        self.part = Part(
            "workbench",
            {
                "hello": self.hello,
                "browse": lambda given, _: self.browser.listing(given.get("path")),
                "upload-begin": self.uploads.begin,
                "upload-part": self.uploads.part,
                "upload-end": self.uploads.end,
                "upload-drop": self.uploads.drop,
                "open": self.open,
                "reopen": self.reopen,
                "cancel": self.cancel,
                "similar": lambda given, buffers: self.current().similar(given, buffers),
                "thumbs": self.thumbs,
                "picture": self.picture,
                "correct": lambda given, buffers: self.current().correct(given, buffers),
                "undo": lambda given, buffers: self.current().undo(given, buffers),
                "redo": lambda given, buffers: self.current().redo(given, buffers),
                "cut": lambda given, _: self.current().cut(given),
                "divide": lambda given, _: self.current().divide(given),
                "join": lambda given, _: self.current().join(given),
                "sync": lambda given, buffers: self.current().sync(given, buffers),
                "download": self.download,
                "download-part": self.downloads.part,
                "download-end": self.downloads.end,
            },
        )

        # A thread that computes while the interpreter goes away would end in a crash instead of an exit.
        atexit.register(self.close)

    def close(self) -> None:
        """Stop what runs; what is not written yet is written."""
        self._cancel.set()
        if self._job is not None and self._job is not threading.current_thread():
            self._job.join(timeout=10)
        if self.session is not None:
            self.session.close()

    def current(self) -> WorkSession:
        """The session that is open; raises `ImagineError` where none is."""
        if self.session is None:
            raise ImagineError("No sample is open: choose one first.")
        return self.session

    def store(self) -> AnnotationStore:
        """The annotation store, opened when first used."""
        from imagine_kernels.annotation import AnnotationStore

        with self._opening_store:
            if self._store is None:
                self._store = AnnotationStore()
            return self._store

    def hello(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        """The first question of the page: what to say and what there is. A session named in its address is opened again."""
        from imagine_kernels.apps.payload import export_choices

        declared = self.workflow.declaration
        unit = declared.unit_noun
        if given.get("session"):
            self._run(lambda: self._reopen(str(given["session"])))
        else:
            threading.Thread(target=self._warm_up, name="imagine-warm-up", daemon=True).start()
        return {
            "words": {
                "title": declared.title,
                "sentence": declared.sentence,
                "unit": unit,
                "units": f"{unit}s",
                "taxon": declared.label_noun,
                "taxa": "taxa" if declared.label_noun == "taxon" else f"{declared.label_noun}s",
            },
            "exports": export_choices(declared),
            "settings": [
                {
                    "name": each.name,
                    "kind": each.kind.__name__,
                    "unit": each.unit,
                    "help": each.help,
                    "value": each.default,
                    "minimum": each.minimum,
                    "maximum": each.maximum,
                }
                for each in declared.settings
            ],
            "reads": list(declared.reads),
            "label_sets": [
                {"name": each, "labels": [{"name": name, "aphia_id": number} for name, number in read_label_names(path)]}
                for each, path in declared.label_sets.items()
            ],
            "marks": [{"name": name, "key": key} for name, key in declared.label_marks.items()],
            # The database library takes half a second to load, so these follow as an event of their own.
            "recent": [],
            "home_url": home_url(),
            "last": None,
        }

    def recent(self) -> list[dict[str, Any]]:
        """The samples that were worked on last."""
        # An absent file means a person's first visit; the database library need not be loaded to say so.
        if self._store is None and not (settings.home() / "annotations.db").is_file():
            return []
        return [
            {
                "session": session.id,
                "name": session.name,
                "source": session.source,
                "when": _when(session.created),
                "corrections": n,
            }
            for session, n in self.store().sessions(self.workflow.name, limit=8)
            if (settings.results_folder() / session.id).is_dir()
        ]

    def _warm_up(self) -> None:
        """Load what the first sample will need while the person still chooses."""
        from imagine_kernels.apps.payload import model_choices, model_facts

        try:
            self.part.tell("recent", self.recent())
        except ImagineError as error:
            self.part.tell("failed", str(error))
        entry = next((each for each in list_use_cases() if each["name"] == self.workflow.name), None)
        if entry and entry["model"]:
            self.part.tell("model", model_facts(entry["model"], entry["model"].get("classes", ())))
        self.part.tell("models", model_choices(self.workflow.models()))
        import cv2  # noqa: F401
        import openvino  # noqa: F401
        import pandas as pd  # noqa: F401

        self.store()

    # Opening, on a thread, one at a time.

    def open(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> None:
        """Open and identify what the person has chosen; None is the bundled sample."""
        path = self.browser.allowed(given["path"]) if given.get("path") else None
        values = {name: value for name, value in (given.get("settings") or {}).items() if value not in (None, "")}
        self.workflow.declaration.read_settings(values)
        for setting in self.workflow.declaration.settings:
            if setting.names_file and values.get(setting.name, setting.default) != setting.default:
                values[setting.name] = str(self.browser.allowed(str(values[setting.name])))
        model = str(given["model"]) if given.get("model") else None
        # A name and never a folder: what an app may read is decided by its browser of files.
        if model is not None and Path(model).name != model:
            raise ImagineError(f"There is no model {model[:80]!r}: choose one from the list.")
        self._run(lambda: self._open(path, values, model))

    def reopen(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> None:
        """Go on with an earlier session."""
        self._run(lambda: self._reopen(str(given["session"])))

    def cancel(self, _given: Mapping[str, Any], _: Sequence[memoryview]) -> None:
        """Stop what is running."""
        self._cancel.set()

    def _run(self, work: Callable[[], None]) -> None:
        with self._starting:
            if self._job is not None and self._job.is_alive():
                # The page was left while something ran: that is stopped, and the new wish waits for it.
                self._cancel.set()
                self._job.join(timeout=60)
            self._cancel = threading.Event()
            self._job = threading.Thread(target=self._guarded, args=(work,), name="imagine-open", daemon=True)
            self._job.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Cancelled:
            self.part.tell("cancelled")
        except ImagineError as error:
            self.part.tell("failed", str(error))
        except Exception as error:  # nothing may end without an answer on the page
            _log.exception("Identifying failed")
            self.part.tell("failed", unexpected(error))

    def _open(self, path: Path | None, values: dict[str, Any], model: str | None) -> None:
        from imagine_kernels.apps.session import WorkSession, fingerprint

        cancel, meter = self._cancel, Meter(lambda value: self.part.tell("progress", value))
        if path is None:
            meter(0, 0, "Preparing the bundled sample")
            path = self.workflow.bundled_sample()
        opening = f"Opening {path.name}"
        meter(0, 0, opening)
        bundle = self.workflow.model(model)
        mark = fingerprint(path, values)
        known = self.store().find(self.workflow.name, mark, bundle.model_hash)
        if known is not None and (settings.results_folder() / known.id).is_dir():
            self._reopen(known.id)
            return
        sample = self.workflow.open(
            path,
            progress=lambda done, total, what: meter(done, total, f"{opening}: {what}" if total else opening),
            cancel=cancel,
            **values,
        )
        unit = self.workflow.declaration.unit_noun
        result = self.workflow.identify(
            sample,
            bundle,
            progress=lambda done, total, what: meter(done, total, f"Identifying {total} {unit}s" if total else what),
            cancel=cancel,
        )
        _stop_if(cancel)
        session = self.store().new_session(
            use_case=self.workflow.name, name=sample.name, source=str(path), fingerprint=mark, model_hash=bundle.model_hash
        )
        result.save(settings.results_folder() / session.id)
        self._show(WorkSession(self.workflow, self.store(), session, result, self.part.tell))

    def _reopen(self, session_id: str) -> None:
        from imagine_kernels.apps.dividing import pool_of
        from imagine_kernels.apps.session import WorkSession

        session = self.store().session(session_id)
        result = pool_of(self.workflow, settings.results_folder() / session.id)
        self._show(WorkSession(self.workflow, self.store(), session, result, self.part.tell))

    def _show(self, session: WorkSession) -> None:
        if self.session is not None:
            self.session.close()
        self.session = session
        session.begin()

    # Pictures and files.

    def thumbs(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> Reply:
        """Small pictures of some objects."""
        from imagine_kernels.widgets.thumbnails import TYPE

        rows = [int(row) for row in given["rows"]][:256]
        made = self.current().thumbs(rows)
        there = [(row, data) for row, data in zip(rows, made, strict=True) if data is not None]
        return Reply({"rows": [row for row, _ in there], "type": TYPE}, [data for _, data in there])

    def picture(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> Reply:
        """One picture in full, and what the data say of it."""
        from imagine_kernels.widgets.thumbnails import TYPE

        session, row = self.current(), int(given["row"])
        return Reply({"facts": session.facts(row), "type": TYPE}, [session.picture(row)])

    def download(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        """Make a file for the person and announce it."""
        session, kind = self.current(), str(given["kind"])
        if kind in (*self.workflow.declaration.exports, *self.workflow.declaration.products):
            path = session.export(kind)
            return self.downloads.offer(path, "application/zip" if path.suffix == ".zip" else "application/octet-stream")
        if kind == "tables":
            return self.downloads.offer(session.tables(), "application/zip")
        if kind == "report":
            path = session.report(lambda done, total, what: self.part.tell("making", {"text": what}))
            return self.downloads.offer(path, "text/html")
        raise ImagineError(f"There is no download {kind!r}: choose one of those that the page offers.")


def _stop_if(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Cancelled("Identification was cancelled.")


def _when(moment: str) -> str:
    then = datetime.fromisoformat(moment)
    days = (datetime.now(UTC).date() - then.date()).days
    local = then.astimezone()
    return local.strftime("today %H:%M") if days == 0 else local.strftime("%-d %b %Y")
