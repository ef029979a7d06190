"""What a fixed camera's data need besides pictures: one YAML per camera, which names its control points and transects.

The file of a camera (`imagine_kernels.formats.camera_files`) with more in it; ``extrinsics`` may be missing where there are control points, from
which they are solved::

    name: clm_01
    crs: EPSG:32631
    intrinsics: {width_px: 640, …}
    control_points: clm_01_control_points.csv
    transects: clm_01_transects.geojson
    reference: clm_s_01_2024-10-01-09-00.png   # the picture on which the control points are marked
    beach_level_m: 1.2              # of the dry beach, on which wrack lies
    beach_level_error_m: 0.1
    beach_slope: 0.08               # tan β of the beach face
    tide_error_m: 0.05
    baseline: {sea: left, points: [[532600, 4382500], [532700, 4382600]]}

Paths are relative to the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.camera_files import read_camera_of, read_lens_of
from imagine_kernels.formats.yaml_text import read_yaml
from imagine_kernels.records.camera import Camera
from imagine_kernels.records.lens import Intrinsics


@dataclass(frozen=True, kw_only=True)
class CameraStation:
    """One fixed camera.

    Attributes
    ----------
    name : str
        Site and camera as in the names of its pictures, e.g. ``"clm_01"``.
    crs : str
    intrinsics : Intrinsics
    camera : Camera or None
        None where the pose must be solved from the control points.
    control_points, transects, reference : str
        Paths inside the source; empty where there are none.
    beach_level_m, beach_level_error_m, beach_slope, tide_error_m : float
        NaN where they are not said; the errors 0.
    baseline : tuple of (float, float)
        East and north, m; empty where there is none.
    sea : {"left", "right"}
        Of the baseline.
    """

    name: str
    crs: str
    intrinsics: Intrinsics
    camera: Camera | None = None
    control_points: str = ""
    transects: str = ""
    reference: str = ""
    beach_level_m: float = math.nan
    beach_level_error_m: float = 0.0
    beach_slope: float = math.nan
    tide_error_m: float = 0.0
    baseline: tuple[tuple[float, float], ...] = ()
    sea: Literal["left", "right"] = "left"


def find_stations(files: Files) -> list[str]:
    """The YAML files inside that hold a lens."""
    found = []
    for name in files.names(".yaml", ".yml"):
        with files.open(name) as file:
            if b"intrinsics" in file.read(65_536):
                found.append(name)
    return found


def read_station(files: Files, name: str) -> CameraStation:
    """Read one camera.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, or it says neither a pose nor control points, or a number that is none.
    """
    held = read_yaml(files, name)
    if not isinstance(held, dict):
        raise FormatError(f"{name} holds no camera: see the how-to on camera files.")
    camera = read_camera_of(files, name) if held.get("extrinsics") is not None else None
    folder = PurePosixPath(name).parent
    paths = {key: _path(held, key, folder, files, name) for key in ("control_points", "transects")}
    if camera is None and not paths["control_points"]:
        raise FormatError(
            f"{name} says neither the pose of the camera (extrinsics) nor control points to solve it from: give one of them."
        )
    said = held.get("baseline")
    points, sea = _baseline(said, name) if said is not None else ((), "left")
    slope = _real(held, "beach_slope", name, math.nan)
    if slope <= 0:
        raise FormatError(f"{name} says a beach_slope of {slope:g}: it is tan β, above 0, such as 0.08.")
    return CameraStation(
        name=str(held.get("name") or PurePosixPath(name).stem),
        crs=str(held.get("crs") or ""),
        intrinsics=camera.intrinsics if camera is not None else read_lens_of(held, name),
        camera=camera,
        control_points=paths["control_points"],
        transects=paths["transects"],
        reference=str(held.get("reference") or ""),
        beach_level_m=_real(held, "beach_level_m", name, math.nan),
        beach_level_error_m=_error(held, "beach_level_error_m", name),
        beach_slope=slope,
        tide_error_m=_error(held, "tide_error_m", name),
        baseline=points,
        sea=sea,
    )


def _path(held: Mapping[str, Any], key: str, folder: PurePosixPath, files: Files, name: str) -> str:
    given = held.get(key)
    if given is None:
        return ""
    path = (folder / str(given)).as_posix()
    if path not in files.names():
        raise FormatError(
            f"{name} names {str(given)[:80]!r} as {key}, which is not there: put it beside {PurePosixPath(name).name}."
        )
    return path


def _baseline(said: Any, name: str) -> tuple[tuple[tuple[float, float], ...], Literal["left", "right"]]:
    try:
        points = tuple((float(x), float(y)) for x, y in said["points"])
        sea: Literal["left", "right"] = {"left": "left", "right": "right"}[said["sea"]]  # type: ignore[assignment]
    except (KeyError, TypeError, ValueError):
        points, sea = (), "left"
    if len(points) < 2 or not all(math.isfinite(each) for point in points for each in point):
        raise FormatError(
            f"{name} holds a baseline that is none: give sea (left or right) and points, pairs of east and north in metres."
        )
    return points, sea


def _real(held: Mapping[str, Any], key: str, name: str, otherwise: float) -> float:
    given = held.get(key)
    if given is None:
        return otherwise
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise FormatError(f"{name} says {given!r} for {key}: give a finite number.")
    return float(given)


def _error(held: Mapping[str, Any], key: str, name: str) -> float:
    value = _real(held, key, name, 0.0)
    if value < 0:
        raise FormatError(f"{name} says {value:g} for {key}: a standard error is not negative.")
    return value
