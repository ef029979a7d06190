"""Body plans of plankton as a flatbed scanner sees them: grey, translucent, a little out of focus.

Light loses a share at each layer of an animal, so that what is drawn here is *optical density*: layers add, and the grey value is
``255 * exp(-density)`` (Beer-Lambert). Lengths are pixels of the vignette; a body lies along x before it is turned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Points (n, 2) float64, x and y in px from the middle of the scene.
Points = NDArray[np.float64]

#: Drawn at twice the resolution of the vignette, then averaged.
SUPERSAMPLING = 2


class Scene:
    """A square sheet of optical density on which one object is drawn.

    Parameters
    ----------
    rng : Generator
        Where all variation comes from.
    radius : float
        Half the side of the sheet, px.
    """

    def __init__(self, rng: np.random.Generator, radius: float) -> None:
        self.rng = rng
        self.half = int(np.ceil(radius)) + 12
        side = 2 * self.half * SUPERSAMPLING
        self.density = np.zeros((side, side), dtype=np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        mirror = rng.choice([-1.0, 1.0])
        self._turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle) * mirror, np.cos(angle) * mirror]])

    def solid(self, outline: Points, density: float, *, texture: float = 0.0, grain: float = 6.0, flat: float = 0.35) -> None:
        """A filled body, thickest in the middle; `texture` is the relative roughness, `grain` its size in px."""
        self._layer(
            outline, density, lambda depth: flat + (1 - flat) * np.sqrt(depth / max(float(depth.max()), 1.0)), texture, grain
        )

    def shell(self, outline: Points, density: float, *, wall: float = 2.5, inside: float = 0.25, texture: float = 0.2) -> None:
        """A hollow gelatinous body: the wall of `wall` px is seen, the inside is faint."""
        self._layer(outline, density, lambda depth: np.maximum(np.exp(-depth / (wall * SUPERSAMPLING)), inside), texture, 9.0)

    def thread(self, line: Points, width: float, density: float, *, end_width: float | None = None) -> None:
        """A tapering thread along `line`: antenna, seta, tail, fibre."""
        step = np.gradient(line, axis=0)
        step /= np.maximum(np.hypot(step[:, 0], step[:, 1])[:, None], 1e-9)
        half = np.linspace(width, width * 0.4 if end_width is None else end_width, len(line))[:, None] / 2
        normal = np.stack([-step[:, 1], step[:, 0]], axis=1) * half
        self._layer(np.concatenate([line + normal, (line - normal)[::-1]]), density, np.ones_like, 0.15, 4.0)

    def spot(self, at: tuple[float, float], radius: float, density: float) -> None:
        """A round dark spot: an eye, an egg, an oil drop."""
        self.solid(ellipse(at, radius, radius), density, flat=0.6)

    def cut_off(self, share: float) -> None:
        """Remove about `share` of what was drawn, along a rough edge across the object."""
        ys, xs = np.nonzero(self.density > 0.02)
        angle = self.rng.uniform(0, 2 * np.pi)
        edge = np.quantile(xs * np.cos(angle) + ys * np.sin(angle), 1 - share)
        rows, columns = np.ogrid[: self.density.shape[0], : self.density.shape[1]]
        across = columns * np.cos(angle) + rows * np.sin(angle) + 6 * self._field(self.density.shape, 8.0)
        self.density *= (1 / (1 + np.exp(np.clip((across - edge) / 3, -30, 30)))).astype(np.float32)

    def fade(self, share: float) -> None:
        """Leave about `share` of the density, in patches: an empty or rotting body."""
        self.density *= np.float32(share) * np.exp(0.7 * self._field(self.density.shape, 4.0))

    def _layer(
        self, outline: Points, density: float, profile: Callable[[NDArray[Any]], NDArray[Any]], texture: float, grain: float
    ) -> None:
        import cv2

        points = (outline @ self._turn.T + self.half) * SUPERSAMPLING
        low = np.maximum(np.floor(points.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 3, self.density.shape[0])
        if (high <= low).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.uint8)
        cv2.fillPoly(mask, [np.round((points - low) * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
        layer = profile(cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)) * mask.astype(np.float32) / 255
        if texture:
            layer = layer * np.exp(texture * self._field(layer.shape, grain))
        self.density[low[1] : high[1], low[0] : high[0]] += density * layer

    def _field(self, shape: tuple[int, ...], grain: float) -> NDArray[np.float32]:
        """A smooth random field of mean 0 and deviation near 1."""
        import cv2

        cell = max(grain * SUPERSAMPLING, 1.0)
        coarse = self.rng.standard_normal((int(shape[0] / cell) + 3, int(shape[1] / cell) + 3)).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def ellipse(centre: tuple[float, float], a: float, b: float, *, squareness: float = 2.0, wobble: Points | None = None) -> Points:
    """(96, 2) outline of a superellipse with half axes `a` (along x) and `b`; `wobble` (96,) scales the radius."""
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    power = 2.0 / squareness
    unit = np.stack([np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power], axis=1)
    if wobble is not None:
        unit = unit * wobble[:, None]
    return np.asarray(unit * [a, b] + np.asarray(centre), dtype=np.float64)


def lumpy(rng: np.random.Generator, roughness: float, *, n: int = 96, smooth: int = 6) -> NDArray[np.float64]:
    """(n,) radii around 1, closed, rough on the scale of n / `smooth` points."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    order = np.arange(1, smooth + 1)
    waves = np.cos(np.outer(t, order) + rng.uniform(0, 2 * np.pi, smooth)) * rng.standard_normal(smooth) / np.sqrt(order)
    return np.asarray(np.clip(1 + roughness * waves.sum(axis=1), 0.25, 2.2))


