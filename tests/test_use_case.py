"""Settings, the catalogue, and the records that travel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine_kernels import catalog
from imagine_kernels.errors import FormatError, LabelError, SettingError, UnknownName
from imagine_kernels.records import Predictions, Problem, Sample
from imagine_kernels.use_case import Setting


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (int, "31", 31),
        (float, "2.5", 2.5),
        (bool, "yes", True),
        (bool, "off", False),
        (str, "a", "a"),
        (float, "", None),
        (float, None, None),
    ],
)
def test_a_setting_reads_what_people_type(kind: type, value: object, read: object) -> None:
    assert Setting(name="x", default=None, kind=kind).read(value) == read


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, "2.5", "The setting x takes a whole number, not '2.5'"),
        (float, "nan", "The setting x takes a number, not 'nan'"),
        (bool, "perhaps", "The setting x takes yes or no, not 'perhaps'"),
        (float, "11", r"The setting x takes values from 1 up to 10 mm, not 11"),
        (float, "inf", r"The setting x takes values from 1 up to 10 mm, not inf"),
    ],
)
def test_a_setting_refuses_in_one_sentence(kind: type, value: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Setting(name="x", default=None, kind=kind, unit="mm", minimum=1, maximum=10).read(value)


def test_an_unknown_use_case_names_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"Unknown use case .zoo.; known: .*zooscan"):
        catalog.get("zoo")


def test_a_module_without_declaration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow.py").write_text("x = 1")
    monkeypatch.setenv(catalog.FOLDERS_VARIABLE, str(tmp_path))
    with pytest.raises(FormatError, match="must hold USE_CASE"):
        catalog.get("hollow")


def predictions(n: int = 4) -> Predictions:
    return Predictions.of([f"o{i}" for i in range(n)], ("a", "b"), np.tile([0.75, 0.25], (n, 1)))


def test_predictions_check_their_shapes() -> None:
    with pytest.raises(LabelError, match=r"shape \(2, 3\), not \(objects, classes\) = \(2, 2\)"):
        Predictions(
            object_id=np.array(["a", "b"], dtype=object),
            classes=("x", "y"),
            probabilities=np.zeros((2, 3), dtype=np.float32),
            label=np.array(["x", "x"], dtype=object),
            status=np.array(["predicted", "predicted"], dtype=object),
        )
    with pytest.raises(LabelError, match="Unknown status 'sure'"):
        predictions().corrected(["o1"], status="sure")  # type: ignore[arg-type]


def test_a_correction_changes_only_what_it_names() -> None:
    before = predictions()
    after = before.corrected(["o1", "nobody"], label="new", status="validated")
    assert after.label.tolist() == ["a", "new", "a", "a"]
    assert after.status.tolist() == ["predicted", "validated", "predicted", "predicted"]
    assert before.label.tolist() == ["a"] * 4
    np.testing.assert_array_equal(after.probability, np.array([0.75, 0, 0.75, 0.75], dtype=np.float32))


def test_empty_predictions_are_ordinary() -> None:
    assert len(Predictions.empty(("a", "b"))) == 0
    assert Predictions.empty().probability.shape == (0,)


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_rows_are_chosen_by_mask_and_by_position(mask: list[bool]) -> None:
    objects = pd.DataFrame({"object_id": list("abcd"), "file": "", "label": list("xy") * 2, "status": ""})
    sample = Sample(name="s", source=Path(), layout="none", objects=objects)
    rows = np.array(mask)
    assert sample.where(rows).objects.equals(sample.where(np.flatnonzero(rows)).objects)
    assert predictions()[rows].object_id.tolist() == [f"o{i}" for i in np.flatnonzero(rows)]


def test_a_problem_reads_as_a_sentence() -> None:
    assert str(Problem(item="a.tsv", line=3, what="has no image", remedy="add it")) == "a.tsv, line 3: has no image; add it."
