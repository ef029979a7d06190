"""Boxes around litter on photographs: a network that is trained as a whole against one whose backbone stays as it is.

    python -m benchmarks.litter_detection [--epochs N] [--longest PX] [--seed S]

Writes ``benchmarks/results/litter_detection.md``. The data are AquaTrash (Panwar et al. 2020, doi:10.1016/j.cscee.2020.100026; CC BY 4.0):
photographs taken from the ground, four classes. A fifth of the pictures is held back, those that look like one scene together; both networks
are trained on the rest and look for litter on the same held-back pictures, as people would use them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import report  # noqa: E402

if TYPE_CHECKING:
    from imagine_kernels.records import Sample

DATA = report.SHARED_DATA / "litter" / "aquatrash"


def aquatrash() -> Sample:
    """The pictures with their boxes, clipped to the picture; boxes without extent are left out."""
    import pandas as pd
    import shapely
    from PIL import Image

    from imagine_kernels.formats.box_csv import read_box_csv
    from imagine_kernels.records import OUTLINE, Sample
    from imagine_kernels.records.outlines import outline_text

    given = read_box_csv(DATA)
    sizes = {}
    for medium in given.media:
        with Image.open(DATA / medium.name) as picture:
            sizes[medium.name] = picture.size
    rows = []
    for number, each in enumerate(given.stream([])):
        left, top, right, bottom = each.shape.numbers
        width, height = sizes[each.medium]
        box = shapely.box(max(0, left), max(0, top), min(width, right), min(height, bottom))
        if box.is_valid and box.area > 1:
            row = {"object_id": str(number), "file": each.medium, "label": each.label, "status": "validated"}
            rows.append({**row, OUTLINE: outline_text(box)})
    media = [{"file": name, "width": width, "height": height, "labelled": True} for name, (width, height) in sizes.items()]
    return Sample(
        name="AquaTrash", source=DATA, layout=given.layout, objects=pd.DataFrame(rows), media=pd.DataFrame(media),
        cut_from="photograph",
    )  # fmt: skip


def main() -> None:
    from imagine_kernels.tasks.detection import BoxAugmentation, Detection

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--longest", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA.name} is not here: nothing was measured.")
        return
    sample = aquatrash()
    # The whole photograph is one tile: its things are of any size, as it was taken from any distance.
    task = Detection(tile=given.longest, overlap=0, longest=given.longest, augmentation=BoxAugmentation(turns=False))
    started: dict[str, float] = {}

    def progress(_done: int, _total: int, what: str) -> None:
        started.setdefault(what.split(",", maxsplit=1)[0], time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        bundle = task.train(
            sample, use_case="litter", out=Path(folder) / "model", epochs=given.epochs, seed=given.seed, progress=progress
        )
        seconds = time.perf_counter() - start
    rows = []
    for each in bundle.details["candidates"]:
        figures = [f"{each[m]['value']:.3f} [{each[m]['low']:.3f}, {each[m]['high']:.3f}]" for m in ("map50", "map")]
        rows.append([each["recipe"], *figures, "kept" if each["recipe"] == bundle.recipe else "not kept"])
    counts, figure_of = bundle.confusion.counts, bundle.details["metrics"]["per_class"]
    classes = ", ".join(
        f"{name}: AP50 {figure_of[name]['ap50']['value']:.3f}, {counts[i, i]} of {counts[i].sum()} found,"
        f" {counts[:, i].sum() - counts[i, i]} wrong"
        for i, name in enumerate(bundle.classes)
        if i
    )
    report.write_table(
        "litter_detection",
        "Boxes around litter on photographs",
        head=["network", "mAP50 [95 %]", "mAP50-95 [95 %]", ""],
        rows=rows,
        text=[
            f"AquaTrash: {len(sample.media) if sample.media is not None else 0} photographs with {len(sample)} boxes, made {given.longest} px large;"
            f" {bundle.n_held_out} are held back. {bundle.details['split']['sentence']} {given.epochs} epochs, seed {given.seed}; all in"
            f" {seconds / 60:.1f} minutes, of which the head alone from"
            f" {started['training the head'] - start:.0f} s to {started.get('training', start + seconds) - start:.0f} s.",
            bundle.details["reason"],
            f"The network that was kept, from the score with the best F1 on: {classes}.",
        ],
    )


if __name__ == "__main__":
    main()
