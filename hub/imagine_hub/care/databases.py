"""The hub's database: where it is, which revision it has, and a copy of it while the hub writes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import create_engine, inspect, make_url, text

from imagine_hub.errors import HubError
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from imagine_hub.settings import Settings

SQLITE_MAGIC = b"SQLite format 3\0"
PATIENCE_S = 8


class DatabaseError(HubError):
    """A database cannot be read or copied."""


def sqlite_file(settings: Settings) -> Path | None:
    """The file of the database; None where it is PostgreSQL."""
    if not settings.state.database:
        return StateFolder(settings.state.path).database
    url = make_url(settings.state.database)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def without_password(address: str) -> str:
    """The address as it may be shown."""
    return make_url(address).render_as_string(hide_password=True)


def installed_revisions() -> set[str]:
    """Every revision that the installed JupyterHub knows."""
    return {item.revision for item in _scripts().walk_revisions()}


def newest_revision() -> str | None:
    """The revision that the installed JupyterHub works with."""
    found: str | None = _scripts().get_current_head()
    return found


def revision_of(engine: Engine) -> str | None:
    """The revision that a database has; None where it is empty."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def open_sqlite(path: Path) -> sqlite3.Connection:
    """The database, to be read only."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=PATIENCE_S)


def open_postgresql(address: str) -> Engine:
    """The database server, given up after some seconds."""
    return create_engine(address, connect_args={"timeout": PATIENCE_S})


def is_sqlite(path: Path) -> bool:
    """Whether a file is a database, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as it stands at one moment, whoever writes to it meanwhile.

    Raises
    ------
    DatabaseError
        It is damaged, or somebody holds it for too long.
    OSError
        The disk is full.
    """
    try:
        with contextlib.closing(open_sqlite(source)) as there, contextlib.closing(sqlite3.connect(target)) as here:
            there.backup(here)
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "no space left", str(target)) from error
        raise DatabaseError(f"The database {source} cannot be copied ({error}): see `imagine-hub check`.") from error
    sound(target)


def sound(path: Path) -> None:
    """Make sure that a database can be read.

    Raises
    ------
    DatabaseError
        It is damaged.
    """
    try:
        with contextlib.closing(open_sqlite(path)) as connection:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise DatabaseError(f"The database {path} is damaged ({said}): restore an earlier backup of it.")


def dump_postgresql(address: str, target: Path) -> None:
    """Let ``pg_dump`` write the database to a file, as it stands at one moment.

    Raises
    ------
    DatabaseError
        The program is missing, or it fails.
    """
    program = shutil.which("pg_dump")
    if program is None:
        raise DatabaseError(
            "There is no pg_dump to copy the PostgreSQL database with: install postgresql-client, or leave the database to its "
            "own backups with --without-database."
        )
    url = make_url(address)
    options = {"host": url.host, "port": url.port, "username": url.username, "dbname": url.database}
    line = [f"--{name}={value}" for name, value in options.items() if value is not None]
    # The password goes by the environment: a command line is seen by everybody on the machine.
    environ = {**os.environ, "PGCONNECT_TIMEOUT": str(PATIENCE_S), **({"PGPASSWORD": str(url.password)} if url.password else {})}
    done = subprocess.run(
        [program, "--format=custom", "--no-owner", "--no-password", f"--file={target}", *line],
        env=environ,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DatabaseError(f"pg_dump cannot copy {without_password(address)} ({said}): see `imagine-hub check`.")


def _scripts() -> Any:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from jupyterhub.dbutil import ALEMBIC_DIR

    config = Config()
    config.set_main_option("script_location", ALEMBIC_DIR)
    return ScriptDirectory.from_config(config)
