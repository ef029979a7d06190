"""Slicks as GeoJSON, masks as GeoTIFF, coasts from GeoJSON and shapefiles."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS, Transformer

from imagine_kernels.errors import DataError, DataNotFound, FormatError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.formats.polygon_file import read_polygons, read_shapefile
from imagine_kernels.formats.slicks import read_mask, read_slicks, write_mask, write_slicks
from imagine_kernels.media.sar import open_scene
from imagine_kernels.media.sar_georeference import AffineGeoreference
from imagine_kernels.samples.safe_product import table_pixels, write_product


def table(*polygons) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "slick_id": [f"a_{k}" for k in range(len(polygons))],
            "area_km2": 1.5,
            "wind": "eligible",
            "polygon": list(polygons),
            "outline_px": None,
        }
    )


def test_slicks_that_are_written_are_read(tmp_path: Path):
    slick = shapely.box(10, 40, 10.5, 40.25).difference(shapely.box(10.1, 40.1, 10.2, 40.2))
    path = write_slicks(table(slick), tmp_path / "a.geojson", about={"name": "scene"})
    found, problems = read_slicks(path)
    assert problems == []
    assert found["polygon"].iloc[0].equals(slick)
    assert (found["area_km2"].iloc[0], found["slick_id"].iloc[0]) == (1.5, "a_0")
    data = json.loads(path.read_text(encoding="utf-8"))
    assert "outline_px" not in data["features"][0]["properties"]
    assert data["name"] == "scene"


def test_slicks_across_the_date_line_are_cut_there(tmp_path: Path):
    found, _ = read_slicks(write_slicks(table(shapely.box(179.5, 0, 180.5, 1)), tmp_path / "a.geojson"))
    assert found["polygon"].iloc[0].equals(shapely.MultiPolygon([shapely.box(179.5, 0, 180, 1), shapely.box(-180, 0, -179.5, 1)]))


def test_slicks_without_a_place(tmp_path: Path):
    with pytest.raises(DataError, match="The slick a_1 has no place on the earth"):
        write_slicks(table(shapely.box(0, 0, 1, 1), None), tmp_path / "a.geojson")
    assert not (tmp_path / "a.geojson").exists()


def test_polygons_of_a_detector_of_others(shared_data):
    found = 0
    for path in sorted((shared_data("oil_spill") / "wakashio-case").rglob("*.geojson")):
        slicks, problems = read_slicks(path)
        assert problems == []
        found += len(slicks)
        assert slicks["polygon"].map(lambda each: 57 < each.centroid.x < 58.5 and -21 < each.centroid.y < -19.5).all()
    assert found == 28


@given(mask=arrays(np.uint8, (17, 23), elements=st.integers(0, 3)), side=st.integers(3, 30))
@settings(max_examples=20, deadline=None)
def test_masks_that_are_written_are_read(tmp_path_factory, mask: np.ndarray, side: int):
    parts = [(x, y, mask[y : y + side, x : x + side]) for y in range(0, 17, side) for x in range(0, 23, side)]
    path = write_mask(parts, tmp_path_factory.mktemp("masks") / "a.tif", width=23, height=17, labels={1: "oil", 2: "look-alike"})
    found, labels = read_mask(path)
    assert np.array_equal(found, mask)
    assert labels == {1: "oil", 2: "look-alike"}


def test_a_mask_keeps_the_projection(tmp_path: Path):
    georeference = AffineGeoreference((20.0, 0.0, 500_000.0, 0.0, -20.0, 4_500_000.0), CRS.from_epsg(32633).to_wkt())
    path = write_mask(
        [(0, 0, np.ones((300, 400), np.uint8))], tmp_path / "a.tif", width=400, height=300, georeference=georeference
    )
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 32633
        assert tuple(file.transform)[:6] == georeference.transform
        assert file.block_shapes == [(256, 256)]
    scene = open_scene(Files(path))
    assert np.allclose(scene.georeference.lonlat([3.0], [4.0]), georeference.lonlat([3.0], [4.0]), atol=1e-12)


def test_a_mask_of_a_product_has_control_points_at_its_places(tmp_path: Path):
    number = np.full((300, 400), 300, np.uint16)
    tables = np.full((4, table_pixels(400, 40).size), 400.0)
    scene = open_scene(Files(write_product(tmp_path, number, calibration=tables, noise_range=tables * 0).parent))
    path = write_mask([], tmp_path / "a.tif", width=400, height=300, georeference=scene.georeference)
    again = open_scene(Files(path))
    x, y = np.array([1.0, 200.3, 399.0]), np.array([2.0, 100.0, 298.0])
    assert np.allclose(again.georeference.lonlat(x, y), scene.georeference.lonlat(x, y), atol=1e-8)


def test_masks_that_are_none(tmp_path: Path):
    with pytest.raises(DataError, match="reaches out of it"):
        write_mask([(5, 0, np.ones((4, 4), np.uint8))], tmp_path / "a.tif", width=8, height=8)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    with pytest.raises(ImageError, match="not a GeoTIFF that can be read"):
        read_mask(tmp_path / "b.tif")
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_mask(tmp_path / "c.tif")
    with rasterio.open(tmp_path / "d.tif", "w", driver="GTiff", width=3, height=3, count=2, dtype="uint8") as file:
        file.write(np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(FormatError, match="one band of 8 bits"):
        read_mask(tmp_path / "d.tif")


def shapefile(path: Path, records: list[list[list[tuple[float, float]]]], kind: int = 5, prj: str = "") -> Path:
    """By the technical description: file header of 100 bytes, then records of parts and points."""
    body = b""
    for number, parts in enumerate(records, 1):
        points = [point for part in parts for point in part]
        starts = np.cumsum([0, *(len(part) for part in parts)])[:-1]
        bounds = (*np.min(points, axis=0), *np.max(points, axis=0))
        content = struct.pack("<i4d2i", kind, *bounds, len(parts), len(points))
        content += struct.pack(f"<{len(parts)}i", *starts) + b"".join(struct.pack("<2d", *point) for point in points)
        body += struct.pack(">2i", number, len(content) // 2) + content
    head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2) + struct.pack("<2i8d", 1000, kind, *[0.0] * 8)
    path.write_bytes(head + body)
    if prj:
        path.with_suffix(".prj").write_text(prj, encoding="utf-8")
    return path


# Clockwise outside, counter-clockwise for the lake.
ISLAND = [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0)]
LAKE = [(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (1.0, 1.0)]
OTHER = [(6.0, 0.0), (6.0, 1.0), (7.0, 1.0), (6.0, 0.0)]


def test_islands_and_lakes_of_a_shapefile(tmp_path: Path):
    path = shapefile(tmp_path / "coast.shp", [[ISLAND, LAKE], [OTHER, ISLAND]])
    polygons, problems = read_polygons(path)
    assert problems == []
    assert polygons[0].equals(shapely.Polygon(ISLAND, [LAKE]))
    assert polygons[1].equals(shapely.MultiPolygon([shapely.Polygon(OTHER), shapely.Polygon(ISLAND)]))


def test_a_shapefile_in_metres_is_turned_into_degrees(tmp_path: Path):
    metres = [(5e5 + 1e4 * x, 4e6 + 1e4 * y) for x, y in ISLAND]
    path = shapefile(tmp_path / "coast.shp", [[metres]], prj=CRS.from_epsg(32633).to_wkt("WKT1_ESRI"))
    turn = Transformer.from_crs(32633, 4326, always_xy=True)
    expected = [turn.transform(*point) for point in metres]
    assert np.allclose(
        sorted(shapely.get_coordinates(read_polygons(path)[0][0]).tolist()), sorted(map(list, expected)), atol=1e-9
    )
    path.with_suffix(".prj").unlink()
    with pytest.raises(FormatError, match=r"has no \.prj beside it and is not in degrees"):
        read_polygons(path)
    path.with_suffix(".prj").write_text("LOCAL[nothing]", encoding="utf-8")
    with pytest.raises(FormatError, match="coordinate system that is not known"):
        read_polygons(path)


def test_shapefiles_that_are_damaged(tmp_path: Path):
    path = shapefile(tmp_path / "coast.shp", [[ISLAND], [OTHER]])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    geometries, problems = read_shapefile(path)
    assert (len(geometries), [each.what for each in problems]) == (1, ["record 2 is cut off"])
    damaged = bytearray(whole)
    damaged[100 + 8 + 36 : 100 + 8 + 40] = struct.pack("<i", 10**8)
    path.write_bytes(bytes(damaged))
    geometries, problems = read_shapefile(path)
    assert (len(geometries), [each.what for each in problems]) == (1, ["record 1 is damaged"])
    path.write_bytes(b"no shapefile")
    with pytest.raises(FormatError, match="is no shapefile"):
        read_shapefile(path)
    lines = shapefile(tmp_path / "lines.shp", [[ISLAND]], kind=3)
    with pytest.raises(DataNotFound, match="give the land as polygons"):
        read_polygons(lines)


@given(data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_a_shapefile_or_a_sentence(tmp_path_factory, data: bytes):
    path = tmp_path_factory.mktemp("shp") / "a.shp"
    path.write_bytes(struct.pack(">i", 9994) + bytes(96) + data)
    geometries, _ = read_shapefile(path)
    assert all(each.is_valid for each in geometries)
