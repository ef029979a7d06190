"""The labelled pictures of a sample, read once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.inference.classifier import prepared
from imagine_kernels.records import Problem, Progress, Sample
from imagine_kernels.tasks.classification import Classification, scale_bar_px
from imagine_kernels.tasks.finetune import Pictures


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Pictures with labels, as a task takes them.

    Attributes
    ----------
    sample : Sample
        The n objects whose picture could be read.
    classes : tuple of str
        The labels, sorted.
    pictures : Pictures
    problems : tuple of Problem
        The pictures that could not be read.
    sha256 : str
        Of all pictures, as the model sees them, with their labels, whatever their order.
    """

    sample: Sample
    classes: tuple[str, ...]
    pictures: Pictures
    problems: tuple[Problem, ...]
    sha256: str


def taken(task: Classification) -> dict[str, Any]:
    """What a model of this task takes, for ``bundle.json`` and for `imagine_kernels.inference.classifier.prepared`."""
    from imagine_kernels.measures.morphometry import FEATURES

    return {
        "size": task.size,
        "background": task.background,
        "margin": task.margin,
        "white_background": task.white_background,
        "surround": task.surround,
        "backbone": task.backbone,
        "pixels": "uint8 grey, object on white; the graph inverts and normalises: (255 - x - 127) / 128",
        "morphometry": list(FEATURES) if task.morphometry else [],
    }


def read_labelled(
    sample: Sample, task: Classification, *, progress: Progress | None = None, cancel: threading.Event | None = None
) -> Labelled:
    """Read all labelled pictures; those that cannot be read become problems.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    n = len(sample)
    given: Mapping[str, Any] = taken(task)
    pixels = np.empty((n, 1, task.size, task.size), dtype=np.uint8)
    morphometry = np.zeros((n, len(given["morphometry"])), dtype=np.float32)
    good = np.zeros(n, dtype=bool)
    problems: list[Problem] = []
    for chunk in prepared(sample, given, problems=problems, scale_bar_px=scale_bar_px(sample), cancel=cancel):
        pixels[chunk.rows], morphometry[chunk.rows] = chunk.pixels, chunk.morphometry
        good[chunk.rows] = True
        if progress is not None:
            progress(int(good.sum()), n, "reading pictures")
    kept = sample.where(good)
    labels = kept.objects["label"].to_numpy(dtype=object)
    classes = kept.labels
    index = {label: i for i, label in enumerate(classes)}
    target = np.array([index[label] for label in labels], dtype=np.int64)
    pictures = Pictures(pixels=pixels[good], morphometry=morphometry[good], target=target)
    return Labelled(
        sample=kept, classes=classes, pictures=pictures, problems=tuple(problems), sha256=_hash(pictures.pixels, labels)
    )


def _hash(pixels: NDArray[np.uint8], labels: NDArray[Any]) -> str:
    rows = sorted(
        hashlib.sha256(picture.tobytes() + label.encode()).digest() for picture, label in zip(pixels, labels, strict=True)
    )
    return hashlib.sha256(b"".join(rows)).hexdigest()
