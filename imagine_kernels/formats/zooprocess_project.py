"""ZooProcess project folders: which scans there are, of which samples, with which blanks, under EcoTaxa's names.

A project is a folder with ``Zooscan_scan`` (``_raw``, ``_work``), ``Zooscan_back`` and ``Zooscan_meta``; it may lie in a folder with others. Names
and conversions are those of the macro ``Zooprocess_pid_to_ecotaxa_zooscan`` 7.26 (repository picheral/Zooprocess).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from imagine_kernels.errors import DataError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import MISSING, NUMERIC, looks_numeric, read_numbers
from imagine_kernels.formats.tables import read_bytes
from imagine_kernels.formats.zooprocess_places import in_degrees
from imagine_kernels.records import Problem

LAYOUT = "ZooProcess project with whole scans"
SAMPLES, SCANS = "zooscan_sample_header_table.csv", "zooscan_scan_header_table.csv"
#: EcoTaxa's column for the blank scans of an object, joined with ``;``.
BLANKS = "process_img_background_img"

#: EcoTaxa's columns for those of the table of samples and of the table of scans.
SAMPLE_COLUMNS = {
    "sampleid": "sample_id", "ship": "sample_ship", "scientificprog": "sample_program", "stationid": "sample_stationid",
    "depth": "sample_bottomdepth", "ctdref": "sample_ctdrosettefilename", "otherref": "sample_other_ref", "townb": "sample_tow_nb",
    "towtype": "sample_tow_type", "nettype": "sample_net_type", "netmesh": "sample_net_mesh", "netsurf": "sample_net_surf",
    "zmax": "object_depth_max", "zmin": "object_depth_min", "vol": "sample_tot_vol", "sample_comment": "sample_comment",
    "vol_qc": "sample_tot_vol_qc", "depth_qc": "sample_depth_qc", "sample_qc": "sample_sample_qc", "barcode": "sample_barcode",
    "latitude": "object_lat", "longitude": "object_lon", "latitude_end": "object_lat_end", "longitude_end": "object_lon_end",
    "net_duration": "sample_duration", "ship_speed_knots": "sample_ship_speed", "cable_length": "sample_cable_length",
    "cable_angle": "sample_cable_angle", "cable_speed": "sample_cable_speed", "nb_jar": "sample_nb_jar",
}  # fmt: skip
SCAN_COLUMNS = {
    "scanop": "sample_scan_operator", "fracid": "acq_fraction", "fracmin": "acq_min_mesh", "fracsup": "acq_max_mesh",
    "fracnb": "acq_sub_part", "submethod": "acq_sub_method",
}  # fmt: skip
#: The settings for scans that a project has its own values for.
CONFIGURATION = {"threshold": "upper", "min_esd_mm": "minsizeesd_mm", "max_esd_mm": "maxsizeesd_mm"}
LUT_LINES = {"optical_density": 5, "ratio": 6}
_FOLDER = re.compile(r"(?:^|.*/)Zooscan_(?:scan|meta|back)/")
_BLANK = re.compile(r"(\d{8}_\d{4})_back_(\w+?)_raw_(\d+)\.tiff?$", re.IGNORECASE)
_COMBINED = re.compile(r"(\d{8}_\d{4})_background_(\w+?)_manual\.tiff?$", re.IGNORECASE)
_RAW = re.compile(r"(.+)_raw_(\d+)\.tiff?$", re.IGNORECASE)

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRecord:
    """One scan of a project.

    Attributes
    ----------
    scan_id : str
        ``<sample>_<fraction>_<number>``.
    root : str
        Folder of the project with a trailing ``/``, empty where it is the whole.
    file : str
        The scan to be looked at: raw, else converted; empty where there is none.
    blanks : tuple of str
        Its blank scans, in the same state as the scan.
    columns : dict
        EcoTaxa's columns with texts; what is not known is left out.
    notes : dict
        What ``_meta.txt`` beside the raw scan says.
    """

    scan_id: str
    root: str = ""
    file: str = ""
    blanks: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def is_project(files: Files) -> bool:
    """Whether there are folders of a ZooProcess project inside."""
    return any("Zooscan_scan/" in name or f"Zooscan_meta/{SCANS}" in name for name in files.names())


def read_project(files: Files) -> tuple[list[ScanRecord], list[Problem]]:
    """The scans of all projects inside, and what is wrong with their tables.

    Scans that the table does not list are there too, with what their names and ``_meta.txt`` say.
    """
    records: list[ScanRecord] = []
    problems: list[Problem] = []
    names = files.names()
    for root in sorted({match[0].rpartition("Zooscan_")[0] for name in names if (match := _FOLDER.match(name))}):
        records += _read_one(files, root, [name for name in names if name.startswith(root)], problems)
    return records, problems


def read_configuration(files: Files, root: str) -> dict[str, float]:
    """How a project was processed, by the names of the settings for scans; nothing where it does not say.

    ``process_install_both_config.txt`` holds ``key= value`` lines, ``lut.txt`` one value a line.
    """
    names = files.names(".txt")
    notes = read_notes(files, f"{root}Zooscan_config/process_install_both_config.txt", names)
    given = {setting: notes.get(key, "") for setting, key in CONFIGURATION.items()}
    if f"{root}Zooscan_config/lut.txt" in names:
        lines = read_bytes(files, f"{root}Zooscan_config/lut.txt").decode("latin-1").split()
        given |= {setting: lines[at] for setting, at in LUT_LINES.items() if at < len(lines)}
    numbers = {setting: float(read_numbers([text], metadata=False)[0][0]) for setting, text in given.items() if text}
    return {setting: number for setting, number in numbers.items() if np.isfinite(number)}


def columns_of(records: Sequence[ScanRecord], counts: Sequence[int]) -> dict[str, Any]:
    """EcoTaxa's columns of the objects of some scans, of which each has `counts` objects: numbers where EcoTaxa has numbers.

    Returns
    -------
    dict of str to (n,) ndarray
        With ``sample_id``, ``acq_id``, ``process_id`` and `BLANKS` among them.
    """
    result: dict[str, Any] = {}
    for column in dict.fromkeys(name for record in records for name in record.columns):
        texts = [record.columns.get(column, "") for record in records]
        text = column.endswith(("_id", "_date", "_time")) or column == BLANKS or not looks_numeric(texts)
        if column in NUMERIC or not text:
            values: Any = read_numbers(texts, metadata=True)[0]
        else:
            values = np.array(texts, dtype=object)
        result[column] = np.repeat(values, counts)
    return result


def _read_one(files: Files, root: str, names: Sequence[str], problems: list[Problem]) -> list[ScanRecord]:
    samples = {row.get("sampleid", ""): row for row in read_table(files, f"{root}Zooscan_meta/{SAMPLES}", problems)}
    in_degrees(
        samples.values(),
        problems,
        item=f"{root}Zooscan_meta/{SAMPLES}",
        latitudes=("latitude", "latitude_end"),
        longitudes=("longitude", "longitude_end"),
    )
    scans = {row.get("scanid", ""): row for row in read_table(files, f"{root}Zooscan_meta/{SCANS}", problems)}
    here = {PurePosixPath(name).name: name for name in names if name.startswith(f"{root}Zooscan_scan/")}
    raw = {f"{match[1]}_{match[2]}": here[name] for name in here if (match := _RAW.match(name)) and "/_raw/" in here[name]}
    records = []
    for scan_id in [*scans, *sorted(set(raw) - set(scans))]:
        if not scan_id:
            continue
        notes = read_notes(files, f"{root}Zooscan_scan/_raw/{scan_id}_meta.txt", names)
        row = scans.get(scan_id) or _row_of(notes, scan_id)
        converted = next((name for end in (".tif", ".tiff") if (name := f"{root}Zooscan_scan/{scan_id}{end}") in names), "")
        log = read_notes(files, f"{root}Zooscan_scan/_raw/{scan_id}_log.txt", names)
        file, blanks = _files(raw.get(scan_id, ""), converted, names, root, log)
        sample = samples.get(row.get("sampleid", "")) or {key.lower(): value for key, value in notes.items()}
        columns = _columns(scan_id, row, sample, blanks)
        records.append(ScanRecord(scan_id=scan_id, root=root, file=file, blanks=blanks, columns=columns, notes=notes))
    return records


def _files(raw: str, converted: str, names: Sequence[str], root: str, log: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A scan and the blanks for it: those of its area that were made last before it, raw with raw and converted with converted."""
    area, when = log.get("Scanning_area", "").lower(), log.get("Scanning_date", "99999999_9999")
    sets: dict[str, list[str]] = {}
    combined: dict[str, str] = {}
    for name in names:
        if name.startswith(f"{root}Zooscan_back/"):
            last = PurePosixPath(name).name
            if (match := _BLANK.match(last)) and area in ("", match[2].lower()):
                sets.setdefault(match[1], []).append(name)
            elif (match := _COMBINED.match(last)) and area in ("", match[2].lower()):
                combined[match[1]] = name
    before = [date for date in sorted(sets) if date <= when and len(sets[date]) > 1]
    if raw and before:
        return raw, tuple(sorted(sets[before[-1]])[:2])
    joined = [date for date in sorted(combined) if date <= when]
    if converted and joined:
        return converted, (combined[joined[-1]],)
    return raw or converted, ()


