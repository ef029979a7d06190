"""The queue as plain values: for whom a GPU is held, and how long the others may have to wait."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

# With fewer leases that have ended, nobody knows what is usual.
ENOUGH = 3
# A lease that has run longer than usual ends some time, but not this moment.
LATE_SHARE = 0.25


@dataclass(frozen=True)
class Ticket:
    """One place in the queue; ``number`` says who came first.

    Attributes
    ----------
    gpus : int
        How many GPUs it is for.
    held_until : float, optional
        Until when they are held [s of the epoch].
    """

    number: int
    gpus: int
    held_until: float | None = None


@dataclass(frozen=True)
class Settled:
    """The queue after a look at the clock: tickets that wait, in their order, and those that have missed their turn."""

    waiting: tuple[Ticket, ...]
    missed: tuple[Ticket, ...]
    free: int


def settle(tickets: Iterable[Ticket], *, free: int, in_all: int, now: float, hold_s: float) -> Settled:
    """Hold what is free for the first ones; a hold that has run out goes to the next.

    Nobody overtakes: while the first one waits for two GPUs, a single free one is kept for it. Only who asks for more than
    there are in all stops nobody.

    Parameters
    ----------
    tickets : iterable of Ticket
    free : int
        GPUs that no server has.
    in_all : int
        GPUs that may be given out.
    now, hold_s : float
        Time [s of the epoch], and how long a GPU is held [s].

    Returns
    -------
    Settled
        ``free`` is what is left for whoever comes now.
    """
    waiting, missed = [], []
    blocked = False
    for ticket in sorted(tickets, key=lambda each: each.number):
        if ticket.held_until is not None and ticket.held_until <= now:
            missed.append(ticket)
            continue
        if ticket.gpus > in_all or blocked or ticket.gpus > free:
            # What was held may be gone: a GPU was taken out of the settings.
            waiting.append(replace(ticket, held_until=None))
            blocked = blocked or ticket.gpus <= in_all
            continue
        free -= ticket.gpus
        waiting.append(ticket if ticket.held_until is not None else replace(ticket, held_until=now + hold_s))
    return Settled(tuple(waiting), tuple(missed), 0 if blocked else free)


def usual_s(finished: Sequence[float], max_s: float) -> float | None:
    """How long a GPU is usually kept [s]: the median of those that came back, or the longest time allowed; None if unknown."""
    if len(finished) >= ENOUGH:
        usual = statistics.median(finished)
        return min(usual, max_s) if max_s else usual
    return max_s or None


def expected_end(*, since: float, ends: float | None, now: float, usual: float) -> float:
    """When a running lease will probably end [s of the epoch]; never before now, never after its time is over."""
    end = max(since + usual, now + LATE_SHARE * usual)
    return max(now, end if ends is None else min(end, ends))


def waits(queue: Sequence[int], *, free_at: Sequence[float], now: float, usual: float) -> list[float | None]:
    """Expected wait of each place [s], if every server keeps its GPUs as long as usual.

    Parameters
    ----------
    queue : sequence of int
        GPUs that each place is for, in order.
    free_at : sequence of float
        When each GPU will be free [s of the epoch].
    now, usual : float
        Time [s of the epoch], and how long a GPU is usually kept [s].

    Returns
    -------
    list of float or None
        None for who asks for more than there are.
    """
    times = [max(now, each) for each in free_at]
    heapq.heapify(times)
    found: list[float | None] = []
    start = now
    for gpus in queue:
        if gpus > len(times):
            found.append(None)
            continue
        # Nobody overtakes, so nobody starts before the one in front.
        start = max(start, *(heapq.heappop(times) for _ in range(gpus)))
        for _ in range(gpus):
            heapq.heappush(times, start + usual)
        found.append(start - now)
    return found
