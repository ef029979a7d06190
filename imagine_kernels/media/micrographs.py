"""Micrographs: how large a pixel is, and valves cut out, turned upright and squared.

The side of a pixel comes, first found first taken, from OME-XML (``PhysicalSizeX``; Goldberg et al. 2005, doi 10.1186/gb-2005-6-5-r47), from the
description that ImageJ writes (``unit=micron``, with the resolution in pixels for each unit), from the resolution of the TIFF, PNG or JPEG, or
from a scale bar in the picture whose length somebody says, as do names like ``valve (10µm).jpg``.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.decoding import decode
from imagine_kernels.media.valve_finding import FoundValve, find_bar, find_valves

if TYPE_CHECKING:
    from PIL.Image import Image

#: A resolution outside of this, µm per px, is that of a printer or a default, not of a microscope.
MIN_UM, MAX_UM = 0.005, 20.0
#: Free rim around a valve, as a share of its length.
RIM = 0.04
#: Below this grey value the background of a crop is that of an electron microscope or of dark field: light and dark change places.
_DARK_BACKGROUND = 80

_UNITS_UM = {
    "nm": 1e-3, "nanometer": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "\\u00b5m": 1.0,
    "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "inch": 25_400.0, "m": 1e6, "å": 1e-4, "pixel": math.nan,
}  # fmt: skip
_BAR_IN_NAME = re.compile(r"\((\d+(?:\.\d+)?)\s*[µμu]m\)", re.IGNORECASE)
_DESCRIPTION, _X_RESOLUTION = 270, 282


def pixel_size(
    data: bytes, name: str, picture: NDArray[np.uint8], *, scale_bar_um: float | None = None
) -> tuple[float, str] | None:
    """The side of a pixel in µm, and where it comes from; None where nothing says it.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        Its name, which may tell the length of the scale bar.
    picture : (H, W) uint8 ndarray
        The same decoded.
    scale_bar_um : float, optional
        What the scale bar in the picture stands for.
    """
    found = _from_metadata(data)
    if found is not None:
        return found
    told = _BAR_IN_NAME.search(name)
    length = scale_bar_um or (float(told[1]) if told else None)
    bar = find_bar(picture) if length else None
    if bar is None or not length or not MIN_UM <= length / bar.length <= MAX_UM:
        return None
    return length / bar.length, f"a scale bar of {length:g} µm and {bar.length} px"


def _from_metadata(data: bytes) -> tuple[float, str] | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            tags = getattr(picture, "tag_v2", {})
            description = str(tags.get(_DESCRIPTION, ""))
            candidates = (
                (_ome(description), "OME-XML"),
                (_imagej(description, tags), "ImageJ"),
                (_resolution(picture), "the resolution"),
            )
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        TypeError,
        ZeroDivisionError,
        Image.DecompressionBombError,
    ):
        return None
    return next(((size, f"{source} of the file") for size, source in candidates if size and MIN_UM <= size <= MAX_UM), None)


def _ome(description: str) -> float | None:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if "<OME" not in description:
        return None
    try:
        pixels = [each for each in fromstring(description).iter() if each.tag.rpartition("}")[2] == "Pixels"][:1]
        return next(
            (
                float(each.get("PhysicalSizeX", "nan")) * _UNITS_UM.get(each.get("PhysicalSizeXUnit", "µm").lower(), math.nan)
                for each in pixels
            ),
            None,
        )
    except (ParseError, DefusedXmlException, ValueError):
        return None


def _imagej(description: str, tags: Any) -> float | None:
    unit = re.search(r"^unit=(\S+)", description, re.MULTILINE) if description.startswith("ImageJ=") else None
    per_unit = float(tags.get(_X_RESOLUTION, 0) or 0)
    return _UNITS_UM.get(unit[1].lower(), math.nan) / per_unit if unit and per_unit > 0 else None


def _resolution(picture: Image) -> float | None:
    """From dots per inch: Pillow makes them of all units that TIFF, PNG and JPEG have."""
    per_inch = picture.info.get("dpi")
    return 25_400 / float(per_inch[0]) if per_inch and float(per_inch[0]) > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Micrograph:
    """What was found in one micrograph.

    Attributes
    ----------
    name : str
    um_per_px : float
        NaN where nothing says it.
    source : str
        Where the scale comes from; empty where it is not known.
    valves : tuple of FoundValve
    """

    name: str
    um_per_px: float
    source: str
    valves: tuple[FoundValve, ...]


def search(
    files: Files, names: Sequence[str], settings: Mapping[str, Any]
) -> Generator[tuple[str, Micrograph | ImageError], None, None]:
    """Look for valves in many micrographs, some at a time.

    Parameters
    ----------
    files : Files
    names : sequence of str
    settings : mapping
        ``um_per_px`` [µm] where the files do not say it, ``scale_bar_um`` [µm], ``min_length_um`` and ``max_length_um`` [µm].

    Yields
    ------
    name : str
        In the order of `names`.
    found : Micrograph or ImageError
        The error of a picture that cannot be decoded; the others go on.
    """

    def one(name: str) -> Micrograph | ImageError:
        try:
            data = files.read(name)
            picture = decode(data, name=name)
        except DataError as error:
            return ImageError(str(error))
        bar_um, given = settings.get("scale_bar_um"), settings.get("um_per_px")
        told = pixel_size(data, name, picture, scale_bar_um=float(bar_um) if bar_um else None)
        size, source = told or ((float(given), "the setting um_per_px") if given else (None, ""))
        limits = {limit: float(settings[limit]) for limit in ("min_length_um", "max_length_um") if settings.get(limit)}
        found = find_valves(picture, um_per_px=size, **limits)
        return Micrograph(name=name, um_per_px=math.nan if size is None else size, source=source, valves=tuple(found))

    # Two at a time: most of the work is OpenCV's, which leaves the other threads alone; a decoded picture may be large.
    pool = ThreadPoolExecutor(2, thread_name_prefix="search")
    try:
        yield from zip(names, pool.map(one, names), strict=True)
    finally:
        # Whoever stops early does not wait for the others.
        pool.shutdown(cancel_futures=True)


class ValveCutter:
    """Cuts valves out of one micrograph; see `imagine_kernels.media.objects.Cutter`.

    A valve comes with its long axis upright in the middle of a square, whose sides are filled with the mean grey of the rim, as the user of the
    diamorph classifier is told to prepare it. Pictures with a black background, as of an electron microscope, are inverted.

    Parameters
    ----------
    files : Files
    name : str
        The micrograph inside.
    settings : mapping
        None are used.

    Raises
    ------
    ImageError
        There is no such file, or it is no picture that can be decoded.
    """

    def __init__(self, files: Files, name: str, settings: Mapping[str, Any]) -> None:
        del settings
        self._name = name
        try:
            data = files.read(name)
        except DataError as error:
            raise ImageError(str(error)) from None
        self._picture = decode(data, name=name)

    def cut(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The valve of a row of `Sample.objects`, (s, s) uint8, dark on light.

        Parameters
        ----------
        row : mapping
            ``object_x``, ``object_y`` (centre), ``object_length_px``, ``object_breadth_px`` in px and ``object_angle`` in degrees
            counter-clockwise of the long axis from the x axis.

        Raises
        ------
        ImageError
            The row does not say where the valve is, or it lies outside of the picture.
        """
        try:
            x, y, length, breadth, angle = (
                float(row[column]) for column in ("object_x", "object_y", "object_length_px", "object_breadth_px", "object_angle")
            )
        except (KeyError, TypeError, ValueError):
            raise ImageError(f"{self._name} has an object without its oriented box: open the micrograph again.") from None
        height, width = self._picture.shape
        if not (
            0 <= x <= width
            and 0 <= y <= height
            and breadth >= 1
            and 1 <= length <= 2 * max(height, width)
            and math.isfinite(angle)
        ):
            raise ImageError(f"{self._name} has an object outside of it ({x:.0f}, {y:.0f}): open the micrograph again.")
        return squared(upright(self._picture, x, y, length, breadth, angle))

    def close(self) -> None:
        """Let go of the picture."""
        self._picture = np.zeros((1, 1), dtype=np.uint8)


