"""The same item in overlapping photos, told by its position, so that it is counted once.

The position of an item errs in two ways: all items of a photo share the error of its camera (metres by satellites alone), and each has a small
one of its own (some px, and what tilt and heading leave). Single items can thus not be compared where they lie closer than the shared error.
So each photo is first laid on what is known already: of all shifts that bring one of its items onto one of the same kind, the most likely
one is taken, where an item that finds its like speaks for a shift, and its length against it, and each item that should then be seen in both
and is not. Then items are assigned one to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from shapely import Geometry

#: Half the chi-squared distance of two places up to which they may be one: 99 % of those that are (two degrees of freedom).
_GATE = 9.21 / 2
#: A shift is looked for within so many standard errors.
_REACH = 3.5
#: Sizes of one item in two photos differ at most by this factor: boxes and light differ, and the height above the beach.
SIZE_FACTOR = 1.8
#: So many of the shortest shifts are tried.
_TRIED = 400
#: What an item that two photos should show and one does not weighs against a shift: -log of one in five that are missed.
_MISSED = 1.6
#: An item nearer to the rim of a photo may be outside of it, m.
_RIM_M = 0.2

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SameItems:
    """Finds of several photos put together to items.

    Attributes
    ----------
    item : (n,) int64 ndarray
        The item that each find is of, 0 up to `k` - 1 in the order in which they were first seen.
    east_m, north_m : (k,) float64 ndarrays
        Mean position of each item over the photos that saw it, each photo weighted by the inverse of its variance.
    error_m : (k,) float64 ndarray
        Standard error of that mean along any one direction.
    n_photos : (k,) int64 ndarray
        How many photos saw it.
    shifts_m : mapping of str to (east, north)
        How far each photo was shifted to lie on those before it, m.
    """

    item: NDArray[np.int64]
    east_m: _Numbers
    north_m: _Numbers
    error_m: _Numbers
    n_photos: NDArray[np.int64]
    shifts_m: dict[str, tuple[float, float]]

    def __len__(self) -> int:
        return len(self.east_m)


def merge_by_position(
    east_m: ArrayLike,
    north_m: ArrayLike,
    photos: Sequence[str],
    labels: Sequence[str],
    *,
    size_cm: ArrayLike | None = None,
    shared_error_m: ArrayLike = 0.0,
    own_error_m: ArrayLike = 0.1,
    by_label: bool = True,
    size_factor: float = SIZE_FACTOR,
    footprints: Mapping[str, Geometry] | None = None,
) -> SameItems:
    """Put together finds (n,) of different photos that are of one item.

    Parameters
    ----------
    east_m, north_m : (n,) arrays
        On one plane in metres. What has no position (NaN) stays an item of its own.
    photos : sequence of str, length n
        The photo of each; photos are laid on each other in the order of their first find, so give them in the order of the flight.
    labels : sequence of str, length n
    size_cm : (n,) array, optional
        Sizes; NaN is compatible with all.
    shared_error_m : (n,) array or float
        Standard error along one direction that all finds of a photo share, m.
    own_error_m : (n,) array or float
        The part of the error that each find has for itself.
    by_label : bool
        Only finds of one label can be one item.
    size_factor : float
        By which the sizes of one item may differ.
    footprints : mapping of str to Polygon, optional
        What each photo shows, on the same plane in metres: with it a shift is told from the items that are missing, too, which few items need.

    Raises
    ------
    DataError
        The arguments are not of one length, or an error is below 0.
    """
    e, n = np.asarray(east_m, dtype=np.float64), np.asarray(north_m, dtype=np.float64)
    count = len(e)
    if not (len(n) == len(photos) == len(labels) == count):
        raise DataError(f"There are {count} positions, but another number of photos or labels: give one of each.")
    shared, own = (np.broadcast_to(np.asarray(each, dtype=np.float64), count) for each in (shared_error_m, own_error_m))
    if count and (np.nanmin(shared) < 0 or np.nanmin(own) < 0):
        raise DataError("An error of a position is below 0 m: give standard errors.")
    sizes = np.full(count, np.nan) if size_cm is None else np.asarray(size_cm, dtype=np.float64)
    kinds = np.zeros(count, dtype=np.int64)
    if by_label and count:
        kinds = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1].astype(np.int64)
    item = np.full(count, -1, dtype=np.int64)
    # What is known of each item: place (as the photos were laid), kind and size, own error, shared error of the photo that saw it last.
    known: list[list[float]] = []
    shifts: dict[str, tuple[float, float]] = {}
    views = _Views(footprints or {})
    for photo in dict.fromkeys(photos):
        rows = np.flatnonzero((np.asarray(photos, dtype=object) == photo) & np.isfinite(e) & np.isfinite(n))
        if not len(rows):
            continue
        mine = np.column_stack([e[rows], n[rows], kinds[rows], sizes[rows], own[rows], shared[rows]])
        table = np.array(known).reshape(-1, 6)
        shift = _shift(mine, table, size_factor, views, str(photo))
        views.lay(str(photo), shift)
        laid = mine.copy()
        laid[:, :2] += shift
        shifts[str(photo)] = (float(shift[0]), float(shift[1]))
        for k, partner in enumerate(_assigned(laid, table, size_factor)):
            if partner >= 0:
                item[rows[k]] = partner
                # The place that was laid first stays: it holds the frame of the photos before.
                known[partner][5] = float(shared[rows[k]])
            else:
                item[rows[k]] = len(known)
                known.append(laid[k].tolist())
    for row in np.flatnonzero(item < 0):
        item[row] = len(known)
        known.append([np.nan] * 6)
    return _averaged(item, len(known), e, n, np.hypot(shared, own), shifts)


def _compatible(a: NDArray[Any], b: NDArray[Any], factor: float) -> NDArray[np.bool_]:
    """Which finds (n, 6) and items (m, 6) may be one by kind and size: (n, m)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(np.log(a[:, None, 3] / b[None, :, 3]))
    return np.asarray((a[:, None, 2] == b[None, :, 2]) & (np.isnan(ratio) | (ratio <= np.log(factor))))


