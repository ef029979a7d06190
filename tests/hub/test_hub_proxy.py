"""The proxy: a real one between a client and a small server, both in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from hub_running import run_async
from imagine_hub.network import free_port
from imagine_hub.proxy import main, make_proxy
from tornado.httpserver import HTTPServer

MEGABYTE = 1024 * 1024


class Behind:
    """The server behind the proxy."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.left = asyncio.Event()
        self.headers: dict[str, str] = {}
        self.application = web.Application(client_max_size=64 * MEGABYTE)
        self.application.add_routes(
            [
                web.get("/slow", self.slow),
                web.get("/large", self.large),
                web.get("/moved", self.moved),
                web.get("/nothing", self.nothing),
                web.post("/echo", self.echo),
                web.get("/socket", self.socket),
                web.get("/error/{code}", self.error_page),
            ]
        )

    async def slow(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        try:
            await answer.write(b"first")
            await self.go_on.wait()
            await answer.write(b"second")
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return answer

    async def large(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(150):
            await answer.write(bytes(MEGABYTE))
        return answer

    async def moved(self, request: web.Request) -> web.Response:
        answer = web.Response(status=302, headers={"Location": "/elsewhere"})
        answer.set_cookie("one", "1", httponly=True)
        answer.set_cookie("two", "2")
        return answer

    async def nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=304, headers={"Etag": '"7"'})

    async def echo(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"Content-Type": request.headers["Content-Type"]})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("v2", "v1"), max_msg_size=64 * MEGABYTE)
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and message.data == "end":
                await socket.close(code=4001, message=b"as asked")
            elif message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        self.left.set()
        return socket

    async def error_page(self, request: web.Request) -> web.Response:
        answer = web.Response(text=f"page for {request.match_info['code']} at {request.query['url']}", content_type="text/html")
        answer.set_cookie("_xsrf", "of nobody")
        return answer


class Site:
    """Both ends: the small server, and the address of the proxy before it."""

    def __init__(self, behind: Behind, address: str, client: aiohttp.ClientSession) -> None:
        self.behind = behind
        self.address = address
        self.client = client


async def site() -> AsyncIterator[Site]:
    behind = Behind()
    runner = web.AppRunner(behind.application, handler_cancellation=True)
    await runner.setup()
    port, proxy_port = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    target = f"http://127.0.0.1:{port}"
    options = {"log": logging.getLogger("proxy"), "auth_token": "t", "error_target": f"{target}/error", "error_path": None}
    proxy = make_proxy(options, message_mb=32)
    proxy.add_route("/", {"target": target})
    proxy.add_route("/gone/", {"target": f"http://127.0.0.1:{free_port()}"})
    server = HTTPServer(proxy.proxy_app, max_buffer_size=64 * MEGABYTE)
    server.listen(proxy_port, "127.0.0.1")
    async with aiohttp.ClientSession(trust_env=False) as client:
        yield Site(behind, f"http://127.0.0.1:{proxy_port}", client)
    server.stop()
    await proxy.proxy_app.settings["sessions"].close()
    await runner.cleanup()


def run(check: object) -> None:
    """Run one check with a site of its own."""

    async def inside() -> None:
        async for each in site():
            async with asyncio.timeout(60):
                await check(each)  # type: ignore[operator]

    run_async(inside())


def test_an_answer_comes_piece_by_piece() -> None:
    async def check(site: Site) -> None:
        async with site.client.get(f"{site.address}/slow") as answer:
            assert await answer.content.readexactly(5) == b"first"
            site.behind.go_on.set()
            assert await answer.content.read() == b"second"
        assert site.behind.headers["X-Forwarded-For"] == "127.0.0.1"
        assert site.behind.headers["X-Forwarded-Proto"] == "http"
        assert site.behind.headers["X-Forwarded-Host"] == site.address.removeprefix("http://")

    run(check)


def test_a_reader_who_leaves_is_not_waited_for() -> None:
    async def check(site: Site) -> None:
        answer = await site.client.get(f"{site.address}/slow")
        assert await answer.content.readexactly(5) == b"first"
        answer.close()
        await site.behind.left.wait()

    run(check)


def test_a_large_download_is_complete() -> None:
    async def check(site: Site) -> None:
        size = 0
        async with site.client.get(f"{site.address}/large") as answer:
            async for piece in answer.content.iter_any():
                size += len(piece)
        assert size == 150 * MEGABYTE

    run(check)


def test_redirects_cookies_and_empty_answers_pass_unchanged() -> None:
    async def check(site: Site) -> None:
        async with site.client.get(f"{site.address}/moved", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
            assert answer.headers.getall("Set-Cookie") == ["one=1; HttpOnly; Path=/", "two=2; Path=/"]
        async with site.client.get(f"{site.address}/nothing") as answer:
            assert (answer.status, answer.headers["Etag"]) == (304, '"7"')

    run(check)


def test_an_upload_arrives_whole() -> None:
    async def check(site: Site) -> None:
        data = bytes(range(256)) * 4096 * 20
        async with site.client.post(f"{site.address}/echo", data=data, headers={"Content-Type": "image/png"}) as answer:
            assert answer.headers["Content-Type"] == "image/png"
            assert await answer.read() == data

    run(check)


@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_large_websocket_messages_pass_both_ways(kind: str) -> None:
    async def check(site: Site) -> None:
        message = "ü" * (8 * MEGABYTE) if kind == "text" else bytes(range(256)) * (16 * 4096)
        async with site.client.ws_connect(f"{site.address}/socket", max_msg_size=64 * MEGABYTE) as socket:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
            assert (await socket.receive()).data == message

    run(check)


def test_the_protocol_of_a_websocket_is_the_one_that_the_server_chose() -> None:
    async def check(site: Site) -> None:
        async with site.client.ws_connect(f"{site.address}/socket", protocols=("v1", "v3")) as socket:
            assert socket.protocol == "v1"
        async with site.client.ws_connect(f"{site.address}/socket") as socket:
            assert socket.protocol is None

    run(check)


def test_a_websocket_ends_at_both_ends() -> None:
    async def check(site: Site) -> None:
        async with site.client.ws_connect(f"{site.address}/socket") as socket:
            await socket.send_str("end")
            message = await socket.receive()
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "as asked")
        site.behind.left.clear()
        async with site.client.ws_connect(f"{site.address}/socket") as socket:
            await socket.close()
        await site.behind.left.wait()

    run(check)


def test_a_server_that_is_gone_gets_the_page_of_the_hub_without_its_cookies() -> None:
    async def check(site: Site) -> None:
        async with site.client.get(f"{site.address}/gone/lab") as answer:
            assert answer.status == 503
            assert await answer.text() == "page for 503 at /gone/lab"
            assert answer.content_type == "text/html"
            assert "Set-Cookie" not in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await site.client.ws_connect(f"{site.address}/gone/socket")

    run(check)


def test_no_proxy_without_a_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CONFIGPROXY_AUTH_TOKEN", raising=False)
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "CONFIGPROXY_AUTH_TOKEN is not set" in capsys.readouterr().err
