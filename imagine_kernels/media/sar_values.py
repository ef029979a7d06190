"""What the numbers of a radar picture are, and how they become power: σ⁰ as a ratio, σ⁰ in decibels, or an amplitude that nobody calibrated."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError

Stored = Literal["sigma0", "sigma0 in dB", "amplitude"]
STORED: tuple[Stored, ...] = get_args(Stored)
#: σ⁰ of anything on a sea lies between these, dB.
_LEAST_DB, _MOST_DB = -60.0, 40.0


def stored_as(
    wanted: str, *, dtype: str, unit: str, description: str, tags: dict[str, str], values: NDArray[np.float32]
) -> tuple[Stored, str]:
    """What the numbers are, and how that is known.

    What the user says comes first, then the unit of the band, its name and the tags of the file, then the numbers themselves: whole numbers
    without a word about them are an amplitude, numbers with many below zero are decibels, and small positive ones a ratio.

    Parameters
    ----------
    wanted : str
        One of `STORED`, or ``"auto"``.
    dtype, unit, description : str
        Of the band.
    tags : dict
        Of the file, names in lower case.
    values : float32 ndarray
        Some of them, scaled.

    Returns
    -------
    stored : str
    known_by : {"setting", "file", "numbers"}

    Raises
    ------
    SettingError
        `wanted` is something else.
    """
    if wanted in STORED:
        return wanted, "setting"
    if wanted != "auto":
        raise SettingError(f"A radar picture cannot hold {wanted!r}: choose one of auto, {', '.join(STORED)}.")
    unit, description = unit.strip().lower(), description.strip().lower()
    said = " ".join([description, *(tags.get(name, "") for name in ("units", "unit", "calibration", "long_name"))]).lower()
    if unit in ("db", "decibel", "decibels") or description.endswith(("_db", " db")) or tags.get("units", "").lower() == "db":
        return "sigma0 in dB", "file"
    if "sigma" in said or unit in ("linear", "linear power", "m2/m2", "m2 m-2", "intensity_sigma0"):
        return ("sigma0 in dB" if _below_zero(values) else "sigma0"), "file"
    if "amplitude" in said or unit == "amplitude":
        return "amplitude", "file"
    if np.dtype(dtype).kind in "ui":
        return "amplitude", "numbers"
    finite = values[np.isfinite(values)]
    if _below_zero(values) and finite.size and finite.min() >= 2 * _LEAST_DB and np.median(finite) < _MOST_DB:
        return "sigma0 in dB", "numbers"
    if finite.size and finite.min() >= -1 and np.median(finite) < 3:
        return "sigma0", "numbers"
    return "amplitude", "numbers"


def _below_zero(values: NDArray[np.float32]) -> bool:
    # Ratios with the noise taken away are a little below zero here and there; decibels of a sea are so nearly everywhere.
    finite = values[np.isfinite(values)]
    return bool(finite.size and np.mean(finite < 0) > 0.5 and np.median(finite) < -1)


def power_of(values: NDArray[np.float32], stored: Stored, full: float = 1.0) -> NDArray[np.float32]:
    """Power: σ⁰ as a ratio, or the square of the amplitude in parts of its full range (`full`).

    Exact zeros are missing (NaN): programs fill with them what the swath did not reach.
    """
    values = values.astype(np.float32, copy=True)
    if stored == "sigma0 in dB":
        return np.asarray(np.power(np.float32(10), values / np.float32(10)), dtype=np.float32)
    if stored == "amplitude":
        return np.asarray(np.square(values / np.float32(full)), dtype=np.float32)
    values[values == 0] = np.nan
    return values


def to_db(power: NDArray[np.float32], floor_db: float = -40.0) -> NDArray[np.float32]:
    """Decibels of a power; what is below the floor, such as the negative rests of noise removal, is put on it. NaN stays NaN."""
    floor = np.float32(10 ** (floor_db / 10))
    return np.asarray(10 * np.log10(np.maximum(power, floor)), dtype=np.float32)