def _distances(a: NDArray[Any], b: NDArray[Any]) -> tuple[_Numbers, _Numbers]:
    """Half the chi-squared distances (n, m) by the own errors, and how far apart in metres."""
    gap = a[:, None, :2] - b[None, :, :2]
    squared = (gap**2).sum(axis=2)
    variance = np.maximum(a[:, None, 4] ** 2 + b[None, :, 4] ** 2, 1e-12)
    return squared / (2 * variance), gap


class _Views:
    """What the photos show, where they were laid, each without a strip along its rim."""

    def __init__(self, footprints: Mapping[str, Geometry]) -> None:
        self._inner = {photo: footprint.buffer(-_RIM_M) for photo, footprint in footprints.items()}
        self._laid: list[Geometry] = []

    def lay(self, photo: str, shift: _Numbers) -> None:
        if photo in self._inner:
            self._laid.append(_moved(self._inner[photo], shift))

    def of(self, photo: str) -> tuple[Geometry | None, Geometry | None]:
        """The photo before it is laid, and all near it that were laid before; None where its footprint is not known."""
        import shapely

        view = self._inner.get(photo)
        if view is None or view.is_empty:
            return None, None
        near = view.buffer(20.0)
        return view, shapely.union_all([each for each in self._laid if each.intersects(near)])


def _moved(geometry: Geometry, shift: _Numbers) -> Geometry:
    import shapely

    return shapely.transform(geometry, lambda xy: xy + shift)


