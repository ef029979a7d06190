"""Speckle filters: against the formulas px by px, known statistics of gamma noise, and parts against the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import generic_filter, uniform_filter

from imagine_kernels.errors import SettingError
from imagine_kernels.media.speckle import FILTERS, HALO, equivalent_looks, filtered, gamma_map, lee, refined_lee

LOOKS = 4.4


def speckled(shape: tuple[int, int], looks: float = LOOKS, seed: int = 0, level: float = 0.02) -> np.ndarray:
    return np.random.default_rng(seed).gamma(looks, level / looks, shape).astype(np.float32)


def edge(seed: int = 1) -> np.ndarray:
    power = speckled((120, 120), seed=seed)
    power[:, 60:] /= 10
    power[30:34, 30:34] *= 400
    return power


def test_lee_is_its_formula():
    power = edge()
    mean = uniform_filter(power.astype(float), 7, mode="mirror")
    variance = uniform_filter(power.astype(float) ** 2, 7, mode="mirror") - mean**2
    weight = np.clip(1 - mean**2 / (LOOKS * variance), 0, 1)
    assert np.allclose(lee(power, LOOKS), mean + weight * (power - mean), rtol=2e-4)


def test_gamma_map_is_the_most_likely_power():
    # The posterior is maximised numerically: L(−ln x − y/x) + (α − 1) ln x − α x/m, over a fine net of x.
    power = speckled((31, 31), seed=3)
    power[10:20, 10:20] *= 1.5
    found = gamma_map(power, LOOKS)
    mean = uniform_filter(power.astype(float), 7, mode="mirror")
    ci2 = (uniform_filter(power.astype(float) ** 2, 7, mode="mirror") - mean**2) / mean**2
    between = (ci2 > 1.05 / LOOKS) & (ci2 < 1.9 / LOOKS)
    assert between.sum() > 50
    for row, column in np.argwhere(between)[::7]:
        y, m = float(power[row, column]), mean[row, column]
        alpha = (1 + 1 / LOOKS) / (ci2[row, column] - 1 / LOOKS)
        x = np.linspace(0.05, 6, 200_000) * m
        posterior = -LOOKS * (np.log(x) + y / x) + (alpha - 1) * np.log(x) - alpha * x / m
        assert found[row, column] == pytest.approx(x[np.argmax(posterior)], rel=2e-3)
    smooth, rough = ci2 <= 0.99 / LOOKS, ci2 >= 2.01 / LOOKS
    assert np.allclose(found[smooth], mean[smooth], rtol=1e-3)
    assert np.allclose(found[rough], power[rough], rtol=1e-6)


def half_window(values: np.ndarray) -> float:
    """Lee's refined filter for one window of 7 × 7, as his paper tells it."""
    window = values.reshape(7, 7)
    squares = {(dy, dx): window[dy : dy + 3, dx : dx + 3].mean() for dy in (0, 2, 4) for dx in (0, 2, 4)}
    middle = squares[2, 2]
    directions = {
        "vertical": ([(0, 4), (2, 4), (4, 4)], [(0, 0), (2, 0), (4, 0)], (2, 4), (2, 0)),
        "falling": ([(0, 2), (0, 4), (2, 4)], [(2, 0), (4, 0), (4, 2)], (0, 4), (4, 0)),
        "horizontal": ([(0, 0), (0, 2), (0, 4)], [(4, 0), (4, 2), (4, 4)], (0, 2), (4, 2)),
        "rising": ([(2, 0), (0, 0), (0, 2)], [(4, 2), (4, 4), (2, 4)], (0, 0), (4, 4)),
    }
    name = max(
        directions,
        key=lambda each: abs(sum(squares[k] for k in directions[each][0]) - sum(squares[k] for k in directions[each][1])),
    )
    _, _, one, other = directions[name]
    side = one if abs(squares[one] - middle) < abs(squares[other] - middle) else other
    rows, columns = np.mgrid[-3:4, -3:4]
    chosen = window[(rows * (side[0] - 2) + columns * (side[1] - 2)) >= 0]
    mean, variance = chosen.mean(), chosen.var()
    return mean + np.clip(1 - mean**2 / (LOOKS * variance), 0, 1) * (window[3, 3] - mean)


def test_refined_lee_is_its_formula():
    power = edge(5)[20:60, 40:80]
    expected = generic_filter(power.astype(float), half_window, 7, mode="mirror")
    inside = np.s_[3:-3, 3:-3]
    agree = np.isclose(refined_lee(power, LOOKS)[inside], expected[inside], rtol=1e-3)
    # Where two gradients are equal to the last bit either half may be taken.
    assert agree.mean() > 0.999


@pytest.mark.parametrize("name", FILTERS)
def test_the_mean_stays_and_speckle_goes(name: str):
    power = speckled((400, 400))
    found = filtered(power, name, LOOKS)
    assert found.mean() == pytest.approx(power.mean(), rel=0.02)
    gain = {"lee": 8, "refined lee": 4, "gamma map": 6}[name]
    assert found.mean() ** 2 / found.var() > gain * LOOKS


@pytest.mark.parametrize("name", FILTERS)
def test_edges_and_ships_stay(name: str):
    found = filtered(edge(), name, LOOKS)
    assert found[:, 64:].mean() == pytest.approx(0.002, rel=0.05)
    assert found[60:, 50:56].mean() == pytest.approx(0.02, rel=0.1)
    assert found[30:34, 30:34].mean() > 0.5 * edge()[30:34, 30:34].mean()


@pytest.mark.parametrize("name", FILTERS)
def test_a_part_with_its_halo_is_the_part_of_the_whole(name: str):
    power = edge(7)
    whole = filtered(power, name, LOOKS)
    part = filtered(np.ascontiguousarray(power[40 - HALO : 90 + HALO, 30 - HALO : 80 + HALO]), name, LOOKS)
    assert np.allclose(part[HALO:-HALO, HALO:-HALO], whole[40:90, 30:80], rtol=1e-4)


@pytest.mark.parametrize("name", FILTERS)
def test_what_is_missing_stays_missing_and_counts_nowhere(name: str):
    power = speckled((60, 60))
    power[:, :20] = np.nan
    found = filtered(power, name, LOOKS)
    assert np.isnan(found[:, :20]).all()
    assert np.isfinite(found[:, 20:]).all()
    assert found[:, 20:24].mean() == pytest.approx(0.02, rel=0.1)


@given(looks=st.floats(1, 60), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_looks_are_found(looks: float, seed: int):
    assert equivalent_looks(speckled((300, 300), looks, seed)) == pytest.approx(looks, rel=0.12)


def test_looks_are_found_in_spite_of_slicks_and_ships():
    power = speckled((600, 600), 4.4, 2)
    power[100:200] /= 8
    power[::97, ::89] *= 1000
    power *= np.linspace(0.7, 1.4, 600, dtype=np.float32)
    assert equivalent_looks(power) == pytest.approx(4.4, rel=0.12)
    assert np.isnan(equivalent_looks(power[:20, :20]))


def test_settings_that_cannot_be():
    power = speckled((20, 20))
    with pytest.raises(SettingError, match="choose none, lee, refined lee, gamma map"):
        filtered(power, "frost", 4)
    with pytest.raises(SettingError, match="needs the equivalent number of looks"):
        lee(power, float("nan"))
    with pytest.raises(SettingError, match="odd number of 3 or more"):
        lee(power, 4, size=4)
    assert filtered(power, "none", float("nan")) is power
