"""Body plans of microplankton in the light of a FlowCam, drawn as optical density; sizes in px of the frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imagine_kernels.samples.plankton_bodies import Scene, curve, ellipse, lumpy


def chaetoceros(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """A chain of rectangular cells with fine setae at their corners."""
    n = int(rng.integers(3, 8))
    width = 15 * size * rng.uniform(0.85, 1.15)
    height = width * rng.uniform(0.7, 1.2)
    length = n * height
    scene = Scene(rng, 0.7 * length + 3.2 * width)
    dark = rng.uniform(0.35, 0.65)
    for k in range(n):
        x = (k - (n - 1) / 2) * height
        scene.shell(ellipse((x, 0), 0.46 * height, width / 2, squareness=6), dark, wall=1.6, inside=0.55)
        scene.solid(ellipse((x, 0), 0.25 * height, 0.28 * width, wobble=lumpy(rng, 0.15)), dark * 0.7)
        for side in (-1, 1):
            for end in (-1, 1):
                root, bearing = (x + end * 0.4 * height, side * 0.42 * width), side * np.pi / 2 + rng.normal(0, 0.25)
                seta = curve(root, bearing, width * rng.uniform(0.9, 2.2), bend=rng.normal(0, 0.3))
                scene.thread(seta, 1.6, 0.35, end_width=1.0)
    return scene, length


def tripos(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """A dark body with one straight horn ahead and two that bend back."""
    a = 17 * size * rng.uniform(0.85, 1.2)
    scene = Scene(rng, 5.5 * a)
    dark = rng.uniform(0.8, 1.3)
    scene.solid(ellipse((0, 0), a * 0.85, a, wobble=lumpy(rng, 0.06)), dark, texture=0.25, flat=0.6)
    ahead = a * rng.uniform(2.6, 3.8)
    scene.thread(curve((0.5 * a, 0), rng.normal(0, 0.05), ahead), 0.75 * a, dark * 0.9, end_width=2.2)
    for side in (-1, 1):
        bearing, reach, bend = side * rng.uniform(1.5, 1.9), a * rng.uniform(1.6, 2.6), -side * rng.uniform(1.1, 1.7)
        scene.thread(curve((-0.3 * a, side * 0.6 * a), bearing, reach, bend=bend), 0.5 * a, dark * 0.85, end_width=2.0)
    return scene, ahead + 1.35 * a


def noctiluca(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """A pale sphere with a wall, a dark spot of plasma and a short tentacle."""
    a = 46 * size * rng.uniform(0.8, 1.25)
    scene = Scene(rng, 1.6 * a)
    wall = rng.uniform(0.28, 0.42)
    scene.shell(
        ellipse((0, 0), a, a * rng.uniform(0.94, 1.0), wobble=lumpy(rng, 0.008)), wall, wall=2.2, inside=rng.uniform(0.3, 0.42)
    )
    scene.solid(ellipse((0.55 * a, 0), 0.24 * a, 0.2 * a, wobble=lumpy(rng, 0.2)), 0.5, texture=0.3)
    for _ in range(int(rng.integers(2, 6))):
        turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6) * a
        scene.spot((far * np.cos(turn), far * np.sin(turn)), rng.uniform(1.5, 4.0), rng.uniform(0.15, 0.4))
    scene.thread(curve((0.8 * a, 0.1 * a), rng.normal(0.6, 0.3), 0.5 * a, bend=rng.normal(0, 1.5)), 3.0, 0.3, end_width=1.8)
    return scene, 2 * a


def tintinnopsis(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """A vase-shaped lorica, grainy, with a point at its end and the ciliate inside."""
    a = 26 * size * rng.uniform(0.85, 1.2)
    scene = Scene(rng, 1.7 * a)
    dark = rng.uniform(0.5, 0.85)
    outline = ellipse((0, 0), a, a * rng.uniform(0.5, 0.62), squareness=2.6, wobble=lumpy(rng, 0.02))
    outline[:, 1] *= np.clip(0.62 + 0.4 * np.abs(outline[:, 0] / a + 0.1), 0.5, 1.1) * np.where(
        outline[:, 0] > 0.55 * a, 0.75, 1.0
    )
    scene.shell(outline, dark, wall=3.0, inside=0.55, texture=0.55)
    scene.thread(curve((0.85 * a, 0), 0.0, 0.45 * a), 0.3 * a, dark, end_width=1.4)
    scene.solid(ellipse((-0.1 * a, 0), 0.5 * a, 0.3 * a, wobble=lumpy(rng, 0.15)), dark * 0.6, texture=0.4)
    for side in (-0.3, 0.0, 0.3):
        scene.thread(curve((-0.95 * a, side * a), np.pi + rng.normal(0, 0.3), 0.25 * a), 1.8, 0.3)
    return scene, 2.3 * a


def pseudo_nitzschia(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """Needles that overlap at their tips."""
    n = int(rng.integers(1, 4))
    cell = 62 * size * rng.uniform(0.8, 1.2)
    width = rng.uniform(4.0, 5.5) * size
    length = cell * (1 + 0.75 * (n - 1))
    scene = Scene(rng, 0.62 * length)
    dark = rng.uniform(0.45, 0.8)
    for k in range(n):
        middle = (k - (n - 1) / 2) * 0.75 * cell
        needle = ellipse((middle, 0.45 * width * (-1) ** k), cell / 2, width / 2, squareness=1.6)
        scene.solid(needle, dark, texture=0.2, grain=4, flat=0.6)
        for end in (-0.2, 0.2):
            scene.solid(ellipse((middle + end * cell, 0.45 * width * (-1) ** k), 0.14 * cell, 0.36 * width), dark * 0.5)
    return scene, length


def detritus(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """An irregular, patchy aggregate."""
    a = 24 * size * float(np.exp(rng.normal(0, 0.35)))
    a = min(a, 60.0)
    scene = Scene(rng, 2.6 * a)
    dark = rng.uniform(0.3, 0.7)
    for _ in range(int(rng.integers(3, 8))):
        at = (float(rng.normal(0, 0.5 * a)), float(rng.normal(0, 0.35 * a)))
        body = ellipse(at, a * rng.uniform(0.25, 0.7), a * rng.uniform(0.2, 0.5), wobble=lumpy(rng, 0.3))
        scene.solid(body, dark * rng.uniform(0.4, 1.1), texture=0.9, grain=rng.uniform(3, 7), flat=0.7)
    for _ in range(int(rng.integers(0, 3))):
        scene.thread(curve((0.0, 0.0), rng.uniform(0, 2 * np.pi), 1.2 * a, bend=rng.normal(0, 1)), 2.0, 0.3)
    return scene, 2 * a


def bubble(rng: np.random.Generator, size: float) -> tuple[Scene, float]:
    """An air bubble: a broad dark rim, a bright middle."""
    a = 20 * size * rng.uniform(0.6, 1.5)
    scene = Scene(rng, 1.5 * a)
    scene.solid(ellipse((0, 0), a, a), rng.uniform(1.6, 2.4), flat=0.95)
    inner = a * rng.uniform(0.3, 0.45)
    middle = ellipse((0, 0), inner, inner)
    scene.solid(middle, -3.0, flat=0.9)
    scene.density = np.maximum(scene.density, -0.12)
    return scene, 2 * a


#: Label → ``(rng, size) -> (scene, length in px)``; names of the library of the Flanders Marine Institute (doi 10.5281/zenodo.10554845).
BODIES: dict[str, Callable[[np.random.Generator, float], tuple[Scene, float]]] = {
    "Chaetoceros": chaetoceros,
    "Tripos": tripos,
    "Noctiluca scintillans": noctiluca,
    "Tintinnopsis": tintinnopsis,
    "Pseudo-nitzschia": pseudo_nitzschia,
    "Detritus": detritus,
    "Bubbles": bubble,
}
