"""Files of the CIRN Quantitative Coastal Imaging Toolbox: cameras, control points and grids as MATLAB 5 .mat and text.

``intrinsics`` is NU NV c0U c0V fx fy d1 d2 d3 t1 t2, ``extrinsics`` x y z azimuth tilt swing (m, radians), for a drone one row per frame with
``t`` in days of MATLAB. Positions in pictures count the centre of the first pixel as (1, 1), as MATLAB does, and are converted here.
No .mat is run: only arrays and structures are read.

References
----------
Bruder, B. L. and Brodie, K. L. (2020): CIRN Quantitative Coastal Imaging Toolbox. SoftwareX 12, 100582. doi:10.1016/j.softx.2020.100582
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import ControlPoints, GroundGrid
from imagine_kernels.records.lens import Intrinsics
from imagine_kernels.settings import placed

Numbers = NDArray[np.float64]
#: A larger .mat is refused (bytes).
MAX_BYTES = 512 * 1024**2
#: What MATLAB calls 1 is 0.5 here.
_MATLAB = -0.5
#: MATLAB counts days from the year 0, Python's ordinals from the year 1.
_MATLAB_DAYS = 366


@dataclass(frozen=True, eq=False)
class CirnCamera:
    """What a file of CIRN says of a camera.

    Attributes
    ----------
    intrinsics : Intrinsics
    extrinsics : tuple of Extrinsics
        One; of a drone one per frame; none in a file of intrinsics only.
    times_utc : tuple of datetime
        One per pose where the file says it, else empty.
    coordinate_system : str
        In CIRN's words; empty where the file does not say it.
    standard_errors : (6,) ndarray or None
        Of x, y, z (m) and azimuth, tilt, swing (rad), where the file holds them.
    points : ControlPoints or None
        That the first pose was solved from, where the file holds them.
    """

    intrinsics: Intrinsics
    extrinsics: tuple[Extrinsics, ...]
    times_utc: tuple[datetime, ...] = ()
    coordinate_system: str = ""
    standard_errors: Numbers | None = None
    points: ControlPoints | None = None

    def camera(self, frame: int = 0, *, name: str = "", crs: str = "") -> Camera:
        """The camera at one of its poses.

        Raises
        ------
        DataError
            There is no such pose.
        """
        if not 0 <= frame < len(self.extrinsics):
            raise DataError(
                f"The file holds {len(self.extrinsics)} poses of the camera, none of the number {frame}: solve it first."
            )
        return Camera(self.intrinsics, self.extrinsics[frame], name, crs)


def read_cirn_camera(path: Path) -> CirnCamera:
    """Read a camera: intrinsics, and extrinsics where they are there; also CalTech calibrations (``fc cc kc nx ny``).

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no MATLAB file of version 7 or before, or holds no camera.
    """
    held = _read_mat(path)
    if "intrinsics" not in held and {"fc", "cc", "kc"} <= set(held):
        return CirnCamera(_caltech(held, path), ())
    if "intrinsics" not in held:
        raise FormatError(
            f"{path.name} holds no intrinsics but {', '.join(sorted(held)) or 'nothing'}: give a camera file of CIRN."
        )
    try:
        intrinsics = Intrinsics.from_cirn(_numbers(held["intrinsics"], "intrinsics", path))
        rows = _numbers(held["extrinsics"], "extrinsics", path).reshape(-1, 6) if "extrinsics" in held else np.empty((0, 6))
        poses = tuple(Extrinsics(*(float(each) for each in row)) for row in rows)
    except (DataError, ValueError) as error:
        raise FormatError(f"{path.name} holds no camera ({error}): export it again from CIRN.") from None
    days = _numbers(held["t"], "t", path).ravel() if "t" in held else np.empty(0)
    times = tuple(_from_matlab_day(float(day)) for day in days) if len(days) == len(poses) and np.isfinite(days).all() else ()
    meta = held.get("initialCamSolutionMeta")
    errors = np.asarray(getattr(meta, "extrinsicsUncert", []), dtype=np.float64).ravel() if meta is not None else np.empty(0)
    return CirnCamera(
        intrinsics,
        poses,
        times,
        str(getattr(meta, "worldCoordSys", "")) if meta is not None else "",
        errors if errors.shape == (6,) else None,
        _solved_points(meta) if meta is not None else None,
    )


def write_cirn_camera(path: Path, camera: Camera | CirnCamera) -> Path:
    """Write ``intrinsics`` and ``extrinsics`` (and ``t`` of a drone) as a .mat of version 5."""
    from scipy.io import savemat

    given = camera if isinstance(camera, CirnCamera) else CirnCamera(camera.intrinsics, (camera.extrinsics,))
    values: dict[str, Any] = {"intrinsics": given.intrinsics.to_cirn()[None, :]}
    if given.extrinsics:
        values["extrinsics"] = np.array([pose.numbers for pose in given.extrinsics])
    if given.times_utc:
        values["t"] = np.array([[_to_matlab_day(time) for time in given.times_utc]])
    with placed(path) as passing, passing.open("wb") as stream:
        savemat(stream, values, do_compression=True)
    return path


def read_cirn_points(marked: Path, places: Path, *, crs: str = "") -> ControlPoints:
    """Read control points: where they are marked (``gcp`` with ``UVd`` and ``num``, .mat) and where they lie (number, E, N, Z; text).

    Raises
    ------
    DataNotFound, FormatError
        A file is missing, is of another kind, or the numbers do not match.
    """
    held = _read_mat(marked)
    if "gcp" not in held:
        raise FormatError(
            f"{marked.name} holds no gcp but {', '.join(sorted(held)) or 'nothing'}: give the marked control points of CIRN."
        )
    surveyed = read_cirn_survey(places)
    names, pixels = [], []
    for each in np.atleast_1d(held["gcp"]):
        spot = np.asarray(getattr(each, "UVd", []), dtype=np.float64).ravel()
        if spot.shape != (2,) or not hasattr(each, "num"):
            raise FormatError(f"{marked.name} holds a control point without UVd and num: mark it again.")
        names.append(f"{float(each.num):g}")
        pixels.append(spot + _MATLAB)
    missing = [name for name in names if name not in surveyed]
    if missing:
        raise FormatError(
            f"{places.name} has no place for the control points {', '.join(missing[:5])}: give the survey that belongs to them."
        )
    return ControlPoints(
        tuple(names), np.array(pixels).reshape(-1, 2), np.array([surveyed[name] for name in names]).reshape(-1, 3), crs
    )


def read_cirn_survey(path: Path) -> dict[str, Numbers]:
    """Number of each control point → (3,) east, north and height, m, of a text with number, E, N, Z per line.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, or a line is not four numbers.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataNotFound.no_such_path(path) from None
    except (UnicodeDecodeError, OSError):
        raise FormatError(f"{path.name} is no text with number, east, north and height per line: export it again.") from None
    found: dict[str, Numbers] = {}
    for k, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            number, *place = (float(cell) for cell in re.split(r"[,;\s]+", line.strip()))
        except ValueError:
            place = []
        if len(place) != 3 or not np.isfinite(place).all():
            raise FormatError(f"{path.name}, line {k} is not number, east, north, height: correct it.")
        found[f"{number:g}"] = np.array(place)
    if not found:
        raise FormatError(f"{path.name} is empty: give number, east, north and height of each control point.")
    return found


