"""Size spectra against power laws whose slope is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from imagine_kernels.files import Files
from imagine_kernels.formats.zooprocess import read_pid
from imagine_kernels.measures.size_spectrum import ALL_OBJECTS, ALL_SAMPLES, ESD_LIMITS_MM, nbss


def names(n, name):
    return np.full(n, name, dtype=object)


def spectrum(volume, weight, *, sample="a", taxon="Copepoda", px=0.0106):
    n = len(volume)
    return nbss(names(n, sample), names(n, taxon), volume, np.broadcast_to(weight, n), np.full(n, px))


def row(table, taxon=ALL_OBJECTS, sample="a"):
    return table[(table["taxon"] == taxon) & (table["sample_id"] == sample)].iloc[0]


def test_the_grid_doubles_in_biovolume():
    volume = np.pi / 6 * ESD_LIMITS_MM**3
    assert volume[1:] / volume[:-1] == pytest.approx(2)
    assert ESD_LIMITS_MM[0] == pytest.approx(0.001)
    assert ESD_LIMITS_MM[-1] > 100


@pytest.mark.parametrize("slope", [-1.0, -1.5, -0.5])
def test_an_exact_power_law(slope):
    limits = np.pi / 6 * ESD_LIMITS_MM[24:32] ** 3
    middle = np.sqrt(limits[1:] * limits[:-1])
    # Each object in the middle of its bin, with the weight that puts NB exactly on the line log NB = 0.7 + slope · log V.
    each = np.repeat(np.arange(7), 40)
    weight = 10**0.7 * middle[each] ** slope * np.diff(limits)[each] / middle[each] / 40
    bins, fits = spectrum(middle[each], weight)
    fit = row(fits)
    assert fit["n_bins"] == 7
    assert fit["slope"] == pytest.approx(slope, abs=1e-9)
    assert fit["intercept_log10_m3"] == pytest.approx(0.7, abs=1e-9)
    assert fit["r2"] == pytest.approx(1)
    assert fit["rmse_log10"] == pytest.approx(0, abs=1e-6)
    mine = bins[bins["taxon"] == ALL_OBJECTS]
    assert mine["nbss_m3"].to_numpy() == pytest.approx(10**0.7 * middle**slope)
    assert mine["in_fit"].all()


def test_a_random_sample_from_a_power_law():
    rng = np.random.default_rng(2)
    # Numbers per mm³ fall as V^-2, so the normalised biovolume falls as V^-1; truncated far above what is seen.
    slopes, held = [], 0
    for _ in range(100):
        _, fits = spectrum(0.01 / rng.uniform(1e-4, 1, 3000), 0.5)
        fit = row(fits)
        slopes.append(fit["slope"])
        held += fit["slope_low"] <= -1 <= fit["slope_high"]
    assert np.mean(slopes) == pytest.approx(-1, abs=0.05)
    # The interval is that of the line through the bins that are left; the choice of bins makes it a little short.
    assert held >= 70


def test_the_line_is_that_of_scipy():
    rng = np.random.default_rng(5)
    bins, fits = spectrum(0.01 / rng.uniform(0.001, 1, 5000), 0.5)
    used = bins[(bins["taxon"] == ALL_OBJECTS) & bins["in_fit"]]
    expected = stats.linregress(np.log10(used["biovolume_mid_mm3"]), np.log10(used["nbss_m3"]))
    fit = row(fits)
    half = stats.t.ppf(0.975, len(used) - 2) * expected.stderr
    assert (fit["slope"], fit["intercept_log10_m3"]) == pytest.approx((expected.slope, expected.intercept))
    assert (fit["slope_low"], fit["slope_high"]) == pytest.approx((expected.slope - half, expected.slope + half))
    half = stats.t.ppf(0.975, len(used) - 2) * expected.intercept_stderr
    assert fit["intercept_log10_low_m3"] == pytest.approx(expected.intercept - half)
    assert fit["intercept_log10_high_m3"] == pytest.approx(expected.intercept + half)
    assert fit["r2"] == pytest.approx(expected.rvalue**2)


def test_a_real_spectrum_is_that_of_the_definition_of_pssdb(shared_data):
    """Biovolume of a class over the volume analysed and the width of the class; from the largest NB up to three empty classes in a row."""
    with Files(shared_data("zooscan") / "pid_hb1907") as files:
        objects = read_pid(files, settings={}).objects
    objects = objects[objects["sample_id"] == "hb1907_moc8_net2_333_1"]
    volume = 4 / 3 * np.pi * (np.sqrt(objects["object_area"] / np.pi) * 0.0106) ** 3
    classes = pd.cut(volume, np.pi / 6 * ESD_LIMITS_MM**3, right=False, precision=15)
    counts, sums = volume.groupby(classes, observed=False).agg(["count", "sum"]).T.to_numpy()
    analysed = 1880.1 / 4
    expected = sums / analysed / np.array([each.length for each in classes.cat.categories])
    bins, fits = nbss(
        names(len(objects), "a"), names(len(objects), "x"), volume.to_numpy(), np.full(len(objects), 1 / analysed),
        np.full(len(objects), 0.0106),
    )  # fmt: skip
    mine = bins[bins["taxon"] == "x"]
    first, last = np.flatnonzero(counts)[[0, -1]]
    assert mine["n_counted"].tolist() == counts[first : last + 1].tolist()
    assert mine["nbss_m3"].to_numpy() == pytest.approx(expected[first : last + 1])
    # PSSdb leaves out what is counted with an uncertainty of 20 % or more.
    kept = [k for k in range(int(np.argmax(expected)), last + 1) if counts[k] > 25]
    assert np.flatnonzero(mine["in_fit"]).tolist() == [k - first for k in kept]
    assert row(fits, "x")["n_bins"] == len(kept)
    middle = np.sqrt(np.array([each.left * each.right for each in classes.cat.categories]))
    if len(kept) > 2:
        slope, intercept = np.polyfit(np.log10(middle[kept]), np.log10(expected[kept]), 1)
        assert (row(fits, "x")["slope"], row(fits, "x")["intercept_log10_m3"]) == pytest.approx((slope, intercept))


def test_every_bin_is_in_the_line_or_says_why_not():
    rng = np.random.default_rng(9)
    n = 20_000
    sample, taxon = rng.choice(["a", "b"], n).astype(object), rng.choice(["x", "y", "z"], n, p=[0.9, 0.08, 0.02]).astype(object)
    bins, fits = nbss(sample, taxon, 0.001 / rng.uniform(1e-5, 1, n), rng.choice([0.1, 0.5], n), np.full(n, 0.0106))
    assert (bins["in_fit"] == (bins["left_out_because"] == "")).all()
    assert not bins["in_fit"].all()
    assert {"25 objects or fewer", "empty"} <= set(bins["left_out_because"])
    lines = bins[bins["in_fit"]].groupby(["sample_id", "taxon"])
    for _, fit in fits.iterrows():
        used = lines.get_group((fit["sample_id"], fit["taxon"])) if fit["n_bins"] else bins[:0]
        assert len(used) == fit["n_bins"]
        if len(used) > 2:
            assert fit["slope"] == pytest.approx(np.polyfit(np.log10(used["biovolume_mid_mm3"]), np.log10(used["nbss_m3"]), 1)[0])


def test_bins_that_are_left_out_say_why():
    middle = np.pi / 6 * (ESD_LIMITS_MM[:-1] * ESD_LIMITS_MM[1:]) ** 1.5
    counts = {15: 30, 24: 30, 25: 100, 26: 60, 27: 40, 28: 26, 29: 25, 33: 40}
    volume = np.repeat([middle[k] for k in counts], list(counts.values()))
    bins, fits = spectrum(volume, 1.0)
    mine = bins[bins["taxon"] == ALL_OBJECTS].set_index("n_counted")
    assert mine.loc[100, "left_out_because"] == ""
    assert mine.loc[26, "left_out_because"] == ""
    assert mine.loc[25, "left_out_because"] == "25 objects or fewer"
    assert set(mine.loc[30, "left_out_because"]) == {"smaller than the peak"}
    assert set(mine.loc[0, "left_out_because"]) == {"empty"}
    # Bins 30, 31 and 32 are empty, so the well-filled bin 33 does not bend the line.
    assert set(mine.loc[40, "left_out_because"]) == {"", "beyond three empty bins"}
    assert row(fits)["n_bins"] == 4
    coarse, _ = spectrum(volume, 1.0, px=0.07)
    assert "smaller than 5 pixels" in set(coarse["left_out_because"])


def test_the_mean_over_samples_and_few_objects():
    volume = np.full(40, 0.05)
    sample = np.repeat(np.array(["a", "b"], dtype=object), 20)
    bins, fits = nbss(sample, names(40, "x"), volume, np.repeat([1.0, 3.0], 20), np.full(40, 0.0106))
    one = bins[(bins["taxon"] == "x") & (bins["n_counted"] > 0)].set_index("sample_id")["nbss_m3"]
    assert one[ALL_SAMPLES] == pytest.approx((one["a"] + one["b"]) / 2)
    assert fits["slope"].isna().all()
    alone, _ = spectrum(volume, 1.0)
    assert ALL_SAMPLES not in set(alone["sample_id"])


def test_unknown_volumes_and_nothing_at_all():
    bins, _ = spectrum(np.full(30, 0.05), np.nan)
    assert bins["nbss_m3"].isna().all()
    assert set(bins["left_out_because"]) == {"volume of water or splitting not known"}
    for volume in (np.empty(0), np.full(3, np.nan), np.zeros(3)):
        empty, fits = spectrum(volume, 1.0)
        assert len(empty) == 0
        assert len(fits) == 0
        assert "nbss_m3" in empty.columns
