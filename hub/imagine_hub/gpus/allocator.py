"""Who has which GPU, who is next, and who has used up what was granted: one database for all processes of the hub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, update

from imagine_hub.gpus.budgets import HOUR, runs_out
from imagine_hub.gpus.ledger import RUNNING, Ledger
from imagine_hub.gpus.records import Ask, GpuError, Granted, Holding, Lease, Reason, Refused, Standing, Stock, Waiting
from imagine_hub.gpus.tables import LEASES, POOL, alone, open_database

if TYPE_CHECKING:
    from imagine_hub.settings import Gpus


class Allocator:
    """Leases, queue and budgets. All methods may be called from several threads and processes at once.

    Parameters
    ----------
    database_url : str
        SQLite or PostgreSQL.
    rules : Gpus
        Section ``[gpus]`` of the settings.
    clock : callable
        Gives the time [s of the epoch].
    """

    def __init__(self, database_url: str, rules: Gpus, clock: Callable[[], float] = time.time) -> None:
        self.rules = rules
        self._clock = clock
        self._engine = open_database(database_url)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def set_pool(self, uuids: Iterable[str]) -> None:
        """Say which GPUs may be given out from now on; what runs on others goes on until it ends."""
        wanted = set(uuids)
        with self._ledger() as ledger:
            if set(ledger.pool()) != wanted:
                ledger.connection.execute(delete(POOL))
                if wanted:
                    ledger.connection.execute(insert(POOL), [{"uuid": uuid} for uuid in sorted(wanted)])
            ledger.settle()

    def request(self, ask: Ask) -> Granted | Waiting | Refused:
        """Get GPUs for a server that starts, or a place in the queue.

        Asking again keeps the place. Whoever asks while a GPU is held for her gets it.
        """
        with self._ledger() as ledger:
            mine = ledger.holding(ask.user, ask.server)
            if mine is not None and len(mine.uuids) == ask.gpus:
                return Granted(mine.uuids)
            if mine is not None:
                ledger.change(ask.user, ask.server, until=ledger.now)
            empty = next((each for each in ledger.budgets(ask.user, ask.groups) if each.used_up), None)
            in_all = len(ledger.pool())
            if empty is not None or ask.gpus > in_all:
                ledger.drop_ticket(ask.user, ask.server)
                ledger.settle()
                return Refused(empty.used_up_words if empty is not None else _too_many_words(ask.gpus, in_all))
            number = ledger.take_ticket(ask)
            settled = ledger.settle()
            if any(ticket.number == number and ticket.held_until is not None for ticket in settled.waiting):
                ledger.drop_ticket(ask.user, ask.server)
                uuids = ledger.free()[: ask.gpus]
                ledger.lease(ask.user, ask.server, ask.groups, uuids)
                return Granted(tuple(uuids))
            ticket = ledger.ticket(ask.user, ask.server, settled)
            assert ticket is not None  # taken above
            return ticket

    def leave(self, user: str, server: str = "") -> bool:
        """Give a place in the queue up; False if there is none."""
        with self._ledger() as ledger:
            had_one = ledger.drop_ticket(user, server)
            ledger.settle()
            return had_one

    def release(self, user: str, server: str = "") -> int:
        """The server has ended: its GPUs are free, and held for the next; returns how many."""
        with self._ledger() as ledger:
            freed = ledger.change(user, server, until=ledger.now)
            ledger.settle()
            return freed

    def renew(self, user: str, server: str = "") -> None:
        """Keep the GPU: it counts as used now, and its time begins anew if nobody waits.

        Raises
        ------
        GpuError
            The server has none, or others wait, or the budget is used up.
        """
        with self._ledger() as ledger:
            mine = ledger.holding(user, server)
            if mine is None:
                raise GpuError("Your server has no GPU that you could keep: start it with one.")
            if mine.reason is Reason.BUDGET:
                raise GpuError("The GPU-hours of this month are used up: save your work and go on without a GPU.")
            if mine.reason is Reason.TIME and ledger.settle().waiting:
                raise GpuError(
                    "Your time is over and others wait: save your work, stop your server and take a new place in the queue."
                )
            ends = ledger.now + self.rules.max_hours * HOUR if mine.reason is Reason.TIME else mine.ends
            ledger.change(user, server, busy=ledger.now, ends=ends, warned=None, takes=None, reason=None, taken=None)

    def adopt(self, user: str, server: str, groups: Iterable[str], uuids: Iterable[str]) -> None:
        """Keep, or write down anew, what a server that was found again holds; nobody could see whether it was idle meanwhile.

        Raises
        ------
        GpuError
            Another server has one of them.
        """
        with self._ledger() as ledger:
            holder = {uuid: each for each in ledger.holdings() for uuid in each.uuids}
            for uuid in uuids:
                other = holder.get(uuid)
                if other is None:
                    ledger.lease(user, server, groups, [uuid])
                elif (other.user, other.server) != (user, server):
                    raise GpuError(f"{uuid} is in the hands of {other.user} and of {user}: stop one of their servers.")
            ledger.change(user, server, busy=ledger.now, seen=ledger.now)
            ledger.settle()

    def reconcile(self, active: Iterable[tuple[str, str]], *, known_before: float | None = None) -> tuple[Holding, ...]:
        """Free what belongs to servers that are gone, as after a crash of the hub.

        Parameters
        ----------
        active : iterable of (str, str)
            User and server of everything that runs or starts.
        known_before : float, optional
            Leases that began later are left alone [s of the epoch]: their servers may be missing in the list.

        Returns
        -------
        tuple of Holding
            What was freed. It counts until it was last seen, not until now.
        """
        there = set(active)
        with self._ledger() as ledger:
            limit = ledger.now if known_before is None else known_before
            gone = [each for each in ledger.holdings() if (each.user, each.server) not in there and each.since <= limit]
            for each in gone:
                ledger.change(each.user, each.server, until=LEASES.c.seen)
            ledger.settle()
            return tuple(gone)

    def observe(self, busy: Iterable[str]) -> None:
        """Write down that all leases were seen now, and which GPUs compute."""
        with self._ledger() as ledger:
            running = update(LEASES).where(RUNNING)
            ledger.connection.execute(running.values(seen=ledger.now))
            ledger.connection.execute(running.where(LEASES.c.uuid.in_(list(busy))).values(busy=ledger.now))
            ledger.settle()

    def warn(self, holding: Holding, reason: Reason | None, takes: float | None) -> None:
        """Write down that the user is told when and why the GPU is taken back; None takes the warning away."""
        with self._ledger() as ledger:
            warned = None if reason is None else (holding.warned if holding.reason is reason else ledger.now)
            ledger.change(holding.user, holding.server, warned=warned, takes=takes, reason=reason, taken=None)

    def mark_taken(self, holding: Holding) -> bool:
        """Write down why the server is about to be stopped; False if its user has just asked to keep the GPU, or left."""
        with self._ledger() as ledger:
            mine = ledger.holding(holding.user, holding.server)
            if mine is None or mine.reason is None or mine.uuids != holding.uuids:
                return False
            ledger.change(holding.user, holding.server, taken=mine.reason)
            return True

    def report(self, user: str, server: str, lost: str) -> Holding | None:
        """Write down what a server says about its GPU: "" as long as it reaches it; returns what it held before that."""
        with self._ledger() as ledger:
            mine = ledger.holding(user, server)
            if mine is not None and mine.lost != lost:
                ledger.change(user, server, lost=lost)
            return mine

    def holdings(self) -> tuple[Holding, ...]:
        """What all servers hold, the longest first."""
        with self._ledger() as ledger:
            return tuple(ledger.holdings())

    def budget_end(self, holding: Holding) -> float | None:
        """When a budget that this server draws on is used up, if all goes on [s of the epoch]; None if not in this month."""
        with self._ledger() as ledger:
            drawn = ledger.budgets(holding.user, holding.groups)
            return runs_out(drawn, ledger.leases(ledger.now, ledger.now), ledger.now)

    def standing(self, user: str, server: str = "", groups: Sequence[str] = ()) -> Standing:
        """How it is for one user now."""
        with self._ledger() as ledger:
            settled = ledger.settle()
            return Standing(
                now=ledger.now,
                in_all=len(ledger.pool()),
                free=settled.free,
                queue=len(settled.waiting),
                next_wait_s=ledger.waits(settled, more=(1,))[-1],
                holding=ledger.holding(user, server),
                ticket=ledger.ticket(user, server, settled),
                budgets=ledger.budgets(user, groups),
                taken=ledger.taken(user, server),
            )

    def stock(self) -> Stock:
        """How many GPUs there are at this moment, for figures; the queue is left as it is."""
        with self._ledger() as ledger:
            leased = sum(len(each.uuids) for each in ledger.holdings())
            return Stock(in_all=len(ledger.pool()), free=len(ledger.free()), leased=leased, waiting=ledger.waiting())

    def history(self, start: float, end: float) -> list[Lease]:
        """The leases that touch a span of time [s of the epoch], the oldest first; their times are not cut to it."""
        with self._ledger() as ledger:
            return ledger.leases(start, end)

    @contextmanager
    def _ledger(self) -> Iterator[Ledger]:
        with alone(self._engine) as connection:
            # The time is read once nobody else can write, so that it never runs backwards in the tables.
            yield Ledger(connection, self.rules, self._clock())


def _too_many_words(wanted: int, in_all: int) -> str:
    have = "none" if not in_all else str(in_all)
    return f"This size needs {wanted} GPU{'' if wanted == 1 else 's'} and this hub can give out {have}: choose another size."
