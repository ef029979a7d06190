"""A list of vignettes with their taxa, one column for each rank, as made from CVAT for freshwater zooplankton; it is read only.

A vignette is called by its number. Ranks that are not known (``Sp._unk``, ``Fa._unk_…``) are no part of the path unless they say more than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.holds import note, value_of
from imagine_kernels.formats.pictures import PICTURES, Locator
from imagine_kernels.formats.reading import Labels, PictureSizes, set_of
from imagine_kernels.formats.streams import encoding_of, header_of, rows
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape

LAYOUT = "list of vignettes with taxa"
_RANKS = ("class", "order", "family", "genus", "species")
_UNKNOWN = re.compile(r"[A-Z][a-z]\._unk")


def find_vignette_list(files: Files) -> list[str]:
    """The lists inside."""
    return [name for name in files.names(".csv") if {"img_id", *_RANKS} <= set(header_of(files, name))]


def read_vignette_list(path: Path) -> AnnotationSet:
    """Read one list, or a folder or zip of them with their pictures.

    Raises
    ------
    FormatError
        No list has a column img_id and one for each rank.
    """
    media: dict[str, Medium] = {}
    labels, problems = Labels(), list[Problem]()
    with Files(path) as files:
        tables = [(name, encoding_of(files, name)[0], header_of(files, name)) for name in find_vignette_list(files)]
        if not tables:
            raise FormatError(f"{path} holds no list of vignettes: name the columns img_id, {', '.join(_RANKS)}.")
        locator, sizes = Locator(files.names(*PICTURES)), PictureSizes(files, None)
        found: dict[tuple[str, str], str] = {}
        for name, encoding, header in tables:
            for line, cells in _rows(files, name, encoding, header):
                picture = _picture(cells["img_id"], name, locator)
                if picture is None:
                    note(problems, name, f"the picture of {cells['img_id']!r:.40} is missing", "put it beside", line=line)
                    continue
                found[name, cells["img_id"]] = picture
                size = sizes.of(picture) or (None, None)
                media.setdefault(picture, Medium(name=picture, width=size[0], height=size[1]))
                labels.path(_path(cells))

    def stream(files: Files, _: list[Problem]) -> Iterator[Annotation]:
        for name, encoding, header in tables:
            for _line, cells in _rows(files, name, encoding, header):
                if (name, cells["img_id"]) not in found:
                    continue
                path = _path(cells)
                further = {key: value_of(cell) for key, cell in cells.items() if key not in ("img_id", *_RANKS) and cell}
                yield Annotation(
                    medium=found[name, cells["img_id"]],
                    shape=Shape("whole"),
                    labels=(LabelGiven(path=path),) if path else (),
                    attributes=further,
                )

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


def _rows(files: Files, name: str, encoding: str, header: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for line, row in rows(files, name, encoding):
        cells = {column: cell.strip() for column, cell in zip(header, row, strict=False)}
        if line > 1 and cells.get("img_id"):
            yield line, cells


def _picture(number: str, beside: str, locator: Locator) -> str | None:
    folder = beside.rsplit("/", 1)[0] + "/" if "/" in beside else ""
    for suffix in PICTURES:
        for place in (folder, f"{folder}images/", ""):
            found = locator.find(f"{place}{number}{suffix}", beside=beside)
            if found is not None and found.startswith(folder):
                return found
    return None


def _path(cells: dict[str, str]) -> tuple[str, ...]:
    names = [cells.get(rank, "") for rank in _RANKS]
    return tuple(name for name in names if name and not _UNKNOWN.fullmatch(name))
