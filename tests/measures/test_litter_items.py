"""Finds on the ground and as items; the whole way from photos is tested with the sample."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from imagine_kernels.errors import DataError
from imagine_kernels.measures.litter_items import items_of, place_finds
from imagine_kernels.measures.photo_place import PhotoGeoreference
from imagine_kernels.records.photo_geometry import PhotoGeometry
from imagine_kernels.records.shapes import Shape


class Map:
    """A georeference that is a plate carrée of 1e-7 degrees for a pixel."""

    def lonlat(self, x, y):
        return 2.75 + 1e-7 * np.asarray(x, float), 39.36 - 1e-7 * np.asarray(y, float)

    def pixels(self, lon, lat):
        return (np.asarray(lon, float) - 2.75) * 1e7, (39.36 - np.asarray(lat, float)) * 1e7

    def error_m(self, x, y):
        return np.full(np.shape(x), 0.1)


def photo(east_px: float) -> PhotoGeoreference:
    return PhotoGeoreference(
        PhotoGeometry(
            name="a.jpg", width=1000, height=750, lon=2.75 + 1e-7 * east_px, lat=39.36, height_m=10.0, yaw_deg=0.0, pitch_deg=-90.0, focal_px=2000.0,
            centre_x_px=500.0, centre_y_px=375.0, horizontal_error_m=0.05, height_error_m=0.5, tilt_error_deg=1.0, yaw_error_deg=3.0,
        )
    )  # fmt: skip


BOX = Shape.of("rectangle", [100, 100, 120, 140])


def test_each_find_gets_its_place_and_size():
    table = place_finds(
        ["m", "none"], [BOX, BOX], ["can", "cap"], {"m": Map()}, survey_of={"m": "s", "none": "s"}, confidences=[0.9, 0.8]
    )
    first, second = table.iloc[0], table.iloc[1]
    assert (first["lon_deg"], first["lat_deg"]) == (pytest.approx(2.75 + 110e-7), pytest.approx(39.36 - 120e-7))
    # 20 px of 0.862 cm by 40 px of 1.110 cm.
    assert first["size_cm"] == pytest.approx(np.hypot(20 * 0.862, 40 * 1.110), rel=1e-3)
    assert (first["size_is_bound"], first["size_class"], first["radius95_m"]) == (
        True,
        "30-50 cm",
        pytest.approx(0.245, abs=0.001),
    )
    assert np.isnan(second["lon_deg"])
    assert second["size_class"] == "unknown"


def test_what_is_cut_at_the_rim_takes_its_size_from_where_it_is_whole():
    # One stick of 40 cm: whole in the first photo, cut at the left rim of the second, which hangs 3.6 m to the east.
    left, right = photo(0.0), photo(360 / 0.8622)
    stick = shapely.box(1.0, 0.2, 1.4, 0.23)
    finds, shapes = [], []
    for name, place in (("l", left), ("r", right)):
        outline = np.array(stick.exterior.coords[:-1])
        lon, lat = left.plane.lonlat(outline[:, 0] + (-0.1 if name == "r" else 0), outline[:, 1])
        x, y = place.pixels(lon, lat)
        seen = shapely.Polygon(np.column_stack([x, y])).intersection(shapely.box(0, 0, 1000, 750))
        finds.append(name)
        shapes.append(Shape.of("polygon", np.array(seen.exterior.coords[:-1]).ravel().tolist()))
    places = {"l": left, "r": right}
    table = place_finds(
        finds, shapes, ["rope"] * 2, places, survey_of=dict.fromkeys(places, "s"), sizes_px=dict.fromkeys(places, (1000, 750))
    )
    assert table["at_rim"].tolist() == [False, True]
    assert table["size_cm"].iloc[1] < 30
    (item,) = items_of(table, places).to_dict("records")
    assert (item["n_photos"], item["photos"], item["size_class"]) == (2, "l;r", "30-50 cm")
    assert item["size_cm"] == pytest.approx(40.1, abs=0.2)


def test_surveys_are_kept_apart_and_nothing_gives_nothing():
    table = place_finds(["a", "b"], [BOX, BOX], ["can"] * 2, {"a": Map(), "b": Map()}, survey_of={"a": "s", "b": "t"})
    items = items_of(table)
    assert items["survey_id"].tolist() == ["s", "t"]
    assert items["item_id"].tolist() == ["s-0001", "t-0001"]
    empty = items_of(place_finds([], [], [], {}, survey_of={}))
    assert len(empty) == 0
    assert list(empty.columns) == list(items.columns)


def test_finds_without_any_place_stay_items():
    items = items_of(place_finds(["a", "b"], [BOX, BOX], ["can"] * 2, {}, survey_of={"a": "s", "b": "s"}))
    assert len(items) == 2
    assert np.isnan(items["lon_deg"]).all()


def test_what_does_not_fit():
    with pytest.raises(DataError, match="The photo a is of no survey"):
        place_finds(["a"], [BOX], ["can"], {}, survey_of={})
    with pytest.raises(DataError, match="another number of shapes"):
        place_finds(["a"], [], ["can"], {}, survey_of={"a": "s"})
