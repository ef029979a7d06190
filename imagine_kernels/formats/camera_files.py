"""Our own file of a camera (YAML) and table of control points (CSV).

The YAML, whose names end in their units; pixels count the centre of the first one as (0.5, 0.5)::

    name: clm_s_01
    crs: EPSG:32631                 # places in metres; leave it out for local metres
    intrinsics: {width_px: 640, height_px: 480, cx_px: 320, cy_px: 240, fx_px: 700, fy_px: 700, d1: 0, d2: 0, d3: 0, t1: 0, t2: 0}
    extrinsics: {x_m: 532700, y_m: 4382500, z_m: 30, azimuth_deg: 90, tilt_deg: 75, swing_deg: 0}
    covariance: [[…6 numbers…], …]  # of the place (m) and of a turn about right, down, forward (rad), where it is known
    degrees_of_freedom: 10
    rmse_px: 0.8

The CSV of control points has the columns ``point, x_px, y_px, easting_m, northing_m, height_m``; lines before the header that begin with ``#``
may say ``# crs: EPSG:32631`` and ``# pixel_origin: 0.5`` (the centre of the first pixel: 0.5 here, 1 for MATLAB, 0 for OpenCV).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import decode_text
from imagine_kernels.formats.yaml_text import read_yaml
from imagine_kernels.records import Problem
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints
from imagine_kernels.records.lens import Intrinsics
from imagine_kernels.settings import placed

_LENS = {"cx_px": "cx", "cy_px": "cy", "fx_px": "fx", "fy_px": "fy"}
_DISTORTION = ("d1", "d2", "d3", "t1", "t2")
_POSE = ("x_m", "y_m", "z_m", "azimuth_deg", "tilt_deg", "swing_deg")
#: Column → other names of it.
_COLUMNS = {
    "point": ("name", "id", "number", "num", "gcp"),
    "x_px": ("x", "u", "u_px", "column", "col"),
    "y_px": ("y", "v", "v_px", "row"),
    "easting_m": ("easting", "e", "east", "x_m", "east_m"),
    "northing_m": ("northing", "n", "north", "y_m", "north_m"),
    "height_m": ("z", "z_m", "height", "elevation", "elevation_m", "h"),
}


def write_camera(camera: Camera, path: Path) -> Path:
    """Write a camera as YAML."""
    import yaml

    lens, pose = camera.intrinsics, camera.extrinsics.numbers
    angles = [math.degrees(each) for each in pose[3:]]
    said: dict[str, Any] = {"name": camera.name}
    if camera.crs:
        said["crs"] = camera.crs
    said["intrinsics"] = {
        "width_px": lens.width,
        "height_px": lens.height,
        **{name: getattr(lens, short) for name, short in _LENS.items()},
        **{name: getattr(lens, name) for name in _DISTORTION},
    }
    said["extrinsics"] = dict(zip(_POSE, [*pose[:3], *angles], strict=True))
    if camera.covariance is not None:
        said["covariance"] = [[float(each) for each in row] for row in camera.covariance]
    if camera.degrees_of_freedom is not None:
        said["degrees_of_freedom"] = camera.degrees_of_freedom
    if not math.isnan(camera.rmse_px):
        said["rmse_px"] = camera.rmse_px
    with placed(path) as passing:
        passing.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8", newline="\n")
    return path


def read_camera(path: Path) -> Camera:
    """Read a camera from YAML or JSON.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no YAML, or what it says is no camera.
    """
    with Files(path) as files:
        return read_camera_of(files, Path(path).name)


def read_camera_of(files: Files, name: str) -> Camera:
    """Read a camera from a file in a folder or zip; raises as `read_camera` does."""
    held = read_yaml(files, name)
    if not isinstance(held, dict) or not isinstance(held.get("extrinsics"), dict):
        raise FormatError(f"{name} holds no camera with intrinsics and extrinsics: see the how-to on camera files.")
    lens, pose = read_lens_of(held, name), held["extrinsics"]
    numbers = [_number(pose, key, name) for key in _POSE]
    if any(abs(angle) > 360 for angle in numbers[3:]):
        raise FormatError(f"{name} says angles beyond 360°: give azimuth_deg, tilt_deg and swing_deg in degrees.")
    covariance = None
    if held.get("covariance") is not None:
        try:
            covariance = np.asarray(held["covariance"], dtype=np.float64)
        except (TypeError, ValueError):
            covariance = np.empty(0)
        good = (
            covariance.shape == (6, 6)
            and bool(np.isfinite(covariance).all())
            and np.allclose(covariance, covariance.T, rtol=1e-6)
        )
        if not good or np.linalg.eigvalsh(covariance).min() < -1e-9 * max(1.0, float(np.abs(covariance).max())):
            raise FormatError(f"{name} holds a covariance that is none: give 6 × 6 numbers, symmetric, or leave it out.")
    freedom = held.get("degrees_of_freedom")
    if freedom is not None and (not isinstance(freedom, int) or freedom < 1):
        raise FormatError(f"{name} says {freedom!r} degrees of freedom: give a whole number above 0, or leave it out.")
    try:
        pose_in_rad = Extrinsics(*numbers[:3], *(math.radians(each) for each in numbers[3:]))
        rmse = _number(held, "rmse_px", name) if held.get("rmse_px") is not None else math.nan
        return Camera(lens, pose_in_rad, str(held.get("name") or ""), str(held.get("crs") or ""), covariance, freedom, rmse)
    except DataError as error:
        raise FormatError(f"{name}: {error}") from None


def read_lens_of(held: Any, name: str) -> Intrinsics:
    """The lens that a YAML holds, also without extrinsics; the principal point is the middle of the picture where it is not said.

    Raises
    ------
    FormatError
        It holds none.
    """
    said = held.get("intrinsics") if isinstance(held, dict) else None
    if not isinstance(said, dict):
        raise FormatError(f"{name} holds no intrinsics: give width_px, height_px, fx_px, fy_px, cx_px and cy_px.")
    width, height = (_number(said, key, name) for key in ("width_px", "height_px"))
    if not (width == int(width) and height == int(height) and 0 < width < 1e6 and 0 < height < 1e6):
        raise FormatError(f"{name} says a picture of {width:g} × {height:g} px: give whole numbers above 0.")
    middle = {"cx_px": width / 2, "cy_px": height / 2}
    values = {short: _number(said, key, name, middle.get(key)) for key, short in _LENS.items()}
    values |= {key: _number(said, key, name, 0.0) for key in _DISTORTION}
    try:
        return Intrinsics(width=int(width), height=int(height), **values)
    except DataError as error:
        raise FormatError(f"{name}: {error}") from None


def read_control_points(files: Files, name: str, *, crs: str = "") -> tuple[ControlPoints, list[Problem]]:
    """Read a table of control points; rows that cannot be used become problems.

    Parameters
    ----------
    files : Files
    name : str
    crs : str
        Where the file does not say it.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, it is no text, has not the columns, or is in degrees.
    """
    text, problems = decode_text(files.read(name), name)
    said, lines = _comments(text)
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=_delimiter(lines)))
    except csv.Error as error:
        raise FormatError(f"{name} cannot be read as a table ({error}): export it again as CSV.") from None
    if not any(any(cell.strip() for cell in row) for row in rows):
        raise FormatError(f"{name} is empty: give point, x_px, y_px, easting_m, northing_m, height_m.")
    head = next(k for k, row in enumerate(rows) if any(cell.strip() for cell in row))
    columns = _columns([cell.strip().lower() for cell in rows[head]], name)
    origin = _pixel_origin(said, name)
    names: list[str] = []
    numbers: list[list[float]] = []
    for k, row in enumerate(rows[head + 1 :], start=head + 2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            values = [float(row[columns[column]]) for column in list(_COLUMNS)[1:]]
        except (ValueError, IndexError):
            values = [math.nan]
        if not all(map(math.isfinite, values)):
            remedy = "give two pixels and three places in metres, or delete the row; it was left out"
            problems.append(Problem(item=name, line=k, what="a control point has a gap or no number", remedy=remedy))
            continue
        names.append(row[columns["point"]].strip() if "point" in columns and len(row) > columns["point"] else str(len(names) + 1))
        numbers.append(values)
    if not numbers:
        raise FormatError(
            f"{name} holds no control point that can be used: give two pixels and three places in metres in each row."
        )
    table = np.array(numbers)
    system = said.get("crs", crs)
    degrees = (
        (np.abs(table[:, 2]) <= 180).all() and (np.abs(table[:, 3]) <= 90).all() and np.ptp(table[:, 2:4], axis=0).max() < 0.5
    )
    if degrees:
        raise FormatError(f"{name} has places that look like longitude and latitude: give east and north in metres, e.g. in UTM.")
    return ControlPoints(tuple(names), table[:, :2] + (0.5 - origin), table[:, 2:], system), problems


def write_control_points(points: ControlPoints, path: Path) -> Path:
    """Write a table of control points."""
    with placed(path) as passing, passing.open("w", encoding="utf-8", newline="") as stream:
        if points.crs:
            stream.write(f"# crs: {points.crs}\n")
        stream.write("# pixel_origin: 0.5\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(list(_COLUMNS))
        for name, pixel, place in zip(points.names, points.pixels.tolist(), points.places.tolist(), strict=True):
            writer.writerow([name, *(repr(each) for each in pixel), *(repr(each) for each in place)])
    return path


def _comments(text: str) -> tuple[dict[str, str], list[str]]:
    said: dict[str, str] = {}
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            key, _, value = line.lstrip("# ").partition(":")
            said[key.strip().lower()] = value.strip()
            lines.append("")
        else:
            lines.append(line)
    return said, lines


def _pixel_origin(said: Mapping[str, str], name: str) -> float:
    given = said.get("pixel_origin", "0.5")
    if given not in ("0", "0.0", "0.5", "1", "1.0"):
        raise FormatError(f"{name} says the pixel_origin {given[:20]!r}: it is the centre of the first pixel, 0, 0.5 or 1.")
    return float(given)


def _delimiter(lines: list[str]) -> str:
    first = next((line for line in lines if line.strip()), "")
    return max(",;\t", key=first.count)


def _columns(header: list[str], name: str) -> dict[str, int]:
    found = {}
    for column, others in _COLUMNS.items():
        at = next((header.index(each) for each in (column, *others) if each in header), None)
        if at is not None:
            found[column] = at
    missing = [column for column in list(_COLUMNS)[1:] if column not in found]
    if missing:
        raise FormatError(f"{name} has no column {', '.join(missing)}: give point, x_px, y_px, easting_m, northing_m, height_m.")
    return found


def _number(said: Mapping[str, Any], key: str, name: str, otherwise: float | None = None) -> float:
    given = said.get(key, otherwise)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise FormatError(f"{name} says {given!r} for {key}: give a finite number.")
    return float(given)
