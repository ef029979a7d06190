"""What was done here: `imagine usage`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagine_kernels.cli.options import json_option
from imagine_kernels.cli.output import say

_since = click.option("--since", default=None, metavar="YYYY-MM", help="First month.")
_until = click.option("--until", default=None, metavar="YYYY-MM", help="Last month, included.")


@click.group()
def usage() -> None:
    """Count what was done: calls, objects, hours of processor and GPU. No names and no data are recorded."""


@usage.command("show")
@_since
@_until
@json_option
def show(since: str | None, until: str | None, as_json: bool) -> None:
    """Print the figures per month, use case and verb."""
    from imagine_kernels.usage import events, summary

    table = summary(events(since=since, until=until))
    text = "Nothing was recorded." if table.empty else table.to_string(index=False, float_format=lambda hours: f"{hours:.3f}")
    say(_rows(table), as_json, text)


@usage.command("export")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The CSV file.")
@click.option("--each", is_flag=True, help="A row per call instead of one per month, use case and verb.")
@_since
@_until
@json_option
def export(out: Path, each: bool, since: str | None, until: str | None, as_json: bool) -> None:
    """Write the figures as CSV."""
    from imagine_kernels.settings import writing
    from imagine_kernels.usage import events, summary

    found = events(since=since, until=until)
    table = found if each else summary(found)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False, lineterminator="\n")
    say({"file": str(out), "rows": len(table)}, as_json, f"{len(table)} rows are in {out}.")


def _rows(table: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_dict(orient="records")
    return rows
