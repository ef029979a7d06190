"""Currents, winds and Stokes drift from NetCDF, as Copernicus Marine and ERA5 give them: by the names of the CF conventions.

A pair of variables is found by its standard name, else by the short name that is in use. Units must be those of a speed; knots, cm/s and km/h
become m/s. Of several depths the uppermost is taken.

References
----------
CF standard names: eastward_sea_water_velocity, eastward_wind, sea_surface_wave_stokes_drift_x_velocity and their partners.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.records import Problem
from imagine_kernels.records.flow import Flow, FlowKind

#: Kind → standard names of the eastward and of the northward component, and the short names that are in use.
_Names = tuple[tuple[str, ...], tuple[str, ...]]
_SEA, _STOKES = "sea_water_velocity", "sea_surface_wave_stokes_drift"
_STANDARD: dict[FlowKind, _Names] = {
    "current": ((f"eastward_{_SEA}", f"surface_eastward_{_SEA}"), (f"northward_{_SEA}", f"surface_northward_{_SEA}")),
    "wind": (("eastward_wind",), ("northward_wind",)),
    "stokes": ((f"{_STOKES}_x_velocity",), (f"{_STOKES}_y_velocity",)),
}
_SHORT: dict[FlowKind, _Names] = {
    "current": (("uo", "water_u", "utotal"), ("vo", "water_v", "vtotal")),
    "wind": (("u10", "eastward_wind", "uwnd"), ("v10", "northward_wind", "vwnd")),
    "stokes": (("VSDX", "ust"), ("VSDY", "vst")),
}
_TO_M_S = {
    **dict.fromkeys(
        ("m s-1", "m/s", "m s**-1", "m s^-1", "meter second-1", "meters/second", "metre second-1", "m.s-1", "ms-1"), 1.0
    ),
    **dict.fromkeys(("cm/s", "cm s-1", "cm s**-1"), 0.01),
    **dict.fromkeys(("knot", "knots", "kt", "kn"), 1852 / 3600),
    **dict.fromkeys(("km/h", "km h-1"), 1 / 3.6),
}
#: More values than this are not read at one go; a region must be cut out first.
MAX_VALUES = 500_000_000
_FASTEST_M_S = {"current": 10.0, "wind": 120.0, "stokes": 10.0}


def read_flows(
    path: Path,
    *,
    box: tuple[float, float, float, float] | None = None,
    between: tuple[datetime, datetime] | None = None,
) -> tuple[list[Flow], list[Problem]]:
    """Read the currents, winds and Stokes drift of a file: those that are there.

    Parameters
    ----------
    path : Path
        NetCDF 3 or 4.
    box : (west, south, east, north), optional
        Degrees: only this part is read, with one cell around it.
    between : (datetime, datetime), optional
        Only these times are read, with one step around them.

    Returns
    -------
    flows : list of Flow
    problems : list of Problem
        Pairs that could not be used.

    Raises
    ------
    DataNotFound
        There is no such file, or no such pair in it.
    FormatError
        It is no NetCDF.
    """
    import xarray as xr

    if not Path(path).is_file():
        raise DataNotFound.no_such_path(path)
    try:
        data = xr.open_dataset(path, engine="netcdf4", decode_timedelta=False)
    except (OSError, ValueError, RuntimeError, TypeError, OverflowError) as error:
        raise FormatError(
            f"{Path(path).name} is no NetCDF file with usable times ({type(error).__name__}): fetch it again."
        ) from None
    flows: list[Flow] = []
    problems: list[Problem] = []
    with data:
        for kind in _STANDARD:
            pair = _pair(data, kind)
            if pair is None:
                continue
            try:
                flows.append(_flow(data, kind, pair, box, between))
            except FormatError as error:
                problems.append(
                    Problem(item=f"{Path(path).name}: {pair[0]}", what=str(error).rstrip("."), remedy="it was left out")
                )
    if not flows and not problems:
        raise DataNotFound(
            f"{Path(path).name} holds no current, wind or Stokes drift under a name of the CF conventions, such as uo and vo."
        )
    return flows, problems


def write_flows(flows: list[Flow], path: Path) -> Path:
    """Write flows on one grid each into a NetCDF file with the names of the CF conventions; a kind may occur once.

    Raises
    ------
    FormatError
        Two flows are of one kind.
    """
    import xarray as xr

    from imagine_kernels.settings import placed

    if len({flow.kind for flow in flows}) < len(flows):
        raise FormatError(f"{Path(path).name} cannot hold two flows of one kind: write them into two files.")
    variables: dict[str, Any] = {}
    for flow in flows:
        places = tuple(f"{name}_{flow.kind}" for name in ("time", "lat", "lon"))
        since = f"seconds since {flow.start.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}"
        variables[places[0]] = (places[:1], flow.seconds, {"standard_name": "time", "units": since})
        variables[places[1]] = (places[1:2], flow.lat, {"standard_name": "latitude", "units": "degrees_north"})
        variables[places[2]] = (places[2:], flow.lon, {"standard_name": "longitude", "units": "degrees_east"})
        for side, values in enumerate((flow.east, flow.north)):
            said = {"standard_name": _STANDARD[flow.kind][side][0], "units": "m s-1"}
            variables[_SHORT[flow.kind][side][0]] = (places, values, said)
    data = xr.Dataset(variables, attrs={"Conventions": "CF-1.8"})
    with placed(Path(path)) as passing:
        data.to_netcdf(passing, engine="netcdf4")
    return Path(path)


def _pair(data: Any, kind: FlowKind) -> tuple[str, str] | None:
    found = []
    for standard, short in zip(_STANDARD[kind], _SHORT[kind], strict=True):
        by_standard = [str(name) for name in data.data_vars if data[name].attrs.get("standard_name") in standard]
        by_short = [name for name in short if name in data.data_vars]
        found.append(next(iter(by_standard + by_short), None))
    return (found[0], found[1]) if found[0] and found[1] else None


def _flow(
    data: Any,
    kind: FlowKind,
    pair: tuple[str, str],
    box: tuple[float, float, float, float] | None,
    between: tuple[datetime, datetime] | None,
) -> Flow:
    east = data[pair[0]]
    axes = {what: _axis(data, east, what) for what in ("time", "latitude", "longitude")}
    missing = [what for what in ("latitude", "longitude") if axes[what] is None]
    if missing:
        raise FormatError(f"it has no {missing[0]} of one dimension: put it on a regular grid.")
    times, start = _times(data, axes["time"])
    lat, lon = (np.asarray(data[axes[what]].values, dtype=np.float64) for what in ("latitude", "longitude"))
    if lat.ndim != 1 or lon.ndim != 1 or not (np.isfinite(lat).all() and np.isfinite(lon).all()) or np.abs(lat).max() > 90:
        raise FormatError("its latitudes and longitudes are no degrees on a regular grid: put it on one.")
    wanted = {"time": _span(times, _seconds(between, start)), "latitude": _span(lat, None if box is None else (box[1], box[3]))}
    lon, wanted["longitude"] = _longitudes(lon, box)
    size = int(np.prod([each.size for each in wanted.values()]))
    if size > MAX_VALUES:
        raise FormatError(f"it has {size / 1e6:.0f} million values: cut out the region and the days that are needed.")
    values = [_values(data, name, axes, wanted, kind) for name in pair]
    order_lat, order_lon = np.argsort(lat[wanted["latitude"]]), np.argsort(lon[wanted["longitude"]])
    east_north = [each[:, order_lat][:, :, order_lon] for each in values]
    return Flow(
        kind,
        start,
        times[wanted["time"]],
        lat[wanted["latitude"]][order_lat],
        lon[wanted["longitude"]][order_lon],
        east_north[0],
        east_north[1],
    )


def _axis(data: Any, variable: Any, what: str) -> str | None:
    """The coordinate of a variable that is a time, latitude or longitude; it is that of one dimension."""
    units = {"latitude": ("degrees_north", "degree_north"), "longitude": ("degrees_east", "degree_east"), "time": ()}[what]
    short = {"latitude": ("lat", "latitude"), "longitude": ("lon", "longitude"), "time": ("time", "valid_time")}[what]
    for name in variable.dims:
        if name not in data.variables or data[name].ndim != 1:
            continue
        attributes = data[name].attrs
        if attributes.get("standard_name") == what or attributes.get("units") in units or str(name).lower() in short:
            return str(name)
        if what == "time" and np.issubdtype(data[name].dtype, np.datetime64):
            return str(name)
    return None


def _times(data: Any, name: str | None) -> tuple[NDArray[np.float64], datetime]:
    if name is None:
        return np.zeros(1), datetime(1970, 1, 1, tzinfo=UTC)
    stamps = data[name].values
    if not np.issubdtype(stamps.dtype, np.datetime64) or np.isnat(stamps).any() or not stamps.size:
        raise FormatError("its times are in units or a calendar that cannot be read: give seconds or hours since a date.")
    seconds = (stamps - stamps[0]) / np.timedelta64(1, "s")
    start = datetime.fromtimestamp(float(stamps[0].astype("datetime64[ns]").astype(np.int64)) / 1e9, tz=UTC)
    return np.asarray(seconds, dtype=np.float64), start


def _seconds(between: tuple[datetime, datetime] | None, start: datetime) -> tuple[float, float] | None:
    if between is None:
        return None
    first, last = sorted((each - start).total_seconds() for each in between)
    return first, last


def _span(axis: NDArray[np.float64], limits: tuple[float, float] | None) -> NDArray[np.intp]:
    """Numbers of what lies between the limits, and one more on each side."""
    if limits is None or axis.size < 2:
        return np.arange(axis.size)
    inside = np.flatnonzero((axis >= limits[0]) & (axis <= limits[1]))
    if not inside.size:
        nearest = np.argsort(np.abs(axis - sum(limits) / 2), kind="stable")[:2]
        return np.arange(nearest.min(), nearest.max() + 1)
    return np.arange(max(inside[0] - 1, 0), min(inside[-1] + 2, axis.size))


def _longitudes(
    lon: NDArray[np.float64], box: tuple[float, float, float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Longitudes counted on from the west of the box (whatever they begin at in the file), and the numbers of those that are needed."""
    if box is None:
        return lon, np.arange(lon.size)
    step = float(np.median(np.abs(np.diff(lon)))) if lon.size > 1 else 1.0
    west, east = box[0] - step, box[2] + step
    counted = west + (lon - west) % 360.0
    inside = np.flatnonzero(counted <= east)
    return counted, inside if inside.size else np.arange(lon.size)


def _values(
    data: Any, name: str, axes: dict[str, str | None], wanted: dict[str, NDArray[np.intp]], kind: FlowKind
) -> NDArray[np.float32]:
    variable = data[name]
    unit = " ".join(str(variable.attrs.get("units", "")).split()).lower()
    if unit not in _TO_M_S:
        raise FormatError(f"{name} is in {unit or 'no unit'}, not in that of a speed: give m s-1.")
    places = {axes[what]: numbers for what, numbers in wanted.items() if axes[what] is not None}
    others = {dimension: 0 for dimension in variable.dims if dimension not in places}
    part = variable.isel({**others, **places}).transpose(*places)
    values = np.asarray(part.values, dtype=np.float32) * np.float32(_TO_M_S[unit])
    if axes["time"] is None:
        values = values[None]
    fastest = float(np.nanmax(np.abs(values), initial=0.0))
    if fastest > _FASTEST_M_S[kind]:
        raise FormatError(f"{name} reaches {fastest:.0f} m/s, more than any {kind}: check its units and its missing value.")
    return values
