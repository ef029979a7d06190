"""GeoTIFFs of σ⁰, as SNAP and other programs make them, and plain pictures of a radar amplitude."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath

import numpy as np

from imagine_kernels.errors import DataError
from imagine_kernels.files import Files
from imagine_kernels.media.sar import Power, Scene, warning
from imagine_kernels.media.sar_georeference import AffineGeoreference, from_control_points, pixel_spacing_m
from imagine_kernels.media.sar_reading import Bands
from imagine_kernels.media.sar_values import Stored, power_of, stored_as
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import Georeference

_POLARISATIONS = ("VV", "HH", "VH", "HV")
#: How the names of products and files tell a time (UTC).
_TIME = re.compile(r"(?<!\d)(\d{8})[tT_](\d{6})(?!\d)")
_TIME_TAGS = ("acquisition_time", "acquisition_start_time", "time")
#: Side of the small copy by which the kind of numbers is told, px.
_LOOKED_AT = 256


class PictureSource:
    """Power from one band of a picture; another one may hold the angle of incidence."""

    def __init__(self, bands: Bands, stored: Stored, band: int, incidence_band: int | None) -> None:
        self.bands, self.stored, self.band, self.incidence_band = bands, stored, band, incidence_band
        whole = np.dtype(bands.dtype)
        self.full = float(np.iinfo(whole).max) if whole.kind in "ui" else 1.0

    def power(self, box: Box) -> Power:
        """See `power_of`."""
        return power_of(self.bands.scaled(self.band, box), self.stored, self.full)

    def noise_floor(self, box: Box) -> None:
        """Not known of pictures."""
        del box

    def incidence_deg(self, box: Box) -> Power | None:
        """From a band whose name speaks of incidence."""
        return None if self.incidence_band is None else self.bands.scaled(self.incidence_band, box)

    def overview(self, shape: tuple[int, int]) -> Power:
        """Power of px spread evenly."""
        values = self.bands.scaled(self.band, Box(0, 0, self.bands.width, self.bands.height), shape)
        return power_of(values, self.stored, self.full)

    def close(self) -> None:
        """Let go of the file."""
        self.bands.close()


def open_picture(
    files: Files, name: str, *, polarisation: str = "VV", stored: str = "auto", standard_error_m: float | None = None
) -> Scene:
    """Open a GeoTIFF or a plain picture.

    Raises
    ------
    ImageError
        It is damaged or too large.
    SettingError
        `stored` is unknown.
    DataError
        Its coordinate system is not known.
    """
    bands = Bands(files, name)
    try:
        return _scene(bands, name, polarisation, stored, standard_error_m)
    except BaseException:
        bands.close()
        raise


def _scene(bands: Bands, name: str, polarisation: str, stored: str, standard_error_m: float | None) -> Scene:
    problems = []
    band, channel = _band(bands, polarisation.strip().upper())
    if channel and channel != polarisation.strip().upper():
        problems.append(warning(name, f"has no channel {polarisation}", f"{channel} was taken"))
    incidence = next((k + 1 for k, each in enumerate(bands.descriptions) if "incidence" in each.lower()), None)
    sides = min(_LOOKED_AT, bands.height), min(_LOOKED_AT, bands.width)
    values = bands.scaled(band, Box(0, 0, bands.width, bands.height), sides)
    kind, known_by = stored_as(
        stored,
        dtype=bands.dtype,
        unit=bands.units[band - 1],
        description=bands.descriptions[band - 1],
        tags=bands.tags,
        values=values,
    )
    if not np.isfinite(values).any():
        problems.append(warning(name, "has no values at all", "nothing will be found in it"))
    elif kind == "amplitude":
        problems.append(warning(name, "is not calibrated", "levels are relative: give σ⁰ where damping ratios matter"))
    elif known_by == "numbers":
        problems.append(warning(name, f"does not say what its numbers are; they look like {kind}", "say so where they are not"))
    georeference = _georeference(bands, standard_error_m)
    if georeference is None:
        problems.append(warning(name, "does not say where it lies", "sizes are in px unless the pixel spacing is given"))
    return Scene(
        name=name,
        width=bands.width,
        height=bands.height,
        levels="amplitude" if kind == "amplitude" else "sigma0",
        source=PictureSource(bands, kind, band, incidence),
        georeference=georeference,
        spacing_m=None if georeference is None else _spacing(georeference, bands, name),
        time=time_of(name, bands.tags),
        sensor=bands.tags.get("sensor", "") or _sensor(name),
        polarisation=channel,
        looks=_number(bands.tags.get("looks", "")),
        problems=tuple(problems),
    )


def _band(bands: Bands, wanted: str) -> tuple[int, str]:
    """Number of the band to be taken, and its polarisation, ``""`` where nothing tells it."""
    found: dict[str, int] = {}
    for k, each in enumerate(bands.descriptions):
        words = re.split(r"[^A-Z0-9]+", each.upper())
        for channel in _POLARISATIONS:
            if channel in words and "INCIDENCE" not in each.upper():
                found.setdefault(channel, k + 1)
    if found:
        channel = wanted if wanted in found else next(each for each in _POLARISATIONS if each in found)
        return found[channel], channel
    said = bands.tags.get("polarisation", bands.tags.get("polarization", "")).upper()
    return 1, said if said in _POLARISATIONS else ""


def _georeference(bands: Bands, standard_error_m: float | None) -> Georeference | None:
    error = _number(bands.tags.get("position_error_m", "")) if standard_error_m is None else standard_error_m
    if bands.crs and bands.transform is not None:
        return AffineGeoreference(bands.transform, bands.crs, error)  # type: ignore[arg-type]
    if bands.control_points:
        return from_control_points(bands.control_points, crs=bands.control_crs, standard_error_m=error)
    return None


def _spacing(georeference: Georeference, bands: Bands, name: str) -> tuple[float, float]:
    spacing = pixel_spacing_m(georeference, bands.width / 2, bands.height / 2)
    if not all(np.isfinite(spacing)):
        raise DataError(f"{name} has a coordinate system in which its middle does not lie on the earth: reproject it.")
    return spacing


def time_of(name: str, tags: dict[str, str]) -> datetime | None:
    """When a picture was taken (UTC): from its tags, else from its name."""
    for tag in _TIME_TAGS:
        text = tags.get(tag, "").strip()
        for form in ("%Y:%m:%d %H:%M:%S", None):
            try:
                found = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
            except ValueError:
                continue
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    for day, clock in _TIME.findall(PurePosixPath(name).name):
        try:
            return datetime.strptime(day + clock, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _sensor(name: str) -> str:
    found = re.match(r"(S1[ABCD])[_-]", PurePosixPath(name).name.upper())
    return f"Sentinel-1 {found.group(1)}" if found else ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
