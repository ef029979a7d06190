"""The camera of the drawn drone: where it hangs, how it sees the flat beach, and what it writes into its photos."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Size of a photo, px, and the lens: 19.2 mm before a sensor of 9.6 mm by 7.2 mm.
WIDTH, HEIGHT = 1000, 750
FOCAL_MM, SENSOR_MM = 19.2, 9.6
FOCAL_PX = FOCAL_MM * WIDTH / SENSOR_MM

Floats = NDArray[np.float64]

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="DJI Meta Data"
 xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" {values}/></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a camera hangs and looks, in metres and degrees.

    Attributes
    ----------
    east, north, height : float
        From the middle of the survey, and above the beach.
    yaw, pitch, roll : float
        In the frame north, east, down; turned in this order.
    """

    east: float
    north: float
    height: float
    yaw: float
    pitch: float
    roll: float

    @cached_property
    def homography(self) -> Floats:
        """(3, 3) from east, north and 1 on the beach to px of a photo."""
        from scipy.spatial.transform import Rotation

        ahead, right, down = Rotation.from_euler("ZYX", [self.yaw, self.pitch, self.roll], degrees=True).as_matrix().T
        lens = np.array([[FOCAL_PX, 0, WIDTH / 2], [0, FOCAL_PX, HEIGHT / 2], [0, 0, 1.0]])
        # Columns: what a metre east, a metre north and the beach under the camera are to it.
        axes = np.stack([right, down, ahead])
        ground = np.column_stack(
            [axes @ [0, 1, 0], axes @ [1, 0, 0], axes @ np.array([-self.north, -self.east, self.height], dtype=np.float64)]
        )
        found: Floats = lens @ ground
        return found

    def pixels(self, places: Floats) -> Floats:
        """Positions (n, 2) in px of places (n, 2) on the beach."""
        seen = np.column_stack([places, np.ones(len(places))]) @ self.homography.T
        return np.asarray(seen[:, :2] / seen[:, 2:])

    def places(self, pixels: Floats) -> Floats:
        """Places (n, 2) on the beach of positions (n, 2) in px."""
        seen = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(self.homography).T
        return np.asarray(seen[:, :2] / seen[:, 2:])


def corners() -> Floats:
    """The corners (4, 2) of a photo, px."""
    return np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], dtype=np.float64)


def jpeg(
    picture: NDArray[np.uint8],
    said: Pose,
    lon: float,
    lat: float,
    taken: datetime,
    *,
    rtk_flag: int,
    position_std_m: float,
    height_std_m: float,
) -> bytes:
    """A photo with EXIF and XMP as drones of DJI write them; the pose is the one that the drone believes."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "DJI", "IMAGINE-70", f"{taken:%Y:%m:%d %H:%M:%S}"
    photo = exif.get_ifd(0x8769)
    photo |= {0x9003: f"{taken:%Y:%m:%d %H:%M:%S}", 0x9011: "+02:00", 0x920A: FOCAL_MM, 0xA002: WIDTH, 0xA003: HEIGHT, 0xA405: 69}
    gps = exif.get_ifd(0x8825)
    gps |= {
        1: "N" if lat >= 0 else "S",
        2: _sexagesimal(lat),
        3: "E" if lon >= 0 else "W",
        4: _sexagesimal(lon),
        5: b"\0",
        6: said.height + 50.2,
    }
    values: dict[str, Any] = {
        "GpsLatitude": f"{lat:.9f}", "GpsLongitude": f"{lon:.9f}", "AbsoluteAltitude": f"{said.height + 50.2:+.3f}",
        "RelativeAltitude": f"{said.height:+.3f}", "GimbalYawDegree": f"{said.yaw:+.2f}", "GimbalPitchDegree": f"{said.pitch:+.2f}",
        "GimbalRollDegree": f"{said.roll:+.2f}", "FlightYawDegree": f"{said.yaw:+.2f}", "CalibratedFocalLength": f"{FOCAL_PX:.6f}",
        "CalibratedOpticalCenterX": f"{WIDTH / 2:.6f}", "CalibratedOpticalCenterY": f"{HEIGHT / 2:.6f}", "RtkFlag": rtk_flag,
        "RtkStdLon": f"{position_std_m:.5f}", "RtkStdLat": f"{position_std_m:.5f}", "RtkStdHgt": f"{height_std_m:.5f}", "DewarpFlag": 1,
    }  # fmt: skip
    xmp = _XMP.format(values=" ".join(f'drone-dji:{name}="{value}"' for name, value in values.items()))
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=82, exif=exif, xmp=xmp.encode())
    return written.getvalue()


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    whole = abs(degrees)
    minutes = whole % 1 * 60
    return float(int(whole)), float(int(minutes)), round(minutes % 1 * 60, 5)
