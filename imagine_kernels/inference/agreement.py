"""Whether two ways to run one model agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import BundleError
from imagine_kernels.inference.sessions import OnnxSession

#: Largest difference allowed between the logits of the ONNX model and those of torch, for logits up to 10.
TOLERANCE = 1e-4


def check_graph(graph: bytes, given: Mapping[str, NDArray[Any]], logits: NDArray[np.float32]) -> float:
    """The largest difference between the logits of the ONNX model, run in ONNX Runtime on its inputs by name, and `logits` (n, k, …).

    Raises
    ------
    BundleError
        It is larger than `TOLERANCE`.
    """
    found: list[NDArray[np.float32]] = []
    OnnxSession(graph).run([(0, given)], lambda _, outputs: found.append(outputs["logits"]))
    difference = float(np.abs(found[0] - logits).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(logits).max()) / 10):
        raise BundleError(
            f"The exported graph gives other logits than the trained network, by {difference:.2g}: please report this."
        )
    return difference
