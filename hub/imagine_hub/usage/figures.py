"""From records to what each person contributed to each figure of a month; what is published of it, :mod:`privacy` decides.

Sessions, hours, calls, jobs and objects are shared out: what the use cases have adds up to what all have. People are not: who
worked with two use cases counts in both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from imagine_hub.usage.months import bounds, month_of
from imagine_hub.usage.records import Held, Records, Session, Used, Verb

#: Columns that add up, in the order of the table; units stand in the names. GB are 10⁹ bytes.
SUMS = (
    "sessions",
    "session_h",
    "cpu_allocated_h",
    "cpu_used_h",
    "gpu_allocated_h",
    "gpu_used_h",
    "calls",
    "failed_calls",
    "jobs",
    "objects",
    "storage_gb",
)
#: The row of everything, and that of sessions in which no verb of a use case was called: notebooks, files, a terminal.
ALL = "all"
NONE = "none"
HOUR_S = 3600.0
# Verbs whose objects were looked at by a model. A report identifies, too, and that is written down as identifying already.
PROCESSING = ("identify", "train")
# The library writes whole seconds.
_TOLERANCE_S = 1.0
# What a call weighs at least: some end at once.
_LEAST_S = 0.01

Shares = Mapping[str, float]


@dataclass
class Tally:
    """What each person contributed in one month.

    Attributes
    ----------
    month : str
    people : dict
        By use case, with `ALL`: who was there.
    parts : dict
        By use case without `ALL`, column and person: the value. The columns are `SUMS`.
    measured : bool
        Whether anything measured processors.
    countries : dict
        Of each person.
    """

    month: str
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    parts: dict[str, dict[str, dict[str, float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    )
    measured: bool = False
    countries: dict[str, str] = field(default_factory=dict)

    def add(self, use_case: str, column: str, person: str, value: float) -> None:
        """Add to the contribution of a person."""
        if value:
            self.parts[use_case][column][person] += value

    def there(self, person: str, use_case: str) -> None:
        """Note that a person was there."""
        self.people[ALL].add(person)
        self.people[use_case].add(person)


@dataclass(frozen=True)
class _Part:
    """What of a session lies in the month, and how its use cases share it."""

    session: Session
    since: float
    until: float
    shares: Shares


def tally(records: Records, month: str, *, left_out: Collection[str] = ()) -> Tally:
    """Count one month.

    Parameters
    ----------
    records : Records
        Those of other months may be among them.
    month : str
        A calendar month in UTC; a session that goes across its end is divided there.
    left_out : collection of str
        Pseudonyms of those who are not counted.

    Returns
    -------
    Tally
    """
    first, end = bounds(month)
    result = Tally(month)
    verbs = [verb for verb in records.verbs if verb.person not in left_out and month_of(verb.at) == month]
    by_person: dict[str, list[Verb]] = defaultdict(list)
    for verb in verbs:
        by_person[verb.person].append(verb)
    parts = []
    for session in records.sessions:
        inside = session.since < end and (session.until > first or first <= session.since)
        if session.person not in left_out and inside:
            since, until = max(session.since, first), min(session.until, end)
            parts.append(_Part(session, since, until, _shares(since, until, by_person[session.person])))
    for part in parts:
        _count_session(result, part, first)
    _count_used(result, parts, (used for used in records.used if used.person not in left_out), first, end)
    _count_held(result, parts, [held for held in records.held if held.person not in left_out], first, end)
    for verb in verbs:
        _count_verb(result, verb)
    for home in records.homes:
        if home.month == month and home.person not in left_out:
            # Files belong to nobody's session, so they stand in the row of everything alone.
            result.add(ALL, "storage_gb", home.person, home.size / 1e9)
    return result


def _shares(since: float, until: float, verbs: Iterable[Verb]) -> Shares:
    """How the use cases share a session: by how long their verbs took in it."""
    weights: dict[str, float] = defaultdict(float)
    for verb in verbs:
        if since - _TOLERANCE_S <= verb.at <= until + _TOLERANCE_S:
            weights[verb.use_case] += max(verb.wall_s, _LEAST_S)
    total = sum(weights.values())
    return {name: weight / total for name, weight in sorted(weights.items())} if total else {NONE: 1.0}


def _count_session(result: Tally, part: _Part, first: float) -> None:
    session = part.session
    if session.country != "unknown" or session.person not in result.countries:
        result.countries[session.person] = session.country
    if session.since >= first:
        # A session is one: it counts where most of its work was, and in the month in which it began.
        main = max(part.shares, key=lambda name: part.shares[name])
        result.add(main, "sessions", session.person, 1)
    for name, share in part.shares.items():
        result.there(session.person, name)
        hours = (part.until - part.since) / HOUR_S * share
        result.add(name, "session_h", session.person, hours)
        if session.cpus is not None:
            result.add(name, "cpu_allocated_h", session.person, hours * session.cpus)


def _count_used(result: Tally, parts: list[_Part], used: Iterable[Used], first: float, end: float) -> None:
    by_server: dict[tuple[str, str], list[_Part]] = defaultdict(list)
    for part in parts:
        by_server[part.session.person, part.session.server].append(part)
    for hour in used:
        begin = hour.hour * HOUR_S
        if not first <= begin < end:
            continue
        result.measured = result.measured or hour.cpu_s is not None
        for using, weight in _sharing(by_server[hour.person, hour.server], begin, begin + HOUR_S):
            for name, share in _shares_of(result, using, hour.person).items():
                hours = (hour.cpu_s or 0.0) / HOUR_S * share * weight
                result.add(name, "cpu_used_h", hour.person, hours)
                if using is None or using.session.cpus is None:
                    # Without a limit nothing is kept from others: allocated is what was used.
                    result.add(name, "cpu_allocated_h", hour.person, hours)
                result.add(name, "gpu_used_h", hour.person, hour.gpu_s / HOUR_S * share * weight)


def _count_held(result: Tally, parts: list[_Part], held: list[Held], first: float, end: float) -> None:
    """GPUs: by the leases, to the second; by the size of the server where there are no leases."""
    by_server: dict[tuple[str, str], list[_Part]] = defaultdict(list)
    for part in parts:
        by_server[part.session.person, part.session.server].append(part)
    leases: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for lease in held:
        leases[lease.person, lease.server].append(lease)
        since, until = max(lease.since, first), min(lease.until, end)
        if until > since:
            # A GPU is set aside before its server is up, so the whole lease is shared by the sessions that it was for.
            for leased, weight in _sharing(by_server[lease.person, lease.server], since, until):
                for name, share in _shares_of(result, leased, lease.person).items():
                    result.add(name, "gpu_allocated_h", lease.person, (until - since) / HOUR_S * weight * share)
    for part in parts:
        session = part.session
        known = leases[session.person, session.server]
        if session.gpus and not any(lease.since < session.until and lease.until > session.since for lease in known):
            for name, share in part.shares.items():
                hours = (part.until - part.since) / HOUR_S * share
                result.add(name, "gpu_allocated_h", session.person, hours * session.gpus)


def _sharing(parts: list[_Part], since: float, until: float) -> list[tuple[_Part | None, float]]:
    """The sessions that share what was measured in an interval, by how much of it they have; the nearest one if none has any."""
    overlaps = [(part, min(part.until, until) - max(part.since, since)) for part in parts]
    inside = [(part, length) for part, length in overlaps if length > 0]
    if inside:
        total = sum(length for _, length in inside)
        return [(part, length / total) for part, length in inside]
    # Outside it is negative: by how much. A server computes before it is up, and is read once more while it ends.
    nearest = max(overlaps, key=lambda overlap: overlap[1], default=None)
    return [(nearest[0] if nearest is not None and nearest[1] > -HOUR_S else None, 1.0)]


def _shares_of(result: Tally, part: _Part | None, person: str) -> Shares:
    if part is not None:
        return part.shares
    # Nobody saw a session, yet somebody was there.
    result.there(person, NONE)
    return {NONE: 1.0}


def _count_verb(result: Tally, verb: Verb) -> None:
    result.there(verb.person, verb.use_case)
    result.add(verb.use_case, "calls", verb.person, 1)
    if verb.outcome == "failed":
        result.add(verb.use_case, "failed_calls", verb.person, 1)
    if verb.origin == "job":
        result.add(verb.use_case, "jobs", verb.person, 1)
    if verb.verb in PROCESSING and verb.outcome == "done":
        result.add(verb.use_case, "objects", verb.person, verb.n)
