"""How well oriented boxes agree: their intersection over union, and which belongs to which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Two boxes are of the same object from this intersection over union on, as in Pascal VOC.
SAME = 0.5


def corners_of(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4, 2) corners in px of boxes (n, 5): x and y of the centre, length, breadth in px, angle in degrees counter-clockwise."""
    x, y, length, breadth, angle = np.asarray(boxes, dtype=np.float64).reshape(-1, 5).T
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along = np.stack([cos, -sin], axis=1) * length[:, None] / 2
    across = np.stack([sin, cos], axis=1) * breadth[:, None] / 2
    centre = np.stack([x, y], axis=1)
    return np.stack([centre - along - across, centre + along - across, centre + along + across, centre - along + across], axis=1)


def oriented_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) intersection over union of oriented boxes (n, 5) and (m, 5), as in `corners_of`."""
    one, two = corners_of(first), corners_of(second)
    result = np.zeros((len(one), len(two)))
    areas = [np.prod(np.asarray(boxes, dtype=np.float64).reshape(-1, 5)[:, 2:4], axis=1) for boxes in (first, second)]
    for i, a in enumerate(one):
        # Boxes whose upright boxes are apart share nothing.
        near = (two.min(axis=1) < a.max(axis=0)).all(axis=1) & (two.max(axis=1) > a.min(axis=0)).all(axis=1)
        for j in np.flatnonzero(near):
            shared = _area(_clipped((two[j] - a[0]).tolist(), (a - a[0]).tolist()))
            union = areas[0][i] + areas[1][j] - shared
            result[i, j] = shared / union if union > 0 else 0.0
    return result


def _clipped(points: list[list[float]], window: list[list[float]]) -> list[list[float]]:
    """What of a polygon lies in a convex window whose corners go clockwise on the screen or the other way round (Sutherland and Hodgman 1974, doi
    10.1145/360767.360802).

    OpenCV's `intersectConvexConvex` is no good for this: it loses half of two boxes that are nearly the same.
    """
    sense = 1.0 if _signed_area(window) > 0 else -1.0
    for (x0, y0), (x1, y1) in zip(window, [*window[1:], window[0]], strict=True):
        inside = [sense * ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) for x, y in points]
        kept = []
        for at, (x, y) in enumerate(points):
            before, (u, v) = inside[at - 1], points[at - 1]
            if (inside[at] >= 0) != (before >= 0):
                share = before / (before - inside[at])
                kept.append([u + share * (x - u), v + share * (y - v)])
            if inside[at] >= 0:
                kept.append([x, y])
        points = kept
    return points


def _signed_area(points: list[list[float]]) -> float:
    return sum(x * v - u * y for (x, y), (u, v) in zip(points, [*points[1:], *points[:1]], strict=True)) / 2


def _area(points: list[list[float]]) -> float:
    return abs(_signed_area(points))


def matched(first: NDArray[np.float64], second: NDArray[np.float64], *, least: float = SAME) -> list[tuple[int, int, float]]:
    """Pairs of boxes of the same object, each box in one pair at most, the best agreement first.

    Parameters
    ----------
    first, second : (n, 5) and (m, 5) float64 ndarrays
        See `corners_of`.
    least : float
        Smallest intersection over union of a pair.

    Returns
    -------
    list of (int, int, float)
        Row in `first`, row in `second`, intersection over union.
    """
    overlap = oriented_iou(first, second)
    pairs = []
    while overlap.size and (best := float(overlap.max())) >= max(least, 1e-9):
        i, j = np.unravel_index(int(overlap.argmax()), overlap.shape)
        pairs.append((int(i), int(j), best))
        overlap[i, :] = overlap[:, j] = 0
    return pairs
