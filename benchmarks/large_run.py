"""A FlowCam run of 137 000 particles in the identify app: opening, scrolling, filtering, correcting, and memory, in a real browser.

    python benchmarks/large_run.py [--particles N] [--folder DIR]

The run is a real list with its collages, which repeats a run of the bundled sample. So are its predictions: the bundled run is identified by
the starter model, each particle has those of the one that it repeats, and they are spread over as many classes as the VLIZ library has.
Writes ``benchmarks/results/large_run.md``, unless the run is made shorter. With ``--folder`` what is made is kept there and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

import imagine_kernels as ik

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from chromium import Watch, chromium  # noqa: E402  # the driver of the browser tests
from pages import IdentifyPage  # noqa: E402
from voila_server import Server  # noqa: E402

from benchmarks.report import write_table  # noqa: E402
from imagine_kernels.annotation import AnnotationStore  # noqa: E402
from imagine_kernels.formats.taxa import read_taxa  # noqa: E402
from imagine_kernels.records import Predictions  # noqa: E402
from imagine_kernels.result import Result  # noqa: E402
from imagine_kernels.use_cases.flowcam import USE_CASE  # noqa: E402

#: The longest run that the authors of libflowcam tell of.
N = 137_015
#: So many classes has the VLIZ library of FlowCam pictures.
N_CLASSES = 95
SESSION = "large-run"
SEARCH = "tripos"

FIRST = """() => new Promise((resolve) => {
    const look = () => document.querySelector(".ik-vignette .ik-picture img")
        ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
    look();
})"""
SCROLL = """async ([step, n]) => {
    const grid = document.querySelector("[role=grid]");
    const times = [];
    let nodes = 0, before = performance.now();
    for (let i = 0; i < n; i++) {
        grid.scrollTop += step;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        times.push(now - before);
        before = now;
        nodes = Math.max(nodes, grid.querySelectorAll(".ik-vignette").length);
    }
    return [times, nodes];
}"""
JUMP = """async (share) => {
    const grid = document.querySelector("[role=grid]");
    const begun = performance.now();
    grid.scrollTop = share * grid.scrollHeight;
    const inWindow = (cell) => {
        const [a, b] = [cell.getBoundingClientRect(), grid.getBoundingClientRect()];
        return a.bottom > b.top && a.top < b.bottom;
    };
    for (;;) {
        await new Promise(requestAnimationFrame);
        const cells = [...grid.querySelectorAll(".ik-vignette")].filter(inWindow);
        if (cells.length && cells.every((cell) => cell.querySelector("img"))) return performance.now() - begun;
    }
}"""
#: What a person does, and the time until the page shows it.
ACT = """async ([kind, value]) => {
    const begun = performance.now();
    if (kind === "type") {
        const field = document.querySelector("[data-search]");
        field.value = value;
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    } else if (kind === "key") {
        const grid = document.querySelector("[role=grid]");
        grid.dispatchEvent(new KeyboardEvent("keydown", { key: value, bubbles: true }));
    } else document.querySelector(value).click();
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - begun;
}"""


def grown(run: Path, target: Path, n: int) -> Path:
    """A run of n particles that repeats the list and the collages of another one, frame after frame."""
    (listed,) = run.glob("*.lst")
    lines = listed.read_text(encoding="utf-8").splitlines()
    fields = int(lines[1].split("|")[1])
    head, rows = lines[: 2 + fields], [line.split("|") for line in lines[2 + fields :] if line]
    at = {field.split("|")[0]: i for i, field in enumerate(lines[2 : 2 + fields])}
    frames = max(int(row[at["src_image"]]) for row in rows) + 10
    target.mkdir(parents=True)
    for file in run.iterdir():
        if file.suffix == ".ctx" or file.name.startswith("cal_image"):
            shutil.copy(file, target / file.name.replace(listed.stem, target.name))
    made = []
    for i in range(n):
        copy, row = i // len(rows), list(rows[i % len(rows)])
        row[at["id"]] = str(i + 1)
        row[at["src_image"]] = str(int(row[at["src_image"]]) + copy * frames)
        row[at["image_id"]] = f"{i:08X}-0000-0000-0000-000000000000"
        collage = f"{target.name}_{copy:04d}{row[at['collage_file']].removeprefix(listed.stem)}"
        if not (target / collage).exists():
            for mask in ("", "_bin"):
                source = Path(row[at["collage_file"]])
                os.link(run / f"{source.stem}{mask}{source.suffix}", target / f"{Path(collage).stem}{mask}{source.suffix}")
        row[at["collage_file"]] = collage
        made.append("|".join(row))
    (target / f"{target.name}.lst").write_text("\n".join([*head, *made, ""]), encoding="utf-8")
    return target


def identified(big: Path, small: Path, folder: Path) -> dict[str, float]:
    """Save a result of the big run with the predictions of the small one; seconds of what was done on the way."""
    flowcam = ik.use_case("flowcam")
    begin = time.perf_counter()
    sample = flowcam.open(big)
    opened = time.perf_counter() - begin
    known = flowcam.identify(flowcam.open(small))
    rng = np.random.default_rng(0)
    row = np.arange(len(sample)) % len(known)
    more = [name for name in read_taxa()["name"].tolist() if name not in known.predictions.classes]
    classes = (*known.predictions.classes, *more[: N_CLASSES - len(known.predictions.classes)])
    wide = rng.dirichlet(np.full(len(classes), 0.05), len(sample)).astype(np.float32)
    wide *= 0.2
    wide[:, : len(known.predictions.classes)] += 0.8 * known.predictions.probabilities[row]
    assert known.places is not None
    places = known.places[row] + rng.normal(0, 0.02, (len(sample), known.places.shape[1]))
    result = Result(
        declaration=USE_CASE,
        sample=sample,
        predictions=Predictions.of(sample.objects["object_id"].to_numpy(), classes, wide),
        model=known.model,
        places=places.astype(np.float16),
    )
    begin = time.perf_counter()
    result.save(folder)
    saved = time.perf_counter() - begin
    begin = time.perf_counter()
    flowcam.result(folder)
    read = time.perf_counter() - begin
    begin = time.perf_counter()
    replace(result).measure(n_draws=200)
    measured = time.perf_counter() - begin
    return {"the run opened": opened, "its result saved": saved, "its result read": read, "quantities with 200 draws": measured}


def made(folder: Path, n: int) -> dict[str, float]:
    """A home with the run, its result and a session that shows it."""
    home = folder / "home"
    os.environ["IMAGINE_HOME"] = str(home)
    flowcam = ik.use_case("flowcam")
    if not (home / "models" / "flowcam-starter").is_dir():
        flowcam.train_starter(home / "models" / "flowcam-starter")
    small = sorted(path for path in flowcam.bundled_sample().iterdir() if path.is_dir())[0]
    big = grown(small, folder / "big", n)
    store = AnnotationStore()
    session = store.new_session(
        use_case="flowcam", name="big", source=str(big), fingerprint=SESSION, model_hash=flowcam.model().model_hash
    )
    taken = identified(big, small, home / "results" / session.id)
    store.close()
    return taken


def kernel_of(server: Server) -> psutil.Process:
    """The kernel that works most: the one behind the page."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    return max(children, key=lambda each: each.memory_info().rss)


