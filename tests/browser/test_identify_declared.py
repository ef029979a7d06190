"""What the use cases declare and the identify app shows: proposals for removal, marks behind a taxon, how far a count is; and a long run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from chromium import Watch
from flowcam_runs import particles, write_run
from playwright.sync_api import Browser, Page, expect
from saved_sessions import open_session, save_session
from voila_server import Server

Opened = Callable[..., tuple[Page, Watch]]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without models: everything was identified before."""
    return tmp_path_factory.mktemp("declared-home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    running = Server(home, spare_kernels=False)
    yield running
    running.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1500, "height": 900})
    made = context.new_page()
    made.set_default_timeout(60_000)
    watch = Watch(made, server.origin)
    yield made
    context.close()
    watch.assert_clean()


def test_what_rules_propose_to_remove_goes_with_one_click(page: Page, server: Server, home: Path, pictures: Path) -> None:
    rows = particles(10, esd_diameter=[4.5, 4.5, 2.0, 2.0, 2.0, *[4.5] * 5], src_image=[1, 2, *range(20, 100, 10)])
    run = write_run(home / "few", rows)
    app = open_session(page, server, "flowcam", save_session(home, "flowcam", run, ["Tripos"] * 4 + ["Detritus"] * 6))
    app.wait_quantities()
    panel = page.get_by_role("region", name="Proposed for removal")
    expect(panel.locator(".ik-proposal")).to_have_text(
        [re.compile("^Size3The ESD lies outside"), re.compile("^Duplicate1The same particle")]
    )
    page.screenshot(path=pictures / "proposals.png")
    app.press("p")
    heads = page.locator(".ik-group-name")
    expect(heads).to_have_text(["Proposed for removal: size", "Proposed for removal: duplicate"])
    expect(page.locator(".ik-vignette")).to_have_count(4)
    page.screenshot(path=pictures / "proposals-shown.png")

    # One that is right is validated: it is not proposed any more, whatever is done with the others.
    panel.locator("[data-rule=size]").click()
    expect(heads).to_have_text(["Proposed for removal: size"])
    page.locator(".ik-vignette").first.click()
    expect(page.locator(".ik-vignette[aria-selected=true]")).to_have_count(1)
    (kept,) = app.selected()
    app.press("v")
    expect(panel.locator("[data-rule=size]")).to_contain_text("2")
    panel.get_by_role("button", name="Discard all 2: Size").click()
    expect(page.locator("[data-live]")).to_have_text("2 particles discarded")
    app.wait_saved()
    app.wait_quantities(2)
    assert sum(app.counts().values()) == 8
    runs = page.locator(".ik-panel table").filter(has_text="Concentration").first
    expect(runs).to_contain_text("all cells")
    expect(panel.locator("[data-rule=size]")).to_have_count(0)
    expect(heads).to_have_text(["Proposed for removal: duplicate"])

    # One step back brings both, and what was kept stays kept.
    page.keyboard.press("Control+z")
    app.wait_saved()
    assert sum(app.counts().values()) == 10
    expect(panel.locator("[data-rule=size]")).to_contain_text("2")
    app.grid.focus()
    app.press("p")
    assert app.taxon_of(kept)[1] == "validated"

    # By key only what is seen goes.
    app.grid.focus()
    app.press("Shift+X")
    expect(page.locator("[data-live]")).to_have_text("Look at what is proposed for removal first: press P")
    app.press("p", "Shift+X")
    expect(page.locator("[data-live]")).to_have_text("3 particles discarded")
    expect(panel).to_contain_text("Nothing is left to decide.")
    expect(page.get_by_label("Group by")).to_have_value("taxon")
    app.wait_saved()
    page.reload()
    app.wait_grid()
    assert sum(app.counts().values()) == 7
    expect(panel).to_contain_text("Nothing is left to decide.")
    app.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("discard all that is proposed for removal and shown")


def test_names_of_a_label_set_that_comes_along_are_found_by_name_and_by_number(
    page: Page, server: Server, home: Path, pictures: Path
) -> None:
    run = write_run(home / "named", particles(6, esd_diameter=[4.5] * 6, src_image=[*range(20, 80, 10)]))
    app = open_session(page, server, "flowcam", save_session(home, "flowcam", run, ["Tripos"] * 6))
    app.wait_quantities()
    app.grid.focus()
    app.press("Home", "m")
    chooser = page.get_by_role("dialog", name=re.compile("Move 1 particle"))
    box, options = chooser.get_by_role("combobox"), chooser.get_by_role("option")
    # Nothing of the set before something is typed.
    expect(options).to_have_count(1)
    box.fill("148948")
    expect(options).to_have_text([re.compile("Actinoptychus senarius.*AphiaID 148948"), re.compile("Add “148948”")])
    box.fill("actinoptychus sen")
    expect(options.first).to_contain_text("Actinoptychus senarius")
    page.screenshot(path=pictures / "label-set.png")
    app.press("Enter")
    app.wait_saved()
    assert app.counts() == {"Tripos": 5, "Actinoptychus senarius": 1}


