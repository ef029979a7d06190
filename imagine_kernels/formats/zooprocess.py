"""ZooProcess ``_dat1.pid`` files, with the vignettes of each object beside them or in a folder below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import MISSING, NUMERIC, looks_numeric, read_numbers, sample_of
from imagine_kernels.formats.pictures import Locator
from imagine_kernels.formats.tables import read_bytes, shown
from imagine_kernels.formats.zooprocess_places import in_degrees
from imagine_kernels.records import Problem, Sample

LAYOUT = "ZooProcess PID"

#: EcoTaxa's column for (section, key) of a pid file.
FIELDS = {
    "sample_id": ("Sample", "SampleId"),
    "sample_project": ("Sample", "Project"),
    "sample_ship": ("Sample", "Ship"),
    "sample_program": ("Sample", "Scientificprog"),
    "sample_stationid": ("Sample", "StationId"),
    "sample_net_type": ("Sample", "Nettype"),
    "sample_net_mesh": ("Sample", "Netmesh"),
    "sample_net_surf": ("Sample", "Netsurf"),
    "sample_barcode": ("Sample", "barcode"),
    "sample_comment": ("Sample", "Sample_comment"),
    "sample_tot_vol": ("Sample", "Vol"),
    "object_lat": ("Sample", "Latitude"),
    "object_lon": ("Sample", "Longitude"),
    "object_lat_end": ("Sample", "latitude_end"),
    "object_lon_end": ("Sample", "longitude_end"),
    "object_depth_min": ("Sample", "Zmin"),
    "object_depth_max": ("Sample", "Zmax"),
    "acq_fraction": ("Fraction", "FracId"),
    "acq_min_mesh": ("Fraction", "Min"),
    "acq_max_mesh": ("Fraction", "Max"),
    "acq_sub_part": ("Subsample", "SubPart"),
    "acq_sub_method": ("Subsample", "SubMethod"),
    "acq_resolution": ("Image_Process", "Resolution"),
    "process_particle_pixel_size_mm": ("Particules_Process", "PixSize"),
    "process_particle_threshold": ("Particules_Process", "Threshold"),
    "process_software": ("Particules_Process", "Version"),
}


def find_pids(files: Files) -> list[str]:
    """The pid files inside."""
    return files.names(".pid")


def read_pid(files: Files, *, settings: Mapping[str, Any], pids: Sequence[str] | None = None, name: str | None = None) -> Sample:
    """Read all pid files of a folder or zip as one sample.

    A vignette is called ``<Label>_<Item>.jpg`` (or .png) and may lie in any folder below. Objects without vignette keep an empty ``file``:
    they can be measured but not identified.

    Parameters
    ----------
    files : Files
    settings : mapping
        ``tot_vol``, ``sub_part``, ``pixel_size_mm`` and ``dpi`` fill what the files do not say.
    pids : sequence of str, optional
        The files to read; default is all that are found.
    name : str, optional
        Name of the sample; default is the name of the folder or zip.

    Returns
    -------
    Sample
        Columns ``object_<measure>`` in px, and the metadata under EcoTaxa's names; places in degrees, see
        `imagine_kernels.formats.zooprocess_places`.

    Raises
    ------
    FormatError
        No file is a pid file.
    DataNotFound
        No row can be used.
    """
    locator, problems = Locator(files.names()), list[Problem]()
    blocks: list[dict[str, list[str]]] = []
    seen: dict[str, str] = {}
    refusals: list[DataError] = []
    wanted = list(pids) if pids is not None else find_pids(files)
    for pid in wanted:
        try:
            blocks.append(_read_one(files, pid, locator, seen, problems))
        except DataError as error:
            refusals.append(error)
            what, _, remedy = str(error).rstrip(".").removeprefix(f"{pid} ").partition(": ")
            problems.append(Problem(item=pid, what=what, remedy=remedy))
    if refusals and len(refusals) == len(wanted):
        raise refusals[0]
    _place(blocks, files.path.name, problems)
    return sample_of(
        name=name or files.path.stem,
        source=files.path,
        layout=LAYOUT,
        columns=_joined(blocks),
        problems=problems,
        settings=settings,
        remedy="give a pid file with a table of objects",
    )


def _read_one(files: Files, pid: str, locator: Locator, seen: dict[str, str], problems: list[Problem]) -> dict[str, list[str]]:
    text = read_bytes(files, pid).decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].strip().upper() != "PID":
        raise FormatError(f"{pid} does not begin with the line PID: give a _dat1.pid file of ZooProcess.")
    sections, data = _sections(lines)
    if data is None or data >= len(lines) or not lines[data].startswith("!"):
        raise FormatError(f"{pid} has no table under [Data]: run the particle analysis of ZooProcess again.")
    header = lines[data].removeprefix("!").split(";")
    if "Item" not in header or "Label" not in header:
        raise FormatError(f"{pid} has no column Item or Label under [Data]: give a _dat1.pid file of ZooProcess.")
    at_item, at_label = header.index("Item"), header.index("Label")
    metadata = _metadata(sections, pid)
    columns: dict[str, list[str]] = {column: [] for column in ("object_id", "file", *metadata)}
    names = [f"object_{column.lower()}" for column in header]
    measures = [at for at, column in enumerate(header) if at not in (at_item, at_label) and column]
    repeated: list[tuple[int, str]] = []
    without = 0
    for line, row_text in enumerate(lines[data + 1 :], start=data + 2):
        if not row_text.strip():
            continue
        row = row_text.split(";")
        if len(row) != len(header):
            what = f"{len(row)} values where the header has {len(header)}"
            problems.append(Problem(item=pid, line=line, what=what, remedy="look for a cut-off line"))
            continue
        object_id = f"{row[at_label].strip()}_{row[at_item].strip()}"
        if object_id in seen:
            repeated.append((line, object_id))
            continue
        seen[object_id] = pid
        picture = next((found for ending in (".jpg", ".png") if (found := locator.find(object_id + ending, beside=pid))), "")
        without += not picture
        columns["object_id"].append(object_id)
        columns["file"].append(picture)
        for column, value in metadata.items():
            columns[column].append(value)
        for at in measures:
            columns.setdefault(names[at], []).append(row[at].strip())
    n = len(columns["object_id"])
    _note(pid, n, without, repeated, seen, problems)
    return columns


def _note(pid: str, n: int, without: int, repeated: list[tuple[int, str]], seen: dict[str, str], problems: list[Problem]) -> None:
    """Note repeated objects and missing vignettes; a whole file that repeats another one is one problem."""
    if repeated and n == 0:
        what = f"it repeats the objects of {seen[repeated[0][1]]} and was left out"
        problems.append(Problem(item=pid, what=what, remedy="remove one of the two"))
    else:
        for line, object_id in repeated:
            what = f"the object {shown(object_id)} occurs a second time, first in {seen[object_id]}"
            problems.append(Problem(item=pid, line=line, what=what, remedy="remove one of the two"))
            if len(repeated) > 20:
                problems.append(
                    Problem(item=pid, what=f"{len(repeated) - 1} more objects occur a second time", remedy="remove them")
                )
                break
    if n == 0 and not repeated:
        problems.append(Problem(item=pid, what="its table is empty", remedy="leave it out", severity="warning"))
    elif without == n and n:
        what = "it has no vignettes, so that its objects can be measured but not identified"
        problems.append(Problem(item=pid, what=what, remedy="put the vignettes beside it", severity="warning"))
    elif without:
        what = f"{without} of {n} objects have no vignette and cannot be identified"
        problems.append(Problem(item=pid, what=what, remedy="put the vignettes beside it", severity="warning"))


def _sections(lines: list[str]) -> tuple[dict[str, dict[str, str]], int | None]:
    """Keys and values by section, and the position of the table's header."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for at, line in enumerate(lines):
        plain = line.strip()
        if plain.startswith("[") and plain.endswith("]"):
            if plain == "[Data]":
                return sections, at + 1
            section = sections.setdefault(plain[1:-1], {})
        elif "=" in plain:
            key, _, value = plain.partition("=")
            section.setdefault(key.strip(), value.strip())
    return sections, None


