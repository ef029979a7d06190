"""Draws a beach as a camera sees it: every pixel is traced to the dry beach, the beach face, the water or the sky, and takes their colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records.camera import Camera
from imagine_kernels.samples.beach_scene import BEACH_LEVEL_M, DUNE_M, LABELS, SLOPE, Scene, Site

Numbers = NDArray[np.float64]
#: Side of the net of random numbers, and its cells in m.
_NET, _CELL_M = 512, 0.35
#: Colours (red, green, blue).
_DUNE, _SAND, _WET = (118, 126, 84), (214, 198, 164), (158, 140, 112)
_WATER, _DEEP, _FOAM, _SKY = (86, 138, 142), (48, 92, 120), (236, 240, 240), (186, 206, 226)
_RIP, _DENSE, _THIN, _HUT = (70, 116, 116), (58, 42, 30), (138, 112, 82), (206, 92, 70)
_FOG = (204, 208, 212)
#: Standard deviation of the blur of the lens (px) and of the noise (grey values).
_BLUR_PX, _NOISE = 0.6, 1.0


@dataclass(frozen=True, eq=False)
class DrawnScene:
    """A picture with its exact masks.

    Attributes
    ----------
    picture : (H, W, 3) uint8 ndarray
        Red, green, blue.
    wrack : (H, W) uint8 ndarray
        0 none, 1 dense, 2 intermediate; by the centre of each pixel.
    sea : (H, W) uint8 ndarray
        0 landward, 1 seaward, 255 sky.
    dry_beach : (H, W) bool ndarray
    """

    picture: NDArray[np.uint8]
    wrack: NDArray[np.uint8]
    sea: NDArray[np.uint8]
    dry_beach: NDArray[np.bool_]


def draw(scene: Scene, rng: np.random.Generator, *, camera: Camera | None = None) -> DrawnScene:
    """Draw a scene, as the true camera of its site sees it or another one."""
    import cv2

    camera = camera or scene.site.camera
    rays, place = _rays(camera), camera.extrinsics.place
    across, along, region = _ground(scene, rays, place)
    site_net = np.random.default_rng([sum(map(ord, scene.site.site)), 7]).random((_NET, _NET)).astype(np.float32)
    grain = _noise(site_net, across, along, 1.0) - 0.5
    broad = _noise(site_net, across, along, 9.0) - 0.5
    colour = np.empty((*region.shape, 3), dtype=np.float32)
    colour[:] = _SKY
    land = region <= 1
    colour[land] = _mixed(_SAND, _WET, np.clip((across - (scene.shoreline_m - 5.0)) / 4.0, 0, 1))[land]
    dune = land & (across < DUNE_M + 3 * broad)
    colour[dune] = _DUNE
    colour[land] *= (1 + 0.10 * grain + 0.12 * broad)[land][:, None]
    colour[dune] *= (1 + 0.5 * grain)[dune][:, None]
    _huts(colour, land, across, along)
    wrack = _wrack(colour, scene, across, along, region, grain, camera)
    _sea(colour, scene, across, along, region == 2, rng)
    lit = colour * scene.light * np.array([1 + scene.warmth, 1.0, 1 - scene.warmth], dtype=np.float32)
    far = np.where(region == 3, 400.0, np.hypot(across, along)).astype(np.float32)
    veil = (1 - np.exp(-scene.fog * far / 100.0))[..., None]
    lit = lit * (1 - veil) + np.array(_FOG, dtype=np.float32) * veil
    blurred = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), _BLUR_PX)
    # The same noise in all channels, as of a camera that has converted it to luminance.
    noisy = blurred + rng.normal(0, _NOISE, region.shape).astype(np.float32)[..., None]
    sea = np.where(region == 2, 1, np.where(region == 3, 255, 0)).astype(np.uint8)
    dry = (region == 0) & (across > DUNE_M)
    return DrawnScene(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), wrack, sea, dry)


@lru_cache(maxsize=4)
def _rays(camera: Camera) -> Numbers:
    height, width = camera.intrinsics.height, camera.intrinsics.width
    return camera.rays(np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5)


def _ground(scene: Scene, rays: Numbers, place: Numbers) -> tuple[Numbers, Numbers, NDArray[np.uint8]]:
    """Across and along the shore of what each pixel shows, and whether it is the dry beach (0), the face (1), water (2) or sky (3)."""
    site = scene.site
    with np.errstate(divide="ignore", invalid="ignore"):
        downward = rays[..., 2] < -1e-6
        seaward = rays[..., 0] * site.axes[0, 0] + rays[..., 1] * site.axes[0, 1]
        flat = (BEACH_LEVEL_M - place[2]) / rays[..., 2]
        # The face: height = level − slope · (across − beach).
        face = (place[2] - BEACH_LEVEL_M - SLOPE * scene.beach_m) / (-rays[..., 2] - SLOPE * seaward)
        water = (scene.tide_m - place[2]) / rays[..., 2]
    on_flat = downward & (flat * seaward <= scene.beach_m)
    on_face = downward & ~on_flat & (face * seaward <= scene.shoreline_m) & (face > 0)
    region = np.where(on_flat, 0, np.where(on_face, 1, np.where(downward, 2, 3))).astype(np.uint8)
    far = np.where(on_flat, flat, np.where(on_face, face, water))
    far = np.where(downward, np.minimum(far, 5e3), 0.0)
    across, along = site.local(place[0] + far * rays[..., 0], place[1] + far * rays[..., 1])
    return across, along, region


def _noise(net: NDArray[np.float32], across: Numbers, along: Numbers, coarser: float) -> NDArray[np.float32]:
    """Smooth random numbers (H, W) that are fixed to the ground, 0 to 1."""
    import cv2

    x, y = (np.mod(each / (_CELL_M * coarser), _NET - 1).astype(np.float32) for each in (across, along))
    return np.asarray(cv2.remap(net, x, y, cv2.INTER_LINEAR), dtype=np.float32)


def _mixed(one: tuple[int, ...], two: tuple[int, ...], share: Numbers) -> NDArray[np.float32]:
    first, second = (np.array(each, dtype=np.float32) for each in (one, two))
    return np.asarray(first + (second - first) * share[..., None].astype(np.float32))


def _huts(colour: NDArray[np.float32], land: NDArray[np.bool_], across: Numbers, along: Numbers) -> None:
    """Roofs and a boardwalk on the dune, which never move."""
    for k in range(9):
        at = 8.0 * k - 6.0 + 2.3 * ((k * 7) % 3)
        roof = land & (np.abs(across - (4.2 + 0.9 * ((k * 5) % 3))) < 1.4) & (np.abs(along - at) < 1.1 + 0.3 * (k % 3))
        colour[roof] = np.array(_HUT, dtype=np.float32) * (0.55 + 0.15 * (k % 4))
    walk = land & (np.abs(across - 7.6) < 0.35)
    colour[walk] = (176, 160, 140)
    colour[walk & (np.mod(along, 3.0) < 0.4)] = (80, 70, 60)


def _wrack(
    colour: NDArray[np.float32],
    scene: Scene,
    across: Numbers,
    along: Numbers,
    region: NDArray[np.uint8],
    grain: Any,
    camera: Camera,
) -> NDArray[np.uint8]:
    import shapely

    classes = np.zeros(region.shape, dtype=np.uint8)
    for wrack in scene.wrack:
        shape = shapely.Polygon(np.column_stack(scene.site.local(wrack.outline[:, 0], wrack.outline[:, 1])))
        a0, l0, a1, l1 = shape.bounds
        near = np.flatnonzero(
            (region.ravel() == 0) & (across.ravel() > a0) & (across.ravel() < a1) & (along.ravel() > l0) & (along.ravel() < l1)
        )
        hit = near[shapely.contains_xy(shape, across.ravel()[near], along.ravel()[near])]
        dense = wrack.label == LABELS[0]
        classes.ravel()[hit] = 1 if dense else 2
        shade = grain.ravel()[hit][:, None]
        base = np.array(_DENSE if dense else _THIN, dtype=np.float32)
        colour.reshape(-1, 3)[hit] = base * (1 + (0.5 if dense else 0.7) * shade)
    return classes


def _sea(
    colour: NDArray[np.float32], scene: Scene, across: Numbers, along: Numbers, water: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Water that grows deeper, waves, breakers where it is shallow, and rips, in which fewer waves break."""
    out = across - scene.shoreline_m
    hour = rng.random((_NET, _NET)).astype(np.float32)
    ripple, patches = _noise(hour, across * 2.5, along * 0.6, 1.5) - 0.5, _noise(hour, across, along * 0.4, 8.0)
    sea = _mixed(_WATER, _DEEP, np.clip(out / 120.0, 0, 1)) * (1 + 0.22 * ripple * np.exp(-out / 400.0))[..., None].astype(
        np.float32
    )
    reach = 24.0 + 14.0 * min(scene.wave_m, 2.5)
    crest = np.mod(out + 5 * patches + rng.uniform(0, 9), 9.0) < 3.2 + 1.4 * scene.wave_m
    breaking = (out > 0) & (out < reach) & crest & (patches > 0.62 - 0.22 * min(scene.wave_m, 2.0))
    swash = (out > 0) & (out < 1.2 + 1.6 * patches)
    foam = np.where(breaking, 0.85, 0.0) + np.where(swash, 0.7, 0.0)
    calm = np.zeros(water.shape, dtype=bool)
    for rip in scene.rips:
        a = np.radians(rip.turned_deg)
        dx, dy = across - rip.across_m, along - rip.along_m
        inside = (np.abs(dx * np.cos(a) + dy * np.sin(a)) < rip.length_m / 2) & (
            np.abs(dy * np.cos(a) - dx * np.sin(a)) < rip.width_m / 2
        )
        calm |= inside
    foam = np.where(calm, np.where(patches > 0.8, 0.2, 0.0), np.clip(foam, 0, 0.95))
    sea = np.where(calm[..., None], np.array(_RIP, dtype=np.float32) * (1 + 0.15 * ripple[..., None]), sea)
    sea = sea * (1 - foam[..., None]) + np.array(_FOAM, dtype=np.float32) * foam[..., None] * (1 + 0.1 * ripple[..., None])
    colour[water] = sea[water]


def mark_points(site: Site, rng: np.random.Generator, *, n: int = 12, error_px: float = 0.5) -> tuple[Numbers, Numbers]:
    """Control points: where a person marked them (n, 2), px, each off by `error_px`, and where they lie (n, 3), m.

    They lie on the beach and on posts, spread over what the camera sees of the land.
    """
    camera = site.camera
    places: list[list[float]] = []
    pixels: list[list[float]] = []
    while len(places) < n:
        spot = site.world(np.array([[rng.uniform(-2.0, site.beach_m), rng.uniform(8.0, 105.0)]]))[0]
        height = BEACH_LEVEL_M + float(rng.choice([0.0, 0.0, 2.5, 6.0]))
        x, y = camera.pixels(spot[0], spot[1], height)
        apart = min((float(np.hypot(x - a, y - b)) for a, b in pixels), default=1e9)
        if np.isfinite(x) and bool(camera.inside(x, y, margin_px=12.0)) and apart > 45:
            places.append([float(spot[0]), float(spot[1]), height])
            pixels.append([float(x), float(y)])
    return np.array(pixels) + rng.normal(0, error_px, (n, 2)), np.array(places)
