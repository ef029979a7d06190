"""What the allocator reads and writes within one transaction, at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from imagine_hub.gpus.budgets import HOUR, budgets, month
from imagine_hub.gpus.queue import Settled, Ticket, expected_end, settle, usual_s, waits
from imagine_hub.gpus.records import Ask, Budget, Holding, Lease, Reason, Waiting
from imagine_hub.gpus.tables import LEASES, POOL, TICKETS

if TYPE_CHECKING:
    from imagine_hub.settings import Gpus

# How many leases that have ended say what is usual, and for how long a person is told why hers ended.
RECENT = 20
TOLD_S = 24 * HOUR
RUNNING = LEASES.c.until.is_(None)


@dataclass(frozen=True)
class Ledger:
    """The tables, seen at one moment by whoever has them alone.

    Attributes
    ----------
    connection : Connection
    rules : Gpus
        Section ``[gpus]`` of the settings.
    now : float
        The moment [s of the epoch].
    """

    connection: Connection
    rules: Gpus
    now: float

    def pool(self) -> list[str]:
        """GPUs that may be given out."""
        return list(self.connection.scalars(select(POOL.c.uuid)))

    def free(self) -> list[str]:
        """Those that no server has."""
        taken = select(LEASES.c.uuid).where(RUNNING)
        return list(self.connection.scalars(select(POOL.c.uuid).where(POOL.c.uuid.not_in(taken)).order_by(POOL.c.uuid)))

    def settle(self) -> Settled:
        """Hold what is free for the first in the queue, and let go what was held too long."""
        self.connection.execute(delete(TICKETS).where(TICKETS.c.missed < self.now - TOLD_S))
        rows = self.connection.execute(select(TICKETS).where(TICKETS.c.missed.is_(None))).all()
        settled = settle(
            [Ticket(row.number, row.gpus, row.held_until) for row in rows],
            free=len(self.free()),
            in_all=len(self.pool()),
            now=self.now,
            hold_s=self.rules.hold_minutes * 60,
        )
        before = {row.number: row.held_until for row in rows}
        for ticket in settled.waiting:
            if ticket.held_until != before[ticket.number]:
                self._set_ticket(ticket.number, held_until=ticket.held_until)
        for ticket in settled.missed:
            self._set_ticket(ticket.number, missed=self.now, held_until=None)
        return settled

    def waiting(self) -> int:
        """How many wait."""
        return len(self.connection.execute(select(TICKETS.c.number).where(TICKETS.c.missed.is_(None))).all())

    def take_ticket(self, ask: Ask) -> int:
        """The number of the ticket; a new one if there is none, or its turn was missed, or it is for something larger."""
        mine = self.connection.execute(select(TICKETS).where(of(TICKETS, ask.user, ask.server))).first()
        if mine is not None:
            late = mine.missed is not None or (mine.held_until is not None and mine.held_until <= self.now)
            if not late and mine.gpus >= ask.gpus:
                self._set_ticket(mine.number, gpus=ask.gpus, profile=ask.profile)
                return int(mine.number)
            self.drop_ticket(ask.user, ask.server)
        values = {"user": ask.user, "server": ask.server, "profile": ask.profile, "gpus": ask.gpus, "asked": self.now}
        key = self.connection.execute(insert(TICKETS).values(**values)).inserted_primary_key
        assert key is not None  # of a single row
        return int(key[0])

    def drop_ticket(self, user: str, server: str) -> bool:
        """Take a ticket out; False if there is none."""
        return bool(self.connection.execute(delete(TICKETS).where(of(TICKETS, user, server))).rowcount)

    def ticket(self, user: str, server: str, settled: Settled) -> Waiting | None:
        """A place in the queue as its owner sees it."""
        row = self.connection.execute(select(TICKETS).where(of(TICKETS, user, server))).first()
        if row is None:
            return None
        if row.missed is not None:
            return Waiting(profile=row.profile, place=0, wait_s=None, missed=row.missed)
        place = [ticket.number for ticket in settled.waiting].index(row.number)
        wait = 0.0 if row.held_until is not None else self.waits(settled)[place]
        return Waiting(profile=row.profile, place=place + 1, wait_s=wait, held_until=row.held_until)

    def waits(self, settled: Settled, *, more: Sequence[int] = ()) -> list[float | None]:
        """Expected waits of the queue, and of others who would join it for so many GPUs [s]; None where nobody can say."""
        ended = select(LEASES.c.until - LEASES.c.since).where(~RUNNING).order_by(LEASES.c.until.desc()).limit(RECENT)
        usual = usual_s(list(self.connection.scalars(ended)), self.rules.max_hours * HOUR)
        if usual is None:
            certain = [0.0 if ticket.held_until is not None else None for ticket in settled.waiting]
            return certain + [0.0 if settled.free >= gpus else None for gpus in more]
        pool = set(self.pool())
        running = [row for row in self.connection.execute(select(LEASES).where(RUNNING)) if row.uuid in pool]
        free_at = [self.now] * (len(pool) - len(running))
        free_at += [expected_end(since=row.since, ends=row.ends, now=self.now, usual=usual) for row in running]
        return waits([*(ticket.gpus for ticket in settled.waiting), *more], free_at=free_at, now=self.now, usual=usual)

    def lease(self, user: str, server: str, groups: Iterable[str], uuids: Sequence[str]) -> None:
        """Write down that a server has these GPUs from now on; the database refuses those that another has."""
        ends = self.now + self.rules.max_hours * HOUR if self.rules.max_hours else None
        same = {"user": user, "server": server, "groups": json.dumps(sorted(groups)), "since": self.now, "ends": ends}
        rows = [{**same, "uuid": uuid, "busy": self.now, "seen": self.now, "lost": ""} for uuid in uuids]
        self.connection.execute(insert(LEASES), rows)

    def change(self, user: str, server: str, **values: Any) -> int:
        """Change what a server holds; returns how many GPUs that are."""
        return self.connection.execute(update(LEASES).where(RUNNING, of(LEASES, user, server)).values(**values)).rowcount

    def leases(self, start: float, end: float) -> list[Lease]:
        """The leases that touch a span of time, the oldest first."""
        touches = select(LEASES).where(LEASES.c.since <= end, or_(RUNNING, LEASES.c.until >= start))
        return [
            Lease(uuid=row.uuid, user=row.user, server=row.server, groups=_names(row.groups), since=row.since, until=row.until)
            for row in self.connection.execute(touches.order_by(LEASES.c.since, LEASES.c.number))
        ]

    def budgets(self, user: str, groups: Iterable[str]) -> tuple[Budget, ...]:
        """What a server of this user draws on."""
        rules = self.rules
        if not rules.user_hours and not rules.group_hours:
            return ()
        leases = self.leases(month(self.now)[0], self.now)
        return budgets(leases, user=user, groups=groups, now=self.now, user_hours=rules.user_hours, group_hours=rules.group_hours)

    def holdings(self) -> list[Holding]:
        """What all servers hold, the longest first."""
        found: dict[tuple[str, str], list[Any]] = {}
        for row in self.connection.execute(select(LEASES).where(RUNNING).order_by(LEASES.c.number)):
            found.setdefault((row.user, row.server), []).append(row)
        return [_holding(rows) for rows in found.values()]

    def holding(self, user: str, server: str) -> Holding | None:
        """What one server holds."""
        return next((each for each in self.holdings() if (each.user, each.server) == (user, server)), None)

    def taken(self, user: str, server: str) -> tuple[Reason, float] | None:
        """Why and when the last GPU of a server was taken back, if that was not long ago and nothing has come after it."""
        last = select(LEASES.c.taken, LEASES.c.until).where(of(LEASES, user, server)).order_by(LEASES.c.number.desc())
        row = self.connection.execute(last).first()
        if row is None or not row.taken or row.until is None or row.until < self.now - TOLD_S:
            return None
        return Reason(row.taken), row.until

    def _set_ticket(self, number: int, **values: Any) -> None:
        self.connection.execute(update(TICKETS).where(TICKETS.c.number == number).values(**values))


def of(table: Any, user: str, server: str) -> Any:
    """The condition that a row belongs to a server."""
    return (table.c.user == user) & (table.c.server == server)


def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _holding(rows: Sequence[Any]) -> Holding:
    first = rows[0]
    return Holding(
        user=first.user,
        server=first.server,
        groups=_names(first.groups),
        uuids=tuple(row.uuid for row in rows),
        since=first.since,
        ends=first.ends,
        busy=max(row.busy for row in rows),
        warned=first.warned,
        takes=first.takes,
        reason=Reason(first.reason) if first.reason else None,
        lost=first.lost,
    )
