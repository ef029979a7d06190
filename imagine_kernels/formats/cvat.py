"""CVAT for images 1.1 and CVAT for videos 1.1: an XML of pictures with their shapes, or of one video with its tracks.

Frames of a video become seconds by its frame rate. CVAT does not write it: files that are written here say it as ``frame_rate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.cvat_shapes import SHAPES, element_text, meta_text, numbers_in, values_in
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.fitting_shapes import USUAL_RATE_HZ, rate_of
from imagine_kernels.formats.holds import Holds, note
from imagine_kernels.formats.reading import Labels, as_float, as_size, set_of
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import placed_text, placed_tree, start_of
from imagine_kernels.formats.substitutes import turned
from imagine_kernels.formats.xml_stream import elements
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape, ShapeKind
from imagine_kernels.records.shapes import Numbers

IMAGES, VIDEO = "CVAT for images 1.1", "CVAT for video 1.1"
_DRAWN: tuple[ShapeKind, ...] = (
    "point",
    "line",
    "rectangle",
    "rotated_rectangle",
    "polygon",
    "ellipse",
    "keypoints",
)
_COMMON: dict[str, Any] = {"label": frozenset({"color"}), "attributes": "text"}
HOLDS_IMAGES = Holds(shapes=(*_DRAWN, "mask", "whole"), medium=frozenset({"width", "height"}), **_COMMON)
HOLDS_VIDEO = Holds(
    media=("video",),
    shapes=_DRAWN,
    gaps=True,
    medium=frozenset({"width", "height", "frame_rate_hz"}),
    on_frames=True,
    **_COMMON,
)


def find_cvat(files: Files) -> list[str]:
    """The XML files of CVAT inside."""
    return [name for name in files.names(".xml") if "<annotations" in start_of(files, name, 600)]


def read_cvat(path: Path) -> AnnotationSet:
    """Read one XML, or a folder or zip of them.

    Raises
    ------
    FormatError
        No XML in it is CVAT's, or one is not whole.
    """
    media: dict[str, Medium] = {}
    labels, problems = Labels(), list[Problem]()
    documents: list[_Document] = []
    with Files(path) as files:
        for name in find_cvat(files):
            documents.append(_Document(name))
            documents[-1].survey(files, media, labels, problems)
    if not documents:
        raise FormatError(f"{path} holds no XML of CVAT: export it as CVAT for images 1.1 or CVAT for video 1.1.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for document in documents:
            yield from document.annotations(files, noted)

    video = all(document.video for document in documents)
    return set_of(
        path,
        VIDEO if video else IMAGES,
        media=tuple(media.values()),
        labels=labels.all(),
        stream=stream,
        problems=tuple(problems),
    )


class _Document:
    """One XML."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.video: Medium | None = None

    def survey(self, files: Files, media: dict[str, Medium], labels: Labels, problems: list[Problem]) -> None:
        """Note media and labels."""
        meta: Any = None
        tracks = False
        for element in elements(files, self.name, ("meta", "image", "track")):
            if element.tag == "meta":
                for label in element.iter("label"):
                    if (label.findtext("name") or "").strip():
                        labels.add(Label(name=str(label.findtext("name")).strip(), color=label.findtext("color") or ""))
                meta = self._medium(element)
            elif element.tag == "image":
                name = element.get("name") or ""
                if name and name not in media:
                    size = (as_size(element.get("width")), as_size(element.get("height")))
                    media[name] = Medium(name=name, width=size[0], height=size[1])
                for thing in element:
                    labels.path((thing.get("label"),) if thing.get("label") else ())
            else:
                tracks = True
                labels.path((element.get("label"),) if element.get("label") else ())
        video, known, mode = meta or (Medium(name=PurePosixPath(self.name).stem, kind="video"), False, "")
        if tracks or mode == "interpolation":
            self.video = media[video.name] = replace(video, frame_rate_hz=video.frame_rate_hz or USUAL_RATE_HZ)
            if not known:
                what = f"CVAT does not say the frames per second; {USUAL_RATE_HZ:g} were taken"
                remedy = "write <frame_rate>30</frame_rate> into <task>"
                problems.append(Problem(item=self.name, what=what, remedy=remedy, severity="warning"))

    def _medium(self, meta: Any) -> tuple[Medium, bool, str]:
        size = meta.find(".//original_size")
        rate = as_float(meta.findtext(".//frame_rate"))
        known = rate is not None and rate > 0
        name = (meta.findtext(".//source") or "").strip() or PurePosixPath(self.name).stem
        medium = Medium(
            name=name,
            kind="video",
            width=as_size(size.findtext("width")) if size is not None else None,
            height=as_size(size.findtext("height")) if size is not None else None,
            frame_rate_hz=rate if known else None,
        )
        return medium, known, (meta.findtext(".//mode") or "").strip()

    def annotations(self, files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        """Shapes and tags of pictures, tracks of the video."""
        for element in elements(files, self.name, ("image", "track")):
            things = list(element) if element.tag == "image" else [element]
            for at, thing in enumerate(things, start=1):
                try:
                    if element.tag == "track":
                        yield self._track(thing)
                    else:
                        yield _annotation(thing, element.get("name") or "")
                except DataError as error:
                    where = (
                        f"shape {at} of {element.get('name')!r:.60}" if element.tag == "image" else f"track {element.get('id')}"
                    )
                    note(noted, self.name, f"{where} was left out, {str(error).rstrip('.')}", "correct it in CVAT")

    def _track(self, element: Any) -> Annotation:
        rate = rate_of(self.video) if self.video else USUAL_RATE_HZ
        times, keyframes, kinds = list[float](), list[Numbers](), list[ShapeKind]()
        values: dict[str, str | float | bool] = {}
        for shape in element:
            if shape.tag not in SHAPES or shape.get("keyframe") == "0":
                continue
            frame = as_float(shape.get("frame"))
            if frame is None or frame < 0:
                raise DataError("a shape has no frame")
            if shape.get("outside") == "1":
                # The last frame in which it is to be seen is the one before.
                if times and keyframes[-1]:
                    before = max((frame - 1) / rate, times[-1])
                    if before > times[-1] + 0.5 / rate:
                        times.append(before)
                        keyframes.append(keyframes[-1])
                    times.append(times[-1])
                    keyframes.append(())
                continue
            kind, numbers = numbers_in(shape)
            times.append(frame / rate)
            keyframes.append(numbers)
            kinds.append(kind)
            for name, value in values_in(shape).items():
                values.setdefault(name, value)
        if keyframes and not keyframes[-1]:
            times.pop()
            keyframes.pop()
        if not kinds:
            raise DataError("it has no shape")
        kind = "rotated_rectangle" if set(kinds) == {"rectangle", "rotated_rectangle"} else kinds[0]
        if kind == "rotated_rectangle":
            keyframes = [turned(numbers) for numbers in keyframes]
        label = element.get("label")
        return Annotation(
            medium=self.video.name if self.video else "",
            shape=Shape(kind, tuple(keyframes), tuple(times)),
            labels=(LabelGiven(path=(label,)),) if label else (),
            attributes=values,
        )


def _annotation(thing: Any, medium: str) -> Annotation:
    if not medium:
        raise DataError("the image has no name")
    label = thing.get("label")
    kind, numbers = ("whole", ()) if thing.tag == "tag" else numbers_in(thing)
    return Annotation(
        medium=medium,
        shape=Shape(kind, (numbers,)),
        labels=(LabelGiven(path=(label,)),) if label else (),
        attributes=values_in(thing),
    )


def write_cvat(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the XML of pictures; gives what it cannot hold, one entry for each kind of loss."""
    fitting, problems = Fitting(source, HOLDS_IMAGES), list[Problem]()
    with Spool() as spool, placed_text(target) as file:
        spool.fill(fitting.annotations(problems))
        file.write(meta_text(fitting.written_labels, "annotation", len(fitting.media)))
        for place, held in spool.by_group(len(fitting.media)):
            medium = fitting.media[place]
            size = "".join(f' {side}="{n}"' for side, n in (("width", medium.width), ("height", medium.height)) if n is not None)
            file.write(f'<image id="{place}" name={quoteattr(medium.name)}{size}>\n')
            for annotation in held:
                label = f' label={quoteattr(annotation.label)} source="manual"'
                if annotation.shape.kind == "whole":
                    file.write(_tag(annotation, label))
                else:
                    file.write(element_text(annotation.shape.kind, annotation.shape.numbers, annotation, label) + "\n")
            file.write("</image>\n")
        file.write("</annotations>\n")
    return [*problems, *fitting.finish()]


def _tag(annotation: Annotation, label: str) -> str:
    written = element_text("point", (0.0, 0.0), annotation, label)
    inner = written[written.index(">") + 1 : written.rindex("</points>")]
    flags = "".join(
        f' {flag}="{value:.0f}"'
        for flag in ("occluded", "z_order", "group_id")
        if (value := annotation.attributes.get(flag)) is True or (isinstance(value, float) and value == int(value) and value > 0)
    )
    return f"<tag{label}{flags}>{inner}</tag>\n"


def write_cvat_video(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write the XML of a video, or a folder or zip with one for each; gives what it cannot hold.

    Raises
    ------
    DataError
        The target is an XML, and there are several videos.
    """
    fitting, problems = Fitting(source, HOLDS_VIDEO), list[Problem]()
    single = target.suffix.lower() == ".xml"
    if single and len(fitting.media) > 1:
        raise DataError(f"An XML of CVAT is of one video, not of {len(fitting.media)}: name a folder or a zip.")
    last: dict[int, float] = {}

    def noting_ends() -> Iterator[tuple[int, Annotation]]:
        for place, annotation in fitting.annotations(problems):
            last[place] = max(last.get(place, 0.0), annotation.shape.frames[-1])
            yield place, annotation

    with Spool() as spool:
        spool.fill(noting_ends())
        if single:
            with placed_text(target) as file:
                for place, medium in enumerate(fitting.media):
                    _write_video(file, medium, spool.of(place), last.get(place), fitting.written_labels)
                if not fitting.media:
                    file.write(meta_text(fitting.written_labels, "interpolation", 0) + "</annotations>\n")
        else:
            with placed_tree(target) as tree:
                for place, medium in enumerate(fitting.media):
                    with tree.open(tree.name(medium.name, ".xml")) as file:
                        _write_video(file, medium, spool.of(place), last.get(place), fitting.written_labels)
    return [*problems, *fitting.finish()]


def _write_video(file: TextIO, medium: Medium, held: Iterator[Annotation], last: float | None, labels: list[Label]) -> None:
    rate = rate_of(medium)
    sides = (("width", medium.width), ("height", medium.height))
    size = "".join(f"<{side}>{n}</{side}>" for side, n in sides if n is not None)
    about = f"<original_size>{size}</original_size><source>{escape(medium.name)}</source><frame_rate>{rate!r}</frame_rate>"
    frames = 0 if last is None else round(last * rate) + 1
    file.write(meta_text(labels, "interpolation", frames, about))
    for number, annotation in enumerate(held):
        file.write(f'<track id="{number}" label={quoteattr(annotation.label)} source="manual">\n')
        shape, shown = annotation.shape, _at(annotation)
        for at, (time, numbers) in enumerate(zip(shape.frames, shape.keyframes, strict=True)):
            frame = round(time * rate)
            if numbers:
                file.write(shown(frame, numbers, False, at == 0))
            else:
                file.write(shown(frame + 1, shape.keyframes[at - 1], True, False))
        # A track that is not closed goes on to the end of the video.
        file.write(shown(round(shape.frames[-1] * rate) + 1, shape.keyframes[-1], True, False))
        file.write("</track>\n")
    file.write("</annotations>\n")


def _at(annotation: Annotation) -> Callable[[int, Numbers, bool, bool], str]:
    def text(frame: int, numbers: Numbers, outside: bool, values: bool) -> str:
        where = f' frame="{frame}" keyframe="1" outside="{int(outside)}"'
        return element_text(annotation.shape.kind, numbers, annotation, where, values=values) + "\n"

    return text
