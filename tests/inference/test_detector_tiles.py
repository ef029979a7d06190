"""Whole pictures through tiles: what lies on several of them comes out once and whole.

The session here is exact: it sees bright rectangles on black, and says their boxes as the network would.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import Cancelled, SettingError
from imagine_kernels.inference.box_merging import merged
from imagine_kernels.inference.detector import OUTSIDE, Detector, Shrunk, padded_tile
from imagine_kernels.inference.sessions import Chunk, Done
from imagine_kernels.measures.slicing import merge_slices, slices
from imagine_kernels.media.sources import Held
from imagine_kernels.media.tiles import Box
from imagine_kernels.models.detector import points

TILE, FINEST = 64, 8


class Exact:
    """Finds connected rectangles whose grey values are above 150; 200 and more are of the second class."""

    runtime = "exact"

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        where, steps = points(TILE, FINEST)
        for key, inputs in chunks:
            numbers = np.full((len(inputs["pixels"]), len(where), 6), -9.0, dtype=np.float32)
            for out, tile in zip(numbers, inputs["pixels"], strict=True):
                labels, _ = scipy.ndimage.label(tile[0] > 150)
                for rows, columns in scipy.ndimage.find_objects(labels):
                    box = np.array([columns.start, rows.start, columns.stop, rows.stop])
                    inside = ((where > box[:2]) & (where < box[2:])).all(axis=1)
                    # Several points say the same box, as they do in a network.
                    for p in np.flatnonzero(inside)[:5]:
                        sides = np.array([where[p, 0] - box[0], where[p, 1] - box[1], box[2] - where[p, 0], box[3] - where[p, 1]])
                        kind = int(tile[0, rows, columns].max() >= 200)
                        out[p, kind] = 2.0 - 0.01 * p / len(where)
                        out[p, 2:] = np.log(sides / (2 * steps[p]))
            done(key, {"logits": numbers})


def detector(**changed: Any) -> Detector:
    return Detector(
        Exact(), classes=("nothing", "dim", "bright"), tile=TILE, **{"overlap": 24, "channels": 1, "finest": FINEST, **changed}
    )


def picture(boxes: list[tuple[int, int, int, int, int]], height: int, width: int) -> Held:
    pixels = np.zeros((height, width), dtype=np.uint8)
    for left, top, right, bottom, value in boxes:
        pixels[top:bottom, left:right] = value
    return Held(pixels)


def test_things_on_several_tiles_come_out_once_and_whole() -> None:
    # Within the overlap, across it, larger than a tile, at the edges of the picture, small beside large.
    drawn = [
        (45, 10, 60, 25, 180), (70, 5, 110, 30, 220), (10, 60, 180, 90, 180), (180, 0, 200, 20, 220), (0, 110, 12, 130, 180),
        (100, 100, 116, 116, 220), (120, 100, 136, 116, 220),
    ]  # fmt: skip
    found = detector().find(picture(drawn, 130, 200))
    assert sorted(tuple(round(x) for x in each.box) for each in found) == sorted(each[:4] for each in drawn)
    kinds = {tuple(round(x) for x in each.box): each.class_index for each in found}
    assert all(kinds[each[:4]] == (2 if each[4] >= 200 else 1) for each in drawn)


def test_probabilities_sum_to_one_and_the_score_is_calibrated() -> None:
    source = picture([(20, 20, 40, 40, 220)], 64, 64)
    plain, changed = detector().find(source)[0], detector(slope=0.5, offset=-0.3).find(source)[0]
    assert plain.score == pytest.approx(1 / (1 + np.exp(-2)), abs=0.01)
    assert changed.score == pytest.approx(1 / (1 + np.exp(-(0.5 * 2 - 0.3))), abs=0.01)
    for each in (plain, changed):
        assert each.probabilities.sum() == pytest.approx(1, abs=1e-6)
        assert each.probabilities.min() >= 0
    assert plain.probabilities[0] == pytest.approx(1 - plain.score, abs=0.01)


def test_only_what_reaches_the_limit_is_found() -> None:
    source = picture([(20, 20, 40, 40, 220)], 64, 64)
    assert detector(min_score=0.95).find(source) == []
    assert len(detector(min_score=0.95).find(source, min_score=0)) == 1
    assert detector().find(picture([], 100, 100)) == []


@pytest.mark.parametrize(("height", "width"), [(20, 30), (64, 64), (65, 200), (10, 150)])
def test_small_and_narrow_pictures_give_boxes_within_them(height: int, width: int) -> None:
    found = detector().find(picture([(2, 1, 20, 9, 180)], height, width))
    assert [tuple(round(x) for x in each.box) for each in found] == [(2, 1, 20, 9)]


def test_a_shrunk_picture_gives_boxes_in_its_own_pixels() -> None:
    found = detector(longest=64).find(picture([(80, 40, 160, 120, 220)], 256, 256))
    assert len(found) == 1
    np.testing.assert_allclose(found[0].box, [80, 40, 160, 120], atol=4)


def test_parts_of_a_shrunk_picture_join() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (90, 150, 3), dtype=np.uint8)
    view = Shrunk(Held(pixels), 75)
    assert (view.width, view.height) == (75, 45)
    whole = view.read(Box(0, 0, 75, 45))
    np.testing.assert_array_equal(view.read(Box(10, 20, 30, 15)), whole[20:35, 10:40])
    # Every second px in each direction: the mean of four.
    np.testing.assert_allclose(whole, pixels.reshape(45, 2, 75, 2, 3).mean(axis=(1, 3)), atol=0.51)
    assert Shrunk(Held(pixels), 999).factor == 1


def test_beyond_the_edges_there_is_nothing() -> None:
    tile = padded_tile(Held(np.full((20, 30), 250, dtype=np.uint8)), 0, 0, 64, 3)
    assert tile.shape == (3, 64, 64)
    assert (tile[:, :20, :30] == 250).all()
    assert (tile[:, 20:] == OUTSIDE).all()
    assert (tile[:, :, 30:] == OUTSIDE).all()


def test_the_search_can_be_stopped_and_followed() -> None:
    cancel, told = threading.Event(), list[tuple[int, int]]()
    detector().find(picture([], 130, 200), told=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 4
    cancel.set()
    with pytest.raises(Cancelled):
        detector().find(picture([], 130, 200), cancel=cancel)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="overlap takes values from 0 up to 32 px"):
        detector(overlap=40)
    with pytest.raises(SettingError, match="min_score takes values from 0 to 1"):
        detector(min_score=2)


def test_a_faint_box_makes_no_one_thing_of_two() -> None:
    """Two sure boxes on two tiles, and a faint one on the second that lies across both and is cut."""
    tiles = slices(112, 64, 64, 16)
    boxes = np.array([[20.0, 10, 46, 40], [66, 10, 100, 40], [48, 8, 110, 44]])
    scores, tile = np.array([0.9, 0.8, 0.05]), np.array([0, 1, 1])
    found, best = merged(boxes, scores, tile, tiles, same=0.55)
    assert best[:2].tolist() == [0, 1]
    np.testing.assert_array_equal(found[:2], boxes[:2])
    # As faint as the other part of a thing that is cut, it tells nothing of it either, and is gone.
    boxes = np.array([[20.0, 10, 64, 40], [48, 10, 90, 40]])
    for faint, expected in ((0.7, [20, 10, 90, 40]), (0.1, [20, 10, 64, 40])):
        found, best = merged(boxes, np.array([0.9, faint]), np.array([0, 1]), tiles, same=0.55)
        assert found.tolist() == [expected]
        assert best.tolist() == [0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_what_is_merged_agrees_with_the_slices_where_all_boxes_are_as_sure(seed: int) -> None:
    """Rectangles with gaps between them, cut into their parts on each tile: all come out whole, whichever way they are put together."""
    rng = np.random.default_rng(seed)
    tiles = slices(150, 110, 64, 24)
    true = [(x, y, x + rng.integers(12, 40), y + rng.integers(12, 40)) for x in (3, 55, 105) for y in (2, 60)]
    boxes, tile = [], []
    for k, part in enumerate(tiles):
        for left, top, right, bottom in true:
            x, y = max(left, part.x), max(top, part.y)
            x_end, y_end = min(right, part.x + part.width), min(bottom, part.y + part.height)
            # A detector sees nothing in a sliver.
            if x_end - x >= 8 and y_end - y >= 8:
                boxes.append((x, y, x_end, y_end))
                tile.append(k)
    scores = rng.uniform(0.6, 0.9, len(boxes))
    ours = merged(np.array(boxes, dtype=float), scores, np.array(tile), tiles, same=0.55)[0]
    theirs = merge_slices(boxes, scores, [""] * len(boxes), tile, tiles)
    assert {tuple(box) for box in ours.tolist()} == {one.box for one in theirs} == {tuple(map(float, box)) for box in true}


def test_nothing_merges_to_nothing() -> None:
    found, best = merged(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64), slices(100, 100, 64, 16), same=0.5)
    assert found.shape == (0, 4)
    assert best.shape == (0,)
