"""Sizes and volumes against integrals."""

import numpy as np
import pytest
from scipy.integrate import quad

from imagine_kernels.measures.valve_sizes import BODY_OF, biovolume_um3, body_of, size_table


def volume(genus, length, short, mark="", ratio=0.5, area=None):
    given = None if area is None else np.array([area])
    return float(biovolume_um3(np.array([genus], dtype=object), np.array([mark], dtype=object), np.array([length]), np.array([short]),
                               height_ratio=ratio, area_um2=given)[0])  # fmt: skip


def test_an_elliptic_prism_is_the_integral_over_its_face():
    length, w, h = 40.0, 9.0, 4.5
    face = quad(lambda u: w * np.sqrt(1 - (2 * u / length) ** 2), -length / 2, length / 2)[0]
    assert volume("Navicula", length, w) == pytest.approx(face * h)
    half = quad(lambda u: w * np.sqrt(1 - (2 * u / length) ** 2), -length / 2, length / 2)[0]
    assert volume("Cymbella", length, w) == pytest.approx(half * h)


def test_the_other_bodies():
    assert volume("Fragilaria", 40, 4) == pytest.approx(40 * 4 * 2)
    rhombus = 2 * quad(lambda u: 5 * (1 - u / 30), 0, 30)[0]
    assert volume("Nitzschia", 60, 5, ratio=1) == pytest.approx(rhombus * 5)
    assert volume("Cyclotella", 12, 12, ratio=0.4) == pytest.approx(np.pi * 36 * 4.8)
    assert body_of("Unheardof") == "elliptic prism"
    assert set(BODY_OF.values()) <= {"half-elliptic prism", "box", "rhombic prism", "cylinder"}


def test_in_girdle_view_the_height_is_seen():
    assert volume("Navicula", 40, 5, mark="girdle view") == pytest.approx(np.pi / 4 * 40 * 10 * 5)
    assert np.isnan(volume("Melosira", 20, 10, mark="girdle view"))
    assert np.isnan(volume("", 20, 10))


def test_a_bent_valve_is_narrower_than_its_box():
    # A face of the area of an ellipse of 60 µm by 4 µm, in a box of 10 µm.
    assert volume("Eunotia", 60, 10, area=np.pi / 4 * 60 * 4) == pytest.approx(np.pi / 4 * 60 * 4 * 2)
    assert volume("Eunotia", 60, 10, area=np.nan) == pytest.approx(np.pi / 4 * 60 * 10 * 5)
    assert volume("Eunotia", 60, 10, area=600.0) == pytest.approx(np.pi / 4 * 60 * 10 * 5)


def test_the_table_leaves_out_what_has_no_scale():
    table = size_table(
        np.array(["s", "s", "s"], dtype=object), np.array(["a", "a", "b"], dtype=object),
        np.array([10.0, 20.0, np.nan]), np.array([4.0, np.nan, np.nan]), np.array([50.0, 70.0, np.nan]),
    )  # fmt: skip
    assert table[["sample_id", "taxon", "n_measured"]].to_numpy().tolist() == [["s", "a", 2]]
    assert table.loc[0, ["length_mean_um", "length_min_um", "length_max_um", "width_mean_um", "biovolume_mean_um3"]].tolist() == [
        15,
        10,
        20,
        4,
        60,
    ]
    assert table.loc[0, "length_sd_um"] == pytest.approx(np.std([10, 20], ddof=1))
