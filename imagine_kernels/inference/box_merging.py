"""What a detector finds in overlapping tiles, put together so that each thing comes out once and whole.

`imagine_kernels.measures.slicing.merge_slices` joins whatever belongs together through others. Among what a network finds, most of which is nearly
surely nothing, a faint box that lies across two things would make one of them; here a box joins others only if its score is of their order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.slicing import Slice, non_maximum_suppression

#: Boxes that share so much are one thing; of one that is cut by its tile, so much of it must lie in the other.
SHARED = 0.5
#: How far from the side of its tile a box may end and still be taken for cut by it, px.
_CUT_PX = 2.0
#: A box with less than this share of the score of another one that it belongs to tells nothing of its extent.
_OF_THE_ORDER = 0.5


def merged(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], tile: NDArray[np.int64], tiles: Sequence[Slice], *, same: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The things, those with the highest scores first.

    Two boxes of different tiles are one thing where they share `SHARED` of their union; where one is cut by an inner side of its tile and lies
    with `SHARED` of its area in the other, which is larger; or where each is cut by the side that lies towards the other, and their extents
    along that side share as much. A thing that its best box shows whole has that box, else the one around all that belong to it.

    Parameters
    ----------
    boxes : (n, 4) ndarray
        x_min, y_min, x_max, y_max in px of the picture.
    scores : (n,) ndarray
    tile : (n,) ndarray of int
        The tile of each.
    tiles : sequence of Slice
    same : float
        Boxes that share more than this at the end are one thing.

    Returns
    -------
    boxes : (m, 4) ndarray
    best : (m,) ndarray of int
        The row of the best box of each.
    """
    import shapely
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(boxes)
    if not n:
        return np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    cut = _cut_sides(boxes, tile, tiles)
    shapes = shapely.box(*boxes.T)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    other = (first < second) & (tile[first] != tile[second])
    first, second = first[other], second[other]
    one = _belong(boxes, cut, first, second)
    first, second = first[one], second[one]
    low, high = np.minimum(scores[first], scores[second]), np.maximum(scores[first], scores[second])
    like = low >= _OF_THE_ORDER * high
    alive = np.ones(n, dtype=bool)
    alive[np.where(scores[first] < scores[second], first, second)[~like]] = False
    joined = like & alive[first] & alive[second]
    links = coo_array((np.ones(int(joined.sum())), (first[joined], second[joined])), shape=(n, n))
    heap = connected_components(links, directed=False)[1]
    found, rows = [], []
    order = np.flatnonzero(alive)[np.argsort(heap[alive], kind="stable")]
    for members in np.split(order, np.flatnonzero(np.diff(heap[order])) + 1):
        best = int(members[np.argmax(scores[members])])
        around = np.concatenate([boxes[members, :2].min(axis=0), boxes[members, 2:].max(axis=0)])
        found.append(around if cut[best].any() else boxes[best])
        rows.append(best)
    made, chosen = np.array(found), np.array(rows, dtype=np.int64)
    kept = non_maximum_suppression(made, scores[chosen], threshold=same)
    return made[kept], chosen[kept]


def _cut_sides(boxes: NDArray[np.float64], tile: NDArray[np.int64], tiles: Sequence[Slice]) -> NDArray[np.bool_]:
    """Whether each box (n, 4) ends at a side of its tile that is not one of the picture."""
    sides = np.array([[s.x, s.y, s.x + s.width, s.y + s.height] for s in tiles], dtype=np.float64)
    picture = np.array([*sides[:, :2].min(axis=0), *sides[:, 2:].max(axis=0)])
    gap = np.where(np.arange(4) < 2, boxes - sides[tile], sides[tile] - boxes)
    return np.asarray((sides[tile] != picture) & (gap <= _CUT_PX))


def _belong(
    boxes: NDArray[np.float64], cut: NDArray[np.bool_], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether pairs of boxes are one thing, (pairs,)."""
    a, b = boxes[first], boxes[second]
    cut_a, cut_b = cut[first], cut[second]
    extent = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    span = np.maximum(a[:, 2:], b[:, 2:]) - np.minimum(a[:, :2], b[:, :2])
    common = np.clip(extent, 0, None).prod(axis=1)
    area_a, area_b = (np.maximum((each[:, 2:] - each[:, :2]).prod(axis=1), 1e-9) for each in (a, b))
    one = common >= SHARED * (area_a + area_b - common)
    one |= cut_a.any(axis=1) & (area_a <= area_b) & (common >= SHARED * area_a)
    one |= cut_b.any(axis=1) & (area_b <= area_a) & (common >= SHARED * area_b)
    for axis in (0, 1):
        along = extent[:, 1 - axis] >= SHARED * span[:, 1 - axis]
        # One goes on beyond its right or lower side, the other beyond its left or upper one.
        one |= along & cut_a[:, axis + 2] & cut_b[:, axis] & (a[:, axis] <= b[:, axis])
        one |= along & cut_b[:, axis + 2] & cut_a[:, axis] & (b[:, axis] <= a[:, axis])
    return np.asarray(one)
