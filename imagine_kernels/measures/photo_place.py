"""Where the pixels of a drone photo lie on a flat beach or on water: rays through a pinhole that meet a plane, with their error.

A pixel (x, y) is a ray in the frame north, east, down: d = R [1, (x - cx) / f, (y - cy) / f], with R = Rz(yaw) Ry(pitch) Rx(roll); it meets
the plane under the camera at H (d_east, d_north) / d_down. Straight down this is the ground sampling distance H / f for a pixel, that is
H s / (f_mm w) for a sensor of the width s on which the w pixels lie (Wolf, P. R., Dewitt, B. A. and Wilkinson, B. E. 2014: Elements of
Photogrammetry, 4th ed., chapters 6 and 10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.measures.geodesy import LocalPlane
from imagine_kernels.records import Problem
from imagine_kernels.records.photo_geometry import PhotoGeometry

if TYPE_CHECKING:
    from shapely import Polygon

#: Beach items are counted from this size on, cm (Commission Decision (EU) 2017/848; Galgani, F. et al. 2023, JRC133594).
LEAST_SIZE_CM = 2.5
#: So many px are needed across an item for it to be told.
LEAST_PX = 5
#: Rays less than so far below the horizon are left out of a footprint, degrees: there a pixel covers metres.
LEAST_DEPRESSION_DEG = 5.0
#: Parts into which each side of a photo is divided for its footprint.
_SIDE_PARTS = 8

_Numbers = NDArray[np.float64]


def gsd_cm(height_m: float, sensor_mm: float, focal_mm: float, pixels: int) -> float:
    """Ground sampling distance straight down, cm for a pixel: 100 H s / (f n).

    Parameters
    ----------
    height_m : float
        Of the camera above the beach.
    sensor_mm, focal_mm : float
        Width of the sensor and real focal length, or height of the sensor for the rows.
    pixels : int
        On that width or height.
    """
    return 100 * height_m * sensor_mm / (focal_mm * pixels)


@dataclass(frozen=True)
class PhotoGeoreference:
    """The `imagine_kernels.records.Georeference` of one drone photo over flat ground.

    Attributes
    ----------
    geometry : PhotoGeometry
    """

    geometry: PhotoGeometry

    @cached_property
    def plane(self) -> LocalPlane:
        """Metres around the place under the camera."""
        return LocalPlane(self.geometry.lon, self.geometry.lat)

    @cached_property
    def _axes(self) -> _Numbers:
        """(3, 3) of which the columns are the optical axis, right and bottom of the photo, in the frame north, east, down."""
        y, p, r = (math.radians(each) for each in (self.geometry.yaw_deg, self.geometry.pitch_deg, self.geometry.roll_deg))
        about_down = np.array([[math.cos(y), -math.sin(y), 0], [math.sin(y), math.cos(y), 0], [0, 0, 1]])
        about_right = np.array([[math.cos(p), 0, math.sin(p)], [0, 1, 0], [-math.sin(p), 0, math.cos(p)]])
        about_ahead = np.array([[1, 0, 0], [0, math.cos(r), -math.sin(r)], [0, math.sin(r), math.cos(r)]])
        turned: _Numbers = about_down @ about_right @ about_ahead
        return turned

    def metres(self, x: ArrayLike, y: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """East and north (n,) of the place under the camera, m, of positions in px; NaN at the horizon and above."""
        rays = self._rays(x, y)
        down = rays[..., 2]
        # A ray that is all but level meets the plane farther than a drone sees.
        seen = down > 1e-3 * np.linalg.norm(rays, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(seen, self.geometry.height_m / down, np.nan)
        return rays[..., 1] * reach, rays[..., 0] * reach

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """Longitude and latitude of positions (n,) in px; NaN at the horizon and above."""
        return self.plane.lonlat(*self.metres(x, y))

    def pixels(self, lon: ArrayLike, lat: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """Positions in px of longitudes and latitudes (n,); they may lie outside of the photo, and are NaN behind the camera."""
        return self.pixels_of_metres(*self.plane.metres(lon, lat))

    def pixels_of_metres(self, east: ArrayLike, north: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """The same of positions (n,) east and north of the place under the camera, m."""
        g = self.geometry
        e, n = np.broadcast_arrays(np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64))
        ahead, right, bottom = np.moveaxis(np.stack([n, e, np.full(e.shape, g.height_m)], axis=-1) @ self._axes, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            u, v = np.where(ahead > 0, right / ahead, np.nan), np.where(ahead > 0, bottom / ahead, np.nan)
        u, v = _distorted(u, v, g.distortion)
        return u * g.focal_px + g.centre_x_px, v * g.focal_px + g.centre_y_px

    def _normal(self, x: ArrayLike, y: ArrayLike) -> tuple[_Numbers, _Numbers]:
        g = self.geometry
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        return _undistorted((px - g.centre_x_px) / g.focal_px, (py - g.centre_y_px) / g.focal_px, g.distortion)

    def _rays(self, x: ArrayLike, y: ArrayLike) -> _Numbers:
        u, v = self._normal(x, y)
        rays: _Numbers = np.stack([np.ones_like(u), u, v], axis=-1) @ self._axes.T
        return rays

    def covariance_m2(self, x: ArrayLike, y: ArrayLike) -> _Numbers:
        """Covariance (n, 2, 2) of east and north, m², to first order in the errors of the geometry, which are taken for independent.

        Each is a small turn w of the ray (d changes by w × d), a change of the height or of the focal length, or a shift of the camera.
        """
        g = self.geometry
        u, v = self._normal(x, y)
        rays = np.stack([np.ones_like(u), u, v], axis=-1) @ self._axes.T
        down = rays[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            down = np.where(down > 1e-3 * np.linalg.norm(rays, axis=-1), down, np.nan)
            ground = g.height_m * rays[..., [1, 0]] / down[..., None]
            sideways = u[..., None] * self._axes[:, 1] + v[..., None] * self._axes[:, 2]
            tilt, yaw = math.radians(g.tilt_error_deg), math.radians(g.yaw_error_deg)
            changes = (
                tilt * np.cross(self._axes[:, 1], rays),
                tilt * np.cross(self._axes[:, 2], rays),
                yaw * np.cross(np.array([0.0, 0.0, 1.0]), rays),
                -g.focal_error * sideways,
            )
            moves = [(g.height_m * each[..., [1, 0]] - ground * each[..., 2:]) / down[..., None] for each in changes]
            moves.append(ground / g.height_m * g.height_error_m)
        total: _Numbers = sum(each[..., :, None] * each[..., None, :] for each in moves) + g.horizontal_error_m**2 * np.eye(2)
        return total

    def error_m(self, x: ArrayLike, y: ArrayLike) -> _Numbers:
        """Standard error of the position along any one direction (n,), m: the root of the mean of the two variances."""
        return np.asarray(np.sqrt(np.trace(self.covariance_m2(x, y), axis1=-2, axis2=-1) / 2))

    def radius95_m(self, x: ArrayLike, y: ArrayLike) -> _Numbers:
        """Radius of the circle (n,) within which the true place lies in 95 of 100 cases, m; see `radius95_m`."""
        return radius95_m(self.covariance_m2(x, y))

    def gsd_cm(self, x: ArrayLike, y: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """What a pixel covers at positions (n,), cm: along the rows of the photo, and along its columns."""
        px, py = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        sizes = []
        for step in ((0.5, 0.0), (0.0, 0.5)):
            first, second = self.metres(px - step[0], py - step[1]), self.metres(px + step[0], py + step[1])
            sizes.append(100 * np.hypot(second[0] - first[0], second[1] - first[1]))
        return sizes[0], sizes[1]

    @property
    def middle_gsd_cm(self) -> float:
        """What a pixel in the middle covers, cm, the larger of its two sides; NaN where the middle is the sky."""
        across, along = self.gsd_cm(self.geometry.width / 2, self.geometry.height / 2)
        return float(np.fmax(across, along))

    def footprint(self, *, least_depression_deg: float = LEAST_DEPRESSION_DEG) -> Polygon:
        """The ground that the photo shows, in longitude and latitude; empty where it shows none.

        What is less than some degrees below the horizon is cut off along a line of the photo, and lies outside.
        """
        import shapely

        w, h = float(self.geometry.width), float(self.geometry.height)
        part = np.linspace(0, 1, _SIDE_PARTS, endpoint=False)
        ring = np.concatenate(
            [
                np.column_stack([w * part, 0 * part]), np.column_stack([w + 0 * part, h * part]),
                np.column_stack([w * (1 - part), h + 0 * part]), np.column_stack([0 * part, h * (1 - part)]),
            ]
        )  # fmt: skip
        rays = self._rays(ring[:, 0], ring[:, 1])
        low = rays[:, 2] - math.tan(math.radians(least_depression_deg)) * np.hypot(rays[:, 0], rays[:, 1])
        kept: list[Any] = []
        for k in range(len(ring)):
            following = (k + 1) % len(ring)
            if low[k] >= 0:
                kept.append(ring[k])
            if (low[k] >= 0) != (low[following] >= 0):
                share = low[k] / (low[k] - low[following])
                kept.append(ring[k] + share * (ring[following] - ring[k]))
        if len(kept) < 3:
            return shapely.Polygon()
        corners = np.array(kept)
        polygon = shapely.Polygon(np.column_stack(self.lonlat(corners[:, 0], corners[:, 1])))
        return polygon if polygon.is_valid else polygon.buffer(0)


def radius95_m(covariance_m2: NDArray[Any]) -> _Numbers:
    """Radius of the circle (n,) around the place that holds the true one in 95 of 100 cases, m.

    The squared distance is a weighted sum of two squares of normal numbers; its quantile is taken from the chi-squared distribution of the
    same mean and variance (Satterthwaite 1946), which is exact for a round error (2.45 times `error_m`) and for one along a line.

    Parameters
    ----------
    covariance_m2 : (n, 2, 2) ndarray
    """
    from scipy.special import gammaincinv

    each = np.asarray(covariance_m2, dtype=np.float64)
    mean = np.trace(each, axis1=-2, axis2=-1)
    squares = (each**2).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = mean**2 / squares
        radius = np.sqrt(2 * squares / mean * gammaincinv(freedom / 2, 0.95))
    return np.asarray(np.where(mean == 0, 0.0, radius))


def resolution_problem(name: str, middle_gsd_cm: float) -> Problem | None:
    """A warning where the smallest items that are to be counted cover too few px; see `LEAST_SIZE_CM` and `LEAST_PX`."""
    if not middle_gsd_cm > LEAST_SIZE_CM / LEAST_PX:
        return None
    covered = LEAST_SIZE_CM / middle_gsd_cm
    what = f"a pixel covers {middle_gsd_cm:.2g} cm, so that items of {LEAST_SIZE_CM:g} cm are {covered:.1f} px wide, under {LEAST_PX}"
    remedy = f"small items are missed: fly lower, or count only items from {LEAST_PX * middle_gsd_cm:.2g} cm on"
    return Problem(item=name, what=what, remedy=remedy, severity="warning")


def _distorted(u: _Numbers, v: _Numbers, lens: tuple[float, ...]) -> tuple[_Numbers, _Numbers]:
    """Normal coordinates as the lens bends them (Brown 1966; the order of the numbers as in OpenCV)."""
    if not lens:
        return u, v
    k1, k2, p1, p2, k3 = lens
    r2 = u**2 + v**2
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u**2), v * radial + p1 * (r2 + 2 * v**2) + 2 * p2 * u * v


def _undistorted(u: _Numbers, v: _Numbers, lens: tuple[float, ...]) -> tuple[_Numbers, _Numbers]:
    """The inverse, step by step as there is no formula."""
    if not lens:
        return u, v
    straight_u, straight_v = u.copy(), v.copy()
    for _ in range(30):
        bent_u, bent_v = _distorted(straight_u, straight_v, lens)
        straight_u, straight_v = straight_u + (u - bent_u), straight_v + (v - bent_v)
    return straight_u, straight_v
