"""Training a classifier: read, split, let the recipes compete, calibrate, write the bundle."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.inference.agreement import check_graph
from imagine_kernels.inference.classifier import softmax
from imagine_kernels.inference.sessions import cpu_session, has_bf16
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.models.network import weights_of
from imagine_kernels.models.writing import check_target, package_versions, write_bundle
from imagine_kernels.records import Progress, Sample
from imagine_kernels.tasks.calibration import fit_temperature
from imagine_kernels.tasks.candidates import Candidate, averaged_logits, frozen_candidate, frozen_features, tuned_candidate
from imagine_kernels.tasks.choice import Gain, paired_gain
from imagine_kernels.tasks.classification import Classification
from imagine_kernels.tasks.finetune import Pictures
from imagine_kernels.tasks.reading import Labelled, read_labelled, taken
from imagine_kernels.tasks.splitting import Split, check_labels, split, watched

if TYPE_CHECKING:
    from imagine_kernels.measures.accuracy import Evaluation

#: Pictures on which a faster precision is compared with f32.
_MAX_TO_COMPARE = 400


def train_classifier(
    sample: Sample,
    *,
    task: Classification,
    use_case: str,
    out: Path,
    splits_by: Sequence[str] = (),
    epochs: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> ModelBundle:
    """Train on the labelled part of a sample and write the better of the recipes as a bundle.

    Parameters
    ----------
    sample : Sample
    task : Classification
    use_case : str
        Name of the use case, kept in the bundle.
    out : Path
        Folder of the bundle; its name becomes the name of the model.
    splits_by : sequence of str
        Columns that keep objects together in the split; see `imagine_kernels.tasks.splitting.split`.
    epochs : int
        0 trains a head on frozen features only; more also fine-tune the backbone.
    seed : int
        The same seed gives the same model.
    progress : callable, optional
    cancel : threading.Event, optional

    Raises
    ------
    LabelError
        There are fewer than two classes, or a class has one object only.
    DataNotFound
        `out` holds something else than a bundle.
    Cancelled
        `cancel` was set.
    """
    check_target(out)
    labelled = sample.labelled
    check_labels(labelled.objects["label"].to_numpy(dtype=object))
    data = read_labelled(labelled, task, progress=progress, cancel=cancel)
    labels = data.sample.objects["label"].to_numpy(dtype=object)
    check_labels(labels)
    parts = split(labels, data.sample.objects, splits_by=splits_by, n_folds=task.folds, seed=seed)
    if parts.warning:
        warnings.warn(parts.warning, stacklevel=3)
    given: dict[str, Any] = {"task": task, "n_classes": len(data.classes), "progress": progress, "cancel": cancel}
    frozen = frozen_features(data.pictures, **given)
    candidates = [frozen_candidate(frozen, data.pictures, parts, seed=seed, **given)]
    if epochs > 0:
        watch = watched(labels, data.sample.objects, parts, splits_by=splits_by, seed=seed)
        candidates.append(tuned_candidate(frozen, data.pictures, parts, watch, epochs=epochs, seed=seed, **given))
    compared = [_on_validation(candidate, parts, data) for candidate in candidates]
    gain = _gain(candidates, parts, data) if len(candidates) > 1 else None
    kept = candidates[1] if gain is not None and gain.counts else candidates[0]
    if progress is not None:
        progress(1, 1, "writing the model")
    return _write(
        out, kept, candidates, compared, gain=gain, data=data, parts=parts, task=task, use_case=use_case, seed=seed, epochs=epochs
    )


def _gain(candidates: Sequence[Candidate], parts: Split, data: Labelled) -> Gain:
    """What fine-tuning gains over frozen features on the validation split."""
    first, second = (candidate.logits[parts.validation[candidate.rows]].argmax(axis=1) for candidate in candidates)
    return paired_gain(data.pictures.target[parts.validation], first, second)


def _on_validation(candidate: Candidate, parts: Split, data: Labelled) -> Evaluation:
    """The metrics of a candidate on the validation split, so that all are compared on the same objects."""
    return _evaluated(candidate, data, parts.validation[candidate.rows])


def _evaluated(candidate: Candidate, data: Labelled, chosen: NDArray[np.bool_], *, temperature: float = 1.0) -> Evaluation:
    from imagine_kernels.measures.accuracy import evaluate

    names = np.asarray(data.classes, dtype=object)
    true = names[data.pictures.target[candidate.rows[chosen]]]
    return evaluate(true, softmax(candidate.logits[chosen] / temperature), data.classes, seed=0)


def _write(
    out: Path,
    kept: Candidate,
    candidates: Sequence[Candidate],
    compared: Sequence[Evaluation],
    *,
    gain: Gain | None,
    data: Labelled,
    parts: Split,
    task: Classification,
    use_case: str,
    seed: int,
    epochs: int,
) -> ModelBundle:
    target = data.pictures.target
    temperature = fit_temperature(kept.logits, target[kept.rows])
    metrics = _evaluated(kept, data, np.ones(len(kept.rows), dtype=bool), temperature=temperature).to_dict()
    confusion = metrics.pop("confusion")["counts"]
    graph = kept.graph
    difference = _check(graph, kept.network, data.pictures)
    counts = np.bincount(target, minlength=len(data.classes))
    n_held_out, n_validation = len(kept.rows), int(parts.validation.sum())
    crossed = n_held_out > n_validation
    description = {
        "use_case": use_case,
        "name": Path(out).name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "intended_use": (
            "To propose labels for pictures like those it was trained on (same instrument, same cutting, same taxa), for a person to check,"
            " and to estimate quantities with the errors that its confusion matrix implies."
        ),
        "recipe": kept.recipe,
        "recipe_sentence": kept.sentence,
        "reason": _reason(kept, candidates, compared, gain, n_validation),
        "candidates": [
            {
                "recipe": c.recipe,
                "sentence": c.sentence,
                "balanced_accuracy": e["balanced_accuracy"].to_dict(),
                "settings": c.settings,
            }
            for c, e in zip(candidates, compared, strict=True)
        ],
        "classes": list(data.classes),
        "data": {
            "name": data.sample.name,
            "layout": data.sample.layout,
            "n": len(target),
            "counts": {name: int(count) for name, count in zip(data.classes, counts, strict=True)},
            "sha256": data.sha256,
            "left_out": [str(problem) for problem in data.problems],
        },
        "split": {
            "by": parts.by,
            "sentence": parts.sentence,
            "warning": parts.warning,
            "n_folds": parts.n_folds,
            "n_validation": n_validation,
            "n_held_out": n_held_out,
            "held_out_sentence": (
                f"Each object was held out once, in {parts.n_folds}-fold cross-validation."
                if crossed
                else "They are the validation split."
            ),
        },
        "input": taken(task),
        "orientations": kept.orientations,
        "orientations_reason": kept.orientations_reason,
        "temperature": temperature,
        "metrics": metrics,
        "confusion": confusion,
        "precision": _agreements(graph, data.pictures, kept.orientations, len(data.classes), parts),
        "limits": _limits(data, n_held_out, parts.warning),
        "training": {"epochs": epochs, "seed": seed, "task": asdict(task), **kept.settings},
        "onnx_difference": difference,
        **package_versions(),
    }
    return write_bundle(out, description=description, graph=graph, weights=weights_of(kept.network))


def _reason(kept: Candidate, candidates: Sequence[Candidate], compared: Sequence[Evaluation], gain: Gain | None, n: int) -> str:
    if gain is None:
        return "No other recipe was tried: the training was asked for 0 epochs of fine-tuning."
    parts = []
    for candidate, evaluation in zip(candidates, compared, strict=True):
        figure = evaluation["balanced_accuracy"]
        parts.append(f"{candidate.recipe} {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]")
    return (
        f"The {kept.recipe} recipe was kept: balanced accuracy on the same {n} validation objects is {', '.join(parts)}. Fine-tuning gains"
        f" {gain.value:+.3f} with a standard error of {gain.error:.3f}; it is kept where it gains more than that error."
    )


def _check(graph: bytes, network: Any, pictures: Pictures) -> float:
    import torch

    few = pictures.where(np.arange(min(8, len(pictures))))
    with torch.inference_mode():
        logits = network.to("cpu")(torch.from_numpy(few.pixels), torch.from_numpy(few.morphometry))[0].numpy()
    return check_graph(graph, {"pixels": few.pixels, "morphometry": few.morphometry}, logits)


def _agreements(graph: bytes, pictures: Pictures, orientations: int, n_classes: int, parts: Split) -> Mapping[str, float]:
    """Share of the validation pictures whose most probable class in bf16 is that in f32; empty where the processor has no bf16."""
    if not has_bf16():
        return {}
    chosen = pictures.where(np.flatnonzero(parts.validation)[:_MAX_TO_COMPARE])
    exact, fast = (
        averaged_logits(cpu_session(graph, precision=precision), chosen, orientations, n_classes)[orientations].argmax(axis=1)
        for precision in ("f32", "bf16")
    )
    return {"bf16": float((exact == fast).mean())}


def _limits(data: Labelled, n_held_out: int, warning: str) -> list[str]:
    counts = np.bincount(data.pictures.target, minlength=len(data.classes))
    few = [name for name, count in zip(data.classes, counts, strict=True) if count < 50]
    limits = [
        "It knows no other classes than those above: everything else is given one of these labels.",
        "Figures hold for data like the training data; another instrument, net, season or region can lower them much.",
        f"The intervals are those of {n_held_out} held-out objects and do not cover a change of the data.",
    ]
    if warning:
        limits.insert(0, warning)
    if few:
        limits.append(f"Few objects (fewer than 50) taught it these classes: {', '.join(few)}.")
    return limits
