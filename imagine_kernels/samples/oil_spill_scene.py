"""A drawn radar scene: σ⁰ of the sea by wind and incidence, films that damp it, ships, a coast, speckle and the noise of the radar.

The sea is not that of a model of backscatter: its level at 35° and 7 m/s, its rise with the wind and its fall with incidence are round numbers near
those of C band in VV (about -13.5 dB, 18 dB for ten times the wind, -0.4 dB per degree).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.samples.oil_spill_shapes import Film

if TYPE_CHECKING:
    from shapely import Geometry

SIZE = 1024
SPACING_M = 40.0
LOOKS = 16.0
NOISE_DB = -24.0
#: What noise removal leaves below this is put on it: decibels have no place for less.
FLOOR_DB = -35.0
DEGREES_PER_M = 16 / 250_000
LAND_DB = -8.0

Grid = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SeaState:
    """Wind at 10 m (speed, and direction from which it blows) and the incidence at the left border."""

    wind_m_s: float
    wind_from_deg: float
    near_deg: float


def incidence_deg(state: SeaState) -> Grid:
    """(SIZE, SIZE) angle of incidence, which grows to the right."""
    row = state.near_deg + DEGREES_PER_M * SPACING_M * (np.arange(SIZE) + 0.5)
    return np.tile(row.astype(np.float32), (SIZE, 1))


def sea_db(wind_m_s: float, angle_deg: Grid | float) -> Grid:
    """Mean σ⁰ of the sea, dB."""
    return np.asarray(-13.5 + 18 * math.log10(wind_m_s / 7) - 0.4 * (np.asarray(angle_deg) - 35), dtype=np.float32)


def clean_sea(state: SeaState, rng: np.random.Generator) -> Grid:
    """(SIZE, SIZE) σ⁰ of the sea without films, dB: gusts of some km, streaks along the wind, swell."""
    gusts = _field(rng, 140.0) * 0.6 + _field(rng, 40.0) * 0.25
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    # Up is north: along the wind means towards (-sin, cos) of the direction from which it comes, in columns and rows.
    angle = math.radians(state.wind_from_deg)
    along = -math.sin(angle) * columns + math.cos(angle) * rows
    across = math.cos(angle) * columns + math.sin(angle) * rows
    streaks = _streaks(rng, across, along) * 0.35
    length = rng.uniform(5, 9)
    swell_angle = rng.uniform(0, math.pi)
    swell = 0.3 * np.sin(2 * math.pi / length * (math.cos(swell_angle) * columns + math.sin(swell_angle) * rows))
    return np.asarray(sea_db(state.wind_m_s, incidence_deg(state)) + gusts + streaks + swell, dtype=np.float32)


def damping_db(films: list[Film]) -> Grid:
    """(SIZE, SIZE) by how much the films lower σ⁰, dB: full from `soft_m` inside of the outline on, less towards it."""
    import cv2

    found = np.zeros((SIZE, SIZE), dtype=np.float32)
    for film in films:
        mask = drawn([film.outline])
        inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        # The middle of the first px lies half a px inside of the outline.
        part = np.clip((inside - 0.5) * SPACING_M / film.soft_m, 0, 1) * (mask > 0)
        # Half of the damping at the outline of a sharp film, little at that of a diffuse one.
        start = 0.5 if film.soft_m < 200 else 0.15
        smooth = (start + (1 - start) * part * part * (3 - 2 * part)) * (mask > 0)
        found = np.maximum(found, np.float32(film.damping_db) * smooth.astype(np.float32))
    return found


def drawn(outlines: list[Geometry]) -> NDArray[np.uint8]:
    """(SIZE, SIZE) 1 where the middle of a px lies in an outline (metres from the lower left corner)."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    if not outlines:
        return np.zeros((SIZE, SIZE), dtype=np.uint8)
    transform = Affine(SPACING_M, 0, 0, 0, -SPACING_M, SIZE * SPACING_M)
    found = rasterize([(each, 1) for each in outlines], out_shape=(SIZE, SIZE), transform=transform, dtype="uint8")
    return np.asarray(found, dtype=np.uint8)


def with_ships(power: Grid, ships: list[tuple[float, float, float]]) -> Grid:
    """Bright points (x and y in px, peak σ⁰ in dB) with the sidelobes of a radar along rows and columns."""
    found = power.copy()
    for x, y, peak_db in ships:
        column, row = int(x), int(y)
        rows, columns = np.mgrid[max(row - 14, 0) : min(row + 15, SIZE), max(column - 14, 0) : min(column + 15, SIZE)]
        # The response of an unweighted aperture is sinc² each way; on the sidelobes alone 13 dB below the peak.
        shape = np.sinc((columns + 0.5 - x) / 1.3) ** 2 * np.sinc((rows + 0.5 - y) / 1.3) ** 2
        found[rows[0, 0] : rows[-1, 0] + 1, columns[0, 0] : columns[0, -1] + 1] += (10 ** (peak_db / 10) * shape).astype(
            np.float32
        )
    return found


def observed_db(power: Grid, rng: np.random.Generator) -> Grid:
    """σ⁰ as the radar gives it, dB: speckle on signal and thermal noise together, and the mean of the noise taken away."""
    noise = 10 ** (NOISE_DB / 10)
    measured = (power + noise) * rng.gamma(LOOKS, 1 / LOOKS, power.shape) - noise
    return np.asarray(10 * np.log10(np.maximum(measured, 10 ** (FLOOR_DB / 10))), dtype=np.float32)


def land_power(rng: np.random.Generator) -> Grid:
    """σ⁰ of hills and towns."""
    return np.asarray(10 ** ((LAND_DB + 2.5 * _field(rng, 12.0) + 1.5 * _field(rng, 3.0)) / 10), dtype=np.float32)


def _field(rng: np.random.Generator, scale_px: float) -> Grid:
    """A normal field of variance 1 that varies over so many px."""
    import cv2

    coarse = max(1, int(scale_px / 4))
    side = SIZE // coarse + 8
    sigma = scale_px / coarse
    smooth = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), sigma)
    whole = cv2.resize(smooth, (side * coarse, side * coarse), interpolation=cv2.INTER_CUBIC)[:SIZE, :SIZE]
    # By the theory of the kernel, so that a scene may have a mean of its own.
    return np.asarray(whole * (2 * math.sqrt(math.pi) * sigma), dtype=np.float32)


def _streaks(rng: np.random.Generator, across: Grid, along: Grid) -> Grid:
    """Bands along the wind, some 600 m apart, that come and go."""
    found = np.zeros_like(across)
    for _ in range(6):
        wave, fade = rng.uniform(10, 25), rng.uniform(150, 500)
        phase = rng.uniform(0, 2 * math.pi, 2)
        found += np.sin(2 * math.pi * across / wave + phase[0]) * np.sin(2 * math.pi * along / fade + phase[1])
    return np.asarray(found / math.sqrt(6 / 4), dtype=np.float32)