def upright(picture: NDArray[np.uint8], x: float, y: float, length: float, breadth: float, angle: float) -> NDArray[np.uint8]:
    """An oriented box with a rim of `RIM`, turned so that its long axis is vertical, in the scale of the picture.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
    x, y, length, breadth : float
        Centre and sides, px.
    angle : float
        Of the long side, degrees counter-clockwise from the x axis.

    Returns
    -------
    (h, w) uint8 ndarray
        With h = length and w = breadth plus the rim.
    """
    import cv2

    rim = 2 * math.ceil(RIM * length)
    h, w = round(length) + rim, round(breadth) + rim
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # Down in the crop is along the valve, to the right across it, so that at 90° nothing turns; positions are of the middles of pixels.
    along, across = (-cos, sin), (sin, cos)
    moved = [
        [across[0], along[0], x - 0.5 - across[0] * (w - 1) / 2 - along[0] * (h - 1) / 2],
        [across[1], along[1], y - 0.5 - across[1] * (w - 1) / 2 - along[1] * (h - 1) / 2],
    ]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, np.array(moved), (w, h), flags=how, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def squared(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A crop (h, w) in the middle of a square of the mean grey of its rim, inverted where that is nearly black: (s, s) uint8."""
    height, width = crop.shape
    rim = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    if rim.mean() < _DARK_BACKGROUND:
        crop, rim = 255 - crop, 255 - rim
    side = max(height, width)
    square = np.full((side, side), round(float(rim.mean())), dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = crop
    return square
