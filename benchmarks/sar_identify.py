"""A whole radar scene of 25 000 × 16 000 px, segmented: how fast beside the network alone, and with how much memory.

    python -m benchmarks.sar_identify [--width N] [--height N]

Writes ``benchmarks/results/sar_identify.md``. The product is generated (as in `benchmarks.sar_scene`), the model is a U-Net as the use case trains
it, with an encoder as ImageNet left it and a decoder as it is drawn: how long a network takes does not depend on what it has learnt. The network
alone gets tiles from memory, as many as the scene has, in the same session. Peak memory is that of a process of its own, without torch.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import report, sar_scene  # noqa: E402

TILE, OVERLAP, CLASSES = 256, 64, ("sea", "look-alike", "oil")


def make_graph(path: Path) -> None:
    """The network as ONNX; in a process of its own, since it needs torch."""
    import torch

    from imagine_kernels.models.unet import build_unet, export_unet

    torch.manual_seed(0)
    network = build_unet(backbone="tf_efficientnet_lite0", classes=len(CLASSES), channels=1)
    path.write_bytes(export_unet(network, size=TILE, channels=1))


def segment(folder: Path, precision: str) -> dict[str, float]:
    """The whole scene, and the network alone on as many tiles."""
    import numpy as np

    from imagine_kernels.files import Files
    from imagine_kernels.inference.segmenter import BATCH, Segmenter, places
    from imagine_kernels.inference.sessions import cpu_session
    from imagine_kernels.media.sar import find_scenes
    from imagine_kernels.media.sar_views import radar_view

    session = cpu_session((folder / "model.onnx").read_bytes(), precision=precision, batch=BATCH)
    details = {"input": {"channels": 1, "overlap": OVERLAP}}
    bundle: Any = SimpleNamespace(
        details=details, task="segmentation", classes=CLASSES, size=TILE, orientations=1, temperature=1.0, name="benchmark"
    )
    segmenter = Segmenter(bundle, session=session)
    root = next(folder.glob("*.SAFE"))
    with Files(root) as files, radar_view(files, find_scenes(files)[0], {}) as source:
        tiles = len(places(source.width, TILE, OVERLAP)) * len(places(source.height, TILE, OVERLAP))
        begin = time.perf_counter()
        found = segmenter.probabilities(source)
        pixels = sum(band.size for _, band in found.classes())
        found.close()
        whole = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    some = np.random.default_rng(0).integers(0, 256, (BATCH, 1, TILE, TILE)).astype(np.uint8)
    begin = time.perf_counter()
    session.run(((0, {"pixels": some}) for _ in range(-(-tiles // BATCH))), lambda *_: None)
    alone = time.perf_counter() - begin
    return {"tiles": tiles, "pixels": pixels, "whole": whole, "alone": alone, "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=sar_scene.WIDTH)
    parser.add_argument("--height", type=int, default=sar_scene.HEIGHT)
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    given = parser.parse_args()
    sar_scene.WIDTH, sar_scene.HEIGHT = given.width, given.height
    if given.one == "graph":
        make_graph(given.folder / "model.onnx")
    elif given.one == "product":
        sar_scene.make(str(given.folder))
    elif given.one:
        print(json.dumps(segment(given.folder, given.one)))
    else:
        _compare(given)


def _compare(given: argparse.Namespace) -> None:
    from imagine_kernels.inference.sessions import has_bf16

    with tempfile.TemporaryDirectory() as place:
        size = ["--width", str(given.width), "--height", str(given.height)]

        def run(one: str) -> str:
            command = [sys.executable, "-m", "benchmarks.sar_identify", "--one", one, "--folder", place, *size]
            return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout

        run("graph")
        run("product")
        rows = []
        for precision in ("f32", *(["bf16"] if has_bf16() else [])):
            done = json.loads(run(precision).splitlines()[-1])
            rows.append(
                [
                    precision, f"{done['tiles']}", f"{1000 * done['alone'] / done['tiles']:.1f}", f"{1000 * done['whole'] / done['tiles']:.1f}",
                    f"{100 * done['alone'] / done['whole']:.0f} %", f"{done['whole']:.0f}", f"{done['peak']:.0f}",
                ]
            )  # fmt: skip
    report.write_table(
        "sar_identify",
        "Segmenting a whole radar scene",
        head=[
            "precision", "tiles", "network alone, ms per tile", "whole scene, ms per tile", "of the network's throughput", "scene, s",
             "peak MB",
        ],
        rows=rows,
        text=[
            f"Sentinel-1 product of {given.width} × {given.height} px, tiles of {TILE} px with {OVERLAP} px of overlap, one orientation,"
            f" {len(CLASSES)} classes: read, calibrated, noise taken away, segmented, blended, and the class of every pixel told.",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
