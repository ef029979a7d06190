"""The addresses of the service. There are few, and each asks who is there and whose kernel it is."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from http.client import responses
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import jinja2
from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated, UserNotAllowed
from tornado import web
from tornado.websocket import WebSocketHandler

from imagine_hub.apps import messages
from imagine_hub.apps.errors import RefusedMessage, TooManyApps
from imagine_hub.apps.kernel import Kernel
from imagine_hub.apps.page import CONTENT_SECURITY_POLICY, Apps
from imagine_hub.apps.pool import Kernels
from imagine_hub.apps.values import Values
from imagine_hub.listing import Card, ListingFile
from imagine_hub.network import CONTENT_SECURITY_POLICY as PAGES_POLICY
from imagine_hub.network import HEADERS

KERNEL = r"api/kernels/([0-9a-f]{32})"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """What all handlers share.

    Attributes
    ----------
    hub_host, hub_url, root_url : str
        Origin of the hub's own pages where it is another, their address, and the address of everything.
    """

    values: Values
    kernels: Kernels
    apps: Apps
    listing: ListingFile
    templates: jinja2.Environment
    hub_host: str
    hub_url: str
    root_url: str


class AppsHandler(HubOAuthenticated, web.RequestHandler):  # type: ignore[misc]  # JupyterHub has no types
    """Knows the person, and shows our own pages."""

    site: Site

    def initialize(self, site: Site) -> None:
        """Take what all handlers share."""
        self.site = site

    def set_default_headers(self) -> None:
        """As the hub's own pages, which may lie on another origin."""
        for name, value in HEADERS.items():
            self.set_header(name, value)
        host = self.application.settings["hub_host"]
        self.set_header("Content-Security-Policy", PAGES_POLICY.replace("'self'", f"'self' {host}") if host else PAGES_POLICY)
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    def get_current_user(self) -> None:
        """Nobody, until `prepare` has asked; JupyterHub's own would hold up everybody while it asks."""

    async def prepare(self) -> None:
        """Ask the hub who is there."""
        try:
            model = await self.hub_auth.get_user(self, sync=False)
            model = self.check_hub_user(model) if model else None
        except UserNotAllowed:
            raise web.HTTPError(403, "The apps are not open to this account.") from None
        if model is not None and model.get("kind") != "user":
            raise web.HTTPError(403, "The apps are for people.")
        self.current_user = model

    @property
    def user(self) -> str:
        """Name of the person who is logged in."""
        return str(self.current_user["name"])

    def own_kernel(self, kernel_id: str) -> Kernel:
        """A kernel of this person; raises 404 for another's, as for one that does not exist."""
        kernel = self.site.kernels.of(self.user, kernel_id)
        if kernel is None:
            raise web.HTTPError(404, "There is no such app open.")
        return kernel

    def show(self, template: str, **context: object) -> None:
        """Finish with one of our pages."""
        model, site = self.current_user, self.site
        name = model["name"] if model else ""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            site.templates.get_template(template).render(
                base_url=site.hub_url,
                prefix=site.root_url,
                apps_url=self.hub_auth.base_url,
                services=[SimpleNamespace(name="apps", href=self.hub_auth.base_url)],
                user=SimpleNamespace(name=name, escaped_name=quote(name, safe="@~")) if model else None,
                site_title=site.values.title,
                docs_url=site.values.docs_url,
                logout_url=f"{site.hub_url}logout",
                parsed_scopes=(),
                **context,
            )
        )

    def write_error(self, status_code: int, **given: Any) -> None:
        """One sentence in our own style; nothing of the program's insides."""
        error = given.get("exc_info", (None, None))[1]
        message = error.log_message if isinstance(error, web.HTTPError) and status_code < 500 else ""
        self.show("error.html", status_code=status_code, status_message=responses.get(status_code, ""), message=message)


class IndexHandler(AppsHandler):
    """What there is to open."""

    @web.authenticated
    def get(self) -> None:
        """The cards of the use cases whose app is installed."""
        listing = self.site.listing.read()
        cards = [(card, buttons) for card in listing.cards if (buttons := self._buttons(card))]
        self._xsrf_page("apps.html", cards=cards, problem=listing.problem, opened=self.site.kernels.count(self.user))

    def _buttons(self, card: Card) -> list[Any]:
        return [button for button in card.buttons if self.site.apps.find(button.path)]

    def _xsrf_page(self, template: str, **context: object) -> None:
        self.show(template, form_token=_text(self.xsrf_token), **context)


