"""GeoTIFFs and plain pictures of a radar: what their numbers are, where they lie, when they were taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.control import GroundControlPoint

from imagine_kernels.errors import DataNotFound, ImageError, SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.sar import find_scenes, open_scene
from imagine_kernels.media.sar_values import stored_as, to_db
from imagine_kernels.media.tiles import Box

RNG = np.random.default_rng(0)
SIGMA0 = RNG.gamma(4.4, 0.02 / 4.4, (60, 80)).astype(np.float32)
UTM = {"crs": "EPSG:32631", "transform": rasterio.Affine(20, 0, 500_000, 0, -20, 4_500_000)}


def write(path: Path, values: np.ndarray, *, unit: str = "", description: str = "", tags=None, scale=None, **options) -> Path:
    bands = values if values.ndim == 3 else values[None]
    form = {"driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": len(bands), "dtype": bands.dtype}
    with rasterio.open(path, "w", **form, **options) as file:
        file.write(bands)
        if unit:
            file.units = [unit] * len(bands)
        if description:
            file.descriptions = description.split("|")
        if scale:
            file.scales = [scale] * len(bands)
        file.update_tags(**(tags or {}))
    return path


def opened(path: Path, **settings):
    return open_scene(Files(path), **settings)


def whats(scene) -> list[str]:
    return [problem.what for problem in scene.problems]


def test_ratios_and_decibels_are_told_apart_by_the_numbers(tmp_path: Path):
    ratio = opened(write(tmp_path / "S1A_20240412T171500_ratio.tif", SIGMA0, **UTM))
    decibels = opened(write(tmp_path / "decibels.tif", 10 * np.log10(SIGMA0), **UTM))
    box = Box(0, 0, 80, 60)
    assert np.allclose(ratio.read(box), SIGMA0)
    assert np.allclose(decibels.read(box), SIGMA0, rtol=1e-5)
    assert ["they look like sigma0" in each for each in whats(ratio)] == [True]
    assert ["they look like sigma0 in dB" in each for each in whats(decibels)] == [True]
    assert (ratio.levels, ratio.sensor, ratio.time.isoformat()) == ("sigma0", "Sentinel-1 S1A", "2024-04-12T17:15:00+00:00")
    assert ratio.spacing_m == pytest.approx((20.0, 20.0), rel=5e-4)  # UTM's scale in the middle is 0.9996
    assert decibels.time is None


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"unit": "dB"}, "sigma0 in dB"),
        ({"description": "Sigma0_VV_db"}, "sigma0 in dB"),
        ({"tags": {"units": "dB"}}, "sigma0 in dB"),
        ({"description": "Sigma0_VV"}, "sigma0"),
        ({"unit": "linear"}, "sigma0"),
    ],
)
def test_what_the_file_says_counts(tmp_path: Path, options: dict, stored: str):
    values = 10 * np.log10(SIGMA0) if stored.endswith("dB") else SIGMA0
    scene = opened(write(tmp_path / "a.tif", values.astype(np.float32), **options, **UTM))
    assert scene.source.stored == stored
    assert np.allclose(scene.read(Box(3, 4, 20, 10)), SIGMA0[4:14, 3:23], rtol=1e-5)
    assert scene.problems == ()


def test_what_the_user_says_counts_most(tmp_path: Path):
    path = write(tmp_path / "a.tif", SIGMA0, unit="dB", **UTM)
    assert np.allclose(opened(path, stored="sigma0").read(Box(0, 0, 80, 60)), SIGMA0)
    with pytest.raises(SettingError, match="choose one of auto, sigma0, sigma0 in dB, amplitude"):
        opened(path, stored="gamma0")
    with pytest.raises(SettingError, match="give metres"):
        opened(path, standard_error_m=-1)


def test_integers_with_a_scale_and_missing_values(tmp_path: Path):
    stored = np.rint(10 * np.log10(SIGMA0) / 0.05).astype(np.int16)
    stored[0, :5] = -32768
    angle = np.tile(np.linspace(600, 800, 80), (60, 1)).astype(np.int16)
    both = np.stack([stored, angle])
    path = write(
        tmp_path / "a.tif", both, unit="dB", description="sigma0 VV|incidence angle", scale=0.05, nodata=-32768,
        tags={"position_error_m": "12", "looks": "4.4", "sensor": "Sentinel-1 S1B IW"}, **UTM,
    )  # fmt: skip
    scene = opened(path)
    found = scene.read(Box(0, 0, 80, 60))
    assert np.isnan(found[0, :5]).all()
    assert np.max(np.abs(10 * np.log10(found[1:] / SIGMA0[1:]))) <= 0.0251
    assert np.allclose(scene.incidence_deg(Box(0, 5, 80, 1)), angle[:1] * 0.05)
    assert (scene.polarisation, scene.looks, scene.sensor) == ("VV", 4.4, "Sentinel-1 S1B IW")
    assert scene.georeference.error_m([1.0], [1.0]).tolist() == [12.0]


def test_the_wanted_channel_of_several(tmp_path: Path):
    both = np.stack([SIGMA0 / 10, SIGMA0])
    path = write(tmp_path / "a.tif", both, description="Sigma0_VH|Sigma0_VV", **UTM)
    assert np.allclose(opened(path).read(Box(0, 0, 80, 60)), SIGMA0)
    assert np.allclose(opened(path, polarisation="VH").read(Box(0, 0, 80, 60)), SIGMA0 / 10)
    other = opened(path, polarisation="HH")
    assert (other.polarisation, whats(other)) == ("VV", ["has no channel HH"])


def test_plain_pictures_are_relative_and_say_so(tmp_path: Path):
    grey = RNG.integers(1, 255, (40, 50), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    scene = opened(tmp_path / "a.png")
    assert np.allclose(scene.read(Box(0, 0, 50, 40)), (grey / 255.0) ** 2, rtol=1e-6)
    assert (scene.levels, scene.georeference, scene.spacing_m) == ("amplitude", None, None)
    assert whats(scene) == ["is not calibrated", "does not say where it lies"]
    small, step = scene.overview(25)
    assert (small.shape, step) == ((20, 25), 2.0)


def test_control_points_give_positions(tmp_path: Path):
    def place(x: float, y: float) -> tuple[float, float]:
        return 5 + x * 2e-4 + y * 3e-5, 40 - y * 2e-4 + x * 2e-5

    points = [GroundControlPoint(y, x, *place(x, y)) for y in (0, 30, 60) for x in (0, 20, 40, 60, 80)]
    scene = opened(write(tmp_path / "a.tif", SIGMA0, gcps=points, crs="EPSG:4326"))
    assert np.allclose(
        scene.georeference.lonlat([10.0, 70.0], [5.0, 50.0]), np.transpose([place(10, 5), place(70, 50)]), atol=1e-6
    )


def test_masks_beside_pictures_are_no_scenes(tmp_path: Path):
    for name in ("10_sat.jpg", "10_mask.png", "masks/11.png", "scenes/11.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert find_scenes(Files(tmp_path)) == ["10_sat.jpg", "scenes/11.tif"]
    with pytest.raises(ImageError, match=r"scenes/11\.tif is not a picture"):
        open_scene(Files(tmp_path), "scenes/11.tif")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFound, match="put a Sentinel-1 product"):
        opened(tmp_path / "empty")


def test_a_folder_that_is_called_measurement_is_no_product(tmp_path: Path):
    (tmp_path / "measurement").mkdir()
    write(tmp_path / "measurement" / "a.tif", SIGMA0, **UTM)
    assert find_scenes(Files(tmp_path)) == ["measurement/a.tif"]
    assert opened(tmp_path).width == 80


def test_a_scene_without_values(tmp_path: Path):
    scene = opened(write(tmp_path / "a.tif", np.full((20, 20), np.nan, dtype=np.float32), **UTM))
    assert "has no values at all" in whats(scene)


def test_decibels_have_a_floor():
    found = to_db(np.array([1.0, 0.1, -0.5, np.nan], dtype=np.float32), -30)
    assert found.tolist() == pytest.approx([0, -10, -30, np.nan], nan_ok=True)


def test_amplitudes_as_float_are_not_taken_for_sigma0():
    values = RNG.rayleigh(120, (30, 30)).astype(np.float32)
    assert stored_as("auto", dtype="float32", unit="", description="", tags={}, values=values) == ("amplitude", "numbers")


def test_patches_of_a_public_set(shared_data):
    folder = shared_data("oil_spill") / "deep-sar-sos" / "sentinel"
    files = Files(folder)
    scenes = find_scenes(files)
    assert len(scenes) == 90
    scene = open_scene(files, scenes[0])
    assert (scene.width, scene.height, scene.levels) == (256, 256, "amplitude")
    assert np.isfinite(scene.read(Box(0, 0, 256, 256))).all()
