"""The whole list of ZooProcess: against exact shapes, the definitions written out in loops, scikit-image, and ZooProcess' own tables."""

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage import measure
from skimage.morphology import skeletonize

from imagine_kernels.measures import morphometry_objects, morphometry_zooprocess
from imagine_kernels.measures.morphometry import FEATURES, morphometry_table, traced_perimeter
from imagine_kernels.measures.morphometry_greys import histograms
from imagine_kernels.measures.morphometry_hulls import hulls
from imagine_kernels.measures.morphometry_nearness import counts_within
from imagine_kernels.measures.morphometry_stacks import Stack
from imagine_kernels.measures.morphometry_structure import chosen_values, contrast
from imagine_kernels.measures.morphometry_symmetry import symmetry
from imagine_kernels.measures.morphometry_tracing import objects, parts
from imagine_kernels.measures.morphometry_zooprocess import ZOOPROCESS_FEATURES, zooprocess_features, zooprocess_table


def blob(seed, side=120):
    """A random object with holes, textured, on white."""
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), 6)
    y, x = np.mgrid[:side, :side] - side // 2
    mask = field / field.std() - 2.2 * (np.hypot(x, y) / (side / 3) - 1) > 0
    labels = measure.label(mask, connectivity=2)
    mask = labels == 1 + np.argmax(np.bincount(labels[labels > 0])[1:])
    grey = np.clip(140 + 40 * cv2.GaussianBlur(rng.standard_normal((side, side)), (0, 0), 1.5) / 0.2, 20, 240)
    picture = np.full((side, side), 255, dtype=np.uint8)
    picture[mask] = grey[mask].astype(np.uint8)
    picture[:2], picture[-2:], picture[:, :2], picture[:, -2:] = 255, 255, 255, 255
    return picture


BLOBS = [blob(seed) for seed in range(12)]


