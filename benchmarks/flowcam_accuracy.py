"""How well real FlowCam particles are identified: vignettes by 5-fold cross-validation, and whole runs trained on the one and tested on the other.

Within a recipe nothing is chosen on the folds or the run that is scored: the strength of the regularisation is chosen inside the training
part. Takes some minutes, almost all of it for the features of the backbone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import SHARED_DATA, write_table
from benchmarks.zooscan_five_fold import REPEATS, folds
from imagine_kernels.errors import ImageError
from imagine_kernels.formats.flowcam import read_flowcam
from imagine_kernels.inference.allocator import restart_with_fast_allocator
from imagine_kernels.inference.classifier import prepare
from imagine_kernels.inference.sessions import cpu_session
from imagine_kernels.measures.morphometry import log_scaled
from imagine_kernels.media.objects import Pictures as Crops
from imagine_kernels.models.graph import export_onnx
from imagine_kernels.models.network import build_network, feature_lengths
from imagine_kernels.records import Sample
from imagine_kernels.tasks.candidates import averaged_features
from imagine_kernels.tasks.finetune import Pictures, balanced_accuracy
from imagine_kernels.tasks.head import fit_head
from imagine_kernels.tasks.reading import taken
from imagine_kernels.use_cases.flowcam import USE_CASE

DATA = SHARED_DATA / "flowcam"
TASK = USE_CASE.task
#: The instrument's own measures of a particle, columns of a run.
INSTRUMENT = tuple(
    f"object_{name}"
    for name in [
        "area",
        "major",
        "minor",
        "feret",
        "perim.",
        "abd_um",
        "esd_um",
        "length_um",
        "width_um",
        "intensity",
        "sigma_intensity",
        "compactness",
        "elongation",
        "roughness",
        "edge_gradient",
        "circle_fit",
        "symmetry",
        "circularity_hu",
        "convex_perimeter_um",
        "area_filled_um2",
        "avg_red",
        "avg_green",
        "avg_blue",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of n labelled particles.

    Attributes
    ----------
    one, mean : (n, d) float32 ndarrays
        Of the backbone with one orientation, and averaged over eight.
    shape : (n, m) float32 ndarray
        Morphometry, log-scaled.
    target : (n,) int64 ndarray
    """

    one: NDArray[np.float32]
    mean: NDArray[np.float32]
    shape: NDArray[np.float32]
    target: NDArray[np.int64]


def main() -> None:
    if not DATA.is_dir():
        print("flowcam_accuracy: left out, shared/data/flowcam is absent.")
        return
    restart_with_fast_allocator()
    rows = [*vignette_rows(DATA / "planktonclas_demo"), *run_rows(DATA / "vickot_flowcam8000" / "Training" / "data")]
    write_table(
        "flowcam_accuracy",
        "FlowCam particles: what was tried",
        text=[
            "Balanced accuracy. Vignettes: the planktonclas demo, 6 classes, stratified 5-fold cross-validation, mean and range over"
            f" {REPEATS} ways to cut the folds. Runs: two runs of a FlowCam 8000 of 1 000 particles each (Junk, Missed, Protist; 77 % Junk),"
            " trained on the one, tested on the other.",
            "White background: the picture divided by the grey value of its rim, noise made white, so that a fixed threshold finds the particle"
            " (`imagine_kernels.media.collages.white_background`). Instrument: the measures in the particle list.",
            "`imagine train flowcam --epochs 0` does what the rows of the white background with the last layer and morphometry say, with class"
            " weights to the power 1.",
        ],
        head=["data", "recipe", "balanced accuracy", "range, or each direction"],
        rows=rows,
    )


def vignette_rows(folder: Path) -> list[list[str]]:
    sample = read_flowcam(folder, {})
    lengths = feature_lengths(TASK.backbone)
    last = lengths[0]
    rows = []

    def add(name: str, scores: list[float]) -> None:
        rows.append([f"{len(sample)} vignettes", name, f"{np.mean(scores):.3f}", f"{min(scores):.3f}–{max(scores):.3f}"])
        print(rows[-1], flush=True)

    for words, whitened in (("as it is", False), ("white background", True)):
        seen = look(sample, whitened=whitened)
        m = seen.shape.shape[1]
        one = seen.one[:, :last]
        add(f"{words}: last layer, one orientation, forest", [forest(one, seen.target, seed) for seed in range(REPEATS)])
        for name, x, blocks in (
            ("last layer, one orientation, head", one, [last]),
            ("last layer, 8 orientations, head", seen.mean[:, :last], [last]),
            ("last layer, 8 orientations, head + morphometry", np.hstack([seen.mean[:, :last], seen.shape]), [last, m]),
            ("four stages, 8 orientations, head", seen.mean, [*lengths]),
            ("four stages, 8 orientations, head + morphometry", np.hstack([seen.mean, seen.shape]), [*lengths, m]),
        ):
            add(f"{words}: {name}", [cross(x, seen.target, blocks, seed) for seed in range(REPEATS)])
    return rows


