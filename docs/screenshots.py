"""Takes the pictures of the documentation from the running product.

    .venv/bin/python docs/screenshots.py [app] [identify] [annotate] [desktop] [hub]

It starts a hub of its own in a temporary folder, logs in as a person does, and drives the pages in Chromium: ``app`` for what a
scientist sees, ``identify`` for single windows of the identify app, ``annotate`` for the annotator, ``desktop`` for napari in the
browser, ``hub`` for what an operator sees, by default all. Look at the pictures before you keep them.
"""

from __future__ import annotations

import argparse
import json
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
from annotating_media import VIDEO_SIZE, dive, recording, scan_of  # noqa: E402
from annotating_page import AnnotatePage, Annotators  # noqa: E402
from chromium import Watch, chromium  # noqa: E402
from gpu_machine import H100, Machine  # noqa: E402
from hub_running import Hub, small_site, start  # noqa: E402
from imagine_hub.settings import Settings  # noqa: E402
from imagine_hub.state import StateFolder  # noqa: E402
from imagine_hub.usage.ledger import Ledger  # noqa: E402
from pages import IdentifyPage  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402
from voila_server import Server  # noqa: E402

SIZE = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000


PARTS = ("app", "identify", "annotate", "desktop", "hub")
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
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), default=PARTS)
    parts = parser.parse_args().parts
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, chromium(playwright) as browser:
        if "app" in parts:
            of_the_app(Path(folder) / "app", browser)
        if "identify" in parts:
            of_identify(Path(folder) / "identify", browser)
        if "annotate" in parts:
            of_the_annotator(Path(folder) / "annotate", browser)
        if "desktop" in parts:
            of_the_desktop(Path(folder) / "desktop", browser)
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


def of_identify(folder: Path, browser: Browser) -> None:
    """A cut through two organisms that touch, and a count of valves that goes on."""
    import imagine_kernels as ik
    from imagine_kernels.samples.zooscan_scan import make_scan

    make_scan(folder / "scans", 41, width=2000, height=1500, n=10, touching=5)
    for name in ("zooscan", "diatoms"):
        ik.use_case(name).train_starter(folder / "models" / f"{name}-starter")
    shutil.copytree(ik.use_case("diatoms").bundled_sample(), folder / "samples" / "diatoms-sample")
    server = Server(folder, spare_kernels=False)
    try:
        page, app = identify_page(browser, server, "zooscan")
        page.click("[data-act=browse]")
        page.get_by_role("button", name="scans").click()
        page.click("[data-act=this-folder]")
        app.wait_grid()
        app.wait_quantities()
        page.locator(".ik-vignettes").focus()
        app.press("Shift+C", "Home", "c")
        page.locator(".ik-cut").first.wait_for()
        take(page, "identify-divide")
        page.context.close()
        page, app = identify_page(browser, server, "diatoms")
        app.open_sample()
        app.wait_grid()
        app.wait_quantities()
        page.wait_for_timeout(2000)
        take(page, "identify-count")
        page.context.close()
    finally:
        server.close()


def identify_page(browser: Browser, server: Server, name: str) -> tuple[Page, IdentifyPage]:
    page = page_of(browser)
    page.goto(server.address(f"{name}/identify.ipynb"))
    app = IdentifyPage(page)
    app.wait_start(timeout_s=PATIENCE_MS / 1000)
    return page, app


def of_the_annotator(folder: Path, browser: Browser) -> None:
    """A scan, a recording and a video, each with something marked in it."""
    import imagine_kernels as ik

    folder.mkdir()
    people = Annotators(folder)
    scan_of(ik.use_case("zooscan").bundled_sample(), people.folder("wp2-net") / "station-01.png")
    recording(people.folder("reef") / "reef-night.wav")
    dive(people.folder("dive") / "dive-7.mp4")
    try:
        for name, mark in (("wp2-net", mark_picture), ("reef", mark_sound), ("dive", mark_video)):
            page, server = page_of(browser), people.server("anna")
            app = AnnotatePage(page, server.address("zooscan/annotate.ipynb"), Watch(page, server.origin))
            app.make_project({"wp2-net": "WP2 net 2026", "reef": "Reef at night", "dive": "Dive 7"}[name], name)
            take(page, mark(app))
            page.context.close()
    finally:
        people.close()


