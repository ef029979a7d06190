"""What readers share: values as records hold them, labels as they are met, sizes of pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.pictures import Locator
from imagine_kernels.records import Annotation, AnnotationSet, Label, Medium, Problem

#: What a path through the labels looks like where names are joined.
ARROW = " > "


def plain(value: Any) -> str | float | bool | None:
    """A value of JSON as an attribute can hold it; lists and objects become JSON texts, null and what is not finite None."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return as_float(value)
    return None if value is None else json.dumps(value, ensure_ascii=False)


def plain_all(values: Any, *, but: frozenset[str] = frozenset()) -> dict[str, str | float | bool]:
    """The entries of a JSON object as attributes."""
    if not isinstance(values, Mapping):
        return {}
    found = {str(key): plain(value) for key, value in values.items() if key not in but}
    return {key: value for key, value in found.items() if value is not None}


def as_float(value: Any) -> float | None:
    """A finite number, or None; texts are read, truth values are none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def as_size(value: Any) -> int | None:
    """A width or height in px, or None."""
    found = as_float(value)
    return int(found) if found is not None and 0 < found < 2**31 else None


def numbers_of(values: Any) -> tuple[float, ...]:
    """Numbers of a list.

    Raises
    ------
    DataError
        Some are none, or not finite.
    """
    if not isinstance(values, list | tuple):
        raise DataError("there is no list of numbers")
    try:
        found = tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        raise DataError("the coordinates are not all numbers") from None
    if not all(map(math.isfinite, found)):
        raise DataError("the coordinates are not all finite")
    return found


def split_path(text: str, separator: str = ARROW) -> tuple[str, ...]:
    """The names in a joined path."""
    return tuple(part.strip() for part in text.split(separator) if part.strip())


class Labels:
    """Labels as they are met, in order, one for each path."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], Label] = {}

    def add(self, label: Label) -> None:
        """Keep it, if it is the first of its path."""
        self._found.setdefault(label.path, label)

    def path(self, path: tuple[str, ...], **more: Any) -> None:
        """The same from its path."""
        if path and path not in self._found:
            self._found[path] = Label(name=path[-1], parent=path[:-1], **more)

    def all(self) -> tuple[Label, ...]:
        """All that were met."""
        return tuple(self._found.values())


class PictureSizes:
    """Width and height of pictures, from the head of the files themselves.

    Parameters
    ----------
    files : Files
        The source of the annotations.
    pictures : Path, optional
        Another folder or zip in which the pictures are.
    """

    def __init__(self, files: Files, pictures: Path | None) -> None:
        self._sources = [files, *([Files(pictures)] if pictures else [])]
        self._locators = [Locator(source.names()) for source in self._sources]

    def of(self, name: str, *, beside: str = "") -> tuple[int, int] | None:
        """Width and height in px, or None where there is no such picture."""
        from PIL import Image

        for source, locator in zip(self._sources, self._locators, strict=True):
            found = locator.find(name, beside=beside if source is self._sources[0] else "")
            if found is None:
                continue
            try:
                with source.open(found) as file, Image.open(file) as picture:
                    return picture.size
            except (OSError, ValueError, SyntaxError, DataError, Image.DecompressionBombError):
                continue
        return None


def only_file(files: Files, *suffixes: str) -> str:
    """The one file of such a name.

    Raises
    ------
    DataNotFound
        There is none.
    FormatError
        There are several.
    """
    names = files.names(*suffixes)
    if not names:
        raise DataNotFound.empty(files.path, f"a file {' or '.join(suffixes)}")
    if len(names) > 1:
        raise FormatError(f"{files.path} holds {len(names)} files {' or '.join(suffixes)}: give one of them, e.g. {names[0]}.")
    return names[0]


def set_of(
    path: Path,
    layout: str,
    *,
    media: tuple[Medium, ...],
    labels: tuple[Label, ...],
    stream: Callable[[Files, list[Problem]], Iterator[Annotation]],
    problems: tuple[Problem, ...] = (),
    attributes: Mapping[str, str | float | bool] | None = None,
) -> AnnotationSet:
    """A set whose stream opens its files anew each time."""

    def again(noted: list[Problem]) -> Iterator[Annotation]:
        with Files(path) as files:
            yield from stream(files, noted)

    return AnnotationSet(
        name=Path(path).stem,
        layout=layout,
        media=media,
        labels=labels,
        stream=again,
        problems=problems,
        attributes=attributes or {},
    )
