"""Regions of masks: exact, whatever the bands, against scipy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import polygon2mask
from skimage.measure import label, regionprops

from imagine_kernels.errors import FormatError
from imagine_kernels.media.regions import filled, mean_within, regions
from imagine_kernels.media.tiles import Box
from imagine_kernels.records.outlines import outline_of, outline_text


def blobs(seed: int, *, height: int = 60, width: int = 50, k: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = scipy.ndimage.gaussian_filter(rng.normal(size=(k, height, width)), (0, 2, 2))
    return smooth.argmax(axis=0).astype(np.uint8)


def in_bands(mask: np.ndarray, rows: int) -> list[tuple[int, np.ndarray]]:
    return [(top, mask[top : top + rows]) for top in range(0, len(mask), rows)]


@given(st.integers(0, 10_000), st.integers(1, 70))
@settings(max_examples=40)
def test_regions_are_the_components_that_scipy_finds_whatever_the_bands(seed: int, rows: int) -> None:
    mask = blobs(seed)
    found = regions(in_bands(mask, rows))
    for value in (1, 2):
        labels, n = scipy.ndimage.label(mask == value, structure=np.ones((3, 3)))
        expected = sorted(np.bincount(labels.ravel(), minlength=n + 1)[1:].tolist())
        assert sorted(region.area_px for region in found if region.class_index == value) == expected
    assert all(region.outline.is_valid for region in found)
    whole = Box(0, 0, mask.shape[1], mask.shape[0])
    np.testing.assert_array_equal(filled([(region.outline, region.class_index) for region in found], whole), mask)


@given(st.integers(0, 1000), st.integers(1, 30))
@settings(max_examples=20)
def test_bands_leave_no_trace_in_the_outlines(seed: int, rows: int) -> None:
    mask = blobs(seed, height=40)
    at_once, in_parts = regions([(0, mask)]), regions(in_bands(mask, rows))
    assert [region.class_index for region in at_once] == [region.class_index for region in in_parts]
    for one, other in zip(at_once, in_parts, strict=True):
        assert one.outline.equals(other.outline)
        assert len(shapely.get_coordinates(other.outline)) == len(shapely.get_coordinates(one.outline.simplify(0)))


@given(arrays(np.uint8, (19, 22), elements=st.sampled_from([0, 0, 1, 1, 2])), st.integers(1, 25), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_speckle_falls_apart_as_scikit_image_says_and_bands_change_nothing(mask: np.ndarray, rows: int, least: int) -> None:
    found, parts = regions([(0, mask)], min_area_px=least), regions(in_bands(mask, rows), min_area_px=least)
    assert [(each.class_index, each.area_px, each.outline.bounds) for each in parts] == [
        (each.class_index, each.area_px, each.outline.bounds) for each in found
    ]
    assert all(one.outline.equals(other.outline) for one, other in zip(parts, found, strict=True))
    for value in (1, 2):
        labels = label(mask == value, connectivity=2)
        expected = sorted(int(each.area) for each in regionprops(labels) if each.area >= least)
        assert sorted(each.area_px for each in found if each.class_index == value) == expected


def test_a_long_slick_across_many_bands_is_one() -> None:
    mask = np.zeros((3000, 400), dtype=np.uint8)
    for y in range(20, 2980):
        x = 200 + int(150 * np.sin(y / 300))
        mask[y, x : x + 12] = 1
    [found] = regions(in_bands(mask, 256), min_area_px=50)
    assert (found.area_px, found.outline.bounds[1], found.outline.bounds[3]) == (int(mask.sum()), 20, 2980)


def test_what_hangs_together_over_a_corner_is_one_across_bands_too() -> None:
    mask = np.zeros((8, 8), dtype=np.uint8)
    np.fill_diagonal(mask, 1)
    for rows in (8, 4, 3):
        [found] = regions(in_bands(mask, rows))
        assert found.area_px == 8
        assert found.outline.is_valid
        np.testing.assert_array_equal(filled([(found.outline, 1)], Box(0, 0, 8, 8)), mask)


def test_small_ones_and_the_background_are_left_out() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[2:8, 3:9], mask[15, 15] = 1, 1
    assert [region.area_px for region in regions([(0, mask)], min_area_px=2)] == [36]
    assert [region.area_px for region in regions([(0, mask)], background=1)] == [400 - 37]
    assert regions([(0, np.zeros((5, 5), np.uint8))]) == []
    assert regions([]) == []


def test_a_part_is_filled_as_scikit_image_fills_it() -> None:
    # Off the centres of pixels, where rules for ties differ.
    triangle = np.array([(3.2, 4.3), (40.7, 10.1), (15.4, 33.6)])
    expected = polygon2mask((50, 50), triangle[:, ::-1] - 0.5)
    part = filled([(shapely.Polygon(triangle), 2)], Box(10, 5, 30, 40))
    np.testing.assert_array_equal(part, 2 * expected[5:45, 10:40])
    assert filled([(shapely.Polygon(), 1)], Box(0, 0, 4, 3)).tolist() == [[0] * 4] * 3


def test_the_mean_within_is_that_of_scipy() -> None:
    mask, values = blobs(7), np.random.default_rng(0).normal(size=(2, 60, 50))
    region = max(regions([(0, mask)]), key=lambda one: one.area_px)
    inside = filled([(region.outline, 1)], Box(0, 0, 50, 60))
    expected = [scipy.ndimage.mean(layer, inside, 1) for layer in values]
    found = mean_within(region.outline, lambda box: values[:, box.y : box.y + box.height, box.x : box.x + box.width])
    np.testing.assert_allclose(found, expected)


def test_outlines_are_kept_as_text() -> None:
    ring = shapely.Polygon([(0, 0), (10.1234, 0), (10, 10)], [[(6, 2), (8, 2), (8, 4)]])
    again = outline_of(outline_text(ring))
    assert again.hausdorff_distance(ring) < 1e-3
    assert len(again.interiors) == 1
    for text in ("", "POINT (1 2)", "POLYGON EMPTY", "POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))", "oil"):
        with pytest.raises(FormatError, match="is no outline"):
            outline_of(text)
