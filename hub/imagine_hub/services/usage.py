"""The figures of use: a page for the operator and the funder, and the sampler behind it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.services.service import Service
from imagine_hub.usage.places import Accounting

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

NAME = "usage"
#: What the hub tells the process of the settings.
VARIABLE = "IMAGINE_USAGE_SERVICE"
# It asks which servers are up since when; it can start, stop and open none.
SCOPES = ("list:users", "read:servers")
GROUP = "group:"


def usage(settings: Settings) -> Service | None:
    """The service with the figures, if they are wanted."""
    if not settings.usage.enabled:
        return None
    readers = settings.usage.readers
    definition = {
        "name": NAME,
        "url": f"http://{settings.network.services_address}:{settings.usage.port}",
        "command": [sys.executable, "-m", "imagine_hub.usage.service"],
        "environment": {RUN_VARIABLE: str(settings.state.path), VARIABLE: Accounting.of(settings).as_json()},
        "display": True,
        # The page knows who somebody is and which groups they are in, and can do nothing in their name.
        "oauth_no_confirm": True,
    }
    may_see = {
        "name": "usage-readers",
        "description": "Sees the figures of use.",
        "scopes": [f"access:services!service={NAME}"],
        "users": [name for name in readers if not name.startswith(GROUP)],
        "groups": [name.removeprefix(GROUP) for name in readers if name.startswith(GROUP)],
    }
    return Service(definition, ({"name": NAME, "scopes": list(SCOPES), "services": [NAME]}, may_see))
