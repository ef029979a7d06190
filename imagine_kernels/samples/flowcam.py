"""A small labelled set of FlowCam runs, drawn: particle lists, collages with masks, context, summaries, classes, and the exact truth.

Six runs of one coast, each with a community of its own. A true concentration is set for each run and taxon; the number of particles in the
imaged volume is a Poisson draw from it. Some particles come twice, as they stay in view for two frames, and some pass out of focus.
`truth.json` holds all of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.samples.flowcam_bodies import BODIES
from imagine_kernels.samples.flowcam_files import FRAME, write_run
from imagine_kernels.samples.plankton_bodies import SUPERSAMPLING

TAXA = tuple(BODIES)
#: µm per px, µm of fringe in px, µm of the flow cell, frames of a run.
UM_PER_PX, FRINGE_PX, DEPTH_UM, FRAMES = 1.5, 2.0, 300.0, 450
VOLUME_FACTOR = 0.9
#: Darker by so many grey values than the background is particle.
THRESHOLD = 14
_BORDER = 5
_DUPLICATES, _OUT_OF_FOCUS = 0.12, 0.05
_ANGLES = np.deg2rad(np.arange(0, 180, 5))

# How many particles of each taxon a run shows on average, in the order of TAXA.
_COMMUNITIES = (
    (14, 6, 6, 6, 9, 11, 6),
    (10, 9, 6, 6, 7, 10, 6),
    (6, 12, 7, 6, 6, 9, 6),
    (9, 6, 11, 6, 6, 10, 6),
    (7, 6, 6, 12, 7, 11, 6),
    (8, 6, 6, 6, 14, 10, 6),
)


@dataclass(frozen=True, kw_only=True)
class Particle:
    """One particle of a frame.

    Attributes
    ----------
    taxon : str
    frame : int
    x, y : int
        Top left corner of its picture in the frame, px.
    picture : (H, W) uint8 ndarray
    mask : (H, W) bool ndarray
    measured : dict
        What VisualSpreadsheet writes of it, by column of the list.
    true_length_um : float
        Of the drawn body, before optics and segmentation.
    twin : int
        Position of the particle that it is a duplicate of; -1 for most.
    in_focus : bool
    """

    taxon: str
    frame: int
    x: int
    y: int
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    measured: dict[str, float]
    true_length_um: float
    twin: int = -1
    in_focus: bool = True


def volume_ml(frames: int = FRAMES) -> float:
    """The imaged volume of a run: frames × field × depth × volume factor."""
    return frames * FRAME[0] * FRAME[1] * UM_PER_PX**2 * DEPTH_UM * VOLUME_FACTOR * 1e-12


def make_sample(folder: Path, seed: int = 0) -> Path:
    """Write the bundled sample: a folder with one folder for each run, and `truth.json`.

    The same seed gives the same bytes.

    Parameters
    ----------
    folder : Path
        Where the files go; made if it does not exist.
    seed : int

    Returns
    -------
    Path
        `folder`, ready to be opened as runs of VisualSpreadsheet.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for number, community in enumerate(_COMMUNITIES, start=1):
        rng = np.random.default_rng([seed, number])
        name = f"imagine2025-st{number:02d}-4x"
        background = float(rng.uniform(150, 205))
        wanted = {taxon: float(mean * rng.uniform(0.85, 1.15)) for taxon, mean in zip(TAXA, community, strict=True)}
        particles = _particles(rng, wanted, background)
        write_run(
            folder / name, name=name, particles=particles, background=background, rng=rng, frames=FRAMES, um_per_px=UM_PER_PX,
            fringe_px=FRINGE_PX, depth_um=DEPTH_UM, volume_factor=VOLUME_FACTOR, volume_ml=volume_ml(), threshold=THRESHOLD,
            day=10 + number, lat=round(51.2 + 0.03 * number, 4), lon=round(2.6 + 0.11 * number, 4),
        )  # fmt: skip
        runs.append(_truth(name, particles, wanted))
    truth = {
        "seed": seed,
        "taxa": list(TAXA),
        "um_per_px": UM_PER_PX,
        "fringe_px": FRINGE_PX,
        "volume_ml": volume_ml(),
        "runs": runs,
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def _particles(rng: np.random.Generator, wanted: dict[str, float], background: float) -> list[Particle]:
    """The particles of a run in the order of their frames."""
    plan = [taxon for taxon, mean in wanted.items() for _ in range(rng.poisson(mean))]
    frames = np.sort(rng.integers(5, FRAMES - 5, len(plan)))
    particles: list[Particle] = []
    for frame, at in zip(frames.tolist(), rng.permutation(len(plan)).tolist(), strict=True):
        blurred = rng.random() < _OUT_OF_FOCUS
        twice = rng.random() < _DUPLICATES
        drawn = _draw(plan[at], rng, background, blur=rng.uniform(4.0, 5.5) if blurred else rng.uniform(0.7, 1.1))
        density, length, picture, mask, measured = drawn
        height, width = picture.shape
        x, y = int(rng.integers(1, FRAME[0] - width)), int(rng.integers(1, max(FRAME[1] - 2 * height - 60, 2)))
        first = Particle(
            taxon=plan[at], frame=frame, x=x, y=y, picture=picture, mask=mask, measured=measured, true_length_um=length * UM_PER_PX,
            in_focus=not blurred,
        )  # fmt: skip
        particles.append(first)
        if twice and not blurred:
            again, shown, values = _photograph(density, rng, background)
            down = int(rng.integers(8, 50)) + again.shape[0]
            particles.append(
                Particle(
                    taxon=plan[at],
                    frame=frame + 1,
                    x=x + int(rng.integers(-2, 3)),
                    y=y + down,
                    picture=again,
                    mask=shown,
                    measured=values,
                    true_length_um=length * UM_PER_PX,
                    twin=len(particles) - 1,
                )
            )
    return particles


def _draw(
    taxon: str, rng: np.random.Generator, background: float, *, blur: float
) -> tuple[NDArray[np.float32], float, NDArray[np.uint8], NDArray[np.bool_], dict[str, float]]:
    """Density, length in px, picture, mask and measures of one particle that is large enough to be taken."""
    import cv2

    while True:
        scene, length = BODIES[taxon](rng, float(np.exp(rng.normal(0, 0.12))))
        side = scene.density.shape[0] // SUPERSAMPLING
        sheet = cv2.resize(scene.density * np.float32(rng.uniform(0.85, 1.15)), (side, side), interpolation=cv2.INTER_AREA)
        density: NDArray[np.float32] = np.asarray(cv2.GaussianBlur(sheet, (0, 0), blur), dtype=np.float32)
        picture, mask, measured = _photograph(density, rng, background)
        if measured["raw_area"] >= 60 and max(picture.shape) <= 420:
            return density, length, picture, mask, measured


def _photograph(
    density: NDArray[np.float32], rng: np.random.Generator, background: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], dict[str, float]]:
    """The picture that is cut out of a frame, its mask, and what the instrument measures."""
    import cv2

    noise = cv2.GaussianBlur(rng.standard_normal(density.shape).astype(np.float32), (0, 0), 0.7) * np.float32(2.6)
    grey = np.asarray(np.clip(np.rint(background * np.exp(-density) + noise), 0, 255), dtype=np.uint8)
    dark = (np.abs(cv2.GaussianBlur(grey, (0, 0), 0.8).astype(np.float32) - background) > THRESHOLD).astype(np.uint8)
    dark = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    if len(stats) == 1:
        return grey, dark > 0, {"raw_area": 0.0}
    mask = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    window = (
        slice(max(int(rows[0]) - _BORDER, 0), int(rows[-1]) + 1 + _BORDER),
        slice(max(int(columns[0]) - _BORDER, 0), int(columns[-1]) + 1 + _BORDER),
    )
    picture, mask = np.ascontiguousarray(grey[window]), np.ascontiguousarray(mask[window])
    return picture, mask, _measured(picture, mask)


