"""Our own pages: home, login, progress and errors, in the style of the apps."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub.handlers import BaseHandler
from tornado import web

from imagine_hub.gpus.desk import gives_gpus
from imagine_hub.gpus.pages import GpuStatusNow, gpu_handlers
from imagine_hub.listing import Listing, ListingFile
from imagine_hub.profiles import offered
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"


@dataclass(frozen=True)
class ListingNow:
    """What the templates see as ``listing``: the hub calls it for every page."""

    file: ListingFile

    def __call__(self, user: Any) -> Listing:
        """The listing as it is now."""
        return self.file.read()


@dataclass(frozen=True)
class DesktopNow:
    """What the templates see as ``desktop``: whether a size with a desktop is offered to the person."""

    settings: Settings

    def __call__(self, user: Any) -> bool:
        """Whether the home page leads to it."""
        if user is None or not self.settings.servers.in_containers:
            return False
        sizes = offered(self.settings.profiles, {group.name for group in user.groups})
        return any(size.desktop for size in sizes)


class StyleHandler(BaseHandler):  # type: ignore[misc]
    """The style sheet that the listing names; without login, because the login page needs it."""

    def initialize(self, listing: ListingFile) -> None:
        """Take the listing that the routes name."""
        self.listing = listing

    def get(self) -> None:
        """Send the style sheet, or an empty one: our own has values to fall back on."""
        style = self.listing.read().style
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.finish(style.read_bytes() if style is not None and style.is_file() else b"")


class PictureHandler(BaseHandler):  # type: ignore[misc]
    """The picture of a use case."""

    def initialize(self, listing: ListingFile) -> None:
        """Take the listing that the routes name."""
        self.listing = listing

    @web.authenticated
    def get(self, name: str) -> None:
        """Send the picture; opened on its own it may run nothing."""
        picture = self.listing.picture(name)
        kind = mimetypes.guess_type(picture.name)[0] if picture is not None else None
        if picture is None or kind is None or not kind.startswith("image/"):
            raise web.HTTPError(404, "There is no such picture.")
        self.set_header("Content-Type", kind)
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox")
        self.set_header("Cache-Control", "private, max-age=300")
        self.finish(picture.read_bytes())


class OwnFileHandler(web.StaticFileHandler):
    """Style, script and sign of the pages; without login, because the login page needs them."""

    def set_extra_headers(self, path: str) -> None:
        """As careful as the pages, and asked for again after an update."""
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")


def configure_pages(c: Config, settings: Settings) -> None:
    """Our templates before those of JupyterHub; everybody lands on the home page."""
    listing = ListingFile(StateFolder(settings.state.path).listing)
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.logo_file = str(STATIC / "logo.svg")
    c.JupyterHub.default_url = "/hub/home"
    c.JupyterHub.redirect_to_server = False
    c.JupyterHub.template_vars = {
        "site_title": settings.site.title,
        "docs_url": settings.site.docs_url,
        "own_password": settings.login.authenticator == "native",
        "listing": ListingNow(listing),
        "desktop": DesktopNow(settings),
        "gives_gpus": gives_gpus(settings),
        "gpu_status": GpuStatusNow(settings),
    }
    # Files of the pages themselves; as a service they would be another process, and the login page could not have them.
    c.JupyterHub.extra_handlers = [
        (r"/imagine/style\.css", StyleHandler, {"listing": listing}),
        (r"/imagine/picture/([a-z][a-z0-9_]*)", PictureHandler, {"listing": listing}),
        (r"/imagine/static/(.*)", OwnFileHandler, {"path": str(STATIC)}),
        *gpu_handlers(settings),
    ]
