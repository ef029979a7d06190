"""How a model errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels.errors import LabelError
from imagine_kernels.figures.drawing import SERIES, Drawing, new_figure, short, style
from imagine_kernels.records import Confusion

if TYPE_CHECKING:
    import pandas as pd


def confusion(counts: Confusion) -> Drawing:
    """How the model erred on held-out objects: a row per true taxon, shaded by the share of that row, with the counts written in."""
    k = len(counts.classes)
    if not k:
        raise LabelError("The confusion matrix has no classes, so there is nothing to draw: give a model that carries one.")
    share = counts.counts / np.maximum(counts.counts.sum(axis=1, keepdims=True), 1)
    names = [short(name, 24) for name in counts.classes]
    with style():
        side = min(max(3.4, 1.6 + 0.46 * k), 11.0)
        figure = new_figure(width=side + 1.2, height=side)
        axis = figure.add_subplot()
        for (row, column), value in np.ndenumerate(share):
            # Rectangles and not a picture, so that the colours follow the page.
            # Few errors must be seen beside many right ones, so they are shaded by the root of their share.
            shade = value if row == column else np.sqrt(value)
            axis.add_patch(_rectangle(column - 0.5, row - 0.5, SERIES[0] if row == column else SERIES[1], 0.6 * float(shade)))
            if counts.counts[row, column] and k <= 40:
                axis.text(column, row, str(counts.counts[row, column]), ha="center", va="center", fontsize=9 if k <= 20 else 6)
        axis.set(
            xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), xlabel="identified as (number of held-out objects)", ylabel="true taxon"
        )
        axis.set_xticks(range(k), names, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
        axis.set_yticks(range(k), names, parse_math=False)
        axis.grid(visible=False)
    right = int(np.trace(counts.counts))
    return Drawing(
        figure, f"Confusion matrix of {k} taxa: {right} of {int(counts.counts.sum())} held-out objects are on the diagonal."
    )


def scores(table: pd.DataFrame, *, name: str, value: str, low: str, high: str, unit: str) -> Drawing:
    """Values from 0 to 1 with their intervals, a line each: accuracies of candidates, recalls of taxa.

    Parameters
    ----------
    table : DataFrame
    name, value, low, high : str
        Its columns: what the line is called, the value, and the ends of the interval.
    unit : str
        Title of the axis.
    """
    places = np.arange(len(table))
    with style():
        figure = new_figure(width=7.2, height=0.9 + 0.32 * len(table))
        axis = figure.add_subplot()
        axis.hlines(places, table[low], table[high], color=SERIES[0], linewidth=2.2, alpha=0.55)
        axis.plot(table[value], places, "o", color=SERIES[0], markersize=6)
        axis.set_yticks(places, [short(str(text), 40) for text in table[name]], parse_math=False)
        axis.set(xlim=(0, 1.01), ylim=(len(table) - 0.4, -0.6), xlabel=unit)
        axis.grid(axis="y", visible=False)
    return Drawing(
        figure,
        f"{unit} of {len(table)} lines: " + ", ".join(f"{row[name]} {row[value]:.2f}" for _, row in table.iterrows()) + ".",
    )


def candidates(tried: Sequence[Mapping[str, Any]]) -> Drawing:
    """The candidates of a training, with their balanced accuracy on the validation split.

    Parameters
    ----------
    tried : sequence of mapping
        As in ``bundle.json``: ``recipe`` and ``balanced_accuracy`` with ``value``, ``low`` and ``high``.
    """
    import pandas as pd

    table = pd.DataFrame([{"recipe": each["recipe"], **each["balanced_accuracy"]} for each in tried])
    return scores(table, name="recipe", value="value", low="low", high="high", unit="balanced accuracy (0 to 1)")


def _rectangle(left: float, bottom: float, colour: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((left, bottom), 1, 1, facecolor=colour, alpha=alpha, linewidth=0)
