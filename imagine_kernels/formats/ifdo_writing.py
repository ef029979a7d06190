"""Writes iFDO 2.1; see `imagine_kernels.formats.ifdo` for how it is read."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from imagine_kernels.formats.fitting import Fitting
from imagine_kernels.formats.ifdo import APHIA, HOLDS, NAMED, REQUIRED, SHAPES, UNKNOWN, VERSION
from imagine_kernels.formats.spool import Spool
from imagine_kernels.formats.streams import placed_text
from imagine_kernels.formats.substitutes import outline
from imagine_kernels.formats.times import written
from imagine_kernels.records import Annotation, AnnotationSet, Medium, Problem, ShapeKind
from imagine_kernels.records.shapes import Numbers

_NAMES: dict[ShapeKind, str] = {kind: name for name, kind in SHAPES.items()} | {"rectangle": "rectangle"}


def write_ifdo(source: AnnotationSet, target: Path) -> list[Problem]:
    """Write an iFDO, as YAML where the name ends so; gives what it cannot hold, and what it wants and the source does not say.

    The attributes of the source whose names begin with ``image-`` are its header.
    """
    fitting, problems = Fitting(source, HOLDS), list[Problem]()
    lacking: dict[str, int] = {}
    people: dict[str, str] = {}
    with Spool() as spool, placed_text(target) as file:
        spool.fill(_noting_people(fitting.annotations(problems), people, lacking))
        header, identifiers = _header(fitting, people)
        missing = [key for key in REQUIRED if key not in header]
        # JSON is YAML as well.
        file.write('{"image-set-header":' + json.dumps(header, ensure_ascii=False, indent=1) + ',\n"image-set-items":{')
        for place, held in spool.by_group(len(fitting.media)):
            medium = fitting.media[place]
            item = _item(medium, str(header.get("image-set-uuid", "")), lacking)
            if held:
                item["image-annotations"] = [_entry(annotation, identifiers, people) for annotation in held]
            entry = [item] if medium.kind == "video" else item
            file.write((",\n" if place else "\n") + json.dumps(medium.name, ensure_ascii=False) + ":")
            file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
        file.write("\n}}\n")
    found = [*problems, *fitting.finish()]
    if missing:
        what = f"iFDO wants {', '.join(missing)} in the header, which the source does not say"
        found.append(Problem(item=target.name, what=what, remedy="write them in before you publish it", severity="warning"))
    for what, n in lacking.items():
        remedy = "write it in before you publish it"
        found.append(Problem(item=target.name, what=f"{what} ({n})", remedy=remedy, severity="warning"))
    return found


def _noting_people(
    annotations: Iterable[tuple[int, Annotation]], people: dict[str, str], lacking: dict[str, int]
) -> Iterator[tuple[int, Annotation]]:
    for place, annotation in annotations:
        for given in annotation.labels:
            if given.annotator not in people:
                people[given.annotator] = str(_uuid4(given.annotator)) if given.annotator else UNKNOWN
            for what in (not given.annotator and "labels do not say who gave them", not given.given_at and "labels have no time"):
                if what:
                    lacking[what] = lacking.get(what, 0) + 1
        yield place, annotation


def _uuid4(*texts: str) -> uuid.UUID:
    """A UUID of version 4, as the format demands, that is the same for the same texts."""
    return uuid.UUID(bytes=hashlib.sha256("\0".join(texts).encode()).digest()[:16], version=4)


def _header(fitting: Fitting, people: dict[str, str]) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    header: dict[str, Any] = {"image-set-ifdo-version": VERSION}
    for key, value in fitting.about.items():
        found = _nested(value)
        if key in NAMED and isinstance(found, str):
            found = [{"name": found}] if key == "image-creators" else {"name": found}
        header[key] = found
    header.setdefault("image-set-name", fitting.source.name or "annotations")
    header.setdefault("image-set-uuid", str(_uuid4(str(header["image-set-name"]))))
    identifiers: dict[tuple[str, ...], str] = {}
    labels: list[dict[str, Any]] = []
    for label in fitting.written_labels:
        identifier = label.source_id or label.name
        while identifier in identifiers.values():
            identifier += "_"
        identifiers[label.path] = identifier
        more = {"info": f"{APHIA}{label.aphia_id}"} if label.aphia_id is not None else {}
        more |= {"color": label.color.removeprefix("#")} if label.color else {}
        labels.append({"id": identifier, "name": label.name, **more})
        if label.source_id and identifier != label.source_id:
            fitting.losses.note("source_id", "is that of another label as well, and is changed", "label")
    header["image-annotation-labels"] = labels
    header["image-annotation-creators"] = [{"id": identifier, "name": name or UNKNOWN} for name, identifier in people.items()]
    return header, identifiers


def _nested(value: Any) -> Any:
    """What a text of JSON stands for."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _item(medium: Medium, of: str, lacking: dict[str, int]) -> dict[str, Any]:
    item: dict[str, Any] = {key: _nested(value) for key, value in medium.attributes.items()}
    item.setdefault("image-uuid", str(_uuid4(of, medium.name)))
    known = {
        "image-datetime": written(medium.taken_at, "%Y-%m-%d %H:%M:%S.%f"),
        "image-latitude": medium.latitude,
        "image-longitude": medium.longitude,
        "image-altitude-meters": medium.altitude_m,
        "image-hash-sha256": medium.sha256,
    }
    item |= {key: value for key, value in known.items() if value not in (None, "")}
    for key in ("image-hash-sha256", "image-handle"):
        if key not in item:
            lacking[f"files have no {key}"] = lacking.get(f"files have no {key}", 0) + 1
    return item


def _entry(annotation: Annotation, identifiers: dict[tuple[str, ...], str], people: dict[str, str]) -> dict[str, Any]:
    shape = annotation.shape
    entry: dict[str, Any] = {
        "shape": _NAMES[shape.kind],
        "coordinates": [_coordinates(shape.kind, numbers) for numbers in shape.keyframes],
        "labels": [
            {
                "label": identifiers[given.path],
                "annotator": people[given.annotator],
                **({"created-at": written(given.given_at, "%Y-%m-%dT%H:%M:%S.%fZ")} if given.given_at else {}),
                **({"confidence": given.confidence} if given.confidence is not None else {}),
            }
            for given in annotation.labels
        ],
    }
    if shape.frames:
        entry["frames"] = list(shape.frames)
    return entry


def _coordinates(kind: ShapeKind, numbers: Numbers) -> list[float]:
    return [*numbers, *numbers[:2]] if kind == "polygon" else list(outline(kind, numbers))
