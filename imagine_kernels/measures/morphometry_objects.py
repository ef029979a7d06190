"""All that is measured of the objects in some pictures, one after the other: the compiled kernels put together.

It takes a second to load: import it where objects are measured. ``python -m imagine_kernels.measures.morphometry_objects`` compiles them all, so
that the first scan does not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry import _RADII, _SLOPE, THRESHOLD
from imagine_kernels.measures.morphometry_greys import Values, axes, grey_values, histograms, moments
from imagine_kernels.measures.morphometry_hulls import hulls
from imagine_kernels.measures.morphometry_nearness import counts_within
from imagine_kernels.measures.morphometry_stacks import RIM, Stack
from imagine_kernels.measures.morphometry_structure import chosen_values, contrast, grey_levels
from imagine_kernels.measures.morphometry_symmetry import symmetry
from imagine_kernels.measures.morphometry_thinning import skeletons
from imagine_kernels.measures.morphometry_tracing import objects, parts

#: Parts smaller than this share of the largest one are specks, as for `morphometry`.
_SPECK = 0.01
#: An object takes as many steps to be thinned as its box has pixels, times the shorter side; larger ones would take minutes.
_MOST_STEPS = 3_000_000_000


def measured(
    pictures: Sequence[NDArray[np.uint8]], origins: NDArray[np.float64], *, threshold: int, step: int
) -> tuple[NDArray[np.int64], Values]:
    """The features of the objects in n pictures; see `imagine_kernels.measures.morphometry_zooprocess`.

    Parameters
    ----------
    pictures : sequence of n (H, W) uint8 arrays
        One at least.
    origins : (n, 2) float64 ndarray
        Where the top left corner of each lies in its scan, px.
    threshold : int
        The lightest grey value of an object.
    step : int
        Distance of the lines along which the thickness is measured, px.

    Returns
    -------
    which : (k,) int64 ndarray
        The pictures that hold an object.
    values : dict
        By the name of the feature, (k,) each.
    """
    stack = Stack.of(pictures)
    grey, size = stack.grey, len(stack.grey) // 64
    filled, mask = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint64)
    boxes, starts, perimeters = objects(grey, stack.places, np.full(len(pictures), threshold), _SPECK, filled, mask)
    which = np.flatnonzero(boxes[:, 2])
    places, boxes, starts = stack.places[which], boxes[which], starts[which]
    if not len(which):
        return which, {}
    counts, sums = histograms(grey, places, boxes, filled, mask)
    placed = moments(counts, sums)
    values = grey_values(counts, threshold)
    values |= {
        "width": (boxes[:, 2] - boxes[:, 0]).astype(np.float64),
        "height": (boxes[:, 3] - boxes[:, 1]).astype(np.float64),
        "perim.": perimeters[which],
    }
    values |= placed | axes(values["area"], placed)
    bx, by = (origins[which] + boxes[:, :2] - RIM).T
    values |= {"bx": bx, "by": by, "xstart": bx + starts - boxes[:, 0], "ystart": by}
    points, corners, hulled = hulls(mask, places, boxes)
    values |= dict(zip(("convarea", "convperim", "feret"), hulled.T, strict=True))
    values["fractal"] = 2 - np.log(counts_within(mask, places, boxes, _RADII)) @ _SLOPE
    values["skelarea"], _ = skeletons(mask, places, boxes, _MOST_STEPS)
    found = symmetry(mask, places, boxes, (points, corners), values, step=step)
    values |= dict(zip(("symetrieh", "symetriev", "thickr"), found, strict=True))
    counts[:, threshold + 1 :] = 0
    levels = grey_levels(counts)
    values["fcons"] = contrast(grey, places, boxes, chosen_values(counts, levels), counts)
    # The next grey value that some pixels have: there are some to measure.
    levels[:, 2] = ((counts > 0) & (np.arange(256) >= levels[:, 2:])).argmax(axis=1)
    values |= dict(zip(("nb1", "nb2", "nb3"), parts(grey, places, levels).T, strict=True))
    values |= _symmetry_of_the_darkest(grey, places, levels[:, 2], filled, mask)
    return which, values | _ratios(values)


def _symmetry_of_the_darkest(
    grey: NDArray[np.uint8],
    places: NDArray[np.int64],
    levels: NDArray[np.int64],
    filled: NDArray[np.uint64],
    mask: NDArray[np.uint64],
) -> Values:
    """Of the largest part up to a grey value; `grey`, `filled` and `mask` are changed."""
    boxes, _, _ = objects(grey, places, levels, 1.0, filled, mask)
    counts, sums = histograms(grey, places, boxes, filled, mask)
    values = moments(counts, sums) | {"area": counts.sum(axis=1)}
    values |= axes(values["area"], values)
    points, corners, _ = hulls(mask, places, boxes)
    found = symmetry(mask, places, boxes, (points, corners), values, step=0)
    return dict(zip(("symetriehc", "symetrievc"), found[:2], strict=True))


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


def main() -> None:
    """Compile the kernels: measure a square of 3 px."""
    measured([np.zeros((3, 3), dtype=np.uint8)], np.zeros((1, 2)), threshold=THRESHOLD, step=1)


if __name__ == "__main__":
    main()
