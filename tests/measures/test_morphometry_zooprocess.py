"""The whole list of ZooProcess: against exact shapes, the definitions written out in loops, scikit-image, and ZooProcess' own tables."""

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage import measure
from skimage.morphology import skeletonize

from imagine_kernels.measures import morphometry_objects, morphometry_zooprocess
from imagine_kernels.measures.morphometry import FEATURES, morphometry_table, traced_perimeter
from imagine_kernels.measures.morphometry_nearness import counts_within
from imagine_kernels.measures.morphometry_objects import SheetObjects
from imagine_kernels.measures.morphometry_outlines import Outlines
from imagine_kernels.measures.morphometry_sheets import Sheet
from imagine_kernels.measures.morphometry_structure import chosen_values, contrast, parts
from imagine_kernels.measures.morphometry_symmetry import symmetry, up_to
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
    sheet = Sheet.of([np.full((50, 9), 255, dtype=np.uint8), dark])
    assert [parts(sheet, up_to(sheet.grey, level)).tolist() for level in (50, 89, 90)] == [[0, 4], [0, 4], [0, 5]]


def test_areas_of_outlines_are_pixel_counts():
    for picture in BLOBS:
        outlines = Outlines.around(up_to(picture, 110))
        assert (outlines.lengths == 1).any()
        for contour, area in zip(outlines.each, outlines.filled_areas(), strict=True):
            assert area == cv2.drawContours(np.zeros(picture.shape, np.uint8), [contour], -1, 1, cv2.FILLED).sum()


def test_the_largest_part_of_each_is_found_among_many():
    sheet = Sheet.of(BLOBS)
    found = SheetObjects.largest(sheet, up_to(sheet.grey, 150))
    for picture, box in zip(BLOBS, found.boxes, strict=True):
        contours = cv2.findContours((picture <= 150).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        assert len(contours) > 5
        drawn = [cv2.drawContours(np.zeros(picture.shape, np.uint8), [contour], -1, 1, cv2.FILLED) for contour in contours]
        largest = max(drawn, key=np.sum)
        np.testing.assert_array_equal(found.filled[box] > 0, largest[np.ix_(largest.any(axis=1), largest.any(axis=0))] > 0)


def test_a_point_on_a_sheet_is_that_of_its_picture():
    rng = np.random.default_rng(2)
    pictures = [np.full(rng.integers(1, 120, 2), k, dtype=np.uint8) for k in range(60)]
    pictures[7] = np.full((3, 700), 7, dtype=np.uint8)
    sheet = Sheet.of(pictures)
    y, x = np.nonzero(sheet.grey < 255)
    assert len(y) == sum(picture.size for picture in pictures)
    np.testing.assert_array_equal(sheet.owner(np.column_stack([x, y])), sheet.grey[y, x])
    # Nothing has a neighbour in another picture.
    lowest = cv2.erode(sheet.grey, np.ones((3, 3), np.uint8))
    np.testing.assert_array_equal(lowest[y, x], sheet.grey[y, x])


@pytest.mark.parametrize("count", [1, 5, 40])
def test_pixels_near_a_mask_are_those_of_the_distance_transform(count):
    rng = np.random.default_rng(count)
    masks = [np.where(rng.random(rng.integers(1, 60, 2)) < 0.02, 255, 0).astype(np.uint8) for _ in range(count)]
    for mask in masks:
        mask[rng.integers(mask.shape[0]), rng.integers(mask.shape[1])] = 255
    found = counts_within(masks, (2, 5, 32))
    for mask, row in zip(masks, found, strict=True):
        distance = cv2.distanceTransform(np.pad(255 - mask, 33, constant_values=255), cv2.DIST_L2, 5)
        assert row.tolist() == [(distance <= radius).sum() for radius in (2, 5, 32)]


def test_perimeters_of_many_are_those_of_one():
    contours = [np.array([[3, 3]]), np.array([[3, 3], [4, 4]])]
    for picture in BLOBS:
        contours += [
            c[:, 0] for c in cv2.findContours((picture <= 200).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        ]
    assert len(contours) > 30
    np.testing.assert_allclose(Outlines.of(contours).traced_perimeters(), [traced_perimeter(contour) for contour in contours])


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
    sheet = Sheet.of(pictures)
    counts = np.array([np.bincount(picture.ravel(), minlength=256) for picture in pictures], dtype=float)
    chosen = chosen_values(counts, np.tile(levels, (len(pictures), 1)))
    boxes, slots = [], np.zeros_like(sheet.grey)
    for (x, y), picture, values in zip(sheet.corners.tolist(), pictures, chosen.tolist(), strict=True):
        boxes.append((slice(y, y + picture.shape[0]), slice(x, x + picture.shape[1])))
        for slot, value in enumerate(values, start=1):
            slots[boxes[-1]][picture == value] = slot
    found = contrast(sheet, boxes, sheet.grey, slots, chosen, counts)
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
    corners = [np.array([[0, 0], [80, 0], [80, 20], [0, 20]]), np.array([[0, 30], [120, 0], [120, 60]])]
    area = np.array([mask.size, len(xs)], dtype=float)
    x, y = np.array([[40.5, 10.5], [xs.mean() + 0.5, ys.mean() + 0.5]]).T
    acrosses, alongs, thicknesses = symmetry([mask, drop], corners, area=area, x=x, y=y, angle=np.zeros(2), step=9)
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
