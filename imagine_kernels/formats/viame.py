"""VIAME CSV, as VIAME and DIVE write it: one row for each box at each time, with polygons, points, attributes and species as further cells.

Rows of pictures (the second cell is the name of a picture) are annotations of their own, and share a track by their first cell. Rows of a
video with the same first cell are keyframes of one annotation; their third cell is the number of the frame. Points beside the box are
attributes ``kp NAME``, notes the attribute ``note``. Several species are sorted by their confidence.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.fitting_shapes import USUAL_RATE_HZ, rate_of
from imagine_kernels.formats.holds import Holds, implied_status, note, number_text, text_of, value_of
from imagine_kernels.formats.pictures import PICTURES
from imagine_kernels.formats.reading import Labels, as_float, numbers_of, set_of
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import encoding_of, placed_text, placed_tree, rows, start_of
from imagine_kernels.formats.substitutes import inside, joined
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape
from imagine_kernels.records.shapes import Numbers, rings

LAYOUT = "VIAME CSV"
HOLDS = Holds(
    media=("picture", "video"),
    shapes=("rectangle", "polygon"),
    rings="holes",
    medium=frozenset({"frame_rate_hz"}),
    labels_each="several",
    by_confidence=True,
    unlabelled=True,
    given=frozenset({"confidence"}),
    confidence_needed=True,
    tracks=True,
    attributes="text",
    not_in_names=r"\s",
    unmarked_media=False,
    unused_labels=False,
    # A cell that begins with a bracket is no species, and a line break would end a comment.
    forbidden=r"[\n\t]|^\(",
    on_frames=True,
)
_HEAD = (
    "# 1: Detection or Track-id,2: Video or Image Identifier,3: Unique Frame Identifier,4-7: Img-bbox(TL_x,TL_y,BR_x,BR_y),"
    "8: Detection or Length Confidence,9: Target Length (0 or -1 if invalid),10-11+: Repeated Species,"
    "Confidence Pairs or Attributes\n"
)
_MARK = re.compile(r"\((kp|poly|hole|atr|trk-atr|note)\)\s?(.*)", re.DOTALL)
_FPS = re.compile(r"\bfps\s*[:=]\s*\"?([\d.eE+-]+)")
_VIDEO = re.compile(r"\bvideo\s*[:=]\s*(.+)")
#: Says that the second cell is the name of a picture whatever its suffix.
_PICTURES = "of: pictures"
_LARGEST = 2**31 - 1


def find_viame(files: Files) -> list[str]:
    """The CSV files of VIAME inside: nine numbers and names without a header."""
    return [name for name in files.names(".csv") if _is_viame(start_of(files, name, 8192))]


def _is_viame(text: str) -> bool:
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    if lines and lines[0].startswith("# 1: Detection or Track"):
        return True
    data = [line for line in lines if not line.startswith("#")]
    cells = next(csv.reader(data[:1]), [])
    return len(cells) >= 9 and all(as_float(cell) is not None for cell in (cells[0], *cells[2:9]))


def read_viame(path: Path) -> AnnotationSet:
    """Read one CSV, or a folder or zip of them.

    Raises
    ------
    FormatError
        No CSV in it is VIAME's.
    """
    media: dict[str, Medium] = {}
    labels, problems, tables = Labels(), list[Problem](), list[_Table]()
    with Files(path) as files:
        for name in find_viame(files):
            encoding, found = encoding_of(files, name)
            problems += found
            tables.append(_Table(name, encoding))
            tables[-1].survey(files, media, labels, problems)
    if not tables:
        raise FormatError(f"{path} holds no CSV of VIAME: give one with at least nine cells in each row.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for table in tables:
            yield from table.annotations(files, noted)

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


class _Table:
    """One CSV."""

    def __init__(self, name: str, encoding: str) -> None:
        self.name, self.encoding = name, encoding
        self.video, self.rate = "", USUAL_RATE_HZ
        self._pictures = False

    def _is_picture(self, row: list[str]) -> bool:
        return self._pictures or row[1].lower().endswith(PICTURES)

    def survey(self, files: Files, media: dict[str, Medium], labels: Labels, problems: list[Problem]) -> None:
        """Note media, labels and the rate of the frames."""
        known, kept = False, PurePosixPath(self.name).stem
        for _, row in rows(files, self.name, self.encoding):
            if row[0].startswith("#"):
                for cell in row:
                    rate, video = _FPS.search(cell), _VIDEO.search(cell)
                    if rate and (as_float(rate[1]) or 0) > 0:
                        self.rate, known = float(rate[1]), True
                    kept = video[1].strip() if video else kept
                    self._pictures = self._pictures or cell == _PICTURES
                continue
            if len(row) < 9:
                continue
            if self._is_picture(row):
                media.setdefault(row[1], Medium(name=row[1]))
            elif not self.video:
                self.video = kept
            try:
                for given in _species(row):
                    labels.path(given.path)
            except DataError:
                continue
        if self.video:
            media[self.video] = Medium(name=self.video, kind="video", frame_rate_hz=self.rate)
            if not known:
                what = f"it does not say its frames per second; {USUAL_RATE_HZ:g} were taken"
                remedy = "write a line # metadata,fps: 30 at its top"
                problems.append(Problem(item=self.name, what=what, remedy=remedy, severity="warning"))

    def annotations(self, files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        """Those of pictures row by row, then the tracks of the video."""
        numbers: dict[str, int] = {}
        with Spool() as spool:
            for line, row in rows(files, self.name, self.encoding):
                if row[0].startswith("#"):
                    continue
                try:
                    annotation = self._annotation(row)
                except DataError as error:
                    note(noted, self.name, f"was left out, {str(error).rstrip('.')}", "correct it in DIVE or VIAME", line=line)
                    continue
                if annotation.shape.frames:
                    spool.fill([(numbers.setdefault(row[0], len(numbers)), annotation)])
                else:
                    yield annotation
            for _, held in spool.groups():
                yield _track(held)

    def _annotation(self, row: list[str]) -> Annotation:
        if len(row) < 9:
            raise DataError(f"it has {len(row)} cells, not nine or more")
        x0, y0, x1, y1 = numbers_of(row[3:7])
        box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        parts: list[list[tuple[float, float]]] = []
        attributes: dict[str, str | float | bool] = {}
        for cell in row[9:]:
            found = _MARK.match(cell)
            if not found:
                continue
            mark, text = found[1], found[2]
            name, _, value = text.partition(" ")
            if mark in ("poly", "hole"):
                numbers = numbers_of(text.split())
                if len(numbers) < 6 or len(numbers) % 2:
                    raise DataError("its polygon has fewer than three points")
                parts.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
            elif mark == "kp":
                attributes[f"kp:{name}"] = value
            elif mark == "note":
                attributes["note"] = f"{attributes['note']}; {text}" if "note" in attributes else text
            else:
                attributes[name] = value_of(value)
        length = as_float(row[8])
        if length is not None and length > 0:
            attributes["length"] = length
        labels = tuple(_species(row))
        picture = self._is_picture(row)
        shape = ("polygon", joined(parts)) if parts else ("rectangle", box)
        frame = as_float(row[2])
        if not picture and (frame is None or frame < 0):
            raise DataError(f"the frame {row[2]!r:.20} is no number")
        return Annotation(
            medium=row[1] if picture else self.video,
            shape=Shape(shape[0], (shape[1],), () if picture else ((frame or 0) / self.rate,)),  # type: ignore[arg-type]
            labels=labels,
            status=implied_status(labels),
            track=row[0].strip(),
            attributes=attributes,
        )


def _species(row: list[str]) -> list[LabelGiven]:
    """The labels with their confidence, the surest first."""
    found: list[LabelGiven] = []
    for name, sure in zip(row[9::2], row[10::2], strict=False):
        if not name.strip() or name.startswith("("):
            break
        found.append(LabelGiven(path=(name.strip(),), confidence=as_float(sure)))
    return sorted(found, key=lambda given: -(given.confidence if given.confidence is not None else 1.0))


def _track(held: list[Annotation]) -> Annotation:
    """One annotation of the rows of a track; labels are those of its last row, attributes of any."""
    held = sorted(held, key=lambda row: row.shape.frames[0])
    polygons = all(row.shape.kind == "polygon" for row in held)
    kind = "polygon" if polygons else "rectangle"
    keyframes = tuple(row.shape.numbers if polygons else tuple(row.shape.box or ()) for row in held)
    attributes: dict[str, Any] = {}
    for row in held:
        for name, value in row.attributes.items():
            attributes.setdefault(name, value)
    times = tuple(row.shape.frames[0] for row in held)
    return replace(held[-1], shape=Shape(kind, keyframes, times), attributes=attributes)  # type: ignore[arg-type]


def write_viame(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write a CSV, or a folder or zip with one for the pictures and one for each video; gives what it cannot hold.

    Raises
    ------
    DataError
        The target is a CSV, and there are several videos, or pictures and videos.
    """
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    videos = [place for place, medium in enumerate(fitting.media) if medium.kind == "video"]
    pictures = len(fitting.media) > len(videos)
    several = len(videos) + pictures > 1
    if several and target.suffix.lower() == ".csv":
        raise DataError(
            f"A CSV of VIAME is of one video or of pictures, not of {len(fitting.media)} files: name a folder or a zip."
        )
    with Spool() as spool:
        of_video = {fitting.media[place].name for place in videos}

        def of_pictures() -> Iterator[Annotation]:
            # Those of the videos are set aside on the way.
            for place, annotation in fitting.annotations(problems):
                if annotation.medium in of_video:
                    spool.fill([(place, annotation)])
                else:
                    yield annotation

        if target.suffix.lower() == ".csv":
            with placed_text(target) as file:
                if not videos:
                    _document(file, None, of_pictures(), fitting)
                else:
                    _document(file, fitting.media[0], _only(of_pictures(), spool, videos[0]), fitting)
        else:
            with placed_tree(target) as tree:
                if pictures:
                    with tree.open(tree.name("pictures", ".csv")) as file:
                        _document(file, None, of_pictures(), fitting)
                else:
                    deque(of_pictures(), maxlen=0)
                for place in videos:
                    with tree.open(tree.name(fitting.media[place].name, ".csv")) as file:
                        _document(file, fitting.media[place], spool.of(place), fitting)
    return [*problems, *fitting.finish()]