def _shift(mine: NDArray[Any], known: NDArray[Any], factor: float, views: _Views, photo: str) -> _Numbers:
    """East and north by which a photo is to be shifted, m."""
    spread = max(float(np.hypot(mine[:, 5].max(), known[:, 5].max(initial=0.0))), 1e-6)
    reach = _REACH * spread + 3 * mine[:, 4].max()
    # Of a long survey only the items around the photo.
    low, high = mine[:, :2].min(axis=0) - reach - 20, mine[:, :2].max(axis=0) + reach + 20
    known = known[((known[:, :2] >= low) & (known[:, :2] <= high)).all(axis=1)]
    if not len(known):
        return np.zeros(2)
    fitting = _compatible(mine, known, factor)
    _, gap = _distances(mine, known)
    lengths = np.hypot(gap[..., 0], gap[..., 1])
    pairs = np.argwhere(fitting & (lengths <= reach))
    pairs = pairs[np.argsort(lengths[tuple(pairs.T)], kind="stable")][:_TRIED]
    tried = [np.zeros(2), *(-gap[tuple(pair)] for pair in pairs)]
    view, before = views.of(photo)
    best, best_value = tried[0], -np.inf
    for shift in tried:
        for _ in range(2):
            value, pulled = _likelihood(mine, known, fitting, shift, spread, view, before)
            if value > best_value:
                best, best_value = shift, value
            shift = pulled
    return np.asarray(best)


def _likelihood(
    mine: NDArray[Any],
    known: NDArray[Any],
    fitting: NDArray[np.bool_],
    shift: _Numbers,
    spread: float,
    view: Geometry | None,
    before: Geometry | None,
) -> tuple[float, _Numbers]:
    """How likely a shift is, and the one that the finds which meet an item would have."""
    import shapely

    laid = mine.copy()
    laid[:, :2] += shift
    half, gap = _distances(laid, known)
    half = np.where(fitting, half, np.inf)
    nearest = half.argmin(axis=1)
    rows = np.flatnonzero(half[np.arange(len(mine)), nearest] <= _GATE)
    # Of several finds at one item only the nearest counts.
    order = rows[np.argsort(half[rows, nearest[rows]], kind="stable")]
    _, first = np.unique(nearest[order], return_index=True)
    met = order[first]
    gain = float((_GATE - half[met, nearest[met]]).sum())
    against = float((shift**2).sum()) / (2 * spread**2)
    if view is not None and before is not None:
        rest = np.delete(known[:, :2], nearest[met], axis=0)
        alone = np.delete(laid[:, :2], met, axis=0)
        against += _MISSED * float(
            shapely.contains_xy(view, *(rest - shift).T).sum() + shapely.contains_xy(before, *alone.T).sum()
        )
    pulled = shift - gap[met, nearest[met]].mean(axis=0) if len(met) else shift
    return gain - against, np.asarray(pulled)


def _assigned(laid: NDArray[Any], known: NDArray[Any], factor: float) -> list[int]:
    """The item of each find (n,), -1 for a new one: the assignment with the least sum of distances."""
    from scipy.optimize import linear_sum_assignment

    if not len(known):
        return [-1] * len(laid)
    half, _ = _distances(laid, known)
    cost = np.where(_compatible(laid, known, factor) & (half <= _GATE), half - _GATE, 0.0)
    rows, columns = linear_sum_assignment(cost)
    found = [-1] * len(laid)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if cost[row, column] < 0:
            found[row] = column
    return found


def _averaged(
    item: NDArray[np.int64], k: int, east: _Numbers, north: _Numbers, error: _Numbers, shifts: dict[str, tuple[float, float]]
) -> SameItems:
    """Means of the positions as they were measured: the errors of the photos are independent, that of a laid frame is one photo's."""
    weight = 1 / np.maximum(error, 1e-9) ** 2
    total = np.bincount(item, weights=weight, minlength=k)
    with np.errstate(divide="ignore", invalid="ignore"):
        return SameItems(
            item=item,
            east_m=np.bincount(item, weights=weight * east, minlength=k) / total,
            north_m=np.bincount(item, weights=weight * north, minlength=k) / total,
            error_m=1 / np.sqrt(total),
            n_photos=np.bincount(item, minlength=k).astype(np.int64),
            shifts_m=shifts,
        )
