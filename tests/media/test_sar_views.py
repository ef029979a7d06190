"""Radar scenes as grey pictures: the same grey for the same darkness, whatever the scene."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio

from imagine_kernels.errors import SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.sar_views import MEDIAN, radar_view
from imagine_kernels.media.tiles import Box


def write_db(path: Path, level_db: np.ndarray, angle: np.ndarray | None = None) -> None:
    bands = [level_db] if angle is None else [level_db, angle]
    form = {"driver": "GTiff", "width": level_db.shape[1], "height": level_db.shape[0], "count": len(bands), "dtype": "float32"}
    with rasterio.open(path, "w", **form, crs="EPSG:32631", transform=rasterio.Affine(40, 0, 5e5, 0, -40, 5e6)) as file:
        file.write(np.stack(bands).astype(np.float32))
        file.descriptions = ("sigma0 VV", "incidence angle")[: len(bands)]
        file.units = ("dB", "degree")[: len(bands)]


def seen(folder: Path, name: str, **settings: str) -> np.ndarray:
    with Files(folder) as files, radar_view(files, name, settings) as view:
        return view.read(Box(0, 0, view.width, view.height))


def test_a_picture_of_amplitude_stays_as_it_is(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "patch.png"), grey)
    np.testing.assert_array_equal(seen(tmp_path, "patch.png"), grey)


@pytest.mark.parametrize("level", [-8.0, -20.0])
def test_the_sea_of_every_scene_is_as_grey_and_a_slick_as_much_darker(tmp_path: Path, level: float) -> None:
    scene = np.full((60, 80), level)
    scene[20:30, 20:40] -= 6
    write_db(tmp_path / "scene.tif", scene)
    grey = seen(tmp_path, "scene.tif")
    assert grey[0, 0] == MEDIAN
    # 6 dB are half the amplitude.
    assert grey[25, 30] == pytest.approx(MEDIAN * 10 ** (-6 / 20), abs=1)


def test_the_fall_with_the_angle_is_taken_away_and_a_rise_is_not(tmp_path: Path) -> None:
    angle = np.broadcast_to(np.linspace(30, 45, 300), (80, 300))
    write_db(tmp_path / "fall.tif", -10 - 0.5 * (angle - 35), angle)
    write_db(tmp_path / "rise.tif", -10 + 0.5 * (angle - 35), angle)
    flat, rising = seen(tmp_path, "fall.tif"), seen(tmp_path, "rise.tif")
    assert np.ptp(flat.astype(int)) <= 2
    assert rising[0, -1] > rising[0, 0] + 50


def test_what_noise_removal_leaves_below_zero_is_dark_and_what_is_not_known_is_grey(tmp_path: Path) -> None:
    power = np.full((40, 40), 0.05, dtype=np.float32)
    power[:5], power[10:15] = -0.001, np.nan
    form = {"driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "linear.tif", "w", **form) as file:
        file.write(power, 1)
        file.descriptions = ("sigma0 VV",)
    grey = seen(tmp_path, "linear.tif", stored="sigma0")
    assert (grey[:5] == 0).all()
    assert (grey[10:15] == MEDIAN).all()


def test_a_part_is_the_same_as_within_the_whole_even_when_filtered(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write_db(tmp_path / "scene.tif", -12 + 10 * np.log10(rng.gamma(4, 1 / 4, (90, 70))))
    with Files(tmp_path) as files:
        for speckle in ("none", "lee", "refined lee", "gamma map"):
            with radar_view(files, "scene.tif", {"speckle": speckle}) as view:
                whole = view.read(Box(0, 0, 70, 90))
                part = view.read(Box(20, 30, 25, 40))
            np.testing.assert_array_equal(part, whole[30:70, 20:45])
    with (
        Files(tmp_path) as files,
        pytest.raises(SettingError, match="takes none, lee"),
        radar_view(files, "scene.tif", {"speckle": "mean"}),
    ):
        pass
