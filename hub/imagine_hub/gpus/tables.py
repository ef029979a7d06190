"""The tables of the GPUs, in SQLite or PostgreSQL, and transactions of which only one goes on at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    text,
)

METADATA = MetaData()
# Of all allocators on one PostgreSQL; any number would do, as long as nothing else takes it.
_LOCK = 7_345_001

POOL = Table("imagine_gpu_pool", METADATA, Column("uuid", String(100), primary_key=True))

LEASES = Table(
    "imagine_gpu_leases",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("uuid", String(100), nullable=False),
    Column("user", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("since", Float(53), nullable=False),
    Column("until", Float(53)),
    Column("ends", Float(53)),
    Column("busy", Float(53), nullable=False),
    Column("seen", Float(53), nullable=False),
    Column("warned", Float(53)),
    Column("takes", Float(53)),
    Column("reason", String(20)),
    Column("taken", String(20)),
    Column("lost", Text, nullable=False, default=""),
    sqlite_autoincrement=True,
)
# Whatever the programs around it do: nobody can write a second running lease of the same GPU.
Index(
    "imagine_gpu_one_lease",
    LEASES.c.uuid,
    unique=True,
    sqlite_where=LEASES.c.until.is_(None),
    postgresql_where=LEASES.c.until.is_(None),
)
Index("imagine_gpu_until", LEASES.c.until)

TICKETS = Table(
    "imagine_gpu_tickets",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("user", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("gpus", Integer, nullable=False),
    Column("asked", Float(53), nullable=False),
    Column("held_until", Float(53)),
    Column("missed", Float(53)),
    # Numbers must never come again, not even after the last ticket is gone: they say who came first.
    sqlite_autoincrement=True,
)
Index("imagine_gpu_one_ticket", TICKETS.c.user, TICKETS.c.server, unique=True)


def open_database(url: str) -> Engine:
    """Connect, and make the tables where they are missing."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(url, pool_pre_ping=True)
    with alone(engine) as connection:
        METADATA.create_all(connection)
    return engine


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other allocator, in this process or another, can come between."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # Transactions are begun below, and not by the driver at the first change, which would be too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
