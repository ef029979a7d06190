"""A beach from above, painted: sand, wrack, pebbles, shells, footprints, the waterline, and litter on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.samples.litter_items import Item

#: What a pixel of the painted beach covers, m.
PIXEL_M = 0.004

Picture = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Beach:
    """A painted beach.

    Attributes
    ----------
    picture : (rows, columns, 3) float32 ndarray
        Row 0 in the north, column 0 in the west; the sea is in the north.
    west_m, north_m : float
        Of its corner, from the middle of the survey.
    """

    picture: Picture
    west_m: float
    north_m: float

    def pixels(self, east: NDArray[np.float64], north: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions in px of places (n,) in m."""
        return (east - self.west_m) / PIXEL_M, (self.north_m - north) / PIXEL_M


def paint_beach(length_m: float, width_m: float, waterline_m: float, items: Sequence[Item], rng: np.random.Generator) -> Beach:
    """Paint a beach of a length (east to west) and width around (0, 0), with its waterline so far north of the middle."""
    columns, rows = round(length_m / PIXEL_M), round(width_m / PIXEL_M)
    beach = Beach(picture=_sand(rows, columns, rng), west_m=-length_m / 2, north_m=width_m / 2)
    _wrack(beach, waterline_m - 0.9, rng)
    _pebbles(beach, rng)
    _footprints(beach, rng)
    for item in items:
        _paint(beach, item, rng)
    _water(beach, waterline_m, rng)
    return beach


def _cloud(rows: int, columns: int, size_px: float, rng: np.random.Generator) -> Picture:
    """Smooth noise of a size, its values about normal."""
    import cv2

    small = rng.normal(size=(max(2, round(rows / size_px) + 2), max(2, round(columns / size_px) + 2))).astype(np.float32)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _sand(rows: int, columns: int, rng: np.random.Generator) -> Picture:
    tone = np.array([196, 178, 146], dtype=np.float32) + (rng.normal(0, 6) + rng.normal(0, 2.5, 3)).astype(np.float32)
    light = (
        7 * _cloud(rows, columns, 260, rng)
        + 4 * _cloud(rows, columns, 30, rng)
        + 2.5 * _cloud(rows, columns, 6, rng)
        + 3.5 * _cloud(rows, columns, 1.6, rng)
    )
    # Ripples of wind along the shore.
    wave = np.sin(np.arange(rows, dtype=np.float32)[:, None] / 17 + 1.5 * _cloud(rows, columns, 400, rng))
    return np.asarray(np.clip(tone + (light + 2.5 * wave)[:, :, None], 0, 255), dtype=np.float32)


def _spot(
    beach: Beach,
    east: float,
    north: float,
    radius_m: float,
    colour: NDArray[np.float32],
    strength: float,
    stretch: float,
    turn: float,
) -> None:
    """A soft ellipse."""
    x, y = (float(each[0]) for each in beach.pixels(np.array([east]), np.array([north])))
    radius = radius_m / PIXEL_M
    left, right, top, bottom = _window(beach, x - radius, x + radius, y - radius, y + radius)
    if right <= left or bottom <= top:
        return
    u, v = np.meshgrid(np.arange(left, right) + 0.5 - x, np.arange(top, bottom) + 0.5 - y)
    along, across = u * np.cos(turn) + v * np.sin(turn), (v * np.cos(turn) - u * np.sin(turn)) * stretch
    share = (strength * np.clip(1.5 * (1 - (along**2 + across**2) / radius**2), 0, 1)).astype(np.float32)[:, :, None]
    part = beach.picture[top:bottom, left:right]
    part[...] = part * (1 - share) + colour * share


def _window(beach: Beach, left: float, right: float, top: float, bottom: float) -> tuple[int, int, int, int]:
    rows, columns = beach.picture.shape[:2]
    return max(0, int(left)), min(columns, int(right) + 2), max(0, int(top)), min(rows, int(bottom) + 2)


