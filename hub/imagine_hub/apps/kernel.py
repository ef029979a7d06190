"""One kernel: a process that runs an installed app, for one person and one page."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from imagine_hub.apps.errors import AppNotStarted
from imagine_hub.apps.folders import Workroom, of_person, personal
from imagine_hub.apps.relay import Relay

START_PATIENCE_S = 60.0
HAND_OVER_PATIENCE_S = 10.0
# What a kernel has to write before it goes; then it is ended.
END_PATIENCE_S = 3.0
# Of one processor: with less a kernel only answers a page that asks for news.
COMPUTING = 0.1

# Named and not imported here: it comes with the library, and the hub does without that. torch and the like are not in it.
PREPARE = """
try:
    import imagine_kernels.apps.identify
except ImportError:
    pass
"""
HAND_OVER = """
import os, tempfile
os.environ.update({environment!r})
os.umask(0o077)
os.chdir({folder!r})
tempfile.tempdir = None
"""


class Kernel:
    """A running kernel.

    Attributes
    ----------
    id : str
        In the addresses of its page. No secret: whoever asks has to be the owner.
    owner : str
        Name of the person it was given to; empty for a spare.
    relay : Relay or None
        Its connection to the page.
    last_use : float
        When somebody last did something, or it computed [s, monotonic clock].
    left : float or None
        When its page was last heard of; None while it is connected [s, monotonic clock].
    """

    def __init__(self, manager: AsyncKernelManager, client: Any, room: Workroom) -> None:
        self.manager, self.client, self.room = manager, client, room
        self.id = secrets.token_hex(16)
        self.owner = ""
        self.relay: Relay | None = None
        self.last_use = time.monotonic()
        self.left: float | None = None
        self.ending = False
        self._process = psutil.Process(manager.provisioner.pid)  # type: ignore[union-attr]  # it runs, so it has one
        self._measured = (time.monotonic(), 0.0)

    @classmethod
    async def start(cls, apps: Path, environ: Mapping[str, str], home_url: str) -> Kernel:
        """Start one that belongs to nobody, and let it import what every app needs.

        Parameters
        ----------
        apps : Path
            Folder of everybody's things.
        environ : mapping
            Environment of the service, of which a kernel gets the harmless part.
        home_url : str
            Where an app leads back to.

        Raises
        ------
        AppNotStarted
            It did not come up.
        """
        room = Workroom(apps, secrets.token_hex(8))
        # No folders of kernels: this Python and nothing that somebody has installed for themselves.
        manager = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(room.connection_file),
            shutdown_wait_time=END_PATIENCE_S,
        )
        try:
            await manager.start_kernel(
                env=room.environment(environ, home_url),
                cwd=str(room.path / "home"),
                extra_arguments=["--HistoryManager.enabled=False", "--IPKernelApp.exec_PYTHONSTARTUP=False"],
            )
            client = manager.client()
            client.start_channels(stdin=False, hb=False)
            client.allow_stdin = False
            await client.wait_for_ready(timeout=START_PATIENCE_S)
            kernel = cls(manager, client, room)
            await kernel.run(PREPARE, START_PATIENCE_S)
        except BaseException as error:
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)
            room.remove()
            if isinstance(error, (RuntimeError, OSError, queue.Empty, psutil.Error)):
                raise AppNotStarted.because(str(error) or type(error).__name__) from error
            raise
        return kernel

    async def run(self, code: str, patience_s: float) -> None:
        """Run some code of ours in it, unseen.

        Raises
        ------
        AppNotStarted
            It failed, or took longer than `patience_s` [s].
        """
        try:
            reply = await self.client.execute(code, silent=True, store_history=False, reply=True, timeout=patience_s)
        except (TimeoutError, queue.Empty) as error:
            raise AppNotStarted.because(f"no answer within {patience_s:.0f} s") from error
        if reply["content"].get("status") != "ok":
            raise AppNotStarted.because(f"{reply['content'].get('ename')}: {reply['content'].get('evalue')}")

    async def hand_over(self, user: str, apps: Path) -> None:
        """Make it the kernel of a person, before any code of an app runs in it.

        Raises
        ------
        AppNotStarted
            It did not take the person's folder; it must not be used then.
        """
        folder = await asyncio.to_thread(of_person, apps, user)
        await self.run(HAND_OVER.format(environment=personal(folder), folder=str(folder)), HAND_OVER_PATIENCE_S)
        self.owner = user
        self.relay = Relay(self.manager)
        self.last_use = self.left = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        try:
            return bool(self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def computed(self) -> bool:
        """Whether it, or what it has started, has computed since this was last asked."""
        now, spent = time.monotonic(), 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                spent += times.user + times.system
        (before, had), self._measured = self._measured, (now, spent)
        return spent - had > COMPUTING * max(now - before, 0.05)

    async def end(self) -> None:
        """End the process and all that it has started, and take its room away; nothing is left when this returns.

        Somebody's kernel is asked first, so that the app can write what it has not yet written; a spare has nothing to write.
        """
        self.ending = True
        family = self._family()
        if self.relay is not None:
            self.relay.close()
        self.client.stop_channels()
        try:
            await self.manager.shutdown_kernel(now=not self.owner)
        finally:
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            await asyncio.to_thread(self.room.remove)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
