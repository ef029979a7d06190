"""Numbers, missing values, times and the user's settings."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine_kernels.errors import DataNotFound
from imagine_kernels.formats.columns import fill_from_settings, looks_numeric, read_numbers, read_time, sample_of
from imagine_kernels.records import Problem


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("420", time(4, 20)),  # EcoTaxa exports this import as 042000
        ("0420", time(4, 20)),
        ("042000", time(4, 20)),
        ("42000", time(4, 20)),
        ("04:20:00", time(4, 20)),
        ("08:28:00.000", time(8, 28)),
        ("8:05", time(8, 5)),
        ("153100", time(15, 31)),
        ("0", time(0, 0)),
        (" 1230 ", time(12, 30)),
        ("", None),
        ("2560", None),
        ("1261", None),
        ("noon", None),
        ("1234567", None),
    ],
)
def test_times_with_and_without_their_leading_zeros(text: str, wanted: time | None) -> None:
    assert read_time(text) == wanted


def test_missing_values_and_bad_ones() -> None:
    numbers, bad = read_numbers(["1.5", "", "NaN", "nan", "99999", "999999", "-3e2", "foo", "1,5", "inf", "1_0"], metadata=True)
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, [1.5, *[np.nan] * 5, -300, *[np.nan] * 4])
    assert bad == [7, 8, 9, 10]


def test_an_area_of_99999_px_is_an_area() -> None:
    assert read_numbers(["99999"], metadata=False)[0][0] == 99999


@pytest.mark.parametrize(("text", "wanted"), [("43°0 0", 43.0), ("-7°30 0", -7.5), ("17°15'36\"W", -17.26), ("43d6", 43.1)])
def test_degrees_and_minutes(text: str, wanted: float) -> None:
    assert read_numbers([text], metadata=True)[0][0] == pytest.approx(wanted)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False)))
def test_numbers_written_with_repr_come_back(values: list[float]) -> None:
    numbers, bad = read_numbers([repr(value) for value in values], metadata=False)
    np.testing.assert_array_equal(numbers, np.array(values, dtype=np.float64))
    assert bad == []


def test_names_that_look_like_numbers_stay_names() -> None:
    assert looks_numeric(["1", "", "-2.5e3", "0.5", ".5", "0", "nan"])
    assert not looks_numeric(["1", "007"])
    assert not looks_numeric(["1", "a"])


def objects(**columns: list[float]) -> dict[str, Any]:
    return {"object_id": np.array(["a", "b"]), **{name: np.array(values) for name, values in columns.items()}}


def test_settings_fill_what_is_missing_and_never_overwrite() -> None:
    table = objects(sample_tot_vol=[10.0, np.nan])
    problems = fill_from_settings(table, {"tot_vol": 20, "sub_part": 4, "pixel_size_mm": None, "dpi": 2400}, "cruise")
    assert table["sample_tot_vol"].tolist() == [10, 20]
    assert table["acq_sub_part"].tolist() == [4, 4]
    assert table["process_particle_pixel_size_mm"].tolist() == [25.4 / 2400] * 2
    assert [str(problem) for problem in problems] == [
        "cruise: sample_tot_vol is 10 m³ in the data for 1 objects, not 20 m³ as the setting says;"
        " the data were believed; correct them if the setting is right."
    ]
    assert problems[0].severity == "warning"


def test_rounded_pixel_size_does_not_contradict_the_resolution() -> None:
    table = objects(process_particle_pixel_size_mm=[0.0106, 0.0106])
    assert fill_from_settings(table, {"dpi": 2400}, "cruise") == []
    assert len(fill_from_settings(table, {"dpi": 1200}, "cruise")) == 1
    assert len(fill_from_settings(table, {"pixel_size_mm": 0.010583}, "cruise")) == 1


def test_no_object_at_all_names_the_first_reason() -> None:
    columns = {"object_id": np.empty(0, dtype=object)}
    reason = Problem(item="t.tsv", line=3, what="no object_id")
    with pytest.raises(
        DataNotFound, match=r"^cruise \(TSV\) holds no usable object \(t\.tsv, line 3: no object_id\): do better\.$"
    ):
        sample_of(
            name="c", source=Path("cruise"), layout="TSV", columns=columns, problems=[reason], settings={}, remedy="do better"
        )
