"""Training a detector: read tiles, split by scene, let the recipes compete on whole held-out pictures, calibrate, write the bundle."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.inference.agreement import check_graph
from imagine_kernels.inference.detector import Detector, log_odds, network_session
from imagine_kernels.measures.box_matching import PictureBoxes
from imagine_kernels.measures.detection_accuracy import (
    DetectionEvaluation,
    best_threshold,
    evaluate_boxes,
    paired_precision_gain,
)
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.models.detector import export_detector
from imagine_kernels.models.network import weights_of
from imagine_kernels.models.writing import check_target, package_versions, write_bundle
from imagine_kernels.records import Progress, Sample
from imagine_kernels.tasks.detection import Detection
from imagine_kernels.tasks.detection.finding import calibration_of, compared
from imagine_kernels.tasks.detection.learning import HEAD_STEPS, frozen_network, tuned_network
from imagine_kernels.tasks.detection.tiles import LabelledBoxes, read_box_tiles
from imagine_kernels.tasks.segmentation.likeness import scene_groups
from imagine_kernels.tasks.splitting import Split, split

#: Fewer groups are not drawn for intervals.
FEWEST_DRAWN = 5
#: Fewer boxes, right or wrong, are not calibrated on.
_FEWEST_CALIBRATED = 8
#: The calibration changes log-odds by this factor at least: a lower one would say that the scores mean nothing.
_LEAST_SLOPE = 0.2
#: The column of scenes that are told by their looks.
LOOKS = "scene, told by its looks"


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    recipe: str
    sentence: str
    network: Any
    graph: bytes
    #: What it finds on the held-out pictures, with calibrated scores.
    pictures: tuple[PictureBoxes, ...]
    slope: float
    offset: float
    min_score: float


def train_detector(
    sample: Sample,
    *,
    task: Detection,
    use_case: str,
    out: Path,
    splits_by: Sequence[str] = (),
    epochs: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> ModelBundle:
    """Train on the labelled pictures of a sample and write the better of the recipes as a bundle.

    Parameters
    ----------
    sample : Sample
    task : Detection
    use_case : str
        Name of the use case, kept in the bundle.
    out : Path
        Folder of the bundle; its name becomes the name of the model.
    splits_by : sequence of str
        Columns of ``sample.media`` that keep pictures together; where none varies enough, pictures that look like one scene stay together.
    epochs : int
        0 trains a head on the frozen backbone only; more also train the whole network for so many epochs, of 600 tiles at least each.
    seed : int
        The same seed gives the same model.
    progress : callable, optional
    cancel : threading.Event, optional

    Raises
    ------
    LabelError
        Nothing is marked, or on one picture only.
    DataNotFound
        `out` holds something else than a bundle.
    Cancelled
        `cancel` was set.
    """
    check_target(out)
    data = read_box_tiles(sample, task, seed=seed, progress=progress, cancel=cancel)
    parts, groups = _split(data, task, splits_by, seed)
    if parts.warning:
        warnings.warn(parts.warning, stacklevel=3)
    learn = data.tiles.where(~parts.validation[data.tiles.picture])
    if not (learn.target[:, :, 0] >= 0).any():
        raise LabelError(
            f"Nothing is marked on those pictures of {sample.name} that are left to learn from: label more pictures."
        )
    head = frozen_network(learn, task=task, n_classes=len(data.classes) - 1, seed=seed, progress=progress, cancel=cancel)
    sentence = (
        f"A one-stage detector without anchors: a head of separable convolutions on the joined features of the frozen ImageNet backbone"
        f" {task.backbone}, trained for {HEAD_STEPS} steps on {len(learn)} tiles of {task.tile} px, mirrored, zoomed, moved and lit."
    )
    candidates = [_tested("frozen", sentence, head, data, parts, task, cancel)]
    if epochs > 0:
        tuned = tuned_network(head, learn, task=task, epochs=epochs, seed=seed, progress=progress, cancel=cancel)
        sentence = (
            f"The same detector, trained on as a whole for {epochs} epochs (one cycle, batch-norm statistics frozen) on {len(learn)} tiles of"
            f" {task.tile} px. It is the very network that was validated, the validation split was not added."
        )
        candidates.append(_tested("fine-tuned", sentence, tuned, data, parts, task, cancel))
    # Bootstrapping two scenes says nothing: then pictures are drawn.
    held_out = groups[parts.validation].astype(str)
    drawn = held_out if len(np.unique(held_out)) >= FEWEST_DRAWN else np.arange(len(held_out))
    each = [evaluate_boxes(c.pictures, data.classes, min_score=c.min_score, groups=drawn) for c in candidates]
    gain = None
    if len(candidates) > 1:
        gain = paired_precision_gain(candidates[0].pictures, candidates[1].pictures, len(data.classes), groups=drawn)
    kept = 1 if gain is not None and gain[0] > gain[1] else 0
    if progress is not None:
        progress(1, 1, "writing the model")
    return _write(
        out, candidates, each, kept, gain=gain, data=data, parts=parts, task=task, use_case=use_case, seed=seed, epochs=epochs
    )


def _split(data: LabelledBoxes, task: Detection, splits_by: Sequence[str], seed: int) -> tuple[Split, NDArray[Any]]:
    """The folds of pictures (p,), and what keeps them together (p,)."""
    media = data.sample.media
    assert media is not None
    n = len(media)
    marked = [k for k, boxes in enumerate(data.boxes) if len(boxes.classes)]
    if len(marked) < 2:
        raise LabelError(
            f"Things are marked on one picture of {data.sample.name} only, and training needs two or more: label others."
        )
    labels = _rarest(data, task.folds)
    parts = split(labels, media, splits_by=splits_by, n_folds=task.folds, seed=seed)
    if not parts.by:
        each = media.assign(**{LOOKS: scene_groups(data.looks, backbone=task.backbone).astype(str)})
        again = split(labels, each, splits_by=(LOOKS,), n_folds=task.folds, seed=seed)
        # The looks are a help that nobody asked for: without them it is the first warning that holds.
        parts = again if again.by else replace(again, warning=parts.warning)
        media = each
    if not any(parts.validation[k] for k in marked):
        # Of few marked pictures all may be in other folds: then the fold with fewest of them is held out instead.
        first = Counter(parts.fold[marked].tolist()).most_common()[-1][0]
        fold = parts.fold.copy()
        fold[parts.fold == 0], fold[parts.fold == first] = first, 0
        parts = replace(parts, fold=fold)
    groups = media[parts.by].to_numpy(dtype=object) if parts.by else np.arange(n).astype(object)
    return parts, groups


def _rarest(data: LabelledBoxes, folds: int) -> NDArray[Any]:
    """What each picture (p,) stands for when folds get like shares: its rarest class, if there are enough pictures of each."""
    pictures = Counter(int(i) for boxes in data.boxes for i in np.unique(boxes.classes))
    labels = np.array(
        [
            data.classes[min(np.unique(boxes.classes), key=lambda i: pictures[int(i)]) if len(boxes.classes) else 0]
            for boxes in data.boxes
        ],
        dtype=object,
    )
    if min(Counter(labels.tolist()).values()) >= folds:
        return labels
    some = np.array([len(boxes.classes) > 0 for boxes in data.boxes])
    common = min(int(some.sum()), int((~some).sum())) >= folds
    return np.where(some, "marked", "empty").astype(object) if common else np.full(len(some), "picture", dtype=object)


def _tested(
    recipe: str, sentence: str, network: Any, data: LabelledBoxes, parts: Split, task: Detection, cancel: threading.Event | None
) -> _Candidate:
    """A candidate with what it finds on the held-out pictures."""
    graph = export_detector(network, size=task.tile, channels=task.channels)
    detector = Detector(
        network_session(network, graph), classes=data.classes, tile=task.tile, overlap=task.overlap, channels=task.channels,
        finest=task.finest, longest=task.longest,
    )  # fmt: skip
    media = data.sample.media
    assert media is not None
    rows = np.flatnonzero(parts.validation)
    files = media["file"].iloc[rows].tolist()
    found, done = compared(data.sample, files, [data.boxes[k] for k in rows], detector, cancel=cancel)
    if len(done) < len(rows):
        raise LabelError(f"{files[0]} or another picture of {data.sample.name} changed while it was trained on: train again.")
    slope, offset = fit_calibration(*calibration_of(found))
    pictures = tuple(replace(each, scores=1 / (1 + np.exp(-(slope * log_odds(each.scores) + offset)))) for each in found)
    best = best_threshold(pictures, len(data.classes))
    return _Candidate(
        recipe=recipe, sentence=sentence, network=network.to("cpu"), graph=graph, pictures=pictures, slope=slope, offset=offset,
        # A box of that very score is kept, in whatever precision it is computed.
        min_score=best - 1e-6 if best < 1 else 0.5,
    )  # fmt: skip


def fit_calibration(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset that make a chance of the log-odds of scores (n,), of which it is known which are right (n,).

    Source: Platt 1999, Probabilistic outputs for support vector machines, in Advances in Large Margin Classifiers. Slope 1 and offset 0 where
    there are too few boxes to tell.
    """
    from sklearn.linear_model import LogisticRegression

    if min(int(right.sum()), int((~right).sum())) < _FEWEST_CALIBRATED:
        return 1.0, 0.0
    odds = log_odds(scores)
    fitted = LogisticRegression(C=10.0).fit(odds[:, None], right)
    slope = float(fitted.coef_[0, 0])
    if slope >= _LEAST_SLOPE:
        return slope, float(fitted.intercept_[0])
    share = float(right.mean())
    return _LEAST_SLOPE, float(np.log(share / (1 - share)) - _LEAST_SLOPE * odds.mean())


