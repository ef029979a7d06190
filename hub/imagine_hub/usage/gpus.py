"""What the figures want to know of the GPUs: who held which when, how many are free, and who waits."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.desk import rules_from_json

if TYPE_CHECKING:
    from imagine_hub.usage.places import Accounting


@dataclass(frozen=True)
class Lease:
    """A GPU that a server of a user held, or holds until now; times are seconds since 1970."""

    uuid: str
    user: str
    server: str
    since: float
    until: float


@dataclass(frozen=True)
class Stock:
    """GPUs at this moment, and how many people wait for one."""

    free: int = 0
    leased: int = 0
    waiting: int = 0


def leases_between(accounting: Accounting, start: float, end: float) -> list[Lease]:
    """The leases that touch an interval; one that goes on ends with it. None where no GPUs are given out."""
    if not accounting.gpu_database:
        return []
    leases = _allocator(accounting.gpu_database, accounting.gpu_rules).history(start, end)
    return [
        Lease(lease.uuid, lease.user, lease.server, lease.since, end if lease.until is None else min(lease.until, end))
        for lease in leases
    ]


def stock_now(accounting: Accounting) -> Stock:
    """GPUs that are free and given out, and who waits."""
    if not accounting.gpu_database:
        return Stock()
    allocator = _allocator(accounting.gpu_database, accounting.gpu_rules)
    now = allocator.standing("")
    return Stock(free=now.free, leased=sum(len(holding.uuids) for holding in allocator.holdings()), waiting=now.queue)


@functools.cache
def _allocator(database: str, rules: str) -> Allocator:
    return Allocator(database, rules_from_json(rules))
