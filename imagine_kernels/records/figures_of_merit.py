"""How the figures of a model are called, and which one stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Metrics that hold for a whole model, in the order in which people are shown them.
TITLES: Mapping[str, str] = {
    "balanced_accuracy": "balanced accuracy",
    "mean_iou": "mean IoU",
    "map50": "mAP50",
    "map": "mAP50-95",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE)",
}
#: The one that stands for a model, by its task.
HEADLINES: Mapping[str, str] = {"classification": "balanced_accuracy", "segmentation": "mean_iou", "detection": "map50"}
#: What its figures were measured on.
HELD_OUT: Mapping[str, str] = {
    "classification": "held-out objects",
    "segmentation": "held-out tiles",
    "detection": "held-out pictures",
}


def headline(summary: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The title of the figure that stands for a model and the figure itself (``value``, ``low``, ``high``), of what is said of the model.

    None where it was not evaluated.
    """
    name = HEADLINES[summary.get("task", "classification")]
    figure = (summary.get("metrics") or {}).get(name)
    return None if not figure or figure.get("value") is None else (TITLES[name], figure)


def held_out(summary: Mapping[str, Any]) -> str:
    """What the figures of a model were measured on, with their number."""
    return f"{summary.get('n_held_out')} {HELD_OUT[summary.get('task', 'classification')]}"
