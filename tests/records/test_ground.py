"""Nets of cells as rasterio has them, transects, and control points that belong together."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.transform import Affine, rowcol, xy

from imagine_kernels.errors import DataError
from imagine_kernels.records.ground import ControlPoints, GroundGrid, Transect


@pytest.mark.parametrize("turned", [0.0, 20.0253, -130.0])
def test_cells_lie_where_rasterio_has_them(turned: float) -> None:
    grid = GroundGrid(901_951.7, 274_093.2, 0.5, 40, 30, turned)
    transform = Affine(*grid.affine)
    east, north = grid.centres()
    assert east.shape == (30, 40)
    wanted = xy(transform, [3, 29], [0, 39], offset="center")
    np.testing.assert_allclose([east[[3, 29], [0, 39]], north[[3, 29], [0, 39]]], wanted, atol=1e-6)
    rows, columns = rowcol(transform, east.ravel(), north.ravel())
    np.testing.assert_array_equal(np.array(rows).reshape(30, 40), np.arange(30)[:, None].repeat(40, axis=1))
    column, row = grid.cells(east, north)
    np.testing.assert_allclose(column[0], np.arange(40) + 0.5, atol=1e-6)
    np.testing.assert_allclose(row[:, 0], np.arange(30) + 0.5, atol=1e-6)
    assert len(set(columns)) == 40


def test_bounds_are_covered() -> None:
    grid = GroundGrid.over((10, 20, 21, 25.5), 1.0)
    assert (grid.columns, grid.rows) == (11, 6)
    np.testing.assert_allclose(grid.corners(), [[10, 25.5], [21, 25.5], [21, 19.5], [10, 19.5]])


def test_transects_count_towards_the_sea() -> None:
    transect = Transect("A", 0, 0, 0, 100)
    along, left = transect.positions([0, -3, 4], [10, 20, 30])
    np.testing.assert_allclose(along, [10, 20, 30])
    np.testing.assert_allclose(left, [0, 3, -4])
    assert transect.line().length == 100


def test_what_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="has no length"):
        Transect("A", 1, 1, 1, 1)
    with pytest.raises(DataError, match="cells larger than 0"):
        GroundGrid(0, 0, 0, 3, 3)
    with pytest.raises(DataError, match="too large"):
        GroundGrid(0, 0, 1, 100_000, 100_000)
    with pytest.raises(DataError, match="x_min < x_max"):
        GroundGrid.over((1, 0, 0, 1), 1)
    with pytest.raises(DataError, match="need 2 pairs"):
        ControlPoints(("a", "b"), np.zeros((1, 2)), np.zeros((2, 3)))
