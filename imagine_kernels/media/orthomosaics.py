"""Orthomosaics: GeoTIFF files of any size that know their place, read in windows."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataNotFound, FormatError, ImageError, SettingError
from imagine_kernels.media.rasters import gdal

if TYPE_CHECKING:
    from shapely import Geometry

#: The valid area is looked for in a copy of at most so many px each way.
_MASK_SIDE = 2048

_Numbers = NDArray[np.float64]


class Orthomosaic:
    """One GeoTIFF, open, and the `imagine_kernels.records.Georeference` of its pixels.

    Parameters
    ----------
    path : Path
    standard_error_m : float, optional
        Standard error of its positions along any one direction, m, as its report says it; NaN where it is not known.

    Attributes
    ----------
    width, height : int
        In px.
    crs : str
        As ``EPSG:…`` where it has such a number, else as WKT.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no GeoTIFF, or does not say where it lies.
    SettingError
        The error is below 0.
    """

    def __init__(self, path: Path, *, standard_error_m: float = math.nan) -> None:
        import rasterio
        from pyproj import CRS
        from pyproj.exceptions import CRSError
        from rasterio.errors import RasterioError

        self.path = Path(path)
        if standard_error_m < 0:
            raise SettingError(f"The error of positions is {standard_error_m:g} m: give a number from 0 on.")
        if not self.path.is_file():
            raise DataNotFound.no_such_path(path)
        try:
            with gdal():
                self._file: Any = rasterio.open(self.path, driver="GTiff")
        except (RasterioError, OSError, ValueError):
            raise FormatError(f"{self.path.name} is no GeoTIFF that can be read: export the orthomosaic again.") from None
        self.width, self.height = int(self._file.width), int(self._file.height)
        self._affine = self._file.transform
        self._error = float(standard_error_m)
        try:
            if self._file.crs is None or self._affine.is_identity or self._affine.determinant == 0:
                raise FormatError(
                    f"{self.path.name} does not say where it lies (coordinate system and place): export it with georeference as GeoTIFF."
                )
            system = CRS.from_wkt(self._file.crs.to_wkt())
        except CRSError:
            raise FormatError(
                f"{self.path.name} has a coordinate system that is not known: export it in WGS 84 or UTM."
            ) from None
        self._system = system.sub_crs_list[0] if system.is_compound else system
        number = self._system.to_epsg()
        self.crs = f"EPSG:{number}" if number else str(self._system.to_wkt())

    @cached_property
    def _to_wgs84(self) -> Any:
        from pyproj import Transformer

        return Transformer.from_crs(self._system, "EPSG:4326", always_xy=True)

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """Longitude and latitude of positions (n,) in px, degrees; NaN for what does not lie on the earth."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        a = self._affine
        lon, lat = self._to_wgs84.transform(a.a * px + a.b * py + a.c, a.d * px + a.e * py + a.f)
        known = np.isfinite(lon) & np.isfinite(lat)
        return np.where(known, lon, np.nan), np.where(known, lat, np.nan)

    def pixels(self, lon: ArrayLike, lat: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """Positions in px of longitudes and latitudes (n,); they may lie outside of the picture."""
        degrees = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        east, north = (np.asarray(each) for each in self._to_wgs84.transform(*degrees, direction="INVERSE"))
        back = ~self._affine
        known = np.isfinite(east) & np.isfinite(north)
        with np.errstate(invalid="ignore"):
            px, py = back.a * east + back.b * north + back.c, back.d * east + back.e * north + back.f
        return np.where(known, px, np.nan), np.where(known, py, np.nan)

    def error_m(self, x: ArrayLike, y: ArrayLike) -> _Numbers:
        """Standard error of the position along any one direction (n,), m; NaN where it was not given."""
        return np.full(np.broadcast_shapes(np.shape(x), np.shape(y)), self._error)

    def gsd_cm(self, x: ArrayLike, y: ArrayLike) -> tuple[_Numbers, _Numbers]:
        """What a pixel covers at positions (n,), cm on the ellipsoid: along the rows, and along the columns."""
        from pyproj import Geod

        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        earth, sizes = Geod(ellps="WGS84"), []
        for step in ((0.5, 0.0), (0.0, 0.5)):
            first, second = self.lonlat(px - step[0], py - step[1]), self.lonlat(px + step[0], py + step[1])
            sizes.append(100 * np.asarray(earth.inv(*first, *second)[2], dtype=np.float64))
        return sizes[0], sizes[1]

    @property
    def middle_gsd_cm(self) -> float:
        """What a pixel in the middle covers, cm, the larger of its two sides."""
        return float(np.fmax(*self.gsd_cm(self.width / 2, self.height / 2)))

    def read(self, x: int, y: int, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """A window as a picture, and which of its pixels are valid; what lies outside of the mosaic is black and not valid.

        Returns
        -------
        (height, width, 3) uint8 ndarray
            The first three bands, or the first one thrice; bands of more than 8 bits are scaled by the highest value that their kind
            can take.
        (height, width) bool ndarray

        Raises
        ------
        ImageError
            That part of the file is damaged.
        """
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        bands = [1, 2, 3] if self._file.count >= 3 else [1, 1, 1]
        window = Window(x, y, width, height)
        try:
            with gdal():
                values = self._file.read(bands, window=window, boundless=True, fill_value=0)
                # Read within the file, as outside of it masks are of no use.
                inside = (
                    window.intersection(Window(0, 0, self.width, self.height))
                    if _meets(window, self.width, self.height)
                    else None
                )
                valid = np.zeros((height, width), dtype=bool)
                if inside is not None:
                    left, top = int(inside.col_off) - x, int(inside.row_off) - y
                    valid[top : top + int(inside.height), left : left + int(inside.width)] = (
                        self._file.dataset_mask(window=inside) > 0
                    )
        except (RasterioError, MemoryError, ValueError, OSError):
            raise ImageError(f"{self.path.name} is damaged and cannot be decoded from there on: copy it again.") from None
        shown = np.moveaxis(values, 0, 2)
        if shown.dtype != np.uint8:
            full = float(np.iinfo(shown.dtype).max) if shown.dtype.kind in "ui" else 1.0
            shown = np.clip(np.nan_to_num(shown.astype(np.float64)) / full * 255, 0, 255).round().astype(np.uint8)
        return np.where(valid[:, :, None], shown, 0).astype(np.uint8), valid

    def footprint(self) -> Geometry:
        """The valid area in longitude and latitude: without what is transparent or marked as missing.

        Of a large mosaic it is told from a smaller copy, to about a two-thousandth of its longer side.
        """
        import shapely
        from rasterio.features import shapes

        step = max(1, math.ceil(max(self.width, self.height) / _MASK_SIDE))
        rows, columns = math.ceil(self.height / step), math.ceil(self.width / step)
        with gdal():
            valid = self._file.dataset_mask(out_shape=(rows, columns)) > 0
        if valid.all():
            found: Geometry = shapely.box(0, 0, self.width, self.height)
        else:
            parts = [shapely.geometry.shape(shape) for shape, _ in shapes(valid.astype(np.uint8), mask=valid)]
            found = shapely.union_all(parts) if parts else shapely.Polygon()
            found = shapely.transform(found, lambda xy: xy * [self.width / columns, self.height / rows])
        # Long sides get points between, as straight lines of one projection are bent in another.
        found = shapely.segmentize(found, max(self.width, self.height) / 8)
        return shapely.transform(found, lambda xy: np.column_stack(self.lonlat(xy[:, 0], xy[:, 1])))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Orthomosaic:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _meets(window: Any, width: int, height: int) -> bool:
    across = window.col_off < width and window.col_off + window.width > 0
    return bool(across and window.row_off < height and window.row_off + window.height > 0)
