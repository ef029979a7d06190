"""A small Sentinel-1 product, written as ESA lays it out, with tables and positions that are known exactly: to try what reads them.

The scene lies on the ellipsoid: the first line begins at a place, lines follow each other along one geodesic (the track), and each of them goes
along a geodesic to its right. `place_of` gives the position of any px from that, independent of the grid in the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

NAME = "S1A_IW_GRDH_1SDV_20240412T171500_20240412T171525_053400_067A10_9F3C"


@dataclass(frozen=True)
class Geometry:
    """Where the scene lies: the centre of its first px, the direction of the track (degrees from north), and the sides of a px, m."""

    lon: float = 14.2
    lat: float = 36.9
    heading: float = 347.0
    spacing_m: tuple[float, float] = (10.0, 10.0)
    near_deg: float = 30.5
    far_deg: float = 46.0


def place_of(geometry: Geometry, pixel: ArrayLike, line: ArrayLike) -> tuple[Numbers, Numbers]:
    """Longitude and latitude of places in the scene, counted from the centre of the first px."""
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    pixel, line = np.broadcast_arrays(np.asarray(pixel, dtype=np.float64), np.asarray(line, dtype=np.float64))
    start = np.full(pixel.shape, geometry.lon), np.full(pixel.shape, geometry.lat)
    lon, lat, back = geod.fwd(*start, np.full(pixel.shape, geometry.heading), line * geometry.spacing_m[1])
    # The azimuth comes back as that of the way home.
    found = geod.fwd(lon, lat, np.asarray(back) + 180 + 90, pixel * geometry.spacing_m[0])
    return np.asarray(found[0]), np.asarray(found[1])


def write_product(
    folder: Path,
    number: NDArray[np.uint16],
    *,
    geometry: Geometry = Geometry(),
    calibration: Numbers,
    noise_range: Numbers,
    noise_azimuth: Numbers | None = None,
    polarisation: str = "VV",
    crossings: tuple[int, int] = (10, 21),
    step: int = 40,
    product: str = "GRD",
) -> Path:
    """Write the product of one channel into ``<folder>/<NAME>.SAFE``.

    Parameters
    ----------
    folder : Path
    number : (H, W) uint16 ndarray
        DN.
    geometry : Geometry
    calibration : (n, m) float64 ndarray
        A_σ at n lines spread evenly, from the first to the last, and at every `step`-th px and the last.
    noise_range : (n, m) float64 ndarray
        η at the same places.
    noise_azimuth : (H,) float64 ndarray, optional
        The factor of the noise at each line; without it the product is one of before IPF 2.9.
    crossings : (int, int)
        Lines and pixels of the grid of positions.

    Returns
    -------
    Path
        The SAFE folder.
    """
    root = Path(folder) / f"{NAME}.SAFE"
    stem = f"s1a-iw-grd-{polarisation.lower()}-20240412t171500-20240412t171525-053400-067a10-001"
    for part in ("measurement", "annotation/calibration"):
        (root / part).mkdir(parents=True, exist_ok=True)
    height, width = number.shape
    grid = _grid(geometry, width, height, crossings)
    _write_measurement(root / "measurement" / f"{stem}.tiff", number, grid)
    header = (
        f"<adsHeader><missionId>S1A</missionId><productType>{product}</productType><polarisation>{polarisation}</polarisation>"
    )
    header += "<mode>IW</mode><startTime>2024-04-12T17:15:00.000000</startTime></adsHeader>"
    points = "".join(
        f"<geolocationGridPoint><line>{line:.0f}</line><pixel>{pixel:.0f}</pixel><latitude>{lat!r}</latitude>"
        f"<longitude>{lon!r}</longitude><height>0.0</height><incidenceAngle>{angle!r}</incidenceAngle></geolocationGridPoint>"
        for line, pixel, lon, lat, angle in grid
    )
    spacing = f"<rangePixelSpacing>{geometry.spacing_m[0]}</rangePixelSpacing><azimuthPixelSpacing>{geometry.spacing_m[1]}</azimuthPixelSpacing>"
    annotation = (
        f"<product>{header}<imageAnnotation><imageInformation>{spacing}<numberOfSamples>{width}</numberOfSamples>"
        f"<numberOfLines>{height}</numberOfLines></imageInformation></imageAnnotation>"
        f'<geolocationGrid><geolocationGridPointList count="{len(grid)}">{points}</geolocationGridPointList></geolocationGrid></product>'
    )
    lines, pixels = table_lines(height, len(calibration)), table_pixels(width, step)
    calibrated = _vectors("calibrationVector", "sigmaNought", lines, pixels, calibration)
    if noise_azimuth is None:
        noise = f"<noiseVectorList>{_vectors('noiseVector', 'noiseLut', lines, pixels, noise_range)}</noiseVectorList>"
    else:
        every = " ".join(str(k) for k in range(height))
        values = " ".join(repr(float(each)) for each in noise_azimuth)
        noise = (
            f"<noiseRangeVectorList>{_vectors('noiseRangeVector', 'noiseRangeLut', lines, pixels, noise_range)}</noiseRangeVectorList>"
            f"<noiseAzimuthVectorList><noiseAzimuthVector><swath>IW</swath><firstAzimuthLine>0</firstAzimuthLine>"
            f"<firstRangeSample>0</firstRangeSample><lastAzimuthLine>{height - 1}</lastAzimuthLine>"
            f"<lastRangeSample>{width - 1}</lastRangeSample><line>{every}</line><noiseAzimuthLut>{values}</noiseAzimuthLut>"
            f"</noiseAzimuthVector></noiseAzimuthVectorList>"
        )
    texts = {
        f"annotation/{stem}.xml": annotation,
        f"annotation/calibration/calibration-{stem}.xml": (
            f"<calibration>{header}<calibrationVectorList>{calibrated}</calibrationVectorList></calibration>"
        ),
        f"annotation/calibration/noise-{stem}.xml": f"<noise>{header}{noise}</noise>",
        "manifest.safe": "<XFDU/>",
    }
    for name, text in texts.items():
        (root / name).write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8", newline="\n")
    return root


def table_lines(height: int, n: int) -> Numbers:
    """Lines of the tables: whole ones, spread evenly."""
    return np.rint(np.linspace(0, height - 1, n))


def table_pixels(width: int, step: int) -> Numbers:
    """Pixels of the tables: every `step`-th and the last."""
    return np.unique(np.append(np.arange(0, width, step), width - 1)).astype(np.float64)


def _grid(
    geometry: Geometry, width: int, height: int, crossings: tuple[int, int]
) -> list[tuple[float, float, float, float, float]]:
    lines, pixels = (np.rint(np.linspace(0, side - 1, n)) for side, n in ((height, crossings[0]), (width, crossings[1])))
    line, pixel = (each.ravel() for each in np.meshgrid(lines, pixels, indexing="ij"))
    lon, lat = place_of(geometry, pixel, line)
    angle = geometry.near_deg + (geometry.far_deg - geometry.near_deg) * pixel / (width - 1)
    return [tuple(map(float, row)) for row in zip(line, pixel, lon, lat, angle, strict=True)]  # type: ignore[misc]


def _vectors(element: str, tag: str, lines: Numbers, pixels: Numbers, values: Numbers) -> str:
    where = " ".join(f"{each:.0f}" for each in pixels)
    return "".join(
        f'<{element}><line>{line:.0f}</line><pixel count="{pixels.size}">{where}</pixel>'
        f'<{tag} count="{pixels.size}">{" ".join(repr(float(each)) for each in row)}</{tag}></{element}>'
        for line, row in zip(lines, values, strict=True)
    )


def _write_measurement(path: Path, number: NDArray[np.uint16], grid: list[tuple[float, float, float, float, float]]) -> None:
    import rasterio
    from rasterio.control import GroundControlPoint
    from rasterio.crs import CRS

    points = [GroundControlPoint(row=line, col=pixel, x=lon, y=lat, z=0.0) for line, pixel, lon, lat, _ in grid]
    form = {"driver": "GTiff", "height": number.shape[0], "width": number.shape[1], "count": 1, "dtype": "uint16"}
    with rasterio.open(path, "w", **form, gcps=points, crs=CRS.from_epsg(4326)) as file:
        file.write(number, 1)
