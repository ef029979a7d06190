"""The file of a backup: a tar of plain files and folders, with a list of them at its end.

Nothing in it is taken on trust: before a single file is written, every name is looked at, every content is compared with its hash
in the list, and the list with its own. What is no plain file or folder does not come in, and is not let out.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from imagine_hub.errors import HubError

LIST = "backup.json"
SEAL = "backup.json.sha256"
FORMAT = 1
PIECE = 1024 * 1024

# Called with the bytes that are done, and the name of the file.
Progress = Callable[[int, str], None]


class BackupError(HubError):
    """A backup cannot be made, or cannot be used."""

    @classmethod
    def damaged(cls, path: Path, what: str) -> BackupError:
        """The file is not what was written."""
        return cls(f"{path} cannot be restored ({what}): take another copy of it, or an earlier backup.")


@dataclass(frozen=True)
class Kept:
    """One plain file of a backup.

    Attributes
    ----------
    size : int
        Its size [B].
    mode : int
        Permissions.
    sha256 : str
        Of its content, as hexadecimal digits.
    """

    size: int
    mode: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What a backup says of itself.

    Attributes
    ----------
    about : mapping
        When and from what it was made.
    files : mapping of str to Kept
        By name in the archive.
    links : mapping of str to str
        Links inside a home, by name in the archive; they are no members of the tar.
    """

    about: Mapping[str, Any]
    files: Mapping[str, Kept]
    links: Mapping[str, str]


@dataclass
class Writer:
    """Writes the tar piece by piece, hashing what goes by."""

    stream: IO[bytes]
    progress: Progress
    files: dict[str, Kept] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    done: int = 0

    def __post_init__(self) -> None:
        self._tar = tarfile.open(fileobj=self.stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `finish`

    def folder(self, name: str, stat: os.stat_result) -> None:
        """Add a folder, without what is in it."""
        info = _info(name, stat)
        info.type = tarfile.DIRTYPE
        self._tar.addfile(info)

    def file(self, name: str, path: Path, stat: os.stat_result | None = None) -> None:
        """Add a file; one that somebody writes to meanwhile is noted.

        Parameters
        ----------
        name : str
            Its name in the archive.
        path : Path
            Where its content lies.
        stat : os.stat_result, optional
            Permissions, owner and time, if they are those of another file.
        """
        # Never through a link: what the name stands for may have been exchanged since it was looked at.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as source:
            before = os.fstat(source.fileno())
            info = _info(name, stat or before)
            info.size = before.st_size
            hashed = _Hashed(source, before.st_size, lambda size: self._advance(size, name))
            self._tar.addfile(info, hashed)  # type: ignore[arg-type] # it reads, and nothing else is asked of it
            after = os.fstat(source.fileno())
        if hashed.short or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            self.changed.append(name)
        self.files[name] = Kept(info.size, info.mode, hashed.digest.hexdigest())

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write the list, its seal, and the end of the archive."""
        files = {name: vars(kept) for name, kept in self.files.items()}
        text = json.dumps({"format": FORMAT, **about, "files": files, "links": self.links}, indent=1).encode()
        for name, content in ((LIST, text), (SEAL, hashlib.sha256(text).hexdigest().encode())):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), 0o600, int(time.time())
            self._tar.addfile(info, io.BytesIO(content))
        self._tar.close()

    def _advance(self, size: int, name: str) -> None:
        self.done += size
        self.progress(self.done, name)


class _Hashed:
    """Gives exactly so many bytes of a file, and hashes them; a file that has become shorter is filled up with zeros."""

    def __init__(self, source: IO[bytes], size: int, advance: Callable[[int], None]) -> None:
        self.digest = hashlib.sha256()
        self.short = False
        self._source, self._left, self._advance = source, size, advance

    def read(self, size: int) -> bytes:
        wanted = min(size, self._left)
        piece = self._source.read(wanted)
        if len(piece) < wanted:
            self.short = True
            piece += bytes(wanted - len(piece))
        self._left -= wanted
        self.digest.update(piece)
        self._advance(wanted)
        return piece


def _info(name: str, stat: os.stat_result) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    # No set-user-ID and the like: no file of a hub needs it.
    info.mode, info.mtime, info.uid, info.gid = stat.st_mode & 0o777, stat.st_mtime, stat.st_uid, stat.st_gid
    return info


def members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Every member of an archive that may be there, in its order; files with their content to read.

    Raises
    ------
    BackupError
        It is no tar, is cut off, or has a member that no backup has: another kind than file or folder, or a name that leads
        outside.
    """
    seen: set[str] = set()
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                name = info.name
                if not _is_inside(name) or name in seen:
                    raise BackupError.damaged(path, f"it has the name {name!r}, which no backup has")
                seen.add(name)
                if info.isdir():
                    yield info, None
                elif info.isreg() and not info.issparse():
                    content = tar.extractfile(info)
                    assert content is not None  # it is a plain file
                    yield info, content
                else:
                    raise BackupError.damaged(path, f"{name!r} is neither a file nor a folder")
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise BackupError.damaged(path, f"it is no complete tar file: {error}") from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror or error}): check the path.") from error


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name)
    return (
        bool(name)
        and not parts.is_absolute()
        and ".." not in parts.parts
        and str(parts) == name
        and name != "."
        and "\0" not in name
    )


