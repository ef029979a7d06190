"""An executed notebook as a page: our template, our style sheet, nothing from outside."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from imagine_kernels.catalog import style_sheet

_TEMPLATE = Path(__file__).resolve().parent / "template"


def write_page(notebook: Any, target: Path) -> Path:
    """Write an executed notebook as one HTML file that needs nothing else.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    target : Path
    """
    from nbconvert.exporters import HTMLExporter, TemplateExporter

    title = _title(notebook)
    exporter = HTMLExporter(template_name="imagine", extra_template_basedirs=[str(_TEMPLATE)])  # type: ignore[no-untyped-call]
    # The defaults of these ask servers for scripts.
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = exporter.mermaid_js_url = ""
    exporter.jupyter_widgets_base_url = exporter.widget_renderer_url = ""
    exporter.exclude_anchor_links = True
    resources = {
        "imagine_style": style_sheet().read_text(encoding="utf-8"),
        "imagine_page_style": (_TEMPLATE / "imagine" / "page.css").read_text(encoding="utf-8"),
        "imagine_title": title,
        "metadata": {"name": title},
    }
    # Not the method of HTMLExporter: it parses the page once more to add what the template has already.
    page, _ = TemplateExporter.from_notebook_node(exporter, notebook, resources=resources)
    target.write_text(page, encoding="utf-8")
    return target


def _title(notebook: Any) -> str:
    """The first heading among the outputs, without its tags."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            found = re.search(r"<h1[^>]*>(.*?)</h1>", output.get("data", {}).get("text/html", ""), re.DOTALL)
            if found:
                return unescape(re.sub(r"<[^>]+>", "", found[1]))
    return "Report"
