"""Driving the identify app in a real browser: for the tests here and for those that come through the hub."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

SIZES = {"laptop": (1280, 800), "tablet": (820, 1180)}


class IdentifyPage:
    """The identify app as a person uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.grid = page.get_by_role("grid")

    def wait_start(self, timeout_s: float = 60) -> None:
        """The first content: a sample can be chosen."""
        self.page.wait_for_selector("[data-act=sample]", timeout=timeout_s * 1000)

    def open_sample(self) -> None:
        """Choose the bundled sample by mouse."""
        self.page.click("[data-act=sample]")

    def wait_grid(self, timeout_s: float = 240) -> None:
        """Vignettes with their pictures are there."""
        self.page.wait_for_selector(".ik-vignette .ik-picture img", timeout=timeout_s * 1000)

    def wait_quantities(self, sequence: int | None = None, timeout_s: float = 60) -> None:
        """The quantities are there, and hold everything up to that correction."""
        wanted = "" if sequence is None else f'[data-sequence="{sequence}"]'
        self.page.wait_for_selector(f".ik-panel[aria-busy=false]{wanted}", state="attached", timeout=timeout_s * 1000)
        self.page.wait_for_selector(".ik-panel:not([data-sequence='-1'])", state="attached", timeout=timeout_s * 1000)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self) -> str:
        """The name of the object that the keyboard is on."""
        label = self.page.locator(".ik-vignette.ik-focused").get_attribute("aria-label") or ""
        return label.rsplit(", ", 1)[1]

    def select_next(self, n: int) -> None:
        """Select the one in focus and those after it by keyboard."""
        self.press("Space", *["Shift+ArrowRight"] * (n - 1))
        expect(self.page.locator("[data-live]")).to_have_text(re.compile(rf"^{n} \w+s? selected"))
        # The grid is drawn a frame later than this is said.
        expect(self.page.locator(".ik-vignette[aria-selected=true]")).to_have_count(n)

    def selected(self) -> list[str]:
        """The names of the selected objects in the window."""
        labels = self.page.locator(".ik-vignette[aria-selected=true]").evaluate_all("all => all.map(each => each.ariaLabel)")
        return [label.rsplit(", ", 1)[1] for label in labels]

    def move_to(self, taxon: str) -> None:
        """Move the selected ones by keyboard: open the chooser, type, confirm."""
        self.press("Enter")
        self.page.get_by_role("combobox", name=re.compile("type to search")).fill(taxon)
        self.press("Enter")

    def wait_saved(self) -> None:
        """Everything is on the disk."""
        self.page.wait_for_selector('.ik-app[data-saving="0"]')
        expect(self.page.locator(".ik-saved")).to_have_text("All saved")

    def counts(self) -> dict[str, int]:
        """Objects per taxon, as the list at the side says."""
        rows = self.page.locator(".ik-taxa button").evaluate_all(
            "all => all.map(b => [b.children[1].textContent, Number(b.children[2].textContent)])"
        )
        return {name: int(n) for name, n in rows}

    def taxon_of(self, name: str) -> tuple[str, str]:
        """Taxon and status of one object, found by searching for its name."""
        self.press("/")
        search = self.page.locator("[data-search]")
        search.fill(name)
        cell = self.page.locator(f'.ik-vignette[aria-label$=", {name}"]')
        expect(cell).to_have_count(1)
        label = cell.get_attribute("aria-label") or ""
        search.fill("")
        self.press("Enter")
        parts = label.split(", ")
        return parts[0], parts[-2]

    def download(self, kind: str, folder: Path, timeout_s: float = 180) -> Path:
        """Take a file home: ``"ecotaxa"``, ``"tables"`` or ``"report"``."""
        with self.page.expect_download(timeout=timeout_s * 1000) as waiting:
            self.page.click("[data-act=downloads]")
            self.page.click(f"[data-kind={kind}]")
        target = folder / waiting.value.suggested_filename
        waiting.value.save_as(target)
        return target
