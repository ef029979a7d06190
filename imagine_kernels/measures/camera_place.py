"""Where the pixels of a camera lie on a level of the earth, such as that of the tide, with their error and their resolution.

The error of a position comes from the pose of the camera, from where the pixel was marked, and from the level, each through its derivative::

    S = (dX/dpose) S_pose (dX/dpose)ᵀ + (dX/dpx) s_px² (dX/dpx)ᵀ + (dX/dz) s_z² (dX/dz)ᵀ

and the standard error along any one direction is at most the root of the largest eigenvalue of S (m²). The covariance of a pose that was
estimated from few control points is itself uncertain: it is widened by ``(t / 1.96)²``, with t the two-sided 95 % point of Student's
distribution, so that 1.96 standard errors hold 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records.camera import Camera
from imagine_kernels.records.ground import GroundGrid

Numbers = NDArray[np.float64]
#: A pixel that covers more than this along its coarser side is masked, m/px.
WORST_M_PX = 1.0
#: Two-sided 95 % point of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class PlaneGeoreference:
    """A camera and the level on which lies what it sees: a `imagine_kernels.records.Georeference`.

    Attributes
    ----------
    camera : Camera
        Its ``crs`` says in which system its metres are.
    z_m : float
        The level in the heights of the camera, m: of the tide for the shoreline and rips, of the dry beach for wrack.
    z_error_m : float
        Standard error of the level, m.
    pixel_error_px : float or None
        Standard error of a marked position along one direction, px; None: as at the control points, or half a px.

    Raises
    ------
    DataError
        The camera does not stand above the level, or an error is negative.
    """

    camera: Camera
    z_m: float
    z_error_m: float = 0.0
    pixel_error_px: float | None = field(default=None)

    def __post_init__(self) -> None:
        height = self.camera.extrinsics.z_m - self.z_m
        if not height > 0:
            raise DataError(
                f"The camera stands {height:g} m above the level of {self.z_m:g} m: give both as heights above the same datum, in metres."
            )
        if not (self.z_error_m >= 0 and (self.pixel_error_px is None or self.pixel_error_px >= 0)):
            raise DataError(f"Standard errors cannot be negative: {self.z_error_m} m, {self.pixel_error_px} px.")

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[Numbers, Numbers]:
        """Longitude and latitude (n,), degrees WGS 84, of positions (n,) in px; NaN for the sky.

        Raises
        ------
        DataError
            The coordinate system of the camera is not known.
        """
        return to_lonlat(self.camera.crs, *self.metres(x, y))

    def pixels(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Numbers, Numbers]:
        """Positions (n,) in px of longitudes and latitudes (n,) on the level; NaN behind the camera."""
        return self.camera.pixels(*from_lonlat(self.camera.crs, lon, lat), self.z_m)

    def metres(self, x: ArrayLike, y: ArrayLike) -> tuple[Numbers, Numbers]:
        """East and north (n,) in the system of the camera, m."""
        return self.camera.on_plane(x, y, self.z_m)

    def covariance(self, x: ArrayLike, y: ArrayLike) -> Numbers:
        """(…, 2, 2) covariance of east and north, m²; NaN for the sky, and where the error of the pose is not known."""
        camera = self.camera
        by_px = camera.ground_per_pixel(x, y, self.z_m)
        pixel = self.pixel_error_px if self.pixel_error_px is not None else camera.rmse_px
        pixel = 0.5 if math.isnan(pixel) else pixel
        by_z = level_derivative(camera, x, y)
        total = pixel**2 * by_px @ np.swapaxes(by_px, -1, -2) + self.z_error_m**2 * by_z[..., :, None] * by_z[..., None, :]
        if camera.covariance is None:
            return np.full_like(total, np.nan)
        by_pose = pose_derivative(camera, x, y, self.z_m)
        return np.asarray(total + by_pose @ widened(camera) @ np.swapaxes(by_pose, -1, -2))

    def error_m(self, x: ArrayLike, y: ArrayLike) -> Numbers:
        """Standard error (n,) along any one direction, m; NaN for the sky, and where the error of the pose is not known."""
        S = self.covariance(x, y)
        middle, half = (S[..., 0, 0] + S[..., 1, 1]) / 2, (S[..., 0, 0] - S[..., 1, 1]) / 2
        return np.asarray(np.sqrt(middle + np.hypot(half, S[..., 0, 1])))

    def resolution_m(self, x: ArrayLike, y: ArrayLike) -> Numbers:
        """The coarser side (n,) of what one px covers, m/px."""
        return self.camera.resolution(x, y, self.z_m)[1]

    @cached_property
    def areal_scale(self) -> float:
        """Square metres in the system of the camera for one on the earth, near the camera; 1 where the system is not known."""
        return areal_scale(self.camera.crs, self.camera.extrinsics.x_m, self.camera.extrinsics.y_m)


def level_derivative(camera: Camera, x: ArrayLike, y: ArrayLike) -> Numbers:
    """(…, 2) how far east and north a position moves where the level is one metre higher."""
    ray = camera.rays(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ray[..., :2] / ray[..., 2:])


def pose_derivative(camera: Camera, x: ArrayLike, y: ArrayLike, z_m: ArrayLike) -> Numbers:
    """(…, 2, 6) how far east and north a position moves with the place of the camera (m) and a turn about right, down, forward (rad)."""
    ray, R, C = camera.rays(x, y), camera.extrinsics.axes, camera.extrinsics.place
    seen = ray @ R.T
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (np.asarray(z_m, dtype=np.float64) - C[2]) / ray[..., 2]
        far = np.where((far > 0) & np.isfinite(far), far, np.nan)
        slope = ray[..., :2] / ray[..., 2:]
    # A ray n in the picture points to Rᵀ n; after a turn w it points to Rᵀ (n − w × n), so it moves by Rᵀ [n]× w.
    by_turn = np.stack([np.cross(seen, each) @ R for each in np.eye(3)], axis=-1)
    turned = far[..., None, None] * (by_turn[..., :2, :] - slope[..., :, None] * by_turn[..., 2:, :])
    moved = np.zeros((*seen.shape[:-1], 2, 3))
    moved[..., 0, 0] = moved[..., 1, 1] = 1.0
    moved[..., 2] = -slope
    moved = np.where(np.isfinite(far)[..., None, None], moved, np.nan)
    return np.concatenate([moved, turned], axis=-1)


def widened(camera: Camera) -> Numbers:
    """(6, 6) covariance of the pose, so wide that 1.96 standard errors hold 95 %; zeros where it is not known."""
    if camera.covariance is None:
        return np.zeros((6, 6))
    return camera.covariance * (student(camera.degrees_of_freedom) / Z95) ** 2


@lru_cache(maxsize=64)
def student(freedom: int | None) -> float:
    """Two-sided 95 % point of Student's distribution; of the normal one where the freedom is None."""
    from scipy.stats import t

    return Z95 if freedom is None else float(t.ppf(0.975, freedom))


