"""Runtimes behind one face: OpenVINO or ONNX Runtime on the CPU, torch on a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError

#: Pictures per request: large enough to amortise a call, small enough to keep the cache warm and the answer to "cancel" quick.
BATCH = 16

Runtime = Literal["openvino", "onnxruntime", "torch"]
#: ``(key, inputs)``: arrays of n pictures each, by the names that the graph gives its inputs, in its order; the first ones are the pictures.
Chunk = tuple[Any, Mapping[str, NDArray[Any]]]
#: ``done(key, outputs)``: arrays of n rows each, by the names that the graph gives its outputs.
Done = Callable[[Any, Mapping[str, NDArray[np.float32]]], None]


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
        self._inputs = [port.any_name for port in compiled.inputs]
        self._outputs = [port.any_name for port in compiled.outputs]

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks of at most `batch` pictures."""

        def finished(request: Any, info: tuple[Any, int]) -> None:
            key, n = info
            done(key, {name: request.get_tensor(name).data[:n].copy() for name in self._outputs})

        self._queue.set_callback(finished)
        try:
            for key, given in chunks:
                n = len(next(iter(given.values())))
                self._queue.start_async({name: _filled(given[name], self._batch) for name in self._inputs}, (key, n))
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
        self._inputs = [port.name for port in self._session.get_inputs()]
        self._outputs = [port.name for port in self._session.get_outputs()]

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks in order."""
        for key, given in chunks:
            found = self._session.run(self._outputs, {name: given[name] for name in self._inputs})
            done(key, dict(zip(self._outputs, map(np.asarray, found), strict=True)))


class TorchSession:
    """The weights in torch on a GPU.

    Parameters
    ----------
    network : torch module
        Takes the inputs in their order and gives the outputs in theirs.
    outputs : sequence of str
        Names of what it gives.
    device : str
    """

    runtime = "torch"

    def __init__(self, network: Any, *, outputs: Sequence[str], device: str = "cuda") -> None:
        self._network = network.to(device).eval()
        self._outputs = tuple(outputs)
        self._device = device

    def run(self, chunks: Iterable[Chunk], done: Done) -> None:
        """Run all chunks in order."""
        import torch

        with torch.inference_mode():
            for key, given in chunks:
                found = self._network(*(torch.from_numpy(array).to(self._device) for array in given.values()))
                several = found if isinstance(found, tuple) else (found,)
                done(key, {name: each.float().cpu().numpy() for name, each in zip(self._outputs, several, strict=True)})


def cpu_session(graph: bytes, *, runtime: Runtime | None = None, precision: str = "f32", batch: int = BATCH) -> Session:
    """A session on the CPU: OpenVINO where it is installed, ONNX Runtime otherwise.

    Parameters
    ----------
    graph : bytes
        An ONNX model.
    runtime : {"openvino", "onnxruntime"}, optional
        Take this one.
    precision : {"f32", "bf16"}
        Another one than f32 is taken by OpenVINO only.
    batch : int
        Pictures per request.

    Raises
    ------
    SettingError
        No runtime of that name runs on the CPU.
    """
    if runtime is None:
        runtime = "openvino" if openvino_is_there() else "onnxruntime"
    if runtime == "openvino":
        return OpenVinoSession(graph, precision=precision, batch=batch)
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
