"""Scale and crops of micrographs: files of other programs, and patterns whose place is known."""

from __future__ import annotations

import io
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.micrographs import Micrograph, ValveCutter, pixel_size, search, squared, upright
from imagine_kernels.media.valve_finding import Bar, find_bar

GREY = np.full((60, 200), 180, dtype=np.uint8)


def tiff(**options) -> bytes:
    data = io.BytesIO()
    tifffile.imwrite(data, GREY, **options)
    return data.getvalue()


def with_bar(length: int = 100, *, value: int = 0, upright: bool = False):
    picture = np.full((300, 400), 150, dtype=np.uint8)
    if upright:
        picture[40 : 40 + length, 350:354] = value
    else:
        picture[280:285, 250 : 250 + length] = value
    return picture


def test_the_resolution_of_a_tiff():
    assert pixel_size(tiff(resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER"), "a.tif", GREY)[0] == pytest.approx(
        0.1, rel=1e-4
    )
    assert pixel_size(tiff(resolution=(254_000, 254_000), resolutionunit="INCH"), "a.tif", GREY)[0] == pytest.approx(
        0.1, rel=1e-4
    )


def test_a_printers_resolution_is_no_scale():
    for per_inch in (72, 300, 600):
        assert pixel_size(tiff(resolution=(per_inch, per_inch), resolutionunit="INCH"), "a.tif", GREY) is None
    assert pixel_size(tiff(), "a.tif", GREY) is None


def test_ome_xml():
    data = io.BytesIO()
    tifffile.imwrite(
        data, GREY, ome=True, metadata={"axes": "YX", "PhysicalSizeX": 65.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 65.0}
    )
    assert pixel_size(data.getvalue(), "a.ome.tif", GREY) == (pytest.approx(0.065), "OME-XML of the file")
    data = io.BytesIO()
    tifffile.imwrite(data, GREY, ome=True, metadata={"axes": "YX", "PhysicalSizeX": 0.2})
    assert pixel_size(data.getvalue(), "a.ome.tif", GREY)[0] == pytest.approx(0.2)


@pytest.mark.parametrize(("unit", "um"), [("um", 1.0), ("micron", 1.0), ("\\u00B5m", 1.0), ("nm", 1e-3), ("mm", 1e3)])
def test_imagej(unit, um):
    data = tiff(imagej=True, resolution=(8.0 * um, 8.0 * um), metadata={"unit": unit})
    assert pixel_size(data, "a.tif", GREY) == (pytest.approx(0.125, rel=1e-4), "ImageJ of the file")


def test_descriptions_that_are_none():
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OME><Image><Pixels PhysicalSizeX="&b;"/></Image></OME>'
    for text in (bomb, "<OME><Pixels PhysicalSizeX='wide'/></OME>", "<OME", "<OME></OME>", "ImageJ=1.5\nunit=parsec\n"):
        assert pixel_size(tiff(description=text, metadata=None), "a.tif", GREY) is None
    assert pixel_size(b"", "a.tif", GREY) is None
    assert pixel_size(b"\x89PNG\r\n\x1a\nrubbish", "a.png", GREY) is None


def test_a_png_with_its_resolution():
    data = io.BytesIO()
    Image.fromarray(GREY).save(data, "PNG", dpi=(254_000, 254_000))
    assert pixel_size(data.getvalue(), "a.png", GREY)[0] == pytest.approx(0.1, rel=1e-3)


def test_a_scale_bar_whose_length_is_told():
    picture = with_bar(100)
    assert pixel_size(tiff(), "a.tif", picture, scale_bar_um=20) == (0.2, "a scale bar of 20 µm and 100 px")
    assert pixel_size(tiff(), "Navicula cari-25.1(10μm).jpg", picture)[0] == pytest.approx(0.1)
    assert pixel_size(tiff(), "Navicula cari-25.1(2.5µm).jpg", picture)[0] == pytest.approx(0.025)
    assert pixel_size(tiff(), "a.tif", picture) is None
    assert pixel_size(tiff(), "a.tif", GREY, scale_bar_um=20) is None


def test_bars_black_and_white_level_and_upright():
    assert find_bar(with_bar(120)) == Bar(x=250, y=280, width=120, height=5)
    assert find_bar(with_bar(120, value=255)).length == 120
    assert find_bar(with_bar(120, upright=True)) == Bar(x=350, y=40, width=4, height=120)
    assert find_bar(np.full((300, 400), 150, dtype=np.uint8)) is None
    blob = with_bar(5)
    cv2.circle(blob, (100, 100), 30, 0, -1)
    assert find_bar(blob) is None
    # The black ground of an electron micrograph is no bar.
    assert find_bar(np.zeros((300, 400), dtype=np.uint8)) is None


@pytest.mark.parametrize("angle", [0.0, 37.0, 90.0, 135.0, 179.0])
def test_a_valve_is_turned_upright(angle: float):
    # A dark bar of 120 × 24 px with a white dot near the end that the angle points to.
    picture = np.full((400, 400), 200, dtype=np.uint8)
    cos, sin = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
    across = (-sin, cos)
    corners = [
        (200 + a * 60 * cos + b * 12 * across[0], 210 + a * 60 * sin + b * 12 * across[1])
        for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ]
    cv2.fillPoly(picture, [np.rint(np.array(corners)).astype(np.int32)], 60)
    cv2.circle(picture, (round(200 + 45 * cos), round(210 + 45 * sin)), 5, 255, -1)
    crop = upright(picture, 200.5, 210.5, 120, 24, angle)
    assert crop.shape == (130, 34)
    dark = crop < 130
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert (rows[0], rows[-1]) == pytest.approx((5, 124), abs=2)
    assert (columns[0], columns[-1]) == pytest.approx((5, 28), abs=2)
    bright = np.argwhere(crop > 240).mean(axis=0)
    assert bright[1] == pytest.approx(16.5, abs=1.5)
    assert bright[0] == pytest.approx(64.5 - 45, abs=1.5)


def test_an_upright_box_is_cut_as_it_is():
    picture = np.random.default_rng(0).integers(0, 255, (200, 100), dtype=np.uint8)
    # Neither turned nor mirrored.
    assert (upright(picture, 50, 100, 100, 40, 90) == picture[46:154, 26:74]).all()
    assert (upright(picture, 50, 100, 100, 40, 270) == picture[46:154, 26:74][::-1, ::-1]).all()


def test_a_square_of_the_mean_grey_of_the_rim():
    crop = np.full((40, 10), 200, dtype=np.uint8)
    crop[5:35, 3:7] = 90
    square = squared(crop)
    assert square.shape == (40, 40)
    assert (square[:, :15] == 200).all()
    assert (square[:, 15:25] == crop).all()
    # From an electron microscope, bright on black.
    dark = squared(255 - np.where(crop == 200, 250, 20).astype(np.uint8))
    assert (dark[:, :15] == 250).all()
    assert dark[20, 20] == 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picture = np.full((300, 400), 180, dtype=np.uint8)
    cv2.ellipse(picture, (150, 140), (80, 20), -30, 0, 360, 70, -1)
    Image.fromarray(picture).save(tmp_path / "a.png", dpi=(101_600, 101_600))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (tmp_path / "empty.png").write_bytes(b"")
    return tmp_path


ROW = {"object_x": 150.5, "object_y": 140.5, "object_length_px": 160.0, "object_breadth_px": 40.0, "object_angle": 30.0}


def test_the_cutter_squares(folder: Path):
    with Files(folder) as files:
        cutter = ValveCutter(files, "a.png", {})
        square = cutter.cut(ROW)
        assert square.shape == (174, 174)
        assert square[87, 87] == 70
        assert square[0, 0] == square[87, 5] == 180
        assert (square[:6] > 100).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"object_x": 900.0}, "outside of it"),
        ({"object_length_px": float("nan")}, "outside of it"),
        ({"object_angle": float("inf")}, "outside of it"),
        ({"object_length_px": 1e9}, "outside of it"),
        ({"object_x": "there"}, "without its oriented box"),
    ],
)
def test_a_box_that_is_none_is_an_error_of_that_valve(folder: Path, change: dict, message: str):
    with Files(folder) as files:
        cutter = ValveCutter(files, "a.png", {})
        with pytest.raises(ImageError, match=message):
            cutter.cut(ROW | change)
        assert cutter.cut(ROW).shape == (174, 174)
        with pytest.raises(ImageError, match="without its oriented box"):
            cutter.cut({})


def test_a_micrograph_that_is_none(folder: Path):
    with Files(folder) as files:
        for name, message in (("broken.png", "truncated"), ("empty.png", "empty"), ("gone.png", "holds no gone.png")):
            with pytest.raises(ImageError, match=message):
                ValveCutter(files, name, {})


def test_the_search_goes_on_after_a_broken_micrograph(folder: Path):
    with Files(folder) as files:
        found = dict(search(files, ["broken.png", "a.png", "empty.png"], {}))
    assert list(found) == ["broken.png", "a.png", "empty.png"]
    assert isinstance(found["broken.png"], ImageError)
    assert isinstance(found["empty.png"], ImageError)
    micrograph = found["a.png"]
    assert isinstance(micrograph, Micrograph)
    assert micrograph.um_per_px == pytest.approx(0.25, rel=1e-3)
    assert micrograph.source == "the resolution of the file"
    assert len(micrograph.valves) == 1
    with Files(folder) as files:
        set_by_hand = dict(search(files, ["a.png"], {"um_per_px": 0.5}))["a.png"]
    assert set_by_hand.um_per_px == pytest.approx(0.25, rel=1e-3)