def _row_of(notes: Mapping[str, str], scan_id: str) -> Row:
    """A line of the table of scans from what lies beside the scan."""
    lower = {key.lower(): value for key, value in notes.items()}
    row = {name: lower[name] for name in ("sampleid", *SCAN_COLUMNS) if name in lower}
    row.setdefault("sampleid", scan_id.rpartition("_")[0])
    return {"scanid": scan_id, **row}


def _columns(scan_id: str, row: Row, sample: Row, blanks: Sequence[str]) -> dict[str, str]:
    columns = {target: sample[name] for name, target in SAMPLE_COLUMNS.items() if sample.get(name, "").lower() not in MISSING}
    columns |= {target: row[name] for name, target in SCAN_COLUMNS.items() if row.get(name, "").lower() not in MISSING}
    columns["sample_id"] = row.get("sampleid") or columns.get("sample_id", scan_id)
    fraction = columns.get("acq_fraction", "")
    columns["acq_id"] = f"{fraction}_{columns['sample_id']}" if fraction else columns["sample_id"]
    columns |= {"process_id": f"zooprocess_{scan_id}", "acq_instrument": "zooscan", BLANKS: ";".join(blanks)}
    day, _, clock = sample.get("date", "").partition("-")
    if day and day.lower() not in MISSING:
        columns |= {"object_date": day, "object_time": clock}
    return columns


