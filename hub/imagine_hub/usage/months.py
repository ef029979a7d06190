"""Calendar months in UTC, written as ``2026-11``; times are seconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from imagine_hub.errors import HubError

_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


class MonthError(HubError):
    """A month that is not written as one."""


def check_month(text: str) -> str:
    """The month, if it is one.

    Raises
    ------
    MonthError
        It is not.
    """
    if not _MONTH.fullmatch(text):
        raise MonthError(f"A month is written as 2026-11, not {text!r}: give the year, a hyphen and two digits.")
    return text


def month_of(at: float) -> str:
    """The month of a time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def bounds(month: str) -> tuple[float, float]:
    """First second of a month, and of the one after it."""
    return _first(check_month(month)), _first(shifted(month, 1))


def shifted(month: str, months: int) -> str:
    """So many months later; earlier where the number is negative."""
    year, number = (int(part) for part in month.split("-"))
    years, index = divmod(year * 12 + number - 1 + months, 12)
    return f"{years:04d}-{index + 1:02d}"


def between(first: str, last: str) -> list[str]:
    """The months from one to another, both included; none if the first is the later one."""
    found = []
    while first <= last:
        found.append(first)
        first = shifted(first, 1)
    return found


def in_words(month: str) -> str:
    """``"November 2026"``; the names do not follow the language of the machine."""
    return f"{_NAMES[int(month[5:]) - 1]} {month[:4]}"


def _first(month: str) -> float:
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).timestamp()
