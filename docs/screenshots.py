"""Takes the pictures of the documentation from the running product: ``.venv/bin/python docs/screenshots.py``.

It starts a hub of its own in a temporary folder, logs in as a person does, and drives the app in Chromium. Look at the pictures before you keep them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT), str(ROOT / "hub"), str(ROOT / "tests"), str(ROOT / "tests" / "hub"), str(ROOT / "tests" / "browser")]

from chromium import chromium  # noqa: E402
from hub_running import Hub, start  # noqa: E402 - found through the path above
from imagine_hub.state import StateFolder  # noqa: E402
from pages import IdentifyPage  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

SIZE = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        state = StateFolder(Path(folder) / "state")
        # The model of the first start is made before, so that no picture is of waiting.
        prepare(state)
        with start(state.path) as hub, sync_playwright() as playwright, chromium(playwright) as browser:
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.set_default_timeout(PATIENCE_MS)
            log_in(page, hub)
            take(page, "home")
            identify(page)
            take(page, "identify")
            report(page)
            take(page, "report")
    return 0


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


def log_in(page: Page, hub: Hub) -> None:
    page.goto(hub.address)
    page.fill("#username_input", hub.user)
    page.fill("#password_input", hub.password)
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
