"""Which files are pictures, and where a table means one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp")


class Locator:
    """Finds the file that a table names, beside the table or elsewhere in the same folder or zip.

    Parameters
    ----------
    names : iterable of str
        All paths inside.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._folded: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        for name in sorted(self._names):
            self._folded.setdefault(name.lower(), name)
            self._by_name.setdefault(name.rsplit("/", 1)[-1].lower(), []).append(name)

    def find(self, name: str, *, beside: str = "") -> str | None:
        """The path of `name` as written in the file `beside`, or None.

        It is looked for beside that file, then from the top, then by its bare name if only one file is called so; upper and lower
        case do not matter where nothing fits exactly.
        """
        plain = name.strip().replace("\\", "/")
        if not plain or (".." in plain and ".." in plain.split("/")):
            return None
        plain = plain.removeprefix("./")
        folder = beside.rsplit("/", 1)[0] + "/" if "/" in beside else ""
        for candidate in (folder + plain, plain):
            if candidate in self._names:
                return candidate
        for candidate in (folder + plain, plain):
            if candidate.lower() in self._folded:
                return self._folded[candidate.lower()]
        same = self._by_name.get(plain.rsplit("/", 1)[-1].lower(), [])
        inside = [found for found in same if found.startswith(folder)]
        return inside[0] if len(inside) == 1 else same[0] if len(same) == 1 else None


def unique_ids(paths: list[str]) -> list[str]:
    """An id per picture: its name without the suffix where that is unique, its path otherwise."""
    stems = [PurePosixPath(path).stem for path in paths]
    counts: dict[str, int] = {}
    for stem in stems:
        counts[stem] = counts.get(stem, 0) + 1
    ids = [stem if counts[stem] == 1 else path for stem, path in zip(stems, paths, strict=True)]
    return ids if len(set(ids)) == len(ids) else list(paths)
