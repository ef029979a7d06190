"""EcoTaxa's table as annotations: each vignette is a picture with a label as a whole, or a box where the table says one.

Pictures are not needed to read it, and are not written; `imagine_kernels.formats.ecotaxa` does both for samples. Boxes are in the columns
``object_bx``, ``object_by``, ``object_bw`` and ``object_bh`` [px].
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.ecotaxa import CATEGORY, IMAGE, STATUS, find_tables
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note, number_text, text_of, value_of
from imagine_kernels.formats.reading import Labels, PictureSizes, as_float, set_of, split_path
from imagine_kernels.formats.streams import encoding_of, header_of, placed_text, rows
from imagine_kernels.formats.times import written
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Sample, Shape, Status

LAYOUT = "EcoTaxa TSV"
HOLDS = Holds(
    shapes=("rectangle", "whole"),
    medium=frozenset({"taken_at", "latitude", "longitude"}),
    parents=True,
    unlabelled=True,
    given=frozenset({"annotator", "given_at"}),
    statuses=("validated", "predicted", "dubious", "discarded"),
    ids="text",
    attributes="cells",
    unmarked_media=False,
    unused_labels=False,
    instants="seconds",
    separator=">",
    forbidden=r"[\t\n]",
)
_HIERARCHY, _PERSON = "object_annotation_hierarchy", "object_annotation_person_name"
_DAY, _TIME = "object_annotation_date", "object_annotation_time"
_BOX = ("object_bx", "object_by", "object_bw", "object_bh")
_WHERE = ("object_date", "object_time", "object_lat", "object_lon")
_OWN = (IMAGE, "object_id", CATEGORY, _HIERARCHY, STATUS, _PERSON, _DAY, _TIME, *_WHERE, *_BOX)
_WORDS: dict[str, Status] = {"p": "predicted", "v": "validated", "d": "dubious", "x": "discarded"}
_STATUSES: dict[str, Status] = {word: word for word in _WORDS.values()} | _WORDS


def find_ecotaxa(files: Files) -> list[str]:
    """The tables inside."""
    return find_tables(files)


def read_ecotaxa_annotations(path: Path) -> AnnotationSet:
    """Read one table, or a folder or zip of them.

    Raises
    ------
    FormatError
        No table names its pictures.
    """
    media: dict[str, Medium] = {}
    labels, problems, tables = Labels(), list[Problem](), list[tuple[str, str, list[str]]]()
    with Files(path) as files:
        sizes = PictureSizes(files, None)
        for name in find_ecotaxa(files):
            encoding, found = encoding_of(files, name)
            problems += found
            header = [column.lower() for column in header_of(files, name, delimiter="\t")]
            if IMAGE not in header and "object_id" not in header:
                continue
            tables.append((name, encoding, header))
            for _, cells in _rows(files, name, encoding, header):
                file = cells.get(IMAGE) or cells.get("object_id", "")
                if file and file not in media:
                    media[file] = _medium(file, cells, sizes.of(file, beside=name))
                labels.path(_path(cells))
    if not tables:
        raise FormatError(f"{path} holds no table of EcoTaxa: give one with {IMAGE} and object_id.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for name, encoding, header in tables:
            for line, cells in _rows(files, name, encoding, header):
                if cells.get(IMAGE) or cells.get("object_id"):
                    yield _annotation(cells)
                else:
                    note(noted, name, "was left out, it names neither a picture nor an object", "correct the row", line=line)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


def _rows(files: Files, name: str, encoding: str, header: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line, and cell by column, without the line of types."""
    for line, row in rows(files, name, encoding, delimiter="\t"):
        if line > 1 and not set(row) <= {"[t]", "[f]", ""}:
            yield line, {column: cell.strip() for column, cell in zip(header, row, strict=False) if column}


def _medium(file: str, cells: dict[str, str], size: tuple[int, int] | None) -> Medium:
    day, time = cells.get("object_date", ""), cells.get("object_time", "")
    return Medium(
        name=file,
        width=size[0] if size else None,
        height=size[1] if size else None,
        taken_at=_when(day, time),
        latitude=as_float(cells.get("object_lat") or None),
        longitude=as_float(cells.get("object_lon") or None),
    )


def _when(day: str, time: str) -> str:
    """20240131 and 042000, or with signs between, as ISO 8601."""
    day, time = day.replace("-", ""), time.replace(":", "")
    if len(day) != 8 or not day.isdecimal():
        return ""
    time = f"{time:0<6}"[:6] if time.isdecimal() else "000000"
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}+00:00"


def _path(cells: dict[str, str]) -> tuple[str, ...]:
    category = cells.get(CATEGORY, "")
    above = split_path(cells.get(_HIERARCHY, ""), ">")
    if not category:
        return above
    return above if above and above[-1] == category else (*above, category) if above else (category,)


