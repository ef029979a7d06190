"""Annotations in exchange formats as layers of napari, and layers as annotations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np

from imagine_kernels.annotation import Stored
from imagine_kernels.apps.desktop.arrays import Opened, open_medium
from imagine_kernels.apps.desktop.drawing import Drawn, drawn, features_of, table_of, table_of_masks
from imagine_kernels.apps.desktop.geometry import Axes, shape_of
from imagine_kernels.apps.desktop.mosaic import LayerData, colours_of
from imagine_kernels.apps.desktop.showing import image_of, place_of, place_of_marks, placed
from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.records import STATUSES, Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape, ShapeKind
from imagine_kernels.records.shapes import Numbers

#: Masks of larger pictures are not shown, px.
_MOST_PIXELS = 100_000_000
_RATE_HZ = 25.0


def read(path: Path, *, shown: Sequence[str] = ()) -> tuple[list[LayerData], list[str]]:
    """The annotations of one medium of a file, with its picture where that lies beside the file; and what a person must know.

    Parameters
    ----------
    path : Path
    shown : sequence of str
        Names of pictures that are open already: their annotations come first, and they are not opened again.

    Raises
    ------
    DataError
        Nothing in the file can be shown.
    """
    from imagine_kernels.formats.interchange import open_annotations

    problems: list[Problem] = []
    given = open_annotations(path)
    by_medium: dict[str, list[Annotation]] = defaultdict(list)
    for i, annotation in enumerate(given.stream(problems)):
        by_medium[annotation.medium].append(annotation if annotation.id else replace(annotation, id=str(i + 1)))
    media = {medium.name: medium for medium in given.media if medium.name in by_medium}
    if not media:
        raise DataError(f"{path.name} holds no annotation that can be shown: check the file.")
    open_already = {PurePosixPath(name).name for name in shown}
    name = next((name for name in media if PurePosixPath(name).name in open_already), None)
    beside = {each: place for each in media if (place := _beside(path, each)) is not None}
    name = name or next(iter(beside), None) or next(iter(media))
    notes = [str(problem) for problem in problems[:5]]
    if len(media) > 1:
        notes.append(
            f"{path.name} holds annotations of {len(media)} media; {name} is shown. Import it into a project to see all."
        )
    layers: list[LayerData] = []
    opened = Opened(levels=[], rgb=False)
    medium = media[name]
    if name in beside and PurePosixPath(name).name not in open_already:
        try:
            opened = open_medium(beside[name], medium)
            layers.append(picture_layer(opened, name))
        except ImagineError as error:
            notes.append(str(error))
    elif medium.kind == "video":
        rate = medium.frame_rate_hz or _RATE_HZ
        opened.times = np.arange(max(1, round((medium.duration_s or 0) * rate))) / rate
    found = list(_layers(by_medium[name], medium, opened))
    if not found:
        notes.append(f"The annotations of {name} belong to all of it, and have no place in a picture.")
    return [*layers, *found], notes


def write(path: Path, layers: Iterable[LayerData], *, to: str, shown: Mapping[str, tuple[int, int]]) -> list[str]:
    """Write layers of shapes, points and labels in a format; what it cannot hold is given back.

    Parameters
    ----------
    path : Path
    layers : iterable of LayerData
    to : str
        Name of the format.
    shown : mapping of str to (int, int)
        Width and height of the pictures in the window: the first is what was annotated, where no layer says it.

    Raises
    ------
    DataError
        There is nothing to write.
    """
    from imagine_kernels.formats.interchange import write_annotations

    given = list(layers)
    medium = _medium_of(given, shown, path)
    found = [annotation for data, meta, kind in given for annotation in _annotations(data, meta, kind, medium)]
    if not found:
        raise DataError("The layers hold no shape, point or mask to write: choose others.")
    paths = dict.fromkeys(label.path for annotation in found for label in annotation.labels)
    parents = dict.fromkeys(path[:depth] for path in paths for depth in range(1, len(path) + 1))
    labels = [Label(name=each[-1], parent=each[:-1]) for each in parents]
    written = write_annotations(AnnotationSet.of(found, media=[medium], labels=labels, name=path.stem), path, to=to)
    return [str(problem) for problem in (*written.unread, *written.lost)]


def picture_layer(opened: Opened, name: str) -> LayerData:
    """A medium as a layer of that name, in px or in s and Hz."""
    data, options = image_of(opened, name, place_of(opened, None))
    # The file stays open as long as the layer is there.
    return data, {**options, "metadata": {"imagine": {"opened": opened}}}, "image"


# To layers.


def _beside(path: Path, name: str) -> Path | None:
    """The file of a medium in the folder of the annotations or below it, by the name that they say or the end of that."""
    for each in (name, PurePosixPath(name).name):
        parts = PurePosixPath(each)
        if not parts.is_absolute() and ".." not in parts.parts and (path.parent / each).is_file():
            return path.parent / each
    return None


def _layers(annotations: Sequence[Annotation], medium: Medium, opened: Opened) -> Iterator[LayerData]:
    marks = {annotation.id: Stored(annotation, 0) for annotation in annotations}
    place = placed(opened, place_of_marks(opened, place_of(opened, None)))
    colours = colours_of(sorted({features_of(each)["label"] for each in marks.values()}))
    rows = [each for stored in marks.values() for each in drawn(stored, opened)]
    metadata = {"imagine": {"medium": asdict(medium)}}
    for kind, names in (("shapes", ("shapes", "shown only")), ("points", ("points", "keypoints"))):
        chosen = [each for each in rows if each.layer in names]
        if not chosen:
            continue
        table = table_of([each.key for each in chosen], marks)
        table["kind"] = [marks[each.key[0]].annotation.shape.kind for each in chosen]
        paint = [colours[label] for label in table["label"]]
        options: dict[str, Any] = {"name": f"{medium.name} {kind}", "features": table, "metadata": metadata, **place}
        if kind == "shapes":
            options |= {"shape_type": [each.type for each in chosen], "edge_color": paint, "face_color": "transparent"}
            yield [each.data for each in chosen], {**options, "edge_width": _line(opened, chosen)}, kind
        else:
            limits = {"size": 1, "canvas_size_limits": (7, 12), "border_width": 0.0}
            yield np.concatenate([each.data for each in chosen]), {**options, "face_color": paint, **limits}, kind
    masks = {id_: stored.annotation.shape for id_, stored in marks.items() if stored.annotation.shape.kind == "mask"}
    width, height = medium.width or 0, medium.height or 0
    if masks and opened.times is None and 0 < width * height <= _MOST_PIXELS:
        from imagine_kernels.apps.desktop.masks import MaskWindow

        window, values = MaskWindow(0, 0, width, height), {id_: i + 1 for i, id_ in enumerate(masks)}
        window.draw({values[id_]: shape.numbers for id_, shape in masks.items()})
        table = table_of_masks(values, marks)
        yield window.values, {"name": f"{medium.name} masks", "features": table, "metadata": metadata, **place}, "labels"


def _line(opened: Opened, rows: Sequence[Drawn]) -> float:
    """Width of the lines, px of the picture: thin where all of it is seen."""
    longest = max(opened.width, opened.height) if opened.levels else max(float(np.ptp(each.data[:, -2:])) for each in rows) * 4
    return max(1.0, longest / 600)


# From layers.


def _medium_of(layers: Sequence[LayerData], shown: Mapping[str, tuple[int, int]], path: Path) -> Medium:
    for _, meta, _ in layers:
        held = (meta.get("metadata") or {}).get("imagine", {}).get("medium")
        if held:
            return Medium(**held)
    images = [(data, meta) for data, meta, kind in layers if kind == "image"]
    if images:
        data, meta = images[0]
        shape = (data[0] if meta.get("multiscale") else data).shape
        height, width = shape[-3:-1] if meta.get("rgb") else shape[-2:]
        return Medium(name=str(meta.get("name") or path.stem), width=int(width), height=int(height))
    for name, (width, height) in shown.items():
        return Medium(name=name, width=width, height=height)
    for data, _, kind in layers:
        if kind == "labels":
            return Medium(name=path.stem, width=int(data.shape[-1]), height=int(data.shape[-2]))
    return Medium(name=path.stem)


def _annotations(data: Any, meta: Mapping[str, Any], kind: str, medium: Medium) -> Iterator[Annotation]:
    if kind == "labels":
        yield from _of_labels(data, meta, medium)
        return
    if kind not in ("shapes", "points"):
        return
    shift = np.asarray(meta.get("translate", (0.0, 0.0)), dtype=float)[-2:] / np.asarray(meta.get("scale", (1.0, 1.0)))[-2:]
    types = [str(each) for each in meta["shape_type"]] if kind == "shapes" else ["point"] * len(data)
    if kind == "shapes" and len(types) == 1:
        types *= len(data)
    table = meta.get("features")
    rows = table.to_dict("records") if table is not None and len(table) == len(data) else [{} for _ in data]
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[f"id {row['id']}" if row.get("id") else f"row {i}"].append(i)
    rate = medium.frame_rate_hz or _RATE_HZ
    for members in groups.values():
        first = rows[members[0]]
        frames: dict[int, list[tuple[ShapeKind, Numbers]]] = defaultdict(list)
        times: dict[int, float] = {}
        for i in members:
            points = np.atleast_2d(np.asarray(data[i], dtype=float))
            keyframe = int(rows[i].get("keyframe") or 0)
            flat = points[:, -2:] + shift
            numbers = tuple(Axes().to_store(flat).ravel().tolist())
            frames[keyframe].append(
                ("point", numbers) if kind == "points" else shape_of(types[i], flat, Axes(), first.get("kind"))
            )
            times[keyframe] = float(points[0, 0]) / rate
        found = [_joined(frames[keyframe], first.get("kind")) for keyframe in sorted(frames)]
        in_time = medium.kind == "video"
        shape = Shape(
            found[0][0],
            tuple(numbers for _, numbers in (found if in_time else found[:1])),
            tuple(times[keyframe] for keyframe in sorted(frames)) if in_time else (),
        )
        yield _annotation(shape, first, str(meta.get("name") or ""), medium)


def _joined(parts: Sequence[tuple[ShapeKind, Numbers]], kind: str | None) -> tuple[ShapeKind, Numbers]:
    """Rows of the same annotation: the rings of a polygon, or keypoints."""
    if kind == "keypoints":
        return "keypoints", tuple(number for _, (x, y) in parts for number in (x, y, 2.0))
    if len(parts) == 1:
        return parts[0]
    joined: list[float] = []
    for _, numbers in parts:
        joined += ([float("nan")] * 2 if joined else []) + list(numbers)
    return "polygon", tuple(joined)


def _of_labels(data: Any, meta: Mapping[str, Any], medium: Medium) -> Iterator[Annotation]:
    from imagine_kernels.formats.substitutes import mask_numbers

    values = np.asarray(data)
    if values.ndim != 2:
        raise DataError("Masks in stacks of pictures cannot be written: choose the layer of a single picture.")
    top, left = np.round(np.asarray(meta.get("translate", (0, 0)), dtype=float) / np.asarray(meta.get("scale", (1, 1)))).astype(
        int
    )
    table = meta.get("features")
    rows = {row["index"]: row for row in table.to_dict("records")} if table is not None and "index" in table else {}
    for value in np.unique(values[values != 0]).tolist():
        numbers = mask_numbers(int(left), int(top), (values == value).T)
        if numbers is not None:
            yield _annotation(Shape.of("mask", numbers), rows.get(value, {}), str(meta.get("name") or ""), medium)


def _annotation(shape: Shape, row: Mapping[str, Any], layer: str, medium: Medium) -> Annotation:
    """Of a row of the features; without a label there, that of the layer."""
    text = row.get("label", layer)
    name = text if isinstance(text, str) else ""
    confidence = row.get("confidence")
    given = LabelGiven(
        path=tuple(name.split(" > ")),
        annotator=row["author"] if isinstance(row.get("author"), str) else "",
        confidence=float(confidence) if isinstance(confidence, float) and 0 <= confidence <= 1 else None,
    )
    status = row.get("status")
    return Annotation(
        medium=medium.name,
        shape=shape,
        labels=(given,) if name else (),
        status=cast("Any", status) if status in STATUSES else "validated",
        id=row["id"] if isinstance(row.get("id"), str) else "",
    )
