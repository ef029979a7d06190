"""The page with the desktop, what it asks for, and the way of what is drawn: a websocket to the display's own socket."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from socket import AF_UNIX, socket
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from imagine_hub.errors import DesktopError
from imagine_hub.server.desktop.parts import VIEWER, why_not
from imagine_hub.server.desktop.session import Desktop, projects

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

HERE = Path(__file__).parent
FILES = HERE / "files"
PLACE = ("imagine", "desktop")
# Jupyter Server counts every setting whose name ends like this when the hub asks for the last activity.
ACTIVITY = "imagine_desktop_last_activity"
EVERY_MS = 60_000
LONGEST_NAME = 200
PIECE = 64 * 1024
# Messages that a hand sends (RFC 6143, 7.5.4 and 7.5.5): a key, the mouse. All others the page sends by itself.
BY_HAND = (4, 5)
#: Says to the apps, whose kernels this server starts, where the desktop is.
ADDRESS = "IMAGINE_DESKTOP_URL"


class PageHandler(JupyterHandler):
    """``imagine/desktop``: the desktop in the whole window, or one sentence where there is none."""

    @web.authenticated
    def get(self) -> None:
        """The page; it starts nothing by itself."""
        page = Environment(loader=FileSystemLoader(HERE), autoescape=True).get_template("page.html")
        self.set_header("Cache-Control", "no-store")
        self.finish(page.render(base=url_path_join(self.base_url, *PLACE), why_not=why_not(), xsrf=self.xsrf_token.decode()))


class FilesHandler(JupyterHandler, web.StaticFileHandler):
    """Scripts and style of the page: the same for everybody, so without login. A hub takes its cookie for pages and not for modules."""

    @allow_unauthenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        """Send a file of the folder that the routes name."""
        await web.StaticFileHandler.get(self, path, include_body)

    @allow_unauthenticated
    async def head(self, path: str) -> None:
        """The same without its content."""
        await web.StaticFileHandler.head(self, path)

    def set_extra_headers(self, path: str) -> None:
        """Asked for again after an update."""
        self.set_header("Cache-Control", "no-cache")


class WindowHandler(JupyterHandler):
    """``imagine/desktop/window``: napari on the desktop; being asked how it is does not count as use."""

    def initialize(self, desktop: Desktop) -> None:
        """Take the desktop that the routes name."""
        self.desktop = desktop

    @web.authenticated
    async def get(self) -> None:
        """How it is."""
        self.set_header("Cache-Control", "no-store")
        self.finish(await self.desktop.state())

    @web.authenticated
    async def post(self) -> None:
        """Open a project: ``{"project": "NAME"}``, or none."""
        try:
            asked = json.loads(self.request.body or b"{}").get("project", "")
        except (ValueError, AttributeError):
            asked = None
        if not isinstance(asked, str) or len(asked) > LONGEST_NAME or "\0" in asked:
            raise web.HTTPError(400, 'Say which project: {"project": "NAME"}.')
        try:
            await self.desktop.open(asked)
        except DesktopError as error:
            self.set_status(409)
            self.finish({"state": "off", "project": asked, "words": str(error)})
            return
        self.finish(await self.desktop.state())


class ProjectsHandler(JupyterHandler):
    """``imagine/desktop/projects``: the projects of the person, as the library names them."""

    @web.authenticated
    async def get(self) -> None:
        """``projects``, each with ``name`` and ``annotations``; or ``words`` why they cannot be named."""
        self.set_header("Cache-Control", "no-store")
        self.finish(await projects())


class SocketHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """``imagine/desktop/socket``: between the browser and the display, byte for byte."""

    def initialize(self, desktop: Desktop, settings: MutableMapping[str, Any]) -> None:
        """Take the desktop that the routes name."""
        self.desktop, self.noted = desktop, settings
        self.display: IOStream | None = None

    @web.authenticated
    async def get(self, *args: Any, **keywords: Any) -> None:  # type: ignore[override]
        """Connect, if there is a display."""
        if self.desktop.screen is None or not self.desktop.screen.running:
            raise web.HTTPError(409, "The desktop is not running: open it first.")
        await super().get(*args, **keywords)

    async def open(self) -> None:
        """Join the two."""
        super().open()
        screen = self.desktop.screen
        if screen is None:
            self.close()
            return
        self.desktop.watchers += 1
        self.display = IOStream(socket(AF_UNIX))
        try:
            await self.display.connect(str(screen.socket))
        except (StreamClosedError, OSError):
            self.close()
            return
        # Nothing of the person's is heard before this function ends.
        self.shown = asyncio.create_task(self._show(self.display))

    async def _show(self, display: IOStream) -> None:
        """Send on what the display draws, as fast as it is taken, until one of the two ends."""
        try:
            while True:
                await self.write_message(await display.read_bytes(PIECE, partial=True), binary=True)
        except (StreamClosedError, WebSocketClosedError):
            self.close()

    async def on_message(self, message: str | bytes) -> None:
        """What the person does, and what the page asks for."""
        if isinstance(message, str) or self.display is None:
            return
        if message[:1] and message[0] in BY_HAND:
            self.noted[ACTIVITY] = datetime.now(UTC)
        try:
            await self.display.write(message)
        except StreamClosedError:
            self.close()

    def on_close(self) -> None:
        """Let the display go; it waits for the next look."""
        super().on_close()
        if self.display is not None:
            self.display.close()
            self.desktop.watchers -= 1


def add_desktop(app: ServerApp, *, idle_s: float) -> None:
    """Add the desktop to a server, or the sentence why it has none.

    Parameters
    ----------
    app : ServerApp
    idle_s : float
        After so long without anybody looking it is closed [s]; 0: never.
    """
    place = url_path_join(app.base_url, *PLACE)
    routes: list[tuple[Any, ...]] = [
        (place, PageHandler),
        (f"{place}/files/(.*)", FilesHandler, {"path": str(FILES)}),
    ]
    if not why_not():
        desktop = Desktop(idle_s=idle_s)
        settings = app.web_app.settings
        routes += [
            (f"{place}/window", WindowHandler, {"desktop": desktop}),
            (f"{place}/projects", ProjectsHandler),
            (f"{place}/socket", SocketHandler, {"desktop": desktop, "settings": settings}),
            (f"{place}/novnc/(.*)", FilesHandler, {"path": str(VIEWER)}),
        ]
        # JupyterLab's launcher shows it where there is one.
        settings.setdefault("page_config_data", {})["imagineDesktop"] = True
        os.environ[ADDRESS] = place
        settings["imagine_desktop_watch"] = watch = PeriodicCallback(desktop.rest, EVERY_MS)
        app.io_loop.add_callback(watch.start)
        atexit.register(desktop.drop)
    app.web_app.add_handlers(".*$", routes)  # type: ignore[no-untyped-call]
