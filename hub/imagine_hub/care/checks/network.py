"""Ports, and who can reach them."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from urllib.parse import urlsplit

import psutil
from jupyterhub.utils import subdomain_hook_idna

from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.care.running import running_at
from imagine_hub.errors import PortInUse
from imagine_hub.network import EVERYWHERE, check_port
from imagine_hub.processes import marked
from imagine_hub.settings import Settings
from imagine_hub.state import StateFolder


def ports(settings: Settings) -> Finding:
    """Free, or held by the hub itself."""
    name, network = "ports", settings.network
    wanted = {
        "network.port": (network.address, network.port),
        "network.redirect_port": (network.address, network.redirect_port),
        "network.hub_port": (network.hub_address, network.hub_port),
        # A proxy on its own has its port elsewhere.
        "network.proxy_port": ("127.0.0.1", 0 if network.proxy_api else network.proxy_port),
    }
    free, held = [], []
    for key, (address, port) in wanted.items():
        if port == 0:
            continue
        try:
            check_port(address, port)
        except PortInUse as error:
            reason = error.__cause__
            if isinstance(reason, OSError) and reason.errno == errno.EADDRNOTAVAIL:
                return problem(
                    name, f"this machine has no address {address} ({key})", "Correct it; the gateway of a network of containers "
                    "is there once the network is made."
                )  # fmt: skip
            if isinstance(reason, OSError) and reason.errno == errno.EACCES:
                return problem(
                    name, f"this account may not listen on {port} ({key})", "Take a port above 1023, or let the account: "
                    "sysctl net.ipv4.ip_unprivileged_port_start=80"
                )  # fmt: skip
            if port not in _own_ports(settings):
                return problem(
                    name,
                    f"another program listens on {address}, port {port} ({key})",
                    f"Find it with: ss -ltnp 'sport = :{port}'",
                )
            held.append(port)
        else:
            free.append(port)
    words = [f"{', '.join(map(str, free))} free"] if free else []
    if held:
        words.append(
            f"{', '.join(map(str, held))} held by our own hub, which runs at {running_at(StateFolder(settings.state.path))}"
        )
    return fine(name, "; ".join(words) or "any free ones are taken at each start")


def _own_ports(settings: Settings) -> set[int]:
    found = set()
    for process in marked(settings.state.path):
        # One may have ended since.
        with contextlib.suppress(psutil.Error):
            found |= {link.laddr.port for link in process.net_connections(kind="inet") if link.status == psutil.CONN_LISTEN}
    return found


def exposure(settings: Settings) -> Finding:
    """Beyond this machine only over TLS."""
    name, network = "who can reach it", settings.network
    if is_local(network.address):
        return fine(name, f"it listens on {network.address}, port {network.port}: this machine only")
    where = "every network of this machine" if network.address in EVERYWHERE else network.address
    if not network.encrypted:
        return warning(
            name,
            f"IT LISTENS ON {where.upper()}, PORT {network.port}, WITHOUT TLS: passwords, cookies and data travel readable by everybody "
            "on the way",
            "Set network.tls_certificate and network.tls_key, or put a server that ends TLS in front and name it in network.public_url.",
        )
    if network.hub_address in EVERYWHERE:
        return warning(
            name,
            f"the hub itself listens for servers on every network (network.hub_address {network.hub_address!r})",
            "Give the gateway of the network of the servers instead, so that nobody else reaches it.",
        )
    tls = "TLS of its own" if network.tls_certificate else f"TLS of the server in front ({network.public})"
    if not network.tls_certificate:
        return warning(
            name,
            f"it listens on {where}, port {network.port}; {tls} protects only what goes through that server",
            "Set network.address to 127.0.0.1, or close the port to everybody but that server.",
        )
    return fine(name, f"it listens on {where}, port {network.port}, with {tls}")


def names_of_users(settings: Settings) -> Finding | None:
    """Where every user has a name of their own: all of these names lead to one machine, and to the port of the hub."""
    name, network = "names of users", settings.network
    own = urlsplit(network.subdomain_host)
    if not own.hostname:
        return None
    port = own.port or (443 if own.scheme == "https" else 80)
    # With a server in front the port is that one's.
    if (network.tls_certificate or own.scheme == "http") and not network.proxy_api and port != network.port:
        return problem(
            name,
            f"network.subdomain_host leads to port {port}, and the hub listens on {network.port}",
            f"Write the port in it, {own.scheme}://{own.hostname}:{network.port}, or set network.port to {port}.",
        )
    if own.hostname.endswith(".localhost"):
        return fine(name, f"browsers take {own.hostname} and every name before it for this machine")
    tried = subdomain_hook_idna("imagine-check", own.hostname, "user")
    places = {host: _addresses(host) for host in (own.hostname, tried)}
    unknown = [host for host, addresses in places.items() if not addresses]
    if unknown:
        return warning(
            name,
            f"this machine finds no address for {' and '.join(unknown)}",
            f"Enter {own.hostname} and *.{own.hostname} in DNS; if only others can look them up, ask on another computer.",
        )
    if places[own.hostname] != places[tried]:
        return problem(
            name,
            f"{own.hostname} leads to {', '.join(places[own.hostname])}, but {tried} to {', '.join(places[tried])}",
            f"Let *.{own.hostname} lead to the same machine in DNS.",
        )
    return fine(name, f"{own.hostname} and names such as {tried} lead to {', '.join(places[tried])}")


def _addresses(host: str) -> list[str]:
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except OSError:
        return []


def is_local(address: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
