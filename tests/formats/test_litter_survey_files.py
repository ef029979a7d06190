"""Tables of litter surveys: what is written is read again, and what cannot be read is told."""

from __future__ import annotations

import csv
import math
from dataclasses import astuple
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.litter_surveys import SurveyRow, read_surveys, write_surveys

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12).map(str.strip)
NUMBER = st.one_of(st.just(math.nan), st.floats(1e-3, 1e8).map(lambda value: float(f"{value:.10g}")))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(
            SurveyRow, survey_id=TEXT.filter(bool), beach=TEXT, date=st.one_of(st.just(""), st.dates().map(date.isoformat)), length_m=NUMBER,
            j_code=st.sampled_from(["", "J7", "J175"]), name=TEXT, label=TEXT, n_items=NUMBER, items_per_100_m=NUMBER, low=NUMBER, high=NUMBER,
            observed_m2=NUMBER,
        ),
        max_size=8,
    )
)  # fmt: skip
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = write_surveys(rows, tmp_path_factory.mktemp("surveys") / "surveys.csv")
    found, problems = read_surveys(path)
    assert problems == []
    assert [tuple(map(repr, astuple(row))) for row in found] == [tuple(map(repr, astuple(row))) for row in rows]


def test_columns_are_those_of_emodnet(tmp_path):
    row = SurveyRow(
        survey_id="a", beach="b", date="2025-05-13", length_m=100, j_code="J7", name="bottles", label="bottle", n_items=3
    )
    with write_surveys([row], tmp_path / "s.csv").open(encoding="utf-8", newline="") as stream:
        (said,) = csv.DictReader(stream)
    assert said["SurveyCode"] == "a"
    assert (said["LitterReferenceList"], said["ItemCode"], said["NoItems"], said["SurveyLength"]) == ("JLIST", "J7", "3", "100")


def test_other_names_semicolons_and_decimal_commas(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("\ufeffsurvey_id;date;length_m;count\nA;31.05.2025;97,5;12\n", encoding="utf-8")
    (row,), problems = read_surveys(path)
    assert problems == []
    assert (row.survey_id, row.date, row.length_m, row.n_items) == ("A", "2025-05-31", 97.5, 12)


def test_bad_cells_are_told_and_the_rest_is_done(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("survey_id,date,length_m,count\nA,soon,0,many\n,2025-01-01,100,1\nB,2025-01-01,100,-3\n", encoding="utf-8")
    rows, problems = read_surveys(path)
    assert [row.survey_id for row in rows] == ["A", "B"]
    assert math.isnan(rows[0].length_m)
    assert math.isnan(rows[1].n_items)
    text = " | ".join(map(str, problems))
    for part in (
        "line 2: SurveyDate is 'soon'",
        "line 2: SurveyLength is '0'",
        "line 2: NoItems is 'many'",
        "line 3: the survey has no name",
        "line 4: NoItems is '-3'",
    ):
        assert part in text


def test_no_table(tmp_path):
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_surveys(tmp_path / "none.csv")
    (tmp_path / "s.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(FormatError, match="has no column SurveyCode"):
        read_surveys(tmp_path / "s.csv")
