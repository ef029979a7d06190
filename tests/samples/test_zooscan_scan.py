"""The generated whole scan: the same for the same seed, its truth exact, its light uneven."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile

from imagine_kernels.samples.zooscan import THRESHOLD
from imagine_kernels.samples.zooscan_scan import FRAME_PX, draw_scan, make_scan


def test_truth_is_what_is_drawn() -> None:
    drawn = draw_scan(np.random.default_rng(1), width=1500, height=1200, n=12)
    kinds = [each["kind"] for each in drawn.objects]
    assert {kind: kinds.count(kind) for kind in ("isolated", "touching", "edge", "line")} == {
        "isolated": 12, "touching": 3, "edge": 3, "line": 1,
    }  # fmt: skip
    for each in drawn.objects:
        if each["kind"] == "edge":
            continue
        x, y, width, height = (each[name] for name in ("bx", "by", "width", "height"))
        dark = drawn.grey[y - 2 : y + height + 2, x - 2 : x + width + 2] <= THRESHOLD
        # The box fits, and nothing else is near.
        assert dark[2].any()
        assert dark[-3].any()
        assert dark[:, 2].any()
        assert dark[:, -3].any()
        assert not dark[[0, 1, -2, -1]].any()
        assert not dark[:, [0, 1, -2, -1]].any()
        assert each["area"] >= dark.sum()


def test_the_same_seed_gives_the_same_project(tmp_path: Path) -> None:
    one, two, other = (
        make_scan(tmp_path / name, seed, width=900, height=800, n=3) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    truth = json.loads((one / "truth.json").read_text(encoding="utf-8"))
    raw = tifffile.imread(one / truth["scan"])
    assert (raw.shape, raw.dtype) == ((900, 800), np.uint16)
    np.testing.assert_array_equal(raw, tifffile.imread(two / truth["scan"]))
    assert (one / "truth.json").read_bytes() == (two / "truth.json").read_bytes()
    assert (raw != tifffile.imread(other / truth["scan"])).any()
    names = {file.relative_to(one).as_posix() for file in one.rglob("*") if file.is_file()}
    assert "Zooscan_back/20250601_0900_back_large_raw_2.tif" in names
    assert "Zooscan_meta/zooscan_scan_header_table.csv" in names


def test_light_is_uneven_and_the_frame_is_dark(tmp_path: Path) -> None:
    folder = make_scan(tmp_path / "a", 4, width=900, height=800, n=0)
    raw = tifffile.imread(next((folder / "Zooscan_scan" / "_raw").glob("*.tif"))).astype(float)
    inside = raw[FRAME_PX:-FRAME_PX, FRAME_PX:-FRAME_PX]
    assert np.ptp(np.percentile(inside, [5, 95])) > 0.05 * np.median(inside)
    assert np.median(raw[:FRAME_PX]) < 0.4 * np.median(inside)
