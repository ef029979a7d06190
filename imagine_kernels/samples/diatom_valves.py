"""Diatom valves as a microscope shows them in brightfield: outline, raphe and striae at their true density.

Lengths are µm. A valve lies with its apical axis along u and its transapical axis along v, the middle of its length at (0, 0). What is drawn is
*optical density*: the grey value is the background times ``exp(-density)``. The sizes and the striae in 10 µm are of the order
that floras give for these species, as Hofmann, Werum and Lange-Bertalot (2011), Diatomeen im Süßwasser-Benthos von Mitteleuropa.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Floats of any shape.
Floats = NDArray[np.float64]

#: Where outlines are computed; between these points they are straight.
_GRID: Floats = np.linspace(-1, 1, 401)
GIRDLE_VIEW, FRAGMENT = " (girdle view)", " (fragment)"


@dataclass(frozen=True, kw_only=True)
class Species:
    """How the valves of a species look.

    Attributes
    ----------
    length_um, width_um : (float, float)
        Smallest and largest.
    striae : float
        In 10 µm.
    upper, lower : callable
        Half width at t = 2 u / length in -1 … 1, in units of the width; upper plus lower reach 1.
    raphe : bool
        Whether a raphe is seen.
    tilt : float
        How much the striae lean: 0 are parallel, positive ones radiate from the middle.
    middle : float
        Radius of the central area without striae, as a share of the width.
    bend : float
        How far the middle lies above the ends, in widths.
    rim : float
        Width of the smooth strip along the margin, as a share of the half width.
    """

    length_um: tuple[float, float]
    width_um: tuple[float, float]
    striae: float
    upper: Callable[[Floats], Floats]
    lower: Callable[[Floats], Floats]
    raphe: bool = True
    tilt: float = 0.0
    middle: float = 0.12
    bend: float = 0.0
    rim: float = 0.0


def _tapering(power: float, shape: float, share: float = 0.5, lean: float = 0.0) -> Callable[[Floats], Floats]:
    """Half width ``share · (1 - |t|^shape)^power``; `lean` makes one end wider than the other."""

    def unscaled(t: Floats) -> Floats:
        return np.asarray(np.clip(1 - np.abs(t) ** shape, 0, None) ** power * (1 + lean * t))

    largest = unscaled(_GRID).max()
    return lambda t: np.asarray(share * unscaled(t) / largest)


SPECIES: dict[str, Species] = {
    "Navicula lanceolata": Species(
        length_um=(28, 55), width_um=(9, 12), striae=11,
        upper=_tapering(1.0, 1.9), lower=_tapering(1.0, 1.9), tilt=0.35, middle=0.22,
    ),
    "Navicula tripunctata": Species(
        length_um=(32, 58), width_um=(6.5, 9), striae=11.5,
        upper=_tapering(0.75, 3.6), lower=_tapering(0.75, 3.6), tilt=0.05, middle=0.18,
    ),
    "Cocconeis placentula": Species(
        length_um=(15, 32), width_um=(9, 19), striae=18,
        upper=_tapering(0.5, 2.0), lower=_tapering(0.5, 2.0), tilt=0.45, middle=0.08, rim=0.16,
    ),
    "Fragilaria capucina": Species(
        length_um=(20, 48), width_um=(3.2, 4.5), striae=14,
        upper=_tapering(0.6, 4.5), lower=_tapering(0.6, 4.5), raphe=False, middle=0.5,
    ),
    "Gomphonema olivaceum": Species(
        length_um=(18, 38), width_um=(6, 9), striae=12,
        upper=_tapering(0.7, 2.2, lean=0.45), lower=_tapering(0.7, 2.2, lean=0.45), tilt=0.3, middle=0.2,
    ),
    "Pinnularia borealis": Species(
        length_um=(28, 52), width_um=(8, 11), striae=5.5,
        upper=_tapering(0.5, 5.0), lower=_tapering(0.5, 5.0), tilt=0.1, middle=0.25,
    ),
    "Eunotia bilunaris": Species(
        length_um=(30, 70), width_um=(3.4, 4.8), striae=15,
        upper=_tapering(0.45, 8.0), lower=_tapering(0.45, 8.0), raphe=False, middle=0.0, bend=1.6,
    ),
    "Cymbella affinis": Species(
        length_um=(22, 45), width_um=(8, 11), striae=10.5,
        upper=_tapering(0.75, 2.3, share=0.74), lower=_tapering(0.6, 3.0, share=0.26), tilt=0.2, middle=0.15,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Valve:
    """One drawn valve, frustule or piece.

    Attributes
    ----------
    label : str
        As it is annotated: a species, or a genus with ``(girdle view)``, or ``unidentified (fragment)``.
    species : str
        What it is.
    view : str
        ``valve``, ``girdle view``, ``broken valve`` (more than half of it) or ``fragment``.
    length_um, width_um : float
        Of the whole valve: apical and transapical axis; of a girdle view apical and pervalvar axis.
    box : (4,) tuple of float
        u and v from and to of what is drawn, µm.
    seed : int
        Of what varies from valve to valve.
    """

    label: str
    species: str
    view: str
    length_um: float
    width_um: float
    box: tuple[float, float, float, float]
    seed: int


def make_valve(species: str, view: str, rng: np.random.Generator) -> Valve:
    """A valve of random size within the range of its species."""
    form = SPECIES[species]
    share = rng.beta(2.2, 2.2)
    length = form.length_um[0] + share * (form.length_um[1] - form.length_um[0])
    # Within a species short valves are hardly narrower than long ones (MacDonald-Pfitzer).
    width = form.width_um[0] + (0.5 * share + 0.5 * rng.random()) * (form.width_um[1] - form.width_um[0])
    label, genus = species, species.split(maxsplit=1)[0]
    if view == "girdle view":
        width *= rng.uniform(0.75, 1.0)
        label = genus + GIRDLE_VIEW
    low, high = _extent(form, length, width) if view != "girdle view" else (-width / 2, width / 2)
    left, right = -length / 2, length / 2
    if view == "broken valve":
        right = length * rng.uniform(0.14, 0.3)
    elif view == "fragment":
        right = -length * rng.uniform(0.02, 0.18)
        label = "unidentified" + FRAGMENT
    if right < length / 2:
        t = np.linspace(-1, 2 * right / length, 200)
        low, high = _extent(form, length, width, t)
    return Valve(
        label=label, species=species, view=view, length_um=length, width_um=width, box=(left, low, right, high), seed=int(rng.integers(2**62))
    )  # fmt: skip


def _extent(form: Species, length: float, width: float, t: Floats | None = None) -> tuple[float, float]:
    """The lowest and the highest v of the outline."""
    t = _GRID if t is None else t
    axis = _axis(form, width, t)
    return float((axis - width * form.lower(t)).min()), float((axis + width * form.upper(t)).max())


def _axis(form: Species, width: float, t: Floats) -> Floats:
    return np.asarray(form.bend * width * (0.5 - t**2))


def outline(valve: Valve) -> Floats:
    """(n, 2) points u, v around a valve; that of a girdle view is its box."""
    u0, v0, u1, v1 = valve.box
    if valve.view == "girdle view":
        return np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]])
    form, width = SPECIES[valve.species], valve.width_um
    t = _GRID[valve.length_um / 2 * _GRID <= u1]
    axis = _axis(form, width, t)
    upper = np.stack([t * valve.length_um / 2, axis + width * form.upper(t)], axis=1)
    lower = np.stack([t * valve.length_um / 2, axis - width * form.lower(t)], axis=1)
    return np.concatenate([upper, lower[::-1]])


def density_of(valve: Valve, u: Floats, v: Floats) -> NDArray[np.float32]:
    """Optical density at points of the valve's own axes.

    Parameters
    ----------
    valve : Valve
    u, v : (H, W) float64 ndarrays
        Position along the apical and the transapical axis, µm.

    Returns
    -------
    (H, W) float32 ndarray
        Negative in the bright fringe around the outline.
    """
    rng = np.random.default_rng(valve.seed)
    depth, pattern = _girdle(valve, u, v) if valve.view == "girdle view" else _face(valve, u, v)
    if valve.view in ("broken valve", "fragment"):
        # A break is never straight.
        waves = sum(rng.uniform(0.1, 0.3) * np.sin(rng.uniform(0.4, 1.6) * v + rng.uniform(0, 6.3)) for _ in range(3))
        depth = np.minimum(depth, valve.box[2] + waves - u)
    within = 1 / (1 + np.exp(np.clip(-depth / 0.06, -40, 40)))
    edge = 0.62 * np.exp(-((depth / 0.28) ** 2))
    fringe = -0.13 * np.exp(-(((depth + 0.75) / 0.4) ** 2))
    density = edge + fringe + within * (0.05 + pattern)
    return np.asarray(density, dtype=np.float32)


def _face(valve: Valve, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Valve view: the distance inside the outline (µm, about), and the density of striae and raphe."""
    form, length, width = SPECIES[valve.species], valve.length_um, valve.width_um
    t = np.clip(2 * u / length, -1, 1)
    across = v - _axis(form, width, t)
    upper, slope_up = _looked_up(width * form.upper(_GRID), t, length)
    lower, slope_down = _looked_up(width * form.lower(_GRID), t, length)
    bend = -4 * form.bend * width * t / length
    to_upper, to_lower = _distance(upper - across, slope_up + bend), _distance(across + lower, slope_down - bend)
    depth = np.minimum(np.minimum(to_upper, to_lower), length / 2 - np.abs(u))
    half = np.where(across > 0, upper, lower) + 1e-6
    away = np.abs(across)
    lean = form.tilt * (1 - np.abs(t)) * np.sign(u)
    phase = 2 * np.pi * form.striae / 10 * (u - lean * away)
    axial = 0.06 * width + 0.25
    shown = _smooth(away - axial, 0.12) * _smooth(half * (1 - form.rim) - away, 0.1)
    if form.middle:
        shown = shown * _smooth(np.hypot(u, across * (1 if form.raphe else 0.3)) - form.middle * width, 0.2)
    pattern = 0.3 * shown * (0.5 + 0.5 * np.cos(phase))
    if form.rim:
        pattern = pattern + 0.18 * np.exp(-(((away / half - (1 - form.rim)) / 0.05) ** 2))
    if form.raphe:
        ends = _smooth(0.94 - np.abs(t), 0.02) * _smooth(np.abs(u) - 0.07 * width, 0.12)
        pattern = pattern + 0.4 * ends * np.exp(-((across / 0.22) ** 2))
        pattern = pattern + 0.3 * np.exp(-(((np.abs(u) - 0.07 * width) ** 2 + across**2) / 0.3**2))
    return depth, pattern


