"""A million annotations from format to format: seconds, and how much memory they take.

Each conversion runs in a process of its own. The first line writes the COCO file that the others begin with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import write_table

#: Annotations; pictures hold a hundred each.
N = 1_000_000
#: From, to, and the format to write.
STEPS = (
    ("a.json", "b.csv", "biigle"),
    ("b.csv", "c.json", "coco"),
    ("a.json", "d.zip", "yolo"),
    ("a.json", "e.xml", "cvat"),
    ("e.xml", "f.csv", "viame"),
    ("a.json", "g.json", "label-studio"),
    ("a.json", "h.json", "ifdo"),
    ("h.json", "i.csv", "annotations-csv"),
)


def make(path: Path, n: int) -> None:
    """A COCO file of `n` boxes and polygons in turn, 100 in a picture, in no order of the pictures."""
    images = max(1, n // 100)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"images":[')
        file.write(",".join(f'{{"id":{i},"file_name":"{i:06d}.jpg","width":4000,"height":3000}}' for i in range(images)))
        file.write('],"categories":[')
        file.write(",".join(f'{{"id":{i},"name":"class {i}"}}' for i in range(100)))
        file.write('],"annotations":[')
        for i in range(n):
            x, y = i % 3900 + 0.25, i % 2900 + 0.5
            entry = {"id": i + 1, "image_id": i * 7919 % images, "category_id": i % 100, "bbox": [x, y, 40, 30], "iscrowd": 0}
            if i % 2:
                entry["segmentation"] = [[x, y, x + 40, y, x + 40, y + 30, x + 20, y + 20, x, y + 30]]
            file.write(("," if i else "") + json.dumps(entry))
        file.write("]}")


def one(source: str, target: str, to: str) -> None:
    """One conversion; prints seconds and the growth of memory in MB as JSON."""
    import resource
    import time

    from imagine_kernels.formats.interchange import open_annotations, write_annotations

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    told = write_annotations(open_annotations(Path(source)), Path(target), to=to)
    seconds = time.perf_counter() - begin
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"seconds": seconds, "grown_mb": grown, "n": told.n, "unread": len(told.unread)}))


def main(n: int = N) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "a.json", n)
        for source, target, to in STEPS:
            arguments = [sys.executable, "-m", "benchmarks.convert", str(folder / source), str(folder / target), to]
            found = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
            size = (folder / target).stat().st_size / 1e6
            rows.append((source, to, f"{found['n']:,}", f"{found['seconds']:.1f}", f"{found['grown_mb']:.0f}", f"{size:.0f}"))
            print(rows[-1], flush=True)
            if found["unread"]:
                raise SystemExit(f"{found['unread']} rows of {source} could not be read")
    write_table(
        "convert",
        f"Conversions of {n:,} annotations",
        head=("from", "to", "annotations", "seconds", "memory grown [MB]", "written [MB]"),
        rows=rows,
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        one(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else N)
