"""A display in memory: an X server that speaks VNC on a socket in a private folder, and a window manager."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import struct
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from imagine_hub.errors import DesktopError
from imagine_hub.server.desktop.parts import DISPLAY, LOOK, MANAGER, program

SIZE = "1280x800"
PATIENCE_S = 20.0
END_S = 5.0
MANAGER_SETTINGS = Path(__file__).parent / "openbox.xml"
# Any host and any display: the file lies where nobody else can read it.
_ANYWHERE = 65535
_COOKIE = b"MIT-MAGIC-COOKIE-1"
#: No port on any network, and no socket but that in the folder and the one of X itself, which asks for the cookie.
_CLOSED = ("-rfbport", "-1", "-rfbunixmode", "0600", "-SecurityTypes", "None", "-nolisten", "tcp", "-nolisten", "local")


class Screen:
    """One display; its folder is private and gone when it ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="desktop-"))
        self.number = ""
        self._processes: list[Process] = []

    @property
    def socket(self) -> Path:
        """Where it speaks VNC."""
        return self.folder / "rfb"

    @property
    def running(self) -> bool:
        """Whether the X server runs."""
        return bool(self.number) and self._processes[0].returncode is None

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """What a program needs to draw on this display, with the processor."""
        return {
            **environ,
            "DISPLAY": f":{self.number}",
            "XAUTHORITY": str(self.folder / "cookie"),
            "XDG_RUNTIME_DIR": str(self.folder),
            "QT_API": "pyside6",
            "QT_QPA_PLATFORM": "xcb",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "GALLIUM_DRIVER": "llvmpipe",
            # As many threads as the size of the server has processors, not as the machine has.
            **({"LP_NUM_THREADS": environ["OMP_NUM_THREADS"]} if environ.get("OMP_NUM_THREADS") else {}),
        }

    async def start(self) -> None:
        """Start the X server and the window manager.

        Raises
        ------
        DesktopError
            The X server did not come up.
        """
        cookie = struct.pack(f">HHHH{len(_COOKIE)}sH16s", _ANYWHERE, 0, 0, len(_COOKIE), _COOKIE, 16, secrets.token_bytes(16))
        (self.folder / "cookie").write_bytes(cookie)
        reader, writer = os.pipe()
        own = ("-displayfd", str(writer), "-auth", str(self.folder / "cookie"), "-rfbunixpath", str(self.socket))
        more = ("-AlwaysShared", "-geometry", SIZE, "-depth", "24", "-desktop", "napari")
        with os.fdopen(reader) as told:
            try:
                with (self.folder / "log").open("wb") as log:
                    self._processes.append(
                        await asyncio.create_subprocess_exec(
                            *(program(DISPLAY), *own, *_CLOSED, *more), pass_fds=(writer,), stdout=log, stderr=STDOUT
                        )
                    )
            finally:
                os.close(writer)
            # The number comes when the display takes windows, and its line in two pieces; none if the server has ended.
            line = asyncio.create_task(asyncio.to_thread(told.readline))
            done, _ = await asyncio.wait({line}, timeout=PATIENCE_S)
            if not done:
                await end(self._processes[0])
            self.number = (await line).strip()
        if not self.number:
            last = (self.folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            await self.stop()
            raise DesktopError.not_started(" ".join(last))
        self._processes.append(
            await asyncio.create_subprocess_exec(
                *(program(MANAGER), "--config-file", str(MANAGER_SETTINGS)),
                env=self.environment(os.environ),
                stdout=DEVNULL,
                stderr=DEVNULL,
            )
        )

    async def has_window(self) -> bool:
        """Whether any window is there."""
        words, environment = (program(LOOK), "-root", "_NET_CLIENT_LIST"), self.environment(os.environ)
        asked = await asyncio.create_subprocess_exec(*words, env=environment, stdout=PIPE, stderr=DEVNULL)
        said, _ = await asked.communicate()
        return b"0x" in said

    async def stop(self) -> None:
        """End everything that runs on the display, and leave nothing behind."""
        for process in reversed(self._processes):
            await end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def drop(self) -> None:
        """The same when the server of this person ends and nothing can be waited for: without a display all its windows end."""
        for process in self._processes:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


async def end(process: Process) -> None:
    """Ask a process to end, and end it where it does not."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
