"""Latitudes and longitudes as ZooProcess writes them, in its tables and in its ``.pid`` files alike.

One number holds degrees and minutes (47.5076 is 47° 50.76'), and the west is positive (macro ``Zooprocess_pid_to_ecotaxa_zooscan`` 7.26,
repository picheral/Zooprocess). Some laboratories write degrees with decimals and the east positive all the same; a place with 60 minutes or
more gives them away.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence

from imagine_kernels.formats.columns import MISSING
from imagine_kernels.records import Problem


def in_degrees(
    rows: Iterable[MutableMapping[str, str]],
    problems: list[Problem],
    *,
    item: str,
    latitudes: Sequence[str],
    longitudes: Sequence[str],
) -> None:
    """Places in degrees with decimals, north and east positive, in place; texts that are no plain number stay.

    Parameters
    ----------
    rows : iterable of dict of str to str
        All rows that were written in the same way: where one of their places has 60 minutes or more, all are left as they stand.
    problems : list of Problem
        That is noted there.
    item : str
        What the rows are from.
    latitudes, longitudes : sequence of str
        The columns.
    """
    known = [
        (row, name, value)
        for row in rows
        for name in (*latitudes, *longitudes)
        if (value := _number(row.get(name, ""))) is not None
    ]
    if any(round(abs(value) % 1 * 100, 6) >= 60 for _, _, value in known):
        what = "it holds places with 60 minutes or more, so that all were taken for degrees with decimals, as they stand"
        remedy = "check the sign of the longitudes: east is positive"
        problems.append(Problem(item=item, what=what, remedy=remedy, severity="warning"))
        return
    for row, name, value in known:
        degrees = abs(value) // 1 + abs(value) % 1 * 100 / 60
        west = name in longitudes
        row[name] = f"{-degrees if (value < 0) != west else degrees:.6f}"


def _number(text: str) -> float | None:
    if text.strip().lower() in MISSING:
        return None
    try:
        return float(text)
    except ValueError:
        return None