def curve(
    start: tuple[float, float], bearing: float, length: float, *, bend: float = 0.0, wave: float = 0.0, n: int = 40
) -> Points:
    """(n, 2) line from `start` at `bearing` rad that turns by `bend` rad over its length and swings by `wave` rad."""
    s = np.linspace(0, 1, n)
    heading = bearing + bend * s + wave * np.sin(2 * np.pi * 1.2 * s)
    step = length / (n - 1)
    inner = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1)[:-1] * step, axis=0)
    return np.concatenate([[np.asarray(start, dtype=float)], inner + np.asarray(start)])


def copepod(rng: np.random.Generator, scale: float) -> Scene:
    """Prosome, urosome with furca, first antennae that may have broken off."""
    a = 38 * scale * rng.uniform(0.8, 1.2)
    b = a * rng.uniform(0.34, 0.52)
    scene = Scene(rng, 3.4 * a)
    dark = rng.uniform(0.25, 0.75)
    taper = 1 - 0.18 * np.cos(np.linspace(0, 2 * np.pi, 96, endpoint=False))
    body = ellipse((0, 0), a, b, squareness=rng.uniform(2.0, 2.5))
    body[:, 1] *= taper
    scene.solid(body, dark, texture=0.25, grain=rng.uniform(3, 7))
    gut = rng.uniform(0.2, 0.5)
    scene.solid(ellipse((-0.1 * a, 0.1 * b), a * gut, b * 0.4), dark * rng.uniform(0.2, 0.9), texture=0.3)
    tail = a * rng.uniform(0.45, 0.85)
    bend = rng.normal(0, 0.25)
    scene.thread(curve((a * 0.9, 0), bend / 3, tail, bend=bend), b * 0.55, dark * 0.8, end_width=b * 0.3)
    tip = curve((a * 0.9, 0), bend / 3, tail, bend=bend)[-1]
    for side in (-1, 1):
        scene.thread(curve((tip[0], tip[1]), bend + side * rng.uniform(0.1, 0.35), a * rng.uniform(0.25, 0.5)), 3.0, dark * 0.45)
    if rng.random() < 0.78:
        spread = rng.uniform(1.2, 2.2)
        reach = a * rng.uniform(1.0, 2.2)
        for side in (-1, 1):
            if rng.random() < 0.88:
                antenna = curve(
                    (-a * 0.88, side * b * 0.25),
                    side * spread,
                    reach * rng.uniform(0.6, 1.05),
                    bend=-side * rng.uniform(0.1, 1.1),
                )
                scene.thread(antenna, rng.uniform(2.0, 3.2), rng.uniform(0.2, 0.45), end_width=1.4)
    for k in range(int(rng.integers(0, 5))):
        leg = curve((a * (-0.3 + 0.2 * k), b * 0.8), rng.uniform(0.3, 1.2), b * rng.uniform(0.4, 0.9))
        scene.thread(leg, 3.0, dark * 0.5)
    return scene


