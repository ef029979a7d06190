"""CSV of boxes made from a SQUIDLE+ export: one row for each picture, its boxes as a list in one cell.

A box is (label, likelihood, x and y of the centre, width, height, needs review, id), the numbers as parts of the size of the picture. What needs
review is dubious. Where the table says 0 for width and height the pictures themselves are needed.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note
from imagine_kernels.formats.reading import Labels, PictureSizes, as_float, as_size, numbers_of, set_of
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import encoding_of, header_of, placed_text, rows
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape

LAYOUT = "SQUIDLE+ CSV"
HOLDS = Holds(
    shapes=("rectangle",),
    medium=frozenset({"width", "height", "taken_at", "latitude", "longitude", "altitude_m"}),
    given=frozenset({"confidence"}),
    confidence_needed=True,
    statuses=("validated", "dubious"),
    ids="text",
    unused_labels=False,
    sized=True,
)
_COLUMNS = ("id", "url", "name", "width", "height", "latitude", "longitude", "depth", "time", "flagged", "count", "boxes")
#: A cell of more characters is not read as a list.
_MAX_CELL = 4 * 1024**2


def find_squidle(files: Files) -> list[str]:
    """The CSV files inside with a column of boxes."""
    wanted = {"boxes", "width", "height"}
    return [name for name in files.names(".csv") if wanted <= set(header_of(files, name))]


def read_squidle(path: Path, *, pictures: Path | None = None) -> AnnotationSet:
    """Read the CSV.

    Parameters
    ----------
    path : Path
    pictures : Path, optional
        Where the pictures are, for tables that do not say their sizes.

    Raises
    ------
    FormatError
        There is no CSV with a column of boxes.
    """
    with Files(path) as files:
        tables = [(name, *encoding_of(files, name), header_of(files, name)) for name in find_squidle(files)]
        if not tables:
            raise FormatError(f"{path} holds no CSV with a column boxes: export it again.")
        sizes = PictureSizes(files, pictures)
        media: dict[str, Medium] = {}
        labels = Labels()
        for name, encoding, _, header in tables:
            for line, row in rows(files, name, encoding):
                if line == 1:
                    continue
                medium = _medium(dict(zip(header, row, strict=False)), sizes)
                media.setdefault(medium.name, medium)
                try:
                    for box in _boxes(dict(zip(header, row, strict=False))):
                        labels.path((str(box[0]),))
                except DataError:
                    continue
    problems = tuple(problem for _, _, found, _ in tables for problem in found)

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for name, encoding, _, header in tables:
            for line, row in rows(files, name, encoding):
                if line == 1:
                    continue
                cells = dict(zip(header, row, strict=False))
                try:
                    for box in _boxes(cells):
                        yield _annotation(box, media[_name(cells)])
                except DataError as error:
                    note(noted, name, f"was left out, {str(error).rstrip('.')}", "correct the row", line=line)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=problems)


def _name(cells: dict[str, str]) -> str:
    from urllib.parse import unquote

    name = cells.get("name", "").strip()
    url = unquote(cells.get("url", "")).rstrip("/").rsplit("/", 1)[-1]
    return name or url or cells.get("id", "").strip() or "picture"


def _medium(cells: dict[str, str], sizes: PictureSizes) -> Medium:
    name, depth = _name(cells), as_float(cells.get("depth") or None)
    width, height = as_size(cells.get("width")), as_size(cells.get("height"))
    if not width or not height:
        width, height = sizes.of(name) or (None, None)
    return Medium(
        name=name,
        width=width,
        height=height,
        latitude=as_float(cells.get("latitude") or None),
        longitude=as_float(cells.get("longitude") or None),
        altitude_m=None if depth is None else -depth,
        taken_at=cells.get("time", "").strip(),
    )


def _boxes(cells: dict[str, str]) -> list[tuple[Any, ...]]:
    text = cells.get("boxes", "").strip() or "[]"
    try:
        found = ast.literal_eval(text) if len(text) < _MAX_CELL else None
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        found = None
    if not isinstance(found, list) or not all(isinstance(box, tuple | list) and len(box) >= 6 for box in found):
        raise DataError("its boxes are no list")
    return [tuple(box) for box in found]


def _annotation(box: tuple[Any, ...], medium: Medium) -> Annotation:
    if not medium.width or not medium.height:
        raise DataError(f"the size of {medium.name:.80} is not known, name the folder of the pictures")
    x, y, width, height = numbers_of(box[2:6])
    if width < 0 or height < 0:
        raise DataError("a box is smaller than nothing")
    across, down = (x - width / 2, x + width / 2), (y - height / 2, y + height / 2)
    numbers = (across[0] * medium.width, down[0] * medium.height, across[1] * medium.width, down[1] * medium.height)
    return Annotation(
        medium=medium.name,
        shape=Shape("rectangle", (numbers,)),
        labels=(LabelGiven(path=(str(box[0]),), confidence=as_float(box[1])),),
        status="dubious" if len(box) > 6 and box[6] is True else "validated",
        id=str(box[7]) if len(box) > 7 and box[7] is not None else "",
    )


def write_squidle(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the CSV; gives what it cannot hold, one entry for each kind of loss."""
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    with Spool() as spool, placed_text(target) as file:
        spool.fill(fitting.annotations(problems))
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for place, held in spool.by_group(len(fitting.media)):
            medium = fitting.media[place]
            boxes = [_box(annotation, medium) for annotation in held]
            depth = "" if medium.altitude_m is None else -medium.altitude_m
            where = (medium.latitude, medium.longitude, depth, medium.taken_at)
            size = (medium.width, medium.height)
            table.writerow((place + 1, "", medium.name, *size, *where, False, len(boxes), repr(boxes)))
    return [*problems, *fitting.finish()]


def _box(annotation: Annotation, medium: Medium) -> tuple[Any, ...]:
    x0, y0, x1, y1 = annotation.shape.numbers
    width, height = medium.width or 1, medium.height or 1
    given = annotation.labels[0]
    place = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
    return (given.name, given.confidence, *place, annotation.status == "dubious", annotation.id or None)
