"""Where drifting particles were at each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError

#: What a particle is doing, by number.
STATES = ("drifting", "stranded", "left the fields", "not yet released")


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Paths of n particles at t times.

    Attributes
    ----------
    start : datetime
        UTC; `seconds` count from it.
    seconds : (t,) float64 ndarray
        Ascending in a forecast, descending in a hindcast.
    lon, lat : (t, n) float64 ndarrays
        Degrees, longitudes from -180 to 180.
    state : (t, n) uint8 ndarray
        Places in `STATES`.

    Raises
    ------
    DataError
        The sizes do not match.
    """

    start: datetime
    seconds: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    state: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if not self.lon.shape == self.lat.shape == self.state.shape or self.lon.shape[:1] != self.seconds.shape:
            raise DataError("Positions, states and times of particles differ in number.")

    @property
    def hours(self) -> NDArray[np.float64]:
        """Time since the start (t,), negative in a hindcast."""
        return self.seconds / 3600
