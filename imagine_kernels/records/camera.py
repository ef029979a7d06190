"""A camera: how its lens draws (intrinsics), where it stands and looks (extrinsics), and so which pixel shows which place.

Positions in the picture are those of `imagine_kernels.records.shapes`: the origin at the top left corner, the centre of the first pixel at
(0.5, 0.5). MATLAB (so CIRN and Argus files) counts that centre as (1, 1), OpenCV as (0, 0); `Intrinsics.from_cirn` and
`Intrinsics.from_opencv` convert. Places are metres east, north and up in a plane coordinate system.

With the azimuth a (clockwise from north), the tilt t (0 straight down, 90° at the horizon) and the swing s (roll about the line of sight) the
camera at C sees the place X in the direction of ``R (X − C)``, whose rows are to the right, up and forward in the picture (Wolf 1983)::

    R = [ cos a cos s + sin a cos t sin s,  −sin a cos s + cos a cos t sin s,  sin t sin s ]
        [−cos a sin s + sin a cos t cos s,   sin a sin s + cos a cos t cos s,  sin t cos s ]
        [ sin a sin t,                       cos a sin t,                     −cos t       ]

The determinant of R is −1, as rows of pictures run down. `Extrinsics.axes` holds right, down and forward, a rotation, as in OpenCV.

References
----------
Wolf, P. R. (1983): Elements of photogrammetry. McGraw-Hill, 2nd edition, page 612.
Holland, K. T., Holman, R. A., Lippmann, T. C., Stanley, J. and Plant, N. (1997): Practical use of video imagery in nearshore oceanographic
field studies. IEEE Journal of Oceanic Engineering 22, 81-92. doi:10.1109/48.557542
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records.lens import Intrinsics

Numbers = NDArray[np.float64]
#: Below this sine of the tilt a camera looks straight down, and azimuth and swing are one turn.
_NADIR = 1e-9


@dataclass(frozen=True, slots=True)
class Extrinsics:
    """Where a camera stands and looks.

    Attributes
    ----------
    x_m, y_m, z_m : float
        East, north and up, m.
    azimuth_rad, tilt_rad, swing_rad : float
        See the module.

    Raises
    ------
    DataError
        A number is not finite.
    """

    x_m: float
    y_m: float
    z_m: float
    azimuth_rad: float
    tilt_rad: float
    swing_rad: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.numbers)):
            raise DataError(f"A camera needs a place (m) and three angles (radians), not {self.numbers}: check its file.")

    @property
    def numbers(self) -> tuple[float, float, float, float, float, float]:
        """In the order of CIRN: x, y, z, azimuth, tilt, swing."""
        return (self.x_m, self.y_m, self.z_m, self.azimuth_rad, self.tilt_rad, self.swing_rad)

    @property
    def place(self) -> Numbers:
        """(3,) x, y and z, m."""
        return np.array(self.numbers[:3])

    @property
    def axes(self) -> Numbers:
        """(3, 3): rows to the right, down and forward in the picture, each a direction east, north and up; a rotation."""
        a, t, s = self.numbers[3:]
        ca, sa, ct, st, cs, ss = math.cos(a), math.sin(a), math.cos(t), math.sin(t), math.cos(s), math.sin(s)
        right = (ca * cs + sa * ct * ss, -sa * cs + ca * ct * ss, st * ss)
        up = (-ca * ss + sa * ct * cs, sa * ss + ca * ct * cs, st * cs)
        return np.array([right, [-each for each in up], (sa * st, ca * st, -ct)])

    @classmethod
    def from_axes(cls, axes: ArrayLike, place: ArrayLike) -> Extrinsics:
        """The pose with these `axes` (3, 3) at a place (3,).

        Raises
        ------
        DataError
            The axes are no rotation.
        """
        R, C = np.asarray(axes, dtype=np.float64), np.asarray(place, dtype=np.float64)
        if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-6) or np.linalg.det(R) < 0:
            raise DataError("The axes of a camera must be a rotation: right, down and forward as unit vectors.")
        forward = R[2]
        tilt = math.atan2(math.hypot(forward[0], forward[1]), -forward[2])
        if math.sin(tilt) > _NADIR:
            azimuth, swing = math.atan2(forward[0], forward[1]), math.atan2(R[0, 2], -R[1, 2])
        else:
            azimuth, swing = math.atan2(-R[0, 1], R[0, 0]), 0.0
        return cls(float(C[0]), float(C[1]), float(C[2]), azimuth, tilt, swing)

    @classmethod
    def from_yaw_pitch_roll(
        cls, x_m: float, y_m: float, z_m: float, *, yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0
    ) -> Extrinsics:
        """The pose of a gimbal, as drones write it: yaw clockwise from north, pitch −90 straight down, roll positive with the right side down."""
        return cls(x_m, y_m, z_m, math.radians(yaw_deg), math.radians(90.0 + pitch_deg), -math.radians(roll_deg))

    def turned(self, turn_rad: ArrayLike) -> Extrinsics:
        """After a turn by a rotation vector (3,) about the axes right, down and forward, which moves what is seen by it, rad."""
        return Extrinsics.from_axes(rotation(turn_rad) @ self.axes, self.place)

    def moved(self, metres: ArrayLike) -> Extrinsics:
        """The same view from a place that is (3,) m east, north and up of this one."""
        step = np.asarray(metres, dtype=np.float64)
        return replace(self, x_m=self.x_m + float(step[0]), y_m=self.y_m + float(step[1]), z_m=self.z_m + float(step[2]))


@dataclass(frozen=True)
class Camera:
    """A camera with its place.

    Attributes
    ----------
    intrinsics : Intrinsics
    extrinsics : Extrinsics
    name : str
    crs : str
        Coordinate system of the place, as ``"EPSG:32631"`` or a PROJ string; empty for local metres.
    covariance : (6, 6) ndarray or None
        Of the place (m) and of a turn about right, down and forward (rad); None where it is not known.
    degrees_of_freedom : int or None
        Behind the covariance; None where it does not come from residuals.
    rmse_px : float
        Root mean square of what is left at control points, along one direction, px; NaN where it is not known.
    """

    intrinsics: Intrinsics
    extrinsics: Extrinsics
    name: str = ""
    crs: str = ""
    covariance: Numbers | None = field(default=None, compare=False)
    degrees_of_freedom: int | None = None
    rmse_px: float = field(default=math.nan, compare=False)

    def pixels(self, x_m: ArrayLike, y_m: ArrayLike, z_m: ArrayLike) -> tuple[Numbers, Numbers]:
        """Positions (n,) in px of places (n,) in m; NaN behind the camera and beyond the fold of the lens, and some outside of the picture."""
        X, Y, Z = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (x_m, y_m, z_m)))
        R, C = self.extrinsics.axes, self.extrinsics.place
        offset = (X - C[0], Y - C[1], Z - C[2])
        right, down, ahead = (row[0] * offset[0] + row[1] * offset[1] + row[2] * offset[2] for row in R)
        ahead = np.where(ahead > 0, ahead, np.nan)
        return self.intrinsics.drawn(right / ahead, down / ahead)

    def rays(self, x_px: ArrayLike, y_px: ArrayLike) -> Numbers:
        """(…, 3) directions east, north and up of positions (…) in px, of length 1 along the line of sight; NaN beyond the fold."""
        right, down = self.intrinsics.seen(x_px, y_px)
        return np.asarray(np.stack([right, down, np.ones_like(right)], axis=-1) @ self.extrinsics.axes)

    def on_plane(self, x_px: ArrayLike, y_px: ArrayLike, z_m: ArrayLike) -> tuple[Numbers, Numbers]:
        """East and north (n,), m, of what is seen at positions (n,) in px on the level `z_m` (one, or (n,)); NaN for what is not, as the sky."""
        ray, C = self.rays(x_px, y_px), self.extrinsics.place
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (np.asarray(z_m, dtype=np.float64) - C[2]) / ray[..., 2]
            far = np.where((far > 0) & np.isfinite(far), far, np.nan)
        return C[0] + far * ray[..., 0], C[1] + far * ray[..., 1]

    def ground_per_pixel(self, x_px: ArrayLike, y_px: ArrayLike, z_m: ArrayLike) -> Numbers:
        """(…, 2, 2): how far east and north (rows) the place on the level moves with one px to the right and down (columns), m/px."""
        return self.ground_along(*self.intrinsics.seen(x_px, y_px), z_m)

    def ground_along(self, right: Numbers, down: Numbers, z_m: ArrayLike) -> Numbers:
        """The same (…, 2, 2) for directions (…) to the right and down, tangents of angles, that are known already."""
        R, C = self.extrinsics.axes, self.extrinsics.place
        ray = np.stack([right, down, np.ones_like(right)], axis=-1) @ R
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (np.asarray(z_m, dtype=np.float64) - C[2]) / ray[..., 2]
            far = np.where((far > 0) & np.isfinite(far), far, np.nan)
            # d(X, Y) / d(right, down): the foot of the ray slides along the level.
            slope = ray[..., :2] / ray[..., 2:]
        foot = far[..., None, None] * (R[:2, :2].T - slope[..., :, None] * R[:2, 2])
        lens = self.intrinsics.stretch(right, down)
        determinant = lens[..., 0, 0] * lens[..., 1, 1] - lens[..., 0, 1] * lens[..., 1, 0]
        inverse = np.stack(
            [
                np.stack([lens[..., 1, 1], -lens[..., 0, 1]], axis=-1),
                np.stack([-lens[..., 1, 0], lens[..., 0, 0]], axis=-1),
            ],
            axis=-2,
        )
        return np.asarray(foot @ (inverse / determinant[..., None, None]))

    def resolution(self, x_px: ArrayLike, y_px: ArrayLike, z_m: ArrayLike) -> tuple[Numbers, Numbers]:
        """The finest and the coarsest side (n,) of what one px covers on the level, m/px; mostly across and along the line of sight."""
        return sides(self.ground_per_pixel(x_px, y_px, z_m))

    def inside(self, x_px: ArrayLike, y_px: ArrayLike, *, margin_px: float = 0.0) -> NDArray[np.bool_]:
        """Whether positions (n,) lie in the picture, and so far from its edge."""
        x, y, m = np.asarray(x_px, dtype=np.float64), np.asarray(y_px, dtype=np.float64), margin_px
        return (x >= m) & (x <= self.intrinsics.width - m) & (y >= m) & (y <= self.intrinsics.height - m)

    def at(self, extrinsics: Extrinsics) -> Camera:
        """The same camera elsewhere, with the same error."""
        return replace(self, extrinsics=extrinsics)


def sides(ground_per_pixel: Numbers) -> tuple[Numbers, Numbers]:
    """The finest and the coarsest side (…) of what one px covers, m/px, of derivatives (…, 2, 2)."""
    J = ground_per_pixel
    # Singular values of 2 × 2 matrices in closed form.
    squares, determinant = (J**2).sum(axis=(-2, -1)), np.abs(J[..., 0, 0] * J[..., 1, 1] - J[..., 0, 1] * J[..., 1, 0])
    coarse = np.sqrt((squares + np.sqrt(np.maximum(squares**2 - 4 * determinant**2, 0.0))) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return determinant / coarse, coarse


def rotation(turn_rad: ArrayLike) -> Numbers:
    """(3, 3) rotation about a vector (3,) by its length in rad (Rodrigues)."""
    w = np.asarray(turn_rad, dtype=np.float64)
    angle = float(np.linalg.norm(w))
    K = cross_matrix(w)
    if angle < 1e-12:
        return np.asarray(np.eye(3) + K)
    return np.asarray(np.eye(3) + math.sin(angle) / angle * K + (1 - math.cos(angle)) / angle**2 * K @ K)


def cross_matrix(w: ArrayLike) -> Numbers:
    """(3, 3) matrix that gives w × p for a vector w (3,)."""
    x, y, z = np.asarray(w, dtype=np.float64)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
