"""A small labelled ZooScan-like sample, drawn: vignettes with a scale bar, an EcoTaxa table, and the exact truth.

Eight stations of one cruise, each with a community of its own. A true concentration is set for each station and taxon; the number
of objects in the scanned subsample is a Poisson draw from it, as plankton splitting makes it. `truth.json` holds both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.samples.plankton_bodies import BODIES, SUPERSAMPLING

#: Grey values up to this one belong to an object (ZooProcess).
THRESHOLD = 243
#: mm per px as ZooProcess rounds 25.4 / 2400 dpi.
PIXEL_SIZE_MM = 0.0106
SCALE_BAR_ROWS = 31
#: Dark pixels of the bar: 1 mm, and the 2 px pen that sticks out by its half at either end, as ZooProcess draws it.
SCALE_BAR_PX = 96
MIN_WIDTH_PX = 114
#: The smallest object that ZooProcess cuts out, px: an equivalent diameter of 0.3 mm.
MIN_AREA_PX = 631
TAXA = tuple(BODIES)

# How many objects of each taxon a station shows on average, in the order of TAXA.
_COMMUNITIES = (
    (18, 4, 2, 4, 4, 3, 8, 4),
    (14, 9, 2, 2, 5, 2, 8, 3),
    (10, 12, 3, 2, 3, 2, 9, 4),
    (16, 2, 6, 6, 2, 5, 5, 3),
    (8, 3, 8, 7, 3, 8, 5, 3),
    (6, 2, 7, 8, 8, 7, 4, 4),
    (9, 5, 4, 4, 10, 3, 6, 5),
    (12, 4, 5, 5, 4, 6, 6, 4),
)
_SCALES = {
    "Copepoda": (1.0, 0.3),
    "Cladocera": (1.1, 0.2),
    "Siphonophorae": (1.0, 0.3),
    "detritus": (1.1, 0.4),
    "fiber<detritus": (1.0, 0.3),
}
#: Relative size of the animals by the smallest mesh of their fraction, µm.
_SIZES = {200: 0.95, 1000: 1.3}
_TEXT_COLUMNS = {
    "img_file_name", "object_id", "object_date", "object_time", "object_annotation_category", "object_annotation_status",
    "sample_id", "sample_stationid", "acq_id", "acq_instrument", "process_id",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Station:
    """One net haul and how it was split."""

    sample_id: str
    station: str
    lat: float
    lon: float
    date: str
    time: str
    depth_max: float
    tot_vol: float
    #: ``(acq_id, sub_part, smallest mesh, largest mesh in µm)`` of each size fraction.
    fractions: tuple[tuple[str, int, int, int], ...]


def make_sample(folder: Path, seed: int = 0) -> Path:
    """Write the bundled sample: a folder with `ecotaxa_zooscan_sample.tsv`, PNG vignettes and `truth.json`.

    The same seed gives the same bytes.

    Parameters
    ----------
    folder : Path
        Where the files go; made if it does not exist.
    seed : int

    Returns
    -------
    Path
        `folder`, ready to be opened as an EcoTaxa import.
    """
    import cv2

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    concentrations: dict[str, dict[str, float]] = {}
    for number, community in enumerate(_COMMUNITIES, start=1):
        rng = np.random.default_rng([seed, number])
        station = _station(rng, number)
        concentrations[station.sample_id] = {}
        for index, taxon in enumerate(TAXA):
            shares = rng.dirichlet(np.full(len(station.fractions), 8.0))
            concentrations[station.sample_id][taxon] = sum(
                community[index] * share * fraction[1] / station.tot_vol
                for share, fraction in zip(shares, station.fractions, strict=True)
            )
            for share, fraction in zip(shares, station.fractions, strict=True):
                for _ in range(rng.poisson(community[index] * share)):
                    rows.append({"taxon": taxon, "station": station, "fraction": fraction, "seed": int(rng.integers(2**62))})
    counters: dict[str, int] = {}
    table: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    # A scan numbers its objects from top to bottom, so taxa come in no order.
    for at in np.random.default_rng([seed, 0]).permutation(len(rows)):
        row = rows[at]
        acquisition = row["fraction"][0]
        counters[acquisition] = counters.get(acquisition, 0) + 1
        object_id = f"{acquisition}_{counters[acquisition]}"
        picture, values = draw_vignette(row["taxon"], np.random.default_rng(row["seed"]), size=_SIZES[row["fraction"][2]])
        file = f"{object_id}.png"
        encoded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
        (folder / file).write_bytes(encoded.tobytes())
        table.append(_cells(object_id, file, row, values))
        sub_part, volume = row["fraction"][1], row["station"].tot_vol
        exact = {name: values[name] for name in ("area", "area_exc", "major", "minor")}
        known = {"object_id": object_id, "file": file, "sample_id": row["station"].sample_id, "label": row["taxon"]}
        truth.append({**known, **exact, "ind_m3": sub_part / volume})
    (folder / "ecotaxa_zooscan_sample.tsv").write_text(_table(table), encoding="utf-8", newline="\n")
    summary = {
        "seed": seed,
        "taxa": list(TAXA),
        "pixel_size_mm": PIXEL_SIZE_MM,
        "threshold": THRESHOLD,
        "objects": truth,
        "samples": [_sample_truth(sample_id, truth, wanted) for sample_id, wanted in concentrations.items()],
    }
    (folder / "truth.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def draw_vignette(taxon: str, rng: np.random.Generator, *, size: float = 1.0) -> tuple[NDArray[np.uint8], dict[str, float]]:
    """One vignette as ZooProcess cuts it, and the exact measures of the drawn object.

    Parameters
    ----------
    taxon : str
        One of `TAXA`.
    rng : Generator
    size : float
        1 for animals of ordinary size.

    Returns
    -------
    picture : (H, W) uint8 ndarray
        Background 255, object up to 243, below it the scale bar of 31 rows.
    values : dict
        ``area`` (filled), ``area_exc`` (without holes) in px²; ``major``, ``minor``, ``width``, ``height``, ``esd`` in px;
        grey ``mean``, ``min`` and ``max``.
    """
    mean, spread = _SCALES.get(taxon, (1.0, 0.2))
    while True:
        scale = size * mean * float(np.exp(rng.normal(0, spread)))
        scene = BODIES[taxon](rng, min(max(scale, 0.55), 1.6))
        # Nets, splitters and preservation break animals: one object in five has lost a part.
        if rng.random() < 0.2:
            scene.cut_off(rng.uniform(0.05, 0.45))
        grey = _scan(scene.density, rng)
        mask = _largest(grey <= THRESHOLD)
        if int(mask.sum()) >= MIN_AREA_PX and max(_extent(mask)) <= 400:
            return _cut(grey, mask)


def _scan(density: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Optical density to grey values, with the blur and the noise of a scanner."""
    import cv2

    # Some objects lie high above the glass and are out of focus, some are bleached.
    blur = rng.uniform(1.6, 3.2) if rng.random() < 0.22 else rng.uniform(0.5, 1.2)
    strength = rng.uniform(0.4, 0.7) if rng.random() < 0.16 else rng.uniform(0.85, 1.25)
    side = density.shape[0] // SUPERSAMPLING
    small = cv2.resize(density * np.float32(strength), (side, side), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), blur)
    noise = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), 0.6) * np.float32(
        rng.uniform(2.0, 4.5)
    )
    return np.asarray(np.clip(np.rint(254 * np.exp(-small) + noise * (small > 0.015)), 0, 255), dtype=np.uint8)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 8-connected part, as ZooProcess cuts out one particle at a time."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))) if len(stats) > 1 else np.zeros_like(mask)