class AppHandler(IndexHandler):
    """The page of an app, with a kernel of its own."""

    @web.authenticated
    async def get(self, address: str) -> None:
        """Send the first part at once, then what the kernel has to show."""
        path = self.site.apps.find(address)
        if path is None:
            raise web.HTTPError(404, "There is no such app.")
        if self.site.apps.template is None:
            raise web.HTTPError(404, "The apps are not installed here: tell whoever runs this hub.")
        kernels = self.site.kernels
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(kernels.place(self.user))
            except TooManyApps as error:
                self.set_status(429)
                self._xsrf_page("full.html", sentence=str(error), own=error.own, address=self.request.path)
                return

            async def start() -> Kernel:
                kernel = await kernels.give(self.user)
                # It counts as open by itself from here on.
                held.close()
                return kernel

            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            async for piece in self.site.apps.render(path, start, _text(self.xsrf_token)):
                self.write(piece)
                await self.flush()


class CloseHandler(AppsHandler):
    """A form: close all apps of this person."""

    @web.authenticated
    async def post(self) -> None:
        """Close them and go back when they are gone."""
        await self.site.kernels.close_all_of(self.user)
        self.redirect(self.hub_auth.base_url)


class KernelHandler(AppsHandler):
    """The page of an app says here that it is left."""

    @web.authenticated
    def delete(self, kernel_id: str) -> None:
        """End the kernel."""
        self.site.kernels.close(self.own_kernel(kernel_id))
        self.set_status(204)


class ChannelHandler(AppsHandler, WebSocketHandler):
    """The connection between the page of an app and its kernel."""

    kernel: Kernel | None = None
    _complained = False

    async def get(self, kernel_id: str) -> None:
        """Only for the owner; a browser from another site is refused by `check_origin`."""
        if self.current_user is None:
            raise web.HTTPError(403, "Log in first.")
        self.kernel = self.own_kernel(kernel_id)
        await super().get(kernel_id)

    def open(self, kernel_id: str) -> None:
        """The page is there."""
        if self.kernel is None or self.kernel.relay is None or self.kernel.ending:
            self.close(1001, "the app was closed")
            return
        self.kernel.left = None
        self.kernel.last_use = time.monotonic()
        self.kernel.relay.attach(self)

    async def on_message(self, given: str | bytes) -> None:
        """Pass a message on if it is one that pages of apps send."""
        kernel = self.kernel
        if kernel is None or kernel.relay is None or kernel.ending:
            return
        try:
            message = messages.read(given)
            if message.is_use:
                kernel.last_use = time.monotonic()
            await kernel.relay.to_kernel(message)
        except RefusedMessage as error:
            self._complain(error)
        except (ValueError, TypeError, RecursionError) as error:
            self._complain(RefusedMessage.malformed(type(error).__name__))

    def on_close(self) -> None:
        """The page has gone, or lost its connection; it has a moment to come back."""
        if self.kernel is not None and self.kernel.relay is not None and self.kernel.relay.detach(self):
            self.kernel.left = time.monotonic()

    def _complain(self, error: RefusedMessage) -> None:
        # Once per connection: nobody fills the log.
        if not self._complained:
            self._complained = True
            _log.warning("From the browser of %s: %s", self.user, error)


class CallbackHandler(HubOAuthCallbackHandler):  # type: ignore[misc]
    """Where the hub sends people back to after their login."""

    def set_default_headers(self) -> None:
        """As careful as the pages."""
        for name, value in HEADERS.items():
            self.set_header(name, value)


class NothingHandler(AppsHandler):
    """All other addresses."""

    @web.authenticated
    def get(self) -> None:
        """There is nothing."""
        raise web.HTTPError(404, "There is no such page among the apps.")

    head = post = put = patch = delete = options = get


def application(site: Site, auth: HubOAuth, **settings: Any) -> web.Application:
    """All addresses."""
    base = auth.base_url
    shared = {"site": site}
    secure = {"samesite": "Lax", **({"secure": True} if site.values.encrypted else {})}
    auth.cookie_options = secure
    return web.Application(
        [
            (base, IndexHandler, shared),
            (rf"{base}(voila/render/.+)", AppHandler, shared),
            (f"{base}{KERNEL}/channels", ChannelHandler, shared),
            (f"{base}{KERNEL}", KernelHandler, shared),
            (f"{base}close", CloseHandler, shared),
            (f"{base}oauth_callback", CallbackHandler),
            (".*", NothingHandler, shared),
        ],
        xsrf_cookies=True,
        xsrf_cookie_kwargs={"httponly": True, **secure},
        hub_host=site.hub_host,
        websocket_max_message_size=site.values.message_mb * 1024 * 1024,
        websocket_ping_interval=30,
        log_function=_write_down,
        **settings,
    )


def _text(token: str | bytes) -> str:
    return token.decode("ascii") if isinstance(token, bytes) else token


def _write_down(handler: web.RequestHandler) -> None:
    if handler.get_status() >= 500:
        # Without the query: an address is written down, never what comes with it.
        _log.error("%d %s %s", handler.get_status(), handler.request.method, handler.request.path)
