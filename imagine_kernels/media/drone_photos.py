"""Drone photos with where their camera hung: metadata, settings and what is known of sensors, joined to a `PhotoGeometry` each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError, DataNotFound, SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.photo_metadata import PhotoMetadata, read_photo_metadata
from imagine_kernels.records import Problem, Progress
from imagine_kernels.records.photo_geometry import PhotoGeometry

SUFFIXES = (".jpg", ".jpeg", ".tif", ".tiff", ".png", ".webp")
#: Diagonal of a frame of 35 mm film, mm: CIPA DCG-001 (2005) defines equivalent focal lengths by diagonals.
FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)

#: Standard error along one direction of a position by satellites alone, m. DJI states ± 1.5 m for hovering by them (Phantom 4, specifications),
#: and the 4.9 m within which GPS.gov (2022) states phones to be under open sky are 2.0 m along one direction, if they hold for 95 %.
HORIZONTAL_ERROR_M = 2.0
#: Standard error of a height by barometer over a flight, m: 0.12 hPa of weather or wind; DJI states ± 0.5 m for hovering (as above).
HEIGHT_ERROR_M = 1.0
#: What is left where the receiver states a few mm: lever arm and moment of the shutter, m.
LEAST_POSITION_ERROR_M = 0.02
#: Standard error of the height of the beach under a photo over that of the place of take-off, m: half a metre of slope.
TERRAIN_ERROR_M = 0.5
#: Standard errors of the direction of the optical axis and of the heading by compass, degrees. Gimbals hold to 0.02° what they take for level,
#: which itself is off by 0.5 to 1°.
TILT_ERROR_DEG = 1.0
YAW_ERROR_DEG = 3.0
#: Standard error of a focal length as a share of it: calibrated, by the sensor, by the whole millimetres of the equivalent one.
FOCAL_ERROR = {"calibrated": 0.002, "sensor": 0.01, "equivalent": 0.02}
#: RtkFlag from which on the standard errors of the receiver are taken.
_RTK_FIXED = 50

#: Settings that are taken, with the lowest and highest value.
LIMITS: dict[str, tuple[float, float]] = {
    "altitude_m": (0.1, 10_000.0),
    "takeoff_above_beach_m": (-1000.0, 1000.0),
    "focal_length_mm": (0.1, 5000.0),
    "sensor_width_mm": (0.1, 500.0),
    "yaw_deg": (-360.0, 360.0),
    "pitch_deg": (-180.0, 0.0),
    "horizontal_error_m": (0.0, 10_000.0),
    "height_error_m": (0.0, 10_000.0),
    "terrain_error_m": (0.0, 10_000.0),
    "tilt_error_deg": (0.0, 45.0),
    "yaw_error_deg": (0.0, 180.0),
}


@dataclass(frozen=True, kw_only=True)
class DronePhoto:
    """One photo of a source.

    Attributes
    ----------
    metadata : PhotoMetadata
    geometry : PhotoGeometry or None
        None where too little is known to place it.
    """

    metadata: PhotoMetadata
    geometry: PhotoGeometry | None

    @property
    def name(self) -> str:
        """Its path inside the source."""
        return self.metadata.name


def read_drone_photos(
    files: Files, settings: Mapping[str, Any], *, names: Sequence[str] | None = None, progress: Progress | None = None
) -> tuple[list[DronePhoto], list[Problem]]:
    """Read the metadata of all photos; what cannot be read or placed is a problem, and the others are done.

    Parameters
    ----------
    files : Files
    settings : mapping
        Of `LIMITS`; each goes before what the photos say. None means not given.
    names : sequence of str, optional
        Only these; by itself all pictures.

    Raises
    ------
    DataNotFound
        There is no picture.
    SettingError
        A setting is no number, or outside of its limits.
    """
    given = checked_settings(settings)
    chosen = list(files.names(*SUFFIXES)) if names is None else list(names)
    if not chosen:
        raise DataNotFound.empty(files.path, "photos (JPEG, TIFF, PNG, WebP)")
    photos: list[DronePhoto] = []
    problems: list[Problem] = []
    for k, name in enumerate(chosen):
        if progress is not None:
            progress(k, len(chosen), "photos read")
        try:
            metadata = read_photo_metadata(files, name)
        except DataError as error:
            problems.append(Problem(item=name, what=str(error).removeprefix(f"{name} ").rstrip("."), remedy="it was left out"))
            continue
        geometry, noted = photo_geometry(metadata, given)
        photos.append(DronePhoto(metadata=metadata, geometry=geometry))
        problems += noted
    return photos, [*problems, *_same_places(photos)]


def checked_settings(settings: Mapping[str, Any]) -> dict[str, float]:
    """Those settings that are given, as numbers.

    Raises
    ------
    SettingError
        One is no number, or outside of its limits.
    """
    found: dict[str, float] = {}
    for name, (low, high) in LIMITS.items():
        value = settings.get(name)
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not low <= number <= high:
            raise SettingError(f"The setting {name} is {value!r}: give a number from {low:g} to {high:g}.")
        found[name] = number
    return found


def photo_geometry(metadata: PhotoMetadata, settings: Mapping[str, float]) -> tuple[PhotoGeometry | None, list[Problem]]:
    """Where the camera hung, or None with what is missing; settings go before what the photo says.

    Parameters
    ----------
    metadata : PhotoMetadata
    settings : mapping
        As `checked_settings` gives it.
    """
    notes = _Notes(metadata.name)
    for clause in metadata.wrong:
        notes.warn(clause, "what it stands for was taken from elsewhere, or is missing")
    if metadata.lon is None or metadata.lat is None:
        notes.error(
            "it says no position of the camera",
            "it has no place on the map; copy the photos from the drone with their EXIF and XMP",
        )
    height = _height(metadata, settings, notes)
    focal = _focal(metadata, settings, notes)
    pitch, yaw = _angles(metadata, settings, notes)
    cropped = _is_cropped(metadata)
    if cropped:
        what = (
            f"it measures {metadata.width} × {metadata.height} px, its EXIF says {metadata.taken_width} × {metadata.taken_height}"
        )
        notes.warn(what, "it was taken as a crop from the middle; give the photo as it was taken")
    if metadata.lon is None or metadata.lat is None or height is None or focal is None:
        return None, notes.problems
    focal_px, how = focal
    scale = _scale(metadata)
    centre = (metadata.width / 2, metadata.height / 2)
    if metadata.centre_px is not None and not cropped:
        calibrated = (metadata.centre_px[0] * scale, metadata.centre_px[1] * scale)
        # Far from the middle it is a number in other units or of another picture.
        if max(abs(a - b) / side for a, b, side in zip(calibrated, centre, (metadata.width, metadata.height), strict=True)) < 0.1:
            centre = calibrated
    horizontal, vertical = _position_errors(metadata, settings)
    try:
        geometry = PhotoGeometry(
            name=metadata.name, width=metadata.width, height=metadata.height, lon=metadata.lon, lat=metadata.lat, height_m=height,
            yaw_deg=yaw, pitch_deg=pitch, roll_deg=metadata.roll_deg or 0.0, focal_px=focal_px, centre_x_px=centre[0], centre_y_px=centre[1],
            distortion=metadata.distortion, taken_at=metadata.taken_at, horizontal_error_m=horizontal, height_error_m=vertical,
            tilt_error_deg=settings.get("tilt_error_deg", TILT_ERROR_DEG), yaw_error_deg=settings.get("yaw_error_deg", YAW_ERROR_DEG),
            focal_error=FOCAL_ERROR[how],
        )  # fmt: skip
    except DataError as error:
        notes.error(str(error).removeprefix(f"{metadata.name} ").rstrip("."), "it has no place on the map")
        return None, notes.problems
    return geometry, notes.problems


class _Notes:
    def __init__(self, name: str) -> None:
        self._name = name
        self.problems: list[Problem] = []

    def warn(self, what: str, remedy: str) -> None:
        self.problems.append(Problem(item=self._name, what=what, remedy=remedy, severity="warning"))

    def error(self, what: str, remedy: str) -> None:
        self.problems.append(Problem(item=self._name, what=what, remedy=remedy))


def _height(metadata: PhotoMetadata, settings: Mapping[str, float], notes: _Notes) -> float | None:
    if "altitude_m" in settings:
        return settings["altitude_m"]
    above = settings.get("takeoff_above_beach_m", 0.0)
    height = metadata.relative_altitude_m
    if height is not None and height + above <= 0.5:
        what = f"it says a height of {height:g} m above the place of take-off"
        notes.error(what, "set altitude_m to the height above the beach, or takeoff_above_beach_m to where the drone took off")
        return None
    if height is not None:
        return height + above
    if metadata.absolute_altitude_m is not None and metadata.absolute_altitude_m + above > 0.5:
        altitude = f"{metadata.absolute_altitude_m:g} m"
        what = f"it says only its altitude above the sea or the ellipsoid, {altitude}, which was taken for the height above the beach"
        notes.warn(what, "set altitude_m: sizes and areas follow from it, and may be wrong by tens of percent")
        return metadata.absolute_altitude_m + above
    notes.error("it says no height", "set altitude_m to the height of the camera above the beach")
    return None


def _focal(metadata: PhotoMetadata, settings: Mapping[str, float], notes: _Notes) -> tuple[float, str] | None:
    """Focal length in px, and how it is known."""
    full = metadata.taken_width if _is_cropped(metadata) and metadata.taken_width else metadata.width
    mm = settings.get("focal_length_mm", metadata.focal_mm)
    if mm is not None and "sensor_width_mm" in settings:
        return mm * full / settings["sensor_width_mm"], "sensor"
    scale = _scale(metadata)
    if metadata.focal_px is not None and "focal_length_mm" not in settings:
        # Some firmware writes mm here.
        if 0.3 < metadata.focal_px * scale / full < 30:
            return metadata.focal_px * scale, "calibrated"
        notes.warn(f"its calibrated focal length is {metadata.focal_px:g} px", "it was not believed")
    sensor = sensors().get(metadata.model.replace(" ", "").upper())
    if mm is not None and sensor is not None:
        return mm * full / sensor[0], "sensor"
    if mm is not None and metadata.focal_plane_px_per_mm is not None:
        return mm * metadata.focal_plane_px_per_mm * scale, "sensor"
    if metadata.focal_35mm_mm is not None:
        rows = (
            full * metadata.height / metadata.width
            if not _is_cropped(metadata)
            else float(metadata.taken_height or metadata.height)
        )
        return metadata.focal_35mm_mm * math.hypot(full, rows) / FILM_DIAGONAL_MM, "equivalent"
    camera = f"the camera {metadata.model!r}" if metadata.model else "the camera"
    missing = "focal_length_mm and sensor_width_mm" if mm is None else "sensor_width_mm"
    notes.error(f"the width of the sensor or the focal length of {camera} is not known", f"set {missing}")
    return None


def _angles(metadata: PhotoMetadata, settings: Mapping[str, float], notes: _Notes) -> tuple[float, float]:
    pitch = settings.get("pitch_deg", metadata.pitch_deg)
    if pitch is None:
        notes.warn("it does not say where the camera looked to", "straight down was taken; set pitch_deg if it was not")
        pitch = -90.0
    elif pitch > -5 and "pitch_deg" not in settings:
        notes.warn(f"its camera looked {-pitch:g}° below the horizon", "little of it can be placed on the beach")
    yaw = settings.get("yaw_deg", metadata.yaw_deg)
    if yaw is None and metadata.flight_yaw_deg is not None:
        yaw = metadata.flight_yaw_deg
    if yaw is None:
        notes.warn("it does not say its heading", "north was taken: items are turned around the middle of the photo; set yaw_deg")
        yaw = 0.0
    return pitch, yaw


def _position_errors(metadata: PhotoMetadata, settings: Mapping[str, float]) -> tuple[float, float]:
    """Standard errors of position and height, m."""
    horizontal, vertical = HORIZONTAL_ERROR_M, HEIGHT_ERROR_M
    if metadata.rtk_flag != 0 and metadata.std_lon_m is not None and metadata.std_lat_m is not None:
        stated = max(metadata.std_lon_m, metadata.std_lat_m)
        # Without a fixed solution what the receiver states is its own view of itself: it is taken where it is the larger part.
        horizontal = max(stated, LEAST_POSITION_ERROR_M) if stated else horizontal
        if metadata.std_height_m and metadata.rtk_flag is not None and metadata.rtk_flag >= _RTK_FIXED:
            vertical = max(metadata.std_height_m, LEAST_POSITION_ERROR_M)
    horizontal = settings.get("horizontal_error_m", horizontal)
    if "height_error_m" in settings:
        return horizontal, math.hypot(settings["height_error_m"], settings.get("terrain_error_m", 0.0))
    return horizontal, math.hypot(vertical, settings.get("terrain_error_m", TERRAIN_ERROR_M))


def _is_cropped(metadata: PhotoMetadata) -> bool:
    if not metadata.taken_width or not metadata.taken_height:
        return False
    return abs(metadata.taken_width / metadata.taken_height * metadata.height / metadata.width - 1) > 0.02


def _scale(metadata: PhotoMetadata) -> float:
    """Pixels of the file for one of the picture as it was taken: crops keep theirs."""
    return metadata.width / metadata.taken_width if metadata.taken_width and not _is_cropped(metadata) else 1.0


def _same_places(photos: Sequence[DronePhoto]) -> list[Problem]:
    """A warning where several photos say the very same place: a receiver that hung, or copies."""
    groups: dict[tuple[float, float], list[str]] = {}
    for photo in photos:
        if photo.metadata.lon is not None and photo.metadata.lat is not None:
            groups.setdefault((photo.metadata.lon, photo.metadata.lat), []).append(photo.name)
    what = "it says the same position as {} other photos, to the last digit"
    remedy = "the drone hovered, its receiver hung, or they are copies: check that their items are not counted twice"
    return [
        Problem(item=names[0], what=what.format(len(names) - 1), remedy=remedy, severity="warning")
        for names in groups.values()
        if len(names) > 2
    ]


@lru_cache(maxsize=1)
def sensors() -> dict[str, tuple[float, float]]:
    """Width and height of known sensors, mm, by the model in EXIF in capitals without spaces."""
    table = json.loads((Path(__file__).parent / "drone_sensors.json").read_text(encoding="utf-8"))["sensors_mm"]
    return {model: (float(width), float(height)) for model, (width, height, _) in table.items()}
