"""What a photo says of itself: EXIF and XMP as drones of several makers write them.

Read are the dialects of DJI (``drone-dji``), newer Autel (``drone``), Parrot (``drone-parrot``), Skydio (``drone-skydio``), and the one of Pix4D
that senseFly, older Autel and others write (``Camera``), whose pitch is 0 straight down; here pitch is always -90 straight down.

References
----------
DJI Mavic 3E/3T, user manual (2022), page 83: angles are in the frame north, east, down and turned in the order Z, Y, X; RtkFlag is 0 without
a position, 16 single point, 32 to 49 float, 50 fixed. DJI Matrice 4 series, user manual (2025), page 90: DewarpData. Pix4D, specification of
the XMP camera tags, http://pix4d.com/camera/1.0. Parrot, embedded photo metadata. Exif 2.32 (CIPA DC-008), chapter 4.6.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files

#: A block of XMP that is longer is not looked at (bytes): drones write a few thousand.
MAX_XMP_BYTES = 1024**2
_IFD_EXIF, _IFD_GPS = 0x8769, 0x8825
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}


@dataclass(frozen=True, kw_only=True)
class PhotoMetadata:
    """What EXIF and XMP of one photo say, as plain numbers; None where they say nothing, or nothing that can be.

    Attributes
    ----------
    name : str
    width, height : int
        Of the picture itself, in px.
    make, model : str
    taken_at : str
        ISO 8601, with the offset from UTC where the photo says it; empty where it is not known.
    lon, lat : float or None
        Degrees, WGS 84.
    relative_altitude_m : float or None
        Above the place of take-off, or above ground where the maker says that.
    absolute_altitude_m : float or None
        Above the sea or the ellipsoid, as the maker chose.
    yaw_deg, pitch_deg, roll_deg : float or None
        Of the camera: north, east, down; pitch -90 straight down.
    flight_yaw_deg : float or None
        Of the aircraft.
    focal_mm, focal_35mm_mm : float or None
        As EXIF says them, real and equivalent to 35 mm film.
    focal_plane_px_per_mm : float or None
        Pixels per mm of the sensor, of the picture as it was taken.
    focal_px : float or None
        Calibrated, of the picture as it was taken.
    centre_px : (float, float) or None
        Calibrated place of the optical axis, from the top left corner.
    distortion : tuple of float
        k1, k2, p1, p2, k3 where the picture still has it.
    taken_width, taken_height : int or None
        Size of the picture as it was taken, where EXIF says it, in px: smaller copies keep their EXIF.
    rtk_flag : int or None
    std_lon_m, std_lat_m, std_height_m : float or None
        Standard errors of the position as the receiver says them.
    wrong : tuple of str
        Clauses about values that cannot be, each of which was left out.
    """

    name: str
    width: int
    height: int
    make: str = ""
    model: str = ""
    taken_at: str = ""
    lon: float | None = None
    lat: float | None = None
    relative_altitude_m: float | None = None
    absolute_altitude_m: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    flight_yaw_deg: float | None = None
    focal_mm: float | None = None
    focal_35mm_mm: float | None = None
    focal_plane_px_per_mm: float | None = None
    focal_px: float | None = None
    centre_px: tuple[float, float] | None = None
    distortion: tuple[float, ...] = ()
    taken_width: int | None = None
    taken_height: int | None = None
    rtk_flag: int | None = None
    std_lon_m: float | None = None
    std_lat_m: float | None = None
    std_height_m: float | None = None
    wrong: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_photo_metadata(files: Files, name: str) -> PhotoMetadata:
    """Read the metadata of one photo; its pixels are not decoded.

    Raises
    ------
    DataNotFound
        There is no such file.
    ImageError
        It is no picture.
    """
    with files.open(name) as stream:
        return photo_metadata(stream.read(), name)


def photo_metadata(data: bytes, name: str) -> PhotoMetadata:
    """The same from the bytes of a JPEG, TIFF, PNG or WebP.

    Raises
    ------
    ImageError
        It is no picture.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Of damage Pillow warns entry by entry; what is missing is told once, by whoever needs it.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                width, height = picture.size
                main, exif, gps = _ifds(picture)
                xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
                if not xmp and picture.format == "TIFF":
                    xmp = main.get(700, b"")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ImageError(f"{name} is not a picture that can be read: check the file.") from None
    wrong: list[str] = []
    said = _xmp(xmp if isinstance(xmp, bytes) else str(xmp).encode(), wrong)
    found = _Found(main=main, exif=exif, gps=gps, xmp=said, wrong=wrong)
    return PhotoMetadata(
        name=name, width=width, height=height, make=_text(main.get(271)), model=_text(main.get(272)), taken_at=_taken_at(main, exif, gps),
        **found.position(), **found.altitudes(), **found.angles(), **found.lens((width, height)), **found.errors(),
        wrong=tuple(wrong), said=said,
    )  # fmt: skip


