"""Radar scenes to slicks: where they are, how large, how sure, and what else they could be."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from imagine_kernels.errors import DataError, DataNotFound
from imagine_kernels.files import Files
from imagine_kernels.formats.slicks import write_slicks
from imagine_kernels.formats.things import find_coco_table, read_coco_things, write_coco_zip
from imagine_kernels.media.label_masks import find_masks, mask_regions
from imagine_kernels.media.objects import problem_of
from imagine_kernels.media.sar import Scene, find_scenes
from imagine_kernels.media.sar_views import scene_of
from imagine_kernels.records import OUTLINE, Predictions, Problem, Progress, Sample
from imagine_kernels.records.outlines import outline_text
from imagine_kernels.samples.oil_spill import make_sample
from imagine_kernels.tasks.segmentation import Segmentation, TileAugmentation
from imagine_kernels.use_case import Setting, UseCase
from imagine_kernels.use_cases._drifting import drift_areas, drifted, wanted
from imagine_kernels.use_cases._slicks import BACKGROUND, coast_of, describe_slicks, measure_slicks, slicks_of

SCENES = "radar scenes: Sentinel-1 SAFE folders or zips, GeoTIFF of σ⁰ (linear or dB), or pictures of amplitude"
MASKED = "radar scenes with masks beside them"
COCO = "radar scenes with COCO annotations"
#: What a mask names, by its numbers, where the setting does not say it.
_LABELS = "oil;look-alike"
#: What is assumed of more scenes than this is said once for all of them.
_TOLD_ALONE = 3
#: Smaller regions of a mask are no things, px.
_SMALLEST = 16
_THINGS = (
    "object_id",
    "file",
    "sample_id",
    "label",
    "status",
    "object_bx",
    "object_by",
    "object_width",
    "object_height",
    "object_area",
    OUTLINE,
)


def read_scenes(path: Path, settings: Mapping[str, Any], progress: Progress | None = None) -> Sample:
    """Open radar scenes, with what is marked on them in masks or a COCO file.

    Raises
    ------
    DataNotFound, FormatError, UnsafeArchive
        There are no scenes, or none that can be opened.
    """
    import pandas as pd

    path = Path(path).expanduser()
    with Files(path) as files:
        names = find_scenes(files)
        if not names:
            raise DataNotFound.empty(path, f"one of: {SCENES}")
        said, problems = _said(files)
        masks = find_masks(names, files.names(".png", ".tif", ".tiff", ".jpg", ".bmp"))
        # What is the mask of another is no scene.
        names = [name for name in names if name not in masks.values()]
        media, rows = [], []
        assumed: list[Problem] = []
        for k, name in enumerate(names):
            if progress is not None:
                progress(k, len(names), "scenes opened")
            try:
                scene = scene_of(files, name, settings)
            except DataError as error:
                problems.append(problem_of(name, error))
                continue
            scene.close()
            assumed += scene.problems
            media.append(_medium(scene, name, said.get(name) or said.get(PurePosixPath(name).name) or {}))
            if name in masks:
                try:
                    rows += _marked(files, name, masks[name], (scene.width, scene.height), settings)
                    media[-1]["labelled"] = True
                except DataError as error:
                    problems.append(problem_of(masks[name], error))
        if not media:
            raise DataNotFound(f"None of the {len(names)} scenes in {path} can be opened ({problems[0]})")
        problems += _together(assumed)
        objects = pd.DataFrame(rows, columns=list(_THINGS))
        table, layout = find_coco_table(files), MASKED if rows else SCENES
    listed = pd.DataFrame(media)
    # Scenes of one name in several folders must not become one.
    twice = listed["sample_id"].duplicated(keep=False)
    listed["sample_id"] = listed["sample_id"].where(~twice, listed["file"])
    if table is not None:
        objects, known, noted = read_coco_things(path, table, listed["file"].tolist())
        listed["labelled"] |= listed["file"].isin(known)
        problems, layout = [*problems, *noted], COCO
    objects["sample_id"] = objects["file"].map(dict(zip(listed["file"], listed["sample_id"], strict=True)))
    for name in ("object_id", "file", "sample_id", "label", "status", OUTLINE):
        objects[name] = objects[name].astype(object)
    sample = Sample(
        name=path.stem, source=path, layout=layout, objects=objects, problems=tuple(problems), settings=dict(settings),
        cut_from="radar scene", media=listed,
    )  # fmt: skip
    return describe_slicks(sample)


def _together(problems: Sequence[Problem]) -> list[Problem]:
    """The same, but one for all scenes where many have the same."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.what, problem.remedy), []).append(problem)
    return [
        each
        for same in alike.values()
        for each in (same if len(same) <= _TOLD_ALONE else [replace(same[0], item=f"{len(same)} scenes, such as {same[0].item}")])
    ]


