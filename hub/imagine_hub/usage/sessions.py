"""From starts and stops to sessions: two witnesses, counted once, and an end for those that nobody saw stopping."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from imagine_hub.usage.records import Mark, Session, Used, Verb

# A server whose last sign of life is this old is not running any more.
ALIVE_S = 900.0


def sessions_of(marks: Iterable[Mark], used: Iterable[Used], verbs: Iterable[Verb], now: float) -> tuple[Session, ...]:
    """The sessions that the marks of the hub and of the ledger tell of.

    Both write down nearly every start and stop, in this order: ledger start, hub start, ledger stop, hub stop. So a start of the hub
    confirms the one of the ledger. Any other start while a session is open says that its stop was never written, as after a crash;
    such a session ends with its last sign of life: a reading of its server, or else a verb.

    Parameters
    ----------
    marks : iterable of Mark
    used : iterable of Used
        Readings of running servers.
    verbs : iterable of Verb
        What was called; a server in which something ended was alive.
    now : float
        Seconds since 1970. A session without a stop whose server has just been seen goes on until now.

    Returns
    -------
    tuple of Session
        By start; those of one server never overlap. A server that did not come up is none.
    """
    readings: dict[tuple[str, str], list[float]] = defaultdict(list)
    for hour in sorted(used, key=lambda hour: hour.last_at):
        readings[hour.person, hour.server].append(hour.last_at)
    calls: dict[str, list[float]] = defaultdict(list)
    for verb in sorted(verbs, key=lambda verb: verb.at):
        calls[verb.person].append(verb.at)
    by_server: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda mark: mark.at):
        by_server[mark.person, mark.server].append(mark)
    found = []
    for (person, server), of_server in by_server.items():
        found += _of_one_server(of_server, readings[person, server], calls[person], now)
    return tuple(sorted(found, key=lambda session: (session.since, session.person, session.server)))


def _of_one_server(marks: Sequence[Mark], readings: Sequence[float], calls: Sequence[float], now: float) -> list[Session]:
    found: list[Session] = []
    current: Mark | None = None
    confirmed = False
    for mark in marks:
        if mark.action == "start":
            if current is not None and mark.origin == "hub" and not confirmed:
                confirmed = True
                continue
            if current is not None:
                found.append(_session(current, _last_sign(readings, calls, current.at, mark.at)))
            current, confirmed = mark, mark.origin == "hub"
        elif current is not None:
            if mark.reason != "failed":
                found.append(_session(current, mark.at))
            current = None
    if current is not None:
        last = _last_sign(readings, calls, current.at, now)
        found.append(_session(current, now if now - last <= ALIVE_S else last))
    return found


def _session(mark: Mark, until: float) -> Session:
    return Session(mark.person, mark.server, mark.at, max(mark.at, until), mark.profile, mark.cpus, mark.gpus, mark.country)


def _last_sign(readings: Sequence[float], calls: Sequence[float], since: float, before: float) -> float:
    """The last sign of life from `since` on and not after `before`; `since` if there was none."""
    # What users write themselves counts only where nothing was measured.
    for signs in (readings, calls):
        index = bisect_right(signs, before)
        if index and signs[index - 1] > since:
            return signs[index - 1]
    return since
