"""Outlines on the ground of what a mask marks in a picture: for the map, one polygon for each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import WORST_M_PX, PlaneGeoreference

if TYPE_CHECKING:
    from shapely import Polygon

#: Sides are cut into pieces of this many px before they are laid on the ground.
_PIECE_PX = 4.0


@dataclass(frozen=True, eq=False)
class GroundOutline:
    """One part of a mask.

    Attributes
    ----------
    ground : shapely Polygon
        In metres of the camera's system, with its holes.
    area_m2 : float
        On the earth: divided by the areal scale of the system.
    pixels : int
    """

    ground: Polygon
    area_m2: float
    pixels: int


def ground_outlines(
    mask: NDArray[np.bool_], place: PlaneGeoreference, *, worst_m_px: float = WORST_M_PX, least_m2: float = 0.0
) -> list[GroundOutline]:
    """The parts of a mask on the ground, the largest first; pixels that touch by a side are one part.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Of the size of the camera's picture.
    place : PlaneGeoreference
    worst_m_px : float
        Pixels that cover more than this along their coarser side are left out, as is the sky.
    least_m2 : float
        Smaller parts are left out.

    Raises
    ------
    DataError
        The mask has another size than the picture.
    """
    import shapely
    from rasterio.features import shapes

    lens = place.camera.intrinsics
    if mask.shape != (lens.height, lens.width):
        raise DataError(
            f"The mask measures {mask.shape[1]} × {mask.shape[0]} px, the picture {lens.width} × {lens.height} px: give its own."
        )
    rows, columns = np.nonzero(mask)
    good = np.zeros(mask.shape, dtype=np.uint8)
    coarse = place.resolution_m(columns + 0.5, rows + 0.5)
    good[rows, columns] = np.nan_to_num(coarse, nan=np.inf) <= worst_m_px
    found = []
    for geometry, _ in shapes(good, mask=good.astype(bool), connectivity=4):
        part = shapely.geometry.shape(geometry)
        cut = shapely.segmentize(part, _PIECE_PX)
        ground = shapely.transform(cut, lambda xy: np.column_stack(place.metres(xy[:, 0], xy[:, 1])))
        area = float(ground.area) / place.areal_scale
        if np.isfinite(area) and area >= least_m2:
            found.append(GroundOutline(ground, area, round(part.area)))
    return sorted(found, key=lambda each: -each.area_m2)
