"""Sessions of the identify app and their corrections, in the database of annotations.

A correction is on the disk when `AnnotationStore.append` returns, a cut-off process leaves the rows before it
whole, and two pages on one session see each other's rows. Rows are never changed or deleted.
"""

from __future__ import annotations

import getpass
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from imagine_kernels.annotation.database import DATABASE_FILE, Database
from imagine_kernels.annotation.history import Correction, Cut, next_redo, next_undo
from imagine_kernels.annotation.schema import corrections as _corrections
from imagine_kernels.annotation.schema import sessions as _sessions
from imagine_kernels.errors import DataError, ImagineError, UnknownName
from imagine_kernels.records import STATUSES, Status
from imagine_kernels.settings import home


class StaleSequence(ImagineError):
    """Somebody else has added to the session in the meantime: read the new rows, then try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A sample that was identified and is being corrected.

    Attributes
    ----------
    id : str
        Short and random; part of the address of the page.
    use_case, name, source : str
        The use case, a name for people, and the path that was opened.
    fingerprint : str
        Of the source as it was when identified.
    model_hash : str
        Of the model that identified it.
    author, created : str
        Who, and when (ISO 8601, UTC).
    """

    id: str
    use_case: str
    name: str
    source: str
    fingerprint: str
    model_hash: str
    author: str
    created: str


