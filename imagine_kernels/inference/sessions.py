"""Runtimes behind one face: OpenVINO or ONNX Runtime on the CPU, torch on a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError

#: Pictures per request: large enough to amortise a call, small enough to keep the cache warm and the answer to "cancel" quick.
BATCH = 16

Runtime = Literal["openvino", "onnxruntime", "torch"]
#: ``(key, pixels (n, 1, s, s) uint8, morphometry (n, m) float32)``
Chunk = tuple[Any, NDArray[np.uint8], NDArray[np.float32]]
#: ``done(key, logits (n, k) float32, features (n, d) float32)``
Done = Callable[[Any, NDArray[np.float32], NDArray[np.float32]], None]


class Session(Protocol):
    """A graph ready to run."""

    runtime: str

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks; `done` is called for each, not always in order. Chunks are taken as there is room for them."""


class OpenVinoSession:
    """The graph in OpenVINO on the CPU, several requests at once.

    Parameters
    ----------
    graph : bytes
        An ONNX model.
    precision : {"f32", "bf16"}
        OpenVINO takes bf16 by itself where the processor has it; here only on request.
    batch : int
        Pictures per request; the last request is filled up, fixed shapes being faster.
    """

    runtime = "openvino"

    def __init__(self, graph: bytes, *, precision: str = "f32", batch: int = BATCH) -> None:
        import openvino as ov

        self.precision = precision
        self._batch = batch
        core = ov.Core()
        model = core.read_model(graph, b"")
        model.reshape(
            {port.any_name: [batch, *(int(side.get_length()) for side in list(port.partial_shape)[1:])] for port in model.inputs}
        )
        settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        compiled = core.compile_model(model, "CPU", settings)
        self._queue = ov.AsyncInferQueue(compiled)
        self._names = [port.any_name for port in compiled.inputs]

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks of at most `batch` pictures."""

        def finished(request: Any, info: tuple[Any, int]) -> None:
            key, n = info
            done(key, request.get_tensor("logits").data[:n].copy(), request.get_tensor("features").data[:n].copy())

        self._queue.set_callback(finished)
        try:
            for key, pixels, morphometry in chunks:
                given = {"pixels": _filled(pixels, self._batch), "morphometry": _filled(morphometry, self._batch)}
                self._queue.start_async({name: given[name] for name in self._names}, (key, len(pixels)))
        finally:
            self._queue.wait_all()


class OnnxSession:
    """The graph in ONNX Runtime on the CPU."""

    runtime = "onnxruntime"

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._names = [port.name for port in self._session.get_inputs()]

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks in order."""
        for key, pixels, morphometry in chunks:
            given = {"pixels": pixels, "morphometry": morphometry}
            logits, features = self._session.run(["logits", "features"], {name: given[name] for name in self._names})
            done(key, np.asarray(logits), np.asarray(features))


class TorchSession:
    """The weights in torch on a GPU."""

    runtime = "torch"

    def __init__(self, network: Any, *, device: str = "cuda") -> None:
        self._network = network.to(device).eval()
        self._device = device

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks in order."""
        import torch

        with torch.inference_mode():
            for key, pixels, morphometry in chunks:
                logits, features = self._network(
                    torch.from_numpy(pixels).to(self._device), torch.from_numpy(morphometry).to(self._device)
                )
                done(key, logits.float().cpu().numpy(), features.float().cpu().numpy())


def cpu_session(graph: bytes, *, runtime: Runtime | None = None, precision: str = "f32") -> Session:
    """A session on the CPU: OpenVINO where it is installed, ONNX Runtime otherwise.

    Parameters
    ----------
    graph : bytes
        An ONNX model.
    runtime : {"openvino", "onnxruntime"}, optional
        Take this one.
    precision : {"f32", "bf16"}
        Another one than f32 is taken by OpenVINO only.

    Raises
    ------
    SettingError
        No runtime of that name runs on the CPU.
    """
    if runtime is None:
        runtime = "openvino" if openvino_is_there() else "onnxruntime"
    if runtime == "openvino":
        return OpenVinoSession(graph, precision=precision)
    if runtime == "onnxruntime":
        return OnnxSession(graph)
    raise SettingError(f"Unknown runtime {runtime!r} for the CPU; known: openvino, onnxruntime.")


def openvino_is_there() -> bool:
    """Whether OpenVINO is installed."""
    from importlib.util import find_spec

    return find_spec("openvino") is not None


def has_bf16() -> bool:
    """Whether OpenVINO is installed and this processor computes in bf16."""
    if not openvino_is_there():
        return False
    import openvino as ov

    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _filled(array: NDArray[Any], n: int) -> NDArray[Any]:
    if len(array) == n:
        return array
    result = np.zeros((n, *array.shape[1:]), dtype=array.dtype)
    result[: len(array)] = array
    return result
