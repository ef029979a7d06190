"""Micrographs of diatom slides to valve counts, relative abundances, sizes and diatom indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.formats.class_folders import GENERIC
from imagine_kernels.formats.columns import PIXEL_SIZE, sample_of
from imagine_kernels.formats.diatom_tables import EXAMPLE, read_boundaries, read_index_values, read_taxa
from imagine_kernels.formats.ecotaxa import find_tables, write_zip_noting
from imagine_kernels.formats.interchange import open_annotations
from imagine_kernels.formats.pictures import PICTURES
from imagine_kernels.formats.vignettes import LAYOUTS, read_vignettes
from imagine_kernels.measures.diatom_indices import SCALES, Boundary, Index
from imagine_kernels.measures.diatom_taxa import FRAGMENT, GIRDLE_VIEW, Taxon, by_name_and_code, species_in
from imagine_kernels.measures.diatoms import measure_diatoms
from imagine_kernels.measures.oriented_boxes import corners_of, matched
from imagine_kernels.media.micrographs import Micrograph, search
from imagine_kernels.media.objects import as_files, check_pictures, problem_of
from imagine_kernels.records import Annotation, Confusion, Measurements, Predictions, Problem, Progress, Sample
from imagine_kernels.samples.diatoms import make_sample
from imagine_kernels.tasks import Classification
from imagine_kernels.use_case import Setting, UseCase

#: What is told of valves that a person has drawn and the search has not found.
SEARCH, PERSON = "search", "person"
#: Pictures with a shorter side below this are single valves, px.
_CROP_SIDE_PX = 480
#: Files that may hold annotations.
_ANNOTATIONS = (".json", ".xml", ".yaml", ".yml", ".csv", ".txt")


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """Oriented boxes (n, 5) that were annotated in one picture, and their labels."""

    boxes: NDArray[np.float64]
    labels: list[str]


def read_diatoms(path: Path, settings: Mapping[str, Any], progress: Progress | None = None) -> Sample:
    """Open micrographs, with or without annotated boxes, or crops of single valves in any layout of vignettes.

    In micrographs the valves are searched for, and have the label of the annotated box that they agree with. Which of the two plain pictures are is
    told by their size, or by the setting ``pictures``.
    """
    path = Path(path).expanduser()
    drawn, problems = _annotated(path)
    sample = None
    if drawn is None:
        um_per_px = settings.get("um_per_px")
        sample = read_vignettes(path, {"pixel_size_mm": um_per_px / 1000 if um_per_px else None})
        if not _are_micrographs(sample, settings):
            return _told_of_one_sample(_crops(replace(sample, settings=dict(settings))))
        problems = [*sample.problems]
    with Files(path) as files:
        names = sample.objects["file"].tolist() if sample is not None else files.names(*PICTURES)
        columns = _searched(files, names, drawn or {}, settings, problems, progress)
    found = sample_of(
        name=path.stem, source=path, layout="micrographs with boxes" if drawn else "micrographs", columns=columns, problems=problems,
        settings={}, remedy="see that the micrographs show valves, and that um_per_px is right",
    )  # fmt: skip
    return _told_of_one_sample(replace(found, settings=dict(settings), cut_from="micrograph"))


def _annotated(path: Path) -> tuple[dict[str, _Drawn] | None, list[Problem]]:
    """The boxes that are drawn in micrographs, by picture; None where the layout is another one."""
    with Files(path) as files:
        if not files.names(*_ANNOTATIONS) or not files.names(*PICTURES) or find_tables(files):
            return None, []
    try:
        opened = open_annotations(path)
    except DataError:
        return None, []
    problems = [*opened.problems]
    kept = [each for each in opened.stream(problems) if each.shape.kind not in ("whole", "point", "keypoints", "line")]
    if not kept:
        return None, []
    by_picture: dict[str, list[Annotation]] = {}
    for each in kept:
        by_picture.setdefault(each.medium, []).append(each)
    with Files(path) as files:
        for name in sorted(set(by_picture) - set(files.names(*PICTURES))):
            what = f"its {len(by_picture.pop(name))} annotations are of a picture that is not there"
            problems.append(Problem(item=name, what=what, remedy="put the picture beside them"))
    drawn = {
        name: _Drawn(boxes=np.array([_box_of(each) for each in mine]), labels=[each.label for each in mine])
        for name, mine in by_picture.items()
    }
    return drawn, problems


def _box_of(annotation: Annotation) -> tuple[float, ...]:
    """Centre, length, breadth, and angle counter-clockwise of the long side."""
    numbers = annotation.shape.numbers
    if annotation.shape.kind == "rotated_rectangle":
        x, y, width, height, clockwise = numbers
    else:
        x0, y0, x1, y1 = annotation.shape.box or (0.0, 0.0, 0.0, 0.0)
        x, y, width, height, clockwise = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, 0.0
    return (x, y, max(width, height), min(width, height), (-clockwise + (0 if width >= height else 90)) % 180)


def _are_micrographs(sample: Sample, settings: Mapping[str, Any]) -> bool:
    """Whether plain pictures are whole fields rather than single valves."""
    wanted = str(settings.get("pictures") or "auto")
    if wanted != "auto":
        return wanted == "micrographs" and sample.layout in ("pictures", "class folders")
    if sample.layout != "pictures":
        return False
    from PIL import Image

    sides = []
    with Files(sample.source) as files:
        for name in sample.objects["file"].tolist()[:20]:
            try:
                with files.open(name) as stream, Image.open(stream) as picture:
                    sides.append(min(picture.size))
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                continue
    return bool(sides) and float(np.median(sides)) >= _CROP_SIDE_PX


def _searched(
    files: Files,
    names: Sequence[str],
    drawn: Mapping[str, _Drawn],
    settings: Mapping[str, Any],
    problems: list[Problem],
    progress: Progress | None,
) -> dict[str, NDArray[Any]]:
    """The columns of all valves in micrographs."""
    rows: list[dict[str, Any]] = []
    stems = [PurePosixPath(name).stem for name in names]
    unscaled = 0
    with closing(search(files, names, settings)) as searched:
        for done, (name, found) in enumerate(searched, start=1):
            if progress is not None:
                progress(done, len(names), "micrographs searched")
            if isinstance(found, ImageError):
                problems.append(problem_of(name, found))
                continue
            unscaled += np.isnan(found.um_per_px)
            problems += _scale_problems(found, settings)
            stem = PurePosixPath(name).stem
            field = stem if stems.count(stem) == 1 else name.replace("/", "_")
            for number, row in enumerate(_valves(found, drawn.get(name)), start=1):
                ids = {"object_id": f"{field}_{number:03d}", "file": name, "sample_id": slide_of(name), "acq_id": field}
                rows.append({**ids, **row})
    if unscaled:
        what = f"{unscaled} of {len(names)} micrographs do not say how large a pixel is, so that sizes are not known"
        problems.append(Problem(item=files.path.name, what=what, remedy="set um_per_px or scale_bar_um", severity="warning"))
    texts = ("object_id", "file", "sample_id", "acq_id", "label", "status", "object_found_by")
    names_of = list(rows[0]) if rows else ["object_id"]
    return {each: np.array([row[each] for row in rows], dtype=object if each in texts else np.float64) for each in names_of}


def slide_of(name: str) -> str:
    """The slide that a field is of: its folder, or its name without the number at the end."""
    path = PurePosixPath(name)
    folder = path.parent.name
    if folder and folder.lower() not in GENERIC | {"micrographs", "fields"}:
        return folder
    return path.stem.rstrip("0123456789").rstrip("_- .") or path.stem


def _scale_problems(found: Micrograph, settings: Mapping[str, Any]) -> list[Problem]:
    given = settings.get("um_per_px")
    if not given or np.isnan(found.um_per_px) or abs(found.um_per_px - float(given)) <= 0.01 * float(given):
        return []
    what = f"a pixel is {found.um_per_px:.4g} µm by {found.source}, not {float(given):.4g} µm as the setting says"
    return [
        Problem(
            item=found.name, what=what, remedy="the file was believed; correct it if the setting is right", severity="warning"
        )
    ]


def _valves(found: Micrograph, drawn: _Drawn | None) -> list[dict[str, Any]]:
    """Rows of one micrograph: what the search has found, then what was annotated besides."""
    boxes = np.array([[each.x, each.y, each.length, each.breadth, each.angle] for each in found.valves]).reshape(-1, 5)
    pairs = {i: j for i, j, _ in matched(boxes, drawn.boxes)} if drawn is not None else {}
    rows = [
        _row(box, drawn.labels[pairs[at]] if drawn is not None and at in pairs else "", valve.area, SEARCH, found.um_per_px)
        for at, (box, valve) in enumerate(zip(boxes, found.valves, strict=True))
    ]
    if drawn is not None:
        missed = sorted(set(range(len(drawn.labels))) - set(pairs.values()))
        # The face of a valve that nobody has outlined is taken for an ellipse.
        faces = np.pi / 4 * np.prod(drawn.boxes[:, 2:4], axis=1)
        rows += [_row(drawn.boxes[at], drawn.labels[at], float(faces[at]), PERSON, found.um_per_px) for at in missed]
    return rows


def _row(box: NDArray[np.float64], label: str, area: float, by: str, um_per_px: float) -> dict[str, Any]:
    corners = corners_of(box)[0]
    left, top = np.floor(np.maximum(corners.min(axis=0), 0))
    right, bottom = np.ceil(corners.max(axis=0))
    x, y, length, breadth, angle = box.tolist()
    return {
        "label": label, "status": "validated" if label else "",
        "object_bx": left, "object_by": top, "object_width": right - left, "object_height": bottom - top,
        "object_x": x, "object_y": y, "object_length_px": length, "object_breadth_px": breadth, "object_angle": angle, "object_area": area,
        "object_length_um": length * um_per_px, "object_breadth_um": breadth * um_per_px, PIXEL_SIZE: um_per_px / 1000,
        "object_found_by": by,
    }  # fmt: skip


def _crops(sample: Sample) -> Sample:
    """Crops of single valves, with the species that their file names begin with."""
    species = [species_in(name) for name in sample.objects["file"].tolist()]
    if not any(species) or "object_species" in sample.objects:
        return sample
    files = sample.objects["file"].tolist()
    known = [name or PurePosixPath(file).stem for name, file in zip(species, files, strict=True)]
    return replace(sample, objects=sample.objects.assign(object_species=np.array(known, dtype=object)))


def _told_of_one_sample(sample: Sample) -> Sample:
    """With a warning where all labelled valves are of one sample, as those of most atlases are."""
    objects = sample.objects[(sample.objects["label"] != "") & (sample.objects["status"] == "validated")]
    if len(objects) < 2 or objects["sample_id"].nunique() > 1:
        return sample
    what = f"all {len(objects)} labelled valves are of one sample, so that nothing tells how a model does on another one"
    return sample.with_problems(
        [Problem(item=sample.name, what=what, remedy="add labelled valves of other slides", severity="warning")]
    )


def measure(sample: Sample, predictions: Predictions, confusion: Confusion | None, settings: Mapping[str, Any]) -> Measurements:
    """Read the user's tables and measure; see `imagine_kernels.measures.diatoms.measure_diatoms`."""
    taxa = by_name_and_code(
        [Taxon(name=name, code=code, rank=rank, genus=genus) for name, code, rank, genus in _told(read_taxa, settings, "taxa")]
    )
    indices = []
    for name, (values, scale) in dict(_told(read_index_values, settings, "index_table")).items():
        slope, intercept = scale or SCALES.get(name, (1.0, 0.0))
        indices.append(Index(name=name, values=values, slope=slope, intercept=intercept))
    told = _told(read_boundaries, settings, "class_boundaries")
    boundaries = [Boundary(index=index, status_class=label, from_value=low) for index, label, low in told]
    measured = measure_diatoms(sample, predictions, confusion, settings, taxa=taxa, indices=indices, boundaries=boundaries)
    if settings.get("index_table") != EXAMPLE:
        return measured
    note = "The index EXAMPLE and its classes are invented to show the form of the tables: they assess nothing; set index_table and class_boundaries."
    return replace(measured, notes=(note, *measured.notes))


