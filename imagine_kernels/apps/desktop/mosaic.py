"""A contact sheet of vignettes, and the layers in which napari shows it: arrays and tables, no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import ImageError
from imagine_kernels.figures.drawing import SERIES

if TYPE_CHECKING:
    import pandas as pd

#: A larger sheet would not fit into the memory of a laptop beside what napari needs itself.
MAX_PIXELS = 400_000_000
#: napari takes about a second to draw 1200 rectangles.
MAX_VIGNETTES = 20_000
#: Longest side in px of a picture that every graphics driver takes whole; larger sheets are shown as a pyramid.
MAX_TEXTURE = 8192
#: Grey value between the vignettes, whose own background is nearly white.
BACKGROUND = 235
#: Pixels between vignettes, and above a group for its heading.
GAP, HEADING = 10, 48
#: More texts than this slow napari down; the other corrected vignettes show their colour only.
MAX_TEXTS = 500

DISCARDED = "#c4ccd2"

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Vignettes side by side, each at its true size.

    Attributes
    ----------
    picture : (H, W) uint8 ndarray
        0 is black; `BACKGROUND` where there is no vignette.
    rows : (n,) int64 ndarray
        Positions of the vignettes in what was given, in the order of the sheet.
    corners : (n, 4, 2) float64 ndarray
        Corners of each vignette as (row, column) in px, clockwise from the upper left. They lie on the borders of the pixels, and the centre
        of a pixel has whole coordinates, as napari has it: a vignette that begins with pixel 8 begins at 7.5.
    headings : (k, 2) float64 ndarray
        Where the heading of each group stands: (row, column) in px.
    groups : tuple of str, length k
        The label of each group, sorted.
    left_out : int
        How many vignettes found no room.
    """

    picture: NDArray[np.uint8]
    rows: NDArray[np.int64]
    corners: NDArray[np.float64]
    headings: NDArray[np.float64]
    groups: tuple[str, ...]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def touched(self, one: Sequence[float] | NDArray[Any], other: Sequence[float] | NDArray[Any]) -> set[int]:
        """The vignettes that a frame between two points (row, column) touches, as positions on the sheet."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        inside = (self.corners[:, 0] <= high).all(axis=1) & (self.corners[:, 2] >= low).all(axis=1)
        return set(np.flatnonzero(inside).tolist())


def mosaic(
    pictures: Iterable[NDArray[np.uint8]],
    labels: Sequence[str],
    *,
    max_pixels: int = MAX_PIXELS,
    max_vignettes: int = MAX_VIGNETTES,
) -> Sheet:
    """Lay vignettes out on one sheet, grouped by label, within a group in the order in which they are given.

    Parameters
    ----------
    pictures : iterable of (H, W) uint8 ndarray, length n
        Those that matter most first: where there are more than find room, the last ones are left out. No more are taken from it
        than find room.
    labels : sequence of str, length n
    max_pixels : int
        Largest area of the sheet.
    max_vignettes : int

    Raises
    ------
    ImageError
        There is no vignette, or already the first one needs a larger sheet.
    """
    taken: list[NDArray[np.uint8]] = []
    area = 0
    for picture in pictures:
        area += picture.size
        if area > max_pixels or len(taken) == max_vignettes:
            break
        taken.append(picture)
    sizes = np.array([picture.shape for picture in taken], dtype=np.int64).reshape(-1, 2)
    n = _how_many_fit(sizes, labels, max_pixels)
    if not n:
        what = "There is no vignette to show" if not area else f"Already the first vignette needs more than {max_pixels} px"
        raise ImageError(f"{what}: choose another sample.")
    rows, places, headings, groups, shape = _layout(sizes[:n], labels[:n])
    sheet = np.full(shape, BACKGROUND, dtype=np.uint8)
    for row, (top, left) in zip(rows, places, strict=True):
        height, width = sizes[row]
        sheet[top : top + height, left : left + width] = taken[row]
    first = places - 0.5
    last = first + sizes[rows]
    corners = np.stack([first, np.stack([first[:, 0], last[:, 1]], 1), last, np.stack([last[:, 0], first[:, 1]], 1)], axis=1)
    return Sheet(picture=sheet, rows=rows, corners=corners, headings=headings, groups=groups, left_out=len(labels) - n)


def _how_many_fit(sizes: NDArray[np.int64], labels: Sequence[str], max_pixels: int) -> int:
    """The largest n for which the first n vignettes fit, by bisection."""
    fits, too_many = 0, len(sizes) + 1
    n = len(sizes)
    while too_many - fits > 1:
        height, width = _layout(sizes[:n], labels[:n])[-1]
        if height * width <= max_pixels:
            fits = n
        else:
            too_many = n
        n = (fits + too_many) // 2
    return fits


def _layout(
    sizes: NDArray[np.int64], labels: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], tuple[str, ...], tuple[int, int]]:
    """Order, upper left pixels (n, 2), headings (k, 2), groups and shape of a sheet that is about as high as wide."""
    narrowest = int(sizes[:, 1].max()) + 2 * GAP
    width = max(int(np.sqrt(((sizes + GAP).prod(axis=1)).sum())), narrowest)
    height = _shelves(sizes, labels, width)[-1][0]
    # How much is lost beside the tall ones is known only now.
    return _shelves(sizes, labels, max(int(np.sqrt(height * width)), narrowest))


def _shelves(
    sizes: NDArray[np.int64], labels: Sequence[str], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], tuple[str, ...], tuple[int, int]]:
    """What `_layout` gives, for a sheet so wide."""
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(str(label), []).append(row)
    rows: list[int] = []
    places: list[tuple[int, int]] = []
    headings: list[tuple[float, float]] = []
    top = GAP
    for label in sorted(groups):
        top += HEADING
        # The text stands on this point.
        headings.append((float(top - GAP), float(GAP)))
        left, tallest = GAP, 0
        for row in groups[label]:
            height, breadth = int(sizes[row, 0]), int(sizes[row, 1])
            if left + breadth + GAP > width:
                top, left, tallest = top + tallest + GAP, GAP, 0
            rows.append(row)
            places.append((top, left))
            left, tallest = left + breadth + GAP, max(tallest, height)
        top += tallest + GAP
    order, upper_left = np.array(rows, dtype=np.int64), np.array(places, dtype=np.int64)
    return order, upper_left, np.array(headings), tuple(sorted(groups)), (top, width)


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each label in their order; there are eight, then they come again."""
    return dict(zip(dict.fromkeys(labels), cycle(SERIES), strict=False))


