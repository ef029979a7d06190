"""The body of a request on its way from the browser to the server behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tornado.httputil import HTTPHeaders


class Upload:
    """Holds one piece at a time: no more is read from the browser than the server behind takes.

    Parameters
    ----------
    limit : int
        Bytes that one request may bring.

    Attributes
    ----------
    arrived : bool
        Whether all of it has come.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.arrived = False
        self._bytes = 0
        self._unwanted = False
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)

    @property
    def begun(self) -> bool:
        """Whether any of it has come."""
        return self._bytes > 0

    def fits(self, size: int) -> bool:
        """Whether so many more bytes may come; they are counted."""
        self._bytes += size
        return self._bytes <= self.limit

    async def put(self, piece: bytes) -> None:
        """Pass a piece on, as soon as the one before has been taken; an empty one is the end."""
        if not self._unwanted:
            await self._pieces.put(piece)

    async def end(self) -> None:
        """All of it has come."""
        self.arrived = True
        await self.put(b"")

    def drop(self) -> None:
        """Nobody takes the rest: whoever waits to pass a piece on goes on."""
        self._unwanted = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def pieces(self) -> AsyncIterator[bytes]:
        """For the request behind."""
        while piece := await self._pieces.get():
            yield piece


def announced_size(headers: HTTPHeaders) -> int | None:
    """How much a request is going to bring, in bytes: 0 for no body, None if it does not say, or says what is no number."""
    if "Transfer-Encoding" in headers:
        return None
    said = headers.get("Content-Length", "0")
    return int(said) if said.isascii() and said.isdigit() else None
