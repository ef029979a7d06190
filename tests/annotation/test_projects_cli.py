"""The commands of projects: thin, so one walk through all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from reef import ANNA, marked

from imagine_kernels.annotation import Projects
from imagine_kernels.cli import imagine
from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.records import Medium


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", str(tmp_path / "annotations.db"))
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    return tmp_path


def said(*words: str) -> Any:
    done = CliRunner().invoke(imagine, ["projects", *words, "--json"], catch_exceptions=False, standalone_mode=False)
    assert done.exception is None, done
    return json.loads(done.stdout)


def test_a_project_is_made_filled_taken_along_merged_and_checked(here: Path) -> None:
    (here / "labels.csv").write_text("path\nBiota > Sponge\nBiota > Coral\n", encoding="utf-8")
    said("create", "Reef", "--labels", "labels.csv", "--share", "group:lab=annotate", "--description", "A dive.")
    project = Projects().open("Reef", by=ANNA)
    project.add_media([Medium(name="dive/0001.jpg", width=100, height=100)])
    project.add_many([marked("1"), marked("2")])
    assert [(each["name"], each["role"], each["annotations"]) for each in said("list")] == [("Reef", "own", 2)]
    shown = said("show", "Reef", "--share", "user:ben=review")
    assert (shown["media"], shown["labels"]) == (1, {"Biota > Sponge": {"validated": 2}})
    assert shown["roles"] == {"group:lab": "annotate", "user:anna": "own", "user:ben": "review"}
    said("export", "Reef", "boat.db")
    aboard = Projects("boat.db").open("Reef", by=ANNA)
    for name in "12":
        aboard.change(name, base=aboard.get(name).version, status="dubious")
    project.change("2", base=project.get("2").version, status="discarded")
    with pytest.raises(DataError, match="1 annotations were changed in both: merge again with --keep ours or --keep theirs"):
        said("merge", "Reef", "boat.db")
    assert said("merge", "Reef", "boat.db", "--keep", "ours")["conflicts"] == []
    assert [project.get(name).annotation.status for name in "12"] == ["dubious", "dubious"]
    assert [event["kind"] for event in said("history", "Reef", "2")] == ["create", "status", "status"]
    n = said("history", "Reef", "--out", "history.jsonl")["events"]
    found = said("verify", "Reef")
    assert (found["whole"], found["events"]) == (True, n)
    assert said("verify", "history.jsonl", "--noted", f"{n}={found['hash']}") == found
    with pytest.raises(ImagineError, match=r"The history of Reef is broken\. Event 3 is not the one that was noted"):
        said("verify", "Reef", "--noted", "3=" + "0" * 64)


def test_a_project_goes_through_an_exchange_format(here: Path) -> None:
    said("create", "Reef")
    project = Projects().open("Reef", by=ANNA)
    project.add_media([Medium(name="dive/0001.jpg", width=100, height=100)])
    project.add(marked("1"))
    said("export", "Reef", "out.json", "--to", "coco")
    said("create", "Second")
    added = said("import", "Second", "out.json")
    assert (added["annotations"], added["media"]) == (1, 1)
    assert said("import", "Second", "out.json")["annotations"] == 0
    assert said("show", "Second")["statuses"]["validated"] == 1


def test_the_commands_import_no_torch() -> None:
    code = "import sys, imagine_kernels.cli.projects, imagine_kernels.annotation.exchange; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
