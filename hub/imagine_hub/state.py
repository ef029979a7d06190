"""The state folder: where everything lies that the hub keeps, and who may read it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagine_hub.errors import StateError

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings

# Letters and digits that nobody confuses when reading them from a terminal.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class StateFolder:
    """The paths inside the state folder."""

    path: Path

    @property
    def database(self) -> Path:
        """SQLite database of the hub."""
        return self.path / "jupyterhub.sqlite"

    @property
    def gpus(self) -> Path:
        """SQLite database of who has which GPU."""
        return self.path / "gpus.sqlite"

    @property
    def cookie_secret(self) -> Path:
        """Secret that signs the cookies, kept so that a restart logs nobody out."""
        return self.path / "cookie_secret"

    @property
    def log(self) -> Path:
        """What the hub, its proxy and the servers write."""
        return self.path / "hub.log"

    @property
    def listing(self) -> Path:
        """The use cases, as the library lists them."""
        return self.path / "listing.json"

    @property
    def lock(self) -> Path:
        """Held by the launcher while it runs."""
        return self.path / "lock"

    @property
    def proxy_pid(self) -> Path:
        """Process number of the proxy."""
        return self.path / "proxy.pid"

    @property
    def homes(self) -> Path:
        """One folder per user."""
        return self.path / "homes"

    @property
    def models(self) -> Path:
        """Starter models, shared by all users."""
        return self.path / "models"

    @property
    def samples(self) -> Path:
        """Bundled samples, shared by all users."""
        return self.path / "samples"

    @property
    def usage(self) -> Path:
        """One folder per user, with the lines that the library writes in a container; a process writes them in its home."""
        return self.path / "usage"

    @property
    def ports(self) -> Path:
        """Ports between the parts, kept where servers outlive the hub."""
        return self.path / "ports.json"

    @property
    def proxy_token(self) -> Path:
        """Secret between hub and proxy, kept where the proxy outlives the hub."""
        return self.path / "proxy_token"

    @property
    def crypt_key(self) -> Path:
        """Key that encrypts what a provider says of people."""
        return self.path / "crypt_key"

    def prepare(self) -> None:
        """Make the folder and its secret, readable by the owner only.

        Raises
        ------
        StateError
            The folder cannot be made or written.
        """
        try:
            for folder in (self.path, self.homes, self.models, self.samples, self.usage):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.homes.chmod(0o700)
            for secret in (self.cookie_secret, self.proxy_token):
                kept_secret(secret)
            for file in (self.database, self.gpus, self.log):
                if not file.exists():
                    write_private(file, "")
                file.chmod(0o600)
        except OSError as error:
            raise StateError.not_writable(self.path, error.strerror or str(error)) from error


# Of the volumes that are homes; the name of the user follows, as the spawner escapes it.
VOLUME_PREFIX = "imagine-home-"


def folder_of_lines(settings: Settings) -> Path:
    """Where each container gets a folder for the lines on its use: with the homes, where they lie on storage that machines share."""
    if settings.servers.spawner == "swarm":
        # No name of a user begins with a full stop.
        return Path(settings.containers.homes) / ".usage"
    return StateFolder(settings.state.path).usage


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; other readers see the old content or the new one, never half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def kept_secret(path: Path) -> str:
    """The secret in a file that only its owner can read; made when it is first needed."""
    if not path.exists():
        write_private(path, secrets.token_hex(32) + "\n")
    path.chmod(0o600)
    return path.read_text(encoding="utf-8").strip()


def one_time_password() -> str:
    """A password of three groups of five characters, about 74 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))


def configure_state(c: Config, settings: Settings) -> None:
    """Database, cookie secret and pid file in the state folder."""
    state = StateFolder(settings.state.path)
    c.JupyterHub.db_url = settings.state.database or f"sqlite:///{state.database}"
    c.JupyterHub.cookie_secret_file = str(state.cookie_secret)
    c.ConfigurableHTTPProxy.pid_file = str(state.proxy_pid)
    c.JupyterHub.log_level = settings.log.level
    c.Application.log_level = settings.log.level
