"""Whole ZooScans, or vignettes of them, to abundance and biovolume per taxon."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import sample_of
from imagine_kernels.formats.ecotaxa import find_tables, write_zip_noting
from imagine_kernels.formats.vignettes import LAYOUTS, read_vignettes
from imagine_kernels.formats.zooprocess import find_pids
from imagine_kernels.formats.zooprocess_project import (
    BLANKS,
    LAYOUT,
    ScanRecord,
    columns_of,
    is_project,
    read_configuration,
    read_project,
)
from imagine_kernels.formats.zooprocess_project_quality import project_problems
from imagine_kernels.media.objects import Pictures, as_files, as_png, check_pictures, problem_of
from imagine_kernels.media.scan_parts import PartObjects
from imagine_kernels.media.scans import SCANS, ScanSettings, find_objects, looks_like_scan, prepare, with_scale_bar
from imagine_kernels.media.vignettes import pixel_size_from_scale_bar
from imagine_kernels.records import Problem, Progress, Sample
from imagine_kernels.samples.zooscan import make_sample
from imagine_kernels.tasks import Classification
from imagine_kernels.use_case import Setting, UseCase
from imagine_kernels.use_cases._multiples import SETTINGS, described, divide_objects, measure_zooscan, separated

PIXEL_SIZE = "process_particle_pixel_size_mm"
WHOLE_SCANS = "whole scans (TIFF, PNG or JPEG): one, or a folder of them"
#: So many pictures are looked at to tell a folder of scans from one of vignettes.
_LOOKED_AT = 5


def read_zooscan(path: Path, settings: Mapping[str, Any], progress: Progress | None = None) -> Sample:
    """Open a ZooProcess project, whole scans, or vignettes in any layout; objects are looked for on scans.

    Raises
    ------
    DataNotFound, FormatError, UnsafeArchive
        See `read_vignettes`; on scans: no object was found.
    SettingError
        A setting of the scans cannot be taken.
    """
    path = Path(path).expanduser()
    blanks = tuple(part for part in str(settings.get("blank") or "").split(";") if part)
    if not path.exists() or (path.is_file() and not path.name.lower().endswith((*SCANS, ".zip"))):
        return read_with_pixel_size(path, settings)
    # The blanks of a single scan lie beside it.
    beside = path.is_file() and not path.name.lower().endswith(".zip") and bool(blanks)
    with Files(path.parent if beside else path) as files:
        project = is_project(files) and not beside
        if project and not _has_vignettes(files):
            records, problems = read_project(files)
            if any(record.file for record in records):
                problems += _otherwise(files, records, settings)
                return _with_objects(files, records, problems, settings, LAYOUT, progress)
        elif not project and (found := _scans(files, [path.name] if beside else files.names(*SCANS), blanks)):
            names, problems = found
            sample = _with_objects(files, _records(names, blanks), problems, settings, WHOLE_SCANS, progress)
            return replace(sample, name=path.stem)
    return read_with_pixel_size(path, settings)


def _otherwise(files: Files, records: Sequence[ScanRecord], settings: Mapping[str, Any]) -> list[Problem]:
    """Where a project was set up otherwise than the settings say."""
    return [
        Problem(
            item=f"{root}Zooscan_config",
            what=f"the project was processed with {name} {value:g}, here {float(settings[name]):g} was used",
            remedy=f"set {name}={value:g} for the same objects",
            severity="warning",
        )
        for root in dict.fromkeys(record.root for record in records)
        for name, value in read_configuration(files, root).items()
        if settings.get(name) is not None and abs(float(settings[name]) - value) > 1e-9
    ]


def _has_vignettes(files: Files) -> bool:
    """Whether a project was processed already: then its vignettes are read."""
    return any("/_work/" in name for name in files.names(".jpg", ".png"))


def _scans(files: Files, names: Sequence[str], blanks: tuple[str, ...]) -> tuple[list[str], list[Problem]] | None:
    """The whole scans inside where the first pictures hold one and nothing is said of single objects; None for vignettes."""
    names = [name for name in names if name not in blanks]
    if (len(names) > 1 and (find_tables(files) or find_pids(files))) or not any(
        looks_like_scan(files, name) for name in names[:_LOOKED_AT]
    ):
        return None
    scans = [name for name in names if looks_like_scan(files, name)]
    what, remedy = "it is too small for a whole scan, or damaged, and was left out", "name it in blank if it is a blank scan"
    small = [Problem(item=name, what=what, remedy=remedy, severity="warning") for name in names if name not in scans]
    return scans, small


def _records(names: Sequence[str], blanks: tuple[str, ...]) -> list[ScanRecord]:
    """Scans without a project: each is a sample of its own, called as its file."""
    stems = [PurePosixPath(name).stem for name in names]
    records = []
    for name, stem in zip(names, stems, strict=True):
        scan_id = stem if stems.count(stem) == 1 else name.replace("/", "_")
        ids = {"sample_id": scan_id, "acq_id": scan_id, "process_id": f"zooprocess_{scan_id}", BLANKS: ";".join(blanks)}
        records.append(ScanRecord(scan_id=scan_id, file=name, blanks=blanks, columns=ids))
    return records


def _with_objects(
    files: Files,
    records: Sequence[ScanRecord],
    problems: list[Problem],
    settings: Mapping[str, Any],
    layout: str,
    progress: Progress | None,
) -> Sample:
    """The objects on some scans, each with its features; a scan that cannot be used is a problem, and the others are done."""
    limits = ScanSettings.of(settings)
    done: list[ScanRecord] = []
    parts: dict[str, list[Any]] = {}
    scans = [record for record in records if record.file]
    for k, record in enumerate(scans):
        told = _within(progress, k, len(scans))
        try:
            scan = prepare(files, record.file, settings, blanks=record.blanks, progress=told)
        except DataError as error:
            problems.append(problem_of(record.file, ImageError(str(error))))
            continue
        found, noted = find_objects(scan, limits, told)
        problems += [*scan.problems, *noted]
        if not len(found):
            continue
        told(0, len(found), "objects measured")
        columns_found = described(PartObjects(scan, limits.threshold), found.to_numpy(), limits, settings)
        first = "" if record.root == records[0].root else record.root.replace("/", "_")
        n = len(found)
        done.append(record)
        parts.setdefault("object_id", []).append([f"{first}{record.scan_id}_{k}" for k in range(1, n + 1)])
        parts.setdefault("file", []).append([record.file] * n)
        parts.setdefault(PIXEL_SIZE, []).append([scan.pixel_size_mm] * n)
        for name, values in columns_found.items():
            parts.setdefault(name, []).append(values)
    columns: dict[str, Any] = {
        name: np.concatenate([each if isinstance(each, np.ndarray) else np.array(each, dtype=object) for each in lists])
        for name, lists in parts.items()
    }
    columns.setdefault("object_id", np.empty(0, dtype=object))
    n = len(columns["object_id"])
    columns |= {name: np.full(n, "", dtype=object) for name in ("label", "status")}
    columns |= columns_of(done, [len(ids) for ids in parts["object_id"]]) if done else {}
    columns |= {"process_particle_threshold": np.full(n, float(limits.threshold))}
    if n:
        columns[PIXEL_SIZE] = columns[PIXEL_SIZE].astype(np.float64)
    sample = sample_of(
        name=files.path.stem, source=files.path, layout=layout, columns=columns, problems=problems, settings=settings,
        remedy="check threshold, dpi and the limits of size",
    )  # fmt: skip
    return separated(replace(sample, cut_from="scan"))


def _within(progress: Progress | None, k: int, n: int) -> Progress:
    """Progress within the scan `k` of `n`: as it comes where there is one, else the number of scans."""

    def told(done: int, total: int, what: str) -> None:
        if progress is not None:
            progress(*((done, total, what) if n == 1 else (k, n, "scans looked through")))

    return told


def check_zooscan(sample: Sample, progress: Progress | None = None) -> list[Problem]:
    """Decode every picture, and look for what is wrong with a ZooProcess project."""
    problems = check_pictures(sample, progress)
    if not sample.source.is_dir() and sample.source.suffix.lower() != ".zip":
        return problems
    with Files(sample.source) as files:
        if is_project(files):
            records, noted = read_project(files)
            problems += [] if sample.layout == LAYOUT else noted
            problems += project_problems(files, records)
    return problems


def read_with_pixel_size(path: Path, settings: Mapping[str, Any]) -> Sample:
    """Open vignettes; where neither the data nor a setting says the pixel size, the scale bars under the vignettes do."""
    sample = read_vignettes(path, settings)
    if PIXEL_SIZE in sample.objects and sample.objects[PIXEL_SIZE].notna().any():
        return sample
    found = pixel_size_from_scale_bar(sample)
    if found is None:
        return sample
    pixel_size_mm, note = found
    return replace(sample, objects=sample.objects.assign(**{PIXEL_SIZE: pixel_size_mm})).with_problems([note])


@contextmanager
def vignettes_as_files(sample: Sample) -> Iterator[Callable[[int], bytes]]:
    """The vignettes of a sample for an exchange format: as they lie there, or cut out of their scan with a scale bar under them."""
    if not sample.cut_from:
        with as_files(sample) as read:
            yield read
        return
    sizes = sample.objects[PIXEL_SIZE].to_numpy(dtype=np.float64)
    with Pictures(sample) as pictures:
        yield lambda row: as_png(with_scale_bar(pictures.load(row), float(sizes[row])))


USE_CASE = UseCase(
    name="zooscan",
    title="Zooplankton from the ZooScan",
    sentence="Find organisms on whole ZooScans, identify them, correct them, and take home abundances, biovolumes and an EcoTaxa file.",
    unit_noun="vignette",
    read=read_zooscan,
    reads=(LAYOUT, WHOLE_SCANS, *LAYOUTS),
    check=check_zooscan,
    task=Classification(),
    measure=measure_zooscan,
    divide=divide_objects,
    make_sample=make_sample,
    exports={"ecotaxa": partial(write_zip_noting, pictures=vignettes_as_files)},
    splits_by=("sample_id",),
    sorts={"area [px]": "object_area", "major axis [px]": "object_major", "sample": "sample_id"},
    settings=(
        Setting(
            name="scale_bar_px", default=31, kind=int, unit="px", minimum=0, maximum=500,
            help="Height of the strip with the scale bar under a vignette; it is cropped where it is recognised, 0 keeps everything.",
        ),
        Setting(
            name="pixel_size_mm", default=None, kind=float, unit="mm", minimum=1e-5, maximum=1,
            help="Side of a pixel, where the data do not say it.",
        ),
        Setting(
            name="dpi", default=None, kind=float, unit="dots per inch", minimum=25, maximum=100_000,
            help="Resolution of the scan, as another way to give the pixel size: 25.4 / dpi mm.",
        ),
        Setting(
            name="tot_vol", default=None, kind=float, unit="m³", minimum=1e-9, maximum=1e9,
            help="Volume of water that the net filtered, where the data do not say it.",
        ),
        Setting(
            name="sub_part", default=None, kind=float, minimum=1, maximum=1e6,
            help="Splitting of the sample, where the data do not say it: 4 means that a quarter was scanned.",
        ),
        Setting(
            name="blank", default=None, kind=str,
            help="Blank scans of the same area beside the scans, separated by ; where the project does not say them.",
        ),
        Setting(
            name="threshold", default=243, kind=int, minimum=1, maximum=254,
            help="The lightest grey value of an object on a scan.",
        ),
        Setting(
            name="min_esd_mm", default=0.3, kind=float, unit="mm", minimum=0.001, maximum=1000,
            help="Objects on a scan with a smaller equivalent spherical diameter are left out.",
        ),
        Setting(
            name="max_esd_mm", default=100.0, kind=float, unit="mm", minimum=0.001, maximum=1000,
            help="Objects on a scan with a larger equivalent spherical diameter are left out.",
        ),
        Setting(
            name="max_side_ratio", default=40.0, kind=float, minimum=1, maximum=1e6,
            help="What is so many times wider than high is a line of the scanner, and is left out.",
        ),
        Setting(
            name="background", default="", kind=str,
            help="Without blank scans: estimate or none; by itself it is estimated for 16-bit scans, and 8-bit scans are taken as they are.",
        ),
        Setting(
            name="orientation", default="", kind=str,
            help="zooprocess turns a scan a quarter to the right and upside down, which by itself is done with 16-bit scans; or: as scanned.",
        ),
        Setting(
            name="weights", default="0.299 0.587 0.114", kind=str,
            help="How much red, green and blue count on a scan in colour.",
        ),
        Setting(
            name="optical_density", default=1.8, kind=float, minimum=0.1, maximum=5,
            help="Range of optical density that a 16-bit scan keeps in 8 bits (line 6 of ZooProcess' lut.txt).",
        ),
        Setting(
            name="ratio", default=1.15, kind=float, minimum=1, maximum=10,
            help="White of a 16-bit scan is its median times this (line 7 of ZooProcess' lut.txt).",
        ),
        *SETTINGS,
        Setting(
            name="n_draws", default=1000, kind=int, minimum=100, maximum=100_000,
            help="Number of draws behind an interval.",
        ),
    ),
)  # fmt: skip
