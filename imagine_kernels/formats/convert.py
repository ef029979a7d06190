"""From one exchange format to another, with a report of what the target cannot hold."""

from __future__ import annotations

import csv
import re
from pathlib import Path, PurePosixPath

from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.files import Files
from imagine_kernels.formats.class_folders import GENERIC, NUMBERED
from imagine_kernels.formats.ecotaxa_zip import write_zip_noting
from imagine_kernels.records import Problem, Sample
from imagine_kernels.settings import placed, writing

#: What `convert_sample` writes.
TARGETS = ("ecotaxa", "class-folders", "csv")

_FORBIDDEN = re.compile(r"[/\\\x00-\x1f]")
_SHARED = frozenset({"object_id", "file", "label", "sample_id"})


def convert_sample(sample: Sample, target: Path, *, to: str) -> list[Problem]:
    """Write a sample in another format.

    Parameters
    ----------
    sample : Sample
    target : Path
        A zip for ``ecotaxa``, a new folder for ``class-folders``, a file for ``csv``.
    to : {"ecotaxa", "class-folders", "csv"}

    Returns
    -------
    list of Problem
        What the target cannot hold.

    Raises
    ------
    UnknownName
        There is no such format.
    DataError
        The folder is not empty, or no object has a picture.
    NotEnoughSpace
        The disk is full, or the target may not be written.
    """
    if to == "ecotaxa":
        return write_zip_noting(sample, None, target)[1]
    if to == "class-folders":
        return write_class_folders(sample, target)
    if to == "csv":
        return write_csv(sample, target)
    raise UnknownName.among("format", to, TARGETS)


def write_class_folders(sample: Sample, folder: Path) -> list[Problem]:
    """Copy the pictures into one folder per class, unlabelled ones into ``unlabelled``; see `convert_sample`."""
    folder = Path(folder)
    problems: list[Problem] = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DataError(f"{folder} is not empty: give a new folder.")
        taken: set[str] = set()
        classes: dict[str, str] = {}
        renamed = 0
        with Files(sample.source) as files:
            columns = (sample.objects[column] for column in ("object_id", "file", "label"))
            for object_id, file, label in zip(*columns, strict=True):
                try:
                    data = files.read(file) if file else b""
                except DataError as error:
                    problems.append(Problem(item=file, what=f"the object {object_id} was left out, {str(error).rstrip('.')}"))
                    continue
                if not data:
                    problems.append(Problem(item=str(object_id), what="it has no picture and was left out"))
                    continue
                if label not in classes:
                    classes[label] = _class_folder(label, folder.stem, classes, problems)
                stem = _FORBIDDEN.sub("_", str(object_id)).lstrip(".") or "object"
                name, count = f"{classes[label]}/{stem}", 1
                while name.lower() in taken:
                    count += 1
                    name = f"{classes[label]}/{stem}_{count}"
                taken.add(name.lower())
                renamed += PurePosixPath(name).name != object_id
                path = folder / (name + PurePosixPath(file).suffix.lower())
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
    if renamed:
        what = f"{renamed} object ids cannot be file names and were changed"
        problems.append(Problem(item="object_id", what=what, severity="warning"))
    _note_lost_columns(sample, problems)
    return problems


def _class_folder(label: str, root: str, others: dict[str, str], problems: list[Problem]) -> str:
    if not label:
        return "unlabelled"
    name = _FORBIDDEN.sub("_", label).strip()
    name = "_" + name.lstrip(".") if name.startswith(".") else name
    if name.lower() in GENERIC | {root.lower()} or NUMBERED.fullmatch(name):
        name += "__0"  # EcoTaxa's way to number a class; it is read as the class again
    while name in others.values():
        name += "_"
    if name not in (label, f"{label}__0"):
        what = f"the class {label!r} cannot be the name of a folder and became {name!r}"
        problems.append(Problem(item=label, what=what, severity="warning"))
    return name


def _note_lost_columns(sample: Sample, problems: list[Problem]) -> None:
    lost = [column for column in sample.objects.columns if column not in _SHARED]
    if lost:
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        what = f"class folders hold no columns; {shown} are not in it"
        problems.append(Problem(item=sample.name, what=what, remedy="use ecotaxa or csv to keep them", severity="warning"))


def write_csv(sample: Sample, path: Path) -> list[Problem]:
    """Write the table of objects as CSV, without the pictures; see `convert_sample`."""
    path = Path(path)
    with placed(path) as passing:
        sample.objects.to_csv(passing, index=False, encoding="utf-8", quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    what = f"a CSV holds no pictures; the column file names them inside {sample.source}"
    return [Problem(item=sample.name, what=what, remedy="use ecotaxa or class-folders to take them along", severity="warning")]