def _ifds(picture: Any) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    """The main part of EXIF, its photographic one, and GPS; empty ones where they are damaged."""
    try:
        exif = picture.getexif()
        return dict(exif), dict(exif.get_ifd(_IFD_EXIF)), dict(exif.get_ifd(_IFD_GPS))
    except Exception:  # Pillow's parser raises whatever the damage leads it into
        return {}, {}, {}


def _xmp(data: bytes, wrong: list[str]) -> dict[str, str]:
    """Names, as ``prefix:Name`` in lower case, and texts of attributes and leaves of an XMP block."""
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    data = data.strip(b"\0 \r\n\t")
    if not data:
        return {}
    if len(data) > MAX_XMP_BYTES:
        wrong.append(f"its XMP has {len(data)} bytes and was not read")
        return {}
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):
        wrong.append("its XMP is damaged and was not read")
        return {}
    said: dict[str, str] = {}
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if element.text and element.text.strip():
            said.setdefault(_short(element.tag), element.text.strip())
        for tag, text in element.attrib.items():
            said.setdefault(_short(tag), text.strip())
    return said


def _short(tag: str) -> str:
    """``{namespace}Name`` by what the namespace is known for: prefixes are anybody's choice."""
    space, _, name = tag.rpartition("}")
    space = space.lower()
    known = {"drone-dji": "dji", "drone-parrot": "parrot", "skydio": "skydio", "camera/1.0": "camera", "drone/1.0": "autel"}
    short = next((value for key, value in known.items() if key in space), "other")
    return f"{short}:{name.lower()}"


