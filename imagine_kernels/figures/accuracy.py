"""How a model errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels.errors import LabelError
from imagine_kernels.figures.drawing import SERIES, Drawing, new_figure, short, style
from imagine_kernels.records import Confusion
from imagine_kernels.records.figures_of_merit import HEADLINES, TITLES

if TYPE_CHECKING:
    import pandas as pd


def confusion(counts: Confusion, *, pixels: bool = False) -> Drawing:
    """How the model erred on held-out objects: a row per true taxon, shaded by the share of that row, with the counts written in.

    Parameters
    ----------
    counts : Confusion
    pixels : bool
        What was counted are pixels: of each true label the shares in percent are written in, for nobody reads millions.
    """
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
                said = _percent(float(value)) if pixels else str(counts.counts[row, column])
                axis.text(column, row, said, ha="center", va="center", fontsize=9 if k <= 20 else 6)
        of = "% of the pixels of the true label" if pixels else "number of held-out objects"
        kind = "label" if pixels else "taxon"
        axis.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), xlabel=f"identified as ({of})", ylabel=f"true {kind}")
        axis.set_xticks(range(k), names, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
        axis.set_yticks(range(k), names, parse_math=False)
        axis.grid(visible=False)
    right, total = int(np.trace(counts.counts)), int(counts.counts.sum())
    if pixels:
        said = f"{_percent(right / max(total, 1))} % of {total} held-out pixels are on the diagonal"
        return Drawing(figure, f"Confusion matrix of {k} labels: {said}.")
    return Drawing(figure, f"Confusion matrix of {k} taxa: {right} of {total} held-out objects are on the diagonal.")


def _percent(share: float) -> str:
    """A share as percent; little is not nothing, and nearly all is not all."""
    if 0 < share < 0.0005:
        return "<0.1"
    return ">99.9" if 0.9995 < share < 1 else f"{100 * share:.1f}"


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
    """The candidates of a training, with the figure that stands for a model of their task on the validation split.

    Parameters
    ----------
    tried : sequence of mapping
        As in ``bundle.json``: ``recipe`` and the figure, such as ``balanced_accuracy`` or ``mean_iou``, with ``value``, ``low`` and ``high``.

    Raises
    ------
    LabelError
        There are none, or they do not share such a figure.
    """
    import pandas as pd

    name = next((each for each in HEADLINES.values() if tried and all(each in one for one in tried)), None)
    if name is None:
        raise LabelError(
            "There are no candidates with figures to draw: give those of the card of a model, details['candidates']."
        )
    table = pd.DataFrame([{"recipe": each["recipe"], **each[name]} for each in tried])
    return scores(table, name="recipe", value="value", low="low", high="high", unit=f"{TITLES[name]} (0 to 1)")


def _rectangle(left: float, bottom: float, colour: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((left, bottom), 1, 1, facecolor=colour, alpha=alpha, linewidth=0)
