"""A grid of items per m², corrected for how much of each cell was looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError, SettingError
from imagine_kernels.measures.geodesy import LocalPlane

if TYPE_CHECKING:
    from shapely import Geometry

#: A grid of more cells is refused.
MAX_CELLS = 4_000_000


@dataclass(frozen=True, kw_only=True)
class DensityGrid:
    """Items in the cells of a grid, the first row in the north, the first column in the west.

    Attributes
    ----------
    count : (rows, columns) float64 ndarray
        Items, or what they stand for where they have weights.
    observed_m2 : (rows, columns) float64 ndarray
        What of each cell was looked at.
    items_per_m2 : (rows, columns) float64 ndarray
        `count` over `observed_m2`; NaN where nothing of the cell was looked at.
    west_m, north_m : float
        Of the corner of the first cell, on the plane.
    cell_m : float
    plane : LocalPlane
        The plane that the metres are on.
    outside : float
        Items (or weights) of which the cell was not looked at at all: where a position errs over the rim of the observed area.
    """

    count: NDArray[np.float64]
    observed_m2: NDArray[np.float64]
    items_per_m2: NDArray[np.float64]
    west_m: float
    north_m: float
    cell_m: float
    plane: LocalPlane
    outside: float


def density_grid(
    lon: ArrayLike,
    lat: ArrayLike,
    observed: Geometry,
    *,
    cell_m: float,
    weights: ArrayLike | None = None,
    least_share: float = 0.01,
) -> DensityGrid:
    """Count items in the cells of a grid over the observed area.

    Parameters
    ----------
    lon, lat : (n,) arrays
        Of the items, degrees; those without a position are not counted anywhere.
    observed : Polygon or MultiPolygon
        The union of footprints, in longitude and latitude.
    cell_m : float
        Side of a cell.
    weights : (n,) array, optional
        What each item stands for, such as precision over recall of its class.
    least_share : float
        A cell of which a smaller share was looked at counts as not looked at, and has no density.

    Raises
    ------
    DataError
        Nothing was observed.
    SettingError
        The side of a cell is not above 0, or gives more cells than can be held.
    """
    import shapely

    if observed.is_empty:
        raise DataError("No ground was observed, so that there is no density: check the positions of the photos.")
    if not (math.isfinite(cell_m) and cell_m > 0):
        raise SettingError(f"The side of a cell is {cell_m:g} m: give a number above 0.")
    plane = LocalPlane.around(*shapely.get_coordinates(observed).T)
    flat = plane.flat(observed)
    east, north = plane.metres(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    known = np.isfinite(east) & np.isfinite(north)
    value = (np.ones(len(east)) if weights is None else np.asarray(weights, dtype=np.float64))[known]
    east, north = east[known], north[known]
    # Whole cells from the middle of the plane, so that the grid does not hang on a single item. Items beyond the rim are within one cell of it.
    x_min, y_min, x_max, y_max = flat.bounds
    west, south = math.floor(x_min / cell_m), math.floor(y_min / cell_m)
    columns, rows = max(1, math.ceil(x_max / cell_m) - west), max(1, math.ceil(y_max / cell_m) - south)
    if rows * columns > MAX_CELLS:
        raise SettingError(
            f"Cells of {cell_m:g} m give a grid of {rows} × {columns}: give larger ones, so that there are at most {MAX_CELLS:,}."
        )
    top = south + rows
    seen = _observed(flat, west, top, rows, columns, cell_m)
    column, row = np.floor(east / cell_m).astype(np.int64) - west, top - 1 - np.floor(north / cell_m).astype(np.int64)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    count = np.zeros((rows, columns))
    np.add.at(count, (row[inside], column[inside]), value[inside])
    looked = seen >= least_share * cell_m**2
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where(looked, count / seen, np.nan)
    outside = float(value[~inside].sum() + count[~looked].sum())
    return DensityGrid(
        count=count, observed_m2=np.where(looked, seen, 0.0), items_per_m2=density, west_m=west * cell_m, north_m=top * cell_m,
        cell_m=float(cell_m), plane=plane, outside=outside,
    )  # fmt: skip


def _observed(flat: Geometry, west: int, top: int, rows: int, columns: int, cell: float) -> NDArray[np.float64]:
    """Area (rows, columns) of each cell that lies in the observed one, m²."""
    import shapely

    shapely.prepare(flat)
    x = (west + np.arange(columns)) * cell
    area = np.zeros((rows, columns))
    for row in range(rows):
        y = (top - 1 - row) * cell
        # Of a row only what can meet: a grid of a long beach is mostly empty.
        band = shapely.clip_by_rect(flat, float(x[0]), y, float(x[-1] + cell), y + cell)
        if band.is_empty:
            continue
        boxes = shapely.box(x, y, x + cell, y + cell)
        area[row] = shapely.area(shapely.intersection(boxes, shapely.make_valid(band)))
    return area
