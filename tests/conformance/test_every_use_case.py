"""What every use case does, from open to report, on its bundled sample: run over all names that the catalogue finds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from servers import serving

import imagine_kernels as ik
from imagine_kernels import catalog
from imagine_kernels.errors import Cancelled
from imagine_kernels.jobs import Jobs
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.records import STATUSES
from imagine_kernels.result import Result, open_result
from imagine_kernels.serving import deepaas

NAMES = catalog.names()


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bundle(name: str, starter_model) -> ModelBundle:
    return starter_model(name)


@pytest.fixture(scope="module")
def result(name: str, bundle: ModelBundle) -> Result:
    workflow = ik.use_case(name)
    return workflow.identify(workflow.open(), bundle)


def test_the_declaration_speaks_to_people(name: str) -> None:
    declared = catalog.get(name)
    assert declared.name == name
    assert declared.title
    assert declared.sentence.endswith(".")
    assert declared.reads
    assert all(setting.help.endswith(".") for setting in declared.settings)
    assert declared.read_settings() == {setting.name: setting.default for setting in declared.settings}


def test_open_finds_the_bundled_sample_whole(name: str) -> None:
    sample = ik.use_case(name).check()
    assert len(sample) >= 100
    assert len(sample.labels) >= 2
    assert sample.objects["object_id"].is_unique
    assert sample.problems == ()


def test_opening_says_how_far_it_is_and_can_be_stopped(name: str) -> None:
    workflow, steps, cancel = ik.use_case(name), list[tuple[int, int, str]](), threading.Event()
    n = workflow.open(progress=lambda *step: steps.append(step)).n_media
    assert all(0 <= done <= total or total == 0 for done, total, _ in steps)
    assert all(what for *_, what in steps)
    assert steps[-1][:2] == (n, n)
    with pytest.raises(Cancelled, match="Opening was cancelled"):
        workflow.open(progress=lambda *_: cancel.set(), cancel=cancel)


def test_the_sample_is_the_same_for_the_same_seed(name: str, tmp_path: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}

    workflow = ik.use_case(name)
    first, again, other = (
        workflow.bundled_sample(tmp_path / at / "sample", seed=seed) for at, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert contents(first) == contents(again)
    assert contents(first) != contents(other)


def test_train_beats_the_largest_class_on_held_out_objects(name: str, bundle: ModelBundle) -> None:
    accuracy = bundle.metrics["accuracy"]
    held_out = bundle.confusion.counts.sum(axis=1)
    assert accuracy["low"] > held_out.max() / held_out.sum(), (accuracy, held_out)


def test_the_bundle_is_whole_and_has_no_pickle(bundle: ModelBundle) -> None:
    files = {file.name for file in bundle.path.iterdir()}
    assert files == {"model.safetensors", "model.onnx", "bundle.json", "MODEL_CARD.md"}
    for file in bundle.path.iterdir():
        assert not file.read_bytes().startswith(
            (b"\x80\x02", b"\x80\x04", b"\x80\x05", b"PK")
        )  # pickle protocols, zipped pickles
    for heading in ("Intended use", "Data", "Split", "Metrics", "Limits"):
        assert heading.lower() in bundle.card.lower()


def test_identify_gives_probabilities(result: Result) -> None:
    predictions = result.predictions
    assert len(predictions) == len(result.sample) >= 100
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-4)
    assert set(predictions.status) == {"predicted"}
    assert predictions.object_id.tolist() == result.sample.objects["object_id"].tolist()


def test_measure_gives_quantities_with_units_and_intervals(result: Result) -> None:
    measured = result.measure()
    assert measured.tables
    for table in measured.tables.values():
        assert len(table)
        for column in table.columns:
            if "_low" in column:
                low, high = table[column], table[column.replace("_low", "_high")]
                assert (low.isna() | high.isna() | (low <= high + 1e-12)).all(), column


def test_a_correction_moves_the_quantities(result: Result) -> None:
    source, target = result.labels[:2]
    moved = [str(i) for i in result.predictions.object_id[result.predictions.label == source][:3]]
    assert moved, f"the model says {source} of nothing"
    corrected = result.corrected(moved, label=target)
    table, before = (next(iter(each.measure().tables.values())) for each in (corrected, result))
    assert not table.equals(before)
    assert (corrected.predictions.status == "validated").sum() == len(moved)


def test_saved_is_found_again(result: Result, tmp_path: Path) -> None:
    corrected = result.corrected([str(result.predictions.object_id[0])], status="dubious")
    again = open_result(corrected.save(tmp_path / "out"))
    assert again.predictions.label.tolist() == corrected.predictions.label.tolist()
    assert again.predictions.status.tolist() == corrected.predictions.status.tolist()
    np.testing.assert_allclose(again.predictions.probabilities, corrected.predictions.probabilities, atol=1e-6)
    assert set(again.sample.objects.columns) == set(corrected.sample.objects.columns)
    assert again.sample.cut_from == corrected.sample.cut_from
    assert (corrected.places is None) == (corrected.sample.media is not None), "things that were looked for have no places"
    np.testing.assert_array_equal(again.places, corrected.places)
    assert (again.sample.media is None) == (corrected.sample.media is None)
    if again.sample.media is not None:
        pd.testing.assert_frame_equal(again.sample.media, corrected.sample.media, check_dtype=False)
    for name, table in corrected.measure().tables.items():
        found = again.measure().tables[name]
        for column in table.columns:
            if table[column].dtype.kind == "f":
                np.testing.assert_allclose(found[column], table[column], rtol=1e-6, err_msg=f"{name}.{column}")
            else:
                assert found[column].tolist() == table[column].tolist(), f"{name}.{column}"


def test_every_export_reads_back_equal(name: str, result: Result, tmp_path: Path) -> None:
    workflow = ik.use_case(name)
    corrected = result.corrected([str(result.predictions.object_id[0])], status="validated")
    for kind in workflow.declaration.exports:
        written, lost = corrected.export(kind, tmp_path / f"{kind}.zip")
        assert lost == []
        again = workflow.open(written)
        objects = again.objects.set_index("object_id").loc[corrected.predictions.object_id.tolist()]
        assert again.problems == ()
        assert objects["label"].tolist() == corrected.predictions.label.tolist()
        assert objects["status"].tolist() == corrected.predictions.status.tolist()
        assert set(objects["status"]) <= set(STATUSES)


def test_the_terminal_goes_all_the_way(name: str, bundle: ModelBundle, result: Result, tmp_path: Path) -> None:
    def imagine(*words: str | Path) -> dict:
        command = [sys.executable, "-m", "imagine_kernels.cli", *map(str, words), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert name in [entry["name"] for entry in imagine("list")["use_cases"]]
    data = tmp_path / "sample"
    assert imagine("sample", name, "--out", data)["n"] == len(ik.use_case(name).open())
    assert imagine("check", name, data)["problems"] == []
    identified = imagine("identify", name, data, "--model", bundle.path, "--out", tmp_path / "out")
    assert identified["n"] == len(result)
    header = (tmp_path / "out" / "predictions.csv").read_text().splitlines()[0].split(",")
    first = catalog.get(name).task.COLUMNS
    assert tuple(header[: len(first)]) == first
    assert [f"p_{label}" for label in bundle.classes] == header[len(first) : len(first) + len(bundle.classes)]
    assert imagine("evaluate", name, data, "--model", bundle.path)
    assert imagine("measure", name, tmp_path / "out", "--out", tmp_path / "tables")["files"]


def test_a_command_can_be_a_job(name: str, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    job = jobs.wait(jobs.submit(["check", name, str(ik.use_case(name).open().source)]).id, timeout_s=120)
    assert (job.state, job.result["problems"]) == ("done", []), jobs.log(job.id)


def test_it_is_served(name: str, bundle: ModelBundle, result: Result, tmp_path: Path) -> None:
    small = ik.use_case(name).identify(result.sample.where(range(5)), bundle)
    written, _ = small.export(next(iter(small.declaration.exports)), tmp_path / "small.zip")
    labels = small.predictions.label.tolist()
    with serving(name, "--model", str(bundle.path)) as client:
        sent = {"data": (written.name, written.read_bytes())}
        answer = client.post(f"/v2/models/{name}/predict/", files=sent).json()["predictions"]
    assert [row["label"] for row in answer["predictions"]] == labels
    assert answer["measurements"]
    # The same through the contract of DEEPaaS, whose files come as copies without their names.
    copied = tmp_path / "copy"
    shutil.copy(written, copied)
    upload = SimpleNamespace(filename=str(copied), original_filename=written.name)
    model = getattr(deepaas, name)
    assert model.get_metadata()["id"] == name
    told = model.predict(data=upload, model=str(bundle.path), accept="application/json")
    assert [row["label"] for row in told["predictions"]] == labels
    assert not copied.exists()


def test_the_report_is_one_file(name: str, result: Result, tmp_path: Path) -> None:
    written = ik.make_report(name, result.save(tmp_path / "result"), out=tmp_path / "report.html")
    html = written.read_text(encoding="utf-8")
    assert catalog.get(name).title in html
    assert str(result.model["hash"]) in html


@pytest.mark.parametrize("purpose", sorted(catalog.NOTEBOOKS))
def test_the_notebooks_are_short_and_clean(name: str, purpose: str) -> None:
    notebook = nbformat.read(catalog.notebook(name, purpose), as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    for cell in code:
        assert cell.outputs == []
        assert cell.execution_count is None
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 12
        assert not [line for line in lines if line.lstrip().startswith(("def ", "class ", "%", "!"))]


def test_the_app_is_assembled_for_it(name: str) -> None:
    code = f"""
import sys
from imagine_kernels.apps.identify import identify
app = identify({name!r})
assert app is not None
assert not set(sys.modules) & {{"torch", "fastai"}}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