def _places(beach: Beach, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = beach.picture.shape[:2]
    return np.column_stack(
        [beach.west_m + rng.uniform(0, columns * PIXEL_M, count), beach.north_m - rng.uniform(0, rows * PIXEL_M, count)]
    )


def _pebbles(beach: Beach, rng: np.random.Generator) -> None:
    area = beach.picture.shape[0] * beach.picture.shape[1] * PIXEL_M**2
    for east, north in _places(beach, round(3.0 * area), rng):
        grey = rng.uniform(70, 165)
        shell = rng.random() < 0.25
        colour = np.array([228, 220, 205] if shell else [grey, grey * 0.97, grey * 0.93], dtype=np.float32)
        _spot(beach, east, north, rng.uniform(0.008, 0.03), colour, 0.85, rng.uniform(1, 1.8), rng.uniform(0, np.pi))


def _wrack(beach: Beach, line_m: float, rng: np.random.Generator) -> None:
    """Seaweed along the high water mark."""
    columns = beach.picture.shape[1]
    for _ in range(round(columns * PIXEL_M * 26)):
        east = beach.west_m + rng.uniform(0, columns * PIXEL_M)
        north = line_m + 0.12 * np.sin(1.3 * east) + rng.normal(0, 0.14)
        colour = np.array([72, 58, 36], dtype=np.float32) + rng.normal(0, 9, 3).astype(np.float32)
        _spot(
            beach,
            east,
            float(north),
            rng.uniform(0.02, 0.09),
            colour,
            rng.uniform(0.5, 0.95),
            rng.uniform(2, 6),
            rng.uniform(0, np.pi),
        )


def _footprints(beach: Beach, rng: np.random.Generator) -> None:
    for east, north in _places(beach, 5, rng):
        heading = rng.uniform(0, np.pi)
        for step in range(14):
            side = 0.09 * (-1) ** step
            x = east + 0.62 * step * np.cos(heading) - side * np.sin(heading)
            y = north + 0.62 * step * np.sin(heading) + side * np.cos(heading)
            _spot(beach, float(x), float(y), 0.14, np.array([150, 134, 108], dtype=np.float32), 0.55, 2.5, -heading)


def _water(beach: Beach, line_m: float, rng: np.random.Generator) -> None:
    # Only what lies near the sea or in it is painted anew.
    part = beach.picture[: round((beach.north_m - line_m + 1.5) / PIXEL_M)]
    rows, columns = part.shape[:2]
    north = np.float32(beach.north_m) - (np.arange(rows, dtype=np.float32)[:, None] + np.float32(0.5)) * np.float32(PIXEL_M)
    edge = np.float32(line_m) + np.float32(0.15) * _cloud(1, columns, 500, rng) + np.float32(0.03) * _cloud(1, columns, 60, rng)
    depth = north - edge
    wet = np.clip(1 - np.abs(depth + np.float32(0.35)) / np.float32(0.4), 0, 1) * (depth < 0)
    part *= (1 - np.float32(0.22) * wet)[:, :, None]
    foam = np.exp(-((depth / np.float32(0.05)) ** 2)) * np.clip(
        np.float32(0.6) + np.float32(0.5) * _cloud(rows, columns, 12, rng), 0, 1
    )
    light = np.float32(8) * _cloud(rows, columns, 90, rng) + np.float32(5) * _cloud(rows, columns, 14, rng)
    share = np.clip(depth / np.float32(0.5), 0, 1) * np.float32(0.9)
    for band, colour in enumerate((74, 128, 136)):
        part[:, :, band] += share * (colour + light - part[:, :, band])
        part[:, :, band] += np.float32(0.8) * foam * (245 - part[:, :, band])


def _paint(beach: Beach, item: Item, rng: np.random.Generator) -> None:
    """An item with its shadow; light comes from the south-west."""
    import cv2

    x, y = beach.pixels(item.outline[:, 0], item.outline[:, 1])
    margin = 12
    left, right, top, bottom = _window(beach, x.min() - margin, x.max() + margin, y.min() - margin, y.max() + margin)
    if right <= left or bottom <= top:
        return
    part = beach.picture[top:bottom, left:right]
    # cv2 takes whole numbers with 8 bits after the point, and the middle of the first pixel for 0.
    points = np.round(np.column_stack([x - left - 0.5, y - top - 0.5]) * 256).astype(np.int32)

    def filled(shift: tuple[float, float]) -> Picture:
        mask = np.zeros(part.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [points + np.array(shift).astype(np.int32) * 256], 255, lineType=cv2.LINE_AA, shift=8)
        return np.asarray(mask.astype(np.float32) / 255)

    lift = float(np.clip(item.size_cm / 8, 1, 4))
    shadow = cv2.GaussianBlur(filled((lift, -lift)), (0, 0), 1.2)
    part *= (1 - 0.4 * shadow)[:, :, None]
    mask = filled((0, 0))
    inside = cv2.GaussianBlur(mask, (0, 0), max(1.5, lift))
    slope = np.gradient(inside, axis=0) - np.gradient(inside, axis=1)
    folds = _cloud(part.shape[0], part.shape[1], 9, rng)
    light = 1 + item.shade * (6 * slope + 0.45 * folds)
    colour = np.array(item.colour, dtype=np.float32) * light[:, :, None]
    if item.label == "rope":
        colour = colour * (0.85 + 0.25 * (np.add.outer(np.arange(part.shape[0]), np.arange(part.shape[1])) % 5 < 2))[:, :, None]
    part[...] = part * (1 - mask[:, :, None]) + np.clip(colour, 0, 255) * mask[:, :, None]
