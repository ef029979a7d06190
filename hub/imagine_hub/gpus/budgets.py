"""GPU-hours of a calendar month, counted to the second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from imagine_hub.gpus.records import Budget, Lease

HOUR = 3600.0


def month(now: float) -> tuple[float, float]:
    """Begin and end of the calendar month, in UTC [s of the epoch]."""
    day = datetime.fromtimestamp(now, UTC)
    begin = datetime(day.year, day.month, 1, tzinfo=UTC)
    end = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return begin.timestamp(), end.timestamp()


def hours(leases: Iterable[Lease], begin: float, now: float) -> float:
    """GPU-hours between two moments; a running lease counts until now."""
    return (
        sum(max(0.0, min(now, now if lease.until is None else lease.until) - max(begin, lease.since)) for lease in leases) / HOUR
    )


def budgets(
    leases: Sequence[Lease], *, user: str, groups: Iterable[str], now: float, user_hours: float, group_hours: Mapping[str, float]
) -> tuple[Budget, ...]:
    """The budgets that a server of this user draws on: her own, and that of every group of hers that has one.

    Parameters
    ----------
    leases : sequence of Lease
        All leases that touch this month.
    user_hours : float
        Hours per user [h]; 0 for no limit.
    group_hours : mapping
        Hours per group [h]; 0 for no limit.
    """
    begin, _ = month(now)
    found = []
    if user_hours:
        used = hours((lease for lease in leases if lease.user == user), begin, now)
        found.append(Budget(name=user, is_group=False, used=used, limit=user_hours))
    for group in sorted(group for group in set(groups) if group_hours.get(group)):
        used = hours((lease for lease in leases if group in lease.groups), begin, now)
        found.append(Budget(name=group, is_group=True, used=used, limit=group_hours[group]))
    return tuple(found)


def runs_out(found: Iterable[Budget], leases: Iterable[Lease], now: float) -> float | None:
    """When the first of these budgets is used up, if everything that runs goes on [s of the epoch].

    Returns
    -------
    float or None
        None if that is not before the month is over.
    """
    running = [lease for lease in leases if lease.until is None]
    ends = []
    for budget in found:
        drawing = sum(budget.name in lease.groups if budget.is_group else lease.user == budget.name for lease in running)
        if drawing:
            ends.append(now + budget.left * HOUR / drawing)
    first = min(ends, default=None)
    return None if first is None or first >= month(now)[1] else first
