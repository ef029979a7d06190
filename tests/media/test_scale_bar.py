"""The scale bar is found where there is one, and nowhere else."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.vignettes import (
    ScaleBar,
    crop_scale_bar,
    decode,
    find_scale_bar,
    load,
    pixel_size_from_scale_bar,
)
from imagine_kernels.records import Sample


def vignette(
    *, height: int = 80, width: int = 130, run: int = 96, strip: int = 31, text: bool = True, thickness: int = 2
) -> NDArray[np.uint8]:
    """A vignette as ZooProcess draws it: a grey body, and under it a strip with the bar and ``1 mm``."""
    picture = np.full((height + strip, width), 255, dtype=np.uint8)
    picture[20:60, 10:30] = np.random.default_rng(0).integers(60, 200, (40, 20))
    top = height + strip - 6
    picture[top : top + thickness, 9 : 9 + run] = 0
    if text:
        picture[height + 15 : height + 22, 12] = 0
        picture[height + 17 : height + 22, 20:24:2] = 0
    return picture


def sample_of(folder: Path, names: list[str], **settings: object) -> Sample:
    objects = pd.DataFrame({"object_id": names, "file": names, "label": "", "status": ""})
    return Sample(name="s", source=folder, layout="pictures", objects=objects, settings=settings)


def save(folder: Path, name: str, picture: NDArray[np.uint8]) -> None:
    Image.fromarray(picture).save(folder / name)


@pytest.mark.parametrize("text", [True, False])
def test_bar_of_a_drawn_vignette(text: bool) -> None:
    bar = find_scale_bar(vignette(text=text))
    assert bar == ScaleBar(top_row=80, length_px=94, length_mm=1.0)
    # 2400 dpi are 25.4/2400 = 0.010583 mm per px; a bar is whole pixels long.
    assert bar.mm_per_px == pytest.approx(25.4 / 2400, rel=1 / 94)


@given(st.integers(20, 400), st.integers(1, 5), st.integers(34, 300))
def test_bar_of_any_length(run: int, thickness: int, height: int) -> None:
    picture = vignette(run=run, width=run + 20, height=max(height, 61), thickness=thickness)
    bar = find_scale_bar(picture)
    assert bar is not None
    assert (bar.length_px, bar.length_mm) == (run - thickness, 1.0)
    assert crop_scale_bar(picture).shape == (max(height, 61), run + 20)


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_bar_survives_jpeg(quality: int) -> None:
    data = io.BytesIO()
    Image.fromarray(vignette()).save(data, "JPEG", quality=quality)
    assert find_scale_bar(decode(data.getvalue(), name="a")) == ScaleBar(top_row=80, length_px=94)


def test_short_bar_is_cropped_but_gives_no_size() -> None:
    bar = find_scale_bar(vignette(run=11))
    assert bar is not None
    assert math.isnan(bar.length_mm)
    assert find_scale_bar(vignette(run=11, text=False)) is None


def test_strip_of_another_height() -> None:
    picture = vignette(strip=40)
    assert crop_scale_bar(picture, height_px=40).shape == (80, 130)


def test_zero_height_never_crops() -> None:
    picture = vignette()
    assert crop_scale_bar(picture, height_px=0) is picture


def fiber() -> NDArray[np.uint8]:
    """A dark horizontal fibre near the lower edge, out of focus as real ones are."""
    picture = np.full((90, 130), 255, dtype=np.uint8)
    picture[82:86, 10:110] = np.array([150, 60, 60, 150], dtype=np.uint8)[:, None]
    return picture


def reaching_body() -> NDArray[np.uint8]:
    picture = vignette()
    picture[60:100, 100:110] = 30
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        np.full((90, 130), 255, dtype=np.uint8),
        np.zeros((90, 130), dtype=np.uint8),
        np.full((33, 130), 255, dtype=np.uint8),
        np.full((3, 3), 255, dtype=np.uint8),
        np.random.default_rng(1).integers(0, 256, (90, 130), dtype=np.uint8),
        fiber(),
        reaching_body(),
        255 - vignette(),
        vignette()[::-1],
        vignette(thickness=6),
    ],
    ids=["white", "black", "low", "tiny", "noise", "fibre", "body in the strip", "white on black", "upside down", "block"],
)
def test_no_bar(picture: NDArray[np.uint8]) -> None:
    assert find_scale_bar(picture) is None
    assert crop_scale_bar(picture) is picture


def test_load_crops_and_says_what_is_missing(tmp_path: Path) -> None:
    save(tmp_path, "a.png", vignette())
    with Files(tmp_path) as files:
        assert load(files, "a.png").shape == (80, 130)
        assert load(files, "a.png", scale_bar_px=0).shape == (111, 130)
        with pytest.raises(ImageError, match=r"holds no b\.png: put the file there"):
            load(files, "b.png")


def test_pixel_size_is_the_median_of_the_bars(tmp_path: Path) -> None:
    for i, run in enumerate([96, 96, 49]):
        save(tmp_path, f"{i}.png", vignette(run=run))
    save(tmp_path, "3.png", np.full((90, 90), 255, dtype=np.uint8))
    measured = pixel_size_from_scale_bar(sample_of(tmp_path, [f"{i}.png" for i in range(4)]))
    assert measured is not None
    size, problem = measured
    assert size == 1 / 94
    assert problem.severity == "warning"
    assert str(problem) == (
        f"{tmp_path.name}: the data do not say the pixel size; 0.01064 mm was measured on the scale bars of 3 pictures;"
        " set pixel_size_mm or dpi if you know it."
    )


def test_no_pixel_size_without_bars(tmp_path: Path) -> None:
    save(tmp_path, "a.png", vignette(run=11))
    save(tmp_path, "b.png", vignette())
    assert pixel_size_from_scale_bar(sample_of(tmp_path, ["a.png"])) is None
    assert pixel_size_from_scale_bar(sample_of(tmp_path, [""])) is None
    assert pixel_size_from_scale_bar(sample_of(tmp_path, ["b.png"], scale_bar_px=0)) is None


def test_all_real_zooscan_vignettes_have_their_bar(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("zooscan") / "ecotaxa_ml_template_400"
    with Files(folder) as files:
        names = files.names(".jpg")
        assert len(names) == 320
        for name in names:
            picture = load(files, name, scale_bar_px=0)
            assert not isinstance(picture, ImageError)
            assert find_scale_bar(picture) == ScaleBar(top_row=picture.shape[0] - 31, length_px=94), name
    measured = pixel_size_from_scale_bar(sample_of(folder, names))
    assert measured is not None
    assert measured[0] == pytest.approx(25.4 / 2400, rel=0.01)


@pytest.mark.parametrize("part", ["uvpec_uvp6_vignettes", "freshwater_zooplankton_cvat_sample"])
def test_no_false_bar_on_real_pictures_of_other_instruments(shared_data: Callable[[str], Path], part: str) -> None:
    with Files(shared_data("zooscan") / part) as files:
        names = files.names(".jpg", ".png")
        assert len(names) >= 55
        for name in names:
            picture = load(files, name, scale_bar_px=0)
            assert not isinstance(picture, ImageError)
            assert find_scale_bar(picture) is None, name
