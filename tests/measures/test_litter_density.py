"""The density grid: sums, areas and cells, against rasterio and counted positions."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.warp import transform

from imagine_kernels.errors import DataError, SettingError
from imagine_kernels.formats.litter_maps import NODATA, write_density
from imagine_kernels.measures.geodesy import LocalPlane
from imagine_kernels.measures.litter_density import density_grid

PLANE = LocalPlane(2.75, 39.36)


def scene(seed: int = 0, n: int = 300):
    """An L-shaped observed area with a hole, and items in it."""
    rng = np.random.default_rng(seed)
    area = shapely.Polygon(
        [(-30, -10), (40, -10), (40, 5), (0, 5), (0, 25), (-30, 25)], [[(-20, 5), (-10, 5), (-10, 15), (-20, 15)]]
    )
    points = rng.uniform([-30, -10], [40, 25], (4 * n, 2))
    points = points[shapely.contains_xy(area, *points.T)][:n]
    return PLANE.round(area), PLANE.lonlat(*points.T)


@pytest.mark.parametrize("cell_m", [1.0, 2.5, 7.0])
def test_the_grid_sums_to_the_items_and_to_the_area(cell_m):
    observed, (lon, lat) = scene()
    grid = density_grid(lon, lat, observed, cell_m=cell_m)
    assert grid.count.sum() == 300
    assert grid.outside == 0
    assert grid.observed_m2.sum() == pytest.approx(70 * 15 + 30 * 20 - 100, rel=1e-4)
    assert np.nansum(grid.items_per_m2 * grid.observed_m2) == pytest.approx(300)
    assert (np.isnan(grid.items_per_m2) == (grid.observed_m2 == 0)).all()


def test_cells_have_the_area_that_a_raster_counts():
    observed, (lon, lat) = scene()
    grid = density_grid(lon, lat, observed, cell_m=4.0, least_share=0.0)
    rows, columns = grid.count.shape
    fine = rasterize(
        [grid.plane.flat(observed)],
        out_shape=(rows * 80, columns * 80),
        transform=rasterio.transform.from_origin(grid.west_m, grid.north_m, 0.05, 0.05),
    )
    counted = fine.reshape(rows, 80, columns, 80).sum(axis=(1, 3)) * 0.05**2
    np.testing.assert_allclose(grid.observed_m2, counted, atol=0.25)


def test_the_file_says_the_same_to_another_reader(tmp_path):
    observed, (lon, lat) = scene()
    grid = density_grid(lon, lat, observed, cell_m=5.0)
    path = write_density(
        grid.items_per_m2,
        grid.count,
        grid.observed_m2,
        tmp_path / "density.tif",
        west_m=grid.west_m,
        north_m=grid.north_m,
        cell_m=5.0,
        crs=grid.plane.crs,
    )
    with rasterio.open(path) as file:
        assert file.descriptions == ("items_per_m2", "n_items", "observed_m2")
        assert file.units == ("items/m2", "items", "m2")
        assert (file.nodata, file.crs.linear_units) == (NODATA, "metre")
        density, count, area = file.read(masked=True)
        # Each item lies in the cell that GDAL finds for it.
        east, north = transform("EPSG:4326", file.crs, lon.tolist(), lat.tolist())
        rows, columns = rasterio.transform.rowcol(file.transform, east, north)
    again = np.zeros(count.shape)
    np.add.at(again, (rows, columns), 1)
    np.testing.assert_array_equal(again, count.filled(0))
    assert float((density * area).sum()) == pytest.approx(300, rel=1e-5)
    assert density.mask.sum() == np.isnan(grid.items_per_m2).sum() > 0


def test_weights_and_items_beyond_the_rim():
    observed, _ = scene()
    lon, lat = PLANE.lonlat([35.0, 500.0, -15.0, np.nan], [0.0, 0.0, 10.0, 0.0])
    grid = density_grid(lon, lat, observed, cell_m=2.0, weights=[1.5, 2.0, 4.0, 8.0])
    # The second lies far away, the third in the hole, the fourth nowhere.
    assert (np.nansum(grid.items_per_m2 * grid.observed_m2), grid.outside) == (pytest.approx(1.5), 6.0)


def test_what_has_no_grid():
    observed, (lon, lat) = scene()
    with pytest.raises(DataError, match="No ground was observed"):
        density_grid(lon, lat, shapely.Polygon(), cell_m=1)
    with pytest.raises(SettingError, match="The side of a cell is 0 m"):
        density_grid(lon, lat, observed, cell_m=0)
    with pytest.raises(SettingError, match="give larger ones"):
        density_grid(lon, lat, observed, cell_m=0.001)
