"""Organisms that touch each other on a scan, drawn: what each of them covers is known exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.samples.zooscan import THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

#: So many px an organism is pushed into the other one after the first touch, at most.
DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class Touching:
    """Organisms that a threshold finds as one object.

    Attributes
    ----------
    picture : (H, W) uint8 ndarray
        Background 255.
    labels : tuple of str, length n
    masks : (n, H, W) bool ndarray
        The pixels of each organism, its holes filled; where two lie over each other, both have them.
    """

    picture: NDArray[np.uint8]
    labels: tuple[str, ...]
    masks: NDArray[np.bool_]


def touching(rng: np.random.Generator, organisms: Sequence[tuple[str, NDArray[np.uint8]]]) -> Touching | None:
    """Organisms laid down one after the other, each pushed from some side until it touches, and up to `DEEPEST` px further.

    Parameters
    ----------
    rng : Generator
    organisms : sequence of n (str, (h, w) uint8 ndarray)
        Label and picture, cut to the bounding box.

    Returns
    -------
    Touching or None
        None where they do not make one object.
    """
    import cv2

    room = 2 * sum(max(picture.shape) for _, picture in organisms)
    grey = np.full((2 * room, 2 * room), 255, dtype=np.uint8)
    masks: list[NDArray[np.bool_]] = []
    for _, picture in organisms:
        here = picture <= THRESHOLD
        top, left = (room - side // 2 for side in picture.shape)
        if masks:
            near = cv2.dilate((grey <= THRESHOLD).astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
            angle = rng.uniform(0, 2 * math.pi)
            down, across = math.sin(angle), math.cos(angle)

            def at(far: float, top: int = top, left: int = left, down: float = down, across: float = across) -> tuple[int, int]:
                return top + round(far * down), left + round(far * across)

            far = 0.75 * room
            while far > 0 and not (near[_window(at(far), picture)] & here).any():
                far -= 1
            top, left = at(max(far - float(rng.integers(0, DEEPEST + 1)), 0.0))
        part = grey[_window((top, left), picture)]
        np.minimum(part, np.where(here, picture, 255), out=part)
        mask = np.zeros(grey.shape, dtype=bool)
        mask[_window((top, left), picture)] = _filled(here)
        masks.append(mask)
    if cv2.connectedComponents((grey <= THRESHOLD).astype(np.uint8), connectivity=8)[0] != 2:
        return None
    rows, columns = (np.flatnonzero((grey <= THRESHOLD).any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Touching(
        picture=np.ascontiguousarray(grey[box]),
        labels=tuple(label for label, _ in organisms),
        masks=np.stack([mask[box] for mask in masks]),
    )


def _window(corner: tuple[int, int], picture: NDArray[np.uint8]) -> tuple[slice, slice]:
    return slice(corner[0], corner[0] + picture.shape[0]), slice(corner[1], corner[1] + picture.shape[1])


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    outlines = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return cv2.drawContours(np.zeros(mask.shape, dtype=np.uint8), outlines, -1, 1, cv2.FILLED) > 0
