"""The tables of a Sentinel-1 product: calibration, thermal noise, and the grid of positions, from its XML files.

References
----------
ESA (2020): Sentinel-1 Product Specification, S1-RS-MDA-52-7441, issue 3/7 (annotation, calibration and noise data sets).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.media.tiles import Box

#: The largest annotation file that is read (bytes); those of ESA take 2 MB.
MAX_XML_BYTES = 64 * 1024**2

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class RangeTable:
    """Values along some lines of a picture, each at pixels of its own; between them it is interpolated linearly, pixels first.

    Attributes
    ----------
    lines : (n,) float64 ndarray
        Ascending; they may lie outside of the picture.
    pixels, values : tuples of (m,) float64 ndarrays
        For each line.
    """

    lines: Numbers
    pixels: tuple[Numbers, ...]
    values: tuple[Numbers, ...]

    def over(self, box: Box) -> NDArray[np.float32]:
        """The values at the px of a part of the picture, (height, width); beyond the outer lines and pixels they stay as there."""
        columns = np.arange(box.x, box.x + box.width, dtype=np.float64)
        rows = np.arange(box.y, box.y + box.height, dtype=np.float64)
        place = np.interp(rows, self.lines, np.arange(self.lines.size, dtype=np.float64))
        first, last = math.floor(place[0]), math.ceil(place[-1])
        along = np.stack([np.interp(columns, self.pixels[k], self.values[k]) for k in range(first, last + 1)]).astype(np.float32)
        below = np.minimum(np.floor(place).astype(np.intp), max(last - 1, first)) - first
        part = (place - first - below).astype(np.float32)[:, None]
        above = np.minimum(below + 1, along.shape[0] - 1)
        return np.asarray(along[below] * (1 - part) + along[above] * part, dtype=np.float32)


@dataclass(frozen=True)
class AzimuthBlock:
    """The factor of the noise along the lines of one part of the swath, which steers its beam."""

    first_line: int
    last_line: int
    first_pixel: int
    last_pixel: int
    lines: Numbers
    values: Numbers


@dataclass(frozen=True)
class NoiseTable:
    """Power η of thermal noise in units of DN²: that in range, times that in azimuth where the product has it (IPF 2.9 and later)."""

    in_range: RangeTable
    in_azimuth: tuple[AzimuthBlock, ...] = ()

    def over(self, box: Box) -> NDArray[np.float32]:
        """η at the px of a part of the picture, (height, width)."""
        noise = self.in_range.over(box)
        for block in self.in_azimuth:
            top, bottom = max(block.first_line, box.y), min(block.last_line + 1, box.y + box.height)
            left, right = max(block.first_pixel, box.x), min(block.last_pixel + 1, box.x + box.width)
            if top < bottom and left < right:
                factor = np.interp(np.arange(top, bottom), block.lines, block.values).astype(np.float32)
                noise[top - box.y : bottom - box.y, left - box.x : right - box.x] *= factor[:, None]
        return noise


@dataclass(frozen=True)
class PositionGrid:
    """Positions and incidence angles (n, m) at the crossings of lines (n,) and pixels (m,), counted from the centre of the first pixel."""

    lines: Numbers
    pixels: Numbers
    lon: Numbers
    lat: Numbers
    incidence_deg: Numbers


@dataclass(frozen=True)
class Annotation:
    """What the annotation of one channel says.

    Attributes
    ----------
    satellite, mode, product, polarisation : str
        Such as S1A, IW, GRD, VV.
    time : datetime
        When the first line was taken (UTC).
    spacing_m : (float, float)
        Between px along a line and between lines, m.
    """

    satellite: str
    mode: str
    product: str
    polarisation: str
    time: datetime
    width: int
    height: int
    spacing_m: tuple[float, float]
    grid: PositionGrid


def read_xml(files: Files, name: str) -> Any:
    """The root element of an annotation file.

    Raises
    ------
    FormatError
        It is no whole XML, declares entities, or is absurdly large.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    with files.open(name) as stream:
        data = stream.read(MAX_XML_BYTES + 1)
    if len(data) > MAX_XML_BYTES:
        raise FormatError(
            f"{name} is larger than {MAX_XML_BYTES / 1e6:.0f} MB, more than any annotation: fetch the product again."
        )
    try:
        return fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise FormatError(f"{name} declares entities, which are refused: fetch the product again.") from None
    except (ParseError, LookupError, ValueError, RecursionError) as error:
        raise FormatError(f"{name} is not whole XML ({error}): fetch the product again.") from None


def read_calibration(files: Files, name: str) -> RangeTable:
    """A_σ of one channel, so that σ⁰ = DN² / A_σ².

    Raises
    ------
    FormatError
        There is no usable table in the file.
    """
    return _vectors(read_xml(files, name), "calibrationVector", "sigmaNought", name, positive=True)