def test_valves_are_counted_until_it_is_enough_and_marked_on_the_way(
    page: Page, server: Server, home: Path, pictures: Path
) -> None:
    folder = home / "slide"
    folder.mkdir()
    for i in range(12):
        picture = np.full((90, 140), 190, dtype=np.uint8)
        cv2.ellipse(picture, (70, 45), (50 - i, 12 + i), 10.0 * i, 0, 360, 80, -1)
        cv2.imwrite(str(folder / f"v{i:02d}.png"), picture)
    labels = ["Navicula cari"] * 6 + ["Nitzschia palea"] * 4 + ["Cymbella"] * 2
    session = save_session(home, "diatoms", folder, labels, target_count=12, um_per_px=0.1, pictures="crops")
    app = open_session(page, server, "diatoms", session)
    app.wait_quantities()
    count = page.get_by_role("region", name="Count", exact=True)
    expect(count.locator(".ik-whole")).to_have_text("12 of 12 valves")
    expect(count.locator("[data-count-sentence]")).to_have_text("Enough: 12 valves are counted, 12 are wanted.")
    expect(count.get_by_role("img", name=re.compile("^Accumulation curve: taxa against valves named"))).to_be_visible()

    # A fragment is not counted, a girdle view is; each is of its taxon still.
    page.locator(".ik-vignette").first.click()
    expect(page.locator(".ik-vignette[aria-selected=true]")).to_have_count(1)
    (broken,) = app.selected()
    app.press("b")
    expect(page.locator("[data-live]")).to_have_text("1 valve marked as fragment")
    app.wait_saved()
    assert app.taxon_of(broken) == ("Navicula cari (fragment)", "validated")
    app.grid.focus()
    app.press("Home")
    app.select_next(2)
    page.get_by_role("button", name="Girdle view").click()
    app.wait_saved()
    app.wait_quantities(2)
    expect(count.locator("[data-count-sentence]")).to_have_text("1 more: 11 of the 12 valves that are wanted are counted.")
    rows = count.locator(".ik-count-parts tr")
    expect(rows.filter(has_text="Fragments")).to_have_text(re.compile(r"\(not counted\)1$"))
    expect(rows.filter(has_text="Girdle views")).to_contain_text("2")
    expect(rows.filter(has_text="Checked by a person")).to_contain_text("2")
    page.screenshot(path=pictures / "counting.png")

    # The same key takes the mark off again.
    app.press("/")
    page.locator("[data-search]").fill(broken)
    app.press("Enter", "Home", "b")
    expect(page.locator("[data-live]")).to_have_text("1 valve no longer marked as fragment")
    app.wait_saved()
    app.wait_quantities(3)
    expect(count.locator(".ik-whole")).to_have_text("12 of 12 valves")
    app.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("mark as girdle view; once more: no longer")


def test_a_run_of_20_000_particles_opens_and_scrolls(page: Page, server: Server, home: Path) -> None:
    n = 20_000
    rows = particles(10)
    many = [{**rows[i % 10], "id": i + 1, "src_image": 33 + 5 * i, "image_id": f"{i:08X}-0000"} for i in range(n)]
    run = write_run(home / "long", many)
    labels = np.array(["Tripos", "Detritus", "Chaetoceros"], dtype=object)[np.arange(n) % 3].tolist()
    app = open_session(page, server, "flowcam", save_session(home, "flowcam", run, labels))
    assert app.counts() == {"Tripos": 6667, "Detritus": 6667, "Chaetoceros": 6666}
    seen = page.locator(".ik-vignette")
    assert 0 < seen.count() < 250
    for share in (0.5, 0.99, 0.2):
        app.grid.evaluate("(grid, share) => { grid.scrollTop = share * grid.scrollHeight; }", share)
        page.wait_for_function(
            "!document.querySelector('.ik-vignette .ik-waiting') && document.querySelector('.ik-vignette img')"
        )
        assert 0 < seen.count() < 250
    app.grid.focus()
    app.press("End", "Control+a", "x")
    expect(page.locator("[data-live]")).to_have_text(re.compile(r"^6\u202f66[67] particles discarded$"))
    app.wait_saved()
    assert sum(app.counts().values()) in (13_333, 13_334)
