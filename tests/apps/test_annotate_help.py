"""Help from models in the annotate app, asked as the page asks, with the real starter model and a real training."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotating import Page, Refused, new

from imagine_kernels.apps.annotate import following
from imagine_kernels.workflow import use_case

TAXA = ("Copepoda", "Chaetognatha", "Ostracoda")


@pytest.fixture
def page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imagine_home: Path, starter_model: Callable[[str], Any]
) -> Iterator[Page]:
    """Of anna, who has the project Net with vignettes open: 12 of each kind, the name says which."""
    starter_model("zooscan")
    sample = use_case("zooscan").open()
    folder = tmp_path / "data" / "net"
    folder.mkdir(parents=True)
    for taxon in TAXA:
        rows = sample.objects[sample.objects["label"] == taxon].head(12)
        for i, file in enumerate(rows["file"]):
            shutil.copy(sample.source / file, folder / f"{taxon}-{i:02d}.png")
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", str(tmp_path / "shared.db"))
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMAGINE_MODELS", str(imagine_home / "models"))
    monkeypatch.setenv("IMAGINE_DATA", str(tmp_path / "data"))
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(following.Follower.__init__, "__kwdefaults__", {"every_s": 0.05})
    opened = Page(monkeypatch)
    opened.ask("create", name="Net", description="", folder=str(folder), tree=None, labels=None)
    yield opened
    opened.app.close()


def helped(page: Page, what: str, timeout_s: float = 120) -> Any:
    return page.wait("helped", lambda value: value["what"] == what, timeout_s=timeout_s)


def whole(number: str, medium: str, label: str) -> dict[str, Any]:
    return new(number, medium, label, shape={"kind": "whole", "keyframes": [[]], "frames": []})


def test_a_model_names_and_a_person_corrects(page: Page) -> None:
    help_ = page.ask("help")
    (starter,) = [each for each in help_["models"] if each["starter"]]
    assert starter["name"] == help_["model"] == "zooscan-starter"
    assert set(TAXA) <= set(starter["classes"])
    assert "right on held-out data" in starter["words"]
    assert (help_["corrections"], help_["every"], help_["running"], help_["offer"]) == (0, 50, "", None)
    assert page.ask("open", project=page.ask("hello")["projects"][0]["uid"])["models"][0]["name"]

    found = page.ask("suggest", medium="Copepoda-00.png")["labels"]
    assert len(found) == 3
    assert found[0]["path"] == ["Copepoda"]
    assert found[0]["probability"] > found[1]["probability"] > found[2]["probability"] >= 0

    items = page.ask("next", by="uncertainty", n=4)["items"]
    assert len(items) == 4
    assert {"medium", "id", "version", "path", "status", "own", "suggestions", "score", "why"} == set(items[0])
    assert (items[0]["id"], items[0]["version"], items[0]["status"]) == (None, 0, "")
    answer = page.ask("next", by="quantity", n=4, target=["Copepoda"])
    assert answer["needed"]["value"] == pytest.approx(12, abs=4)
    assert answer["needed"]["unit"] == "items"
    with pytest.raises(Refused, match="Say what is to be counted"):
        page.ask("next", by="quantity", n=4)

    page.ask("write", edits=[whole("mine", "Copepoda-01.png", "Ship")])
    assert page.ask("predict", model="zooscan-starter", threshold=0.0, thresholds={}) == {}
    done = helped(page, "predict")
    assert (done["added"], done["left_out"], done["problems"]) == (35, 0, [])
    assert done["help"]["running"] == ""
    assert page.ask("annotations", label=["Biota", "Ship"], limit=10)["count"] == 1
    page.wait("changes", lambda value: len(value["marks"]) > 1)

    shown, pictures = page.ask_for_bytes("grid", path=None, order="mistakes", after=None, limit=20)
    assert (shown["count"], shown["next"], len(pictures)) == (36, 20, 20)
    rest, _ = page.ask_for_bytes("grid", path=None, order="mistakes", after=20, limit=20)
    assert (len(rest["items"]), rest["next"]) == (16, None)
    own = [each["own"] for each in [*shown["items"], *rest["items"]]]
    assert own[:-1] == sorted(own[:-1])
    # The model does not know ships, and can say nothing of them.
    assert (own[-1], rest["items"][-1]["id"]) == (None, "mine")
    for each in pictures:
        picture = cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR)
        assert max(picture.shape) <= 128

    first = shown["items"][:3]
    asked = [{name: each[name] for name in ("id", "medium", "version")} for each in first]
    written = page.ask("relabel", items=asked, path=["Krill"], status="validated")
    assert (len(written["saved"]), written["conflicts"], written["refused"]) == (3, [], [])
    mark = page.ask("annotations", label=["Krill"], limit=10)["marks"][0]
    assert mark["labels"][0]["annotator"] == "anna"
    assert mark["labels"][1]["annotator"].startswith("model:zooscan-starter@")
    assert page.ask("history", id=mark["id"])[-1]["words"] == "label Krill, validated"
    # Based on what is not there any more it is a conflict, and changes nothing.
    again = page.ask("relabel", items=asked, path=["Eel"], status="validated")
    assert (again["saved"], len(again["conflicts"])) == ([], 3)
    assert page.ask("help")["corrections"] == 4
    # Confirmed as it is: the label stays.
    confirmed = rest["items"][0]
    page.ask("relabel", items=[{n: confirmed[n] for n in ("id", "medium", "version")}], path=None, status="validated")
    found = page.ask_for_bytes("grid", path=confirmed["path"], order="newest", statuses=["validated"], after=None, limit=5)[0]
    assert [each["id"] for each in found["items"]] == [confirmed["id"]]


def test_files_that_are_missing_and_media_that_nobody_named(page: Page, tmp_path: Path) -> None:
    (tmp_path / "data" / "net" / "Ostracoda-03.png").unlink()
    shown, pictures = page.ask_for_bytes("grid", path=[], order="name", after=None, limit=100)
    assert shown["count"] == 36
    names = [each["medium"] for each in shown["items"]]
    empty = [name for name, data in zip(names, pictures, strict=True) if not data]
    assert empty == ["Ostracoda-03.png"]
    chosen = [{"id": None, "medium": name, "version": 0} for name in names[:2]]
    assert len(page.ask("relabel", items=chosen, path=["Copepoda"], status="validated")["saved"]) == 2
    # Sent again it is the same mark, not a second one.
    page.ask("relabel", items=chosen, path=["Copepoda"], status="validated")
    assert page.ask("annotations", label=["Copepoda"], limit=10)["count"] == 2
    page.ask("predict", threshold=0.0, thresholds={})
    done = helped(page, "predict")
    assert done["added"] == 33
    assert len(done["problems"]) == 1
    assert "Ostracoda-03.png" in done["problems"][0]
    with pytest.raises(Refused, match="The threshold for all labels is 7"):
        page.ask("predict", threshold=7, thresholds={})
    with pytest.raises(Refused, match="Unknown model for zooscan 'best'"):
        page.ask("use-model", model="best")


def test_a_new_model_is_trained_when_enough_is_named(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    # A project that calls everything by other names: the starter model is never right in it.
    words = {"Copepoda": "Hoppers", "Chaetognatha": "Arrows", "Ostracoda": "Seeds"}
    monkeypatch.setattr("imagine_kernels.assistance.comparing.LEAST_ITEMS", 5)
    monkeypatch.setattr("imagine_kernels.assistance.retraining.LEAST_ITEMS", 5)
    media = [each["name"] for each in page.ask("media", limit=100)["media"]]
    assert page.ask("retrain", every=36)["running"] == ""
    page.ask("write", edits=[whole(name, name, words[name.split("-")[0]]) for name in media[:-1]])
    assert page.ask("help")["corrections"] == 35
    page.ask("write", edits=[whole(media[-1], media[-1], words[media[-1].split("-")[0]])])
    with pytest.raises(Refused, match="A new model is being trained: wait until that is done, or stop it"):
        page.ask("retrain", now=True)
    done = helped(page, "retrain")
    offer = done["help"]["offer"]
    assert offer, done
    assert offer["better"]
    assert offer["now"] == 0
    assert 0 < offer["low"] <= offer["gain"] <= offer["high"] <= 1
    assert offer["new"] == pytest.approx(offer["gain"])
    assert done["help"]["model"] == "zooscan-starter"
    assert done["help"]["corrections"] == 0
    accepted = page.ask("use-model", model=offer["model"])
    assert (accepted["model"], accepted["offer"]) == (offer["model"], None)
    label = page.ask("suggest", medium="Chaetognatha-00.png")["labels"][0]
    assert label["path"] == ["Biota", "Arrows"]
    # It is the person's, and is remembered.
    uid = page.ask("hello")["projects"][0]["uid"]
    page.ask("close")
    page.ask("open", project=uid)
    assert page.ask("help")["model"] == offer["model"]


def test_the_first_paint_is_light() -> None:
    code = (
        "import sys\nfrom imagine_kernels.apps.annotate import annotate\nimport imagine_kernels.apps.annotate.helping\n"
        "heavy = {'torch', 'openvino', 'onnxruntime', 'sqlalchemy', 'pandas', 'rasterio', 'cv2', 'av'} & set(sys.modules)\nprint(heavy)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ}, check=True
    )
    assert found.stdout.strip() == "set()"
