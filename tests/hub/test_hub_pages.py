"""A real hub in a real browser: log in, look at the home page, open an app, stop the server."""

from __future__ import annotations

import json
import re

import pytest
from chromium import Watch
from hub_running import Hub
from imagine_hub.state import StateFolder, write_private
from playwright.sync_api import Page, expect


def test_a_wrong_password_is_said_in_a_sentence(page: Page, hub: Hub, watch: Watch) -> None:
    watch.expect(403)
    page.goto(hub.address)
    page.fill("#username_input", "scientist")
    page.fill("#password_input", "not-the-password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("User name or password is not right")
    # The name is kept, and the cursor is where the mistake was.
    expect(page.locator("#username_input")).to_have_value("scientist")
    expect(page.locator("#password_input")).to_be_focused()
    assert "not-the-password" not in page.url


def test_the_password_can_be_shown(page: Page, hub: Hub) -> None:
    page.goto(hub.address)
    page.fill("#password_input", "something")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#password_input")).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide").click()
    expect(page.locator("#password_input")).to_have_attribute("type", "password")


def test_the_home_page_shows_a_card_per_use_case(logged_in: Page) -> None:
    card = logged_in.locator("#card-zooscan")
    expect(card.get_by_role("heading")).to_have_text("Zooplankton from ZooScan")
    expect(card).to_contain_text("zooscan-starter")
    expect(card).to_contain_text("0.87 (95 % interval 0.81–0.92, n = 64)")
    assert card.get_by_role("link").all_inner_texts() == ["Identify", "Notebook", "Report"]
    assert logged_in.evaluate("document.querySelector('#card-zooscan img').naturalWidth") > 0


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (820, 1180), (390, 844)])
def test_the_home_page_fits_the_screen(logged_in: Page, width: int, height: int) -> None:
    logged_in.set_viewport_size({"width": width, "height": height})
    assert logged_in.evaluate("document.documentElement.scrollWidth") <= width
    expect(logged_in.get_by_role("link", name="Identify:")).to_be_in_viewport()


