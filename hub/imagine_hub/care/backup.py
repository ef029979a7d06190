"""Make a backup of a hub, while it runs."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat as modes
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_hub.care import databases, volumes
from imagine_hub.care.archive import BackupError, Progress, Writer, link_stays_inside
from imagine_hub.care.checks.certificate import file_of
from imagine_hub.settings import DEFAULT_FILE
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Of one run only; and what an earlier restore has laid beside.
PASSING = ("lock", "health.lock", "proxy.pid", "restored")
# What SQLite keeps beside a database while somebody writes; the copy of the database has it in itself.
BESIDE_DATABASE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Item:
    """One file or folder that goes into the backup."""

    name: str
    path: Path
    stat: os.stat_result
    database: bool = False

    @property
    def size(self) -> int:
        """Its size [B]."""
        return self.stat.st_size if modes.S_ISREG(self.stat.st_mode) else 0


@dataclass
class Plan:
    """All that goes in, and what does not."""

    items: list[Item] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.items)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is wanted."""

    homes: bool = True
    volumes: bool = False
    database: bool = True


@dataclass(frozen=True)
class Done:
    """A backup that was made."""

    path: Path
    files: int
    size: int
    notes: tuple[str, ...]


def plan(settings: Settings, settings_file: Path, choice: Choice) -> Plan:
    """Look what there is.

    Raises
    ------
    BackupError
        There is no state folder, or a part of it cannot be read.
    """
    found = Plan()
    state = StateFolder(settings.state.path)
    if not state.path.is_dir():
        raise BackupError(f"There is no hub in {state.path}: name its settings with --settings, or its folder in state.folder.")
    database = databases.sqlite_file(settings)
    for entry in sorted(os.scandir(state.path), key=lambda entry: entry.name):
        if _is_passing(entry.name) or (entry.name == state.homes.name and not choice.homes):
            continue
        if database is not None and not choice.database and entry.name.startswith(database.name):
            continue
        if entry.name == state.homes.name:
            found.items.append(Item("state/homes", state.homes, entry.stat(follow_symlinks=False)))
            for home in sorted(os.scandir(state.homes), key=lambda entry: entry.name):
                _walk(found, Path(home.path), f"state/homes/{home.name}", root=f"state/homes/{home.name}")
        else:
            _walk(found, Path(entry.path), f"state/{entry.name}", root=f"state/{entry.name}")
    if choice.database and database is not None and not database.is_relative_to(state.path) and database.is_file():
        # A database elsewhere lies in the state folder afterwards, where a hub without that setting looks for it.
        found.items.append(Item(f"state/{state.database.name}", database, database.stat(), database=True))
    if choice.volumes and settings.containers.homes:
        _walk(found, Path(settings.containers.homes), "restored/homes", root="restored/homes")
    for name, path in _settings_files(settings, settings_file):
        if path.is_file():
            found.items.append(Item(name, path.resolve(), path.stat()))
        else:
            found.left_out.append(f"{path} is not there")
    return found


def _is_passing(name: str) -> bool:
    return name in PASSING or name.startswith("hub.log") or name.endswith(".part")


def _settings_files(settings: Settings, settings_file: Path) -> Iterator[tuple[str, Path]]:
    yield "restored/settings.toml", settings_file
    for drop_in in sorted((DEFAULT_FILE.parent / "settings.d").glob("*.py")):
        yield f"restored/settings.d/{drop_in.name}", drop_in
    network = settings.network
    for key in (network.tls_certificate, network.tls_key, settings.oidc.client_secret_file):
        # Inside the state folder it is there already.
        if key and not (path := file_of(key)).is_relative_to(settings.state.path):
            yield f"restored/keys/{path.name}", path


def _walk(found: Plan, top: Path, name: str, *, root: str) -> None:
    # A list and no recursion: nobody's folders can be too deep for it.
    waiting = [(top, name)]
    while waiting:
        path, name = waiting.pop()
        try:
            stat = path.lstat()
            if modes.S_ISDIR(stat.st_mode):
                found.items.append(Item(name, path, stat))
                waiting += [(path / entry, f"{name}/{entry}") for entry in sorted(os.listdir(path), reverse=True)]
            elif modes.S_ISREG(stat.st_mode):
                if not _is_beside_database(path):
                    found.items.append(Item(name, path, stat, database=databases.is_sqlite(path)))
            elif modes.S_ISLNK(stat.st_mode):
                target = os.readlink(path)
                if link_stays_inside(name, target, root):
                    found.links[name] = target
                else:
                    found.left_out.append(f"{path} is a link that leads elsewhere ({target})")
            # Sockets and pipes belong to programs that run now.
        except PermissionError as error:
            raise BackupError(f"{error.filename} cannot be read: run the backup with the hub's account, or as root.") from error
        except FileNotFoundError:
            found.left_out.append(f"{path} was deleted meanwhile")
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            found.left_out.append(f"{str(path)[:200]}… has a path that is too long")


