"""Faces and people made unrecognisable on the way in, irreversibly.

Faces are looked for with the cascade of local binary patterns that comes with scikit-image (Liao et al. 2007, trained by OpenCV). It knows upright
faces seen from the front, of some 24 px and more. In photos straight down from above there are none, and people are a few px wide; then boxes of
people, from annotations or from a detector that knows them, are what helps.

Measured: of 100 faces of Labelled Faces in the Wild, laid on sand at 32 to 96 px, 95 to 98 were found; in photos without people about one box per
photo was hidden for nothing (23 in 20 of litter from the ground, 11 in 12 of beaches). So photos that a model learns from should be
searched before they are annotated, and nothing here promises that every face is found: look through photos of crowded beaches before they are
passed on.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import ImageError

#: Labels that stand for people, in the words of usual sets of classes.
PEOPLE = frozenset({"person", "people", "human", "pedestrian", "face", "head", "swimmer", "bather", "child", "man", "woman"})
#: A hidden box keeps so many fields along its longer side: faces in 8 x 8 and more fields have been told apart by machines.
FIELDS = 4
#: A box is widened by this share of its sides, as hair and ears show who somebody is, too.
MARGIN = 0.25
#: Smallest face that is looked for, px.
LEAST_FACE_PX = 24
#: Longer side of the copy in which faces are looked for, px; a search takes a second for a megapixel.
LONGEST_PX = 1600

How = Literal["pixelate", "fill"]


def find_faces(picture: NDArray[np.uint8], *, least_px: int = LEAST_FACE_PX, longest_px: int = LONGEST_PX) -> NDArray[np.float64]:
    """Boxes (n, 4) of upright faces seen from the front: x_min, y_min, x_max, y_max in px.

    Parameters
    ----------
    picture : (height, width) or (height, width, 3) uint8 ndarray
    least_px : int
        Smaller faces are not looked for.
    longest_px : int
        A longer picture is searched in a copy with this longer side: then the smallest faces that are found are larger by that ratio.
    """
    import cv2

    shrink = min(1.0, longest_px / max(picture.shape[:2]))
    if shrink < 1:
        size = (max(1, round(picture.shape[1] * shrink)), max(1, round(picture.shape[0] * shrink)))
        smaller = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        boxes = find_faces(smaller, least_px=max(LEAST_FACE_PX, round(least_px * shrink)), longest_px=longest_px)
        return np.asarray(boxes / shrink)
    height, width = picture.shape[:2]
    largest = min(height, width)
    if largest < max(least_px, LEAST_FACE_PX):
        return np.empty((0, 4))
    found = _cascade().detect_multi_scale(
        img=picture if picture.ndim == 2 else np.ascontiguousarray(picture[:, :, :3]),
        scale_factor=1.1, step_ratio=1, min_size=(max(least_px, LEAST_FACE_PX),) * 2, max_size=(largest,) * 2,
    )  # fmt: skip
    corners = [[f["c"], f["r"], f["c"] + f["width"], f["r"] + f["height"]] for f in found]
    return np.asarray(corners, dtype=np.float64).reshape(-1, 4)


def people_boxes(boxes: ArrayLike, labels: Sequence[str], *, people: Iterable[str] = PEOPLE) -> NDArray[np.float64]:
    """Those of some boxes (n, 4) whose label stands for people; capitals do not matter."""
    names = {name.casefold() for name in people}
    chosen = np.array([label.casefold() in names for label in labels], dtype=bool)
    return np.asarray(np.asarray(boxes, dtype=np.float64).reshape(-1, 4)[chosen])


def hidden(picture: NDArray[np.uint8], boxes: ArrayLike, *, how: How = "pixelate", margin: float = MARGIN) -> NDArray[np.uint8]:
    """A picture in which some boxes cannot be recognised.

    The px of a box are replaced by the means of a few fields, or by one mean: what was between is lost, unlike with a blur, which can be undone.

    Parameters
    ----------
    picture : (height, width) or (height, width, 3) uint8 ndarray
        Is not changed.
    boxes : (n, 4) array
        x_min, y_min, x_max, y_max in px; parts outside are cut off, and what is no box is left out.
    how : {"pixelate", "fill"}
    margin : float
        By which each side of a box is widened, as a share of it.
    """
    result = picture.copy()
    height, width = picture.shape[:2]
    for x_min, y_min, x_max, y_max in np.asarray(boxes, dtype=np.float64).reshape(-1, 4).tolist():
        if not np.isfinite([x_min, y_min, x_max, y_max]).all():
            continue
        wide, high = (x_max - x_min) * margin, (y_max - y_min) * margin
        left, right = max(0, int(np.floor(x_min - wide))), min(width, int(np.ceil(x_max + wide)))
        top, bottom = max(0, int(np.floor(y_min - high))), min(height, int(np.ceil(y_max + high)))
        if right <= left or bottom <= top:
            continue
        side = max(right - left, bottom - top) if how == "fill" else -(-max(right - left, bottom - top) // FIELDS)
        for y in range(top, bottom, side):
            for x in range(left, right, side):
                field = result[y : min(y + side, bottom), x : min(x + side, right)]
                field[...] = field.mean(axis=(0, 1)).round().astype(np.uint8)
    return result


def anonymised(data: bytes, name: str, boxes: ArrayLike = (), *, faces: bool = True, how: How = "pixelate") -> tuple[bytes, int]:
    """A JPEG, PNG, TIFF or WebP with faces and given boxes hidden, and how many.

    The metadata that place a photo (EXIF, XMP) are kept; the preview inside it, which shows the faces too, and the notes of the maker are not.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.
    boxes : (n, 4) array
        Of people or faces that are known, px.
    faces : bool
        Look for faces, too.
    how : {"pixelate", "fill"}

    Raises
    ------
    ImageError
        It is no picture, or cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened:
            kind, xmp, exif = str(opened.format), opened.info.get("xmp"), _plain_exif(opened)
            opened.load()
            profile = opened.info.get("icc_profile")
            tables = getattr(opened, "quantization", None)
            mode = opened if opened.mode in ("L", "RGB") else opened.convert("RGB")
            picture = np.asarray(mode, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ImageError(f"{name} is not a picture that can be decoded: check the file.") from None
    given = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    every = np.concatenate([given, find_faces(picture)]) if faces else given
    written = io.BytesIO()
    options: dict[str, Any] = {"exif": exif}
    if xmp and kind in ("JPEG", "PNG", "WEBP"):
        options["xmp"] = xmp
    if profile:
        options["icc_profile"] = profile
    if kind == "JPEG" and tables:
        # The tables of the camera, so that what is not hidden loses next to nothing.
        options |= {"qtables": tables, "subsampling": 0}
    if kind == "WEBP":
        options["lossless"] = True
    Image.fromarray(hidden(picture, every, how=how)).save(
        written, kind if kind in ("JPEG", "PNG", "TIFF", "WEBP") else "PNG", **options
    )
    return written.getvalue(), len(every)


def _plain_exif(opened: Any) -> Any:
    """EXIF without preview (which Pillow does not write) and without the notes of the maker."""
    try:
        exif = opened.getexif()
        photo = exif.get_ifd(0x8769)
        exif.get_ifd(0x8825)
        photo.pop(0x927C, None)
        exif.pop(0x927C, None)
        exif.tobytes()
    except Exception:  # damaged EXIF fails in any way, and is left out
        from PIL import Image

        return Image.Exif()
    return exif


@lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())  # type: ignore[no-untyped-call]
