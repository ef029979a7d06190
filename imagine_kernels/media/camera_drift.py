"""Whether a fixed camera has moved since its pose was solved, by how much, and its pose since then.

Wind, sun and hands turn a camera by fractions of a degree, which moves what it sees far away by metres; its place hardly changes. So what moved
between a reference picture and a new one is a turn, which moves all directions alike: corners of what stands still are followed from one to the
other (Lucas and Kanade, from the shift that the phase of the whole picture tells), those that do not come back to where they began are left out,
and the turn on which most of them agree is made exact by least squares in px.

References
----------
Lucas, B. D. and Kanade, T. (1981): An iterative image registration technique with an application to stereo vision. IJCAI 81, 674-679.
Kuglin, C. D. and Hines, D. C. (1975): The phase correlation image alignment method. IEEE Int. Conf. Cybernetics and Society, 163-165.
Fischler, M. A. and Bolles, R. C. (1981): Random sample consensus. Communications of the ACM 24, 381-395. doi:10.1145/358669.358692
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.media.rectifying import check_size
from imagine_kernels.records.camera import Camera, cross_matrix, rotation

Picture = NDArray[Any]
Numbers = NDArray[np.float64]
#: Fewer corners than this that agree are no evidence.
LEAST_MATCHES = 12
#: A corner belongs to the turn within this, px.
_WITHIN_PX = 1.5
#: Corners come back to where they began within this, px.
_BACK_PX = 0.7
_MOST_CORNERS = 800
_TRIES = 300
#: The share of followed corners that must agree.
_LEAST_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Drift:
    """How a camera has turned.

    Attributes
    ----------
    camera : Camera
        Turned; the error of the turn is added to its covariance where it has one.
    turn_rad : (3,) float64 ndarray
        About right, down and forward, rad.
    standard_errors_rad : (3,) float64 ndarray
    shift_px : float
        By how much the middle of the picture has moved.
    rmse_px : float
        What is left at the corners that agree, along one direction.
    matches : int
        Corners that agree.
    moved : bool
        The turn is larger than its error (95 %) and moves some pixel by more than `least_px`.
    """

    camera: Camera
    turn_rad: Numbers
    standard_errors_rad: Numbers
    shift_px: float
    rmse_px: float
    matches: int
    moved: bool


def find_drift(
    reference: Picture, picture: Picture, camera: Camera, *, stable: NDArray[np.bool_] | None = None, least_px: float = 0.5
) -> Drift:
    """Find how a camera has turned between two pictures.

    Parameters
    ----------
    reference : (H, W[, 3]) uint8 ndarray
        For which the pose of `camera` holds.
    picture : (H, W[, 3]) uint8 ndarray
        Of another time.
    camera : Camera
    stable : (H, W) bool ndarray, optional
        Where nothing moves: buildings, dunes, headlands; neither sea nor sky. Without it moving things must be outvoted.
    least_px : float
        Smaller shifts are not called a move.

    Raises
    ------
    DataError
        The pictures do not have the size that the lens was calibrated with, or too little that stands still is found in both.
    """
    for each in (reference, picture):
        check_size(each, camera)
        if each.dtype != np.uint8:
            raise DataError(f"Drift is looked for in pictures of 8 bits, not of {each.dtype}: convert them.")
    if stable is not None and stable.shape != reference.shape[:2]:
        raise DataError(
            f"The stable area is {stable.shape[1]} × {stable.shape[0]} px, the picture another size: draw it on the reference."
        )
    one, two = _even(reference), _even(picture)
    corners, followed = _followed(one, two, stable)
    lens = camera.intrinsics
    before, after = (np.column_stack(lens.seen(each[:, 0], each[:, 1])) for each in (corners, followed))
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    corners, followed, before, after = (each[known] for each in (corners, followed, before, after))
    agreeing = _agreeing(camera, before, after, followed) if len(before) >= LEAST_MATCHES else np.zeros(len(before), dtype=bool)
    n = int(agreeing.sum())
    if n < LEAST_MATCHES or n < _LEAST_SHARE * len(before):
        raise DataError(
            f"Only {n} of {len(before)} corners of the two pictures agree on a turn of the camera: take a clear picture with buildings or dunes in"
            " view, mark what stands still, or solve the camera again from control points."
        )
    turn, covariance, rmse = _exact(camera, before[agreeing], followed[agreeing])
    middle = _turned_pixels(camera, turn, np.zeros((1, 2)))[0] - np.array([lens.cx, lens.cy])
    corner_rays = np.column_stack(
        lens.seen([0.5, lens.width - 0.5, 0.5, lens.width - 0.5], [0.5, 0.5, lens.height - 0.5, lens.height - 0.5])
    )
    reached = _turned_pixels(camera, turn, corner_rays) - np.column_stack(lens.drawn(corner_rays[:, 0], corner_rays[:, 1]))
    largest = float(np.nanmax(np.hypot(*np.vstack([reached, middle]).T)))
    # χ² of three degrees of freedom at 95 %.
    significant = float(turn @ np.linalg.solve(covariance, turn)) > 7.814727903251179
    added = camera.covariance
    if added is not None:
        added = added.copy()
        added[3:, 3:] += covariance
    turned = replace(camera, extrinsics=camera.extrinsics.turned(turn), covariance=added)
    return Drift(
        turned, turn, np.sqrt(np.diag(covariance)), float(np.hypot(*middle)), rmse, n, bool(significant and largest > least_px)
    )


def _even(picture: Picture) -> NDArray[np.uint8]:
    """Grey with even contrast, so that sun and shade matter less."""
    import cv2

    grey = picture if picture.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(picture[:, :, :3]), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(grey), dtype=np.uint8)


def _followed(one: NDArray[np.uint8], two: NDArray[np.uint8], stable: NDArray[np.bool_] | None) -> tuple[Numbers, Numbers]:
    """Corners (n, 2) of the first picture and where they are in the second, px with the centre of the first at (0.5, 0.5)."""
    import cv2

    mask = None if stable is None else stable.astype(np.uint8) * 255
    found = cv2.goodFeaturesToTrack(one, _MOST_CORNERS, 0.01, 7, mask=mask, blockSize=5)
    if found is None or len(found) < LEAST_MATCHES:
        return np.empty((0, 2)), np.empty((0, 2))
    found = found.reshape(-1, 1, 2).astype(np.float32)
    best: tuple[int, Numbers, Numbers] = (-1, np.empty((0, 2)), np.empty((0, 2)))
    for shift in _shifts(one, two, stable):
        offset = np.array(shift, dtype=np.float32)
        options: dict[str, Any] = {"winSize": (21, 21), "maxLevel": 3, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
        ahead, ok, _ = cv2.calcOpticalFlowPyrLK(one, two, found, found + offset, **options)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(two, one, ahead, ahead - offset, **options)
        returned = np.hypot(*(back - found).reshape(-1, 2).T) < _BACK_PX
        good = returned & (ok.ravel() == 1) & (ok_back.ravel() == 1)
        height, width = one.shape
        spot = ahead.reshape(-1, 2)
        good &= (spot[:, 0] > 0) & (spot[:, 1] > 0) & (spot[:, 0] < width - 1) & (spot[:, 1] < height - 1)
        if int(good.sum()) > best[0]:
            best = (int(good.sum()), found.reshape(-1, 2)[good] + 0.5, spot[good] + 0.5)
    return np.asarray(best[1], dtype=np.float64), np.asarray(best[2], dtype=np.float64)


def _shifts(one: NDArray[np.uint8], two: NDArray[np.uint8], stable: NDArray[np.bool_] | None) -> list[tuple[float, float]]:
    """None, and what the phase of the edges tells."""
    import cv2

    edges = []
    for grey in (one, two):
        smooth = cv2.GaussianBlur(grey, (0, 0), 1.5).astype(np.float32)
        strength = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
        edges.append(
            strength if stable is None else np.where(cv2.dilate(stable.astype(np.uint8), np.ones((31, 31))) > 0, strength, 0)
        )
    window = cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F)
    before, after = (np.asarray(each, dtype=np.float32) for each in edges)
    (dx, dy), _ = cv2.phaseCorrelate(before, after, window)
    return [(0.0, 0.0), (float(dx), float(dy))]


def _agreeing(camera: Camera, before: Numbers, after: Numbers, followed: Numbers) -> NDArray[np.bool_]:
    """Which corners (n,) agree on the turn on which most do; two of them fix a turn."""
    rng = np.random.default_rng(0)
    one, two = (np.column_stack([each, np.ones(len(each))]) for each in (before, after))
    one, two = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, two))
    best = np.zeros(len(one), dtype=bool)
    for _ in range(_TRIES):
        pair = rng.choice(len(one), 2, replace=False)
        U, _, Vt = np.linalg.svd(two[pair].T @ one[pair])
        R = U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt
        off = _pixels_of(camera, one @ R.T) - followed
        agreeing = np.hypot(off[:, 0], off[:, 1]) < _WITHIN_PX
        if agreeing.sum() > best.sum():
            best = agreeing
    return best


def _exact(camera: Camera, before: Numbers, followed: Numbers) -> tuple[Numbers, Numbers, float]:
    """The turn (3,), its covariance (3, 3) in rad², and the root mean square of what is left along one direction, px."""
    rays = np.column_stack([before, np.ones(len(before))])
    R = np.eye(3)
    weights = np.ones(len(rays))
    for _ in range(15):
        p = rays @ R.T
        off = followed - _pixels_of(camera, p)
        # Wrong corners among those that nearly agree count less (Huber at one px).
        weights = np.minimum(1.0, 1.0 / np.maximum(np.hypot(off[:, 0], off[:, 1]), 1e-9))
        right, down, zero = p[:, 0] / p[:, 2], p[:, 1] / p[:, 2], np.zeros(len(p))
        direction = np.stack(
            [np.stack([1 / p[:, 2], zero, -right / p[:, 2]], axis=-1), np.stack([zero, 1 / p[:, 2], -down / p[:, 2]], axis=-1)],
            axis=-2,
        )
        J = camera.intrinsics.stretch(right, down) @ direction @ -np.stack([cross_matrix(each) for each in p])
        normal = np.einsum("n,nij,nik->jk", weights, J, J)
        step = np.linalg.solve(normal, np.einsum("n,nij,ni->j", weights, J, off))
        R = rotation(step) @ R
        if np.linalg.norm(step) < 1e-10:
            break
    square = float((weights[:, None] * off**2).sum() / max(2 * len(off) - 3, 1))
    return _vector(R), np.linalg.inv(normal) * square, float(np.sqrt((off**2).mean()))


def _vector(R: Numbers) -> Numbers:
    """The rotation vector (3,) of a small rotation (3, 3), rad."""
    skew = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    size = float(np.linalg.norm(skew))
    return skew if size < 1e-12 else skew * (np.arctan2(size, (np.trace(R) - 1) / 2) / size)


def _turned_pixels(camera: Camera, turn: Numbers, directions: Numbers) -> Numbers:
    return _pixels_of(camera, np.column_stack([directions, np.ones(len(directions))]) @ rotation(turn).T)


def _pixels_of(camera: Camera, rays: Numbers) -> Numbers:
    ahead = np.where(rays[:, 2] > 0, rays[:, 2], np.nan)
    x, y = camera.intrinsics.drawn(rays[:, 0] / ahead, rays[:, 1] / ahead)
    return np.nan_to_num(np.column_stack([x, y]), nan=-1e9)
