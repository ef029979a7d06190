"""Fractions and subsamples of a haul against a haul whose animals are all known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from imagine_kernels.measures.abundance import TOTAL, abundance_table
from imagine_kernels.measures.fractions import fraction_of, fraction_table

VOLUME, PX = 40.0, 0.0106
#: Taxon → animals in the whole haul by fraction, each a whole number of splits, and their area in px².
HAUL = {"Copepoda": ({"d1": 6, "d2": 320}, 1500.0), "Siphonophora": ({"d1": 8, "d2": 0}, 90_000.0)}
#: The small ones were split 16 times, and the sixteenth was scanned in two parts.
SCANS = {"d1": (2, ("d1_st1",)), "d2": (16, ("d2_1_sur_2_st1", "d2_2_sur_2_st1"))}


def scanned(haul=HAUL, *, sample="st1", **more):
    """What is on the scans of a haul: exactly one animal of every ``sub_part``, spread over the parts."""
    rows = []
    for taxon, (animals, area) in haul.items():
        for fraction, (sub_part, scans) in SCANS.items():
            seen, left = divmod(animals[fraction], sub_part)
            assert left == 0
            rows += [
                {
                    "sample_id": sample, "acq_id": scans[i % len(scans)].replace("st1", sample), "acq_sub_part": float(sub_part),
                    "sample_tot_vol": VOLUME, "process_particle_pixel_size_mm": PX, "object_area": area, "object_major": 60.0,
                    "object_minor": 40.0, "taxon": taxon, **more,
                }
                for i in range(seen)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def status_of(objects, text="validated"):
    return np.full(len(objects), text, dtype=object)


def sphere(area):
    return 4 / 3 * np.pi * (np.sqrt(area / np.pi) * PX) ** 3


def test_the_fractions_of_a_haul_add_up_to_all_that_was_in_it():
    objects = scanned()
    table, notes = abundance_table(objects, label=objects["taxon"].to_numpy(), status=status_of(objects))
    table = table.set_index("taxon")
    for taxon, (animals, area) in HAUL.items():
        assert table.loc[taxon, "abundance_ind_m3"] == pytest.approx(sum(animals.values()) / VOLUME)
        assert table.loc[taxon, "biovolume_spherical_mm3_m3"] == pytest.approx(sum(animals.values()) * sphere(area) / VOLUME)
    assert table.loc[TOTAL, "abundance_ind_m3"] == pytest.approx(334 / VOLUME)
    # Shares are those of the haul, not of the 27 objects on the scans.
    assert table.loc["Siphonophora", "relative_abundance"] == pytest.approx(8 / 334)
    assert notes == ()


def test_the_sum_is_that_of_the_formulae_of_ecotaxa():
    objects = scanned()
    # As EcoTaxa has them: subsample_coef = 1/sub_part, total_water_volume = tot_vol; one individual is 1/(subsample_coef·volume).
    names = {"sub_part": objects["acq_sub_part"], "tot_vol": objects["sample_tot_vol"], "area": objects["object_area"]}
    names |= {"pixel_size": PX, "pi": np.pi}
    names["subsample_coef"] = pd.eval("1/sub_part", local_dict=names)
    each = pd.eval("1/(subsample_coef*tot_vol)", local_dict=names)
    volume = pd.eval("4.0/3.0*pi*(((area/pi)**0.5)*pixel_size)**3", local_dict=names)
    expected = pd.DataFrame({"taxon": objects["taxon"], "n": each, "v": each * volume}).groupby("taxon").sum()
    table, _ = abundance_table(objects, label=objects["taxon"].to_numpy(), status=status_of(objects))
    table = table.set_index("taxon").loc[expected.index]
    assert table["abundance_ind_m3"].to_numpy() == pytest.approx(expected["n"].to_numpy())
    assert table["biovolume_spherical_mm3_m3"].to_numpy() == pytest.approx(expected["v"].to_numpy())


def test_the_table_says_what_each_fraction_brought():
    objects = scanned()
    table, notes = fraction_table(objects, status=status_of(objects))
    assert notes == ()
    table = table.set_index("acq_id")
    assert table["n_counted"].to_dict() == {"d1_st1": 7, "d2_1_sur_2_st1": 10, "d2_2_sur_2_st1": 10}
    assert table["sub_part"].tolist() == [2, 16, 16]
    assert table["analysed_m3"].tolist() == [20, 2.5, 2.5]
    assert table["relative_abundance"].tolist() == pytest.approx([14 / 334, 160 / 334, 160 / 334])
    large, small = 6 * sphere(1500) + 8 * sphere(90_000), 160 * sphere(1500)
    assert table["relative_biovolume"].tolist() == pytest.approx([part / (large + 2 * small) for part in (large, small, small)])
    # Objects of one weight: the exact interval of Garwood.
    assert table.loc["d1_st1", "abundance_low_ind_m3"] == pytest.approx(stats.chi2.ppf(0.025, 14) / 2 * 2 / VOLUME)
    assert table.loc["d1_st1", "abundance_high_ind_m3"] == pytest.approx(stats.chi2.ppf(0.975, 16) / 2 * 2 / VOLUME)
    for name in ("relative_abundance", "relative_biovolume", "biovolume_spherical"):
        unit = "_mm3_m3" if name.startswith("bio") else ""
        low, value, high = (table[f"{name}{end}{unit}"] for end in ("_low", "", "_high"))
        assert ((low < value) & (value < high)).all()


def test_discarded_objects_leave_their_fraction_in_the_table():
    objects = scanned()
    status = np.where(objects["acq_id"] == "d1_st1", "discarded", "validated").astype(object)
    table, notes = fraction_table(objects, status=status)
    row = table.set_index("acq_id").loc["d1_st1"]
    assert (row["n_counted"], row["abundance_ind_m3"], row["relative_abundance"], row["sub_part"]) == (0, 0, 0, 2)
    assert row["abundance_high_ind_m3"] == pytest.approx(3.689 * 2 / VOLUME, rel=1e-3)
    assert notes == ()


@pytest.mark.parametrize(
    ("sample", "acquisition", "fraction", "expected"),
    [
        ("st1", "d1_st1", "", ("d1", None, None)),
        ("imagine2025_st03_wp2", "imagine2025_st03_wp2_d2", "", ("d2", None, None)),
        ("st1", "st1_d2_3_sur_4_1", "", ("d2", 3, 4)),
        ("st1", "scan 7", "D1_1_sur_2", ("d1", 1, 2)),
        ("net_d1", "tot_net_d1", "", ("tot", None, None)),
        ("net_d1", "net_d1", "", ("", None, None)),
        ("st1", "plankton_1_sur_2_st1", "", ("plankton", 1, 2)),
        ("st1", "and1_st1", "", ("", None, None)),
    ],
)
def test_the_names_of_fractions(sample, acquisition, fraction, expected):
    assert fraction_of(sample, acquisition, fraction) == expected


def test_missing_fractions_and_what_does_not_agree_is_said():
    both = pd.concat([scanned(), scanned({"Copepoda": ({"d1": 0, "d2": 160}, 1500.0)}, sample="st2")], ignore_index=True)
    both = both[both["acq_id"] != "d2_2_sur_2_st2"].reset_index(drop=True)
    _, notes = fraction_table(both, status=status_of(both))
    assert len(notes) == 2
    assert notes[0].startswith("No object of fraction d1 in st2: if it was scanned it is missing here")
    assert notes[1].startswith("No object of part 2 of 2 of the fraction d2 in st2: if it was scanned")
    objects = scanned()
    objects.loc[objects["acq_id"] == "d1_st1", "sample_tot_vol"] = 38.0
    table, notes = fraction_table(objects, status=status_of(objects))
    assert notes == (
        "The fractions of st1 have different volumes (38 and 40 m³): each was taken as it is; a haul has one tot_vol.",
    )
    assert table["tot_vol_m3"].tolist() == [38, 40, 40]
    objects = scanned()
    objects.loc[0, "acq_sub_part"] = 4.0
    table, notes = fraction_table(objects, status=status_of(objects))
    assert notes == (
        "The objects of d1_st1 have different values of acq_sub_part: each was taken as it is; an acquisition has one.",
    )
    assert np.isnan(table["sub_part"][0])
    # A haul that was scanned as a whole misses nothing.
    whole = scanned().assign(acq_id="tot_st1", acq_sub_part=4.0)
    assert fraction_table(whole, status=status_of(whole))[1] == ()


def test_without_a_volume_the_counts_stay():
    objects = scanned().drop(columns="sample_tot_vol")
    table, _ = fraction_table(objects, status=status_of(objects))
    assert table["n_counted"].sum() == 27
    assert table["abundance_ind_m3"].isna().all()
    empty = scanned().iloc[:0]
    assert len(fraction_table(empty, status=status_of(empty))[0]) == 0


def test_the_interval_of_a_haul_of_two_fractions_holds_the_truth():
    rng = np.random.default_rng(3)
    means = {"d1": (2.0, 12.0), "d2": (16.0, 25.0)}
    truth = sum(sub_part * mean for sub_part, mean in means.values()) / VOLUME
    held = 0
    for _ in range(300):
        counts = {name: rng.poisson(mean) for name, (_, mean) in means.items()}
        rows = [name for name, n in counts.items() for _ in range(n)]
        objects = pd.DataFrame({"sample_id": "a", "acq_sub_part": [means[name][0] for name in rows], "sample_tot_vol": VOLUME})
        table, _ = abundance_table(objects, label=np.full(len(rows), "x", dtype=object), status=status_of(objects))
        held += table["abundance_low_ind_m3"][0] <= truth <= table["abundance_high_ind_m3"][0]
    assert held >= 0.94 * 300
