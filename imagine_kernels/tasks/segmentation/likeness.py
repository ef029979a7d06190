"""Which pictures look as if they were of one scene, where nobody says which are: these are kept together when data are split.

Crops that lie side by side, and copies that were turned, mirrored or brightened, are far more alike to a network that was trained on
photographs than crops of two scenes are. Where they lie on both sides of a split, the figures of the held-out side are too good.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.inference.pictures import ORIENTATIONS, oriented
from imagine_kernels.models.backbone import build_backbone
from imagine_kernels.models.network import MEAN, SCALE

#: Pictures of a group, on average, where nothing is known of their scenes.
PER_GROUP = 4
#: Groups that there are at least, where there are as many pictures.
FEWEST = 5
_BATCH = 16


def scene_groups(pixels: NDArray[np.uint8], *, backbone: str) -> NDArray[np.int64]:
    """A number for each picture (n,), the same for those that look like one scene.

    Features of the frozen backbone, averaged over eight orientations and standardised, are joined by average linkage on their cosine
    distance until the pictures are `PER_GROUP` to a group on average.

    Parameters
    ----------
    pixels : (n, c, s, s) ndarray of uint8
    backbone : str
    """
    from sklearn.cluster import AgglomerativeClustering

    n = len(pixels)
    # A split needs some groups, even of few pictures.
    wanted = max(n // PER_GROUP, min(n, FEWEST))
    if wanted < 2:
        return np.arange(n)
    features = _features(pixels, backbone)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3)
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-9
    found: NDArray[Any] = AgglomerativeClustering(wanted, linkage="average", metric="cosine").fit_predict(features)
    return found.astype(np.int64)


def _features(pixels: NDArray[np.uint8], backbone: str) -> NDArray[np.float64]:
    import torch

    network = build_backbone(backbone, channels=pixels.shape[1])
    total: Any = 0.0
    with torch.inference_mode():
        for orientation in range(ORIENTATIONS):
            turned = oriented(pixels, orientation)
            parts = [
                network((torch.from_numpy(turned[i : i + _BATCH]).float() - MEAN) / SCALE).double().numpy()
                for i in range(0, len(turned), _BATCH)
            ]
            total = total + np.concatenate(parts)
    return np.asarray(total / ORIENTATIONS, dtype=np.float64)