def _said(files: Files) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """What a table ``scenes.csv`` says of the scenes, by the column ``scene``."""
    name = next((each for each in files.names(".csv") if PurePosixPath(each).name == "scenes.csv"), None)
    if name is None:
        return {}, []
    try:
        rows = list(csv.DictReader(io.StringIO(files.read(name).decode("utf-8-sig"))))
        return {row["scene"]: row for row in rows}, []
    except (UnicodeDecodeError, csv.Error, KeyError):
        return {}, [
            Problem(
                item=name,
                what="is no table with the column scene",
                remedy="wind and looks are taken from elsewhere",
                severity="warning",
            )
        ]


def _medium(scene: Scene, name: str, said: Mapping[str, str]) -> dict[str, Any]:
    """What is known of a scene: a row of `Sample.media`."""
    corners = (math.nan, math.nan, math.nan, math.nan)
    if scene.georeference is not None:
        lon, lat = scene.georeference.lonlat([0, scene.width, scene.width, 0], [0, 0, scene.height, scene.height])
        corners = (float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max()))
    return {
        "file": name, "sample_id": scene_name(name), "width": scene.width, "height": scene.height, "labelled": False,
        "time_utc": scene.time.isoformat() if scene.time else "", "sensor": scene.sensor, "polarisation": scene.polarisation,
        "levels": scene.levels, "wind_m_s": _number(said.get("wind_m_s")), "looks": scene.looks,
        "spacing_m": math.nan if scene.spacing_m is None else math.sqrt(scene.spacing_m[0] * scene.spacing_m[1]),
        **dict(zip(("west_deg", "south_deg", "east_deg", "north_deg"), corners, strict=True)),
    }  # fmt: skip