def edge_colours(objects: pd.DataFrame, colours: Mapping[str, str]) -> list[str]:
    """The colour of each rectangle: that of its label, grey where it is discarded."""
    pairs = zip(objects["label"], objects["status"], strict=True)
    return [DISCARDED if status == "discarded" else colours[label] for label, status in pairs]


def texts_of(sheet: Sheet, objects: pd.DataFrame) -> tuple[NDArray[np.float64], list[str]]:
    """Where text stands on the sheet, and which: the headings, and the label of every vignette that a person has judged.

    Returns
    -------
    places : (m, 2) float64 ndarray
        (row, column) in px.
    texts : list of str, length m
    """
    sizes = dict(zip(*np.unique(np.asarray(sheet.groups)[_group_of(sheet)], return_counts=True), strict=True))
    headings = [f"{label or 'no label'} ({sizes[label]})" for label in sheet.groups]
    judged = np.flatnonzero(objects["judged"].to_numpy())[:MAX_TEXTS]
    rows = objects.iloc[judged]
    words = [f"{label}: {status}" for label, status in zip(rows["label"], rows["status"], strict=True)]
    return np.concatenate([sheet.headings, sheet.corners[judged, 0]]), headings + words


def _group_of(sheet: Sheet) -> NDArray[np.int64]:
    """(n,) int64, the group in which each vignette lies."""
    return np.searchsorted(sheet.headings[:, 0], sheet.corners[:, 0, 0], side="right") - 1


def layers_of(
    sheet: Sheet, objects: pd.DataFrame, *, colours: Mapping[str, str], pixel_size_mm: float | None = None
) -> list[LayerData]:
    """The sheet as napari's layer data: picture, rectangles, texts.

    Text stands in a layer of its own, because napari needs minutes for a text in each of 20 000 rectangles.

    Parameters
    ----------
    sheet : Sheet
        With n vignettes.
    objects : DataFrame, n rows
        ``object_id``, ``label``, ``probability``, ``status`` and ``judged`` (a person has judged it), in the order of the sheet.
    colours : mapping
        Label to colour.
    pixel_size_mm : float, optional
        Side of a pixel; without it the scale bar reads px.
    """
    side = pixel_size_mm or 1.0
    unit = "mm" if pixel_size_mm else "pixel"
    place: dict[str, Any] = {"scale": (side, side), "units": (unit, unit)}
    levels = [sheet.picture]
    while max(levels[-1].shape) > MAX_TEXTURE:
        levels.append(levels[-1][::2, ::2])
    places, texts = texts_of(sheet, objects)
    whole = len(levels) == 1
    image = {"name": "vignettes", "colormap": "gray", "contrast_limits": (0, 255), "multiscale": not whole, **place}
    rectangles = {
        "name": "labels", "shape_type": "rectangle", "face_color": "transparent", "edge_width": 4, "opacity": 1.0,
        "edge_color": edge_colours(objects, colours), "features": objects.drop(columns="judged").reset_index(drop=True), **place,
    }  # fmt: skip
    words = {
        "name": "text", "size": 1, "face_color": "transparent", "border_color": "transparent", "features": {"text": texts},
        "text": {"string": "{text}", "size": 9, "color": "black", "anchor": "upper_left"}, **place,
    }  # fmt: skip
    return [
        (sheet.picture if whole else levels, image, "image"),
        (places, words, "points"),
        (sheet.corners, rectangles, "shapes"),
    ]
