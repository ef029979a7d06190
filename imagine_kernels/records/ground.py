"""Places on the ground in metres: control points, transects, and the net of cells on which a plan view is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from shapely import LineString

Numbers = NDArray[np.float64]
#: A net with more cells than this is refused.
MAX_CELLS = 400_000_000


@dataclass(frozen=True, eq=False)
class ControlPoints:
    """Points whose place is surveyed and that are seen in a picture.

    Attributes
    ----------
    names : tuple of str
    pixels : (n, 2) float64 ndarray
        x and y in the picture, px.
    places : (n, 3) float64 ndarray
        East, north and up, m.
    crs : str
        Coordinate system of the places; empty for local metres.

    Raises
    ------
    DataError
        The numbers of names, pixels and places differ.
    """

    names: tuple[str, ...]
    pixels: Numbers
    places: Numbers
    crs: str = ""

    def __post_init__(self) -> None:
        n = len(self.names)
        if self.pixels.shape != (n, 2) or self.places.shape != (n, 3):
            raise DataError(
                f"{n} control points need {n} pairs of pixels and {n} places (east, north, up),"
                f" not {self.pixels.shape} and {self.places.shape}: check the table."
            )

    def __len__(self) -> int:
        return len(self.names)

    def where(self, rows: ArrayLike) -> ControlPoints:
        """Some of them: a boolean mask (n,) or positions."""
        chosen = np.asarray(rows)
        at = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return ControlPoints(tuple(self.names[k] for k in at), self.pixels[at], self.places[at], self.crs)


@dataclass(frozen=True, slots=True)
class Transect:
    """A line across the shore, from a point on land towards the sea.

    Attributes
    ----------
    name : str
    x0_m, y0_m : float
        Where it begins, on land, m.
    x1_m, y1_m : float
        Where it ends, at sea, m.
    crs : str
        Coordinate system; empty for local metres.

    Raises
    ------
    DataError
        It has no length.
    """

    name: str
    x0_m: float
    y0_m: float
    x1_m: float
    y1_m: float
    crs: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.length_m < math.inf:
            raise DataError(
                f"The transect {self.name} has no length: give two different points in metres, from the land to the sea."
            )

    @property
    def length_m(self) -> float:
        """From its begin to its end, m."""
        return math.hypot(self.x1_m - self.x0_m, self.y1_m - self.y0_m)

    @property
    def direction(self) -> tuple[float, float]:
        """East and north of one metre towards the sea."""
        return (self.x1_m - self.x0_m) / self.length_m, (self.y1_m - self.y0_m) / self.length_m

    def positions(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Numbers, Numbers]:
        """How far towards the sea, and how far to the left of the transect places (n,) lie, m."""
        east, north = self.direction
        dx, dy = np.asarray(x_m, dtype=np.float64) - self.x0_m, np.asarray(y_m, dtype=np.float64) - self.y0_m
        return dx * east + dy * north, dy * east - dx * north

    def line(self) -> LineString:
        """The same as a line of shapely, m."""
        from shapely import LineString

        return LineString([(self.x0_m, self.y0_m), (self.x1_m, self.y1_m)])


@dataclass(frozen=True, slots=True)
class GroundGrid:
    """A net of square cells on the ground, its rows running from the far side (north, where it is not turned) to the near one.

    Attributes
    ----------
    x_m, y_m : float
        The outer corner of the first cell of the first row (north-west, where it is not turned), m.
    spacing_m : float
        Side of a cell, m.
    columns, rows : int
    turned_deg : float
        How far the rows are turned from east, counter-clockwise, degrees.
    crs : str
        Coordinate system; empty for local metres.

    Raises
    ------
    DataError
        There are no cells, or too many.
    """

    x_m: float
    y_m: float
    spacing_m: float
    columns: int
    rows: int
    turned_deg: float = 0.0
    crs: str = ""

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (self.x_m, self.y_m, self.spacing_m, self.turned_deg)))
        if not finite or self.spacing_m <= 0 or min(self.columns, self.rows) < 1:
            raise DataError("A plan view needs a corner in metres, cells larger than 0 m, and one row and column at least.")
        if self.columns * self.rows > MAX_CELLS:
            raise DataError(
                f"A plan view of {self.columns} × {self.rows} cells is too large: take larger cells or a smaller part."
            )

    @classmethod
    def over(cls, bounds: tuple[float, float, float, float], spacing_m: float, *, crs: str = "") -> GroundGrid:
        """Cells that cover x_min, y_min, x_max, y_max, m."""
        x_min, y_min, x_max, y_max = bounds
        if not (x_max > x_min and y_max > y_min and spacing_m > 0 and all(map(math.isfinite, bounds))):
            raise DataError(
                f"A plan view needs x_min < x_max, y_min < y_max in metres and a spacing above 0, not {bounds}, {spacing_m}."
            )
        columns, rows = math.ceil((x_max - x_min) / spacing_m - 1e-9), math.ceil((y_max - y_min) / spacing_m - 1e-9)
        return cls(x_min, y_max, spacing_m, columns, rows, crs=crs)

    @property
    def affine(self) -> tuple[float, float, float, float, float, float]:
        """a, b, c, d, e, f with x = a · column + b · row + c and y = d · column + e · row + f, as rasterio takes them."""
        c, s = math.cos(math.radians(self.turned_deg)) * self.spacing_m, math.sin(math.radians(self.turned_deg)) * self.spacing_m
        return c, s, self.x_m, s, -c, self.y_m

    def places(self, column: ArrayLike, row: ArrayLike) -> tuple[Numbers, Numbers]:
        """East and north, m, of positions in cells; the centre of the first cell is (0.5, 0.5)."""
        a, b, c, d, e, f = self.affine
        i, j = np.asarray(column, dtype=np.float64), np.asarray(row, dtype=np.float64)
        return a * i + b * j + c, d * i + e * j + f

    def cells(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Numbers, Numbers]:
        """Column and row of places in m: `places` the other way round."""
        a, b, c, d, e, f = self.affine
        x, y, determinant = np.asarray(x_m, dtype=np.float64) - c, np.asarray(y_m, dtype=np.float64) - f, a * e - b * d
        return (e * x - b * y) / determinant, (a * y - d * x) / determinant

    def centres(self, first_row: int = 0, last_row: int | None = None) -> tuple[Numbers, Numbers]:
        """East and north (rows, columns) of the centres of the cells, m, of all rows or of some."""
        last = self.rows if last_row is None else min(last_row, self.rows)
        return self.places(np.arange(self.columns)[None, :] + 0.5, np.arange(first_row, last)[:, None] + 0.5)

    def corners(self) -> Numbers:
        """(4, 2) east and north of the outer corners, m."""
        x, y = self.places([0, self.columns, self.columns, 0], [0, 0, self.rows, self.rows])
        return np.column_stack([x, y])
