"""A small labelled litter sample, drawn: beaches photographed from a drone, with what the drone says of itself, and the exact truth.

Five flights over two beaches on several days, each of eight photos in two rows that overlap, 9 m above the sand: a pixel covers 0.45 cm. What the
drone writes into its photos errs as it states (position), and by degrees and decimetres (direction, height). `annotations.json` has boxes and
outlines in COCO, `surveys.csv` the surveys; the folder ``truth`` holds for every item its true place and size, and for every photo its true pose.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.formats.coco import write_coco
from imagine_kernels.formats.litter_surveys import SurveyRow, write_surveys
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Shape
from imagine_kernels.samples.litter_beach import PIXEL_M, Beach, paint_beach
from imagine_kernels.samples.litter_camera import HEIGHT, WIDTH, Pose, corners, jpeg
from imagine_kernels.samples.litter_items import LABELS, Item, make_item

#: Height above the beach, m.
FLIGHT_HEIGHT_M = 9.0
#: Photos in a row and rows, and the steps between them, m.
PHOTOS, ROWS = 4, 2
_STEP_M, _ROW_STEP_M = 2.3, 3.3
#: Painted beach, m: along the shore and across it; the waterline so far north of its middle.
_LENGTH_M, _WIDTH_M, _WATERLINE_M = 13.6, 9.6, 3.1
#: Standard errors of what the drone says of its height (m), its heading and the tilt of its camera (degrees).
HEIGHT_STD_M, YAW_STD_DEG, TILT_STD_DEG = 0.1, 1.0, 0.3
#: An item is annotated where so much of it is on the photo.
_SEEN_SHARE = 0.4


@dataclass(frozen=True, kw_only=True)
class Flight:
    """One survey.

    Attributes
    ----------
    survey_id, beach : str
    date : str
    lon, lat : float
        Of the middle.
    items_per_m2 : float
        True density on the dry beach.
    rtk_flag : int
    position_std_m : float
        As the drone states it.
    """

    survey_id: str
    beach: str
    date: str
    lon: float
    lat: float
    items_per_m2: float
    rtk_flag: int
    position_std_m: float


_LLARGA = {"beach": "Cala Llarga", "lon": 2.7512, "lat": 39.3581, "rtk_flag": 50, "position_std_m": 0.03}
_GRAN = {"beach": "Platja Gran", "lon": 2.7603, "lat": 39.3552, "rtk_flag": 34, "position_std_m": 0.3}
FLIGHTS = tuple(
    Flight(survey_id=survey_id, date=date, items_per_m2=density, **place)  # type: ignore[arg-type]
    for survey_id, date, density, place in (
        ("llarga-2023-05", "2023-05-16", 0.7, _LLARGA),
        ("llarga-2024-05", "2024-05-21", 0.55, _LLARGA),
        ("llarga-2025-05", "2025-05-13", 0.4, _LLARGA),
        ("gran-2024-09", "2024-09-10", 0.5, _GRAN),
        ("gran-2025-09", "2025-09-17", 0.5, _GRAN),
    )
)


def make_sample(folder: Path, seed: int = 0) -> Path:
    """Write the bundled sample: photos with EXIF and XMP, COCO annotations, a table of surveys, and the truth.

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
    things: list[dict[str, Any]] = []
    poses: list[dict[str, Any]] = []
    surveys: list[SurveyRow] = []
    for number, flight in enumerate(FLIGHTS):
        rng = np.random.default_rng([seed, number])
        items = _litter(flight, rng)
        beach = paint_beach(_LENGTH_M, _WIDTH_M, _WATERLINE_M, items, rng)
        seen = [0] * len(items)
        footprints = []
        for at, true in enumerate(_poses(rng)):
            name = f"photos/{flight.survey_id}/DJI_{at + 1:04d}.JPG"
            said, lon, lat = _said(true, flight, rng)
            taken = datetime.fromisoformat(f"{flight.date}T10:30:00") + timedelta(seconds=6 * at)
            data = jpeg(
                _photo(beach, true, rng), said, lon, lat, taken,
                rtk_flag=flight.rtk_flag, position_std_m=flight.position_std_m, height_std_m=HEIGHT_STD_M,
            )  # fmt: skip
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            media.append(Medium(name=name, width=WIDTH, height=HEIGHT))
            for k, outline in _visible(items, true):
                seen[k] += 1
                annotations.append(
                    Annotation(
                        medium=name, shape=Shape.of("polygon", outline.ravel().tolist()), labels=(LabelGiven(path=(items[k].label,)),),
                        track=_item_id(flight, k),
                    )
                )  # fmt: skip
            footprints.append(true.places(corners()))
            poses.append({"photo": name, "survey_id": flight.survey_id, **asdict(true), **_lonlat(flight, true.east, true.north)})
        things += [_thing(flight, k, item, seen[k]) for k, item in enumerate(items)]
        every = np.concatenate(footprints)
        length = round(float(np.ptp(every[:, 0])), 2)
        surveys.append(SurveyRow(survey_id=flight.survey_id, beach=flight.beach, date=flight.date, length_m=length))
    write_coco(
        AnnotationSet.of(annotations, media=media, labels=[Label(name=name) for name in LABELS]), folder / "annotations.json"
    )
    write_surveys(surveys, folder / "surveys.csv")
    (folder / "truth").mkdir()
    _csv(folder / "truth" / "items.csv", things)
    _csv(folder / "truth" / "photos.csv", poses)
    counts = [
        {**asdict(flight), "length_m": row.length_m, **_counts(flight, things)}
        for flight, row in zip(FLIGHTS, surveys, strict=True)
    ]
    about = {"seed": seed, "flight_height_m": FLIGHT_HEIGHT_M, "surveys": counts}
    (folder / "truth" / "surveys.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def _litter(flight: Flight, rng: np.random.Generator) -> list[Item]:
    """Items on the dry beach that do not touch: their number is a Poisson draw, and the wrack line has more of them."""
    north = (-_WIDTH_M / 2, _WATERLINE_M - 0.6)
    count = int(rng.poisson(flight.items_per_m2 * _LENGTH_M * (north[1] - north[0])))
    items: list[Item] = []
    boxes: list[NDArray[np.float64]] = []
    for _ in range(40 * count):
        if len(items) == count:
            break
        y = rng.uniform(*north) if rng.random() < 0.75 else float(np.clip(_WATERLINE_M - 0.9 + rng.normal(0, 0.3), *north))
        item = make_item(rng, rng.uniform(-_LENGTH_M / 2, _LENGTH_M / 2), y)
        box = np.array([item.outline.min(axis=0), item.outline.max(axis=0)])
        if all((box[0] > other[1] + 0.06).any() or (box[1] < other[0] - 0.06).any() for other in boxes):
            items.append(item)
            boxes.append(box)
    return items


def _poses(rng: np.random.Generator) -> list[Pose]:
    """Where the drone truly hung: two rows along the shore, there and back."""
    found = []
    for row in range(ROWS):
        for at in range(PHOTOS):
            east = (at - (PHOTOS - 1) / 2) * _STEP_M * (1 if row == 0 else -1)
            north = (row - (ROWS - 1) / 2) * _ROW_STEP_M - 0.4
            found.append(
                Pose(
                    east=east + rng.normal(0, 0.08), north=north + rng.normal(0, 0.08), height=FLIGHT_HEIGHT_M + rng.normal(0, 0.1),
                    yaw=(90.0 if row == 0 else -90.0) + rng.normal(0, 1.5), pitch=float(np.clip(-88 + rng.normal(0, 1.5), -90, -82)),
                    roll=rng.normal(0, 0.4),
                )
            )  # fmt: skip
    return found


def _said(true: Pose, flight: Flight, rng: np.random.Generator) -> tuple[Pose, float, float]:
    """What the drone believes of its pose, and its position in degrees."""
    east, north = (value + rng.normal(0, flight.position_std_m) for value in (true.east, true.north))
    said = Pose(
        east=east, north=north, height=true.height + rng.normal(0, HEIGHT_STD_M), yaw=true.yaw + rng.normal(0, YAW_STD_DEG),
        pitch=true.pitch + rng.normal(0, TILT_STD_DEG), roll=true.roll + rng.normal(0, TILT_STD_DEG),
    )  # fmt: skip
    place = _lonlat(flight, east, north)
    return said, place["lon"], place["lat"]


def _photo(beach: Beach, pose: Pose, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the camera sees of the painted beach, with the noise of its sensor."""
    import cv2

    # The middle of the first px is at 0 for cv2, in the painted beach as in the photo.
    painted = np.array([[PIXEL_M, 0, beach.west_m + PIXEL_M / 2], [0, -PIXEL_M, beach.north_m - PIXEL_M / 2], [0, 0, 1]])
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    seen = cv2.warpPerspective(
        beach.picture, half @ pose.homography @ painted, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    light = 1 + 0.05 * rng.normal()
    noise = rng.standard_normal(seen.shape, dtype=np.float32) * np.float32(2.2)
    return np.asarray(np.clip(np.rint(seen * np.float32(light) + noise), 0, 255).astype(np.uint8))


def _visible(items: Sequence[Item], pose: Pose) -> list[tuple[int, NDArray[np.float64]]]:
    """The items that a photo shows, with their outlines (n, 2) on it, px, cut at its rim."""
    import shapely

    rim = shapely.box(0, 0, WIDTH, HEIGHT)
    found = []
    for k, item in enumerate(items):
        outline = pose.pixels(item.outline)
        if outline[:, 0].max() <= 0 or outline[:, 1].max() <= 0 or outline[:, 0].min() >= WIDTH or outline[:, 1].min() >= HEIGHT:
            continue
        whole = shapely.make_valid(shapely.Polygon(outline))
        parts = [each for each in shapely.get_parts(shapely.intersection(whole, rim)) if each.geom_type == "Polygon"]
        if not parts or sum(each.area for each in parts) < _SEEN_SHARE * whole.area:
            continue
        largest = max(parts, key=lambda each: each.area)
        found.append((k, np.round(np.array(largest.exterior.coords[:-1]), 2)))
    return found


def _lonlat(flight: Flight, east: float, north: float) -> dict[str, float]:
    """Longitude and latitude of a place, along the geodesic from the middle."""
    from pyproj import Geod

    lon, lat, _ = Geod(ellps="WGS84").fwd(
        flight.lon, flight.lat, float(np.degrees(np.arctan2(east, north))), float(np.hypot(east, north))
    )
    return {"lon": round(float(lon), 9), "lat": round(float(lat), 9)}


def _item_id(flight: Flight, k: int) -> str:
    return f"{flight.survey_id}-{k + 1:03d}"


def _thing(flight: Flight, k: int, item: Item, seen: int) -> dict[str, Any]:
    east, north = item.place
    return {
        "item_id": _item_id(flight, k), "survey_id": flight.survey_id, "label": item.label, "east_m": round(east, 4),
        "north_m": round(north, 4), **_lonlat(flight, east, north), "size_cm": round(item.size_cm, 2), "n_photos": seen,
    }  # fmt: skip


def _counts(flight: Flight, things: Sequence[dict[str, Any]]) -> dict[str, Any]:
    mine = [thing for thing in things if thing["survey_id"] == flight.survey_id and thing["n_photos"]]
    return {"n_items": len(mine), "n_by_label": {label: sum(each["label"] == label for each in mine) for label in LABELS}}


def _csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