def test_light_and_dark_follow_the_system_and_can_be_chosen(logged_in: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    logged_in.emulate_media(color_scheme="light")
    light = logged_in.evaluate(background)
    logged_in.emulate_media(color_scheme="dark")
    dark = logged_in.evaluate(background)
    assert light != dark
    logged_in.reload()
    logged_in.get_by_role("button", name="Light or dark").click()
    assert logged_in.evaluate(background) == light
    logged_in.reload()
    assert logged_in.evaluate(background) == light


def test_everything_can_be_reached_with_the_keyboard(logged_in: Page) -> None:
    reached = []
    for _ in range(14):
        logged_in.keyboard.press("Tab")
        reached.append(
            logged_in.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText")
        )
    for words in ("To the content", "Home", "All files", "Light or dark", "Log out", "Identify: Zooplankton from ZooScan"):
        assert words in reached
    # What has the focus can be seen.
    logged_in.get_by_role("link", name="Identify:").focus()
    logged_in.keyboard.press("Shift+Tab")
    logged_in.keyboard.press("Tab")
    assert logged_in.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_from_the_card_to_the_app_and_back(logged_in: Page, hub: Hub, watch: Watch) -> None:
    logged_in.goto(f"{hub.address}/hub/home")
    stop = logged_in.get_by_role("button", name="Stop server")
    if stop.is_visible():
        # Another test has left it running; this one looks at the start.
        stop.click()
        expect(logged_in.get_by_text("Your server is not running")).to_be_visible(timeout=30_000)
    logged_in.get_by_role("link", name="Identify:").click()
    expect(logged_in.get_by_role("heading", name="Your server is starting")).to_be_visible()
    # The progress comes while the server starts, not all at once at the end.
    expect(logged_in.locator("#progress")).to_have_attribute("aria-valuenow", re.compile(r"[1-8]\d"))
    logged_in.wait_for_url("**/user/scientist/voila/render/zooscan/identify.ipynb", timeout=60_000)
    measure = logged_in.get_by_role("button", name="Measure")
    expect(measure).to_be_visible(timeout=60_000)
    assert "import anywidget" not in logged_in.content()
    measure.click()
    expect(logged_in.get_by_text("measured 42")).to_be_visible()
    assert "token=" not in logged_in.url

    logged_in.goto(f"{hub.address}/hub/home")
    expect(logged_in.get_by_text("Your server is running")).to_be_visible()
    logged_in.get_by_role("button", name="Stop server").click()
    expect(logged_in.get_by_text("Your server is not running")).to_be_visible(timeout=30_000)


def test_the_notebook_opens_in_jupyterlab(logged_in: Page, watch: Watch) -> None:
    logged_in.get_by_role("link", name="Notebook:").click()
    logged_in.wait_for_url("**/user/scientist/lab/**", timeout=60_000)
    expect(logged_in.get_by_role("tab", name="explore-and-train.ipynb")).to_be_visible(timeout=60_000)
    # No question about news from the internet.
    expect(logged_in.get_by_text("Would you like to get notified")).to_have_count(0)


def test_the_report_is_shown_as_a_page(logged_in: Page) -> None:
    logged_in.get_by_role("link", name="Report:").click()
    expect(logged_in.get_by_text("six times seven is 42")).to_be_visible(timeout=60_000)
    expect(logged_in.get_by_role("heading", name="What was measured")).to_be_visible()
    expect(logged_in.get_by_role("status")).to_have_text("Your report is complete.")
    assert "from IPython" not in logged_in.content()


def test_a_report_that_fails_says_what_to_do(logged_in: Page, hub: Hub) -> None:
    logged_in.get_by_role("link", name="Report:").click()
    expect(logged_in.get_by_role("status")).to_have_text("Your report is complete.", timeout=60_000)
    report = hub.state / "homes" / "scientist" / "zooscan" / "report.ipynb"
    whole = report.read_text(encoding="utf-8")
    report.chmod(0o600)
    report.write_text(whole.replace("6 * 7", "6 / 0"), encoding="utf-8")
    logged_in.reload()
    expect(logged_in.get_by_role("status")).to_have_text("Your report could not be completed.", timeout=60_000)
    expect(logged_in.get_by_role("alert")).to_contain_text("Identify a sample first")
    assert "ZeroDivisionError" not in logged_in.content()
    link = logged_in.get_by_role("link", name="this notebook")
    expect(link).to_have_attribute("href", "/user/scientist/lab/tree/zooscan/report.ipynb")
    report.write_text(whole, encoding="utf-8")
    report.chmod(0o400)


def test_a_start_that_fails_is_said(page: Page, hub: Hub, watch: Watch) -> None:
    watch.expect(400)
    (hub.state / "homes" / "colleague").write_text("in the way", encoding="utf-8")
    page.goto(hub.address)
    page.fill("#username_input", "colleague")
    page.fill("#password_input", hub.password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Identify:").click()
    expect(page.get_by_text("Your folder cannot be prepared (File exists)")).to_be_visible(timeout=30_000)
    # Once the cause is gone, home leads on.
    (hub.state / "homes" / "colleague").unlink()
    page.get_by_role("link", name="Back to the home page").click()
    page.get_by_role("link", name="Notebook:").click()
    page.wait_for_url("**/user/colleague/lab/**", timeout=60_000)


def test_pages_of_jupyterhub_are_in_our_frame(logged_in: Page, hub: Hub) -> None:
    logged_in.goto(f"{hub.address}/hub/token")
    expect(logged_in.locator(".hub-brand")).to_be_visible()
    expect(logged_in.get_by_role("button", name="Request new API token")).to_be_visible()


def test_an_unknown_address_is_said_and_leads_home(logged_in: Page, hub: Hub, watch: Watch) -> None:
    watch.expect(404)
    logged_in.goto(f"{hub.address}/hub/nothing-here")
    expect(logged_in.get_by_role("heading")).to_have_text("There is nothing here")
    logged_in.get_by_role("link", name="Back to the home page").click()
    expect(logged_in.locator("#card-zooscan")).to_be_visible()


def test_no_use_case_and_a_broken_listing_are_said(logged_in: Page, hub: Hub) -> None:
    path = StateFolder(hub.state).listing
    before = path.read_text(encoding="utf-8")
    try:
        write_private(path, json.dumps({"use_cases": [], "style": json.loads(before)["style"]}))
        logged_in.reload()
        expect(logged_in.get_by_role("heading", name="No use case yet")).to_be_visible()
        write_private(path, "{ broken")
        logged_in.reload()
        expect(logged_in.get_by_role("status")).to_contain_text("The list of use cases cannot be read (")
        expect(logged_in.get_by_text("All files (JupyterLab)")).to_be_visible()
    finally:
        write_private(path, before)
    logged_in.reload()
    expect(logged_in.locator("#card-zooscan")).to_be_visible()


def test_logging_out_ends_the_session(logged_in: Page, hub: Hub) -> None:
    logged_in.get_by_role("link", name="Log out").click()
    logged_in.wait_for_url("**/hub/login*")
    logged_in.goto(f"{hub.address}/hub/home")
    expect(logged_in.get_by_role("heading", name="Log in")).to_be_visible()
