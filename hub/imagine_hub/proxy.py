"""The proxy in front of the hub and of the users' servers, in Python, so that no Node is needed.

The package ``configurable-http-proxy`` has the routing table and its interface to the hub. Its handler, however, collects
every answer before it passes it on, gives up after 20 s, and takes 10 MB per websocket message and 10 requests at once: an
app's page would appear only when its last cell has run, progress would come in one piece at the end, and a large download
would fail. The handler below passes bytes on as they come.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yarl
from configurable_http_proxy.configproxy import PythonProxy
from configurable_http_proxy.handlers import APIHandler, ProxyHandler
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.ioloop import PeriodicCallback
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, websocket_connect

MEGABYTE = 1024 * 1024
LOOK_AGAIN_MS = 30_000
HOST_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9a-f:.]+\]")

# Between two machines only, never passed on (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip

ERROR_PAGE_HEADERS = frozenset(
    ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")
)


class StreamingHandler(ProxyHandler):  # type: ignore[misc]
    """Passes requests, answers and websocket messages on as they come."""

    _task: asyncio.Task[None] | None = None

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
            # Only a server in front of this one may speak for others; a browser could claim to be anybody.
            said = self.request.headers.get(f"X-Forwarded-{name}") if self.settings["behind_tls"] else None
            headers[f"X-Forwarded-{name}"] = said or value
        if "X-Real-Ip" in headers and not self.settings["behind_tls"]:
            del headers["X-Real-Ip"]
        return headers

    async def call_proxy(self, path: str | None = None) -> None:
        """Pass one request on, and its answer back piece by piece."""
        url = await self.get_target_url(path)
        if url is None:
            return
        self._task = asyncio.ensure_future(self._pass_on(url))
        try:
            await self._task
        except asyncio.CancelledError:
            # The browser has gone: so has the request behind.
            self.proxy.log.debug(f"Browser left {self.request.path}")
        except StreamClosedError:
            self.proxy.log.debug(f"Browser left {self.request.path}")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if self._headers_written:
                self.proxy.log.error(f"{self.request.method} {self.request.path} broke off: {error}")
                self.request.connection.stream.close()
            else:
                await self.handle_proxy_error(503, error)

    async def _pass_on(self, url: str) -> None:
        session = self.settings["sessions"].get()
        async with session.request(
            self.request.method,
            yarl.URL(url, encoded=True),
            headers=[(name, value) for name, value in self.forwarded_headers().get_all()],
            data=self.request.body or None,
            allow_redirects=False,
        ) as answer:
            self.clear()
            for name in ("Server", "Content-Type", "Date"):
                self.clear_header(name)
            self.set_status(answer.status, answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.add_header(name, value)
            if self.request.method == "HEAD" or answer.status in (204, 304):
                await self.finish()
                return
            async for piece in answer.content.iter_any():
                self.write(piece)
                await self.flush()
            await self.finish()

    async def handle_proxy_error(self, code: int, err: object) -> None:
        """Show the hub's page for an error; without its cookies, which are made for nobody and would take the place of the reader's."""
        self.proxy.log.warning(f"{code} {self.request.method} {self.request.path} {err or ''}")
        if self.ws_connection:
            return
        self.clear()
        self.set_status(code)
        page = b"The hub cannot be reached at the moment: try again in a few seconds."
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if self.proxy.error_target:
            try:
                address = yarl.URL(f"{self.proxy.error_target}{code}") % {"url": self.request.path}
                async with self.settings["sessions"].get().get(address) as answer:
                    page = await answer.read()
                    for name in ERROR_PAGE_HEADERS & set(answer.headers):
                        self.set_header(name, answer.headers[name])
            except (aiohttp.ClientError, OSError) as error:
                self.proxy.log.warning(f"The hub has no page for {code}: {error}")
        await self.finish(page)

    def compute_etag(self) -> None:
        """The server behind knows what it sends; nothing is added here."""

    def on_connection_close(self) -> None:
        """End the request behind when the browser leaves."""
        if self._task is not None:
            self._task.cancel()
        super().on_connection_close()

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


class _Sessions:
    """The client's session, made when the loop runs."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def get(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A connection per request: on one machine it costs nothing, and none is found closed when it is needed.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=20),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                max_line_size=65536,
                max_field_size=65536,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _port(host: str, scheme: str) -> int:
    usual = 443 if scheme == "https" else 80
    try:
        return urlsplit(f"//{host}").port or usual
    except ValueError:
        return usual


