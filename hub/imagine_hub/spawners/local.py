"""A server is a process on this machine: for one person, or people who trust each other."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import SimpleLocalProcessSpawner, SpawnException
from traitlets import Unicode

from imagine_hub import notebooks
from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.spawners.starting import Starting
from imagine_hub.spawners.values import SERVER_MODULE, SERVER_VARIABLE, annotation_values, server_values
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


class LocalSpawner(Starting, SimpleLocalProcessSpawner):  # type: ignore[misc]
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
        await self.until_it_listens(*where)
        return where

    async def stop(self, now: bool = False) -> None:
        """End the server with SIGTERM: at SIGINT, meant for a person at a terminal, it may wait for its kernels without end."""
        await super().stop(now=True)


def imagine_home(spawner: Any) -> str:
    """Where the library keeps the models, results and samples of one user."""
    return str(Path(spawner.home_dir) / "imagine")


def configure_local(c: Config, settings: Settings) -> None:
    """Set up processes, with homes in the state folder."""
    state = StateFolder(settings.state.path)
    # Braces in the path itself are no fields.
    homes = str(state.homes).replace("{", "{{").replace("}", "}}")
    c.JupyterHub.spawner_class = LocalSpawner
    c.SimpleLocalProcessSpawner.home_dir_template = f"{homes}/{{username}}"
    c.Spawner.cmd = [sys.executable, "-m", SERVER_MODULE]
    c.Spawner.ip = "127.0.0.1"
    c.Spawner.notebook_dir = f"{homes}/{{username}}"
    c.Spawner.environment = {
        RUN_VARIABLE: str(state.path),
        SERVER_VARIABLE: server_values(settings),
        "IMAGINE_HOME": imagine_home,
        "IMAGINE_MODELS": str(state.models),
        "IMAGINE_SAMPLES": str(state.samples),
        **annotation_values(settings.servers.annotations or str(state.path / "annotations.db")),
    }
    c.LocalSpawner.notebooks_folder = str(settings.servers.notebooks_path)
