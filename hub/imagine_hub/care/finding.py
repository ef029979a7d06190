"""What a check has found: one line for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands."""

    FINE = "ok"
    WARNING = "warning"
    PROBLEM = "problem"

    @property
    def sign(self) -> str:
        """The same as one character."""
        return {State.FINE: "✓", State.WARNING: "!", State.PROBLEM: "✗"}[self]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at.
    state : State
    seen : str
        What was seen there.
    remedy : str
        What to do about it; empty where nothing is to be done.
    """

    name: str
    state: State
    seen: str
    remedy: str = ""


def fine(name: str, seen: str) -> Finding:
    """As it should be."""
    return Finding(name, State.FINE, seen)


def warning(name: str, seen: str, remedy: str) -> Finding:
    """The hub works, but somebody should know."""
    return Finding(name, State.WARNING, seen, remedy)


def problem(name: str, seen: str, remedy: str) -> Finding:
    """The hub, or a part of it, will not work."""
    return Finding(name, State.PROBLEM, seen, remedy)


def worst(findings: list[Finding]) -> State:
    """The state of all of them together."""
    order = list(State)
    return max((finding.state for finding in findings), key=order.index, default=State.FINE)
