"""Abundance and size of plankton."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.figures.drawing import BORDER, SERIES, TEXT, TEXT_2, Drawing, fitted, new_figure, short, style
from imagine_kernels.records import TOTALS
from imagine_kernels.units import corrected, in_words, limits, quantities

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

#: How the rows of a whole sample are called in the column ``taxon``, and those of all samples in ``sample_id``.
ALL_OBJECTS, ALL_SAMPLES = "all objects", "all samples"
#: Panels drawn in one figure; the table beside it holds the others.
MAX_PANELS = 12


def abundance(table: pd.DataFrame, *, taxa: str = "taxa", samples_noun: str = "samples") -> Drawing:
    """The quantity per taxon, one panel per sample: bars with 95 % intervals as counted, diamonds corrected for the model's confusion.

    Parameters
    ----------
    table : DataFrame
        The main table of the measurements: ``sample_id``, ``taxon``, ``n_counted``, and quantities with their intervals, of which the first
        one that has values is drawn. Where none has, as without the volume, the counts are drawn instead.
    taxa, samples_noun : str
        What the taxa and the samples are called: those of slicks are labels, in scenes.
    """
    column = next((name for name in quantities(table.columns) if table[name].notna().any()), "n_counted")
    unit = "count" if column == "n_counted" else in_words(column)
    rows = table[~table["taxon"].isin(TOTALS)]
    fixed = corrected(column)
    has_fixed = column == "n_counted" or fixed in rows
    # A sample in which nothing was found has its panel, but "nothing" is no bar; what was not seen can still be there once errors are corrected.
    seen = rows if has_fixed or not (rows["n_counted"] > 0).any() else rows[rows["n_counted"] > 0]
    order = seen.groupby("taxon")[column].sum().sort_values(ascending=False).index.tolist()
    samples = list(dict.fromkeys(rows["sample_id"]))
    shown = samples[:MAX_PANELS]
    with style():
        # Three or four beside each other, whichever leaves fewer gaps.
        columns = max(1, min(len(shown), min((3, 4), key=lambda n: -len(shown) % n)))
        lines = -(-len(shown) // columns) or 1
        figure = new_figure(width=9.2, height=max(1.9, 0.7 + 0.26 * len(order)) * lines + 0.5)
        axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
        size, most = fitted((short(name, 34) for name in shown), 7.9 / columns)
        for axis, name in zip(axes, shown, strict=False):
            part = rows[rows["sample_id"] == name].set_index("taxon").reindex(order)
            _bars(axis, part, column, label="as counted" if has_fixed else "")
            if column != "n_counted" and fixed in part and part[fixed].notna().any():
                _points(axis, part, fixed)
            axis.set_title(short(name, min(most, 34)), fontsize=size)
            axis.set_yticks(range(len(order)), [short(taxon, 28) for taxon in order], parse_math=False)
            axis.grid(axis="y", visible=False)
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
        if len(axes) > len(shown):
            for axis in axes[: len(shown)]:
                axis.tick_params(labelbottom=True)
        axes[0].invert_yaxis()
        axes[0].set_xlim(left=0)
        axes[0].locator_params(axis="x", nbins=5)
        figure.supxlabel(unit, fontsize=10, color=TEXT_2)
        _legend(figure, axes[0])
    left = f" The first {len(shown)} of {len(samples)} {samples_noun} are drawn." if len(samples) > len(shown) else ""
    return Drawing(
        figure,
        f"Bars: {unit} of {len(order)} {taxa} in {len(samples)} {samples_noun}, with 95 % intervals.{left} The table holds the figures.",
    )


def _bars(axis: Axes, part: pd.DataFrame, column: str, *, label: str) -> None:
    places = np.arange(len(part)) - 0.14
    values = part[column].to_numpy(dtype=float)
    axis.barh(places, np.nan_to_num(values), height=0.42, color=SERIES[0], alpha=0.75, label=label)
    low, high = _bounds(part, column)
    axis.hlines(places, low, high, color=TEXT, linewidth=1.1)


def _points(axis: Axes, part: pd.DataFrame, column: str) -> None:
    places = np.arange(len(part)) + 0.26
    low, high = _bounds(part, column)
    axis.hlines(places, low, high, color=SERIES[1], linewidth=1.1)
    axis.plot(part[column], places, "D", color=SERIES[1], markersize=4, label="corrected for confusion", clip_on=False)


def _bounds(part: pd.DataFrame, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ends = limits(part.columns, column)
    if ends is None:
        return np.full(len(part), np.nan), np.full(len(part), np.nan)
    return part[ends[0]].to_numpy(dtype=float), part[ends[1]].to_numpy(dtype=float)


def size_spectrum(spectrum: pd.DataFrame, fit: pd.DataFrame | None = None) -> Drawing:
    """Normalised biovolume of all objects by size, on logarithmic axes, with its regression; the mean over samples where there are several.

    Parameters
    ----------
    spectrum, fit : DataFrame
        The tables ``size_spectrum`` and ``size_spectrum_fit`` of the measurements.
    """
    whole = spectrum[spectrum["taxon"] == ALL_OBJECTS]
    samples = [name for name in dict.fromkeys(whole["sample_id"]) if name != ALL_SAMPLES]
    chosen = ALL_SAMPLES if (whole["sample_id"] == ALL_SAMPLES).any() else (samples[0] if samples else "")
    mean = whole[(whole["sample_id"] == chosen) & (whole["nbss_m3"] > 0)]
    with style():
        figure = new_figure(width=7.6, height=4.4)
        axis = figure.add_subplot()
        axis.set(xscale="log", yscale="log", xlabel="biovolume of an object, mm³", ylabel="normalised biovolume, 1/m³")
        for i, name in enumerate(samples if chosen == ALL_SAMPLES else []):
            part = whole[(whole["sample_id"] == name) & (whole["nbss_m3"] > 0)]
            axis.plot(
                part["biovolume_mid_mm3"],
                part["nbss_m3"],
                color=BORDER,
                linewidth=0.8,
                alpha=0.6,
                label="" if i else "single samples",
            )
        for used, face, label in ((True, SERIES[0], "in the regression"), (False, "none", "left out")):
            part = mean[mean["in_fit"].astype(bool) == used]
            if not len(part):
                continue
            axis.vlines(part["biovolume_mid_mm3"], part["nbss_low_m3"], part["nbss_high_m3"], color=SERIES[0], linewidth=1.1)
            axis.plot(
                part["biovolume_mid_mm3"],
                part["nbss_m3"],
                "o",
                color=SERIES[0],
                markerfacecolor=face,
                markersize=5.5,
                label=label,
            )
        said = _line(axis, mean, fit, chosen)
        _plain_numbers(axis.xaxis)
        _plain_numbers(axis.yaxis)
        top = axis.secondary_xaxis("top", functions=(_diameter, _volume))
        top.set_xlabel("equivalent spherical diameter, mm")
        _plain_numbers(top.xaxis)
        axis.set_title("mean over samples" if chosen == ALL_SAMPLES else short(chosen, 60), pad=10)
        _legend(figure, axis)
    return Drawing(figure, f"Size spectrum with {len(mean)} size classes on logarithmic axes, {chosen}. {said}")


def _line(axis: Axes, mean: pd.DataFrame, fit: pd.DataFrame | None, sample: str) -> str:
    rows = fit[(fit["taxon"] == ALL_OBJECTS) & (fit["sample_id"] == sample)].dropna(subset=["slope"]) if fit is not None else None
    if rows is None or not len(rows):
        return "There are too few full size classes for a regression."
    row, used = rows.iloc[0], mean[mean["in_fit"].astype(bool)]
    x = np.array([used["biovolume_mid_mm3"].min(), used["biovolume_mid_mm3"].max()])
    slope = f"slope {row['slope']:.2f} ({row['slope_low']:.2f} to {row['slope_high']:.2f})".replace("-", "−")
    axis.plot(
        x, 10 ** (row["intercept_log10_m3"] + row["slope"] * np.log10(x)), "--", color=SERIES[1], linewidth=1.6, label=slope
    )
    return f"Regression: {slope}, R² {row['r2']:.2f}."


def _diameter(volume: Any) -> Any:
    return np.cbrt(6 * np.maximum(volume, 1e-30) / np.pi)


def _volume(diameter: Any) -> Any:
    return np.pi / 6 * np.maximum(diameter, 1e-12) ** 3


def _number(value: float, _position: float = 0) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".") if 1e-5 <= value < 1e5 else f"{value:.0e}"


def _plain_numbers(axis: Axis) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    # More than a power of ten where the axis spans few of them.
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axis.set_major_formatter(_number)
    axis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, axis: Axes) -> None:
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        # Bars first, as they are read.
        handles, labels = handles[::-1], labels[::-1]
        figure.legend(handles, labels, loc="outside upper right", ncols=len(handles))
