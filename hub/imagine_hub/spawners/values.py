"""What a user's server is started with and told, whatever starts it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

SERVER_MODULE = "imagine_hub.server"
# Settings of the user's server, as JSON: in a container there is no settings file to read.
SERVER_VARIABLE = "IMAGINE_SERVER"


def server_values(settings: Settings) -> str:
    """What the user's server has to know of the settings, as JSON."""
    return json.dumps(
        {
            "kernel_idle_s": settings.servers.kernel_idle_minutes * 60,
            "encrypted": settings.network.encrypted,
            "message_mb": settings.network.message_mb,
            "warm_apps": settings.servers.warm_apps,
        },
        sort_keys=True,
    )
