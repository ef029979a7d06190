"""The terminal as a contract: exit codes, one sentence on stderr, JSON for machines."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import imagine_kernels as ik
from imagine_kernels import catalog


def imagine(*words: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imagine_kernels.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def sentence(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one sentence of a failed command, after checking that it is one and that no traceback came with it."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith(("error: ", "Error: "))]
    assert len(errors) == 1, done.stderr
    return errors[0]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ik.use_case("zooscan").bundled_sample(tmp_path_factory.mktemp("cli") / "cruise 12", seed=3)


@pytest.fixture(scope="module")
def model(starter_model: Callable) -> Path:
    return Path(starter_model("zooscan").path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "zooscan", "no/such/path"], "There is nothing at no/such/path: check the spelling"),
        (["check", "zooskan", "."], f"Unknown use case 'zooskan'; known: {', '.join(catalog.names())}. Did you mean 'zooscan'?"),
        (["check", "zooscan", ".", "--set", "dpy=2400"], "Unknown setting of zooscan 'dpy'"),
        (["check", "zooscan", ".", "--set", "dpi=many"], "The setting dpi takes a number, not 'many'."),
        (
            ["check", "zooscan", ".", "--set", "dpi=-3"],
            "The setting dpi takes values from 25 up to 100000 dots per inch, not -3.",
        ),
        (["measure", "zooscan", "no/such", "--out", "x"], "There is nothing at no/such"),
        (["models", "show", "zooscan", "no-such-model"], "no-such-model"),
    ],
)
def test_a_users_error_is_one_sentence(words: list[str], said: str) -> None:
    assert said in sentence(imagine(*words))


@pytest.mark.parametrize(
    "words", [["check"], ["identify", "zooscan", "."], ["nothing"], ["check", "zooscan", ".", "--set", "dpi"]]
)
def test_wrong_usage_ends_with_two(words: list[str]) -> None:
    done = imagine(*words)
    assert done.returncode == 2
    assert "Error: " in done.stderr


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    assert "holds nothing to work on" in sentence(imagine("check", "zooscan", tmp_path))


def test_help_names_every_command() -> None:
    said = imagine("--help").stdout
    for command in ("list", "sample", "check", "train", "evaluate", "identify", "measure", "report", "convert", "models",
                    "serve", "deepaas", "jobs", "usage", "projects", "napari"):  # fmt: skip
        assert f"\n  {command} " in said


def test_jobs_go_on_when_the_terminal_is_closed(sample: Path, model: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(sample.parent)
    assert imagine("jobs", "list").stdout == "There are no jobs.\n"
    words = ["identify", "zooscan", sample.name, "--model", str(model), "--out", str(tmp_path / "out")]
    # Global options of `jobs submit` come before the command; what follows belongs to the command.
    job = json.loads(imagine("jobs", "submit", "--json", *words).stdout)
    assert job["command"] == words
    waited = json.loads(imagine("jobs", "wait", job["id"][:8], "--json").stdout)
    assert waited["state"] == "done"
    assert waited["result"]["n"] == len(pd.read_csv(tmp_path / "out" / "predictions.csv"))
    assert f"{job['id'][:8]}  done " in imagine("jobs", "list").stdout
    assert "state      done" in imagine("jobs", "show", job["id"]).stdout
    assert imagine("jobs", "log", job["id"]).returncode == 0
    (counted,) = json.loads(imagine("usage", "show", "--json").stdout)
    assert (counted["verb"], counted["calls"], counted["objects"]) == ("identify", 1, waited["result"]["n"])
    assert imagine("usage", "export", "--each", "--out", tmp_path / "usage.csv").returncode == 0
    (row,) = pd.read_csv(tmp_path / "usage.csv").to_dict(orient="records")
    assert (row["origin"], row["outcome"]) == ("job", "done")
    assert row["cpu_s"] > 0
    assert "1 removed" in imagine("jobs", "remove", "--ended").stdout
    assert (tmp_path / "out" / "predictions.csv").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "zooscan", "no/such", "--out", "x"], 1, "There is nothing at no/such"),
        (["train", "zooskan", ".", "--out", "x"], 1, "Unknown use case 'zooskan'"),
        (["train", "zooscan", "."], 2, "Missing option '--out'"),
        (["train", "zooscan", ".", "--out", "x", "--epochs", "-1"], 2, "Invalid value for '--epochs'"),
        (["serve"], 2, "'serve' cannot be a job; these can: sample, check, train"),
        (["rm", "-rf", "/"], 2, "'rm' cannot be a job"),
    ],
)
def test_a_job_that_cannot_work_is_refused_at_once(words: list[str], code: int, said: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    assert said in sentence(imagine("jobs", "submit", *words), code)
    assert imagine("jobs", "list").stdout == "There are no jobs.\n"


def test_a_job_that_failed_fails_whoever_waits(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    job = json.loads(imagine("jobs", "submit", "--json", "check", "zooscan", str(tmp_path / "empty")).stdout)
    assert "holds nothing to work on" in sentence(imagine("jobs", "wait", job["id"]))
    assert imagine("jobs", "show", "nothing").returncode == 1
    assert imagine("jobs", "remove").returncode == 2


def test_usage_of_nothing_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    assert imagine("usage", "show").stdout == "Nothing was recorded.\n"
    assert "A month is written as 2026-11, not 'may'." in sentence(imagine("usage", "show", "--since", "may"))


def test_a_sample_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    assert "is there already" in sentence(imagine("sample", "zooscan", "--out", tmp_path))
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_one_class_only_cannot_be_trained(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one" / "Copepoda"
    folder.mkdir(parents=True)
    for picture in sorted(sample.rglob("*.png"))[:6]:
        (folder / picture.name).write_bytes(picture.read_bytes())
    said = sentence(imagine("train", "zooscan", tmp_path / "one", "--epochs", "0", "--out", tmp_path / "bundle"))
    assert "Copepoda" in said
    assert not (tmp_path / "bundle" / "bundle.json").exists()


def test_labels_unknown_to_the_model_are_named(sample: Path, model: Path, tmp_path: Path) -> None:
    for label in ("Unicornus", "Copepoda"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for picture in sorted(sample.rglob("*.png"))[:5]:
            (tmp_path / "data" / label / picture.name).write_bytes(picture.read_bytes())
    done = imagine("evaluate", "zooscan", tmp_path / "data", "--model", model, "--json")
    assert done.returncode == 0
    assert "Unicornus" in [problem["item"] for problem in json.loads(done.stdout)["problems"]]
    said = sentence(imagine("evaluate", "zooscan", tmp_path / "data" / "Unicornus", "--model", model))
    assert "no labels" in said or "none of the labels" in said


@pytest.mark.parametrize("file", ["model.onnx", "model.safetensors", "MODEL_CARD.md"])
def test_a_changed_bundle_is_refused(file: str, sample: Path, model: Path, tmp_path: Path) -> None:
    for each in model.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes() + b" ")
    said = sentence(imagine("identify", "zooscan", sample, "--model", tmp_path, "--out", tmp_path / "out"))
    assert file in said


def test_bad_items_become_problems_and_the_good_ones_are_done(sample: Path, model: Path, tmp_path: Path) -> None:
    good = sorted(sample.rglob("*.png"))[:8]
    data = tmp_path / "cruise"
    data.mkdir()
    for picture in good:
        (data / picture.name).write_bytes(picture.read_bytes())
    pixels = cv2.imread(str(good[0]), cv2.IMREAD_GRAYSCALE)
    (data / "zero.png").write_bytes(b"")
    (data / "truncated.png").write_bytes(good[1].read_bytes()[:300])
    jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
    (data / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (data / "text.jpg").write_text("not an image")
    cv2.imwrite(str(data / "dot.png"), np.zeros((1, 1), dtype=np.uint8))
    cv2.imwrite(str(data / "wide.png"), np.full((4, 40_000), 255, dtype=np.uint8))
    cv2.imwrite(str(data / "sixteen.png"), pixels.astype(np.uint16) * 257)
    done = imagine("identify", "zooscan", data, "--model", model, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    bad = {"zero.png", "truncated.png", "truncated.jpg", "text.jpg", "dot.png", "wide.png"}
    assert set(problems.loc[problems["severity"] == "error", "item"]) == bad
    assert problems.loc[problems["severity"] == "error", ["what", "remedy"]].notna().all().all()
    predictions = pd.read_csv(tmp_path / "out" / "predictions.csv").set_index("file")
    assert set(predictions.index) == {*(picture.name for picture in good), "sixteen.png"}
    assert predictions.loc["sixteen.png", "label"] == predictions.loc[good[0].name, "label"]


def test_hostile_zips_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "outside.zip", "w") as archive:
        archive.writestr("../outside.png", b"x")
    assert "leads outside the archive" in sentence(imagine("check", "zooscan", tmp_path / "outside.zip"))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(200_000_000))
    assert "unpacks to an absurd size" in sentence(imagine("check", "zooscan", tmp_path / "bomb.zip"))
    assert not (tmp_path.parent / "outside.png").exists()


def test_measure_says_what_is_missing(sample: Path, model: Path, tmp_path: Path) -> None:
    data = tmp_path / "bare"
    data.mkdir()
    for picture in sorted(sample.rglob("*.png"))[:20]:
        (data / picture.name).write_bytes(picture.read_bytes())
    assert imagine("identify", "zooscan", data, "--model", model, "--out", tmp_path / "out").returncode == 0
    without = imagine("measure", "zooscan", tmp_path / "out", "--out", tmp_path / "tables")
    assert without.returncode == 0
    assert "tot_vol" in without.stdout
    table = pd.read_csv(tmp_path / "tables" / "abundance.csv")
    assert table["abundance_ind_m3"].isna().all()
    assert table["n_counted"].sum() > 0
    given = imagine(
        "measure", "zooscan", tmp_path / "out", "--set", "tot_vol=20", "--set", "sub_part=4", "--out", tmp_path / "with"
    )
    assert given.returncode == 0, given.stderr
    with_volume = pd.read_csv(tmp_path / "with" / "abundance.csv")
    np.testing.assert_allclose(with_volume["abundance_ind_m3"], with_volume["n_counted"] * 4 / 20, rtol=1e-6)


def test_labelled_data_are_measured_without_a_model(sample: Path, tmp_path: Path) -> None:
    done = imagine("measure", "zooscan", sample, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    table, fractions = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("abundance", "fractions"))
    table = table.set_index(["sample_id", "taxon"])
    truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))["samples"]
    for each in truth:
        for taxon, exact in each["taxa"].items():
            assert table.loc[(each["sample_id"], taxon), "abundance_ind_m3"] == pytest.approx(exact["counted_ind_m3"])
        # Two samples were scanned as two fractions.
        mine = fractions[fractions["sample_id"] == each["sample_id"]]
        assert mine["abundance_ind_m3"].sum() == pytest.approx(sum(exact["counted_ind_m3"] for exact in each["taxa"].values()))
        assert mine["relative_abundance"].sum() == pytest.approx(1)
    assert len(fractions) == len(truth) + 2
    assert (table["n_validated"] == table["n_counted"]).all()


@pytest.mark.parametrize("to", ["ecotaxa", "class-folders", "csv"])
def test_convert_says_what_the_target_cannot_hold(to: str, sample: Path, tmp_path: Path) -> None:
    target = tmp_path / {"ecotaxa": "out.zip", "class-folders": "out", "csv": "out.csv"}[to]
    done = imagine("convert", sample, target, "--to", to, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert target.exists()
    assert bool(said["lost"]) == (to != "ecotaxa")
    if to != "csv":
        again = ik.use_case("zooscan").open(target)
        source = ik.use_case("zooscan").open(sample)
        assert sorted(again.objects["label"]) == sorted(source.objects["label"])
    assert "Unknown format 'excel'" in sentence(imagine("convert", sample, tmp_path / "x", "--to", "excel"))
