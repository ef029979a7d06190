"""Currents, winds and Stokes drift: two components on a grid of time, latitude and longitude, whatever file they came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError

FlowKind = Literal["current", "wind", "stokes"]


@dataclass(frozen=True, eq=False)
class Flow:
    """Eastward and northward speed on a regular grid.

    Attributes
    ----------
    kind : {"current", "wind", "stokes"}
    start : datetime
        UTC; `seconds` count from it.
    seconds : (t,) float64 ndarray
        Ascending; one time stands for all.
    lat, lon : (n,) and (m,) float64 ndarrays
        Degrees, ascending; longitudes may be counted beyond 180.
    east, north : (t, n, m) float32 ndarrays
        m/s; NaN on land.

    Raises
    ------
    DataError
        The sizes do not match, or an axis does not ascend.
    """

    kind: FlowKind
    start: datetime
    seconds: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    east: NDArray[np.float32]
    north: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = (self.seconds.size, self.lat.size, self.lon.size)
        if self.east.shape != shape or self.north.shape != shape or 0 in shape:
            raise DataError(f"A {self.kind} on a grid of {shape} cannot have {self.east.shape} and {self.north.shape} values.")
        for name, axis in (("time", self.seconds), ("latitude", self.lat), ("longitude", self.lon)):
            if not np.isfinite(axis).all() or (np.diff(axis) <= 0).any():
                raise DataError(f"The {name} of a {self.kind} must ascend: sort its file.")
        if self.start.tzinfo is None:
            raise DataError(f"The time of a {self.kind} needs a time zone: give it in UTC.")
