"""A small labelled sample of radar scenes, drawn: oil slicks, look-alikes, ships and coasts, with the exact truth.

Eight scenes of 41 × 41 km; the last one shows the place of the one before it twelve hours later, with its slicks drifted. In the folder:

``scenes/*.tif``      σ⁰ in VV (dB, 16 bits with a scale) and the angle of incidence, in UTM
``masks/*.png``       0 sea, 1 oil, 2 look-alike, 3 land
``scenes.csv``        time (UTC), wind and looks of each scene
``coast.geojson``     land
``fields.nc``         current and wind at the place of the last two scenes
``truth.json``        each film: outline's geodesic area, damping, kind, place; each ship
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.formats.geojson import Feature, write_geojson
from imagine_kernels.formats.ocean_fields import write_flows
from imagine_kernels.records.flow import Flow
from imagine_kernels.samples import oil_spill_scene as drawing
from imagine_kernels.samples.oil_spill_scene import LOOKS, SIZE, SPACING_M, SeaState
from imagine_kernels.samples.oil_spill_shapes import LOOK_ALIKE, OIL, Film, look_alike, oil_slick, placed_apart

if TYPE_CHECKING:
    from shapely import Geometry

LABELS = {1: OIL, 2: LOOK_ALIKE, 3: "land"}
SIDE_M = SIZE * SPACING_M
#: σ⁰ is stored in steps of this, dB, and incidence in steps of degrees.
_STEP_DB, _STEP_DEG = 0.05, 0.002
POSITION_ERROR_M = 10.0
_EACH, _SHIPS = 8, 5
_APART_M, _RIM_M = 900.0, 600.0
#: Of the last two scenes: hours between them, and the current.
LATER_H, CURRENT_M_S = 12.0, (0.11, 0.05)
_WIND_FACTOR = 0.03


@dataclass(frozen=True, kw_only=True)
class _Site:
    """Name, time, UTM zone and lower left corner (m) of a scene, its sea state, and on which side its land lies."""

    name: str
    time: datetime
    epsg: int
    corner: tuple[float, float]
    state: SeaState
    coast: str = ""


def _sites() -> list[_Site]:
    rows = [
        ("malta", (2024, 3, 4, 5, 12, 20), 32633, (431_000, 3_920_000), (6.2, 300, 33.0), ""),
        ("gulf-of-lion", (2024, 4, 17, 17, 35, 2), 32631, (540_000, 4_720_000), (9.4, 330, 38.0), "north"),
        ("aegean", (2024, 5, 9, 4, 28, 41), 32635, (320_000, 4_160_000), (7.1, 20, 31.5), "west"),
        ("levantine", (2024, 6, 22, 3, 52, 15), 32636, (480_000, 3_700_000), (4.3, 280, 35.0), ""),
        ("north-sea", (2024, 8, 2, 17, 24, 33), 32631, (420_000, 6_150_000), (10.8, 250, 36.0), ""),
        ("baltic", (2024, 8, 30, 4, 58, 9), 32634, (290_000, 6_320_000), (3.2, 190, 31.0), "east"),
        ("alboran", (2024, 10, 11, 6, 17, 48), 32630, (350_000, 3_990_000), (5.6, 80, 34.5), ""),
    ]
    sites = [
        _Site(name=name, time=datetime(*time, tzinfo=UTC), epsg=epsg, corner=corner, state=_state(state), coast=coast)
        for name, time, epsg, corner, state, coast in rows
    ]
    before = sites[-1]
    later = replace(before, name="alboran-later", time=before.time + timedelta(hours=LATER_H), state=_state((6.4, 70, 37.0)))
    return [*sites, later]


def _state(numbers: tuple[float, float, float]) -> SeaState:
    return SeaState(wind_m_s=numbers[0], wind_from_deg=numbers[1], near_deg=numbers[2])


def make_sample(folder: Path, seed: int = 0) -> Path:
    """Write the bundled sample; the same seed gives the same bytes.

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
    for part in ("scenes", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    films: list[Film] = []
    truth: dict[str, Any] = {
        "seed": seed,
        "looks": LOOKS,
        "spacing_m": SPACING_M,
        "noise_db": drawing.NOISE_DB,
        "films": [],
        "ships": [],
    }
    coasts, rows = [], []
    for number, site in enumerate(_sites()):
        rng = np.random.default_rng([seed, number])
        land = _land(site, rng)
        films = _drifted(films, site) if site.name.endswith("-later") else _films(site, land, rng)
        name = f"S1A_IW_{site.time:%Y%m%dT%H%M%S}_{site.name}"
        ships = _ships(films, land, rng)
        _write_scene(folder, name, site, films, land, ships, rng, truth)
        if not land.is_empty:
            coasts.append(Feature(_in_degrees(land, site), {"name": site.name}))
        stated = {"wind_m_s": site.state.wind_m_s, "wind_from_deg": site.state.wind_from_deg, "looks": LOOKS}
        rows.append({"scene": f"scenes/{name}.tif", "time_utc": f"{site.time:%Y-%m-%dT%H:%M:%SZ}", **stated})
    with (folder / "scenes.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_geojson(coasts, folder / "coast.geojson", about={"name": "land of the sample"})
    write_flows(_flows(_sites()[-2]), folder / "fields.nc")
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def drift_m(site_wind: tuple[float, float]) -> tuple[float, float]:
    """How far films drift between the last two scenes (east, north in m): with the current and 3 % of the wind (speed, from where)."""
    angle = math.radians(site_wind[1])
    east = CURRENT_M_S[0] - _WIND_FACTOR * site_wind[0] * math.sin(angle)
    north = CURRENT_M_S[1] - _WIND_FACTOR * site_wind[0] * math.cos(angle)
    return east * LATER_H * 3600, north * LATER_H * 3600


def _films(site: _Site, land: Geometry, rng: np.random.Generator) -> list[Film]:
    drawn = [oil_slick(rng, site.state.wind_m_s) for _ in range(_EACH)] + [look_alike(rng) for _ in range(_EACH)]
    taken = [] if land.is_empty else [land]
    # Where a later scene follows, films must not drift out of it.
    rim = _RIM_M if site.name != "alboran" else 6500.0
    return placed_apart(drawn, SIDE_M, taken, rng, apart_m=_APART_M if rim == _RIM_M else 600.0, rim_m=rim)


def _drifted(films: list[Film], site: _Site) -> list[Film]:
    """The films of the scene before, moved; oil spreads a little, areas without wind are gone."""
    import shapely.affinity

    first = _sites()[-2].state
    east, north = drift_m((first.wind_m_s, first.wind_from_deg))
    del site
    return [
        replace(film, outline=shapely.affinity.scale(shapely.affinity.translate(film.outline, east, north), 1.03, 1.03))
        for film in films
        if film.kind != "low wind area"
    ]


def _land(site: _Site, rng: np.random.Generator) -> Geometry:
    """A strip along one side with a winding coast."""
    import shapely
    import shapely.affinity

    if not site.coast:
        return shapely.Polygon()
    along = np.linspace(-2000, SIDE_M + 2000, 200)
    waves = sum(
        rng.normal(0, 900 / k) * np.sin(2 * math.pi * k * along / SIDE_M + rng.uniform(0, 2 * math.pi)) for k in range(1, 8)
    )
    reach = np.maximum(4200 + waves, 800)
    strip = shapely.Polygon([*zip(along, reach, strict=True), (SIDE_M + 2000, -3000), (-2000, -3000)])
    turn = {"south": 0, "east": 90, "north": 180, "west": 270}[site.coast]
    return shapely.affinity.rotate(strip, turn, origin=(SIDE_M / 2, SIDE_M / 2))


def _ships(films: list[Film], land: Geometry, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Places in metres and peaks in dB: some at the head of a slick, some anywhere at sea."""
    import shapely

    heads = [film.outline.exterior.coords[0] for film in films if film.kind == "oil slick"][:2]
    found = [(x, y, float(rng.uniform(6, 16))) for x, y in heads]
    while len(found) < _SHIPS:
        x, y = rng.uniform(1500, SIDE_M - 1500, 2)
        near = shapely.Point(x, y).buffer(600)
        if not any(near.intersects(film.outline) for film in films) and not near.intersects(land):
            found.append((float(x), float(y), float(rng.uniform(4, 16))))
    return found


def _write_scene(
    folder: Path,
    name: str,
    site: _Site,
    films: list[Film],
    land: Geometry,
    ships: list[tuple[float, float, float]],
    rng: np.random.Generator,
    truth: dict[str, Any],
) -> None:
    clean = drawing.clean_sea(site.state, rng)
    damped = 10 ** ((clean - drawing.damping_db(films)) / 10)
    mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
    for number, film in enumerate(films, 1):
        inside = drawing.drawn([film.outline]) > 0
        mask[inside] = 1 if film.label == OIL else 2
        level = np.mean(10 ** (clean[inside].astype(np.float64) / 10)), np.mean(damped[inside].astype(np.float64))
        truth["films"].append(_said(f"{name}_{number}", name, site, film, 10 * math.log10(level[0] / level[1])))
    for x, y, peak_db in ships:
        lon, lat = _lonlat(site, np.array([x]), np.array([y]))
        truth["ships"].append({"scene": f"scenes/{name}.tif", "lon_deg": lon[0], "lat_deg": lat[0], "peak_db": round(peak_db, 3)})
    ground = drawing.drawn([land] if not land.is_empty else []) > 0
    power = np.where(ground, drawing.land_power(rng), damped).astype(np.float32)
    mask[ground] = 3
    power = drawing.with_ships(power, [(x / SPACING_M, SIZE - y / SPACING_M, peak) for x, y, peak in ships])
    _write_tiff(folder / "scenes" / f"{name}.tif", drawing.observed_db(power, rng), drawing.incidence_deg(site.state), site)
    _write_mask(folder / "masks" / f"{name}.png", mask)


def _said(film_id: str, name: str, site: _Site, film: Film, damping: float) -> dict[str, Any]:
    from pyproj import Geod

    outline = _in_degrees(film.outline, site)
    area = abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0])
    centre = _lonlat(site, np.array([film.outline.centroid.x]), np.array([film.outline.centroid.y]))
    return {
        "film_id": film_id,
        "scene": f"scenes/{name}.tif",
        "label": film.label,
        "kind": film.kind,
        "area_km2": round(area / 1e6, 6),
        "mean_damping_db": round(damping, 4),
        "full_damping_db": round(film.damping_db, 4),
        "soft_m": round(film.soft_m, 1),
        "lon_deg": round(float(centre[0][0]), 7),
        "lat_deg": round(float(centre[1][0]), 7),
        "outline": [[round(x, 7), round(y, 7)] for x, y in np.asarray(outline.exterior.coords)],
    }


def _lonlat(site: _Site, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from pyproj import Transformer

    turn = Transformer.from_crs(site.epsg, 4326, always_xy=True)
    lon, lat = turn.transform(np.asarray(x) + site.corner[0], np.asarray(y) + site.corner[1])
    return np.asarray(lon), np.asarray(lat)


def _in_degrees(outline: Geometry, site: _Site) -> Geometry:
    import shapely

    return shapely.transform(shapely.segmentize(outline, 500.0), lambda xy: np.column_stack(_lonlat(site, xy[:, 0], xy[:, 1])))


def _write_tiff(path: Path, level_db: NDArray[np.float32], angle: NDArray[np.float32], site: _Site) -> None:
    import rasterio

    form = {
        "driver": "GTiff",
        "width": SIZE,
        "height": SIZE,
        "count": 2,
        "dtype": "int16",
        "compress": "deflate",
        "predictor": 2,
        "interleave": "band",
    }
    transform = rasterio.Affine(SPACING_M, 0, site.corner[0], 0, -SPACING_M, site.corner[1] + SIDE_M)
    with (
        rasterio.Env(GDAL_PAM_ENABLED="NO"),
        rasterio.open(path, "w", **form, tiled=True, crs=f"EPSG:{site.epsg}", transform=transform) as file,
    ):
        file.write(np.rint(np.stack([level_db / _STEP_DB, angle / _STEP_DEG])).astype(np.int16))
        file.scales, file.units = (_STEP_DB, _STEP_DEG), ("dB", "degree")
        file.descriptions = ("sigma0 VV", "incidence angle")
        said = {"sensor": "Sentinel-1 S1A IW (drawn)", "acquisition_time": f"{site.time:%Y-%m-%dT%H:%M:%SZ}"}
        file.update_tags(**said, looks=f"{LOOKS:g}", position_error_m=f"{POSITION_ERROR_M:g}", polarisation="VV")


def _write_mask(path: Path, mask: NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(mask).save(path, "PNG", optimize=False)


def _flows(site: _Site) -> list[Flow]:
    """The current and the wind of the last two scenes, the same everywhere and at all times."""
    lon, lat = _lonlat(site, np.array([0, SIDE_M]), np.array([0, SIDE_M]))
    axes = np.linspace(lat.min() - 0.5, lat.max() + 0.5, 9), np.linspace(lon.min() - 0.5, lon.max() + 0.5, 9)
    seconds = np.arange(0, 97, 6) * 3600.0
    angle = math.radians(site.state.wind_from_deg)
    wind = -site.state.wind_m_s * math.sin(angle), -site.state.wind_m_s * math.cos(angle)
    shape = (seconds.size, 9, 9)
    start = site.time.replace(minute=0, second=0) - timedelta(hours=6)
    return [
        Flow(kind, start, seconds, *axes, *(np.full(shape, each, dtype=np.float32) for each in speed))  # type: ignore[arg-type]
        for kind, speed in (("current", CURRENT_M_S), ("wind", wind))
    ]
