"""Particle lists of VisualSpreadsheet, the software of the FlowCam: ``.lst`` and ``.flb``, and the tables that it exports as CSV.

Both are read into columns under the names of the list. Lengths are µm and areas µm² (``abd_area`` too: it needs no further calibration),
names that begin with ``raw_`` are px, boxes (``image_x`` …) are px of the collage, ``src_x`` and ``src_y`` px of the frame, ``cal_const``
is µm per px.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import read_numbers
from imagine_kernels.formats.tables import decode_text, read_bytes, read_table, shown
from imagine_kernels.records import Problem

LISTS = (".lst", ".flb")
#: Without these no particle can be cut out of its collage.
BOX = ("image_x", "image_y", "image_w", "image_h", "collage_file")
#: A table without them is one of particles all the same where it has their numbers and both of these sizes.
SIZES = ("abd_diameter", "esd_diameter")
#: Columns that hold texts, whatever they look like.
TEXTS = frozenset({"timestamp", "collage_file", "image_id", "date", "time", "name", "group_id", "filter_score"})

#: Column of the list for a heading of the CSV in small letters, without units and punctuation; other headings keep their words.
HEADINGS = {
    "particle id": "id", "capture id": "id",
    "image x": "image_x", "image y": "image_y", "image width": "image_w", "image height": "image_h", "image file": "collage_file",
    "capture x": "src_x", "capture y": "src_y", "source image": "src_image", "calibration image": "cal_image",
    "calibration factor": "cal_const", "particles per chain": "ppc", "original reference id": "image_id", "uuid": "image_id",
    "area abd": "abd_area", "area filled": "filled_area", "diameter abd": "abd_diameter", "diameter esd": "esd_diameter",
    "diameter fd": "fd_diameter", "feret angle max": "feret_max_angle", "feret angle min": "feret_min_angle",
    "average red": "avg_red", "average green": "avg_green", "average blue": "avg_blue",
}  # fmt: skip

_UNIT = re.compile(r"\((?:µm|um|μm|m|px|s|pixels?|microns?|sec|ml)[²³23]?\)", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_MAX_FIELDS = 1000
_FEW = 20


@dataclass(frozen=True, kw_only=True)
class ParticleList:
    """The n particles of one list.

    Attributes
    ----------
    name : str
        Path of the list inside the source.
    columns : dict of str to (n,) ndarray
        float64, or str where the column holds texts.
    n_listed : int
        Particles that the list holds, those that cannot be used among them.
    problems : list of Problem
    """

    name: str
    columns: dict[str, NDArray[Any]]
    n_listed: int
    problems: list[Problem]

    def __len__(self) -> int:
        return len(self.columns["image_x"])


def read_list(files: Files, name: str) -> ParticleList:
    """Read a ``.lst``, ``.flb`` or exported CSV.

    Rows with too few or too many values are left out and become problems. Where a table was exported without the places of the particles in
    their collages, these are NaN and the names of the collages empty.

    Raises
    ------
    FormatError
        It is no particle list, or says only in part where the particles lie in their collages.
    """
    text, problems = decode_text(read_bytes(files, name), name)
    lines = text.splitlines()
    if name.lower().endswith(LISTS):
        fields, first = _fields(lines, name)
        delimiter = "|"
    else:
        fields, first, delimiter = [column_of(heading) for heading in (lines[0] if lines else "").split(",")], 1, ","
    missing = [field for field in BOX if field not in fields]
    if missing and not _is_bare(fields):
        raise FormatError(
            f"{name} does not say where the particles lie in their collages ({', '.join(missing)} missing):"
            " give the .lst of the run, or export all columns."
        )
    if delimiter == "," and '"' in text:
        rows = read_table(files, name, delimiter=",").rows
        lines, numbers = [delimiter.join(cell.replace(",", " ") for cell in row) for _, row in rows], [line for line, _ in rows]
    else:
        numbers = [at for at in range(first, len(lines)) if lines[at].strip()]
        lines, numbers = [lines[at] for at in numbers], [at + 1 for at in numbers]
    good, kept = _whole_rows(lines, numbers, len(fields), delimiter, name, problems)
    columns = _columns(good, kept, fields, delimiter, name, problems)
    if missing:
        columns |= {field: np.full(len(good), np.nan) for field in BOX[:4]} | {BOX[4]: np.full(len(good), "", dtype=object)}
    return ParticleList(name=name, columns=columns, n_listed=len(lines), problems=problems)


def column_of(heading: str) -> str:
    """The column of the list that a heading of the CSV stands for: ``Area (ABD)`` and ``Area (ABD) (µm²)`` are ``abd_area``."""
    words = _PUNCTUATION.sub(" ", _UNIT.sub(" ", heading.strip().strip('"').lstrip("\ufeff")).lower()).strip()
    return HEADINGS.get(words, words.replace(" ", "_"))


def is_exported_list(files: Files, name: str, *, placed: bool = False) -> bool:
    """Whether a CSV is a table of particles; `placed`: with their places in the collages. Only its head is read."""
    with files.open(name) as stream:
        head = stream.read(8192)
    columns = {column_of(heading) for heading in decode_text(head, name)[0].split("\n", 1)[0].split(",")}
    return set(BOX) <= columns or (not placed and _is_bare(columns))


def _is_bare(columns: Collection[str]) -> bool:
    """Whether a table has the sizes of particles and nothing of their places."""
    return not set(BOX) & set(columns) and {"id", *SIZES} <= set(columns)


def _fields(lines: Sequence[str], name: str) -> tuple[list[str], int]:
    """The names of the fields of a list, and the position of its first particle."""
    count = re.fullmatch(r"num-fields\|(\d{1,6})\s*", lines[1]) if len(lines) > 1 else None
    if count is None or not lines[0].strip().isdigit():
        raise FormatError(f"{name} is no particle list of VisualSpreadsheet: it must begin with a version and num-fields.")
    n = int(count[1])
    declared = [line.split("|")[0].strip() for line in lines[2 : 2 + n]]
    if n > _MAX_FIELDS or len(declared) < n or not all(declared) or any(line.count("|") != 1 for line in lines[2 : 2 + n]):
        raise FormatError(f"{name} names {len(declared)} fields where it announces {n}: export the list again.")
    return declared, 2 + n


def _whole_rows(
    lines: list[str], numbers: list[int], n: int, delimiter: str, name: str, problems: list[Problem]
) -> tuple[list[str], list[int]]:
    counts = np.array([line.count(delimiter) for line in lines], dtype=np.int64)
    whole = (counts == n - 1) | ((counts == n) & np.array([line.endswith(delimiter) for line in lines], dtype=bool))
    broken = np.flatnonzero(~whole)
    for at in broken[:_FEW].tolist():
        what = f"{counts[at] + 1} values where there are {n} fields"
        problems.append(Problem(item=name, line=numbers[at], what=what, remedy="look for a cut-off line"))
    if len(broken) > _FEW:
        problems.append(Problem(item=name, what=f"{len(broken) - _FEW} more such lines", remedy="export the list again"))
    kept = np.flatnonzero(whole).tolist()
    return [lines[at][:-1] if counts[at] == n else lines[at] for at in kept], [numbers[at] for at in kept]


def _columns(
    lines: list[str], numbers: list[int], fields: list[str], delimiter: str, name: str, problems: list[Problem]
) -> dict[str, NDArray[Any]]:
    import pandas as pd

    if not lines:
        return {field: np.empty(0, dtype=object if field in TEXTS else np.float64) for field in fields}
    unique = [field if field not in fields[:at] else f"{field}\0{at}" for at, field in enumerate(fields)]
    table = pd.read_csv(
        io.StringIO("\n".join(lines)), sep=delimiter, header=None, names=unique, index_col=False, quoting=3, low_memory=False,
        dtype=dict.fromkeys(TEXTS & set(unique), str), keep_default_na=False,
        na_values={field: ["", "nan", "NaN", "-nan", "NA"] for field in unique if field not in TEXTS},
    )  # fmt: skip
    result: dict[str, NDArray[Any]] = {}
    for field in unique:
        if "\0" in field or not field:
            continue
        values = table[field]
        if field in TEXTS:
            result[field] = np.array([text.strip() for text in values.astype(str).tolist()], dtype=object)
        elif values.dtype.kind in "iufb":
            result[field] = values.to_numpy(dtype=np.float64)
        else:
            texts = [str(text).strip() for text in values.fillna("").tolist()]
            result[field], bad = read_numbers(texts, metadata=False)
            if len(bad) == sum(map(bool, texts)):
                # A column that somebody has added, in which nothing is a number.
                result[field] = np.array(texts, dtype=object)
            elif bad:
                more = f" and {len(bad) - 1} others" if len(bad) > 1 else ""
                what = f"{field} is not a number: {shown(str(values.iloc[bad[0]]))!r}{more}, taken as missing"
                remedy = "export the list again"
                problems.append(Problem(item=name, line=numbers[bad[0]], what=what, remedy=remedy, severity="warning"))
        if result[field].dtype.kind == "f":
            result[field] = np.where(np.isinf(result[field]), np.nan, result[field])
    return result
