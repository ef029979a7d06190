"""How a notebook is shown as a page: which template, and nothing that the notebook itself could choose."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_core.paths import jupyter_path

# The templates of the apps come with the library, which a server may be without; a missing one would hang every page.
APP_TEMPLATE = "imagine"
REPORT_TEMPLATE = "imagine-report"
WITHOUT_LIBRARY = "lab"

# Where this package keeps its own, as JUPYTER_PATH wants it.
TEMPLATES = Path(__file__).parent


def installed(template: str) -> bool:
    """Whether Voilà would find this template."""
    return any((Path(folder) / template).is_dir() for folder in jupyter_path("voila", "templates"))


def template_for(path: str) -> str:
    """The template for a notebook: reports are documents to read and print, all others are apps.

    Parameters
    ----------
    path : str
        Path of the notebook, with slashes.
    """
    if not installed(APP_TEMPLATE):
        return WITHOUT_LIBRARY
    return REPORT_TEMPLATE if PurePosixPath(path).name == "report.ipynb" else APP_TEMPLATE


def choose_template(request: Any, notebook: Any, cwd: str) -> Any:
    """Voilà calls this before it shows a page; what stands in the notebook about its looks is replaced.

    Parameters
    ----------
    request : tornado.web.RequestHandler
        The request for the page.
    notebook : nbformat.NotebookNode
    cwd : str
        The notebook's folder.
    """
    notebook.metadata["voila"] = {"template": template_for(request.request.path)}
    return notebook
