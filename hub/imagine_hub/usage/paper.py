"""The pieces of the report for a funder: each shows itself in the notebook."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from imagine_hub.usage.figures import ALL
from imagine_hub.usage.months import in_words
from imagine_hub.usage.page import HEADINGS, drawings, shown, use_case_words
from imagine_hub.usage.plots import svg
from imagine_hub.usage.privacy import COLUMNS, Table

# What adds up over months; people do not, and storage is a state.
_OVER_MONTHS = (
    "sessions",
    "session_h",
    "cpu_allocated_h",
    "cpu_used_h",
    "gpu_allocated_h",
    "gpu_used_h",
    "calls",
    "jobs",
    "objects",
)


@dataclass(frozen=True)
class Piece:
    """Markup that is safe to show."""

    markup: Markup

    def _repr_html_(self) -> str:
        return str(self.markup)


@dataclass(frozen=True)
class Paper:
    """The figures of a report.

    Attributes
    ----------
    title : str
        Of the site.
    tables : tuple of Table
        By month.
    """

    title: str
    tables: tuple[Table, ...]

    @classmethod
    def read(cls, path: str) -> Paper:
        """What the service left for the notebook."""
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(value["title"], tuple(Table.from_json(table) for table in value["tables"]))

    @property
    def last(self) -> Table:
        """The month that the report is about."""
        return self.tables[-1]

    def heading(self) -> Piece:
        """Title and period."""
        period = in_words(self.last.month)
        if len(self.tables) > 1:
            period = f"{in_words(self.tables[0].month)} to {period}"
        state = "" if all(table.final for table in self.tables) else " The last month is not over; its figures will change."
        words = f"Figures of use, {period}, calendar months in UTC.{state}"
        return Piece(Markup("<h1>{}</h1><p>{}</p>").format(self.title, words))

    def totals(self) -> Piece:
        """Sums over the months that are shown, of what adds up."""
        rows = [table.row(ALL) for table in self.tables]
        cells = []
        for name in _OVER_MONTHS:
            values = [row.values[name] if row is not None else None for row in rows]
            known = [value for value in values if value is not None]
            missing = len(values) - len(known)
            words = f"without {missing} month{'s' if missing > 1 else ''} that cannot be shown" if missing and known else ""
            cells.append((HEADINGS[name], (shown(name, sum(known)) if known else "–", words)))
        return Piece(_table("", ("In all", ""), cells))

    def by_month(self) -> Piece:
        """A row per month."""
        rows = [
            (in_words(table.month), tuple(shown(name, row.values[name] if (row := table.row(ALL)) else None) for name in COLUMNS))
            for table in self.tables
        ]
        return Piece(_table("Month", tuple(HEADINGS[name] for name in COLUMNS), rows))

    def by_use_case(self) -> Piece:
        """A row per use case of the last month."""
        rows = [
            (use_case_words(row.use_case), tuple(shown(name, row.values[name]) for name in COLUMNS)) for row in self.last.rows
        ]
        if not rows:
            return Piece(Markup("<p>Fewer than {} people worked here in this month.</p>").format(self.last.smallest_group))
        return Piece(_table("Use case", tuple(HEADINGS[name] for name in COLUMNS), rows))

    def countries(self) -> Piece:
        """People by country in the last month."""
        rows = [(name, (str(n),)) for name, n in self.last.countries.items()]
        return Piece(_table("Country", ("People",), rows) if rows else Markup("<p>Not known.</p>"))

    def pictures(self) -> Piece:
        """All drawings that have something to show."""
        found = [
            Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(bars.title, svg(bars))
            for bars in drawings(self.tables[-12:], self.last)
            if not bars.empty
        ]
        return Piece(Markup("").join(found) if found else Markup("<p>There is nothing to draw.</p>"))

    def rules(self) -> Piece:
        """What may be shown."""
        return Piece(
            Markup("<p>Nothing is shown that would tell about fewer than {} people; a dash stands for it.</p>").format(
                self.last.smallest_group
            )
        )


def _table(first: str, headings: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> Markup:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'
        for name, values in rows
    )
    # Everything from the figures is escaped above.
    return Markup(  # noqa: S704
        f'<table><thead><tr><th scope="col">{escape(first)}</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    )
