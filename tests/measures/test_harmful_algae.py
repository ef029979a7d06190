"""Alerts: which labels are watched, and the level and reason that follow from estimate, interval and threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.measures.harmful_algae import alert_sentences, alerts, watched_labels

TAXA = pd.DataFrame({"name": ["Sea sparkle", "Tripos"], "aphia_id": pd.Series([109921, None], dtype="Int64")})
WATCH = pd.DataFrame(
    {
        "taxon": ["Noctiluca scintillans", "Dinophysis", "Dinophysis acuminata", "Alexandrium"],
        "aphia_id": pd.Series([109921, None, 109603, 109470], dtype="Int64"),
        "threshold_cells_l": [1000.0, 500.0, 100.0, 0.0], "advice": "test shellfish", "source": "a rule",
    }
)  # fmt: skip


def test_labels_are_watched_by_name_number_or_genus():
    labels = ["Sea sparkle", "Tripos", "Dinophysis acuta", "dinophysis Acuminata", "Alexandrium", "Alexandriumoid", "Detritus"]
    assert watched_labels(labels, TAXA, WATCH) == {
        "Sea sparkle": "Noctiluca scintillans",
        "Dinophysis acuta": "Dinophysis",
        "dinophysis Acuminata": "Dinophysis acuminata",
        "Alexandrium": "Alexandrium",
    }
    assert watched_labels(labels, TAXA, WATCH.iloc[:0]) == {}


def figures(taxon: str, raw: tuple[float, float, float], corrected: tuple[float, float, float] = (np.nan,) * 3) -> pd.DataFrame:
    row: dict[str, object] = {"sample_id": "s", "taxon": taxon, "n_counted": 3}
    for kind, values in (("", raw), ("_corrected", corrected)):
        row |= {f"concentration{kind}{limit}_cells_l": value for limit, value in zip(("", "_low", "_high"), values, strict=True)}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("raw", "corrected", "level", "reason"),
    [
        ((3000, 1500, 6000), None, "exceeded", "the whole interval lies above the threshold of 1000"),
        ((3000, 1500, 6000), (900, 500, 1200), "cannot be excluded", "900 cells/L (95 % interval 500 to 1200)"),
        ((1100, 600, 2000), None, "probably exceeded", "the estimate lies above the threshold of 1000, the lower limit does not"),
        ((0, 0, 3700), None, "cannot be excluded", "image more water"),
        ((10, 5, 20), None, "not exceeded", "the whole interval lies below"),
        ((np.nan,) * 3 + (), None, "not known", "the imaged volume is not known"),
    ],
)
def test_the_level_follows_from_the_interval_and_is_explained(raw, corrected, level: str, reason: str):
    table = figures("Noctiluca scintillans", raw, *([corrected] if corrected else []))
    found = alerts(table, watched={"Sea sparkle": "Noctiluca scintillans"}, watch_list=WATCH).iloc[0]
    assert (found["alert"], found["labels"], found["threshold_cells_l"]) == (level, "Sea sparkle", 1000)
    assert reason in found["reason"]
    assert found["reason"].startswith("Noctiluca scintillans: ")
    assert found["advice"] == ("test shellfish" if level in ("exceeded", "probably exceeded") else "")


def test_a_threshold_of_nothing_is_exceeded_by_one_cell_only():
    watched = {"Alexandrium": "Alexandrium"}
    assert alerts(figures("Alexandrium", (10, 0.3, 50)), watched=watched, watch_list=WATCH)["alert"].tolist() == ["exceeded"]
    assert alerts(figures("Alexandrium", (0, 0, 50)), watched=watched, watch_list=WATCH)["alert"].tolist() == [
        "cannot be excluded"
    ]


def test_only_watched_taxa_have_rows():
    table = pd.concat([figures("Alexandrium", (1, 0, 2)), figures("other", (9, 9, 9))])
    assert alerts(table, watched={"x": "Alexandrium"}, watch_list=WATCH)["taxon"].tolist() == ["Alexandrium"]
    assert len(alerts(table, watched={}, watch_list=WATCH)) == 0


def test_what_must_be_acted_on_is_said_the_surest_first():
    watched = {"a": "Dinophysis", "b": "Noctiluca scintillans", "c": "Alexandrium"}
    table = pd.concat(
        [
            figures("Dinophysis", (600, 300, 900)),
            figures("Noctiluca scintillans", (12345.6, 10400, 15000)),
            figures("Alexandrium", (0, 0, 9)),
        ]
    )
    assert alert_sentences(alerts(table, watched=watched, watch_list=WATCH)) == [
        "s: Noctiluca scintillans: 12\u00a0300 cells/L (95 % interval 10\u00a0400 to 15\u00a0000), the whole interval lies above the"
        " threshold of 1000. Test shellfish.",
        "s: Dinophysis: 600 cells/L (95 % interval 300 to 900), the estimate lies above the threshold of 500, the lower limit does not."
        " Test shellfish.",
    ]
