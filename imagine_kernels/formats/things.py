"""Things on pictures as annotations, and back: what joins samples whose objects have outlines to the exchange formats.

`write_coco_zip` writes one zip with the pictures and ``annotations.json`` (COCO), from which `read_coco_things` gives the same things.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.coco import find_coco, read_coco, write_coco
from imagine_kernels.formats.holds import implied_status
from imagine_kernels.records import (
    OUTLINE,
    STATUSES,
    Annotation,
    AnnotationSet,
    Label,
    LabelGiven,
    Medium,
    Predictions,
    Problem,
    Sample,
    Shape,
)
from imagine_kernels.records.outlines import outline_of, outline_text
from imagine_kernels.records.shapes import rings
from imagine_kernels.settings import placed

if TYPE_CHECKING:
    import pandas as pd

NAME = "annotations.json"
LAYOUT = "pictures with COCO annotations"
_COLUMNS = (
    "object_id",
    "file",
    "label",
    "status",
    "object_bx",
    "object_by",
    "object_width",
    "object_height",
    "object_area",
    OUTLINE,
)


def annotation_set(sample: Sample, predictions: Predictions) -> AnnotationSet:
    """The things of a sample with their labels in force, but for discarded ones; an outline with holes becomes a mask, which keeps them.

    The status of a thing is among its attributes, since formats for training know none.
    """
    media = sample.media
    assert media is not None
    found = [
        Medium(name=str(file), width=int(width), height=int(height))
        for file, width, height in zip(media["file"], media["width"], media["height"], strict=True)
    ]
    rows = zip(
        *(sample.objects[name].tolist() for name in ("object_id", "file", OUTLINE)),
        predictions.label.tolist(), predictions.status.tolist(), predictions.probability.tolist(), strict=True,
    )  # fmt: skip
    annotations = []
    for k, (object_id, file, text, label, status, p) in enumerate(rows, start=1):
        if status == "discarded":
            continue
        given = (LabelGiven(path=(str(label),), confidence=round(float(p), 6)),)
        # The status that a format without any will read from the confidence, so that nothing is said to be lost: the true one is an attribute.
        annotations.append(
            Annotation(
                medium=str(file), shape=shape_of(str(text)), labels=given, status=implied_status(given), id=str(k),
                attributes={"object_id": str(object_id), "status": str(status)},
            )
        )  # fmt: skip
    names = sorted({*predictions.label.tolist(), *predictions.classes})
    return AnnotationSet.of(
        annotations, media=found, labels=[Label(name=str(name)) for name in names], name=sample.name, layout=LAYOUT
    )


def write_coco_zip(sample: Sample, predictions: Predictions, path: Path) -> tuple[Path, list[Problem]]:
    """Write the pictures with their things; gives the path, and what COCO cannot hold."""
    n_discarded = int((predictions.status == "discarded").sum())
    with TemporaryDirectory(prefix="imagine-") as aside:
        table = Path(aside) / NAME
        lost = write_coco(annotation_set(sample, predictions), table)
        with placed(path) as passing, Files(sample.source) as files, zipfile.ZipFile(passing, "w") as packed:
            packed.write(table, NAME, compress_type=zipfile.ZIP_DEFLATED)
            assert sample.media is not None
            for file in sample.media["file"].tolist():
                for name in _parts(files, str(file)):
                    # Pictures are compressed already.
                    with files.open(name) as source, packed.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target:
                        while chunk := source.read(1024 * 1024):
                            target.write(chunk)
    if n_discarded:
        lost.append(Problem(item=path.name, what=f"{n_discarded} discarded things were left out", severity="warning"))
    return path, lost


def _parts(files: Files, name: str) -> list[str]:
    """The files of a picture: itself, or all of its folder where it is one."""
    inside = [each for each in files.names() if each.startswith(f"{name}/")]
    return inside or [name]


def find_coco_table(files: Files) -> str | None:
    """The COCO file among those of a sample; None where there is none."""
    return next((name for name in files.names(".json") if find_coco(files, name)), None)


def read_coco_things(path: Path, name: str, pictures: Sequence[str]) -> tuple[pd.DataFrame, set[str], list[Problem]]:
    """The things of a COCO file.

    Parameters
    ----------
    path : Path
        The folder or zip.
    name : str
        Of the COCO file in it.
    pictures : sequence of str
        Those that are there.

    Returns
    -------
    objects : DataFrame
        With the columns that things have.
    labelled : set of str
        The pictures that the file knows: somebody has looked at them.
    problems : list of Problem
        Annotations and pictures that could not be used.

    Raises
    ------
    FormatError
        The file is damaged.
    """
    import pandas as pd

    source = read_coco(path, name=name)
    problems = list(source.problems)
    here = {each: each for each in pictures} | {each.rsplit("/", 1)[-1]: each for each in pictures}
    folder = name.rsplit("/", 1)[0] + "/" if "/" in name else ""
    known = {
        medium.name: here.get(f"{folder}{medium.name}") or here.get(medium.name) or here.get(medium.name.rsplit("/", 1)[-1])
        for medium in source.media
    }
    problems += [
        Problem(item=medium, what=f"is in {name} but not among the pictures", remedy="it was left out", severity="warning")
        for medium, file in known.items()
        if file is None
    ]
    rows = []
    for k, annotation in enumerate(source.stream(problems), start=1):
        file = known.get(annotation.medium)
        if file is None:
            continue
        try:
            rows.append(_row(annotation, file, k))
        except DataError as error:
            problems.append(
                Problem(item=f"{name}, annotation {annotation.id or k}", what=str(error).rstrip("."), remedy="it was left out")
            )
    objects = pd.DataFrame(rows, columns=list(_COLUMNS))
    for column in ("object_id", "file", "label", "status", OUTLINE):
        objects[column] = objects[column].astype(object)
    return objects, {file for file in known.values() if file is not None}, problems


def _row(annotation: Annotation, file: str, number: int) -> dict[str, Any]:
    outline = outline_of_shape(annotation.shape)
    left, top, right, bottom = outline.bounds
    status = str(annotation.attributes.get("status", annotation.status))
    return {
        "object_id": str(annotation.attributes.get("object_id") or f"{file}_{number}"), "file": file, "label": annotation.label,
        "status": status if status in STATUSES else "validated", "object_bx": float(left), "object_by": float(top),
        "object_width": float(right - left), "object_height": float(bottom - top), "object_area": float(outline.area),
        OUTLINE: outline_text(outline),
    }  # fmt: skip


def shape_of(text: str) -> Shape:
    """The shape of an outline: a polygon, or a mask where it has holes or parts."""
    import shapely

    outline = outline_of(text)
    parts = shapely.get_parts(outline).tolist()
    if len(parts) == 1 and not parts[0].interiors:
        return Shape.of("polygon", np.asarray(parts[0].exterior.coords)[:-1].ravel())
    return _mask(outline)


def _mask(outline: Any) -> Shape:
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    left, top, right, bottom = outline.bounds
    x, y = int(np.floor(left)), int(np.floor(top))
    width, height = int(np.ceil(right)) - x, int(np.ceil(bottom)) - y
    inside = rasterize([(outline, 1)], out_shape=(height, width), transform=Affine.translation(x, y), dtype="uint8")
    along = inside.T.ravel()
    edges = np.flatnonzero(np.diff(along)) + 1
    runs = np.diff(np.concatenate([[0], edges, [along.size]]))
    # Runs begin with what is outside.
    lengths = [0, *runs.tolist()] if along[0] else runs.tolist()
    return Shape.of("mask", [x, y, width, height, *lengths])


def outline_of_shape(shape: Shape) -> Any:
    """The outline (px) of a shape that has an area.

    Raises
    ------
    FormatError
        It has none, such as a point, or crosses itself beyond repair.
    """
    import shapely

    numbers = shape.numbers
    if shape.kind == "rectangle":
        found = shapely.box(*numbers)
    elif shape.kind == "polygon":
        # By the even-odd rule: parts within parts are holes.
        found = shapely.Polygon()
        for ring in rings(numbers):
            if len(ring) >= 3:
                found = shapely.symmetric_difference(found, shapely.make_valid(shapely.Polygon(ring)))
    elif shape.kind == "mask":
        found = _of_mask(numbers)
    else:
        raise FormatError(f"A {shape.kind} has no area: mark things by polygons, masks or boxes.")
    parts = [part for part in shapely.get_parts(found).tolist() if part.geom_type == "Polygon" and part.area > 0]
    if not parts:
        raise FormatError(f"A {shape.kind} has no area: mark things by polygons, masks or boxes.")
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _of_mask(numbers: Sequence[float]) -> Any:
    import shapely
    from rasterio.features import shapes
    from rasterio.transform import Affine

    x, y, width, height = (int(number) for number in numbers[:4])
    lengths = np.asarray(numbers[4:], dtype=np.int64)
    inside = np.repeat(np.arange(len(lengths)) % 2, lengths).astype(np.uint8).reshape(width, height).T
    found = shapes(np.ascontiguousarray(inside), mask=inside > 0, transform=Affine.translation(x, y))
    return shapely.union_all([shapely.Polygon(each["coordinates"][0], each["coordinates"][1:]) for each, _ in found])
