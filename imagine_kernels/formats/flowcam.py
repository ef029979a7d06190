"""FlowCam data in any layout: recognises which one, and reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagine_kernels.files import Files
from imagine_kernels.formats.particle_list import LISTS, is_exported_list
from imagine_kernels.formats.planktonclas import find_parts, read_planktonclas
from imagine_kernels.formats.vignettes import read_vignettes
from imagine_kernels.formats.visualspreadsheet import find_lists, read_list_file, read_runs
from imagine_kernels.records import Problem, Progress, Sample

#: What `read_flowcam` opens, for people.
LAYOUTS = (
    "FlowCam run of VisualSpreadsheet (.lst, .flb or exported .csv with its collages), or a folder or zip of several",
    "planktonclas data set (dataset_files and images)",
    "EcoTaxa TSV with images (import or export), folder or zip",
    "one folder per class",
    "plain pictures",
)


def read_flowcam(path: Path, settings: Mapping[str, Any], progress: Progress | None = None) -> Sample:
    """Open runs of a FlowCam, or vignettes that were cut from them.

    Parameters
    ----------
    path : Path
        A folder or zip, or one list; its collages are looked for beside it and below.
    settings : mapping
        ``um_per_px`` fills what the data do not say.
    progress : callable, optional
        ``progress(done, total, what)``, by run.

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
    if path.is_file() and path.suffix.lower() in (*LISTS, ".csv"):
        with Files(path.parent) as files:
            if path.suffix.lower() != ".csv" or is_exported_list(files, path.name):
                return read_list_file(path.name, files, settings, progress)
        return read_vignettes(path, settings)
    with Files(path) as files:
        unreadable = [
            Problem(item=name, what="this folder may not be read", remedy="check its permissions") for name in files.unreadable
        ]
        lists = find_lists(files)
        if lists:
            return read_runs(files, settings=settings, lists=lists, progress=progress).with_problems(unreadable)
        if find_parts(files):
            return read_planktonclas(files, settings=settings).with_problems(unreadable)
    return read_vignettes(path, settings)
