"""The sheet of vignettes and its layers, against exact truth; no window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imagine_kernels.apps.desktop.mosaic import (
    BACKGROUND,
    DISCARDED,
    GAP,
    MAX_TEXTURE,
    colours_of,
    layers_of,
    mosaic,
    texts_of,
)
from imagine_kernels.errors import ImageError
from imagine_kernels.figures.drawing import SERIES


def vignettes(n: int, *, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, tuple(random.integers(3, 90, 2)), dtype=np.uint8) for _ in range(n)]


def cut(picture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    top, left = (corners[0] + 0.5).astype(int)
    bottom, right = (corners[2] + 0.5).astype(int)
    return picture[top:bottom, left:right]


@pytest.mark.parametrize("n", [1, 2, 57, 400])
def test_every_vignette_lies_in_its_rectangle_bit_by_bit(n: int) -> None:
    pictures = vignettes(n, seed=n)
    labels = [("Copepoda", "detritus", "", "Ünïcødé<x")[i % 4] for i in range(n)]
    sheet = mosaic(iter(pictures), labels)
    assert sorted(sheet.rows.tolist()) == list(range(n))
    assert sheet.left_out == 0
    rest = sheet.picture.copy()
    for row, corners in zip(sheet.rows, sheet.corners, strict=True):
        np.testing.assert_array_equal(cut(sheet.picture, corners), pictures[row])
        cut(rest, corners)[:] = BACKGROUND
        top, left = corners[0]
        bottom, right = corners[2]
        assert corners.tolist() == [[top, left], [top, right], [bottom, right], [bottom, left]]
    assert (rest == BACKGROUND).all(), "nothing but the vignettes is drawn"
    assert sum(picture.size for picture in pictures) == sum(cut(sheet.picture, corners).size for corners in sheet.corners)


def test_groups_are_together_and_keep_the_order_given() -> None:
    labels = ["b", "a", "b", "a", "c", "b"]
    sheet = mosaic(vignettes(6), labels)
    assert sheet.rows.tolist() == [1, 3, 0, 2, 5, 4]
    assert sheet.groups == ("a", "b", "c")
    assert (np.diff(sheet.headings[:, 0]) > 0).all()
    for group, heading in zip(sheet.groups, sheet.headings, strict=True):
        of_it = [labels[row] == group for row in sheet.rows]
        assert sheet.corners[of_it, 0, 0].min() > heading[0]


def test_no_two_vignettes_touch() -> None:
    sheet = mosaic(vignettes(120), ["x"] * 120)
    painted = np.zeros(sheet.picture.shape, dtype=int)
    for corners in sheet.corners:
        grown = np.add(corners, [[-GAP // 2, -GAP // 2], [0, 0], [GAP // 2 - 1, GAP // 2 - 1], [0, 0]])
        cut(painted, grown)[:] += 1
    assert painted.max() == 1


def test_a_frame_chooses_what_it_touches() -> None:
    sheet = mosaic(vignettes(30), ["x"] * 30)
    middle = sheet.corners[7].mean(axis=0)
    assert sheet.touched(middle, middle) == {7}
    assert sheet.touched([0, 0], sheet.picture.shape) == set(range(30))
    assert sheet.touched(sheet.picture.shape, [0, 0]) == set(range(30))
    assert sheet.touched([0, 0], [1, 1]) == set()


def test_too_large_a_sheet_holds_the_first_ones_and_takes_no_more() -> None:
    taken = []

    def pictures() -> Any:
        for n in range(1000):
            taken.append(n)
            yield np.full((50, 50), n % 200, dtype=np.uint8)

    sheet = mosaic(pictures(), ["a", "b"] * 500, max_pixels=100_000)
    assert 0 < len(sheet) < 40
    assert sheet.picture.size <= 100_000
    assert sorted(sheet.rows.tolist()) == list(range(len(sheet)))
    assert sheet.left_out == 1000 - len(sheet)
    assert len(taken) <= 41
    larger = mosaic(pictures(), ["a", "b"] * 500, max_pixels=100_000_000, max_vignettes=150)
    assert (len(larger), larger.left_out) == (150, 850)


def test_nothing_to_show_and_too_large_a_vignette_are_one_sentence() -> None:
    with pytest.raises(ImageError, match="There is no vignette to show: choose another sample"):
        mosaic([], [])
    with pytest.raises(ImageError, match="Already the first vignette needs more than 100 px"):
        mosaic([np.zeros((50, 50), np.uint8)], ["a"], max_pixels=100)


def table(sheet: Any, labels: list[str], status: str = "predicted") -> Any:
    import pandas as pd

    names = [labels[row] for row in sheet.rows]
    ids = [f"object {row}" for row in sheet.rows]
    return pd.DataFrame({"object_id": ids, "label": names, "probability": 0.5, "status": status, "judged": status != "predicted"})


def test_layers_carry_scale_colours_and_texts() -> None:
    labels = ["b", "a", "b"]
    sheet = mosaic(vignettes(3), labels)
    objects = table(sheet, labels)
    objects.loc[0, ["status", "judged"]] = "discarded", True
    (image, about, kind), (_, words, _), (corners, shapes, _) = layers_of(
        sheet, objects, colours=colours_of(["a", "b"]), pixel_size_mm=0.0106
    )
    assert kind == "image"
    assert image is sheet.picture
    assert about["scale"] == shapes["scale"] == (0.0106, 0.0106)
    assert about["units"] == ("mm", "mm")
    assert shapes["edge_color"] == [DISCARDED, SERIES[1], SERIES[1]]
    assert list(shapes["features"]) == ["object_id", "label", "probability", "status"]
    assert words["features"]["text"] == ["a (1)", "b (2)", "a: discarded"]
    np.testing.assert_array_equal(corners, sheet.corners)
    assert layers_of(sheet, objects, colours=colours_of("ab"))[0][1]["units"] == ("pixel", "pixel")


def test_a_large_sheet_is_a_pyramid_without_copies() -> None:
    sheet = mosaic([np.zeros((3, MAX_TEXTURE * 2), np.uint8)], ["a"])
    levels, about, _ = layers_of(sheet, table(sheet, ["a"]), colours=colours_of("a"))[0]
    assert about["multiscale"]
    assert levels[0] is sheet.picture
    assert all(np.shares_memory(level, sheet.picture) for level in levels)
    assert max(levels[-1].shape) <= MAX_TEXTURE


def test_texts_are_limited() -> None:
    sheet = mosaic([np.zeros((3, 3), np.uint8)] * 700, ["a"] * 700)
    places, texts = texts_of(sheet, table(sheet, ["a"] * 700, "validated"))
    assert len(places) == len(texts) == 501
