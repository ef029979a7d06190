"""The book of figures: months that are closed, kept as they were published, and the month that goes on."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from imagine_hub.usage.events import forget_events, read_events
from imagine_hub.usage.figures import ALL, Tally, tally
from imagine_hub.usage.gpus import leases_between
from imagine_hub.usage.ledger import Ledger
from imagine_hub.usage.lines import Lines, known_use_cases, read_lines
from imagine_hub.usage.months import between, bounds, month_of, shifted
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import Accounting
from imagine_hub.usage.privacy import COLUMNS, COUNTS, Table, publish
from imagine_hub.usage.records import Held, Records
from imagine_hub.usage.sessions import sessions_of

# A month is closed this long after its end: by then every server has written down what it did in it.
GRACE_S = 36 * 3600.0
#: Columns that hold whole numbers.
WHOLE = (*COUNTS, "sessions", "calls", "failed_calls", "jobs", "objects")

log = logging.getLogger("imagine_hub.usage")


@dataclass(frozen=True)
class Book:
    """All figures at one moment.

    Attributes
    ----------
    tables : tuple of Table
        By month; those that are not final come last.
    skipped : int
        Lines of users that made no sense, in the months that are not closed.
    """

    tables: tuple[Table, ...] = ()
    skipped: int = 0

    def visible(self, *, running: bool) -> tuple[Table, ...]:
        """The months that somebody may see: with `running`, also those that are not closed."""
        return tuple(table for table in self.tables if table.final or running)


@dataclass
class Office:
    """Makes the book from the ledger, the events, the leases and the lines of the users.

    Attributes
    ----------
    accounting : Accounting
    """

    accounting: Accounting
    pseudonyms: Pseudonyms = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.pseudonyms = Pseudonyms.in_file(self.accounting.files.salt)
        self.ledger = Ledger(self.accounting.files.database, self.pseudonyms)

    def book(self, now: float | None = None) -> Book:
        """The figures of all months."""
        now = time.time() if now is None else now
        published = self.ledger.published()
        tables = [Table.from_json(table) for table in published.values()]
        open_months, records, lines = self._open(now, list(published))
        seen = self.ledger.seen()
        for month in open_months:
            counted = self._tally(records, month)
            tables.append(publish(counted, seen, self.accounting.smallest_group, final=False))
            _note_first(seen, counted)
        return Book(tuple(tables), lines.skipped)

    def close_months(self, now: float | None = None) -> list[str]:
        """Close every month that is over, and delete single records that are old enough.

        Returns
        -------
        list of str
            The months that were closed.
        """
        now = time.time() if now is None else now
        open_months, records, _ = self._open(now, list(self.ledger.published()))
        closed = []
        for month in open_months:
            if bounds(month)[1] + GRACE_S > now:
                break
            counted = self._tally(records, month)
            table = publish(counted, self.ledger.seen(), self.accounting.smallest_group)
            self.ledger.publish(month, table.as_json(), _present(counted))
            closed.append(month)
        first_kept = shifted(month_of(now), -self.accounting.keep_months)
        # Only what is counted may go.
        if open_months[len(closed) :] and open_months[len(closed)] < first_kept:
            return closed
        if self.ledger.forget_before(first_kept):
            log.info("Single records of use from before %s are deleted; the monthly figures stay.", first_kept)
        forget_events(self.accounting.files.events, first_kept)
        return closed

    def _open(self, now: float, published: list[str]) -> tuple[list[str], Records, Lines]:
        """The months that are not closed, and what they are counted from."""
        files = self.accounting.files
        marks = [*self.ledger.marks(), *read_events(files.events, self.pseudonyms)]
        used = self.ledger.used()
        first = min((*(mark.at for mark in marks), *(hour.hour * 3600.0 for hour in used)), default=now)
        begin = shifted(max(published), 1) if published else month_of(first)
        months = between(begin, month_of(now))
        lines = read_lines(files, self.pseudonyms, months, known_use_cases(files.listing), now)
        held = tuple(
            Held(self.pseudonyms.of(lease.user), lease.server, lease.since, lease.until)
            for lease in (leases_between(self.accounting, bounds(months[0])[0], now) if months else ())
        )
        sessions = sessions_of(marks, used, lines.verbs, now)
        return months, Records(sessions, tuple(used), held, lines.verbs, tuple(self.ledger.homes())), lines

    def _tally(self, records: Records, month: str) -> Tally:
        return tally(records, month, left_out=self.pseudonyms.of_all(self.accounting.left_out))


def as_csv(tables: Iterable[Table]) -> str:
    """One row per month and use case; empty where a figure is not shown or was not measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("month", "use_case", *COLUMNS, "countries", "final"))
    for table in tables:
        for row in table.rows:
            countries = ";".join(f"{name}:{n}" for name, n in table.countries.items()) if row.use_case == ALL else ""
            values = (_cell(name, row.values[name]) for name in COLUMNS)
            writer.writerow((table.month, row.use_case, *values, countries, "yes" if table.final else "no"))
    return out.getvalue()


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return ""
    return str(round(value)) if column in WHOLE else f"{value:.3f}"


def _present(counted: Tally) -> list[tuple[str, str]]:
    return [(person, use_case) for use_case, people in counted.people.items() for person in people]


def _note_first(seen: dict[tuple[str, str], str], counted: Tally) -> None:
    for key in _present(counted):
        seen.setdefault(key, counted.month)
