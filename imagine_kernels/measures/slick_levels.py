"""How dark a slick is: levels inside and in a ring around it, the damping ratio, and the contrast against speckle.

The ring begins a gap away from the outline, so that the soft edge of the slick is not in it, and leaves out land, other slicks and
ships. Means are those of the power, not of decibels, without what is more than 10 dB above the median, as ships are and speckle of four looks is
not: one ship at the head of a slick would hide its damping. The scene is read in parts, so that a slick of any size takes little memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from shapely import Geometry

#: Power of the part (x, y, width, height) of a scene, (height, width) float32; NaN outside and where nothing is known.
PowerAt = Callable[[int, int, int, int], NDArray[np.float32]]
#: What must not be counted in the ring: land, other slicks, ships; True where it is.
LeftOutAt = Callable[[int, int, int, int], NDArray[np.bool_]]

_SIDE = 1024
_LOW_DB, _HIGH_DB, _STEP_DB = -60.0, 40.0, 0.1
_BINS = round((_HIGH_DB - _LOW_DB) / _STEP_DB)
_SECTORS = 8
#: A sector of the ring counts for the spread of the sea with so many px.
_FEWEST_PX = 30


@dataclass(frozen=True)
class Levels:
    """Levels of a slick and of the sea around it.

    Attributes
    ----------
    slick_db, sea_db : float
        Mean power, dB.
    damping_db : float
        ``10 lg (mean sea / mean slick)``: positive for what is darker than the sea.
    damping_low_db, damping_high_db : float
        Its 95 % interval: from the differences of the sea in eight directions, and the speckle inside.
    contrast_to_noise : float
        ``(sea - slick) / √(σ²_sea + σ²_slick)`` of the power of px.
    edge_sharpness : float
        How much of the damping is there within the first two px inside of the outline, in parts of the whole (0 to 1): near 1 for a sharp border.
    n_px, n_ring_px : int
    above_noise_db : float
        How far the slick lies above the noise floor; NaN where that is not known. Near 0 the damping is that of the radar, not of the oil.
    """

    slick_db: float
    sea_db: float
    damping_db: float
    damping_low_db: float
    damping_high_db: float
    contrast_to_noise: float
    edge_sharpness: float
    n_px: int
    n_ring_px: int
    above_noise_db: float = math.nan


def measure_levels(
    outline: Geometry,
    power: PowerAt,
    *,
    left_out: LeftOutAt | None = None,
    noise: PowerAt | None = None,
    gap_px: float = 5.0,
    ring_px: float = 40.0,
    bright_db: float = 10.0,
) -> Levels:
    """Levels of one slick.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
        In px.
    power : callable
        See `PowerAt`.
    left_out : callable, optional
        See `LeftOutAt`; the slick itself may be in it.
    noise : callable, optional
        Power of the noise floor, as `power`.
    gap_px, ring_px : float
        Distance of the ring from the outline, and its width.
    bright_db : float
        What is so much above the median of the ring is no sea, and above that of the slick (and of the ring) no slick.

    Raises
    ------
    DataError
        The outline is empty, or the ring has no width.
    """
    if outline.is_empty:
        raise DataError("A slick without px has no level: leave it out.")
    if not (gap_px >= 0 and ring_px >= 1):
        raise DataError(
            f"A ring of {ring_px:g} px at {gap_px:g} px cannot lie around a slick: give 1 px or more, and a gap of 0 or more."
        )
    reach = math.ceil(gap_px + ring_px)
    inside, ring, core, rim = _Sums(1), _Sums(_SECTORS), _Sums(1), _Sums(1)
    floor = [0.0, 0]
    centre = outline.centroid
    for x, y, width, height in _squares(outline.bounds, reach):
        mask = _drawn(outline, x, y, width, height, reach)
        within = np.s_[reach:-reach, reach:-reach]
        outward, inward = _distances(mask)
        outward, inward, mask = outward[within], inward[within], mask[within]
        if not (mask.any() or (outward <= gap_px + ring_px).any()):
            continue
        values = power(x, y, width, height)
        known = np.isfinite(values)
        slick = mask & known
        inside.add(values[slick])
        rim.add(values[slick & (inward <= 2)])
        core.add(values[slick & (inward > gap_px)])
        if noise is not None and slick.any():
            levels = noise(x, y, width, height)[slick]
            floor[0] += float(np.nansum(levels, dtype=np.float64))
            floor[1] += int(np.isfinite(levels).sum())
        around = known & (outward > gap_px) & (outward <= gap_px + ring_px)
        if left_out is not None and around.any():
            around &= ~left_out(x, y, width, height)
        rows, columns = np.nonzero(around)
        angle = np.arctan2(rows + 0.5 + y - centre.y, columns + 0.5 + x - centre.x)
        ring.add(values[around], ((angle / (2 * math.pi)) % 1 * _SECTORS).astype(np.intp) % _SECTORS)
    sea = ring.without_bright(bright_db).median_bin()
    inside, core, rim = (each.without_bright(bright_db, least=sea) for each in (inside, core, rim))
    return _levels(inside, ring, core, rim, floor[0] / floor[1] if floor[1] else math.nan)


class _Sums:
    """Numbers of px, sums and sums of squares, by sector and level."""

    def __init__(self, sectors: int) -> None:
        self.n, self.sum, self.square = (np.zeros((sectors, _BINS)) for _ in range(3))

    def add(self, values: NDArray[np.float32], sector: NDArray[np.intp] | None = None) -> None:
        power = values.astype(np.float64)
        level = 10 * np.log10(np.maximum(power, 10 ** (_LOW_DB / 10)))
        at = np.clip(((level - _LOW_DB) / _STEP_DB).astype(np.intp), 0, _BINS - 1) + (0 if sector is None else sector * _BINS)
        for table, weights in ((self.n, None), (self.sum, power), (self.square, power**2)):
            table += np.bincount(at, weights, minlength=table.size).reshape(table.shape)

    def median_bin(self) -> int:
        """Number of the level that half of the px do not exceed; 0 without px."""
        count = self.n.sum(axis=0)
        return int(np.searchsorted(np.cumsum(count), count.sum() / 2)) if count.sum() else 0

    def without_bright(self, bright_db: float, least: int = 0) -> _Sums:
        """The same without the px that are so much above the median, and brighter than the level of number `least`."""
        first = max(self.median_bin() + round(bright_db / _STEP_DB), least) + 1
        for table in (self.n, self.sum, self.square):
            table[:, min(first, _BINS) :] = 0
        return self

    @property
    def count(self) -> int:
        return int(self.n.sum())

    @property
    def mean(self) -> float:
        return float(self.sum.sum() / self.n.sum()) if self.n.sum() else math.nan

    @property
    def variance(self) -> float:
        return max(float(self.square.sum() / self.n.sum()) - self.mean**2, 0.0) if self.n.sum() else math.nan

    def sector_means(self) -> NDArray[np.float64]:
        enough = self.n.sum(axis=1) >= _FEWEST_PX
        return np.asarray(self.sum[enough].sum(axis=1) / self.n[enough].sum(axis=1))


def _levels(inside: _Sums, ring: _Sums, core: _Sums, rim: _Sums, floor: float) -> Levels:
    slick, sea = inside.mean, ring.mean
    sea_db, slick_db = _db(sea), _db(slick)
    damping = sea_db - slick_db
    sectors = ring.sector_means()
    spread = float(np.std(sectors, ddof=1) / sea) if sectors.size > 1 and sea > 0 else math.nan
    # One px in about two is independent each way: the products are sampled at half their resolution.
    own = math.sqrt(4 * inside.variance / max(inside.count, 1)) / slick if slick > 0 else math.nan
    error = 10 / math.log(10) * math.hypot(spread / math.sqrt(max(sectors.size, 1)), own)
    both = ring.variance + inside.variance
    whole = sea - (core.mean if core.count else slick)
    edge = min(max((sea - rim.mean) / whole, 0.0), 1.0) if rim.count and whole > 0 else math.nan
    return Levels(
        slick_db=slick_db,
        sea_db=sea_db,
        damping_db=damping,
        damping_low_db=damping - 1.959963984540054 * error,
        damping_high_db=damping + 1.959963984540054 * error,
        contrast_to_noise=(sea - slick) / math.sqrt(both) if both > 0 else math.nan,
        edge_sharpness=edge,
        n_px=inside.count,
        n_ring_px=ring.count,
        above_noise_db=slick_db - _db(floor),
    )


def _squares(bounds: tuple[float, float, float, float], reach: int) -> Iterator[tuple[int, int, int, int]]:
    left, top, right, bottom = (round(each) for each in bounds)
    left, top, right, bottom = left - reach, top - reach, right + reach, bottom + reach
    for y in range(top, bottom, _SIDE):
        for x in range(left, right, _SIDE):
            yield x, y, min(_SIDE, right - x), min(_SIDE, bottom - y)


def _drawn(outline: Geometry, x: int, y: int, width: int, height: int, reach: int) -> NDArray[np.bool_]:
    """The slick in a part of the picture and `reach` px around it."""
    import shapely
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    shape = (height + 2 * reach, width + 2 * reach)
    frame = shapely.box(x - reach, y - reach, x + width + reach, y + height + reach)
    near = outline if frame.contains(outline) else shapely.intersection(outline, frame)
    parts = [part for part in shapely.get_parts(near) if part.geom_type.endswith("Polygon")]
    if not parts:
        return np.zeros(shape, dtype=bool)
    drawn = rasterize(
        [(each, 1) for each in parts], out_shape=shape, transform=Affine.translation(x - reach, y - reach), dtype="uint8"
    )
    return np.asarray(drawn > 0)


def _distances(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance of each px to the nearest one of the slick, and to the nearest one outside of it, px."""
    import cv2

    def to(zero: NDArray[np.bool_]) -> NDArray[np.float32]:
        if not zero.any():
            return np.full(mask.shape, np.inf, dtype=np.float32)
        found = cv2.distanceTransform((~zero).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(found, dtype=np.float32)

    return to(mask), to(~mask)


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else (math.nan if math.isnan(power) else -math.inf)
