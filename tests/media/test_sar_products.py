"""Sentinel-1 products: σ⁰ against the formula on whole tables, positions against geodesics and GDAL, and whatever can be wrong with them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Geod
from rasterio.transform import GCPTransformer
from scipy.interpolate import RegularGridInterpolator

from imagine_kernels.errors import DataError, DataNotFound, FormatError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.sar import boxes_over, find_scenes, open_scene
from imagine_kernels.media.sar_georeference import SENTINEL1_ERROR_M, AffineGeoreference, GridGeoreference, from_control_points
from imagine_kernels.media.tiles import Box
from imagine_kernels.samples.safe_product import NAME, Geometry, place_of, table_lines, table_pixels, write_product

HEIGHT, WIDTH, LINES, STEP = 330, 470, 6, 40
GEOD = Geod(ellps="WGS84")


class Product:
    """A product and its σ⁰ by interpolation over the whole picture at once."""

    def __init__(self, folder: Path, azimuth: bool = True, **options) -> None:
        rng = np.random.default_rng(4)
        pixels, lines = table_pixels(WIDTH, STEP), table_lines(HEIGHT, LINES)
        self.number = rng.integers(60, 900, (HEIGHT, WIDTH)).astype(np.uint16)
        self.number[:, :3] = 0
        calibration = 500 + 80 * rng.random((LINES, pixels.size))
        noise = 4e3 + 2e3 * rng.random((LINES, pixels.size))
        along = 1 + 0.3 * np.sin(np.arange(HEIGHT) / 20) if azimuth else None
        self.path = write_product(
            folder, self.number, calibration=calibration, noise_range=noise, noise_azimuth=along, step=STEP, **options
        )
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        a, eta = (RegularGridInterpolator((lines, pixels), each)((rows, columns)) for each in (calibration, noise))
        self.eta = eta * (along[:, None] if azimuth else 1)
        self.sigma0 = (self.number.astype(float) ** 2 - self.eta) / a**2
        self.floor = self.eta / a**2


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return Product(tmp_path_factory.mktemp("safe"))


def test_sigma0_is_that_of_the_formula(product: Product):
    with Files(product.path.parent) as files:
        scene = open_scene(files)
        found = scene.read(Box(0, 0, WIDTH, HEIGHT))
    assert np.isnan(found[:, :3]).all()
    # σ⁰ of what is hardly above the noise is a small difference: the error is measured by the power that was recorded.
    recorded = product.sigma0 + product.floor
    assert np.max(np.abs(found - product.sigma0)[:, 3:] / recorded[:, 3:]) < 1e-6
    bright = product.sigma0[:, 3:] > product.floor[:, 3:]
    assert np.max(np.abs(found / product.sigma0 - 1)[:, 3:][bright]) < 1e-5
    assert (found[:, 3:] < 0).any()  # the rest of what was noise is kept
    floor = scene.noise_floor(Box(10, 20, 30, 40))
    assert np.allclose(floor, product.floor[20:60, 10:40], rtol=1e-5)


def test_a_product_of_before_the_noise_in_azimuth(tmp_path: Path):
    product = Product(tmp_path, azimuth=False)
    with Files(product.path) as files:
        scene = open_scene(files)
        assert find_scenes(files) == [f"{NAME}.SAFE"]
    found = scene.read(Box(50, 60, 100, 90))
    assert np.allclose(found, product.sigma0[60:150, 50:150], rtol=1e-4, atol=1e-6)


def test_what_the_annotation_says(product: Product):
    scene = open_scene(Files(product.path.parent))
    assert (scene.width, scene.height, scene.levels, scene.polarisation) == (WIDTH, HEIGHT, "sigma0", "VV")
    assert (scene.sensor, scene.spacing_m, scene.looks, scene.problems) == ("Sentinel-1 S1A IW", (10.0, 10.0), 4.4, ())
    assert scene.time is not None
    assert scene.time.isoformat() == "2024-04-12T17:15:00+00:00"
    angle = scene.incidence_deg(Box(0, 100, WIDTH, 7))
    assert angle is not None
    assert np.allclose(angle, 30.5 + 15.5 * np.arange(WIDTH) / (WIDTH - 1), atol=1e-4)


def test_parts_are_the_whole(product: Product):
    scene = open_scene(Files(product.path.parent))
    whole = scene.read(Box(0, 0, WIDTH, HEIGHT))
    seen = np.zeros(whole.shape, dtype=int)
    for box, part in scene.tiles(96, 20):
        at = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
        assert np.array_equal(part, whole[at], equal_nan=True)
        assert np.array_equal(scene.read(box), whole[at], equal_nan=True)
        seen[at] += 1
    assert seen.min() >= 1
    assert np.array_equal(scene.power(-5, -7, 20, 30)[7:, 5:], whole[:23, :15], equal_nan=True)
    assert np.isnan(scene.power(WIDTH + 5, 0, 3, 3)).all()


def test_a_zip_reads_as_the_folder(product: Product, tmp_path: Path):
    target = tmp_path / "scene.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(product.path.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(product.path.parent).as_posix())
    with Files(target) as files, Files(product.path.parent) as folder:
        assert find_scenes(files) == [f"{NAME}.SAFE"]
        box = Box(100, 200, 64, 64)
        assert np.array_equal(open_scene(files).read(box), open_scene(folder).read(box))


def test_positions_are_those_of_the_geodesics_within_the_declared_error(product: Product):
    scene = open_scene(Files(product.path.parent))
    geometry, rng = Geometry(), np.random.default_rng(1)
    x, y = rng.uniform(0, WIDTH, 400), rng.uniform(0, HEIGHT, 400)
    true = place_of(geometry, x - 0.5, y - 0.5)
    lon, lat = scene.georeference.lonlat(x, y)
    assert np.max(GEOD.inv(lon, lat, *true)[2]) < 0.01
    back = scene.georeference.pixels(*true)
    assert np.max(np.abs(np.stack(back) - [x, y])) < 1e-3
    assert scene.georeference.error_m(x, y) == pytest.approx(np.full(400, SENTINEL1_ERROR_M), rel=1e-3)
    # GDAL's polynomials through the same points of the measurement are an independent way to the same places.
    with rasterio.open(next(product.path.glob("measurement/*.tiff"))) as file, GCPTransformer(file.gcps[0]) as gdal:
        theirs = np.array(gdal.xy((y - 0.5).tolist(), (x - 0.5).tolist(), offset="ul"))
    assert np.max(GEOD.inv(lon, lat, *theirs)[2]) < 1.0


@pytest.mark.parametrize(("lon", "lat", "heading"), [(179.9, 70.0, 340.0), (-179.99, -60.0, 190.0), (30.0, 89.4, 350.0)])
def test_neither_the_date_line_nor_a_pole_disturbs(lon: float, lat: float, heading: float):
    geometry = Geometry(lon, lat, heading, (40.0, 40.0))
    x, y = np.linspace(0.5, 6000.5, 21), np.linspace(0.5, 4000.5, 11)
    grid = GridGeoreference(x, y, *place_of(geometry, *np.meshgrid(x - 0.5, y - 0.5)))
    rng = np.random.default_rng(2)
    px, py = rng.uniform(-200, 6200, 300), rng.uniform(-200, 4200, 300)
    true = place_of(geometry, px - 0.5, py - 0.5)
    assert np.max(GEOD.inv(*grid.lonlat(px, py), *true)[2]) < 12  # 200 px beyond the grid it goes straight on
    inside = (px > 0.5) & (px < 6000) & (py > 0.5) & (py < 4000)
    assert np.max(GEOD.inv(*(each[inside] for each in (*grid.lonlat(px, py), *true)))[2]) < 0.1
    back = grid.pixels(*true)
    assert np.max(np.abs(np.stack(back) - [px, py])[:, inside]) < 5e-3
    assert np.isnan(grid.pixels([np.nan], [0.0])[0]).all()


def test_the_declared_error_holds_ninety_five_percent_of_targets():
    # Each trial draws the error of the crossings as one shift, as that of an orbit is; targets count as they lie along east.
    geometry, inside = Geometry(spacing_m=(10.0, 10.0)), 0
    x, y = np.linspace(0.5, 2000.5, 21), np.linspace(0.5, 2000.5, 11)
    lon, lat = place_of(geometry, *np.meshgrid(x - 0.5, y - 0.5))
    rng = np.random.default_rng(3)
    trials = 400
    for _ in range(trials):
        shift = rng.normal(0, SENTINEL1_ERROR_M, 2)
        moved = GEOD.fwd(lon, lat, np.full(lon.shape, np.degrees(np.arctan2(*shift))), np.full(lon.shape, np.hypot(*shift)))
        grid = GridGeoreference(x, y, np.asarray(moved[0]), np.asarray(moved[1]))
        px, py = rng.uniform(0, 2000, 1), rng.uniform(0, 2000, 1)
        azimuth, _, metres = GEOD.inv(*grid.lonlat(px, py), *place_of(geometry, px - 0.5, py - 0.5))
        inside += abs(metres[0] * np.sin(np.radians(azimuth[0]))) < 1.96 * grid.error_m(px, py)[0]
    assert 0.92 < inside / trials < 0.98


def test_the_error_of_interpolation_is_near_the_true_one():
    # A bent grid with few crossings: the estimate must say what the splines really miss, within a factor of three.
    x, y = np.linspace(0.5, 900.5, 9), np.linspace(0.5, 900.5, 9)

    def bent(px, py):
        return 10 + px * 1e-4 + 2e-4 * np.sin(px / 90), 40 + py * 1e-4 + 2e-4 * np.cos(py / 80)

    grid = GridGeoreference(x, y, *bent(*np.meshgrid(x, y)), standard_error_m=0.0)
    px, py = np.random.default_rng(5).uniform(0, 900, (2, 2000))
    misses = GEOD.inv(*grid.lonlat(px, py), *bent(px, py))[2]
    assert 1 / 3 < grid.interpolation_error_m / np.sqrt(np.mean(misses**2)) < 3


def test_a_map_projection_is_that_of_rasterio():
    from rasterio.warp import transform as warped

    transform = (20.0, 3.0, 500_000.0, 2.0, -20.0, 4_000_000.0)
    found = AffineGeoreference(transform, "EPSG:32633", 5.0)
    x, y = np.array([0.0, 10.5, 400.0]), np.array([0.5, 20.0, 100.0])
    east, north = (
        rasterio.Affine(*transform) @ (x, y) if hasattr(rasterio.Affine, "__matmul__") else rasterio.Affine(*transform) * (x, y)
    )
    theirs = warped("EPSG:32633", "EPSG:4326", east, north)
    assert np.allclose(found.lonlat(x, y), theirs, atol=1e-9)
    assert np.allclose(found.pixels(*theirs), [x, y], atol=1e-6)
    assert found.error_m(x, y).tolist() == [5.0, 5.0, 5.0]


def test_scattered_control_points_give_an_affine_with_its_error():
    rng = np.random.default_rng(6)
    x, y = rng.uniform(0, 1000, (2, 40))
    true = AffineGeoreference((10.0, 0.5, 400_000.0, -0.5, -10.0, 4_500_000.0), "EPSG:32633")
    a, b, c, d, e, f = true.transform
    noise = rng.normal(0, 6.0, (2, 40))
    points = list(zip(x, y, a * x + b * y + c + noise[0], d * x + e * y + f + noise[1], strict=True))
    found = from_control_points(points, crs="EPSG:32633")
    assert found.error_m(0, 0) == pytest.approx(6.0, rel=0.3)
    assert np.max(GEOD.inv(*found.lonlat(x, y), *true.lonlat(x, y))[2]) < 8
    with pytest.raises(DataError, match="three that are not on one line"):
        from_control_points([(k, k, 1.0 * k, 2.0 * k) for k in range(5)], crs="EPSG:4326")
    with pytest.raises(DataError, match="is not known: give an EPSG code"):
        AffineGeoreference((1, 0, 0, 0, 1, 0), "EPSG:99999999")


def test_squares_cover_the_picture():
    boxes = boxes_over(1000, 700, 256, 32)
    seen = np.zeros((700, 1000), dtype=int)
    for box in boxes:
        assert (box.width, box.height) == (256, 256)
        seen[box.y : box.y + 256, box.x : box.x + 256] += 1
    assert seen.min() >= 1
    assert boxes_over(100, 50, 256) == [Box(0, 0, 100, 50)]


@pytest.fixture
def broken(product: Product, tmp_path: Path) -> Path:
    return Path(shutil.copytree(product.path, tmp_path / product.path.name))


def change(root: Path, pattern: str, old: str, new: str) -> None:
    file = next(root.glob(pattern))
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("pattern", "old", "new", "what"),
    [
        ("annotation/s1a*.xml", "<productType>GRD", "<productType>SLC", "is a SLC product"),
        ("annotation/s1a*.xml", "</geolocationGridPoint>", "</geolocationGrid", "is not whole XML"),
        ("annotation/s1a*.xml", "<latitude>3", "<latitude>93", "do not lie on the earth"),
        ("annotation/s1a*.xml", f"<numberOfSamples>{WIDTH}", "<numberOfSamples>12", "its annotation says 12"),
        ("annotation/s1a*.xml", "<numberOfLines>330", "<numberOfLines>-3", "gives the picture"),
        ("annotation/s1a*.xml", "<startTime>2024", "<startTime>spring", "startTime"),
        ("annotation/s1a*.xml", "<pixel>0</pixel>", "<pixel>1</pixel>", "no whole grid of positions"),
        ("annotation/calibration/cal*.xml", "sigmaNought count", "sigmaZero count", "is not whole XML"),
        ("annotation/calibration/cal*.xml", "<line>0</line>", "<line>many</line>", "something else than numbers in line"),
        ("annotation/calibration/cal*.xml", 'count="13">5', 'count="13">-5', "values of sigmaNought that cannot be"),
        ("annotation/calibration/cal*.xml", ">0 40 80", ">0 40 40", "whose pixels and values do not match"),
        ("annotation/calibration/noi*.xml", "<noiseAzimuthLut>", "<noiseAzimuthLut>1 ", "lines and values do not match"),
        ("annotation/calibration/noi*.xml", "?>", '?><!DOCTYPE x [<!ENTITY a "b">]>', "declares entities"),
    ],
)
def test_a_product_that_is_not_whole(broken: Path, pattern: str, old: str, new: str, what: str):
    change(broken, pattern, old, new)
    with pytest.raises(FormatError, match=what):
        open_scene(Files(broken.parent))


def test_parts_that_are_missing(broken: Path):
    next(broken.glob("annotation/calibration/noise*")).unlink()
    scene = open_scene(Files(broken.parent))
    assert ["thermal noise" in each.what for each in scene.problems] == [True]
    assert scene.noise_floor(Box(0, 0, 4, 4)) is None
    next(broken.glob("annotation/calibration/cal*")).unlink()
    with pytest.raises(DataNotFound, match="calibration-s1a"):
        open_scene(Files(broken.parent))


def test_a_measurement_that_was_cut_off(broken: Path):
    file = next(broken.glob("measurement/*.tiff"))
    file.write_bytes(file.read_bytes()[:120_000])
    with pytest.raises(ImageError, match="damaged"):
        open_scene(Files(broken.parent)).read(Box(0, 0, WIDTH, HEIGHT))
    file.write_bytes(b"II*\0no tiff at all")
    with pytest.raises(ImageError, match="not a picture that can be read"):
        open_scene(Files(broken.parent))


def test_another_channel_is_said(broken: Path):
    scene = open_scene(Files(broken.parent), polarisation="VH")
    assert (scene.polarisation, scene.problems[0].what) == ("VV", "has no channel VH")
    with pytest.raises(DataNotFound, match="holds no scene other"):
        open_scene(Files(broken.parent), "other")
    with pytest.raises(DataError, match="reaches out of"):
        scene.read(Box(WIDTH - 5, 0, 10, 10))
