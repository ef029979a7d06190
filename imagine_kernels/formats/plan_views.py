"""Plan views as GeoTIFF: the picture, where it was seen, and the coordinate system, for every GIS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.records.ground import GroundGrid
from imagine_kernels.settings import placed


def write_plan_view(
    picture: NDArray[Any],
    grid: GroundGrid,
    path: Path,
    *,
    seen: NDArray[np.bool_] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write a plan view, in tiles and packed without loss.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, bands) ndarray
        uint8, uint16, int16, float32 and the like.
    grid : GroundGrid
        Where it lies; without a ``crs`` the file has metres but no system.
    path : Path
    seen : (rows, columns) bool ndarray, optional
        Where there is a picture; written as the mask of the file.
    tags : mapping, optional
        What is said of it, such as the time and the level in m.

    Raises
    ------
    DataError
        Picture and grid differ in size, or there is no such coordinate system.
    """
    import rasterio
    from rasterio.errors import CRSError
    from rasterio.transform import Affine

    if picture.shape[:2] != (grid.rows, grid.columns) or (seen is not None and seen.shape != picture.shape[:2]):
        raise DataError(
            f"A plan view of {grid.columns} × {grid.rows} cells cannot hold a picture of {picture.shape[1]} × {picture.shape[0]}."
        )
    bands = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    large = min(grid.rows, grid.columns) >= 256
    options: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256} if large else {}
    try:
        with (
            placed(path) as passing,
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED="NO"),
            rasterio.open(
                passing,
                "w",
                driver="GTiff",
                width=grid.columns,
                height=grid.rows,
                count=len(bands),
                dtype=bands.dtype,
                crs=grid.crs or None,
                transform=Affine(*grid.affine),
                compress="deflate",
                photometric="rgb" if len(bands) == 3 and bands.dtype == np.uint8 else "minisblack",
                **options,
            ) as file,
        ):
            file.write(bands)
            if seen is not None:
                file.write_mask(seen)
            file.update_tags(**dict(tags or {}))
    except CRSError:
        raise DataError(f"There is no coordinate system {grid.crs[:80]!r}: give one such as EPSG:32631.") from None
    return path


def read_plan_view(path: Path) -> tuple[NDArray[Any], GroundGrid, NDArray[np.bool_], dict[str, str]]:
    """Read a plan view: the picture, its grid, where it was seen, and what is said of it.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, or it is no GeoTIFF with square cells.
    """
    import rasterio
    from rasterio.errors import RasterioError

    if not path.is_file():
        raise DataNotFound.no_such_path(path)
    try:
        with rasterio.open(path, driver="GTiff") as file:
            a, b, c, d, e, f = tuple(file.transform)[:6]
            bands, seen, tags = file.read(), file.dataset_mask() > 0, file.tags()
            system = file.crs
    except (RasterioError, MemoryError, ValueError):
        raise FormatError(f"{path.name} is no GeoTIFF that can be read: save it again.") from None
    spacing = float(np.hypot(a, d))
    if spacing <= 0 or not np.allclose([b, e], [d, -a], atol=1e-6 * spacing):
        raise FormatError(f"{path.name} has cells that are no squares with north up or turned: make it again with one spacing.")
    code = system.to_epsg() if system else None
    crs = f"EPSG:{code}" if code else system.to_wkt() if system else ""
    grid = GroundGrid(c, f, spacing, bands.shape[2], bands.shape[1], float(np.degrees(np.arctan2(d, a))), crs)
    picture = bands[0] if len(bands) == 1 else np.moveaxis(bands, 0, -1)
    return picture, grid, seen, {name: value for name, value in tags.items() if name != "AREA_OR_POINT"}
