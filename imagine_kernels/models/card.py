"""The model card: what a person must know before trusting a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def model_card(held: Mapping[str, Any]) -> str:
    """The card (Markdown) of what a ``bundle.json`` holds."""
    split, data, metrics = held["split"], held["data"], held["metrics"]
    classes = "\n".join(f"| {name} | {data['counts'][name]} | {_class_figures(held, name)} |" for name in held["classes"])
    overall = "\n".join(f"| {_TITLES[name]} | {_figure(metrics[name])} |" for name in _TITLES if name in metrics)
    candidates = "\n".join(
        f"| {c['recipe']} | {_figure(c['balanced_accuracy'])} | {'kept' if c['recipe'] == held['recipe'] else 'not kept'} |"
        for c in held["candidates"]
    )
    limits = "\n".join(f"- {sentence}" for sentence in held["limits"])
    versions = ", ".join(f"{name} {version}" for name, version in held["versions"].items())
    return f"""# {held["name"]}

A classifier of pictures of single objects for the use case `{held["use_case"]}`, version {held["version"]}, made {held["created"]}.

## Intended use

{held["intended_use"]}

## Data

{data["n"]} labelled objects of the sample "{data["name"]}" ({data["layout"]}). {split["sentence"]}

| class | objects | precision, recall on held-out objects |
|---|---|---|
{classes}

SHA-256 of the data (pictures and labels): `{data["sha256"]}`

## Metrics

On {split["n_held_out"]} objects that were not trained on. {split["held_out_sentence"]} In brackets: 95 % bootstrap interval over objects.

| metric | value |
|---|---|
{overall}

## How it was made

{held["recipe_sentence"]}

| recipe | balanced accuracy on the validation split ({split["n_validation"]} objects) | |
|---|---|---|
{candidates}

{held["reason"]}

Probabilities are calibrated with the temperature {held["temperature"]:.3f}. Logits are averaged over {held["orientations"]} orientation(s):
{held["orientations_reason"]}

Seed {held["training"]["seed"]}. Versions: {versions}.

## Limits

{limits}
"""


_TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE)",
}


def _figure(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None:
        return "–"
    limits = "" if figure["low"] is None or figure["high"] is None else f" [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['value']:.3f}{limits}"


def _class_figures(held: Mapping[str, Any], name: str) -> str:
    figures = held["metrics"]["per_class"][name]
    return f"{_figure(figures['precision'])}, {_figure(figures['recall'])}"
