"""iFDO 2.1: metadata and annotations of pictures and videos, as JSON or YAML; version 1 is read as well.

Coordinates are lists of lists, one for each time of a video in seconds; rectangles have their four corners, ellipses the ends of their
axes, polygons are closed. ``info`` of a label holds its identifier in WoRMS. What the format demands and the source does not say is not made up
but reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.holds import Holds, implied_status, note
from imagine_kernels.formats.json_stream import parts
from imagine_kernels.formats.reading import Labels, as_float, numbers_of, only_file, plain_all, set_of
from imagine_kernels.formats.streams import encoding_of, start_of
from imagine_kernels.formats.substitutes import from_outline, turned
from imagine_kernels.formats.times import iso
from imagine_kernels.formats.yaml_text import read_yaml
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape, ShapeKind

LAYOUT = "iFDO"
VERSION = "v2.1.0"
HOLDS = Holds(
    media=("picture", "video"),
    shapes=("point", "line", "rectangle", "rotated_rectangle", "polygon", "circle", "ellipse", "whole"),
    spans=True,
    whole_files=True,
    medium=frozenset({"sha256", "taken_at", "latitude", "longitude", "altitude_m", "attributes"}),
    medium_attributes=r"image-(?!annotations$|datetime$|latitude$|longitude$|altitude-meters$|hash-sha256$).+",
    label=frozenset({"aphia_id", "color", "source_id"}),
    labels_each="several",
    unlabelled=True,
    given=frozenset({"annotator", "given_at", "confidence"}),
    source_attributes=r"image-(?!annotation-labels$|annotation-creators$|set-ifdo-version$).+",
    instants="microseconds",
)
#: Objects with a name, of which the name alone may be given.
NAMED = frozenset(f"image-{name}" for name in ("context", "project", "event", "platform", "sensor", "pi", "license", "creators"))
#: What the header must say.
REQUIRED = (
    *("image-set-name", "image-set-uuid", "image-set-handle", "image-datetime", "image-latitude", "image-longitude"),
    *("image-altitude-meters", "image-coordinate-reference-system", "image-coordinate-uncertainty-meters", "image-context"),
    *("image-project", "image-event", "image-platform", "image-sensor", "image-pi", "image-creators", "image-license"),
    *("image-copyright", "image-abstract"),
)
SHAPES: dict[str, ShapeKind] = {
    "single-pixel": "point",
    "polyline": "line",
    "polygon": "polygon",
    "circle": "circle",
    "rectangle": "rotated_rectangle",
    "ellipse": "ellipse",
    "whole-image": "whole",
}
_VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".mpg", ".mpeg", ".m4v", ".webm", ".mts", ".wmv")
_OWN = frozenset(
    {"image-datetime", "image-latitude", "image-longitude", "image-altitude-meters", "image-hash-sha256", "image-annotations"}
)
_KEY = re.compile(r'(^|")image-set-(header|items)"?\s*:', re.MULTILINE)
APHIA = "urn:lsid:marinespecies.org:taxname:"
UNKNOWN = "unknown"


def find_ifdo(files: Files) -> list[str]:
    """The iFDO files inside."""
    return [name for name in files.names(".json", ".yaml", ".yml") if _KEY.search(start_of(files, name, 20_000))]


def read_ifdo(path: Path, *, name: str | None = None) -> AnnotationSet:
    """Read an iFDO.

    Parameters
    ----------
    path : Path
        The JSON or YAML, or a folder or zip that holds it.
    name : str, optional
        The file inside.

    Raises
    ------
    FormatError
        It is no iFDO.
    """
    with Files(path) as files:
        found = find_ifdo(files)
        name = name or (found[0] if len(found) == 1 else only_file(files, ".json", ".yaml", ".yml"))
        problems: list[Problem] = []
        encoding = "utf-8-sig"
        if name.lower().endswith(".json"):
            encoding, problems = encoding_of(files, name)
        header: dict[str, Any] = {}
        items: list[tuple[str, list[dict[str, Any]]]] = []
        for key, value in _read(files, name, encoding):
            if key == "image-set-header" and isinstance(value, dict):
                header = value
            elif key == "image-set-items":
                if _entries(value) is None:
                    note(problems, name, "an item is no object and was left out", "correct it")
                else:
                    items.append((value[0], [_bare(entry) for entry in _entries(value) or []]))
        if not header and not items:
            raise FormatError(f"{name} has neither image-set-header nor image-set-items: give an iFDO.")
    labels, names, people = Labels(), dict[str, tuple[str, ...]](), dict[str, str]()
    for entry in _list(header.get("image-annotation-labels")):
        label = _label(entry)
        names[str(entry.get("id"))] = label.path
        labels.add(label)
    for entry in _list(header.get("image-annotation-creators")):
        people[str(entry.get("id"))] = "" if entry.get("id") == UNKNOWN else str(entry.get("name") or "")
    for _, entries in items:
        for entry in entries:
            for used in entry.pop("", ()):
                if used not in names:
                    names[used] = (used,)
                    labels.add(Label(name=used))
    media = [_medium(file, entries, header) for file, entries in items]
    kinds = {medium.name: medium.kind for medium in media}

    def stream(files: Files, noted: list[Problem]) -> Iterator[Annotation]:
        for key, value in _read(files, str(name), encoding):
            if key != "image-set-items" or _entries(value) is None:
                continue
            for entry in _entries(value) or []:
                for at, each in enumerate(_list(entry.get("image-annotations")), start=1):
                    try:
                        yield _annotation(each, value[0], kinds[value[0]], names, people)
                    except (DataError, TypeError, AttributeError) as error:
                        why = str(error).rstrip(".") if isinstance(error, DataError) else "it is not as iFDO writes it"
                        note(noted, str(name), f"annotation {at} of {value[0]!r:.60} was left out, {why}", "correct it")

    return set_of(
        path,
        LAYOUT,
        media=tuple({medium.name: medium for medium in media}.values()),
        labels=labels.all(),
        stream=stream,
        problems=tuple(problems),
        attributes=_about(header),
    )


def _read(files: Files, name: str, encoding: str) -> Iterator[tuple[str, Any]]:
    if name.lower().endswith(".json"):
        yield from parts(files, name, encoding, long=frozenset({"image-set-items"}))
        return
    whole = read_yaml(files, name)
    for key, value in whole.items() if isinstance(whole, dict) else ():
        if key == "image-set-items" and isinstance(value, dict):
            yield from (("image-set-items", item) for item in value.items())
        else:
            yield str(key), value


def _entries(value: Any) -> list[dict[str, Any]] | None:
    """What an item holds: one object, or one for each time of a video."""
    if not isinstance(value, tuple) or not isinstance(value[0], str):
        return None
    held = value[1] if isinstance(value[1], list) else [value[1]]
    return held if held and all(isinstance(entry, dict) for entry in held) else None


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry without its annotations, which may be many; under an empty key the labels that they use, and whether they move."""
    used: dict[str, None] = {}
    moving = False
    for each in _list(entry.get("image-annotations")):
        moving = moving or bool(each.get("frames"))
        for given in _list(each.get("labels")):
            used[str(given.get("label"))] = None
    kept = {key: value for key, value in entry.items() if key != "image-annotations"}
    return kept | {"": list(used)} | ({"frames": True} if moving else {})


