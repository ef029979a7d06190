"""Particles cut out of collages: exact, in grey and colour, and whatever can be wrong with a collage."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.collages import CollageCutter, check_collages, white_background
from imagine_kernels.media.objects import CUTTERS, Pictures
from imagine_kernels.records import Sample


def row(x: float, y: float, width: float, height: float) -> dict[str, float | str]:
    return {"object_id": "o", "object_bx": x, "object_by": y, "object_width": width, "object_height": height}


@pytest.fixture
def colour(tmp_path: Path) -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "c.tif", compression="tiff_lzw")
    return picture


def test_a_crop_is_the_box_of_the_collage_and_grey_is_its_luminance(tmp_path: Path, colour: np.ndarray):
    cutter = CollageCutter(Files(tmp_path), "c.tif", {})
    np.testing.assert_array_equal(cutter.crop(row(3, 5, 20, 30)), colour[5:35, 3:23])
    luminance = colour[5:35, 3:23] @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(cutter.cut(row(3.0, 5.0, 20.0, 30.0)), luminance, atol=0.6)
    whole = cutter.cut(row(0, 0, 60, 40))
    assert (whole.shape, whole.dtype) == ((40, 60), np.uint8)
    cutter.close()
    with pytest.raises(ImageError, match="lies outside"):
        cutter.cut(row(0, 0, 1, 1))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA"])
def test_collages_of_any_kind_are_cut(tmp_path: Path, mode: str):
    Image.fromarray(np.full((30, 30), 200, np.uint8)).convert(mode).save(tmp_path / "c.png")
    cut = CollageCutter(Files(tmp_path), "c.png", {}).cut(row(0, 0, 10, 20))
    assert cut.shape == (20, 10)
    assert int(cut[0, 0]) == (255 if mode == "1" else 200)


@pytest.mark.parametrize(
    "box", [(50, 0, 11, 5), (0, 36, 5, 5), (-1, 0, 5, 5), (0, 0, 0, 5), (np.nan, 0, 5, 5), (np.inf, 0, 5, 5), (1e30, 0, 5, 5)]
)
def test_a_box_that_is_not_inside_is_refused(tmp_path: Path, colour: np.ndarray, box: tuple[float, float, float, float]):
    with pytest.raises(ImageError, match=r"lies outside of the collage of 60 × 40 px|has no box in it"):
        CollageCutter(Files(tmp_path), "c.tif", {}).cut(row(*box))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is not a picture"),
        (b"text", "is not a picture"),
        (None, "holds no c.tif"),
        ("half", "is damaged"),
        ("huge", "more than a collage can"),
    ],
)
def test_a_collage_that_cannot_be_decoded_is_one_error(tmp_path: Path, content: bytes | str | None, match: str):
    if content == "huge":
        Image.fromarray(np.zeros((1, 20_001), np.uint8)).save(tmp_path / "c.tif", compression="tiff_lzw")
    elif content == "half":
        data = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)).save(data, "TIFF")
        (tmp_path / "c.tif").write_bytes(data.getvalue()[:20_000])
    elif content is not None:
        (tmp_path / "c.tif").write_bytes(content)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=match):
        CollageCutter(Files(tmp_path), "c.tif", {})


def test_check_names_each_collage_once_and_each_box_outside(tmp_path: Path, colour: np.ndarray):
    (tmp_path / "bad.tif").write_bytes(b"II*\0")
    boxes = [row(0, 0, 10, 10), row(55, 0, 10, 10), row(0, 0, 5, 5), row(5, 0, 5, 5)]
    table = pd.DataFrame(boxes).assign(
        object_id=["a", "b", "c", "d"], file=["c.tif", "c.tif", "bad.tif", "bad.tif"], label="", status=""
    )
    sample = Sample(name="s", source=tmp_path, layout="run", objects=table, cut_from="collage")
    done = []
    problems = check_collages(sample, lambda *what: done.append(what))
    assert [problem.item for problem in problems] == ["c.tif, b", "bad.tif"]
    assert problems[0].what == "lies outside of the collage of 60 × 40 px"
    assert problems[1].what.endswith("with it 2 particles are lost")
    assert done[-1] == (2, 2, "collages checked")


def test_pictures_of_a_sample_go_through_the_cutter(tmp_path: Path, colour: np.ndarray):
    assert CUTTERS["collage"] == (CollageCutter.__module__, CollageCutter.__name__)
    table = pd.DataFrame([row(1, 2, 10, 12), row(0, 0, 99, 1)]).assign(object_id=["a", "b"], file="c.tif", label="", status="")
    with Pictures(Sample(name="s", source=tmp_path, layout="run", objects=table, cut_from="collage")) as pictures:
        found = dict(pictures.many())
    assert found[0].shape == (12, 10)
    assert isinstance(found[1], ImageError)


def test_a_model_sees_grey_and_a_file_is_in_colour(tmp_path: Path, colour: np.ndarray):
    Image.fromarray(colour[..., 0]).save(tmp_path / "grey.tif", compression="tiff_lzw")
    table = pd.DataFrame([row(1, 2, 10, 12)] * 2).assign(object_id=["a", "b"], file=["c.tif", "grey.tif"], label="", status="")
    with Pictures(Sample(name="s", source=tmp_path, layout="run", objects=table, cut_from="collage")) as pictures:
        assert pictures.load(0).shape == (12, 10)
        with Image.open(io.BytesIO(pictures.data(0))) as found:
            assert found.mode == "RGB"
            np.testing.assert_array_equal(np.array(found), colour[2:14, 1:11])
        with Image.open(io.BytesIO(pictures.data(1))) as found:
            assert found.mode == "L"
            np.testing.assert_array_equal(np.array(found), colour[2:14, 1:11, 0])


@pytest.mark.parametrize("level", [120, 180, 230])
def test_a_background_of_any_grey_becomes_white_and_the_particle_stays_in_proportion(level: int):
    rng = np.random.default_rng(1)
    picture = np.clip(rng.normal(level, 2.0, (60, 50)), 0, 255)
    picture[20:40, 15:35] = level * 0.5
    white = white_background(picture.astype(np.uint8))
    outside = np.ones(white.shape, dtype=bool)
    outside[20:40, 15:35] = False
    assert (white[outside] == 255).mean() > 0.96
    assert abs(int(np.median(white[20:40, 15:35])) - 127) <= 2
    assert white.max() == 255


def test_bright_parts_of_a_particle_stand_out_too():
    picture = np.full((40, 40), 150, np.uint8)
    picture[10:30, 10:30] = 200
    assert white_background(picture)[20, 20] == round(255 * (2 - 200 / 150))


@pytest.mark.parametrize("value", [0, 255])
def test_an_even_picture_is_empty(value: int):
    assert (white_background(np.full((5, 7), value, np.uint8)) == 255).all()


def test_every_crop_of_the_real_runs_equals_the_picture_that_was_delivered(shared_data):
    data = shared_data("flowcam/vickot_flowcam8000") / "Training" / "data"
    delivered = {path.name: path for path in (data / "classes").rglob("*.png")}
    from imagine_kernels.formats.flowcam import read_flowcam

    objects = read_flowcam(data / "raw", {}).objects
    assert len(objects) == len(delivered) == 2000
    cutters: dict[str, CollageCutter] = {}
    with Files(data / "raw") as files:
        for particle in objects.to_dict("records"):
            cutter = cutters.setdefault(particle["file"], None) or CollageCutter(files, particle["file"], {})  # type: ignore[arg-type]
            cutters[particle["file"]] = cutter
            name = f"{particle['sample_id']}_{particle['object_image_id']}.png"
            with Image.open(delivered[name]) as picture:
                np.testing.assert_array_equal(cutter.crop(particle), np.asarray(picture.convert("RGB")), err_msg=name)
    assert len(cutters) == 4
