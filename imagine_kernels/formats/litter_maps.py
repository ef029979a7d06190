"""Maps of litter: a density grid as GeoTIFF, and items as GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.formats.geojson import Feature, write_geojson
from imagine_kernels.settings import placed

#: What cells that were not looked at hold.
NODATA = -9999.0


def write_density(
    items_per_m2: NDArray[Any],
    count: NDArray[Any],
    observed_m2: NDArray[Any],
    path: Path,
    *,
    west_m: float,
    north_m: float,
    cell_m: float,
    crs: str,
) -> Path:
    """Write a grid as GeoTIFF with three bands: ``items_per_m2``, ``n_items`` and ``observed_m2``, each with its unit.

    Parameters
    ----------
    items_per_m2, count, observed_m2 : (rows, columns) arrays
        The first row in the north; NaN in the first where nothing was looked at.
    path : Path
    west_m, north_m : float
        Of the corner of the first cell in `crs`.
    cell_m : float
    crs : str
        A coordinate system in metres, as PROJ or EPSG.

    Raises
    ------
    DataError
        The arrays are not of one shape.
    """
    import rasterio
    from rasterio.crs import CRS
    from rasterio.transform import from_origin

    bands = [np.asarray(each, dtype=np.float64) for each in (items_per_m2, count, observed_m2)]
    if len({band.shape for band in bands}) != 1 or bands[0].ndim != 2:
        raise DataError(f"The bands of {Path(path).name} are not of one shape: give grids of the same rows and columns.")
    rows, columns = bands[0].shape
    with placed(path) as passing:
        profile = {"driver": "GTiff", "width": columns, "height": rows, "count": 3, "dtype": "float32", "nodata": NODATA}
        place = {"crs": CRS.from_string(crs), "transform": from_origin(west_m, north_m, cell_m, cell_m)}
        unseen = np.isnan(bands[0])
        with rasterio.open(passing, "w", **profile, **place, compress="deflate") as file:
            for k, (name, unit) in enumerate(
                (("items_per_m2", "items/m2"), ("n_items", "items"), ("observed_m2", "m2")), start=1
            ):
                file.write(np.where(unseen, NODATA, bands[k - 1]).astype(np.float32), k)
                file.set_band_description(k, name)
                file.set_band_unit(k, unit)
    return path


def write_items(lon: ArrayLike, lat: ArrayLike, properties: Mapping[str, Any], path: Path, *, name: str = "litter items") -> Path:
    """Write items as GeoJSON points in WGS 84; those without a position have no geometry.

    Parameters
    ----------
    lon, lat : (n,) arrays
        Degrees.
    properties : mapping of str to (n,) sequences
        Names end in their units.
    path : Path
    name : str
        Of the collection.
    """
    import shapely

    def features() -> Iterator[Feature]:
        east, north = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        columns = {key: list(values) for key, values in properties.items()}
        for k, (x, y) in enumerate(zip(east.tolist(), north.tolist(), strict=True)):
            point = shapely.Point(x, y) if np.isfinite(x) and np.isfinite(y) else shapely.Point()
            yield Feature(point, {key: values[k] for key, values in columns.items()})

    return write_geojson(features(), path, about={"name": name})
