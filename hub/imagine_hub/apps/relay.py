"""What connects the page of an app with its kernel: one page, one kernel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_client.session import Session
from tornado.websocket import WebSocketClosedError

from imagine_hub.apps.messages import TO_BROWSER, Message, write

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

# Kept for a page that has lost its connection for a moment; what is beyond makes the page load anew.
MOST_KEPT_BYTES = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


class Page(Protocol):
    """The websocket of a page."""

    def write_message(self, message: str | bytes, binary: bool = False) -> Awaitable[None]:
        """Send a message to the browser."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection."""


class Relay:
    """Passes messages on between one kernel and its page.

    Parameters
    ----------
    manager : AsyncKernelManager
        Of a kernel that runs.
    """

    def __init__(self, manager: AsyncKernelManager) -> None:
        self.page: Page | None = None
        self._session = Session(key=manager.session.key, signature_scheme=manager.session.signature_scheme)
        identity = self._session.bsession
        self._shell: Any = manager.connect_shell(identity=identity)
        self._iopub: Any = manager.connect_iopub(identity=identity)
        self._kept: list[str | bytes] = []
        self.seen = False
        sockets = ((self._shell, "shell"), (self._iopub, "iopub"))
        self._readers = [asyncio.ensure_future(self._read(socket, channel)) for socket, channel in sockets]

    def attach(self, page: Page) -> None:
        """Let a page have this kernel; an earlier connection of it is closed."""
        earlier, self.page = self.page, page
        if earlier is not None and earlier is not page:
            earlier.close(1000, "another connection has taken over")
        self.seen = True
        for message in self._take():
            self._send(message)

    def detach(self, page: Page) -> bool:
        """Note that a connection has closed; False where another one has taken over already."""
        if self.page is not page:
            return False
        self.page = None
        return True

    async def to_kernel(self, message: Message) -> None:
        """Hand over a message of the page, with a header of our own."""
        made = self._session.msg(message.kind, content=dict(message.content))
        made["header"]["msg_id"] = message.id
        await self._shell.send_multipart([*self._session.serialize(made), *message.buffers])

    def close(self) -> None:
        """Part from kernel and page."""
        for reader in self._readers:
            reader.cancel()
        for socket in (self._shell, self._iopub):
            socket.close(linger=0)
        if self.page is not None:
            self.page.close(1001, "the app was closed")

    async def _read(self, socket: Any, channel: str) -> None:
        while True:
            given = await socket.recv_multipart()
            try:
                _, parts = self._session.feed_identities(given)
                message = self._session.deserialize(parts)
                if message["header"]["msg_type"] in TO_BROWSER:
                    self._send(write(message, channel))
            except (ValueError, TypeError, KeyError) as error:
                _log.warning("A message of a kernel could not be read: %s", error)

    def _send(self, message: str | bytes) -> None:
        if self.page is None:
            # A page asks for the whole state when it comes, so what was said before is of no use to it.
            if self.seen:
                self._kept.append(message)
                if sum(map(len, self._kept)) > MOST_KEPT_BYTES:
                    self._kept.clear()
            return
        try:
            sending = asyncio.ensure_future(self.page.write_message(message, binary=isinstance(message, bytes)))
        except WebSocketClosedError:
            return
        # A message whose reader leaves meanwhile is nobody's loss.
        sending.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _take(self) -> list[str | bytes]:
        kept, self._kept = self._kept, []
        return kept
