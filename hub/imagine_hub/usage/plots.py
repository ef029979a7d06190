"""Bars as SVG: drawn here, in the colours of the style sheet, so that they follow light and dark and need no script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 560, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 26, 34
# Colours of the style sheet; the values behind them are for a page without it.
COLOURS = ("var(--ik-series-1, #0072b2)", "var(--ik-series-2, #d55e00)")
# The second series is hatched: colour alone carries no meaning.
HATCH = '<pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect width="6" height="6" style="fill:{colour}"/><path d="M0 0V6" style="stroke:var(--ik-surface, #fff);stroke-width:2"/></pattern>'


@dataclass(frozen=True)
class Bars:
    """Groups of bars side by side.

    Attributes
    ----------
    name : str
        Of this drawing on its page: a word.
    title : str
    unit : str
        What the axis counts.
    labels : sequence of str
        One per group.
    series : mapping
        One value per group, by what it is called; None where there is none to show. Two series at most.
    """

    name: str
    title: str
    unit: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float | None]]

    @property
    def empty(self) -> bool:
        """Whether there is no bar to draw."""
        return not any(value for values in self.series.values() for value in values)


def svg(bars: Bars) -> Markup:
    """The drawing, with a sentence for those who cannot see it; the numbers themselves stand in the table of the page."""
    top = nice_top(max((value for values in bars.series.values() for value in values if value), default=1.0))
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [_hatch(bars), *_axis(top, inner_h)]
    step = inner_w / max(1, len(bars.labels))
    wide = min(46.0, step * 0.78) / len(bars.series)
    for group, label in enumerate(bars.labels):
        middle = LEFT + step * (group + 0.5)
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 14}" text-anchor="middle">{escape(label)}</text>')
        for index, (name, values) in enumerate(bars.series.items()):
            value = values[group]
            left = middle + (index - len(bars.series) / 2) * wide
            if value is None:
                parts.append(f'<text x="{left + wide / 2:.1f}" y="{TOP + inner_h - 4}" text-anchor="middle">–</text>')
                continue
            high = inner_h * value / top
            fill = COLOURS[0] if index == 0 else f"url(#{bars.name}-hatch)"
            parts.append(
                f'<rect x="{left + 1:.1f}" y="{TOP + inner_h - high:.1f}" width="{wide - 2:.1f}" height="{high:.1f}" rx="2" '
                f'style="fill:{fill}"><title>{escape(label)}, {escape(name)}: {number(value)}</title></rect>'
            )
    parts += _legend(bars)
    words = f"{bars.title}: {', '.join(bars.series)} for {', '.join(bars.labels)}; the numbers are in the table."
    # Everything that is not drawn here is escaped.
    return Markup(  # noqa: S704
        f'<svg class="usage-plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">{"".join(parts)}</svg>'
    )


def number(value: float) -> str:
    """A number for people: no more digits than it is worth, thousands apart."""
    decimals = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}".replace(",", "\u202f")


def short(value: float) -> str:
    """A number for an axis: thousands and millions by their letters."""
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{value / power:g}\u202f{letter}"
    return f"{value:g}"


def nice_top(value: float) -> float:
    """The next of 1, 2, 4, 5, 8 or 10 times a power of ten, for the top of an axis with four steps."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 4, 5, 8, 10) if factor * power >= value * (1 - 1e-9))


def _axis(top: float, inner_h: int) -> list[str]:
    parts = []
    for quarter in range(5):
        y = TOP + inner_h * (1 - quarter / 4)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" style="stroke:var(--ik-border, #d5dee4)"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(top * quarter / 4)}</text>'
        )
    return parts


def _hatch(bars: Bars) -> str:
    return f"<defs>{HATCH.format(name=f'{bars.name}-hatch', colour=COLOURS[1])}</defs>"


def _legend(bars: Bars) -> list[str]:
    parts = [f'<text x="0" y="14">{escape(bars.unit)}</text>']
    x = float(WIDTH - RIGHT)
    if len(bars.series) > 1:
        for index, name in reversed(list(enumerate(bars.series))):
            x -= 7.2 * len(name) + 24
            fill = COLOURS[0] if index == 0 else f"url(#{bars.name}-hatch)"
            parts.append(f'<rect x="{x:.1f}" y="4" width="12" height="12" rx="2" style="fill:{fill}"/>')
            parts.append(f'<text x="{x + 17:.1f}" y="14">{escape(name)}</text>')
    return parts