def _list(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _label(entry: dict[str, Any]) -> Label:
    identifier, info, color = str(entry.get("id")), str(entry.get("info") or ""), str(entry.get("color") or "")
    aphia = info.removeprefix(APHIA)
    return Label(
        name=str(entry.get("name") or identifier),
        source_id=identifier,
        aphia_id=int(aphia) if info.startswith(APHIA) and aphia.isdecimal() and len(aphia) < 12 else None,
        color=color if color.startswith("#") or not color else f"#{color}",
    )


def _medium(file: str, entries: list[dict[str, Any]], header: dict[str, Any]) -> Medium:
    first = entries[0]
    said = {**{key: header.get(key) for key in _OWN}, **first}
    # Version 1 and BIIGLE say image-altitude.
    altitude = as_float(said.get("image-altitude-meters"))
    altitude = as_float(first.get("image-altitude")) if altitude is None or "image-altitude" in first else altitude
    video = header.get("image-acquisition") == "video" or len(entries) > 1 or any("frames" in entry for entry in entries)
    return Medium(
        name=file,
        kind="video" if video or file.lower().endswith(_VIDEOS) else "picture",
        sha256=str(said.get("image-hash-sha256") or ""),
        taken_at=iso(str(said.get("image-datetime") or "")),
        latitude=as_float(said.get("image-latitude")),
        longitude=as_float(said.get("image-longitude")),
        altitude_m=altitude,
        attributes=plain_all(first, but=_OWN | {"image-altitude", "frames", ""}),
    )


def _about(header: dict[str, Any]) -> dict[str, str | float | bool]:
    but = frozenset({"image-annotation-labels", "image-annotation-creators", "image-set-ifdo-version"})
    found = plain_all(header, but=but)
    for key in NAMED & set(header):
        value = header[key]
        only = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(only, dict) and set(only) == {"name"} and isinstance(only["name"], str):
            found[key] = only["name"]
    return found


def _annotation(
    entry: dict[str, Any], file: str, medium: str, names: Mapping[str, tuple[str, ...]], people: Mapping[str, str]
) -> Annotation:
    kind = SHAPES.get(str(entry.get("shape")))
    if kind is None:
        raise DataError(f"the shape {entry.get('shape')!r:.40} is unknown")
    coordinates, frames = entry.get("coordinates") or [], entry.get("frames") or []
    if coordinates and not isinstance(coordinates[0], list):
        coordinates = [coordinates]  # version 1
    times = numbers_of(frames) if medium == "video" else ()
    if kind == "whole":
        shape = Shape("whole", ((),) * max(1, len(times)), times)
    elif len(coordinates) != max(1, len(times)):
        raise DataError(f"it has {len(coordinates)} shapes for {len(times)} frames")
    else:
        found = [from_outline(kind, numbers_of(each)) for each in coordinates]
        if len({one for one, _ in found}) > 1:
            found = [("rotated_rectangle", turned(numbers)) for _, numbers in found]
        shape = Shape(found[0][0], tuple(numbers for _, numbers in found), times)
    labels = [
        LabelGiven(
            path=names.get(str(given.get("label")), (str(given.get("label")),)),
            annotator=people.get(str(given.get("annotator")), str(given.get("annotator") or "")),
            given_at=iso(str(given.get("created-at") or "")),
            confidence=as_float(given.get("confidence")),
        )
        for given in _list(entry.get("labels"))
    ]
    return Annotation(medium=file, shape=shape, labels=tuple(labels), status=implied_status(labels))
