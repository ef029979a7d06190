"""The process that works through the queue, one job at a time; there is at most one per queue, and it ends when nothing is left."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from imagine_kernels.jobs.queue import MAX_ATTEMPTS, Jobs, now
from imagine_kernels.progress import PROGRESS_VARIABLE

#: A job that was asked to stop and does not within this time is ended (s).
GRACE_S = 30.0
_POLL_S = 0.2
#: Exit code of a command that was interrupted.
_INTERRUPTED = 130


def ensure_worker(jobs: Jobs) -> None:
    """Start a worker in the background unless one is there; it outlives this process."""
    with _lock(jobs) as free:
        if not free:
            return
    command = [sys.executable, "-m", "imagine_kernels.jobs.worker", str(jobs.place)]
    with (jobs.place / "worker.log").open("ab") as log:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True, cwd=jobs.place
        )


def work(jobs: Jobs) -> int:
    """Work through the queue until it is empty; returns at once where another worker is at it.

    Returns
    -------
    int
        Number of jobs that were worked on.
    """
    worked = 0
    while True:
        with _lock(jobs) as free:
            if not free:
                return worked
            _recover(jobs)
            while _work_on_next(jobs):
                worked += 1
        # A job that was submitted after the last look found the lock taken and left it to this process.
        with jobs.database() as database:
            if not database.execute("select count(*) from jobs where state = 'queued'").fetchone()[0]:
                return worked


@contextmanager
def _lock(jobs: Jobs) -> Iterator[bool]:
    """Whether this process is the one that works; the lock goes with the process, however it ends."""
    with (jobs.place / "worker.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _recover(jobs: Jobs) -> None:
    """Whoever worked before is gone: what it left running is ended and queued again."""
    with jobs.database() as database:
        rows = list(database.execute("select * from jobs where state = 'running'"))
    for row in rows:
        _end_left_over(row)
        if row["cancel"]:
            _finish(jobs, row["id"], "cancelled", "Stopped on request.")
        elif row["attempts"] >= MAX_ATTEMPTS:
            message = f"It was begun {row['attempts']} times and its process was ended each time: see to the memory left, then try again."
            _finish(jobs, row["id"], "failed", message)
        else:
            with jobs.database() as database:
                database.execute("update jobs set state = 'queued', pid = null where id = ?", (row["id"],))


def _end_left_over(row: sqlite3.Row) -> None:
    try:
        process = psutil.Process(row["pid"]) if row["pid"] else None
        # A number is given again to other processes; the time of its start is not.
        if process is not None and abs(process.create_time() - row["pid_started"]) < 1:
            os.killpg(process.pid, signal.SIGKILL)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return


def _work_on_next(jobs: Jobs) -> bool:
    with jobs.database() as database:
        row = database.execute(
            "update jobs set state = 'running', started = ?, attempts = attempts + 1"
            " where id = (select id from jobs where state = 'queued' order by place limit 1) returning *",
            (now(),),
        ).fetchone()
    if row is None:
        return False
    job = jobs.get(row["id"])
    folder = jobs.folder_of(job.id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "progress").unlink(missing_ok=True)
    if not job.folder.is_dir():
        _finish(jobs, job.id, "failed", f"The folder {job.folder} that the job was to run in is gone: submit it again.")
        return True
    command = [sys.executable, "-m", "imagine_kernels.cli", *job.command, "--json"]
    environment = {**os.environ, PROGRESS_VARIABLE: str(folder / "progress"), "IMAGINE_ORIGIN": "job"}
    aside = folder / "result.json.part"
    with aside.open("wb") as result, (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=job.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=result,
            stderr=log,
            start_new_session=True,
        )
        with jobs.database() as database:
            started = psutil.Process(process.pid).create_time()
            database.execute("update jobs set pid = ?, pid_started = ? where id = ?", (process.pid, started, job.id))
        try:
            stopped = _follow(jobs, job.id, process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode == 0:
        aside.replace(folder / "result.json")
        _finish(jobs, job.id, "done", "")
    elif stopped:
        _finish(jobs, job.id, "cancelled", "Stopped on request.")
    else:
        _finish(jobs, job.id, "failed", _reason(folder / "log.txt", process.returncode))
    return True


def _follow(jobs: Jobs, name: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the end of a job; True where a person stopped it."""
    asked: float | None = None
    while process.poll() is None:
        if asked is None and jobs.get(name).cancelling:
            asked = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
        if asked is not None and time.monotonic() - asked > GRACE_S:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(_POLL_S)
    return asked is not None or process.returncode == _INTERRUPTED


def _finish(jobs: Jobs, name: str, state: str, message: str) -> None:
    with jobs.database() as database:
        database.execute(
            "update jobs set state = ?, message = ?, finished = ?, pid = null where id = ?", (state, message, now(), name)
        )


def _reason(log: Path, code: int) -> str:
    """The one sentence of a failed command."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.lower().startswith("error: ")), None)
    if said is not None:
        return said.partition(": ")[2]
    if code < 0:
        return f"Its process was ended by the system ({signal.Signals(-code).name}): most often there is not enough memory."
    return f"It ended with code {code} ({lines[-1] if lines else 'without a word'}): see its log."


if __name__ == "__main__":
    work(Jobs(sys.argv[1]))
