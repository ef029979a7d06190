"""A CSV of annotations with everything that they say, one row for each label, for spreadsheets and scripts.

``coordinates`` and ``times`` are JSON; a hole or a further part of a polygon begins after a null.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note
from imagine_kernels.formats.reading import ARROW, Labels, as_float, as_size, plain_all, set_of, split_path
from imagine_kernels.formats.streams import encoding_of, header_of, placed_text, rows
from imagine_kernels.records import (
    SHAPE_KINDS,
    STATUSES,
    Annotation,
    AnnotationSet,
    LabelGiven,
    Medium,
    Problem,
    Shape,
)

LAYOUT = "CSV of annotations"
HOLDS = Holds(
    media=("picture", "video", "sound"),
    shapes=SHAPE_KINDS,
    rings="holes",
    gaps=True,
    spans=True,
    whole_files=True,
    medium=frozenset({"width", "height", "duration_s", "frame_rate_hz", "sample_rate_hz", "taken_at", "latitude", "longitude"}),
    parents=True,
    labels_each="several",
    unlabelled=True,
    given=frozenset({"annotator", "given_at", "confidence"}),
    statuses=("validated", "predicted", "dubious", "discarded"),
    ids="text",
    tracks=True,
    attributes="typed",
    unmarked_media=False,
    unused_labels=False,
    separator=ARROW,
)
_FILE = ("width", "height", "duration_s", "frame_rate_hz", "sample_rate_hz", "taken_at", "latitude", "longitude")
_COLUMNS = (
    *("annotation", "id", "file", "kind", "shape", "coordinates", "times", "label", "annotator", "given_at", "confidence"),
    *("status", "track", "attributes", *_FILE),
)


def find_annotation_table(files: Files) -> list[str]:
    """The CSV files inside that were written here."""
    return [name for name in files.names(".csv") if header_of(files, name)[: len(_COLUMNS)] == list(_COLUMNS)]


def read_annotation_table(path: Path) -> AnnotationSet:
    """Read one CSV, or a folder or zip of them.

    Raises
    ------
    FormatError
        No CSV has these columns.
    """
    with Files(path) as files:
        tables = [(name, *encoding_of(files, name)) for name in find_annotation_table(files)]
        if not tables:
            raise FormatError(f"{path} holds no CSV with the columns {', '.join(_COLUMNS[:6])} …: write it again.")
        media: dict[str, Medium] = {}
        labels = Labels()
        for name, encoding, _ in tables:
            for line, row in rows(files, name, encoding):
                cells = dict(zip(_COLUMNS, row, strict=False))
                if line > 1 and cells.get("file") and cells["file"] not in media:
                    media[cells["file"]] = _medium(cells)
                if line > 1:
                    labels.path(split_path(cells.get("label", "")))
    problems = tuple(problem for _, _, found in tables for problem in found)

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for name, encoding, _ in tables:
            yield from _joined(files, name, encoding, noted)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=problems)


def _joined(files: Files, name: str, encoding: str, noted: list[Problem]) -> Iterator[Annotation]:
    """The rows of an annotation follow each other."""
    held: Annotation | None = None
    number = ""
    for line, row in rows(files, name, encoding):
        if line == 1:
            continue
        cells = dict(zip(_COLUMNS, row, strict=False))
        try:
            found = _annotation(cells)
        except (DataError, ValueError, TypeError, RecursionError) as error:
            why = str(error).rstrip(".") if isinstance(error, DataError) else "a cell is not as it was written"
            note(noted, name, f"was left out, {why}", "correct the row", line=line)
            continue
        if held is not None and cells["annotation"] == number:
            held = replace(held, labels=held.labels + found.labels)
            continue
        if held is not None:
            yield held
        held, number = found, cells["annotation"]
    if held is not None:
        yield held


def _medium(cells: dict[str, str]) -> Medium:
    kind: Any = cells.get("kind") if cells.get("kind") in ("picture", "video", "sound") else "picture"
    rates = {name: as_float(cells.get(name) or None) for name in _FILE if name not in ("width", "height", "taken_at")}
    return Medium(
        name=cells["file"],
        kind=kind,
        width=as_size(cells.get("width") or None),
        height=as_size(cells.get("height") or None),
        taken_at=cells.get("taken_at", ""),
        **rates,  # type: ignore[arg-type]
    )


def _annotation(cells: dict[str, str]) -> Annotation:
    if not cells.get("file"):
        raise DataError("it names no file")
    keyframes = tuple(
        tuple(math.nan if number is None else float(number) for number in each) for each in json.loads(cells["coordinates"])
    )
    status: Any = cells["status"] if cells["status"] in STATUSES else "validated"
    kind: Any = cells["shape"]
    path = split_path(cells["label"])
    given = LabelGiven(
        path=path or ("",),
        annotator=cells["annotator"],
        given_at=cells["given_at"],
        confidence=as_float(cells["confidence"] or None),
    )
    return Annotation(
        medium=cells["file"],
        shape=Shape(kind, keyframes, tuple(map(float, json.loads(cells["times"] or "[]")))),
        labels=(given,) if path else (),
        status=status,
        id=cells["id"],
        track=cells["track"],
        attributes=plain_all(json.loads(cells["attributes"] or "{}")),
    )


def write_annotation_table(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the CSV; gives what it cannot hold, one entry for each kind of loss."""
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    with placed_text(target) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for number, (place, annotation) in enumerate(fitting.annotations(problems), start=1):
            medium, shape = fitting.media[place], annotation.shape
            further = json.dumps(dict(annotation.attributes), ensure_ascii=False) if annotation.attributes else ""
            first = (number, annotation.id, medium.name, medium.kind, shape.kind, _coordinates(shape))
            times = json.dumps(shape.frames) if shape.frames else ""
            last = (annotation.status, annotation.track, further, *(getattr(medium, name) for name in _FILE))
            for given in annotation.labels or (None,):
                sure = "" if given is None or given.confidence is None else repr(given.confidence)
                named = (ARROW.join(given.path), given.annotator, given.given_at, sure) if given else ("", "", "", "")
                table.writerow((*first, times, *named, *last))
    return [*problems, *fitting.finish()]


def _coordinates(shape: Shape) -> str:
    return json.dumps(
        [[None if math.isnan(number) else number for number in numbers] for numbers in shape.keyframes], separators=(",", ":")
    )
