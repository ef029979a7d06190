"""Ships in speckle: found where they are, at the rate of false alarms that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from imagine_kernels.errors import SettingError
from imagine_kernels.measures.ships import find_ships
from imagine_kernels.media.sar_georeference import AffineGeoreference

UTM = AffineGeoreference((20.0, 0.0, 500_000.0, 0.0, -20.0, 4_500_000.0), "EPSG:32633")


def reader(values: np.ndarray, fill=np.nan):
    def read(x: int, y: int, width: int, height: int) -> np.ndarray:
        found = np.full((height, width), fill, dtype=values.dtype)
        top, left = max(y, 0), max(x, 0)
        part = values[top : max(y + height, 0), left : max(x + width, 0)]
        found[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
        return found

    return read


def sea(shape=(600, 1300), looks: float = 4.4, seed: int = 0) -> np.ndarray:
    slope = np.linspace(0.05, 0.01, shape[1])
    return (slope * np.random.default_rng(seed).gamma(looks, 1 / looks, shape)).astype(np.float32)


def test_ships_are_found_where_they_are():
    power = sea()
    # Two of them near each other, one on the seam of two parts, one in the corner.
    places = [(100, 200), (118, 200), (1023, 300), (1024, 500), (1298, 2)]
    for x, y in places:
        power[y - 1 : y + 2, x - 1 : x + 2] += 3.0
    found = find_ships(reader(power), 1300, 600, looks=4.4, georeference=UTM)
    assert len(found) == 5
    for x, y in places:
        near = found[(np.abs(found["x_px"] - x - 0.5) < 0.3) & (np.abs(found["y_px"] - y - 0.5) < 0.3)]
        assert len(near) == 1
        lon, lat = UTM.lonlat(near["x_px"], near["y_px"])
        assert np.allclose(near[["lon_deg", "lat_deg"]], np.transpose([lon, lat]))
        assert near["above_sea_db"].iloc[0] > 15
    assert found["peak_db"].is_monotonic_decreasing


def test_the_rate_of_false_alarms_is_that_of_the_speckle():
    # One look, 1.5 million px, one alarm in 5000: their number is Poisson; the mean of the frame is known to 1 %.
    power = np.random.default_rng(3).gamma(1, 0.02, (1000, 1500)).astype(np.float32)
    found = find_ships(reader(power), 1500, 1000, looks=1.0, px_per_false_alarm=5000.0, least_db=0)
    assert found["n_px"].sum() == pytest.approx(300, abs=4 * np.sqrt(300))


def test_nothing_on_land_and_nothing_in_a_calm_sea():
    power = sea(looks=20)
    power[:, :300] = np.random.default_rng(1).gamma(1, 0.3, (600, 300))
    land = np.zeros(power.shape, dtype=bool)
    land[:, :300] = True
    assert find_ships(reader(power), 1300, 600, looks=20, left_out=reader(land, False)).empty
    assert find_ships(reader(np.full((50, 60), np.nan, np.float32)), 60, 50, looks=4).empty


def test_looks_that_cannot_be():
    with pytest.raises(SettingError, match="Ships cannot be looked for with nan looks"):
        find_ships(reader(sea()), 10, 10, looks=float("nan"))
