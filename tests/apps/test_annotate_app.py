"""The annotate app without a browser: its verbs, asked as the page asks them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotating import Page, Refused, new, picture, rectangle, sound, video

from imagine_kernels.annotation import Person, Projects
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.apps.annotate import following
from imagine_kernels.apps.annotate.adding import sha256_of
from imagine_kernels.records import LabelGiven, Medium

Pages = Callable[..., Page]


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """Pages of people who share a database; each has a home of its own, and may browse what lies below ``data``."""
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", str(tmp_path / "shared.db"))
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMAGINE_DATA", str(tmp_path / "data"))
    (tmp_path / "home").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(following, "EVERY_S", 0.05)
    monkeypatch.setattr(following.Follower.__init__, "__kwdefaults__", {"every_s": 0.05})
    held: list[Page] = []

    def open_(person: str = "anna", of: str = "zooscan") -> Page:
        held.append(Page(monkeypatch, person, of=of))
        return held[-1]

    yield open_
    for page in held:
        page.app.close()


@pytest.fixture
def dive(tmp_path: Path) -> Path:
    """A folder with three pictures, a video and a recording."""
    folder = tmp_path / "data" / "dive"
    for n in (2, 10, 1):
        picture(folder / f"frame{n}.png")
    sound(folder / "hydrophone" / "a.wav")
    video(folder / "v.mp4")
    return folder


@pytest.fixture
def page(pages: Pages, dive: Path) -> Page:
    """Of anna, with the project Reef open."""
    page = pages()
    page.ask("create", name="Reef", description="A dive.", folder=str(dive), tree=None, labels=None)
    return page


def shared(page: Page, who: str, role: str) -> None:
    page.app.current().project.give_role(f"user:{who}", role)  # type: ignore[arg-type]


def test_a_project_begins_with_the_labels_that_come_along(pages: Pages, dive: Path) -> None:
    page = pages(of="flowcam")
    (name,) = page.ask("hello")["label_sets"]
    with pytest.raises(Refused, match=f"known: {name}"):
        page.ask("create", name="Bloom", folder=str(dive), label_set="of the moon")
    tree = page.ask("create", name="Bloom", folder=str(dive), label_set=name)["tree"]
    labels = {each["path"][-1]: each["aphia_id"] for each in tree["labels"]}
    assert len(labels) == 95
    assert labels["Actinoptychus senarius"] == 148948


def test_a_project_is_made_of_a_folder(page: Page) -> None:
    hello = page.ask("hello")
    assert hello["person"] == "anna"
    assert [each["name"] for each in hello["projects"]] == ["Reef"]
    assert hello["projects"][0]["role"] == "own"
    assert {"coco", "ifdo", "raven"} <= {each["name"] for each in hello["formats"]}
    project = page.ask("open", project=hello["projects"][0]["uid"])
    assert (project["name"], project["media"], project["tree"], project["models"]) == ("Reef", 5, None, [])
    assert project["people"] == [{"who": "user:anna", "role": "own"}]
    found = page.ask("media", filter="all", text="", label=None, after=None, limit=50)
    assert [each["name"] for each in found["media"]] == [
        *("frame1.png", "frame2.png", "frame10.png", "hydrophone/a.wav", "v.mp4"),
    ]
    assert (found["total"], found["next"]) == (5, None)
    shown = {each["name"]: each for each in found["media"]}
    assert (shown["frame1.png"]["width"], shown["frame1.png"]["height"], shown["frame1.png"]["here"]) == (80, 60, True)
    assert (shown["hydrophone/a.wav"]["kind"], shown["hydrophone/a.wav"]["duration_s"]) == ("sound", 2.0)
    assert (shown["v.mp4"]["kind"], shown["v.mp4"]["frame_rate_hz"]) == ("video", 10.0)
    progress = page.wait("progress", lambda value: value["done"] == value["total"] == 5)
    assert progress["stage"] == "Reading the files"
    first = page.ask("media", limit=2)
    second = page.ask("media", limit=2, after=first["next"])
    assert [each["name"] for each in second["media"]] == ["frame10.png", "hydrophone/a.wav"]
    assert page.ask("close") == {}
    with pytest.raises(Refused, match="No project is open: choose one first"):
        page.ask("media")


def test_what_is_looked_at(page: Page, dive: Path) -> None:
    opened = page.ask("medium", name="frame1.png")
    tiled = {"width": 80, "height": 60, "tile": 512, "levels": 1, "type": "image/jpeg"}
    assert opened["view"] == {"kind": "picture", **tiled, "bits": 8, "colour": True}
    assert opened["marks"] == []
    _, (data,) = page.ask_for_bytes("tile", medium="frame1.png", level=0, x=0, y=0)
    sent = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)
    truth = cv2.imread(str(dive / "frame1.png")).astype(int)
    assert np.abs(sent - truth).mean() < 8  # noise is the worst that JPEG can get
    _, (dark,) = page.ask_for_bytes("tile", medium="frame1.png", level=0, x=0, y=0, window=[0.5, 1.0])
    assert cv2.imdecode(np.frombuffer(dark, np.uint8), cv2.IMREAD_COLOR).mean() < sent.mean()
    levels = page.ask("levels", medium="frame1.png", low=0.01, high=0.99)
    assert levels == page.ask("levels", medium="frame1.png", low=1, high=99)
    assert 0 <= levels["low"] < 0.1
    assert 0.9 < levels["high"] <= 1

    view = page.ask("medium", name="v.mp4")["view"]
    assert (view["kind"], view["n_frames"], view["duration_s"]) == ("video", 20, pytest.approx(2.0))
    value, frames = page.ask_for_bytes("frames", medium="v.mp4", first=5, n=3, side=80)
    assert value["times"] == pytest.approx([0.5, 0.6, 0.7])
    greys = [cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_GRAYSCALE).mean() for each in frames]
    np.testing.assert_allclose(greys, [50, 60, 70], atol=4)

    view = page.ask("medium", name="hydrophone/a.wav")["view"]
    assert (view["kind"], view["channels"], view["unit"]) == ("sound", 1, "dB re full scale²/Hz")
    assert view["range"][0] < view["range"][1]
    _, (tile,) = page.ask_for_bytes("tile", medium="hydrophone/a.wav", level=view["levels"] - 1, x=0, y=0)
    assert cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (view["height"], view["width"])
    _, (wav,) = page.ask_for_bytes("sound", medium="hydrophone/a.wav", from_s=0.5, to_s=1.5)
    assert wav[:4] == b"RIFF"
    for verb, medium, what in (
        ("tile", "v.mp4", "ask for its frames"),
        ("frames", "frame1.png", "ask for its tiles"),
        ("sound", "v.mp4", "it has no sound to listen to"),
    ):
        with pytest.raises(Refused, match=what):
            page.ask(verb, medium=medium, level=0, x=0, y=0, first=0, n=1, side=100, from_s=0, to_s=1)
    with pytest.raises(Refused, match=r"There is no tile 9, 0"):
        page.ask("tile", medium="frame1.png", level=0, x=9, y=0)


def test_edits_are_saved_and_a_bad_one_hinders_no_other(page: Page) -> None:
    edits = [new(f"m{i}", "frame1.png") for i in range(20)]
    edits[3]["shape"] = {"kind": "circle", "keyframes": [[1, 2]], "frames": []}
    edits[7]["medium"] = "nowhere.png"
    edits[11]["labels"] = [{"path": [], "annotator": "", "given_at": "", "confidence": None}]
    edits[15]["attributes"] = {"depth": [1, 2]}
    done = page.ask("write", edits=[*edits, 5, {"id": "gone", "base": 4, "key": "k", "track": "1"}])
    assert [each["id"] for each in done["saved"]] == [f"m{i}" for i in range(20) if i not in (3, 7, 11, 15)]
    why = {each["id"]: each["why"] for each in done["refused"]}
    assert set(why) == {"m3", "m7", "m11", "m15", "", "gone"}
    assert "A circle has 3 numbers, not 2" in why["m3"]
    assert "There is no medium 'nowhere.png'" in why["m7"]
    assert done["conflicts"] == []
    assert done["head"] == page.app.current().project.head[0]
    again = page.ask("write", edits=edits[:3])
    assert again["saved"] == [each for each in done["saved"] if each["id"] in ("m0", "m1", "m2")]
    assert again["head"] == done["head"]
    marks = page.ask("medium", name="frame1.png")["marks"]
    assert len(marks) == 16
    assert marks[0]["shape"] == rectangle()
    (given,) = marks[0]["labels"]
    assert (given["path"], given["annotator"], given["given_at"][:2]) == (["Biota", "Sponge"], "anna", "20")
    assert page.ask("media", label=["Biota"])["total"] == 1
    counts = page.ask("media")["media"][0]["counts"]
    assert counts == {"validated": 16}


def test_edits_that_follow_each_other_before_the_first_is_saved(page: Page) -> None:
    first = new("m", "frame1.png", key="k1")
    second = {"id": "m", "base": 0, "after": "k1", "key": "k2", "shape": rectangle(1, 2, 3, 4)}
    third = {"id": "m", "base": 0, "after": "k2", "key": "k3", "status": "dubious"}
    done = page.ask("write", edits=[first, second, third, new("other", "frame2.png")])
    assert [each["key"] for each in done["saved"]] == ["k1", "k2", "k3", "key-other"]
    assert page.ask("write", edits=[first, second, third])["saved"] == done["saved"][:3]
    (mark,) = page.ask("medium", name="frame1.png")["marks"]
    assert (mark["version"], mark["status"], mark["shape"]["keyframes"]) == (
        done["saved"][2]["version"],
        "dubious",
        [[1, 2, 3, 4]],
    )


def test_rings_and_keyframes_travel_as_they_are(page: Page) -> None:
    rings = {"kind": "polygon", "keyframes": [[0, 0, 9, 0, 9, 9, None, None, 1, 1, 2, 1, 2, 2]], "frames": []}
    track = {"kind": "rectangle", "keyframes": [[1, 1, 5, 5], [], [2, 2, 6, 6]], "frames": [0.1, 0.5, 1.2]}
    done = page.ask("write", edits=[new("ring", "frame1.png", shape=rings), new("track", "v.mp4", shape=track, track="fish 1")])
    assert len(done["saved"]) == 2
    assert page.ask("medium", name="frame1.png")["marks"][0]["shape"] == rings
    (mark,) = page.ask("medium", name="v.mp4")["marks"]
    assert (mark["shape"], mark["track"]) == (track, "fish 1")


def test_two_people_meet(page: Page, pages: Pages) -> None:
    uid = page.ask("hello")["projects"][0]["uid"]
    with pytest.raises(Refused, match="ben may not look at the project Reef"):
        pages("ben").ask("open", project=uid)
    shared(page, "ben", "annotate")
    ben = pages("ben")
    assert ben.ask("open", project=uid)["role"] == "annotate"
    saved = page.ask("write", edits=[new("m", "frame1.png")])["saved"][0]
    told = ben.wait("changes", lambda value: value["marks"])
    assert (told["marks"][0]["id"], told["people"], told["head"], told["more"]) == ("m", ["anna"], saved["version"], False)
    moved = ben.ask("write", edits=[{"id": "m", "base": saved["version"], "key": "b1", "shape": rectangle(0, 0, 5, 5)}])
    assert moved["conflicts"] == []
    met = page.ask("write", edits=[{"id": "m", "base": saved["version"], "key": "a2", "shape": rectangle(7, 7, 9, 9)}])
    assert met["saved"] == []
    (conflict,) = met["conflicts"]
    assert (conflict["key"], conflict["parts"]) == ("a2", ["shape"])
    assert conflict["theirs"]["shape"]["keyframes"] == [[0, 0, 5, 5]]
    assert conflict["ours"]["shape"]["keyframes"] == [[7, 7, 9, 9]]
    assert conflict["base"]["version"] == saved["version"]
    assert "Somebody else has changed the annotation" in conflict["sentence"]
    # What this page did itself is told too, maybe in one go: other pages of the same person need it.
    assert page.wait("changes", lambda value: "ben" in value["people"])["marks"][0]["version"] == moved["saved"][0]["version"]
    ben.ask("review", media=["frame1.png"], reviewed=True)
    review = page.wait("changes", lambda value: value["reviews"])["reviews"][0]
    assert (review["medium"], review["person"], review["reviewed"]) == ("frame1.png", "ben", True)
    assert "ben" in page.ask("media", filter="reviewed")["media"][0]["reviewed_by"]
    page.ask("assign", media=["frame2.png"], to="ben")
    assert page.wait("changes", lambda value: value["more"] and not value["marks"])["people"] == ["anna"]
    mine = ben.ask("media", filter="mine")
    assert [(each["name"], each["assigned_to"]) for each in mine["media"]] == [("frame2.png", ["ben"])]
    page.ask("assign", media=["frame2.png"], to=None)
    assert ben.ask("media", filter="mine")["total"] == 0
    with pytest.raises(Refused, match="ask one of its owners for the role review"):
        ben.ask("assign", media=["frame2.png"], to="anna")
    shared(page, "ben", "view")
    with pytest.raises(Refused, match="ben may not annotate the project Reef"):
        ben.ask("write", edits=[new("n", "frame1.png")])
    assert verify(page.app.current().project).whole


def test_much_at_once_is_told_in_part(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_EVENTS", 10)
    page.ask("write", edits=[new(f"m{i}", "frame1.png") for i in range(30)])
    told = page.wait("changes", lambda value: value["more"])
    assert len(told["marks"]) == 10


def test_history_in_words_and_back(page: Page) -> None:
    version = page.ask("write", edits=[new("m", "frame1.png")])["saved"][0]["version"]
    made = version
    for key, part in enumerate(
        (
            {"shape": rectangle(11, 21, 31, 41)},
            {"shape": rectangle(11, 21, 31, 50)},
            {"labels": [{"path": ["Biota", "Crab"], "annotator": "", "given_at": "", "confidence": None}]},
            {"status": "dubious"},
            {"attributes": {"depth_m": 12.5}},
            {"deleted": True},
        )
    ):
        version = page.ask("write", edits=[{"id": "m", "base": version, "key": f"k{key}", **part}])["saved"][0]["version"]
    done = page.ask("revert", id="m", to=made)
    assert done["saved"][0]["id"] == "m"
    told = page.ask("history", id="m")
    assert [each["words"] for each in told[:-1]] == [
        *("marked as Sponge", "moved", "re-shaped", "label Crab", "dubious", "depth_m = 12.5", "deleted"),
    ]
    assert told[-1]["words"].startswith("set back: restored, label Sponge, validated")
    assert {each["author"] for each in told} == {"anna"}
    assert told[3]["mark"]["labels"][0]["path"] == ["Biota", "Crab"]
    assert told[6]["mark"]["deleted"]
    (mark,) = page.ask("medium", name="frame1.png")["marks"]
    assert (mark["shape"], mark["status"], mark["attributes"]) == (rectangle(), "validated", {})


def test_annotations_and_statistics(page: Page) -> None:
    edits = [new(f"m{i}", "frame1.png" if i % 2 else "frame2.png", "Sponge" if i % 3 else "Crab") for i in range(10)]
    page.ask("write", edits=edits)
    page.ask("review", media=["frame1.png", "frame2.png"], reviewed=True)
    first = page.ask("annotations", label=["Biota", "Sponge"], statuses=["validated"], limit=4)
    assert (len(first["marks"]), first["count"]) == (4, 6)
    second = page.ask("annotations", label=["Biota", "Sponge"], statuses=["validated"], limit=4, after=first["next"])
    assert len(second["marks"]) == 2
    assert not {each["id"] for each in first["marks"]} & {each["id"] for each in second["marks"]}
    assert page.ask("annotations", medium="frame1.png", authors=["anna"])["count"] is None
    with pytest.raises(Refused, match="Unknown status 'seen'"):
        page.ask("annotations", statuses=["seen"])
    told = page.ask("statistics")
    assert told["people"] == [{"name": "anna", "annotations": 10, "reviewed": 2}]
    assert [each["annotations"] for each in told["days"]] == [10]
    assert {each["path"][-1]: each["counts"]["validated"] for each in told["labels"]} == {"Sponge": 6, "Crab": 4}


def test_label_trees(page: Page, pages: Pages, tmp_path: Path) -> None:
    page.ask("write", edits=[new("m", "frame1.png")])
    tree = page.ask("add-label", path=["Biota", "Crab"], aphia_id=1066, color="#ff0000", key="c")
    assert [each["path"] for each in tree["labels"]] == [["Biota"], ["Biota", "Sponge"], ["Biota", "Crab"]]
    crab = {"path": ["Biota", "Crab"], "aphia_id": 1066, "rank": "", "color": "#ff0000", "key": "c", "synonyms": []}
    assert tree["labels"][2] == crab
    refused = page.ask("write", edits=[new("n", "frame1.png", "Whale")])["refused"]
    assert "The label Biota > Whale is not in the label tree" in refused[0]["why"]
    assert page.ask("write", edits=[new("o", "frame1.png", "Crab")])["saved"]
    after = page.ask("add-label", path=["Biota", "Whale"])
    assert (after["uid"], after["version"]) == (tree["uid"], tree["version"] + 1)
    assert page.ask("write", edits=[new("n", "frame1.png", "Whale", key="n2")])["saved"]
    with pytest.raises(Refused, match="There is a label Biota > Whale already"):
        page.ask("add-label", path=["Biota", "Whale"])
    (tmp_path / "labels.csv").write_text("path,aphia_id\nBiota > Fish > Cod,126436\nBiota > Ray,no\n")
    read = page.ask("read-labels", upload=page.upload(tmp_path / "labels.csv"))
    assert ["Biota", "Fish", "Cod"] in [each["path"] for each in read["tree"]["labels"]]
    assert ["Biota", "Whale"] in [each["path"] for each in read["tree"]["labels"]]
    assert "is no number" in read["problems"][0]
    project = page.ask("open", project="Reef")
    assert len(project["tree"]["labels"]) == len(read["tree"]["labels"])
    shared(page, "ben", "annotate")
    ben = pages("ben")
    ben.ask("open", project=project["uid"])
    with pytest.raises(Refused, match="ask one of its owners for the role own"):
        ben.ask("add-label", path=["Biota", "Eel"])


def test_a_project_with_labels_from_a_file_and_media_from_a_zip(pages: Pages, tmp_path: Path) -> None:
    page = pages()
    (tmp_path / "labels.csv").write_text("name\nCod\nRay\n")
    with zipfile.ZipFile(tmp_path / "cruise.v2.zip", "w") as file:
        for n in (1, 2):
            file.write(picture(tmp_path / f"{n}.png"), f"station/{n}.png")
        file.writestr("readme.txt", "no medium")
        file.writestr("station/broken.png", b"no picture")
    project = page.ask(
        "create",
        name="Cruise",
        description="",
        upload=page.upload(tmp_path / "cruise.v2.zip"),
        tree=None,
        labels=page.upload(tmp_path / "labels.csv"),
    )
    assert [each["path"] for each in project["tree"]["labels"]] == [["Cod"], ["Ray"]]
    assert project["media"] == 2
    assert "broken.png is not a picture that can be read" in project["problems"][0]
    assert page.ask("medium", name="station/2.png")["view"]["width"] == 80
    # Single files come one by one, and lie together.
    for name in ("x.png", "y.png"):
        added = page.ask("add-media", upload=page.upload(picture(tmp_path / name)))
        assert added == {"added": 1, "problems": []}
    assert page.ask("add-media", upload=page.upload(tmp_path / "x.png"))["problems"] == [
        "x-2.png is in the project already, as x.png: it was not added again."
    ]
    assert [each["name"] for each in page.ask("media")["media"]][2:] == ["x.png", "y.png"]
    assert page.ask("medium", name="y.png")["medium"]["here"]
    assert [each.name for each in (tmp_path / "home" / "uploads").iterdir() if each.suffix == ".zip"] == []
    again = page.ask("hello")
    assert again["trees"] == ["Cruise"]
    with pytest.raises(Refused, match="There is a project 'Cruise' already"):
        page.ask("create", name="Cruise", description="", folder=str(tmp_path / "data"), tree=None, labels=None)


def test_hostile_zips_and_places(pages: Pages, page: Page, tmp_path: Path, dive: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("../../evil.png", b"x")
    with pytest.raises(Refused, match="leads outside the archive"):
        page.ask("add-media", upload=page.upload(tmp_path / "evil.zip"))
    with pytest.raises(Refused, match="/etc is not in a folder that may be opened here"):
        page.ask("add-media", folder="/etc")
    with pytest.raises(Refused, match="is not in a folder that may be opened here"):
        page.ask("import", path="/etc/passwd")
    with pytest.raises(Refused, match="That upload is not known any more"):
        page.ask("add-media", upload="/etc/passwd")
    empty = tmp_path / "data" / "empty"
    empty.mkdir()
    with pytest.raises(Refused, match="holds nothing to work on: put pictures, videos or recordings there"):
        page.ask("create", name="Empty", description="", folder=str(empty), tree=None, labels=None)
    assert [each["name"] for each in page.ask("hello")["projects"]] == ["Reef"]
    # Names come from the database that all share: one that leads out of the folder is not followed.
    secret = picture(tmp_path / "secret.png")
    project = Projects().open("Reef", by=Person("anna"))
    project.add_media([Medium(name="../../secret.png"), Medium(name=str(secret)), Medium(name="link.png")])
    (dive / "link.png").symlink_to(secret)
    for name in ("../../secret.png", str(secret)):
        assert not page.ask("medium", name=name)["medium"]["here"]
        with pytest.raises(Refused, match="the file is not on this machine"):
            page.ask_for_bytes("tile", medium=name, level=0, x=0, y=0)
    with pytest.raises(Refused, match="is not in a folder that may be opened here"):
        page.ask("medium", name="link.png")


def test_files_that_moved_are_found_again(page: Page, tmp_path: Path, dive: Path) -> None:
    moved = tmp_path / "data" / "archive"
    (moved / "2026").mkdir(parents=True)
    (dive / "frame1.png").rename(moved / "2026" / "frame1.png")
    (dive / "frame2.png").rename(moved / "renamed.png")
    (dive / "v.mp4").unlink()
    # Of the same name, but another picture.
    picture(moved / "frame10.png")
    (dive / "frame10.png").rename(moved / "2026" / "frame10.png")
    shown = {each["name"]: each for each in page.ask("media")["media"]}
    assert [name for name, each in shown.items() if not each["here"]] == ["frame1.png", "frame2.png", "frame10.png", "v.mp4"]
    assert "choose “Find the files”" in shown["frame1.png"]["note"]
    # What is marked in it can be read all the same.
    opened = page.ask("medium", name="frame1.png")
    assert (opened["medium"]["here"], opened["view"]["kind"], opened["view"]["width"]) == (False, "picture", 80)
    assert page.ask("medium", name="v.mp4")["view"]["frame_rate_hz"] == 10
    with pytest.raises(Refused, match=r"frame1\.png: the file is not on this machine"):
        page.ask_for_bytes("tile", medium="frame1.png", level=0, x=0, y=0)
    assert page.ask("find-media", folder=str(moved)) == {"found": 3}
    left = [each["name"] for each in page.ask("media")["media"] if not each["here"]]
    assert left == ["v.mp4"]
    assert page.ask("medium", name="frame2.png")["view"]["width"] == 80
    assert page.app.current().places.find("frame10.png") == moved / "2026" / "frame10.png"
    page.ask("open", project="Reef")
    assert [each["name"] for each in page.ask("media")["media"] if not each["here"]] == ["v.mp4"]


def test_a_second_folder_and_files_that_are_there_already(page: Page, tmp_path: Path, dive: Path) -> None:
    other = tmp_path / "data" / "dive2"
    picture(other / "frame1.png")
    (other / "copy.png").write_bytes((dive / "frame2.png").read_bytes())
    added = page.ask("add-media", folder=str(other))
    assert added["added"] == 1
    assert added["problems"] == ["dive2/copy.png is in the project already, as frame2.png: it was not added again."]
    assert page.ask("medium", name="dive2/frame1.png")["medium"]["here"]
    picture(dive / "frame3.png")
    (dive / "twin.png").write_bytes((dive / "frame3.png").read_bytes())
    again = page.ask("add-media", folder=str(dive))
    assert again == {"added": 1, "problems": ["twin.png has the same content as frame3.png: it was left out."]}


def test_export_and_import(page: Page, pages: Pages, tmp_path: Path) -> None:
    line = {"kind": "line", "keyframes": [[0, 0, 9, 9]], "frames": []}
    page.ask("write", edits=[new("m", "frame1.png"), new("n", "frame2.png", "Crab", shape=line)])
    offered = page.ask("export", format="coco")
    assert offered["name"].endswith(".json")
    assert offered["lost"]
    data = page.fetch(offered)
    assert json.loads(data)["annotations"][0]["bbox"] == [10, 20, 20, 20]
    with pytest.raises(Refused, match="Unknown format 'cocoa'"):
        page.ask("export", format="cocoa")
    zipped = page.fetch(page.ask("export", format="voc"))
    assert any(name.endswith(".xml") for name in zipfile.ZipFile(io.BytesIO(zipped)).namelist())

    # Another tool has written the same pictures without their folder or hash.
    given = json.loads(data)
    for each in given["images"]:
        each["file_name"] = Path(each["file_name"]).name
    given["annotations"] = [{**given["annotations"][0], "id": 77, "bbox": [1, 2, 3, 4]}]
    (tmp_path / "theirs.json").write_text(json.dumps(given))
    added = page.ask("import", upload=page.upload(tmp_path / "theirs.json"))
    assert added["added"] == 1
    assert page.ask("media")["total"] == 5
    shapes = [each["shape"] for each in page.ask("medium", name="frame1.png")["marks"]]
    assert rectangle(1, 2, 4, 6) in shapes
    assert page.ask("import", upload=page.upload(tmp_path / "theirs.json"))["added"] == 0
    (tmp_path / "what.txt").write_text("nothing known")
    with pytest.raises(Refused, match="is in no format that is known here"):
        page.ask("import", upload=page.upload(tmp_path / "what.txt"))


def test_keys_and_suggestions(page: Page, pages: Pages) -> None:
    assert page.ask("keys", keys={"next": "n"}) == {}
    assert page.ask("hello")["keys"] == {"next": "n"}
    ben = pages("ben")
    assert ben.ask("hello")["keys"] == {}
    ben.ask("keys", keys={"next": "j"})
    assert page.ask("hello")["keys"] == {"next": "n"}
    with pytest.raises(Refused, match="cannot be kept"):
        page.ask("keys", keys=[1])
    with pytest.raises(Refused, match="No model can suggest labels in this project yet"):
        page.ask("suggest", medium="frame1.png", shape=rectangle())


def test_a_calibrated_recording_says_so(page: Page, dive: Path) -> None:
    path = sound(dive / "calibrated.wav")
    page.app.current().project.add_media(
        [Medium(name="calibrated.wav", kind="sound", sha256=sha256_of(path), attributes={"sensitivity_db": -170.0})]
    )
    assert page.ask("medium", name="calibrated.wav")["view"]["unit"] == "dB re 1 µPa²/Hz"


def test_labels_keep_who_gave_them(page: Page) -> None:
    given = LabelGiven(path=("Biota", "Crab"), annotator="model:net@1", given_at="2026-01-01", confidence=0.5)
    label = {"path": list(given.path), "annotator": given.annotator, "given_at": given.given_at, "confidence": 0.5}
    mine: dict[str, Any] = {"path": ["Biota", "Ray"], "annotator": "", "given_at": "", "confidence": None}
    page.ask("write", edits=[new("m", "frame1.png", labels=[mine, label], status="predicted")])
    (mark,) = page.ask("medium", name="frame1.png")["marks"]
    assert mark["labels"][1] == label
    assert mark["labels"][0]["annotator"] == "anna"


LIGHT = """
import sys
import imagine_kernels.apps.annotate
names = ("torch", "rasterio", "av", "scipy", "cv2", "sqlalchemy", "pandas", "soundfile", "PIL", "openvino")
print([name for name in names if name in sys.modules])
"""


def test_importing_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_project_that_is_asked_for_again_stays_open(page: Page, dive: Path) -> None:
    desk = page.app.desk
    assert desk is not None
    assert page.ask("open", project=desk.project.uid)["uid"] == desk.project.uid
    assert page.app.desk is desk


def test_files_with_annotations_are_listed_where_they_are_chosen(page: Page, tmp_path: Path, dive: Path) -> None:
    for name in ("marks.json", "marks.csv", "marks.xml", "scans.zip", "notes.docx"):
        (tmp_path / "data" / name).write_text("x")

    def listed(**given: str) -> list[str]:
        entries = page.ask("browse", path=str(tmp_path / "data"), **given)["entries"]
        return [each["name"] for each in entries if each["kind"] == "file"]

    assert listed(files="annotations") == ["marks.csv", "marks.json", "marks.xml", "scans.zip"]
    assert listed(files="media") == ["scans.zip"]
