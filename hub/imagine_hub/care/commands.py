"""``imagine-hub``: check, backup, restore, health, and the figures of use."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from imagine_hub.errors import HubError
from imagine_hub.settings import DEFAULT_FILE, SETTINGS_VARIABLE, read_settings


class _Commands(click.Group):
    """The figures of use need much that the other commands can do without, so they are loaded when they are asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), "usage"]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name != "usage":
            return super().get_command(context, name)
        from imagine_hub.usage.commands import usage_command

        return usage_command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Look after a hub: before it starts, while it runs, and when it has to be brought back."""


def command(function: Callable[..., None]) -> click.Command:
    """A command with the options that all have, whose errors are one sentence."""

    @functools.wraps(function)
    def told(**given: Any) -> None:
        try:
            function(**given)
        except HubError as error:
            click.echo(str(error), err=True)
            sys.exit(1)

    settings = click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path),
        default=lambda: Path(os.environ.get(SETTINGS_VARIABLE, DEFAULT_FILE)),
        help="Settings file of the hub.",
        show_default=str(DEFAULT_FILE),
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
    return main.command()(settings(as_json(told)))


@command
def check(settings_file: Path, as_json: bool) -> None:
    """Look at everything that the hub needs; change nothing.

    Ends with 0 if the hub can start (warnings do not count), with 1 if something has to be done first.
    """
    from imagine_hub.care.checking import look
    from imagine_hub.care.finding import State, worst

    with working(as_json, "Looking …"):
        findings = look(settings_file)
    state = worst(findings)
    if as_json:
        say({"state": state.value, "findings": [{**vars(each), "state": each.state.value} for each in findings]})
    else:
        width = max(len(each.name) for each in findings)
        for each in findings:
            click.echo(f"{click.style(each.state.sign, fg=COLOURS[each.state])} {each.name:<{width}}  {each.seen}")
            if each.remedy:
                click.echo(f"  {'':<{width}}  → {each.remedy}")
    found = [each for each in findings if each.state is State.PROBLEM]
    if found:
        raise HubError(f"{len(found)} of {len(findings)} things must be put right before the hub starts: {names(found)}.")


@command
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--without-homes", is_flag=True, help="Leave out the files of the users.")
@click.option("--without-database", is_flag=True, help="Leave out the database, if it has backups of its own.")
@click.option(
    "--volumes", "with_volumes", is_flag=True, help="With containers: the homes as well, which are volumes of the engine."
)
def backup(
    target: Path, without_homes: bool, without_database: bool, with_volumes: bool, settings_file: Path, as_json: bool
) -> None:
    """Write everything that the hub keeps to TARGET, one file, while the hub goes on.

    TARGET is a new file, or a folder in which a file with the date in its name is made.
    """
    from imagine_hub.care.backup import Choice, make, plan

    settings = read_settings(settings_file)
    if target.is_dir():
        target /= f"imagine-hub-{datetime.now():%Y-%m-%d-%H%M%S}.tar"
    choice = Choice(homes=not without_homes, volumes=with_volumes, database=not without_database)
    with stopped_in_order():
        found = plan(settings, settings_file, choice)
        with bar(as_json, found.size, "Copying") as progress:
            done = make(settings, settings_file, target, choice, found, progress)
    if as_json:
        say({"path": done.path, "files": done.files, "bytes": done.size, "notes": done.notes})
        return
    for note in done.notes:
        click.echo(f"{click.style('!', fg='yellow')} {note}")
    click.echo(f"{done.path}: {done.files} files, {done.size / 1e6:.1f} MB.")
    click.echo("It holds secrets, keys and the files of all users: whoever has it is the hub. Only your account can read it.")


@command
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), required=True, help="The new state folder: not there yet, or empty.")
@click.option("--volumes", "with_volumes", is_flag=True, help="With containers: make the volumes with the homes as well.")
def restore(source: Path, into: Path, with_volumes: bool, settings_file: Path, as_json: bool) -> None:
    """Bring the backup SOURCE back, into an empty folder; everything is compared before and after."""
    from imagine_hub.care.restore import VOLUMES
    from imagine_hub.care.restore import restore as bring_back

    settings = read_settings(settings_file)
    into = into.expanduser().absolute()
    with (
        stopped_in_order(),
        bar(as_json, 2 * source.stat().st_size if source.is_file() else 0, "Comparing, then writing") as progress,
    ):
        done = bring_back(source, into, settings, with_volumes=with_volumes, progress=progress)
    about = done.contents.about
    left = sum(name.startswith(f"{VOLUMES}/") for name in done.contents.files) - done.volumes
    if as_json:
        say({"folder": done.folder, "files": done.files, "volumes": done.volumes, "volumes_left": left, "about": about})
        return
    click.echo(f"{done.folder}: {done.files} files of {about['made']}, each compared with the backup and as it was.")
    if done.volumes:
        click.echo(f"{done.volumes} volumes, compared as well.")
    if left:
        click.echo(
            f"{click.style('!', fg='yellow')} {left} volumes with homes are in the backup and were not made: --volumes makes them."
        )
    if about["database"] == "postgresql":
        click.echo(f"The database: pg_restore --no-owner --dbname=ADDRESS {done.folder / 'restored' / 'database.pgdump'}")
    click.echo(
        f"Its settings and keys lie in {done.folder / 'restored'}: put them back where they belong, then start the hub with"
    )
    click.echo(f"  python hub/run.py --state {done.folder} --settings {done.folder / 'restored' / 'settings.toml'}")


@command
def health(settings_file: Path, as_json: bool) -> None:
    """Do what a user does, with the account of [health]: start a server, identify a sample, open an app."""
    from imagine_hub.care.health import failed_step, try_hub

    settings = read_settings(settings_file)

    def tell(words: str) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(f"  {words} …", err=True)

    steps = try_hub(settings, tell)
    failed = failed_step(steps)
    if as_json:
        say(
            {
                "state": "problem" if failed else "ok",
                "seconds": round(sum(step.seconds for step in steps), 2),
                "steps": [vars(s) for s in steps],
            }
        )
    else:
        width = max(len(step.name) for step in steps)
        for step in steps:
            sign = click.style("✗", fg="red") if step.problem else click.style("✓", fg="green")
            click.echo(f"{sign} {step.name:<{width}}  {step.seconds:6.1f} s  {step.problem or step.seen}")
    if failed:
        raise HubError(f"{failed.problem} {failed.remedy}")


def names(findings: list[Any]) -> str:
    """What the findings are about."""
    return ", ".join(each.name for each in findings)


COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def say(value: Any) -> None:
    """Print JSON for machines."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


@contextmanager
def working(quiet: bool, words: str) -> Iterator[None]:
    """A line for people who wait, gone when it is done."""
    shown = not quiet and sys.stderr.isatty()
    if shown:
        click.echo(words, nl=False, err=True)
    try:
        yield
    finally:
        if shown:
            click.echo("\r" + " " * len(words) + "\r", nl=False, err=True)


@contextmanager
def bar(quiet: bool, size: int, words: str) -> Iterator[Callable[[int, str], None]]:
    """A bar with the time left for people at a terminal; nothing where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, name: None
        return
    with click.progressbar(length=max(size, 1), label=words, file=sys.stderr) as shown:
        yield lambda done, name: shown.update(done - shown.pos)


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """SIGTERM ends what is under way as Ctrl-C does: with nothing half done left behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