def cladoceran(rng: np.random.Generator, scale: float) -> Scene:
    """Short carapace, one big compound eye, branched second antennae, often a spine or eggs."""
    a = 24 * scale * rng.uniform(0.8, 1.2)
    b = a * rng.uniform(0.72, 0.95)
    scene = Scene(rng, 2.8 * a)
    dark = rng.uniform(0.16, 0.42)
    scene.solid(ellipse((0.1 * a, 0), a, b, wobble=lumpy(rng, 0.06)), dark, texture=0.45, grain=5)
    scene.solid(ellipse((0.1 * a, 0.1 * b), a * 0.5, b * 0.45, wobble=lumpy(rng, 0.1)), dark * rng.uniform(0.4, 1.0), texture=0.4)
    head = (-a * 0.85, -b * rng.uniform(0.1, 0.5))
    scene.solid(ellipse(head, a * 0.42, a * 0.38), dark * 1.2, texture=0.2)
    if rng.random() < 0.9:
        scene.spot((head[0] - 0.08 * a, head[1]), a * rng.uniform(0.14, 0.22), rng.uniform(0.6, 1.3))
    for side in range(2):
        base = curve(
            (head[0] + 0.3 * a, head[1] - 0.2 * a),
            -1.9 + 0.7 * side + rng.normal(0, 0.25),
            a * rng.uniform(0.7, 1.2),
            bend=rng.normal(0, 0.5),
        )
        scene.thread(base, 5.0, dark * 1.1, end_width=3.0)
        for _ in range(2):
            scene.thread(curve((base[-1][0], base[-1][1]), rng.uniform(-3.4, -0.6), a * 0.45), 2.6, dark * 0.7)
    if rng.random() < 0.6:
        scene.thread(curve((a * 1.0, b * 0.1), rng.normal(0.1, 0.25), a * rng.uniform(0.4, 1.0)), 4.5, dark * 1.1, end_width=2.0)
    for _ in range(int(rng.integers(0, 4))):
        scene.spot((a * rng.uniform(0.1, 0.8), b * rng.uniform(-0.5, 0.3)), a * 0.12, 0.35)
    return scene


def ostracod(rng: np.random.Generator, scale: float) -> Scene:
    """Bean-shaped closed carapace, dark, sometimes with the tips of antennae outside."""
    a = 32 * scale * rng.uniform(0.8, 1.2)
    b = a * rng.uniform(0.58, 0.75)
    scene = Scene(rng, 2.0 * a)
    dark = rng.uniform(0.45, 1.0)
    outline = ellipse((0, 0), a, b, squareness=rng.uniform(2.1, 2.8), wobble=lumpy(rng, 0.02))
    outline[:, 1] -= 0.12 * b * np.exp(-(((outline[:, 0] + 0.5 * a) / (0.4 * a)) ** 2))
    scene.shell(outline, dark * 0.6, wall=4.0, inside=0.6, texture=0.1)
    scene.solid(ellipse((-0.15 * a, 0), a * 0.7, b * 0.65, wobble=lumpy(rng, 0.12)), dark * 0.7, texture=0.3, grain=6)
    for _ in range(int(rng.integers(0, 5))):
        scene.thread(curve((-a * 0.85, b * 0.3), rng.uniform(1.8, 3.2), a * rng.uniform(0.3, 0.6)), 2.8, 0.35)
    return scene


