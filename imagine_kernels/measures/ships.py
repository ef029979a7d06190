"""Ships in a radar scene: points that are brighter than the speckle of the sea around them can be.

A px is taken where its power exceeds the mean of the sea around it by so much that gamma speckle of the known looks does so with a probability of
one false alarm per `px_per_false_alarm` px (a cell-averaging detector of constant false alarm rate). The mean is that of a frame around a
guard area that ships do not reach beyond. Px that touch are one ship, and what is fainter by 10 dB in its row or column its sidelobes.

References
----------
Crisp, D. J. (2004): The state-of-the-art in ship detection in synthetic aperture radar imagery. DSTO-RR-0272.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError
from imagine_kernels.measures.slick_levels import LeftOutAt, PowerAt
from imagine_kernels.records import Georeference

if TYPE_CHECKING:
    import pandas as pd

_SIDE = 1024
_GUARD_PX, _FRAME_PX = 12, 24
#: Of an aperture without weighting the first sidelobes are 13 dB below the peak; they lie along rows and columns.
_SIDELOBE_DB, _SIDELOBE_PX, _ACROSS_PX = 10.0, 16.0, 2.0
#: The sea around is known where so many px of the frame are.
_LEAST_SHARE = 0.2


def find_ships(
    power: PowerAt,
    width: int,
    height: int,
    *,
    looks: float,
    left_out: LeftOutAt | None = None,
    georeference: Georeference | None = None,
    px_per_false_alarm: float = 1e10,
    least_db: float = 6.0,
) -> pd.DataFrame:
    """Ships of a scene, the brightest first; the scene is read in parts.

    Parameters
    ----------
    power : callable
        See `PowerAt`.
    width, height : int
        Of the scene, px.
    looks : float
        Equivalent number of looks; near the noise floor take those that the scene shows (`equivalent_looks`), which are fewer.
    left_out : callable, optional
        Land, True where it is; nothing is looked for there.
    georeference : Georeference, optional
        For longitude and latitude.
    px_per_false_alarm : float
        In pure speckle one px in so many is taken for a ship.
    least_db : float
        What is less above the sea than this is none, whatever the looks.

    Returns
    -------
    DataFrame
        ``x_px``, ``y_px`` (centre of the power), ``lon_deg``, ``lat_deg`` (NaN without a georeference), ``peak_db``, ``above_sea_db``, ``n_px``.

    Raises
    ------
    SettingError
        The looks or the rate of false alarms cannot be.
    """
    import pandas as pd
    from scipy.stats import gamma

    if not (looks > 0 and math.isfinite(looks)) or not px_per_false_alarm > 1:
        raise SettingError(
            f"Ships cannot be looked for with {looks:g} looks and one false alarm in {px_per_false_alarm:g} px: give more than 0 and 1."
        )
    factor = max(float(gamma.isf(1 / px_per_false_alarm, looks) / looks), 10 ** (least_db / 10))
    # What hardly any speckle exceeds: leaving it out must not lower the mean of the sea.
    calm = float(gamma.isf(1e-4, looks) / looks)
    margin = _GUARD_PX + _FRAME_PX
    rows: list[tuple[float, ...]] = []
    for y in range(0, height, _SIDE):
        for x in range(0, width, _SIDE):
            wide, high = min(_SIDE, width - x), min(_SIDE, height - y)
            box = (x - margin, y - margin, wide + 2 * margin, high + 2 * margin)
            values = power(*box)
            if left_out is not None:
                values = np.where(left_out(*box), np.nan, values)
            rows += [
                (cx + box[0], cy + box[1], *rest)
                for cx, cy, *rest in _bright(values, factor, calm)
                # A ship at the seam of two parts belongs to that in which its centre lies.
                if x <= cx + box[0] < x + wide and y <= cy + box[1] < y + high
            ]
    rows = _without_sidelobes(rows)
    table = pd.DataFrame(rows, columns=["x_px", "y_px", "peak_db", "above_sea_db", "n_px"]).astype({"n_px": int})
    lon, lat = (np.full(len(table), np.nan),) * 2 if georeference is None else georeference.lonlat(table["x_px"], table["y_px"])
    table.insert(2, "lon_deg", lon)
    table.insert(3, "lat_deg", lat)
    return table.sort_values("peak_db", ascending=False, kind="stable", ignore_index=True)


def _bright(values: NDArray[np.float32], factor: float, calm: float) -> list[tuple[float, ...]]:
    import cv2

    known = np.isfinite(values)
    filled = np.where(known, values, 0).astype(np.float32)
    sea = _frame_mean(filled, known.astype(np.float32))
    # Once more without what is bright already: ships near each other would hide each other.
    quiet = known & (filled <= calm * np.nan_to_num(sea, nan=np.inf))
    sea = _frame_mean(np.where(quiet, filled, 0), quiet.astype(np.float32))
    bright = known & (filled > factor * sea)
    n, numbers, stats, _ = cv2.connectedComponentsWithStats(bright.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    found: list[tuple[float, ...]] = []
    for number in range(1, n):
        left, top, wide, high, count = (int(each) for each in stats[number])
        part = np.s_[top : top + high, left : left + wide]
        weight = np.where(numbers[part] == number, filled[part], 0).astype(np.float64)
        rows, columns = np.mgrid[top : top + high, left : left + wide]
        peak = float(weight.max())
        around = float(sea[part].ravel()[int(np.argmax(weight))])
        place = float(np.average(columns, weights=weight)) + 0.5, float(np.average(rows, weights=weight)) + 0.5
        found.append((*place, 10 * math.log10(peak), 10 * math.log10(peak / around) if around > 0 else math.inf, count))
    return found


def _without_sidelobes(rows: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The same without what lies in the row or the column of a ship that is brighter by 10 dB, within 16 px."""
    ordered = sorted(rows, key=lambda row: -row[2])
    kept: list[tuple[float, ...]] = []
    for row in ordered:
        x, y, peak = row[:3]
        near = (sorted((abs(x - other[0]), abs(y - other[1]))) for other in kept if peak <= other[2] - _SIDELOBE_DB)
        if not any(across <= _ACROSS_PX and along <= _SIDELOBE_PX for across, along in near):
            kept.append(row)
    return kept


def _frame_mean(filled: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the frame around each px, NaN where too little of it is known."""
    import cv2

    def total(values: NDArray[np.float32]) -> NDArray[np.float32]:
        sums = [
            cv2.boxFilter(values, cv2.CV_32F, (2 * reach + 1,) * 2, normalize=False, borderType=cv2.BORDER_CONSTANT)
            for reach in (_GUARD_PX + _FRAME_PX, _GUARD_PX)
        ]
        return np.asarray(sums[0] - sums[1], dtype=np.float32)

    count = total(known)
    whole = (2 * (_GUARD_PX + _FRAME_PX) + 1) ** 2 - (2 * _GUARD_PX + 1) ** 2
    mean = np.divide(total(filled), count, out=np.full_like(filled, np.nan), where=count > _LEAST_SHARE * whole)
    return np.asarray(np.maximum(mean, np.float32(1e-12)), dtype=np.float32)
