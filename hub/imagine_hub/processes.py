"""The processes of one hub: found by a mark in their environment, and ended together."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

# Every process that the hub starts carries the state folder in its environment, and so do the children of those:
# servers, kernels, the proxy, services. A process number in a file would say nothing about them, and may be another's by now.
RUN_VARIABLE = "IMAGINE_RUN"


def marked(state: Path, *, spare: Collection[int] = ()) -> list[psutil.Process]:
    """The processes of the hub with this state folder, without this one, those that it runs in, and those to be spared."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents()), *spare}
    found = []
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        try:
            if process.environ().get(RUN_VARIABLE) == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            # Another user's process, or one that has just ended.
            continue
    return found


def end_all(state: Path, *, patience_s: float = 3.0, spare: Collection[int] = ()) -> int:
    """End what is left of the hub with this state folder.

    Parameters
    ----------
    state : Path
        Its state folder.
    patience_s : float
        Seconds between asking and forcing.
    spare : collection of int
        Numbers of processes that go on.

    Returns
    -------
    int
        How many processes were there.
    """
    first = marked(state, spare=spare)
    left = first
    for action in ("terminate", "kill"):
        for process in left:
            try:
                getattr(process, action)()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=patience_s)
        # Asked again rather than remembered: one that is ending may have started another.
        left = marked(state, spare=spare)
        if not left:
            break
    return len(first)


def end_with_parent() -> Callable[[], None] | None:
    """What a child runs before it starts, so that it ends when the launcher is killed; None where the system cannot."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG in <sys/prctl.h>

    def prepare() -> None:
        libc.prctl(set_parent_death_signal, signal.SIGTERM)

    return prepare
