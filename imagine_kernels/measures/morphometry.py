"""Morphometry of one object from its pixels, under the names that EcoTaxa and ZooProcess use.

ZooProcess measures with ImageJ. The definitions here are the same, written anew: grey values are those of the *filled* object (holes
included), the perimeter is ImageJ's traced perimeter, the ellipse has the second moments and the area of the object. All lengths are px.

=================  =======================================================================================================
feature            definition
=================  =======================================================================================================
area               pixels of the object, holes filled (ImageJ "Area"), px²
area_exc           pixels with a grey value up to the threshold, holes left out (ZooProcess), px²
%area              100 · (1 - area_exc / area): share of holes, % (ZooProcess)
mean, stddev       of the grey values, stddev with n - 1 (ImageJ)
mode, median       most frequent grey value (the lowest of equals); grey value at half of the histogram, an integer (ImageJ)
min, max           extreme grey values
intden             area · mean (ImageJ "Integrated density")
skew, kurt         third and fourth standardised moments, kurt - 3 (ImageJ)
histcum1 … 3       grey values at 25, 50 and 75 % of the histogram (ZooProcess)
perim.             traced outline: its pixel sides, each corner shortened by 2 - √2 (ImageJ `PolygonRoi`)
width, height      of the bounding box
major, minor       axes of the ellipse with the same second moments and area (ImageJ `EllipseFitter`)
angle              of the major axis, degrees counter-clockwise from the x axis, 0 to 180 (ImageJ)
feret              largest distance between two points of the outline (ImageJ)
convarea           pixels that the filled convex hull of the object's pixels touches, px² (ZooProcess)
solidity           area / convarea (ImageJ "Solidity")
circ.              4π · area / perim.² (ImageJ)
circex             4π · area_exc / perim.² (ZooProcess)
esd                2 √(area / π), equivalent spherical diameter
elongation         major / minor (ZooProcess)
range              max - min (ZooProcess)
meanpos            (mean - max) / (mean - min) (ZooProcess)
cv                 100 · stddev / mean (ZooProcess)
sr                 100 · stddev / range (ZooProcess)
perimareaexc       perim. / √area_exc (ZooProcess)
feretareaexc       feret / √area_exc (ZooProcess)
perimferet         perim. / feret (ZooProcess)
perimmajor         perim. / major (ZooProcess)
fractal            Minkowski dimension of the outline, holes included: 2 - slope of log(area within r px) on log r, r = 2, 4 … 32
=================  =======================================================================================================

Sources: ImageJ 1.x (public domain; `PolygonRoi.getTracedPerimeter`, `EllipseFitter`, `ImageStatistics`); Gorsky et al. 2010, Digital
zooplankton image analysis using the ZooScan integrated system, J. Plankton Res. 32, 285-303, doi 10.1093/plankt/fbp124. ZooProcess
rounds perimeter, Feret diameter and axes before it forms ratios; here they are not rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Grey values up to this one belong to an object (ZooProcess on 8-bit vignettes).
THRESHOLD = 243

#: The features, EcoTaxa's names with ``object_`` stripped, in the order of the columns of `morphometry_table`.
FEATURES: tuple[str, ...] = (
    "area", "area_exc", "%area", "mean", "stddev", "mode", "min", "max", "median", "intden", "skew", "kurt", "histcum1", "histcum2",
    "histcum3", "perim.", "width", "height", "major", "minor", "angle", "feret", "convarea", "solidity", "circ.", "circex", "esd",
    "elongation", "range", "meanpos", "cv", "sr", "perimareaexc", "feretareaexc", "perimferet", "perimmajor", "fractal",
)  # fmt: skip

# Parts smaller than this share of the largest one are specks of the scan or of JPEG compression, not pieces of the animal.
_SPECK = 0.01
# Radii, px, at which the Minkowski dimension is fitted, and the weights with which the logarithms at them sum up to the least-squares slope.
_RADII = (2, 4, 8, 16, 32)
_CENTRED = np.log(_RADII) - np.log(_RADII).mean()
_SLOPE = _CENTRED / (_CENTRED @ _CENTRED)
_LEVELS = np.arange(256.0)
_NEIGHBOURS = np.ones((3, 3), dtype=np.uint8)


def morphometry(picture: NDArray[np.uint8], *, threshold: int = THRESHOLD) -> dict[str, float]:
    """Features of the object in one vignette.

    The object is everything with a grey value up to `threshold`, without specks that are smaller than 1 % of its largest part.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
        Dark object on a light background, without the scale bar.
    threshold : int
        The lightest grey value that belongs to the object.

    Returns
    -------
    dict
        One float per name in `FEATURES`. Where the picture holds no object, area and area_exc are 0 and the others NaN.
    """
    import cv2

    picture = np.ascontiguousarray(picture, dtype=np.uint8)
    foreground = cv2.copyMakeBorder((picture <= threshold).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    contours = list(cv2.findContours(foreground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0])
    if not contours:
        return {name: 0.0 if name in ("area", "area_exc") else float("nan") for name in FEATURES}
    if len(contours) > 1:
        # Area of the outline through pixel centres, plus half its length: close to the pixel count, and never 0.
        sizes = np.array([cv2.contourArea(contour) + len(contour) / 2 + 1 for contour in contours])
        contours = [contour for contour, size in zip(contours, sizes, strict=True) if size >= _SPECK * sizes.max()]
    points = np.concatenate(contours)[:, 0, :]
    left, top, width, height = cv2.boundingRect(points)
    inner = np.zeros((height, width), dtype=np.uint8)
    cv2.drawContours(inner, contours, -1, 1, cv2.FILLED, offset=(-left, -top))
    grey = picture[top - 1 : top - 1 + height, left - 1 : left - 1 + width]
    area = float(np.count_nonzero(inner))
    dark = ((grey <= threshold) & (inner > 0)).astype(np.uint8)
    values = {"area": area, "area_exc": float(np.count_nonzero(dark)), "fractal": _fractal(dark)}
    values |= _grey_values(np.bincount(grey[inner > 0], minlength=256).astype(np.float64))
    values |= _shape(points, contours, width, height)
    values |= _ellipse(inner, area)
    values |= _ratios(values)
    return {name: values[name] for name in FEATURES}


def morphometry_table(pictures: Iterable[NDArray[np.uint8]], *, threshold: int = THRESHOLD) -> NDArray[np.float64]:
    """`morphometry` of n pictures as an (n, m) float64 array, columns in the order of `FEATURES`."""
    rows = [list(morphometry(picture, threshold=threshold).values()) for picture in pictures]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def log_scaled(table: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features for a classifier: ``sign(x) · log(1 + |x|)``, always finite (missing values become 0).

    Sizes of plankton span orders of magnitude; on this scale a linear classifier sees ratios.

    Parameters
    ----------
    table : (n, m) float64 ndarray

    Returns
    -------
    (n, m) float32 ndarray
    """
    values = np.nan_to_num(np.asarray(table, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float32)


def _grey_values(histogram: NDArray[np.float64]) -> dict[str, float]:
    n = float(histogram.sum())
    mean = float(histogram @ _LEVELS) / n
    centred = _LEVELS - mean
    weighted = histogram * centred
    squared = centred * centred
    second, third, fourth = (float(weighted @ power) / n for power in (centred, squared, squared * centred))
    present = np.flatnonzero(histogram)
    cumulative = np.cumsum(histogram)
    quartiles = [float(np.searchsorted(cumulative, share * n)) for share in (0.25, 0.5, 0.75)]
    flat = second <= 0
    return {
        "mean": mean,
        "stddev": float(np.sqrt(second * n / (n - 1))) if n > 1 else 0.0,
        "mode": float(np.argmax(histogram)),
        "min": float(present[0]),
        "max": float(present[-1]),
        "median": quartiles[1],
        "intden": float(n * mean),
        "skew": 0.0 if flat else third / second**1.5,
        "kurt": 0.0 if flat else fourth / second**2 - 3,
        **{f"histcum{k}": value for k, value in enumerate(quartiles, start=1)},
    }


def _shape(points: NDArray[Any], contours: list[NDArray[Any]], width: int, height: int) -> dict[str, float]:
    """Bounding box, convex hull and perimeter; `points` are pixel centres, the pixels reach half a pixel further."""
    import cv2

    hull = cv2.convexHull(points)[:, 0, :].astype(np.float64)
    # The hull of pixel squares is that of their centres plus a unit square (Minkowski sum), so is its diameter.
    apart = np.abs(hull[:, None, :] - hull[None, :, :]) + 1
    drawn = np.zeros((height, width), dtype=np.uint8)
    cv2.fillConvexPoly(drawn, (hull - hull.min(axis=0)).astype(np.int32), 1)
    return {
        "width": float(width),
        "height": float(height),
        "feret": float(np.sqrt((apart**2).sum(axis=2).max())),
        "convarea": float(np.count_nonzero(drawn)),
        "perim.": sum(traced_perimeter(contour[:, 0, :]) for contour in contours),
    }


def _sides_table() -> NDArray[np.int8]:
    """(8, 8, 4) int8: which pixel sides an outline passes, by the step into and out of a pixel; -1 fills up.

    Directions count in eighths of a turn, 0 = +x, 2 = +y. The outline runs with the object on its right-hand side as OpenCV traces it,
    so that the sides swept lie between the way back and the way on, in the sense of decreasing direction.
    """
    table = np.full((8, 8, 4), -1, dtype=np.int8)
    for came in range(8):
        for goes in range(8):
            back = (came + 4) % 8
            swept = (back - goes) % 8 or 8
            sides = [(back - k) % 8 for k in range(1, swept) if (back - k) % 2 == 0]
            table[came, goes, : len(sides)] = sides
    return table


_SIDES = _sides_table()
_DIRECTION = np.array([[5, 6, 7], [4, -1, 0], [3, 2, 1]])


def traced_perimeter(contour: NDArray[Any]) -> float:
    """ImageJ's perimeter of a traced outline.

    The length of the pixel sides, less 2 - √2 for each corner; of two corners that are one pixel apart only one counts, so that a
    staircase is measured along its diagonal.

    Parameters
    ----------
    contour : (n, 2) int ndarray
        The 8-connected border pixels in order, as `cv2.findContours` gives them without approximation.

    Returns
    -------
    float
        px.
    """
    if len(contour) == 1:
        sides: NDArray[Any] = np.array([0, 2, 4, 6])
    else:
        step = np.concatenate((contour[1:], contour[:1])) - contour
        goes = _DIRECTION[step[:, 1] + 1, step[:, 0] + 1]
        sides = _SIDES[np.concatenate((goes[-1:], goes[:-1])), goes].ravel()
        sides = sides[sides >= 0]
    turns = np.flatnonzero(sides[1:] != sides[:-1]) + 1
    if sides[0] != sides[-1]:
        turns = np.concatenate(([0], turns))
    if len(turns) == 0:
        return float(len(sides))
    # ImageJ's rule: a corner counts if the side before it is longer than 1, or if the corner before it did not count.
    before = turns - np.concatenate((turns[-1:] - len(sides), turns[:-1]))
    position = np.arange(len(turns))
    since = position - np.maximum.accumulate(np.where(before > 1, position, 0))
    return float(len(sides) - np.count_nonzero(since % 2 == 0) * (2 - np.sqrt(2)))


def _ellipse(filled: NDArray[np.uint8], area: float) -> dict[str, float]:
    import cv2

    moments = cv2.moments(filled, binaryImage=True)
    # A pixel is a square, not a point: its own second moment is 1/12.
    xx, yy, xy = moments["mu20"] / area + 1 / 12, moments["mu02"] / area + 1 / 12, moments["mu11"] / area
    middle, half = (xx + yy) / 2, float(np.hypot((xx - yy) / 2, xy))
    ratio = float(np.sqrt((middle + half) / max(middle - half, 1e-9)))
    major = 2 * float(np.sqrt(area / np.pi * ratio))
    # Rows count downwards, angles counter-clockwise.
    angle = float(np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy))) % 180
    return {"major": major, "minor": 4 * area / np.pi / major, "angle": angle}


