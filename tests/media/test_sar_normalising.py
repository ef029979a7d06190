"""The fall of σ⁰ with the angle of incidence, and land in the picture."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom

from imagine_kernels.errors import SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.land_mask import LandMask
from imagine_kernels.media.sar import open_scene
from imagine_kernels.media.sar_georeference import AffineGeoreference, GridGeoreference
from imagine_kernels.media.sar_normalising import cosine_normalised, scene_slope_db_per_deg, slope_db_per_deg, slope_normalised
from imagine_kernels.media.tiles import Box
from imagine_kernels.samples.safe_product import Geometry, place_of, table_pixels, write_product

ANGLE = np.tile(np.linspace(30, 46, 400, dtype=np.float32), (200, 1))


def falling(slope: float, seed: int = 0) -> np.ndarray:
    power = 0.03 * 10 ** (slope * (ANGLE - 35) / 10) * np.random.default_rng(seed).gamma(4.4, 1 / 4.4, ANGLE.shape)
    power[20:60, 100:220] /= 6  # a slick
    power[::50, ::40] *= 500  # ships
    return power.astype(np.float32)


@pytest.mark.parametrize("slope", [-0.6, -0.25, 0.0])
def test_the_fall_is_found_and_taken_away(slope: float):
    power = falling(slope)
    found = slope_db_per_deg(power, ANGLE)
    assert found == pytest.approx(slope, abs=0.02)
    flat = slope_normalised(power, ANGLE, found)
    assert abs(slope_db_per_deg(flat, ANGLE)) < 5e-3
    assert np.median(flat) == pytest.approx(np.median(power[:, 120:130]), rel=0.25)


def test_lambert_s_law():
    level = cosine_normalised((0.05 * np.cos(np.radians(ANGLE)) ** 2).astype(np.float32), ANGLE, reference_deg=40)
    assert np.allclose(level, 0.05 * np.cos(np.radians(40)) ** 2, rtol=1e-5)
    with pytest.raises(SettingError, match="give 0 to less than 90"):
        cosine_normalised(level, ANGLE, reference_deg=95)


def test_too_little_to_tell_the_fall():
    assert slope_db_per_deg(np.full((9, 9), np.nan, np.float32), np.zeros((9, 9), np.float32)) == 0
    assert slope_db_per_deg(np.ones((50, 50), np.float32), np.full((50, 50), 30, np.float32)) == 0


def test_the_fall_in_a_product(tmp_path):
    angle = 30.5 + 15.5 * np.arange(400) / 399
    number = np.sqrt(0.03 * 10 ** (-0.03 * (angle - 35)) * np.random.default_rng(1).gamma(4.4, 1 / 4.4, (300, 400))) * 4000
    tables = np.full((4, table_pixels(400, 40).size), 4000.0)
    root = write_product(tmp_path, number.astype(np.uint16), calibration=tables, noise_range=tables * 0)
    assert scene_slope_db_per_deg(open_scene(Files(root.parent))) == pytest.approx(-0.3, abs=0.03)


def test_land_is_that_of_rasterio_on_a_map():
    transform = rasterio.Affine(30, 0, 400_000, 0, -30, 4_400_000)
    georeference = AffineGeoreference(tuple(transform)[:6], "EPSG:32633")
    island = shapely.Point(405_000, 4_395_000).buffer(2500).difference(shapely.Point(405_000, 4_395_000).buffer(900))
    cape = shapely.Polygon([(407_000, 4_390_000), (420_000, 4_392_000), (415_000, 4_380_000)])
    both = shapely.segmentize(shapely.MultiPolygon([island, cape]), 200)
    land = shapely.geometry.shape(transform_geom("EPSG:32633", "EPSG:4326", shapely.geometry.mapping(both)))
    mask = LandMask(land, georeference, 400, 350)
    expected = ~geometry_mask([both], (350, 400), transform)
    found = np.block([[mask.over(Box(x, y, 100, 70)) for x in range(0, 400, 100)] for y in range(0, 350, 70)])
    assert expected.sum() > 10_000
    assert (found != expected).sum() <= 2
    assert LandMask(land, georeference, 400, 350, buffer_m=300).over(Box(0, 0, 400, 350)).sum() > expected.sum() + 3000


def test_land_in_a_grid_across_the_date_line():
    geometry = Geometry(179.8, -18.0, 350.0, (40.0, 40.0))
    x, y = np.linspace(0.5, 1000.5, 21), np.linspace(0.5, 800.5, 11)
    grid = GridGeoreference(x, y, *place_of(geometry, *np.meshgrid(x - 0.5, y - 0.5)))
    rows, columns = np.mgrid[0:800:20, 0:1000:20]
    lon, lat = place_of(geometry, columns, rows)
    land = shapely.MultiPolygon([shapely.box(179.9, -17.95, 180, -17.8), shapely.box(-180, -17.95, -179.95, -17.8)])
    found = LandMask(land, grid, 1000, 800).over(Box(0, 0, 1000, 800))[rows, columns]
    east = np.where(lon < 0, lon + 360, lon)
    expected = (east > 179.9) & (east < 180.05) & (lat > -17.95) & (lat < -17.8)
    assert expected.sum() > 100
    assert (found != expected).mean() < 0.002
    assert not LandMask(shapely.box(0, 0, 5, 5), grid, 1000, 800).over(Box(0, 0, 1000, 800)).any()
