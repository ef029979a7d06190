"""How well a drift agrees with what was seen: fractions skill score of areas, and separation of tracks.

References
----------
Roberts, N. M. and Lean, H. W. (2008): Scale-selective verification of rainfall accumulations from high-resolution forecasts of convective events.
Monthly Weather Review 136, 78-97. doi:10.1175/2007MWR2123.1
Liu, Y. and Weisberg, R. H. (2011): Evaluation of trajectory modeling in different dynamic regions using normalized cumulative Lagrangian
separation. J. Geophys. Res. Oceans 116, C09013. doi:10.1029/2010JC006837
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import distance_m


def fractions_skill_score(forecast: NDArray[np.generic], observed: NDArray[np.generic], size: int = 1) -> float:
    """``1 - Σ (P_f - P_o)² / (Σ P_f² + Σ P_o²)`` with the fractions P of cells that hold oil in squares of `size` × `size` cells.

    Beyond the border there is none. 1 is perfect, 0 means no agreement at that size.

    Parameters
    ----------
    forecast, observed : (H, W) arrays
        True or 1 where there is oil; a forecast may hold probabilities.
    size : int
        Odd.

    Returns
    -------
    float
        NaN where neither holds oil.

    Raises
    ------
    DataError
        The shapes differ, a size is even, or values lie outside of 0 to 1.
    """
    from scipy.ndimage import uniform_filter

    if forecast.shape != observed.shape or forecast.ndim != 2:
        raise DataError(f"Areas of {forecast.shape} and {observed.shape} cells cannot be compared: put them on one grid.")
    if size < 1 or size % 2 == 0:
        raise DataError(f"Squares cannot have {size} cells along a side: give an odd number.")
    both = [np.asarray(each, dtype=np.float64) for each in (forecast, observed)]
    if any(not np.isfinite(each).all() or each.min(initial=0) < 0 or each.max(initial=0) > 1 for each in both):
        raise DataError("Cells hold oil or none, or a probability from 0 to 1: other values cannot be compared.")
    # Zeros around, so that squares at the border count the cells beyond it as empty.
    first, second = (uniform_filter(np.pad(each, size // 2), size, mode="constant") for each in both)
    whole = float((first**2).sum() + (second**2).sum())
    return 1 - float(((first - second) ** 2).sum()) / whole if whole > 0 else math.nan


def separation_skill(
    lon: ArrayLike, lat: ArrayLike, observed_lon: ArrayLike, observed_lat: ArrayLike, *, tolerance: float = 1.0
) -> tuple[float, float]:
    """Skill of a track against an observed one at the same times.

    With the separations d_i and the lengths l_oi of the observed track up to each time after the first, ``s = Σ d_i / Σ l_oi`` and the skill
    ``1 - s / n`` where s < n, else 0.

    Parameters
    ----------
    lon, lat, observed_lon, observed_lat : (t,) arrays
        Degrees, from the common start on.
    tolerance : float
        n.

    Returns
    -------
    skill, s : float
        NaN where the observed track has no length.

    Raises
    ------
    DataError
        The tracks differ in their times, have fewer than two, or the tolerance is not positive.
    """
    four = [np.asarray(each, dtype=np.float64) for each in (lon, lat, observed_lon, observed_lat)]
    if len({each.shape for each in four}) > 1 or four[0].ndim != 1 or four[0].size < 2:
        raise DataError("Tracks are compared at the same two or more times: interpolate one of them.")
    if not tolerance > 0:
        raise DataError(f"Tracks cannot be compared with a tolerance of {tolerance:g}: give more than 0.")
    apart = distance_m(*four)[1:]
    observed = np.cumsum(distance_m(four[2][:-1], four[3][:-1], four[2][1:], four[3][1:]))
    whole = float(observed.sum())
    if not whole > 0 or not np.isfinite(apart).all():
        return math.nan, math.nan
    s = float(apart.sum()) / whole
    return max(1 - s / tolerance, 0.0), s
