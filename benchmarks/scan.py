"""A whole scan: objects found and measured, in one run beside scikit-image and OpenCV, each in a process of its own.

    python benchmarks/scan.py [--objects N] [--repeats N] [--large]

Writes ``benchmarks/results/scan.md``. The scan is generated (14 000 × 9 900 px, 8 bits, 1 700 isolated organisms, exact truth). With ``--large``
also a raw scan of 16 bits with 14 000 × 22 000 px is prepared with its blank scans and looked through. Peak memory is that of the process,
with the pages of the scan that it has mapped.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import report  # noqa: E402

THRESHOLD, LEAST_PX = 243, 631
#: What scikit-image measures.
PROPERTIES = (
    "bbox", "centroid", "area", "area_filled", "area_convex", "axis_major_length", "axis_minor_length", "orientation", "perimeter",
    "feret_diameter_max", "solidity", "eccentricity", "intensity_mean", "intensity_min", "intensity_max",
)  # fmt: skip


def scikit_image(pixels: Any) -> list[tuple[int, int, int, int]]:
    import numpy as np
    from skimage.measure import label, regionprops_table

    labels = label(pixels <= THRESHOLD, connectivity=2)
    table = regionprops_table(labels, intensity_image=np.asarray(pixels), properties=PROPERTIES)
    top, left, bottom, right = (table[f"bbox-{k}"] for k in range(4))
    large = table["area_filled"] >= LEAST_PX
    return [tuple(map(int, box)) for box in np.stack([left, top, right - left, bottom - top], axis=1)[large]]


def connected_components(pixels: Any) -> list[tuple[int, int, int, int]]:
    import cv2

    stats = cv2.connectedComponentsWithStats((pixels <= THRESHOLD).astype("uint8"), connectivity=8, ltype=cv2.CV_32S)[2][1:]
    return [tuple(map(int, row[:4])) for row in stats if row[4] >= LEAST_PX / 2]


def objects_only(pixels: Any) -> list[tuple[int, int, int, int]]:
    return _ours(pixels)[0]


def whole_list(pixels: Any) -> list[tuple[int, int, int, int]]:
    from imagine_kernels.measures.morphometry_zooprocess import zooprocess_table
    from imagine_kernels.media.scans import ScanObjects

    boxes, scan, found = _ours(pixels)
    alone = ScanObjects(scan, THRESHOLD).many(found.to_dict("records"))
    table = zooprocess_table([picture for picture, _ in alone], origins=[origin for _, origin in alone])
    if len(table) != len(boxes):
        raise SystemExit("not every object was measured")
    return boxes


def _ours(pixels: Any) -> tuple[list[tuple[int, int, int, int]], Any, Any]:
    from imagine_kernels.media.scans import PreparedScan, ScanSettings, find_objects

    scan = PreparedScan(name="scan", pixels=pixels, dpi=2400, frame=(0, 0, pixels.shape[1], pixels.shape[0]))
    found, _ = find_objects(scan, ScanSettings())
    boxes = found[["object_bx", "object_by", "object_width", "object_height"]].to_numpy().astype(int)
    return [tuple(row) for row in boxes.tolist()], scan, found


WAYS: dict[str, Callable[[Any], list[tuple[int, int, int, int]]]] = {
    "scikit-image, threshold + label + 15 properties": scikit_image,
    "OpenCV connected components, box and area only": connected_components,
    "here, objects only": objects_only,
    "here, objects and all features": whole_list,
}


def child(way: str, folder: Path) -> None:
    """One way in this process: a run for each line of standard input, told as a line of JSON on standard output."""
    import numpy as np

    pixels = np.load(folder / "scan.npy", mmap_mode="r")
    # Touched once, so that the disk is measured with nobody.
    int(pixels[:, ::64].sum())
    for _ in sys.stdin:
        begin, used = time.perf_counter(), time.process_time()
        boxes = WAYS[way](pixels)
        took, cpu = time.perf_counter() - begin, time.process_time() - used
        print(json.dumps({"s": took, "cpu": cpu, "mb": _peak_mb(), "boxes": boxes}), flush=True)


def large(folder: Path) -> None:
    """Prepare a raw scan of 16 bits and look through it."""
    from imagine_kernels.files import Files
    from imagine_kernels.media.scans import ScanSettings, find_objects, prepare

    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    with Files(folder) as files:
        blanks = [name for name in files.names(".tif") if "_back_" in name]
        begin = time.perf_counter()
        scan = prepare(files, truth["scan"], {}, blanks=blanks)
    prepared = time.perf_counter()
    found, _ = find_objects(scan, ScanSettings())
    boxes = found[["object_bx", "object_by", "object_width", "object_height"]].to_numpy().astype(int).tolist()
    done = time.perf_counter()
    print(json.dumps({"prepare": prepared - begin, "find": done - prepared, "mb": _peak_mb(), "boxes": boxes}))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def hits(boxes: list[Any], truth: list[dict[str, Any]]) -> tuple[float, float]:
    """Recall and precision of boxes, intersection over union of 0.9 at least."""
    import numpy as np

    wanted = np.array([[each[name] for name in ("bx", "by", "width", "height")] for each in truth], dtype=float)
    found = np.array(boxes, dtype=float).reshape(-1, 4)
    taken = 0
    for box in wanted:
        low = np.maximum(box[:2], found[:, :2])
        high = np.minimum(box[:2] + box[2:], found[:, :2] + found[:, 2:])
        both = np.clip(high - low, 0, None).prod(axis=1)
        taken += int((both / (box[2:].prod() + found[:, 2:].prod(axis=1) - both)).max() >= 0.9)
    return taken / len(wanted), taken / max(len(found), 1)


def started(*given: str, home: Path) -> subprocess.Popen[str]:
    """A process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), *given]
    environment = {**os.environ, "IMAGINE_HOME": str(home)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a process says when it is asked."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write("\n")
        process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(map(str, process.args))} ended with {process.wait()}")  # type: ignore[arg-type]
    found: dict[str, Any] = json.loads(line)
    return found


