"""Dividing objects of a whole scan in a real browser: the proposed cut, a line by mouse, a line by keyboard, undo, reload."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from chromium import Watch
from pages import IdentifyPage
from playwright.sync_api import Page, expect
from voila_server import Server

from imagine_kernels.samples.zooscan_scan import make_scan

Opened = Callable[..., tuple[Page, Watch]]

pytestmark = pytest.mark.timeout(600)


def test_what_is_likely_several_is_divided_by_mouse_and_by_keyboard(
    open_page: Opened, server: Server, home: Path, pictures: Path
) -> None:
    make_scan(home / "scans", 41, width=2000, height=1500, n=10, touching=5)
    page, _ = open_page()
    page.goto(server.address())
    app = IdentifyPage(page)
    app.wait_start()
    page.click("[data-act=browse]")
    page.get_by_role("button", name="scans").click()
    page.click("[data-act=this-folder]")
    app.wait_grid()
    app.wait_quantities()
    n = sum(app.counts().values())
    likely = int(page.locator("[data-act=multiples] .ik-number").inner_text())
    assert likely >= 4

    # By keyboard: only what is likely several, the first one large, with its cut.
    page.locator(".ik-vignettes").focus()
    app.press("Shift+C")
    expect(page.locator(".ik-vignette")).to_have_count(likely)
    expect(page.locator(".ik-several")).to_have_count(likely)
    page.screenshot(path=pictures / "multiples-grid.png")
    app.press("Home")
    first = app.focused()
    app.press("c")
    window = page.get_by_role("dialog", name=f"Divide {first}")
    expect(window.locator("svg image")).to_be_attached()
    expect(window.locator(".ik-cut").first).to_be_visible()
    page.screenshot(path=pictures / "multiples-cut.png")
    app.press("Enter")
    # The next one comes up by itself.
    expect(page.get_by_role("dialog", name=re.compile("^Divide "))).not_to_have_attribute(
        "aria-label", f"Divide {first}", timeout=60_000
    )
    app.wait_saved()
    app.press("Escape")
    parts = sum(app.counts().values()) - n + 1
    assert parts >= 2
    app.wait_quantities(1)

    # By mouse: the proposed lines go, and one is drawn right across.
    app.press("Shift+C")
    page.locator(".ik-vignettes").focus()
    app.press("Home", "c")
    window = page.get_by_role("dialog", name=re.compile("^Divide "))
    second = (window.get_attribute("aria-label") or "").removeprefix("Divide ")
    expect(window.locator("svg image")).to_be_attached()
    while window.locator(".ik-cut").count():
        app.press("Backspace")
    app.press("Enter")
    expect(window.get_by_role("alert")).to_contain_text("Draw a line right through the vignette first")
    box = window.locator("svg image").bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + 4)
    page.mouse.down()
    for k in range(1, 11):
        page.mouse.move(x, box["y"] + 4 + k * (box["height"] - 8) / 10)
    page.mouse.up()
    expect(window.locator(".ik-cut")).to_have_count(1)
    page.screenshot(path=pictures / "multiples-drawn.png")
    window.locator("[data-act=divide]").click()
    expect(page.get_by_role("dialog", name=f"Divide {second}")).to_have_count(0, timeout=60_000)
    app.wait_saved()
    if page.get_by_role("dialog").count():
        app.press("Escape")
    after = sum(app.counts().values())
    assert after > n - 2 + parts

    # Undo brings the whole one back, redo takes it away; all of it is there after a reload.
    app.press("Control+z")
    app.wait_saved()
    assert sum(app.counts().values()) == n - 1 + parts
    app.press("Control+Shift+Z")
    app.wait_saved()
    assert sum(app.counts().values()) == after
    app.wait_quantities(4)
    page.reload()
    app.wait_grid()
    assert sum(app.counts().values()) == after
    assert app.taxon_of(f"{first}_1")[0]

    # A line by keyboard alone: from above the middle to below it.
    page.locator(".ik-vignettes").focus()
    app.press("Shift+C")
    page.locator(".ik-vignettes").focus()
    app.press("Home", "c")
    window = page.get_by_role("dialog", name=re.compile("^Divide "))
    expect(window.locator("svg image")).to_be_attached()
    count = window.locator(".ik-cut").count()
    app.press(*["Shift+ArrowUp"] * 40, "Space", *["Shift+ArrowDown"] * 80)
    page.screenshot(path=pictures / "multiples-keyboard.png")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 820, "height": 1180})
    page.screenshot(path=pictures / "multiples-tablet-dark.png")
    app.press("Space")
    expect(window.locator(".ik-cut")).to_have_count(count + 1)
    app.press("Enter")
    app.wait_saved()
    if page.get_by_role("dialog").count():
        app.press("Escape")
    assert sum(app.counts().values()) > after
    app.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("divide this one")
