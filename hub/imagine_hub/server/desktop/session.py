"""The desktop of one person: one display, and napari on it with one project."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

from imagine_hub.errors import DesktopError
from imagine_hub.server.desktop.parts import why_not
from imagine_hub.server.desktop.screen import Screen, end

CLOSED = "napari is closed. Everything that you drew is saved."
RESTED = "Nobody looked at the desktop for a while, so it was closed. Everything that you drew is saved."
BROKEN = "napari ended by itself: open it again. If it does so again, take a larger size of server."
BIN = Path(sys.executable).parent


class Desktop:
    """What the page asks for: napari on a project, how it is, and an end.

    Parameters
    ----------
    idle_s : float
        After so long without anybody looking it is closed [s]; 0: never.
    """

    def __init__(self, *, idle_s: float = 1800.0) -> None:
        self.idle_s = idle_s
        self.project = ""
        self.watchers = 0
        self.seen_at = time.monotonic()
        self.screen: Screen | None = None
        self._window: Process | None = None
        self._shown = False
        self._words = ""
        self._lock = asyncio.Lock()

    async def open(self, project: str) -> None:
        """Start what is not running, with this project in napari; without one it asks for a project, or goes on with what is open.

        Raises
        ------
        DesktopError
            There is no desktop here, or it does not start.
        """
        if reason := why_not():
            raise DesktopError(reason)
        async with self._lock:
            self.seen_at = time.monotonic()
            if self.screen is None or not self.screen.running:
                await self._close("")
                self.screen = Screen()
                try:
                    await self.screen.start()
                except DesktopError:
                    self.screen = None
                    raise
            if self._runs and project in ("", self.project):
                return
            # Each change is in the project as soon as it is made: the other project loses nothing.
            if self._window is not None:
                await end(self._window)
            self.project, self._shown, self._words = project, False, ""
            with (self.screen.folder / "napari").open("wb") as log:
                self._window = await asyncio.create_subprocess_exec(
                    *command(project),
                    env=self.screen.environment(os.environ),
                    cwd=Path.home(),
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    async def state(self) -> dict[str, str]:
        """For the page: ``state`` ("off", "starting", "shown", "closed"), ``project``, and ``words`` for the person."""
        if not self._runs or self.screen is None or not self.screen.running:
            if self._window is None:
                return {"state": "off", "project": self.project, "words": self._words}
            return {"state": "closed", "project": self.project, "words": self._last_words()}
        if not self._shown:
            self._shown = await self.screen.has_window()
        return {"state": "shown" if self._shown else "starting", "project": self.project, "words": ""}

    async def rest(self) -> None:
        """Close it if nobody has looked for long: called once a minute."""
        if self.watchers:
            self.seen_at = time.monotonic()
        async with self._lock:
            unseen = time.monotonic() - self.seen_at >= self.idle_s > 0
            if self.screen is not None and not self.watchers and unseen:
                await self._close(RESTED)

    async def close(self) -> None:
        """End everything."""
        async with self._lock:
            await self._close("")

    def drop(self) -> None:
        """End the display without waiting: when the server ends."""
        if self.screen is not None:
            self.screen.drop()

    @property
    def _runs(self) -> bool:
        return self._window is not None and self._window.returncode is None

    async def _close(self, words: str) -> None:
        if self._window is not None:
            await end(self._window)
        if self.screen is not None:
            await self.screen.stop()
        self.screen, self._window, self._shown, self._words = None, None, False, words

    def _last_words(self) -> str:
        code = self._window.returncode if self._window is not None else 0
        if code == 0:
            return CLOSED
        log = self.screen.folder / "napari" if self.screen is not None else None
        said = log.read_text(encoding="utf-8", errors="replace") if log is not None and log.is_file() else ""
        return (sentence(said) if code == 1 else "") or BROKEN


def command(project: str) -> tuple[str, ...]:
    """What is started: napari on the project, or with the list of the person's projects beside an empty picture."""
    if project:
        return (str(BIN / "imagine"), "napari", "--project", "--", project)
    return (str(BIN / "napari"), "--with", "imagine-kernels", "Annotation project")


async def projects() -> dict[str, Any]:
    """``projects``, each with ``name`` and ``annotations``; or ``words`` why the library cannot name them."""
    words = (str(BIN / "imagine"), "projects", "list", "--json")
    asked = await asyncio.create_subprocess_exec(*words, cwd=Path.home(), stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    told, said = await asked.communicate()
    if asked.returncode:
        return {"words": sentence(said.decode(errors="replace")) or "Your projects cannot be named: tell whoever runs this hub."}
    return {"projects": [{"name": each["name"], "annotations": each["annotations"]} for each in json.loads(told)]}


def sentence(said: str) -> str:
    """What a command of the library says of a mistake; empty where it says something for its makers."""
    last = next(filter(None, map(str.strip, reversed(said.splitlines()))), "")
    return "" if "Traceback" in said else last.removeprefix("error: ")