def _annotation(cells: dict[str, str]) -> Annotation:
    numbers = [as_float(cells.get(column) or None) for column in _BOX]
    shape = Shape("whole")
    if None not in numbers:
        x, y, width, height = (number or 0.0 for number in numbers)
        if width >= 0 and height >= 0:
            shape = Shape("rectangle", ((x, y, x + width, y + height),))
    path = _path(cells)
    given = LabelGiven(
        path=path or ("",), annotator=cells.get(_PERSON, ""), given_at=_when(cells.get(_DAY, ""), cells.get(_TIME, ""))
    )
    return Annotation(
        medium=cells.get(IMAGE) or cells["object_id"],
        shape=shape,
        labels=(given,) if path else (),
        status=_STATUSES.get(cells.get(STATUS, "").lower(), "validated"),
        id=cells.get("object_id", ""),
        attributes={column: value_of(cell) for column, cell in cells.items() if column not in _OWN and cell},
    )


def annotations_of(sample: Sample) -> AnnotationSet:
    """The objects of a sample as annotations: each vignette a picture with a label as a whole.

    Its columns are attributes; objects without a label are without one here.
    """
    objects = sample.objects
    further = [str(column) for column in objects.columns if column not in ("object_id", "file", "label", "status")]
    labels = Labels()
    media: dict[str, Medium] = {}
    with Files(sample.source) as files:
        sizes = PictureSizes(files, None)
        for file, identifier, label in zip(objects["file"], objects["object_id"], objects["label"], strict=True):
            size = sizes.of(file) or (None, None)
            media.setdefault(file or identifier, Medium(name=file or identifier, width=size[0], height=size[1]))
            labels.path((label,) if label else ())

    def stream(_: list[Problem]) -> Iterator[Annotation]:
        for row in objects.to_dict("records"):
            values: dict[str, Any] = {name: row[name] for name in further}
            yield Annotation(
                medium=row["file"] or row["object_id"],
                shape=Shape("whole"),
                labels=(LabelGiven(path=(row["label"],)),) if row["label"] else (),
                status=row["status"] or "validated",
                id=row["object_id"],
                attributes={
                    name: value if isinstance(value, str) else float(value)
                    for name, value in values.items()
                    if value != "" and value == value  # noqa: PLR0124 - NaN is missing
                },
            )

    return AnnotationSet(
        name=sample.name,
        layout=sample.layout,
        media=tuple(media.values()),
        labels=labels.all(),
        stream=stream,
        problems=sample.problems,
    )


def write_ecotaxa_tsv(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the table; gives what it cannot hold, one entry for each kind of loss.

    The stream of the source is read twice: a table needs its columns first.
    """
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    kinds: dict[str, bool] = {}
    for _, annotation in Fitting(source, HOLDS).annotations([]):
        for name, value in annotation.attributes.items():
            kinds[name] = kinds.get(name, True) and isinstance(value, float)
    further = [name for name in kinds if _held(name)]
    with placed_text(target) as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow((*_OWN, *further))
        numeric = {*_BOX, "object_lat", "object_lon", *(name for name in further if kinds[name])}
        table.writerow("[f]" if column in numeric else "[t]" for column in (*_OWN, *further))
        for number, (place, annotation) in enumerate(fitting.annotations(problems), start=1):
            lost = [name for name in annotation.attributes if not _held(name)]
            what = "EcoTaxa has no place for values whose names do not begin with object_, sample_, acq_ or process_"
            fitting.losses.note("attributes", what, "value", n=len(lost))
            values = (text_of(annotation.attributes[name]) if name in annotation.attributes else "" for name in further)
            table.writerow((*_cells(annotation, fitting.media[place], number), *values))
    return [*problems, *fitting.finish()]


def _held(name: str) -> bool:
    return name.startswith(("object_", "sample_", "acq_", "process_")) and name not in _OWN and name == name.lower()


def _cells(annotation: Annotation, medium: Medium, number: int) -> tuple[Any, ...]:
    given = annotation.labels[0] if annotation.labels else None
    at, shot = given.given_at if given else "", medium.taken_at
    box = ("", "", "", "")
    if annotation.shape.kind == "rectangle":
        x0, y0, x1, y1 = annotation.shape.numbers
        box = (number_text(x0), number_text(y0), number_text(x1 - x0), number_text(y1 - y0))
    return (
        *(medium.name, annotation.id or f"object_{number}", given.name if given else ""),
        *(">".join(given.path) if given and len(given.path) > 1 else "", annotation.status),
        *(given.annotator if given else "", written(at, "%Y%m%d"), written(at, "%H%M%S")),
        *(written(shot, "%Y%m%d"), written(shot, "%H%M%S"), medium.latitude, medium.longitude),
        *box,
    )
