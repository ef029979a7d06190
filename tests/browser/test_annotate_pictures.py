"""Pictures in the annotator: draw, name, correct, take back, come again, take home."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotating_media import SIZE, scene
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import expect

Annotate = Callable[..., AnnotatePage]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def haul(annotators: Annotators) -> str:
    folder = annotators.folder("haul")
    for i in range(3):
        scene(folder / f"scan-{i}.png", seed=i)
    return folder.name


def coco(path: Path) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """A COCO file by a reader of our own: label to annotations, with the name of their picture, and the whole."""
    whole = json.loads(path.read_text())
    pictures = {each["id"]: each["file_name"] for each in whole["images"]}
    labels = {each["id"]: each["name"] for each in whole["categories"]}
    found: dict[str, list[dict[str, Any]]] = {}
    for each in whole["annotations"]:
        found.setdefault(labels[each["category_id"]], []).append({**each, "file": pictures[each["image_id"]]})
    return found, whole


def test_draw_name_correct_undo_reload_and_take_home(
    annotate: Annotate, haul: str, tmp_path: Path, annotate_pictures: Path
) -> None:
    app = annotate()
    app.make_project("Haul 12", haul)
    app.fit(*SIZE)
    app.rectangle((100, 80), (260, 190), "Copepoda")
    corners = [(400, 100), (520, 120), (560, 220), (450, 260), (380, 180)]
    app.polygon(corners, "Salpida")
    app.press("e")
    app.drag((150, 400), (300, 420))
    app.name_it("Copepoda")
    app.press("w")
    app.name_it("good scan")
    app.wait_saved()
    app.wait_marks(4)
    app.page.screenshot(path=annotate_pictures / "picture-drawn.png")

    # Select the rectangle, and move its lower right corner.
    app.press("m")
    app.click((180, 190))
    expect(app.page.locator(".ika-panel [role=option][aria-selected=true]")).to_have_count(1)
    app.drag((260, 190), (310, 230))
    app.wait_saved()
    # A corner of the polygon too.
    app.click((450, 180))
    app.drag(corners[2], (600, 240))
    app.wait_saved()

    # The first label is put on the digit 1, and given by key.
    app.tab("Labels")
    app.press("Escape")
    app.page.get_by_role("treeitem", name=re.compile("Copepoda")).click()
    app.page.locator(".ika-digits select").select_option("1")
    app.click((450, 180))
    app.press("1")
    app.wait_saved()
    expect(app.page.locator("[data-live]")).to_have_text(re.compile("Copepoda, saved"))
    drawn = app.marks()
    assert sorted(each.split(",")[0] + each.split(",")[1] for each in drawn) == [
        "Area Copepoda",
        "Polygon Copepoda",
        "Rectangle Copepoda",
        "Whole good scan",
    ]
    app.press("Control+z")
    app.wait_saved()
    assert any(each.startswith("Polygon, Salpida") for each in app.marks())
    app.press("Control+z", "Control+z")
    app.wait_saved()
    app.press("Control+Shift+Z", "Control+Shift+Z", "Control+Shift+Z")
    app.wait_saved()
    assert app.marks() == drawn

    app.reload()
    assert app.marks() == drawn
    app.page.screenshot(path=annotate_pictures / "picture-reloaded.png")

    found, whole = coco(app.export("coco", tmp_path))
    assert [(each["width"], each["height"]) for each in whole["images"] if each["file_name"] == "scan-0.png"] == [SIZE]
    boxes = [each for each in found["Copepoda"] if each["bbox"][0] < 120 and each["bbox"][1] < 120]
    assert boxes[0]["bbox"] == pytest.approx([100, 80, 210, 150], abs=1)
    outlines = [each for each in found["Copepoda"] if each["bbox"][0] > 350]
    expected = [coordinate for corner in [*corners[:2], (600, 240), *corners[3:]] for coordinate in corner]
    assert outlines[0]["segmentation"][0][: len(expected)] == pytest.approx(expected, abs=1)
    (area,) = [each for each in found["Copepoda"] if each not in (*boxes, *outlines)]
    # The stroke of the brush, 24 px wide with round ends.
    assert area["bbox"] == pytest.approx([138, 388, 174, 44], abs=3)
    assert area["area"] == pytest.approx(24 * np.hypot(150, 20) + np.pi * 12**2, rel=0.1)
    assert {each["file"] for group in found.values() for each in group} == {"scan-0.png"}


def test_looked_at_by_key_and_marks_copied_to_the_next_picture(annotate: Annotate, haul: str) -> None:
    app = annotate()
    app.make_project("Haul 13", haul)
    app.fit(*SIZE)
    app.rectangle((100, 80), (260, 190), "Copepoda")
    app.wait_marks(1)
    app.press("m")
    app.click((180, 190))
    app.press("c")
    expect(app.page.locator(".ika-status-name")).to_contain_text("scan-1.png")
    app.wait_marks(1)
    app.press("Escape", "n")
    expect(app.page.locator(".ika-status-name")).to_contain_text("scan-2.png")
    app.wait_saved()
    app.page.reload()
    app.wait_open()
    expect(app.page.locator(".ika-media")).to_contain_text("1 of 3 media looked at")
    expect(app.page.get_by_role("option", name=re.compile("scan-1.png, 1 annotation, looked at by anna"))).to_have_count(1)


def test_a_picture_of_16_bits_is_not_shown_black(annotate: Annotate, annotators: Annotators, annotate_pictures: Path) -> None:
    folder = annotators.folder("deep")
    rows, columns = np.mgrid[-1:1:400j, -1:1:600j]
    values = np.random.default_rng(1).normal(900, 30, (400, 600)) + 400 * np.hypot(rows, columns)
    cv2.imwrite(str(folder / "deep.tif"), values.astype(np.uint16))
    app = annotate()
    app.make_project("Deep", folder.name)
    app.page.screenshot(path=annotate_pictures / "picture-16-bit.png")
    shown = app.page.evaluate(
        """() => {
            const canvas = document.querySelector(".ik-canvas-picture canvas");
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            return [0.5, 0.02].map(x => copy.getImageData(x * canvas.width, canvas.height / 2, 1, 1).data[0]);
        }"""
    )
    # From nearly black in the middle to bright at the edge.
    assert shown[1] - shown[0] > 60, shown


def test_a_picture_whose_file_has_moved_keeps_its_marks_and_is_found_again(
    annotate: Annotate, annotators: Annotators, annotate_pictures: Path
) -> None:
    folder = annotators.folder("moving")
    for i in range(2):
        scene(folder / f"scan-{i}.png", seed=20 + i)
    app = annotate()
    app.make_project("Moving", folder.name)
    app.fit(*SIZE)
    app.rectangle((100, 80), (260, 190), "Copepoda")
    app.wait_saved()
    folder.rename(folder.with_name("moved"))
    app.page.reload()
    app.page.wait_for_selector(".ika-over")
    app.wait_marks(1)
    app.page.screenshot(path=annotate_pictures / "picture-missing.png")
    app.page.locator(".ika-over").get_by_role("button", name="Find the files").click()
    dialog = app.page.get_by_role("dialog")
    dialog.locator(".ik-browser-list").get_by_role("button", name="moved").click()
    expect(dialog.locator(".ik-browser-path")).to_have_text("~/moved")
    dialog.locator("[data-act=this-folder]").click()
    expect(app.page.locator(".ika-over")).to_have_count(0)
    app.wait_open()
    app.wait_marks(1)


def test_a_real_photo(annotate: Annotate, annotators: Annotators, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    photos = sorted((shared_data("litter")).rglob("*.[jJ][pP][gG]"))
    if not photos:
        pytest.skip("shared/data/litter has no JPEG")
    folder = annotators.folder("beach-litter")
    (folder / photos[0].name).write_bytes(photos[0].read_bytes())
    height, width = cv2.imread(str(photos[0])).shape[:2]
    app = annotate()
    app.make_project("Beach litter", folder.name)
    app.fit(width, height)
    app.rectangle((0.2 * width, 0.3 * height), (0.5 * width, 0.6 * height), "bottle")
    app.wait_saved()
    found, _ = coco(app.export("coco", tmp_path))
    (bottle,) = found["bottle"]
    pixel = app.step
    assert bottle["bbox"] == pytest.approx([0.2 * width, 0.3 * height, 0.3 * width, 0.3 * height], abs=1 + pixel[0])
