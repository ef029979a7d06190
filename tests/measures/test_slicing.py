"""Slices that cover, and things put together again: against supervision, and exact synthetic truth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from supervision.detection.utils.iou_and_nms import box_non_max_suppression

from imagine_kernels.errors import DataError, SettingError
from imagine_kernels.measures.slicing import Slice, merge_slices, non_maximum_suppression, overlaps, slices


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 400), st.data())
def test_slices_cover_and_overlap(width, height, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    cut = slices(width, height, size, overlap) if width * height // max(1, (size - overlap) ** 2) < 3000 else []
    if not cut:
        return
    seen = np.zeros((height, width), dtype=bool)
    for part in cut:
        assert (part.width, part.height) == (min(size, width), min(size, height))
        assert part.x >= 0
        assert part.y >= 0
        assert part.x + part.width <= width
        assert part.y + part.height <= height
        seen[part.y : part.y + part.height, part.x : part.x + part.width] = True
    assert seen.all()
    xs = sorted({part.x for part in cut})
    assert all(a + size - b >= overlap for a, b in pairwise(xs))


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (100, 100), (100, -1)])
def test_slices_that_cannot_be(size, overlap):
    with pytest.raises(SettingError, match="cannot be cut into slices"):
        slices(1000, 800, size, overlap)


def test_overlaps_are_those_of_shapely():
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 60, (40, 2))
    boxes = np.column_stack([corner, corner + rng.uniform(1, 50, (40, 2))])
    shapes = shapely.box(*boxes.T)
    common = shapely.area(shapely.intersection(shapes[:, None], shapes[None, :]))
    areas = shapely.area(shapes)
    np.testing.assert_allclose(overlaps(boxes, boxes), common / shapely.area(shapely.union(shapes[:, None], shapes[None, :])))
    np.testing.assert_allclose(overlaps(boxes, boxes, measure="ios"), common / np.minimum(areas[:, None], areas[None, :]))


@pytest.mark.parametrize("seed", range(5))
def test_suppression_keeps_what_supervision_keeps(seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (80, 2))
    boxes = np.column_stack([corner, corner + rng.uniform(5, 40, (80, 2))])
    scores, kinds = rng.permutation(80) / 80, rng.integers(0, 3, 80)
    kept = non_maximum_suppression(boxes, scores, [str(kind) for kind in kinds], threshold=0.4)
    expected = box_non_max_suppression(np.column_stack([boxes, scores, kinds]), iou_threshold=0.4)
    assert sorted(kept.tolist()) == np.flatnonzero(expected).tolist()
    assert scores[kept].tolist() == sorted(scores[kept], reverse=True)


def find(things, cut, rng):
    """What a perfect detector sees in each slice: each thing that it shows a good part of, cut at its sides."""
    boxes, where, of, shapes = [], [], [], []
    for k, part in enumerate(cut):
        window = shapely.box(part.x, part.y, part.x + part.width, part.y + part.height)
        for name, thing in enumerate(things):
            seen = thing.intersection(window)
            if seen.geom_type == "Polygon" and seen.area >= 60:
                boxes.append(np.array(seen.bounds) + rng.uniform(-0.4, 0.4, 4))
                where.append(k)
                of.append(name)
                shapes.append(seen)
    return np.array(boxes), where, np.array(of), shapes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("with_outlines", [False, True])
def test_each_thing_comes_out_once_and_whole(seed, with_outlines):
    rng = np.random.default_rng(seed)
    things = []
    while len(things) < 60:
        x, y = rng.uniform(0, 1900, 2)
        # Some are longer than the overlap, so that no slice shows the whole.
        long = rng.random() < 0.2
        w, h = (rng.uniform(120, 420), rng.uniform(12, 30)) if long else rng.uniform(10, 90, 2)
        thing = shapely.box(x, y, x + w, y + h) if rng.random() < 0.5 else shapely.box(x, y, x + h, y + w)
        if thing.bounds[2] < 2000 and thing.bounds[3] < 2000 and all(thing.distance(other) > 8 for other in things):
            things.append(thing)
    cut = slices(2000, 2000, 640, 100)
    boxes, where, of, shapes = find(things, cut, rng)
    assert len(of) > len(things)
    merged = merge_slices(boxes, rng.random(len(of)), ["a"] * len(of), where, cut, polygons=shapes if with_outlines else None)
    assert len(merged) == len(things)
    for one in merged:
        names = set(of[list(one.members)].tolist())
        assert len(names) == 1
        thing = things[names.pop()]
        np.testing.assert_allclose(one.box, thing.bounds, atol=0.5)
        if with_outlines:
            assert one.polygon.symmetric_difference(thing).area < 0.05 * thing.area + 80


def test_a_small_thing_on_a_large_one_stays():
    cut = [Slice(0, 0, 640, 640), Slice(540, 0, 640, 640)]
    bag, cap = (550, 100, 630, 200), (580, 140, 600, 160)
    merged = merge_slices([bag, bag, cap, cap], [0.9, 0.8, 0.7, 0.6], ["plastic"] * 4, [0, 1, 0, 1], cut)
    assert [one.members for one in merged] == [(0, 1), (2, 3)]
    assert (merged[0].box, merged[0].score) == (bag, 0.9)


def test_labels_divide_unless_told_otherwise():
    cut = [Slice(0, 0, 640, 640), Slice(540, 0, 640, 640)]
    box = (550, 100, 630, 200)
    assert len(merge_slices([box, box], [0.9, 0.8], ["bag", "bottle"], [0, 1], cut)) == 2
    (one,) = merge_slices([box, box], [0.9, 0.8], ["bag", "bottle"], [0, 1], cut, by_label=False)
    assert one.label == "bag"


def test_nothing_and_what_does_not_fit():
    assert merge_slices([], [], [], [], []) == []
    with pytest.raises(DataError, match="another number of scores"):
        merge_slices([[0, 0, 1, 1]], [], ["a"], [0], [Slice(0, 0, 9, 9)])
    with pytest.raises(DataError, match="names a slice that is not among the 1"):
        merge_slices([[0, 0, 1, 1]], [1.0], ["a"], [3], [Slice(0, 0, 9, 9)])
