"""YOLO: one text for each picture, coordinates as parts of its width and height, and ``data.yaml`` with the names of the classes.

Three kinds of lines: ``class x y width height`` (detection), ``class x1 y1 x2 y2 …`` (segmentation), and ``class`` with the four corners
(oriented boxes). The size of each picture is read from the picture itself; files that are written here also say it in ``images.csv``, so that
they can be read without the pictures.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, implied_status, note
from imagine_kernels.formats.pictures import PICTURES
from imagine_kernels.formats.reading import Labels, PictureSizes, as_size, numbers_of, set_of
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import encoding_of, open_text, placed_tree, rows, start_of
from imagine_kernels.formats.substitutes import corners, from_corners, turned
from imagine_kernels.formats.yaml_text import read_yaml
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape, ShapeKind

LAYOUT = "YOLO"
_COMMON: dict[str, Any] = {"medium": frozenset({"width", "height"}), "sized": True, "inside": True}
HOLDS_DETECT = Holds(shapes=("rectangle",), **_COMMON)
HOLDS_SEGMENT = Holds(shapes=("polygon",), **_COMMON)
HOLDS_ORIENTED = Holds(shapes=("rotated_rectangle",), **_COMMON)
_TASKS: dict[str, ShapeKind] = {"detect": "rectangle", "segment": "polygon", "obb": "rotated_rectangle"}
_IMAGES = "images.csv"


def find_yolo(files: Files) -> bool:
    """Whether there is a ``data.yaml`` with names, or texts of numbers beside pictures."""
    for name in files.names("data.yaml", "data.yml", "dataset.yaml"):
        if "names" in start_of(files, name, 65536):
            return True
    return any(_is_label_text(start_of(files, name, 300)) for name in files.names(".txt")[:50] if "readme" not in name.lower())


def _is_label_text(text: str) -> bool:
    line = text.lstrip().split("\n", 1)[0].split()
    if len(line) < 5 or not line[0].isdecimal():
        return False
    try:
        return all(-0.5 <= float(number) <= 1.5 for number in line[1:])
    except ValueError:
        return False


def read_yolo(path: Path, *, pictures: Path | None = None) -> AnnotationSet:
    """Read a folder or zip of YOLO.

    Parameters
    ----------
    path : Path
    pictures : Path, optional
        Where the pictures are, if not in `path`.

    Raises
    ------
    DataNotFound
        There is no text of boxes.
    """
    with Files(path) as files:
        problems: list[Problem] = []
        names, task = _classes(files, problems)
        media, of_text = _media(files, pictures, problems)
        if not media and not names:
            raise DataNotFound.empty(path, "texts of boxes, with the pictures that they are of,")
    labels = Labels()
    for name in names.values():
        labels.add(Label(name=name))

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for text, medium in of_text.items():
            encoding, _ = encoding_of(files, text)
            with open_text(files, text, encoding) as lines:
                for at, line in enumerate(lines, start=1):
                    if not line.strip():
                        continue
                    try:
                        yield _annotation(line.split(), medium, names, task)
                    except (DataError, ValueError) as error:
                        why = str(error).rstrip(".") if isinstance(error, DataError) else "it does not begin with a class"
                        note(noted, text, f"was left out, {why}", "export it again", line=at)

    return set_of(path, LAYOUT, media=tuple(media), labels=labels.all(), stream=stream, problems=tuple(problems))


def _classes(files: Files, problems: list[Problem]) -> tuple[dict[int, str], str]:
    """The names of the classes by number, and the task where the file says one."""
    for name in files.names("data.yaml", "data.yml", "dataset.yaml"):
        try:
            said = read_yaml(files, name)
        except FormatError as error:
            problems.append(Problem(item=name, what=str(error).rstrip("."), remedy="the classes keep their numbers"))
            continue
        names = said.get("names") if isinstance(said, dict) else None
        task = str(said.get("task", "")) if isinstance(said, dict) else ""
        if isinstance(names, list):
            return {at: str(each) for at, each in enumerate(names)}, task
        if isinstance(names, dict):
            return {key: str(each) for key, each in names.items() if isinstance(key, int)}, task
    for name in files.names("classes.txt", "obj.names"):
        lines = start_of(files, name, 1024 * 1024).splitlines()
        return {at: line.strip() for at, line in enumerate(lines) if line.strip()}, ""
    what, remedy = "there is no data.yaml, so that the classes are called by their numbers", "put it beside the folders"
    problems.append(Problem(item=files.path.name, what=what, remedy=remedy, severity="warning"))
    return {}, ""


def _media(files: Files, pictures: Path | None, problems: list[Problem]) -> tuple[list[Medium], dict[str, Medium]]:
    """All pictures, and the one that each text is of."""
    texts = {_stem(name): name for name in files.names(".txt")}
    found: dict[str, tuple[str, int | None, int | None]] = {}
    sizes = PictureSizes(files, pictures)
    for name in files.names(_IMAGES):
        if PurePosixPath(name).name == _IMAGES:
            for line, row in rows(files, name, encoding_of(files, name)[0]):
                if line > 1 and len(row) >= 4:
                    found[_stem(row[1])] = (row[0], as_size(row[2]), as_size(row[3]))
    if not found:
        outside = Files(pictures).names(*PICTURES) if pictures else []
        own = [_stem(name) for name in texts]
        by_bare = {PurePosixPath(stem).name: stem for stem in own}
        for name in (*files.names(*PICTURES), *outside):
            stem = _stem(name)
            size = sizes.of(name) or (None, None)
            found.setdefault(stem if stem in texts else by_bare.get(PurePosixPath(stem).name, stem), (name, *size))
    media: list[Medium] = []
    of_text: dict[str, Medium] = {}
    taken: set[str] = set()
    for stem, (name, width, height) in found.items():
        if name in taken:
            continue
        taken.add(name)
        media.append(Medium(name=name, width=width, height=height))
        if stem in texts:
            of_text[texts[stem]] = media[-1]
    for text in texts.values():
        if text not in of_text and _is_label_text(start_of(files, text, 300)):
            note(problems, text, "its picture is missing, so that its size is not known", "name the folder of the pictures")
    return media, of_text


def _stem(name: str) -> str:
    """What a text and its picture have in common: the path without the suffix, and without ``images`` or ``labels``."""
    path = PurePosixPath(name.replace("\\", "/"))
    return "/".join(part for part in path.with_suffix("").parts if part not in ("images", "labels"))


def _annotation(cells: list[str], medium: Medium, names: dict[int, str], task: str) -> Annotation:
    number, values = int(cells[0]), numbers_of(cells[1:])
    if not medium.width or not medium.height:
        raise DataError(f"the size of {medium.name:.80} is not known")
    label = names.get(number, str(number))
    confidence: float | None = None
    kind = _TASKS.get(task) or ("rectangle" if len(values) in (4, 5) else "polygon")
    if len(values) == 5 or (kind == "rotated_rectangle" and len(values) == 9):
        values, confidence = values[:-1], values[-1]
    wanted = {"rectangle": 4, "rotated_rectangle": 8}.get(kind)
    if number < 0 or (len(values) != wanted if wanted else len(values) < 6 or len(values) % 2):
        raise DataError(f"it has {len(values)} numbers after the class")
    sized = [value * (medium.height if at % 2 else medium.width) for at, value in enumerate(values)]
    if kind == "rectangle":
        x, y, width, height = sized
        shape = Shape(kind, ((x - width / 2, y - height / 2, x + width / 2, y + height / 2),))
    elif kind == "rotated_rectangle":
        shape = Shape(kind, (turned(from_corners(sized)[1]),))
    else:
        shape = Shape("polygon", (tuple(sized),))
    labels = (LabelGiven(path=(label,), confidence=confidence),)
    return Annotation(medium=medium.name, shape=shape, labels=labels, status=implied_status(labels))


def write_yolo(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write detection boxes; gives what it cannot hold, one entry for each kind of loss."""
    return _write(source, target, HOLDS_DETECT, "detect", _detection)


