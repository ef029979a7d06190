"""The hub inside the chart "zero-to-jupyterhub", which has its own proxy, database and culler."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imagine_hub import listing
from imagine_hub.announcement import CODE_VARIABLE
from imagine_hub.login import configure_login
from imagine_hub.network import HEADERS
from imagine_hub.pages import configure_pages
from imagine_hub.settings import SETTINGS_VARIABLE, Settings, read_settings
from imagine_hub.spawners import configure_spawner
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from traitlets.config import Config

#: Where the values of the chart put the settings.
SETTINGS_FILE = Path("/etc/imagine/settings.toml")


def configure_in_chart(c: Config, settings: Settings | None = None) -> None:
    """Log-in, servers and pages from the settings; addresses, database and services stay as the chart sets them.

    Parameters
    ----------
    c : Config
        The hub's configuration; it is only set, never read.
    settings : Settings, optional
        Read from the file that the chart mounts if left out.

    Raises
    ------
    SettingsError
        The settings cannot be used.
    StateError
        The folder of the hub's volume cannot be written.
    """
    if settings is None:
        settings = read_settings(Path(os.environ.get(SETTINGS_VARIABLE, SETTINGS_FILE)))
    state = StateFolder(settings.state.path)
    state.prepare()
    listing.refresh(state.listing, settings.listing.command, os.environ)
    # From a secret of the cluster; without it no administrator can sign up.
    configure_login(c, settings, None, os.environ.pop(CODE_VARIABLE, None))
    configure_spawner(c, settings)
    configure_pages(c, settings)
    c.JupyterHub.tornado_settings = {
        # The chart's progress page waits for no pod.
        "slow_spawn_timeout": 0,
        "headers": {**HEADERS, "Strict-Transport-Security": "max-age=31536000"},
        "cookie_options": {"samesite": "Lax", "secure": True},
        "xsrf_cookie_kwargs": {"httponly": True, "samesite": "Lax", "secure": True},
    }
