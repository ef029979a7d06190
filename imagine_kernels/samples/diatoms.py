"""A small labelled diatom sample, drawn: micrographs of five slides, oriented boxes with names, and the exact truth.

Each slide has a community of its own, and about 48 valves in four fields: whole valves of eight species of seven genera, girdle views, broken
valves and fragments; some touch, and light, focus and noise vary. `truth.json` holds for every object its oriented box, its species and its true
length and width. The annotations are YOLO oriented boxes, as the diamorph modules of AI4OS take them.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.formats.yolo import write_yolo_oriented
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Shape
from imagine_kernels.samples.diatom_valves import SPECIES, Valve, density_of, make_valve, outline

#: Side of a pixel; an oil immersion lens of 100 × gives about that.
UM_PER_PX = 0.15
WIDTH, HEIGHT = 1200, 900
FIELDS = 4
SCALE_BAR_UM = 20
NAMES = tuple(SPECIES)

# What a field of each slide shows on average, in the order of NAMES, and how many girdle views of Gomphonema and Navicula, and fragments.
_COMMUNITIES: dict[str, tuple[tuple[float, ...], float, float]] = {
    "brook": ((0.9, 0.7, 2.2, 1.0, 1.6, 0.6, 1.7, 1.4), 0.7, 0.6),
    "canal": ((2.6, 1.4, 1.2, 1.2, 1.3, 0.5, 0.4, 0.8), 0.7, 0.6),
    "moor": ((0.5, 0.6, 0.8, 1.3, 0.8, 2.4, 2.6, 0.8), 0.6, 0.6),
    "river": ((1.9, 1.9, 1.6, 1.0, 1.0, 0.6, 0.4, 1.2), 0.8, 0.6),
    "spring": ((0.6, 0.7, 1.5, 2.2, 1.8, 0.6, 1.0, 1.9), 0.7, 0.6),
}
#: Share of whole valves that are broken but mostly there, and of valves that are laid against another one.
_BROKEN, _TOUCHING = 0.04, 0.12
#: The mask of what is taken is this many times coarser than the picture; free space around an object in pixels of it.
_COARSE, _FREE = 4, 5
_RIM_PX = 12
_PREDICTOR = 317


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A valve in a field: where its (u, v) = (0, 0) lies in px, and its angle counter-clockwise."""

    valve: Valve
    x: float
    y: float
    angle: float
    touches: bool


