"""From the TOML file and the environment to the dataclasses; every mistake is named."""

from __future__ import annotations

import dataclasses
import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagine_hub.errors import SettingsError
from imagine_hub.settings.care import Health, Log, Usage
from imagine_hub.settings.people import Login, Native, Oidc
from imagine_hub.settings.places import DEFAULT_FILE, Network, Site, State
from imagine_hub.settings.servers import Apps, Containers, Gpus, Kubernetes, Listing, Profile, Servers

ENVIRONMENT_PREFIX = "IMAGINE_HUB_"
SETTINGS_VARIABLE = "IMAGINE_HUB_SETTINGS"
PASSWORD_VARIABLE = "IMAGINE_HUB_PASSWORD"  # noqa: S105

_NAMES = tuple[str, ...]
_HOURS = Mapping[str, float]
_WORDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text in quotes",
    _NAMES: "a list of texts",
    _HOURS: "a table of numbers, such as { plankton = 200 }",
}

PROFILES = (
    Profile(
        name="small",
        title="Small",
        words="Look at samples, correct what was identified, write reports.",
        cpus=1,
        memory_gb=4,
    ),
    Profile(
        name="large",
        title="Large",
        words="Identify whole cruises, train on frozen features.",
        cpus=4,
        memory_gb=16,
    ),
    Profile(
        name="gpu",
        title="GPU",
        words="Fine-tune models and identify video.",
        cpus=4,
        memory_gb=32,
        gpus=1,
        groups=("gpu",),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the hub, one attribute per section of the file."""

    site: Site = field(default_factory=Site)
    state: State = field(default_factory=State)
    network: Network = field(default_factory=Network)
    login: Login = field(default_factory=Login)
    native: Native = field(default_factory=Native)
    oidc: Oidc = field(default_factory=Oidc)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    servers: Servers = field(default_factory=Servers)
    containers: Containers = field(default_factory=Containers)
    kubernetes: Kubernetes = field(default_factory=Kubernetes)
    profiles: tuple[Profile, ...] = PROFILES
    gpus: Gpus = field(default_factory=Gpus)
    apps: Apps = field(default_factory=Apps)
    listing: Listing = field(default_factory=Listing)
    usage: Usage = field(default_factory=Usage)
    health: Health = field(default_factory=Health)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        names = [profile.name for profile in self.profiles]
        if not names or len(set(names)) != len(names):
            raise SettingsError(
                f"The profiles are called {', '.join(names) or 'nothing'}: give at least one, each a name of its own."
            )

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
    known = typing.get_type_hints(Settings)
    sections = sections_of_keys()
    values: dict[str, dict[str, object]] = {name: {} for name in sections}
    whole: dict[str, object] = {}
    for section, table in tables.items():
        if section not in known:
            raise SettingsError.unknown("section", section, known, path.name)
        if section == "profiles":
            whole[section] = _profiles(table, path.name)
        elif not isinstance(table, dict):
            raise SettingsError.wrong_type(section, table, f"a section: write [{section}] on a line of its own", path.name)
        elif section == "groups":
            whole[section] = {name: _value(f"groups.{name}", value, _NAMES, path.name) for name, value in table.items()}
        else:
            values[section] = _keys(sections[section], section, table, path.name)
    for section, key, text in _overrides(sections, os.environ if environ is None else environ):
        values[section][key] = _from_text(text, typing.get_type_hints(sections[section])[key], f"{section}.{key}")
    made: dict[str, typing.Any] = {name: sections[name](**table) for name, table in values.items()}
    return Settings(**{**made, **whole})


def sections_of_keys() -> dict[str, type]:
    """The sections that hold single keys, with their dataclasses: all but ``[groups]`` and ``[[profiles]]``."""
    return {name: hint for name, hint in typing.get_type_hints(Settings).items() if isinstance(hint, type)}


def environment_name(section: str, key: str) -> str:
    """Name of the environment variable that overrides one key."""
    return f"{ENVIRONMENT_PREFIX}{section}_{key}".upper()


def _profiles(value: object, where: str) -> tuple[Profile, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SettingsError.wrong_type("profiles", value, "sections: write [[profiles]] above the keys of each", where)
    found = []
    for item in value:
        keys = _keys(Profile, "[profiles]", item, where)
        for key in ("name", "title"):
            if key not in keys:
                raise SettingsError(f'A profile in {where} has no {key}: add {key} = "…" below its [[profiles]].')
        found.append(Profile(**typing.cast(dict[str, typing.Any], keys)))
    return tuple(found)


def _keys(section_type: type, section: str, table: Mapping[str, object], where: str) -> dict[str, object]:
    hints = typing.get_type_hints(section_type)
    known = [item.name for item in dataclasses.fields(section_type)]
    found = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError.unknown(f"key [{section.strip('[]')}]", key, known, where)
        found[key] = _value(f"{section.strip('[]')}.{key}", value, hints[key], where)
    return found


def _value(key: str, value: object, wanted: object, where: str) -> object:
    if wanted is float and type(value) is int:
        return float(value)
    if wanted == _NAMES:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif wanted == _HOURS:
        # bool is a subclass of int.
        if isinstance(value, dict) and all(type(item) in (int, float) for item in value.values()):
            return {name: float(item) for name, item in value.items()}
    # bool is a subclass of int, and `port = true` is a mistake.
    elif type(value) is wanted:
        return value
    raise SettingsError.wrong_type(key, value, _WORDS[wanted], where)


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
        if wanted == _HOURS:
            pairs = (part.split("=", 1) for part in text.split(",") if part.strip())
            return {name.strip(): float(hours) for name, hours in pairs}
    except ValueError:
        raise SettingsError.wrong_type(key, text, _WORDS[wanted], "the environment") from None
    if wanted is bool:
        if text.lower() not in ("true", "false"):
            raise SettingsError.wrong_type(key, text, _WORDS[wanted], "the environment")
        return text.lower() == "true"
    if wanted == _NAMES:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
