"""Pascal VOC: one XML for each picture, with upright boxes in whole pixels.

Coordinates are taken as they stand. The challenge counted them from 1, today's programs do not, and the files do not say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, note, text_of, value_of
from imagine_kernels.formats.pictures import PICTURES, Locator
from imagine_kernels.formats.reading import Labels, as_size, numbers_of, set_of
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import placed_tree, start_of
from imagine_kernels.formats.xml_stream import elements
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Problem, Shape

LAYOUT = "Pascal VOC"
_FLAGS = ("pose", "truncated", "difficult", "occluded")
HOLDS = Holds(
    shapes=("rectangle",),
    medium=frozenset({"width", "height"}),
    attributes="cells",
    attribute_names=frozenset(_FLAGS),
    unused_labels=False,
    whole_pixels=True,
)


def find_voc(files: Files) -> list[str]:
    """The XML files of pictures inside."""
    return [name for name in files.names(".xml") if "<annotation" in start_of(files, name, 600)]


def read_voc(path: Path) -> AnnotationSet:
    """Read a folder, a zip, or one file of Pascal VOC.

    Raises
    ------
    FormatError
        No XML in it is one of Pascal VOC.
    """
    with Files(path) as files:
        wanted, problems = find_voc(files), list[Problem]()
        locator = Locator(files.names(*PICTURES))
        media: dict[str, Medium] = {}
        of_file: dict[str, str] = {}
        labels = Labels()
        for name in wanted:
            try:
                for element in elements(files, name, ("annotation",)):
                    medium = _medium(element, name, locator)
                    of_file[name] = medium.name
                    if medium.name in media:
                        note(problems, name, f"{medium.name:.80} has a file already", "remove one of the two", warn=True)
                    media.setdefault(medium.name, medium)
                    for thing in element.iterfind("object"):
                        labels.path((_text(thing, "name"),) if _text(thing, "name") else ())
            except DataError as error:
                note(problems, name, str(error).removeprefix(f"{name} ").rstrip("."), "the file was left out")
        if not of_file and problems:
            raise FormatError(f"{problems[0].item} {problems[0].what}: export it again.")
        if not of_file:
            raise FormatError(f"{path} holds no XML of Pascal VOC: give the folder of the annotations.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for name, medium in of_file.items():
            for element in elements(files, name, ("annotation",)):
                for at, thing in enumerate(element.iterfind("object"), start=1):
                    try:
                        yield _annotation(thing, medium)
                    except DataError as error:
                        note(noted, name, f"object {at} was left out, {str(error).rstrip('.')}", "correct it")

    return set_of(path, LAYOUT, media=tuple(media.values()), labels=labels.all(), stream=stream, problems=tuple(problems))


def _text(element: Any, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _medium(element: Any, name: str, locator: Locator) -> Medium:
    said = _text(element, "filename") or _text(element, "path").replace("\\", "/").rsplit("/", 1)[-1]
    if not said:
        raise FormatError(f"{name} names no picture: give it a filename.")
    found = locator.find(said, beside=name)
    return Medium(
        name=found or said,
        width=as_size(_text(element, "size/width")),
        height=as_size(_text(element, "size/height")),
    )


def _annotation(thing: Any, medium: str) -> Annotation:
    box = thing.find("bndbox")
    if box is None:
        raise DataError("it has no bndbox")
    numbers = numbers_of([_text(box, side) for side in ("xmin", "ymin", "xmax", "ymax")])
    label = _text(thing, "name")
    values = {flag: value_of(_text(thing, flag)) for flag in _FLAGS if _text(thing, flag)}
    return Annotation(
        medium=medium,
        shape=Shape("rectangle", (numbers,)),
        labels=(LabelGiven(path=(label,)),) if label else (),
        attributes=values,
    )


def write_voc(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write a folder or zip of Pascal VOC; gives what it cannot hold, one entry for each kind of loss."""
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    with Spool() as spool, placed_tree(target) as tree:
        spool.fill(fitting.annotations(problems))
        for place, held in spool.by_group(len(fitting.media)):
            medium = fitting.media[place]
            with tree.open(tree.name(f"Annotations/{medium.name}", ".xml")) as file:
                file.write(f"<annotation>\n\t<folder></folder>\n\t<filename>{escape(medium.name)}</filename>\n")
                if medium.width or medium.height:
                    sides = (("width", medium.width), ("height", medium.height))
                    file.write("\t<size>" + "".join(f"<{side}>{n}</{side}>" for side, n in sides if n))
                    file.write("<depth>3</depth></size>\n")
                file.write("\t<segmented>0</segmented>\n")
                for annotation in held:
                    file.write(_object(annotation))
                file.write("</annotation>\n")
    return [*problems, *fitting.finish()]


def _object(annotation: Annotation) -> str:
    values = annotation.attributes
    lines = [f"<name>{escape(annotation.label)}</name>"]
    lines += [f"<{flag}>{escape(text_of(values[flag]))}</{flag}>" for flag in _FLAGS if flag in values]
    corners = zip(("xmin", "ymin", "xmax", "ymax"), annotation.shape.numbers, strict=True)
    lines.append("<bndbox>" + "".join(f"<{side}>{number:.0f}</{side}>" for side, number in corners) + "</bndbox>")
    return "\t<object>\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t</object>\n"
