"""Kernels that are started ahead, so that an app shows its first content at once.

Voilà can only preheat kernels where it is a server of its own. Here it is an extension of the person's server, behind the login of the hub,
so the spare kernels are kept by the kernel manager of that server::

    c.ServerApp.kernel_manager_class = "imagine_kernels.apps.pool.WarmKernels"
    c.WarmKernels.folders = ["zooscan"]

A spare has imported the app and nothing heavy. It is handed to the next page that Voilà opens in its folder; another one is started then.
Notebooks get a fresh kernel as ever.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import ApiPath
from traitlets import Float, List, Unicode

#: Voilà sets this in the environment of a kernel that it starts for a page.
PAGE_VARIABLE = "VOILA_REQUEST_URL"

_log = logging.getLogger(__name__)


class WarmKernels(AsyncMappingKernelManager):
    """The kernel manager of a person's server, with one spare kernel per folder of apps."""

    folders = List(
        Unicode(), default_value=[], help="Folders of notebooks, relative to the root, that get a spare kernel ahead."
    ).tag(config=True)
    prepare = Unicode("import imagine_kernels.apps.identify", help="What a spare runs as it starts: light imports.").tag(
        config=True
    )
    delay_s = Float(
        2.0, help="Seconds to wait before a spare is started, so that it does not slow down what was just opened."
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # the server's class has no types
        self._spares: dict[str, asyncio.Task[str]] = {}
        self._later: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Start the first spare of every folder; called once the event loop of the server runs."""
        for folder in self.folders:
            self._fill(folder, 0.0)

    async def start_kernel(  # type: ignore[override]  # as the server's own class does
        self, *, kernel_id: str | None = None, path: Any = None, **kwargs: Any
    ) -> str:
        """Start a kernel, or hand out a spare where a page of Voilà asks for one."""
        environment = kwargs.get("env") or {}
        if kernel_id is not None or PAGE_VARIABLE not in environment:
            return str(await super().start_kernel(kernel_id=kernel_id, path=path, **kwargs))
        folder = path or ""
        spare = self._spares.pop(folder, None)
        self._fill(folder, self.delay_s)
        if spare is not None:
            try:
                ready = await spare
                if ready in self and await self.is_alive(ready):
                    # Its idle time counts from now on.
                    self._kernels[ready].last_activity = utcnow()
                    return ready
            except Exception:  # whatever became of the spare, a fresh kernel does as well
                _log.exception("The spare kernel of %r could not be used", folder)
        return str(await super().start_kernel(path=path, **kwargs))

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Spares wait as long as they must; all others are ended when idle."""
        for spare in self._spares.values():
            if spare.done() and not spare.cancelled() and spare.exception() is None and spare.result() == kernel_id:
                return
        await super().cull_kernel_if_idle(kernel_id)  # type: ignore[no-untyped-call]

    def _fill(self, folder: str, delay: float) -> None:
        async def later() -> None:
            await asyncio.sleep(delay)
            if folder not in self._spares:
                self._spares[folder] = asyncio.ensure_future(self._start_spare(folder))

        task = asyncio.ensure_future(later())
        # The loop holds tasks only weakly.
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _start_spare(self, folder: str) -> str:
        arguments = [f"--IPKernelApp.exec_lines={self.prepare}"]
        return str(
            await super().start_kernel(path=ApiPath(folder), kernel_name=self.default_kernel_name, extra_arguments=arguments)
        )
