"""Whether an object is one organism or several that touch: a classifier on the shape and the grey values of one vignette.

A logistic regression on `FEATURES`, their squares and products. Its coefficients come from generated organisms, alone and touching
(`imagine_kernels.samples.zooscan_touching`): ``python -m benchmarks.multiples --train`` makes them again and says how well it does on other
ones. As many were alone as touching, so that few touching ones are missed; on a scan, where most are alone, more of those that it names are one
after all.

===============  =============================================================================================================
feature          definition, on the vignette reduced to `SIDE` px
===============  =============================================================================================================
solidity         area (holes filled) / area of the convex hull
circularity      4π area / perimeter²
width_ratio      shorter / longer side of the smallest rectangle around it, turned as need be
compactness      π (greatest distance to the background)² / area
holes            share of the area that is holes
defect1 … 3      depth of the deepest bays in its outline / √area
n_bodies         bodies, see `imagine_kernels.measures.separating.bodies`, at half their usual shares
least            share of the area that the smallest body has
second           share of the area that the second largest body has
gain             mean solidity of the bodies, weighted with their area, less that of the object
neck             length of the border of the smallest body / √(its area)
grey_between     difference of the mean grey values of the two largest bodies / 64
spread_between   the same of the standard deviations
mean, spread     mean and standard deviation of the grey values / 255 and / 64
cores            bodies of dark pixels up to the median grey value, each with 3 % of the area at least
===============  =============================================================================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.separating import LEAST_PART, MARKER_DEPTH, bodies, filled
from imagine_kernels.records.cuts import CUT_FROM

if TYPE_CHECKING:
    import pandas as pd

FEATURES: tuple[str, ...] = (
    "solidity", "circularity", "width_ratio", "compactness", "holes", "defect1", "defect2", "defect3", "n_bodies", "least", "second",
    "gain", "neck", "grey_between", "spread_between", "mean", "spread", "cores",
)  # fmt: skip
#: Longest side of a vignette that is looked at, px: shapes do not change with size.
SIDE = 80
#: Objects with fewer px are too small to be looked at, and count as one.
_LEAST_PX = 16
_COEFFICIENTS = Path(__file__).with_name("multiples.json")
_AROUND = np.ones((3, 3), dtype=np.uint8)
#: Standardised features beyond these are as good as these: nothing like them was seen.
_FARTHEST = 4.0


def multiple_features(picture: NDArray[np.uint8], *, threshold: int) -> NDArray[np.float64]:
    """The `FEATURES` of the object in a vignette.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
        Dark object, everything else lighter than `threshold`; of several pieces the largest counts.
    threshold : int
        The lightest grey value that belongs to the object.

    Returns
    -------
    (f,) float64 ndarray
        NaN where there is hardly anything.
    """
    import cv2

    grey = np.pad(np.asarray(picture, dtype=np.uint8), 1, constant_values=255)
    scale = SIDE / max(grey.shape)
    if scale < 1:
        size = max(3, round(grey.shape[1] * scale)), max(3, round(grey.shape[0] * scale))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((grey <= threshold).astype(np.uint8), connectivity=8)
    if len(stats) < 2 or stats[1:, cv2.CC_STAT_AREA].max() < _LEAST_PX:
        return np.full(len(FEATURES), np.nan)
    mask = pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    whole = filled(mask)
    area = float(whole.sum())
    outline = max(cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
    sides = cv2.minAreaRect(outline)[1]
    distance = cv2.distanceTransform(np.pad(whole, 1), cv2.DIST_L2, cv2.DIST_MASK_5)
    solidity = _solidity(outline, area)
    values = grey[mask].astype(np.float64)
    median = np.median(values)
    cores = cv2.connectedComponentsWithStats(((grey <= median) & mask).astype(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return np.array(
        [
            solidity,
            4 * np.pi * area / max(cv2.arcLength(outline, True), 1.0) ** 2,
            (min(sides) + 1) / (max(sides) + 1),
            np.pi * float(distance.max()) ** 2 / area,
            1 - mask.sum() / area,
            *_bays(outline) / np.sqrt(area),
            *_of_bodies(grey, bodies(mask, marker_depth=MARKER_DEPTH / 2, least_part=LEAST_PART / 2), solidity),
            values.mean() / 255,
            values.std() / 64,
            float((cores > 0.03 * area).sum()),
        ]
    )


def _solidity(outline: NDArray[Any], area: float) -> float:
    """Area over that of the convex hull, both of whole pixels (Pick's theorem)."""
    import cv2

    hull = cv2.convexHull(outline)
    return area / (cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1)


def _bays(outline: NDArray[Any]) -> NDArray[np.float64]:
    """(3,) the depths of the deepest bays, px."""
    import cv2

    try:
        found = cv2.convexityDefects(outline, cv2.convexHull(outline, returnPoints=False))
    except cv2.error:
        # An outline that meets itself in a pixel has no hull in order.
        found = None
    depths = np.zeros(0) if found is None else np.sort(found.reshape(-1, 4)[:, 3] / 256)[::-1]
    return np.concatenate([depths, np.zeros(3)])[:3]


def _of_bodies(grey: NDArray[np.uint8], labels: NDArray[np.int32], solidity: float) -> list[float]:
    import cv2

    areas = np.bincount(labels.ravel())[1:].astype(np.float64)
    if len(areas) < 2:
        return [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    shares = areas / areas.sum()
    solid = 0.0
    for number, share in enumerate(shares.tolist(), start=1):
        outlines = cv2.findContours((labels == number).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        solid += share * _solidity(max(outlines, key=len), areas[number - 1])
    order = np.argsort(-areas, kind="stable")
    small = int(order[-1]) + 1
    ring = cv2.dilate((labels == small).astype(np.uint8), _AROUND) > 0
    neck = np.count_nonzero(ring & (labels > 0) & (labels != small)) / np.sqrt(areas[small - 1])
    first, second = (grey[labels == int(at) + 1].astype(np.float64) for at in order[:2])
    between = [abs(first.mean() - second.mean()) / 64, abs(first.std() - second.std()) / 64]
    return [float(len(areas)), float(shares.min()), float(shares[order[1]]), solid - solidity, float(neck), *between]


def multiple_probability(pictures: Iterable[NDArray[np.uint8]], *, threshold: int) -> NDArray[np.float64]:
    """The probability that each of n objects is several.

    Parameters
    ----------
    pictures : iterable of n (H, W) uint8 ndarray
        See `multiple_features`.
    threshold : int

    Returns
    -------
    (n,) float64 ndarray
        0 for what is too small to be looked at.
    """
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="multiples") as pool:
        rows = list(pool.map(lambda picture: multiple_features(picture, threshold=threshold), pictures))
    table = np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES))
    known = np.isfinite(table).all(axis=1)
    found = np.zeros(len(table))
    model = _model()
    found[known] = 1 / (1 + np.exp(-(expanded(table[known], model["mean"], model["scale"]) @ model["weight"] + model["bias"])))
    return found


