"""The history of a project: events that are only ever added, each holding the hash of the one before.

The hash of an event is SHA-256 over the canonical JSON (UTF-8, keys sorted, no spaces, numbers as Python writes them) of all that it
says, with the hash of the event before. Whoever changes, removes, inserts or swaps an event changes every hash after it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from typing import Any

import sqlalchemy as sa

from imagine_kernels.errors import DataError

#: What the first event of a project holds as the hash before it.
GENESIS = "0" * 64
#: Kinds of events that change an annotation; these can be undone.
OF_ANNOTATIONS = (
    "create",
    "reshape",
    "relabel",
    "status",
    "change",
    "delete",
    "restore",
    "undo",
    "redo",
    "revert",
    "merge",
)
#: Those from which rows of other tables follow: media, who has looked at what, who is to, blind sessions, who may do what.
OF_TABLES = ("medium", "review", "assign", "blind", "role")
#: Those that change something else than annotations; also the project itself, its label tree, and what a merge leaves as it is.
OF_PROJECT = (*OF_TABLES, "project", "tree", "keep")

State = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the history.

    Attributes
    ----------
    sequence : int
        Its number in the project, counted from 1.
    step : int
        The first sequence of what was done, and is undone, at one go.
    author : str
        Who did it.
    time : str
        When, ISO 8601 in UTC with milliseconds; never before the event before.
    kind : str
        One of `OF_ANNOTATIONS` or `OF_PROJECT`.
    subject : str
        The id of an annotation; ``medium:KEY``; or empty for the project as a whole.
    key : str or None
        What the writer called it, so that sending it twice does it once.
    undoes : int or None
        The step that this one takes back.
    payload : str
        Canonical JSON: of an annotation ``base``, the version that it was changed from, and ``set``, the parts that were changed.
    previous, hash : str
        As 64 hexadecimal digits.
    """

    sequence: int
    step: int
    author: str
    time: str
    kind: str
    subject: str
    key: str | None
    undoes: int | None
    payload: str
    previous: str
    hash: str = ""

    @property
    def content(self) -> State:
        """The payload as values."""
        return dict(json.loads(self.payload))

    @property
    def changes(self) -> State:
        """What it sets of an annotation."""
        return dict(self.content.get("set", {}))

    def digest(self, project: str) -> str:
        """The hash that follows from all the rest, in the project of that uid."""
        # Put together by hand, in the order of the keys: this is done for every event, and the payload is canonical already.
        text = (
            f'{{"author":{quoted(self.author)},"key":{"null" if self.key is None else quoted(self.key)},'
            f'"kind":{quoted(self.kind)},"payload":{self.payload},"previous":{quoted(self.previous)},"project":{quoted(project)},'
            f'"sequence":{self.sequence},"step":{self.step},"subject":{quoted(self.subject)},"time":{quoted(self.time)},'
            f'"undoes":{"null" if self.undoes is None else self.undoes}}}'
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self, project: str) -> State:
        """A line of an exported history: without ``hash`` it is what the hash is taken of."""
        return {
            "author": self.author,
            "hash": self.hash,
            "key": self.key,
            "kind": self.kind,
            "payload": self.content,
            "previous": self.previous,
            "project": project,
            "sequence": self.sequence,
            "step": self.step,
            "subject": self.subject,
            "time": self.time,
            "undoes": self.undoes,
        }


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
# Control characters, and halves of characters.
_NOT_PLAIN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

EVENT_COLUMNS = tuple(Event.__slots__)


def canonical(value: Any) -> str:
    """The one way to write a value as JSON.

    Raises
    ------
    DataError
        It holds NaN, an infinity, half a character, or what JSON does not know.
    """
    try:
        text = _ENCODER.encode(value)
        text.encode()
    except (ValueError, TypeError) as error:
        raise DataError(f"This cannot be kept ({error}): use text, finite numbers, true and false.") from None
    return text


def now(after: str = "") -> str:
    """The time for people and machines, but not before `after`: clocks are set back at times, histories are not."""
    return max(datetime.now(UTC).isoformat(timespec="milliseconds"), after)


def plain(text: str, what: str, longest: int = 500) -> str:
    """A name that databases can hold.

    Raises
    ------
    DataError
        It is empty, too long, or holds control characters or half a character.
    """
    if not text.strip() or len(text) > longest or _NOT_PLAIN.search(text):
        raise DataError(f"{what} {text[:40]!r} cannot be kept: use 1 to {longest} letters without control characters.")
    return text


def folded(events: Iterable[Event], *, until: int | None = None) -> State | None:
    """The state of one annotation after its events; None where there are none (up to the sequence `until`)."""
    state: State | None = None
    for event in events:
        if until is not None and event.sequence > until:
            break
        state = {**(state or {}), **event.changes}
    return state


def event_of(row: Mapping[str, Any] | sa.RowMapping) -> Event:
    """The event in a row of the database."""
    return Event(**{name: row[name] for name in EVENT_COLUMNS})
