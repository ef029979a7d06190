"""Two people mark the same picture; one of them, who may review, compares, decides what is in doubt, and takes it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from annotating_media import SIZE, scene
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import Page, expect

from imagine_kernels.annotation import Person, Project, Projects
from imagine_kernels.records import Annotation, LabelGiven, Shape

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def store(annotators: Annotators) -> Iterator[Projects]:
    """The database of the annotators, read and written directly."""
    opened = Projects(annotators.home / "annotations.db")
    yield opened
    opened.close()


def mark(project: Project, medium: str, label: str, *numbers: float) -> None:
    """A rectangle by whoever has opened the project, and the medium was looked at."""
    shape = Shape("rectangle", (tuple(numbers),))
    project.add(Annotation(id=str(uuid4()), medium=medium, shape=shape, labels=(LabelGiven(path=(label,)),), status="validated"))
    project.review(medium)


def look(page: Page, folder: Path, name: str) -> None:
    """Keep pictures of the page for people to look at: light, dark, and 640 px wide."""
    page.screenshot(path=folder / f"{name}.png", animations="disabled")
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=folder / f"{name}-dark.png", animations="disabled")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 640, "height": 800})
    page.screenshot(path=folder / f"{name}-narrow.png", animations="disabled")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_two_people_are_compared_and_a_doubt_is_decided_and_taken_back(
    annotate: Callable[..., AnnotatePage], annotators: Annotators, store: Projects, annotate_pictures: Path
) -> None:
    for seed, name in enumerate(("a.png", "b.png")):
        scene(annotators.folder("Quality") / name, seed=seed)
    anna = annotate("anna")
    page = anna.page
    anna.make_project("Quality", "Quality")
    anna.fit(*SIZE)
    anna.rectangle((100, 80), (200, 160), "Copepoda")
    anna.rectangle((400, 300), (480, 380), "Ostracoda")
    anna.press("n")
    anna.wait_saved()
    (found,) = [each for each in store.of(Person("anna")) if each.name == "Quality"]
    mine = store.open(found.uid, by=Person("anna"))
    mine.give_role("user:ben", "annotate")
    bens = store.open(found.uid, by=Person("ben"))
    mark(bens, "a.png", "Copepoda", 102, 80, 202, 160)
    mark(bens, "a.png", "Copepoda", 402, 300, 482, 380)
    mark(bens, "a.png", "Copepoda", 600, 100, 660, 160)
    mark(bens, "b.png", "Copepoda", 200, 200, 260, 260)
    mark(mine, "b.png", "Copepoda", 201, 200, 261, 260)

    def statuses() -> list[str]:
        return sorted(each.annotation.status for each in mine.page().items if each.annotation.medium == "a.png")

    # The figures, from the panel of people.
    anna.tab("People")
    page.click("[data-act=quality]")
    f1 = page.locator("[data-figure=f1]")
    expect(f1).to_contain_text("0.86")
    expect(f1).to_contain_text("to")
    expect(page.locator("[data-doubts='2']")).to_contain_text("2 things are to be decided, 2 beyond doubt")
    look(page, annotate_pictures, "quality")

    # Compared on the picture: what differs is first, and in words.
    anna.press("Escape")
    anna.open_medium("a.png")
    anna.press("Shift+Q")
    page.click("[data-act=compare]")
    rows = page.locator(".ikc-panel [role=option]")
    expect(rows).to_have_count(3)
    said = [str(each) for each in rows.evaluate_all("all => all.map(each => each.ariaLabel)")]
    assert said == [
        "Ostracoda, other label: anna Ostracoda, ben Copepoda",
        "Copepoda, only ben",
        "Copepoda, same",
    ]
    rows.nth(1).click()
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    # It was brought into view: the middle of what Ben alone has marked is in the middle.
    page.wait_for_timeout(1500)
    box = anna.surface.bounding_box()
    assert box is not None
    assert anna.read((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)) == pytest.approx((630, 130), abs=4)
    look(page, annotate_pictures, "quality-compare")
    anna.press("x")  # nothing is changed here
    expect(page.locator(".ik-toast")).to_contain_text("end that first")
    anna.press("Escape")
    expect(page.locator(".ikc-panel")).to_have_count(0)
    expect(page.get_by_role("tab", name=re.compile("Marks 5"))).to_be_visible()

    # One by one: Ben is right about the first, nobody about the second.
    anna.press("Shift+Q")
    page.click("[data-act=decide]")
    rows = page.locator(".ikc-panel [role=option]")
    expect(rows).to_have_count(2)
    expect(page.locator("[data-keep]")).to_have_text(
        [re.compile("1.*Ostracoda.*anna"), re.compile("2.*Copepoda.*ben"), re.compile("0.*None")]
    )
    look(page, annotate_pictures, "quality-decide")
    anna.press("2")
    expect(rows.nth(0)).to_contain_text("Kept: Copepoda, ben")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    assert statuses() == ["discarded", *["validated"] * 4]
    anna.press("0")
    expect(rows.nth(1)).to_contain_text("Kept none of them")
    expect(page.locator(".ikc-bar")).to_contain_text("All is decided")
    assert statuses() == ["discarded", "discarded", *["validated"] * 3]
    anna.press("Control+z")
    expect(rows.nth(1)).not_to_contain_text("Kept none")
    anna.press("Control+z")
    expect(rows.nth(0)).not_to_contain_text("Kept: Copepoda")
    assert statuses() == ["validated"] * 5

    # A blind session is begun and ended.
    page.click("[data-act=check-quality]")
    expect(page.locator("[data-doubts='2']")).to_be_visible()
    page.click("[data-act=blind-new]")
    page.fill("[name=session-name]", "Week 3")
    for person in ("anna", "ben"):
        page.check(f"[data-takes-part={person}]")
    ends = datetime.fromisoformat(page.input_value("[name=session-ends]")).astimezone(UTC)
    assert 5 < (ends - datetime.now(UTC)).days < 8
    look(page, annotate_pictures, "quality-blind")
    page.click("[data-act=blind-begin]")
    session = page.locator("[data-session='Week 3']")
    expect(session).to_contain_text("runs")
    page.click("[data-act=leaf-close]")
    # What Ben has marked is gone from Anna's page.
    anna.wait_marks(2)
    anna.press("Shift+Q")
    expect(page.locator(".ikc .ik-empty").first).to_contain_text("You take part in the blind session Week 3")
    session.locator("[data-act=blind-end]").click()
    expect(session).to_contain_text("over")

    # Anna's marks are the truth: Ben has one of hers right in each picture, and has named the other wrong.
    page.click("[data-act=leaf-close]")
    anna.wait_marks(5)
    anna.press("Shift+Q")
    page.locator("[name=truth]").select_option("anna")
    page.click("[data-act=set-controls]")
    expect(page.locator("[data-controls='2']")).to_contain_text("the marks of anna are right")
    expect(page.locator(".ikc").get_by_role("row", name=re.compile("ben"))).to_contain_text("2 of 3")
    page.locator("[data-controls]").scroll_into_view_if_needed()
    look(page, annotate_pictures, "quality-controls")
