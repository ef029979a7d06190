"""Many rows, or rows of several tables, with few trips to the database."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

#: From this many new rows on PostgreSQL gets them by COPY.
_MANY = 20
#: How many rows one statement of PostgreSQL may bring.
_AT_ONCE = 5000
# What stands for these in the text that COPY reads.
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows for a table.

    Attributes
    ----------
    table : Table
    columns : sequence of str
    rows : sequence of tuple
        Values in the order of `columns`.
    key : sequence of str
        Where a row with the same values in these is there already, it is changed.
    adding : sequence of str
        Columns of numbers that are then added to what is there, not put in its place.
    keep : bool
        What is there already stays as it is.
    """

    table: sa.Table
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    key: Sequence[str] = ()
    adding: Sequence[str] = ()
    keep: bool = False

    # Names of tables and columns are those of the schema; values travel apart.

    @property
    def into(self) -> str:
        """The begin of the statement."""
        return f"INSERT INTO {self.table.name} ({', '.join(self.columns)})"

    @property
    def conflict(self) -> str:
        """The end of the statement."""
        if not self.key:
            return ""
        name = self.table.name
        changes = ", ".join(
            f"{each} = {name}.{each} + excluded.{each}" if each in self.adding else f"{each} = excluded.{each}"
            for each in self.columns
            if each not in self.key
        )
        return f" ON CONFLICT ({', '.join(self.key)}) DO " + (f"UPDATE SET {changes}" if changes and not self.keep else "NOTHING")


def put(connection: sa.Connection, *given: Rows) -> None:
    """Write rows, in as few statements as may be."""
    wanted = [each for each in given if each.rows]
    if connection.dialect.name == "sqlite":
        for each in wanted:
            marks = ", ".join("?" * len(each.columns))
            connection.exec_driver_sql(f"{each.into} VALUES ({marks}){each.conflict}", list(map(tuple, each.rows)))
        return
    small = [each for each in wanted if len(each.rows) <= _MANY]
    for each in wanted:
        if len(each.rows) > _MANY and not each.key:
            _copy_in(connection, each)
        elif len(each.rows) > _MANY:
            for begin in range(0, len(each.rows), _AT_ONCE):
                _execute(connection, [(each, each.rows[begin : begin + _AT_ONCE])])
    if small:
        _execute(connection, [(each, each.rows) for each in small])


def _execute(connection: sa.Connection, parts: list[tuple[Rows, Sequence[Sequence[Any]]]]) -> None:
    """One statement for all the tables: each trip of the driver takes longer than the work."""
    words, values = [], []
    for each, rows in parts:
        names = ", ".join(each.columns)
        types = ", ".join(f"{name} {each.table.c[name].type.compile(connection.dialect)}" for name in each.columns)
        given = types.replace(' COLLATE "C"', "")
        words.append(f"{each.into} SELECT {names} FROM json_to_recordset(CAST(%s AS json)) AS given({given}){each.conflict}")  # noqa: S608
        values.append(json.dumps([dict(zip(each.columns, row, strict=True)) for row in rows], ensure_ascii=False))
    first = ", ".join(f"put{n} AS ({word})" for n, word in enumerate(words[:-1]))
    connection.exec_driver_sql(f"WITH {first} {words[-1]}" if first else words[-1], tuple(values))


def _copy_in(connection: sa.Connection, given: Rows) -> None:
    """The quickest way into PostgreSQL: values divided by tabs, one row a line."""
    lines = io.StringIO()
    for row in given.rows:
        lines.write("\t".join("\\N" if value is None else str(value).translate(_ESCAPED) for value in row) + "\n")
    lines.seek(0)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"COPY {given.table.name} ({', '.join(given.columns)}) FROM STDIN", stream=lines)  # type: ignore[call-arg]
    except connection.dialect.loaded_dbapi.Error as error:
        raise sa.exc.DBAPIError(f"COPY {given.table.name}", None, error) from None
    finally:
        cursor.close()
