"""A line along the shore, from which positions along it and across it are counted, and the transects that stand on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import from_lonlat, to_lonlat
from imagine_kernels.records.ground import Transect

if TYPE_CHECKING:
    from shapely import LineString

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShoreBaseline:
    """A line along the shore.

    Attributes
    ----------
    points : (n, 2) float64 ndarray
        East and north, m; positions along the shore count from the first.
    sea : {"left", "right"}
        On which side the sea lies, for who walks along it.
    crs : str

    Raises
    ------
    DataError
        It is no line.
    """

    points: Numbers
    sea: Literal["left", "right"]
    crs: str = ""

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float64)
        if (
            points.ndim != 2
            or points.shape[1] != 2
            or len(points) < 2
            or not np.isfinite(points).all()
            or not np.ptp(points, axis=0).max() > 0
        ):
            raise DataError("A baseline needs two points or more, east and north in metres, along the shore.")
        if self.sea not in ("left", "right"):
            raise DataError(f"The sea lies left or right of a baseline, not {self.sea!r}.")

    @cached_property
    def line(self) -> LineString:
        """The same as a line of shapely."""
        from shapely import LineString

        return LineString(self.points)

    def positions(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Numbers, Numbers]:
        """How far along the line, and how far towards the sea of it places (n,) lie, m."""
        import shapely

        x, y = np.broadcast_arrays(np.asarray(x_m, dtype=np.float64), np.asarray(y_m, dtype=np.float64))
        known = np.isfinite(x) & np.isfinite(y)
        along, across = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        spots = shapely.points(x[known], y[known])
        along[known] = shapely.line_locate_point(self.line, spots)
        tangent = self.tangents(along[known])
        foot = shapely.get_coordinates(shapely.line_interpolate_point(self.line, along[known]))
        offset = np.column_stack([x[known], y[known]]) - foot
        left = tangent[:, 0] * offset[:, 1] - tangent[:, 1] * offset[:, 0]
        across[known] = np.sign(left if self.sea == "left" else -left) * np.hypot(offset[:, 0], offset[:, 1])
        return along, across

    def tangents(self, along_m: ArrayLike) -> Numbers:
        """(n, 2) directions of the line at positions along it."""
        steps = np.diff(self.points, axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        steps, lengths = steps[lengths > 0], lengths[lengths > 0]
        at = np.searchsorted(np.cumsum(lengths), np.asarray(along_m, dtype=np.float64), side="right")
        at = np.clip(at, 0, len(steps) - 1)
        return np.asarray(steps[at] / lengths[at][..., None])

    def seaward(self, along_m: ArrayLike) -> Numbers:
        """(n, 2) directions across the line towards the sea at positions along it."""
        tangent = self.tangents(along_m)
        left = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)
        return left if self.sea == "left" else -left

    def transects(self, *, every_m: float, length_m: float, prefix: str = "T") -> list[Transect]:
        """Transects that stand on the line towards the sea, from its begin on.

        Raises
        ------
        DataError
            The distances are not above 0.
        """
        import shapely

        if not (every_m > 0 and length_m > 0 and self.line.length / every_m < 1e5):
            raise DataError("Transects need a distance and a length above 0 m.")
        along = np.arange(0.0, self.line.length + 1e-9, every_m)
        feet = shapely.get_coordinates(shapely.line_interpolate_point(self.line, along))
        ends = feet + length_m * self.seaward(along)
        return [
            Transect(f"{prefix}{k}", float(foot[0]), float(foot[1]), float(end[0]), float(end[1]), self.crs)
            for k, (foot, end) in enumerate(zip(feet, ends, strict=True), start=1)
        ]


def in_system(transect: Transect, crs: str) -> Transect:
    """A transect in the coordinate system of a camera.

    Raises
    ------
    DataError
        One of the two systems is not known, and they differ.
    """
    if transect.crs == crs:
        return transect
    if not transect.crs or not crs:
        raise DataError(
            f"The transect {transect.name} is in {transect.crs or 'local metres'}, the camera in {crs or 'local metres'}:"
            " give both in the same coordinate system, or name both."
        )
    lon, lat = to_lonlat(transect.crs, [transect.x0_m, transect.x1_m], [transect.y0_m, transect.y1_m])
    x, y = from_lonlat(crs, lon, lat)
    return Transect(transect.name, float(x[0]), float(y[0]), float(x[1]), float(y[1]), crs)
