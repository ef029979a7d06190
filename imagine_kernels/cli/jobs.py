"""Jobs: work that goes on when the terminal is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagine_kernels.cli.options import json_option
from imagine_kernels.cli.output import say
from imagine_kernels.errors import ImagineError

#: Commands that can be jobs: those that take their time and ask nothing.
_POSSIBLE = ("sample", "check", "train", "evaluate", "identify", "measure", "report", "convert")


@click.group()
def jobs() -> None:
    """Run commands in the background, one after the other; they go on when the terminal is closed."""


@jobs.command("submit", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def submit(context: click.Context, as_json: bool, command: tuple[str, ...]) -> None:
    """Put a command into the queue, e.g. `imagine jobs submit train zooscan cruise-12/ --out models/cruise-12`."""
    _check(context, command)
    job = _jobs().submit(command)
    say(job.to_dict(), as_json, f"{job.id[:8]} is {job.state}; `imagine jobs show {job.id[:8]}` says how far it is.")


@jobs.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Name all jobs, the oldest first."""
    found = _resumed().list()
    lines = [f"{job.id[:8]}  {job.state:<9}  {_how_far(job):<28}  imagine {' '.join(job.command)}" for job in found]
    say([job.to_dict() for job in found], as_json, "\n".join(lines) or "There are no jobs.")


@jobs.command("show")
@click.argument("job")
@json_option
def show(job: str, as_json: bool) -> None:
    """Say what became of a job; the first letters of its id are enough."""
    found = _resumed().get(job)
    lines = [f"{name:<10} {value}" for name, value in _facts(found) if value]
    say(found.to_dict(), as_json, "\n".join(lines))


@jobs.command("log")
@click.argument("job")
@json_option
def log(job: str, as_json: bool) -> None:
    """Print what a job has said."""
    text = _jobs().log(job)
    say({"log": text}, as_json, text.rstrip("\n") or "It has said nothing.")


@jobs.command("wait")
@click.argument("job")
@click.option("--timeout", type=click.FloatRange(min=0), default=None, metavar="SECONDS", help="Give up after so long.")
@json_option
def wait(job: str, timeout: float | None, as_json: bool) -> None:
    """Wait until a job has ended; the exit code is 1 unless it was done."""
    found = _resumed().wait(job, timeout_s=timeout)
    say(found.to_dict(), as_json, f"{found.id[:8]} is {found.state}.")
    if found.state != "done":
        raise ImagineError(f"The job {found.id[:8]} is {found.state}: {found.message}")


@jobs.command("cancel")
@click.argument("job")
@json_option
def cancel(job: str, as_json: bool) -> None:
    """Stop a job that waits or runs."""
    found = _jobs().cancel(job)
    text = f"{found.id[:8]} is {found.state}" + ("." if found.ended else " and will stop within seconds.")
    say(found.to_dict(), as_json, text)


@jobs.command("retry")
@click.argument("job")
@json_option
def retry(job: str, as_json: bool) -> None:
    """Put a job that failed or was stopped into the queue again."""
    found = _jobs().retry(job)
    say(found.to_dict(), as_json, f"{found.id[:8]} is {found.state} again.")


@jobs.command("remove")
@click.argument("job", required=False)
@click.option("--ended", is_flag=True, help="All that have ended.")
@json_option
def remove(job: str | None, ended: bool, as_json: bool) -> None:
    """Forget a job that has ended, with its log; what it wrote elsewhere stays."""
    if (job is None) is not ended:
        raise click.UsageError("Give a job, or --ended for all that have ended.")
    queue = _jobs()
    gone = [queue.get(job)] if job is not None else [each for each in queue.list() if each.ended]
    for each in gone:
        queue.remove(each.id)
    say({"removed": [each.id for each in gone]}, as_json, f"{len(gone)} removed.")


def _jobs() -> Any:
    from imagine_kernels.jobs import Jobs

    return Jobs()


def _resumed() -> Any:
    """The queue, with somebody at work where something is left of an earlier day."""
    from imagine_kernels.jobs.worker import ensure_worker

    queue = _jobs()
    if any(not job.ended for job in queue.list()):
        ensure_worker(queue)
    return queue


def _check(context: click.Context, words: tuple[str, ...]) -> None:
    """What can be known to be wrong is said now and not when the job's turn comes."""
    root = context.find_root()
    group = root.command
    command = group.get_command(root, words[0]) if isinstance(group, click.Group) and words[0] in _POSSIBLE else None
    if command is None:
        raise click.UsageError(f"{words[0]!r} cannot be a job; these can: {', '.join(_POSSIBLE)}.")
    given = command.make_context(words[0], list(words[1:]), parent=root).params
    if "use_case" in given:
        from imagine_kernels import catalog

        catalog.get(given["use_case"])
    for name in ("data", "folder", "source"):
        if isinstance(given.get(name), Path) and not given[name].expanduser().exists():
            from imagine_kernels.errors import DataNotFound

            raise DataNotFound.no_such_path(given[name])


def _how_far(job: Any) -> str:
    done, total, what = job.progress
    if job.state != "running" or not what:
        return ""
    return f"{what} {done}/{total}" if total else what


def _facts(job: Any) -> list[tuple[str, str]]:
    return [
        ("id", job.id),
        ("state", "running, stopping" if job.cancelling and job.state == "running" else job.state),
        ("command", "imagine " + " ".join(job.command)),
        ("folder", str(job.folder)),
        ("submitted", job.submitted),
        ("started", job.started or ""),
        ("finished", job.finished or ""),
        ("progress", _how_far(job)),
        ("message", job.message),
    ]
