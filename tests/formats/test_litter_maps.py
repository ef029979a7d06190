"""Items as GeoJSON, and grids that cannot be written; the grid itself is read again in tests/measures."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from imagine_kernels.errors import DataError
from imagine_kernels.formats.geojson import read_geojson
from imagine_kernels.formats.litter_maps import write_density, write_items


def test_items_keep_their_places_and_what_is_said_of_them(tmp_path):
    path = write_items(
        [2.75, np.nan], [39.36, 39.0], {"label": ["can", "cap"], "size_cm": np.array([12.0, np.nan])}, tmp_path / "items.geojson"
    )
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["name"] == "litter items"
    first, second = data["features"]
    assert first["geometry"]["coordinates"] == [2.75, 39.36]
    assert (second["geometry"], second["properties"]) == (None, {"label": "cap", "size_cm": None})
    features, problems = read_geojson(path)
    assert (features[0].geometry.x, features[0].geometry.y, len(problems)) == (2.75, 39.36, 1)


def test_grids_of_different_shapes(tmp_path):
    with pytest.raises(DataError, match=r"The bands of d\.tif are not of one shape"):
        write_density(
            np.zeros((2, 2)),
            np.zeros((2, 3)),
            np.zeros((2, 2)),
            tmp_path / "d.tif",
            west_m=0,
            north_m=0,
            cell_m=1,
            crs="EPSG:25831",
        )
    assert list(tmp_path.iterdir()) == []


def test_a_grid_in_a_numbered_system(tmp_path):
    grid = np.array([[0.5, np.nan]])
    path = write_density(
        grid,
        np.array([[1.0, 0.0]]),
        np.array([[2.0, 0.0]]),
        tmp_path / "d.tif",
        west_m=500_000,
        north_m=4_350_000,
        cell_m=2,
        crs="EPSG:25831",
    )
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 25831
        assert tuple(file.bounds) == (500_000, 4_349_998, 500_004, 4_350_000)
        assert file.read(1, masked=True).tolist() == [[0.5, None]]
