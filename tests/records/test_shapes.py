"""Shapes hold what they say, and refuse what no shape is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine_kernels.errors import DataError
from imagine_kernels.records import Annotation, AnnotationSet, LabelGiven, Medium, Shape, ShapeKind
from imagine_kernels.records.shapes import rings

NAN = math.nan
SIZES = st.floats(0.1, 500)
PLACES = st.floats(-500, 500)


@pytest.mark.parametrize(
    ("kind", "numbers", "box"),
    [
        ("point", (3, 4), (3, 4, 3, 4)),
        ("line", (3, 4, 1, 9), (1, 4, 3, 9)),
        ("rectangle", (1, 2, 3, 4), (1, 2, 3, 4)),
        ("rotated_rectangle", (10, 10, 4, 2, 90), (9, 8, 11, 12)),
        ("polygon", (0, 0, 4, 0, 4, 3, NAN, NAN, 9, 9, 10, 9, 9, 11), (0, 0, 10, 11)),
        ("circle", (5, 5, 2), (3, 3, 7, 7)),
        ("ellipse", (5, 5, 2, 1, 90), (4, 3, 6, 7)),
        ("mask", (2, 3, 2, 2, 1, 3), (2, 3, 4, 5)),
        ("keypoints", (1, 2, 2, 5, 0, 1), (1, 0, 5, 2)),
        ("whole", (), None),
    ],
)
def test_every_kind_has_its_box(kind: ShapeKind, numbers: tuple[float, ...], box: tuple[float, ...] | None) -> None:
    found = Shape.of(kind, numbers).box
    assert found == (None if box is None else pytest.approx(box))


@given(x=PLACES, y=PLACES, first=SIZES, second=SIZES, degrees=st.floats(-360, 360))
def test_the_box_of_an_ellipse_is_that_of_its_points(x: float, y: float, first: float, second: float, degrees: float) -> None:
    around, turned = np.linspace(0, 2 * np.pi, 4001), np.radians(degrees)
    xs = x + first * np.cos(around) * np.cos(turned) - second * np.sin(around) * np.sin(turned)
    ys = y + first * np.cos(around) * np.sin(turned) + second * np.sin(around) * np.cos(turned)
    points = (xs.min(), ys.min(), xs.max(), ys.max())
    assert Shape.of("ellipse", (x, y, first, second, degrees)).box == pytest.approx(points, abs=1e-3 * max(first, second))


@given(x=PLACES, y=PLACES, width=SIZES, height=SIZES, degrees=st.floats(-360, 360))
def test_the_box_of_a_rotated_rectangle_is_that_of_its_corners(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    turned = np.radians(degrees)
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2) @ turn.T + (x, y)
    expected = (*corners.min(axis=0), *corners.max(axis=0))
    assert Shape.of("rotated_rectangle", (x, y, width, height, degrees)).box == pytest.approx(expected, abs=1e-6)


def test_a_polygon_has_its_rings() -> None:
    assert rings((0, 0, 1, 0, 1, 1, NAN, NAN, 5, 5, 6, 5, 6, 6)) == [[(0, 0), (1, 0), (1, 1)], [(5, 5), (6, 5), (6, 6)]]


def test_a_shape_in_a_video_has_a_keyframe_for_each_time_and_may_be_out_of_sight() -> None:
    shape = Shape("point", ((1.0, 2.0), (), (3.0, 4.0)), (0.5, 1.0, 2.0))
    assert shape.box == (1, 2, 1, 2)


@pytest.mark.parametrize(
    ("kind", "numbers", "words"),
    [
        ("star", (1, 2), "There is no shape 'star'"),
        ("point", (1,), "A point has 2 numbers, not 1"),
        ("point", (1, math.inf), "A point needs finite numbers"),
        ("line", (1, 2), "A line has two points or more"),
        ("rectangle", (3, 0, 1, 1), "A rectangle goes from the lower to the higher numbers"),
        ("polygon", (0, 0, 1, 1), "A polygon needs three points or more"),
        ("polygon", (0, 0, 1, 1, 2), "two numbers for each point"),
        ("polygon", (0, 0, 1, NAN, 2, 2), "a point that is nowhere"),
        ("circle", (0, 0, -1), "A circle cannot be smaller than nothing"),
        ("mask", (0, 0, 2, 2, 1, 2), "The runs of a mask cover 3 pixels, its box 4"),
        ("mask", (0, 0, 2, 2), "A mask has a box"),
        ("keypoints", (1, 2), "Keypoints have three numbers each"),
        ("whole", (1,), "A whole has 0 numbers, not 1"),
        ("point", (), "A point has 2 numbers, not 0"),
    ],
)
def test_what_no_shape_is_is_refused(kind: ShapeKind, numbers: tuple[float, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Shape.of(kind, numbers)


@pytest.mark.parametrize(
    ("keyframes", "frames", "words"),
    [
        (((1.0, 2.0),), (1.0, 2.0), "1 keyframes for 2 times"),
        (((1.0, 2.0), (1.0, 2.0)), (2.0, 1.0), "finite and ascending"),
        (((1.0, 2.0),), (NAN,), "finite and ascending"),
    ],
)
def test_times_fit_the_keyframes(keyframes: tuple[tuple[float, ...], ...], frames: tuple[float, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Shape("point", keyframes, frames)


def test_a_set_streams_what_it_holds_as_often_as_asked() -> None:
    thing = Annotation(medium="a.png", shape=Shape.of("point", (1, 2)), labels=(LabelGiven(path=("Biota", "Copepoda")),))
    held = AnnotationSet.of([thing], media=[Medium(name="a.png")], labels=[])
    assert held.annotations() == held.annotations() == (thing,)
    assert thing.label == "Copepoda"
    assert Annotation(medium="a.png", shape=Shape.of("whole")).label == ""
