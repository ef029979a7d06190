"""What a user's server does besides serving, with a real kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jupyter_core.paths
import pytest
from hub_running import run_async
from imagine_hub.server.configuration import configure_server
from imagine_hub.server.extension import ACTIVITY, note_busy_kernels
from imagine_hub.server.pages import choose_template, template_for
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_lsp import LanguageServerManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from nbformat.v4 import new_notebook
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from traitlets.config import Config


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


def test_a_kernel_that_computes_is_activity() -> None:
    async def check() -> None:
        manager = AsyncMappingKernelManager(kernel_spec_manager=KernelSpecManager())
        settings: dict[str, Any] = {}
        kernel_id = await manager.start_kernel(kernel_name="python3")
        client = manager.get_kernel(kernel_id).client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            # Its state is heard only from when the manager listens, which may be after it was first idle.
            async with asyncio.timeout(60):
                while manager.get_kernel(kernel_id).execution_state != "idle":
                    client.kernel_info()
                    await asyncio.sleep(0.2)
            note_busy_kernels(manager, settings)
            assert ACTIVITY not in settings

            client.execute("import time\ntime.sleep(60)")
            await until(lambda: manager.get_kernel(kernel_id).execution_state == "busy")
            note_busy_kernels(manager, settings)
            assert (datetime.now(UTC) - settings[ACTIVITY]).total_seconds() < 10
        finally:
            client.stop_channels()
            await manager.shutdown_all(now=True)
        assert manager.list_kernel_ids() == []

    run_async(check())


def test_a_notebook_cannot_choose_how_it_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "voila" / "templates" / "imagine").mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for name, template in (("identify", "imagine"), ("report", "imagine-report")):
        notebook = new_notebook(metadata={"voila": {"template": "lab", "theme": "dark"}})
        line = RequestStartLine("GET", f"/user/ada/voila/render/zooscan/{name}.ipynb", "HTTP/1.1")
        request = HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "127.0.0.1"}), connection=SimpleNamespace())
        shown = choose_template(SimpleNamespace(request=request), notebook, "zooscan")
        assert shown.metadata["voila"] == {"template": template}


def test_without_the_library_pages_still_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter_core.paths, "ENV_JUPYTER_PATH", [])
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    assert template_for("zooscan/report.ipynb") == "lab"


@pytest.mark.parametrize("ours", [True, False])
def test_no_program_is_started_to_look_for_language_servers(ours: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("node", "npm"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho {program} >> "{tmp_path}/started"\n', encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    c = Config()
    if ours:
        configure_server(c, {})
    LanguageServerManager(config=c).initialize()
    assert (tmp_path / "started").exists() is not ours
