"""Where a camera may stand from which three known places are seen in three known directions: the start of every other solution.

References
----------
Grunert, J. A. (1841): Das Pothenotische Problem in erweiterter Gestalt. Grunerts Archiv für Mathematik und Physik 1, 238-248.
Haralick, R. M., Lee, C.-N., Ottenberg, K. and Nölle, M. (1994): Review and analysis of solutions of the three point perspective pose
estimation problem. International Journal of Computer Vision 13, 331-356. doi:10.1007/BF02028352
Kabsch, W. (1976): A solution for the best rotation to relate two sets of vectors. Acta Crystallographica A32, 922-923.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints
from imagine_kernels.records.lens import Intrinsics

Numbers = NDArray[np.float64]
#: So many triples of points are tried.
_TRIPLES = 40


def poses_of_three(directions: Numbers, places: Numbers) -> list[Extrinsics]:
    """All poses from which three places are seen in three directions.

    Parameters
    ----------
    directions : (3, 3) float64 ndarray
        A row for each place, to the right, down and forward, of any length.
    places : (3, 3) float64 ndarray
        East, north and up, m.

    Returns
    -------
    list of Extrinsics
        Four at most. Where two solutions nearly coincide, rounding makes them complex; their real part is given, which is near both.
    """
    rays = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    a2, b2, c2 = (float(((places[i] - places[j]) ** 2).sum()) for i, j in ((1, 2), (0, 2), (0, 1)))
    cos_a, cos_b, cos_c = (float(rays[i] @ rays[j]) for i, j in ((1, 2), (0, 2), (0, 1)))
    if min(a2, b2, c2) <= 0:
        return []
    minus, plus = (a2 - c2) / b2, (a2 + c2) / b2
    quartic = [
        (minus - 1) ** 2 - 4 * c2 / b2 * cos_a**2,
        4 * (minus * (1 - minus) * cos_b - (1 - plus) * cos_a * cos_c + 2 * c2 / b2 * cos_a**2 * cos_b),
        2
        * (
            minus**2
            - 1
            + 2 * minus**2 * cos_b**2
            + 2 * (b2 - c2) / b2 * cos_a**2
            - 4 * plus * cos_a * cos_b * cos_c
            + 2 * (b2 - a2) / b2 * cos_c**2
        ),
        4 * (-minus * (1 + minus) * cos_b + 2 * a2 / b2 * cos_c**2 * cos_b - (1 - plus) * cos_a * cos_c),
        (1 + minus) ** 2 - 4 * a2 / b2 * cos_c**2,
    ]
    found = []
    for root in np.roots(quartic):
        v = float(root.real)
        below = 2 * (cos_c - v * cos_a)
        if abs(root.imag) > 0.05 * (1 + abs(v)) or v <= 0 or abs(below) < 1e-12:
            continue
        u = ((minus - 1) * v * v - 2 * minus * cos_b * v + 1 + minus) / below
        square = 1 + v * v - 2 * v * cos_b
        if u <= 0 or square <= 0:
            continue
        first = np.sqrt(b2 / square)
        found.append(_pose(rays * (first * np.array([1.0, u, v]))[:, None], places))
    return found


def _pose(seen: Numbers, places: Numbers) -> Extrinsics:
    """The pose whose view (n, 3) of places (n, 3) is nearest to a given one."""
    middle, centre = seen.mean(axis=0), places.mean(axis=0)
    U, _, Vt = np.linalg.svd((seen - middle).T @ (places - centre))
    R = U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt
    return Extrinsics.from_axes(R, centre - R.T @ middle)


def likely_poses(points: ControlPoints, intrinsics: Intrinsics, *, most: int = 6) -> list[tuple[Extrinsics, float]]:
    """Poses that fit the control points roughly, the best first, each with the distance in px that three quarters of the points keep.

    Each of up to 40 triples, the widest in the picture first, gives up to four poses, which all points judge.

    Raises
    ------
    DataError
        A point lies where the lens draws nothing.
    """
    right, down = intrinsics.seen(points.pixels[:, 0], points.pixels[:, 1])
    if not np.isfinite(right).all():
        lost = ", ".join(points.names[k] for k in np.flatnonzero(~np.isfinite(right)))
        raise DataError(
            f"The lens draws nothing where control points are ({lost}): check their pixels and the distortion of the lens."
        )
    rays = np.column_stack([right, down, np.ones(len(points))])
    centre = points.places.mean(axis=0)  # near zero numbers keep their digits
    triples = sorted(combinations(range(len(points)), 3), key=lambda each: -_area(points.pixels[list(each)]))
    found: list[tuple[float, Extrinsics]] = []
    for triple in triples[:: max(1, len(triples) // _TRIPLES)][:_TRIPLES]:
        rows = list(triple)
        for pose in poses_of_three(rays[rows], points.places[rows] - centre):
            x, y = Camera(intrinsics, pose).pixels(*(points.places - centre).T)
            off = np.hypot(x - points.pixels[:, 0], y - points.pixels[:, 1])
            found.append((most_of(np.where(np.isfinite(off), off, 1e6)), pose.moved(centre)))
    found.sort(key=lambda each: each[0])
    return [(pose, off) for off, pose in found[:most]]


def most_of(distances: Numbers) -> float:
    """What three quarters of distances (n,) keep; of four points the largest, since three always fit."""
    return float(np.quantile(distances, 0.75, method="higher"))


def _area(corners: Numbers) -> float:
    (x0, y0), (x1, y1), (x2, y2) = corners
    return float(abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)))