def _is_beside_database(path: Path) -> bool:
    ends = [end for end in BESIDE_DATABASE if path.name.endswith(end)]
    database = path.with_name(path.name.removesuffix(ends[0])) if ends else path
    return database != path and database.is_file() and databases.is_sqlite(database)


def make(settings: Settings, settings_file: Path, target: Path, choice: Choice, found: Plan, progress: Progress) -> Done:
    """Write the backup beside its place, and move it there when it is complete.

    Parameters
    ----------
    target : Path
        The file to make; it must not be there.
    found : Plan
        As `plan` gives it.
    progress : callable
        Called with the bytes that are done, and the name of the file.

    Raises
    ------
    BackupError, DatabaseError, EngineError
        It cannot be made; nothing is left of it.
    """
    _refuse(settings, target)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".imagine-backup-") as aside:
            _enough_room(target, found.size)
            part = Path(aside) / "backup.tar"
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                writer = Writer(stream, progress)
                notes = [*found.left_out, *_write(writer, settings, choice, found, Path(aside))]
                writer.finish(_about(settings, choice))
                stream.flush()
                os.fsync(stream.fileno())
            size = part.stat().st_size
            _move(part, target)
    except OSError as error:
        if error.errno in FULL:
            raise _full(target) from error
        raise BackupError(f"The backup cannot be written to {target} ({error}): check the path and its rights.") from error
    notes += [f"{name} was written to while it was copied" for name in writer.changed]
    return Done(target, len(writer.files), size, tuple(notes))


def _write(writer: Writer, settings: Settings, choice: Choice, found: Plan, aside: Path) -> list[str]:
    notes = []
    writer.links.update(found.links)
    copy = aside / "copy"
    for item in found.items:
        try:
            if modes.S_ISDIR(item.stat.st_mode):
                writer.folder(item.name, item.stat)
            elif item.database:
                notes += _write_database(writer, item, copy)
            else:
                writer.file(item.name, item.path)
        except FileNotFoundError:
            notes.append(f"{item.path} was deleted meanwhile")
        except PermissionError as error:
            raise BackupError(f"{item.path} cannot be read: run the backup with the hub's account, or as root.") from error
    if choice.database and databases.sqlite_file(settings) is None:
        databases.dump_postgresql(settings.state.database, copy)
        copy.chmod(0o600)
        writer.file("restored/database.pgdump", copy)
        copy.unlink()
    if choice.volumes:
        for name, ran in volumes.copies(settings, copy):
            writer.file(f"volumes/{name}.tar", copy)
            if ran:
                notes.append(f"the volume {name} was in use: its files are as they were at that moment, each on its own")
    return notes


def _write_database(writer: Writer, item: Item, copy: Path) -> list[str]:
    copy.unlink(missing_ok=True)
    try:
        databases.copy_sqlite(item.path, copy)
    except databases.DatabaseError as error:
        if not item.name.startswith("state/homes/"):
            raise
        # A person's own file, and no reason to leave all others without a backup.
        writer.file(item.name, item.path)
        return [f"{item.path} is copied as a plain file ({error})"]
    writer.file(item.name, copy, item.stat)
    copy.unlink()
    return []


def _about(settings: Settings, choice: Choice) -> dict[str, Any]:
    versions = {"python": sys.version.split()[0]}
    for package in ("imagine-kernels", "jupyterhub", "sqlalchemy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = ""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "site": settings.site.title,
        "machine": socket.gethostname(),
        "state": str(settings.state.path),
        "spawner": settings.servers.spawner,
        "database": "none" if not choice.database else "sqlite" if databases.sqlite_file(settings) else "postgresql",
        "homes": choice.homes,
        "volumes": choice.volumes,
        "versions": versions,
    }


def _refuse(settings: Settings, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise BackupError(f"{target} is there already, and no backup is overwritten: give another name.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}: make it first.")
    if target.resolve().is_relative_to(settings.state.path):
        raise BackupError(f"{target} lies in the state folder itself: a backup belongs on another disk.")


def _enough_room(target: Path, size: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise BackupError(
            f"The backup needs {size / 1e6:.0f} MB and {free / 1e6:.0f} MB are free in {target.parent}: make room, or leave homes out "
            "with --without-homes."
        )


def _full(target: Path) -> BackupError:
    return BackupError(
        f"The disk became full while {target} was written, and nothing is left of it: make room, or give another place."
    )


def _move(part: Path, target: Path) -> None:
    """Put it in its place without ever overwriting."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise BackupError(f"{target} has been made meanwhile by somebody else: give another name.") from None
    except OSError:
        # A file system without hard links.
        part.rename(target)
