"""The first figures and the further tables of a report."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.reports import html
from imagine_kernels.reports.tables import MAX_ROWS, further_table, title
from imagine_kernels.reports.totals import totals


def areas(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["sample_id", "taxon", "n_counted", "area_km2"])
    return table.assign(area_low_km2=table["area_km2"] * 0.5, area_high_km2=table["area_km2"] * 2)


def test_labels_have_a_tile_each_where_there_is_no_total() -> None:
    one = totals(areas([("a", "oil", 2, 4.0), ("a", "film", 1, 9.0)]), samples_noun="scenes")
    assert one == [
        ("9.00 km²", "area of film, as counted", "95 % interval 4.50–18.0"),
        ("4.00 km²", "area of oil, as counted", "95 % interval 2.00–8.00"),
    ]


def test_a_scene_without_a_label_holds_none_of_it() -> None:
    table = areas([("a", "oil", 2, 4.0), ("b", "oil", 1, 2.0), ("c", "no slick", 0, 0.0)])
    assert totals(table, samples_noun="scenes") == [("0–4.00 km²", "area of oil in 3 scenes, as counted", "median 2.00 km²")]


def test_rows_of_a_total_come_before_labels() -> None:
    table = areas([("a", "oil", 2, 4.0), ("a", "all objects", 2, 4.0), ("b", "all objects", 3, 6.0)])
    assert totals(table) == [("4.00–6.00 km²", "total area in 2 samples, as counted", "median 5.00 km²")]


def test_nothing_known_is_no_tile() -> None:
    assert totals(None) == []
    assert totals(areas([("a", "oil", 2, np.nan)])) == []
    assert totals(areas([]).assign(area_km2=1.0)) == []


@pytest.mark.parametrize(("n", "folded", "rows"), [(3, False, 3), (31, True, 31), (MAX_ROWS + 5, True, MAX_ROWS)])
def test_long_tables_are_folded_and_cut(n: int, folded: bool, rows: int) -> None:
    shown = further_table("slicks", pd.DataFrame({"name": [f"s{k}" for k in range(n)], "x_km": 1.0, "unknown": np.nan})).markup
    assert ("<details" in shown) is folded
    assert shown.count("<tr>") == rows + 1
    assert ("slicks.csv holds all" in shown) is (n > MAX_ROWS)
    assert "x (km)" in shown
    assert "unknown" not in shown


def test_an_empty_table_keeps_its_header() -> None:
    assert "x (km)" in further_table("slicks", pd.DataFrame({"x_km": []})).markup


def test_times_are_said_to_the_minute() -> None:
    when = datetime(2024, 3, 4, 5, 12, 20, tzinfo=UTC)
    assert [html.number(each) for each in (when, pd.Timestamp(when), pd.NaT)] == ["2024-03-04 05:12", "2024-03-04 05:12", "–"]


@pytest.mark.parametrize(
    ("column", "said"),
    [("area_km2", "area (km²)"), ("lon_deg", "longitude (°)"), ("time_utc", "time (UTC)"), ("damping_db", "damping (dB)"), ("n_px", "pixels"),
     ("wind_m_s", "wind (m/s)"), ("distance_to_coast_km", "distance to coast (km)")],
)  # fmt: skip
def test_columns_have_names_for_people(column: str, said: str) -> None:
    assert title(column) == said
