"""The two applications of the proxy, and the client that asks the servers behind."""

from __future__ import annotations

from typing import Any

import aiohttp
from configurable_http_proxy.configproxy import PythonProxy
from configurable_http_proxy.handlers import APIHandler
from tornado.httpserver import HTTPServer
from tornado.web import Application

from imagine_hub.proxy.handler import MEGABYTE, StreamingHandler

# Of a body as a whole nothing is held; the handler counts, and says what is too much.
NO_LIMIT = 2**62


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


def make_proxy(options: dict[str, Any], *, message_mb: int, upload_mb: int, behind_tls: bool = False) -> PythonProxy:
    """The proxy with its two applications: ``proxy_app`` for browsers, ``api_app`` for the hub."""
    proxy = PythonProxy(options)
    proxy.proxy_app = Application(
        [(r"/(.*)", StreamingHandler, {"proxy": proxy})],
        websocket_max_message_size=message_mb * MEGABYTE,
        upload_bytes=upload_mb * MEGABYTE,
        sessions=_Sessions(),
        behind_tls=behind_tls,
        # The servers behind write their own log.
        log_function=lambda handler: None,
    )
    proxy.api_app = Application([(r"^/api/routes(/.*)?$", APIHandler, {"proxy": proxy})], log_function=lambda handler: None)
    return proxy


def front_of(proxy: PythonProxy, **options: Any) -> HTTPServer:
    """The server for browsers; what it holds of one connection is a websocket message at most."""
    message = proxy.proxy_app.settings["websocket_max_message_size"]
    return HTTPServer(proxy.proxy_app, max_buffer_size=message + MEGABYTE, max_body_size=NO_LIMIT, **options)
