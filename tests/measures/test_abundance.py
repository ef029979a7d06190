"""Abundance and biovolume against EcoTaxa's own exports, exact intervals, and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from imagine_kernels.errors import LabelError
from imagine_kernels.measures.abundance import TOTAL, abundance_table
from imagine_kernels.measures.unfolding import dirichlet_parameters, unfold
from imagine_kernels.records import Confusion

PERFECT = Confusion(classes=("Cladocera", "Copepoda"), counts=np.eye(2, dtype=int) * 1_000_000)


def objects(n, *, sample="a", tot_vol=50.0, sub_part=16.0, px=0.0106, area=2000.0, major=60.0, minor=40.0):
    values = {
        "sample_id": sample, "sample_tot_vol": tot_vol, "acq_sub_part": sub_part, "process_particle_pixel_size_mm": px,
        "object_area": area, "object_major": major, "object_minor": minor,
    }  # fmt: skip
    return pd.DataFrame(
        {name: np.broadcast_to(np.array(value, dtype=object), n) for name, value in values.items()}
    ).infer_objects()


def measured(table, sample, taxon):
    return table[(table["sample_id"] == sample) & (table["taxon"] == taxon)].iloc[0]


def words(*values):
    return np.array(values, dtype=object)


def test_the_formulas_by_hand():
    table, notes = abundance_table(objects(3), label=words("Copepoda", "Copepoda", "Cladocera"), status=words(*["validated"] * 3))
    row = measured(table, "a", "Copepoda")
    assert notes == ()
    assert (row["n_counted"], row["n_validated"]) == (2, 2)
    assert row["abundance_ind_m3"] == pytest.approx(2 * 16 / 50)
    assert row["biovolume_spherical_mm3_m3"] == pytest.approx(2 * 16 / 50 * 4 / 3 * np.pi * (np.sqrt(2000 / np.pi) * 0.0106) ** 3)
    assert row["biovolume_ellipsoidal_mm3_m3"] == pytest.approx(2 * 16 / 50 * 4 / 3 * np.pi * (30 * 0.0106) * (20 * 0.0106) ** 2)
    assert row["abundance_low_ind_m3"] == pytest.approx(0.32 * stats.chi2.ppf(0.025, 4) / 2)
    assert row["abundance_high_ind_m3"] == pytest.approx(0.32 * stats.chi2.ppf(0.975, 6) / 2)
    assert np.isnan(row["abundance_corrected_ind_m3"])
    assert row["relative_abundance"] == pytest.approx(2 / 3)
    assert measured(table, "a", TOTAL)["abundance_ind_m3"] == pytest.approx(0.96)


def test_what_ecotaxa_exports_for_the_same_objects(shared_data):
    folder = shared_data("zooscan") / "ecotaxa_back_qa"
    weird = pd.read_csv(folder / "import_test_weird/m106_mn01_n4_sml/ecotaxa_m106_mn01_n4_sml.tsv", sep="\t", skiprows=[1])
    for name in ("sample_tot_vol", "acq_sub_part"):
        weird[name] = pd.to_numeric(weird[name], errors="coerce")
    # The pixel of this UVP project is given in µm, so the reference is in µm³ per m³.
    weird["process_particle_pixel_size_mm"] = weird["process_pixel"].astype(float)
    weird = weird[weird["acq_sub_part"].notna()]
    assert len(weird) == 2
    table, _ = abundance_table(weird, label=weird["acq_sub_part"].astype(str).to_numpy(), status=words("validated", "validated"))
    table = table[table["taxon"] != TOTAL]
    for reference, column in (("concentrations", "abundance_ind_m3"), ("biovolumes", "biovolume_spherical_mm3_m3")):
        exported = pd.read_csv(folder / f"ref_exports/{reference}_by_sample/ref.tsv", sep="\t").iloc[:, [0, 3]]
        exported = exported[exported["sampleid"] == "m106_mn01_n4_sml"].iloc[:, 1].dropna()
        assert sorted(table[column]) == pytest.approx(sorted(exported[exported > 0]))


def test_a_taxon_that_is_missing_from_a_sample_has_an_upper_limit():
    both = pd.concat([objects(2, sample="a"), objects(1, sample="b", tot_vol=25.0)])
    table, _ = abundance_table(both, label=words("Copepoda", "Cladocera", "Copepoda"), status=words(*["validated"] * 3))
    row = measured(table, "b", "Cladocera")
    assert (row["n_counted"], row["abundance_ind_m3"], row["abundance_low_ind_m3"]) == (0, 0, 0)
    assert row["abundance_high_ind_m3"] == pytest.approx(3.689 * 16 / 25, rel=1e-3)
    assert row["biovolume_spherical_high_mm3_m3"] > 0


def test_a_perfect_classifier_gives_the_exact_interval():
    n = 12
    table, _ = abundance_table(
        objects(n), label=words(*["Copepoda"] * n), status=words(*["predicted"] * n), confusion=PERFECT, n_draws=20_000
    )
    row = measured(table, "a", "Copepoda")
    assert row["abundance_corrected_ind_m3"] == pytest.approx(row["abundance_ind_m3"], rel=1e-3)
    assert row["abundance_corrected_low_ind_m3"] == pytest.approx(row["abundance_low_ind_m3"], rel=0.03)
    assert row["abundance_corrected_high_ind_m3"] == pytest.approx(row["abundance_high_ind_m3"], rel=0.03)


def test_validated_objects_stay_as_they_are():
    confusion = Confusion(classes=("Cladocera", "Copepoda"), counts=np.array([[50, 50], [10, 90]]))
    label = words(*["Copepoda"] * 60, *["Cladocera"] * 40)
    validated, _ = abundance_table(
        objects(100), label=label, status=words(*["validated"] * 100), confusion=confusion, n_draws=200
    )
    row = measured(validated, "a", "Cladocera")
    assert row["abundance_corrected_ind_m3"] == row["abundance_ind_m3"]
    predicted, _ = abundance_table(
        objects(100), label=label, status=words(*["predicted"] * 100), confusion=confusion, n_draws=200
    )
    # n = t P is solved by t = n P⁻¹ = (75, 25): three quarters are Cladocera, of which half were missed.
    assert measured(predicted, "a", "Cladocera")["abundance_corrected_ind_m3"] == pytest.approx(75 * 0.32, rel=0.03)
    assert measured(predicted, "a", "Copepoda")["abundance_corrected_ind_m3"] == pytest.approx(25 * 0.32, rel=0.1)
    assert measured(predicted, "a", TOTAL)["abundance_corrected_ind_m3"] == pytest.approx(32)


def test_unfolding_is_the_inverse_where_that_is_positive_and_keeps_the_total():
    rng = np.random.default_rng(0)
    rows = np.eye(5) * 0.8 + rng.dirichlet(np.ones(5), 5) * 0.2
    true = rng.uniform(20, 200, (7, 5))
    found, _ = unfold(true @ rows, rows, iterations=500)
    assert found == pytest.approx(true, rel=1e-3)
    few, _ = unfold(np.array([[9.0, 0, 0, 0, 0]]), rows)
    assert few.sum() == pytest.approx(9)
    assert (few >= 0).all()


def test_a_label_that_the_model_does_not_know_is_taken_as_given():
    table, _ = abundance_table(
        objects(2), label=words("Salpida", "Copepoda"), status=words("predicted", "predicted"), confusion=PERFECT, n_draws=200
    )
    assert measured(table, "a", "Salpida")["abundance_corrected_ind_m3"] == pytest.approx(0.32)
    assert dirichlet_parameters(PERFECT, ("Cladocera", "Copepoda", "Salpida"))[2].tolist() == [0, 0, 1e6]


@pytest.mark.parametrize(
    ("column", "lost", "kept"),
    [
        ("sample_tot_vol", ["abundance_ind_m3", "biovolume_spherical_mm3_m3"], ["relative_abundance", "n_counted"]),
        ("acq_sub_part", ["abundance_ind_m3", "biovolume_ellipsoidal_mm3_m3"], ["relative_abundance", "n_counted"]),
        ("process_particle_pixel_size_mm", ["biovolume_spherical_mm3_m3"], ["abundance_ind_m3", "abundance_high_ind_m3"]),
        ("object_area", ["biovolume_spherical_mm3_m3"], ["biovolume_ellipsoidal_mm3_m3", "abundance_corrected_ind_m3"]),
        (
            "object_major",
            ["biovolume_ellipsoidal_mm3_m3"],
            ["biovolume_spherical_mm3_m3", "biovolume_spherical_corrected_mm3_m3"],
        ),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_computed(column, lost, kept):
    label, status = words(*["Copepoda"] * 4), words(*["predicted"] * 4)
    for data in (objects(4).drop(columns=column), objects(4).assign(**{column: np.nan}), objects(4).assign(**{column: 0.0})):
        table, notes = abundance_table(data, label=label, status=status, confusion=PERFECT, n_draws=100)
        assert len(notes) == 1
        assert notes[0].startswith(f"{column} is missing")
        assert "hold" in notes[0] or "abundance holds" in notes[0]
        assert table[lost].isna().all(axis=None)
        assert table[kept].notna().all(axis=None)


def test_gaps_in_one_sample_leave_the_others():
    both = pd.concat([objects(3, sample="a"), objects(3, sample="b", sub_part=np.nan), objects(40, sample="c")])
    area = both["object_area"].to_numpy(dtype=float).copy()
    area[10] = np.nan
    both["object_area"] = area
    n = len(both)
    table, notes = abundance_table(both, label=words(*["Copepoda"] * n), status=words(*["validated"] * n))
    assert np.isnan(measured(table, "b", "Copepoda")["abundance_ind_m3"])
    assert measured(table, "a", "Copepoda")["abundance_ind_m3"] == pytest.approx(0.96)
    # One object of forty without an area is left out; more than a twentieth would make the figure NaN.
    assert measured(table, "c", "Copepoda")["biovolume_spherical_mm3_m3"] == pytest.approx(
        13 * measured(table, "a", "Copepoda")["biovolume_spherical_mm3_m3"]
    )
    assert any("acq_sub_part is missing for 3 objects of 46" in note for note in notes)
    assert any("object_area is missing for 1 object of 46" in note for note in notes)


def test_discarded_objects_and_nothing_at_all():
    status = words("discarded", "validated", "dubious")
    table, _ = abundance_table(objects(3), label=words("detritus", "Copepoda", "Copepoda"), status=status)
    assert set(table["taxon"]) == {"Copepoda", TOTAL}
    assert measured(table, "a", "Copepoda")["n_counted"] == 2
    assert measured(table, "a", "Copepoda")["n_validated"] == 1
    for confusion in (None, PERFECT):
        empty, _ = abundance_table(objects(0), label=words(), status=words(), confusion=confusion, n_draws=100)
        assert len(empty) == 0
        assert list(empty.columns) == list(table.columns)
    gone, _ = abundance_table(objects(1), label=words("detritus"), status=words("discarded"), confusion=PERFECT, n_draws=100)
    assert len(gone) == 0


def test_what_does_not_fit_is_said():
    with pytest.raises(LabelError, match="2 objects, 1 labels and 2 statuses"):
        abundance_table(objects(2), label=words("a"), status=words("validated", "validated"))
    broken = Confusion(classes=("a", "b"), counts=np.ones((3, 3), dtype=int))
    with pytest.raises(LabelError, match=r"shape \(3, 3\), not \(2, 2\)"):
        abundance_table(objects(1), label=words("a"), status=words("predicted"), confusion=broken)


def test_sub_part_below_one_is_pointed_out():
    _, notes = abundance_table(objects(1, sub_part=0.25), label=words("a"), status=words("validated"))
    assert any("inverse of the analysed share" in note for note in notes)


def simulate(seed, *, k=8, recall=0.85, held_out=45, expected=300.0, fractions=(16.0,), validated=0.0):
    """One sample with a known concentration, seen through a classifier that is known only from held-out objects."""
    rng = np.random.default_rng(seed)
    classes = tuple(f"taxon {i}" for i in range(k))
    rows = np.stack([(1 - r) * rng.dirichlet(np.full(k, 0.4)) for r in rng.uniform(recall - 0.1, recall + 0.1, k)])
    np.fill_diagonal(rows, 0)
    np.fill_diagonal(rows, 1 - rows.sum(axis=1))
    confusion = Confusion(classes=classes, counts=np.stack([rng.multinomial(held_out, row) for row in rows]))
    truth = np.zeros(k)
    label, status, sub_part = [], [], []
    for fraction in fractions:
        mean = expected / len(fractions) * rng.dirichlet(np.ones(k))
        truth += mean * fraction / 50.0
        for i, count in enumerate(rng.poisson(mean)):
            seen = rng.binomial(count, validated)
            found = rng.multinomial(count - seen, rows[i])
            label += [classes[i]] * seen + [classes[j] for j in range(k) for _ in range(found[j])]
            status += ["validated"] * seen + ["predicted"] * (count - seen)
            sub_part += [fraction] * count
    area = rng.lognormal(7.5, 0.5, len(label))
    data = objects(len(label), sub_part=np.array(sub_part), area=area)
    table, _ = abundance_table(data, label=words(*label), status=words(*status), confusion=confusion, n_draws=200, seed=seed)
    table = table[table["taxon"] != TOTAL].set_index("taxon")
    exact = np.array([truth[classes.index(taxon)] for taxon in table.index])
    return table, exact


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"expected": 3000.0},
        {"expected": 1000.0, "validated": 0.5},
        {"k": 4, "recall": 0.75, "held_out": 80, "expected": 2000.0, "fractions": (8.0, 64.0)},
    ],
)
def test_corrected_intervals_hold_the_truth_where_raw_ones_do_not(case):
    raw, corrected, raw_error, corrected_error = [], [], 0.0, 0.0
    for seed in range(200):
        table, truth = simulate(seed, **case)
        for name, held in (("", raw), ("_corrected", corrected)):
            low, high = table[f"abundance{name}_low_ind_m3"], table[f"abundance{name}_high_ind_m3"]
            held.append(((low <= truth) & (truth <= high)).mean())
        raw_error += np.abs(table["abundance_ind_m3"] - truth).sum()
        corrected_error += np.abs(table["abundance_corrected_ind_m3"] - truth).sum()
    assert np.mean(corrected) >= 0.90
    assert np.mean(raw) < 0.85
    assert corrected_error < raw_error


def test_biovolumes_are_corrected_too():
    held, n = 0, 0
    per_object = 4 / 3 * np.pi * 0.0106**3 / np.pi**1.5 * np.exp(1.5 * 7.5 + (1.5 * 0.5) ** 2 / 2)
    for seed in range(200):
        table, truth = simulate(seed, expected=600.0)
        low, high = (table[f"biovolume_spherical_corrected_{end}_mm3_m3"] for end in ("low", "high"))
        held, n = held + ((low <= truth * per_object) & (truth * per_object <= high)).sum(), n + len(table)
    assert held / n >= 0.90


def test_the_same_seed_gives_the_same_table_and_fast_enough_for_the_app():
    rng = np.random.default_rng(0)
    n, k = 2000, 20
    classes = tuple(f"taxon {i:02d}" for i in range(k))
    confusion = Confusion(classes=classes, counts=np.eye(k, dtype=int) * 40 + rng.poisson(0.3, (k, k)))
    data = objects(n, sub_part=rng.choice([4.0, 32.0], n), area=rng.lognormal(7.5, 0.7, n))
    data["sample_id"] = rng.choice([f"station {i}" for i in range(8)], n)
    given = {"label": words(*rng.choice(classes, n)), "status": words(*["predicted"] * n), "confusion": confusion, "n_draws": 200}
    first, _ = abundance_table(data, **given)
    second, _ = abundance_table(data, **given)
    pd.testing.assert_frame_equal(first, second)
