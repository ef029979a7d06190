"""Where the files of a project lie on this machine; the project itself only knows their names and their content."""

from __future__ import annotations

import json
import threading
from pathlib import Path, PurePosixPath
from typing import Any

from imagine_kernels import settings
from imagine_kernels.errors import DataNotFound
from imagine_kernels.widgets.browse import FolderBrowser

MISSING = "The file is not on this machine: choose “Find the files” and the folder where it lies."


def folder() -> Path:
    """Where the annotate app keeps what is of this machine."""
    return settings.home() / "annotate"


class Places:
    """The places of the media of one project.

    Parameters
    ----------
    uid : str
        Of the project.
    browser : FolderBrowser
        Says which folders may be opened.
    """

    def __init__(self, uid: str, browser: FolderBrowser) -> None:
        self._file, self._browser = folder() / "places" / f"{uid}.json", browser
        self._lock = threading.Lock()
        held = _read(self._file)
        #: What names in a folder begin with in the project, and the folder.
        self._sources = [(str(prefix), Path(place)) for prefix, place in held.get("sources", [])]
        self._files = {str(name): Path(place) for name, place in held.get("files", {}).items()}

    @property
    def folders(self) -> list[Path]:
        """The folders whose media were added, the last one first."""
        return [place for _, place in reversed(self._sources)]

    def prefix(self, place: Path) -> str | None:
        """What the names of the media in a folder begin with; None where none were added from there."""
        return next((prefix for prefix, each in reversed(self._sources) if each == place), None)

    def add(self, prefix: str, place: Path) -> None:
        """Media whose names begin with `prefix` lie in that folder, under the rest of their names."""
        with self._lock:
            self._sources = [each for each in self._sources if each != (prefix, place)] + [(prefix, place)]
            self._write()

    def put(self, files: dict[str, Path]) -> None:
        """These media lie there, by name."""
        if files:
            with self._lock:
                self._files.update(files)
                self._write()

    def find(self, name: str) -> Path | None:
        """Where the file of a medium lies; None where it does not lie where it was."""
        held = self._files.get(name)
        if held is not None and held.is_file():
            return held
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\\" in name:
            return None
        for prefix, place in reversed(self._sources):
            if name.startswith(prefix):
                path = place / name[len(prefix) :]
                if path.is_file():
                    return path
        return None

    def open(self, name: str) -> Path:
        """The same, for what is to be opened.

        Raises
        ------
        DataNotFound
            The file is not here.
        UnsafeArchive
            It lies, or leads through a link, to where nothing may be opened.
        """
        path = self.find(name)
        if path is None:
            raise DataNotFound(f"{name}: {MISSING[0].lower()}{MISSING[1:]}")
        return self._browser.allowed(path)

    def _write(self) -> None:
        write_json(
            self._file,
            {
                "sources": [[prefix, str(place)] for prefix, place in self._sources],
                "files": {name: str(place) for name, place in self._files.items()},
            },
        )


def keys(person: str) -> dict[str, str]:
    """What the person has changed of the keys: action to key."""
    held = _read(folder() / "keys.json").get(person, {})
    return {str(action): str(key) for action, key in held.items()} if isinstance(held, dict) else {}


def keep_keys(person: str, given: dict[str, str]) -> None:
    """Remember them."""
    file = folder() / "keys.json"
    write_json(file, {**_read(file), person: given})


def write_json(file: Path, value: Any) -> None:
    """Write a file of which there is always a whole version."""
    with settings.placed(file) as passing:
        passing.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
