"""The annotator without a mouse: by keyboard alone, and with fingers on a tablet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from annotating_media import SIZE, scene
from annotating_page import AnnotatePage, Annotators, Point
from playwright.sync_api import expect

Annotate = Callable[..., AnnotatePage]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def haul(annotators: Annotators) -> str:
    folder = annotators.folder("by-hand")
    for i in range(2):
        scene(folder / f"scan-{i}.png", seed=i)
    return folder.name


def boxes(app: AnnotatePage, folder: Path) -> dict[str, list[list[float]]]:
    """Label to the boxes that leave as COCO, x, y, width, height in px."""
    whole = json.loads(app.export("coco", folder).read_text())
    labels = {each["id"]: each["name"] for each in whole["categories"]}
    found: dict[str, list[list[float]]] = {}
    for each in whole["annotations"]:
        found.setdefault(labels[each["category_id"]], []).append(each["bbox"])
    return found


def test_by_keyboard_alone(annotate: Annotate, haul: str, tmp_path: Path, annotate_pictures: Path) -> None:
    app = annotate()
    app.make_project("By keyboard", haul)
    app.fit(*SIZE)
    app.page.mouse.move(1, 1)
    px = app.step[0]
    # The crosshair begins in the middle; a rectangle needs two presses.
    app.press("s", "b")
    live = app.page.locator("[data-live]")
    expect(live).to_contain_text("Crosshair in the middle")
    app.press("Enter", *["ArrowRight"] * 6, *["ArrowDown"] * 4)
    expect(live).to_have_text(re.compile(r"^\d+, \d+ px$"))
    app.page.screenshot(path=annotate_pictures / "keyboard-drawing.png")
    app.press("Enter")
    app.name_it("Copepoda")
    # The crosshair is still there: a line from it, ended by a second press at its last corner.
    app.press("l", "Enter", "Shift+ArrowLeft", "Enter", "Shift+ArrowUp", "Enter", "Enter")
    app.name_it("Chaetognatha")
    # What was begun is given up first, then the crosshair, then the tool.
    app.press("s", "Enter", "ArrowRight", "Escape")
    expect(app.page.locator("[data-tool=rectangle]").first).to_have_attribute("aria-pressed", "true")
    app.press("Escape")
    expect(live).to_have_text("No crosshair")
    app.wait_saved()
    app.wait_marks(2)
    found = boxes(app, tmp_path)
    (rectangle,) = found["Copepoda"]
    assert rectangle == pytest.approx([SIZE[0] / 2, SIZE[1] / 2, 60 * px, 40 * px], abs=2)
    (line,) = found["Chaetognatha"]
    assert line[2:] == pytest.approx([100 * px, 100 * px], abs=2)


class Fingers:
    """Fingers on the screen of a tablet."""

    def __init__(self, app: AnnotatePage) -> None:
        self.session = app.page.context.new_cdp_session(app.page)

    def _send(self, kind: str, places: Sequence[Point]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, *ways: tuple[Point, Point], steps: int = 8) -> None:
        """Each finger goes from one place of the screen to another, all at once."""
        self._send("touchStart", [begin for begin, _ in ways])
        for step in range(1, steps + 1):
            part = step / steps
            self._send("touchMove", [(a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part) for a, b in ways])
        self._send("touchEnd", [])


def test_on_a_tablet(annotate: Annotate, haul: str, tmp_path: Path, annotate_pictures: Path) -> None:
    app = annotate(has_touch=True, is_mobile=True)
    app.make_project("On a tablet", haul)
    app.fit(*SIZE)
    fingers = Fingers(app)
    app.page.locator("[data-tool=rectangle]").first.tap()
    fingers.drag((app.screen((100, 80)), app.screen((260, 190))))
    app.name_it("Copepoda")
    app.wait_marks(1)

    # Two fingers: what lies under them goes with them, and nothing is drawn by them.
    scale = app.page.locator(".ika-status .ik-number").last
    before = float(scale.inner_text().rstrip(" %"))
    box = app.surface.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers.drag(((x - 40, y), (x - 120, y)), ((x + 40, y), (x + 120, y)))
    expect(scale).not_to_have_text(f"{before:.0f} %")
    assert float(scale.inner_text().rstrip(" %")) == pytest.approx(3 * before, rel=0.05)
    app.wait_marks(1)

    # One finger on empty ground moves the picture where things are selected, and a tap selects.
    app.page.locator("[data-tool=select]").first.tap()
    app.page.get_by_role("button", name="The whole picture", exact=True).tap()
    app.fit(*SIZE)
    app.page.touchscreen.tap(*app.screen((180, 130)))
    expect(app.rows().first).to_have_attribute("aria-selected", "true")
    # A selected one is moved by a finger.
    fingers.drag((app.screen((180, 130)), app.screen((280, 230))))
    app.wait_saved()
    app.page.screenshot(path=annotate_pictures / "tablet.png")
    (found,) = boxes(app, tmp_path)["Copepoda"]
    assert found == pytest.approx([200, 180, 160, 110], abs=4)
