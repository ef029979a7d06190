"""Oil on radar patches: a trained network beside a threshold, on patches of scenes that it has not seen.

    python -m benchmarks.oil_slicks [--folds N] [--epochs N]

Writes ``benchmarks/results/oil_slicks.md``. The patches are those of the Deep-SAR oil spill set (Sentinel-1 and PALSAR, 256 px, grey amplitude) in
the development data. Many of them are neighbouring or turned crops of few scenes: patches that look like one scene are kept together in one of
five parts; each part in turn is held back, and one network is trained on the patches of both sensors in the other four. The intersection over union
is that of oil over all pixels of the held-back patches, as with `imagine train` and `imagine evaluate`; intervals come from a bootstrap over
scenes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import imagine_kernels as ik
from benchmarks import report
from imagine_kernels.inference.allocator import restart_with_fast_allocator
from imagine_kernels.inference.segmenter import Segmenter
from imagine_kernels.measures.mask_accuracy import evaluate_masks, pixel_confusion
from imagine_kernels.media.regions import filled
from imagine_kernels.media.sources import sources
from imagine_kernels.media.tiles import Box
from imagine_kernels.tasks.segmentation.likeness import scene_groups
from imagine_kernels.tasks.segmentation.tiles import marked_on

DATA = report.SHARED_DATA / "oil_spill" / "deep-sar-sos"
PARTS = 5
SENSORS = ("sentinel", "palsar")
CLASSES = ("sea", "oil")


def threshold(pixels: Any) -> Any:
    """Mean over 9 × 9 px, then Otsu's threshold: what is darker is oil."""
    import cv2

    smooth = cv2.blur(pixels, (9, 9))
    level, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
    return (smooth <= level).astype(np.uint8)


def parts_of(pixels: Any, seed: int = 0) -> tuple[Any, Any]:
    """The scene of each patch, told by its looks, and the part that it is in: large scenes first, each to the emptiest part."""
    scenes = scene_groups(pixels, backbone="tf_efficientnet_lite0")
    names, counts = np.unique(scenes, return_counts=True)
    part, held = np.zeros(len(scenes), dtype=int), np.zeros(PARTS)
    for name in names[np.argsort(-counts, kind="stable")]:
        emptiest = int(held.argmin())
        part[scenes == name] = emptiest
        held[emptiest] += (scenes == name).sum()
    return scenes, part


def main() -> None:
    restart_with_fast_allocator()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=PARTS, help="how many of the five parts are held back in turn")
    parser.add_argument("--epochs", type=int, default=5)
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("shared/data/oil_spill/deep-sar-sos is absent: nothing was measured.")
    workflow = ik.use_case("oil_spill")
    sample = workflow.open(DATA)
    media = sample.media
    assert media is not None
    sensor = media["file"].str.split("/").str[0].to_numpy()
    marked = marked_on(sample, CLASSES)
    pixels, truth = [], []
    with sources(sample) as opened:
        for file in media["file"]:
            with opened(file) as source:
                box = Box(0, 0, source.width, source.height)
                pixels.append(source.read(box))
                truth.append(filled(marked.get(file, []), box))
    scene, part = np.zeros(len(media), dtype=object), np.zeros(len(media), dtype=int)
    for name in SENSORS:
        rows = np.flatnonzero(sensor == name)
        groups, parts = parts_of(np.stack([pixels[i] for i in rows])[:, None])
        scene[rows], part[rows] = [f"{name} {each}" for each in groups], parts
    found: dict[tuple[str, str], list[Any]] = {}
    seconds = []
    for held_back in range(given.folds):
        test = np.flatnonzero(part == held_back)
        learn = media["file"][part != held_back]
        kept = replace(
            sample,
            media=media[part != held_back].reset_index(drop=True),
            objects=sample.objects[sample.objects["file"].isin(learn)].reset_index(drop=True),
        )
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            bundle = workflow.train(kept, epochs=given.epochs, out=Path(folder) / "model")
            seconds.append(time.perf_counter() - begin)
            frozen = workflow.train(kept, epochs=0, out=Path(folder) / "frozen")
            for way, model in (("trained", bundle), ("frozen", frozen)):
                segmenter = Segmenter(model)
                with sources(kept) as opened:
                    for i in test:
                        with opened(media["file"][i]) as source:
                            result = segmenter.probabilities(source)
                            predicted = np.vstack([band for _, band in result.classes()])
                            result.close()
                        found.setdefault((sensor[i], way), []).append((i, pixel_confusion(truth[i], predicted, 2)))
        for i in test:
            found.setdefault((sensor[i], "threshold"), []).append((i, pixel_confusion(truth[i], threshold(pixels[i]), 2)))
    _write(found, scene, seconds, given)


def _write(found: dict[tuple[str, str], list[Any]], scene: Any, seconds: list[float], given: argparse.Namespace) -> None:
    ways = {
        "threshold": "9 × 9 mean and Otsu's threshold",
        "frozen": "regression on frozen features (0 epochs)",
        "trained": f"trained network ({given.epochs} epochs of 600 tiles)",
    }
    rows = []
    for way, title in ways.items():
        row = [title]
        for name in SENSORS:
            each = found[(name, way)]
            groups = [scene[i] for i, _ in each]
            figure = evaluate_masks(np.array([counts for _, counts in each]), CLASSES, groups=groups).per_class["oil"]["iou"]
            row.append(f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})")
        rows.append(row)
    n = {name: len(found[(name, "trained")]) for name in SENSORS}
    report.write_table(
        "oil_slicks",
        "Oil on radar patches",
        head=["way", *(f"IoU of oil, {name} ({n[name]} patches)" for name in SENSORS)],
        rows=rows,
        text=[
            f"Development patches of the Deep-SAR oil spill set, 256 px; {given.folds} of {PARTS} parts were held back in turn, patches that look"
            " like one scene together. Pooled over all held-back pixels; in brackets 95 % intervals over scenes. Training took"
            f" {np.mean(seconds):.0f} s (at most {max(seconds):.0f} s).",
        ],
    )


if __name__ == "__main__":
    main()
