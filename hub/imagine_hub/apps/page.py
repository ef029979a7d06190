"""The page of an app: the installed notebook in the template of the library, cell by cell as its kernel runs it.

The template is the one that Voilà uses in a person's own server, with the two functions that Voilà gives it.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from imagine_hub.apps.kernel import Kernel
from imagine_hub.errors import HubError

TEMPLATE = "index.html.j2"
CELL_PATIENCE_S = 120
# The notebooks that are apps; all others are for servers, where people run code of their own.
ADDRESS = re.compile(r"voila/render/([a-z][a-z0-9_-]*)/(identify|annotate)\.ipynb")

# What an app may load: nothing but this page, its pictures and its kernel.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' blob:",
        "style-src 'unsafe-inline' blob:",
        "img-src 'self' data: blob:",
        "media-src data: blob:",
        "font-src data:",
        "connect-src 'self' data: blob:",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

FAILED = (
    '<div class="ik" id="ik-failed"><div class="ik-error" role="alert"><p><strong>This page could not be started.</strong></p>'
    '<p>{}</p></div></div><script>document.dispatchEvent(new Event("ik-shown"))</script>'
)
# The page says when it is left, so that its kernel ends at once; the token shows that it is this page that says so.
LEAVING = (
    '<script>addEventListener("pagehide", () => fetch({address}, '
    '{{ method: "DELETE", keepalive: true, headers: {{ "X-XSRFToken": {token} }} }}));</script>'
)

_log = logging.getLogger(__name__)


class Apps:
    """The installed apps, and the template they are shown in.

    Parameters
    ----------
    notebooks : Path
        Folder of the installed notebooks, one folder per use case.
    base_url : str
        Address of the service, from the root, with a slash at the end.
    """

    def __init__(self, notebooks: Path, base_url: str) -> None:
        self.notebooks, self.base_url = notebooks, base_url

    def find(self, address: str) -> Path | None:
        """The notebook of an app by its address below the service; None where there is no such app."""
        found = ADDRESS.fullmatch(address)
        path = self.notebooks / found[1] / f"{found[2]}.ipynb" if found else None
        return path if path is not None and path.is_file() else None

    @functools.cached_property
    def template(self) -> jinja2.Template | None:
        """The library's template; None where the library is not installed."""
        found = importlib.util.find_spec("imagine_kernels")
        places = list(found.submodule_search_locations or ()) if found is not None else []
        folder = Path(places[0]) / "apps" / "voila" / "templates" / "imagine" if places else None
        if folder is None or not (folder / TEMPLATE).is_file():
            return None
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True, enable_async=True)
        environment.filters["markdown2html"] = _markdown
        return environment.get_template(TEMPLATE)

    async def render(self, path: Path, start: Callable[[], Awaitable[Kernel]], token: str) -> AsyncIterator[str]:
        """The page, in the pieces in which it becomes ready; the first ones come before the kernel is there.

        Parameters
        ----------
        path : Path
            The notebook.
        start : callable
            Gives the kernel.
        token : str
            With which the page may close the kernel.
        """
        assert self.template is not None
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        given: list[Kernel] = []

        async def kernel_start(_: Any) -> str:
            given.append(await start())
            return given[0].id

        context = {
            "nb": notebook,
            "resources": {"base_url": self.base_url},
            "kernel_start": kernel_start,
            "cell_generator": lambda nb, _: _executed(nb, given[0]),
        }
        try:
            async for piece in self.template.generate_async(**context):
                if "</body>" in piece:
                    address = f"{self.base_url}api/kernels/{given[0].id}"
                    leaving = LEAVING.format(address=_script(address), token=_script(token))
                    piece = piece.replace("</body>", f"{leaving}\n</body>")
                yield piece
        except HubError as error:
            _log.warning("An app could not be opened: %s", error)
            yield FAILED.format(Markup.escape(str(error)))


async def _executed(notebook: Any, kernel: Kernel) -> AsyncIterator[Any]:
    """The cells, each as soon as it has run; an error of an app is in the log, and not on the page."""
    runner = NotebookClient(notebook, km=kernel.manager, timeout=CELL_PATIENCE_S)
    runner.kc = kernel.client
    for index, cell in enumerate(notebook.cells):
        cell.outputs = []
        try:
            yield await runner.async_execute_cell(cell, index, store_history=False) if cell.cell_type == "code" else cell
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            _log.error("An app has failed at its start: %s", error)
            cell.outputs = [{"output_type": "error", "evalue": ""}]
            yield cell
            return


def _script(text: str) -> str:
    """A string as a script may hold it."""
    return json.dumps(text).replace("<", "\\u003c")


def _markdown(source: str) -> Markup:
    from nbconvert.filters.markdown import markdown2html

    # The installed notebooks are ours; what stands in them is as trusted as this module.
    return Markup(markdown2html(source))  # noqa: S704
