"""Features of pictures that were trained on before: what takes longest in a training is done once per picture."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Of the file; a vignette takes about 20 kB, so this is some 50 000 of them.
MAX_BYTES = 1 << 30
_MANY = 500


class FeatureCache:
    """Rows of float32 by the SHA-256 of what they were computed from, in one file that may be deleted at any time.

    A cache that cannot be read or written is as an empty one: nothing fails for it.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Beyond this the rows that were not used for longest are dropped.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path, self._max_bytes = path, max_bytes

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The rows that are there."""
        found: dict[bytes, NDArray[np.float32]] = {}
        with contextlib.suppress(sqlite3.Error, OSError), self._opened() as database:
            for begin in range(0, len(keys), _MANY):
                part = list(keys[begin : begin + _MANY])
                marks = ",".join("?" * len(part))
                for key, value in database.execute(f"SELECT key, value FROM features WHERE key IN ({marks})", part):  # noqa: S608
                    found[key] = np.frombuffer(value, dtype=np.float32)
                database.execute(f"UPDATE features SET used = ? WHERE key IN ({marks})", [int(time.time()), *part])  # noqa: S608
        return found

    def put(self, rows: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep rows."""
        now = int(time.time())
        values = [(key, now, np.ascontiguousarray(row, dtype=np.float32).tobytes()) for key, row in rows.items()]
        with contextlib.suppress(sqlite3.Error, OSError), self._opened() as database:
            database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", values)
            (held,) = database.execute("SELECT coalesce(sum(length(value)), 0) FROM features").fetchone()
            if held > self._max_bytes:
                oldest = "SELECT key, sum(length(value)) OVER (ORDER BY used DESC, key) AS held FROM features"
                database.execute(
                    f"DELETE FROM features WHERE key IN (SELECT key FROM ({oldest}) WHERE held > ?)",  # noqa: S608
                    (self._max_bytes * 3 // 4,),
                )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.path, timeout=5)) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, used INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID"
            )
            yield database


def keys_of(pixels: NDArray[np.uint8], *computed_by: Any) -> list[bytes]:
    """A key for each of n pictures (n, …); `computed_by` is all else that the features follow from, as bytes or with a `repr`."""
    begin = hashlib.sha256()
    for each in computed_by:
        given = each if isinstance(each, bytes) else repr(each).encode()
        begin.update(len(given).to_bytes(8, "little") + given)
    keys = []
    for picture in pixels:
        each = begin.copy()
        each.update(picture.tobytes())
        keys.append(each.digest())
    return keys