def read_noise(files: Files, name: str) -> NoiseTable:
    """The noise of one channel, of products of before and since IPF 2.9.

    Raises
    ------
    FormatError
        There is no usable table in the file.
    """
    root = read_xml(files, name)
    if root.find(".//noiseRangeVector") is None:
        return NoiseTable(_vectors(root, "noiseVector", "noiseLut", name, positive=False))
    blocks = []
    for each in root.iter("noiseAzimuthVector"):
        lines, values = _numbers(each, "line", name), _numbers(each, "noiseAzimuthLut", name)
        if lines.size != values.size or not lines.size or not (np.diff(lines) > 0).all():
            raise FormatError(
                f"{name} has a table of noise in azimuth whose lines and values do not match: fetch the product again."
            )
        first_line, last_line, first_pixel, last_pixel = (
            int(_number(each, f"{end}{what}", name)) for what in ("AzimuthLine", "RangeSample") for end in ("first", "last")
        )
        blocks.append(AzimuthBlock(first_line, last_line, first_pixel, last_pixel, lines, values))
    return NoiseTable(_vectors(root, "noiseRangeVector", "noiseRangeLut", name, positive=False), tuple(blocks))


def read_annotation(files: Files, name: str) -> Annotation:
    """The annotation of one channel.

    Raises
    ------
    FormatError
        Something that is needed is missing, or cannot be.
    """
    root = read_xml(files, name)

    def text(path: str) -> str:
        return (root.findtext(path) or "").strip()

    width, height = (
        int(_number(root, f"imageAnnotation/imageInformation/{what}", name)) for what in ("numberOfSamples", "numberOfLines")
    )
    spacing = tuple(
        _number(root, f"imageAnnotation/imageInformation/{what}", name) for what in ("rangePixelSpacing", "azimuthPixelSpacing")
    )
    if width < 1 or height < 1 or min(spacing) <= 0:
        raise FormatError(
            f"{name} gives the picture {width} × {height} px of {spacing[0]:g} × {spacing[1]:g} m: fetch the product again."
        )
    try:
        time = datetime.fromisoformat(text("adsHeader/startTime").removesuffix("Z"))
    except ValueError:
        raise FormatError(f"{name} does not say when the scene was taken (startTime): fetch the product again.") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return Annotation(
        satellite=text("adsHeader/missionId"),
        mode=text("adsHeader/mode"),
        product=text("adsHeader/productType"),
        polarisation=text("adsHeader/polarisation"),
        time=time,
        width=width,
        height=height,
        spacing_m=(spacing[0], spacing[1]),
        grid=_grid(root, name),
    )


def _grid(root: Any, name: str) -> PositionGrid:
    wanted = ("line", "pixel", "longitude", "latitude", "incidenceAngle")
    rows = [[_number(point, what, name) for what in wanted] for point in root.iter("geolocationGridPoint")]
    table = np.asarray(rows, dtype=np.float64).reshape(-1, len(wanted))
    lines, pixels = np.unique(table[:, 0]), np.unique(table[:, 1])
    if lines.size < 2 or pixels.size < 2 or lines.size * pixels.size != len(table):
        raise FormatError(f"{name} has no whole grid of positions (geolocationGrid): fetch the product again.")
    nodes = table[np.lexsort((table[:, 1], table[:, 0]))].reshape(lines.size, pixels.size, -1)
    lon, lat = nodes[..., 2], nodes[..., 3]
    if not (np.isfinite(nodes).all() and (np.abs(lat) <= 90).all() and (np.abs(lon) <= 360).all()):
        raise FormatError(f"{name} has positions that do not lie on the earth: fetch the product again.")
    if (nodes[:, :, 0] != lines[:, None]).any() or (nodes[:, :, 1] != pixels[None, :]).any():
        raise FormatError(f"{name} has a grid of positions with gaps: fetch the product again.")
    return PositionGrid(lines, pixels, lon, lat, nodes[..., 4])


def _vectors(root: Any, element: str, wanted: str, name: str, *, positive: bool) -> RangeTable:
    found = []
    for each in root.iter(element):
        pixels, values = _numbers(each, "pixel", name), _numbers(each, wanted, name)
        if not pixels.size or pixels.size != values.size or not (np.diff(pixels) > 0).all():
            raise FormatError(f"{name} has a table ({wanted}) whose pixels and values do not match: fetch the product again.")
        if (values <= 0).any() if positive else (values < 0).any():
            raise FormatError(f"{name} has values of {wanted} that cannot be, {values.min():g}: fetch the product again.")
        found.append((_number(each, "line", name), pixels, values))
    found.sort(key=lambda row: row[0])
    lines = np.array([row[0] for row in found])
    if not found or not (np.diff(lines) > 0).all():
        raise FormatError(f"{name} holds no usable table of {wanted}: fetch the product again.")
    return RangeTable(lines, tuple(row[1] for row in found), tuple(row[2] for row in found))


def _numbers(element: Any, tag: str, name: str) -> Numbers:
    try:
        numbers = np.array((element.findtext(tag) or "").split(), dtype=np.float64)
    except ValueError:
        raise FormatError(f"{name} has something else than numbers in {tag}: fetch the product again.") from None
    if not np.isfinite(numbers).all():
        raise FormatError(f"{name} has numbers in {tag} that are none: fetch the product again.")
    return numbers


def _number(element: Any, path: str, name: str) -> float:
    found = _numbers(element, path, name)
    if found.size != 1:
        raise FormatError(f"{name} does not say {path}: fetch the product again.")
    return float(found[0])
