"""Outlines of slicks against scikit-image's labels, whatever parts the mask comes in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize
from skimage.measure import label, regionprops

from imagine_kernels.errors import DataError
from imagine_kernels.measures.slick_outlines import find_outlines, outline_parts

LABELS = {1: "oil", 2: "look-alike"}


def in_parts(mask: np.ndarray, side: int):
    return outline_parts(mask.shape[1], mask.shape[0], lambda x, y, w, h: mask[y : y + h, x : x + w], side=side)


def drawn(outlines, shape: tuple[int, int]) -> np.ndarray:
    found = np.zeros(shape, dtype=np.uint8)
    for each in outlines:
        found += rasterize([each.polygon], out_shape=shape, dtype="uint8")
    return found


@given(
    mask=arrays(np.uint8, (23, 31), elements=st.sampled_from([0, 0, 1, 1, 2])),
    side=st.integers(2, 40),
    smallest=st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_parts_make_what_the_whole_makes(mask: np.ndarray, side: int, smallest: int):
    whole = find_outlines([(0, 0, mask)], LABELS, smallest_px=smallest)
    parts = find_outlines(in_parts(mask, side), LABELS, smallest_px=smallest)
    assert [(each.label, each.n_px, each.polygon.bounds) for each in parts] == [
        (each.label, each.n_px, each.polygon.bounds) for each in whole
    ]
    assert all(a.polygon.equals(b.polygon) for a, b in zip(parts, whole, strict=True))


@given(mask=arrays(np.uint8, (19, 22), elements=st.sampled_from([0, 1, 2])), smallest=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_slicks_are_the_connected_pieces_of_scikit_image(mask: np.ndarray, smallest: int):
    outlines = find_outlines(in_parts(mask, 7), LABELS, smallest_px=smallest)
    for value, name in LABELS.items():
        labels = label(mask == value, connectivity=2)
        expected = sorted(region.area for region in regionprops(labels) if region.area >= smallest)
        ours = [each for each in outlines if each.label == name]
        assert sorted(each.n_px for each in ours) == expected
        assert all(each.polygon.area == each.n_px for each in ours)
        kept = np.isin(labels, [region.label for region in regionprops(labels) if region.area >= smallest])
        assert np.array_equal(drawn(ours, mask.shape), kept)


def test_a_long_slick_across_many_parts_is_one():
    mask = np.zeros((400, 3000), dtype=np.uint8)
    for x in range(20, 2980):
        mask[200 + int(150 * np.sin(x / 300)) : 212 + int(150 * np.sin(x / 300)), x] = 1
    found = find_outlines(in_parts(mask, 256), LABELS)
    assert [(each.label, each.n_px, each.box[0], each.box[2]) for each in found] == [("oil", int(mask.sum()), 20, 2960)]


def test_nothing_is_nothing():
    assert find_outlines([], LABELS) == []
    assert find_outlines([(0, 0, np.zeros((5, 5), np.uint8))], LABELS) == []
    with pytest.raises(DataError, match="not 3 dimensions"):
        find_outlines([(0, 0, np.zeros((5, 5, 3), np.uint8))], LABELS)
