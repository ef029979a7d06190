"""Filters for speckle: Lee, refined Lee and Gamma-MAP, on power (not on decibels), in time that goes with the number of px.

Speckle of L looks multiplies the power with gamma noise of mean 1 and squared coefficient of variation ``Cu² = 1/L``. Each filter weighs a
px against the mean of its surroundings by ``Ci² = variance / mean²`` there. What is missing (NaN) stays missing and counts nowhere; at the
border the picture is mirrored.

A part of a scene that is filtered with `HALO` more px on each side, which are then cut off, is the same as that part of the filtered scene.

References
----------
Lee, J.-S. (1980): Digital image enhancement and noise filtering by use of local statistics. IEEE Trans. PAMI 2, 165-168.
Lee, J.-S. (1981): Refined filtering of image noise using local statistics. Computer Graphics and Image Processing 15, 380-389.
Lopes, A., Touzi, R. and Nezry, E. (1990): Adaptive speckle filters and scene heterogeneity. IEEE Trans. GRS 28, 992-1000.
Lopes, A., Nezry, E., Touzi, R. and Laur, H. (1993): Structure detection and statistical adaptive speckle filtering in SAR images.
Int. J. Remote Sensing 14, 1735-1758.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError

Power = NDArray[np.float32]

#: px that a part needs on each side for windows of the usual 7 px.
HALO = 8
_TINY = 1e-12


def lee(power: Power, looks: float, *, size: int = 7) -> Power:
    """The linear estimate of least squared error under multiplicative noise, ``mean + W (power - mean)`` with ``W = 1 - Cu² / Ci²``.

    Parameters
    ----------
    power : (H, W) float32 ndarray
    looks : float
        Equivalent number of looks L.
    size : int
        Side of the window, odd, px.

    Raises
    ------
    SettingError
        There are no looks, or the window is no odd number of 3 or more.
    """
    _check(looks, size)
    mean, variance = _moments(power, size)
    return _blended(power, mean, variance, looks)


def gamma_map(power: Power, looks: float, *, size: int = 7) -> Power:
    """The most likely power where the scene itself varies as a gamma distribution (Lopes et al. 1993).

    Where ``Ci ≤ Cu`` all variation is speckle and the mean is taken; where ``Ci ≥ √2 Cu`` there is an edge or a ship and the px stays; between
    them ``α = (1 + Cu²) / (Ci² - Cu²)``, ``b = α - L - 1``, and the power is ``(b m + √(b² m² + 4 α L m y)) / (2 α)`` for the mean m and the px y.

    Raises
    ------
    SettingError
        See `lee`.
    """
    _check(looks, size)
    mean, variance = _moments(power, size)
    ci2, cu2 = variance / np.maximum(np.square(mean), _TINY), 1.0 / looks
    alpha = (1 + cu2) / np.maximum(ci2 - cu2, _TINY)
    b = alpha - looks - 1
    # Noise removal leaves some px below zero: they cannot be likely under a gamma distribution.
    root = np.sqrt(np.square(b * mean) + 4 * alpha * looks * mean * np.maximum(power, 0))
    between = (b * mean + root) / (2 * alpha)
    found = np.where(ci2 <= cu2, mean, np.where(ci2 >= 2 * cu2, power, between))
    return _missing_as(power, found)


def refined_lee(power: Power, looks: float) -> Power:
    """Lee's filter in the half of a 7 × 7 window that lies on the px's own side of the edge through it (Lee 1981).

    The means of nine overlapping squares of 3 × 3 px tell the direction of the strongest edge, and which of its sides is nearer to the middle.

    Raises
    ------
    SettingError
        There are no looks.
    """
    import cv2

    _check(looks, 7)
    filled, known = _filled(power)
    small = _ratio(_box(filled, 3), _box(known, 3))
    # Means of the squares whose middles are 2 px away, by direction (dx, dy).
    around = {(dx, dy): _shifted(small, dx, dy) for dy in (-2, 0, 2) for dx in (-2, 0, 2)}
    # Each edge is the gradient of three squares against three, and the two sides that it can have.
    gradients = []
    for towards in ((2, 0), (2, -2), (0, -2), (-2, -2)):
        side = [at for at in around if at != (0, 0) and at[0] * towards[0] + at[1] * towards[1] > 0]
        across = [(-x, -y) for x, y in side]
        gradients.append(np.abs(sum(around[at] for at in side) - sum(around[at] for at in across)))
    strongest = np.argmax(np.stack(gradients), axis=0)
    found = np.zeros(power.shape, dtype=np.float32)
    rows, columns = np.mgrid[-3:4, -3:4]
    for number, towards in enumerate(((2, 0), (2, -2), (0, -2), (-2, -2))):
        nearer = np.abs(around[towards] - small) < np.abs(around[(-towards[0], -towards[1])] - small)
        for sign, taken in ((1, nearer), (-1, ~nearer)):
            chosen = (strongest == number) & taken
            if not chosen.any():
                continue
            half = ((columns * towards[0] + rows * towards[1]) * sign >= 0).astype(np.float32)
            first, second, count = (
                np.asarray(cv2.filter2D(each, cv2.CV_32F, half, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)
                for each in (filled, filled * filled, known)
            )
            mean = _ratio(first, count)
            variance: Power = np.maximum(_ratio(second, count) - mean * mean, np.float32(0))
            np.copyto(found, _blended(power, mean, variance, looks), where=chosen)
    return _missing_as(power, found)


FILTERS: dict[str, Callable[[Power, float], Power]] = {"lee": lee, "refined lee": refined_lee, "gamma map": gamma_map}


def filtered(power: Power, name: str, looks: float) -> Power:
    """One of `FILTERS` by its name, or the power itself for ``"none"``.

    Raises
    ------
    SettingError
        There is no filter of that name, or no looks.
    """
    if name == "none":
        return power
    if name not in FILTERS:
        raise SettingError(f"There is no speckle filter {name!r}: choose none, {', '.join(FILTERS)}.")
    return FILTERS[name](power, looks)


def equivalent_looks(power: Power, *, size: int = 15) -> float:
    """Equivalent number of looks, ``mean² / variance`` in the squares that are as smooth as most.

    The value that is met most often among the squares of a scene, on a logarithmic scale: edges, ships and slopes make some of them rough, but
    hardly any is smoother than its speckle. The mean of such ratios is corrected for the size of the square: of N px the expectation of the
    variance that is divided by N is smaller than the variance by (N - 1)/N.

    Returns
    -------
    float
        NaN where fewer than 16 squares are known.

    References
    ----------
    Foucher, S., Boucher, J.-M. and Bénié, G. B. (2000): Maximum likelihood estimation of the number of looks in SAR images. MIKON-2000, 657-660
    (the mode of a local estimate).
    """
    height, width = (side // size * size for side in power.shape)
    squares = power[:height, :width].reshape(height // size, size, width // size, size).swapaxes(1, 2).reshape(-1, size * size)
    squares = squares[np.isfinite(squares).all(axis=1)].astype(np.float64)
    squares = squares[squares.mean(axis=1) > 0] if squares.size else squares
    variance = squares.var(axis=1, ddof=1) if squares.size else np.zeros(0)
    squares, variance = squares[variance > 0], variance[variance > 0]
    if len(squares) < 16:
        return math.nan
    from scipy.stats import gaussian_kde

    logs = np.log(squares.mean(axis=1) ** 2 / variance)
    low, high = np.percentile(logs, [1, 99])
    grid = np.linspace(float(low), float(high), 512)
    density = gaussian_kde(logs)(grid) if np.ptp(logs) > 1e-9 else np.ones(grid.size)
    return float(np.exp(grid[np.argmax(density)]))


def _check(looks: float, size: int) -> None:
    if not looks > 0 or not math.isfinite(looks):
        raise SettingError(f"A speckle filter needs the equivalent number of looks, not {looks:g}: Sentinel-1 IW GRDH has 4.4.")
    if size < 3 or size % 2 == 0:
        raise SettingError(f"The window of a speckle filter cannot have a side of {size} px: give an odd number of 3 or more.")


def _blended(power: Power, mean: Power, variance: Power, looks: float) -> Power:
    weight = np.clip(1 - np.square(mean) / (looks * np.maximum(variance, _TINY)), 0, 1)
    return _missing_as(power, mean + weight * (power - mean))


def _moments(power: Power, size: int) -> tuple[Power, Power]:
    filled, known = _filled(power)
    count = _box(known, size)
    mean = _ratio(_box(filled, size), count)
    return mean, np.maximum(_ratio(_box(filled * filled, size), count) - mean * mean, 0)


def _filled(power: Power) -> tuple[Power, Power]:
    known = np.isfinite(power)
    return np.where(known, power, 0).astype(np.float32), known.astype(np.float32)


def _box(values: Power, size: int) -> Power:
    import cv2

    found = cv2.boxFilter(values, cv2.CV_32F, (size, size), normalize=False, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(found, dtype=np.float32)


def _ratio(total: Power, count: Power) -> Power:
    return np.asarray(np.divide(total, count, out=np.zeros_like(total), where=count > 0.5), dtype=np.float32)


def _shifted(values: Power, dx: int, dy: int) -> Power:
    padded = np.pad(values, 2, mode="reflect") if min(values.shape) > 2 else np.pad(values, 2, mode="edge")
    height, width = values.shape
    return padded[2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]


def _missing_as(power: Power, found: NDArray[np.floating]) -> Power:
    return np.where(np.isfinite(power), found, np.nan).astype(np.float32)
