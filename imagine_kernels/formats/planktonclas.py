"""Data sets of planktonclas, the phytoplankton classifier of iMagine: an image folder and lists of ``<class>/<file>.jpg <index>``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from imagine_kernels.files import Files
from imagine_kernels.formats.columns import sample_of
from imagine_kernels.formats.pictures import Locator, unique_ids
from imagine_kernels.formats.tables import decode_text, read_bytes, shown
from imagine_kernels.records import Problem, Sample

LAYOUT = "planktonclas data set"
CLASSES = "classes.txt"
PARTS = ("train.txt", "val.txt", "test.txt")


def find_parts(files: Files) -> list[str]:
    """The lists of pictures: ``train.txt``, ``val.txt`` and ``test.txt`` beside a ``classes.txt``."""
    there = set(files.names(".txt"))
    folders = [name.rsplit("/", 1)[0] + "/" if "/" in name else "" for name in there if PurePosixPath(name).name == CLASSES]
    return [folder + part for folder in sorted(folders) for part in PARTS if folder + part in there]


def read_planktonclas(files: Files, *, settings: Mapping[str, Any], name: str | None = None) -> Sample:
    """Read the pictures that the lists name, with their labels; ``sample_part`` says which list.

    The index at the end of a line is the position of the class in ``classes.txt``; where a list has none, the folder names the class.

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
        None of the pictures is there.
    """
    locator, problems = Locator(files.names()), list[Problem]()
    found: list[tuple[str, str, str]] = []
    seen: dict[str, str] = {}
    for part in find_parts(files):
        folder = part.rsplit("/", 1)[0] + "/" if "/" in part else ""
        classes = [
            line.strip() for line in decode_text(read_bytes(files, folder + CLASSES), part)[0].splitlines() if line.strip()
        ]
        text, notes = decode_text(read_bytes(files, part), part)
        problems += notes
        for line, entry in enumerate(text.splitlines(), start=1):
            picture, _, index = entry.strip().rpartition(" ")
            if not index.isdigit():
                picture, index = entry.strip(), ""
            if not picture:
                continue
            place = locator.find(picture, beside=part)
            label = classes[int(index)] if index and int(index) < len(classes) else PurePosixPath(picture).parent.name
            what, remedy = "", "put it into the image folder"
            if place is None:
                what = f"the picture {shown(picture)} is missing"
            elif place in seen:
                what, remedy = f"the picture {shown(picture)} is named twice, first in {seen[place]}", "name it once"
            if what or place is None:
                problems.append(Problem(item=part, line=line, what=what, remedy=remedy))
                continue
            seen[place] = part
            found.append((place, label, PurePosixPath(part).stem))
    files_found = [place for place, _, _ in found]
    return sample_of(
        name=name or files.path.stem,
        source=files.path,
        layout=LAYOUT,
        columns={
            "object_id": np.array(unique_ids(files_found), dtype=object),
            "file": np.array(files_found, dtype=object),
            "label": np.array([label for _, label, _ in found], dtype=object),
            "status": np.full(len(found), "validated", dtype=object),
            "sample_part": np.array([part for _, _, part in found], dtype=object),
        },
        problems=problems,
        settings=settings,
        remedy="put the image folder beside the lists",
    )
