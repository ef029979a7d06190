"""What the panel of quantities is told, for tables that it has never seen."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from imagine_kernels.apps.quantities import MAX_ROWS, quantities
from imagine_kernels.records import Measurements


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
        ("abd_um", "Abd", "µm", None),
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
        }
    )
    long = pd.DataFrame({"n": np.arange(MAX_ROWS + 7)})
    first, second = quantities(measured(diversity=diversity, long_list=long), sequence=0)["tables"]
    assert first["title"] == "Diversity"
    assert [(each["name"], each["unit"]) for each in first["columns"]] == [
        ("Shannon", ""), ("Mean size", "µm"), ("Enough", ""), ("Remark", ""),
    ]  # fmt: skip
    assert first["rows"] == [
        {"sample": "run 1", "cells": [[1.2, 1.0, 1.4], [20.5, None, None], "yes", "few"]},
        {"sample": "run 2", "cells": [[None, None, None], [3.0, None, None], "no", ""]},
    ]
    assert (second["title"], len(second["rows"]), second["left"], second["rows"][0]["sample"]) == ("Long list", MAX_ROWS, 7, "")


def test_nothing_per_taxon_is_no_fault() -> None:
    told = quantities(Measurements(tables={"area": pd.DataFrame({"area_m2": [3.0]})}), sequence=0)
    assert (told["quantities"], told["rows"], told["spectrum"]) == ([], [], None)
    assert told["tables"][0]["rows"] == [{"sample": "", "cells": [[3.0, None, None]]}]
