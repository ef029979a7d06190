"""Size, volume and carbon of phytoplankton cells as imaging flow cytometers give them.

With ``A`` the area of the particle in px², ``F`` a Feret diameter in px, ``c`` the calibration in µm per px and ``f`` the width of the
fringe that diffraction adds to a particle, in px:

=============  =====================================================================================================
quantity       definition
=============  =====================================================================================================
diameter       of ``d`` px: ``max(d - f, d / 2) · c`` µm
ABD            diameter of a disk of the area of the particle, ``d = 2 √(A / π)``
ESD            mean of the Feret diameters at 36 angles, every 5°
length, width  largest and smallest of these Feret diameters
=============  =====================================================================================================

These are what VisualSpreadsheet 4.19 computes: they give its columns back for all 2 000 particles of two real runs, to its four decimals.
In its list ``abd_area`` is µm² already. A Feret diameter is the distance of the outermost pixel centres plus 1 px; it agrees with the
instrument's to 0.05 px on average.

Volumes (Hillebrand et al. 1999, doi 10.1046/j.1529-8817.1999.3520403.x): sphere ``π/6 d³``, prolate spheroid ``π/6 l w²``, cylinder ``π/4 l
w²``.

Carbon in pg per cell from the volume in µm³ (Menden-Deuer and Lessard 2000, Limnol. Oceanogr. 45, 569-579, doi 10.4319/lo.2000.45.3.0569)::

    diatom                    log10 C = -0.541 + 0.811 log10 V     up to 3000 µm³
                              log10 C = -0.933 + 0.881 log10 V     above
    dinoflagellate            C = 0.760 V^0.819
    protist (all others)      log10 C = -0.665 + 0.939 log10 V
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError

#: Angles of the Feret diameters, degrees.
FERET_ANGLES = np.arange(0, 180, 5)
SHAPES = ("sphere", "prolate spheroid", "cylinder")
GROUPS = ("diatom", "dinoflagellate", "protist")
#: Volume in µm³ above which the relationship of large diatoms holds.
LARGE_DIATOM_UM3 = 3000.0

_LOG = {"diatom": (-0.541, 0.811), "dinoflagellate": (float(np.log10(0.760)), 0.819), "protist": (-0.665, 0.939)}
_LARGE_DIATOM = (-0.933, 0.881)


def calibrated(
    diameter_px: NDArray[Any] | float, *, um_per_px: NDArray[Any] | float, fringe_px: float = 0.0
) -> NDArray[np.float64]:
    """A diameter of (...) px in µm, less the fringe, of which at most a half is taken for one."""
    d = np.asarray(diameter_px, dtype=np.float64)
    return np.asarray(np.maximum(d - fringe_px, d / 2) * um_per_px)


def abd_um(area_px: NDArray[Any] | float, *, um_per_px: NDArray[Any] | float, fringe_px: float = 0.0) -> NDArray[np.float64]:
    """Area-based diameter in µm of areas (...) in px²."""
    diameter = 2 * np.sqrt(np.asarray(area_px, dtype=np.float64) / np.pi)
    return calibrated(diameter, um_per_px=um_per_px, fringe_px=fringe_px)


def feret_diameters(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(36,) Feret diameters of a particle in px, every 5°; all NaN where the mask (H, W) is empty."""
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return np.full(len(FERET_ANGLES), np.nan)
    radians = np.deg2rad(FERET_ANGLES)
    along = np.stack([xs, ys], axis=1) @ np.stack([np.cos(radians), np.sin(radians)])
    return np.asarray(along.max(axis=0) - along.min(axis=0) + 1)


def volume_um3(shape: NDArray[Any], *, abd: NDArray[Any], length: NDArray[Any], width: NDArray[Any]) -> NDArray[np.float64]:
    """Volume of n particles in µm³, each after the body that stands for its taxon.

    Parameters
    ----------
    shape : (n,) ndarray of str
        One of `SHAPES` each; empty where the particle has no volume of its own, as a bubble.
    abd, length, width : (n,) ndarrays
        µm.

    Returns
    -------
    (n,) float64 ndarray
        NaN where the shape is empty or a size is not known.

    Raises
    ------
    LabelError
        A shape is unknown.
    """
    names = np.asarray(shape, dtype=object)
    d, long, wide = (np.asarray(values, dtype=np.float64) for values in (abd, length, width))
    unknown = sorted(set(names.tolist()) - {*SHAPES, ""})
    if unknown:
        raise LabelError(f"Unknown shape {unknown[0]!r} in the table of taxa: use {', '.join(SHAPES)}, or nothing.")
    bodies = {
        "sphere": np.pi / 6 * d**3,
        "prolate spheroid": np.pi / 6 * long * wide**2,
        "cylinder": np.pi / 4 * long * wide**2,
    }
    result = np.full(len(names), np.nan)
    for name, values in bodies.items():
        result = np.where(names == name, values, result)
    return result


def carbon_pg(volume: NDArray[Any], group: NDArray[Any]) -> NDArray[np.float64]:
    """Carbon of n cells in pg.

    Parameters
    ----------
    volume : (n,) ndarray
        µm³.
    group : (n,) ndarray of str
        One of `GROUPS` each; empty for what the relationships do not hold for, as animals and detritus.

    Returns
    -------
    (n,) float64 ndarray
        NaN where the group is empty or the volume is not known.

    Raises
    ------
    LabelError
        A group is unknown.
    """
    names, v = np.asarray(group, dtype=object), np.asarray(volume, dtype=np.float64)
    unknown = sorted(set(names.tolist()) - {*GROUPS, ""})
    if unknown:
        raise LabelError(f"Unknown group {unknown[0]!r} in the table of taxa: use {', '.join(GROUPS)}, or nothing.")
    with np.errstate(divide="ignore", invalid="ignore"):
        log_v = np.log10(np.where(v > 0, v, np.nan))
        result = np.full(len(names), np.nan)
        for name, (a, b) in _LOG.items():
            result = np.where(names == name, 10 ** (a + b * log_v), result)
        large = (names == "diatom") & (v > LARGE_DIATOM_UM3)
        return np.where(large, 10 ** (_LARGE_DIATOM[0] + _LARGE_DIATOM[1] * log_v), result)
