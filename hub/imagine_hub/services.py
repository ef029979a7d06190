"""What runs beside the hub: the culler of idle servers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from imagine_hub.processes import RUN_VARIABLE

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings

# The least that the culler can work with: it lists users and their servers, sees when they were used, and stops them.
CULLER_SCOPES = ("list:users", "read:users:activity", "read:servers", "delete:servers")


def configure_services(c: Config, settings: Settings) -> None:
    """Stop servers that nobody uses; files and what was corrected stay."""
    command = [
        sys.executable,
        "-m",
        "jupyterhub_idle_culler",
        f"--timeout={settings.servers.idle_minutes * 60}",
        "--cull-every=60",
    ]
    if settings.servers.max_age_hours:
        command.append(f"--max-age={int(settings.servers.max_age_hours * 3600)}")
    c.JupyterHub.services = [
        {"name": "idle-culler", "command": command, "environment": {RUN_VARIABLE: str(settings.state.path)}, "display": False}
    ]
    c.JupyterHub.load_roles = [{"name": "idle-culler", "scopes": list(CULLER_SCOPES), "services": ["idle-culler"]}]
