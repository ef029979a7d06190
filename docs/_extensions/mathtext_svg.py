"""Formulas as SVG, drawn by Matplotlib when the pages are built, so that readers need neither a script nor a network."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

from docutils import nodes
from matplotlib import mathtext
from matplotlib.font_manager import FontProperties

#: Size of the text around a formula, in points, and of one em in the same unit.
SIZE = 11.0
_DRAWN: dict[tuple[str, bool], str] = {}


def formula_svg(latex: str, *, display: bool) -> str:
    """One formula as an ``<svg>`` in the colour of the text, with its source as the description."""
    latex = " ".join(latex.split())
    if display:
        latex = latex.replace(r"\frac", r"\dfrac")
    key = (latex, display)
    if key not in _DRAWN:
        stream = io.BytesIO()
        size = SIZE * (1.25 if display else 1.05)
        depth = mathtext.math_to_image(
            f"${latex}$", stream, prop=FontProperties(size=size, math_fontfamily="dejavuserif"), format="svg"
        )
        svg = stream.getvalue().decode()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        # The white page behind the formula.
        svg = re.sub(r'<g id="patch_1">.*?</g>', "", svg, count=1, flags=re.DOTALL)
        width, height = (float(re.search(rf'{name}="([\d.]+)pt"', svg)[1]) / SIZE for name in ("width", "height"))  # type: ignore[index]
        view = re.search(r'viewBox="[^"]+"', svg)[0]  # type: ignore[index]
        body = svg[svg.index(">") + 1 :]
        # Glyphs are defined once per formula: their names must not meet those of another on the page.
        prefix = f"m{len(_DRAWN)}-"
        body = re.sub(r'(id="|href="#)', rf"\1{prefix}", body).replace("stroke: #000000", "stroke: currentcolor")
        style = f"width:{width:.3f}em;height:{height:.3f}em;vertical-align:{-depth / SIZE if not display else 0:.3f}em"
        label = escape(latex, quote=True)
        _DRAWN[key] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-label="{label}"'
            f' {view} style="{style}"><title>{label}</title>{body}'
        )
    return _DRAWN[key]


def visit_inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(f'<span class="ik-math">{formula_svg(node.astext(), display=False)}</span>')
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    lines = [part for part in re.split(r"\\\\|\n\n", node.astext()) if part.strip()]
    translator.body.append("".join(f'<div class="ik-math">{formula_svg(line, display=True)}</div>' for line in lines))
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathtext_svg", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": False}
