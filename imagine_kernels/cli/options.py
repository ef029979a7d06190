"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """``--json`` of every command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of text for people.")(command)


def set_option(command: F) -> F:
    """``--set NAME=VALUE``, as often as wanted."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_read_settings,
        help="A setting of the use case, e.g. dpi=2400.",
    )(command)


def model_option(command: F) -> F:
    """``--model BUNDLE``; the starter model without it."""
    return click.option(
        "--model", type=str, default=None, metavar="BUNDLE", help="A model bundle; the starter model without it."
    )(command)


def _read_settings(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in given)
