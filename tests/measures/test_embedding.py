"""Where pictures lie among one another, against independent computations and drawn groups."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from imagine_kernels.measures.embedding import clusters, embedded, similar, unusual


@pytest.fixture(scope="module")
def groups() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Five groups of 80, 60, 40, 20 and 10 pictures, as features of length 300."""
    rng = np.random.default_rng(3)
    number = np.repeat(np.arange(5), [80, 60, 40, 20, 10])
    middles = rng.normal(size=(5, 300))
    return (middles[number] + 0.3 * rng.normal(size=(len(number), 300))).astype(np.float32), number


def test_places_are_principal_components_of_length_one(groups: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, _ = groups
    places = embedded(features, length=8).astype(np.float64)
    expected = PCA(8, svd_solver="full").fit_transform(features.astype(np.float64))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(places @ places.T, expected @ expected.T, atol=5e-3)
    np.testing.assert_array_equal(embedded(features), embedded(features))


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_pictures(n: int) -> None:
    features = np.random.default_rng(0).normal(size=(n, 10)).astype(np.float32)
    places = embedded(features)
    assert len(places) == len(unusual(places)) == len(clusters(places)) == n
    assert np.isfinite(places).all()
    if n:
        assert similar(places, 0)[0] == 0


def test_similar_ones_are_of_the_same_group(groups: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, number = groups
    places = embedded(features)
    for row in (0, 100, 205):
        order = similar(places, row)
        assert order[0] == row
        assert sorted(order.tolist()) == list(range(len(number)))
        size = int((number == number[row]).sum())
        assert (number[order[:size]] == number[row]).all()
    nearest = NearestNeighbors(metric="cosine").fit(places.astype(np.float64))
    expected = nearest.kneighbors(places[7:8].astype(np.float64), n_neighbors=5, return_distance=False)[0]
    assert set(similar(places, 7)[:5].tolist()) == set(expected.tolist())


def test_groups_are_found_the_largest_first(groups: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, number = groups
    found = clusters(embedded(features), n_clusters=5)
    assert adjusted_rand_score(number, found) > 0.99
    sizes = np.bincount(found)
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_array_equal(found, clusters(embedded(features), n_clusters=5))


def test_what_is_unlike_all_others_is_unusual(groups: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, _ = groups
    strange = np.random.default_rng(8).normal(size=(3, 300)).astype(np.float32)
    found = unusual(embedded(np.vstack([features, strange])))
    assert set(np.argsort(-found)[:3].tolist()) == {len(features), len(features) + 1, len(features) + 2}
    assert np.median(found) == pytest.approx(1, abs=0.2)
