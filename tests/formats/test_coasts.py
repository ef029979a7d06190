"""The land that lies beside pictures, or that the user names."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.coasts import read_coast
from imagine_kernels.formats.geojson import Feature, write_geojson


def test_what_is_named_comes_before_what_lies_beside(tmp_path: Path) -> None:
    beside, named = shapely.box(1, 2, 3, 4), shapely.box(5, 6, 7, 8)
    write_geojson([Feature(beside, {})], tmp_path / "coast.geojson")
    write_geojson([Feature(named, {})], tmp_path / "elsewhere.geojson")
    assert shapely.equals(read_coast(tmp_path)[0][0], beside)
    assert shapely.equals(read_coast(tmp_path, tmp_path / "elsewhere.geojson")[0][0], named)


def test_nothing_is_known_where_nothing_lies(tmp_path: Path) -> None:
    assert read_coast(tmp_path) == ([], [])
    (tmp_path / "scenes.zip").write_bytes(b"")
    assert read_coast(tmp_path / "scenes.zip") == ([], [])
    assert read_coast(tmp_path, "") == ([], [])


def test_a_file_that_is_named_must_be_good(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"nowhere\.geojson"):
        read_coast(tmp_path, tmp_path / "nowhere.geojson")
    (tmp_path / "coast.geojson").write_text("land")
    with pytest.raises(FormatError, match=r"coast\.geojson"):
        read_coast(tmp_path)
