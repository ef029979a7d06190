"""Training a segmenter: read tiles, split by scene, let the recipes compete, calibrate, write the bundle."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.inference.agreement import check_graph
from imagine_kernels.inference.pictures import oriented
from imagine_kernels.inference.segmenter import BATCH, softmax, turned_back
from imagine_kernels.inference.sessions import Session, TorchSession, cpu_session, has_bf16
from imagine_kernels.measures.mask_accuracy import IGNORED, MaskEvaluation, evaluate_masks, paired_iou_gain, pixel_confusion
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.models.network import weights_of
from imagine_kernels.models.unet import OUTPUTS, export_unet
from imagine_kernels.models.writing import check_target, package_versions, write_bundle
from imagine_kernels.records import Progress, Sample
from imagine_kernels.tasks.calibration import fit_temperature
from imagine_kernels.tasks.candidates import NUMBERS, stop_if
from imagine_kernels.tasks.segmentation import Segmentation
from imagine_kernels.tasks.segmentation.learning import frozen_network, tuned_network
from imagine_kernels.tasks.segmentation.likeness import scene_groups
from imagine_kernels.tasks.segmentation.tiles import LabelledTiles, Tiles, read_tiles
from imagine_kernels.tasks.splitting import Split, split

#: More orientations must gain at least this much mean IoU: they cost as many times the inference.
MIN_GAIN = 0.01
#: Fewer groups are not drawn for intervals.
FEWEST_DRAWN = 5
#: Pixels that the temperature is fitted to.
_CALIBRATED = 100_000
#: Tiles on which a faster precision is compared with f32.
_COMPARED = 40
#: The column of scenes that are told by their looks.
LOOKS = "scene, told by its looks"


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    recipe: str
    sentence: str
    network: Any
    graph: bytes
    orientations: int
    reason: str
    #: On the tiles that were held out: probabilities averaged over the orientations, by class index, (v, k, k).
    confusions: NDArray[np.int64]


def train_segmenter(
    sample: Sample,
    *,
    task: Segmentation,
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
    task : Segmentation
    use_case : str
        Name of the use case, kept in the bundle.
    out : Path
        Folder of the bundle; its name becomes the name of the model.
    splits_by : sequence of str
        Columns of ``sample.media`` that keep pictures together; where none varies enough, pictures that look like one scene stay together.
    epochs : int
        0 fits a regression on frozen features only; more also train a U-Net for so many epochs, of 600 tiles at least each.
    seed : int
        The same seed gives the same model.
    progress : callable, optional
    cancel : threading.Event, optional

    Raises
    ------
    LabelError
        Nothing is marked, or on one tile only.
    DataNotFound
        `out` holds something else than a bundle.
    Cancelled
        `cancel` was set.
    """
    check_target(out)
    data = read_tiles(sample, task, seed=seed, progress=progress, cancel=cancel)
    parts, groups = _split(data, task, splits_by, seed)
    if parts.warning:
        warnings.warn(parts.warning, stacklevel=3)
    learn, test = data.tiles.where(~parts.validation), data.tiles.where(parts.validation)
    given: dict[str, Any] = {"task": task, "n_classes": len(data.classes), "seed": seed, "cancel": cancel}
    if progress is not None:
        progress(0, 1, "fitting a regression on frozen features")
    frozen = frozen_network(learn, **given)
    sentence = (
        f"A multinomial logistic regression of single pixels on what the frozen ImageNet backbone {task.backbone} sees at all its scales, fitted to"
        f" {len(learn)} tiles of {task.tile} px."
    )
    candidates = [_tested("frozen", sentence, frozen, test, task, len(data.classes), cancel)]
    if epochs > 0:
        tuned = tuned_network(learn, epochs=epochs, progress=progress, **given)
        sentence = (
            f"A U-Net whose encoder is the ImageNet backbone {task.backbone}, trained for {epochs} epochs (one cycle, turned, zoomed and lit tiles,"
            f" statistics of the encoder frozen) on {len(learn)} tiles of {task.tile} px with cross-entropy and soft Jaccard distance. It is the very"
            " network that was validated, the validation split was not added."
        )
        candidates.append(_tested("fine-tuned", sentence, tuned, test, task, len(data.classes), cancel))
    # Bootstrapping two scenes says nothing: then pictures are drawn, or tiles.
    held_out = next(
        (each for each in (groups[parts.validation], test.picture) if len(np.unique(each.astype(str))) >= FEWEST_DRAWN),
        np.arange(len(test)),
    )
    compared = [evaluate_masks(each.confusions, data.classes, groups=held_out) for each in candidates]
    gain = paired_iou_gain(candidates[0].confusions, candidates[1].confusions, groups=held_out) if len(candidates) > 1 else None
    kept = 1 if gain is not None and gain[0] > gain[1] else 0
    if progress is not None:
        progress(1, 1, "writing the model")
    return _write(
        out,
        candidates,
        compared,
        kept,
        gain=gain,
        data=data,
        test=test,
        parts=parts,
        task=task,
        use_case=use_case,
        seed=seed,
        epochs=epochs,
    )


