"""Whether a hub runs on a state folder, without disturbing it."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagine_hub.state import StateFolder


def running_at(state: StateFolder) -> str | None:
    """The address of the hub that holds the folder; None where none does."""
    try:
        with state.lock.open(encoding="utf-8") as file:
            # A shared lock, let go at once: it is refused as long as the launcher holds its own.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return state.lock.read_text(encoding="utf-8").strip() or "an unknown address"
    except OSError:
        return None
    return None