def _only(pictures: Iterator[Annotation], spool: Spool, video: int) -> Iterator[Annotation]:
    deque(pictures, maxlen=0)  # there are none
    yield from spool.of(video)


def _document(file: TextIO, video: Medium | None, held: Iterator[Annotation], fitting: Fitting) -> None:
    file.write(_HEAD)
    table = csv.writer(file, lineterminator="\n")
    rate = rate_of(video) if video else USUAL_RATE_HZ
    if video:
        table.writerow(("# metadata", f"fps: {rate!r}", f"video: {video.name}"))
    else:
        table.writerow(("# metadata", _PICTURES))
    numbers = _TrackNumbers(fitting, shared=video is None)
    frames: dict[str, int] = {}
    for annotation in held:
        number = numbers.of(annotation.track)
        sure = [given.confidence or 0.0 for given in annotation.labels]
        pairs = [cell for given in annotation.labels for cell in (given.name, repr(given.confidence))]
        mark = "(trk-atr)" if video else "(atr)"
        attributes = dict(annotation.attributes)
        points = [f"(kp) {name[3:]} {attributes.pop(name)}" for name in list(attributes) if name.startswith("kp:")]
        notes = [f"(note) {attributes.pop('note')}"] if isinstance(attributes.get("note"), str) else []
        values = [f"{mark} {name} {text_of(value)}" for name, value in attributes.items()]
        times = annotation.shape.frames or (0.0,)
        for time, corner in zip(times, annotation.shape.keyframes, strict=True):
            if video:
                frame = round(time * rate)
                where = (f"{frame / rate:.6f}", frame)
            else:
                frame = frames.setdefault(annotation.medium, len(frames))
                where = (annotation.medium, frame)
            box, polygon = _cells(annotation.shape.kind, corner)
            row = (number, *where, *box, repr(sure[0]) if sure else "1.0", -1, *pairs, *points, *polygon, *values, *notes)
            table.writerow(row)


