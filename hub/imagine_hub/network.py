"""Addresses, ports, the proxy, and the headers that every page of the hub carries."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imagine_hub.errors import PortInUse
from imagine_hub.settings import REPOSITORY
from imagine_hub.state import StateFolder, write_private

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


def content_security_policy(settings: Settings) -> str:
    """The policy of the hub's own pages."""
    own = urlsplit(settings.network.subdomain_host)
    if not own.hostname:
        return CONTENT_SECURITY_POLICY
    # A log-in goes on to the server that somebody had asked for: browsers count that as where the form is sent.
    return CONTENT_SECURITY_POLICY.replace("form-action 'self'", f"form-action 'self' {own.scheme}://*.{own.netloc}")


def configure_network(c: Config, settings: Settings) -> None:
    """Listen where the settings say; everything else talks on 127.0.0.1 only, or in the network of the containers."""
    network = settings.network
    c.JupyterHub.bind_url = f"{'https' if network.tls_certificate else 'http'}://{network.address}:{network.port}/"
    c.JupyterHub.public_url = f"{network.public.rstrip('/')}/".removeprefix("/")
    c.JupyterHub.subdomain_host = network.subdomain_host.rstrip("/")
    if network.subdomain_host:
        # Under its own name alone, and never under that of a user.
        c.JupyterHub.hub_routespec = f"{urlsplit(network.subdomain_host).hostname}/"
    c.JupyterHub.cookie_host_prefix_enabled = network.host_cookies
    c.JupyterHub.hub_bind_url = f"http://{network.hub_address}:{network.hub_port}/"
    c.JupyterHub.hub_connect_url = f"http://{network.hub_name or network.hub_address}:{network.hub_port}"
    c.ConfigurableHTTPProxy.api_url = network.proxy_api or f"http://127.0.0.1:{network.proxy_port}"
    # A process ends with the hub, so its proxy does; a container goes on, and so does the proxy that the launcher has started.
    # Its token is a random one for each start of the hub, or the one that the launcher passes in the environment.
    c.ConfigurableHTTPProxy.should_start = not settings.servers.in_containers and not network.proxy_api
    c.ConfigurableHTTPProxy.command = proxy_command(settings)
    c.ConfigurableHTTPProxy.log_level = "warn"
    c.JupyterHub.cleanup_proxy = c.JupyterHub.cleanup_servers = not settings.servers.in_containers
    secure = {"secure": True} if network.encrypted else {}
    c.JupyterHub.tornado_settings = {
        "headers": {
            **HEADERS,
            "Content-Security-Policy": content_security_policy(settings),
            **({"Strict-Transport-Security": "max-age=31536000"} if network.encrypted else {}),
        },
        "cookie_options": {"samesite": "Lax", **secure},
        # Pages carry the token in themselves, so no script has to read the cookie.
        "xsrf_cookie_kwargs": {"httponly": True, "samesite": "Lax", **secure},
    }


def proxy_command(settings: Settings) -> list[str]:
    """The command of the proxy, without its addresses: the hub adds them, or the launcher (`proxy_addresses`)."""
    network = settings.network
    # Relative to the repository, as every path of the settings; the proxy runs in the state folder.
    files = [REPOSITORY / Path(file).expanduser() for file in (network.tls_certificate, network.tls_key)]
    tls = [f"--ssl-cert={files[0]}", f"--ssl-key={files[1]}"] if network.tls_certificate else []
    return [
        sys.executable,
        "-m",
        "imagine_hub.proxy",
        f"--message-mb={network.message_mb}",
        f"--upload-mb={network.upload_mb}",
        *([f"--redirect-port={network.redirect_port}"] if network.redirect_port else []),
        *(["--behind-tls"] if network.encrypted and not tls else []),
        *tls,
    ]


def proxy_addresses(settings: Settings) -> list[str]:
    """Where the proxy listens, and where it finds the hub's page for an error, when the hub does not start it."""
    network = settings.network
    return [
        f"--ip={network.address}",
        f"--port={network.port}",
        "--api-ip=127.0.0.1",
        f"--api-port={network.proxy_port}",
        f"--error-target=http://{network.hub_name or network.hub_address}:{network.hub_port}/hub/error",
        *(["--host-routing"] if network.subdomain_host else []),
    ]


def free_port(avoid: Collection[int] = ()) -> int:
    """A port on 127.0.0.1 that nobody uses at this moment.

    Parameters
    ----------
    avoid : collection of int
        Ports that somebody is going to use.
    """
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port not in avoid:
            return port


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
    """The settings with the ports between the parts chosen where they say 0.

    Servers that outlive the hub know its port: for them the ports that were chosen once are kept in the state folder.
    """
    network = settings.network
    kept = _kept_ports(settings)
    # A port that one part is going to use must not be given to another: a proxy that finds itself behind an address would never end.
    taken = {network.port, network.redirect_port, network.hub_port, network.proxy_port, settings.apps.port, settings.usage.port}
    taken.update(kept.values())
    chosen = dict(kept)
    for name in ("hub_port", "proxy_port"):
        if getattr(network, name) == 0:
            chosen.setdefault(name, free_port(taken))
            taken.add(chosen[name])
            settings = settings.replace("network", **{name: chosen[name]})
    for section in ("apps", "usage"):
        if getattr(settings, section).enabled and getattr(settings, section).port == 0:
            settings = settings.replace(section, port=free_port(taken))
            taken.add(getattr(settings, section).port)
    if settings.servers.in_containers and chosen != kept:
        write_private(StateFolder(settings.state.path).ports, json.dumps(chosen))
    return settings


def _kept_ports(settings: Settings) -> dict[str, int]:
    if not settings.servers.in_containers:
        return {}
    try:
        kept = json.loads(StateFolder(settings.state.path).ports.read_text(encoding="utf-8"))
        return {name: int(port) for name, port in kept.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def public_address(settings: Settings) -> str:
    """The address that people open."""
    network = settings.network
    if network.public:
        return network.public.rstrip("/")
    host = "127.0.0.1" if network.address in EVERYWHERE else network.address
    return f"{'https' if network.tls_certificate else 'http'}://{host}:{network.port}"