def _write(
    out: Path,
    candidates: Sequence[_Candidate],
    evaluations: Sequence[DetectionEvaluation],
    kept: int,
    *,
    gain: tuple[float, float] | None,
    data: LabelledBoxes,
    parts: Split,
    task: Detection,
    use_case: str,
    seed: int,
    epochs: int,
) -> ModelBundle:
    import torch

    chosen, figures = candidates[kept], evaluations[kept].to_dict()
    confusion = figures.pop("confusion")["counts"]
    few = np.ascontiguousarray(data.tiles.pixels[:2])
    with torch.inference_mode():
        expected = chosen.network(torch.from_numpy(few)).numpy()
    media = data.sample.media
    assert media is not None
    labels = data.sample.objects["label"].value_counts()
    n = int(parts.validation.sum())
    description = {
        "use_case": use_case,
        "task": "detection",
        "headline": "map50",
        "name": Path(out).name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "intended_use": (
            "To propose boxes around things on pictures like those it was trained on (same camera, same distance, same things), for a person to"
            " check, and to estimate quantities with the errors that its figures imply."
        ),
        "recipe": chosen.recipe,
        "recipe_sentence": chosen.sentence,
        "reason": _reason(candidates, evaluations, kept, gain, n),
        "candidates": [
            {"recipe": c.recipe, "sentence": c.sentence, "map50": e["map50"].to_dict(), "map": e["map"].to_dict()}
            for c, e in zip(candidates, evaluations, strict=True)
        ],
        "classes": list(data.classes),
        "data": {
            "name": data.sample.name,
            "layout": data.sample.layout,
            "n": len(media),
            "n_tiles": len(data.tiles),
            "counts": {name: int(labels.get(name, 0)) for name in data.classes},
            "sha256": data.sha256,
            "left_out": [str(problem) for problem in data.problems],
        },
        "split": {
            "by": parts.by,
            "sentence": parts.sentence,
            "warning": parts.warning,
            "n_folds": parts.n_folds,
            "n_validation": n,
            "n_held_out": n,
            "held_out_sentence": "They are the validation split.",
        },
        "input": {
            "size": task.tile,
            "overlap": task.overlap,
            "longest": task.longest,
            "channels": task.channels,
            "backbone": task.backbone,
            "finest": task.finest,
            "network": "one-stage detector",
            "pixels": "uint8; the graph normalises: (x - 127) / 128",
        },
        "orientations": 1,
        "orientations_reason": "boxes are looked for in one orientation.",
        "temperature": 1 / chosen.slope,
        "calibration": {"slope": chosen.slope, "offset": chosen.offset},
        "min_score": chosen.min_score,
        "metrics": figures,
        "confusion": confusion,
        "precision": {},
        "limits": _limits(data, n, chosen, parts),
        "training": {"epochs": epochs, "seed": seed, "task": asdict(task)},
        "onnx_difference": check_graph(chosen.graph, {"pixels": few}, expected),
        **package_versions(),
    }
    return write_bundle(out, description=description, graph=chosen.graph, weights=weights_of(chosen.network))