@dataclass(kw_only=True)
class _Found:
    """What was read, and the clauses about what of it cannot be."""

    main: dict[int, Any]
    exif: dict[int, Any]
    gps: dict[int, Any]
    xmp: dict[str, str]
    wrong: list[str]

    def number(self, *names: str, low: float = -math.inf, high: float = math.inf, what: str = "") -> float | None:
        """The first of some XMP numbers that is there; what is outside of its limits is none."""
        for name in names:
            if name not in self.xmp:
                continue
            value = _float(self.xmp[name])
            if value is not None and low <= value <= high:
                return value
            self.wrong.append(f"its {what or name.partition(':')[2]} is {self.xmp[name][:40]!r}")
        return None

    def position(self) -> dict[str, Any]:
        lat, lon = (_degrees(self.gps.get(2), self.gps.get(1), "S"), _degrees(self.gps.get(4), self.gps.get(3), "W"))
        # EXIF of some drones is rounded; their XMP has all digits. Of DJI, longitudes are also spelt GpsLongtitude.
        exact_lat = self.number("dji:gpslatitude", "dji:latitude", "autel:gpslatitude", low=-90, high=90, what="latitude")
        exact_lon = self.number(
            *("dji:gpslongitude", "dji:gpslongtitude", "dji:longitude", "autel:gpslongitude", "autel:gpslongtitude"),
            low=-180, high=180, what="longitude",
        )  # fmt: skip
        if exact_lat and exact_lon:
            lat, lon = exact_lat, exact_lon
        if lat is None or lon is None:
            return {"lat": None, "lon": None}
        if not (abs(lat) <= 90 and abs(lon) <= 180):
            self.wrong.append(f"its position is {lat:g}° N, {lon:g}° E")
            return {"lat": None, "lon": None}
        if lat == 0 and lon == 0:
            self.wrong.append("its position is 0° N, 0° E, which stands for none")
            return {"lat": None, "lon": None}
        return {"lat": lat, "lon": lon}

    def altitudes(self) -> dict[str, Any]:
        relative = self.number(
            "dji:relativealtitude", "autel:relativealtitude", "camera:abovegroundaltitude", "parrot:relativealtitude"
        )
        absolute = self.number("dji:absolutealtitude", "autel:absolutealtitude")
        if absolute is None and (value := _float(self.gps.get(6))) is not None:
            absolute = -value if self.gps.get(5) in (1, b"\x01") else value
        return {"relative_altitude_m": relative, "absolute_altitude_m": absolute}

    def angles(self) -> dict[str, Any]:
        found: dict[str, float | None] = {}
        mapping: dict[str, float | None] = {}
        for name, low, high in (("yaw", -360.0, 360.0), ("pitch", -180.0, 180.0), ("roll", -180.0, 180.0)):
            found[f"{name}_deg"] = self.number(
                f"dji:gimbal{name}degree",
                f"autel:gimbal{name}degree",
                f"parrot:camera{name}degree",
                low=low,
                high=high,
                what=f"gimbal {name}",
            )
            mapping[name] = self.number(f"camera:{name}", low=low, high=high, what=f"camera {name}")
        yaw, pitch = mapping["yaw"], mapping["pitch"]
        if found["pitch_deg"] is None and yaw is not None and pitch is not None:
            found |= _from_mapping(yaw, pitch, mapping["roll"] or 0.0)
        skydio = [_float(part) for part in self.xmp.get("skydio:cameraorientationned", "").split(",")]
        if len(skydio) == 3 and found["pitch_deg"] is None:
            found |= dict(zip(("roll_deg", "pitch_deg", "yaw_deg"), skydio, strict=True))
        flight = self.number("dji:flightyawdegree", "autel:flightyawdegree", "parrot:droneyawdegree", low=-360, high=360)
        if found["yaw_deg"] is None and self.gps.get(16) in (None, "T"):
            # GPSImgDirection: where the camera looked to; from magnetic north it is no yaw.
            found["yaw_deg"] = _float(self.gps.get(17))
        return {**found, "flight_yaw_deg": flight}

    def lens(self, size: tuple[int, int]) -> dict[str, Any]:
        mm, equivalent = _positive(self.exif.get(0x920A)), _positive(self.exif.get(0xA405))
        per_unit, unit = _positive(self.exif.get(0xA20E)), _MM_PER_UNIT.get(self.exif.get(0xA210, 2))
        taken = _positive(self.exif.get(0xA002))
        width = taken or size[0]
        found: dict[str, Any] = {
            "focal_mm": mm,
            "focal_35mm_mm": equivalent,
            "focal_plane_px_per_mm": per_unit / unit if per_unit and unit else None,
            "focal_px": self.number("dji:calibratedfocallength", low=1, high=1e6),
            "taken_width": int(taken) if taken else None,
            "taken_height": int(rows) if (rows := _positive(self.exif.get(0xA003))) else None,
        }
        x = self.number("dji:calibratedopticalcenterx", low=0, high=1e6)
        y = self.number("dji:calibratedopticalcentery", low=0, high=1e6)
        if x is not None and y is not None:
            found["centre_px"] = (x, y)
        data = [_float(part) for part in self.xmp.get("dji:dewarpdata", "").rpartition(";")[2].split(",")]
        if len(data) == 9 and all(value is not None for value in data) and (data[0] or 0) > 1:
            fx, _, cx, cy, *lens = data
            height = width * size[1] / size[0]
            found |= {"focal_px": fx, "centre_px": (width / 2 + (cx or 0), height / 2 + (cy or 0))}
            if self.xmp.get("dji:dewarpflag", "0").strip() == "0":
                found["distortion"] = tuple(lens)
        return found

    def errors(self) -> dict[str, Any]:
        flag = self.number("dji:rtkflag", low=0, high=1000)
        plane = self.number("camera:gpsxyaccuracy", low=0, high=1e5)
        lon, lat = (self.number(f"dji:rtkstd{each}", low=0, high=1e5) for each in ("lon", "lat"))
        height = self.number("dji:rtkstdhgt", "camera:gpszaccuracy", low=0, high=1e5)
        return {
            "rtk_flag": None if flag is None else int(flag),
            "std_lon_m": lon if lon is not None else plane,
            "std_lat_m": lat if lat is not None else plane,
            "std_height_m": height,
        }


