"""Addresses, ports, the proxy, and the headers that every page of the hub carries."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from imagine_hub.errors import PortInUse

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings

# Addresses that mean every network of this machine.
EVERYWHERE = ("", "0.0.0.0")  # noqa: S104

# Nothing is loaded from, sent to, or framed by another origin. The hub's own pages have inline scripts.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


def configure_network(c: Config, settings: Settings) -> None:
    """Listen where the settings say; everything else talks on 127.0.0.1 only."""
    network = settings.network
    c.JupyterHub.bind_url = f"http://{network.address}:{network.port}/"
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{network.hub_port}/"
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{network.proxy_port}"
    # The proxy's token is left to the hub, which makes a random one for each start.
    c.ConfigurableHTTPProxy.command = [
        sys.executable,
        "-m",
        "imagine_hub.proxy",
        f"--message-mb={network.message_mb}",
        f"--upload-mb={network.upload_mb}",
    ]
    c.ConfigurableHTTPProxy.log_level = "warn"
    # The launcher ends the proxy and the servers with the hub: nothing goes on unseen.
    c.JupyterHub.cleanup_proxy = True
    c.JupyterHub.cleanup_servers = True
    c.JupyterHub.tornado_settings = {
        "headers": dict(HEADERS),
        "cookie_options": {"samesite": "Lax"},
        # Pages carry the token in themselves, so no script has to read the cookie.
        "xsrf_cookie_kwargs": {"httponly": True, "samesite": "Lax"},
    }


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def check_port(address: str, port: int) -> None:
    """Make sure that the hub can listen there.

    Raises
    ------
    PortInUse
        Another program does.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As servers do it: connections of a hub that has just ended do not count as use.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(1)
        except OSError as error:
            raise PortInUse.at(address, port) from error


def with_free_ports(settings: Settings) -> Settings:
    """The settings with the ports between the parts chosen where they say 0."""
    chosen = {name: free_port() for name in ("hub_port", "proxy_port") if getattr(settings.network, name) == 0}
    return settings.replace("network", **chosen) if chosen else settings


def public_address(settings: Settings) -> str:
    """The address that people open."""
    host = "127.0.0.1" if settings.network.address in EVERYWHERE else settings.network.address
    return f"http://{host}:{settings.network.port}"