def found_in(pictures, level=243, share=0.0):
    """The stack of some pictures, and what `objects` finds there: boxes, first pixels, perimeters, filled objects and objects."""
    stack = Stack.of(pictures)
    filled, mask = (np.zeros(len(stack.grey) // 64, dtype=np.uint64) for _ in range(2))
    return stack, *objects(stack.grey, stack.places, np.full(len(pictures), level), share, filled, mask), filled, mask


def unpacked(words, place, box):
    """The pixels of words in the box of a picture, (H, W) bool."""
    first, rows, across = place
    bits = np.unpackbits(words[first : first + rows * across].view(np.uint8), bitorder="little").reshape(rows, -1)
    left, top, right, bottom = box
    return bits[top:bottom, left:right] > 0


def test_the_list_begins_with_the_features_of_models_and_gives_the_same_values():
    assert ZOOPROCESS_FEATURES[: len(FEATURES)] == FEATURES
    assert len(set(ZOOPROCESS_FEATURES)) == len(ZOOPROCESS_FEATURES) == 59
    pixel, line = np.full((9, 9), 255, dtype=np.uint8), np.full((9, 9), 255, dtype=np.uint8)
    pixel[4, 4], line[3, 1:8] = 0, 100
    pictures = [*BLOBS, pixel, line, np.full((9, 9), 255, dtype=np.uint8), np.zeros((5, 7), dtype=np.uint8)]
    table = zooprocess_table(pictures)
    np.testing.assert_allclose(table[:, : len(FEATURES)], morphometry_table(pictures), rtol=1e-9, atol=1e-9)
    assert np.isfinite(table[[*range(14), 15]]).all()
    assert np.isnan(table[14, len(FEATURES) :]).all()
    assert zooprocess_table([]).shape == (0, 59)


def test_what_lies_level_has_no_angle_of_a_half_turn():
    sides = [(height, width) for height in range(1, 12) for width in range(1, 12) if height != width]
    pictures = [np.pad(np.full(size, 90, dtype=np.uint8), 3, constant_values=255) for size in sides]
    angles = zooprocess_table(pictures)[:, ZOOPROCESS_FEATURES.index("angle")]
    assert angles.tolist() == [0 if width > height else 90 for height, width in sides]


def test_threads_and_batches_do_not_show(monkeypatch):
    many = [*BLOBS * 3, np.full((9, 9), 255, dtype=np.uint8), *(blob(seed, side=90) for seed in range(9))]
    alone = np.array([list(zooprocess_features(picture).values()) for picture in many])
    np.testing.assert_allclose(zooprocess_table(many, workers=1), alone, rtol=1e-12)
    monkeypatch.setattr(morphometry_zooprocess, "_BATCH_PX", 30_000)
    np.testing.assert_allclose(zooprocess_table(many, workers=3), alone, rtol=1e-12)


def test_places():
    picture = np.full((40, 60), 255, dtype=np.uint8)
    picture[10:20, 30:50] = 100
    picture[10, 30:34] = 255
    found = zooprocess_features(picture, origin=(1000, 2000))
    assert (found["bx"], found["by"], found["xstart"], found["ystart"]) == (1030, 2010, 1034, 2010)
    ys, xs = np.nonzero(picture[10:20, 30:50] <= 243)
    assert (found["x"], found["y"]) == pytest.approx((xs.mean() + 0.5, ys.mean() + 0.5))
    # All equally grey: the centre of mass is the centroid.
    assert (found["xm"], found["ym"]) == pytest.approx((found["x"], found["y"]))
    assert found["centroids"] == pytest.approx(0, abs=1e-9)
    picture[10:20, 40:50] = 200
    shifted = zooprocess_features(picture)
    weights = picture[10:20, 30:50][ys, xs].astype(float)
    assert shifted["xm"] == pytest.approx(((xs + 0.5) * weights).sum() / weights.sum())
    assert shifted["centroids"] == pytest.approx(shifted["xm"] - shifted["x"], rel=0.01)
    assert shifted["cdexc"] == pytest.approx(shifted["centroids"] / np.sqrt(shifted["area_exc"]))


def test_slope_is_the_ratio_of_two_standard_deviations():
    picture = BLOBS[0]
    counts = np.bincount(picture[picture <= 243], minlength=255)[:255]
    found = zooprocess_features(picture)
    assert found["area_exc"] == counts.sum()
    assert found["slope"] == pytest.approx(counts.std(ddof=1) / np.arange(255).std(ddof=1))


@pytest.mark.parametrize("width", [1, 2, 7, 40])
def test_the_outline_of_a_filled_hull(width):
    picture = np.full((60, 60), 255, dtype=np.uint8)
    picture[10:30, 5 : 5 + width] = 80
    inside = max(width - 2, 0) * 18
    assert zooprocess_features(picture)["convperim"] == 20 * width - inside


def test_skeleton_is_that_of_scikit_image():
    for picture in BLOBS[:4]:
        assert zooprocess_features(picture)["skelarea"] == skeletonize(np.pad(picture <= 243, 3)).sum()


def test_what_would_take_minutes_to_thin_is_left_out(monkeypatch):
    monkeypatch.setattr(morphometry_objects, "_MOST_STEPS", 1000)
    found = zooprocess_features(BLOBS[0])
    assert np.isnan(found.pop("skelarea"))
    assert np.isfinite(list(found.values())).all()


def test_parts_by_hand():
    dark = np.full((40, 60), 255, dtype=np.uint8)
    dark[5:15, 5:15] = 50
    dark[5:15, 20:30] = 90
    dark[20:24, 5:9] = 50  # 2 × 2 px are left when the edge is taken off
    dark[20:25, 20:25] = 50  # 3 × 3
    # Two squares that only a bridge of 2 px joins.
    dark[30:38, 5:15], dark[30:38, 18:28], dark[33:35, 15:18] = 50, 50, 50
    stack = Stack.of([np.full((50, 9), 255, dtype=np.uint8), dark])
    levels = np.array([[50, 89, 90], [50, 89, 90]])
    assert parts(stack.grey, stack.places, levels).tolist() == [[0, 0, 0], [4, 4, 5]]


@pytest.mark.parametrize("level", [60, 110, 150, 243])
def test_objects_are_outlines_filled(level):
    rng = np.random.default_rng(level)
    noise = [np.where(rng.random(rng.integers(1, 150, 2)) < share, 0, 255).astype(np.uint8) for share in (0.2, 0.4, 0.6, 0.95)]
    pictures = [*BLOBS, *noise, np.zeros((70, 126), dtype=np.uint8)]
    stack, boxes, starts, _, filled, mask = found_in(pictures, level)
    for at, picture in enumerate(pictures):
        shade = (picture <= level).astype(np.uint8)
        contours = cv2.findContours(shade, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        if not contours:
            assert boxes[at].tolist() == [0, 0, 0, 0]
            continue
        drawn = cv2.drawContours(np.zeros(picture.shape, np.uint8), contours, -1, 1, cv2.FILLED)
        left, top, width, height = cv2.boundingRect(drawn)
        # A picture stands one pixel from the corner.
        assert boxes[at].tolist() == [left + 1, top + 1, left + width + 1, top + height + 1]
        assert starts[at] == 1 + np.flatnonzero(shade[top])[0]
        inside = np.s_[top : top + height, left : left + width]
        np.testing.assert_array_equal(unpacked(filled, stack.places[at], boxes[at]), drawn[inside] > 0)
        np.testing.assert_array_equal(unpacked(mask, stack.places[at], boxes[at]), shade[inside] > 0)


def test_the_largest_part_of_each_is_found_among_many():
    stack, boxes, _, _, filled, _ = found_in(BLOBS, 150, share=1.0)
    for at, picture in enumerate(BLOBS):
        contours = cv2.findContours((picture <= 150).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        assert len(contours) > 5
        drawn = [cv2.drawContours(np.zeros(picture.shape, np.uint8), [contour], -1, 1, cv2.FILLED) for contour in contours]
        largest = max(drawn, key=np.sum)
        wanted = largest[np.ix_(largest.any(axis=1), largest.any(axis=0))] > 0
        np.testing.assert_array_equal(unpacked(filled, stack.places[at], boxes[at]), wanted)


def test_pictures_on_a_stack_have_white_around_them():
    rng = np.random.default_rng(2)
    pictures = [np.full(rng.integers(1, 190, 2), k, dtype=np.uint8) for k in range(60)]
    stack = Stack.of(pictures)
    for picture, (first, rows, words) in zip(pictures, stack.places.tolist(), strict=True):
        here = stack.grey[64 * first : 64 * (first + rows * words)].reshape(rows, 64 * words)
        height, width = picture.shape
        np.testing.assert_array_equal(here[1 : height + 1, 1 : width + 1], picture)
        assert (here == 255).sum() == here.size - picture.size
        assert (here[[0, -1]] == 255).all()
        assert (here[:, [0, -1]] == 255).all()


def test_moments_are_sums_over_pixels():
    stack, boxes, _, _, filled, mask = found_in(BLOBS)
    counts, sums = histograms(stack.grey, stack.places, boxes, filled, mask)
    for at, picture in enumerate(BLOBS):
        left, top, right, bottom = (boxes[at] - 1).tolist()
        inside, grey = unpacked(filled, stack.places[at], boxes[at]), picture[top:bottom, left:right].astype(np.int64)
        y, x = np.nonzero(inside)
        values = grey[inside]
        np.testing.assert_array_equal(counts[at], np.bincount(values, minlength=256))
        wanted = [x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum(), (x * values).sum(), (y * values).sum()]
        assert sums[at].tolist() == wanted


def test_hulls_are_those_of_opencv():
    rng = np.random.default_rng(4)
    specks = [np.where(rng.random(rng.integers(1, 200, 2)) < 0.01, 0, 255).astype(np.uint8) for _ in range(150)]
    for speck in specks:
        speck[tuple(rng.integers(speck.shape))] = 0
    stack, boxes, _, _, _, mask = found_in(specks)
    points, numbers, found = hulls(mask, stack.places, boxes)
    for corners, speck, row in zip(np.split(points, np.cumsum(numbers)[:-1]), specks, found, strict=True):
        hull = cv2.convexHull(np.argwhere(speck == 0)[:, ::-1].astype(np.int32))[:, 0]
        hull -= hull.min(axis=0)
        assert {tuple(each) for each in corners.tolist()} == {tuple(each) for each in hull.tolist()}
        drawn = np.zeros(hull.max(axis=0)[::-1] + 1, dtype=np.uint8)
        cv2.fillConvexPoly(drawn, hull, 1)
        inner = cv2.erode(drawn, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        assert row[:2].tolist() == [drawn.sum(), drawn.sum() - inner.sum()]
        assert row[2] == pytest.approx(max(np.hypot(*(abs(one - other) + 1)) for one in hull for other in hull))


@pytest.mark.parametrize("count", [1, 5, 40])
def test_pixels_near_a_mask_are_those_of_the_distance_transform(count):
    rng = np.random.default_rng(count)
    masks = [np.where(rng.random(rng.integers(1, 150, 2)) < 0.02, 255, 0).astype(np.uint8) for _ in range(count)]
    for mask in masks:
        mask[rng.integers(mask.shape[0]), rng.integers(mask.shape[1])] = 255
    stack, boxes, _, _, _, bits = found_in([255 - mask for mask in masks], 0)
    found = counts_within(bits, stack.places, boxes, (2, 5, 32))
    for mask, row in zip(masks, found, strict=True):
        # All but what lies between others.
        mask = mask - cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        distance = cv2.distanceTransform(np.pad(255 - mask, 33, constant_values=255), cv2.DIST_L2, 5)
        assert row.tolist() == [(distance <= radius).sum() for radius in (2, 5, 32)]


def test_perimeters_of_many_are_those_of_one():
    shapes = [np.full(shape, 255, dtype=np.uint8) for shape in ((3, 3), (1, 1), (2, 2), (2, 2))]
    shapes[0][1, 1] = shapes[1][0, 0] = 0
    shapes[2][[0, 1], [0, 1]] = shapes[3][[0, 1], [1, 0]] = 0
    pictures = [*shapes, *(np.where(picture <= level, picture, 255) for picture in BLOBS for level in (60, 100, 200))]
    _, _, _, found, _, _ = found_in(pictures, 254)
    for picture, perimeter in zip(pictures, found, strict=True):
        contours = cv2.findContours((picture < 255).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        assert perimeter == pytest.approx(sum(traced_perimeter(contour[:, 0]) for contour in contours))


def loops_of_the_macro(dark, counts, levels):
    """What the macro of ZooProcess says of "Fcons", pixel by pixel."""
    chosen = []
    for level in levels:
        value = 0
        for k in range(255):
            if counts[k] != 0 and counts[k] <= level:
                value = k
        chosen.append(value)
    height, width = dark.shape
    sums, total, count = np.zeros(256), 0.0, 1
    for x in range(1, width - 1):
        for y in range(1, height - 1):
            p = int(dark[y, x])
            if p in chosen:
                around = dark[y - 1 : y + 2, x - 1 : x + 2].astype(float).sum() - p
                sums[p] += abs(p - around / 8)
                count += 1
                total += sums[p] * counts[p] / 256
    return total / count


@pytest.mark.parametrize("levels", [(120, 140, 160), (2, 9, 30), (0, 0, 7)])
def test_contrast_is_what_the_macro_sums(levels):
    pictures = [np.where(picture <= 243, picture, 255).astype(np.uint8) for picture in BLOBS[:5]]
    pictures += [np.zeros((2, 9), np.uint8), np.full((9, 2), 60, np.uint8)]
    stack = Stack.of(pictures)
    counts = np.array([np.bincount(picture.ravel(), minlength=256) for picture in pictures], dtype=float)
    chosen = chosen_values(counts, np.tile(levels, (len(pictures), 1)))
    boxes = np.array([(1, 1, picture.shape[1] + 1, picture.shape[0] + 1) for picture in pictures])
    found = contrast(stack.grey, stack.places, boxes, chosen, counts)
    wanted = [loops_of_the_macro(picture, count, levels) for picture, count in zip(pictures, counts, strict=True)]
    assert found == pytest.approx(wanted)
    assert (found[:5] > 0).all()
    assert found[5:].tolist() == [0, 0]


def test_symmetry_of_a_rectangle_and_of_a_drop():
    mask = np.full((21, 81), 255, dtype=np.uint8)
    side = int(1.2 * np.hypot(21, 81))
    drop = np.zeros((61, 121), dtype=np.uint8)
    cv2.fillPoly(drop, [np.array([[0, 30], [120, 0], [120, 60]])], 255)
    ys, xs = np.nonzero(drop)
    stack, boxes, _, _, _, bits = found_in([255 - mask, 255 - drop], 0)
    points, corners, _ = hulls(bits, stack.places, boxes)
    x, y = np.array([[40.5, 10.5], [xs.mean() + 0.5, ys.mean() + 0.5]]).T
    placed = {"area": np.array([mask.size, len(xs)], dtype=float), "x": x, "y": y, "angle": np.zeros(2)}
    acrosses, alongs, thicknesses = symmetry(bits, stack.places, boxes, (points, corners), placed, step=9)
    across, along, thickness = acrosses[0], alongs[0], thicknesses[0]
    # All pixels of the square are equal after mirroring, but for the row or column that an even side shifts.
    assert across * 2 * mask.size == pytest.approx(side**2, rel=0.02)
    assert along * 2 * mask.size == pytest.approx(side**2, rel=0.02)
    # The last line does not count in the sum, but in the number.
    lines = len(range(0, 81, 9))
    assert thickness == pytest.approx(lines / (lines - 1), rel=0.02)
    # It is mirrored in its long axis, not in its short one.
    assert alongs[1] > 1.05 * acrosses[1]
    assert thicknesses[1] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_symmetry_does_not_depend_on_how_an_object_lies(turn):
    plain = zooprocess_features(BLOBS[1])
    turned = zooprocess_features(np.ascontiguousarray(np.rot90(BLOBS[1], turn)))
    for name in ("symetrieh", "symetriev", "symetriehc", "symetrievc"):
        assert turned[name] == pytest.approx(plain[name], rel=0.02), name
    for name in ("nb1", "nb2", "nb3", "slope", "area"):
        assert turned[name] == pytest.approx(plain[name]), name


@pytest.fixture(scope="module")
def real(shared_data):
    folder = shared_data("zooscan") / "ecotaxa_ml_template_400"
    reference = pd.read_csv(folder / "training_features.csv.gz").set_index("id")
    pictures = [cv2.imread(str(folder / f"images/{i}.jpg"), cv2.IMREAD_GRAYSCALE)[:-31] for i in reference.index]
    # The rows whose column esd holds something else have wrong derived columns, too.
    sound = (reference["esd"] / (2 * np.sqrt(reference["area"] / np.pi)) - 1).abs() < 0.01
    return reference, pd.DataFrame(zooprocess_table(pictures), columns=list(ZOOPROCESS_FEATURES), index=reference.index), sound


def test_agreement_with_zooprocess_on_real_vignettes(real):
    reference, found, _ = real
    # Median relative difference, the share within half a unit, then rank correlation.
    bounds = {
        "skelarea": (0.001, 0.4, 0.999), "slope": (0.01, 0.99, 0.999), "convperim": (0.0, 0.9, 0.999), "nb1": (0.0, 0.93, 0.99),
        "nb2": (0.0, 0.88, 0.99), "symetrieh": (0.001, 0.99, 0.99), "symetriev": (0.001, 0.99, 0.99), "thickr": (0.001, 0.9, 0.95),
        "fcons": (0.2, 0.1, 0.6),
    }  # fmt: skip
    for name, (difference, near, correlation) in bounds.items():
        relative = (found[name] / reference[name].replace(0, np.nan) - 1).abs()
        assert relative.median() <= difference, name
        assert ((found[name] - reference[name]).abs() < 0.5).mean() >= near, name
        assert found[name].corr(reference[name], method="spearman") >= correlation, name


def test_what_zooprocess_rounds_or_cuts_off(real):
    reference, found, sound = real
    for name in ("symetriehc", "symetrievc"):
        rounded = reference[name] == reference[name].round()
        assert 200 < rounded.sum() < 300
        assert ((found[name] - reference[name])[rounded].abs() <= 0.55).mean() > 0.97, name
        assert ((found[name] / reference[name] - 1)[~rounded].abs() < 0.03).mean() > 0.85, name
    # Each of the four coordinates of the centroids loses its decimals; holes, which vignettes show in white, shift a few more.
    away = (found["centroids"] - reference["centroids"])[sound].abs()
    assert (away <= np.sqrt(2)).mean() > 0.97
    assert away.max() < 4
    assert ((found["cdexc"] - reference["cdexc"]).abs() * np.sqrt(found["area_exc"]) <= 1.5)[sound].mean() > 0.97
    assert found["centroids"][sound].corr(reference["centroids"][sound]) > 0.98


def test_nb3_of_zooprocess_is_mostly_nothing(real):
    reference, found, _ = real
    assert (reference["nb3"] == 0).mean() > 0.9
    assert (found["nb3"] > 0).mean() > 0.95
