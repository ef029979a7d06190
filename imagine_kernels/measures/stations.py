"""Figures integrated over the depth of a haul, and over the samples of a station.

**Depth.** With the depths ``z`` between which a net was towed, a sample holds ``(z_max - z_min) · Σ w`` individuals below each m² (EcoTaxa and
ZooProcess; ind/m²), and likewise mm³/m². The depths are taken as exact, so that the intervals are those of the counts.

**Station.** The samples of one station and day are put together by the volume that was filtered::

    mean     Σ over hauls h of V_h C_h / Σ V_h                                       ind/m³: all that was caught in all the water filtered
    column   Σ over layers l of (z_max - z_min)_l · Σ over hauls h in l of V_h C_h / Σ V_h    ind/m²: the layers on top of one another

with the volume ``V_h`` and the concentration ``C_h`` of a haul. Samples with the same date, time, depths and volume whose meshes are known are
parts of one haul: those between different meshes are added, those between the same meshes are averaged, and the volume counts once. A haul in
which nothing was found at all is in no table of objects and cannot be counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.abundance import QUANTITIES, VOLUME

if TYPE_CHECKING:
    import pandas as pd

#: Columns that name a station, the first that is there wins.
STATIONS = ("sample_stationid", "sample_station_id", "sample_station", "object_stationid", "object_station")
DEPTHS, MESHES = ("object_depth_min", "object_depth_max"), ("acq_min_mesh", "acq_max_mesh")
DATE, TIME = "object_date", "object_time"
#: Columns with texts that a station is known by.
TEXTS = (*STATIONS, DATE, TIME)
#: The unit of a quantity per m² for that per m³.
PER_AREA = {"ind_m3": "ind_m2", "mm3_m3": "mm3_m2"}

Objects = Mapping[str, NDArray[Any]]


def integrated_over_depth(table: pd.DataFrame, objects: Objects, notes: list[str]) -> pd.DataFrame:
    """The table of `imagine_kernels.measures.abundance.abundance_table` with each quantity per m² besides that per m³.

    Parameters
    ----------
    table : DataFrame
    objects : mapping
        With ``sample_id``, and ``object_depth_min`` and ``object_depth_max`` in m.
    notes : list of str
        What is missing is added to it.

    Returns
    -------
    DataFrame
        NaN in the samples whose objects have no or several depths; without further columns where no sample has a depth.
    """
    samples, first, at = np.unique(np.asarray(objects["sample_id"]).astype(str), return_index=True, return_inverse=True)
    low, high = (_one_of(objects, name, first, at.reshape(-1)) for name in DEPTHS)
    thickness = np.where(high > low, high - low, np.nan)
    known = ~np.isnan(thickness)
    if not known.any():
        return table
    if not known.all():
        lost = ", ".join(samples[~known][:5].tolist()) + (" and others" if (~known).sum() > 5 else "")
        notes.append(
            f"No figures per m² for {lost}: their objects need one {DEPTHS[0]} and one deeper {DEPTHS[1]}, those of the haul."
        )
    by_sample = dict(zip(samples.tolist(), thickness.tolist(), strict=True))
    metres = table["sample_id"].map(by_sample).to_numpy(dtype=np.float64)
    more = {_per_area(name): table[name].to_numpy() * metres for name in table.columns if name.endswith(tuple(PER_AREA))}
    return table.assign(**more)


def _per_area(column: str) -> str:
    end = next(end for end in PER_AREA if column.endswith(end))
    return column.removesuffix(end) + PER_AREA[end]


@dataclass(frozen=True, kw_only=True)
class Stations:
    """Which station and day each of n objects belongs to, and the water that its figures are referred to.

    Attributes
    ----------
    key : (n,) ndarray of str
        Of the station and day; empty where the station is not known.
    names : mapping of str to (str, str)
        Station and date (``YYYYMMDD``, or empty) of each key.
    n_samples : mapping of str to int
    volume : (n,) float64 ndarray
        m³; in place of ``sample_tot_vol`` it gives figures of the station per m³.
    area : (n,) float64 ndarray
        m²; in place of ``sample_tot_vol`` it gives figures of the station per m². NaN where depths are missing or layers overlap.
    notes : tuple of str
    """

    key: NDArray[Any]
    names: Mapping[str, tuple[str, str]]
    n_samples: Mapping[str, int]
    volume: NDArray[np.float64]
    area: NDArray[np.float64]
    notes: tuple[str, ...]

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table whose ``sample_id`` is a key, with ``station``, ``date`` and ``n_samples`` in its place."""
        keys = table["sample_id"].tolist()
        rest = table.drop(columns="sample_id")
        rest.insert(0, "n_samples", np.array([self.n_samples[key] for key in keys], dtype=np.int64))
        for place, name in ((1, "date"), (0, "station")):
            rest.insert(0, name, np.array([self.names[key][place] for key in keys], dtype=object))
        return rest

    def table(self, per_volume: pd.DataFrame, per_area: pd.DataFrame) -> pd.DataFrame:
        """The tables of `abundance_table` per m³ and per m² of the same objects as one."""
        joined = self.named(per_volume)
        quantities = [name for name in per_area.columns if name.endswith(tuple(PER_AREA)) and name.startswith(tuple(QUANTITIES))]
        if not per_area[quantities].notna().any(axis=None):
            return joined
        return joined.assign(**{_per_area(name): per_area[name].to_numpy() for name in quantities})


