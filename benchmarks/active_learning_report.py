"""The tables and the figure of `benchmarks.active_learning`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.labels_for_counts import HOW, NUMBERS, Count
from benchmarks.learning_curves import DRAWS, Curves, Runs, macro_f1, mean_interval
from benchmarks.report import write_table
from imagine_kernels.figures.drawing import BORDER, SERIES, TEXT_2, new_figure, style
from imagine_kernels.measures.intervals import Figure

FIGURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "active-learning.png"
SUMMARY = [
    "data", "chosen by", "labels (1 SE)", "labels (1 point)", "ratio (1 SE)", "ratio (1 point)", "mean gain (points)",
    "below random: at all, alone, together; worst",
]  # fmt: skip
COUNTS = ["data", "draws", "labels", *HOW, "labels against random, same model", "against no model"]


@dataclass(frozen=True, eq=False)
class Part:
    """All about one data set."""

    name: str
    words: str
    classes: tuple[str, ...]
    balanced: bool
    runs: Runs
    curves: Curves
    counts: list[Count]

    @property
    def measure(self) -> str:
        """What accuracy is here."""
        return "balanced accuracy" if self.balanced else "accuracy"


def write_report(parts: Sequence[Part], *, repeats: int, taught: int, times: int) -> None:
    """``benchmarks/results/active_learning.md`` and ``docs/images/active-learning.png``."""
    draw_figure(parts)
    write_table(
        "active-learning",
        "What to label next, against random choice",
        text=[
            f"`python -m benchmarks.active_learning`, {repeats} repeats with seeds 0 to {repeats - 1}. Each repeat draws another held-out part"
            " and 20 random labels to begin with, the same for all ways; each batch makes a quarter more labels. The head is that of"
            " `imagine train --epochs 0`, its strength fixed once per data set on the pool of the first repeat (`fit_head(strength=…)`);"
            " classes that nobody has labelled yet are unknown to it. Embeddings are what the backbone sees, as in the annotator.",
            "\n".join(f"- **{part.name}**: {part.words}." for part in parts),
            "`mixed` was settled on the diatoms, before the other sets were looked at with it. `BADGE` is what `mixed` was before.",
            "## Labels needed",
            "*1 SE*: the first batch from which on the mean accuracy stays within one standard error of that with all labels; *1 point*: within"
            " one percentage point. *Ratio*: over what random choice needs. *Mean gain*: the difference to random choice, averaged over the"
            " points of the curve, that is the area between the curves over the logarithm of the labels.",
            f"All intervals are 95 % ones, of {DRAWS} bootstrap draws over repeats and test objects (diatoms: species) at once, the same draws"
            " for all ways; they are rather too wide. FlowCam has two runs only, so its intervals are for these two.",
            "*Below random*: at how many points of the curve the mean is below that of random choice; at how many a one-sided 95 % limit says"
            " so, each point alone; and with all points of the curve taken together (largest deviation). Then the largest difference in"
            " percentage points, and at how many labels.",
            _table(SUMMARY, [row for part in parts for row in _summary(part)]),
            "## Counts",
            f"A model that learned from {taught} random objects (of the other run for FlowCam), with a temperature from four folds of them,"
            f" counts each class of the rest; {times} samples for each class and number of draws. Drawn by `measures.choosing.draw`, estimated"
            " by `estimate`; against as many labels of random objects without repetition, with the same model (difference estimator) and"
            " without one (Wilson, corrected for the finite sample). Half of the 95 % interval over the true count (median over the samples,"
            " mean over the classes), and how often the interval held it. The last two columns: labels for the same width, 0.5 is half as many.",
            _table(COUNTS, [row for part in parts if part.counts for row in _counts(part)]),
            "## Curves",
            "Accuracy (balanced accuracy for FlowCam), with its interval over repeats and test objects; macro-F1 with its interval over repeats.",
        ],
        head=["data", "chosen by", "labels", "accuracy (%)", "macro-F1 (%)"],
        rows=[row for part in parts for row in _points(part)],
    )


def _summary(part: Part) -> list[list[str]]:
    rows = []
    for way in part.runs.predicted:
        needed = part.curves.needed(way)
        row = [part.name, way, *(f"{each[0]:.0f}" for each in needed.values())]
        if way == "random":
            rows.append([*row, "1", "1", "0", "–"])
            continue
        worst = part.curves.worst(way)
        rows.append(
            [
                *row,
                *(_words(part.curves.saved(way, within), ".2f") for within in needed),
                _words(part.curves.gain(way), "+.1f"),
                f"{worst.below}, {worst.alone}, {worst.together} of {worst.points}; {worst.difference:+.1f} at {worst.at}",
            ]
        )
    return rows


def _counts(part: Part) -> list[list[str]]:
    rows = []
    for n in NUMBERS:
        here = [each for each in part.counts if each.draws == n]
        half = _widths(here)
        held = np.array([each.held for each in here]).mean(axis=0)
        rows.append(
            [
                part.name, str(n), f"{np.mean([each.labels for each in here]):.0f}",
                *(f"± {100 * width:.0f} %, {100 * share:.1f} %" for width, share in zip(half.mean(axis=0), held, strict=True)),
                *(f"{np.mean((half[:, 0] / half[:, h]) ** 2):.2f}" for h in (1, 2)),
            ]
        )  # fmt: skip
    return rows


def _widths(here: Sequence[Count]) -> NDArray[np.float64]:
    """(classes, ways) medians of half of the interval over the count."""
    return np.array([np.median([e.half for e in here if e.name == k], axis=0) for k in sorted({e.name for e in here})])


def _points(part: Part) -> list[list[str]]:
    rows = []
    for way, measured in part.curves.measured.items():
        (low, high), f1 = part.curves.interval(way), macro_f1(part.runs, way)
        for i, labels in enumerate(part.runs.labels):
            # Every other one, and the end: the figure has them all.
            if i % 2 == 0 or i + 1 == len(part.runs.labels):
                accuracy = Figure(measured[i], low[i], high[i])
                rows.append([part.name, way, str(labels), _percent(accuracy), _percent(mean_interval(f1[:, i]))])
    return rows


def _percent(figure: Figure) -> str:
    return _words(Figure(100 * figure.value, 100 * figure.low, 100 * figure.high), ".1f")


def _words(figure: Figure, form: str) -> str:
    return f"{figure.value:{form}} ({figure.low:{form}} to {figure.high:{form}})"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)])


def draw_figure(parts: Sequence[Part]) -> None:
    """A panel for each data set, and one for each whose classes were counted."""
    looks = {
        "random": (TEXT_2, "o"), "mixed": (SERIES[0], "s"), "entropy": (SERIES[1], "D"), "diverse": (SERIES[2], "^"), "novel": (SERIES[3], "v"),
    }  # fmt: skip
    with style():
        figure = new_figure(width=10.5, height=6.4)
        axes = figure.subplots(2, 3).ravel()
        for axis, part in zip(axes, parts, strict=False):
            for way, (color, mark) in looks.items():
                labels, measured = part.runs.labels, 100 * part.curves.measured[way]
                if way in ("random", "mixed"):
                    low, high = part.curves.interval(way)
                    axis.fill_between(labels, 100 * low, 100 * high, color=color, alpha=0.15, linewidth=0)
                axis.plot(labels, measured, marker=mark, markersize=3, linewidth=1.3, color=color, label=way)
            axis.axhline(100 * part.curves.measured["random"][-1], color=BORDER, linewidth=0.8, linestyle="--")
            axis.set(title=part.name, xlabel="labels", ylabel=f"{part.measure} (%)")
            _logarithmic(axis, [t for t in (20, 50, 100, 200, 500, 1000) if t <= part.runs.labels[-1]])
        axes[0].legend(loc="lower right")
        counted = [part for part in parts if part.counts]
        for axis, part in zip(axes[len(parts) :], counted, strict=False):
            here = [[each for each in part.counts if each.draws == n] for n in NUMBERS]
            for h, (how, color, mark) in enumerate(zip(HOW, (SERIES[0], SERIES[1], TEXT_2), "sDo", strict=True)):
                at, half = (
                    [np.mean([e.labels for e in some]) for some in here],
                    [100 * _widths(some)[:, h].mean() for some in here],
                )
                axis.plot(at, half, marker=mark, markersize=3.5, color=color, label=how)
            axis.set(
                title=f"{part.name}: counts", xlabel="labels", ylabel="half of the interval (% of the count)", ylim=(0, None)
            )
            _logarithmic(axis, list(NUMBERS))
            axis.legend(loc="upper right")
        FIGURE.parent.mkdir(exist_ok=True)
        figure.savefig(FIGURE, dpi=100)
    # A third of the size, and no difference to be seen.
    Image.open(FIGURE).convert("RGB").quantize(128).save(FIGURE, optimize=True)


def _logarithmic(axis: Any, ticks: list[int]) -> None:
    axis.set_xscale("log")
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
