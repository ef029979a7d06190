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
- ``skelarea`` is what scikit-image leaves, whose table of neighbours is an early one of ImageJ's: half of the figures are the same, the others
  some pixels off. Objects of more than some 1400 × 1400 px are not thinned, and have none.
- ``fcons`` rests on the counts of single grey values, which JPEG changes: on vignettes it keeps only the order of the objects, and roughly.
- ``xmg5``, ``ymg5``, ``compentropy``, ``compmean``, ``compslope`` and ``compm1`` … ``compm3`` are 0 in its tables and have no open definition:
  they are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry import _RADII, _SLOPE, FEATURES, THRESHOLD
from imagine_kernels.measures.morphometry_objects import SheetObjects
from imagine_kernels.measures.morphometry_outlines import feret_diameters
from imagine_kernels.measures.morphometry_sheets import Sheet, batches
from imagine_kernels.measures.morphometry_structure import structure
from imagine_kernels.measures.morphometry_symmetry import STEP_MM, symmetry, up_to

#: The features, EcoTaxa's names with ``object_`` stripped, in the order of the columns of `zooprocess_table`.
ZOOPROCESS_FEATURES: tuple[str, ...] = (
    *FEATURES, "x", "y", "xm", "ym", "bx", "by", "xstart", "ystart", "skelarea", "slope", "nb1", "nb2", "nb3", "symetrieh", "symetriev",
    "symetriehc", "symetrievc", "convperim", "fcons", "thickr", "centroids", "cdexc",
)  # fmt: skip

#: mm per px at 2400 dpi.
PIXEL_SIZE_MM = 25.4 / 2400

_LEVELS = np.arange(256.0)
_SPREAD_OF_LEVELS = float(np.std(_LEVELS[:255], ddof=1))
#: Pixels of the pictures that are measured in one go: what is worked on stays near the processor.
_BATCH_PX = 600_000

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
    rows = np.full((len(given), len(ZOOPROCESS_FEATURES)), np.nan)
    rows[:, [ZOOPROCESS_FEATURES.index("area"), ZOOPROCESS_FEATURES.index("area_exc")]] = 0
    thickness = np.array([_thickness(picture, threshold) for picture in given])
    # What is equally thick is thinned together; the slowest first, so that no thread waits long for another.
    order = np.argsort(-thickness, kind="stable")[: np.count_nonzero(thickness)]
    runs = [order[run] for run in batches([given[at].size for at in order.tolist()], _BATCH_PX)]

    def measure(run: NDArray[np.int64]) -> None:
        rows[run] = _table([given[at] for at in run.tolist()], places[run], threshold, step)

    count = min(workers or len(os.sched_getaffinity(0)), len(runs))
    if count < 2:
        for run in runs:
            measure(run)
    else:
        with ThreadPoolExecutor(count, thread_name_prefix="measure") as pool:
            for _ in pool.map(measure, runs):
                pass
    return rows


def _thickness(picture: NDArray[np.uint8], threshold: int) -> float:
    """Dark pixels for each pixel of the longer side: 0 without an object, and roughly how many times it can be peeled."""
    import cv2

    return float(cv2.countNonZero(up_to(picture, threshold)) / max(picture.shape))


def _table(pictures: Sequence[NDArray[np.uint8]], origins: NDArray[np.float64], threshold: int, step: int) -> NDArray[np.float64]:
    objects = SheetObjects.on(Sheet.of(pictures), threshold)
    counts = objects.histograms()
    hulls, convarea, convperim = objects.hulls()
    moments = objects.moments()
    values = _grey_values(counts, threshold) | _axes(moments) | _places(objects, moments, origins)
    perimeters = np.add.reduceat(objects.outlines.traced_perimeters(), np.cumsum(objects.numbers) - objects.numbers)
    values |= {"convarea": convarea, "convperim": convperim, "feret": feret_diameters(hulls), "perim.": perimeters}
    values |= {"fractal": 2 - np.log(objects.near_the_edge(_RADII)) @ _SLOPE, "skelarea": objects.skeleton_areas()}
    values |= dict(zip(("width", "height"), (objects.high - objects.low).T.astype(np.float64), strict=True))
    values |= _ratios(values)
    counts[:, threshold + 1 :] = 0
    found, darkest = structure(objects.sheet, objects.boxes, objects.dark, counts)
    values |= found | _symmetry(objects, hulls, values, step)
    values |= _symmetry_of_the_darkest(SheetObjects.largest(objects.sheet, darkest))
    return np.stack([values[name] for name in ZOOPROCESS_FEATURES], axis=1)


def _grey_values(counts: NDArray[np.float64], threshold: int) -> Values:
    """Of the (n, 256) histograms of the filled objects."""
    n = counts.sum(axis=1)
    mean = counts @ _LEVELS / n
    centred = _LEVELS - mean[:, None]
    squared = centred * centred
    second, third, fourth = (
        np.einsum("ij,ij->i", counts, power) / n for power in (squared, squared * centred, squared * squared)
    )
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


def _places(objects: SheetObjects, moments: NDArray[np.float64], origins: NDArray[np.float64]) -> Values:
    m00, m10, m01 = moments[:, :3].T
    g00, g10, g01 = objects.weighted_moments()[:, :3].T
    bx, by = (origins + objects.low - objects.sheet.corners).T
    # A black object weighs nothing; its centre of mass is taken to be its centroid.
    x, y = m10 / m00 + 0.5, m01 / m00 + 0.5
    heavy = np.where(g00 > 0, g00, np.nan)
    xm, ym = (np.where(g00 > 0, part / heavy + 0.5, plain) for part, plain in ((g10, x), (g01, y)))
    start = bx + objects.starts - objects.low[:, 0]
    return {"x": x, "y": y, "xm": xm, "ym": ym, "bx": bx, "by": by, "xstart": start, "ystart": by}


def _axes(moments: NDArray[np.float64]) -> Values:
    """Of the (n, 6) moments of filled objects, as `morphometry` does."""
    area, _, _, mu20, mu02, mu11 = moments.T
    xx, yy, xy = mu20 / area + 1 / 12, mu02 / area + 1 / 12, mu11 / area
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    ratio = np.sqrt((middle + half) / np.maximum(middle - half, 1e-9))
    major = 2 * np.sqrt(area / np.pi * ratio)
    return {"major": major, "minor": 4 * area / np.pi / major, "angle": np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy)) % 180}


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


def _symmetry(objects: SheetObjects, hulls: Sequence[NDArray[Any]], values: Values, step: int) -> Values:
    """Symmetry and thickness of each object, without its holes; what lies beyond its hull is white."""
    placed = {name: values[name] for name in ("area", "x", "y", "angle")}
    found = symmetry([objects.mask[box] for box in objects.boxes], _from_corner(objects, hulls), **placed, step=step)
    return dict(zip(("symetrieh", "symetriev", "thickr"), found, strict=True))


def _symmetry_of_the_darkest(objects: SheetObjects) -> Values:
    moments = objects.moments()
    area, m10, m01 = moments[:, :3].T
    # The 1/12 of a pixel's own second moment does not change the direction.
    placed = {"area": area, "x": m10 / area + 0.5, "y": m01 / area + 0.5, "angle": _axes(moments)["angle"]}
    found = symmetry([objects.mask[box] for box in objects.boxes], _from_corner(objects, objects.points()), **placed, step=0)
    return dict(zip(("symetriehc", "symetrievc"), found[:2], strict=True))


def _from_corner(objects: SheetObjects, points: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Points of each object from the corner of its box."""
    return [each - low for each, low in zip(points, objects.low, strict=True)]
