"""Where pictures lie among one another: like ones near, unlike ones far, groups of like ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Numbers that are kept of each picture.
LENGTH = 64
#: Pictures that principal components are computed from, and that others are compared with: beyond these only time grows.
_MOST = 4096


def embedded(features: NDArray[Any], *, length: int = LENGTH) -> NDArray[np.float16]:
    """Places of n pictures by their first principal components, each of length 1, so that their products are cosines.

    Parameters
    ----------
    features : (n, d) array
        What a backbone sees.
    length : int

    Returns
    -------
    (n, min(length, d)) float16 ndarray
        The same features give the same places.
    """
    values = np.asarray(features, dtype=np.float32)
    if not values.size:
        return np.zeros((len(values), 0), dtype=np.float16)
    some = values[_evenly(len(values))]
    middle = some.mean(axis=0)
    centred = (some - middle).astype(np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :length]
    # An axis has no direction of its own: its largest part points up.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    places = (values - middle) @ axes.astype(np.float32)
    return np.asarray(places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12), dtype=np.float16)


def similar(places: NDArray[Any], row: int) -> NDArray[np.int64]:
    """All n rows by falling cosine with that of `row`, itself first."""
    values = np.asarray(places, dtype=np.float32)
    cosine = values @ values[row]
    cosine[row] = np.inf
    return np.argsort(-cosine, kind="stable")


def unusual(places: NDArray[Any], *, k: int = 5) -> NDArray[np.float64]:
    """How far each of n pictures lies from its k nearest ones: 1 is what is usual, more is an outlier.

    See `imagine_kernels.measures.choosing.novelty`; of more than 4096 pictures the nearest ones among 4096 count.
    """
    from imagine_kernels.measures.choosing import novelty

    if len(places) < 3:
        return np.ones(len(places))
    among = np.zeros(len(places), dtype=bool)
    among[_evenly(len(places))] = True
    return novelty(np.asarray(places, dtype=np.float32), among, k=k)


def clusters(places: NDArray[Any], *, n_clusters: int | None = None, seed: int = 0) -> NDArray[np.int64]:
    """Groups of like pictures: the number of its group for each of n pictures, the largest group 0.

    Parameters
    ----------
    places : (n, d) array
    n_clusters : int, optional
        Without it √(n / 2), from 2 to 60.
    seed : int

    References
    ----------
    k-means in batches: Sculley (2010), Web-scale k-means clustering, WWW, doi 10.1145/1772690.1772862. √(n / 2) is the rule of thumb of
    Mardia, Kent and Bibby (1979), Multivariate Analysis, p. 365.
    """
    from sklearn.cluster import MiniBatchKMeans

    n = len(places)
    wanted = min(n, n_clusters or int(np.clip(round(np.sqrt(n / 2)), 2, 60)))
    if wanted < 2:
        return np.zeros(n, dtype=np.int64)
    found = MiniBatchKMeans(wanted, random_state=seed, n_init=3, batch_size=2048).fit_predict(
        np.asarray(places, dtype=np.float32)
    )
    order = np.argsort(-np.bincount(found, minlength=wanted), kind="stable")
    return np.asarray(np.argsort(order)[found], dtype=np.int64)


def _evenly(n: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n - 1, min(n, _MOST)).astype(np.int64))