def read_table(files: Files, name: str, problems: list[Problem] | None = None) -> list[Row]:
    """A table of a project, semicolons between its cells, names in lower case; what is wrong with it is noted."""
    noted = problems if problems is not None else []
    try:
        lines = read_bytes(files, name).decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except DataError as error:
        noted.append(Problem(item=name, what=f"it cannot be read ({str(error).rstrip('.')})", remedy="put the table there"))
        return []
    header = [cell.strip().lower() for cell in lines[0].lstrip("ï»¿").split(";")]
    rows: list[Row] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(" ;"):
            continue
        cells = [cell.strip() for cell in line.split(";")]
        if len(cells) != len(header):
            what = f"{len(cells)} values where the header has {len(header)}"
            noted.append(Problem(item=name, line=number, what=what, remedy="look for a semicolon too many or too few"))
            continue
        rows.append(dict(zip(header, cells, strict=True)))
    return rows


def read_notes(files: Files, name: str, names: Sequence[str]) -> dict[str, str]:
    """``key= value`` lines of a text beside a scan; nothing where there is no such text."""
    if name not in names:
        return {}
    try:
        text = read_bytes(files, name).decode("latin-1")
    except DataError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    found: dict[str, str] = {}
    for key, _, value in pairs:
        found.setdefault(key.strip(), value.strip())
    return found