def _cells(kind: str, numbers: Numbers) -> tuple[list[str], list[str]]:
    """The cells of the box, and those of the polygon."""
    if kind == "rectangle":
        return [number_text(number) for number in numbers], []
    parts = rings(numbers)
    xs, ys = [x for part in parts for x, _ in part], [y for part in parts for _, y in part]
    cells: list[str] = []
    for part in parts:
        depth = sum(inside(*part[0], other) for other in parts if other is not part)
        text = " ".join(f"{number_text(x)} {number_text(y)}" for x, y in part)
        cells.append(f"({'hole' if depth % 2 else 'poly'}) {text}")
    return [number_text(number) for number in (min(xs), min(ys), max(xs), max(ys))], cells


class _TrackNumbers:
    """Whole numbers for tracks; in a video each annotation has one of its own."""

    def __init__(self, fitting: Fitting, *, shared: bool) -> None:
        self._fitting, self._shared = fitting, shared
        self._numbers: dict[str, int] = {}
        self._kept: bool | None = None
        self._used = 0

    def of(self, track: str) -> int:
        if track and self._shared and track in self._numbers:
            return self._numbers[track]
        whole = track.isascii() and track.isdecimal() and len(track) < 11 and str(int(track)) == track
        whole = whole and int(track) <= _LARGEST
        if self._kept is None:
            self._kept = whole
        if whole and self._kept and track not in self._numbers:
            self._numbers[track] = int(track)
            return int(track)
        if track:
            what = "its track is replaced by a number" if not whole or not self._kept else "shares its track with another one"
            self._fitting.losses.note("track", what)
        self._used += 1
        number = _LARGEST - self._used if self._kept else self._used
        if track:
            self._numbers[track] = number
        return number
