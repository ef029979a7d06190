"""The database of annotations: a file of SQLite, or PostgreSQL where several people annotate.

SQLite runs in write-ahead mode with full synchronisation: what was confirmed outlives a crash and a power cut, and readers never wait for
a writer. An older database is brought up to date when it is opened; of a file a copy is kept beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from imagine_kernels.annotation.schema import metadata
from imagine_kernels.errors import DataError
from imagine_kernels.settings import home, writing

DATABASE_FILE = "annotations.db"
#: The last step in ``migrations/versions``.
SCHEMA_VERSION = "0004"
#: How many values a list in a statement may have: well below what both databases take.
MANY = 900

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
# Seconds that a writer waits for the others.
_WAIT_S = 60
_ADVISORY_LOCK = 0x1AA61E


class Database:
    """A database with the tables of today.

    Parameters
    ----------
    where : path or str, optional
        A file, or the URL of a PostgreSQL, e.g. ``postgresql://anna:secret@db.institute.org/annotations``; by default what
        ``IMAGINE_ANNOTATIONS`` says, else ``annotations.db`` in the person's folder.

    Attributes
    ----------
    name : str
        For people: the file, or the URL without its password.

    Raises
    ------
    NotEnoughSpace
        The file cannot be written there.
    DataError
        It cannot be opened, or it is of a newer version of this library.
    """

    def __init__(self, where: Path | str | None = None) -> None:
        given = str(where if where is not None else os.environ.get("IMAGINE_ANNOTATIONS") or home() / DATABASE_FILE)
        self.path: Path | None = None
        if given.startswith(("postgresql:", "postgresql+")):
            url = sa.make_url(given).set(drivername="postgresql+pg8000")
            self.name = url.render_as_string(hide_password=True)
            self.engine = _engine(url)
        elif "://" in given:
            raise DataError(
                f"Annotations cannot be kept at {given.partition('://')[0]}://…: give a file, or a postgresql:// URL."
            )
        else:
            self.path = Path(given).expanduser()
            self.name = str(self.path)
            with writing(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.engine = sa.create_engine(
                f"sqlite:///{self.path}", connect_args={"timeout": _WAIT_S, "check_same_thread": False}
            )
            sa.event.listen(self.engine, "connect", _prepare)
        sa.event.listen(self.engine, "begin", _begin)
        if self._version() != SCHEMA_VERSION:
            self._upgrade()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.path is not None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is on the disk when this ends, or nothing.

        Raises
        ------
        DataError
            The database cannot be read or written.
        """
        with self._said(), self.engine.connect() as connection:
            connection.execution_options(imagine_writes=True)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One view of the database that no writer changes meanwhile.

        Raises
        ------
        DataError
            The database cannot be read.
        """
        with self._said(), self.engine.connect() as connection, connection.begin():
            yield connection

    def look_over(self) -> None:
        """Let PostgreSQL count what its tables hold, after many rows at once.

        It does so on its own a minute later; until then it guesses, and reads all of a project to find a few annotations.
        """
        if not self.is_sqlite:
            with self.writing() as connection:
                connection.exec_driver_sql("ANALYZE annotations, events, project_media, words, counts, media_counts")

    def close(self) -> None:
        """Let go of it."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            reason = getattr(error, "orig", None) or error
            first = reason.args[0] if reason.args else reason
            what = first.get("M", first) if isinstance(first, dict) else first
            remedy = (
                "check the disk and the rights of that file"
                if self.is_sqlite
                else "check that it runs, and the name and password"
            )
            raise DataError(f"The annotations in {self.name} cannot be read or written ({what}): {remedy}.") from None

    def _version(self) -> str:
        with self.reading() as connection:
            return _version(connection)

    def _upgrade(self) -> None:
        # Only when it is needed: alembic takes longer to import than a database to open.
        from alembic import command
        from alembic.config import Config

        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADVISORY_LOCK})
            found = _version(connection)
            if found == SCHEMA_VERSION:
                return
            if found > SCHEMA_VERSION:
                raise DataError(f"{self.name} was written by a newer version of this library ({found}): upgrade the library.")
            tables = set(sa.inspect(connection).get_table_names())
            if self.path is not None and tables & set(metadata.tables):
                _keep_a_copy(self.path, self.path.with_name(f"{self.path.stem}-before-{SCHEMA_VERSION}{self.path.suffix}"))
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def among(connection: sa.Connection, column: sa.Column[Any], values: Sequence[str | int]) -> sa.ColumnElement[bool]:
    """Whether a column has one of many values, to be looked up in an index one by one.

    PostgreSQL gets them as one text: with a parameter for each, or an array, the driver takes longer than the look-up.
    """
    if connection.dialect.name == "sqlite":
        return column.in_(values)
    of_postgresql = sa.Text if isinstance(column.type, sa.String) else sa.BigInteger
    # No name or id holds a control character: see `plain` in the events.
    parted = sa.func.string_to_array("\x1f".join(map(str, values)), "\x1f")
    return column == sa.any_(sa.cast(parted, ARRAY(of_postgresql)))


def _engine(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise DataError(f"{url.render_as_string()} needs the driver of PostgreSQL: pip install pg8000.") from None


def _prepare(connection: Any, _: Any) -> None:
    # The driver would begin transactions late and on its own; with this the rows are read and written in one.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL, not NORMAL: what the page shows as saved must outlive a power cut.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("imagine_writes", False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes:
        # A write looks up rows by their keys and nothing else; while a table is new, PostgreSQL guesses that reading all of it is quicker.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _version(connection: sa.Connection) -> str:
    """The last step that was made; empty where there was none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")


def _keep_a_copy(path: Path, target: Path) -> None:
    """A whole copy of the file, under its name only when it is complete; an earlier one stays."""
    if target.exists():
        return
    part = target.with_name(f"{target.name}.part")
    with writing(part):
        part.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.replace(target)