def _taken_at(main: Mapping[int, Any], exif: Mapping[int, Any], gps: Mapping[int, Any]) -> str:
    """The time of the shutter with its offset; by the satellites where the camera does not say its offset."""
    shutter = _text(exif.get(0x9003)) or _text(main.get(306))
    offset = _text(exif.get(0x9011)) or _text(exif.get(0x9010))
    if offset:
        try:
            return datetime.strptime(f"{shutter}{offset}", "%Y:%m:%d %H:%M:%S%z").isoformat()
        except ValueError:
            pass
    try:
        hours, minutes, seconds = (float(part) for part in gps[7])
        day = datetime.strptime(f"{_text(gps[29])} +0000", "%Y:%m:%d %z")
        return day.replace(hour=int(hours), minute=int(minutes), second=int(seconds)).isoformat()
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        pass
    try:
        return datetime.strptime(shutter, "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return ""


def _from_mapping(yaw: float, pitch: float, roll: float) -> dict[str, float | None]:
    """Angles of a camera that looks down at pitch 0 and roll 0, in the frame where it looks ahead there.

    With the rotation B of the aircraft, the optical axis is its third axis, the top of the picture its first one. The angles are read off
    the matrix whose columns are the optical axis, the right and the bottom of the picture.
    """
    y, p, r = (math.radians(each) for each in (yaw, pitch, roll))
    sy, cy, sp, cp, sr, cr = math.sin(y), math.cos(y), math.sin(p), math.cos(p), math.sin(r), math.cos(r)
    ahead = (cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr)
    right = (cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, cp * sr)
    bottom = (-cy * cp, -sy * cp, sp)
    level = math.hypot(ahead[0], ahead[1])
    tilt = math.atan2(-ahead[2], level)
    if level < 1e-12:
        # Straight down roll and yaw turn the same way: all of it is told as yaw.
        return {"yaw_deg": math.degrees(math.atan2(-right[0], right[1])), "pitch_deg": math.degrees(tilt), "roll_deg": 0.0}
    return {
        "yaw_deg": math.degrees(math.atan2(ahead[1], ahead[0])),
        "pitch_deg": math.degrees(tilt),
        "roll_deg": math.degrees(math.atan2(right[2], bottom[2])),
    }


def _degrees(parts: Any, ref: Any, negative: str) -> float | None:
    """Degrees, minutes and seconds of EXIF as degrees; None where they are none."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        return None
    return -value if _text(ref).upper().startswith(negative) else value


def _float(value: Any) -> float | None:
    """A finite number of a text such as ``"+12.3"``, ``"120/10"`` or ``"5 m"``, or of EXIF; else None."""
    if value is None:
        return None
    try:
        text = str(value).strip().removesuffix("m").strip() if isinstance(value, str) else value
        if isinstance(text, str) and "/" in text:
            above, _, below = text.partition("/")
            found = float(above) / float(below)
        else:
            found = float(text)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _positive(value: Any) -> float | None:
    found = _float(value)
    return found if found is not None and found > 0 else None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    return str(value).replace("\0", "").strip() if value is not None else ""
