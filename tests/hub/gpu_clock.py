"""A time that only a test moves, and what people ask for in it."""

from __future__ import annotations

from datetime import UTC, datetime

from imagine_hub.gpus.records import Ask

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


def ask(user: str, gpus: int = 1, groups: tuple[str, ...] = (), server: str = "") -> Ask:
    return Ask(user=user, server=server, groups=groups, gpus=gpus, profile="gpu")
