"""The page with the figures: what it says, from the tables that may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imagine_hub.usage.book import WHOLE
from imagine_hub.usage.figures import ALL, NONE
from imagine_hub.usage.lines import UNLISTED
from imagine_hub.usage.months import in_words
from imagine_hub.usage.plots import Bars, number, svg
from imagine_hub.usage.privacy import COLUMNS, OTHERS, Table

HEADINGS = {
    "users": "People",
    "new_users": "New",
    "returning_users": "Returning",
    "sessions": "Sessions",
    "session_h": "Session hours",
    "cpu_allocated_h": "CPU\N{NON-BREAKING HYPHEN}h allocated",
    "cpu_used_h": "CPU\N{NON-BREAKING HYPHEN}h used",
    "gpu_allocated_h": "GPU\N{NON-BREAKING HYPHEN}h allocated",
    "gpu_used_h": "GPU\N{NON-BREAKING HYPHEN}h used",
    "calls": "Calls",
    "failed_calls": "Failed",
    "jobs": "Jobs",
    "objects": "Objects",
    "storage_gb": "Storage, GB",
}
WORDS = {ALL: "All", NONE: "No use case", OTHERS: "Others, together", UNLISTED: "Not listed"}
#: Figures that stand large at the top.
FIRST = ("users", "sessions", "cpu_used_h", "gpu_used_h", "objects", "storage_gb")
# A drawing with more months than this cannot be read.
MOST_MONTHS = 12


@dataclass(frozen=True)
class View:
    """What the template shows.

    Attributes
    ----------
    months : tuple
        ``(month, words)`` that can be chosen, the latest first.
    table : Table, optional
        The one that is shown.
    first : tuple
        ``(heading, value)`` at the top.
    rows : tuple
        ``(use case, values)`` of the table.
    plots : tuple
        ``(title, drawing)``.
    """

    months: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    words: str = ""
    first: tuple[tuple[str, str], ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    by_month: tuple[tuple[str, tuple[str, ...]], ...] = ()
    countries: tuple[tuple[str, int], ...] = ()
    plots: tuple[tuple[str, Markup], ...] = ()


def view(tables: Sequence[Table], month: str = "") -> View:
    """What the page shows.

    Parameters
    ----------
    tables : sequence of Table
        Those that the reader may see, by month.
    month : str
        The one that was asked for; the last one if it is not there.
    """
    if not tables:
        return View()
    chosen = next((table for table in tables if table.month == month), tables[-1])
    whole = chosen.row(ALL)
    until = [table for table in tables if table.month <= chosen.month][-MOST_MONTHS:]
    return View(
        months=tuple((table.month, _month(table)) for table in reversed(tables)),
        table=chosen,
        words=_month(chosen),
        first=tuple((HEADINGS[name], shown(name, whole.values[name])) for name in FIRST) if whole is not None else (),
        headings=tuple(HEADINGS[name] for name in COLUMNS),
        rows=tuple((use_case_words(row.use_case), _values(row.values)) for row in chosen.rows),
        by_month=tuple((_month(table), _month_values(table)) for table in reversed(until)),
        countries=tuple(chosen.countries.items()),
        plots=tuple((bars.title, svg(bars)) for bars in drawings(until, chosen) if not bars.empty),
    )


def drawings(tables: Sequence[Table], chosen: Table) -> list[Bars]:
    """The drawings: people and hours by month, and what the use cases had of the chosen one."""
    # The year stands where it begins, or there is no room for the names.
    months = [
        in_words(table.month)[:3] + (f" {table.month[2:4]}" if index == 0 or (index > 1 and table.month.endswith("-01")) else "")
        for index, table in enumerate(tables)
    ]

    def column(name: str) -> list[float | None]:
        return [row.values[name] if (row := table.row(ALL)) is not None else None for table in tables]

    found = [
        Bars("people", "People per month", "people", months, {"people": column("users")}),
        Bars(
            "cpu", "Processor per month", "CPU-h", months, {"allocated": column("cpu_allocated_h"), "used": column("cpu_used_h")}
        ),
        Bars("gpu", "GPU per month", "GPU-h", months, {"allocated": column("gpu_allocated_h"), "used": column("gpu_used_h")}),
        Bars("objects", "Objects per month", "objects", months, {"objects": column("objects")}),
    ]
    rows = [row for row in chosen.rows if row.use_case != ALL]
    names = [use_case_words(row.use_case) for row in rows]
    hours = [row.values["session_h"] for row in rows]
    return [*found, Bars("cases", f"Use cases in {in_words(chosen.month)}", "session hours", names, {"session hours": hours})]


def use_case_words(name: str) -> str:
    """A use case as people read it."""
    return WORDS.get(name, name.replace("_", " "))


def shown(column: str, value: float | None) -> str:
    """A figure as people read it; a dash where it is not shown."""
    if value is None:
        return "–"
    return f"{round(value):,}".replace(",", "\u202f") if column in WHOLE else number(value)


def _values(values: object) -> tuple[str, ...]:
    assert isinstance(values, dict)
    return tuple(shown(name, values[name]) for name in COLUMNS)


def _month(table: Table) -> str:
    return in_words(table.month) + ("" if table.final else " (so far)")


def _month_values(table: Table) -> tuple[str, ...]:
    row = table.row(ALL)
    return tuple(shown(name, row.values[name] if row is not None else None) for name in COLUMNS)
