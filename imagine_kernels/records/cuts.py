"""Cuts through objects that are several: lines, how they are written, and the columns that hold them."""

from __future__ import annotations

import re
from collections.abc import Container

from imagine_kernels.errors import DataError

#: Points (x, y) in px of the picture that the object lies on.
Line = tuple[tuple[int, int], ...]
Lines = tuple[Line, ...]

#: Columns of `Sample.objects`: the probability that an object is several (NaN where not known), the lines that are proposed to divide it, the
#: lines that have divided it from its neighbours, and the id of the object that it was a part of when it was found; texts are empty for most.
MULTIPLE, PROPOSED_CUT, CUT, CUT_FROM = "object_multiple", "object_proposed_cut", "object_cut", "object_cut_from"

#: What the user sets: whether what is likely several is divided at once, and from which probability on it is.
SEPARATE, MULTIPLES_ABOVE = "separate", "multiples_above"

_WKT = re.compile(r"\s*MULTILINESTRING\s*\(\s*(.*)\)\s*", re.IGNORECASE | re.DOTALL)
_ONE = re.compile(r"\(([^()]*)\)")


def as_wkt(lines: Lines) -> str:
    """Lines as well-known text (OGC 06-103r4), ``MULTILINESTRING ((10 4, 12 9), …)``; empty where there are none."""
    if not lines:
        return ""
    return "MULTILINESTRING (" + ", ".join("(" + ", ".join(f"{x} {y}" for x, y in line) + ")" for line in lines) + ")"


def from_wkt(text: object) -> Lines:
    """Lines from what `as_wkt` wrote; none where `text` is empty or no text.

    Raises
    ------
    DataError
        It is something else.
    """
    if not isinstance(text, str) or not text.strip():
        return ()
    found = _WKT.fullmatch(text)
    try:
        parts = _ONE.findall(found.group(1)) if found else []
        lines = tuple(
            tuple((round(float(x)), round(float(y))) for x, y in (point.split() for point in part.split(","))) for part in parts
        )
    except (ValueError, OverflowError):
        lines = ()
    if not lines or any(len(line) < 2 for line in lines):
        raise DataError(f"{text[:60]!r} says no cut: give lines as MULTILINESTRING ((x y, x y, …), …) in px.")
    return lines


def part_ids(object_id: str, n: int, taken: Container[str]) -> list[str]:
    """Ids for n parts of an object: its own with a number, none of those that are taken.

    An object that is divided anew in another way has the next numbers, so that an id never means another piece of the picture.
    """
    found: list[str] = []
    number = 1
    while len(found) < n:
        name = f"{object_id}_{number}"
        if name not in taken:
            found.append(name)
        number += 1
    return found
