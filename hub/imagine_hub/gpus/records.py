"""The values that travel between the allocator, the pages and the watch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imagine_hub.errors import HubError

_ALMOST_NONE_H = 1e-9


class GpuError(HubError):
    """What was asked of the GPUs cannot be done."""


class Reason(StrEnum):
    """Why a GPU is taken back."""

    TIME = "time"
    IDLE = "idle"
    BUDGET = "budget"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Somebody wants to start a server with GPUs.

    Attributes
    ----------
    user, server : str
        ``server`` is "" for the default server.
    groups : tuple of str
        Groups of the user: their budgets pay as well.
    gpus : int
        How many.
    profile : str
        Size for which they are.
    """

    user: str
    server: str = ""
    groups: tuple[str, ...] = ()
    gpus: int = 1
    profile: str = ""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """One GPU in the hands of one server, now or once.

    Attributes
    ----------
    since, until : float
        Seconds of the epoch; ``until`` is None while it runs.
    """

    uuid: str
    user: str
    server: str
    groups: tuple[str, ...]
    since: float
    until: float | None


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What one server holds now.

    Attributes
    ----------
    since : float
        Start [s of the epoch].
    ends : float, optional
        When its time is over, by ``gpus.max_hours`` [s of the epoch].
    busy : float
        When one of its GPUs was last seen to compute, or the user has asked to keep it [s of the epoch].
    warned, takes : float, optional
        When the user was warned, and when the GPU is taken back then [s of the epoch].
    reason : Reason, optional
        Why it is taken back.
    lost : str
        What the server says if it no longer reaches its GPU.
    """

    user: str
    server: str
    groups: tuple[str, ...]
    uuids: tuple[str, ...]
    since: float
    ends: float | None
    busy: float
    warned: float | None = None
    takes: float | None = None
    reason: Reason | None = None
    lost: str = ""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """GPU-hours of this calendar month, of a user or of a group."""

    name: str
    is_group: bool
    used: float
    limit: float

    @property
    def left(self) -> float:
        """Hours that are left, not less than none."""
        return max(0.0, self.limit - self.used)

    @property
    def used_up(self) -> bool:
        """Whether nothing is left; sums of times are not exact to the last bit."""
        return self.left <= _ALMOST_NONE_H

    @property
    def used_up_words(self) -> str:
        """What is said then."""
        whose = f"of the group {self.name}" if self.is_group else "that you have"
        return (
            f"The {self.limit:g} GPU-hours {whose} this month are used up: start without a GPU; "
            "on the first day of the next month they count anew."
        )


@dataclass(frozen=True)
class Granted:
    """The GPUs are the server's."""

    uuids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A place in the queue.

    Attributes
    ----------
    place : int
        1 for whoever is next; 0 for a place that was missed.
    wait_s : float, optional
        Expected wait [s], an estimate; None if nobody can say.
    held_until : float, optional
        Until when a GPU is held for this place [s of the epoch].
    missed : float, optional
        When the GPU that was held went to the next [s of the epoch].
    """

    profile: str
    place: int
    wait_s: float | None
    held_until: float | None = None
    missed: float | None = None


@dataclass(frozen=True)
class Refused:
    """There is nothing to wait for; the sentence says why."""

    words: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How it is for one user, at one moment.

    Attributes
    ----------
    now : float
        The moment [s of the epoch].
    in_all, free : int
        GPUs that may be given out, and those that nobody has and nobody is waited for.
    queue : int
        How many wait.
    next_wait_s : float, optional
        Expected wait of whoever would join the queue for one GPU now [s].
    holding : Holding, optional
        What the user's server has.
    ticket : Waiting, optional
        The user's place in the queue.
    budgets : tuple of Budget
    taken : tuple of (Reason, float), optional
        Why and when a GPU was last taken back from the user, within a day.
    """

    now: float
    in_all: int
    free: int
    queue: int
    next_wait_s: float | None
    holding: Holding | None
    ticket: Waiting | None
    budgets: tuple[Budget, ...]
    taken: tuple[Reason, float] | None

    @property
    def used_up(self) -> Budget | None:
        """The first budget with nothing left, if there is one."""
        return next((budget for budget in self.budgets if budget.used_up), None)


@dataclass(frozen=True, kw_only=True)
class Stock:
    """How many GPUs may be given out, how many of them no server has, how many are in use, and how many people wait."""

    in_all: int
    free: int
    leased: int
    waiting: int
