"""Darwin Core archive for OBIS: events (pictures, videos, recordings), occurrences (what was marked), and measurements of either.

What a model predicted is ``PredictedByMachine``, what a person has looked at ``ValidatedByHuman``; the basis of every record is
MachineObservation. The archive does not hold where in a picture something is.
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note
from imagine_kernels.formats.reading import Labels, as_float, set_of, split_path
from imagine_kernels.formats.streams import encoding_of, header_of, rows
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape
from imagine_kernels.settings import placed

LAYOUT = "Darwin Core archive"
_BAR = " | "
HOLDS = Holds(
    media=("picture", "video", "sound"),
    shapes=("whole",),
    whole_files=True,
    medium=frozenset({"taken_at", "latitude", "longitude", "altitude_m", "sha256"}),
    label=frozenset({"aphia_id", "rank"}),
    parents=True,
    given=frozenset({"annotator", "given_at", "confidence"}),
    statuses=("validated", "predicted", "dubious"),
    ids="text",
    unused_labels=False,
    separator="|",
)
_APHIA = "urn:lsid:marinespecies.org:taxname:"
_TERMS = "http://rs.tdwg.org/dwc/terms/"
_ROWS = {
    "event": _TERMS + "Event",
    "occurrence": _TERMS + "Occurrence",
    "extendedmeasurementorfact": "http://rs.iobis.org/obis/terms/ExtendedMeasurementOrFact",
}
_EVENT = (
    *("eventID", "eventType", "eventDate", "decimalLatitude", "decimalLongitude", "geodeticDatum"),
    *("minimumDepthInMeters", "maximumDepthInMeters", "minimumElevationInMeters", "maximumElevationInMeters"),
)
_OCCURRENCE = (
    *("eventID", "occurrenceID", "occurrenceStatus", "basisOfRecord", "scientificName", "scientificNameID", "taxonRank"),
    *("higherClassification", "identifiedBy", "dateIdentified", "identificationVerificationStatus"),
    *("identificationQualifier", "associatedMedia"),
)
_FACT = (
    *("eventID", "occurrenceID", "measurementType", "measurementTypeID", "measurementValue", "measurementValueID"),
    *("measurementUnit", "measurementUnitID"),
)
_VERIFIED = {"predicted": "PredictedByMachine", "validated": "ValidatedByHuman", "dubious": "ValidatedByHuman"}
_EVENTS = {"picture": "image", "video": "video", "sound": "sound recording"}


def find_darwin_core(files: Files) -> str | None:
    """The ``meta.xml`` inside."""
    from imagine_kernels.formats.streams import start_of

    return next(
        (
            name
            for name in files.names("meta.xml")
            if PurePosixPath(name).name == "meta.xml" and "<archive" in start_of(files, name, 2000)
        ),
        None,
    )


def read_darwin_core(path: Path) -> AnnotationSet:
    """Read an archive with an event core.

    Raises
    ------
    FormatError
        It is no archive of Darwin Core with events and occurrences.
    """
    with Files(path) as files:
        meta = find_darwin_core(files)
        tables = _tables(files, meta) if meta else {}
        if "Event" not in tables or "Occurrence" not in tables:
            raise FormatError(f"{path} is no Darwin Core archive with events and occurrences: give one with an event core.")
        media: dict[str, Medium] = {}
        labels, problems = Labels(), list(tables["Occurrence"].problems)
        for _, cells in tables["Event"].rows(files):
            if cells.get("eventID"):
                media.setdefault(cells["eventID"], _medium(cells))
        hashes = _facts(files, tables, "sha256")
        media = {name: medium if name not in hashes else _with_hash(medium, hashes[name]) for name, medium in media.items()}
        for _, cells in tables["Occurrence"].rows(files):
            name = cells.get("scientificName", "")
            aphia = cells.get("scientificNameID", "").removeprefix(_APHIA)
            if name:
                labels.add(
                    Label(
                        name=name,
                        parent=split_path(cells.get("higherClassification", ""), "|"),
                        rank=cells.get("taxonRank", ""),
                        aphia_id=int(aphia) if aphia.isdecimal() and len(aphia) < 12 else None,
                    )
                )

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        sure = _facts(files, tables, "identification confidence")
        for line, cells in tables["Occurrence"].rows(files):
            if cells.get("eventID") not in media:
                what = f"was left out, there is no event {cells.get('eventID', '')!r:.60}"
                note(noted, tables["Occurrence"].name, what, "add it to the events", line=line)
                continue
            yield _annotation(cells, sure)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


class _Table:
    """One table of an archive, as its ``meta.xml`` describes it."""

    def __init__(self, files: Files, name: str, element: Any) -> None:
        self.name = name
        self.encoding, self.problems = encoding_of(files, name)
        delimiter = str(element.get("fieldsTerminatedBy") or ",").replace("\\t", "\t")
        self._delimiter = delimiter if len(delimiter) == 1 else ","
        self._quoted = bool(element.get("fieldsEnclosedBy"))
        self._skip = 1 if element.get("ignoreHeaderLines") == "1" else 0
        self._columns: dict[str, int] = {}
        self._said: dict[str, str] = {}
        for field in element:
            tag, index = field.tag.rsplit("}", 1)[-1], str(field.get("index") or "")
            term = "eventID" if tag in ("id", "coreid") else str(field.get("term") or "").rstrip("/").rsplit("/", 1)[-1]
            if index.isdecimal():
                self._columns.setdefault(term, int(index))
            elif field.get("default"):
                self._said[term] = str(field.get("default"))
        if not self._columns:
            header = header_of(files, name, delimiter=self._delimiter)
            self._columns = {column: at for at, column in enumerate(header)}

    def rows(self, files: Files) -> Iterator[tuple[int, dict[str, str]]]:
        """Line, and cell by term."""
        for line, row in rows(files, self.name, self.encoding, delimiter=self._delimiter, quoted=self._quoted):
            if line > self._skip:
                yield line, self._said | {term: row[at].strip() for term, at in self._columns.items() if at < len(row)}


def _tables(files: Files, meta: str) -> dict[str, _Table]:
    from imagine_kernels.formats.xml_stream import elements

    found: dict[str, _Table] = {}
    folder = meta.rsplit("/", 1)[0] + "/" if "/" in meta else ""
    space = "{http://rs.tdwg.org/dwc/text/}"
    for element in elements(files, meta, (f"{space}core", f"{space}extension", "core", "extension")):
        kind = str(element.get("rowType") or "").rstrip("/").rsplit("/", 1)[-1]
        place = element.find(f"{space}files/{space}location")
        place = element.find("files/location") if place is None else place
        fields = [child for child in element if child.tag.rsplit("}", 1)[-1] in ("id", "coreid", "field")]
        name = folder + (place.text or "").strip() if place is not None else ""
        if name in files.names():
            shell = type(element)("table", dict(element.attrib))
            shell.extend(fields)
            found[kind] = _Table(files, name, shell)
    return found


def _medium(cells: dict[str, str]) -> Medium:
    kinds: dict[str, Any] = {name: kind for kind, name in _EVENTS.items()}
    depth = as_float(cells.get("minimumDepthInMeters") or None)
    height = as_float(cells.get("minimumElevationInMeters") or None)
    return Medium(
        name=cells["eventID"],
        kind=kinds.get(cells.get("eventType", ""), "picture"),
        taken_at=cells.get("eventDate", ""),
        latitude=as_float(cells.get("decimalLatitude") or None),
        longitude=as_float(cells.get("decimalLongitude") or None),
        altitude_m=height if depth is None else -depth,
    )


def _with_hash(medium: Medium, text: str) -> Medium:
    from dataclasses import replace

    return replace(medium, sha256=text)


def _facts(files: Files, tables: dict[str, _Table], kind: str) -> dict[str, str]:
    """The values of one kind of measurement, by occurrence, or by event where there is none."""
    table = tables.get("ExtendedMeasurementOrFact") or tables.get("MeasurementOrFact")
    if table is None:
        return {}
    return {
        cells.get("occurrenceID") or cells.get("eventID", ""): cells.get("measurementValue", "")
        for _, cells in table.rows(files)
        if cells.get("measurementType") == kind
    }


def _annotation(cells: dict[str, str], sure: dict[str, str]) -> Annotation:
    predicted = cells.get("identificationVerificationStatus") == "PredictedByMachine"
    name, identifier = cells.get("scientificName", ""), cells.get("occurrenceID", "")
    given = LabelGiven(
        path=(*split_path(cells.get("higherClassification", ""), "|"), name),
        annotator=cells.get("identifiedBy", ""),
        given_at=cells.get("dateIdentified", ""),
        confidence=as_float(sure.get(identifier) or None),
    )
    return Annotation(
        medium=cells["eventID"],
        shape=Shape("whole"),
        labels=(given,) if name else (),
        status="predicted" if predicted else "dubious" if cells.get("identificationQualifier") == "?" else "validated",
        id=identifier,
    )


def write_darwin_core(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the archive; gives what it cannot hold, one entry for each kind of loss.

    Raises
    ------
    DataError
        The target is no zip.
    """
    if target.suffix.lower() != ".zip":
        raise DataError(f"{target} is no zip: a Darwin Core archive is one, call it {target.stem}.zip.")
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files = {
            name: stack.enter_context((Path(folder) / f"{name}.txt").open("w", encoding="utf-8", newline="")) for name in _ROWS
        }
        tables = {
            name: csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL) for name, file in files.items()
        }
        for name, columns in zip(_ROWS, (_EVENT, _OCCURRENCE, _FACT), strict=True):
            tables[name].writerow(columns)
        facts = tables["extendedmeasurementorfact"]
        for medium in fitting.media:
            tables["event"].writerow(_event(medium))
            if medium.sha256:
                facts.writerow((medium.name, "", "sha256", "", medium.sha256, "", "", ""))
        for number, (place, annotation) in enumerate(fitting.annotations(problems), start=1):
            medium, given = fitting.media[place], annotation.labels[0]
            identifier = annotation.id or f"{medium.name}#{number}"
            label = fitting.labels_by_path[given.path]
            tables["occurrence"].writerow(_occurrence(medium, annotation, identifier, label))
            if given.confidence is not None:
                facts.writerow((medium.name, identifier, "identification confidence", "", repr(given.confidence), "", "", ""))
        for file in files.values():
            file.close()
        with placed(target) as passing, zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("meta.xml", _meta())
            for name in _ROWS:
                archive.write(Path(folder) / f"{name}.txt", f"{name}.txt")
    return [*problems, *fitting.finish()]


