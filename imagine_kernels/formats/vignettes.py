"""Vignettes in any layout: recognises which one, and reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataNotFound
from imagine_kernels.files import Files
from imagine_kernels.formats import class_folders, ecotaxa, zooprocess
from imagine_kernels.formats.pictures import PICTURES
from imagine_kernels.records import Problem, Sample

#: What `read_vignettes` opens, for people.
LAYOUTS = (
    "EcoTaxa TSV with images (import or export), folder or zip",
    "ZooProcess _dat1.pid with vignettes",
    "one folder per class",
    "labels CSV (id, img_path, label) with images",
    "plain pictures",
)
WANTED = "an EcoTaxa table with its images, a ZooProcess .pid file with its vignettes, or a folder of pictures per class"

_TABLES = (".tsv", ".txt", ".tsv.gz", ".txt.gz", ".pid", ".csv", ".csv.gz")


def read_vignettes(path: Path, settings: Mapping[str, Any]) -> Sample:
    """Open a folder, a zip, a table or a single picture of vignettes.

    Parameters
    ----------
    path : Path
        Where a single table is given, the images are looked for beside it and below.
    settings : mapping
        ``tot_vol`` (m³), ``sub_part``, ``pixel_size_mm`` (mm) and ``dpi`` fill what the data do not say; None or absent where unknown.
        What the data say is never overwritten: a difference is a problem with severity "warning".

    Returns
    -------
    Sample

    Raises
    ------
    DataNotFound
        There is nothing at `path`, or nothing in it that can be used.
    FormatError
        A table lacks a column that it needs, or a file is not what its name says.
    UnsafeArchive
        The zip would write outside itself, or is a bomb.
    """
    path = Path(path).expanduser()
    if path.is_file() and path.name.lower().endswith(_TABLES):
        with Files(path.parent) as files:
            return _read_table(files, path, settings)
    with Files(path) as files:
        sample = _read_all(files, settings)
        unreadable = [
            Problem(item=name, what="this folder may not be read", remedy="check its permissions") for name in files.unreadable
        ]
        return sample.with_problems(unreadable)


def _read_table(files: Files, path: Path, settings: Mapping[str, Any]) -> Sample:
    lower, stem = path.name.lower(), path.name.split(".")[0]
    if lower.endswith(".pid"):
        return zooprocess.read_pid(files, settings=settings, pids=[path.name], name=path.stem)
    if lower.endswith((".csv", ".csv.gz")):
        return class_folders.read_labels_csv(files, table=path.name, settings=settings, name=stem)
    return ecotaxa.read_tsv(files, settings=settings, tables=[path.name], name=stem)


def _read_all(files: Files, settings: Mapping[str, Any]) -> Sample:
    tables = ecotaxa.find_tables(files)
    if tables:
        return ecotaxa.read_tsv(files, settings=settings, tables=tables)
    pids = zooprocess.find_pids(files)
    if pids:
        return zooprocess.read_pid(files, settings=settings, pids=pids)
    labels = class_folders.find_labels(files)
    if labels is not None:
        return class_folders.read_labels_csv(files, table=labels, settings=settings)
    if files.names(*PICTURES):
        return class_folders.read_class_folders(files, settings=settings)
    zips = files.names(".zip")
    if zips:
        raise DataNotFound(f"{files.path} holds no pictures but {len(zips)} zip files: open one of them, e.g. {zips[0]}.")
    raise DataNotFound.empty(files.path, WANTED)
