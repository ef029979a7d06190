"""Pictures in tiles: exact px, all kinds of files, large ones without loading them, and broken ones."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from imagine_kernels.errors import DataError, DataNotFound, ImageError
from imagine_kernels.media import pictures, rasters
from imagine_kernels.media.pictures import Picture
from imagine_kernels.media.pyramids import Pyramids
from imagine_kernels.media.tiles import TILE, Grid, TileCache, encode
from imagine_kernels.media.viewing import described, kind_of, natural

RNG = np.random.default_rng(3)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Picture]]:
    held: list[Picture] = []

    def open_(path: Path, **more: object) -> Picture:
        held.append(Picture(path, Pyramids(tmp_path / "pyramids"), **more))  # type: ignore[arg-type]
        return held[-1]

    yield open_
    for each in held:
        each.close()


def grey(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width), dtype=np.uint8)


def whole(picture: Picture, level: int) -> np.ndarray:
    """A level, put together from its tiles."""
    width, height = picture.grid.size(level)
    rows = [
        np.concatenate([picture.tile(level, x, y)[0] for x in range(-(-width // TILE))], axis=1)
        for y in range(-(-height // TILE))
    ]
    return np.concatenate(rows, axis=0)


def test_where_tiles_lie() -> None:
    grid = Grid(1300, 700)
    assert grid.levels == 3
    assert [grid.size(level) for level in range(3)] == [(325, 175), (650, 350), (1300, 700)]
    box = grid.box(2, 2, 1)
    assert (box.x, box.y, box.width, box.height) == (1024, 512, 276, 188)
    assert Grid(512, 512).levels == 1
    assert Grid(513, 10).levels == 2
    assert Grid(675_000, 512, flat=True).size(0)[1] == 512
    for wrong in ((3, 0, 0), (-1, 0, 0), (2, 3, 0), (2, -1, 0)):
        with pytest.raises(DataError, match="There is no"):
            grid.box(*wrong)


@pytest.mark.parametrize("end", ["png", "bmp", "tif", "webp"])
def test_tiles_are_the_pixels_of_the_picture(end: str, tmp_path: Path, opened: Callable[..., Picture]) -> None:
    colours = RNG.integers(0, 256, (700, 1300, 3), dtype=np.uint8)
    path = tmp_path / f"picture.{end}"
    Image.fromarray(colours).save(path, **({"lossless": True} if end == "webp" else {}))
    picture = opened(path)
    assert picture.raster.colour
    np.testing.assert_array_equal(whole(picture, 2), colours)
    half = cv2.resize(colours, (650, 350), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(whole(picture, 1), half)


def test_a_tile_as_it_is_sent_is_that_of_the_picture(tmp_path: Path, opened: Callable[..., Picture]) -> None:
    across, down = np.meshgrid(np.linspace(0, 255, 900), np.linspace(0, 255, 600))
    colours = np.stack([across, down, 255 - across], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    sent = encode(opened(tmp_path / "a.png").tile(1, 1, 0)[0])
    back = cv2.imdecode(np.frombuffer(sent, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)
    assert np.abs(back - colours[:512, 512:].astype(int)).max() <= 6


@pytest.mark.parametrize(
    "options",
    [
        {"rowsperstrip": 1},
        {"rowsperstrip": 64, "compression": "zlib"},
        {"tile": (256, 256)},
        {"bigtiff": True, "byteorder": ">"},
        {"tile": (128, 128), "compression": "zlib", "predictor": True},
    ],
    ids=str,
)
def test_tiffs_of_sixteen_bits(options: dict[str, object], tmp_path: Path, opened: Callable[..., Picture]) -> None:
    values = RNG.integers(0, 4096, (600, 800), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", values, **options)
    picture = opened(tmp_path / "deep.tif")
    assert (picture.bits, picture.full) == (16, (0.0, 65535.0))
    part, sharp = picture.tile(1, 1, 0, (0.0, 4095 / 65535))
    assert sharp
    np.testing.assert_allclose(part, values[:512, 512:] * (255 / 4095), atol=0.51)
    low, high = picture.percentiles(1, 99)
    assert low == pytest.approx(0.01 * 4095 / 65535, abs=0.002)
    assert high == pytest.approx(0.99 * 4095 / 65535, abs=0.002)


def test_percentiles_of_a_box(tmp_path: Path, opened: Callable[..., Picture]) -> None:
    values = np.full((600, 800), 200, dtype=np.uint8)
    values[100:200, 300:400] = 50
    Image.fromarray(values).save(tmp_path / "a.png")
    picture = opened(tmp_path / "a.png")
    assert picture.percentiles(10, 90, (310, 110, 390, 190)) == pytest.approx((50 / 255, 50 / 255))
    assert picture.percentiles(50, 99)[0] == pytest.approx(200 / 255)
    with pytest.raises(DataError, match="Percentiles go from 0 to 100"):
        picture.percentiles(90, 10)


def test_bands_floats_palettes_and_transparency(tmp_path: Path, opened: Callable[..., Picture]) -> None:
    import rasterio

    bands = RNG.normal(-15, 4, (5, 300, 400)).astype(np.float32)
    bands[0, :10] = -9999
    with rasterio.open(
        tmp_path / "sar.tif", "w", driver="GTiff", width=400, height=300, count=5, dtype="float32", nodata=-9999, crs="EPSG:4326"
    ) as file:
        file.write(bands)
    picture = opened(tmp_path / "sar.tif")
    low, high = picture.full
    assert (low, high) == (pytest.approx(bands[0, 10:].min()), pytest.approx(bands[0, 10:].max()))
    shown, _ = picture.tile(0, 0, 0)
    assert not shown[:10].any()
    np.testing.assert_allclose(shown[10:], (bands[0, 10:] - low) / (high - low) * 255, atol=0.51)

    palette = Image.fromarray(grey(40, 50)).convert("RGB").quantize(16)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(opened(tmp_path / "palette.png").tile(0, 0, 0)[0], np.asarray(palette.convert("L"))[:, :])

    clear = np.zeros((20, 30, 4), dtype=np.uint8)
    clear[:, 15:] = (10, 20, 30, 255)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    found = opened(tmp_path / "clear.png").tile(0, 0, 0)[0]
    assert (found[:, :15] == 255).all()
    assert (found[:, 15:] == (10, 20, 30)).all()

    bits = grey(30, 33) > 127
    Image.fromarray(bits).save(tmp_path / "bits.tif")
    np.testing.assert_array_equal(opened(tmp_path / "bits.tif").tile(0, 0, 0)[0], bits * np.uint8(255))
    tifffile.imwrite(tmp_path / "white.tif", grey(30, 33), photometric="miniswhite")
    stored = tifffile.imread(tmp_path / "white.tif")
    np.testing.assert_array_equal(opened(tmp_path / "white.tif").tile(0, 0, 0)[0], 255 - stored)


def test_a_rotation_in_exif_is_ignored(tmp_path: Path, opened: Callable[..., Picture]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(grey(40, 60)).save(tmp_path / "turned.jpg", exif=exif)
    picture = opened(tmp_path / "turned.jpg")
    assert (picture.grid.width, picture.grid.height) == (60, 40)


@pytest.fixture
def as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a few megapixels are treated as very large ones are."""
    monkeypatch.setattr(pictures, "WHOLE_BYTES", 1000)


