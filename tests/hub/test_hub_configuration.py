"""The ``configure_*`` functions, each on a bare ``Config``."""

from __future__ import annotations

import ast
import json
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from imagine_hub.configuration import configure
from imagine_hub.errors import SettingsError, StateError
from imagine_hub.login import configure_login
from imagine_hub.network import configure_network, public_address, with_free_ports
from imagine_hub.pages import configure_pages
from imagine_hub.server.configuration import configure_server, warm_folders
from imagine_hub.services import configure_services
from imagine_hub.settings import REPOSITORY, Settings
from imagine_hub.spawners import configure_spawner, container
from imagine_hub.spawners.local import LocalSpawner
from imagine_hub.state import StateFolder, configure_state, one_time_password, write_private
from traitlets.config import Config

HUB = REPOSITORY / "hub"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings().replace("state", folder=str(tmp_path / "state"))


def test_configuring_twice_gives_the_same(settings: Settings) -> None:
    c = Config()
    configure(c, settings, password="only-for-this-test")
    once = {name: dict(section) for name, section in c.items()}
    configure(c, settings, password="only-for-this-test")
    assert {name: dict(section) for name, section in c.items()} == once


def test_defaults_after_changes_give_defaults(settings: Settings) -> None:
    changed, plain = Config(), Config()
    configure(
        changed, settings.replace("servers", max_running=1, idle_minutes=30).replace("network", port=1234), password="p" * 12
    )
    configure(changed, settings, password="p" * 12)
    configure(plain, settings, password="p" * 12)
    assert {name: dict(section) for name, section in changed.items()} == {name: dict(section) for name, section in plain.items()}


def test_everything_listens_on_this_machine_only(settings: Settings) -> None:
    c = Config()
    configure_network(c, with_free_ports(settings))
    assert c.JupyterHub.bind_url == "http://127.0.0.1:8000/"
    assert c.JupyterHub.hub_bind_url.startswith("http://127.0.0.1:")
    assert c.ConfigurableHTTPProxy.api_url.startswith("http://127.0.0.1:")
    assert not c.JupyterHub.hub_bind_url.endswith(":0/")
    assert c.ConfigurableHTTPProxy.command[0] == sys.executable
    assert "auth_token" not in c.ConfigurableHTTPProxy
    configure_spawner(c, settings)
    assert c.Spawner.ip == "127.0.0.1"


def test_no_port_is_given_twice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # A system that gives the same ports again and again, the one that people open among them.
    offered = iter([8000, 8000, 5001, 5001, 8000, 5002, 5001, 5003, 5002, 5004])

    class Socket:
        def __enter__(self) -> Socket:
            return self

        def __exit__(self, *_: object) -> None: ...

        def bind(self, _: tuple[str, int]) -> None: ...

        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", next(offered)

    monkeypatch.setattr("imagine_hub.network.socket.socket", lambda *_: Socket())
    chosen = with_free_ports(settings.replace("apps", enabled=True))
    ports = [chosen.network.port, chosen.network.hub_port, chosen.network.proxy_port, chosen.apps.port, chosen.usage.port]
    assert ports == [8000, 5001, 5002, 5003, 5004]


def test_the_network_is_opened_only_by_the_settings(settings: Settings) -> None:
    c = Config()
    opened = settings.replace("network", address="0.0.0.0", port=80)
    configure_network(c, opened)
    assert c.JupyterHub.bind_url == "http://0.0.0.0:80/"
    assert c.JupyterHub.hub_bind_url.startswith("http://127.0.0.1:")
    assert public_address(opened) == "http://127.0.0.1:80"


def test_only_named_users_may_log_in(settings: Settings) -> None:
    c = Config()
    configure_login(c, settings.replace("login", users=("ada",)), "only-for-this-test")
    assert c.Authenticator.allowed_users == {"ada"}
    assert c.Authenticator.allow_all is False
    assert c.SharedPasswordAuthenticator.user_password == "only-for-this-test"


def test_a_shared_password_must_be_there(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"There is no password: start the hub with hub/run\.py"):
        configure_login(Config(), settings, None)


def test_unknown_kinds_are_refused_by_name(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"Unknown login.authenticator 'passwords' .*known: native, oidc, shared-password"):
        configure_login(Config(), settings.replace("login", authenticator="passwords"), "p" * 12)
    with pytest.raises(SettingsError, match=r"Unknown servers.spawner 'locla' .*Did you mean 'local'\?"):
        settings.replace("servers", spawner="locla")


def test_the_culler_has_the_least_scopes(settings: Settings) -> None:
    c = Config()
    configure_services(c, settings.replace("servers", max_age_hours=2.0))
    (role,) = (role for role in c.JupyterHub.load_roles if role["name"] == "idle-culler")
    assert role["scopes"] == ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    assert role["services"] == ["idle-culler"]
    (service,) = (service for service in c.JupyterHub.services if service["name"] == "idle-culler")
    assert "--timeout=7200" in service["command"]
    assert "--max-age=7200" in service["command"]


def test_servers_are_limited_and_users_cannot_configure_them(settings: Settings) -> None:
    c = Config()
    configure_spawner(c, settings.replace("servers", max_running=3, max_starting=2, start_timeout_s=7))
    assert c.JupyterHub.spawner_class is LocalSpawner
    assert (c.JupyterHub.active_server_limit, c.JupyterHub.concurrent_spawn_limit) == (3, 2)
    assert (c.Spawner.start_timeout, c.Spawner.http_timeout) == (7, 7)
    assert c.Spawner.disable_user_config is True
    assert c.JupyterHub.allow_named_servers is False
    assert c.Spawner.environment["IMAGINE_MODELS"] == str(settings.state.path / "models")
    assert c.Spawner.environment["IMAGINE_SAMPLES"] == str(settings.state.path / "samples")


