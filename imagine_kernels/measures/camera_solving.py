"""Where a camera stands and looks, from ground control points, with the error of it in px and in m.

The sum of the squared distances in the picture, in px, is made smallest over the six numbers of the pose (least squares on the collinearity
equations; a robust loss takes less notice of points that are wrong). No first guess is needed: three points have up to four exact solutions,
and the other points tell which is right. With the Jacobian J of n points the covariance of the pose is ``s² (JᵀJ)⁻¹`` with
``s² = Σ residuals² / (2 n − 6)``.

References
----------
Wolf, P. R. (1983): Elements of photogrammetry. McGraw-Hill, 2nd edition, chapters 11 and appendix C (space resection by collinearity).
Bruder, B. L. and Brodie, K. L. (2020): CIRN Quantitative Coastal Imaging Toolbox. SoftwareX 12, 100582. doi:10.1016/j.softx.2020.100582
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_resection import likely_poses, most_of
from imagine_kernels.records.camera import Camera, Extrinsics, cross_matrix
from imagine_kernels.records.ground import ControlPoints
from imagine_kernels.records.lens import Intrinsics

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
#: What a point behind the camera counts, px.
_LOST = 1e4
#: Assumed where as many numbers are sought as are known, so that nothing is left over to judge by, px.
PIXEL_ERROR_PX = 1.0
#: Points whose second extent is less than this part of the first lie on one line.
_LINE = 2e-3
#: Two poses are different solutions from this distance on, as a part of that to the points.
_APART = 1e-2


@dataclass(frozen=True, eq=False)
class CameraSolution:
    """A camera that was solved for.

    Attributes
    ----------
    camera : Camera
        With its covariance.
    points : ControlPoints
    residuals_px : (n, 2) float64 ndarray
        Marked minus computed, to the right and down.
    residuals_m : (n, 2) float64 ndarray
        Where the marked pixel lies on the level of the point, minus the point: east and north; NaN where it does not meet the level.
    left_out_m : (n,) float64 ndarray
        The same distance where the camera is solved without that point; NaN with fewer than five points, and where it was not asked for.
    """

    camera: Camera
    points: ControlPoints
    residuals_px: Numbers
    residuals_m: Numbers
    left_out_m: Numbers

    @property
    def rmse_px(self) -> float:
        """Root mean square of the distances in the picture, px."""
        return float(np.sqrt((self.residuals_px**2).sum(axis=1).mean()))

    @property
    def rmse_m(self) -> tuple[float, float]:
        """Root mean square east and north, m."""
        each = np.sqrt(np.nanmean(self.residuals_m**2, axis=0)) if np.isfinite(self.residuals_m).any() else np.full(2, np.nan)
        return float(each[0]), float(each[1])

    @property
    def standard_errors(self) -> Numbers:
        """(6,) of x, y, z (m) and azimuth, tilt, swing (rad)."""
        assert self.camera.covariance is not None
        step = angles_by_turn(self.camera.extrinsics)
        full = np.eye(6)
        full[3:, 3:] = step
        return np.asarray(np.sqrt(np.diag(full @ self.camera.covariance @ full.T)))

    def table(self) -> pd.DataFrame:
        """One row per point with its residuals, for people."""
        import pandas as pd

        px, metres = self.residuals_px, self.residuals_m
        return pd.DataFrame(
            {
                "point": list(self.points.names),
                "x_px": self.points.pixels[:, 0],
                "y_px": self.points.pixels[:, 1],
                "residual_x_px": px[:, 0],
                "residual_y_px": px[:, 1],
                "residual_east_m": metres[:, 0],
                "residual_north_m": metres[:, 1],
                "left_out_m": self.left_out_m,
            }
        )

    def pose_table(self) -> pd.DataFrame:
        """The six numbers of the pose with their standard errors, m and degrees."""
        import pandas as pd

        values, errors = np.array(self.camera.extrinsics.numbers), self.standard_errors
        values[3:], errors[3:] = np.degrees(values[3:]), np.degrees(errors[3:])
        names = ["x", "y", "z", "azimuth", "tilt", "swing"]
        return pd.DataFrame({"quantity": names, "value": values, "standard_error": errors, "unit": ["m"] * 3 + ["deg"] * 3})


def solve_camera(
    points: ControlPoints,
    intrinsics: Intrinsics,
    *,
    initial: Extrinsics | None = None,
    loss: Literal["linear", "soft_l1", "huber", "cauchy"] = "linear",
    loss_scale_px: float = 3.0,
    pixel_error_px: float | None = None,
    leave_one_out: bool = True,
    name: str = "",
) -> CameraSolution:
    """Solve for the pose of a camera from control points.

    Parameters
    ----------
    points : ControlPoints
        Four or more; three where a first guess says which of the solutions is meant. Six to eight, spread over the picture, are good.
    intrinsics : Intrinsics
    initial : Extrinsics, optional
        A first guess.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        All but the first take less notice of points that are off by more than `loss_scale_px`.
    pixel_error_px : float, optional
        Standard error of a marked position along one direction, where it is known; else it is estimated from the residuals.
    leave_one_out : bool
        Whether the camera is solved without each point in turn too.
    name : str
        Of the camera.

    Returns
    -------
    CameraSolution

    Raises
    ------
    DataError
        There are too few points, they lie on one line or at one place, are not in metres, or do not fit this lens.
    """
    _check(points, intrinsics, initial)
    first = _start(points, intrinsics, initial)
    pose, jacobian, residuals, weights = _refined(points, intrinsics, first, loss, loss_scale_px)
    freedom = 2 * len(points) - 6
    if freedom > 0 and pixel_error_px is None:
        weighted = weights.repeat(2)
        square = float((weighted * residuals.ravel() ** 2).sum() / max(weighted.sum() - 6, 1.0))
    else:
        square = (pixel_error_px or PIXEL_ERROR_PX) ** 2
    known = freedom if freedom > 0 and pixel_error_px is None else None
    normal = jacobian.T @ (weights.repeat(2)[:, None] * jacobian)
    covariance = _inverse(normal) * square
    rmse = float(np.sqrt((residuals**2).mean())) if freedom > 0 else float(np.sqrt(square))
    camera = Camera(intrinsics, pose, name, points.crs, covariance, known, rmse)
    left_out = _left_out(points, intrinsics, pose, loss, loss_scale_px) if leave_one_out else np.full(len(points), np.nan)
    return CameraSolution(camera, points, residuals, _on_the_ground(camera, points), left_out)


def angles_by_turn(pose: Extrinsics) -> Numbers:
    """(3, 3): how azimuth, tilt and swing change with a turn about right, down and forward; very large for a camera that looks straight down."""
    step = 1e-6
    columns = []
    for k in range(3):
        ahead, back = (np.array(pose.turned(sign * step * np.eye(3)[k]).numbers[3:]) for sign in (1, -1))
        columns.append(((ahead - back + np.pi) % (2 * np.pi) - np.pi) / (2 * step))
    return np.column_stack(columns)


def _check(points: ControlPoints, intrinsics: Intrinsics, initial: Extrinsics | None) -> None:
    n = len(points)
    if not (np.isfinite(points.pixels).all() and np.isfinite(points.places).all()):
        raise DataError(
            "Some control points have gaps: give x and y in px and east, north and height in m for each, or leave them out."
        )
    if n < 3 or (n == 3 and initial is None):
        raise DataError(
            f"{n} control points do not fix a camera: mark four or more, better six to eight spread over the picture"
            " (three are enough only with a first guess of the pose)."
        )
    extent = np.linalg.svd(points.places - points.places.mean(axis=0), compute_uv=False)
    if extent[0] < 0.05:
        raise DataError("The control points lie within 5 cm: give their places in metres, not in degrees or kilometres.")
    if extent[1] < _LINE * extent[0]:
        raise DataError(
            "The control points lie on one line, about which the camera may turn: mark one at least that lies beside it."
        )
    if len({tuple(row) for row in points.pixels.round(3).tolist()}) < 3:
        raise DataError("The control points are marked at fewer than three places of the picture: mark each where it is seen.")
    outside = (points.pixels < -1).any(axis=1) | (points.pixels > np.array([intrinsics.width, intrinsics.height]) + 1).any(axis=1)
    if outside.any():
        lost = ", ".join(points.names[k] for k in np.flatnonzero(outside)[:5])
        raise DataError(
            f"Control points lie outside of the picture of {intrinsics.width} × {intrinsics.height} px ({lost}):"
            " mark them on a picture of the size that the lens was calibrated with."
        )


def _start(points: ControlPoints, intrinsics: Intrinsics, initial: Extrinsics | None) -> Extrinsics:
    """The best of what three points each allow, each refined a little; a first guess is one of them."""
    poses = [initial] if initial is not None else []
    if len(points) > 3:
        poses += [pose for pose, _ in likely_poses(points, intrinsics)]
    scored = []
    for pose in poses:
        refined, _, residuals, _ = _refined(points, intrinsics, pose, "soft_l1", 3.0)
        seen = most_of(np.hypot(residuals[:, 0], residuals[:, 1]))
        # A camera below the ground sees the same points mirrored; where both fit, it stands above.
        scored.append((seen, refined.z_m < points.places[:, 2].min(), refined))
    if not scored or min(scored, key=lambda each: each[0])[0] > 0.1 * intrinsics.width:
        raise DataError(
            "No pose of the camera fits these control points: check that pixels and places belong together, that places are east, north"
            " and height in metres, and the focal length."
        )
    best = min(each[0] for each in scored)
    fitting = [each for each in scored if each[0] <= max(1.5 * best, best + 0.25)]
    return min(fitting, key=lambda each: (each[1], each[0]))[2]


def _refined(
    points: ControlPoints, intrinsics: Intrinsics, start: Extrinsics, loss: str, scale: float
) -> tuple[Extrinsics, Numbers, Numbers, Numbers]:
    """The pose, the Jacobian (2 n, 6), the residuals (n, 2) and the weights (n,) that the loss gave."""
    from scipy.optimize import least_squares

    distance = max(float(np.median(np.linalg.norm(points.places - start.place, axis=1))), 1.0)
    unit = np.array([distance] * 3 + [1.0] * 3)
    base = start
    for _ in range(3):  # the turn is about the axes of the start: begin anew where it was far

        def residual(step: Numbers, base: Extrinsics = base) -> Numbers:
            x, y = Camera(intrinsics, _stepped(base, step * unit)).pixels(*points.places.T)
            off = np.column_stack([points.pixels[:, 0] - x, points.pixels[:, 1] - y])
            return np.where(np.isfinite(off), off, _LOST).ravel()

        def jacobian(step: Numbers, base: Extrinsics = base) -> Numbers:
            return np.asarray(-pose_jacobian(Camera(intrinsics, _stepped(base, step * unit)), points.places) * unit)

        found = least_squares(residual, np.zeros(6), jac=jacobian, loss=loss, f_scale=scale, xtol=1e-12, ftol=1e-12, max_nfev=200)
        base = _stepped(base, found.x * unit)
        if np.linalg.norm(found.x[3:]) < 1e-3:
            break
    camera = Camera(intrinsics, base)
    x, y = camera.pixels(*points.places.T)
    off = np.column_stack([points.pixels[:, 0] - x, points.pixels[:, 1] - y])
    off = np.where(np.isfinite(off), off, _LOST)
    square = (off**2).sum(axis=1) / (2 * scale**2)
    weights = {
        "linear": np.ones(len(off)),
        "soft_l1": 1 / np.sqrt(1 + square),
        "huber": np.where(square <= 1, 1.0, 1 / np.sqrt(np.maximum(square, 1e-300))),
        "cauchy": 1 / (1 + square),
    }[loss]
    return base, pose_jacobian(camera, points.places), off, weights


def _stepped(base: Extrinsics, step: Numbers) -> Extrinsics:
    return base.turned(step[3:]).moved(step[:3])


def pose_jacobian(camera: Camera, places: Numbers) -> Numbers:
    """(2 n, 6): by how many px places (n, 3) move in the picture, right and down in turn, with the place (m) and a turn (rad) of the camera.

    Behind the camera it is 0.
    """
    R = camera.extrinsics.axes
    p = (places - camera.extrinsics.place) @ R.T
    ahead = np.where(p[:, 2] > 0, p[:, 2], np.nan)
    right, down = p[:, 0] / ahead, p[:, 1] / ahead
    zero = np.zeros_like(right)
    direction = np.stack(
        [np.stack([1 / ahead, zero, -right / ahead], axis=-1), np.stack([zero, 1 / ahead, -down / ahead], axis=-1)], axis=-2
    )
    by_seen = camera.intrinsics.stretch(right, down) @ direction
    by_turn = -np.stack([cross_matrix(each) for each in p])
    full = np.concatenate([by_seen @ -R, by_seen @ by_turn], axis=-1)
    return np.where(np.isfinite(full), full, 0.0).reshape(-1, 6)


def _inverse(normal: Numbers) -> Numbers:
    scale = np.sqrt(np.diag(normal))
    if not (scale > 0).all() or np.linalg.cond(normal / np.outer(scale, scale)) > 1e12:
        raise DataError(
            "The control points do not fix the camera, which can move without moving them: mark more that are further apart."
        )
    return np.asarray(np.linalg.inv(normal / np.outer(scale, scale)) / np.outer(scale, scale))


def _on_the_ground(camera: Camera, points: ControlPoints) -> Numbers:
    x, y = camera.on_plane(points.pixels[:, 0], points.pixels[:, 1], points.places[:, 2])
    return np.column_stack([x, y]) - points.places[:, :2]


def _left_out(points: ControlPoints, intrinsics: Intrinsics, pose: Extrinsics, loss: str, scale: float) -> Numbers:
    n = len(points)
    if n < 5:
        return np.full(n, np.nan)
    found = []
    for k in range(n):
        others = points.where(np.arange(n) != k)
        refined, *_ = _refined(others, intrinsics, pose, loss, scale)
        off = _on_the_ground(Camera(intrinsics, refined), points.where([k]))
        found.append(float(np.hypot(*off[0])))
    return np.array(found)
