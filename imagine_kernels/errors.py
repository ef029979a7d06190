"""What can go wrong, said in one sentence.

::

    ImagineError                 everything raised on purpose
    ├── DataError                the data cannot be used as they are
    │   ├── DataNotFound         no such file or folder, or nothing in it
    │   ├── FormatError          a file is not what its name or layout says
    │   ├── ImageError           one picture cannot be decoded
    │   └── UnsafeArchive        an archive that would write outside itself, or is a bomb
    ├── LabelError               labels that do not fit the model or the task
    ├── BundleError              a model bundle is incomplete, changed or of another use case
    ├── SettingError             an unknown setting, or a value that it cannot take
    ├── UnknownName              no use case, format or model of that name
    ├── NotEnoughSpace           the disk is full
    └── Cancelled                a person asked to stop

Each message is one sentence: what, where, and the remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class ImagineError(Exception):
    """Base of every error that this library raises on purpose."""


class DataError(ImagineError):
    """The data cannot be used as they are."""


class DataNotFound(DataError):
    """There is no such file or folder, or there is nothing in it."""

    @classmethod
    def no_such_path(cls, path: Path | str) -> DataNotFound:
        """The error for a path where nothing is."""
        return cls(f"There is nothing at {path}: check the spelling, or give another file, folder or zip.")

    @classmethod
    def empty(cls, path: Path | str, wanted: str) -> DataNotFound:
        """The error for a place that holds none of what is `wanted`."""
        return cls(f"{path} holds nothing to work on: put {wanted} there, or give another path.")


class FormatError(DataError):
    """A file is not what its name or its layout says."""


class ImageError(DataError):
    """One picture cannot be decoded; the others of the batch can."""


class UnsafeArchive(DataError):
    """An archive would write outside itself, or unpacks to an absurd size."""


class LabelError(ImagineError):
    """Labels do not fit the model or the task."""


class BundleError(ImagineError):
    """A model bundle is incomplete, was changed, or belongs to another use case."""


class SettingError(ImagineError):
    """A setting is unknown, or its value cannot be taken."""


class UnknownName(ImagineError):
    """No use case, format, setting or model has that name."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """The error for a `name` that is not among the `known` ones; it suggests the nearest."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return cls(f"Unknown {kind} {name!r}; known: {', '.join(names) or 'none'}.{hint}")


class NotEnoughSpace(ImagineError):
    """The disk has no room left for what must be written."""


class Cancelled(ImagineError):
    """A person asked to stop; what was finished before is kept."""
