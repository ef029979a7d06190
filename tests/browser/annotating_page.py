"""Driving the annotator in a real browser, by mouse and keyboard as a person does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from chromium import Watch
from playwright.sync_api import Error, Locator, Page, expect
from voila_server import Server

Point = tuple[float, float]


class Annotators:
    """A server for each person, as the hub starts them: one folder of media and one database for all."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._servers: dict[str, Server] = {}

    def server(self, person: str, **environment: str) -> Server:
        """The server of a person, started when first asked for."""
        if person not in self._servers:
            self._servers[person] = Server(self.home, spare_kernels=False, JUPYTERHUB_USER=person, **environment)
        return self._servers[person]

    def folder(self, name: str) -> Path:
        """A folder that the page can choose by its name."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        for each in self._servers.values():
            each.close()


class AnnotatePage:
    """The annotator as a person uses it.

    Parameters
    ----------
    page : Page
    address : str
    watch : Watch
    """

    def __init__(self, page: Page, address: str, watch: Watch) -> None:
        self.page, self.address, self.watch = page, address, watch
        self.surface = page.locator(".ik-canvas")
        self.place = page.locator(".ika-place")
        self._at: Point = (0.0, 0.0)
        #: What a px of the screen is in the units of the medium.
        self.step: Point = (1.0, 1.0)

    # Projects and media.

    def start(self) -> None:
        """Open the page; its first screen is there."""
        self.page.goto(self.address)
        self.page.wait_for_selector("[data-act=new-project]")

    def make_project(self, name: str, folder: str) -> None:
        """Make a project of the media in a folder, by mouse."""
        self.start()
        self.page.click("[data-act=new-project]")
        self.page.fill("[name=name]", name)
        self.page.locator(".ik-browser-list").get_by_role("button", name=re.compile(rf"^{re.escape(folder)}\b")).click()
        expect(self.page.locator(".ik-browser-path")).to_have_text(f"~/{folder}")
        self.page.click("[data-act=this-folder]")
        self.page.click("[data-act=create]")
        self.wait_open()

    def open_project(self, name: str) -> None:
        """Open a project from the list."""
        self.page.locator(".ika-project", has_text=name).click()
        self.wait_open()

    def wait_open(self) -> None:
        """The first medium is shown."""
        self.page.wait_for_selector('.ika-media [role=option][aria-selected="true"]')
        self._shown()

    def open_medium(self, name: str) -> None:
        """Open a medium of the list."""
        self.page.locator(".ika-media [role=option]", has_text=name).click()
        expect(self.page.locator(".ika-status-name")).to_contain_text(name)
        self._shown()

    def reload(self) -> None:
        """Load the page anew, as a person does who comes back; the same medium is opened again."""
        self.page.reload()
        self.wait_open()

    def _shown(self) -> None:
        expect(self.page.locator(".ika-opening")).to_have_count(0)
        expect(self.surface).to_have_attribute("aria-label", re.compile("px$"))
        self.page.wait_for_function(_DRAWN)

    # The surface.

    def calibrate(self) -> None:
        """Learn from the status line which place of the medium is where on the screen."""
        box = self.surface.bounding_box()
        assert box is not None
        corners = [(box["x"] + 60, box["y"] + box["height"] - 60), (box["x"] + box["width"] - 60, box["y"] + 60)]
        # Not everywhere is the medium: towards the middle until both are on it.
        while True:
            (first, one), (second, other) = [(each, self.read(each)) for each in corners]
            if one is not None and other is not None:
                break
            middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            corners = [((x + middle[0]) / 2, (y + middle[1]) / 2) for x, y in corners]
        self.step = ((other[0] - one[0]) / (second[0] - first[0]), (other[1] - one[1]) / (second[1] - first[1]))
        self._at = (one[0] - first[0] * self.step[0], one[1] - first[1] * self.step[1])

    def fit(self, width: int, height: int) -> None:
        """The whole picture of that size is in view: it is in the middle, as large as it can be."""
        box = self.surface.bounding_box()
        assert box is not None
        scale = min(box["width"] / width, box["height"] / height)
        left = box["x"] + (box["width"] - width * scale) / 2
        top = box["y"] + (box["height"] - height * scale) / 2
        self.step = (1 / scale, 1 / scale)
        self._at = (-left / scale, -top / scale)
        places = [(width * part, height * part) for part in (0.25, 0.75)]
        for _ in range(20):
            seen = [self.read(self.screen(place)) for place in places]
            # The picture may be still on its way there.
            if all(each == pytest.approx(place, abs=1 + 1 / scale) for each, place in zip(seen, places, strict=True) if each):
                break
        assert [each is not None for each in seen] == [True, True], seen
        for each, place in zip(seen, places, strict=True):
            assert each == pytest.approx(place, abs=1 + 1 / scale)

    def read(self, at: Point) -> Point | None:
        """What the status line says of a place on the screen; None where there is nothing of the medium."""
        self.page.mouse.move(1, 1)
        self.page.wait_for_function("() => !document.querySelector('.ika-place')?.textContent")
        self.page.mouse.move(*at)
        with suppress(Error):
            # What was read before is gone first, then the new place is there.
            self.page.wait_for_function("() => document.querySelector('.ika-place')?.textContent", timeout=3000)
        found = re.findall(r"-?\d+(?:\.\d+)?", self.place.inner_text())
        return (float(found[0]), float(found[1])) if found else None

    def screen(self, at: Point) -> Point:
        """Where a place of the medium is on the screen."""
        return (at[0] - self._at[0]) / self.step[0], (at[1] - self._at[1]) / self.step[1]

    def drag(self, *points: Point) -> None:
        """Press at the first place of the medium, go along the others, let go at the last."""
        self.page.mouse.move(*self.screen(points[0]))
        self.page.mouse.down()
        for each in points[1:]:
            self.page.mouse.move(*self.screen(each), steps=4)
        self.page.mouse.up()

    def click(self, at: Point) -> None:
        """Click on a place of the medium."""
        self.page.mouse.move(*self.screen(at))
        self.page.mouse.click(*self.screen(at))

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def name_it(self, label: str) -> None:
        """Answer the question for a label: type it, and take it."""
        picker = self.page.locator(".ika-picker")
        picker.get_by_role("combobox").fill(label)
        expect(picker.get_by_role("option").first).to_contain_text(label)
        self.press("Enter")
        expect(picker).to_have_count(0)

    def rectangle(self, one: Point, other: Point, label: str | None = None) -> None:
        """Draw a rectangle; it gets the label, where it asks for one."""
        self.press("s")
        self.drag(one, other)
        if label is not None:
            self.name_it(label)

    def polygon(self, points: Sequence[Point], label: str | None = None) -> None:
        """Draw a polygon, corner by corner."""
        self.press("g")
        for each in points:
            self.click(each)
        self.press("Enter")
        if label is not None:
            self.name_it(label)

    # What is said.

    def tab(self, name: str) -> None:
        """Open a panel at the side."""
        self.page.get_by_role("tab", name=name).click()

    def marks(self) -> list[str]:
        """The annotations in the list, in words."""
        self.tab("Marks")
        return [each.strip() for each in self.rows().evaluate_all("all => all.map(each => each.ariaLabel || each.textContent)")]

    def rows(self) -> Locator:
        """The list of annotations."""
        return self.page.locator(".ika-panel [role=option], [role=tabpanel] [role=option]")

    def wait_saved(self, timeout_s: float = 60) -> None:
        """Everything that was done is on the server."""
        self.page.wait_for_selector('.ik-app[data-saving="0"]', timeout=timeout_s * 1000)
        expect(self.page.locator(".ik-saved")).to_have_text("saved")

    def wait_marks(self, n: int) -> None:
        """So many annotations are there; the list is open."""
        self.tab("Marks")
        expect(self.page.get_by_role("tab", name="Marks")).to_have_text(f"Marks {n}", timeout=30_000)

    def export(self, name: str, folder: Path) -> Path:
        """Take the project home in a format."""
        self.page.click("[data-act=project-menu]")
        self.page.click("[data-kind=export]")
        dialog = self.page.get_by_role("dialog")
        dialog.locator("select").select_option(name)
        dialog.locator("[data-act=make]").click()
        with self.page.expect_download() as waiting:
            dialog.locator("[data-act=fetch]").click()
        target = folder / waiting.value.suggested_filename
        waiting.value.save_as(target)
        return target


#: Something is drawn: the canvas of the picture is not empty, nor the one for frames.
_DRAWN = """() => [...document.querySelectorAll(".ik-canvas-picture canvas")].some(canvas => {
    if (!canvas.width || !canvas.height || canvas.closest(".ik-canvas-minimap")) return false;
    const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, canvas.width >> 1, canvas.height >> 1, 1, 1, 0, 0, 1, 1);
    return copy.getImageData(0, 0, 1, 1).data[3] > 0;
})"""