def resolution_map(
    camera: Camera, grid: GroundGrid, z_m: float, *, worst_m_px: float = WORST_M_PX
) -> tuple[Numbers, NDArray[np.bool_]]:
    """How much of the ground one px of the picture covers, at each cell of a plan view.

    Parameters
    ----------
    camera : Camera
    grid : GroundGrid
    z_m : float
        Level of the ground, m.
    worst_m_px : float
        Cells whose pixel covers more than this are masked.

    Returns
    -------
    metres : (rows, columns) float64 ndarray
        The coarser side of a pixel, m/px; NaN outside of the picture.
    good : (rows, columns) bool ndarray
        In the picture, and no worse than `worst_m_px`.
    """
    east, north = grid.centres()
    x, y = camera.pixels(east, north, z_m)
    inside = np.isfinite(x) & camera.inside(x, y)
    metres = np.full(inside.shape, np.nan)
    metres[inside] = camera.resolution(x[inside], y[inside], z_m)[1]
    return metres, np.nan_to_num(metres, nan=np.inf) <= worst_m_px


@lru_cache(maxsize=32)
def _transformer(crs: str) -> Any:
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    if not crs:
        raise DataError(
            "The coordinate system of the camera is not known, so it has no longitude and latitude: write crs into its file."
        )
    try:
        system = CRS.from_user_input(crs)
    except CRSError:
        raise DataError(f"There is no coordinate system {crs[:80]!r}: give one such as EPSG:32631.") from None
    unit = system.axis_info[0].unit_name if system.axis_info else ""
    if not system.is_projected or unit not in ("metre", "meter"):
        raise DataError(
            f"The coordinate system {crs[:80]!r} is in {unit or 'degrees'}: give places in a projected one in metres."
        )
    return Transformer.from_crs(system, CRS.from_epsg(4326), always_xy=True)


def to_lonlat(crs: str, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Numbers, Numbers]:
    """Longitude and latitude (n,), degrees WGS 84, of places in metres; NaN stays NaN.

    Raises
    ------
    DataError
        The system is not known, or not in metres.
    """
    return _through(_transformer(crs), x_m, y_m, inverse=False)


def from_lonlat(crs: str, lon: ArrayLike, lat: ArrayLike) -> tuple[Numbers, Numbers]:
    """Places in metres (n,) of longitudes and latitudes; raises as `to_lonlat` does."""
    return _through(_transformer(crs), lon, lat, inverse=True)


def _through(transformer: Any, a: ArrayLike, b: ArrayLike, *, inverse: bool) -> tuple[Numbers, Numbers]:
    first, second = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    done = transformer.transform(first, second, direction="INVERSE" if inverse else "FORWARD")
    known = np.isfinite(first) & np.isfinite(second)
    one, two = (np.where(known & np.isfinite(np.asarray(each)), np.asarray(each), np.nan) for each in done)
    return one, two


@lru_cache(maxsize=32)
def areal_scale(crs: str, x_m: float, y_m: float) -> float:
    """Square metres of a coordinate system for one on the earth at a place; 1 where the system is not known."""
    from pyproj import Proj

    if not crs:
        return 1.0
    lon, lat = to_lonlat(crs, x_m, y_m)
    return float(Proj(crs).get_factors(float(lon), float(lat)).areal_scale)