def _looked_up(half_width: Floats, t: Floats, length: float) -> tuple[Floats, Floats]:
    """A half width that is given on the grid, and its slope, at t."""
    slope = np.gradient(half_width, _GRID * length / 2)
    return np.interp(t, _GRID, half_width), np.interp(t, _GRID, slope)


def _distance(along_v: Floats, slope: Floats) -> Floats:
    """Distance to an outline of that slope, from the one along v; near the poles outside a valve the outline ends."""
    return np.asarray(along_v / np.sqrt(1 + np.minimum(np.abs(slope), np.where(along_v > 0, 2.5, 0.8)) ** 2))


def _girdle(valve: Valve, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Girdle view: two valve mantles with the ends of their striae, and the bands between them."""
    form, length, height = SPECIES[valve.species], valve.length_um, valve.width_um
    t = np.clip(2 * u / length, -1, 1)
    wedge = 1 + 0.35 * t if valve.species.startswith("Gomphonema") else np.ones_like(t)
    half = height / 2 * wedge / wedge.max() * np.clip(1 - np.abs(t) ** 14, 0, None) ** 0.5
    depth = np.minimum(half - np.abs(v), length / 2 - np.abs(u))
    mantle = np.abs(v) / (half + 1e-6)
    striae = 0.25 * _smooth(mantle - 0.72, 0.03) * (0.5 + 0.5 * np.cos(2 * np.pi * form.striae / 10 * u))
    bands = sum(0.22 * np.exp(-(((mantle - at) * half / 0.2) ** 2)) for at in (0.25, 0.5, 0.72))
    return depth, striae + bands


def _smooth(distance: Floats, scale: float) -> Floats:
    """From 0 where `distance` is negative to 1 where it is positive, within about `scale`."""
    return np.asarray(1 / (1 + np.exp(np.clip(-distance / scale, -40, 40))))
