"""A small labelled sample of two fixed beach cameras, drawn: wrack, rips and a shoreline that moves with the tide, with the exact truth.

Two stations (Cala Millor and Son Bou by their codes, but made up), five days with three hours each. Control points are marked with an error of half a
px, so a pose that is solved from them is near the true one, not equal to it. Levels are metres above one datum, places UTM 31 N.

==================================  =================================================================================================
``images/``                         pictures with names as SIRENA gives them
``labels/``, ``data.yaml``          outlines of wrack: YOLO segmentation, 0 dense, 1 intermediate
``rips.csv``                        oriented boxes of rips in px (angle in degrees counter-clockwise); a row without numbers: none is there
``stations/``                       a YAML per camera (its lens, not its pose), its control points and its transects
``tides.csv``, ``waves.csv``        level and wave height by hour
``truth/``                          masks of wrack and sea as PNG; ``truth.json``: poses, areas (m²), boxes (m), positions (m)
==================================  =================================================================================================
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.formats.camera_files import write_control_points
from imagine_kernels.formats.coastsat import write_transects
from imagine_kernels.records.ground import ControlPoints
from imagine_kernels.samples.beach_drawing import draw, mark_points
from imagine_kernels.samples.beach_scene import (
    BEACH_LEVEL_M,
    CRS,
    DAYS,
    DUNE_M,
    LABELS,
    SLOPE,
    WAVES_M,
    Scene,
    Site,
    scenes,
    sites,
    tide_m,
)

#: Standard error of a marked control point along one direction, px.
MARK_ERROR_PX = 0.5
#: Sides of outlines are cut into pieces of this many m before they are laid on the picture.
_PIECE_M = 0.5


def make_sample(folder: Path, seed: int = 0) -> Path:
    """Write the bundled sample; the same seed gives the same bytes.

    Parameters
    ----------
    folder : Path
        Where the files go; made if it does not exist.
    seed : int

    Returns
    -------
    Path
        `folder`.
    """
    folder = Path(folder)
    for part in ("images", "labels", "stations", "truth/wrack", "truth/sea"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    drawn_scenes = scenes(seed)
    truth: list[dict[str, Any]] = []
    rips = ["file,x_px,y_px,length_px,breadth_px,angle_deg"]
    for number, scene in enumerate(drawn_scenes):
        drawn = draw(scene, np.random.default_rng([seed, 1000 + number]))
        file = f"images/{scene.stem}.png"
        _png(folder / file, np.ascontiguousarray(drawn.picture[..., ::-1]))
        _png(folder / "truth" / "wrack" / f"{scene.stem}.png", drawn.wrack)
        _png(folder / "truth" / "sea" / f"{scene.stem}.png", drawn.sea)
        _text(folder / "labels" / f"{scene.stem}.txt", _outlines(scene))
        boxes = [_box(scene, rip.corners(scene.site)) for rip in scene.rips]
        rips += [f"{file}," + ",".join(f"{value:.3f}" for value in box) for box in boxes] or [f"{file},,,,,"]
        truth.append(_truth(scene, file))
    _text(folder / "rips.csv", rips)
    _text(folder / "data.yaml", ["train: images", "val: images", "names:", *(f"  {k}: {name}" for k, name in enumerate(LABELS))])
    _text(folder / "tides.csv", ["time_utc,tide_m", *(f"{time.isoformat()},{tide_m(time):.4f}" for time in _hours())])
    waves = [
        f"{(day + timedelta(hours=h)).isoformat()},{wave:.2f}" for day, wave in zip(DAYS, WAVES_M, strict=True) for h in range(24)
    ]
    _text(folder / "waves.csv", ["time_utc,wave_height_m", *waves])
    stations = []
    for number, site in enumerate(sites()):
        reference = next(scene.stem for scene in drawn_scenes if scene.site == site)
        stations.append(_station(folder / "stations", site, f"{reference}.png", np.random.default_rng([seed, 500 + number])))
    summary = {"seed": seed, "crs": CRS, "labels": list(LABELS), "stations": stations, "frames": truth}
    (folder / "truth" / "truth.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def _png(path: Path, picture: NDArray[np.uint8]) -> None:
    import cv2

    path.write_bytes(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 4])[1].tobytes())


def _text(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _hours() -> list[Any]:
    first, last = DAYS[0], DAYS[-1] + timedelta(days=1)
    return [first + timedelta(hours=k) for k in range(int((last - first) / timedelta(hours=1)) + 1)]


def _outlines(scene: Scene) -> list[str]:
    """Lines of YOLO: class, then x and y as parts of the size of the picture, of what of each patch is in the picture."""
    import shapely

    camera = scene.site.camera
    lens = camera.intrinsics
    frame = shapely.box(0, 0, lens.width, lens.height)
    lines = []
    for wrack in scene.wrack:
        ring = shapely.get_coordinates(shapely.segmentize(shapely.LinearRing(wrack.outline), _PIECE_M))[:-1]
        x, y = camera.pixels(ring[:, 0], ring[:, 1], BEACH_LEVEL_M)
        if not np.isfinite(x).all():
            continue
        seen = shapely.make_valid(shapely.Polygon(np.column_stack([x, y]))).intersection(frame)
        for part in getattr(seen, "geoms", [seen]):
            if part.geom_type == "Polygon" and part.area > 1:
                xy = shapely.get_coordinates(part.exterior)[:-1] / [lens.width, lens.height]
                lines.append(" ".join([str(LABELS.index(wrack.label)), *(f"{value:.6f}" for value in xy.ravel())]))
    return lines


def _box(scene: Scene, corners: NDArray[np.float64]) -> list[float]:
    """X and y of the centre, length, breadth (px) and angle (degrees counter-clockwise) of the box that a person draws about a rip.

    It lies along the middle of the rip as the picture shows it, and is as large as the rip there.
    """
    x, y = scene.site.camera.pixels(corners[:, 0], corners[:, 1], scene.tide_m)
    seen = np.column_stack([x, y])
    near, far = (seen[0] + seen[3]) / 2, (seen[1] + seen[2]) / 2
    length = float(np.hypot(*(far - near)))
    cx, cy = ((near + far) / 2).tolist()
    return [cx, cy, length, _area(seen) / length, float(np.degrees(np.arctan2(near[1] - far[1], far[0] - near[0])))]


def _truth(scene: Scene, file: str) -> dict[str, Any]:
    site, scale = scene.site, _areal_scale(scene.site)
    areas = [(wrack.label, _area(wrack.outline) / scale) for wrack in scene.wrack]
    inside = [_inside(scene, wrack.outline) for wrack in scene.wrack]
    return {
        "file": file,
        "station": site.name,
        "time_utc": scene.time.isoformat(),
        "tide_m": round(scene.tide_m, 4),
        "wave_height_m": scene.wave_m,
        "wrack": [
            {"label": label, "area_m2": area, "whole": whole, "outline_m": wrack.outline.round(4).tolist()}
            for (label, area), whole, wrack in zip(areas, inside, scene.wrack, strict=True)
        ],
        "area_m2": {label: sum(area for name, area in areas if name == label) for label in LABELS},
        "rips": [
            {
                "length_m": rip.length_m,
                "width_m": rip.width_m,
                "bearing_deg": rip.bearing_deg(site),
                "alongshore_m": rip.along_m - site.along_m + 10.0,
                "offshore_m": rip.across_m - DUNE_M,
                "corners_m": rip.corners(site).round(4).tolist(),
            }
            for rip in scene.rips
        ],
        "shoreline_m": {transect.name: scene.shoreline_m - DUNE_M for transect in site.transects()},
        "shoreline_at_0_m": {transect.name: scene.beach_m + BEACH_LEVEL_M / SLOPE - DUNE_M for transect in site.transects()},
    }


def _inside(scene: Scene, outline: NDArray[np.float64]) -> bool:
    x, y = scene.site.camera.pixels(outline[:, 0], outline[:, 1], BEACH_LEVEL_M)
    return bool(np.isfinite(x).all() and scene.site.camera.inside(x, y).all())


def _area(ring: NDArray[np.float64]) -> float:
    x, y = (ring - ring[0]).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _areal_scale(site: Site) -> float:
    """Square metres of UTM for one on the ground."""
    from pyproj import Proj

    projection = Proj(CRS)
    lon, lat = projection(*site.camera.extrinsics.numbers[:2], inverse=True)
    return float(projection.get_factors(lon, lat).areal_scale)


def _station(folder: Path, site: Site, reference: str, rng: np.random.Generator) -> dict[str, Any]:
    """The files of one camera, and what is true of it."""
    import yaml

    pixels, places = mark_points(site, rng, error_px=MARK_ERROR_PX)
    names = tuple(f"P{k + 1:02d}" for k in range(len(places)))
    points, transects = f"{site.name}_control_points.csv", f"{site.name}_transects.geojson"
    write_control_points(ControlPoints(names, pixels.round(3), places.round(3), CRS), folder / points)
    write_transects(site.transects(), folder / transects)
    lens = site.camera.intrinsics
    said = {
        "name": site.name,
        "crs": CRS,
        "intrinsics": {
            "width_px": lens.width, "height_px": lens.height, "cx_px": lens.cx, "cy_px": lens.cy, "fx_px": lens.fx, "fy_px": lens.fy,
            "d1": lens.d1, "d2": lens.d2, "d3": lens.d3, "t1": lens.t1, "t2": lens.t2,
        },
        "control_points": points,
        "transects": transects,
        "reference": reference,
        "beach_level_m": BEACH_LEVEL_M,
        "beach_level_error_m": 0.03,
        "beach_slope": SLOPE,
        "tide_error_m": 0.02,
        "baseline": {"sea": "right", "points": site.baseline().round(4).tolist()},
    }  # fmt: skip
    _text(folder / f"{site.name}.yaml", yaml.safe_dump(said, sort_keys=False).splitlines())
    pose = asdict(site.camera.extrinsics)
    return {
        "name": site.name,
        **{name.replace("_rad", "_deg"): math.degrees(value) if name.endswith("_rad") else value for name, value in pose.items()},
        "control_points": len(places),
        "marked_within_px": MARK_ERROR_PX,
        "dune_m": DUNE_M,
    }
