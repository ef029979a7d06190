"""What the panel of quantities is told, for tables that it has never seen."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from imagine_kernels.apps.quantities import MAX_ROWS, quantities
from imagine_kernels.records import CountedCurve, CountedPart, CountState, Measurements


def measured(**more: pd.DataFrame) -> Measurements:
    cells = pd.DataFrame(
        {
            "sample_id": ["run 1", "run 1"],
            "taxon": ["Tripos", "all cells"],
            "n_counted": [3, 3],
            "concentration_cells_l": [1200.0, 1200.0],
            "concentration_low_cells_l": [250.0, 250.0],
            "concentration_high_cells_l": [3500.0, np.inf],
            "concentration_corrected_cells_l": [np.nan, np.nan],
            "abd_um": [31.5, np.nan],
        }
    )
    return Measurements(tables={**more, "cells": cells}, notes=("a note",), alerts=("Tripos is above 1000 cells/L.",))


def test_the_main_table_is_drawn_with_units_and_intervals() -> None:
    told = quantities(measured(), sequence=4)
    assert [(each["key"], each["name"], each["unit"], each["corrected"]) for each in told["quantities"]] == [
        ("concentration_cells_l", "Concentration", "cells/L", None),
        ("abd_um", "ABD", "µm", None),
    ]
    first, whole = told["rows"]
    assert (first["taxon"], first["counted"], first["validated"], first["total"], whole["total"]) == ("Tripos", 3, 0, False, True)
    assert first["values"]["concentration_cells_l"] == [1200.0, 250.0, 3500.0]
    # No infinity in JSON.
    assert whole["values"]["concentration_cells_l"] == [1200.0, 250.0, None]
    assert told["alerts"] == ["Tripos is above 1000 cells/L."]
    json.dumps(told, allow_nan=False)


def test_other_tables_come_as_they_are() -> None:
    diversity = pd.DataFrame(
        {
            "sample_id": ["run 1", "run 2"],
            "shannon": [1.2, np.nan],
            "shannon_low": [1.0, np.nan],
            "shannon_high": [1.4, np.nan],
            "mean_size_um": [20.5, 3.0],
            "enough": [True, False],
            "remark": ["few", None],
            "n_divided": [3, 4],
        }
    )
    long = pd.DataFrame({"n": np.arange(MAX_ROWS + 7)})
    first, second = quantities(measured(diversity=diversity, long_list=long), sequence=0)["tables"]
    assert first["title"] == "Diversity"
    assert [(each["name"], each["unit"]) for each in first["columns"]] == [
        ("Shannon", ""), ("Mean size", "µm"), ("Enough", ""), ("Remark", ""), ("Divided", ""),
    ]  # fmt: skip
    assert first["rows"] == [
        {"sample": "run 1", "cells": [[1.2, 1.0, 1.4], [20.5, None, None], "yes", "few", [3.0, None, None]]},
        {"sample": "run 2", "cells": [[None, None, None], [3.0, None, None], "no", "", [4.0, None, None]]},
    ]
    assert (second["title"], len(second["rows"]), second["left"], second["rows"][0]["sample"]) == ("Long list", MAX_ROWS, 7, "")


def test_nothing_per_taxon_is_no_fault() -> None:
    told = quantities(Measurements(tables={"area": pd.DataFrame({"area_m2": [3.0]})}), sequence=0)
    assert (told["quantities"], told["rows"], told["spectrum"]) == ([], [], None)
    assert told["tables"][0]["rows"] == [{"sample": "", "cells": [[3.0, None, None]]}]


def test_a_count_that_goes_on_comes_with_its_curve() -> None:
    state = CountState(
        sample_id="slide 1",
        counted=3,
        wanted=400,
        noun="valves",
        sentence="397 more.",
        parts=(CountedPart(name="unidentified", n=0, of=0, low=np.nan, high=np.nan),),
        curve=CountedCurve(
            x_name="valves named",
            y_name="taxa",
            x=np.array([1, 3]),
            met=np.array([1, 2]),
            expected=np.array([1.0, 2.0]),
            low=np.array([1.0, 1.5]),
            high=np.array([1.0, 2.0]),
        ),
    )
    (told,) = quantities(Measurements(tables={}, counting=(state,)), sequence=0)["counting"]
    json.dumps(told, allow_nan=False)
    assert (told["sample"], told["counted"], told["wanted"], told["sentence"]) == ("slide 1", 3, 400, "397 more.")
    assert told["parts"] == [{"name": "unidentified", "n": 0, "of": 0, "low": None, "high": None, "remark": ""}]
    assert told["curve"] == {"x": "valves named", "y": "taxa", "points": [[1, 1, 1, 1, 1], [3, 2, 2, 1.5, 2]]}


def test_a_bin_that_is_left_out_of_the_spectrum_says_why() -> None:
    bins = pd.DataFrame(
        {
            "sample_id": "a", "taxon": "Copepoda", "biovolume_mid_mm3": [0.1, 0.2, 0.4], "n_counted": [30, 0, 12],
            "nbss_m3": [2.0, 0.0, 0.5], "nbss_low_m3": [1.0, 0.0, 0.2], "nbss_high_m3": [3.0, np.nan, 0.9],
            "in_fit": [True, False, False], "left_out_because": ["", "empty", "25 objects or fewer"],
        }
    )  # fmt: skip
    tables = {**measured().tables, "size_spectrum": bins, "size_spectrum_by_station": bins.drop(columns="sample_id")}
    told = quantities(Measurements(tables=tables), sequence=0)
    assert [(point["used"], point["why"]) for point in told["spectrum"]["points"]] == [(True, ""), (False, "25 objects or fewer")]
    # The spectra of stations are in the download.
    assert told["tables"] == []
