"""What commands print: text for people, JSON for machines, problems on standard error."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from imagine_kernels.records.figures_of_merit import headline, held_out


def describe_model(summary: dict[str, Any]) -> str:
    """One line on a model: its recipe, and the figure that stands for it with its interval."""
    found = headline(summary)
    if found is None:
        return str(summary["recipe"])
    title, figure = found
    return f"{summary['recipe']}, {title} {figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f}) on {held_out(summary)}"


def say(value: Any, as_json: bool = True, text: str = "") -> None:
    """Print JSON for machines or `text` for people."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str) if as_json else text)


def bar(quiet: bool) -> Any:
    """The progress bar, for ``with``; nothing where nobody looks."""
    from imagine_kernels.progress import progress_bar

    return progress_bar(quiet=quiet)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """What Python warns of, as one line each on standard error."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {message}", err=True)
        yield


def report_problems(problems: Any) -> None:
    """Problems on standard error, one per line."""
    for problem in problems:
        click.echo(f"{problem.severity}: {problem}", err=True)


def workflow_of(name: str) -> Any:
    """The use case of that name; imported here, so that help stays quick."""
    from imagine_kernels.workflow import use_case

    return use_case(name)
