"""A CSV with one box in a row, in pixels from corner to corner, as many training scripts want it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, implied_status, note, number_text
from imagine_kernels.formats.pictures import PICTURES, Locator
from imagine_kernels.formats.reading import Labels, as_float, as_size, numbers_of, set_of
from imagine_kernels.formats.streams import encoding_of, header_of, placed_text, rows
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape

LAYOUT = "CSV of boxes"
HOLDS = Holds(
    shapes=("rectangle",),
    medium=frozenset({"width", "height"}),
    unlabelled=True,
    given=frozenset({"confidence"}),
    unmarked_media=False,
    unused_labels=False,
)
_COLUMNS: dict[str, tuple[str, ...]] = {
    "file": ("image_name", "filename", "file_name", "image", "image_path", "image_id", "file", "path"),
    "x_min": ("x_min", "xmin", "x1", "left", "bbox_xmin"),
    "y_min": ("y_min", "ymin", "y1", "top", "bbox_ymin"),
    "x_max": ("x_max", "xmax", "x2", "right", "bbox_xmax"),
    "y_max": ("y_max", "ymax", "y2", "bottom", "bbox_ymax"),
    "label": ("class_name", "class", "label", "category", "name", "label_name"),
    "confidence": ("confidence", "score", "probability"),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
}
_SIDES = ("x_min", "y_min", "x_max", "y_max")


def _places(header: list[str]) -> dict[str, int]:
    lower = [column.lower() for column in header]
    return {
        field: lower.index(next(name for name in names if name in lower))
        for field, names in _COLUMNS.items()
        if any(name in lower for name in names)
    }


def find_box_csv(files: Files) -> list[str]:
    """The CSV files with a column for the picture and the four sides."""
    return [name for name in files.names(".csv") if {"file", *_SIDES} <= set(_places(header_of(files, name)))]


def read_box_csv(path: Path) -> AnnotationSet:
    """Read a CSV of boxes, or a folder or zip of them, with the pictures or without.

    Raises
    ------
    FormatError
        No CSV has a column for the picture and four for the sides.
    """
    with Files(path) as files:
        tables = [(name, *encoding_of(files, name)) for name in find_box_csv(files)]
        if not tables:
            raise FormatError(
                f"{path} holds no CSV of boxes: name the columns image_name, x_min, y_min, x_max, y_max, class_name."
            )
        locator = Locator(files.names(*PICTURES))
        media: dict[str, Medium] = {}
        labels, found_as = Labels(), dict[str, str]()
        for name, encoding, _ in tables:
            at = _places(header_of(files, name))
            for line, row in rows(files, name, encoding):
                file = _cell(row, at, "file")
                if line == 1 or not file:
                    continue
                if file not in found_as:
                    found_as[file] = locator.find(file, beside=name) or file
                medium = Medium(
                    name=found_as[file], width=as_size(_cell(row, at, "width")), height=as_size(_cell(row, at, "height"))
                )
                media.setdefault(medium.name, medium)
                labels.path((_cell(row, at, "label"),) if _cell(row, at, "label") else ())
    problems = tuple(problem for _, _, found in tables for problem in found)

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for name, encoding, _ in tables:
            at = _places(header_of(files, name))
            for line, row in rows(files, name, encoding):
                if line == 1:
                    continue
                try:
                    yield _annotation(row, at, found_as)
                except DataError as error:
                    note(noted, name, f"was left out, {str(error).rstrip('.')}", "correct the row", line=line)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=problems)


def _cell(row: list[str], at: dict[str, int], field: str) -> str:
    place = at.get(field)
    return row[place].strip() if place is not None and place < len(row) else ""


def _annotation(row: list[str], at: dict[str, int], found_as: dict[str, str]) -> Annotation:
    file, label = _cell(row, at, "file"), _cell(row, at, "label")
    if not file:
        raise DataError("it names no picture")
    corners = numbers_of([_cell(row, at, side) for side in _SIDES])
    confidence = as_float(_cell(row, at, "confidence"))
    labels = (LabelGiven(path=(label,), confidence=confidence),) if label else ()
    shape = Shape("rectangle", (corners,))
    return Annotation(medium=found_as[file], shape=shape, labels=labels, status=implied_status(labels))


def write_box_csv(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the CSV; gives what it cannot hold, one entry for each kind of loss."""
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    with placed_text(target) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("image_name", *_SIDES, "class_name", "confidence", "width", "height"))
        for place, annotation in fitting.annotations(problems):
            medium = fitting.media[place]
            given = annotation.labels[0] if annotation.labels else None
            sure = "" if given is None or given.confidence is None else repr(given.confidence)
            sides = map(number_text, annotation.shape.numbers)
            table.writerow((medium.name, *sides, given.name if given else "", sure, medium.width, medium.height))
    return [*problems, *fitting.finish()]