def write_yolo_segment(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write polygons; see `write_yolo`."""
    return _write(source, target, HOLDS_SEGMENT, "segment", lambda numbers: numbers)


def write_yolo_oriented(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write oriented boxes; see `write_yolo`."""
    return _write(source, target, HOLDS_ORIENTED, "obb", corners)


def _detection(numbers: Any) -> list[float]:
    x0, y0, x1, y1 = numbers
    return [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]


def _write(source: AnnotationSet, target: Path, holds: Holds, task: str, numbers_for: Callable[[Any], Any]) -> list[Problem]:
    fitting, problems = Fitting(source, holds), list[Problem]()
    numbers: dict[tuple[str, ...], int] = {label.path: at for at, label in enumerate(fitting.written_labels)}
    with Spool() as spool, placed_tree(target) as tree:
        spool.fill(fitting.annotations(problems))
        texts: list[str] = []
        for place, held in spool.by_group(len(fitting.media)):
            medium = fitting.media[place]
            width, height = float(medium.width or 1), float(medium.height or 1)
            texts.append(tree.name(f"labels/{medium.name}", ".txt"))
            with tree.open(texts[-1]) as file:
                for annotation in held:
                    number = numbers.setdefault(annotation.labels[0].path, len(numbers))
                    values = numbers_for(annotation.shape.numbers)
                    parts = [repr(value / (height if at % 2 else width)) for at, value in enumerate(values)]
                    file.write(f"{number} {' '.join(parts)}\n")
        with tree.open("data.yaml") as file:
            file.write(f"path: .\ntrain: images\nval: images\ntask: {task}\nnc: {len(numbers)}\nnames:\n")
            for path, number in numbers.items():
                file.write(f"  {number}: {json.dumps(path[-1], ensure_ascii=False)}\n")
        with tree.open(_IMAGES) as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("file", "labels", "width", "height"))
            table.writerows(
                (medium.name, text, medium.width, medium.height) for medium, text in zip(fitting.media, texts, strict=True)
            )
    return [*problems, *fitting.finish()]