def _event(medium: Medium) -> tuple[Any, ...]:
    below = medium.altitude_m is not None and medium.altitude_m <= 0
    depth = -(medium.altitude_m or 0.0) if below else ""
    height = "" if below or medium.altitude_m is None else medium.altitude_m
    where = (medium.latitude, medium.longitude, "" if medium.latitude is None else "EPSG:4326")
    return (medium.name, _EVENTS[medium.kind], medium.taken_at, *where, depth, depth, height, height)


def _occurrence(medium: Medium, annotation: Annotation, identifier: str, label: Label) -> tuple[Any, ...]:
    given = annotation.labels[0]
    return (
        *(medium.name, identifier, "present", "MachineObservation", label.name),
        "" if label.aphia_id is None else f"{_APHIA}{label.aphia_id}",
        *(label.rank, _BAR.join(label.parent), given.annotator, given.given_at, _VERIFIED[annotation.status]),
        *("?" if annotation.status == "dubious" else "", medium.name),
    )


def _meta() -> str:
    def table(tag: str, name: str, columns: tuple[str, ...]) -> str:
        first = "id" if tag == "core" else "coreid"
        fields = "".join(f'<field index="{at}" term="{escape(_term(column))}"/>' for at, column in enumerate(columns))
        return (
            f'<{tag} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="&quot;" '
            f'ignoreHeaderLines="1" rowType="{_ROWS[name]}"><files><location>{name}.txt</location></files>'
            f'<{first} index="0"/>{fields}</{tag}>\n'
        )

    body = table("core", "event", _EVENT) + table("extension", "occurrence", _OCCURRENCE)
    body += table("extension", "extendedmeasurementorfact", _FACT)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<archive xmlns="http://rs.tdwg.org/dwc/text/">\n{body}</archive>\n'


def _term(column: str) -> str:
    own = column in ("measurementTypeID", "measurementValueID", "measurementUnitID")
    return ("http://rs.iobis.org/obis/terms/" if own else _TERMS) + column
