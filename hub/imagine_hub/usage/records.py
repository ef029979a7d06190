"""What the figures are counted from; times are seconds since 1970, people are pseudonyms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A server started or stopped.

    Attributes
    ----------
    at : float
    person, server : str
    action : str
        ``"start"`` or ``"stop"``.
    origin : str
        ``"hub"``: JupyterHub's own event; ``"spawner"``: our ledger, which knows more.
    profile : str
    cpus : float, optional
        Processors set aside; None where there is no limit.
    gpus : int
    country : str
        Of the home institution.
    reason : str
        Why it stopped: ``"failed"`` if it never came up.
    """

    at: float
    person: str
    server: str
    action: str
    origin: str
    profile: str = ""
    cpus: float | None = None
    gpus: int = 0
    country: str = "unknown"
    reason: str = ""


@dataclass(frozen=True)
class Session:
    """A server from its start to its end."""

    person: str
    server: str
    since: float
    until: float
    profile: str = ""
    cpus: float | None = None
    gpus: int = 0
    country: str = "unknown"


@dataclass(frozen=True)
class Used:
    """What a server used within one hour of the clock.

    Attributes
    ----------
    hour : int
        Hours since 1970.
    cpu_s : float, optional
        Seconds of one processor; None where nothing measures it.
    gpu_s : float
        Seconds in which its GPUs computed.
    last_at : float
        When it was last seen running.
    """

    hour: int
    person: str
    server: str
    cpu_s: float | None
    gpu_s: float
    last_at: float


@dataclass(frozen=True)
class Held:
    """One GPU that was set aside."""

    person: str
    server: str
    since: float
    until: float


@dataclass(frozen=True)
class Verb:
    """One line of the library: a verb of a use case that was called, and has ended.

    Attributes
    ----------
    at : float
        When it ended.
    n : int
        Objects that were worked on.
    outcome : str
        ``"done"``, ``"failed"`` or ``"cancelled"``.
    origin : str
        ``"job"`` where the queue of jobs called it.
    """

    person: str
    at: float
    verb: str
    use_case: str
    n: int
    wall_s: float
    outcome: str
    origin: str


@dataclass(frozen=True)
class Home:
    """What the home of a person takes on disk at the end of a month, in bytes."""

    person: str
    month: str
    size: int


@dataclass(frozen=True)
class Records:
    """All that one month, or several, are counted from."""

    sessions: tuple[Session, ...] = ()
    used: tuple[Used, ...] = ()
    held: tuple[Held, ...] = ()
    verbs: tuple[Verb, ...] = ()
    homes: tuple[Home, ...] = ()
