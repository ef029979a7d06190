"""Bytes of a picture to grey values.

OpenCV decodes the common kinds several times faster than Pillow, but fills what is missing of a truncated file without a word. So it gets
only files whose end is there; Pillow, which complains, gets all others, and the rare kinds.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SIDE, MAX_SIDE = 3, 20_000
#: More pixels than this are a scan, not a vignette; decoded they would fill the memory of a small machine.
MAX_PIXELS = 100_000_000

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
#: JPEG markers that begin a frame and tell its size.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    width: int
    height: int
    #: Eight bits, one or three channels, and the end of the file is there.
    plain: bool


def decode(data: bytes, *, name: str, colour: bool = False) -> NDArray[np.uint8]:
    """A picture as 8-bit grey, or in colour.

    Colours become luminance (ITU-R 601) unless they are asked for, transparent parts white. 16-bit pictures are scaled by the smallest of 8,
    10, 12, 14 and 16 bits that holds their brightest pixel, because cameras of 12 bits write 16. A rotation in EXIF is ignored, as it is by
    ZooProcess and EcoTaxa. Of several frames the first is taken.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        For the error message.
    colour : bool
        Give red, green and blue, of grey pictures the same thrice.

    Returns
    -------
    (H, W) or (H, W, 3) uint8 ndarray
        0 is black.

    Raises
    ------
    ImageError
        The file is empty, truncated or no picture, or its sides are not 3 to 20 000 px; the size is read before anything is decoded.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes): copy it again.")
    if data.startswith(_JPEG) and data.endswith(bytes(16)) and not data.rstrip(b"\0").endswith(_JPEG_END):
        # A copy that broke off into a file of the full length; the zeros would be decoded as grey.
        raise ImageError(f"{name} is truncated, its end is missing: copy it again.")
    header = _read_header(data)
    if header is not None:
        _check_size(header.width, header.height, name)
        if header.plain:
            picture = _fast(data, colour)
            if picture is not None:
                return picture
    return _careful(data, name, colour)


def _check_size(width: int, height: int, name: str) -> None:
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{name} measures only {width} × {height} px: leave it out, a vignette has at least 3 × 3 px.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(f"{name} measures {width} × {height} px, more than a vignette can: cut the scan into vignettes first.")


def _read_header(data: bytes) -> _Header | None:
    """Size and kind of a PNG or JPEG, or None for everything else."""
    if data.startswith(_PNG) and len(data) >= 33:
        width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
        # A tRNS chunk makes a grey or RGB picture transparent.
        plain = depth == 8 and colour in (0, 2) and b"tRNS" not in data[:4096] and data.endswith(_PNG_END)
        return _Header(width=width, height=height, plain=plain)
    if not data.startswith(_JPEG):
        return None
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in _FRAMES:
            precision, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            ends = data[-64:].rstrip(b"\0\r\n").endswith(_JPEG_END)
            return _Header(width=width, height=height, plain=precision == 8 and channels in (1, 3) and ends)
        if marker == 0xFF or 0xD0 <= marker <= 0xD9 or marker == 0x01:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _fast(data: bytes, colour: bool) -> NDArray[np.uint8] | None:
    import cv2

    kind = cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), kind | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, dtype=np.uint8)


def _careful(data: bytes, name: str, colour: bool) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            _check_size(*picture.size, name)
            picture.load()
            return _eight_bit(picture, colour)
    except UnidentifiedImageError:
        if data.startswith((_JPEG, _PNG)):
            raise ImageError(f"{name} is truncated, its end is missing: copy it again.") from None
        raise ImageError(f"{name} is not a picture that can be read (JPEG, PNG, TIFF, BMP, GIF, WebP): check the file.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{name} has more pixels than a vignette can: cut the scan into vignettes first.") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, TypeError) as error:
        short = data.startswith(_JPEG) and _JPEG_END not in data[-64:]
        if short or "truncated" in str(error) or isinstance(error, EOFError) or "not enough" in str(error):
            raise ImageError(f"{name} is truncated, its end is missing: copy it again.") from None
        raise ImageError(f"{name} is damaged and cannot be decoded: copy it again.") from None


def _eight_bit(picture: Image, colour: bool) -> NDArray[np.uint8]:
    from PIL import Image as Images

    if picture.mode.startswith(("I", "F")):
        grey = _eight_bits(np.asarray(picture))
        return np.repeat(grey[:, :, None], 3, axis=2) if colour else grey
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Images.new("RGBA", picture.size, "white")
        picture = Images.alpha_composite(white, picture).convert("RGB")
    elif picture.mode not in ("1", "L", "RGB"):
        picture = picture.convert("RGB")
    return np.array(picture.convert("RGB" if colour else "L"), dtype=np.uint8)


def _eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(min=0)
    brightest = numbers.max()
    if values.dtype.kind == "f" and brightest <= 1:
        top = 1.0
    else:
        top = next((2.0**bits - 1 for bits in (8, 10, 12, 14, 16) if brightest < 2**bits), max(brightest, 1.0))
    return np.rint(numbers * (255 / top)).astype(np.uint8)
