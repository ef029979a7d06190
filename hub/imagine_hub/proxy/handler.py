"""Requests and answers through the proxy, piece by piece in both directions."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import yarl
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, stream_request_body

from imagine_hub.proxy.sockets import HOP_BY_HOP, SocketHandler
from imagine_hub.proxy.uploads import Upload, announced_size

MEGABYTE = 1024 * 1024

# Files are for people's servers. The hub and its services take forms, and hold each in memory before they ask who sends it.
FILES = "/user/"
FORM_BYTES = 4 * MEGABYTE

# An upload of which nothing comes for so long is given up.
STALLED_S = 60.0
# A browser that has its answer before it has sent everything may go on so long: a connection that is closed while it
# sends would take the answer with it.
LINGER_S = 15.0

ERROR_PAGE_HEADERS = frozenset(
    ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")
)


@stream_request_body
class StreamingHandler(SocketHandler):
    """Passes requests, answers and websocket messages on as they come."""

    _task: asyncio.Task[None] | None = None
    _upload: Upload | None = None
    _patience: asyncio.TimerHandle | None = None

    async def prepare(self) -> None:
        """Begin the request behind before the browser has sent all of it."""
        size = announced_size(self.request.headers)
        if size == 0:
            return
        self._upload = Upload(self._limit())
        if size is not None and size > self._upload.limit:
            await self._refuse()
            return
        url = await self.get_target_url(self.path_args[0])
        if url is None:
            self._upload.drop()
            return
        self._task = asyncio.create_task(self._pass_on(url, self._upload))
        self._wait_no_longer_than(STALLED_S)

    async def data_received(self, chunk: bytes) -> None:
        """Pass a piece of the request on; the next one is read when this one is taken."""
        upload, task = self._upload, self._task
        if upload is None or task is None or task.done():
            return
        if not upload.fits(len(chunk)):
            task.cancel()
            await asyncio.wait([task])
            if self._headers_written:
                self.request.connection.stream.close()
            else:
                await self._refuse()
            return
        self._wait_no_longer_than(None)
        await upload.put(chunk)
        if not task.done():
            self._wait_no_longer_than(STALLED_S)

    async def get(self, path: str) -> None:
        """What has a body is no websocket, whatever it says."""
        await (super().get(path) if self._upload is None else self.call_proxy(path))

    async def call_proxy(self, path: str) -> None:
        """Pass a request without a body on, or wait for the answer to one whose body has been passed on."""
        if self._upload is None:
            url = await self.get_target_url(path)
            if url is None:
                return
            self._task = asyncio.create_task(self._pass_on(url, None))
        else:
            self._wait_no_longer_than(None)
            await self._upload.end()
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()
        if not self._finished:
            with contextlib.suppress(StreamClosedError):
                await self.finish()

    async def _pass_on(self, url: str, upload: Upload | None) -> None:
        """Make the request behind, and give its answer, or the reason why there is none."""
        try:
            await self._exchange(url, upload)
        except asyncio.CancelledError:
            # The browser has gone, or sends too much: so ends the request behind.
            self.proxy.log.debug(f"Ended {self.request.path}")
        except StreamClosedError:
            self.proxy.log.debug(f"Browser left {self.request.path}")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if self._headers_written:
                self.proxy.log.error(f"{self.request.method} {self.request.path} broke off: {error}")
                self.request.connection.stream.close()
            else:
                await self.handle_proxy_error(503, error)
        finally:
            if upload is not None:
                upload.drop()

    async def _exchange(self, url: str, upload: Upload | None) -> None:
        session = self.settings["sessions"].get()
        async with session.request(
            self.request.method,
            yarl.URL(url, encoded=True),
            headers=[(name, value) for name, value in self.forwarded_headers().get_all()],
            data=upload.pieces() if upload is not None else None,
            allow_redirects=False,
        ) as answer:
            self.clear()
            for name in ("Server", "Content-Type", "Date"):
                self.clear_header(name)
            self.set_status(answer.status, answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.add_header(name, value)
            if self.request.method != "HEAD" and answer.status not in (204, 304):
                async for piece in answer.content.iter_any():
                    self.write(piece)
                    await self.flush()
            await self._finish_answer()

    async def _finish_answer(self) -> None:
        """End the answer; while the browser still sends, only say it, and let it come to its end."""
        upload = self._upload
        asks_first = "Expect" in self.request.headers and upload is not None and not upload.begun
        if upload is None or upload.arrived or asks_first:
            await self.finish()
        else:
            await self.flush()
            self._wait_no_longer_than(LINGER_S)

    def _wait_no_longer_than(self, seconds: float | None) -> None:
        """Close the connection after so long; None: wait on."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if seconds is not None:
            self._patience = asyncio.get_running_loop().call_later(seconds, self.request.connection.stream.close)

    def _limit(self) -> int:
        limit: int = self.settings["upload_bytes"]
        return limit if self.request.path.startswith(FILES) else min(limit, FORM_BYTES)

    async def _refuse(self) -> None:
        """Say that a request is too large."""
        limit = self._limit()
        remedy = (
            "send it in pieces, or ask those who run the hub to raise network.upload_mb."
            if limit == self.settings["upload_bytes"]
            else "only servers take files."
        )
        await self.answer(413, f"This is larger than the {limit // MEGABYTE} MB that one request may have here: {remedy}")

    async def answer(self, code: int, sentence: str) -> None:
        """Answer with a sentence of the proxy's own."""
        self.proxy.log.warning(f"{code} {self.request.method} {self.request.host_name} {self.request.path}")
        self.clear()
        self.set_status(code)
        self.set_header("X-Content-Type-Options", "nosniff")
        await self._show(sentence.encode(), "text/plain; charset=utf-8")

    async def handle_proxy_error(self, code: int, err: object) -> None:
        """Show the hub's page for an error; without its cookies, which are made for nobody and would take the place of the reader's."""
        self.proxy.log.warning(f"{code} {self.request.method} {self.request.path} {err or ''}")
        if self.ws_connection:
            return
        self.clear()
        self.set_status(code)
        page, kind = b"The hub cannot be reached at the moment: try again in a few seconds.", "text/plain; charset=utf-8"
        if self.proxy.error_target:
            try:
                address = yarl.URL(f"{self.proxy.error_target}{code}") % {"url": self.request.path}
                async with self.settings["sessions"].get().get(address) as answer:
                    page = await answer.read()
                    for name in ERROR_PAGE_HEADERS & set(answer.headers):
                        self.set_header(name, answer.headers[name])
                    kind = answer.headers.get("Content-Type", kind)
            except (aiohttp.ClientError, OSError) as error:
                self.proxy.log.warning(f"The hub has no page for {code}: {error}")
        await self._show(page, kind)

    async def _show(self, page: bytes, kind: str) -> None:
        self.set_header("Content-Type", kind)
        # Who still sends knows by its length that this is all of it.
        self.set_header("Content-Length", str(len(page)))
        if self.request.method != "HEAD":
            self.write(page)
        await self._finish_answer()

    def compute_etag(self) -> None:
        """The server behind knows what it sends; nothing is added here."""

    def on_finish(self) -> None:
        """Nothing is waited for any more."""
        self._wait_no_longer_than(None)
        super().on_finish()

    def on_connection_close(self) -> None:
        """End the request behind when the browser leaves."""
        self._wait_no_longer_than(None)
        if self._task is not None:
            self._task.cancel()
        # That of websockets does not say that no more of a body comes.
        RequestHandler.on_connection_close(self)
        super().on_connection_close()
