"""Looking through folders of the server, below the places that are allowed and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataNotFound, UnsafeArchive

#: Entries listed at once; more than anyone reads.
MOST_ENTRIES = 500
#: What the files end with that hold a sample.
SAMPLES = (".zip", ".pid", ".tsv", ".txt")


class FolderBrowser:
    """Lists folders and zips below some roots.

    Parameters
    ----------
    roots : sequence of (str, Path)
        Name for people and folder; those that do not exist are left out.
    """

    def __init__(self, roots: Sequence[tuple[str, Path]]) -> None:
        self.roots = [(name, folder.expanduser().resolve()) for name, folder in roots if folder.expanduser().is_dir()]

    def allowed(self, path: Path | str) -> Path:
        """The resolved path, if it lies below a root.

        Raises
        ------
        UnsafeArchive
            It does not, or leads out through a link.
        """
        place = Path(path).expanduser().resolve()
        if not any(place == root or root in place.parents for _, root in self.roots):
            names = ", ".join(str(root) for _, root in self.roots)
            raise UnsafeArchive(f"{path} is not in a folder that may be opened here: choose one below {names}.")
        return place

    def listing(self, path: str | None, *, ends: tuple[str, ...] | None = None) -> dict[str, Any]:
        """What lies in a folder: sub-folders and files with one of those ends, hidden ones left out.

        Raises
        ------
        DataNotFound
            There is no such folder, or it may not be read.
        """
        if not self.roots:
            raise DataNotFound("There is no folder to look through here: drop a zip instead.")
        place = self.allowed(path) if path else self.roots[0][1]
        try:
            entries = sorted(os.scandir(place), key=lambda entry: (not entry.is_dir(), entry.name.lower()))
        except OSError as error:
            raise DataNotFound(f"The folder {place} cannot be read ({error.strerror}): choose another one.") from None
        shown = [
            {
                "name": entry.name,
                "path": str(place / entry.name),
                "kind": "folder" if entry.is_dir() else "file",
                "note": _note(entry),
            }
            for entry in entries
            if not entry.name.startswith(".") and (entry.is_dir() or entry.name.lower().endswith(ends or SAMPLES))
        ]
        is_root = any(place == root for _, root in self.roots)
        return {
            "path": str(place),
            "shown": _shown(place),
            "parent": None if is_root else str(place.parent),
            "roots": [{"name": name, "path": str(root)} for name, root in self.roots],
            "entries": shown[:MOST_ENTRIES],
            "more": max(len(shown) - MOST_ENTRIES, 0),
        }


def _note(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir():
            with os.scandir(entry.path) as inside:
                n = sum(1 for _, each in zip(range(1000), inside, strict=False) if not each.name.startswith("."))
            return "empty" if n == 0 else "1000 entries or more" if n == 1000 else f"{n} entries" if n > 1 else "1 entry"
        return f"{entry.stat().st_size / 1e6:.1f} MB"
    except OSError:
        return "cannot be read"


def _shown(place: Path) -> str:
    home = Path.home().resolve()
    return f"~/{place.relative_to(home).as_posix()}".rstrip("./") if place == home or home in place.parents else str(place)
