"""COCO: one JSON of images, categories and annotations with boxes, polygons, masks and keypoints.

Beside the published keys these are read and written: ``score`` (confidence), ``track_id``, ``attributes``, and ``latitude``,
``longitude`` and ``date_captured`` of images. ``supercategory`` holds what is above a label, joined by ``" > "``. Rings are written closed, as
BIIGLE wants them; several rings are parts, since COCO has no holes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats import rle
from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.holds import Holds, implied_status, note
from imagine_kernels.formats.json_stream import entries, parts
from imagine_kernels.formats.reading import (
    ARROW,
    Labels,
    as_float,
    as_size,
    numbers_of,
    only_file,
    plain,
    plain_all,
    set_of,
    split_path,
)
from imagine_kernels.formats.streams import encoding_of, placed_text
from imagine_kernels.formats.substitutes import area, joined, opened
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape
from imagine_kernels.records.shapes import Numbers, rings

LAYOUT = "COCO"
HOLDS = Holds(
    shapes=("rectangle", "polygon", "mask", "keypoints"),
    rings="parts",
    medium=frozenset({"width", "height", "taken_at", "latitude", "longitude", "attributes"}),
    parents=True,
    given=frozenset({"confidence"}),
    ids="integer",
    tracks=True,
    attributes="typed",
    source_attributes=".*",
    separator=ARROW,
)

_OF_IMAGE = frozenset({"id", "file_name", "width", "height", "date_captured", "latitude", "longitude", "attributes"})
_OF_ANNOTATION = frozenset(
    {"id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "keypoints", "num_keypoints", "score"}
    | {"track_id", "attributes"}
)
_LONG = frozenset({"images", "annotations", "categories"})
#: Annotations that are encoded together, which is faster than one by one.
_AT_ONCE = 256
_PUBLISHED = ("license", "coco_url", "flickr_url")


def find_coco(files: Files, name: str) -> bool:
    """Whether a JSON is COCO's: its images have file names."""
    for key, value in parts(files, name, encoding_of(files, name)[0], long=_LONG):
        if key in _LONG:
            return isinstance(value, dict) and ("file_name" in value or "image_id" in value or {"id", "name"} <= set(value))
    return False


def read_coco(path: Path, *, name: str | None = None) -> AnnotationSet:
    """Read a COCO file.

    Parameters
    ----------
    path : Path
        The JSON, or a folder or zip that holds it.
    name : str, optional
        The JSON inside.

    Returns
    -------
    AnnotationSet

    Raises
    ------
    FormatError
        It is no whole JSON, or has no images.
    """
    with Files(path) as files:
        name = name or only_file(files, ".json")
        encoding, problems = encoding_of(files, name)
        media: dict[str, Medium] = {}
        names: dict[Any, str] = {}
        categories: dict[Any, tuple[str, ...]] = {}
        labels, about, seen = Labels(), dict[str, str | float | bool](), set[str]()
        for key, value in parts(files, name, encoding, long=_LONG):
            seen.add(key)
            if key == "images":
                _take_image(value, media, names, name, problems)
            elif key == "categories":
                _take_category(value, categories, labels, name, problems)
            elif key == "info":
                about |= plain_all(value)
            elif key != "annotations":
                found = plain(value)
                about |= {} if found in (None, "[]") or found is None else {key: found}
        if "images" not in seen:
            raise FormatError(f"{name} has no images: give a COCO file of whole images, not of results only.")

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for at, entry in enumerate(entries(files, name, encoding, inside="annotations"), start=1):
            try:
                yield _annotation(entry, names, categories, media)
            except (DataError, TypeError, AttributeError) as error:
                why = str(error).rstrip(".") if isinstance(error, DataError) else "it is not as COCO writes it"
                note(noted, name, f"annotation {at} was left out, {why}", "correct it in the program that wrote it")

    layout = LAYOUT
    return set_of(
        path,
        layout,
        media=tuple(media.values()),
        labels=labels.all(),
        stream=stream,
        problems=tuple(problems),
        attributes=about,
    )


