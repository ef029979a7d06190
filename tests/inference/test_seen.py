"""What a backbone sees, gathered in parts."""

from __future__ import annotations

import numpy as np

from imagine_kernels.inference.seen import Seen


def test_parts_add_up_in_any_order() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 12)).astype(np.float32)
    seen = Seen(3)
    for part in ([4, 1, 0], [3, 5], [2]):
        seen.add(np.array(part) % 3, values[part])
    np.testing.assert_allclose(seen.of(np.arange(3)), values[:3] + values[3:], rtol=1e-5)
    np.testing.assert_allclose(seen.of(np.array([2])), (values[2] + values[5])[None], rtol=1e-5)


def test_a_projection_keeps_distances() -> None:
    values = np.random.default_rng(1).normal(size=(200, 1280)).astype(np.float32)
    seen, again = Seen(200, length=256), Seen(200, length=256)
    seen.add(np.arange(200), values)
    for row in range(200):
        again.add(np.array([row]), values[row : row + 1])
    kept = seen.of(np.arange(200))
    assert kept.shape == (200, 256)
    np.testing.assert_allclose(kept, again.of(np.arange(200)), atol=1e-4)
    pairs = np.random.default_rng(2).integers(0, 200, (500, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    before, after = (np.linalg.norm(each[pairs[:, 0]] - each[pairs[:, 1]], axis=1) for each in (values, kept))
    # One standard deviation is about 1 / √(2 · 256) = 4.4 %.
    assert np.abs(after / before - 1).max() < 0.25
    assert np.std(after / before) < 0.06


def test_nothing_seen() -> None:
    assert Seen(5).of(np.array([], dtype=np.int64)).shape == (0, 0)
