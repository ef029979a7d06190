"""Grey values and moments of objects, and the ellipse that has the same ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_bits import ALL, ONE, ZERO, Words, kernel, lowest

Values = dict[str, NDArray[np.float64]]

_WHITE = 255
_LEVELS = np.arange(256.0)
_SPREAD_OF_LEVELS = float(np.std(_LEVELS[:255], ddof=1))


def histograms(
    grey: NDArray[np.uint8], places: NDArray[np.int64], boxes: NDArray[np.int64], filled: Words, mask: Words
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grey values and sums of coordinates of n filled objects; afterwards all is white outside of them and in their holes.

    Parameters
    ----------
    grey, places, boxes, filled, mask
        See `objects`; `grey` is changed.

    Returns
    -------
    counts : (n, 256) float64 ndarray
        How many pixels of each have each grey value.
    sums : (n, 7) float64 ndarray
        Of x, y, x², y² and xy in the box of each, and of x and y times the grey value.
    """
    counts, sums = np.zeros((len(places), 256)), np.zeros((len(places), 7))
    _count(grey, places, boxes, filled, mask, counts, sums)
    return counts, sums


@kernel
def _count(
    grey: NDArray[np.uint8], places: NDArray[np.int64], boxes: NDArray[np.int64], filled: Words, mask: Words,
    counts: NDArray[np.float64], sums: NDArray[np.float64],
) -> None:  # fmt: skip
    for i in range(places.shape[0]):
        first, rows, words, left, top = places[i, 0], places[i, 1], places[i, 2], boxes[i, 0], boxes[i, 1]
        for at in range(first, first + rows * words):
            y, x0 = (at - first) // words - top, 64 * ((at - first) % words) - left
            word, pixels = filled[at], grey[64 * at : 64 * at + 64]
            number = row = squares = 0
            weight = weighted = np.int64(0)
            while word != ZERO:
                place = lowest(word)
                word &= word - ONE
                value, x = np.int64(pixels[place]), x0 + place
                counts[i, value] += 1
                number += 1
                row += x
                squares += x * x
                weight += value
                weighted += value * x
            sums[i, 0] += row
            sums[i, 1] += number * y
            sums[i, 2] += squares
            sums[i, 3] += number * y * y
            sums[i, 4] += row * y
            sums[i, 5] += weighted
            sums[i, 6] += weight * y
            word = mask[at]
            if word != ALL:
                for place in range(64):
                    inside = (word >> np.uint64(place)) & ONE != ZERO
                    pixels[place] = pixels[place] if inside else _WHITE


def grey_values(counts: NDArray[np.float64], threshold: int) -> Values:
    """Features of n filled objects from their histograms (n, 256), (n,) each."""
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


def moments(counts: NDArray[np.float64], sums: NDArray[np.float64]) -> Values:
    """Of n filled objects from what `histograms` counts and sums, (n,) each.

    Centroid x and y in the box, where the middle of the first pixel is 0.5; the second central moments xx, yy and xy, a pixel being a square;
    and xm, ym, the centroid weighted with the grey values, where black weighs nothing.
    """
    n, weight = counts.sum(axis=1), counts @ _LEVELS
    x, y = sums[:, 0] / n, sums[:, 1] / n
    # A black object weighs nothing; its centre of mass is taken to be its centroid.
    heavy = np.where(weight > 0, weight, np.nan)
    xm, ym = (np.where(weight > 0, part / heavy, plain) for part, plain in ((sums[:, 5], x), (sums[:, 6], y)))
    # The second moment of a single pixel is 1/12.
    xx, yy, xy = (
        (sums[:, 2] - x * sums[:, 0]) / n + 1 / 12,
        (sums[:, 3] - y * sums[:, 1]) / n + 1 / 12,
        (sums[:, 4] - x * sums[:, 1]) / n,
    )
    return {"x": x + 0.5, "y": y + 0.5, "xm": xm + 0.5, "ym": ym + 0.5, "xx": xx, "yy": yy, "xy": xy}


def axes(area: NDArray[np.float64], v: Values) -> Values:
    """Of the ellipse with the same area and `moments`, as `morphometry` does."""
    middle, half = (v["xx"] + v["yy"]) / 2, np.hypot((v["xx"] - v["yy"]) / 2, v["xy"])
    ratio = np.sqrt((middle + half) / np.maximum(middle - half, 1e-9))
    major = 2 * np.sqrt(area / np.pi * ratio)
    angle = np.degrees(0.5 * np.arctan2(-2 * v["xy"], v["xx"] - v["yy"])) % 180
    return {"major": major, "minor": 4 * area / np.pi / major, "angle": angle}
