"""When a GPU is taken back: the rules as plain functions, and one round of looking after all leases."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.budgets import HOUR
from imagine_hub.gpus.inventory import Use
from imagine_hub.gpus.records import Holding, Reason

if TYPE_CHECKING:
    from imagine_hub.settings import Gpus

LOG = logging.getLogger("imagine_hub.gpus")
MINUTE = 60.0


@dataclass(frozen=True)
class Step:
    """What is to be done with what a server holds.

    Attributes
    ----------
    reason : Reason, optional
        Why it is taken back; None if it is not.
    takes : float, optional
        When [s of the epoch].
    now : bool
        Whether that moment has come.
    """

    reason: Reason | None = None
    takes: float | None = None
    now: bool = False


def step(holding: Holding, rules: Gpus, *, now: float, budget_end: float | None) -> Step:
    """Keep, warn or take back.

    Nothing is taken back without a warning of full length, whatever has happened meanwhile: the hub may have been away.

    Parameters
    ----------
    holding : Holding
    rules : Gpus
        Section ``[gpus]`` of the settings.
    now : float
        [s of the epoch]
    budget_end : float, optional
        When a budget is used up [s of the epoch].
    """
    ahead = rules.warning_minutes * MINUTE
    limits: list[tuple[float, Reason, float]] = []
    if holding.ends is not None:
        limits.append((holding.ends, Reason.TIME, ahead))
    if budget_end is not None:
        limits.append((budget_end, Reason.BUDGET, ahead))
    if rules.idle_minutes:
        # A warning that is longer than the idle time would come while the GPU is still at work.
        limits.append((holding.busy + rules.idle_minutes * MINUTE, Reason.IDLE, min(ahead, rules.idle_minutes * MINUTE / 2)))
    if not limits:
        return Step()
    at, reason, ahead = min(limits, key=lambda limit: limit[0])
    if now < at - ahead:
        return Step()
    warned = holding.warned if holding.reason is reason and holding.warned is not None else now
    takes = max(at, warned + ahead)
    return Step(reason, takes, now >= takes)


def busy(uuids: Iterable[str], used: Mapping[str, Use]) -> set[str]:
    """Those of these GPUs that compute, or of which nobody can say: what cannot be measured is not called idle."""
    return {uuid for uuid in uuids if uuid not in used or used[uuid].percent is None or used[uuid].percent}


async def look_after(
    allocator: Allocator,
    *,
    now: float,
    used: Mapping[str, Use],
    stop: Callable[[Holding], Awaitable[None]],
) -> None:
    """One round: see who computes, warn, and take back what is due.

    Parameters
    ----------
    allocator : Allocator
    now : float
        [s of the epoch]
    used : mapping
        Use of each GPU by UUID; empty where the driver does not answer.
    stop : callable
        Stops a server. What it raises is written down, and it is tried again in the next round.
    """
    allocator.observe(busy([uuid for each in allocator.holdings() for uuid in each.uuids], used))
    for holding in allocator.holdings():
        todo = step(holding, allocator.rules, now=now, budget_end=allocator.budget_end(holding))
        if (todo.reason, todo.takes) != (holding.reason, holding.takes):
            allocator.warn(holding, todo.reason, todo.takes)
            if todo.reason is not None and holding.reason is None:
                LOG.info("GPU of %s: warned, it is taken back for reason %r.", holding.user, str(todo.reason))
        if todo.now and allocator.mark_taken(holding):
            LOG.info(
                "GPU of %s: taken back for reason %r after %.1f h.", holding.user, str(todo.reason), (now - holding.since) / HOUR
            )
            try:
                await stop(holding)
            except OSError as error:
                LOG.warning(
                    "The server of %s could not be stopped (%s): it is tried again in the next round.", holding.user, error
                )
