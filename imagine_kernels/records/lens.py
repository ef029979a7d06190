"""How a lens draws: the pinhole with the radial and tangential distortion of Brown.

A direction (x, y) to the right and down, relative to the line of sight (tangents of the angles), is drawn at::

    r² = x² + y²     radial = 1 + d1 r² + d2 r⁴ + d3 r⁶
    x' = x radial + 2 t1 x y + t2 (r² + 2 x²)
    y' = y radial + t1 (r² + 2 y²) + 2 t2 x y
    px: fx x' + cx, fy y' + cy

d1, d2, t1, t2, d3 are k1, k2, p1, p2, k3 of OpenCV and kc of the Caltech toolbox. Where the distorted radius no longer grows with the radius
the picture would fold back on itself: beyond, nothing is drawn.

References
----------
Brown, D. C. (1971): Close-range camera calibration. Photogrammetric Engineering 37, 855-866.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError

Numbers = NDArray[np.float64]
#: A position is taken back to where it was drawn from within this, in tangents of angles.
_CLOSE = 1e-10
_STEPS = 20
#: Positions that are taken back at a time.
_PIECE = 16_384
#: Radii of the table from which the way back begins.
_TABLE = 2048
#: What MATLAB and CIRN call 1 is 0.5 here; what OpenCV calls 0 too.
_MATLAB, _OPENCV = -0.5, 0.5


@dataclass(frozen=True)
class Intrinsics:
    """A lens and the size of its picture.

    Attributes
    ----------
    width, height : int
        Of the picture, px.
    cx, cy : float
        Principal point, px; the centre of the first pixel is (0.5, 0.5).
    fx, fy : float
        Focal lengths, px.
    d1, d2, d3 : float
        Radial distortion.
    t1, t2 : float
        Tangential distortion.

    Raises
    ------
    DataError
        A number is not finite, or the size or a focal length is not positive.
    """

    width: int
    height: int
    cx: float
    cy: float
    fx: float
    fy: float
    d1: float = 0.0
    d2: float = 0.0
    d3: float = 0.0
    t1: float = 0.0
    t2: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.cx, self.cy, self.fx, self.fy, self.d1, self.d2, self.d3, self.t1, self.t2)
        if not all(map(math.isfinite, numbers)) or min(self.width, self.height, self.fx, self.fy) <= 0:
            raise DataError(
                f"A lens needs a size and focal lengths in px above 0 and finite numbers, not {self.width} × {self.height} px,"
                f" f = {self.fx:g}, {self.fy:g}: check the intrinsics."
            )

    @classmethod
    def simple(cls, width: int, height: int, focal_px: float) -> Intrinsics:
        """A lens without distortion whose line of sight is the middle of the picture."""
        return cls(width, height, width / 2, height / 2, focal_px, focal_px)

    @classmethod
    def from_cirn(cls, numbers: Sequence[float] | Numbers) -> Intrinsics:
        """From CIRN's vector: NU NV c0U c0V fx fy d1 d2 d3 t1 t2, in pixels that MATLAB counts from 1."""
        values = [float(each) for each in np.asarray(numbers, dtype=np.float64).ravel()]
        if len(values) != 11 or not all(map(math.isfinite, values)):
            raise DataError(
                f"CIRN's intrinsics are 11 finite numbers (NU NV c0U c0V fx fy d1 d2 d3 t1 t2), not {len(values)}: check the file."
            )
        nu, nv, cu, cv, *rest = values
        return cls(round(nu), round(nv), cu + _MATLAB, cv + _MATLAB, *rest)

    def to_cirn(self) -> Numbers:
        """(11,) as `from_cirn` takes it."""
        size = [self.width, self.height, self.cx - _MATLAB, self.cy - _MATLAB]
        return np.array([*size, self.fx, self.fy, self.d1, self.d2, self.d3, self.t1, self.t2], dtype=np.float64)

    @classmethod
    def from_opencv(cls, matrix: ArrayLike, distortion: ArrayLike, size: tuple[int, int]) -> Intrinsics:
        """From OpenCV's matrix (3, 3), its k1 k2 p1 p2 [k3] and the width and height in px.

        Raises
        ------
        DataError
            The lens has more coefficients than five, or a skew.
        """
        K, given = np.asarray(matrix, dtype=np.float64), np.asarray(distortion, dtype=np.float64).ravel()
        if K.shape != (3, 3) or abs(K[0, 1]) > 1e-9 or np.any(given[5:] != 0):
            raise DataError(
                "Only lenses without skew and with the five coefficients k1 k2 p1 p2 k3 can be used: calibrate it with these."
            )
        k = [*given[:5], *[0.0] * (5 - min(len(given), 5))]
        return cls(size[0], size[1], K[0, 2] + _OPENCV, K[1, 2] + _OPENCV, K[0, 0], K[1, 1], k[0], k[1], k[4], k[2], k[3])

    @cached_property
    def fold(self) -> float:
        """The radius (tangent of the angle) up to which the drawn radius grows; infinite where it always does."""
        # d/dr of r (1 + d1 r² + d2 r⁴ + d3 r⁶), a cubic in r².
        roots = np.roots([7 * self.d3, 5 * self.d2, 3 * self.d1, 1.0])
        real = [float(root.real) for root in roots if abs(root.imag) < 1e-9 * (1 + abs(root)) and root.real > 0]
        return math.sqrt(min(real)) if real else math.inf

    def drawn(self, right: ArrayLike, down: ArrayLike) -> tuple[Numbers, Numbers]:
        """Positions (n,) in px of directions (n,); NaN beyond the fold."""
        x, y = self._distorted(np.asarray(right, dtype=np.float64), np.asarray(down, dtype=np.float64))
        return self.fx * x + self.cx, self.fy * y + self.cy

    def seen(self, x_px: ArrayLike, y_px: ArrayLike) -> tuple[Numbers, Numbers]:
        """Directions (n,) to the right and down, tangents of angles, that are drawn at positions (n,) in px; NaN where none is."""
        shape = np.broadcast_shapes(np.shape(x_px), np.shape(y_px))
        xd = np.broadcast_to((np.asarray(x_px, dtype=np.float64) - self.cx) / self.fx, shape)
        yd = np.broadcast_to((np.asarray(y_px, dtype=np.float64) - self.cy) / self.fy, shape)
        if not any((self.d1, self.d2, self.d3, self.t1, self.t2)):
            return np.array(xd), np.array(yd)
        flat = self._undistorted(xd.ravel(), yd.ravel())
        return flat[0].reshape(shape), flat[1].reshape(shape)

    def stretch(self, right: ArrayLike, down: ArrayLike) -> Numbers:
        """(…, 2, 2): by how many px a position moves to the right and down (rows) with the direction to the right and down (columns)."""
        x, y = np.asarray(right, dtype=np.float64), np.asarray(down, dtype=np.float64)
        return np.asarray(self._jacobian(x, y) * np.array([[self.fx], [self.fy]]))

    def magnification(self, right: ArrayLike, down: ArrayLike) -> Numbers:
        """Square px (…) that the field of directions is drawn at, for each unit of it: the determinant of `stretch`."""
        xx, across, yy = self._slopes(np.asarray(right, dtype=np.float64), np.asarray(down, dtype=np.float64))
        return self.fx * self.fy * (xx * yy - across * across)

    def _radial(self, r2: Numbers) -> Numbers:
        return 1 + r2 * (self.d1 + r2 * (self.d2 + r2 * self.d3))

    def _distorted(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        r2 = x * x + y * y
        radial = np.where(r2 < self.fold**2, self._radial(r2), np.nan)
        return (
            x * radial + 2 * self.t1 * x * y + self.t2 * (r2 + 2 * x * x),
            y * radial + self.t1 * (r2 + 2 * y * y) + 2 * self.t2 * x * y,
        )

    def _jacobian(self, x: Numbers, y: Numbers) -> Numbers:
        xx, across, yy = self._slopes(x, y)
        return np.stack([np.stack([xx, across], axis=-1), np.stack([across, yy], axis=-1)], axis=-2)

    def _slopes(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """How x' grows with x, x' with y (and y' with x), and y' with y."""
        r2 = x * x + y * y
        radial, slope = self._radial(r2), 2 * (self.d1 + r2 * (2 * self.d2 + r2 * 3 * self.d3))
        across = slope * x * y + 2 * self.t1 * x + 2 * self.t2 * y
        xx = radial + slope * x * x + 2 * self.t1 * y + 6 * self.t2 * x
        yy = radial + slope * y * y + 6 * self.t1 * y + 2 * self.t2 * x
        return xx, across, yy

    def _undistorted(self, xd: Numbers, yd: Numbers) -> tuple[Numbers, Numbers]:
        drawn = np.hypot(xd, yd)
        known = np.isfinite(drawn)
        far = float(drawn[known].max(initial=0.0))
        reach = self.fold if math.isfinite(self.fold) else max(far, 1e-6)
        while math.isinf(self.fold) and reach * float(self._radial(np.array(reach**2))) < far:
            reach *= 2
        radii = np.linspace(0.0, reach, _TABLE)
        start = np.interp(drawn, radii * self._radial(radii**2), radii, right=np.nan)
        # Tangential distortion may reach a little beyond what the radial one alone can: begin at the rim and let the steps decide.
        start = np.where(known & np.isnan(start), reach * 0.999, start)
        x, y = np.empty_like(xd), np.empty_like(yd)
        for first in range(0, len(xd), _PIECE):  # pieces that stay in the cache of the processor
            part = slice(first, first + _PIECE)
            x[part], y[part] = self._solved(xd[part], yd[part], start[part], drawn[part])
        return x, y

    def _solved(self, xd: Numbers, yd: Numbers, start: Numbers, drawn: Numbers) -> tuple[Numbers, Numbers]:
        """Newton's steps from a start at which the radius is nearly right."""
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(drawn > 0, start / drawn, 1.0)
            x, y = xd * share, yd * share
            there_x, there_y = self._distorted(x, y)
            for _ in range(_STEPS):
                ex, ey = xd - there_x, yd - there_y
                if not (np.abs(ex) + np.abs(ey) > _CLOSE).any():
                    break
                xx, across, yy = self._slopes(x, y)
                determinant = xx * yy - across * across
                x = x + (yy * ex - across * ey) / determinant
                y = y + (xx * ey - across * ex) / determinant
                there_x, there_y = self._distorted(x, y)
            found = np.hypot(xd - there_x, yd - there_y) < 1e3 * _CLOSE
        return np.where(found, x, np.nan), np.where(found, y, np.nan)
