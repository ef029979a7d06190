"""The hub's database, and whether the installed JupyterHub understands it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from imagine_hub.care import databases
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.settings import Settings

NAME = "database"


def database(settings: Settings) -> Finding:
    """Reachable, sound, and of a revision that the installed JupyterHub knows."""
    file = databases.sqlite_file(settings)
    return _postgresql(settings.state.database) if file is None else _sqlite(file)


def _sqlite(path: Path) -> Finding:
    if not path.exists() or path.stat().st_size == 0:
        return fine(NAME, f"{path} is made at the first start")
    remedy = "Restore a backup: imagine-hub restore BACKUP.tar --into FOLDER"
    try:
        with contextlib.closing(databases.open_sqlite(path)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return problem(NAME, f"{path} cannot be read ({error})", remedy)
    if said != "ok":
        return problem(NAME, f"{path} is damaged ({said})", remedy)
    engine = create_engine("sqlite://", creator=lambda: databases.open_sqlite(path))
    try:
        return _revision(f"{path} is sound", databases.revision_of(engine))
    finally:
        engine.dispose()


def _postgresql(address: str) -> Finding:
    shown = databases.without_password(address)
    engine = databases.open_postgresql(address)
    try:
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar()
        return _revision(f"PostgreSQL {version} answers at {shown}", databases.revision_of(engine))
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return problem(
            NAME,
            f"{shown} does not answer ({reason})",
            "Start PostgreSQL there, and see that state.database has its name and password.",
        )
    finally:
        engine.dispose()


def _revision(seen: str, found: str | None) -> Finding:
    newest = databases.newest_revision()
    if found is None:
        return fine(NAME, f"{seen} and still empty")
    if found == newest:
        return fine(NAME, f"{seen}, revision {found}, as the installed JupyterHub wants it")
    if found in databases.installed_revisions():
        return warning(
            NAME,
            f"{seen}, but of an earlier JupyterHub (revision {found}, wanted {newest}); the next start brings it up to date",
            "Make a backup first: imagine-hub backup BACKUP.tar",
        )
    return problem(
        NAME,
        f"{seen}, but revision {found} is unknown to the installed JupyterHub: a later one made it",
        "Install that JupyterHub again, or restore a backup of before the upgrade.",
    )