def _split(data: LabelledTiles, task: Segmentation, splits_by: Sequence[str], seed: int) -> tuple[Split, NDArray[Any]]:
    """The folds of tiles (n,), and what keeps them together (n,)."""
    tiles, media = data.tiles, data.sample.media
    assert media is not None
    if len(tiles) < 2:
        raise LabelError(
            f"{data.sample.name} fills one tile of {task.tile} px only, and training needs two or more: add labelled pictures."
        )
    first = np.unique(tiles.picture, return_index=True)[1]
    looks = scene_groups(tiles.pixels[first], backbone=task.backbone)[tiles.picture]
    each = media.iloc[tiles.picture].reset_index(drop=True).assign(**{LOOKS: looks.astype(str)})
    marked = ((tiles.target > 0) & (tiles.target != IGNORED)).any(axis=(1, 2))
    common = min(int(marked.sum()), int((~marked).sum())) >= 2 * task.folds
    labels = np.where(marked, "marked", "empty").astype(object) if common else np.full(len(tiles), "tile", dtype=object)
    parts = split(labels, each, splits_by=(*splits_by, LOOKS), n_folds=task.folds, seed=seed)
    groups = each[parts.by].to_numpy(dtype=object) if parts.by else tiles.picture.astype(object)
    return parts, groups


def _tested(
    recipe: str, sentence: str, network: Any, test: Tiles, task: Segmentation, k: int, cancel: threading.Event | None
) -> _Candidate:
    """A candidate with its confusions on held-out tiles, averaged over as few orientations as do."""
    graph = export_unet(network, size=task.tile, channels=task.channels)
    numbers = [number for number in NUMBERS if number <= task.orientations]
    total: Any = 0.0
    found: dict[int, NDArray[np.int64]] = {}
    session = _session(network, graph)
    for orientation in range(numbers[-1]):
        stop_if(cancel)
        total = total + _probabilities(session, test, orientation, 1.0)
        if orientation + 1 in numbers:
            found[orientation + 1] = _confusions(test, total.argmax(axis=1), k)
    reached = {
        number: evaluate_masks(each, [str(i) for i in range(k)], n_draws=2)["mean_iou"].value for number, each in found.items()
    }
    number = min(each for each, value in reached.items() if max(reached.values()) - value < MIN_GAIN)
    figures = ", ".join(f"{value:.3f} with {each}" for each, value in reached.items())
    return _Candidate(
        recipe=recipe, sentence=sentence, network=network, graph=graph, orientations=number,
        reason=f"on held-out tiles the mean IoU is {figures}.", confusions=found[number],
    )  # fmt: skip


def _session(network: Any, graph: bytes, precision: str = "f32") -> Session:
    import torch

    if torch.cuda.is_available() and precision == "f32":
        return TorchSession(network, outputs=OUTPUTS)
    return cpu_session(graph, precision=precision, batch=BATCH)


