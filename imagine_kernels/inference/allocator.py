"""Settings of the C library's memory allocator, and of its threads, that make torch on the CPU 1.6 to 2 times faster.

torch asks for the same large blocks again and again; by default the C library maps each one afresh and gives it back at once, and the
kernel fills it with zeros every time. These settings keep the memory. They cost memory that is not given back: right for a process that
trains or works through a batch and then ends, wrong for a server or a notebook.

OpenMP threads that wait for each other do so in a busy loop by default. Where others compute on the same cores, as on any hub, that loop eats
the time that the thread waited for needs; asleep they cost next to nothing (small steps of a training: 20 times faster on a busy machine).
"""

from __future__ import annotations

import os
import sys

#: Read by the C and OpenMP libraries when a process starts, never later.
FAST = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "PASSIVE",
}
#: Set where the user wants the process to stay as it was started.
KEEP = "IMAGINE_KEEP_ALLOCATOR"


def is_fast() -> bool:
    """Whether this process was started with the settings."""
    return all(os.environ.get(name) == value for name, value in FAST.items())


def restart_with_fast_allocator() -> None:
    """Start this process again, once, with the settings; returns only where there is nothing to gain.

    For the command line only, before anything was read from standard input: open files and threads are lost.
    """
    if is_fast() or os.environ.get(KEEP) or sys.platform != "linux" or not sys.executable:
        return
    os.environ.update(FAST)
    sys.stdout.flush()
    sys.stderr.flush()
    # orig_argv keeps interpreter options and `-m module`, which sys.argv has lost.
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
