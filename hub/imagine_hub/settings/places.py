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

    @property
    def encrypted(self) -> bool:
        """Whether people reach the hub over TLS: its own, or that of a server in front of it."""
        return bool(self.tls_certificate) or self.public_url.startswith("https://")