def run_rows(folder: Path) -> list[list[str]]:
    sample = read_flowcam(folder, {}).labelled
    instrument = log_scaled(sample.objects[list(INSTRUMENT)].to_numpy(dtype=np.float64))
    runs = sample.objects["sample_id"].to_numpy(dtype=str)
    first = runs == np.unique(runs)[0]
    ways = ((first, ~first), (~first, first))
    lengths = feature_lengths(TASK.backbone)
    rows = []

    def add(name: str, scores: list[float]) -> None:
        rows.append(["2 runs", name, f"{np.mean(scores):.3f}", f"{scores[0]:.3f}, {scores[1]:.3f}"])
        print(rows[-1], flush=True)

    for words, whitened in (("as it is", False), ("white background", True)):
        seen = look(sample, whitened=whitened)
        m, k = seen.shape.shape[1], instrument.shape[1]
        if not whitened:
            add(
                "instrument alone, balanced logistic regression",
                [balanced(instrument, seen.target, train, test) for train, test in ways],
            )
        joined = np.hstack([seen.mean[:, : lengths[0]], instrument])
        name = f"{words}: last layer + instrument, balanced logistic regression"
        add(name, [balanced(joined, seen.target, train, test) for train, test in ways])
        short, every = np.hstack([seen.mean[:, : lengths[0]], seen.shape]), np.hstack([seen.mean, seen.shape])
        for name, x, blocks, exponent in (
            ("four stages + morphometry, head, class weights to the power 0.25", every, [*lengths, m], 0.25),
            ("four stages + morphometry, head, class weights to the power 1", every, [*lengths, m], 1.0),
            ("last layer + morphometry, head, class weights to the power 1", short, [lengths[0], m], 1.0),
            ("four stages + morphometry + instrument, head, class weights to the power 1", np.hstack([every, instrument]), [*lengths, m, k], 1.0),
            ("last layer + morphometry + instrument, head, class weights to the power 1", np.hstack([short, instrument]), [lengths[0], m, k], 1.0),
        ):  # fmt: skip
            add(f"{words}: {name}", [transfer(x, seen.target, blocks, train, test, exponent) for train, test in ways])
    return rows


def look(sample: Sample, *, whitened: bool) -> Seen:
    """Crops of all particles through the frozen backbone, and their morphometry."""
    given = taken(replace(TASK, white_background=whitened))
    pixels, shapes = [], []
    with Crops(sample) as crops:
        for row, crop in crops.many():
            if isinstance(crop, ImageError):
                raise crop
            ready = prepare(given, np.array([row]), [crop])
            pixels.append(ready.pixels)
            shapes.append(ready.morphometry)
    labels = sample.objects["label"].to_numpy(dtype=str)
    target = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    shape = np.concatenate(shapes)
    pictures = Pictures(pixels=np.concatenate(pixels), morphometry=shape, target=target)
    network = build_network(backbone=TASK.backbone, classes=int(target.max()) + 1, morphometry=shape.shape[1])
    session = cpu_session(export_onnx(network, size=TASK.size, morphometry=shape.shape[1]))
    means = averaged_features(session, pictures, TASK.orientations, length=sum(feature_lengths(TASK.backbone)))
    return Seen(one=means[1], mean=means[TASK.orientations], shape=shape, target=target)


def cross(x: NDArray[np.float32], target: NDArray[np.int64], blocks: Sequence[int], seed: int) -> float:
    predicted = np.empty_like(target)
    k = int(target.max()) + 1
    for train, test in folds(target, seed):
        head = fit_head(x[train], target[train], blocks=blocks, n_classes=k, exponent=TASK.class_weight_exponent, seed=seed)
        predicted[test] = head.logits(x[test]).argmax(axis=1)
    return balanced_accuracy(predicted, target)


def forest(x: NDArray[np.float32], target: NDArray[np.int64], seed: int) -> float:
    from sklearn.ensemble import RandomForestClassifier

    predicted = np.empty_like(target)
    for train, test in folds(target, seed):
        model = RandomForestClassifier(300, class_weight="balanced", random_state=seed, n_jobs=1).fit(x[train], target[train])
        predicted[test] = model.predict(x[test])
    return balanced_accuracy(predicted, target)


def transfer(
    x: NDArray[np.float32],
    target: NDArray[np.int64],
    blocks: Sequence[int],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    exponent: float,
) -> float:
    k = int(target.max()) + 1
    head = fit_head(x[train], target[train], blocks=blocks, n_classes=k, exponent=exponent, seed=0)
    return balanced_accuracy(head.logits(x[test]).argmax(axis=1), target[test])


def balanced(x: NDArray[np.float32], target: NDArray[np.int64], train: NDArray[np.bool_], test: NDArray[np.bool_]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", C=0.01, max_iter=2000))
    return balanced_accuracy(model.fit(x[train], target[train]).predict(x[test]), target[test])


if __name__ == "__main__":
    main()
