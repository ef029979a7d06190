"""One folder per class, plain pictures, and a labels table beside an image folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import looks_numeric, read_numbers, sample_of
from imagine_kernels.formats.pictures import PICTURES, Locator, unique_ids
from imagine_kernels.formats.tables import Table, read_header, read_table, shown
from imagine_kernels.records import Problem, Sample

CLASS_FOLDERS, PLAIN, LABELS_CSV = "class folders", "pictures", "labels CSV"

#: Folders that are called so hold pictures, not a class.
GENERIC = frozenset(
    {"images", "image", "img", "imgs", "pictures", "pics", "photos", "vignettes", "thumbs", "data", "dataset", "train", "test"}
    | {"training", "validation", "val", "unlabelled", "unlabeled", "unsorted", "img_sample"}
)
#: EcoTaxa puts the number of a class behind its name.
NUMBERED = re.compile(r"(.+?)__(\d+)")
_LABEL_FILES = ("labels.csv", "labels.csv.gz")
_FEATURE_FILES = ("features.csv", "features.csv.gz")


def read_class_folders(files: Files, *, settings: Mapping[str, Any], name: str | None = None) -> Sample:
    """Read pictures whose folder names their class; pictures in no such folder are unlabelled.

    A folder ``Copepoda__6666`` is the class ``Copepoda``. The folder that a zip wraps around everything, and folders called
    ``images`` and the like, are no classes.

    Parameters
    ----------
    files : Files
    settings : mapping
        See `imagine_kernels.formats.vignettes.read_vignettes`.
    name : str, optional
        Name of the sample; default is the name of the folder or zip.

    Returns
    -------
    Sample

    Raises
    ------
    DataNotFound
        There is no picture.
    """
    pictures = files.names(*PICTURES)
    folders = _class_folders(pictures, files.path.stem)
    problems: list[Problem] = []
    labels: list[str] = []
    numbers: dict[str, str] = {}
    for picture in pictures:
        folder = folders[str(PurePosixPath(picture).parent)]
        match = NUMBERED.fullmatch(folder)
        label, number = (match[1], match[2]) if match else (folder, "")
        if numbers.setdefault(label, number) != number:
            what = f"the folder {folder} and another one both mean the class {label}"
            problems.append(Problem(item=folder, what=what, remedy="rename one if they differ", severity="warning"))
            numbers[label] = number
        labels.append(label.strip())
    unlabelled = labels.count("")
    if 0 < unlabelled < len(labels):
        what = f"{unlabelled} pictures lie in no class folder and have no label"
        problems.append(
            Problem(item=files.path.name, what=what, remedy="move them into the folder of their class", severity="warning")
        )
    return sample_of(
        name=name or files.path.stem,
        source=files.path,
        layout=CLASS_FOLDERS if unlabelled < len(labels) else PLAIN,
        columns={
            "object_id": np.array(unique_ids(pictures), dtype=object),
            "file": np.array(pictures, dtype=object),
            "label": np.array(labels, dtype=object),
            "status": np.array(["validated" if label else "" for label in labels], dtype=object),
        },
        problems=problems,
        settings=settings,
        remedy="put pictures there, or a folder of pictures per class",
    )


def _class_folders(pictures: list[str], root: str) -> dict[str, str]:
    """The class folder that each folder of pictures belongs to, empty for none."""
    folders = sorted({str(PurePosixPath(picture).parent) for picture in pictures})
    if len(folders) == 1:
        # A lone folder may only wrap the pictures: then it is called like its zip, or in general terms.
        parts = [part for part in PurePosixPath(folders[0]).parts if part.lower() not in GENERIC | {root.lower(), "."}]
        return {folders[0]: parts[-1] if parts else ""}
    classes: dict[str, list[str]] = {}
    for folder in folders:
        classes[folder] = [part for part in PurePosixPath(folder).parts if part != "."]
        while classes[folder] and classes[folder][-1].lower() in GENERIC:
            classes[folder].pop()
    paths = {"/".join(parts) + "/" for parts in classes.values()}
    result = {}
    for folder, parts in classes.items():
        # Pictures beside the class folders have no class: their folder holds other folders of pictures.
        own = "/".join(parts) + "/"
        wraps = not parts or any(path != own and path.startswith(own) for path in paths)
        result[folder] = "" if wraps else parts[-1]
    return result


def find_labels(files: Files) -> str | None:
    """The labels table: ``labels.csv`` or ``*_labels.csv`` with a column for the picture and one for the label."""
    for name in files.names(*_LABEL_FILES):
        header = read_header(files, name, delimiter=",")
        if "label" in header and _picture_column(header) is not None:
            return name
    return None


def _picture_column(header: list[str]) -> str | None:
    return next(
        (column for column in ("img_path", "file", "path", "image", "img_file_name", "filename") if column in header), None
    )


def read_labels_csv(files: Files, *, table: str, settings: Mapping[str, Any], name: str | None = None) -> Sample:
    """Read a table ``id,img_path,label``; the table ``*_features.csv`` of the same name gives columns ``object_…`` by id.

    Paths in the table may have a prefix that does not exist here; then the picture is found by its bare name.

    Parameters
    ----------
    files : Files
    table : str
        Path of the labels table inside.
    settings : mapping
        See `imagine_kernels.formats.vignettes.read_vignettes`.
    name : str, optional

    Returns
    -------
    Sample

    Raises
    ------
    FormatError
        A column is missing.
    DataNotFound
        No row can be used.
    """
    read = read_table(files, table, delimiter=",")
    picture_column = _picture_column(read.header)
    if picture_column is None or "label" not in read.header:
        missing = "label" if picture_column else "img_path"
        raise FormatError(f"{table} has no column {missing}: name the columns id, img_path and label.")
    at_picture, at_label = read.header.index(picture_column), read.header.index("label")
    at_id = read.header.index("id") if "id" in read.header else None
    locator, problems = Locator(files.names()), list(read.problems)
    ids: dict[str, int] = {}
    found: list[str] = []
    labels: list[str] = []
    for line, row in read.rows:
        if len(row) <= max(at_picture, at_label, at_id or 0):
            problems.append(Problem(item=table, line=line, what=f"only {len(row)} values", remedy="look for a cut-off line"))
            continue
        picture = locator.find(row[at_picture], beside=table)
        if picture is None:
            what = f"the image {shown(row[at_picture])} is missing"
            problems.append(Problem(item=table, line=line, what=what, remedy="put it beside the table"))
            continue
        object_id = (row[at_id] if at_id is not None else PurePosixPath(picture).stem).strip()
        if not object_id or object_id in ids:
            what = f"the id {shown(object_id)} occurs a second time, first in line {ids[object_id]}" if object_id else "no id"
            problems.append(Problem(item=table, line=line, what=what, remedy="give each object an id of its own"))
            continue
        ids[object_id] = line
        found.append(picture)
        labels.append(row[at_label].strip())
    columns: dict[str, Any] = {
        "object_id": np.array(list(ids), dtype=object),
        "file": np.array(found, dtype=object),
        "label": np.array(labels, dtype=object),
        "status": np.array(["validated" if label else "" for label in labels], dtype=object),
    }
    features = _features_of(files, table)
    if features is not None:
        columns.update(_read_features(features, read_table(files, features, delimiter=","), list(ids), problems))
    return sample_of(
        name=name or files.path.stem,
        source=files.path,
        layout=LABELS_CSV,
        columns=columns,
        problems=problems,
        settings=settings,
        remedy="put the images beside the table",
    )


def _features_of(files: Files, table: str) -> str | None:
    stem = re.sub(r"labels\.csv(\.gz)?$", "", table, flags=re.IGNORECASE)
    names = files.names()
    return next((stem + ending for ending in _FEATURE_FILES if stem + ending in names), None)


def _read_features(name: str, table: Table, ids: list[str], problems: list[Problem]) -> dict[str, Any]:
    if "id" not in table.header:
        what, remedy = "there is no column id, the features were left out", "name the columns id, area, mean …"
        problems.append(Problem(item=name, line=1, what=what, remedy=remedy, severity="warning"))
        return {}
    at_id = table.header.index("id")
    rows = {row[at_id].strip(): row for _, row in table.rows if len(row) == len(table.header)}
    missing = sum(object_id not in rows for object_id in ids)
    if missing:
        what = f"{missing} objects have no row of features"
        problems.append(Problem(item=name, what=what, remedy="they are measured on the pictures", severity="warning"))
    columns: dict[str, Any] = {}
    for at, column in enumerate(table.header):
        if at == at_id:
            continue
        texts = [rows[object_id][at] if object_id in rows else "" for object_id in ids]
        if looks_numeric(texts):
            columns[column if column.startswith("object_") else f"object_{column}"] = read_numbers(texts, metadata=False)[0]
    return columns
