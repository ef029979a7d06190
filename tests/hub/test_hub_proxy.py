"""The proxy: a real one between a client and a small server, both in this process."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from aiohttp import web
from configurable_http_proxy.configproxy import PythonProxy
from hub_running import run_async
from imagine_hub.network import free_port
from imagine_hub.proxy.__main__ import main
from imagine_hub.proxy.application import front_of, make_proxy

MEGABYTE = 1024 * 1024


class Behind:
    """The server behind the proxy."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.left = asyncio.Event()
        self.headers: dict[str, str] = {}
        self.got = 0
        self.application = web.Application(client_max_size=64 * MEGABYTE)
        self.application.add_routes(
            [
                web.get("/slow", self.slow),
                web.get("/large", self.large),
                web.get("/moved", self.moved),
                web.get("/nothing", self.nothing),
                web.post("/user/anna/echo", self.echo),
                web.post("/user/anna/keep", self.keep),
                web.post("/hub/login", self.keep),
                web.post("/user/anna/die", self.die),
                web.post("/user/anna/no", self.no),
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

    async def keep(self, request: web.Request) -> web.Response:
        digest = hashlib.sha256()
        # Nobody may take more than this server does.
        await asyncio.wait_for(self.go_on.wait(), 20)
        try:
            async for piece in request.content.iter_any():
                self.got += len(piece)
                digest.update(piece)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return web.json_response({"bytes": self.got, "digest": digest.hexdigest()})

    async def die(self, request: web.Request) -> web.Response:
        await request.content.readexactly(100_000)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def no(self, request: web.Request) -> web.Response:
        # Before it has read anything of what is sent.
        return web.Response(status=403, text="not you")

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

    def __init__(self, behind: Behind, proxy: PythonProxy, target: str, address: str, client: aiohttp.ClientSession) -> None:
        self.behind = behind
        self.proxy = proxy
        self.behind_address = target
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
    proxy = make_proxy(options, message_mb=32, upload_mb=64)
    proxy.add_route("/", {"target": target})
    proxy.add_route("/gone/", {"target": f"http://127.0.0.1:{free_port()}"})
    server = front_of(proxy)
    server.listen(proxy_port, "127.0.0.1")
    async with aiohttp.ClientSession(trust_env=False) as client:
        yield Site(behind, proxy, target, f"http://127.0.0.1:{proxy_port}", client)
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
        async with site.client.post(f"{site.address}/user/anna/echo", data=data, headers={"Content-Type": "image/png"}) as answer:
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


@contextmanager
def own_process(target: str) -> Iterator[tuple[str, psutil.Process]]:
    """A proxy in a process of its own, with everything of one target: its address, and its process."""
    port, api_port = free_port(), free_port()
    command = [sys.executable, "-m", "imagine_hub.proxy", f"--port={port}", f"--api-port={api_port}", "--upload-mb=400"]
    with subprocess.Popen(command, env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": "t"}, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                connection = http.client.HTTPConnection("127.0.0.1", api_port, timeout=5)
                try:
                    connection.request("POST", "/api/routes/", f'{{"target": "{target}"}}', {"Authorization": "token t"})
                    assert connection.getresponse().status == 201
                    break
                except ConnectionError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                finally:
                    connection.close()
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def test_a_large_upload_takes_no_memory() -> None:
    piece, number = os.urandom(MEGABYTE), 300

    async def check(site: Site) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(number):
                yield piece

        with own_process(site.behind_address) as (address, process):
            # The first request makes what is kept.
            async with site.client.post(f"{address}/user/anna/echo", data=piece) as answer:
                assert await answer.read() == piece
            before = process.memory_info().rss
            headers = {"Content-Length": str(number * MEGABYTE)}
            sending = asyncio.create_task(site.client.post(f"{address}/user/anna/keep", data=pieces(), headers=headers))
            most = 0
            started = time.monotonic()
            while not sending.done():
                await asyncio.sleep(0.02)
                most = max(most, process.memory_info().rss)
                if time.monotonic() > started + 1:
                    site.behind.go_on.set()
            answer = await sending
            assert await answer.json() == {"bytes": number * MEGABYTE, "digest": hashlib.sha256(piece * number).hexdigest()}
        assert (most - before) / MEGABYTE < 30, (before, most)

    run(check)


@pytest.mark.parametrize("said", [True, False])
def test_what_is_too_large_is_refused_with_a_sentence(said: bool) -> None:
    def send(address: str, path: str, size: int) -> tuple[int, str]:
        """As many programs do: everything first, and only then the answer."""
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        piece = bytes(MEGABYTE)
        pieces = (piece for _ in range(size))
        headers = {"Content-Length": str(size * MEGABYTE)} if said else {}
        connection.request("POST", path, pieces, headers, encode_chunked=not said)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    async def check(site: Site) -> None:
        site.behind.go_on.set()
        status, words = await asyncio.to_thread(send, site.address, "/user/anna/keep", 65)
        assert (status, "larger than the 64 MB" in words, "network.upload_mb" in words) == (413, True, True)
        # The hub itself takes forms only, which it holds in memory.
        status, words = await asyncio.to_thread(send, site.address, "/hub/login", 5)
        assert (status, "larger than the 4 MB" in words) == (413, True)
        assert (await asyncio.to_thread(send, site.address, "/user/anna/keep", 64))[0] == 200
        # Who asks before sending is told at once.
        host, port = site.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"PUT /user/anna/keep HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        head, _, words = (await asyncio.wait_for(reader.read(), 5)).decode().partition("\r\n\r\n")
        writer.close()
        assert (head.split()[1], words.count("HTTP/1.1"), "larger than" in words) == ("413", 0, True)
        status, words = await asyncio.to_thread(send, site.address, "/user/anna/no", 64)
        assert (status, words) == (403, "not you")

    run(check)


def test_a_browser_that_leaves_ends_its_upload() -> None:
    async def check(site: Site) -> None:
        site.behind.go_on.set()
        host, port = site.address.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /user/anna/keep HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n" + bytes(100_000))
        while site.behind.got < 100_000:
            await asyncio.sleep(0.01)
        writer.close()
        async with asyncio.timeout(5):
            await site.behind.left.wait()

    run(check)


def test_a_server_that_dies_during_an_upload_is_said_at_once() -> None:
    async def check(site: Site) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(10_000)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(5), site.client.post(f"{site.address}/user/anna/die", data=endless()) as answer:
            assert (answer.status, await answer.text()) == (503, "page for 503 at /user/anna/die")

    run(check)


def test_slow_uploads_hold_up_nobody() -> None:
    async def check(site: Site) -> None:
        enough = asyncio.Event()
        site.behind.go_on.set()

        async def slow() -> AsyncIterator[bytes]:
            while not enough.is_set():
                yield b"x"
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as many:
            uploads = [group.create_task(many.post(f"{site.address}/user/anna/keep", data=slow())) for _ in range(20)]
            while site.behind.got < 40:
                await asyncio.sleep(0.01)
            for _ in range(5):
                started = time.monotonic()
                async with many.get(f"{site.address}/nothing") as answer:
                    assert answer.status == 304
                assert time.monotonic() - started < 1
            enough.set()
            assert [(await upload).status for upload in uploads] == [200] * 20

    run(check)


def test_an_upload_of_which_nothing_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagine_hub.proxy.handler.STALLED_S", 0.2)

    async def check(site: Site) -> None:
        site.behind.go_on.set()
        host, port = site.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /user/anna/keep HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        await asyncio.wait_for(site.behind.left.wait(), 5)
        writer.close()

    run(check)


def test_a_websocket_goes_where_its_name_says() -> None:
    async def check(site: Site) -> None:
        site.proxy.host_routing = True
        site.proxy.remove_route("/")
        site.proxy.add_route("/hub.example.org/", {"target": f"{site.behind_address}/nothing"})
        site.proxy.add_route("/anna.hub.example.org/socket", {"target": site.behind_address})
        url = f"{site.address}/socket"
        async with site.client.ws_connect(url, headers={"Host": "ANNA.hub.example.org:8000"}) as socket:
            await socket.send_str("hello")
            assert (await socket.receive()).data == "hello"
        for host, code in (("bruno.hub.example.org", 424), ("hub.example.org.evil.example", 404), ("127.0.0.1", 404)):
            with pytest.raises(aiohttp.WSServerHandshakeError, match=str(code)):
                await site.client.ws_connect(url, headers={"Host": host})
        # A path is no name.
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await site.client.ws_connect(f"{site.address}/anna.hub.example.org/socket", headers={"Host": "127.0.0.1"})

    run(check)


def test_no_proxy_without_a_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CONFIGPROXY_AUTH_TOKEN", raising=False)
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "CONFIGPROXY_AUTH_TOKEN is not set" in capsys.readouterr().err
