"""A folder or a zip, read the same way and never unpacked to disk."""

from __future__ import annotations

import os
import stat
import threading
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from imagine_kernels.errors import DataNotFound, FormatError, UnsafeArchive

#: A member larger than this when unpacked is refused (bytes).
MAX_MEMBER_BYTES = 2 * 1024**3
#: An archive that unpacks to more than this is refused (bytes).
MAX_TOTAL_BYTES = 200 * 1024**3
#: A member that unpacks to more than this many times its packed size is taken for a bomb …
MAX_RATIO = 200.0
#: … unless it is smaller than this when unpacked (bytes): text compresses well.
MIN_BOMB_BYTES = 64 * 1024**2


def safe_name(given: str | None) -> str:
    """The last part of the name that somebody gave to a file, without what a file system cannot hold; ``"upload"`` where nothing is left."""
    name = PurePosixPath(str(given or "").replace("\\", "/")).name
    name = "".join(letter for letter in name if letter.isprintable()).strip()
    # 255 bytes is what common file systems hold; the end tells the kind of file.
    while len(name.encode()) > 200:
        name = name[1:]
    return name if name not in ("", ".", "..") else "upload"


def plain_name(given: str) -> str:
    """A name of letters, digits, ``-``, ``_`` and ``.`` only, for files and folders that are named after a sample."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in given).strip("-.")
    return kept or "sample"


class Files:
    """The files of a folder, of a zip, or a single file, by their POSIX path inside it.

    Parameters
    ----------
    path : Path
        A folder, a ``.zip``, or one file (then it is the only entry).

    Raises
    ------
    DataNotFound
        Nothing is at `path`.
    UnsafeArchive
        A member points outside the archive, is a link, or unpacks to an absurd size.
    FormatError
        The zip cannot be read, or the folder may not be.

    Attributes
    ----------
    path : Path
    unreadable : list of str
        Folders inside that may not be read; their files are not among the names.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self.unreadable: list[str] = []
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        #: Path as it is shown -> name in the archive: some programs write backslashes.
        self._members: dict[str, str] = {}
        if not _exists(self.path):
            raise DataNotFound.no_such_path(path)
        if self.path.is_dir():
            self._names = self._walk()
        elif self.path.suffix.lower() == ".zip":
            self._zip = _open_zip(self.path)
            for info in self._zip.infolist():
                shown = info.filename.replace("\\", "/")
                if not info.is_dir() and not shown.endswith("/") and not _hidden(PurePosixPath(shown)):
                    self._members.setdefault(shown, info.filename)
            self._names = sorted(self._members)
        else:
            self._names = [self.path.name]

    def _walk(self) -> list[str]:
        """The files of a folder and those below it; links are followed, but no folder is entered twice."""
        names: list[str] = []
        entered: set[tuple[int, int]] = set()
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                there = os.stat(self.path / folder)
                entries = list(os.scandir(self.path / folder))
            except OSError as error:
                if not folder:
                    raise FormatError(f"{self.path} cannot be read ({error.strerror}): check its permissions.") from None
                self.unreadable.append(folder)
                continue
            if (there.st_dev, there.st_ino) in entered:
                continue
            entered.add((there.st_dev, there.st_ino))
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir():
                    waiting.append(name)
                elif entry.is_file():
                    names.append(name)
        return sorted(names)

    @property
    def is_zip(self) -> bool:
        """Whether the files are those of a zip."""
        return self._zip is not None

    def names(self, *suffixes: str) -> list[str]:
        """All paths inside, sorted; with `suffixes` (lower case, with the dot) only those that end so."""
        if not suffixes:
            return list(self._names)
        return [name for name in self._names if name.lower().endswith(suffixes)]

    def read(self, name: str) -> bytes:
        """The bytes of one file; raises `DataNotFound` where there is none of that name."""
        if self._zip is not None:
            with self._lock:
                try:
                    return self._zip.read(self._members.get(name, name))
                except KeyError:
                    raise DataNotFound(f"{self.path.name} holds no {name}: put the file into the archive.") from None
                except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
                    raise FormatError(f"{name} in {self.path.name} cannot be unpacked ({error}): make the zip again.") from None
        target = self._target(name)
        try:
            return target.read_bytes()
        except FileNotFoundError:
            raise DataNotFound(f"{self.path} holds no {name}: put the file there.") from None
        except OSError as error:
            raise FormatError(f"{target} cannot be read ({error.strerror}): check its permissions.") from None

    def open(self, name: str) -> BinaryIO:
        """One file to be read piece by piece; raises as `read` does."""
        if self._zip is not None:
            with self._lock:
                try:
                    return cast("BinaryIO", self._zip.open(self._members.get(name, name)))
                except KeyError:
                    raise DataNotFound(f"{self.path.name} holds no {name}: put the file into the archive.") from None
                except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
                    raise FormatError(f"{name} in {self.path.name} cannot be unpacked ({error}): make the zip again.") from None
        target = self._target(name)
        try:
            return target.open("rb")
        except FileNotFoundError:
            raise DataNotFound(f"{self.path} holds no {name}: put the file there.") from None
        except OSError as error:
            raise FormatError(f"{target} cannot be read ({error.strerror}): check its permissions.") from None

    def _target(self, name: str) -> Path:
        target = self.path / name if self.path.is_dir() else self.path
        if target == self.path and name != self.path.name:
            raise DataNotFound(f"{self.path} is one file and holds no {name}: open the folder that it lies in.")
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            raise UnsafeArchive(f"The path {name!r} leads outside {self.path}: use paths inside the folder.")
        return target

    def close(self) -> None:
        """Close the zip."""
        if self._zip is not None:
            self._zip.close()

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, or a folder on the way that may not be entered
        return False


def _hidden(path: PurePosixPath | Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(f"{path} is not a readable zip ({error}): make it again.") from None
    try:
        _check_members(archive, path)
    except UnsafeArchive:
        archive.close()
        raise
    return archive


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    total = 0
    packed = max(path.stat().st_size, 1)
    for info in archive.infolist():
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if ".." in parts or info.filename.startswith(("/", "\\")) or (parts and parts[0].endswith(":")):
            raise UnsafeArchive(
                f"{path.name} holds {info.filename!r}, which leads outside the archive: make the zip again from inside its folder."
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafeArchive(f"{path.name} holds the link {info.filename!r}: replace it by the file itself.")
        total += info.file_size
        bomb = info.file_size > MIN_BOMB_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1)
        # Members that share their packed bytes are each of an ordinary ratio; only their sum is not.
        overlapping = total > MIN_BOMB_BYTES and total > MAX_RATIO * packed
        if bomb or overlapping or info.file_size > MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES:
            raise UnsafeArchive(
                f"{path.name} unpacks to an absurd size ({info.filename!r}: {info.file_size / 1e6:.0f} MB"
                f" from {info.compress_size / 1e6:.2f} MB): make a zip that holds only the sample."
            )
