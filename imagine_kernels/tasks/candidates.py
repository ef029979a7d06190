"""The recipes that compete: a head on frozen features, and a fine-tuned backbone."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import Cancelled
from imagine_kernels.inference.pictures import oriented
from imagine_kernels.inference.sessions import BATCH, Chunk, Session, TorchSession, cpu_session, openvino_is_there
from imagine_kernels.models.graph import export_onnx, with_head
from imagine_kernels.models.network import OUTPUTS, build_network, feature_lengths, set_head
from imagine_kernels.records import Progress
from imagine_kernels.settings import home
from imagine_kernels.tasks.classification import Classification
from imagine_kernels.tasks.feature_cache import FeatureCache, keys_of
from imagine_kernels.tasks.finetune import Pictures, Schedule, balanced_accuracy, fine_tune
from imagine_kernels.tasks.head import Head, class_weights, fit_head
from imagine_kernels.tasks.splitting import Split

#: Averaging over orientations costs as many times the inference; more of them must gain at least this much balanced accuracy.
MIN_GAIN = 0.005
#: How many orientations may be averaged: one, a quarter turn with it, all four quarter turns, their mirror images too.
NUMBERS = (1, 2, 4, 8)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trained network with its logits on held-out objects.

    Attributes
    ----------
    recipe : {"frozen", "fine-tuned"}
    sentence : str
        How it was made, for people.
    network : torch module
    graph : bytes
        The same as an ONNX model.
    rows : (h,) ndarray of int
        The objects that it was held out from.
    logits : (h, k) ndarray of float32
        On these objects, averaged over `orientations`.
    orientations : int
    orientations_reason : str
    settings : dict
        For ``bundle.json``.
    """

    recipe: str
    sentence: str
    network: Any
    graph: bytes
    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    orientations: int
    orientations_reason: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """Features of the backbone as ImageNet left it; every recipe starts from them.

    Attributes
    ----------
    network : torch module
        With an empty head.
    graph : bytes
        The same as an ONNX model.
    means : mapping of int to (n, d) ndarray of float32
        Averaged over so many orientations, by their number; morphometry is joined.
    blocks : tuple of int
        Lengths of the blocks of features, sum d.
    """

    network: Any
    graph: bytes
    means: Mapping[int, NDArray[np.float32]]
    blocks: tuple[int, ...]

    @property
    def mean(self) -> NDArray[np.float32]:
        """Averaged over all orientations: what heads are fitted to."""
        return self.means[max(self.means)]