def _reason(
    candidates: Sequence[_Candidate],
    evaluations: Sequence[DetectionEvaluation],
    kept: int,
    gain: tuple[float, float] | None,
    n: int,
) -> str:
    if gain is None:
        return "No other recipe was tried: the training was asked for 0 epochs of fine-tuning."
    told = []
    for candidate, evaluation in zip(candidates, evaluations, strict=True):
        figure = evaluation["map50"]
        told.append(f"{candidate.recipe} {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]")
    return (
        f"The {candidates[kept].recipe} recipe was kept: the mAP50 on the same {n} validation pictures is {', '.join(told)}. Training the whole"
        f" network gains {gain[0]:+.3f} with a standard error of {gain[1]:.3f}; it is kept where it gains more than that error."
    )


def _limits(data: LabelledBoxes, n: int, chosen: _Candidate, parts: Split) -> list[str]:
    learnt = {int(i) for boxes, out in zip(data.boxes, parts.validation, strict=True) if not out for i in boxes.classes}
    missing = [name for i, name in enumerate(data.classes[1:], start=1) if i not in learnt]
    return [
        *([parts.warning] if parts.warning else []),
        *([f"Nothing was learnt of {', '.join(missing)}: all pictures with it were held out."] if missing else []),
        "It knows no other classes than those above: other things are missed, or given one of these labels.",
        "Figures hold for pictures like the training data; another camera, distance, season or region can lower them much.",
        f"The intervals are those of {n} held-out pictures, and do not cover a change of the data.",
        f"Boxes are kept from a score of {chosen.min_score:.3f} on, at which F1 is best on the held-out pictures; precision and recall at it, and the"
        " calibration, which was fitted to the same pictures, are a little too good.",
    ]