class RedirectHandler(RequestHandler):
    """Sends http:// on to https://."""

    def initialize(self, port: int) -> None:
        """Take the port of the encrypted address."""
        self.port = port

    def prepare(self) -> None:
        """Whatever was asked for, at the same host; a name that is none is not repeated."""
        host = self.request.host_name
        if not HOST_NAME.fullmatch(host):
            raise HTTPError(400, "This is no host name.")
        port = "" if self.port == 443 else f":{self.port}"
        self.redirect(f"https://{host}{port}{self.request.uri}", status=308)


class Certificate:
    """The certificate and its key, read again when their files change, so that a renewal needs no restart."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate, self.key = certificate, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._times()
        self.context.load_cert_chain(certificate, key)

    def _times(self) -> tuple[int, int]:
        return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns

    def look_again(self) -> None:
        """Take up new files; half-written ones are left for the next time."""
        try:
            now = self._times()
            if now == self._seen:
                return
            # Tried on the side first: a context keeps half of what failed.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
            self.context.load_cert_chain(self.certificate, self.key)
            self._seen = now
            logging.getLogger("proxy").warning("The certificate %s was renewed", self.certificate)
        except (OSError, ssl.SSLError) as error:
            logging.getLogger("proxy").error(
                "The certificate %s cannot be read (%s): the old one is used", self.certificate, error
            )


def make_proxy(options: dict[str, Any], *, message_mb: int, behind_tls: bool = False) -> PythonProxy:
    """The proxy with its two applications: ``proxy_app`` for browsers, ``api_app`` for the hub."""
    proxy = PythonProxy(options)
    limit = message_mb * MEGABYTE
    proxy.proxy_app = Application(
        [(r"/(.*)", StreamingHandler, {"proxy": proxy})],
        websocket_max_message_size=limit,
        sessions=_Sessions(),
        behind_tls=behind_tls,
        # The servers behind write their own log.
        log_function=lambda handler: None,
    )
    proxy.api_app = Application([(r"^/api/routes(/.*)?$", APIHandler, {"proxy": proxy})], log_function=lambda handler: None)
    return proxy


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the proxy with the options that the hub gives."""
    parser = argparse.ArgumentParser(prog="imagine_hub.proxy", description=__doc__)
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--api-ip", default="127.0.0.1")
    parser.add_argument("--api-port", type=int, default=8001)
    parser.add_argument("--error-target")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--message-mb", type=int, default=256)
    parser.add_argument("--upload-mb", type=int, default=1024)
    parser.add_argument("--ssl-cert", type=Path)
    parser.add_argument("--ssl-key", type=Path)
    parser.add_argument("--redirect-port", type=int, default=0)
    parser.add_argument("--behind-tls", action="store_true")
    parser.add_argument("--host-routing", action="store_true")
    given = parser.parse_args(arguments)
    token = os.environ.get("CONFIGPROXY_AUTH_TOKEN")
    if not token:
        parser.error("CONFIGPROXY_AUTH_TOKEN is not set: without it anybody on this machine could change the routes.")
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s proxy %(levelname)s %(message)s")
    options = {"log": logging.getLogger("proxy"), "auth_token": token, "host_routing": given.host_routing}
    certificate = Certificate(given.ssl_cert, given.ssl_key) if given.ssl_cert else None
    if given.error_target:
        # Without the second the package would look for its own error pages, and refuse both.
        options |= {"error_target": given.error_target, "error_path": None}

    async def serve() -> None:
        proxy = make_proxy(options, message_mb=given.message_mb, behind_tls=given.behind_tls)
        upload = given.upload_mb * MEGABYTE
        context = certificate.context if certificate else None
        front = HTTPServer(proxy.proxy_app, max_buffer_size=upload, max_body_size=upload, ssl_options=context)
        front.listen(given.port, given.ip)
        if certificate:
            PeriodicCallback(certificate.look_again, LOOK_AGAIN_MS).start()
            if given.redirect_port:
                Application([(r".*", RedirectHandler, {"port": given.port})]).listen(given.redirect_port, given.ip)
        HTTPServer(proxy.api_app).listen(given.api_port, given.api_ip)
        await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
