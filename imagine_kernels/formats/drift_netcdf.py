"""Paths of particles as NetCDF of the CF conventions (featureType trajectory), which OpenDrift, MEDSLIK-II's tools and GIS programs read.

References
----------
CF Conventions 1.8, appendix H.4.1: multidimensional array representation of trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.records.trajectories import STATES, Trajectories
from imagine_kernels.settings import placed


def write_trajectories(found: Trajectories, path: Path, *, about: Mapping[str, str | float] | None = None) -> Path:
    """Write paths; longitudes and latitudes are kept to double precision.

    Parameters
    ----------
    found : Trajectories
    path : Path
    about : mapping, optional
        Global attributes, such as the settings of the drift.
    """
    import xarray as xr

    order = np.argsort(found.seconds, kind="stable")
    n = found.lon.shape[1]
    since = f"seconds since {found.start.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}"
    place = ("trajectory", "obs")
    data = xr.Dataset(
        {
            "trajectory": ("trajectory", np.arange(n, dtype=np.int32), {"cf_role": "trajectory_id"}),
            "time": ("obs", found.seconds[order], {"standard_name": "time", "units": since, "calendar": "standard"}),
            "lon": (place, found.lon[order].T, {"standard_name": "longitude", "units": "degrees_east"}),
            "lat": (place, found.lat[order].T, {"standard_name": "latitude", "units": "degrees_north"}),
            "state": (
                place,
                found.state[order].T,
                {
                    "flag_values": np.arange(len(STATES), dtype=np.uint8),
                    "flag_meanings": " ".join(each.replace(" ", "_") for each in STATES),
                },
            ),
        },
        attrs={"Conventions": "CF-1.8", "featureType": "trajectory", "backwards": int(found.seconds[-1] < 0), **(about or {})},
    )
    with placed(Path(path)) as passing:
        data.to_netcdf(
            passing, engine="netcdf4", encoding={name: {"zlib": True, "_FillValue": None} for name in ("lon", "lat", "state")}
        )
    return Path(path)


def read_trajectories(path: Path) -> Trajectories:
    """Read what `write_trajectories` wrote.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no NetCDF file with paths.
    """
    import xarray as xr

    if not Path(path).is_file():
        raise DataNotFound.no_such_path(path)
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False, mask_and_scale=False) as data:
            seconds, lon, lat, state = (np.asarray(data[name].values) for name in ("time", "lon", "lat", "state"))
            start = datetime.fromisoformat(str(data["time"].attrs["units"]).removeprefix("seconds since ")).replace(tzinfo=UTC)
            backwards = bool(data.attrs.get("backwards", 0))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise FormatError(
            f"{Path(path).name} is no NetCDF file with paths of particles ({type(error).__name__}): write it again."
        ) from None
    order = slice(None, None, -1) if backwards else slice(None)
    return Trajectories(start, seconds[order].astype(np.float64), lon.T[order], lat.T[order], state.T[order].astype(np.uint8))
