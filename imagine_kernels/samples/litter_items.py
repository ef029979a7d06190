"""Litter as it lies on a beach, seen from above: outlines in metres, and how they are painted.

Sizes are those of usual things: a drink bottle is 16 to 24 cm long, a can 11 to 16 cm, a cap about 3 cm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item.

    Attributes
    ----------
    label : str
    outline : (n, 2) float64 ndarray
        East and north of the middle of the survey, m.
    colour : tuple of float
        Red, green and blue, 0 to 255.
    shade : float
        How far its relief lightens and darkens it.
    """

    label: str
    outline: Floats
    colour: tuple[float, float, float]
    shade: float

    @property
    def place(self) -> tuple[float, float]:
        """East and north of the middle of its outline's box, m."""
        low, high = self.outline.min(axis=0), self.outline.max(axis=0)
        return float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2

    @property
    def size_cm(self) -> float:
        """Largest distance of two points of its outline, cm."""
        gaps = self.outline[:, None, :] - self.outline[None, :, :]
        return float(100 * np.sqrt((gaps**2).sum(axis=2).max()))


def _rounded(length: float, width: float, power: float = 4.0, n: int = 40) -> Floats:
    """A superellipse: a rectangle with round corners, the more so the lower the power."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack(
        [
            np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / power) * length / 2,
            np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / power) * width / 2,
        ]
    )


def _torn(length: float, width: float, rng: np.random.Generator, rough: float, n: int = 26) -> Floats:
    """An outline with corners: what was torn, crumpled or broken."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = 1 + rough * np.convolve(np.tile(rng.normal(size=n), 3), [0.25, 0.5, 0.25], "same")[n : 2 * n]
    radius = np.clip(radius, 0.45, 1.5)
    return np.column_stack([np.cos(t) * radius * length / 2, np.sin(t) * radius * width / 2])


def _ribbon(length: float, width: float, rng: np.random.Generator) -> Floats:
    """A winding strip."""
    n = 24
    bend = np.cumsum(rng.normal(0, 0.16, n)) + rng.uniform(-0.05, 0.05) * np.arange(n)
    steps = np.column_stack([np.cos(bend), np.sin(bend)]) * length / n
    middle = np.cumsum(steps, axis=0)
    side = np.column_stack([-np.sin(bend), np.cos(bend)]) * width / 2
    return np.concatenate([middle + side, (middle - side)[::-1]])


def _bottle(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    length = rng.uniform(0.16, 0.24)
    width = length * rng.uniform(0.27, 0.34)
    neck = width * 0.2
    half = np.array(
        [[-0.5, 0.42], [-0.47, 0.5], [0.1, 0.5], [0.3, 0.36], [0.4, neck / width], [0.5, neck / width]], dtype=np.float64
    ) * [length, width]
    outline = np.concatenate([half, half[::-1] * [1, -1]])
    return outline, _pick(rng, [(150, 190, 205), (90, 165, 110), (205, 215, 220), (60, 120, 170)])


def _can(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    length = rng.uniform(0.11, 0.16)
    return _rounded(length, length * rng.uniform(0.5, 0.58), 7.0), _pick(
        rng, [(200, 40, 45), (60, 80, 165), (205, 205, 210), (40, 130, 80)]
    )


def _cap(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    size = rng.uniform(0.028, 0.038)
    return _rounded(size, size, 2.0, 20), _pick(rng, [(225, 45, 40), (40, 90, 200), (240, 240, 240), (235, 150, 30)])


def _bag(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    length = rng.uniform(0.25, 0.45)
    return _torn(length, length * rng.uniform(0.55, 0.9), rng, 0.32), _pick(rng, [(235, 235, 240), (40, 42, 48), (120, 190, 225)])


def _rope(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    return _ribbon(rng.uniform(0.3, 0.8), rng.uniform(0.014, 0.022), rng), _pick(
        rng, [(40, 110, 190), (225, 120, 30), (60, 150, 95)]
    )


def _foam(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    length = rng.uniform(0.05, 0.22)
    return _torn(length, length * rng.uniform(0.6, 1.0), rng, 0.16), _pick(rng, [(250, 250, 250), (244, 244, 238)])


def _fragment(rng: np.random.Generator) -> tuple[Floats, tuple[float, float, float]]:
    length = rng.uniform(0.035, 0.13)
    colours = [(215, 60, 50), (50, 110, 200), (235, 200, 40), (50, 160, 80), (120, 60, 150)]
    return _torn(length, length * rng.uniform(0.4, 0.8), rng, 0.22, 14), _pick(rng, colours)


_KINDS: dict[str, tuple[Callable[[np.random.Generator], tuple[Floats, tuple[float, float, float]]], float, float]] = {
    "bag": (_bag, 0.13, 0.2),
    "bottle": (_bottle, 0.19, 0.22),
    "can": (_can, 0.13, 0.25),
    "cap": (_cap, 0.15, 0.12),
    "foam": (_foam, 0.16, 0.06),
    "fragment": (_fragment, 0.14, 0.1),
    "rope": (_rope, 0.10, 0.15),
}
#: What is drawn.
LABELS = tuple(_KINDS)


def make_item(rng: np.random.Generator, east: float, north: float) -> Item:
    """An item of a random kind, turned at random, with the middle of its box at a place."""
    shares = np.array([share for _, share, _ in _KINDS.values()])
    label = LABELS[int(rng.choice(len(LABELS), p=shares / shares.sum()))]
    make, _, shade = _KINDS[label]
    outline, colour = make(rng)
    turn = rng.uniform(0, 2 * np.pi)
    turned = outline @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    return Item(label=label, outline=turned - (low + high) / 2 + [east, north], colour=colour, shade=shade)


def _pick(rng: np.random.Generator, colours: list[tuple[int, int, int]]) -> tuple[float, float, float]:
    red, green, blue = (float(np.clip(each + rng.normal(0, 8), 0, 255)) for each in colours[int(rng.integers(len(colours)))])
    return red, green, blue
