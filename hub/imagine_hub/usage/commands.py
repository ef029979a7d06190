"""``imagine-hub usage``: the figures of a month in the terminal, as CSV, or as a report."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from imagine_hub.errors import HubError
from imagine_hub.settings import DEFAULT_FILE, SETTINGS_VARIABLE, read_settings
from imagine_hub.usage.book import Office, as_csv
from imagine_hub.usage.months import check_month
from imagine_hub.usage.page import HEADINGS, shown, use_case_words
from imagine_hub.usage.places import Accounting
from imagine_hub.usage.privacy import COLUMNS, Table
from imagine_hub.usage.report import make_report


class NoFigures(HubError):
    """There are no figures of a month."""


@click.command("usage")
@click.option("--month", default="", metavar="YYYY-MM", help="Which month; the last one if left out.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures of all months here.")
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report for a funder here."
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get(SETTINGS_VARIABLE, DEFAULT_FILE)),
    help="Settings file of the hub.",
    show_default=str(DEFAULT_FILE),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def usage_command(month: str, csv_file: Path | None, report_file: Path | None, settings_file: Path, as_json: bool) -> None:
    """Show how much the hub was used in a month: people, sessions, hours, objects. Nobody is named."""
    try:
        accounting = Accounting.of(read_settings(settings_file))
        tables = Office(accounting).book().tables
        table = _chosen(tables, check_month(month) if month else "")
        if csv_file is not None:
            _write(csv_file, as_csv(tables))
        if report_file is not None:
            _write(report_file, make_report(tables, table.month, accounting.title))
    except HubError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(json.dumps(table.as_json(), indent=1) if as_json else _text(table))


def _chosen(tables: tuple[Table, ...], month: str) -> Table:
    for table in reversed(tables):
        if month in ("", table.month):
            return table
    raise NoFigures(f"There are no figures for {month or 'any month'}: nothing was written down then.")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HubError(f"{path} cannot be written ({error.strerror or error}): name another file.") from error


def _text(table: Table) -> str:
    state = "" if table.final else " (not closed yet)"
    if not table.rows:
        return f"{table.month}{state}: fewer than {table.smallest_group} people, so nothing is shown (usage.smallest_group)."
    names = [use_case_words(row.use_case) for row in table.rows]
    wide = [max(14, len(name)) for name in names]
    lines = [f"{table.month}{state}", " " * 18 + "".join(f"{name:>{width + 2}}" for name, width in zip(names, wide, strict=True))]
    for column in COLUMNS:
        cells = (shown(column, row.values[column]) for row in table.rows)
        lines.append(f"{HEADINGS[column]:<18}" + "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, wide, strict=True)))
    return "\n".join(lines)