@pytest.mark.usefixtures("as_large")
@pytest.mark.parametrize("end", ["png", "jpg"])
def test_a_pyramid_is_made_and_used_again(end: str, tmp_path: Path, opened: Callable[..., Picture]) -> None:
    smooth = cv2.GaussianBlur(grey(2600, 3100), (0, 0), 6)
    path = tmp_path / f"scan.{end}"
    cv2.imwrite(str(path), smooth, [cv2.IMWRITE_JPEG_QUALITY, 95])
    truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    picture = opened(path)
    assert picture.raster.in_order
    first = picture.tile(0, 0, 0)[0]
    assert first.shape == (325, 388)
    level = picture.grid.levels - 1
    np.testing.assert_array_equal(whole(picture, level), truth)
    assert all(picture.tile(each, 0, 0)[1] for each in range(picture.grid.levels))
    means = truth.astype(float)
    for each in range(level - 1, -1, -1):
        height, width = means.shape
        means = np.pad(means, ((0, height % 2), (0, width % 2)), mode="edge")
        means = means.reshape(means.shape[0] // 2, 2, means.shape[1] // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(whole(picture, each), means, atol=2)
    (made,) = (tmp_path / "pyramids").iterdir()
    stamp = (made / "0.tif").stat().st_mtime_ns
    again = opened(path)
    np.testing.assert_array_equal(again.tile(level, 1, 1)[0], truth[512:1024, 512:1024])
    assert (made / "0.tif").stat().st_mtime_ns == stamp
    assert again._overview is None  # nothing had to be decoded from the beginning


@pytest.mark.usefixtures("as_large")
def test_who_cannot_wait_gets_a_blurred_tile_and_is_told_later(
    tmp_path: Path, opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_WAIT_S", 0.0)
    begin, ready = threading.Event(), threading.Event()
    make = Pyramids.make
    monkeypatch.setattr(Pyramids, "make", lambda self, *given, **more: (begin.wait(20), make(self, *given, **more))[1])
    smooth = cv2.GaussianBlur(grey(2000, 2400), (0, 0), 15)
    Image.fromarray(smooth).save(tmp_path / "a.png")
    picture = opened(tmp_path / "a.png", ready=ready.set)
    level = picture.grid.levels - 1
    shown, sharp = picture.tile(level, 0, 0)
    assert not sharp
    assert np.abs(shown.astype(int) - smooth[:512, :512]).mean() < 4
    begin.set()
    assert ready.wait(20)
    shown, sharp = picture.tile(level, 0, 0)
    assert sharp
    np.testing.assert_array_equal(shown, smooth[:512, :512])


def test_old_pyramids_make_room(tmp_path: Path) -> None:
    held = Pyramids(tmp_path / "held", most_bytes=2_500_000)
    for name in ("a", "b", "c"):
        # Noise, which cannot be packed.
        Image.fromarray(grey(1000, 1000)).save(tmp_path / f"{name}.png")
        assert held.make(tmp_path / f"{name}.png", full=True, stop=threading.Event())
        time.sleep(0.02)
    assert held.find(tmp_path / "a.png") is None
    assert held.find(tmp_path / "c.png") is not None
    small = Pyramids(tmp_path / "small", most_bytes=100_000)
    assert small.make(tmp_path / "a.png", full=True, stop=threading.Event()) is None


def test_a_large_tiff_is_not_loaded(tmp_path: Path, opened: Callable[..., Picture]) -> None:
    # 8 bits in strips of one row, as scanners write; 120 megapixels are enough to see it.
    band = grey(1000, 10_000)
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write((band for _ in range(12)), shape=(12_000, 10_000), dtype=np.uint8, rowsperstrip=1000)
    rasters.Raster(tmp_path / "scan.tif").close()  # GDAL itself is loaded
    process = psutil.Process()
    before = process.memory_info().rss
    picture = opened(tmp_path / "scan.tif")
    picture.tile(0, 0, 0)
    np.testing.assert_array_equal(picture.tile(5, 3, 0)[0], band[:512, 1536:2048])
    assert process.memory_info().rss - before < 200e6


def bomb(path: Path, side: int) -> None:
    """A PNG that says it is huge."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    data = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def test_broken_and_hostile_files_are_one_sentence(tmp_path: Path, opened: Callable[..., Picture]) -> None:
    good = encode(cv2.GaussianBlur(grey(900, 900), (0, 0), 5))
    (tmp_path / "short.jpg").write_bytes(good[: len(good) // 2])
    Image.fromarray(grey(900, 900)).save(tmp_path / "a.png")
    (tmp_path / "short.png").write_bytes((tmp_path / "a.png").read_bytes()[:200_000])
    for name in ("short.jpg", "short.png"):
        with pytest.raises(ImageError, match=rf"{name} is damaged and cannot be decoded.*copy it again"):
            opened(tmp_path / name).tile(1, 0, 1)
    (tmp_path / "text.png").write_text("no picture at all")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "list.vrt.tif").write_text('<VRTDataset rasterXSize="20" rasterYSize="20"/>')
    (tmp_path / "cut.tif").write_bytes(b"II*\0\x08\0\0\0")
    for name in ("text.png", "empty.tif", "list.vrt.tif", "cut.tif"):
        with pytest.raises(ImageError, match=f"{name} is not a picture that can be read"):
            Picture(tmp_path / name, Pyramids(tmp_path))
    bomb(tmp_path / "bomb.png", 300_000)
    with pytest.raises(ImageError, match=r"bomb\.png measures 300000 × 300000 px, more than can be shown"):
        Picture(tmp_path / "bomb.png", Pyramids(tmp_path))
    with pytest.raises(DataNotFound, match="There is no file"):
        Picture(tmp_path / "nothing.png", Pyramids(tmp_path))


def test_a_tiff_in_one_huge_piece_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasters, "MAX_PIECE_BYTES", 100_000)
    tifffile.imwrite(tmp_path / "one.tif", grey(400, 400), rowsperstrip=400, compression="zlib")
    with pytest.raises(ImageError, match="stored in pieces of 0 MB, too large to be decoded: save it as a TIFF in tiles"):
        Picture(tmp_path / "one.tif", Pyramids(tmp_path))


def test_tiles_are_kept_up_to_a_limit() -> None:
    cache, made = TileCache(most_bytes=250), []

    def make(n: int) -> Callable[[], tuple[bytes, bool]]:
        return lambda: (made.append(n), (bytes(100), n < 10))[1]

    for n in (1, 2, 1, 3, 1, 2, 11, 11):
        cache.get((n,), make(n))
    # 1 was used in between, so 2 went for 3; what is not final is made anew.
    assert made == [1, 2, 3, 2, 11, 11]
    assert cache.held_bytes <= 250


def test_names_are_sorted_as_people_do_and_say_the_kind() -> None:
    assert sorted(["f10.jpg", "f9.jpg", "F1.jpg", "a/2.png", "a/10.png"], key=natural) == [
        *("a/2.png", "a/10.png", "F1.jpg", "f9.jpg", "f10.jpg"),
    ]
    assert [kind_of(name) for name in ("a.JPG", "b.mp4", "c.flac", "d.txt")] == ["picture", "video", "sound", None]


def test_real_pictures(shared_data: Callable[[str], Path], opened: Callable[..., Picture]) -> None:
    found = [
        path
        for name in ("beach", "diatoms", "litter", "oil_spill", "zooscan", "flowcam")
        for path in sorted(shared_data(name).rglob("*"))
        if kind_of(path.name) == "picture" and path.is_file()
    ]
    ends: dict[tuple[str, str], Path] = {}
    for path in found:
        ends.setdefault((path.parent.name, path.suffix.lower()), path)
    assert ends
    for path in list(ends.values())[:40]:
        picture = opened(path)
        medium = described(path, path.name)
        assert (medium.width, medium.height) == (picture.grid.width, picture.grid.height)
        shown, sharp = picture.tile(0, 0, 0)
        assert sharp
        assert shown.shape[1::-1] == picture.grid.size(0)
        picture.close()
