"""Faces and people that cannot be recognised any more."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.transform import resize

from imagine_kernels.errors import ImageError
from imagine_kernels.media.anonymising import FIELDS, LEAST_FACE_PX, anonymised, find_faces, hidden, people_boxes
from imagine_kernels.media.photo_metadata import photo_metadata


@pytest.fixture(scope="module")
def portraits() -> np.ndarray:
    """Forty faces of Labelled Faces in the Wild, which come with scikit-image, 25 px each."""
    return data.lfw_subset()[:40]


def on_sand(face: np.ndarray, side: int, seed: int) -> np.ndarray:
    """A face of a size in the middle of three times as much sand."""
    sand = 150 + np.random.default_rng(seed).normal(0, 8, (3 * side, 3 * side))
    sand[side : 2 * side, side : 2 * side] = 255 * resize(face, (side, side))
    return np.clip(sand, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [36, 72])
def test_upright_faces_are_found_nine_times_out_of_ten(portraits, side):
    found = 0
    for seed, face in enumerate(portraits):
        boxes = find_faces(on_sand(face, side, seed))
        found += any(x0 < 1.5 * side < x1 and y0 < 1.5 * side < y1 for x0, y0, x1, y1 in boxes)
    assert found >= 36


def test_sand_has_no_faces_and_small_pictures_are_not_searched():
    sand = np.clip(np.random.default_rng(0).normal(170, 12, (200, 300, 3)), 0, 255).astype(np.uint8)
    assert find_faces(sand).shape == (0, 4)
    assert find_faces(sand[: LEAST_FACE_PX - 1]).shape == (0, 4)


def test_a_large_picture_is_searched_in_a_copy(portraits):
    large = cv2.resize(on_sand(portraits[0], 60, 0), (720, 720))
    boxes = find_faces(large, longest_px=180)
    assert any(x0 < 360 < x1 and y0 < 360 < y1 for x0, y0, x1, y1 in boxes)


@pytest.mark.parametrize("how", ["pixelate", "fill"])
def test_what_is_hidden_is_lost(how):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    result = hidden(picture, [[40, 30, 80, 70]], how=how, margin=0.0)
    inside = result[30:70, 40:80]
    fields = len(np.unique(inside.reshape(-1, 3), axis=0))
    assert fields <= (FIELDS**2 if how == "pixelate" else 1)
    outside = np.ones((120, 160), dtype=bool)
    outside[30:70, 40:80] = False
    assert (result[outside] == picture[outside]).all()
    # Another picture with the same means gives the same: what was there cannot be told from what is left.
    shuffled = picture.copy()
    for y in range(30, 70, 10):
        for x in range(40, 80, 10):
            shuffled[y : y + 10, x : x + 10] = shuffled[y : y + 10, x : x + 10][::-1, ::-1]
    assert (hidden(shuffled, [[40, 30, 80, 70]], how=how, margin=0.0) == result).all()


def test_boxes_are_widened_and_cut_off():
    picture = np.random.default_rng(1).integers(0, 256, (50, 50), dtype=np.uint8)
    result = hidden(picture, [[-10, -10, 10, 10], [np.nan, 0, 1, 1], [90, 90, 99, 99]], how="fill", margin=0.5)
    assert len(np.unique(result[:20, :20])) == 1
    assert (result[21:, 21:] == picture[21:, 21:]).all()


def test_people_are_known_by_their_labels():
    boxes = people_boxes([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]], ["Person", "bottle", "swimmer"])
    assert boxes.tolist() == [[0, 0, 1, 1], [4, 4, 5, 5]]
    assert people_boxes([], []).shape == (0, 4)


def test_a_photo_keeps_its_place_and_loses_the_face(portraits):
    picture = np.stack([on_sand(portraits[3], 48, 3)] * 3, axis=2)
    exif = Image.Exif()
    exif[0x10F] = "DJI"
    exif.get_ifd(0x8825).update({1: "N", 2: (39.0, 21.0, 29.0), 3: "E", 4: (2.0, 45.0, 4.0)})
    exif.get_ifd(0x8769).update({0x927C: b"notes of the maker", 0x920A: 8.8})
    xmp = b'<x xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" drone-dji:RelativeAltitude="+9.5"/>'
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=90, exif=exif, xmp=xmp)
    result, count = anonymised(written.getvalue(), "a.jpg", [[0, 0, 20, 20]])
    assert count >= 2
    found = photo_metadata(result, "a.jpg")
    assert (found.make, found.relative_altitude_m, found.focal_mm) == ("DJI", 9.5, 8.8)
    assert found.lat == pytest.approx(39 + 21 / 60 + 29 / 3600)
    with Image.open(io.BytesIO(result)) as opened:
        assert 0x927C not in opened.getexif().get_ifd(0x8769)
        after = np.asarray(opened).astype(float)
    assert not any(x0 < 72 < x1 and y0 < 72 < y1 for x0, y0, x1, y1 in find_faces(after.astype(np.uint8)))
    # The rest is as it was, but for the rounding of JPEG.
    assert np.abs(after[110:, 110:] - np.asarray(Image.open(written)).astype(float)[110:, 110:]).mean() < 1.5


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_other_kinds_and_modes(kind):
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(picture).save(written, kind, **({"lossless": True} if kind == "WEBP" else {}))
    result, count = anonymised(written.getvalue(), "a", [[4, 4, 12, 12]], faces=False, how="fill")
    with Image.open(io.BytesIO(result)) as opened:
        after = np.asarray(opened)
        assert opened.format == kind
    assert (after[20:, 20:] == picture[20:, 20:]).all()
    assert len(np.unique(after[4:12, 4:12].reshape(-1, 3), axis=0)) == 1
    assert count == 1


def test_no_picture():
    with pytest.raises(ImageError, match=r"a\.jpg is not a picture"):
        anonymised(b"no picture", "a.jpg")
