"""Messages between a browser and a kernel: what passes, and how they travel on a websocket.

From the browser only messages of widgets pass, and each is taken apart and written anew, so that nothing depends on two programs
reading the same bytes in the same way. To the browser only widgets and the state of the kernel pass: no traceback, no output.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imagine_hub.apps.errors import RefusedMessage

TO_KERNEL = frozenset(("comm_msg", "comm_open", "comm_close", "comm_info_request", "kernel_info_request"))
TO_BROWSER = frozenset(("comm_msg", "comm_open", "comm_close", "comm_info_reply", "kernel_info_reply", "status"))
# A browser may ask for the state of all widgets; with another target it could make widgets of any class that is loaded.
OPENED_BY_BROWSERS = "jupyter.widget.control"
MOST_BUFFERS = 256
LONGEST_ID = 128


@dataclass(frozen=True)
class Message:
    """A message for a kernel."""

    kind: str
    id: str
    content: Mapping[str, Any]
    buffers: Sequence[bytes] = ()

    @property
    def is_use(self) -> bool:
        """Whether somebody is at work; a page that only asks for news does so by itself, every few seconds."""
        data = self.content.get("data")
        inner = data.get("content") if isinstance(data, dict) else None
        return not (isinstance(inner, dict) and inner.get("verb") == "sync")


def read(given: str | bytes) -> Message:
    """Take a message of a browser apart.

    Parameters
    ----------
    given : str or bytes
        As it came on the websocket: JSON, or a JSON part with buffers behind.

    Raises
    ------
    RefusedMessage
        It is none, or not of a kind that may pass.
    """
    try:
        parts = [given.encode()] if isinstance(given, str) else _parts(given)
        value = json.loads(parts[0])
        header, content = value["header"], value["content"]
        kind, name = header["msg_type"], header["msg_id"]
        channel = value["channel"]
    except RefusedMessage:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedMessage.malformed(type(error).__name__) from None
    if not isinstance(kind, str) or kind not in TO_KERNEL:
        raise RefusedMessage.kind(str(kind))
    if channel != "shell":
        raise RefusedMessage.kind(f"{kind} on the channel {channel}")
    if not isinstance(content, dict) or not isinstance(name, str) or len(name) > LONGEST_ID:
        raise RefusedMessage.malformed("content or number")
    if kind == "comm_open" and content.get("target_name") != OPENED_BY_BROWSERS:
        raise RefusedMessage.kind("comm_open of another target")
    return Message(kind, name, content, parts[1:])


def _parts(given: bytes) -> list[bytes]:
    """Cut a binary message: number of parts and where each begins (32 bit, big-endian), then the parts."""
    if len(given) < 8:
        raise RefusedMessage.malformed("too short")
    (n,) = struct.unpack("!I", given[:4])
    if not 1 <= n <= MOST_BUFFERS + 1 or len(given) < 4 * (n + 1):
        raise RefusedMessage.malformed("number of parts")
    begins = [*struct.unpack(f"!{n}I", given[4 : 4 * (n + 1)]), len(given)]
    if begins[0] != 4 * (n + 1) or any(end < begin for begin, end in itertools.pairwise(begins)):
        raise RefusedMessage.malformed("order of parts")
    return [given[begin:end] for begin, end in itertools.pairwise(begins)]


def write(message: Mapping[str, Any], channel: str) -> str | bytes:
    """Put a message of a kernel together for the browser.

    Parameters
    ----------
    message : mapping
        As a session of ``jupyter_client`` reads it.
    channel : str
        ``"iopub"`` or ``"shell"``.
    """
    parts = ("header", "parent_header", "metadata", "content", "msg_id", "msg_type")
    value = {**{name: message[name] for name in parts}, "channel": channel, "buffers": []}
    text = json.dumps(value, default=_plain)
    buffers = message["buffers"]
    if not buffers:
        return text
    pieces = [text.encode(), *(bytes(buffer) for buffer in buffers)]
    begins = [4 * (len(pieces) + 1)]
    for piece in pieces[:-1]:
        begins.append(begins[-1] + len(piece))
    return b"".join((struct.pack(f"!{len(pieces) + 1}I", len(pieces), *begins), *pieces))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent")
