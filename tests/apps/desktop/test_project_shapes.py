"""Shapes and masks on their way to napari and back, against exact truth; media as arrays, against the files; no window."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine_kernels.annotation import Stored
from imagine_kernels.apps.desktop.arrays import Opened, open_medium
from imagine_kernels.apps.desktop.drawing import drawn, table_of
from imagine_kernels.apps.desktop.geometry import Axes, changed, is_editable, outline, shape_of
from imagine_kernels.apps.desktop.masks import MaskWindow
from imagine_kernels.apps.desktop.showing import place_of
from imagine_kernels.errors import DataError
from imagine_kernels.formats.substitutes import mask_numbers, pixels
from imagine_kernels.records import Annotation, Shape, ShapeKind

NUMBERS = st.floats(0, 20_000, allow_nan=False)
SIZES = st.floats(1, 5_000)
SHAPES = st.one_of(
    st.tuples(
        st.just("rectangle"), st.tuples(NUMBERS, NUMBERS, SIZES, SIZES).map(lambda n: (n[0], n[1], n[0] + n[2], n[1] + n[3]))
    ),
    st.tuples(st.just("rotated_rectangle"), st.tuples(NUMBERS, NUMBERS, SIZES, SIZES, st.floats(-180, 180))),
    st.tuples(st.just("ellipse"), st.tuples(NUMBERS, NUMBERS, SIZES, SIZES, st.floats(-180, 180))),
    st.tuples(st.just("circle"), st.tuples(NUMBERS, NUMBERS, SIZES)),
    st.tuples(st.just("polygon"), st.lists(NUMBERS, min_size=6, max_size=12).map(lambda n: tuple(n[: len(n) // 2 * 2]))),
    st.tuples(st.just("line"), st.lists(NUMBERS, min_size=4, max_size=12).map(lambda n: tuple(n[: len(n) // 2 * 2]))),
)


@given(SHAPES)
def test_what_is_not_touched_comes_back_to_the_last_digit(given_: tuple[ShapeKind, tuple[float, ...]]) -> None:
    kind, numbers = given_
    name, points = outline(kind, numbers, Axes())
    held = (name, points.astype(np.float32).astype(float))
    assert changed(Shape.of(kind, numbers), 0, held, held, Axes()) == Shape.of(kind, numbers)


@given(SHAPES, st.integers(-300, 300), st.integers(-300, 300))
def test_what_is_shifted_keeps_its_kind_and_size(given_: tuple[ShapeKind, tuple[float, ...]], x: int, y: int) -> None:
    kind, numbers = given_
    name, points = outline(kind, numbers, Axes())
    held = points.astype(np.float32).astype(float)
    shape = changed(
        Shape.of(kind, numbers), 0, (name, held), (name, (held + np.array([y, x])).astype(np.float32).astype(float)), Axes()
    )
    assert shape.kind == kind
    before, after = Shape.of(kind, numbers).box, shape.box
    assert before is not None
    assert after is not None
    # napari holds corners in single precision: a long thin box turned a little comes back with its length times that.
    assert np.subtract(after, before) == pytest.approx([x, y, x, y], abs=0.05 + 2e-4 * np.abs(before).max())


def test_the_first_pixel_has_its_centre_at_zero_in_napari() -> None:
    name, points = outline("rectangle", (0, 0, 1, 1), Axes())
    assert (name, points.tolist()) == ("rectangle", [[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]])
    assert Axes().to_rows((10.5, 20.5)).tolist() == [[20, 10]]
    assert Axes().to_store([[20, 10]]).tolist() == [[10.5, 20.5]]


def test_kinds_follow_from_the_form() -> None:
    corners = outline("rotated_rectangle", (50, 50, 40, 20, 30), Axes())[1]
    assert shape_of("rectangle", corners, Axes())[0] == "rotated_rectangle"
    assert shape_of("polygon", corners, Axes())[0] == "polygon"
    pulled = corners.copy()
    pulled[0] += 5
    assert shape_of("polygon", pulled, Axes(), "rotated_rectangle")[0] == "polygon"
    wide = outline("ellipse", (50, 50, 40, 20, 0), Axes())[1]
    assert shape_of("ellipse", wide, Axes(), "circle") == ("ellipse", (50, 50, 40, 20, 0))
    assert not is_editable("keypoints", (1, 2, 2))
    assert not is_editable("polygon", (0, 0, 9, 0, 9, 9, np.nan, np.nan, 1, 1, 2, 1, 2, 2))


def test_a_shape_with_keyframes_cannot_become_another_kind() -> None:
    shape = Shape("rectangle", ((0, 0, 9, 9), (5, 5, 14, 14)), (0.0, 1.0))
    name, points = outline("rectangle", shape.keyframes[1], Axes())
    with pytest.raises(DataError, match="A rectangle with several keyframes cannot become a polygon: undo it"):
        changed(shape, 1, (name, points), ("polygon", points + np.array([[0, 0], [3, 0], [0, 0], [0, 0]])), Axes())
    moved = changed(shape, 1, (name, points), (name, points + np.array([1, 2])), Axes())
    assert moved.keyframes == ((0, 0, 9, 9), (7, 6, 16, 15))


def test_each_keyframe_is_a_row_at_its_frame() -> None:
    shape = Shape("rectangle", ((0, 0, 9, 9), (), (5, 5, 14, 14)), (0.21, 0.5, 1.0))
    opened = Opened(levels=[], rgb=True, times=np.arange(20) / 10)
    rows = drawn(Stored(Annotation(id="a", medium="v", shape=shape), 3), opened)
    assert [(row.key, row.data[0].tolist()) for row in rows] == [(("a", 0), [2, -0.5, -0.5]), (("a", 2), [10, 4.5, 4.5])]
    assert table_of([("b", 0)], {})["id"].tolist() == ["b"]


# Masks.


def mask(*rows: str, left: int = 0, top: int = 0) -> tuple[float, ...]:
    found = mask_numbers(left, top, np.array([[letter == "#" for letter in row] for row in rows]).T)
    assert found is not None
    return found


def test_painted_masks_come_back_and_others_stay() -> None:
    window = MaskWindow.around(0, 0, 30, 20)
    one, two = mask("####", "####", left=3, top=4), mask("###", left=5, top=5)
    window.draw({1: one, 2: two})
    assert window.values[5, 4:9].tolist() == [1, 2, 2, 2, 0]
    assert window.changes() == {}
    window.values[10:12, 20:23] = 3
    assert window.changes() == {3: mask("###", "###", left=20, top=10)}
    window.values[4, 3] = 0
    assert window.changes() == {1: mask(".###", "####", left=3, top=4)}, "what lies under the other stays"
    window.values[window.values == 2] = 0
    assert window.changes() == {2: None}
    assert window.free() == 4


def test_of_a_large_picture_a_part_is_painted_and_the_rest_of_a_mask_stays() -> None:
    window = MaskWindow.around(9000, 9000, 14_000, 22_000)
    assert (window.left, window.top, window.values.shape) == (9000 - 2048, 9000 - 2048, (4096, 4096))
    long = mask("#" * 6000, left=4000, top=9000)
    window.draw({1: long})
    assert int((window.values == 1).sum()) == 4000 + 6000 - window.left
    window.values[9001 - window.top, 0] = 1
    (numbers,) = window.changes().values()
    assert numbers is not None
    assert pixels(numbers).sum() == 6001
    assert numbers[:4] == (4000, 9000, 6000, 2)


# Media.


@pytest.mark.parametrize(("dtype", "colour"), [(np.uint8, True), (np.uint16, False)])
def test_levels_of_a_tiff_hold_the_pixels_of_the_file(tmp_path: Path, imagine_home: Path, dtype: Any, *, colour: bool) -> None:
    from rasterio import open as open_raster

    random = np.random.default_rng(3)
    values = random.integers(0, np.iinfo(dtype).max, (3000, 9000, 3)[: 3 if colour else 2], dtype=dtype)
    bands = np.moveaxis(values, 2, 0) if colour else values[None]
    options = {"tiled": True, "blockxsize": 512, "blockysize": 512, "photometric": "RGB" if colour else "MINISBLACK"}
    with open_raster(
        tmp_path / "p.tif", "w", driver="GTiff", width=9000, height=3000, count=len(bands), dtype=values.dtype.name, **options
    ) as file:
        file.write(bands)
    opened = open_medium(tmp_path / "p.tif", wait_s=None)
    try:
        whole, smallest = opened.levels[0], opened.levels[-1]
        assert (whole.shape, whole.dtype, opened.rgb) == (values.shape, values.dtype, colour)
        assert max(smallest.shape) <= 512
        np.testing.assert_array_equal(whole[1000:1700, 4000:4800], values[1000:1700, 4000:4800])
        np.testing.assert_array_equal(whole[2990:, -7], values[2990:, -7])
        np.testing.assert_array_equal(whole[5, ::700], values[5, ::700])
        assert np.asarray(smallest).mean() == pytest.approx(values.mean(), rel=0.02)
        assert opened.contrast is not None
        assert (opened.contrast == (0, 255)) is (dtype == np.uint8)
    finally:
        opened.close()


def test_frames_of_a_video_are_exact(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for i in range(30):
            picture = np.full((48, 64, 3), i * 8, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    opened = open_medium(tmp_path / "v.mkv")
    try:
        (frames,) = opened.levels
        assert frames.shape == (30, 48, 64, 3)
        assert [int(frames[i, 5, 5, 0]) for i in (29, 0, 17, 3)] == [232, 0, 136, 24]
        assert frames[4:6, :, :, 0].shape == (2, 48, 64)
        assert opened.times is not None
        assert opened.times[17] == pytest.approx(1.7, abs=1e-3)
    finally:
        opened.close()


def test_a_tone_is_where_it_belongs_in_time_and_frequency(tmp_path: Path, imagine_home: Path) -> None:
    rate, tone = 48_000, 6000.0
    seconds = np.arange(rate * 4) / rate
    values = (np.sin(2 * np.pi * tone * seconds) * (seconds > 2) * 20_000).astype("<i2")
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(values.tobytes())
    opened = open_medium(tmp_path / "s.wav")
    try:
        place = place_of(opened, None)
        assert place["units"] == ("kilohertz", "second")
        level = opened.levels[0]
        row, column = round(tone / opened.pixel[1]), round(3 / opened.pixel[0])
        assert int(np.asarray(level[:, column]).argmax()) == row
        assert level[row, round(1 / opened.pixel[0])] < level[row, column] - 60
        # A box around it lies over it: both are in the units of the window.
        corner = opened.axes.to_rows((3.0, tone))[0]
        assert corner / place["scale"] == pytest.approx([row, column], abs=1)
        assert opened.axes.to_store(corner)[0] == pytest.approx([3.0, tone])
    finally:
        opened.close()
