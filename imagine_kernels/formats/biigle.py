"""BIIGLE's annotation reports: one row of a CSV for each label of an annotation, for pictures or for videos, alone or in a zip.

A rectangle has its four corners, an ellipse the ends of its axes, the long one first; frames of videos are seconds, and null is a gap.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note, number_text
from imagine_kernels.formats.reading import ARROW, Labels, as_float, as_size, numbers_of, set_of, split_path
from imagine_kernels.formats.streams import encoding_of, header_of, placed_text, rows
from imagine_kernels.formats.substitutes import from_outline, outline, turned
from imagine_kernels.formats.times import iso, written
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape, ShapeKind
from imagine_kernels.records.shapes import Numbers

IMAGES, VIDEOS = "BIIGLE image report", "BIIGLE video report"
_SHAPES: dict[str, ShapeKind] = {
    "Point": "point",
    "LineString": "line",
    "Polygon": "polygon",
    "Circle": "circle",
    "Rectangle": "rotated_rectangle",
    "Ellipse": "ellipse",
    "WholeFrame": "whole",
}
#: BIIGLE's own numbers of the shapes.
_NUMBERS = {"Point": 1, "LineString": 2, "Polygon": 3, "Circle": 4, "Rectangle": 5, "Ellipse": 6, "WholeFrame": 7}
_NAMES: dict[ShapeKind, str] = {kind: name for name, kind in _SHAPES.items()} | {"rectangle": "Rectangle"}
_COMMON: dict[str, Any] = {
    "label": frozenset({"source_id"}),
    "parents": True,
    "labels_each": "several",
    "given": frozenset({"annotator", "given_at"}),
    "ids": "integer",
    "unmarked_media": False,
    "unused_labels": False,
    "instants": "seconds",
    "separator": ARROW,
}
_DRAWN: tuple[ShapeKind, ...] = ("point", "line", "rectangle", "rotated_rectangle", "polygon", "circle", "ellipse")
HOLDS_IMAGES = Holds(shapes=_DRAWN, medium=frozenset({"width", "height", "latitude", "longitude", "altitude_m"}), **_COMMON)
HOLDS_VIDEOS = Holds(media=("video",), shapes=(*_DRAWN, "whole"), gaps=True, spans=True, **_COMMON)

_HEAD = ("label_id", "label_name", "label_hierarchy", "user_id", "firstname", "lastname")
_IMAGE_COLUMNS = (
    *("annotation_label_id", *_HEAD, "image_id", "filename", "image_longitude", "image_latitude", "shape_id"),
    *("shape_name", "points", "attributes", "annotation_id", "created_at"),
)
_VIDEO_COLUMNS = (
    *("video_annotation_label_id", *_HEAD, "video_id", "video_filename", "shape_id", "shape_name", "points", "frames"),
    *("annotation_id", "created_at"),
)


def find_biigle(files: Files) -> bool:
    """Whether there are reports inside, as they are or in zips."""
    return any(_reports(place) for place in _places(files))


def _places(files: Files) -> list[Path]:
    """The source itself, and the zips in a folder: each download is one."""
    zips = files.names(".zip") if files.path.is_dir() else []
    return [files.path, *(files.path / name for name in zips)]


def _reports(place: Path) -> list[str]:
    with Files(place) as files:
        return _reports_in(files)


def _reports_in(files: Files) -> list[str]:
    wanted = {"label_name", "shape_name", "points", "annotation_id"}
    return [name for name in files.names(".csv") if wanted <= set(header_of(files, name))]


def read_biigle(path: Path) -> AnnotationSet:
    """Read one report, or a folder or zip of them.

    Raises
    ------
    FormatError
        No CSV in it is a report with points.
    """
    media: dict[str, Medium] = {}
    labels, problems = Labels(), list[Problem]()
    tables: list[_Table] = []
    with Files(path) as outer:
        places = _places(outer)
    for place in places:
        with Files(place) as files:
            for name in _reports_in(files):
                encoding, found = encoding_of(files, name)
                problems += found
                tables.append(_Table(place, name, encoding, header_of(files, name)))
                tables[-1].survey(files, media, labels)
    if not tables:
        raise FormatError(f"{path} holds no report of BIIGLE with points: export the CSV report of annotations.")

    def stream(_: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for table in tables:
            with Files(table.place) as files:
                yield from table.annotations(files, noted)

    return set_of(
        path,
        VIDEOS if all(table.video for table in tables) else IMAGES,
        media=tuple(media.values()),
        labels=labels.all(),
        stream=stream,
        problems=tuple(problems),
    )


class _Table:
    """One report."""

    def __init__(self, place: Path, name: str, encoding: str, header: list[str]) -> None:
        self.place, self.name, self.encoding = place, name, encoding
        self._header = header
        self.video = "frames" in header
        self.file_column = "video_filename" if self.video else "filename"
        if self.file_column not in header:
            raise FormatError(f"{name} has no column {self.file_column}: export the report again.")
        self._repeated: dict[int, int] = {}
        self._paths: dict[tuple[str, str], tuple[str, ...]] = {}

    def _rows(self, files: Files) -> Iterator[tuple[int, dict[str, str]]]:
        """Line, and cell by column."""
        for line, row in rows(files, self.name, self.encoding):
            if line > 1:
                yield line, dict(zip(self._header, row, strict=False))

    def survey(self, files: Files, media: dict[str, Medium], labels: Labels) -> None:
        """Note media, labels, and which annotations have several rows."""
        seen = array("q")
        sized: set[str] = set()
        for _, row in self._rows(files):
            file = row.get(self.file_column, "")
            said = row.get("attributes", "")
            if file and (file not in media or (said and file not in sized)):
                media[file] = self._medium(row, file)
                if said:
                    sized.add(file)
            path = self._path(row)
            if path:
                labels.path(path, source_id=row.get("label_id", ""))
            seen.append(hash(row.get("annotation_id", "")))
        values, counts = np.unique(np.frombuffer(seen, dtype=np.int64) if seen else [], return_counts=True)
        self._repeated = dict(zip(values[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))

    def _medium(self, row: dict[str, str], file: str) -> Medium:
        if self.video:
            return Medium(name=file, kind="video")
        try:
            said = json.loads(row.get("attributes", "") or "{}")
        except (ValueError, RecursionError):
            said = {}
        said = said if isinstance(said, dict) else {}
        further = said.get("metadata")
        return Medium(
            name=file,
            width=as_size(said.get("width")),
            height=as_size(said.get("height")),
            longitude=as_float(row.get("image_longitude", "")),
            latitude=as_float(row.get("image_latitude", "")),
            altitude_m=as_float(further.get("gps_altitude")) if isinstance(further, dict) else None,
        )

    def _path(self, row: dict[str, str]) -> tuple[str, ...]:
        name, above = row.get("label_name", ""), row.get("label_hierarchy", "")
        found = self._paths.get((name, above))
        if found is None:
            parents = split_path(above.removesuffix(name) if name else above)
            found = self._paths[name, above] = (*parents, name) if name else parents
        return found

    def annotations(self, files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        """One for each annotation, when its last row was read."""
        waiting: dict[str, tuple[Annotation, int]] = {}
        for line, row in self._rows(files):
            try:
                annotation = self._annotation(row)
            except DataError as error:
                note(noted, self.name, f"was left out, {str(error).rstrip('.')}", "correct it in BIIGLE", line=line)
                continue
            count = self._repeated.get(hash(annotation.id), 1) if self._repeated else 1
            if count == 1 or not annotation.id:
                yield annotation
                continue
            first, left = waiting.pop(annotation.id, (None, count))
            joined = annotation if first is None else replace(first, labels=first.labels + annotation.labels)
            if left == 1:
                yield joined
            else:
                waiting[annotation.id] = (joined, left - 1)
        for annotation, _ in waiting.values():
            yield annotation

    def _annotation(self, row: dict[str, str]) -> Annotation:
        file, shape_name = row.get(self.file_column, ""), row.get("shape_name", "")
        if not file:
            raise DataError("it names no file")
        kind = _SHAPES.get(shape_name)
        if kind is None:
            raise DataError(f"the shape {shape_name!r:.40} is unknown")
        points = _list(row.get("points", ""), "points")
        if self.video:
            shape = _moving(kind, points, _list(row.get("frames", ""), "frames"))
        else:
            found, numbers = from_outline(kind, numbers_of(points))
            shape = Shape(found, (numbers,))
        path = self._path(row)
        names = (row.get("firstname", ""), row.get("lastname", ""))
        given = LabelGiven(
            path=path or ("",),
            annotator=" ".join(part for part in names if part),
            given_at=iso(row.get("created_at", "")),
        )
        return Annotation(medium=file, shape=shape, labels=(given,) if path else (), id=row.get("annotation_id", ""))


def _list(text: str, column: str) -> list[Any]:
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise DataError(f"{column} is no list of numbers")
    return found


def _moving(kind: ShapeKind, points: list[Any], frames: list[Any]) -> Shape:
    if kind == "whole":
        span = numbers_of([time for time in frames if time is not None])
        return Shape("whole", ((),) * max(1, len(span)), span)
    if len(points) != len(frames) or not frames:
        raise DataError(f"it has {len(points)} shapes for {len(frames)} frames")
    times, keyframes = list[float](), list[tuple[ShapeKind, Numbers]]()
    for time, each in zip(frames, points, strict=True):
        if time is None or not each:
            if times:
                times.append(times[-1])
                keyframes.append((kind, ()))
            continue
        times.append(numbers_of([time])[0])
        keyframes.append(from_outline(kind, numbers_of(each)))
    kinds = {found for found, numbers in keyframes if numbers}
    if len(kinds) > 1:  # a rectangle that is upright at times only
        return Shape("rotated_rectangle", tuple(turned(numbers) for _, numbers in keyframes), tuple(times))
    return Shape(kinds.pop() if kinds else kind, tuple(numbers for _, numbers in keyframes), tuple(times))


def write_biigle(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the report of pictures; gives what it cannot hold, one entry for each kind of loss."""
    return _write(source, target, HOLDS_IMAGES, _IMAGE_COLUMNS)


