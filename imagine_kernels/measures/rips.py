"""Rip currents from oriented boxes: length, width, direction and place along the shore, each with its error.

A box of a picture becomes four places on the level of the sea. Seen obliquely its right angles are none on the ground, while the line along its
middle stays one: the longer of the two lines between the middles of opposite sides is the length, and its direction towards the sea that of
the rip; the width is the area over the length. The errors follow from the pose of the camera, the level and the four corners, each corner with an
error of its own, through derivatives.

References
----------
Castelle, B., Scott, T., Brander, R. W. and McCarroll, R. J. (2016): Rip current types, circulation and hazard. Earth-Science Reviews 163, 1-21.
doi:10.1016/j.earscirev.2016.09.008
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.camera_place import Z95, PlaneGeoreference, to_lonlat, widened
from imagine_kernels.measures.oriented_boxes import corners_of
from imagine_kernels.measures.shore_baseline import ShoreBaseline

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
#: Standard error of the corner of a box along one direction, px.
CORNER_PX = 2.0
#: Steps of the derivatives: m, rad, m of the level, px of the corners.
_STEPS = np.array([0.05] * 3 + [1e-5] * 3 + [0.05] + [0.05] * 8)


@dataclass(frozen=True, eq=False, kw_only=True)
class RipFrame:
    """One picture with the boxes that were found on it.

    Attributes
    ----------
    file : str
    time_utc : datetime
    boxes : (n, 5) float64 ndarray
        x and y of the centre, length, breadth in px, angle in degrees counter-clockwise, as in `imagine_kernels.measures.oriented_boxes`.
    confidence : (n,) float64 ndarray
    place : PlaneGeoreference
        The camera and the level of the sea.
    station : str
    """

    file: str
    time_utc: datetime
    boxes: Numbers
    confidence: Numbers
    place: PlaneGeoreference
    station: str = ""


def places_of_box(corners: Numbers, place: PlaneGeoreference) -> Numbers:
    """(4, 2) east and north of the corners (4, 2) of a box of the picture, m; NaN where one shows the sky."""
    east, north = place.metres(corners[:, 0], corners[:, 1])
    return np.column_stack([east, north])


def box_measures(quad: Numbers, baseline: ShoreBaseline | None = None) -> Numbers:
    """Length, width (m), direction (degrees clockwise from north), place along and off the shore (m) of four corners (4, 2) in turn.

    Without a baseline the direction is between 0 and 180 and the last two are NaN.
    """
    middles = (quad + np.roll(quad, -1, axis=0)) / 2
    axes = np.array([middles[2] - middles[0], middles[3] - middles[1]])
    lengths = np.hypot(axes[:, 0], axes[:, 1])
    long = int(lengths.argmax())
    axis, centre = axes[long], quad.mean(axis=0)
    x, y = (quad - quad[0]).T
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    if baseline is None:
        along = across = np.nan
        bearing = np.degrees(np.arctan2(axis[0], axis[1])) % 180.0
    else:
        alongs, offs = baseline.positions(centre[0], centre[1])
        along, across = float(alongs), float(offs)
        if float(axis @ baseline.seaward(along)) < 0:
            axis = -axis
        bearing = np.degrees(np.arctan2(axis[0], axis[1])) % 360.0
    width = area / lengths[long] if lengths[long] > 0 else 0.0
    return np.array([lengths[long], width, bearing, along, across])


def rip_table(frames: Iterable[RipFrame], *, baseline: ShoreBaseline | None = None, corner_px: float = CORNER_PX) -> pd.DataFrame:
    """One row per box.

    Parameters
    ----------
    frames : iterable of RipFrame
    baseline : ShoreBaseline, optional
        In the coordinate system of the cameras.
    corner_px : float
        Standard error of a corner along one direction, px.

    Returns
    -------
    DataFrame
        ``file, station, time_utc, confidence, length_m, width_m, bearing_deg, alongshore_m, offshore_m``, each quantity with ``_low`` and
        ``_high`` before its unit, ``lon_deg, lat_deg`` of the centre (NaN without a coordinate system), ``resolution_m_px, crs``.
        A box that does not lie on the ground as a whole has NaN.

    Raises
    ------
    DataError
        The baseline is in another coordinate system than a camera.
    """
    import pandas as pd

    names = [("length", "m"), ("width", "m"), ("bearing", "deg"), ("alongshore", "m"), ("offshore", "m")]
    rows: list[dict[str, Any]] = []
    for frame in frames:
        if baseline is not None and baseline.crs != frame.place.camera.crs:
            raise DataError(
                f"The baseline is in {baseline.crs or 'local metres'}, the camera of {frame.file} in {frame.place.camera.crs or 'local metres'}:"
                " give both in the same coordinate system."
            )
        for corners, confidence in zip(corners_of(frame.boxes), np.asarray(frame.confidence).ravel(), strict=True):
            values, errors = _with_errors(corners, frame.place, baseline, corner_px)
            row: dict[str, Any] = {
                "file": frame.file,
                "station": frame.station,
                "time_utc": frame.time_utc,
                "confidence": float(confidence),
            }
            for (name, unit), value, error in zip(names, values, errors, strict=True):
                low = max(0.0, value - Z95 * error) if name in ("length", "width") else value - Z95 * error
                row |= {f"{name}_{unit}": value, f"{name}_low_{unit}": low, f"{name}_high_{unit}": value + Z95 * error}
            centre = places_of_box(corners, frame.place).mean(axis=0)
            crs = frame.place.camera.crs
            lon, lat = to_lonlat(crs, centre[:1], centre[1:]) if crs else (np.array([np.nan]), np.array([np.nan]))
            middle = corners.mean(axis=0)
            row |= {"lon_deg": float(lon[0]), "lat_deg": float(lat[0])}
            row |= {"resolution_m_px": float(frame.place.resolution_m(middle[:1], middle[1:])[0]), "crs": crs}
            rows.append(row)
    columns = ["file", "station", "time_utc", "confidence"]
    columns += [f"{name}{end}_{unit}" for name, unit in names for end in ("", "_low", "_high")]
    table = pd.DataFrame(rows, columns=[*columns, "lon_deg", "lat_deg", "resolution_m_px", "crs"])
    table["time_utc"] = pd.to_datetime(table["time_utc"], utc=True)
    return table


def _with_errors(
    corners: Numbers, place: PlaneGeoreference, baseline: ShoreBaseline | None, corner_px: float
) -> tuple[Numbers, Numbers]:
    def measured(change: Numbers) -> Numbers:
        pose = place.camera.extrinsics.turned(change[3:6]).moved(change[:3])
        there = replace(place, camera=place.camera.at(pose), z_m=place.z_m + float(change[6]))
        quad = places_of_box(corners + change[7:].reshape(4, 2), there)
        return box_measures(quad, baseline) if np.isfinite(quad).all() else np.full(5, np.nan)

    values = measured(np.zeros(15))
    if not np.isfinite(values[0]):
        return np.full(5, np.nan), np.full(5, np.nan)
    columns = []
    for k, step in enumerate(_STEPS):
        change = np.zeros(15)
        change[k] = step
        moved = measured(change) - measured(-change)
        moved[2] = (moved[2] + 90.0) % 180.0 - 90.0  # an axis that turns through north
        columns.append(moved / (2 * step))
    J = np.column_stack(columns)
    S = np.zeros((15, 15))
    S[:6, :6] = widened(place.camera) if place.camera.covariance is not None else np.nan
    S[6, 6] = place.z_error_m**2
    S[range(7, 15), range(7, 15)] = corner_px**2
    return values, np.sqrt(np.diag(J @ S @ J.T))


def as_boxes(corners: ArrayLike) -> Numbers:
    """(n, 5) boxes, as `corners_of` takes them, of corners (n, 4, 2) in px that go round."""
    given = np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2)
    first, second = given[:, 1] - given[:, 0], given[:, 2] - given[:, 1]
    length, breadth = np.hypot(first[:, 0], first[:, 1]), np.hypot(second[:, 0], second[:, 1])
    angle = -np.degrees(np.arctan2(first[:, 1], first[:, 0]))
    return np.column_stack([given.mean(axis=1), length, breadth, angle])
