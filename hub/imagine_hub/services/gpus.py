"""The service that looks after the GPUs: it warns, and takes back what nobody uses."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from imagine_hub.gpus.desk import database_url, gives_gpus
from imagine_hub.gpus.machines import swarm_of
from imagine_hub.gpus.service import DATABASE_VARIABLE, EVERY_VARIABLE, RULES_VARIABLE, SWARM_VARIABLE
from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.services.service import Service

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# The least that it can work with: it lists users with their servers, and stops servers.
SCOPES = ("list:users", "read:servers", "delete:servers")


def gpu_watch(settings: Settings) -> Service | None:
    """The service, where the hub gives out GPUs."""
    if not gives_gpus(settings):
        return None
    environment = {
        RUN_VARIABLE: str(settings.state.path),
        DATABASE_VARIABLE: database_url(settings),
        RULES_VARIABLE: json.dumps(asdict(settings.gpus), sort_keys=True),
        **({SWARM_VARIABLE: swarm} if (swarm := swarm_of(settings)) else {}),
        **({EVERY_VARIABLE: os.environ[EVERY_VARIABLE]} if EVERY_VARIABLE in os.environ else {}),
    }
    return Service(
        {
            "name": "gpus",
            "command": [sys.executable, "-m", "imagine_hub.gpus.service"],
            "environment": environment,
            "display": False,
        },
        ({"name": "gpus", "scopes": list(SCOPES), "services": ["gpus"]},),
    )
