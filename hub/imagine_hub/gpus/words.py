"""Times and reasons as people say them."""

from __future__ import annotations

from imagine_hub.gpus.records import Holding, Reason, Standing, Waiting

MINUTE = 60.0
HOUR = 3600.0


def span(seconds: float) -> str:
    """A length of time: "less than a minute", "25 minutes", "3 hours", "2 days"."""
    if seconds < MINUTE:
        return "less than a minute"
    for unit, size, below in (("minute", MINUTE, 100 * MINUTE), ("hour", HOUR, 48 * HOUR), ("day", 24 * HOUR, float("inf"))):
        if seconds < below:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    raise ValueError(f"{seconds} is no length of time.")


def wait(seconds: float | None) -> str:
    """An expected wait, as the estimate that it is."""
    if seconds is None:
        return "nobody can say yet for how long"
    if seconds < MINUTE:
        return "it may be your turn at any moment"
    return f"expected wait: about {span(seconds)}, if others keep theirs as long as usual"


def place(number: int) -> str:
    """A place in the queue."""
    return "You are next" if number == 1 else f"You have place {number} in the queue"


def reason(found: Reason, *, idle_minutes: float, max_hours: float) -> str:
    """Why a GPU is taken back, as the rest of "because …"."""
    return {
        Reason.IDLE: f"it has computed nothing for {span(idle_minutes * MINUTE)}",
        Reason.TIME: f"its time of {span(max_hours * HOUR)} is over",
        Reason.BUDGET: "the GPU-hours of this month are used up",
    }[found]


def queued(ticket: Waiting) -> str:
    """What whoever has to wait is told."""
    return f"No GPU is free at the moment. {place(ticket.place)}; {wait(ticket.wait_s)}. You keep your place while you start without a GPU."


def available(standing: Standing) -> str:
    """What a card of the page for starting says about GPUs."""
    if standing.ticket is not None and standing.ticket.held_until is not None:
        return f"A GPU is held for you for {span(standing.ticket.held_until - standing.now)}."
    if standing.ticket is not None and standing.ticket.place:
        return f"{place(standing.ticket.place)}; {wait(standing.ticket.wait_s)}."
    if standing.free:
        return f"{standing.free} of {standing.in_all} GPU{'' if standing.in_all == 1 else 's'} free."
    return f"None is free now: you would have place {standing.queue + 1} in the queue; {wait(standing.next_wait_s)}."


def warning(holding: Holding, *, now: float, idle_minutes: float, max_hours: float) -> str:
    """What the user of a server is told before its GPU is taken back; empty if it is not."""
    if holding.reason is None or holding.takes is None:
        return ""
    why = reason(holding.reason, idle_minutes=idle_minutes, max_hours=max_hours)
    if holding.reason is Reason.IDLE:
        why = "it computes nothing"
    left = span(max(0.0, holding.takes - now))
    return f"Your GPU is taken back in {left}, because {why}: your server is stopped then. Files and corrections stay."


def lost(said: str) -> str:
    """What the user of a server is told that no longer reaches its GPU; empty if it does."""
    if not said:
        return ""
    return f"Your server has lost its GPU ({said}): save your work, stop your server and start it again."