def _extent(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Height and width of the bounding box."""
    return int(np.ptp(np.flatnonzero(mask.any(axis=1))) + 1), int(np.ptp(np.flatnonzero(mask.any(axis=0))) + 1)


def _cut(grey: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], dict[str, float]]:
    import cv2

    height, width = _extent(mask)
    top, left = int(np.argmax(mask.any(axis=1))), int(np.argmax(mask.any(axis=0)))
    mask = mask[top : top + height, left : left + width]
    grey = grey[top : top + height, left : left + width]
    # ZooProcess leaves a fifth of the object's size free on each side, and room for the scale bar on the right.
    pad_y, pad_x = round(0.2 * height), round(0.2 * width)
    total = max(width + 2 * pad_x, MIN_WIDTH_PX)
    picture = np.full((height + 2 * pad_y + SCALE_BAR_ROWS, total), 255, dtype=np.uint8)
    picture[pad_y : pad_y + height, pad_x : pad_x + width][mask] = grey[mask]
    strip = picture[-SCALE_BAR_ROWS:]
    strip[25:27, 9 : 9 + SCALE_BAR_PX] = 0
    cv2.putText(strip, "1 mm", (11, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.32, 0, 1, cv2.LINE_AA)

    filled = mask.astype(np.uint8)
    contours = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    ys, xs = np.nonzero(filled)
    values = picture[pad_y : pad_y + height, pad_x : pad_x + width][ys, xs].astype(np.float64)
    # Second moments of a pixel mask; each pixel is a unit square, which adds 1/12.
    covariance = np.cov(np.stack([xs, ys]), bias=True) + np.eye(2) / 12
    small, large = np.sqrt(np.linalg.eigvalsh(covariance))
    area = float(len(xs))
    major = 2 * float(np.sqrt(area / np.pi * large / small))
    return picture, {
        "area": area,
        "area_exc": float(mask.sum()),
        "mean": float(values.mean()),
        "min": float(values.min()),
        "max": float(values.max()),
        "major": major,
        "minor": 4 * area / np.pi / major,
        "width": float(width),
        "height": float(height),
        "esd": 2 * float(np.sqrt(area / np.pi)),
    }


def _station(rng: np.random.Generator, number: int) -> Station:
    name = f"st{number:02d}"
    sample_id = f"imagine2025_{name}_wp2"
    tot_vol = round(float(rng.uniform(18, 60)), 2)
    if number % 3 == 0:
        # Large animals are rare: they are scanned from a larger share of the haul than the small ones.
        fractions: tuple[tuple[str, int, int, int], ...] = (
            (f"{sample_id}_d1", int(rng.choice([2, 4])), 1000, 20000),
            (f"{sample_id}_d2", int(rng.choice([32, 64])), 200, 1000),
        )
    else:
        fractions = ((f"{sample_id}_tot", int(rng.choice([8, 16, 32, 64])), 200, 20000),)
    return Station(
        sample_id=sample_id,
        station=name,
        lat=round(43.2 + 0.08 * number, 4),
        lon=round(7.1 + 0.11 * number + float(rng.uniform(0, 0.02)), 4),
        date=f"202505{10 + number}",
        time=f"{int(rng.integers(6, 20)):02d}{int(rng.integers(0, 60)):02d}00",
        depth_max=float(rng.choice([75, 100, 200])),
        tot_vol=tot_vol,
        fractions=fractions,
    )


def _table(rows: list[dict[str, Any]]) -> str:
    """An EcoTaxa import table: names, types, one line per object."""
    names = list(rows[0])
    lines = [names, ["[t]" if name in _TEXT_COLUMNS else "[f]" for name in names]]
    lines += [[f"{value:.10g}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cells(object_id: str, file: str, row: dict[str, Any], values: dict[str, float]) -> dict[str, Any]:
    station: Station = row["station"]
    acquisition, sub_part, small_mesh, large_mesh = row["fraction"]
    return {
        "img_file_name": file,
        "img_rank": 0,
        "object_id": object_id,
        "object_lat": station.lat,
        "object_lon": station.lon,
        "object_date": station.date,
        "object_time": station.time,
        "object_depth_min": 0,
        "object_depth_max": station.depth_max,
        "object_annotation_category": row["taxon"],
        "object_annotation_status": "validated",
        **{f"object_{name}": value for name, value in values.items()},
        "sample_id": station.sample_id,
        "sample_stationid": station.station,
        "sample_tot_vol": station.tot_vol,
        "acq_id": acquisition,
        "acq_instrument": "zooscan",
        "acq_min_mesh": small_mesh,
        "acq_max_mesh": large_mesh,
        "acq_sub_part": sub_part,
        "process_id": f"zooprocess_{acquisition}",
        "process_particle_pixel_size_mm": PIXEL_SIZE_MM,
        "process_particle_threshold": THRESHOLD,
    }


def _sample_truth(sample_id: str, objects: list[dict[str, Any]], wanted: dict[str, float]) -> dict[str, Any]:
    mine = [entry for entry in objects if entry["sample_id"] == sample_id]
    taxa = {}
    for taxon in TAXA:
        found = [entry["ind_m3"] for entry in mine if entry["label"] == taxon]
        taxa[taxon] = {"n": len(found), "counted_ind_m3": sum(found), "true_ind_m3": wanted[taxon]}
    return {"sample_id": sample_id, "taxa": taxa}