def pieces(path: Path, content: IO[bytes]) -> Iterator[bytes]:
    """The content of one member in pieces.

    Raises
    ------
    BackupError
        It is cut off.
    """
    try:
        while piece := content.read(PIECE):
            yield piece
    except tarfile.TarError as error:
        raise BackupError.damaged(path, f"it is no complete tar file: {error}") from error


def verify(path: Path, progress: Progress) -> Contents:
    """Read the whole archive and compare everything in it with its list.

    Raises
    ------
    BackupError
        Anything is missing, added or changed.
    """
    found: dict[str, tuple[int, str]] = {}
    texts: dict[str, bytes] = {}
    done = 0
    for info, content in members(path):
        if content is None:
            continue
        if info.name in (LIST, SEAL):
            texts[info.name] = b"".join(pieces(path, content))
            continue
        digest = hashlib.sha256()
        size = 0
        for piece in pieces(path, content):
            digest.update(piece)
            size += len(piece)
            done += len(piece)
            progress(done, info.name)
        found[info.name] = (size, digest.hexdigest())
    if set(texts) != {LIST, SEAL}:
        raise BackupError.damaged(path, "its list is missing: it is cut off, or no backup of a hub")
    if hashlib.sha256(texts[LIST]).hexdigest().encode() != texts[SEAL].strip():
        raise BackupError.damaged(path, "its list was changed")
    contents = _contents(path, texts[LIST])
    if wrong := sorted(set(found) ^ set(contents.files)):
        raise BackupError.damaged(path, f"{wrong[0]!r} and {len(wrong) - 1} more are not in both the file and its list")
    for name, (size, sha256) in found.items():
        if (size, sha256) != (contents.files[name].size, contents.files[name].sha256):
            raise BackupError.damaged(path, f"{name!r} was changed after the backup")
    return contents


def _contents(path: Path, text: bytes) -> Contents:
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            raise BackupError(
                f"{path} has the format {value['format']!r}, this release reads {FORMAT}: use the release that made it."
            )
        files = {
            str(name): Kept(int(item["size"]), int(item["mode"]), str(item["sha256"]))
            for name, item in value.pop("files").items()
        }
        links = {str(name): str(target) for name, target in value.pop("links").items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError.damaged(path, f"its list cannot be read: {error}") from error
    return Contents(value, files, links)


def link_stays_inside(name: str, target: str, root: str) -> bool:
    """Whether a link leads to a place inside a folder, judged by the names alone.

    Parameters
    ----------
    name, root : str
        The link and the folder, as names in the archive.
    target : str
        What the link says.
    """
    if not target or target.startswith("/") or not name.startswith(f"{root}/"):
        return False
    where = os.path.normpath(os.path.join(os.path.dirname(name), target))
    return where == root or where.startswith(f"{root}/")
