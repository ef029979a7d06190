"""Currents, winds and Stokes drift at any place and time, for what drifts in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records.flow import Flow

Numbers = NDArray[np.float64]


class Speed(Protocol):
    """Something that has a speed everywhere."""

    def at(self, when: datetime, lon: Numbers, lat: Numbers) -> tuple[Numbers, Numbers]:
        """Eastward and northward speed (n,) at positions (n,) in degrees, m/s; NaN where it is not known."""
        ...

    def check_covers(self, first: datetime, last: datetime) -> None:
        """Raise `DataError` where a part of the time between is not known."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same speed everywhere, m/s."""

    east_m_s: float
    north_m_s: float

    @classmethod
    def wind(cls, speed_m_s: float, from_deg: float) -> Constant:
        """A wind as meteorologists say it: the direction is that from which it blows, clockwise from north.

        Raises
        ------
        DataError
            The speed is negative or more than any wind.
        """
        if not 0 <= speed_m_s <= 90:
            raise DataError(f"A wind of {speed_m_s:g} m/s cannot be: give the speed at 10 m in m/s.")
        angle = math.radians(from_deg)
        return cls(-speed_m_s * math.sin(angle), -speed_m_s * math.cos(angle))

    @classmethod
    def current(cls, speed_m_s: float, towards_deg: float) -> Constant:
        """A current as oceanographers say it: the direction is that towards which it flows, clockwise from north."""
        angle = math.radians(towards_deg)
        return cls(speed_m_s * math.sin(angle), speed_m_s * math.cos(angle))

    def at(self, when: datetime, lon: Numbers, lat: Numbers) -> tuple[Numbers, Numbers]:
        """See `Speed`."""
        del when, lat
        return np.full(lon.shape, self.east_m_s), np.full(lon.shape, self.north_m_s)

    def check_covers(self, first: datetime, last: datetime) -> None:
        """Always."""


@dataclass(frozen=True)
class Gridded:
    """A flow on a grid, interpolated linearly in time, latitude and longitude.

    Where some corners of a cell are land (NaN) the others are weighed among themselves, so that the flow reaches to the coast. Outside of the
    grid, and where all corners are land, it is not known. A grid that goes round the earth is joined at its ends.
    """

    flow: Flow

    def at(self, when: datetime, lon: Numbers, lat: Numbers) -> tuple[Numbers, Numbers]:
        """See `Speed`."""
        flow = self.flow
        seconds = (when - flow.start).total_seconds()
        rows, row_part, row_known = _cells(flow.lat, lat)
        columns, next_columns, column_part, column_known = self._columns(lon)
        inside = row_known & column_known
        step = int(np.clip(np.searchsorted(flow.seconds, seconds, side="right") - 1, 0, max(flow.seconds.size - 2, 0)))
        later = min(step + 1, flow.seconds.size - 1)
        part = (
            0.0
            if later == step
            else float(np.clip((seconds - flow.seconds[step]) / (flow.seconds[later] - flow.seconds[step]), 0, 1))
        )
        next_rows = np.minimum(rows + 1, flow.lat.size - 1)
        sums = np.zeros((3, lon.size))
        for time, of_time in ((step, 1 - part), (later, part)):
            for row, of_row in ((rows, 1 - row_part), (next_rows, row_part)):
                for column, of_column in ((columns, 1 - column_part), (next_columns, column_part)):
                    east, north = flow.east[time, row, column], flow.north[time, row, column]
                    known = np.isfinite(east) & np.isfinite(north)
                    weight = np.where(known, of_time * of_row * of_column, 0.0)
                    sums += [weight, weight * np.where(known, east, 0), weight * np.where(known, north, 0)]
        whole = np.where(inside & (sums[0] > 1e-6), sums[0], np.nan)
        return sums[1] / whole, sums[2] / whole

    def check_covers(self, first: datetime, last: datetime) -> None:
        """Half a step beyond its ends is allowed; one time alone stands for all."""
        flow = self.flow
        if flow.seconds.size < 2:
            return
        slack = timedelta(seconds=float(np.max(np.diff(flow.seconds))) / 2)
        begins, ends = (flow.start + timedelta(seconds=float(flow.seconds[k])) for k in (0, -1))
        if first < begins - slack or last > ends + slack:
            raise DataError(
                f"The {flow.kind} is known from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, not from {first:%Y-%m-%d %H:%M} to"
                f" {last:%Y-%m-%d %H:%M}: fetch those days, or drift for a shorter time."
            )

    def _columns(self, lon: Numbers) -> tuple[NDArray[np.intp], NDArray[np.intp], Numbers, NDArray[np.bool_]]:
        axis = self.flow.lon
        counted = axis[0] + (lon - axis[0]) % 360.0
        # A place just west of the grid must not become one 360° east of it.
        counted = np.where(counted > axis[-1] + 180, counted - 360, counted)
        columns, part, known = _cells(axis, counted)
        following = np.minimum(columns + 1, axis.size - 1)
        step = (axis[-1] - axis[0]) / max(axis.size - 1, 1)
        if axis.size > 2 and abs(axis[-1] - axis[0] + step - 360) < 0.01 * step:
            counted = axis[0] + (lon - axis[0]) % 360.0
            beyond = counted > axis[-1]
            columns = np.where(beyond, axis.size - 1, columns)
            following = np.where(beyond, 0, following)
            part = np.where(beyond, (counted - axis[-1]) / step, part)
            known = known | beyond
        return columns, following, part, known


def speed_at(field: Speed, when: datetime) -> Callable[[float, float], float]:
    """How fast a wind or current is at a time, m/s, by longitude and latitude: for the table of slicks; NaN where it is not known.

    Raises
    ------
    DataError
        The field does not reach to that time.
    """
    field.check_covers(when, when)

    def speed(lon: float, lat: float) -> float:
        east, north = field.at(when, np.array([lon]), np.array([lat]))
        return math.hypot(float(east[0]), float(north[0]))

    return speed


def _cells(axis: Numbers, values: Numbers) -> tuple[NDArray[np.intp], Numbers, NDArray[np.bool_]]:
    """Number of the cell that each value is in, how far in it lies (0 to 1), and whether it is on the axis at all."""
    if axis.size == 1:
        return np.zeros(values.shape, dtype=np.intp), np.zeros(values.shape), np.isfinite(values)
    cell = np.clip(np.searchsorted(axis, values, side="right") - 1, 0, axis.size - 2)
    part = (values - axis[cell]) / (axis[cell + 1] - axis[cell])
    known = (values >= axis[0] - 1e-9) & (values <= axis[-1] + 1e-9)
    return cell, np.clip(np.nan_to_num(part), 0, 1), known
