"""Single or several: the classifier and the proposed cuts on generated organisms whose truth is exact, none of which were trained on.

``--train`` makes the coefficients in ``imagine_kernels/measures/multiples.json`` again first; the same seed gives the same ones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import imagine_kernels as ik
from benchmarks.report import write_table
from imagine_kernels.measures import multiples
from imagine_kernels.measures.multiples import expanded, multiple_features, multiple_probability
from imagine_kernels.measures.separating import bodies, proposed_cut
from imagine_kernels.media.scan_parts import drawn
from imagine_kernels.records.cuts import MULTIPLE
from imagine_kernels.samples.zooscan import THRESHOLD
from imagine_kernels.samples.zooscan_scan import make_scan, organism
from imagine_kernels.samples.zooscan_touching import Touching, touching

COEFFICIENTS = Path(multiples.__file__).with_name("multiples.json")
TRAINED_ON, TRAIN_SEED, TEST_SEED = 1500, 2101, 2102
TESTED_ON, SCAN_SEEDS = 400, (31, 32, 33)
#: One in five is three organisms, the others are two.
THREE = 0.2
#: Inverse strength of the regularisation, chosen among 0.003, 0.01, 0.03, 0.1 on organisms that are neither trained on nor tested on here.
STRENGTH = 0.03

Picture = NDArray[np.uint8]


def drawn_organisms(seed: int, n: int) -> tuple[list[tuple[str, Picture]], list[Touching]]:
    """N organisms alone, and n objects of two or three that touch."""
    rng = np.random.default_rng(seed)
    alone = [organism(rng) for _ in range(n)]
    together: list[Touching] = []
    while len(together) < n:
        found = touching(rng, [organism(rng) for _ in range(3 if rng.random() < THREE else 2)])
        if found is not None:
            together.append(found)
    return alone, together


def train(seed: int = TRAIN_SEED, n: int = TRAINED_ON) -> dict[str, Any]:
    """The coefficients."""
    from sklearn.linear_model import LogisticRegression

    alone, together = drawn_organisms(seed, n)
    pictures = [picture for _, picture in alone] + [each.picture for each in together]
    table = np.array([multiple_features(picture, threshold=THRESHOLD) for picture in pictures])
    several = np.arange(len(pictures)) >= len(alone)
    mean, scale = table.mean(axis=0), table.std(axis=0)
    fitted = LogisticRegression(C=STRENGTH, max_iter=5000).fit(expanded(table, mean, scale), several)
    rounded = {"mean": mean, "scale": scale, "weight": fitted.coef_[0]}
    return {
        "trained_on": f"{n} generated organisms alone and {n} objects of two or three that touch, seed {seed}",
        "features": list(multiples.FEATURES),
        "bias": round(float(fitted.intercept_[0]), 5),
        **{name: [round(float(value), 5) for value in values] for name, values in rounded.items()},
    }


def separated(picture: Picture) -> NDArray[np.int32]:
    """The parts that the proposed cut leaves, numbered."""
    import cv2

    padded = np.pad(picture, 4, constant_values=255)
    mask = padded <= THRESHOLD
    left = drawn(padded, proposed_cut(mask)) <= THRESHOLD
    return np.asarray(cv2.connectedComponents(left.astype(np.uint8), connectivity=8)[1], dtype=np.int32)[4:-4, 4:-4]


def agreement(labels: NDArray[np.int32], truth: Touching) -> tuple[int, float]:
    """Parts too many, crumbs of less than 2 % left out, and the least IoU of an organism with the part that fits it best."""
    areas = np.bincount(labels.ravel())[1:]
    kept = [part + 1 for part in np.flatnonzero(areas >= 0.02 * areas.sum())]
    best = [
        max(float((part & mask).sum() / (part | mask).sum()) for part in (labels == each for each in kept))
        for mask in truth.masks
    ]
    return len(kept) - len(truth.labels), min(best)


def _rates(name: str, several: NDArray[np.bool_], probability: NDArray[np.float64]) -> list[str]:
    said = probability >= 0.5
    right = int((said & several).sum())
    return [
        name, str(len(several)), str(int(several.sum())),
        f"{100 * right / max(several.sum(), 1):.1f} %", f"{100 * right / max(said.sum(), 1):.1f} %",
    ]  # fmt: skip


def _scan(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Truth and probability of the objects of a whole scan, by the box that fits."""
    with tempfile.TemporaryDirectory() as folder:
        project = make_scan(Path(folder) / "project", seed, width=4200, height=3000, n=120, touching=24)
        truth = json.loads((project / "truth.json").read_text(encoding="utf-8"))["objects"]
        sample = ik.use_case("zooscan").open(project)
    kinds = {(each["bx"], each["by"]): each["kind"] for each in truth}
    objects = sample.objects
    found = [kinds.get((int(x), int(y)), "") for x, y in zip(objects["object_bx"], objects["object_by"], strict=True)]
    known = np.array([kind in ("isolated", "touching") for kind in found])
    return np.array([kind == "touching" for kind in found])[known], objects[MULTIPLE].to_numpy(dtype=np.float64)[known]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", action="store_true", help="make the coefficients again first")
    if parser.parse_args(arguments).train:
        COEFFICIENTS.write_text(json.dumps(train(), indent=1) + "\n", encoding="utf-8")
        multiples._model.cache_clear()
    alone, together = drawn_organisms(TEST_SEED, TESTED_ON)
    pictures = [picture for _, picture in alone] + [each.picture for each in together]
    several = np.arange(len(pictures)) >= len(alone)
    begun = time.process_time()
    probability = multiple_probability(pictures, threshold=THRESHOLD)
    took = (time.process_time() - begun) / len(pictures)
    rows = [_rates("vignettes", several, probability)]
    rows += [_rates(f"whole scan, seed {seed}", *_scan(seed)) for seed in SCAN_SEEDS]
    plain: Callable[[Touching], NDArray[np.int32]] = lambda each: bodies(each.picture <= THRESHOLD)  # noqa: E731
    ways = {"proposed cut": lambda each: separated(each.picture), "watershed at the default shares only": plain}
    cuts = []
    for name, way in ways.items():
        found = [agreement(way(each), each) for each in together]
        more, least = np.array([a for a, _ in found]), np.array([b for _, b in found])
        shares = ((more == 0).mean(), (more > 0).mean(), (more < 0).mean(), ((more == 0) & (least >= 0.7)).mean())
        cuts.append(f"{name}: " + ", ".join(f"{100 * share:.1f} % {what}" for share, what in zip(shares, _CUTS, strict=True)))
    write_table(
        "multiples",
        "Objects that are several organisms",
        head=("objects", "n", "of these several", "recall", "precision"),
        rows=rows,
        text=[
            f"Trained on {TRAINED_ON} generated organisms alone and as many objects of two or three that touch (seed {TRAIN_SEED}), tested"
            f" on others (seed {TEST_SEED}, and whole scans of their own); several where the probability is 0.5 or more."
            f" {1000 * took:.1f} ms of processor for each object.",
            f"Cuts through the {len(together)} objects that are several. " + "; ".join(cuts) + ".",
        ],
    )


_CUTS = ("in the right number of parts", "in too many", "in too few", "in the right number, each with an IoU of 0.7 or more")


if __name__ == "__main__":
    main()
