"""Oriented boxes against Shapely's polygons."""

import numpy as np
import pytest
from shapely.affinity import rotate, translate
from shapely.geometry import box as rectangle

from imagine_kernels.measures.oriented_boxes import corners_of, matched, oriented_iou


def polygon(x, y, length, breadth, angle):
    # Rows count downwards: what is counter-clockwise on the screen is clockwise in these coordinates.
    return translate(rotate(rectangle(-length / 2, -breadth / 2, length / 2, breadth / 2), -angle, origin=(0, 0)), x, y)


def random_boxes(rng, n):
    return np.stack(
        [rng.uniform(0, 300, n), rng.uniform(0, 300, n), rng.uniform(40, 150, n), rng.uniform(5, 40, n), rng.uniform(0, 180, n)],
        axis=1,
    )


def test_the_corners_are_those_of_the_rectangle():
    for row in random_boxes(np.random.default_rng(0), 20):
        ours = corners_of(row[None])[0]
        theirs = np.array(polygon(*row).exterior.coords)[:4]
        apart = np.abs(ours[:, None] - theirs[None]).max(axis=2)
        assert (apart.min(axis=1) < 1e-9).all()


def test_intersection_over_union_is_that_of_shapely():
    rng = np.random.default_rng(1)
    first, second = random_boxes(rng, 25), random_boxes(rng, 25)
    second[0] = first[0]
    second[1] = [*first[1][:2], *first[1][2:4], first[1][4] + 180]
    # Nearly the same, as two who draw the same valve.
    second[2:12] = first[2:12] + rng.normal(0, 1, (10, 5)) * 10.0 ** -rng.integers(0, 14, (10, 1))
    expected = np.array(
        [[polygon(*a).intersection(polygon(*b)).area / polygon(*a).union(polygon(*b)).area for b in second] for a in first]
    )
    np.testing.assert_allclose(oriented_iou(first, second), expected, atol=1e-9)
    assert oriented_iou(first, second)[1, 1] == pytest.approx(1)


def test_each_box_is_matched_once_and_the_best_first():
    first = np.array([[50, 50, 40, 10, 0], [50, 52, 40, 10, 0], [200, 200, 40, 10, 30]], dtype=float)
    second = np.array([[50, 52, 40, 10, 0], [50, 51, 40, 10, 180], [300, 10, 40, 10, 0]], dtype=float)
    pairs = matched(first, second)
    assert [(i, j) for i, j, _ in pairs] == [(1, 0), (0, 1)]
    assert pairs[0][2] == pytest.approx(1, abs=1e-9)
    assert pairs[1][2] == pytest.approx(9 / 11, abs=1e-9)
    assert matched(first, np.empty((0, 5))) == []
    assert [(i, j) for i, j, _ in matched(first, second, least=0.9)] == [(1, 0)]
