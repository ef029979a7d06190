"""Orthomosaics, against GDAL and GeographicLib."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from geographiclib.geodesic import Geodesic
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform

from imagine_kernels.errors import DataNotFound, FormatError, SettingError
from imagine_kernels.measures.geodesy import area_m2
from imagine_kernels.media.orthomosaics import Orthomosaic

UTM = from_origin(478_000, 4_356_000, 0.02, 0.02)
DEGREES = from_origin(2.75, 39.36, 2e-7, 2e-7)


def mosaic(path, crs="EPSG:25831", place=UTM, *, bands=3, dtype="uint8", size=(60, 80), nodata=None, alpha=None, fill=120):
    rows, columns = size
    count = bands + (alpha is not None)
    profile = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": count,
        "dtype": dtype,
        "crs": crs,
        "transform": place,
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **profile) as file:
        values = np.full((bands, rows, columns), fill, dtype=dtype)
        if nodata is not None:
            values[:, :, : columns // 4] = nodata
        file.write(values, list(range(1, bands + 1)))
        if alpha is not None:
            file.colorinterp = [
                *[rasterio.enums.ColorInterp.red, rasterio.enums.ColorInterp.green, rasterio.enums.ColorInterp.blue][:bands],
                rasterio.enums.ColorInterp.alpha,
            ]
            file.write(alpha, count)
    return path


@pytest.mark.parametrize(("crs", "place"), [("EPSG:25831", UTM), ("EPSG:4326", DEGREES), ("EPSG:3857", from_origin(306_000, 4_775_000, 0.03, 0.03)),
    ("EPSG:25831", Affine.translation(478_000, 4_356_000) @ Affine.rotation(25) @ Affine.scale(0.02, -0.02))])  # fmt: skip
def test_pixels_lie_where_gdal_says(tmp_path, crs, place):
    x, y = np.array([0, 0.5, 80, 33.3]), np.array([0, 0.5, 60, 12.1])
    with Orthomosaic(mosaic(tmp_path / "m.tif", crs, place)) as found:
        lon, lat = found.lonlat(x, y)
        east, north = rasterio.transform.xy(place, y, x, offset="ul")
        expected = transform(crs, "EPSG:4326", list(np.ravel(east)), list(np.ravel(north)))
        np.testing.assert_allclose([lon, lat], expected, atol=1e-9)
        back = found.pixels(lon, lat)
        # A hundredth of a px: a tenth of a millimetre.
        np.testing.assert_allclose(np.stack(back), [x, y], atol=0.01)
        across, along = found.gsd_cm([40], [30])
        for step, size in (((0.5, 0), across), ((0, 0.5), along)):
            a, b = found.lonlat(40 - step[0], 30 - step[1]), found.lonlat(40 + step[0], 30 + step[1])
            assert size[0] == pytest.approx(
                100 * Geodesic.WGS84.Inverse(float(a[1]), float(a[0]), float(b[1]), float(b[0]))["s12"], rel=1e-4
            )


def test_a_pixel_in_degrees_or_web_mercator_has_true_centimetres(tmp_path):
    with Orthomosaic(mosaic(tmp_path / "d.tif", "EPSG:4326", DEGREES)) as found:
        across, along = found.gsd_cm(40, 30)
        # A degree of longitude at 39.36° N is 86.2 km, one of latitude 111.0 km.
        assert (float(across), float(along)) == (pytest.approx(1.724, abs=0.002), pytest.approx(2.220, abs=0.002))
        assert found.middle_gsd_cm == float(along)
    with Orthomosaic(mosaic(tmp_path / "w.tif", "EPSG:3857", from_origin(306_000, 4_775_000, 0.03, 0.03))) as found:
        assert found.middle_gsd_cm == pytest.approx(2.32, abs=0.02)


def test_the_footprint_is_the_valid_area(tmp_path):
    with Orthomosaic(mosaic(tmp_path / "n.tif", nodata=0)) as found:
        assert area_m2(found.footprint()) == pytest.approx(60 * 60 * 0.02**2, rel=2e-3)
        picture, valid = found.read(10, 10, 20, 20)
        assert valid.sum() == 20 * 10
        assert (picture[valid] == 120).all()
        assert (picture[~valid] == 0).all()
    alpha = np.zeros((60, 80), dtype=np.uint8)
    alpha[:30] = 255
    with Orthomosaic(mosaic(tmp_path / "a.tif", alpha=alpha)) as found:
        assert area_m2(found.footprint()) == pytest.approx(80 * 30 * 0.02**2, rel=2e-3)
    with Orthomosaic(mosaic(tmp_path / "e.tif", alpha=np.zeros((60, 80), dtype=np.uint8))) as found:
        assert found.footprint().is_empty


def test_windows_beyond_the_rim(tmp_path):
    with Orthomosaic(mosaic(tmp_path / "m.tif")) as found:
        picture, valid = found.read(70, -5, 30, 20)
        assert picture.shape == (20, 30, 3)
        assert valid[5:, :10].all()
        assert valid.sum() == 150
        assert not found.read(200, 200, 8, 8)[1].any()


def test_one_band_of_sixteen_bits_becomes_a_picture(tmp_path):
    with Orthomosaic(mosaic(tmp_path / "g.tif", bands=1, dtype="uint16", fill=65535)) as found:
        assert (found.read(0, 0, 8, 8)[0] == 255).all()


def test_errors_are_as_given_or_not_known(tmp_path):
    path = mosaic(tmp_path / "m.tif")
    with Orthomosaic(path) as found:
        assert np.isnan(found.error_m([1, 2], [3, 4])).all()
        assert found.crs == "EPSG:25831"
    with Orthomosaic(path, standard_error_m=0.04) as found:
        assert found.error_m([1, 2], [3, 4]).tolist() == [0.04, 0.04]
    with pytest.raises(SettingError, match="give a number from 0 on"):
        Orthomosaic(path, standard_error_m=-1)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_is_no_orthomosaic(tmp_path):
    with pytest.raises(DataNotFound, match="There is nothing at"):
        Orthomosaic(tmp_path / "none.tif")
    (tmp_path / "text.tif").write_text("no picture")
    with pytest.raises(FormatError, match=r"text\.tif is no GeoTIFF"):
        Orthomosaic(tmp_path / "text.tif")
    with pytest.raises(FormatError, match=r"m\.tif does not say where it lies"):
        Orthomosaic(mosaic(tmp_path / "m.tif", crs=None))
    with pytest.raises(FormatError, match="does not say where it lies"):
        Orthomosaic(mosaic(tmp_path / "i.tif", place=Affine.identity()))


def test_a_real_scene(shared_data):
    path = next(shared_data("litter/sentinel2-coast").rglob("*.tif"))
    with Orthomosaic(path) as found, rasterio.open(path) as file:
        assert found.middle_gsd_cm == pytest.approx(1000, rel=0.002)
        corner = transform(file.crs, "EPSG:4326", [file.bounds.left], [file.bounds.top])
        np.testing.assert_allclose(np.ravel(found.lonlat(0, 0)), np.ravel(corner), atol=1e-9)
        assert area_m2(found.footprint()) == pytest.approx(file.width * file.height * 100, rel=0.003)
