"""Which server a request is for where every user has a name of their own.

The hub enters its servers by name and path: ``hub.example.org/`` for itself, ``anna.hub.example.org/user/anna/`` for a server.
What no server is entered for never goes to the hub as it came: a page of the hub under the name of a user would belong to the
origin in which that user's own programs run.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configurable_http_proxy.configproxy import PythonProxy

HOST_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9a-f:.]+\]")

# Style, script and sign of the hub's pages, which everybody may have: its page for an error is shown under every name.
PUBLIC_FILES = re.compile(r"/hub/imagine/(static/[a-z.]+|style\.css)")


class Kind(enum.Enum):
    """What is to be done with a request."""

    SERVER = "a server answers it"
    HUB = "the hub has it, under another name"
    NOBODY = "nobody has this name"


@dataclass(frozen=True)
class Place:
    """Where a request belongs.

    Attributes
    ----------
    kind : Kind
    route, target : str
        Entry of the routing table, and address of the server behind, where one answers.
    host : str
        Name of the hub, where it does.
    """

    kind: Kind
    route: str = ""
    target: str = ""
    host: str = ""


def place_of(proxy: PythonProxy, host: str, path: str) -> Place:
    """Find the server for a request.

    Parameters
    ----------
    proxy : PythonProxy
        With the routing table.
    host : str
        Name in the address, without a port. It comes from the browser and may be anything.
    path : str
        Path in the address, beginning with a slash.
    """
    if not proxy.host_routing:
        return _server(proxy.target_for_req(None, path))
    host = host.lower()
    # A name with a slash in it, or none at all, would be taken for a part of the path and reach every route.
    if not HOST_NAME.fullmatch(host):
        return Place(Kind.NOBODY)
    found = _server(proxy.target_for_req(host, path))
    if found.kind is Kind.SERVER:
        return found
    hub = host.partition(".")[2]
    if not hub or proxy.get_route(f"/{hub}") is None:
        return Place(Kind.NOBODY)
    if PUBLIC_FILES.fullmatch(path):
        return _server(proxy.target_for_req(hub, path))
    return Place(Kind.HUB, host=hub)


def _server(found: dict[str, str] | None) -> Place:
    return Place(Kind.SERVER, route=found["prefix"], target=found["target"]) if found else Place(Kind.NOBODY)
