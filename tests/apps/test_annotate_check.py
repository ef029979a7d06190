"""Quality in the annotate app without a browser: figures, comparison, decisions, blind sessions, controls; on the real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from annotating import Page, Refused, new, picture, rectangle

from imagine_kernels.annotation.verifying import verify

MEDIA = [f"frame{n}.png" for n in (1, 2, 3, 4)]
People = dict[str, Page]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], People]]:
    """Anna and Ben who mark, and Carla who reviews; each has the project Reef of four pictures open."""
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", str(tmp_path / "shared.db"))
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMAGINE_DATA", str(tmp_path / "data"))
    (tmp_path / "home").mkdir()
    for name in MEDIA:
        picture(tmp_path / "data" / "dive" / name)
    held: People = {}

    def made() -> People:
        held["anna"] = Page(monkeypatch, "anna")
        held["anna"].ask("create", name="Reef", description="", folder=str(tmp_path / "data" / "dive"), tree=None, labels=None)
        project = held["anna"].app.current().project
        for name, role in (("ben", "annotate"), ("carla", "review"), ("dora", "view")):
            project.give_role(f"user:{name}", role)  # type: ignore[arg-type]
            held[name] = Page(monkeypatch, name)
            held[name].ask("open", project=project.uid)
        return held

    yield made
    for page in held.values():
        page.app.close()


def put(page: Page, *marks: dict[str, Any], looked: list[str] | None = None) -> None:
    """Save marks, and say that the media were looked at."""
    done = page.ask("write", edits=list(marks))
    assert (len(done["saved"]), done["refused"], done["conflicts"]) == (len(marks), [], [])
    page.ask("review", media=looked or MEDIA, reviewed=True)


def two_mark(people: People) -> None:
    """In frame1 both see a sponge; in frame2 one takes it for a coral; in frame3 Anna alone sees one; in frame4 nobody."""
    boxes = [rectangle(10, 10, 40, 40), rectangle(11, 10, 41, 40)]
    for who, box, second in zip(("anna", "ben"), boxes, ("Sponge", "Coral"), strict=True):
        marks = [new(f"{who}1", "frame1.png", shape=box), new(f"{who}2", "frame2.png", second, shape=box)]
        put(people[who], *marks, *([new("anna3", "frame3.png", shape=box)] if who == "anna" else []))


def state(page: Page, medium: str) -> dict[str, tuple[str, list[str], Any]]:
    """Status, path and who decided, of each mark of a medium."""
    marks = page.ask("medium", name=medium)["marks"]
    return {each["id"]: (each["status"], each["labels"][0]["path"], each["attributes"].get("decided_by")) for each in marks}


def in_a_day() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def test_figures_and_what_differs(people: Callable[[], People]) -> None:
    all_ = people()
    carla = all_["carla"]
    empty = carla.ask("quality", session=None, people=[], iou=0.5)
    assert (empty["people"], empty["figures"]) == ([], [])
    assert "Agreement needs two people" in empty["problems"][0]
    two_mark(all_)
    found = carla.ask("quality", session=None, people=[], iou=0.5)
    assert found["people"] == [{"name": "anna", "marks": 3, "media": 4}, {"name": "ben", "marks": 2, "media": 4}]
    assert (found["media"], found["things"], found["problems"]) == (4, 3, [])
    figures = {(each["figure"], each["first"], each["second"]): each for each in found["figures"]}
    f1 = figures["f1", "", ""]
    assert f1["value"] == pytest.approx(4 / 5)
    assert 0 <= f1["low"] < f1["value"] < f1["high"] <= 1
    assert figures["iou", "anna", "ben"]["value"] == pytest.approx(29 / 31)
    assert figures["label_agreement", "", ""]["value"] == pytest.approx(0.5)
    # From a higher overlap on nothing is the same any more.
    strict = carla.ask("quality", session=None, people=["anna", "ben"], iou=0.99)
    assert {each["value"] for each in strict["figures"] if each["figure"] == "f1"} == {0}
    assert carla.wait("progress", lambda value: value["done"] == value["total"] == 2)["stage"].startswith("Comparing")
    alone = carla.ask("quality", session=None, people=["anna"], iou=0.5)
    assert alone["figures"] == []
    assert "Agreement needs two people" in alone["problems"][0]
    assert "zoe has marked nothing there" in carla.ask("quality", session=None, people=["zoe"], iou=0.5)["problems"][0]
    with pytest.raises(Refused, match=r"overlap of 0: choose one from 0\.05 to 1"):
        carla.ask("quality", session=None, people=[], iou=0)

    def compare(medium: str) -> Any:
        return all_["dora"].ask("compare", medium=medium, first="anna", second="ben", session=None, iou=0.5)

    (same,) = compare("frame1.png")["things"]
    assert (same["found"], same["first"], same["second"], same["overlap"]) == (
        "same_label",
        "anna1",
        "ben1",
        pytest.approx(29 / 31),
    )
    (other,) = compare("frame2.png")["things"]
    assert (other["found"], other["first_label"], other["second_label"]) == ("other_label", "Biota > Sponge", "Biota > Coral")
    (lone,) = compare("frame3.png")["things"]
    assert (lone["found"], lone["first"], lone["second"], lone["overlap"]) == ("only_first", "anna3", None, None)
    assert compare("frame4.png") == {"things": [], "looked": ["anna", "ben"]}
    with pytest.raises(Refused, match=r"There is no medium 'nowhere\.png'"):
        compare("nowhere.png")
    with pytest.raises(Refused, match="choose two people"):
        carla.ask("compare", medium="frame1.png", first="anna", second="anna", session=None, iou=0.5)


def test_what_is_in_doubt_is_decided_and_taken_back(people: Callable[[], People]) -> None:
    all_ = people()
    two_mark(all_)
    carla = all_["carla"]
    everything: dict[str, Any] = {"session": None, "people": [], "iou": 0.5}
    doubts = carla.ask("doubts", **everything, after=None, limit=1)
    assert (doubts["count"], doubts["sure"], doubts["next"], doubts["written_before"]) == (2, 1, 1, 0)
    (first,) = doubts["items"]
    (second,) = carla.ask("doubts", **everything, after=1, limit=1)["items"]
    assert first["certainty"] <= second["certainty"]
    by_medium = {each["medium"]: each for each in (first, second)}
    tie = by_medium["frame2.png"]
    assert tie["ids"] == {"anna": "anna2", "ben": "ben2"}
    assert tie["labels"] == {"anna": ["Biota", "Sponge"], "ben": ["Biota", "Coral"]}
    assert (tie["reasons"], tie["looked"]) == (["as many say one label as another"], ["anna", "ben"])
    assert by_medium["frame3.png"]["reasons"] == ["one person alone has seen it"]

    decision = {"medium": "frame2.png", "ids": ["anna2", "ben2"], "keep": "ben2", "versions": tie["versions"]}
    with pytest.raises(Refused, match="ben may not review the project Reef"):
        all_["ben"].ask("settle", **decision)
    with pytest.raises(Refused, match="changed or deleted one of these marks meanwhile"):
        carla.ask("settle", **{**decision, "versions": {"anna2": 1}})
    with pytest.raises(Refused, match="no list of names"):
        carla.ask("settle", **{**decision, "ids": "anna2"})
    with pytest.raises(Refused, match="nothing to decide on"):
        carla.ask("settle", **{**decision, "keep": "anna1"})
    before = state(carla, "frame2.png")
    head = carla.app.current().project.head[0]
    done = carla.ask("settle", **decision, path=["Biota", "Soft coral"])
    assert (len(done["saved"]), done["conflicts"], done["head"]) == (2, [], head + 2)
    assert state(carla, "frame2.png") == {
        "anna2": ("discarded", ["Biota", "Sponge"], "carla"),
        "ben2": ("validated", ["Biota", "Soft coral"], "carla"),
    }
    # What Ben has said stays behind the decision.
    kept = next(each for each in carla.ask("medium", name="frame2.png")["marks"] if each["id"] == "ben2")
    assert [each["annotator"] for each in kept["labels"]] == ["carla", "ben"]
    assert [each["medium"] for each in carla.ask("doubts", **everything, after=None, limit=9)["items"]] == ["frame3.png"]
    with pytest.raises(Refused, match="meanwhile"):
        carla.ask("settle", **decision)

    # One write takes it back.
    versions = {each["id"]: each["version"] for each in done["saved"]}
    edits = [
        {"id": each["id"], "base": versions[each["id"]], "key": f"back-{each['id']}"}
        | {part: each[part] for part in ("status", "labels", "attributes")}
        for each in done["before"]
    ]
    assert len(carla.ask("write", edits=edits)["saved"]) == 2
    assert state(carla, "frame2.png") == before
    assert carla.ask("doubts", **everything, after=None, limit=9)["count"] == 2

    # None of them: it is nothing.
    carla.ask("settle", medium="frame3.png", ids=["anna3"], keep=None)
    assert state(carla, "frame3.png") == {"anna3": ("discarded", ["Biota", "Sponge"], "carla")}
    with pytest.raises(Refused, match="dora may not annotate"):
        all_["dora"].ask("consensus", **everything)
    assert carla.ask("consensus", **everything) == {"added": 1}
    assert carla.ask("consensus", **everything) == {"added": 0}
    assert carla.ask("doubts", **everything, after=None, limit=9)["written_before"] == 1
    assert verify(carla.app.current().project).whole


def test_a_blind_session_hides_and_is_compared_as_it_was_at_its_end(people: Callable[[], People]) -> None:
    all_ = people()
    anna, ben, carla = (all_[name] for name in ("anna", "ben", "carla"))
    asked = {"name": "Week 3", "people": ["anna", "ben"], "media": None, "ends": in_a_day(), "hides_earlier": False}
    with pytest.raises(Refused, match="ben may not review"):
        ben.ask("blind-begin", **asked)
    with pytest.raises(Refused, match="before it begins: choose a later end"):
        carla.ask("blind-begin", **{**asked, "ends": "2020-01-01T00:00:00+00:00"})
    with pytest.raises(Refused, match="needs people"):
        carla.ask("blind-begin", **{**asked, "people": []})
    with pytest.raises(Refused, match="is no time"):
        carla.ask("blind-begin", **{**asked, "ends": "tomorrow"})
    (session,) = carla.ask("blind-begin", **asked)["sessions"]
    assert (session["name"], session["people"], session["media"], session["running"]) == ("Week 3", ["anna", "ben"], None, True)
    assert ben.ask("blind")["sessions"] == [session]
    # His page reads anew what it may show.
    assert "carla" in ben.wait("changes", lambda value: value["more"])["people"]
    two_mark(all_)
    number = session["number"]

    # Whoever takes part sees nothing of the others by any of these questions; an owner neither.
    for page, other in ((ben, "anna"), (anna, "ben")):
        for of in (None, number):
            every: dict[str, Any] = {"session": of, "people": [], "iou": 0.5}
            hidden = page.ask("quality", **every)
            assert (hidden["people"], hidden["figures"]) == ([], [])
            assert "You take part in the blind session Week 3" in hidden["problems"][0]
            questions: list[tuple[str, dict[str, Any]]] = [
                ("compare", {**every, "medium": "frame1.png", "first": "anna", "second": "ben"}),
                ("doubts", {**every, "after": None, "limit": 9}),
                ("doubts", {**every, "after": 1, "limit": 9}),
                ("consensus", every),
                ("settle", {"medium": "frame2.png", "ids": ["anna2", "ben2"], "keep": f"{other}2"}),
            ]
            for verb, given in questions:
                with pytest.raises(Refused, match="You take part in the blind session Week 3: wait until it is over"):
                    page.ask(verb, **given)
    with pytest.raises(Refused, match="You take part in the blind session"):
        anna.ask("controls", media=["frame1.png"], labels_of="ben")
    assert carla.ask("quality", session=number, people=[], iou=0.5)["things"] == 3

    (over,) = carla.ask("blind-end", number=number)["sessions"]
    assert not over["running"]
    with pytest.raises(Refused, match="nothing to end"):
        carla.ask("blind-end", number=number)
    # As it was at the end, whatever is decided since.
    every: dict[str, Any] = {"session": number, "people": [], "iou": 0.5}
    before = ben.ask("quality", **every)
    assert before["things"] == 3
    assert carla.ask("doubts", **every, after=None, limit=9)["count"] == 2
    carla.ask("settle", medium="frame2.png", ids=["anna2", "ben2"], keep="anna2")
    assert ben.ask("quality", **every)["figures"] == before["figures"]
    assert carla.ask("doubts", **every, after=None, limit=9)["count"] == 1
    with pytest.raises(Refused, match="There is no blind session 99999"):
        carla.ask("compare", session=99999, medium="frame1.png", first="anna", second="ben", iou=0.5)


def test_controls_are_planted_and_scored(people: Callable[[], People]) -> None:
    all_ = people()
    ben, carla = all_["ben"], all_["carla"]
    two_mark(all_)
    assert carla.ask("controls") == {"controls": None, "scores": [], "problems": []}
    with pytest.raises(Refused, match="There are no controls"):
        carla.ask("plant", to="ben", every=2)
    with pytest.raises(Refused, match=r"anna has marked nothing in the media chosen: choose some that they have marked"):
        carla.ask("controls", media=["frame4.png"], labels_of="anna")
    with pytest.raises(Refused, match=r"There is no medium 'no\.png'"):
        carla.ask("controls", media=["no.png"], labels_of="anna")
    found = carla.ask("controls", media=MEDIA, labels_of="anna")
    assert found["controls"] == {"media": ["frame1.png", "frame2.png", "frame3.png"], "truth": "anna"}
    (score,) = found["scores"]
    # Ben has the first right, has another name for the second, and has not seen the third.
    assert (score["person"], score["right"], score["n"], score["alarm"]) == ("ben", 1, 3, False)
    assert score["value"] == pytest.approx(1 / 3)
    assert 0 < score["low"] < 1 / 3 < score["high"] < 1
    assert found.pop("problems") == ["1 of the media chosen was left out: anna has marked nothing there."]
    again = carla.ask("controls")
    assert again == {**found, "problems": []}
    with pytest.raises(Refused, match="ben may not review"):
        ben.ask("controls")
    with pytest.raises(Refused, match="Nothing waits for ben"):
        carla.ask("plant", to="ben", every=2)
    with pytest.raises(Refused, match="The marks of anna are the truth"):
        carla.ask("plant", to="anna", every=2)

    # Ben has looked at them all: take that back for two, of which one is a control, and give him the other.
    ben.ask("review", media=["frame2.png", "frame4.png"], reviewed=False)
    carla.ask("assign", media=["frame4.png"], to="ben")
    planted = carla.ask("plant", to="ben", every=1)
    assert (planted["planted"], planted["queue"]) == (1, 1)
    assert "ben can see the marks of anna there: begin a blind session" in planted["problems"][0]
    mine = ben.ask("media", filter="mine", text="", label=None, after=None, limit=9)["media"]
    assert [each["name"] for each in mine] == ["frame2.png", "frame4.png"]
    with pytest.raises(Refused, match="ben has all controls already"):
        carla.ask("plant", to="ben", every=1)
    assert carla.ask("controls", media=[], labels_of="")["controls"] is None
