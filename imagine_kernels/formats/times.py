"""Times of day as formats write them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)  # what one person marks has the same few times
def instant(text: str) -> datetime | None:
    """The instant that a text names, in UTC; without a time zone it is taken for UTC. None where it is none."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace("/", "-"))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def iso(text: str) -> str:
    """The same instant as ISO 8601 in UTC, or the text as it stands where it is none."""
    found = instant(text)
    return text.strip() if found is None else found.isoformat()


def written(text: str, pattern: str) -> str:
    """An instant by the pattern of `datetime.strftime`; empty where the text is none."""
    found = instant(text)
    # strftime does not fill years below 1000 with zeros on every system.
    return "" if found is None else found.strftime(pattern.replace("%Y", f"{found.year:04d}"))
