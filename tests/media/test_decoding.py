"""Every kind of picture becomes grey, and every kind of damage one sentence."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from imagine_kernels.errors import ImageError
from imagine_kernels.media.vignettes import decode

RAMP = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
NOISE = np.random.default_rng(0).integers(0, 256, (120, 90), dtype=np.uint8)


def encoded(picture: NDArray[np.generic] | Image.Image, kind: str = "PNG", **how: object) -> bytes:
    data = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(data, kind, **how)
    return data.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@given(arrays.arrays(np.uint8, st.tuples(st.integers(3, 40), st.integers(3, 40))))
def test_lossless_grey_comes_back_as_it_was(picture: NDArray[np.uint8]) -> None:
    for kind in ("PNG", "TIFF", "BMP"):
        np.testing.assert_array_equal(decode(encoded(picture, kind), name="a"), picture)


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        (encoded(RAMP, "JPEG", quality=95), 3),
        (encoded(RAMP, "JPEG", quality=95, progressive=True), 3),
        (encoded(np.dstack([RAMP] * 3)), 0),
        (encoded(np.dstack([RAMP] * 3), "JPEG", quality=95), 3),
        (encoded(Image.fromarray(np.dstack([RAMP] * 3)).convert("CMYK"), "JPEG", quality=95), 3),
        (encoded(Image.fromarray(np.dstack([RAMP] * 3)).convert("CMYK"), "TIFF"), 1),
        (encoded(RAMP.astype(np.uint16) * 257), 0),
        (encoded(RAMP.astype(np.uint16) * 257, "TIFF"), 0),
        (encoded(RAMP.astype(np.uint16) * 16), 1),
        (encoded(RAMP.astype(np.uint16)), 0),
        (encoded(RAMP.astype(np.float32) / 255, "TIFF"), 0),
        (encoded(Image.fromarray(RAMP).convert("P")), 0),
        (encoded(RAMP, "GIF"), 0),
        (encoded(RAMP, "WEBP", lossless=True), 1),
    ],
    ids=[
        *("jpeg", "progressive jpeg", "rgb", "rgb jpeg", "cmyk jpeg", "cmyk tiff", "16-bit png", "16-bit tiff"),
        *("12 bits in 16", "8 bits in 16", "float tiff", "palette", "gif", "webp"),
    ],
)
def test_every_kind_becomes_the_same_grey(data: bytes, tolerance: int) -> None:
    picture = decode(data, name="a")
    assert picture.dtype == np.uint8
    assert picture.shape == RAMP.shape
    assert np.abs(picture.astype(int) - RAMP).max() <= tolerance


def test_colour_becomes_luminance() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]] * 3, dtype=np.uint8)
    assert decode(encoded(colours), name="a")[0].tolist() == pytest.approx([76, 150, 29], abs=1)


def test_transparent_parts_are_white() -> None:
    picture = np.zeros((4, 4, 4), dtype=np.uint8)
    picture[:, 2:, 3] = 255
    assert decode(encoded(picture), name="a")[0].tolist() == [255, 255, 0, 0]
    grey = Image.fromarray(np.zeros((4, 4), dtype=np.uint8))
    assert decode(encoded(grey, transparency=0), name="a").min() == 255


def test_rotation_in_exif_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    assert decode(encoded(RAMP, "JPEG", exif=exif), name="a").shape == RAMP.shape


def test_first_of_several_frames() -> None:
    frames = [Image.fromarray(np.full((5, 5), grey, dtype=np.uint8)) for grey in (10, 200)]
    assert decode(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]), name="a").max() == 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated(kind: str, share: float) -> None:
    data = encoded(NOISE, kind)
    with pytest.raises(ImageError, match=r"^haul/7\.jpg is (truncated, its end is missing|damaged|not a picture).*\.$"):
        decode(data[: int(len(data) * share)], name="haul/7.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("left", [30, 300, 2000, -200, -60])
def test_truncated_jpeg_and_png_are_called_so(kind: str, left: int) -> None:
    with pytest.raises(ImageError, match=r"^a\.jpg is truncated, its end is missing: copy it again\.$"):
        decode(encoded(NOISE, kind)[:left], name="a.jpg")


def test_copy_that_broke_off_but_has_the_full_length() -> None:
    data = encoded(NOISE, "JPEG")
    half = len(data) // 2
    with pytest.raises(ImageError, match=r"^a\.jpg is truncated, its end is missing: copy it again\.$"):
        decode(data[:half] + bytes(len(data) - half), name="a.jpg")


def test_picture_that_lacks_only_its_end_mark_is_whole() -> None:
    np.testing.assert_array_equal(decode(encoded(NOISE, "PNG")[:-12], name="a"), NOISE)


def test_padding_after_the_end_does_no_harm() -> None:
    data = encoded(NOISE, "JPEG")
    np.testing.assert_array_equal(decode(data + bytes(64), name="a"), decode(data, name="a"))


def test_damaged_in_the_middle() -> None:
    data = bytearray(encoded(NOISE, "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageError, match=r"^a\.png is damaged and cannot be decoded: copy it again\.$"):
        decode(bytes(data), name="a.png")


def test_zero_bytes() -> None:
    with pytest.raises(ImageError, match=r"^a\.jpg is empty \(0 bytes\): copy it again\.$"):
        decode(b"", name="a.jpg")


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.4", b"<svg/>", bytes(1000), b"PK\x03\x04"])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^a\.jpg is not a picture that can be read \(JPEG, PNG, TIFF, .*\): check the file\.$"):
        decode(data, name="a.jpg")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 50), (50, 2)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_too_small(width: int, height: int, kind: str) -> None:
    wanted = rf"^a\.jpg measures only {width} × {height} px: leave it out, a vignette has at least 3 × 3 px\.$"
    with pytest.raises(ImageError, match=wanted):
        decode(encoded(np.zeros((height, width), dtype=np.uint8), kind), name="a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_40_000_px_wide(kind: str) -> None:
    data = encoded(np.zeros((20, 40_000), dtype=np.uint8), kind)
    with pytest.raises(
        ImageError, match=r"^a measures 40000 × 20 px, more than a vignette can: cut the scan into vignettes first\.$"
    ):
        decode(data, name="a")


@pytest.mark.parametrize(("width", "height"), [(40_000, 40_000), (2**31 - 1, 2**31 - 1), (15_000, 15_000), (20_001, 10)])
def test_size_is_read_before_anything_is_decoded(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    def never(*_: object) -> None:
        pytest.fail("decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    with pytest.raises(ImageError, match=rf"^a measures {width} × {height} px, more than a vignette can"):
        decode(png_that_claims(width, height), name="a")


@pytest.mark.parametrize("size", [(30_000, 30_000), (12_000, 12_000)])
def test_decompression_bomb_of_a_rare_kind(size: tuple[int, int]) -> None:
    header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, *size, 1, 8, 0, 0, 0, 0, 0, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ImageError, match=r"^a (measures 12000 × 12000 px, more|has more pixels) than a vignette can"):
            decode(header, name="a")


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"GIF89a", b"BM"]))
def test_any_bytes_give_a_picture_or_one_sentence(data: bytes, start: bytes) -> None:
    said = ""
    try:
        decode(start + data, name="a")
    except ImageError as error:
        said = str(error)
    assert re.fullmatch(r"(a (is|has|measures) [^.]*\.)?", said)


def test_real_vignettes_decode_as_pillow_decodes_them(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("zooscan") / "ecotaxa_ml_template_400" / "images"
    for path in sorted(folder.glob("*.jpg"))[::20]:
        with Image.open(path) as picture:
            wanted = np.asarray(picture.convert("L")).astype(int)
        assert np.abs(decode(path.read_bytes(), name=path.name) - wanted).max() <= 2
