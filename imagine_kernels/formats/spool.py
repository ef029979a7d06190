"""Annotations set aside on disk, to be had again by what they belong to, with little memory."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from imagine_kernels.formats.streams import PIECE
from imagine_kernels.records import Annotation, LabelGiven, Shape
from imagine_kernels.settings import writing


class Spool:
    """Holds annotations by a number, such as the position of their medium: 20 bytes of memory for each.

    Used with ``with``; the file goes at the end.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+b", buffering=PIECE)  # noqa: SIM115 - closed by `__exit__`
        self._groups, self._starts = array("q"), array("q")
        self._end = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, annotations: Iterable[tuple[int, Annotation]]) -> None:
        """Set all of them aside."""
        from pathlib import Path

        with writing(Path(tempfile.gettempdir())):
            for group, annotation in annotations:
                line = _written(annotation)
                self._groups.append(group)
                self._starts.append(self._end)
                self._end += len(line)
                self._file.write(line)

    def groups(self) -> Iterator[tuple[int, list[Annotation]]]:
        """Each number with what was set aside under it, in order."""
        groups = np.frombuffer(self._groups, dtype=np.int64) if self._groups else np.empty(0, dtype=np.int64)
        order = np.argsort(groups, kind="stable")
        self._file.flush()
        held: list[Annotation] = []
        current = -1
        for at in order.tolist():
            if self._groups[at] != current:
                if held:
                    yield current, held
                current, held = self._groups[at], []
            held.append(self._at(at))
        if held:
            yield current, held

    def of(self, group: int) -> Iterator[Annotation]:
        """What was set aside under a number, one by one."""
        groups = np.frombuffer(self._groups, dtype=np.int64) if self._groups else np.empty(0, dtype=np.int64)
        self._file.flush()
        for at in np.flatnonzero(groups == group).tolist():
            yield self._at(at)

    def _at(self, at: int) -> Annotation:
        end = self._starts[at + 1] if at + 1 < len(self._starts) else self._end
        return _read(os.pread(self._file.fileno(), end - self._starts[at], self._starts[at]))

    def by_group(self, n: int) -> Iterator[tuple[int, list[Annotation]]]:
        """The numbers from 0 to `n` - 1, each with what was set aside under it, possibly nothing."""
        following = self.groups()
        ready = next(following, None)
        for group in range(n):
            if ready is not None and ready[0] == group:
                yield ready
                ready = next(following, None)
            else:
                yield group, []


def _written(annotation: Annotation) -> bytes:
    shape = annotation.shape
    given = [(label.path, label.annotator, label.given_at, label.confidence) for label in annotation.labels]
    values = (
        *(annotation.medium, shape.kind, shape.keyframes, shape.frames, given, annotation.status, annotation.id),
        *(annotation.track, dict(annotation.attributes) if annotation.attributes else None),
    )
    return json.dumps(values).encode() + b"\n"


def _read(line: bytes) -> Annotation:
    medium, kind, keyframes, frames, given, status, identifier, track, attributes = json.loads(line)
    return Annotation(
        medium=medium,
        shape=Shape(kind, tuple(map(tuple, keyframes)), tuple(frames)),
        labels=tuple(
            [LabelGiven(path=tuple(path), annotator=who, given_at=at, confidence=sure) for path, who, at, sure in given]
        ),
        status=status,
        id=identifier,
        track=track,
        attributes=attributes or {},
    )
