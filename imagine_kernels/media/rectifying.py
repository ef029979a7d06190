"""Oblique pictures drawn as plan views: what each cell of the ground shows, from one camera or several.

Each cell takes its value from where the camera sees its centre, between the pixels (bilinear). Where pictures overlap, each is weighed by how
far inside its picture a cell lies, so that the seams are soft, and by how fine it is seen there. Where a camera sees each cell is kept for the
poses, nets and levels that were used last, since the pictures of a fixed camera share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.records.camera import Camera
from imagine_kernels.records.ground import GroundGrid

#: Cells that are seen worse than this are left out, m/px.
WORST_M_PX = 1.0
#: OpenCV remaps no more columns or rows at a time.
_MOST = 16_384
#: Rows of cells for which positions are computed at a time.
_ROWS = 256

Picture = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PlanView:
    """What is seen of the ground.

    Attributes
    ----------
    picture : (rows, columns[, channels]) ndarray
        Of the type of the picture; 0 where nothing is seen.
    seen : (rows, columns) bool ndarray
    resolution_m_px : (rows, columns) float32 ndarray
        How much of the ground a px covers along its coarser side; NaN outside of all pictures.
    """

    picture: Picture
    seen: NDArray[np.bool_]
    resolution_m_px: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CellPixels:
    """Where a camera sees each cell.

    Attributes
    ----------
    x, y : (rows, columns) float32 ndarrays
        As OpenCV counts, the centre of the first px at (0, 0); far outside where it is not seen.
    seen : (rows, columns) bool ndarray
        In the picture and fine enough.
    resolution_m_px : (rows, columns) float32 ndarray
    inside_px : (rows, columns) float32 ndarray
        How far from the edge of the picture.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    seen: NDArray[np.bool_]
    resolution_m_px: NDArray[np.float32]
    inside_px: NDArray[np.float32]


@lru_cache(maxsize=8)
def cell_pixels(camera: Camera, grid: GroundGrid, z_m: float, worst_m_px: float = WORST_M_PX) -> CellPixels:
    """Where a camera sees the cells of a plan view at a level; kept for the eight that were used last."""
    return _cell_pixels(camera, grid, np.full((1, 1), z_m), worst_m_px)


def _cell_pixels(camera: Camera, grid: GroundGrid, z_m: NDArray[np.float64], worst_m_px: float) -> CellPixels:
    shape = (grid.rows, grid.columns)
    x, y, metres, inside = (np.empty(shape, dtype=np.float32) for _ in range(4))
    for first in range(0, grid.rows, _ROWS):
        rows = slice(first, min(first + _ROWS, grid.rows))
        east, north = grid.centres(rows.start, rows.stop)
        level = z_m if len(z_m) == 1 else z_m[rows]
        across, down = camera.pixels(east, north, level)
        width, height = camera.intrinsics.width, camera.intrinsics.height
        edge = np.minimum(np.minimum(across, width - across), np.minimum(down, height - down))
        within = np.nan_to_num(edge, nan=-1.0) >= 0.5  # up to the centres of the outermost px nothing is invented
        part = np.full(across.shape, np.nan)
        part[within] = camera.resolution(across[within], down[within], np.broadcast_to(level, across.shape)[within])[1]
        x[rows], y[rows] = np.where(within, across - 0.5, -1e4), np.where(within, down - 0.5, -1e4)
        metres[rows], inside[rows] = part, np.where(within, edge, 0.0)
    seen = np.nan_to_num(metres, nan=np.inf) <= worst_m_px
    return CellPixels(x, y, seen, metres, inside)


def rectify(
    picture: Picture, camera: Camera, grid: GroundGrid, z_m: float | NDArray[np.float64], *, worst_m_px: float = WORST_M_PX
) -> PlanView:
    """Draw one picture as a plan view.

    Parameters
    ----------
    picture : (H, W[, C]) ndarray
        uint8, uint16, int16, float32 or float64, of the size that the lens was calibrated with.
    camera : Camera
    grid : GroundGrid
    z_m : float or (rows, columns) ndarray
        Level of the ground in the heights of the camera, m: of the tide, or a terrain.
    worst_m_px : float
        Cells that are seen coarser than this are left out.

    Raises
    ------
    DataError
        The picture has another size than the lens was calibrated with, is of no kind that can be drawn, or the terrain has another size.
    """
    check_size(picture, camera)
    cells = _cells(camera, grid, z_m, worst_m_px)
    drawn = remapped(picture, cells.x, cells.y)
    drawn[~cells.seen] = 0
    return PlanView(drawn, cells.seen, cells.resolution_m_px)


