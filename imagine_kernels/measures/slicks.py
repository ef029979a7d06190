"""The table of slicks: one row for each, with area, form, darkness, distances, wind and what speaks for a look-alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import DataError
from imagine_kernels.measures.nearest import Nearest
from imagine_kernels.measures.slick_evidence import (
    UNKNOWN,
    Evidence,
    WindLimits,
    look_alike_evidence,
    look_alike_score,
    reasons,
)
from imagine_kernels.measures.slick_levels import LeftOutAt, Levels, PowerAt, measure_levels
from imagine_kernels.measures.slick_shapes import Shape, measure_shape
from imagine_kernels.records import Georeference, Problem

if TYPE_CHECKING:
    import pandas as pd
    from shapely import Geometry

#: Columns of the table, in order; ``polygon`` (in longitude and latitude) and ``outline_px`` are shapely geometries.
COLUMNS = (
    "slick_id", "scene", "time_utc", "label", "area_km2", "area_low_km2", "area_high_km2", "length_km", "width_km", "mean_width_km",
    "orientation_deg", "perimeter_km", "complexity", "lon_deg", "lat_deg", "position_error_m", "slick_level_db", "sea_level_db",
    "damping_db", "damping_low_db", "damping_high_db", "contrast_to_noise", "edge_sharpness", "above_noise_db", "calibrated",
    "distance_to_coast_km", "distance_to_ship_km", "wind_m_s", "wind", "look_alike_score", "look_alike_reasons", "n_px", "n_ring_px",
    "x_px", "y_px", "width_px", "height_px", "polygon", "outline_px",
)  # fmt: skip


@dataclass(frozen=True)
class Outline:
    """One slick in the picture.

    Attributes
    ----------
    label : str
    polygon : Polygon or MultiPolygon
        In px, along the sides of px; several polygons where it hangs together over corners only.
    n_px : int
    """

    label: str
    polygon: Geometry
    n_px: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height in whole px."""
        left, top, right, bottom = (round(each) for each in self.polygon.bounds)
        return left, top, right - left, bottom - top


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of a scene besides its mask; all of it may be missing.

    Attributes
    ----------
    georeference : Georeference or None
    spacing_m : (float, float) or None
        Sides of a px; used without a georeference only.
    power : callable or None
        See `PowerAt`.
    noise : callable or None
        The noise floor, as `power`.
    left_out : callable or None
        See `LeftOutAt`: land, ships and all slicks.
    calibrated : bool
        Whether the power is σ⁰; else damping ratios hold only as far as the picture is linear in amplitude.
    coast, ships : Nearest or None
    wind_m_s : float or callable
        Wind at 10 m: one for the scene, or by longitude and latitude.
    limits : WindLimits
    outline_error_px : float
        See `measure_shape`.
    gap_px, ring_px : float
        See `measure_levels`.
    """

    georeference: Georeference | None = None
    spacing_m: tuple[float, float] | None = None
    power: PowerAt | None = None
    noise: PowerAt | None = None
    left_out: LeftOutAt | None = None
    calibrated: bool = True
    coast: Nearest | None = None
    ships: Nearest | None = None
    wind_m_s: float | Callable[[float, float], float] = math.nan
    limits: WindLimits = field(default_factory=WindLimits)
    outline_error_px: float = 1.0
    gap_px: float = 5.0
    ring_px: float = 40.0


def slick_table(
    outlines: Sequence[Outline], surroundings: Surroundings, *, scene: str = "", time: datetime | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Measure the slicks of one scene.

    Parameters
    ----------
    outlines : sequence of Outline
        In the order in which they are numbered.
    surroundings : Surroundings
    scene : str
        Its name; slicks are called ``<scene>_1`` and so on.
    time : datetime, optional
        When it was taken (UTC).

    Returns
    -------
    table : DataFrame
        With `COLUMNS`; quantities that cannot be known are NaN.
    problems : list of Problem
        Slicks that could not be measured; the others are in the table.
    """
    import pandas as pd

    rows, problems = [], []
    for number, outline in enumerate(outlines, 1):
        name = f"{scene}_{number}" if scene else str(number)
        try:
            rows.append({"slick_id": name, "scene": scene, "time_utc": time, **_row(outline, surroundings)})
        except DataError as error:
            problems.append(Problem(item=name, what=str(error).rstrip("."), remedy="it was left out"))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["time_utc"] = pd.to_datetime(table["time_utc"], utc=True)
    return table, problems