def read_cirn_grid(path: Path, *, crs: str = "") -> GroundGrid:
    """Read a rectification grid: ``localX localY localOrigin localAngle``, or ``X Y`` in world coordinates.

    The cells of the grid have their centres at the points of the file, and the first row is the one with the largest y.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, or it holds no regular grid.
    """
    held = _read_mat(path)
    local = {"localX", "localY", "localOrigin", "localAngle"} <= set(held)
    if not local and not {"X", "Y"} <= set(held):
        raise FormatError(
            f"{path.name} holds no grid but {', '.join(sorted(held)) or 'nothing'}: give a rectification grid of CIRN."
        )
    X, Y = (np.atleast_2d(_numbers(held[name], name, path)) for name in (("localX", "localY") if local else ("X", "Y")))
    if X.shape != Y.shape or min(X.shape) < 2:
        raise FormatError(f"{path.name} holds a grid whose X and Y do not belong together: make it again.")
    x, y, step = X[0], Y[:, 0], float(X[0, 1] - X[0, 0])
    regular = (
        np.allclose(np.diff(x), step, atol=1e-4)
        and np.allclose(np.abs(np.diff(y)), step, atol=1e-4)
        and np.allclose(X, x, atol=1e-4)
    )
    if not regular or step <= 0:
        raise FormatError(f"{path.name} holds a grid whose cells are not squares in rows: make it again with one spacing.")
    west, north = float(x.min()) - step / 2, float(y.max()) + step / 2
    if not local:
        return GroundGrid(west, north, step, X.shape[1], X.shape[0], 0.0, crs)
    angle, origin = (
        float(_numbers(held["localAngle"], "localAngle", path).ravel()[0]),
        _numbers(held["localOrigin"], "localOrigin", path).ravel(),
    )
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    corner = origin[:2] + np.array([c * west - s * north, s * west + c * north])
    return GroundGrid(float(corner[0]), float(corner[1]), step, X.shape[1], X.shape[0], angle, crs)