def test_servers_are_told_the_groups_and_where_projects_lie(settings: Settings) -> None:
    spawner = SimpleNamespace(user=SimpleNamespace(groups=[SimpleNamespace(name="reef"), SimpleNamespace(name='a "b"')]))
    c = Config()
    configure_spawner(c, settings)
    local = c.Spawner.environment
    assert json.loads(local["IMAGINE_GROUPS"](spawner)) == ['a "b"', "reef"]
    assert local["IMAGINE_ANNOTATIONS"] == str(settings.state.path / "annotations.db")
    shared = settings.replace("servers", annotations="postgresql://a:b@host/annotations")
    configure_spawner(c, shared)
    for told in (c.Spawner.environment, container.environment(shared)):
        assert told["IMAGINE_ANNOTATIONS"] == "postgresql://a:b@host/annotations"
    assert "IMAGINE_ANNOTATIONS" not in container.environment(settings)
    with pytest.raises(SettingsError, match="must begin with postgresql://"):
        settings.replace("servers", annotations="mysql://a:b@host/annotations")


def test_braces_in_the_state_folder_are_no_fields(tmp_path: Path) -> None:
    c = Config()
    configure_spawner(c, Settings().replace("state", folder=str(tmp_path / "a{b}c")))
    assert c.SimpleLocalProcessSpawner.home_dir_template.format(username="ada") == str(tmp_path / "a{b}c" / "homes" / "ada")


def test_the_pages_come_before_those_of_jupyterhub(settings: Settings) -> None:
    c = Config()
    configure_pages(c, settings)
    assert c.JupyterHub.default_url == "/hub/home"
    assert (Path(c.JupyterHub.template_paths[0]) / "home.html").is_file()
    assert Path(c.JupyterHub.logo_file).is_file()


def test_the_state_folder_is_private(settings: Settings) -> None:
    state = StateFolder(settings.state.path)
    state.prepare()
    first = state.cookie_secret.read_text(encoding="utf-8")
    state.prepare()
    assert state.cookie_secret.read_text(encoding="utf-8") == first
    for folder in (state.path, state.homes):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (state.cookie_secret, state.database, state.log):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    c = Config()
    configure_state(c, settings)
    assert c.JupyterHub.cookie_secret_file == str(state.cookie_secret)
    assert c.JupyterHub.db_url == f"sqlite:///{state.database}"


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StateError, match=r"The state folder .*file/state cannot be written \(Not a directory\): .*--state"):
        StateFolder(tmp_path / "file" / "state").prepare()


def test_a_private_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "one")
    write_private(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_passwords_differ_and_can_be_read_aloud() -> None:
    made = {one_time_password() for _ in range(100)}
    assert len(made) == 100
    assert not set("".join(made)) & set("01ilo")
    assert all(len(password) == 17 for password in made)


def test_a_server_hides_code_tracebacks_and_hidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zooscan").mkdir()
    (tmp_path / "zooscan" / "identify.ipynb").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("JUPYTERHUB_ROOT_DIR", str(tmp_path))
    c = Config()
    configure_server(c, {"kernel_idle_s": 60, "warm_apps": 1, "message_mb": 3})
    once = {name: dict(section) for name, section in c.items()}
    configure_server(c, {"kernel_idle_s": 60, "warm_apps": 1, "message_mb": 3})
    assert {name: dict(section) for name, section in c.items()} == once
    assert c.VoilaConfiguration.strip_sources is True
    assert c.VoilaConfiguration.show_tracebacks is False
    assert c.VoilaConfiguration.allow_theme_override == "NO"
    assert c.ContentsManager.allow_hidden is False
    assert c.ServerApp.allow_unauthenticated_access is False
    assert c.MappingKernelManager.cull_idle_timeout == 60
    assert (c.MappingKernelManager.cull_busy, c.MappingKernelManager.cull_connected) == (False, False)
    assert c.WarmKernels.folders == ["zooscan"]
    assert c.ServerApp.tornado_settings["websocket_max_message_size"] == 3 * 1024 * 1024


def test_a_server_needs_no_values() -> None:
    c = Config()
    configure_server(c, {})
    assert "kernel_manager_class" not in c.ServerApp
    assert c.MappingKernelManager.cull_idle_timeout == 1800


def test_a_kernel_is_kept_ready_for_as_many_apps_as_the_settings_say(tmp_path: Path) -> None:
    for name in ("diatoms", "litter", "zooscan"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "identify.ipynb").write_text("{}", encoding="utf-8")
    assert warm_folders(tmp_path, 2) == ["diatoms", "litter"]
    assert warm_folders(tmp_path, 0) == []


def test_the_configuration_file_stays_short() -> None:
    assert len((HUB / "jupyterhub_config.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_the_hub_imports_nothing_of_the_library() -> None:
    wrong = []
    # What tries an image runs inside it.
    for path in set(HUB.rglob("*.py")) - {HUB / "images" / "check_image.py"}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            wrong += [f"{path}: {name}" for name in names if name.partition(".")[0] == "imagine_kernels"]
    assert not wrong
