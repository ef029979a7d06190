"""Outlines of drawn oil slicks and of what looks like them, in metres on a plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import Geometry

Kind = Literal["oil slick", "biogenic film", "low wind area"]
OIL, LOOK_ALIKE = "oil", "look-alike"


@dataclass(frozen=True, kw_only=True)
class Film:
    """One dark thing on the sea.

    Attributes
    ----------
    kind : str
    outline : Polygon
        In metres east and north of the lower left corner of the scene.
    damping_db : float
        In its middle.
    soft_m : float
        From the outline inwards to where the damping is full.
    """

    kind: Kind
    outline: Geometry
    damping_db: float
    soft_m: float

    @property
    def label(self) -> str:
        """What a segmentation is to call it."""
        return OIL if self.kind == "oil slick" else LOOK_ALIKE


def oil_slick(rng: np.random.Generator, wind_m_s: float) -> Film:
    """A long slick: the trail of a ship that bends with the current, or a broader patch; oil that is blown has a sharp border."""
    if rng.random() < 0.7:
        outline = _ribbon(rng, length=rng.uniform(3000, 11_000), width=rng.uniform(280, 600), bend=rng.uniform(0.1, 0.6))
    else:
        outline = _ribbon(rng, length=rng.uniform(2000, 4500), width=rng.uniform(700, 1400), bend=rng.uniform(0.1, 0.4))
    # In stronger wind part of the oil is mixed under, and the rest damps less.
    damping = rng.uniform(6.0, 11.5) - 0.25 * max(wind_m_s - 6, 0)
    return Film(kind="oil slick", outline=outline, damping_db=float(damping), soft_m=float(rng.uniform(40, 120)))


def look_alike(rng: np.random.Generator) -> Film:
    """A film of natural origin, long, thin and wound, or an area without wind, broad and diffuse."""
    if rng.random() < 0.55:
        outline = _ribbon(rng, length=rng.uniform(3000, 9000), width=rng.uniform(240, 420), bend=rng.uniform(0.9, 1.7))
        return Film(
            kind="biogenic film", outline=outline, damping_db=float(rng.uniform(2.5, 4.5)), soft_m=float(rng.uniform(80, 160))
        )
    outline = _blob(rng, radius=rng.uniform(900, 2300))
    return Film(
        kind="low wind area", outline=outline, damping_db=float(rng.uniform(3.5, 7.0)), soft_m=float(rng.uniform(400, 800))
    )


def _ribbon(rng: np.random.Generator, *, length: float, width: float, bend: float) -> Geometry:
    """A band along a bent line, which tapers at its ends."""
    import shapely

    n = 120
    along = np.linspace(0, 1, n)
    turns = sum(rng.normal(0, bend / k) * np.sin(math.pi * k * along + rng.uniform(0, 2 * math.pi)) for k in (1, 2, 3))
    heading = rng.uniform(0, 2 * math.pi) + turns
    steps = length / (n - 1) * np.column_stack([np.cos(heading), np.sin(heading)])
    line = np.cumsum(steps, axis=0)
    wide = width / 2 * np.sqrt(np.maximum(np.sin(math.pi * (0.02 + 0.96 * along)), 0)) * (1 + 0.25 * _waves(rng, along))
    across = wide[:, None] * np.column_stack([-np.sin(heading), np.cos(heading)])
    outline = shapely.Polygon(np.concatenate([line + across, (line - across)[::-1]])).buffer(0)
    # A band that crosses itself has several parts: the largest is taken, without holes.
    largest = max(shapely.get_parts(outline), key=lambda part: part.area)
    return shapely.Polygon(largest.exterior)


def _blob(rng: np.random.Generator, *, radius: float) -> Geometry:
    import shapely

    angle = np.linspace(0, 2 * math.pi, 160, endpoint=False)
    reach = radius * np.exp(sum(rng.normal(0, 0.28 / k) * np.cos(k * angle + rng.uniform(0, 2 * math.pi)) for k in range(2, 7)))
    return shapely.Polygon(np.column_stack([reach * np.cos(angle), 0.75 * reach * np.sin(angle)]))


def _waves(rng: np.random.Generator, along: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        sum(rng.normal(0, 1 / k) * np.sin(2 * math.pi * k * along + rng.uniform(0, 2 * math.pi)) for k in (2, 3, 5))
    )


def placed_apart(
    films: list[Film], side_m: float, taken: list[Geometry], rng: np.random.Generator, *, apart_m: float, rim_m: float
) -> list[Film]:
    """The films moved to free places in a square scene, the largest first; what finds no place is left out."""
    import shapely
    import shapely.affinity

    found: list[Film] = []
    others = [each.buffer(apart_m) for each in taken]
    for film in sorted(films, key=lambda each: -each.outline.area):
        west, south, east, north = film.outline.bounds
        if max(east - west, north - south) > side_m - 2 * rim_m:
            continue
        for _ in range(200):
            x, y = rng.uniform(rim_m - west, side_m - rim_m - east), rng.uniform(rim_m - south, side_m - rim_m - north)
            moved = shapely.affinity.translate(film.outline, x, y)
            if not any(moved.intersects(each) for each in others):
                found.append(Film(kind=film.kind, outline=moved, damping_db=film.damping_db, soft_m=film.soft_m))
                others.append(moved.buffer(apart_m))
                break
    return found