def _metadata(sections: Mapping[str, Mapping[str, str]], pid: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for column, (section, key) in FIELDS.items():
        text = sections.get(section, {}).get(key)
        if text is not None:
            values[column] = "" if text.lower() in MISSING else text
    name = PurePosixPath(pid).stem.removesuffix("_dat1")
    values["sample_id"] = values.get("sample_id") or name
    values["acq_id"] = f"{values['acq_fraction']}_{values['sample_id']}" if values.get("acq_fraction") else values["sample_id"]
    day, _, clock = sections.get("Sample", {}).get("Date", "").partition("-")
    if day and day.lower() not in MISSING:
        values["object_date"], values["object_time"] = day, clock
    return values


def _place(blocks: list[dict[str, list[str]]], item: str, problems: list[Problem]) -> None:
    """The places of all files in degrees; one laboratory writes all of its files in the same way."""
    latitudes, longitudes = ("object_lat", "object_lat_end"), ("object_lon", "object_lon_end")
    # One place for all objects of a file.
    rows = [{name: block[name][0] for name in (*latitudes, *longitudes) if block.get(name)} for block in blocks]
    in_degrees(rows, problems, item=item, latitudes=latitudes, longitudes=longitudes)
    for block, row in zip(blocks, rows, strict=True):
        block |= {name: [text] * len(block[name]) for name, text in row.items()}


def _joined(blocks: list[dict[str, list[str]]]) -> dict[str, Any]:
    """The columns of several files, one after the other; ids first, then metadata, then measures."""
    counts = [len(block["object_id"]) for block in blocks]
    names = dict.fromkeys(column for block in blocks for column in block)
    result: dict[str, Any] = {}
    for column in names:
        texts: list[str] = []
        for block, count in zip(blocks, counts, strict=True):
            texts += block.get(column) or [""] * count
        free = column.startswith(("sample_", "acq_", "process_")) or column in ("object_id", "object_date", "object_time", "file")
        if column in NUMERIC or (not free and looks_numeric(texts)):
            result[column] = read_numbers(texts, metadata=column in NUMERIC)[0]
        else:
            result[column] = np.array(texts, dtype=object)
        if column == "file":
            empty = np.full(len(texts), "", dtype=object)
            result["label"], result["status"] = empty, empty.copy()
    return result