def _told(read: Any, settings: Mapping[str, Any], name: str) -> Any:
    return read(str(settings[name])) if settings.get(name) else ()


USE_CASE = UseCase(
    name="diatoms",
    title="Freshwater diatoms from micrographs",
    sentence="Find and identify diatom valves, correct them, and take home counts, relative abundances, sizes and indices with their errors.",
    unit_noun="valve",
    read=read_diatoms,
    reads=("whole micrographs, plain or with boxes (YOLO, COCO, Pascal VOC, CVAT …)", *LAYOUTS),
    check=check_pictures,
    task=Classification(size=320, background=255, margin=0.0, surround="rim", morphometry=False),
    measure=measure,
    make_sample=make_sample,
    exports={"ecotaxa": partial(write_zip_noting, pictures=as_files)},
    splits_by=("sample_id", "object_species"),
    sorts={"length [µm]": "object_length_um", "breadth [µm]": "object_breadth_um", "slide": "sample_id", "field": "acq_id"},
    label_marks={GIRDLE_VIEW: "i", FRAGMENT: "b"},
    settings=(
        Setting(
            name="um_per_px", default=None, kind=float, unit="µm", minimum=0.005, maximum=20,
            help="Side of a pixel, where the pictures do not say it.",
        ),
        Setting(
            name="scale_bar_um", default=None, kind=float, unit="µm", minimum=0.1, maximum=10_000,
            help="What the scale bar that is drawn in the pictures stands for, where they do not say their resolution.",
        ),
        Setting(
            name="pictures", default="auto", kind=str,
            help="What plain pictures are: micrographs to search for valves, crops of one valve each, or auto, which tells by their size.",
        ),
        Setting(
            name="min_length_um", default=5.0, kind=float, unit="µm", minimum=0.5, maximum=100,
            help="Shorter things in a micrograph are no valves.",
        ),
        Setting(
            name="max_length_um", default=250.0, kind=float, unit="µm", minimum=10, maximum=5000,
            help="Longer things in a micrograph are no valves.",
        ),
        Setting(
            name="scale_bar_px", default=0, kind=int, unit="px", minimum=0, maximum=500,
            help="Height of a white strip with a scale bar under crops; it is cropped where it is recognised, 0 keeps everything.",
        ),
        Setting(
            name="taxa", default=EXAMPLE, kind=str, names_file=True,
            help="Path of a CSV with name, code, rank and genus of taxa; example takes the species of the bundled sample.",
        ),
        Setting(
            name="min_probability", default=0.5, kind=float, minimum=0, maximum=1,
            help="A valve whose species is less certain is counted under its genus, or as unidentified where that is less certain, too.",
        ),
        Setting(
            name="target_count", default=400, kind=int, minimum=1, maximum=100_000,
            help="How many valves of a sample are to be counted.",
        ),
        Setting(
            name="count_girdle_views", default=True, kind=bool,
            help="Whether an object labelled as girdle view counts for its taxon.",
        ),
        Setting(
            name="count_fragments", default=False, kind=bool,
            help="Whether an object labelled as fragment counts for its taxon.",
        ),
        Setting(
            name="height_ratio", default=0.5, kind=float, minimum=0.05, maximum=5,
            help="Height of a cell over its width, for biovolumes.",
        ),
        Setting(
            name="index_table", default=EXAMPLE, kind=str, names_file=True,
            help="Path of a CSV with index, taxon, s and v; example takes an invented one that assesses nothing.",
        ),
        Setting(
            name="class_boundaries", default=EXAMPLE, kind=str, names_file=True,
            help="Path of a CSV with index, status_class and from_value; example takes an invented one that assesses nothing.",
        ),
        Setting(
            name="n_draws", default=1000, kind=int, minimum=100, maximum=100_000,
            help="Number of draws behind an interval.",
        ),
    ),
)  # fmt: skip
