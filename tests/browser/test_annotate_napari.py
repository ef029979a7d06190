"""One project on the desktop and in the browser: what is done in a napari window appears on a page that is open, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from annotating_media import SIZE, scene
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import expect

from imagine_kernels.annotation import Person, Projects
from tests.apps.desktop.test_desktop import run, values
from tests.apps.desktop.test_project_window import START

IN_NAPARI = """
begin("scan.png")
seen = shapes.features["label"].tolist()
viewer.layers.selection.active = shapes
key(Qt.Key.Key_G)
QTest.keyClicks(dock.search, "salp"); QTest.keyClick(dock.search, Qt.Key.Key_Return); settle()
before = all_ids("scan.png")
key(Qt.Key.Key_R)
drag(520, 380, 600, 460)
(new,) = all_ids("scan.png") - before
drawn = numbers(new)
key(Qt.Key.Key_S)
click(150, 120)
key(Qt.Key.Key_U)
dock.close(); viewer.close(); settle(300)
print(json.dumps(dict(seen=seen, new=new, drawn=drawn)))
"""


def test_what_is_drawn_in_napari_appears_in_the_browser(annotate: Callable[..., AnnotatePage], annotators: Annotators) -> None:
    scene(annotators.folder("Desk") / "scan.png", seed=3)
    page = annotate("anna")
    page.make_project("Desk", "Desk")
    page.fit(*SIZE)
    page.rectangle((100, 80), (200, 160), "Copepoda")
    page.rectangle((300, 400), (360, 460), "Salpida")
    page.wait_saved()
    store = Projects(annotators.home / "annotations.db")
    (found,) = [each for each in store.of(Person("anna")) if each.name == "Desk"]
    project = store.open(found.uid, by=Person("anna"))
    project.give_role("user:ben", "annotate")

    start = START.replace("reef.db", "annotations.db").replace('"Reef"', '"Desk"').replace('HERE / "pictures"', 'HERE / "Desk"')
    start = start.replace("def all_ids():", "def all_ids(medium):").replace('Filter(medium="a.png")', "Filter(medium=medium)")
    here = f"from pathlib import Path\nHERE = Path({str(annotators.home)!r})\n"
    done = values(run(here + start + IN_NAPARI, IMAGINE_HOME=str(annotators.home), JUPYTERHUB_USER="ben", PYTHONFAULTHANDLER="1"))
    assert sorted(done["seen"]) == ["Copepoda", "Salpida"]
    assert done["drawn"] == pytest.approx([520, 380, 600, 460], abs=2)

    # The page was open all the while.
    page.wait_marks(3)
    (drawn,) = [each for each in page.marks() if "ben" in each]
    assert "Salpida" in drawn
    expect(page.rows().filter(has_text="Copepoda").locator(".ika-is-dubious")).to_have_count(1)
    stored = project.get(done["new"])
    assert (stored.annotation.labels[0].annotator, stored.annotation.shape.numbers) == ("ben", pytest.approx(done["drawn"]))
    assert [event.kind for event in project.history(done["new"])] == ["create"]
    store.close()


def test_a_server_with_a_desktop_leads_to_it(
    annotate: Callable[..., AnnotatePage], annotators: Annotators, annotate_pictures: Path
) -> None:
    scene(annotators.folder("Deep dive") / "scan.png", seed=4)
    annotators.server("diver", IMAGINE_DESKTOP_URL="/user/diver/imagine/desktop")
    page = annotate("diver")
    page.make_project("Deep dive & wreck", "Deep dive")
    page.page.click("[data-act=project-menu]")
    link = page.page.get_by_role("menuitem", name="Open in napari")
    expect(link).to_have_attribute("href", "/user/diver/imagine/desktop?project=Deep%20dive%20%26%20wreck")
    expect(link).to_have_attribute("target", "_blank")
    for _ in range(4):
        page.page.keyboard.press("ArrowDown")
    expect(link).to_be_focused()
    page.page.screenshot(path=annotate_pictures / "open-in-napari.png")

    other = annotate("anna")
    other.make_project("Shallow", "Deep dive")
    other.page.click("[data-act=project-menu]")
    expect(other.page.get_by_role("menuitem", name="Export")).to_be_visible()
    expect(other.page.get_by_role("menuitem", name="Open in napari")).to_have_count(0)