def in_turns(folder: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """All ways one after the other, round by round, so that what else the machine does meets all of them."""
    with ExitStack() as stack:
        running = {}
        for way in WAYS:
            running[way] = stack.enter_context(started("--way", way, "--folder", str(folder), home=folder))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, process in running.items():
                runs[way].append(said(process))
    return runs


def main() -> None:
    """Generate, measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1700)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way == "large":
        large(given.folder)
        return
    if given.way:
        child(given.way, given.folder)
        return
    import numpy as np

    from imagine_kernels.measures.morphometry_zooprocess import ZOOPROCESS_FEATURES
    from imagine_kernels.samples.zooscan_scan import draw_scan, make_scan

    rows, text = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        drawn = draw_scan(np.random.default_rng(5), width=14_000, height=9_900, n=given.objects, extras=False)
        np.save(folder / "scan.npy", drawn.grey)
        size = drawn.grey.nbytes / 1e6
        runs = in_turns(folder, given.repeats)
        first = [run["s"] for run in next(iter(runs.values()))]
        for way, found in runs.items():
            took = [run["s"] for run in found]
            recall, precision = hits(found[-1]["boxes"], drawn.objects)
            times = f"{min(first) / min(took):.1f} ({statistics.median(a / b for a, b in zip(first, took, strict=True)):.1f})"
            cells = [way, f"{min(took):.2f} ({statistics.median(took):.2f})", f"{min(run['cpu'] for run in found):.2f}", times]
            rows.append([*cells, f"{found[-1]['mb']:.0f}", f"{100 * recall:.1f} %", f"{100 * precision:.1f} %"])
        text.append(
            f"{len(drawn.objects)} isolated organisms on 14 000 × 9 900 px ({size:.0f} MB); best (and median) of {given.repeats} rounds, in"
            " each of which all ways took their turn; found where the boxes share 0.9. All features: the"
            f" {len(ZOOPROCESS_FEATURES)} of ZooProcess, on {len(os.sched_getaffinity(0))} threads; scikit-image uses one."
        )
        if given.large:
            made = make_scan(folder / "project", 7, width=22_000, height=14_000, n=2500)
            truth = json.loads((made / "truth.json").read_text(encoding="utf-8"))
            with started("--way", "large", "--folder", str(made), home=folder / "home") as process:
                told = said(process)
            wanted = [each for each in truth["objects"] if each["kind"] in ("isolated", "touching")]
            recall, precision = hits(told["boxes"], wanted)
            text.append(
                f"Raw scan, 16 bits, 14 000 × 22 000 px, two blanks, {len(wanted)} objects: prepared in {told['prepare']:.1f} s, looked through in"
                f" {told['find']:.1f} s, peak {told['mb']:.0f} MB; recall {100 * recall:.1f} %, precision {100 * precision:.1f} %."
            )
    ratio = "times scikit-image, best (median of rounds)"
    head = ["way", "s, best (median)", "s of processor", ratio, "peak MB", "recall", "precision"]
    report.write_table("scan", "Objects on a whole scan", head=head, rows=rows, text=text)


if __name__ == "__main__":
    main()
