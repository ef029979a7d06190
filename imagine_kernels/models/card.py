"""The model card: what a person must know before trusting a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagine_kernels.records.figures_of_merit import HEADLINES, TITLES


def model_card(held: Mapping[str, Any]) -> str:
    """The card (Markdown) of what a ``bundle.json`` holds."""
    split, data, metrics = held["split"], held["data"], held["metrics"]
    classes = "\n".join(f"| {name} | {data['counts'][name]} | {_class_figures(held, name)} |" for name in held["classes"])
    task = held.get("task", "classification")
    words, main = _WORDS[task], HEADLINES[task]
    overall = "\n".join(f"| {TITLES[name]} | {_figure(metrics[name])} |" for name in TITLES if name in metrics)
    candidates = "\n".join(
        f"| {c['recipe']} | {_figure(c[main])} | {'kept' if c['recipe'] == held['recipe'] else 'not kept'} |"
        for c in held["candidates"]
    )
    limits = "\n".join(f"- {sentence}" for sentence in held["limits"])
    versions = ", ".join(f"{name} {version}" for name, version in held["versions"].items())
    return f"""# {held["name"]}

{words["what"]} for the use case `{held["use_case"]}`, version {held["version"]}, made {held["created"]}.

## Intended use

{held["intended_use"]}

## Data

{data["n"]} labelled {words["items"]} of the sample "{data["name"]}" ({data["layout"]}). {split["sentence"]}

| class | {words["counted"]} | {words["per_class"]} |
|---|---|---|
{classes}

SHA-256 of the data (pictures and labels): `{data["sha256"]}`

## Metrics

On {split["n_held_out"]} {words["tested"]} that were not trained on. {split["held_out_sentence"]} In brackets: 95 % bootstrap interval
over {words["drawn"]}.

| metric | value |
|---|---|
{overall}

## How it was made

{held["recipe_sentence"]}

| recipe | {TITLES[main]} on the validation split ({split["n_validation"]} {words["tested"]}) | |
|---|---|---|
{candidates}

{held["reason"]}

Probabilities are calibrated with the temperature {held["temperature"]:.3f}. They are averaged over {held["orientations"]} orientation(s):
{held["orientations_reason"]}

Seed {held["training"]["seed"]}. Versions: {versions}.

## Limits

{limits}
"""


#: What is said of models of each task.
_WORDS = {
    "classification": {
        "what": "A classifier of pictures of single objects", "items": "objects", "counted": "objects", "tested": "objects",
        "drawn": "objects", "per_class": "precision, recall on held-out objects",
    },
    "segmentation": {
        "what": "A segmenter, which says of every pixel what it is,", "items": "pictures", "counted": "marked things", "tested": "tiles",
        "drawn": "scenes, pictures or tiles", "per_class": "IoU, precision, recall of held-out pixels",
    },
    "detection": {
        "what": "A detector, which puts a box around each thing,", "items": "pictures", "counted": "marked things", "tested": "pictures",
        "drawn": "scenes or pictures", "per_class": "AP50, precision, recall of things on held-out pictures",
    },
}  # fmt: skip


def _figure(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None:
        return "–"
    limits = "" if figure["low"] is None or figure["high"] is None else f" [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['value']:.3f}{limits}"


def _class_figures(held: Mapping[str, Any], name: str) -> str:
    figures = held["metrics"]["per_class"][name]
    return ", ".join(_figure(figures[metric]) for metric in ("iou", "ap50", "precision", "recall") if metric in figures)
