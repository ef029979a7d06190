"""The lines that the library writes in the folder of each user: one per verb that was called.

These files belong to the users, who can write into them what they like. So nothing but plain files is opened, no link is followed,
little is read of each, and a line is taken only if all of it makes sense. Nobody can change more than their own share, and not
that of a month that is closed.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from imagine_hub.usage.months import bounds
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import UsageFiles
from imagine_hub.usage.records import Verb

# A line of the library has 170 bytes: this is room for a verb every minute of a month.
MOST_BYTES = 8_000_000
MOST_LINE_BYTES = 2_000
# More than anybody identifies in one call, and longer than any call lasts.
MOST_OBJECTS = 100_000_000
MOST_SECONDS = 31 * 86_400.0
# Clocks of machines differ.
AHEAD_S = 120.0
OUTCOMES = ("done", "failed", "cancelled")
# Use cases that the hub does not know, such as one that somebody is developing.
UNLISTED = "unlisted"
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Lines:
    """What was read.

    Attributes
    ----------
    verbs : tuple of Verb
    skipped : int
        Lines, and whole files, that were passed over.
    """

    verbs: tuple[Verb, ...] = ()
    skipped: int = 0


def read_lines(files: UsageFiles, pseudonyms: Pseudonyms, months: list[str], known: frozenset[str], now: float) -> Lines:
    """The lines of all users.

    Parameters
    ----------
    files : UsageFiles
    pseudonyms : Pseudonyms
    months : list of str
        Which months to read.
    known : frozenset of str
        Names of the use cases; others count as `UNLISTED`, or anybody could put words of their own into the table.
    now : float
        Seconds since 1970; nothing can have happened later.
    """
    verbs: list[Verb] = []
    skipped = 0
    # Where servers are processes the folder lies in the home; a container gets one of ours instead.
    for top, below in ((files.homes, ("imagine", "usage")), (files.lines, ())):
        for user in _folders(top):
            person = pseudonyms.of(user)
            with _descend(top, (user, *below)) as folder:
                if folder is None:
                    continue
                for month in months:
                    found = _read(folder, month, person, known, now)
                    verbs += found.verbs
                    skipped += found.skipped
    return Lines(tuple(sorted(verbs, key=lambda verb: (verb.at, verb.person, verb.use_case))), skipped)


def known_use_cases(listing: Path) -> frozenset[str]:
    """Names of the use cases that the hub lists."""
    try:
        rows = json.loads(listing.read_text(encoding="utf-8"))["use_cases"]
        return frozenset(str(row["name"]) for row in rows)
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _folders(top: Path) -> list[str]:
    try:
        with os.scandir(top) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


@contextmanager
def _descend(top: Path, names: tuple[str, ...]) -> Iterator[int | None]:
    """Open a folder step by step, so that no link on the way leads elsewhere; None where it cannot be."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor: int | None = None
    try:
        descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in names:
            below = os.open(name, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _read(folder: int, month: str, person: str, known: frozenset[str], now: float) -> Lines:
    try:
        # A pipe would keep the reader waiting without O_NONBLOCK.
        descriptor = os.open(f"{month}.jsonl", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return Lines()
    except OSError:
        return Lines(skipped=1)
    about = os.fstat(descriptor)
    # Where homes lie on one disk, a second name for a file of somebody else could be put here.
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
        os.close(descriptor)
        return Lines(skipped=1)
    with os.fdopen(descriptor, "rb") as stream:
        text = stream.read(MOST_BYTES)
    skipped = int(about.st_size > MOST_BYTES)
    if skipped:
        # The last line is cut off somewhere.
        text = text[: text.rfind(b"\n") + 1]
    verbs = []
    for line in text.splitlines():
        verb = _verb(line, month, person, known, now)
        if verb is None:
            skipped += 1
        else:
            verbs.append(verb)
    return Lines(tuple(verbs), skipped)


def _verb(line: bytes, month: str, person: str, known: frozenset[str], now: float) -> Verb | None:
    if len(line) > MOST_LINE_BYTES:
        return None
    try:
        row = json.loads(line)
        at = datetime.fromisoformat(row["at"])
        first, end = bounds(month)
        moment = at.timestamp()
        verb, use_case, outcome, origin = (_text(row[name]) for name in ("verb", "use_case", "outcome", "origin"))
        n, wall_s = _number(row["n"], MOST_OBJECTS), _number(row["wall_s"], MOST_SECONDS)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, AttributeError):
        return None
    if at.tzinfo is None or not first <= moment < end or moment > now + AHEAD_S or outcome not in OUTCOMES or n != int(n):
        return None
    return Verb(person, moment, verb, use_case if use_case in known else UNLISTED, int(n), wall_s, outcome, origin)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError
    return value


def _number(value: Any, most: float) -> float:
    # bool is a subclass of int.
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= most:
        raise ValueError
    return float(value)