def scene_name(file: str) -> str:
    """What a scene is called before people: its file without folder and ending."""
    return PurePosixPath(file).name.removesuffix(".zip").rsplit(".", 1)[0]


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _marked(files: Files, scene: str, mask: str, size: tuple[int, int], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a mask marks on its scene: rows of `Sample.objects`."""
    labels = dict(enumerate((part.strip() for part in str(settings.get("mask_labels") or _LABELS).split(";")), start=1))
    rows = []
    for number, (region, label) in enumerate(mask_regions(files, mask, labels, size=size, min_area_px=_SMALLEST), start=1):
        left, top, right, bottom = region.outline.bounds
        values = (
            f"{scene}_{number}", scene, scene_name(scene), label, "validated", float(left), float(top), float(right - left), float(bottom - top),
            float(region.area_px), outline_text(region.outline),
        )  # fmt: skip
        rows.append(dict(zip(_THINGS, values, strict=True)))
    return rows


def check_scenes(sample: Sample, progress: Progress | None = None) -> list[Problem]:
    """Read every scene once, and say where one holds nothing."""
    import numpy as np

    problems = []
    media = sample.media
    names = [] if media is None else media["file"].tolist()
    with Files(sample.source) as files:
        for k, name in enumerate(names):
            if progress is not None:
                progress(k, len(names), "scenes looked at")
            try:
                scene = scene_of(files, name, sample.settings)
                try:
                    held = any(np.isfinite(power).any() for _, power in scene.tiles(1024))
                finally:
                    scene.close()
            except DataError as error:
                problems.append(problem_of(name, error))
                continue
            if not held:
                problems.append(Problem(item=name, what="holds no values", remedy="get it again from where it came"))
    return problems


def write_map(sample: Sample, predictions: Predictions, path: Path) -> tuple[Path, list[Problem]]:
    """The slicks as GeoJSON, with all that was measured of them, and where they drift; those without a place on the earth are said."""
    import pandas as pd

    table = slicks_of(sample, predictions, sample.settings)
    lost, what = table[table["polygon"].isna()], "has no place on the earth"
    problems = [Problem(item=str(name), what=what, remedy="it is not on the map") for name in lost["slick_id"]]
    shown = table[table["polygon"].notna()].assign(feature="slick")
    if wanted(sample.settings):
        found, notes = drifted(table, sample.settings, coast_of(sample)[0])
        problems += [Problem(item=path.name, what=note.rstrip("."), severity="warning") for note in notes]
        areas = drift_areas(found)
        areas = areas[[not each.is_empty for each in areas["polygon"]]].assign(feature="drift area")
        shown = pd.concat([shown, areas], ignore_index=True)
    return write_slicks(shown, path.with_suffix(".geojson")), problems


USE_CASE = UseCase(
    name="oil_spill",
    title="Oil spills in radar scenes",
    sentence="Find slicks in radar scenes, tell them from look-alikes, correct them, and take home areas in km² with their errors.",
    unit_noun="slick",
    medium_noun="scene",
    label_noun="kind",
    read=read_scenes,
    reads=(SCENES, MASKED, COCO),
    check=check_scenes,
    task=Segmentation(background=BACKGROUND, min_area_px=50, augmentation=TileAugmentation(gain=0.05, gamma=0.05)),
    measure=measure_slicks,
    describe=describe_slicks,
    make_sample=make_sample,
    exports={"coco": write_coco_zip},
    products={"geojson": write_map},
    sorts={"area [km²]": "object_area_km2", "damping [dB]": "object_damping_db", "look-alike score": "object_look_alike_score", "scene": "sample_id"},
    settings=(
        Setting(
            name="wind_m_s", default=None, kind=float, unit="m/s", minimum=0, maximum=90,
            help="Wind at 10 m for all scenes; without it the column wind_m_s of scenes.csv is taken.",
        ),
        Setting(
            name="calm_m_s", default=2.0, kind=float, unit="m/s", minimum=0, maximum=10,
            help="With less wind the sea is dark by itself, and no slick can be told.",
        ),
        Setting(
            name="rough_m_s", default=14.0, kind=float, unit="m/s", minimum=5, maximum=40,
            help="With more wind slicks are mixed under.",
        ),
        Setting(
            name="coast", default=None, kind=str, names_file=True,
            help="Polygons of land (GeoJSON or shapefile); without it coast.geojson or coast.shp beside the scenes is taken.",
        ),
        Setting(
            name="polarisation", default="VV", kind=str,
            help="The channel that is looked at where a scene has several.",
        ),
        Setting(
            name="stored", default="auto", kind=str,
            help="What the numbers of a GeoTIFF are: sigma0, sigma0 in dB or amplitude; auto tells it from the file.",
        ),
        Setting(
            name="speckle", default="none", kind=str,
            help="Filter of speckle before slicks are looked for: none, lee, refined lee or gamma map.",
        ),
        Setting(
            name="pixel_spacing_m", default=None, kind=float, unit="m", minimum=0.1, maximum=10_000,
            help="Side of a pixel, where a scene does not say where it lies.",
        ),
        Setting(
            name="position_error_m", default=None, kind=float, unit="m", minimum=0, maximum=100_000,
            help="Standard error of positions along one direction, where it is better known than the scene says.",
        ),
        Setting(
            name="outline_error_px", default=1.0, kind=float, unit="px", minimum=0, maximum=50,
            help="Standard error of the outline of a slick across it; it widens the intervals of areas.",
        ),
        Setting(
            name="forecast_h", default=0.0, kind=float, unit="h", minimum=-72, maximum=72,
            help="So many hours oil is let drift with the fields or constants below; negative hours lead back to where it came from.",
        ),
        Setting(
            name="fields", default=None, kind=str, names_file=True,
            help="NetCDF files of currents, winds and Stokes drift (CF names, as of Copernicus and ERA5), separated by semicolons.",
        ),
        Setting(
            name="wind_from_deg", default=None, kind=float, unit="°", minimum=0, maximum=360,
            help="Where the wind comes from, clockwise from north, where no file of fields says it.",
        ),
        Setting(
            name="current_m_s", default=None, kind=float, unit="m/s", minimum=0, maximum=10,
            help="Speed of the current, where no file of fields says it.",
        ),
        Setting(
            name="current_towards_deg", default=None, kind=float, unit="°", minimum=0, maximum=360,
            help="Where the current goes, clockwise from north.",
        ),
        Setting(
            name="wind_factor", default=0.03, kind=float, minimum=0, maximum=0.1,
            help="Share of the wind with which oil drifts; 0.015 to 0.02 where Stokes drift is given.",
        ),
        Setting(
            name="mask_labels", default=_LABELS, kind=str,
            help="What the numbers 1, 2, … of masks stand for, separated by semicolons; other numbers are background.",
        ),
    ),
)  # fmt: skip
