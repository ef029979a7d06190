"""Which particles are proposed for removal: each rule on particles made for it, and how often on real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imagine_kernels.errors import SettingError
from imagine_kernels.formats.flowcam import read_flowcam
from imagine_kernels.measures.particle_checks import RULES, accepted, proposed_removals


def ordinary(n: int, **columns) -> pd.DataFrame:
    """Particles of different sizes, in frames far from one another, to which no rule applies."""
    rng = np.random.default_rng(0)
    length = np.geomspace(20, 200, n)
    return pd.DataFrame(
        {
            "object_id": [f"p{k}" for k in range(n)], "acq_id": "run", "object_length_um": length, "object_width_um": 0.5 * length,
            "object_esd_um": 0.8 * length, "object_area_abd_um2": length**2 / 3, "object_edge_gradient": 100.0, "object_sigma_intensity": 20.0,
            "object_intensity": 120.0, "object_circle_fit": 0.6, "object_frame": 10.0 * np.arange(n),
            "object_capture_x": rng.uniform(0, 1200, n), "object_capture_y": rng.uniform(0, 900, n),
            "process_particle_pixel_size_mm": 0.001, **columns,
        }
    )  # fmt: skip


def test_ordinary_particles_are_left_alone():
    rule, duplicate_of = proposed_removals(ordinary(50))
    assert set(rule) == set(duplicate_of) == {""}


def test_a_particle_downstream_in_the_next_frame_is_a_duplicate_of_the_first():
    table = ordinary(5)
    again = table.iloc[[2]].assign(object_id="again", object_frame=21.0)
    moved = again.assign(object_id="moved", object_capture_y=again["object_capture_y"] + 300, object_intensity=122.0)
    for each, wanted in (
        (again, "duplicate"),
        (moved, "duplicate"),
        (moved.assign(object_frame=22.0), "duplicate"),
        (moved.assign(object_frame=23.0), ""),
        (moved.assign(object_frame=20.0), ""),
        (moved.assign(object_capture_x=moved["object_capture_x"] + 200), ""),
        (moved.assign(object_capture_y=moved["object_capture_y"] - 600), ""),
        (moved.assign(object_length_um=moved["object_length_um"] * 1.3), ""),
        (moved.assign(object_intensity=140.0), ""),
        (moved.assign(acq_id="another run"), ""),
    ):
        rule, duplicate_of = proposed_removals(pd.concat([table, each], ignore_index=True))
        assert rule.tolist() == [""] * 5 + [wanted]
        assert duplicate_of[5] == ("p2" if wanted else "")


def test_the_order_of_the_rows_does_not_matter():
    table = pd.concat([ordinary(8), ordinary(8).iloc[[3]].assign(object_id="again", object_frame=31.0)], ignore_index=True)
    shuffled = table.sample(frac=1, random_state=1).reset_index(drop=True)
    rule, duplicate_of = proposed_removals(shuffled)
    assert shuffled["object_id"][rule == "duplicate"].tolist() == ["again"]
    assert duplicate_of[rule == "duplicate"].tolist() == ["p3"]


def test_frames_of_other_runs_never_meet():
    table = ordinary(4, object_frame=[0.0, 5.0, 9.0, 10.0], acq_id=["a", "a", "b", "b"])
    same = {name: table[name].iloc[0] for name in table.columns if name not in ("object_id", "acq_id", "object_frame")}
    rule, _ = proposed_removals(table.assign(**same))
    assert rule.tolist() == ["", "", "", "duplicate"]


def test_bubbles_are_round_with_strong_contrast():
    round_one = {"object_width_um": 0.97, "object_circle_fit": 0.95, "object_sigma_intensity": 60.0}
    table = ordinary(6)
    for name, value in round_one.items():
        table.loc[1, name] = value * (table.loc[1, "object_length_um"] if "width" in name else 1)
        table.loc[2:4, name] = value * (table.loc[2:4, "object_length_um"] if "width" in name else 1)
    table.loc[2, "object_sigma_intensity"] = 10.0
    table.loc[3, "object_circle_fit"] = 0.5
    table.loc[4, "object_width_um"] *= 0.8
    assert proposed_removals(table)[0].tolist() == ["", "bubble", "", "", "", ""]


def test_sizes_outside_of_the_limits_and_what_is_out_of_focus():
    table = ordinary(5, object_esd_um=[5.0, 10.0, 50.0, 50.0005, 60.0], acq_min_esd_um=10.0, acq_max_esd_um=50.0)
    assert proposed_removals(table)[0].tolist() == ["size", "", "", "", "size"]
    assert proposed_removals(table, min_esd_um=1, max_esd_um=55)[0].tolist() == ["", "", "", "", "size"]
    pale = ordinary(6, object_edge_gradient=[100, 100, 30, 30, 100, np.nan], object_sigma_intensity=[20, 20, 20, 6, 20, 20])
    assert proposed_removals(pale)[0].tolist() == ["", "", "focus", "", "", ""]
    assert proposed_removals(pale, min_edge_gradient=31)[0].tolist() == ["", "", "focus", "focus", "", ""]


def test_rules_without_their_columns_propose_nothing():
    rule, _ = proposed_removals({"object_id": np.array(["a", "b"], dtype=object)})
    assert rule.tolist() == ["", ""]
    assert proposed_removals(ordinary(0))[0].shape == (0,)
    missing = ordinary(3, object_frame=[np.nan, np.inf, 1e300])
    assert proposed_removals(missing)[0].tolist() == ["", "", ""]


def test_two_crowded_frames_do_not_fill_the_memory():
    n = 40_000
    table = ordinary(n, object_frame=np.repeat([1.0, 2.0], n // 2))
    assert set(proposed_removals(table)[0]) == {""}


def test_few_particles_of_real_runs_are_proposed_and_no_protist_is(shared_data):
    sample = read_flowcam(shared_data("flowcam/vickot_flowcam8000") / "Training" / "data", {})
    rule, _ = proposed_removals(sample.objects)
    assert 0 < (rule != "").sum() < 60
    assert set(sample.objects["label"][rule != ""]) <= {"Junk", "Missed"}


@pytest.mark.parametrize(
    ("given", "wanted"), [("", ()), ("all", RULES), ("bubble, Focus", ("bubble", "focus")), ("size,,", ("size",))]
)
def test_the_setting_names_rules(given: str, wanted: tuple[str, ...]):
    assert accepted(given) == frozenset(wanted)


def test_an_unknown_rule_is_refused():
    with pytest.raises(SettingError, match="does not know the rule 'blur': give size, focus, bubble, duplicate, all, or nothing"):
        accepted("bubble,blur")
