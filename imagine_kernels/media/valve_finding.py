"""Finding diatom valves in a micrograph, without training: what differs from the background, as oriented boxes.

The steps, each of which can be looked at: the light is made even (the picture divided by a wide median), the local contrast is the root mean
square of what is left within half a µm, a threshold by Otsu (1979, doi 10.1109/TSMC.1979.4310076) of its square root parts objects from background,
holes are filled, threads are opened away, and objects that touch are parted where their distance transform has a neck. The oriented box is the
rectangle of least area around an object (OpenCV's rotating calipers).

It finds everything that stands out, so also large dirt: whoever names the valves names that too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Side of a pixel that the search works with, µm: fine enough for a valve of 2 µm, coarse enough to be fast.
WORKING_UM = 0.24
#: Where the scale is not known, the longer side of a picture is taken for so many µm: a field of an oil immersion lens.
UNKNOWN_SIDE_UM = 200.0
#: … and what is shorter than a twentieth of it is no valve, since the limits in µm say little then.
UNKNOWN_LEAST_UM = 10.0
#: Reach of the local contrast, and of closing and opening, µm.
_CONTRAST_UM, _CLOSE_UM, _OPEN_UM = 0.35, 0.6, 0.45
#: Nothing is an object whose contrast is below so many times that of the background, which is its noise.
_OVER_NOISE = 1.7
#: Of the oriented box of a valve at least this share is valve, even where it is bent.
_LEAST_FILLED = 0.25
#: Two bodies are parted where the neck between them is narrower than both by this factor.
_NECK = 1.3
#: An object that fills so much of its convex hull is one.
_WHOLE = 0.93
#: An outline is dark below this share of the background, and closed if it encloses this share of what stands out.
_DARK, _ENCLOSED = 0.93, 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundValve:
    """An oriented box.

    Attributes
    ----------
    x, y : float
        Centre, px from the left and the top of the picture.
    length, breadth : float
        Long and short side, px.
    angle : float
        Of the long side, degrees counter-clockwise from the x axis, 0 to 180 (as ImageJ).
    area : float
        Of the object in it, px².
    """

    x: float
    y: float
    length: float
    breadth: float
    angle: float
    area: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A scale bar that is drawn in a picture: its box in px, and its length along its long side."""

    x: int
    y: int
    width: int
    height: int

    @property
    def length(self) -> int:
        """Of the long side, px."""
        return max(self.width, self.height)


def find_valves(
    picture: NDArray[np.uint8],
    *,
    um_per_px: float | None = None,
    min_length_um: float = 5.0,
    max_length_um: float = 250.0,
    min_breadth_um: float = 1.5,
) -> list[FoundValve]:
    """All objects of the size of a valve, from top to bottom; those that the border cuts are left out.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
    um_per_px : float, optional
        Side of a pixel; where it is not known sizes are reckoned as if the longer side of the picture were 200 µm, and nothing shorter than a
        twentieth of it is a valve.
    min_length_um, max_length_um : float
        Long side of the oriented box.
    min_breadth_um : float
        Short side.
    """
    scale = um_per_px or UNKNOWN_SIDE_UM / max(picture.shape)
    min_length_um = min_length_um if um_per_px else max(min_length_um, UNKNOWN_LEAST_UM)
    step = max(WORKING_UM / scale, 1.0)
    even = _even_light(picture, step)
    unit = scale * step
    mask = _objects(even, unit)
    found = []
    for part in _parted(mask, even, least=math.ceil(min_length_um * min_breadth_um / unit**2 / 3), unit=unit):
        valve = _boxed(part, step)
        length, breadth = valve.length * scale, valve.breadth * scale
        fits = min_length_um <= length <= max_length_um and breadth >= min_breadth_um
        if fits and valve.area >= _LEAST_FILLED * valve.length * valve.breadth:
            found.append(valve)
    return sorted(found, key=lambda valve: (valve.y, valve.x))


