"""Wrack on the beach (banquettes of *Posidonia*): area in m² with its error, and how much of the dry beach it covers.

Each pixel covers ``|det dX/dpx|`` m² of the level on which the wrack lies (the dry beach, not the tide), and the area is the sum over the pixels
of a class, divided by the areal scale of the coordinate system. Pixels that cover more than a limit along their coarser side are left out, and
their share is told. The standard error adds, as squares,

* the pose of the camera and the level: the derivative of the area by each of their seven numbers, through their covariance;
* the outline: all of it may lie so many px too far out or in (`boundary_px`), which moves the area by that times the area of a rim of one px;
* a share of the area, where a model is known to mark too much or too little by it.

References
----------
Holland, K. T. et al. (1997): Practical use of video imagery in nearshore oceanographic field studies. IEEE Journal of Oceanic Engineering 22,
81-92. doi:10.1109/48.557542
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import WORST_M_PX, Z95, PlaneGeoreference, widened
from imagine_kernels.records import Shape
from imagine_kernels.records.camera import Extrinsics, sides
from imagine_kernels.records.lens import Intrinsics
from imagine_kernels.records.shapes import rings

if TYPE_CHECKING:
    import pandas as pd
    from shapely import Geometry

Numbers = NDArray[np.float64]
#: How far an outline may lie off as a whole, standard error, px: anywhere between half a px in and half a px out.
BOUNDARY_PX = 0.5 / 3**0.5
#: Classes of SOCIB's BWILD set.
CLASSES = {1: "dense wrack", 2: "intermediate wrack"}
#: What is all classes together is called so.
ALL_WRACK = "all wrack"
#: Sides of polygons are cut into pieces of this many px before they are laid on the ground, where straight lines of a picture may be curves.
_PIECE_PX = 4.0
#: Steps of the derivatives: m and rad.
_STEPS = np.array([0.05, 0.05, 0.05, 1e-5, 1e-5, 1e-5])


@dataclass(frozen=True, slots=True)
class GroundArea:
    """An area on the ground.

    Attributes
    ----------
    area_m2, standard_error_m2 : float
        The error is NaN where that of the camera is not known.
    masked_share : float
        Share of the pixels that were left out because they are seen too coarsely or show the sky; 0 to 1.
    pixels : int
        That were counted.
    """

    area_m2: float
    standard_error_m2: float
    masked_share: float
    pixels: int

    @property
    def low_m2(self) -> float:
        """Lower end of the 95 % interval, not below 0."""
        return max(0.0, self.area_m2 - Z95 * self.standard_error_m2)

    @property
    def high_m2(self) -> float:
        """Upper end of the 95 % interval."""
        return self.area_m2 + Z95 * self.standard_error_m2


def mask_area(
    mask: NDArray[np.bool_],
    place: PlaneGeoreference,
    *,
    worst_m_px: float = WORST_M_PX,
    boundary_px: float = BOUNDARY_PX,
    error_share: float = 0.0,
) -> GroundArea:
    """Area of the pixels of a mask on the ground.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Of the size of the camera's picture.
    place : PlaneGeoreference
        The camera and the level of the beach, with their errors.
    worst_m_px : float
        Pixels that cover more than this along their coarser side are left out.
    boundary_px : float
        How far the outline may lie off as a whole, standard error, px.
    error_share : float
        Further standard error, as a share of the area.

    Raises
    ------
    DataError
        The mask has another size than the picture.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    lens = place.camera.intrinsics
    if mask.shape != (lens.height, lens.width):
        raise DataError(
            f"The mask measures {mask.shape[1]} × {mask.shape[0]} px, the picture of the camera {lens.width} × {lens.height} px:"
            " give the mask of this picture."
        )
    pieces = _Pieces.of(mask, place, worst_m_px)
    marked = int(mask.sum())
    if not marked:
        return GroundArea(0.0, 0.0, 0.0, 0)
    masked = 1 - len(pieces.covered) / marked
    if not len(pieces.covered):
        return GroundArea(0.0, np.nan, masked, 0)
    area = pieces.area(place)
    # Half of a rim of one px on either side of the outline; what the edge of the picture cuts is no outline.
    rim = _Pieces.of(binary_dilation(mask) & ~binary_erosion(mask, border_value=1), place, worst_m_px).area(place) / 2
    variance = (boundary_px * rim) ** 2 + (error_share * area) ** 2 + _pose_variance(place, pieces)
    return GroundArea(area, float(np.sqrt(variance)), masked, len(pieces.covered))


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Pixels as directions (n, 3) to the right, down and forward, and how much of the field of directions (n,) each covers.

    Of a plane H below the camera a direction whose ray falls by r_z per unit forward covers ``H² / |r_z|³`` times that: the determinant of the
    homography between the two planes.
    """

    directions: Numbers
    covered: Numbers

    @classmethod
    def of(cls, mask: NDArray[np.bool_], place: PlaneGeoreference, worst_m_px: float) -> _Pieces:
        """Those of a mask that are seen well enough."""
        camera = place.camera
        right, down, covered = (each[mask] for each in _directions(camera.intrinsics))
        coarse = sides(camera.ground_along(right, down, place.z_m))[1]
        good = np.nan_to_num(coarse, nan=np.inf) <= worst_m_px
        return cls(np.column_stack([right, down, np.ones_like(right)])[good], covered[good])

    def area(self, place: PlaneGeoreference) -> float:
        """m² on the ground."""
        return self.seen_from(place.camera.extrinsics, place.z_m) / place.areal_scale

    def seen_from(self, pose: Extrinsics, z_m: float) -> float:
        """m² of the coordinate system."""
        falls = np.abs(self.directions @ pose.axes[:, 2])
        return (pose.z_m - z_m) ** 2 * float((self.covered / falls**3).sum())


@lru_cache(maxsize=2)
def _directions(lens: Intrinsics) -> tuple[Numbers, Numbers, Numbers]:
    """(H, W) each: the direction to the right and down of every pixel, and how much of the field of directions it covers."""
    right, down = lens.seen(np.arange(lens.width)[None, :] + 0.5, np.arange(lens.height)[:, None] + 0.5)
    return right, down, 1 / np.abs(lens.magnification(right, down))


def _pose_variance(place: PlaneGeoreference, pieces: _Pieces) -> float:
    """Variance of the area (m⁴) from the pose and the level; NaN where the error of the pose is not known."""
    if place.camera.covariance is None:
        return float("nan")
    pose = place.camera.extrinsics
    gradient = []
    for k, step in enumerate(_STEPS):
        sides = []
        for sign in (1.0, -1.0):
            change = np.zeros(6)
            change[k] = sign * step
            sides.append(pieces.seen_from(pose.turned(change[3:]).moved(change[:3]), place.z_m) / place.areal_scale)
        gradient.append((sides[0] - sides[1]) / (2 * step))
    g = np.array(gradient)
    # A higher level is a lower camera.
    return float(g @ widened(place.camera) @ g + (g[2] * place.z_error_m) ** 2)


@dataclass(frozen=True, eq=False, kw_only=True)
class WrackFrame:
    """One picture with what was found on it.

    Attributes
    ----------
    file : str
    time_utc : datetime
    classes : (H, W) uint8 ndarray
        0 for what is no wrack, else a class.
    place : PlaneGeoreference
    station : str
    dry_beach : (H, W) bool ndarray or None
        What the cover is a share of; None where it is not known.
    """

    file: str
    time_utc: datetime
    classes: NDArray[np.uint8]
    place: PlaneGeoreference
    station: str = ""
    dry_beach: NDArray[np.bool_] | None = None


def wrack_table(
    frames: Iterable[WrackFrame],
    *,
    classes: Mapping[int, str] = CLASSES,
    worst_m_px: float = WORST_M_PX,
    boundary_px: float = BOUNDARY_PX,
    error_share: float = 0.0,
) -> pd.DataFrame:
    """Area and cover of each class in each picture, and of all classes together.

    Returns
    -------
    DataFrame
        ``file, station, time_utc, label, area_m2, area_low_m2, area_high_m2, area_standard_error_m2, cover_percent, cover_low_percent,
        cover_high_percent, masked_percent, level_m, crs``; a class that is not there has a row with 0.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for frame in frames:
        options = {"worst_m_px": worst_m_px, "boundary_px": boundary_px, "error_share": error_share}
        beach = (
            None
            if frame.dry_beach is None
            else mask_area(frame.dry_beach, frame.place, worst_m_px=worst_m_px, boundary_px=0.0).area_m2
        )
        wanted = {name: frame.classes == value for value, name in classes.items()} | {
            ALL_WRACK: np.isin(frame.classes, list(classes))
        }
        for name, mask in wanted.items():
            found = mask_area(mask, frame.place, **options)
            share = 100 / beach if beach else np.nan
            rows.append(
                {
                    "file": frame.file,
                    "station": frame.station,
                    "time_utc": frame.time_utc,
                    "label": name,
                    "area_m2": found.area_m2,
                    "area_low_m2": found.low_m2,
                    "area_high_m2": found.high_m2,
                    "area_standard_error_m2": found.standard_error_m2,
                    "cover_percent": found.area_m2 * share,
                    "cover_low_percent": found.low_m2 * share,
                    "cover_high_percent": min(found.high_m2 * share, 100.0),
                    "masked_percent": 100 * found.masked_share,
                    "level_m": frame.place.z_m,
                    "crs": frame.place.camera.crs,
                }
            )
    columns = [
        "file",
        "station",
        "time_utc",
        "label",
        "area_m2",
        "area_low_m2",
        "area_high_m2",
        "area_standard_error_m2",
        "cover_percent",
    ]
    columns += ["cover_low_percent", "cover_high_percent", "masked_percent", "level_m", "crs"]
    table = pd.DataFrame(rows, columns=columns)
    table["time_utc"] = pd.to_datetime(table["time_utc"], utc=True)
    return table


