"""How soon the identify app shows something: a real browser on a real server, with a cold kernel and from the pool of spare kernels.

    python benchmarks/first_paint.py [--repeats N]

Writes ``benchmarks/results/first_paint.md``. Two moments are taken in the page itself, from the start of the navigation: *first paint*, when the
browser has drawn the heading of the page, and *first content*, when a sample can be chosen.
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

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from chromium import Watch, chromium  # noqa: E402  # the driver of the browser tests
from pages import IdentifyPage  # noqa: E402
from voila_server import Server  # noqa: E402

OUT = ROOT / "benchmarks" / "results" / "first_paint.md"
#: Seconds until a spare kernel is surely ready.
SETTLE_S = 12
TARGETS = {"cold kernel": 3.0, "spare kernel": 1.0}

CONTENT = """() => new Promise((resolve) => {
    const look = () => document.querySelector("[data-act=sample]")
        ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
    look();
})"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"


def once(browser: Browser, server: Server) -> tuple[float, float, int]:
    """Seconds to first paint and to first content, and the number of requests."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    watch = Watch(page, server.origin)
    page.goto(server.address(), wait_until="commit")
    content = page.evaluate(CONTENT) / 1000
    paint = page.evaluate(PAINT) / 1000
    IdentifyPage(page).wait_start()
    watch.assert_clean()
    context.close()
    return paint, content, len(watch.requests)


def measure(browser: Browser, kind: str, repeats: int) -> list[tuple[float, float, int]]:
    """Several visits, the first one left out: it also fills the caches of the disk."""
    with tempfile.TemporaryDirectory() as home:
        server = Server(Path(home), spare_kernels=kind == "spare kernel")
        try:
            taken = []
            for _ in range(repeats + 1):
                time.sleep(SETTLE_S if kind == "spare kernel" else 2)
                taken.append(once(browser, server))
            return taken[1:]
        finally:
            server.close()


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    lines = ["| kernel | first paint, s | first content, s | range, s | target, s | requests |", "|---|---|---|---|---|---|"]
    with sync_playwright() as playwright, chromium(playwright) as browser:
        for kind, target in TARGETS.items():
            taken = measure(browser, kind, repeats)
            paint, content = (statistics.median(values) for values in list(zip(*taken, strict=True))[:2])
            low, high = min(each[1] for each in taken), max(each[1] for each in taken)
            lines.append(f"| {kind} | {paint:.2f} | {content:.2f} | {low:.2f}–{high:.2f} | ≤ {target:g} | {taken[-1][2]} |")
            print(lines[-1])
    load = os.getloadavg()[1]
    said = (
        f"Median of {repeats} visits in Chromium at 1280 × 800 on {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d};"
        f" other work on the machine: load average {load:.1f}. First paint is the heading of the page,"
        " first content the choice of a sample. No request leaves the machine."
    )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("# First paint of the identify app\n\n" + "\n".join(lines) + f"\n\n{said}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
