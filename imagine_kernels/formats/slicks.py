"""Slicks for other programs: their outlines with all that was measured as GeoJSON, and a mask of labels as GeoTIFF with its place on the earth."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound, FormatError, ImageError
from imagine_kernels.formats.geojson import Feature, read_geojson, write_geojson
from imagine_kernels.records import Georeference, Problem
from imagine_kernels.settings import placed

if TYPE_CHECKING:
    import pandas as pd
    from shapely import Geometry

#: Columns of a table that hold shapes, not properties.
_SHAPES = ("polygon", "outline_px")
#: Along each side of a mask so many control points are written where there is no map projection.
_POINTS = 21


def write_slicks(table: pd.DataFrame, path: Path, *, about: Mapping[str, Any] | None = None) -> Path:
    """Write one feature for each slick, in WGS 84; the properties are the columns of the table, whose names end in their units.

    Outlines that cross longitude 180° are cut there, as RFC 7946 wants (section 3.1.9).

    Parameters
    ----------
    table : DataFrame
        With a column ``polygon`` of shapely geometries in longitude and latitude.
    path : Path
    about : mapping, optional
        Members of the collection itself.

    Raises
    ------
    DataError
        A slick has no place on the earth.
    """
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    lost = [str(row.get("slick_id", k + 1)) for k, row in enumerate(rows) if row.get("polygon") is None]
    if lost:
        raise DataError(
            f"The slick {lost[0]} has no place on the earth, so that it cannot be drawn on a map: give a scene with a georeference."
        )
    features = (Feature(_cut(row["polygon"]), {k: v for k, v in row.items() if k not in _SHAPES}) for row in rows)
    return write_geojson(features, path, about=about)


def read_slicks(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """The slicks of a GeoJSON file as a table with a column ``polygon``: those of `write_slicks`, or of other programs.

    Raises
    ------
    DataNotFound, FormatError
        See `read_geojson`.
    """
    import pandas as pd

    features, problems = read_geojson(path)
    rows = []
    for k, each in enumerate(features):
        if each.geometry.geom_type.endswith("Polygon"):
            rows.append({**each.properties, "polygon": each.geometry})
        else:
            problems.append(
                Problem(item=Path(path).name, what=f"feature {k + 1} is a {each.geometry.geom_type}", remedy="it was left out")
            )
    return pd.DataFrame(rows), problems


def write_mask(
    parts: Iterable[tuple[int, int, NDArray[np.uint8]]],
    path: Path,
    *,
    width: int,
    height: int,
    georeference: Georeference | None = None,
    labels: Mapping[int, str] | None = None,
) -> Path:
    """Write a mask of labels as a GeoTIFF in tiles, part by part, so that one of a whole scene takes little memory.

    A georeference with a map projection (``transform`` and ``crs``) is kept as it is; any other one becomes a grid of control points in WGS 84.

    Parameters
    ----------
    parts : iterable of (x, y, mask)
        Column and row of the first px, and labels (h, w) uint8; what no part covers is 0.
    path : Path
    width, height : int
        Of the whole mask, px.
    georeference : Georeference, optional
    labels : mapping of int to str, optional
        Written as tags ``label_<value>``.

    Raises
    ------
    DataError
        A part reaches out of the mask.
    """
    import rasterio
    from rasterio.windows import Window

    form: dict[str, Any] = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 1,
        "dtype": "uint8",
        "compress": "deflate",
    }
    if width >= 256 and height >= 256:
        form |= {"tiled": True, "blockxsize": 256, "blockysize": 256}
    form |= _place(georeference, width, height)
    with (
        _quiet(),
        placed(Path(path)) as passing,
        rasterio.Env(GDAL_PAM_ENABLED="NO"),
        rasterio.open(passing, "w", **form) as file,
    ):
        file.update_tags(**{f"label_{value}": name for value, name in (labels or {}).items()})
        for x, y, mask in parts:
            if min(x, y) < 0 or x + mask.shape[1] > width or y + mask.shape[0] > height:
                raise DataError(f"A part of a mask at {x}, {y} reaches out of it: it measures {width} × {height} px.")
            file.write(mask, 1, window=Window(x, y, mask.shape[1], mask.shape[0]))
    return Path(path)


def read_mask(path: Path) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """A mask of labels, (H, W) uint8, and the labels that its tags name.

    Raises
    ------
    DataNotFound
        There is no such file.
    ImageError
        It cannot be read.
    FormatError
        It is no mask.
    """
    import rasterio
    from rasterio.errors import RasterioError

    if not Path(path).is_file():
        raise DataNotFound.no_such_path(path)
    try:
        with _quiet(), rasterio.open(path, driver="GTiff") as file:
            if file.count != 1 or file.dtypes[0] != "uint8":
                raise FormatError(f"{Path(path).name} is no mask of labels: it must have one band of 8 bits.")
            tags = {name.removeprefix("label_"): text for name, text in file.tags().items() if name.startswith("label_")}
            return file.read(1), {int(value): text for value, text in tags.items() if value.isdigit()}
    except (RasterioError, OSError):
        raise ImageError(f"{Path(path).name} is not a GeoTIFF that can be read: write it again.") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """A mask of a plain picture has no place on the earth, and needs none."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _place(georeference: Georeference | None, width: int, height: int) -> dict[str, Any]:
    import rasterio
    from rasterio.control import GroundControlPoint

    if georeference is None:
        return {}
    transform, crs = getattr(georeference, "transform", None), getattr(georeference, "crs", None)
    if transform is not None and crs is not None:
        return {"transform": rasterio.Affine(*transform), "crs": crs}
    x, y = (each.ravel() for each in np.meshgrid(np.linspace(0, width, _POINTS), np.linspace(0, height, _POINTS)))
    lon, lat = georeference.lonlat(x, y)
    points = [
        GroundControlPoint(row=float(b), col=float(a), x=float(c), y=float(d), z=0.0)
        for a, b, c, d in zip(x, y, lon, lat, strict=True)
        if np.isfinite(c) and np.isfinite(d)
    ]
    return {"gcps": points, "crs": "EPSG:4326"}


def _cut(polygon: Geometry) -> Geometry:
    """The same with all longitudes between -180 and 180."""
    import shapely
    import shapely.affinity

    west, _, east, _ = polygon.bounds
    if west >= -180 and east <= 180:
        return polygon
    valid = shapely.make_valid(polygon)
    parts = [
        shapely.affinity.translate(shapely.clip_by_rect(valid, -180 - turn, -90, 180 - turn, 90), turn)
        for turn in (-360.0, 0.0, 360.0)
    ]
    return shapely.union_all([part for part in parts if part.area > 0])
