"""Whole pictures made small: OpenCV makes the same, in bands too, and what cannot be read is a problem."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imagine_kernels.errors import DataNotFound
from imagine_kernels.media import overviews as module
from imagine_kernels.media.overviews import Overview, overviews
from imagine_kernels.records import Problem, Sample


def sample_in(folder: Path, names: list[str]) -> Sample:
    objects = pd.DataFrame({"object_id": [], "file": [], "label": [], "status": []})
    media = pd.DataFrame({"file": names, "width": 0, "height": 0, "labelled": False})
    return Sample(name="s", source=folder, layout="", objects=objects, media=media, cut_from="photograph")


@pytest.mark.parametrize("bands", [False, True])
def test_it_is_the_mean_over_squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bands: bool) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    if bands:
        monkeypatch.setattr(module, "_AT_ONCE", 200 * 17)
    (found,) = overviews(sample_in(tmp_path, ["a.png"]), side=50)
    assert isinstance(found, Overview)
    assert (found.pixels.shape, found.factor) == ((30, 50, 3), 0.25)
    wanted = cv2.resize(picture, (50, 30), interpolation=cv2.INTER_AREA)
    assert np.abs(found.pixels.astype(int) - wanted).max() <= 1


def test_what_does_not_fit_into_squares_is_the_mean_of_what_there_is(tmp_path: Path) -> None:
    picture = np.zeros((10, 7, 3), dtype=np.uint8)
    picture[9:, :] = 90
    Image.fromarray(picture).save(tmp_path / "a.png")
    (found,) = overviews(sample_in(tmp_path, ["a.png"]), side=4)
    assert found.pixels.shape == (4, 3, 3)
    assert found.pixels[:, 0, 0].tolist() == [0, 0, 0, 90]


def test_small_pictures_stay_and_broken_ones_are_said(tmp_path: Path) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    found = list(overviews(sample_in(tmp_path, ["b.png", "a.png"])))
    assert isinstance(found[0], Problem)
    assert found[0].item == "b.png"
    np.testing.assert_array_equal(found[1].pixels, picture)
    assert found[1].factor == 1
    assert [each.file for each in overviews(sample_in(tmp_path, ["b.png", "a.png"]), ["a.png"])] == ["a.png"]


def test_vignettes_have_no_overview(tmp_path: Path) -> None:
    objects = pd.DataFrame({"object_id": ["1"], "file": ["a.png"], "label": [""], "status": [""]})
    with pytest.raises(DataNotFound, match="a picture of each object and none to look over"):
        list(overviews(Sample(name="s", source=tmp_path, layout="", objects=objects)))