def _row(outline: Outline, around: Surroundings) -> dict[str, Any]:
    shape = measure_shape(
        outline.polygon, georeference=around.georeference, spacing_m=around.spacing_m, outline_error_px=around.outline_error_px
    )
    levels = None
    if around.power is not None:
        levels = measure_levels(
            outline.polygon,
            around.power,
            left_out=around.left_out,
            noise=around.noise,
            gap_px=around.gap_px,
            ring_px=around.ring_px,
        )
    wind = _wind(around, shape)
    coast, ship = (_km(each, shape) for each in (around.coast, around.ships))
    found = {
        "label": outline.label,
        "area_km2": shape.area_m2 / 1e6,
        "area_low_km2": shape.area_low_m2 / 1e6,
        "area_high_km2": shape.area_high_m2 / 1e6,
        "length_km": shape.length_m / 1e3,
        "width_km": shape.width_m / 1e3,
        "mean_width_km": shape.mean_width_m / 1e3,
        "orientation_deg": shape.orientation_deg,
        "perimeter_km": shape.perimeter_m / 1e3,
        "complexity": shape.complexity,
        "lon_deg": shape.lon,
        "lat_deg": shape.lat,
        "position_error_m": shape.position_error_m,
        **_levels(levels, calibrated=around.calibrated),
        "calibrated": around.calibrated and levels is not None,
        "distance_to_coast_km": coast,
        "distance_to_ship_km": ship,
        "wind_m_s": wind,
        "wind": around.limits.flag(wind),
        **dict(zip(("x_px", "y_px", "width_px", "height_px"), outline.box, strict=True)),
        "polygon": shape.polygon,
        "outline_px": outline.polygon,
    }
    found["n_px"] = outline.n_px
    evidence = _evidence(found)
    return {**found, "look_alike_score": look_alike_score(evidence), "look_alike_reasons": reasons(evidence)}


def _evidence(row: Mapping[Any, Any]) -> list[Evidence]:
    names = (
        "wind",
        "damping_db",
        "damping_low_db",
        "edge_sharpness",
        "above_noise_db",
        "area_km2",
        "length_km",
        "mean_width_km",
        "complexity",
    )
    said = {name: row[name] for name in names}
    return look_alike_evidence(**said, ship_km=row["distance_to_ship_km"], coast_km=row["distance_to_coast_km"])


def _levels(levels: Levels | None, *, calibrated: bool) -> dict[str, float]:
    unknown = math.nan
    # Without calibration a level means nothing, a ratio of two levels still does.
    absolute = levels if calibrated else None
    return {
        "slick_level_db": absolute.slick_db if absolute else unknown,
        "sea_level_db": absolute.sea_db if absolute else unknown,
        "damping_db": levels.damping_db if levels else unknown,
        "damping_low_db": levels.damping_low_db if levels else unknown,
        "damping_high_db": levels.damping_high_db if levels else unknown,
        "contrast_to_noise": levels.contrast_to_noise if levels else unknown,
        "edge_sharpness": levels.edge_sharpness if levels else unknown,
        "above_noise_db": absolute.above_noise_db if absolute else unknown,
        "n_ring_px": levels.n_ring_px if levels else 0,
    }


def _wind(around: Surroundings, shape: Shape) -> float:
    if callable(around.wind_m_s):
        return math.nan if math.isnan(shape.lon) else float(around.wind_m_s(shape.lon, shape.lat))
    return float(around.wind_m_s)


def _km(things: Nearest | None, shape: Shape) -> float:
    return math.nan if things is None or shape.polygon is None else things.distance_m(shape.polygon) / 1e3


def with_wind(table: pd.DataFrame, wind_m_s: Any, limits: WindLimits) -> pd.DataFrame:
    """The same table under another wind (one for all, or by row) or other limits: its flag, score and reasons follow.

    Parameters
    ----------
    table : DataFrame
        See `slick_table`.
    wind_m_s : float or (n,) array
    limits : WindLimits
    """
    done = table.assign(wind_m_s=wind_m_s)
    done["wind"] = [limits.flag(float(each)) for each in done["wind_m_s"]]
    evidence = [_evidence(row) for row in done.to_dict("records")]
    return done.assign(
        look_alike_score=[look_alike_score(each) for each in evidence], look_alike_reasons=[reasons(each) for each in evidence]
    )


def scene_totals(table: pd.DataFrame) -> pd.DataFrame:
    """Area and number of slicks by scene and label, with an interval.

    The errors of outlines within a scene have one cause (a model that draws slicks too large draws all of them so), so that the ends of their
    intervals are added, not their squares.

    Returns
    -------
    DataFrame
        ``scene``, ``label``, ``n_slicks``, ``area_km2``, ``area_low_km2``, ``area_high_km2``, ``n_wind_eligible``.
    """
    import pandas as pd

    rows = []
    for (scene, label), part in table.groupby(["scene", "label"], sort=True):
        areas = {name: float(part[name].sum(min_count=1)) for name in ("area_km2", "area_low_km2", "area_high_km2")}
        eligible = int((part["wind"] == "eligible").sum()) if (part["wind"] != UNKNOWN).any() else math.nan
        rows.append({"scene": scene, "label": label, "n_slicks": len(part), **areas, "n_wind_eligible": eligible})
    return pd.DataFrame(
        rows, columns=["scene", "label", "n_slicks", "area_km2", "area_low_km2", "area_high_km2", "n_wind_eligible"]
    )
