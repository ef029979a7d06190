"""Pieces of a page, with everything that comes from the user's data escaped."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

#: Smaller values are nothing to a reader: they are what an iteration leaves of a zero.
SMALLEST = 1e-6


@dataclass(frozen=True)
class Html:
    """Markup that is safe to show: the functions below escape what they are given.

    Attributes
    ----------
    markup : str
    """

    markup: str

    def _repr_html_(self) -> str:
        return self.markup

    def __add__(self, other: Any) -> Html:
        return Html(self.markup + markup(other))


def markup(value: Any) -> str:
    """The markup of something that can show itself; other values as escaped text."""
    show = getattr(value, "_repr_html_", None)
    return str(show()) if show else escape(str(value))


def element(tag: str, *content: Any, css: str = "") -> Html:
    """One element around its content."""
    attribute = f' class="{escape(css, quote=True)}"' if css else ""
    return Html(f"<{tag}{attribute}>{''.join(markup(part) for part in content)}</{tag}>")


def number(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits, without exponents between 0.001 and a million; a dash where it is not known.

    Times are given to the minute.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        # The unknown time of pandas is a time, too.
        return "–" if type(value).__name__ == "NaTType" else f"{value:%Y-%m-%d %H:%M}"
    if type(value).__name__ in ("bool", "bool_"):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}".replace(",", "\u202f")
    value = float(value)
    if value < 0:
        return f"−{number(-value, digits)}"
    if value == 0 or math.isinf(value):
        return "∞" if value else "0"
    if value < SMALLEST:
        return f"<\u202f10{_superscript(round(math.log10(SMALLEST)))}"
    if not 1e-4 <= value < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa} × 10{_superscript(int(exponent))}"
    decimals = max(0, digits - 1 - math.floor(math.log10(value)))
    return f"{value:,.{decimals}f}".replace(",", "\u202f")


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def interval(value: Any, low: Any, high: Any) -> str:
    """A value with its interval: ``"12.3 (8.10–17.9)"``."""
    if number(value) == "–":
        return "–"
    if number(low) == "–" or number(high) == "–":
        return number(value)
    to = " to " if float(low) < 0 else "–"
    return f"{number(value)} ({number(low)}{to}{number(high)})"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, text_columns: int = 1, caption: str = "") -> Html:
    """A table with figures to the right; the first `text_columns` columns are text."""
    sides = [""] * text_columns + [' class="ik-right"'] * (len(header) - text_columns)
    head = "".join(f'<th scope="col"{side}>{escape(str(name))}</th>' for name, side in zip(header, sides, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{markup(cell)}</td>' for cell, side in zip(row, sides, strict=True))}</tr>" for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return Html(
        f'<div class="ik-table-frame"><table class="ik-table">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def facts(pairs: Mapping[str, Any]) -> Html:
    """A list of names and values."""
    return Html(
        f'<dl class="ik-facts">{"".join(f"<dt>{escape(name)}</dt><dd>{markup(value)}</dd>" for name, value in pairs.items())}</dl>'
    )


def fold(title: str, content: Any, *, is_open: bool = False) -> Html:
    """Content that opens on a click."""
    return Html(
        f'<details class="ik-fold"{" open" if is_open else ""}><summary>{escape(title)}</summary>{markup(content)}</details>'
    )


def notice(text: str) -> Html:
    """A remark that must be seen."""
    return element("div", element("p", text), css="ik-notice")


def empty(text: str) -> Html:
    """What is said where there is nothing to show."""
    return element("div", element("p", text), css="ik-empty")