def chaetognath(rng: np.random.Generator, scale: float) -> Scene:
    """A long transparent arrow with head, lateral fins and tail fin."""
    length = 240 * scale * rng.uniform(0.75, 1.2)
    width = length * rng.uniform(0.05, 0.085)
    scene = Scene(rng, 0.62 * length)
    dark = rng.uniform(0.14, 0.32)
    line = curve((-length / 2, 0), rng.normal(0, 0.1), length, bend=rng.normal(0, 0.6), wave=rng.normal(0, 0.1), n=60)
    half = (
        width
        / 2
        * np.interp(np.linspace(0, 1, 60), [0, 0.05, 0.1, 0.3, 0.7, 0.92, 1], [0.6, 1.1, 0.75, 1, 0.95, 0.45, 0.2])[:, None]
    )
    step = np.gradient(line, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.hypot(step[:, 0], step[:, 1])[:, None]
    scene.shell(
        np.concatenate([line + normal * half, (line - normal * half)[::-1]]), dark * 1.4, wall=2.0, inside=0.55, texture=0.25
    )
    scene.thread(line[4:50], width * 0.35, dark * rng.uniform(0.3, 1.0), end_width=width * 0.25)
    scene.solid(ellipse((line[1, 0], line[1, 1]), width * 0.6, width * 0.5), dark * 1.5, texture=0.2)
    for at, size in ((0.5, 0.8), (0.7, 1.0), (0.96, 1.0)):
        k = int(at * 59)
        fin = ellipse((line[k, 0], line[k, 1]), length * 0.05, width * size)
        scene.solid(fin, dark * 0.45)
    return scene


def appendicularian(rng: np.random.Generator, scale: float) -> Scene:
    """Small dense trunk on a long, flat, waved tail with a notochord."""
    a = 15 * scale * rng.uniform(0.8, 1.25)
    scene = Scene(rng, 9.0 * a)
    dark = rng.uniform(0.25, 0.6)
    scene.solid(ellipse((0, 0), a, a * rng.uniform(0.55, 0.75), wobble=lumpy(rng, 0.08)), dark, texture=0.35, grain=4)
    scene.solid(ellipse((a * 0.45, 0), a * 0.45, a * 0.4), dark * 0.9)
    tail = curve(
        (a * 0.5, 0), rng.uniform(-1.6, 1.6), a * rng.uniform(4.5, 7.5), bend=rng.normal(0, 1.0), wave=rng.normal(0, 0.35), n=60
    )
    scene.thread(tail, a * rng.uniform(0.5, 0.8), rng.uniform(0.12, 0.22), end_width=a * 0.25)
    scene.thread(tail, a * 0.16, rng.uniform(0.15, 0.35), end_width=2.0)
    return scene


def siphonophore(rng: np.random.Generator, scale: float) -> Scene:
    """A swimming bell: pale ridges, a hollow, a somatocyst; sometimes two bells and a piece of stem."""
    scene = Scene(rng, 150 * scale)
    for bell in range(1 if rng.random() < 0.7 else 2):
        a = 62 * scale * rng.uniform(0.75, 1.25) * (1 if bell == 0 else 0.6)
        b = a * rng.uniform(0.36, 0.75)
        x = 0.0 if bell == 0 else a * 1.9
        dark = rng.uniform(0.16, 0.34)
        pointed = ellipse((0, 0), a, b, squareness=rng.uniform(1.7, 2.6), wobble=lumpy(rng, 0.07))
        pointed[:, 1] *= np.clip(0.75 + 0.35 * pointed[:, 0] / a, 0.15, None)
        pointed[:, 0] += x
        scene.shell(pointed, dark, wall=2.2, inside=rng.uniform(0.2, 0.4))
        hollow = ellipse((x + 0.25 * a, 0), a * rng.uniform(0.45, 0.65), b * rng.uniform(0.4, 0.6), wobble=lumpy(rng, 0.1))
        scene.shell(hollow, dark * rng.uniform(0.6, 1.1), wall=1.8, inside=0.15)
        for _ in range(int(rng.integers(1, 4))):
            ridge = curve((x - a * 0.9, 0), rng.normal(0, 0.3), a * rng.uniform(1.2, 1.8), bend=rng.normal(0, 0.5))
            scene.thread(ridge, 2.4, dark * 0.9, end_width=2.2)
        if rng.random() < 0.55:
            scene.solid(
                ellipse((x - a * 0.2, b * rng.uniform(-0.3, 0.3)), a * 0.16, b * 0.12, wobble=lumpy(rng, 0.15)), 0.5, texture=0.3
            )
        for _ in range(int(rng.integers(0, 3))):
            scene.spot((x + a * rng.uniform(-0.5, 0.6), b * rng.uniform(-0.5, 0.5)), rng.uniform(2.5, 4.5), 0.5)
    if rng.random() < 0.3:
        stem = curve((30 * scale, 0), rng.normal(0, 0.4), 80 * scale, wave=0.8, n=50)
        scene.thread(stem, 4.0, 0.3)
        for k in range(8, 48, 8):
            scene.solid(ellipse((stem[k, 0], stem[k, 1]), 5 * scale, 4 * scale, wobble=lumpy(rng, 0.25)), rng.uniform(0.3, 0.8))
    return scene


def aggregate(rng: np.random.Generator, scale: float) -> Scene:
    """Marine snow: a fluffy heap of lumps, one dense or pale lump that looks like a damaged animal, or an empty moult."""
    kind = rng.random()
    if kind > 0.86:
        moult = (copepod if kind > 0.92 else ostracod)(rng, scale)
        moult.fade(rng.uniform(0.3, 0.6))
        moult.cut_off(rng.uniform(0.1, 0.4))
        return moult
    size = 26 * scale * rng.uniform(0.6, 1.7)
    scene = Scene(rng, 4.2 * size)
    if kind < 0.5:
        at = np.zeros(2)
        for _ in range(int(rng.integers(6, 22))):
            r = size * rng.uniform(0.18, 0.5)
            shape = ellipse((at[0], at[1]), r, r * rng.uniform(0.4, 1.0), wobble=lumpy(rng, 0.22, smooth=14))
            scene.solid(shape, rng.uniform(0.08, 0.4), texture=0.6, grain=3)
            at = np.clip(at + rng.normal(0, size * 0.42, 2), -2.6 * size, 2.6 * size)
    elif kind < 0.75:
        shape = ellipse((0, 0), size, size * rng.uniform(0.35, 0.95), wobble=lumpy(rng, 0.12, smooth=9))
        scene.solid(shape, rng.uniform(0.2, 0.9), texture=0.45, grain=4, flat=0.1)
    else:
        shape = ellipse((0, 0), size * 1.9, size * rng.uniform(0.4, 0.9), wobble=lumpy(rng, 0.2, smooth=8))
        scene.shell(shape, rng.uniform(0.15, 0.3), wall=3.0, inside=0.45, texture=0.5)
    for _ in range(int(rng.integers(0, 4))):
        scene.thread(
            curve((0, 0), rng.uniform(0, 6.3), size * rng.uniform(0.8, 1.9), bend=rng.normal(0, 1.2)), 2.6, rng.uniform(0.15, 0.4)
        )
    return scene


def fibre(rng: np.random.Generator, scale: float) -> Scene:
    """A thread of nearly constant width: straight, curled or two crossing, with bits that stick to it."""
    length = 150 * scale * rng.uniform(0.5, 1.35)
    scene = Scene(rng, 0.75 * length)
    for _ in range(1 if rng.random() < 0.75 else 2):
        width = rng.uniform(2.8, 7.5)
        line = curve((-length / 2, 0), rng.normal(0, 0.25), length, bend=rng.normal(0, 1.3), wave=rng.normal(0, 0.5), n=70)
        line += -line.mean(axis=0) + rng.normal(0, 3, 2)
        scene.thread(line, width, rng.uniform(0.2, 0.65), end_width=width * rng.uniform(0.6, 1.0))
        for k in rng.integers(0, 70, int(rng.integers(0, 4))):
            r = rng.uniform(4, 11)
            scene.solid(
                ellipse((line[k, 0], line[k, 1]), r, r * 0.7, wobble=lumpy(rng, 0.25, smooth=10)),
                rng.uniform(0.15, 0.5),
                texture=0.5,
                grain=3,
            )
    return scene


#: Taxon (EcoTaxa display name) → how it is drawn.
BODIES: dict[str, Callable[[np.random.Generator, float], Scene]] = {
    "Copepoda": copepod,
    "Cladocera": cladoceran,
    "Ostracoda": ostracod,
    "Chaetognatha": chaetognath,
    "Appendicularia": appendicularian,
    "Siphonophorae": siphonophore,
    "detritus": aggregate,
    "fiber<detritus": fibre,
}
