"""How figures look, and how they get onto a page."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours of series in the order in which they are taken, as in the style sheet.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#4d4d4d")
TEXT, TEXT_2, BORDER, _GRID, _SURFACE = "#14222b", "#4a5c68", "#8a9aa6", "#e3e9ed", "#ffffff"
_TOKENS = {
    **{colour: f"--ik-series-{i}" for i, colour in enumerate(SERIES, 1)},
    TEXT: "--ik-text",
    TEXT_2: "--ik-text-2",
    BORDER: "--ik-border-strong",
    _GRID: "--ik-grid-line",
    _SURFACE: "--ik-surface",
}
_STYLE: dict[str, Any] = {
    "font.size": 10,
    "text.color": TEXT,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.edgecolor": BORDER,
    "axes.facecolor": _SURFACE,
    "axes.labelcolor": TEXT_2,
    "axes.titlecolor": TEXT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": BORDER,
    "ytick.color": BORDER,
    "xtick.labelcolor": TEXT_2,
    "ytick.labelcolor": TEXT_2,
    "figure.facecolor": _SURFACE,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "imagine",
}
_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure and what it shows, in words.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        Read to people who cannot see the figure.
    """

    figure: Figure
    alt: str

    def svg(self) -> str:
        """The figure as an ``<svg>`` for a page; colours are variables of the style sheet, with those of light pages where it is absent."""
        stream = io.StringIO()
        with style():
            self.figure.savefig(stream, format="svg", metadata={"Date": None})
        return _for_a_page(stream.getvalue(), self.alt, prefix=f"f{next(_numbers)}-")

    def save(self, path: Path | str) -> Path:
        """Write the figure as PNG, PDF or SVG, by the suffix of `path`."""
        with style():
            self.figure.savefig(path, dpi=200)
        return Path(path)

    def _repr_html_(self) -> str:
        return f'<figure class="ik-figure">{self.svg()}</figure>'


def style() -> AbstractContextManager[None]:
    """Within it, Matplotlib draws in the visual language of the project."""
    import matplotlib as mpl

    return cast("AbstractContextManager[None]", mpl.rc_context(cast("Any", _STYLE)))


def new_figure(*, width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    # Not through pyplot: nothing global, and no window system.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def short(text: str, most: int) -> str:
    """The text on one line, cut to at most so many letters."""
    text = " ".join(str(text).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fitted(texts: Iterable[str], width: float) -> tuple[float, int]:
    """Size of the letters (points) and most letters of titles that stand beside each other, each with so much room (inches).

    Letters become smaller down to 7 points, then titles are cut.
    """
    longest = max((len(str(text)) for text in texts), default=1)
    # A bold letter is about 0.62 of its size wide; a point is 1/72 inch.
    per_point = 0.62 / 72
    size = min(10.0, max(7.0, width / (per_point * max(longest, 1))))
    return size, max(8, int(width / (per_point * size)))


def _for_a_page(svg: str, alt: str, *, prefix: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    width = float(size[1]) * 4 / 3 if size else 600.0
    body = svg[svg.index(">") + 1 :]
    # Names must not meet those of another figure of the page.
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", body)
    for colour, token in _TOKENS.items():
        body = body.replace(f": {colour}", f": var({token}, {colour})")
    body = re.sub(r"font-family: [^;\"]+", "font-family: var(--ik-font, system-ui, sans-serif)", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]+", r"font-size: \1; font-family: var(--ik-font, system-ui, sans-serif)", body)
    label = escape(alt, quote=True)
    view = f'viewBox="0 0 {size[1]} {size[2]}"' if size else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img"'
        f' aria-label="{label}" {view} style="width:100%;max-width:{width:.0f}px;height:auto"><title>{label}</title>{body}'
    )
