"""Sizes of litter items on the ground: the longest extent, from an outline or from a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane
from imagine_kernels.measures.photo_place import PhotoGeoreference
from imagine_kernels.records import Georeference
from imagine_kernels.records.shapes import Shape, rings

#: Limits of the size classes of floating litter, cm, and names of the classes between them (Galgani, F. et al. 2013: Guidance on Monitoring of
#: Marine Litter in European Seas, JRC83985, doi:10.2788/99475, chapter 4).
LIMITS_CM = (2.5, 5.0, 10.0, 20.0, 30.0, 50.0)
SIZE_CLASSES = ("< 2.5 cm", "2.5-5 cm", "5-10 cm", "10-20 cm", "20-30 cm", "30-50 cm", "> 50 cm")
#: Where sizes are not known.
UNKNOWN_SIZE = "unknown"


def size_class(sizes_cm: ArrayLike) -> NDArray[np.object_]:
    """The class of each size (n,): from its lower limit on, below the upper one; `UNKNOWN_SIZE` for NaN."""
    sizes = np.asarray(sizes_cm, dtype=np.float64)
    names = np.array([*SIZE_CLASSES, UNKNOWN_SIZE], dtype=object)
    at = np.where(np.isnan(sizes), len(SIZE_CLASSES), np.searchsorted(LIMITS_CM, sizes, side="right"))
    return np.asarray(names[at])


def size_cm(shape: Shape, georeference: Georeference) -> tuple[float, bool]:
    """Longest extent of an item on the ground, cm, and whether it is only an upper bound.

    The outline is laid on the ground point by point, so that a tilted photo does not stretch it, and its largest Feret diameter is taken: the
    largest distance of two of its points. Of a box nothing is known but its diagonal: no item in it is longer, so it is an upper bound.

    Parameters
    ----------
    shape : Shape
        A polygon, rotated rectangle or mask; of a plain rectangle the diagonal counts.
    georeference : Georeference

    Returns
    -------
    size_cm : float
        NaN where a point does not lie on the ground.
    bound : bool

    Raises
    ------
    DataError
        The shape has no extent.
    """
    points, bound = _outline(shape)
    if isinstance(georeference, PhotoGeoreference):
        # A drone photo has its own plane in metres, which spares a projection for each item.
        length = longest_m(*georeference.metres(points[:, 0], points[:, 1]))
        return 100 * length, bound
    lon, lat = georeference.lonlat(points[:, 0], points[:, 1])
    if not np.isfinite(lon).all():
        return float("nan"), bound
    east, north = LocalPlane(float(lon[0]), float(lat[0])).metres(lon, lat)
    return 100 * longest_m(east, north), bound


def longest_m(east_m: ArrayLike, north_m: ArrayLike) -> float:
    """Largest distance between two of some points (n,), m: the maximum Feret diameter; NaN where one is not known."""
    points = np.column_stack([np.asarray(east_m, dtype=np.float64), np.asarray(north_m, dtype=np.float64)])
    if not np.isfinite(points).all():
        return float("nan")
    if len(points) > 200:
        from shapely import MultiPoint

        hull = MultiPoint(points).convex_hull
        points = np.array(hull.exterior.coords if hull.geom_type == "Polygon" else hull.coords)
    gaps = points[:, None, :] - points[None, :, :]
    return float(np.sqrt((gaps**2).sum(axis=2).max(initial=0.0)))


def _outline(shape: Shape) -> tuple[NDArray[np.float64], bool]:
    """Points (n, 2) in px, and whether they are only those of a box."""
    numbers = shape.numbers
    if shape.kind == "polygon":
        return np.array([point for ring in rings(numbers) for point in ring], dtype=np.float64), False
    if shape.kind == "rotated_rectangle":
        x, y, width, height, degrees = numbers
        turn = np.radians(degrees)
        across = np.array([np.cos(turn), np.sin(turn)]) * width / 2
        along = np.array([-np.sin(turn), np.cos(turn)]) * height / 2
        # The longer side of a turned box is that of the item; its diagonal is a bound.
        corners = np.array([-across - along, across - along, across + along, along - across])
        return corners + np.array([x, y]), True
    if shape.kind == "mask":
        return _mask_corners(numbers), False
    box = shape.box
    if box is None or shape.kind in ("point", "line", "keypoints"):
        raise DataError(f"A {shape.kind} has no size: mark items with a box, an outline or a mask.")
    x_min, y_min, x_max, y_max = box
    return np.array([[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]], dtype=np.float64), True


def _mask_corners(numbers: tuple[float, ...]) -> NDArray[np.float64]:
    """Corners of the first and last px of each column of a mask: its hull goes through some of them."""
    x, y, _, height = (int(each) for each in numbers[:4])
    ends = np.cumsum(np.array(numbers[4:], dtype=np.int64))
    corners = []
    for start, end in zip(ends[0::2], ends[1::2], strict=False):
        if end <= start:
            continue
        for at in {int(start), int(end) - 1, *range(-(-int(start) // height) * height, int(end), height)}:
            column, row = divmod(at, height)
            left, top = x + column, y + row
            corners += [[left, top], [left + 1, top], [left, top + 1], [left + 1, top + 1]]
        for at in range((int(start) // height + 1) * height - 1, int(end), height):
            column, row = divmod(at, height)
            left, top = x + column, y + row
            corners += [[left, top + 1], [left + 1, top + 1]]
    if not corners:
        raise DataError("A mask has no px: mark the item, or delete it.")
    return np.array(corners, dtype=np.float64)
