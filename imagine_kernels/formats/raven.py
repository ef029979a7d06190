"""Raven's selection tables: tab-separated, one row for each box of time and frequency in a recording.

The label is in the first column that is called Annotation, Species, Class, Label or the like; all other columns are attributes. A selection
may be listed once for each view: the first one counts. A label with ``?`` behind it is dubious. Times are those within the file where the table
says them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note, text_of, value_of
from imagine_kernels.formats.reading import Labels, as_float, set_of
from imagine_kernels.formats.streams import encoding_of, header_of, placed_text, rows
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape

LAYOUT = "Raven selection table"
HOLDS = Holds(
    media=("sound",),
    shapes=("rectangle", "whole"),
    spans=True,
    given=frozenset({"confidence", "annotator"}),
    unlabelled=True,
    statuses=("validated", "dubious"),
    attributes="cells",
    unmarked_media=False,
    unused_labels=False,
    forbidden=r"[\t\n]|\?+$",
)
_BEGIN, _END, _LOW, _HIGH = "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"
_FILE, _PATH, _OFFSET = "Begin File", "Begin Path", "File Offset (s)"
_LABELS = ("annotation", "species", "class", "label", "tag", "code", "call type", "common name", "sound type", "type")
_OWN = (_BEGIN, _END, _LOW, _HIGH, _FILE, _OFFSET, "Annotation", "Confidence", "Annotator")
#: Columns that follow from the others.
_DERIVED = frozenset({"Selection", "Delta Time (s)", "Delta Freq (Hz)"})


def find_raven(files: Files) -> list[str]:
    """The selection tables inside."""
    return [
        name
        for name in files.names(".txt", ".tsv", ".selections")
        if {"Selection", _BEGIN, _END} <= set(header_of(files, name, delimiter="\t"))
    ]


def read_raven(path: Path) -> AnnotationSet:
    """Read one selection table, or a folder or zip of them.

    Raises
    ------
    FormatError
        No table in it is Raven's.
    """
    media: dict[str, Medium] = {}
    labels, problems, tables = Labels(), list[Problem](), list[_Table]()
    with Files(path) as files:
        for name in find_raven(files):
            encoding, found = encoding_of(files, name)
            problems += found
            tables.append(_Table(name, encoding, header_of(files, name, delimiter="\t")))
            for annotation in tables[-1].annotations(files, []):
                media.setdefault(annotation.medium, Medium(name=annotation.medium, kind="sound"))
                for given in annotation.labels:
                    labels.path(given.path)
    if not tables:
        raise FormatError(f"{path} holds no selection table of Raven: export one with Selection, {_BEGIN} and {_END}.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for table in tables:
            yield from table.annotations(files, noted)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


class _Table:
    """One selection table."""

    def __init__(self, name: str, encoding: str, header: list[str]) -> None:
        self.name, self.encoding, self.header = name, encoding, header
        self._at = {column: at for at, column in reversed(list(enumerate(header)))}
        lower = {column.lower(): column for column in reversed(header)}
        self._label = next((lower[wanted] for wanted in _LABELS if wanted in lower), "")
        # Without a column for the file the table is named after it: day1.Table.1.selections.txt.
        self._stem = PurePosixPath(name).name.split(".Table.")[0].removesuffix(".txt").removesuffix(".tsv")

    def _cell(self, row: list[str], column: str) -> str:
        at = self._at.get(column)
        return row[at].strip() if at is not None and at < len(row) else ""

    def annotations(self, files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        """One for each selection."""
        last: tuple[str, str, str] | None = None
        for line, row in rows(files, self.name, self.encoding, delimiter="\t", quoted=False):
            if line == 1:
                continue
            same = (self._cell(row, "Selection"), self._cell(row, _BEGIN), self._cell(row, _END))
            if same == last and same[0]:
                continue  # the same selection in another view
            last = same
            try:
                yield self._annotation(row)
            except DataError as error:
                note(noted, self.name, f"was left out, {str(error).rstrip('.')}", "correct it in Raven", line=line)

    def _annotation(self, row: list[str]) -> Annotation:
        begin, end = as_float(self._cell(row, _BEGIN)), as_float(self._cell(row, _END))
        if begin is None or end is None or end < begin:
            raise DataError("its begin and end are no times")
        offset = as_float(self._cell(row, _OFFSET))
        if offset is not None:
            begin, end = offset, offset + (end - begin)
        low, high = as_float(self._cell(row, _LOW)), as_float(self._cell(row, _HIGH))
        shape = Shape("whole", ((), ()), (begin, end))
        if low is not None and high is not None:
            shape = Shape("rectangle", ((begin, low, end, high),))
        file = self._cell(row, _FILE) or self._cell(row, _PATH).replace("\\", "/").rsplit("/", 1)[-1] or self._stem
        label = self._cell(row, self._label) if self._label else ""
        name = label.rstrip("?").rstrip()
        given = LabelGiven(
            path=(name,),
            confidence=as_float(self._cell(row, "Confidence")),
            annotator=self._cell(row, "Annotator"),
        )
        handled = {*_OWN, *_DERIVED, self._label}
        attributes = {
            column: value_of(self._cell(row, column))
            for column in self._at
            if column and column not in handled and self._cell(row, column)
        }
        return Annotation(
            medium=file,
            shape=shape,
            labels=(given,) if name else (),
            status="dubious" if label.endswith("?") else "validated",
            attributes=attributes,
        )


def write_raven(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write one selection table; gives what it cannot hold, one entry for each kind of loss.

    The stream of the source is read twice: a table needs its columns first.
    """
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    further = _columns(source)
    with placed_text(target) as file:
        header = ("Selection", "View", "Channel", *_OWN, *(column for column in further if column not in ("View", "Channel")))
        file.write("\t".join(header) + "\n")
        for number, (_, annotation) in enumerate(fitting.annotations(problems), start=1):
            annotation = _without_own(annotation, fitting)
            cells = {"Selection": str(number), "View": "Spectrogram 1", "Channel": "1"} | _cells(annotation)
            cells |= {name: text_of(value) for name, value in annotation.attributes.items()}
            file.write("\t".join(cells.get(column, "") for column in header) + "\n")
    return [*problems, *fitting.finish()]


