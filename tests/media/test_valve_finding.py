"""Valves are found where they are: drawn shapes of known place, the bundled sample, and real fields."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imagine_kernels.formats.interchange import open_annotations
from imagine_kernels.measures.oriented_boxes import corners_of, matched
from imagine_kernels.media.decoding import decode
from imagine_kernels.media.valve_finding import find_valves
from imagine_kernels.samples.diatoms import UM_PER_PX, make_sample


def field(seed: int = 0, height: int = 600, width: int = 800) -> NDArray[np.float32]:
    """Uneven light and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (170 + 25 * x - 18 * y**2 + rng.normal(0, 1.5, (height, width))).astype(np.float32)


def drawn(picture: NDArray[np.float32], *ellipses: tuple[float, float, float, float, float]) -> NDArray[np.uint8]:
    """Ellipses (x, y, length, breadth, angle counter-clockwise) with a dark rim and a grey face, a little blurred."""
    for x, y, length, breadth, angle in ellipses:
        shape = ((x, y), (length, breadth), -angle)
        face = np.zeros(picture.shape, dtype=np.uint8)
        cv2.ellipse(face, shape, 1, -1)
        rim = face - cv2.erode(face, np.ones((5, 5), dtype=np.uint8))
        picture = picture * (1 - 0.08 * face) * (1 - 0.4 * rim)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1), 0, 255).astype(np.uint8)


def boxes_of(found) -> NDArray[np.float64]:
    return np.array([[each.x, each.y, each.length, each.breadth, each.angle] for each in found]).reshape(-1, 5)


def test_ellipses_are_found_with_their_boxes():
    true = [(150, 120, 180, 50, 25), (500, 150, 120, 60, 90), (300, 420, 260, 40, 140), (650, 430, 90, 30, 0)]
    found = find_valves(drawn(field(), *true), um_per_px=0.2)
    pairs = matched(boxes_of(found), np.array(true, dtype=float), least=0.85)
    assert len(found) == len(pairs) == 4
    for i, j, _ in pairs:
        assert found[i].length == pytest.approx(true[j][2], abs=5)
        assert found[i].breadth == pytest.approx(true[j][3], abs=5)
        assert (found[i].angle - true[j][4] + 90) % 180 - 90 == pytest.approx(0, abs=3)
        assert found[i].area == pytest.approx(np.pi / 4 * true[j][2] * true[j][3], rel=0.12)


def test_two_that_touch_are_two():
    found = find_valves(drawn(field(), (300, 300, 200, 50, 0), (430, 360, 160, 60, 70)), um_per_px=0.2)
    assert len(found) == 2


def test_nothing_is_found_in_an_empty_field_and_nothing_at_the_border():
    assert find_valves(field().astype(np.uint8), um_per_px=0.2) == []
    assert find_valves(np.full((50, 60), 128, dtype=np.uint8)) == []
    assert find_valves(drawn(field(), (5, 300, 120, 40, 0)), um_per_px=0.2) == []


def test_sizes_are_limits_in_micrometres():
    picture = drawn(field(), (200, 200, 180, 50, 25), (550, 350, 60, 30, 0))
    assert len(find_valves(picture, um_per_px=0.2)) == 2
    assert [round(each.x) for each in find_valves(picture, um_per_px=0.2, min_length_um=20)] == [pytest.approx(200, abs=3)]
    assert [round(each.x) for each in find_valves(picture, um_per_px=0.2, max_length_um=20)] == [pytest.approx(550, abs=3)]


def test_a_scale_bar_with_its_number_is_no_valve():
    picture = drawn(field(), (200, 200, 180, 50, 25))
    picture[560:566, 620:780] = 0
    cv2.putText(picture, "20 um", (650, 550), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 0, 2, cv2.LINE_AA)
    assert len(find_valves(picture, um_per_px=0.2)) == 1


def test_the_bundled_sample(tmp_path: Path):
    sample = make_sample(tmp_path / "sample", 3)
    truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))["valves"]
    overlap, n_found, apart = [], 0, []
    for name in sorted({each["file"] for each in truth}):
        found = find_valves(decode((sample / name).read_bytes(), name=name), um_per_px=UM_PER_PX)
        mine = [each for each in truth if each["file"] == name]
        true = np.array([[each[k] for k in ("x", "y", "length_px", "breadth_px", "angle")] for each in mine])
        pairs = matched(boxes_of(found), true)
        n_found += len(found)
        overlap += [agreement for _, _, agreement in pairs]
        apart += [(found[i].length - true[j, 2]) * UM_PER_PX for i, j, _ in pairs]
    assert len(overlap) / len(truth) >= 0.94
    assert len(overlap) / n_found >= 0.94
    assert np.mean(overlap) >= 0.85
    assert abs(np.mean(apart)) < 0.6
    assert np.std(apart) < 0.9


def test_most_cells_in_real_fields_are_found(shared_data):
    # Mostly other microalgae than diatoms, many of them on the border; the boxes are upright.
    source = shared_data("diatoms") / "roboflow_algae_detect_voc" / "images"
    cells = [each for each in open_annotations(source).annotations() if each.label == "Karenia"]
    hits = 0
    for name in sorted({each.medium for each in cells}):
        corners = corners_of(boxes_of(find_valves(decode((source / name).read_bytes(), name=name))))
        upright = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        for each in cells:
            if each.medium == name:
                hits += any(upright_overlap(each.shape.numbers, box) >= 0.5 for box in upright)
    assert len(cells) == 80
    assert hits >= 44


def upright_overlap(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
