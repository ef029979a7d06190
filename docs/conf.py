"""Sphinx configuration. Nothing is fetched: not when the pages are built, not when they are read."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent), str(HERE.parent / "hub")]

import imagine_kernels  # noqa: E402 - found through the path above

project = "imagine-kernels"
author = "The imagine-kernels authors"
copyright = author
version = release = imagine_kernels.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "imagine_reference",
    "mathtext_svg",
]
exclude_patterns = ["_build", "_extensions", "screenshots.py"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "smartquotes"]
myst_heading_anchors = 3
myst_update_mathjax = False
# Formulas become SVG when the pages are built: the usual renderer asks a server for its script.
html_math_renderer = "mathtext_svg"

# A name is described where it is written, and not again where it is passed on.
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True, "ignore-module-all": True}
# Two modules may have a class of the same short name; the link then goes to one of them.
suppress_warnings = ["ref.python"]
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "imagine-kernels"
html_static_path = ["_static"]
html_css_files = ["imagine.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "imagine-kernels"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_align": "left",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# The tab and the prompt of a terminal are not part of a command.
copybutton_prompt_text = "$ "
