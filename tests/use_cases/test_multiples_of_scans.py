"""Objects of whole scans that are several, from the setting to the tables and the EcoTaxa file: parts count, what they were cut from does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import imagine_kernels as ik
from imagine_kernels.errors import DataError, LabelError, UnknownName
from imagine_kernels.measures.morphometry_zooprocess import ZOOPROCESS_FEATURES, zooprocess_features
from imagine_kernels.media.objects import Pictures
from imagine_kernels.records import Predictions, Sample
from imagine_kernels.records.cuts import CUT, CUT_FROM, MULTIPLE, PROPOSED_CUT, from_wkt
from imagine_kernels.result import Result, open_result
from imagine_kernels.samples.zooscan_scan import make_scan

WORKFLOW = ik.use_case("zooscan")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scan(tmp_path_factory.mktemp("scan") / "project", 41, width=2000, height=1500, n=8, touching=5)


@pytest.fixture(scope="module")
def whole(project: Path) -> Sample:
    return WORKFLOW.open(project)


def result_of(sample: Sample) -> Result:
    """What a model would leave, all of one taxon."""
    predictions = Predictions.of(sample.objects["object_id"].tolist(), ("Copepoda",), np.ones((len(sample), 1)))
    return Result(declaration=WORKFLOW.declaration, sample=sample, predictions=predictions)


def test_cuts_are_proposed_and_not_made_unless_it_is_set(project: Path, whole: Sample) -> None:
    truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))["objects"]
    several = {(each["bx"], each["by"]) for each in truth if "parts" in each}
    objects = whole.objects
    at = list(zip(objects["object_bx"].astype(int), objects["object_by"].astype(int), strict=True))
    assert several <= set(at)
    likely = {place for place, probability in zip(at, objects[MULTIPLE], strict=True) if probability >= 0.5}
    assert len(several & likely) >= 4
    assert (objects[CUT_FROM] == "").all()
    # A cut is proposed for what is likely several, and for nothing else.
    assert (objects[MULTIPLE][objects[PROPOSED_CUT] != ""] >= 0.5).all()
    measured = result_of(whole).measure(n_draws=100)
    table = measured.tables["separation"]
    assert table[["n_found", "n_divided", "n_parts", "n_objects"]].to_numpy().tolist() == [[len(whole), 0, 0, len(whole)]]
    assert any("are likely several organisms and count as one each" in note for note in measured.notes)


def test_the_setting_divides_along_the_proposals(project: Path, whole: Sample, tmp_path: Path) -> None:
    sample = WORKFLOW.open(project, separate="yes")
    proposed = set(whole.objects["object_id"][whole.objects[PROPOSED_CUT] != ""])
    parts = sample.objects[sample.objects[CUT_FROM] != ""]
    assert set(parts[CUT_FROM]) == proposed
    assert not proposed & set(sample.objects["object_id"])
    assert sample.objects["object_id"].is_unique
    # Each part is an object of its own: its features are those of its picture alone. (In vignettes holes are white, so that grey values differ.)
    with Pictures(sample) as pictures:
        assert parts[[f"object_{name}" for name in ZOOPROCESS_FEATURES]].notna().all(axis=None)
        for row in parts.index:
            measured = zooprocess_features(pictures.load(int(row)), pixel_size_mm=25.4 / 2400)
            for name in ("area", "area_exc", "perim.", "convarea", "major", "minor", "feret", "skelarea", "width", "height"):
                assert measured[name] == pytest.approx(parts.at[row, f"object_{name}"], rel=1e-6, nan_ok=True), name
    # What touches is the sum of its parts, the line, holes that it opened and crumbs aside.
    for origin, group in parts.groupby(CUT_FROM):
        area = whole.objects.set_index("object_id").at[origin, "object_area_exc"]
        assert 0.85 * area <= group["object_area_exc"].sum() < area

    result = result_of(sample)
    table = result.measure(n_draws=100).tables["separation"]
    n_parts, n_divided = len(parts), len(proposed)
    assert table[["n_found", "n_divided", "n_parts", "n_objects"]].to_numpy().tolist() == [
        [len(whole), n_divided, n_parts, len(whole) - n_divided + n_parts]
    ]
    again = open_result(result.save(tmp_path / "out"))
    assert again.sample.objects[CUT].tolist() == sample.objects[CUT].tolist()
    with Pictures(again.sample) as after, Pictures(sample) as before:
        np.testing.assert_array_equal(after.load(len(sample) - 1), before.load(len(sample) - 1))
    exported = WORKFLOW.open(result.to_ecotaxa(tmp_path / "scan.zip"))
    assert set(exported.objects["object_id"]) == set(sample.objects["object_id"])
    assert abundance(result) / abundance(result_of(whole)) == pytest.approx(len(sample) / len(whole))


def abundance(result: Result) -> float:
    table = result.measure(n_draws=100).tables["abundance"]
    return float(table[table["taxon"] == "all objects"]["abundance_ind_m3"].iloc[0])


def test_a_part_is_divided_again_in_python(whole: Sample) -> None:
    divide = WORKFLOW.declaration.divide
    assert divide is not None
    row = whole.objects[whole.objects[PROPOSED_CUT] != ""].iloc[0]
    name = row["object_id"]
    parts = divide(whole, {name: from_wkt(row[PROPOSED_CUT])})
    assert parts.objects["object_id"].tolist() == [f"{name}_{k + 1}" for k in range(len(parts))]
    result = result_of(whole).with_parts(result_of(parts), of=name)
    assert len(result) == len(whole) - 1 + len(parts)
    part = result.sample.objects.iloc[-1]
    middle = int(part["object_by"] + part["object_height"] // 2)
    line = ((int(part["object_bx"]) - 3, middle), (int(part["object_bx"] + part["object_width"]) + 3, middle))
    smaller = {**whole.settings, "min_esd_mm": 0.05}
    halves = divide(replace(result.sample, settings=smaller), {part["object_id"]: (line,)})
    # Both lines divide them, and both name the object that was found.
    assert all(from_wkt(text)[-1] == line for text in halves.objects[CUT])
    assert set(halves.objects[CUT_FROM]) == {name}
    assert len(result.with_parts(result_of(halves), of=part["object_id"])) == len(result) - 1 + len(halves)


def test_what_cannot_be_divided_says_why(whole: Sample, tmp_path: Path) -> None:
    divide = WORKFLOW.declaration.divide
    assert divide is not None
    name = whole.objects["object_id"].iloc[0]
    with pytest.raises(DataError, match=f"{name}: The lines do not divide the object"):
        divide(whole, {name: (((0, 0), (3, 3)),)})
    with pytest.raises(UnknownName, match="There is no object 'nobody'"):
        divide(whole, {"nobody": (((0, 0), (3, 3)),)})
    vignettes = replace(whole, cut_from="")
    with pytest.raises(DataError, match="holds vignettes, which are not divided any more: open the whole scans"):
        divide(vignettes, {name: (((0, 0), (3, 3)),)})
    other = replace(result_of(whole.where([0])), predictions=Predictions.of([name], ("Ostracoda",), np.ones((1, 1))))
    with pytest.raises(LabelError, match="were identified by another model"):
        result_of(whole).with_parts(other, of=name)