def make_sample(folder: Path, seed: int = 0) -> Path:
    """Write the bundled sample: TIFF micrographs with their resolution, YOLO oriented boxes, and `truth.json`.

    The same seed gives the same bytes.

    Parameters
    ----------
    folder : Path
        Where the files go; made if it does not exist, else empty.
    seed : int

    Returns
    -------
    Path
        `folder`, ready to be opened.
    """
    folder = Path(folder)
    media: list[Medium] = []
    annotations: list[Annotation] = []
    truth: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    for number, (slide, community) in enumerate(_COMMUNITIES.items()):
        for field in range(1, FIELDS + 1):
            rng = np.random.default_rng([seed, number, field])
            name = f"micrographs/{slide}_{field:02d}.tif"
            placed = _place(_draw_lots(community, rng), rng)
            pictures[name] = _tiff(_picture(placed, rng))
            media.append(Medium(name=name, width=WIDTH, height=HEIGHT))
            for each in placed:
                known = _truth(each)
                truth.append({"file": name, "sample_id": slide, **known})
                box = (known["x"], known["y"], known["length_px"], known["breadth_px"], -known["angle"])
                given = LabelGiven(path=(each.valve.label,))
                annotations.append(Annotation(medium=name, shape=Shape.of("rotated_rectangle", box), labels=(given,)))
    labels = [Label(name=name) for name in sorted({entry["label"] for entry in truth})]
    write_yolo_oriented(AnnotationSet.of(annotations, media=media, labels=labels), folder)
    for name, data in pictures.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    summary = {"seed": seed, "um_per_px": UM_PER_PX, "scale_bar_um": SCALE_BAR_UM, "valves": truth, "samples": _counts(truth)}
    (folder / "truth.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def _draw_lots(community: tuple[tuple[float, ...], float, float], rng: np.random.Generator) -> list[Valve]:
    species, girdles, fragments = community
    wanted = [
        (name, "broken valve" if rng.random() < _BROKEN else "valve")
        for name, mean in zip(NAMES, species, strict=True)
        for _ in range(rng.poisson(mean))
    ]
    wanted += [
        (str(rng.choice(["Gomphonema olivaceum", "Navicula tripunctata"])), "girdle view") for _ in range(rng.poisson(girdles))
    ]
    wanted += [(NAMES[int(rng.integers(len(NAMES)))], "fragment") for _ in range(rng.poisson(fragments))]
    valves = [make_valve(name, view, rng) for name, view in wanted]
    # The long ones first: short ones find their place later.
    return sorted(valves, key=lambda valve: -valve.length_um)


def _place(valves: list[Valve], rng: np.random.Generator) -> list[_Placed]:
    """Lay the valves so that they do not overlap; what finds no place is left out."""
    import cv2

    taken = np.zeros((HEIGHT // _COARSE, WIDTH // _COARSE), dtype=bool)
    # The scale bar lies in the corner.
    taken[-16:, -52:] = True
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _FREE + 1, 2 * _FREE + 1))
    placed: list[_Placed] = []
    for valve in valves:
        if placed and rng.random() < _TOUCHING and valve.view == "valve":
            beside = _laid_against(placed[int(rng.integers(len(placed)))], valve, taken, rng)
            if beside is not None:
                placed.append(beside)
                taken |= _coarse_mask(beside)
                continue
        closed = cv2.dilate(taken.astype(np.uint8), around) > 0
        for _ in range(60):
            x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
            trial = _Placed(valve=valve, x=x, y=y, angle=rng.uniform(0, 180), touches=False)
            if _is_inside(trial) and not (closed & (mask := _coarse_mask(trial))).any():
                placed.append(trial)
                taken |= mask
                break
    return placed


def _laid_against(partner: _Placed, valve: Valve, taken: NDArray[np.bool_], rng: np.random.Generator) -> _Placed | None:
    """The valve, slid towards the partner until they touch; None where something else is in the way."""
    if partner.touches:
        return None
    others = taken & ~_coarse_mask(partner)
    angle, direction = rng.uniform(0, 180), rng.uniform(0, 2 * np.pi)
    last = None
    for distance in np.arange(420, 0, -_COARSE):
        x, y = partner.x + float(distance * np.cos(direction)), partner.y + float(distance * np.sin(direction))
        trial = _Placed(valve=valve, x=x, y=y, angle=angle, touches=True)
        mask = _coarse_mask(trial)
        if (mask & taken).any():
            return last if last is not None and _is_inside(last) and not (_coarse_mask(last) & others).any() else None
        last = trial
    return None


def _corners(placed: _Placed) -> NDArray[np.float64]:
    """(4, 2) corners of the oriented box, px."""
    u0, v0, u1, v1 = placed.valve.box
    return _to_pixels(placed, np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]]))


def _to_pixels(placed: _Placed, points: NDArray[np.float64]) -> NDArray[np.float64]:
    cos, sin = np.cos(np.radians(placed.angle)), np.sin(np.radians(placed.angle))
    # Rows count downwards, angles counter-clockwise.
    turned = points @ np.array([[cos, -sin], [-sin, -cos]]) / UM_PER_PX
    return np.asarray(turned + np.array([placed.x, placed.y]))


def _is_inside(placed: _Placed) -> bool:
    corners = _corners(placed)
    return bool(
        (corners > _RIM_PX).all() and (corners[:, 0] < WIDTH - _RIM_PX).all() and (corners[:, 1] < HEIGHT - _RIM_PX).all()
    )


