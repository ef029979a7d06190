"""Where the oil of a scene drifts to, or came from, under the fields and constants that the settings give."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imagine_kernels.errors import DataError, SettingError
from imagine_kernels.formats.ocean_fields import read_flows
from imagine_kernels.measures.drift import DriftSettings, drift, seeds_in
from imagine_kernels.measures.drift_fields import Constant, Gridded, Speed
from imagine_kernels.measures.drift_results import drift_table, regions_table
from imagine_kernels.records.trajectories import Trajectories

#: Particles of a scene, whatever the number of its slicks.
PARTICLES = 2000
#: So many hours are between the rows of the table.
EVERY_H = 6.0
OIL = "oil"


def wanted(settings: Mapping[str, Any]) -> bool:
    """Whether the settings ask for drift at all."""
    return bool(settings.get("forecast_h"))


def drifted(table: Any, settings: Mapping[str, Any], land: Sequence[Any]) -> tuple[dict[str, Trajectories], list[str]]:
    """The ensemble of every scene that has oil, a place and a time, and a sentence for each that cannot drift.

    Parameters
    ----------
    table : DataFrame
        Of slicks, with polygons in longitude and latitude.
    settings : mapping
        ``forecast_h``, ``fields``, ``wind_m_s``, ``wind_from_deg``, ``current_m_s``, ``current_towards_deg``, ``wind_factor``.
    land : sequence of shapely geometry

    Raises
    ------
    SettingError
        Nothing says what carries the oil.
    DataNotFound, FormatError
        The file of fields cannot be read.
    """
    import shapely

    hours = float(settings["forecast_h"])
    notes: list[str] = []
    found: dict[str, Trajectories] = {}
    for scene, slicks in table[(table["label"] == OIL) & table["polygon"].notna() & table["time_utc"].notna()].groupby("scene"):
        start = slicks["time_utc"].iloc[0].to_pydatetime()
        speeds, wind = _carriers(slicks, settings)
        areas = slicks["area_km2"].to_numpy(dtype=np.float64)
        counts = np.maximum(1, np.round(PARTICLES * areas / areas.sum())).astype(int)
        seeds = [seeds_in(polygon, int(n), seed=k) for k, (polygon, n) in enumerate(zip(slicks["polygon"], counts, strict=True))]
        lon, lat = (np.concatenate([each[i] for each in seeds]) for i in (0, 1))
        try:
            found[str(scene)] = drift(
                lon, lat, start, hours, speeds=speeds, wind=wind, land=shapely.union_all(list(land)) if land else None,
                settings=DriftSettings(wind_factor=float(settings.get("wind_factor") or 0.03)),
            )  # fmt: skip
        except DataError as error:
            notes.append(f"The oil of {scene} was not let drift: {str(error)[0].lower()}{str(error)[1:]}")
    return found, notes


def _carriers(slicks: Any, settings: Mapping[str, Any]) -> tuple[list[Speed], Speed | None]:
    """Currents and Stokes drift, and the wind."""
    speeds: list[Speed] = []
    wind: Speed | None = None
    if settings.get("fields"):
        for name in str(settings["fields"]).split(";"):
            for flow in read_flows(Path(name.strip()).expanduser())[0]:
                if flow.kind == "wind":
                    wind = Gridded(flow)
                else:
                    speeds.append(Gridded(flow))
    if settings.get("current_m_s") is not None and settings.get("current_towards_deg") is not None:
        speeds.append(Constant.current(float(settings["current_m_s"]), float(settings["current_towards_deg"])))
    blown = float(slicks["wind_m_s"].iloc[0])
    if wind is None and settings.get("wind_from_deg") is not None and math.isfinite(blown):
        wind = Constant.wind(blown, float(settings["wind_from_deg"]))
    if not speeds and wind is None:
        raise SettingError(
            "Nothing says what carries the oil: give fields (NetCDF), or current_m_s with current_towards_deg, or wind_from_deg with the wind."
        )
    return speeds, wind


def drift_rows(found: Mapping[str, Trajectories]) -> Any:
    """The table of all scenes, one row every six hours."""
    import pandas as pd

    parts = []
    for scene, trajectories in found.items():
        rows = drift_table(trajectories)
        hours = rows["hours"].to_numpy()
        chosen = np.isclose(hours / EVERY_H, np.round(hours / EVERY_H)) | (np.arange(len(rows)) == len(rows) - 1)
        parts.append(rows[chosen].assign(scene=scene))
    joined = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"scene": []})
    return joined[["scene", *[name for name in joined.columns if name != "scene"]]]


def drift_areas(found: Mapping[str, Trajectories]) -> Any:
    """The areas that hold 50, 90 and 95 % of the particles, with their polygons."""
    import pandas as pd

    parts = [regions_table(trajectories, every_h=EVERY_H).assign(scene=scene) for scene, trajectories in found.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"polygon": []})
