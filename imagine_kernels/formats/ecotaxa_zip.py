"""Writes an EcoTaxa import zip: the table with its ``[t]``/``[f]`` line, and the images beside it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import shown
from imagine_kernels.records import Predictions, Problem, Sample
from imagine_kernels.settings import placed

if TYPE_CHECKING:
    import pandas as pd

#: What EcoTaxa takes as it is; other pictures are converted to PNG without loss.
ACCEPTED = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif"}
#: Prefixes of the columns that EcoTaxa has a place for.
PREFIXES = ("object_", "sample_", "acq_", "process_")
#: Texts that a spreadsheet would run as a formula; numbers and plain names that begin with a sign are none.
FORMULA = re.compile(r"[=@]|[+-].*[(|!]", re.DOTALL)
#: Texts with the apostrophe that keeps a spreadsheet from running them.
ESCAPED = re.compile(r"'+(?:[=@]|[+-].*[(|!])", re.DOTALL)

_OWN = ("object_id", "file", "label", "status")
_IDENTIFIERS = frozenset({"object_id", "sample_id", "acq_id", "process_id", "img_file_name"})
#: True of the label that was there before, and wrong of a new one.
_ABOUT_THE_LABEL = ("object_annotation_category_id", "object_annotation_hierarchy")
_ABOUT_THE_PERSON = (
    "object_annotation_person_name",
    "object_annotation_person_email",
    "object_annotation_date",
    "object_annotation_time",
)
_UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_SPECIAL = re.compile('[\t\n\r"]')
#: The same sample gives the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_zip(sample: Sample, predictions: Predictions | None, path: Path) -> Path:
    """Write an EcoTaxa import zip; see `write_zip_noting`, which also says what it could not hold."""
    return write_zip_noting(sample, predictions, path)[0]


@contextmanager
def whole_files(sample: Sample) -> Iterator[Callable[[int], bytes]]:
    """The files that the objects of a sample name, by row."""
    names = sample.objects["file"].tolist()
    with Files(sample.source) as files:
        yield lambda row: files.read(names[row])


def write_zip_noting(
    sample: Sample,
    predictions: Predictions | None,
    path: Path,
    *,
    person: str | None = None,
    pictures: Callable[[Sample], AbstractContextManager[Callable[[int], bytes]]] = whole_files,
) -> tuple[Path, list[Problem]]:
    """Write an EcoTaxa import zip, and say what it could not hold.

    The zip is written beside `path` under a passing name and then put in place, so that a file of that name is always whole.

    Parameters
    ----------
    sample : Sample
    predictions : Predictions or None
        Their labels and statuses take the place of the sample's; None writes the sample's own.
    path : Path
        The zip; the folder is made if need be.
    person : str, optional
        Who validated; goes into ``object_annotation_person_name`` of the objects whose status is ``validated``,
        ``dubious`` or ``discarded``.
    pictures : callable
        Opens the pictures of a sample: gives, in a ``with``, a function from the row of an object to a picture file as bytes, which raises
        `DataError` where it cannot be had. Without it each object has a file of its own.

    Returns
    -------
    path : Path
    problems : list of Problem
        Objects that were left out because their picture cannot be read, and columns that EcoTaxa has no place for.

    Raises
    ------
    NotEnoughSpace
        The disk is full, or `path` may not be written; nothing is left behind.
    DataNotFound
        No object of the sample has a picture.
    """
    path = Path(path)
    with (
        placed(path) as passing,
        pictures(sample) as read,
        zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        problems = _fill(archive, sample, predictions, read, person)
    return path, problems


def _fill(
    archive: zipfile.ZipFile, sample: Sample, predictions: Predictions | None, read: Callable[[int], bytes], person: str | None
) -> list[Problem]:
    objects, problems = _labelled(sample, predictions, person)
    names = _Names()
    images: list[str] = []
    kept: list[int] = []
    without = 0
    for row, (object_id, file) in enumerate(zip(objects["object_id"], objects["file"], strict=True)):
        if not file:
            without += 1
            continue
        try:
            data, suffix = _picture(read(row), file)
        except DataError as error:
            what, _, remedy = str(error).rstrip(".").partition(": ")
            problems.append(
                Problem(item=file, what=f"the object {shown(str(object_id))} was left out of the zip, {what}", remedy=remedy)
            )
            continue
        images.append(names.unique(str(object_id), suffix))
        archive.writestr(_member(images[-1]), data, zipfile.ZIP_STORED)
        kept.append(row)
    if without:
        what = f"{without} objects without a picture were left out, EcoTaxa takes none without"
        problems.append(Problem(item=sample.name, what=what, remedy="put the vignettes beside the table"))
    if not kept:
        raise DataNotFound(f"{sample.source} has no picture that EcoTaxa could take: put the vignettes beside the table.")
    objects = objects.iloc[kept].reset_index(drop=True)
    name = _UNSAFE.sub("_", sample.name).strip("._") or "sample"
    archive.writestr(_member(f"ecotaxa_{name}.tsv"), _table(objects, images, problems), zipfile.ZIP_DEFLATED)
    return problems


def _labelled(sample: Sample, predictions: Predictions | None, person: str | None) -> tuple[pd.DataFrame, list[Problem]]:
    """The objects with the labels in force; what was said of an old label is gone with it."""
    objects, problems = sample.objects.copy(), list[Problem]()
    if predictions is None:
        return objects, problems
    place = {object_id: at for at, object_id in enumerate(predictions.object_id)}
    at = np.array([place.get(object_id, -1) for object_id in objects["object_id"]], dtype=np.int64)
    known = at >= 0
    unknown = len(place) - len(set(at[known].tolist()))
    if unknown:
        what = f"{unknown} predictions are of objects that the sample does not hold"
        problems.append(Problem(item=sample.name, what=what, remedy="use the sample that was identified", severity="warning"))
    for column, values in (("label", predictions.label), ("status", predictions.status)):
        before = objects[column].to_numpy(dtype=object)
        after = before.copy()
        after[known] = values[at[known]]
        changed = after != before
        objects[column] = after
        for stale in (*_ABOUT_THE_PERSON, *(_ABOUT_THE_LABEL if column == "label" else ())):
            if stale in objects:
                objects[stale] = objects[stale].where(~changed, "")
    if person is not None:
        by_person = known & np.isin(objects["status"].to_numpy(dtype=object), ("validated", "dubious", "discarded"))
        name = "object_annotation_person_name"
        said = objects[name].to_numpy(dtype=object) if name in objects else np.full(len(objects), "", dtype=object)
        objects[name] = np.where(by_person & (said == ""), person, said)
    return objects, problems


def _picture(data: bytes, name: str) -> tuple[bytes, str]:
    """A picture as EcoTaxa takes it, and its suffix."""
    if not data:
        raise DataError(f"{name} is empty (0 bytes): copy it again.")
    for start, suffix in ACCEPTED.items():
        if data.startswith(start):
            return data, suffix
    from PIL import Image, UnidentifiedImageError

    converted = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.save(converted, "PNG")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DataError(f"{name} is not a picture that can be read: check the file.") from None
    return converted.getvalue(), ".png"


def _table(objects: pd.DataFrame, images: list[str], problems: list[Problem]) -> bytes:
    columns: dict[str, tuple[str, list[str]]] = {
        "img_file_name": ("[t]", images),
        "img_rank": ("[f]", ["0"] * len(images)),
    }
    clean = _Texts(problems)
    wanted = {"object_id": "object_id", "label": "object_annotation_category", "status": "object_annotation_status"}
    for column, name in (*wanted.items(), *((name, name) for name in objects.columns if name not in _OWN)):
        if name not in wanted.values() and not (str(name).startswith(PREFIXES) or name == "complement_info"):
            what = f"EcoTaxa has no place for the column {name}"
            problems.append(
                Problem(item=str(name), what=what, remedy="rename it object_… if it must be kept", severity="warning")
            )
            continue
        values = objects[column]
        if values.dtype.kind in "fiu":
            columns[name] = "[f]", _numbers(name, values.to_numpy(), problems)
        else:
            columns[name] = "[t]", clean.column(name, values.tolist())
    rows = [list(columns), [kind for kind, _ in columns.values()]]
    rows += [list(row) for row in zip(*(cells for _, cells in columns.values()), strict=True)]
    return "".join("\t".join(map(_quoted, row)) + "\n" for row in rows).encode("utf-8")


def _quoted(cell: str) -> str:
    # The writer of the csv module leaves a bare carriage return unquoted, which its reader then takes for the end of the row.
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell


def _numbers(name: str, values: NDArray[Any], problems: list[Problem]) -> list[str]:
    if values.dtype.kind != "f":
        return [str(value) for value in values.tolist()]
    infinite = int(np.isinf(values).sum())
    if infinite:
        what = f"{infinite} infinite values of {name} were written as missing"
        problems.append(Problem(item=name, what=what, remedy="EcoTaxa knows finite numbers only", severity="warning"))
    return [repr(value) if np.isfinite(value) else "" for value in values.tolist()]


class _Texts:
    """Cleans texts of what a table, a database or a spreadsheet could not bear."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def column(self, name: str, values: list[Any]) -> list[str]:
        """The cells of one column."""
        import pandas as pd

        cells, changed, formulas = [], 0, 0
        for value in values:
            text = value if isinstance(value, str) else "" if pd.isna(value) else str(value)
            clean = text.replace("\0", "").encode("utf-8", errors="replace").decode("utf-8")
            changed += clean != text
            if FORMULA.match(clean) or ESCAPED.match(clean):
                formulas += 1
                if name not in _IDENTIFIERS:
                    clean = "'" + clean
            cells.append(clean)
        if changed:
            what = f"{changed} texts of {name} held characters that cannot be stored and were cleaned"
            self._problems.append(Problem(item=name, what=what, severity="warning"))
        if formulas:
            done = "were left as they are" if name in _IDENTIFIERS else "begin with an apostrophe in the zip"
            what = f"{formulas} texts of {name} look like formulas of a spreadsheet and {done}"
            self._problems.append(Problem(item=name, what=what, severity="warning"))
        return cells


class _Names:
    """Names for the images that are safe on every system, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, wanted: str, suffix: str) -> str:
        stem = _UNSAFE.sub("_", PurePosixPath(wanted).name).strip("._")[:100] or "image"
        if _RESERVED.fullmatch(stem):
            stem = f"_{stem}"
        name, count = stem + suffix, 1
        while name.lower() in self._taken:
            count += 1
            name = f"{stem}_{count}{suffix}"
        self._taken.add(name.lower())
        return name


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    return info
