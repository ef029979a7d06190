"""What the page is told of a sample when it is opened."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flowcam_runs import particles, write_run

import imagine_kernels as ik
from imagine_kernels import catalog
from imagine_kernels.apps.payload import columns
from imagine_kernels.records import PROPOSED_REMOVAL, Predictions
from imagine_kernels.result import Result
from imagine_kernels.use_cases.flowcam import USE_CASE


def result_of(folder: Path) -> Result:
    rows = particles(6, esd_diameter=[4.5, 4.5, 2.0, 4.5, 4.5, 4.5], src_image=[1, 2, 20, 30, 40, 50])
    sample = ik.use_case("flowcam").open(write_run(folder / "run", rows))
    ids = sample.objects["object_id"].to_numpy(dtype=object)
    return Result(
        declaration=USE_CASE,
        sample=sample,
        predictions=Predictions.of(ids, ("Tripos", "Detritus"), np.tile([0.9, 0.1], (len(ids), 1))),
    )


def rules_of(result: Result) -> tuple[list[str], list[str]]:
    """The rules that the page is told, and that of each object."""
    names, buffers = columns(result, np.zeros((len(result), 2), dtype=np.uint16))
    assert len(buffers) == 6 + len(names["sorts"]) + 1
    rules = [each["rule"] for each in names["proposals"]]
    return rules, ["" if number == 0 else rules[number - 1] for number in np.frombuffer(buffers[-1], dtype="u1")]


def test_each_object_comes_with_the_rule_that_proposes_to_remove_it(tmp_path: Path) -> None:
    result = result_of(tmp_path)
    assert rules_of(result) == (["size", "focus", "bubble", "duplicate"], ["", "duplicate", "size", "", "", ""])
    names, _ = columns(result, np.zeros((6, 2), dtype=np.uint16))
    assert names["proposals"][0] == {
        "rule": "size",
        "name": "Size",
        "sentence": "The ESD lies outside of the limits of the run or of the settings.",
    }


def test_a_rule_of_an_older_result_is_shown_without_a_sentence(tmp_path: Path) -> None:
    result = result_of(tmp_path)
    objects = result.sample.objects.assign(**{PROPOSED_REMOVAL: ["", None, "old rule", "size", "", ""]})
    again = replace(result, sample=replace(result.sample, objects=objects))
    rules, each = rules_of(again)
    assert (rules[-1], each) == ("old rule", ["", "", "old rule", "size", "", ""])
    assert rules_of(replace(result, sample=replace(result.sample, objects=objects.drop(columns=PROPOSED_REMOVAL)))) == (
        [],
        [""] * 6,
    )


@pytest.mark.parametrize("name", catalog.names())
def test_the_keys_of_marks_do_nothing_else_in_the_app(name: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "imagine_kernels" / "widgets" / "frontend" / "src" / "keys.ts").read_text(
        "utf-8"
    )
    taken = set(re.findall(r'case "(.)":', text))
    assert {"m", "v", "d", "x", "p"} <= taken
    keys = list(catalog.get(name).label_marks.values())
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch("[a-z]", key) and key not in taken for key in keys)