def _take_image(value: Any, media: dict[str, Medium], names: dict[Any, str], item: str, problems: list[Problem]) -> None:
    file = value.get("file_name") if isinstance(value, dict) else None
    identifier = value.get("id") if isinstance(value, dict) else None
    if not isinstance(file, str) or not file or not isinstance(identifier, int | str):
        note(problems, item, "an image has no file_name or id and was left out", "give it both")
        return
    if file in media:
        note(problems, item, f"the image {file!r:.60} occurs twice", "give each image a name of its own", warn=True)
    media.setdefault(
        file,
        Medium(
            name=file,
            width=as_size(value.get("width")),
            height=as_size(value.get("height")),
            taken_at=str(value.get("date_captured") or ""),
            latitude=as_float(value.get("latitude")),
            longitude=as_float(value.get("longitude")),
            attributes=plain_all(value, but=_OF_IMAGE) | plain_all(value.get("attributes")),
        ),
    )
    names[identifier] = file


def _take_category(
    value: Any, categories: dict[Any, tuple[str, ...]], labels: Labels, item: str, problems: list[Problem]
) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not isinstance(value.get("id"), int | str):
        note(problems, item, "a category has no name or id and was left out", "give it both")
        return
    above = value.get("supercategory")
    # Roboflow and others write "none", or the name itself, where there is nothing above.
    parent = split_path(above) if isinstance(above, str) and above not in ("none", value["name"]) else ()
    label = Label(name=value["name"] or "unnamed", parent=parent)
    categories[value["id"]] = label.path
    labels.add(label)


def _annotation(
    entry: dict[str, Any], names: dict[Any, str], categories: dict[Any, tuple[str, ...]], media: dict[str, Medium]
) -> Annotation:
    medium = names.get(entry.get("image_id"))
    if medium is None:
        raise DataError(f"there is no image {entry.get('image_id')!r:.40}")
    category = entry.get("category_id")
    if category is not None and category not in categories:
        raise DataError(f"there is no category {category!r:.40}")
    confidence = as_float(entry.get("score"))
    labels = () if category is None else (LabelGiven(path=categories[category], confidence=confidence),)
    shape, attributes = _shape(entry, media[medium])
    further = entry.keys() - _OF_ANNOTATION
    if further:
        attributes |= plain_all({key: entry[key] for key in further})
    if "attributes" in entry:
        attributes |= plain_all(entry["attributes"])
    if entry.get("iscrowd") == 1:
        attributes["iscrowd"] = True
    identifier, track = entry.get("id"), entry.get("track_id")
    return Annotation(
        medium=medium,
        shape=shape,
        labels=labels,
        status=implied_status(labels),
        id="" if identifier is None else str(identifier),
        track="" if track is None else str(track),
        attributes=attributes,
    )


def _shape(entry: dict[str, Any], medium: Medium) -> tuple[Shape, dict[str, str | float | bool]]:
    """The shape, and as attributes what it does not say."""
    segments, keypoints, box = entry.get("segmentation"), entry.get("keypoints"), entry.get("bbox")
    attributes: dict[str, str | float | bool] = {}
    if segments:
        if keypoints:
            attributes["keypoints"] = json.dumps(keypoints)
        if isinstance(segments, dict):
            return Shape("mask", (_mask(segments, medium),)), attributes
        return Shape("polygon", (_polygon(segments),)), attributes
    corner: Numbers = ()
    if box:
        x, y, width, height = (*numbers_of(box), 0.0, 0.0, 0.0, 0.0)[:4] if len(box) == 4 else (0.0, 0.0, -1.0, -1.0)
        if width < 0 or height < 0:
            raise DataError("its bbox is not x, y, width, height")
        corner = (x, y, x + width, y + height)
    if keypoints:
        shape = Shape("keypoints", (numbers_of(keypoints),))
        if corner and any(abs(a - b) > 1e-6 for a, b in zip(corner, shape.box or (), strict=True)):
            attributes["bbox"] = json.dumps(box)
        return shape, attributes
    if not corner:
        raise DataError("it has neither bbox nor segmentation")
    return Shape("rectangle", (corner,)), attributes


def _polygon(segments: Any) -> Numbers:
    given = [numbers_of(part) for part in (segments if isinstance(segments[0], list) else [segments])]
    if any(len(part) % 2 or len(part) < 6 for part in given):
        raise DataError("a ring of its segmentation has fewer than three points")
    if len(given) == 1:
        return opened(given[0])
    return opened(joined([list(zip(part[::2], part[1::2], strict=True)) for part in given]))


