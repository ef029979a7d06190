"""The settings of the hub: one TOML file, read into frozen dataclasses.

Order of precedence: environment (``IMAGINE_HUB_<SECTION>_<KEY>``), then the file, then the defaults below, which are
the values that ``hub/settings.toml`` shows (a test holds the two together).
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagine_hub.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_FILE = REPOSITORY / "hub" / "settings.toml"
ENVIRONMENT_PREFIX = "IMAGINE_HUB_"
SETTINGS_VARIABLE = "IMAGINE_HUB_SETTINGS"
PASSWORD_VARIABLE = "IMAGINE_HUB_PASSWORD"  # noqa: S105

# A user name becomes the name of a folder and a part of addresses, so it is kept to what is safe in both.
USER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")

_WORDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text in quotes",
    tuple[str, ...]: "a list of texts",
}


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the pages say about the site."""

    title: str = "IMAGINE"
    docs_url: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where the hub keeps its things."""

    folder: str = ".imagine"

    @property
    def path(self) -> Path:
        """The state folder, absolute."""
        return (REPOSITORY / Path(self.folder).expanduser()).resolve()


@dataclass(frozen=True, kw_only=True)
class Network:
    """Addresses, ports and limits of what travels."""

    address: str = "127.0.0.1"
    port: int = 8000
    hub_port: int = 0
    proxy_port: int = 0
    message_mb: int = 256
    upload_mb: int = 1024

    def __post_init__(self) -> None:
        for name in ("port", "hub_port", "proxy_port"):
            _in_range(f"network.{name}", getattr(self, name), 0, 65535)
        _in_range("network.message_mb", self.message_mb, 1, 4096)
        _in_range("network.upload_mb", self.upload_mb, 1, 65536)


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who may come in, and how."""

    authenticator: str = "shared-password"
    users: tuple[str, ...] = ("scientist",)
    stay_days: float = 7

    def __post_init__(self) -> None:
        if not self.users:
            raise SettingsError("login.users is empty, so nobody could log in: name at least one user.")
        for name in self.users:
            if not USER_NAME.fullmatch(name):
                raise SettingsError(
                    f"login.users has {name!r}, which cannot be a user name: use lower-case letters, digits, '-' and '_', "
                    "beginning with a letter, 32 at most."
                )
        _in_range("login.stay_days", self.stay_days, 0.01, 365)


@dataclass(frozen=True, kw_only=True)
class Servers:
    """How the servers of the users start, and when they stop."""

    spawner: str = "local"
    notebooks: str = "notebooks"
    start_timeout_s: int = 90
    max_running: int = 20
    max_starting: int = 4
    idle_minutes: int = 120
    max_age_hours: float = 0
    kernel_idle_minutes: int = 30
    warm_apps: int = 1

    def __post_init__(self) -> None:
        _in_range("servers.start_timeout_s", self.start_timeout_s, 5, 3600)
        _in_range("servers.max_running", self.max_running, 0, 10_000)
        _in_range("servers.max_starting", self.max_starting, 0, 1_000)
        # Servers report their activity every five minutes: with less, a busy one would be stopped.
        _in_range("servers.idle_minutes", self.idle_minutes, 10, 60 * 24 * 30)
        _in_range("servers.max_age_hours", self.max_age_hours, 0, 24 * 365)
        _in_range("servers.kernel_idle_minutes", self.kernel_idle_minutes, 1, 60 * 24 * 30)
        _in_range("servers.warm_apps", self.warm_apps, 0, 8)

    @property
    def notebooks_path(self) -> Path:
        """Folder of the installed notebooks, absolute."""
        return (REPOSITORY / Path(self.notebooks).expanduser()).resolve()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Where the list of use cases comes from."""

    command: tuple[str, ...] = ("imagine", "list", "--json")
    refresh_minutes: float = 5

    def __post_init__(self) -> None:
        if not self.command:
            raise SettingsError(
                'listing.command is empty: give the command that lists the use cases, ["imagine", "list", "--json"].'
            )
        _in_range("listing.refresh_minutes", self.refresh_minutes, 0, 60 * 24)


@dataclass(frozen=True, kw_only=True)
class Log:
    """What is written down."""

    level: str = "INFO"

    def __post_init__(self) -> None:
        if self.level not in (levels := ("DEBUG", "INFO", "WARNING", "ERROR")):
            raise SettingsError.unknown("log.level", self.level, levels, "the settings")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the hub, one attribute per section of the file."""

    site: Site = field(default_factory=Site)
    state: State = field(default_factory=State)
    network: Network = field(default_factory=Network)
    login: Login = field(default_factory=Login)
    servers: Servers = field(default_factory=Servers)
    listing: Listing = field(default_factory=Listing)
    log: Log = field(default_factory=Log)

    def replace(self, section: str, **values: object) -> Settings:
        """A copy in which some keys of one section have other values."""
        changed = dataclasses.replace(getattr(self, section), **values)
        return dataclasses.replace(self, **{section: changed})


