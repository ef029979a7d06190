"""Slicks on radar scenes: what follows from their outlines, and what is measured of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.files import Files
from imagine_kernels.formats.coasts import read_coast
from imagine_kernels.measures.nearest import Nearest
from imagine_kernels.measures.slick_changes import compare_dates
from imagine_kernels.measures.slick_evidence import WindLimits
from imagine_kernels.measures.slicks import COLUMNS, Outline, Surroundings, scene_totals, slick_table, with_wind
from imagine_kernels.media.land_mask import LandMask
from imagine_kernels.media.regions import filled
from imagine_kernels.media.sar import Scene
from imagine_kernels.media.sar_views import scene_of
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import OUTLINE, Confusion, Measurements, Predictions, Problem, Sample
from imagine_kernels.records.outlines import outline_of
from imagine_kernels.use_cases._drifting import drift_rows, drifted, wanted

#: Columns of the table of slicks that are kept with the objects, under ``object_`` and their name.
KEPT = tuple(
    name for name in COLUMNS if name not in ("slick_id", "scene", "label", "outline_px", "x_px", "y_px", "width_px", "height_px")
)


def describe_slicks(sample: Sample) -> Sample:
    """Add shape, place, darkness, distances, wind and evidence to every slick; a scene that cannot be opened leaves them unknown."""
    import pandas as pd

    media = sample.media
    if media is None:
        return sample
    if not len(sample.objects):
        return replace(sample, objects=_with_columns(sample.objects))
    coast, problems = coast_of(sample)
    wind = dict(zip(media["file"], media["wind_m_s"], strict=True))
    tables = []
    with Files(sample.source) as files:
        for file, rows in sample.objects.groupby("file", sort=False):
            try:
                scene = scene_of(files, str(file), sample.settings)
            except DataError as error:
                problems.append(Problem(item=str(file), what=str(error).rstrip("."), remedy="its slicks were not measured"))
                continue
            try:
                outlines = [outline_of(str(text)) for text in rows[OUTLINE]]
                named = [
                    Outline(label=str(label), polygon=each, n_px=round(each.area))
                    for label, each in zip(rows["label"], outlines, strict=True)
                ]
                around = _around(scene, outlines, coast, float(wind.get(file, math.nan)), sample.settings)
                table, noted = slick_table(named, around, scene=str(file), time=scene.time)
            finally:
                scene.close()
            problems += noted
            # Those that could not be measured are missing from the table; their number tells which are there.
            number = table["slick_id"].str.rsplit("_", n=1).str[-1].astype(int) - 1
            tables.append(table.assign(object_id=rows["object_id"].to_numpy()[number.to_numpy()]))
    names = dict(zip(media["file"], media["sample_id"], strict=True))
    objects = sample.objects.assign(sample_id=sample.objects["file"].map(names).astype(object)).drop(
        columns=[f"object_{name}" for name in KEPT if f"object_{name}" in sample.objects]
    )
    if tables:
        found = pd.concat(tables, ignore_index=True).set_index("object_id")[list(KEPT)]
        found["polygon"] = [None if each is None else each.wkt for each in found["polygon"]]
        found["time_utc"] = found["time_utc"].map(lambda each: "" if pd.isna(each) else each.isoformat())
        objects = objects.join(found.add_prefix("object_"), on="object_id")
    return replace(sample, objects=_with_columns(objects)).with_problems(problems)


def _with_columns(objects: Any) -> Any:
    """The same columns whatever was found, texts as texts."""
    texts = ("polygon", "time_utc", "wind", "look_alike_reasons")
    columns = {f"object_{name}": objects.get(f"object_{name}", "" if name in texts else math.nan) for name in KEPT}
    done = objects.assign(**columns)
    return done.assign(**{f"object_{name}": done[f"object_{name}"].fillna("").astype(object) for name in texts})


def coast_of(sample: Sample) -> tuple[list[Any], list[Problem]]:
    """Polygons of land: of the file that the setting ``coast`` names, or of one that lies with the scenes."""
    return read_coast(sample.source, sample.settings.get("coast"))


def _around(scene: Scene, outlines: list[Any], coast: list[Any], wind_m_s: float, settings: Mapping[str, Any]) -> Surroundings:
    import shapely

    land = (
        LandMask(shapely.union_all(coast), scene.georeference, scene.width, scene.height)
        if coast and scene.georeference is not None
        else None
    )

    def left_out(x: int, y: int, width: int, height: int) -> NDArray[np.bool_]:
        box = Box(x, y, width, height)
        slicks = filled([(each, 1) for each in outlines], box) > 0
        return slicks if land is None else slicks | land.over(box)

    spacing = settings.get("pixel_spacing_m")
    given = settings.get("wind_m_s")
    return Surroundings(
        georeference=scene.georeference,
        spacing_m=scene.spacing_m or (None if spacing is None else (float(spacing), float(spacing))),
        power=scene.power,
        noise=_noise(scene),
        left_out=left_out,
        calibrated=scene.levels == "sigma0",
        coast=Nearest(coast) if coast else None,
        wind_m_s=wind_m_s if given is None else float(given),
        limits=limits_of(settings),
        outline_error_px=float(settings.get("outline_error_px") or 1.0),
    )


def _noise(scene: Scene) -> Callable[[int, int, int, int], NDArray[np.float32]] | None:
    if scene.noise_floor(Box(0, 0, 1, 1)) is None:
        return None

    def floor(x: int, y: int, width: int, height: int) -> NDArray[np.float32]:
        found = np.full((height, width), np.nan, dtype=np.float32)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, scene.width), min(y + height, scene.height)
        if left < right and top < bottom:
            part = scene.noise_floor(Box(left, top, right - left, bottom - top))
            if part is not None:
                found[top - y : bottom - y, left - x : right - x] = part
        return found

    return floor


def limits_of(settings: Mapping[str, Any]) -> WindLimits:
    """The limits of the wind that the settings say."""
    calm, rough = float(settings.get("calm_m_s") or 2.0), float(settings.get("rough_m_s") or 14.0)
    return WindLimits(calm_m_s=calm, from_m_s=max(calm, 3.0), to_m_s=min(rough, 10.0), rough_m_s=rough)


def slicks_of(sample: Sample, predictions: Predictions, settings: Mapping[str, Any]) -> Any:
    """The table of slicks with the labels in force, without what was discarded; see `imagine_kernels.measures.slicks.COLUMNS`."""
    import pandas as pd
    import shapely

    objects = sample.in_order_of(predictions)
    kept = (predictions.status != "discarded") & (predictions.label != BACKGROUND)
    rows = objects[kept]
    table = pd.DataFrame({name: rows[f"object_{name}"].to_numpy() if f"object_{name}" in rows else math.nan for name in KEPT})
    table["slick_id"], table["scene"] = rows["object_id"].to_numpy(), rows["file"].to_numpy()
    table["label"], table["status"] = predictions.label[kept], predictions.status[kept]
    table["confidence"] = predictions.probability[kept]
    for name, column in zip(("x_px", "y_px", "width_px", "height_px"), ("bx", "by", "width", "height"), strict=True):
        table[name] = rows[f"object_{column}"].to_numpy()
    table["polygon"] = [shapely.from_wkt(text) if text else None for text in table["polygon"]]
    table["time_utc"] = pd.to_datetime(table["time_utc"].replace("", None), utc=True)
    given = settings.get("wind_m_s")
    return with_wind(table, table["wind_m_s"] if given is None else float(given), limits_of(settings))


BACKGROUND = "sea"


def measure_slicks(
    sample: Sample, predictions: Predictions, confusion: Confusion | None, settings: Mapping[str, Any]
) -> Measurements:
    """Slicks one by one, their totals by scene and label, and what changed between scenes of one place."""
    del confusion
    table = slicks_of(sample, predictions, settings)
    names = {} if sample.media is None else dict(zip(sample.media["file"], sample.media["sample_id"], strict=True))
    table = table.assign(scene=[names.get(each, each) for each in table["scene"]])
    totals = scene_totals(table).rename(columns={"scene": "sample_id", "label": "taxon", "n_slicks": "n_counted"})
    shown = table.drop(columns=["polygon"])
    tables = {"scenes": _with_empty_scenes(totals, sample), "slicks": shown}
    changes = _changes(table, sample)
    if len(changes):
        tables["changes"] = changes
    notes = _notes(table, sample)
    if wanted(settings):
        found, lost = drifted(table, settings, coast_of(replace(sample, settings=settings))[0])
        tables["drift"] = drift_rows(found)
        notes = (*notes, *lost)
    return Measurements(tables=tables, notes=notes)


def _with_empty_scenes(totals: Any, sample: Sample) -> Any:
    """A scene that was looked at and in which nothing was found is a row too."""
    import pandas as pd

    if sample.media is None:
        return totals
    missing = [name for name in sample.media["sample_id"] if name not in set(totals["sample_id"])]
    none = {"taxon": "no slick", "n_counted": 0, "area_km2": 0.0, "area_low_km2": 0.0, "area_high_km2": 0.0, "n_wind_eligible": 0}
    rows = pd.DataFrame([{"sample_id": name, **none} for name in missing], columns=list(totals.columns))
    return pd.concat([totals, rows], ignore_index=True) if len(rows) else totals


def _changes(table: Any, sample: Sample) -> Any:
    """Slicks of scenes that show one place at different times beside each other."""
    import pandas as pd

    located = table[table["polygon"].notna() & table["time_utc"].notna()]
    scenes = sorted(located.groupby("scene"), key=lambda each: each[1]["time_utc"].iloc[0])
    parts = []
    for (first, old), (second, new) in ((a, b) for i, a in enumerate(scenes) for b in scenes[i + 1 :]):
        if old["time_utc"].iloc[0] < new["time_utc"].iloc[0] and _meet(sample, first, second):
            parts.append(compare_dates(old, new).assign(first_scene=first, second_scene=second))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _meet(sample: Sample, first: str, second: str) -> bool:
    """Whether the middle of one scene lies in the other, by the corners that were noted when they were opened."""
    media = sample.media
    if media is None or "west_deg" not in media:
        return False
    one, other = (media[media["sample_id"] == name].iloc[0] for name in (first, second))
    middle = ((other["west_deg"] + other["east_deg"]) / 2, (other["south_deg"] + other["north_deg"]) / 2)
    return bool(one["west_deg"] <= middle[0] <= one["east_deg"] and one["south_deg"] <= middle[1] <= one["north_deg"])


def _notes(table: Any, sample: Sample) -> tuple[str, ...]:
    notes = []
    if sample.media is not None and "levels" in sample.media and (sample.media["levels"] != "sigma0").any():
        n = int((sample.media["levels"] != "sigma0").sum())
        notes.append(
            f"{n} of {len(sample.media)} scenes are not calibrated: their damping ratios are relative, and they have no level in dB."
        )
    if len(table) and table["area_km2"].isna().any():
        notes.append(
            "Scenes that do not say where they lie have no areas in km²: give pixel_spacing_m, or scenes with a georeference."
        )
    if len(table) and (table["wind"] == "unknown").any():
        notes.append(
            "The wind of some scenes is not known, so that nobody can say whether slicks can be seen there: give wind_m_s."
        )
    notes.append(
        "Areas are geodesic (WGS 84); their intervals are those of the outline and of the place, not of missed or false slicks."
    )
    return tuple(notes)
