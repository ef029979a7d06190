"""One or several: features against another implementation, figures on organisms that were not trained on, and counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from skimage.measure import label, regionprops

from imagine_kernels.measures.multiples import FEATURES, SIDE, multiple_features, multiple_probability, separation_table
from imagine_kernels.records.cuts import CUT_FROM
from imagine_kernels.samples.zooscan import THRESHOLD
from imagine_kernels.samples.zooscan_scan import organism
from imagine_kernels.samples.zooscan_touching import touching


def test_shape_features_are_those_of_scikit_image() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        picture = organism(rng)[1]
        if max(picture.shape) > SIDE - 2:
            continue
        found = dict(zip(FEATURES, multiple_features(picture, threshold=THRESHOLD), strict=True))
        region = max(regionprops(label(np.pad(picture <= THRESHOLD, 1), connectivity=2)), key=lambda each: each.area)
        assert found["solidity"] == pytest.approx(region.area_filled / region.area_convex, abs=0.02)
        assert found["holes"] == pytest.approx(1 - region.area / region.area_filled, abs=1e-9)
        assert found["mean"] == pytest.approx(
            np.pad(picture, 1, constant_values=255)[tuple(region.coords.T)].mean() / 255, abs=1e-9
        )


def test_a_vignette_that_is_empty_or_tiny_is_no_multiple() -> None:
    empty, dot = np.full((30, 30), 255, dtype=np.uint8), np.full((30, 30), 255, dtype=np.uint8)
    dot[4:6, 4:6] = 10
    assert multiple_probability([empty, dot], threshold=THRESHOLD).tolist() == [0.0, 0.0]
    assert multiple_probability([], threshold=THRESHOLD).shape == (0,)


def test_organisms_that_were_not_trained_on() -> None:
    """The whole figures are in ``benchmarks/results/multiples.md``."""
    rng = np.random.default_rng(7001)
    alone = [organism(rng)[1] for _ in range(60)]
    together = []
    while len(together) < 60:
        truth = touching(rng, [organism(rng) for _ in range(2)])
        together += [] if truth is None else [truth.picture]
    said = multiple_probability([*alone, *together], threshold=THRESHOLD) >= 0.5
    recall, precision = said[60:].mean(), said[60:].sum() / said.sum()
    assert recall >= 0.8
    assert precision >= 0.8


def test_counts_before_and_after() -> None:
    objects = pd.DataFrame(
        {
            "sample_id": ["s1", "s1", "s1", "s1", "s1", "s2"],
            "object_id": ["a", "b_1", "b_2_1", "b_2_2", "c_1", "d"],
            CUT_FROM: ["", "b", "b", "b", "c", np.nan],
        }
    )
    table = separation_table(objects)
    assert table.to_dict("records") == [
        {"sample_id": "s1", "n_found": 3, "n_divided": 2, "n_parts": 4, "n_objects": 5},
        {"sample_id": "s2", "n_found": 1, "n_divided": 0, "n_parts": 0, "n_objects": 1},
    ]
