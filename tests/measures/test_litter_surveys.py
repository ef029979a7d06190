"""Tables of surveys, trends and assessments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.errors import DataError
from imagine_kernels.formats.litter_surveys import SurveyRow, read_surveys, write_surveys
from imagine_kernels.measures.litter import TOTAL, measure_litter
from imagine_kernels.measures.litter_surveys import assessment_table, survey_table, trend_table


@pytest.fixture
def tables():
    items = pd.DataFrame(
        {
            "survey_id": ["a"] * 5 + ["b"], "label": ["foam"] * 4 + ["can", "can"], "j_code": ["J82", "J82", "J82", "J83", "J175", "J175"],
            "size_cm": [10.0, 20.0, 30.0, 60.0, 12.0, 12.0],
        }
    )  # fmt: skip
    surveys = pd.DataFrame(
        {
            "survey_id": ["a", "b", "c"],
            "beach": ["Llarga"] * 3,
            "date": ["2023-05-01", "2024-05-01", "2025-05-01"],
            "length_m": [50.0, 100, 100],
        }
    )
    return items, surveys, measure_litter(items, surveys)[0]


def test_items_by_code_sum_to_those_of_the_survey(tables, tmp_path):
    items, surveys, table = tables
    found = survey_table(table, items, surveys, {"J82": "small pieces"})
    first = found[found["survey_id"] == "a"].set_index("j_code")
    assert (first.loc["J82", "n_items"], first.loc["J83", "n_items"], first.loc["J175", "n_items"], first.loc["", "n_items"]) == (
        3,
        1,
        1,
        5,
    )
    assert (first.loc["J82", "items_per_100_m"], first.loc["", "items_per_100_m"]) == (6, 10)
    assert first.loc["J82", "name"] == "small pieces"
    assert first.loc["", "low"] < 10 < first.loc["", "high"]
    # A survey without litter is a survey: it is there with 0.
    assert found[found["survey_id"] == "c"][["label", "items_per_100_m"]].to_numpy().tolist() == [[TOTAL, 0.0]]
    rows = [SurveyRow(**row) for row in found.to_dict("records")]
    again, problems = read_surveys(write_surveys(rows, tmp_path / "s.csv"))
    assert problems == []
    assert [row.n_items for row in again] == found["n_items"].tolist()


def test_trends_of_beaches_and_classes():
    rng = np.random.default_rng(2)
    rows = []
    for beach, slope in (("falling", -21.0), ("steady", 0.0)):
        for k in range(24):
            year = 2019 + k / 4
            level = 300 + slope * (year - 2019) + rng.normal(0, 8)
            day = f"{int(year)}-{1 + 3 * (k % 4):02d}-15"
            rows.append({"survey_id": f"{beach}{k}", "beach": beach, "date": day, "label": TOTAL, "items_per_100_m": level})
            if k % 2:
                rows.append({**rows[-1], "label": "can", "items_per_100_m": 5.0})
    found = trend_table(pd.DataFrame(rows)).set_index(["beach", "label"])
    fall = found.loc["falling", TOTAL]
    assert fall["trend"] == "falling"
    assert fall["slope_low_per_100_m_per_year"] < -21 < fall["slope_high_per_100_m_per_year"]
    assert fall["step_p"] < 1e-4
    assert fall["step_per_100_m"] == pytest.approx(-63, abs=12)
    assert found.loc["steady", TOTAL]["trend"] == "none"
    # Where a survey has none of a class, it has 0 of it.
    assert found.loc["steady", "can"]["n_surveys"] == 24
    seasonal = trend_table(pd.DataFrame(rows), seasons=True).set_index(["beach", "label"])
    assert seasonal.loc["falling", TOTAL]["trend"] == "falling"


def test_few_or_undated_surveys(tables):
    items, surveys, table = tables
    found = survey_table(table, items, surveys)
    few = trend_table(found[found["survey_id"] != "c"])
    assert set(few["trend"]) == {"too few"}
    with pytest.raises(DataError, match="The survey a has no date"):
        trend_table(found.assign(date=""))


def test_assessment_by_beach(tables):
    items, surveys, table = tables
    found, notes = assessment_table(survey_table(table, items, surveys))
    (row,) = found.to_dict("records")
    assert (row["beach"], row["n_surveys"], row["median_per_100_m"], row["meets_threshold"]) == ("Llarga", 3, 1.0, True)
    assert any("asks for 40" in note for note in notes)
    nothing, _ = assessment_table(survey_table(table, items, surveys).assign(items_per_100_m=np.nan))
    assert len(nothing) == 0
