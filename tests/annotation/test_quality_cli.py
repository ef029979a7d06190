"""Agreement in the terminal: from a blind session to a consensus in the project, with figures worked out by hand."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from reef import ANNA, BEN, marked

from imagine_kernels.annotation import Projects
from imagine_kernels.cli import imagine
from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.records import Medium, Shape


def run(*words: str) -> str:
    done = CliRunner().invoke(imagine, ["projects", *words], catch_exceptions=False, standalone_mode=False)
    assert done.exception is None, done
    return done.stdout


def said(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def box(x: float) -> Shape:
    return Shape.of("rectangle", (x, 0, x + 10, 10))


@pytest.fixture
def reef(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Projects:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", str(tmp_path / "annotations.db"))
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    store = Projects()
    project = store.create("Reef", by=ANNA)
    project.give_role("user:ben", "annotate")
    project.add_media([Medium(name=f"dive/000{n}.jpg", width=100, height=100) for n in (1, 2, 3)])
    return store


def test_from_a_blind_session_to_a_consensus(reef: Projects, tmp_path: Path) -> None:
    assert "There are no blind sessions" in run("blind", "Reef")
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    (session,) = said("blind", "Reef", "--begin", "Week 3", "--person", "anna", "--person", "ben", "--ends", ends)
    assert (session["people"], session["media"], session["running"]) == (["anna", "ben"], None, True)
    annas, bens = (reef.open("Reef", by=who) for who in (ANNA, BEN))
    for n in (1, 2, 3):
        annas.add(marked(f"a{n}", medium=n, shape=box(0)))
        bens.add(marked(f"b{n}", "Coral" if n == 2 else "Sponge", medium=n, shape=box(1)))
    annas.add(marked("a4", medium=3, shape=box(100)))
    number = str(session["number"])
    assert not said("blind", "Reef", "--end", number)[0]["running"]
    assert "was over at" in run("blind", "Reef")

    found = said("agreement", "Reef", "--session", number, "--out", "figures.csv")
    figures = {(each["figure"], each["first"]): each for each in found["figures"]}
    # Three pairs among the four and the three marks; boxes of 10 × 10 px that are 1 px apart; two of three labels alike.
    assert figures["f1", ""]["value"] == pytest.approx(6 / 7)
    assert figures["iou", ""]["value"] == pytest.approx(9 / 11)
    assert figures["label_agreement", ""]["value"] == pytest.approx(2 / 3)
    assert figures["f1", "anna"]["low"] < 6 / 7 <= figures["f1", "anna"]["high"]
    with (tmp_path / "figures.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(found["figures"])
    assert "4 things in 3 media that two or more of anna, ben have looked at." in run("agreement", "Reef", "--session", number)
    assert said("agreement", "Reef", "--session", number, "--iou", "0.9")["things"] == 7

    run("agreement", "Reef", "--session", number, "--person", "anna", "--person", "ben", "--differences", "things.csv")
    with (tmp_path / "things.csv").open(encoding="utf-8") as file:
        things = [(row["medium"], row["found"]) for row in csv.DictReader(file)]
    assert sorted(things) == [
        ("dive/0001.jpg", "same_label"),
        ("dive/0002.jpg", "other_label"),
        ("dive/0003.jpg", "only_first"),
        ("dive/0003.jpg", "same_label"),
    ]

    made = said("consensus", "Reef", "--session", number, "--write", "--out", "decide.csv")
    assert (made["things"], made["sure"], made["written"], len(made["to_decide"])) == (4, 2, 2, 2)
    assert len((tmp_path / "decide.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert said("show", "Reef")["statuses"] == {"predicted": 2, "validated": 7, "dubious": 0, "discarded": 0}
    # Written once: a second time nothing is added, and it is nobody's opinion.
    assert said("consensus", "Reef", "--session", number, "--write")["written"] == 0
    assert said("agreement", "Reef")["people"] == ["anna", "ben"]


def test_what_is_asked_wrongly_is_one_sentence(reef: Projects) -> None:
    with pytest.raises(DataError, match="Agreement needs two people who have looked at the same media"):
        run("agreement", "Reef")
    with pytest.raises(UnknownName, match="carla has marked nothing there: choose among nobody"):
        run("agreement", "Reef", "--person", "carla")
    with pytest.raises(UnknownName, match="There is no blind session 7"):
        run("consensus", "Reef", "--session", "7")
    for words in (("blind", "Reef", "--begin", "Week"), ("agreement", "Reef", "--differences", "x.csv")):
        with pytest.raises(click.UsageError, match="--person NAME --person NAME"):
            run(*words)
