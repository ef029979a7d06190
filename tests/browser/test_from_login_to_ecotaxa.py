"""The whole way of a newcomer: log in, open the app from the home page, identify, correct, reload, take the EcoTaxa file home."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Watch
from pages import IdentifyPage
from PIL import Image
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "hub"))

from hub_running import Hub, start  # noqa: E402 - found through the path above

OUTPUT = ROOT / "tests" / "output" / "newcomer"


@pytest.fixture(scope="module")
def real_hub(tmp_path_factory: pytest.TempPathFactory, starter_model: Callable[[str], Any]) -> Iterator[Hub]:
    """A hub as `make run` starts it, with the installed notebooks and the starter model."""
    state = tmp_path_factory.mktemp("hub") / "state"
    shutil.copytree(starter_model("zooscan").path, state / "models" / "zooscan-starter")
    with start(state) as hub:
        yield hub


def test_from_the_login_to_the_ecotaxa_file(real_hub: Hub, browser: Browser, tmp_path: Path) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    watch = Watch(page, real_hub.address)

    page.goto(real_hub.address)
    page.screenshot(path=OUTPUT / "1-login.png")
    page.fill("#username_input", real_hub.user)
    page.fill("#password_input", real_hub.password)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    card = page.locator("#card-zooscan")
    expect(card).to_contain_text(re.compile(r"Balanced accuracy .* 0\.[0-9]+|Balanced accuracy .*%", re.DOTALL))
    page.screenshot(path=OUTPUT / "2-home.png")

    card.get_by_role("link", name=re.compile("Identify")).click()
    app = IdentifyPage(page)
    app.wait_start(timeout_s=120)
    page.screenshot(path=OUTPUT / "3-start.png")
    app.open_sample()
    app.wait_grid()
    app.wait_quantities()
    page.screenshot(path=OUTPUT / "4-identified.png")
    before = app.counts()
    source, target = list(before)[:2]

    app.grid.press("Home")
    app.select_next(3)
    moved = app.selected()
    assert len(moved) == 3
    app.move_to(target)
    app.wait_saved()
    after = app.counts()
    assert (after[source], after[target]) == (before[source] - 3, before[target] + 3)

    page.reload()
    app.wait_grid()
    assert app.counts() == after
    for name in moved:
        assert app.taxon_of(name)[0] == target
    page.screenshot(path=OUTPUT / "5-reloaded.png")

    written = app.download("ecotaxa", tmp_path)
    with zipfile.ZipFile(written) as archive:
        (table,) = [name for name in archive.namelist() if name.endswith(".tsv")]
        rows = list(csv.DictReader(io.StringIO(archive.read(table).decode("utf-8-sig")), delimiter="\t"))
        types, rows = rows[0], rows[1:]
        assert set(types.values()) == {"[t]", "[f]"}
        assert len(rows) == sum(after.values())
        found = {row["object_id"]: row for row in rows}
        for name in moved:
            assert found[name]["object_annotation_category"] == target
            assert found[name]["object_annotation_status"] == "validated"
            assert Image.open(io.BytesIO(archive.read(found[name]["img_file_name"]))).size[0] > 1
        assert sum(row["object_annotation_status"] == "validated" for row in rows) == 3
    context.close()
    watch.assert_clean()
