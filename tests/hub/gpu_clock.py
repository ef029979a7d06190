"""A time that only a test moves."""

from __future__ import annotations

from datetime import UTC, datetime

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0


class Clock:
    """A time that only a test moves."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def go(self, *, hours: float = 0, minutes: float = 0) -> None:
        self.now += hours * HOUR + minutes * 60