def _measured(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, float]:
    """The columns of the list, raw ones in px, the others in µm and less the fringe, as VisualSpreadsheet computes them."""
    import cv2

    ys, xs = np.nonzero(mask)
    along = np.stack([xs, ys], axis=1) @ np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
    ferets = along.max(axis=0) - along.min(axis=0) + 1
    outline = max(cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    filled = cv2.drawContours(np.zeros(mask.shape, np.uint8), [outline], -1, 1, cv2.FILLED)
    area, perimeter = float(mask.sum()), max(float(cv2.arcLength(outline, closed=True)), 1.0)
    hull = max(float(cv2.arcLength(cv2.convexHull(outline), closed=True)), 1.0)
    centre = np.array([xs.mean(), ys.mean()])
    radii = np.hypot(*(outline[:, 0, :] - centre).T)
    spread = float(xs.var() + ys.var() + 1 / 6)
    values = picture[mask].astype(np.float64)
    slope = np.hypot(cv2.Sobel(picture, cv2.CV_64F, 1, 0), cv2.Sobel(picture, cv2.CV_64F, 0, 1))
    rim = mask & ~(cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    axes = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(np.stack([xs, ys]), bias=True) + np.eye(2) / 12), 1e-9)) * 4

    def um(diameter: float) -> float:
        return max(diameter - FRINGE_PX, diameter / 2) * UM_PER_PX

    abd = um(2 * float(np.sqrt(area / np.pi)))
    full = um(2 * float(np.sqrt(filled.sum() / np.pi)))
    return {
        "raw_area": area, "raw_filled_area": float(filled.sum()), "raw_feret_max": float(ferets.max()),
        "raw_feret_min": float(ferets.min()), "raw_feret_mean": float(ferets.mean()), "raw_perimeter": perimeter,
        "raw_convex_perimeter": hull, "raw_legendre_major": float(axes[1]), "raw_legendre_minor": float(axes[0]),
        "raw_convex_hull_area": float(cv2.contourArea(cv2.convexHull(outline))),
        "abd_area": np.pi / 4 * abd**2, "abd_diameter": abd, "filled_area": np.pi / 4 * full**2, "fd_diameter": full,
        "length": um(float(ferets.max())), "width": um(float(ferets.min())), "esd_diameter": um(float(ferets.mean())),
        "perimeter": perimeter * UM_PER_PX, "convex_perimeter": hull * UM_PER_PX,
        "intensity": float(values.mean()), "sigma_intensity": float(values.std()), "sum_intensity": float(values.sum()),
        "avg_red": float(values.mean()), "avg_green": float(values.mean()), "avg_blue": float(values.mean()),
        "compactness": perimeter**2 / (4 * np.pi * float(filled.sum())), "elongation": float(axes[1] / axes[0]),
        "roughness": perimeter / hull, "edge_gradient": float(slope[rim].mean()),
        "circle_fit": max(0.0, 1 - float(radii.std() / max(radii.mean(), 1e-9)) * 2),
        "circularity_hu": min(1.0, area / (2 * np.pi * spread)),
        "feret_max_angle": float(np.rad2deg(_ANGLES[ferets.argmax()])), "feret_min_angle": float(np.rad2deg(_ANGLES[ferets.argmin()])),
    }  # fmt: skip


def _truth(name: str, particles: list[Particle], wanted: dict[str, float]) -> dict[str, Any]:
    objects = [
        {
            "object_id": f"{name}_{number}",
            "label": particle.taxon,
            "duplicate_of": f"{name}_{particle.twin + 1}" if particle.twin >= 0 else "",
            "in_focus": particle.in_focus,
            "true_length_um": round(particle.true_length_um, 3),
            **{column: round(particle.measured[column], 4) for column in ("abd_diameter", "esd_diameter", "length", "width")},
        }
        for number, particle in enumerate(particles, start=1)
    ]
    taxa = {}
    for taxon in TAXA:
        once = sum(particle.taxon == taxon and particle.twin < 0 for particle in particles)
        taxa[taxon] = {
            "n": once,
            "n_with_duplicates": sum(particle.taxon == taxon for particle in particles),
            "counted_per_ml": once / volume_ml(),
            "true_per_ml": wanted[taxon] / volume_ml(),
        }
    return {"run": name, "taxa": taxa, "particles": objects}