def read_settings(path: Path = DEFAULT_FILE, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings file and what the environment overrides.

    Parameters
    ----------
    path : Path
        The TOML file.
    environ : mapping, optional
        The environment; ``os.environ`` if left out.

    Returns
    -------
    Settings

    Raises
    ------
    SettingsError
        The file is missing or no TOML, a section or key is unknown, or a value has the wrong type or range.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {path}: check the path given with --settings.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}.") from error
    sections = typing.get_type_hints(Settings)
    values: dict[str, dict[str, object]] = {name: {} for name in sections}
    for section, table in tables.items():
        if section not in sections:
            raise SettingsError.unknown("section", section, sections, path.name)
        if not isinstance(table, dict):
            raise SettingsError.wrong_type(section, table, f"a section: write [{section}] on a line of its own", path.name)
        for key, value in table.items():
            values[section][key] = _checked(sections[section], section, key, value, path.name)
    for section, key, text in _overrides(sections, os.environ if environ is None else environ):
        wanted = typing.get_type_hints(sections[section])[key]
        values[section][key] = _from_text(text, wanted, f"{section}.{key}")
    return Settings(**{name: sections[name](**table) for name, table in values.items()})


def environment_name(section: str, key: str) -> str:
    """Name of the environment variable that overrides one key."""
    return f"{ENVIRONMENT_PREFIX}{section}_{key}".upper()


def _checked(section_type: type, section: str, key: str, value: object, where: str) -> object:
    hints = typing.get_type_hints(section_type)
    known = [item.name for item in dataclasses.fields(section_type)]
    if key not in known:
        raise SettingsError.unknown(f"key [{section}]", key, known, where)
    wanted = hints[key]
    if wanted is float and type(value) is int:
        return float(value)
    if wanted == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    # bool is a subclass of int, and `port = true` is a mistake.
    elif type(value) is wanted:
        return value
    raise SettingsError.wrong_type(f"{section}.{key}", value, _WORDS[wanted], where)


def _overrides(sections: Mapping[str, type], environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    keys = {
        environment_name(section, item.name): (section, item.name)
        for section, section_type in sections.items()
        for item in dataclasses.fields(section_type)
    }
    found = []
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in (SETTINGS_VARIABLE, PASSWORD_VARIABLE):
            continue
        if name not in keys:
            raise SettingsError.unknown("variable", name, keys, "the environment")
        found.append((*keys[name], text))
    return found


def _from_text(text: str, wanted: object, key: str) -> object:
    try:
        if wanted is int:
            return int(text)
        if wanted is float:
            return float(text)
    except ValueError:
        raise SettingsError.wrong_type(key, text, _WORDS[wanted], "the environment") from None
    if wanted == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _in_range(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{key} is {value}, but must be from {low} to {high}.")