def _coarse_mask(placed: _Placed) -> NDArray[np.bool_]:
    import cv2

    mask = np.zeros((HEIGHT // _COARSE, WIDTH // _COARSE), dtype=np.uint8)
    points = _to_pixels(placed, outline(placed.valve)) / _COARSE
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    return np.asarray(mask > 0)


def _drawn(placed: _Placed) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Where in the field a valve lies, and its density there."""
    corners = _corners(placed)
    low = np.clip(np.floor(corners.min(axis=0) - _RIM_PX).astype(int), 0, None)
    high = np.minimum(np.ceil(corners.max(axis=0) + _RIM_PX).astype(int), [WIDTH, HEIGHT])
    rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    right, up = columns + 0.5 - placed.x, placed.y - rows - 0.5
    cos, sin = np.cos(np.radians(placed.angle)), np.sin(np.radians(placed.angle))
    density = density_of(placed.valve, (right * cos + up * sin) * UM_PER_PX, (up * cos - right * sin) * UM_PER_PX)
    return (slice(low[1], high[1]), slice(low[0], high[0])), density


def _picture(placed: list[_Placed], rng: np.random.Generator) -> NDArray[np.uint8]:
    import cv2

    density = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    for each in placed:
        # Valves lie at different heights on the slide: some are out of focus, and some are thin.
        place, drawn = _drawn(each)
        blur = rng.uniform(1.5, 2.8) if rng.random() < 0.2 else rng.uniform(0.5, 1.2)
        density[place] += cv2.GaussianBlur(drawn, (0, 0), blur) * np.float32(rng.uniform(0.4, 1.1))
    density += _dirt(rng)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    middle_x, middle_y = rng.uniform(-0.5, 0.5, 2)
    light = 1 - rng.uniform(0.08, 0.2) * ((x - middle_x) ** 2 + (y - middle_y) ** 2) / 2 + rng.uniform(-0.05, 0.05) * x
    grey = rng.uniform(165, 200) * light * np.exp(-density) + rng.normal(0, rng.uniform(0.7, 1.5), density.shape)
    picture = np.asarray(np.clip(np.rint(grey), 0, 255), dtype=np.uint8)
    length = round(SCALE_BAR_UM / UM_PER_PX)
    picture[HEIGHT - 22 : HEIGHT - 16, WIDTH - 30 - length : WIDTH - 30] = 0
    cv2.putText(picture, f"{SCALE_BAR_UM} um", (WIDTH - 130, HEIGHT - 32), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 2, cv2.LINE_AA)
    return picture


def _dirt(rng: np.random.Generator) -> NDArray[np.float32]:
    """Specks of silt, and faint spots out of focus."""
    import cv2

    dirt = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    for _ in range(rng.poisson(10)):
        at = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        cv2.circle(dirt, at, int(rng.integers(1, 5)), float(rng.uniform(0.2, 0.6)), -1, cv2.LINE_AA)
    faint = np.zeros_like(dirt)
    for _ in range(rng.poisson(4)):
        at = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        cv2.circle(faint, at, int(rng.integers(15, 50)), float(rng.uniform(-0.05, 0.08)), -1)
    return np.asarray(cv2.GaussianBlur(dirt, (0, 0), 0.9) + cv2.GaussianBlur(faint, (0, 0), 14), dtype=np.float32)


def _tiff(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    data = io.BytesIO()
    per_cm = 1e4 / UM_PER_PX
    # LZW on differences of neighbours is as small as deflate here, and eight times as fast.
    Image.fromarray(picture).save(
        data,
        "TIFF",
        compression="tiff_lzw",
        tiffinfo={_PREDICTOR: 2},
        x_resolution=per_cm,
        y_resolution=per_cm,
        resolution_unit="cm",
    )
    return data.getvalue()


def _truth(placed: _Placed) -> dict[str, Any]:
    """Oriented box (centre, sides in px, angle counter-clockwise from the x axis), names and true sizes."""
    valve = placed.valve
    u0, v0, u1, v1 = valve.box
    centre = _to_pixels(placed, np.array([[(u0 + u1) / 2, (v0 + v1) / 2]]))[0]
    # A short piece may be wider than it is long; the long side tells the angle.
    sides, angle = [(u1 - u0) / UM_PER_PX, (v1 - v0) / UM_PER_PX], placed.angle
    if sides[0] < sides[1]:
        sides, angle = sides[::-1], angle + 90
    return {
        "label": valve.label,
        "species": valve.species,
        "view": valve.view,
        "touches": placed.touches,
        "x": round(float(centre[0]), 3),
        "y": round(float(centre[1]), 3),
        "length_px": round(sides[0], 3),
        "breadth_px": round(sides[1], 3),
        "angle": round(angle % 180, 3),
        "length_um": round(valve.length_um, 3),
        "width_um": round(valve.width_um, 3),
    }


def _counts(truth: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers by slide and label."""
    counts = []
    for slide in _COMMUNITIES:
        labels = [valve["label"] for valve in truth if valve["sample_id"] == slide]
        counts.append({"sample_id": slide, "n": {label: labels.count(label) for label in sorted(set(labels))}})
    return counts
