"""The ledger: starts, stops and what was used, in an SQLite file that the hub and the service of the figures both write.

Rows of starts and stops are only added. What was used is added up per hour of the clock: small enough to keep for years, and
no month begins inside an hour. Every write is one transaction, so a crash leaves the state before it or after it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from imagine_hub.usage.months import bounds, month_of
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import UsageFiles
from imagine_hub.usage.records import Home, Mark, Used

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

HOUR_S = 3600
# Somebody else writes for milliseconds; on a busy machine it may take a while until the file is free.
PATIENCE_S = 30.0

_TABLES = sql.MetaData()
_MARKS = sql.Table(
    "marks",
    _TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("at", sql.Float, nullable=False, index=True),
    *(sql.Column(name, sql.String, nullable=False) for name in ("person", "server", "action", "profile", "country", "reason")),
    sql.Column("cpus", sql.Float),
    sql.Column("gpus", sql.Integer, nullable=False),
)
_HOURS = sql.Table(
    "hours",
    _TABLES,
    sql.Column("hour", sql.Integer, primary_key=True),
    sql.Column("person", sql.String, primary_key=True),
    sql.Column("server", sql.String, primary_key=True),
    sql.Column("cpu_s", sql.Float),
    sql.Column("gpu_s", sql.Float, nullable=False),
    sql.Column("memory_peak_bytes", sql.Integer),
    sql.Column("last_at", sql.Float, nullable=False),
)
# The last reading of each server that runs: the next one is counted from there.
_COUNTERS = sql.Table(
    "counters",
    _TABLES,
    sql.Column("person", sql.String, primary_key=True),
    sql.Column("server", sql.String, primary_key=True),
    sql.Column("started", sql.Float, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
    sql.Column("cpu_s", sql.Float),
)
_HOMES = sql.Table(
    "homes",
    _TABLES,
    sql.Column("month", sql.String, primary_key=True),
    sql.Column("person", sql.String, primary_key=True),
    sql.Column("size", sql.BigInteger, nullable=False),
)
# In which month a person was first seen, with a use case or at all.
_SEEN = sql.Table(
    "seen",
    _TABLES,
    sql.Column("person", sql.String, primary_key=True),
    sql.Column("use_case", sql.String, primary_key=True),
    sql.Column("first", sql.String, nullable=False),
    sql.Column("last", sql.String, nullable=False),
)
_PUBLISHED = sql.Table(
    "published",
    _TABLES,
    sql.Column("month", sql.String, primary_key=True),
    sql.Column("table", sql.JSON, nullable=False),
)

log = logging.getLogger("imagine_hub.usage")


class Ledger:
    """The ledger of one state folder.

    Parameters
    ----------
    path : Path
        The file; made, readable by its owner only, if it is not there.
    pseudonyms : Pseudonyms
        Names of users are never written.
    """

    def __init__(self, path: Path, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms
        self._path = path
        self._ready = False
        self._engine = sql.create_engine(f"sqlite:///{path}", connect_args={"timeout": PATIENCE_S, "isolation_level": None})
        # A transaction that reads and then writes has to hold the file from its first word, or two of them block each other.
        sql.event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    @classmethod
    def of(cls, settings: Settings) -> Ledger:
        """The ledger in the state folder of the settings."""
        files = UsageFiles(settings.state.path)
        return cls(files.database, Pseudonyms.in_file(files.salt))

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    # What the spawners write. A ledger that cannot be written never keeps anybody from working.

    def started(
        self,
        user: str,
        server: str = "",
        *,
        profile: str = "",
        cpus: float | None = None,
        gpus: int = 0,
        country: str | None = None,
        at: float | None = None,
    ) -> None:
        """A server is being started.

        Parameters
        ----------
        user, server : str
            Name of the user, and of the server; ``""`` for the only one.
        profile : str
            Size that was chosen.
        cpus : float, optional
            Processors set aside for it; None where a server has no limits: then nothing is kept from others, and what it used
            counts as allocated.
        gpus : int
            How many GPUs are set aside for it.
        country : str, optional
            Of the home institution, as two letters, where the login knows it.
        at : float, optional
            Seconds since 1970; now if left out.
        """
        self._mark(
            user, server, at, action="start", profile=profile, cpus=cpus, gpus=gpus, country=country or "unknown", reason=""
        )

    def stopped(self, user: str, server: str = "", *, reason: str = "", at: float | None = None) -> None:
        """A server has stopped; `reason` is ``"failed"`` if it never came up."""
        self._mark(user, server, at, action="stop", profile="", cpus=None, gpus=0, country="unknown", reason=reason)

    def _mark(self, user: str, server: str, at: float | None, **values: Any) -> None:
        try:
            with self._transaction() as connection:
                row = {"at": time.time() if at is None else at, "person": self.pseudonyms.of(user), "server": server, **values}
                connection.execute(sql.insert(_MARKS).values(**row))
        except (OSError, SQLAlchemyError) as error:
            log.warning(
                "A start or stop could not be written to the ledger (%s): its hours come from JupyterHub's events.", error
            )

    # What the sampler writes.

    def sample(
        self,
        user: str,
        server: str,
        started: float,
        at: float,
        *,
        cpu_s: float | None = None,
        memory_bytes: int | None = None,
        gpu_s: float = 0.0,
    ) -> None:
        """A reading of a running server.

        Parameters
        ----------
        user, server : str
        started : float
            When this server was started: its counter begins at 0 there.
        at : float
            When it was read.
        cpu_s : float, optional
            Seconds of one processor since the start; None where nothing measures it. A counter that goes back adds nothing.
        memory_bytes : int, optional
        gpu_s : float
            Seconds in which its GPUs computed since the last reading.
        """
        key = {"person": self.pseudonyms.of(user), "server": server}
        with self._transaction() as connection:
            same = (_COUNTERS.c.person == key["person"]) & (_COUNTERS.c.server == server)
            before = connection.execute(sql.select(_COUNTERS).where(same)).one_or_none()
            # The hub writes the same start with other digits after it has been read from its database again.
            if before is None or abs(before.started - started) > 1:
                since, had = started, 0.0
            else:
                since, had = before.at, before.cpu_s or 0.0
            if at < since:
                return
            gained = None if cpu_s is None else max(0.0, cpu_s - had)
            for hour, part in _hours_between(since, at):
                row = {
                    **key,
                    "hour": hour,
                    "cpu_s": None if gained is None else gained * part,
                    "gpu_s": gpu_s * part,
                    "memory_peak_bytes": memory_bytes,
                    "last_at": min(at, (hour + 1) * HOUR_S),
                }
                new = insert(_HOURS).values(**row)
                both = {
                    "cpu_s": _sum_of_known(_HOURS.c.cpu_s, new.excluded.cpu_s),
                    "gpu_s": _HOURS.c.gpu_s + new.excluded.gpu_s,
                    "memory_peak_bytes": sql.func.max(
                        sql.func.coalesce(_HOURS.c.memory_peak_bytes, 0), sql.func.coalesce(new.excluded.memory_peak_bytes, 0)
                    ),
                    "last_at": sql.func.max(_HOURS.c.last_at, new.excluded.last_at),
                }
                connection.execute(new.on_conflict_do_update(index_elements=["hour", "person", "server"], set_=both))
            counter = {**key, "started": started, "at": at, "cpu_s": had if cpu_s is None else cpu_s}
            _replace(connection, _COUNTERS, [counter])

    def measured_homes(self, sizes: Mapping[str, int], at: float) -> None:
        """What the homes of the users take, in bytes; the last reading of a month is the one that counts."""
        rows = [{"month": month_of(at), "person": self.pseudonyms.of(user), "size": size} for user, size in sizes.items()]
        with self._transaction() as connection:
            _replace(connection, _HOMES, rows)

    def profiles(self) -> dict[tuple[str, str], str]:
        """The size with which each server was started last, by pseudonym and server."""
        last = sql.select(sql.func.max(_MARKS.c.id)).where(_MARKS.c.action == "start").group_by(_MARKS.c.person, _MARKS.c.server)
        rows = self._rows(sql.select(_MARKS).where(_MARKS.c.id.in_(last)))
        return {(row.person, row.server): row.profile for row in rows}

    # What the figures are counted from.

    def marks(self) -> list[Mark]:
        """Starts and stops, in order."""
        names = ("at", "person", "server", "action", "profile", "cpus", "gpus", "country", "reason")
        return [
            Mark(**{name: getattr(row, name) for name in names}, origin="spawner")
            for row in self._rows(sql.select(_MARKS).order_by(_MARKS.c.at, _MARKS.c.id))
        ]

    def used(self) -> list[Used]:
        """What was used per hour."""
        rows = self._rows(sql.select(_HOURS))
        return [Used(row.hour, row.person, row.server, row.cpu_s, row.gpu_s, row.last_at) for row in rows]

    def homes(self) -> list[Home]:
        """What the homes took at the end of each month."""
        return [Home(row.person, row.month, row.size) for row in self._rows(sql.select(_HOMES))]

    def seen(self) -> dict[tuple[str, str], str]:
        """The first month of each person, with each use case and at all (``"all"``), as far as months are published."""
        return {(row.person, row.use_case): row.first for row in self._rows(sql.select(_SEEN))}

    def published(self) -> dict[str, Any]:
        """The figures of the months that are closed."""
        return {row.month: row.table for row in self._rows(sql.select(_PUBLISHED).order_by(_PUBLISHED.c.month))}

    def publish(self, month: str, table: Any, people: Iterable[tuple[str, str]]) -> None:
        """Close a month: its figures never change again, whatever users do to their own files.

        Parameters
        ----------
        month : str
        table : JSON value
        people : iterable of tuple
            Who was there: person and use case.
        """
        with self._transaction() as connection:
            connection.execute(insert(_PUBLISHED).values(month=month, table=table).on_conflict_do_nothing())
            for person, use_case in people:
                new = insert(_SEEN).values(person=person, use_case=use_case, first=month, last=month)
                later = {"last": sql.func.max(_SEEN.c.last, new.excluded.last)}
                connection.execute(new.on_conflict_do_update(index_elements=["person", "use_case"], set_=later))

    def forget_before(self, month: str) -> int:
        """Delete single records from before a month; the published figures stay.

        Returns
        -------
        int
            How many rows were deleted.
        """
        first = bounds(month)[0]
        old = (
            (_MARKS, _MARKS.c.at < first),
            (_HOURS, _HOURS.c.hour < first / HOUR_S),
            (_COUNTERS, _COUNTERS.c.at < first),
            (_HOMES, _HOMES.c.month < month),
            (_SEEN, _SEEN.c.last < month),
        )
        with self._transaction() as connection:
            return sum(connection.execute(sql.delete(table).where(which)).rowcount for table, which in old)

    @contextmanager
    def _transaction(self) -> Iterator[sql.Connection]:
        """A transaction; the file and its tables are made the first time."""
        if not self._ready:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._path.chmod(0o600)
        with self._engine.begin() as connection:
            if not self._ready:
                _TABLES.create_all(connection)
            yield connection
        self._ready = True

    def _rows(self, query: Any) -> list[Any]:
        with self._transaction() as connection:
            return list(connection.execute(query))


def _replace(connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        new = insert(table)
        keys = [column.name for column in table.primary_key]
        values = {column.name: new.excluded[column.name] for column in table.columns if column.name not in keys}
        connection.execute(new.on_conflict_do_update(index_elements=keys, set_=values), rows)


def _sum_of_known(old: Any, new: Any) -> Any:
    """The sum; unknown only where both are."""
    return sql.case((old.is_(None), new), (new.is_(None), old), else_=old + new)


def _hours_between(since: float, until: float) -> list[tuple[int, float]]:
    """The hours of the clock that an interval touches, each with its share of the interval; the shares add up to 1."""
    if until <= since:
        return [(int(until // HOUR_S), 1.0)]
    found = []
    for hour in range(int(since // HOUR_S), int(until // HOUR_S) + 1):
        inside = min(until, (hour + 1) * HOUR_S) - max(since, hour * HOUR_S)
        if inside > 0:
            found.append((hour, inside / (until - since)))
    return found
