"""Writing a bundle: all four files aside, checked, then moved in one step."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataNotFound
from imagine_kernels.models.bundle import CARD, DESCRIPTION, FORMAT, GRAPH, WEIGHTS, ModelBundle, description_hash
from imagine_kernels.models.card import model_card

_PACKAGES = ("imagine-kernels", "torch", "timm", "fastai", "scikit-learn", "onnx", "onnxruntime", "openvino", "numpy")


def write_bundle(out: Path, *, description: Mapping[str, Any], graph: bytes, weights: Mapping[str, NDArray[Any]]) -> ModelBundle:
    """Write a bundle and open it again.

    Parameters
    ----------
    out : Path
        A folder that is not there, is empty, or holds an earlier bundle, which is replaced.
    description : mapping
        For ``bundle.json``; NaN becomes null, and the format and hashes are added.
    graph : bytes
        The ONNX model.
    weights : mapping of str to ndarray

    Raises
    ------
    DataNotFound
        `out` holds something else.
    """
    from safetensors.numpy import save

    folder = check_target(out)
    held: dict[str, Any] = {"format": FORMAT, **_without_nan(description)}
    files = {
        GRAPH: graph,
        WEIGHTS: save({name: np.ascontiguousarray(array) for name, array in weights.items()}),
        CARD: model_card(held).encode(),
    }
    held["files"] = {name: sha256(data).hexdigest() for name, data in files.items()}
    held["sha256"] = description_hash(held)
    files[DESCRIPTION] = json.dumps(held, indent=1, ensure_ascii=False, allow_nan=False).encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
        made = Path(aside) / folder.name
        made.mkdir()
        for name, data in files.items():
            (made / name).write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    return ModelBundle.load(folder)


def package_versions(*more: str) -> dict[str, Any]:
    """``version`` of this library and ``versions`` of what a model was made with, for ``bundle.json``."""
    known = {name: _version(name) for name in (*_PACKAGES, *more)}
    return {"version": known["imagine-kernels"], "versions": known}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def check_target(out: Path) -> Path:
    """`out`, where a bundle may be written there; raises `DataNotFound` otherwise. Asked before hours of training."""
    folder = Path(out).expanduser()
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / DESCRIPTION).is_file())):
        raise DataNotFound(
            f"{folder} holds something that is no model bundle: give a new or an empty folder to write the model to."
        )
    return folder


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
