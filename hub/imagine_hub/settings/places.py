"""Where the hub is: its name, its folder, its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imagine_hub.errors import SettingsError
from imagine_hub.settings.limits import in_range

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT_FILE = REPOSITORY / "hub" / "settings.toml"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the pages say about the site."""

    title: str = "IMAGINE"
    docs_url: str = ""
    contact: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where the hub keeps its things."""

    folder: str = ".imagine"
    database: str = ""

    def __post_init__(self) -> None:
        if self.database and not self.database.startswith(("sqlite:///", "postgresql+pg8000://")):
            raise SettingsError(
                "state.database must begin with sqlite:/// or postgresql+pg8000://, for example "
                "postgresql+pg8000://hub:PASSWORD@database/hub; leave it empty for a file in the state folder."
            )

    @property
    def path(self) -> Path:
        """The state folder, absolute."""
        return (REPOSITORY / Path(self.folder).expanduser()).resolve()


@dataclass(frozen=True, kw_only=True)
class Network:
    """Addresses, ports and limits of what travels."""

    address: str = "127.0.0.1"
    port: int = 8000
    tls_certificate: str = ""
    tls_key: str = ""
    redirect_port: int = 0
    public_url: str = ""
    subdomain_host: str = ""
    hub_address: str = "127.0.0.1"
    hub_name: str = ""
    hub_port: int = 0
    proxy_port: int = 0
    proxy_api: str = ""
    services_address: str = "127.0.0.1"
    message_mb: int = 256
    upload_mb: int = 1024

    def __post_init__(self) -> None:
        for name in ("port", "redirect_port", "hub_port", "proxy_port"):
            in_range(f"network.{name}", getattr(self, name), 0, 65535)
        in_range("network.message_mb", self.message_mb, 1, 4096)
        in_range("network.upload_mb", self.upload_mb, 1, 65536)
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise SettingsError("network.tls_certificate and network.tls_key belong together: give both, or neither.")
        for name in ("public_url", "subdomain_host", "proxy_api"):
            value = getattr(self, name)
            parts = urlsplit(value)
            if value and not (parts.scheme in ("http", "https") and parts.hostname):
                raise SettingsError(f"network.{name} is {value!r}, but must be an address with http:// or https:// in front.")

        self._check_subdomains()

    def _check_subdomains(self) -> None:
        own, other = urlsplit(self.subdomain_host), urlsplit(self.public_url)
        if not self.subdomain_host:
            return
        labels = (own.hostname or "").split(".")
        if len(labels) < 2 or labels[-1].isdigit() or own.path.strip("/"):
            raise SettingsError(
                f"network.subdomain_host is {self.subdomain_host!r}, but must be a name of at least two parts without a path, such as "
                "https://hub.example.org: the names of users come before it."
            )
        if self.public_url and (own.scheme, own.netloc) != (other.scheme, other.netloc):
            raise SettingsError(
                f"network.subdomain_host is {self.subdomain_host!r} and network.public_url {self.public_url!r}: people open one "
                "address, so give the same twice, or leave public_url empty."
            )
        if self.tls_certificate and own.scheme != "https":
            raise SettingsError(
                f"network.subdomain_host is {self.subdomain_host!r}, but the hub has a certificate: begin it with https://"
            )

    @property
    def public(self) -> str:
        """The address that people open, ``""`` where it is the one on which the hub listens."""
        return self.public_url or self.subdomain_host

    @property
    def encrypted(self) -> bool:
        """Whether people reach the hub over TLS: its own, or that of a server in front of it."""
        return bool(self.tls_certificate) or self.public.startswith("https://")

    @property
    def host_cookies(self) -> bool:
        """Whether cookies bear the prefix ``__Host-``, so that no page of a user can set one that another name would take for its own.

        Browsers accept it over TLS only, and without a name for every user it would show each server the cookies of all others.
        """
        return bool(self.subdomain_host) and self.encrypted