def middle(values: list[float]) -> str:
    """Median and 95th percentile of times in ms."""
    return f"{statistics.median(values):.0f} (95 %: {np.percentile(values, 95):.0f})"


def heap_mb(page: Page) -> float:
    """What the page holds after its garbage is collected."""
    tools = page.context.new_cdp_session(page)
    tools.send("HeapProfiler.collectGarbage")
    found = tools.send("Runtime.getHeapUsage")
    # Columns of numbers lie beside the heap.
    return float(found["usedSize"] + found["backingStorageSize"]) / 1e6


def looked_at(browser: Browser, server: Server, session: str, n: int) -> list[tuple[str, str]]:
    """What a person meets: name and figure."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(600_000)
    watch = Watch(page, server.origin)
    app = IdentifyPage(page)
    found: list[tuple[str, str]] = []

    def note(name: str, figure: str) -> None:
        found.append((name, figure))
        print(f"{name}: {figure}", flush=True)

    page.goto(f"{server.address('flowcam/identify.ipynb')}#session={session}", wait_until="commit")
    note("page opened until the first pictures, s", f"{page.evaluate(FIRST) / 1000:.1f}")
    assert sum(app.counts().values()) == n
    begin = time.perf_counter()
    app.wait_quantities(timeout_s=600)
    note("until the quantities are there too, further s", f"{time.perf_counter() - begin:.1f}")
    known = int(page.locator(".ik-panel").get_attribute("data-sequence") or 0)
    page.wait_for_timeout(3000)
    note("page: memory held, MB", f"{heap_mb(page):.0f}")
    times, nodes = page.evaluate(SCROLL, [60, 240])
    note("scrolling by 60 px, ms a frame", middle(times))
    times, more = page.evaluate(SCROLL, [700, 120])
    note("scrolling by a window, ms a frame", middle(times))
    note("vignettes in the page, most", str(max(nodes, more)))
    jumps = [page.evaluate(JUMP, share) for share in np.random.default_rng(1).random(15).tolist()]
    note("jump anywhere until all pictures in the window are there, ms", middle(jumps))

    def act(name: str, kind: str, *values: str) -> None:
        times = [page.evaluate(ACT, [kind, value]) for value in values]
        note(name, middle(times) if len(times) > 1 else f"{times[0]:.0f}")

    act("search, ms a letter", "type", *(SEARCH[:end] for end in range(1, len(SEARCH) + 1)))
    act("show all again, ms", "type", "")
    page.locator("[role=grid]").focus()
    act("arrow key, ms", "key", *["ArrowRight"] * 20)
    act("validate one, ms", "key", *["v"] * 5)
    app.wait_saved()
    app.wait_quantities(known + 5, timeout_s=600)
    act("show what is proposed for removal, ms", "key", "p")
    button = ".ik-proposals .ik-side-line [data-act=discard-proposed]"
    waiting = re.sub(r"\D", "", page.locator(button).inner_text())
    act(f"discard all {waiting} that are proposed, ms", "click", button)
    begin = time.perf_counter()
    app.wait_saved()
    note("until that is saved, further s", f"{time.perf_counter() - begin:.1f}")
    app.wait_quantities(known + 6, timeout_s=600)
    note("until the quantities have followed, s", f"{time.perf_counter() - begin:.1f}")
    page.locator("[role=grid]").focus()
    page.keyboard.press("Control+z")
    app.wait_saved()
    page.wait_for_selector("[aria-label='Group by'] option[value=cluster]", state="attached")
    act("group what is alike, ms", "key", "g")
    note("page: memory held at the end, MB", f"{heap_mb(page):.0f}")
    kernel = kernel_of(server)
    note("kernel: memory now, MB", f"{kernel.memory_info().rss / 1e6:.0f}")
    peak = next(line for line in Path(f"/proc/{kernel.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    note("kernel: most memory, MB", f"{int(peak.split()[1]) / 1024:.0f}")
    watch.assert_clean()
    context.close()
    return found


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=N)
    parser.add_argument("--folder", type=Path, help="keep what is made here, and use it again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = given.folder or Path(aside)
        kept = folder / "made.json"
        if not kept.is_file():
            kept.write_text(json.dumps(made(folder, given.particles)), encoding="utf-8")
        rows = [
            (f"library: {name}, s", f"{seconds:.1f}") for name, seconds in json.loads(kept.read_text(encoding="utf-8")).items()
        ]
        print(*rows, sep="\n", flush=True)
        (session,) = (path.name for path in (folder / "home" / "results").iterdir())
        server = Server(folder / "home", spare_kernels=False)
        try:
            with sync_playwright() as playwright, chromium(playwright) as browser:
                rows += looked_at(browser, server, session, given.particles)
        finally:
            server.close()
    if given.particles < N:
        return
    n = f"{given.particles:,}".replace(",", " ")
    write_table(
        "large_run",
        "A long run in the identify app",
        text=[
            f"A FlowCam run of {n} particles with {N_CLASSES} classes, identified before, with a kernel that is started for it, in Chromium at"
            " 1280 × 800 that draws by the processor.",
            "Small pictures are made for the first time while this is measured. A frame of 17 ms is as fast as a screen shows them.",
        ],
        head=["what", "figure"],
        rows=rows,
    )


if __name__ == "__main__":
    main()
