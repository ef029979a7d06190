"""Bodies and the lines between them: exact discs, other implementations, and organisms whose every pixel is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import label
from skimage.morphology import h_maxima

from imagine_kernels.measures.separating import bodies, proposed_cut
from imagine_kernels.samples.zooscan import THRESHOLD
from imagine_kernels.samples.zooscan_scan import organism
from imagine_kernels.samples.zooscan_touching import touching


def discs(*places: tuple[float, float, float], shape: tuple[int, int] = (120, 220)) -> NDArray[np.bool_]:
    """Discs of x, y, radius."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([(x - a) ** 2 + (y - b) ** 2 <= r**2 for a, b, r in places], axis=0)


def test_the_line_between_two_discs_is_their_chord() -> None:
    # Radii 40 and 30, their middles 60 px apart: the chord lies (60² + 40² - 30²) / (2 · 60) = 35.83 px from the first middle.
    mask = discs((60, 60, 40), (120, 60, 30))
    (line,) = proposed_cut(mask)
    across = np.array(line)
    assert np.abs(across[:, 0] - (60 + 35.83)).max() <= 1.5
    half = math.sqrt(40**2 - 35.83**2)
    assert across[:, 1].min() == pytest.approx(60 - half, abs=4)
    assert across[:, 1].max() == pytest.approx(60 + half, abs=4)


def test_the_depth_is_that_of_the_neck_whatever_the_size() -> None:
    # A chord of half the smaller radius: necks are narrower by 1 - half / radius.
    for scale in (1.0, 2.0):
        radius, apart = 30 * scale, 52 * scale
        neck = math.sqrt(radius**2 - (apart / 2) ** 2)
        depth = 1 - neck / radius
        mask = discs((60 * scale, 60 * scale, radius), (60 * scale + apart, 60 * scale, radius), shape=(240, 440))
        assert bodies(mask, marker_depth=depth - 0.06).max() == 2
        assert bodies(mask, marker_depth=depth + 0.06).max() == 1


def test_markers_are_those_of_scikit_image_and_basins_end_at_the_chords() -> None:
    places = ((50, 60, 38), (110, 60, 30), (160, 70, 26))
    mask = discs(*places)
    found = bodies(mask, marker_depth=0.2, least_part=0.0)
    distance = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    peaks = label(h_maxima(np.log((distance + 1.5) / 1.5).astype(np.float64), -math.log(0.8))[1:-1, 1:-1], connectivity=2)
    assert found.max() == peaks.max() == 3
    assert sorted(np.unique(found[peaks > 0]).tolist()) == [1, 2, 3]
    # Which side of a chord: where the power of the point with respect to the disc is least.
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    side = np.argmin([(x - a) ** 2 + (y - b) ** 2 - r**2 for a, b, r in places], axis=0)
    for number, (a, b, _) in enumerate(places):
        here, there = found == found[b, a], mask & (side == number)
        assert (here & there).sum() / (here | there).sum() > 0.98


def test_one_body_is_left_alone_and_a_hole_is_part_of_it() -> None:
    ring = discs((60, 60, 40)) & ~discs((60, 60, 25))
    assert bodies(ring).max() == 1
    assert bodies(discs((60, 60, 40))).max() == 1
    assert proposed_cut(discs((60, 60, 40))) == ()


def test_most_touching_organisms_are_parted_where_they_touch() -> None:
    """The whole figures are in ``benchmarks/results/multiples.md``."""
    rng = np.random.default_rng(77)
    good = together = 0
    while together < 30:
        truth = touching(rng, [organism(rng) for _ in range(2)])
        if truth is None:
            continue
        together += 1
        mask = np.pad(truth.picture <= THRESHOLD, 4)
        left = mask.astype(np.uint8)
        for line in proposed_cut(mask):
            cv2.polylines(left, [np.array(line, dtype=np.int32).reshape(-1, 1, 2)], False, 0, 1, cv2.LINE_4)
        parts = label(left, connectivity=2)[4:-4, 4:-4]
        sizes = np.bincount(parts.ravel())[1:]
        kept = [number + 1 for number in np.flatnonzero(sizes > 0.02 * sizes.sum())]
        fits = [max(((parts == n) & m).sum() / ((parts == n) | m).sum() for n in kept) for m in truth.masks]
        good += len(kept) == 2 and min(fits) >= 0.7
    assert good >= 15
