"""The fall of σ⁰ of the sea from near to far range, taken away, so that dark means the same everywhere in the scene."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError
from imagine_kernels.media.sar import Scene
from imagine_kernels.media.sar_values import to_db
from imagine_kernels.media.tiles import Box

Power = NDArray[np.float32]

#: Angle to which scenes are normalised, degrees: about the middle of Sentinel-1's IW and EW swaths.
REFERENCE_DEG = 35.0
_CLASSES, _FEWEST = 24, 30


def cosine_normalised(power: Power, incidence_deg: Power, *, reference_deg: float = REFERENCE_DEG) -> Power:
    """``σ⁰ cos² θ_ref / cos² θ``: scattering after Lambert's law, which suits rough surfaces.

    The sea at C band falls faster than that; `slope_normalised` takes the fall from the scene itself.

    References
    ----------
    Ulaby, F. T., Moore, R. K. and Fung, A. K. (1982): Microwave remote sensing, vol. II. Addison-Wesley.
    """
    _check(reference_deg)
    factor = (math.cos(math.radians(reference_deg)) / np.cos(np.radians(incidence_deg))) ** 2
    return np.asarray(power * factor, dtype=np.float32)


def slope_normalised(
    power: Power, incidence_deg: Power, slope_db_per_deg: float, *, reference_deg: float = REFERENCE_DEG
) -> Power:
    """σ⁰ divided by its fall, ``σ⁰[dB] - slope (θ - θ_ref)``, still as a ratio."""
    _check(reference_deg)
    exponent = -np.float32(slope_db_per_deg / 10) * (incidence_deg - np.float32(reference_deg))
    return np.asarray(power * np.power(np.float32(10), exponent), dtype=np.float32)


def slope_db_per_deg(power: Power, incidence_deg: Power, sea: NDArray[np.bool_] | None = None) -> float:
    """How fast σ⁰ falls with the angle of incidence: a robust line through the medians of classes of angle (Theil and Sen).

    Slicks and ships are a small part of each class and do not move its median much.

    Parameters
    ----------
    power, incidence_deg : arrays of one shape
    sea : bool array, optional
        What is counted.

    Returns
    -------
    float
        dB per degree, negative where it falls; 0 where fewer than three classes of angle are known.
    """
    from scipy.stats import theilslopes

    level = to_db(power, -60.0)
    known = np.isfinite(level) & np.isfinite(incidence_deg) & (True if sea is None else sea)
    level, angle = level[known].astype(np.float64), incidence_deg[known].astype(np.float64)
    if angle.size < _FEWEST or np.ptp(angle) <= 0:
        return 0.0
    numbers = np.minimum(((angle - angle.min()) / np.ptp(angle) * _CLASSES).astype(int), _CLASSES - 1)
    medians = [(np.median(angle[of]), np.median(level[of])) for k in range(_CLASSES) if (of := numbers == k).sum() >= _FEWEST]
    if len(medians) < 3:
        return 0.0
    x, y = np.asarray(medians).T
    return float(theilslopes(y, x)[0])


def scene_slope_db_per_deg(scene: Scene, most: int = 512) -> float:
    """The same for a whole scene, from a small copy of it; 0 where the angle of incidence is not known."""
    overview, step = scene.overview(most)
    angles = [_line(scene, min(int((row + 0.5) * step), scene.height - 1)) for row in range(overview.shape[0])]
    if any(each is None for each in angles):
        return 0.0
    columns = np.minimum(((np.arange(overview.shape[1]) + 0.5) * step).astype(int), scene.width - 1)
    return slope_db_per_deg(overview, np.stack([each[columns] for each in angles if each is not None]))


def _line(scene: Scene, row: int) -> Power | None:
    found = scene.incidence_deg(Box(0, row, scene.width, 1))
    return None if found is None else found[0]


def _check(reference_deg: float) -> None:
    if not 0 <= reference_deg < 90:
        raise SettingError(f"σ⁰ cannot be normalised to an incidence of {reference_deg:g}°: give 0 to less than 90.")