class AnnotationStore:
    """Sessions and their append-only corrections.

    Parameters
    ----------
    path : path, optional
        The database file; by default ``annotations.db`` in the person's folder.

    Raises
    ------
    NotEnoughSpace
        The file cannot be written there.
    DataError
        The file is there and is not such a database.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else home() / DATABASE_FILE
        self._database = Database(self.path)

    def new_session(
        self, *, use_case: str, name: str, source: str, fingerprint: str, model_hash: str, author: str | None = None
    ) -> Session:
        """Begin to work on a sample."""
        session = Session(
            id=secrets.token_hex(6),
            use_case=use_case,
            name=name,
            source=source,
            fingerprint=fingerprint,
            model_hash=model_hash,
            author=author or person(),
            created=_now(),
        )
        with self._database.writing() as connection:
            connection.execute(_sessions.insert().values(**{field: getattr(session, field) for field in Session.__slots__}))
        return session

    def session(self, session_id: str) -> Session:
        """The session of that id.

        Raises
        ------
        UnknownName
            There is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(_sessions.select().where(_sessions.c.id == session_id)).mappings().first()
        if row is None:
            raise UnknownName(f"There is no session {session_id!r}: choose one of the recent samples, or open the sample again.")
        return Session(**row)

    def sessions(self, use_case: str, *, limit: int = 20) -> list[tuple[Session, int]]:
        """The latest sessions of a use case, each with its number of corrections in the history, newest work first."""
        n = sa.func.count(_corrections.c.sequence)
        latest = sa.func.coalesce(sa.func.max(_corrections.c.time), _sessions.c.created)
        query = (
            sa.select(*_sessions.c, n.label("n"))
            .select_from(_sessions.outerjoin(_corrections))
            .where(_sessions.c.use_case == use_case)
            .group_by(_sessions.c.id)
            .order_by(latest.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [(Session(**{field: row[field] for field in Session.__slots__}), int(row["n"])) for row in rows]

    def find(self, use_case: str, fingerprint: str, model_hash: str) -> Session | None:
        """The latest session on the same source and model, to go on with."""
        query = (
            _sessions.select()
            .where(_sessions.c.use_case == use_case, _sessions.c.fingerprint == fingerprint, _sessions.c.model_hash == model_hash)
            .order_by(_sessions.c.created.desc())
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return Session(**row) if row is not None else None

    def corrections(self, session_id: str, *, after: int = 0) -> list[Correction]:
        """The rows of a session with a sequence above `after`, in order."""
        with self._database.reading() as connection:
            return _rows(connection, session_id, after)

    def append(
        self,
        session_id: str,
        *,
        object_ids: Sequence[str],
        label: str | None = None,
        status: Status = "validated",
        after: int,
        author: str | None = None,
    ) -> Correction:
        """Write one correction of one or many objects; it is on the disk when this returns.

        Parameters
        ----------
        object_ids : sequence of str
        label : str, optional
            The label given; None keeps the one in force.
        status : Status
        after : int
            The last sequence that the caller knows of.

        Raises
        ------
        StaleSequence
            There are rows after that one: somebody else has corrected something.
        DataError
            There is nothing to correct, or the status is unknown.
        """
        if not object_ids:
            raise DataError("There is nothing to correct: name one object or more.")
        if status not in STATUSES:
            raise DataError(f"Unknown status {status!r}: use one of {', '.join(STATUSES)}.")
        if label is not None and not label.strip():
            raise DataError("A label needs a name: give at least one letter.")
        with self._database.writing() as connection:
            last = _last(connection, session_id, after)
            row = Correction(
                sequence=last + 1,
                object_ids=tuple(object_ids),
                label=label,
                status=status,
                author=author or person(),
                time=_now(),
            )
            _insert(connection, session_id, row)
        return row

    def divide(self, session_id: str, object_id: str, cut: Cut, *, after: int, author: str | None = None) -> Correction:
        """Write that an object was divided, or, with a cut without lines, joined again; raises as `append`."""
        with self._database.writing() as connection:
            last = _last(connection, session_id, after)
            row = Correction(sequence=last + 1, object_ids=(object_id,), cut=cut, author=author or person(), time=_now())
            _insert(connection, session_id, row)
        return row

    def undo(self, session_id: str, *, after: int, author: str | None = None) -> Correction | None:
        """Take back the last correction in force by a new row; None where there is none."""
        return self._take_back(session_id, after, author, redo=False)

    def redo(self, session_id: str, *, after: int, author: str | None = None) -> Correction | None:
        """Take back the last undo by a new row; None where there is none since the last correction."""
        return self._take_back(session_id, after, author, redo=True)

    def _take_back(self, session_id: str, after: int, author: str | None, *, redo: bool) -> Correction | None:
        with self._database.writing() as connection:
            last = _last(connection, session_id, after)
            rows = _rows(connection, session_id, 0)
            target = next_redo(rows) if redo else next_undo(rows)
            if target is None:
                return None
            row = Correction(sequence=last + 1, undoes=target.sequence, author=author or person(), time=_now())
            _insert(connection, session_id, row)
        return row

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _last(connection: sa.Connection, session_id: str, after: int) -> int:
    last = int(
        connection.execute(
            sa.select(sa.func.coalesce(sa.func.max(_corrections.c.sequence), 0)).where(_corrections.c.session == session_id)
        ).scalar_one()
    )
    if last != after:
        raise StaleSequence(f"The session has {last} rows, not {after}: read the new ones, then correct again.")
    return last


def _rows(connection: sa.Connection, session_id: str, after: int) -> list[Correction]:
    query = (
        _corrections.select()
        .where(_corrections.c.session == session_id, _corrections.c.sequence > after)
        .order_by(_corrections.c.sequence)
    )
    return [
        Correction(
            sequence=row["sequence"],
            object_ids=tuple(json.loads(row["object_ids"])),
            label=row["label"],
            status=row["status"],
            author=row["author"],
            time=row["time"],
            undoes=row["undoes"],
            cut=_cut(row["cut"]),
        )
        for row in connection.execute(query).mappings()
    ]


def _insert(connection: sa.Connection, session_id: str, row: Correction) -> None:
    connection.execute(
        _corrections.insert().values(
            session=session_id,
            sequence=row.sequence,
            object_ids=json.dumps(list(row.object_ids), ensure_ascii=False),
            label=row.label,
            status=row.status,
            undoes=row.undoes,
            author=row.author,
            time=row.time,
            cut=None if row.cut is None else json.dumps({"lines": row.cut.lines, "parts": row.cut.parts}, ensure_ascii=False),
        )
    )


def _cut(text: str | None) -> Cut | None:
    if text is None:
        return None
    note = json.loads(text)
    lines = tuple(tuple((int(x), int(y)) for x, y in line) for line in note["lines"])
    return Cut(lines=lines, parts=tuple(note["parts"]))


def person() -> str:
    """Who works here: the name on the hub, or else of the account."""
    import os

    return os.environ.get("JUPYTERHUB_USER") or _account()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
