"""What a user's server is told, whatever starts it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

SERVER_CONFIG = Path(__file__).parents[1] / "server" / "jupyter_server_config.py"
# Settings of the user's server, as JSON: in a container there is no settings file to read.
SERVER_VARIABLE = "IMAGINE_SERVER"


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
