"""The features that ZooProcess writes for every object of a scan, under EcoTaxa's names, for many objects at a time.

Those of `imagine_kernels.measures.morphometry.FEATURES` are as there. The others are

=========================  ===============================================================================================================
feature                    definition
=========================  ===============================================================================================================
x, y                       centroid of the filled object in its bounding box, the middle of the first pixel is 0.5 (ImageJ "Centroid")
xm, ym                     the same weighted with the grey values, white weighing most (ImageJ "Center of Mass")
bx, by                     top left corner of the bounding box in the scan, px (ImageJ "Bounding Rectangle")
xstart, ystart             the first pixel of the object in the scan, row by row, px (ImageJ)
skelarea                   pixels that are left when the object is thinned to lines (ImageJ "Skeletonize")
slope                      standard deviation of the 255 counts of the histogram over that of the grey values 0 … 254
nb1, nb2, nb3              parts up to the grey value at 25, 50, 75 % of the dark pixels, see `morphometry_symmetry.parts`
symetrieh, symetriev       symmetry about the minor and the major axis, see `morphometry_symmetry.symmetry`
symetriehc, symetrievc     the same of the largest part up to the grey value at 75 % of the dark pixels
convperim                  pixels of the filled convex hull that have a neighbour outside of it
fcons                      contrast, see `morphometry_symmetry.contrast`
thickr                     greatest over mean thickness across the major axis, see `morphometry_symmetry.symmetry`
centroids                  distance from (x, y) to (xm, ym)
cdexc                      centroids / √area_exc
=========================  ===============================================================================================================

Sources: ImageJ 1.x (public domain); ``Zooprocess_generic_PID_Vignettes`` 7.40 and ``Zooprocess_pid_to_ecotaxa_zooscan`` 7.26 (repository
picheral/Zooprocess); Gorsky et al. 2010, doi 10.1093/plankt/fbp124.

Where ZooProcess's figures differ, and by how much on its own vignettes (`tests/measures/test_morphometry_zooprocess.py`):

- It cuts off the decimals of x, y, xm, ym before it forms ``centroids``, so that these differ by up to √2 px; in its tables
  ``symetriehc`` and ``symetrievc`` are rounded to whole numbers.
- Its ``nb3`` is 0 for nine of ten objects, since a later step empties the picture that is counted; here it is counted as nb1 and nb2 are.
- ``skelarea`` is thinned by scikit-image, whose table of neighbours is an early one of ImageJ's: half of the figures are the same, the others
  some pixels off. Objects of more than some 1400 × 1400 px are not thinned, and have none.
- ``fcons`` rests on the counts of single grey values, which JPEG changes: on vignettes it keeps only the order of the objects, and roughly.
- ``xmg5``, ``ymg5``, ``compentropy``, ``compmean``, ``compslope`` and ``compm1`` … ``compm3`` are 0 in its tables and have no open definition:
  they are left out.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry import _RADII, _SLOPE, FEATURES, THRESHOLD
from imagine_kernels.measures.morphometry_outlines import feret_diameters, traced_perimeters
from imagine_kernels.measures.morphometry_symmetry import STEP_MM, contrast, filled_area, largest, parts, symmetry, up_to

#: The features, EcoTaxa's names with ``object_`` stripped, in the order of the columns of `zooprocess_table`.
ZOOPROCESS_FEATURES: tuple[str, ...] = (
    *FEATURES, "x", "y", "xm", "ym", "bx", "by", "xstart", "ystart", "skelarea", "slope", "nb1", "nb2", "nb3", "symetrieh", "symetriev",
    "symetriehc", "symetrievc", "convperim", "fcons", "thickr", "centroids", "cdexc",
)  # fmt: skip

#: mm per px at 2400 dpi.
PIXEL_SIZE_MM = 25.4 / 2400

# Parts smaller than this share of the largest one are specks, as for `morphometry`.
_SPECK = 0.01
_LEVELS = np.arange(256.0)
_SPREAD_OF_LEVELS = float(np.std(_LEVELS[:255], ddof=1))
_NEIGHBOURS = np.ones((3, 3), dtype=np.uint8)
#: Pictures that a thread measures at one go.
_CHUNK = 48
#: An object takes as many steps to be thinned as its box has pixels, times the shorter side; larger ones would take minutes.
_MOST_STEPS = 3_000_000_000
_MOMENTS = ("m00", "m10", "m01", "mu20", "mu02", "mu11")

Values = dict[str, NDArray[np.float64]]


def zooprocess_features(
    picture: NDArray[np.uint8],
    *,
    threshold: int = THRESHOLD,
    pixel_size_mm: float = PIXEL_SIZE_MM,
    origin: tuple[int, int] = (0, 0),
) -> dict[str, float]:
    """All features of the object in one vignette; see `zooprocess_table`."""
    table = zooprocess_table([picture], threshold=threshold, pixel_size_mm=pixel_size_mm, origins=[origin], workers=1)
    return dict(zip(ZOOPROCESS_FEATURES, table[0].tolist(), strict=True))


def zooprocess_table(
    pictures: Iterable[NDArray[np.uint8]],
    *,
    threshold: int = THRESHOLD,
    pixel_size_mm: float = PIXEL_SIZE_MM,
    origins: Sequence[tuple[int, int]] | None = None,
    workers: int | None = None,
) -> NDArray[np.float64]:
    """The features of n pictures of one object each.

    Parameters
    ----------
    pictures : iterable of n (H, W) uint8 arrays
        Dark object, everything else lighter than `threshold`. The object is what `morphometry` takes for it.
    threshold : int
        The lightest grey value that belongs to the object.
    pixel_size_mm : float
        It says how far apart the lines are along which ``thickr`` is measured.
    origins : sequence of n (x, y), optional
        Where the top left corner of each picture lies in its scan, px; 0, 0 without it.
    workers : int, optional
        Threads; one per processor without it.

    Returns
    -------
    (n, m) float64 ndarray
        Columns as in `ZOOPROCESS_FEATURES`; lengths in px. Where a picture holds no object, area and area_exc are 0 and the others NaN.
    """
    given = [np.ascontiguousarray(picture, dtype=np.uint8) for picture in pictures]
    places = np.zeros((len(given), 2)) if origins is None else np.asarray(origins, dtype=np.float64).reshape(len(given), 2)
    step = max(1, int(STEP_MM / pixel_size_mm))
    starts = range(0, len(given), _CHUNK)

    def chunk(start: int) -> NDArray[np.float64]:
        return _table(given[start : start + _CHUNK], places[start : start + _CHUNK], threshold, step)

    count = workers or len(os.sched_getaffinity(0))
    if count == 1 or len(starts) < 2:
        tables = [chunk(start) for start in starts]
    else:
        with ThreadPoolExecutor(count, thread_name_prefix="measure") as pool:
            tables = list(pool.map(chunk, starts))
    return np.concatenate([np.empty((0, len(ZOOPROCESS_FEATURES))), *tables])


@dataclass(slots=True)
class _Object:
    """What is measured of one object alone; the rest follows for many at once."""

    contours: list[NDArray[Any]]
    hull: NDArray[Any]
    left: int
    top: int
    width: int
    height: int
    start: int
    #: (256,) grey values of the filled object.
    counts: NDArray[np.float64]
    #: (H, W) uint8: 255 in the object without its holes; grey values, 255 outside and in the holes.
    mask: NDArray[np.uint8]
    dark: NDArray[np.uint8]
    moments: tuple[float, ...]
    weighted: tuple[float, ...]
    covered: tuple[float, ...]
    convarea: float
    convperim: float
    skelarea: float


def _outlined(picture: NDArray[np.uint8], threshold: int) -> _Object | None:
    import cv2

    shade = up_to(picture, threshold)
    contours = list(cv2.findContours(shade, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0])
    if not contours:
        return None
    if len(contours) > 1:
        sizes = [filled_area(contour) for contour in contours]
        contours = [contour for contour, size in zip(contours, sizes, strict=True) if size >= _SPECK * max(sizes)]
    points = contours[0] if len(contours) == 1 else np.concatenate(contours)
    left, top, width, height = cv2.boundingRect(points)
    filled = np.zeros((height, width), dtype=np.uint8)
    cv2.drawContours(filled, contours, -1, 255, cv2.FILLED, offset=(-left, -top))
    grey = np.ascontiguousarray(picture[top : top + height, left : left + width])
    mask = shade[top : top + height, left : left + width] & filled
    whole, weighted = cv2.moments(filled, binaryImage=True), cv2.moments(grey & filled)
    hull = cv2.convexHull(points)
    convex = np.zeros((height, width), dtype=np.uint8)
    cv2.fillConvexPoly(convex, hull - (left, top), 1)
    inner = cv2.erode(convex, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    convarea = cv2.countNonZero(convex)
    return _Object(
        contours=contours,
        hull=hull[:, 0, :],
        left=left,
        top=top,
        width=width,
        height=height,
        start=int(filled[0].argmax()),
        counts=cv2.calcHist([grey], [0], filled, [256], [0, 256]).ravel().astype(np.float64),
        mask=mask,
        dark=grey | ~mask,
        moments=tuple(whole[name] for name in _MOMENTS),
        weighted=(weighted["m00"], weighted["m10"], weighted["m01"]),
        covered=_covered(mask),
        convarea=float(convarea),
        convperim=float(convarea - cv2.countNonZero(inner)),
        skelarea=_skeleton_area(mask),
    )


def _skeleton_area(mask: NDArray[np.uint8]) -> float:
    from skimage import morphology

    if mask.size * min(mask.shape) > _MOST_STEPS:
        return float("nan")
    thin: Any = morphology.skeletonize(mask > 0)  # type: ignore[no-untyped-call]
    return float(np.count_nonzero(thin))


def _covered(mask: NDArray[np.uint8]) -> tuple[float, ...]:
    """Pixels within each of the radii of the Minkowski dimension around the edge of a mask."""
    import cv2

    reach = int(_RADII[-1]) + 1
    edge = cv2.subtract(mask, cv2.erode(mask, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0))
    away = cv2.copyMakeBorder(cv2.bitwise_not(edge), reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=255)
    distance = cv2.distanceTransform(away, cv2.DIST_L2, 5)
    return tuple(
        float(distance.size - cv2.countNonZero(cv2.threshold(distance, radius, 1, cv2.THRESH_BINARY)[1])) for radius in _RADII
    )


def _table(pictures: Sequence[NDArray[np.uint8]], origins: NDArray[np.float64], threshold: int, step: int) -> NDArray[np.float64]:
    found = [_outlined(picture, threshold) for picture in pictures]
    rows = np.full((len(found), len(ZOOPROCESS_FEATURES)), np.nan)
    rows[:, [ZOOPROCESS_FEATURES.index("area"), ZOOPROCESS_FEATURES.index("area_exc")]] = 0
    there = np.array([at for at, each in enumerate(found) if each is not None], dtype=np.int64)
    objects = [each for each in found if each is not None]
    if not objects:
        return rows
    values = _grey_values(np.stack([each.counts for each in objects]), threshold)
    values |= _outlines(objects) | _places(objects, origins[there])
    values |= _axes(np.array([each.moments for each in objects]))
    values["fractal"] = 2 - np.log(np.array([each.covered for each in objects])) @ _SLOPE
    for name in ("width", "height", "convarea", "convperim", "skelarea"):
        values[name] = np.array([getattr(each, name) for each in objects], dtype=np.float64)
    values |= _ratios(values)
    values |= _structure(objects, values, threshold, step)
    rows[there] = np.stack([values[name] for name in ZOOPROCESS_FEATURES], axis=1)
    return rows


def _grey_values(counts: NDArray[np.float64], threshold: int) -> Values:
    """Of the (n, 256) histograms of the filled objects."""
    n = counts.sum(axis=1)
    mean = counts @ _LEVELS / n
    centred = _LEVELS - mean[:, None]
    weighted = counts * centred
    second, third, fourth = ((weighted * centred**power).sum(axis=1) / n for power in (1, 2, 3))
    spread = np.where(second > 0, second, np.nan)
    before = np.cumsum(counts, axis=1)
    quartiles = [(before < share * n[:, None]).sum(axis=1).astype(np.float64) for share in (0.25, 0.5, 0.75)]
    dark = counts[:, : min(threshold, 254) + 1]
    exclusive = dark.sum(axis=1)
    around = dark - exclusive[:, None] / 255
    # The grey values above the threshold, whose count is 0, belong to the 255 counts as well.
    squares = (around**2).sum(axis=1) + (255 - dark.shape[1]) * (exclusive / 255) ** 2
    return {
        "area": n,
        "area_exc": exclusive,
        "mean": mean,
        "stddev": np.sqrt(second * n / np.maximum(n - 1, 1)),
        "mode": counts.argmax(axis=1).astype(np.float64),
        "min": (counts > 0).argmax(axis=1).astype(np.float64),
        "max": 255 - (counts[:, ::-1] > 0).argmax(axis=1).astype(np.float64),
        "median": quartiles[1],
        "intden": n * mean,
        "skew": np.nan_to_num(third / spread**1.5),
        "kurt": np.nan_to_num(fourth / spread**2 - 3),
        "slope": np.sqrt(squares / 254) / _SPREAD_OF_LEVELS,
        **{f"histcum{k}": value for k, value in enumerate(quartiles, start=1)},
    }


def _places(objects: Sequence[_Object], origins: NDArray[np.float64]) -> Values:
    m00, m10, m01 = np.array([each.moments[:3] for each in objects]).T
    g00, g10, g01 = np.array([each.weighted for each in objects]).T
    left, top = (np.array([getattr(each, name) for each in objects], dtype=np.float64) for name in ("left", "top"))
    bx, by = origins[:, 0] + left, origins[:, 1] + top
    # A black object weighs nothing; its centre of mass is taken to be its centroid.
    x, y = m10 / m00 + 0.5, m01 / m00 + 0.5
    heavy = np.where(g00 > 0, g00, np.nan)
    xm, ym = (np.where(g00 > 0, part / heavy + 0.5, plain) for part, plain in ((g10, x), (g01, y)))
    start = bx + np.array([each.start for each in objects])
    return {"x": x, "y": y, "xm": xm, "ym": ym, "bx": bx, "by": by, "xstart": start, "ystart": by}


def _axes(moments: NDArray[np.float64]) -> Values:
    """Of the (n, 6) moments of filled objects, as `morphometry` does."""
    area, _, _, mu20, mu02, mu11 = moments.T
    xx, yy, xy = mu20 / area + 1 / 12, mu02 / area + 1 / 12, mu11 / area
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    ratio = np.sqrt((middle + half) / np.maximum(middle - half, 1e-9))
    major = 2 * np.sqrt(area / np.pi * ratio)
    return {"major": major, "minor": 4 * area / np.pi / major, "angle": np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy)) % 180}


def _outlines(objects: Sequence[_Object]) -> Values:
    """Feret diameters and traced perimeters."""
    owner = np.repeat(np.arange(len(objects)), [len(each.contours) for each in objects])
    perimeters = traced_perimeters([contour[:, 0, :] for each in objects for contour in each.contours])
    return {
        "feret": feret_diameters([each.hull for each in objects]),
        "perim.": np.bincount(owner, weights=perimeters, minlength=len(objects)).astype(np.float64),
    }


def _over(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def _ratios(v: Values) -> Values:
    spread, root = v["max"] - v["min"], np.sqrt(v["area_exc"])
    away = np.hypot(v["xm"] - v["x"], v["ym"] - v["y"])
    return {
        "%area": 100 * (1 - v["area_exc"] / v["area"]),
        "solidity": v["area"] / v["convarea"],
        "circ.": 4 * np.pi * v["area"] / v["perim."] ** 2,
        "circex": 4 * np.pi * v["area_exc"] / v["perim."] ** 2,
        "esd": 2 * np.sqrt(v["area"] / np.pi),
        "elongation": v["major"] / v["minor"],
        "range": spread,
        "meanpos": _over(v["mean"] - v["max"], v["mean"] - v["min"]),
        "cv": _over(100 * v["stddev"], v["mean"]),
        "sr": _over(100 * v["stddev"], spread),
        "perimareaexc": v["perim."] / root,
        "feretareaexc": v["feret"] / root,
        "perimferet": v["perim."] / v["feret"],
        "perimmajor": v["perim."] / v["major"],
        "centroids": away,
        "cdexc": away / root,
    }


def _structure(objects: Sequence[_Object], values: Values, threshold: int, step: int) -> Values:
    """Parts, contrast and symmetry of each object."""
    names = ("nb1", "nb2", "nb3", "fcons", "symetrieh", "symetriev", "thickr", "symetriehc", "symetrievc")
    counts = np.stack([each.counts for each in objects])
    counts[:, threshold + 1 :] = 0
    before = np.cumsum(counts, axis=1)
    shares = np.array([0.25, 0.5, 0.75]) * before[:, -1:]
    # The greatest grey value below which there is less than each share of the pixels.
    below = np.maximum((before[:, None, :] < shares[:, :, None]).sum(axis=2) - 1, 0)
    # Where no pixel has the third grey value, the next one that some have is taken.
    present = counts > 0
    third = below[:, 2] + np.array([row[level:].argmax() for row, level in zip(present, below[:, 2], strict=True)])
    placed = np.stack([values[name] for name in ("area", "x", "y", "angle")], axis=1).tolist()
    rows = []
    for each, own, levels, last, (area, x, y, angle) in zip(objects, counts, below.tolist(), third.tolist(), placed, strict=True):
        fcons = contrast(each.dark, own, tuple(levels))
        whole = symmetry(each.mask, each.hull - (each.left, each.top), area=area, x=x, y=y, angle=angle, step=step)
        found = [parts(each.dark, level) for level in (levels[0], levels[1], last)]
        rows.append((*found, fcons, *whole, *_darkest(each.dark, last)))
    return dict(zip(names, np.array(rows, dtype=np.float64).T, strict=True))


def _darkest(dark: NDArray[np.uint8], level: int) -> tuple[float, float]:
    """Symmetry of the largest part with a grey value up to `level`."""
    import cv2

    shade = up_to(dark, level)
    contours = cv2.findContours(shade, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    contour = largest(contours)
    left, top, width, height = cv2.boundingRect(contour)
    filled = np.zeros((height, width), dtype=np.uint8)
    cv2.drawContours(filled, [contour], -1, 255, cv2.FILLED, offset=(-left, -top))
    moments = cv2.moments(filled, binaryImage=True)
    area = moments["m00"]
    # The 1/12 of a pixel's own second moment does not change the direction.
    angle = math.degrees(0.5 * math.atan2(-2 * moments["mu11"], moments["mu20"] - moments["mu02"])) % 180
    mask = shade[top : top + height, left : left + width] & filled
    x, y = moments["m10"] / area + 0.5, moments["m01"] / area + 0.5
    across, along, _ = symmetry(mask, contour[:, 0, :] - (left, top), area=area, x=x, y=y, angle=angle, step=0)
    return across, along