def stations_of(objects: Objects) -> Stations | None:
    """The stations of n objects; None where none is known, or each has one sample, whose figures are those of the station."""
    column = next((name for name in STATIONS if name in objects), None)
    if column is None or not len(objects["sample_id"]):
        return None
    samples, first, at = np.unique(np.asarray(objects["sample_id"]).astype(str), return_index=True, return_inverse=True)
    at = at.reshape(-1)
    n = len(samples)
    station = [_text(value) for value in np.asarray(objects[column], dtype=object)[first]]
    date, time = (
        [_text(value) for value in np.asarray(objects[name], dtype=object)[first]] if name in objects else [""] * n
        for name in (DATE, TIME)
    )
    visits = Counter((station[s], date[s]) for s in range(n) if station[s])
    if max(visits.values(), default=0) < 2:
        return None
    volume, low, high, *limits = (_one_of(objects, name, first, at) for name in (VOLUME, *DEPTHS, *MESHES))
    volume = np.where(volume > 0, volume, np.nan)
    # The largest mesh is not known where nothing was too large.
    mesh = [tuple(pair) for pair in np.nan_to_num(np.stack(limits, axis=1), nan=-1).tolist()]
    key = {visit: f"{i:06d}" for i, visit in enumerate(sorted(visits))}
    water, area = np.full(n, np.nan), np.full(n, np.nan)
    notes: list[str] = []
    for visit in key:
        mine = [s for s in range(n) if (station[s], date[s]) == visit]
        hauls = _hauls(mine, [(time[s], volume[s], low[s], high[s], mesh[s][0] >= 0) for s in mine])
        if any(len(haul) > 1 for haul in hauls.values()):
            said = "; ".join(", ".join(samples[haul].tolist()) for haul in hauls.values() if len(haul) > 1)
            notes.append(
                f"Samples of station {visit[0]} with the same time, depths and volume were taken for parts of one haul ({said}): those"
                " between different meshes were added, those between the same meshes averaged."
            )
        alike = {s: [mesh[other] for other in haul].count(mesh[s]) for haul in hauls.values() for s in haul}
        whole = sum(volume[haul[0]] for haul in hauls.values())
        # sub_part over this is what an object stands for in the mean: V_h / ΣV of the haul, shared by the n parts between its meshes.
        water[mine] = [alike[s] * whole for s in mine]
        layers: dict[tuple[float, float], float] = defaultdict(float)
        for haul in hauls.values():
            layers[low[haul[0]], high[haul[0]]] += volume[haul[0]]
        if _on_top(list(layers)):
            area[mine] = [alike[s] * layers[low[s], high[s]] / (high[s] - low[s]) for s in mine]
            notes += _gaps(visit[0], sorted(layers))
        elif not np.isnan(low[mine]).all():
            notes.append(
                f"No figures per m² for station {visit[0]}: the depths of its samples are not all known, or overlap in part, so that"
                " they cannot be put on top of one another."
            )
    lost = sum(not name for name in station)
    if lost:
        notes.append(f"{lost} of {n} samples name no station and are in no figure of a station.")
    keys = np.array([key.get((station[s], date[s]), "") for s in range(n)], dtype=object)
    return Stations(
        key=keys[at],
        names={text: visit for visit, text in key.items()},
        n_samples={key[visit]: count for visit, count in visits.items()},
        volume=water[at],
        area=area[at],
        notes=tuple(notes),
    )


def _hauls(samples: Sequence[int], facts: Sequence[tuple[Any, ...]]) -> dict[Any, list[int]]:
    """The samples of each haul; facts are time, volume, depths, and whether the mesh is known."""
    hauls: dict[Any, list[int]] = defaultdict(list)
    for s, (time, volume, low, high, known) in zip(samples, facts, strict=True):
        sure = bool(time) and known and not np.isnan(volume)
        hauls[(time, volume, *np.nan_to_num([low, high], nan=-1)) if sure else s].append(s)
    return hauls


def _on_top(layers: list[tuple[float, float]]) -> bool:
    """Whether layers of depth lie on top of one another, without one reaching into another."""
    limits = np.array(sorted(layers))
    return bool((limits[:, 1] > limits[:, 0]).all() and (limits[1:, 0] >= limits[:-1, 1]).all())


def _gaps(station: str, layers: Sequence[tuple[float, float]]) -> list[str]:
    """A note where nobody has sampled between two layers."""
    gaps = [f"{above[1]:g} to {below[0]:g} m" for above, below in pairwise(layers) if below[0] > above[1]]
    return [f"Station {station} was not sampled from {', '.join(gaps)}: its figures per m² leave that out."] if gaps else []


def _one_of(objects: Objects, name: str, first: NDArray[Any], at: NDArray[Any]) -> NDArray[np.float64]:
    """The value of each sample, NaN where its objects have none or several."""
    if name not in objects:
        return np.full(len(first), np.nan)
    given = np.asarray(objects[name], dtype=np.float64)
    several = np.zeros(len(first), dtype=bool)
    # Written so that NaN differs from a number.
    np.logical_or.at(several, at, ~((given == given[first][at]) | (np.isnan(given) & np.isnan(given[first][at]))))
    return np.where(several, np.nan, given[first])


def _text(value: Any) -> str:
    """A name as a text: a table may have read the station 3 as a number."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:g}"
    return "" if value is None else str(value).strip()