def of_the_desktop(folder: Path, browser: Browser) -> None:
    """napari in the browser, with a scan in which somebody has marked animals."""
    import imagine_kernels as ik
    from imagine_kernels.annotation import Person, Projects
    from imagine_kernels.records import Annotation, Label, LabelGiven, Medium, Shape

    state = StateFolder(folder / "state")
    home = state.homes / "scientist"
    (home / "wp2-net").mkdir(parents=True)
    scan_of(ik.use_case("zooscan").bundled_sample(), home / "wp2-net" / "station-01.png")
    store, scientist = Projects(state.path / "annotations.db"), Person("scientist")
    tree = store.trees.save("plankton", [Label(name="Copepoda"), Label(name="Chaetognatha")], author="scientist")
    project = store.create("WP2 net 2026", by=scientist, tree=tree)
    project.add_media([Medium(name="station-01.png", width=1600, height=1200, pixel_size_m=10.6e-6)])
    for i, label in enumerate(("Copepoda", "Chaetognatha", "Copepoda", "Copepoda", "Chaetognatha")):
        x, y = 24 + 260 * i + (i * 37) % 20, 24 + (i * 53) % 20
        shape = Shape.of("rectangle", (x, y, x + 226, y + 216))
        project.add(Annotation(id=f"a{i}", medium="station-01.png", shape=shape, labels=(LabelGiven(path=(label,)),)))
    places = home / "imagine" / "annotate" / "places" / f"{project.uid}.json"
    places.parent.mkdir(parents=True)
    places.write_text(json.dumps({"sources": [["", str(home / "wp2-net")]], "files": {}}), encoding="utf-8")
    store.close()
    with start(state.path, settings={"IMAGINE_HUB_SERVERS_WARM_APPS": "0"}) as hub:
        page = page_of(browser)
        log_in(page, hub.address, hub.user, hub.password)
        page.goto(f"{hub.address}/hub/spawn/scientist?next=%2Fuser%2Fscientist%2Fimagine%2Fdesktop")
        page.get_by_role("link", name="WP2 net 2026").click()
        page.locator("#says").wait_for(state="hidden")
        page.wait_for_timeout(6000)
        take(page, "hub-desktop")


def mark_picture(app: AnnotatePage) -> str:
    app.fit(1600, 1200)
    for i, label in enumerate(("Copepoda", "Chaetognatha", "Copepoda", "Copepoda", "Chaetognatha")):
        x, y = 30 + 260 * i + (i * 37) % 20, 30 + (i * 53) % 20
        app.rectangle((x - 6, y - 6), (x + 220, y + 210), label)
    app.press("m", "Escape")
    app.click((290, 200))
    app.wait_saved()
    app.tab("Labels")
    app.page.wait_for_timeout(1500)
    return "annotate-picture"


def mark_sound(app: AnnotatePage) -> str:
    app.calibrate()
    app.rectangle((0.98, 2300.0), (1.83, 5100.0), "Upsweep")
    app.press("m", "Escape")
    app.click((1.3, 2300.0))
    app.wait_saved()
    app.page.wait_for_timeout(1500)
    return "annotate-sound"


def mark_video(app: AnnotatePage) -> str:
    app.fit(*VIDEO_SIZE)
    app.rectangle((38, 218), (122, 262), "Fish")
    app.press("m")
    app.page.locator(".ika-lane").wait_for()
    app.fit(*VIDEO_SIZE)
    slider = app.page.get_by_role("slider", name="Time")
    for _ in range(20):
        slider.press("ArrowRight")
    app.press("k")
    app.drag((80, 240), (280, 240))
    for _ in range(8):
        slider.press("ArrowLeft")
    app.surface.focus()
    app.wait_saved()
    app.page.wait_for_timeout(1500)
    return "annotate-video"


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
