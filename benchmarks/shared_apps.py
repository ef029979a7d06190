"""How soon an app without a server of one's own shows something, beside a cold page of Voilà in a person's own server.

    python benchmarks/shared_apps.py [--repeats N]

Writes ``benchmarks/results/shared_apps.md``. A real hub, a real browser, the installed identify notebook; both pages in turns, so that other
work on the machine meets both. Times are taken in the page, from the start of the navigation: *first paint*, when the browser has drawn
something, and *first content*, when a sample can be chosen.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "hub"), str(ROOT / "tests"), str(ROOT / "tests" / "hub")]

import hub_running as running  # noqa: E402  # the hub of the tests
from chromium import Watch, chromium  # noqa: E402

OUT = ROOT / "benchmarks" / "results" / "shared_apps.md"
NOTEBOOK = "voila/render/zooscan/identify.ipynb"
#: Seconds until a spare kernel is surely ready again.
SETTLE_S = 8
TARGET_S = 1.5
CONTENT = """() => new Promise((resolve) => {
    const look = () => document.querySelector("[data-act=sample]")
        ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
    look();
})"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"


def logged_in(browser: Browser, hub: running.Hub) -> BrowserContext:
    """A browser of somebody whose server runs, for the page to compare with."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(hub.address)
    page.fill("#username_input", "scientist")
    page.fill("#password_input", hub.password)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    page.goto(f"{hub.address}/hub/spawn/scientist?next=/user/scientist/api")
    page.wait_for_url("**/user/scientist/api")
    page.goto(f"{hub.address}/services/apps/")
    page.close()
    return context


def once(context: BrowserContext, hub: running.Hub, path: str) -> tuple[float, float]:
    """Seconds to first paint and to first content."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    watch = Watch(page, hub.address)
    page.goto(f"{hub.address}{path}{NOTEBOOK}", wait_until="commit")
    content = page.evaluate(CONTENT) / 1000
    paint = page.evaluate(PAINT) / 1000
    page.close()
    watch.assert_clean()
    return paint, content


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    kinds = {"shared app, spare kernel": "/services/apps/", "Voilà in a server, cold kernel": "/user/scientist/"}
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    settings = {"IMAGINE_HUB_APPS_ENABLED": "true", "IMAGINE_HUB_APPS_WARM_KERNELS": "1", "IMAGINE_HUB_SERVERS_WARM_APPS": "0"}
    with (
        tempfile.TemporaryDirectory() as folder,
        running.start(Path(folder) / "state", settings=settings) as hub,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        context = logged_in(browser, hub)
        # The first visit of each is left out: it also fills the caches of the disk.
        for _ in range(repeats + 1):
            for kind, path in kinds.items():
                time.sleep(SETTLE_S)
                taken[kind].append(once(context, hub, path))
        context.close()
    lines = ["| page | first paint, s | first content, s | range, s | target, s |", "|---|---|---|---|---|"]
    for kind, visits in taken.items():
        paint, content = (statistics.median(values) for values in zip(*visits[1:], strict=True))
        low, high = min(each[1] for each in visits[1:]), max(each[1] for each in visits[1:])
        target = f"≤ {TARGET_S:g}" if kind.startswith("shared") else "–"
        lines.append(f"| {kind} | {paint:.2f} | {content:.2f} | {low:.2f}–{high:.2f} | {target} |")
    load = os.getloadavg()[1]
    said = (
        f"Median of {repeats} visits of each in turns, in Chromium at 1280 × 800 on {os.cpu_count()} cores, through the hub and its proxy,"
        f" {datetime.now(UTC):%Y-%m-%d}; other work on the machine: load average {load:.1f}. First content is the choice of a sample."
        " No request leaves the machine."
    )
    text = "# First paint of an app without a server\n\n" + "\n".join(lines) + f"\n\n{said}\n"
    print(text)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
