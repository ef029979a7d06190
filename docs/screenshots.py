"""Takes the pictures of the documentation from the running product: ``.venv/bin/python docs/screenshots.py [app] [hub]``.

It starts a hub of its own in a temporary folder, logs in as a person does, and drives the pages in Chromium: ``app`` for what a
scientist sees, ``hub`` for what an operator sees, by default both. Look at the pictures before you keep them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT), str(ROOT / "hub"), str(ROOT / "tests"), str(ROOT / "tests" / "hub"), str(ROOT / "tests" / "browser")]

import engine as engines  # noqa: E402 - found through the path above
from chromium import chromium  # noqa: E402
from gpu_machine import H100, Machine  # noqa: E402
from hub_running import Hub, small_site, start  # noqa: E402
from imagine_hub.settings import Settings  # noqa: E402
from imagine_hub.state import StateFolder  # noqa: E402
from imagine_hub.usage.ledger import Ledger  # noqa: E402
from pages import IdentifyPage  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

SIZE = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000


PASSWORD = "kelp drifts over quiet sand"  # noqa: S105 - of a hub that lives for a minute
PEOPLE = ("anna", "bruno", "carla", "dirk", "elena")
# As in the tutorial of a first hub, with a GPU.
SIZES = f"""
[groups]
plankton = ["anna", "bruno", "carla"]
gpu = ["anna", "bruno"]

[gpus]
uuids = ["{H100}"]

[[profiles]]
name = "small"
title = "Small"
words = "Look at samples, correct what was identified, write reports."
cpus = 1
memory_gb = 4

[[profiles]]
name = "large"
title = "Large"
words = "Identify whole cruises, train on frozen features."
cpus = 3
memory_gb = 12
groups = ["plankton"]

[[profiles]]
name = "gpu"
title = "GPU"
words = "Fine-tune models and identify video."
cpus = 4
memory_gb = 24
gpus = 1
groups = ["gpu"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="app|hub", default=["app", "hub"])
    parts = parser.parse_args().parts
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, chromium(playwright) as browser:
        if "app" in parts:
            of_the_app(Path(folder) / "app", browser)
        if "hub" in parts:
            of_the_hub(Path(folder) / "hub", browser)
    return 0


def of_the_app(folder: Path, browser: Browser) -> None:
    state = StateFolder(folder / "state")
    # The model of the first start is made before, so that no picture is of waiting.
    prepare(state)
    with start(state.path) as hub:
        page = page_of(browser)
        log_in(page, hub.address, hub.user, hub.password)
        take(page, "home")
        identify(page)
        take(page, "identify")
        report(page)
        take(page, "report")


def of_the_hub(folder: Path, browser: Browser) -> None:
    """Sizes, people and use, on a hub with containers; of a container itself there is nothing to be seen."""
    folder.mkdir()
    Machine(folder / "programs")
    (folder / "settings.toml").write_text(SIZES, encoding="utf-8")
    write_use(folder / "state")
    settings = small_site(folder) | {
        "PATH": f"{folder}/programs:{os.environ['PATH']}",
        "IMAGINE_HUB_SITE_TITLE": "Plankton lab",
        "IMAGINE_HUB_LOGIN_AUTHENTICATOR": "native",
        "IMAGINE_HUB_LOGIN_ADMINS": "anna",
        "IMAGINE_HUB_LOGIN_USERS": "",
    }
    with (
        engines.running() as engine,
        start(folder / "state", settings=settings | engine.settings(), file=folder / "settings.toml") as hub,
    ):
        code = re.search(r"code +(\S+)", "".join(hub.printed))
        assert code is not None
        for person in PEOPLE:
            sign_up(browser, hub, person, code[1] if person == "anna" else "")
        page = page_of(browser)
        log_in(page, hub.address, "anna", PASSWORD)
        page.goto(f"{hub.address}/hub/people")
        page.get_by_text("bruno").first.wait_for()
        take(page, "people")
        page.goto(f"{hub.address}/hub/spawn")
        page.get_by_text("Fine-tune models").wait_for()
        take(page, "sizes")
        page.goto(f"{hub.address}/services/usage/")
        page.locator("svg").first.wait_for()
        page.locator("svg").first.scroll_into_view_if_needed()
        page.get_by_role("heading", name="People by country").evaluate("each => each.scrollIntoView()")
        take(page, "usage")


def sign_up(browser: Browser, hub: Hub, person: str, code: str) -> None:
    page = page_of(browser)
    page.goto(f"{hub.address}/hub/signup")
    page.fill("[name=username]", person)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    if code:
        page.get_by_text("I am the administrator").click()
        page.fill("[name=code]", code)
    page.locator("form [type=submit]").click()
    page.wait_for_load_state()
    page.context.close()


def write_use(state: Path) -> None:
    """Half a year of work of eight people, by chance that is the same each time."""
    chance = random.Random(1)
    ledger = Ledger.of(Settings().replace("state", folder=str(state)))
    today = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    for days in range(180, 1, -1):
        begin = today - timedelta(days=days)
        for number in range(8):
            if begin.weekday() < 5 and chance.random() < 0.3 + 0.3 * (180 - days) / 180:
                at, hours = begin.timestamp() + chance.uniform(0, 7200), chance.uniform(1, 6)
                user, cpus, gpus = f"person-{number}", chance.choice([1, 1, 3]), int(chance.random() < 0.2)
                ledger.started(
                    user, profile="gpu" if gpus else "small", cpus=cpus, gpus=gpus, country=["IT", "ES", "FR"][number % 3], at=at
                )
                ledger.stopped(user, at=at + hours * 3600)
    ledger.close()


def page_of(browser: Browser) -> Page:
    page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def prepare(state: StateFolder) -> None:
    import imagine_kernels as ik
    from imagine_kernels.models.store import find_model

    plankton = ik.use_case("zooscan")
    sample = plankton.bundled_sample()
    shutil.copytree(sample, state.samples / sample.name)
    starter = find_model("zooscan", missing_ok=True)
    if starter is None:
        plankton.train(plankton.open(sample), epochs=0, out=state.models / "zooscan-starter")
    else:
        shutil.copytree(starter.path, state.models / "zooscan-starter")


def log_in(page: Page, address: str, user: str, password: str) -> None:
    page.goto(address)
    page.fill("#username_input", user)
    page.fill("#password_input", password)
    page.click("#login_submit")
    page.wait_for_selector(".hub-card")


def identify(page: Page) -> None:
    page.get_by_role("link", name="Identify").first.click()
    app = IdentifyPage(page)
    app.wait_start(timeout_s=PATIENCE_MS / 1000)
    app.open_sample()
    app.wait_grid(timeout_s=PATIENCE_MS / 1000)
    app.wait_quantities()
    page.wait_for_timeout(2000)


def report(page: Page) -> None:
    page.goto(page.url.split("?")[0].replace("identify.ipynb", "report.ipynb"))
    page.get_by_text("Versions, hashes and parameters").wait_for()
    page.get_by_role("heading", name="Abundance and biovolume").scroll_into_view_if_needed()
    page.evaluate("document.querySelectorAll('h2')[1].scrollIntoView()")
    page.evaluate("window.scrollBy(0, -90)")
    page.wait_for_timeout(500)


def take(page: Page, name: str) -> None:
    target = IMAGES / f"{name}.png"
    page.screenshot(path=target)
    # A palette keeps the pictures small; the pages have few colours.
    from PIL import Image

    Image.open(target).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        target, optimize=True
    )
    sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    sys.exit(main())
