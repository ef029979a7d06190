"""Cuts as well-known text, against an independent reader, and the ids of parts."""

from __future__ import annotations

import pytest
import shapely

from imagine_kernels.errors import DataError
from imagine_kernels.records.cuts import as_wkt, from_wkt, part_ids

LINES = (((10, 4), (12, 9)), ((0, 0), (3, 1), (700, 22000)))


def test_lines_are_what_another_reader_of_well_known_text_reads() -> None:
    read = shapely.from_wkt(as_wkt(LINES))
    assert tuple(tuple((int(x), int(y)) for x, y in part.coords) for part in read.geoms) == LINES
    assert from_wkt(as_wkt(LINES)) == from_wkt(shapely.to_wkt(shapely.MultiLineString(LINES))) == LINES
    assert from_wkt(as_wkt(())) == from_wkt(None) == from_wkt(float("nan")) == ()


@pytest.mark.parametrize(
    "text", ["POINT (1 2)", "MULTILINESTRING ((1 2))", "MULTILINESTRING ((1, 2 3))", "MULTILINESTRING ((a b, 1 2))"]
)
def test_what_is_no_cut_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"says no cut: give lines as MULTILINESTRING"):
        from_wkt(text)


def test_ids_of_parts_are_new_ones() -> None:
    assert part_ids("a_1", 2, {"a_1"}) == ["a_1_1", "a_1_2"]
    # Another scan is called a_1, and the object was divided before.
    assert part_ids("a_1", 3, {"a_1_1", "a_1_3"}) == ["a_1_2", "a_1_4", "a_1_5"]
