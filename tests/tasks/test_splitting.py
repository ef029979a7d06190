"""Splits keep samples together where there are several, and say what they did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.errors import LabelError
from imagine_kernels.tasks.splitting import check_labels, split, watched

LABELS = np.array(["a", "b"] * 60, dtype=object)


def objects(groups: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"sample_id": groups})


def test_objects_of_one_sample_stay_together() -> None:
    groups = [f"s{i % 12 // 2}" for i in range(120)]
    found = split(LABELS, objects(groups), splits_by=("sample_id",), n_folds=5, seed=0)
    assert found.by == "sample_id"
    assert "sample_id stay together" in found.sentence
    assert found.warning == ""
    folds_of = pd.Series(found.fold).groupby(groups).nunique()
    assert (folds_of == 1).all()
    assert set(found.fold) == set(range(found.n_folds))


@pytest.mark.parametrize(
    "groups",
    [
        ["one"] * 120,
        [f"s{i % 2}" for i in range(120)],
        ["big"] * 100 + [f"s{i}" for i in range(20)],
        # Each class in one sample only: held out, it could not be learnt.
        [f"s{i % 2}{i % 6}" if LABELS[i] == "a" else "only" for i in range(120)],
    ],
    ids=["one sample", "two samples", "one sample has most", "a class in one sample only"],
)
def test_split_by_object_where_samples_do_not_vary_enough(groups: list[str]) -> None:
    found = split(LABELS, objects(groups), splits_by=("sample_id",), n_folds=5, seed=0)
    assert found.by == ""
    assert "sample_id does not vary enough" in found.sentence
    assert "may be too good for other samples" in found.warning
    assert ("come from one sample (one)" in found.warning) is (len(set(groups)) == 1)
    for fold in range(5):
        assert (LABELS[found.fold == fold] == "a").sum() == 12


def test_a_column_that_is_absent_is_passed_over() -> None:
    found = split(LABELS, objects([f"s{i % 12 // 2}" for i in range(120)]), splits_by=("acq_id", "sample_id"), n_folds=5, seed=0)
    assert found.by == "sample_id"


def test_no_sample_is_named_or_none_is_asked_for() -> None:
    nameless = pd.DataFrame({"file": [f"{i}.png" for i in range(120)]})
    assert "name no sample" in split(LABELS, nameless, splits_by=("sample_id",), n_folds=5, seed=0).warning
    assert split(LABELS, nameless, splits_by=(), n_folds=5, seed=0).warning == ""


def test_few_objects_make_few_folds() -> None:
    labels = np.array(["a"] * 20 + ["b"] * 2, dtype=object)
    found = split(labels, objects(["s"] * 22), splits_by=(), n_folds=5, seed=0)
    assert found.n_folds == 2
    assert all((labels[found.fold == fold] == "b").sum() == 1 for fold in range(2))


def test_same_seed_same_split() -> None:
    one, two, other = (split(LABELS, objects(["s"] * 120), splits_by=(), n_folds=5, seed=seed).fold for seed in (1, 1, 2))
    assert (one == two).all()
    assert (one != other).any()


def test_what_is_watched_is_not_what_is_validated() -> None:
    groups = objects([f"s{i % 60 // 2}" for i in range(120)])
    parts = split(LABELS, groups, splits_by=("sample_id",), n_folds=5, seed=0)
    mask = watched(LABELS, groups, parts, splits_by=("sample_id",), seed=0)
    assert 5 <= mask.sum() <= 25
    assert not (mask & parts.validation).any()
    assert not set(groups["sample_id"][mask]) & set(groups["sample_id"][~mask & ~parts.validation])


def test_nothing_is_watched_where_a_class_is_small() -> None:
    labels = np.array(["a"] * 40 + ["b"] * 4, dtype=object)
    parts = split(labels, objects(["s"] * 44), splits_by=(), n_folds=5, seed=0)
    assert not watched(labels, objects(["s"] * 44), parts, splits_by=(), seed=0).any()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "a", "a"], "at least two classes, but all 3 objects are 'a'"),
        ([], "at least two classes, but there are none"),
        (["a", "a", "b"], "The label 'b' has only one object"),
    ],
)
def test_labels_that_cannot_be_trained_on(labels: list[str], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        check_labels(np.array(labels, dtype=object))
