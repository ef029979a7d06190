"""The culler: stops servers that nobody uses; files and what was corrected stay."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.services.service import Service

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# The least that it can work with: it lists users and their servers, sees when they were used, and stops them.
SCOPES = ("list:users", "read:users:activity", "read:servers", "delete:servers")


def culler(settings: Settings) -> Service:
    """The culler with the times of the settings."""
    command = [
        sys.executable,
        "-m",
        "imagine_hub.services.culling",
        f"--timeout={settings.servers.idle_minutes * 60}",
        "--cull-every=60",
    ]
    if settings.servers.max_age_hours:
        command.append(f"--max-age={int(settings.servers.max_age_hours * 3600)}")
    return Service(
        {"name": "idle-culler", "command": command, "environment": {RUN_VARIABLE: str(settings.state.path)}, "display": False},
        ({"name": "idle-culler", "scopes": list(SCOPES), "services": ["idle-culler"]},),
    )
