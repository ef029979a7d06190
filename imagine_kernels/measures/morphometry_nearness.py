"""How many pixels lie near the edges of objects, many pixels at a time.

Distances are those of `cv2.distanceTransform` with a mask of 5 px: 1, 1.4 and 2.1969 for a step to the side, along the diagonal, and of a knight
(Borgefors 1986, Distance transformations in digital images, Computer Vision, Graphics, and Image Processing 34, 344-371). All pixels up to a distance
from a point form a disc that stands on columns of some heights; a picture that is moved by the columns of the disc, each as high as it, covers
what lies near.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_layers import LAYERS, Layers


def counts_within(masks: Sequence[NDArray[np.uint8]], radii: Sequence[int]) -> NDArray[np.float64]:
    """Pixels up to each of m distances from the pixels of each of n masks, around it too, (n, m).

    Parameters
    ----------
    masks : sequence of n (H, W) uint8 arrays
        0 and 255.
    radii : sequence of m int
        px.
    """
    # One layer costs as much as all of them.
    if len(masks) < LAYERS:
        return np.array([_counts_by_distance(mask, radii) for mask in masks])
    layers = Layers.of(masks, max(radii))
    across, heights = layers.bits.shape[1], [_columns(radius) for radius in radii]
    grown = layers.bits.flatten()
    higher = np.empty_like(grown)
    covered = [np.zeros_like(grown) for _ in radii]
    for height in range(max(radii) + 1):
        for found, columns in zip(covered, heights, strict=True):
            # The same on both sides.
            for step in (step for step, column in enumerate(columns) if column == height):
                found[step:] |= grown[: len(grown) - step]
                found[: len(grown) - step] |= grown[step:]
        # One more pixel above and below.
        np.copyto(higher, grown)
        higher[across:] |= grown[:-across]
        higher[:-across] |= grown[across:]
        grown, higher = higher, grown
    return np.array([layers.counted(found.reshape(layers.bits.shape), max(radii)) for found in covered], dtype=np.float64).T


def _counts_by_distance(mask: NDArray[np.uint8], radii: Sequence[int]) -> list[int]:
    import cv2

    reach = max(radii)
    away = cv2.copyMakeBorder(cv2.bitwise_not(mask), reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=255)
    distance = cv2.distanceTransform(away, cv2.DIST_L2, 5)
    return [cv2.countNonZero(cv2.inRange(distance, 0, radius)) for radius in radii]


@cache
def _columns(radius: int) -> tuple[int, ...]:
    """How far the disc of a radius reaches up from its middle row, in its middle column and in each one to the side of it."""
    import cv2

    side = 2 * radius + 1
    around = np.full((side, side), 255, dtype=np.uint8)
    around[radius, radius] = 0
    disc = cv2.distanceTransform(around, cv2.DIST_L2, 5) <= radius
    return tuple(int(column) // 2 for column in disc[:, radius:].sum(axis=0))
