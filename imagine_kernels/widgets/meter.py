"""Progress for people: how much is done and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Told no more often than this, seconds: the page cannot show more, and messages cost.
EVERY_S = 0.1


class Meter:
    """Passes progress on to a page, with the time left.

    Parameters
    ----------
    tell : callable ``(value) -> None``
        Takes ``{"stage", "done", "total", "left_s"}``.
    clock : callable
        Seconds, rising.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._stage = ""
        self._begun = self._told = 0.0
        self._first = 0

    def __call__(self, done: int, total: int, what: str) -> None:
        """A `imagine_kernels.records.Progress`."""
        now = self._clock()
        new = what != self._stage
        if new:
            self._stage, self._begun, self._first = what, now, done
        if not new and now - self._told < EVERY_S and done != total:
            return
        self._told = now
        went, since = done - self._first, now - self._begun
        # A rate from a blink of time would promise nonsense.
        left = since / went * (total - done) if total and went > 0 and since > 0.5 else None
        self._tell({"stage": what, "done": done, "total": total, "left_s": left})
