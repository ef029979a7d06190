"""What a model makes of items: probabilities of the labels of the project and features, computed once per picture and model."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels import settings
from imagine_kernels.assistance.crops import Crops
from imagine_kernels.assistance.items import Item
from imagine_kernels.errors import Cancelled
from imagine_kernels.records import Problem, Progress

if TYPE_CHECKING:
    from imagine_kernels.models.bundle import ModelBundle
    from imagine_kernels.workflow import Workflow

#: Items that are looked at in one go; between two of these a person can stop it.
AT_ONCE = 64
#: Of the file of what was seen.
MOST_BYTES = 1 << 30
_MANY = 500
Rows = dict[bytes, tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class Looked:
    """What a model makes of n items.

    Attributes
    ----------
    good : (n,) bool ndarray
        Their picture could be read.
    probabilities : (n, k) float32 ndarray
        Of the classes of the model; rows of 0 where not `good`.
    features : (n, d) float32 ndarray or None
        What the backbone sees, where it was asked for.
    problems : tuple of Problem
        The items that could not be looked at.
    """

    good: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    features: NDArray[np.float32] | None
    problems: tuple[Problem, ...]


class Looker:
    """Shows items to a model.

    Parameters
    ----------
    workflow : Workflow
    crops : Crops
    cache : Path, optional
        The file of what was seen; it may be deleted at any time.
    """

    def __init__(self, workflow: Workflow, crops: Crops, cache: Path | None = None) -> None:
        self.workflow, self.crops = workflow, crops
        self._seen = _Seen(cache or settings.home() / "cache" / "seen.db")

    def look(
        self,
        items: Sequence[Item],
        bundle: ModelBundle,
        *,
        features: bool = False,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> Looked:
        """Look at items, but for those that were seen before.

        Raises
        ------
        Cancelled
            `cancel` was set; what was seen until then is kept.
        """
        n, k = len(items), len(bundle.classes)
        keys = [hashlib.sha256(f"{bundle.details['sha256']}:{self.crops.key(item)}".encode()).digest() for item in items]
        known = self._seen.get(keys, features=features)
        fresh = [i for i, key in enumerate(keys) if key not in known]
        problems: list[Problem] = []
        for begin in range(0, len(fresh), AT_ONCE):
            if cancel is not None and cancel.is_set():
                raise Cancelled("Stopped on request; what was saved before is kept.")
            if progress is not None:
                progress(n - len(fresh) + begin, n, "Looking at the pictures")
            part = fresh[begin : begin + AT_ONCE]
            found, wrong = self._fresh([items[i] for i in part], bundle)
            computed = {keys[part[at]]: row for at, row in found.items()}
            self._seen.put(computed)
            known |= computed
            problems += wrong
        if progress is not None:
            progress(n, n, "Looking at the pictures")
        good = np.array([key in known for key in keys], dtype=bool)
        probabilities = np.zeros((n, k), dtype=np.float32)
        for i in np.flatnonzero(good):
            probabilities[i] = known[keys[i]][0]
        seen = None
        if features:
            d = len(next(iter(known.values()))[1]) if known else 0
            seen = np.zeros((n, d), dtype=np.float32)
            for i in np.flatnonzero(good):
                seen[i] = known[keys[i]][1]
        return Looked(good, probabilities, seen, tuple(problems))

    def _fresh(
        self, items: Sequence[Item], bundle: ModelBundle
    ) -> tuple[dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]], list[Problem]]:
        """Probabilities and features by position."""
        values = self.workflow.declaration.read_settings()
        with self.crops.sample(items, values=values) as sample:
            predictions, seen, problems = self.workflow.features(sample, bundle)
            files = dict(zip(sample.objects["file"], sample.objects["object_id"], strict=True))
        found = {
            int(at): (row, part) for at, row, part in zip(predictions.object_id, predictions.probabilities, seen, strict=True)
        }
        # Told by the medium: nobody knows the name of a crop.
        named = [
            Problem(item=items[int(files[each.item])].medium.name, what=each.what, remedy=each.remedy)
            if each.item in files
            else each
            for each in problems
        ]
        return found, [*sample.problems, *named]


class _Seen:
    """Probabilities and features by hash, in one file; one that cannot be read or written is as an empty one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, keys: Sequence[bytes], *, features: bool) -> Rows:
        found: Rows = {}
        nothing = np.empty(0, dtype=np.float32)
        columns = "key, p, f" if features else "key, p"
        with contextlib.suppress(sqlite3.Error, OSError), self._opened() as database:
            for begin in range(0, len(keys), _MANY):
                part = list(keys[begin : begin + _MANY])
                marks = ",".join("?" * len(part))
                for key, p, *f in database.execute(f"SELECT {columns} FROM seen WHERE key IN ({marks})", part):  # noqa: S608
                    found[key] = (
                        np.frombuffer(p, dtype=np.float32),
                        np.frombuffer(f[0], dtype=np.float16).astype(np.float32) if f else nothing,
                    )
        return found

    def put(self, rows: Mapping[bytes, tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
        now = int(time.time())
        # Half the digits of features are enough to tell near from far.
        values = [(key, now, p.astype(np.float32).tobytes(), f.astype(np.float16).tobytes()) for key, (p, f) in rows.items()]
        with contextlib.suppress(sqlite3.Error, OSError), self._opened() as database:
            database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", values)
            (pages,), (size,) = (database.execute(f"PRAGMA {each}").fetchone() for each in ("page_count", "page_size"))
            if pages * size > MOST_BYTES:
                database.execute(
                    "DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY made LIMIT (SELECT count(*) / 2 FROM seen))"
                )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._path, timeout=5)) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY, made INTEGER NOT NULL, p BLOB NOT NULL, f BLOB NOT NULL)"
            )
            yield database
