"""Bring a backup back, into a folder that is empty."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagine_hub.care import archive, databases, volumes
from imagine_hub.care.archive import BackupError, Contents, Progress
from imagine_hub.care.backup import FULL
from imagine_hub.care.running import running_at
from imagine_hub.errors import AlreadyRunning, EngineError
from imagine_hub.spawners.engine import connect
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# Where a name of the archive goes in the new folder; volumes go to the engine.
PLACES: Mapping[str, str] = {"state": "", "restored": "restored"}
VOLUMES = "volumes"


@dataclass(frozen=True)
class Done:
    """A backup that was brought back."""

    folder: Path
    contents: Contents
    files: int
    volumes: int


def restore(source: Path, into: Path, settings: Settings, *, with_volumes: bool, progress: Progress) -> Done:
    """Look at the whole backup first, write it beside its place, compare, and move it there.

    Parameters
    ----------
    source : Path
        The file of the backup.
    into : Path
        The new state folder: it is not there, or empty.
    settings : Settings
        Of this machine: they name the engine for volumes.
    with_volumes : bool
        Whether volumes of the engine are made as well.
    progress : callable
        Called with the bytes that are done, and the name of the file; twice over all files.

    Raises
    ------
    BackupError
        The backup is not what was made, or cannot be written.
    AlreadyRunning
        A hub runs there.
    EngineError
        A volume is there already, or the engine refuses.
    """
    _refuse(into)
    contents = archive.verify(source, progress)
    _look_at_names(source, contents)
    wanted = [name for name in contents.files if name.startswith(f"{VOLUMES}/")] if with_volumes else []
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        _enough_room(into, contents)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=".imagine-restore-") as aside:
            part = Path(aside) / "state"
            part.mkdir(mode=0o700)
            _extract(source, part, Path(aside) / VOLUMES, contents, wanted, progress)
            _compare(source, part, contents)
            _volumes(Path(aside) / VOLUMES, wanted, settings)
            _refuse(into)
            part.rename(into)
    except OSError as error:
        if error.errno in FULL:
            raise BackupError(f"The disk became full, and nothing was restored: make room at {into.parent}.") from error
        raise BackupError(f"The backup cannot be restored to {into} ({error}): check the path and its rights.") from error
    return Done(into, contents, sum(not name.startswith(f"{VOLUMES}/") for name in contents.files), len(wanted))


def _refuse(into: Path) -> None:
    if address := running_at(StateFolder(into)):
        raise AlreadyRunning.at(address, into)
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise BackupError(f"{into} is not empty, and nothing is overwritten: give a new folder, or move that one away.")


def _look_at_names(source: Path, contents: Contents) -> None:
    for name in (*contents.files, *contents.links):
        if name.partition("/")[0] not in (*PLACES, VOLUMES):
            raise BackupError.damaged(source, f"it has the name {name!r}, which no backup has")
    for name, target in contents.links.items():
        home = "/".join(name.split("/")[: 3 if name.startswith("state/homes/") else 2])
        if not archive.link_stays_inside(name, target, home) or name in contents.files:
            raise BackupError.damaged(source, f"the link {name!r} leads outside")


def _enough_room(into: Path, contents: Contents) -> None:
    size, free = sum(kept.size for kept in contents.files.values()), shutil.disk_usage(into.parent).free
    if free < size:
        raise BackupError(
            f"The backup needs {size / 1e6:.0f} MB and {free / 1e6:.0f} MB are free in {into.parent}: make room there."
        )


def place(folder: Path, name: str) -> Path:
    """Where a member of the archive lies in the new folder."""
    first, _, rest = name.partition("/")
    return folder / PLACES[first] / rest


def _extract(source: Path, part: Path, aside: Path, contents: Contents, wanted: list[str], progress: Progress) -> None:
    done = sum(kept.size for kept in contents.files.values())
    folders = []
    for info, content in archive.members(source):
        if info.name in (archive.LIST, archive.SEAL):
            continue
        first = info.name.partition("/")[0]
        if first == VOLUMES and info.name not in wanted:
            continue
        if first not in (*PLACES, VOLUMES):
            raise BackupError.damaged(source, f"it has the name {info.name!r}, which no backup has")
        target = aside / info.name.partition("/")[2] if first == VOLUMES else place(part, info.name)
        if content is None:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            folders.append((target, info))
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The folder is new, ours and without links; even so nothing is followed and nothing overwritten.
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            for piece in archive.pieces(source, content):
                file.write(piece)
                done += len(piece)
                progress(done, info.name)
            os.fchmod(file.fileno(), info.mode & 0o777)
            _own(file.fileno(), info.uid, info.gid)
        os.utime(target, (info.mtime, info.mtime))
    for name, target_of_link in contents.links.items():
        link = place(part, name)
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        link.symlink_to(target_of_link)
    # Last, and the deepest first: one that may not be written has its files by now.
    for target, info in reversed(folders):
        target.chmod(info.mode & 0o777)
        _own(target, info.uid, info.gid)
        os.utime(target, (info.mtime, info.mtime))
    part.chmod(0o700)


def _own(target: int | Path, uid: int, gid: int) -> None:
    # Only root can give files away; for all others they are their own, as before.
    if os.geteuid() == 0:
        os.chown(target, uid, gid)


def _compare(source: Path, part: Path, contents: Contents) -> None:
    """Read what lies on the disk now, and compare it with the list."""
    for name, kept in contents.files.items():
        if name.startswith(f"{VOLUMES}/"):
            continue
        path = place(part, name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != kept.sha256 or path.stat().st_mode & 0o777 != kept.mode:
            raise BackupError(f"{name} of {source} is not on the disk as it was written: check the disk before you try again.")
    database = StateFolder(part).database
    if database.is_file() and database.stat().st_size:
        databases.sound(database)


def _volumes(folder: Path, wanted: list[str], settings: Settings) -> None:
    if not wanted:
        return
    client = connect(settings)
    try:
        there = set(volumes.names(settings, client))
        given = {name.removeprefix(f"{VOLUMES}/").removesuffix(".tar"): name for name in wanted}
        if taken := sorted(there & set(given)):
            raise EngineError(
                f"The volume {taken[0]} is there already: remove it with `docker volume rm {taken[0]}` if nobody needs it."
            )
        for volume, name in given.items():
            path = folder / name.partition("/")[2]
            with path.open("rb") as file:
                volumes.put(settings, client, volume, file)
            with path.open("rb") as file:
                wanted_digest = volumes.digest(file)
            if volumes.digest(volumes.content(settings, client, volume)) != wanted_digest:
                raise EngineError(f"The volume {volume} is not as it was in the backup: see the log of the engine, and its disk.")
    finally:
        client.close()
