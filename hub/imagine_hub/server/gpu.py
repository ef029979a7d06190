"""A server with a GPU looks every minute whether it still reaches it, tells the hub, and shows what the hub has to say.

A container can lose its GPU while it runs, when the machine reloads its services: every program in it then fails with an error of
NVML that says nothing, until the server is stopped and started again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

# The UUIDs of the server's GPUs, with commas between; not set for a server without.
GPU_VARIABLE = "IMAGINE_GPU"
PATIENCE_S = 20.0
LONGEST = 160


@dataclass
class GpuWatch:
    """What is known of the GPU of this server.

    Attributes
    ----------
    uuids : tuple of str
        What the hub has given; none for a server without a GPU.
    address, token : str
        The hub's API, and the server's own token for it.
    program : str
        The program of the driver.
    notice : dict
        What pages show: ``watched``, ``kind`` ("", "lost" or "warning") and ``words``.
    """

    uuids: tuple[str, ...]
    address: str = ""
    token: str = ""
    program: str = "nvidia-smi"
    notice: dict[str, Any] | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> GpuWatch:
        """As the spawner has set the environment."""
        uuids = tuple(filter(None, environ.get(GPU_VARIABLE, "").split(",")))
        return cls(uuids, environ.get("JUPYTERHUB_API_URL", ""), environ.get("JUPYTERHUB_API_TOKEN", ""))

    def look(self) -> str:
        """What is wrong with the GPU, as the driver says it; "" if it is reached."""
        try:
            done = subprocess.run(
                [self.program, "-L"], capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"the driver did not answer within {PATIENCE_S:.0f} s"
        except OSError:
            return "nvidia-smi is missing"
        said = (done.stdout + done.stderr).strip()
        if done.returncode == 0 and all(uuid in done.stdout for uuid in self.uuids):
            return ""
        if done.returncode == 0 and "UUID" in said:
            return "the driver shows another one"
        return (said.splitlines() or [f"nvidia-smi ended with {done.returncode}"])[0][:LONGEST]

    async def check(self) -> None:
        """Look, tell the hub, and keep what it has to say."""
        lost = await asyncio.to_thread(self.look)
        told = await self._tell(lost)
        words = told.get("lost") or (
            f"This server has lost its GPU ({lost}): save your work, stop it and start it again." if lost else ""
        )
        if words and lost:
            self.notice = {"watched": True, "kind": "lost", "words": words}
        elif told.get("warning"):
            self.notice = {"watched": True, "kind": "warning", "words": told["warning"]}
        else:
            self.notice = {"watched": True, "kind": "", "words": ""}

    async def _tell(self, lost: str) -> dict[str, Any]:
        try:
            answer = await AsyncHTTPClient().fetch(
                f"{self.address}/gpus",
                method="POST",
                headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
                body=json.dumps({"lost": lost}),
                request_timeout=PATIENCE_S,
            )
            told = json.loads(answer.body)
        except (HTTPClientError, OSError, ValueError):
            # A hub that is being restarted; what this server sees itself is shown all the same.
            return {}
        return told if isinstance(told, dict) else {}


class NoticeHandler(JupyterHandler):
    """``imagine/notice``: what pages of this server show; being asked for it does not count as use."""

    def initialize(self, watch: GpuWatch) -> None:
        """Take the watch that the routes name."""
        self.watch = watch

    @web.authenticated
    def get(self) -> None:
        """The notice as JSON."""
        self.set_header("Cache-Control", "no-store")
        self.finish(self.watch.notice or {"watched": bool(self.watch.uuids), "kind": "", "words": ""})