def expanded(table: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (n, f) standardised, with their squares and products: (n, f + f (f + 1) / 2)."""
    standard = np.clip((table - mean) / scale, -_FARTHEST, _FARTHEST)
    first, second = np.triu_indices(table.shape[1])
    return np.concatenate([standard, standard[:, first] * standard[:, second]], axis=1)


@lru_cache(maxsize=1)
def _model() -> dict[str, Any]:
    note = json.loads(_COEFFICIENTS.read_text(encoding="utf-8"))
    return {"bias": float(note["bias"])} | {name: np.array(note[name], dtype=np.float64) for name in ("mean", "scale", "weight")}


def separation_table(objects: pd.DataFrame) -> pd.DataFrame:
    """How many objects there were on each sample before and after some were divided.

    Parameters
    ----------
    objects : DataFrame
        With ``sample_id`` and `imagine_kernels.records.CUT_FROM`.

    Returns
    -------
    DataFrame
        ``sample_id``; ``n_found``, objects as they were found; ``n_divided`` of those; ``n_parts`` that they were divided into; ``n_objects`` now.
    """
    import pandas as pd

    origin = objects[CUT_FROM].fillna("").astype(str)
    grouped = pd.DataFrame({"sample_id": objects["sample_id"].to_numpy(), "origin": origin.to_numpy()}).groupby(
        "sample_id", sort=True
    )
    rows = []
    for sample_id, group in grouped:
        parts = group["origin"][group["origin"] != ""]
        divided = parts.nunique()
        rows.append((sample_id, len(group) - len(parts) + divided, divided, len(parts), len(group)))
    return pd.DataFrame(rows, columns=["sample_id", "n_found", "n_divided", "n_parts", "n_objects"])
