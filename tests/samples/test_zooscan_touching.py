"""Organisms that touch: one object, whose pixels are those of the organisms and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from skimage.measure import label

from imagine_kernels.samples.zooscan import THRESHOLD
from imagine_kernels.samples.zooscan_scan import make_scan, organism
from imagine_kernels.samples.zooscan_touching import DEEPEST, touching


def test_the_masks_are_what_is_drawn() -> None:
    rng = np.random.default_rng(8)
    for n in (2, 2, 3):
        organisms = [organism(rng) for _ in range(n)]
        found = touching(rng, organisms)
        if found is None:
            continue
        dark = found.picture <= THRESHOLD
        assert label(dark, connectivity=2).max() == 1
        assert found.labels == tuple(name for name, _ in organisms)
        assert not (dark & ~found.masks.any(axis=0)).any()
        for mask, (_, picture) in zip(found.masks, organisms, strict=True):
            assert label(mask, connectivity=2).max() == 1
            assert (np.ptp(np.argwhere(mask), axis=0) + 1).tolist() == list(picture.shape)
        # They touch, and lie over each other by a few px at most.
        assert (found.masks.sum(axis=0) > 1).sum() < 12 * DEEPEST * n * n


def test_the_truth_of_a_scan_names_the_parts(tmp_path: Path) -> None:
    project = make_scan(tmp_path / "scan", 9, width=1500, height=1100, n=3, touching=3)
    objects = json.loads((project / "truth.json").read_text(encoding="utf-8"))["objects"]
    clusters = [each for each in objects if "parts" in each]
    assert len(clusters) == 3
    for each in clusters:
        assert each["kind"] == "touching"
        assert each["label"] == " + ".join(part["label"] for part in each["parts"])
        right, bottom = (max(part[at] + part[side] for part in each["parts"]) for at, side in (("bx", "width"), ("by", "height")))
        assert (min(part["bx"] for part in each["parts"]), min(part["by"] for part in each["parts"])) == (each["bx"], each["by"])
        assert (right - each["bx"], bottom - each["by"]) == (each["width"], each["height"])
