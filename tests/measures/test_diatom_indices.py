"""Indices against a published example, the ends of their scales, and exact probabilities."""

import numpy as np
import pytest
from scipy.stats import binom

from imagine_kernels.measures.diatom_indices import SCALES, Boundary, Index, index_table, status_table, values_of, zelinka_marvan
from imagine_kernels.measures.diatom_taxa import Taxon, by_name_and_code
from imagine_kernels.measures.valve_counts import Compositions


def compositions(best, taxa, drawn=None, samples=("s",)):
    best = np.atleast_2d(np.asarray(best, dtype=float))
    return Compositions(
        samples=list(samples), taxa=list(taxa), best=best, drawn=np.tile(best, (100, 1, 1)) if drawn is None else drawn
    )


def test_the_river_semois():
    # Bellinger and Sigee, Freshwater Algae (2010), Table 3.13, after Round (1993): percentages, v and s; "others" have no value; I = 1.0.
    percent = np.array([0.9, 0.5, 78.7, 19.7, 0.2])
    v = np.array([1, 1, 3, 2, np.nan])
    s = np.array([3, 2, 1, 1, np.nan])
    found = float(zelinka_marvan(percent, s, v))
    assert round(found, 1) == 1.0
    # Worked by hand: (0.9 · 3 + 0.5 · 2 + 78.7 · 3 + 19.7 · 2) / (0.9 + 0.5 + 78.7 · 3 + 19.7 · 2).
    assert found == pytest.approx(279.2 / 276.9)


@pytest.mark.parametrize(
    ("index", "weakest", "best"),
    [("IPS", (1, 1), (5, 20)), ("IDAP", (1, 1), (5, 20)), ("EPI-D", (4, 1), (0, 20)), ("TDI", (1, 0), (5, 100)), ("TDI20", (5, 1), (1, 20)),
     ("ID-CH", (8, 1.002), (1, 20))],
)  # fmt: skip
def test_the_ends_of_the_scales(index, weakest, best):
    slope, intercept = SCALES[index]
    for mean, value in (weakest, best):
        assert slope * mean + intercept == pytest.approx(value)


def test_nothing_with_a_value_is_no_index():
    assert np.isnan(zelinka_marvan(np.array([3, 4]), np.full(2, np.nan), np.full(2, np.nan)))
    assert np.isnan(zelinka_marvan(np.array([0, 4]), np.array([2, np.nan]), np.array([1, np.nan])))
    assert np.isnan(zelinka_marvan(np.zeros(2), np.array([2.0, 3.0]), np.ones(2)))


def test_values_are_found_by_name_and_by_code():
    taxa = by_name_and_code([Taxon(name="Navicula cari", code="NCAR", genus="Navicula")])
    index = Index(name="X", values={"NCAR": (2, 3), "Nitzschia palea": (1, 1)})
    s, v = values_of(index, ["Navicula cari", "NCAR", "Nitzschia palea", "Navicula"], taxa)
    np.testing.assert_array_equal(s, [2, 2, 1, np.nan])
    np.testing.assert_array_equal(v, [3, 3, 1, np.nan])


def test_the_table_says_what_share_had_a_value():
    index = Index(name="IPS", values={"a": (5, 1), "b": (1, 3)}, slope=4.75, intercept=-3.75)
    table = index_table(compositions([[30, 10, 60], [0, 0, 5]], ["a", "b", "c"], samples=("s", "t")), None, [index], {})
    first, second = table.iloc[0], table.iloc[1]
    assert (first["n_counted"], first["n_with_value"], first["share_with_value"]) == (100, 40, pytest.approx(0.4))
    # I = (30 · 5 + 10 · 3) / (30 + 30) = 3.
    assert first["value"] == pytest.approx(4.75 * 3 - 3.75)
    assert np.isnan(first["value_corrected"])
    assert np.isnan(second[["value", "value_low", "value_high"]].astype(float)).all()
    assert second["share_with_value"] == 0


def test_the_probability_of_a_class_is_the_exact_one():
    # Two taxa of the same indicator value: the index follows one binomial count.
    n, share = 400, 0.8
    rng = np.random.default_rng(0)
    good = rng.binomial(n, share, size=20_000)
    drawn = np.stack([good, n - good], axis=1)[:, None, :].astype(float)
    index = Index(name="I", values={"good": (5, 1), "bad": (1, 1)}, slope=4.75, intercept=-3.75)
    boundaries = [Boundary(index="I", status_class="good", from_value=13), Boundary(index="I", status_class="high", from_value=16.5),
                  Boundary(index="I", status_class="moderate", from_value=9), Boundary(index="other", status_class="x", from_value=0)]  # fmt: skip
    table = status_table(compositions([[n * share, n * (1 - share)]], ["good", "bad"], drawn), [index], boundaries, {})
    assert table["status_class"].tolist() == ["moderate", "good", "high"]
    # 4.75 (1 + 4 g / n) - 3.75 >= 16.5.
    at_least = int(np.ceil(n * ((16.5 + 3.75) / 4.75 - 1) / 4))
    exact = binom.sf(at_least - 1, n, share)
    assert 0.05 < exact < 0.95
    assert table["probability"].iloc[2] == pytest.approx(exact, abs=0.012)
    assert table["probability"].sum() == pytest.approx(1)
    assert table["most_likely"].tolist().count("yes") == 1


def test_below_the_lowest_boundary_the_lowest_class_goes_on_and_without_value_there_is_none():
    index = Index(name="I", values={"a": (1, 1)})
    boundaries = [Boundary(index="I", status_class="bad", from_value=2), Boundary(index="I", status_class="good", from_value=3)]
    table = status_table(compositions([[4, 0], [0, 4]], ["a", "b"], samples=("s", "t")), [index], boundaries, {})
    assert table["probability"].iloc[:2].tolist() == [1, 0]
    assert table["probability"].iloc[2:].isna().all()
    assert table["most_likely"].iloc[2:].tolist() == ["no", "no"]
    assert len(status_table(compositions([[4, 0]], ["a", "b"]), [index], [], {})) == 0
