"""What the model sees: a grey picture on a white square, at one size, in eight orientations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Grey value of an empty ZooScan background.
WHITE = 255
#: The four quarter turns of a picture and of its mirror image.
ORIENTATIONS = 8
#: Parts smaller than this share of the largest one are specks of the scan or of the compression.
SPECK = 0.01


def square(picture: NDArray[np.uint8], *, size: int, background: int = 243, margin: float = 0.05) -> NDArray[np.uint8]:
    """The object of a picture, cut out, centred on a white square and scaled to the size that the model takes.

    Vignettes come with wide and uneven margins; cutting to the object makes all objects fill the square alike.

    Parameters
    ----------
    picture : (H, W) ndarray of uint8
        Without its scale bar.
    size : int
        Side of the result in px.
    background : int
        Pixels lighter than this are background; 255 keeps the whole picture.
    margin : float
        Width of the rim that is kept around the object, as a share of its longer side.

    Returns
    -------
    (size, size) ndarray of uint8
    """
    import cv2

    cut = picture[object_box(picture, background=background, margin=margin)]
    height, width = cut.shape
    side = max(height, width)
    canvas = np.full((side, side), WHITE, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = cut
    # Averaging over the area keeps thin antennae when a picture shrinks; it is no good for enlarging.
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=how), dtype=np.uint8)


def object_box(picture: NDArray[np.uint8], *, background: int, margin: float) -> tuple[slice, slice]:
    """Rows and columns of everything up to the grey value `background` without specks, with a rim; the whole picture where nothing is."""
    import cv2

    dark = cv2.threshold(picture, background, 1, cv2.THRESH_BINARY_INV)[1]
    outlines = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not outlines:
        return slice(0, picture.shape[0]), slice(0, picture.shape[1])
    if len(outlines) > 1:
        # One speck of the compression in a corner would change the scale of everything. Half the length makes the area about that in pixels.
        areas = [cv2.contourArea(outline) + len(outline) / 2 + 1 for outline in outlines]
        least = SPECK * max(areas)
        outlines = [outline for outline, area in zip(outlines, areas, strict=True) if area >= least]
    left, top, width, height = cv2.boundingRect(np.concatenate(outlines))
    rim = round(margin * max(width, height)) + 1
    return slice(max(0, top - rim), top + height + rim), slice(max(0, left - rim), left + width + rim)


def squares(
    pictures: Sequence[NDArray[np.uint8]], *, size: int, background: int = 243, margin: float = 0.05
) -> NDArray[np.uint8]:
    """The same for many: (n, 1, size, size) uint8."""
    result = np.empty((len(pictures), 1, size, size), dtype=np.uint8)
    for row, picture in zip(result, pictures, strict=True):
        row[0] = square(picture, size=size, background=background, margin=margin)
    return result


def oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Pictures (n, c, s, s) turned by ``orientation % 4`` quarter turns, and mirrored from 4 on."""
    turned = np.rot90(pixels, orientation % 4, axes=(-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if orientation >= 4 else turned)