def _logits(session: Session, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    parts: dict[int, NDArray[np.float32]] = {}
    session.run(
        ((i, {"pixels": pixels[i : i + BATCH]}) for i in range(0, len(pixels), BATCH)),
        lambda key, outputs: parts.__setitem__(key, outputs["logits"]),
    )
    return np.concatenate([parts[i] for i in sorted(parts)])


def _probabilities(session: Session, tiles: Tiles, orientation: int, temperature: float) -> NDArray[np.float32]:
    return turned_back(softmax(_logits(session, oriented(tiles.pixels, orientation)) / np.float32(temperature)), orientation)


def _confusions(tiles: Tiles, predicted: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    return np.array([pixel_confusion(true, found, k) for true, found in zip(tiles.target, predicted, strict=True)])


def _write(
    out: Path,
    candidates: Sequence[_Candidate],
    compared: Sequence[MaskEvaluation],
    kept: int,
    *,
    gain: tuple[float, float] | None,
    data: LabelledTiles,
    test: Tiles,
    parts: Split,
    task: Segmentation,
    use_case: str,
    seed: int,
    epochs: int,
) -> ModelBundle:
    import torch

    chosen, figures = candidates[kept], compared[kept].to_dict()
    confusion = figures.pop("confusion")["counts"]
    few = np.ascontiguousarray(test.pixels[:2])
    with torch.inference_mode():
        expected = chosen.network.to("cpu")(torch.from_numpy(few)).numpy()
    media = data.sample.media
    labels = data.sample.objects["label"].value_counts()
    pixels = np.bincount(data.tiles.target[data.tiles.target != IGNORED].ravel(), minlength=len(data.classes))
    description = {
        "use_case": use_case,
        "task": "segmentation",
        "headline": "mean_iou",
        "name": Path(out).name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "intended_use": (
            "To propose outlines on pictures like those it was trained on (same sensor, same resolution, same things), for a person to check, and to"
            " estimate quantities with the errors that its figures imply."
        ),
        "recipe": chosen.recipe,
        "recipe_sentence": chosen.sentence,
        "reason": _reason(candidates, compared, kept, gain, len(test)),
        "candidates": [
            {"recipe": c.recipe, "sentence": c.sentence, "mean_iou": e["mean_iou"].to_dict()}
            for c, e in zip(candidates, compared, strict=True)
        ],
        "classes": list(data.classes),
        "data": {
            "name": data.sample.name,
            "layout": data.sample.layout,
            "n": len(media) if media is not None else 0,
            "n_tiles": len(data.tiles),
            "counts": {name: int(labels.get(name, 0)) for name in data.classes},
            "pixels": {name: int(n) for name, n in zip(data.classes, pixels, strict=True)},
            "sha256": data.sha256,
            "left_out": [str(problem) for problem in data.problems],
        },
        "split": {
            "by": parts.by,
            "sentence": parts.sentence,
            "warning": parts.warning,
            "n_folds": parts.n_folds,
            "n_validation": len(test),
            "n_held_out": len(test),
            "held_out_sentence": "They are the validation split.",
        },
        "input": {
            "size": task.tile,
            "overlap": task.overlap,
            "channels": task.channels,
            "backbone": task.backbone,
            "network": "U-Net" if chosen.recipe == "fine-tuned" else "pixel head",
            "pixels": "uint8; the graph normalises: (x - 127) / 128",
        },
        "orientations": chosen.orientations,
        "orientations_reason": chosen.reason,
        "temperature": _temperature(chosen, test, seed),
        "metrics": figures,
        "confusion": confusion,
        "precision": _agreement(chosen, test),
        "limits": _limits(data, len(test), parts.warning),
        "training": {"epochs": epochs, "seed": seed, "task": asdict(task)},
        "onnx_difference": check_graph(chosen.graph, {"pixels": few}, expected),
        **package_versions("segmentation-models-pytorch"),
    }
    return write_bundle(out, description=description, graph=chosen.graph, weights=weights_of(chosen.network))


def _reason(
    candidates: Sequence[_Candidate], compared: Sequence[MaskEvaluation], kept: int, gain: tuple[float, float] | None, n: int
) -> str:
    if gain is None:
        return "No other recipe was tried: the training was asked for 0 epochs of fine-tuning."
    told = []
    for candidate, evaluation in zip(candidates, compared, strict=True):
        figure = evaluation["mean_iou"]
        told.append(f"{candidate.recipe} {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]")
    return (
        f"The {candidates[kept].recipe} recipe was kept: the mean IoU on the same {n} validation tiles is {', '.join(told)}. Training the network"
        f" gains {gain[0]:+.3f} IoU of what is marked with a standard error of {gain[1]:.3f}; it is kept where it gains more than that error."
    )


def _temperature(chosen: _Candidate, test: Tiles, seed: int) -> float:
    """Fitted to some pixels of the held-out tiles."""
    rng = np.random.default_rng(seed)
    few = test.where(np.sort(rng.permutation(len(test))[:64]))
    logits = _logits(_session(chosen.network, chosen.graph), few.pixels).transpose(0, 2, 3, 1)
    known = few.target != IGNORED
    rows, target = logits[known], few.target[known].astype(np.int64)
    drawn = rng.permutation(len(target))[:_CALIBRATED]
    return fit_temperature(rows[drawn], target[drawn])


def _agreement(chosen: _Candidate, test: Tiles) -> dict[str, float]:
    """Share of the pixels whose most probable class in bf16 is that in f32; empty where the processor has no bf16."""
    if not has_bf16():
        return {}
    few = test.pixels[:_COMPARED]
    exact, fast = (
        _logits(cpu_session(chosen.graph, precision=each, batch=BATCH), few).argmax(axis=1) for each in ("f32", "bf16")
    )
    return {"bf16": float((exact == fast).mean())}


def _limits(data: LabelledTiles, n: int, warning: str) -> list[str]:
    limits = [
        "It knows no other classes than those above: everything else is given one of these labels.",
        "Figures hold for pictures like the training data; another sensor, season or region can lower them much.",
        f"The intervals are those of {n} held-out tiles, and do not cover a change of the data.",
    ]
    return [warning, *limits] if warning else limits
