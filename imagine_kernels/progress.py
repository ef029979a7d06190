"""How far the work is: a bar for people in a terminal or a notebook, lines in a file for another process, nothing where nobody looks."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagine_kernels.errors import Cancelled
from imagine_kernels.records import Progress

#: Names a file that lines of progress are added to.
PROGRESS_VARIABLE = "IMAGINE_PROGRESS"
_INTERVAL_S = 0.1


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress | None]:
    """A `Progress` that draws a bar with the time left on standard error, or None where there is nobody to see it.

    Where the environment variable ``IMAGINE_PROGRESS`` names a file, it goes there instead, for the process that started this one.

    Parameters
    ----------
    quiet : bool
        Never draw.
    """
    # Taken out of the environment: a process that is started from here must not tell its own steps as these.
    if file := os.environ.pop(PROGRESS_VARIABLE, None):
        yield progress_to_file(Path(file))
        return
    if quiet or not (sys.stderr.isatty() or _in_notebook()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=not _in_notebook())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield report


def cancellable(progress: Progress | None, cancel: threading.Event | None, sentence: str) -> Progress:
    """A `Progress` that tells another one, and stops whoever calls it once `cancel` is set.

    Raises
    ------
    Cancelled
        When called after `cancel` was set; it says `sentence`.
    """

    def told(done: int, total: int, what: str) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled(sentence)
        if progress is not None:
            progress(done, total, what)

    return told


def progress_to_file(file: Path) -> Progress:
    """A `Progress` that adds a line to a file, at most ten times a second and always at the end of a step."""
    last, step = 0.0, ""

    def tell(done: int, total: int, what: str) -> None:
        nonlocal last, step
        now = time.monotonic()
        if what == step and done != total and now - last < _INTERVAL_S:
            return
        last, step = now, what
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{done}\t{total}\t{' '.join(what.split())}\n")

    return tell


def read_progress(line: str) -> tuple[int, int, str]:
    """``(done, total, what)`` of a line that `progress_to_file` wrote."""
    done, total, what = line.rstrip("\n").split("\t", 2)
    return int(done), int(total), what


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"
