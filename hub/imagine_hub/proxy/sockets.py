"""Websockets through the proxy, and what every request has in common with them: where it goes, and with which headers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from configurable_http_proxy.handlers import ProxyHandler
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, websocket_connect

from imagine_hub.proxy.names import Kind, place_of

# Between two machines only, never passed on (RFC 9110, sections 7.6.1 and 10.1.1).
HOP_BY_HOP = frozenset(
    ("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip

NO_SUCH_NAME = "There is nothing under this name: open the address that the hub was given."
NOT_RUNNING = "This server does not run: start it on the home page of the hub."


class SocketHandler(ProxyHandler):  # type: ignore[misc]
    """Passes websocket messages on as they come."""

    async def get_target_url(self, path: str | None) -> str | None:
        """Address of this request at the server behind; None where there is none, and the browser has its answer."""
        path = "/" + (path or "").lstrip("/")
        place = place_of(self.proxy, self.request.host_name, path)
        self.target = {"prefix": place.route, "target": place.target} if place.kind is Kind.SERVER else None
        if place.kind is Kind.SERVER:
            return f"{place.target.rstrip('/')}{quote(path)}{self._query()}"
        if place.kind is Kind.HUB and self.is_navigation():
            self.redirect(f"{self.scheme()}://{self.beside(place.host)}{self.request.path}{self._query()}", status=302)
        elif place.kind is Kind.HUB:
            # As the hub says it itself: JupyterLab tells its user then.
            await self.answer(424, NOT_RUNNING)
        elif self.proxy.host_routing:
            await self.answer(404, NO_SUCH_NAME)
        else:
            await self.handle_proxy_error(404, None)
        return None

    async def answer(self, code: int, sentence: str) -> None:
        """Answer with a sentence of the proxy's own."""
        raise NotImplementedError

    def is_navigation(self) -> bool:
        """Whether a person opens a page, rather than a page asking for something."""
        headers = self.request.headers
        html = "text/html" in headers.get("Accept", "")
        return self.request.method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode", "navigate" if html else "") == "navigate"

    def said(self, name: str, own: str) -> str:
        """What a server in front says of the request, where there is one; a browser could claim to be anybody."""
        believed = self.request.headers.get(f"X-Forwarded-{name}") if self.settings["behind_tls"] else None
        return believed or own

    def scheme(self) -> str:
        """``http`` or ``https``, as people have typed it."""
        return self.said("Proto", self.request.protocol).partition(",")[0].strip()

    def beside(self, host: str) -> str:
        """Another name with the port of this request."""
        _, colon, port = self.request.host.rpartition(":")
        return f"{host}:{port}" if colon and port.isdigit() else host

    def _query(self) -> str:
        return f"?{self.request.query}" if self.request.query else ""

    def forwarded_headers(self) -> HTTPHeaders:
        """The headers of the request as the server behind should see them."""
        headers = HTTPHeaders()
        for name, value in self.request.headers.get_all():
            if name.lower() not in HOP_BY_HOP:
                headers.add(name, value)
        host = self.request.headers.get("Host", "")
        scheme = self.request.protocol
        own = {"For": self.request.remote_ip, "Proto": scheme, "Port": str(_port(host, scheme)), "Host": host}
        for name, value in own.items():
            headers[f"X-Forwarded-{name}"] = self.said(name, value)
        if "X-Real-Ip" in headers and not self.settings["behind_tls"]:
            del headers["X-Real-Ip"]
        return headers

    async def start_ws_client(self, path: str | None = None) -> None:
        """Open the websocket behind, with the protocol that the browser asks for."""
        self.closed = False
        url = await self.get_target_url(path)
        if url is None:
            return
        headers = self.forwarded_headers()
        wanted = [word.strip() for word in headers.get("Sec-WebSocket-Protocol", "").split(",") if word.strip()]
        for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
            del headers[name]
        request = HTTPRequest(url.replace("http", "ws", 1), headers=headers, connect_timeout=20, request_timeout=20)
        try:
            self.ws_client = await websocket_connect(
                request,
                on_message_callback=self._from_behind,
                subprotocols=wanted or None,
                max_message_size=self.settings["websocket_max_message_size"],
            )
        except Exception as error:  # whatever it is, the browser gets an answer, and the log the reason
            code = getattr(error, "code", 503)
            if code in (401, 403, 404):
                raise HTTPError(code) from error
            await self.handle_proxy_error(503, error)

    def select_subprotocol(self, subprotocols: Sequence[str]) -> str | None:
        """The one that the server behind has chosen: browsers refuse a connection without the answer."""
        chosen: str | None = self.ws_client.selected_subprotocol if self.ws_client else None
        return chosen

    def _from_behind(self, message: str | bytes | None) -> None:
        if message is None:
            if self.ws_client is not None and not self.closed:
                self.close(self.ws_client.close_code, self.ws_client.close_reason)
            return
        if self.target:
            self.proxy.update_last_activity(self.target["prefix"])
        try:
            _without_complaint(self.write_message(message, binary=isinstance(message, bytes)))
        except WebSocketClosedError:
            self.proxy.log.debug(f"Browser left {self.request.path}")

    def on_message(self, message: str | bytes) -> None:
        """Pass a message from the browser on, as text or bytes as it came."""
        if self.ws_client is None:
            return
        if self.target:
            self.proxy.update_last_activity(self.target["prefix"])
        try:
            _without_complaint(self.ws_client.write_message(message, binary=isinstance(message, bytes)))
        except WebSocketClosedError:
            self.close()

    def on_close(self) -> None:
        """Close the websocket behind with the browser's."""
        self.closed = True
        super().on_close()


def _without_complaint(sending: asyncio.Future[None]) -> None:
    """A message whose receiver leaves meanwhile is nobody's loss; anything else is reported by the loop."""

    def look(done: asyncio.Future[None]) -> None:
        if not done.cancelled() and not isinstance(
            error := done.exception(), (WebSocketClosedError, StreamClosedError, type(None))
        ):
            raise error

    sending.add_done_callback(look)


def _port(host: str, scheme: str) -> int:
    usual = 443 if scheme == "https" else 80
    try:
        return urlsplit(f"//{host}").port or usual
    except ValueError:
        return usual
