"""What of a month may be shown: nothing that tells about fewer people than the smallest group, nor lets it be worked out.

Five rules, in this order. *k* is the smallest group.

1. A month with fewer than *k* people is not shown at all.
2. Use cases with fewer than *k* people become one row, "others". If that row has fewer, the smallest other one joins it.
3. A figure to which 1 … *k* − 1 people contributed is left empty, whatever its row: one GPU user among ten people would be plain
   to see. In a column that adds up, what is left empty could be worked out as total minus the rest, so as many more figures are
   left empty, the smallest group first, until what can be worked out is a sum over *k* people.
4. The number of people in a row is left empty where 1 … *k* − 1 people of the month are *not* in it; new and returning people are
   shown only together.
5. Countries with fewer than *k* people are "others"; there is no table of country by use case.

Two pictures of the same month, taken a day apart, would show what one person did in between. So a month is shown to readers only when
it is over, once, and never changes again.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagine_hub.usage.figures import ALL, SUMS, Tally

OTHERS = "others"
COUNTS = ("users", "new_users", "returning_users")
#: All columns with numbers.
COLUMNS = (*COUNTS, *SUMS)
# Decimals of what is shown: seconds of one processor do not matter, and many digits are a fingerprint.
DECIMALS = 3


@dataclass(frozen=True)
class Row:
    """One use case in one month.

    Attributes
    ----------
    use_case : str
        With ``"all"``, ``"none"``, ``"unlisted"`` and ``"others"``.
    values : mapping
        By column; None where it is not shown, or was not measured.
    """

    use_case: str
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Table:
    """The figures of one month, as they may be shown.

    Attributes
    ----------
    month : str
    rows : tuple of Row
        ``"all"`` first; none if fewer people than the smallest group were there.
    countries : mapping
        People by country of their home institution.
    smallest_group : int
        What they were merged with.
    final : bool
        False while the month goes on.
    """

    month: str
    rows: tuple[Row, ...]
    countries: Mapping[str, int]
    smallest_group: int
    final: bool = True

    def as_json(self) -> dict[str, Any]:
        """For the ledger and the report."""
        rows = [{"use_case": row.use_case, **row.values} for row in self.rows]
        return {
            "month": self.month,
            "rows": rows,
            "countries": dict(self.countries),
            "smallest_group": self.smallest_group,
            "final": self.final,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Table:
        """What :meth:`as_json` gave; columns that came later are empty."""
        rows = tuple(Row(row["use_case"], {name: row.get(name) for name in COLUMNS}) for row in value["rows"])
        return cls(value["month"], rows, value["countries"], value["smallest_group"], value["final"])

    def row(self, use_case: str) -> Row | None:
        """The row of a use case, if it is there."""
        return next((row for row in self.rows if row.use_case == use_case), None)


def publish(counted: Tally, seen: Mapping[tuple[str, str], str], smallest: int, *, final: bool = True) -> Table:
    """The figures of a month, as they may be shown.

    Parameters
    ----------
    counted : Tally
    seen : mapping
        The first month of each person, with each use case and at all.
    smallest : int
        People whom a figure must be about.
    final : bool
        Whether the month is over.

    Returns
    -------
    Table
    """
    everybody = counted.people[ALL]
    if len(everybody) < max(1, smallest):
        return Table(counted.month, (), {}, smallest, final)
    groups = _groups(counted, smallest)
    cells: dict[str, dict[str, float | None]] = {name: {} for name in (ALL, *groups)}
    for name, (people, members) in {ALL: (everybody, [ALL]), **groups}.items():
        cells[name] |= _counts(people, everybody, members, counted.month, seen, smallest)
    for column in SUMS:
        parts = {name: _contributions(counted, members, column) for name, (_, members) in groups.items()}
        for name, value in _protected(parts, _contributions(counted, [*counted.parts], column), smallest).items():
            cells[name][column] = value
    for name, values in cells.items():
        if not counted.measured:
            values["cpu_used_h"] = None
            # Servers that nothing reads lie on other machines, and so do their GPUs: nothing was seen is not nothing was used.
            values["gpu_used_h"] = values["gpu_used_h"] or None
        if name != ALL or not _contributions(counted, [ALL], "storage_gb"):
            values["storage_gb"] = None
    countries = Counter(counted.countries.get(person, "unknown") for person in everybody)
    rows = tuple(Row(name, {column: values[column] for column in COLUMNS}) for name, values in cells.items())
    return Table(counted.month, rows, _merged_countries(countries, smallest), smallest, final)


def _groups(counted: Tally, smallest: int) -> dict[str, tuple[set[str], list[str]]]:
    """The rows below "all": name, people, and the use cases in it."""
    single = {name: people for name, people in counted.people.items() if name != ALL}
    small = sorted(name for name, people in single.items() if len(people) < smallest)
    large = sorted((name for name in single if name not in small), key=lambda name: (-len(single[name]), name))
    # Contributions without anybody there, such as a GPU that was set aside for a server that never came up.
    small += sorted(name for name in counted.parts if name not in single and name != ALL)
    together = {person for name in small for person in _people(counted, name)}
    while small and len(together) < smallest and large:
        small.append(large.pop())
        together |= single[small[-1]]
    groups = {name: (single[name], [name]) for name in large}
    if small:
        groups[OTHERS] = (together, small)
    # Alone it would be the row of everything once more.
    return groups if len(groups) > 1 or set(groups) - {OTHERS} else {}


def _people(counted: Tally, name: str) -> set[str]:
    return counted.people.get(name, set()) | {person for values in counted.parts[name].values() for person in values}


def _counts(
    people: set[str], everybody: set[str], members: list[str], month: str, seen: Mapping[tuple[str, str], str], smallest: int
) -> dict[str, float | None]:
    """People, and how many of them are there for the first time."""
    new = sum(1 for person in people if min(seen.get((person, name), month) for name in members) >= month)
    hidden = 0 < len(everybody) - len(people) < smallest
    apart = hidden or any(0 < part < smallest for part in (new, len(people) - new))
    return {
        "users": None if hidden else len(people),
        "new_users": None if apart else new,
        "returning_users": None if apart else len(people) - new,
    }


def _contributions(counted: Tally, members: list[str], column: str) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for name in members:
        for person, value in counted.parts.get(name, {}).get(column, {}).items():
            total[person] += value
    return total


def _protected(parts: Mapping[str, dict[str, float]], total: dict[str, float], smallest: int) -> dict[str, float | None]:
    """One column that adds up: its figures, with None for those that would tell too much."""
    values: dict[str, float | None] = {name: _sum(people) for name, people in {ALL: total, **parts}.items()}
    if not total or smallest <= 1:
        return values
    if len(total) < smallest:
        # Not even where it was nothing: the rest would say who it was.
        return dict.fromkeys(values)
    hidden = [name for name, people in parts.items() if 0 < len(people) < smallest]
    shown = sorted((name for name in parts if parts[name] and name not in hidden), key=lambda name: (len(parts[name]), name))
    together = {person for name in hidden for person in parts[name]}
    while hidden and len(together) < smallest and shown:
        hidden.append(shown.pop(0))
        together |= set(parts[hidden[-1]])
    for name in hidden:
        values[name] = None
    return values


def _sum(people: Mapping[str, float]) -> float:
    return round(math.fsum(people.values()), DECIMALS)


def _merged_countries(countries: Mapping[str, int], smallest: int) -> dict[str, int]:
    """People by country, the largest group first; small groups together."""
    ordered = sorted(countries.items(), key=lambda item: (-item[1], item[0]))
    large = [(name, n) for name, n in ordered if n >= smallest]
    small = sum(n for _, n in ordered if n < smallest)
    while 0 < small < smallest and large:
        small += large.pop()[1]
    return {**dict(large), **({OTHERS: small} if small else {})}
