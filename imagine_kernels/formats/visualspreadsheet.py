"""Runs of the FlowCam as VisualSpreadsheet leaves them: particle lists, collages, context, summaries, classes, and labelled pictures beside them.

Only lists are read when a run is opened; a collage is opened when a particle is cut out of it.

In a `Sample` sizes carry their unit in the name of the column (``object_abd_um``), what is in px has EcoTaxa's names (``object_area``), and
what the instrument measured besides keeps its name behind ``object_``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound
from imagine_kernels.files import Files
from imagine_kernels.formats.class_folders import GENERIC
from imagine_kernels.formats.columns import sample_of
from imagine_kernels.formats.flowcam_run import Run, read_classes, read_context, read_summary, run_of
from imagine_kernels.formats.particle_list import BOX, LISTS, is_exported_list, read_list
from imagine_kernels.formats.pictures import Locator
from imagine_kernels.records import Problem, Progress, Sample

LAYOUT = "VisualSpreadsheet run"
PIXEL_SIZE = "process_particle_pixel_size_mm"

#: Column of a sample for a column of the list, where it is not ``object_`` and the name of the list.
COLUMNS = {
    "image_x": "object_bx", "image_y": "object_by", "image_w": "object_width", "image_h": "object_height",
    "src_x": "object_capture_x", "src_y": "object_capture_y", "src_image": "object_frame", "id": "object_number",
    "raw_area": "object_area", "raw_legendre_major": "object_major", "raw_legendre_minor": "object_minor",
    "raw_perimeter": "object_perim.", "raw_feret_max": "object_feret",
    "abd_area": "object_area_abd_um2", "filled_area": "object_area_filled_um2", "abd_diameter": "object_abd_um",
    "esd_diameter": "object_esd_um", "fd_diameter": "object_fd_um", "length": "object_length_um", "width": "object_width_um",
    "perimeter": "object_perimeter_um", "convex_perimeter": "object_convex_perimeter_um", "elapsed_time": "object_elapsed_s",
    "volume_abd": "object_volume_abd_um3", "volume_esd": "object_volume_esd_um3",
    "geodesic_length": "object_geodesic_length_um", "geodesic_thickness": "object_geodesic_thickness_um",
}  # fmt: skip
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_NUMBERED = re.compile(r"(.+)_0*(\d+)")
_SIZES = (
    "object_area_abd_um2",
    "object_abd_um",
    "object_esd_um",
    "object_length_um",
    "object_width_um",
    "object_area_filled_um2",
)


def find_lists(files: Files) -> list[str]:
    """The particle lists inside, one for each run: ``.lst`` and ``.flb``, and exported CSVs that have no such list beside them.

    A table without the places of its particles names none of them, so that it is read only where no other list lies in its folder: both may be
    of one run.
    """
    lists = files.names(*LISTS)
    stems = {_stem(name) for name in lists}
    tables = [name for name in files.names(".csv") if _stem(name) not in stems and not name.lower().endswith("_summary.csv")]
    placed = [name for name in tables if is_exported_list(files, name, placed=True)]
    folders = {PurePosixPath(name).parent for name in (*lists, *placed)}
    bare = [name for name in tables if PurePosixPath(name).parent not in folders and is_exported_list(files, name)]
    # Tables last: of a particle that both name, the list says more.
    return [*lists, *placed, *bare]


def read_runs(
    files: Files,
    *,
    settings: Mapping[str, Any],
    lists: Sequence[str] | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Sample:
    """Read runs of the FlowCam as one sample, one ``sample_id`` for each run.

    Particles whose collage is missing have an empty ``file``: they can be measured but not identified. Labels come from pictures of single
    particles whose folder names their class (``Protist/<run>_<image_id>.png``), else from the classes of the ``.cla`` that no filter fills:
    those a person has filled by hand.

    Parameters
    ----------
    files : Files
    settings : mapping
        ``um_per_px`` fills what the lists do not say.
    lists : sequence of str, optional
        The lists to read; default is all that are found.
    name : str, optional
        Name of the sample; default is the name of the folder or zip.
    progress : callable, optional
        ``progress(done, total, what)``, by list.

    Returns
    -------
    Sample
        ``cut_from`` is ``"collage"``.

    Raises
    ------
    FormatError
        No list can be read.
    DataNotFound
        No particle can be used.
    """
    reader = _Reader(files, settings)
    wanted = list(lists) if lists is not None else find_lists(files)
    refusals: list[DataError] = []
    for done, path in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted), "runs read")
        try:
            reader.read(path)
        except DataError as error:
            refusals.append(error)
            reader.problems.append(_problem(path, error))
    if refusals and len(refusals) == len(wanted):
        raise refusals[0]
    sample = sample_of(
        name=name or files.path.stem,
        source=files.path,
        layout=LAYOUT,
        columns=_joined(reader.blocks),
        problems=reader.problems,
        settings=settings,
        remedy="give a list that holds particles",
    )
    return replace(sample, cut_from="collage")


def run_files(files: Files, path: str) -> tuple[Run, list[Problem]]:
    """The facts of the run whose particle list is at `path`; a file that cannot be read is a problem."""
    context: dict[str, str] = {}
    summary: dict[str, str] = {}
    problems: list[Problem] = []
    stem = _stem(path)
    there = set(files.names())
    for name in (f"{stem}.ctx", f"{stem}_summary.csv", f"{stem}_run_summary.txt"):
        if name not in there:
            continue
        try:
            if name.endswith(".ctx"):
                context = read_context(files, name)
            else:
                summary |= {key: value for key, value in read_summary(files, name).items() if key not in summary}
        except DataError as error:
            problems.append(_problem(name, error))
    return run_of(context, summary), problems


@dataclass(frozen=True, kw_only=True)
class _Labels:
    """Class of a particle by its image id, and by run and number, as pictures beside the run show it; ids in small letters."""

    by_id: Mapping[str, str]
    by_number: Mapping[tuple[str, int], str]
    #: The picture of a particle that lies in a second class folder, by image id.
    twice: Mapping[str, str]


class _Reader:
    """Collects the columns of several runs."""

    def __init__(self, files: Files, settings: Mapping[str, Any]) -> None:
        self.files = files
        self.blocks: list[dict[str, NDArray[Any]]] = []
        self.problems: list[Problem] = []
        self._settings = settings
        self._locator = Locator(files.names())
        self._labels = self._labelled_pictures()
        self._seen: dict[str, str] = {}
        self._runs: set[str] = set()

    def read(self, path: str) -> None:
        particles = read_list(self.files, path)
        self.problems += particles.problems
        run, problems = run_files(self.files, path)
        self.problems += problems
        columns = self._with_collages(path, self._without_repeated(path, self._inside(path, particles.columns)))
        n, without = len(columns["image_x"]), int((columns["collage_file"] == "").sum())
        if not n:
            return
        name = PurePosixPath(_stem(path)).name
        name = name if name not in self._runs else _stem(path)
        self._runs.add(name)
        block = _objects(columns, name)
        self._calibrate(path, block, columns, run)
        labels, statuses = self._label(path, name, columns)
        self.blocks.append({**block, "label": labels, "status": statuses, **_about_run(run, name, n, without)})

    def _inside(self, path: str, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Without particles whose box is no box; those without a collage need none."""
        x, y, width, height = (columns[field] for field in BOX[:4])
        # Written so that NaN fails.
        good = (x >= 0) & (y >= 0) & (width >= 1) & (height >= 1) | (columns["collage_file"] == "")
        if not good.all():
            what = f"{int((~good).sum())} particles have no box in a collage and were left out"
            self.problems.append(Problem(item=path, what=what, remedy="export the list again"))
        return {field: values[good] for field, values in columns.items()}

    def _without_repeated(self, path: str, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Without particles that another list, or this one, has already named."""
        ids = columns["image_id"].tolist() if "image_id" in columns else []
        good = np.ones(len(columns["image_x"]), dtype=bool)
        first = ""
        for at, image_id in enumerate(ids):
            if image_id and self._seen.setdefault(image_id, f"{path}\0{at}") != f"{path}\0{at}":
                good[at] = False
                first = first or self._seen[image_id].split("\0")[0]
        if not good.all():
            what = f"{int((~good).sum())} of {len(good)} particles were left out, as {first} lists them already"
            self.problems.append(Problem(item=path, what=what, remedy="give one list for each run", severity="warning"))
        return {field: values[good] for field, values in columns.items()}

    def _with_collages(self, path: str, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """With the path of each collage inside the source, empty where it is missing."""
        named = columns["collage_file"].tolist()
        found: dict[str, str] = {}
        for collage, n in Counter(named).items():
            found[collage] = self._locator.find(collage, beside=path) or ""
            if not found[collage]:
                item, what = path, "it names no collage"
                if collage:
                    item, what = f"{PurePosixPath(path).parent}/{collage}".removeprefix("./"), "the collage is missing"
                what += f": {n} particles of {PurePosixPath(path).name} have no picture and can be measured but not identified"
                remedy = (
                    "put it beside the particle list" if collage else "give the .lst with its collages, or export all columns"
                )
                self.problems.append(Problem(item=item, what=what, remedy=remedy, severity="warning"))
        return {**columns, "collage_file": np.array([found[collage] for collage in named], dtype=object)}

    def _calibrate(self, path: str, block: dict[str, NDArray[Any]], columns: Mapping[str, NDArray[Any]], run: Run) -> None:
        """Add the size of a pixel; without any there are no sizes in µm either."""
        n = len(columns["image_x"])
        scale = columns.get("cal_const", np.full(n, np.nan))
        fallback = run.um_per_px or self._settings.get("um_per_px")
        unknown = ~(scale > 0)
        if unknown.any():
            if fallback is None:
                what = f"{int(unknown.sum())} particles have no calibration factor, their sizes in µm are not known"
                remedy = "set um_per_px"
                self.problems.append(Problem(item=path, what=what, remedy=remedy, severity="warning"))
                for column in _SIZES:
                    if column in block:
                        block[column] = np.where(unknown, np.nan, block[column])
            scale = np.where(unknown, np.nan if fallback is None else float(fallback), scale)
        block[PIXEL_SIZE] = scale / 1000

    def _label(self, path: str, run: str, columns: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
        n = len(columns["image_x"])
        by_hand = self._classes(path)
        ids = columns["image_id"].tolist() if "image_id" in columns else [""] * n
        numbers = np.nan_to_num(columns["id"], nan=-1).astype(np.int64).tolist() if "id" in columns else [-1] * n
        by_id, by_number = self._labels.by_id, self._labels.by_number
        labels = [
            by_id.get(image_id.lower(), "") or by_number.get((run, number), "") or by_hand.get(number, "")
            for image_id, number in zip(ids, numbers, strict=True)
        ]
        for image_id in ids if self._labels.twice else ():
            name = self._labels.twice.get(image_id.lower())
            if name is not None:
                what = f"the particle lies in the folder {by_id[image_id.lower()]} too, which was believed"
                remedy = "leave its picture in one folder"
                self.problems.append(Problem(item=name, what=what, remedy=remedy, severity="warning"))
        statuses = ["validated" if label else "" for label in labels]
        return np.array(labels, dtype=object), np.array(statuses, dtype=object)

    def _classes(self, path: str) -> dict[int, str]:
        """Class of each particle that a person has put into one; what filters have found is no label."""
        name = f"{_stem(path)}.cla"
        if name not in self.files.names(".cla"):
            return {}
        try:
            classes = read_classes(self.files, name)
        except DataError as error:
            self.problems.append(_problem(name, error))
            return {}
        return {number: each.name for each in classes if not each.n_filters and each.name for number in each.particles}

    def _labelled_pictures(self) -> _Labels:
        by_id: dict[str, str] = {}
        by_number: dict[tuple[str, int], str] = {}
        twice: dict[str, str] = {}
        for name in self.files.names(*_PICTURES):
            place = PurePosixPath(name)
            folder = place.parent.name
            if not folder or folder.lower() in GENERIC:
                continue
            _, _, image_id = place.stem.rpartition("_")
            if by_id.setdefault(image_id.lower(), folder) != folder:
                twice[image_id.lower()] = name
            match = _NUMBERED.fullmatch(place.stem)
            if match is not None:
                by_number.setdefault((match[1], int(match[2][:18])), folder)
        return _Labels(by_id=by_id, by_number=by_number, twice=twice)


def read_list_file(path: str, files: Files, settings: Mapping[str, Any], progress: Progress | None = None) -> Sample:
    """Read the run of one list inside `files`.

    Raises
    ------
    DataNotFound, FormatError
        See `read_runs`.
    """
    if path not in files.names():
        raise DataNotFound(f"{files.path} holds no {path}: give the list that lies there.")
    return read_runs(files, settings=settings, lists=[path], name=PurePosixPath(_stem(path)).name, progress=progress)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _problem(item: str, error: DataError) -> Problem:
    what, _, remedy = str(error).rstrip(".").removeprefix(f"{item} ").partition(": ")
    return Problem(item=item, what=what, remedy=remedy)


def _objects(columns: Mapping[str, NDArray[Any]], run: str) -> dict[str, NDArray[Any]]:
    """The columns of a run under the names of a sample."""
    n = len(columns["image_x"])
    numbers = columns.get("id", np.arange(1.0, n + 1))
    # A list that was edited may repeat or lose numbers; an id must not.
    whole = not np.isnan(numbers).any() and len(np.unique(numbers)) == n
    block: dict[str, NDArray[Any]] = {
        "object_id": np.array([f"{run}_{int(number)}" for number in (numbers if whole else np.arange(1, n + 1))], dtype=object),
        "file": columns["collage_file"],
        "sample_id": np.full(n, run, dtype=object),
        "acq_id": np.full(n, run, dtype=object),
        "process_id": np.full(n, f"{run}_visualspreadsheet", dtype=object),
    }
    when = columns.get("timestamp")
    if when is not None:
        texts = when.tolist()
        block["object_date"] = np.array([text[:10].replace("-", "") for text in texts], dtype=object)
        block["object_time"] = np.array([text[11:19].replace(":", "") for text in texts], dtype=object)
    for field, values in columns.items():
        if field not in ("collage_file", "timestamp", "date", "time", "cal_const"):
            block[COLUMNS.get(field, f"object_{field}")] = values
    return block


def _about_run(run: Run, name: str, n: int, without: int) -> dict[str, NDArray[Any]]:
    """What is the same for all particles of a run."""
    numbers = {
        "object_lat": run.lat,
        "object_lon": run.lon,
        "acq_frames": run.frames,
        "acq_frames_used": run.frames_used,
        "acq_volume_imaged_ml": run.volume_ml,
        "acq_volume_processed_ml": run.volume_processed_ml,
        "acq_efficiency": run.efficiency,
        "acq_cell_depth_um": run.depth_um,
        "acq_field_width_px": run.field_width_px,
        "acq_field_height_px": run.field_height_px,
        "acq_volume_factor": run.volume_factor,
        "acq_magnification": run.magnification,
        "acq_min_esd_um": run.min_esd_um,
        "acq_max_esd_um": run.max_esd_um,
        "acq_particles_listed": float(n),
        "acq_particles_lost": float(without),
        "sample_dilution": run.dilution,
    }
    texts = {"acq_instrument": "FlowCam", "acq_software": run.software, "sample_run": name}
    return {
        **{column: np.full(n, value, dtype=np.float64) for column, value in numbers.items() if value is not None},
        **{column: np.full(n, value, dtype=object) for column, value in texts.items() if value},
    }


def _joined(blocks: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The columns of all runs, one after the other; what a run does not say is missing there."""
    if not blocks:
        return {"object_id": np.empty(0, dtype=object)}
    columns = dict.fromkeys(column for block in blocks for column in block)
    texts = {column for block in blocks for column in block if block[column].dtype.kind == "O"}
    result = {}
    for column in columns:
        empty = ("", object) if column in texts else (np.nan, np.float64)
        parts = [block[column] if column in block else np.full(len(block["object_id"]), *empty) for block in blocks]
        result[column] = np.concatenate(parts)
    return result