def _read_mat(path: Path) -> Mapping[str, Any]:
    from scipy.io import loadmat

    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DataNotFound.no_such_path(path) from None
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}): check its permissions.") from None
    if len(data) > MAX_BYTES:
        raise FormatError(f"{path.name} is larger than {MAX_BYTES // 1024**2} MB: export the camera alone.")
    try:
        held = loadmat(io.BytesIO(data), squeeze_me=True, struct_as_record=False)
    except NotImplementedError:
        raise FormatError(f"{path.name} is a .mat of version 7.3: save it in MATLAB with -v7.") from None
    except Exception as error:
        raise FormatError(f"{path.name} cannot be read as a .mat ({type(error).__name__}): export it again.") from None
    return {str(name): value for name, value in held.items() if name is not None and not str(name).startswith("__")}


def _numbers(value: Any, name: str, path: Path) -> Numbers:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise FormatError(f"{path.name} holds {name} that is no array of numbers: export it again.") from None


def _caltech(held: Mapping[str, Any], path: Path) -> Intrinsics:
    if not {"nx", "ny"} <= set(held):
        raise FormatError(f"{path.name} does not say the size of the picture (nx, ny): export the calibration again.")
    cc, fc, kc, nx, ny = (_numbers(held[name], name, path).ravel() for name in ("cc", "fc", "kc", "nx", "ny"))
    if (len(cc), len(fc), len(kc), len(nx), len(ny)) != (2, 2, 5, 1, 1):
        raise FormatError(f"{path.name} holds no calibration of Caltech's toolbox: export it again.")
    # CIRN takes the principal point over as it is, and marks in MATLAB's pixels: do as it does.
    return Intrinsics.from_cirn([nx[0], ny[0], *cc, *fc, kc[0], kc[1], kc[4], kc[2], kc[3]])


def _solved_points(meta: Any) -> ControlPoints | None:
    used = np.atleast_1d(getattr(meta, "gcps", []))
    rows = []
    for each in used:
        spot = np.asarray(getattr(each, "UVd", []), dtype=np.float64).ravel()
        if spot.shape != (2,) or not all(hasattr(each, name) for name in ("num", "x", "y", "z")):
            return None
        rows.append((f"{float(each.num):g}", spot + _MATLAB, (float(each.x), float(each.y), float(each.z))))
    if not rows:
        return None
    names, pixels, places = zip(*rows, strict=True)
    return ControlPoints(tuple(names), np.array(pixels), np.array(places))


def _from_matlab_day(day: float) -> datetime:
    return datetime.fromordinal(1).replace(tzinfo=UTC) + timedelta(days=day - _MATLAB_DAYS - 1)


def _to_matlab_day(time: datetime) -> float:
    return (time - datetime.fromordinal(1).replace(tzinfo=UTC)) / timedelta(days=1) + _MATLAB_DAYS + 1