def frozen_features(
    pictures: Pictures,
    *,
    task: Classification,
    n_classes: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Frozen:
    """Run the backbone in all orientations over all pictures, but for those that it has seen before."""
    m = pictures.morphometry.shape[1]
    lengths = feature_lengths(task.backbone)
    network = build_network(backbone=task.backbone, classes=n_classes, morphometry=m)
    graph = export_onnx(network, size=task.size, morphometry=m)
    numbers, length = _numbers_up_to(task.orientations), sum(lengths)
    cache = FeatureCache(home() / "cache" / "features.db")
    keys = keys_of(pictures.pixels, *_computed_by(network), task.backbone, task.size, numbers, length)
    known = cache.get(keys)
    fresh = np.array([key not in known for key in keys], dtype=bool)
    if fresh.any():
        means = averaged_features(
            _session(network, graph), pictures.where(fresh), task.orientations, length=length, progress=progress, cancel=cancel
        )
        rows = np.hstack([means[number] for number in numbers])
        computed = {keys[i]: rows[at] for at, i in enumerate(np.flatnonzero(fresh))}
        cache.put(computed)
        known |= computed
    every = np.stack([known[key] for key in keys]).reshape(len(keys), len(numbers), length)
    return Frozen(
        network=network,
        graph=graph,
        means={number: np.hstack([every[:, at], pictures.morphometry]) for at, number in enumerate(numbers)},
        blocks=(*lengths, *([m] if m else [])),
    )


def _computed_by(network: Any) -> tuple[Any, ...]:
    """What the features follow from besides the picture: the weights, and what computes with them."""
    import torch

    weights = hashlib.sha256()
    for name, values in sorted(network.backbone.state_dict().items()):
        weights.update(name.encode() + values.numpy().tobytes())
    runtime = "cuda" if torch.cuda.is_available() else "openvino" if openvino_is_there() else "onnxruntime"
    return weights.digest(), runtime


def frozen_candidate(
    frozen: Frozen,
    pictures: Pictures,
    split: Split,
    *,
    task: Classification,
    n_classes: int,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Candidate:
    """A head on frozen features: every object is held out once, and the head that is kept has seen all."""
    target = pictures.target
    given: dict[str, Any] = {
        "blocks": frozen.blocks,
        "n_classes": n_classes,
        "exponent": task.class_weight_exponent,
        "seed": seed,
        "weights": block_weights(task),
    }
    logits = {number: np.zeros((len(target), n_classes), dtype=np.float32) for number in frozen.means}
    for fold in range(split.n_folds):
        stop_if(cancel)
        if progress is not None:
            progress(fold, split.n_folds + 1, "fitting the head")
        held_out = split.fold == fold
        head = fit_head(frozen.mean[~held_out], target[~held_out], **given)
        for number, mean in frozen.means.items():
            logits[number][held_out] = head.logits(mean[held_out])
    final = fit_head(frozen.mean, target, **given)
    network = copy.deepcopy(frozen.network)
    put_head(network, final)
    orientations, reason = fewest_orientations(logits, target)
    return Candidate(
        recipe="frozen",
        sentence=(
            f"A regularised logistic regression (inverse strength {final.strength:g}, chosen by inner cross-validation) on features of"
            f" the frozen ImageNet backbone {task.backbone}, averaged over {task.orientations} orientations"
            + (", joined with log-scaled morphometry." if task.morphometry else ".")
            + f" The figures come from {split.n_folds}-fold cross-validation; the head in this bundle was then fitted again on all objects."
        ),
        network=network,
        graph=with_head(frozen.graph, network),
        rows=np.arange(len(target)),
        logits=logits[orientations],
        orientations=orientations,
        orientations_reason=reason,
        settings={"strength": final.strength, "refitted_on_all": True},
    )


def tuned_candidate(
    frozen: Frozen,
    pictures: Pictures,
    split: Split,
    watch: NDArray[np.bool_],
    *,
    task: Classification,
    n_classes: int,
    epochs: int,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Candidate:
    """A fine-tuned backbone; the validation split is seen neither for its weights nor for stopping early, for which `watch` (n,) is."""
    held_out = split.validation
    learn = ~held_out & ~watch
    start = fit_head(
        frozen.mean[learn], pictures.target[learn],
        blocks=frozen.blocks, n_classes=n_classes, exponent=task.class_weight_exponent, seed=seed,
        weights=block_weights(task),
    )  # fmt: skip
    network = copy.deepcopy(frozen.network)
    put_head(network, start)
    history = fine_tune(
        network, pictures.where(learn), pictures.where(watch if watch.any() else learn),
        schedule=Schedule(epochs=epochs), augmentation=task.augmentation, seed=seed, progress=progress, cancel=cancel,
        class_weights=class_weights(pictures.target[learn], n_classes, task.class_weight_exponent),
    )  # fmt: skip
    graph = export_onnx(network, size=task.size, morphometry=pictures.morphometry.shape[1])
    graph = _refitted(network, graph, pictures.where(~held_out), frozen, task=task, n_classes=n_classes, seed=seed, cancel=cancel)
    tested, session = pictures.where(held_out), _session(network, graph)
    logits = averaged_logits(session, tested, task.orientations, n_classes)
    orientations, reason = fewest_orientations(logits, tested.target)
    return Candidate(
        recipe="fine-tuned",
        sentence=(
            f"The ImageNet backbone {task.backbone} fine-tuned with its head for {len(history)} of {epochs} epochs (one cycle, any rotation,"
            f" flips, batch-norm statistics frozen) on {int(learn.sum())} objects; {int(watch.sum())} others told when to stop. Its head was then"
            " fitted again as for frozen features, on both. It is the very network that was validated, the validation split was not added."
        ),
        network=network,
        graph=graph,
        rows=np.flatnonzero(held_out),
        logits=logits[orientations],
        orientations=orientations,
        orientations_reason=reason,
        settings={"epochs": epochs, "balanced_accuracy_by_epoch": history, "refitted_on_all": False},
    )


def _refitted(
    network: Any,
    graph: bytes,
    pictures: Pictures,
    frozen: Frozen,
    *,
    task: Classification,
    n_classes: int,
    seed: int,
    cancel: threading.Event | None,
) -> bytes:
    """Put a head fitted on the new features into the network, and give its graph.

    A few steps of gradient descent leave the head far worse than a regularised fit to features averaged over orientations does.
    """
    length = sum(feature_lengths(task.backbone))
    means = averaged_features(_session(network, graph), pictures, task.orientations, length=length, cancel=cancel)
    joined = np.hstack([means[task.orientations], pictures.morphometry])
    head = fit_head(
        joined, pictures.target, blocks=frozen.blocks, n_classes=n_classes, exponent=task.class_weight_exponent, seed=seed,
        weights=block_weights(task),
    )  # fmt: skip
    put_head(network, head)
    return with_head(graph, network)


def averaged_features(
    session: Session,
    pictures: Pictures,
    orientations: int,
    *,
    length: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> dict[int, NDArray[np.float32]]:
    """Features (n, length) of the backbone, averaged over so many orientations, by each of `NUMBERS` up to `orientations`."""
    averages = _Averages(len(pictures), length, orientations)
    session.run(_turned(pictures, orientations, progress, cancel), lambda key, found: averages.add(key, found["features"]))
    return averages.by_number()


def averaged_logits(session: Session, pictures: Pictures, orientations: int, n_classes: int) -> dict[int, NDArray[np.float32]]:
    """Logits (n, k), averaged over so many orientations, by each of `NUMBERS` up to `orientations`."""
    averages = _Averages(len(pictures), n_classes, orientations)
    session.run(_turned(pictures, orientations, None, None), lambda key, found: averages.add(key, found["logits"]))
    return averages.by_number()


def _numbers_up_to(orientations: int) -> tuple[int, ...]:
    return (*(number for number in NUMBERS if number < orientations), orientations)


class _Averages:
    """Means of rows (n, length) over the first 1, 2, 4 … orientations, of requests that end in any order."""

    def __init__(self, n: int, length: int, orientations: int) -> None:
        self._numbers = _numbers_up_to(orientations)
        # A sum for each step from one number to the next; of float64, so that the rounded result is the same in any order.
        self._steps = [np.zeros((n, length), dtype=np.float64) for _ in self._numbers]
        self._lock = threading.Lock()

    def add(self, key: tuple[slice, int], values: NDArray[np.float32]) -> None:
        rows, orientation = key
        step = next(at for at, number in enumerate(self._numbers) if orientation < number)
        with self._lock:
            self._steps[step][rows] += values

    def by_number(self) -> dict[int, NDArray[np.float32]]:
        found, total = {}, np.zeros(())
        for number, step in zip(self._numbers, self._steps, strict=True):
            total = total + step
            found[number] = (total / number).astype(np.float32)
        return found


def block_weights(task: Classification) -> tuple[float, ...]:
    """How much each block of features counts in the head: the last layer, the stages before it, and morphometry where it is joined."""
    stages = len(feature_lengths(task.backbone)) - 1
    return (1.0, *([1.0 if task.earlier_stages else 0.0] * stages), *([1.0] if task.morphometry else []))


def put_head(network: Any, head: Head) -> None:
    """Put a fitted head into a network."""
    set_head(network, shift=head.shift, scale=head.scale, weight=head.weight, bias=head.bias)


def _turned(pictures: Pictures, orientations: int, progress: Progress | None, cancel: threading.Event | None) -> Iterator[Chunk]:
    for start in range(0, len(pictures), BATCH):
        rows = slice(start, min(start + BATCH, len(pictures)))
        for orientation in range(orientations):
            stop_if(cancel)
            pixels: NDArray[Any] = oriented(pictures.pixels[rows], orientation)
            yield (rows, orientation), {"pixels": pixels, "morphometry": pictures.morphometry[rows]}
        if progress is not None:
            progress(rows.stop, len(pictures), "computing features")


def fewest_orientations(logits: Mapping[int, NDArray[np.float32]], target: NDArray[np.int64]) -> tuple[int, str]:
    """The fewest orientations with which no more of them would gain anything worth its time, and why."""
    reached = {number: balanced_accuracy(rows.argmax(axis=1), target) for number, rows in logits.items()}
    kept = min(number for number, accuracy in reached.items() if max(reached.values()) - accuracy < MIN_GAIN)
    figures = ", ".join(f"{accuracy:.3f} with {number}" for number, accuracy in reached.items())
    return kept, f"on held-out objects the balanced accuracy is {figures}."


def _session(network: Any, graph: bytes) -> Session:
    import torch

    return TorchSession(network, outputs=OUTPUTS) if torch.cuda.is_available() else cpu_session(graph)


def stop_if(cancel: threading.Event | None) -> None:
    """Raise `Cancelled` where `cancel` is set."""
    if cancel is not None and cancel.is_set():
        raise Cancelled("Stopped on request; no model was written.")
