"""Grey structure of the objects on a sheet, as ZooProcess measures it on a vignette: their parts, and the contrast in them.

Both are defined by the macros of ZooProcess (``Zooprocess_generic_PID_Vignettes`` 7.40, repository picheral/Zooprocess), which have no other
publication; here they are written anew from what the macros do. `imagine_kernels.measures.morphometry_zooprocess` names them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry_objects import Box
from imagine_kernels.measures.morphometry_outlines import Outlines
from imagine_kernels.measures.morphometry_sheets import Sheet
from imagine_kernels.measures.morphometry_symmetry import up_to

#: Shares of the dark pixels up to whose grey values parts are counted.
_SHARES = np.array([0.25, 0.5, 0.75])
#: The least parts that are counted, px².
_LEAST_PART = 5
_NEIGHBOURS = np.ones((3, 3), dtype=np.uint8)
#: A grey level takes this many bits of a code; above it stands which of the chosen values a pixel has.
_LEVEL_BITS = 2


def structure(
    sheet: Sheet, boxes: Sequence[Box], dark: NDArray[np.uint8], counts: NDArray[np.float64]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.uint8]]:
    """Parts and contrast of the n objects on a sheet.

    Parameters
    ----------
    sheet : Sheet
    boxes : sequence of n pairs of slices
        Where each object lies on the sheet.
    dark : (H, W) uint8 ndarray
        Grey values of the objects on the sheet, 255 outside of them and in their holes.
    counts : (n, 256) ndarray
        How many pixels of each have each grey value.

    Returns
    -------
    values : dict
        ``nb1``, ``nb2``, ``nb3``, ``fcons``, (n,) each.
    darkest : (H, W) uint8 ndarray
        255 where a grey value is among the darkest 75 % of its object, else 0.
    """
    import cv2

    levels = grey_levels(counts)
    chosen = chosen_values(counts, levels)
    greys = np.arange(256)
    codes = (greys > np.column_stack([levels[:, :2], _present(counts, levels[:, 2])])[:, :, None]).sum(axis=1).astype(np.uint8)
    for slot in range(chosen.shape[1]):
        codes[greys == chosen[:, slot, None]] += (slot + 1) << _LEVEL_BITS
    coded = np.full_like(dark, _SHARES.size)
    for box, code in zip(boxes, codes, strict=True):
        cv2.LUT(dark[box], code, dst=coded[box])
    slots, level = (
        np.right_shift(coded, _LEVEL_BITS, dtype=np.uint8),
        np.bitwise_and(coded, (1 << _LEVEL_BITS) - 1, dtype=np.uint8),
    )
    shades = [up_to(level, k) for k in range(_SHARES.size)]
    values = {f"nb{k}": parts(sheet, shade).astype(np.float64) for k, shade in enumerate(shades, start=1)}
    return values | {"fcons": contrast(sheet, boxes, dark, slots, chosen, counts)}, shades[-1]


def grey_levels(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """The greatest grey values below which there are less than 25, 50 and 75 % of the pixels, (n, 3)."""
    before = np.cumsum(counts, axis=1)
    shares = _SHARES * before[:, -1:]
    return np.asarray(np.maximum((before[:, None, :] < shares[:, :, None]).sum(axis=2) - 1, 0), dtype=np.int64)


def _present(counts: NDArray[np.float64], level: NDArray[np.int64]) -> NDArray[np.int64]:
    """The next grey value from `level` on that some pixels have, (n,)."""
    return np.asarray(((counts > 0) & (np.arange(256) >= level[:, None])).argmax(axis=1), dtype=np.int64)


def parts(sheet: Sheet, shade: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many parts of each picture are left when a pixel is taken off all edges, holes filled and 5 px² at least, (n,).

    Parameters
    ----------
    sheet : Sheet
    shade : (H, W) uint8 ndarray
        255 in the parts, else 0.
    """
    import cv2

    core = cv2.erode(shade, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outlines = Outlines.around(np.asarray(core, dtype=np.uint8))
    counted = outlines.starts[outlines.filled_areas() >= _LEAST_PART]
    return np.bincount(sheet.owner(counted), minlength=len(sheet.corners))


def chosen_values(counts: NDArray[np.float64], levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each level the greatest grey value up to 254 whose count is not 0 and does not exceed the level, else 0; -1 for one named before.

    Parameters
    ----------
    counts : (n, 256) ndarray
    levels : (n, m) ndarray

    Returns
    -------
    (n, m) int64 ndarray
    """
    some = counts[:, None, :255]
    fits = (some > 0) & (some <= levels[:, :, None])
    chosen = np.where(fits.any(axis=2), 254 - fits[:, :, ::-1].argmax(axis=2), 0)
    for k in range(1, chosen.shape[1]):
        chosen[(chosen[:, :k] == chosen[:, k, None]).any(axis=1), k] = -1
    return chosen


def contrast(
    sheet: Sheet,
    boxes: Sequence[Box],
    dark: NDArray[np.uint8],
    slots: NDArray[np.uint8],
    chosen: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The sums ZooProcess calls "fcons", (n,): how much pixels of some grey values differ from the mean of their eight neighbours.

    The pixels of a value inside the edge of the box are visited column by column; each adds the differences of all of its value up to
    itself, times the number of pixels of that value over 256. The sum is divided by the number of pixels visited plus one.

    Parameters
    ----------
    sheet, boxes, dark, counts
        As in `structure`.
    slots : (H, W) uint8 ndarray
        Which of the chosen values a pixel has, from 1 on; 0 for none.
    chosen : (n, m) int64 ndarray
        As `chosen_values` gives it.
    """
    n, m = chosen.shape
    width = dark.shape[1]
    at = np.flatnonzero(slots > 0)
    y, x = np.divmod(at, width)
    owner = sheet.owner(np.column_stack([x, y]))
    top, bottom, left, right = np.array([(down.start, down.stop, across.start, across.stop) for down, across in boxes]).T
    inside = (y > top[owner]) & (y < bottom[owner] - 1) & (x > left[owner]) & (x < right[owner] - 1)
    at, x, owner = at[inside], x[inside], owner[inside]
    group = owner * m + slots.ravel()[at] - 1
    # They stand row by row: column by column of each value and object is two stable sortings away.
    order = np.argsort(x.astype(np.min_scalar_type(width)), kind="stable")
    order = order[np.argsort(group[order].astype(np.min_scalar_type(n * m)), kind="stable")]
    at, group = at[order], group[order]
    steps = np.array([down * width + across for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across])
    flat = dark.ravel()
    difference = np.abs(flat[at].astype(np.float64) - flat[at[:, None] + steps].sum(axis=1, dtype=np.int64) / steps.size)
    visited = np.bincount(group, minlength=n * m)
    # The first of a group is in all of its sums, the last in one.
    left_over = np.cumsum(visited)[group] - np.arange(len(group))
    sums = np.bincount(group, weights=difference * left_over, minlength=n * m).reshape(n, m)
    times = np.take_along_axis(counts, np.maximum(chosen, 0), axis=1) / 256
    return np.asarray((sums * times).sum(axis=1) / (visited.reshape(n, m).sum(axis=1) + 1), dtype=np.float64)
