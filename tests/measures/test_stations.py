"""Figures of stations and of the water column against hauls whose animals are all known, and against a real cruise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.files import Files
from imagine_kernels.formats.zooprocess import read_pid
from imagine_kernels.measures.abundance import TOTAL
from imagine_kernels.measures.plankton import measure_plankton
from imagine_kernels.records import Confusion, Predictions, Sample


def haul(sample, counts, *, volume, sub_part=4.0, depths=(0.0, 100.0), station="A", date="20250501", time="0900", **more):
    rows = [{"taxon": taxon, "object_area": 1500.0 + 5 * i} for taxon, n in counts.items() for i in range(n)]
    same = {
        "sample_id": sample, "acq_id": f"tot_{sample}", "acq_sub_part": sub_part, "sample_tot_vol": volume, "sample_stationid": station,
        "object_date": date, "object_time": time, "object_depth_min": depths[0], "object_depth_max": depths[1],
        "process_particle_pixel_size_mm": 0.0106, "object_major": 60.0, "object_minor": 40.0, **more,
    }  # fmt: skip
    return pd.DataFrame(rows).assign(**same)


def measured(*hauls, confusion=None):
    objects = pd.concat(hauls, ignore_index=True)
    n = len(objects)
    objects = objects.assign(object_id=[f"o{i}" for i in range(n)], file="x.png", label=objects["taxon"], status="validated")
    sample = Sample(name="cruise", source=Path("cruise"), layout="", objects=objects.drop(columns="taxon"))
    classes = tuple(sorted(set(objects["taxon"])))
    sure = np.eye(len(classes))[[classes.index(taxon) for taxon in objects["taxon"]]]
    return measure_plankton(sample, Predictions.of(objects["object_id"].tolist(), classes, sure), confusion, {"n_draws": 400})


def row(result, taxon, name="abundance_by_station", **where):
    table = result.tables[name]
    for column, value in where.items():
        table = table[table[column] == value]
    return table[table["taxon"] == taxon].iloc[0]


def test_figures_per_square_metre_are_those_per_cubic_metre_times_the_depth_of_the_haul():
    result = measured(
        haul("a", {"x": 5, "y": 2}, volume=20.0, depths=(50.0, 250.0), station="A"),
        haul("b", {"x": 3}, volume=10.0, depths=(np.nan, np.nan), station="B"),
    )
    mine = row(result, "x", "abundance", sample_id="a")
    assert mine["abundance_ind_m2"] == pytest.approx(5 * 4 / 20 * 200)
    for end in ("low_", "high_"):
        assert mine[f"abundance_{end}ind_m2"] == pytest.approx(200 * mine[f"abundance_{end}ind_m3"])
    assert mine["biovolume_ellipsoidal_mm3_m2"] == pytest.approx(200 * mine["biovolume_ellipsoidal_mm3_m3"])
    assert np.isnan(row(result, "x", "abundance", sample_id="b")["abundance_ind_m2"])
    assert any(note.startswith("No figures per m² for b: their objects need one object_depth_min") for note in result.notes)
    # Every station has one sample, whose figures are those of the station.
    assert "abundance_by_station" not in result.tables
    without = measured(haul("a", {"x": 5}, volume=20.0, depths=(np.nan, np.nan)))
    assert "abundance_ind_m2" not in without.tables["abundance"]
    assert not any("m²" in note for note in without.notes)


def test_hauls_of_one_station_are_weighted_with_the_water_they_filtered():
    result = measured(haul("a", {"x": 30, "y": 1}, volume=10.0), haul("b", {"x": 10}, volume=90.0, time="1200", sub_part=2.0))
    mine = row(result, "x")
    # All that was caught in all the water.
    assert mine["abundance_ind_m3"] == pytest.approx((30 * 4 + 10 * 2) / 100)
    assert mine["abundance_ind_m2"] == pytest.approx((30 * 4 + 10 * 2) / 100 * 100)
    assert (mine["station"], mine["date"], mine["n_samples"], mine["n_counted"]) == ("A", "20250501", 2, 40)
    volumes = [row(result, "x", "abundance", sample_id=s)["biovolume_spherical_mm3_m3"] for s in ("a", "b")]
    assert mine["biovolume_spherical_mm3_m3"] == pytest.approx((10 * volumes[0] + 90 * volumes[1]) / 100)
    assert mine["abundance_low_ind_m3"] < mine["abundance_ind_m3"] < mine["abundance_high_ind_m3"]


def test_layers_lie_on_top_of_one_another():
    nets = [
        haul("deep", {"x": 40}, volume=200.0, depths=(100.0, 300.0)),
        haul("deep again", {"x": 10}, volume=100.0, depths=(100.0, 300.0), time="1100"),
        haul("top", {"x": 50}, volume=50.0, depths=(0.0, 50.0), time="1000"),
    ]
    result = measured(*nets)
    # 200 ind / 300 m³ over 200 m, 200 ind / 50 m³ over 50 m.
    assert row(result, "x")["abundance_ind_m2"] == pytest.approx(200 * 200 / 300 + 50 * 200 / 50)
    assert "Station A was not sampled from 50 to 100 m: its figures per m² leave that out." in result.notes
    mixed = measured(*nets, haul("all", {"x": 1}, volume=400.0, depths=(0.0, 300.0), time="1300"))
    assert "abundance_ind_m2" not in mixed.tables["abundance_by_station"]
    assert any(
        note.startswith("No figures per m² for station A: the depths of its samples are not all known, or overlap")
        for note in mixed.notes
    )


def test_parts_of_one_haul_that_are_samples_of_their_own():
    small, large = {"acq_min_mesh": 333.0, "acq_max_mesh": 1000.0}, {"acq_min_mesh": 1000.0, "acq_max_mesh": np.nan}
    parts = [
        haul("n1_333_1", {"x": 30}, volume=60.0, sub_part=8.0, **small),
        haul("n1_333_2", {"x": 36}, volume=60.0, sub_part=8.0, **small),
        haul("n1_1000", {"x": 6, "y": 12}, volume=60.0, sub_part=1.0, **large),
    ]
    result = measured(*parts, haul("n2_1000", {"x": 5}, volume=40.0, time="1500", **large))
    # Two subsamples of the small ones are two estimates of the same 264; the large ones come on top of them.
    assert row(result, "x")["abundance_ind_m3"] == pytest.approx(((30 + 36) * 8 / 2 + 6 + 5 * 4) / 100)
    assert row(result, "y")["abundance_ind_m3"] == pytest.approx(12 / 100)
    assert any("parts of one haul (n1_1000, n1_333_1, n1_333_2)" in note for note in result.notes)


def test_days_are_kept_apart_and_samples_without_a_station_left_out():
    result = measured(
        haul("a", {"x": 4}, volume=10.0), haul("b", {"x": 8}, volume=10.0, time="1000"),
        haul("later", {"x": 99}, volume=10.0, date="20250601"), haul("nowhere", {"x": 7}, volume=10.0, station=""),
    )  # fmt: skip
    table = result.tables["abundance_by_station"]
    assert list(zip(*(table[name].unique() for name in ("date",)), strict=True)) == [("20250501",), ("20250601",)]
    assert row(result, "x", date="20250501")["abundance_ind_m3"] == pytest.approx(12 * 4 / 20)
    assert row(result, "x", date="20250601")["abundance_ind_m3"] == pytest.approx(99 * 4 / 10)
    assert "1 of 4 samples name no station and are in no figure of a station." in result.notes


def test_an_unknown_volume_is_not_passed_over():
    result = measured(haul("a", {"x": 4}, volume=10.0), haul("b", {"x": 8}, volume=np.nan, time="1000"))
    assert np.isnan(row(result, "x")["abundance_ind_m3"])
    assert row(result, "x")["n_counted"] == 12


def test_spectra_and_corrected_figures_of_a_station():
    confusion = Confusion(classes=("x", "y"), counts=np.eye(2, dtype=int) * 1_000_000)
    result = measured(
        haul("a", {"x": 60, "y": 30}, volume=10.0), haul("b", {"x": 50}, volume=30.0, time="1000"), confusion=confusion
    )
    mine = row(result, "x")
    assert mine["abundance_corrected_ind_m3"] == pytest.approx(mine["abundance_ind_m3"], rel=1e-3)
    assert mine["abundance_corrected_high_ind_m2"] == pytest.approx(mine["abundance_high_ind_m2"], rel=0.1)
    bins, fits = (result.tables[f"size_spectrum{kind}_by_station"] for kind in ("", "_fit"))
    assert {"station", "date", "taxon", "in_fit", "left_out_because"} <= set(bins.columns)
    assert "sample_id" not in bins
    assert set(fits["taxon"]) == {"x", "y", TOTAL}
    # All the biovolume of the station is in its spectrum.
    width = np.pi / 6 * (bins["esd_high_mm"] ** 3 - bins["esd_low_mm"] ** 3)
    whole = (bins["nbss_m3"] * width)[bins["taxon"] == TOTAL].sum()
    assert whole == pytest.approx(row(result, TOTAL)["biovolume_spherical_mm3_m3"])


def test_a_real_cruise_whose_fractions_are_samples(shared_data):
    with Files(shared_data("zooscan") / "pid_hb1907") as files:
        sample = read_pid(files, settings={})
    net = sample.where(sample.objects["sample_id"].str.startswith("hb1907_moc8_net2").to_numpy())
    predictions = Predictions.of(net.objects["object_id"].tolist(), ("x",), np.ones((len(net), 1)))
    result = measure_plankton(replace(net, problems=()), predictions, None, {})
    fractions = result.tables["fractions"].set_index("acq_id")["abundance_ind_m3"]
    two, one, large = (fractions[f"tot_hb1907_moc8_net2_{name}"] for name in ("333_1", "1000_1", "5000_1"))
    expected = (two + fractions["tot_hb1907_moc8_net2_333_2"]) / 2 + one + large
    mine = row(result, TOTAL)
    assert mine["abundance_ind_m3"] == pytest.approx(expected)
    assert mine["abundance_ind_m2"] == pytest.approx(expected * (799.7 - 600.9))
