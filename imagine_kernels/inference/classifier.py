"""Pictures to calibrated probabilities: decoding, measuring and inference side by side."""

from __future__ import annotations

import collections
import itertools
import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import BundleError, Cancelled, ImageError, SettingError
from imagine_kernels.inference.pictures import ORIENTATIONS, WHITE, oriented, squares
from imagine_kernels.inference.seen import Seen
from imagine_kernels.inference.sessions import BATCH, Chunk, Runtime, Session, TorchSession, cpu_session, has_bf16
from imagine_kernels.media.collages import white_background
from imagine_kernels.media.micrographs import squared
from imagine_kernels.media.objects import Pictures, problem_of
from imagine_kernels.models.bundle import GRAPH, ModelBundle
from imagine_kernels.records import Predictions, Problem, Progress, Sample

#: A faster precision is taken only where the most probable class agrees with that of f32 on at least this share of the validation pictures.
MIN_AGREEMENT = 0.995
#: Chunks that are prepared ahead of the inference: enough to keep it busy, few enough to keep memory flat.
_AHEAD = 4


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A chunk of pictures as the model takes them.

    Attributes
    ----------
    rows : (n,) ndarray of int
        Their positions in the sample.
    pixels : (n, 1, s, s) ndarray of uint8
    measured : (n, f) ndarray of float64
        Morphometry in px, the columns of `imagine_kernels.measures.morphometry.FEATURES`.
    morphometry : (n, m) ndarray of float32
        The same log-scaled, as the model takes it.
    """

    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    measured: NDArray[np.float64]
    morphometry: NDArray[np.float32]


class Classifier:
    """A bundle ready to run.

    Parameters
    ----------
    bundle : ModelBundle
    device : {"auto", "cpu", "cuda"}
        ``"auto"`` takes a GPU where there is one and torch is imported already or a GPU driver answers; otherwise the CPU.
    runtime : {"openvino", "onnxruntime"}, optional
        On the CPU; by default OpenVINO where it is installed.
    orientations : int, optional
        1 to 8; by default what the bundle says.

    Raises
    ------
    SettingError
        `orientations` or `device` is out of range.
    BundleError
        A file of the bundle was changed.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        *,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        runtime: Runtime | None = None,
        orientations: int | None = None,
    ) -> None:
        self.bundle = bundle
        self.orientations = bundle.orientations if orientations is None else orientations
        if not 1 <= self.orientations <= ORIENTATIONS:
            raise SettingError(f"The setting orientations takes values from 1 up to {ORIENTATIONS}, not {self.orientations}.")
        if device not in ("auto", "cpu", "cuda"):
            raise SettingError(f"Unknown device {device!r}; known: auto, cpu, cuda.")
        self.session = _session(bundle, device, runtime)
        # A session serves one batch after the other.
        self._lock = threading.Lock()

    def probabilities(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Calibrated probabilities (n, k) float32 of grey pictures (H, W) uint8 without scale bar."""
        logits = np.zeros((len(pictures), len(self.bundle.classes)), dtype=np.float32)
        if len(pictures):
            rows = np.arange(len(pictures))
            given = self.bundle.details["input"]
            chunks = (prepare(given, rows[i : i + BATCH], pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH))
            self.add_logits(chunks, logits)
        return softmax(logits / self.bundle.temperature)

    def add_logits(self, chunks: Iterable[Prepared], logits: NDArray[np.float32], features: Seen | None = None) -> None:
        """Write the logits, averaged over the orientations, into the rows of `logits` (n, k) that the chunks name; and where `features`
        is given, what the backbone sees, averaged in the same way, into that.
        """
        lock = threading.Lock()

        def turned() -> Iterator[Chunk]:
            for chunk in chunks:
                # All orientations in a row and cut anew, so that a single picture fills one request and not eight.
                rows = np.tile(chunk.rows, self.orientations)
                pixels = np.concatenate([oriented(chunk.pixels, orientation) for orientation in range(self.orientations)])
                morphometry = np.tile(chunk.morphometry, (self.orientations, 1))
                for start in range(0, len(rows), BATCH):
                    part = slice(start, start + BATCH)
                    yield rows[part], {"pixels": pixels[part], "morphometry": morphometry[part]}

        def done(rows: NDArray[np.int64], found: Mapping[str, NDArray[np.float32]]) -> None:
            with lock:
                np.add.at(logits, rows, found["logits"] / self.orientations)
                if features is not None:
                    features.add(rows, found["features"] / np.float32(self.orientations))

        with self._lock:
            self.session.run(turned(), done)


_READY: collections.OrderedDict[tuple[str, str, int], Classifier] = collections.OrderedDict()
_READY_LOCK = threading.Lock()
#: Models that a process keeps loaded.
_KEPT = 2


def ready_classifier(bundle: ModelBundle) -> Classifier:
    """A classifier of the bundle with its own settings, kept for the next time: loading one takes a second or two."""
    graph = bundle.path / GRAPH
    # A file that was changed meanwhile is checked again; a missing one is named by the bundle itself.
    key = (bundle.model_hash, str(bundle.path), graph.stat().st_mtime_ns if graph.is_file() else 0)
    with _READY_LOCK:
        if key not in _READY:
            _READY[key] = Classifier(bundle)
            while len(_READY) > _KEPT:
                _READY.popitem(last=False)
        _READY.move_to_end(key)
        return _READY[key]


def identify(
    sample: Sample,
    bundle: ModelBundle,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    scale_bar_px: int = 31,
    orientations: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    runtime: Runtime | None = None,
    classifier: Classifier | None = None,
    features: Seen | None = None,
) -> tuple[Predictions, list[Problem], dict[str, NDArray[np.float64]]]:
    """Identify every object of a sample whose picture can be read.

    Parameters
    ----------
    sample : Sample
    bundle : ModelBundle
    progress : callable, optional
    cancel : threading.Event, optional
        Set it to stop.
    scale_bar_px : int
        Height in px of the strip with the scale bar; 0 keeps everything.
    orientations : int, optional
        By default what the bundle says.
    device, runtime
        See `Classifier`.
    classifier : Classifier, optional
        One that is ready, of the same bundle: saves the second or two of loading it; `orientations`, `device` and `runtime` are its own.
    features : Seen, optional
        Takes what the backbone sees in each picture.

    Returns
    -------
    predictions : Predictions, n objects
    problems : list of Problem
        A row for each picture that could not be read.
    columns : dict of str to (n,) ndarray of float64
        What was measured on the way, under EcoTaxa's names (``object_area`` in px …).

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    from imagine_kernels.measures.morphometry import FEATURES

    ready = classifier or Classifier(bundle, device=device, runtime=runtime, orientations=orientations)
    n = len(sample)
    logits = np.zeros((n, len(bundle.classes)), dtype=np.float32)
    measured = np.full((n, len(FEATURES)), np.nan)
    good = np.zeros(n, dtype=bool)
    problems: list[Problem] = []

    def noted() -> Iterator[Prepared]:
        for chunk in prepared(sample, bundle.details["input"], problems=problems, scale_bar_px=scale_bar_px, cancel=cancel):
            good[chunk.rows] = True
            measured[chunk.rows] = chunk.measured
            yield chunk
            if progress is not None:
                progress(int(good.sum()) + len(problems), n, "identifying")

    ready.add_logits(noted(), logits, features)
    if progress is not None:
        progress(n, n, "identifying")
    ids = sample.objects["object_id"].to_numpy(dtype=object)[good]
    predictions = Predictions.of(ids, bundle.classes, softmax(logits[good] / bundle.temperature))
    known = np.isfinite(measured[good]).any(axis=0)
    return predictions, problems, {f"object_{name}": measured[good, i] for i, name in enumerate(FEATURES) if known[i]}


def prepared(
    sample: Sample,
    given: Mapping[str, Any],
    *,
    problems: list[Problem],
    scale_bar_px: int = 31,
    cancel: threading.Event | None = None,
) -> Iterator[Prepared]:
    """Decode, square and measure the pictures of a sample, some chunks ahead of whoever takes them.

    Parameters
    ----------
    sample : Sample
    given : mapping
        What the model takes: ``size``, ``background``, ``margin``, ``morphometry``.
    problems : list of Problem
        Pictures that cannot be read are added to it.
    scale_bar_px : int
    cancel : threading.Event, optional

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    starts = iter(range(0, len(sample), BATCH))
    waiting: collections.deque[Future[tuple[Prepared | None, list[Problem]]]] = collections.deque()
    # Threads of Python hinder each other far more than they help: on two processors one of them prepares more pictures than two would,
    # and leaves the other processor to the inference.
    workers = max(1, len(os.sched_getaffinity(0)) // 2)
    with (
        Pictures(sample, scale_bar_px=scale_bar_px) as pictures,
        ThreadPoolExecutor(workers, thread_name_prefix="prepare") as pool,
    ):
        try:
            while True:
                for start in itertools.islice(starts, workers + _AHEAD - len(waiting)):
                    rows = np.arange(start, min(start + BATCH, len(sample)))
                    waiting.append(pool.submit(_read_and_prepare, given, pictures, rows))
                if not waiting:
                    return
                chunk, unread = waiting.popleft().result()
                if cancel is not None and cancel.is_set():
                    raise Cancelled("Stopped on request; nothing was changed.")
                problems += unread
                if chunk is not None:
                    yield chunk
        finally:
            for future in waiting:
                future.cancel()


def _read_and_prepare(
    given: Mapping[str, Any], pictures: Pictures, rows: NDArray[np.int64]
) -> tuple[Prepared | None, list[Problem]]:
    good: list[int] = []
    found: list[NDArray[np.uint8]] = []
    problems: list[Problem] = []
    for row in rows.tolist():
        try:
            found.append(pictures.load(row))
            good.append(row)
        except ImageError as error:
            problems.append(problem_of(pictures.name(row), error))
    return (prepare(given, np.array(good), found) if good else None), problems


def prepare(given: Mapping[str, Any], rows: NDArray[np.int64], pictures: Sequence[NDArray[np.uint8]]) -> Prepared:
    """A chunk of pictures as a model takes them; `given` as in `prepared`."""
    from imagine_kernels.measures.morphometry import FEATURES, log_scaled, morphometry_table

    wanted = list(given["morphometry"])
    unknown = sorted(set(wanted) - set(FEATURES))
    if unknown:
        raise BundleError(
            f"The model wants the feature {unknown[0]!r}, which this version does not measure: train the model again."
        )
    if given.get("white_background"):
        pictures = [white_background(picture) for picture in pictures]
    if given.get("surround") == "rim":
        pictures = [squared(picture) for picture in pictures]
    # Where the whole picture counts, no object is told from its background.
    whole = given["background"] >= WHITE
    measured = (
        np.full((len(pictures), len(FEATURES)), np.nan) if whole else morphometry_table(pictures, threshold=given["background"])
    )
    scaled = log_scaled(measured)
    return Prepared(
        rows=rows,
        pixels=squares(pictures, size=given["size"], background=given["background"], margin=given["margin"]),
        measured=measured,
        morphometry=np.ascontiguousarray(scaled[:, [FEATURES.index(name) for name in wanted]], dtype=np.float32),
    )


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Probabilities (n, k) of logits (n, k)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def _session(bundle: ModelBundle, device: str, runtime: Runtime | None) -> Session:
    if device == "cuda":
        return _torch_session(bundle)
    if device == "auto" and runtime is None and gpu_is_there():
        try:
            return _torch_session(bundle)
        except SettingError as error:
            # A driver without its GPU, as after "Failed to initialize NVML": the work is done all the same.
            warnings.warn(f"{str(error).partition(':')[0]}; identifying goes on on the processor.", RuntimeWarning, stacklevel=2)
    agreement = bundle.details["precision"].get("bf16")
    fast = agreement is not None and agreement >= MIN_AGREEMENT and runtime in (None, "openvino") and has_bf16()
    return cpu_session(bundle.graph(), runtime=runtime, precision="bf16" if fast else "f32")


def gpu_is_there() -> bool:
    """Whether a GPU driver and its device are there; asked without importing torch, which takes seconds."""
    from pathlib import Path

    return Path("/dev/nvidia0").exists()


def _torch_session(bundle: ModelBundle) -> Session:
    import torch

    from imagine_kernels.models.network import OUTPUTS, build_network, load_weights

    if not torch.cuda.is_available():
        raise SettingError("There is no GPU that torch can use: choose the device cpu.")
    given = bundle.details["input"]
    network = build_network(
        backbone=given["backbone"], classes=len(bundle.classes), morphometry=len(given["morphometry"]), imagenet=False
    )
    load_weights(network, bundle.weights())
    return TorchSession(network, outputs=OUTPUTS)