def _fractal(dark: NDArray[np.uint8]) -> float:
    import cv2

    reach = int(_RADII[-1]) + 1
    wide = cv2.copyMakeBorder(dark, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    elsewhere = cv2.compare(cv2.erode(wide, _NEIGHBOURS), wide, cv2.CMP_EQ)
    distance = cv2.distanceTransform(elsewhere, cv2.DIST_L2, 5)
    covered = [cv2.countNonZero(cv2.inRange(distance, 0, radius)) for radius in _RADII]
    return 2 - float(np.log(covered) @ _SLOPE)


def _ratios(v: dict[str, float]) -> dict[str, float]:
    def over(a: float, b: float) -> float:
        return a / b if b else 0.0

    spread = v["max"] - v["min"]
    root = float(np.sqrt(v["area_exc"]))
    return {
        "%area": 100 * (1 - v["area_exc"] / v["area"]),
        "solidity": v["area"] / v["convarea"],
        "circ.": 4 * np.pi * v["area"] / v["perim."] ** 2,
        "circex": 4 * np.pi * v["area_exc"] / v["perim."] ** 2,
        "esd": 2 * float(np.sqrt(v["area"] / np.pi)),
        "elongation": v["major"] / v["minor"],
        "range": spread,
        "meanpos": over(v["mean"] - v["max"], v["mean"] - v["min"]),
        "cv": over(100 * v["stddev"], v["mean"]),
        "sr": over(100 * v["stddev"], spread),
        "perimareaexc": v["perim."] / root,
        "feretareaexc": v["feret"] / root,
        "perimferet": v["perim."] / v["feret"],
        "perimmajor": v["perim."] / v["major"],
    }