def merge(
    pictures: Sequence[Picture],
    cameras: Sequence[Camera],
    grid: GroundGrid,
    z_m: float | NDArray[np.float64],
    *,
    worst_m_px: float = WORST_M_PX,
    feather_px: float = 100.0,
) -> PlanView:
    """Draw the pictures of several cameras, taken at the same time, as one plan view with soft seams.

    Parameters
    ----------
    pictures : sequence of (H, W[, C]) ndarrays
        One for each camera, all of one type and with as many channels.
    cameras : sequence of Camera
    grid, z_m, worst_m_px
        See `rectify`.
    feather_px : float
        Over so many px from the edge of a picture its weight grows to the full.

    Raises
    ------
    DataError
        See `rectify`; or pictures and cameras differ in number or kind.
    """
    if not pictures or len(pictures) != len(cameras):
        raise DataError(f"There are {len(pictures)} pictures of {len(cameras)} cameras: give one picture for each.")
    if len({(picture.dtype, picture.shape[2:]) for picture in pictures}) > 1:
        raise DataError("The pictures differ in kind (grey or colours, 8 or 16 bits): convert them to one kind.")
    shape = (grid.rows, grid.columns, *pictures[0].shape[2:])
    total, weights = np.zeros(shape, dtype=np.float32), np.zeros(shape[:2], dtype=np.float32)
    finest = np.full(shape[:2], np.nan, dtype=np.float32)
    for picture, camera in zip(pictures, cameras, strict=True):
        check_size(picture, camera)
        cells = _cells(camera, grid, z_m, worst_m_px)
        weight = np.where(
            cells.seen, np.clip(cells.inside_px / feather_px, 1e-3, 1.0) / np.maximum(cells.resolution_m_px, 1e-6), 0.0
        )
        drawn = remapped(picture, cells.x, cells.y).astype(np.float32)
        total += drawn * weight.reshape(*shape[:2], *([1] * (len(shape) - 2))).astype(np.float32)
        weights += weight.astype(np.float32)
        finest = np.fmin(finest, cells.resolution_m_px)
    seen = weights > 0
    mean = total / np.where(seen, weights, 1.0).reshape(*shape[:2], *([1] * (len(shape) - 2)))
    whole = np.issubdtype(pictures[0].dtype, np.integer)
    result = (np.rint(mean) if whole else mean).astype(pictures[0].dtype)
    result[~seen] = 0
    return PlanView(result, seen, finest)


def remapped(picture: Picture, x: NDArray[np.float32], y: NDArray[np.float32]) -> Picture:
    """Values (rows, columns[, C]) between the pixels of a picture, at positions as OpenCV counts them; 0 far outside."""
    import cv2

    result = np.empty((*x.shape, *picture.shape[2:]), dtype=picture.dtype)
    # The centre of an outermost px is still inside: do not mix it with what is not there.
    for top in range(0, x.shape[0], _MOST):
        for left in range(0, x.shape[1], _MOST):
            part = (slice(top, top + _MOST), slice(left, left + _MOST))
            result[part] = cv2.remap(picture, x[part], y[part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(
                result[part].shape
            )
    return result


def check_size(picture: Picture, camera: Camera) -> None:
    """Refuse a picture that the lens was not calibrated for, or that cannot be drawn.

    Raises
    ------
    DataError
        See above.
    """
    width, height = camera.intrinsics.width, camera.intrinsics.height
    if picture.ndim not in (2, 3) or picture.shape[:2] != (height, width):
        found = " × ".join(str(side) for side in picture.shape[1::-1])
        raise DataError(
            f"The picture measures {found} px, but the lens of {camera.name or 'the camera'} was calibrated with {width} × {height} px:"
            " take the picture as the camera wrote it, or calibrate for this size."
        )
    if picture.dtype not in (np.uint8, np.uint16, np.int16, np.float32, np.float64) or (
        picture.ndim == 3 and picture.shape[2] > 4
    ):
        raise DataError(f"A picture of {picture.dtype} with shape {picture.shape} cannot be drawn: convert it to 8 or 16 bits.")


def _cells(camera: Camera, grid: GroundGrid, z_m: float | NDArray[np.float64], worst_m_px: float) -> CellPixels:
    if isinstance(z_m, np.ndarray) and z_m.ndim:
        if z_m.shape != (grid.rows, grid.columns):
            raise DataError(
                f"The terrain has {z_m.shape} cells, the plan view {(grid.rows, grid.columns)}: draw it on the same net."
            )
        return _cell_pixels(camera, grid, np.asarray(z_m, dtype=np.float64), worst_m_px)
    return cell_pixels(camera, grid, float(z_m), worst_m_px)
