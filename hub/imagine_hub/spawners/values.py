"""What a user's server is started with and told, whatever starts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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


def groups_of(spawner: Any) -> str:
    """The groups of the user as JSON: projects may be shared with them."""
    return json.dumps(sorted(group.name for group in spawner.user.groups))


def annotation_values(annotations: str) -> dict[str, str | Callable[[Any], str]]:
    """What the library has to know to annotate together; `annotations` is the database, empty where each has one of their own."""
    values: dict[str, str | Callable[[Any], str]] = {"IMAGINE_GROUPS": groups_of}
    return {**values, "IMAGINE_ANNOTATIONS": annotations} if annotations else values
