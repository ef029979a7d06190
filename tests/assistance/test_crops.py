"""Crops are what the shape outlines, of each kind of medium; nothing is cut twice, and of a large scan only a window is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
import soundfile

from imagine_kernels.assistance import Crops, Item
from imagine_kernels.assistance.crops import LEAST_PX, MOST_PX
from imagine_kernels.errors import DataError
from imagine_kernels.records import Medium, Shape

RNG = np.random.default_rng(5)


@pytest.fixture
def crops(tmp_path: Path) -> Iterator[Crops]:
    found = Crops(lambda name: tmp_path / name, tmp_path / "cut")
    yield found
    found.close()


def read(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def test_a_mark_in_a_picture(crops: Crops, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (700, 900, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    medium = Medium(name="a.png", width=900, height=700, pixel_size_m=2e-5, sha256="a" * 64)
    crop = crops.crop(Item(medium=medium, shape=Shape.of("rectangle", (300, 200, 400, 250))))
    # A rim of a tenth of the longer side.
    np.testing.assert_array_equal(read(crop.file), pixels[190:260, 290:410])
    assert crop.pixel_size_m == 2e-5
    at_the_edge = crops.crop(Item(medium=medium, shape=Shape.of("circle", (0, 0, 50))))
    np.testing.assert_array_equal(read(at_the_edge.file), pixels[:60, :60])
    point = crops.crop(Item(medium=medium, shape=Shape.of("point", (450, 350))))
    assert read(point.file).shape == (LEAST_PX, LEAST_PX, 3)
    outside = Item(medium=medium, shape=Shape.of("rectangle", (5000, 0, 5100, 50)))
    with pytest.raises(DataError, match=r"A mark in a\.png lies outside of it: move or delete it"):
        crops.crop(outside)
    # As a whole it is the file itself.
    assert crops.crop(Item(medium=medium)).file == tmp_path / "a.png"


def test_nothing_is_cut_twice(crops: Crops, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), RNG.integers(0, 256, (300, 300), dtype=np.uint8))
    medium = Medium(name="a.png", width=300, height=300, sha256="b" * 64)
    item = Item(medium=medium, shape=Shape.of("rectangle", (10, 10, 90, 90)), id="1")
    file = crops.crop(item).file
    made = file.stat().st_ino
    assert crops.crop(Item(medium=medium, shape=item.shape, id="another mark")).file.stat().st_ino == made
    # By content: under another name too, and not for another shape.
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    moved = Medium(name="b.png", width=300, height=300, sha256="b" * 64)
    assert crops.crop(Item(medium=moved, shape=item.shape)).file.stat().st_ino == made
    assert crops.crop(Item(medium=moved, shape=Shape.of("rectangle", (10, 10, 90, 91)))).file != file
    assert len(list((tmp_path / "cut").rglob("*.png"))) == 2


def test_of_a_scan_of_300_megapixels_a_window_is_read(crops: Crops, tmp_path: Path) -> None:
    side = {"width": 20_000, "height": 15_000}
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": 512, "blockysize": 512}
    body = RNG.integers(0, 200, (400, 300), dtype=np.uint8)
    with rasterio.open(tmp_path / "scan.tif", "w", **side, **profile, SPARSE_OK=True) as scan:
        scan.write(body, 1, window=rasterio.windows.Window(12_000, 9_000, 300, 400))
    medium = Medium(name="scan.tif", sha256="c" * 64, pixel_size_m=1e-5, **side)
    crop = crops.crop(Item(medium=medium, shape=Shape.of("rectangle", (12_000, 9_000, 12_300, 9_400))))
    np.testing.assert_array_equal(read(crop.file)[40:-40, 40:-40], body)
    with crops._viewing.using(tmp_path / "scan.tif") as view:
        assert view._overview is None  # nobody has looked at all of it
        assert view._maker is None
    # What is longer than a model needs is halved until it is not, and its pixels are said to be as much larger.
    large = crops.crop(Item(medium=medium, shape=Shape.of("rectangle", (10_000, 8_000, 15_000, 10_000))))
    assert read(large.file).shape == (750, 1500)
    assert large.pixel_size_m == 4e-5
    assert max(read(large.file).shape) <= MOST_PX


def test_the_frame_of_the_first_keyframe(crops: Crops, tmp_path: Path) -> None:
    from apps.annotating import video

    video(tmp_path / "v.mp4")
    medium = Medium(name="v.mp4", kind="video", width=160, height=120, sha256="d" * 64)
    shape = Shape("rectangle", ((20, 20, 60, 60), (30, 30, 70, 70)), (0.5, 1.0))
    picture = read(crops.crop(Item(medium=medium, shape=shape)).file)
    assert picture.shape == (48, 48, 3)
    assert picture.mean() == pytest.approx(50, abs=4)  # frame i is as light as 10 i, at 10 Hz
    whole = read(crops.crop(Item(medium=medium, shape=Shape("whole", ((),), (1.2,)))).file)
    assert whole.shape == (120, 160, 3)
    assert whole.mean() == pytest.approx(120, abs=4)


def test_the_box_of_a_spectrogram(crops: Crops, tmp_path: Path) -> None:
    rate = 8000
    t = np.arange(6 * rate) / rate
    tone = np.where((t > 2) & (t < 3), np.sin(2 * np.pi * 1000 * t), 0) * 0.5 + RNG.normal(0, 0.001, len(t))
    soundfile.write(tmp_path / "a.wav", tone, rate)
    medium = Medium(name="a.wav", kind="sound", duration_s=6, sample_rate_hz=rate, sha256="e" * 64)
    held = read(crops.crop(Item(medium=medium, shape=Shape.of("rectangle", (2.1, 900, 2.9, 1100)))).file)
    beside = read(crops.crop(Item(medium=medium, shape=Shape.of("rectangle", (4.1, 900, 4.9, 1100)))).file)
    assert held.shape == beside.shape
    assert held.max() > beside.max() + 60
    # The tone lies in the middle of the band, and fills the time.
    loud = held > 200
    assert loud.any(axis=0)[len(loud.any(axis=0)) // 2]
    rows = np.flatnonzero(loud.any(axis=1))
    assert abs(rows.mean() - held.shape[0] / 2) < 0.15 * held.shape[0]


def test_small_pictures_for_people(crops: Crops, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((400, 1200, 3), (10, 120, 240), dtype=np.uint8))
    medium = Medium(name="a.jpg", width=1200, height=400, sha256="f" * 64)
    for shape, size in ((Shape("whole"), (43, 128, 3)), (Shape.of("rectangle", (100, 100, 300, 200)), (75, 128, 3))):
        data = crops.thumbnail(Item(medium=medium, shape=shape))
        assert data[8:12] == b"WEBP"
        small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert small.shape == size
        assert np.abs(small.mean(axis=(0, 1)) - (10, 120, 240)).max() < 12


def test_a_sample_of_crops(crops: Crops, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), RNG.integers(0, 256, (300, 300), dtype=np.uint8))
    medium = Medium(name="a.png", width=300, height=300, sha256="9" * 64, pixel_size_m=1e-5)
    items = [
        Item(medium=medium, shape=Shape.of("rectangle", (10, 10, 90, 90)), id="1"),
        Item(medium=Medium(name="gone.png", width=9, height=9)),
        Item(medium=medium),
    ]
    with crops.sample(items, labels=["x", "y", "z"]) as sample:
        assert sample.objects["object_id"].tolist() == ["0", "2"]
        assert sample.objects["label"].tolist() == ["x", "z"]
        assert sample.objects["sample_id"].tolist() == ["a.png", "a.png"]
        assert sample.objects["process_particle_pixel_size_mm"].tolist() == pytest.approx([0.01, 0.01])
        assert all((sample.source / file).is_file() for file in sample.objects["file"])
        (problem,) = sample.problems
        assert problem.item == "gone.png"
    assert (tmp_path / "a.png").is_file()  # what lies in the sample are links
