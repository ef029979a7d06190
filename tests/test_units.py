"""Units at the end of column names."""

from __future__ import annotations

import pytest

from imagine_kernels.units import UNITS, corrected, in_words, limits, quantities, split_unit

COLUMNS = [
    "sample_id", "taxon", "n_counted", "abundance_ind_m3", "abundance_low_ind_m3", "abundance_high_ind_m3",
    "abundance_corrected_ind_m3", "abundance_corrected_low_ind_m3", "abundance_corrected_high_ind_m3",
    "evenness", "evenness_low", "evenness_high", "volume_m3",
]  # fmt: skip


@pytest.mark.parametrize("end", UNITS)
def test_the_longest_end_counts(end: str) -> None:
    assert split_unit(f"some_quantity_{end}") == ("some_quantity", end)


def test_intervals_are_found_by_their_names() -> None:
    assert limits(COLUMNS, "abundance_ind_m3") == ("abundance_low_ind_m3", "abundance_high_ind_m3")
    assert limits(COLUMNS, "evenness") == ("evenness_low", "evenness_high")
    assert limits(COLUMNS, "volume_m3") is None
    assert quantities(COLUMNS) == ["abundance_ind_m3", "evenness"]
    assert corrected("abundance_ind_m3") in COLUMNS


def test_columns_in_words() -> None:
    assert in_words("abundance_ind_m3") == "abundance, ind/m³"
    assert in_words("chain_length_um") == "chain length, µm"
    assert in_words("n_counted") == "n counted"