def on_the_ground(shape: Shape, place: PlaneGeoreference) -> Geometry:
    """A polygon of the picture on the ground, in metres of the camera's system; its further rings are parts or holes (even-odd rule).

    Raises
    ------
    DataError
        It is no polygon, or some of it does not lie on the ground, such as in the sky.
    """
    import shapely

    if shape.kind != "polygon":
        raise DataError(f"A {shape.kind} has no area on the ground here: draw a polygon.")
    whole: Geometry = shapely.Polygon()
    for ring in rings(shape.numbers):
        closed = shapely.segmentize(shapely.LinearRing(ring), _PIECE_PX)
        xy = shapely.get_coordinates(closed)
        east, north = place.metres(xy[:, 0], xy[:, 1])
        if not np.isfinite(east).all():
            raise DataError("A part of the polygon shows the sky or lies where the lens draws nothing: draw it on the beach.")
        whole = shapely.symmetric_difference(whole, shapely.make_valid(shapely.Polygon(np.column_stack([east, north]))))
    return whole


def polygon_area(shape: Shape, place: PlaneGeoreference) -> float:
    """Area of a polygon of the picture on the ground, m²; raises as `on_the_ground` does."""
    return float(on_the_ground(shape, place).area) / place.areal_scale


def in_lonlat(geometry: Geometry, place: PlaneGeoreference) -> Geometry:
    """A geometry in metres of the camera's system, in longitude and latitude for a map."""
    import shapely

    from imagine_kernels.measures.camera_place import to_lonlat

    return shapely.transform(geometry, lambda xy: np.column_stack(to_lonlat(place.camera.crs, xy[:, 0], xy[:, 1])))