def _columns(source: AnnotationSet) -> list[str]:
    """The names of all further values, in the order in which they come."""
    probe, found = Fitting(source, HOLDS), dict[str, None]()
    for _, annotation in probe.annotations([]):
        found |= dict.fromkeys(annotation.attributes)
    return [name for name in found if name not in _OWN and name not in _DERIVED and name.lower() not in _LABELS]


def _without_own(annotation: Annotation, fitting: Fitting) -> Annotation:
    """Without values that have the name of a column that the table uses itself."""
    taken = [name for name in annotation.attributes if name in _OWN or name in _DERIVED or name.lower() in _LABELS]
    if not taken:
        return annotation
    fitting.losses.note("attributes", "a value has the name of a column of the table itself, and is not held", n=len(taken))
    return replace(annotation, attributes={name: v for name, v in annotation.attributes.items() if name not in taken})


def _cells(annotation: Annotation) -> dict[str, str]:
    shape = annotation.shape
    if shape.kind == "whole":
        begin, end = shape.frames if len(shape.frames) == 2 else (0.0, 0.0)
        low = high = ""
    else:
        begin, first, end, last = shape.numbers
        low, high = repr(first), repr(last)
    cells = {_BEGIN: repr(begin), _END: repr(end), _LOW: low, _HIGH: high}
    cells |= {_FILE: annotation.medium, _OFFSET: repr(begin)}
    cells["Annotation"] = "?" if annotation.status == "dubious" else ""
    if annotation.labels:
        given = annotation.labels[0]
        cells["Annotation"] = given.name + ("?" if annotation.status == "dubious" else "")
        cells["Confidence"] = "" if given.confidence is None else repr(given.confidence)
        cells["Annotator"] = given.annotator
    return cells