def find_bar(picture: NDArray[np.uint8]) -> Bar | None:
    """The longest solid black or white bar, upright or level, at least five times as long as it is thick; None where there is none."""
    import cv2

    height, width = picture.shape
    best = None
    for mask in (picture < 40, picture > 247):
        # A picture whose background is black or white shows no bar of that colour.
        if mask.mean() > 0.2:
            continue
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
        for x, y, w, h, area in stats[1:count].tolist():
            long, thick = max(w, h), min(w, h)
            solid = area >= 0.95 * w * h
            if (
                solid
                and long >= 5 * thick
                and thick >= 2
                and long >= 0.04 * max(width, height)
                and (best is None or long > best.length)
            ):
                best = Bar(x=x, y=y, width=w, height=h)
    return best


def _even_light(picture: NDArray[np.uint8], step: float) -> NDArray[np.float32]:
    """The picture, shrunk `step` times, over its background: 1 where nothing is."""
    import cv2

    size = (max(round(picture.shape[1] / step), 8), max(round(picture.shape[0] / step), 8))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    tiny = cv2.resize(small, (max(size[0] // 6, 8), max(size[1] // 6, 8)), interpolation=cv2.INTER_AREA)
    reach = min(61, max(tiny.shape) // 2) | 1
    light = cv2.GaussianBlur(cv2.medianBlur(tiny, reach), (0, 0), reach / 6)
    background = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    even = (small.astype(np.float32) + 1) / (background + 1)
    bar = find_bar(picture)
    if bar is not None:
        # The number stands above, below or beside the bar.
        around = max(6 * min(bar.width, bar.height), 0.25 * bar.length)
        x0, x1 = (round(max(each, 0) / step) for each in (bar.x - around / 2, bar.x + bar.width + around / 2))
        y0, y1 = (round(max(each, 0) / step) for each in (bar.y - around, bar.y + bar.height + around))
        even[y0 : y1 + 1, x0 : x1 + 1] = 1
    return np.asarray(even, dtype=np.float32)


def _objects(even: NDArray[np.float32], unit: float) -> NDArray[np.uint8]:
    """(h, w) uint8, 1 where an object is; `unit` is the side of a pixel in µm."""
    import cv2

    contrast = np.sqrt(cv2.GaussianBlur((even - 1) ** 2, (0, 0), _CONTRAST_UM / unit))
    rough = np.sqrt(np.clip(contrast, 0, 1))
    levels = np.asarray(np.rint((rough - rough.min()) / max(float(np.ptp(rough)), 1e-6) * 255), dtype=np.uint8)
    level = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0]
    threshold = float(rough.min() + level / 255 * np.ptp(rough)) ** 2
    # Most of a field is background.
    mask = (contrast > max(threshold, _OVER_NOISE * float(np.median(contrast)))).astype(np.uint8)
    mask = _morphed(mask, cv2.MORPH_CLOSE, _CLOSE_UM / unit)
    outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    return _morphed(mask, cv2.MORPH_OPEN, _OPEN_UM / unit)


def _morphed(mask: NDArray[np.uint8], operation: int, radius: float) -> NDArray[np.uint8]:
    """A mask closed or opened with a disc of that radius, px."""
    import cv2

    side = 2 * max(round(radius), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(mask, operation, disc), dtype=np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """An object: its mask, and where its top left corner lies."""

    mask: NDArray[np.uint8]
    left: int
    top: int


def _parted(mask: NDArray[np.uint8], even: NDArray[np.float32], *, least: int, unit: float) -> list[_Part]:
    """The objects of at least so many pixels, those that touch parted, without those at the border."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    height, width = mask.shape
    parts = []
    for index in range(1, count):
        left, top, w, h, area = (int(each) for each in stats[index])
        if area < least or left <= 0 or top <= 0 or left + w >= width or top + h >= height:
            continue
        here = (slice(top - 1, top + h + 1), slice(left - 1, left + w + 1))
        own = np.asarray(labels[here] == index, dtype=np.uint8)
        for piece in _pieces(_without_fringe(own, even[here], unit), least):
            parts += [_Part(mask=each, left=left - 1, top=top - 1) for each in _bodies(piece, least)]
    return parts


def _pieces(mask: NDArray[np.uint8], least: int) -> list[NDArray[np.uint8]]:
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    return [np.asarray(labels == at, dtype=np.uint8) for at in range(1, count) if stats[at, cv2.CC_STAT_AREA] >= least]


def _bodies(mask: NDArray[np.uint8], least: int) -> list[NDArray[np.uint8]]:
    """The bodies of one object: two or more where a neck parts them, one otherwise."""
    import cv2

    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    largest = float(distance.max())
    if _solidity(mask) > _WHOLE or largest < 2:
        return [mask]
    # Necks are looked for from the thinnest on, each a tenth wider than the one before.
    for radius in np.geomspace(1.0, max(largest / _NECK, 1.0), max(2, math.ceil(math.log(max(largest / _NECK, 1.1)) / 0.1))):
        count, cores = cv2.connectedComponents((distance > radius).astype(np.uint8), connectivity=8)
        if count < 3:
            continue
        deepest = np.zeros(count, dtype=np.float32)
        np.maximum.at(deepest, cores.ravel(), distance.ravel())
        thick = [index for index in range(1, count) if deepest[index] >= _NECK * radius + 0.5]
        if len(thick) < 2:
            continue
        markers = np.isin(cores, thick).astype(np.uint8)
        nearest = cv2.distanceTransformWithLabels(1 - markers, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)[1]
        bodies = [((nearest == index) & (mask > 0)).astype(np.uint8) for index in range(1, int(nearest.max()) + 1)]
        if len(bodies) >= 2 and all(int(body.sum()) >= least for body in bodies) and _rounder(mask, bodies):
            return [part for body in bodies for part in _bodies(body, least)]
    return [mask]


def _rounder(mask: NDArray[np.uint8], bodies: list[NDArray[np.uint8]]) -> bool:
    """Whether the bodies fill their hulls clearly better than the whole does: a valve with a waist stays one."""
    whole = _solidity(mask)
    parts = sum(_solidity(body) * float(body.sum()) for body in bodies) / float(mask.sum())
    return parts > whole + 0.05


def _solidity(mask: NDArray[np.uint8]) -> float:
    import cv2

    points = cv2.findNonZero(mask)
    return float(mask.sum()) / max(float(cv2.contourArea(cv2.convexHull(points))), 1.0)


def _without_fringe(mask: NDArray[np.uint8], even: NDArray[np.float32], unit: float) -> NDArray[np.uint8]:
    """What a dark outline encloses, without the bright fringe of diffraction around it; the mask as it is where no outline is dark."""
    import cv2

    inside = mask > 0
    darkest = float(np.percentile(even[inside], 5))
    if darkest > _DARK:
        return mask
    dark = (inside & (even < 1 - 0.55 * (1 - darkest))).astype(np.uint8)
    dark = _morphed(dark, cv2.MORPH_CLOSE, _CLOSE_UM / 2 / unit)
    outlines = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = np.zeros_like(dark)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    filled = _morphed(filled, cv2.MORPH_OPEN, _OPEN_UM / unit)
    # Where the outline is open little is enclosed.
    return np.asarray(filled if filled.sum() >= _ENCLOSED * mask.sum() else mask, dtype=np.uint8)


def _boxed(part: _Part, step: float) -> FoundValve:
    import cv2

    points = cv2.findNonZero(part.mask).reshape(-1, 2) + np.array([part.left + 0.5, part.top + 0.5])
    centre, sides, _ = rectangle = cv2.minAreaRect(cv2.convexHull(points.astype(np.float32)))
    corners = cv2.boxPoints(rectangle)
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    long = first if np.hypot(*first) >= np.hypot(*second) else second
    # The rectangle goes through the centres of pixels, which reach half a pixel further.
    length, breadth = max(sides) + 1, min(sides) + 1
    return FoundValve(
        x=float(centre[0]) * step,
        y=float(centre[1]) * step,
        length=float(length) * step,
        breadth=float(breadth) * step,
        angle=math.degrees(math.atan2(-float(long[1]), float(long[0]))) % 180,
        area=float(part.mask.sum()) * step**2,
    )
