"""A whole Sentinel-1 scene of 25 000 × 16 000 px: how fast it is read in tiles, and with how much memory.

    python -m benchmarks.sar_scene [--repeats N]

Writes ``benchmarks/results/sar_scene.md``. The product is generated (uint16 in strips of one line, as ESA writes them, tables of 27 lines) and read
as a folder and as a zip. The peer reads the same px with rasterio alone, in the same bands, without calibration. A network that needs 37 ms
for a tile has its full speed where tiles are there when it asks: one thread that reads ahead gives it 37 / max(37, time per tile) of that, and
reading in turn 37 / (37 + time per tile). Peak memory is that of a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import report  # noqa: E402

WIDTH, HEIGHT, TILE, NETWORK_MS = 25_000, 16_000, 256, 37.0


def make(folder: str) -> dict[str, float]:
    """Write the product; its measurement gets the same speckle over and over."""
    import numpy as np
    import rasterio
    from rasterio.windows import Window

    from imagine_kernels.samples.safe_product import table_pixels, write_product

    rng = np.random.default_rng(0)
    shape = (27, table_pixels(WIDTH, 40).size)
    small = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    tables = {"calibration": 400 + 20 * rng.random(shape), "noise_range": 4e3 + 1e3 * rng.random(shape)}
    root = write_product(Path(folder), small, noise_azimuth=1 + 0.1 * rng.random(HEIGHT), **tables)
    del small
    with rasterio.open(next(root.glob("measurement/*.tiff")), "r+") as file:
        band = (60 * np.sqrt(rng.gamma(4.4, 1 / 4.4, (500, WIDTH)))).astype(np.uint16)
        for y in range(0, HEIGHT, 500):
            file.write(np.roll(band, y, axis=1), 1, window=Window(0, y, WIDTH, 500))
    return {}


def read_ours(path: str) -> dict[str, float]:
    from imagine_kernels.files import Files
    from imagine_kernels.media.sar import open_scene

    start = time.perf_counter()
    with Files(path) as files:
        scene = open_scene(files)
        tiles = sum(1 for _ in scene.tiles(TILE, 32))
    return _measured(time.perf_counter() - start, tiles)


def read_rasterio(path: str) -> dict[str, float]:
    import rasterio
    from rasterio.windows import Window

    start, tiles = time.perf_counter(), 0
    name = next(Path(path).rglob("measurement/*.tiff"))
    with rasterio.Env(GDAL_CACHEMAX=48 * 1024**2), rasterio.open(name) as file:
        for y in [*range(0, HEIGHT - TILE, TILE - 32), HEIGHT - TILE]:
            band = file.read(1, window=Window(0, y, WIDTH, TILE))
            tiles += len([band[:, x : x + TILE].copy() for x in [*range(0, WIDTH - TILE, TILE - 32), WIDTH - TILE]])
    return _measured(time.perf_counter() - start, tiles)


def filter_tile(_: str) -> dict[str, float]:
    """Lee's filter on each of 300 tiles."""
    import numpy as np

    from imagine_kernels.media.speckle import lee

    tile = np.random.default_rng(0).gamma(4.4, 0.01, (TILE + 16, TILE + 16)).astype(np.float32)
    lee(tile, 4.4)
    start = time.perf_counter()
    for _number in range(300):
        lee(tile, 4.4)
    return _measured(time.perf_counter() - start, 300)


def _measured(seconds: float, tiles: int) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "tiles": tiles, "ms_per_tile": 1e3 * seconds / tiles, "peak_mb": peak}


RUNS = {
    "ours, folder": read_ours,
    "ours, zip": read_ours,
    "rasterio, folder, not calibrated": read_rasterio,
    "Lee filter": filter_tile,
}
#: In a process of its own too: Linux counts the memory of a parent as that of its children.
_MAKE = "make"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--path", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps((RUNS | {_MAKE: make})[given.one](given.path)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _run(_MAKE, Path(folder) / "product")
        root = next((Path(folder) / "product").glob("*.SAFE"))
        packed = Path(folder) / "product.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in sorted(root.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(root.parent).as_posix())
        rows: list[list[str]] = []
        for name in RUNS:
            path = packed if name.endswith("zip") else root.parent
            found = [_run(name, path) for _ in range(given.repeats)]
            ms, peak = statistics.median(each["ms_per_tile"] for each in found), max(each["peak_mb"] for each in found)
            speed = 1e-6 * found[0]["tiles"] * TILE * TILE / statistics.median(each["seconds"] for each in found)
            share = f"{100 * NETWORK_MS / max(NETWORK_MS, ms):.0f} %, {100 * NETWORK_MS / (NETWORK_MS + ms):.0f} %"
            rows.append([name, f"{found[0]['tiles']:.0f}", f"{ms:.2f}", f"{speed:.0f}", f"{peak:.0f}", share])
    report.write_table(
        "sar_scene",
        "Reading a whole radar scene",
        head=["reading", "tiles", "ms per tile", "million px per s", "peak MB", "speed of the network: read ahead, read in turn"],
        rows=rows,
        text=[
            f"Scene of {WIDTH} × {HEIGHT} px, tiles of {TILE} px with 32 px of overlap, median of {given.repeats} runs.",
            f"The last column: for a network that takes {NETWORK_MS:g} ms per tile, as a share of its speed alone.",
        ],
    )


def _run(name: str, path: Path) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__)), "--one", name, "--path", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
