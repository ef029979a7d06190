"""The model bundle: a folder with four files, each with its hash, none of them a program.

===================== =======================================================================
``bundle.json``       what the model is: classes, recipe, split, metrics, settings, versions
``model.onnx``        the graph that identifies
``model.safetensors`` the same weights, to train on or to run in torch
``MODEL_CARD.md``     the same for people
===================== =======================================================================

Reading one needs neither torch nor a runtime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagine_kernels.errors import BundleError
from imagine_kernels.records import Confusion
from imagine_kernels.records.figures_of_merit import HEADLINES, HELD_OUT, TITLES

DESCRIPTION = "bundle.json"
GRAPH = "model.onnx"
WEIGHTS = "model.safetensors"
CARD = "MODEL_CARD.md"
#: Version of the layout of ``bundle.json``; another one is refused.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class ModelBundle:
    """What a bundle says of itself.

    Attributes
    ----------
    path : Path
        Its folder.
    use_case, name, version, created : str
        `created` is an ISO date with time, UTC.
    classes : tuple of str, length k
    recipe : {"frozen", "fine-tuned"}
        How the kept model was made.
    orientations : int
        Over how many orientations logits are averaged, 1 or 8.
    temperature : float
        Logits are divided by it before the softmax.
    metrics : mapping
        On held-out objects: name to ``{"value", "low", "high"}``, 95 % intervals.
    n_held_out : int
        Number of these objects.
    confusion : Confusion
        How the model erred on them.
    details : mapping
        All that ``bundle.json`` holds.
    """

    path: Path
    use_case: str
    name: str
    version: str
    created: str
    classes: tuple[str, ...]
    recipe: str
    orientations: int
    temperature: float
    metrics: Mapping[str, Mapping[str, float]]
    n_held_out: int
    confusion: Confusion
    details: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | str) -> ModelBundle:
        """Open a bundle and check that no file was changed.

        Raises
        ------
        BundleError
            A file is missing or was changed (the sentence names it), or the layout is of another version.
        """
        folder = Path(path).expanduser()
        source = folder / DESCRIPTION
        try:
            held = json.loads(source.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise BundleError(
                f"{folder} is no model bundle, it holds no {DESCRIPTION}: give the folder that `imagine train` has written."
            ) from None
        except (OSError, ValueError) as error:
            raise BundleError(f"{source} cannot be read ({error}): get the bundle again from where it came.") from None
        if not isinstance(held, dict) or held.get("format") != FORMAT:
            raise BundleError(
                f"{source} is of another layout than {FORMAT}: train the model again, or use the version that wrote it."
            )
        if held.get("sha256") != description_hash(held):
            raise BundleError(_changed(folder, DESCRIPTION))
        for file, expected in held["files"].items():
            check_file(folder, file, expected)
        return cls(
            path=folder,
            use_case=held["use_case"],
            name=held["name"],
            version=held["version"],
            created=held["created"],
            classes=tuple(held["classes"]),
            recipe=held["recipe"],
            orientations=held["orientations"],
            temperature=held["temperature"],
            metrics=held["metrics"],
            n_held_out=held["split"]["n_held_out"],
            confusion=Confusion(classes=tuple(held["classes"]), counts=np.asarray(held["confusion"], dtype=np.int64)),
            details=held,
        )

    @property
    def task(self) -> str:
        """``"classification"`` of pictures of one thing each, ``"segmentation"`` of the pixels of a picture, or ``"detection"`` of things on it."""
        return str(self.details.get("task", "classification"))

    @property
    def model_hash(self) -> str:
        """Twelve hexadecimal digits that change with anything in the bundle."""
        return str(self.details["sha256"])[:12]

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return (self.path / CARD).read_text(encoding="utf-8")

    @property
    def size(self) -> int:
        """Side in px of the square that the model takes."""
        return int(self.details["input"]["size"])

    def graph(self) -> bytes:
        """The ONNX model; raises `BundleError` where it was changed since `load`."""
        return check_file(self.path, GRAPH, self.details["files"][GRAPH])

    def weights(self) -> dict[str, Any]:
        """The weights by name, as arrays."""
        from safetensors.numpy import load

        return load(check_file(self.path, WEIGHTS, self.details["files"][WEIGHTS]))

    def _repr_html_(self) -> str:
        name = HEADLINES[self.task]
        score = self.metrics[name]
        return (
            f"<p><b>{self.name}</b> ({self.use_case}, {self.recipe}, {len(self.classes)} classes): {TITLES[name]}"
            f" {score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}] on {self.n_held_out} {HELD_OUT[self.task]}.</p>"
        )


def description_hash(held: Mapping[str, Any]) -> str:
    """SHA-256 of a description, without its own hash, in a canonical form."""
    rest = {key: value for key, value in held.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_file(folder: Path, file: str, expected: str) -> bytes:
    """The bytes of a file of the bundle whose SHA-256 is `expected`; raises `BundleError` otherwise."""
    try:
        data = (folder / file).read_bytes()
    except OSError:
        raise BundleError(f"{folder} lacks {file}: get the bundle again from where it came, or train again.") from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise BundleError(_changed(folder, file))
    return data


def _changed(folder: Path, file: str) -> str:
    return f"{file} in {folder} is not the file that was written there (its hash differs): get the bundle again from where it came, or train again."