def write_biigle_videos(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the report of videos; see `write_biigle`."""
    return _write(source, target, HOLDS_VIDEOS, _VIDEO_COLUMNS)


def _write(source: AnnotationSet, target: Path, holds: Holds, columns: tuple[str, ...]) -> list[Problem]:
    fitting, problems = Fitting(source, holds), list[Problem]()
    people = _People()
    video = "frames" in columns
    told: set[int] = set()
    rows_written = 0
    with placed_text(target) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        for place, annotation in fitting.annotations(problems):
            medium, shape = fitting.media[place], annotation.shape
            name = _NAMES[shape.kind]
            if video:
                where: tuple[Any, ...] = (_points_of_video(shape), _frames(shape))
            else:
                where = (_points(shape.kind, shape.numbers), _about(medium) if place not in told else "")
                told.add(place)
            file_cells: tuple[Any, ...] = (place + 1, medium.name)
            if not video:
                file_cells += (medium.longitude, medium.latitude)
            for given in annotation.labels:
                rows_written += 1
                label = fitting.labels_by_path[given.path]
                user, first, last = people.person(given.annotator)
                head = (rows_written, label.source_id, given.path[-1], ARROW.join(given.path), user, first, last)
                end = (annotation.id, written(given.given_at, "%Y-%m-%d %H:%M:%S"))
                table.writerow((*head, *file_cells, _NUMBERS[name], name, *where, *end))
    return [*problems, *fitting.finish()]


class _People:
    """Numbers for people, which BIIGLE has and others do not."""

    def __init__(self) -> None:
        self._people: dict[str, tuple[int | str, str, str]] = {"": ("", "", "")}

    def person(self, name: str) -> tuple[int | str, str, str]:
        if name not in self._people:
            first, _, last = name.partition(" ")
            self._people[name] = (len(self._people), first, last)
        return self._people[name]


def _points(kind: ShapeKind, numbers: Numbers) -> str:
    return "[" + ",".join(map(number_text, outline(kind, numbers))) + "]"


def _points_of_video(shape: Shape) -> str:
    if shape.kind == "whole":
        return "[]"
    return "[" + ",".join(_points(shape.kind, numbers) if numbers else "[]" for numbers in shape.keyframes) + "]"


def _frames(shape: Shape) -> str:
    gaps = [shape.kind != "whole" and not numbers for numbers in shape.keyframes]
    return "[" + ",".join("null" if gap else repr(time) for gap, time in zip(gaps, shape.frames, strict=True)) + "]"


def _about(medium: Medium) -> str:
    known: dict[str, Any] = {"width": medium.width, "height": medium.height}
    known = {key: value for key, value in known.items() if value is not None}
    if medium.altitude_m is not None:
        known["metadata"] = {"gps_altitude": medium.altitude_m}
    return json.dumps(known) if known else ""
