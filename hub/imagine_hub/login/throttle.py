"""Failed logins: counted for a while by address and by name, in a memory that cannot grow without end."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

# As many addresses and names are remembered; those that failed longest ago go first.
KEPT = 10_000


class Throttle:
    """Counts failures per key and says how long to wait.

    Parameters
    ----------
    failures : int
        After so many, further tries wait.
    wait_s : float
        Time that they wait, and after which a count is forgotten [s].
    clock : callable, optional
        Seconds that only grow.
    """

    def __init__(self, failures: int, wait_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._wait_s = wait_s
        self._clock = clock
        # Count and time of the last failure; every new failure moves its key to the end, so the oldest are in front.
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def waits(self, *keys: str) -> float:
        """Seconds until one may try again with all of these keys; 0 at once."""
        now = self._clock()
        blocked = [last + self._wait_s - now for count, last in map(self._count, keys) if count >= self._failures]
        return max(0.0, *blocked, 0.0)

    def failed(self, *keys: str) -> list[str]:
        """Count a failure; returns the keys that have to wait from now on."""
        now = self._clock()
        for key in keys:
            count, last = self._count(key)
            self._counts[key] = (count + 1 if now - last < self._wait_s else 1, now)
            self._counts.move_to_end(key)
        while self._counts and (len(self._counts) > KEPT or now - next(iter(self._counts.values()))[1] >= self._wait_s):
            self._counts.popitem(last=False)
        return [key for key in keys if self._count(key)[0] == self._failures]

    def forget(self, key: str) -> None:
        """Begin anew with this key."""
        self._counts.pop(key, None)

    def _count(self, key: str) -> tuple[int, float]:
        return self._counts.get(key, (0, -self._wait_s))


def client_address(request: Any, *, proxy_elsewhere: bool) -> str:
    """The address that a request comes from, as far as it can be believed.

    Everybody can send ``X-Forwarded-For`` and ``X-Real-Ip``, which tornado would take. Our proxy puts the address that it sees in the
    first, or passes on what a server in front that ends TLS has written, which adds the address that it sees to the end. So only the
    end counts, and only in what comes from our proxy.

    Parameters
    ----------
    request : tornado.httputil.HTTPServerRequest
    proxy_elsewhere : bool
        Whether our proxy runs on another machine than the hub.
    """
    socket = request.connection.stream.socket
    peer, own = socket.getpeername()[0], socket.getsockname()[0]
    if not (proxy_elsewhere or peer == own or ipaddress.ip_address(peer).is_loopback):
        # A server of a user, which asks the hub itself.
        return one_place(peer) or peer
    return one_place(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()) or one_place(peer) or peer


def one_place(address: str) -> str:
    """An address as one counts it; of IPv6 the network of 64 bits, which one person has whole. "": it is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
        found = found.ipv4_mapped
    return str(found)
