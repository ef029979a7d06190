"""How a camera hung in the air when it took a photo: what ties the pixels of a drone photo to the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

from imagine_kernels.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoGeometry:
    """Place, direction and lens of the camera of one photo, with their standard errors.

    Attributes
    ----------
    name : str
        The photo, as its source calls it.
    width, height : int
        In px.
    lon, lat : float
        Of the camera, degrees, WGS 84.
    height_m : float
        Of the camera above the flat beach or water that it looks at.
    yaw_deg, pitch_deg, roll_deg : float
        Of the camera in the frame north, east, down, turned in this order (Z, Y', X''): yaw clockwise from north, pitch -90 straight down
        and 0 to the horizon, roll clockwise as the camera sees it. Straight down, the top of the photo shows to where yaw points.
    focal_px : float
        Focal length in px of the photo.
    centre_x_px, centre_y_px : float
        Where the optical axis meets the photo.
    distortion : tuple of float
        k1, k2, p1, p2, k3 of Brown and Conrady, in the order of OpenCV; empty where the photo has none left.
    taken_at : str
        ISO 8601; empty where it is not known.
    horizontal_error_m : float
        Standard error of the position of the camera along any one direction.
    height_error_m : float
        Standard error of `height_m`, that of the ground under it included.
    tilt_error_deg, yaw_error_deg : float
        Standard errors of the direction of the optical axis, either way, and of the heading.
    focal_error : float
        Standard error of the focal length, as a share of it.

    Raises
    ------
    DataError
        A number is impossible.
    """

    name: str
    width: int
    height: int
    lon: float
    lat: float
    height_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float = 0.0
    focal_px: float
    centre_x_px: float
    centre_y_px: float
    distortion: tuple[float, ...] = ()
    taken_at: str = ""
    horizontal_error_m: float
    height_error_m: float
    tilt_error_deg: float
    yaw_error_deg: float
    focal_error: float = 0.0

    def __post_init__(self) -> None:
        numbers = {each: float(getattr(self, each)) for each in _NUMBERS}
        wrong = next((each for each, value in numbers.items() if not math.isfinite(value)), None)
        if wrong is None and not (abs(self.lat) <= 90 and abs(self.lon) <= 180):
            wrong = "lon" if abs(self.lat) <= 90 else "lat"
        if wrong is None:
            wrong = next((each for each in ("width", "height", "height_m", "focal_px") if getattr(self, each) <= 0), None)
        if wrong is None:
            wrong = next((each for each in _NUMBERS if "error" in each and numbers[each] < 0), None)
        if wrong is not None:
            raise DataError(
                f"{self.name} has the {wrong} {getattr(self, wrong)!r}, which cannot be: correct it, or give it by a setting."
            )
        if len(self.distortion) not in (0, 5):
            raise DataError(
                f"{self.name} has {len(self.distortion)} numbers of distortion, not k1, k2, p1, p2 and k3: correct them."
            )


_NUMBERS = (
    "width", "height", "lon", "lat", "height_m", "yaw_deg", "pitch_deg", "roll_deg", "focal_px", "centre_x_px", "centre_y_px",
    "horizontal_error_m", "height_error_m", "tilt_error_deg", "yaw_error_deg", "focal_error",
)  # fmt: skip
