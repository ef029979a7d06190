"""The queue of jobs: one SQLite file and a folder per job below ``IMAGINE_HOME/jobs``."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from imagine_kernels import settings
from imagine_kernels.errors import ImagineError, UnknownName
from imagine_kernels.progress import read_progress

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
#: A job that ended its process so many times without a word is not tried again.
MAX_ATTEMPTS = 3

_SCHEMA = """
create table if not exists jobs (
    id text primary key,
    place integer not null unique,
    command text not null,
    folder text not null,
    state text not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    submitted text not null,
    started text,
    finished text,
    attempts integer not null default 0,
    cancel integer not null default 0,
    pid integer,
    pid_started real,
    message text not null default ''
)"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as it was when it was looked up.

    Attributes
    ----------
    id : str
        32 hexadecimal digits.
    command : tuple of str
        The words after ``imagine``.
    folder : Path
        Where relative paths of the command begin.
    state : {"queued", "running", "done", "failed", "cancelled"}
    submitted, started, finished : str or None
        ISO 8601, UTC.
    attempts : int
        How often it was begun.
    cancelling : bool
        A person has asked to stop it.
    message : str
        The one sentence of a job that failed.
    progress : tuple of (int, int, str)
        ``(done, total, what)``; total is 0 where it is not known.
    result : object
        What the command printed as JSON; None before it is done.
    """

    id: str
    command: tuple[str, ...]
    folder: Path
    state: State
    submitted: str
    started: str | None
    finished: str | None
    attempts: int
    cancelling: bool
    message: str
    progress: tuple[int, int, str]
    result: Any

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ("done", "failed", "cancelled")

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        done, total, what = self.progress
        return {
            **{name: getattr(self, name) for name in ("id", "state", "submitted", "started", "finished", "attempts", "message")},
            "command": list(self.command),
            "folder": str(self.folder),
            "progress": {"done": done, "total": total, "what": what},
            "result": self.result,
        }


class Jobs:
    """The queue of one person.

    Parameters
    ----------
    place : path, optional
        Folder of the queue; by default ``IMAGINE_HOME/jobs``.
    """

    def __init__(self, place: Path | str | None = None) -> None:
        self.place = Path(place).expanduser() if place is not None else settings.home() / "jobs"
        with settings.writing(self.place):
            self.place.mkdir(parents=True, exist_ok=True)
        with self.database() as database:
            # Readers and the worker never wait for each other.
            database.execute("pragma journal_mode = wal")
            database.execute(_SCHEMA)

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """A connection; what is done in it holds together, and is on the disk when it is left."""
        connection = sqlite3.connect(self.place / "jobs.sqlite", timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise ImagineError(
                f"The queue of jobs in {self.place} cannot be used ({error}): see to its permissions and the room left."
            ) from None
        except sqlite3.DatabaseError as error:
            raise ImagineError(
                f"The queue of jobs in {self.place} is damaged ({error}): move jobs.sqlite away; the jobs' folders stay."
            ) from None
        finally:
            connection.close()

    def submit(self, command: Sequence[str], *, folder: Path | str | None = None, job_id: str | None = None) -> Job:
        """Put a command into the queue and see to it that somebody works.

        Parameters
        ----------
        command : sequence of str
            The words after ``imagine``.
        folder : path, optional
            Where relative paths in it begin; by default the current folder.
        job_id : str, optional
            From `new_id`, where files were put into `folder_of` beforehand.

        Returns
        -------
        Job
        """
        from imagine_kernels.jobs.worker import ensure_worker

        name = job_id or self.new_id()
        self.folder_of(name).mkdir(parents=True, exist_ok=True)
        with self.database() as database:
            database.execute(
                "insert into jobs (id, place, command, folder, state, submitted)"
                " values (?, (select coalesce(max(place), 0) + 1 from jobs), ?, ?, 'queued', ?)",
                (name, json.dumps(list(command)), str(Path(folder or Path.cwd()).absolute()), now()),
            )
        ensure_worker(self)
        return self.get(name)

    def new_id(self) -> str:
        """The name of a job to come."""
        return uuid.uuid4().hex

    def folder_of(self, name: str) -> Path:
        """The folder of a job: what it said (``log.txt``), its result and progress."""
        return self.place / name

    def list(self) -> list[Job]:
        """All jobs, the oldest first."""
        with self.database() as database:
            return [self._job(row) for row in database.execute("select * from jobs order by place")]

    def get(self, name: str) -> Job:
        """The job of that id, or of the only one that begins so.

        Raises
        ------
        UnknownName
            There is none, or more than one.
        """
        with self.database() as database:
            rows = [row for row in database.execute("select * from jobs order by place") if row["id"].startswith(name)]
        if not name or len(rows) != 1:
            said = f"{len(rows)} jobs begin with {name!r}: give more of the id" if rows and name else f"There is no job {name!r}"
            raise UnknownName(f"{said}; `imagine jobs list` shows them all.")
        return self._job(rows[0])

    def log(self, name: str) -> str:
        """What the job has said on standard error."""
        file = self.folder_of(self.get(name).id) / "log.txt"
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    def cancel(self, name: str) -> Job:
        """Stop a job: at once where it waits, within seconds where it runs; one that has ended stays as it is."""
        from imagine_kernels.jobs.worker import ensure_worker

        job = self.get(name)
        with self.database() as database:
            database.execute(
                "update jobs set state = 'cancelled', finished = ?, message = 'Stopped on request.' where id = ? and state = 'queued'",
                (now(), job.id),
            )
            database.execute("update jobs set cancel = 1 where id = ? and state = 'running'", (job.id,))
        # Where the worker is gone, a new one clears up.
        ensure_worker(self)
        return self.get(job.id)

    def retry(self, name: str) -> Job:
        """Put a job that failed or was stopped at the end of the queue again."""
        from imagine_kernels.jobs.worker import ensure_worker

        job = self.get(name)
        if job.state not in ("failed", "cancelled"):
            raise ImagineError(f"The job {job.id[:8]} is {job.state}: only one that failed or was stopped can be tried again.")
        for file in ("result.json", "progress"):
            (self.folder_of(job.id) / file).unlink(missing_ok=True)
        with self.database() as database:
            database.execute(
                "update jobs set state = 'queued', place = (select max(place) + 1 from jobs), cancel = 0, attempts = 0, message = '',"
                " started = null, finished = null where id = ?",
                (job.id,),
            )
        ensure_worker(self)
        return self.get(job.id)

    def remove(self, name: str) -> None:
        """Forget a job that has ended, with its log; what it wrote elsewhere stays."""
        job = self.get(name)
        if not job.ended:
            raise ImagineError(f"The job {job.id[:8]} is {job.state}: stop it first with `imagine jobs cancel {job.id[:8]}`.")
        with self.database() as database:
            database.execute("delete from jobs where id = ?", (job.id,))
        shutil.rmtree(self.folder_of(job.id), ignore_errors=True)

    def wait(self, name: str, *, timeout_s: float | None = None) -> Job:
        """Wait until a job has ended.

        Raises
        ------
        ImagineError
            It has not ended after `timeout_s`.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not (job := self.get(name)).ended:
            if until is not None and time.monotonic() > until:
                raise ImagineError(f"The job {job.id[:8]} is still {job.state} after {timeout_s:g} s: wait longer, or stop it.")
            time.sleep(0.2)
        return job

    def _job(self, row: sqlite3.Row) -> Job:
        folder = self.folder_of(row["id"])
        return Job(
            id=row["id"],
            command=tuple(json.loads(row["command"])),
            folder=Path(row["folder"]),
            state=row["state"],
            submitted=row["submitted"],
            started=row["started"],
            finished=row["finished"],
            attempts=row["attempts"],
            cancelling=bool(row["cancel"]),
            message=row["message"],
            progress=_last_progress(folder / "progress"),
            result=_result(folder / "result.json") if row["state"] == "done" else None,
        )


def now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _last_progress(file: Path) -> tuple[int, int, str]:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - 1000))
            lines = stream.read().decode("utf-8", errors="replace").split("\n")
        # The last one may be half written.
        return read_progress(lines[-2])
    except (OSError, ValueError, IndexError):
        return 0, 0, ""


def _result(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
