"""What was done here: a line per verb, for the person and for whoever pays for the machine.

The lines hold no names, no paths and no data: when, which verb of which use case, how many objects, how long, and how it ended. They lie in
``IMAGINE_HOME/usage/<year>-<month>.jsonl``; ``IMAGINE_USAGE`` names another folder, and ``IMAGINE_USAGE=off`` writes none.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels import settings
from imagine_kernels.errors import Cancelled, SettingError

if TYPE_CHECKING:
    import pandas as pd

#: Where the verb was called from, named by whoever calls: terminal, job, service or deepaas; python where nobody said, as in apps and notebooks.
ORIGIN_VARIABLE = "IMAGINE_ORIGIN"
#: Columns of `events`.
COLUMNS = ("at", "verb", "use_case", "n", "wall_s", "cpu_s", "gpu_s", "outcome", "origin")


@dataclass
class Note:
    """What a verb tells about itself while it is recorded.

    Attributes
    ----------
    n : int
        Objects that were worked on.
    """

    n: int = 0


@contextmanager
def recorded(verb: str, use_case: str) -> Iterator[Note]:
    """Record what is done inside; a record that cannot be written never stops the work.

    Parameters
    ----------
    verb : str
        ``"identify"``, ``"train"`` …
    use_case : str

    Yields
    ------
    Note
        To say how many objects it was.
    """
    note, started, before = Note(), time.monotonic(), os.times()
    outcome = "failed"
    try:
        yield note
        outcome = "done"
    except (Cancelled, KeyboardInterrupt):
        outcome = "cancelled"
        raise
    finally:
        wall_s = time.monotonic() - started
        after = os.times()
        _append(
            {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "verb": verb,
                "use_case": use_case,
                "n": note.n,
                "wall_s": round(wall_s, 2),
                "cpu_s": round(sum(after[:4]) - sum(before[:4]), 2),
                # Allocated, not busy: what others could not have meanwhile.
                "gpu_s": round(wall_s, 2) if _holds_gpu() else 0.0,
                "outcome": outcome,
                "origin": os.environ.get(ORIGIN_VARIABLE, "python"),
            }
        )


def events(*, since: str | None = None, until: str | None = None) -> pd.DataFrame:
    """Every recorded line, the oldest first.

    Parameters
    ----------
    since, until : str, optional
        First and last month, ``"2026-11"``, both included.

    Returns
    -------
    DataFrame, one row per verb that was called
        The columns of `COLUMNS`: `at` as UTC time, `wall_s`, `cpu_s` and `gpu_s` in s.

    Raises
    ------
    SettingError
        A month is not written as ``2026-11``.
    """
    import pandas as pd

    for month in (since, until):
        if month is not None:
            _check_month(month)
    rows = []
    for file in sorted(_folder().glob("????-??.jsonl")):
        if (since is None or file.stem >= since) and (until is None or file.stem <= until):
            rows += [row for line in file.read_text(encoding="utf-8").splitlines() if (row := _read(line)) is not None]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = {"n": "int64", "wall_s": "float64", "cpu_s": "float64", "gpu_s": "float64"}
    return table.astype(numbers).assign(at=pd.to_datetime(table["at"], utc=True))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Per month, use case and verb: calls, those that failed or were stopped, objects, hours.

    Parameters
    ----------
    table : DataFrame
        From `events`.

    Returns
    -------
    DataFrame
        Columns month, use_case, verb, calls, failed, cancelled, objects, wall_h, cpu_h, gpu_h.
    """
    import pandas as pd

    named = ["month", "use_case", "verb", "calls", "failed", "cancelled", "objects", "wall_h", "cpu_h", "gpu_h"]
    if table.empty:
        return pd.DataFrame(columns=named)
    work = table.assign(
        month=table["at"].dt.strftime("%Y-%m"), failed=table["outcome"] == "failed", cancelled=table["outcome"] == "cancelled"
    )
    grouped = work.groupby(["month", "use_case", "verb"], sort=True)
    result = grouped.agg(
        calls=("verb", "size"), failed=("failed", "sum"), cancelled=("cancelled", "sum"), objects=("n", "sum"),
        wall_h=("wall_s", "sum"), cpu_h=("cpu_s", "sum"), gpu_h=("gpu_s", "sum"),
    ).reset_index()  # fmt: skip
    hours = ["wall_h", "cpu_h", "gpu_h"]
    result[hours] = result[hours] / 3600
    return result[named]


def _folder() -> Path:
    named = os.environ.get("IMAGINE_USAGE", "")
    return Path(named) if named.startswith("/") else settings.home() / "usage"


def _append(row: dict[str, Any]) -> None:
    if os.environ.get("IMAGINE_USAGE", "").lower() in ("off", "no", "0", "false"):
        return
    try:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        # One write of one short line at the end of the file: lines of several processes do not mix.
        with (folder / f"{row['at'][:7]}.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
    except OSError:
        return


def _read(line: str) -> dict[str, Any] | None:
    """One line; None where it is damaged, as by a machine that lost its power."""
    try:
        row = json.loads(line)
        datetime.fromisoformat(row["at"])
        return {**{name: row[name] for name in COLUMNS}, **{name: float(row[name]) for name in ("n", "wall_s", "cpu_s", "gpu_s")}}
    except (ValueError, KeyError, TypeError):
        return None


def _check_month(text: str) -> None:
    try:
        datetime.strptime(text, "%Y-%m")
    except ValueError:
        raise SettingError(f"A month is written as 2026-11, not {text!r}.") from None
    if len(text) != 7:
        raise SettingError(f"A month is written as 2026-11, not {text!r}.")


def _holds_gpu() -> bool:
    # Asked of torch only where it is loaded already.
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available() and torch.cuda.is_initialized())