def _mask(segments: dict[str, Any], medium: Medium) -> Numbers:
    size, counts = segments.get("size"), segments.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(n, int) and 0 < n < 2**31 for n in size):
        raise DataError("its mask has no size")
    if medium.width and medium.height and (medium.width, medium.height) != (size[1], size[0]):
        raise DataError(f"its mask has {size[1]} × {size[0]} pixels, the image {medium.width} × {medium.height}")
    runs = rle.decompress(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(n, int) for n in runs):
        raise DataError("its mask has no runs")
    return rle.from_counts(runs, size[1], size[0])


def write_coco(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write a COCO file; gives what it cannot hold, one entry for each kind of loss."""
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    numbers: dict[tuple[str, ...], int] = {}
    with placed_text(target) as file:
        about = {key: _short(value) for key, value in fitting.about.items() if key != "licenses"}
        file.write('{"info":' + _json(about))
        licenses = fitting.about.get("licenses")
        file.write(',"licenses":' + (licenses if isinstance(licenses, str) and _is_json_list(licenses) else "[]"))
        file.write(',"images":[')
        for at, medium in enumerate(fitting.media):
            file.write((",\n" if at else "\n") + _json(_image(at + 1, medium)))
        file.write('],"annotations":[')
        held, separator = list[dict[str, Any]](), "\n"
        for place, annotation in fitting.annotations(problems):
            path = annotation.labels[0].path
            category = numbers.get(path) or numbers.setdefault(path, len(numbers) + 1)
            held.append(_entry(annotation, place + 1, category, fitting.media[place]))
            if len(held) == _AT_ONCE:
                file.write(separator + _json(held)[1:-1])
                held, separator = [], ",\n"
        file.write((separator + _json(held)[1:-1] if held else "") + '],"categories":[')
        separator = "\n"
        for label in fitting.written_labels:
            number = numbers.get(label.path) or numbers.setdefault(label.path, len(numbers) + 1)
            above = {"supercategory": ARROW.join(label.parent)} if label.parent else {}
            file.write(separator + _json({"id": number, "name": label.name, **above}))
            separator = ",\n"
        file.write("]}\n")
    return [*problems, *fitting.finish()]


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode
_json = _encode


def _short(value: str | float | bool) -> str | float | bool:
    """Whole numbers without a point."""
    whole = isinstance(value, float) and value == int(value) and abs(value) < 2**53
    return int(value) if whole else value


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _image(number: int, medium: Medium) -> dict[str, Any]:
    known: dict[str, Any] = {"id": number, "file_name": medium.name, "width": medium.width, "height": medium.height}
    known |= {"date_captured": medium.taken_at or None, "latitude": medium.latitude, "longitude": medium.longitude}
    flat = {key: _short(value) for key, value in medium.attributes.items() if key in _PUBLISHED}
    further = {key: _short(value) for key, value in medium.attributes.items() if key not in _PUBLISHED}
    return {key: value for key, value in (known | flat).items() if value is not None} | (
        {"attributes": further} if further else {}
    )


def _entry(annotation: Annotation, image: int, category: int, medium: Medium) -> dict[str, Any]:
    shape, numbers = annotation.shape, annotation.shape.numbers
    x0, y0, x1, y1 = shape.box or (0.0, 0.0, 0.0, 0.0)
    entry: dict[str, Any] = {
        "id": int(annotation.id),
        "image_id": image,
        "category_id": category,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
    }
    if shape.kind == "polygon":
        loops = rings(numbers)
        entry["segmentation"] = [[number for point in (*loop, loop[0]) for number in point] for loop in loops]
        entry["area"] = sum(area(loop) for loop in loops)
    elif shape.kind == "mask":
        # Where the size of the picture is not known it ends with the mask.
        width, height = medium.width or int(x1), medium.height or int(y1)
        entry["segmentation"] = {
            "size": [height, width],
            "counts": rle.compress(rle.to_counts(numbers, width, height)),
        }
        entry["area"] = sum(numbers[5::2])
    elif shape.kind == "keypoints":
        entry["keypoints"], entry["num_keypoints"] = list(numbers), sum(1 for at in numbers[2::3] if at)
    confidence = annotation.labels[0].confidence
    if confidence is not None:
        entry["score"] = confidence
    if annotation.track:
        entry["track_id"] = annotation.track
    if annotation.attributes:
        further = dict(annotation.attributes)
        if further.get("iscrowd") is True:
            entry["iscrowd"] = 1
            del further["iscrowd"]
        if further:
            entry["attributes"] = {key: _short(value) for key, value in further.items()}
    return entry
