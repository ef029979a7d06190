"""How the server of a person is started."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import SimpleLocalProcessSpawner, SpawnException
from traitlets import Unicode

from imagine_hub import notebooks
from imagine_hub.errors import SettingsError
from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.server.pages import TEMPLATES
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings

SERVER_CONFIG = Path(__file__).parent / "server" / "jupyter_server_config.py"
# Settings of the user's server, as JSON: in a container there is no settings file to read.
SERVER_VARIABLE = "IMAGINE_SERVER"


class LocalSpawner(SimpleLocalProcessSpawner):  # type: ignore[misc]
    """A process on this machine, with the installed notebooks in the home and words for the progress page."""

    notebooks_folder = Unicode(help="Folder of the notebooks that every user gets.").tag(config=True)

    async def start(self) -> Any:
        """Bring the notebooks up to date, then start the process."""
        source = Path(self.notebooks_folder)
        if source.is_dir():
            try:
                done = await asyncio.to_thread(notebooks.update, source, Path(self.home_dir))
            except OSError as error:
                words = f"Your folder cannot be prepared ({error.strerror or error}): tell whoever runs this hub."
                raise SpawnException(words, reason="home", log_message=f"{words} {error}") from error
            for line in done:
                self.log.info("Notebooks of %s: %s", self.user.name, line)
        where = await super().start()
        await self._until_it_listens(*where)
        return where

    async def stop(self, now: bool = False) -> None:
        """End the server with SIGTERM: at SIGINT, meant for a person at a terminal, it may wait for its kernels without end."""
        await super().stop(now=True)

    async def _until_it_listens(self, address: str, port: int) -> None:
        """Notice at once when the process ends; the hub alone would go on asking until its time is over."""
        while True:
            code = await self.poll()
            if code is not None:
                raise SpawnException(
                    f"The server ended while it was starting (exit code {code}): the hub's log says why.", reason="ended"
                )
            try:
                _, writer = await asyncio.open_connection(address, port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the progress page shows until the server answers: about five seconds."""
        yield {"progress": 10, "message": "Your folder is ready."}
        done = 20.0
        words = "Starting your server …"
        while True:
            yield {"progress": int(done), "message": words}
            await asyncio.sleep(0.4)
            # Ever closer to the end and never there: nobody knows how long it takes on a busy machine.
            done += (95 - done) * 0.09
            if done > 60:
                words = "Opening it …"


def configure_spawner(c: Config, settings: Settings) -> None:
    """Choose and set up what starts the servers.

    Raises
    ------
    SettingsError
        The spawner is unknown.
    """
    name = settings.servers.spawner
    if name not in SPAWNERS:
        raise SettingsError.unknown("servers.spawner", name, SPAWNERS, "the settings")
    c.Spawner.start_timeout = settings.servers.start_timeout_s
    c.Spawner.http_timeout = settings.servers.start_timeout_s
    c.Spawner.default_url = "/lab"
    # The files of a person must not be able to change what their server is made of.
    c.Spawner.disable_user_config = True
    c.JupyterHub.active_server_limit = settings.servers.max_running
    c.JupyterHub.concurrent_spawn_limit = settings.servers.max_starting
    c.JupyterHub.allow_named_servers = False
    SPAWNERS[name](c, settings)


def server_values(settings: Settings) -> str:
    """What the user's server has to know of the settings, as JSON."""
    return json.dumps(
        {
            "kernel_idle_s": settings.servers.kernel_idle_minutes * 60,
            "message_mb": settings.network.message_mb,
            "warm_folders": warm_folders(settings),
        },
        sort_keys=True,
    )


def library_folder() -> Path | None:
    """Where the library is installed; it is looked for and not imported."""
    found = importlib.util.find_spec("imagine_kernels")
    places = found.submodule_search_locations if found is not None else None
    return Path(next(iter(places))) if places else None


def warm_folders(settings: Settings) -> list[str]:
    """Folders of notebooks whose apps get a kernel ahead: the first ones, as many as the settings say."""
    if library_folder() is None:
        return []
    apps = sorted(path.parent.name for path in settings.servers.notebooks_path.glob("*/identify.ipynb"))
    return apps[: settings.servers.warm_apps]


def imagine_home(spawner: Any) -> str:
    """Where the library keeps the models, results and samples of one user."""
    return str(Path(spawner.home_dir) / "imagine")


def _local(c: Config, settings: Settings) -> None:
    state = StateFolder(settings.state.path)
    # Braces in the path itself are no fields.
    homes = str(state.homes).replace("{", "{{").replace("}", "}}")
    c.JupyterHub.spawner_class = LocalSpawner
    c.SimpleLocalProcessSpawner.home_dir_template = f"{homes}/{{username}}"
    c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
    # Whoever starts the hub as root has decided so, for example in a container.
    c.Spawner.args = [f"--config={SERVER_CONFIG}", *(["--allow-root"] if os.geteuid() == 0 else [])]
    c.Spawner.ip = "127.0.0.1"
    c.Spawner.notebook_dir = f"{homes}/{{username}}"
    library = library_folder()
    c.Spawner.environment = {
        # The templates of the apps lie in the library, that of reports here.
        "JUPYTER_PATH": os.pathsep.join(str(folder) for folder in (TEMPLATES, library and library / "apps") if folder),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        RUN_VARIABLE: str(state.path),
        SERVER_VARIABLE: server_values(settings),
        "IMAGINE_HOME": imagine_home,
        "IMAGINE_MODELS": str(state.models),
        "IMAGINE_SAMPLES": str(state.samples),
    }
    c.LocalSpawner.notebooks_folder = str(settings.servers.notebooks_path)


SPAWNERS: dict[str, Callable[[Config, Settings], None]] = {"local": _local}
