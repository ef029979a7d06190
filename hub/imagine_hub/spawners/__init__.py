"""How the server of a person is started: one module per kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_hub.spawn_form import configure_profiles
from imagine_hub.spawners.local import configure_local

if TYPE_CHECKING:
    from collections.abc import Callable

    from traitlets.config import Config

    from imagine_hub.settings import Settings


def configure_spawner(c: Config, settings: Settings) -> None:
    """Choose and set up what starts the servers.

    Raises
    ------
    SettingsError
        The other settings do not fit the spawner.
    """
    c.Spawner.start_timeout = settings.servers.start_timeout_s
    c.Spawner.http_timeout = settings.servers.start_timeout_s
    c.Spawner.default_url = "/lab"
    # The files of a person must not be able to change what their server is made of.
    c.Spawner.disable_user_config = True
    c.JupyterHub.active_server_limit = settings.servers.max_running
    c.JupyterHub.concurrent_spawn_limit = settings.servers.max_starting
    c.JupyterHub.allow_named_servers = False
    SPAWNERS[settings.servers.spawner](c, settings)
    configure_profiles(c, settings)


def _docker(c: Config, settings: Settings) -> None:
    from imagine_hub.spawners.docker import configure_docker

    configure_docker(c, settings)


def _swarm(c: Config, settings: Settings) -> None:
    from imagine_hub.spawners.swarm import configure_swarm

    configure_swarm(c, settings)


def _kubernetes(c: Config, settings: Settings) -> None:
    from imagine_hub.spawners.kubernetes import configure_kubernetes

    configure_kubernetes(c, settings)


# Each is imported when it is chosen: a hub of processes needs no client of an engine.
SPAWNERS: dict[str, Callable[[Config, Settings], None]] = {
    "local": configure_local,
    "docker": _docker,
    "swarm": _swarm,
    "kubernetes": _kubernetes,
}
