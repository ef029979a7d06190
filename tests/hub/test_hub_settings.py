"""The settings: one file, every key known and documented, every mistake named."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from pathlib import Path

import pytest
from imagine_hub.errors import SettingsError
from imagine_hub.settings import DEFAULT_FILE, Profile, Settings, environment_name, read_settings
from imagine_hub.settings.reading import sections_of_keys


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_shows_every_key_with_its_default() -> None:
    assert read_settings(environ={}) == Settings()
    shown = tomllib.loads(DEFAULT_FILE.read_text(encoding="utf-8"))
    assert list(shown) == list(typing.get_type_hints(Settings))
    for section, section_type in sections_of_keys().items():
        assert list(shown[section]) == [item.name for item in dataclasses.fields(section_type)]


def test_every_key_has_a_comment() -> None:
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    # The first size has a comment at every key; the others repeat its keys.
    first, *others = re.split(r"(?m)^\[\[profiles\]\]$", text)[1:]
    for other in others[:-1]:
        text = text.replace(other, "")
    text = text.replace(others[-1].partition("\n\n")[0], "")
    assert set(re.findall(r"(?m)^(\w+) =", first)) == {item.name for item in dataclasses.fields(Profile)}
    lines = text.splitlines()
    bare = []
    for number, line in enumerate(lines):
        if re.match(r"[a-z_]+ = ", line):
            # Keys that belong together share the comment above the first of them.
            first = number
            while re.match(r"[a-z_]+ = ", lines[first - 1]):
                first -= 1
            if not lines[first - 1].startswith("# "):
                bare.append(line)
    assert not bare


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="port"):
        Settings().network.port = 1  # type: ignore[misc]


def test_the_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, '[network]\nport = 9000\n[login]\nusers = ["ada", "grace"]\nstay_days = 1\n'), {})
    assert settings == Settings().replace("network", port=9000).replace("login", users=("ada", "grace"), stay_days=1.0)


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[network]\nport = 9000\n")
    environ = {"IMAGINE_HUB_NETWORK_PORT": "9001", "IMAGINE_HUB_LOGIN_USERS": "ada, grace", "IMAGINE_HUB_LOGIN_STAY_DAYS": "0.5"}
    settings = read_settings(path, environ)
    assert settings.network.port == 9001
    assert settings.login.users == ("ada", "grace")
    assert settings.login.stay_days == 0.5
    assert environment_name("network", "port") in environ


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[netwrok]\nport = 1\n", r"Unknown section 'netwrok' in settings.toml; known: .*Did you mean 'network'\?"),
        ("[network]\nprot = 1\n", r"Unknown key \[network\] 'prot' in settings.toml; known: .*Did you mean 'port'\?"),
        ("port = 1\n", "Unknown section 'port'"),
        ("network = 1\n", r"network in settings.toml is 1, but must be a section"),
        ('[network]\nport = "8000"\n', "network.port in settings.toml is '8000', but must be a whole number"),
        ("[network]\nport = true\n", "network.port in settings.toml is True, but must be a whole number"),
        ("[network]\nport = 80000\n", "network.port is 80000, but must be from 0 to 65535"),
        ('[network]\nsubdomain_host = "https://10.1.2.3"\n', "network.subdomain_host is 'https://10.1.2.3', but must be a name"),
        ('[network]\nsubdomain_host = "https://a.org/hub"\n', "network.subdomain_host is .*, but must be a name"),
        (
            '[network]\nsubdomain_host = "https://a.org"\npublic_url = "https://a.org:8443"\n',
            "people open one address, so give the same twice",
        ),
        (
            '[network]\nsubdomain_host = "http://a.org"\ntls_certificate = "c"\ntls_key = "k"\n',
            "the hub has a certificate: begin it with https://",
        ),
        ("[servers]\nidle_minutes = 1\n", "servers.idle_minutes is 1, but must be from 10"),
        ('[login]\nusers = "ada"\n', "login.users in settings.toml is 'ada', but must be a list of texts"),
        ("[login]\nusers = []\n", "login.users is empty, so nobody could log in"),
        ('[login]\nusers = ["../etc"]\n', r"login.users has '../etc', which cannot be a user name"),
        ("[listing]\ncommand = []\n", "listing.command is empty"),
        ('[log]\nlevel = "LOUD"\n', r"Unknown log.level 'LOUD'"),
        ("port = = 1\n", "The settings file .*settings.toml cannot be read: "),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(written(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no settings file .*absent.toml: check the path"):
        read_settings(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "IMAGINE_HUB_NETWORK_PROT",
            "1",
            "Unknown variable 'IMAGINE_HUB_NETWORK_PROT' .*Did you mean 'IMAGINE_HUB_NETWORK_PORT'",
        ),
        ("IMAGINE_HUB_NETWORK_PORT", "many", "network.port in the environment is 'many', but must be a whole number"),
    ],
)
def test_a_mistake_in_the_environment_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(environ={name: value})
